"""Rows of division with remainder, and the few elementwise functions that NumPy has besides the textbook's.

The quotient of a remainder is a whole number and constant between its jumps. The rules get it as
(a − y)/b rounded, from the remainder itself, so that it is the quotient NumPy took even where a/b rounds up
to the next whole number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adlab.ir.constant import PI
from adlab.ir.primitive import Kink, Primitive
from adlab.primitives.elementwise import REAL, over, over2, row
from adlab.primitives.rules import literal

SINC_TERMS = 13
"""Terms of the series within |x| < 1/4: the last is 10⁻³⁰ of the first."""


def quotient(A: Any, y: Any, a: Any, b: Any) -> Any:
    """Return −(a − y)/b as the whole number it is: the partial of a remainder by its divisor."""
    return -A.round(A.divide(a - y, b))


def sinc_slope(A: Any, y: Any, x: Any) -> Any:
    """Return sinc′ = (cos πx − sinc x)/x, near 0 by its series.

    With u = (πx)², sinc′ = −π²x/3 · (1 − u/10·(1 − u/28·(1 − u/54·…))), where step k divides by 2k(2k + 3).
    A polynomial is differentiated exactly to every order, which the quotient would not be at 0.
    """
    near = A.less(A.absolute(x), A.divide(literal(A, 1, x), 4))
    scaled, square_of_pi = literal(A, PI, x) * x, A.square(literal(A, PI, x))
    u = square_of_pi * A.square(x)
    series = literal(A, 1, x)
    for k in range(SINC_TERMS, 0, -1):
        series = 1 - u * series / (2 * k * (2 * k + 3))
    inner = -(square_of_pi * x * series) / 3
    return A.where(near, inner, (A.cos(scaled) - y) / A.where(near, literal(A, 1, x), x))


def log_of_2(A: Any, like: Any) -> Any:
    """Return ln 2 in the dtype of ``like``."""
    return A.log(literal(A, 2, like))


def truncated(sp: Any, a: Any, b: Any) -> Any:
    """Return a/b without its fraction, for SymPy."""
    return sp.Piecewise((sp.floor(a / b), a / b >= 0), (sp.ceiling(a / b), True))


def _at_multiples(*cases: tuple[float, float, float]) -> tuple[Kink]:
    """Return the kink of the remainders, with a few multiples a of b and their quotients."""
    return (
        Kink(
            "a a multiple of b",
            "the rule of the remainder 0; the function jumps by b there",
            lambda A, a, b: A.fmod(a, b),
            tuple(((a, b), (1.0, -q)) for a, b, q in cases),
        ),
    )


REMAINDERS: tuple[Primitive, ...] = (
    row("remainder", np.remainder, lambda A, y, a, b: 1, quotient,
        sympy=lambda sp, a, b: a - b * sp.floor(a / b), mpmath=lambda mp, a, b: a - b * mp.floor(a / b),
        domain=over2((2.1, 2.9), (0.8, 1.0), "b ≠ 0", (-2.5, 0.75), (2.5, -0.75), (-7.25, -2.0), (0.5, 3.0)),
        kinks=_at_multiples((2.0, 1.0, 2.0), (-1.5, 0.5, -3.0), (0.0, 1.0, 0.0)),
        aliases=("mod",), summary="a − b·⌊a/b⌋, the remainder with the sign of b"),
    row("fmod", np.fmod, lambda A, y, a, b: 1, quotient,
        sympy=lambda sp, a, b: a - b * truncated(sp, a, b),
        mpmath=lambda mp, a, b: a - b * (mp.floor(a / b) if a / b >= 0 else mp.ceil(a / b)),
        domain=over2((2.1, 2.9), (0.8, 1.0), "b ≠ 0", (-2.5, 0.75), (2.5, -0.75), (-7.25, -2.0), (0.5, 3.0)),
        kinks=_at_multiples((2.0, 1.0, 2.0), (-1.5, 0.5, -3.0), (0.0, 1.0, 0.0)),
        summary="the remainder with the sign of a, as in C"),
    row("logaddexp2", np.logaddexp2,
        lambda A, y, a, b: A.sigmoid((a - b) * log_of_2(A, y)),
        lambda A, y, a, b: A.sigmoid((b - a) * log_of_2(A, y)),
        sympy=lambda sp, a, b: sp.log(2**a + 2**b) / sp.log(2),
        mpmath=lambda mp, a, b: mp.log(mp.mpf(2) ** a + mp.mpf(2) ** b) / mp.log(2),
        domain=over2((-3.0, 3.0), (-3.0, 3.0), REAL, (40.0, 0.0), (0.0, 40.0), (1000.0, 1000.5)),
        operand_ulps=1.0, summary="log₂(2ᵃ + 2ᵇ) without overflow"),
    row("sinc", np.sinc, sinc_slope,
        sympy=lambda sp, x: sp.sinc(sp.pi * x), mpmath="sincpi",
        domain=over(-3.0, 3.0, REAL, 0.0, 1e-12, 0.2, -0.3, 10.5), ulps=8.0, operand_ulps=1.0,
        summary="sin(πx)/(πx), 1 at 0"),
)  # fmt: skip
