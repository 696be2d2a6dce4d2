"""Checker power: which gradient check, at which tolerance, catches which mistake?

Mistakes are planted into copies of the rows of a graph, one at a time: a sign, a factor 1.001, a path left out, the
partials of two operands exchanged, the other side of a kink, and the naive recursion that overwrites the adjoint of a
shared node instead of adding to it. The gradient by the wrong rules is then put before every checker at every
tolerance. So is the gradient by the correct rules: a checker that objects to it raises a false alarm, and its
catches prove nothing.

A mistake that changes nothing here (exchanged partials that are equal, a factor on a path of adjoint 0) is no
mistake at this point, and is left out and counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.ir.primitive import Primitive, Site
from adlab.ir.types import BOOL, FLOAT64
from adlab.methods import METHODS
from adlab.methods.base import make_problem
from adlab.methods.numerical import CHECKING_STEP
from adlab.methods.reference import reference
from adlab.primitives.rules import Elementwise
from adlab.reports.checking import check_graph
from adlab.transforms.costs import count_evaluation
from adlab.transforms.evaluation import flatten_args
from adlab.transforms.sweeps import active_nodes

TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)

PLANTS = 4
"""Each mistake is planted at so many nodes at most, spread over the program."""

LARGE = 200_000
"""Jacobians of more numbers, and functions of more operations, are not put before the checkers."""

SAME = 1e-13
"""A planted mistake that moves no derivative by more than this, relative to the largest or 1, changes nothing."""

MODES = ("reverse", "forward")


# ------------------------------------------------------------------------------------------------------ wrong rules


@dataclass(frozen=True)
class Wrong:
    """A rule that takes another rule's results and spoils them.

    Attributes
    ----------
    rule : the correct rule
    factor : what every derivative is multiplied by
    dropped : operand positions through which nothing flows
    swapped : two positions whose partials are exchanged
    reverse_only : whether forward mode stays correct
    """

    rule: Any
    factor: float = 1.0
    dropped: frozenset[int] = frozenset()
    swapped: tuple[int, int] | None = None
    reverse_only: bool = False

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the spoiled tangent."""
        if self.reverse_only:
            return self.rule.jvp(A, site, tangents)
        kept = [None if k in self.dropped else tangent for k, tangent in enumerate(tangents)]
        if self.swapped:
            first, second = self.swapped
            kept[first], kept[second] = kept[second], kept[first]
        if all(tangent is None for tangent in kept):
            return None
        return self._scaled(self.rule.jvp(A, site, kept))

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return the spoiled contribution."""
        if position in self.dropped:
            return None
        if self.swapped and position in self.swapped:
            position = self.swapped[1] if position == self.swapped[0] else self.swapped[0]
        return self._scaled(self.rule.vjp(A, site, cotangent, position))

    def _scaled(self, value: Any) -> Any:
        return value if value is None or self.factor == 1.0 else value * self.factor


@dataclass(frozen=True)
class OtherSide:
    """A rule that takes the operand to lie a hair to the other side: at a kink, the opposite convention."""

    rule: Any
    step: float

    def _moved(self, A: Any, site: Site) -> Site:
        xs = (site.xs[0] + self.step, *site.xs[1:])
        return site._replace(xs=xs, y=A.apply(site.primitive, xs, tuple(sorted(site.params.items()))))

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the tangent by the neighbour's rule."""
        return self.rule.jvp(A, self._moved(A, site), tangents)

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return the contribution by the neighbour's rule."""
        return self.rule.vjp(A, self._moved(A, site), cotangent, position)


Change = Mapping[int, Any]
"""Wrong rules by node."""


def planted(graph: Graph, change: Change) -> Graph:
    """Return the graph with copies of some nodes' rows that have other rules; values stay what they are."""
    rows: list[Primitive] = list(graph.primitives)
    for i, rule in change.items():
        rows[i] = dataclasses.replace(rows[i], rule=rule)
    return dataclasses.replace(graph, primitives=rows)


def _flipped(graph: Graph, active: Sequence[bool], values: Sequence[Any]) -> Iterator[Change]:
    for i in _ruled(graph, active):
        yield {i: Wrong(graph.primitives[i].rule, factor=-1.0)}


def _stretched(graph: Graph, active: Sequence[bool], values: Sequence[Any]) -> Iterator[Change]:
    for i in _ruled(graph, active):
        yield {i: Wrong(graph.primitives[i].rule, factor=1.001)}


