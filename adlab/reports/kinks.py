"""The ledger of kinks and branches: every place near a point where the function is put together from pieces.

A maximum, an absolute value, a rectifier, a rounding, a `where`, an `if`: each has a *switch*, a quantity that
is zero where one piece meets the next. The ledger lists the switches that an evaluation meets, how far each
is from zero, which convention the rule table applies there and which other systems apply, and whether the
step of a difference reaches across. Where the point sits on a switch, the derivatives of the whole function
from the left and from the right are found with fifty digits, without reading a rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.notation import Term, symbol
from adlab.algebra.notation import literal as number_term
from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph, Source
from adlab.ir.index import normalise_index
from adlab.ir.numbering import display_numbers, display_order
from adlab.ir.primitive import Kink
from adlab.ir.tree import unflatten
from adlab.ir.types import BOOL, Type
from adlab.methods import METHODS
from adlab.methods.base import make_problem
from adlab.methods.reference import Reference, reference
from adlab.primitives import TABLE
from adlab.reports.conventions import COMPARISONS, PEERS, Policy, named_policy, peer_words, with_policy
from adlab.reports.nodes import operand_value
from adlab.reports.plain import plain
from adlab.transforms.evaluation import branch_error, failing_guard, flatten_args
from adlab.transforms.kinks import distance_to, is_smooth_power
from adlab.transforms.sweeps import active_nodes
from adlab.transforms.unroll import closed_loops, step_of, unrolled

LOGICAL = frozenset(("logical_and", "logical_or", "logical_not"))
STEPS = frozenset(("floor", "ceil", "round", "sign"))
"""Rows that are constant between jumps: a step reaches across a jump exactly if it changes their value."""

WORK = 2_000_000
"""So many elementary operations may be spent on what is nice to know; larger functions go without, and say so."""

SHOWN = 12
"""One-sided derivatives of so many pairs of output and input are listed; kinked ones come first."""

NEARBY = 1e-11
"""How far, relative to the point, the function is traced again to find the branch on the other side."""


NAN = float("nan")

# ------------------------------------------------------------------------------------------------- the data


@dataclass(frozen=True)
class Switch:
    """One place where the function is put together from pieces.

    Attributes
    ----------
    index, name : where it is in the graph, and how a trace calls it
    kind : {"kink", "jump", "where", "branch", "comparison"}
    primitive : str
    formula : Term
        The operation that has the switch.
    place : Term or str
        What is zero or changes there, e.g. "x = 0" or a comparison.
    element : tuple of int
        The element nearest to the switch; empty for a scalar.
    size, count : int
        How many elements there are, and how many of them are exactly on the switch.
    distance : float or None
        From the switch to the nearest element, in units of the operands, negative on the left of it; None
        where it is not known.
    convention : str
        What the rule table returns on it.
    taken : str
        Which piece applies at the point.
    peers : mapping of str to str
        What other systems return on it, in words.
    straddled : mapping of str to float
        Elements of inputs with the step of a difference that reaches across.
    source : Source
        The user's line.
    step : str
        Which step of which loop it is in; empty outside loops.
    """

    index: int
    name: str
    kind: str
    primitive: str
    formula: Term
    place: Term | str
    element: tuple[int, ...]
    size: int
    count: int
    distance: float | None
    convention: str
    taken: str
    peers: Mapping[str, str]
    straddled: Mapping[str, float]
    source: Source
    step: str = ""

    @property
    def on(self) -> bool:
        """Whether the point sits exactly on the switch."""
        return self.count > 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "primitive": self.primitive,
            "element": list(self.element),
            "size": self.size,
            "on": self.count,
            "distance": plain(self.distance),
            "convention": self.convention,
            "taken": self.taken,
            "peers": dict(self.peers),
            "straddled": dict(self.straddled),
            "file": self.source.file,
            "line": self.source.line,
            "step": self.step,
        }


@dataclass(frozen=True)
class Sided:
    """The derivative of one output element by one input element, seen from both sides.

    Attributes
    ----------
    output, input : str
        With the element, where there are several.
    left, right : float
        NaN where the function does not exist on that side, ±∞ where it jumps.
    given : mapping of str to float or None
        What "adlab", other systems and the "policy" return; None where that is not known.
    """

    output: str
    input: str
    left: float
    right: float
    given: Mapping[str, float | None]

    @property
    def kinked(self) -> bool:
        """Whether the two sides differ."""
        return not (self.left == self.right or (self.left != self.left and self.right != self.right))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "output": self.output,
            "input": self.input,
            "left": plain(self.left),
            "right": plain(self.right),
            **{name: plain(value) for name, value in self.given.items()},
        }


@dataclass(frozen=True)
class KinkLedger:
    """Every switch that an evaluation meets, and what derivatives are worth there.

    Attributes
    ----------
    point : mapping of input name to value
    switches : tuple of Switch
        The nearest first.
    sides : tuple of Sided
        Derivatives of the whole function from both sides; empty if the point sits on no switch.
    gradient : mapping of str to mapping of input name to block
        The derivative under each convention: "adlab", the other systems, and "policy" if one was given.
    policy : Policy
    step : float or None
        The step that was asked about; None for the default of central differences.
    notes : tuple of str
    closed : tuple of str
        Loops that were not looked into, because they have too many steps.
    """

    point: Mapping[str, Any]
    switches: tuple[Switch, ...]
    sides: tuple[Sided, ...]
    gradient: Mapping[str, Mapping[str, Any]]
    policy: Policy
    step: float | None
    notes: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()

    @property
    def on(self) -> tuple[Switch, ...]:
        """The switches that the point sits on."""
        return tuple(switch for switch in self.switches if switch.on)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence per switch that the step of a difference reaches across."""
        return tuple(_straddling(switch) for switch in self.switches if switch.straddled)

    @property
    def sentence(self) -> str:
        """Say how many switches there are and how near the point is to them."""
        if self.closed:
            loops = ", ".join(self.closed)
            one = len(self.closed) == 1
            return (
                f"{'Outside the loop' if one else 'Outside the loops'} {loops}, which {'has' if one else 'have'} too many "
                f"steps to look into: {self._met()}"
            )
        if not self.switches:
            return "The function is smooth here: the evaluation meets no kink and no branch."
        return self._met()

    def _met(self) -> str:
        if not self.switches:
            return "no kink and no branch is met."
        count = len(self.switches)
        met = "1 switch is" if count == 1 else f"{count} switches are"
        if self.on:
            names = ", ".join(switch.name for switch in self.on)
            return f"{met} met; the point sits exactly on {len(self.on)} of them ({names})."
        nearest = self.switches[0]
        if nearest.distance is None:
            return f"{met} met; how near the point is to them is not known."
        return f"{met} met; the nearest, {nearest.name}, is {_short(abs(nearest.distance))} away."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "point": {name: plain(value) for name, value in self.point.items()},
            "switches": [switch.to_dict() for switch in self.switches],
            "sides": [side.to_dict() for side in self.sides],
            "gradient": {
                system: {name: plain(block) for name, block in blocks.items()}
                for system, blocks in self.gradient.items()
            },
            "policy": {name: plain(value) for name, value in self.policy.items()},
            "step": self.step,
            "sentence": self.sentence,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "closed": list(self.closed),
        }


