"""What an entry of the table of rewrites is, and the rules that several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import Type, broadcast_shapes

if TYPE_CHECKING:
    from adlab.transforms.simplify import Simplifier

LITERAL = "a literal"
TWINS = "last two the same"
ANYTHING = "anything"
EACH_ELEMENT = "any elementwise row"


class At(NamedTuple):
    """The application that a rewrite looks at: a row on operands, and the operand that set the rewrite off."""

    primitive: Primitive
    operands: tuple[int, ...]
    params: Params
    type: Type
    position: int

    @property
    def x(self) -> int:
        """The operand that set it off."""
        return self.operands[self.position]

    @property
    def other(self) -> int:
        """The other one of two operands."""
        return self.operands[1 - self.position]

    @property
    def param(self) -> Any:
        """The value of the only static parameter."""
        return self.params[0][1]


@dataclass(frozen=True)
class Rewrite:
    """One way to write an application otherwise.

    Attributes
    ----------
    name : str
        What it does, as a formula.
    row : str
        The primitive it looks at, or `EACH_ELEMENT`.
    trigger : str
        The row of an operand that sets it off, or `LITERAL`, `TWINS` (the last two operands are one), `ANYTHING`.
    rule : callable
        Function of (writer, `At`): the operand that takes the place of the application, or None if it stays.
    because : str
        Why the result is the same.
    ulps : float
        By how many units in the last place the result may differ; 0 for all but a few.
    """

    name: str
    row: str
    trigger: str
    rule: Callable[[Simplifier, At], int | None]
    because: str
    ulps: float = 0.0


def of_the_inside(w: Simplifier, at: At) -> int:
    """Return the application to the operand of its operand."""
    return w.write(at.primitive, (w.inside(at.x),), at.params, at.type)


def the_operand(w: Simplifier, at: At) -> int | None:
    """Return the operand itself, if it has the result's type."""
    return at.x if w.type_of(at.x) == at.type else None


def the_inside(w: Simplifier, at: At) -> int | None:
    """Return the operand of the operand, if it has the result's type."""
    inside = w.inside(at.x)
    return inside if w.type_of(inside) == at.type else None


def without_repeats(w: Simplifier, at: At) -> int | None:
    """Return the application on operands that are not repeated along axes, its result repeated if need be."""
    operands = tuple([w.base(j) for j in at.operands])
    if operands == at.operands:
        return None
    shape = broadcast_shapes([w.type_of(j).shape for j in operands])
    return w.fit(w.write(at.primitive, operands, at.params, Type(shape, at.type.dtype)), at.type)
