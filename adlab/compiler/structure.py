"""Loops of the operations that move elements by tables or in sequence: gather, scatter, running sums, copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adlab.compiler.body import Body
from adlab.compiler.elements import memory
from adlab.compiler.emit import Loop
from adlab.compiler.operations import SQUARE, Cumulate, Gather, Operations, Scatter, Turn
from adlab.compiler.vectors import Access, Row, lanes_for
from adlab.compiler.views import merge_axes, size_of, strides_of

Inside = Callable[[Sequence[str], int], None]
"""What is written for so many elements side by side, given the addresses of the first."""


def each(body: Body, shape: Sequence[int], accesses: Sequence[Access], width: int, inside: Inside) -> None:
    """Write loops over a shape, the innermost over vectors where all accesses allow it.

    Parameters
    ----------
    body : Body
    shape : sequence of int
    accesses : sequence of Access
        Where each array begins, and its strides over the shape.
    width : int
        Lanes of a vector.
    inside : callable
        Writes one turn.
    """
    merged = merge_axes(shape, [access.strides for access in accesses])
    at, loops = [access.pointer for access in accesses], []
    side_by_side = bool(merged) and all(step == 1 for step in merged[-1][1])
    for length, steps in merged[:-1] if side_by_side else merged:
        loops.append(Loop(body, "0", str(length), 1, []))
        at = moved(body, at, accesses, steps, loops[-1].index)
    if side_by_side:
        _vectors(body, merged[-1][0], at, accesses, width, inside)
    else:
        inside(at, 1)
    for loop in reversed(loops):
        loop.close()


def _vectors(
    body: Body, length: int, at: Sequence[str], accesses: Sequence[Access], width: int, inside: Inside
) -> None:
    main, ones = length // width * width, [1] * len(accesses)
    if main:
        loop = Loop(body, "0", str(main), width, [])
        inside(moved(body, at, accesses, ones, loop.index), width)
        loop.close()
    if length != main:
        inside(moved(body, at, accesses, ones, str(main)), length - main)


def moved(
    body: Body, at: Sequence[str], accesses: Sequence[Access], steps: Sequence[int], index: str
) -> list[str]:
    """Return the addresses ``index`` steps further."""
    found = []
    for pointer, access, step in zip(at, accesses, steps, strict=True):
        if step and index != "0":
            count = body.emit(f"mul nsw i64 {index}, {step}", "s") if step != 1 else index
            pointer = body.emit(f"getelementptr {memory(access.dtype)}, ptr {pointer}, i64 {count}", "at")
        found.append(pointer)
    return found


def write_copy(body: Body, shape: Sequence[int], target: Access, source: Access, width: int) -> None:
    """Write the copying of elements of one dtype."""

    def inside(at: Sequence[str], count: int) -> None:
        lanes = lanes_for(body, target.dtype, count)
        lanes.store(lanes.load(at[1]), at[0])

    each(body, shape, [target, source], width, inside)


def write_gather(
    op: Gather, program: Operations, body: Body, table: str, target: str, source: str, width: int
) -> None:
    """Write the loop over a table of places, and the copying of a block from each."""
    dtype, lead = program.values[op.result].type.dtype, len(op.table.array.shape)
    places = [
        Access(target, op.target.strides[:lead], dtype),
        Access(table, strides_of(op.target.shape[:lead]), None),
    ]
    block = op.reads[0]

    def inside(at: Sequence[str], _: int) -> None:
        start = body.emit(f"load i64, ptr {at[1]}, align 8", "place")
        begin = body.emit(f"getelementptr {memory(dtype)}, ptr {source}, i64 {start}", "at")
        to, of = Access(at[0], op.target.strides[lead:], dtype), Access(begin, block.strides, dtype)
        write_copy(body, block.shape, to, of, width)

    each(body, op.target.shape[:lead], places, 1, inside)


def write_scatter(
    op: Scatter, program: Operations, body: Body, table: str, target: str, source: str, width: int
) -> None:
    """Write the loop over a table of places, and the adding of a block to each."""
    dtype, lead = program.values[op.result].type.dtype, len(op.table.array.shape)
    x = op.reads[0]
    places = [Access(source, x.strides[:lead], dtype), Access(table, strides_of(x.shape[:lead]), None)]

    def inside(at: Sequence[str], _: int) -> None:
        start = body.emit(f"load i64, ptr {at[1]}, align 8", "place")
        begin = body.emit(f"getelementptr {memory(dtype)}, ptr {target}, i64 {start}", "at")
        accesses = [Access(begin, op.target.strides, dtype), Access(at[0], x.strides[lead:], dtype)]

        def add(at: Sequence[str], count: int) -> None:
            lanes = lanes_for(body, dtype, count)
            lanes.store(lanes.plus(lanes.load(at[0]), lanes.load(at[1])), at[0])

        each(body, op.target.shape, accesses, width, add)

    each(body, x.shape[:lead], places, 1, inside)


def write_running_sum(
    op: Cumulate, program: Operations, body: Body, target: str, source: str, width: int
) -> None:
    """Write the running sum: each entry of the axis is the one before plus the operand's."""
    type, x, axis = program.values[op.result].type, op.reads[0], op.axis
    steps = strides_of(type.shape)
    to, of = Access(target, steps, type.dtype), Access(source, x.strides, type.dtype)
    length, rest = type.shape[axis], type.shape[axis + 1 :]

    def part(access: Access, pointer: str, start: int, stop: int | None = None) -> Access:
        return Access(pointer, access.strides[start:stop], access.dtype)

    def line(at: Sequence[str], _: int) -> None:
        write_copy(body, rest, part(to, at[0], axis + 1), part(of, at[1], axis + 1), width)
        if length == 1:
            return
        loop = Loop(body, "1", str(length), 1, [])
        here = moved(body, at, [to, of], [steps[axis], x.strides[axis]], loop.index)
        before = moved(body, here[:1], [to], [-steps[axis]], "1")[0]
        accesses = [part(to, here[0], axis + 1), part(of, here[1], axis + 1), part(to, before, axis + 1)]
        each(body, rest, accesses, width, add)
        loop.close()

    def add(at: Sequence[str], count: int) -> None:
        lanes = lanes_for(body, type.dtype, count)
        lanes.store(lanes.plus(lanes.load(at[2]), lanes.load(at[1])), at[0])

    def number(at: Sequence[str], _: int) -> None:
        lanes = lanes_for(body, type.dtype, 1)
        loop = Loop(body, "0", str(length), 1, [(lanes.type, lanes.zero)])
        here = moved(body, at, [to, of], [steps[axis], x.strides[axis]], loop.index)
        total = lanes.plus(loop.carried[0], lanes.load(here[1]))
        lanes.store(total, here[0])
        loop.close([total])

    before = [part(to, target, 0, axis), part(of, source, 0, axis)]
    each(body, type.shape[:axis], before, 1, number if size_of(rest) == 1 else line)


