"""Products of arrays and the diagonals of matrices.

Two rows do the work: ``matmul`` (vectors, matrices, stacks of matrices) and ``outer``. Contractions of more
axes are matrix products between a permutation and a reshape, as in NumPy itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    axis_of,
    flat,
    integer,
    integers,
    permuted,
    real,
    reshaped,
    shape_error,
    size_of,
    take,
    without,
)
from adlab.ir.index import normalise_index
from adlab.ir.types import BOOL


def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Return np.dot: scalars multiply, vectors and matrices go to ``@``, further axes are contracted."""
    without("np.dot", out=out)
    a, b = array(a), array(b)
    if a.ndim == 0 or b.ndim == 0:
        return apply("multiply", a, b)
    if b.ndim <= 2 and (a.ndim <= 2 or b.ndim == 1):
        return apply("matmul", a, b)
    return tensordot(a, b, axes=(-1, -2))


def matmul(x1: Any, x2: Any, /) -> Any:
    """Return ``x1 @ x2``."""
    return apply("matmul", array(x1), array(x2))


def inner(a: Any, b: Any, /) -> Any:
    """Return np.inner: the last axes contracted."""
    a, b = array(a), array(b)
    if a.ndim == 0 or b.ndim == 0:
        return apply("multiply", a, b)
    if a.ndim == b.ndim == 1:
        return apply("matmul", a, b)
    return tensordot(a, b, axes=(-1, -1))


def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Return np.outer of all elements."""
    without("np.outer", out=out)
    return apply("outer", flat(a), flat(b))


def vdot(a: Any, b: Any, /) -> Any:
    """Return np.vdot of all elements."""
    return apply("matmul", flat(a), flat(b))


def vecdot(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    """Return np.vecdot: products summed over one axis."""
    product = apply("multiply", array(x1), array(x2))
    place = axis_of(axis, product.ndim)
    return apply("sum", product, axis=None if product.ndim == 1 else (place,), keepdims=False)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Return np.tensordot: pairs of axes contracted."""
    a, b = array(a), array(b)
    left, right = _pairs(axes, a.ndim, b.ndim)
    if any(a.shape[i] != b.shape[j] for i, j in zip(left, right, strict=True)):
        raise shape_error(f"axes {left} of shape {a.shape} and {right} of shape {b.shape} differ in length.")
    kept_a = tuple(k for k in range(a.ndim) if k not in left)
    kept_b = tuple(k for k in range(b.ndim) if k not in right)
    rows, columns = tuple(a.shape[k] for k in kept_a), tuple(b.shape[k] for k in kept_b)
    summed = size_of(tuple(a.shape[k] for k in left))
    matrix_a = reshaped(permuted(a, kept_a + left), (size_of(rows), summed))
    matrix_b = reshaped(permuted(b, right + kept_b), (summed, size_of(columns)))
    return reshaped(apply("matmul", matrix_a, matrix_b), rows + columns)


