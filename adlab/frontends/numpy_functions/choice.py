"""Choosing, bounding, rounding, combining truth values, and arrays shaped like another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.algebra.traced import Traced, logical, trace_error
from adlab.frontends.numpy_functions.shapes import broadcast_to
from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    in_dtype,
    integer,
    integers,
    real,
    shape_error,
    without,
)
from adlab.ir.types import BOOL


def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """Return np.where of three arguments: ``x`` where the condition holds, ``y`` elsewhere."""
    if x is None or y is None:
        raise trace_error(
            "np.where with one argument gives places that depend on a traced value",
            "use np.where(condition, x, y) with three arguments, which keeps the shape",
        )
    if _is_truth(x) and _is_truth(y):
        c = _truth(condition)
        return apply(
            "logical_or", apply("logical_and", c, x), apply("logical_and", apply("logical_not", c), y)
        )
    return apply("where", _truth(condition), x, y)


def _is_truth(x: Any) -> bool:
    return isinstance(x, bool) or getattr(x, "dtype", None) == BOOL


def _truth(condition: Any) -> Any:
    c = array(condition)
    return c if c.dtype == BOOL else apply("not_equal", c, 0.0)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Return np.select: the first choice whose condition holds."""
    conditions, choices = list(condlist), list(choicelist)
    if len(conditions) != len(choices) or not conditions:
        raise shape_error(
            f"np.select has {len(conditions)} conditions for {len(choices)} choices; give as many."
        )
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(condition, choice, result)
    return result


def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    """Return np.clip; a bound that is None does not bound."""
    without("np.clip", out=out)
    low = a_min if _given(a_min) else min
    high = a_max if _given(a_max) else max
    x = real(a)
    if _given(low) and _given(high):
        return apply("clip", x, low, high)
    if _given(low):
        return apply("maximum", x, low)
    return apply("minimum", x, high) if _given(high) else x


def _given(bound: Any) -> bool:
    return bound is not None and bound is not np._NoValue


def round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """Return np.round to ``decimals`` places, scaled by a power of ten as NumPy does."""
    without("np.round", out=out)
    x, places = real(a), integer(decimals, "decimals")
    if places == 0:
        return apply("round", x)
    scale = 10.0 ** abs(places)
    if places > 0:
        return apply("divide", apply("round", apply("multiply", x, scale)), scale)
    return apply("multiply", apply("round", apply("divide", x, scale)), scale)


def trunc(x: Any, /) -> Any:
    """Return np.trunc: rounded towards zero."""
    x = array(x)
    return apply("where", apply("less", x, 0.0), apply("ceil", x), apply("floor", x))


def fix(x: Any, out: Any = None) -> Any:
    """Return np.fix, another name of np.trunc."""
    without("np.fix", out=out)
    return trunc(x)


def heaviside(x: Any, at_zero: Any, /) -> Any:
    """Return np.heaviside: 0 below zero, 1 above, ``at_zero`` at it; NaN stays NaN."""
    x = real(x)
    above = apply("where", apply("greater", x, 0.0), 1.0, x)
    return apply("where", apply("less", x, 0.0), 0.0, apply("where", apply("equal", x, 0.0), at_zero, above))


# ---------------------------------------------------------------------------------------------------- ufuncs


def positive(x: Any, /) -> Any:
    """Return np.positive: the value itself."""
    return x


def float_power(x: Any, p: Any, /) -> Any:
    """Return np.float_power: a power computed in float64."""
    return apply("power", in_dtype(real(x), "float64"), in_dtype(real(p), "float64"))


def deg2rad(x: Any, /) -> Any:
    """Return np.deg2rad."""
    return apply("multiply", real(x), math.pi / 180.0)


def rad2deg(x: Any, /) -> Any:
    """Return np.rad2deg."""
    return apply("multiply", real(x), 180.0 / math.pi)


def bitwise_and(a: Any, b: Any, /) -> Any:
    """Return ``a & b`` of truth values."""
    return logical("logical_and", a, b)


def bitwise_or(a: Any, b: Any, /) -> Any:
    """Return ``a | b`` of truth values."""
    return logical("logical_or", a, b)


def bitwise_xor(a: Any, b: Any, /) -> Any:
    """Return ``a ^ b`` of truth values."""
    return logical("not_equal", a, b)


def invert(a: Any, /) -> Any:
    """Return ``~a`` of truth values."""
    return logical("logical_not", a)


def logical_xor(a: Any, b: Any, /) -> Any:
    """Return np.logical_xor: whether one holds and the other does not."""
    return apply("not_equal", _truth(a), _truth(b))


# ---------------------------------------------------------------------------------------- arrays like another


def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """Return np.full_like: a plain array, unless the value that fills it is traced."""
    x = array(a)
    target = x.shape if shape is None else integers(shape, "a length of the shape")
    if isinstance(fill_value, Traced):
        return broadcast_to(in_dtype(real(fill_value), dtype if dtype is not None else x.dtype), target)
    return np.full(target, fill_value, dtype=dtype if dtype is not None else x.dtype)


def zeros_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Return np.zeros_like, a plain array; np.empty_like too, so that no graph holds what memory held."""
    return full_like(a, 0, dtype, shape=shape)


def ones_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Return np.ones_like, a plain array."""
    return full_like(a, 1, dtype, shape=shape)


def real_part(val: Any) -> Any:
    """Return np.real: traced values are real."""
    return array(val)


def imaginary_part(val: Any) -> Any:
    """Return np.imag: zeros, as traced values are real."""
    return zeros_like(val)


def is_real(x: Any) -> bool:
    """Return np.isrealobj: traced values are real."""
    return True


def is_complex(x: Any) -> bool:
    """Return np.iscomplexobj: traced values are real."""
    return False


def result_type(*arrays_and_dtypes: Any) -> Any:
    """Return np.result_type, each traced value standing for its dtype."""
    return np.result_type(*(x.dtype if isinstance(x, Traced) else x for x in arrays_and_dtypes))


def copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    """Return np.copy."""
    return array(a).copy()


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.where: where,
    np.select: select,
    np.clip: clip,
    np.round: round,
    np.around: round,
    np.fix: fix,
    (np.trunc, "__call__"): trunc,
    (np.heaviside, "__call__"): heaviside,
    (np.positive, "__call__"): positive,
    (np.conjugate, "__call__"): positive,
    (np.float_power, "__call__"): float_power,
    (np.deg2rad, "__call__"): deg2rad,
    (np.radians, "__call__"): deg2rad,
    (np.rad2deg, "__call__"): rad2deg,
    (np.degrees, "__call__"): rad2deg,
    (np.bitwise_and, "__call__"): bitwise_and,
    (np.bitwise_or, "__call__"): bitwise_or,
    (np.bitwise_xor, "__call__"): bitwise_xor,
    (np.invert, "__call__"): invert,
    (np.logical_xor, "__call__"): logical_xor,
    np.zeros_like: zeros_like,
    np.empty_like: zeros_like,
    np.ones_like: ones_like,
    np.full_like: full_like,
    np.real: real_part,
    np.imag: imaginary_part,
    np.isrealobj: is_real,
    np.iscomplexobj: is_complex,
    np.result_type: result_type,
    np.copy: copy,
}
