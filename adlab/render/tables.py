"""Tables of formulas, numbers and words, before anyone has chosen a format.

A report becomes a *sheet*: a head, some tables, notes. Cells hold what is meant (a formula, the formula with
numbers, a value, words), not how it looks; each format has a *pen* that spells entries, and lays the spelled
cells out in its own way. So every report is printable in every format, and a format is one small file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from adlab.algebra.notation import Term
from adlab.errors import InputError
from adlab.render.formula import Style, write
from adlab.render.numbers import SMALL_ARRAY, brief

__all__ = [
    "Column",
    "Entry",
    "Line",
    "Numbers",
    "Pen",
    "Phrase",
    "Sheet",
    "Table",
    "Value",
    "plain_table",
]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A formula whose names are replaced by their numbers at the point."""

    term: Term


@dataclass(frozen=True, slots=True)
class Value:
    """A number or array; a brief one shows of an array only its norm."""

    value: Any
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Several entries in a row: "Forward derivative ", ∂/∂x₁."""

    parts: tuple[Entry, ...]


Entry: TypeAlias = str | Term | Numbers | Value | Phrase | None
Kind: TypeAlias = Literal["name", "formula", "numbers", "value", "mark", "words"]
Role: TypeAlias = Literal["", "value", "tangent", "adjoint"]


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes
    ----------
    kind : {"name", "formula", "numbers", "value", "mark", "words"}
        What its cells are: a formula follows its name with "=" between, values are aligned at the decimal
        point, a mark is a remark at the end of a line.
    header : Entry
        What stands above it in formats that have headers.
    group : Entry
        What stands above several columns together; columns of one group follow each other and share the
        entry.
    """

    kind: Kind
    header: Entry = ""
    group: Entry = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its cells and how deep it is indented.

    A heading has one cell across the table; so has a *remark*, a heading that belongs to the row above it. A
    *wide* row has a name longer than the others, which may reach into the formula's column.
    """

    cells: tuple[Entry, ...]
    depth: int = 0
    heading: bool = False
    wide: bool = False
    remark: bool = False


@dataclass(frozen=True)
class Table:
    """A titled table.

    Attributes
    ----------
    title : Entry
    columns : tuple of Column
    lines : sequence of Line
    role : {"", "value", "tangent", "adjoint"}
        What its values are, for colour.
    notes : tuple of Entry
        Remarks that belong below it.
    stub : int
        So many columns on the left belong to every part, when a table too wide for the page is cut between
        groups.
    beside : bool
        Whether its lines are about the same things as those of the table before it, so that the two may stand
        beside each other.
    headed : bool
        Whether the text format shows the headers too.
    """

    title: Entry
    columns: tuple[Column, ...]
    lines: Sequence[Line]
    role: Role = ""
    notes: tuple[Entry, ...] = ()
    stub: int = 2
    beside: bool = False
    headed: bool = False


@dataclass(frozen=True)
class Sheet:
    """A whole report: what it is about, its tables, remarks below them; warnings stand out."""

    head: tuple[Entry, ...]
    tables: tuple[Table, ...]
    notes: tuple[Entry, ...] = ()
    warnings: tuple[str, ...] = ()


class Pen:
    """How a format spells entries; formats say what words, formulas and values look like.

    Parameters
    ----------
    digits : int
        Decimals of numbers.
    full : bool
        Whether large arrays are written in full.
    """

    kind = "text"

    def __init__(self, digits: int = 3, full: bool = False) -> None:
        self.digits = digits
        self.full = full
        self.style = Style(self.kind, digits)

    def words(self, text: str) -> str:
        """Return plain words, with the format's special characters spelled out."""
        raise NotImplementedError

    def formula(self, written: str) -> str:
        """Return a formula that is written in the pen's style, with the delimiters the format needs."""
        raise NotImplementedError

    def value(self, value: Any) -> str:
        """Return a number or array."""
        raise NotImplementedError

    def brief(self, value: Any) -> str:
        """Return the norm of an array between bars."""
        return self.words(brief(value))

    def is_small(self, value: Any) -> bool:
        """Return whether an array is written in full."""
        return self.full or int(np.size(value)) <= SMALL_ARRAY

    def spell(self, entry: Entry) -> str:
        """Return an entry in the format."""
        if entry is None:
            return ""
        if isinstance(entry, str):
            return self.words(entry) if entry else ""
        if isinstance(entry, Term):
            return self.formula(write(entry, self.style))
        if isinstance(entry, Numbers):
            return self.formula(write(entry.term, self.style, substitute=True))
        if isinstance(entry, Value):
            short = entry.brief and np.ndim(entry.value) and not self.full
            return self.brief(entry.value) if short else self.value(entry.value)
        return "".join([self.spell(part) for part in entry.parts])


def groups_of(columns: Sequence[Column]) -> list[tuple[Entry, int]]:
    """Return (group, number of columns) from left to right; columns without a group stand for themselves."""
    found: list[tuple[Entry, int]] = []
    for column in columns:
        if found and column.group is not None and found[-1][0] is column.group:
            found[-1] = (column.group, found[-1][1] + 1)
        else:
            found.append((column.group, 1))
    return found


def plain_table(
    headers: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", notes: Sequence[str] = ()
) -> Table:
    """Return a table of words and numbers, for reports that are no traces.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of sequences
        Words as str, numbers and arrays as they are; None is an empty cell. A column is aligned as numbers if
        it holds any.
    title : str
    notes : sequence of str

    Returns
    -------
    Table
    """
    for row in rows:
        if len(row) != len(headers):
            raise InputError(f"A row of {len(row)} cells does not fit a table of {len(headers)} columns.")
    numeric = [any(_is_number(row[k]) for row in rows) for k in range(len(headers))]
    columns = tuple(
        Column("value" if n else "words", header) for n, header in zip(numeric, headers, strict=True)
    )
    lines = [
        Line(tuple(cell if cell is None or isinstance(cell, str) else Value(cell) for cell in row))
        for row in rows
    ]
    return Table(title, columns, lines, notes=tuple(notes), stub=1, headed=True)


def _is_number(cell: Any) -> bool:
    return cell is not None and not isinstance(cell, str)
