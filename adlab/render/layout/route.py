"""Last step of the built-in layout: positions along the flow, and the paths of the arrows.

An arrow runs straight along the flow through the layers and changes its position only in the gaps between
them, by an S whose two ends are parallel to the flow. All arrows of a gap change over the same stretch, so
two of them cross only if their order differs at its ends; and as no box reaches into a gap, no arrow runs
through a box.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from adlab.render.layout.columns import LABEL_SIDE, Placed
from adlab.render.layout.flow import TITLE, Flow
from adlab.render.layout.layers import Layered
from adlab.render.layout.model import Cluster, Path, Rect

__all__ = ["Lanes", "boxes", "clusters", "labels", "lanes", "paths"]


SLOPE = 0.35
"""How long a bend is along the flow, as a part of how far it goes across."""

LEAD = 10
"""Straight stretch before a box, for the tip of the arrow."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """Positions along the flow.

    Attributes
    ----------
    starts, ends : tuple of float
        Of each layer.
    bends, levels : tuple of float
        Of the gap behind each layer: where arrows begin and end to change their position.
    """

    starts: tuple[float, ...]
    ends: tuple[float, ...]
    bends: tuple[float, ...]
    levels: tuple[float, ...]


def lanes(graph: Layered, placed: Placed, flow: Flow, titles: list[int]) -> Lanes:
    """Find room along the flow for boxes, labels, borders of scopes and bends.

    Parameters
    ----------
    graph : Layered
    placed : Placed
    flow : Flow
    titles : list of int
        Width of the name of each scope.

    Returns
    -------
    Lanes
    """
    thick = _thickness(graph, flow, titles)
    opens, closes = _nesting(graph)
    drift = _drift(graph, placed)
    starts, ends, bends, levels = [], [], [], []
    here = float(
        max([opens[s] for s, scope in enumerate(graph.scopes) if scope.first == 0], default=0) * flow.open_pad
    )
    for layer in range(graph.layers):
        starts.append(here)
        ends.append(here + thick[layer])
        closing = max([closes[s] for s, scope in enumerate(graph.scopes) if scope.last == layer], default=0)
        opening = max(
            [opens[s] for s, scope in enumerate(graph.scopes) if scope.first == layer + 1], default=0
        )
        base = flow.label_gap if {layer, layer + 1} & graph.label_layers else flow.gap
        bends.append(ends[-1] + closing * flow.pad)
        levels.append(bends[-1] + min(max(base, round(SLOPE * drift[layer])), 2 * base + 12))
        lead = 0 if layer + 1 in graph.label_layers else LEAD
        here = levels[-1] + lead + opening * flow.open_pad
    return Lanes(tuple(starts), tuple(ends), tuple(bends), tuple(levels))


def _thickness(graph: Layered, flow: Flow, titles: list[int]) -> list[int]:
    """Size of each layer along the flow; a scope of one layer is at least as long as its name."""
    thick = [0] * graph.layers
    for entity in graph.entities:
        if entity.box >= 0:
            thick[entity.first] = max(thick[entity.first], graph.nodes[entity.box].along)
        elif entity.link >= 0:
            label = graph.links[entity.link].label
            thick[entity.last] = max(thick[entity.last], label[1] if label else 0)
    if not flow.across_is_x:
        for scope, title in zip(graph.scopes, titles, strict=True):
            if scope.first == scope.last:
                thick[scope.first] = max(thick[scope.first], title)
    return thick


def _nesting(graph: Layered) -> tuple[list[int], list[int]]:
    """How many nested scopes open at the first and close at the last layer of each scope, itself included."""
    opens, closes = [1] * len(graph.scopes), [1] * len(graph.scopes)
    for number in reversed(range(len(graph.scopes))):
        scope = graph.scopes[number]
        if scope.parent >= 0:
            around = graph.scopes[scope.parent]
            if around.first == scope.first:
                opens[scope.parent] = max(opens[scope.parent], opens[number] + 1)
            if around.last == scope.last:
                closes[scope.parent] = max(closes[scope.parent], closes[number] + 1)
    return opens, closes


def _runs(graph: Layered, placed: Placed, link: int) -> Iterator[tuple[int, int, int]]:
    """The straight runs of an arrow: position across, first and last layer."""
    arrow, wire = graph.links[link], graph.wires[link]
    first, last = graph.entities[arrow.source].first, graph.entities[arrow.target].first
    yield placed.middle[arrow.source] + placed.leave[link], first, first
    if wire >= 0:
        yield placed.middle[wire], graph.entities[wire].first, graph.entities[wire].last
    yield placed.middle[arrow.target] + placed.arrive[link], last, last


def _drift(graph: Layered, placed: Placed) -> list[int]:
    """The largest change of position in the gap behind each layer."""
    drift = [0] * graph.layers
    for link in range(len(graph.links)):
        before: tuple[int, int, int] | None = None
        for run in _runs(graph, placed, link):
            if before is not None:
                drift[before[2]] = max(drift[before[2]], abs(run[0] - before[0]))
            before = run
    return drift


def boxes(graph: Layered, placed: Placed, lane: Lanes, flow: Flow) -> list[Rect]:
    """Rectangles of the boxes, each in the middle of its layer.

    Parameters
    ----------
    graph : Layered
    placed : Placed
    lane : Lanes
    flow : Flow

    Returns
    -------
    list of Rect
    """
    rects = []
    for number in range(len(graph.nodes)):
        low, high, start, end = _box(graph, placed, lane, number)
        rects.append(flow.rect(low, high, start, end))
    return rects


def _box(graph: Layered, placed: Placed, lane: Lanes, number: int) -> tuple[float, float, float, float]:
    """Low, high, start and end of a box."""
    node, layer = graph.nodes[number], graph.entities[number].first
    low = placed.middle[number] - node.across // 2
    start = lane.starts[layer] + (lane.ends[layer] - lane.starts[layer] - node.along) // 2
    return low, low + node.across, start, start + node.along


def paths(graph: Layered, placed: Placed, lane: Lanes, flow: Flow) -> list[Path]:
    """Bézier paths of the arrows.

    Parameters
    ----------
    graph : Layered
    placed : Placed
    lane : Lanes
    flow : Flow

    Returns
    -------
    list of Path
    """
    return [_path(graph, placed, lane, flow, link) for link in range(len(graph.links))]


def _path(graph: Layered, placed: Placed, lane: Lanes, flow: Flow, link: int) -> Path:
    """Straight runs with an S between two that differ."""
    arrow = graph.links[link]
    start, end = _box(graph, placed, lane, arrow.source)[3], _box(graph, placed, lane, arrow.target)[2]
    runs = list(_runs(graph, placed, link))
    across = runs[0][0]
    points: list[tuple[float, float]] = [(across, start)]
    for (_, _, layer), (goal, _, _) in itertools.pairwise(runs):
        if goal == across:
            continue
        bend, level = lane.bends[layer], lane.levels[layer]
        _straight(points, bend)
        half = (bend + level) / 2
        points += [(across, half), (goal, half), (goal, level)]
        across = goal
    _straight(points, end)
    return tuple(flow.point(*point) for point in points)


def _straight(points: list[tuple[float, float]], to: float) -> None:
    """Go on along the flow."""
    across, along = points[-1]
    if to > along:
        third = (to - along) / 3
        points += [(across, along + third), (across, to - third), (across, to)]


def labels(graph: Layered, placed: Placed, lane: Lanes, flow: Flow) -> list[Rect | None]:
    """Places of the labels, beside the straight run of their arrow.

    Parameters
    ----------
    graph : Layered
    placed : Placed
    lane : Lanes
    flow : Flow

    Returns
    -------
    list of Rect or None
    """
    places: list[Rect | None] = []
    for link, wire in zip(graph.links, graph.wires, strict=True):
        if link.label is None:
            places.append(None)
            continue
        layer, (across, along) = graph.entities[wire].last, link.label
        middle = placed.middle[wire]
        low = middle + LABEL_SIDE if flow.across_is_x else middle - LABEL_SIDE + 2 - across
        start = lane.starts[layer] + (lane.ends[layer] - lane.starts[layer] - along) / 2
        places.append(flow.rect(low, low + across, start, start + along))
    return places


def clusters(graph: Layered, placed: Placed, lane: Lanes, flow: Flow, titles: list[int]) -> list[Cluster]:
    """Rectangles of the scopes with the places of their names, outer ones first.

    Parameters
    ----------
    graph : Layered
    placed : Placed
    lane : Lanes
    flow : Flow
    titles : list of int

    Returns
    -------
    list of Cluster
    """
    opens, closes = _nesting(graph)
    found = []
    for number, scope in enumerate(graph.scopes):
        low, high = placed.borders[number]
        start = lane.starts[scope.first] - opens[number] * flow.open_pad
        end = lane.ends[scope.last] + closes[number] * flow.pad
        rect = flow.rect(low, high, start, end)
        found.append(Cluster(scope.path, rect, Rect(rect.x + 8, rect.y + 4, titles[number], TITLE - 2)))
    return found
