"""First step of the built-in layout: which layer everything stands on.

Arrows are as short as possible in sum, and among the ways to reach that every box goes as late as its users
allow, so that a constant or a parameter stands next to the operation that needs it. The inputs of the picture
stand together on the first layer, its results on the last. Arrows that need a label get a layer for it
between their last two layers of boxes. An arrow that skips layers (or has a label) becomes a *wire* on the
layers between: one object that later gets one position, which is why long arrows are straight. A scope that
has nothing on a layer it spans gets an empty *spacer* there, which keeps strangers out.

Boxes, wires and spacers are the *entities* that the next steps order and place.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from adlab.render.layout.simplex import Edge, minimise
from adlab.reports.picture import Role

__all__ = ["Entity", "Layered", "Link", "Node", "Scope", "build"]

REACH = 6
"""An input stays on the first layer if its first user is not farther away than this many layers."""


LENGTH, PIN = 64, 100_000
"""Prices of a longer arrow and of an input that leaves the first layer, when being earlier by one costs 1."""


@dataclass(frozen=True, slots=True)
class Node:
    """A box as the layout sees it: its size across and along the flow, its role and its scope."""

    across: int
    along: int
    role: Role
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow as the layout sees it: indices of boxes, the operand's position, the size of its label."""

    source: int
    target: int
    port: int
    label: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that takes room on the layers ``first`` to ``last``: a box, a wire or a spacer.

    ``box`` and ``link`` say which one it is (−1: it is none); ``scope`` is the innermost scope around it, −1
    for none.
    """

    first: int
    last: int
    scope: int
    box: int = -1
    link: int = -1


@dataclass(frozen=True, slots=True)
class Scope:
    """A nested scope: path, the scope around it (−1 for none), its layers, and the size of its name."""

    path: tuple[str, ...]
    parent: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Layered:
    """The graph with layers.

    Attributes
    ----------
    nodes, links : tuple
        What was given.
    entities : tuple of Entity
        First the boxes in their order, then wires and spacers.
    wires : tuple of int
        For each link the entity of its wire, −1 if it has none.
    scopes : tuple of Scope
        Outer scopes before inner ones.
    layers : int
        How many layers there are.
    label_layers : frozenset of int
        Those that hold labels instead of boxes.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    entities: tuple[Entity, ...]
    wires: tuple[int, ...]
    scopes: tuple[Scope, ...]
    layers: int
    label_layers: frozenset[int]


def build(nodes: tuple[Node, ...], links: tuple[Link, ...]) -> Layered:
    """Put boxes on layers and arrows on the layers between.

    Parameters
    ----------
    nodes : tuple of Node
    links : tuple of Link
        Without cycles.

    Returns
    -------
    Layered
    """
    ranks = _ranks(nodes, links)
    labelled = {ranks[link.target] - 1 for link in links if link.label}
    layer_of_rank, label_layers = _label_layers(max(ranks) + 1, labelled)
    layer = [layer_of_rank[rank] for rank in ranks]
    scopes = _scopes(nodes, layer)
    index = {scope.path: number for number, scope in enumerate(scopes)}
    entities = [
        Entity(at, at, index.get(node.scope, -1), box=i)
        for i, (node, at) in enumerate(zip(nodes, layer, strict=True))
    ]
    wires: list[int] = []
    for number, link in enumerate(links):
        first, last = layer[link.source] + 1, layer[link.target] - 1
        wires.append(len(entities) if first <= last else -1)
        if first <= last:
            around = _common(nodes[link.source].scope, nodes[link.target].scope)
            entities.append(Entity(first, last, index.get(around, -1), link=number))
    entities += _spacers(scopes, entities)
    return Layered(nodes, links, tuple(entities), tuple(wires), scopes, max(layer) + 1, label_layers)


