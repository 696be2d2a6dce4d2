"""The built-in layered layout: no other program, the same picture on every machine.

In the manner of K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man, and Cybernetics 11 (1981), four steps, one file each: layers
(`layers`), order within the layers (`order`), positions across the flow (`columns`), positions along it and
paths (`route`). Parts that nothing connects are laid out one by one and then set beside each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adlab.render.layout import look, route
from adlab.render.layout.columns import CORNER, LEAST_PORT, place
from adlab.render.layout.content import content, label_runs
from adlab.render.layout.flow import Flow, flow_of
from adlab.render.layout.layers import Layered, Link, Node, build
from adlab.render.layout.model import Cluster, Layout, Path, Rect
from adlab.render.layout.order import sequence
from adlab.render.layout.text import even, width
from adlab.reports.picture import Picture

__all__ = ["MARGIN", "label_size", "lay_out", "title_width"]

MARGIN = 12
"""Free paper around everything."""

PART_GAP = 36
"""Free paper between two parts that nothing connects."""

LABEL_HEIGHT = 15


@dataclass(frozen=True, slots=True)
class _Part:
    """A connected part: its boxes, its arrows, and its own layout with the corner at (0, 0)."""

    boxes: tuple[int, ...]
    arrows: tuple[int, ...]
    layout: Layout


def lay_out(picture: Picture) -> Layout:
    """Place everything in a picture.

    Parameters
    ----------
    picture : Picture
        Without cycles.

    Returns
    -------
    Layout
    """
    flow = flow_of(picture.direction)
    nodes = tuple(_nodes(picture, flow))
    links = tuple(_links(picture, flow))
    parts = [_part(nodes, links, boxes, arrows, flow) for boxes, arrows in _parts(nodes, links)]
    return _together(picture, parts, flow)


def label_size(picture: Picture, arrow: int) -> tuple[int, int] | None:
    """Width and height of the label of an arrow, None without one.

    Parameters
    ----------
    picture : Picture
    arrow : int
        Its index.

    Returns
    -------
    tuple of int or None
    """
    runs = label_runs(picture.arrows[arrow])
    return (even(width(runs, look.LABEL_SIZE) + 4), LABEL_HEIGHT) if runs else None


def title_width(scope: tuple[str, ...]) -> int:
    """Width of the name of a scope.

    Parameters
    ----------
    scope : tuple of str

    Returns
    -------
    int
    """
    return even(width(((scope[-1], "b"),), look.SCOPE_SIZE))


def _nodes(picture: Picture, flow: Flow) -> list[Node]:
    """Boxes with their sizes; a box that many arrows meet is large enough to tell them apart."""
    leaving = Counter(arrow.source for arrow in picture.arrows)
    arriving = Counter(arrow.target for arrow in picture.arrows)
    nodes = []
    for box in picture.boxes:
        inside = content(box)
        across, along = flow.sizes(inside.width, inside.height)
        ports = max(leaving[box.id], arriving[box.id], 1)
        nodes.append(
            Node(max(across, even(LEAST_PORT * (ports - 1) + 2 * CORNER)), along, box.role, box.scope)
        )
    return nodes


def _links(picture: Picture, flow: Flow) -> list[Link]:
    """Arrows with the sizes of their labels."""
    index = {box.id: number for number, box in enumerate(picture.boxes)}
    links = []
    for number, arrow in enumerate(picture.arrows):
        size = label_size(picture, number)
        label = flow.sizes(*size) if size else None
        links.append(Link(index[arrow.source], index[arrow.target], arrow.port, label))
    return links


def _parts(nodes: Sequence[Node], links: Sequence[Link]) -> list[tuple[list[int], list[int]]]:
    """Boxes and arrows of the parts that neither arrows nor common scopes connect, lonely boxes last."""
    leader = list(range(len(nodes)))

    def find(node: int) -> int:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    first: dict[str, int] = {}
    pairs = [(link.source, link.target) for link in links]
    pairs += [(first.setdefault(node.scope[0], i), i) for i, node in enumerate(nodes) if node.scope]
    for one, other in pairs:
        a, b = sorted((find(one), find(other)))
        leader[b] = a
    parts: dict[int, tuple[list[int], list[int]]] = {}
    for node in range(len(nodes)):
        parts.setdefault(find(node), ([], []))[0].append(node)
    for number, link in enumerate(links):
        parts[find(link.source)][1].append(number)
    return sorted(parts.values(), key=lambda part: len(part[0]) == 1)


def _part(
    nodes: Sequence[Node], links: Sequence[Link], boxes: list[int], arrows: list[int], flow: Flow
) -> _Part:
    """Lay out one connected part."""
    index = {box: number for number, box in enumerate(boxes)}
    inner = [
        replace(links[arrow], source=index[links[arrow].source], target=index[links[arrow].target])
        for arrow in arrows
    ]
    graph = build(tuple(nodes[box] for box in boxes), tuple(inner))
    return _Part(tuple(boxes), tuple(arrows), _layered(graph, flow))


def _layered(graph: Layered, flow: Flow) -> Layout:
    """Order, place and route; the corner of what is drawn is then at (0, 0)."""
    titles = [title_width(scope.path) for scope in graph.scopes]
    placed = place(graph, sequence(graph), flow, titles)
    lane = route.lanes(graph, placed, flow, titles)
    layout = Layout(
        0,
        0,
        tuple(route.boxes(graph, placed, lane, flow)),
        tuple(route.paths(graph, placed, lane, flow)),
        tuple(route.labels(graph, placed, lane, flow)),
        tuple(route.clusters(graph, placed, lane, flow, titles)),
        "builtin",
    )
    return _to_corner(layout)


def _to_corner(layout: Layout) -> Layout:
    """Move everything so that it begins at (0, 0), and measure it."""
    rects = [*layout.boxes, *(cluster.rect for cluster in layout.clusters), *(r for r in layout.labels if r)]
    points = [point for path in layout.paths for point in path]
    left = min([rect.x for rect in rects] + [x for x, _ in points], default=0)
    top = min([rect.y for rect in rects] + [y for _, y in points], default=0)
    right = max([rect.right for rect in rects] + [x for x, _ in points], default=0)
    bottom = max([rect.bottom for rect in rects] + [y for _, y in points], default=0)
    return _moved(replace(layout, width=right - left, height=bottom - top), -left, -top)


def _moved(layout: Layout, dx: float, dy: float) -> Layout:
    """The same layout elsewhere."""
    return replace(
        layout,
        boxes=tuple(rect.moved(dx, dy) for rect in layout.boxes),
        paths=tuple(tuple((x + dx, y + dy) for x, y in path) for path in layout.paths),
        labels=tuple(rect.moved(dx, dy) if rect else None for rect in layout.labels),
        clusters=tuple(
            Cluster(cluster.scope, cluster.rect.moved(dx, dy), cluster.title.moved(dx, dy))
            for cluster in layout.clusters
        ),
    )


def _together(picture: Picture, parts: list[_Part], flow: Flow) -> Layout:
    """Set the parts side by side across the flow, in as many shelves as make a pleasant rectangle."""
    boxes: dict[int, Rect] = {}
    paths: dict[int, Path] = {}
    labels: dict[int, Rect | None] = {}
    clusters: list[Cluster] = []
    right = bottom = 0.0
    for part, (x, y) in zip(parts, _corners(parts, flow), strict=True):
        layout = _moved(part.layout, x, y)
        boxes |= zip(part.boxes, layout.boxes, strict=True)
        paths |= zip(part.arrows, layout.paths, strict=True)
        labels |= zip(part.arrows, layout.labels, strict=True)
        clusters += layout.clusters
        right, bottom = max(right, x + layout.width), max(bottom, y + layout.height)
    arrows = range(len(picture.arrows))
    return (
        Layout(
            right + MARGIN,
            bottom + MARGIN,
            tuple(boxes[number] for number in range(len(picture.boxes))),
            tuple(paths[number] for number in arrows),
            tuple(labels[number] for number in arrows),
            tuple(sorted(clusters, key=lambda cluster: len(cluster.scope))),
            "builtin",
        )
        if parts
        else Layout(2 * MARGIN, 2 * MARGIN, (), (), (), (), "builtin")
    )


def _corners(parts: list[_Part], flow: Flow) -> list[tuple[float, float]]:
    """Where the corner of each part goes."""
    sizes = [flow.point(part.layout.width, part.layout.height) for part in parts]
    area = sum((across + PART_GAP) * (along + PART_GAP) for across, along in sizes)
    limit = max([across for across, _ in sizes] + [1.2 * math.sqrt(area)])
    corners = []
    low, start, longest = 0.0, 0.0, 0.0
    for across, along in sizes:
        if low and low + across > limit:
            low, start, longest = 0.0, start + longest + PART_GAP, 0.0
        x, y = flow.point(low, start)
        corners.append((x + MARGIN, y + MARGIN))
        low += across + PART_GAP
        longest = max(longest, along)
    return corners
