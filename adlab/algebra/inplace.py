"""Assignments in place: which of them mean the same on values that never change, and how the others are written.

``y += v`` changes an array in NumPy, for all that have a name or a view of it; on a value that never changes it can only
give the name y a new value. That is the same where nothing else has the old one. Python counts the references to an
object, so this can be known: `references_alone` says how many there are when an augmented assignment to a variable is all
that holds it. A view is expected to hold a reference to the array that it is part of.

Other assignments are rewritten for the message that refuses them, ``x[1:3] = v`` as ``x = ad.at(x)[1:3].set(v)`` and
``y *= v`` as ``y = y * v``. The user's line is parsed, never run.
"""

from __future__ import annotations

import ast
import dis
import operator
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

OPERATORS: dict[type[ast.operator], str] = {
    ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@",
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
"""How augmented assignments are written, ``+=`` left out: that one is ``add``."""

AUGMENTED = dis.opmap["BINARY_OP"]


class InPlace:
    """Mixin: the operators of augmented assignments, ``y += v`` and so on, in terms of `_assigned`."""

    __slots__ = ()

    def _assigned(self, references: int, apply: Callable[[Any, Any], Any], other: Any) -> Any:
        """Return the new value; ``references`` to this object were counted, of which `is_alone` knows what they mean."""
        raise NotImplementedError

    def __iadd__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.sub, other)

    def __imul__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.mul, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.truediv, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.floordiv, other)

    def __imod__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.mod, other)

    def __ipow__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.pow, other)

    def __imatmul__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.matmul, other)

    def __iand__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.and_, other)

    def __ior__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.or_, other)

    def __ixor__(self, other: Any) -> Any:
        return self._assigned(sys.getrefcount(self), operator.xor, other)


class _Probe(InPlace):
    """Becomes the number of references to itself."""

    def _assigned(self, references: int, apply: Callable[[Any, Any], Any], other: Any) -> Any:
        return references


@cache
def references_alone() -> int:
    """Return how many references an operator counts to a value that one local variable holds."""
    probe: Any = _Probe()
    probe += 0
    return int(probe)


def is_alone(references: int) -> bool:
    """Return whether an operator in place was reached by an augmented assignment to the only holder of its value.

    To be called by `InPlace._assigned`, with what that was given. ``operator.iadd(y, v)`` is reached by a call, which
    holds references of its own, so that counting says nothing.
    """
    frame = sys._getframe(3)
    return references <= references_alone() and frame.f_code.co_code[frame.f_lasti] == AUGMENTED


def reassigned(line: str) -> str | None:
    """Return an augmented assignment as one to a new value, None if the line is none.

    Examples
    --------
    >>> reassigned("y *= a + b")
    'y = y * (a + b)'
    >>> reassigned("for p in parts: p -= 1")
    """
    statement = _statement(line)
    if not isinstance(statement, ast.AugAssign):
        return None
    sign = "+" if isinstance(statement.op, ast.Add) else OPERATORS.get(type(statement.op), "")
    target = ast.unparse(statement.target)
    return f"{target} = {target} {sign} {_grouped(statement.value)}" if sign else None


def rewritten(line: str) -> str | None:
    """Return the line with its assignment to elements as a functional update, None if it holds none.

    Examples
    --------
    >>> rewritten("x[1:3] = np.sin(v)")
    'x = ad.at(x)[1:3].set(np.sin(v))'
    >>> rewritten("grid[i, :] -= a + b")
    'grid = ad.at(grid)[i, :].add(-(a + b))'
    """
    statement = _statement(line)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
        update = f"set({ast.unparse(statement.value)})"
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
        update = _augmented(statement)
    else:
        return None
    return _assigned(target, update) if isinstance(target, ast.Subscript) else None


def _statement(line: str) -> ast.stmt | None:
    """Return the one statement of a line, None where there is none or more."""
    try:
        statements = ast.parse(line.strip()).body
    except (SyntaxError, ValueError):
        return None
    return statements[0] if len(statements) == 1 else None


def _grouped(value: ast.expr) -> str:
    """Return an expression as an operand."""
    simple = isinstance(value, (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute))
    return ast.unparse(value) if simple else f"({ast.unparse(value)})"


def _augmented(statement: ast.AugAssign) -> str:
    if isinstance(statement.op, ast.Add):
        return f"add({ast.unparse(statement.value)})"
    grouped = _grouped(statement.value)
    if isinstance(statement.op, ast.Sub):
        return f"add(-{grouped})"
    sign = OPERATORS.get(type(statement.op), "")
    return f"set({ast.unparse(statement.target)} {sign} {grouped})"


def _assigned(target: ast.Subscript, update: str) -> str:
    """Return the assignment to the whole array; an element of an element is updated from the inside out."""
    place: ast.expr = target
    while isinstance(place, ast.Subscript):
        base = ast.unparse(place.value)
        update = f"ad.at({base})[{_index(place.slice)}].{update}"
        place = place.value
        if isinstance(place, ast.Subscript):
            update = f"set({update})"
    return f"{ast.unparse(place)} = {update}"


def _index(part: ast.expr) -> str:
    """Return what stands between the brackets; a tuple without its parentheses."""
    text = ast.unparse(part)
    return text[1:-1] if isinstance(part, ast.Tuple) and text.startswith("(") else text
