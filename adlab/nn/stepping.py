"""Steps and predictions as graphs: traced once for each shape of batch, native where a compiler is at hand.

An epoch has batches of one shape and perhaps a smaller last one, so two graphs serve it. A graph that was traced through an
``if`` on data holds one branch; where a batch takes the other one, the step is traced again at that batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.api import graph
from adlab.compiler.native import unavailable
from adlab.compiling import compile
from adlab.errors import BranchError
from adlab.graphs import Graph
from adlab.ir.tree import Tree, flatten

__all__ = ["ShapedFunction", "step_function"]

KEPT = 8
"""Graphs for so many kinds of arguments are kept, the ones made last."""


def step_function(program: Graph) -> Callable[..., Any]:
    """Return a graph as a function of the same arguments: native code, or the graph itself where there is no compiler."""
    native: Callable[..., Any] = program if unavailable() else compile(program)
    return native


class ShapedFunction:
    """A pure function of trees of arrays that is traced once for each kind of arguments.

    Attributes
    ----------
    function : callable
        What is traced.
    traced : int
        How often it was traced so far.

    Examples
    --------
    >>> double = ShapedFunction(lambda x: 2 * x)
    >>> double(np.ones(2)), double(np.zeros(2)), double(np.ones(1)), double.traced
    (array([2., 2.]), array([0., 0.]), array([2.]), 2)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.traced = 0
        self._kept: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        """Return the function's value, by its graph for arguments of this kind."""
        return self.keyed(kind_of(args), args)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: the function, without its graphs."""
        return {**self.__dict__, "_kept": {}}

    def keyed(self, key: Any, args: Sequence[Any]) -> Any:
        """Return the function's value for arguments whose kind the caller knows by a key of its own."""
        found = self._kept.get(key)
        if found is None:
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            found = self._kept[key] = self._made(args)
        return found(*args)

    def _made(self, args: Sequence[Any]) -> Callable[..., Any]:
        current = [self._traced(args)]

        def call(*args: Any) -> Any:
            try:
                return current[0](*args)
            except BranchError:
                current[0] = self._traced(args)
                return current[0](*args)

        return call

    def _traced(self, args: Sequence[Any]) -> Callable[..., Any]:
        self.traced += 1
        return step_function(graph(self.function, *args))


def kind_of(args: Sequence[Any]) -> tuple[Tree, tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]]:
    """Return how arguments nest, with the shape and dtype of each leaf."""
    leaves, tree = flatten(tuple(args))
    return tree, tuple((np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves)
