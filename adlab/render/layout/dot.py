"""Positions from Graphviz: the program ``dot``, or the same library inside Python through pygraphviz.

Graphviz gets boxes and labels of our sizes without a word in them, so that it only has to find places; its
answer is the JSON that ``dot -Tjson`` writes. Graphviz counts in points from the lower left corner, we in
pixels from the upper left one; one point is taken for one pixel.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from adlab.errors import RenderError
from adlab.render.layout.builtin import MARGIN, label_size, title_width
from adlab.render.layout.content import content
from adlab.render.layout.model import Cluster, Layout, Path, Point, Rect
from adlab.reports.picture import Picture

__all__ = ["by_library", "by_program", "lay_out"]

INSTALL = (
    "install Graphviz (apt install graphviz, brew install graphviz, winget install graphviz) or "
    "pip install 'adlab[graphviz]', or use engine='builtin', which draws SVG, PNG and PDF without it."
)
SECONDS = 120

SMALL = 24
"""Up to so many boxes the inputs are kept on one rank."""


def lay_out(picture: Picture, run: Callable[[str], bytes]) -> Layout:
    """Place everything in a picture by Graphviz.

    Parameters
    ----------
    picture : Picture
    run : callable
        `by_program` or `by_library`: from DOT text to JSON.

    Returns
    -------
    Layout

    Raises
    ------
    RenderError
        If this Graphviz is not installed or fails.
    """
    answer = json.loads(run(_question(picture)))
    return _read(picture, answer, "dot" if run is by_program else "pygraphviz")


def by_program(text: str) -> bytes:
    """Ask the program ``dot``.

    Parameters
    ----------
    text : str
        DOT.

    Returns
    -------
    bytes
        JSON.
    """
    program = shutil.which("dot")
    if program is None:
        raise RenderError(
            f"The engine 'dot' is not to be had because there is no program dot on the PATH; {INSTALL}"
        )
    try:
        done = subprocess.run(
            [program, "-Tjson"], input=text.encode(), capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError(
            f"The program dot did not finish ({error}); use engine='builtin' instead."
        ) from error
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().split("\n")[0]
        raise RenderError(f"The program dot failed and said {reason!r}; use engine='builtin' instead.")
    return done.stdout


def by_library(text: str) -> bytes:
    """Ask pygraphviz.

    Parameters
    ----------
    text : str
        DOT.

    Returns
    -------
    bytes
        JSON.
    """
    try:
        import pygraphviz
    except ImportError as error:
        raise RenderError(
            f"The engine 'pygraphviz' is not to be had because it is not installed; {INSTALL}"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # remarks of Graphviz about long flat labels
        drawn: bytes = pygraphviz.AGraph(string=text).draw(format="json", prog="dot")
    return drawn


def _question(picture: Picture) -> str:
    """DOT text with sizes, names that are numbers, and scopes as clusters."""
    gap = 0.30 if picture.direction == "TB" else 0.26
    lines = [
        "digraph {",
        f"graph [rankdir={picture.direction} nodesep={gap} ranksep=0.55 newrank=true pad=0 margin=0]",
        'node [shape=box fixedsize=true label=""]',
        "edge [arrowsize=0.8]",
    ]
    lines += _scoped_boxes(picture)
    inputs = [i for i, box in enumerate(picture.boxes) if box.role == "input" and not box.scope]
    if len(inputs) > 1 and len(picture.boxes) <= SMALL:
        lines.append("{rank=same; " + "; ".join(f"b{i}" for i in inputs) + "}")
    index = {box.id: number for number, box in enumerate(picture.boxes)}
    for number, arrow in enumerate(picture.arrows):
        size = label_size(picture, number)
        label = f" label=<{_blank(*size)}>" if size else ""
        lines.append(f"b{index[arrow.source]} -> b{index[arrow.target]} [id={number}{label}]")
    return "\n".join([*lines, "}"])


def _blank(width: int, height: int) -> str:
    """An empty table of a given size."""
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" FIXEDSIZE="TRUE" WIDTH="{width}" '
        f'HEIGHT="{height}"><TR><TD></TD></TR></TABLE>'
    )


def _scopes(picture: Picture) -> list[tuple[str, ...]]:
    """Paths of all scopes in the order of first boxes, outer before inner."""
    paths: dict[tuple[str, ...], None] = {}
    for box in picture.boxes:
        for depth in range(1, len(box.scope) + 1):
            paths.setdefault(box.scope[:depth])
    return list(paths)


def _scoped_boxes(picture: Picture) -> Iterator[str]:
    """Statements for boxes inside their clusters."""
    names = {path: f"cluster_{number}" for number, path in enumerate(_scopes(picture))}
    inner: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for path in names:
        inner.setdefault(path[:-1], []).append(path)
    stack: list[tuple[tuple[str, ...], bool]] = [((), False)]
    while stack:
        path, closing = stack.pop()
        if closing:
            yield "}"
            continue
        if path:
            title = _blank(title_width(path), 16)
            yield f"subgraph {names[path]} {{ graph [label=<{title}> labeljust=l margin=10]"
            stack.append((path, True))
        for number, box in enumerate(picture.boxes):
            if box.scope == path:
                inside = content(box)
                yield f"b{number} [width={inside.width / 72:.6f} height={inside.height / 72:.6f}]"
        stack += [(child, False) for child in reversed(inner.get(path, []))]


def _read(picture: Picture, answer: dict[str, Any], engine: str) -> Layout:
    """Positions out of the JSON, moved so that everything is on the paper."""
    top = _numbers(answer["bb"])[3]
    things = answer.get("objects", [])
    named = {thing["name"]: thing for thing in things}
    boxes = [
        _rect(named[f"b{number}"], box_size(picture, number), top) for number in range(len(picture.boxes))
    ]
    edges = sorted(answer.get("edges", []), key=lambda edge: int(edge["id"]))
    paths = [_path(edge["pos"], top) for edge in edges]
    labels = [
        _rect(edge, label_size(picture, i), top, "lp") if "lp" in edge else None
        for i, edge in enumerate(edges)
    ]
    found = [_cluster(path, named[f"cluster_{number}"], top) for number, path in enumerate(_scopes(picture))]
    found.sort(key=lambda cluster: len(cluster.scope))
    return _on_paper(boxes, paths, labels, found, engine)


def box_size(picture: Picture, number: int) -> tuple[int, int]:
    """Width and height of a box.

    Parameters
    ----------
    picture : Picture
    number : int

    Returns
    -------
    tuple of int
    """
    inside = content(picture.boxes[number])
    return inside.width, inside.height


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _rect(thing: dict[str, Any], size: tuple[int, int] | None, top: float, key: str = "pos") -> Rect:
    """A rectangle about the place that Graphviz gives."""
    x, y = _numbers(thing[key])
    width, height = size or (0, 0)
    return Rect(x - width / 2, top - y - height / 2, width, height)


def _cluster(path: tuple[str, ...], thing: dict[str, Any], top: float) -> Cluster:
    """Rectangle of a cluster and place of its name."""
    left, low, right, high = _numbers(thing["bb"])
    rect = Rect(left, top - high, right - left, high - low)
    return Cluster(path, rect, Rect(rect.x + 8, rect.y + 4, title_width(path), 16))


def _path(position: str, top: float) -> Path:
    """Spline of an edge, extended to the tip of its arrow."""
    tip: Point | None = None
    points: list[Point] = []
    for word in position.split():
        x, y = _numbers(word.removeprefix("e,").removeprefix("s,"))
        if word.startswith("e,"):
            tip = (x, top - y)
        else:
            points.append((x, top - y))
    if tip is not None:
        (x, y), (a, b) = points[-1], tip
        points += [(x + (a - x) / 3, y + (b - y) / 3), (a - (a - x) / 3, b - (b - y) / 3), tip]
    return tuple(points)


def _on_paper(
    boxes: list[Rect], paths: list[Path], labels: list[Rect | None], clusters: list[Cluster], engine: str
) -> Layout:
    """Move everything so that nothing is off the paper, and measure it."""
    rects = [*boxes, *(label for label in labels if label), *(cluster.rect for cluster in clusters)]
    points = [point for path in paths for point in path]
    left = min([rect.x for rect in rects] + [x for x, _ in points]) - MARGIN
    top = min([rect.y for rect in rects] + [y for _, y in points]) - MARGIN
    right = max([rect.right for rect in rects] + [x for x, _ in points]) + MARGIN
    bottom = max([rect.bottom for rect in rects] + [y for _, y in points]) + MARGIN
    return Layout(
        right - left,
        bottom - top,
        tuple(rect.moved(-left, -top) for rect in boxes),
        tuple(tuple((x - left, y - top) for x, y in path) for path in paths),
        tuple(label.moved(-left, -top) if label else None for label in labels),
        tuple(Cluster(c.scope, c.rect.moved(-left, -top), c.title.moved(-left, -top)) for c in clusters),
        engine,
    )
