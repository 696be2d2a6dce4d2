"""Rows that act on each element by itself, from arithmetic to activations and special functions.

A partial is a function of ``(A, y, x…)``: the algebra, the result, the operands. Literals are small
integers, so that exact carriers stay exact. Where a textbook formula loses digits (1 − tanh² for large x),
the row has one that does not.

How to read a row: name, value in NumPy, one partial per operand; then how it is written; then its value in
SymPy and in mpmath, which no partial may be derived from; then where it is smooth, where it is not, and how
accurate it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adlab.ir.constant import PI
from adlab.ir.primitive import Domain, Kink, Notation, Primitive
from adlab.primitives import infer
from adlab.primitives.notation import ATOM, COMPARE, NEGATIVE, POWER, PRODUCT, SUM, function, infix, wrapped
from adlab.primitives.rules import Elementwise, NoPartial, Partial, literal

INF, NAN = float("inf"), float("nan")


def row(name: str, numpy: Callable[..., Any] | str, *partials: Partial | None, **facts: Any) -> Primitive:
    """Return an elementwise row; what is not said is a function written by its own name."""
    facts.setdefault("infer", infer.real)
    facts.setdefault("notation", function(name))
    facts.setdefault("sympy", name)
    facts.setdefault("mpmath", facts["sympy"])
    arity = facts.pop("arity", len(partials))
    rule = facts.pop("rule", Elementwise(partials, facts.pop("textbook", ())))
    return Primitive(name, numpy=numpy, rule=rule, arity=arity, elementwise=True, **facts)


def over(low: float, high: float, text: str = "all real numbers", *samples: float) -> Domain:
    """Return the domain of a function of one operand: an interval, its words, special points."""
    return Domain(text, ((low, high),), tuple((x,) for x in samples))


def over2(first: tuple[float, float], second: tuple[float, float], text: str, *samples: Any) -> Domain:
    """Return the domain of a function of two operands: an interval each, its words, special points."""
    return Domain(text, (first, second), samples)


ALL = (-3.0, 3.0)
REAL = "all real numbers"
REAL2 = over2(ALL, ALL, REAL, (1e-12, 1e12), (-2.0, 0.0))


def zero(A: Any, y: Any, *xs: Any) -> int:
    """Return the partial of a piecewise constant function, which is 0 wherever it exists."""
    return 0


# ------------------------------------------------------------------------------------------------- arithmetic


def divide_ieee(a: Any, b: Any) -> Any:
    """Return a / b, with IEEE's infinities and NaN also for Python floats."""
    try:
        return a / b
    except ZeroDivisionError:
        return np.true_divide(a, b)


def power_by_base(A: Any, y: Any, x: Any, p: Any) -> Any:
    """Return ∂xᵖ/∂x = p·xᵖ⁻¹; at x = 0 with p = 0, where that says 0·∞, it is 0.

    Not the result is chosen but the base, x or 1: so the formula's own derivatives are right too, where p
    is 0.
    """
    base = A.where(A.equal(p, 0), A.where(A.equal(x, 0), literal(A, 1, x), x), x)
    return p * base ** (p - 1)


def power_by_exponent(A: Any, y: Any, x: Any, p: Any) -> Any:
    """Return ∂xᵖ/∂p = xᵖ·ln x, and 0 at x = 0 for p > 0, where the formula would say 0·(−∞)."""
    base = A.where(A.logical_and(A.equal(x, 0), A.greater(p, 0)), literal(A, 1, x), x)
    return y * A.log(base)


def part_of_hypot(A: Any, y: Any, a: Any) -> Any:
    """Return a/√(a² + b²), and 0 at the origin."""
    return A.where(A.equal(y, 0), literal(A, 0, y), a / y)


POWER_AT_0 = Kink(
    "x = 0",
    "∂/∂x is 0 for p > 1, 1 for p = 1, +∞ for 0 < p < 1, 0 for p = 0, −∞ for p < 0; "
    "∂/∂p is 0 for p > 0, else −∞",
    lambda A, x, p: x,
    (
        ((0.0, 3.0), (0.0, 0.0)),
        ((0.0, 2.0), (0.0, 0.0)),
        ((0.0, 1.5), (0.0, 0.0)),
        ((0.0, 1.0), (1.0, 0.0)),
        ((0.0, 0.5), (INF, 0.0)),
        ((0.0, 0.0), (0.0, -INF)),
        ((0.0, -1.0), (-INF, -INF)),
    ),
)

