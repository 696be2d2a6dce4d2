"""The polynomials against mpmath: within 2 units in the last place everywhere, and right at the edges."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import mpmath
import numpy as np
import pytest

pytest.importorskip("llvmlite")

from adlab.compiler import engine
from adlab.compiler.engine import Machine
from benchmarks.kernels import WIDTHS, Kernel, kernel, text

MP = mpmath.mp.clone()
MP.dps = 40

INF, NAN = np.inf, np.nan

EXACT: dict[str, Callable] = {
    "exp": MP.exp,
    "exp2": lambda x: MP.mpf(2) ** x,
    "expm1": MP.expm1,
    "log": MP.log,
    "log1p": MP.log1p,
    "log2": lambda x: MP.log(x, 2),
    "log10": MP.log10,
    "tanh": MP.tanh,
    "sigmoid": lambda x: 1 / (1 + MP.exp(-x)),
    "softplus": lambda x: MP.log1p(MP.exp(x)),
    "sinh": MP.sinh,
    "cosh": MP.cosh,
    "sin": MP.sin,
    "cos": MP.cos,
    "tan": MP.tan,
    "arcsin": MP.asin,
    "arccos": MP.acos,
    "arctan": MP.atan,
    "erf": MP.erf,
    "cbrt": lambda x: MP.sign(x) * MP.cbrt(abs(x)),
}
ROWS = tuple(EXACT)

WHERE = {
    "log": (0.0, INF), "log2": (0.0, INF), "log10": (0.0, INF), "log1p": (-1.0, INF),
    "arcsin": (-1.0, 1.0), "arccos": (-1.0, 1.0),
}  # fmt: skip

BUSY = {
    "exp": (-746, 710), "exp2": (-1076, 1024), "expm1": (-3, 3), "tanh": (-2, 2), "sigmoid": (-746, 40), "softplus": (-746, 40),
    "sinh": (-711, 711), "cosh": (-711, 711), "log": (0.5, 2), "log2": (0.5, 2), "log10": (0.5, 2), "log1p": (-0.9, 1),
    "sin": (-1e6, 1e6), "cos": (-1e6, 1e6), "tan": (-1e6, 1e6), "arcsin": (-1, 1), "arccos": (-1, 1), "arctan": (-3, 3),
    "erf": (-6.2, 6.2), "cbrt": (-8, 8),
}  # fmt: skip

HARD = {
    "exp": [709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, -708.3964185322641],
    "expm1": [0.34657359027997264, 0.3465735902799727, -0.34657359027997264, 709.782712893384, -37.5, 1.5e-8],
    "log": [1 + 2.0**-52, 1 - 2.0**-53, 0.5**0.5, 2**0.5, 2.0**-1022, 2.0**-1074],
    "log1p": [2.0**-53, -1 + 2.0**-53, 2**0.5 - 1, 0.5**0.5 - 1, -(2.0**-1074), 1.7e308],
    "log2": [1 + 2.0**-52, 1 - 2.0**-53, 3e-320],
    "log10": [1 + 2.0**-52, 1 - 2.0**-53, 1000.0, 3e-320],
    "tanh": [0.625, np.nextafter(0.625, 0), 19.06, 20.0],
    "sigmoid": [-745.13, -1.0986122886681098, -1.0986, 36.7],
    # Multiples of π/2 that a float64 comes very near to, small and huge (J.-M. Muller, Elementary Functions, chapter 11).
    "sin": [3.141592653589793, 22.0, 710.0, 1048575.999, 1048576.5, 6381956970095103 * 2.0**797, 1e22, 1.7e308],
    "cos": [1.5707963267948966, 11.0, 1048575.999, 1048576.5, 6381956970095103 * 2.0**797, 1e22, 1.7e308],
    "tan": [1.5707963267948966, 3.141592653589793, 11.0, 22.0, 6381956970095103 * 2.0**797, 1e22],
    "arcsin": [0.5, np.nextafter(0.5, 1), 1 - 2.0**-53],
    "arccos": [0.5, np.nextafter(0.5, 1), -0.5, np.nextafter(-0.5, -1), 1 - 2.0**-53, -1 + 2.0**-53],
    "arctan": [2**0.5 - 1, 2**0.5 + 1, 0.4142135623730951, 1e300],
    "erf": [1.0, np.nextafter(1.0, 0), 5.92, 6.0],
    "sinh": [1.0, np.nextafter(1.0, 0), 710.4758600739439, -710.4758600739439],
    "cosh": [710.4758600739439, -710.4758600739439],
}  # fmt: skip

NO_AVX512 = Machine(engine.host().triple, "x86-64-v3", "")
BASELINE = Machine(engine.host().triple, "x86-64", "")
ARM = Machine("aarch64-unknown-linux-gnu", "generic", "")
ON_X86 = pytest.mark.skipif("x86_64" not in engine.host().triple, reason="forces models of x86-64")


@cache
def native(name: str, dtype: str, width: int, machine: Machine | None = None) -> Kernel:
    return kernel(name, dtype, width, machine)


def points(name: str, dtype: str, count: int) -> np.ndarray:
    """Numbers where the function bends, numbers of every size and sign, and hard cases."""
    rng = np.random.default_rng(sum(map(ord, name)))
    info = np.finfo(dtype)
    exponents = rng.uniform(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), count)
    sized = np.exp2(np.minimum(exponents, np.log2(float(info.max)) - 1e-9))
    near_0 = np.exp2(rng.uniform(-30, 4, count))
    low, high = WHERE.get(name, (-INF, INF))
    both = np.concatenate([sized, near_0]) * rng.choice([-1.0, 1.0], 2 * count)
    with np.errstate(over="ignore", under="ignore"):
        x = np.concatenate([rng.uniform(*BUSY[name], 2 * count), both, HARD.get(name, [])]).astype(dtype)
    return x[(x > low) & (x < high) & np.isfinite(x)]


def ulps(got: np.ndarray, exact: list) -> float:
    """The largest error in units in the last place of the result, infinite where a result should be infinite and is not."""
    largest = MP.mpf(float(np.finfo(got.dtype).max))
    unit = largest * MP.mpf(float(np.finfo(got.dtype).eps)) / 4
    worst = 0.0
    for y, want in zip(got, exact, strict=True):
        if abs(want) >= largest + unit:
            worst = max(worst, 0.0 if np.isinf(y) and (y > 0) == (want > 0) else INF)
        else:
            spacing = MP.mpf(float(np.spacing(got.dtype.type(abs(float(want))))))
            worst = max(worst, float(abs(MP.mpf(float(y)) - want) / spacing) if np.isfinite(y) else INF)
    return worst


@cache
def exactly(name: str, dtype: str, count: int) -> tuple[np.ndarray, list]:
    x = points(name, dtype, count)
    return x, [EXACT[name](MP.mpf(float(v))) for v in x]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", WIDTHS)
def test_two_units_in_the_last_place(name: str, dtype: str) -> None:
    x, want = exactly(name, dtype, 400)
    assert ulps(native(name, dtype, WIDTHS[dtype])(x), want) <= 2


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_float32_is_nearly_correctly_rounded(name: str) -> None:
    x, want = exactly(name, "float32", 400)
    assert ulps(native(name, "float32", 32)(x), want) <= 0.6


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", WIDTHS)
def test_one_lane_is_as_good_as_many(name: str, dtype: str) -> None:
    x = points(name, dtype, 100)
    np.testing.assert_array_equal(native(name, dtype, 1)(x), native(name, dtype, WIDTHS[dtype])(x))


EDGES = (
    ("exp", [0.0, -0.0, INF, -INF, NAN, 710.0, -746.0, 1e300, -1e300], [1, 1, INF, 0, NAN, INF, 0, INF, 0]),
    ("exp2", [0.0, -0.0, INF, -INF, NAN, 1024.0, -1076.0, 3.0, -1074.0], [1, 1, INF, 0, NAN, INF, 0, 8, 5e-324]),
    ("expm1", [0.0, -0.0, INF, -INF, NAN, 710.0, -1e300, 5e-324, -5e-324], [0, -0.0, INF, -1, NAN, INF, -1, 5e-324, -5e-324]),
    ("log", [1.0, 0.0, -0.0, INF, -INF, NAN, -1.0, -5e-324], [0, -INF, -INF, INF, NAN, NAN, NAN, NAN]),
    ("log2", [1.0, 0.0, -0.0, INF, -INF, NAN, 8.0, 2.0**-1074, 2.0**1000], [0, -INF, -INF, INF, NAN, NAN, 3, -1074, 1000]),
    ("log10", [1.0, 0.0, -0.0, INF, -INF, NAN, -3.0], [0, -INF, -INF, INF, NAN, NAN, NAN]),
    ("log1p", [0.0, -0.0, -1.0, INF, -INF, NAN, -1.5, 5e-324, -5e-324], [0, -0.0, -INF, INF, NAN, NAN, NAN, 5e-324, -5e-324]),
    ("tanh", [0.0, -0.0, INF, -INF, NAN, 1e300, -30.0, 5e-324], [0, -0.0, 1, -1, NAN, 1, -1, 5e-324]),
    ("sigmoid", [0.0, -0.0, INF, -INF, NAN, 1e300, -1e300, -745.1], [0.5, 0.5, 1, 0, NAN, 1, 0, 5e-324]),
    ("softplus", [INF, -INF, NAN, 1e300, -1e300, -745.1], [INF, 0, NAN, 1e300, 0, 5e-324]),
    ("sinh", [0.0, -0.0, INF, -INF, NAN, 711.0, -711.0, 5e-324], [0, -0.0, INF, -INF, NAN, INF, -INF, 5e-324]),
    ("cosh", [0.0, -0.0, INF, -INF, NAN, 711.0], [1, 1, INF, INF, NAN, INF]),
    ("sin", [0.0, -0.0, INF, -INF, NAN, 5e-324, -5e-324], [0, -0.0, NAN, NAN, NAN, 5e-324, -5e-324]),
    ("cos", [0.0, -0.0, INF, -INF, NAN, 5e-324], [1, 1, NAN, NAN, NAN, 1]),
    ("tan", [0.0, -0.0, INF, -INF, NAN, 5e-324, -5e-324], [0, -0.0, NAN, NAN, NAN, 5e-324, -5e-324]),
    ("arcsin", [0.0, -0.0, 1.0, -1.0, 1.1, NAN, 5e-324], [0, -0.0, np.pi / 2, -np.pi / 2, NAN, NAN, 5e-324]),
    ("arccos", [0.0, 1.0, -1.0, -1.1, NAN], [np.pi / 2, 0, np.pi, NAN, NAN]),
    ("arctan", [0.0, -0.0, INF, -INF, NAN, 5e-324], [0, -0.0, np.pi / 2, -np.pi / 2, NAN, 5e-324]),
    ("erf", [0.0, -0.0, INF, -INF, NAN, 5e-324, -30.0], [0, -0.0, 1, -1, NAN, 5e-324, -1]),
    ("cbrt", [0.0, -0.0, INF, -INF, NAN, 8.0, -27.0, 1.0], [0, -0.0, INF, -INF, NAN, 2, -3, 1]),
)  # fmt: skip


@pytest.mark.parametrize(("name", "xs", "want"), EDGES, ids=[name for name, *_ in EDGES])
@pytest.mark.parametrize("width", [1, 16])
def test_edges(name: str, xs: list[float], want: list[float], width: int) -> None:
    got = native(name, "float64", width)(np.array(xs))
    np.testing.assert_array_equal(got, np.array(want, dtype=float))
    signed = ~np.isnan(got)
    np.testing.assert_array_equal(np.signbit(got)[signed], np.signbit(np.array(want, dtype=float))[signed])


@pytest.mark.parametrize(("name", "xs", "want"), EDGES, ids=[name for name, *_ in EDGES])
def test_edges_of_float32(name: str, xs: list[float], want: list[float]) -> None:
    """The same edges, as far as float32 has them: what becomes 0 or ∞ on the way there follows the rounded argument."""
    kept = [
        (x, y) for x, y in zip(xs, want, strict=True) if not 0 < abs(x) < 1e-30 and not 1e30 < abs(x) < INF
    ]
    x, exact = (np.array(column) for column in zip(*kept, strict=True))
    got = native(name, "float32", 32)(x.astype(np.float32))
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_allclose(got, exact.astype(np.float32), rtol=1e-6, atol=1e-30)
    zero = exact == 0
    np.testing.assert_array_equal(np.signbit(got)[zero], np.signbit(exact)[zero])


@pytest.mark.parametrize(
    "name", ["exp", "expm1", "sin", "tanh", "log1p", "arcsin", "arctan", "erf", "cbrt", "sinh"]
)
def test_denormals_of_float32(name: str) -> None:
    tiny = np.float32(1e-45) * np.arange(-40, 41).astype(np.float32)
    want = [EXACT[name](MP.mpf(float(v))) for v in tiny]
    assert ulps(native(name, "float32", 32)(tiny), want) <= 1


@ON_X86
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("machine", [NO_AVX512, BASELINE], ids=lambda m: m.cpu)
def test_processors_without_avx512(name: str, machine: Machine) -> None:
    """The baseline has no fused multiply-add, the other no vectors of 512 bits."""
    for dtype, width in WIDTHS.items():
        x, want = exactly(name, dtype, 150)
        assert ulps(native(name, dtype, width, machine)(x), want) <= 2


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", WIDTHS)
def test_cross_compiled_kernels_are_vectors_without_calls(name: str, dtype: str) -> None:
    binding = engine.llvm()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    module, _ = text(name, dtype, WIDTHS[dtype])
    assembly = engine.assembly(module, 2, ARM)
    instructions = re.findall(r"^\t([a-z]\w*)\t(.*)$", assembly, re.MULTILINE)
    shape = ".4s" if dtype == "float32" and name not in ("sin", "cos", "tan") else ".2d"
    assert sum(op == "fmla" and shape in operands for op, operands in instructions) >= 8
    called = {operands for op, operands in instructions if op in ("bl", "blr")}
    assert called <= {"reduce_huge_angles"}  # a function of the module itself, behind a branch
