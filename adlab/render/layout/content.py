"""What stands inside a box: texts with their places, measured from the box's top left corner.

Both the size of a box and its drawing come from here, so they cannot disagree. Three forms: a scalar node has
a centred title, a rule, and one line per row with the word left and the number right; a tensor node (it has a
corner text) sets its rows side by side; a collapsed scope has the mark ⊞ before its title.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from adlab.render.layout import look
from adlab.render.layout.model import Rect
from adlab.render.layout.text import even, width
from adlab.reports.picture import Arrow, Box, Row, Runs

__all__ = ["Anchor", "Content", "Text", "content", "label_runs", "within"]

Anchor: TypeAlias = Literal["start", "middle", "end"]

SIDE = 8.0
TITLE_LINE = 24.0
ROW_LINE = 17.0
BETWEEN = 12.0
MARK = 10.0
LEAST_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a box: where, how large, in which colour; y is the baseline."""

    x: float
    y: float
    anchor: Anchor
    size: float
    colour: str
    runs: Runs
    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """Everything inside a box.

    Attributes
    ----------
    width, height : int
        The size of the box, even numbers of pixels.
    texts : tuple of Text
    rule : float or None
        The height of the line under the title.
    mark : tuple of float or None
        Left, top and size of the mark ⊞ of a collapsed scope.
    """

    width: int
    height: int
    texts: tuple[Text, ...]
    rule: float | None = None
    mark: tuple[float, float, float] | None = None


def content(box: Box) -> Content:
    """Measure a box and place its texts.

    Parameters
    ----------
    box : Box

    Returns
    -------
    Content
    """
    if box.role == "scope" or box.corner:
        return _compact(box)
    return _table(box)


def within(rect: Rect, inside: Content) -> Rect:
    """Place of the content in the middle of a box that may be larger, because many arrows meet it.

    Parameters
    ----------
    rect : Rect
        The box.
    inside : Content

    Returns
    -------
    Rect
    """
    left, top = (rect.width - inside.width) / 2, (rect.height - inside.height) / 2
    return Rect(rect.x + left, rect.y + top, inside.width, inside.height)


def label_runs(arrow: Arrow) -> Runs:
    """Label of an arrow with its count.

    Parameters
    ----------
    arrow : Arrow

    Returns
    -------
    Runs
        Empty for an arrow without words.
    """
    if arrow.count == 1:
        return arrow.label
    times = (f"×{arrow.count}", "b")
    return (*arrow.label, ("  ", ""), times) if arrow.label else (times,)


def _plain(text: str) -> Runs:
    return ((text, ""),)


def _row_width(row: Row, gap: float) -> float:
    """Width of a row whose word and number are at least ``gap`` apart."""
    number = width(_plain(row.number), look.ROW_SIZE)
    return width(_plain(row.word), look.ROW_SIZE) + (gap + number if row.number else 0)


def _table(box: Box) -> Content:
    """A centred title over rows with numbers flush right."""
    inner = max([width(box.title, look.TITLE_SIZE), *(_row_width(row, BETWEEN) for row in box.rows)])
    wide = max(even(inner + 2 * SIDE), LEAST_WIDTH)
    texts = [Text(wide / 2, 16.5, "middle", look.TITLE_SIZE, look.INK, box.title, "title")]
    top = TITLE_LINE + 2
    for index, row in enumerate(box.rows):
        texts += _row_texts(row, SIDE, wide - SIDE, top + index * ROW_LINE + 12.5)
    tall = even(top + len(box.rows) * ROW_LINE + 3) if box.rows else even(TITLE_LINE + 2)
    return Content(wide, tall, tuple(texts), TITLE_LINE if box.rows else None)


def _row_texts(row: Row, left: float, right: float, y: float) -> list[Text]:
    """The word at the left and the number at the right."""
    colour = look.ROWS[row.kind]
    texts = [Text(left, y, "start", look.ROW_SIZE, colour, _plain(row.word), row.kind)]
    if row.number:
        texts.append(Text(right, y, "end", look.ROW_SIZE, colour, _plain(row.number), row.kind))
    return texts


def _compact(box: Box) -> Content:
    """A bold title at the left with the corner at the right, then the rows two in a line."""
    indent = MARK + 5 if box.role == "scope" else 0.0
    title = tuple((text, "b" if style == "" else style) for text, style in box.title)
    head = indent + width(title, look.TITLE_SIZE)
    corner = width(box.corner, look.SMALL_SIZE)
    if corner:
        head += BETWEEN + corner
    lines = [box.rows[start : start + 2] for start in range(0, len(box.rows), 2)]
    widths = [sum(_row_width(row, 5) for row in line) + BETWEEN * (len(line) - 1) for line in lines]
    wide = max(even(max([head, *widths]) + 2 * SIDE), LEAST_WIDTH)
    texts = [Text(SIDE + indent, 17, "start", look.TITLE_SIZE, look.INK, title, "title")]
    if corner:
        texts.append(Text(wide - SIDE, 16.5, "end", look.SMALL_SIZE, look.GREY, box.corner, "corner"))
    for index, line in enumerate(lines):
        texts += _line_texts(line, wide, 34 + index * ROW_LINE)
    tall = even(TITLE_LINE + len(lines) * ROW_LINE + 2)
    return Content(wide, tall, tuple(texts), mark=(SIDE, 7.5, MARK) if indent else None)


def _line_texts(line: tuple[Row, ...], wide: float, y: float) -> list[Text]:
    """Word and number close together: the first row flush left, the second flush right."""
    first, *second = line
    texts = _row_texts(first, SIDE, SIDE + _row_width(first, 5), y)
    for row in second:
        texts += _row_texts(row, wide - SIDE - _row_width(row, 5), wide - SIDE, y)
    return texts
