"""How numbers are written: a fixed number of decimals, a true minus sign, no trailing zeros.

Numbers too small for the decimals, or too large to read, turn to scientific notation instead of to 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SMALL_ARRAY = 6
"""Arrays of at most so many elements are written in full."""

MINUS = "−"


def plain(value: Any, digits: int = 3) -> str:
    """Return a real number with ``digits`` decimals, ASCII only: "-0.959", "10", "1.2e-07", "inf".

    Examples
    --------
    >>> plain(-0.958924), plain(10.0), plain(2.5e-9), plain(float("-inf"))
    ('-0.959', '10', '2.5e-09', '-inf')
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    number = float(value)
    if math.isnan(number) or math.isinf(number):
        return str(number)
    size = abs(number)
    if size and (size < 10.0 ** (1 - digits) or size >= 1e7):
        short = f"{number:.{max(digits, 1)}g}"
        return short if "e" not in short else f"{number:.{max(digits - 1, 0)}e}".replace(".e", "e")
    fixed = f"{number:.{digits}f}"
    fixed = fixed.rstrip("0").rstrip(".") if "." in fixed else fixed
    return "0" if fixed == "-0" else fixed


def _mantissa_and_exponent(text: str) -> tuple[str, str]:
    mantissa, _, exponent = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa, str(int(exponent)) if exponent else ""


def text_number(value: Any, digits: int = 3) -> str:
    """Return the number for a terminal or page: "−0.959", "2.5e−9", "∞", "NaN"."""
    short = plain(value, digits)
    special = {"inf": "∞", "-inf": MINUS + "∞", "nan": "NaN"}
    if short in special:
        return special[short]
    mantissa, exponent = _mantissa_and_exponent(short)
    return (mantissa + (f"e{exponent}" if exponent else "")).replace("-", MINUS)


def latex_number(value: Any, digits: int = 3) -> str:
    r"""Return the number as LaTeX mathematics: ``-0.959``, ``2.5 \times 10^{-9}``, ``\infty``."""
    short = plain(value, digits)
    special = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}", "true": r"\mathrm{true}", "false": r"\mathrm{false}"}
    if short in special:
        return special[short]
    mantissa, exponent = _mantissa_and_exponent(short)
    return f"{mantissa} \\times 10^{{{exponent}}}" if exponent else mantissa


def significant(value: Any, digits: int = 4) -> str:
    """Return the number with so many significant digits, as in pictures: "0.6931", "11.65", "1.2e−7"."""
    number = float(value)
    if not math.isfinite(number):
        return text_number(number)
    short = f"{number:.{digits}g}"
    mantissa, exponent = _mantissa_and_exponent(short)
    if mantissa in ("-0", "0"):
        return "0"
    return (mantissa + (f"e{exponent}" if exponent else "")).replace("-", MINUS)


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as "3×4", or "scalar"."""
    return "×".join(map(str, shape)) if shape else "scalar"


def norm(value: Any) -> float:
    """Return the Euclidean (Frobenius) norm, the one number shown for a large array."""
    return float(np.sqrt(np.sum(np.square(np.asarray(value, dtype=float)))))
