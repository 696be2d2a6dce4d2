"""Random programs of arrays, made from the table: every row with a rule is drawn, at points that are no kinks.

Operands of elementwise rows are bent into the interval of the row's domain; those of structural rows take the
shape of one of the row's example applications, around the example's own numbers where the row wants special
ones (matrices that are not singular). So a row that is added to the table is drawn at once.

Errors are judged by a running bound. Each node rounds, by so many units of its result, and what works on whole
arrays by so many units of its operands' sizes besides (backward stability); a reverse sweep says what these
roundings do to the result. An ill-conditioned program is allowed its error, a well-conditioned one a few units.
"""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from contracts.applications import APPLICATIONS
from contracts.points import is_discrete
from hypothesis import assume
from hypothesis import strategies as st

from adlab.algebra.numpy import NUMPY
from adlab.ir.builder import Builder
from adlab.ir.graph import Graph
from adlab.ir.index import normalise_index
from adlab.ir.types import BOOL, Type
from adlab.primitives import ROWS, TABLE
from adlab.transforms.sweeps import reverse_sweep, site_of

DRAWN = [row for row in ROWS if row.rule is not None]
SHAPES = [(), (3,), (2, 3), (2, 1), (2, 2)]
LARGE = 8.0
"""What is larger is drawn together before it is bent into an interval, so that no sine is taken of a million."""

SLOW = frozenset(("kv", "yv"))
"""Rows of which mpmath takes a tenth of a second per element: drawn with one number, in programs of their own."""

SAFETY = 16
"""Roundings per operation: library functions are right to a few units, and the bound is of first order only."""


class Program(NamedTuple):
    """A graph with two outputs, an array and a weighted sum of its elements, and a point."""

    graph: Graph
    point: tuple[Any, ...]

    @property
    def scalar(self):
        """The program of the weighted sum alone."""
        return replace(self.graph, outputs=self.graph.outputs[1:])


