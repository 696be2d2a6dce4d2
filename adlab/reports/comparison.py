"""All the ways to differentiate one function at one point, side by side, against fifty digits.

The report is data. For each method it holds the value, the gradient (or Jacobian), the error, the cost and
the time, and a sentence that says why the method is off, or why it has no answer here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.methods import METHODS, method_named
from adlab.methods.base import Cost, Derivative, make_problem
from adlab.methods.numerical import SCHEMES
from adlab.methods.reference import Kinked, Reference, absolute_error, reference, relative_error, ulps
from adlab.reports.badvalues import BadNode, first_bad_node, nodes_on_kinks
from adlab.transforms.evaluation import evaluate_checked, flatten_args

HALF = 0.5 + 1e-9
"""Within half a unit in the last place no other number is closer."""

COARSE = 1e-9
"""A relative error that rounding alone rarely explains."""

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

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
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
        In the order of the table of methods; further schemes of numerical differentiation follow.
    bad : BadNode or None
        The first node with an infinite or undefined value, if there is one.
    remarks : tuple of str
        Where the value itself is wrong, where a value is held constant on purpose.
    """

    point: Mapping[str, Any]
    reference: ReferenceReport
    methods: tuple[MethodReport, ...]
    bad: BadNode | None = None
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
            f"{k.right:.6g}, from the left "
            f"{k.left:.6g}: the point is on a kink, and each method follows its own convention."
            for k in self.reference.kinks
        )
        bad = (self.bad.sentence,) if self.bad else ()
        missing = (f"There is no reference: {self.reference.reason}",) if self.reference.reason else ()
        return bad + self.remarks + kinks + self.reference.notes + missing

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
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return numbers and arrays as JSON takes them: nested lists, and "inf", "-inf", "nan" for what has no
    number.

    Examples
    --------
    >>> plain(np.array([1.0, np.inf]))
    [1.0, 'inf']
    """
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    return value


# -------------------------------------------------------------------------------------------------- comparing


def compare(
    f: Any,
    *args: Any,
    methods: str | Sequence[str] | None = None,
    wrt: str | Sequence[str] | None = None,
    schemes: str | Sequence[str] = (),
    digits: int = 50,
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
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "compare takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    return compare_graph(recording.graph, flatten_args(recording.graph, args), names, wrt, schemes, digits)


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
) -> Comparison:
    """Return the comparison on a graph; ``values`` is one number or array per input."""
    positions = make_problem(graph, values, wrt, None, NUMPY).wrt
    if not positions:
        raise InputError(
            "The function has no input that holds numbers, so there is nothing to differentiate by."
        )
    question = _Question(graph, tuple(values), positions, digits)
    reports = [question.report(name) for name in methods]
    reports += [question.report(f"numerical:{scheme}", scheme=scheme) for scheme in schemes]
    nodes = NUMPY.run(graph, values)
    point = {graph.inputs[k]: values[k] for k in positions}
    bad = first_bad_node(graph, nodes)
    return Comparison(point, question.reference_report(), tuple(reports), bad, question.remarks(nodes))


class _Question:
    """A function at a point, with its reference."""

    def __init__(
        self, graph: Graph, values: tuple[Any, ...], positions: tuple[int, ...], digits: int
    ) -> None:
        self.graph, self.values, self.positions, self.digits = graph, values, positions, digits
        self.exact: Reference | None = None
        self.missing = ""
        try:
            self.exact = reference(graph, values, positions, digits=digits)
        except InputError:
            raise
        except AdlabError as error:
            self.missing = str(error)

    def report(self, name: str, **options: Any) -> MethodReport:
        """Return what one method gives, or why it gives nothing."""
        method = method_named(name.partition(":")[0])
        title = method.title + (f", {options['scheme']} scheme" if options else "")
        try:
            found, seconds = timed(
                lambda: method.derivative(self.graph, self.values, self.positions, **options)
            )
        except AdlabError as error:
            return MethodReport(name, title, None, {}, None, None, None, None, None, f"No answer: {error}")
        errors = self._errors(found)
        return MethodReport(
            name,
            title,
            _single(found.values),
            self._by_name(found.jacobians),
            *errors,
            found.cost,
            seconds,
            self._reason(found, options.get("scheme", "central"), errors),
        )

    def _by_name(self, jacobians: Sequence[Sequence[Any]]) -> dict[str, Any]:
        names = [self.graph.inputs[k] for k in self.positions]
        return {name: _single([row[i] for row in jacobians]) for i, name in enumerate(names)}

    def _errors(self, found: Derivative) -> tuple[float | None, float | None, float | None]:
        """Return relative and absolute error and ulps, each the worst over all elements that have a derivative."""
        if self.exact is None:
            return None, None, None
        pairs = [
            pair
            for row, exact_row in zip(found.jacobians, self.exact.jacobians, strict=True)
            for k, block, exact in zip(self.positions, row, exact_row, strict=True)
            if (pair := self._off_kinks(k, block, exact)) is not None
        ]
        if not pairs:
            return None, None, None
        return (
            max(relative_error(block, exact) for block, exact in pairs),
            max(absolute_error(block, exact) for block, exact in pairs),
            max(ulps(block, exact, np.asarray(block).dtype) for block, exact in pairs),
        )

    def _off_kinks(self, position: int, block: Any, exact: Any) -> tuple[Any, Any] | None:
        """Return a block and its reference without the elements on a kink: no number is right or wrong there."""
        assert self.exact is not None
        name, shape = self.graph.inputs[position], self.graph.types[position].shape
        kinked = [kink.element for kink in self.exact.kinks if kink.input == name]
        if not kinked:
            return block, exact
        keep = np.ones(shape, bool)
        for element in kinked:
            keep[element] = False
        if not keep.any():
            return None
        return np.asarray(block)[..., keep], np.asarray(exact)[..., keep]

    def _reason(self, found: Derivative, scheme: str, errors: tuple[float | None, ...]) -> str:
        return " ".join([*_reasons(self, found, scheme, errors), *found.notes])

    def reference_report(self) -> ReferenceReport:
        """Return the reference as text and as numbers."""
        exact = self.exact
        if exact is None:
            return ReferenceReport(None, {}, None, {}, self.digits, reason=self.missing)
        blocks = self._by_name(exact.jacobians)
        return ReferenceReport(
            _mapped(_single(exact.values), float),
            {name: _mapped(block, float) for name, block in blocks.items()},
            _mapped(_single(exact.values), self._text, listed=True),
            {name: _mapped(block, self._text, listed=True) for name, block in blocks.items()},
            exact.digits,
            exact.kinks,
            exact.notes,
        )

    def remarks(self, nodes: Sequence[Any]) -> tuple[str, ...]:
        """Return what a reader should know besides: a value that rounding destroyed, a gradient that is stopped."""
        found = []
        if self.exact is not None:
            values = [
                nodes[j] if j >= 0 else NUMPY.constant(self.graph.constants[~j]) for j in self.graph.outputs
            ]
            pairs = zip(values, self.exact.values, strict=True)
            worst = max((relative_error(value, exact) for value, exact in pairs), default=0.0)
            if COARSE_VALUE < worst < np.inf:
                found.append(
                    f"The value itself is off by {worst:.2g} of its size, by rounding in the evaluation: the problem is "
                    "ill-conditioned here as it is written, and no method's derivative is worth more than its value."
                )
        if any(primitive.name == "stop_gradient" for primitive in self.graph.primitives):
            found.append(
                "stop_gradient holds a value constant in forward and reverse mode; differences, the symbolic method and "
                "the reference differentiate through it, so they answer another question."
            )
        return tuple(found)

    def _text(self, number: Any) -> str:
        import mpmath

        return str(mpmath.nstr(number, self.digits)) if not isinstance(number, bool) else str(number)


COARSE_VALUE = 1e-10
"""A relative error of the value beyond this is worth a remark."""


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


def _single(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _mapped(value: Any, function: Callable[[Any], Any], listed: bool = False) -> Any:
    """Return ``function`` of every element; arrays stay arrays, or become nested lists."""
    if isinstance(value, tuple):
        return tuple(_mapped(item, function, listed) for item in value)
    if not isinstance(value, np.ndarray):
        return function(value)
    result = np.vectorize(function, otypes=[object])(value) if value.size else value
    return result.tolist() if listed else result.astype(np.float64)


# ---------------------------------------------------------------------------------------------------- reasons


def _reasons(
    question: _Question, found: Derivative, scheme: str, errors: tuple[float | None, ...]
) -> list[str]:
    """Return sentences on why a method's answer is not the reference."""
    relative, absolute, distance = errors
    if question.exact is not None and question.exact.kinks:
        return [_kink_reason(question, found)]
    if relative is None or absolute is None or distance is None:
        return ["There is no reference to compare with."]
    if np.isnan(absolute) or not _all_finite(question.exact):
        return [_infinite_reason(question, found)]
    if distance <= HALF:
        return ["Exact to the last bit: the reference, rounded, is this number."]
    if not np.isfinite(absolute):
        return [_infinite_reason(question, found)]
    if found.method != "numerical":
        sitting = nodes_on_kinks(question.graph, NUMPY.run(question.graph, question.values))
        if sitting and relative > COARSE:
            return [f"Off by {absolute:.3g}, although the function is smooth here: {sitting[0].sentence}"]
        return [f"Off by {distance:.3g} ulp: rounding of the single operations, {absolute:.3g} in size."]
    return [_numerical_reason(question, found, scheme, absolute)]


