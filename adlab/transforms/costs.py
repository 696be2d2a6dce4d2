"""Counting operations: what evaluating a graph, or one pass over it, applies, without doing it.

The sweeps run in the carrier that knows nothing but types (`adlab.algebra.counting`), so nothing is assumed about rules: a
zero that is known from the structure costs nothing, and an array operation counts once per element.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from adlab.algebra.counting import CountingAlgebra
from adlab.ir.graph import Graph
from adlab.transforms.sweeps import forward_sweep, reverse_sweep


def count_evaluation(graph: Graph) -> Counter[str]:
    """Return the elementary operations of one evaluation.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> sorted(count_evaluation(record(lambda x: x * x + x, (2.0,)).graph).items())
    [('add', 1), ('multiply', 1)]
    """
    counting = CountingAlgebra()
    counting.run(graph, [counting.value(type) for type in graph.input_types])
    return counting.counts


def count_forward(graph: Graph, position: int) -> Counter[str]:
    """Return the operations that one pass of tangents adds, seeded at one input."""
    counting = CountingAlgebra()
    values = counting.run(graph, [counting.value(type) for type in graph.input_types])
    counting.counts.clear()
    seeds = [counting.value(type) if k == position else None for k, type in enumerate(graph.input_types)]
    forward_sweep(graph, counting, values, seeds)
    return counting.counts


def count_reverse(graph: Graph, output: int, wrt: Sequence[int]) -> Counter[str]:
    """Return the operations that one pass of adjoints adds, seeded at one output."""
    counting = CountingAlgebra()
    values = counting.run(graph, [counting.value(type) for type in graph.input_types])
    counting.counts.clear()
    reverse_sweep(graph, counting, values, [(output, counting.value(graph.type_of(output)))], wrt)
    return counting.counts


def times(counts: Mapping[str, int], factor: int) -> Counter[str]:
    """Return counts multiplied."""
    return Counter({name: number * factor for name, number in counts.items()})
