"""Writing the loop of a group of operations.

A kernel is a function of pointers and numbers. Outside run the rows, one loop per axis that cannot be walked as one;
inside, for each pass over a row, a loop over vectors of two registers and what is left of the row in one narrower
vector: all lengths are known, so nothing is tested. A row's own numbers stay in registers. Kernels with the same text
are one function, so that ten equal layers are generated once.

Sums are blocked. A lane adds at most `BLOCK` terms plainly; blocks are added with their rounding error kept (Knuth's
two-sum), so that the error does not grow with the length, which NumPy's pairwise sum lets grow with its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from adlab.compiler.elements import apply, element, memory
from adlab.compiler.emit import Body, Emitter, Lanes, Loop
from adlab.compiler.fusion import Group, Level
from adlab.compiler.operations import Map, Operations, Reduce
from adlab.compiler.views import View, merge_axes, size_of, strides_of
from adlab.ir.types import BOOL, FLOAT32

BLOCK = 16
"""Terms that a lane of a sum adds without keeping the rounding error."""

CHEAP = frozenset({"add", "subtract", "multiply", "negative", "copy", "cast", "where", "absolute", "square"})
"""Functions that are computed again in a later pass rather than kept."""

LIGHT = CHEAP.union((
    "divide", "sqrt", "reciprocal", "maximum", "minimum", "clip", "relu", "leaky_relu", "sign", "floor", "ceil", "round",
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
))  # fmt: skip
"""Functions of a few instructions. Loops of others are written once, as narrow as they can be: they take longer to generate
than they would gain by width."""

NEUTRAL = {"sum": -0.0, "prod": 1.0, "max": float("-inf"), "min": float("inf")}


class Pointer(NamedTuple):
    """An argument of a kernel: the address of an element of a value."""

    value: int
    offset: int


class Number(NamedTuple):
    """An argument of a kernel: a number that was computed before."""

    value: int


class Scratch(NamedTuple):
    """An argument of a kernel: memory for one row of a value that nothing else needs."""

    value: int
    bytes: int


Argument = Pointer | Number | Scratch


class Access(NamedTuple):
    """How the elements behind a pointer go along with the axes of the loops."""

    argument: Argument
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


class Part(NamedTuple):
    """A loop over vectors of one width, from one element to another; masked where the last vector reaches beyond."""

    width: int
    start: int
    stop: int
    masked: bool = False


@dataclass(frozen=True)
class Kernel:
    """A written loop.

    Attributes
    ----------
    body : Body
        Its lines.
    arguments : tuple
        What it is to be called with.
    """

    body: Body
    arguments: tuple[Argument, ...]
    parameters: tuple[str, ...]


def write_group(group: Group, program: Operations, stored: set[int], register: int, body: Body) -> Kernel:
    """Return the loop of a group.

    Parameters
    ----------
    group : Group
    program : Operations
    stored : set of int
        The values that something outside of the group needs.
    register : int
        Bytes of a vector register.
    body : Body
        An empty function, whose table is that of the module.
    """
    return _Writer(group, program, stored, register, body).write()


@dataclass
class _Plan:
    """What is known of a group before it is written.

    Attributes
    ----------
    passes : dict
        For a value of each element, the pass that computes it; for a value of each row, the passes that come before.
    """

    passes: dict[int, int] = field(default_factory=dict)
    count: int = 0


class _Writer:
    def __init__(
        self, group: Group, program: Operations, stored: set[int], register: int, body: Body
    ) -> None:
        self.group, self.program, self.stored, self.body = group, program, stored, body
        self.accesses: dict[Access, int] = {}
        self.arguments: dict[Argument, str] = {}
        self.definitions = {op.result: op for op in group.ops if op.result in group.levels}
        self.uses = self._uses()
        self.passes = self._passes()
        self.count = max((p for op, p in self._full()), default=-1) + 1
        self.scratch = self._scratched()
        self.reads: dict[View, Access] = {}
        self.numbers: dict[int, str] = {}
        self._collect()
        self.outer, self.inner = self._axes()
        dtypes = {access.dtype for access in self.accesses}
        itemsize = 8 if any(d == np.float64 for d in dtypes) or FLOAT32 not in dtypes else 4
        self.width = register // itemsize
        self.masks = register == 64
        self.parts = self._cut()
        self.mask = ""
        self.state: dict[Any, tuple[str, str]] = {}
        self.pointers: dict[Access, str] = {}
        self.rows: dict[int, str] = {}
        self.splats: dict[Any, str] = {}

    # -------------------------------------------------------------------------------------------------- planning

    def _level(self, value: int) -> Level | None:
        return self.group.levels.get(value)

    def _op_level(self, op: Map | Reduce) -> Level:
        """Return at which level the operation's operands are run over."""
        return Level.FULL if size_of(op.shape) == size_of(self.group.space) else Level.ROW

    def _uses(self) -> dict[int, int]:
        uses: dict[int, int] = {}
        for op in self.group.ops:
            for view in op.reads:
                uses[view.value] = uses.get(view.value, 0) + 1
        return uses

    def _passes(self) -> dict[int, int]:
        """Return, per operation's place in the group, the pass it belongs to (for rows: the passes before it)."""
        ready: dict[int, int] = {}
        found: dict[int, int] = {}
        for k, op in enumerate(self.group.ops):
            found[k] = max((ready.get(view.value, 0) for view in op.reads), default=0)
            if op.result in self.definitions:
                ends = isinstance(op, Reduce) and self._op_level(op) is Level.FULL
                ready[op.result] = found[k] + ends
        return found

    def _full(self) -> Iterator[tuple[Map | Reduce, int]]:
        for k, op in enumerate(self.group.ops):
            if self._op_level(op) is Level.FULL:
                yield op, self.passes[k]

    def _scratched(self) -> set[int]:
        """Return the values of elements to keep for a later pass: not stored anyway, not cheap to compute again."""
        at = {op.result: p for op, p in self._full()}
        found = set()
        for op, p in self._full():
            for view in op.reads:
                v = view.value
                if self._level(v) is Level.FULL and at[v] < p and v not in self.stored and not self._cheap(v):
                    found.add(v)
        return found

    def _cheap(self, value: int) -> bool:
        op = self.definitions[value]
        inside = any(self._level(view.value) is Level.FULL for view in op.reads)
        return isinstance(op, Map) and op.name in CHEAP and not inside

    def _dtype(self, value: int) -> np.dtype[Any]:
        return self.program.values[value].type.dtype

    def _collect(self) -> None:
        """Find the kernel's arguments and how each is walked."""
        for op in self.group.ops:
            level = self._op_level(op)
            for view in op.reads:
                if self._level(view.value) is None:
                    self._collect_read(view, level)
        for op in self.group.ops:
            target = self._target(op)
            if target is not None:
                self._access(target)
        for value in sorted(self.scratch):
            self._access(self._scratch_access(value))

    def _collect_read(self, view: View, level: Level) -> None:
        value = self.program.values[view.value]
        if value.number is not None or view in self.reads:
            return
        if value.type.size == 1 and not value.given:
            self._argument(Number(view.value))
            return
        strides = self.group.steps(view, level)
        access = Access(Pointer(view.value, view.offset), tuple(strides), value.type.dtype)
        self.reads[view] = self._access(access)

    def _scratch_access(self, value: int) -> Access:
        group, dtype = self.group, self._dtype(value)
        lead = len(group.space) - group.row_axes
        strides = (*[0] * lead, *strides_of(group.space[lead:]))
        return Access(Scratch(value, (group.row or 1) * dtype.itemsize), strides, dtype)

    def _target(self, op: Map | Reduce) -> Access | None:
        """Return where the results of an operation go, None where they stay inside."""
        dtype, level = self._dtype(op.result), self._op_level(op)
        if isinstance(op, Map):
            if op.result in self.definitions and op.result not in self.stored:
                return None
            strides = self.group.steps(op.target, level)
            return Access(Pointer(op.result, op.target.offset), tuple(strides), dtype)
        result = self._level(op.result)
        if result is Level.ROW:
            if op.result not in self.stored:
                return None
            return Access(Pointer(op.result, 0), tuple(self.group.own_strides(Level.ROW)), dtype)
        kept = [n if a not in op.axes else 1 for a, n in enumerate(op.shape)]
        steps = [0 if a in op.axes else s for a, s in enumerate(strides_of(kept))]
        over = self.group.steps(View(op.result, op.shape, tuple(steps)), level)
        return Access(Pointer(op.result, 0), tuple(over), dtype)

    def _known_target(self, op: Map | Reduce) -> Access:
        """Return where the results of an operation go that is known to be stored."""
        target = self._target(op)
        if target is None:
            raise LookupError(f"The result of {op.name} is not stored.")
        return target

    def _access(self, access: Access) -> Access:
        if access not in self.accesses:
            self.accesses[access] = len(self.accesses)
            self._argument(access.argument)
        return access

    def _argument(self, argument: Argument) -> str:
        if argument not in self.arguments:
            self.arguments[argument] = f"%{'n' if isinstance(argument, Number) else 'p'}{len(self.arguments)}"
        return self.arguments[argument]

    def _axes(self) -> tuple[list[Any], list[Any]]:
        """Return the loops of the rows and those within a row, as (length, strides by access)."""
        space = self.group.space
        accesses = [access.strides for access in self.accesses]
        if self.group.row is None:
            merged = merge_axes(space, accesses)
            return merged[:-1], merged[-1:]
        lead = len(space) - self.group.row_axes
        outer = merge_axes(space[:lead], [s[:lead] for s in accesses])
        return outer, merge_axes(space[lead:], [s[lead:] for s in accesses])

    # --------------------------------------------------------------------------------------------------- writing

    def write(self) -> Kernel:
        """Return the kernel."""
        for access in self.accesses:
            self.pointers[access] = self.arguments[access.argument]
        self._clear_sums()
        self._start_totals()
        self._outer(0)
        self._finish_totals()
        parameters = []
        for argument, name in self.arguments.items():
            kind = memory_of_number(self._dtype(argument.value)) if isinstance(argument, Number) else "ptr"
            parameters.append(f"{kind} {name}")
        return Kernel(self.body, tuple(self.arguments), tuple(parameters))

    def _emitter(self, dtype: np.dtype[Any], width: int) -> Emitter:
        return Emitter(Lanes(element(dtype), width), self.body)

    def _outer(self, depth: int) -> None:
        """Write the loops over rows from an axis on; sums that stand still from there on are kept in registers."""
        if depth == len(self.outer):
            self._row()
            return
        held = [op for op in self.group.ops if isinstance(op, Reduce) and self._still_from(op) == depth]
        width = self.parts[0].width
        for op in held:
            lanes = Lanes(element(self._dtype(op.result)), width)
            self.state[op.result, width] = (lanes.type, lanes.constant(NEUTRAL[op.name]))
        self._axis(self.outer[depth], lambda: self._outer(depth + 1))
        for op in held:
            self._add_to_memory(op, self.state.pop((op.result, width))[1], self.parts[0])

    def _still_from(self, op: Reduce) -> int | None:
        """Return the first axis of the rows from which on a sum of rows of one vector goes to the same memory."""
        part = self.parts[0]
        one = len(self.inner) == 1 and len(self.parts) == 1 and part.stop <= part.width
        if (
            not one
            or self._op_level(op) is Level.ROW
            or self._level(op.result) is Level.ROW
            or self._is_total(op)
        ):
            return None
        place = self.accesses[self._known_target(op)]
        moving = [axis for axis, (_, strides) in enumerate(self.outer) if strides[place]]
        return max(moving, default=-1) + 1

    def _add_to_memory(self, op: Reduce, x: str, part: Part) -> None:
        """Combine a vector with what stands in memory."""
        if part.masked:
            self.mask = Emitter(Lanes("double", part.width), self.body).first(str(part.stop))
        target = self._known_target(op)
        self._combine_at(op, x, target, self._place(target, "0"), part.width)
        self.mask = ""

    def _nest(self, axes: Sequence[Any], depth: int, inside: Callable[[], None]) -> None:
        """Write one loop per axis."""
        if depth == len(axes):
            inside()
        else:
            self._axis(axes[depth], lambda: self._nest(axes, depth + 1, inside))

    def _axis(self, axis: tuple[int, Sequence[int]], inside: Callable[[], None]) -> None:
        """Write the loop over an axis, with the state carried through it."""
        length, strides = axis
        keys = list(self.state)
        loop = Loop(self.body, "0", str(length), 1, [self.state[key] for key in keys])
        for key, value in zip(keys, loop.carried, strict=True):
            self.state[key] = (self.state[key][0], value)
        outside = dict(self.pointers)
        self._advance(loop.index, strides)
        inside()
        self.pointers = outside
        closed = loop.close([self.state[key][1] for key in keys])
        for key, value in zip(keys, closed, strict=True):
            self.state[key] = (self.state[key][0], value)

    def _advance(self, index: str, strides: Sequence[int]) -> None:
        """Move the pointers to the entry ``index`` of an axis."""
        steps: dict[int, str] = {1: index}
        for access, stride in zip(self.accesses, strides, strict=True):
            if stride:
                if stride not in steps:
                    steps[stride] = self.body.emit(f"mul nsw i64 {index}, {stride}", "s")
                kind = memory(access.dtype)
                self.pointers[access] = self.body.emit(
                    f"getelementptr {kind}, ptr {self.pointers[access]}, i64 {steps[stride]}", "at"
                )

    def _row(self) -> None:
        """Write all that is done for one row."""
        self.rows = {}
        self.loaded_rows: dict[Any, str] = {}
        for p in range(self.count):
            self._row_operations(p)
            self._sweep(p)
        self._row_operations(self.count)

    # ---------------------------------------------------------------------------------------- numbers of a row

    def _row_operations(self, before: int) -> None:
        for k, op in enumerate(self.group.ops):
            if self._op_level(op) is Level.ROW and self.passes[k] == before:
                xs = [self._row_operand(view) for view in op.reads]
                if isinstance(op, Map):
                    dtypes = [self._dtype(view.value) for view in op.reads]
                    result = apply(self.body, op.name, xs, dtypes, self._dtype(op.result), 1)
                    self.rows[op.result] = result
                    self._store_row(op, result)
                else:
                    self._reduce_row(op, xs[0])

    def _row_operand(self, view: View) -> str:
        found = self.rows.get(view.value)
        if found is not None:
            return found
        if view not in self.reads:
            return self._number(view.value, 1)
        if view not in self.loaded_rows:
            self.loaded_rows[view] = self._load(self.reads[view], self.pointers[self.reads[view]], 1)
        return self.loaded_rows[view]

    def _store_row(self, op: Map | Reduce, x: str) -> None:
        target = self._target(op)
        if target is not None:
            self._store(target, x, self.pointers[target], 1)

    def _reduce_row(self, op: Reduce, x: str) -> None:
        key = (op.result, 1)
        if key in self.state or (key, "high") in self.state:
            self._accumulate(op, key, 1, x)
            return
        target = self._known_target(op)
        E = self._emitter(target.dtype, 1)
        at = self.pointers[target]
        E.store(combine(E, op.name, E.load(at), x), at)

    # --------------------------------------------------------------------------------------------------- totals

    def _is_total(self, op: Map | Reduce) -> bool:
        return isinstance(op, Reduce) and len(op.axes) == sum(n != 1 for n in op.shape)

    def _parts(self, op: Reduce) -> list[int]:
        """Return the widths of the vectors in which a reduction is accumulated."""
        if self._op_level(op) is Level.ROW:
            return [1]
        return list(dict.fromkeys(part.width for part in self.parts))

    def _cut(self) -> list[Part]:
        """Return the loops over the innermost axis.

        A loop of light functions is written twice: over vectors of two registers, and for what is left over one narrower
        vector. A loop of heavy functions is written once where there are masks: each vector has one, and the last is looked
        at in part. (Light loops have none because a masked store holds up a load of the bytes beside it: rows of ten
        numbers, written over in place, take four times as long.)
        """
        length, one, two = self.inner[-1][0], self.width, 2 * self.width
        heavy = any(isinstance(op, Map) and op.name not in LIGHT for op in self.group.ops)
        if self.masks and heavy:
            return [Part(one, 0, length, masked=length % one > 0)]
        main = length // two * two
        parts = [Part(two, 0, main), Part(length - main, main, length)]
        return [part for part in parts if part.stop > part.start]

    def _clear_sums(self) -> None:
        """Write the neutral element where sums over rows are accumulated in memory."""
        for op in self.group.ops:
            if isinstance(op, Reduce) and self._level(op.result) is Level.AFTER and not self._is_total(op):
                target = self._known_target(op)
                size = self.program.values[op.result].type.size
                self._fill(target, size, NEUTRAL[op.name])

    def _fill(self, target: Access, size: int, number: float) -> None:
        pointer = self.pointers[target]
        width = min(self.width, size)
        E = self._emitter(target.dtype, width)
        last = size // width * width
        loop = E.loop("0", str(last), width)
        E.store(E.constant(number), E.element(pointer, loop.index))
        loop.close()
        if last != size:
            tail = self._emitter(target.dtype, size - last)
            tail.store(tail.constant(number), tail.offset(pointer, last))

    def _start_totals(self) -> None:
        for op in self.group.ops:
            if isinstance(op, Reduce) and self._is_total(op):
                self._start(op)

    def _long(self, op: Reduce) -> bool:
        """Return whether lanes of a sum add so many terms that their rounding errors are kept."""
        if op.name != "sum":
            return False
        narrowest = max(self.parts[0].width, 1)
        terms = size_of([n for n, _ in self.inner]) / narrowest if self._op_level(op) is Level.FULL else 1
        if self._is_total(op):
            terms *= size_of([n for n, _ in self.outer])
        return terms > BLOCK

    def _start(self, op: Reduce) -> None:
        """Begin a reduction with its neutral element."""
        dtype = self._dtype(op.result)
        for width in self._parts(op):
            lanes = Lanes(element(dtype), width)
            key, start = (op.result, width), lanes.constant(NEUTRAL[op.name])
            if self._long(op):
                self.state[key, "high"] = (lanes.type, start)
                self.state[key, "low"] = (lanes.type, lanes.constant(0.0))
            else:
                self.state[key] = (lanes.type, start)

    def _accumulate(self, op: Reduce, key: Any, width: int, x: str) -> None:
        """Add a term, or a block of terms, to a reduction."""
        E = self._emitter(self._dtype(op.result), width)
        if key in self.state:
            kind, total = self.state[key]
            self.state[key] = (kind, combine(E, op.name, total, x))
            return
        kind, high = self.state[key, "high"]
        total, error = two_sum(E, high, x)
        self.state[key, "high"] = (kind, total)
        self.state[key, "low"] = (kind, E.add(self.state[key, "low"][1], error))

    def _finish(self, op: Reduce) -> str:
        """Return the number that a reduction comes to."""
        dtype = self._dtype(op.result)
        S = self._emitter(dtype, 1)
        total, error = "", ""
        for width in self._parts(op):
            E, key = self._emitter(dtype, width), (op.result, width)
            if key in self.state:
                part = across(E, op.name, self.state.pop(key)[1])
                total = combine(S, op.name, total, part) if total else part
            else:
                part, low = across_exactly(
                    E, self.state.pop((key, "high"))[1], self.state.pop((key, "low"))[1]
                )
                total, more = two_sum(S, total, part) if total else (part, S.constant(0.0))
                error = S.add(error, S.add(low, more)) if error else S.add(low, more)
        if error:
            total = S.select(S.is_nan(error), total, S.add(total, error))
        return total

    def _finish_totals(self) -> None:
        for op in self.group.ops:
            if isinstance(op, Reduce) and self._is_total(op):
                target = self._known_target(op)
                self._store(target, self._finish(op), self.pointers[target], 1)

    # ------------------------------------------------------------------------------------------------- elements

    def _members(self, p: int) -> list[Map | Reduce]:
        """Return what a pass computes: its own operations, and those of earlier passes that it computes again."""
        at = {op.result: q for op, q in self._full()}
        kept = self.stored | self.scratch
        wanted: set[int] = set()
        for op, q in self._full():
            if q == p:
                wanted.update(v.value for v in op.reads if at.get(v.value, p) < p and v.value not in kept)
        return [op for op, q in self._full() if q == p or (op.result in wanted and isinstance(op, Map))]

    def _sweep(self, p: int) -> None:
        """Write a pass over the row."""
        members = self._members(p)
        reductions = [op for op in members if isinstance(op, Reduce)]
        rows = [op for op in reductions if self._level(op.result) is Level.ROW]
        for op in rows:
            self._start(op)
        self._nest(self.inner[:-1], 0, lambda: self._line(members, p))
        for op in rows:
            self.rows[op.result] = self._finish(op)
            self._store_row(op, self.rows[op.result])

    def _line(self, members: Sequence[Map | Reduce], p: int) -> None:
        """Write the innermost loops."""
        for part in self.parts:
            self._lanes(members, p, part)

    def _lanes(self, members: Sequence[Map | Reduce], p: int, part: Part) -> None:
        """Write the loop over one part of the innermost axis, in blocks where a long sum is taken."""
        width, start, stop, _ = part
        self.hoisted: dict[Any, str] = {}
        self._hoist(members, p, width)
        plain = [
            op for op in members if isinstance(op, Reduce) and ((op.result, width), "high") in self.state
        ]
        block = BLOCK * width
        if plain and stop - start > block:
            keys = list(self.state)
            loop = Loop(self.body, str(start), str(stop), block, [self.state[k] for k in keys])
            self._carry(keys, loop.carried)
            end = self.body.emit(f"add nuw nsw i64 {loop.index}, {block}", "end")
            short = self.body.emit(f"icmp ult i64 {end}, {stop}", "short")
            end = self.body.emit(f"select i1 {short}, i64 {end}, i64 {stop}", "end")
            self._block(members, plain, p, part, loop.index, end)
            self._carry(keys, loop.close([self.state[k][1] for k in keys]))
        else:
            self._block(members, plain, p, part, str(start), str(stop))

    def _carry(self, keys: Sequence[Any], values: Sequence[str]) -> None:
        for key, value in zip(keys, values, strict=True):
            self.state[key] = (self.state[key][0], value)

    def _block(
        self,
        members: Sequence[Map | Reduce],
        plain: Sequence[Reduce],
        p: int,
        part: Part,
        start: str,
        stop: str,
    ) -> None:
        """Write one loop over vectors; long sums are added plainly within it."""
        kept, width = {}, part.width
        for op in plain:
            key = (op.result, width)
            lanes = Lanes(element(self._dtype(op.result)), width)
            for word in ("high", "low"):
                kept[key, word] = self.state.pop((key, word))
            self.state[key] = (lanes.type, lanes.constant(NEUTRAL[op.name]))
        single = start.isdigit() and stop.isdigit() and int(stop) - int(start) <= width
        if single:
            self._turn(members, p, part, start)
        else:
            keys = [k for k in self.state if isinstance(k[0], int) and k[1] == width]
            loop = Loop(self.body, start, stop, width, [self.state[k] for k in keys])
            self._carry(keys, loop.carried)
            self._turn(members, p, part, loop.index)
            self._carry(keys, loop.close([self.state[k][1] for k in keys]))
        for op in plain:
            key = (op.result, width)
            block = self.state.pop(key)[1]
            for word in ("high", "low"):
                self.state[key, word] = kept[key, word]
            self._accumulate(op, key, width, block)

    def _hoist(self, members: Sequence[Map | Reduce], p: int, width: int) -> None:
        """Write what is the same for all elements of the line before the loop."""
        for op in members:
            for view in op.reads:
                access = self.reads.get(view)
                value = view.value
                if access is not None:
                    if self._last(access) == 0 and (view not in self.hoisted):
                        x = self._load(access, self.pointers[access], 1)
                        self.hoisted[view] = self._splat(x, access.dtype, width)
                elif value in self.rows and value not in self.hoisted:
                    self.hoisted[value] = self._splat(self.rows[value], self._dtype(value), width)
                elif self._level(value) is None and value not in self.hoisted:
                    self.hoisted[value] = self._number(value, width)

    def _last(self, access: Access) -> int:
        """Return the stride of an access along the innermost axis."""
        return int(self.inner[-1][1][self.accesses[access]])

    def _splat(self, x: str, dtype: np.dtype[Any], width: int) -> str:
        E = self._emitter(dtype, width)
        return E.splat_truth(x) if dtype == BOOL else E.splat(x)

    def _number(self, value: int, width: int) -> str:
        """Return a literal, or a number that the kernel was called with."""
        given = self.program.values[value]
        E = self._emitter(given.type.dtype, width)
        if given.number is not None:
            if given.type.dtype == BOOL:
                return E.truth(bool(given.number))
            return E.constant(float(given.number))
        return self._splat(self.arguments[Number(value)], given.type.dtype, width)

    def _turn(self, members: Sequence[Map | Reduce], p: int, part: Part, index: str) -> None:
        """Write what is done with one vector of elements."""
        values: dict[Any, str] = {}
        width = part.width
        if part.masked:
            left = (
                str(part.stop - int(index))
                if index.isdigit()
                else self.body.emit(f"sub i64 {part.stop}, {index}", "left")
            )
            self.mask = Emitter(Lanes("double", width), self.body).first(left)
        folded = self._folded(members)
        late: list[tuple[Map, str]] = []
        for op in members:
            if op.result in folded:
                continue
            if isinstance(op, Map):
                xs = [self._operand(view, values, width, index) for view in op.reads]
                dtypes = [self._dtype(view.value) for view in op.reads]
                result = apply(self.body, op.name, xs, dtypes, self._dtype(op.result), width)
                if self._is_own(op):
                    values[op.result] = result
                if self._belongs(op, p):
                    late.append((op, result))
            else:
                self._reduce(op, values, folded, width, index)
        for op, result in late:  # after all loads: a result may stand where an operand stood
            self._keep(op, result, width, index)
        self.mask = ""

    def _is_own(self, op: Map) -> bool:
        return self.definitions.get(op.result) is op

    def _belongs(self, op: Map, p: int) -> bool:
        return any(own is op and q == p for own, q in self._full())

    def _folded(self, members: Sequence[Map | Reduce]) -> set[int]:
        """Return the products of elements that go straight into a sum."""
        found = set()
        for op in members:
            if isinstance(op, Reduce) and op.name == "sum":
                value = op.reads[0].value
                inner = self.definitions.get(value)
                if (
                    isinstance(inner, Map)
                    and inner in members
                    and inner.name in ("multiply", "square")
                    and self.uses[value] == 1
                    and value not in self.stored
                    and all(self._dtype(view.value) == self._dtype(value) for view in inner.reads)
                ):
                    found.add(value)
        return found

    def _reduce(self, op: Reduce, values: dict[Any, str], folded: set[int], width: int, index: str) -> None:
        dtype, key = self._dtype(op.result), (op.result, width)
        E = self._emitter(dtype, width)
        factors: list[str] = []
        if op.reads[0].value in folded:
            inner = self.definitions[op.reads[0].value]
            factors = [self._operand(view, values, width, index) for view in inner.reads]
            factors = factors * 2 if len(factors) == 1 else factors
        else:
            x = self._operand(op.reads[0], values, width, index)
        if key in self.state:
            kind, total = self.state[key]
            new = E.fmuladd(factors[0], factors[1], total) if factors else combine(E, op.name, total, x)
            self.state[key] = (kind, E.select(self.mask, new, total) if self.mask else new)
            return
        target = self._known_target(op)
        at = self._place(target, index)
        if factors:
            old = self._load_at(target, at, width)
            self._store_at(target, E.fmuladd(factors[0], factors[1], old), at, width)
        else:
            self._combine_at(op, x, target, at, width)

    def _combine_at(self, op: Reduce, x: str, target: Access, at: str, width: int) -> None:
        E = self._emitter(target.dtype, width)
        self._store_at(target, combine(E, op.name, self._load_at(target, at, width), x), at, width)

    def _operand(self, view: View, values: dict[Any, str], width: int, index: str) -> str:
        """Return an operand's elements at this turn."""
        value = view.value
        if view in self.hoisted:
            return self.hoisted[view]
        if value in values:
            return values[value]
        if value in self.hoisted:
            return self.hoisted[value]
        access = self.reads.get(view)
        if access is None:  # a value of an earlier pass
            access = self._kept_access(value)
        key = (access, "load")
        if key not in values:
            values[key] = self._load_at(access, self._place(access, index), width)
        return values[key]

    def _kept_access(self, value: int) -> Access:
        target = self._target(self.definitions[value])
        return self._scratch_access(value) if target is None else target

    def _keep(self, op: Map, x: str, width: int, index: str) -> None:
        """Store elements that are needed later."""
        target = self._target(op)
        if target is None and op.result in self.scratch:
            target = self._scratch_access(op.result)
        if target is not None:
            self._store_at(target, x, self._place(target, index), width)

    # ---------------------------------------------------------------------------------------------------- memory

    def _place(self, access: Access, index: str) -> str:
        """Return the address of the elements at a turn."""
        stride, kind = self._last(access), memory(access.dtype)
        pointer = self.pointers[access]
        if index == "0" or stride == 0:
            return pointer
        if stride != 1:
            index = self.body.emit(f"mul nsw i64 {index}, {stride}", "s")
        return self.body.emit(f"getelementptr {kind}, ptr {pointer}, i64 {index}", "at")

    def _load(self, access: Access, pointer: str, width: int) -> str:
        E = self._emitter(access.dtype, width)
        return E.load_truth(pointer) if access.dtype == BOOL else E.load(pointer)

    def _store(self, access: Access, x: str, pointer: str, width: int) -> None:
        E = self._emitter(access.dtype, width)
        if access.dtype == BOOL:
            E.store_truth(x, pointer)
        else:
            E.store(x, pointer)

    def _load_at(self, access: Access, at: str, width: int) -> str:
        stride = self._last(access)
        if stride == 0 and width > 1:
            return self._splat(self._load(access, at, 1), access.dtype, width)
        E = self._emitter(access.dtype, width)
        if stride != 1 and width > 1:
            return gather(E, at, stride, access.dtype, self.mask or E.truth(True))
        if self.mask:
            return (
                E.load_truth_masked(at, self.mask) if access.dtype == BOOL else E.load_masked(at, self.mask)
            )
        return self._load(access, at, width)

    def _store_at(self, access: Access, x: str, at: str, width: int) -> None:
        stride = self._last(access)
        E = self._emitter(access.dtype, width)
        if stride != 1 and width > 1:
            scatter(E, x, at, stride, access.dtype, self.mask or E.truth(True))
        elif self.mask:
            (E.store_truth_masked if access.dtype == BOOL else E.store_masked)(x, at, self.mask)
        else:
            self._store(access, x, at, width)


