"""Positions on a line: the network simplex method, small and exact.

Given numbers x to be chosen with x[head] − x[tail] ≥ least for every edge, make the sum of weight · (x[head]
− x[tail]) as small as possible. This is the dual of a minimum-cost flow; a basis is a spanning tree of tight
edges, and one step exchanges an edge whose *cut value* is negative. The formulation for drawings is from E.
Gansner, E. Koutsofios, S. North, K.-P. Vo, "A technique for drawing directed graphs", IEEE Transactions on
Software Engineering 19 (1993), section 2.3. Everything is integer, so the answer is the same on every
machine. Stopping early is allowed: every step keeps the constraints.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass

__all__ = ["Edge", "minimise"]

WORK = 400_000
"""Steps times nodes after which the method stops with what it has; about a fifth of a second."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The constraint x[head] − x[tail] ≥ least and the price of each pixel between the two."""

    tail: int
    head: int
    least: int
    weight: int = 0


def minimise(count: int, edges: list[Edge]) -> list[int]:
    """Best positions of ``count`` variables.

    Parameters
    ----------
    count : int
    edges : list of Edge
        Without cycles; weights are not negative.

    Returns
    -------
    list of int
    """
    if count == 0:
        return []
    tree = _Tree(count, edges)
    for _ in range(WORK // count + 8):
        if not tree.step():
            break
    return tree.x


def _lowest(count: int, edges: list[Edge]) -> list[int]:
    """Some positions that obey the constraints: each variable as low as its predecessors allow."""
    waiting = [0] * count
    leaving: list[list[Edge]] = [[] for _ in range(count)]
    for edge in edges:
        waiting[edge.head] += 1
        leaving[edge.tail].append(edge)
    x = [0] * count
    ready = deque(node for node, number in enumerate(waiting) if not number)
    while ready:
        for edge in leaving[ready.popleft()]:
            x[edge.head] = max(x[edge.head], x[edge.tail] + edge.least)
            waiting[edge.head] -= 1
            if not waiting[edge.head]:
                ready.append(edge.head)
    return x


class _Tree:
    """The spanning tree of tight edges, and what the method knows about it."""

    def __init__(self, count: int, edges: list[Edge]) -> None:
        self.count = count
        self.edges = list(edges)
        self.x = _lowest(count, edges)
        self.parent_edge = [-1] * count
        self.parent = [-1] * count
        self.children: list[set[int]] = [set() for _ in range(count)]
        self.touching: list[list[int]] = [[] for _ in range(count)]
        for number, edge in enumerate(edges):
            self.touching[edge.tail].append(number)
            self.touching[edge.head].append(number)
        self.sums = [0] * count
        self._grow()
        self._sum_up()

    def _slack(self, number: int) -> int:
        edge = self.edges[number]
        return self.x[edge.head] - self.x[edge.tail] - edge.least

    def _grow(self) -> None:
        """Grow a tight tree from variable 0, pulling it towards the nearest variable when it is stuck."""
        inside = [False] * self.count
        inside[0] = True
        members = [0]
        stack = [0]
        while True:
            while stack:
                node = stack.pop()
                for number in self.touching[node]:
                    other = self._other(number, node)
                    if not inside[other] and not self._slack(number):
                        inside[other] = True
                        members.append(other)
                        stack.append(other)
                        self._hang(other, node, number)
            if len(members) == self.count:
                return
            stack = self._pull(inside, members)

    def _pull(self, inside: list[bool], members: list[int]) -> list[int]:
        """Shift the tree until one more edge is tight; returns the members from which to go on growing."""
        best, least = -1, -1
        for number, edge in enumerate(self.edges):
            if inside[edge.tail] != inside[edge.head]:
                slack = self._slack(number)
                if best < 0 or slack < least:
                    best, least = number, slack
        if best < 0:
            best = self._join(inside)
            least = 0
        edge = self.edges[best]
        shift = least if inside[edge.tail] else -least
        for node in members:
            self.x[node] += shift
        return [edge.tail if inside[edge.tail] else edge.head]

    def _join(self, inside: list[bool]) -> int:
        """Tie a part that nothing connects to where it already is."""
        stranger = inside.index(False)
        self.edges.append(Edge(0, stranger, self.x[stranger] - self.x[0]))
        number = len(self.edges) - 1
        self.touching[0].append(number)
        self.touching[stranger].append(number)
        return number

    def _other(self, number: int, node: int) -> int:
        edge = self.edges[number]
        return edge.head if edge.tail == node else edge.tail

    def _hang(self, node: int, parent: int, number: int) -> None:
        self.parent[node], self.parent_edge[node] = parent, number
        self.children[parent].add(node)

    def _sum_up(self) -> None:
        """Weight that leaves minus weight that enters each subtree: ± the cut value of its edge."""
        for edge in self.edges:
            self.sums[edge.tail] += edge.weight
            self.sums[edge.head] -= edge.weight
        for node in reversed(self._subtree(0)):
            if self.parent[node] >= 0:
                self.sums[self.parent[node]] += self.sums[node]

    def _subtree(self, root: int) -> list[int]:
        """Variables at and below one, parents first."""
        found = [root]
        for node in found:
            found.extend(sorted(self.children[node]))
        return found

    def step(self) -> bool:
        """Exchange the edge with the most negative cut value; False if there is none."""
        worst, node = 0, -1
        for candidate in range(1, self.count):
            total = self.sums[candidate]
            cut = total if self.edges[self.parent_edge[candidate]].tail == candidate else -total
            if cut < worst:
                worst, node = cut, candidate
        if node < 0:
            return False
        is_tail = self.edges[self.parent_edge[node]].tail == node
        below = self._subtree(node)
        entering, slack = self._entering(below, is_tail)
        if entering < 0:
            return False
        for member in below:
            self.x[member] -= slack if is_tail else -slack
        self._exchange(node, entering, set(below))
        return True

    def _entering(self, below: list[int], is_tail: bool) -> tuple[int, int]:
        """The edge in the other direction across the cut that has the least slack."""
        members = set(below)
        best, least = -1, 0
        for node in below:
            for number in self.touching[node]:
                edge = self.edges[number]
                if (edge.head if is_tail else edge.tail) != node or self._other(number, node) in members:
                    continue
                slack = self._slack(number)
                if best < 0 or slack < least or (slack == least and number < best):
                    best, least = number, slack
        return best, least

    def _exchange(self, node: int, entering: int, below: set[int]) -> None:
        """Hang the subtree of ``node`` by the entering edge and update the sums along the way."""
        total = self.sums[node]
        ancestor = self.parent[node]
        self.children[ancestor].discard(node)
        while ancestor >= 0:
            self.sums[ancestor] -= total
            ancestor = self.parent[ancestor]
        edge = self.edges[entering]
        inner, outer = (edge.tail, edge.head) if edge.tail in below else (edge.head, edge.tail)
        self._turn(inner, node, total)
        self._hang(inner, outer, entering)
        ancestor = outer
        while ancestor >= 0:
            self.sums[ancestor] += total
            ancestor = self.parent[ancestor]

    def _turn(self, inner: int, node: int, total: int) -> None:
        """Make ``inner`` the root of the subtree whose root was ``node``."""
        way = [inner]
        while way[-1] != node:
            way.append(self.parent[way[-1]])
        numbers = [self.parent_edge[member] for member in way[:-1]]
        old = [self.sums[member] for member in way]
        for child, parent, number in zip(way[:-1], way[1:], numbers, strict=True):
            self.children[parent].discard(child)
            self.parent[parent], self.parent_edge[parent] = child, number
        for child, parent in itertools.pairwise(way):
            self.children[child].add(parent)
        self.sums[inner] = total
        for member, below in zip(way[1:], old[:-1], strict=True):
            self.sums[member] = total - below
