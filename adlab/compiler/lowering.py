"""THE table of native lowerings: for every elementwise row of the rule table, how it is computed on lanes.

A lowering is a function of an emitter and the operands' values, all of the emitter's lanes; comparisons give truth
values, logical rows take them, ``where`` takes one first. What NumPy does in special cases (NaN, ±∞, signs of zero, ties) is
done here too. Functions with a vector form are polynomials (`adlab.compiler.vectormath`, `adlab.compiler.vectorangles`);
the others call the C library, or the C functions that SciPy publishes, lane by lane. What neither has is in `HOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from adlab.compiler import vectorangles as angles
from adlab.compiler import vectormath as vm
from adlab.compiler.emit import Element, Emitter, Lanes
from adlab.compiler.formats import format_of
from adlab.compiler.program import Outside
from adlab.compiler.vectorpower import power as general_power

Lowering = Callable[[Emitter, Sequence[str]], str]

INF = float("inf")


def of(function: Callable[..., str]) -> Lowering:
    """Return the lowering that gives the function its operands one by one."""
    return lambda E, xs: function(E, *xs)


# ------------------------------------------------------------------------------------------------ lane by lane


def libm(name: str) -> Lowering:
    """Return the lowering that calls a function of the C library, in the dtype of the lanes."""

    def lower(E: Emitter, xs: Sequence[str]) -> str:
        pointer = E.body.outside(Outside("libm", name if E.lanes.dtype == "double" else f"{name}f"))
        return E.lane_by_lane(lambda S, lane: S.call(pointer, lane), *xs)

    return lower


def special(name: str) -> Lowering:
    """Return the lowering that calls a function of ``scipy.special.cython_special``; all are of doubles.

    The last argument says whether a subclass may override the function; a C caller passes 0.
    """

    def lower(E: Emitter, xs: Sequence[str]) -> str:
        pointer = E.body.outside(Outside("special", name))

        def call(S: Emitter, lane: list[str]) -> str:
            D = S.over(Lanes("double"))
            result = D.call(pointer, [D.convert(x, S.lanes.dtype) for x in lane], "i32 0")
            return S.convert(result, "double")

        return E.lane_by_lane(call, *xs)

    return lower


# -------------------------------------------------------------------------------------------------- arithmetic


def reciprocal(E: Emitter, x: str) -> str:
    """Return 1/x."""
    return E.div(E.constant(1.0), x)


def sign(E: Emitter, x: str) -> str:
    """Return ±1, 0 for either zero; NaN stays."""
    ordered = E.select(E.equal(x, E.constant(0.0)), E.constant(0.0), E.copysign(E.constant(1.0), x))
    return E.select(E.is_nan(x), x, ordered)


def hypot(E: Emitter, a: str, b: str, dtype: Element) -> str:
    """Return √(a² + b²); both are brought near 1 by a power of two where a square would overflow or vanish."""
    a, b, one = E.abs(a), E.abs(b), E.constant(1.0)
    up, down = E.constant(2.0**600), E.constant(2.0**-600)
    largest = E.max(a, b)
    large, small = E.greater(largest, E.constant(2.0**500)), E.less(largest, E.constant(2.0**-500))
    factor = E.select(large, down, E.select(small, up, one))
    back = E.select(large, up, E.select(small, down, one))
    p, q = E.mul(a, factor), E.mul(b, factor)
    y = E.mul(E.sqrt(E.fmuladd(p, p, E.mul(q, q))), back)
    infinite = E.either(E.equal(a, E.constant(INF)), E.equal(b, E.constant(INF)))
    return E.select(infinite, E.constant(INF), y)


def root(E: Emitter, x: str) -> str:
    """Return x^½ as IEEE's pow has it: the root, but +0 for −0 and ∞ for −∞."""
    y = E.sqrt(E.add(x, E.constant(0.0)))
    return E.select(E.equal(x, E.constant(-INF)), E.constant(INF), y)


POWERS: Mapping[float, Callable[[Emitter, str], str]] = {
    -1.0: reciprocal,
    -0.5: lambda E, x: reciprocal(E, root(E, x)),
    0.0: lambda E, x: E.constant(1.0),
    0.5: root,
    1.0: lambda E, x: x,
    2.0: lambda E, x: E.mul(x, x),
    3.0: lambda E, x: E.mul(E.mul(x, x), x),
}
"""Literal exponents that take one or two roundings, so at most 2 units in the last place."""