@dataclass(frozen=True)
class Element:
    """One element of one input, and the point it can be moved from."""

    graph: Graph
    leaves: tuple[Any, ...]
    position: int
    element: tuple[int, ...]

    @property
    def x(self) -> float:
        """Its value."""
        return float(np.asarray(self.leaves[self.position])[self.element])

    @property
    def scale(self) -> float:
        """max(|x|, 1), the length to which the steps of differences are relative."""
        return max(abs(self.x), 1.0) if np.isfinite(self.x) else 1.0

    @property
    def epsilon(self) -> float:
        """The machine epsilon of the input's dtype."""
        return float(np.finfo(self.graph.types[self.position].dtype).eps)

    @property
    def label(self) -> str:
        """The name of the input, with the position in it."""
        place = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        return self.graph.inputs[self.position] + place

    def moved(self, t: float) -> list[Any]:
        """Return the point with ``t`` added to this element, in the input's dtype."""
        leaves = list(self.leaves)
        x = np.array(leaves[self.position])
        x[self.element] += x.dtype.type(t)
        leaves[self.position] = x[()]
        return leaves


def elements(graph: Graph, leaves: Sequence[Any], position: int) -> Iterator[Element]:
    """Yield the elements of an input."""
    for element in np.ndindex(*graph.types[position].shape):
        yield Element(graph, tuple(leaves), position, element)