def memory_of_number(dtype: np.dtype[Any]) -> str:
    """Return LLVM's type of a single number, or truth value, in a register."""
    return "i1" if dtype == BOOL else element(dtype)


def _addresses(E: Emitter, at: str, stride: int, kind: str) -> str:
    """Return the addresses of a vector's elements."""
    width = E.lanes.width
    steps = ", ".join(f"i64 {k * stride}" for k in range(width))
    return E.emit(f"getelementptr {kind}, ptr {at}, <{width} x i64> <{steps}>", "at")


def gather(E: Emitter, at: str, stride: int, dtype: np.dtype[Any], mask: str) -> str:
    """Return elements at regular distances."""
    width, kind = E.lanes.width, memory(dtype)
    suffix = f"v{width}i8" if dtype == BOOL else E.lanes.suffix
    type = E.lanes.of(kind)
    function = f"@llvm.masked.gather.{suffix}.v{width}p0"
    E.body.declare(f"declare {type} {function}(<{width} x ptr>, i32, {E.lanes.truth}, {type})")
    align = dtype.itemsize
    found = E.emit(
        f"call {type} {function}(<{width} x ptr> {_addresses(E, at, stride, kind)}, i32 {align}, "
        f"{E.lanes.truth} {mask}, {type} zeroinitializer)"
    )
    return E.emit(f"icmp ne {type} {found}, zeroinitializer") if dtype == BOOL else found