def power(E: Emitter, x: str, p: str) -> str:
    """Return xᵖ."""
    written = POWERS.get(number) if (number := E.literal(p)) is not None else None
    return written(E, x) if written else general_power(E, x, p)


# ------------------------------------------------------------------------------------------------------ choice


def maximum(E: Emitter, a: str, b: str) -> str:
    """Return the larger of two, NaN if one is; a literal that is no NaN saves a comparison."""
    if is_number(E, b):
        a, b = b, a
    larger = E.max(a, b)
    return larger if is_number(E, a) else E.select(E.is_nan(a), a, larger)


def minimum(E: Emitter, a: str, b: str) -> str:
    """Return the smaller of two, NaN if one is; a literal that is no NaN saves a comparison."""
    if is_number(E, b):
        a, b = b, a
    smaller = E.min(a, b)
    return smaller if is_number(E, a) else E.select(E.is_nan(a), a, smaller)


def is_number(E: Emitter, x: str) -> bool:
    """Return whether the value is a literal other than NaN."""
    number = E.literal(x)
    return number is not None and number == number


def clip(E: Emitter, x: str, low: str, high: str) -> str:
    """Return x kept between two; the upper one wins where they cross, as in NumPy."""
    return minimum(E, maximum(E, x, low), high)


def relu(E: Emitter, x: str) -> str:
    """Return max(x, 0)."""
    return maximum(E, x, E.constant(0.0))


def leaky_relu(E: Emitter, x: str, slope: str) -> str:
    """Return x for x ≥ 0, slope·x below."""
    return E.select(E.greater_equal(x, E.constant(0.0)), x, E.mul(slope, x))


def elu(E: Emitter, x: str, alpha: str) -> str:
    """Return x for x ≥ 0, α(eˣ − 1) below."""
    below = E.mul(alpha, vm.expm1(E, E.min(E.constant(0.0), x)))
    return E.select(E.greater_equal(x, E.constant(0.0)), x, below)


# ------------------------------------------------------------------------------------- sums and products of logs


def log_sum(E: Emitter, a: str, b: str, dtype: Element) -> str:
    """Return ln(eᵃ + eᵇ) = max + ln(1 + e^(−|a − b|)); equal infinities differ by 0."""
    apart = E.select(E.equal(a, b), E.constant(0.0), E.sub(a, b))
    z = vm.decay(E, E.abs(apart), dtype)
    return E.add(E.max(a, b), vm.log_of_sum(E, z, dtype))


def log2_sum(E: Emitter, a: str, b: str, dtype: Element) -> str:
    """Return log₂(2ᵃ + 2ᵇ) = max + log₂(1 + 2^(−|a − b|)); equal infinities differ by 0."""
    apart = E.select(E.equal(a, b), E.constant(0.0), E.sub(a, b))
    z = vm.exp2(E, E.neg(E.abs(apart)))
    return E.fmuladd(vm.log_of_sum(E, z, dtype), E.constant(format_of(E).log2_e[0]), E.max(a, b))


def product_with_log(log: Callable[[Emitter, str], str]) -> Lowering:
    """Return the lowering of a·log(b) that is 0 for a = 0, whatever log(b) is, unless b is NaN."""

    def lower(E: Emitter, xs: Sequence[str]) -> str:
        a, b = xs
        none = E.both(E.equal(a, E.constant(0.0)), E.opposite(E.is_nan(b)))
        return E.select(none, E.constant(0.0), E.mul(a, log(E, b)))

    return lower


def sinc(E: Emitter, x: str, dtype: Element) -> str:
    """Return sin(πx)/(πx), 1 at 0."""
    angle = E.mul(x, E.constant(format_of(E).pi[0]))
    y = E.div(angles.sin_of(E, angle, dtype), angle)
    return E.select(E.equal(x, E.constant(0.0)), E.constant(1.0), y)


