"""How far a node of an evaluated graph is from the kinks of its primitive, as the rule table says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.ir.graph import Graph
from adlab.ir.primitive import Kink
from adlab.ir.types import normalise_axes


def on_kinks(graph: Graph, values: Sequence[Any]) -> list[tuple[int, Kink]]:
    """Return the nodes that sit exactly on a kink, each with the kink; a polynomial has none."""
    return [
        (i, kink)
        for i in range(len(graph.inputs), len(graph))
        for kink in graph.primitives[i].kinks
        if np.any(np.asarray(distance_to(kink, graph, values, i)) == 0) and not is_smooth_power(graph, i)
    ]


def distance_to(kink: Kink, graph: Graph, values: Sequence[Any], i: int) -> Any:
    """Return what is zero where node ``i`` is on its kink, element by element; NaN where it is not known."""
    xs = [values[j] if j >= 0 else NUMPY.constant(graph.constants[~j]) for j in graph.operands[i]]
    with np.errstate(all="ignore"):
        if kink.switch is not None:
            return kink.switch(NUMPY, *xs)
        if graph.primitives[i].name in ("max", "min"):
            return _gap(graph, i, np.asarray(xs[0], float))
        if graph.primitives[i].name == "norm":
            return np.abs(values[i])
        if graph.primitives[i].name in ("sort", "arrange"):
            return _closest(np.asarray(xs[-1], float), dict(graph.params[i])["axis"])
    return np.float64(np.nan)


def _closest(keys: Any, axis: int) -> Any:
    """Return how far each element is from the next larger one along an axis."""
    gaps = np.diff(np.sort(keys, axis=axis), axis=axis)
    return gaps if gaps.size else np.float64(np.inf)


def _gap(graph: Graph, i: int, x: Any) -> Any:
    """Return how far the largest (smallest) element stands out from the next one, for each reduction."""
    axes = normalise_axes(dict(graph.params[i])["axis"], x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = np.transpose(x, (*kept, *axes)).reshape(*(x.shape[a] for a in kept), -1)
    if rows.shape[-1] < 2:
        return np.full(rows.shape[:-1], np.inf)
    ordered = np.sort(rows, axis=-1)
    first, second = (-1, -2) if graph.primitives[i].name == "max" else (0, 1)
    return np.abs(ordered[..., first] - ordered[..., second])


def is_smooth_power(graph: Graph, i: int) -> bool:
    """Return whether a node is a polynomial: a power with a literal whole exponent of at least 1."""
    if graph.primitives[i].name != "power" or graph.operands[i][1] >= 0:
        return False
    exponent = np.asarray(graph.constants[~graph.operands[i][1]].value, float)
    return bool(np.all((exponent >= 1) & (exponent == np.floor(exponent))))