ARITHMETIC = (
    row("add", lambda a, b: a + b,         lambda A, y, a, b: 1,           lambda A, y, a, b: 1,
        notation=infix("+", "+", SUM, right=PRODUCT),   sympy=lambda sp, a, b: a + b,
        domain=REAL2, summary="sum of two"),
    row("subtract", lambda a, b: a - b,    lambda A, y, a, b: 1,           lambda A, y, a, b: -1,
        notation=infix("−", "-", SUM, right=PRODUCT),   sympy=lambda sp, a, b: a - b,
        domain=REAL2, summary="difference"),
    row("multiply", lambda a, b: a * b,    lambda A, y, a, b: b,           lambda A, y, a, b: a,
        notation=infix("·", r"\cdot", PRODUCT),         sympy=lambda sp, a, b: a * b,
        domain=REAL2, summary="product of two"),
    row("divide", divide_ieee,             lambda A, y, a, b: A.divide(1, b), lambda A, y, a, b: -(y / b),
        notation=Notation("{0}/{1}", r"\frac{{{0}}}{{{1}}}", PRODUCT, (PRODUCT, PRODUCT + 1)),
        sympy=lambda sp, a, b: a / b,
        domain=over2(ALL, (0.2, 3.0), "b ≠ 0", (1.0, -0.7), (0.0, 2.0), (1e-12, 1e12), (1e150, 1e-100)),
        summary="quotient"),
    row("negative", lambda a: -a,          lambda A, y, a: -1,
        notation=Notation("−{0}", "-{0}", NEGATIVE, (POWER,)), sympy=lambda sp, a: -a,
        aliases=("neg",), summary="−x"),
    row("power", np.power,                 power_by_base,                  power_by_exponent,
        notation=Notation("{0}^{1}", "{{{0}}}^{{{1}}}", POWER, (POWER + 1, ATOM)),
        sympy=lambda sp, x, p: x**p,
        domain=over2((0.1, 3.0), ALL, "x > 0, or any x with an integer p",
                     (-2.0, 3.0), (-2.0, 2.0), (-2.0, 1.0), (-2.0, 0.0), (-2.0, -3.0), (2.0, 0.0),
                     (1e-12, 0.5)),
        kinks=(POWER_AT_0,), operand_ulps=1.0,
        aliases=("pow",), summary="xᵖ; integer exponents are exact for negative bases"),
    row("square", np.square,               lambda A, y, x: 2 * x,
        notation=Notation("{0}²", "{{{0}}}^{{2}}", POWER, (POWER + 1,)), sympy=lambda sp, x: x**2,
        domain=over(-3.0, 3.0, REAL, 0.0, 1e-12, 1e12), summary="x²"),
    row("sqrt", np.sqrt,                   lambda A, y, x: 1 / (2 * y),
        notation=wrapped("sqrt", r"\sqrt{{{0}}}"),      domain=over(0.05, 9.0, "x ≥ 0", 1e-12, 1e300),
        kinks=(Kink("x = 0", "+∞, the limit from the right", lambda A, x: x, (((0.0,), (INF,)),)),),
        summary="square root"),
    row("cbrt", np.cbrt,                   lambda A, y, x: 1 / (3 * y**2),
        sympy=lambda sp, x: sp.sign(x) * sp.Abs(x) ** sp.Rational(1, 3),
        mpmath=lambda mp, x: mp.sign(x) * mp.cbrt(abs(x)),
        notation=wrapped("cbrt", r"\sqrt[3]{{{0}}}"),   domain=over(0.05, 9.0, REAL, -2.0, 1e-12, 1e300),
        kinks=(Kink("x = 0", "+∞, the limit from both sides", lambda A, x: x, (((0.0,), (INF,)),)),),
        summary="cube root, real for negative x"),
    row("reciprocal", np.reciprocal,       lambda A, y, x: -(y * y),
        notation=Notation("reciprocal({0})", r"\frac{{1}}{{{0}}}", ATOM, latex_level=PRODUCT),
        sympy=lambda sp, x: 1 / x,                      domain=over(0.2, 3.0, "x ≠ 0", -0.5, 1e-12, 1e12),
        summary="1/x"),
    row("absolute", np.absolute,           lambda A, y, x: A.sign(x),
        sympy="Abs", mpmath=lambda mp, x: abs(x),
        notation=wrapped("abs", r"\left|{0}\right|"),   domain=over(0.1, 3.0, REAL, -1.5, 1e-12),
        kinks=(Kink("x = 0", "0, the middle of −1 and 1", lambda A, x: x, (((0.0,), (0.0,)),)),),
        aliases=("abs", "fabs"), summary="|x|"),
    row("sign", np.sign,                   zero,
        domain=over(0.1, 3.0, REAL, -1.5),
        kinks=(Kink("x = 0", "0, as everywhere else; the function jumps there", lambda A, x: x,
                    (((0.0,), (0.0,)),)),),
        summary="−1, 0 or 1"),
    row("hypot", np.hypot,                 lambda A, y, a, b: part_of_hypot(A, y, a),
                                           lambda A, y, a, b: part_of_hypot(A, y, b),
        notation=wrapped("hypot", r"\left\lVert\left({*}\right)\right\rVert"),
        sympy=lambda sp, a, b: sp.sqrt(a**2 + b**2), mpmath="hypot",
        domain=over2((0.1, 3.0), ALL, REAL, (-1.0, 2.0), (1e200, 1e200), (1e-200, 3e-200), (1.0, 1e12)),
        kinks=(Kink("a = b = 0", "0, the subgradient of least norm", lambda A, a, b: A.hypot(a, b),
                    (((0.0, 0.0), (0.0, 0.0)),)),),
        summary="√(a² + b²) without overflow"),
)  # fmt: skip