def _cut(graph: Graph, active: Sequence[bool], values: Sequence[Any]) -> Iterator[Change]:
    for i in _ruled(graph, active):
        positions = [k for k, j in enumerate(graph.operands[i]) if j >= 0 and active[j]]
        if len(positions) > 1:
            for k in positions:
                yield {i: Wrong(graph.primitives[i].rule, dropped=frozenset((k,)))}


def _exchanged(graph: Graph, active: Sequence[bool], values: Sequence[Any]) -> Iterator[Change]:
    for i in _ruled(graph, active):
        operands = graph.operands[i]
        if len(operands) != 2 or not isinstance(graph.primitives[i].rule, Elementwise):
            continue
        if graph.type_of(operands[0]) == graph.type_of(operands[1]):
            yield {i: Wrong(graph.primitives[i].rule, swapped=(0, 1))}


def _other_side(graph: Graph, active: Sequence[bool], values: Sequence[Any]) -> Iterator[Change]:
    """Yield both neighbours of every node that sits on a kink; one of them is the convention itself."""
    for i in _ruled(graph, active):
        rule, operand = graph.primitives[i].rule, graph.operands[i][0]
        if not any(kink.switch for kink in graph.primitives[i].kinks) or operand < 0:
            continue
        if not isinstance(rule, Elementwise) or not _on_switch(graph, i, values):
            continue
        step = 1e-12 * max(1.0, float(np.max(np.abs(values[operand]), initial=0)))
        yield {i: OtherSide(rule, step)}
        yield {i: OtherSide(rule, -step)}


def _on_switch(graph: Graph, i: int, values: Sequence[Any]) -> bool:
    xs = [values[j] if j >= 0 else NUMPY.constant(graph.constants[~j]) for j in graph.operands[i]]
    with np.errstate(all="ignore"):
        return any(
            bool(np.any(np.asarray(kink.switch(NUMPY, *xs)) == 0))
            for kink in graph.primitives[i].kinks
            if kink.switch is not None
        )


def _overwritten(graph: Graph, active: Sequence[bool], values: Sequence[Any]) -> Iterator[Change]:
    """Yield, for every shared node, rules by which only the last contribution to its adjoint remains."""
    users: dict[int, list[tuple[int, int]]] = {}
    for i in _ruled(graph, active):
        for k, j in enumerate(graph.operands[i]):
            if j >= 0 and active[j]:
                users.setdefault(j, []).append((i, k))
    for uses in users.values():
        if len(uses) < 2:
            continue
        last = min(uses, key=lambda use: (use[0], -use[1]))  # the sweep runs backwards
        dropped: dict[int, set[int]] = {}
        for i, k in uses:
            if (i, k) != last:
                dropped.setdefault(i, set()).add(k)
        yield {
            i: Wrong(graph.primitives[i].rule, dropped=frozenset(positions), reverse_only=True)
            for i, positions in dropped.items()
        }


def _ruled(graph: Graph, active: Sequence[bool]) -> Iterator[int]:
    return (
        i for i in range(len(graph.inputs), len(graph)) if active[i] and graph.primitives[i].rule is not None
    )


FAULTS: Mapping[str, Callable[[Graph, Sequence[bool], Sequence[Any]], Iterator[Change]]] = {
    "sign": _flipped,
    "factor 1.001": _stretched,
    "missing path": _cut,
    "swapped": _exchanged,
    "kink side": _other_side,
    "shared node": _overwritten,
}
"""How each mistake is planted, by its name."""


# --------------------------------------------------------------------------------------------------------- checkers


@dataclass
class Bench:
    """A correct graph at a point, and what judges say of it, each asked once.

    Attributes
    ----------
    graph, values, wrt
        The function, the point, the inputs to differentiate by.
    mode : "reverse" or "forward"
        The sweep in which mistakes are looked for.
    """

    graph: Graph
    values: Sequence[Any]
    wrt: tuple[int, ...]
    mode: str
    known: dict[str, Any] = field(default_factory=dict)

    def jacobian(self, method: str, **options: Any) -> Any:
        """Return all derivatives by a method, flat."""
        key = f"{method} {sorted(options.items())}"
        if key not in self.known:
            self.known[key] = flat(self.graph, self.values, self.wrt, method, **options)
        return self.known[key]

    def exact(self) -> Any:
        """Return the reference's derivatives, flat, as the nearest numbers."""
        if "reference" not in self.known:
            found = reference(self.graph, self.values, self.wrt)
            blocks = [np.ravel(np.asarray(block, dtype=object)) for row in found.jacobians for block in row]
            self.known["reference"] = np.concatenate(blocks).astype(float)
        return self.known["reference"]

    def directions(self) -> tuple[Any, float]:
        """Return one seeded random direction in the space of all derivatives' inputs, and the central difference along it."""
        if "direction" not in self.known:
            random = np.random.default_rng(0)
            moves = [random.standard_normal(self.graph.types[k].shape) for k in self.wrt]
            weights = [random.standard_normal(type.shape) for type in self.graph.output_types]
            sides = [self._weighted(moves, weights, h) for h in (CHECKING_STEP, -CHECKING_STEP)]
            pairs = [
                np.multiply.outer(np.ravel(w), np.ravel(move)).ravel() for w in weights for move in moves
            ]
            self.known["direction"] = (
                np.concatenate(pairs),
                (sides[0] - sides[1]) / (2 * CHECKING_STEP),
            )
        return self.known["direction"]  # type: ignore[no-any-return]

    def _weighted(self, moves: Sequence[Any], weights: Sequence[Any], h: float) -> float:
        point = list(self.values)
        for k, move in zip(self.wrt, moves, strict=True):
            point[k] = np.asarray(point[k] + h * move, self.graph.types[k].dtype)[()]
        outputs = NUMPY.outputs(self.graph, NUMPY.run(self.graph, point))
        return sum(float(np.sum(w * y)) for w, y in zip(weights, outputs, strict=True))


