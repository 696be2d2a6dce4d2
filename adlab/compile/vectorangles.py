"""Circular functions and their inverses as vectors of polynomials; see `adlab.compile.vectormath` for the method.

An angle is brought to r = x − n·π/2 with |r| ≤ π/4 and n whole. π/2 is cut into three parts of 33 bits, so that n times
each is exact up to |x| = 2²⁰, and a fourth of 53; what subtracting rounds away is kept and enters the result.
Lanes beyond 2²⁰, or infinite, are computed by the C library, behind a branch that is seldom taken.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980 (reduction by parts); Sun's fdlibm
(how the rest of r enters; intervals of arctan and arcsin).
"""

from __future__ import annotations

from typing import NamedTuple

from adlab.compile.coefficients import ARCSIN, ARCTAN, COS, SIN
from adlab.compile.emit import Element, Emitter
from adlab.compile.program import Outside
from adlab.compile.vectormath import INF, SHIFTER, Core, on_doubles, polynomial, unless

REACH = 2.0**20
TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
HALF_PI_PARTS = (
    float.fromhex("0x1.921fb54400000p+0"),
    float.fromhex("0x1.0b4611a600000p-34"),
    float.fromhex("0x1.3198a2e000000p-69"),
    float.fromhex("0x1.b839a252049c1p-104"),
)
PI, PI_LOW = float.fromhex("0x1.921fb54442d18p+1"), float.fromhex("0x1.1a62633145c07p-53")


class Angle(NamedTuple):
    """x = n·π/2 + r + rest, with n as an integer and rest below the last place of r."""

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


def reduced(E: Emitter, x: str, dtype: Element) -> Angle:
    """Return x, |x| ≤ 2²⁰, less the nearest multiple of π/2. A float32 is never so near to one that it needs four parts."""
    shifted = E.fmuladd(x, E.constant(TWO_OVER_PI), E.constant(SHIFTER))
    n = E.sub(shifted, E.constant(SHIFTER))
    first, second, third, fourth = (E.constant(part) for part in HALF_PI_PARTS)
    r = E.sub(x, E.mul(n, first))
    if dtype == "float":
        r = E.fmuladd(n, E.constant(-sum(HALF_PI_PARTS[1:])), r)
        return Angle(E.bits(shifted), r, E.constant(0.0))
    r, lost = difference(E, r, E.mul(n, second))
    r, more = difference(E, r, E.mul(n, third))
    low = E.sub(E.add(lost, more), E.mul(n, fourth))
    whole = E.add(r, low)
    return Angle(E.bits(shifted), whole, E.add(E.sub(r, whole), low))


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


def within_reach(name: str, core: Core) -> Core:
    """Return the algorithm for every x: beyond `REACH` it is the C library's function of that name."""

    def whole(E: Emitter, x: str, dtype: Element) -> str:
        far = E.greater(E.abs(x), E.constant(REACH))

        def careful() -> str:
            pointer = E.body.outside(Outside("libm", name))
            exact = E.lane_by_lane(lambda S, xs: S.call(pointer, xs), x)
            return E.select(far, exact, usual)

        usual = core(E, x, dtype)
        return unless(E, usual, far, careful)

    return whole


def _sin(E: Emitter, x: str, dtype: Element) -> str:
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
    """Return arctan(a/b), a, b ≥ 0: by (a − b)/(a + b) between √2 − 1 and √2 + 1, by −b/a beyond."""
    middle = E.greater(a, E.mul(b, E.constant(2.0**0.5 - 1)))
    large = E.greater(a, E.mul(b, E.constant(2.0**0.5 + 1)))
    above = E.select(large, E.neg(b), E.select(middle, E.sub(a, b), a))
    below = E.select(large, a, E.select(middle, E.add(a, b), b))
    t = E.div(above, below)
    zero = E.constant(0.0)

    def base(at_middle: float, at_large: float) -> str:
        return E.select(large, E.constant(at_large), E.select(middle, E.constant(at_middle), zero))

    z = E.mul(t, t)
    low = E.fmuladd(E.mul(t, z), polynomial(E, z, ARCTAN[dtype]), base(PI_LOW / 4, PI_LOW / 2))
    whole, lost = total(E, base(PI / 4, PI / 2), t)
    return E.add(whole, E.add(lost, low))