# -------------------------------------------------------------------------------- exponentials and logarithms

EXPONENTIAL = (
    row("exp", np.exp,             lambda A, y, x: y,
        notation=Notation("exp({0})", r"e^{{{0}}}", ATOM, latex_level=POWER),
        domain=over(-3.0, 3.0, REAL, 1e-12, 700.0, -700.0), summary="eˣ"),
    row("expm1", np.expm1,         lambda A, y, x: A.exp(x),
        sympy=lambda sp, x: sp.exp(x) - 1,           mpmath="expm1",
        domain=over(-3.0, 3.0, REAL, 1e-12, -40.0), summary="eˣ − 1, exact near 0"),
    row("exp2", np.exp2,           lambda A, y, x: y * A.log(literal(A, 2, x)),
        sympy=lambda sp, x: 2**x,                    mpmath=lambda mp, x: mp.mpf(2) ** x,
        notation=Notation("exp2({0})", "2^{{{0}}}", ATOM, latex_level=POWER),
        domain=over(-3.0, 3.0, REAL, 1e-12, 1000.0, -1000.0), summary="2ˣ"),
    row("log", np.log,             lambda A, y, x: 1 / x,
        notation=function("ln", r"\ln"),
        domain=over(0.05, 9.0, "x > 0", 1e-300, 1e300, 1 + 1e-12),
        aliases=("ln",), summary="natural logarithm"),
    row("log1p", np.log1p,         lambda A, y, x: 1 / (1 + x),
        sympy=lambda sp, x: sp.log(1 + x),           mpmath="log1p",
        domain=over(-0.9, 3.0, "x > −1", 1e-12, 1e300, -1 + 1e-9), summary="ln(1 + x), exact near 0"),
    row("log2", np.log2,           lambda A, y, x: 1 / (x * A.log(literal(A, 2, x))),
        sympy=lambda sp, x: sp.log(x) / sp.log(2),   mpmath=lambda mp, x: mp.log(x) / mp.log(2),
        notation=function("log2", r"\log_2"),        domain=over(0.05, 9.0, "x > 0", 1e-300, 1e300),
        summary="logarithm to base 2"),
    row("log10", np.log10,         lambda A, y, x: 1 / (x * A.log(literal(A, 10, x))),
        sympy=lambda sp, x: sp.log(x) / sp.log(10),  mpmath="log10",
        notation=function("log10", r"\log_{{10}}"),  domain=over(0.05, 9.0, "x > 0", 1e-300, 1e300),
        summary="logarithm to base 10"),
    row("logaddexp", np.logaddexp, lambda A, y, a, b: A.sigmoid(a - b), lambda A, y, a, b: A.sigmoid(b - a),
        sympy=lambda sp, a, b: sp.log(sp.exp(a) + sp.exp(b)),
        mpmath=lambda mp, a, b: mp.log(mp.exp(a) + mp.exp(b)),
        domain=over2(ALL, ALL, REAL, (40.0, 0.0), (0.0, 40.0), (1000.0, 1000.5), (-1000.0, -1001.0)),
        operand_ulps=1.0, summary="ln(eᵃ + eᵇ) without overflow"),
)  # fmt: skip

