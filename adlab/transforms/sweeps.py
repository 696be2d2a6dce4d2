"""The two sweeps, over any algebra: tangents run forwards, adjoints run backwards.

Over NumPy they give numbers, over traced variables graphs (hence higher orders), over formulas the traces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.dual import Dual, DualAlgebra
from adlab.ir.graph import Graph
from adlab.ir.index import Index
from adlab.ir.primitive import Site
from adlab.primitives import TABLE
from adlab.primitives.rules import Joint, add

INDEX = TABLE["index"]

MANY_PARTS = 8
"""From so many parts taken of one array on, their cotangents are put down together."""


def evaluate(graph: Graph, algebra: Algebra, inputs: Sequence[Any]) -> list[Any]:
    """Return the value of every node."""
    return algebra.run(graph, inputs)


def site_of(graph: Graph, i: int, values: Sequence[Any], constants: Sequence[Any]) -> Site:
    """Return node ``i`` with its values, as rules look at it."""
    operands = graph.operands[i]
    return Site(
        graph.primitives[i],
        values[i],
        tuple([values[j] if j >= 0 else constants[~j] for j in operands]),
        graph.types[i],
        tuple([graph.types[j] if j >= 0 else graph.constants[~j].type for j in operands]),
        dict(graph.params[i]),
    )


def forward_sweep(graph: Graph, algebra: Algebra, values: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
    """Return the tangent of every node (None where it does not depend on a seed).

    Parameters
    ----------
    graph : Graph
    algebra : Algebra
        The carrier of ``values`` and ``seeds``.
    values : sequence
        The value of every node, as `evaluate` returns them.
    seeds : sequence
        One tangent per input, None for those held fixed.
    """
    tangents: list[Any] = list(seeds)
    constants = [algebra.constant(constant) for constant in graph.constants]
    with np.errstate(all="ignore"):
        for i in range(len(graph.inputs), len(graph)):
            given = [tangents[j] if j >= 0 else None for j in graph.operands[i]]
            rule = graph.primitives[i].rule
            if rule is None or all(tangent is None for tangent in given):
                tangents.append(None)
                continue
            tangents.append(rule.jvp(algebra, site_of(graph, i, values, constants), given))
    return tangents


def reverse_sweep(
    graph: Graph,
    algebra: Algebra,
    values: Sequence[Any],
    seeds: Iterable[tuple[int, Any]],
    wrt: Iterable[int] | None = None,
) -> list[Any]:
    """Return the adjoint of every node (None where no seed depends on it).

    Parameters
    ----------
    graph : Graph
    algebra : Algebra
        The carrier of ``values`` and ``seeds``.
    values : sequence
        The value of every node.
    seeds : iterable of (operand, cotangent)
        Where the sweep starts; cotangents of one operand add up.
    wrt : iterable of int, optional
        Nodes whose adjoints are wanted: what cannot reach them is left out.
    """
    adjoints: list[Any] = [None] * len(graph)
    scattered = _indexed_often(graph)
    active = active_nodes(graph, range(len(graph.inputs)) if wrt is None else wrt)
    constants = [algebra.constant(constant) for constant in graph.constants]
    for operand, cotangent in seeds:
        if operand >= 0 and active[operand]:
            adjoints[operand] = cotangent if adjoints[operand] is None else adjoints[operand] + cotangent
    with np.errstate(all="ignore"):
        for i in range(len(graph) - 1, -1, -1):
            if i in scattered:
                adjoints[i] = add(adjoints[i], algebra.scattered(scattered[i], graph.types[i].shape))
            cotangent, rule = adjoints[i], graph.primitives[i].rule
            if cotangent is None or rule is None:
                continue
            if graph.primitives[i] is INDEX and graph.operands[i][0] in scattered:
                j = graph.operands[i][0]
                if active[j]:
                    scattered[j].append((dict(graph.params[i])["index"], cotangent))
                continue
            site = site_of(graph, i, values, constants)
            wanted = [(p, j) for p, j in enumerate(graph.operands[i]) if j >= 0 and active[j]]
            if isinstance(rule, Joint):
                parts = rule.pull(algebra, site, cotangent, [p for p, _ in wanted])
            else:
                parts = [rule.vjp(algebra, site, cotangent, p) for p, _ in wanted]
            for (_, j), part in zip(wanted, parts, strict=True):
                if part is not None:
                    adjoints[j] = part if adjoints[j] is None else adjoints[j] + part
    return adjoints


def _indexed_often(graph: Graph) -> dict[int, list[tuple[Index, Any]]]:
    """Return an empty list for each node that many others take parts of: their cotangents are put down together.

    One by one, each part would be an array of zeros as large as the whole, with one part of it set.
    """
    rows = zip(graph.primitives, graph.operands, strict=True)
    counts = Counter(operands[0] for primitive, operands in rows if primitive is INDEX)
    return {node: [] for node, count in counts.items() if count >= MANY_PARTS and node >= 0}


def active_nodes(graph: Graph, wrt: Iterable[int]) -> list[bool]:
    """Return, for each node, whether it depends on one of ``wrt`` through differentiable operations."""
    active = [False] * len(graph)
    for node in wrt:
        active[node] = True
    for i in range(len(graph.inputs), len(graph)):
        if not active[i] and graph.primitives[i].rule is not None:
            active[i] = any(j >= 0 and active[j] for j in graph.operands[i])
    return active


def dual_run(graph: Graph, algebra: Algebra, inputs: Sequence[Any], seeds: Sequence[Any]) -> list[Dual]:
    """Return every node as a dual number: value and tangent in one pass."""
    duals = DualAlgebra(algebra)
    return duals.run(graph, [Dual(duals, x, seed) for x, seed in zip(inputs, seeds, strict=True)])
