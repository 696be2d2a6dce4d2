"""The straight-line program: hash-consing, inference, numbering, scopes, guards, the checker, JSON, size."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

import adlab as ad
from adlab.algebra.numpy import NUMPY
from adlab.errors import BranchError, GraphError, InputError, ShapeError
from adlab.ir.builder import Builder
from adlab.ir.check import check
from adlab.ir.graph import Graph, Scope, Source
from adlab.ir.numbering import display_numbers, display_order
from adlab.ir.types import FLOAT32, FLOAT64, SCALAR, Type
from adlab.primitives import TABLE
from adlab.transforms.sweeps import evaluate, forward_sweep, reverse_sweep

ADD, MULTIPLY, SIN, LOG = (TABLE[name] for name in ("add", "multiply", "sin", "log"))


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


@pytest.fixture
def graph() -> ad.Graph:
    return ad.graph(running, 2.0, 5.0)


def test_equal_computations_are_one_node() -> None:
    g = ad.graph(lambda x: np.sin(x) * np.sin(x) + np.sin(x), 1.0)
    assert g.operation_counts() == {"sin": 1, "multiply": 1, "add": 1}


def test_literals_are_operands_not_rows() -> None:
    g = ad.graph(lambda x: 2 * x + 0.5, 1.0)
    assert len(g) == 3
    assert [c.value for c in g.constants] == [2, 0.5]
    assert type(g.constants[0].value) is int


@pytest.mark.parametrize(("a", "b"), [(0.0, -0.0), (1, 1.0), (1, True), (2.0, np.float32(2.0))])
def test_unequal_literals_stay_apart(a, b) -> None:
    builder = Builder()
    dtype = FLOAT32 if isinstance(b, np.float32) else FLOAT64
    assert builder.literal(a) != builder.literal(b if not isinstance(b, np.float32) else b.item(), dtype)


def test_nan_literal_and_array_literal_are_shared() -> None:
    builder = Builder()
    assert builder.literal(math.nan) == builder.literal(float("nan"))
    assert builder.literal(np.arange(3.0)) == builder.literal(np.arange(3.0))
    assert builder.literal(np.arange(3.0)) != builder.literal(np.arange(3.0) + 1)


def test_array_literals_are_copies() -> None:
    weights = np.ones(3)
    g = ad.graph(lambda x: np.sum(weights * x), np.ones(3))
    weights[:] = 7
    assert g(np.ones(3)) == 3
    with pytest.raises(ValueError, match="read-only"):
        g.constants[0].value[0] = 1


def test_array_changed_while_tracing_is_two_literals() -> None:
    def f(x):
        a = np.ones(2)
        y = np.sum(a * x)
        a[:] = 2
        return y + np.sum(a * x)

    assert ad.graph(f, np.ones(2))(np.ones(2)) == 6


def test_row_d1_level_numbering(graph: ad.Graph) -> None:
    """Row D1: v0 = x1, v1 = x2, v2 = ln, v3 = ·, v4 = sin, v5 = +, v6 = −."""
    order = display_order(graph, "level")
    names = [graph.primitives[i].name for i in order]
    assert names == ["input", "input", "log", "multiply", "sin", "add", "subtract"]
    assert sorted(display_numbers(graph, order, "level")) == list(range(7))
    assert [graph.primitives[i].name for i in display_order(graph, "program")][4:] == [
        "add",
        "sin",
        "subtract",
    ]
    assert min(display_numbers(graph, order, "baydin")) == -1


def test_unknown_numbering_is_refused(graph: ad.Graph) -> None:
    with pytest.raises(InputError, match="level, program, baydin"):
        display_order(graph, "size")


def test_node_knows_its_line(graph: ad.Graph) -> None:
    assert "np.log(x1) + x1 * x2" in graph.nodes[2].source.text()
    assert graph.nodes[2].source.file == __file__


def test_shape_error_names_line_operation_and_shapes() -> None:
    def f(x, W):
        return x @ W  # the culprit

    with pytest.raises(
        ShapeError,
        match=r"test_graph.py:\d+: `return x @ W  # the culprit`: matmul: shapes \(3,\) and \(2, 2\)",
    ):
        ad.graph(f, np.ones(3), np.ones((2, 2)))


def test_dead_nodes_are_left_out() -> None:
    def f(x, unused):
        np.exp(x)
        return np.sin(x)

    g = ad.graph(f, 1.0, 2.0)
    assert [n.primitive.name for n in g] == ["input", "input", "sin"]
    assert g.inputs == ("x", "unused")


def test_graph_is_immutable(graph: ad.Graph) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "z"  # type: ignore[misc]


def test_constant_result() -> None:
    g = ad.graph(lambda x: 3.0, 1.0)
    assert g(7.0) == 3.0
    assert len(g) == 1


# ------------------------------------------------------------------------------------------------------- checker


def broken(graph: Graph, **columns) -> Graph:
    return dataclasses.replace(graph, **columns)


def test_checker_accepts_what_the_builder_makes(graph: ad.Graph) -> None:
    check(graph)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda g: {"types": g.types[:-1]}, "has 6 entries for 7 nodes"),
        (lambda g: {"operands": [*g.operands[:-1], (99, 0)]}, "no earlier node"),
        (lambda g: {"operands": [*g.operands[:-1], (6, 0)]}, "no earlier node"),
        (lambda g: {"operands": [*g.operands[:-1], (4,)]}, "takes 2 operands"),
        (lambda g: {"types": [*g.types[:-1], Type((2,), FLOAT64)]}, "is recorded as"),
        (lambda g: {"outputs": (77,)}, "neither a node nor a literal"),
        (lambda g: {"inputs": ("x", "x")}, "share a name"),
        (lambda g: {"inputs": ("x1",)}, "inputs are nodes"),
        (lambda g: {"scope_ids": [3] * 7}, "is in scope 3"),
        (lambda g: {"source_ids": [44] * 7}, "has source 44"),
        (lambda g: {"scopes": (Scope("a", -2),)}, "Scope a has no earlier parent -2"),
        (lambda g: {"scopes": (Scope("a", 0),)}, "Scope a has no earlier parent 0"),
        (lambda g: {"scopes": (Scope("a", -1), Scope("b", 2), Scope("c", 0))}, "Scope b has no earlier parent 2"),
        (lambda g: {"primitives": [*g.primitives[:5], ADD, ADD], "operands": [*g.operands[:5], (2, 3), (2, 3)]},
         "compute the same"),
    ],
)  # fmt: skip
def test_checker_names_what_is_broken(graph: ad.Graph, spoil, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        check(broken(graph, **spoil(graph)))


# ---------------------------------------------------------------------------------------------------------- JSON


def samples() -> list[ad.Graph]:
    def scoped(x, W):
        with ad.scope("layer"), ad.scope("inner"):
            return np.tanh(x @ W)[..., ::-1] * np.inf

    x, W = np.ones((2, 3)), np.ones((3, 2))
    branch = ad.graph(lambda x: x * 2 if x > 0 else -x, 3.0)
    nested = ad.graph(lambda p, xs: {"loss": np.sum(p["W"] * xs[0]), "n": (xs[1], None)}, {"W": x}, [x, 2.0])
    picks = ad.graph(lambda x: x[np.array([0, 0, 1])].sum() + x[1:, None].mean(), np.ones((2, 3), np.float32))
    return [
        ad.graph(running, 2, 5),
        ad.graph(scoped, x, W),
        ad.graph(scoped, x, W).collapse(),
        branch,
        nested,
        picks,
    ]


@pytest.mark.parametrize("index", range(6))
def test_json_round_trip_is_exact(index: int) -> None:
    g = samples()[index]
    text = g.to_json()
    again = ad.Graph.from_json(text)
    assert again.to_json() == text
    if not any(p.composite for p in g.primitives):
        for column in ("inputs", "outputs", "scopes", "sources", "guards", "in_tree", "out_tree", "name"):
            assert getattr(again, column) == getattr(g, column)
        for column in ("primitives", "operands", "params", "types", "scope_ids", "source_ids"):
            assert list(getattr(again, column)) == list(getattr(g, column))


def test_json_keeps_literals_exactly() -> None:
    values = [0.1, 2, True, -0.0, math.inf, math.nan, 10**17]
    g = ad.graph(lambda x: sum((x * v for v in values), x * np.array([1.5, math.inf])), 1.0)
    again = ad.Graph.from_json(g.to_json())
    assert [repr(c.value) for c in again.constants] == [repr(c.value) for c in g.constants]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "no JSON text"),
        ("[1]", "no graph"),
        ('{"format": "adlab-graph", "version": 99}', "format version 99"),
        ('{"format": "adlab-graph", "version": 1}', "damaged"),
    ],
)
def test_damaged_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        ad.Graph.from_json(text)


def test_json_with_unknown_primitive_is_refused(graph: ad.Graph) -> None:
    with pytest.raises(GraphError, match="uses sinus"):
        ad.Graph.from_json(graph.to_json().replace('"sin"', '"sinus"'))


def test_json_with_a_negative_table_index_is_refused(graph: ad.Graph) -> None:
    data = json.loads(graph.to_json())
    data["nodes"][3][0] = -1
    with pytest.raises(GraphError, match="refers to primitive -1"):
        ad.Graph.from_json(json.dumps(data))


def test_a_collapsed_graph_keeps_its_guards() -> None:
    def f(x):
        with ad.scope("branch"):
            return x * 2 if x > 0 else -x

    with pytest.raises(BranchError):
        ad.graph(f, 1.0).collapse()(-1.0)


def test_json_with_wrong_type_is_refused(graph: ad.Graph) -> None:
    with pytest.raises(GraphError):
        ad.Graph.from_json(graph.to_json().replace('"outputs": [6]', '"outputs": [12]'))


# --------------------------------------------------------------------------------------------------- large graphs


def test_a_deep_chain_needs_no_recursion() -> None:
    """200,000 operations, evaluated and differentiated both ways; the benchmark does a million."""
    n = 50_000

    def f(x):
        y = x
        for _ in range(n):
            y = 1.000001 * y + 1e-9 * (y - x)
        return y

    g = ad.graph(f, 0.5)
    assert len(g) == 4 * n + 1
    values = evaluate(g, NUMPY, [np.float64(0.5)])
    forward = forward_sweep(g, NUMPY, values, [np.float64(1)])[g.outputs[0]]
    reverse = reverse_sweep(g, NUMPY, values, [(g.outputs[0], np.float64(1))])[0]
    want = math.exp(n * math.log1p(1e-6))  # dy/dx of y' = a·y up to the tiny second term
    assert forward == pytest.approx(want, rel=1e-3)
    assert reverse == pytest.approx(float(forward), rel=1e-12)
    check(g)


def test_source_without_text_prints() -> None:
    assert str(Source("", 0)) == "an unknown place"
    assert str(Source("", 0, 7)) == "column 7"
    assert SCALAR.size == 1


def test_the_columns_of_a_graph_cannot_be_assigned_to() -> None:
    graph = ad.graph("ln(x1) + x1*x2 - sin(x2)")
    for found in (
        graph,
        ad.Graph.from_json(graph.to_json()),
        dataclasses.replace(graph, params=list(graph.params)),
    ):
        for column in ("primitives", "operands", "params", "types", "scope_ids", "source_ids"):
            assert isinstance(getattr(found, column), tuple)
            with pytest.raises(TypeError, match="item assignment"):
                getattr(found, column)[0] = None
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.outputs = ()  # type: ignore[misc]