def _straddling(switch: Switch) -> str:
    steps = [f"{name} (h = {step:.3g})" for name, step in switch.straddled.items()]
    shown = ", ".join(steps[:4]) + (f" and {len(steps) - 4} more" if len(steps) > 4 else "")
    line = ", ".join(part for part in (switch.step, str(switch.source) if switch.source.line else "") if part)
    line = f" ({line})" if line else ""
    return (
        f"A central difference by {shown} straddles {switch.name}, the {switch.primitive}{line}: it mixes "
        "both sides."
    )


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


# ----------------------------------------------------------------------------------------------- the ledger


def kinks(
    f: Any,
    *args: Any,
    policy: Policy | None = None,
    h: float | None = None,
    names: Sequence[str] | None = None,
) -> KinkLedger:
    """List every kink and branch that a function meets at a point.

    The arguments are those of `adlab.kinks`.

    Raises
    ------
    InputError
        For a policy that names no kink or does not fit it, and for arguments that do not fit.

    Examples
    --------
    >>> from adlab.functions import relu
    >>> ledger = kinks(lambda x: relu(x) - relu(-x), 0.0, policy={"relu": 0.5})
    >>> [(switch.name, switch.on) for switch in ledger.switches]
    [('v1', True), ('v3', True)]
    >>> {system: float(blocks["x"]) for system, blocks in ledger.gradient.items()}
    {'adlab': 2.0, 'JAX': 0.0, 'PyTorch': 0.0, 'policy': 1.0}
    """
    recording = to_graph(f, args, names)
    if recording.captured:
        raise InputError("kinks takes a function of numbers; this one closes over a traced value.")
    graph = recording.graph
    if not args and graph.inputs:
        raise InputError(f"A ledger of kinks needs a point: give a value for {', '.join(graph.inputs)}.")
    leaves = flatten_args(graph, args)
    graph = unrolled(graph)
    policy = named_policy(policy or {})
    with_policy(graph, policy)
    return _Ledger(f, args, graph, leaves, policy, h).report()