# ------------------------------------------------------------------------------------- circles and hyperbolas

TRIGONOMETRIC = (
    row("sin", np.sin,         lambda A, y, x: A.cos(x),
        notation=function("sin", r"\sin"),       domain=over(-3.0, 3.0, REAL, 1e-12, 1e6),
        summary="sine, x in radians"),
    row("cos", np.cos,         lambda A, y, x: -A.sin(x),
        notation=function("cos", r"\cos"),       domain=over(-3.0, 3.0, REAL, 1e-12, 1e6),
        summary="cosine, x in radians"),
    row("tan", np.tan,         lambda A, y, x: 1 + y**2,
        notation=function("tan", r"\tan"),       domain=over(-1.4, 1.4, "cos x ≠ 0", 1e-12, 1.57, 100.0),
        summary="tangent, x in radians"),
    row("arcsin", np.arcsin,   lambda A, y, x: 1 / A.sqrt((1 - x) * (1 + x)),           sympy="asin",
        notation=function("arcsin", r"\arcsin"),
        domain=over(-0.95, 0.95, "−1 ≤ x ≤ 1", 1e-12, 1 - 2.0**-40, -1 + 2.0**-40),
        kinks=(Kink("x = ±1", "+∞", lambda A, x: 1 - abs(x), (((1.0,), (INF,)), ((-1.0,), (INF,)))),),
        aliases=("asin",), summary="inverse sine"),
    row("arccos", np.arccos,   lambda A, y, x: -1 / A.sqrt((1 - x) * (1 + x)),          sympy="acos",
        notation=function("arccos", r"\arccos"),
        domain=over(-0.95, 0.95, "−1 ≤ x ≤ 1", 1e-12, 1 - 2.0**-40, -1 + 2.0**-40),
        kinks=(Kink("x = ±1", "−∞", lambda A, x: 1 - abs(x), (((1.0,), (-INF,)), ((-1.0,), (-INF,)))),),
        aliases=("acos",), summary="inverse cosine"),
    row("arctan", np.arctan,   lambda A, y, x: 1 / (1 + x**2),                          sympy="atan",
        domain=over(-3.0, 3.0, REAL, 1e-12, 1e12), notation=function("arctan", r"\arctan"),
        aliases=("atan",), summary="inverse tangent"),
    row("arctan2", np.arctan2, lambda A, y, a, b: b / A.hypot(a, b) / A.hypot(a, b),
                               lambda A, y, a, b: -a / A.hypot(a, b) / A.hypot(a, b),   sympy="atan2",
        domain=over2((0.2, 3.0), ALL, "not both 0", (-1.0, 2.0), (1.0, 0.0), (-1.0, -2.0), (1e200, 1e200),
                     (1e-200, 3e-200)),
        kinks=(Kink("a = 0 with b ≤ 0",
                    "the rule of both sides, though the function jumps by 2π; NaN at a = b = 0",
                    lambda A, a, b: A.where(A.greater(b, 0), A.hypot(a, b), a),
                    (((0.0, -1.0), (-1.0, 0.0)), ((0.0, 0.0), (NAN, NAN)))),),
        aliases=("atan2",), summary="angle of the point (b, a)"),
    row("sinh", np.sinh,       lambda A, y, x: A.cosh(x),
        notation=function("sinh", r"\sinh"),     domain=over(-3.0, 3.0, REAL, 1e-12, 40.0, -40.0),
        summary="hyperbolic sine"),
    row("cosh", np.cosh,       lambda A, y, x: A.sinh(x),
        notation=function("cosh", r"\cosh"),     domain=over(-3.0, 3.0, REAL, 1e-12, 40.0, -40.0),
        summary="hyperbolic cosine"),
    row("tanh", np.tanh,       lambda A, y, x: 4 * A.sigmoid(2 * x) * A.sigmoid(-2 * x),
        textbook=(lambda A, y, x: 1 - y**2,),    notation=function("tanh", r"\tanh"),
        domain=over(-3.0, 3.0, REAL, 1e-12, 20.0, -20.0, 40.0, -40.0, 350.0),
        summary="hyperbolic tangent; 4σ(2x)σ(−2x) is 1 − tanh² that keeps its digits for large |x|"),
    row("arcsinh", np.arcsinh, lambda A, y, x: 1 / A.hypot(1, x),                        sympy="asinh",
        domain=over(-3.0, 3.0, REAL, 1e-12, 1e200),
        aliases=("asinh",), summary="inverse hyperbolic sine"),
    row("arccosh", np.arccosh, lambda A, y, x: 1 / (A.sqrt(x - 1) * A.sqrt(x + 1)),     sympy="acosh",
        domain=over(1.1, 5.0, "x ≥ 1", 1 + 2.0**-40, 1e200),
        kinks=(Kink("x = 1", "+∞", lambda A, x: x - 1, (((1.0,), (INF,)),)),),
        aliases=("acosh",), summary="inverse hyperbolic cosine"),
    row("arctanh", np.arctanh, lambda A, y, x: 1 / ((1 - x) * (1 + x)),                 sympy="atanh",
        domain=over(-0.9, 0.9, "−1 < x < 1", 1e-12, 1 - 2.0**-40, -1 + 2.0**-40),
        aliases=("atanh",), summary="inverse hyperbolic tangent"),
)  # fmt: skip

