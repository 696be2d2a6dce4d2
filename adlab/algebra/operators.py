"""Infix operators for values that adlab makes itself: traced variables, dual numbers, formulas.

Each operator is one line that names its row; a value class says in `_infix` what applying a row means to it.
"""

from __future__ import annotations

from typing import Any

from adlab.ir.primitive import Primitive
from adlab.primitives import TABLE

ADD, SUBTRACT, MULTIPLY, DIVIDE = (TABLE[name] for name in ("add", "subtract", "multiply", "divide"))
POWER, SQUARE, NEGATIVE, MATMUL = (TABLE[name] for name in ("power", "square", "negative", "matmul"))
ABSOLUTE, AND, OR, NOT = (TABLE[name] for name in ("absolute", "logical_and", "logical_or", "logical_not"))
LESS, LESS_EQUAL, GREATER = (TABLE[name] for name in ("less", "less_equal", "greater"))
GREATER_EQUAL, EQUAL, NOT_EQUAL = (TABLE[name] for name in ("greater_equal", "equal", "not_equal"))


class Operators:
    """Mixin: Python's operators in terms of `_infix`."""

    __slots__ = ()

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self._infix(ADD, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._infix(ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._infix(SUBTRACT, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._infix(SUBTRACT, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._infix(MULTIPLY, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._infix(MULTIPLY, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._infix(DIVIDE, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._infix(DIVIDE, other, self)

    def __pow__(self, other: Any) -> Any:
        if type(other) is int and other == 2:
            return self._infix(SQUARE, self)
        return self._infix(POWER, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._infix(POWER, other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._infix(MATMUL, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._infix(MATMUL, other, self)

    def __neg__(self) -> Any:
        return self._infix(NEGATIVE, self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._infix(ABSOLUTE, self)

    def __lt__(self, other: Any) -> Any:
        return self._infix(LESS, self, other)

    def __le__(self, other: Any) -> Any:
        return self._infix(LESS_EQUAL, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._infix(GREATER, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._infix(GREATER_EQUAL, self, other)

    def __eq__(self, other: object) -> Any:
        return self._infix(EQUAL, self, other)

    def __ne__(self, other: object) -> Any:
        return self._infix(NOT_EQUAL, self, other)

    __hash__ = object.__hash__