class _Ledger:
    """A function at a point, with the value of every node."""

    def __init__(
        self, f: Any, args: Sequence[Any], graph: Graph, leaves: list[Any], policy: Policy, h: float | None
    ) -> None:
        self.f, self.args, self.graph, self.leaves, self.policy = f, args, graph, leaves, policy
        self.problem = make_problem(graph, leaves, None, None, NUMPY)
        self.values = NUMPY.run(graph, leaves)
        guard = failing_guard(graph, NUMPY, self.values)
        if guard is not None:
            raise branch_error(graph, NUMPY, self.values, guard)
        self.h = h
        self.notes: list[str] = []
        order = display_order(graph)
        self.numbers = display_numbers(graph, order)
        self.work = sum(type.size for type in graph.types)
        self.elements = sum(graph.types[k].size for k in self.problem.wrt)

    def report(self) -> KinkLedger:
        """Return the ledger."""
        gauges = list(_gauges(self.graph))
        crossings = self._crossings(gauges)
        switches = [self._switch(gauge, crossed) for gauge, crossed in zip(gauges, crossings, strict=True)]
        switches.sort(key=lambda s: np.inf if s.distance is None else abs(s.distance))
        gradient = self._gradients(switches)
        return KinkLedger(
            {self.graph.inputs[k]: self.leaves[k] for k in range(len(self.graph.inputs))},
            tuple(switches),
            tuple(self._sides(switches, gradient)),
            {
                system: dict(zip(self._wrt_names(), blocks, strict=True))
                for system, blocks in self._by_input(gradient).items()
            },
            self.policy,
            self.h,
            tuple(self.notes),
            closed_loops(self.graph),
        )

    def _wrt_names(self) -> list[str]:
        return [self.graph.inputs[k] for k in self.problem.wrt]

    # ------------------------------------------------------------------------------------------- switches

    def _switch(self, gauge: Gauge, crossed: Mapping[str, float]) -> Switch:
        graph, node = self.graph, gauge.node
        distance = np.asarray(gauge.distance(self.values), float)
        size = np.abs(distance)
        known = bool(np.any(~np.isnan(size)))
        place = np.unravel_index(int(np.nanargmin(size)), size.shape) if known else ()
        element = tuple(int(k) for k in place)
        row = graph.primitives[node]
        return Switch(
            node,
            self._name(node),
            gauge.kind,
            row.name,
            self._formula(node),
            gauge.kink.where if gauge.kink else self._formula(gauge.test),
            element,
            size.size,
            int(np.sum(size == 0)),
            float(distance[element]) if known else None,
            gauge.kink.convention if gauge.kink else "the derivative of the piece that applies",
            self._taken(gauge, element),
            {peer.name: peer_words(peer, row) for peer in PEERS},
            crossed,
            graph.sources[gauge.source],
            step_of(graph, node),
        )

    def _name(self, node: int) -> str:
        return f"v{self.numbers[node]}".replace("-", "−")

    def _formula(self, operand: int) -> Term:
        """Return a node as it is written, with its operands by name."""
        graph = self.graph
        if operand < 0:
            return number_term(graph.constants[~operand].value)
        if operand < len(graph.inputs):
            return symbol("v", self.numbers[operand], self.values[operand])
        terms = tuple(
            symbol("v", self.numbers[j], self.values[j]) if j >= 0 else number_term(graph.constants[~j].value)
            for j in graph.operands[operand]
        )
        return Term(graph.primitives[operand], terms, self.values[operand], graph.params[operand])

    def _taken(self, gauge: Gauge, element: tuple[int, ...]) -> str:
        if gauge.kink:
            return ""
        outcome = np.asarray(self.values[gauge.test])
        true, size = int(np.sum(outcome)), outcome.size
        if size > 1:
            return f"true for {true} of {size}"
        return "true" if true else "false"

    def _crossings(self, gauges: Sequence[Gauge]) -> list[dict[str, float]]:
        """Return, for each switch, the elements of inputs whose step reaches across."""
        found: list[dict[str, float]] = [{} for _ in gauges]
        if not gauges or not self._affordable(2, "which steps reach across a switch"):
            return found
        before = [gauge.crossing(self.values) for gauge in gauges]
        for position in self.problem.wrt:
            reached = active_nodes(self.graph, [position])
            for at in elements(self.graph, self.leaves, position):
                step = self.h if self.h is not None else at.epsilon ** (1 / 3) * at.scale
                moved = [NUMPY.run(self.graph, at.moved(t)) for t in (step, -step)]
                for gauge, base, crossed in zip(gauges, before, found, strict=True):
                    near = any(j >= 0 and reached[j] for j in self.graph.operands[gauge.test])
                    if near and any(_crosses(gauge, base, gauge.crossing(values)) for values in moved):
                        crossed[at.label] = step
        return found

    def _affordable(self, evaluations: int, what: str, factor: int = 1) -> bool:
        if self.work * self.elements * evaluations * factor <= WORK:
            return True
        self.notes.append(
            f"With {self.elements} input elements and {self.work} values it would take too long to find {what}."
        )
        return False

    # -------------------------------------------------------------------------------------- both sides

    def _gradients(self, switches: Sequence[Switch]) -> dict[str, Any]:
        """Return Jacobian blocks under each convention; None where a system's convention is not known."""
        on = {switch.primitive for switch in switches if switch.on and switch.kind in ("kink", "jump")}
        found: dict[str, Any] = {"adlab": self._jacobians({})}
        for peer in PEERS:
            known = all(peer.knows(name) for name in on)
            found[peer.name] = self._jacobians(peer.conventions) if known else None
        if self.policy:
            found["policy"] = self._jacobians(self.policy)
        return found

    def _jacobians(self, policy: Policy) -> Any:
        here = {primitive.name for primitive in self.graph.primitives}
        graph = with_policy(self.graph, {name: entry for name, entry in policy.items() if name in here})
        return METHODS["reverse"].derivative(graph, self.leaves, self.problem.wrt).jacobians

    def _by_input(self, gradient: Mapping[str, Any]) -> dict[str, list[Any]]:
        single = len(self.problem.outputs) == 1
        return {
            system: [
                rows[0][i] if single else tuple(row[i] for row in rows) for i in range(len(self.problem.wrt))
            ]
            for system, rows in gradient.items()
            if rows is not None
        }

    def _sides(self, switches: Sequence[Switch], gradient: Mapping[str, Any]) -> list[Sided]:
        if not any(switch.on for switch in switches):
            return []
        outputs = sum(type.size for type in self.graph.output_types)
        if not self._affordable(4, "the derivatives from both sides", factor=10 * outputs):
            return []
        pairs = self._one_sided(any(switch.on and switch.kind == "branch" for switch in switches))
        found = [
            Sided(
                self._label(self.graph.output_names[k], place[0]),
                self._label(self.graph.inputs[self.problem.wrt[i]], place[1]),
                *both,
                {
                    system: None if rows is None else float(np.asarray(rows[k][i])[(*place[0], *place[1])])
                    for system, rows in gradient.items()
                },
            )
            for (k, i, place), both in pairs.items()
        ]
        found.sort(key=lambda side: not side.kinked)
        if len(found) > SHOWN:
            self.notes.append(f"{len(found) - SHOWN} further derivatives by single elements are not listed.")
        return found[:SHOWN]

    def _label(self, name: str, element: tuple[int, ...]) -> str:
        return name + (f"[{', '.join(map(str, element))}]" if element else "")

    def _one_sided(self, on_branch: bool) -> Pairs:
        """Return left and right derivatives by (output, input, (element of output, element of input))."""
        try:
            if on_branch:
                return self._from_branches()
            return _both(self.graph, self.leaves, self.problem.wrt)
        except MethodError as error:
            self.notes.append(f"There are no derivatives from the two sides: {error}")
            return {}

    def _from_branches(self) -> Pairs:
        """Return both sides where an `if` sits on its switch: each side is traced by itself."""
        found: Pairs = {}
        here = dataclasses.replace(self.graph, guards=())
        base = reference(here, self.leaves, self.problem.wrt).values
        shown = _both(here, self.leaves, self.problem.wrt)
        for i, position in enumerate(self.problem.wrt):
            for at in elements(self.graph, self.leaves, position):
                left, right = (self._branch(at, sign, base, shown) for sign in (-1, 1))
                for key in left:
                    if key[1] == i and key[2][1] == at.element:
                        found[key] = (left[key][0], right[key][1])
        return found

    def _branch(self, at: Element, sign: int, base: Sequence[Any], shown: Pairs) -> Pairs:
        """Return the derivatives, at the point, of the branch that applies on one side of it."""
        graph = self._traced_at(at.moved(sign * NEARBY * at.scale))
        if graph is None:
            return dict.fromkeys(shown, (NAN, NAN))
        if graph is self.graph:
            return shown
        graph = dataclasses.replace(graph, guards=())
        there = reference(graph, self.leaves, self.problem.wrt).values
        found = _both(graph, self.leaves, self.problem.wrt)
        for key in found:
            jump = _at(there[key[0]], key[2][0]) - _at(base[key[0]], key[2][0])
            if jump != 0:
                found[key] = (sign * float("inf") * (1 if jump > 0 else -1),) * 2
        return found

    def _traced_at(self, leaves: Sequence[Any]) -> Graph | None:
        """Return the graph of the function near the point; None where it holds other branches only."""
        values = NUMPY.run(self.graph, leaves)
        if failing_guard(self.graph, NUMPY, values) is None:
            return self.graph
        if isinstance(self.f, Graph) or not callable(self.f) or self.graph.in_tree is None:
            self.notes.append("A branch of the graph is not recorded; give the function to see both sides.")
            return None
        try:
            return unrolled(to_graph(self.f, unflatten(self.graph.in_tree, leaves)).graph)
        except AdlabError as error:
            self.notes.append(f"The other side could not be traced: {error}")
            return None


