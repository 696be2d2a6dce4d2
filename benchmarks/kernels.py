"""Elementwise kernels against NumPy: nanoseconds per element of each function, answers checked before.

    python -m benchmarks.kernels

Pin it to one core (``taskset -c 0``) for steady figures. A kernel is one row of the table of lowerings in a loop over
contiguous arrays of 65,536 numbers, which stay in the second-level cache; NumPy writes into a given array, too.
Times are the best of many repeats, taken in turns. A ratio above 1 says that the kernel is faster.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.compiler import engine
from adlab.compiler.emit import Body, Element, Emitter, Lanes
from adlab.compiler.lowering import LOWERINGS
from adlab.compiler.outside import address
from adlab.primitives import TABLE

Array = np.ndarray[Any, Any]
SIZE = 1 << 16
REPEATS = 200
ELEMENTS: dict[str, Element] = {"float64": "double", "float32": "float"}
WIDTHS = {"float64": 16, "float32": 32}
TRUTHS = {"logical_and": (0, 1), "logical_or": (0, 1), "logical_not": (0,), "where": (0,)}
RELATIONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


@dataclass(frozen=True)
class Kernel:
    """A row as native code over contiguous arrays of one length; truth values are bytes."""

    code: Any
    table: Array
    arity: int
    truth: bool

    def bind(self, xs: Sequence[Array], out: Array) -> Callable[[], None]:
        """Return the call with these arrays; it keeps the code and the arrays alive."""
        arrays = (*xs, out, self.table)
        given = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
        types = [ctypes.c_void_p] * len(given)
        run = ctypes.CFUNCTYPE(None, *types, ctypes.c_int64)(self.code.addresses["run"])
        size = ctypes.c_int64(out.size)

        def call(_alive: Any = (self.code, arrays)) -> None:
            run(*given, size)

        return call

    def __call__(self, *xs: Array) -> Array:
        """Return the row of each element."""
        out = np.empty(xs[-1].shape, dtype=bool if self.truth else xs[-1].dtype)
        self.bind(xs, out)()
        return out


def text(name: str, dtype: str, width: int, literals: dict[int, float] | None = None) -> tuple[str, Body]:
    """Return the module of a kernel: a loop of whole vectors, then one masked vector for what is left.

    ``literals`` gives numbers to operands that are then no arrays.
    """
    body = Body()
    E = Emitter(Lanes(ELEMENTS[dtype], width), body)
    arity, fixed = TABLE[name].arity or 0, literals or {}
    truths = set(TRUTHS.get(name, ())) | (
        {arity} if name in RELATIONS or name.startswith("logical") else set()
    )
    places = {k: f"%a{k}" for k in range(arity) if k not in fixed} | {arity: "%out"}

    def step(at: dict[int, str], mask: str | None) -> None:
        xs = [
            E.constant(fixed[k])
            if k in fixed
            else (E.load_truth if k in truths else E.load)(at[k])
            if mask is None
            else (E.load_truth_masked if k in truths else E.load_masked)(at[k], mask)
            for k in range(arity)
        ]
        y = LOWERINGS[name](E, xs)
        if mask is None:
            (E.store_truth if arity in truths else E.store)(y, at[arity])
        else:
            (E.store_truth_masked if arity in truths else E.store_masked)(y, at[arity], mask)

    def further(k: int, pointer: str) -> str:
        return body.emit(
            f"getelementptr {'i8' if k in truths else E.lanes.dtype}, ptr {pointer}, i64 {width}"
        )

    whole = body.emit(f"and i64 %n, {-width}")
    loop = E.loop("0", whole, width, [("ptr", p) for p in places.values()])
    step(dict(zip(places, loop.carried, strict=True)), None)
    ends = loop.close([further(k, p) for k, p in zip(places, loop.carried, strict=True)])
    if width > 1:
        left = body.emit(f"sub i64 %n, {whole}")
        tail, done = body.label("tail"), body.label("done")
        body.branch_if(body.emit(f"icmp ne i64 {left}, 0"), tail, done)
        body.place(tail)
        step(dict(zip(places, ends, strict=True)), E.first(left))
        body.branch(done)
        body.place(done)
    taken = ", ".join(f"ptr noalias {p}" for p in places.values())
    wide = '"prefer-vector-width"="512"'
    return body.module(f"void @run({taken}, ptr %table, i64 %n)", f"nounwind {wide}"), body


def kernel(
    name: str,
    dtype: str,
    width: int | None = None,
    machine: engine.Machine | None = None,
    literals: dict[int, float] | None = None,
) -> Kernel:
    """Return a row as native code for a machine, this one unless another is given."""
    module, body = text(name, dtype, width or WIDTHS[dtype], literals)
    code = engine.load(engine.object_code(module, 2, machine or engine.host()))
    table = np.array([*map(address, body.table), 0], dtype=np.uint64)
    truth = name in RELATIONS or name.startswith("logical")
    return Kernel(code, table, (TABLE[name].arity or 0) - len(literals or {}), truth)


# ------------------------------------------------------------------------------------------------- measurement

RANGES: dict[str, tuple[float, float]] = {
    "exp": (-20, 20), "exp2": (-20, 20), "expm1": (-5, 5), "log": (0.01, 100), "log1p": (-0.9, 9), "log2": (0.01, 100),
    "log10": (0.01, 100), "tanh": (-5, 5), "sigmoid": (-20, 20), "softplus": (-20, 20), "sin": (-30, 30),
    "cos": (-30, 30), "tan": (-30, 30), "erf": (-4, 4), "sinh": (-5, 5), "cosh": (-5, 5), "arctan": (-9, 9),
    "arcsin": (-1, 1), "arccos": (-1, 1), "cbrt": (-9, 9), "sqrt": (0, 9), "elu": (-5, 5), "arctan2": (-3, 3),
    "hypot": (-3, 3), "logaddexp": (-9, 9), "maximum": (-3, 3), "power": (0.1, 5), "arcsinh": (-9, 9), "gammaln": (0.1, 9),
}  # fmt: skip


def plain_sigmoid(x: Array, out: Array) -> Array:
    """Return 1/(1 + e⁻ˣ) as it is written, without temporary arrays; less exact for x far left."""
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.divide(1, out, out=out)


def interpreted(name: str, *xs: Array) -> Any:
    """Return a row as the interpreter computes it."""
    return NUMPY.apply(TABLE[name], xs)


def best(*works: Callable[[], Any]) -> list[float]:
    """Return the shortest time of each piece of work in nanoseconds, taken in turns."""
    shortest = [float("inf")] * len(works)
    for _ in range(REPEATS):
        for k, work in enumerate(works):
            start = time.perf_counter_ns()
            work()
            shortest[k] = min(shortest[k], time.perf_counter_ns() - start)
    return shortest


def compare(name: str, dtype: str, host: Callable[..., Any], words: str) -> None:
    """Check a kernel against NumPy's function and print both times per element."""
    rng, eps = np.random.default_rng(0), float(np.finfo(dtype).eps)
    xs = [rng.uniform(*RANGES[name], SIZE).astype(dtype) for _ in range(TABLE[name].arity or 0)]
    native, out, other = kernel(name, dtype), np.empty(SIZE, dtype), np.empty(SIZE, dtype)
    theirs = (
        partial(host, *xs, out=other)
        if host is plain_sigmoid or isinstance(host, np.ufunc)
        else partial(host, *xs)
    )
    if not np.allclose(native(*xs), theirs(), rtol=64 * eps, atol=8 * eps):
        raise ArithmeticError(
            f"The kernel of {name} in {dtype} disagrees with NumPy: see tests/compiler/test_lowering.py."
        )
    ours_ns, theirs_ns = (t / SIZE for t in best(native.bind(xs, out), theirs))
    print(f"{name:10} {dtype:8} {ours_ns:9.3f} {theirs_ns:9.3f} {theirs_ns / ours_ns:7.2f}   {words}")


def main() -> None:
    """Print one line per function and dtype."""
    print(f"{'function':10} {'dtype':8} {'ns/elem.':>9} {'NumPy':>9} {'ratio':>7}")
    with np.errstate(all="ignore"):
        for dtype in WIDTHS:
            for name in RANGES:
                row = TABLE[name]
                host = row.numpy if isinstance(row.numpy, np.ufunc) else partial(interpreted, name)
                compare(name, dtype, host, "")
                if name == "sigmoid":
                    compare(name, dtype, plain_sigmoid, "NumPy: 1/(1 + np.exp(-x)), step by step with out=")


if __name__ == "__main__":
    main()