# ------------------------------------------------------------------------------------------------ activations


def sigmoid_ieee(x: Any) -> Any:
    """Return 1/(1 + e⁻ˣ) without overflow: e^(−|x|) only ever shrinks."""
    shrunk = np.exp(-np.abs(x))
    return np.where(np.less(x, 0), shrunk, 1) / (1 + shrunk)


def softplus_ieee(x: Any) -> Any:
    """Return ln(1 + eˣ) without overflow."""
    return np.logaddexp(x, np.zeros_like(x))


def relu_ieee(x: Any) -> Any:
    """Return max(x, 0); NaN stays NaN."""
    return np.maximum(x, np.zeros_like(x))


def select(condition: Any, first: Any, second: Any) -> Any:
    """Return np.where, a scalar where all three are scalars."""
    return np.where(condition, first, second)[()]


def leaky_ieee(x: Any, slope: Any) -> Any:
    """Return x for x ≥ 0, slope·x otherwise."""
    return select(np.greater_equal(x, 0), x, slope * x)


def elu_ieee(x: Any, alpha: Any) -> Any:
    """Return x for x ≥ 0, α(eˣ − 1) otherwise."""
    return select(np.greater_equal(x, 0), x, alpha * np.expm1(np.minimum(x, np.zeros_like(x))))


def one_sided(A: Any, x: Any, right: Any, left: Any) -> Any:
    """Return ``right`` for x ≥ 0 and ``left`` below: the lectures' convention at 0."""
    return A.where(A.greater_equal(x, 0), right, left)


def indicator(A: Any, condition: Any, like: Any) -> Any:
    """Return 1 where the condition holds and 0 elsewhere, in the dtype of ``like``."""
    return A.where(condition, literal(A, 1, like), literal(A, 0, like))


def _piecewise(sp: Any, x: Any, right: Any, left: Any) -> Any:
    return sp.Piecewise((right, x >= 0), (left, True))


def ramp(*others: float) -> tuple[Kink]:
    """Return the kink of the rectifiers; ``others`` stand for their second operand."""
    convention = "the derivative from the right, 1: the convention of the lectures"
    at_0 = ((0.0, *others), (1.0, *[0.0 for _ in others]))
    return (Kink("x = 0", convention, lambda A, x, *rest: x, (at_0,)),)


