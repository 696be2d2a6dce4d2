"""Special functions by the names SciPy and NumPy have for them, where the rule table has another row.

SciPy's ufuncs are found by name, so that SciPy itself is not imported for them. The orders of Bessel functions
and the shapes of incomplete functions are held fixed: differentiating by them is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.frontends.numpy_functions.missing import isnan
from adlab.frontends.numpy_functions.support import apply, operand, real


def log_expit(x: Any, /) -> Any:
    """Return the logarithm of the sigmoid, −softplus(−x)."""
    return apply("negative", apply("softplus", apply("negative", real(x))))


def loggamma(x: Any, /) -> Any:
    """Return SciPy's loggamma: ln Γ(x) for x > 0, NaN below 0, where it is complex."""
    x = real(x)
    below = apply("less", x, 0.0)
    return apply("where", below, np.nan, apply("gammaln", apply("where", below, 1.0, x)))


def entr(x: Any, /) -> Any:
    """Return −x·ln x, 0 at 0 and −∞ below."""
    x = real(x)
    below = apply("less", x, 0.0)
    inside = apply("where", below, 1.0, x)
    return apply("where", below, -np.inf, apply("negative", apply("xlogy", inside, inside)))


def rel_entr(x: Any, y: Any, /) -> Any:
    """Return x·ln(x/y) for x ≥ 0 and y > 0, 0 at x = y = 0, ∞ elsewhere."""
    x, y = operand(x), operand(y)
    inside = apply("logical_and", apply("greater_equal", x, 0.0), apply("greater", y, 0.0))
    both = apply("logical_and", apply("equal", x, 0.0), apply("equal", y, 0.0))
    top, bottom = apply("where", inside, x, 1.0), apply("where", inside, y, 1.0)
    value = apply("xlogy", top, apply("divide", top, bottom))
    outside = apply("where", both, 0.0, apply("where", _unknown(x, y), np.nan, np.inf))
    return apply("where", inside, value, outside)


def _unknown(x: Any, y: Any) -> Any:
    return apply("logical_or", isnan(x), isnan(y))


def kl_div(x: Any, y: Any, /) -> Any:
    """Return x·ln(x/y) − x + y for x ≥ 0 and y > 0, 0 at x = y = 0, ∞ elsewhere."""
    value = rel_entr(x, y)
    return apply("add", apply("subtract", value, operand(x)), operand(y))


def _of_order(row: str, order: float) -> Callable[..., Any]:
    def function(x: Any, /) -> Any:
        return apply(row, order, real(x))

    return function


def _renamed(row: str) -> Callable[..., Any]:
    def function(n: Any, x: Any, /) -> Any:
        return apply(row, operand(n), operand(x))

    return function


def i0(x: Any) -> Any:
    """Return np.i0, the modified Bessel function of order 0."""
    return apply("iv", 0.0, real(x))


def sinc(x: Any) -> Any:
    """Return np.sinc."""
    return apply("sinc", real(x))


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.i0: i0,
    np.sinc: sinc,
    "scipy.special.log_expit": log_expit,
    "scipy.special.loggamma": loggamma,
    "scipy.special.entr": entr,
    "scipy.special.rel_entr": rel_entr,
    "scipy.special.kl_div": kl_div,
    "scipy.special.j0": _of_order("jv", 0.0),
    "scipy.special.j1": _of_order("jv", 1.0),
    "scipy.special.y0": _of_order("yv", 0.0),
    "scipy.special.y1": _of_order("yv", 1.0),
    "scipy.special.i0": _of_order("iv", 0.0),
    "scipy.special.i1": _of_order("iv", 1.0),
    "scipy.special.i0e": _of_order("ive", 0.0),
    "scipy.special.i1e": _of_order("ive", 1.0),
    "scipy.special.k0": _of_order("kv", 0.0),
    "scipy.special.k1": _of_order("kv", 1.0),
    "scipy.special.yn": _renamed("yv"),
    "scipy.special.kn": _renamed("kv"),
}
