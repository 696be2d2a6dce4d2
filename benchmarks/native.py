"""Graphs of arrays as native code, against what they are bounded by: products by BLAS alone, and NumPy written by hand.

    taskset -c 0 python -m benchmarks.native

One BLAS thread. Answers are checked before anything is timed. Each pair is timed in turns, and the best turn of each
counts; ratios below 1 say that the native function is faster. Compiling is timed from the gradient's graph on: graph passes,
lowering, code generation, linking. JAX takes part in the mixture where it is installed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import adlab as ad
from adlab.compiler.engine import host, load, object_code
from adlab.compiler.native import compile_graph, lower
from adlab.ir.graph import Graph

Array = np.ndarray[Any, Any]
SECONDS = 1.0


class Workload(NamedTuple):
    """A function to compile, its arguments, and what it is compared with.

    ``rival`` returns None where it only bounds the work (products alone); else its results must be ours. ``donated`` says
    which outputs are written over which inputs.
    """

    name: str
    function: Callable[..., Any]
    args: Sequence[Any]
    rival: Callable[[], Any]
    against: str
    donated: dict[int, int] | None = None


# ---------------------------------------------------------------------------------------------------- workloads


def products(batch: int, widths: Sequence[int], dtype: Any) -> Callable[[], None]:
    """Return the matrix products of a training step, into arrays made before."""
    rng = np.random.default_rng(0)

    def new(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(dtype)

    weights = [new(a, b) for a, b in pairwise(widths)]
    states, adjoints = ([new(batch, width) for width in widths] for _ in range(2))
    todo = [(states[i], w, states[i + 1]) for i, w in enumerate(weights)]
    for i in reversed(range(len(weights))):
        todo.append((states[i].T, adjoints[i + 1], np.empty_like(weights[i])))
        if i:
            todo.append((adjoints[i + 1], weights[i].T, adjoints[i]))

    def run() -> None:
        for a, b, out in todo:
            np.dot(a, b, out=out)

    return run


def two_layers(dtype: Any) -> Workload:
    """Return a step of gradient descent of a 1000-100-10 network on 64 examples."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((64, 1000)), rng.standard_normal((64, 10))
    w1, w2 = rng.standard_normal((1000, 100)) / 1000**0.5, rng.standard_normal((100, 10)) / 10
    rate = dtype(1e-4)

    def step(w1: Any, w2: Any, x: Any, y: Any) -> Any:
        def loss(w1: Any, w2: Any) -> Any:
            return ((ad.sigmoid(x @ w1) @ w2 - y) ** 2).sum()

        value, (g1, g2) = ad.value_and_grad(loss, argnums=(0, 1))(w1, w2)
        return value, w1 - rate * g1, w2 - rate * g2

    args = [a.astype(dtype) for a in (w1, w2, x, y)]
    rival = products(64, (1000, 100, 10), dtype)
    return Workload(f"64-1000-100-10 step {dtype.__name__}", step, args, rival, "products", {1: 0, 2: 1})


def ten_layers(dtype: Any) -> Workload:
    """Return a step of gradient descent of ten layers of 500 tanh units on 128 examples."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((128, 500)).astype(dtype)
    y = np.tanh(rng.standard_normal((128, 500))).astype(dtype)
    weights = [(rng.standard_normal((500, 500)) / 500**0.5).astype(dtype) for _ in range(10)]
    rate = dtype(1e-2)

    def step(x: Any, y: Any, *weights: Any) -> Any:
        def loss(*weights: Any) -> Any:
            h = x
            for w in weights:
                h = np.tanh(h @ w)
            return ((h - y) ** 2).sum() / 128

        value, slopes = ad.value_and_grad(loss, argnums=tuple(range(10)))(*weights)
        return value, *(w - rate * g for w, g in zip(weights, slopes, strict=True))

    rival = products(128, [500] * 11, dtype)
    donated = {k + 1: k + 2 for k in range(10)}
    return Workload(
        f"10 × 500 tanh step {dtype.__name__}", step, [x, y, *weights], rival, "products", donated
    )


ROOT2, ROOT8 = math.sqrt(2), math.sqrt(8)


def helmholtz(n: int) -> Workload:
    """Return the Helmholtz free energy of n components with its gradient."""
    rng = np.random.default_rng(1)
    square = rng.uniform(0, 1, (n, n))
    a, x, b = (square + square.T) / 2, rng.uniform(0.1, 1, n), rng.uniform(0.1, 0.9, n) / n
    rt, p, m = 8.314 * 0.3, 1 + ROOT2, 1 - ROOT2

    def energy(x: Any) -> Any:
        s = x @ b
        return rt * np.sum(np.log(x / (1 - s))) - (x @ a @ x) / (ROOT8 * s) * np.log(
            (1 + p * s) / (1 + m * s)
        )

    def by_hand() -> Any:
        s, ax = b @ x, a @ x
        q, u, v = x @ ax, 1 + p * s, 1 + m * s
        log, c = math.log(u / v), 1 / (ROOT8 * s)
        value = rt * np.log(x / (1 - s)).sum() - q * c * log
        return value, rt / x + (rt * n / (1 - s) + q * c * (log / s - p / u + m / v)) * b - 2 * c * log * ax

    return Workload(
        f"Helmholtz n = {n}", lambda x: ad.value_and_grad(energy)(x), [x], by_hand, "NumPy by hand"
    )


def mixture(k: int = 25, d: int = 10, n: int = 1000) -> tuple[Callable[..., Any], list[Array]]:
    """Return ADBench's Gaussian mixture objective as a function of (NumPy-like module, logsumexp, parameters)."""
    rng = np.random.default_rng(7)
    t = d * (d - 1) // 2
    spread, eye, x = np.zeros((t, d * d)), np.eye(d), rng.standard_normal((n, d))
    pairs = [(i, j) for i in range(d) for j in range(i + 1, d)]
    for row, (i, j) in enumerate(pairs):
        spread[row, i * d + j] = 1

    def objective(xp: Any, lse: Any, alphas: Any, means: Any, icf: Any) -> Any:
        logs, off = icf[:, :d], icf[:, d:]
        diagonal, total = xp.exp(logs), xp.sum(logs, axis=1)
        factors = xp.reshape(off @ spread, (k, d, d)) + diagonal[:, :, None] * eye
        y = (x[None, :, :] - means[:, None, :]) @ factors
        main = (alphas + total)[:, None] - 0.5 * xp.sum(y * y, axis=2)
        prior = 0.5 * (xp.sum(diagonal * diagonal) + xp.sum(off * off))
        return xp.sum(lse(main, 0)) - n * lse(alphas, 0) + prior

    return objective, [rng.standard_normal(k), rng.uniform(0, 1, (k, d)), rng.standard_normal((k, d + t)) / 2]


