"""The coefficients of the compiler's polynomials, derived: weighted minimax approximation by Remez' exchange.

    python -m benchmarks.coefficients

prints ``adlab/compiler/coefficients.py``. Each line of `TARGETS` says which function of u is approximated, over which
interval, with which weight: the weight times the error is then the error of the whole function relative to its
value, and the table gives its largest size as a power of two. Degrees are the smallest with an error below 2⁻⁵⁶ for
float64 and 2⁻²⁹ for float32, whose kernels compute in float64. In 50 digits, by mpmath.

Source: E. Ya. Remez, 1934; the exchange as in J.-M. Muller, Elementary Functions, 3rd edition, chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp

POINTS = 400
SUFFICIENT = {"double": -55.5, "float": -28.0}


class Target(NamedTuple):
    """What a polynomial in u is to approximate.

    Attributes
    ----------
    name : str
        The constant's name.
    words : str
        What the polynomial is of, for the table.
    function : callable
        The function of u.
    low, high : float
        The interval of u.
    weight : callable
        What turns the polynomial's error into the relative error of the whole.
    """

    name: str
    words: str
    function: Callable[[Any], Any]
    low: Any
    high: Any
    weight: Callable[[Any], Any]


def series(function: Callable[[Any], Any], power: int, terms: int = 0) -> Callable[[Any], Any]:
    """Return u ↦ (function(u) − its first Taylor terms)/u^power, in enough digits to survive the subtraction."""
    known = mp.taylor(function, 0, power + terms)[:power]

    def rest(u: Any) -> Any:
        with mp.extradps(60):
            u = mp.mpf(u) or mp.mpf(10) ** -20
            return (function(u) - mp.polyval(known[::-1], u)) / u**power

    return rest


def odd(function: Callable[[Any], Any], first: int = 1) -> Callable[[Any], Any]:
    """Return z ↦ (function(√z)/√z − first)/z."""

    def rest(z: Any) -> Any:
        with mp.extradps(60):
            z = mp.mpf(z) or mp.mpf(10) ** -20
            return (function(mp.sqrt(z)) / mp.sqrt(z) - first) / z

    return rest


def cosine(z: Any) -> Any:
    """Return (cos √z − 1 + z/2)/z²."""
    with mp.extradps(60):
        z = mp.mpf(z) or mp.mpf(10) ** -20
        return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def odd_rest(z: Any) -> Any:
    """Return (3 artanh(s)/s − 3 − s²)/s⁴ of s² = z."""
    with mp.extradps(60):
        z = mp.mpf(z) or mp.mpf(10) ** -20
        return (3 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 3 - z) / z**2


mp.mp.dps = 50
HALF_LN2 = mp.log(2) / 2
TARGETS = (
    Target("EXP", "(eʳ − 1 − r)/r², |r| ≤ ½ ln 2", series(mp.exp, 2), -HALF_LN2, HALF_LN2, abs),
    Target("EXP2", "(2ʳ − 1)/r, |r| ≤ ½", series(lambda r: mp.mpf(2) ** r, 1), -0.5, 0.5, abs),
    Target("LOG", "(2 artanh(s)/s − 2)/s² of s², |s| ≤ 3 − √8", odd(lambda s: 2 * mp.atanh(s), 2),
           0, (3 - mp.sqrt(8)) ** 2, lambda z: z / 2),
    Target("POWER_LOG", "(3 artanh(s)/s − 3 − s²)/s⁴ of s², |s| ≤ 3 − √8", odd_rest,
           0, (3 - mp.sqrt(8)) ** 2, lambda z: z**2 / 3),
    Target("SIN", "(sin(r)/r − 1)/r² of r², |r| ≤ π/4", odd(mp.sin), 0, (mp.pi / 4) ** 2, lambda z: z),
    Target("COS", "(cos r − 1 + r²/2)/r⁴ of r², |r| ≤ π/4", cosine, 0, (mp.pi / 4) ** 2, lambda z: z**2),
    Target("ARCTAN", "(arctan(r)/r − 1)/r² of r², |r| ≤ √2 − 1", odd(mp.atan), 0, (mp.sqrt(2) - 1) ** 2,
           lambda z: z),
    Target("ARCSIN", "(arcsin(r)/r − 1)/r² of r², |r| ≤ ½", odd(mp.asin), 0, 0.25, lambda z: z),
    Target("SINH", "(sinh(r)/r − 1)/r² of r², |r| ≤ 1", odd(mp.sinh), 0, 1, lambda z: z),
    Target("ERF", "erf(x)/x − 1 of x², |x| ≤ 1",
           lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1 if z else 2 / mp.sqrt(mp.pi) - 1, 0, 1, lambda z: 1),
    Target("ERFC", "−ln(1 − erf x) of x, 1 ≤ x ≤ 6", lambda x: -mp.log(mp.erfc(x)), 1, 6, mp.erfc),
    Target("RCBRT", "u^(−⅓), ⅓ ≤ u ≤ 3", lambda u: mp.cbrt(1 / u), mp.mpf(1) / 3, 3, lambda u: mp.cbrt(u)),
)  # fmt: skip
TANH = Target(
    "TANH",
    "(tanh(r)/r − 1)/r² of r², |r| ≤ ⅝, as a quotient",
    odd(mp.tanh),
    0,
    mp.mpf(5) ** 2 / 64,
    lambda z: z,
)
TANH_DEGREES = {"double": (2, 3), "float": (1, 1)}
OTHERWISE = {"RCBRT": -9.0, "POWER_LOG": -66.0}
"""A starting value that Newton's steps improve; a logarithm that is multiplied by up to 700."""


