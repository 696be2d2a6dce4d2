"""Rewrites of arithmetic: neutral elements, literal factors and exponents, known choices, signs and squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from adlab.ir.types import Type
from adlab.transforms.rewrites.entry import (
    EACH_ELEMENT,
    LITERAL,
    TWINS,
    At,
    Rewrite,
    of_the_inside,
    the_inside,
    the_operand,
    without_repeats,
)

if TYPE_CHECKING:
    from adlab.transforms.simplify import Simplifier

# ---------------------------------------------------------------------------------------------------- literals


def literal_is(
    value: float, then: Callable[[Simplifier, At], int | None], position: int | None = None
) -> Callable[[Simplifier, At], int | None]:
    """Return a rule for a scalar literal of that value and sign, wherever it stands or at one position."""
    sign = math.copysign(1.0, value)

    def rule(w: Simplifier, at: At) -> int | None:
        if position is not None and at.position != position:
            return None
        number = w.number(at.x)
        if number is None or number != value or math.copysign(1.0, number) != sign:
            return None
        return then(w, at)

    return rule


def the_other(w: Simplifier, at: At) -> int | None:
    """Return the operand beside the literal, in the type of the result."""
    return w.fit(at.other, at.type)


def minus_the_other(w: Simplifier, at: At) -> int | None:
    """Return −x for the operand beside the literal."""
    given = w.type_of(at.other)
    if given.dtype != at.type.dtype:
        return None
    return w.fit(w.put("negative", at.other, type=given), at.type)


def the_other_if_no_minus_zero(w: Simplifier, at: At) -> int | None:
    """Return the operand beside a zero that would only turn −0 into +0, where it never is −0."""
    return the_other(w, at) if never_minus_zero(w, at.other) else None


NOT_NEGATIVE = frozenset(("square", "absolute", "exp", "exp2", "cosh", "sigmoid", "softplus", "hypot"))
"""Rows whose results are +0, positive or NaN."""

WIRING = frozenset(("reshape", "transpose", "broadcast_to", "index", "stack", "concatenate"))
"""Rows whose elements are those of their operands."""


def never_minus_zero(w: Simplifier, x: int, depth: int = 3) -> bool:
    """Return whether ``x`` is known to hold no −0, from the rows it comes from, a few steps back."""
    if x < 0:
        value = np.asarray(w.constants[~x].value, float)
        return not bool(np.any((value == 0) & np.signbit(value)))
    name, operands = w.primitives[x].name, w.operands[x]
    if name in NOT_NEGATIVE:
        return True
    if not depth:
        return False
    if name == "add":  # rounding to nearest, a + b is −0 only where both are
        return any(never_minus_zero(w, j, depth - 1) for j in operands)
    if name == "subtract":  # a − b is −0 only for a = −0 and b = +0
        return bool(w.number(operands[1])) or never_minus_zero(w, operands[0], depth - 1)
    if name in WIRING:
        return len(operands) <= 8 and all(never_minus_zero(w, j, depth - 1) for j in operands)
    return False


def inverse_of_power_of_two(w: Simplifier, at: At) -> int | None:
    """Return x·(1/c) for x/c where 1/c is a normal number without rounding."""
    c = w.number(at.x)
    if at.position != 1 or not c or not math.isfinite(c) or abs(math.frexp(c)[0]) != 0.5:
        return None
    dtype = w.constants[~at.x].type.dtype
    with np.errstate(all="ignore"):
        inverse = dtype.type(1 / c)
    if not np.finfo(dtype).tiny <= abs(inverse) < np.inf:
        return None
    return w.put("multiply", at.other, w.literal(inverse.item(), dtype), type=at.type)


def merged_factors(w: Simplifier, at: At) -> int | None:
    """Return (c·2ᵏ)·x for c·(2ᵏ·x), where |c| ≥ 1 and k ≥ 0."""
    outer = w.number(at.other)
    inner = None if outer is None else w.number(w.inside(at.x, 1))
    if outer is None or inner is None or w.types[at.x].dtype != at.type.dtype:
        return None
    dtype = w.constants[~at.other].type.dtype
    with np.errstate(all="ignore"):
        product = float(dtype.type(outer * inner)) if abs(inner) >= 1 and abs(outer) >= 1 else math.inf
    if abs(math.frexp(inner)[0]) != 0.5 or not math.isfinite(product) or dtype != at.type.dtype:
        return None
    factor = w.literal(product, dtype)
    return w.fit(w.put("multiply", w.inside(at.x), factor, type=w.types[at.x]), at.type)


def reciprocal(w: Simplifier, at: At) -> int | None:
    """Return 1/x as a reciprocal."""
    return w.put("reciprocal", at.other, type=at.type) if w.type_of(at.other) == at.type else None


def power_of_base(
    then: Callable[[Simplifier, int, Type], int],
) -> Callable[[Simplifier, At], int | None]:
    """Return a rule that writes x to a literal exponent otherwise, where x has the result's type."""
    return lambda w, at: then(w, at.other, at.type) if w.type_of(at.other) == at.type else None