class Sheet:
    """A graph in the making, with the value of each node at the point."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.values: dict[int, Any] = {}

    def input(self, value):
        """Return a new input."""
        node = self.builder.input(f"x{len(self.values)}", Type(np.shape(value), np.dtype(float)))
        self.values[node] = value
        return node

    def value(self, operand):
        """Return the value of a node or literal."""
        return self.values[operand] if operand >= 0 else NUMPY.constant(self.builder.constants[~operand])

    def apply(self, name, *operands, **params):
        """Return the node that applies a row; literals are given as numbers or arrays."""
        given = tuple(j if type(j) is int else self.builder.literal(j) for j in operands)
        written = tuple(sorted(params.items()))
        node = self.builder.apply(TABLE[name], given, written)
        with np.errstate(all="ignore"):
            self.values[node] = NUMPY.apply(TABLE[name], [self.value(j) for j in given], written)
        assume(np.all(np.isfinite(self.values[node])))
        return node

    def shape(self, node):
        """Return the shape of a node."""
        return self.builder.type_of(node).shape

    def bounded(self, node):
        """Return a node of moderate size that depends on this one."""
        return node if np.max(np.abs(self.values[node])) < LARGE else self.apply("arcsinh", node)

    def into(self, node, low, high):
        """Return the node bent into an interval, if it is not inside."""
        if np.all((low < self.values[node]) & (self.values[node] < high)):
            return node
        wave = self.apply("sin", self.bounded(node))
        middle, width = (low + high) / 2, 0.45 * (high - low)
        return self.apply("add", self.apply("multiply", wave, width), middle)

    def shaped(self, node, shape):
        """Return the elements of a node, as many times as it takes, in another shape."""
        old = self.shape(node)
        if old == shape:
            return node
        flat = self.apply("reshape", node, shape=(math.prod(old),))
        picked = np.arange(math.prod(shape)) % math.prod(old)
        flat = self.apply("index", flat, index=normalise_index(picked, (math.prod(old),)))
        return self.apply("reshape", flat, shape=shape)


@st.composite
def programs(draw, first, most=5):
    """Return a program that applies a row and then up to ``most`` others, each to the result of the one before."""
    sheet, slow = Sheet(), first.name in SLOW
    shapes = [()] if slow else draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2))
    numbers = st.integers(13, 96)
    point = tuple(np.reshape([draw(numbers) / 64 for _ in range(math.prod(s))], s)[()] for s in shapes)
    nodes = [sheet.input(x) for x in point]
    others = [row for row in DRAWN if row.name not in SLOW and (row.elementwise or not slow)]
    for row in (first, *draw(st.lists(st.sampled_from(others), max_size=most))):
        apply = _elementwise if row.elementwise else _structural
        nodes.append(apply(draw, sheet, row, nodes))
    y = nodes[-1]
    for x in nodes[: len(point)]:  # every input takes part
        y = sheet.apply("add", y, sheet.apply("sum", sheet.apply("square", x), axis=None, keepdims=False))
    shape = sheet.shape(y)
    weights = np.cos(np.arange(1.0, math.prod(shape) + 1)).reshape(shape)
    weighted = sheet.apply("multiply", y, weights if shape else weights.item())
    total = sheet.apply("sum", weighted, axis=None, keepdims=False)
    assume(abs(float(sheet.values[total])) < 1e6)
    return Program(sheet.builder.finish([y, total]), point)


def _elementwise(draw, sheet, row, nodes):
    """Apply a row to the last node and to others that broadcast with it, all inside its domain."""
    place = draw(st.sampled_from([k for k in range(row.arity) if not is_discrete(row, k)]))
    operands, shape = [], sheet.shape(nodes[-1])
    for k, (low, high) in enumerate(row.domain.intervals):
        if is_discrete(row, k):
            operands.append(_discrete(draw, sheet, low, high, nodes[-1]))
            continue
        node = nodes[-1] if k == place else draw(st.sampled_from(nodes))
        if not _broadcasts(shape, sheet.shape(node)):
            node = nodes[-1]
        operands.append(sheet.into(node, low, high))
    return sheet.apply(row.name, *operands)


def _discrete(draw, sheet, low, high, node):
    """Return an order, or a truth value of each element, that nothing flows through."""
    if not isinstance(low, bool):
        return sheet.builder.literal(float(draw(st.integers(low, high))))
    middle = float(np.median(sheet.values[node]))
    return sheet.apply("greater", node, middle + 1 / 1024)


def _broadcasts(one, other):
    try:
        return math.prod(np.broadcast_shapes(one, other)) <= 12
    except ValueError:
        return False


def _structural(draw, sheet, row, nodes):
    """Apply a row to nodes in the shapes of one of its examples."""
    fitting = [a for a in APPLICATIONS[row.name] if a.smooth and a.second and _moderate(row, a)]
    application = draw(st.sampled_from(fitting))
    last, operands = draw(st.integers(0, len(application.operands) - 1)), []
    for k, example in enumerate(application.arrays(row.name)):
        node = nodes[-1] if k == last else draw(st.sampled_from(nodes))
        node = sheet.shaped(sheet.bounded(node), np.shape(example))
        if row.domain.text != "arrays" or isinstance(application.operands[k], np.ndarray):
            wave = sheet.apply("multiply", sheet.apply("sin", node), 1 / 16)
            node = sheet.apply("add", wave, example if np.shape(example) else float(example))
        operands.append(node)
    return sheet.apply(row.name, *operands, **application.params)


def _moderate(row, application):
    sizes = [math.prod(shape) for shape in application.shapes]
    result = row.infer(*application.types(), **application.params)
    return min(result.size, *sizes) > 0 and sum(sizes) <= 15


# ------------------------------------------------------------------------------------------------------- bounds


def rounding(graph, values, seeds):
    """Return a first-order bound on the rounding error of Σ seed·output, over all nodes of the graph."""
    adjoints = reverse_sweep(graph, NUMPY, values, seeds, range(len(graph)))  # what is constant rounds too
    constants = [NUMPY.constant(c) for c in graph.constants]
    total = 0.0
    for i in range(len(graph.inputs), len(graph)):
        if adjoints[i] is not None and graph.types[i].dtype != BOOL:
            total += _of_node(graph, i, values, constants, np.asarray(adjoints[i]))
    return total + 1e-300


def _of_node(graph, i, values, constants, adjoint):
    row, y = graph.primitives[i], np.abs(np.asarray(values[i]))
    unit = float(np.finfo(graph.types[i].dtype).eps) / 2 * max(SAFETY, row.ulps)
    if row.elementwise and not row.operand_ulps:
        return unit * float(np.sum(np.abs(adjoint) * y))
    size = float(np.max(y, initial=0)) if not row.elementwise else y
    total = unit * float(np.sum(np.abs(adjoint) * size))
    site = site_of(graph, i, values, constants)
    for k, j in enumerate(graph.operands[i]):
        x = values[j] if j >= 0 else constants[~j]
        if np.asarray(x).dtype == BOOL or (row.elementwise and is_discrete(row, k)):
            continue
        with np.errstate(all="ignore"):
            part = row.rule.vjp(NUMPY, site, adjoint[()], k)
        if part is not None:
            total += unit * float(np.max(np.abs(x), initial=0) * np.sum(np.abs(part)))
    return total
