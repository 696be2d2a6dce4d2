"""Marks: whether a number is the true one as rounded, and the verdict on a part of a cell."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from adlab.reports.worksheet import Expression, expression

TOLERANCE = 5e-3
"""A number rounded by more than this, relative to the true one, is rounded too coarsely."""

ABSOLUTE = 5e-4
"""Three decimals are always enough."""

FACTORS = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001, 2.0, 0.5, 3.0, 1 / 3, 4.0, 0.25)
"""Factors that people are wrong by."""


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a part: nothing (right), a remark (right), or a reason and a sentence."""

    right: bool = True
    reason: str = ""
    sentence: str = ""


def fits(value: float, truth: float, decimals: int | None, tolerance: float) -> bool:
    """Return whether a number is the true one, rounded to its decimals and not too coarsely.

    The last digit may be one off, as it is when one computes with rounded numbers.

    Examples
    --------
    >>> fits(-0.959, -0.958924, 3, 5e-3), fits(0.959, -0.958924, 3, 5e-3), fits(0.7, 0.693147, 1, 5e-3)
    (True, False, False)
    """
    if not np.isfinite(truth) or not np.isfinite(value):
        return value == truth or (np.isnan(value) and np.isnan(truth))
    off = abs(value - truth)
    if off <= 1e-12 * max(1.0, abs(truth)):
        return True
    unit = 10.0**-decimals if decimals is not None else 0.0
    if off <= 1e-3 * min(1.0, abs(truth)) and off <= 1e-3:
        return True
    enough = max(tolerance * abs(truth), min(ABSOLUTE, unit / 2 * (1 + 1e-9)))
    return off <= unit * (1 + 1e-9) and off <= enough


def rounded_coarsely(value: float, truth: float, decimals: int) -> bool:
    """Return whether a number is the true one, rounded to its few decimals."""
    return bool(abs(value - truth) <= 0.5 * 10.0**-decimals * (1 + 1e-9))


def slack(part: Expression) -> float:
    """Return by how much a sum of numbers may be off because its numbers are rounded."""
    exact = float(part.evaluate({}))
    total = 1e-9 * max(1.0, abs(exact))
    for match in re.finditer(r"(?<![\w.])\d+\.\d+(?![\w.])", part.plain):
        decimals = len(match[0].partition(".")[2])
        for step in (1, -1):
            text = f"({float(match[0]) + step * 10.0**-decimals!r})"
            moved = rewritten(part, match, text)
            if moved is not None:
                total += abs(float(moved.evaluate({})) - exact) / 2
    return total


def rewritten(part: Expression, match: re.Match[str], text: str) -> Expression | None:
    """Return a formula with a piece replaced; None if that is no formula."""
    return expression(part.plain[: match.start()] + text + part.plain[match.end() :], part.text)
