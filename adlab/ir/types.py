"""What is known of a value before it is computed: its shape and its dtype.

A scalar is rank 0. Numbers are float64 unless the user asks for float32; comparisons are bool. Integer data is promoted
when it enters a graph, so that no derivative is ever silently zero because an array held whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from adlab.errors import ShapeError

Shape = tuple[int, ...]

FLOAT64: np.dtype[Any] = np.dtype(np.float64)
FLOAT32: np.dtype[Any] = np.dtype(np.float32)
BOOL: np.dtype[Any] = np.dtype(np.bool_)


class Type(NamedTuple):
    """Shape and dtype of one value."""

    shape: Shape
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        size = "×".join(map(str, self.shape)) if self.shape else "scalar"
        return f"{self.dtype.name} {size}"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count


SCALAR = Type((), FLOAT64)


def type_of(value: Any) -> Type:
    """Return the type under which a number or array takes part in a graph."""
    array = np.asarray(value)
    return Type(array.shape, graph_dtype(array.dtype))


def graph_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the graph's dtype for NumPy's: float32 and bool stay, other real numbers become float64."""
    dtype = dtype.newbyteorder("=")
    if dtype in (FLOAT64, FLOAT32, BOOL):
        return dtype
    if dtype.kind in "iu" or dtype == np.float16:
        return FLOAT64
    raise ShapeError(
        f"A value of dtype {dtype} cannot enter a graph: adlab computes with real numbers (float64, float32, bool)."
    )


def broadcast_shapes(shapes: Sequence[Shape]) -> Shape:
    """Return NumPy's common shape, or raise ShapeError."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(shape) for shape in shapes)
        raise ShapeError(
            f"shapes {listed} do not broadcast together: lengths must be equal or 1, counted from the last axis."
        ) from None


def common_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the widest floating dtype among the operands; bool joins whatever it meets."""
    if FLOAT64 in dtypes:
        return FLOAT64
    if FLOAT32 in dtypes:
        return FLOAT32
    return FLOAT64


def normalise_axis(axis: int, ndim: int) -> int:
    """Return a non-negative axis, or raise ShapeError."""
    if not -ndim <= axis < ndim:
        raise ShapeError(f"axis {axis} does not exist in an array of {ndim} axes.")
    return axis % ndim if ndim else 0


def normalise_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return reduction axes as a sorted tuple of non-negative integers; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    axes = tuple(sorted(normalise_axis(int(a), ndim) for a in given))
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {axis} names one axis twice.")
    return axes


def reduced_shape(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """Return the shape left when ``axes`` are reduced."""
    if keepdims:
        return tuple(1 if a in axes else n for a, n in enumerate(shape))
    return tuple(n for a, n in enumerate(shape) if a not in axes)
