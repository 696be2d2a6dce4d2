"""Graphs that are native only in part: cut where a row has no native form, which NumPy then computes.

A singular value decomposition, a sort, a special function or a user's own primitive has no loop that is written here. The
graph around it is cut into as few native parts as its dependences allow; between them, the rows left over are evaluated as
the interpreter does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.compiler.elements import is_native
from adlab.compiler.operations import WHOLE_ROWS
from adlab.compiler.tensor import inlined
from adlab.ir.builder import INPUT
from adlab.ir.graph import Graph
from adlab.ir.primitive import Primitive


@dataclass(frozen=True)
class NativePart:
    """A part of a graph that is compiled.

    Attributes
    ----------
    graph : Graph
    reads, writes : tuple of int
        The nodes of the whole graph that are its inputs and outputs.
    """

    graph: Graph
    reads: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass(frozen=True)
class HostNode:
    """A node that NumPy computes."""

    node: int


def native_row(primitive: Primitive, params: Mapping[str, Any]) -> bool:
    """Return whether a row has a native form."""
    if primitive.name == "scan":
        body: Graph = params["body"]
        return not any(isinstance(part, HostNode) for part in segments(inlined(body))[1])
    return primitive.name in WHOLE_ROWS or (primitive.elementwise and is_native(primitive.name))


def segments(graph: Graph) -> tuple[Graph, list[NativePart | HostNode]]:
    """Return the graph with calls inlined, and its parts in the order in which they run.

    Examples
    --------
    >>> import numpy as np
    >>> import adlab as ad
    >>> _, parts = segments(ad.graph(lambda x: np.sort(x * 2) + 1, np.ones(3)))
    >>> [type(part).__name__ for part in parts]
    ['NativePart', 'HostNode', 'NativePart']
    """
    graph = inlined(graph)
    start = len(graph.inputs)
    native = [
        graph.primitives[i] is INPUT or native_row(graph.primitives[i], dict(graph.params[i]))
        for i in range(len(graph))
    ]
    stage = [0] * len(graph)
    for i in range(start, len(graph)):
        for j in graph.operands[i]:
            if j >= 0:
                stage[i] = max(stage[i], stage[j] + (j >= start and native[j] != native[i]))
        if not native[i] and stage[i] % 2 == 0:
            stage[i] += 1
    needed = _needed_later(graph, stage)
    parts: list[NativePart | HostNode] = []
    for k in range(max(stage, default=0) + 1):
        nodes = [i for i in range(start, len(graph)) if stage[i] == k]
        if k % 2:
            parts += [HostNode(i) for i in nodes]
        elif nodes:
            parts.append(_part(graph, nodes, needed))
    return graph, parts


def _needed_later(graph: Graph, stage: Sequence[int]) -> set[int]:
    """Return the nodes that another stage, an output or a guard reads."""
    needed = {j for j in (*graph.outputs, *(guard.operand for guard in graph.guards)) if j >= 0}
    for i, operands in enumerate(graph.operands):
        needed.update(j for j in operands if j >= 0 and stage[j] != stage[i])
    return needed


def _part(graph: Graph, nodes: Sequence[int], needed: set[int]) -> NativePart:
    inside = set(nodes)
    reads = tuple(dict.fromkeys(j for i in nodes for j in graph.operands[i] if j >= 0 and j not in inside))
    writes = tuple(i for i in nodes if i in needed)
    new = {j: k for k, j in enumerate((*reads, *nodes))}
    inputs = len(reads)
    part = Graph(
        tuple(f"u{k}" for k in range(inputs)),
        tuple(new[i] for i in writes),
        [INPUT] * inputs + [graph.primitives[i] for i in nodes],
        [()] * inputs + [tuple(new[j] if j >= 0 else j for j in graph.operands[i]) for i in nodes],
        [()] * inputs + [graph.params[i] for i in nodes],
        [graph.types[j] for j in (*reads, *nodes)],
        [-1] * inputs + [graph.scope_ids[i] for i in nodes],
        [graph.source_ids[i] for i in (*reads, *nodes)],
        graph.constants,
        graph.scopes,
        graph.sources,
    )
    return NativePart(part, reads, writes)


Compiled = Callable[[Sequence[np.ndarray[Any, Any]]], Sequence[np.ndarray[Any, Any]]]
"""A compiled part: its inputs as contiguous arrays to its outputs."""


class Segmented:
    """A graph that runs in parts.

    Parameters
    ----------
    graph : Graph
    compile : callable
        Graph to a function of a list of arrays that returns the list of outputs.
    """

    def __init__(self, graph: Graph, compile: Callable[[Graph], Compiled]) -> None:
        self.graph, parts = segments(graph)
        self.parts = [(part, compile(part.graph) if isinstance(part, NativePart) else None) for part in parts]

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the value of every node that leaves its part; None for the others."""
        graph = self.graph
        values: list[Any] = [*inputs, *[None] * (len(graph) - len(inputs))]
        constants = [NUMPY.constant(constant) for constant in graph.constants]
        with np.errstate(all="ignore"):
            for part, run in self.parts:
                if isinstance(part, HostNode):
                    i = part.node
                    xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
                    values[i] = NUMPY.apply(graph.primitives[i], xs, graph.params[i])
                elif run is not None:
                    given = [
                        np.ascontiguousarray(np.asarray(values[j], graph.types[j].dtype)).reshape(
                            graph.types[j].shape
                        )
                        for j in part.reads
                    ]
                    for i, value in zip(part.writes, run(given), strict=True):
                        values[i] = value[()] if value.ndim == 0 else value
        return values

    def outputs(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the graph's outputs."""
        return NUMPY.outputs(self.graph, self(inputs))
