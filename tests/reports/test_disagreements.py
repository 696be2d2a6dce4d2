"""Where answers part: the first node, the local derivatives there, and the cause, one case for each."""

import dataclasses
import json

import numpy as np
import pytest

import adlab as ad
from adlab.reports.comparison import compare


def only(report, method):
    """The one disagreement that a method is part of."""
    (found,) = [item for item in report.disagreements if method in item.methods]
    return found


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def test_methods_that_keep_what_they_promise_do_not_disagree():
    assert compare(running, 2.0, 5.0, schemes=("forward", "complex", "richardson")).disagreements == ()
    assert (
        compare(running, np.float32(2.0), np.float32(5.0), methods=["forward", "reverse"]).disagreements == ()
    )


def test_truncation():
    found = only(compare("cos(3*x) + sin(1e8*x)", 1.0, schemes="forward"), "numerical:forward")
    assert (found.cause, found.node.primitive, found.against) == ("truncation", "sin", "reference")
    assert found.partials["exactly"] == pytest.approx(np.cos(1e8))
    assert found.partials["reverse"] == found.partials["forward"] == pytest.approx(np.cos(1e8))
    assert abs(found.partials["numerical:forward"] - np.cos(1e8)) > 0.4
    assert "too wide for it" in found.sentence


def test_round_off_of_a_difference():
    found = only(compare("(x + 1e12) - 1e12", 1.0), "numerical")
    assert (found.cause, found.node.primitive, found.partials["numerical"]) == ("round-off", "add", 0)


def test_round_off_of_a_value_that_the_rules_then_use():
    found = only(compare("(1-cos(x))/x^2", 1e-8), "reverse")
    assert (found.cause, found.node.primitive) == ("round-off", "subtract")
    assert {"symbolic", "forward", "reverse"} <= set(found.methods)
    assert "digits cancel" in found.sentence


def test_a_kink_of_the_function():
    report = compare("relu(x)", 0.0)
    found = report.disagreements[0]
    assert (found.cause, found.node.primitive) == ("kink", "relu")
    assert found.partials["numerical"] == pytest.approx(0.5)
    assert found.partials["reverse"] == 1
    assert "exactly" not in found.partials


def test_a_kink_inside_a_smooth_function():
    found = only(compare("relu(x)-relu(-x)", 0.0), "reverse")
    assert (found.cause, found.node.label, found.against) == ("kink", "v1", "reference")
    assert "the convention of the lectures" in found.sentence


def test_a_branch_flip_of_a_choice():
    report = compare(lambda x: np.where(x * x > 1.0, 3 * x, x), 0.99999999, schemes="forward")
    found = only(report, "numerical:forward")
    assert report["numerical"].gradient["x"] == pytest.approx(1, rel=1e-6)
    assert "the step was shrunk to" in report["numerical"].reason
    assert (found.cause, found.node.primitive) == ("branch flip", "greater")
    assert "test_disagreements.py" in found.sentence


def test_a_branch_flip_of_an_absolute_value():
    report = compare(lambda x: np.abs(x).sum(), np.array([1.0, 0.0, -1e-9]), schemes="forward")
    found = only(report, "numerical:forward")
    assert report["numerical"].gradient["x"][2] == pytest.approx(-1, rel=1e-5)
    assert (found.cause, found.node.label, found.derivative) == ("branch flip", "v1[2]", "∂y/∂x[2]")
    assert found.partials["exactly"] == -1


def test_the_edge_of_a_domain():
    report = compare("sqrt(x)*sqrt(x)", 0.0)
    for method in ("numerical", "forward", "reverse"):
        found = only(report, method)
        assert (found.cause, found.node.primitive) == ("edge of domain", "sqrt")
        assert "without bound" in found.sentence
    assert not any("symbolic" in item.methods for item in report.disagreements)


def test_a_coarser_dtype():
    report = compare(lambda x: np.sin(x.astype(np.float32)) * x, 0.7)
    assert {only(report, method).cause for method in ("numerical", "forward", "reverse")} == {"dtype"}
    assert only(report, "reverse").node.primitive == "cast"
    assert "float32" in only(report, "reverse").words


def test_what_is_held_constant():
    found = only(compare("stop_gradient(x)*x", 2.0), "reverse")
    assert (found.cause, found.partials["reverse"], found.partials["exactly"]) == ("held constant", 0, 1)


wrong_sine = ad.primitive(np.sin, name="wrong_sine", partials=lambda y, x: (2 * np.cos(x),))


