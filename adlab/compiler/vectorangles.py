"""Circular functions and their inverses as vectors of polynomials; see `adlab.compiler.vectormath` for the method.

An angle is brought to r = x − n·π/2 with |r| ≤ π/4 and n whole. π/2 is cut into three parts of 33 bits, so that n times
each is exact up to |x| = 2²⁰, and a fourth of 53; what subtracting rounds away is kept and enters the result.
Lanes beyond 2²⁰ are reduced with long integers (`adlab.compiler.hugeangles`), behind a branch that is seldom taken.
Sine, cosine and tangent of float32 are computed in float64, where two parts are enough; the inverse functions compute in
their own dtype.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980 (reduction by parts); Sun's fdlibm
(how the rest of r enters; intervals of arctan and arcsin).
"""

from __future__ import annotations

from typing import NamedTuple

from adlab.compiler.coefficients import ARCSIN, ARCTAN, COS, SIN
from adlab.compiler.emit import Element, Emitter
from adlab.compiler.formats import FORMATS, format_of
from adlab.compiler.hugeangles import reduced_huge
from adlab.compiler.vectormath import INF, on_doubles, on_lanes, polynomial, unless

REACH = 2.0**20
SHIFTER = FORMATS["double"].shifter
TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
HALF_PI_PARTS = (
    float.fromhex("0x1.921fb54400000p+0"),
    float.fromhex("0x1.0b4611a600000p-34"),
    float.fromhex("0x1.3198a2e000000p-69"),
    float.fromhex("0x1.b839a252049c1p-104"),
)


class Angle(NamedTuple):
    """x = n·π/2 + r + rest: n at the end of a number's bits, as an integer; rest below the last place of r."""

    n: str
    r: str
    rest: str


class Circle(NamedTuple):
    """Sine and cosine of an angle between ±π/4, each as a large part and a small one, not yet added."""

    sin: tuple[str, str]
    cos: tuple[str, str]


def difference(E: Emitter, a: str, b: str) -> tuple[str, str]:
    """Return a − b and, exactly, what it rounds away (Knuth's two-sum)."""
    d = E.sub(a, b)
    back = E.sub(a, d)
    return d, E.add(E.sub(a, E.add(d, back)), E.sub(back, b))


def subtracted(E: Emitter, x: str, dtype: Element) -> tuple[str, str, str]:
    """Return shifted n, r and rest, for |x| ≤ 2²⁰. A float32 is never so near to a multiple that it needs four parts."""
    shifted = E.fmuladd(x, E.constant(TWO_OVER_PI), E.constant(SHIFTER))
    n = E.sub(shifted, E.constant(SHIFTER))
    first, second, third, fourth = (E.constant(part) for part in HALF_PI_PARTS)
    r = E.sub(x, E.mul(n, first))
    if dtype == "float":
        r = E.fmuladd(n, E.constant(-sum(HALF_PI_PARTS[1:])), r)
        return shifted, r, E.constant(0.0)
    r, lost = difference(E, r, E.mul(n, second))
    r, more = difference(E, r, E.mul(n, third))
    low = E.sub(E.add(lost, more), E.mul(n, fourth))
    whole = E.add(r, low)
    return shifted, whole, E.add(E.sub(r, whole), low)


def reduced(E: Emitter, x: str, dtype: Element) -> Angle:
    """Return x less the nearest multiple of π/2; what is infinite stays NaN."""
    usual = subtracted(E, x, dtype)
    size = E.abs(x)

    def careful() -> list[str]:
        far = E.both(E.greater(size, E.constant(REACH)), E.less(size, E.constant(INF)))
        given = E.select(far, size, E.constant(2 * REACH))
        n, r, rest = reduced_huge(E, given)
        huge = (
            E.add(E.copysign(n, x), E.constant(SHIFTER)),
            turned_like(E, r, x),
            turned_like(E, rest, x),
        )
        return [E.select(far, h, u) for h, u in zip(huge, usual, strict=True)]

    shifted, r, rest = unless(E, usual, E.greater(size, E.constant(REACH)), careful)
    return Angle(E.bits(shifted), r, rest)


def turned_like(E: Emitter, y: str, x: str) -> str:
    """Return −y where x is negative, else y."""
    return E.mul(y, E.copysign(E.constant(1.0), x))


