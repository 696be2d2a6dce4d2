"""Operations on trial: each by itself, with the numbers it had, by every method's own means.

Forward and reverse mode read the rule table at the point, the symbolic method takes SymPy's derivative of the row, a
difference is what the row does between the two points that it was really evaluated at, and many digits know better than
all of them. What holds at an operation where they part (a kink, the edge of its domain, a switch that the step
reaches across, a coarser dtype) says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError
from adlab.ir.builder import Builder
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL, Type
from adlab.methods import METHODS
from adlab.methods.base import Derivative
from adlab.methods.reference import reference
from adlab.reports.badvalues import bad_partial
from adlab.reports.differences import ORDERS, as_floats, coarsest_epsilon, default_step, step_taken
from adlab.reports.nodes import NodeAt, level_numbers, node_at, operand_value, place_text
from adlab.reports.question import Question
from adlab.transforms.kinks import distance_to

ROUNDINGS = 1e4
"""How many units of rounding a value or derivative may be off by where no digits are lost."""

NODES = 1_000
"""So many operations between input and output are put on trial."""

ELEMENTS = 4
"""So many elements of an array are, those that move most."""

TRUE = 1e-9
"""Local derivatives of float64 operations agree within this; of others within its equivalent."""

SHARE = 0.25
"""A local error of this share of the whole explains it."""


EDGE = "edge of domain"
INFINITE = "the local derivative is infinite or undefined there, and what it is multiplied by may be 0."


class Answer(NamedTuple):
    """What a method gave, under the name it has in the report."""

    name: str
    scheme: str
    found: Derivative


class Entry(NamedTuple):
    """One entry of a Jacobian: output and column of the answer, element of output and of input."""

    row: int
    column: int
    place: tuple[int, ...]


class Finding(NamedTuple):
    """A node at which a method parts from the truth."""

    node: int
    cause: str
    words: str
    operand: int = -1
    element: tuple[int, ...] = ()


# ----------------------------------------------------------------------------------------- nodes on trial


class Ends(NamedTuple):
    """The values of every node at the two points of a difference, the step, and how far the points lie apart."""

    right: list[Any]
    left: list[Any]
    step: float
    width: float

    @property
    def reach(self) -> str:
        """The step in words."""
        return f"the step h = {self.step:.2g}"


class Trial:
    """The operations between one element of an input and an output, with the numbers they have.

    Attributes
    ----------
    base : list
        The value of every node at the point.
    path : list of int
        The operations through which the input reaches the output, in order of evaluation.
    """

    def __init__(self, question: Question, entry: Entry) -> None:
        self.question, self.entry = question, entry
        self.graph = graph = question.graph
        self.position = question.positions[entry.column]
        shape = graph.types[self.position].shape
        self.element = entry.place[len(entry.place) - len(shape) :]
        self.base = NUMPY.run(graph, question.values)
        self._known: dict[tuple[int, int, tuple[int, ...]], Spot] = {}
        self.path = _path(graph, self.position, graph.outputs[entry.row])[:NODES]

    @property
    def _x(self) -> float:
        x = float(np.asarray(self.question.values[self.position])[self.element])
        return x if np.isfinite(x) else 1.0

    @cached_property
    def numbers(self) -> Sequence[int]:
        """How the nodes are numbered for display."""
        return level_numbers(self.graph)

    @property
    def label(self) -> str:
        """The name of the entry."""
        inner = self.entry.place[: len(self.entry.place) - len(self.element)]
        count = len(self.graph.outputs)
        output = self.graph.name + (str(self.entry.row + 1) if count > 1 else "") + place_text(inner)
        return f"∂{output}/∂{self._moving_input}"

    def moved(self, t: float) -> list[Any]:
        """Return the value of every node with the element moved by ``t``."""
        inputs = list(self.question.values)
        x = np.array(inputs[self.position])
        x[self.element] += x.dtype.type(t)
        inputs[self.position] = x[()]
        return NUMPY.run(self.graph, inputs)

    @cached_property
    def sides(self) -> Ends:
        """What a central difference sees."""
        return self._ends("central", default_step("central", coarsest_epsilon(self.graph), self._x))

    def ends(self, answer: Answer) -> Ends:
        """Return the values of every node at the two points of an answer's differences."""
        place = self.question.values, self.position, self.element
        return self._ends(answer.scheme, step_taken(self.graph, *place, answer.scheme, answer.found))

    def _ends(self, scheme: str, step: float) -> Ends:
        if scheme == "forward":
            return Ends(self.moved(step), self.base, step, step)
        return Ends(self.moved(step), self.moved(-step), step, 2 * step)

    def finding(self, answer: Answer, whole: float) -> Finding | None:
        """Return where and why a method's answer is off, None if nothing is found.

        Parameters
        ----------
        answer : Answer
        whole : float
            How far it is off, relative to the derivative.
        """
        if answer.found.method == "numerical" and answer.scheme in ORDERS:
            return self._difference(answer, whole)
        return self._rule(answer) or self._not_a_number(answer) or self.lost_digits()

    def node(self, finding: Finding) -> NodeAt:
        """Return the node of a finding at its element; as a whole where it has none."""
        shape = self.graph.types[finding.node].shape
        whole = len(finding.element) < len(shape)
        element = (0,) * len(shape) if whole else finding.element
        node = node_at(self.graph, self.base, finding.node, element, self.numbers)
        if not whole:
            return node
        values = [operand_value(self.graph, self.base, j) for j in self.graph.operands[finding.node]]
        return replace(node, element=(), operand_values=tuple(values))

    def partials(self, finding: Finding, answers: Sequence[Answer]) -> dict[str, float]:
        """Return the local derivative that was found wanting, by every method's own means and exactly."""
        spot = self._spot(finding.node, finding.operand, finding.element)
        found: dict[str, float] = {}
        for answer in answers:
            if answer.found.method == "numerical" and answer.scheme in ORDERS:
                local = spot.difference(self.ends(answer))
                given = None if local is None else local.slope
            else:
                given = spot.by(answer)
            if given is not None:
                found[answer.name] = given
        if spot.truth is not None and not spot.on_kink():
            found["exactly"] = spot.truth.value
        return found

    # ------------------------------------------------------------------------- rules and SymPy's derivatives

    def _rule(self, answer: Answer) -> Finding | None:
        """Return the first operation whose derivative the method itself gets wrong."""
        for i in self.path:
            for spot in self._spots(i):
                finding = self._judge(answer, spot)
                if finding is not None:
                    return finding
        return None

    def _judge(self, answer: Answer, spot: Spot) -> Finding | None:
        """Compare a method's local derivative with the true one."""
        given, truth = spot.by(answer), spot.truth
        if given is None or truth is None:
            return None
        i = spot.index
        if not np.isfinite(given) or not np.isfinite(truth.value):
            return Finding(i, EDGE, INFINITE, spot.operand, spot.element)
        if spot.on_kink() and given != truth.value:
            return Finding(i, "kink", self._kink_words(i), spot.operand, spot.element)
        if abs(given - truth.value) <= truth.tolerance:
            return None
        if self.graph.primitives[i].name == "stop_gradient":
            words = "stop_gradient says so on purpose; differences look through it."
            return Finding(i, "held constant", words, spot.operand, spot.element)
        if answer.scheme == "richardson" and answer.found.method == "numerical":
            words = "the steps that are extrapolated are too wide for the operation, as across a pole."
            return Finding(i, "truncation", words, spot.operand, spot.element)
        own = {"symbolic": "SymPy's function for it", "numerical": "its complex form"}.get(
            answer.found.method, "its rule"
        )
        words = f"{own} is wrong: at the same operands the operation itself changes otherwise."
        return Finding(i, "wrong rule", words, spot.operand, spot.element)

    def _not_a_number(self, answer: Answer) -> Finding | None:
        """Return the infinite local derivative that made an answer NaN, at whatever element it is: 0 · ∞ reaches the
        elements that have nothing to do with it.
        """
        found = answer.found.jacobians[self.entry.row][self.entry.column]
        bad = bad_partial(self.graph, self.base, self.numbers)
        if (
            bad is None
            or bad.node.index not in self.path
            or not np.isnan(np.asarray(found)[self.entry.place])
        ):
            return None
        i, operand = bad.node.index, bad.node.operands.index(bad.operand)
        spot = self._spot(i, operand, bad.node.element)
        still = self.graph.primitives[i].elementwise and spot.difference(self.sides) is None
        words = f"the local derivative is infinite there, and {self._moving_input} does not move its operand: 0 · ∞ = NaN."
        return Finding(i, EDGE, words if still else INFINITE, operand, bad.node.element)

    @property
    def _moving_input(self) -> str:
        return self.graph.inputs[self.position] + place_text(self.element)

    def _kink_words(self, i: int) -> str:
        kinks = self.graph.primitives[i].kinks
        convention = kinks[0].convention if kinks else "each method has its own"
        return f"there the operation has no derivative, and each method follows a convention (the rule's: {convention})."

    def _spots(self, i: int) -> Iterator[Spot]:
        """Yield the elements of an operation that move most, by each operand through which they do."""
        graph = self.graph
        if graph.primitives[i].rule is None:
            return
        reached = {self.position, *self.path}
        operands = [
            p for p, j in enumerate(graph.operands[i]) if j in reached and graph.types[j].dtype != BOOL
        ]
        if not graph.primitives[i].elementwise:
            yield from (self._spot(i, p, ()) for p in operands)
            return
        for element in self._moving(i):
            yield from (self._spot(i, p, element) for p in operands)

    def _spot(self, i: int, operand: int, element: tuple[int, ...]) -> Spot:
        """Return an operation by one operand; what is known of it is kept for the next method."""
        return self._known.setdefault((i, operand, element), Spot(self, i, operand, element))

    def _moving(self, i: int) -> list[tuple[int, ...]]:
        """Return the elements of a node that move most."""
        if not np.ndim(self.base[i]):
            return [()]
        right, left = (np.asarray(side[i], float) for side in self.sides[:2])
        with np.errstate(invalid="ignore"):
            size = np.abs(right - left)
        size = np.where(np.isnan(size), np.inf, size)
        order = np.argsort(-size, axis=None, kind="stable")[:ELEMENTS]
        places = [tuple(int(k) for k in np.unravel_index(flat, size.shape)) for flat in order]
        return [place for k, place in enumerate(places) if size[place] or not k]

    def lost_digits(self) -> Finding | None:
        """Return the first node whose value is off by more than rounding of its own."""
        carrier = MpmathAlgebra(50)
        epsilon = float(np.finfo(self.graph.types[self.position].dtype).eps)
        try:
            exact = carrier.run(self.graph, [carrier.array(x) for x in self.question.values])
        except (AdlabError, ArithmeticError, TypeError, ValueError):
            return None
        for i in self.path:
            if self.graph.types[i].dtype == BOOL:
                continue
            found, truth = np.asarray(self.base[i], float), as_floats(exact[i])
            with np.errstate(all="ignore"):
                error = np.asarray(np.abs(found - truth) / np.abs(truth))
            error = np.where(np.isnan(error), 0.0, error)
            if np.max(error, initial=0.0) > ROUNDINGS * epsilon:
                place = tuple(int(k) for k in np.unravel_index(int(np.argmax(error)), error.shape))
                return self._lost(i, place, float(error[place]), epsilon)
        return None

    def _lost(self, i: int, place: tuple[int, ...], error: float, epsilon: float) -> Finding:
        dtype = self.graph.types[i].dtype
        if float(np.finfo(dtype).eps) > epsilon:
            words = f"the value is {dtype}, off by {error:.2g} of its size, though the input has more digits."
            return Finding(i, "dtype", words, element=place)
        words = f"the value is off by {error:.2g} of its size, for digits cancel here; all that follows is computed of it."
        return Finding(i, "round-off", words, element=place)

    # -------------------------------------------------------------------------------------------- differences

    def _difference(self, answer: Answer, whole: float) -> Finding | None:
        """Return the first operation that makes a good part of a difference's error."""
        ends = self.ends(answer)
        largest: tuple[float, Finding] | None = None
        for i in self.path:
            finding, share = self._between(i, ends)
            if finding is not None and share >= SHARE * min(whole, 1.0):
                return finding
            if finding is not None and (largest is None or share > largest[0]):
                largest = (share, finding)
        if largest is None:
            return None
        share, finding = largest
        words = f"{finding.words} By itself it is off by {share:.2g} of its size, the most of all; what follows magnifies it."
        return finding._replace(words=words)

    def _between(self, i: int, ends: Ends) -> tuple[Finding | None, float]:
        """Return what is wrong with an operation between the two points, and how wrong relative to its derivative."""
        guarded = any(guard.operand == i for guard in self.graph.guards)
        if self.graph.types[i].dtype == BOOL:
            flips = (np.asarray(ends.right[i]) != self.base[i]) | (np.asarray(ends.left[i]) != self.base[i])
            if not np.any(flips):
                return None, 0.0
            taken = "Python's if" if guarded else "the choice"
            words = f"{ends.reach} crosses the switch, so that {taken} falls otherwise on one side."
            return Finding(i, "branch flip", words, element=_first(flips)), np.inf
        worst: tuple[Finding | None, float] = None, 0.0
        for spot in self._spots(i):
            finding, share = self._at_spot(spot, ends)
            if finding is not None and share > worst[1]:
                worst = finding, share
        return worst

    def _at_spot(self, spot: Spot, ends: Ends) -> tuple[Finding | None, float]:
        """Return what is wrong with a difference of one operation by one operand, and how wrong."""
        i, truth = spot.index, spot.truth
        local = spot.difference(ends)
        if local is None or truth is None:
            return None, 0.0
        whole_sides = [np.asarray(side[i], float)[spot.element] for side in ends[:2]]
        if not np.all(np.isfinite([*np.ravel(whole_sides), local.slope])):
            words = f"{ends.reach} leaves the domain of the operation."
            return Finding(i, EDGE, words, spot.operand, spot.element), np.inf
        if not np.isfinite(truth.value):
            words = f"the local derivative is not finite there, and {ends.reach} cannot see it."
            return Finding(i, EDGE, words, spot.operand, spot.element), np.inf
        apart = abs(local.slope - truth.value)
        share = apart / max(abs(local.slope), abs(truth.value)) if apart else 0.0
        cause, words = self._why(spot, local, apart, ends)
        return Finding(i, cause, words, spot.operand, spot.element), share

    def _why(self, spot: Spot, local: Local, apart: float, ends: Ends) -> tuple[str, str]:
        """Return the cause of a local difference's error, in a word and in words."""
        i = spot.index
        if spot.on_kink():
            return "kink", self._kink_words(i)
        if self._switched(spot, ends):
            return (
                "branch flip",
                f"{ends.reach} reaches across its switch, so that the two points lie on different pieces.",
            )
        dtype, given = self.graph.types[i].dtype, self.graph.types[self.position].dtype
        if apart > local.rounding:
            return (
                "truncation",
                f"the operation is not straight between the two points: {ends.reach} is too wide for it.",
            )
        if np.finfo(dtype).eps > np.finfo(given).eps:
            return (
                "dtype",
                f"the value is rounded to {dtype}, although the input is {given}, and {ends.reach} moves it little.",
            )
        return "round-off", f"{ends.reach} moves the value by so little that its rounding shows."

    def _switched(self, spot: Spot, ends: Ends) -> bool:
        """Return whether a switch of the operation lies between the two points."""
        for kink in self.graph.primitives[spot.index].kinks:
            sides = [
                np.asarray(distance_to(kink, self.graph, values, spot.index), float) for values in ends[:2]
            ]
            a, b = (
                np.broadcast_to(side, self.graph.types[spot.index].shape)[spot.element]
                if kink.switch
                else side
                for side in sides
            )
            if np.any(a * b < 0):
                return True
        return False


