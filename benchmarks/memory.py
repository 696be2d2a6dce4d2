"""What a gradient through a long loop stores: plain code, checkpoints, blocks of checkpoints, a loop as one node.

    python -m benchmarks.memory

Each variant is the same function; its gradient is checked against the plain one before its figure is shown. Peaks are those
that tracemalloc sees while the traced gradient is computed, tracing left out.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import adlab as ad
from adlab.methods import METHODS

STEPS = 1000
SIZE = 10_000


def step(x: Any) -> Any:
    """Do one step of a damped pendulum-like map: six operations on the whole array."""
    return x + 0.01 * np.sin(x) * np.exp(-(x**2))


def repeated(one: Callable[[Any], Any], times: int) -> Callable[[Any], Any]:
    """Return ``one`` applied so many times."""

    def many(x: Any) -> Any:
        for _ in range(times):
            x = one(x)
        return x

    return many


BLOCKS = (32,) * 31 + (8,)
"""About √n blocks of about √n steps."""


def in_blocks(x: Any) -> Any:
    """Take all steps in checkpointed blocks."""
    for length in BLOCKS:
        x = ad.checkpoint(repeated(step, length))(x)
    return x


def looped_blocks(x: Any) -> Any:
    """Take all steps as a loop of loops."""
    x = ad.fori(31, lambda i, outer: ad.fori(32, lambda j, inner: step(inner), outer), x)
    return ad.fori(8, lambda i, inner: step(inner), x)


VARIANTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("Python's for", repeated(step, STEPS)),
    ("ad.checkpoint, every step", repeated(ad.checkpoint(step), STEPS)),
    ("ad.checkpoint, 32 blocks", in_blocks),
    ("ad.fori", lambda x: ad.fori(STEPS, lambda i, y: step(y), x)),
    ("ad.fori of ad.fori", looped_blocks),
)


def main() -> None:
    """Print one line per variant: nodes, peak memory and seconds of one gradient."""
    x = np.random.default_rng(0).normal(size=SIZE)
    expected = None
    print(f"{STEPS:,} steps on {SIZE:,} numbers: {'nodes':>6} {'peak MB':>8} {'seconds':>8}")
    for name, many in VARIANTS:
        graph = ad.graph(lambda x, f=many: np.sum(f(x)), x)
        tracemalloc.start()
        start = time.perf_counter()
        found = METHODS["reverse"].derivative(graph, [x]).jacobians[0][0]
        seconds = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        expected = found if expected is None else expected
        if not np.allclose(found, expected, rtol=1e-12):
            raise SystemExit(f"WRONG: the gradient of {name} differs from that of plain code")
        print(f"{name:<32} {len(graph):>6,} {peak:>8.1f} {seconds:>8.2f}")


if __name__ == "__main__":
    main()
