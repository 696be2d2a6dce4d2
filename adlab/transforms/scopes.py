"""Granularity: a scope as one node with its own local Jacobian, and back to its operations.

`collapse` replaces each scope at a depth by call nodes: one per value that leaves the scope, holding the scope's operations
as a graph of its own. `expand` puts the operations back. A collapsed graph evaluates and differentiates as before; it only
has fewer and larger steps. A scope that is left and entered again would make the call depend on its own result, so it is split
by entry (``layer``, ``layer#2``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import InputError
from adlab.ir.builder import INPUT, Builder, current_scope
from adlab.ir.graph import Graph
from adlab.ir.primitive import Notation, Primitive, Site
from adlab.ir.types import Type
from adlab.primitives.notation import ATOM
from adlab.primitives.rules import Joint
from adlab.transforms.sweeps import forward_sweep, reverse_sweep


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
    builder = Builder()
    new: dict[int, int] = {}
    for i, name in enumerate(graph.inputs):
        new[i] = builder.input(name, graph.types[i])
    needed = _leaving(graph, groups)
    for i in range(len(graph.inputs), len(graph)):
        builder.source = graph.sources[graph.source_ids[i]]
        if groups[i] is None:
            new[i] = _copy(graph, i, builder, new, graph.scope_path(graph.scope_ids[i]))
        elif i in needed:
            new[i] = _call(graph, i, groups, builder, new)
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
    values: list[Any] = [
        recorder.variable(name, type) for name, type in zip(graph.inputs, graph.input_types, strict=True)
    ]
    constants = [Traced(recorder, _literal(graph, ~k, recorder)) for k in range(len(graph.constants))]
    for i in range(len(graph.inputs), len(graph)):
        xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
        recorder.source = graph.sources[graph.source_ids[i]]
        path = graph.scope_path(graph.scope_ids[i])
        values.append(_expanded(graph, i, xs, algebra, path))
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


def scope_groups(graph: Graph, depth: int) -> list[tuple[str, ...] | None]:
    """Return the scope entry that each node collapses into, None for nodes outside every scope of that depth.

    A node may not join the entry of its scope that is open if it depends, through nodes outside, on that entry's own
    results: then a new entry begins. ``reached[i]`` collects the entries that node i depends on from outside them.
    """
    groups: list[tuple[str, ...] | None] = [None] * len(graph)
    entries: dict[tuple[str, ...], int] = {}
    reached: list[frozenset[tuple[str, ...]]] = [frozenset()] * len(graph)
    for i in range(len(graph.inputs), len(graph)):
        path = graph.scope_path(graph.scope_ids[i])[:depth]
        inside = len(path) == depth
        operands = [j for j in graph.operands[i] if j >= 0]
        if inside:
            entry = entries.setdefault(path, 1)
            group = _entry_name(path, entry)
            if any(group in reached[j] and groups[j] != group for j in operands):
                entries[path] = entry + 1
                group = _entry_name(path, entry + 1)
            groups[i] = group
        gathered: set[tuple[str, ...]] = set()
        for j in operands:
            gathered |= reached[j]
            before = groups[j]
            if before is not None:
                gathered.add(before)
        reached[i] = frozenset(gathered)
    return groups


def _entry_name(path: tuple[str, ...], entry: int) -> tuple[str, ...]:
    return path if entry == 1 else (*path[:-1], f"{path[-1]}#{entry}")


def _leaving(graph: Graph, groups: Sequence[tuple[str, ...] | None]) -> set[int]:
    """Return the nodes of groups that something outside their group uses."""
    leaving = {j for j in graph.outputs if j >= 0} | {g.operand for g in graph.guards if g.operand >= 0}
    for i, operands in enumerate(graph.operands):
        leaving |= {j for j in operands if j >= 0 and groups[j] is not None and groups[j] != groups[i]}
    return leaving


def _call(
    graph: Graph, i: int, groups: Sequence[tuple[str, ...] | None], builder: Builder, new: dict[int, int]
) -> int:
    """Return the call node that computes node ``i`` from what enters its scope."""
    members = _members(graph, i, groups)
    inner = Builder()
    local: dict[int, int] = {}
    entering: list[int] = []
    for k in members:
        for j in graph.operands[k]:
            if j >= 0 and groups[j] != groups[i] and j not in local:
                entering.append(j)
                local[j] = inner.input(f"u{len(entering) - 1}", graph.types[j])
    for k in members:
        inner.source = graph.sources[graph.source_ids[k]]
        local[k] = _copy(graph, k, inner, local, graph.scope_path(graph.scope_ids[k]))
    group = groups[i] or ()
    held = inner.finish([local[i]])
    token = current_scope.set(group[:-1])
    try:
        return builder.apply(CALL, tuple(new[j] for j in entering), (("graph", held), ("name", group[-1])))
    finally:
        current_scope.reset(token)


def _members(graph: Graph, i: int, groups: Sequence[tuple[str, ...] | None]) -> list[int]:
    """Return the nodes of ``i``'s group that ``i`` depends on through the group, in program order."""
    found, stack = {i}, [i]
    while stack:
        for j in graph.operands[stack.pop()]:
            if j >= 0 and j not in found and groups[j] == groups[i] and graph.primitives[j] is not INPUT:
                found.add(j)
                stack.append(j)
    return sorted(found)


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
