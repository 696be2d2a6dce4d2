"""A picture as PNG or PDF, drawn by matplotlib from the same positions as the SVG.

matplotlib is installed wherever adlab is, brings its own font and needs no other program, so these formats
always work and look alike everywhere; the engine only chooses positions. In a PDF, text stays text (TrueType
fonts are embedded).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from adlab.render.layout import Engine, ground, lay_out, look
from adlab.render.layout.arrowhead import tip
from adlab.render.layout.content import Text, content, label_runs, within
from adlab.render.layout.model import Cluster, Layout, Path, Rect
from adlab.render.layout.text import SHIFT, run_size, width
from adlab.reports.picture import Arrow, Box, Picture, Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["to_pdf", "to_png"]

POINT = 72 / 96
"""Points in a pixel."""

SIDE_LIMIT = 30_000
AREA_LIMIT = 80_000_000
"""The largest side and area of a PNG in its own pixels; larger pictures get fewer pixels for each of ours."""


def to_png(picture: Picture, engine: Engine = "auto", *, scale: float = 2.0) -> bytes:
    """Draw a picture as PNG.

    Parameters
    ----------
    picture : Picture
    engine : {"auto", "builtin", "dot", "pygraphviz"}
        Who finds the positions.
    scale : float
        Pixels of the file for each pixel of the layout; less for pictures that would be huge.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If the picture cannot be drawn or there is no such engine.
    RenderError
        If the engine is not installed here.
    """
    layout = lay_out(picture, engine)
    most = min(
        SIDE_LIMIT / max(layout.width, layout.height), (AREA_LIMIT / (layout.width * layout.height)) ** 0.5
    )
    with _house():
        figure = _figure(picture, layout)
        file = io.BytesIO()
        about = {"Title": picture.title, "Software": None}
        figure.savefig(file, format="png", dpi=96 * min(scale, most), metadata=about)
    return file.getvalue()


def to_pdf(picture: Picture, engine: Engine = "auto") -> bytes:
    """Draw a picture as PDF, one page of its size.

    Parameters
    ----------
    picture : Picture
    engine : {"auto", "builtin", "dot", "pygraphviz"}
        Who finds the positions.

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If the picture cannot be drawn or there is no such engine.
    RenderError
        If the engine is not installed here.
    """
    layout = lay_out(picture, engine)
    with _house():
        figure = _figure(picture, layout)
        file = io.BytesIO()
        about = {"Title": picture.title, "Subject": picture.description or None, "CreationDate": None}
        figure.savefig(file, format="pdf", metadata=about)
    return file.getvalue()


@contextmanager
def _house() -> Iterator[None]:
    """Settings of matplotlib while we draw, put back afterwards; no remarks about missing letters."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"]})
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _figure(picture: Picture, layout: Layout) -> Figure:
    """A figure of the size of the layout with everything on it, in the order of the SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(layout.width / 96, layout.height / 96), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, layout.width)
    axes.set_ylim(layout.height, 0)
    axes.set_autoscale_on(False)
    order = iter(range(1, 1_000_000))
    for cluster in layout.clusters:
        _ground(axes, cluster, next(order))
    for arrow, path in zip(picture.arrows, layout.paths, strict=True):
        _arrow(axes, arrow, path, next(order))
    for box, rect in zip(picture.boxes, layout.boxes, strict=True):
        _box(axes, box, rect, next(order))
    for cluster in layout.clusters:
        x, y = cluster.title.x, cluster.title.y + 12
        runs: Runs = ((cluster.scope[-1], "b"),)
        _runs(axes, runs, x, y, look.SCOPE_SIZE, look.GREY, next(order), ground.fill(cluster))
    for arrow, place in zip(picture.arrows, layout.labels, strict=True):
        if place is not None:
            _label(axes, arrow, place, ground.under(layout, place), next(order))
    return figure


def _rounded(
    axes: Axes, rect: Rect, radius: float, fill: str, border: str, weight: float, dashed: bool, z: int
) -> None:
    """A rectangle with round corners."""
    from matplotlib.patches import FancyBboxPatch

    patch = FancyBboxPatch(
        (rect.x, rect.y),
        rect.width,
        rect.height,
        boxstyle=f"round,pad=0,rounding_size={radius}",
        facecolor=fill,
        edgecolor=border,
        linewidth=weight * POINT,
        linestyle=(0, (4 / weight, 3 / weight)) if dashed else "solid",
        zorder=z,
    )
    axes.add_artist(patch)


def _line(
    axes: Axes, points: list[tuple[float, float]], codes: list[int], colour: str, weight: float, z: int
) -> None:
    """A path without filling."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    patch = PathPatch(
        Curve(points, codes),
        fill=False,
        edgecolor=colour,
        linewidth=weight * POINT,
        capstyle="butt",
        snap=False,
        zorder=z,
    )
    axes.add_artist(patch)


