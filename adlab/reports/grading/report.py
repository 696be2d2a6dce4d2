"""The marks of a trace table, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class GradedCell:
    """One cell with its mark.

    Attributes
    ----------
    line : int
        Line of the text.
    row : str
        The quantity that the row is about, such as ``v4``, ``v̇4 (x1)``, ``v̄4``.
    text : str
        The cell as it was written.
    right : bool
    reason : str
        In a word or two; empty if right: "sign error", "wrong by a factor", "rounding too coarse", "wrong operand", "missing
        term", "wrong operation", "carried over", "mislabelled row", "value missing", "unreadable", "wrong value" or
        "wrong formula".
    sentence : str
        What is wrong, or a remark on a right cell.
    expected : float or None
        The number that belongs there.
    """

    line: int
    row: str
    text: str
    right: bool
    reason: str = ""
    sentence: str = ""
    expected: float | None = None


@dataclass(frozen=True)
class MissingRow:
    """A row that other rows refer to, or that holds a result, and that is not there."""

    row: str
    sentence: str


@dataclass(frozen=True)
class GradeReport:
    """The marks of a trace table.

    Attributes
    ----------
    function : str
    cells : tuple of GradedCell
    missing : tuple of MissingRow
    """

    function: str
    cells: tuple[GradedCell, ...]
    missing: tuple[MissingRow, ...]

    @property
    def wrong(self) -> tuple[GradedCell, ...]:
        """The wrong cells."""
        return tuple(cell for cell in self.cells if not cell.right)

    @property
    def passed(self) -> bool:
        """Whether every cell is right and no row is missing."""
        return not self.wrong and not self.missing

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        count = len(self.cells)
        if self.passed:
            return f"All {count} cells are right."
        parts = [f"{len(self.wrong)} of {count} cells {'is' if len(self.wrong) == 1 else 'are'} wrong"]
        if self.missing:
            parts.append(f"{len(self.missing)} {'row is' if len(self.missing) == 1 else 'rows are'} missing")
        return f"{', and '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "function": self.function,
            "passed": self.passed,
            "sentence": self.sentence,
            "cells": [
                {
                    **vars(cell),
                    "expected": None
                    if cell.expected is None or not np.isfinite(cell.expected)
                    else cell.expected,
                }
                for cell in self.cells
            ],
            "missing": [{"row": row.row, "sentence": row.sentence} for row in self.missing],
        }
