"""The differentiators: one question, four ways to answer it, in one ordered table.

`METHODS` is the table. `adlab.methods.reference` is not a fifth method but their judge: fifty digits, and no
rule read.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adlab.errors import InputError
from adlab.methods.base import Cost, Derivative, Method
from adlab.methods.direction import Auto
from adlab.methods.forward import Forward
from adlab.methods.numerical import Numerical
from adlab.methods.reverse import Reverse
from adlab.methods.symbolic import Symbolic

METHODS: Mapping[str, Method] = MappingProxyType(
    {method.name: method for method in (Numerical(), Symbolic(), Forward(), Reverse())}
)
"""The four differentiators by name, in the lectures' order."""


AUTO = Auto()
"""Forward or reverse mode, whichever is cheaper: a choice among methods, not a fifth one."""


def method_named(name: str) -> Method:
    """Return a method of the table, or "auto", or raise InputError listing the names.

    Examples
    --------
    >>> method_named("reverse").title
    'Reverse mode'
    """
    if name == AUTO.name:
        return AUTO
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        raise InputError(f"There is no method {name!r}; the methods are {', '.join(METHODS)} and auto.")
    return method


__all__ = ["METHODS", "Cost", "Derivative", "Method", "method_named"]