ACTIVATION = (
    row("sigmoid", sigmoid_ieee,   lambda A, y, x: y * A.sigmoid(-x),
        sympy=lambda sp, x: 1 / (1 + sp.exp(-x)),     mpmath=lambda mp, x: 1 / (1 + mp.exp(-x)),
        domain=over(-3.0, 3.0, REAL, 1e-12, 20.0, -20.0, 40.0, -40.0, 700.0, -700.0),
        textbook=(lambda A, y, x: y * (1 - y),),  notation=function("sigmoid", r"\sigma"), aliases=("expit",),
        summary="1/(1 + e⁻ˣ); y·sigmoid(−x) is y(1 − y) that keeps its digits for large x"),
    row("softplus", softplus_ieee, lambda A, y, x: A.sigmoid(x),
        sympy=lambda sp, x: sp.log(1 + sp.exp(x)),    mpmath=lambda mp, x: mp.log1p(mp.exp(x)),
        domain=over(-3.0, 3.0, REAL, 1e-12, 20.0, -20.0, 40.0, -40.0, 1000.0, -700.0),
        summary="ln(1 + eˣ)"),
    row("relu", relu_ieee,         lambda A, y, x: indicator(A, A.greater_equal(x, 0), x),
        sympy=lambda sp, x: _piecewise(sp, x, x, 0),  mpmath=lambda mp, x: x if x != x or x >= 0 else x * 0,
        domain=over(0.1, 3.0, REAL, -1.5, 1000.0), kinks=ramp(),
        notation=function("relu", r"\operatorname{{ReLU}}"), summary="max(0, x)"),
    row("leaky_relu", leaky_ieee,  lambda A, y, x, a: one_sided(A, x, literal(A, 1, x), a),
                                   lambda A, y, x, a: one_sided(A, x, literal(A, 0, x), x),
        sympy=lambda sp, x, a: _piecewise(sp, x, x, a * x), mpmath=lambda mp, x, a: x if x >= 0 else a * x,
        domain=over2((0.1, 3.0), (0.01, 0.5), REAL, (-1.5, 0.1), (1000.0, 0.1)), kinks=ramp(0.01),
        defaults=(0.01,), summary="x for x ≥ 0, a·x below"),
    row("prelu", leaky_ieee,       lambda A, y, x, a: one_sided(A, x, literal(A, 1, x), a),
                                   lambda A, y, x, a: one_sided(A, x, literal(A, 0, x), x),
        sympy=lambda sp, x, a: _piecewise(sp, x, x, a * x), mpmath=lambda mp, x, a: x if x >= 0 else a * x,
        domain=over2((0.1, 3.0), (0.01, 0.5), REAL, (-1.5, 0.1), (1000.0, 0.1)), kinks=ramp(0.01),
        summary="x for x ≥ 0, a·x below with a learned a: the parametrised ReLU"),
    row("elu", elu_ieee,
        lambda A, y, x, a: one_sided(A, x, literal(A, 1, x), a * A.exp(A.minimum(x, 0))),
        lambda A, y, x, a: one_sided(A, x, literal(A, 0, x), A.expm1(A.minimum(x, 0))),
        sympy=lambda sp, x, a: _piecewise(sp, x, x, a * (sp.exp(x) - 1)),
        mpmath=lambda mp, x, a: x if x >= 0 else a * mp.expm1(x),
        domain=over2((0.1, 3.0), (0.5, 2.0), REAL, (-1.5, 1.0), (-1e-12, 1.0), (-40.0, 1.5), (1000.0, 1.5)),
        kinks=ramp(1.0),
        defaults=(1.0,), summary="x for x ≥ 0, a(eˣ − 1) below"),
)  # fmt: skip

# ----------------------------------------------------------------------------------------------------- choice


def tie(A: Any, won: Any, tied: Any, like: Any) -> Any:
    """Return 1 for the winner, ½ on a tie, 0 for the loser."""
    one, none = literal(A, 1, like), literal(A, 0, like)
    return A.where(won, one, A.where(tied, one / 2, none))


TIE = (Kink("a = b", "½ each", lambda A, a, b: a - b, (((1.5, 1.5), (0.5, 0.5)), ((0.0, -0.0), (0.5, 0.5)))),)
APART = over2((0.1, 3.0), (-3.0, 0.0), REAL, (-1.5, 1.0))
TRUTHS = over2((False, True), (False, True), "True and False")


