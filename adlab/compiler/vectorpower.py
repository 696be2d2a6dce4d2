"""xᵖ on vectors: the logarithm in two parts, because its error is multiplied by p·ln x, which may be 700.

For float64, log₂ x is computed as a number of 21 bits and a rest, so that products of such leading parts are exact without a
fused multiply-add; both go through the product with p and through 2ˣ. For float32, float64 alone has places enough.
Zero, negative, denormal and infinite bases and huge exponents go to the C library lane by lane, behind a branch.

Source: Sun's fdlibm, ``e_pow.c``, on one interval instead of two.
"""

from __future__ import annotations

from math import log

from adlab.compiler.coefficients import EXP2, POWER_LOG
from adlab.compiler.emit import Element, Emitter, Lanes
from adlab.compiler.formats import format_of
from adlab.compiler.program import Outside
from adlab.compiler.vectormath import (
    between,
    extraordinary,
    log2_of,
    polynomial,
    powers_of_two,
    split,
    unless,
)

SCALE = float.fromhex("0x1.ec709dc3a03fdp-1")  # 2/(3·ln 2)
SCALE_HIGH, SCALE_LOW = float.fromhex("0x1.ec70900000000p-1"), float.fromhex("0x1.b87407fae93f8p-22")
HUGE_EXPONENT = 2.0**64


def leading(E: Emitter, x: str) -> str:
    """Return x cut to its first 21 bits."""
    return E.from_bits(E.integer("and", E.bits(x), E.word(-(1 << 32))))


def precise_log2(E: Emitter, x: str) -> tuple[str, str]:
    """Return log₂ of a positive normal number as 21 bits and a rest, together exact to 2⁻⁶⁵.

    With x = 2ᵏ(1 + f) and s = f/(2 + f), ln(1 + f) = ⅔·s·(3 + s² + s⁴·P(s²)).
    """
    k, m = split(E, x)
    f, d = E.sub(m, E.constant(1.0)), E.add(m, E.constant(1.0))
    inverse = E.div(E.constant(1.0), d)
    s = E.mul(f, inverse)
    s_high = leading(E, s)
    d_high = leading(E, d)
    d_low = E.sub(m, E.sub(d_high, E.constant(1.0)))
    left = E.sub(E.sub(f, E.mul(s_high, d_high)), E.mul(s_high, d_low))
    s_low = E.mul(left, inverse)
    z = E.mul(s, s)
    rest = E.fmuladd(s_low, E.add(s_high, s), E.mul(E.mul(z, z), polynomial(E, z, POWER_LOG["double"])))
    square = E.mul(s_high, s_high)
    bracket = leading(E, E.add(E.add(square, rest), E.constant(3.0)))
    bracket_low = E.sub(rest, E.sub(E.sub(bracket, E.constant(3.0)), square))
    u = E.mul(s_high, bracket)
    v = E.fmuladd(bracket_low, s, E.mul(s_low, bracket))
    high = leading(E, E.add(u, v))
    low = E.sub(v, E.sub(high, u))
    z_high = E.mul(high, E.constant(SCALE_HIGH))
    z_low = E.fmuladd(high, E.constant(SCALE_LOW), E.mul(low, E.constant(SCALE)))
    whole = leading(E, E.add(E.add(z_high, z_low), k))
    return whole, E.sub(z_low, E.sub(E.sub(whole, k), z_high))


def power_of_normal(E: Emitter, x: str, p: str, dtype: Element) -> str:
    """Return xᵖ of a positive normal x and |p| < 2⁶⁴: 2 to the power of the product, whole and fraction apart."""
    if dtype == "float":
        high, low = E.mul(p, log2_of(E, split(E, x), "double")), E.constant(0.0)
    else:
        log_high, log_low = precise_log2(E, x)
        p_high = leading(E, p)
        low = E.fmuladd(p, log_low, E.mul(E.sub(p, p_high), log_high))
        high = E.mul(p_high, log_high)
    total = E.add(high, low)
    within = E.less(E.abs(total), E.constant(1100.0))
    high = E.select(within, high, between(E, -1100.0, total, 1100.0))
    low = E.select(within, low, E.constant(0.0))
    shifter = E.constant(format_of(E).shifter + 2 * format_of(E).bias)
    shifted = E.add(E.select(within, total, high), shifter)
    fraction = E.sub(high, E.sub(shifted, shifter))
    r = E.add(fraction, low)
    lost = E.add(E.sub(fraction, r), low)
    q = E.fmuladd(lost, E.constant(log(2)), E.mul(r, polynomial(E, r, EXP2[dtype])))
    scale = powers_of_two(E, E.bits(shifted))
    return E.mul(E.fmuladd(q, scale.first, scale.first), scale.second)


def power(E: Emitter, x: str, p: str) -> str:
    """Return xᵖ as IEEE's pow has it; a literal whole exponent takes negative bases, too."""
    exponent = E.literal(p)
    whole = exponent is not None and exponent == exponent // 1
    base = E.abs(x) if whole else x
    D = E.over(Lanes("double", E.lanes.width))
    wide, wide_p = D.convert(base, E.lanes.dtype), D.convert(p, E.lanes.dtype)
    usual = E.convert(power_of_normal(D, wide, wide_p, E.lanes.dtype), "double")
    if whole and exponent is not None and exponent % 2:
        usual = E.copysign(usual, x)
    huge = D.opposite(D.less(D.abs(wide_p), D.constant(HUGE_EXPONENT)))
    rare = D.either(extraordinary(D, wide), huge)

    def careful() -> list[str]:
        name = "pow" if E.lanes.dtype == "double" else "powf"
        pointer = E.body.outside(Outside("libm", name))
        return [E.lane_by_lane(lambda S, lane: S.call(pointer, lane), x, p)]

    return unless(E, [usual], rare, careful)[0]
