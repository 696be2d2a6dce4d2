"""The comparison: every method against fifty digits, with reasons, table and JSON; and bad values."""

import json

import numpy as np
import pytest

import adlab
from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.frontends.dispatch import to_graph
from adlab.functions import relu
from adlab.reports import comparison, question
from adlab.reports.badvalues import first_bad_node, nodes_on_kinks
from adlab.reports.comparison import compare
from adlab.reports.differences import difference_errors
from adlab.reports.plain import plain


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def test_the_running_example():
    report = compare(running, 2.0, 5.0, schemes=("forward", "complex", "richardson"))
    assert [m.name for m in report.methods] == [
        "numerical",
        "symbolic",
        "forward",
        "reverse",
        "numerical:forward",
        "numerical:complex",
        "numerical:richardson",
    ]
    for name in ("symbolic", "forward", "reverse", "numerical:complex"):
        assert report[name].ulps <= 2
    assert 1e-13 < report["numerical"].relative_error < 1e-9
    assert report["numerical"].relative_error < report["numerical:forward"].relative_error
    assert "So it is mostly truncation." in report["numerical"].reason
    assert report.reference.gradient["x1"] == 5.5
    assert report.reference.gradient_digits["x2"].startswith("1.7163378145367737355333608284")
    assert all(m.seconds > 0 and m.cost.evaluations > 0 for m in report.methods)


def test_the_json_form():
    data = json.loads(compare(running, 2.0, 5.0).to_json())
    assert data["reference"]["gradient"] == {"x1": 5.5, "x2": 1.7163378145367738}
    assert [m["name"] for m in data["methods"]] == ["numerical", "symbolic", "forward", "reverse"]
    for m in data["methods"]:
        assert set(m) >= {"name", "value", "gradient", "relative_error", "ulps", "cost"}
        assert set(m["cost"]) == {"evaluations", "forward_passes", "reverse_passes", "operations"}


def test_the_table_has_a_row_per_method_and_a_cell_per_heading():
    headings, rows = compare(running, 2.0, 5.0).table()
    assert headings[:4] == ["method", "value", "∂/∂x1", "∂/∂x2"]
    assert len(rows) == 4
    assert all(len(row) == len(headings) for row in rows)


def test_jacobians_and_several_outputs():
    report = compare(lambda x: (x * x, np.sum(x)), np.array([1.0, 2.0]))
    blocks = report["reverse"].gradient["x"]
    np.testing.assert_array_equal(blocks[0], [[2, 0], [0, 4]])
    np.testing.assert_array_equal(blocks[1], [1, 1])
    assert report["reverse"].ulps == 0
    assert plain(report["reverse"].value) == [[1.0, 4.0], 3.0]


def test_inputs_and_methods_can_be_chosen():
    report = compare(running, 2.0, 5.0, methods=["reverse"], wrt=["x2"])
    assert [m.name for m in report.methods] == ["reverse"]
    assert list(report["reverse"].gradient) == ["x2"]


def test_infinities_and_nan_are_words_in_json():
    data = json.loads(compare(np.sqrt, 0.0).to_json())
    assert data["reference"]["gradient"] == {"x": "inf"}
    assert data["methods"][0]["gradient"] == {"x": "nan"}
    assert data["methods"][3]["ulps"] == 0


def test_a_kink_is_never_silent():
    report = compare(np.abs, 0.0)
    assert "from the right is 1, from the left -1" in report.notes[0]
    for m in report.methods:
        assert "On a kink in x" in m.reason
    assert "0, the middle of −1 and 1" in report["reverse"].reason


def test_a_smooth_function_on_inner_kinks_is_explained():
    report = compare(lambda x: relu(x) - relu(-x), 0.0)
    assert report.reference.kinks == ()
    assert report["reverse"].gradient["x"] == 2
    assert "sits on its kink x = 0" in report["reverse"].reason
    assert report["numerical"].gradient["x"] == 1


def test_growth_is_a_reason_and_no_failure():
    def step(x):
        for _ in range(30):
            x = 4 * x * (1 - x)
        return x

    report = compare(step, 0.2)
    assert report["symbolic"].value is None
    assert report["symbolic"].reason.startswith("No answer:")
    assert "expressions swell" in report["symbolic"].reason
    assert report["reverse"].relative_error < 1e-3


def test_an_undefined_value_names_the_first_node_that_went_bad():
    report = compare(lambda x: np.log(x) * 2 + x, -1.0)
    assert np.isnan(report["reverse"].value)
    assert report.bad[0].node.primitive == "log"
    assert "v1, the log at v0 = −1" in report.notes[0]
    assert "no finite value here" in report["reverse"].reason


