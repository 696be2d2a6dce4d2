"""The autopsy of a NaN: which operation made it, out of which numbers, and how to write the line instead.

Values, adjoints and tangents follow IEEE arithmetic, in which 0·∞ and ∞ − ∞ are not numbers. A value can be
perfectly finite and its derivative not: `where` throws a branch away, but its derivative is still multiplied
by 0, and 0·∞ is NaN. The autopsy evaluates, sweeps backwards and forwards, and stops at the first bad number
of each; then it follows the operands back to an input.

A proposed rewrite is not trusted because it is well known. It is carried out on the graph, evaluated beside
the original in fifty digits at random points, and at the point itself its value and derivative are held
against limits found in mpmath. What does not pass is not proposed.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.notation import Term, symbol
from adlab.algebra.notation import literal as number_term
from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import UNKNOWN, Graph, Source
from adlab.ir.numbering import display_numbers, display_order
from adlab.ir.types import BOOL
from adlab.methods.base import make_problem
from adlab.methods.reference import Reference, reference
from adlab.primitives.rules import Elementwise
from adlab.reports.comparison import plain
from adlab.reports.rewrites import Candidate, Surgeon, candidates, code_of
from adlab.transforms.evaluation import branch_error, failing_guard, flatten_args
from adlab.transforms.scopes import expand
from adlab.transforms.sweeps import active_nodes, forward_sweep, site_of

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

ROUNDS = 4
"""Rewrites that may be needed one after the other."""


# ------------------------------------------------------------------------------------------------- the data


@dataclass(frozen=True)
class Finding:
    """One bad number: where it arose and out of what.

    Attributes
    ----------
    kind : {"value", "adjoint", "tangent"}
    index, name : the operation, and how a trace calls it
    primitive : str
    formula : Term
    target : str
        What is bad: the name of a value, adjoint or tangent.
    element : tuple of int
    value : float
        The bad number.
    cause : str
        The arithmetic that made it, with its numbers: "0 · ∞".
    source : Source
    """

    kind: str
    index: int
    name: str
    primitive: str
    formula: Term
    target: str
    element: tuple[int, ...]
    value: float
    cause: str
    source: Source

    @property
    def sentence(self) -> str:
        """Say what went bad, where, and out of which numbers."""
        place = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        line = f" ({self.source})" if self.source.line else ""
        bad = "is not a number" if self.value != self.value else "is infinite"
        through = f"through {self.name}, " if self.kind == "adjoint" else ""
        return (
            f"The first {self.kind} that {bad} is {self.target}{place}, {through}the {self.primitive}{line}: "
            f"{self.cause} = {shown(self.value)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "primitive": self.primitive,
            "target": self.target,
            "element": list(self.element),
            "value": plain(self.value),
            "cause": self.cause,
            "file": self.source.file,
            "line": self.source.line,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class PathStep:
    """One node on the way from the bad operation back to an input."""

    name: str
    formula: Term
    value: Any
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "value": plain(self.value),
            "file": self.source.file,
            "line": self.source.line,
        }


@dataclass(frozen=True)
class Rewrite:
    """Another way to write the line, shown to be the same function.

    Attributes
    ----------
    name : str
        What is done, e.g. "double where".
    words : str
        Why it helps.
    before, after : str
        The expression as NumPy code; names v3 stand for longer parts.
    line, rewritten : str
        The user's line and the line with the expression replaced; empty where it could not be found in it.
    source : Source
    graph : Graph
        The program so rewritten.
    samples : int
        At so many random points both programs were evaluated in fifty digits and agree.
    difference : float
        The largest relative difference among them.
    value : tuple
        The values at the point.
    gradient : mapping of input name to block
        The derivatives at the point, by reverse mode.
    notes : tuple of str
    """

    name: str
    words: str
    before: str
    after: str
    line: str
    rewritten: str
    source: Source
    graph: Graph
    samples: int
    difference: float
    value: tuple[Any, ...]
    gradient: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Say what was shown."""
        return (
            f"{self.name[0].upper()}{self.name[1:]}: {self.words} Equal at {self.samples} random points where "
            f"both are finite (fifty digits, largest relative difference {self.difference:.1g}), and free of "
            "NaN here."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "words": self.words,
            "before": self.before,
            "after": self.after,
            "line": self.line,
            "rewritten": self.rewritten,
            "samples": self.samples,
            "difference": self.difference,
            "value": plain(self.value[0] if len(self.value) == 1 else list(self.value)),
            "gradient": {name: plain(block) for name, block in self.gradient.items()},
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Autopsy:
    """Where a computation or its derivative went bad, and what to write instead.

    Attributes
    ----------
    point : mapping of input name to value
    output : str
        What is differentiated: the result, or the sum of several.
    findings : tuple of Finding
        At most the first infinite and the first NaN among values, adjoints and tangents.
    path : tuple of PathStep
        From the operation that is to blame back to an input.
    rewrite : Rewrite or None
    value : tuple
    gradient : mapping of input name to block
        As reverse mode gives it, of the sum of all outputs.
    truth : mapping of input name to block
        The same to fifty digits, as far as it exists; empty if it was not to be had.
    notes : tuple of str
    """

    point: Mapping[str, Any]
    output: str
    findings: tuple[Finding, ...]
    path: tuple[PathStep, ...]
    rewrite: Rewrite | None
    value: tuple[Any, ...]
    gradient: Mapping[str, Any]
    truth: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether the values and their derivatives are finite."""
        return all(_finite(v) for v in (*self.value, *self.gradient.values()))

    @property
    def sentence(self) -> str:
        """Say what the cause is, or that there is none."""
        if self.findings and not self.healthy:
            worst = next((f for f in self.findings if f.value != f.value), self.findings[0])
            return " ".join([*self._bad_inputs(), worst.sentence])
        if self.findings:
            return (
                f"The value and its derivatives are finite, although {self.findings[0].target} on the way is "
                f"{shown(self.findings[0].value)}."
            )
        if not self.healthy:
            return " ".join(self._bad_inputs()) or "The function returns a literal that is not finite."
        return "The value and its derivatives are finite: nothing went bad."

    def _bad_inputs(self) -> list[str]:
        """Return a sentence for each input that is infinite or NaN from the start."""
        return [
            f"The input {name} holds {shown(value if np.ndim(value) == 0 else np.sum(value))} from the start."
            for name, value in self.point.items()
            if not _finite(value)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "point": {name: plain(value) for name, value in self.point.items()},
            "output": self.output,
            "healthy": self.healthy,
            "sentence": self.sentence,
            "value": plain(self.value[0] if len(self.value) == 1 else list(self.value)),
            "gradient": {name: plain(block) for name, block in self.gradient.items()},
            "truth": {name: plain(block) for name, block in self.truth.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "path": [step.to_dict() for step in self.path],
            "rewrite": self.rewrite.to_dict() if self.rewrite else None,
            "notes": list(self.notes),
        }


def shown(value: Any) -> str:
    """Return a number in six digits, ∞ and NaN as such.

    Examples
    --------
    >>> shown(-2.5), shown(float("-inf"))
    ('−2.5', '−∞')
    """
    if np.ndim(value):
        return f"an array of shape {np.shape(value)}"
    words = {"inf": "∞", "-inf": "−∞", "nan": "NaN"}
    text = f"{float(value):.6g}"
    return words.get(text, text.replace("-", "−"))


def _operand(value: Any) -> str:
    """Return a number as it stands in arithmetic: negative ones in parentheses."""
    text = shown(value)
    return f"({text})" if text.startswith("−") else text


def _finite(value: Any) -> bool:
    return bool(np.all(np.isfinite(np.asarray(value, float))))


# ---------------------------------------------------------------------------------------------- the autopsy


def autopsy(f: Any, *args: Any, names: Sequence[str] | None = None) -> Autopsy:
    """Find out where a value or a derivative became infinite or NaN, and how to write the line instead.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    *args
        The point.
    names : sequence of str, optional
        Names of the arguments.

    Raises
    ------
    InputError
        For arguments that do not fit.

    Examples
    --------
    >>> report = autopsy(lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0)
    >>> report.findings[0].cause, report.rewrite.name
    ('0 · ∞', 'double where')
    >>> float(report.rewrite.gradient["x"])
    0.0
    """
    recording = to_graph(f, args, names)
    if recording.captured:
        raise InputError("autopsy takes a function of numbers; this one closes over a traced value.")
    graph = recording.graph
    if not args and graph.inputs:
        raise InputError(f"An autopsy needs a point: give a value for {', '.join(graph.inputs)}.")
    leaves = flatten_args(graph, args)
    if any(primitive.composite for primitive in graph.primitives):
        graph = expand(graph)
    make_problem(graph, leaves, None, None, NUMPY)
    return _report(graph, leaves)


def _report(graph: Graph, leaves: Sequence[Any]) -> Autopsy:
    body = _Body(graph, leaves)
    notes: list[str] = []
    several = sum(type.size for type in graph.output_types) > 1
    if several:
        notes.append("The function returns several numbers; adjoints and derivatives are those of their sum.")
    truth = _truth(graph, leaves, notes)
    culprit = next((f for f in body.findings if f.value != f.value), next(iter(body.findings), None))
    rewrite = None
    if culprit is not None and not body.healthy and not _really_infinite(body, truth):
        rewrite = _rewrite(graph, leaves, notes)
        if rewrite is None:
            notes.append(
                "No rewrite is proposed: none of those that adlab knows was shown to be equal and finite here."
            )
    return Autopsy(
        dict(zip(graph.inputs, leaves, strict=True)),
        "(sum of the results)" if several else graph.output_names[0],
        body.findings,
        tuple(body.path(culprit)) if culprit else (),
        rewrite,
        body.outputs,
        body.gradient,
        {} if truth is None else {graph.inputs[k]: value for k, value in _summed(graph, truth).items()},
        tuple(notes),
    )


def _truth(graph: Graph, leaves: Sequence[Any], notes: list[str]) -> Reference | None:
    """Return the derivative to fifty digits, or None where there is none or it would take too long."""
    if _work(graph) * 4 * max(1, sum(type.size for type in graph.input_types)) > WORK:
        return None
    try:
        return reference(graph, leaves)
    except AdlabError:
        return None


def _summed(graph: Graph, found: Reference) -> dict[int, Any]:
    """Return, for each input, the derivative of the sum of all outputs, as floats."""
    wrt = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL]
    total: dict[int, Any] = {}
    for k, row in enumerate(found.jacobians):
        axes = tuple(range(len(graph.output_types[k].shape)))
        for position, block in zip(wrt, row, strict=True):
            part = np.asarray(block, dtype=object).astype(float).sum(axis=axes)
            total[position] = total.get(position, 0.0) + part
    return total


def _really_infinite(body: _Body, truth: Reference | None) -> bool:
    """Return whether the derivative holds no NaN, and is infinite only where it is so in truth."""
    if truth is None or any(np.any(np.isnan(np.asarray(v, float))) for v in body.gradient.values()):
        return False
    if not all(_finite(v) for v in body.outputs):
        return False
    exact = _summed(body.graph, truth)
    return all(
        np.array_equal(np.isfinite(exact[k]), np.isfinite(np.asarray(body.gradient[body.graph.inputs[k]])))
        for k in exact
    )


def _work(graph: Graph) -> int:
    return sum(type.size for type in graph.types)


class _Body:
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
        return all(_finite(v) for v in (*self.outputs, *self.gradient.values()))

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
            float(value), cause, graph.sources[graph.source_ids[node]],
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
        cause = " + ".join(_operand(np.broadcast_to(x, shape)[element]) for x in (before, part))
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
        return element, value, f"{_operand(factor[place])} · {_operand(local[place])}"

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
        cause = " + ".join(_operand(np.broadcast_to(p, np.shape(tangent))[element]) for p in parts)
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
            yield PathStep(self.name(i), self.formula(i), self.values[i], source)
            operands = [j for j in graph.operands[i] if j >= 0 and graph.types[j].dtype != BOOL]
            if not operands:
                return
            i = next((j for j in operands if not _finite(self.values[j])), operands[0])


BAR, DOT = "\u0304", "\u0307"

SIGNS = {"add": "+", "subtract": "−", "multiply": "·", "divide": "/"}


def _arithmetic(graph: Graph, i: int, given: Sequence[Any]) -> str:
    """Return an operation with its numbers: "0/0", "log(−1)"."""
    name = graph.primitives[i].name
    if name in SIGNS and not any(np.ndim(x) for x in given):
        return f" {SIGNS[name]} ".join(_operand(x) for x in given)
    return f"{name}({', '.join(shown(x) for x in given)})"


# ------------------------------------------------------------------------------------------------- rewrites


def _rewrite(graph: Graph, leaves: Sequence[Any], notes: list[str]) -> Rewrite | None:
    """Return the first rewrite that is shown to be equal and free of NaN at the point."""
    if _work(graph) * 2 * ENOUGH > WORK:
        notes.append("The program is too large to show a rewrite equal in fifty digits, so none is proposed.")
        return None
    try:
        trials, current = _Trials(graph, leaves), graph
    except AdlabError as error:
        notes.append(f"A rewrite cannot be shown equal in fifty digits: {error}")
        return None
    done: list[tuple[Candidate, Graph]] = []
    for _ in range(ROUNDS):
        body = _Body(current, leaves)
        step: tuple[Candidate, Graph] | None = None
        for culprit in sorted(body.findings, key=lambda f: (f.value == f.value, f.kind == "tangent")):
            for candidate in candidates(current, body.values, culprit.index):
                changed = Surgeon(current).apply(candidate)
                if changed is None or not trials.equal(changed):
                    continue
                if trials.heals(changed):
                    return trials.rewrite([*done, (candidate, current)], changed, culprit)
                if step is None and _moved_on(changed, leaves, body):
                    step = (candidate, changed)
        if step is None:
            return None
        done.append((step[0], current))
        current = step[1]
    return None


def _moved_on(changed: Graph, leaves: Sequence[Any], body: _Body) -> bool:
    """Return whether a rewrite leaves fewer bad adjoints and values than there were."""
    return _count_bad(_Body(changed, leaves)) < _count_bad(body)


def _count_bad(body: _Body) -> int:
    adjoints = [a for a in body.adjoints if a is not None]
    return sum(int(np.sum(~np.isfinite(np.asarray(x, float)))) for x in [*body.values, *adjoints])


class _Trials:
    """The original in fifty digits at random points, and what a rewrite must do there."""

    def __init__(self, graph: Graph, leaves: Sequence[Any]) -> None:
        self.graph, self.leaves = graph, leaves
        self.carrier = MpmathAlgebra(50)
        count = max(ENOUGH, min(SAMPLES, WORK // (2 * max(1, _work(graph)))))
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
        body = _Body(changed, self.leaves)
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

    def _right_gradient(self, changed: Graph, body: _Body) -> bool:
        """Return whether the gradient is that of the function, wherever the function has one."""
        elements = max(1, sum(type.size for type in changed.input_types))
        if _work(changed) * 4 * elements > WORK:
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
        for k, exact in _summed(changed, found).items():
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
        body = _Body(changed, self.leaves)
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


def code_of_all(done: Sequence[tuple[Candidate, Graph]]) -> str:
    """Return the code of several rewrites, one after the other."""
    return "; ".join(Surgeon(graph).code(step)[1] for step, graph in done)


def rewritten_line(line: str, before: str, after: str) -> str:
    """Return a line of Python with one of its expressions replaced; empty if it does not hold that expression.

    Examples
    --------
    >>> rewritten_line("return a + x*np.log(x)", "x * np.log(x)", "xlogy(x, x)")
    'return a + xlogy(x, x)'
    """
    text = textwrap.dedent(line).strip()
    try:
        wanted = _normal(ast.parse(before, mode="eval").body)
        tree = ast.parse(text if not text.endswith(":") else f"{text} pass")
    except (SyntaxError, ValueError, RecursionError):
        return ""
    data = text.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _normal(node) == wanted and node.lineno == 1:
            return (data[: node.col_offset] + after.encode() + data[node.end_col_offset :]).decode()
    return ""


def _normal(node: ast.expr) -> str:
    """Return an expression in one spelling: without the module before a function, 1.0 as 1."""
    text = ast.unparse(node)
    for prefix in ("np.", "numpy.", "ad.", "adlab.", "jnp."):
        text = text.replace(prefix, "")
    return text.replace(".0", "")


__all__ = ["Autopsy", "Finding", "PathStep", "Rewrite", "autopsy"]
