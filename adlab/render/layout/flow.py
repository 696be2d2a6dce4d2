"""Directions and distances of the built-in layout.

The layout thinks in two coordinates that do not know left from right: *along* the flow, from operands to
results, and *across* it. A picture from top to bottom has across = x and along = y; a picture from left to
right has them exchanged. Only this file and the last step know which is which.
"""

from __future__ import annotations

from dataclasses import dataclass

from adlab.render.layout.model import Point, Rect
from adlab.reports.picture import Direction

__all__ = ["DOWN", "RIGHT", "Flow", "flow_of"]


@dataclass(frozen=True, slots=True)
class Flow:
    """Distances in pixels for one direction.

    Attributes
    ----------
    across_is_x : bool
    between_boxes, beside_wire, between_wires : int
        Free space across the flow.
    gap, label_gap : int
        Free space along the flow: between two layers of boxes, and on either side of a layer of labels.
    pad : int
        From the border of a scope to what it holds.
    open_pad : int
        The same at the side where the flow enters.
    low_pad : int
        The same at the low side across the flow.
    """

    across_is_x: bool
    between_boxes: int
    beside_wire: int
    between_wires: int
    gap: int
    label_gap: int
    pad: int
    open_pad: int
    low_pad: int

    def point(self, across: float, along: float) -> Point:
        """From flow coordinates to the paper."""
        return (across, along) if self.across_is_x else (along, across)

    def rect(self, low: float, high: float, start: float, end: float) -> Rect:
        """From intervals across and along the flow to the paper."""
        if self.across_is_x:
            return Rect(low, start, high - low, end - start)
        return Rect(start, low, end - start, high - low)

    def sizes(self, width: int, height: int) -> tuple[int, int]:
        """Size across and along the flow of something with a width and a height."""
        return (width, height) if self.across_is_x else (height, width)


TITLE = 18
"""Height kept for the name of a scope."""

DOWN = Flow(True, 26, 16, 12, 26, 14, 10, 10 + TITLE, 10)
RIGHT = Flow(False, 20, 16, 12, 34, 20, 10, 10, 10 + TITLE)


def flow_of(direction: Direction) -> Flow:
    """Distances for a direction.

    Parameters
    ----------
    direction : {"LR", "TB"}

    Returns
    -------
    Flow
    """
    return RIGHT if direction == "LR" else DOWN