def flat(graph: Graph, values: Sequence[Any], wrt: Sequence[int], method: str, **options: Any) -> Any:
    """Return all derivatives by a method as one vector, output by output and input by input."""
    found = METHODS[method].derivative(graph, values, wrt, **options)
    return np.concatenate([np.ravel(block).astype(float) for row in found.jacobians for block in row])


def distance(found: Any, exact: Any) -> float:
    """Return the largest difference, relative to the largest derivative or 1; NaN on one side only is infinitely far.

    Examples
    --------
    >>> distance(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    0.2
    """
    same = (found == exact) | (np.isnan(found) & np.isnan(exact))
    size = max(1.0, float(np.max(np.abs(exact[np.isfinite(exact)]), initial=0)))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0.0, np.abs(found - exact) / size)
    return float(np.max(np.where(np.isnan(apart), np.inf, apart), initial=0))


Checker = Callable[[Bench, Graph, Any, float], tuple[bool, frozenset[int]]]
"""Takes the bench, the graph under test, its derivatives and a tolerance; returns the objection and the nodes named."""


def _against(judge: Callable[[Bench], Any]) -> Checker:
    def check(bench: Bench, graph: Graph, found: Any, tolerance: float) -> tuple[bool, frozenset[int]]:
        return distance(found, judge(bench)) > tolerance, frozenset()

    return check


def _along_a_direction(
    bench: Bench, graph: Graph, found: Any, tolerance: float
) -> tuple[bool, frozenset[int]]:
    pair, slope = bench.directions()
    return not abs(float(found @ pair) - slope) <= tolerance * max(1.0, abs(slope)), frozenset()


def _own_check(bench: Bench, graph: Graph, found: Any, tolerance: float) -> tuple[bool, frozenset[int]]:
    report = check_graph(graph, bench.values, tolerance, (bench.mode,))
    named = frozenset() if report.fault is None else frozenset((report.fault.node,))
    return not report.passed, named


CHECKERS: Mapping[str, Checker] = {
    "forward difference": _against(lambda bench: bench.jacobian("numerical", scheme="forward")),
    "central, h = 1e-6": _against(
        lambda bench: bench.jacobian("numerical", scheme="central", h=CHECKING_STEP)
    ),
    "complex step": _against(lambda bench: bench.jacobian("numerical", scheme="complex")),
    "reference": _against(lambda bench: bench.exact()),
    "direction, h = 1e-6": _along_a_direction,
    "adlab.check": _own_check,
}
"""The checkers by name. `adlab.check` skips points on kinks."""


# ------------------------------------------------------------------------------------------------------- the report


@dataclass(frozen=True)
class Planted:
    """One mistake at one place.

    Attributes
    ----------
    fault : str
    nodes : tuple of int
        Whose rows were changed.
    primitives : tuple of str
    error : float
        How far it moves the derivatives, relative to the largest or 1.
    """

    fault: str
    nodes: tuple[int, ...]
    primitives: tuple[str, ...]
    error: float


@dataclass(frozen=True)
class PowerRow:
    """One checker at one tolerance.

    Attributes
    ----------
    checker : str
    tolerance : float
    false_alarm : bool
        Whether it objects to the correct rules.
    caught : mapping of fault to int
        How many of the planted mistakes it objects to.
    note : str
        Why it gave no answer, if it gave none.
    """

    checker: str
    tolerance: float
    false_alarm: bool
    caught: Mapping[str, int]
    note: str = ""