def _arctan(E: Emitter, x: str, dtype: Element) -> str:
    """Odd; see `arctan_of`."""
    return E.copysign(arctan_of(E, E.abs(x), E.constant(1.0), dtype), x)


def _arcsin(E: Emitter, x: str, dtype: Element) -> str:
    """By arcsin s = s + s·z·P(z) with z = s² within ±½; from there on π/2 − 2·arcsin s with z = (1 − |x|)/2, taken exactly."""
    size = E.abs(x)
    large = E.greater(size, E.constant(0.5))
    half = E.fmuladd(size, E.constant(-0.5), E.constant(0.5))
    z = E.select(large, half, E.mul(size, size))
    s = E.select(large, E.sqrt(half), size)
    rest = E.mul(E.mul(s, z), polynomial(E, z, ARCSIN[dtype]))
    far, lost = total(E, E.constant(PI / 2), E.mul(s, E.constant(-2.0)))
    far = E.add(far, E.add(E.fmuladd(rest, E.constant(-2.0), E.constant(PI_LOW / 2)), lost))
    return E.copysign(E.select(large, far, E.add(s, rest)), x)


def _arccos(E: Emitter, x: str, dtype: Element) -> str:
    """π/2 − arcsin x within ±½; 2·arcsin √((1 − x)/2) above, π less that of −x below."""
    size = E.abs(x)
    large = E.greater(size, E.constant(0.5))
    half = E.fmuladd(size, E.constant(-0.5), E.constant(0.5))
    z = E.select(large, half, E.mul(x, x))
    s = E.select(large, E.sqrt(half), x)
    y = E.fmuladd(E.mul(s, z), polynomial(E, z, ARCSIN[dtype]), s)
    twice = E.add(y, y)
    left = E.sub(E.constant(PI), E.sub(twice, E.constant(PI_LOW)))
    near = E.sub(E.constant(PI / 2), E.sub(y, E.constant(PI_LOW / 2)))
    return E.select(large, E.select(E.less(x, E.constant(0.0)), left, twice), near)


def _arctan2(E: Emitter, y: str, x: str, dtype: Element) -> str:
    """By arctan |y/x|, taken from π where x is negative, with the sign of y; both 0 count as 0/1, both ∞ as 1/1.

    Both are brought away from the ends of the range first, where their sum or quotient would leave it.
    """
    a, b, one = E.abs(y), E.abs(x), E.constant(1.0)
    infinite = E.both(E.equal(a, E.constant(INF)), E.equal(b, E.constant(INF)))
    a, b = E.select(infinite, one, a), E.select(infinite, one, b)
    largest = E.max(a, b)
    b = E.select(E.equal(largest, E.constant(0.0)), one, b)
    up = E.select(E.less(largest, E.constant(2.0**-900)), E.constant(2.0**100), one)
    scale = E.select(E.greater(largest, E.constant(2.0**1000)), E.constant(2.0**-100), up)
    t = arctan_of(E, E.mul(a, scale), E.mul(b, scale), dtype)
    left = E.less(E.copysign(one, x), E.constant(0.0))
    return E.copysign(E.select(left, E.sub(E.constant(PI), E.sub(t, E.constant(PI_LOW))), t), y)


sin = on_doubles(within_reach("sin", _sin))
cos = on_doubles(within_reach("cos", _cos))
tan = on_doubles(within_reach("tan", _tan))
arctan = on_doubles(_arctan)
arcsin = on_doubles(_arcsin)
arccos = on_doubles(_arccos)
arctan2 = on_doubles(_arctan2)
