"""Rows of the special functions: gamma and beta, error function and normal distribution, Bessel, entropy.

Their values are SciPy's, imported when one of them is first used. A parameter by which no closed form of the
derivative is known, the order of a Bessel function or the shape of an incomplete gamma function, has a
partial that refuses in one sentence; held fixed, it costs nothing.
"""

from __future__ import annotations

from typing import Any

from adlab.ir.constant import PI
from adlab.ir.primitive import Domain, Kink, Notation, Primitive
from adlab.primitives.elementwise import NO_POLE, REAL, over, over2, row
from adlab.primitives.notation import ATOM, PRODUCT, function, wrapped
from adlab.primitives.rules import NoPartial, literal

INF = float("inf")

BY_ORDER = NoPartial("its order")
BY_SHAPE = NoPartial("its shape parameter")
ORDERS = (0, 3)


# --------------------------------------------------------------------------------------------- gamma and beta


def slope_of_rgamma(A: Any, y: Any, x: Any) -> Any:
    """Return −ψ(x)/Γ(x); left of ½ by the reflection 1/Γ(x) = Γ(1 − x)·sin(πx)/π, which has no poles there."""
    left = A.less(x, A.divide(literal(A, 1, x), 2))
    one = literal(A, 1, x)
    mirrored, angle = A.where(left, 1 - x, one), literal(A, PI, x) * x
    reflected = A.gamma(mirrored) * (A.cos(angle) - A.sin(angle) * A.digamma(mirrored) / literal(A, PI, x))
    return A.where(left, reflected, -(y * A.digamma(A.where(left, one, x))))


GAMMA = (
    row("gamma", "scipy.special:gamma", lambda A, y, x: y * A.digamma(x),
        notation=function("gamma", r"\Gamma"), domain=over(0.2, 9.0, NO_POLE, -0.5, 1e-12),
        ulps=4.0, operand_ulps=1.0, summary="gamma function, (x − 1)! for whole x"),
    row("rgamma", "scipy.special:rgamma", slope_of_rgamma,
        sympy=lambda sp, x: 1 / sp.gamma(x), mpmath="rgamma",
        domain=over(0.2, 6.0, REAL, 1e-12, -0.25, 0.0, -1.0, -2.0), ulps=4.0, operand_ulps=1.0,
        summary="1/Γ(x), 0 at the poles of Γ"),
    row("beta", "scipy.special:beta",
        lambda A, y, a, b: y * (A.digamma(a) - A.digamma(a + b)),
        lambda A, y, a, b: y * (A.digamma(b) - A.digamma(a + b)),
        notation=function("beta", r"\mathrm{{B}}"), domain=over2((0.3, 3.0), (0.3, 3.0), "a, b > 0", (0.5, 4.0)),
        ulps=16.0, operand_ulps=2.0, summary="beta function, Γ(a)Γ(b)/Γ(a + b)"),
    row("betaln", "scipy.special:betaln",
        lambda A, y, a, b: A.digamma(a) - A.digamma(a + b),
        lambda A, y, a, b: A.digamma(b) - A.digamma(a + b),
        sympy=lambda sp, a, b: sp.loggamma(a) + sp.loggamma(b) - sp.loggamma(a + b),
        mpmath=lambda mp, a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
        notation=function("betaln", r"\ln\mathrm{{B}}"),
        domain=over2((0.3, 3.0), (0.3, 3.0), "a, b > 0", (0.5, 4.0), (40.0, 30.0)),
        ulps=16.0, operand_ulps=2.0, summary="ln B(a, b), in float64 as exact as SciPy is near its zeros"),
    row("gammainc", "scipy.special:gammainc", BY_SHAPE,
        lambda A, y, a, x: A.exp(A.xlogy(a - 1, x) - x - A.gammaln(a)),
        sympy=lambda sp, a, x: sp.lowergamma(a, x) / sp.gamma(a),
        mpmath=lambda mp, a, x: mp.gammainc(a, 0, x, regularized=True), notation=function("gammainc", "P"),
        domain=over2((1, 4), (0.2, 6.0), "a > 0, x ≥ 0", (2, 1e-3)), ulps=8.0, operand_ulps=1.0,
        summary="regularised lower incomplete gamma function, differentiable in x"),
    row("gammaincc", "scipy.special:gammaincc", BY_SHAPE,
        lambda A, y, a, x: -A.exp(A.xlogy(a - 1, x) - x - A.gammaln(a)),
        sympy=lambda sp, a, x: sp.uppergamma(a, x) / sp.gamma(a),
        mpmath=lambda mp, a, x: mp.gammainc(a, x, mp.inf, regularized=True), notation=function("gammaincc", "Q"),
        domain=over2((1, 4), (0.2, 6.0), "a > 0, x ≥ 0", (2, 1e-3)), ulps=4.0, operand_ulps=1.0,
        summary="regularised upper incomplete gamma function, differentiable in x"),
    row("betainc", "scipy.special:betainc", BY_SHAPE, BY_SHAPE,
        lambda A, y, a, b, x: A.exp(A.xlogy(a - 1, x) + A.xlog1py(b - 1, -x) - A.betaln(a, b)),
        sympy=lambda sp, a, b, x: sp.betainc_regularized(a, b, 0, x),
        mpmath=lambda mp, a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        notation=wrapped("betainc", r"I_{{{2}}}\left({0}, {1}\right)"),
        domain=Domain("a, b > 0 and 0 ≤ x ≤ 1", ((1, 3), (1, 3), (0.05, 0.95))), ulps=8.0, operand_ulps=1.0,
        summary="regularised incomplete beta function, differentiable in x"),
)  # fmt: skip

