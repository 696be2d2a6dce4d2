"""Tables as Markdown: pipe tables, which GitHub, notebooks and slide tools render.

Formulas stand as text, or, with ``math=True``, as LaTeX between dollar signs for tools that typeset it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adlab.render.numbers import nested, summary, text_number
from adlab.render.tables import Column, Entry, Line, Pen, Sheet, Table

_SPECIAL = re.compile(r"[\\|*`<]|(?<!\w)_|_(?!\w)|\](?=\()")


def escaped(text: str) -> str:
    r"""Return text with what Markdown would take for markup escaped.

    Examples
    --------
    >>> escaped("a | b"), escaped("x_1"), escaped("_x*")
    ('a \\| b', 'x_1', '\\_x\\*')
    """
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)


class MarkdownPen(Pen):
    """Entries as Markdown text."""

    kind = "text"

    def words(self, text: str) -> str:
        """Return the words escaped."""
        return escaped(text)

    def formula(self, written: str) -> str:
        """Return the formula escaped."""
        return escaped(written)

    def value(self, value: Any) -> str:
        """Return a number, a small array, or shape and norm."""
        if np.ndim(value) == 0:
            return text_number(value, self.digits)
        return escaped(
            nested(value, lambda x: text_number(x, self.digits)) if self.is_small(value) else summary(value)
        )


class MathPen(MarkdownPen):
    """Formulas as LaTeX between dollar signs."""

    kind = "latex"

    def formula(self, written: str) -> str:
        r"""Return the formula between dollar signs; a bar would end the cell, so it is ``\vert``."""
        return f"${written.replace('|', chr(92) + 'vert ')}$"


def to_markdown(sheet: Sheet, *, digits: int = 3, full: bool = False, math: bool = False) -> str:
    """Return a sheet as Markdown.

    Parameters
    ----------
    sheet : Sheet
    digits : int
        Decimals of numbers.
    full : bool
        Write large arrays in full.
    math : bool
        Write formulas as LaTeX between dollar signs.

    Returns
    -------
    str
    """
    pen = MathPen(digits, full) if math else MarkdownPen(digits, full)
    blocks = [", ".join(pen.spell(entry) for entry in sheet.head)] if sheet.head else []
    for table in sheet.tables:
        title = pen.spell(table.title)
        blocks += [f"**{title}**"] if title else []
        blocks.append("\n".join(_lines(table, pen)))
        blocks += [pen.spell(note) for note in table.notes]
    blocks += [f"**Warning:** {pen.words(words)}" for words in sheet.warnings]
    blocks += [pen.spell(note) for note in sheet.notes]
    return "\n\n".join(blocks) + "\n"


def _lines(table: Table, pen: Pen) -> Iterator[str]:
    """Yield the lines of a pipe table; name and formula share a column, as in "v2 = ln(v0)"."""
    named = bool(table.columns) and table.columns[0].kind == "name"
    columns = table.columns[1:] if named else table.columns
    yield _pipes([_header(column, pen) for column in columns])
    yield "|" + "|".join("---:" if column.kind == "value" else ":---" for column in columns) + "|"
    for line in table.lines:
        if line.heading:
            mark = "*" if line.remark else "**"
            yield _pipes(
                [f"{_indent(line)}{mark}{pen.spell(line.cells[0])}{mark}", *[""] * (len(columns) - 1)]
            )
        else:
            yield _pipes(_cells(line, pen, named))


def _header(column: Column, pen: Pen) -> str:
    if column.group is None:
        return pen.spell(column.header)
    group = pen.spell(column.group)
    return f"{group} {pen.spell(column.header)}" if column.kind == "numbers" else group


def _cells(line: Line, pen: Pen, named: bool) -> list[str]:
    if not named:
        return [pen.spell(cell) for cell in line.cells]
    name, formula, *rest = line.cells
    return [_indent(line) + _equation(name, formula, pen), *(pen.spell(cell) for cell in rest)]


def _equation(name: Entry, formula: Entry, pen: Pen) -> str:
    left, right = pen.spell(name), pen.spell(formula)
    if not right:
        return left
    if left.endswith("$") and right.startswith("$"):
        return f"{left[:-1]} = {right[1:]}"
    return f"{left} = {right}"


def _indent(line: Line) -> str:
    return "&emsp;" * line.depth


def _pipes(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
