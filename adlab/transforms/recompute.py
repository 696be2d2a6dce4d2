"""Checkpoints: a graph held as one node whose inside is forgotten and computed again when its adjoints are needed.

Evaluating a graph keeps the value of every node for the reverse pass; of a checkpoint it keeps the result alone. Over
numbers the reverse pass evaluates the held graph again and drops it. Over traced variables it writes one more such node
that does both, so that a gradient which is a graph saves as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adlab.algebra.traced import GraphAlgebra, Recorder
from adlab.ir.graph import Graph
from adlab.ir.primitive import Primitive, Site
from adlab.transforms.loops import fitted, packed, real, unpacked
from adlab.transforms.scopes import CALL, CallRule, evaluate_held
from adlab.transforms.sweeps import reverse_sweep


def packed_graph(graph: Graph) -> Graph:
    """Return the graph with one output, which holds all of them, and without its guards and nesting."""
    if len(graph.outputs) == 1:
        return replace(graph, guards=(), in_tree=None, out_tree=None)
    recorder = Recorder()
    algebra = GraphAlgebra(recorder)
    values = algebra.run(
        graph, [recorder.variable(n, t) for n, t in zip(graph.inputs, graph.input_types, strict=True)]
    )
    output = packed(algebra, algebra.outputs(graph, values), graph.output_types)
    return recorder.finish([recorder.operand(output)])


class CheckpointRule(CallRule):
    """The rule of a held graph that is computed again."""

    def pull(self, A: Any, site: Site, cotangent: Any, positions: Sequence[int]) -> Sequence[Any]:
        """Return the adjoints of the held graph's inputs."""
        if not isinstance(A, GraphAlgebra) or not positions:
            return super().pull(A, site, cotangent, positions)
        graph, types = adjoint_graph(site, positions), [real(site.types[k]) for k in positions]
        given = [fitted(A, x, type) for x, type in zip(site.xs, site.types, strict=True)]
        given.append(fitted(A, cotangent, real(site.type)))
        params = (("graph", graph), ("name", f"back_{site.params['name']}"))
        return unpacked(A, A.apply(CHECKPOINT, given, params), types)


def adjoint_graph(site: Site, positions: Sequence[int]) -> Graph:
    """Return the graph from operands and cotangent to the packed adjoints of the operands at ``positions``."""
    graph: Graph = site.params["graph"]
    recorder = Recorder()
    algebra = GraphAlgebra(recorder)
    xs = [recorder.variable(n, t) for n, t in zip(graph.inputs, graph.input_types, strict=True)]
    name = "cotangent"
    while name in graph.inputs:
        name += "'"
    cotangent = recorder.variable(name, real(site.type))
    values = algebra.run(graph, xs)
    adjoints = reverse_sweep(graph, algebra, values, [(graph.outputs[0], cotangent)], wrt=positions)
    types = [real(site.types[k]) for k in positions]
    parts = []
    for k, type in zip(positions, types, strict=True):
        part = np.zeros(type.shape, type.dtype)[()] if adjoints[k] is None else adjoints[k]
        parts.append(fitted(algebra, part, type))
    return recorder.finish([recorder.operand(packed(algebra, parts, types))])


CHECKPOINT = Primitive(
    "checkpoint", CALL.infer, CheckpointRule(), numpy="", arity=None, composite=evaluate_held, notation=CALL.notation,
    summary="a graph held as one node, computed again in the reverse pass",
)  # fmt: skip
