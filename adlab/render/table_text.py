"""Tables as text, aligned by cells of the terminal: numbers at the decimal point, long formulas wrapped in
their column.

The layout is our own: every cell is measured once, so a table of 100,000 rows takes seconds where rich's
tables, which measure and wrap every cell again for every line, take minutes. A combining mark (the dot of
v̇₃) takes no cell. Colours are rich's.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adlab.render.names import ascii_name
from adlab.render.numbers import nested, plain, summary, text_number
from adlab.render.tables import Column, Entry, Line, Pen, Sheet, Table, groups_of

GAP = 3
"""Cells between columns."""
WIDE_GAP = 6
"""Cells between tables that stand beside each other."""
NARROWEST = 12
"""A column is not made narrower than this."""
SAMPLE = 400
"""So many lines are looked at to guess how wide a table will be on paper."""
PAGE = 120
"""The width where there is no terminal."""

STYLES = {
    "title": "bold",
    "heading": "bold",
    "value": "",
    "tangent": "cyan",
    "adjoint": "magenta",
    "warning": "bold red",
    "note": "dim",
}

Paint = Callable[[str, str], str]

_ASCII = str.maketrans(
    {"×": "x", "‖": "|", "·": ".", "−": "-", "∞": "inf", "∂": "d", "…": "...", "─": "-", "≤": "<=", "≥": ">="}
)


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes.

    Examples
    --------
    >>> cells("v3"), cells("v\u03043"), cells("数")
    (2, 2, 2)
    """
    if text.isascii():
        return len(text)
    if _WIDE.search(text):
        return sum(_cells(char) for char in text)
    return len(_MARKS.sub("", text))


_MARKS = re.compile("[\u0300-\u036f\u20d0-\u20f0\ufe20-\ufe2f]")
_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\uffe6\U00010000-\U0010ffff]"
)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class TextPen(Pen):
    """Entries for a terminal."""

    kind = "text"

    def words(self, text: str) -> str:
        """Return the words."""
        return text

    def formula(self, written: str) -> str:
        """Return the formula."""
        return written

    def value(self, value: Any) -> str:
        """Return a number, a small array, or shape and norm."""
        if np.ndim(value) == 0:
            return text_number(value, self.digits)
        return (
            nested(value, lambda item: text_number(item, self.digits))
            if self.is_small(value)
            else summary(value)
        )


class AsciiPen(TextPen):
    """Entries in ASCII only."""

    kind = "ascii"

    def words(self, text: str) -> str:
        """Return the words, letters without their accents."""
        return ascii_name(text.translate(_ASCII))

    def value(self, value: Any) -> str:
        """Return a number, a small array, or shape and norm."""
        if np.ndim(value) == 0:
            return plain(value, self.digits)
        if self.is_small(value):
            return nested(value, lambda item: plain(item, self.digits))
        return self.words(summary(value).replace("‖·‖", "norm"))


def to_text(
    sheet: Sheet,
    *,
    digits: int = 3,
    full: bool = False,
    ascii: bool = False,
    width: int | None = None,
    color: bool | None = False,
) -> str:
    """Return a sheet as text.

    Parameters
    ----------
    sheet : Sheet
    digits : int
        Decimals of numbers.
    full : bool
        Write large arrays in full.
    ascii : bool
        Write ASCII only.
    width : int, optional
        Cells of a line; by default the terminal's, 120 where there is none.
    color : bool, optional
        Whether to colour; None colours when standard output is a terminal.

    Returns
    -------
    str
    """
    pen = AsciiPen(digits, full) if ascii else TextPen(digits, full)
    width = width or shutil.get_terminal_size((PAGE, 50)).columns
    paint = painter(color)
    blocks = [_head(sheet, pen, width, paint)] if sheet.head else []
    blocks += ["\n".join(_lines(tables, paint)) for tables in _arranged(sheet.tables, pen, width)]
    blocks += [
        "\n".join(paint("warning", line) for line in wrap(f"Warning: {pen.words(words)}", width))
        for words in sheet.warnings
    ]
    notes = [line for note in sheet.notes for line in wrap(pen.spell(note), width)]
    blocks += ["\n".join(paint("note", line) for line in notes)] if notes else []
    return "\n\n".join(blocks)


def painter(color: bool | None) -> Paint:
    """Return the function that colours a text by its role."""
    if color is False:
        return lambda role, text: text
    from rich.color import ColorSystem
    from rich.console import Console
    from rich.style import Style

    if color is None and Console().color_system is None:
        return lambda role, text: text
    styles = {role: Style.parse(style) for role, style in STYLES.items() if style}
    return lambda role, text: (
        styles[role].render(text, color_system=ColorSystem.STANDARD) if role in styles else text
    )


