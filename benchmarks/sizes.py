"""What a graph costs: tracing, evaluating, differentiating up to a million nodes; importing; one command line.

    python -m benchmarks.sizes
    python -m benchmarks.sizes --all [NODES] [WORD]

The second puts a chain of so many nodes (100,000), and one cut into scopes, through every verb and transformation whose name
holds the word, each in a process of its own, and prints seconds and peak memory: with ten times the nodes both should grow
tenfold. Pin it to one core (``taskset -c 0``) for steady figures. Each gradient is checked against a closed form before its
time is shown.
"""

from __future__ import annotations

import gc
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import adlab as ad
from adlab.algebra.numpy import NUMPY
from adlab.ir.check import check
from adlab.ir.numbering import display_numbers, display_order
from adlab.transforms.batch import batch
from adlab.transforms.costs import count_reverse
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


OPERATIONS_A_SCOPE = 50
LONGEST = 600
"""Seconds that a piece of work may take."""


def scoped(steps: int) -> Callable[[Any], Any]:
    """Return the chain cut into scopes."""

    def f(x: Any) -> Any:
        for k in range(steps):
            with ad.scope(f"part{2 * k // OPERATIONS_A_SCOPE}"):
                x = 1.0000001 * x + 1e-12
        return x

    return f


def indexed(count: int) -> Callable[[Any], Any]:
    """Return Σ xᵢ·xᵢ₊₁ written element by element."""

    def f(x: Any) -> Any:
        total = 0.0
        for k in range(count):
            total = total + x[k] * x[(k + 1) % count]
        return total

    return f


def _saved(graph: ad.Graph, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ad.trace(graph, 0.5, mode="all").save(f"{folder}/trace{ending}")


def _indexed_gradient(graph: ad.Graph) -> None:
    """Differentiate a function of about so many nodes that takes single elements of an array."""
    x = np.linspace(0.0, 1.0, len(graph) // 3)
    found = ad.grad(indexed(len(x)))(x)
    if not np.allclose(found, np.roll(x, 1) + np.roll(x, -1)):
        raise SystemExit("WRONG: the gradient of single elements")


def _indexed_gradient_graph(graph: ad.Graph) -> None:
    x = np.linspace(0.0, 1.0, len(graph) // 3)
    found = ad.grad_graph(indexed(len(x)), x)(x)
    if not np.allclose(found, np.roll(x, 1) + np.roll(x, -1)):
        raise SystemExit("WRONG: the gradient graph of single elements")


WORK: Mapping[str, Callable[[ad.Graph], object]] = {
    "call": lambda g: g(0.5),
    "grad": lambda g: ad.grad(g)(0.5),
    "grad, method='forward'": lambda g: ad.grad(g, method="forward")(0.5),
    "grad, method='numerical'": lambda g: ad.grad(g, method="numerical")(0.5),
    "jvp": lambda g: ad.jvp(g, (0.5,), (1.0,)),
    "vjp": lambda g: ad.vjp(g, 0.5)[1](1.0),
    "hessian": lambda g: ad.hessian(g)(0.5),
    "grad_graph": lambda g: ad.grad_graph(g, 0.5),
    "grad of single elements": _indexed_gradient,
    "grad_graph of single elements": _indexed_gradient_graph,
    "batch": lambda g: batch(g, 2, ["x"]),
    "jacobian, sparse": lambda g: ad.jacobian(g, sparse=True)(0.5),
    "collapse": lambda g: g.collapse(),
    "collapse, expand": lambda g: g.collapse().expand(),
    "check of the structure": check,
    "numbering level": lambda g: display_numbers(g, display_order(g, "level"), "level"),
    "numbering baydin": lambda g: display_numbers(g, display_order(g, "baydin"), "baydin"),
    "cost of the reverse pass": lambda g: count_reverse(g, g.outputs[0], (0,)),
    "JSON and back": lambda g: ad.Graph.from_json(g.to_json()),
    "to_python": lambda g: g.to_python(),
    "to_dot": lambda g: g.to_dot(),
    "to_networkx": lambda g: g.to_networkx(),
    "draw, svg": lambda g: ad.draw(g, 0.5).svg,
    "draw, html": lambda g: ad.draw(g, 0.5).to_html(),
    "check": lambda g: ad.check(g, 0.5),
    "kinks": lambda g: ad.kinks(g, 0.5),
    "autopsy": lambda g: ad.autopsy(g, 0.5),
    "ledger": lambda g: ad.cost(g, 0.5),
    "compare": lambda g: ad.compare(g, 0.5),
    "step": lambda g: ad.step(g, 0.5),
    **{
        f"trace, {ending}": lambda g, e=ending: _saved(g, e)
        for ending in (".txt", ".md", ".tex", ".html", ".csv", ".json")
    },
}
"""What a graph of one scalar goes through, by name."""


def one(name: str, nodes: int, cut: bool) -> None:
    """Print what one piece of work takes: seconds, and the peak of this process."""
    graph = ad.graph((scoped if cut else chain)(nodes // 2), 0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    words = ""
    start = time.perf_counter()
    try:
        WORK[name](graph)
    except ad.AdlabError as error:
        words = f"  refused: {error}"
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:<32} {'scopes' if cut else 'plain':<7} {seconds:>7.1f}s {peak:>7.0f} MB (graph {before:.0f}){words}"
    )


def everything(nodes: int, word: str) -> None:
    """Run every piece of work in a process of its own."""
    for name in (name for name in WORK if word in name):
        for cut in ("", "scopes"):
            command = [sys.executable, "-m", "benchmarks.sizes", "--one", name, str(nodes), cut]
            try:
                found = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
                line = (
                    found.stdout.strip()
                    or f"{name:<32} {cut or 'plain':<7} failed: {found.stderr.strip()[-200:]}"
                )
            except subprocess.TimeoutExpired:
                line = f"{name:<32} {cut or 'plain':<7} more than {LONGEST} s"
            print(line, flush=True)


if __name__ == "__main__":
    if "--one" in sys.argv:
        one(sys.argv[2], int(sys.argv[3]), bool(sys.argv[4]))
    elif "--all" in sys.argv:
        nodes, word = (*sys.argv[2:], *("100000", "")[len(sys.argv) - 2 :])
        everything(int(float(nodes)), word)
    else:
        sizes()
        start_up()
