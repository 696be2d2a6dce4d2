"""Checking a gradient: are the rules right, at this point, for this function?

Reverse and forward mode are compared with a reference that reads no rule: fifty digits where mpmath knows
every primitive, extrapolated differences with their own error bar otherwise; and with the central difference
at h = 1e-6 that the lectures check with. Small inputs are checked element by element, large ones along random
directions, which costs two evaluations however many elements there are; so are programs so long that
fifty digits for each element would take minutes. Where there is a reference, it decides, and the difference only
informs.

If a derivative is wrong, nodes are put on trial by themselves: the local derivative by the rule against
high-precision differences of the node's own value. The first that fails names the primitive at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, GradientError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.ir.builder import Builder
from adlab.ir.graph import Graph, Source
from adlab.ir.primitive import Primitive
from adlab.ir.types import BOOL, FLOAT64
from adlab.methods import METHODS, method_named
from adlab.methods.base import make_problem
from adlab.methods.numerical import CHECKING_STEP
from adlab.methods.reference import Kinked, directional, reference
from adlab.reports.badvalues import BadNode, Singularities, bad_nodes, bad_words, singularities
from adlab.reports.differences import coarsest_epsilon, difference_errors
from adlab.reports.plain import plain
from adlab.reports.question import EXACT_WORK
from adlab.transforms.evaluation import evaluate_checked, flatten_args
from adlab.transforms.held import STOP, held, stopped_nodes
from adlab.transforms.sweeps import forward_sweep, reverse_sweep

ELEMENTS = 64
"""Inputs of more elements altogether are checked along random directions."""

DIRECTIONS = 3
TRIALS = 2
TRIED = 300
"""So many nodes at most are put on trial, spread evenly over the nodes of each primitive."""

EXACT_TRIAL = 2_000
"""Nodes with more elements are tried against differences in float64."""

ILL = "The function may be ill-conditioned here, or lie next to a kink."
CHECKED = ("reverse", "forward")


@dataclass(frozen=True)
class CheckRow:
    """One comparison.

    Attributes
    ----------
    method : name of the method under test
    against : what it was compared with
    error : the largest difference, relative to the largest derivative or 1
    tolerance : what was allowed
    decides : whether it counts; where there is a reference, a difference only informs
    undefined : whether the method gives NaN where the other has a number or an infinity
    """

    method: str
    against: str
    error: float
    tolerance: float
    decides: bool = True
    undefined: bool = False

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN never is."""
        return bool(self.error <= self.tolerance)


@dataclass(frozen=True)
class Fault:
    """The first primitive whose rule disagrees with differences of its own value.

    Attributes
    ----------
    primitive : str
    node : int
    mode : "forward" or "reverse"
    by_rule, by_difference : float
        A directional derivative of the node, both ways.
    source : Source
        The user's line.
    """

    primitive: str
    node: int
    mode: str
    by_rule: float
    by_difference: float
    source: Source