# ------------------------------------------------------------------------- error function, normal distribution


def bell(A: Any, x: Any) -> Any:
    """Return 2/√π · e^(−x²), the derivative of erf."""
    return 2 * A.exp(-(x**2)) / A.sqrt(literal(A, PI, x))


def density(A: Any, x: Any, more: Any = 0) -> Any:
    """Return e^(−x²/2 − more)/√(2π)."""
    return A.exp(-(A.divide(x**2, 2)) - more) / A.sqrt(A.multiply(2, literal(A, PI, x)))


ERROR = (
    row("erfc", "scipy.special:erfc", lambda A, y, x: -bell(A, x),
        domain=over(-3.0, 3.0, REAL, 1e-12, 6.0, 20.0), operand_ulps=1.0,
        summary="1 − erf(x), exact for large x"),
    row("erfinv", "scipy.special:erfinv",
        lambda A, y, x: A.sqrt(literal(A, PI, x)) * A.exp(y**2) / 2,
        mpmath="erfinv", notation=function("erfinv", r"\operatorname{{erf}}^{{-1}}"),
        domain=over(-0.95, 0.95, "−1 < x < 1", 1e-12, 0.99), ulps=4.0, operand_ulps=1.0,
        summary="inverse of erf"),
    row("erfcinv", "scipy.special:erfcinv",
        lambda A, y, x: -(A.sqrt(literal(A, PI, x)) * A.exp(y**2) / 2),
        notation=function("erfcinv", r"\operatorname{{erfc}}^{{-1}}"),
        sympy=lambda sp, x: sp.erfinv(1 - x), mpmath=lambda mp, x: mp.erfinv(1 - x),
        domain=over(0.05, 1.95, "0 < x < 2", 0.015625), ulps=4.0, operand_ulps=1.0, summary="inverse of erfc"),
    row("ndtr", "scipy.special:ndtr", lambda A, y, x: density(A, x),
        sympy=lambda sp, x: sp.erfc(-x / sp.sqrt(2)) / 2, mpmath=lambda mp, x: mp.erfc(-x / mp.sqrt(2)) / 2,
        notation=function("ndtr", r"\Phi"), domain=over(-3.0, 3.0, REAL, 1e-12, -10.0, 8.0),
        ulps=8.0, operand_ulps=1.0, summary="distribution function of the standard normal distribution"),
    row("log_ndtr", "scipy.special:log_ndtr", lambda A, y, x: density(A, x, y),
        sympy=lambda sp, x: sp.log(sp.erfc(-x / sp.sqrt(2)) / 2),
        mpmath=lambda mp, x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
        notation=function("log_ndtr", r"\ln\Phi"), domain=over(-3.0, 3.0, REAL, 1e-12, 8.0),
        ulps=8.0, operand_ulps=1.0,
        summary="ln Φ(x); its derivative keeps all but log₁₀(x²) digits for x far left"),
    row("logit", "scipy.special:logit", lambda A, y, x: 1 / (x * (1 - x)),
        sympy=lambda sp, x: sp.log(x / (1 - x)), mpmath=lambda mp, x: mp.log(x / (1 - x)),
        domain=over(0.05, 0.45, "0 < x < 1", 1e-12, 0.875), operand_ulps=1.0,
        summary="ln(x/(1 − x)), the inverse of the sigmoid"),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------- entropy


def over_or_0(A: Any, a: Any, b: Any) -> Any:
    """Return a/b, and 0 where both are 0: not the result is chosen but the divisor, so every order is right."""
    both = A.logical_and(A.equal(a, 0), A.equal(b, 0))
    return a / A.where(both, literal(A, 1, b), b)


ENTROPY = (
    row("xlogy", "scipy.special:xlogy", lambda A, y, a, b: A.log(b), lambda A, y, a, b: over_or_0(A, a, b),
        sympy=lambda sp, a, b: sp.Piecewise((0 * a, sp.And(sp.Eq(a, 0), sp.Eq(b, 0))), (a * sp.log(b), True)),
        mpmath=lambda mp, a, b: a * mp.log(b) if a else a,
        domain=over2((0.2, 3.0), (0.2, 3.0), "b > 0, or a = 0", (-1.5, 0.5), (0.0, 2.0), (1e-12, 1e12)),
        kinks=(Kink("a = b = 0", "∂/∂a is −∞, the limit in b; ∂/∂b is 0", lambda A, a, b: A.hypot(a, b),
                    (((0.0, 0.0), (-INF, 0.0)),)),),
        operand_ulps=1.0, summary="a·ln b, 0 at a = 0"),
    row("xlog1py", "scipy.special:xlog1py",
        lambda A, y, a, b: A.log1p(b), lambda A, y, a, b: over_or_0(A, a, 1 + b),
        sympy=lambda sp, a, b: sp.Piecewise((0 * a, sp.And(sp.Eq(a, 0), sp.Eq(b, -1))), (a * sp.log(1 + b), True)),
        mpmath=lambda mp, a, b: a * mp.log1p(b) if a else a,
        domain=over2((0.2, 3.0), (-0.8, 3.0), "b > −1, or a = 0", (-1.5, 0.5), (0.0, 2.0), (2.0, 1e-12)),
        kinks=(Kink("a = 0, b = −1", "∂/∂a is −∞, the limit in b; ∂/∂b is 0",
                    lambda A, a, b: A.hypot(a, 1 + b), (((0.0, -1.0), (-INF, 0.0)),)),),
        operand_ulps=1.0, summary="a·ln(1 + b), exact near b = 0"),
)  # fmt: skip

# ----------------------------------------------------------------------------------------------------- Bessel


def _bessel(name: str, letter: str, slope: Any, low: float, text: str, words: str, **facts: Any) -> Primitive:
    facts.setdefault("notation", wrapped(name, rf"{letter}_{{{{{{0}}}}}}\left({{1}}\right)"))
    facts.setdefault("ulps", 8.0)
    facts.setdefault("operand_ulps", 2.0)
    return row(
        name,
        f"scipy.special:{name}",
        BY_ORDER,
        slope,
        domain=over2(ORDERS, (low, 6.0), f"{text}; any real order n, held fixed"),
        summary=words,
        **facts,
    )


BESSEL = (
    _bessel("jv", "J", lambda A, y, n, x: A.divide(A.jv(n - 1, x) - A.jv(n + 1, x), 2), 0.3,
            REAL, "Bessel function of the first kind, Jₙ(x)", sympy="besselj"),
    _bessel("yv", "Y", lambda A, y, n, x: A.divide(A.yv(n - 1, x) - A.yv(n + 1, x), 2), 0.3,
            "x > 0", "Bessel function of the second kind, Yₙ(x)", sympy="bessely"),
    _bessel("iv", "I", lambda A, y, n, x: A.divide(A.iv(n - 1, x) + A.iv(n + 1, x), 2), 0.3,
            REAL, "modified Bessel function of the first kind, Iₙ(x)", sympy="besseli"),
    _bessel("ive", "I", lambda A, y, n, x: A.divide(A.ive(n - 1, x) + A.ive(n + 1, x), 2) - A.sign(x) * y,
            0.3, REAL, "e^(−|x|)·Iₙ(x)",
            sympy=lambda sp, n, x: sp.exp(-sp.Abs(x)) * sp.besseli(n, x),
            mpmath=lambda mp, n, x: mp.exp(-abs(x)) * mp.besseli(n, x), ulps=32.0,
            notation=Notation("ive({*})", r"e^{{-\left|{1}\right|}}I_{{{0}}}\left({1}\right)", ATOM,
                              latex_level=PRODUCT)),
    _bessel("kv", "K", lambda A, y, n, x: -A.divide(A.kv(n - 1, x) + A.kv(n + 1, x), 2), 0.3,
            "x > 0", "modified Bessel function of the second kind, Kₙ(x)", sympy="besselk"),
)  # fmt: skip

SPECIAL: tuple[Primitive, ...] = GAMMA + ERROR + ENTROPY + BESSEL
