"""Angles too large to subtract multiples of π/2 from: reduction by long integer multiplication (Payne and Hanek).

x·2/π is wanted modulo 4, to far more places than x has: x may be nearer to a multiple of π/2 than 2⁻⁶⁰. Write |x| = M·2ᵉ with
M whole. Those bits of 2/π whose product with 2ᵉ is a multiple of 4 do not matter, and neither do those 192 places
further on; the 192 bits in between, times M, modulo 2¹⁹², are the answer: two bits of quadrant, 190 of fraction.

A loop over lanes does this in a function of its own, written once per module: it is long, and seldom called.

Source: M. H. Payne and R. N. Hanek, Radian reduction for trigonometric functions, SIGNUM Newsletter 18, 1983.
"""

from __future__ import annotations

from functools import cache

from adlab.compiler.emit import Body, Emitter, Lanes

TWO_OVER_PI_WORDS = (
    0x0000000000000000, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484, 0xE99C7026B45F7E41,
    0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F, 0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D, 0xA9E391615EE61B08,
)  # fmt: skip
"""The first bits of 2/π after a word of zeros, 64 to a word."""

HALF_PI = 0xC90FDAA22168C234C4C6628B80DC1CD1
"""π/2·2¹²⁷."""

TABLE = "@two_over_pi"
FUNCTION = "@reduce_huge_angles"


def reduced_huge(E: Emitter, sizes: str) -> list[str]:
    """Return n mod 4, r and rest (as `adlab.compiler.vectorangles.Angle` has them, all numbers) of sizes ≥ 2²⁰."""
    for line in definition():
        E.body.declare(line)
    places = [E.kept(sizes), E.kept(), E.kept()]
    given = ", ".join(f"ptr {place}" for place in places)
    E.body.lines.append(f"call void {FUNCTION}({given}, i64 {E.lanes.width})")
    return [E.load(place, 64) for place in places]


@cache
def definition() -> tuple[str, ...]:
    """Return the lines of the function: sizes, in place of which n is stored, memory for r and rest, their number."""
    body = Body()
    S = Emitter(Lanes("double"), body)
    loop = S.loop("0", "%count")
    at = [S.element(array, loop.index) for array in ("%sizes", "%rs", "%rests")]
    for x, place in zip(reduced_one(S, S.load(at[0])), at, strict=True):
        S.store(x, place)
    loop.close()
    taken = "ptr %sizes, ptr %rs, ptr %rests, i64 %count"
    text = body.function(f"internal void {FUNCTION}({taken})", "nounwind noinline")
    return (*body.declarations, text)


def reduced_one(S: Emitter, size: str) -> list[str]:
    """Return n mod 4, r and rest of one size."""
    emit = S.emit
    bits = S.bits(size)
    exponent = emit(f"lshr i64 {bits}, 52")
    mantissa = emit(f"or i64 {emit(f'and i64 {bits}, {(1 << 52) - 1}')}, {1 << 52}")
    # The last place of M weighs 2ᵉ, e = exponent − 1075; bit k of 2/π (weight 2⁻ᵏ) matters from k = e − 1 on.
    start = emit(f"sub i64 {exponent}, {1075 + 2 - 64}")
    whole = emit(f"zext i64 {mantissa} to i192")
    product = emit(f"mul i192 {whole}, {window(S, start)}")
    n = emit(f"lshr i192 {emit(f'add i192 {product}, {1 << 189}')}, 190")
    fraction = emit(f"sub i192 {product}, {emit(f'shl i192 {n}, 190')}")
    negative = emit(f"icmp slt i192 {fraction}, 0")
    amount = emit(f"select i1 {negative}, i192 {emit(f'sub i192 0, {fraction}')}, i192 {fraction}")
    r, rest = times_half_pi(S, amount)
    quarters = emit(f"uitofp i64 {emit(f'trunc i192 {n} to i64')} to double")
    return [quarters, S.select(negative, S.neg(r), r), S.select(negative, S.neg(rest), rest)]


def window(S: Emitter, start: str) -> str:
    """Return 192 bits of the table, beginning at a bit: as i192."""
    emit, words = S.emit, len(TWO_OVER_PI_WORDS)
    listed = ", ".join(f"i64 {word}" for word in TWO_OVER_PI_WORDS)
    S.body.declare(f"{TABLE} = private unnamed_addr constant [{words} x i64] [{listed}]")
    first = emit(f"lshr i64 {start}, 6")
    joined = "0"
    for k in range(4):
        at = emit(f"getelementptr i64, ptr {TABLE}, i64 {emit(f'add i64 {first}, {k}')}")
        word = emit(f"zext i64 {emit(f'load i64, ptr {at}, align 8')} to i256")
        joined = emit(f"or i256 {joined}, {emit(f'shl i256 {word}, {64 * (3 - k)}')}")
    skipped = emit(f"zext i64 {emit(f'and i64 {start}, 63')} to i256")
    aligned = emit(f"lshr i256 {emit(f'shl i256 {joined}, {skipped}')}, 64")
    return emit(f"trunc i256 {aligned} to i192")


def times_half_pi(S: Emitter, amount: str) -> tuple[str, str]:
    """Return amount·2⁻¹⁹⁰·π/2 as a number and what it leaves, by a product of 128 bits with 128."""
    emit = S.emit
    S.body.declare("declare i192 @llvm.ctlz.i192(i192, i1)")
    zeros = emit(f"call i192 @llvm.ctlz.i192(i192 {amount}, i1 true)")
    normal = emit(f"lshr i192 {emit(f'shl i192 {amount}, {zeros}')}, 64")
    wide = emit(f"zext i192 {normal} to i256")
    # V = normal·(π/2·2¹²⁷)/2¹²⁸, so that amount·2⁻¹⁹⁰·π/2 = V·2^(−125 − zeros), V < 2¹²⁸.
    value = emit(f"lshr i256 {emit(f'mul i256 {wide}, {HALF_PI}')}, 128")
    high = emit(f"trunc i256 {emit(f'lshr i256 {value}, 75')} to i64")
    below = emit(f"lshr i256 {value}, 22")
    low = emit(f"and i64 {emit(f'trunc i256 {below} to i64')}, {(1 << 53) - 1}")
    places = emit(f"trunc i192 {zeros} to i64")

    def scaled(i: str, power: int) -> str:
        """Return i·2^(power − zeros)."""
        scale = S.from_bits(emit(f"shl i64 {emit(f'sub i64 {1023 + power}, {places}')}, 52"))
        return S.mul(emit(f"sitofp i64 {i} to double"), scale)

    return scaled(high, -50), scaled(low, -103)
