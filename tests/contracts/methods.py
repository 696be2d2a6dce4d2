"""Every method of the table on every row, at first and second order, against the oracles that read no rule.

A derivative of second order is a method applied to the graph that the same method writes: the symbolic Hessian
is SymPy's ``diff`` of SymPy's ``diff``, the numerical one a difference of differences.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from contracts import structural
from contracts.applications import APPLICATIONS
from contracts.graphs import gradient_graph, one_node, traced
from contracts.oracles import partial, second_partial
from contracts.points import inner_points, input_type, moderate_points, smooth_positions
from contracts.rows import ELEMENTWISE

from adlab.errors import InputError, MethodError
from adlab.ir.types import FLOAT32, FLOAT64
from adlab.methods import METHODS
from adlab.methods.reference import reference

REFERENCE = "reference"
COMPLEX = "complex step"
WAYS = (*METHODS, COMPLEX, REFERENCE)
QUESTIONS = [(way, order) for way in WAYS for order in (1, 2) if (way, order) != (COMPLEX, 2)]
"""The ways to differentiate and the orders; a complex step inside another would take a second imaginary unit."""

EXACT = {FLOAT64: 1e-11, FLOAT32: 1e-4}
DIFFERENCE = {FLOAT64: 1e-7, FLOAT32: 1e-2}
SECOND_DIFFERENCE = {FLOAT64: 1e-5, FLOAT32: 5e-2}
ELEMENTS = 8
"""Examples of second order have at most so many elements: Hessians of more take long."""


class Exemption(NamedTuple):
    """A row on which a method is not defined: why, what happens there instead, at which orders and points."""

    reason: str
    error: type[Exception]
    words: str
    orders: tuple[int, ...] = (1, 2)
    points: tuple[tuple[float, ...], ...] | None = None

    def covers(self, order, case):
        """Return whether the exemption is about a case; without points of its own it is about all."""
        return order in self.orders and (self.points is None or case.args[1] in self.points)


def _exemptions():
    """Yield ((row, way), exemption)."""
    for row in ELEMENTWISE:
        if row.rule is None:
            for way in WAYS:
                reason = "it gives a truth value, which has no derivative"
                orders = (1,) if way in (REFERENCE, COMPLEX) else (1, 2)
                yield (row.name, way), Exemption(reason, InputError, "which has no derivative", orders)
    for name in ("sort", "arrange"):
        reason = "the order of symbols is not known, so there is no formula to differentiate"
        yield (name, "symbolic"), Exemption(reason, MethodError, "Symbols have no order")
    for name in ("eigh", "svd"):
        reason = "the roots of a characteristic polynomial have no formula in symbols"
        yield (name, "symbolic"), Exemption(reason, MethodError, "have no formula in symbols")
        reason = "its vectors of complex matrices are made with a conjugate, which is not analytic"
        yield (name, COMPLEX), Exemption(reason, MethodError, "which is not analytic")
    for name, points in (("sinc", ((0.0,),)), ("rgamma", ((0.0,), (-1.0,), (-2.0,)))):
        reason = "SymPy's formula of the derivative is 0/0 or a difference of poles there, so it is NaN and says no value"
        yield (name, "symbolic"), Exemption(reason, AssertionError, r"\[nan\]", points=points)
    for way in ("numerical", "symbolic", REFERENCE):
        reason = "rules take its operand for a constant, which one who sees its values only cannot know"
        orders = (1,) if way == REFERENCE else (1, 2)
        yield ("stop_gradient", way), Exemption(reason, AssertionError, "stop_gradient", orders)


EXEMPTIONS = dict(_exemptions())


# ------------------------------------------------------------------------------------------------- the methods


def first_order(way, graph, xs, wrt):
    """Return the Jacobian blocks of the only output."""
    if way == REFERENCE:
        return reference(graph, xs, wrt, digits=20).jacobians[0]
    if way == COMPLEX:
        return METHODS["numerical"].derivative(graph, xs, wrt, scheme="complex").jacobians[0]
    return METHODS[way].derivative(graph, xs, wrt).jacobians[0]


def second_order(way, graph, xs, wrt):
    """Return the Hessian of a scalar graph, its blocks in rows and columns."""
    if way == REFERENCE:
        return reference(gradient_graph(graph, wrt), xs, wrt, digits=20).jacobians
    options = {"h": _epsilon(graph) ** 0.25} if way == "numerical" else {}

    def written(A, variables):
        return METHODS[way].derivative(graph, variables, wrt, algebra=A, **options).jacobians[0]

    return METHODS[way].derivative(traced(graph, written), xs, wrt, **options).jacobians


def _epsilon(graph):
    return float(np.finfo(coarsest(graph)).eps)


def coarsest(graph):
    """Return the coarsest dtype of a graph."""
    return FLOAT32 if any(type.dtype == FLOAT32 for type in graph.types) else FLOAT64


def assert_close(way, graph, found, expected, order, what):
    """Raise unless all entries agree, relatively or absolutely below 1."""
    tables = {"numerical": DIFFERENCE if order == 1 else SECOND_DIFFERENCE, REFERENCE: {FLOAT64: 1e-15}}
    tolerance = tables.get(way, EXACT).get(coarsest(graph), EXACT[FLOAT64])
    found, expected = np.ravel(np.asarray(found, float)), np.ravel(np.asarray(expected, float))
    assert found.shape == expected.shape, f"{what}: {found.shape}, not {expected.shape}"
    allowed = tolerance * np.maximum(1, np.abs(expected))
    same = (np.abs(found - expected) <= allowed) | (np.isnan(found) & np.isnan(expected))
    assert np.all(same), f"{what}: {found}, not {expected}"


# ----------------------------------------------------------------------------------------------------- the rows


def cases(row, way, order):
    """Return the cases of a row, each a function of a way to differentiate that raises where it is wrong.

    Differences stay away from the special points of a domain: their step is made for functions that change over a
    length of 1, and an edge or a kink is nearer. Symbolic Hessians are those of the two smallest examples.
    """
    if row.elementwise:
        wrong = _first_partials if order == 1 else _second_partials
        points = inner_points(row, 2) if way == "numerical" else moderate_points(row)
        return [functools.partial(wrong, row, xs) for xs in points]
    smooth = [a for a in APPLICATIONS[row.name] if a.smooth]
    if order == 1:
        return [functools.partial(_jacobian, row, application) for application in smooth]
    small = [a for a in smooth if a.second and _size(a) <= ELEMENTS]
    chosen = sorted(small, key=_size)[:2] if way == "symbolic" else small
    return [functools.partial(_hessian, row, application) for application in chosen]


def _size(application):
    return sum(math.prod(shape) for shape in application.shapes)


def _scalars(row, xs):
    """Return the graph of an elementwise row, its inputs, and by which there is a derivative."""
    graph = one_node(row, [input_type(row, k) for k in range(row.arity)])
    return graph, [x if isinstance(x, bool) else np.float64(x) for x in xs], smooth_positions(row)


def _first_partials(row, xs, way):
    graph, inputs, wrt = _scalars(row, xs)
    found = first_order(way, graph, inputs, wrt)
    assert_close(way, graph, found, [partial(row, xs, k) for k in wrt], 1, f"{row.name}, {way}, at {xs}")


def _second_partials(row, xs, way):
    graph, inputs, wrt = _scalars(row, xs)
    found = second_order(way, graph, inputs, wrt)
    expected = [[second_partial(row, xs, j, k) for k in wrt] for j in wrt]
    assert_close(way, graph, found, expected, 2, f"{row.name}, {way} twice, at {xs}")


def _jacobian(row, application, way):
    graph = structural.graph_of(row, application)
    found = first_order(way, graph, application.arrays(row.name), range(len(graph.inputs)))
    size = graph.output_types[0].size
    matrix = [_matrix(block, size, type.size) for block, type in zip(found, graph.input_types, strict=True)]
    columns = list(structural.difference_columns(row, application).values())
    expected = np.array([[float(entry) for entry in column] for column in columns]).T
    what = f"{row.name} {application.params}, {way}"
    assert_close(way, graph, np.concatenate(matrix, axis=1), expected.reshape(size, len(columns)), 1, what)


def _hessian(row, application, way):
    """Compare the Hessian of ½Σy² times a vector."""
    graph = structural.half_square(structural.graph_of(row, application))
    xs = application.arrays(row.name)
    vs = [structural.direction(x) for x in xs]
    found = []
    for x, line in zip(xs, second_order(way, graph, xs, range(len(xs))), strict=True):
        products = [_matrix(b, x.size, v.size) @ np.ravel(v) for b, v in zip(line, vs, strict=True)]
        found.extend(sum(products))
    exact = [[structural.exact(x) for x in arrays] for arrays in (xs, vs)]
    expected = [0] * len(found)
    if not application.constant:
        expected = structural.second_differences(graph, application, *exact)
    assert_close(way, graph, found, expected, 2, f"{row.name} {application.params}, {way} twice")


def _matrix(block, rows, columns):
    return np.reshape(np.asarray(block, dtype=float), (rows, columns))
