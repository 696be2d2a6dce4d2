"""The contracts of a structural row, each a function of a row and an example application.

The oracle is a difference quotient of the row's own value on mpmath numbers: every element of every operand
is moved by 2⁻¹⁰⁰.
"""

import re

import numpy as np
from contracts.applications import TIES, on
from contracts.elementwise import close
from contracts.graphs import forward, gradient_graph, one_node, reverse, run, traced
from contracts.oracles import STEP, mpmath_algebra, sympy_algebra

from adlab.algebra.numpy import NUMPY
from adlab.ir.constant import Constant
from adlab.ir.index import format_index
from adlab.ir.primitive import Notation
from adlab.ir.types import FLOAT32, FLOAT64
from adlab.transforms.sweeps import dual_run

TOLERANCE = {FLOAT64: 1e-12, FLOAT32: 1e-4}
ALGEBRA = mpmath_algebra(160)


def graph_of(row, application, dtype=FLOAT64):
    """Return the graph of the application alone."""
    return one_node(row, application.types(dtype), application.node_params())


def exact(array):
    """Return an array of mpmath numbers, or one number."""
    return ALGEBRA.array(np.asarray(array, float))


def elements(array):
    """Return the elements as a flat list."""
    return list(np.asarray(array, dtype=object).ravel())


def unit(shape, place, one):
    """Return an object array that is ``one`` in one place and 0 elsewhere."""
    array = np.full(shape, 0 * one, dtype=object)
    array[place] = one
    return array if shape else one


def assert_close(got, expected, digits, what):
    """Raise unless two lists of numbers agree to so many digits, absolutely where they are below 1."""
    assert len(got) == len(expected), f"{what}: {len(got)} elements, not {len(expected)}"
    for g, e in zip(got, expected, strict=True):
        assert abs(g - e) <= 10.0**-digits * max(1, abs(e)), f"{what}: {g}, not {e}"


# ------------------------------------------------------------------------------------------------------ facts


def check_facts(row, application):
    """The row has its words, its domain, and a notation that writes operands and parameters."""
    assert re.fullmatch(r"[a-z_]+", row.name)
    assert row.summary
    assert row.domain.text
    assert row.arity in (None, len(application.operands))
    names = [f"operand{k}" for k in range(len(application.operands))]
    notation = row.notation if isinstance(row.notation, Notation) else row.notation(application.params)
    shown = ", ".join(f"{name}={value}" for name, value in application.params.items())
    for template in (notation.text, notation.latex):
        written = template.format(*names, **{"*": ", ".join(names), "params": shown})
        assert all(name in written for name in names), written
        assert written.count("{") == written.count("}"), written
    if row.name == "index":
        assert format_index(application.params["index"]) in notation.text.replace("{{", "{")


def check_values(row, application):
    """On object arrays SymPy and mpmath give what NumPy gives, in the inferred type."""
    xs = application.arrays(row.name)
    graph = graph_of(row, application)
    expected = run(graph, NUMPY, xs)[0]
    assert (np.shape(expected), expected.dtype) == graph.output_types[0]
    for algebra in (ALGEBRA, sympy_algebra()):
        inputs = [algebra.array(x) for x in xs]
        got = run(graph, algebra, inputs)[0]
        assert np.shape(got) == np.shape(expected)
        assert not any(type(element) in (int, float) for element in elements(got)), (
            "a number that is not exact"
        )
        assert_close(
            [float(g) for g in elements(got)], elements(expected), 13, f"{row.name} in {algebra.column}"
        )


# ------------------------------------------------------------------------------------ tangents and cotangents


def check_adjoint(row, application, dtype=FLOAT64):
    """⟨J v, u⟩ = ⟨v, Jᵀ u⟩, in every mode, with shapes and dtypes as they went in."""
    rng = np.random.default_rng(5)
    graph = graph_of(row, application, dtype)
    xs = application.arrays(row.name, dtype)
    vs = [np.asarray(rng.normal(size=shape), dtype)[()] for shape in application.shapes]
    u = np.asarray(rng.normal(size=graph.output_types[0].shape), graph.output_types[0].dtype)[()]
    tangents = [forward(graph, NUMPY, xs, vs)[0], dual_run(graph, NUMPY, xs, vs)[-1].tangent]
    adjoints = reverse(graph, NUMPY, xs, [u])
    if application.constant:
        assert all(tangent is None for tangent in tangents)
        assert all(adjoint is None for adjoint in adjoints)
        return
    for adjoint, type in zip(adjoints, graph.input_types, strict=True):
        assert adjoint is not None, f"{row.name}: no adjoint"
        assert (np.shape(adjoint), adjoint.dtype) == type, f"{row.name} {application}: adjoint"
    tolerance = max(TOLERANCE[type.dtype] for type in (*graph.input_types, *graph.output_types))
    right = sum(np.vdot(v, adjoint) for v, adjoint in zip(vs, adjoints, strict=True))
    for tangent in tangents:
        assert tangent is not None, f"{row.name}: no tangent"
        assert (np.shape(tangent), tangent.dtype) == graph.output_types[0], f"{row.name}: tangent"
        assert close(np.vdot(tangent, u), right, tolerance), f"{row.name} {application}: {tangent}"
    assert gradient_graph(graph, range(len(xs)), 0, np.asarray(u)).output_types == graph.input_types


def check_missing_tangents(row, application):
    """With a tangent for one operand only, forward mode gives that operand's share."""
    graph, xs = graph_of(row, application), application.arrays(row.name)
    whole = forward(graph, NUMPY, xs, xs)[0]
    alone = [[x if k == j else None for j, x in enumerate(xs)] for k in range(len(xs))]
    parts = [forward(graph, NUMPY, xs, tangents)[0] for tangents in alone]
    if not application.constant:
        np.testing.assert_allclose(sum(parts[1:], parts[0]), whole, rtol=1e-12, atol=1e-12)