def test_without_a_reference_the_methods_still_answer():
    import dataclasses

    graph = to_graph(lambda x: np.sin(x) * x, (1.0,)).graph
    rows = [
        dataclasses.replace(p, mpmath=None, name="mine") if p.name == "sin" else p for p in graph.primitives
    ]
    report = compare(dataclasses.replace(graph, primitives=rows), 1.0)
    assert "mine has no mpmath function" in report.notes[-1]
    assert report["reverse"].ulps is None
    assert report["reverse"].gradient["x"] == pytest.approx(np.cos(1) + np.sin(1))


def test_float32_is_measured_in_its_own_units():
    report = compare(lambda x: np.exp(x) * x, np.float32(1.5), methods=["reverse", "forward"])
    assert 0 <= report["reverse"].ulps < 8
    assert report["reverse"].relative_error > 1e-9 or report["reverse"].ulps < 0.5


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="numerical, symbolic, forward, reverse"):
        compare(running, 2.0, 5.0, methods=["fast"])
    with pytest.raises(InputError, match="central, forward, complex, richardson"):
        compare(running, 2.0, 5.0, schemes=["leap"])
    with pytest.raises(InputError, match="no input 'z'"):
        compare(running, 2.0, 5.0, wrt=["z"])
    with pytest.raises(InputError, match="it has numerical"):
        compare(running, 2.0, 5.0)["fast"]
    with pytest.raises(InputError, match="nothing to differentiate by"):
        compare(lambda: np.float64(1.0))


@pytest.mark.parametrize(("scheme", "order"), [("central", 2), ("forward", 1)])
def test_estimates_of_truncation_fall_with_the_step(scheme, order):
    graph = to_graph(np.exp, (1.0,)).graph
    _, coarse, few = difference_errors(graph, (np.float64(1),), (0,), scheme, 1e-2)
    _, fine, more = difference_errors(graph, (np.float64(1),), (0,), scheme, 1e-3)
    assert coarse / fine == pytest.approx(10**order, rel=0.05)
    assert more == pytest.approx(10 * few)
    exact = np.e * (1e-4 / 6 if scheme == "central" else 1e-2 / 2)
    assert coarse == pytest.approx(exact, rel=0.05)


# ------------------------------------------------------------------------------------------------- bad values


def values_of(f, *args):
    graph = to_graph(f, args).graph
    return graph, NUMPY.run(graph, [np.asarray(x, float)[()] for x in args])


def test_the_first_bad_node_is_the_one_whose_operands_were_fine():
    bad = first_bad_node(*values_of(lambda x: np.sum(np.sqrt(x) / (x - 1)), np.array([4.0, 1.0, 0.0])))
    assert (bad.node.primitive, bad.node.element, bad.value) == ("divide", (1,), np.inf)
    assert bad.node.operand_values == (1.0, 0.0)
    assert "divide" in bad.sentence
    assert "test_comparison" in bad.sentence


def test_a_bad_input_is_named_as_such():
    assert first_bad_node(*values_of(lambda x: x + 1, np.nan)).sentence == "The input x is NaN."


def test_finite_values_have_no_bad_node():
    assert first_bad_node(*values_of(running, 2.0, 5.0)) is None


def test_nodes_on_kinks_are_found_by_the_table():
    assert nodes_on_kinks(*values_of(lambda x: np.abs(x) + np.maximum(x, 1), 1.0))[0].primitive == "maximum"
    assert nodes_on_kinks(*values_of(lambda x: np.abs(x), 1.0)) == []


def test_cancellation_is_called_rounding_and_the_lost_value_is_named():
    report = compare("(1-cos(x))/x^2", 1e-8)
    assert "So it is mostly rounding." in report["numerical"].reason
    assert "The value itself is off by 1 of its size" in report.notes[0]


def test_a_step_wider_than_the_wave_is_called_truncation():
    report = compare("sin(1e8*x)", 1.0, schemes="forward")
    assert "So it is mostly truncation." in report["numerical:forward"].reason


def test_nan_against_nan_is_never_called_exact():
    report = compare("ln(-x)", 2.0)
    assert not any("Exact" in m.reason for m in report.methods)


def test_a_stopped_gradient_is_named():
    report = compare("stop_gradient(x)*x", 2.0)
    assert any("stop_gradient" in note for note in report.notes)


def test_one_name_may_be_given_as_a_word():
    report = compare(running, 2.0, 5.0, methods="reverse", wrt="x1")
    assert [m.name for m in report.methods] == ["reverse"]
    assert list(report["reverse"].gradient) == ["x1"]