def _comparison(name: str, numpy: Any, symbol: str, latex: str, sympy: str, python: Any) -> Primitive:
    return row(
        name,
        numpy,
        infer=infer.logical,
        rule=None,
        arity=2,
        notation=infix(symbol, latex, COMPARE, right=COMPARE + 1),
        sympy=lambda sp, a, b: getattr(sp, sympy)(a, b),
        mpmath=lambda mp, a, b: python(a, b),
        domain=APART,
        summary=f"whether a {symbol} b",
    )


def _logical(name: str, numpy: Any, sympy: str, python: Any, arity: int, summary: str) -> Primitive:
    return row(
        name,
        numpy,
        infer=infer.logical,
        rule=None,
        arity=arity,
        sympy=sympy,
        mpmath=lambda mp, *xs: python(*xs),
        domain=Domain("True and False", ((False, True),) * arity),
        summary=summary,
    )


CHOICE = (
    _comparison("less",          np.less,          "<",  "<",    "Lt", lambda a, b: a < b),
    _comparison("less_equal",    np.less_equal,    "≤",  r"\le", "Le", lambda a, b: a <= b),
    _comparison("greater",       np.greater,       ">",  ">",    "Gt", lambda a, b: a > b),
    _comparison("greater_equal", np.greater_equal, "≥",  r"\ge", "Ge", lambda a, b: a >= b),
    _comparison("equal",         np.equal,         "==", "=",    "Eq", lambda a, b: a == b),
    _comparison("not_equal",     np.not_equal,     "≠",  r"\ne", "Ne", lambda a, b: a != b),
    _logical("logical_and", np.logical_and, "And", lambda a, b: bool(a and b), 2, "both"),
    _logical("logical_or",  np.logical_or,  "Or",  lambda a, b: bool(a or b),  2, "either"),
    _logical("logical_not", np.logical_not, "Not", lambda a: not a,            1, "not"),
    row("where", select, None,   lambda A, y, c, a, b: indicator(A, c, a),
                                 lambda A, y, c, a, b: indicator(A, A.logical_not(c), b),
        sympy=lambda sp, c, a, b: sp.Piecewise((a, c), (b, True)), mpmath=lambda mp, c, a, b: a if c else b,
        infer=infer.selected,
        domain=Domain(REAL, ((False, True), ALL, ALL), ((True, 1.5, -2.0), (False, 1.5, -2.0))),
        summary="a where c holds, b elsewhere"),
    row("maximum", np.maximum,   lambda A, y, a, b: tie(A, A.greater(a, b), A.equal(a, b), y),
                                 lambda A, y, a, b: tie(A, A.greater(b, a), A.equal(a, b), y),
        sympy="Max", mpmath=lambda mp, a, b: a if a != a or a >= b else b,
        notation=function("maximum", r"\max"), domain=APART, kinks=TIE, summary="the larger of two"),
    row("minimum", np.minimum,   lambda A, y, a, b: tie(A, A.less(a, b), A.equal(a, b), y),
                                 lambda A, y, a, b: tie(A, A.less(b, a), A.equal(a, b), y),
        sympy="Min", mpmath=lambda mp, a, b: a if a != a or a <= b else b,
        notation=function("minimum", r"\min"), domain=APART, kinks=TIE, summary="the smaller of two"),
    row("clip", np.clip,
        lambda A, y, x, a, b: indicator(A, A.logical_and(A.less_equal(a, x), A.less_equal(x, b)), y),
        lambda A, y, x, a, b: indicator(A, A.less(x, a), y),
        lambda A, y, x, a, b: indicator(A, A.greater(x, b), y),
        sympy=lambda sp, x, a, b: sp.Min(sp.Max(x, a), b),
        mpmath=lambda mp, x, a, b: a if x < a else b if x > b else x,
        domain=Domain("a ≤ b", ((-0.9, 0.9), (-2.0, -1.0), (1.0, 2.0)),
                      ((-3.0, -1.0, 1.0), (3.0, -1.0, 1.0))),
        kinks=(Kink("x = a or x = b", "1: the bounds belong to the inside",
                    lambda A, x, a, b: A.minimum(A.absolute(x - a), A.absolute(x - b)),
                    (((-1.0, -1.0, 1.0), (1.0, 0.0, 0.0)), ((1.0, -1.0, 1.0), (1.0, 0.0, 0.0)))),),
        summary="x kept between a and b"),
)  # fmt: skip