def remainder(E: Emitter, xs: Sequence[str]) -> str:
    """Return the remainder with the sign of the divisor: C's fmod, moved by one divisor where signs differ."""
    b, zero = xs[1], E.constant(0.0)
    m = libm("fmod")(E, xs)
    other_side = E.differ(E.less(b, zero), E.less(m, zero))
    moved = E.select(other_side, E.add(m, b), m)
    return E.select(E.equal(m, zero), E.copysign(zero, b), moved)


# --------------------------------------------------------------------------------------------------- the table

ARITHMETIC: Mapping[str, Lowering] = {
    "add": of(Emitter.add),
    "subtract": of(Emitter.sub),
    "multiply": of(Emitter.mul),
    "divide": of(Emitter.div),
    "negative": of(Emitter.neg),
    "power": of(power),
    "square": lambda E, xs: E.mul(xs[0], xs[0]),
    "sqrt": of(Emitter.sqrt),
    "cbrt": of(vm.cbrt),
    "reciprocal": of(reciprocal),
    "absolute": of(Emitter.abs),
    "sign": of(sign),
    "hypot": of(vm.on_doubles(hypot)),
    "floor": of(Emitter.floor),
    "ceil": of(Emitter.ceil),
    "round": of(Emitter.rint),
    "fmod": libm("fmod"),
    "remainder": remainder,
}

FUNCTIONS: Mapping[str, Lowering] = {
    "exp": of(vm.exp),
    "exp2": of(vm.exp2),
    "expm1": of(vm.expm1),
    "log": of(vm.log),
    "log1p": of(vm.log1p),
    "log2": of(vm.log2),
    "log10": of(vm.log10),
    "logaddexp": of(vm.on_lanes(log_sum)),
    "logaddexp2": of(vm.on_lanes(log2_sum)),
    "sin": of(angles.sin),
    "cos": of(angles.cos),
    "tan": of(angles.tan),
    "arcsin": of(angles.arcsin),
    "arccos": of(angles.arccos),
    "arctan": of(angles.arctan),
    "arctan2": of(angles.arctan2),
    "sinh": of(vm.sinh),
    "cosh": of(vm.cosh),
    "tanh": of(vm.tanh),
    "arcsinh": libm("asinh"),
    "arccosh": libm("acosh"),
    "arctanh": libm("atanh"),
    "sinc": of(vm.on_doubles(sinc)),
}

ACTIVATIONS: Mapping[str, Lowering] = {
    "sigmoid": of(vm.sigmoid),
    "softplus": of(vm.softplus),
    "relu": of(relu),
    "leaky_relu": of(leaky_relu),
    "prelu": of(leaky_relu),
    "elu": of(elu),
}

CHOICE: Mapping[str, Lowering] = {
    "less": of(Emitter.less),
    "less_equal": of(Emitter.less_equal),
    "greater": of(Emitter.greater),
    "greater_equal": of(Emitter.greater_equal),
    "equal": of(Emitter.equal),
    "not_equal": of(Emitter.not_equal),
    "logical_and": of(Emitter.both),
    "logical_or": of(Emitter.either),
    "logical_not": of(Emitter.opposite),
    "where": of(Emitter.select),
    "maximum": of(maximum),
    "minimum": of(minimum),
    "clip": of(clip),
}

SCIPY = (
    "gammaln", "gamma", "rgamma", "beta", "betaln", "gammainc", "gammaincc", "betainc", "erfinv", "erfcinv",
    "ndtr", "log_ndtr", "logit", "jv", "yv", "iv", "ive", "kv",
)  # fmt: skip
"""Rows that SciPy publishes a C function for, under the row's name."""

SPECIAL: Mapping[str, Lowering] = {
    "erf": of(vm.erf),
    "erfc": libm("erfc"),
    "digamma": special("psi"),
    "xlogy": product_with_log(vm.log),
    "xlog1py": product_with_log(vm.log1p),
    **{name: special(name) for name in SCIPY},
}

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {**ARITHMETIC, **FUNCTIONS, **ACTIVATIONS, **CHOICE, **SPECIAL}
)
"""Every elementwise row that has a native form, by name."""

HOST: Mapping[str, str] = MappingProxyType(
    {"polygamma": "SciPy publishes no C function for it, nor for the Hurwitz zeta function it is made of."}
)
"""Elementwise rows that NumPy and SciPy compute between native parts, with the reason."""