def _path(graph: Graph, start: int, output: int) -> list[int]:
    """Return the operations between an input and an output, in order of evaluation."""
    reached = {start}
    for i in range(len(graph.inputs), len(graph)):
        if not reached.isdisjoint(graph.operands[i]):
            reached.add(i)
    wanted = {output} | {guard.operand for guard in graph.guards}
    for i in range(len(graph) - 1, len(graph.inputs) - 1, -1):
        if i in wanted:
            wanted.update(graph.operands[i])
    return sorted(i for i in reached & wanted if i >= len(graph.inputs))


def _first(flags: Any) -> tuple[int, ...]:
    return tuple(int(k) for k in np.argwhere(np.asarray(flags))[0])


# ------------------------------------------------------------------------------ one operation, one operand


class Truth(NamedTuple):
    """The true local derivative, and how far a rule may be from it."""

    value: float
    tolerance: float


class Local(NamedTuple):
    """A difference of one operation: its slope, and what rounding alone may do to it."""

    slope: float
    rounding: float


class Spot:
    """One operation by one operand: at one element where it is elementwise, along the actual move otherwise."""

    def __init__(self, trial: Trial, index: int, operand: int, element: tuple[int, ...]) -> None:
        self.trial, self.index, self.operand, self.element = trial, index, operand, element
        self.graph = trial.graph
        self.primitive = self.graph.primitives[index]

    def _given(self, values: Sequence[Any]) -> list[Any]:
        """Return the operands: their numbers at the element, or whole arrays."""
        xs = [operand_value(self.graph, values, j) for j in self.graph.operands[self.index]]
        if not self.primitive.elementwise:
            return xs
        shape = self.graph.types[self.index].shape
        return [np.broadcast_to(x, shape)[self.element][()] for x in xs]

    @cached_property
    def point(self) -> list[Any]:
        """The operands at the point, in their dtypes."""
        given = self._given(self.trial.base)
        dtypes = [self.graph.type_of(j).dtype for j in self.graph.operands[self.index]]
        return [np.asarray(x, dtype)[()] for x, dtype in zip(given, dtypes, strict=True)]

    @cached_property
    def single(self) -> Graph:
        """The operation as a graph of its own, of the operands."""
        builder = Builder()
        inputs = [builder.input(f"x{k}", Type(x.shape, x.dtype)) for k, x in enumerate(self.point)]
        return builder.finish([builder.apply(self.primitive, tuple(inputs), self.graph.params[self.index])])

    @cached_property
    def direction(self) -> Any:
        """How the operand moves when the input does; 1 for a scalar."""
        if not np.ndim(self.point[self.operand]):
            return np.float64(1)
        j = self.graph.operands[self.index][self.operand]
        ends = self.trial.sides
        with np.errstate(invalid="ignore"):
            move = (np.asarray(ends.right[j], float) - np.asarray(ends.left[j], float)) / ends.width
        return np.where(np.isfinite(move), move, 0.0)

    def along(self, block: Any) -> float:
        """Return a Jacobian block by the operand as one number: contracted with the move, summed over the result."""
        block = np.asarray(block, dtype=object).astype(float)
        with np.errstate(invalid="ignore"):
            return float(np.sum(block * self.direction))

    @cached_property
    def truth(self) -> Truth | None:
        """The derivative in many digits; by extrapolated differences for a row that mpmath does not know."""
        if self.graph.types[self.index].size * np.size(self.point[self.operand]) > NODES:
            return None
        epsilon = coarsest_epsilon(self.single)
        slack = TRUE * (epsilon / np.finfo(float).eps) ** 0.5
        try:
            found = reference(self.single, self.point, [self.operand], digits=20)
            value = self.along(found.jacobians[0][0])
            return Truth(value, slack * max(abs(value), 1e-30))
        except (AdlabError, ArithmeticError, TypeError, ValueError):
            pass
        try:
            numerical = METHODS["numerical"].derivative(
                self.single, self.point, [self.operand], scheme="richardson"
            )
        except AdlabError:
            return None
        assert numerical.error is not None
        value, bar = self.along(numerical.jacobians[0][0]), abs(self.along(numerical.error[0][0]))
        return Truth(value, 10 * bar + 10 * epsilon**0.5 * max(abs(value), 1.0))

    def by(self, answer: Answer) -> float | None:
        """Return the local derivative by a method's own means, None where it has none."""
        options: dict[str, Any] = {"scheme": answer.scheme} if answer.found.method == "numerical" else {}
        try:
            found = METHODS[answer.found.method].derivative(
                self.single, self.point, [self.operand], **options
            )
        except (AdlabError, NotImplementedError):
            return None
        return self.along(found.jacobians[0][0])

    def difference(self, both: Ends) -> Local | None:
        """Return what the operation does between the operand's values at two points, None if the operand stays."""
        ends, dtype = [], self.point[self.operand].dtype
        for side in both[:2]:
            xs = list(self.point)
            xs[self.operand] = np.asarray(self._given(side)[self.operand], dtype)[()]
            ends.append((xs[self.operand], NUMPY.outputs(self.single, NUMPY.run(self.single, xs))[0]))
        (x1, y1), (x0, y0) = ends
        epsilon = float(np.finfo(self.graph.types[self.index].dtype).eps)
        with np.errstate(all="ignore"):
            width = both.width if np.ndim(x1) else float(x1) - float(x0)
            if not np.any(x1 != x0) or not width:
                return None
            rise = float(np.sum(np.asarray(y1, float) - np.asarray(y0, float)))
            size = float(np.max(np.abs(y1)) + np.max(np.abs(y0)))
            return Local(rise / width, 4 * epsilon * size / abs(width))

    def on_kink(self) -> bool:
        """Return whether the operation is exactly on a kink, at the element."""
        shape = self.graph.types[self.index].shape
        for kink in self.primitive.kinks:
            distance = distance_to(kink, self.graph, self.trial.base, self.index)
            if np.any(np.broadcast_to(distance, shape)[self.element] == 0):
                return True
        return False
