"""Truncated power series: x₀ + x₁t + x₂t² + … + x_K t^K over any other carrier.

Evaluating a graph in this carrier gives all derivatives along a line at once, at a cost polynomial in the order, where
nested first derivatives cost exponentially. Nothing but the rule table is read. For y = f(x) the rule of forward mode,
evaluated in this very carrier, is the differential equation y′ = ∂f/∂x(y, x)·x′, and its coefficients come one after the
other: (k + 1)·y_{k+1} is the coefficient k of the right-hand side, which needs no more than y₀ … y_k. So a series computes
its coefficients when they are asked for, in rising order, and remembers them. Within one step equal applications are one
series: sin needs cos, cos needs sin again, and both are found once, in O(K²) products.

Linear and bilinear rows, products, quotients and choices act on coefficients at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.operators import ADD, DIVIDE, MULTIPLY, NEGATIVE, SUBTRACT, Operators
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive, Site
from adlab.ir.types import Shape, Type
from adlab.primitives.rules import Bilinear, Linear, add, zeros

Coefficient = Callable[[int], Any]
"""From k to the coefficient of t^k in the carrier underneath; None is zero."""


class Series(Operators):
    """A power series in t, its coefficients computed as far as somebody has asked.

    Attributes
    ----------
    algebra : TaylorAlgebra
    known : list
        The coefficients so far; None is a zero that costs nothing. The first is never None.
    """

    __slots__ = ("_further", "algebra", "known")
    __array_ufunc__ = None  # so that NumPy leaves `array * series` to us

    def __init__(
        self, algebra: TaylorAlgebra, known: Sequence[Any], further: Coefficient | None = None
    ) -> None:
        self.algebra = algebra
        self.known = list(known)
        self._further = further

    def coefficient(self, k: int) -> Any:
        """Return the coefficient of t^k; None is zero."""
        known, further = self.known, self._further
        if further is None:
            return known[k] if k < len(known) else None
        while len(known) <= k:
            known.append(further(len(known)))
        return known[k]

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return self.algebra.apply(primitive, xs)

    def __repr__(self) -> str:
        return f"Series({self.known!r}…)"


class TaylorAlgebra(Algebra):
    """Evaluate with power series up to t^``order`` whose coefficients are values of ``base``."""

    def __init__(self, base: Algebra, order: int) -> None:
        self.base = base
        self.order = order
        self._met: dict[Any, Any] = {}
        self._in_rule = False

    def series(self, coefficients: Sequence[Any]) -> Series:
        """Return the series with these coefficients and zeros from there on."""
        return Series(self, coefficients)

    def constant(self, constant: Constant) -> Any:
        """Return the literal, which does not depend on t."""
        return self._lifted(self.base.constant(constant))

    def _lifted(self, value: Any) -> Any:
        """Return a value that is not NumPy's as a series: its own operators would not know what a series is."""
        return (
            Series(self, [value]) if isinstance(value, Operators) and not isinstance(value, Series) else value
        )

    def shape(self, value: Any) -> Shape:
        """Return the shape of the coefficients."""
        return self.base.shape(_head(value))

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the dtype of the coefficients."""
        return self.base.dtype(_head(value))

    def run(self, graph: Graph, inputs: Sequence[Any]) -> list[Any]:
        """Return the value of every node, all coefficients computed.

        Node by node, so that no recursion runs through the graph. A graph within a rule is left to be computed as its
        coefficients are asked for: its inputs may be the very result that the rule is about.
        """
        if self._in_rule:
            return super().run(graph, inputs)
        values: list[Any] = [self._lifted(x) for x in inputs]
        constants = [self.constant(constant) for constant in graph.constants]
        start = len(graph.inputs)
        with np.errstate(all="ignore"):
            for i in range(start, len(graph)):
                xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
                value = self.apply(graph.primitives[i], xs, graph.params[i])
                if isinstance(value, Series):
                    value = Series(self, [value.coefficient(k) for k in range(self.order + 1)])
                values.append(value)
                self._met.clear()
        return values

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the series of the result; equal applications within one step are one series."""
        if not any(isinstance(x, Series) for x in xs):
            return self._lifted(self.base.apply(primitive, xs, params))
        if primitive.composite:
            return primitive.composite(self, xs, dict(params))
        if primitive.rule is None:
            return self._lifted(self.base.apply(primitive, [_head(x) for x in xs], params))
        key = (primitive, tuple(map(id, xs)), params)
        found = self._met.get(key)
        if found is None:
            found = (
                self._applied(primitive, tuple(xs), params),
                xs,
            )  # xs are kept: their identity is the key
            self._met[key] = found
        return found[0]

    def _applied(self, primitive: Primitive, xs: tuple[Any, ...], params: Params) -> Any:
        if primitive.name == "where":
            return self._where(primitive, xs)
        head = self.base.apply(primitive, [_head(x) for x in xs], params)
        if primitive in (ADD, SUBTRACT, NEGATIVE):
            return self._each(primitive, xs, params, head)
        if primitive is MULTIPLY or isinstance(primitive.rule, Bilinear):
            return Series(self, [head], lambda k: self._convolved(primitive, xs, params, k, 0, k))
        if primitive is DIVIDE:
            return self._quotient(xs, head)
        if isinstance(primitive.rule, Linear):
            return self._each(primitive, xs, params, head)
        return self._solved(primitive, xs, params, head)

    # ------------------------------------------------------------------------------------------- coefficients

    def _each(self, primitive: Primitive, xs: Sequence[Any], params: Params, head: Any) -> Series:
        """Return a linear row, applied to the coefficients of each order."""

        def coefficient(k: int) -> Any:
            parts = [_coefficient(x, k) for x in xs]
            if all(part is None for part in parts):
                return None
            filled = [
                zeros(self.base, self.shape(x), self.dtype(x)) if part is None else part
                for part, x in zip(parts, xs, strict=True)
            ]
            return self.base.apply(primitive, filled, params)

        return Series(self, [head], coefficient)

    def _convolved(
        self, primitive: Primitive, xs: Sequence[Any], params: Params, k: int, first: int, last: int
    ) -> Any:
        """Return Σ aⱼ·b₍ₖ₋ⱼ₎ for j from ``first`` to ``last``."""
        total = None
        for j in range(first, last + 1):
            a, b = _coefficient(xs[0], j), _coefficient(xs[1], k - j)
            if a is not None and b is not None:
                total = add(total, self.base.apply(primitive, (a, b), params))
        return total

    def _quotient(self, xs: Sequence[Any], head: Any) -> Series:
        """Return y = a/b from b·y = a: y_k = (a_k − Σ yⱼ·b₍ₖ₋ⱼ₎)/b₀."""
        a, b = xs

        def coefficient(k: int) -> Any:
            rest = self._convolved(MULTIPLY, (y, b), (), k, 0, k - 1)
            top = _coefficient(a, k)
            if rest is not None:
                top = (
                    self.base.apply(NEGATIVE, (rest,))
                    if top is None
                    else self.base.apply(SUBTRACT, (top, rest))
                )
            return None if top is None else self.base.apply(DIVIDE, (top, _head(b)))

        y = Series(self, [head], coefficient)
        return y

    def _where(self, primitive: Primitive, xs: Sequence[Any]) -> Any:
        """Return the choice, made at t = 0 and the same for every order."""
        condition = _head(xs[0])
        if isinstance(condition, (bool, np.bool_)):
            return xs[1] if condition else xs[2]
        head = self.base.apply(primitive, (condition, _head(xs[1]), _head(xs[2])))
        return self._each_branch(primitive, condition, xs[1:], head)

    def _each_branch(
        self, primitive: Primitive, condition: Any, branches: Sequence[Any], head: Any
    ) -> Series:
        def coefficient(k: int) -> Any:
            parts = [_coefficient(x, k) for x in branches]
            if all(part is None for part in parts):
                return None
            filled = [
                zeros(self.base, self.shape(x), self.dtype(x)) if part is None else part
                for part, x in zip(parts, branches, strict=True)
            ]
            return self.base.apply(primitive, (condition, *filled))

        return Series(self, [head], coefficient)

    def _solved(self, primitive: Primitive, xs: tuple[Any, ...], params: Params, head: Any) -> Any:
        """Return the solution of y′ = rule(y, x)·x′, coefficient by coefficient."""
        slope: list[Any] = []

        def coefficient(k: int) -> Any:
            if not slope:
                slope.append(self._slope(primitive, y, xs, params))
            part = _coefficient(slope[0], k - 1)
            if part is None:
                return None
            return self.base.apply(DIVIDE, (part, self.base.dtype(part).type(k)))

        y = Series(self, [head], coefficient)
        return y

    def _slope(self, primitive: Primitive, y: Series, xs: tuple[Any, ...], params: Params) -> Any:
        """Return y′ as a series: the tangent of the row, its operands moving as they do."""
        types = tuple(Type(self.shape(x), self.dtype(x)) for x in xs)
        site = Site(primitive, y, xs, Type(self.shape(y), self.dtype(y)), types, dict(params))
        tangents = [self._moving(x) if isinstance(x, Series) else None for x in xs]
        before, self._in_rule = self._in_rule, True
        try:
            assert primitive.rule is not None
            return primitive.rule.jvp(self, site, tangents)
        finally:
            self._in_rule = before

    def _moving(self, x: Series) -> Series:
        """Return x′: its coefficient k is (k + 1)·x_{k+1}."""

        def coefficient(k: int) -> Any:
            part = x.coefficient(k + 1)
            return (
                part
                if part is None or not k
                else self.base.apply(MULTIPLY, (part, self.base.dtype(part).type(k + 1)))
            )

        first = coefficient(0)
        if first is None:
            first = zeros(self.base, self.shape(x), self.dtype(x))
        return Series(self, [first], coefficient)


def _head(value: Any) -> Any:
    return value.known[0] if isinstance(value, Series) else value


def _coefficient(value: Any, k: int) -> Any:
    if isinstance(value, Series):
        return value.coefficient(k)
    return value if k == 0 else None
