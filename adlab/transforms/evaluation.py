"""Calling a graph as a function: check the arguments, run the program, check the branches it stands for.

A graph that was traced through an ``if`` holds one branch of it, and a guard: the comparison with its
outcome. Where the comparison turns out otherwise the graph is not the function that was traced, and calling
it is an error which says so. Results are always arrays of their own: writing into one changes neither the
arguments nor the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import GraphAlgebra, Traced, innermost
from adlab.errors import BranchError, InputError
from adlab.frontends.recording import as_leaf, type_of_leaf
from adlab.ir.graph import Graph, Guard
from adlab.ir.tree import DICTS, LEAF, Tree, flatten, is_named, kind_name, unflatten
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Type


def call_graph(graph: Graph, args: Sequence[Any]) -> Any:
    """Return the value of the graph at ``args``, nested as the traced function's results were.

    Parameters
    ----------
    graph : Graph
    args : sequence
        One number, array or container per argument of the traced function; traced values are allowed.

    Raises
    ------
    InputError
        If the number of arguments, a shape or a dtype does not fit; the message names the input.
    BranchError
        If a comparison that the trace followed turns out otherwise here.
    """
    leaves = flatten_args(graph, args)
    algebra = algebra_for(leaves)
    values = evaluate_checked(graph, algebra, leaves)
    return nest_outputs(graph, own_outputs(graph, algebra, values, leaves))


def algebra_for(values: Sequence[Any]) -> Algebra:
    """Return the carrier in which values are computed with: the innermost trace among them, or numbers."""
    recorder = innermost(values)
    return NUMPY if recorder is None else GraphAlgebra(recorder)


# -------------------------------------------------------------------------------------------------- arguments


def flatten_args(graph: Graph, args: Sequence[Any], captures: int = 0) -> list[Any]:
    """Return one checked value per input, the last ``captures`` inputs left out."""
    count = len(graph.inputs) - captures
    names, types = graph.inputs[:count], graph.input_types[:count]
    leaves = _leaves_of_args(graph, args, names)
    return [fit(leaf, name, type) for leaf, name, type in zip(leaves, names, types, strict=True)]


def _leaves_of_args(graph: Graph, args: Sequence[Any], names: Sequence[str]) -> list[Any]:
    trees = argument_trees(graph, len(names))
    if len(args) != len(trees):
        takes = f"{len(trees)} argument{'s' if len(trees) != 1 else ''}"
        listed = f" ({', '.join(names)})" if 0 < len(names) <= 12 else ""
        raise InputError(f"The graph takes {takes}{listed}; {len(args)} were given.")
    leaves: list[Any] = []
    for arg, tree in zip(args, trees, strict=True):
        name = names[len(leaves)] if len(leaves) < len(names) else "an argument"
        leaves += _leaves_like(tree, arg, name)
    return leaves


def argument_trees(graph: Graph, count: int) -> tuple[Tree, ...]:
    """Return how each argument of the graph nests; a graph made without containers has one leaf per input."""
    return (LEAF,) * count if graph.in_tree is None else graph.in_tree[2]


def _leaves_like(tree: Tree, value: Any, name: str) -> list[Any]:
    """Return the leaves of a container that must be nested as ``tree`` is; dicts may have another order of
    keys.
    """
    if tree is None and value is None:
        return []
    if tree == LEAF:
        return [value]
    kind, keys, children = tree or ("None", (), ())
    if kind in DICTS and isinstance(value, dict) and set(value) == set(keys):
        parts = [value[key] for key in keys]
    elif _is_sequence_like(kind, keys, value) and len(value) == len(children):
        parts = list(value)
    else:
        listed = f"with keys {', '.join(map(str, keys))}" if kind in DICTS else f"of {len(children)}"
        wanted = f"{kind_name(kind)} {listed}"
        raise InputError(
            f"The argument around {name} was a {wanted} when the graph was traced; give one, not a "
            f"{_described(value)}."
        )
    return [
        leaf for child, part in zip(children, parts, strict=True) for leaf in _leaves_like(child, part, name)
    ]


def _is_sequence_like(kind: Any, keys: Sequence[str], value: Any) -> bool:
    """Return whether a value is a tuple or list of this kind; a named tuple is known by its name and its fields."""
    if is_named(value):
        return (type(value).__name__, value._fields) == (kind_name(kind), keys)
    return kind in ("tuple", "list") and type(value).__name__ == kind


def _described(value: Any) -> str:
    if isinstance(value, dict):
        return f"dict with keys {', '.join(map(str, value))}"
    return (
        f"{type(value).__name__} of {len(value)}"
        if isinstance(value, (tuple, list))
        else type(value).__name__
    )


def fit(value: Any, name: str, type: Type) -> Any:
    """Return an argument as a value of the input's type, or raise InputError naming the input."""
    leaf = as_leaf(value, name)
    given = type_of_leaf(leaf)
    if given.shape != type.shape:
        raise InputError(f"{name} has shape {given.shape}; the graph was traced for shape {type.shape}.")
    if given.dtype == type.dtype or isinstance(leaf, Traced):
        return leaf
    if BOOL in (given.dtype, type.dtype):
        raise InputError(f"{name} is {given.dtype}; the graph was traced for {type.dtype}.")
    if type.dtype == FLOAT32 and given.dtype == FLOAT64 and isinstance(value, (np.ndarray, np.generic)):
        raise InputError(
            f"{name} is {value.dtype}; the graph was traced for float32: convert it with "
            f"{name}.astype(np.float32), or trace again."
        )
    return leaf.astype(type.dtype)


