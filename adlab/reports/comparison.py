"""All the ways to differentiate one function at one point, side by side, against fifty digits.

The report is data. For each method it holds the value, the gradient (or Jacobian), the error, the cost and
the time, and a sentence that says why the method is off, or why it has no answer here. Where methods disagree by
more than they may, the node at which they part is named; other systems that are installed can be asked as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.methods import METHODS, method_named
from adlab.methods.base import Cost, Derivative, make_problem
from adlab.methods.numerical import SCHEMES
from adlab.methods.reference import Kinked, relative_error
from adlab.reports.badvalues import BadNode, Singularities, bad_nodes, bad_words, singularities
from adlab.reports.disagreements import Disagreement, disagreements
from adlab.reports.peers import PEERS, Peer, peer_named
from adlab.reports.plain import plain
from adlab.reports.question import Question, mapped, single
from adlab.reports.reasons import reason
from adlab.reports.trial import Answer
from adlab.transforms.evaluation import flatten_args

COARSE_VALUE = 1e-10
"""A relative error of the value beyond this is worth a remark."""

SYMBOLIC_WORK = 1_500_000
SYMBOLIC_BASE = 300
SYMBOLIC_LIMIT = 50_000
"""SymPy takes some ten seconds for a program in which elements · (base + elements to differentiate by) is this work, and for a
derivative of so many operations written out.
"""

REPEATS = 3
LONG = 1.0
"""The time is the best of so many runs, as long as they take no more than so many seconds together."""


@dataclass(frozen=True)
class MethodReport:
    """What one method gave.

    Attributes
    ----------
    name, title : str
    value : number, array or tuple of them; None where the method has no answer
    gradient : mapping of input name to array
        Blocks of shape ``output.shape + input.shape``; a tuple of them where the function has several
        outputs.
    relative_error, absolute_error, ulps : float or None
        The worst over all elements of the gradient; None without an answer or without a reference.
    cost : Cost or None
    seconds : float or None
    reason : str
        Why it is off, or why there is no answer; a statement of exactness otherwise.
    error_bar : mapping of input name to array
        How far the method itself thinks it may be off; empty where it does not say.
    """

    name: str
    title: str
    value: Any
    gradient: Mapping[str, Any]
    relative_error: float | None
    absolute_error: float | None
    ulps: float | None
    cost: Cost | None
    seconds: float | None
    reason: str
    error_bar: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        bars = {name: plain(bar) for name, bar in self.error_bar.items()}
        return {
            **({"error_bar": bars} if bars else {}),
            "name": self.name,
            "title": self.title,
            "value": plain(self.value),
            "gradient": {name: plain(block) for name, block in self.gradient.items()},
            "relative_error": plain(self.relative_error),
            "absolute_error": plain(self.absolute_error),
            "ulps": plain(self.ulps),
            "cost": self.cost.to_dict() if self.cost else None,
            "seconds": self.seconds,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class ReferenceReport:
    """The reference as text of ``digits`` digits and as the nearest numbers; ``reason`` says why there is
    none.
    """

    value: Any
    gradient: Mapping[str, Any]
    value_digits: Any
    gradient_digits: Mapping[str, Any]
    digits: int
    kinks: tuple[Kinked, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "value": plain(self.value),
            "gradient": {name: plain(block) for name, block in self.gradient.items()},
            "digits": self.digits,
            "value_digits": self.value_digits,
            "gradient_digits": dict(self.gradient_digits),
            "kinks": [
                {"input": k.input, "element": list(k.element), "right": plain(k.right), "left": plain(k.left)}
                for k in self.kinks
            ],
            "notes": list(self.notes),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Comparison:
    """Every method on one function at one point.

    Attributes
    ----------
    point : mapping of input name to value
    reference : ReferenceReport
    methods : tuple of MethodReport
        In the order of the table of methods; further schemes of numerical differentiation and other systems follow.
    bad : tuple of BadNode
        The nodes at which a value became infinite or undefined.
    singular : Singularities
        Where an infinite derivative comes from, and which nodes sit on a kink.
    disagreements : tuple of Disagreement
        Who disagrees beyond what the methods promise, the node where they part, and why.
    remarks : tuple of str
        Where the value itself is wrong, where a value is held constant on purpose.
    """

    point: Mapping[str, Any]
    reference: ReferenceReport
    methods: tuple[MethodReport, ...]
    bad: tuple[BadNode, ...] = ()
    singular: Singularities = field(default_factory=Singularities)
    disagreements: tuple[Disagreement, ...] = ()
    remarks: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> MethodReport:
        for report in self.methods:
            if report.name == name:
                return report
        raise InputError(
            f"The comparison has no method {name!r}; it has {', '.join(r.name for r in self.methods)}."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that concern all methods: where values went bad, where the point sits on a kink."""
        kinks = tuple(
            f"At {k.input}{list(k.element) if k.element else ''} the derivative from the right is "
            f"{k.right:.6g}, from the left {k.left:.6g}: the point is on a kink, and each method follows its own convention."
            for k in self.reference.kinks
        )
        bad = (bad_words(self.bad),) if self.bad else ()
        missing = (f"There is no reference: {self.reference.reason}",) if self.reference.reason else ()
        parted = tuple(item.sentence for item in self.disagreements)
        told = {item.node.index for item in self.disagreements if item.node and item.cause == "kink"}
        kinked = tuple(kink for kink in self.singular.kinks if kink.node.index not in told)
        singular = replace(self.singular, kinks=kinked)
        return (
            *bad,
            *self.remarks,
            *kinks,
            *parted,
            *singular.sentences,
            *self.reference.notes,
            *missing,
        )

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return headings and one row of raw values per method, for a renderer to format."""
        names = list(self.point)
        headings = [
            "method",
            "value",
            *[f"∂/∂{name}" for name in names],
            "relative error",
            "ulps",
            "evaluations",
            "passes",
        ]
        headings += ["operations", "seconds", "why"]
        rows = []
        for m in self.methods:
            cost = m.cost
            counts = (
                [cost.evaluations, cost.forward_passes + cost.reverse_passes, sum(cost.operations.values())]
                if cost
                else [None] * 3
            )
            gradient = [m.gradient.get(name) for name in names]
            rows.append([m.name, m.value, *gradient, m.relative_error, m.ulps, *counts, m.seconds, m.reason])
        return headings, rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it: no NaN, no infinity, arrays as lists."""
        return {
            "point": {name: plain(value) for name, value in self.point.items()},
            "reference": self.reference.to_dict(),
            "methods": [report.to_dict() for report in self.methods],
            "disagreements": [item.to_dict() for item in self.disagreements],
            "bad": [bad.to_dict() for bad in self.bad],
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


# -------------------------------------------------------------------------------------------------- comparing


def compare(
    f: Any,
    *args: Any,
    methods: str | Sequence[str] | None = None,
    wrt: str | Sequence[str] | None = None,
    schemes: str | Sequence[str] = (),
    digits: int = 50,
    peers: str | Sequence[str] = (),
) -> Comparison:
    """Differentiate a function by every method and compare with a reference of fifty digits.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    *args
        The point.
    methods : str or sequence of str, optional
        Which methods; by default all four.
    wrt : str or sequence of str, optional
        Names of the inputs to differentiate by; by default all that hold numbers.
    schemes : str or sequence of str
        Further schemes of numerical differentiation, reported as ``numerical:forward`` and so on.
    digits : int
        Of the reference.
    peers : str or sequence of str
        Other systems to ask as well: "autograd", "jax", "torch", "casadi", or "all". One that is not installed, or
        lacks an operation, says so.

    Raises
    ------
    InputError
        For unknown names and for arguments that do not fit.

    Examples
    --------
    >>> report = compare(lambda x1, x2: np.log(x1) + x1 * x2 - np.sin(x2), 2.0, 5.0)
    >>> [(m.name, m.relative_error < 1e-9) for m in report.methods]
    [('numerical', True), ('symbolic', True), ('forward', True), ('reverse', True)]
    >>> report["reverse"].ulps < 4
    True
    """
    names = tuple(METHODS) if methods is None else _words(methods)
    schemes, wrt = _words(schemes), None if wrt is None else _words(wrt)
    for name in names:
        method_named(name)
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise InputError(f"There is no scheme {scheme!r}; the schemes are {', '.join(SCHEMES)}.")
    asked = tuple(PEERS) if peers == "all" else _words(peers)
    for peer in asked:
        peer_named(peer)
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "compare takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    point = flatten_args(recording.graph, args)
    return compare_graph(recording.graph, point, names, wrt, schemes, digits, asked)


def _words(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given)


def compare_graph(
    graph: Graph,
    values: Sequence[Any],
    methods: Sequence[str],
    wrt: Sequence[str] | None,
    schemes: Sequence[str],
    digits: int,
    peers: Sequence[str] = (),
) -> Comparison:
    """Return the comparison on a graph; ``values`` is one number or array per input."""
    positions = make_problem(graph, values, wrt, None, NUMPY).wrt
    if not positions:
        raise InputError(
            "The function has no input that holds numbers, so there is nothing to differentiate by."
        )
    question = Question(graph, tuple(values), positions, digits)
    asked: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in methods]
    asked += [(f"numerical:{scheme}", {"scheme": scheme}) for scheme in schemes]
    answers = [_report(question, name, **options) for name, options in asked]
    given = [
        Answer(report.name, options.get("scheme", "central"), found)
        for (_, options), (report, found) in zip(asked, answers, strict=True)
        if found is not None
    ]
    nodes = NUMPY.run(graph, values)
    blocks = [b for answer in given for row in answer.found.jacobians for b in row]
    return Comparison(
        {graph.inputs[k]: values[k] for k in positions},
        _reference_report(question),
        (*(report for report, _ in answers), *(_peer_report(question, peer_named(name)) for name in peers)),
        tuple(bad_nodes(graph, nodes)),
        singularities(graph, nodes, blocks),
        disagreements(question, given),
        _remarks(question, nodes),
    )


