"""What is not a number: asking for it, replacing it, and reductions that pass over it.

A test for NaN is a comparison of a value with itself, so it follows the value at every evaluation. Nothing flows
through an element that is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.frontends.numpy_functions import reductions
from adlab.frontends.numpy_functions.support import apply, array, axes_of, operand, real, without


def isnan(x: Any, /) -> Any:
    """Return np.isnan: whether an element differs from itself."""
    x = operand(x)
    return apply("not_equal", x, x)


def isinf(x: Any, /) -> Any:
    """Return np.isinf."""
    return apply("equal", apply("absolute", real(x)), np.inf)


def isfinite(x: Any, /) -> Any:
    """Return np.isfinite."""
    return apply("less", apply("absolute", real(x)), np.inf)


def signbit(x: Any, /) -> Any:
    """Return np.signbit, of −0.0 too; False for NaN."""
    x = operand(x)
    zero = apply("equal", x, 0.0)
    return apply("less", apply("where", zero, apply("reciprocal", x), x), 0.0)


def copysign(x: Any, sign: Any, /) -> Any:
    """Return np.copysign: the size of one operand with the sign of the other."""
    size = apply("absolute", operand(x))
    return apply("where", signbit(sign), apply("negative", size), size)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Return np.nan_to_num; its derivative is 0 where an element is replaced."""
    x = real(x)
    most = float(np.finfo(x.dtype).max)
    x = apply("where", isnan(x), nan, x)
    x = apply("where", apply("equal", x, np.inf), most if posinf is None else posinf, x)
    return apply("where", apply("equal", x, -np.inf), -most if neginf is None else neginf, x)


def fmax(a: Any, b: Any, /) -> Any:
    """Return np.fmax: the larger of two, passing over NaN."""
    return _passing("maximum", a, b)


def fmin(a: Any, b: Any, /) -> Any:
    """Return np.fmin: the smaller of two, passing over NaN."""
    return _passing("minimum", a, b)


def _passing(row: str, a: Any, b: Any) -> Any:
    a, b = operand(a), operand(b)
    return apply("where", isnan(a), b, apply("where", isnan(b), a, apply(row, a, b)))


# -------------------------------------------------------------------------------------------------- reductions


def _filled(a: Any, value: float) -> tuple[Any, Any]:
    """Return the array with NaN replaced, and where it was not NaN as 1 and 0."""
    x = real(a)
    bad = isnan(x)
    return apply("where", bad, value, x), apply("where", bad, x.dtype.type(0), x.dtype.type(1))


def _counted(present: Any, axis: Any, keepdims: Any) -> Any:
    return reductions.sum(present, axis, keepdims=keepdims)


def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Return np.nansum."""
    without("np.nansum", out=out)
    return reductions.sum(_filled(a, 0.0)[0], axis, dtype, keepdims=keepdims)


def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Return np.nanprod."""
    without("np.nanprod", out=out)
    return reductions.prod(_filled(a, 1.0)[0], axis, dtype, keepdims=keepdims)


def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return np.nancumsum."""
    return reductions.cumsum(_filled(a, 0.0)[0], axis, dtype, out)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return np.nancumprod."""
    return reductions.cumprod(_filled(a, 1.0)[0], axis, dtype, out)


def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Return np.nanmean; NaN where there is no number."""
    without("np.nanmean", out=out)
    x, present = _filled(a, 0.0)
    total = reductions.sum(x, axis, dtype, keepdims=keepdims)
    return apply("divide", total, _counted(present, axis, keepdims))


def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    """Return np.nanvar."""
    without("np.nanvar", out=out)
    distances, count = _distances(a, axis, dtype)
    total = reductions.sum(apply("square", distances), axis, keepdims=keepdims)
    return apply("divide", total, apply("subtract", _counted(count, axis, keepdims), ddof))


def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    """Return np.nanstd; its derivative is 0 where it is 0."""
    without("np.nanstd", out=out)
    distances, count = _distances(a, axis, dtype)
    size = reductions.reduce("norm", distances, axes_of(axis, distances.ndim), keepdims)
    degrees = apply("subtract", _counted(count, axis, keepdims), ddof)
    return apply("divide", size, apply("sqrt", degrees))


def _distances(a: Any, axis: Any, dtype: Any) -> tuple[Any, Any]:
    """Return the distances from the mean, 0 for what is not a number, and where there is one."""
    x = array(a)
    centre = nanmean(x, axis, dtype, keepdims=True)
    filled, present = _filled(x, 0.0)
    away = apply("where", isnan(x), 0.0, apply("subtract", filled, centre))
    return away, present


def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None
) -> Any:
    """Return np.nanmax; NaN where there is no number."""
    without("np.nanmax", out=out, initial=initial, where=where)
    return _extreme(reductions.max, -np.inf, a, axis, keepdims)


def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None
) -> Any:
    """Return np.nanmin; NaN where there is no number."""
    without("np.nanmin", out=out, initial=initial, where=where)
    return _extreme(reductions.min, np.inf, a, axis, keepdims)


def _extreme(reduce: Callable[..., Any], least: float, a: Any, axis: Any, keepdims: Any) -> Any:
    x, present = _filled(a, least)
    none = apply("equal", _counted(present, axis, keepdims), 0.0)
    return apply("where", none, np.nan, reduce(x, axis, keepdims=keepdims))


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    (np.isnan, "__call__"): isnan,
    (np.isinf, "__call__"): isinf,
    (np.isfinite, "__call__"): isfinite,
    (np.signbit, "__call__"): signbit,
    (np.copysign, "__call__"): copysign,
    (np.fmax, "__call__"): fmax,
    (np.fmin, "__call__"): fmin,
    np.nan_to_num: nan_to_num,
    np.nansum: nansum,
    np.nanprod: nanprod,
    np.nancumsum: nancumsum,
    np.nancumprod: nancumprod,
    np.nanmean: nanmean,
    np.nanvar: nanvar,
    np.nanstd: nanstd,
    np.nanmax: nanmax,
    np.nanmin: nanmin,
}