def _cube(w: Simplifier, x: int, type: Type) -> int:
    return w.put("multiply", w.put("square", x, type=type), x, type=type)


def _fourth(w: Simplifier, x: int, type: Type) -> int:
    return w.put("square", w.put("square", x, type=type), type=type)


def chosen(w: Simplifier, at: At) -> int | None:
    """Return the branch that a literal condition chooses."""
    condition = w.number(at.x)
    if at.position != 0 or condition is None:
        return None
    return w.fit(at.operands[1] if condition else at.operands[2], at.type)


def uniform(w: Simplifier, at: At) -> int | None:
    """Return the application with its uniform arrays as numbers."""
    return without_repeats(w, at) if w.base(at.x) != at.x else None


ONE, MINUS_ONE, TWO = 1.0, -1.0, 2.0

BY_LITERALS = (
    Rewrite("x·1 → x", "multiply", LITERAL, literal_is(ONE, the_other), "IEEE: x·1 is x, −0 and NaN included"),
    Rewrite("x·(−1) → −x", "multiply", LITERAL, literal_is(MINUS_ONE, minus_the_other),
            "a product has the product of the signs and rounds nothing here"),
    Rewrite("x/2ᵏ → x·2⁻ᵏ", "divide", LITERAL, inverse_of_power_of_two,
            "both are the same real number rounded once; x/1 and x/(−1) become products by 1 and −1"),
    Rewrite("1/x → reciprocal", "divide", LITERAL, literal_is(ONE, reciprocal, 0),
            "reciprocal is 1/x rounded once"),
    Rewrite("c·(2ᵏ·x) → (c·2ᵏ)·x", "multiply", "multiply", merged_factors,
            "2ᵏ·x is exact for k ≥ 0; where it overflows, so does the product, as |c| ≥ 1"),
    Rewrite("x+(−0) → x", "add", LITERAL, literal_is(-0.0, the_other), "−0 is the neutral element: −0 + −0 = −0"),
    Rewrite("x+0 → x, x never −0", "add", LITERAL, literal_is(0.0, the_other_if_no_minus_zero),
            "only −0 + 0 is not x"),
    Rewrite("x−0 → x", "subtract", LITERAL, literal_is(0.0, the_other, 1), "x − 0 is x + (−0)"),
    Rewrite("x−(−0) → x, x never −0", "subtract", LITERAL, literal_is(-0.0, the_other_if_no_minus_zero, 1),
            "x − (−0) is x + 0"),
    Rewrite("−0−x → −x", "subtract", LITERAL, literal_is(-0.0, minus_the_other, 0), "−0 + (−x), −0 neutral"),
    Rewrite("x⁰ → 1", "power", LITERAL,
            literal_is(0.0, lambda w, at: w.fit(w.literal(1.0, at.type.dtype), at.type), 1),
            "pow(x, 0) is 1 for every x, NaN included"),
    Rewrite("x¹ → x", "power", LITERAL, literal_is(ONE, the_other, 1), "pow(x, 1) is x"),
    Rewrite("x² → square", "power", LITERAL,
            literal_is(TWO, power_of_base(lambda w, x, t: w.put("square", x, type=t)), 1),
            "NumPy's pow multiplies for 2; libm's is within an ulp of the product, which is rounded once"),
    Rewrite("x⁻¹ → reciprocal", "power", LITERAL,
            literal_is(MINUS_ONE, power_of_base(lambda w, x, t: w.put("reciprocal", x, type=t)), 1),
            "a pow that rounds correctly gives 1/x; libm's is within an ulp, and the quotient is rounded once"),
    Rewrite("x³ → x²·x", "power", LITERAL, literal_is(3.0, power_of_base(_cube), 1),
            "two roundings; where x² over- or underflows, so does x³", ulps=2),
    Rewrite("x⁴ → (x²)²", "power", LITERAL, literal_is(4.0, power_of_base(_fourth), 1),
            "the error of x² doubles and one rounding joins it; where x² over- or underflows, so does x⁴", ulps=2),
    Rewrite("where(literal, a, b)", "where", LITERAL, chosen, "the choice is known"),
    Rewrite("f(uniform array) → f(number)", EACH_ELEMENT, LITERAL, uniform, "each element sees the same numbers"),
)  # fmt: skip