def fit(nodes: list[Any], values: list[Any], weights: list[Any], degree: int) -> list[Any]:
    """Return the polynomial whose weighted errors at degree + 2 nodes are equal and alternate."""
    rows = [
        [*(u**k for k in range(degree + 1)), (-1) ** i / w]
        for i, (u, w) in enumerate(zip(nodes, weights, strict=True))
    ]
    return list(mp.lu_solve(mp.matrix(rows), mp.matrix(values)))[:-1]


def remez(target: Target, degree: int) -> tuple[list[Any], float]:
    """Return the coefficients, lowest first, and log₂ of the largest weighted error after rounding to float64."""
    low, high = mp.mpf(target.low), mp.mpf(target.high)
    angles = [mp.pi * (k + 0.5) / POINTS for k in range(POINTS)]
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(a) for a in angles]
    values, weights = [target.function(u) for u in grid], [target.weight(u) for u in grid]
    chosen = [round((k + 0.5) * POINTS / (degree + 2) - 0.5) for k in range(degree + 2)]
    for _ in range(30):
        nodes, wanted, heavy = ([row[i] for i in chosen] for row in (grid, values, weights))
        found = fit(nodes, wanted, heavy, degree)
        errors = [w * (v - mp.polyval(found[::-1], u)) for u, v, w in zip(grid, values, weights, strict=True)]
        peaks = extrema(errors, degree + 2)
        if peaks == chosen or len(peaks) < degree + 2:
            break
        chosen = peaks
    rounded = [mp.mpf(float(c)) for c in found]
    worst = max(
        abs(w * (v - mp.polyval(rounded[::-1], u))) for u, v, w in zip(grid, values, weights, strict=True)
    )
    return [float(c) for c in found], float(mp.log(worst, 2))


def extrema(errors: list[Any], count: int) -> list[int]:
    """Return where the error is largest between changes of sign; the ``count`` largest neighbours in a row."""
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if peaks and (e > 0) == (errors[peaks[-1]] > 0):
            if abs(e) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > count:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return peaks


def rational(target: Target, above: int, below: int) -> tuple[list[Any], list[Any], float]:
    """Return numerator and denominator of the minimax quotient, the denominator ending in 1, and log₂ of its error.

    At the nodes, P(u) − (f(u) ± e/w(u))·Q(u) = 0: linear in the coefficients and in e·Q, with Q of the last turn.
    """
    low, high = mp.mpf(target.low), mp.mpf(target.high)
    count = above + below + 2
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (k + 0.5) / POINTS) for k in range(POINTS)]
    values, weights = [target.function(u) for u in grid], [target.weight(u) for u in grid]
    chosen = [round((k + 0.5) * POINTS / count - 0.5) for k in range(count)]
    bottom: list[Any] = [mp.mpf(1)]
    for _ in range(30):
        rows = [
            [
                *(grid[i] ** k for k in range(above + 1)),
                *(-values[i] * grid[i] ** k for k in range(below)),
                (-1) ** j * mp.polyval(bottom[::-1], grid[i]) / weights[i],
            ]
            for j, i in enumerate(chosen)
        ]
        right = [values[i] * grid[i] ** below for i in chosen]
        found = list(mp.lu_solve(mp.matrix(rows), mp.matrix(right)))
        top, bottom = found[: above + 1], [*found[above + 1 : -1], mp.mpf(1)]
        errors = [
            w * (v - mp.polyval(top[::-1], u) / mp.polyval(bottom[::-1], u))
            for u, v, w in zip(grid, values, weights, strict=True)
        ]
        peaks = extrema(errors, count)
        if len(peaks) == count:
            chosen = peaks
    top, bottom = [mp.mpf(float(c)) for c in top], [mp.mpf(float(c)) for c in bottom]
    worst = max(
        abs(w * (v - mp.polyval(top[::-1], u) / mp.polyval(bottom[::-1], u)))
        for u, v, w in zip(grid, values, weights, strict=True)
    )
    return [float(c) for c in top], [float(c) for c in bottom], float(mp.log(worst, 2))


def smallest(target: Target, sufficient: float) -> tuple[list[Any], float]:
    """Return the polynomial of the smallest degree whose error suffices."""
    for degree in range(1, 30):
        found, error = remez(target, degree)
        if error < sufficient:
            return found, error
    raise ArithmeticError(f"{target.name}: no polynomial below degree 30 has an error under 2^{sufficient}.")


def show(name: str, words: str, found: dict[str, tuple[list[Any], float]]) -> None:
    """Print one table: by dtype the coefficients and, in a comment, their error."""
    print(f"\n# {words}\n{name}: Table = {{")
    for dtype, (coefficients, error) in found.items():
        print(f'    "{dtype}": (  # error 2^{error:.1f}')
        for c in coefficients:
            print(f"        {c!r},")
        print("    ),")
    print("}")


def main() -> None:
    """Print the module of tables."""
    print(
        '"""Coefficients of minimax polynomials, lowest power first; printed by ``benchmarks/coefficients.py``."""'
    )
    print("\nfrom __future__ import annotations\n\nfrom collections.abc import Mapping\n")
    print("Table = Mapping[str, tuple[float, ...]]")
    for target in TARGETS:
        exact = {d: OTHERWISE.get(target.name, sufficient) for d, sufficient in SUFFICIENT.items()}
        show(target.name, target.words, {d: smallest(target, e) for d, e in exact.items()})
    quotients = {dtype: rational(TANH, *degrees) for dtype, degrees in TANH_DEGREES.items()}
    show("TANH_ABOVE", f"{TANH.words}: numerator", {d: (q[0], q[2]) for d, q in quotients.items()})
    show("TANH_BELOW", f"{TANH.words}: denominator", {d: (q[1], q[2]) for d, q in quotients.items()})


if __name__ == "__main__":
    main()