@dataclass(frozen=True)
class CheckReport:
    """The outcome of a gradient check.

    Attributes
    ----------
    rows : tuple of CheckRow
    kinks : tuple of Kinked
        Where the point sits on a kink no derivative exists, so nothing is compared there.
    fault : Fault or None
    notes : tuple of str
    bad : tuple of BadNode
        The nodes at which values became infinite or NaN.
    singular : Singularities
        Where an infinite derivative comes from, and which nodes sit on a kink.
    defined : bool
        Whether the results are finite; if not, they have no derivatives to check.
    """

    rows: tuple[CheckRow, ...]
    kinks: tuple[Kinked, ...] = ()
    fault: Fault | None = None
    notes: tuple[str, ...] = ()
    bad: tuple[BadNode, ...] = ()
    singular: Singularities = field(default_factory=Singularities)
    defined: bool = True

    @property
    def passed(self) -> bool:
        """Whether there is something to check and every comparison that counts is within its tolerance."""
        return self.defined and all(row.passed for row in self.rows if row.decides)

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if not self.defined:
            return f"No derivative can be checked here. {bad_words(self.bad) or 'A result is a literal that is not finite.'}"
        verdict = self._agreement() if self.passed else self._disagreement()
        return " ".join([*verdict, *([bad_words(self.bad)] if self.bad else []), *self.singular.sentences])

    def _agreement(self) -> list[str]:
        worst = max((row.error for row in self.rows if row.decides), default=0.0)
        if not self.kinks:
            return [f"The derivatives agree: the largest error is {worst:.3g}."]
        kink = self.kinks[0]
        sides = f"{kink.right:.6g} from the right and {kink.left:.6g} from the left"
        return [
            f"On a kink in {kink.input} there is no derivative ({sides}), so nothing is compared there; wherever there is a "
            f"derivative, the largest error is {worst:.3g}."
        ]

    def _disagreement(self) -> list[str]:
        row = next(row for row in self.rows if row.decides and not row.passed)
        if row.undefined and self.fault is None and self.singular.partial is not None:
            return [
                f"The {row.method} derivative is NaN where the {row.against} has a number. No rule is at fault: the point "
                "lies at the edge of a domain, where a local derivative is infinite, and 0 · ∞ and ∞ − ∞ are NaN."
            ]
        off = f"The {row.method} derivative is off from the {row.against} by {row.error:.3g}"
        wrong = f"{off}, where {row.tolerance:.3g} is allowed"
        fault = self.fault
        if fault is None:
            why = [] if self.bad or self.singular.sentences else [ILL]
            return [f"{wrong}; no single rule is at fault.", *why]
        line = f" ({fault.source})" if fault.source.line else ""
        return [
            f"{wrong}.",
            f"The first rule at fault is that of {fault.primitive!r}, node {fault.node}{line}: its {fault.mode} rule gives "
            f"{fault.by_rule:.10g} where differences of its value give {fault.by_difference:.10g}.",
        ]

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return headings and rows of raw values, for a renderer to format."""
        rows = [
            [row.method, row.against, row.error, row.tolerance, row.passed, row.decides] for row in self.rows
        ]
        return ["method", "against", "error", "tolerance", "passed", "decides"], rows

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        fault = self.fault
        return {
            "passed": self.passed,
            "rows": [
                {
                    "method": row.method,
                    "against": row.against,
                    "error": plain(row.error),
                    "tolerance": plain(row.tolerance),
                    "passed": row.passed,
                    "decides": row.decides,
                }
                for row in self.rows
            ],
            "fault": None
            if fault is None
            else {"primitive": fault.primitive, "node": fault.node, "mode": fault.mode},
            "bad": [bad.to_dict() for bad in self.bad],
            "partial": None if self.singular.partial is None else self.singular.partial.to_dict(),
            "kinks": [kink.to_dict() for kink in self.singular.kinks],
            "notes": list(self.notes),
            "sentence": self.sentence,
        }


def check(
    f: Any,
    *args: Any,
    tol: float | None = None,
    method: str | Sequence[str] = CHECKED,
    raises: bool = True,
    seed: int = 0,
) -> CheckReport:
    """Check the derivatives of a function at a point.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    *args
        The point.
    tol : float, optional
        The error allowed, relative to the largest derivative or 1, whichever is larger; it is taken as given. By
        default the square root of the machine epsilon of the coarsest dtype, plus, in comparisons with a difference,
        the difference's own error estimate.
    method : str or sequence of str
        The methods to check.
    raises : bool
        Whether a wrong derivative is an error or just a report that says so.
    seed : int
        For the random directions along which large inputs are checked.

    Raises
    ------
    GradientError
        If a derivative is wrong; the message names the first primitive whose rule is at fault.
    InputError
        For arguments and options that cannot be used.

    Examples
    --------
    >>> check(lambda x: np.sin(x) * x, 2.0).passed
    True
    """
    methods = (method,) if isinstance(method, str) else tuple(method)
    for name in methods:
        method_named(name)
    if tol is not None and not 0 < tol < np.inf:
        raise InputError(
            f"The tolerance {tol!r} cannot be used: it must be a positive finite number, or None."
        )
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "check takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    graph = recording.graph
    report = check_graph(graph, flatten_args(graph, args), tol, methods, seed)
    if raises and not report.passed:
        raise GradientError(report.sentence)
    return report


def check_graph(
    graph: Graph, values: Sequence[Any], tol: float | None, methods: Sequence[str], seed: int = 0
) -> CheckReport:
    """Return the report on a graph; ``values`` is one number or array per input."""
    positions = make_problem(graph, values, None, None, NUMPY).wrt
    if not positions:
        raise InputError("The function has no input that holds numbers, so there is nothing to check.")
    stopped = stopped_nodes(graph)
    graph = held(graph, NUMPY.run(graph, values)) if stopped else graph
    nodes = NUMPY.run(graph, values)
    bad = tuple(bad_nodes(graph, nodes))
    if not all(np.all(np.isfinite(y)) for y in NUMPY.outputs(graph, nodes)):
        return CheckReport((), bad=bad, defined=False, notes=tuple(_stopped_note(stopped)))
    tolerance = _Tolerance(graph, tol)
    elements = sum(graph.types[k].size for k in positions)
    blocks = sum(type.size for type in graph.output_types)
    small = elements <= ELEMENTS and blocks <= ELEMENTS
    if small and _affordable(graph, 1 + 4 * elements):
        found = _by_element(graph, values, positions, tolerance, methods)
    else:
        found = _by_direction(graph, values, positions, tolerance, methods, seed)
    fault, notes = None, [*found.notes, *_stopped_note(stopped)]
    if not all(row.passed for row in found.rows if row.decides):
        fault, tried, there = _search(graph, values, seed)
        if fault is None and tried < there:
            notes.append(f"{tried:,} of the {there:,} operations were put on trial by themselves.")
    singular = singularities(graph, nodes, found.derivatives)
    return CheckReport(tuple(found.rows), tuple(found.kinks), fault, tuple(notes), bad, singular)


def _affordable(graph: Graph, evaluations: int) -> bool:
    """Return whether so many evaluations in fifty digits take some seconds at most."""
    return sum(type.size for type in graph.types) * evaluations <= EXACT_WORK


class _Tolerance:
    """What is allowed: the tolerance as it was given, else a default plus what the judge itself may be off by."""

    def __init__(self, graph: Graph, given: float | None) -> None:
        self.given = given
        self.default = coarsest_epsilon(graph) ** 0.5

    def plus(self, bar: float) -> float:
        """Return the tolerance for a comparison with what may be off by ``bar``."""
        return self.default + bar if self.given is None else self.given


@dataclass
class _Compared:
    """What comparisons gave.

    Attributes
    ----------
    rows, kinks, notes : as in `CheckReport`
    derivatives : what the methods under test found
    """

    rows: list[CheckRow]
    derivatives: list[Any]
    kinks: tuple[Kinked, ...] = ()
    notes: list[str] = field(default_factory=list)


def _stopped_note(stopped: Sequence[int]) -> list[str]:
    """Return the sentence on what the check does not look through."""
    if not stopped:
        return []
    nodes = ", ".join(f"node {i}" for i in stopped[:5]) + (", …" if len(stopped) > 5 else "")
    return [
        f"stop_gradient ({nodes}) is exempt: the check holds its value constant, as the rules do, in differences and "
        "reference too."
    ]


# ----------------------------------------------------------------------------------------- element by element


def _by_element(
    graph: Graph,
    values: Sequence[Any],
    positions: Sequence[int],
    tolerance: _Tolerance,
    methods: Sequence[str],
) -> _Compared:
    """Compare whole Jacobians."""
    judge = _judge(graph, values, positions)
    exact, smooth = judge.exact, ~_kinked(graph, positions, judge.kinks, judge.exact)
    found = {name: _flat(METHODS[name].derivative(graph, values, positions).jacobians) for name in methods}
    rows = [
        _row(name, judge.name, block[smooth], exact[smooth], tolerance.plus(judge.bar))
        for name, block in found.items()
    ]
    compared = _Compared(rows, list(found.values()), judge.kinks, judge.notes)
    central, bar, note = _checking_difference(graph, values, positions)
    if central is None:
        compared.notes.append(note)
        return compared
    size = max(1.0, float(np.max(np.abs(exact[smooth & np.isfinite(exact)]), initial=0)))
    usable = smooth & np.isfinite(exact)
    against = f"central difference, h = {CHECKING_STEP:g}"
    allowed = tolerance.plus(bar / size)
    for name, block in found.items():
        rows.append(_row(name, against, block[usable], central[usable], allowed, not judge.digits))
    if judge.digits and any(not row.passed for row in rows if not row.decides):
        compared.notes.append(
            f"The {against}, is off by more than is allowed; the {judge.name} decides, and the difference only informs."
        )
    return compared


@dataclass(frozen=True)
class _Judge:
    """The derivatives to compare with.

    Attributes
    ----------
    exact : array
        The entries of all Jacobians, one after the other.
    bar : float
        What they may be off by, relative to the largest or 1.
    name : what they are called
    digits : whether they are a reference of many digits
    kinks, notes : as in `CheckReport`
    """

    exact: Any
    bar: float
    name: str
    digits: bool
    kinks: tuple[Kinked, ...]
    notes: list[str]


def _judge(graph: Graph, values: Sequence[Any], positions: Sequence[int]) -> _Judge:
    """Return the derivatives to compare with, found without reading a rule."""
    try:
        found = reference(graph, values, positions)
    except MethodError as error:
        return _extrapolated(graph, values, positions, f"There is no reference of many digits: {error}")
    exact = np.concatenate(
        [np.ravel(np.asarray(b, dtype=object)).astype(float) for row in found.jacobians for b in row]
    )
    return _Judge(exact, 0.0, f"{found.digits}-digit reference", True, found.kinks, list(found.notes))


def _extrapolated(graph: Graph, values: Sequence[Any], positions: Sequence[int], why: str) -> _Judge:
    """Return extrapolated differences with their error bar."""
    found = METHODS["numerical"].derivative(graph, values, positions, scheme="richardson")
    assert found.error is not None
    exact, errors = _flat(found.jacobians), _flat(found.error)
    size = max(1.0, float(np.max(np.abs(exact[np.isfinite(exact)]), initial=0)))
    bar = 10 * float(np.max(errors[np.isfinite(errors)], initial=0)) / size
    notes = [why, f"The extrapolated difference may itself be off by {bar:.3g}."]
    return _Judge(exact, bar, "extrapolated difference", False, (), notes)


def _flat(jacobians: Sequence[Sequence[Any]]) -> Any:
    return np.concatenate([np.ravel(block).astype(float) for row in jacobians for block in row])


def _kinked(graph: Graph, positions: Sequence[int], kinks: Sequence[Kinked], exact: Any) -> Any:
    """Return which entries belong to an element and output that sit on a kink."""
    marked = {(kink.output, kink.input, kink.element) for kink in kinks}
    flags: list[bool] = []
    for k, j in enumerate(graph.outputs):
        for position in positions:
            name, type = graph.inputs[position], graph.types[position]
            row = [(k, name, place) in marked for place in np.ndindex(*type.shape)]
            flags += row * graph.type_of(j).size
    return np.array(flags, dtype=bool) if flags else np.zeros(np.shape(exact), bool)


def _row(
    method: str, against: str, found: Any, exact: Any, tolerance: float, decides: bool = True
) -> CheckRow:
    """Return the comparison of two arrays of derivatives."""
    undefined = bool(np.any(np.isnan(found) & ~np.isnan(exact)))
    return CheckRow(method, against, _error(found, exact), tolerance, decides, undefined)


def _error(found: Any, exact: Any) -> float:
    """Return the largest difference relative to the largest derivative or 1; equal infinities and two NaNs
    agree.
    """
    if not found.size:
        return 0.0
    same = (found == exact) | (np.isnan(found) & np.isnan(exact))
    size = max(1.0, float(np.max(np.abs(exact[np.isfinite(exact)]), initial=0)))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0.0, np.abs(found - exact) / size)
    return float(np.max(np.where(np.isnan(apart), np.inf, apart)))


def _checking_difference(
    graph: Graph, values: Sequence[Any], positions: Sequence[int]
) -> tuple[Any, float, str]:
    """Return the central difference at the checking step and what it may be off by; None where it cannot be
    taken, and why.
    """
    left_out = f"The central difference at h = {CHECKING_STEP:g} was left out: "
    if any(graph.types[k].dtype != FLOAT64 for k in positions):
        return None, 0.0, left_out + "float32 is too coarse for the step."
    try:
        found = METHODS["numerical"].derivative(graph, values, positions, scheme="central", h=CHECKING_STEP)
        _, truncation, rounding = difference_errors(graph, values, positions, "central", CHECKING_STEP)
    except AdlabError as error:
        return None, 0.0, left_out + str(error)
    central, bar = _flat(found.jacobians), 10 * (truncation + rounding)
    if not np.isfinite(bar) or not np.all(np.isfinite(central)):
        return (
            None,
            0.0,
            f"{left_out}so near to the point the function is not finite everywhere, so its error is not known.",
        )
    return central, bar, ""


# ------------------------------------------------------------------------------------------- along directions


def _by_direction(
    graph: Graph,
    values: Sequence[Any],
    positions: Sequence[int],
    tolerance: _Tolerance,
    methods: Sequence[str],
    seed: int,
) -> _Compared:
    """Compare derivatives along random directions."""
    random = np.random.default_rng(seed)
    wanted = set(positions)
    compared = _Compared([], [])
    nodes = NUMPY.run(graph, values)
    exactly = _affordable(graph, 3)
    for _ in range(DIRECTIONS if _affordable(graph, 3 * DIRECTIONS) or not exactly else 1):
        directions = [
            random.standard_normal(type.shape) if k in wanted else None
            for k, type in enumerate(graph.input_types)
        ]
        weights = [random.standard_normal(type.shape) for type in graph.output_types]
        slope = _slope(graph, values, directions, weights, exactly)
        for method in methods:
            found = _by_method(graph, nodes, directions, weights, method)
            scale = max(1.0, abs(slope.value)) if np.isfinite(slope.value) else 1.0
            pair = np.array([found]), np.array([slope.value])
            compared.rows.append(_row(method, slope.name, *pair, tolerance.plus(slope.bar / scale)))
            compared.derivatives.append(found)
    count = len(compared.rows) // len(methods)
    what = "1 random direction was" if count == 1 else f"{count} random directions were"
    elements = sum(graph.types[k].size for k in positions)
    compared.notes.append(
        f"With {elements:,} input elements and {len(graph):,} operations, {what} checked instead of every element."
    )
    if not exactly:
        compared.notes.append(
            "The program is too long for fifty digits; it was held against differences in float64."
        )
    return compared


@dataclass(frozen=True)
class _Slope:
    """A derivative along a direction, what it may be off by, and what it is called."""

    value: float
    bar: float
    name: str


def _slope(
    graph: Graph,
    values: Sequence[Any],
    directions: Sequence[Any],
    weights: Sequence[Any],
    exactly: bool = True,
) -> _Slope:
    """Return ⟨weights, J·direction⟩ without reading a rule."""
    if exactly:
        try:
            slopes = directional(graph, values, directions)
        except MethodError:
            return _slope(graph, values, directions, weights, exactly=False)
        parts = [np.sum(np.asarray(s, dtype=object) * w) for s, w in zip(slopes, weights, strict=True)]
        return _Slope(sum(map(float, parts)), 0.0, "reference along a direction")
    near, far = (
        _difference(graph, values, directions, weights, h) for h in (CHECKING_STEP, 2 * CHECKING_STEP)
    )
    outputs = NUMPY.outputs(graph, NUMPY.run(graph, values))
    size = sum(float(np.sum(np.abs(y * w))) for y, w in zip(outputs, weights, strict=True))
    bar = 10 * (abs(near - far) / 3 + coarsest_epsilon(graph) * size / CHECKING_STEP)
    return _Slope(near, bar, "central difference along a direction")


def _difference(
    graph: Graph, values: Sequence[Any], directions: Sequence[Any], weights: Sequence[Any], h: float
) -> float:
    """Return the central difference along a direction."""
    sides = []
    for t in (h, -h):
        moved = [
            x if d is None else np.asarray(x + t * d, type.dtype)[()]
            for x, d, type in zip(values, directions, graph.input_types, strict=True)
        ]
        outputs = NUMPY.outputs(graph, evaluate_checked(graph, NUMPY, moved))
        sides.append(sum(float(np.sum(y * w)) for y, w in zip(outputs, weights, strict=True)))
    return (sides[0] - sides[1]) / (2 * h)


def _by_method(
    graph: Graph, nodes: Sequence[Any], directions: Sequence[Any], weights: Sequence[Any], method: str
) -> float:
    """Return the same by the rules, in the mode that is checked; other methods go through the reverse one's
    place.
    """
    typed = [
        None if d is None else np.asarray(d, type.dtype)[()]
        for d, type in zip(directions, graph.input_types, strict=True)
    ]
    if method == "forward":
        tangents = forward_sweep(graph, NUMPY, nodes, typed)
        moved = [tangents[j] if j >= 0 else None for j in graph.outputs]
        return sum(float(np.sum(t * w)) for t, w in zip(moved, weights, strict=True) if t is not None)
    if method != "reverse":
        raise InputError(
            f"The method {method!r} cannot be checked with so many inputs; check 'reverse' and 'forward'."
        )
    seeds = [
        (j, np.asarray(w, graph.type_of(j).dtype)[()]) for j, w in zip(graph.outputs, weights, strict=True)
    ]
    adjoints = reverse_sweep(graph, NUMPY, nodes, seeds)
    return sum(
        float(np.sum(adjoints[k] * d))
        for k, d in enumerate(typed)
        if d is not None and adjoints[k] is not None
    )


# -------------------------------------------------------------------------------------------- who is at fault


def find_fault(graph: Graph, values: Sequence[Any], seed: int = 0) -> Fault | None:
    """Return the first node whose rule disagrees with differences of its own value, None if all agree.

    Nodes are tried alone, at the values they have here, along random directions and in both modes: all of them,
    or of a long program `TRIED`, spread evenly over the nodes of each primitive.
    """
    return _search(graph, values, seed)[0]


def _search(graph: Graph, values: Sequence[Any], seed: int) -> tuple[Fault | None, int, int]:
    """Return the fault, how many nodes were tried at most, and how many there are."""
    random = np.random.default_rng(seed)
    nodes = NUMPY.run(graph, values)
    chosen, there = _candidates(graph)
    for i in chosen:
        fault = _try_node(graph, nodes, i, random)
        if fault is not None:
            return fault, len(chosen), there
    return None, len(chosen), there


def _candidates(graph: Graph) -> tuple[list[int], int]:
    """Return the nodes to be tried, in program order, and how many have a rule."""
    groups: dict[Primitive, list[int]] = {}
    for i in range(len(graph.inputs), len(graph)):
        primitive = graph.primitives[i]
        if primitive.rule is not None and primitive.name != STOP:
            groups.setdefault(primitive, []).append(i)
    share = max(1, TRIED // max(1, len(groups)))
    chosen = [i for group in groups.values() for i in group[:: -(-len(group) // share)]]
    return sorted(chosen), sum(map(len, groups.values()))


def _try_node(graph: Graph, nodes: Sequence[Any], i: int, random: np.random.Generator) -> Fault | None:
    """Put one node on trial."""
    single, point = _alone(graph, nodes, i)
    if not all(np.all(np.isfinite(x)) for x in point) or not np.all(np.isfinite(nodes[i])):
        return None
    tolerance = 10 * max(float(np.finfo(type.dtype).eps) for type in (graph.types[i],)) ** 0.5
    for _ in range(TRIALS):
        for k, type in enumerate(single.input_types):
            if type.dtype == BOOL or not _takes_part(graph, i, k):
                continue
            directions = [random.standard_normal(type.shape) if n == k else None for n in range(len(point))]
            weights = [random.standard_normal(graph.types[i].shape)]
            for mode in CHECKED:
                verdict = _disagreement(single, point, directions, weights, mode, tolerance)
                if verdict is not None:
                    source = graph.sources[graph.source_ids[i]]
                    return Fault(graph.primitives[i].name, i, mode, *verdict, source)
    return None


def _takes_part(graph: Graph, i: int, position: int) -> bool:
    """Return whether an operand depends on an input, so that its partial matters."""
    return graph.operands[i][position] >= 0


def _alone(graph: Graph, nodes: Sequence[Any], i: int) -> tuple[Graph, list[Any]]:
    """Return a graph of one node, with an input per operand, and the operands' values."""
    builder = Builder()
    operands, point = [], []
    for k, j in enumerate(graph.operands[i]):
        operands.append(builder.input(f"x{k}", graph.type_of(j)))
        value = nodes[j] if j >= 0 else NUMPY.constant(graph.constants[~j])
        point.append(np.asarray(value, graph.type_of(j).dtype)[()])
    return builder.finish([builder.apply(graph.primitives[i], tuple(operands), graph.params[i])]), point


