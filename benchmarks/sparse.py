"""Sparse derivatives and vector passes: what they take, as ratios to the function or to the one-by-one way.

    python -m benchmarks.sparse

Every derivative is checked before its time is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import adlab as ad
from adlab.methods import method_named
from adlab.transforms import batch


def best(work: Callable[[], Any], seconds: float = 0.4) -> float:
    """Return the least time of several runs."""
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 3:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def burgers(u: Any) -> Any:
    """Return the residual of Burgers' equation on a uniform grid with zero boundaries."""
    h, viscosity = 1 / (u.size + 1), 0.01
    w = np.concatenate([np.zeros(1), u, np.zeros(1)])
    return -u * (w[2:] - w[:-2]) / (2 * h) + viscosity * (w[2:] - 2 * u + w[:-2]) / h**2


def rosenbrock(x: Any) -> Any:
    """Return Rosenbrock's function of any number of variables."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def arrow(x: Any) -> Any:
    """Return a function whose Jacobian is an arrow: a full row, a full column, the diagonal."""
    return np.concatenate([np.stack([np.sum(x**2)]), x[1:] ** 2 + x[0] * x[1:]])


def jacobians(rng: np.random.Generator) -> None:
    """Print first call, later calls and size of sparse Jacobians."""
    print(f"{'Jacobian':<22} {'function':>10} {'first':>10} {'later':>10} {'ratio':>7} {'MB':>6}  passes")
    plain = ("plain NumPy sigmoid", lambda x: 1 / (1 + np.exp(-x)), rng.normal(size=(100, 2048)))
    layer = ("sigmoid, 100 × 2048", ad.sigmoid, rng.normal(size=(100, 2048)))
    rows = (
        layer,
        plain,
        ("burgers, n = 10,000", burgers, rng.normal(size=10_000)),
        ("arrow, n = 1,000", arrow, rng.normal(size=1000)),
    )
    for name, f, x in rows:
        jacobian = ad.jacobian(f, sparse=True)
        start = time.perf_counter()
        found = jacobian(x)
        first = time.perf_counter() - start
        v = rng.normal(size=x.shape)
        np.testing.assert_allclose(found @ v.ravel(), ad.jvp(f, (x,), (v,))[1].ravel(), rtol=1e-8, atol=1e-6)
        function, later = best(lambda f=f, x=x: f(x)), best(lambda jacobian=jacobian, x=x: jacobian(x))
        megabytes = (found.data.nbytes + found.indices.nbytes + found.indptr.nbytes) / 1e6
        print(
            f"{name:<22} {1e3 * function:>7.3f} ms {1e3 * first:>7.1f} ms {1e3 * later:>7.2f} ms "
            f"{later / function:>7.1f} {megabytes:>6.2f}  {ad.sparsity(f, x).sentence}"
        )


def hessians(rng: np.random.Generator) -> None:
    """Print the time of sparse and dense Hessians against the gradient."""
    print(f"\n{'Hessian':<22} {'gradient':>10} {'sparse':>10} {'dense':>10}  sparse/gradient")
    for n in (100, 1000):
        x = rng.normal(size=n)
        gradient, sparse, dense = (
            ad.grad(rosenbrock),
            ad.hessian(rosenbrock, sparse=True),
            ad.hessian(rosenbrock),
        )
        np.testing.assert_allclose(sparse(x).toarray(), dense(x), rtol=1e-12)
        times = [best(lambda work=work, x=x: work(x)) for work in (gradient, sparse, dense)]
        print(
            f"{f'Rosenbrock, n = {n}':<22} "
            + " ".join(f"{1e3 * t:>7.3f} ms" for t in times)
            + f"  {times[1] / times[0]:.2f}"
        )


def lanes(rng: np.random.Generator) -> None:
    """Print dense Jacobians in lanes against one pass at a time."""
    print(f"\n{'dense Jacobian':<34} {'one by one':>11} {'in lanes':>10} {'speed-up':>9}")
    W = rng.normal(size=(40, 60))
    x = rng.normal(size=60)
    graph = ad.graph(lambda x: np.tanh(W @ np.sin(x)) * np.sum(x**2), x)
    limit = batch.LANE_BYTES
    for method, options in (
        ("forward", {}),
        ("reverse", {}),
        *(("numerical", {"scheme": s}) for s in ("central", "complex", "richardson")),
    ):

        def work(method: str = method, options: dict[str, str] = options) -> Any:
            return method_named(method).derivative(graph, (x,), **options).jacobians[0][0]

        together, result = best(work), work()
        batch.LANE_BYTES = 1
        try:
            alone, other = best(work), work()
        finally:
            batch.LANE_BYTES = limit
        np.testing.assert_allclose(result, other, rtol=1e-5, atol=1e-5)
        name = f"40 × 60, {method} {options.get('scheme', '')}"
        print(f"{name:<34} {1e3 * alone:>8.2f} ms {1e3 * together:>7.2f} ms {alone / together:>8.1f}×")


def main() -> None:
    """Print all tables."""
    rng = np.random.default_rng(0)
    jacobians(rng)
    hessians(rng)
    lanes(rng)


if __name__ == "__main__":
    main()
