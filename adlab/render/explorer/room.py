"""A picture whose numbers may change: invisible spaces keep boxes and labels wide enough."""

from __future__ import annotations

import math
from dataclasses import replace

from adlab.render.layout import look
from adlab.render.layout.text import width
from adlab.reports.picture import Arrow, Box, Picture, Row, Runs

ROOM, LABEL_ROOM = "−0.001234", "−0.2837"
"""The widest numbers that boxes and labels leave room for."""


def roomy(picture: Picture) -> Picture:
    """Return the picture with no-break spaces at its numbers."""
    boxes, arrows = map(_roomy_box, picture.boxes), map(_roomy_arrow, picture.arrows)
    return replace(picture, boxes=tuple(boxes), arrows=tuple(arrows))


def _roomy_box(box: Box) -> Box:
    return replace(box, rows=tuple(map(_roomy_row, box.rows)))


def _roomy_row(row: Row) -> Row:
    return replace(row, number=_spaces(row.number, ROOM, look.ROW_SIZE) + row.number) if row.number else row


def _roomy_arrow(arrow: Arrow) -> Arrow:
    if not arrow.label or " = " not in arrow.label[-1][0]:
        return arrow
    last, style = arrow.label[-1]
    half = _spaces(last.rpartition(" = ")[2], LABEL_ROOM, look.LABEL_SIZE)
    half = half[: len(half) // 2]
    label: Runs = (*arrow.label[:-1], (last + half, style))
    return replace(arrow, label=((half, ""), *label) if half else label)


def _spaces(text: str, widest: str, size: float) -> str:
    """Return no-break spaces as wide as ``widest`` is wider than ``text``."""
    missing = width(((widest, ""),), size) - width(((text, ""),), size)
    return "\u00a0" * max(math.ceil(missing / width((("\u00a0", ""),), size)), 0)
