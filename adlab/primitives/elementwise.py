"""Rows that act on each element by itself: arithmetic, powers, exponentials, trigonometry, activations, special functions.

A partial is a function of ``(A, y, x…)``: the algebra, the result, the operands. Literals are small integers, so that exact
carriers stay exact. Where a textbook formula loses digits (1 − tanh² for large x), the row has one that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adlab.ir.constant import PI, Constant
from adlab.ir.primitive import Domain, Kink, Notation, Primitive
from adlab.ir.types import SCALAR
from adlab.primitives import infer
from adlab.primitives.notation import ATOM, COMPARE, NEGATIVE, POWER, PRODUCT, SUM, function, infix, wrapped
from adlab.primitives.rules import Elementwise, Partial

INF = float("inf")


def row(name: str, numpy: Callable[..., Any] | str, *partials: Partial | None, **facts: Any) -> Primitive:
    """Return an elementwise row; what is not said is a function written by its own name."""
    facts.setdefault("infer", infer.real)
    facts.setdefault("notation", function(name))
    facts.setdefault("sympy", name)
    facts.setdefault("mpmath", facts["sympy"])
    arity = facts.pop("arity", len(partials))
    rule = facts.pop("rule", Elementwise(partials))
    return Primitive(name, numpy=numpy, rule=rule, arity=arity, elementwise=True, **facts)


def over(low: float, high: float, text: str, *samples: tuple[float, ...], others: int = 0) -> Domain:
    """Return a domain: an interval for the first operand, all numbers for ``others`` more, special points."""
    return Domain(text, ((low, high), *[(-3.0, 3.0)] * others), samples)


REAL2 = Domain(intervals=((-3.0, 3.0), (-3.0, 3.0)))


def zero(A: Any, y: Any, *xs: Any) -> int:
    """Return the partial of a piecewise constant function, which is 0 wherever it exists."""
    return 0


# ---------------------------------------------------------------------------------------------------- arithmetic


def divide_ieee(a: Any, b: Any) -> Any:
    """Return a / b, with IEEE's infinities and NaN also for Python floats."""
    try:
        return a / b
    except ZeroDivisionError:
        return np.true_divide(a, b)


def power_by_base(A: Any, y: Any, x: Any, p: Any) -> Any:
    """Return ∂xᵖ/∂x = p·xᵖ⁻¹, and 0 for p = 0, where the formula would say 0·∞ at x = 0."""
    return A.where(A.equal(p, 0), 0, p * x ** (p - 1))


def power_by_exponent(A: Any, y: Any, x: Any, p: Any) -> Any:
    """Return ∂xᵖ/∂p = xᵖ·ln x, and 0 at x = 0 for p > 0, where the formula would say 0·(−∞)."""
    safe = A.where(A.logical_and(A.equal(x, 0), A.greater(p, 0)), 1, x)
    return y * A.log(safe)


