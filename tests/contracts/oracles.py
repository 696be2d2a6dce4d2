"""The judges: values and derivatives of a row from its SymPy and mpmath functions alone, never from its rule.

A derivative is a central difference with a step of 2⁻¹⁰⁰, which is right to 60 digits, in arithmetic of so
many digits that nothing is lost by cancellation.
"""

from functools import cache

from adlab.algebra.exact import MpmathAlgebra, SympyAlgebra

STEP = 2.0**-100


@cache
def mpmath_algebra(digits):
    """Return the carrier of ``digits`` digits."""
    return MpmathAlgebra(digits)


@cache
def sympy_algebra():
    """Return the carrier of SymPy expressions."""
    return SympyAlgebra()


def digits_for(xs):
    """Return how many digits a difference quotient takes: more where values saturate or are tiny."""
    return 160 if all(x == 0 or 0.01 < abs(x) < 15 for x in xs) else 800


def _function(row, xs):
    algebra = mpmath_algebra(digits_for(xs))
    numbers = [algebra.number(x) for x in xs]
    return lambda *shifts: algebra.apply(row, _shifted(numbers, shifts))


def _shifted(numbers, shifts):
    moved = list(numbers)
    for position, shift in shifts:
        moved[position] = moved[position] + shift
    return moved


def step(xs, k):
    """Return the step for operand ``k``: small against it and small in itself."""
    x = mpmath_algebra(digits_for(xs)).number(xs[k])
    return STEP * min(abs(x), 1) if x else STEP * (x + 1)


def value(row, xs):
    """Return the value of a row at a point."""
    return _function(row, xs)()


def partial(row, xs, k):
    """Return the derivative by operand ``k``."""
    f, h = _function(row, xs), step(xs, k)
    return (f((k, h)) - f((k, -h))) / (2 * h)


def second_partial(row, xs, j, k):
    """Return the second derivative by operands ``j`` and ``k``."""
    f, g, h = _function(row, xs), step(xs, j), step(xs, k)
    upper = f((j, g), (k, h)) - f((j, g), (k, -h))
    lower = f((j, -g), (k, h)) - f((j, -g), (k, -h))
    return (upper - lower) / (4 * g * h)