def _all_finite(exact: Reference | None) -> bool:
    """Return whether every value and derivative of the reference is a finite number or an infinite limit."""
    if exact is None:
        return False
    blocks = [*exact.values, *(block for row in exact.jacobians for block in row)]
    return not any(np.any(np.isnan(np.asarray(block, dtype=object).astype(float))) for block in blocks)


def _infinite_reason(question: _Question, found: Derivative) -> str:
    """Say why an infinity or NaN stands where the reference has another value, or the other way round."""
    assert question.exact is not None
    if not all(np.all(np.isfinite(np.asarray(v, dtype=object).astype(float))) for v in question.exact.values):
        return (
            "The function itself has no finite value here, hence no derivative; "
            "what is shown is what IEEE arithmetic makes of the formula."
        )
    if found.method == "numerical":
        return "The steps leave the domain, or meet an infinite value: differences need both sides."
    return "The derivative is infinite or undefined here, or one of its terms is, such as 0·∞."


def _kink_reason(question: _Question, found: Derivative) -> str:
    """Say which convention a method follows at a kink."""
    assert question.exact is not None
    kink = question.exact.kinks[0]
    column = [question.graph.inputs[k] for k in question.positions].index(kink.input)
    block = np.asarray(found.jacobians[kink.output][column])
    place: Any = (..., *kink.element)
    given = block[place] if kink.element else block
    shown = f"{float(given):.6g}" if np.ndim(given) == 0 else "its own value"
    conventions = _conventions(question.graph) if found.method in ("forward", "reverse") else []
    rule = f" ({'; '.join(conventions)})" if conventions else ""
    return (
        f"On a kink in {kink.input}: the derivative is {kink.right:.6g} from the right and {kink.left:.6g} "
        "from the left; "
        f"this method's convention gives {shown}{rule}."
    )


