"""Writing a graph anew from another: the nodes change, while inputs, scopes, lines and guards stay what they were.

`Writer` is a builder that knows the types of what it is given, so it infers nothing and looks up no line: every node
is written in the name of a node of the old graph, whose scope and line it takes over. That is what makes a pass over
a million nodes quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adlab.ir.builder import Builder
from adlab.ir.constant import Constant, NamedNumber
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import Type


class Writer(Builder):
    """A graph in the making that takes the place of another.

    Attributes
    ----------
    scope, line : int
        Indices of the scope and the source that the next nodes get, in the tables of the old graph.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.scope = -1
        self.line = 0
        self._old = graph
        self._codes = [(source, 0) for source in graph.sources]
        self._scope_rows = list(graph.scopes)

    def write(self, primitive: Primitive, operands: tuple[int, ...], params: Params, type: Type) -> int:
        """Return the node that applies ``primitive`` with a result of ``type``; an equal one is used again."""
        key = (primitive, operands, params)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._append(primitive, operands, params, type)
        return found

    def old_literal(self, constant: Constant) -> int:
        """Return the operand of a literal of the old graph: 2 and 2.0 become one, π keeps its name."""
        value, dtype = constant.value, constant.type.dtype
        if not isinstance(value, (np.ndarray, NamedNumber)):
            with np.errstate(over="ignore"):  # 1e300 is infinite as float32
                value = dtype.type(value).item()
        return self.literal(value, dtype)

    def replacement(self, new: Mapping[int, int], outputs: Sequence[int], nested: bool = True) -> Graph:
        """Return the new graph, which returns ``outputs`` and keeps the guards.

        Parameters
        ----------
        new : mapping of int to int
            The new operands of the old ones that guards follow.
        outputs : sequence of int
            Operands of the new graph.
        nested : bool
            Whether arguments and results nest as they did; else they are flat.
        """
        old = self._old
        self.guards = [guard._replace(operand=new[guard.operand]) for guard in old.guards]
        in_tree, out_tree = (old.in_tree, old.out_tree) if nested else (None, None)
        return used_literals(self.finish(outputs, in_tree, out_tree, old.name))

    def _append(self, primitive: Primitive, operands: tuple[int, ...], params: Params, type: Type) -> int:
        node = len(self.primitives)
        self.primitives.append(primitive)
        self.operands.append(operands)
        self.params.append(params)
        self.types.append(type)
        self.scope_ids.append(self.scope)
        self.source_ids.append(self.line)
        return node


def used_literals(graph: Graph) -> Graph:
    """Return the graph without literals that nothing refers to."""
    used = {j for operands in graph.operands for j in operands if j < 0}
    used.update(j for j in graph.outputs if j < 0)
    used.update(guard.operand for guard in graph.guards if guard.operand < 0)
    if len(used) == len(graph.constants):
        return graph
    kept = sorted(used, reverse=True)
    new = {j: ~k for k, j in enumerate(kept)}
    return replace(
        graph,
        constants=tuple(graph.constants[~j] for j in kept),
        operands=tuple(
            [
                tuple([new.get(j, j) for j in operands]) if operands and min(operands) < 0 else operands
                for operands in graph.operands
            ]
        ),
        outputs=tuple(new.get(j, j) for j in graph.outputs),
        guards=tuple(guard._replace(operand=new.get(guard.operand, guard.operand)) for guard in graph.guards),
    )