def scatter(E: Emitter, x: str, at: str, stride: int, dtype: np.dtype[Any], mask: str) -> None:
    """Store elements at regular distances."""
    width, kind = E.lanes.width, memory(dtype)
    suffix = f"v{width}i8" if dtype == BOOL else E.lanes.suffix
    type = E.lanes.of(kind)
    if dtype == BOOL:
        x = E.emit(f"zext {E.lanes.truth} {x} to {type}")
    function = f"@llvm.masked.scatter.{suffix}.v{width}p0"
    E.body.declare(f"declare void {function}({type}, <{width} x ptr>, i32, {E.lanes.truth})")
    E.body.lines.append(
        f"call void {function}({type} {x}, <{width} x ptr> {_addresses(E, at, stride, kind)}, i32 {dtype.itemsize}, "
        f"{E.lanes.truth} {mask})"
    )


def combine(E: Emitter, name: str, a: str, b: str) -> str:
    """Return the sum, product or extreme of two; NaN in either is NaN."""
    if name == "sum":
        return E.add(a, b)
    if name == "prod":
        return E.mul(a, b)
    better = E.greater(b, a) if name == "max" else E.less(b, a)
    return E.select(E.either(better, E.is_nan(b)), b, a)


def across(E: Emitter, name: str, x: str) -> str:
    """Return one number of all lanes, combined as a tree."""
    if E.lanes.width == 1:
        return x
    if name == "sum":
        return E.reduce("fadd", x, Lanes(E.lanes.dtype).constant(-0.0))
    if name == "prod":
        return E.reduce("fmul", x, Lanes(E.lanes.dtype).constant(1.0))
    while E.lanes.width > 1:
        width = E.lanes.width
        half = (width + 1) // 2
        low = E.over(Lanes(E.lanes.dtype, half))
        picks = [range(half), [min(k, width - 1) for k in range(half, 2 * half)]]
        parts = [_pick(E, x, pick) for pick in picks]
        E, x = low, combine(low, name, parts[0], parts[1])
    return x


