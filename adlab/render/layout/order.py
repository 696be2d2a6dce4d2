"""Second step of the built-in layout: who stands beside whom, with few crossings.

Each scope holds its entities and inner scopes in one total order, and every layer shows the part of it that
it needs. So scopes stay together, a wire never changes sides, and no two wires cross more than once, whatever
the order is.

The order starts from a walk from the results back to the operands, which draws expression trees without
crossings, and from a few rounds of barycentres. Then *sifting* moves one entity (or one whole scope) at a
time to the place where it crosses least, as in C. Bachmaier, F. Brandenburg, W. Brunner, F. Hübner, "Global
k-level crossing reduction", Journal of Graph Algorithms and Applications 15 (2011), until nothing gets better
or the budget of work is used up.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence

from adlab.render.layout.layers import Layered

__all__ = ["crossings", "sequence"]

BUDGET = 60_000
"""How many pairs of entities sifting may compare; about a quarter of a second."""

ROUNDS = 8

STARTS = 12
"""How many first orders are tried as long as arrows cross and half of the budget is left."""


def sequence(graph: Layered) -> list[int]:
    """Position of each entity in one order of all, consistent on all layers.

    Parameters
    ----------
    graph : Layered

    Returns
    -------
    list of int
        For each entity its place; on every layer entities stand in the order of their places.
    """
    first = _Order(graph, _walk(graph, 0))
    left = BUDGET
    best: _Order | None = None
    for number in range(STARTS):
        start = _barycentres(graph, first) if number == 1 else _Order(graph, _walk(graph, number))
        left -= start.sift(max(left // 2, 0))
        if best is None or start.crossings() < best.crossings():
            best = start
        if best.crossings() == 0 or left < BUDGET // 2:
            break
    return [] if best is None else [int(place) for place in best.place]


def crossings(graph: Layered, place: Sequence[float]) -> int:
    """How many pairs of arrows cross.

    Parameters
    ----------
    graph : Layered
    place : sequence of float
        For each entity its place on its layers.

    Returns
    -------
    int
    """
    gaps: dict[int, list[tuple[float, float]]] = {}
    for layer, upper, lower in _segments(graph):
        gaps.setdefault(layer, []).append((place[upper], place[lower]))
    total = 0
    for pairs in gaps.values():
        seen: list[float] = []
        for group in _by_upper(pairs):
            total += sum(len(seen) - bisect_right(seen, end) for end in group)
            for end in group:
                insort(seen, end)
    return total


def _by_upper(pairs: list[tuple[float, float]]) -> Iterable[list[float]]:
    """Lower ends grouped by their upper end, from low to high: arrows from one end do not cross."""
    groups: dict[float, list[float]] = {}
    for upper, lower in sorted(pairs):
        groups.setdefault(upper, []).append(lower)
    return groups.values()


def _segments(graph: Layered) -> Iterable[tuple[int, int, int]]:
    """Pieces of arrows between neighbouring layers: the upper layer and the entities at both ends."""
    for link, wire in zip(graph.links, graph.wires, strict=True):
        if wire < 0:
            yield graph.entities[link.source].first, link.source, link.target
            continue
        entity = graph.entities[wire]
        yield entity.first - 1, link.source, wire
        for layer in range(entity.first, entity.last):
            yield layer, wire, wire
        yield entity.last, wire, link.target


def _walk(graph: Layered, variant: int) -> list[float]:
    """Keys for a first order: the walk from results to operands; a wire stands at or between its ends.

    Variant 0 visits operands in their order, the others reverse some of them.
    """
    operands: list[list[tuple[int, int, int]]] = [[] for _ in graph.nodes]
    used = [False] * len(graph.nodes)
    for number, link in enumerate(graph.links):
        operands[link.target].append((link.port, number, link.source))
        used[link.source] = True
    keys = [-1.0] * len(graph.entities)
    tree: set[int] = set()
    found = 0
    for root in (node for node, is_used in enumerate(used) if not is_used):
        stack = [(root, -1)]
        while stack:
            node, link_number = stack.pop()
            if keys[node] >= 0:
                continue
            keys[node] = found
            found += 1
            tree.add(link_number)
            turned = bool(variant * (node + 1) * 0x9E3779B1 >> 7 & 1)
            stack += [(source, number) for _, number, source in sorted(operands[node], reverse=not turned)]
    for number, (link, wire) in enumerate(zip(graph.links, graph.wires, strict=True)):
        if wire >= 0:
            keys[wire] = keys[link.source] if number in tree else (keys[link.source] + keys[link.target]) / 2
    return keys


def _barycentres(graph: Layered, start: _Order) -> _Order:
    """Best of a few rounds in which each entity moves half way to the middle of its neighbours."""
    near: list[list[int]] = [[] for _ in graph.entities]
    for _, upper, lower in _segments(graph):
        if upper != lower:
            near[upper].append(lower)
            near[lower].append(upper)
    best, least = start, start.crossings()
    place = start.place
    for _ in range(ROUNDS):
        keys = [
            (place[entity] + sum(place[other] for other in others) / len(others)) / 2
            if others
            else place[entity]
            for entity, others in enumerate(near)
        ]
        order = _Order(graph, keys)
        place = order.place
        if order.crossings() < least:
            best, least = order, order.crossings()
    return _Order(graph, best.place)


class _Order:
    """A total order of the children of every scope, which sifting improves in place.

    Tree nodes are numbered: entities, then scopes, then the root.
    """

    def __init__(self, graph: Layered, keys: Sequence[float]) -> None:
        self.graph = graph
        count, root = len(graph.entities), len(graph.entities) + len(graph.scopes)
        self.children: list[list[int]] = [[] for _ in range(root + 1)]
        for number, entity in enumerate(graph.entities):
            self.children[count + entity.scope if entity.scope >= 0 else root].append(number)
        for number, scope in enumerate(graph.scopes):
            self.children[count + scope.parent if scope.parent >= 0 else root].append(count + number)
        self.root = root
        self.leaves = self._leaves()
        self.above: list[list[int]] = [[] for _ in graph.entities]
        self.below: list[list[int]] = [[] for _ in graph.entities]
        self._connect()
        self.near = self._near()
        self.rank = [0] * (root + 1)
        self.place: list[float] = list(keys)
        self._sort(keys)

    def _leaves(self) -> list[list[int]]:
        """Entities below each tree node; inner scopes have higher numbers than outer ones."""
        count = len(self.graph.entities)
        leaves: list[list[int]] = [[number] for number in range(count)] + [
            [] for _ in range(count, self.root + 1)
        ]
        for node in [*reversed(range(count, self.root)), self.root]:
            leaves[node] = [leaf for child in self.children[node] for leaf in leaves[child]]
        return leaves

    def _connect(self) -> None:
        """Entities on the layer before and after each entity."""
        for _, upper, lower in _segments(self.graph):
            if upper != lower:
                self.below[upper].append(lower)
                self.above[lower].append(upper)

    def _near(self) -> list[list[int]]:
        """Siblings of each tree node that share a layer with it."""
        near: list[set[int]] = [set() for _ in range(self.root + 1)]
        for children in self.children:
            layers: dict[int, list[int]] = {}
            for node in children:
                first, last = self._span(node)
                for layer in range(first, last + 1):
                    layers.setdefault(layer, []).append(node)
            for group in layers.values():
                for node in group:
                    near[node].update(group)
        return [sorted(others - {node}) for node, others in enumerate(near)]

    def _sort(self, keys: Sequence[float]) -> None:
        """Order the children of each scope by key; a scope has the mean of what it holds."""
        mean: list[float] = []
        for leaves in self.leaves:
            known = [keys[leaf] for leaf in leaves if keys[leaf] >= 0]
            mean.append(sum(known) / len(known) if known else -1.0)
        for children in self.children:
            children.sort(key=lambda node: (mean[node], node))
        self._number()

    def _number(self) -> None:
        """Number the entities, and all tree nodes, in the order of the tree."""
        stack = [self.root]
        count = len(self.graph.entities)
        following = 0
        for rank in range(self.root + 1):
            node = stack.pop()
            self.rank[node] = rank
            if node < count:
                self.place[node] = following
                following += 1
            else:
                stack.extend(reversed(self.children[node]))

    def crossings(self) -> int:
        """How many pairs of arrows cross."""
        return crossings(self.graph, self.place)

    def sift(self, budget: int) -> int:
        """Move every child of every scope to its best place, until nothing moves or the budget is used up.

        Returns how much of the budget was used.
        """
        if not self.crossings():
            return 0
        left = budget
        for _ in range(ROUNDS):
            moved = False
            for parent in range(len(self.graph.entities), self.root + 1):
                for node in sorted(self.children[parent]):
                    work, has_moved = self._sift_one(parent, node)
                    left -= work
                    moved = moved or has_moved
                    if left < 0:
                        return budget
            if not moved:
                break
        return budget - left

    def _sift_one(self, parent: int, node: int) -> tuple[int, bool]:
        """Move one child to where it crosses least; returns the work and whether it moved."""
        saved = [(leaf, self.place[leaf]) for leaf in self.leaves[node]]
        siblings = sorted(self.near[node], key=self.rank.__getitem__)
        right = [other for other in siblings if self.rank[other] > self.rank[node]]
        left = siblings[: len(siblings) - len(right)]
        best, goal, side, work = 0, node, 0, 0
        for step, others in ((1, right), (-1, left[::-1])):
            change = 0
            for other in others:
                change += self._pass(node, other, step)
                work += len(self.leaves[node]) * len(self.leaves[other])
                if change < best:
                    best, goal, side = change, other, step
            for leaf, place in saved:
                self.place[leaf] = place
        if goal == node:
            return work, False
        children = self.children[parent]
        children.remove(node)
        children.insert(children.index(goal) + (side > 0), node)
        self._number()
        return work, True

    def _span(self, node: int) -> tuple[int, int]:
        """First and last layer of a tree node."""
        count = len(self.graph.entities)
        thing = self.graph.entities[node] if node < count else self.graph.scopes[node - count]
        return thing.first, thing.last

    def _pass(self, node: int, other: int, step: int) -> int:
        """How many more crossings there are when ``node`` passes ``other``, going right (+1) or left (−1)."""
        mine, theirs = self.leaves[node], self.leaves[other]
        edge = self.place[theirs[0]] if len(theirs) == 1 else _edge(self.place, theirs, step)
        self._walk_to(mine, edge - step * 0.5)
        inside, outside = frozenset(mine), frozenset(theirs)
        entities = self.graph.entities
        total = 0
        for a in mine:
            one = entities[a]
            for b in theirs:
                two = entities[b]
                top, bottom = max(one.first, two.first), min(one.last, two.last)
                if top > bottom:
                    continue
                total += self._pairs(
                    self.above[a] if one.first == top else [a],
                    self.above[b] if two.first == top else [b],
                    inside,
                    outside,
                )
                total += self._pairs(
                    self.below[a] if one.last == bottom else [a],
                    self.below[b] if two.last == bottom else [b],
                    inside,
                    outside,
                )
        return total * step

    def _walk_to(self, mine: list[int], centre: float) -> None:
        """Put the entities that walk at one place, keeping their order."""
        if len(mine) == 1:
            self.place[mine[0]] = centre
            return
        ordered = sorted(mine, key=lambda leaf: self.place[leaf])
        for number, leaf in enumerate(ordered):
            self.place[leaf] = centre + 0.4 * number / len(ordered)

    def _pairs(
        self, ours: list[int], others: list[int], inside: frozenset[int], outside: frozenset[int]
    ) -> int:
        """Pairs of ends in order minus pairs in reverse, leaving out those that change sides as well."""
        place = self.place
        total = 0
        for u in ours:
            for w in others:
                if (u in inside and w in outside) or (u in outside and w in inside):
                    continue
                if place[u] < place[w]:
                    total += 1
                elif place[u] > place[w]:
                    total -= 1
        return total


def _edge(place: Sequence[float], leaves: list[int], step: int) -> float:
    """The near side of a group: its lowest place when walking right, its highest when walking left."""
    places = [place[leaf] for leaf in leaves]
    return min(places) if step > 0 else max(places)
