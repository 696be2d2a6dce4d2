"""The true numbers that a table is graded against, at the point and at a few points next to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.types import FLOAT64
from adlab.reports.worksheet import normalised
from adlab.transforms.sweeps import forward_sweep, reverse_sweep, site_of

PROBES = 3
"""Further points at which formulas are compared with nodes."""

LARGEST = 2_000
"""Graphs of more nodes are nobody's hand-written table."""


class Truth:
    """Values, tangents and adjoints of every node, at the point and at the probes next to it.

    Every quantity is an array with one entry per point, the first of which is the point itself.
    """

    def __init__(self, graph: Graph, args: Sequence[Any]) -> None:
        _check_graph(graph)
        self.graph = graph
        self.inputs = [normalised(name).replace(" ", "") for name in graph.inputs]
        points = _points(graph, args)
        self.count = len(points[0]) if points else 1
        self.values = [self.full(v) for v in NUMPY.run(graph, points)]
        self.tangents = [
            [
                self.full(t)
                for t in forward_sweep(
                    graph,
                    NUMPY,
                    self.values,
                    [np.ones(self.count) if i == k else None for i in range(len(graph.inputs))],
                )
            ]
            for k in range(len(graph.inputs))
        ]
        seeds = [(graph.outputs[0], np.ones(self.count))]
        self.adjoints = [self.full(a) for a in reverse_sweep(graph, NUMPY, self.values, seeds)]
        constants = [NUMPY.constant(constant) for constant in graph.constants]
        self.sites = [
            site_of(graph, i, self.values, constants) if i >= len(graph.inputs) else None
            for i in range(len(graph))
        ]

    def full(self, value: Any) -> Any:
        """Return a quantity as an array of one entry per point; None is 0."""
        return np.broadcast_to(np.asarray(0.0 if value is None else value, float), (self.count,))

    @property
    def output(self) -> Any:
        """The result."""
        j = self.graph.outputs[0]
        return self.values[j] if j >= 0 else self.full(NUMPY.constant(self.graph.constants[~j]))

    def slope(self, k: int) -> Any:
        """Return the derivative of the result by an input."""
        return self.adjoints[k]

    def partial(self, i: int, j: int) -> Any:
        """Return the local partial of node ``i`` by node ``j``; None if it does not use it."""
        site, total = self.sites[i], None
        rule = self.graph.primitives[i].rule
        if site is None or rule is None:
            return None
        for position, operand in enumerate(self.graph.operands[i]):
            if operand == j:
                part = rule.vjp(NUMPY, site, np.ones(self.count), position)
                total = self.full(part) + (0.0 if total is None else total)
        return total


def _check_graph(graph: Graph) -> None:
    whole = all(not type.shape for type in graph.types) and all(
        primitive.elementwise for primitive in graph.primitives[len(graph.inputs) :]
    )
    if not whole or any(type.dtype != FLOAT64 for type in graph.input_types):
        raise InputError("Tables of single numbers can be graded; this function computes with arrays.")
    if len(graph.outputs) != 1 or graph.type_of(graph.outputs[0]).dtype != FLOAT64:
        raise InputError(
            f"A table of one result can be graded; this function has {len(graph.outputs)} results."
        )
    if len(graph) > LARGEST:
        raise InputError(
            f"The function has {len(graph):,} steps; tables of up to {LARGEST:,} rows can be graded."
        )


def _points(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """Return each input at the point and at probes next to it where all is finite and every branch the same."""
    random = np.random.default_rng(0)
    shifts = random.uniform(0.3, 1.0, (len(args), PROBES)) * random.choice((-1.0, 1.0), (len(args), PROBES))
    for size in (0.03, 1e-3, 1e-5):
        points = [
            np.concatenate(([float(x)], float(x) + size * max(abs(float(x)), 0.1) * shift))
            for x, shift in zip(args, shifts, strict=True)
        ]
        values = NUMPY.run(graph, points)
        finite = all(
            np.all(np.isfinite(np.asarray(v, float)[1:]))
            for v in values
            if np.ndim(v) and np.isfinite(np.asarray(v, float)[0])
        )
        kept = all(
            np.all(np.asarray(values[guard.operand]) == guard.outcome)
            for guard in graph.guards
            if guard.operand >= 0
        )
        if finite and kept:
            return points
    return [np.array([float(x)]) for x in args]


def same(first: Any, second: Any) -> bool:
    """Return whether two quantities agree at every point, up to rounding."""
    if first is None or second is None:
        return False
    with np.errstate(all="ignore"):
        scale = 1e-9 * np.maximum(1.0, np.abs(second))
        close = np.abs(first - second) <= scale
    return bool(np.all(close | (first == second) | (np.isnan(first) & np.isnan(second))))
