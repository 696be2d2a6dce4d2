"""Storage: the bytes that a pass needs by rights, and those that it holds while it runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError
from adlab.ir.graph import Graph
from adlab.methods.base import Problem
from adlab.transforms.costs import count_evaluation
from adlab.transforms.sweeps import active_nodes, forward_sweep, reverse_sweep

RUN_LIMIT = 5_000_000
"""Methods are run, to be counted, if they take no more elementary operations than this."""


def _bytes(graph: Graph, i: int) -> int:
    return graph.types[i].size * graph.types[i].dtype.itemsize


def needed_bytes(graph: Graph, wrt: Sequence[int]) -> tuple[int, int, int]:
    """Return the least storage of an evaluation, of one with a tangent, and of one with a sweep of adjoints."""
    active = active_nodes(graph, wrt)
    last = list(range(len(graph)))
    for i, operands in enumerate(graph.operands):
        for j in operands:
            if j >= 0:
                last[j] = i
    for j in graph.outputs:
        if j >= 0:
            last[j] = len(graph)
    dying: defaultdict[int, list[int]] = defaultdict(list)
    for j, i in enumerate(last):
        dying[i].append(j)
    alive = moving = most = most_moving = 0
    for i in range(len(graph)):
        size = _bytes(graph, i)
        alive, moving = alive + size, moving + size * (1 + active[i])
        most, most_moving = max(most, alive), max(most_moving, moving)
        for j in dying[i]:
            alive, moving = alive - _bytes(graph, j), moving - _bytes(graph, j) * (1 + active[j])
    tape = sum(_bytes(graph, i) for i in range(len(graph)))
    return most, most_moving, tape + _most_adjoints(graph, active)


def _most_adjoints(graph: Graph, active: Sequence[bool]) -> int:
    """Return the most bytes of adjoints that wait at once: from a node's first contribution until it has passed them on."""
    waiting = [False] * len(graph)
    held = most = 0

    def begin(j: int) -> None:
        nonlocal held, most
        if j >= 0 and active[j] and not waiting[j]:
            waiting[j] = True
            held += _bytes(graph, j)
            most = max(most, held)

    for j in graph.outputs:
        begin(j)
    for i in range(len(graph) - 1, len(graph.inputs) - 1, -1):
        if not waiting[i]:
            continue
        for j in graph.operands[i]:
            begin(j)
        held -= _bytes(graph, i)
    return most


def held_bytes(problem: Problem) -> tuple[int | None, int | None, int | None]:
    """Return what the sweeps hold of an evaluation, with tangents and with adjoints: the bytes of all distinct arrays."""
    graph, wrt = problem.graph, problem.wrt
    if count_evaluation(graph).total() > RUN_LIMIT:
        return None, None, None
    values = NUMPY.run(graph, problem.args)
    kept = _memory(values)
    try:
        tangents = forward_sweep(
            graph, NUMPY, values, [_ones(graph, k) if k in wrt else None for k in range(len(graph.inputs))]
        )
        forward = _memory([*values, *tangents])
    except (AdlabError, NotImplementedError):
        forward = None
    try:
        seeds = [
            (j, np.ones(graph.type_of(j).shape, graph.type_of(j).dtype)[()])
            for j in problem.outputs
            if j >= 0
        ]
        reverse = _memory([*values, *reverse_sweep(graph, NUMPY, values, seeds, wrt)])
    except (AdlabError, NotImplementedError):
        reverse = None
    return kept, forward, reverse


def _ones(graph: Graph, k: int) -> Any:
    return np.ones(graph.types[k].shape, graph.types[k].dtype)[()]


def _memory(values: Iterable[Any]) -> int:
    """Return the bytes of arrays and numbers; a view counts as the array it looks into, once."""
    seen: dict[int, int] = {}
    for value in values:
        owner = value
        while isinstance(owner, np.ndarray) and isinstance(owner.base, np.ndarray):
            owner = owner.base
        if value is not None:
            seen[id(owner)] = int(getattr(owner, "nbytes", 8))
    return sum(seen.values())
