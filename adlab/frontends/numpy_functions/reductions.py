"""Sums, means, extremes, products and norms over axes.

The axes of a reduction are written in one way, so that equal reductions are one node: None for all axes,
otherwise a sorted tuple of non-negative integers.
"""

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
    in_dtype,
    integer,
    real,
    size_of,
    take_along,
    without,
)
from adlab.ir.types import BOOL


def _given(value: Any) -> bool:
    return value is not None and value is not np._NoValue


def _keep(keepdims: Any) -> bool:
    return bool(keepdims) if _given(keepdims) else False


def reduce(name: str, x: Any, axis: Any, keepdims: Any) -> Any:
    """Return the reduction row ``name`` of ``x``; nothing is recorded where there is no axis to reduce."""
    axes = axes_of(axis, x.ndim)
    if not axes:
        return x
    return apply(name, x, axis=None if len(axes) == x.ndim else axes, keepdims=_keep(keepdims))


def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """Return np.sum."""
    without("np.sum", "write np.sum(np.where(mask, x, 0.0)) for a mask", out=out, where=where)
    total = reduce("sum", in_dtype(real(a), dtype), axis, keepdims)
    return total + initial if _given(initial) else total


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, where: Any = None
) -> Any:
    """Return np.mean."""
    without("np.mean", "write np.sum(np.where(mask, x, 0.0)) / count for a mask", out=out, where=where)
    return reduce("mean", in_dtype(real(a), dtype), axis, keepdims)


def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """Return np.prod."""
    without("np.prod", "write np.prod(np.where(mask, x, 1.0)) for a mask", out=out, where=where)
    product = reduce("prod", in_dtype(real(a), dtype), axis, keepdims)
    return product * initial if _given(initial) else product


def max(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None
) -> Any:
    """Return np.max; of truth values, whether one of them holds."""
    return _extreme("max", "np.max", a, axis, out, keepdims, initial, where)


def min(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None
) -> Any:
    """Return np.min; of truth values, whether all of them hold."""
    return _extreme("min", "np.min", a, axis, out, keepdims, initial, where)


def _extreme(
    row: str, name: str, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Any:
    without(
        name,
        "use np.where(mask, x, bound) and np.maximum or np.minimum",
        out=out,
        where=where,
        initial=initial,
    )
    x = array(a)
    result = reduce(row, real(x), axis, keepdims)
    return apply("not_equal", result, 0.0) if x.dtype == BOOL else result


def any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, where: Any = None) -> Any:
    """Return np.any: whether an element is not zero."""
    without("np.any", "use (condition & mask) for a mask", out=out, where=where)
    return max(_truth(a), axis, keepdims=keepdims)


def all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, where: Any = None) -> Any:
    """Return np.all: whether no element is zero."""
    without("np.all", "use (condition | ~mask) for a mask", out=out, where=where)
    return min(_truth(a), axis, keepdims=keepdims)