# ----------------------------------------------------------------------------------------------------- guards


def evaluate_checked(graph: Graph, algebra: Algebra, leaves: Sequence[Any]) -> list[Any]:
    """Return the value of every node, once every guard is known to hold."""
    values = algebra.run(graph, leaves)
    for guard in graph.guards:
        if guard_outcome(graph, algebra, values, guard) != guard.outcome:
            raise branch_error(graph, algebra, values, guard)
    return values


def guard_outcome(graph: Graph, algebra: Algebra, values: Sequence[Any], guard: Guard) -> bool:
    """Return how the comparison turns out; over traced values the outer trace then follows it as well."""
    return bool(_value(graph, algebra, values, guard.operand))


def failing_guard(graph: Graph, algebra: Algebra, values: Sequence[Any]) -> Guard | None:
    """Return the first guard that does not hold, None if all do."""
    for guard in graph.guards:
        if guard_outcome(graph, algebra, values, guard) != guard.outcome:
            return guard
    return None


def branch_error(graph: Graph, algebra: Algebra, values: Sequence[Any], guard: Guard) -> BranchError:
    """Return the error for a comparison that turned out otherwise: which one, where, and between what."""
    source = graph.sources[guard.source]
    line = source.text()
    shown = f", `{line}`" if line else ""
    was, now = ("true", "false") if guard.outcome else ("false", "true")
    what, sides = "a comparison", ""
    if guard.operand >= 0:
        what = f"the comparison {graph.primitives[guard.operand].name!r}"
        operands = [_value(graph, algebra, values, j) for j in graph.operands[guard.operand]]
        sides = " of " + " and ".join(_number(operand) for operand in operands)
    return BranchError(
        f"{source}{shown}: {what} was {was} when the graph was traced and is {now} here{sides}; "
        "trace the function again at this point, or write the choice as np.where(condition, a, b)."
    )


def _value(graph: Graph, algebra: Algebra, values: Sequence[Any], operand: int) -> Any:
    return values[operand] if operand >= 0 else algebra.constant(graph.constants[~operand])


def _number(value: Any) -> str:
    if isinstance(value, Traced):
        value = value.recorder.concrete(value.index)
    return f"{np.real(value):.17g}" if np.ndim(value) == 0 else f"an array of shape {np.shape(value)}"


# ---------------------------------------------------------------------------------------------------- results


def own_outputs(graph: Graph, algebra: Algebra, values: Sequence[Any], leaves: Sequence[Any]) -> list[Any]:
    """Return the outputs, none of which shares memory with an argument, a literal or another output."""
    outputs = algebra.outputs(graph, values)
    return [as_result(output, type) for output, type in zip(outputs, graph.output_types, strict=True)]


def as_result(value: Any, type: Type) -> Any:
    """Return a value as the user gets it: a NumPy scalar or a fresh array of the right dtype; traced values
    as they are.
    """
    if isinstance(value, Traced):
        if value.dtype != type.dtype and BOOL not in (value.dtype, type.dtype):
            return value.astype(type.dtype)
        return value
    if not type.shape:
        return type.dtype.type(value)
    return np.array(value, dtype=type.dtype)


def nest_outputs(graph: Graph, outputs: Sequence[Any]) -> Any:
    """Return the outputs nested as the traced function returned them."""
    if graph.out_tree is None:
        return outputs[0] if len(outputs) == 1 else tuple(outputs)
    return unflatten(graph.out_tree, outputs)


def output_tree(graph: Graph) -> Tree:
    """Return how the results nest; several results of a graph without containers are a tuple."""
    if graph.out_tree is not None:
        return graph.out_tree
    return LEAF if len(graph.outputs) == 1 else flatten(tuple(range(len(graph.outputs))))[1]
