"""Formulas as they are written: the carrier behind every printed trace and every edge label.

Evaluating a rule here builds what the rule says, ``1/v0`` or ``v1 · v0``, without simplifying or reordering,
and remembers the number each part has at the point. The same tree is printed with names (formula) and with
numbers (substituted), as text, LaTeX or MathML, by `adlab.render.formula`. Because numbers are at hand, a
choice by cases shows the case that applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY
from adlab.algebra.operators import POWER, SQUARE, Operators
from adlab.ir.constant import Constant
from adlab.ir.primitive import Notation, Params, Primitive
from adlab.ir.types import Shape
from adlab.primitives.notation import ATOM


class Symbol(NamedTuple):
    """A name with an index and a mark: v₃, its tangent v̇₃ (mark "dot"), its adjoint v̄₃ (mark "bar")."""

    base: str
    index: str = ""  # type: ignore[assignment]  # hides tuple.index, which nobody asks a name for
    mark: str = ""


class Literal(NamedTuple):
    """A number written in the program."""

    value: Any


Head = Primitive | Notation | Symbol | Literal

INDICATOR = Notation("[{0}]", r"\left[{0}\right]", ATOM)
"""Iverson's bracket: 1 where the condition holds, 0 elsewhere."""

AS_NUMBER = Notation("{0}", "{0}", 0)
"""Written as its formula with names, and as one number when numbers are substituted."""

DERIVATIVE = Notation("∂{0}/∂{1}", r"\frac{{\partial {0}}}{{\partial {1}}}", ATOM, (ATOM,))
"""The name of a derivative: ∂y/∂v₆."""


class Term(Operators):
    """A formula: what it is made of, and its value at the point."""

    __slots__ = ("args", "head", "params", "value")

    def __init__(self, head: Head, args: tuple[Term, ...], value: Any, params: Params = ()) -> None:
        self.head = head
        self.args = args
        self.value = value
        self.params = params

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return NOTATION.apply(primitive, xs)

    def __repr__(self) -> str:
        return f"Term({self.head!r}, {list(self.args)!r})"


def symbol(base: str, index: object, value: Any, mark: str = "") -> Term:
    """Return a formula that is one name."""
    return Term(Symbol(base, str(index), mark), (), value)


def literal(value: Any) -> Term:
    """Return a formula that is one number."""
    return Term(Literal(value), (), value)


def derivative(of: Term, by: Term, value: Any) -> Term:
    """Return ∂of/∂by as a name; with numbers substituted it is its value."""
    return Term(AS_NUMBER, (Term(DERIVATIVE, (of, by), value),), value)


def leaves(term: Term) -> list[Term]:
    """Return the names and numbers a formula is made of, from left to right."""
    found, stack = [], [term]
    while stack:
        item = stack.pop()
        if isinstance(item.head, (Symbol, Literal)):
            found.append(item)
        stack.extend(reversed(item.args))
    return found


class NotationAlgebra(Algebra):
    """Evaluate to formulas."""

    def constant(self, constant: Constant) -> Any:
        """Return the Python number itself, so that rules fold ``p - 1``; arrays become literals."""
        value = constant.value
        if isinstance(value, np.ndarray):
            return literal(value)
        return value if value else np.float64(value)

    def shape(self, value: Any) -> Shape:
        """Return the shape of the formula's value."""
        return np.shape(value.value if isinstance(value, Term) else value)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the formula; choices that the literals or the point decide are decided."""
        if primitive.rule is None and primitive.elementwise and not any(isinstance(x, Term) for x in xs):
            return bool(NUMPY.apply(primitive, xs, params))
        if primitive.name == "where":
            chosen = _decided(xs)
            if chosen is not None:
                return chosen
        if primitive is POWER and not isinstance(xs[1], Term):
            if xs[1] == 1:
                return xs[0]
            if xs[1] == 2:
                primitive, xs = SQUARE, xs[:1]
        terms = tuple(x if isinstance(x, Term) else literal(x) for x in xs)
        with np.errstate(all="ignore"):
            value = NUMPY.apply(primitive, [_number(term.value) for term in terms], params)
        return Term(primitive, terms, value, params)


def _number(value: Any) -> Any:
    """Return a Python number as NumPy's, whose division follows IEEE."""
    return np.float64(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _decided(xs: Sequence[Any]) -> Any:
    """Return the branch that applies, [c] for a choice between 1 and 0, or None if elements differ."""
    condition, first, second = xs
    if isinstance(condition, (bool, np.bool_)):
        return first if condition else second
    if isinstance(first, (int, float)) and first == 1 and isinstance(second, (int, float)) and second == 0:
        value = np.where(condition.value, 1.0, 0.0)
        return Term(INDICATOR, (condition,), value[()] if value.ndim == 0 else value)
    if np.ndim(condition.value) == 0:
        return first if condition.value else second
    return None


NOTATION = NotationAlgebra()
"""The carrier of formulas; it has no state."""
