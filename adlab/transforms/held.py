"""A graph in which what derivatives take for a constant is one: `stop_gradient` nodes become literals.

A rule can know that it must not look through a value; one who sees values only, a difference quotient or the
fifty-digit reference, cannot. Held at their values at the point, stopped nodes ask both the same question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adlab.ir.constant import Constant
from adlab.ir.graph import Graph

STOP = "stop_gradient"


def stopped_nodes(graph: Graph) -> list[int]:
    """Return the nodes whose values derivatives take for constants."""
    return [i for i, primitive in enumerate(graph.primitives) if primitive.name == STOP]


def held(graph: Graph, values: Sequence[Any]) -> Graph:
    """Return the graph with literals in place of its stopped nodes.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node at the point, as NumPy's numbers.

    Examples
    --------
    >>> from adlab.algebra.numpy import NUMPY
    >>> from adlab.frontends.recording import record
    >>> from adlab.functions import stop_gradient
    >>> graph = record(lambda x: x * stop_gradient(x), (2.0,)).graph
    >>> product = held(graph, NUMPY.run(graph, [np.float64(2)]))
    >>> NUMPY.outputs(product, NUMPY.run(product, [np.float64(3)]))
    [np.float64(6.0)]
    """
    stopped = stopped_nodes(graph)
    if not stopped:
        return graph
    constants = list(graph.constants)
    literal: dict[int, int] = {}
    for i in stopped:
        constants.append(Constant(_frozen(values[i], graph.types[i].dtype), graph.types[i]))
        literal[i] = -len(constants)
    return replace(
        graph,
        outputs=tuple(literal.get(j, j) for j in graph.outputs),
        operands=[tuple(literal.get(j, j) for j in row) for row in graph.operands],
        constants=tuple(constants),
    )


def _frozen(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a value as literals hold it: a number, or an array that nobody writes into."""
    if not np.shape(value):
        return np.asarray(value).item()
    array = np.array(value, dtype)
    array.setflags(write=False)
    return array
