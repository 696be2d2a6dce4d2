"""Finite differences, integrals, interpolation, polynomials and convolutions of arrays; division with remainder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.algebra.traced import Traced, trace_error
from adlab.frontends.numpy_functions import reductions
from adlab.frontends.numpy_functions.shapes import moveaxis
from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    axes_of,
    axis_of,
    flat,
    join,
    like,
    operand,
    real,
    reshaped,
    shape_error,
    take,
    take_along,
    without,
)

# --------------------------------------------------------------------------------------- division, remainder


def floor_divide(a: Any, b: Any, /) -> Any:
    """Return ``a // b``, a whole number: constant between its jumps, so its derivative is 0."""
    a, b = operand(a), operand(b)
    if type(b) in (int, float):
        return _whole_quotient(a, b) if b else apply("divide", a, b)
    zero = apply("equal", b, 0.0)
    whole = _whole_quotient(a, apply("where", zero, 1.0, b))
    return apply("where", zero, apply("divide", a, b), whole)


def _whole_quotient(a: Any, b: Any) -> Any:
    return apply("round", apply("divide", apply("subtract", a, apply("remainder", a, b)), b))


def divmod_(a: Any, b: Any, /) -> tuple[Any, Any]:
    """Return ``divmod(a, b)``: whole quotient and remainder."""
    return floor_divide(a, b), apply("remainder", operand(a), operand(b))


# --------------------------------------------------------------------------------------------- along a line


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Return np.gradient: second-order differences inside, of order ``edge_order`` at the ends."""
    x = real(f)
    axes = axes_of(axis, x.ndim)
    if axis is not None and np.ndim(axis) > 0:
        axes = tuple(axis_of(k, x.ndim) for k in axis)
    steps = list(varargs) or [1.0]
    if len(steps) == 1:
        steps = steps * len(axes)
    if len(steps) != len(axes):
        raise shape_error(f"np.gradient has {len(steps)} spacings for {len(axes)} axes.")
    found = [_slope(x, k, step, edge_order) for k, step in zip(axes, steps, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slope(x: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    length = x.shape[axis]
    if length < edge_order + 1 or edge_order not in (1, 2):
        raise shape_error(
            f"np.gradient with edge_order={edge_order} needs {edge_order + 1} elements, and there are {length}."
        )
    if isinstance(spacing, Traced) and spacing.ndim:
        raise trace_error(
            "np.gradient has places that are traced", "give them as a plain array, or a traced step"
        )
    if isinstance(spacing, Traced) or np.ndim(spacing) == 0:
        matrix = _difference_matrix(np.arange(length, dtype=float), edge_order)
        return apply("divide", _along(matrix, x, axis), spacing)
    places = np.asarray(spacing, float)
    if places.shape != (length,):
        raise shape_error(f"np.gradient has {places.size} places for an axis of length {length}.")
    return _along(_difference_matrix(places, edge_order), x, axis)


def _difference_matrix(places: Any, edge_order: int) -> list[tuple[Any, Any]]:
    """Return the differences as (neighbours, weights) per position: three neighbours and their weights."""
    length, rows = len(places), []
    for k in range(length):
        inner = 0 < k < length - 1
        points = (
            (k - 1, k, k + 1)
            if inner
            else tuple(range(edge_order + 1))
            if k == 0
            else tuple(range(length - edge_order - 1, length))
        )
        rows.append(_weights(places, k, points))
    return rows


def _weights(places: Any, at: int, points: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the weights with which polynomials through ``points`` are differentiated exactly at a place."""
    weights = np.zeros(3)
    for i, p in enumerate(points):
        others = [q for q in points if q != p]
        scale = np.prod([places[p] - places[q] for q in others])
        slopes = [np.prod([places[at] - places[r] for r in others if r != q]) for q in others]
        weights[i] = np.sum(slopes) / scale
    return (*points, *[points[-1]] * (3 - len(points))), weights


