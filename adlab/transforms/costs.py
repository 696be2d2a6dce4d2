"""Counting operations: how many primitives a derivative pass applies, seen by writing it as a graph.

The sweep is run in the carrier of traced variables and the nodes it adds are counted; nothing is assumed about rules.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from adlab.algebra.traced import GraphAlgebra, Recorder
from adlab.ir.graph import Graph
from adlab.transforms.sweeps import evaluate, forward_sweep, reverse_sweep

LIMIT = 20_000
"""Graphs beyond so many nodes are not counted for display."""


def _replay(graph: Graph) -> tuple[Recorder, GraphAlgebra, list[Any]]:
    recorder = Recorder()
    algebra = GraphAlgebra(recorder)
    pairs = zip(graph.inputs, graph.input_types, strict=True)
    inputs = [recorder.variable(name, type) for name, type in pairs]
    return recorder, algebra, evaluate(graph, algebra, inputs)


def count_forward(graph: Graph) -> int:
    """Return the operations that one forward pass adds to an evaluation."""
    if len(graph) > LIMIT:
        return 0
    recorder, algebra, values = _replay(graph)
    seeds = [recorder.variable(f"d{k}", type) for k, type in enumerate(graph.input_types)]
    before = Counter(recorder.primitives)
    forward_sweep(graph, algebra, values, seeds)
    return (Counter(recorder.primitives) - before).total()


def count_reverse(graph: Graph) -> int:
    """Return the operations that one reverse pass adds to an evaluation."""
    if len(graph) > LIMIT or not any(j >= 0 for j in graph.outputs):
        return 0
    recorder, algebra, values = _replay(graph)
    operand = next(j for j in graph.outputs if j >= 0)
    seed = recorder.variable("seed", graph.type_of(operand))
    before = Counter(recorder.primitives)
    reverse_sweep(graph, algebra, values, [(operand, seed)])
    return (Counter(recorder.primitives) - before).total()