# ----------------------------------------------------------------------------------------------- transposition


def write_turn(op: Turn, program: Operations, body: Body, target: str, source: str) -> None:
    """Write the transposition of a stack of matrices, in squares; those at the edges overlap their neighbours."""
    type, x = program.values[op.result].type, op.reads[0]
    lead, steps = len(x.shape) - 2, strides_of(type.shape)
    stack = [Access(target, steps[:lead], type.dtype), Access(source, x.strides[:lead], type.dtype)]
    row = lanes_for(body, type.dtype, SQUARE)

    def inside(at: Sequence[str], _: int) -> None:
        accesses, loops = stack, []
        for axis in (lead, lead + 1):
            length = x.shape[axis]
            loops.append(Loop(body, "0", str(length), SQUARE, []))
            start = _at_most(body, loops[-1].index, length - SQUARE)
            at = moved(body, at, accesses, [steps[axis], x.strides[axis]], start)
        columns = _shifted(body, at[1:], accesses[1:], x.strides[lead + 1])
        rows = _turned(row, [row.load(place) for place in columns])
        for place, elements in zip(_shifted(body, at[:1], accesses[:1], steps[lead]), rows, strict=True):
            row.store(elements, place)
        for loop in reversed(loops):
            loop.close()

    each(body, x.shape[:lead], stack, 1, inside)


def _at_most(body: Body, index: str, largest: int) -> str:
    short = body.emit(f"icmp ult i64 {index}, {largest}", "short")
    return body.emit(f"select i1 {short}, i64 {index}, i64 {largest}", "start")


def _shifted(body: Body, at: Sequence[str], accesses: Sequence[Access], step: int) -> list[str]:
    return [moved(body, at, accesses, [step], str(k))[0] for k in range(SQUARE)]


def _turned(row: Row, rows: list[str]) -> list[str]:
    """Return a square transposed: in each round, blocks off the diagonal change places, of 1, 2, then 4 elements."""
    distance = 1
    while distance < SQUARE:
        new = list(rows)
        for i in range(SQUARE):
            if not i & distance:
                a, b = rows[i], rows[i + distance]
                low = [SQUARE + j - distance if j & distance else j for j in range(SQUARE)]
                high = [SQUARE + j if j & distance else j + distance for j in range(SQUARE)]
                new[i], new[i + distance] = row.shuffle(a, b, low), row.shuffle(a, b, high)
        rows, distance = new, 2 * distance
    return rows
