"""Sums, means, extremes, products and norms over axes.

The axes of a reduction are written in one way, so that equal reductions are one node: None for all axes,
otherwise a sorted tuple of non-negative integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.algebra.traced import Traced, trace_error
from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    axes_of,
    axis_of,
    flat,
    in_dtype,
    integer,
    integers,
    join,
    permuted,
    real,
    shape_error,
    size_of,
    take,
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
    without("np.sum", out=out)
    total = reduce("sum", _chosen(in_dtype(real(a), dtype), where, 0), axis, keepdims)
    return total + initial if _given(initial) else total


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, where: Any = None
) -> Any:
    """Return np.mean."""
    without("np.mean", out=out)
    x = in_dtype(real(a), dtype)
    if not _given(where):
        return reduce("mean", x, axis, keepdims)
    chosen = _chosen(np.ones(x.shape, x.dtype), where, 0)
    return apply(
        "divide", reduce("sum", _chosen(x, where, 0), axis, keepdims), reduce("sum", chosen, axis, keepdims)
    )


def _chosen(x: Any, where: Any, otherwise: float) -> Any:
    """Return the array with its elements outside a mask replaced by what does not count."""
    if not _given(where):
        return x
    mask = where if isinstance(where, Traced) else np.asarray(where)
    if mask.dtype != BOOL:
        raise trace_error("where= is a mask of numbers", "give truth values, as in where=(x > 0)")
    return apply("where", mask, x, x.dtype.type(otherwise))


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
    without("np.prod", out=out)
    product = reduce("prod", _chosen(in_dtype(real(a), dtype), where, 1), axis, keepdims)
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
    without(name, out=out)
    x = array(a)
    if _given(where) and not _given(initial):
        raise trace_error(
            f"{name} was called with where= and no initial=, which is the answer where the mask leaves nothing",
            "give initial=, such as -np.inf for np.max",
        )
    result = real(x)
    if _given(where):
        result = _chosen(result, where, -np.inf if row == "max" else np.inf)
    result = reduce(row, result, axis, keepdims)
    if _given(initial):
        result = apply("maximum" if row == "max" else "minimum", result, initial)
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
    x, axes, distances = _distances("np.var", a, axis, dtype, mean, out=out, where=where)
    total = reduce("sum", apply("square", distances), axes, keepdims)
    return total / _degrees(x, axes, correction if _given(correction) else ddof)


def _distances(
    name: str, a: Any, axis: Any, dtype: Any, mean: Any, **unknown: Any
) -> tuple[Any, tuple[int, ...], Any]:
    """Return the array, the axes as positions, and the distances from the mean along them."""
    without(name, "select the elements first", **unknown)
    x = in_dtype(real(a), dtype)
    axes = axes_of(axis, x.ndim)
    centre = mean if _given(mean) else reduce("mean", x, axes, True)
    return x, axes, apply("subtract", x, centre)


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
    """Return np.std, the norm of the distances from the mean over √(n − ddof); 0 has the derivative 0."""
    x, axes, distances = _distances("np.std", a, axis, dtype, mean, out=out, where=where)
    size = _euclidean(distances, axes, keepdims)
    return size / math.sqrt(_degrees(x, axes, correction if _given(correction) else ddof))


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
    x, place = _along("np.cumsum", a, axis, dtype, out)
    return apply("cumsum", x, axis=place)


def _along(name: str, a: Any, axis: Any, dtype: Any, out: Any) -> tuple[Any, int]:
    """Return the array and the axis along which to accumulate; without an axis, all elements in a row."""
    without(name, out=out)
    x = in_dtype(real(a), dtype)
    return (flat(x), 0) if axis is None else (x, axis_of(axis, x.ndim))


def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return np.cumprod by doubling: log₂ n products of the array with itself shifted, exact where it is 0."""
    x, place = _along("np.cumprod", a, axis, dtype, out)
    shift, length = 1, x.shape[place]
    while shift < length:
        head, tail = take_along(x, place, slice(0, shift)), take_along(x, place, slice(shift, None))
        product = apply("multiply", tail, take_along(x, place, slice(0, length - shift)))
        x, shift = apply("concatenate", head, product, axis=place), 2 * shift
    return x


def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """Return np.cumulative_sum; ``include_initial`` puts the empty sum, 0, before all."""
    return _cumulative(cumsum, "np.cumulative_sum", x, axis, dtype, out, 0 if include_initial else None)


def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """Return np.cumulative_prod; ``include_initial`` puts the empty product, 1, before all."""
    return _cumulative(cumprod, "np.cumulative_prod", x, axis, dtype, out, 1 if include_initial else None)


def _cumulative(
    function: Callable[..., Any], name: str, x: Any, axis: Any, dtype: Any, out: Any, first: float | None
) -> Any:
    x = array(x)
    if axis is None and x.ndim != 1:
        raise shape_error(f"{name} of {x.ndim} axes needs to be told along which; give axis=.")
    place = 0 if axis is None else axis_of(axis, x.ndim)
    found = function(x, place, dtype, out)
    if first is None:
        return found
    start = np.full((*x.shape[:place], 1, *x.shape[place + 1 :]), first, found.dtype)
    return join("concatenate", [start, found], place)