def _along(rows: list[tuple[Any, Any]], x: Any, axis: int) -> Any:
    places = np.array([points for points, _ in rows])
    weights = np.array([w for _, w in rows], dtype=x.dtype)
    shape = (1,) * axis + (len(rows),) + (1,) * (x.ndim - axis - 1)
    total = None
    for k in range(3):
        if np.any(weights[:, k]):
            part = apply("multiply", take_along(x, axis, places[:, k]), weights[:, k].reshape(shape))
            total = part if total is None else apply("add", total, part)
    return total


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Return np.trapezoid: the integral of the straight lines through the points."""
    y = real(y)
    place = axis_of(axis, y.ndim)
    heights = apply("add", take_along(y, place, slice(1, None)), take_along(y, place, slice(None, -1)))
    steps: Any = dx
    if x is not None:
        steps = reductions.diff(real(x), axis=-1 if array(x).ndim == 1 else place)
        if steps.ndim == 1:
            steps = reshaped(steps, (steps.shape[0],) + (1,) * (y.ndim - place - 1))
    areas = apply("divide", apply("multiply", steps, heights), 2.0)
    return apply("sum", areas, axis=None if areas.ndim == 1 else (place,), keepdims=False)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Return np.interp between fixed knots; at a knot the derivative is that of the piece to its right."""
    if isinstance(xp, Traced):
        raise trace_error("np.interp has knots that are traced", "give fixed knots as a plain array")
    x, values, knots = real(x), real(fp), np.asarray(xp, float)
    if period is not None:
        x, values, knots = _periodic(x, values, knots, period)
        left = right = None
    if knots.ndim != 1 or values.shape != knots.shape or not len(knots):
        raise shape_error(f"np.interp has knots of shape {knots.shape} and values of shape {values.shape}.")
    if np.any(np.diff(knots) <= 0):
        raise shape_error("np.interp has knots that do not increase; sort them first.")
    first, last = take(values, 0), take(values, -1)
    low, high = first if left is None else left, last if right is None else right
    result = apply("where", apply("greater", x, float(knots[-1])), high, last)
    if len(knots) > 1:
        inside = _on_pieces(x, knots.astype(x.dtype), values)
        result = apply("where", apply("less", x, float(knots[-1])), inside, result)
    return apply("where", apply("less", x, float(knots[0])), low, result)


def _periodic(x: Any, values: Any, knots: Any, period: Any) -> tuple[Any, Any, Any]:
    """Return places within one period, and the knots in order with one more before and after them."""
    if isinstance(period, Traced) or not period:
        raise trace_error(
            f"np.interp has the period {period!r}", "give a number that is not 0 and known while tracing"
        )
    length = abs(float(period))
    places = knots % length
    order = np.argsort(places, kind="stable")
    around = np.concatenate([order[-1:], order, order[:1]])
    more = np.concatenate([[-length], np.zeros(len(order)), [length]])
    return apply("remainder", x, length), take(values, around), places[around] + more


def _on_pieces(x: Any, knots: Any, values: Any) -> Any:
    """Return, for each x, the line of its piece: slope·(x − knot) + value, the others masked away."""
    column = reshaped(x, (*x.shape, 1))
    slopes = apply("divide", reductions.diff(values), np.diff(knots))
    lines = apply(
        "add", apply("multiply", slopes, apply("subtract", column, knots[:-1])), take(values, slice(0, -1))
    )
    here = apply("logical_and", apply("greater_equal", column, knots[:-1]), apply("less", column, knots[1:]))
    chosen = apply("where", here, lines, 0.0)
    return apply("sum", chosen, axis=None if chosen.ndim == 1 else (chosen.ndim - 1,), keepdims=False)


def polyval(p: Any, x: Any) -> Any:
    """Return np.polyval by Horner's scheme, the highest power first."""
    coefficients, x = real(p), real(x)
    result: Any = np.zeros(x.shape, x.dtype)
    for k in range(coefficients.shape[0]):
        result = apply("add", apply("multiply", result, x), take(coefficients, k))
    return result


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """Return np.vander: the powers of a vector as columns."""
    x = real(x)
    count = x.shape[0] if N is None else int(N)
    powers = [np.ones(x.shape, x.dtype)]
    for _ in range(count - 1):
        powers.append(apply("multiply", powers[-1], x))
    powers = powers[:count]
    return join("stack", powers if increasing else powers[::-1], 1)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Return np.convolve of two vectors."""
    a, v = real(a), real(v)
    if a.ndim != 1 or v.ndim != 1 or not a.shape[0] or not v.shape[0]:
        raise shape_error(
            f"np.convolve takes two vectors that are not empty, not shapes {a.shape}, {v.shape}."
        )
    if v.shape[0] > a.shape[0]:
        a, v = v, a
    n, m = a.shape[0], v.shape[0]
    full = _convolved(a, v)
    if mode == "full":
        return full
    if mode == "same":
        start = (m - 1) // 2
        return take(full, slice(start, start + n))
    if mode == "valid":
        return take(full, slice(m - 1, n))
    raise trace_error(f"np.convolve has mode={mode!r}", "use 'full', 'same' or 'valid'")


def _convolved(a: Any, v: Any) -> Any:
    """Return the full convolution: the shorter one, spread over the places of the longer, times the longer."""
    n, m = a.shape[0], v.shape[0]
    places = np.arange(n + m - 1)[:, None] - np.arange(m)
    inside = (places >= 0) & (places < n)
    windows = apply("where", inside, take(a, np.clip(places, 0, n - 1)), 0.0)
    return apply("matmul", windows, v)


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Return np.correlate of two vectors."""
    a, v = real(a), real(v)
    if mode == "same" and v.ndim == 1 and a.ndim == 1 and v.shape[0] > a.shape[0]:
        raise trace_error("np.correlate(mode='same') has a second operand that is longer", "use mode='full'")
    backwards = take(v, slice(None, None, -1)) if v.ndim == 1 else v
    return convolve(a, backwards, mode)


