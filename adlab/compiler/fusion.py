"""Which operations share a loop.

A `Group` is one pass over memory: an iteration space, cut into rows where something is reduced within rows. An operation
joins the group that computes one of its operands, if it reads that operand element by element in the same order; else a
group that reads the same arrays; else it opens a group of its own. Inside a row the loop may run several times: a sum or
maximum over the row ends a pass, and what is computed from it belongs to a later one. So a softmax, a layer norm or a
cross entropy is one group, whose row stays in the fastest cache, and values that only the group uses never reach memory.

Steps run by *slots*: a group is joined only by what depends on earlier slots, so no circle can arise and nothing is
sorted. Numbers are computed outside of loops, behind the step that their operands come from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from adlab.compiler.operations import Map, Op, Operations, Reduce
from adlab.compiler.views import View, common_axes, dense, size_of, split_axes, strides_of
from adlab.ir.types import Shape

LIMIT = 48
"""Operations in one group, at most: more would not fit into the registers."""

RECENT = 12
"""How many groups of one size are looked at."""


class Level(Enum):
    """How often a group computes a value: for each element, for each row, or once, ready after the loop."""

    FULL = "element"
    ROW = "row"
    AFTER = "whole"


@dataclass(eq=False)
class Group:
    """Operations that share a loop.

    Attributes
    ----------
    space : tuple of int
        The axes run over, without those of length 1, split as finely as any member sees them.
    row : int or None
        Elements of a row, where something is reduced in rows; None where rows do not matter.
    ops : list of Map or Reduce
        The members, in order.
    levels : dict
        How often each value computed here is.
    """

    slot: int
    space: Shape
    row: int | None = None
    ops: list[Map | Reduce] = field(default_factory=list)
    levels: dict[int, Level] = field(default_factory=dict)
    reading: set[int] = field(default_factory=set)

    @property
    def row_axes(self) -> int:
        """How many of the axes are within a row."""
        count, size = 0, 1
        while size < (self.row or 1):
            count += 1
            size *= self.space[-count]
        return count

    def row_space(self) -> Shape:
        """Return the axes that count rows."""
        return self.space[: len(self.space) - self.row_axes]

    def strides(self, view: View, level: Level) -> Sequence[int] | None:
        """Return the steps of a view over the group's axes, None if it has others."""
        space = self.space if level is Level.FULL else self.row_space()
        if common_axes(view.shape, space) != space:
            return None
        found = split_axes(view.shape, view.strides, space)
        return found if level is Level.FULL else (*found, *[0] * self.row_axes)

    def steps(self, view: View, level: Level) -> Sequence[int]:
        """Return the steps of a member's view over the group's axes."""
        found = self.strides(view, level)
        if found is None:
            raise LookupError(
                f"A view of shape {view.shape} does not go along with a loop over {self.space}."
            )
        return found

    def own_strides(self, level: Level) -> Sequence[int]:
        """Return the steps with which a value computed here goes along with the group's axes."""
        if level is Level.FULL:
            return strides_of(self.space)
        return (*strides_of(self.row_space()), *[0] * self.row_axes)

    def heirs(self, value: int) -> list[int]:
        """Return the operands whose memory a result may take over: each element is read just before it is written."""
        definition = next(op for op in self.ops if op.result == value)
        if self.row is not None or isinstance(definition, Reduce) or value not in self.levels:
            return []
        own = tuple(self.own_strides(Level.FULL))
        found: dict[int, bool] = {}
        for op in self.ops:
            for view in op.reads:
                same = view.offset == 0 and tuple(self.strides(view, Level.FULL) or ()) == own
                found[view.value] = found.get(view.value, True) and same
        return [operand for operand, same in found.items() if same and operand not in self.levels]


@dataclass
class Step:
    """What runs in one slot: a group or another operation, then numbers computed from what is ready.

    Attributes
    ----------
    work : Group or Op or None
    numbers : list of Map
        Operations on single numbers, in order.
    """

    work: Group | Op | None
    numbers: list[Map] = field(default_factory=list)


def steps(program: Operations) -> list[Step]:
    """Return the operations as steps, in the order in which they run."""
    return _Fusion(program).run()


