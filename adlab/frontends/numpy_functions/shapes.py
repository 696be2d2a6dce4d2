"""The same elements in another shape: reshaping, permuting and repeating axes, and asking for shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.algebra.traced import trace_error
from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    axes_of,
    axis_of,
    flat,
    integers,
    permuted,
    reshaped,
    shape_error,
    size_of,
)


def reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    """Return np.reshape; one length may be −1."""
    x = array(a)
    given = integers(shape if shape is not None else newshape, "a length of the shape")
    target = _completed(given, x)
    if _columns_first("np.reshape", order, x):
        return transpose(reshaped(transpose(x), target[::-1]))
    return reshaped(x, target)


def _columns_first(name: str, order: str, x: Any) -> bool:
    """Return whether elements are taken with the first axis running fastest; a traced array has no layout in memory."""
    if order in ("C", "F"):
        return bool(order == "F")
    if x.ndim < 2 and order in ("A", "K"):
        return False
    raise trace_error(
        f"{name} was called with order={order!r}, and a traced array has no layout in memory to follow",
        "say order='C' (rows first) or order='F' (columns first)",
    )


def _completed(shape: tuple[int, ...], x: Any) -> tuple[int, ...]:
    if shape.count(-1) > 1 or any(length < -1 for length in shape):
        raise shape_error(f"the shape {shape} is none: one length may be −1, the others are not negative.")
    if -1 not in shape:
        return shape
    known = size_of(tuple(length for length in shape if length != -1))
    size = size_of(x.shape)
    if known == 0 or size % known:
        raise shape_error(
            f"an array of shape {x.shape} cannot take the shape {shape}: it has {size} elements."
        )
    return tuple(size // known if length == -1 else length for length in shape)


def ravel(a: Any, order: str = "C") -> Any:
    """Return np.ravel."""
    x = array(a)
    return flat(transpose(x) if _columns_first("np.ravel", order, x) else x)


def transpose(a: Any, axes: Any = None) -> Any:
    """Return np.transpose; without axes the order is reversed."""
    x = array(a)
    if axes is None:
        return permuted(x, reversed(range(x.ndim)))
    order = tuple(axis_of(axis, x.ndim) for axis in integers(axes, "an axis"))
    if sorted(order) != list(range(x.ndim)):
        raise shape_error(f"axes {tuple(axes)} are no permutation of the {x.ndim} axes of shape {x.shape}.")
    return permuted(x, order)


def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Return np.swapaxes."""
    x = array(a)
    first, second = axis_of(axis1, x.ndim), axis_of(axis2, x.ndim)
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return permuted(x, order)


def matrix_transpose(x: Any, /) -> Any:
    """Return np.matrix_transpose: the last two axes swapped."""
    return swapaxes(x, -1, -2)


def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Return np.moveaxis."""
    x = array(a)
    sources = [axis_of(axis, x.ndim) for axis in integers(source, "source")]
    targets = [axis_of(axis, x.ndim) for axis in integers(destination, "destination")]
    if len(sources) != len(targets) or len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
        raise shape_error(
            f"np.moveaxis cannot move axes {source} to {destination}: give as many places as axes, each once."
        )
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for place, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(place, axis)
    return permuted(x, order)


def squeeze(a: Any, axis: Any = None) -> Any:
    """Return np.squeeze: axes of length 1 left out."""
    x = array(a)
    axes = axes_of(axis, x.ndim) if axis is not None else tuple(k for k, n in enumerate(x.shape) if n == 1)
    if any(x.shape[k] != 1 for k in axes):
        raise shape_error(
            f"np.squeeze can leave out axes of length 1 only, not axis {axis} of shape {x.shape}."
        )
    return reshaped(x, (n for k, n in enumerate(x.shape) if k not in axes))


def expand_dims(a: Any, axis: Any) -> Any:
    """Return np.expand_dims: new axes of length 1 at the given places of the result."""
    x = array(a)
    given = integers(axis, "axis")
    places = axes_of(given, x.ndim + len(given))
    lengths = iter(x.shape)
    return reshaped(x, [1 if k in places else next(lengths) for k in range(x.ndim + len(given))])


def broadcast_to(a: Any, shape: Any, subok: bool = False) -> Any:
    """Return np.broadcast_to."""
    x, target = array(a), integers(shape, "a length of the shape")
    return x if x.shape == target else apply("broadcast_to", x, shape=target)


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """Return np.broadcast_arrays."""
    parts = [array(x) for x in args]
    try:
        shape = np.broadcast_shapes(*(part.shape for part in parts))
    except ValueError as error:
        raise shape_error(f"{error}.") from None
    return tuple(broadcast_to(part, shape) for part in parts)


def atleast_1d(*arys: Any) -> Any:
    """Return np.atleast_1d."""
    return _each(arys, lambda x: reshaped(x, x.shape or (1,)))


def atleast_2d(*arys: Any) -> Any:
    """Return np.atleast_2d: vectors become rows."""
    return _each(arys, lambda x: reshaped(x, (1,) * (2 - x.ndim) + x.shape))


def _each(given: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    results = tuple(change(array(x)) for x in given)
    return results[0] if len(results) == 1 else results


def shape(a: Any) -> tuple[int, ...]:
    """Return np.shape."""
    return array(a).shape  # type: ignore[no-any-return]


def ndim(a: Any) -> int:
    """Return np.ndim."""
    return len(shape(a))


def size(a: Any, axis: Any = None) -> int:
    """Return np.size."""
    lengths = shape(a)
    return size_of(tuple(lengths[k] for k in axes_of(axis, len(lengths))))


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.reshape: reshape,
    np.ravel: ravel,
    np.transpose: transpose,
    np.permute_dims: transpose,
    np.swapaxes: swapaxes,
    np.matrix_transpose: matrix_transpose,
    np.linalg.matrix_transpose: matrix_transpose,
    np.moveaxis: moveaxis,
    np.squeeze: squeeze,
    np.expand_dims: expand_dims,
    np.broadcast_to: broadcast_to,
    np.broadcast_arrays: broadcast_arrays,
    np.atleast_1d: atleast_1d,
    np.atleast_2d: atleast_2d,
    np.shape: shape,
    np.ndim: ndim,
    np.size: size,
}
