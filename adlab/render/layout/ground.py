"""What colour lies under a word: the fill of the innermost scope around it, or white paper."""

from __future__ import annotations

from adlab.render.layout import look
from adlab.render.layout.model import Cluster, Layout, Rect

__all__ = ["PAPER", "fill", "under"]

PAPER = "#FFFFFF"


def fill(cluster: Cluster) -> str:
    """Fill of a scope; it alternates with depth.

    Parameters
    ----------
    cluster : Cluster

    Returns
    -------
    str
    """
    return look.SCOPE_FILLS[(len(cluster.scope) - 1) % len(look.SCOPE_FILLS)]


def under(layout: Layout, rect: Rect) -> str:
    """Colour under the middle of a rectangle.

    Parameters
    ----------
    layout : Layout
    rect : Rect

    Returns
    -------
    str
    """
    x, y = rect.x + rect.width / 2, rect.y + rect.height / 2
    colour = PAPER
    for cluster in layout.clusters:
        around = cluster.rect
        if around.x <= x <= around.right and around.y <= y <= around.bottom:
            colour = fill(cluster)
    return colour
