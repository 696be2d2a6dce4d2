"""Dual numbers over any other algebra: x + ẋ·ε with ε² = 0.

Evaluating a graph in this carrier *is* forward mode. The tangent None means "does not depend on the seed"
and costs nothing. Because the carrier underneath is free, dual numbers over NumPy give numbers, over traced
variables a graph, over themselves second derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.operators import Operators
from adlab.ir.constant import Constant
from adlab.ir.primitive import Params, Primitive, Site
from adlab.ir.types import Shape, Type


class Dual(Operators):
    """A primal value with its tangent.

    Attributes
    ----------
    algebra : DualAlgebra
        The carrier this number belongs to: two nested differentiations never mix their tangents.
    primal, tangent
        Values of the carrier underneath; the tangent may be None.
    """

    __slots__ = ("algebra", "primal", "tangent")

    def __init__(self, algebra: DualAlgebra, primal: Any, tangent: Any = None) -> None:
        self.algebra = algebra
        self.primal = primal
        self.tangent = tangent

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return self.algebra.apply(primitive, xs)

    def __repr__(self) -> str:
        return f"Dual({self.primal!r}, {self.tangent!r})"


class DualAlgebra(Algebra):
    """Evaluate with dual numbers whose parts are values of ``base``."""

    def __init__(self, base: Algebra) -> None:
        self.base = base

    def constant(self, constant: Constant) -> Any:
        """Return a dual number without tangent."""
        return Dual(self, self.base.constant(constant))

    def shape(self, value: Any) -> Shape:
        """Return the primal's shape."""
        return self.base.shape(self._lift(value).primal)

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the primal's dtype."""
        return self.base.dtype(self._lift(value).primal)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the dual number of the result: its primal, and the rule applied to the tangents."""
        duals = [self._lift(x) for x in xs]
        primals = tuple(dual.primal for dual in duals)
        y = self.base.apply(primitive, primals, params)
        if primitive.rule is None or all(dual.tangent is None for dual in duals):
            return Dual(self, y)
        types = tuple(self._type(primal) for primal in primals)
        site = Site(primitive, y, primals, self._type(y), types, dict(params))
        return Dual(self, y, primitive.rule.jvp(self.base, site, [dual.tangent for dual in duals]))

    def _type(self, primal: Any) -> Type:
        return Type(self.base.shape(primal), self.base.dtype(primal))

    def _lift(self, value: Any) -> Dual:
        if isinstance(value, Dual) and value.algebra is self:
            return value
        return Dual(self, value)