@dataclass(frozen=True)
class Power:
    """Which checker catches what.

    Attributes
    ----------
    mode : the sweep under test
    plants : tuple of Planted
    rows : tuple of PowerRow
    left_out : mapping of fault to int
        Mistakes that change nothing at this point.
    named, nameable : int
        Of the wrong rules that `adlab.check` objected to, at its strictest tolerance, how many it traced to the very node.
    """

    mode: str
    plants: tuple[Planted, ...]
    rows: tuple[PowerRow, ...]
    left_out: Mapping[str, int]
    named: int
    nameable: int

    def __getitem__(self, key: tuple[str, float]) -> PowerRow:
        for row in self.rows:
            if (row.checker, row.tolerance) == key:
                return row
        raise InputError(
            f"There is no row {key!r}; checkers are {', '.join(CHECKERS)}, at the tolerances that were asked for."
        )

    def planted(self, fault: str) -> int:
        """Return how many mistakes of a kind were planted."""
        return sum(plant.fault == fault for plant in self.plants)

    @property
    def faults(self) -> tuple[str, ...]:
        """The kinds of mistake that could be planted here."""
        return tuple(fault for fault in FAULTS if self.planted(fault))

    @property
    def best(self) -> tuple[PowerRow, ...]:
        """The rows that catch everything without a false alarm."""
        return tuple(
            row
            for row in self.rows
            if not row.false_alarm and not row.note and sum(row.caught.values()) == len(self.plants)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the table means, in words."""
        left = ", ".join(f"{fault} ({count})" for fault, count in self.left_out.items() if count)
        absent = [fault for fault in FAULTS if not self.planted(fault) and not self.left_out.get(fault)]
        said = [self._best_sentence()]
        if self.nameable:
            said.append(
                f"Of {self.nameable} wrong rules, adlab.check traced {self.named} to the very node that has it."
            )
        if left:
            said.append(f"Planted, but without any effect at this point, and left out: {left}.")
        if absent:
            said.append(f"Not to be planted here: {', '.join(absent)}.")
        said += dict.fromkeys(f"{row.checker}: {row.note}" for row in self.rows if row.note)
        return tuple(said)

    def _best_sentence(self) -> str:
        count = len(self.plants)
        if not count:
            return "No mistake could be planted."
        best = dict.fromkeys(row.checker for row in self.best)
        if not best:
            return f"No checker catches all {count} mistakes without a false alarm."
        return f"All {count} mistakes are caught, without a false alarm, by: {'; '.join(best)}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "mode": self.mode,
            "planted": {fault: self.planted(fault) for fault in FAULTS},
            "left_out": dict(self.left_out),
            "plants": [
                {
                    "fault": plant.fault,
                    "nodes": list(plant.nodes),
                    "primitives": list(plant.primitives),
                    "error": plant.error if np.isfinite(plant.error) else "inf",
                }
                for plant in self.plants
            ],
            "rows": [
                {
                    "checker": row.checker,
                    "tolerance": row.tolerance,
                    "false_alarm": row.false_alarm,
                    "caught": dict(row.caught),
                    "note": row.note,
                }
                for row in self.rows
            ],
            "named": self.named,
            "nameable": self.nameable,
            "notes": list(self.notes),
        }


def power(
    f: Any,
    *args: Any,
    tolerances: Sequence[float] = TOLERANCES,
    mode: str = "reverse",
    plants: int = PLANTS,
) -> Power:
    """Plant mistakes in the rules of a function's graph and see which checker catches which.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    *args
        The point.
    tolerances : sequence of float
        Allowed errors, relative to the largest derivative or 1.
    mode : {"reverse", "forward"}
        The sweep under test.
    plants : int
        At how many nodes each mistake is planted at most.

    Raises
    ------
    InputError
        For tolerances and modes that cannot be used, and functions too large to check entry by entry.

    Examples
    --------
    >>> report = power("x1*sin(x2)", 2.0, 5.0, tolerances=(1e-4, 1e-6))
    >>> report["reference", 1e-6].caught["factor 1.001"] == report.planted("factor 1.001")
    True
    >>> any(row.false_alarm for row in report.rows)
    False
    """
    _check_options(tolerances, mode, plants)
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "power takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    graph = recording.graph
    return power_graph(graph, flatten_args(graph, args), tuple(tolerances), mode, plants)


def _check_options(tolerances: Sequence[float], mode: str, plants: int) -> None:
    if mode not in MODES:
        raise InputError(f"There is no mode {mode!r} to plant mistakes in; the modes are {', '.join(MODES)}.")
    if not tolerances or any(not 0 < tolerance < np.inf for tolerance in tolerances):
        raise InputError(f"The tolerances {list(tolerances)!r} cannot be used: give positive finite numbers.")
    if plants < 1:
        raise InputError(f"{plants} nodes per mistake cannot be used: give a whole number of at least 1.")


def power_graph(
    graph: Graph, values: Sequence[Any], tolerances: tuple[float, ...], mode: str, count: int
) -> Power:
    """Return the report on a graph; ``values`` is one number or array per input."""
    wrt = make_problem(graph, values, None, None, NUMPY).wrt
    _check_size(graph, wrt)
    bench = Bench(graph, values, wrt, mode)
    correct = bench.jacobian(mode)
    plants, left_out = _plants(bench, count)
    rows = []
    hits: list[frozenset[int] | None] = []
    for name, checker in CHECKERS.items():
        for tolerance in tolerances:
            row, named = _row(bench, name, checker, tolerance, correct, plants)
            rows.append(row)
            hits = named if name == "adlab.check" and tolerance == min(tolerances) else hits
    rules = [
        (plant, nodes)
        for (plant, _, _), nodes in zip(plants, hits, strict=False)
        if nodes is not None and plant.fault in ("sign", "factor 1.001", "swapped")
    ]
    named_right = sum(bool(nodes & set(plant.nodes)) for plant, nodes in rules)
    return Power(mode, tuple(plant for plant, _, _ in plants), tuple(rows), left_out, named_right, len(rules))


def _check_size(graph: Graph, wrt: Sequence[int]) -> None:
    if not wrt:
        raise InputError("The function has no input that holds numbers, so there is nothing to check.")
    if any(graph.types[k].dtype != FLOAT64 for k in wrt) or any(t.dtype == BOOL for t in graph.output_types):
        raise InputError("Checkers are compared on functions of float64 numbers that return numbers.")
    entries = sum(graph.types[k].size for k in wrt) * sum(type.size for type in graph.output_types)
    if max(entries, count_evaluation(graph).total()) > LARGE:
        raise InputError(
            f"The function has {entries:,} derivatives; checkers are compared on smaller ones, up to {LARGE:,}."
        )


Trial = tuple[Planted, Graph, Any]
"""A planted mistake, the graph that has it, and the derivatives it leads to."""


def _plants(bench: Bench, count: int) -> tuple[list[Trial], dict[str, int]]:
    """Return the mistakes that change something, at most ``count`` of a kind, and how many of each change nothing."""
    graph, correct = bench.graph, bench.jacobian(bench.mode)
    active = active_nodes(graph, bench.wrt)
    nodes = NUMPY.run(graph, bench.values)
    trials: list[Trial] = []
    left_out = {}
    for fault, plant in FAULTS.items():
        if fault == "shared node" and bench.mode != "reverse":
            continue
        changes = list(plant(graph, active, nodes))
        kept, idle = 0, 0
        for change in _spread(changes):
            if kept == count:
                break
            wrong = planted(graph, change)
            found = flat(wrong, bench.values, bench.wrt, bench.mode)
            error = distance(found, correct)
            if error <= SAME:
                idle += 1
                continue
            kept += 1
            names = tuple(graph.primitives[i].name for i in change)
            trials.append((Planted(fault, tuple(change), names, error), wrong, found))
        left_out[fault] = idle
    return trials, left_out


def _spread(changes: Sequence[Change]) -> list[Change]:
    """Return the same in an order in which the first few lie all over the program."""
    order: list[int] = []
    step = len(changes)
    seen: set[int] = set()
    while step >= 1 and len(order) < len(changes):
        for k in range(0, len(changes), max(step, 1)):
            if k not in seen:
                seen.add(k)
                order.append(k)
        step //= 2
    return [changes[k] for k in order]


def _row(
    bench: Bench, name: str, checker: Checker, tolerance: float, correct: Any, plants: Sequence[Trial]
) -> tuple[PowerRow, list[frozenset[int] | None]]:
    """Return what a checker says of the correct rules and of every mistake, and the nodes it names where it objects."""
    caught = dict.fromkeys((plant.fault for plant, _, _ in plants), 0)
    try:
        alarm, _ = checker(bench, bench.graph, correct, tolerance)
        named: list[frozenset[int] | None] = []
        for plant, wrong, found in plants:
            objects, nodes = checker(bench, wrong, found, tolerance)
            caught[plant.fault] += objects
            named.append(nodes if objects else None)
    except AdlabError as error:
        return PowerRow(name, tolerance, False, dict.fromkeys(caught, 0), f"No answer: {error}"), []
    return PowerRow(name, tolerance, bool(alarm), caught), named