# ----------------------------------------------------------------------------------------------- signs, squares


def negative_outside(w: Simplifier, at: At) -> int | None:
    """Return −(x∘y) for (−x)∘y."""
    operands = list(at.operands)
    operands[at.position] = w.inside(at.x)
    return w.put("negative", w.write(at.primitive, tuple(operands), (), at.type), type=at.type)


def subtracted(w: Simplifier, at: At) -> int:
    """Return x − y for x + (−y)."""
    return w.put("subtract", at.other, w.inside(at.x), type=at.type)


def added(w: Simplifier, at: At) -> int | None:
    """Return x + y for x − (−y)."""
    return w.put("add", at.other, w.inside(at.x), type=at.type) if at.position == 1 else None


def squared(w: Simplifier, at: At) -> int | None:
    """Return x² for x·x."""
    return w.put("square", at.x, type=at.type) if w.type_of(at.x) == at.type else None


def of_equals(w: Simplifier, at: At) -> int | None:
    """Return x for a choice between x and x."""
    return w.fit(at.operands[-1], at.type)


def other_way_round(w: Simplifier, at: At) -> int | None:
    """Return where(c, b, a) for where(¬c, a, b)."""
    if at.position != 0:
        return None
    _, a, b = at.operands
    return w.write(at.primitive, (w.inside(at.x), b, a), (), at.type)


SIGNS = (
    Rewrite("−(−x) → x", "negative", "negative", the_inside, "the sign bit flips twice"),
    Rewrite("(−x)·y → −(x·y)", "multiply", "negative", negative_outside,
            "rounding is symmetric, and the sign of a product is that of its factors"),
    Rewrite("(−x)/y → −(x/y)", "divide", "negative", negative_outside, "as for products"),
    Rewrite("x+(−y) → x−y", "add", "negative", subtracted, "that is how IEEE defines the difference"),
    Rewrite("x−(−y) → x+y", "subtract", "negative", added, "that is how IEEE defines the difference"),
    Rewrite("(−x)² → x²", "square", "negative", of_the_inside, "the signs cancel"),
    Rewrite("|x|² → x²", "square", "absolute", of_the_inside, "the signs cancel"),
    Rewrite("|−x| → |x|", "absolute", "negative", of_the_inside, "the sign bit is cleared anyway"),
    *(Rewrite(f"|{row}| → {row}", "absolute", row, the_operand, "it is not negative and not −0")
      for row in sorted(NOT_NEGATIVE)),
    Rewrite("x·x → x²", "multiply", TWINS, squared, "square is x·x"),
    Rewrite("max(x, x) → x", "maximum", TWINS, of_equals, "x is x, NaN included"),
    Rewrite("min(x, x) → x", "minimum", TWINS, of_equals, "x is x, NaN included"),
    Rewrite("where(c, a, a) → a", "where", TWINS, of_equals, "both branches are one value"),
    Rewrite("where(¬c, a, b) → where(c, b, a)", "where", "logical_not", other_way_round, "the same choice"),
    Rewrite("¬¬c → c", "logical_not", "logical_not", the_inside, "truth values have two states"),
)  # fmt: skip
