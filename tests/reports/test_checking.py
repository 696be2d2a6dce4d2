"""The gradient check: right gradients pass, planted wrong rules are found and named."""

import dataclasses

import numpy as np
import pytest

from adlab.errors import GradientError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.functions import relu, stop_gradient
from adlab.primitives import TABLE
from adlab.primitives.rules import Custom, Elementwise, Linear
from adlab.reports.checking import check


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def planted(f, args, name, rule, **facts):
    graph = to_graph(f, args).graph
    wrong = dataclasses.replace(TABLE[name], rule=rule, **facts)
    return dataclasses.replace(graph, primitives=[wrong if p.name == name else p for p in graph.primitives])


def test_right_gradients_pass():
    report = check(running, 2.0, 5.0)
    assert report.passed
    assert {row.method for row in report.rows} == {"reverse", "forward"}
    assert any("h = 1e-06" in row.against for row in report.rows)
    assert any("50-digit" in row.against for row in report.rows)
    assert report.sentence.startswith("The derivatives agree")


def test_large_inputs_are_checked_along_directions():
    report = check(lambda x: np.sum(np.sin(x) * x), np.linspace(0, 1, 500))
    assert report.passed
    assert "random directions" in report.notes[0]


def test_jacobians_and_float32_pass():
    assert check(lambda x: np.tanh(x) * x, np.linspace(0, 1, 5)).passed
    assert check(lambda x: np.exp(x) * x, np.linspace(0, 1, 5).astype(np.float32)).passed


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("name", "rule", "mode"),
    [
        ("sin", Elementwise((lambda A, y, x: A.cos(x) * 2,)), "reverse"),
        ("sin", Elementwise((lambda A, y, x: A.cos(x) + A.sin(x) / 1000,)), "reverse"),
        (
            "sum",
            Linear(lambda A, c, position, site: A.broadcast_to(2 * c, shape=site.types[0].shape)),
            "reverse",
        ),
    ],
)
def test_a_planted_wrong_rule_is_named(size, name, rule, mode):
    x = np.linspace(0.3, 0.9, size)
    graph = planted(lambda x: np.sum(np.exp(np.sin(x) * x)), (x,), name, rule)
    with pytest.raises(
        GradientError, match=f"The first rule at fault is that of '{name}', node .*{mode} rule"
    ):
        check(graph, x)
    report = check(graph, x, raises=False)
    assert not report.passed
    assert report.fault.primitive == name
    assert "test_checking" in report.fault.source.file


def test_a_rule_wrong_in_forward_mode_only_is_found():
    right = TABLE["sin"].rule
    rule = Custom(
        forward=lambda A, site, tangents: tangents[0] * site.y,
        backward=lambda A, site, cotangent, position: right.vjp(A, site, cotangent, position),
    )
    report = check(planted(running, (2.0, 5.0), "sin", rule), 2.0, 5.0, raises=False)
    assert report.fault.mode == "forward"
    assert {row.method for row in report.rows if not row.passed} == {"forward"}


def test_the_first_of_two_wrong_rules_is_named():
    graph = planted(running, (2.0, 5.0), "sin", Elementwise((lambda A, y, x: y,)))
    wrong = dataclasses.replace(TABLE["log"], rule=Elementwise((lambda A, y, x: x,)))
    graph = dataclasses.replace(graph, primitives=[wrong if p.name == "log" else p for p in graph.primitives])
    assert check(graph, 2.0, 5.0, raises=False).fault.primitive == "log"


def test_primitives_unknown_to_mpmath_are_checked_by_extrapolation():
    right = planted(running, (2.0, 5.0), "sin", TABLE["sin"].rule, mpmath=None)
    assert check(right, 2.0, 5.0).rows[0].against == "extrapolated difference"
    wrong = planted(running, (2.0, 5.0), "sin", Elementwise((lambda A, y, x: y,)), mpmath=None)
    assert check(wrong, 2.0, 5.0, raises=False).fault.primitive == "sin"


def test_a_tight_tolerance_fails_without_blaming_a_rule():
    report = check(lambda x: np.exp(x) * np.sin(1 / x), 0.1, tol=1e-18, raises=False)
    assert not report.passed
    assert report.fault is None
    assert "no single rule is at fault" in report.sentence


def test_kinks_are_not_compared_and_inner_kinks_are_explained():
    assert check(np.abs, 0.0).kinks
    report = check(lambda x: relu(x) - relu(-x), 0.0, raises=False)
    assert not report.passed
    assert "sits on its kink" in report.sentence