def mixture_workload() -> Workload | None:
    """Return the mixture with its gradient against JAX, None where JAX is not installed."""
    objective, args = mixture()

    def ours(*args: Any) -> Any:
        value, slopes = ad.value_and_grad(partial(objective, np, ad.logsumexp), argnums=(0, 1, 2))(*args)
        return value, *slopes

    try:
        import jax
        from jax.scipy.special import logsumexp
    except ImportError:
        return Workload("Gaussian mixture 10, 25, 1000", ours, args, lambda: None, "nothing: no JAX here")
    jax.config.update("jax_enable_x64", True)
    theirs = jax.jit(jax.value_and_grad(partial(objective, jax.numpy, logsumexp), argnums=(0, 1, 2)))

    def rival() -> Any:
        value, slopes = jax.block_until_ready(theirs(*args))
        return value, *slopes

    return Workload("Gaussian mixture 10, 25, 1000", ours, args, rival, "jax.jit")


def softmax(x: Any) -> Any:
    """Return the softmax of each row."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def workloads() -> list[Workload]:
    """Return all, in the order in which they are printed."""
    x = np.random.default_rng(0).standard_normal((64, 100))
    found = [two_layers(np.float64), two_layers(np.float32), ten_layers(np.float64), ten_layers(np.float32)]
    found += [helmholtz(n) for n in (1, 10, 50, 200)]
    mixed = mixture_workload()
    found += [mixed] if mixed else []
    return [*found, Workload("softmax 64×100", softmax, [x], lambda: softmax(x), "NumPy")]


# ------------------------------------------------------------------------------------------------------- timing


def compile_seconds(graph: Graph) -> float:
    """Return what it takes to get from a graph to code in memory, the second time: LLVM is awake."""
    best = math.inf
    for _ in range(3):
        start = time.perf_counter()
        program = lower(graph)
        if program is not None:
            load(object_code(program.text, program.level, host()))
        best = min(best, time.perf_counter() - start)
    return best


def best_of(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of one call of each, the best of many, taken in turns."""
    counts = []
    for call in (first, second):
        start = time.perf_counter()
        call()
        call()
        counts.append(max(1, int(4e-4 / max(time.perf_counter() - start, 1e-8))))
    best, end = [math.inf, math.inf], time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for k, call in enumerate((first, second)):
            start = time.perf_counter()
            for _ in range(counts[k]):
                call()
            best[k] = min(best[k], (time.perf_counter() - start) / counts[k])
    return best[0], best[1]


def check(work: Workload, graph: Graph, native: Callable[..., Any]) -> None:
    """Raise unless the native results are the interpreter's, and the rival's where it has some."""
    tolerance = 1e-9 if work.args[0].dtype == np.float64 else 1e-3
    wanted = _flat(work.function(*(np.array(x) for x in work.args)))
    for other in (wanted, _flat(work.rival())):
        for got, expected in zip(_flat(native(*(np.array(x) for x in work.args))), other, strict=bool(other)):
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def _flat(results: Any) -> list[Array]:
    if results is None:
        return []
    return [np.asarray(x) for x in results] if isinstance(results, tuple) else [np.asarray(results)]


def main() -> None:
    """Print the table."""
    print(f"{'workload':30s} {'nodes':>6s} {'compile':>10s} {'native':>11s} {'rival':>11s} {'ratio':>6s}")
    for work in workloads():
        graph = ad.graph(work.function, *work.args)
        native = compile_graph(graph, work.donated)
        check(work, graph, native)
        seconds = compile_seconds(graph)
        args = [np.array(x) for x in work.args]
        ours, theirs = best_of(lambda native=native, args=args: native(*args), work.rival)
        ratio = f"{ours / theirs:6.2f}" if theirs > 1e-6 else "     -"
        print(
            f"{work.name:30s} {len(graph):6d} {seconds * 1e3:7.1f} ms {ours * 1e6:8.2f} µs {theirs * 1e6:8.2f} µs "
            f"{ratio}  {work.against}",
            flush=True,
        )


if __name__ == "__main__":
    main()