def _pairs(axes: Any, ndim_a: int, ndim_b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not isinstance(axes, (tuple, list)):
        count = integer(axes, "axes")
        if not 0 <= count <= min(ndim_a, ndim_b):
            raise shape_error(
                f"{count} axes cannot be contracted between arrays of {ndim_a} and {ndim_b} axes."
            )
        given: tuple[Any, Any] = (tuple(range(ndim_a - count, ndim_a)), tuple(range(count)))
    else:
        given = tuple(axes)
    left = tuple(axis_of(axis, ndim_a) for axis in integers(given[0], "axes"))
    right = tuple(axis_of(axis, ndim_b) for axis in integers(given[1], "axes"))
    if len(left) != len(right):
        raise shape_error(
            f"np.tensordot pairs axes: {len(left)} of the first do not fit {len(right)} of the second."
        )
    return left, right


# -------------------------------------------------------------------------------------------------- diagonals


def _diagonal_places(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    steps = np.arange(count)
    return steps + max(-offset, 0), steps + max(offset, 0)


def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """Return np.diagonal: the diagonal of two axes, as the last axis."""
    x = array(a)
    if x.ndim < 2:
        raise shape_error(f"a diagonal needs two axes, and shape {x.shape} has {x.ndim}.")
    first, second = axis_of(axis1, x.ndim), axis_of(axis2, x.ndim)
    if first == second:
        raise shape_error(f"a diagonal needs two different axes, not axis {first} twice.")
    x = permuted(x, (*(k for k in range(x.ndim) if k not in (first, second)), first, second))
    return take(x, ..., *_diagonal_places(x.shape[-2], x.shape[-1], integer(offset, "offset")))


def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    """Return np.trace: the sum of a diagonal."""
    without("np.trace", dtype=dtype, out=out)
    line = diagonal(real(a), offset, axis1, axis2)
    return apply("sum", line, axis=None if line.ndim == 1 else (line.ndim - 1,), keepdims=False)


def diag(v: Any, k: Any = 0) -> Any:
    """Return np.diag: the diagonal of a matrix, or the matrix with a vector as its diagonal."""
    x, offset = array(v), integer(k, "k")
    if x.ndim == 2:
        return diagonal(x, offset)
    if x.ndim != 1:
        raise shape_error(f"np.diag takes a vector or a matrix, not an array of shape {x.shape}.")
    length = x.shape[0] + abs(offset)
    index = normalise_index(_diagonal_places(length, length, offset), (length, length))
    return apply("index_add", x, index=index, shape=(length, length))


def diagflat(v: Any, k: Any = 0) -> Any:
    """Return np.diagflat."""
    return diag(flat(v), k)


def tril(m: Any, k: Any = 0) -> Any:
    """Return np.tril: the lower triangle, zeros elsewhere."""
    x, offset = _with_two_axes(m), integer(k, "k")
    return _masked(np.tri(x.shape[-2], x.shape[-1], k=offset, dtype=bool), x)


def triu(m: Any, k: Any = 0) -> Any:
    """Return np.triu: the upper triangle, zeros elsewhere."""
    x, offset = _with_two_axes(m), integer(k, "k")
    return _masked(~np.tri(x.shape[-2], x.shape[-1], k=offset - 1, dtype=bool), x)


def _masked(mask: Any, x: Any) -> Any:
    return apply("logical_and", mask, x) if x.dtype == BOOL else apply("where", mask, x, 0.0)


def _with_two_axes(m: Any) -> Any:
    x = array(m)
    if x.ndim == 0:
        raise shape_error("a scalar has no triangle.")
    return apply("broadcast_to", x, shape=(x.shape[0], x.shape[0])) if x.ndim == 1 else x


def matvec(x1: Any, x2: Any, /) -> Any:
    """Return np.matvec: matrices times vectors, in stacks."""
    return take(apply("matmul", array(x1), _column(array(x2))), ..., 0)


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Return np.vecmat: vectors times matrices, in stacks."""
    x = array(x1)
    return take(
        apply("matmul", reshaped(x, (*x.shape[:-1], 1, *x.shape[-1:])), array(x2)), ..., 0, slice(None)
    )


def _column(x: Any) -> Any:
    return reshaped(x, (*x.shape, 1))


def linalg_diagonal(x: Any, /, *, offset: Any = 0) -> Any:
    """Return np.linalg.diagonal, of the last two axes."""
    return diagonal(x, offset, -2, -1)


def linalg_trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    """Return np.linalg.trace, of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """Return np.linalg.outer of two vectors."""
    a, b = array(x1), array(x2)
    if a.ndim != 1 or b.ndim != 1:
        raise shape_error(
            f"np.linalg.outer takes two vectors, not shapes {a.shape} and {b.shape}; use np.outer."
        )
    return outer(a, b)


def _all_pairs(row: str) -> Callable[..., Any]:
    """Return ``ufunc.outer``: the row applied to every element of one array with every element of another."""

    def pairs(a: Any, b: Any, /) -> Any:
        left, right = real(a), real(b)
        return apply(row, reshaped(left, (*left.shape, *(1,) * right.ndim)), right)

    return pairs


OUTER = (
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.hypot, np.logaddexp, np.arctan2,
)  # fmt: skip
"""Ufuncs of two operands whose ``outer`` is their row on broadcast operands."""


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.dot: dot,
    np.inner: inner,
    np.outer: outer,
    np.vdot: vdot,
    np.tensordot: tensordot,
    (np.vecdot, "__call__"): vecdot,
    (np.matvec, "__call__"): matvec,
    (np.vecmat, "__call__"): vecmat,
    np.linalg.diagonal: linalg_diagonal,
    np.linalg.trace: linalg_trace,
    np.linalg.outer: linalg_outer,
    np.linalg.tensordot: lambda x1, x2, /, *, axes=2: tensordot(x1, x2, axes),
    np.linalg.vecdot: vecdot,
    **{(ufunc, "outer"): _all_pairs(ufunc.__name__) for ufunc in OUTER},
    np.diagonal: diagonal,
    np.trace: trace,
    np.diag: diag,
    np.diagflat: diagflat,
    np.tril: tril,
    np.triu: triu,
}
