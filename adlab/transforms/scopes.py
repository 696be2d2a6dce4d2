"""Granularity: a scope as one node with its own local Jacobian, and back to its operations.

`collapse` replaces each scope at a depth by call nodes: one per value that leaves the scope, and one per value that several of
these share, each holding its operations as a graph of its own. So every operation is held once and costs what it did. `expand`
puts the operations back. A collapsed graph evaluates and differentiates as before; it only has fewer and larger steps. A scope
that is left and entered again would make the call depend on its own result, so it is split by entry (``layer``, ``layer#2``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import InputError
from adlab.ir.builder import Builder, current_scope
from adlab.ir.graph import Graph
from adlab.ir.primitive import Notation, Primitive, Site
from adlab.ir.types import Type
from adlab.primitives.notation import ATOM
from adlab.primitives.rules import Joint
from adlab.transforms.sweeps import forward_sweep, reverse_sweep

Group = tuple[str, ...] | None
"""The path of the scope that a node collapses into; None outside."""

UNUSED, SHARED = -1, -2


class CallRule(Joint):
    """The rule of a call: sweep through the graph it holds."""

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the tangent of the held graph's output."""
        graph: Graph = site.params["graph"]
        values = A.run(graph, site.xs)
        swept = forward_sweep(graph, A, values, tangents)
        return swept[graph.outputs[0]] if graph.outputs[0] >= 0 else None

    def pull(self, A: Any, site: Site, cotangent: Any, positions: Sequence[int]) -> Sequence[Any]:
        """Return the adjoints of the held graph's inputs."""
        graph: Graph = site.params["graph"]
        values = A.run(graph, site.xs)
        adjoints = reverse_sweep(graph, A, values, [(graph.outputs[0], cotangent)], wrt=positions)
        return [adjoints[position] for position in positions]