# --------------------------------------------------------------------------------------------- the derivative


def places(application):
    """Yield (operand, place) for every element of every operand."""
    for k, shape in enumerate(application.shapes):
        for place in np.ndindex(shape):
            yield k, place


def _moved(xs, k, place, shift):
    return [x + unit(np.shape(x), place, shift) if j == k else x for j, x in enumerate(xs)]


def difference_columns(row, application):
    """Return the difference quotients by each element of each operand, as a mapping from (operand, place)."""
    graph = graph_of(row, application)
    xs = [exact(x) for x in application.arrays(row.name)]
    columns, h = {}, ALGEBRA.number(STEP)
    for k, place in places(application):
        plus, minus = (run(graph, ALGEBRA, _moved(xs, k, place, shift))[0] for shift in (h, -h))
        columns[k, place] = [
            0 if application.constant else e / (2 * h) for e in elements(np.subtract(plus, minus))
        ]
    return columns


def check_jacobian(row, application):
    """Each column of the Jacobian by forward mode, each row by reverse mode, is the difference quotient's."""
    graph = graph_of(row, application)
    xs = [exact(x) for x in application.arrays(row.name)]
    columns = difference_columns(row, application)
    for k, place in columns:
        seeds = [unit(np.shape(x), place, ALGEBRA.number(1)) if j == k else None for j, x in enumerate(xs)]
        tangent = forward(graph, ALGEBRA, xs, seeds)[0]
        got = [0] * len(columns[k, place]) if tangent is None else elements(tangent)
        assert_close(got, columns[k, place], 20, f"{row.name} {application.params}, forward, {k} {place}")
    shape = graph.output_types[0].shape
    for position, place in enumerate(np.ndindex(shape)):
        adjoints = reverse(graph, ALGEBRA, xs, [unit(shape, place, ALGEBRA.number(1))])
        got = [0 if adjoints[k] is None else np.asarray(adjoints[k], dtype=object)[at] for k, at in columns]
        expected = [column[position] for column in columns.values()]
        assert_close(got, expected, 20, f"{row.name} {application.params}, reverse, {place}")


def direction(array):
    """Return a direction of dyadic numbers for an operand."""
    return np.round(np.cos(np.arange(1.0, array.size + 1)).reshape(array.shape) * 64) / 64


def check_second_order(row, application):
    """The Hessian of ½Σy² times a vector, by both sweeps over the derivative graph, is the quotient's."""
    graph = graph_of(row, application)
    if 0 in graph.output_types[0].shape or application.constant:
        return
    arrays = application.arrays(row.name)
    xs = [exact(x) for x in arrays]
    vs = [exact(direction(x)) for x in arrays]
    objective = half_square(graph)
    gradient = gradient_graph(objective, range(len(xs)))
    product = traced(gradient, lambda A, inputs: _along(A, gradient, inputs, arrays))
    expected = second_differences(objective, application, xs, vs)
    for parts in (run(product, ALGEBRA, xs), forward(gradient, ALGEBRA, xs, vs)):
        flat = [0 * x if part is None else part for part, x in zip(parts, xs, strict=True)]
        got = [element for part in flat for element in elements(part)]
        assert_close(got, expected, 20, f"{row.name} {application.params}, twice")


def half_square(graph):
    """Return the graph of ½Σy²."""

    def build(A, inputs):
        y = A.run(graph, inputs)[-1]
        return [A.sum(A.square(y), axis=None, keepdims=False) / 2]

    return traced(graph, build)


def _along(A, gradient, inputs, arrays):
    """Return the adjoints of Σ gradient·v: reverse over reverse."""
    seeds = []
    for array, type in zip(arrays, gradient.output_types, strict=True):
        v = direction(array)
        seeds.append(A.constant(Constant(v if v.shape else v.item(), type)))
    return reverse(gradient, A, inputs, seeds)


def second_differences(graph, application, xs, vs):
    """Return ∂/∂t of the derivative along ``vs`` by each element t of each operand."""
    h, result = ALGEBRA.number(STEP), []
    for k, place in places(application):
        corners = []
        for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            moved = [x + s * h * v for x, v in zip(xs, vs, strict=True)]
            corners.append(run(graph, ALGEBRA, _moved(moved, k, place, t * h))[0])
        result.append((corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h * h))
    return result


# ------------------------------------------------------------------------------------------------------ kinks


def check_shares(row, choose):
    """Elements that share the extreme share the cotangent, in both modes and through a derivative graph."""
    for array in (TIES, -TIES, np.array([[1.0, 1.0, 1.0], [3.0, 2.0, 1.0]])):
        for axis in (None, (0,), (1,)):
            application = on(array, axis=axis, keepdims=True, smooth=False)
            graph = graph_of(row, application)
            hits = (array == choose(array, axis=axis, keepdims=True)).astype(float)
            expected = hits / hits.sum(axis=axis, keepdims=True)
            ones = np.ones(graph.output_types[0].shape)
            np.testing.assert_array_equal(reverse(graph, NUMPY, [array], [ones])[0], expected)
            np.testing.assert_array_equal(run(gradient_graph(graph, [0]), NUMPY, [array])[0], expected)
            tangent = forward(graph, NUMPY, [array], [array])[0]
            np.testing.assert_allclose(tangent, choose(array, axis=axis, keepdims=True), rtol=1e-15)