def _ranks(nodes: tuple[Node, ...], links: tuple[Link, ...]) -> list[int]:
    """Ranks with the shortest arrows, and among those the latest; without empty ranks."""
    root, end = len(nodes), len(nodes) + 1
    first, last = _pinned(nodes, links)
    edges = [Edge(link.source, link.target, 1, LENGTH) for link in links]
    edges += [Edge(root, node, 0, PIN if node in first else 0) for node in range(len(nodes))]
    edges += [Edge(node, end, 0, PIN if node in last else 1) for node in range(len(nodes))]
    ranks = minimise(len(nodes) + 2, edges)[: len(nodes)]
    used = {rank: number for number, rank in enumerate(sorted(set(ranks)))}
    return [used[rank] for rank in ranks]


def _pinned(nodes: tuple[Node, ...], links: tuple[Link, ...]) -> tuple[set[int], set[int]]:
    """Inputs for the first rank and results for the last, unless that is far from where they belong.

    An input that joins a computation under way, as the bias of a layer does, stands beside it: from the first rank its
    only arrow would pass by the computation and cross its other inputs.
    """
    sources: list[list[int]] = [[] for _ in nodes]
    targets: list[list[int]] = [[] for _ in nodes]
    for link in links:
        sources[link.target].append(link.source)
        targets[link.source].append(link.target)
    height, depth = _longest(sources, targets), _longest(targets, sources)
    top = max(height)
    first = {
        node
        for node, facts in enumerate(nodes)
        if facts.role == "input" and not facts.scope and not sources[node] and top - height[node] < REACH
        if len(targets[node]) != 1 or not any(sources[other] for other in sources[targets[node][0]])
    }
    last = {
        node
        for node, facts in enumerate(nodes)
        if facts.role == "output" and not facts.scope and not targets[node] and top - depth[node] < REACH
    }
    return first, last


def _longest(sources: list[list[int]], targets: list[list[int]]) -> list[int]:
    """Number of arrows on the longest way from each node onwards."""
    longest = [0] * len(sources)
    for node in _backwards(sources, targets):
        longest[node] = max((longest[target] + 1 for target in targets[node]), default=0)
    return longest


def _backwards(sources: list[list[int]], targets: list[list[int]]) -> list[int]:
    """Nodes in an order in which each comes after all its targets."""
    waiting = [len(users) for users in targets]
    ready = deque(node for node, count in enumerate(waiting) if not count)
    done: list[int] = []
    while ready:
        node = ready.popleft()
        done.append(node)
        for source in sources[node]:
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)
    return done


def _label_layers(ranks: int, labelled: set[int]) -> tuple[list[int], frozenset[int]]:
    """Layer of each rank when a layer for labels follows the ranks in ``labelled``, and those layers."""
    layers: list[int] = []
    labels: list[int] = []
    following = 0
    for rank in range(ranks):
        layers.append(following)
        following += 1
        if rank in labelled:
            labels.append(following)
            following += 1
    return layers, frozenset(labels)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Longest path of scopes that holds both."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return one[:length]


def _scopes(nodes: tuple[Node, ...], layer: list[int]) -> tuple[Scope, ...]:
    """All scopes with the layers that their boxes span, outer ones first."""
    spans: dict[tuple[str, ...], tuple[int, int]] = {}
    for node, at in zip(nodes, layer, strict=True):
        for depth in range(1, len(node.scope) + 1):
            first, last = spans.get(node.scope[:depth], (at, at))
            spans[node.scope[:depth]] = (min(first, at), max(last, at))
    paths = sorted(spans, key=len)
    index = {path: number for number, path in enumerate(paths)}
    return tuple(Scope(path, index.get(path[:-1], -1), *spans[path]) for path in paths)


def _spacers(scopes: tuple[Scope, ...], entities: list[Entity]) -> list[Entity]:
    """One for each scope and layer within its span where it has nothing, inner scopes first."""
    taken: list[set[int]] = [set() for _ in scopes]
    for entity in entities:
        if entity.scope >= 0:
            taken[entity.scope].update(range(entity.first, entity.last + 1))
    spacers: list[Entity] = []
    for number in reversed(range(len(scopes))):
        scope = scopes[number]
        missing = [at for at in range(scope.first, scope.last + 1) if at not in taken[number]]
        spacers += [Entity(at, at, number) for at in missing]
        if scope.parent >= 0:
            taken[scope.parent].update(range(scope.first, scope.last + 1))
    return spacers
