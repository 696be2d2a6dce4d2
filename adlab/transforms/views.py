"""Views: what a node is without copying anything, another node's memory read with other strides.

A graph keeps its transposes, broadcasts, slices and reshapes as nodes of their own; no row has flags for them. Whoever
reads memory asks `as_view` instead: it follows such nodes down to one that really computes and says how its elements
are to be walked. A transposed factor of a product is then a view with swapped strides, a broadcast has strides of 0, a
slice an offset, a reversed one a negative stride. NumPy's own stride arithmetic does the work, on an array that is
never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import implementation
from adlab.ir.graph import Graph
from adlab.ir.index import FrozenArray
from adlab.ir.types import Shape

MOVING = frozenset(("reshape", "transpose", "broadcast_to", "index", "stop_gradient", "cast"))
"""Rows whose result may be a view of their operand."""


@dataclass(frozen=True)
class View:
    """The elements of a value, as places in the memory of another one.

    Attributes
    ----------
    base : int
        The operand (a node, or ``~k`` for literal ``k``) whose memory it is, C-contiguous.
    shape : tuple of int
    strides : tuple of int
        Elements of the base from one entry of an axis to the next; 0 along a broadcast axis.
    offset : int
        The element of the base where it begins.
    """

    base: int
    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is the base's elements one after another, all of them up to the size, from the first."""
        return self.offset == 0 and _walks(self.shape, self.strides, _contiguous(self.shape))

    @property
    def leading(self) -> tuple[bool, int] | None:
        """How BLAS reads it as a matrix: (transposed, leading dimension); None if it has to be copied first.

        Rows that follow one another with elements side by side are not transposed, columns that do are. The leading
        dimension is the distance between them.
        """
        if len(self.shape) != 2:
            return None
        (m, n), (down, across) = self.shape, self.strides
        if (n <= 1 or across == 1) and (m <= 1 or down >= max(n, 1)):
            return False, max(down if m > 1 else n, n, 1)
        if (m <= 1 or down == 1) and (n <= 1 or across >= max(m, 1)):
            return True, max(across if n > 1 else m, m, 1)
        return None


def as_view(graph: Graph, operand: int) -> View:
    """Return an operand as a view of the node that computes its elements; of itself, if it does so itself.

    A reshape that no strides can express (of a transpose, say) is a node that has to be computed, and the base.

    Parameters
    ----------
    graph : Graph
    operand : int
        A node, or ``~k`` for a literal.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda w: w.T[1:], (np.ones((2, 3)),)).graph
    >>> as_view(graph, graph.outputs[0])
    View(base=0, shape=(2, 2), strides=(1, 3), offset=1)
    """
    chain = []
    while operand >= 0 and _moves(graph, operand):
        chain.append(operand)
        operand = graph.operands[operand][0]
    base, walked = operand, _memory(graph.type_of(operand).shape)
    start = walked
    for i in reversed(chain):
        moved = _moved(graph, i, walked)
        if moved is None:
            base, moved = i, _memory(graph.types[i].shape)
            start = moved
        walked = moved
    offset = walked.__array_interface__["data"][0] - start.__array_interface__["data"][0]
    return View(base, walked.shape, walked.strides, offset if walked.size else 0)


def _memory(shape: Shape) -> np.ndarray[Any, Any]:
    """Return an array of one byte per element; its memory is reserved and never touched."""
    return np.empty(shape, np.int8)


def _moves(graph: Graph, i: int) -> bool:
    """Return whether node ``i`` picks elements without computing, at places that strides can express."""
    name = graph.primitives[i].name
    if name == "cast":
        return graph.types[i].dtype == graph.type_of(graph.operands[i][0]).dtype
    if name == "index":
        return not any(isinstance(entry, FrozenArray) for entry in _index(graph, i))
    return name in MOVING


def _moved(graph: Graph, i: int, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """Return the view that node ``i`` is of ``x``; None if it would be a copy."""
    name, shape = graph.primitives[i].name, graph.types[i].shape
    if name in ("cast", "stop_gradient"):
        return x
    if name == "reshape":
        reshaped = x.reshape(shape)
        return reshaped if np.may_share_memory(reshaped, x) or not x.size else None
    if name == "index" and not shape:  # NumPy would return a number, not a place
        x = x[None]
        entries = [slice(*entry[1:]) if isinstance(entry, tuple) else entry for entry in _index(graph, i)]
        return x[(slice(None), *entries)].reshape(())
    return np.asarray(implementation(graph.primitives[i])(x, **dict(graph.params[i])))


def _index(graph: Graph, i: int) -> Any:
    return dict(graph.params[i])["index"]


def _contiguous(shape: Shape) -> tuple[int, ...]:
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


def _walks(shape: Shape, strides: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Return whether strides agree wherever an axis is longer than 1."""
    return 0 in shape or all(
        length == 1 or a == b for length, a, b in zip(shape, strides, wanted, strict=True)
    )