def evaluate_held(A: Any, xs: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Return the output of the graph that a node holds in ``graph``, evaluated in the carrier."""
    graph: Graph = params["graph"]
    return A.outputs(graph, A.run(graph, xs))[0]


def _infer_call(*types: Type, graph: Graph, name: str) -> Type:
    return graph.output_types[0]


def _call_notation(params: Any) -> Notation:
    name = params["name"].replace("{", "{{").replace("}", "}}")
    return Notation(f"{name}({{*}})", f"\\mathrm{{{{{name}}}}}\\left({{*}}\\right)".replace("#", r"\#"), ATOM)


CALL = Primitive(
    "call", _infer_call, CallRule(), numpy="", arity=None, composite=evaluate_held, notation=_call_notation,
    summary="a collapsed scope: a graph held as one node",
)  # fmt: skip


def collapse(graph: Graph, depth: int = 1) -> Graph:
    """Return the graph with every scope at nesting ``depth`` (1 is the outermost) as one node per leaving value."""
    if not isinstance(depth, int) or depth < 1:
        raise InputError(f"Scopes collapse at a depth of 1 or more, not {depth!r}.")
    groups = scope_groups(graph, depth)
    held = _held_nodes(graph, groups)
    paths = scope_paths(graph)
    builder = Builder()
    new: dict[int, int] = {}
    for i, name in enumerate(graph.inputs):
        new[i] = builder.input(name, graph.types[i])
    for i in range(len(graph.inputs), len(graph)):
        builder.source = graph.sources[graph.source_ids[i]]
        group = groups[i]
        if group is None:
            new[i] = _copy(graph, i, builder, new, paths[graph.scope_ids[i]])
        elif i in held:
            new[i] = _call(graph, held[i], group, builder, new, paths)
    outputs = [new[j] if j >= 0 else _literal(graph, j, builder) for j in graph.outputs]
    for guard in graph.guards:
        if guard.operand in new:
            builder.source = graph.sources[guard.source]
            builder.guard(new[guard.operand], guard.outcome)
    return builder.finish(outputs, graph.in_tree, graph.out_tree, graph.name)


def expand(graph: Graph) -> Graph:
    """Return the graph with every call replaced by the operations it holds, at every level."""
    recorder = Recorder()
    algebra = GraphAlgebra(recorder)
    paths = scope_paths(graph)
    values: list[Any] = [
        recorder.variable(name, type) for name, type in zip(graph.inputs, graph.input_types, strict=True)
    ]
    constants = [Traced(recorder, _literal(graph, ~k, recorder)) for k in range(len(graph.constants))]
    for i in range(len(graph.inputs), len(graph)):
        xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
        recorder.source = graph.sources[graph.source_ids[i]]
        values.append(_expanded(graph, i, xs, algebra, paths[graph.scope_ids[i]]))
    outputs = [values[j].index if j >= 0 else constants[~j].index for j in graph.outputs]
    for guard in graph.guards:
        recorder.source = graph.sources[guard.source]
        recorder.guard(
            values[guard.operand].index if guard.operand >= 0 else constants[~guard.operand].index,
            guard.outcome,
        )
    return recorder.finish(outputs, graph.in_tree, graph.out_tree, graph.name)


def _expanded(graph: Graph, i: int, xs: list[Any], algebra: GraphAlgebra, path: tuple[str, ...]) -> Any:
    """Return node ``i`` recorded; a call's graph is inlined node by node, calls within calls too."""
    primitive, params = graph.primitives[i], graph.params[i]
    if "graph" not in dict(params):  # a loop stays one, though its node holds its body
        token = current_scope.set(path)
        try:
            return algebra.recorder.record(primitive, xs, params)
        finally:
            current_scope.reset(token)
    inner: Graph = dict(params)["graph"]
    values = list(xs)
    constants = [
        Traced(algebra.recorder, _literal(inner, ~k, algebra.recorder)) for k in range(len(inner.constants))
    ]
    for k in range(len(inner.inputs), len(inner)):
        operands = [values[j] if j >= 0 else constants[~j] for j in inner.operands[k]]
        algebra.recorder.source = inner.sources[inner.source_ids[k]]
        scope = inner.scope_path(inner.scope_ids[k])
        values.append(_expanded(inner, k, operands, algebra, scope))
    result = inner.outputs[0]
    return values[result] if result >= 0 else constants[~result]


def scope_paths(graph: Graph) -> list[tuple[str, ...]]:
    """Return the path of every scope by its number; the last entry, number −1, is the top's."""
    paths: list[tuple[str, ...]] = [()] * (len(graph.scopes) + 1)
    for number, scope in enumerate(graph.scopes):
        paths[number] = (*paths[scope.parent], scope.name)
    return paths


def scope_groups(graph: Graph, depth: int) -> list[Group]:
    """Return the scope entry that each node collapses into, None for nodes outside every scope of that depth.

    With each scope as one box, the boxes must not depend on each other in a circle. Where they do, the scopes on the circle
    are split by entry. Linear in nodes and scopes: the home of a node is the first node of its group, and where every
    operand's home comes first there is no circle; only else are the circles looked for.
    """
    wanted = [path[:depth] if len(path) >= depth else None for path in scope_paths(graph)]
    first = len(graph.inputs)
    groups: list[Group] = [None] * first
    groups += [wanted[scope] for scope in graph.scope_ids[first:]]
    homes = _homes(groups)
    if all(homes[j] <= homes[i] for i, row in enumerate(graph.operands) for j in row if j >= 0):
        return groups
    return _split(graph, groups, _circles(graph, homes), homes)


def _homes(groups: Sequence[Group]) -> list[int]:
    """Return the first node of each node's group; a node outside is at home by itself."""
    first: dict[tuple[str, ...], int] = {}
    return [i if group is None else first.setdefault(group, i) for i, group in enumerate(groups)]


def _circles(graph: Graph, homes: Sequence[int]) -> list[int]:
    """Return, for each home, the number of the circle of dependences that it is on; a number of its own if on none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    uses = [(i, j) for i, row in enumerate(graph.operands) for j in row if j >= 0]
    targets, sources = np.array(homes)[np.array(uses).T]
    ones = np.ones(len(uses), np.int8)
    matrix = coo_array((ones, (sources, targets)), shape=(len(graph), len(graph))).tocsr()
    circles: list[int] = connected_components(matrix, connection="strong")[1].tolist()
    return circles


def _split(graph: Graph, groups: list[Group], circles: Sequence[int], homes: Sequence[int]) -> list[Group]:
    """Return the groups with the scopes on a circle split by entry.

    A node joins the entry of its scope that is open unless an operand on the same circle is at home in something that began
    later: then a new entry begins. So on a circle whatever is depended on began earlier, and no circle is left.
    """
    split, begun = list(groups), list(homes)
    entries: dict[tuple[str, ...], tuple[int, int]] = {}
    for i, group in enumerate(groups):
        if group is None:
            continue
        circle = circles[homes[i]]
        entry, start = entries.setdefault(group, (1, i))
        if any(j >= 0 and begun[j] > start and circles[homes[j]] == circle for j in graph.operands[i]):
            entry, start = entries[group] = entry + 1, i
        begun[i] = start
        split[i] = group if entry == 1 else (*group[:-1], f"{group[-1]}#{entry}")
    return split


def _held_nodes(graph: Graph, groups: Sequence[Group]) -> dict[int, list[int]]:
    """Return what each call holds, by the node it computes: that node last, before it what only this call needs.

    A node of a group has a call of its own if something outside the group uses it, or if several calls do; ``callers[j]`` is
    the one call that is known to use j, or `UNUSED`, or `SHARED`.
    """
    callers = [UNUSED] * len(graph)
    for j in [*graph.outputs, *(guard.operand for guard in graph.guards)]:
        if j >= 0:
            callers[j] = SHARED
    held: dict[int, list[int]] = {}
    for i in range(len(graph) - 1, len(graph.inputs) - 1, -1):
        group = groups[i]
        if group is not None and callers[i] < 0:
            callers[i] = i
        if group is not None:
            held.setdefault(callers[i], []).append(i)
        for j in graph.operands[i]:
            if j >= 0 and (group is None or groups[j] != group or callers[j] not in (UNUSED, callers[i])):
                callers[j] = SHARED
            elif j >= 0:
                callers[j] = callers[i]
    return {i: nodes[::-1] for i, nodes in held.items()}


def _call(
    graph: Graph,
    nodes: Sequence[int],
    group: tuple[str, ...],
    builder: Builder,
    new: dict[int, int],
    paths: Sequence[tuple[str, ...]],
) -> int:
    """Return the call node that holds ``nodes`` and computes the last of them."""
    inner = Builder()
    local: dict[int, int] = {}
    inside = set(nodes)
    entering = dict.fromkeys(j for k in nodes for j in graph.operands[k] if j >= 0 and j not in inside)
    for position, j in enumerate(entering):
        local[j] = inner.input(f"u{position}", graph.types[j])
    for k in nodes:
        inner.source = graph.sources[graph.source_ids[k]]
        local[k] = _copy(graph, k, inner, local, paths[graph.scope_ids[k]])
    held = inner.finish([local[nodes[-1]]])
    token = current_scope.set(group[:-1])
    try:
        return builder.apply(CALL, tuple(new[j] for j in entering), (("graph", held), ("name", group[-1])))
    finally:
        current_scope.reset(token)


def _copy(graph: Graph, i: int, builder: Builder, new: dict[int, int], path: tuple[str, ...]) -> int:
    operands = tuple(new[j] if j >= 0 else _literal(graph, j, builder) for j in graph.operands[i])
    token = current_scope.set(path)
    try:
        return builder.apply(graph.primitives[i], operands, graph.params[i])
    finally:
        current_scope.reset(token)


def _literal(graph: Graph, operand: int, builder: Builder) -> int:
    constant = graph.constants[~operand]
    return builder.literal(constant.value, constant.type.dtype)
