"""Native code of scalar graphs against CasADi's virtual machine and Python by hand: compile, call, run.

Run with ``python -m benchmarks.scalar`` on a core of its own (``taskset -c 1``). Every answer is checked before its time
is shown. CasADi is measured through its buffer interface, which converts nothing; without CasADi its column is empty.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import adlab as ad


def best(call: Callable[[], Any], seconds: float = 0.4) -> float:
    """Return the least seconds that one call took, over repeats that fill about ``seconds``."""
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-8)
    number = max(1, int(seconds / 10 / once))
    least = math.inf
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(number):
            call()
        least = min(least, (time.perf_counter() - start) / number)
    return least


def speelpenning(x: Any, n: int) -> Any:
    """Return the product of n numbers, one factor after another."""
    product = x[0]
    for i in range(1, n):
        product = product * x[i]
    return product


def logistic(x: Any, n: int) -> Any:
    """Return the n-th iterate of l → 4l(1 − l)."""
    for _ in range(n - 1):
        x = 4.0 * x * (1.0 - x)
    return x


def running_example(x1: Any, x2: Any) -> Any:
    """Return ln(x1) + x1·x2 − sin(x2)."""
    return np.log(x1) + x1 * x2 - np.sin(x2)


def by_hand(x1: float, x2: float) -> tuple[float, tuple[float, float]]:
    """Return the running example's value and gradient, in plain Python."""
    value = math.log(x1) + x1 * x2 - math.sin(x2)
    return value, (1 / x1 + x2, x1 - math.cos(x2))


def casadi_function(f: Callable[[Any], Any], x: np.ndarray[Any, Any]) -> Callable[[], Any] | None:
    """Return a call of CasADi's value and gradient into fixed buffers; None without CasADi."""
    if importlib.util.find_spec("casadi") is None:
        return None
    import casadi as ca

    symbol = ca.SX.sym("x", x.size)
    expression = f(ca.vertsplit(symbol))
    function = ca.Function("F", [symbol], [expression, ca.gradient(expression, symbol)])
    buffer, call = function.buffer()
    outputs = [np.zeros(function.nnz_out(k)) for k in range(2)]
    buffer.set_arg(0, memoryview(x))
    for k, output in enumerate(outputs):
        buffer.set_res(k, memoryview(output))

    def run() -> Any:
        call()
        return outputs

    run.kept = (buffer, x)  # type: ignore[attr-defined]
    return run


def row(name: str, *cells: str) -> None:
    """Print one line of the table."""
    print(f"{name:32}" + "".join(f"{cell:>16}" for cell in cells))


def versus(name: str, f: Callable[[Any], Any], x: np.ndarray[Any, Any]) -> None:
    """Print one workload: compile time per operation, call time, CasADi's, the ratio."""
    start = time.perf_counter()
    graph = ad.graph(ad.value_and_grad(f), x)
    traced = time.perf_counter() - start
    start = time.perf_counter()
    native = ad.compile(graph)
    seconds = time.perf_counter() - start
    value, gradient = native(x)
    wanted, wanted_gradient = ad.value_and_grad(f)(x)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    np.testing.assert_allclose(gradient, wanted_gradient, rtol=1e-11)
    ours = best(lambda: native(x))
    peer = casadi_function(f, x)
    theirs = ratio = ""
    if peer is not None:
        found = peer()
        np.testing.assert_allclose(found[1], gradient, rtol=1e-9)
        other = best(peer)
        theirs, ratio = f"{other * 1e6:.2f} µs", f"{other / ours:.1f} ×"
    operations = native.stats.operations
    row(
        name, str(operations), f"{traced / len(graph) * 1e6:.1f} µs/node", f"{seconds / operations * 1e6:.1f} µs/op",
        f"{ours * 1e6:.2f} µs", f"{ours / operations * 1e9:.2f} ns/op", theirs, ratio,
    )  # fmt: skip


def calls() -> None:
    """Print what a call of the running example's value and gradient takes."""
    native = ad.compile(ad.value_and_grad(running_example, (0, 1)), 2.0, 5.0)
    hand = by_hand(2.0, 5.0)
    assert native(2.0, 5.0) == hand
    ours, python = best(lambda: native(2.0, 5.0)), best(lambda: by_hand(2.0, 5.0))
    empty = best(lambda: None)
    print(f"\ncall of the running example's value and gradient: {(ours - empty) * 1e9:.0f} ns; "
          f"by hand in Python {(python - empty) * 1e9:.0f} ns")  # fmt: skip


def main() -> None:
    """Print the table."""
    row("value and gradient", "operations", "trace", "compile", "call", "", "CasADi SX", "ratio")
    rng = np.random.default_rng(2)
    for n in (10, 1_000, 10_000):
        x = np.exp(rng.uniform(-1, 1, n) / math.sqrt(n))
        versus(f"Speelpenning n = {n:,}", lambda x, n=n: speelpenning(x, n), x)  # type: ignore[misc]
    versus("logistic map n = 1,000", lambda x: logistic(x[0], 1_000), np.array([0.75]))
    calls()
    print("\nlinear in size (chain of x·y + 0.5 and x − y):")
    for n in (1_000, 10_000, 100_000, 700_000):
        graph = ad.graph(lambda x, y, n=n: chain(x, y, n), 1.0, 0.5)
        start = time.perf_counter()
        native = ad.compile(graph)
        seconds = time.perf_counter() - start
        assert native(1.0, 0.5) == graph(1.0, 0.5)
        row(f"{native.stats.operations:,} operations", f"{seconds / native.stats.operations * 1e6:.1f} µs/op")


def chain(x: Any, y: Any, n: int) -> Any:
    """Return x after n steps of arithmetic."""
    for i in range(n):
        x = x * y + 0.5 if i % 2 else x - y
    return x


if __name__ == "__main__":
    main()
