"""The gradient check: right gradients pass, planted wrong rules are found and named."""

import dataclasses

import numpy as np
import pytest

from adlab.errors import GradientError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.functions import relu
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