ARITHMETIC = (
    row("add", lambda a, b: a + b, lambda A, y, a, b: 1, lambda A, y, a, b: 1,
        notation=infix("+", "+", SUM, right=PRODUCT), sympy=lambda sp, a, b: a + b, domain=REAL2, summary="sum of two"),
    row("subtract", lambda a, b: a - b, lambda A, y, a, b: 1, lambda A, y, a, b: -1,
        notation=infix("−", "-", SUM, right=PRODUCT), sympy=lambda sp, a, b: a - b, domain=REAL2, summary="difference"),
    row("multiply", lambda a, b: a * b, lambda A, y, a, b: b, lambda A, y, a, b: a,
        notation=infix("·", r"\cdot", PRODUCT), sympy=lambda sp, a, b: a * b, domain=REAL2, summary="product of two"),
    row("divide", divide_ieee, lambda A, y, a, b: 1 / b, lambda A, y, a, b: -(y / b),
        notation=Notation("{0}/{1}", r"\frac{{{0}}}{{{1}}}", PRODUCT, (PRODUCT, PRODUCT + 1)),
        sympy=lambda sp, a, b: a / b, summary="quotient",
        domain=Domain("b ≠ 0", ((-3.0, 3.0), (0.2, 3.0)), ((1.0, -0.7), (0.0, 2.0)))),
    row("negative", lambda a: -a, lambda A, y, a: -1,
        notation=Notation("−{0}", "-{0}", NEGATIVE, (POWER,)), sympy=lambda sp, a: -a, aliases=("neg",), summary="−x"),
    row("power", np.power, power_by_base, power_by_exponent,
        notation=Notation("{0}^{1}", "{{{0}}}^{{{1}}}", POWER, (POWER + 1, ATOM)),
        sympy=lambda sp, x, p: x**p, domain=Domain("x > 0, or any x with an integer p", ((0.1, 3.0), (-3.0, 3.0)),
            ((-2.0, 3.0), (-2.0, 2.0), (-2.0, -3.0), (0.0, 2.0), (0.0, 1.0), (0.0, 3.0))),
        kinks=(Kink("x = 0 with p ≤ 1", "∂/∂x is 0 for p > 1, 1 for p = 1, +∞ for 0 < p < 1, 0 for p = 0, −∞ for p < 0"),),
        aliases=("pow",), summary="xᵖ; integer exponents are exact for negative bases"),
    row("square", np.square, lambda A, y, x: 2 * x, notation=Notation("{0}²", "{{{0}}}^{{2}}", POWER, (POWER + 1,)), sympy=lambda sp, x: x**2, summary="x²"),
    row("sqrt", np.sqrt, lambda A, y, x: 1 / (2 * y), notation=wrapped("sqrt", r"\sqrt{{{0}}}"),
        domain=over(0.05, 9.0, "x ≥ 0"), kinks=(Kink("x = 0", "+∞, the limit from the right"),), summary="square root"),
    row("cbrt", np.cbrt, lambda A, y, x: 1 / (3 * y**2), notation=wrapped("cbrt", r"\sqrt[3]{{{0}}}"),
        sympy=lambda sp, x: sp.sign(x) * sp.Abs(x) ** sp.Rational(1, 3), mpmath=lambda mp, x: mp.sign(x) * mp.cbrt(abs(x)),
        domain=over(0.05, 9.0, "all real numbers", (-2.0,)), kinks=(Kink("x = 0", "+∞, the limit from both sides"),),
        summary="cube root, real for negative x"),
    row("reciprocal", np.reciprocal, lambda A, y, x: -(y * y), sympy=lambda sp, x: 1 / x,
        domain=over(0.2, 3.0, "x ≠ 0", (-0.5,)), summary="1/x"),
    row("absolute", np.absolute, lambda A, y, x: A.sign(x), notation=wrapped("abs", r"\left|{0}\right|"),
        sympy="Abs", mpmath=lambda mp, x: abs(x), domain=over(0.1, 3.0, "all real numbers", (-1.5,)), aliases=("abs", "fabs"),
        kinks=(Kink("x = 0", "0, the middle of −1 and 1", lambda A, x: x),), summary="|x|"),
    row("sign", np.sign, zero, domain=over(0.1, 3.0, "all real numbers", (-1.5,)),
        kinks=(Kink("x = 0", "0, as everywhere else; the function jumps there", lambda A, x: x),), summary="−1, 0 or 1"),
    row("hypot", np.hypot, lambda A, y, a, b: A.where(A.equal(y, 0), 0, a / y), lambda A, y, a, b: A.where(A.equal(y, 0), 0, b / y),
        notation=Notation("hypot({0}, {1})", r"\sqrt{{{{{0}}}^2 + {{{1}}}^2}}", ATOM),
        sympy=lambda sp, a, b: sp.sqrt(a**2 + b**2), mpmath="hypot",
        domain=Domain("all real numbers", ((0.1, 3.0), (-3.0, 3.0)), ((-1.0, 2.0),)),
        kinks=(Kink("a = b = 0", "0, the subgradient of least norm"),), summary="√(a² + b²) without overflow"),
)  # fmt: skip

# ------------------------------------------------------------------------------------- exponentials and logarithms