def test_a_wrong_rule_is_named():
    found = only(compare(lambda x: wrong_sine(x * x) + np.exp(x), 1.3), "reverse")
    assert (found.cause, found.node.primitive) == ("wrong rule", "wrong_sine")
    assert {"forward", "reverse"} <= set(found.methods)
    assert found.partials["reverse"] == pytest.approx(2 * np.cos(1.69))
    assert found.partials["exactly"] == pytest.approx(np.cos(1.69), rel=1e-6)
    assert "The cause is a wrong rule: its rule is wrong" in found.sentence


def test_a_wrong_rule_of_one_mode_only():
    lopsided = ad.primitive(
        np.sin,
        name="lopsided",
        vjp=lambda y, x: lambda c: (3 * c * np.cos(x),),
        jvp=lambda y, xs, ts: np.cos(xs[0]) * ts[0],
    )
    report = compare(lambda x: np.sum(lopsided(x * x)), np.array([0.4, 1.3]))
    found = only(report, "reverse")
    assert found.cause == "wrong rule"
    assert "forward" not in found.methods
    assert found.node.primitive == "lopsided"


def test_a_wrong_rule_of_the_table_is_told_from_the_reference():
    graph = ad.graph(lambda x: np.exp(np.sin(x)), 0.5)
    (sine,) = [row for row in graph.primitives if row.name == "sin"]
    wrong = dataclasses.replace(
        sine, rule=dataclasses.replace(sine.rule, partials=(lambda A, y, x: -A.cos(x),))
    )
    graph = dataclasses.replace(graph, primitives=[wrong if row is sine else row for row in graph.primitives])
    report = compare(graph, 0.5)
    assert only(report, "reverse").against == "reference"
    assert (only(report, "reverse").cause, only(report, "forward").node.primitive) == ("wrong rule", "sin")
    assert not any("symbolic" in item.methods for item in report.disagreements)


def test_a_wrong_function_of_sympy_is_told_from_a_wrong_rule():
    graph = ad.graph(lambda x: np.exp(np.sin(x)), 0.5)
    rows = [dataclasses.replace(row, sympy="cos") if row.name == "sin" else row for row in graph.primitives]
    found = only(compare(dataclasses.replace(graph, primitives=rows), 0.5), "symbolic")
    assert (found.methods, found.node.primitive) == (("symbolic",), "sin")
    assert "SymPy's function for it is wrong" in found.words


def test_a_matrix_product_is_judged_along_the_move():
    matrix = np.diag([1.0, 1e12])
    report = compare(
        lambda x: np.sum(np.cos(1e8 * (matrix @ x)[:1])), np.array([1.0, 2.0]), schemes="forward"
    )
    found = only(report, "numerical:forward")
    assert (found.cause, found.node.primitive) == ("truncation", "cos")


def test_what_no_operation_explains_by_itself_is_said_to_be_magnified():
    def chaotic(x):
        for _ in range(30):
            x = 3.9 * x * (1 - x)
        return x

    found = only(compare(chaotic, 0.3, methods=["reverse"], schemes="forward"), "numerical:forward")
    assert "what follows magnifies it" in found.sentence


def test_the_json_form():
    (item, *_) = json.loads(compare("relu(x)-relu(-x)", 0.0).to_json())["disagreements"]
    assert item["cause"] == "kink"
    assert item["node"] == {"name": "v1", "primitive": "relu"}
    assert item["sentence"].endswith("the convention of the lectures).")
    assert any(item["sentence"] == note for note in compare("relu(x)-relu(-x)", 0.0).notes)


def test_a_wrong_rule_of_a_users_primitive_is_named_without_a_reference():
    cube = ad.primitive(lambda z: z**3, partials=lambda y, z: (2 * z * z,))
    report = compare(lambda x: cube(np.sin(x)) * x, 0.5)
    (item,) = report.disagreements
    assert (item.cause, item.node.label) == ("wrong rule", "v2")
    assert set(item.methods) | {item.against} == {"numerical", "forward", "reverse"}


def test_the_warning_and_the_line_of_a_method_tell_one_cause():
    report = compare("(1-cos(x))/x^2", 1e-7)
    assert "mostly rounding" in report["numerical"].reason
    assert only(report, "numerical").cause == "round-off"
    assert only(report, "numerical").node.primitive == "subtract"


def test_extrapolation_across_a_pole_is_never_called_a_wrong_rule():
    report = compare("1/x", 1e-6, schemes=["central", "richardson", "complex"])
    assert not [item for item in report.disagreements if item.cause == "wrong rule"]
    assert report["numerical:complex"].relative_error < 1e-15
    assert report["numerical:richardson"].relative_error < 1e-6