class _Fusion:
    def __init__(self, program: Operations) -> None:
        self.program = program
        self.steps: list[Step] = [Step(None)]
        self.ready: dict[int, int] = {}
        self.filled: dict[int, int] = {}
        self.home: dict[int, Group] = {}
        self.by_size: dict[int, list[Group]] = defaultdict(list)
        self.writers = Counter(result for op in program.ops for result in op.results)

    def run(self) -> list[Step]:
        for op in self.program.ops:
            if isinstance(op, (Map, Reduce)):
                if isinstance(op, Map) and size_of(op.shape) == 1:
                    self._number(op)
                else:
                    self._join(op)
            else:
                self._append(op)
        return self.steps

    def _after(self, op: Op) -> int:
        """Return the last slot that the operation has to wait for."""
        last = max((self.ready.get(view.value, 0) for view in op.reads), default=0)
        return max(last, self.filled.get(op.result, 0))

    def _number(self, op: Map) -> None:
        slot = self._after(op)
        self.steps[slot].numbers.append(op)
        self._done(op, slot)

    def _append(self, op: Op) -> None:
        self.steps.append(Step(op))
        self._done(op, len(self.steps) - 1)

    def _done(self, op: Op, slot: int) -> None:
        for result in op.results:
            self.ready[result] = max(slot, self.ready.get(result, 0))
        if isinstance(op, Map) and dense(op.target) and op.target.size == size_of(self._shape(op.result)):
            self.filled[op.result] = slot

    def _shape(self, value: int) -> Shape:
        return self.program.values[value].type.shape

    def _join(self, op: Map | Reduce) -> None:
        group = self._found(op)
        if group is None:
            group = Group(len(self.steps), tuple(n for n in op.shape if n != 1))
            self.steps.append(Step(group))
            self.by_size[size_of(op.shape)].append(group)
        self._add(group, op)

    def _add(self, group: Group, op: Map | Reduce) -> None:
        level = _fit(group, op, {v.value for v in op.reads if v.value in group.levels}, settle=True)
        if level is None:
            raise LookupError(f"{op.name} over {op.shape} does not fit into a loop over {group.space}.")
        group.ops.append(op)
        if self.writers[op.result] == 1 and self._is_whole(op):
            group.levels[op.result] = level
            self.home[op.result] = group
        group.reading.update(view.value for view in op.reads)
        if level is Level.ROW and group.row is not None:
            rows = size_of(group.row_space())
            if group not in self.by_size[rows]:
                self.by_size[rows].append(group)
        self._done(op, group.slot)

    def _is_whole(self, op: Map | Reduce) -> bool:
        if isinstance(op, Reduce):
            return True
        return dense(op.target) and op.target.size == size_of(self._shape(op.result))

    def _found(self, op: Map | Reduce) -> Group | None:
        """Return the group to join: one that computes an operand, else one that reads the same, the latest first."""
        candidates = self.by_size[size_of(op.shape)][-RECENT:]
        wait = self.filled.get(op.result, 0)
        reads = {view.value for view in op.reads if size_of(self._shape(view.value)) > 1}
        sharing = None
        for group in reversed(candidates):
            inside = {view.value for view in op.reads if self.home.get(view.value) is group}
            outside = (self.ready.get(view.value, 0) for view in op.reads if view.value not in inside)
            if len(group.ops) >= LIMIT or group.slot <= max(outside, default=0) or group.slot <= wait:
                continue
            if _fit(group, op, inside) is None:
                continue
            if inside:
                return group
            if sharing is None and reads & group.reading:
                sharing = group
        return sharing


def _fit(group: Group, op: Map | Reduce, inside: set[int], *, settle: bool = False) -> Level | None:
    """Return at which level the operation fits into the group, None if it does not.

    ``inside`` are the operands that the group computes. With ``settle`` the group's axes are split, and its rows fixed, as
    the operation wants them.
    """
    if size_of(op.shape) != size_of(group.space):
        return _fit_rows(group, op, inside) if inside and group.row is not None else None
    axes = common_axes(group.space, op.shape)
    if axes is None:
        return None
    found = _fit_elements(Group(group.slot, axes, group.row, levels=group.levels), op, inside)
    if found is None:
        return None
    if settle:
        group.space, group.row = axes, found[1]
    return found[0]


def _fit_elements(group: Group, op: Map | Reduce, inside: set[int]) -> tuple[Level, int | None] | None:
    for view in op.reads:
        if view.value in inside:
            level = group.levels[view.value]
            if level is Level.AFTER or not _along(group, view, level, Level.FULL):
                return None
    if isinstance(op, Map):
        return Level.FULL, group.row
    row = _row_of(op)
    if row is None:
        return Level.AFTER, group.row
    return (Level.ROW, row) if group.row in (None, row) else None


def _row_of(op: Reduce) -> int | None:
    """Return the elements of a row if the reduction leaves one number for each of several rows."""
    kept = [a for a, n in enumerate(op.shape) if n != 1 and a not in op.axes]
    if not kept or max(kept) > min(op.axes):
        return None
    return size_of([op.shape[a] for a in op.axes])


def _fit_rows(group: Group, op: Map | Reduce, inside: set[int]) -> Level | None:
    if common_axes(op.shape, group.row_space()) != group.row_space():
        return None
    for view in op.reads:
        if view.value in inside:
            level = group.levels[view.value]
            if level is not Level.ROW or not _along(group, view, level, Level.ROW):
                return None
    if isinstance(op, Reduce):
        return Level.AFTER
    return Level.ROW


def _along(group: Group, view: View, level: Level, use: Level) -> bool:
    """Return whether a view of a value computed here is at each turn the element just computed."""
    return view.offset == 0 and group.strides(view, use) == tuple(group.own_strides(level))