EXPONENTIAL = (
    row("exp", np.exp, lambda A, y, x: y, notation=Notation("exp({0})", r"e^{{{0}}}", ATOM, latex_level=POWER), summary="eˣ"),
    row("expm1", np.expm1, lambda A, y, x: A.exp(x), sympy=lambda sp, x: sp.exp(x) - 1, mpmath="expm1",
        domain=over(-3.0, 3.0, "all real numbers", (1e-12,)), summary="eˣ − 1, exact near 0"),
    row("exp2", np.exp2, lambda A, y, x: y * A.log(2), notation=Notation("exp2({0})", "2^{{{0}}}", ATOM, latex_level=POWER),
        sympy=lambda sp, x: 2**x, mpmath=lambda mp, x: mp.mpf(2) ** x, summary="2ˣ"),
    row("log", np.log, lambda A, y, x: 1 / x, notation=function("ln", r"\ln"), aliases=("ln",),
        domain=over(0.05, 9.0, "x > 0"), summary="natural logarithm"),
    row("log1p", np.log1p, lambda A, y, x: 1 / (1 + x), sympy=lambda sp, x: sp.log(1 + x), mpmath="log1p",
        domain=over(-0.9, 3.0, "x > −1", (1e-12,)), summary="ln(1 + x), exact near 0"),
    row("log2", np.log2, lambda A, y, x: 1 / (x * A.log(2)), notation=function("log2", r"\log_2"),
        sympy=lambda sp, x: sp.log(x) / sp.log(2), mpmath=lambda mp, x: mp.log(x) / mp.log(2),
        domain=over(0.05, 9.0, "x > 0"), summary="logarithm to base 2"),
    row("log10", np.log10, lambda A, y, x: 1 / (x * A.log(10)), notation=function("log10", r"\log_{{10}}"),
        sympy=lambda sp, x: sp.log(x) / sp.log(10), mpmath="log10", domain=over(0.05, 9.0, "x > 0"), summary="logarithm to base 10"),
    row("logaddexp", np.logaddexp, lambda A, y, a, b: A.sigmoid(a - b), lambda A, y, a, b: A.sigmoid(b - a),
        sympy=lambda sp, a, b: sp.log(sp.exp(a) + sp.exp(b)), mpmath=lambda mp, a, b: mp.log(mp.exp(a) + mp.exp(b)),
        domain=REAL2, summary="ln(eᵃ + eᵇ) without overflow"),
)  # fmt: skip

# ------------------------------------------------------------------------------------- circles and hyperbolas