def _disagreement(
    single: Graph,
    point: Sequence[Any],
    directions: Sequence[Any],
    weights: Sequence[Any],
    mode: str,
    tolerance: float,
) -> tuple[float, float] | None:
    """Return both derivatives of a node along a direction if they differ, None if they agree or one cannot be
    had.
    """
    try:
        slope = _slope(single, point, directions, weights, sum(t.size for t in single.types) <= EXACT_TRIAL)
        found = _by_method(single, NUMPY.run(single, point), directions, weights, mode)
    except (AdlabError, NotImplementedError):
        return None
    exact = slope.value
    if not np.isfinite(exact) or abs(found - exact) <= tolerance * max(1.0, abs(exact)) + slope.bar:
        return None
    return (found, exact) if not _on_kink(single, point, directions, weights, exact) else None


def _on_kink(
    single: Graph, point: Sequence[Any], directions: Sequence[Any], weights: Sequence[Any], exact: float
) -> bool:
    """Return whether the node sits on a kink: a central difference then is the mean of two slopes and proves
    nothing.
    """
    with np.errstate(all="ignore"):
        slopes = []
        for h in (CHECKING_STEP, -CHECKING_STEP):
            moved = [x if d is None else x + h * d for x, d in zip(point, directions, strict=True)]
            before, after = (NUMPY.outputs(single, NUMPY.run(single, xs))[0] for xs in (point, moved))
            slopes.append(float(np.sum((after - before) * weights[0])) / h)
    return bool(abs(slopes[0] - slopes[1]) > 1e-2 * max(1.0, abs(exact)))
