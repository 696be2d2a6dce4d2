"""Where everything in a picture stands: one model of positions, several engines that find them.

The engine ``"builtin"`` is our own layered layout and always there. ``"dot"`` asks the program of that name
from Graphviz, ``"pygraphviz"`` the same library inside Python. All give a `Layout`, which the writers turn
into SVG, PNG or PDF, so an engine chooses positions and nothing else.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from adlab.errors import InputError
from adlab.render.layout import builtin, dot
from adlab.render.layout.model import Cluster, Layout, Path, Point, Rect
from adlab.reports.picture import Picture, check

__all__ = ["Cluster", "Engine", "Layout", "Path", "Point", "Rect", "lay_out"]

Engine: TypeAlias = Literal["auto", "builtin", "dot", "pygraphviz"]


def lay_out(picture: Picture, engine: Engine = "auto") -> Layout:
    """Find positions for everything in a picture.

    Parameters
    ----------
    picture : Picture
    engine : {"auto", "builtin", "dot", "pygraphviz"}
        ``"auto"`` is the built-in one: it draws the same picture on every machine and crosses arrows no more
        often than ``dot`` on the graphs we drew with both.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        If the picture cannot be drawn or there is no such engine.
    RenderError
        If the engine is not installed here.
    """
    if engine not in get_args(Engine):
        raise InputError(
            f"There is no layout engine {engine!r}; choose one of {', '.join(map(repr, get_args(Engine)))}."
        )
    check(picture)
    if engine in ("auto", "builtin") or not picture.boxes:
        return builtin.lay_out(picture)
    return dot.lay_out(picture, dot.by_program if engine == "dot" else dot.by_library)
