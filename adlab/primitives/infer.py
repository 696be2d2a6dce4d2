"""Types of results from types of operands, for the kinds of operation that the rows come in."""

from __future__ import annotations

from typing import Any

import numpy as np

from adlab.errors import ShapeError
from adlab.ir.types import (
    BOOL,
    Type,
    broadcast_shapes,
    common_dtype,
    normalise_axes,
    normalise_axis,
    reduced_shape,
)


def real(*types: Type) -> Type:
    """Return the broadcast shape and the common floating dtype."""
    first = types[0]
    if len(types) == 1:
        return first if first.dtype != BOOL else Type(first.shape, common_dtype(()))
    second = types[1]
    if len(types) == 2 and first.dtype is second.dtype and first.dtype != BOOL:
        if not second.shape or first.shape == second.shape:
            return first
        if not first.shape:
            return second
    shape = broadcast_shapes([type.shape for type in types])
    return Type(shape, common_dtype([type.dtype for type in types]))


def logical(*types: Type) -> Type:
    """Return the broadcast shape with dtype bool."""
    return Type(broadcast_shapes([type.shape for type in types]), BOOL)


def selected(condition: Type, first: Type, second: Type) -> Type:
    """Return the type of ``where``: all three broadcast, the dtype is that of the branches."""
    shape = broadcast_shapes([condition.shape, first.shape, second.shape])
    return Type(shape, common_dtype([first.dtype, second.dtype]))


def reduction(x: Type, axis: Any, keepdims: bool) -> Type:
    """Return the type left by reducing ``axis``."""
    shape = reduced_shape(x.shape, normalise_axes(axis, x.ndim), keepdims)
    return Type(shape, common_dtype([x.dtype]))


def selection(x: Type, axis: Any, keepdims: bool) -> Type:
    """Return the type of max and min, which have no value for an empty slice."""
    if any(x.shape[a] == 0 for a in normalise_axes(axis, x.ndim)):
        raise ShapeError("the largest or smallest element of an empty slice does not exist.")
    return reduction(x, axis, keepdims)


def along(x: Type, axis: int) -> Type:
    """Return the same type, once the axis is known to exist."""
    normalise_axis(axis, x.ndim)
    return Type(x.shape, common_dtype([x.dtype]))


def reshape(x: Type, shape: tuple[int, ...]) -> Type:
    """Return the new shape if it holds as many elements."""
    if int(np.prod(shape, dtype=np.int64)) != x.size:
        raise ShapeError(f"an array of shape {x.shape} cannot take the shape {shape}: {x.size} elements.")
    return Type(tuple(shape), x.dtype)


def transpose(x: Type, axes: tuple[int, ...]) -> Type:
    """Return the permuted shape."""
    if sorted(axes) != list(range(x.ndim)):
        raise ShapeError(f"axes {axes} are no permutation of the {x.ndim} axes of shape {x.shape}.")
    return Type(tuple(x.shape[a] for a in axes), x.dtype)


def broadcast_to(x: Type, shape: tuple[int, ...]) -> Type:
    """Return the larger shape if ``x`` broadcasts to it."""
    if broadcast_shapes([x.shape, shape]) != tuple(shape):
        raise ShapeError(f"an array of shape {x.shape} does not broadcast to {shape}.")
    return Type(tuple(shape), x.dtype)


def concatenate(*types: Type, axis: int) -> Type:
    """Return the joined type; all other axes must agree."""
    first = types[0]
    axis = normalise_axis(axis, first.ndim)
    rest = first.shape[:axis] + first.shape[axis + 1 :]
    for type in types:
        if type.ndim != first.ndim or type.shape[:axis] + type.shape[axis + 1 :] != rest:
            shapes = ", ".join(str(t.shape) for t in types)
            raise ShapeError(
                f"arrays of shapes {shapes} do not join along axis {axis}: other axes must agree."
            )
    length = sum(type.shape[axis] for type in types)
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    return Type(shape, common_dtype([type.dtype for type in types]))


def stack(*types: Type, axis: int) -> Type:
    """Return the type with a new axis; all shapes must be equal."""
    first = types[0]
    if any(type.shape != first.shape for type in types):
        shapes = ", ".join(str(type.shape) for type in types)
        raise ShapeError(f"arrays of shapes {shapes} do not stack: shapes must be equal.")
    axis = normalise_axis(axis, first.ndim + 1)
    shape = (*first.shape[:axis], len(types), *first.shape[axis:])
    return Type(shape, common_dtype([type.dtype for type in types]))


def matmul(a: Type, b: Type) -> Type:
    """Return the type of ``a @ b``, NumPy's rules for vectors and stacks included."""
    if not a.shape or not b.shape:
        raise ShapeError("@ takes arrays of at least one axis; write * for a product with a scalar.")
    which, length = ("last but one", b.shape[-2]) if b.ndim > 1 else ("only", b.shape[0])
    if a.shape[-1] != length:
        raise ShapeError(
            f"shapes {a.shape} and {b.shape} do not multiply: "
            f"the last axis of the first has {a.shape[-1]} elements, the {which} axis of the second {length}."
        )
    batch = broadcast_shapes([a.shape[:-2], b.shape[:-2]])
    rows = a.shape[-2:-1]
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return Type(batch + rows + columns, common_dtype([a.dtype, b.dtype]))


def outer(a: Type, b: Type) -> Type:
    """Return the type of all products of elements of two vectors."""
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"outer takes two vectors, not shapes {a.shape} and {b.shape}.")
    return Type(a.shape + b.shape, common_dtype([a.dtype, b.dtype]))