def _report(question: Question, name: str, **options: Any) -> tuple[MethodReport, Derivative | None]:
    """Return what one method gives, or why it gives nothing."""
    method = method_named(name.partition(":")[0])
    title = method.title + (f", {options['scheme']} scheme" if options else "")
    try:
        bounds = _bounds(question, method.name)
        found, seconds = timed(
            lambda: method.derivative(
                question.graph, question.values, question.positions, **options, **bounds
            )
        )
    except AdlabError as error:
        return without_answer(name, title, f"No answer: {error}"), None
    errors = question.errors(found)
    report = MethodReport(
        name,
        title,
        single(found.values),
        question.by_name(found.jacobians),
        *errors,
        found.cost,
        seconds,
        reason(question, found, options.get("scheme", "central"), errors),
        question.by_name(found.error) if found.error else {},
    )
    return report, found


def _bounds(question: Question, name: str) -> dict[str, Any]:
    """Return the options that keep a method from taking minutes; raise `MethodError` where it would all the same."""
    if name != "symbolic":
        return {}
    types = question.graph.types
    elements, wanted = sum(type.size for type in types), sum(types[k].size for k in question.positions)
    if elements * (SYMBOLIC_BASE + wanted) > SYMBOLIC_WORK:
        raise MethodError(
            f"the program has {elements:,} intermediate numbers and {wanted:,} to differentiate by, for which SymPy may take "
            "minutes; ad.grad(f, method='symbolic') asks it nevertheless."
        )
    return {"limit": SYMBOLIC_LIMIT}


