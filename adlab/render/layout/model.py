"""What a layout engine gives back: rectangles and paths in pixels, y growing downwards, nothing else.

The entries of `Layout.boxes`, `Layout.paths` and `Layout.labels` stand in the order of the picture's boxes
and arrows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Cluster", "Layout", "Path", "Point", "Rect"]

Point: TypeAlias = tuple[float, float]
Path: TypeAlias = tuple[Point, ...]
"""A chain of cubic Bézier curves: a start, then two controls and an end for each, 1 + 3 n points."""


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its top left corner and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower side."""
        return self.y + self.height

    def moved(self, dx: float, dy: float) -> Rect:
        """The same rectangle elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The rectangle of a scope and where its name stands.

    Attributes
    ----------
    scope : tuple of str
        The path of the scope; its depth is the length.
    rect : Rect
    title : Rect
        The place kept for the name.
    """

    scope: tuple[str, ...]
    rect: Rect
    title: Rect


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of everything in a picture.

    Attributes
    ----------
    width, height : float
        The size of the paper; everything lies within.
    boxes : tuple of Rect
        One for each box.
    paths : tuple of Path
        One for each arrow, from the border of its source to the border of its target.
    labels : tuple of Rect or None
        One for each arrow: the place kept for its label, None without a label.
    clusters : tuple of Cluster
        Outer scopes before inner ones.
    engine : str
        Which engine found the positions.
    """

    width: float
    height: float
    boxes: tuple[Rect, ...]
    paths: tuple[Path, ...]
    labels: tuple[Rect | None, ...]
    clusters: tuple[Cluster, ...]
    engine: str