def _conventions(graph: Graph) -> list[str]:
    """Return the conventions of the primitives in the graph that have kinks."""
    rows = {primitive.name: primitive for primitive in graph.primitives if primitive.kinks}
    return [f"{name} at {kink.where}: {kink.convention}" for name, row in rows.items() for kink in row.kinks]


def _numerical_reason(question: _Question, found: Derivative, scheme: str, absolute: float) -> str:
    """Say how much of a difference's error is truncation and how much is rounding."""
    if scheme == "complex":
        return (
            f"Off by {absolute:.3g}: the complex step subtracts nothing; this is rounding of the operations."
        )
    if scheme == "richardson":
        return f"Off by {absolute:.3g}: what extrapolation to h → 0 leaves of truncation and rounding."
    parts = _difference_parts(question, found, scheme)
    if parts is None:
        return f"Off by {absolute:.3g}: truncation and rounding of the difference, which could not be told apart here."
    h, truncation, rounding = parts
    larger = "truncation" if truncation > rounding else "rounding"
    return (
        f"Off by {absolute:.3g} with h = {h:.3g}: computed exactly, the same difference would be off by "
        f"{truncation:.2g} (truncation); the other {rounding:.2g} is rounding. So it is mostly {larger}."
    )


def _difference_parts(
    question: _Question, found: Derivative, scheme: str
) -> tuple[float, float, float] | None:
    """Return step, truncation and rounding of the worst element, measured: the same difference in many digits.

    Truncation is what the difference is off by without rounding; the rest of its error is rounding.
    """
    assert question.exact is not None
    worst = _worst_element(found, question.exact)
    if worst is None:
        return None
    row, column, place, error = worst
    position = question.positions[column]
    type, shape = question.graph.types[position], question.graph.types[position].shape
    element = place[len(place) - len(shape) :]
    x = float(np.asarray(question.values[position])[element])
    epsilon = float(np.finfo(type.dtype).eps)
    h = epsilon ** (1 / 3 if scheme == "central" else 1 / 2) * max(1.0, abs(x))
    try:
        slopes = _exact_difference(question, position, element, scheme, h)
    except (AdlabError, ArithmeticError, TypeError, ValueError):
        return None
    slope = np.asarray(slopes[row], dtype=object)[place[: len(place) - len(shape)]]
    exact = np.asarray(question.exact.jacobians[row][column], dtype=object)[place]
    truncation, total = float(abs(slope - exact)), float(error)
    if not np.isfinite(truncation):
        return None
    computed = float(np.asarray(found.jacobians[row][column])[place])
    return h, truncation, float(abs(computed - slope)) if np.isfinite(total) else total


