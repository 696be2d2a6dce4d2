"""Third step of the built-in layout: positions across the flow.

Neighbours on a layer keep a distance, and every scope has a low and a high border around what it holds.
Arrows are made straight first: going from the most important arrow to the least, its two ends are tied into
one *column* unless the distances forbid it. What remains is to place a few dozen columns and borders such
that the other arrows are short, which the network simplex method does exactly.

An arrow in a column meets the middle of its boxes; the others of the same side stand beside it in the order
of their other ends, so arrows never cross at a box.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from adlab.render.layout.flow import Flow
from adlab.render.layout.layers import Layered
from adlab.render.layout.simplex import Edge, minimise

__all__ = ["Placed", "label_extent", "place"]

PORT = 18
"""Distance between two arrows at a box, if it is large enough."""

LEAST_PORT = 5
"""The same for a box that many arrows meet."""

CORNER = 8
"""Distance between an arrow and the corner of its box."""

LABEL_SIDE = 5
"""Distance between an arrow and its label."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Positions across the flow.

    Attributes
    ----------
    middle : tuple of int
        For each entity.
    borders : tuple of (int, int)
        For each scope.
    leave, arrive : tuple of int
        For each link, how far from the middle of its source it leaves and from the middle of its target it
        arrives.
    """

    middle: tuple[int, ...]
    borders: tuple[tuple[int, int], ...]
    leave: tuple[int, ...]
    arrive: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """The first, last or only piece of an arrow: from entity to entity; wires end in their own middle."""

    link: int
    upper: int
    lower: int


def label_extent(flow: Flow, size: tuple[int, int]) -> tuple[int, int]:
    """Room that a label takes at the low and at the high side of its arrow: beside it, or above a level one.

    Parameters
    ----------
    flow : Flow
    size : tuple of int
        Across and along the flow.

    Returns
    -------
    tuple of int
    """
    return (3, LABEL_SIDE + size[0]) if flow.across_is_x else (LABEL_SIDE - 2 + size[0], 3)


def place(graph: Layered, order: list[int], flow: Flow, titles: list[int]) -> Placed:
    """Place everything across the flow.

    Parameters
    ----------
    graph : Layered
    order : list of int
        Place of each entity in the common order.
    flow : Flow
    titles : list of int
        Width of the name of each scope.

    Returns
    -------
    Placed
    """
    pieces = list(_pieces(graph))
    distances = _distances(graph, order, flow)
    count = len(graph.entities)
    columns = _Columns(count + 2 * len(graph.scopes), distances, order)
    straight = _straighten(graph, order, pieces, columns)
    leave, arrive = _ports(graph, order, pieces, straight, flow)
    column, number = columns.numbers()
    edges = [
        Edge(column[a], column[b], least) for (a, b), least in distances.items() if column[a] != column[b]
    ]
    edges += _title_room(graph, column, flow, titles)
    for index in range(len(graph.scopes)):
        edges.append(Edge(column[count + 2 * index], column[count + 2 * index + 1], 1, 1))
    springs = _springs(graph, pieces, column, leave, arrive)
    x = _solve(number, edges, springs)
    middle = tuple(x[column[entity]] for entity in range(count))
    _level(graph, pieces, middle, leave, arrive)
    return Placed(
        middle,
        tuple((x[column[count + 2 * i]], x[column[count + 2 * i + 1]]) for i in range(len(graph.scopes))),
        tuple(leave),
        tuple(arrive),
    )


def _pieces(graph: Layered) -> Iterator[_Piece]:
    """The pieces of arrows that need not be straight."""
    for number, (link, wire) in enumerate(zip(graph.links, graph.wires, strict=True)):
        if wire < 0:
            yield _Piece(number, link.source, link.target)
        else:
            yield _Piece(number, link.source, wire)
            yield _Piece(number, wire, link.target)


def _extent(graph: Layered, entity: int, layer: int, flow: Flow) -> tuple[int, int]:
    """Room that an entity takes on a layer at the low and at the high side of its middle."""
    thing = graph.entities[entity]
    if thing.box >= 0:
        half = graph.nodes[thing.box].across // 2
        return half, half
    label = graph.links[thing.link].label if thing.link >= 0 else None
    return label_extent(flow, label) if label and layer == thing.last else (0, 0)


def _apart(graph: Layered, one: int, other: int, flow: Flow) -> int:
    """Free space between two neighbours."""
    boxes = (graph.entities[one].box >= 0) + (graph.entities[other].box >= 0)
    return (flow.between_wires, flow.beside_wire, flow.between_boxes)[boxes]


def _distances(graph: Layered, order: list[int], flow: Flow) -> dict[tuple[int, int], int]:
    """Least distance between neighbours; entities by number, borders of scope s as count + 2 s and + 1."""
    least: dict[tuple[int, int], int] = {}
    for layer, members in enumerate(_layers(graph, order)):
        before: int | None = None
        for entity in [*members, None]:
            for a, b, distance in _between(graph, before, entity, layer, flow):
                least[a, b] = max(least.get((a, b), 0), distance)
            before = entity
    return least


def _layers(graph: Layered, order: list[int]) -> list[list[int]]:
    """Entities on each layer in their order."""
    layers: list[list[int]] = [[] for _ in range(graph.layers)]
    for entity in sorted(range(len(order)), key=order.__getitem__):
        thing = graph.entities[entity]
        for layer in range(thing.first, thing.last + 1):
            layers[layer].append(entity)
    return layers


def _around(graph: Layered, entity: int | None) -> list[int]:
    """Scopes around an entity, innermost first."""
    scopes: list[int] = []
    scope = -1 if entity is None else graph.entities[entity].scope
    while scope >= 0:
        scopes.append(scope)
        scope = graph.scopes[scope].parent
    return scopes


def _between(
    graph: Layered, one: int | None, other: int | None, layer: int, flow: Flow
) -> Iterator[tuple[int, int, int]]:
    """Distances from an entity through the borders that close and open to the next one."""
    count = len(graph.entities)
    closing, opening = _around(graph, one), _around(graph, other)
    while closing and opening and closing[-1] == opening[-1]:
        closing.pop()
        opening.pop()
    points: list[tuple[int, int, int]] = []  # atom, room to its left, room to its right
    if one is not None:
        points.append((one, 0, _extent(graph, one, layer, flow)[1]))
    points += [(count + 2 * scope + 1, flow.pad, 0) for scope in closing]
    points += [(count + 2 * scope, 0, flow.low_pad) for scope in reversed(opening)]
    if other is not None:
        points.append((other, _extent(graph, other, layer, flow)[0], 0))
    turn = (one is not None) + len(closing)  # points from here on belong to the other side
    for index, (left, right) in enumerate(itertools.pairwise(points), start=1):
        free = 0
        if index == turn:
            alone = closing or opening or one is None or other is None
            free = flow.beside_wire if alone else _apart(graph, points[0][0], points[1][0], flow)
        yield left[0], right[0], left[2] + right[1] + free


def _title_room(graph: Layered, column: list[int], flow: Flow, titles: list[int]) -> list[Edge]:
    """A scope is as wide as its name, and arrows that come in from above pass at the right of it."""
    if not flow.across_is_x:
        return []
    count = len(graph.entities)
    edges = [
        Edge(column[count + 2 * scope], column[count + 2 * scope + 1], title + 2 * flow.pad)
        for scope, title in enumerate(titles)
    ]
    for link, wire in zip(graph.links, graph.wires, strict=True):
        outside = set(_around(graph, wire if wire >= 0 else link.source))
        layer = graph.entities[link.target].first
        edges += [
            Edge(column[count + 2 * scope], column[link.target], titles[scope] + flow.pad + 6 + PORT // 2)
            for scope in _around(graph, link.target)
            if scope not in outside and graph.scopes[scope].first == layer
        ]
    return edges


def _straighten(
    graph: Layered, order: list[int], pieces: list[_Piece], columns: _Columns
) -> set[tuple[int, int, int]]:
    """Tie ends of pieces into columns, at most one arrow for each side of a box; returns the tied pieces."""
    taken: set[tuple[int, bool]] = set()
    tied: set[tuple[int, int, int]] = set()
    twins = _twins(pieces)
    for piece in _by_importance(graph, order, pieces):
        ends = [(piece.upper, True), (piece.lower, False)]
        boxes = {end for end in ends if graph.entities[end[0]].box >= 0}
        if boxes & taken or (piece.upper, piece.lower) in twins:
            continue
        if columns.tie(piece.upper, piece.lower):
            taken |= boxes
            tied.add((piece.link, piece.upper, piece.lower))
    return tied


def _twins(pieces: list[_Piece]) -> set[tuple[int, int]]:
    """Pairs of boxes with several arrows and nothing between: these stand side by side around the middle."""
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for piece in pieces:
        seen[piece.upper, piece.lower] += 1
    return {pair for pair, number in seen.items() if number > 1}


def _by_importance(graph: Layered, order: list[int], pieces: list[_Piece]) -> list[_Piece]:
    """First arrows between operations on long ways from input to result, last parameters and constants."""
    before, after = _ways(graph)
    aside = _aside(order, pieces)

    def key(piece: _Piece) -> tuple[bool, bool, int, int, float, int]:
        link = graph.links[piece.link]
        source, target = graph.nodes[link.source], graph.nodes[link.target]
        minor = source.role in ("parameter", "constant")
        span = graph.entities[link.target].first - graph.entities[link.source].first
        way = before[link.source] + after[link.target]
        return (minor, source.scope != target.scope and span > 2, -way, span, aside[piece], piece.link)

    return sorted(pieces, key=key)


def _aside(order: list[int], pieces: list[_Piece]) -> dict[_Piece, float]:
    """How far each piece is from the middle one of its target and of its source."""
    aside: dict[_Piece, float] = dict.fromkeys(pieces, 0.0)
    above: dict[int, list[_Piece]] = defaultdict(list)
    below: dict[int, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        below[piece.upper].append(piece)
        above[piece.lower].append(piece)
    for group in below.values():
        group.sort(key=lambda piece: order[piece.lower])
    for group in above.values():
        group.sort(key=lambda piece: order[piece.upper])
    for group in (*above.values(), *below.values()):
        for index, piece in enumerate(group):
            aside[piece] += abs(index - (len(group) - 1) / 2)
    return aside


def _ways(graph: Layered) -> tuple[list[int], list[int]]:
    """Number of arrows on the longest way to each box and from it; parameters and constants begin no way."""
    before, after = [0] * len(graph.nodes), [0] * len(graph.nodes)
    layer = [entity.first for entity in graph.entities]
    for link in sorted(graph.links, key=lambda link: layer[link.source]):
        if graph.nodes[link.source].role not in ("parameter", "constant"):
            before[link.target] = max(before[link.target], before[link.source] + 1)
    for link in sorted(graph.links, key=lambda link: -layer[link.target]):
        after[link.source] = max(after[link.source], after[link.target] + 1)
    return before, after


def _ports(
    graph: Layered, order: list[int], pieces: list[_Piece], straight: set[tuple[int, int, int]], flow: Flow
) -> tuple[list[int], list[int]]:
    """Where each arrow leaves and arrives, measured from the middle of the box."""
    leave, arrive = [0] * len(graph.links), [0] * len(graph.links)
    sides: dict[tuple[int, bool], list[tuple[int, int, int, bool]]] = defaultdict(list)
    for piece in pieces:
        tied = (piece.link, piece.upper, piece.lower) in straight
        port = graph.links[piece.link].port
        if graph.entities[piece.upper].box >= 0:
            sides[piece.upper, True].append((order[piece.lower], port, piece.link, tied))
        if graph.entities[piece.lower].box >= 0:
            sides[piece.lower, False].append((order[piece.upper], port, piece.link, tied))
    for (box, leaving), ends in sides.items():
        goal = leave if leaving else arrive
        for (_, _, link, _), offset in zip(
            sorted(ends), _spread(sorted(ends), graph.nodes[box].across), strict=True
        ):
            goal[link] = offset
    return leave, arrive


def _level(
    graph: Layered, pieces: list[_Piece], middle: tuple[int, ...], leave: list[int], arrive: list[int]
) -> None:
    """Move ends of arrows along their box where that makes the arrow straight."""
    sides: dict[tuple[int, bool], list[tuple[int, int]]] = defaultdict(list)
    for piece in pieces:
        upper, lower = graph.entities[piece.upper].box >= 0, graph.entities[piece.lower].box >= 0
        start = middle[piece.upper] + (leave[piece.link] if upper else 0)
        end = middle[piece.lower] + (arrive[piece.link] if lower else 0)
        if upper:
            sides[piece.upper, True].append((piece.link, end - middle[piece.upper]))
        elif lower:
            sides[piece.lower, False].append((piece.link, start - middle[piece.lower]))
    for (box, leaving), goals in sides.items():
        _shift(leave if leaving else arrive, goals, graph.nodes[box].across // 2 - CORNER)


def _shift(offsets: list[int], goals: list[tuple[int, int]], reach: int) -> None:
    """Give each arrow of a side the place that it wants, if the others leave it free."""
    goals.sort(key=lambda goal: offsets[goal[0]])
    for index, (link, goal) in enumerate(goals):
        low = offsets[goals[index - 1][0]] + 10 if index else -reach
        high = offsets[goals[index + 1][0]] - 10 if index + 1 < len(goals) else reach
        if max(low, -reach) <= goal <= min(high, reach):
            offsets[link] = goal


def _spread(ends: list[tuple[int, int, int, bool]], across: int) -> list[int]:
    """Evenly about the middle, or about the straight one if there is one."""
    straight = [index for index, end in enumerate(ends) if end[3]]
    middle = straight[0] if straight else (len(ends) - 1) / 2
    most = max(middle, len(ends) - 1 - middle)
    step = min(PORT, (across / 2 - CORNER) / most) if most else 0
    return [int((index - middle) * step) for index in range(len(ends))]


def _springs(
    graph: Layered, pieces: list[_Piece], column: list[int], leave: list[int], arrive: list[int]
) -> list[tuple[int, int, int, int, int]]:
    """Pieces whose ends want to be level: column and offset of both, and how much."""
    springs = []
    for piece in pieces:
        upper = leave[piece.link] if graph.entities[piece.upper].box >= 0 else 0
        lower = arrive[piece.link] if graph.entities[piece.lower].box >= 0 else 0
        minor = graph.nodes[graph.links[piece.link].source].role in ("parameter", "constant")
        if column[piece.upper] != column[piece.lower]:
            springs.append((column[piece.upper], upper, column[piece.lower], lower, 2 if minor else 4))
    return springs


def _solve(count: int, edges: list[Edge], springs: list[tuple[int, int, int, int, int]]) -> list[int]:
    """Network simplex with one more variable for each spring: it stays below both ends, which pull it up."""
    network = list(edges)
    for number, (one, a, other, b, weight) in enumerate(springs):
        network.append(Edge(count + number, one, -a, weight))
        network.append(Edge(count + number, other, -b, weight))
    x = minimise(count + len(springs), network)[:count]
    return _balance(x, edges, springs)


def _balance(x: list[int], edges: list[Edge], springs: list[tuple[int, int, int, int, int]]) -> list[int]:
    """Where a column may move without making arrows longer, move it to the middle of its room."""
    low: list[list[tuple[int, int]]] = [[] for _ in x]
    high: list[list[tuple[int, int]]] = [[] for _ in x]
    fixed = [False] * len(x)
    for edge in edges:
        low[edge.head].append((edge.tail, edge.least))
        high[edge.tail].append((edge.head, edge.least))
        if edge.weight:
            fixed[edge.tail] = fixed[edge.head] = True
    pulls: list[list[tuple[int, int, int]]] = [[] for _ in x]
    for one, a, other, b, weight in springs:
        pulls[one].append((other, b - a, weight))
        pulls[other].append((one, a - b, weight))
    for _ in range(2):
        for column in range(len(x)):
            if fixed[column] or not pulls[column]:
                continue
            goals = sorted((x[other] + offset, weight) for other, offset, weight in pulls[column])
            least, most = _flat(goals)
            least = max([least, *(x[other] + distance for other, distance in low[column])])
            most = min([most, *(x[other] - distance for other, distance in high[column])])
            if least < most and least <= x[column] <= most:
                x[column] = (least + most) // 2
    return x


def _flat(goals: list[tuple[int, int]]) -> tuple[int, int]:
    """The interval of weighted medians."""
    total = sum(weight for _, weight in goals)
    running = 0
    for index, (position, weight) in enumerate(goals):
        running += weight
        if 2 * running == total:
            return position, goals[index + 1][0]
        if 2 * running > total:
            return position, position
    return goals[-1][0], goals[-1][0]


class _Columns:
    """Entities and borders tied into columns, with the order that the distances impose kept free of cycles.

    Tying a and b is forbidden exactly when there is a way from one to the other. Columns carry topological
    numbers, as in D. Pearce, P. Kelly, "A dynamic topological sort algorithm for directed acyclic graphs",
    Journal of Experimental Algorithmics 11 (2006), so that only the columns between the two have to be looked
    at.
    """

    def __init__(self, count: int, distances: dict[tuple[int, int], int], order: list[int]) -> None:
        self.after: list[set[int]] = [set() for _ in range(count)]
        self.before: list[set[int]] = [set() for _ in range(count)]
        for a, b in distances:
            self.after[a].add(b)
            self.before[b].add(a)
        self.column = list(range(count))
        self.members = [[atom] for atom in range(count)]
        self.number = self._sorted(count)

    def _sorted(self, count: int) -> list[int]:
        """Topological numbers."""
        waiting = [len(atoms) for atoms in self.before]
        ready = [atom for atom in range(count) if not waiting[atom]]
        numbers = [0] * count
        for following, atom in enumerate(ready):
            numbers[atom] = following
            for other in sorted(self.after[atom]):
                waiting[other] -= 1
                if not waiting[other]:
                    ready.append(other)
        return numbers

    def tie(self, one: int, other: int) -> bool:
        """Tie the columns of two atoms; False if the distances forbid it."""
        a, b = self.column[one], self.column[other]
        if a == b:
            return True
        if self.number[a] > self.number[b]:
            a, b = b, a
        behind = self._reach(a, self.after, lambda column: self.number[column] <= self.number[b])
        if b in behind:
            return False
        ahead = self._reach(b, self.before, lambda column: self.number[column] >= self.number[a])
        self._renumber(a, b, behind, ahead)
        self._merge(a, b)
        return True

    def _reach(self, start: int, step: list[set[int]], allowed: Callable[[int], bool]) -> set[int]:
        """Columns that can be reached through allowed ones."""
        seen = {start}
        stack = [start]
        while stack:
            for atom in step[stack.pop()]:
                column = self.column[atom]
                if column not in seen and allowed(column):
                    seen.add(column)
                    stack.append(column)
        return seen

    def _renumber(self, a: int, b: int, behind: set[int], ahead: set[int]) -> None:
        """Give the numbers of the region to what comes before b, then to the two, then to what follows a."""
        by_number = self.number.__getitem__
        region = [*sorted(ahead - {b}, key=by_number), a, b, *sorted(behind - {a}, key=by_number)]
        for column, number in zip(region, sorted(self.number[column] for column in region), strict=True):
            self.number[column] = number

    def _merge(self, a: int, b: int) -> None:
        """Put everything of b into a."""
        self.after[a] |= self.after[b]
        self.before[a] |= self.before[b]
        for atom in self.members[b]:
            self.column[atom] = a
        self.members[a] += self.members[b]

    def numbers(self) -> tuple[list[int], int]:
        """Column of each atom, numbered from 0 in the order of first members, and how many there are."""
        index: dict[int, int] = {}
        return [index.setdefault(column, len(index)) for column in self.column], len(index)