def _ground(axes: Axes, cluster: Cluster, z: int) -> None:
    """The ground of a scope."""
    _rounded(axes, cluster.rect, look.SCOPE_RADIUS, ground.fill(cluster), look.SCOPE_BORDER, 1, False, z)


def _arrow(axes: Axes, arrow: Arrow, path: Path, z: int) -> None:
    """A line and its tip."""
    from matplotlib.patches import Polygon

    line, corners = tip(path, arrow.count)
    _line(axes, list(line), [1] + [4] * (len(line) - 1), look.EDGE, look.arrow_width(arrow.count), z)
    axes.add_artist(
        Polygon(list(corners), closed=True, facecolor=look.EDGE, edgecolor="none", snap=False, zorder=z)
    )


def _box(axes: Axes, box: Box, rect: Rect, z: int) -> None:
    """A box with its words."""
    style, inside = look.BOXES[box.role], content(box)
    _rounded(axes, rect, look.RADIUS, style.fill, style.border, style.weight, style.dashed, z)
    room = within(rect, inside)
    if inside.rule is not None:
        y = room.y + inside.rule
        _line(axes, [(rect.x, y), (rect.right, y)], [1, 2], style.border, 1, z)
    if inside.mark is not None:
        _mark(axes, room, inside.mark, z)
    for text in inside.texts:
        _text(axes, text, room, z)


def _mark(axes: Axes, rect: Rect, mark: tuple[float, float, float], z: int) -> None:
    """The sign ⊞."""
    left, top, size = mark
    x, y, half = rect.x + left, rect.y + top, size / 2
    points = [(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)]
    points += [(x + 2, y + half), (x + size - 2, y + half), (x + half, y + 2), (x + half, y + size - 2)]
    _line(axes, points, [1, 2, 2, 2, 79, 1, 2, 1, 2], look.INK, 1.1, z)


def _text(axes: Axes, text: Text, rect: Rect, z: int) -> None:
    """One text of a box."""
    part = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor]
    x = rect.x + text.x - part * width(text.runs, text.size)
    _runs(axes, text.runs, x, rect.y + text.y, text.size, text.colour, z)


def _label(axes: Axes, arrow: Arrow, place: Rect, halo: str, z: int) -> None:
    """The words on an arrow."""
    runs = label_runs(arrow)
    x = place.x + (place.width - width(runs, look.LABEL_SIZE)) / 2
    _runs(axes, runs, x, place.y + 11, look.LABEL_SIZE, look.INK, z, halo)


def _runs(
    axes: Axes, runs: Runs, x: float, y: float, size: float, colour: str, z: int, halo: str = ""
) -> None:
    """Runs one after the other, by our own widths, which are those of matplotlib's font."""
    from matplotlib.patheffects import withStroke

    effects = [withStroke(linewidth=look.HALO * POINT, foreground=halo)] if halo else []
    for text, style in runs:
        axes.text(
            x,
            y + SHIFT.get(style, 0.0) * size,
            text,
            fontsize=run_size(style, size) * POINT,
            fontstyle="italic" if style == "i" else "normal",
            fontweight="bold" if style == "b" else "normal",
            color=look.GREY if style == "grey" else colour,
            parse_math=False,
            horizontalalignment="left",
            verticalalignment="baseline",
            path_effects=effects,
            zorder=z,
        )
        x += width(((text, style),), size)