def count_nonzero(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Return np.count_nonzero, as a float."""
    return sum(_truth(a), axis, keepdims=keepdims)


def _truth(a: Any) -> Any:
    x = array(a)
    return x if x.dtype == BOOL else apply("not_equal", x, 0.0)


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Return np.ptp, the largest element minus the smallest."""
    without("np.ptp", out=out)
    x = array(a)
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = None,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Return np.var: the mean squared distance from the mean, with n − ddof for n."""
    without("np.var", "select the elements first", out=out, where=where)
    x = in_dtype(real(a), dtype)
    axes = axes_of(axis, x.ndim)
    centre = mean if _given(mean) else reduce("mean", x, axes, True)
    total = reduce("sum", apply("square", apply("subtract", x, centre)), axes, keepdims)
    return total / _degrees(x, axes, correction if _given(correction) else ddof)


def _degrees(x: Any, axes: tuple[int, ...], ddof: Any) -> float:
    left = size_of(tuple(x.shape[a] for a in axes)) - ddof
    if left <= 0:
        raise trace_error(
            f"a variance over {left + ddof} elements with ddof={ddof} does not exist", "use a smaller ddof"
        )
    return left  # type: ignore[no-any-return]


def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = None,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """Return np.std, the square root of np.var."""
    return apply(
        "sqrt", var(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """Return np.average; weights have the shape of ``a`` or of its one reduced axis."""
    without("np.average", returned=returned or None)
    x = real(a)
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    w = real(weights)
    if w.shape != x.shape:
        if w.ndim != 1 or axis is None or np.ndim(axis) != 0:
            raise trace_error(
                f"np.average has weights of shape {w.shape}", f"give them the shape of the array, {x.shape}"
            )
        place = axis_of(axis, x.ndim)
        w = apply("reshape", w, shape=tuple(w.shape[0] if a == place else 1 for a in range(x.ndim)))
    total = sum(apply("broadcast_to", w, shape=x.shape) if w.shape != x.shape else w, axis, keepdims=keepdims)
    return sum(apply("multiply", x, w), axis, keepdims=keepdims) / total


def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return np.cumsum; without an axis, of all elements in a row."""
    without("np.cumsum", out=out)
    x = in_dtype(real(a), dtype)
    if axis is None:
        x, axis = flat(x), 0
    return apply("cumsum", x, axis=axis_of(axis, x.ndim))


def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return np.diff: neighbours subtracted, n times."""
    without("np.diff", "join the values with np.concatenate first", prepend=prepend, append=append)
    x = array(a)
    place = axis_of(axis, x.ndim)
    for _ in range(integer(n, "n")):
        x = take_along(x, place, slice(1, None)) - take_along(x, place, slice(None, -1))
    return x


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """Return np.linalg.norm as √Σx²: the 2-norm of vectors, the Frobenius norm of matrices."""
    x = real(x)
    axes = axes_of(axis, x.ndim)
    euclidean = (
        ord is None
        or (ord == 2 and len(axes) == 1)
        or (isinstance(ord, str) and ord == "fro" and len(axes) == 2)
    )
    if not euclidean:
        raise trace_error(
            f"np.linalg.norm with ord={ord!r} over {len(axes)} axes has no rule in adlab",
            "use the default order (√Σx²), or write np.sum(np.abs(x)), np.max(np.abs(x)) or the like",
        )
    return apply("sqrt", reduce("sum", apply("square", x), axes, keepdims))


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    """Return np.linalg.vector_norm of order 2."""
    if ord != 2:
        raise trace_error(
            f"np.linalg.vector_norm with ord={ord!r} has no rule in adlab",
            "write np.sum(np.abs(x)) or the like",
        )
    return norm(x, None, axis, keepdims)


def _ufunc_reduce(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``ufunc.reduce`` in terms of ``function``; its axis is 0 unless told otherwise."""

    def reduce_by(
        a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, **options: Any
    ) -> Any:
        without(f"np.{name}.reduce", dtype=dtype, out=out, **options)
        x = array(a)
        if x.dtype == BOOL and name == "add":
            raise trace_error(
                "np.add.reduce of truth values means logical or in NumPy", "use np.any(x) or np.sum(x)"
            )
        return function(x, axis=axis, keepdims=keepdims)

    return reduce_by


def _accumulate(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    return cumsum(a, axis, dtype, out)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sum: sum,
    np.mean: mean,
    np.prod: prod,
    np.max: max,
    np.amax: max,
    np.min: min,
    np.amin: min,
    np.any: any,
    np.all: all,
    np.count_nonzero: count_nonzero,
    np.ptp: ptp,
    np.var: var,
    np.std: std,
    np.average: average,
    np.cumsum: cumsum,
    np.diff: diff,
    np.linalg.norm: norm,
    np.linalg.vector_norm: vector_norm,
    (np.add, "reduce"): _ufunc_reduce("add", sum),
    (np.multiply, "reduce"): _ufunc_reduce("multiply", prod),
    (np.maximum, "reduce"): _ufunc_reduce("maximum", max),
    (np.minimum, "reduce"): _ufunc_reduce("minimum", min),
    (np.logical_and, "reduce"): _ufunc_reduce("logical_and", all),
    (np.logical_or, "reduce"): _ufunc_reduce("logical_or", any),
    (np.add, "accumulate"): _accumulate,
}
