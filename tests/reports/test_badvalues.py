"""What a report says of bad values, infinite derivatives and kinks: which node, with which operands."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from adlab.algebra.numpy import NUMPY
from adlab.api import gradient, trace
from adlab.frontends.dispatch import to_graph
from adlab.reports.badvalues import bad_nodes, bad_partial, bad_words, nodes_on_kinks, singularities

INF = np.inf


def values_of(f: Any, *args: Any) -> tuple[Any, list[Any]]:
    given = [np.asarray(x, float)[()] for x in args]
    graph = to_graph(f, given).graph
    return graph, NUMPY.run(graph, given)


def sentences(f: Any, *args: Any) -> list[str]:
    return [bad.sentence for bad in bad_nodes(*values_of(f, *args))]


BAD = [
    ("ln(x)", (-1,), ["v1, the log at v0 = −1, is NaN: the first value that is not finite."]),
    ("1/x", (0,), ["v1, the divide at 1 and v0 = 0, is ∞: the first value that is not finite."]),
    ("x/y", (1, 0), ["v2, the divide at v0 = 1 and v1 = 0, is ∞: the first value that is not finite."]),
    ("y/x", (-1, 0), ["v2, the divide at v0 = −1 and v1 = 0, is −∞: the first value that is not finite."]),
    ("x - ln(y)", (1, 0), ["v2, the log at v1 = 0, is −∞: the first value that is not finite."]),
    (
        "0*x",
        (INF,),
        [
            "The input x is ∞.",
            "v1, the multiply at 0 and v0 = ∞, is NaN: the first NaN, from operands that are not NaN.",
        ],
    ),
    (
        "x*y",
        (2, INF),
        [
            "The input y is ∞.",
            "v2, the multiply at v0 = 2 and v1 = ∞, is ∞: the first operation that a bad input reaches.",
        ],
    ),
    ("exp(x)", (-INF,), ["The input x is −∞."]),
    (
        "ln(x) + ln(y)",
        (-1, -2),
        [
            "v2, the log at v0 = −1, is NaN: the first value that is not finite.",
            "v3, the log at v1 = −2, is NaN: its operands are finite.",
        ],
    ),
    (
        "1/x - 1/(x*y)",
        (0, 1),
        [
            "v2, the divide at 1 and v0 = 0, is ∞: the first value that is not finite.",
            "v4, the divide at 1 and v3 = 0, is ∞: its operands are finite.",
            "v5, the subtract at v2 = ∞ and v4 = ∞, is NaN: the first NaN, from operands that are not NaN.",
        ],
    ),
]


@pytest.mark.parametrize(("f", "point", "expected"), BAD, ids=[case[0] for case in BAD])
def test_everything_new_that_is_bad_is_named(f: str, point: tuple[float, ...], expected: list[str]) -> None:
    assert sentences(f, *point) == expected


def test_what_only_passes_a_bad_number_on_is_not_named() -> None:
    assert len(sentences("sin(ln(x))*2 + exp(ln(x))", -1)) == 1
    assert sentences("x + 1", 1.0) == []


def test_elements_are_looked_at_one_by_one() -> None:
    graph, values = values_of(lambda x, y: np.sum(x / y), [1.0, 0.0, INF], [1.0, 0.0, 2.0])
    found = bad_nodes(graph, values)
    assert [(bad.reason, bad.node.element) for bad in found] == [("input", (2,)), ("another", (1,))]
    assert found[1].node.operand_values == (0.0, 0.0)


def test_an_operation_comes_before_one_that_only_picks() -> None:
    graph, values = values_of(lambda x: x[0] * x[1], [2.0, INF])
    assert [bad.node.primitive for bad in bad_nodes(graph, values)] == ["input", "multiply"]


def test_many_bad_nodes_are_counted() -> None:
    graph, values = values_of(lambda x: sum(np.log(x - k) for k in range(6)), -1.0)
    words = bad_words(bad_nodes(graph, values))
    assert words.count("the log at") == 3
    assert words.endswith(" 3 more values are not finite for reasons of their own.")
    assert bad_words(bad_nodes(*values_of("1/x - 1/(2*x) + ln(x - 1)", 0.0))).endswith(
        " 1 more value is not finite for a reason of its own."
    )


def test_a_long_program_that_is_all_nan_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adlab.reports.badvalues.EXAMINED", 5)

    def chain(x: Any) -> Any:
        x = np.log(x)
        for _ in range(50):
            x = np.sin(x)
        return x + np.log(x * 0 - 1)

    assert len(bad_nodes(*values_of(chain, -1.0))) == 1


def test_plain_data_of_a_bad_node() -> None:
    (bad,) = bad_nodes(*values_of("1/x", 0.0))
    data = json.loads(json.dumps(bad.to_dict(), allow_nan=False))
    assert (data["name"], data["primitive"], data["value"]) == ("v1", "divide", "inf")
    assert data["operands"] == [{"name": "1", "value": 1.0}, {"name": "v0", "value": 0.0}]


# ------------------------------------------------------------------------------------------- local derivatives

PARTIALS = [
    (lambda x: np.sqrt(x), 0.0, "v1", "v0", INF),
    (lambda x: np.sqrt(np.sin(x)) * 2, 0.0, "v2", "v1", INF),
    (lambda x: np.arccos(x), 1.0, "v1", "v0", -INF),
    (lambda x: x**0.5, 0.0, "v1", "v0", INF),
    (lambda x: np.sum(np.sqrt(x)), [4.0, 0.0], "v1", "v0", INF),
]


@pytest.mark.parametrize(("f", "x", "name", "operand", "value"), PARTIALS)
def test_the_first_infinite_local_derivative(f: Any, x: Any, name: str, operand: str, value: float) -> None:
    found = bad_partial(*values_of(f, x))
    assert found is not None
    assert (found.node.name, found.operand, found.value) == (name, operand, value)
    assert f"∂{name}/∂{operand}" in found.sentence
    assert found.node.element == ((1,) if np.ndim(x) else ())


def test_finite_local_derivatives_and_bad_values_are_no_bad_partials() -> None:
    assert bad_partial(*values_of("ln(x) + x*y", 2.0, 3.0)) is None
    assert bad_partial(*values_of("1/x", 0.0)) is None
    assert bad_partial(*values_of("x*y", 2.0, INF)) is None


def test_a_derivative_that_overflows_is_said_to() -> None:
    graph, values = values_of("1e200*sin(1e200*x)", 0.0)
    assert (
        singularities(graph, values, [INF]).sentences[0].startswith("The derivative is not finite although")
    )
    assert singularities(graph, values, [1.0]).sentences == ()


# ---------------------------------------------------------------------------------------------------- kinks


def test_kinks_and_ties_are_found_by_the_table() -> None:
    def on(f: Any, *args: Any) -> list[tuple[str, int, int]]:
        return [(kink.primitive, kink.count, kink.size) for kink in nodes_on_kinks(*values_of(f, *args))]

    assert on(lambda x: np.abs(x) + np.maximum(x, 1), 1.0) == [("maximum", 1, 1)]
    assert on(np.abs, [0.0, 1.0, 0.0]) == [("absolute", 2, 3)]
    assert on(np.max, [3.0, 1.0, 3.0]) == [("max", 1, 1)]
    assert on(lambda x: np.min(x, axis=1), [[1.0, 2.0], [2.0, 2.0]]) == [("min", 1, 2)]
    assert on(np.max, [3.0, 1.0, 2.0]) == []
    assert on(lambda x: x**3, 0.0) == []
    assert on(lambda x: x**1.5, 0.0) == [("power", 1, 1)]


def test_a_kink_says_where_it_is_and_what_applies() -> None:
    (kink,) = nodes_on_kinks(*values_of("maximum(x, 2*y)", 2.0, 1.0))
    assert kink.sentence == (
        "v3, the maximum at v0 = 2 and v2 = 2, sits on its kink a = b, where its rule follows a convention: ½ each."
    )
    assert kink.to_dict()["convention"] == "½ each"
    assert (
        "as do 2 more of its 4 elements"
        in nodes_on_kinks(*values_of(np.abs, [0.0, 1.0, 0.0, 0.0]))[0].sentence
    )


# --------------------------------------------------------------------------------- in traces and in gradients

SINGULAR = [
    (
        "sqrt(x)",
        (0,),
        "The local derivative ∂v1/∂v0 of v1, the sqrt at v0 = 0, is ∞",
        "+∞, the limit from the right",
    ),
    ("relu(x)", (0,), "v1, the relu at v0 = 0, sits on its kink x = 0", "the convention of the lectures"),
    ("abs(x)", (0,), "v1, the absolute at v0 = 0, sits on its kink x = 0", "0, the middle of −1 and 1"),
    ("maximum(x, y)", (1, 1), "v2, the maximum at v0 = 1 and v1 = 1, sits on its kink a = b", "½ each"),
]


@pytest.mark.parametrize(("f", "point", "words", "convention"), SINGULAR)
def test_traces_and_gradients_say_the_same_in_one_sentence(
    f: str, point: tuple[float, ...], words: str, convention: str
) -> None:
    (remark,) = trace(f, *point, mode="all").report.remarks
    assert remark.startswith(words)
    assert convention in remark
    assert remark in gradient(f, *point).to_dict()["notes"]
    assert remark in " ".join(gradient(f, *point).to_text(width=1000).split("\n"))


@pytest.mark.parametrize("mode", ["forward", "reverse", "all"])
def test_a_trace_marks_the_row_of_a_kink_where_it_shows_derivatives(mode: str) -> None:
    marked = [
        line for line in trace("abs(x) + x", 0, mode=mode).to_text().splitlines() if "at a kink" in line
    ]
    assert len(marked) == 1
    assert marked[0].startswith("v1 = abs(v0)")
    assert "at a kink" not in trace("abs(x) + x", 0).to_text()
    assert "at a kink" not in trace("abs(x) + x", 1, mode=mode).to_text()


def test_the_json_of_a_trace_has_the_remarks() -> None:
    data = json.loads(trace("abs(x)", 0, mode="reverse").to_json())
    assert data["remarks"] == [
        "v1, the absolute at v0 = 0, sits on its kink x = 0, where its rule follows a convention: 0, the middle of "
        "−1 and 1."
    ]
    assert "remarks" not in json.loads(trace("abs(x)", 1, mode="reverse").to_json())


def test_a_trace_names_what_a_bad_input_brings_about() -> None:
    shown = trace("0*x", INF, mode="all")
    assert "The input x is ∞." in shown.bad
    assert "v1, the multiply at 0 and v0 = ∞, is NaN" in shown.bad
    assert shown.bad in re.sub(r"\s+", " ", shown.to_text())


def test_a_numerical_derivative_that_is_not_finite_does_not_blame_overflow() -> None:
    notes = gradient("ln(x)", 1e-9, method="numerical", h=1e-6).to_dict()["notes"]
    assert notes == [
        "On one side of x the function is not finite a step of h = 1e-06 away, so the difference is not either."
    ]
