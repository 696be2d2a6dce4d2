"""Every row, exported as standalone source, computes to the last bit what the row computes."""

import numpy as np
import pytest
from contracts.applications import APPLICATIONS
from contracts.exported import imported, run_elsewhere
from contracts.graphs import one_node, run
from contracts.points import all_points, draw, generator, inner_points, input_type
from contracts.rows import each

from adlab.algebra.numpy import NUMPY
from adlab.ir.builder import Builder
from adlab.ir.types import FLOAT32, FLOAT64, Type
from adlab.primitives import ROWS
from adlab.render.python_source import to_python

SHAPES = (((), (3,), (2, 3)), ((2, 1), (), (1, 3)))


def at_points(row, dtype):
    """Yield an elementwise row at its points, as a graph of inputs, and of one input with literals beside it."""
    for point in all_points(row) if dtype == FLOAT64 else inner_points(row):
        types = [input_type(row, k, (), dtype) for k in range(row.arity)]
        values = [type.dtype.type(x) for x, type in zip(point, types, strict=True)]
        yield one_node(row, types), values
        for k in range(row.arity):
            builder = Builder()
            given = [
                builder.input("x", types[j]) if j == k else builder.literal(x, types[j].dtype)
                for j, x in enumerate(point)
            ]
            yield builder.finish([builder.apply(row, tuple(given))]), [values[k]]


def broadcast(row, dtype):
    """Yield an elementwise row on arrays."""
    rng = generator(row)
    for shapes in SHAPES:
        types = [input_type(row, k, shapes[k], dtype) for k in range(row.arity)]
        yield (
            one_node(row, types),
            [np.asarray(draw(row, k, rng, t.shape), t.dtype)[()] for k, t in enumerate(types)],
        )


def applied(row, dtype):
    """Yield a structural row at its examples, and where LAPACK refuses the matrix."""
    for application in APPLICATIONS[row.name]:
        params = application.node_params()
        yield one_node(row, application.types(dtype), params), application.arrays(row.name, dtype)
    if row.domain.text.startswith(("square", "symmetric", "matrices")):
        bad = [np.array([[[0.0, 0.0], [0.0, -1.0]], [[2.0, 0.5], [0.5, 1.0]]], dtype)] * row.arity
        yield one_node(row, [Type(x.shape, x.dtype) for x in bad]), bad


def examples(row):
    """Return the examples of a row: graphs with their inputs."""
    found = []
    for dtype in (FLOAT64, FLOAT32):
        found += (
            applied(row, dtype) if not row.elementwise else [*at_points(row, dtype), *broadcast(row, dtype)]
        )
    return found


@pytest.fixture(scope="module")
def answers():
    cases = {row.name: [(to_python(graph), inputs) for graph, inputs in examples(row)] for row in ROWS}
    return cases, run_elsewhere(cases)


@each(ROWS)
def test_source_stands_alone_and_computes_what_the_row_does(row, answers):
    cases, found = answers
    wanted = examples(row)
    assert len(found[row.name]) == len(wanted) > 1
    for (source, _), (kind, got), (graph, inputs) in zip(
        cases[row.name], found[row.name], wanted, strict=True
    ):
        assert kind == "value", f"{got}\n{source}"
        assert imported(source) <= {"numpy", "scipy"}
        expected = run(graph, NUMPY, inputs)[0]
        assert (np.shape(got), got.dtype) == graph.output_types[0], source
        np.testing.assert_array_equal(got, expected, err_msg=source)
