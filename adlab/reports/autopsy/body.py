"""A graph at a point with all that went bad in it: values, adjoints and tangents, each with the arithmetic that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from adlab.algebra.notation import Term, symbol
from adlab.algebra.notation import literal as number_term
from adlab.algebra.numpy import NUMPY
from adlab.ir.graph import UNKNOWN, Graph
from adlab.ir.numbering import display_numbers, display_order
from adlab.ir.types import BOOL
from adlab.primitives.rules import Elementwise
from adlab.reports.autopsy.report import Finding, PathStep, all_finite, in_arithmetic, shown
from adlab.transforms.evaluation import branch_error, failing_guard
from adlab.transforms.sweeps import active_nodes, forward_sweep, site_of
from adlab.transforms.unroll import step_of


class Body:
    """A program at a point: its values, adjoints and tangents, and the first bad one of each."""

    def __init__(self, graph: Graph, leaves: Sequence[Any]) -> None:
        self.graph, self.leaves = graph, leaves
        self.values = NUMPY.run(graph, leaves)
        guard = failing_guard(graph, NUMPY, self.values)
        if guard is not None:
            raise branch_error(graph, NUMPY, self.values, guard)
        self.constants = [NUMPY.constant(constant) for constant in graph.constants]
        self.numbers = display_numbers(graph, display_order(graph))
        self.outputs = tuple(NUMPY.outputs(graph, self.values))
        self.adjoints: list[Any] = [None] * len(graph)
        self.bad_adjoints = self._sweep_back()
        self.gradient = {
            name: self._gradient(k) for k, name in enumerate(graph.inputs) if graph.types[k].dtype != BOOL
        }
        found = [*self._bad_values(), *self.bad_adjoints, *self._bad_tangents()]
        self.findings = tuple(finding for finding in found if finding is not None)

    @property
    def healthy(self) -> bool:
        """Whether outputs and gradient are finite."""
        return all(all_finite(v) for v in (*self.outputs, *self.gradient.values()))

    def _gradient(self, position: int) -> Any:
        adjoint, type = self.adjoints[position], self.graph.types[position]
        return np.broadcast_to(0.0 if adjoint is None else adjoint, type.shape).astype(type.dtype)[()]

    def operand(self, j: int) -> Any:
        """Return an operand's value."""
        return self.values[j] if j >= 0 else self.constants[~j]

    def name(self, node: int, mark: str = "") -> str:
        """Return how a trace calls a node, its adjoint or its tangent."""
        return f"v{mark}{self.numbers[node]}".replace("-", "−")

    def formula(self, node: int) -> Term:
        """Return a node as it is written, operands by name."""
        graph = self.graph
        if node < len(graph.inputs):
            return symbol(graph.inputs[node], "", self.values[node])
        terms = tuple(
            symbol("v", self.numbers[j], self.values[j]) if j >= 0 else number_term(self.constants[~j])
            for j in graph.operands[node]
        )
        return Term(graph.primitives[node], terms, self.values[node], graph.params[node])

    def _finding(
        self, kind: str, node: int, target: str, element: tuple[int, ...], value: Any, cause: str
    ) -> Finding:
        graph = self.graph
        return Finding(
            kind, node, self.name(node), graph.primitives[node].name, self.formula(node), target, element,
            float(value), cause, graph.sources[graph.source_ids[node]], step_of(graph, node),
        )  # fmt: skip

    # --------------------------------------------------------------------------------------------- values

    def _bad_values(self) -> list[Finding]:
        """Return the first infinite value and the first NaN that operations made of numbers that were not."""
        found = []
        for bad in (np.isinf, np.isnan):
            for i in range(len(self.graph.inputs), len(self.graph)):
                hit = bad(np.asarray(self.values[i], float))
                xs = [self.operand(j) for j in self.graph.operands[i]]
                if np.any(hit) and not any(np.any(bad(np.asarray(x, float))) for x in xs):
                    found.append(self._bad_value(i, np.argwhere(hit)[0]))
                    break
        return sorted(found, key=lambda finding: finding.index)

    def _bad_value(self, i: int, place: Any) -> Finding:
        element = tuple(int(k) for k in place)
        given = [self._element(self.operand(j), i, element) for j in self.graph.operands[i]]
        value = np.asarray(self.values[i])[element]
        return self._finding("value", i, self.name(i), element, value, _arithmetic(self.graph, i, given))

    def _element(self, value: Any, i: int, element: tuple[int, ...]) -> Any:
        """Return an operand at the element of the result, or whole where it has another shape."""
        try:
            return np.broadcast_to(value, self.graph.types[i].shape)[element]
        except ValueError:
            return value

    # ------------------------------------------------------------------------------------------- adjoints

    def _sweep_back(self) -> list[Finding]:
        """Sweep as reverse mode does, and return the first infinite and the first NaN contribution."""
        graph, adjoints = self.graph, self.adjoints
        wrt = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL]
        active = active_nodes(graph, wrt)
        found: dict[str, Finding] = {}
        for j, type in zip(graph.outputs, graph.output_types, strict=True):
            if j >= 0 and type.dtype != BOOL and active[j]:
                one = np.ones(type.shape, type.dtype)[()]
                adjoints[j] = one if adjoints[j] is None else adjoints[j] + one
        with np.errstate(all="ignore"):
            for i in range(len(graph) - 1, len(graph.inputs) - 1, -1):
                if adjoints[i] is not None and graph.primitives[i].rule is not None:
                    self._pull(i, active, found)
        return sorted(found.values(), key=lambda finding: -finding.index)

    def _pull(self, i: int, active: Sequence[bool], found: dict[str, Finding]) -> None:
        """Send one adjoint on to the operands, noting what turns bad."""
        graph, adjoints = self.graph, self.adjoints
        rule = graph.primitives[i].rule
        assert rule is not None
        site = site_of(graph, i, self.values, self.constants)
        for position, j in enumerate(graph.operands[i]):
            if j < 0 or not active[j]:
                continue
            part = rule.vjp(NUMPY, site, adjoints[i], position)
            if part is None:
                continue
            self._note_bad(i, position, part, found)
            before = adjoints[j]
            adjoints[j] = part if before is None else before + part
            if before is not None:
                self._note_cancelled(i, j, before, part, found)

    def _note_bad(self, i: int, position: int, part: Any, found: dict[str, Finding]) -> None:
        cotangent = self.adjoints[i]
        for word, bad in (("infinite", np.isinf), ("nan", np.isnan)):
            if word in found or not np.any(bad(part)) or np.any(bad(cotangent)):
                continue
            j = self.graph.operands[i][position]
            element, value, cause = self._product(i, position, cotangent, part, bad)
            found[word] = self._finding("adjoint", i, self.name(j, BAR), element, value, cause)

    def _note_cancelled(self, i: int, j: int, before: Any, part: Any, found: dict[str, Finding]) -> None:
        total = np.asarray(self.adjoints[j])
        hit = np.isnan(total) & ~np.isnan(before) & ~np.isnan(part)
        if "nan" in found or not np.any(hit):
            return
        element = tuple(int(k) for k in np.argwhere(hit)[0])
        shape = total.shape
        cause = " + ".join(in_arithmetic(np.broadcast_to(x, shape)[element]) for x in (before, part))
        found["nan"] = self._finding("adjoint", i, self.name(j, BAR), element, np.nan, cause)

    def _product(
        self, i: int, position: int, factor: Any, product: Any, bad: Callable[[Any], Any]
    ) -> tuple[tuple[int, ...], float, str]:
        """Return the element of a bad product, the product there, and its factors in words."""
        graph = self.graph
        rule = graph.primitives[i].rule
        hit = np.asarray(bad(product))
        element = tuple(int(k) for k in np.argwhere(hit)[0])
        value = float(np.asarray(product)[element])
        if not isinstance(rule, Elementwise) or rule.partials[position] is None:
            return element, value, f"the rule of {graph.primitives[i].name}"
        site = site_of(graph, i, self.values, self.constants)
        partial = rule.partials[position]
        assert partial is not None
        shape = graph.types[i].shape
        factor = np.broadcast_to(factor, shape)
        with np.errstate(all="ignore"):
            local = np.broadcast_to(partial(NUMPY, site.y, *site.xs), shape)
            places = np.argwhere(bad(factor * local))
        if not len(places):
            return element, value, f"the sum over elements of {graph.primitives[i].name}"
        place = tuple(int(k) for k in places[0])
        return element, value, f"{in_arithmetic(factor[place])} · {in_arithmetic(local[place])}"

    # ------------------------------------------------------------------------------------------- tangents

    def _bad_tangents(self) -> list[Finding]:
        """Return the first bad tangent, whichever input is moved, where the values are finite so far."""
        graph = self.graph
        for k, type in enumerate(graph.input_types):
            if type.dtype == BOOL:
                continue
            seeds = [
                np.ones(type.shape, type.dtype)[()] if k == q else None for q in range(len(graph.inputs))
            ]
            tangents = forward_sweep(graph, NUMPY, self.values, seeds)
            for i in range(len(graph.inputs), len(graph)):
                finding = self._bad_tangent(i, tangents)
                if finding is not None:
                    return [finding]
        return []

    def _bad_tangent(self, i: int, tangents: Sequence[Any]) -> Finding | None:
        """Return what makes a tangent NaN, or None; an infinite one is reported only with the adjoints."""
        tangent = tangents[i]
        if tangent is None or not np.any(np.isnan(tangent)):
            return None
        given = [tangents[j] if j >= 0 else None for j in self.graph.operands[i]]
        if any(t is not None and np.any(np.isnan(t)) for t in given):
            return None
        for position, t in enumerate(given):
            if t is None or not np.any(np.isnan(self._scaled(i, position, t))):
                continue
            element, value, cause = self._product(i, position, t, self._scaled(i, position, t), np.isnan)
            return self._finding("tangent", i, self.name(i, DOT), element, value, cause)
        element = tuple(int(k) for k in np.argwhere(np.isnan(tangent))[0])
        parts = [self._scaled(i, q, t) for q, t in enumerate(given) if t is not None]
        cause = " + ".join(in_arithmetic(np.broadcast_to(p, np.shape(tangent))[element]) for p in parts)
        return self._finding("tangent", i, self.name(i, DOT), element, np.nan, cause)

    def _scaled(self, i: int, position: int, tangent: Any) -> Any:
        """Return partial times tangent, at one operand."""
        rule = self.graph.primitives[i].rule
        if not isinstance(rule, Elementwise) or rule.partials[position] is None:
            return np.zeros(self.graph.types[i].shape)
        site = site_of(self.graph, i, self.values, self.constants)
        partial = rule.partials[position]
        assert partial is not None
        with np.errstate(all="ignore"):
            return np.asarray(partial(NUMPY, site.y, *site.xs) * tangent)

    # ------------------------------------------------------------------------------------------------ path

    def path(self, culprit: Finding) -> Iterator[PathStep]:
        """Yield the operation that is to blame and what it was computed from, back to an input."""
        graph, i = self.graph, culprit.index
        while True:
            source = UNKNOWN if i < len(graph.inputs) else graph.sources[graph.source_ids[i]]
            yield PathStep(self.name(i), self.formula(i), self.values[i], source, step_of(graph, i))
            operands = [j for j in graph.operands[i] if j >= 0 and graph.types[j].dtype != BOOL]
            if not operands:
                return
            i = next((j for j in operands if not all_finite(self.values[j])), operands[0])


BAR, DOT = "\u0304", "\u0307"

SIGNS = {"add": "+", "subtract": "−", "multiply": "·", "divide": "/"}


def _arithmetic(graph: Graph, i: int, given: Sequence[Any]) -> str:
    """Return an operation with its numbers: "0/0", "log(−1)"."""
    name = graph.primitives[i].name
    if name in SIGNS and not any(np.ndim(x) for x in given):
        return f" {SIGNS[name]} ".join(in_arithmetic(x) for x in given)
    return f"{name}({', '.join(shown(x) for x in given)})"


def count_bad(body: Body) -> int:
    """Return how many values and adjoints are infinite or NaN."""
    adjoints = [a for a in body.adjoints if a is not None]
    return sum(int(np.sum(~np.isfinite(np.asarray(x, float)))) for x in [*body.values, *adjoints])