def two_sum(E: Emitter, a: str, b: str) -> tuple[str, str]:
    """Return a + b rounded, and the rounding error: NaN where the sum is not finite."""
    total = E.add(a, b)
    part = E.sub(total, a)
    return total, E.add(E.sub(a, E.sub(total, part)), E.sub(b, part))


def across_exactly(E: Emitter, high: str, low: str) -> tuple[str, str]:
    """Return the sum of all lanes and its error, given lanes and their errors."""
    while E.lanes.width > 1:
        half, rest = divmod(E.lanes.width, 2)
        if rest:  # the last lane alone, beside a zero
            wide = E.over(Lanes(E.lanes.dtype, E.lanes.width + 1))
            high, low = (_widened(E, x) for x in (high, low))
            E, half = wide, half + 1
        narrow = E.over(Lanes(E.lanes.dtype, half))
        highs, lows = ([_pick(E, x, range(s, s + half)) for s in (0, half)] for x in (high, low))
        high, error = two_sum(narrow, *highs)
        low = narrow.add(narrow.add(*lows), error)
        E = narrow
    return high, low


def _widened(E: Emitter, x: str) -> str:
    """Return the lanes with a zero behind them."""
    width = E.lanes.width
    mask = ", ".join(f"i32 {k}" for k in range(width + 1))
    return E.emit(
        f"shufflevector {E.lanes.type} {x}, {E.lanes.type} zeroinitializer, <{width + 1} x i32> <{mask}>"
    )


def _pick(E: Emitter, x: str, lanes: Sequence[int]) -> str:
    if len(lanes) == 1:
        return E.emit(f"extractelement {E.lanes.type} {x}, i64 {lanes[0]}")
    mask = ", ".join(f"i32 {k}" for k in lanes)
    return E.emit(f"shufflevector {E.lanes.type} {x}, {E.lanes.type} poison, <{len(lanes)} x i32> <{mask}>")