def _at(value: Any, element: tuple[int, ...]) -> Any:
    return value[element] if element else value


Pairs = dict[Any, tuple[float, float]]
"""(left, right) by (output, input, (element of output, element of input))."""


def _both(graph: Graph, leaves: Sequence[Any], wrt: Sequence[int]) -> Pairs:
    """Return the derivatives from both sides, of every output element by every input element.

    The reference says of a kink which output it is in, not which of its elements: so where an array output
    has any, its elements are looked at one by one.
    """
    pairs: Pairs = {}
    for k in range(len(graph.outputs)):
        shape = graph.output_types[k].shape
        found = reference(graph, leaves, wrt, [k])
        if not (found.kinks and shape):
            pairs |= _pairs(found, graph, wrt, k, ())
            continue
        for place in np.ndindex(*shape):
            one = _element_graph(graph, k, place)
            pairs |= _pairs(reference(one, leaves, wrt), graph, wrt, k, place)
    return pairs


def _pairs(found: Reference, graph: Graph, wrt: Sequence[int], k: int, at: tuple[int, ...]) -> Pairs:
    """Return one output's pairs; ``at`` is the element that it is of, if it is one of an array."""
    pairs: Pairs = {}
    names = [graph.inputs[position] for position in wrt]
    for i, position in enumerate(wrt):
        block, shape = found.jacobians[0][i], graph.types[position].shape
        outer = np.shape(block)[: np.ndim(block) - len(shape)]
        for place in np.ndindex(*outer, *shape):
            value = float(_at(block, place))
            pairs[k, i, (at + place[: len(outer)], place[len(outer) :])] = (value, value)
    for kink in found.kinks:
        pairs[k, names.index(kink.input), (at, kink.element)] = (kink.left, kink.right)
    return pairs


