"""The house style of graphs: colours, weights and sizes, in one place for all formats.

Every meaning is carried twice, never by colour alone: inputs and outputs have heavier borders, constants
dashed ones, rows begin with a word, collapsed scopes have a mark. All text reaches a contrast of at least 5.2
on its ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from adlab.reports.picture import Kind, Role

__all__ = [
    "BOXES",
    "EDGE",
    "FONTS",
    "GREY",
    "INK",
    "ROWS",
    "SCOPE_BORDER",
    "SCOPE_FILLS",
    "BoxLook",
    "arrow_width",
]


@dataclass(frozen=True, slots=True)
class BoxLook:
    """Colours and border of the boxes of one role."""

    fill: str
    border: str
    weight: float
    dashed: bool = False


BOXES: Mapping[Role, BoxLook] = MappingProxyType(
    {
        "input": BoxLook("#D6EAF8", "#1F618D", 2),
        "parameter": BoxLook("#FFF1CC", "#9A7400", 1.2),
        "constant": BoxLook("#ECECEC", "#777777", 1.2, dashed=True),
        "operation": BoxLook("#FFFFFF", "#5F6670", 1.2),
        "output": BoxLook("#D5F0DD", "#1E7B4B", 3),
        "scope": BoxLook("#ECEFF3", "#5F6670", 1.2),
    }
)

INK = "#1B1B1B"
GREY = "#4F555D"
EDGE = "#5F6670"
ROWS: Mapping[Kind, str] = MappingProxyType(
    {"value": "#1B1B1B", "tangent": "#00609A", "adjoint": "#A33F00", "note": GREY}
)
SCOPE_FILLS = ("#F6F7F9", "#ECEFF3")
SCOPE_BORDER = "#B4BAC4"

FONTS = ("DejaVu Sans", "Verdana", "Segoe UI", "Helvetica", "Arial", "sans-serif")

TITLE_SIZE = 13.0
ROW_SIZE = 11.5
SMALL_SIZE = 10.5
LABEL_SIZE = 10.5
SCOPE_SIZE = 11.5

RADIUS = 7.0
SCOPE_RADIUS = 6.0
EDGE_WIDTH = 1.2
HEAD_LENGTH = 8.0
HEAD_HALF = 3.2
HALO = 3.0


def arrow_width(count: int) -> float:
    """Width of an arrow that stands for several: a little heavier with each, up to three times.

    Parameters
    ----------
    count : int

    Returns
    -------
    float
        In pixels.
    """
    return min(EDGE_WIDTH + 0.35 * (count - 1), 3 * EDGE_WIDTH)
