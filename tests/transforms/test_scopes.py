"""Scopes as groups, calls and operations again: no circles, nothing computed twice, linear in what there is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab.ir.check import check
from adlab.ir.graph import Graph
from adlab.reports.picture import check as check_picture
from adlab.transforms.scopes import collapse, expand, scope_groups, scope_paths


def random_code(seed: int) -> Any:
    """Return a function whose scopes are left and entered again at random, two levels deep."""
    rng = np.random.default_rng(seed)
    names, moves = (
        ("a", "b", "c"),
        [(rng.integers(4), rng.integers(3), rng.integers(10**6)) for _ in range(40)],
    )

    def f(x: Any, y: Any) -> Any:
        values = [x, y]
        for kind, name, pick in moves:
            left, right = values[pick % len(values)], values[(pick // 7) % len(values)]
            with ad.scope(names[name]):
                if kind == 0:
                    with ad.scope("inner"):
                        values.append(np.sin(left) + 0.5 * right)
                elif kind < 3:
                    values.append(np.tanh(left - right))
            if kind == 3:
                values.append(left * 0.5 + np.cos(right))
        return values[-1], values[-2] + values[-3]

    return f


def held_operations(graph: Graph) -> Counter[str]:
    """Return the counts of operations, those inside calls with them."""
    counts: Counter[str] = Counter()
    for primitive, params in zip(graph.primitives, graph.params, strict=True):
        inner = dict(params).get("graph")
        counts += Counter([primitive.name]) if inner is None else inner.operation_counts()
    del counts["input"]
    return counts


def circles(graph: Graph, groups: list[Any]) -> int:
    """Return how many boxes lie on or behind a circle, each group being one box."""
    boxes = [i if group is None else group for i, group in enumerate(groups)]
    edges = {(boxes[j], boxes[i]) for i, row in enumerate(graph.operands) for j in row if j >= 0}
    edges = {(a, b) for a, b in edges if a != b}
    waiting = Counter(b for _, b in edges)
    ready = [box for box in set(boxes) if not waiting[box]]
    while ready:
        box = ready.pop()
        for a, b in [edge for edge in edges if edge[0] == box]:
            edges.discard((a, b))
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return sum(count > 0 for count in waiting.values())


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_random_scopes_collapse_without_circles_and_without_repeated_work(seed: int, depth: int) -> None:
    graph = ad.graph(random_code(seed), 0.3, 0.7)
    groups = scope_groups(graph, depth)
    assert circles(graph, groups) == 0
    collapsed = collapse(graph, depth)
    check(collapsed)
    assert held_operations(collapsed) == graph.operation_counts()
    back = expand(collapsed)
    check(back)
    assert back.operation_counts() == graph.operation_counts()
    np.testing.assert_array_equal(ad.graph(collapsed)(0.3, 0.7), graph(0.3, 0.7))
    slopes = [ad.jacobian(g, argnums=(0, 1))(0.3, 0.7) for g in (ad.graph(collapsed), graph)]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-13)
    check_picture(ad.draw(graph, 0.3, 0.7, depth=depth).picture)


def test_two_scopes_that_need_each_other_are_split_though_no_node_does() -> None:
    def f(x: Any, y: Any) -> Any:
        with ad.scope("a"):
            first = np.sin(x)
        with ad.scope("b"):
            used, free = np.cos(first), np.exp(y)
        with ad.scope("a"):
            return used + np.tanh(free)

    graph = ad.graph(f, 0.3, 0.7)
    groups = scope_groups(graph, 1)
    assert circles(graph, groups) == 0
    assert {group for group in groups if group} == {("a",), ("b",), ("a#2",)}
    check_picture(ad.draw(graph, 0.3, 0.7, depth=1).picture)


def test_a_scope_entered_again_without_need_of_itself_stays_one() -> None:
    def f(x: Any) -> Any:
        with ad.scope("a"):
            first = np.sin(x)
        middle = np.cos(x)
        with ad.scope("a"):
            second = np.tanh(middle)
        return first + second

    graph = ad.graph(f, 0.3)
    assert {group for group in scope_groups(graph, 1) if group} == {("a",)}


def test_a_loop_through_one_scope_has_an_entry_for_each_turn() -> None:
    def f(x: Any) -> Any:
        for _ in range(5):
            with ad.scope("cell"):
                x = np.sin(x) * 0.5
            x = x + 1.0
        return x

    groups = [group for group in scope_groups(ad.graph(f, 0.3), 1) if group]
    assert list(dict.fromkeys(groups)) == [("cell",), *((f"cell#{k}",) for k in range(2, 6))]


def test_what_leaving_values_share_is_held_once() -> None:
    def f(x: Any) -> Any:
        with ad.scope("one"):
            for _ in range(30):
                x = np.sin(x)
            left, right = np.cos(x), np.exp(x)
        return left * right

    collapsed = collapse(ad.graph(f, 0.3))
    assert collapsed.operation_counts() == {"call": 3, "multiply": 1}
    assert held_operations(collapsed) == {"sin": 30, "cos": 1, "exp": 1, "multiply": 1}


def test_paths_of_scopes_by_number() -> None:
    def f(x: Any) -> Any:
        with ad.scope("a"), ad.scope("b"):
            x = np.sin(x)
        return x + 1.0

    graph = ad.graph(f, 0.3)
    paths = scope_paths(graph)
    assert [paths[number] for number in graph.scope_ids] == [(), ("a", "b"), ()]
    assert all(paths[k] == graph.scope_path(k) for k in range(-1, len(graph.scopes)))
