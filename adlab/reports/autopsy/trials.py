"""Trials of a rewrite: it is carried out on the graph and must be equal, finite and right.

Equal is what gives the same values beside the original in fifty digits at random points; right is what agrees, at the
point itself, with the limits of value and derivative found in mpmath.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.errors import AdlabError
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.methods.reference import Reference, reference
from adlab.reports.autopsy.body import Body
from adlab.reports.autopsy.lines import code_of_all, rewritten_line
from adlab.reports.autopsy.report import Finding, Rewrite, shown
from adlab.reports.rewrites import Candidate, Surgeon, code_of
from adlab.transforms.evaluation import failing_guard

SAMPLES = 64
ENOUGH = 8
"""So many samples must be comparable, or a rewrite has not been shown to be equal."""

SCALES = (1e-3, 0.1, 1.0, 3.0)
"""How far from the point the samples lie, relative to it."""

EQUAL = 1e-25
"""Relative difference, in fifty digits, up to which two programs are equal."""

MOST_DIGITS = 4000
"""Samples at which a formula would need more digits to be itself are no evidence."""

NEAR = 1e-20
"""How near to the point a limit is looked at."""

CLOSE = 1e-8

WORK = 300_000
"""So many operations may be spent in mpmath on showing a rewrite equal."""


def summed(graph: Graph, found: Reference) -> dict[int, Any]:
    """Return, for each input, the derivative of the sum of all outputs, as floats."""
    wrt = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL]
    total: dict[int, Any] = {}
    for k, row in enumerate(found.jacobians):
        axes = tuple(range(len(graph.output_types[k].shape)))
        for position, block in zip(wrt, row, strict=True):
            part = np.asarray(block, dtype=object).astype(float).sum(axis=axes)
            total[position] = total.get(position, 0.0) + part
    return total


def size_of(graph: Graph) -> int:
    """Return how many numbers a graph computes."""
    return sum(type.size for type in graph.types)


class Trials:
    """The original in fifty digits at random points, and what a rewrite must do there."""

    def __init__(self, graph: Graph, leaves: Sequence[Any]) -> None:
        self.graph, self.leaves = graph, leaves
        self.carrier = MpmathAlgebra(50)
        count = max(ENOUGH, min(SAMPLES, WORK // (2 * max(1, size_of(graph)))))
        rng = np.random.default_rng(0)
        self.points = [self._sample(rng, SCALES[k % len(SCALES)]) for k in range(count)]
        self.expected = [self._evaluate(graph, point) for point in self.points]
        self.samples, self.worst = 0, 0.0
        self.notes: list[str] = []

    def _sample(self, rng: np.random.Generator, scale: float) -> list[Any]:
        """Return a random point near the point."""
        moved = []
        for x, type in zip(self.leaves, self.graph.input_types, strict=True):
            if type.dtype == BOOL:
                moved.append(x)
                continue
            base = np.where(np.isfinite(x), x, 0.0)
            size = np.where(base == 0, 1.0, np.abs(base))
            moved.append((base + scale * size * rng.normal(size=type.shape)).astype(type.dtype)[()])
        return moved

    def _evaluate(
        self, graph: Graph, leaves: Sequence[Any], t: Any = 0, along: Any = None, digits: int = 0
    ) -> list[Any] | None:
        """Return the outputs in fifty digits, or more; None where a branch of the program does not hold."""
        carrier = MpmathAlgebra(digits) if digits else self.carrier
        args = [carrier.array(np.asarray(x)[()]) for x in leaves]
        if along is not None:
            args = [x if d is None else x + carrier.array(d) * t for x, d in zip(args, along, strict=True)]
        values = carrier.run(graph, args)
        if failing_guard(graph, carrier, values) is not None:
            return None
        return [np.ravel(np.asarray(v, dtype=object)) for v in carrier.outputs(graph, values)]

    def equal(self, changed: Graph) -> bool:
        """Return whether a program agrees with the original at enough of the points."""
        self.samples, self.worst = 0, 0.0
        for point, expected in zip(self.points, self.expected, strict=True):
            found = self._evaluate(changed, point) if expected is not None else None
            if expected is None or found is None:
                continue
            pairs = self._pairs(expected, found)
            apart = _apart(pairs)
            if apart > EQUAL:  # the formula may itself have lost its digits, as ln(1 + 1e-60) does
                apart = self._apart_exactly(changed, point)
            if apart > EQUAL:
                return False
            self.worst = max(self.worst, apart)
            self.samples += bool(pairs)
        return self.samples >= ENOUGH

    def _pairs(self, left: Sequence[Any], right: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return the elements that are finite in both."""
        mp = self.carrier.library
        return [
            (a, b)
            for x, y in zip(left, right, strict=True)
            for a, b in zip(x, y, strict=True)
            if mp.isfinite(a) and mp.isfinite(b)
        ]

    def _apart_exactly(self, changed: Graph, point: Sequence[Any]) -> float:
        """Return how far the programs are apart with so many digits that no sum loses its smaller part."""
        args = [self.carrier.array(np.asarray(x)[()]) for x in point]
        sizes = [
            self.carrier.library.mag(element)
            for value in self.carrier.run(self.graph, args)
            for element in np.ravel(np.asarray(value, dtype=object))
            if not isinstance(element, bool) and self.carrier.library.isfinite(element) and element != 0
        ]
        digits = 50 + int(0.302 * (max(sizes, default=0) - min(sizes, default=0)))
        if digits > MOST_DIGITS:
            return float("inf")
        left, right = (self._evaluate(graph, point, digits=digits) for graph in (self.graph, changed))
        return float("inf") if left is None or right is None else _apart(self._pairs(left, right))

    def heals(self, changed: Graph) -> bool:
        """Return whether value and gradient are finite at the point, and the right ones."""
        self.notes = []
        body = Body(changed, self.leaves)
        return body.healthy and self._right_value(changed) and self._right_gradient(changed, body)

    def _right_value(self, changed: Graph) -> bool:
        """Return whether the value at the point is the original's, or its limit where it has no value there."""
        mp = self.carrier.library
        found, there = self._evaluate(changed, self.leaves), self._evaluate(self.graph, self.leaves)
        if found is None or there is None:
            return False
        rng = np.random.default_rng(1)
        around = []
        for _ in range(4):
            along = [
                None if t.dtype == BOOL else rng.normal(size=t.shape)[()] for t in self.graph.input_types
            ]
            near = self._evaluate(self.graph, self.leaves, mp.mpf(NEAR), along)
            if near is not None:
                around.append(near)
        for k, outputs in enumerate(found):
            for e, value in enumerate(outputs):
                if mp.isfinite(there[k][e]):
                    if abs(value - there[k][e]) > EQUAL * max(1, abs(value)):
                        return False
                    continue
                limits = [near[k][e] for near in around if mp.isfinite(near[k][e])]
                if not limits or any(abs(value - limit) > CLOSE * max(1, abs(value)) for limit in limits):
                    return False
        return True

    def _right_gradient(self, changed: Graph, body: Body) -> bool:
        """Return whether the gradient is that of the function, wherever the function has one."""
        elements = max(1, sum(type.size for type in changed.input_types))
        if size_of(changed) * 4 * elements > WORK:
            return False
        try:
            found = reference(changed, self.leaves)
        except AdlabError:
            return False
        for kink in found.kinks:
            place = f"[{', '.join(map(str, kink.element))}]" if kink.element else ""
            given = float(np.asarray(body.gradient[kink.input])[kink.element])
            self.notes.append(
                f"By {kink.input}{place} the derivative is {shown(kink.left)} from the left and "
                f"{shown(kink.right)} from the right; the rewritten line gives {shown(given)}."
            )
        kinked = {(kink.input, kink.element) for kink in found.kinks}
        for k, exact in summed(changed, found).items():
            name = changed.inputs[k]
            for spot in np.ndindex(*np.shape(exact)):
                true, given = float(exact[spot]), float(np.asarray(body.gradient[name])[spot])
                if (name, spot) in kinked:
                    continue
                label = name + (f"[{', '.join(map(str, spot))}]" if spot else "")
                if not np.isfinite(true):
                    self.notes.append(
                        f"By {label} the function has no finite derivative here ({shown(true)}); the rewritten "
                        f"line gives {shown(given)}."
                    )
                elif abs(true - given) > 1e-6 * max(1.0, abs(true)):
                    return False
        return True

    def rewrite(self, done: Sequence[tuple[Candidate, Graph]], changed: Graph, culprit: Finding) -> Rewrite:
        """Return the report of a rewrite that passed."""
        candidate, graph = done[-1]
        body = Body(changed, self.leaves)
        before, after = Surgeon(graph).code(candidate)
        if len(done) > 1:
            first, original = done[0]
            before = code_of(original, first.node)
            after = code_of_all(done)
        node = done[0][0].node
        source = self.graph.sources[self.graph.source_ids[node]]
        line = source.text()
        return Rewrite(
            " and ".join(dict.fromkeys(step.name for step, _ in done)),
            candidate.words,
            before,
            after,
            line,
            rewritten_line(line, before, after),
            source,
            changed,
            self.samples,
            self.worst,
            body.outputs,
            body.gradient,
            tuple(self.notes),
        )


def _apart(pairs: Sequence[tuple[Any, Any]]) -> float:
    """Return the largest relative difference."""
    return max((float(abs(a - b) / max(abs(a), abs(b))) for a, b in pairs if a != b), default=0.0)
