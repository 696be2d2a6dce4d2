"""``ad.compile``: a function as native code.

With example arguments the function is traced and compiled at once, for arguments of their shapes and dtypes. Without,
at the first call and again whenever arguments come in other shapes or a branch turns out otherwise; what was compiled
is kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from adlab.algebra.traced import innermost
from adlab.compiler.native import Stats, compile_graph, unavailable
from adlab.errors import InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.ir.tree import flatten
from adlab.transforms.evaluation import call_graph
from adlab.transforms.kept import KEPT_GRAPHS, KeptGraphs


def compile(f: Any, *example_args: Any) -> Any:
    """Return a function or graph as native code, called with the same arguments.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
        ``ad.grad(g)``, ``ad.value_and_grad(g)`` and the like are callables too: the derivative is compiled.
    *example_args
        Numbers, arrays and containers of them, of the shapes that calls will have. Not needed for a Graph; for a
        callable without them the function is compiled at its first call.

    Returns
    -------
    callable
        Takes the same arguments and returns the same results. Made from a graph or with example arguments, it has the
        attributes ``stats`` (operations, seconds by stage, bytes), ``ir`` (LLVM's text), ``assembly`` and ``graph``.

    Raises
    ------
    InputError
        When called with arguments that do not fit.
    BranchError
        When a comparison that was followed while tracing turns out otherwise; without example arguments the function
        is traced and compiled again instead.

    Notes
    -----
    Without llvmlite, or with the environment variable ``ADLAB_COMPILE=0``, the function is interpreted, and a warning
    says so once. Code of large scalar graphs is kept on disk (``ADLAB_CACHE_DIR`` says where, empty for nowhere).

    Examples
    --------
    >>> import adlab as ad
    >>> native = ad.compile(ad.value_and_grad(lambda x, y: x * y + y, argnums=(0, 1)), 2.0, 3.0)
    >>> value, (dx, dy) = native(4.0, 5.0)
    >>> float(value), float(dx), float(dy)
    (25.0, 5.0, 5.0)
    """
    if isinstance(f, Graph):
        return _noticed(compile_graph(f))
    if not example_args:
        if not callable(f):
            raise InputError("Give example arguments: an expression is compiled for the values it takes.")
        return Compiled(f)
    recording = to_graph(f, example_args)
    if recording.captured:
        raise InputError(
            "A function that uses values of a trace that is still being written cannot be compiled; pass them as "
            "arguments."
        )
    return _noticed(compile_graph(recording.graph))


class Compiled:
    """A function that is compiled when it is called, once for each kind of arguments and each branch.

    Attributes
    ----------
    function : callable
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self._kept = KeptGraphs(function)
        self._native: dict[int, tuple[Graph, Any]] = {}

    def __call__(self, *args: Any) -> Any:
        """Return the function's value, from native code."""
        if innermost(flatten(args)[0]) is not None:
            return self.function(*args)
        recording = self._kept.recording(args)
        if recording.captured:
            return call_graph(recording.graph, [*args, *recording.captured])
        return self._code(recording.graph)(*args)

    def _code(self, graph: Graph) -> Any:
        found = self._native.pop(id(graph), None)
        if found is None:
            found = (graph, _noticed(compile_graph(graph)))
            while len(self._native) >= KEPT_GRAPHS:
                del self._native[next(iter(self._native))]
        self._native[id(graph)] = found
        return found[1]

    @property
    def stats(self) -> Sequence[Stats]:
        """What compiling took, for each kind of arguments and branch met so far."""
        return tuple(code.stats for _, code in self._native.values())

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", repr(self.function))
        return f"<compiled {name}: {len(self._native)} kinds of arguments so far>"


def _noticed(made: Any) -> Any:
    """Return the function; where nothing can be compiled in this process, say so once."""
    reason = unavailable()
    if reason:
        _notice(reason)
    return made


@cache
def _notice(reason: str) -> None:
    warnings.warn(
        f"{reason}; functions are interpreted, with the same results.", RuntimeWarning, stacklevel=4
    )
