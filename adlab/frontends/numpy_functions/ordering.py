"""Sorting, and what is read off a sorted array: medians and quantiles.

The order is found again at every evaluation, so the derivative is that of the order at the point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.algebra.traced import Traced, trace_error
from adlab.frontends.numpy_functions.support import (
    apply,
    axes_of,
    axis_of,
    flat,
    integers,
    permuted,
    real,
    reshaped,
    shape_error,
    size_of,
    take,
    without,
)


def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Return np.sort; elements that tie keep their order."""
    without("np.sort", order=order)
    x = real(a)
    if axis is None:
        x, axis = flat(x), 0
    return apply("sort", x, axis=axis_of(axis, x.ndim))


def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:
    """Return np.partition: the whole axis sorted, which is a partition about every place."""
    without("np.partition", order=order)
    x = real(a)
    length = size_of(x.shape) if axis is None else x.shape[axis_of(axis, x.ndim)]
    if any(not -length <= k < length for k in integers(kth, "kth")):
        raise shape_error(f"np.partition has no element {kth} on an axis of length {length}.")
    return sort(x, axis)


def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Return np.quantile at static levels, linear between neighbours in the order."""
    without("np.quantile", out=out, weights=weights, overwrite_input=overwrite_input or None)
    if isinstance(q, Traced) or method != "linear":
        raise trace_error(
            "np.quantile takes levels known while tracing and method='linear'", "give q as plain numbers"
        )
    levels = np.asarray(q, float)
    if np.any(levels < 0) or np.any(levels > 1):
        raise shape_error("the levels of quantiles are between 0 and 1 (of percentiles between 0 and 100).")
    x = real(a)
    axes = axes_of(axis, x.ndim)
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    count = size_of(tuple(x.shape[k] for k in axes))
    if count == 0:
        raise shape_error("a quantile of no elements does not exist.")
    rest = tuple(x.shape[k] for k in kept)
    ordered = apply("sort", reshaped(permuted(x, (*axes, *kept)), (count, *rest)), axis=0)
    result = _between(ordered, levels * (count - 1), count)
    if keepdims is True:
        result = reshaped(result, (*levels.shape, *(1 if k in axes else n for k, n in enumerate(x.shape))))
    return result


def _between(ordered: Any, places: Any, count: int) -> Any:
    """Return the values at fractional places of a sorted first axis."""
    below = np.minimum(np.floor(places).astype(int), count - 1)
    above = np.minimum(below + 1, count - 1)
    share = (places - below).reshape(places.shape + (1,) * (ordered.ndim - 1)).astype(ordered.dtype)
    low, high = take(ordered, below[()]), take(ordered, above[()])
    return apply("add", low, apply("multiply", apply("subtract", high, low), share[()]))


def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Return np.percentile at static levels."""
    levels = q if isinstance(q, Traced) else np.true_divide(q, 100)
    return quantile(a, levels, axis, out, overwrite_input, method, keepdims, weights=weights)


def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """Return np.median: the middle of the order, or the mean of the two middle ones."""
    without("np.median", out=out)
    return quantile(a, 0.5, axis, keepdims=keepdims)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.sort: sort,
    np.partition: partition,
    np.quantile: quantile,
    np.percentile: percentile,
    np.median: median,
}