# --------------------------------------------------------------------------------------------------- rounding


def jump(distance: Callable[..., Any], *places: float) -> tuple[Kink]:
    """Return the kink of a step function, with a few of the places where it jumps."""
    cases = tuple(((x,), (0.0,)) for x in places)
    return (Kink("where the function jumps", "0, as everywhere else", distance, cases),)


def _half_even(sp: Any, x: Any) -> Any:
    return sp.floor((2 * x + 1) / 4) + sp.ceiling((2 * x - 1) / 4)  # the two move at odd and at even halves


INTEGERS = jump(lambda A, x: x - A.round(x), 0.0, 1.0, -2.0)
HALVES = jump(lambda A, x: (1 - 2 * (x - A.floor(x))) / 2, 0.5, 1.5, -2.5)

ROUNDING = (
    row("floor", np.floor, zero, domain=over(0.1, 0.9, REAL, -1.3, 2.6), kinks=INTEGERS,
        notation=wrapped("floor", r"\left\lfloor {0} \right\rfloor"), summary="largest integer ≤ x"),
    row("ceil",  np.ceil,  zero, domain=over(0.1, 0.9, REAL, -1.3, 2.6), kinks=INTEGERS,
        sympy="ceiling",  mpmath="ceil",
        notation=wrapped("ceil", r"\left\lceil {0} \right\rceil"),    summary="smallest integer ≥ x"),
    row("round", np.rint,  zero, domain=over(0.1, 0.4, REAL, -1.3, 2.6), kinks=HALVES,
        sympy=_half_even, mpmath="nint",
        aliases=("rint",), summary="nearest integer, ties to even"),
)  # fmt: skip

# ------------------------------------------------------------------------------------------ special functions


def polygamma_scipy(n: Any, x: Any) -> Any:
    """Return SciPy's polygamma in the dtype of the operands (SciPy's own is always float64)."""
    from scipy.special import polygamma

    return polygamma(n, x).astype(np.result_type(n, x))[()]


NO_POLE = "x not in 0, −1, −2, …"

SPECIAL = (
    row("erf", "scipy.special:erf",         lambda A, y, x: 2 * A.exp(-(x**2)) / A.sqrt(literal(A, PI, x)),
        domain=over(-3.0, 3.0, REAL, 1e-12, 6.0, -20.0), operand_ulps=1.0, summary="error function"),
    row("gammaln", "scipy.special:gammaln", lambda A, y, x: A.digamma(x),
        sympy="loggamma", mpmath=lambda mp, x: mp.log(abs(mp.gamma(x))),
        notation=function("gammaln", r"\ln\Gamma"),
        domain=over(0.2, 9.0, NO_POLE, -0.5, 1e-12, 1e12), aliases=("lgamma",),
        operand_ulps=4.0, summary="ln|Γ(x)|, in float64 as exact as SciPy is near its zeros 1 and 2"),
    row("digamma", "scipy.special:digamma", lambda A, y, x: A.polygamma(1, x),
        notation=function("digamma", r"\psi"),
        domain=over(0.2, 9.0, NO_POLE, -0.5, 1e-12, 1e12), aliases=("psi",), summary="derivative of ln Γ"),
    row("polygamma", polygamma_scipy, NoPartial("its order"), lambda A, y, n, x: A.polygamma(n + 1, x),
        mpmath=lambda mp, n, x: mp.psi(int(n), x),
        notation=wrapped("polygamma", r"\psi^{{\left({0}\right)}}\left({1}\right)"),
        domain=over2((1, 4), (0.2, 9.0), f"{NO_POLE}; n = 1, 2, …"),
        ulps=8.0, summary="n-th derivative of digamma"),
)  # fmt: skip

ELEMENTWISE = ARITHMETIC + EXPONENTIAL + TRIGONOMETRIC + ACTIVATION + CHOICE + ROUNDING + SPECIAL