def _peer_report(question: Question, peer: Peer) -> MethodReport:
    """Return what another system gives, or why it gives nothing."""
    try:
        call = peer.prepare(question.graph, question.values, question.positions)
        (values, jacobians), seconds = timed(call)
    except MethodError as error:
        return without_answer(peer.name, peer.title, f"No answer: {error}")
    except Exception as error:  # whatever another library raises is its answer
        first = str(error).strip().splitlines() or [type(error).__name__]
        return without_answer(peer.name, peer.title, f"No answer: {peer.title} says: {first[0]}")
    found = Derivative(peer.name, tuple(values), tuple(map(tuple, jacobians)), Cost())
    errors = question.errors(found)
    return MethodReport(
        peer.name,
        peer.title,
        single(found.values),
        question.by_name(found.jacobians),
        *errors,
        None,
        seconds,
        reason(question, found, "", errors),
    )


def without_answer(name: str, title: str, why: str) -> MethodReport:
    """Return the report of what gave nothing."""
    return MethodReport(name, title, None, {}, None, None, None, None, None, why)


def _reference_report(question: Question) -> ReferenceReport:
    """Return the reference as text and as numbers."""
    exact = question.exact
    if exact is None:
        return ReferenceReport(None, {}, None, {}, question.digits, reason=question.missing)
    blocks = question.by_name(exact.jacobians)

    def text(number: Any) -> str:
        import mpmath

        return str(number) if isinstance(number, bool) else str(mpmath.nstr(number, question.digits))

    return ReferenceReport(
        mapped(single(exact.values), float),
        {name: mapped(block, float) for name, block in blocks.items()},
        mapped(single(exact.values), text, listed=True),
        {name: mapped(block, text, listed=True) for name, block in blocks.items()},
        exact.digits,
        exact.kinks,
        exact.notes,
    )


def _remarks(question: Question, nodes: Sequence[Any]) -> tuple[str, ...]:
    """Return what a reader should know besides: a value that rounding destroyed, a gradient that is stopped."""
    found = []
    if question.exact is not None:
        pairs = zip(NUMPY.outputs(question.graph, nodes), question.exact.values, strict=True)
        worst = max((relative_error(value, exact) for value, exact in pairs), default=0.0)
        if COARSE_VALUE < worst < np.inf:
            found.append(
                f"The value itself is off by {worst:.2g} of its size, by rounding in the evaluation: the problem is "
                "ill-conditioned here as it is written, and no method's derivative is worth more than its value."
            )
    if any(primitive.name == "stop_gradient" for primitive in question.graph.primitives):
        found.append(
            "stop_gradient holds a value constant in forward and reverse mode; differences, the symbolic method and "
            "the reference differentiate through it, so they answer another question."
        )
    return tuple(found)


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and the seconds it takes: the best of a few runs, one run if that is long."""
    best = spent = float("inf")
    begin = time.perf_counter()
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
        spent = time.perf_counter() - begin
        if spent > LONG:
            break
    return result, best
