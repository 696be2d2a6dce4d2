"""Taylor coefficients and high derivatives, by one evaluation with power series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.taylor import Series, TaylorAlgebra
from adlab.algebra.traced import Traced
from adlab.errors import InputError
from adlab.frontends.dispatch import to_graph
from adlab.frontends.recording import as_leaf, type_of_leaf
from adlab.ir.tree import unflatten
from adlab.ir.types import BOOL, Type
from adlab.transforms.evaluation import algebra_for, as_result, branch_error, failing_guard, fit, output_tree

MAX_ORDER = 50
"""Some rules spawn a series per order, each computed from the next: beyond this Python's stack is too short for them."""


def taylor(f: Any, x: Any, order: int, *, direction: Any = None) -> Any:
    """Return the Taylor coefficients of t ↦ f(x + t·direction) up to t^``order``.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
        A function of one argument.
    x : number, array or traced value
        The point.
    order : int
        From 0 to 50.
    direction : number or array, optional
        Of the shape of ``x``; 1 for a number. An array needs one.

    Returns
    -------
    array
        Of shape ``(order + 1, *result.shape)``: entry k is the k-th derivative along the direction over k!. Nested as
        the result of ``f``.

    Raises
    ------
    InputError
        If the order, or the direction for an array, cannot be used.

    Notes
    -----
    A power series is pushed through the graph; see Griewank & Walther, *Evaluating Derivatives* (2008), ch. 13. The
    cost grows with the square of the order for most functions, with its cube at most for others.

    Examples
    --------
    >>> import numpy as np
    >>> taylor(np.exp, 0.0, 3).round(6)
    array([1.      , 1.      , 0.5     , 0.166667])
    """
    return _expanded(f, x, order, direction, lambda k: 1.0)


def higher_derivatives(f: Any, x: Any, n: int, *, direction: Any = None) -> Any:
    """Return f and its first ``n`` derivatives at ``x``, along a direction if ``x`` is an array.

    Parameters, errors and cost are those of `taylor`.

    Returns
    -------
    array
        Of shape ``(n + 1, *result.shape)``: f(x), f′(x), f″(x), …

    Examples
    --------
    >>> import numpy as np
    >>> higher_derivatives(lambda x: x**3, 2.0, 4)
    array([ 8., 12., 12.,  6.,  0.])
    """
    return _expanded(f, x, n, direction, lambda k: float(math.factorial(k)))


def _expanded(f: Any, x: Any, order: Any, direction: Any, weight: Any) -> Any:
    if (
        isinstance(order, (bool, np.bool_))
        or not isinstance(order, (int, np.integer))
        or not 0 <= order <= MAX_ORDER
    ):
        raise InputError(f"The order {order!r} cannot be used: it is a whole number from 0 to {MAX_ORDER}.")
    recording = to_graph(f, (x,))
    graph = recording.graph
    if len(graph.inputs) - len(recording.captured) != 1 or graph.input_types[0].dtype == BOOL:
        raise InputError(
            "Taylor series are those of a function of one number or array; this one takes something else."
        )
    point = fit(x, graph.inputs[0], graph.types[0])
    along = _direction(direction, graph.inputs[0], graph.types[0])
    base = algebra_for([point, along, *recording.captured])
    algebra = TaylorAlgebra(base, int(order))
    values = algebra.run(graph, [algebra.series([point, along]), *recording.captured])
    heads = [value.known[0] if isinstance(value, Series) else value for value in values]
    guard = failing_guard(graph, base, heads)
    if guard is not None:
        raise branch_error(graph, base, heads, guard)
    outputs = algebra.outputs(graph, values)
    stacks = [
        _stacked(base, output, type, int(order), weight)
        for output, type in zip(outputs, graph.output_types, strict=True)
    ]
    return unflatten(output_tree(graph), stacks)


def _direction(direction: Any, name: str, type: Type) -> Any:
    if direction is None:
        if type.shape:
            raise InputError(
                f"{name} is an array of shape {type.shape}; say along which direction, as in "
                "ad.taylor(f, x, order, direction=v)."
            )
        return type.dtype.type(1)
    leaf = as_leaf(direction, "the direction")
    given = type_of_leaf(leaf)
    if given.shape != type.shape:
        raise InputError(
            f"The direction has shape {given.shape}, but {name} has shape {type.shape}; give equal shapes."
        )
    return leaf if given.dtype == type.dtype else leaf.astype(type.dtype)


def _stacked(base: Any, value: Any, type: Type, order: int, weight: Any) -> Any:
    """Return the coefficients, weighted, along a new first axis."""
    rows: Sequence[Any] = [
        (value.coefficient(k) if isinstance(value, Series) else (value if k == 0 else None))
        for k in range(order + 1)
    ]
    kind = type if type.dtype != BOOL else Type(type.shape, np.dtype(np.float64))
    filled = [
        np.zeros(kind.shape, kind.dtype)[()]
        if row is None
        else row
        if weight(k) == 1
        else row * kind.dtype.type(weight(k))
        for k, row in enumerate(rows)
    ]
    if any(isinstance(row, Traced) for row in filled):
        return as_result(base.stack(*filled, axis=0), Type((order + 1, *kind.shape), kind.dtype))
    return np.stack([np.broadcast_to(np.asarray(row, kind.dtype), kind.shape) for row in filled])
