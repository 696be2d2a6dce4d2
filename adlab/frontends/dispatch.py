"""One door for everything that can become a graph: NumPy code, expression strings, SymPy expressions, graphs
themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adlab.errors import InputError
from adlab.frontends.recording import Recording, record
from adlab.ir.graph import Graph


def to_graph(f: Any, args: Sequence[Any], names: Sequence[str] | None = None) -> Recording:
    """Return the graph of ``f`` at example arguments, with what it captured from outer traces.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
        A callable is traced afresh; who keeps graphs from call to call is `adlab.transforms.kept`.
    args : sequence
        Example arguments.
    names : sequence of str, optional
        Names of the arguments.

    Raises
    ------
    InputError
        If ``f`` is none of these.

    Examples
    --------
    >>> to_graph(lambda x: x * x, (3.0,)).graph
    <Graph of 2 nodes: (x) → y>
    """
    if isinstance(f, Graph):
        return Recording(f)
    if isinstance(f, str):
        from adlab.frontends.expression import expression_graph

        made = expression_graph(f, args, names)
        return made if isinstance(made, Recording) else Recording(made)
    from adlab.frontends.sympy_expressions import expression_recording, is_sympy

    if is_sympy(f):
        return expression_recording(f, args, names)
    if callable(f):
        return record(f, args, names)
    raise InputError(
        f"A {type(f).__name__} is no function adlab knows: give a callable, an expression string, a SymPy "
        "expression or a Graph."
    )
