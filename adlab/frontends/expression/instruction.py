"""One step of a postfix program, the form in which the syntax half hands a formula to the semantic half.

A program is run from left to right on a stack. Every instruction takes its operands off the top of the
stack and puts exactly one result back, so a complete program leaves exactly one value. What each kind
means:

=============  =====================  ====================  ================================================
kind           value                  operands (`count`)    meaning
=============  =====================  ====================  ================================================
``number``     int or float           0                     a literal; ``2`` is an int, ``2.0`` a float
``constant``   True, False or None    0                     for static parameters such as ``keepdims=True``
``constant``   tuple of items         0                     a subscript given as ``index=[0:2, 1]``
``name``       str                    0                     an input, or a constant such as ``pi``
``unary``      ``- + not``            1                     a sign or a logical negation
``binary``     ``+ - * / @ **``       2                     arithmetic; the right operand is on top
``binary``     ``< <= > >= == !=``    2                     a comparison; never chained
``call``       the function's name    positional arguments  also takes one operand per name in `keywords`
``index``      tuple of items         1                     a subscript: ``operand[value]``
``transpose``  None                   1                     ``.T`` or ``ᵀ``
``tuple``      None                   elements              ``(0, 1)``
``list``       None                   elements              ``[1, 2, 3]``
=============  =====================  ====================  ================================================

Elements of tuples and lists, and arguments, may be any expressions: whether one has to be a literal is a
question of meaning, and is not asked here. For the same reason ``axis=-1`` arrives as the number 1 and a
unary minus.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Literal, TypeAlias

__all__ = ["Instruction", "Kind", "SubscriptItem", "Value"]

Kind: TypeAlias = Literal[
    "number", "constant", "name", "unary", "binary", "call", "index", "transpose", "tuple", "list"
]

# Plain Python objects, so that a tuple of them indexes an array as it stands; newaxis is None, as in NumPy.
# A tuple stands for a list of whole numbers, possibly nested, which picks elements.
SubscriptItem: TypeAlias = int | slice | EllipsisType | tuple["SubscriptItem", ...] | None

Value: TypeAlias = int | float | bool | str | tuple[SubscriptItem, ...] | None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a postfix program.

    Attributes
    ----------
    kind : str
        What the step does; the module's table lists the kinds.
    value : int, float, bool, str, tuple or None
        The literal, the name, the operator or the subscript.
    column : int
        Where it stands in the text, counted from 1: an operator's sign, a call's name, the opening bracket of
        a subscript, a list or a tuple.
    count : int
        Operands taken off the stack, the keyword arguments of a call not among them.
    keywords : tuple of str
        The names of a call's keyword arguments in the order written. Their values lie on the stack above the
        positional ones, the last one on top.
    """

    kind: Kind
    value: Value
    column: int
    count: int = 0
    keywords: tuple[str, ...] = ()

    @property
    def arity(self) -> int:
        """All operands taken off the stack, keyword arguments among them."""
        return self.count + len(self.keywords)
