"""Scopes: names for regions of a graph, which pictures, traces and costs can show as one node.

A scope is open while its block runs; what is traced meanwhile belongs to it. Scopes nest, and entering the
same name again at the same place continues the same scope. Which scopes are open is a context variable, so
threads and tasks do not mix.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from adlab.errors import InputError
from adlab.ir.builder import current_scope

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class NamedScope:
    """A scope by its name: a context manager, to be entered as often as one likes, and a decorator.

    It keeps no state: what is open stands in the context variable alone, so one object serves threads and
    recursion.
    """

    name: str

    def __enter__(self) -> None:
        current_scope.set((*current_scope.get(), self.name))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_scope.set(current_scope.get()[:-1])

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function with its body in this scope."""

        @functools.wraps(function)
        def scoped(*args: P.args, **options: P.kwargs) -> R:
            with self:
                return function(*args, **options)

        return scoped


@overload
def scope(name: str) -> NamedScope: ...


@overload
def scope(name: Callable[P, R]) -> Callable[P, R]: ...


def scope(name: str | Callable[..., Any]) -> Any:
    """Name a region of the graph: ``with ad.scope("layer1"):``, ``@ad.scope("layer1")`` or ``@ad.scope``.

    Parameters
    ----------
    name : str or callable
        The name; a function that is decorated without a name gives its own.

    Returns
    -------
    NamedScope or callable
        A context manager and decorator; the decorated function if one was given.

    Raises
    ------
    InputError
        If the name is empty or no string.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.frontends.recording import record
    >>> from adlab.scopes import scope
    >>> def f(x):
    ...     with scope("layer1"):
    ...         h = np.tanh(x)
    ...     return 2 * h
    >>> [(node.primitive.name, node.scope) for node in record(f, (0.5,)).graph]
    [('input', ()), ('tanh', ('layer1',)), ('multiply', ())]
    """
    if callable(name):
        return NamedScope(_checked(getattr(name, "__name__", type(name).__name__)))(name)
    return NamedScope(_checked(name))


def _checked(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InputError(f"A scope's name is a non-empty string, not {name!r}; write ad.scope('layer1').")
    return name