def _worst_element(found: Derivative, exact: Reference) -> tuple[int, int, tuple[int, ...], float] | None:
    """Return (output, column, element, error) of the largest finite error of a Jacobian."""
    best: tuple[int, int, tuple[int, ...], float] | None = None
    for row, (blocks, truths) in enumerate(zip(found.jacobians, exact.jacobians, strict=True)):
        for column, (block, truth) in enumerate(zip(blocks, truths, strict=True)):
            apart = np.abs(np.asarray(block, dtype=float) - np.asarray(truth, dtype=object).astype(float))
            if apart.size == 0 or not np.any(np.isfinite(apart)):
                continue
            place = tuple(int(k) for k in np.unravel_index(int(np.nanargmax(apart)), apart.shape))
            if best is None or apart[place] > best[3]:
                best = (row, column, place, float(apart[place]))
    return best


def _exact_difference(
    question: _Question, position: int, element: tuple[int, ...], scheme: str, h: float
) -> list[Any]:
    """Return the difference of every output by one input element, in sixty digits, with the step ``h``."""
    carrier = MpmathAlgebra(60)

    def outputs(t: float) -> list[Any]:
        inputs = [carrier.array(np.asarray(v)) for v in question.values]
        moved = carrier.number(t)
        if element:
            inputs[position] = np.array(inputs[position], dtype=object)
            inputs[position][element] = inputs[position][element] + moved
        else:
            inputs[position] = inputs[position] + moved
        return carrier.outputs(question.graph, evaluate_checked(question.graph, carrier, inputs))

    low = outputs(-h) if scheme == "central" else outputs(0.0)
    width = carrier.number(2 * h if scheme == "central" else h)
    return [
        (np.asarray(b, dtype=object) - np.asarray(a, dtype=object)) / width
        for a, b in zip(low, outputs(h), strict=True)
    ]


def difference_errors(
    graph: Graph, values: Sequence[Any], positions: Sequence[int], scheme: str, h: float | None = None
) -> tuple[float, float, float]:
    """Return the step of a difference scheme with estimates of its truncation and rounding errors.

    Parameters
    ----------
    graph, values, positions
        The function, the point and the inputs.
    scheme : {"central", "forward"}
    h : float, optional
        The step; by default the method's own for the largest input.

    Returns
    -------
    h, truncation, rounding : float
        Truncation from the difference between steps h and 2h (a fraction 1/3 for the central scheme, all of
        it for the forward one), rounding as ε·max|f|/h.
    """
    epsilon = max(float(np.finfo(graph.types[k].dtype).eps) for k in positions)
    if h is None:
        size = max([1.0, *[float(np.max(np.abs(values[k]), initial=0)) for k in positions]])
        h = float(epsilon ** (1 / 3 if scheme == "central" else 1 / 2) * size)
    method = METHODS["numerical"]
    near, far = (method.derivative(graph, values, positions, scheme=scheme, h=step) for step in (h, 2 * h))
    apart = max(
        (
            float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0))
            for row, wide in zip(near.jacobians, far.jacobians, strict=True)
            for a, b in zip(row, wide, strict=True)
        ),
        default=0.0,
    )
    outputs = [v for v, type in zip(near.values, graph.output_types, strict=True) if type.dtype != BOOL]
    size = max((float(np.max(np.abs(v), initial=0)) for v in outputs), default=0.0)
    return h, apart / (3 if scheme == "central" else 1), epsilon * size / h
