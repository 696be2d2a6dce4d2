"""Literals: what a graph's nodes refer to besides each other.

A literal keeps the exact Python number the user wrote (``2``, ``0.1``), so that SymPy and mpmath see 2 and not 2.0, and
carries the dtype under which it takes part in floating-point arithmetic. Arrays are copied when they enter, so that a
later assignment to them cannot change a graph.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from adlab.ir.types import Type


class NamedNumber(float):
    """A float that remembers its name, as π does; exact carriers look the name up.

    Examples
    --------
    >>> PI, PI.symbol
    (3.141592653589793, 'pi')
    """

    symbol: str

    def __new__(cls, value: float, symbol: str) -> NamedNumber:
        """Return the float with its name."""
        self = super().__new__(cls, value)
        self.symbol = symbol
        return self


PI = NamedNumber(math.pi, "pi")
E = NamedNumber(math.e, "e")
NAMED_NUMBERS = {"pi": PI, "e": E}


class Constant(NamedTuple):
    """One literal operand: the exact value and the type it computes with."""

    value: Any
    type: Type


def content_digest(array: np.ndarray[Any, Any]) -> bytes:
    """Return 16 bytes that tell arrays apart by content."""
    import hashlib  # brings OpenSSL, which a session without array literals does not need

    return hashlib.blake2b(array.tobytes(), digest_size=16).digest()


def constant_key(value: Any, dtype: np.dtype[Any]) -> Hashable:
    """Return a key under which equal literals are one: 0.0 and −0.0, 2 and 2.0 and True stay apart."""
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, dtype, content_digest(value))
    if isinstance(value, NamedNumber):
        return (value.symbol, dtype)
    if not value or value != value:
        return (type(value), repr(value), dtype)
    return (type(value), value, dtype)
