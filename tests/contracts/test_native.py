"""Every row, compiled, computes what the interpreter computes: values and gradients, scalars and arrays, special values."""

import numpy as np
import pytest
from contracts.applications import APPLICATIONS
from contracts.graphs import gradient_graph, one_node, run
from contracts.points import all_points, draw, generator, inner_points, input_type, smooth_positions
from contracts.rows import ELEMENTWISE, STRUCTURAL, each
from contracts.test_special_values import columns

from adlab.algebra.numpy import NUMPY
from adlab.compiler.native import compile_graph
from adlab.ir.types import FLOAT32, FLOAT64

LOOSE = {
    "logaddexp": 64,
    "sinc": 200,
    "logaddexp2": 64,
    "gammaln": 60,
    "yv": 40,
    "jv": 40,
    "digamma": 40,
    "betainc": 200,
    "gammainc": 50,
    "gammaincc": 50,
}
"""Rows that SciPy's C functions and NumPy's loops compute by different formulas, or that cancel: ulps."""


def close(got, want, ulps, dtype):
    """Assert equality within ulps of each value, or of the largest where a sum was taken in another order."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if want.dtype == bool:
        assert np.array_equal(got, want)
        return
    finite = np.isfinite(want)
    assert np.array_equal(np.isnan(got), np.isnan(want))
    assert np.array_equal(got[~finite & ~np.isnan(want)], want[~finite & ~np.isnan(want)])
    if finite.any():
        spacing = np.spacing(np.abs(want[finite]).astype(dtype))
        off = np.abs(got[finite].astype(np.longdouble) - want[finite]) / spacing
        assert off.max() <= ulps, (
            f"{off.max()} ulps: {got[finite][off.argmax()]!r}, not {want[finite][off.argmax()]!r}"
        )


def agrees(graph, inputs, ulps, dtype=np.float64):
    """Assert that the compiled graph returns what the interpreter does."""
    native = compile_graph(graph)
    found = native(*inputs)
    found = (found,) if len(graph.outputs) == 1 else found
    for got, want, type in zip(found, run(graph, NUMPY, inputs), graph.output_types, strict=True):
        close(got, np.asarray(want, type.dtype), ulps, dtype)
    return native


@each(ELEMENTWISE)
def test_a_row_of_scalars(row):
    types = [input_type(row, k) for k in range(row.arity)]
    graph = one_node(row, types)
    native = compile_graph(graph)
    for point in [*all_points(row), *inner_points(row)]:
        given = [type.dtype.type(x) for x, type in zip(point, types, strict=True)]
        close(native(*given), run(graph, NUMPY, given)[0], LOOSE.get(row.name, 4), np.float64)


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
@each(ELEMENTWISE)
def test_a_row_on_arrays(row, dtype):
    rng = generator(row)
    for shapes in (((37,), (37,), (37,), (37,)), ((5, 1), (), (1, 7), (5, 7))):
        types = [input_type(row, k, shapes[k], dtype) for k in range(row.arity)]
        given = [np.asarray(draw(row, k, rng, t.shape), t.dtype)[()] for k, t in enumerate(types)]
        agrees(one_node(row, types), given, LOOSE.get(row.name, 5), dtype)


@each(ELEMENTWISE)
def test_special_values(row):
    given = [np.concatenate([column] * 2)[:: 2 if len(column) > 200 else 1] for column in columns(row)]
    types = [input_type(row, k, given[k].shape) for k in range(row.arity)]
    given = [np.ascontiguousarray(x, type.dtype) for x, type in zip(given, types, strict=True)]
    agrees(one_node(row, types), given, LOOSE.get(row.name, 6))


@each([row for row in ELEMENTWISE if row.rule is not None and smooth_positions(row)])
def test_gradients_of_a_row(row):
    rng = generator(row)
    for shape in ((), (11,)):
        types = [input_type(row, k, shape) for k in range(row.arity)]
        given = [np.asarray(draw(row, k, rng, t.shape), t.dtype)[()] for k, t in enumerate(types)]
        graph = gradient_graph(one_node(row, types), smooth_positions(row))
        agrees(graph, given, 10 * LOOSE.get(row.name, 10))


@each(STRUCTURAL)
def test_a_structural_row(row):
    for number, application in enumerate(APPLICATIONS[row.name]):
        for dtype in (FLOAT64, FLOAT32)[: 2 if number == 0 else 1]:
            graph = one_node(row, application.types(dtype), application.node_params())
            given = application.arrays(row.name, dtype)
            native = compile_graph(graph)
            scale = max((float(np.max(np.abs(np.asarray(x, float)), initial=0)) for x in given), default=1.0)
            want = np.asarray(run(graph, NUMPY, given)[0])
            got = np.asarray(native(*given))
            assert got.shape == want.shape
            assert got.dtype == graph.output_types[0].dtype
            np.testing.assert_allclose(
                got,
                want.astype(got.dtype),
                rtol=64 * np.finfo(dtype).eps,
                atol=64 * np.finfo(dtype).eps * max(scale, 1),
            )


@each([row for row in STRUCTURAL if row.rule is not None])
def test_gradients_of_a_structural_row(row):
    for application in APPLICATIONS[row.name]:
        if not application.smooth or application.constant:
            continue
        graph = one_node(row, application.types(), application.node_params())
        given = application.arrays(row.name)
        cotangent = np.arange(1.0, 1 + graph.output_types[0].size).reshape(graph.output_types[0].shape)
        gradient = gradient_graph(graph, range(len(given)), cotangent=cotangent if cotangent.shape else None)
        found = compile_graph(gradient)(*given)
        found = (found,) if len(gradient.outputs) == 1 else found
        for got, want in zip(found, run(gradient, NUMPY, given), strict=True):
            scale = max(float(np.max(np.abs(want), initial=0)), 1.0)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13 * scale)
