"""Indices as static, hashable parameters of a graph.

What a user writes between brackets is normalised once, while tracing: boolean masks become integer arrays, the ellipsis and
missing trailing axes become full slices, and arrays are frozen. So equal indices are equal parameters, and every carrier
sees the same few kinds of entry: an integer, a slice as ``("slice", start, stop, step)``, None for a new axis, and a
`FrozenArray` of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.errors import ShapeError
from adlab.ir.constant import content_digest

Index = tuple[Any, ...]


class FrozenArray:
    """A read-only integer array that hashes and compares by content."""

    __slots__ = ("_digest", "array")

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)
        self.array.setflags(write=False)
        self._digest = (self.array.shape, content_digest(self.array))

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenArray) and self._digest == other._digest

    def __repr__(self) -> str:
        return repr(self.array.tolist())


def normalise_index(index: Any, shape: Sequence[int]) -> Index:
    """Return the canonical form of ``index`` into an array of ``shape``; ShapeError if it does not fit."""
    entries = list(index) if isinstance(index, tuple) else [index]
    entries = [part for entry in entries for part in _expand_entry(entry)]
    consumed = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if consumed > len(shape):
        raise ShapeError(f"{consumed} indices into an array of {len(shape)} axes, shape {tuple(shape)}.")
    if sum(entry is Ellipsis for entry in entries) > 1:
        raise ShapeError("an index may hold one ellipsis, not several.")
    if not any(entry is Ellipsis for entry in entries):
        entries.append(Ellipsis)
    at = next(k for k, entry in enumerate(entries) if entry is Ellipsis)
    entries[at : at + 1] = [slice(None)] * (len(shape) - consumed)
    lengths = iter(shape)
    return tuple(entry if entry is None else _entry(entry, next(lengths)) for entry in entries)


def _expand_entry(entry: Any) -> list[Any]:
    if entry is None or entry is Ellipsis or isinstance(entry, (slice, FrozenArray)):
        return [entry]
    array = np.asarray(entry)
    if array.dtype == bool:
        if array.ndim == 0:
            raise ShapeError("a bare True or False is no index adlab accepts; use np.where or a mask array.")
        return list(np.nonzero(array))
    if array.size == 0 and array.dtype == float:
        return [array.astype(np.intp)]
    if array.dtype.kind not in "iu":
        raise ShapeError(f"an index must be integers, slices or masks, not {type(entry).__name__}.")
    return [int(array) if array.ndim == 0 else array]


def _entry(entry: Any, length: int) -> Any:
    if isinstance(entry, slice):
        try:
            start, stop, step = entry.indices(length)
        except TypeError:
            raise ShapeError("the parts of a slice must be integers known while tracing.") from None
        except ValueError as error:
            raise ShapeError(f"{error}.") from None
        return ("slice", start, stop if step > 0 or stop >= 0 else None, step)
    if isinstance(entry, int):
        if not -length <= entry < length:
            raise ShapeError(f"index {entry} is out of range for an axis of length {length}.")
        return entry % length
    array = entry.array if isinstance(entry, FrozenArray) else np.asarray(entry)
    if array.size and not (-length <= array.min() and array.max() < length):
        raise ShapeError(f"an integer index array reaches outside an axis of length {length}.")
    return FrozenArray(np.where(array < 0, array + length, array).astype(np.intp, copy=False))


def numpy_index(index: Index) -> tuple[Any, ...]:
    """Return ``index`` as NumPy takes it."""
    return tuple(_numpy_entry(entry) for entry in index)


def _numpy_entry(entry: Any) -> Any:
    if isinstance(entry, FrozenArray):
        return entry.array
    if isinstance(entry, tuple):
        return slice(*entry[1:])
    return entry


def stacked_indices(indices: Sequence[Index], shape: Sequence[int]) -> list[tuple[list[int], Index]]:
    """Return indices of integers and slices joined where they pick parts of one shape.

    Parameters
    ----------
    indices : sequence of Index
    shape : sequence of int
        Of the array that is indexed.

    Returns
    -------
    list of (positions, index)
        Which of the indices are joined, and what picks all their parts at once, stacked along a new first axis; an index
        that stays alone is as it was.

    Examples
    --------
    >>> indices = [normalise_index(k, (3,)) for k in (2, 0)]
    >>> stacked_indices(indices, (3,))
    [([0, 1], ([2, 0],))]
    """
    alike: dict[Any, list[int]] = {}
    for position, index in enumerate(indices):
        plain = len(shape) > 0 and all(isinstance(entry, (int, tuple)) for entry in index)
        lengths = (
            tuple(_length(entry, n) for entry, n in zip(index, shape, strict=True)) if plain else position
        )
        alike.setdefault(lengths, []).append(position)
    return [
        (
            positions,
            _joined([indices[k] for k in positions], shape) if len(positions) > 1 else indices[positions[0]],
        )
        for positions in alike.values()
    ]


def _length(entry: Any, length: int) -> int | None:
    """Return how many places an entry picks along an axis; None for an integer, which takes the axis away."""
    return None if isinstance(entry, int) else len(range(length)[_numpy_entry(entry)])


def _joined(indices: Sequence[Index], shape: Sequence[int]) -> Index:
    """Return one index of arrays for indices that pick parts of one shape; what they have in common at the end stays."""
    axes = list(zip(*indices, strict=True))
    while len(axes) > 1 and isinstance(axes[-1][0], tuple) and len(set(axes[-1])) == 1:
        axes.pop()
    kept = [a for a, entries in enumerate(axes) if isinstance(entries[0], tuple)]
    joined: list[Any] = []
    for a, entries in enumerate(axes):
        steps = range(shape[a])
        places = np.array(
            [e if isinstance(e, int) else steps[_numpy_entry(e)] for e in entries], dtype=np.intp
        )
        lengths = [places.shape[1] if b == a else 1 for b in kept]
        joined.append(FrozenArray(places.reshape(len(indices), *lengths)))
    return (*joined, *indices[0][len(axes) :])


def indexed_shape(shape: Sequence[int], index: Index) -> tuple[int, ...]:
    """Return the shape of an array of ``shape`` after indexing."""
    picked = np.broadcast_to(np.int8(0), tuple(shape))[numpy_index(index)]
    return tuple(picked.shape)


def format_index(index: Index) -> str:
    """Return the index as it is written between brackets."""
    return ", ".join(_format_entry(entry) for entry in index) or "..."


def _format_entry(entry: Any) -> str:
    if entry is None:
        return "None"
    if not isinstance(entry, tuple):
        return repr(entry)
    _, start, stop, step = entry
    head = "" if start == 0 and step > 0 else str(start)
    tail = "" if stop is None else str(stop)
    return f"{head}:{tail}" + (f":{step}" if step != 1 else "")
