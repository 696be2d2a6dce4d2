"""Dijkstra's shunting yard: operators wait on a siding until their right operand is complete.

Operands go straight to the output. An operator waits until one arrives that binds less tightly; then it
follows its operands to the output. A bracket puts a *floor* under the operators inside it, below which
none of them can reach. Each instruction is pushed and popped once, so the time is linear, and no depth of
nesting exhausts Python's stack.

How tightly operators bind, from the loosest to the tightest::

    not  <  comparisons  <  + -  <  * / @  <  unary - +  <  ** ^  <  √  <  x²  x.T  xᵀ  x[…]  f(…)
"""

from __future__ import annotations

from adlab.errors import ParseError
from adlab.frontends.expression.instruction import Instruction

__all__ = ["Yard"]

_LOOSEST, _COMPARISON, _POWER = 0, 1, 5

# Keyed like the waiting instruction itself: its kind and its value.
_BINDING: dict[tuple[str, object], int] = {
    ("unary", "not"): _LOOSEST,
    **{("binary", sign): _COMPARISON for sign in ("<", "<=", ">", ">=", "==", "!=")},
    **{("binary", sign): 2 for sign in ("+", "-")},
    **{("binary", sign): 3 for sign in ("*", "/", "@")},
    **{("unary", sign): 4 for sign in ("+", "-")},
    ("binary", "**"): _POWER,
    ("call", "sqrt"): 6,  # written √; a call in letters never waits
}


class Yard:
    """The output, and the operators on their way to it.

    Attributes
    ----------
    output : list of Instruction
        What is complete, in postfix order.
    """

    def __init__(self) -> None:
        self.output: list[Instruction] = []
        self._waiting: list[Instruction] = []
        self._floors = [0]

    def open(self) -> None:
        """Begin a bracket: the operators that wait so far are out of reach."""
        self._floors.append(len(self._waiting))

    def close(self) -> None:
        """End a bracket whose elements are complete."""
        self._floors.pop()

    def complete(self, binding: int = _LOOSEST) -> None:
        """Move the waiting operators of this bracket that bind at least so tightly to the output."""
        waiting, floor = self._waiting, self._floors[-1]
        while len(waiting) > floor and _BINDING[waiting[-1].kind, waiting[-1].value] >= binding:
            self.output.append(waiting.pop())

    def pending(self) -> Instruction | None:
        """Return the operator of this bracket that waits for the current operand, if any."""
        return self._waiting[-1] if len(self._waiting) > self._floors[-1] else None

    def prefix(self, operator: Instruction) -> None:
        """Take a sign, a root or ``not`` before an operand."""
        pending = self.pending()
        if operator.value == "not" and pending is not None and pending.value != "not":
            raise ParseError(
                "'not' stands behind an operator that binds more tightly; "
                "put it in parentheses, as in (not x).",
                operator.column,
            )
        self._waiting.append(operator)

    def infix(self, operator: Instruction) -> None:
        """Take an operator between operands: what waits and binds at least as tightly is complete."""
        binding = _BINDING[operator.kind, operator.value]
        if binding == _POWER:
            self.check_base(operator.column)  # and complete nothing: powers associate to the right
        elif binding == _COMPARISON:
            self.complete(_COMPARISON + 1)
            self._check_chain(operator)
        else:
            self.complete(binding)
        self._waiting.append(operator)

    def check_base(self, column: int) -> None:
        """Refuse the power of a root: with no bar over it, nobody can tell how far the root reaches."""
        pending = self.pending()
        if pending is not None and pending.kind == "call":
            raise ParseError("A power follows a root; write √(x^2) or (√x)^2.", column)

    def _check_chain(self, operator: Instruction) -> None:
        """Refuse a comparison of a comparison."""
        pending = self.pending()
        if pending is not None and _BINDING[pending.kind, pending.value] == _COMPARISON:
            raise ParseError(
                f"The comparison {str(operator.value)!r} follows another one, and comparisons do not chain; "
                "nest two where(…), or put one comparison in parentheses.",
                operator.column,
            )
