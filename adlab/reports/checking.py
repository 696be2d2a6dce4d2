"""Checking a gradient: are the rules right, at this point, for this function?

Reverse and forward mode are compared with a reference that reads no rule: fifty digits where mpmath knows
every primitive, extrapolated differences with their own error bar otherwise; and with the central difference
at h = 1e-6 that the lectures check with. Small inputs are checked element by element, large ones along random
directions, which costs two evaluations however many elements there are.

If a derivative is wrong, each node is put on trial by itself: its local derivative by its rule against
high-precision differences of its own value. The first that fails names the primitive at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, GradientError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.ir.builder import Builder
from adlab.ir.graph import Graph, Source
from adlab.ir.types import BOOL, FLOAT64
from adlab.methods import METHODS, method_named
from adlab.methods.base import make_problem
from adlab.methods.numerical import CHECKING_STEP
from adlab.methods.reference import Kinked, directional, reference
from adlab.reports.badvalues import nodes_on_kinks
from adlab.reports.comparison import difference_errors, plain
from adlab.transforms.evaluation import flatten_args
from adlab.transforms.sweeps import forward_sweep, reverse_sweep

ELEMENTS = 64
"""Inputs of more elements altogether are checked along random directions."""

DIRECTIONS = 3
TRIALS = 2
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
    """

    method: str
    against: str
    error: float
    tolerance: float

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
    """

    rows: tuple[CheckRow, ...]
    kinks: tuple[Kinked, ...] = ()
    fault: Fault | None = None
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every comparison is within its tolerance."""
        return all(row.passed for row in self.rows)

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.passed:
            worst = max((row.error for row in self.rows), default=0.0)
            agree = f"The derivatives agree: the largest error is {worst:.3g}."
            if not self.kinks:
                return agree
            kink = self.kinks[0]
            sides = f"{kink.right:.6g} from the right and {kink.left:.6g} from the left"
            return f"On a kink in {kink.input} there is no derivative ({sides}), so nothing is compared there. {agree}"
        row = next(row for row in self.rows if not row.passed)
        off = f"The {row.method} derivative is off from the {row.against} by {row.error:.3g}"
        wrong = f"{off}, where {row.tolerance:.3g} is allowed"
        if self.fault is None:
            why = (
                self.notes[-1]
                if self.notes
                else "The function may be ill-conditioned here, or lie next to a kink."
            )
            return f"{wrong}; no single rule is at fault. {why}"
        fault = self.fault
        line = f" ({fault.source})" if fault.source.line else ""
        return (
            f"{wrong}. The first rule at fault is that of {fault.primitive!r}, node {fault.node}{line}: its "
            f"{fault.mode} rule gives "
            f"{fault.by_rule:.10g} where differences of its value give {fault.by_difference:.10g}."
        )

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return headings and rows of raw values, for a renderer to format."""
        rows = [[row.method, row.against, row.error, row.tolerance, row.passed] for row in self.rows]
        return ["method", "against", "error", "tolerance", "passed"], rows

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
                }
                for row in self.rows
            ],
            "fault": None
            if fault is None
            else {"primitive": fault.primitive, "node": fault.node, "mode": fault.mode},
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
        The error allowed, relative to the largest derivative or 1, whichever is larger. By default the square
        root of the machine epsilon of the coarsest input, and for the central difference its own error
        estimate besides.
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
    tolerance = tol if tol is not None else _default_tolerance(graph, positions)
    elements = sum(graph.types[k].size for k in positions)
    blocks = sum(type.size for type in graph.output_types)
    if elements <= ELEMENTS and blocks <= ELEMENTS:
        rows, kinks, notes = _by_element(graph, values, positions, tolerance, methods)
    else:
        rows, kinks, notes = _by_direction(graph, values, positions, tolerance, methods, seed)
    fault = None if all(row.passed for row in rows) else find_fault(graph, values, seed)
    sitting = nodes_on_kinks(graph, NUMPY.run(graph, values))
    return CheckReport(tuple(rows), tuple(kinks), fault, (*notes, *(node.sentence for node in sitting)))


def _default_tolerance(graph: Graph, positions: Sequence[int]) -> float:
    return max((float(np.finfo(graph.types[k].dtype).eps) ** 0.5 for k in positions), default=1e-8)


# ----------------------------------------------------------------------------------------- element by element


def _by_element(
    graph: Graph, values: Sequence[Any], positions: Sequence[int], tolerance: float, methods: Sequence[str]
) -> tuple[list[CheckRow], tuple[Kinked, ...], list[str]]:
    """Compare whole Jacobians."""
    exact, bar, name, kinks, notes = _judge(graph, values, positions)
    smooth = ~_kinked(graph, positions, kinks, exact)
    rows = []
    for method in methods:
        found = _flat(METHODS[method].derivative(graph, values, positions).jacobians)
        rows.append(CheckRow(method, name, _error(found[smooth], exact[smooth]), tolerance + bar))
    central, allowed, note = _checking_difference(graph, values, positions, tolerance)
    if central is None:
        return rows, kinks, [*notes, note]
    size = max(1.0, float(np.max(np.abs(exact[smooth & np.isfinite(exact)]), initial=0)))
    for method in methods:
        found = _flat(METHODS[method].derivative(graph, values, positions).jacobians)
        usable = smooth & np.isfinite(central) & np.isfinite(exact)
        row = CheckRow(
            method,
            f"central difference, h = {CHECKING_STEP:g}",
            _error(found[usable], central[usable]),
            allowed / size,
        )
        rows.append(row)
    return rows, kinks, notes


def _judge(
    graph: Graph, values: Sequence[Any], positions: Sequence[int]
) -> tuple[Any, float, str, tuple[Kinked, ...], list[str]]:
    """Return the derivatives to compare with, their error bar and what they are called."""
    try:
        found = reference(graph, values, positions)
        exact = np.concatenate(
            [np.ravel(np.asarray(b, dtype=object)).astype(float) for row in found.jacobians for b in row]
        )
        return exact, 0.0, f"{found.digits}-digit reference", found.kinks, list(found.notes)
    except MethodError as error:
        extrapolated = METHODS["numerical"].derivative(graph, values, positions, scheme="richardson")
        assert extrapolated.error is not None
        exact = _flat(extrapolated.jacobians)
        size = max(1.0, float(np.nanmax(np.abs(exact), initial=0)))
        bar = 10 * float(np.max(_flat(extrapolated.error), initial=0)) / size
        return exact, bar, "extrapolated difference", (), [f"There is no reference of many digits: {error}"]


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
    graph: Graph, values: Sequence[Any], positions: Sequence[int], tolerance: float
) -> tuple[Any, float, str]:
    """Return the central difference at the checking step with its own tolerance; None where it cannot be
    taken.
    """
    if any(graph.types[k].dtype != FLOAT64 for k in positions):
        return (
            None,
            0.0,
            f"The central difference at h = {CHECKING_STEP:g} was left out: float32 is too coarse for the "
            "step.",
        )
    try:
        found = METHODS["numerical"].derivative(graph, values, positions, scheme="central", h=CHECKING_STEP)
        _, truncation, rounding = difference_errors(graph, values, positions, "central", CHECKING_STEP)
    except AdlabError as error:
        return None, 0.0, f"The central difference at h = {CHECKING_STEP:g} was left out: {error}"
    bar = 10 * (truncation + rounding)
    size = float(np.max(np.abs(_flat(found.jacobians)), initial=1))
    allowed = tolerance * max(size, 1.0) + (bar if np.isfinite(bar) else np.inf)
    return _flat(found.jacobians), allowed, ""


# ------------------------------------------------------------------------------------------- along directions


def _by_direction(
    graph: Graph,
    values: Sequence[Any],
    positions: Sequence[int],
    tolerance: float,
    methods: Sequence[str],
    seed: int,
) -> tuple[list[CheckRow], tuple[Kinked, ...], list[str]]:
    """Compare derivatives along random directions."""
    random = np.random.default_rng(seed)
    wanted = set(positions)
    rows = []
    nodes = NUMPY.run(graph, values)
    for _ in range(DIRECTIONS):
        directions = [
            random.standard_normal(type.shape) if k in wanted else None
            for k, type in enumerate(graph.input_types)
        ]
        weights = [random.standard_normal(type.shape) for type in graph.output_types]
        exact, name = _slope(graph, values, directions, weights)
        for method in methods:
            found = _by_method(graph, nodes, directions, weights, method)
            scale = max(1.0, abs(exact))
            rows.append(CheckRow(method, name, abs(found - exact) / scale, tolerance))
    note = f"The inputs have more than {ELEMENTS} elements, so {DIRECTIONS} random directions were checked."
    return rows, (), [note]


def _slope(
    graph: Graph, values: Sequence[Any], directions: Sequence[Any], weights: Sequence[Any]
) -> tuple[float, str]:
    """Return ⟨weights, J·direction⟩ without reading a rule."""
    try:
        slopes = directional(graph, values, directions)
        return sum(
            float(np.sum(np.asarray(s, dtype=object) * w)) for s, w in zip(slopes, weights, strict=True)
        ), "reference along a direction"
    except MethodError:
        sides = []
        for h in (CHECKING_STEP, -CHECKING_STEP):
            moved = [x if d is None else x + h * d for x, d in zip(values, directions, strict=True)]
            outputs = NUMPY.outputs(graph, NUMPY.run(graph, moved))
            sides.append(sum(float(np.sum(y * w)) for y, w in zip(outputs, weights, strict=True)))
        return (sides[0] - sides[1]) / (2 * CHECKING_STEP), "central difference along a direction"


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

    Each node is tried alone, at the values it has here, along random directions and in both modes.
    """
    random = np.random.default_rng(seed)
    nodes = NUMPY.run(graph, values)
    for i in range(len(graph.inputs), len(graph)):
        if graph.primitives[i].rule is None:
            continue
        fault = _try_node(graph, nodes, i, random)
        if fault is not None:
            return fault
    return None


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
        exact, _ = _slope(single, point, directions, weights)
        found = _by_method(single, NUMPY.run(single, point), directions, weights, mode)
    except (AdlabError, NotImplementedError):
        return None
    if not np.isfinite(exact) or abs(found - exact) <= tolerance * max(1.0, abs(exact)):
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
