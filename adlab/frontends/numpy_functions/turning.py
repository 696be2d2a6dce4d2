"""Arrays stacked in depth, padded, rotated, shifted; elements taken along an axis, left out, inserted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.algebra.traced import Traced, trace_error
from adlab.frontends.numpy_functions.joining import flip, roll, split
from adlab.frontends.numpy_functions.shapes import broadcast_to, moveaxis, swapaxes
from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    arrays,
    axes_of,
    axis_of,
    flat,
    integer,
    integers,
    join,
    like,
    reshaped,
    shape_error,
    take,
    take_along,
    without,
)
from adlab.ir.index import normalise_index
from adlab.ir.types import broadcast_shapes


def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """Return np.rollaxis."""
    x = array(a)
    place, target = axis_of(axis, x.ndim), integer(start, "start")
    target = target + x.ndim if target < 0 else target
    if not 0 <= target <= x.ndim:
        raise shape_error(f"np.rollaxis cannot move an axis before axis {start} of {x.ndim}.")
    return moveaxis(x, place, target - (place < target))


def atleast_3d(*arys: Any) -> Any:
    """Return np.atleast_3d: vectors in the middle axis, matrices in the first two."""
    found = tuple(_in_depth(array(x)) for x in arys)
    return found[0] if len(found) == 1 else found


def _in_depth(x: Any) -> Any:
    shapes = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}
    return reshaped(x, shapes.get(x.ndim, x.shape))


def dstack(tup: Any) -> Any:
    """Return np.dstack: joined along the third axis."""
    return join("concatenate", [_in_depth(part) for part in arrays(tup)], 2)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Return np.dsplit."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    """Return np.unstack: the layers along an axis."""
    x = moveaxis(array(x), axis, 0)
    return tuple(take(x, k) for k in range(x.shape[0]))


def block(arrays_: Any) -> Any:
    """Return np.block: nested lists joined along the last axes."""
    nested, depth = arrays_, 0
    while isinstance(nested, list):
        if not nested:
            raise shape_error("np.block has an empty list; give at least one array.")
        nested, depth = nested[0], depth + 1
    rank = max(depth, *(array(leaf).ndim for leaf in _blocks(arrays_)))
    return _joined(arrays_, depth, rank)


def _blocks(nested: Any) -> list[Any]:
    if not isinstance(nested, list):
        return [nested]
    return [leaf for part in nested for leaf in _blocks(part)]


def _joined(nested: Any, depth: int, rank: int) -> Any:
    if not isinstance(nested, list):
        x = array(nested)
        return reshaped(x, (1,) * (rank - x.ndim) + x.shape)
    return join("concatenate", [_joined(part, depth - 1, rank) for part in nested], rank - depth)


# ------------------------------------------------------------------------------------------------------ turned


def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    """Return np.rot90: a quarter turn in the plane of two axes, k times."""
    x = array(m)
    first, second = (axis_of(axis, x.ndim) for axis in integers(axes, "axes"))
    if first == second:
        raise shape_error(f"np.rot90 turns in the plane of two axes, not of axis {first} twice.")
    turns = integer(k, "k") % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if turns == 3 else x


def fftshift(x: Any, axes: Any = None) -> Any:
    """Return np.fft.fftshift: the middle of each axis moved to its start."""
    return _shifted(x, axes, lambda n: n // 2)


def ifftshift(x: Any, axes: Any = None) -> Any:
    """Return np.fft.ifftshift, which undoes np.fft.fftshift."""
    return _shifted(x, axes, lambda n: -(n // 2))


def _shifted(x: Any, axes: Any, shift: Callable[[int], int]) -> Any:
    x = array(x)
    places = axes_of(axes, x.ndim)
    return roll(x, tuple(shift(x.shape[k]) for k in places), places) if places else x


# ------------------------------------------------------------------------------------------------------ padded

PLACES: Mapping[str, Callable[[Any, int], Any]] = {
    "edge": lambda k, n: np.clip(k, 0, n - 1),
    "wrap": lambda k, n: k % n,
    "symmetric": lambda k, n: np.minimum(k % (2 * n), 2 * n - 1 - k % (2 * n)),
    "reflect": lambda k, n: np.abs((k + n - 1) % (2 * n - 2) - (n - 1)) if n > 1 else 0 * k,
}
"""Which element of an axis of length n stands at place k of its continuation."""


STATISTICS = {"maximum": "max", "minimum": "min", "mean": "mean"}
"""Modes that continue an axis by a statistic of it, and the row that computes it."""


def pad(array_: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """Return np.pad in all modes of NumPy but empty; statistics are those of whole axes."""
    x = array(array_)
    widths = _widths(pad_width, x.ndim)
    constant = kwargs.pop("constant_values", 0)
    odd = kwargs.pop("reflect_type", "even") == "odd"
    ends = kwargs.pop("end_values", 0)
    without("np.pad", **kwargs)
    if mode == "constant":
        return _padded(x, widths, constant)
    known = ["constant", *PLACES, *STATISTICS, "linear_ramp"]
    if mode not in known:
        raise trace_error(f"np.pad with mode={mode!r} has no rule in adlab", f"use one of {known}")
    if mode == "linear_ramp":
        return _ramped(x, widths, ends)
    for axis, width in enumerate(widths):
        if not any(width):
            continue
        if not x.shape[axis]:
            raise shape_error(f"np.pad cannot continue axis {axis}, which is empty.")
        x = _continued(x, axis, width, mode, odd)
    return x


def _continued(x: Any, axis: int, width: tuple[int, int], mode: str, odd: bool) -> Any:
    """Return the array continued along one axis by its own elements, or by a statistic of them."""
    if mode in STATISTICS:
        layer = apply(STATISTICS[mode], x, axis=None if x.ndim == 1 else (axis,), keepdims=True)
        return _framed(x, axis, [_layers(layer, axis, count) for count in width])
    length = x.shape[axis]
    places = np.arange(-width[0], length + width[1])
    around = take_along(x, axis, PLACES[mode](places, length))
    if not odd or mode not in ("reflect", "symmetric"):
        return around
    if max(width) > length - (mode == "reflect"):
        raise trace_error(
            f"np.pad with reflect_type='odd' reflects an axis once, and a width of {max(width)} is too much for length {length}",
            "use reflect_type='even', or pad twice",
        )
    edges = take_along(x, axis, np.clip(places, 0, length - 1))
    outside = ((places < 0) | (places >= length)).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    return apply("where", outside, apply("subtract", apply("multiply", edges, 2.0), around), around)


def _layers(layer: Any, axis: int, count: int) -> Any:
    """Return one layer repeated along an axis of length 1."""
    return broadcast_to(layer, (*layer.shape[:axis], count, *layer.shape[axis + 1 :]))


def _framed(x: Any, axis: int, sides: Any) -> Any:
    """Return the array between two others along an axis, those of no layers left out."""
    before, after = sides
    parts = [part for part in (before, x, after) if part.shape[axis]]
    return join("concatenate", parts, axis)


def _ramped(x: Any, widths: list[tuple[int, int]], ends: Any) -> Any:
    """Return the array continued by straight lines from its edges to the end values."""
    if isinstance(ends, Traced):
        raise trace_error("np.pad has end_values that are traced", "give plain numbers")
    for axis, (width, pair) in enumerate(zip(widths, np.broadcast_to(ends, (x.ndim, 2)), strict=True)):
        sides = []
        for k, (count, end) in enumerate(zip(width, pair, strict=True)):
            share = np.arange(count, dtype=x.dtype) / x.dtype.type(count or 1)
            share = (share if k == 0 else share[::-1]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
            edge = take_along(x, axis, slice(0, 1) if k == 0 else slice(-1, None))
            rise = apply("subtract", edge, float(end))
            sides.append(apply("add", apply("multiply", _layers(rise, axis, count), share), float(end)))
        x = _framed(x, axis, sides)
    return x


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        given = {axis_of(axis, ndim): np.broadcast_to(width, (2,)) for axis, width in pad_width.items()}
        rows = np.array([given.get(axis, (0, 0)) for axis in range(ndim)])
    else:
        try:
            rows = np.broadcast_to(np.asarray(pad_width), (ndim, 2))
        except ValueError:
            raise shape_error(
                f"np.pad has the widths {pad_width} for {ndim} axes; give a pair per axis."
            ) from None
    if rows.dtype.kind not in "iu" or np.any(rows < 0):
        raise shape_error(f"np.pad has the widths {pad_width}; widths are whole and not negative.")
    return [(int(before), int(after)) for before, after in rows]


def _padded(x: Any, widths: list[tuple[int, int]], constant: Any) -> Any:
    if isinstance(constant, Traced) or np.ndim(constant):
        return _padded_one_by_one(x, widths, constant)
    shape = tuple(n + sum(width) for n, width in zip(x.shape, widths, strict=True))
    if shape == x.shape:
        return x
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, widths, strict=True))
    spread = apply("index_add", x, index=normalise_index(inner, shape), shape=shape)
    if constant == 0:
        return spread
    outside = np.ones(shape, bool)
    outside[inner] = False
    return apply("where", outside, constant, spread)


def _padded_one_by_one(x: Any, widths: list[tuple[int, int]], constant: Any) -> Any:
    values = like(constant, x)
    if values.ndim and isinstance(values, Traced):
        raise trace_error("np.pad has an array of traced values", "give one traced value, or plain numbers")
    pairs = [(values, values)] * x.ndim if not values.ndim else np.broadcast_to(values, (x.ndim, 2))
    for axis, (width, pair) in enumerate(zip(widths, pairs, strict=True)):
        parts = [x]
        for k, (count, value) in enumerate(zip(width, pair, strict=True)):
            shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            if count:
                parts.insert(0 if k == 0 else len(parts), broadcast_to(array(value), shape))
        x = join("concatenate", parts, axis) if len(parts) > 1 else x
    return x


# ----------------------------------------------------------------------------------------- single elements


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Return np.take_along_axis with static indices."""
    if isinstance(indices, Traced):
        raise trace_error(
            "np.take_along_axis has indices that depend on a traced value",
            "give integers that are known while tracing, or use np.sort",
        )
    x, places = array(arr), np.asarray(indices)
    if axis is None:
        x, axis = flat(x), 0
    at = axis_of(axis, x.ndim)
    if places.ndim != x.ndim:
        raise shape_error(f"np.take_along_axis has indices of {places.ndim} axes for an array of {x.ndim}.")
    rest = broadcast_shapes(
        [tuple(1 if k == at else n for k, n in enumerate(shape)) for shape in (x.shape, places.shape)]
    )
    full = tuple(places.shape[at] if k == at else n for k, n in enumerate(rest))
    entries = list(np.ix_(*(np.arange(n) for n in full)))
    for k, n in enumerate(x.shape):
        if k != at and n == 1:
            entries[k] = np.zeros_like(entries[k])
    entries[at] = np.broadcast_to(places, full)
    return take(x, *entries)


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """Return np.delete with static places."""
    x = array(arr)
    if axis is None:
        x, axis = flat(x), 0
    place = axis_of(axis, x.ndim)
    return take_along(x, place, np.delete(np.arange(x.shape[place]), obj))


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Return np.insert at one static place."""
    x = array(arr)
    if axis is None:
        x, axis = flat(x), 0
    place, at = axis_of(axis, x.ndim), integer(obj, "the place of np.insert")
    if not -x.shape[place] <= at <= x.shape[place]:
        raise shape_error(f"np.insert cannot insert before element {at} of {x.shape[place]}.")
    at = at + x.shape[place] if at < 0 else at
    new = like(values, x)
    if new.ndim < x.ndim or x.ndim == 1:
        count = new.shape[-1] if x.ndim == 1 and new.ndim == 1 else 1
        shape = (*x.shape[:place], count, *x.shape[place + 1 :])
        new = broadcast_to(new if x.ndim == 1 or not new.ndim else reshaped(new, _layer(new, place)), shape)
    parts = [take_along(x, place, slice(0, at)), new, take_along(x, place, slice(at, None))]
    return join("concatenate", parts, place)


def _layer(new: Any, axis: int) -> tuple[int, ...]:
    return (*new.shape[:axis], 1, *new.shape[axis:])


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Return np.meshgrid."""
    vectors = [flat(x) for x in xi]
    count = len(vectors)
    order = list(range(count))
    if indexing == "xy" and count > 1:
        order[0], order[1] = 1, 0
    lengths = [x.shape[0] for x in vectors]
    shape = tuple(lengths[k] for k in order)
    grids = [
        reshaped(x, tuple(n if order[place] == k else 1 for place, n in enumerate(shape)))
        for k, x in enumerate(vectors)
    ]
    return tuple(grids) if sparse else tuple(broadcast_to(grid, shape) for grid in grids)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.rollaxis: rollaxis,
    np.atleast_3d: atleast_3d,
    np.dstack: dstack,
    np.dsplit: dsplit,
    np.unstack: unstack,
    np.block: block,
    np.rot90: rot90,
    np.fft.fftshift: fftshift,
    np.fft.ifftshift: ifftshift,
    np.pad: pad,
    np.take_along_axis: take_along_axis,
    np.delete: delete,
    np.insert: insert,
    np.meshgrid: meshgrid,
}
