"""The graphs of one function that are kept from call to call, so that it is traced only when it must be.

A kept graph serves a call if the arguments are nested as they were, have the same shapes and dtypes, every recorded
comparison turns out as it did, and everything else that the function read is as it was (`adlab.frontends.reads`).
The graph used last is tried first. If none serves, the function is traced again at the new point. So a
derivative is right on both sides of a branch, and coming back to the first side costs no trace; a loop that runs until
it converges has one graph for each number of rounds.

A function of which nothing can be promised (it prints, draws random numbers, reads attributes of objects, changes what
it reads) is traced at every call, as is every call within a trace that is still being written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import innermost
from adlab.errors import AdlabError
from adlab.frontends.dispatch import to_graph
from adlab.frontends.reads import Reads, StandIn, reads
from adlab.frontends.recording import Recording, as_leaf, type_of_leaf
from adlab.ir.graph import Graph
from adlab.ir.tree import Tree, flatten
from adlab.ir.types import Type
from adlab.transforms.simplify import simplified

KEPT_GRAPHS = 16
"""So many graphs of one function are kept, those used last."""

KEPT_NODES = 1_000_000
"""Beyond the one used last, as long as they have no more nodes than this together."""

Key = tuple[Tree, tuple[Type, ...]]
"""How arguments nest, and the shapes and dtypes of their leaves."""


@dataclass(frozen=True)
class KeptGraph:
    """A graph and the arguments it serves."""

    key: Key
    graph: Graph

    @cached_property
    def comparisons(self) -> Graph:
        """The graph of the recorded comparisons alone, which is all that a call must look at."""
        followed = tuple(guard.operand for guard in self.graph.guards)
        return simplified(replace(self.graph, outputs=followed, guards=(), in_tree=None, out_tree=None))

    def serves(self, leaves: Sequence[Any]) -> bool:
        """Return whether every recorded comparison turns out as it did."""
        if not self.graph.guards:
            return True
        found = NUMPY.outputs(self.comparisons, NUMPY.run(self.comparisons, leaves))
        return all(bool(now) == guard.outcome for now, guard in zip(found, self.graph.guards, strict=True))


class KeptGraphs(StandIn):
    """A function with its graphs.

    Attributes
    ----------
    function
        A callable, expression string, SymPy expression or graph.
    graphs : tuple of KeptGraph
        The one used last in front.
    traced : int
        How often the function was traced.

    Examples
    --------
    >>> kept = KeptGraphs(lambda x: x * x if x > 0 else -x)
    >>> for x in (1.0, 2.0, -1.0, 3.0, -2.0):
    ...     graph = kept.recording((x,)).graph
    >>> kept.traced, len(kept.graphs)
    (2, 2)
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self.graphs: tuple[KeptGraph, ...] = ()
        self.traced = 0
        self._reads: Reads | None = None
        self._plain = not isinstance(function, Graph)

    def recording(self, args: Sequence[Any]) -> Recording:
        """Return the function's graph for a call: one that is kept, or a new one."""
        key, leaves = _key(args) if self._plain else (None, [])
        if key is None:
            return self._trace(args)
        if self.graphs and (self._reads is None or not self._reads.hold()):
            self.graphs = ()
        for kept in self.graphs:
            if kept.key == key and kept.serves(leaves):
                self._keep(kept)
                return Recording(kept.graph)
        before = reads(self.function) if _is_code(self.function) else Reads(())
        recording = self._trace(args)
        self._plain = before is not None and before.hold() and not recording.captured
        if self._plain:
            self._reads = before
            self._keep(KeptGraph(key, recording.graph))
        return recording

    def holds(self, graph: Graph) -> bool:
        """Return whether a graph is the one used last, and kept."""
        return bool(self.graphs) and self.graphs[0].graph is graph

    def _trace(self, args: Sequence[Any]) -> Recording:
        self.traced += 1
        return to_graph(self.function, args)

    def _keep(self, found: KeptGraph) -> None:
        """Put a graph in front, and let go of those that are too many or too large."""
        kept, nodes = [found], len(found.graph)
        for other in self.graphs:
            nodes += len(other.graph)
            if other is not found and len(kept) < KEPT_GRAPHS and nodes <= KEPT_NODES:
                kept.append(other)
        self.graphs = tuple(kept)


def _is_code(function: Any) -> bool:
    """Return whether a function is code, which may read what changes; expressions cannot."""
    from adlab.frontends.sympy_expressions import is_sympy

    return not isinstance(function, str) and not is_sympy(function)


def _key(args: Sequence[Any]) -> tuple[Key | None, list[Any]]:
    """Return what a call asks for with the leaves of its arguments; None within a trace, and for bad arguments."""
    try:
        given, tree = flatten(tuple(args))
        if innermost(given) is not None:
            return None, []
        leaves = [as_leaf(leaf, "an argument") for leaf in given]
    except AdlabError:  # whoever traces says it with the name of the argument
        return None, []
    return (tree, tuple(type_of_leaf(leaf) for leaf in leaves)), leaves