def _head(sheet: Sheet, pen: Pen, width: int, paint: Paint) -> str:
    parts = [pen.spell(entry) for entry in sheet.head]
    line = (" " * GAP).join(parts)
    if cells(line) <= width:
        return paint("title", line)
    return "\n".join(paint("title", line) for part in parts for line in wrap(part, width))


# ------------------------------------------------------------------------------------------------ arrangement


class Spelled:
    """A table with its cells spelled and its columns measured."""

    def __init__(self, table: Table, pen: Pen) -> None:
        self.table = table
        self.title = pen.spell(table.title)
        self.rule = "-" if pen.kind == "ascii" else "─"
        self.columns = table.columns
        self.headers = [pen.spell(column.header) for column in table.columns]
        self.groups = [(pen.spell(group), count) for group, count in groups_of(table.columns)]
        self.notes = [pen.spell(note) for note in table.notes]
        self.lines = table.lines
        self.text = [[pen.spell(entry) for entry in line.cells] for line in table.lines]
        for k, column in enumerate(self.columns):
            self._align(k, column)
        self.widths = [self._natural(k) for k in range(len(self.columns))]
        self._make_room()

    def _align(self, k: int, column: Column) -> None:
        """Indent names, put "=" before formulas, line numbers up at the decimal point."""
        rows = [i for i, line in enumerate(self.lines) if not line.heading]
        if column.kind == "name":
            for i in rows:
                self.text[i][k] = "  " * self.lines[i].depth + self.text[i][k]
            narrow = [i for i in rows if not self.lines[i].wide]
            width = max((cells(self.text[i][k]) for i in narrow), default=0)
            for i in rows:
                self.text[i][k] = f"{pad(self.text[i][k], width)} ="
                if self.lines[i].wide:
                    self.text[i][k : k + 2] = [" ".join(filter(None, self.text[i][k : k + 2])), ""]
        elif column.kind == "value":
            aligned = align_numbers([self.text[i][k] for i in rows])
            for i, text in zip(rows, aligned, strict=True):
                self.text[i][k] = text

    def _natural(self, k: int) -> int:
        shown = self.table.headed and self.columns[k].kind not in ("name", "formula")
        width = cells(self.headers[k]) if shown and self.columns[k].group is None else 0
        named = self.columns[k].kind == "name"
        pairs = zip(self.text, self.lines, strict=True)
        return max(
            [
                width,
                *(cells(text[k]) for text, line in pairs if not line.heading and not (named and line.wide)),
            ]
        )

    def _make_room(self) -> None:
        """Widen the formulas' column where a wide name reaches beyond it."""
        wide = [cells(text[0]) for text, line in zip(self.text, self.lines, strict=True) if line.wide]
        if wide:
            self.widths[1] = max(self.widths[1], max(wide) - self.widths[0] - 1)
        at = 0
        for header, count in self.groups if self.table.headed else ():
            missing = cells(header) - sum(self.widths[at : at + count]) - GAP * (count - 1)
            self.widths[at + count - 1] += max(0, missing)
            at += count

    def gaps(self) -> list[int]:
        """Return the cells before each column: none before the first, one between a name and its formula."""
        return [
            0 if k == 0 else 1 if self.columns[k - 1].kind == "name" else GAP
            for k in range(len(self.columns))
        ]

    @property
    def width(self) -> int:
        """Cells of the widest line."""
        body = sum(self.widths) + sum(
            gap for gap, width in zip(self.gaps(), self.widths, strict=True) if width
        )
        return max(body, cells(self.title))


def _arranged(tables: Sequence[Table], pen: Pen, width: int) -> Iterator[list[Spelled]]:
    """Yield tables one by one, or two beside each other where they belong together and fit."""
    waiting: list[Spelled] = []
    for table in tables:
        spelled = Spelled(table, pen)
        fits = waiting and waiting[0].width + WIDE_GAP + spelled.width <= width
        if waiting and table.beside and fits and len(waiting[0].lines) == len(table.lines):
            yield [waiting.pop(), spelled]
            continue
        yield from ([one] for one in waiting)
        waiting = []
        parts = _cut(table, spelled, width)
        if len(parts) == 1:
            waiting = [_narrowed(spelled, width)]
        else:
            yield from ([_narrowed(Spelled(part, pen), width)] for part in parts)
    yield from ([one] for one in waiting)


def text_width(table: Table) -> int:
    """Return the cells that a line takes in a terminal, a measure of the width in other formats too; by the
    first lines.
    """
    return Spelled(replace(table, lines=table.lines[:SAMPLE]), TextPen()).width


