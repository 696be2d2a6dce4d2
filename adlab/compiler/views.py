"""Views: how the elements of one array are read as another, without moving any of them.

Reshaping, transposing, broadcasting and slicing change which element stands where, not the elements. In a loop they cost
nothing: a view is a place to begin and, for each axis, how many elements to go on for one step. Where a reshape is no
view (the elements would not stand at regular distances) the answer is None, and the array has to be copied first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from adlab.ir.types import Shape

Strides = tuple[int, ...]


class View(NamedTuple):
    """Elements of a value, as an array of another shape.

    Attributes
    ----------
    value : int
        The number of the value whose elements these are.
    shape : tuple of int
        Lengths of the axes.
    strides : tuple of int
        Elements from one entry to the next, per axis; 0 repeats.
    offset : int
        The first element.
    """

    value: int
    shape: Shape
    strides: Strides
    offset: int = 0

    @property
    def size(self) -> int:
        """Number of elements that are shown, repeated ones counted."""
        return size_of(self.shape)


def size_of(shape: Sequence[int]) -> int:
    """Return the product of lengths."""
    size = 1
    for length in shape:
        size *= length
    return size


def strides_of(shape: Sequence[int]) -> Strides:
    """Return the strides of an array whose elements stand in a row."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


def whole(value: int, shape: Shape) -> View:
    """Return all of a value as it stands in memory."""
    return View(value, shape, strides_of(shape))


def dense(view: View) -> bool:
    """Return whether the elements stand in a row in memory, in the order of the view."""
    step = 1
    for length, stride in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if length != 1:
            if stride != step:
                return False
            step *= length
    return True


def broadcast(view: View, shape: Shape) -> View:
    """Return the view repeated to a larger shape."""
    lead = len(shape) - len(view.shape)
    strides = [0] * lead
    for length, wanted, stride in zip(view.shape, shape[lead:], view.strides, strict=True):
        strides.append(stride if length == wanted and length != 1 else 0)
    return View(view.value, shape, tuple(strides), view.offset)


def transpose(view: View, axes: Sequence[int]) -> View:
    """Return the view with its axes in another order."""
    return View(
        view.value, tuple(view.shape[a] for a in axes), tuple(view.strides[a] for a in axes), view.offset
    )


def reshape(view: View, shape: Shape) -> View | None:
    """Return the view in another shape, None where that takes a copy."""
    if size_of(shape) == 0:
        return View(view.value, shape, strides_of(shape), view.offset)
    merged = merge_axes(view.shape, [view.strides])
    lengths, strides = [n for n, _ in merged], [s[0] for _, s in merged]
    found: list[int] = []
    axis, left = len(lengths) - 1, lengths[-1] if lengths else 1
    step = strides[-1] if strides else 1
    for length in reversed(shape):
        if length == 1:
            found.append(0)
            continue
        if left == 1:
            axis -= 1
            left, step = lengths[axis], strides[axis]
        if left % length:
            return None
        found.append(step)
        left //= length
        step *= length
    return View(view.value, shape, tuple(reversed(found)), view.offset)


def slice_axes(view: View, index: Sequence[Any]) -> View:
    """Return the view indexed by integers, slices and None (see `adlab.ir.index`)."""
    shape: list[int] = []
    strides: list[int] = []
    offset, axis = view.offset, 0
    for entry in index:
        if entry is None:
            shape.append(1)
            strides.append(0)
            continue
        length, stride = view.shape[axis], view.strides[axis]
        axis += 1
        if isinstance(entry, tuple):
            steps = range(*slice(*entry[1:]).indices(length))
            shape.append(len(steps))
            strides.append(stride * steps.step)
            offset += stride * steps.start if steps else 0
        else:
            offset += stride * entry
    return View(view.value, tuple(shape), tuple(strides), offset)


def merge_axes(shape: Sequence[int], accesses: Sequence[Sequence[int]]) -> list[tuple[int, tuple[int, ...]]]:
    """Return the axes as (length, strides), adjacent ones joined where one step through both is regular in all accesses.

    Axes of length 1 are left out.

    Examples
    --------
    >>> merge_axes((4, 1, 6), [(6, 0, 1), (0, 0, 0)])
    [(24, (1, 0))]
    """
    merged: list[tuple[int, tuple[int, ...]]] = []
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        steps = tuple(access[axis] for access in accesses)
        if merged:
            before, wide = merged[-1]
            if all(w == s * length for w, s in zip(wide, steps, strict=True)):
                merged[-1] = (before * length, steps)
                continue
        merged.append((length, steps))
    return merged


def common_axes(first: Sequence[int], second: Sequence[int]) -> Shape | None:
    """Return the coarsest shape that splits the axes of both, None if there is none.

    Examples
    --------
    >>> common_axes((25, 100), (25, 10, 10)), common_axes((4, 6), (6, 4))
    ((25, 10, 10), None)
    """
    a, b = [n for n in first if n != 1], [n for n in second if n != 1]
    if a == b:
        return tuple(a)
    found: list[int] = []
    left, right = 1, 1
    while a or b or left != 1 or right != 1:
        if left == 1:
            if not a:
                return None
            left = a.pop()
        if right == 1:
            if not b:
                return None
            right = b.pop()
        step = min(left, right)
        if left % step or right % step:
            return None
        found.append(step)
        left, right = left // step, right // step
    return tuple(reversed(found))


def split_axes(shape: Sequence[int], strides: Sequence[int], finer: Sequence[int]) -> Strides:
    """Return strides over the axes of ``finer``, which splits the axes of ``shape``."""
    found: list[int] = []
    axes = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    for length in reversed(finer):
        left, step = axes.pop()
        found.append(step)
        if left != length:
            axes.append((left // length, step * length))
    return tuple(reversed(found))
