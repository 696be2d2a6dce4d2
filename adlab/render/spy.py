"""The picture of a sparsity pattern: one square per entry, coloured by the pass it is read from.

A pattern of more than `MOST_CELLS` rows or columns is drawn on a grid of fewer, larger cells, darker where more of
their entries are there. The words below say everything the colours say.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adlab.errors import InputError
from adlab.render.layout import look
from adlab.reports.sparsity import SparsityReport

FORMATS = (".svg", ".png", ".pdf")

SIDE = 360.0
"""Length of the longer side of the matrix in pixels."""

MARGIN, LINE, LEAST_WIDTH = 16.0, 19.0, 470.0
MOST_CELLS = 120
THINNEST = 0.15

HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#4F555D")
"""Okabe and Ito's colours, which all readers can tell apart; passes beyond the last begin again."""


class Cell(NamedTuple):
    """One square: where, how large, in which colour, how dense."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    opacity: float


@dataclass(frozen=True)
class Spy:
    """The picture of a pattern.

    Attributes
    ----------
    report : SparsityReport
    """

    report: SparsityReport

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        return "\n".join([*_svg_lines(self.report), "</svg>", ""])

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file; the ending, .svg, .png or .pdf, chooses the format.

        Raises
        ------
        InputError
            For another ending or a folder that cannot be written to.
        """
        from adlab.render.write import save

        suffix = Path(path).suffix.lower()
        if suffix not in FORMATS:
            raise InputError(
                f"Patterns are saved as {', '.join(FORMATS)}, not as {suffix or 'a file without ending'}; choose one."
            )
        return save(path, self.svg if suffix == ".svg" else _raster(self.report, suffix[1:]))

    def _repr_svg_(self) -> str:
        return self.svg


def cells(report: SparsityReport) -> Iterator[Cell]:
    """Yield the squares of a picture, the matrix at the origin."""
    rows, columns = report.shape
    high, wide = min(rows, MOST_CELLS), min(columns, MOST_CELLS)
    if not report.nonzeros:
        return
    height, width = matrix_size(report)
    tall, broad = height / high, width / wide
    if (high, wide) == (rows, columns):
        numbers = report.pass_of_entries()
        gap = 0.08 if min(tall, broad) > 4 else 0.0
        for row, column, number in zip(report.pattern.rows, report.pattern.indices, numbers, strict=True):
            fill = HUES[int(number) % len(HUES)]
            x, y = (int(column) + gap) * broad, (int(row) + gap) * tall
            yield Cell(x, y, broad * (1 - 2 * gap), tall * (1 - 2 * gap), fill, 1.0)
        return
    counts = np.zeros((high, wide))
    at = (
        report.pattern.rows.astype(np.int64) * high // rows,
        report.pattern.indices.astype(np.int64) * wide // columns,
    )
    np.add.at(counts, at, 1)
    darkest = counts.max()
    for row, column in np.argwhere(counts).tolist():
        opacity = THINNEST + (1 - THINNEST) * counts[row, column] / darkest
        yield Cell(column * broad, row * tall, broad, tall, HUES[0], round(float(opacity), 2))


def matrix_size(report: SparsityReport) -> tuple[float, float]:
    """Return height and width of the matrix; a very long one is drawn less long than it is."""
    rows, columns = (max(n, 1) for n in report.shape)
    longest = max(rows, columns)
    return max(SIDE * rows / longest, SIDE / 12), max(SIDE * columns / longest, SIDE / 12)


def captions(report: SparsityReport) -> tuple[str, str, str]:
    """Return the heading and the two lines below the picture."""
    rows, columns = report.shape
    heading = f"{report.kind}, {rows:,} × {columns:,}: {report.structure}"
    coarse = max(rows, columns) > MOST_CELLS
    colour = "darker cells hold more entries" if coarse else "one colour for each pass"
    return heading, f"{report.nonzeros:,} entries; {colour}", report.sentence


def _svg_lines(report: SparsityReport) -> Iterator[str]:
    heading, below, sentence = captions(report)
    height, width = matrix_size(report)
    full = (max(width + 2 * MARGIN, LEAST_WIDTH), height + 2 * MARGIN + 3 * LINE)
    family = ",".join(f"'{font}'" if " " in font else font for font in look.FONTS)
    size = f'width="{_n(full[0])}" height="{_n(full[1])}" viewBox="0 0 {_n(full[0])} {_n(full[1])}"'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="adlab-spy" {size} role="img" '
        f'font-family="{escape(family)}" fill="{look.INK}">'
    )
    yield f"<title>{escape(heading)}</title>"
    yield f"<desc>{escape(' '.join((report.title, below + '.', sentence)).strip())}</desc>"
    yield f'<rect width="{_n(full[0])}" height="{_n(full[1])}" fill="#FFFFFF"/>'
    yield f'<text x="{_n(MARGIN)}" y="{_n(MARGIN + 10)}" font-size="13" font-weight="bold">{escape(heading)}</text>'
    top = MARGIN + LINE
    yield f'<g transform="translate({_n(MARGIN)} {_n(top)})">'
    for (fill, opacity), group in _grouped(report).items():
        shade = "" if opacity == 1 else f' fill-opacity="{opacity:g}"'
        path = "".join(f"M{_n(c.x)} {_n(c.y)}h{_n(c.width)}v{_n(c.height)}h{_n(-c.width)}z" for c in group)
        yield f'<path fill="{fill}"{shade} d="{path}"/>'
    yield f'<rect width="{_n(width)}" height="{_n(height)}" fill="none" stroke="{look.EDGE}"/></g>'
    for k, line in enumerate((below, sentence)):
        y = top + height + LINE * (k + 1) - 2
        yield f'<text x="{_n(MARGIN)}" y="{_n(y)}" font-size="11.5">{escape(line)}</text>'


def _grouped(report: SparsityReport) -> dict[tuple[str, float], list[Cell]]:
    groups: dict[tuple[str, float], list[Cell]] = {}
    for cell in cells(report):
        groups.setdefault((cell.fill, cell.opacity), []).append(cell)
    return groups


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _raster(report: SparsityReport, format: str) -> bytes:
    """Return the same picture drawn by matplotlib."""
    import matplotlib
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    heading, below, sentence = captions(report)
    height, width = matrix_size(report)
    full = (max(width + 2 * MARGIN, LEAST_WIDTH), height + 2 * MARGIN + 3 * LINE)
    top = MARGIN + LINE
    file = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"]})
        figure = Figure(figsize=(full[0] / 96, full[1] / 96), facecolor="white")
        axes: Any = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, full[0])
        axes.set_ylim(full[1], 0)
        for (fill, opacity), group in _grouped(report).items():
            squares = [Rectangle((MARGIN + c.x, top + c.y), c.width, c.height) for c in group]
            axes.add_collection(PatchCollection(squares, facecolor=fill, alpha=opacity, linewidth=0))
        axes.add_patch(
            Rectangle((MARGIN, top), width, height, fill=False, edgecolor=look.EDGE, linewidth=0.75)
        )
        axes.text(MARGIN, MARGIN + 10, heading, fontsize=13 * 0.75, weight="bold", color=look.INK)
        for k, line in enumerate((below, sentence)):
            y = top + height + LINE * (k + 1) - 2
            axes.text(MARGIN, y, line, fontsize=11.5 * 0.75, color=look.INK)
        about = {"Title": heading, **({"Software": None} if format == "png" else {"CreationDate": None})}
        figure.savefig(file, format=format, dpi=192, metadata=about)
    return file.getvalue()


__all__ = ["Spy", "captions", "cells"]
