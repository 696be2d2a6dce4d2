"""Functional updates: the array with some elements set or added to, as a new array.

Traced arrays never change, so what NumPy code writes as ``x[1:3] = v`` is written ``x = ad.at(x)[1:3].set(v)``; it means
the same on plain arrays. An update is made of the rows that move elements, so every method, carrier and order of
derivative has it: what is overwritten gets no derivative, also where a 0 · ∞ would have been.

Operators in place are no updates: ``y += v`` gives the name y a new array, where y was made by an operation and nothing else
has it. For an argument, a view, or an array that has a view or another name, NumPy would change those as well; there it is
refused, and ``y = y + v`` says which array is meant. Numbers never change in NumPy either, so for them it always works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.traced import innermost, static_index
from adlab.errors import ShapeError
from adlab.frontends.recording import as_leaf, type_of_leaf
from adlab.ir.builder import user_source
from adlab.ir.index import FrozenArray, Index, indexed_shape, normalise_index, numpy_index
from adlab.ir.types import Shape, Type
from adlab.transforms.evaluation import algebra_for, as_result


def at(x: Any) -> Updatable:
    """Return ``x`` ready for a functional update: ``ad.at(x)[index].set(v)`` or ``.add(v)``.

    Parameters
    ----------
    x : array or traced value
        Stays as it is.

    Returns
    -------
    Updatable
        To be indexed as ``x`` is: integers, slices, an ellipsis, None, masks, arrays of integers.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.zeros(4)
    >>> at(x)[1:3].set(5.0)
    array([0., 5., 5., 0.])
    >>> at(x)[np.array([0, 0, 3])].add(1.0)
    array([2., 0., 0., 1.])
    """
    if isinstance(x, (list, tuple)):
        recorder = innermost(x)
        x = np.asarray(x) if recorder is None else recorder.nested(x)
    return Updatable(as_leaf(x, "the array to update"))


@dataclass(frozen=True, eq=False)
class Updatable:
    """An array, to be indexed for an update."""

    x: Any

    def __getitem__(self, index: Any) -> Place:
        """Return the elements to be updated."""
        return Place(self.x, static_index(index, self.x.shape))


@dataclass(frozen=True, eq=False)
class Place:
    """Some elements of an array."""

    x: Any
    index: Index

    def set(self, value: Any) -> Any:
        """Return the array with these elements replaced.

        Where an index names an element twice the last value stays, as in NumPy.

        Parameters
        ----------
        value : number, array or traced value
            Broadcast to the shape of ``x[index]`` and rounded to the dtype of ``x``.

        Raises
        ------
        ShapeError
            If it does not broadcast; the message names the line.
        """
        algebra, type, value = self._prepared(value)
        slab = _slab(self.index, type.shape)
        if slab is not None:
            return as_result(_joined(algebra, self.x, type.shape, value, *slab), type)
        return as_result(_gathered(algebra, self.x, type.shape, value, self.index), type)

    def add(self, value: Any) -> Any:
        """Return the array with ``value`` added to these elements, as often as the index names them.

        Parameters and errors are those of `set`.
        """
        algebra, type, value = self._prepared(value)
        added = algebra.index_add(value, index=self.index, shape=type.shape)
        return as_result(self.x + added, type)

    def _prepared(self, value: Any) -> tuple[Algebra, Type, Any]:
        """Return the carrier, the type of the result, and the value in shape and dtype of what it replaces."""
        recorder = innermost((value,))
        leaf = as_leaf(value if recorder is None else recorder.nested(value), "the value of the update")
        algebra, type = algebra_for([self.x, leaf]), type_of_leaf(self.x)
        shape = indexed_shape(type.shape, self.index)
        given = type_of_leaf(leaf).shape
        kept = (
            given[max(len(given) - len(shape), 0) :]
            if set(given[: len(given) - len(shape)]) <= {1}
            else given
        )
        if not _broadcasts(kept, shape):
            source = user_source()
            raise ShapeError(
                f"{source}: `{source.text()}`: a value of shape {given} does not broadcast to the {shape} of the elements "
                "to be updated."
            )
        if kept != given:
            leaf = algebra.reshape(leaf, shape=kept)
        if type_of_leaf(leaf).dtype != type.dtype:
            leaf = algebra.cast(leaf, dtype=type.dtype.name)
        return algebra, type, leaf if kept == shape else algebra.broadcast_to(leaf, shape=shape)


def _broadcasts(shape: Shape, target: Shape) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _slab(index: Index, shape: Shape) -> tuple[int, int] | None:
    """Return start and stop if the index picks neighbours along the first axis and all of the others."""
    if not index or any(not isinstance(entry, (int, tuple)) for entry in index):
        return None
    first, rest = index[0], index[1:]
    if any(entry != ("slice", 0, n, 1) for entry, n in zip(rest, shape[1:], strict=True)):
        return None
    if isinstance(first, int):
        return first, first + 1
    _, start, stop, step = first
    return (start, max(stop, start)) if step == 1 else None


def _joined(algebra: Algebra, x: Any, shape: Shape, value: Any, start: int, stop: int) -> Any:
    """Return what lies before, the new values, what lies behind."""
    parts = [
        algebra.index(x, index=normalise_index(slice(0, start), shape)) if start else None,
        algebra.reshape(value, shape=(stop - start, *shape[1:])) if stop > start else None,
        algebra.index(x, index=normalise_index(slice(stop, None), shape)) if stop < shape[0] else None,
    ]
    kept = [part for part in parts if part is not None]
    if len(kept) < 2:
        return kept[0] if kept else x
    return algebra.concatenate(*kept, axis=0)


def _gathered(algebra: Algebra, x: Any, shape: Shape, value: Any, index: Index) -> Any:
    """Return each element from where it comes from: the old array, or its last value among the new."""
    size = int(np.prod(shape, dtype=np.int64))
    sources = np.arange(size).reshape(shape)
    count = int(np.prod(np.shape(value), dtype=np.int64))
    if not count:
        return x
    sources[numpy_index(index)] = size + np.arange(count).reshape(np.shape(value))
    both = algebra.concatenate(
        algebra.reshape(x, shape=(size,)), algebra.reshape(value, shape=(count,)), axis=0
    )
    return algebra.index(both, index=(FrozenArray(sources),))
