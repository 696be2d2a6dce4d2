"""How numbers are written: a fixed number of decimals, a true minus sign, no trailing zeros.

Numbers too small for the decimals, or too large to read, turn to scientific notation instead of to 0. Arrays
of a few elements are written in full, larger ones as shape and norm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

SMALL_ARRAY = 6
"""Arrays of at most so many elements are written in full."""

LARGE = 1e7
"""From here on numbers are written with a power of ten."""

MINUS = "−"


def plain(value: Any, digits: int = 3) -> str:
    """Return a real number with ``digits`` decimals, ASCII only: "-0.959", "10", "1.2e-7", "inf".

    Examples
    --------
    >>> plain(-0.958924), plain(10.0), plain(2.5e-9), plain(float("-inf"))
    ('-0.959', '10', '2.5e-9', '-inf')
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    size = abs(number)
    small = 0 < size < 10.0 ** (1 - digits)
    if small or size >= LARGE:
        text = f"{number:.{max(digits, 1)}g}" if small else f"{number:.{max(digits - 1, 0)}e}"
        return _trimmed(text if "e" not in text else f"{number:.{max(digits - 1, 0)}e}")
    return _trimmed(f"{number:.{digits}f}")


def _trimmed(text: str) -> str:
    """Return the number without zeros that say nothing: 2.50e-09 is 2.5e-9, -0.0 is 0."""
    mantissa, _, exponent = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    if mantissa in ("-0", "0", ""):
        return "0"
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def text_number(value: Any, digits: int = 3) -> str:
    """Return the number for a terminal or page: "−0.959", "2.5e−9", "∞", "NaN".

    Examples
    --------
    >>> text_number(-0.958924), text_number(2.5e-9), text_number(float("-inf"))
    ('−0.959', '2.5e−9', '−∞')
    """
    short = plain(value, digits)
    special = {"inf": "∞", "-inf": MINUS + "∞", "nan": "NaN"}
    return special[short] if short in special else short.replace("-", MINUS)


def latex_number(value: Any, digits: int = 3) -> str:
    r"""Return the number as LaTeX mathematics: ``-0.959``, ``2.5 \times 10^{-9}``, ``\infty``."""
    return latex_spelling(plain(value, digits))


def latex_spelling(short: str) -> str:
    r"""Return what `plain` wrote as LaTeX mathematics."""
    special = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}
    if short in special:
        return special[short]
    if short.isalpha():
        return rf"\mathrm{{{short}}}"
    mantissa, _, exponent = short.partition("e")
    return f"{mantissa} \\times 10^{{{int(exponent)}}}" if exponent else mantissa


def significant(value: Any, digits: int = 4) -> str:
    """Return the number with so many significant digits, as in pictures: "0.6931", "11.65", "1.2e−7".

    Examples
    --------
    >>> significant(11.652), significant(-1.2e-7), significant(2.0)
    ('11.65', '−1.2e−7', '2')
    """
    number = float(value)
    if not math.isfinite(number):
        return text_number(number)
    return _trimmed(f"{number:.{digits}g}").replace("-", MINUS)


def literal_text(value: Any) -> str:
    """Return a number of the program with all its digits, ASCII only, as an expression reads it back.

    Examples
    --------
    >>> literal_text(2.0), literal_text(0.1), literal_text(2.5e-9), literal_text(True), literal_text(10**20)
    ('2', '0.1', '2.5e-9', 'True', '100000000000000000000')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)) and len(str(value)) <= 21:
        return str(int(value))
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    if number == 0 and math.copysign(1.0, number) < 0:
        return "-0.0"
    if number.is_integer() and abs(number) < 1e16:
        return str(int(number))
    return _trimmed(repr(number))


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as "3×4", or "scalar"."""
    return "×".join(map(str, shape)) if shape else "scalar"


def norm(value: Any) -> float:
    """Return the Euclidean (Frobenius) norm, the one number shown for a large array."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.sum(np.square(np.asarray(value, dtype=float)))))


def summary(value: Any) -> str:
    """Return a large array in a few words: "3×4, ‖·‖ = 2.31", and for truths how many hold: "3×4, 5 true".

    Examples
    --------
    >>> summary(np.full((3, 4), 0.5))
    '3×4, ‖·‖ = 1.732'
    """
    array = np.asarray(value)
    if array.dtype == bool:
        return f"{shape_text(array.shape)}, {int(array.sum())} true"
    return f"{shape_text(array.shape)}, ‖·‖ = {significant(norm(array))}"


def brief(value: Any) -> str:
    """Return a number of an array in a crowded table: its norm between bars.

    Examples
    --------
    >>> brief(np.full((3, 4), 0.5))
    '‖1.732‖'
    """
    return f"‖{significant(norm(value))}‖"


def nested(value: Any, number: Callable[[Any], str]) -> str:
    """Return all elements of an array between brackets, each as ``number`` writes it.

    Examples
    --------
    >>> nested(np.array([[1.0, -2.0], [0.5, 4.0]]), text_number)
    '[[1, −2], [0.5, 4]]'
    """
    array = np.asarray(value)
    if array.ndim == 0:
        return number(array[()])
    return f"[{', '.join(nested(item, number) for item in array)}]"
