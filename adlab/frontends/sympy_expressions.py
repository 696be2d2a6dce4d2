"""SymPy expressions become graphs.

The expression is walked once, leaves first, with equal subexpressions done once; nothing is evaluated by
SymPy and nothing is printed as code. Which SymPy function is which row comes from the rule table. Derivatives
that SymPy leaves unevaluated because it does not know its arguments to be real (``Derivative(re(u), x)``) or
because they are 0 except at jumps (``Derivative(floor(u), x)``, ``DiracDelta(u)``) are understood as what
they are for real numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import InputError, MethodError
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.frontends.recording import Recording, as_leaf, type_of_leaf
from adlab.ir.constant import NAMED_NUMBERS, PI
from adlab.ir.graph import Graph
from adlab.ir.primitive import Primitive
from adlab.ir.tree import LEAF, Tree
from adlab.ir.types import FLOAT32, SCALAR, Type, broadcast_shapes
from adlab.primitives import ROWS


def is_sympy(value: Any) -> bool:
    """Return whether a value comes from SymPy; does not import it."""
    return any(base.__module__.partition(".")[0] == "sympy" for base in type(value).__mro__)


def expression_recording(
    expression: Any, args: Sequence[Any], names: Sequence[str] | None = None
) -> Recording:
    """Return the graph of a SymPy expression or matrix at arguments for its symbols.

    Parameters
    ----------
    expression : sympy.Basic or sympy.Matrix
    args : sequence
        One number or array per symbol; arrays are taken elementwise.
    names : sequence of str, optional
        Names of the symbols in the order of the arguments; alphabetical by default.

    Raises
    ------
    InputError
        If names or arguments do not fit the symbols, or the expression holds something that is no real
        function.

    Examples
    --------
    >>> import sympy
    >>> x1, x2 = sympy.symbols("x1 x2")
    >>> expression_recording(sympy.log(x1) + x1 * x2 - sympy.sin(x2), (2.0, 5.0)).graph
    <Graph of 7 nodes: (x1, x2) → y>
    """
    symbols = _ordered_symbols(expression, names)
    if len(args) != len(symbols):
        listed = ", ".join(str(symbol) for symbol in symbols)
        raise InputError(
            f"The expression has {len(symbols)} symbols ({listed}); {len(args)} values were given."
        )
    values = [as_leaf(arg, str(symbol)) for arg, symbol in zip(args, symbols, strict=True)]
    types = [type_of_leaf(value) for value in values]
    shape = tuple(expression.shape) if hasattr(expression, "shape") else ()
    entries = list(expression.flat()) if shape else [expression]
    tree: Tree = ("tuple", (), (LEAF,) * len(symbols))
    return Recording(expressions_graph(entries, symbols, types, shape, tree))


def _ordered_symbols(expression: Any, names: Sequence[str] | None) -> list[Any]:
    found = {
        symbol.name: symbol for symbol in sorted(expression.free_symbols, key=lambda symbol: str(symbol.name))
    }
    if names is None:
        return list(found.values())
    missing = [name for name in found if name not in names]
    if missing:
        raise InputError(
            f"The names {', '.join(names)} leave out the symbol {missing[0]!r} of the expression."
        )
    import sympy

    return [found.get(name) or sympy.Symbol(name, real=True) for name in names]


def expressions_graph(
    expressions: Sequence[Any],
    symbols: Sequence[Any],
    types: Sequence[Type] | None = None,
    shape: tuple[int, ...] | None = None,
    in_tree: Tree = None,
    held: Sequence[tuple[Any, Any]] = (),
) -> Graph:
    """Return one graph for several SymPy expressions in the same symbols.

    Parameters
    ----------
    expressions : sequence of sympy.Basic
    symbols : sequence of sympy.Symbol
        The inputs, in order.
    types : sequence of Type, optional
        Types of the inputs; float64 scalars by default.
    shape : tuple of int, optional
        If given, the expressions are the entries of one output of this shape, else an output each.
    in_tree
        How arguments nest.
    held : sequence of (symbol, expression)
        Further symbols that stand for expressions, each in terms of those before.

    Raises
    ------
    MethodError
        If an expression holds something that is no real function with a row; the message names it.
    """
    recorder = Recorder(FUNCTIONS)
    given = [SCALAR] * len(symbols) if types is None else types
    variables = {
        symbol: recorder.variable(str(symbol), type) for symbol, type in zip(symbols, given, strict=True)
    }
    weak = FLOAT32 if given and all(type.dtype == FLOAT32 for type in given) else np.dtype(np.float64)
    walk = _Walk(GraphAlgebra(recorder), variables)
    for symbol, expression in held:
        walk.known[symbol] = walk([expression])[0]
    outputs = [recorder.operand(value, weak) for value in walk(expressions)]
    if shape is not None and len(shape):
        outputs = [_joined(recorder, outputs, shape)]
    return recorder.finish(outputs, in_tree, LEAF if shape is not None else None)


def _joined(recorder: Recorder, operands: Sequence[int], shape: tuple[int, ...]) -> int:
    """Return the operand of the array whose entries are ``operands``."""
    algebra = GraphAlgebra(recorder)
    entries = [Traced(recorder, operand) for operand in operands]
    common = broadcast_shapes([entry.shape for entry in entries])
    entries = [
        entry if entry.shape == common else algebra.broadcast_to(entry, shape=common) for entry in entries
    ]
    joined = algebra.reshape(algebra.stack(*entries, axis=0), shape=(*shape, *common))
    return recorder.operand(joined)


# ---------------------------------------------------------------------------------------------------- walking


class _Walk:
    """Expressions to values of an algebra, each distinct subexpression once, without recursion."""

    def __init__(self, algebra: Any, variables: Mapping[Any, Any]) -> None:
        import sympy

        self.sympy = sympy
        self.algebra = algebra
        self.known: dict[Any, Any] = dict(variables)
        self.replaced: dict[Any, Any] = {}

    def __call__(self, expressions: Sequence[Any]) -> list[Any]:
        """Return the value of each expression."""
        stack = list(reversed(expressions))
        while stack:
            expression = stack[-1]
            if expression in self.known:
                stack.pop()
                continue
            children = self._children(expression)
            waiting = [child for child in children if child not in self.known]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            stack.pop()
            self.known[expression] = self._value(expression, [self.known[child] for child in children])
        return [self.known[expression] for expression in expressions]

    def _children(self, expression: Any) -> tuple[Any, ...]:
        """Return the parts whose values are needed first."""
        sp = self.sympy
        if isinstance(expression, (sp.Derivative, sp.Subs)):
            found = self.replaced.get(expression)
            if found is None:
                found = self.replaced[expression] = settle(sp, expression)
            return (found,)
        if isinstance(expression, sp.Piecewise):
            return tuple(part for pair in expression.args for part in pair.args)
        if isinstance(expression, sp.Add):
            return tuple(term for _, term in _terms(expression))
        if isinstance(expression, sp.Mul):
            top, bottom = _fraction(sp, expression)
            return (*top, *bottom)
        if isinstance(expression, sp.Pow):
            return _power_children(sp, expression)
        return () if expression.is_Atom else tuple(expression.args)

    def _value(self, expression: Any, xs: list[Any]) -> Any:
        sp, A = self.sympy, self.algebra
        if isinstance(expression, (sp.Derivative, sp.Subs)):
            return xs[0]
        if isinstance(expression, sp.Add):
            return _sum(expression, xs)
        if isinstance(expression, sp.Mul):
            return _product(sp, A, expression, xs)
        if isinstance(expression, sp.Pow):
            return _power(sp, A, expression, xs)
        if isinstance(expression, sp.Piecewise):
            return _piecewise(A, xs)
        if expression.is_Atom:
            return _atom(sp, A, expression)
        return _apply(sp, A, expression, xs)


def settle(sp: Any, expression: Any) -> Any:
    """Return a Derivative or Subs that SymPy left standing as what it is for real numbers, or raise
    MethodError.
    """
    if isinstance(expression, sp.Subs):
        inner, variables, points = expression.expr, expression.variables, expression.point
        inner = inner.replace(lambda part: isinstance(part, sp.Derivative), lambda part: settle(sp, part))
        return inner.subs(dict(zip(variables, points, strict=True)), simultaneous=True)
    function, (variable, order) = expression.expr, expression.variable_count[0]
    if len(expression.variable_count) != 1 or order != 1:
        first = sp.Derivative(function, variable)
        return settle(sp, first).diff(*_rest(expression))
    if isinstance(function, (sp.floor, sp.ceiling, sp.sign, sp.Heaviside, sp.im, sp.arg, sp.DiracDelta)):
        return sp.Integer(0)
    if isinstance(function, (sp.re, sp.conjugate)):
        return function.args[0].diff(variable)
    if isinstance(function, sp.Abs):
        return sp.sign(function.args[0]) * function.args[0].diff(variable)
    done = expression.doit()
    if done == expression:
        raise _unknown(expression)
    return done


def _rest(expression: Any) -> list[Any]:
    """Return the variables of a higher derivative, the first occurrence left out."""
    return [variable for variable, order in expression.variable_count for _ in range(int(order))][1:]


def _unknown(expression: Any) -> MethodError:
    shown = str(expression)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return MethodError(
        f"The SymPy expression holds {shown}, which is no real function in adlab's table; "
        "rewrite it with functions listed by `adlab primitives`."
    )


# ---------------------------------------------------------------------------------- sums, products and powers


def _terms(expression: Any) -> list[tuple[bool, Any]]:
    """Return the terms of a sum with whether each is subtracted, those that are added first."""
    signed = [(True, -term) if _is_negative(term) else (False, term) for term in expression.args]
    return sorted(signed, key=lambda pair: pair[0])


def _is_negative(term: Any) -> bool:
    first = term.args[0] if term.is_Mul else term
    return bool(first.is_Number and first.is_negative)


def _sum(expression: Any, xs: Sequence[Any]) -> Any:
    signs = [subtracted for subtracted, _ in _terms(expression)]
    total = -xs[0] if signs[0] else xs[0]
    for subtracted, x in zip(signs[1:], xs[1:], strict=True):
        total = total - x if subtracted else total + x
    return total


def _fraction(sp: Any, expression: Any) -> tuple[list[Any], list[Any]]:
    """Return the factors above and below the bar."""
    top: list[Any] = []
    bottom: list[Any] = []
    for factor in expression.args:
        if isinstance(factor, sp.Pow) and factor.exp.is_Number and factor.exp.is_negative:
            bottom.append(sp.Pow(factor.base, -factor.exp))
        elif isinstance(factor, sp.Rational) and not isinstance(factor, sp.Integer):
            if factor.p != 1:
                top.append(sp.Integer(factor.p))
            bottom.append(sp.Integer(factor.q))
        else:
            top.append(factor)
    return top, bottom


def _product(sp: Any, A: Any, expression: Any, xs: Sequence[Any]) -> Any:
    top, _ = _fraction(sp, expression)
    above, below = list(xs[: len(top)]), list(xs[len(top) :])
    negative = bool(top) and top[0] == -1
    if negative and len(above) > 1:
        above = above[1:]
    else:
        negative = False
    product = _multiply(above) if above else 1
    value = A.divide(product, _multiply(below)) if below else product
    return A.negative(value) if negative else value


def _multiply(factors: Sequence[Any]) -> Any:
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product


def _power_children(sp: Any, expression: Any) -> tuple[Any, ...]:
    base, exponent = expression.base, expression.exp
    if exponent.is_Number and exponent.is_negative:
        return (sp.Pow(base, -exponent),) if exponent != -1 else (base,)
    if exponent in (2, sp.Rational(1, 2)):
        return (base,)
    return (base, exponent)


def _power(sp: Any, A: Any, expression: Any, xs: Sequence[Any]) -> Any:
    exponent = expression.exp
    if exponent.is_Number and exponent.is_negative:
        return A.divide(1, xs[0])
    if exponent == 2:
        return A.square(xs[0])
    if exponent == sp.Rational(1, 2):
        return A.sqrt(xs[0])
    return A.power(xs[0], xs[1])


# ---------------------------------------------------------------------------------------- atoms and functions


def _atom(sp: Any, A: Any, expression: Any) -> Any:
    """Return a number: an exact Python number where it is one, a quotient of integers for a fraction."""
    if isinstance(expression, sp.Integer):
        return int(expression)
    if isinstance(expression, sp.Rational):
        value = expression.p / expression.q
        exact = value.as_integer_ratio() == (expression.p, expression.q)
        return value if exact else A.divide(int(expression.p), int(expression.q))
    if expression is sp.pi or expression is sp.E:
        return NAMED_NUMBERS["pi" if expression is sp.pi else "e"]
    if expression in (sp.true, sp.false):
        return bool(expression)
    if expression is sp.oo or expression is -sp.oo or expression is sp.nan:
        return math.nan if expression is sp.nan else math.inf if expression is sp.oo else -math.inf
    if expression is sp.zoo:
        return math.nan
    if isinstance(expression, (sp.Float, sp.NumberSymbol)):
        return float(expression)
    if isinstance(expression, sp.Symbol):
        raise InputError(f"The expression holds the symbol {expression}, for which there is no value.")
    raise _unknown(expression)


def _piecewise(A: Any, xs: Sequence[Any]) -> Any:
    """Return nested choices, the first condition outermost; NaN where none holds."""
    value: Any = math.nan
    for part, condition in reversed(list(zip(xs[::2], xs[1::2], strict=True))):
        value = part if condition is True else A.where(condition, part, value)
    return value


def _folded(name: str) -> Callable[..., Any]:
    def function(A: Any, *xs: Any) -> Any:
        value = xs[0]
        for x in xs[1:]:
            value = getattr(A, name)(value, x)
        return value

    return function


def _heaviside(A: Any, x: Any, at_zero: Any) -> Any:
    return A.where(A.greater(x, 0), 1, A.where(A.less(x, 0), 0, at_zero))


def _dirac(A: Any, x: Any, *order: Any) -> Any:
    return A.where(A.equal(x, 0), math.inf, 0)


def _polygamma(A: Any, n: Any, x: Any) -> Any:
    return A.digamma(x) if isinstance(n, int) and n == 0 else A.polygamma(n, x)  # an order may be an input


COMPOSED: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "Max": _folded("maximum"), "Min": _folded("minimum"),
    "And": _folded("logical_and"), "Or": _folded("logical_or"),
    "Heaviside": _heaviside, "DiracDelta": _dirac, "polygamma": _polygamma,
    "re": lambda A, x: x, "conjugate": lambda A, x: x, "im": lambda A, x: 0 * x,
    "StrictLessThan": lambda A, a, b: A.less(a, b), "LessThan": lambda A, a, b: A.less_equal(a, b),
    "StrictGreaterThan": lambda A, a, b: A.greater(a, b),
    "GreaterThan": lambda A, a, b: A.greater_equal(a, b),
    "Equality": lambda A, a, b: A.equal(a, b),
    "Unequality": lambda A, a, b: A.not_equal(a, b),
    "sec": lambda A, x: 1 / A.cos(x), "csc": lambda A, x: 1 / A.sin(x),
    "cot": lambda A, x: 1 / A.tan(x),
    "sech": lambda A, x: 1 / A.cosh(x), "csch": lambda A, x: 1 / A.sinh(x),
    "coth": lambda A, x: 1 / A.tanh(x),
    "acot": lambda A, x: A.arctan(1 / x), "sinc": lambda A, x: A.sinc(A.divide(x, PI)),
    "lowergamma": lambda A, a, x: A.gammainc(a, x) * A.gamma(a),
    "uppergamma": lambda A, a, x: A.gammaincc(a, x) * A.gamma(a),
    "betainc_regularized": lambda A, a, b, x1, x2: A.betainc(a, b, x2) - A.betainc(a, b, x1),
    "Mod": lambda A, a, b: a - b * A.floor(a / b), "frac": lambda A, x: x - A.floor(x),
    "ITE": lambda A, c, a, b: A.where(c, a, b), "ExprCondPair": lambda A, x, c: x,
})  # fmt: skip
"""SymPy functions that are made of several rows, by the name of their class."""


@cache
def _rows_by_class() -> Mapping[str, Primitive]:
    """Return the rows by the name that SymPy gives the function: the column ``sympy`` of the table, read
    backwards.
    """
    import sympy

    named = {row.sympy: row for row in ROWS if isinstance(row.sympy, str)}
    return {getattr(sympy, name).__name__: row for name, row in named.items() if hasattr(sympy, name)}


def _apply(sp: Any, A: Any, expression: Any, xs: Sequence[Any]) -> Any:
    name = type(expression).__name__
    composed = COMPOSED.get(name)
    if composed is not None:
        return composed(A, *xs)
    row = _rows_by_class().get(name)
    if row is None or (row.arity is not None and len(xs) != row.arity):
        raise _unknown(expression)
    return A.apply(row, xs)
