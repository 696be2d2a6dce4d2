"""How much room a text takes, by our own table, so that boxes have one size on every machine.

No font is asked. The advances are those of the widest common sans-serif font and unknown characters count as
wide ones, so that a text may leave a little room free but never sticks out.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from adlab.render.layout.advances import BOLD, REGULAR
from adlab.reports.picture import Runs

__all__ = ["SCRIPT", "SHIFT", "even", "run_size", "width"]

SCRIPT = 0.74
"""Size of a subscript or superscript, as a part of the size of its line."""

SHIFT: Mapping[str, float] = MappingProxyType({"sub": 0.22, "sup": -0.38})
"""How far a script stands below its line, as a part of the size of the line."""


def width(runs: Runs, size: float) -> float:
    """Width of runs set in one line.

    Parameters
    ----------
    runs : Runs
    size : float
        Font size in pixels.

    Returns
    -------
    float
        In pixels.
    """
    return sum(_advance(text, style) * run_size(style, size) for text, style in runs)


def run_size(style: str, size: float) -> float:
    """Font size of a run in a line of the given size.

    Parameters
    ----------
    style : str
    size : float

    Returns
    -------
    float
    """
    return size * SCRIPT if style in ("sub", "sup") else size


def even(number: float) -> int:
    """Least even whole number that is not smaller, so that halves are whole pixels.

    Parameters
    ----------
    number : float

    Returns
    -------
    int
    """
    return 2 * math.ceil(number / 2)


def _advance(text: str, style: str) -> float:
    """Width of a text set at size 1."""
    table = _table(style == "b")
    return sum(table[letter] if letter in table else _unknown(letter) for letter in text) / 1000


@cache
def _table(bold: bool) -> dict[str, int]:
    """The advances by character."""
    groups = BOLD if bold else REGULAR
    return {letter: advance for advance, letters in groups.items() for letter in letters}


def _unknown(letter: str) -> int:
    """Advance of a character that is not in the table: nothing for marks, otherwise wide."""
    if unicodedata.combining(letter) or unicodedata.category(letter) == "Cf":
        return 0
    return 1050 if unicodedata.east_asian_width(letter) in "WF" else 900