def _element_graph(graph: Graph, k: int, place: tuple[int, ...]) -> Graph:
    """Return the graph with one element of one output as its only output."""
    type = graph.output_types[k]
    return dataclasses.replace(
        graph,
        primitives=[*graph.primitives, TABLE["index"]],
        operands=[*graph.operands, (graph.outputs[k],)],
        params=[*graph.params, (("index", normalise_index(place, type.shape)),)],
        types=[*graph.types, Type((), type.dtype)],
        scope_ids=[*graph.scope_ids, -1],
        source_ids=[*graph.source_ids, 0],
        outputs=(len(graph),),
        out_tree=None,
    )


# ----------------------------------------------------------------------------------------------- switches


@dataclass(frozen=True)
class Gauge:
    """How to read one switch off the values of all nodes.

    Attributes
    ----------
    graph : Graph
    node : the operation that is listed
    test : the node whose operands decide
    kind : as in `Switch`
    kink : the row's kink, None for comparisons
    source : index of the user's line
    """

    graph: Graph
    node: int
    test: int
    kind: str
    kink: Kink | None
    source: int

    def distance(self, values: Sequence[Any]) -> Any:
        """Return what is zero on the switch, element by element; NaN where it is not known."""
        graph, test = self.graph, self.test
        if self.kink is not None:
            return distance_to(self.kink, graph, values, test)
        xs = [operand_value(graph, values, j) for j in graph.operands[test]]
        with np.errstate(all="ignore"):
            return np.subtract(*(np.asarray(x, float) for x in xs))

    def crossing(self, values: Sequence[Any]) -> Any:
        """Return what tells one side from the other: the distance, or the value of a step function."""
        return values[self.test] if self.kind == "jump" else self.distance(values)


def _crosses(gauge: Gauge, before: Any, after: Any) -> bool:
    """Return whether a step moves any element at least as far as it is from the switch."""
    if gauge.kind == "jump":
        return bool(np.any(before != after))
    with np.errstate(all="ignore"):  # where there is nothing to meet, the distance is infinite and stays so
        moved = np.abs(np.asarray(after, float) - before)
    return bool(np.any((moved > 0) & (moved >= np.abs(before))))


def _gauges(graph: Graph) -> Iterator[Gauge]:
    """Yield a gauge for every switch of the graph, in program order; branches of the program last."""
    used: set[int] = set()
    for i in range(len(graph.inputs), len(graph)):
        row, source = graph.primitives[i], graph.source_ids[i]
        if row.name == "where":
            for test in _tests(graph, graph.operands[i][0]):
                used.add(test)
                yield Gauge(graph, i, test, "where", None, source)
        for kink in row.kinks:
            if not is_smooth_power(graph, i):
                yield Gauge(graph, i, i, "jump" if row.name in STEPS else "kink", kink, source)
    for guard in graph.guards:
        for test in _tests(graph, guard.operand):
            used.add(test)
            yield Gauge(graph, test, test, "branch", None, guard.source)
    for i in range(len(graph.inputs), len(graph)):
        if graph.primitives[i].name in COMPARISONS and i not in used and _is_numeric(graph, i):
            yield Gauge(graph, i, i, "comparison", None, graph.source_ids[i])


def _tests(graph: Graph, operand: int) -> list[int]:
    """Return the comparisons that a truth value is made of, in program order."""
    found, stack = set(), [operand]
    while stack:
        i = stack.pop()
        if i < 0 or i in found:
            continue
        name = graph.primitives[i].name
        if name in COMPARISONS and _is_numeric(graph, i):
            found.add(i)
        elif name in LOGICAL or graph.types[i].dtype == BOOL:
            stack.extend(graph.operands[i])
    return sorted(found)


def _is_numeric(graph: Graph, node: int) -> bool:
    return all(graph.type_of(j).dtype != BOOL for j in graph.operands[node])