def circle(E: Emitter, angle: Angle, dtype: Element) -> Circle:
    """Return sin(r + rest) = r + (r³·S(r²) + rest·(1 − r²/2)) and cos(r + rest) = 1 − (r²/2 − (r⁴·C(r²) − r·rest))."""
    r, rest = angle.r, angle.rest
    z = E.mul(r, r)
    cubic = E.mul(E.mul(r, z), polynomial(E, z, SIN[dtype]))
    half, one = E.mul(z, E.constant(0.5)), E.constant(1.0)
    near_1 = E.sub(one, half)
    quartic = E.mul(E.mul(z, z), polynomial(E, z, COS[dtype]))
    if dtype == "float":
        return Circle((r, cubic), (near_1, quartic))
    lost = E.sub(E.sub(one, near_1), half)
    quartic = E.sub(quartic, E.mul(r, rest))
    return Circle((r, E.fmuladd(rest, near_1, cubic)), (near_1, E.add(lost, quartic)))


def odd(E: Emitter, n: str) -> str:
    """Return whether the integer is odd."""
    return E.compare_bits("ne", E.integer("and", n, E.word(1)), E.word(0))


def turned(E: Emitter, y: str, n: str) -> str:
    """Return −y where n mod 4 is 2 or 3, else y: bit 1 of n is the sign."""
    sign = E.integer("shl", E.integer("and", n, E.word(2)), E.word(62))
    return E.from_bits(E.integer("xor", E.bits(y), sign))


def sin_of(E: Emitter, x: str, dtype: Element) -> str:
    """Sine or cosine of what is left, as n is even or odd; tiny x, −0 too, are their own sine."""
    angle = reduced(E, x, dtype)
    near = circle(E, angle, dtype)
    y = turned(E, E.select(odd(E, angle.n), E.add(*near.cos), E.add(*near.sin)), angle.n)
    return E.select(E.less(E.abs(x), E.constant(2.0**-28)), x, y)


def _cos(E: Emitter, x: str, dtype: Element) -> str:
    """The sine a quarter further on."""
    angle = reduced(E, x, dtype)
    near = circle(E, angle, dtype)
    further = E.integer("add", angle.n, E.word(1))
    return turned(E, E.select(odd(E, angle.n), E.add(*near.sin), E.add(*near.cos)), further)


def _tan(E: Emitter, x: str, dtype: Element) -> str:
    """sin/cos where n is even, −cos/sin where it is odd; the quotient is corrected by its remainder."""
    angle = reduced(E, x, dtype)
    near = circle(E, angle, dtype)
    swapped = odd(E, angle.n)
    above, above_low = (E.select(swapped, c, s) for s, c in zip(near.sin, near.cos, strict=True))
    below, below_low = (E.select(swapped, E.neg(s), c) for s, c in zip(near.sin, near.cos, strict=True))
    if dtype == "float":
        y = E.div(E.add(above, above_low), E.add(below, below_low))
    else:
        y = quotient(E, total(E, above, above_low), total(E, below, below_low))
    return E.select(E.less(E.abs(x), E.constant(2.0**-28)), x, y)


def total(E: Emitter, large: str, small: str) -> tuple[str, str]:
    """Return large + small and, exactly, what it rounds away (Dekker's fast two-sum)."""
    whole = E.add(large, small)
    return whole, E.add(E.sub(large, whole), small)


def quotient(E: Emitter, above: tuple[str, str], below: tuple[str, str]) -> str:
    """Return the quotient of two sums of two parts: q and (above − q·below)/below."""
    inverse = E.div(E.constant(1.0), below[0])
    q = E.mul(above[0], inverse)
    minus = E.neg(q)
    left = E.add(E.fmuladd(minus, below[0], above[0]), E.fmuladd(minus, below[1], above[1]))
    return E.fmuladd(left, inverse, q)


def arctan_of(E: Emitter, a: str, b: str, dtype: Element) -> str:
    """Return arctan(a/b), the larger of a, b ≥ 0 normal: by (a − b)/(a + b) from √2 − 1 to √2 + 1, by −b/a beyond."""
    middle = E.greater(a, E.mul(b, E.constant(2.0**0.5 - 1)))
    large = E.greater(a, E.mul(b, E.constant(2.0**0.5 + 1)))
    pi, zero = format_of(E).pi, E.constant(0.0)
    (less, less_low), (sum_, sum_low) = difference(E, a, b), difference(E, a, E.neg(b))
    above = E.select(large, E.neg(b), E.select(middle, less, a))
    below = E.select(large, a, E.select(middle, sum_, b))
    between = E.differ(middle, large)
    lows = (E.select(between, low, zero) for low in (less_low, sum_low))
    t = quotient(E, (above, next(lows)), (below, next(lows)))

    def base(part: float) -> str:
        return E.select(large, E.constant(part / 2), E.select(middle, E.constant(part / 4), zero))

    z = E.mul(t, t)
    low = E.fmuladd(E.mul(t, z), polynomial(E, z, ARCTAN[dtype]), base(pi[1]))
    whole, lost = total(E, base(pi[0]), t)
    return E.add(whole, E.add(lost, low))