# --------------------------------------------------------------------------------------------------- products


def kron(a: Any, b: Any) -> Any:
    """Return np.kron."""
    a, b = real(a), real(b)
    rank = max(a.ndim, b.ndim)
    first, second = ((1,) * (rank - x.ndim) + x.shape for x in (a, b))
    left = reshaped(a, [length for n in first for length in (n, 1)])
    right = reshaped(b, [length for n in second for length in (1, n)])
    return reshaped(apply("multiply", left, right), [n * m for n, m in zip(first, second, strict=True)])


def _in_space(x: Any) -> Any:
    """Return vectors of two components with a third one of 0."""
    if x.shape[-1] == 3:
        return x
    return join("concatenate", [x, np.zeros((*x.shape[:-1], 1), x.dtype)], x.ndim - 1)


def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Any:
    """Return np.cross of vectors of three components; two stand for a third one of 0, and two of them give a number."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(real(a), axisa, -1), moveaxis(real(b), axisb, -1)
    sizes = a.shape[-1], b.shape[-1]
    if not {*sizes} <= {2, 3}:
        raise shape_error(f"np.cross takes vectors of 2 or 3 components, not {sizes[0]} and {sizes[1]}.")
    if sizes == (2, 2):
        return apply(
            "subtract",
            apply("multiply", take(a, ..., 0), take(b, ..., 1)),
            apply("multiply", take(a, ..., 1), take(b, ..., 0)),
        )
    a, b = (_in_space(x) for x in (a, b))
    parts = [
        apply(
            "subtract",
            apply("multiply", take(a, ..., (k + 1) % 3), take(b, ..., (k + 2) % 3)),
            apply("multiply", take(a, ..., (k + 2) % 3), take(b, ..., (k + 1) % 3)),
        )
        for k in range(3)
    ]
    return moveaxis(join("stack", parts, parts[0].ndim), -1, axisc)


def linalg_cross(x1: Any, x2: Any, /, *, axis: Any = -1) -> Any:
    """Return np.linalg.cross."""
    return cross(x1, x2, axis=axis)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Return np.ediff1d: differences of all elements in a row."""
    x = flat(real(ary))
    ends = [[flat(like(end, x))] if end is not None else [] for end in (to_begin, to_end)]
    return join("concatenate", [*ends[0], reductions.diff(x), *ends[1]], 0)


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Return np.cov of observations without weights."""
    without("np.cov", y=y, fweights=fweights, aweights=aweights, dtype=dtype)
    x = real(m)
    if x.ndim > 2 or x.ndim == 0:
        raise shape_error(f"np.cov takes a vector or a matrix of observations, not shape {x.shape}.")
    x = reshaped(x, (1, x.shape[0])) if x.ndim == 1 else x if rowvar else moveaxis(x, 0, 1)
    away = apply("subtract", x, apply("mean", x, axis=(1,), keepdims=True))
    degrees = x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    if degrees <= 0:
        raise shape_error(f"a covariance of {x.shape[1]} observations needs a smaller ddof.")
    result = apply("divide", apply("matmul", away, moveaxis(away, 0, 1)), float(degrees))
    return reshaped(result, ()) if x.shape[0] == 1 else result


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Return np.corrcoef: covariances over the product of the standard deviations."""
    without("np.corrcoef", y=y)
    c = cov(x, rowvar=rowvar)
    if c.ndim == 0:
        return apply("divide", c, c)
    places = np.arange(c.shape[0])
    size = apply("sqrt", take(c, places, places))
    return apply("divide", apply("divide", c, reshaped(size, (c.shape[0], 1))), size)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    (np.floor_divide, "__call__"): floor_divide,
    (np.divmod, "__call__"): divmod_,
    np.gradient: gradient,
    np.trapezoid: trapezoid,
    np.interp: interp,
    np.polyval: polyval,
    np.convolve: convolve,
    np.correlate: correlate,
    np.kron: kron,
    np.cross: cross,
    np.linalg.cross: linalg_cross,
    np.ediff1d: ediff1d,
    np.cov: cov,
    np.corrcoef: corrcoef,
}
