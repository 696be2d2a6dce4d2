"""The separate checker: every invariant of a graph in one function.

Tests run it after every transformation; `Graph.from_json` runs it on what it read. It shares no code with the builder.
"""

from __future__ import annotations

from adlab.errors import GraphError, ShapeError
from adlab.ir.builder import INPUT
from adlab.ir.graph import Graph


def check(graph: Graph) -> None:
    """Raise GraphError if the graph breaks one of its rules.

    The rules: columns of one length; the inputs and nothing else are `input` nodes and come first; each operand is an
    earlier node or an existing literal; the number of operands fits the primitive; the recorded type is the inferred one;
    no two nodes compute the same; scopes and sources exist; outputs and guards refer to nodes or literals.
    """
    count = len(graph)
    for name in ("operands", "params", "types", "scope_ids", "source_ids"):
        if len(getattr(graph, name)) != count:
            raise GraphError(f"The column {name} has {len(getattr(graph, name))} entries for {count} nodes.")
    _check_inputs(graph)
    _check_tables(graph)
    seen: dict[object, int] = {}
    for i in range(len(graph.inputs), count):
        _check_node(graph, i)
        key = (graph.primitives[i], graph.operands[i], graph.params[i])
        if key in seen:
            raise GraphError(f"Nodes {seen[key]} and {i} compute the same: {graph.primitives[i].name}.")
        seen[key] = i
    for what, operands in (("output", graph.outputs), ("guard", [g.operand for g in graph.guards])):
        for operand in operands:
            if not -len(graph.constants) <= operand < count:
                raise GraphError(f"An {what} refers to {operand}, which is neither a node nor a literal.")


def _check_inputs(graph: Graph) -> None:
    if len(set(graph.inputs)) != len(graph.inputs):
        raise GraphError(f"Two inputs share a name: {', '.join(graph.inputs)}.")
    for i, primitive in enumerate(graph.primitives):
        if (primitive is INPUT) != (i < len(graph.inputs)):
            raise GraphError(
                f"Node {i} is {primitive.name}, but the inputs are nodes 0 to {len(graph.inputs) - 1}."
            )


def _check_tables(graph: Graph) -> None:
    for index, scope in enumerate(graph.scopes):
        if not -1 <= scope.parent < index:
            raise GraphError(f"Scope {scope.name} has no earlier parent {scope.parent}.")
    for i in range(len(graph)):
        if not -1 <= graph.scope_ids[i] < len(graph.scopes):
            raise GraphError(f"Node {i} is in scope {graph.scope_ids[i]}, which does not exist.")
        if not 0 <= graph.source_ids[i] < len(graph.sources):
            raise GraphError(f"Node {i} has source {graph.source_ids[i]}, which does not exist.")


def _check_node(graph: Graph, i: int) -> None:
    primitive, operands = graph.primitives[i], graph.operands[i]
    for operand in operands:
        if not -len(graph.constants) <= operand < i:
            raise GraphError(
                f"Node {i} ({primitive.name}) refers to {operand}, which is no earlier node or literal."
            )
    if primitive.arity is not None and len(operands) != primitive.arity:
        raise GraphError(f"Node {i}: {primitive.name} takes {primitive.arity} operands, not {len(operands)}.")
    try:
        inferred = primitive.infer(*map(graph.type_of, operands), **dict(graph.params[i]))
    except (ShapeError, TypeError) as error:  # TypeError: parameters that are not the row's
        raise GraphError(f"Node {i} ({primitive.name}) has operands that do not fit: {error}") from error
    if inferred != graph.types[i]:
        raise GraphError(f"Node {i} ({primitive.name}) is recorded as {graph.types[i]} but is {inferred}.")
