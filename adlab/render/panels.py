"""Small panels side by side as SVG, written by us, so that the same data give the same bytes with every version of everything.

A panel has axes, curves, dots and filled polygons in its own coordinates. Curves break where a value is no number or lies
outside the panel. Text stays text, and words for readers who cannot see it stand in the title and the description.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.render.layout import look
from adlab.render.write import save

__all__ = ["Curve", "Panel", "Panels", "Polygon"]

WIDTH, GAP, MARGIN, HEAD, FOOT = 208.0, 30.0, 18.0, 24.0, 34.0
GREY, FAINT = "#5F6670", "#E3E6EA"


@dataclass(frozen=True)
class Curve:
    """A line through points, with a dash pattern in pixels, or dots where ``dots`` is true."""

    x: NDArray[Any]
    y: NDArray[Any]
    colour: str
    dash: str = ""
    dots: bool = False


@dataclass(frozen=True)
class Polygon:
    """A filled polygon, its corners as rows."""

    corners: NDArray[Any]
    fill: str


@dataclass(frozen=True)
class Panel:
    """A panel.

    Attributes
    ----------
    title : str
    parts : sequence of Curve or Polygon
        Drawn in this order.
    x, y : (float, float)
        What the axes span.
    ticks : tuple of (tuple of float, tuple of float)
        Where the axes have numbers.
    """

    title: str
    parts: Sequence[Curve | Polygon]
    x: tuple[float, float]
    y: tuple[float, float]
    ticks: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def height(self) -> float:
        """In pixels; both axes have one scale."""
        return WIDTH * (self.y[1] - self.y[0]) / (self.x[1] - self.x[0])

    def place(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return pixels within the panel."""
        scale = WIDTH / (self.x[1] - self.x[0])
        return (x - self.x[0]) * scale, (self.y[1] - y) * scale


@dataclass(frozen=True)
class Panels:
    """A picture of panels of one size.

    Attributes
    ----------
    title, description : str
    panels : sequence of Panel
    columns : int
        How many stand side by side.
    legend : sequence of (Curve, str)
        Samples with words, below.
    """

    title: str
    description: str
    panels: Sequence[Panel]
    columns: int
    legend: Sequence[tuple[Curve, str]] = ()

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        return "\n".join([*self._lines(), "</svg>", ""])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to an .svg file."""
        if Path(path).suffix.lower() != ".svg":
            raise InputError(f"These panels are saved as .svg, not as {Path(path).name!r}.")
        return save(path, self.svg)

    def _repr_svg_(self) -> str:
        return self.svg

    def _lines(self) -> Iterator[str]:
        rows = -(-len(self.panels) // self.columns)
        tall = self.panels[0].height + HEAD + FOOT
        across = 2 * MARGIN + self.columns * (WIDTH + GAP)
        down = MARGIN + rows * tall + (26 if self.legend else 0)
        family = ",".join(f"'{font}'" if " " in font else font for font in look.FONTS)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(across)}" height="{_n(down)}" '
            f'viewBox="0 0 {_n(across)} {_n(down)}" role="img" font-family="{escape(family)}" fill="{look.INK}">'
        )
        yield f"<title>{escape(self.title)}</title>"
        yield f"<desc>{escape(self.description)}</desc>"
        yield f'<rect width="{_n(across)}" height="{_n(down)}" fill="#FFFFFF"/>'
        for k, panel in enumerate(self.panels):
            left = MARGIN + GAP + (k % self.columns) * (WIDTH + GAP)
            yield f'<g transform="translate({_n(left)} {_n(MARGIN + HEAD + (k // self.columns) * tall)})">'
            yield from _panel(panel)
            yield "</g>"
        yield from self._legend(down - 20)

    def _legend(self, y: float) -> Iterator[str]:
        x = MARGIN + GAP
        for curve, words in self.legend:
            yield (
                _stroke(f"{_n(x)},{_n(y)} {_n(x + 26)},{_n(y)}", curve)
                if not curve.dots
                else (f'<circle cx="{_n(x + 13)}" cy="{_n(y)}" r="3.2" fill="{curve.colour}"/>')
            )
            yield f'<text x="{_n(x + 34)}" y="{_n(y + 4)}" font-size="12">{escape(words)}</text>'
            x += 60 + 6.6 * len(words)


def _panel(panel: Panel) -> Iterator[str]:
    yield f'<text x="0" y="-10" font-size="13" font-weight="bold">{escape(panel.title)}</text>'
    filled = any(isinstance(part, Polygon) for part in panel.parts)
    for k, axis in enumerate(panel.ticks):
        for tick in axis:
            x, y = panel.place(tick, panel.y[0]) if k == 0 else panel.place(panel.x[0], tick)
            if not filled:
                line = f'x1="{_n(x)}" x2="{_n(x)}" y1="0" y2="{_n(panel.height)}"'
                if k:
                    line = f'x1="0" x2="{_n(WIDTH)}" y1="{_n(y)}" y2="{_n(y)}"'
                yield f'<line {line} stroke="{GREY if tick == 0 else FAINT}" stroke-width="0.8"/>'
            at = f'x="{_n(x)}" y="{_n(y + 14)}" text-anchor="middle"'
            if k:
                at = f'x="-5" y="{_n(y + 3.5)}" text-anchor="end"'
            yield f'<text {at} font-size="10" fill="{GREY}">{f"{tick:g}".replace("-", "−")}</text>'
    for part in panel.parts:
        yield from _polygon(panel, part) if isinstance(part, Polygon) else _curve(panel, part)


def _polygon(panel: Panel, polygon: Polygon) -> Iterator[str]:
    x, y = panel.place(polygon.corners[:, 0], polygon.corners[:, 1])
    yield f'<polygon points="{_points(x, y)}" fill="{polygon.fill}" stroke="#FFFFFF" stroke-width="0.8"/>'


def _curve(panel: Panel, curve: Curve) -> Iterator[str]:
    inside = np.isfinite(curve.y) & (curve.y >= panel.y[0]) & (curve.y <= panel.y[1])
    x, y = panel.place(curve.x, curve.y)
    if curve.dots:
        for a, b in zip(x[inside], y[inside], strict=True):
            yield f'<circle cx="{_n(a)}" cy="{_n(b)}" r="3.2" fill="{curve.colour}"/>'
        return
    for piece in np.split(np.arange(len(x)), np.flatnonzero(np.diff(inside.astype(int))) + 1):
        if inside[piece].all() and len(piece) > 1:
            yield _stroke(_points(x[piece], y[piece]), curve)


def _stroke(points: str, curve: Curve) -> str:
    dash = f' stroke-dasharray="{curve.dash}"' if curve.dash else ""
    return f'<polyline points="{points}" fill="none" stroke="{curve.colour}" stroke-width="1.8"{dash}/>'


def _points(x: NDArray[Any], y: NDArray[Any]) -> str:
    return " ".join(f"{_n(a)},{_n(b)}" for a, b in zip(x, y, strict=True))


def _n(value: float) -> str:
    """Shortest text of a coordinate, to a tenth of a pixel."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