def cut(table: Table, width: int) -> list[Table]:
    """Return a table in parts that a terminal of so many cells has room for."""
    if table.stub + 2 >= len(table.columns):
        return [table]
    return _cut(table, Spelled(replace(table, lines=table.lines[:SAMPLE]), TextPen()), width)


def _cut(table: Table, spelled: Spelled, width: int) -> list[Table]:
    """Cut a table that is too wide between its groups; the columns of the stub stand in every part."""
    sizes = groups_of(table.columns[table.stub :])
    if spelled.width <= width or len(sizes) < 2 or any(group is None for group, _ in sizes):
        return [table]
    stub = sum(spelled.widths[: table.stub]) + 1
    parts: list[list[int]] = [[]]
    used, at = stub, table.stub
    for _, count in sizes:
        taken = sum(spelled.widths[at : at + count]) + GAP * count
        if parts[-1] and used + taken > width:
            parts.append([])
            used = stub
        parts[-1] += range(at, at + count)
        used += taken
        at += count
    return [
        _part(table, columns, last=part is parts[-1])
        for part in parts
        for columns in [[*range(table.stub), *part]]
    ]


def _part(table: Table, columns: Sequence[int], last: bool) -> Table:
    lines = [
        line if line.heading else Line(tuple(line.cells[k] for k in columns), line.depth)
        for line in table.lines
    ]
    kept = tuple(table.columns[k] for k in columns)
    return Table(
        table.title, kept, lines, table.role, table.notes if last else (), table.stub, False, table.headed
    )


def _narrowed(spelled: Spelled, width: int) -> Spelled:
    """Make the widest columns narrower until the table fits; their cells will wrap."""
    spare = spelled.width - width
    soft = [k for k, column in enumerate(spelled.columns) if column.kind != "name"]
    while spare > 0 and soft:
        widest = max(soft, key=lambda k: spelled.widths[k])
        others = sorted((spelled.widths[k] for k in soft), reverse=True)
        floor = max(NARROWEST, others[1] - 1 if len(others) > 1 else 0)
        cut = min(spare, max(spelled.widths[widest] - floor, 1))
        if spelled.widths[widest] <= NARROWEST:
            break
        spelled.widths[widest] -= cut
        spare -= cut
    return spelled


# ------------------------------------------------------------------------------------------------------ lines


def _lines(tables: Sequence[Spelled], paint: Paint) -> Iterator[str]:
    """Yield the lines of tables that stand beside each other."""
    headed = any(table.table.headed for table in tables)
    bodies = [list(_body(table, paint, headed)) for table in tables]
    widths = [table.width for table in tables]
    for row in zip(*bodies, strict=True):
        height = max(len(block) for block in row)
        for k in range(height):
            pieces = [block[k] if k < len(block) else ("", 0) for block in row]
            yield _joined_line(pieces, widths)
    for table in tables:
        for note in table.notes:
            yield from (paint("note", line) for line in wrap(note, max(table.width, 60)))


def _joined_line(pieces: Sequence[tuple[str, int]], widths: Sequence[int]) -> str:
    line, missing = "", 0
    for (text, used), width in zip(pieces, widths, strict=True):
        line += " " * missing + text
        missing = width - used + WIDE_GAP
    return line.rstrip()


def _body(table: Spelled, paint: Paint, headed: bool) -> Iterator[list[tuple[str, int]]]:
    """Yield blocks of (painted line, cells): title, headers, then one block per row."""
    gaps = table.gaps()
    if table.title:
        yield [(paint("title", table.title), cells(table.title))]
    if headed:
        yield [_header(table, gaps, paint) if table.table.headed else ("", 0)]
    roles = [table.table.role if column.kind == "value" else "" for column in table.columns]
    for line, text in zip(table.lines, table.text, strict=True):
        if line.remark:
            indent = table.widths[0] + 1
            lines = wrap(text[0], max(table.width - indent, 40))
            yield [(paint("note", " " * indent + part), indent + cells(part)) for part in lines]
        elif line.heading:
            words = "  " * line.depth + text[0]
            rule = f" {table.rule * max(3, table.width - cells(words) - 1)}"
            yield [(paint("heading", words) + paint("note", rule), cells(words) + cells(rule))]
        else:
            yield _row(text, table.widths, gaps, roles, paint, unwrapped=line.wide)