def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return np.diff: neighbours subtracted, n times."""
    x = array(a)
    place = axis_of(axis, x.ndim)
    ends = [_end(prepend, x, place), [x], _end(append, x, place)]
    if ends[0] or ends[2]:
        x = join("concatenate", [part for parts in ends for part in parts], place)
    for _ in range(integer(n, "n")):
        x = take_along(x, place, slice(1, None)) - take_along(x, place, slice(None, -1))
    return x


def _end(value: Any, x: Any, axis: int) -> list[Any]:
    """Return what is put before or after ``x`` along an axis; a number stands for one layer of it."""
    if not _given(value):
        return []
    part = array(value)
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return [apply("broadcast_to", part, shape=shape) if part.ndim == 0 else part]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """Return np.linalg.norm in every order; where all elements are 0 the derivative is 0 by convention."""
    x = real(x)
    if ord is None:
        return _euclidean(x, axes_of(axis, x.ndim), keepdims)
    axes = tuple(range(x.ndim)) if axis is None else integers(axis, "axis")
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, _keep(keepdims))
    raise shape_error(f"a norm of order {ord!r} is over one axis or two, not over {len(axes)}; give axis=.")


def _euclidean(x: Any, axes: tuple[int, ...], keepdims: Any) -> Any:
    return apply("absolute", x) if not axes else reduce("norm", x, axes, keepdims)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    """Return np.linalg.vector_norm: (Σ|x|ᵖ)^(1/p), the largest or smallest size, or the number of non-zeros."""
    x = real(x)
    axes = axes_of(axis, x.ndim)
    if isinstance(ord, Traced) or np.ndim(ord) != 0 or isinstance(ord, str):
        raise trace_error(f"a norm of vectors has the order {ord!r}", "give a number known while tracing")
    if ord == 2:
        return _euclidean(x, axes, keepdims)
    if ord == 0:
        return sum(apply("cast", apply("not_equal", x, 0.0), dtype=x.dtype.name), axes, keepdims=keepdims)
    size = apply("absolute", x)
    if np.isinf(ord):
        return reduce("max" if ord > 0 else "min", size, axes, keepdims)
    if ord == 1:
        return reduce("sum", size, axes, keepdims)
    total = reduce("sum", apply("power", size, float(ord)), axes, keepdims)
    nothing = apply("equal", total, 0.0)
    root = apply("power", apply("where", nothing, 1.0, total), 1.0 / float(ord))
    return apply("where", nothing, 0.0, root)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return the norms of the matrices in two axes: sums of columns and rows, or of singular values."""
    first, second = (axis_of(axis, x.ndim) for axis in axes)
    if first == second:
        raise shape_error(f"a norm of matrices needs two different axes, not axis {first} twice.")
    if ord == "fro":
        return reduce("norm", x, (first, second), keepdims)
    matrices = permuted(x, (*(a for a in range(x.ndim) if a not in (first, second)), first, second))
    if ord in (1, -1, np.inf, -np.inf):
        summed = x.ndim - 2 if ord in (1, -1) else x.ndim - 1
        sums = reduce("sum", apply("absolute", matrices), (summed,), False)
        result = reduce("max" if ord > 0 else "min", sums, (x.ndim - 2,), False)
    elif ord in (2, -2, "nuc"):
        row = "sum" if ord == "nuc" else "max" if ord > 0 else "min"
        size = reduce(row, singular_values(matrices), (x.ndim - 2,), False)
        result = apply("where", apply("equal", size, 0.0), 0.0, size)  # the convention at 0
    else:
        raise trace_error(
            f"a norm of matrices has the order {ord!r}", "give 'fro', 'nuc', 1, -1, 2, -2, np.inf or -np.inf"
        )
    kept = tuple(1 if a in (first, second) else n for a, n in enumerate(x.shape))
    return apply("reshape", result, shape=kept) if keepdims else result


def singular_values(matrices: Any) -> Any:
    """Return the singular values of each matrix, descending."""
    rows = matrices.shape[-2]
    return take(apply("svd", matrices), ..., rows, slice(None))


def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    """Return np.linalg.matrix_norm of the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


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
    np.linalg.matrix_norm: matrix_norm,
    np.cumprod: cumprod,
    np.cumulative_sum: cumulative_sum,
    np.cumulative_prod: cumulative_prod,
    (np.multiply, "accumulate"): lambda a, axis=0, dtype=None, out=None: cumprod(a, axis, dtype, out),
    (np.add, "reduce"): _ufunc_reduce("add", sum),
    (np.multiply, "reduce"): _ufunc_reduce("multiply", prod),
    (np.maximum, "reduce"): _ufunc_reduce("maximum", max),
    (np.minimum, "reduce"): _ufunc_reduce("minimum", min),
    (np.logical_and, "reduce"): _ufunc_reduce("logical_and", all),
    (np.logical_or, "reduce"): _ufunc_reduce("logical_or", any),
    (np.add, "accumulate"): _accumulate,
}
