"""NumPy code becomes a graph: call the function once on traced values and keep what it did.

The function may be any callable; arguments may be numbers, arrays and nested tuples, lists and dicts of them. Values of an
outer trace that it closes over come back as captures, so nested derivatives stay apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.traced import Recorder, Traced
from adlab.errors import AdlabError, InputError, TraceError
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.ir.graph import Graph
from adlab.ir.tree import LEAF, flatten, leaf_names, unflatten
from adlab.ir.types import Type, graph_dtype

PLAIN_ARRAYS = (np.ndarray, np.memmap)
"""Classes of arrays that mean what NumPy's own do; subclasses may mean anything."""


@dataclass(frozen=True)
class Recording:
    """A graph with what it needs besides its arguments.

    Attributes
    ----------
    graph : Graph
        Its inputs are the leaves of the arguments, then one per capture.
    captured : tuple of Traced
        Values of outer traces that the function closed over, in the order of the last inputs.
    """

    graph: Graph
    captured: tuple[Traced, ...] = ()


def as_leaf(value: Any, name: str) -> Any:
    """Return an argument as a traced value, a NumPy scalar or a float array; InputError if it is no number."""
    if isinstance(value, Traced):
        return value
    if isinstance(value, np.ndarray) and type(value) not in PLAIN_ARRAYS:
        raise InputError(
            f"The value of {name} is a {type(value).__name__}, to which operations mean something else than to a plain "
            "array (masked elements, * as the product of matrices, units); np.asarray makes a plain array of it."
        )
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"The value of {name} is ragged: its rows differ in length.") from None
    if array.dtype.kind not in "fiub":
        kind = "complex" if array.dtype.kind == "c" else type(value).__name__
        raise InputError(f"The value of {name} is {kind}; adlab takes real numbers and arrays of them.")
    array = array.astype(graph_dtype(array.dtype), copy=False)
    return array[()] if array.ndim == 0 else array


def type_of_leaf(leaf: Any) -> Type:
    """Return the type of what `as_leaf` returned."""
    return leaf.type if isinstance(leaf, Traced) else Type(leaf.shape, leaf.dtype)


def parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` positional parameters; ``x`` or ``x1, x2, …`` where it has none."""
    fallback = ["x"] if count == 1 else [f"x{k + 1}" for k in range(count)]
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return fallback
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}{k}" for k in range(count - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return names[:count] if len(names) >= count else fallback


def record(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str] | None = None
) -> Recording:
    """Trace ``function`` at example arguments.

    Parameters
    ----------
    function : callable
        NumPy code of scalars and arrays.
    args : sequence
        Example arguments; their shapes and dtypes become the graph's, and Python branches follow their values.
    names : sequence of str, optional
        Names of the arguments; by default those of the function's parameters.

    Raises
    ------
    TraceError
        Where the function does something that cannot be traced; the message names its line.
    InputError
        Where an argument is no number or array, or the number of arguments does not fit.
    """
    if names is None:
        names = parameter_names(function, len(args))
    if len(names) != len(args):
        raise InputError(f"{len(names)} names were given for {len(args)} arguments.")
    leaves, in_tree = flatten(tuple(args))
    labels = [label for tree, name in zip(in_tree[2], names, strict=True) for label in leaf_names(tree, name)]
    recorder = Recorder(FUNCTIONS)
    values = [as_leaf(leaf, label) for leaf, label in zip(leaves, labels, strict=True)]
    inputs = [
        recorder.variable(label, type_of_leaf(value), value)
        for label, value in zip(labels, values, strict=True)
    ]
    try:
        result = _call(function, unflatten(in_tree, inputs))
        outputs, out_tree = flatten(result)
        operands = [_output(recorder, output) for output in outputs]
    finally:
        recorder.closed = True
    if not operands:
        raise TraceError(
            "The function returned nothing; it must return a number, an array, or a container of them."
        )
    name = next(name for name in ("y", "f", "z", "result") if name not in labels)
    graph = recorder.finish(operands, in_tree, out_tree, name)
    return Recording(graph, tuple(value for value, _ in recorder.captured.values()))


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        inspect.signature(function).bind(*args)
    except ValueError:
        pass
    except TypeError as error:
        name = getattr(function, "__name__", type(function).__name__)
        raise InputError(f"{name} was given {len(args)} arguments: {error}.") from None
    try:
        return function(*args)
    except ValueError as error:
        if isinstance(error.__cause__, TraceError):  # a[0] = x: NumPy wraps our sentence in one of its own
            raise error.__cause__ from None
        raise


def _output(recorder: Recorder, output: Any) -> int:
    if isinstance(output, Traced):
        return recorder.operand(output)
    if inspect.iscoroutine(output):
        output.close()  # else Python warns that nobody awaited it
        raise TraceError("The function is asynchronous (async def); only a plain function can be traced.")
    try:
        return recorder.operand(as_leaf(output, "the result"))
    except AdlabError:
        raise TraceError(
            f"The function returned a {type(output).__name__}; "
            "it must return a number, an array, or a tuple, list or dict of them."
        ) from None


def is_flat(graph: Graph) -> bool:
    """Return whether every argument of the graph is a single number or array."""
    return graph.in_tree is None or all(child == LEAF for child in graph.in_tree[2])