def _header(table: Spelled, gaps: Sequence[int], paint: Paint) -> tuple[str, int]:
    """Return the line of headers: of a group above its first column, else of each column."""
    line, at, target = "", 0, 0
    starts = []
    for gap, width in zip(gaps, table.widths, strict=True):
        target += gap * bool(width)
        starts.append(target)
        target += width
    k = 0
    for group, count in table.groups:
        words = group or ("" if table.columns[k].kind in ("name", "formula") else table.headers[k])
        line += " " * (starts[k] - at) + words
        at = max(starts[k], at) + cells(words)
        k += count
    return paint("title", line), cells(line)


def _row(
    text: Sequence[str],
    widths: Sequence[int],
    gaps: Sequence[int],
    roles: Sequence[str],
    paint: Paint,
    unwrapped: bool = False,
) -> list[tuple[str, int]]:
    """Return one row as lines: cells wider than their column go on below, save the name of a wide row."""
    wrapped = [
        [cell] if cells(cell) <= width else wrap(cell, width)
        for cell, width in zip(text, widths, strict=True)
    ]
    if unwrapped:
        wrapped[0] = [text[0]]
    lines = []
    for k in range(max(map(len, wrapped))):
        line, at, target = "", 0, 0
        for parts, gap, width, role in zip(wrapped, gaps, widths, roles, strict=True):
            target += gap * bool(width)
            part = parts[k] if k < len(parts) else ""
            if part:
                line += " " * (target - at) + (paint(role, part) if role else part)
                at = max(target, at) + cells(part)
            target += width
        lines.append((line, at))
    return lines


# --------------------------------------------------------------------------------------- padding and breaking


def pad(text: str, width: int) -> str:
    """Return the text with blanks up to a number of cells."""
    return text + " " * (width - cells(text))


_NUMBER = re.compile(r"([−-]?(?:\d+|∞|inf|NaN|nan))(.*)", re.DOTALL)


def align_numbers(texts: Sequence[str]) -> list[str]:
    """Return numbers padded so that their decimal points stand below each other; what is no number stays as
    it is.

    Examples
    --------
    >>> align_numbers(["2", "−0.959", "10.693"])
    [' 2', '−0.959', '10.693']
    """
    heads = [
        match[1] if (match := _NUMBER.fullmatch(text)) and _is_number(match[2]) else "" for text in texts
    ]
    width = max((cells(head) for head in heads), default=0)
    return [
        " " * (width - cells(head)) + text if head else text for head, text in zip(heads, texts, strict=True)
    ]


def _is_number(rest: str) -> bool:
    return re.fullmatch(r"(\.\d+)?(e[−-]?\d+)?", rest) is not None


_SUMMAND = re.compile(r" (?=[+−-] )")


def wrap(text: str, width: int) -> list[str]:
    """Return the text in lines of at most ``width`` cells: broken before + and −, else at blanks, else
    anywhere.

    Examples
    --------
    >>> wrap("v3 · v0 + v4 · cos(v1)", 12)
    ['v3 · v0', '+ v4 ·', 'cos(v1)']
    """
    lines: list[str] = []
    for summand in _SUMMAND.split(text):
        _append(lines, summand, width, " ")
    return lines or [""]


def _append(lines: list[str], piece: str, width: int, glue: str) -> None:
    """Put a piece on the last line if it fits there, else on lines of its own."""
    if lines and cells(lines[-1]) + cells(glue) + cells(piece) <= width:
        lines[-1] += glue + piece
    elif cells(piece) <= width:
        lines.append(piece)
    elif " " in piece:
        at = len(lines)
        words: list[str] = lines[at:]
        for word in piece.split(" "):
            _append(words, word, width, " ")
        lines += words
    else:
        lines += list(_chopped(piece, width))


def _chopped(word: str, width: int) -> Iterator[str]:
    """Yield a word without blanks in pieces, preferably after commas, operators and closing brackets."""
    line, used = "", 0
    for part in re.findall(r"[^,·*/)\]]+[,·*/)\]]*|[,·*/)\]]+", word):
        size = cells(part)
        if line and used + size > width:
            yield line
            line, used = "", 0
        while size > max(width, 1):
            head, part = _split_at(part, max(width, 1))
            yield head
            size = cells(part)
        line, used = line + part, used + size
    if line:
        yield line


def _split_at(text: str, width: int) -> tuple[str, str]:
    """Split after so many cells, keeping combining marks with their letter."""
    at, used = 0, 0
    while at < len(text) and used + cells(text[at]) <= width:
        used += cells(text[at])
        at += 1
    at = max(at, 1)
    return text[:at], text[at:]


__all__ = ["Entry", "TextPen", "align_numbers", "cells", "pad", "painter", "to_text", "wrap"]
