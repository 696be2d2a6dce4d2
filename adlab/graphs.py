"""The graph as users hold it: the program of `adlab.ir.graph` with the verbs that need the layers above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from adlab.custom import UserPrimitive, rows_by_name
from adlab.ir.graph import Graph as Program
from adlab.ir.serialise import from_json, to_json
from adlab.primitives import TABLE
from adlab.transforms.evaluation import call_graph
from adlab.transforms.loops import SCAN
from adlab.transforms.recompute import CHECKPOINT
from adlab.transforms.scopes import CALL, collapse, expand

if TYPE_CHECKING:
    import networkx
    import sympy

HOLDING = {row.name: row for row in (CALL, SCAN, CHECKPOINT)}
"""The rows whose nodes hold a graph, by name; they are no part of the rule table."""


class Graph(Program):
    """An immutable computational graph; call it to evaluate it.

    Examples
    --------
    >>> import adlab as ad
    >>> g = ad.graph(lambda x, y: x * y + x, 2.0, 3.0)
    >>> len(g), g.inputs, g(2.0, 3.0)
    (4, ('x', 'y'), np.float64(8.0))
    """

    @classmethod
    def of(cls, program: Program) -> Graph:
        """Return a program as a public graph."""
        return (
            program
            if isinstance(program, cls)
            else cls(**{f.name: getattr(program, f.name) for f in fields(program)})
        )

    def __call__(self, *args: Any) -> Any:
        """Evaluate at a point.

        Raises
        ------
        InputError
            If number, shape or nesting of the arguments differ from those the graph was made for.
        BranchError
            If a comparison that the traced code followed turns out otherwise here.
        """
        return call_graph(self, args)

    def to_json(self) -> str:
        """Return the graph as versioned JSON text, exactly."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str, primitives: Iterable[UserPrimitive] = ()) -> Graph:
        """Return the graph that `to_json` wrote.

        Parameters
        ----------
        text : str
        primitives : iterable of UserPrimitive, optional
            What `adlab.primitive` returned, for each of the user's own operations in the graph. The text names them and
            holds no code.

        Raises
        ------
        GraphError
            If the text is damaged, or names an operation that is neither adlab's nor supplied.

        Examples
        --------
        >>> import adlab as ad
        >>> double = ad.primitive(lambda x: 2 * x, name="double", partials=lambda y, x: 2)
        >>> text = ad.graph(lambda x: double(x) + 1, 3.0).to_json()
        >>> ad.Graph.from_json(text, primitives=[double])(4.0)
        np.float64(9.0)
        """
        return cls.of(from_json(text, {**rows_by_name(primitives), **TABLE, **HOLDING}))

    def collapse(self, depth: int = 1) -> Graph:
        """Return the graph with every scope at a nesting depth as one node; `expand` undoes it."""
        return Graph.of(collapse(self, depth))

    def expand(self) -> Graph:
        """Return the graph with every collapsed scope replaced by its operations."""
        return Graph.of(expand(self))

    def to_networkx(self) -> networkx.MultiDiGraph[int]:
        """Return a networkx graph: a node per node with its facts, an edge per use with its operand position."""
        from adlab.render.exports import to_networkx

        return to_networkx(self)

    def to_sympy(self) -> sympy.Expr | Any:
        """Return the outputs as SymPy expressions in plain symbols named as the inputs."""
        from adlab.render.exports import to_sympy

        return to_sympy(self)

    def to_python(self) -> str:
        """Return readable, standalone NumPy source of the function."""
        from adlab.render.python_source import to_python

        return to_python(self)

    def to_dot(self) -> str:
        """Return the structure as DOT text, for Graphviz."""
        from adlab.render.drawing import draw_graph

        return draw_graph(self, None).to_dot()

    def _repr_svg_(self) -> str:
        from adlab.render.drawing import draw_graph

        return draw_graph(self, None).svg
