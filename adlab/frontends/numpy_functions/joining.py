"""Arrays put together, taken apart, repeated and turned: all of it joining, indexing and broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from adlab.algebra.traced import Traced, trace_error
from adlab.frontends.numpy_functions.shapes import atleast_1d, atleast_2d, broadcast_to
from adlab.frontends.numpy_functions.support import (
    array,
    arrays,
    axes_of,
    axis_of,
    flat,
    in_dtype,
    integer,
    integers,
    join,
    reshaped,
    shape_error,
    take,
    take_along,
    without,
)


def concatenate(
    arrays_: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = None
) -> Any:
    """Return np.concatenate; with axis None, of all elements in a row."""
    without("np.concatenate", out=out)
    parts = arrays(arrays_)
    if axis is None:
        parts, axis = [flat(part) for part in parts], 0
    return in_dtype(join("concatenate", parts, axis), dtype)


def stack(arrays_: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = None) -> Any:
    """Return np.stack."""
    without("np.stack", out=out)
    return in_dtype(join("stack", arrays(arrays_), axis), dtype)


def vstack(tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    """Return np.vstack: rows on top of each other."""
    return in_dtype(join("concatenate", [atleast_2d(part) for part in arrays(tup)], 0), dtype)


def hstack(tup: Any, *, dtype: Any = None, casting: Any = None) -> Any:
    """Return np.hstack: side by side."""
    parts = [atleast_1d(part) for part in arrays(tup)]
    return in_dtype(join("concatenate", parts, 0 if parts and parts[0].ndim == 1 else 1), dtype)


def column_stack(tup: Any) -> Any:
    """Return np.column_stack: vectors become columns."""
    parts = [
        part if part.ndim > 1 else reshaped(part, (-1 if part.ndim == 0 else part.shape[0], 1))
        for part in _lines(tup)
    ]
    return join("concatenate", parts, 1)


def _lines(tup: Any) -> list[Any]:
    return [atleast_1d(part) for part in arrays(tup)]


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """Return np.append."""
    return concatenate((arr, values), axis)


# ---------------------------------------------------------------------------------------------------- apart


def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Return np.array_split: parts of nearly equal length, or cut at the given places."""
    x = array(ary)
    place = axis_of(axis, x.ndim)
    cuts = _cuts(indices_or_sections, x.shape[place])
    return [take_along(x, place, slice(start, stop)) for start, stop in pairwise(cuts)]


def _cuts(given: Any, length: int) -> list[int]:
    if isinstance(given, Traced) or np.ndim(given) == 0:
        count = integer(given, "the number of parts")
        if count < 1:
            raise shape_error(f"an array falls into at least one part, not {count}.")
        each, more = divmod(length, count)
        return [part * each + min(part, more) for part in range(count + 1)]
    return [0, *integers(given, "a place to cut"), length]


def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Return np.split: parts of equal length, or cut at the given places."""
    x = array(ary)
    length = x.shape[axis_of(axis, x.ndim)]
    if not isinstance(indices_or_sections, Traced) and np.ndim(indices_or_sections) == 0:
        count = integer(indices_or_sections, "the number of parts")
        if count < 1 or length % count:
            raise shape_error(
                f"an axis of length {length} does not fall into {count} equal parts; use np.array_split."
            )
    return array_split(x, indices_or_sections, axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Return np.vsplit."""
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Return np.hsplit."""
    return split(ary, indices_or_sections, 0 if array(ary).ndim == 1 else 1)


# ------------------------------------------------------------------------------------------- again and turned


def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Return np.repeat: each element several times."""
    x = array(a)
    if axis is None:
        x, axis = flat(x), 0
    place = axis_of(axis, x.ndim)
    counts = integers(repeats, "repeats")
    try:
        rows = np.repeat(np.arange(x.shape[place]), counts)
    except ValueError:
        raise shape_error(f"repeats {counts} do not fit an axis of length {x.shape[place]}.") from None
    return take_along(x, place, rows)


def tile(A: Any, reps: Any) -> Any:
    """Return np.tile: the whole array several times along each axis."""
    x, counts = array(A), integers(reps, "reps")
    rank = max(x.ndim, len(counts))
    shape = (1,) * (rank - x.ndim) + x.shape
    counts = (1,) * (rank - len(counts)) + counts
    if all(count == 1 for count in counts):
        return reshaped(x, shape)
    apart = reshaped(x, [length for n in shape for length in (1, n)])
    spread = broadcast_to(
        apart, tuple(length for c, n in zip(counts, shape, strict=True) for length in (c, n))
    )
    return reshaped(spread, [c * n for c, n in zip(counts, shape, strict=True)])


def flip(m: Any, axis: Any = None) -> Any:
    """Return np.flip: the order reversed along axes."""
    x = array(m)
    axes = axes_of(axis, x.ndim)
    return (
        take(x, *(slice(None, None, -1) if a in axes else slice(None) for a in range(x.ndim))) if axes else x
    )


def fliplr(m: Any) -> Any:
    """Return np.fliplr."""
    return flip(m, 1)


def flipud(m: Any) -> Any:
    """Return np.flipud."""
    return flip(m, 0)


def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Return np.roll: what leaves at one end enters at the other."""
    x = array(a)
    if axis is None:
        return reshaped(_rolled(flat(x), sum(integers(shift, "shift")), 0), x.shape)
    axes, shifts = integers(axis, "axis"), integers(shift, "shift")
    count = max(len(axes), len(shifts))
    axes, shifts = (given * count if len(given) == 1 else given for given in (axes, shifts))
    if len(axes) != len(shifts):
        raise shape_error(f"np.roll has {len(shifts)} shifts for {len(axes)} axes.")
    for place, step in zip(axes, shifts, strict=True):
        x = _rolled(x, step, axis_of(place, x.ndim))
    return x


def _rolled(x: Any, shift: int, axis: int) -> Any:
    length = x.shape[axis]
    cut = -shift % length if length else 0
    if cut == 0:
        return x
    return join(
        "concatenate", [take_along(x, axis, slice(cut, None)), take_along(x, axis, slice(0, cut))], axis
    )


def take_(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Return np.take: elements by static integer indices."""
    without("np.take", out=out)
    if isinstance(indices, Traced):
        raise trace_error(
            "np.take has indices that depend on a traced value", "give integers that are known while tracing"
        )
    x = array(a)
    if axis is None:
        x, axis = flat(x), 0
    place = axis_of(axis, x.ndim)
    return take_along(x, place, _within(np.asarray(indices), x.shape[place], mode))


def _within(indices: Any, length: int, mode: str) -> Any:
    """Return places along an axis, those outside wrapped around or moved to the ends as NumPy's ``mode`` says."""
    if mode == "raise":
        return indices
    if mode not in ("wrap", "clip"):
        raise trace_error(f"np.take has mode={mode!r}", "use 'raise', 'wrap' or 'clip'")
    if not length:
        raise shape_error("np.take has an empty axis, which holds nothing to take.")
    return indices % length if mode == "wrap" else np.clip(indices, 0, length - 1)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.concatenate: concatenate,
    np.stack: stack,
    np.vstack: vstack,
    np.hstack: hstack,
    np.column_stack: column_stack,
    np.append: append,
    np.split: split,
    np.array_split: array_split,
    np.vsplit: vsplit,
    np.hsplit: hsplit,
    np.repeat: repeat,
    np.tile: tile,
    np.flip: flip,
    np.fliplr: fliplr,
    np.flipud: flipud,
    np.roll: roll,
    np.take: take_,
}
