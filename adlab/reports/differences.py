"""What a difference is worth: how much of its error is truncation and how much is rounding.

Measured, where fifty digits can be had: the same difference with the same step, computed exactly, has truncation
only. Estimated from differences with two steps otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.errors import AdlabError
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.methods import METHODS
from adlab.methods.base import Derivative
from adlab.methods.reference import Reference
from adlab.transforms.evaluation import evaluate_checked

ORDERS = {"central": 3, "forward": 2}
"""The best step of a scheme is the machine epsilon to the power of one over this."""


def default_step(scheme: str, epsilon: float, x: float) -> float:
    """Return the step that the method takes by itself at ``x``."""
    return float(epsilon ** (1 / ORDERS[scheme]) * max(1.0, abs(x)))


def step_taken(
    graph: Graph,
    values: Sequence[Any],
    position: int,
    element: tuple[int, ...],
    scheme: str,
    found: Derivative,
) -> float:
    """Return the step that a difference was really taken with: the default one unless the method chose another."""
    shape = graph.types[position].shape
    flat = int(np.ravel_multi_index(element, shape)) if shape else 0
    own = found.steps.get((position, flat))
    x = float(np.asarray(values[position])[element])
    return default_step(scheme, coarsest_epsilon(graph), x if np.isfinite(x) else 1.0) if own is None else own


def coarsest_epsilon(graph: Graph) -> float:
    """Return the coarsest machine epsilon among the dtypes of the program, to which its values are rounded."""
    dtypes = {type.dtype for type in graph.types if type.dtype != BOOL}
    return max((float(np.finfo(dtype).eps) for dtype in dtypes), default=float(np.finfo(float).eps))


def measured_parts(
    graph: Graph,
    values: Sequence[Any],
    positions: Sequence[int],
    found: Derivative,
    exact: Reference,
    scheme: str,
) -> tuple[float, float, float] | None:
    """Return step, truncation and rounding of the worst element of a difference, None where they cannot be told apart.

    Truncation is what the difference is off by when it is computed in sixty digits; the rest of its error is
    rounding.
    """
    worst = worst_element(found, exact)
    if worst is None:
        return None
    row, column, place = worst
    position = positions[column]
    shape = graph.types[position].shape
    inner, element = place[: len(place) - len(shape)], place[len(place) - len(shape) :]
    h = step_taken(graph, values, position, element, scheme, found)
    try:
        slopes = _exact_difference(graph, values, position, element, scheme, h)
    except (AdlabError, ArithmeticError, TypeError, ValueError):
        return None
    slope = np.asarray(slopes[row], dtype=object)[inner]
    truth = np.asarray(exact.jacobians[row][column], dtype=object)[place]
    truncation = float(abs(slope - truth))
    if not np.isfinite(truncation):
        return None
    computed = float(np.asarray(found.jacobians[row][column])[place])
    return h, truncation, float(abs(computed - slope))


def worst_element(found: Derivative, exact: Reference) -> tuple[int, int, tuple[int, ...]] | None:
    """Return (output, column, element) of the largest finite error of a Jacobian, None if there is none."""
    best: tuple[int, int, tuple[int, ...]] | None = None
    size = -1.0
    for row, (blocks, truths) in enumerate(zip(found.jacobians, exact.jacobians, strict=True)):
        for column, (block, truth) in enumerate(zip(blocks, truths, strict=True)):
            with np.errstate(invalid="ignore"):  # ∞ − ∞
                apart = np.abs(np.asarray(block, dtype=float) - as_floats(truth))
            finite = np.where(np.isfinite(apart), apart, -1.0)
            if finite.size and np.max(finite) > size:
                place = tuple(int(k) for k in np.unravel_index(int(np.argmax(finite)), apart.shape))
                best, size = (row, column, place), float(finite[place])
    return best


def largest_bar(found: Derivative) -> float | None:
    """Return the largest of a method's own error bars, None if it has none."""
    if found.error is None:
        return None
    return max((float(np.max(bar, initial=0.0)) for row in found.error for bar in row), default=0.0)


def as_floats(value: Any) -> Any:
    """Return mpmath numbers, one or an array of them, as the nearest floats."""
    return np.asarray(value, dtype=object).astype(float)


def _exact_difference(
    graph: Graph, values: Sequence[Any], position: int, element: tuple[int, ...], scheme: str, h: float
) -> list[Any]:
    """Return the difference of every output by one input element, in sixty digits, with the step ``h``."""
    carrier = MpmathAlgebra(60)

    def outputs(t: float) -> list[Any]:
        inputs = [carrier.array(np.asarray(v)) for v in values]
        if element:
            inputs[position][element] = inputs[position][element] + carrier.number(t)
        else:
            inputs[position] = inputs[position] + carrier.number(t)
        return carrier.outputs(graph, evaluate_checked(graph, carrier, inputs))

    low = outputs(-h) if scheme == "central" else outputs(0.0)
    width = carrier.number(2 * h if scheme == "central" else h)
    return [
        (np.asarray(b, dtype=object) - np.asarray(a, dtype=object)) / width
        for a, b in zip(low, outputs(h), strict=True)
    ]


def difference_errors(
    graph: Graph, values: Sequence[Any], positions: Sequence[int], scheme: str, h: float | None = None
) -> tuple[float, float, float]:
    """Return the step of a difference scheme with estimates of its truncation and rounding errors.

    Parameters
    ----------
    graph, values, positions
        The function, the point and the inputs.
    scheme : {"central", "forward"}
    h : float, optional
        The step; by default the method's own for the largest input.

    Returns
    -------
    h, truncation, rounding : float
        Truncation from the difference between steps h and 2h (a fraction 1/3 for the central scheme, all of
        it for the forward one), rounding as ε·max|f|/h.
    """
    epsilon = coarsest_epsilon(graph)
    if h is None:
        size = max((float(np.max(np.abs(values[k]), initial=0)) for k in positions), default=1.0)
        h = default_step(scheme, epsilon, size)
    method = METHODS["numerical"]
    near, far = (method.derivative(graph, values, positions, scheme=scheme, h=step) for step in (h, 2 * h))
    with np.errstate(invalid="ignore"):
        apart = max(
            (
                float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0))
                for row, wide in zip(near.jacobians, far.jacobians, strict=True)
                for a, b in zip(row, wide, strict=True)
            ),
            default=0.0,
        )
    outputs = [v for v, type in zip(near.values, graph.output_types, strict=True) if type.dtype != BOOL]
    size = max((float(np.max(np.abs(v), initial=0)) for v in outputs), default=0.0)
    return h, apart / (3 if scheme == "central" else 1), epsilon * size / h
