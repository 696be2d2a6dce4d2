"""The tip of an arrow: a filled triangle at the end of the path, and the path shortened to its base."""

from __future__ import annotations

import math

from adlab.render.layout import look
from adlab.render.layout.model import Path, Point

__all__ = ["tip"]


def tip(path: Path, count: int = 1) -> tuple[Path, tuple[Point, Point, Point]]:
    """Split an arrow into its line and its triangle.

    Parameters
    ----------
    path : Path
    count : int
        How many arrows this one stands for; heavier lines get larger triangles.

    Returns
    -------
    tuple
        The shortened path, and the triangle with its tip first.
    """
    length = look.HEAD_LENGTH + 1.5 * (look.arrow_width(count) - look.EDGE_WIDTH)
    half = length * look.HEAD_HALF / look.HEAD_LENGTH
    end = path[-1]
    dx, dy = _direction(path)
    base = (end[0] - dx * length, end[1] - dy * length)
    corners = (end, (base[0] - dy * half, base[1] + dx * half), (base[0] + dy * half, base[1] - dx * half))
    inner = (end[0] - dx * (length - 1), end[1] - dy * (length - 1))
    before = path[-2]
    reach = (end[0] - before[0]) * dx + (end[1] - before[1]) * dy
    control = before if reach > length else (inner[0] - dx * 0.01, inner[1] - dy * 0.01)
    return (*path[:-2], control, inner), corners


def _direction(path: Path) -> Point:
    """Unit vector of the path at its end."""
    end = path[-1]
    for point in reversed(path[:-1]):
        length = math.hypot(end[0] - point[0], end[1] - point[1])
        if length > 1e-6:
            return (end[0] - point[0]) / length, (end[1] - point[1]) / length
    return 1.0, 0.0