TRIGONOMETRIC = (
    row("sin", np.sin, lambda A, y, x: A.cos(x), notation=function("sin", r"\sin"), summary="sine, x in radians"),
    row("cos", np.cos, lambda A, y, x: -A.sin(x), notation=function("cos", r"\cos"), summary="cosine, x in radians"),
    row("tan", np.tan, lambda A, y, x: 1 + y**2, notation=function("tan", r"\tan"),
        domain=over(-1.4, 1.4, "cos x ≠ 0"), summary="tangent, x in radians"),
    row("arcsin", np.arcsin, lambda A, y, x: 1 / A.sqrt((1 - x) * (1 + x)), notation=function("arcsin", r"\arcsin"),
        sympy="asin", domain=over(-0.95, 0.95, "−1 ≤ x ≤ 1"), aliases=("asin",),
        kinks=(Kink("x = ±1", "+∞"),), summary="inverse sine"),
    row("arccos", np.arccos, lambda A, y, x: -1 / A.sqrt((1 - x) * (1 + x)), notation=function("arccos", r"\arccos"),
        sympy="acos", domain=over(-0.95, 0.95, "−1 ≤ x ≤ 1"), aliases=("acos",),
        kinks=(Kink("x = ±1", "−∞"),), summary="inverse cosine"),
    row("arctan", np.arctan, lambda A, y, x: 1 / (1 + x**2), notation=function("arctan", r"\arctan"),
        sympy="atan", aliases=("atan",), summary="inverse tangent"),
    row("arctan2", np.arctan2, lambda A, y, a, b: b / (a**2 + b**2), lambda A, y, a, b: -a / (a**2 + b**2),
        sympy="atan2", aliases=("atan2",), summary="angle of the point (b, a)",
        domain=Domain("not both 0", ((0.2, 3.0), (-3.0, 3.0)), ((-1.0, 2.0), (1.0, 0.0), (-1.0, -2.0))),
        kinks=(Kink("a = 0 with b < 0", "the rule of both sides; the function jumps by 2π there"),)),
    row("sinh", np.sinh, lambda A, y, x: A.cosh(x), notation=function("sinh", r"\sinh"), summary="hyperbolic sine"),
    row("cosh", np.cosh, lambda A, y, x: A.sinh(x), notation=function("cosh", r"\cosh"), summary="hyperbolic cosine"),
    row("tanh", np.tanh, lambda A, y, x: 1 / A.cosh(x) ** 2, notation=function("tanh", r"\tanh"),
        summary="hyperbolic tangent; 1/cosh² is 1 − tanh² that keeps its digits for large |x|"),
    row("arcsinh", np.arcsinh, lambda A, y, x: 1 / A.hypot(1, x), sympy="asinh", aliases=("asinh",), summary="inverse hyperbolic sine"),
    row("arccosh", np.arccosh, lambda A, y, x: 1 / A.sqrt((x - 1) * (x + 1)), sympy="acosh", aliases=("acosh",),
        domain=over(1.1, 5.0, "x ≥ 1"), kinks=(Kink("x = 1", "+∞"),), summary="inverse hyperbolic cosine"),
    row("arctanh", np.arctanh, lambda A, y, x: 1 / ((1 - x) * (1 + x)), sympy="atanh", aliases=("atanh",),
        domain=over(-0.9, 0.9, "−1 < x < 1"), summary="inverse hyperbolic tangent"),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------- activations


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


def leaky_ieee(x: Any, slope: Any) -> Any:
    """Return x for x ≥ 0, slope·x otherwise."""
    return np.where(np.greater_equal(x, 0), x, slope * x)


def elu_ieee(x: Any, alpha: Any) -> Any:
    """Return x for x ≥ 0, α(eˣ − 1) otherwise."""
    return np.where(np.greater_equal(x, 0), x, alpha * np.expm1(np.minimum(x, np.zeros_like(x))))


def one_sided(A: Any, x: Any, right: Any, left: Any) -> Any:
    """Return ``right`` for x ≥ 0 and ``left`` below: the lectures' convention at 0."""
    return A.where(A.greater_equal(x, 0), right, left)


def _piecewise(sp: Any, x: Any, right: Any, left: Any) -> Any:
    return sp.Piecewise((right, x >= 0), (left, True))


RAMP = (Kink("x = 0", "the derivative from the right, 1: the convention of the lectures", lambda A, x, *rest: x),)

ACTIVATION = (
    row("sigmoid", sigmoid_ieee, lambda A, y, x: y * A.sigmoid(-x), notation=function("sigmoid", r"\sigma"), aliases=("expit",),
        sympy=lambda sp, x: 1 / (1 + sp.exp(-x)), mpmath=lambda mp, x: 1 / (1 + mp.exp(-x)),
        domain=over(-3.0, 3.0, "all real numbers", (40.0,), (-40.0,)),
        summary="1/(1 + e⁻ˣ); y·sigmoid(−x) is y(1 − y) that keeps its digits for large x"),
    row("softplus", softplus_ieee, lambda A, y, x: A.sigmoid(x), sympy=lambda sp, x: sp.log(1 + sp.exp(x)),
        mpmath=lambda mp, x: mp.log1p(mp.exp(x)), domain=over(-3.0, 3.0, "all real numbers", (40.0,), (-40.0,)), summary="ln(1 + eˣ)"),
    row("relu", relu_ieee, lambda A, y, x: one_sided(A, x, 1, 0), notation=function("relu", r"\operatorname{{ReLU}}"),
        sympy=lambda sp, x: _piecewise(sp, x, x, 0), mpmath=lambda mp, x: x if x >= 0 else x * 0,
        domain=over(0.1, 3.0, "all real numbers", (-1.5,)), kinks=RAMP, summary="max(0, x)"),
    row("leaky_relu", leaky_ieee, lambda A, y, x, a: one_sided(A, x, 1, a), lambda A, y, x, a: one_sided(A, x, 0, x),
        sympy=lambda sp, x, a: _piecewise(sp, x, x, a * x), mpmath=lambda mp, x, a: x if x >= 0 else a * x,
        domain=Domain("all real numbers", ((0.1, 3.0), (0.01, 0.5)), ((-1.5, 0.1),)), aliases=("prelu",), defaults=(0.01,), kinks=RAMP,
        summary="x for x ≥ 0, a·x below; with a learned a it is the parametrised ReLU"),
    row("elu", elu_ieee, lambda A, y, x, a: one_sided(A, x, 1, a * A.exp(A.minimum(x, 0))),
        lambda A, y, x, a: one_sided(A, x, 0, A.expm1(A.minimum(x, 0))),
        sympy=lambda sp, x, a: _piecewise(sp, x, x, a * (sp.exp(x) - 1)), mpmath=lambda mp, x, a: x if x >= 0 else a * mp.expm1(x),
        domain=Domain("all real numbers", ((0.1, 3.0), (0.5, 2.0)), ((-1.5, 1.0),)), defaults=(1.0,), kinks=RAMP,
        summary="x for x ≥ 0, a(eˣ − 1) below"),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------- choice


def tie(A: Any, won: Any, tied: Any) -> Any:
    """Return 1 for the winner, ½ on a tie, 0 for the loser."""
    half = A.constant(Constant(1, SCALAR)) / 2
    return A.where(won, 1, A.where(tied, half, 0))


TIE = (Kink("a = b", "½ each", lambda A, a, b: a - b),)
APART = Domain("all real numbers", ((0.1, 3.0), (-3.0, 0.0)), ((-1.5, 1.0),))


def _comparison(name: str, numpy: Any, symbol: str, latex: str, sympy: str, python: Any) -> Primitive:
    return row(name, numpy, infer=infer.logical, rule=None, arity=2, notation=infix(symbol, latex, COMPARE, right=COMPARE + 1),
               sympy=lambda sp, a, b: getattr(sp, sympy)(a, b), mpmath=lambda mp, a, b: python(a, b), domain=APART,
               summary=f"whether a {symbol} b")  # fmt: skip


CHOICE = (
    _comparison("less", np.less, "<", "<", "Lt", lambda a, b: a < b),
    _comparison("less_equal", np.less_equal, "≤", r"\le", "Le", lambda a, b: a <= b),
    _comparison("greater", np.greater, ">", ">", "Gt", lambda a, b: a > b),
    _comparison("greater_equal", np.greater_equal, "≥", r"\ge", "Ge", lambda a, b: a >= b),
    _comparison("equal", np.equal, "==", "=", "Eq", lambda a, b: a == b),
    _comparison("not_equal", np.not_equal, "≠", r"\ne", "Ne", lambda a, b: a != b),
    row("logical_and", np.logical_and, infer=infer.logical, rule=None, arity=2, sympy="And", mpmath=lambda mp, a, b: bool(a and b), summary="both"),
    row("logical_or", np.logical_or, infer=infer.logical, rule=None, arity=2, sympy="Or", mpmath=lambda mp, a, b: bool(a or b), summary="either"),
    row("logical_not", np.logical_not, infer=infer.logical, rule=None, arity=1, sympy="Not", mpmath=lambda mp, a: not a, summary="not"),
    row("where", np.where, None, lambda A, y, c, a, b: A.where(c, 1, 0), lambda A, y, c, a, b: A.where(c, 0, 1), infer=infer.selected,
        sympy=lambda sp, c, a, b: sp.Piecewise((a, c), (b, True)), mpmath=lambda mp, c, a, b: a if c else b,
        domain=Domain("all real numbers", ((0.0, 1.0), (-3.0, 3.0), (-3.0, 3.0))), summary="a where c holds, b elsewhere"),
    row("maximum", np.maximum, lambda A, y, a, b: tie(A, A.greater(a, b), A.equal(a, b)), lambda A, y, a, b: tie(A, A.greater(b, a), A.equal(a, b)),
        notation=function("maximum", r"\max"), sympy="Max", mpmath=lambda mp, a, b: a if a != a or a >= b else b, domain=APART, kinks=TIE, summary="the larger of two"),
    row("minimum", np.minimum, lambda A, y, a, b: tie(A, A.less(a, b), A.equal(a, b)), lambda A, y, a, b: tie(A, A.less(b, a), A.equal(a, b)),
        notation=function("minimum", r"\min"), sympy="Min", mpmath=lambda mp, a, b: a if a != a or a <= b else b, domain=APART, kinks=TIE, summary="the smaller of two"),
    row("clip", np.clip, lambda A, y, x, a, b: A.where(A.logical_and(A.less_equal(a, x), A.less_equal(x, b)), 1, 0),
        lambda A, y, x, a, b: A.where(A.less(x, a), 1, 0), lambda A, y, x, a, b: A.where(A.greater(x, b), 1, 0),
        sympy=lambda sp, x, a, b: sp.Min(sp.Max(x, a), b), mpmath=lambda mp, x, a, b: a if x < a else b if x > b else x,
        domain=Domain("a ≤ b", ((-0.9, 0.9), (-2.0, -1.0), (1.0, 2.0)), ((-3.0, -1.0, 1.0), (3.0, -1.0, 1.0))),
        kinks=(Kink("x = a or x = b", "1: the bounds belong to the inside", lambda A, x, a, b: A.minimum(A.absolute(x - a), A.absolute(x - b))),),
        summary="x kept between a and b"),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------- rounding

STEP = (Kink("where the function jumps", "0, as everywhere else"),)
BETWEEN = over(0.1, 0.9, "all real numbers", (-1.3,), (2.6,))

ROUNDING = (
    row("floor", np.floor, zero, notation=wrapped("floor", r"\left\lfloor {0} \right\rfloor"), domain=BETWEEN, kinks=STEP, summary="largest integer ≤ x"),
    row("ceil", np.ceil, zero, notation=wrapped("ceil", r"\left\lceil {0} \right\rceil"), sympy="ceiling", mpmath="ceil", domain=BETWEEN, kinks=STEP, summary="smallest integer ≥ x"),
    row("round", np.rint, zero, sympy=lambda sp, x: sp.floor(x + sp.Rational(1, 2)), mpmath="nint",
        domain=over(0.1, 0.4, "all real numbers", (-1.3,), (2.6,)), aliases=("rint",), kinks=STEP, summary="nearest integer, ties to even"),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------- special functions


SPECIAL = (
    row("erf", "scipy.special:erf", lambda A, y, x: 2 * A.exp(-(x**2)) / A.sqrt(A.constant(Constant(PI, SCALAR))), summary="error function"),
    row("gammaln", "scipy.special:gammaln", lambda A, y, x: A.digamma(x), notation=function("gammaln", r"\ln\Gamma"), sympy="loggamma",
        mpmath=lambda mp, x: mp.log(abs(mp.gamma(x))), domain=over(0.2, 9.0, "x not in 0, −1, −2, …", (-0.5,)), aliases=("lgamma",), summary="ln|Γ(x)|"),
    row("digamma", "scipy.special:digamma", lambda A, y, x: A.polygamma(1, x), notation=function("digamma", r"\psi"), sympy="digamma", mpmath="digamma",
        domain=over(0.2, 9.0, "x not in 0, −1, −2, …", (-0.5,)), aliases=("psi",), summary="derivative of ln Γ"),
    row("polygamma", "scipy.special:polygamma", None, lambda A, y, n, x: A.polygamma(n + 1, x), notation=function("polygamma"),
        mpmath=lambda mp, n, x: mp.psi(int(n), x), domain=Domain("x not in 0, −1, −2, …; n = 1, 2, …", ((1.0, 1.0), (0.2, 9.0))),
        summary="n-th derivative of digamma"),
)  # fmt: skip

ELEMENTWISE = ARITHMETIC + EXPONENTIAL + TRIGONOMETRIC + ACTIVATION + CHOICE + ROUNDING + SPECIAL
