"""The words of an expression: what a number and a name are.

Integers stay exact; a literal with a point or an exponent is a float. Names are normalised as Python
normalises identifiers (NFKC), so that two spellings a reader cannot tell apart are one name; this also
turns the subscript of ``x₁`` into the plain digit of ``x1``. The one name spelled out is ``π``, which is
``pi``.
"""

from __future__ import annotations

import unicodedata

from adlab.errors import ParseError
from adlab.frontends.expression.complaints import quoted

__all__ = ["read_integer", "read_name", "read_number", "read_superscript"]

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

# Python refuses to read longer integers where its limit is set lowest
# (sys.int_info.str_digits_check_threshold); the largest float has 309 digits.
_LONGEST_INTEGER = 640

# Unicode's normalisation sorts accents in quadratic time: 100,000 of them on one letter take 5 to 11 s.
_LONGEST_NAME = 200  # beyond ASCII


def read_number(word: str, column: int) -> int | float:
    """Read a literal: an int without point and exponent, else a finite float."""
    if word.replace("_", "").isdigit():
        return read_integer(word, column)
    value = float(word)
    if value == float("inf"):
        raise ParseError(
            f"The number {quoted(word)} is too large for a float; the largest one is 1.797e308.", column
        )
    return value


def read_superscript(word: str, column: int) -> int:
    """Read the digits of a power such as ``⁻¹²``."""
    return read_integer(word.translate(_SUPERSCRIPTS), column)


def read_integer(word: str, column: int) -> int:
    """Read an integer exactly, with Python's own rule against leading zeros."""
    digits = word.replace("_", "").lstrip("-")
    if len(digits) > _LONGEST_INTEGER:
        raise ParseError(
            f"The integer {quoted(word)} has {len(digits)} digits, and at most {_LONGEST_INTEGER} are read; "
            "write it as a float, as in 1.5e300.",
            column,
        )
    value = int(word)
    if digits[0] == "0" and value != 0:
        raise ParseError(
            f"The integer {quoted(word)} begins with 0; write it without the leading zero.", column
        )
    return value


def read_name(word: str, column: int) -> str:
    """Normalise a name, and refuse what only looks like one."""
    name = word if word.isascii() else _normalised(word, column)
    if name.startswith("__"):
        raise ParseError(
            f"The name {quoted(word)} begins with two underscores; "
            "names of inputs and functions begin with a letter or one underscore.",
            column,
        )
    return "pi" if name == "π" else name


def _normalised(word: str, column: int) -> str:
    """Normalise as Python does, but for superscript letters: ``xⁿ`` is not what a reader calls "xn"."""
    if len(word) > _LONGEST_NAME:
        raise ParseError(
            f"The name {quoted(word)} has {len(word)} characters, and at most {_LONGEST_NAME} are read "
            "where some are not ASCII; shorten it.",
            column,
        )
    for offset, character in enumerate(word):
        if unicodedata.decomposition(character).startswith("<super>"):
            raise ParseError(
                f"The superscript {quoted(character)} is no digit; write the power with '^', as in x^n.",
                column + offset,
            )
    name = unicodedata.normalize("NFKC", word)
    if not name.isidentifier():
        raise ParseError(
            f"{quoted(word)} is no name; a name begins with a letter or an underscore "
            "and goes on with letters, digits, underscores and subscripts.",
            column,
        )
    return name
