"""Sums of pieces put into zeros: where the pieces do not overlap, they are joined and nothing is added.

The adjoint of an array from which a program picks parts (``x[0]``, ``x[1]``, …, or slices of one vector of parameters) is
a sum of as many arrays, each zero but for one piece: n pieces of an array of n elements make n² additions of zeros.
`Scatters` finds such sums in a graph and writes them as one concatenation. In each element of such a sum a piece meets
at least one zero, so adding 0 to the joined pieces gives the same bits: −0 becomes +0, all else stays.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from adlab.ir.graph import Graph
from adlab.ir.types import Shape, Type
from adlab.primitives import TABLE

if TYPE_CHECKING:
    from adlab.transforms.simplify import Simplifier

ADD, INDEX_ADD = TABLE["add"], TABLE["index_add"]


class Piece(NamedTuple):
    """What one `index_add` puts where: ``x`` along ``axis`` from ``start`` to ``stop``; ``layer`` if it lacks that axis.

    An element of an array of several axes is a layer of the flattened array, whose axis is called −1.
    """

    axis: int
    start: int
    stop: int
    layer: bool
    x: int


class Scatters:
    """The sums of a graph that are joined pieces, by the node of the sum.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph) -> None:
        self._pieces: dict[int, list[Piece]] = {}
        self._types = graph.types
        if INDEX_ADD not in graph.primitives:
            return
        pieces: dict[int, Piece] = {}
        sums: set[int] = set()
        for i, primitive in enumerate(graph.primitives):
            if primitive is INDEX_ADD:
                piece = piece_of(graph, i)
                if piece is not None:
                    pieces[i] = piece
            elif primitive is ADD and all(
                (j in pieces or j in sums) and graph.types[j] == graph.types[i] for j in graph.operands[i]
            ):
                sums.add(i)
        inner = _used_once(graph, sums)
        for i in sums - inner:
            joined = _disjoint(_gathered(graph, i, pieces, inner))
            if joined:
                self._pieces[i] = joined

    def __contains__(self, node: int) -> bool:
        return node in self._pieces

    def written(self, writer: Simplifier, node: int, new: Sequence[int], literals: Sequence[int]) -> int:
        """Return the operand of the joined pieces."""
        type = self._types[node]
        pieces = [
            piece._replace(x=new[piece.x] if piece.x >= 0 else literals[~piece.x])
            for piece in self._pieces[node]
        ]
        if pieces[0].axis >= 0:
            joined = _joined(writer, pieces, pieces[0].axis, type)
        else:
            flat = _joined(writer, pieces, 0, Type((type.size,), type.dtype))
            joined = writer.reshaped(flat, type.shape)
        return writer.put("add", joined, writer.literal(0.0, type.dtype), type=type)


def piece_of(graph: Graph, node: int) -> Piece | None:
    """Return what an `index_add` puts where, if that is a layer or a run of layers along one axis, or one element."""
    (_, index), (_, shape) = graph.params[node]
    (x,) = graph.operands[node]
    given = graph.type_of(x).shape
    if len(shape) == len(index) > 1 and not given and all(isinstance(entry, int) for entry in index):
        place = 0
        for entry, length in zip(index, shape, strict=True):
            place = place * length + entry
        return Piece(-1, place, place + 1, True, x)
    if len(index) != len(shape):
        return None
    whole = [
        isinstance(entry, tuple) and entry[1:] == (0, n, 1) for entry, n in zip(index, shape, strict=True)
    ]
    if whole.count(False) != 1:
        return None
    axis = whole.index(False)
    entry = index[axis]
    if isinstance(entry, int):
        return (
            Piece(axis, entry, entry + 1, True, x) if given == (*shape[:axis], *shape[axis + 1 :]) else None
        )
    if isinstance(entry, tuple) and entry[3] == 1 and given == _resized(shape, axis, entry[2] - entry[1]):
        return Piece(axis, entry[1], entry[2], False, x)
    return None


def _resized(shape: Shape, axis: int, length: int) -> Shape:
    return (*shape[:axis], length, *shape[axis + 1 :])


def _used_once(graph: Graph, sums: set[int]) -> set[int]:
    """Return the sums whose only use is in another sum."""
    uses = dict.fromkeys(sums, 0)
    elsewhere = {*graph.outputs, *(guard.operand for guard in graph.guards)}
    for i, operands in enumerate(graph.operands):
        for j in operands:
            if j in uses:
                uses[j] += 1
                if i not in sums:
                    elsewhere.add(j)
    return {i for i, count in uses.items() if count == 1 and i not in elsewhere}


def _gathered(graph: Graph, root: int, pieces: dict[int, Piece], inner: set[int]) -> list[Piece]:
    """Return the pieces of a sum, none if a part of it is needed by itself."""
    found, stack = [], [*graph.operands[root]]
    while stack:
        j = stack.pop()
        if j in pieces:
            found.append(pieces[j])
        elif j in inner:
            stack.extend(graph.operands[j])
        else:
            return []
    return found


def _disjoint(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces in order, none if two overlap or lie along different axes."""
    pieces = sorted(pieces, key=lambda piece: piece.start)
    if len({piece.axis for piece in pieces}) > 1:
        return []
    apart = all(first.stop <= second.start for first, second in itertools.pairwise(pieces))
    return pieces if apart else []


def _joined(writer: Simplifier, pieces: Sequence[Piece], axis: int, type: Type) -> int:
    """Return the pieces along an axis, zeros between them."""
    parts = tuple(_parts(writer, pieces, axis, type))
    return writer.put("concatenate", *parts, type=type, axis=axis)


def _parts(writer: Simplifier, pieces: Sequence[Piece], axis: int, type: Type) -> Iterator[int]:
    def resized(length: int) -> Type:
        return Type(_resized(type.shape, axis, length), type.dtype)

    position, k = 0, 0
    while k < len(pieces):
        start, stop, layer = pieces[k].start, pieces[k].stop, pieces[k].layer
        if start > position:
            yield writer.spread(writer.literal(0.0, type.dtype), resized(start - position))
        run = [pieces[k].x]
        k += 1
        while layer and k < len(pieces) and pieces[k].layer and pieces[k].start == stop:
            run.append(pieces[k].x)
            stop, k = pieces[k].stop, k + 1
        yield writer.put("stack", *run, type=resized(len(run)), axis=axis) if layer else run[0]
        position = stop
    if position < type.shape[axis]:
        yield writer.spread(writer.literal(0.0, type.dtype), resized(type.shape[axis] - position))