@pytest.mark.parametrize(
    ("f", "point", "measured"),
    [
        ("x*exp(y)", (0.0, np.inf), False),
        ("x*sin(y)*ln(x)", (np.inf, 0.0), False),
        ("0*x*ln(x)", (0.0,), False),
        ("x - x", (np.inf,), False),
        ("sqrt(x)*sqrt(x)", (0.0,), True),
        ("exp(x)", (1e4,), True),
    ],
)
def test_infinities_bring_no_warning_and_what_cannot_be_measured_is_absent(f, point, measured):
    report = compare(f, *point, schemes=("forward", "complex", "richardson"))  # warnings are errors here
    assert [m.relative_error is not None for m in report.methods] == [measured] * 7


def test_nan_against_nan_has_no_error_to_show():
    report = compare("ln(-x)", 2.0)
    assert [(m.relative_error, m.absolute_error, m.ulps) for m in report.methods] == [(None, None, None)] * 4


def test_behind_an_infinite_input_the_first_operation_that_fails_is_named():
    note = compare("x*exp(y)", 0.0, np.inf).notes[0]
    assert note.startswith("The input y is ∞. v3, the multiply at v0 = 0 and v2 = ∞, is NaN")


def test_a_node_on_a_kink_is_named_where_the_whole_function_is_smooth():
    notes = compare("abs(x)*x", 0.0).notes
    assert any("v1, the absolute at v0 = 0, sits on its kink x = 0" in note for note in notes)


@pytest.mark.parametrize(
    ("f", "x"),
    [("sum(ln(x))", [1.0, -1.0, 0.0]), ("x@x", [np.inf, 0.0]), ("[sum(x), prod(x)]", [np.inf, 1.0])],
)
def test_arrays_that_are_not_finite_bring_no_warning(f, x):
    report = compare(f, np.array(x))  # warnings are errors here
    assert not np.all(
        np.isfinite(report.reference.gradient["x"] if f[0] != "[" else report.reference.gradient["x"][0])
    )


def test_a_zero_tangent_that_meets_an_infinite_derivative_is_the_edge_of_a_domain():
    report = compare("sum(sqrt(x))", np.array([1.0, 0.0]))
    np.testing.assert_array_equal(report["forward"].gradient["x"], [np.nan, np.inf])
    (parted,) = report.disagreements
    assert (parted.methods, parted.derivative, parted.cause) == (("forward",), "∂y/∂x[0]", "edge of domain")
    assert parted.node.label == "v1[1]"
    assert "x[0] does not move its operand: 0 · ∞ = NaN" in parted.sentence


def test_what_would_take_minutes_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr(comparison, "SYMBOLIC_WORK", 1_000)
    monkeypatch.setattr(question, "EXACT_WORK", 40)
    report = compare("+".join(f"sin(x*{i})" for i in range(10)), 0.5)
    assert report["symbolic"].value is None
    assert "SymPy may take minutes" in report["symbolic"].reason
    assert report.reference.value is None
    assert "more than 40 operations" in report.notes[-1]
    assert report["reverse"].gradient["x"] == pytest.approx(report["forward"].gradient["x"], rel=1e-14)


def test_a_long_expression_has_a_reference_and_no_symbolic_derivative():
    terms = "".join(f"+sin(y*{i})" if i % 2 else f"*cos(x+{i})" for i in range(1, 2000))
    report = compare(f"x{terms}", 1.5, 0.7, methods=("symbolic", "reverse"))
    assert report["symbolic"].value is None
    assert report["reverse"].relative_error < 1e-12


def test_error_bars_of_richardson_are_told():
    report = compare("exp(x)", 1.0, schemes=["richardson", "complex"])
    row = report["numerical:richardson"]
    assert row.absolute_error <= row.error_bar["x"] + 1e-15
    assert "Its own error bar is" in row.reason or "Exact to the last bit" in row.reason
    data = {m["name"]: m for m in json.loads(report.to_json())["methods"]}
    assert data["numerical:richardson"]["error_bar"]["x"] == row.error_bar["x"]
    assert "error_bar" not in data["numerical:complex"]
    asked = adlab.gradient("exp(x)", 1.0, method="numerical", scheme="richardson")
    (bars,) = asked.bars.values()
    assert bars["x"] == row.error_bar["x"]
    assert any("own error bar" in note for note in asked.notes)


def test_json_names_the_node_that_went_bad():
    (bad,) = json.loads(compare("ln(x)", -1.0).to_json())["bad"]
    assert (bad["name"], bad["primitive"], bad["value"]) == ("v1", "log", "nan")
    assert bad["operands"] == [{"name": "v0", "value": -1.0}]
