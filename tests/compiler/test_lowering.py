"""Every elementwise row as native code equals the interpreter: on its domain, at special values, at every width."""

from __future__ import annotations

import itertools
import re
from functools import cache

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from adlab.algebra.numpy import NUMPY
from adlab.compiler import engine
from adlab.compiler.engine import Machine
from adlab.compiler.lowering import HOST, LOWERINGS
from adlab.ir.primitive import Primitive
from adlab.primitives import ROWS, TABLE
from benchmarks.kernels import RELATIONS, TRUTHS, WIDTHS, Kernel, kernel, text

ELEMENTWISE = tuple(row for row in ROWS if row.elementwise)
NATIVE = tuple(row for row in ELEMENTWISE if row.name in LOWERINGS)
NUMERIC = tuple(row for row in NATIVE if row.name not in (*RELATIONS, *TRUTHS))
TIES = ("maximum", "minimum", "clip", "relu")  # which zero of −0 and +0 is the larger is nobody's promise
CASES = [
    pytest.param(row, dtype, width, id=f"{row.name}-{dtype}-{width}")
    for row in NATIVE
    for dtype, wide in WIDTHS.items()
    for width in (1, wide)
]


@cache
def native(
    name: str,
    dtype: str,
    width: int,
    machine: Machine | None = None,
    literals: tuple[tuple[int, float], ...] = (),
) -> Kernel:
    return kernel(name, dtype, width, machine, dict(literals))


def on_domain(row: Primitive, dtype: str, count: int = 203) -> list[np.ndarray]:
    """Operands in the row's intervals, then its samples: an odd number, so that there is a tail."""
    rng = np.random.default_rng(sum(map(ord, row.name)))
    columns = []
    for k, (low, high) in enumerate(row.domain.intervals):
        if isinstance(low, bool):
            drawn = rng.integers(0, 2, count).astype(bool)
        elif isinstance(low, int):
            drawn = rng.integers(low, high + 1, count).astype(dtype)
        else:
            drawn = rng.uniform(low, high, count).astype(dtype)
        own = np.array([sample[k] for sample in row.domain.samples])
        with np.errstate(over="ignore", under="ignore"):
            fits = own.astype(bool if k in TRUTHS.get(row.name, ()) else dtype)
        columns.append(np.concatenate([drawn, fits]).astype(fits.dtype if len(fits) else drawn.dtype))
    return columns


def at_special_values(row: Primitive, dtype: str) -> list[np.ndarray]:
    """All combinations of zeros, infinities, NaN, denormals, huge and small numbers, and some whole ones."""
    info = np.finfo(dtype)
    tiny = float(info.smallest_subnormal)
    both = [0.0, np.inf, float(info.max), tiny, 100 * tiny, float(info.tiny), 1.0, 2.0, 0.5, 3.0, 1e-5]
    numbers = np.array([*both, *(-x for x in both), np.nan], dtype)
    truths = np.array([False, True])
    kinds = [truths if k in TRUTHS.get(row.name, ()) else numbers for k in range(row.arity or 0)]
    return [np.array(column) for column in zip(*itertools.product(*kinds), strict=True)]


def reference(row: Primitive, xs: list[np.ndarray]) -> np.ndarray:
    """What the interpreter computes, in float64: for float32 operands the exact result as far as float32 can tell."""
    with np.errstate(all="ignore"):
        given = [x if x.dtype == bool else x.astype(np.float64) for x in xs]
        return np.asarray(NUMPY.apply(row, given))


def allowance(row: Primitive, xs: list[np.ndarray], want: np.ndarray) -> np.ndarray:
    """The row's units in the last place of the operands' dtype, and 2; plus what moving operands by theirs changes."""
    dtype = xs[-1].dtype
    with np.errstate(all="ignore"):
        rounded = np.abs(want).astype(dtype)
        spacing = np.spacing(np.where(np.isfinite(rounded), rounded, np.finfo(dtype).max)).astype(np.float64)
        total = (row.ulps + 2) * spacing
        for k, x in enumerate(xs):
            if row.operand_ulps and x.dtype != bool and not is_order(row, k):
                for towards in (-np.inf, np.inf):
                    moved = [*xs[:k], np.nextafter(x, dtype.type(towards)), *xs[k + 1 :]]
                    change = np.abs(reference(row, moved) - want)
                    total += np.where(np.isfinite(change), change, 0) * (row.operand_ulps + 1)
    return total


def is_order(row: Primitive, k: int) -> bool:
    """Whether an operand takes only whole numbers."""
    low, high = row.domain.intervals[k]
    return isinstance(low, int) and isinstance(high, int)


def assert_equal(row: Primitive, xs: list[np.ndarray], got: np.ndarray) -> None:
    """Check a result against the interpreter: within the allowance where finite, else the same."""
    want = reference(row, xs)
    if got.dtype == bool:
        np.testing.assert_array_equal(got, want)
        return
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.float64) - want)
        near = error <= allowance(row, xs, want)
        same = (got == want.astype(got.dtype)) | (np.isnan(got) & np.isnan(want))
    wrong = np.flatnonzero(~(near | same))
    shown = [([x[i] for x in xs], got[i], want[i]) for i in wrong[:5]]
    assert not wrong.size, f"{wrong.size} of {got.size} differ: {shown}"