def _arctan(E: Emitter, x: str, dtype: Element) -> str:
    """Odd; from 2⁶⁰ on it rounds to π/2."""
    size = E.min(E.constant(2.0**60), E.abs(x))
    return E.copysign(arctan_of(E, size, E.constant(1.0), dtype), x)


def _arcsin(E: Emitter, x: str, dtype: Element) -> str:
    """By arcsin s = s + s·z·P(z) with z = s² within ±½; from there on π/2 − 2·arcsin s with z = (1 − |x|)/2, taken exactly."""
    pi, size = format_of(E).pi, E.abs(x)
    large = E.greater(size, E.constant(0.5))
    half = E.fmuladd(size, E.constant(-0.5), E.constant(0.5))
    z = E.select(large, half, E.mul(size, size))
    s = E.select(large, E.sqrt(half), size)
    rest = E.mul(E.mul(s, z), polynomial(E, z, ARCSIN[dtype]))
    far, lost = total(E, E.constant(pi[0] / 2), E.mul(s, E.constant(-2.0)))
    far = E.add(far, E.add(E.fmuladd(rest, E.constant(-2.0), E.constant(pi[1] / 2)), lost))
    return E.copysign(E.select(large, far, E.add(s, rest)), x)


def _arccos(E: Emitter, x: str, dtype: Element) -> str:
    """π/2 − arcsin x within ±½; 2·arcsin √((1 − x)/2) above, π less that of −x below."""
    pi, size = format_of(E).pi, E.abs(x)
    large = E.greater(size, E.constant(0.5))
    half = E.fmuladd(size, E.constant(-0.5), E.constant(0.5))
    z = E.select(large, half, E.mul(x, x))
    s = E.select(large, E.sqrt(half), x)
    y = E.fmuladd(E.mul(s, z), polynomial(E, z, ARCSIN[dtype]), s)
    twice = E.add(y, y)
    left = E.sub(E.constant(pi[0]), E.sub(twice, E.constant(pi[1])))
    near = E.sub(E.constant(pi[0] / 2), E.sub(y, E.constant(pi[1] / 2)))
    return E.select(large, E.select(E.less(x, E.constant(0.0)), left, twice), near)


def _arctan2(E: Emitter, y: str, x: str, dtype: Element) -> str:
    """By arctan |y/x|, taken from π where x is negative, with the sign of y; both 0 count as 0/1, ∞ as 1 beside 0.

    Both are brought away from the ends of the range first, where a sum or an inverse would leave it.
    """
    form, a, b = format_of(E), E.abs(y), E.abs(x)
    one, zero, infinity = E.constant(1.0), E.constant(0.0), E.constant(INF)
    a_infinite, b_infinite = E.equal(a, infinity), E.equal(b, infinity)
    infinite = E.either(a_infinite, b_infinite)
    a = E.select(infinite, E.number(a_infinite), a)
    b = E.select(infinite, E.number(b_infinite), b)
    largest = E.max(a, b)
    b = E.select(E.equal(largest, zero), one, b)
    small, up = E.less(largest, E.constant(form.smallest * 2.0**30)), E.constant(2.0 ** (2 * form.places))
    large = E.greater(largest, E.constant(2.0 ** (form.bias - 3)))
    scale = E.select(large, E.constant(2.0**-6), E.select(small, up, one))
    t = arctan_of(E, E.mul(a, scale), E.mul(b, scale), dtype)
    left = E.less(E.copysign(one, x), zero)
    far = E.sub(E.constant(form.pi[0]), E.sub(t, E.constant(form.pi[1])))
    angle = E.copysign(E.select(left, far, t), y)
    return E.select(E.compare("uno", y, x), E.add(y, x), angle)


sin = on_doubles(sin_of)
cos = on_doubles(_cos)
tan = on_doubles(_tan)
arctan = on_lanes(_arctan)
arcsin = on_lanes(_arcsin)
arccos = on_lanes(_arccos)
arctan2 = on_lanes(_arctan2)