def test_nan_never_passes():
    rule = Elementwise((lambda A, y, x: A.log(-x * x),))
    assert not check(planted(running, (2.0, 5.0), "sin", rule), 2.0, 5.0, raises=False).passed


def test_plain_data():
    data = check(running, 2.0, 5.0).to_dict()
    assert data["passed"] is True
    assert len(data["rows"]) == len(check(running, 2.0, 5.0).table()[1])


@pytest.mark.parametrize("tol", [0, -1, np.nan, np.inf])
def test_tolerances_are_positive(tol):
    with pytest.raises(InputError, match="positive finite"):
        check(running, 2.0, 5.0, tol=tol)


@pytest.mark.parametrize("x", [2.0, np.linspace(0.5, 2, 80)], ids=["by element", "along directions"])
def test_what_derivatives_stop_at_is_exempt_and_said_so(x):
    report = check(lambda x: np.sum(np.sin(x) * stop_gradient(x) ** 3), x)
    assert any("stop_gradient (node 2) is exempt" in note for note in report.notes)
    assert not any("exempt" in note for note in check(lambda x: np.sum(np.sin(x)), x).notes)


def test_a_wrong_rule_beside_a_stopped_value_is_caught():
    wrong = Elementwise((lambda A, y, x: A.sin(x),))
    graph = planted(lambda x: np.sin(x) * stop_gradient(x), (2.0,), "sin", wrong)
    assert check(graph, 2.0, raises=False).fault.primitive == "sin"


# ------------------------------------------------------------------------------------------------------ bad points


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("f", "point", "words"),
    [
        ("ln(x)", (-1.0,), ["v1, the log at v0 = −1, is NaN"]),
        ("1/x", (0.0,), ["v1, the divide at 1 and v0 = 0, is ∞"]),
        ("0*x", (np.inf,), ["The input x is ∞.", "v1, the multiply at 0 and v0 = ∞, is NaN"]),
        ("x*y", (2.0, np.inf), ["The input y is ∞.", "v2, the multiply at v0 = 2 and v1 = ∞, is ∞"]),
        ("[x, ln(y)]", (2.0, -1.0), ["v2, the log at v1 = −1, is NaN"]),
    ],
)
def test_where_the_value_is_not_finite_nothing_passes_and_the_node_is_named(f, point, words):
    report = check(f, *point, raises=False)
    data = report.to_dict()
    assert not report.passed
    assert data["passed"] is False
    assert data["rows"] == []
    for text in words:
        assert text in report.sentence
    assert [bad["sentence"] for bad in data["bad"]] == [bad.sentence for bad in report.bad]
    assert "nan is allowed" not in report.sentence
    with pytest.raises(GradientError, match="No derivative can be checked here"):
        check(f, *point)


@pytest.mark.filterwarnings("error")
def test_an_infinite_derivative_is_checked_and_explained():
    report = check("sqrt(x)", 0.0)
    assert report.passed
    assert "The local derivative ∂v1/∂v0 of v1, the sqrt at v0 = 0, is ∞" in report.sentence
    assert report.to_dict()["partial"]["operands"] == [{"name": "v0", "value": 0.0}]
    assert not any("central difference" in row.against for row in report.rows)
    assert any("was left out" in note and "not finite" in note for note in report.notes)


def test_a_wrong_infinite_derivative_does_not_pass():
    report = check("sqrt(x)*sqrt(x)", 0.0, raises=False)
    assert not report.passed
    assert "∂v1/∂v0" in report.sentence


def test_every_tolerance_is_finite():
    for f, x in (("sqrt(x)", 0.0), ("ln(x)", 1e-9), ("arccos(x)", 1.0), ("1e300*x*x", 1.0)):
        assert all(np.isfinite(row.tolerance) for row in check(f, x, raises=False).rows)


def test_a_bad_value_that_is_thrown_away_is_named_beside_the_verdict():
    report = check(lambda x: np.where(x > 0, x, np.log(x - 5)) * 2, 3.0, raises=False)
    assert "the log at" in report.sentence
    assert report.bad


def test_a_kink_is_in_the_plain_data():
    assert check(np.abs, 0.0).to_dict()["kinks"][0]["where"] == "x = 0"


# -------------------------------------------------------------------------------------------- what is allowed


