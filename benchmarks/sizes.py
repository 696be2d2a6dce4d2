"""What a graph costs: tracing, evaluating, differentiating up to a million nodes; importing; one command line.

    python -m benchmarks.sizes

Pin it to one core (``taskset -c 0``) for steady figures. Each gradient is checked against a closed form before its time is shown.
"""

from __future__ import annotations

import gc
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import adlab as ad
from adlab.algebra.numpy import NUMPY
from adlab.transforms.sweeps import evaluate, forward_sweep, reverse_sweep


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that ``work`` took and what it returned."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def chain(steps: int) -> Callable[[Any], Any]:
    """Return x ↦ aⁿ·x + … written as ``steps`` products and sums: two operations a step."""

    def f(x: Any) -> Any:
        for _ in range(steps):
            x = 1.0000001 * x + 1e-12
        return x

    return f


def sizes() -> None:
    """Print one line per size: seconds of each pass and nodes per second."""
    print(
        f"{'nodes':>9} {'trace':>8} {'nodes/s':>9} {'evaluate':>9} {'forward':>8} {'reverse':>8} {'peak MB':>8}"
    )
    for exponent in (3, 4, 5, 6):
        steps = 10**exponent // 2
        traced, graph = timed(lambda s=steps: ad.graph(chain(s), 0.5))
        evaluated, values = timed(lambda g=graph: evaluate(g, NUMPY, [np.float64(0.5)]))
        forward, tangents = timed(lambda g=graph, v=values: forward_sweep(g, NUMPY, v, [np.float64(1)]))
        reverse, adjoints = timed(
            lambda g=graph, v=values: reverse_sweep(g, NUMPY, v, [(g.outputs[0], np.float64(1))])
        )
        want = math.exp(steps * math.log1p(1e-7))
        for got in (tangents[graph.outputs[0]], adjoints[0]):
            if not math.isclose(got, want, rel_tol=1e-8):
                raise SystemExit(f"WRONG: derivative {got} at {steps} steps, expected {want}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate = len(graph) / traced
        print(
            f"{len(graph):>9,} {traced:>7.3f}s {rate:>9,.0f} {evaluated:>8.3f}s {forward:>7.3f}s {reverse:>7.3f}s {peak:>8.0f}"
        )


def start_up() -> None:
    """Print what importing costs over NumPy, and one trace at the command line."""
    for label, command in (
        ("import numpy", [sys.executable, "-c", "import numpy"]),
        ("import numpy, adlab", [sys.executable, "-c", "import numpy, adlab"]),
        (
            "adlab trace (running example)",
            [sys.executable, "-m", "adlab", "trace", "ln(x1) + x1*x2 - sin(x2)", "x1=2", "x2=5"],
        ),
    ):
        runs = [
            timed(lambda c=command: subprocess.run(c, check=True, capture_output=True))[0] for _ in range(15)
        ]
        print(f"{label:<32} median {statistics.median(runs) * 1e3:6.1f} ms   best {min(runs) * 1e3:6.1f} ms")


if __name__ == "__main__":
    sizes()
    start_up()