def test_every_elementwise_row_is_native_or_says_why_not() -> None:
    names = {row.name for row in ELEMENTWISE}
    assert set(LOWERINGS) <= names
    assert set(HOST) == names - set(LOWERINGS)
    assert all(reason.endswith(".") for reason in HOST.values())


@pytest.mark.parametrize(("row", "dtype", "width"), CASES)
def test_domain(row: Primitive, dtype: str, width: int) -> None:
    xs = on_domain(row, dtype)
    assert_equal(row, xs, native(row.name, dtype, width)(*xs))


@pytest.mark.parametrize(("row", "dtype", "width"), CASES)
def test_special_values(row: Primitive, dtype: str, width: int) -> None:
    xs = at_special_values(row, dtype)
    got = native(row.name, dtype, width)(*xs)
    assert_equal(row, xs, got)


@pytest.mark.parametrize("row", [row for row in NUMERIC if row.name not in TIES], ids=lambda row: row.name)
def test_signs_of_zeros(row: Primitive) -> None:
    xs = at_special_values(row, "float64")
    got, want = native(row.name, "float64", 16)(*xs), reference(row, xs)
    zero = (want == 0) & (got == 0)
    np.testing.assert_array_equal(np.signbit(got)[zero], np.signbit(want)[zero])


@pytest.mark.parametrize("count", [0, 1, 7, 15, 16, 17, 31, 32, 33, 63])
@pytest.mark.parametrize("dtype", WIDTHS)
def test_tails_touch_nothing_else(count: int, dtype: str) -> None:
    x = np.linspace(-2, 2, count).astype(dtype)
    around = np.full(count + 64, 7.0, dtype)
    native("tanh", dtype, WIDTHS[dtype]).bind([x], around[32 : 32 + count])()
    np.testing.assert_allclose(around[32 : 32 + count], np.tanh(x), rtol=1e-6)
    assert (np.delete(around, np.s_[32 : 32 + count]) == 7).all()
    truths = np.full(count + 64, 1, np.uint8)
    native("less", dtype, WIDTHS[dtype]).bind([x, -x], truths[32 : 32 + count].view(bool))()
    np.testing.assert_array_equal(truths[32 : 32 + count], x < -x)
    assert (np.delete(truths, np.s_[32 : 32 + count]) == 1).all()


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 1.7, -2.0])
@pytest.mark.parametrize("dtype", WIDTHS)
def test_literal_exponents(exponent: float, dtype: str) -> None:
    row = TABLE["power"]
    special = at_special_values(TABLE["exp"], dtype)[0]
    x = np.concatenate([special, np.random.default_rng(0).uniform(-4, 4, 200).astype(dtype)])
    got = native("power", dtype, WIDTHS[dtype], literals=((1, exponent),))(x)
    xs = [x, np.full_like(x, exponent)]
    want = reference(row, xs)
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.abs(want).astype(dtype)).astype(float)
        close = np.abs(got - want) <= 2 * spacing
        same = (got == want.astype(dtype)) | (np.isnan(got) & np.isnan(want))
    assert (close | same).all(), x[~(close | same)]
    zero = want == 0
    np.testing.assert_array_equal(np.signbit(got)[zero], np.signbit(want)[zero])


def test_a_literal_bound_saves_a_comparison_and_keeps_nan() -> None:
    x = np.array([np.nan, -1.0, 2.0])
    for place in (0, 1):
        got = native("maximum", "float64", 16, literals=((place, 0.5),))(x)
        np.testing.assert_array_equal(got, [np.nan, 0.5, 2.0])
        got = native("minimum", "float64", 16, literals=((place, 0.5),))(x)
        np.testing.assert_array_equal(got, [np.nan, -1.0, 0.5])


@pytest.mark.skipif("x86_64" not in engine.host().triple, reason="forces models of x86-64")
@pytest.mark.parametrize("row", NATIVE, ids=lambda row: row.name)
@pytest.mark.parametrize("cpu", ["x86-64-v3", "x86-64"])
def test_processors_without_avx512(row: Primitive, cpu: str) -> None:
    machine = Machine(engine.host().triple, cpu, "")
    for dtype, width in WIDTHS.items():
        for xs in (on_domain(row, dtype), at_special_values(row, dtype)):
            assert_equal(row, xs, native(row.name, dtype, width, machine)(*xs))


@pytest.mark.parametrize("row", NATIVE, ids=lambda row: row.name)
def test_every_row_compiles_for_another_architecture(row: Primitive) -> None:
    binding = engine.llvm()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    for dtype, width in WIDTHS.items():
        module, _ = text(row.name, dtype, width)
        assembly = engine.assembly(module, 2, Machine("aarch64-unknown-linux-gnu", "generic", ""))
        called = set(re.findall(r"\tbl\t(\S+)", assembly))
        assert called <= {"reduce_huge_angles"}  # functions outside are called by address, never by symbol