def test_a_tolerance_that_is_given_is_taken_as_it_is():
    report = check(running, 2.0, 5.0, tol=1e-9)
    assert {row.tolerance for row in report.rows} == {1e-9}
    right = planted(running, (2.0, 5.0), "sin", TABLE["sin"].rule, mpmath=None)
    assert {row.tolerance for row in check(right, 2.0, 5.0, tol=1e-7, raises=False).rows} == {1e-7}
    assert check(right, 2.0, 5.0).rows[0].tolerance > 2**-26
    assert {row.tolerance for row in check(lambda x: np.sum(np.sin(x)), np.ones(80), tol=1e-7).rows} == {1e-7}


def test_a_difference_only_informs_beside_a_reference():
    report = check(lambda x: 1e9 + x * x, 3.0, tol=1e-9)
    assert report.passed
    assert [row.decides for row in report.rows] == [True, True, False, False]
    assert [row.passed for row in report.rows] == [True, True, False, False]
    assert any("the difference only informs" in note for note in report.notes)
    assert "the largest error is 0." in report.sentence
    assert [row["decides"] for row in report.to_dict()["rows"]] == [True, True, False, False]


def test_a_difference_decides_where_there_is_no_reference():
    graph = planted(lambda x: 1e9 + np.sin(x), (3.0,), "sin", TABLE["sin"].rule, mpmath=None)
    report = check(graph, 3.0, tol=1e-9, raises=False)
    assert all(row.decides for row in report.rows)
    assert not report.passed
    assert any("may itself be off by" in note for note in report.notes)


# --------------------------------------------------------------------------------------------- long programs


def chain(x):
    for k in range(400):
        x = np.sin(x) + 1 / (k + 2)
    return x


@pytest.mark.parametrize(
    ("work", "rows", "against"),
    [
        (10**6, 4, "50-digit reference"),
        (40_000, 6, "reference along a direction"),
        (15_000, 2, "reference along a direction"),
        (1_000, 6, "central difference along a direction"),
    ],
)
def test_fifty_digits_are_asked_for_as_far_as_is_affordable(monkeypatch, work, rows, against):
    monkeypatch.setattr("adlab.reports.checking.EXACT_WORK", work)
    report = check(chain, np.full(4, 0.5))
    assert report.passed
    assert (len(report.rows), report.rows[0].against) == (rows, against)


@pytest.mark.parametrize("work", [10**6, 1_000])
def test_a_wrong_rule_is_named_in_a_long_program_too(monkeypatch, work):
    monkeypatch.setattr("adlab.reports.checking.EXACT_WORK", work)
    monkeypatch.setattr("adlab.reports.checking.TRIED", 20)
    graph = planted(chain, (0.5,), "sin", Elementwise((lambda A, y, x: A.cos(x) * 1.1,)))
    assert check(graph, 0.5, raises=False).fault.primitive == "sin"


def test_the_search_for_a_fault_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setattr("adlab.reports.checking.TRIED", 20)
    tried = []
    monkeypatch.setattr("adlab.reports.checking._try_node", lambda graph, nodes, i, random: tried.append(i))
    report = check(chain, 0.5, tol=1e-30, raises=False)
    assert not report.passed
    assert report.fault is None
    assert 15 <= len(tried) <= 20
    assert tried == sorted(tried)
    assert f"{len(tried)} of the 800 operations were put on trial by themselves." in report.notes


def test_a_large_node_is_tried_in_float64(monkeypatch):
    monkeypatch.setattr("adlab.reports.checking.EXACT_TRIAL", 10)
    graph = planted(lambda x: np.sum(np.sin(x)), (np.ones(80),), "sin", Elementwise((lambda A, y, x: y,)))
    assert check(graph, np.linspace(0, 1, 80), raises=False).fault.primitive == "sin"


def test_a_derivative_that_is_nan_at_the_edge_of_a_domain_fails_and_says_why():
    report = check("sum(sqrt(x))", np.array([1.0, 0.0]), raises=False)
    assert [(row.method, row.passed, row.undefined) for row in report.rows] == [
        ("reverse", True, False),
        ("forward", False, True),
    ]
    assert not report.passed
    assert "forward derivative is NaN where the 50-digit reference has a number" in report.sentence
    assert "0 · ∞" in report.sentence
    assert "v1[1], the sqrt at v0 = 0" in report.sentence
    assert "off" not in report.sentence


def test_a_kink_is_one_consistent_sentence():
    sentence = check("abs(x)", 0.0).sentence
    assert "there is no derivative" in sentence
    assert "agree" not in sentence
