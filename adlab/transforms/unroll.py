"""A program written out flat: scopes and checkpoints opened, loops step after step, so that a report sees every operation.

The algebra that writes graphs does it: a node that holds a graph is evaluated in it instead of being recorded. What belongs to a
step of a loop stands in a scope of its own, a `Step`, by which a report names the step. A loop of very many steps stays one node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.ir.builder import current_scope
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.transforms.loops import SCAN
from adlab.transforms.scopes import scope_paths

STEPS = 10_000
"""Loops of more steps, those of loops within them counted in, stay closed."""

NODES = 200_000
"""So many operations are written out of loops in all."""


class Step(str):
    """The name of the scope in which one step of a loop is written out."""

    __slots__ = ()


def unrolled(graph: Graph) -> Graph:
    """Return the graph with every scope, checkpoint and loop written out, loops of too many steps left as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.control import fori
    >>> from adlab.frontends.recording import record
    >>> flat = unrolled(record(lambda x: fori(2, lambda i, c: np.sin(c), x), (1.0,)).graph)
    >>> [(node.primitive.name, step_of(flat, node.index)) for node in flat][1:]
    [('sin', 'step 1 of (body × 2)'), ('sin', 'step 2 of (body × 2)')]
    """
    if not any(primitive.composite for primitive in graph.primitives):
        return graph
    recorder = Recorder()
    writer = _Writer(recorder)
    values = writer.run(
        graph,
        [recorder.variable(name, type) for name, type in zip(graph.inputs, graph.input_types, strict=True)],
    )
    constants = [writer.constant(constant) for constant in graph.constants]
    for guard in graph.guards:
        recorder.source = graph.sources[guard.source]
        operand = values[guard.operand] if guard.operand >= 0 else constants[~guard.operand]
        recorder.guard(recorder.operand(operand), guard.outcome)
    outputs = [recorder.operand(value) for value in writer.outputs(graph, values)]
    return recorder.finish(outputs, graph.in_tree, graph.out_tree, graph.name)


def closed_loops(graph: Graph) -> tuple[str, ...]:
    """Return the names of the loops that a graph holds as nodes."""
    found = [
        str(dict(params)["name"])
        for primitive, params in zip(graph.primitives, graph.params, strict=True)
        if primitive is SCAN
    ]
    return tuple(dict.fromkeys(found))


def step_of(graph: Graph, node: int) -> str:
    """Return which step of which loop a node of an unrolled graph belongs to, the outermost first; empty for none."""
    return ", ".join(name for name in graph.scope_path(graph.scope_ids[node]) if isinstance(name, Step))


class _Writer(GraphAlgebra):
    """Writes what nodes hold instead of the nodes, each operation with its own line and scope."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self.loop = ""
        self.written = 0

    def constant(self, constant: Constant) -> Any:
        """Return a literal as it stands in the graph: nothing is folded."""
        return Traced(self.recorder, self.recorder.literal(constant.value, constant.type.dtype))

    def run(self, graph: Graph, inputs: Sequence[Any]) -> list[Any]:
        """Return the value of every node."""
        values = list(inputs)
        constants = [self.constant(constant) for constant in graph.constants]
        paths, around = scope_paths(graph), current_scope.get()
        for i in range(len(graph.inputs), len(graph)):
            self.recorder.source = graph.sources[graph.source_ids[i]]
            xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
            token = current_scope.set((*around, *paths[graph.scope_ids[i]]))
            try:
                values.append(self.apply(graph.primitives[i], xs, graph.params[i]))
            finally:
                current_scope.reset(token)
        return values

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Write an operation, or what a node holds."""
        if primitive.composite is None:
            return super().apply(primitive, xs, params)
        given = dict(params)
        if primitive is not SCAN:
            return primitive.composite(self, xs, given)
        steps, nodes = _extent(given["body"], given["length"])
        if steps > STEPS or self.written + nodes > NODES:
            return super().apply(primitive, xs, params)
        outer, self.loop = self.loop, given["name"]
        try:
            self.written += nodes
            return primitive.composite(self, xs, given)
        finally:
            self.loop = outer

    def repeat(
        self,
        step: Callable[[int, list[Any]], tuple[list[Any], list[Any]]],
        carry: list[Any],
        order: Sequence[int],
    ) -> tuple[list[Any], list[list[Any]]]:
        """Write the steps of a loop, each in a scope of its own."""
        rows, around, loop = [], current_scope.get(), self.loop
        for number, t in enumerate(order, 1):
            token = current_scope.set((*around, Step(f"step {number} of {loop}")))
            try:
                carry, row = step(t, carry)
            finally:
                current_scope.reset(token)
            rows.append(row)
        return carry, rows


def _extent(body: Graph, length: int) -> tuple[int, int]:
    """Return how many steps and how many operations a loop has, those of loops within it counted in."""
    steps, nodes = length, 0
    pending = [(body, length)]
    while pending:
        graph, times = pending.pop()
        nodes += times * len(graph)
        for primitive, params in zip(graph.primitives, graph.params, strict=True):
            if primitive.composite is None:
                continue
            held = dict(params)
            if primitive is SCAN:
                pending.append((held["body"], times * held["length"]))
                steps += times * held["length"]
            else:
                pending.append((held["graph"], times))
    return steps, nodes
