"""Taylor mode against mpmath's own series, its cost against nested derivatives, and what it goes through."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import adlab as ad
from adlab.algebra.counting import CountingAlgebra
from adlab.algebra.taylor import TaylorAlgebra
from adlab.ir.types import SCALAR

ORDER = 20
M = mpmath.MPContext()
M.dps = 60

CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], float]] = {
    "exp sin": (lambda x: np.exp(np.sin(x)), lambda x: M.exp(M.sin(x)), 0.7),
    "cos log": (lambda x: np.cos(np.log(x)), lambda x: M.cos(M.log(x)), 1.4),
    "tanh/(1+x)": (lambda x: np.tanh(x * x) / (1 + x), lambda x: M.tanh(x * x) / (1 + x), 0.4),
    "sqrt": (lambda x: np.sqrt(1 + x**3), lambda x: M.sqrt(1 + x**3), 0.5),
    "log to a power": (lambda x: np.log(x) ** 2.5, lambda x: M.log(x) ** M.mpf(2.5), 3.0),
    "tan, arctan, arcsin": (
        lambda x: np.tan(x) + np.arctan(x) * np.arcsin(x / 2),
        lambda x: M.tan(x) + M.atan(x) * M.asin(x / 2),
        0.3,
    ),
    "polynomial at 0": (lambda x: x**5 - 3 * x**2 + 1, lambda x: x**5 - 3 * x**2 + 1, 0.0),
    "x to the x": (lambda x: x**x, lambda x: x**x, 1.3),
    "erf": (lambda x: ad.erf(x) * x, lambda x: M.erf(x) * x, 0.6),
    "softplus, sigmoid": (
        lambda x: ad.softplus(x) * ad.sigmoid(x),
        lambda x: M.log(1 + M.exp(x)) / (1 + M.exp(-x)),
        0.2,
    ),
    "hyperbolic, hypot": (
        lambda x: np.cosh(x) / np.sinh(x) + np.log1p(x) + np.hypot(x, 2),
        lambda x: M.cosh(x) / M.sinh(x) + M.log(1 + x) + M.sqrt(x * x + 4),
        1.1,
    ),
    "two-argument rows": (
        lambda x: np.arctan2(x, 2.0) + np.cbrt(x) + np.log2(x) + np.logaddexp(x, 1.0),
        lambda x: M.atan(x / 2) + M.cbrt(x) + M.log(x, 2) + M.log(M.exp(x) + M.e),
        1.7,
    ),
    "prod at 0": (lambda x: np.prod(np.stack([x, np.sin(x), 2 * x])), lambda x: 2 * x * x * M.sin(x), 0.0),
    "matrix product": (
        lambda x: np.stack([x, np.sin(x)]) @ np.stack([np.exp(x), x]),
        lambda x: x * M.exp(x) + x * M.sin(x),
        0.8,
    ),
    "a choice": (lambda x: np.where(x > 0, np.sin(x), 1.0) + np.maximum(x, -1), lambda x: M.sin(x) + x, 0.5),
    "a loop": (
        lambda x: ad.fori(3, lambda i, y: np.sin(y) * x, x),
        lambda x: M.sin(M.sin(M.sin(x) * x) * x) * x,
        0.9,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_against_mpmath(name: str) -> None:
    f, exact, x = CASES[name]
    expected = [float(c) for c in M.taylor(exact, M.mpf(x), ORDER)]
    assert ad.taylor(f, x, ORDER) == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_the_logarithm_of_gamma() -> None:
    expected = [M.psi(k - 1, M.mpf(1.6)) / M.factorial(k) for k in range(1, ORDER + 1)]
    found = ad.taylor(lambda x: ad.gammaln(1 + x), 0.6, ORDER)[1:]
    assert found == pytest.approx([float(c) for c in expected], rel=1e-10)


def test_derivatives_are_coefficients_times_factorials() -> None:
    assert ad.higher_derivatives(lambda x: x**3, 2.0, 4).tolist() == [8, 12, 12, 6, 0]
    assert ad.higher_derivatives("sin(x)*x", 0.0, 3).tolist() == [0, 0, 2, 0]
    nested: Any = np.tanh
    for _ in range(4):
        nested = ad.grad(nested)
    assert ad.higher_derivatives(np.tanh, 0.4, 4)[-1] == pytest.approx(nested(0.4))


def test_arrays_along_a_direction_and_nested_results() -> None:
    x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    found = ad.taylor(lambda x: {"dot": x @ x, "sin": np.sin(x)}, x, 3, direction=v)
    assert found["dot"] == pytest.approx([5.0, -2.0, 2.0, 0.0])
    assert found["sin"].shape == (4, 2)
    assert found["sin"][2] == pytest.approx(-np.sin(x) / 2)
    f = lambda x: np.exp(x[0] * x[1])  # noqa: E731
    second = v @ ad.hessian(f)(x) @ v
    assert ad.higher_derivatives(f, x, 2, direction=v)[2] == pytest.approx(second)


def test_coefficients_are_differentiable() -> None:
    assert ad.grad(lambda x: ad.higher_derivatives(np.sin, x, 5)[5])(0.3) == pytest.approx(-np.sin(0.3))
    assert ad.grad(lambda a: ad.taylor(lambda x: np.exp(a * x), 0.0, 3)[3])(2.0) == pytest.approx(2.0)
    assert ad.grad(lambda p: ad.taylor(lambda x: x**p, 1.0, 2)[2])(3.0) == pytest.approx(2.5)
    assert ad.grad(lambda a: ad.taylor(lambda x: np.max(np.stack([x * x, a])), 2.0, 1)[1])(1.0) == 0.0


def test_a_branch_follows_the_point_and_kinks_their_convention() -> None:
    f = lambda x: x * x if x > 0 else -x  # noqa: E731
    assert ad.higher_derivatives(f, 3.0, 2).tolist() == [9, 6, 2]
    assert ad.higher_derivatives(f, -3.0, 2).tolist() == [3, -1, 0]
    assert ad.higher_derivatives(ad.relu, 0.0, 2).tolist() == [0, 1, 0]
    assert ad.taylor(lambda x: x * ad.stop_gradient(x), 3.0, 2).tolist() == [9, 3, 0]


def test_float32_and_constants() -> None:
    assert ad.taylor(np.exp, np.float32(0.5), 4).dtype == np.float32
    assert ad.taylor(lambda x: 7.0, 2.0, 2).tolist() == [7, 0, 0]
    assert ad.taylor(np.sin, 1.0, 0).tolist() == [np.sin(1.0)]


def operations(f: Callable[..., Any], order: int) -> int:
    """Return the operations of one evaluation with power series."""
    graph = ad.graph(f, 0.5)
    counting = CountingAlgebra()
    algebra = TaylorAlgebra(counting, order)
    algebra.run(graph, [algebra.series([counting.value(SCALAR), counting.value(SCALAR)])])
    return counting.counts.total()


@pytest.mark.parametrize(("name", "power"), [("exp sin", 2.2), ("tanh/(1+x)", 3.2), ("sqrt", 3.2)])
def test_the_cost_is_polynomial_in_the_order(name: str, power: float) -> None:
    f = CASES[name][0]
    counts = {order: operations(f, order) for order in (10, 20, 40)}
    assert counts[20] < 2**power * counts[10]
    assert counts[40] < 2**power * counts[20]


def test_nested_derivatives_cost_exponentially_more() -> None:
    f = CASES["tanh/(1+x)"][0]
    nested, sizes = f, []
    for _ in range(4):
        nested = ad.grad(nested)
        sizes.append(len(ad.graph(nested, 0.5)))
    growth = [later / earlier for earlier, later in itertools.pairwise(sizes)]
    assert min(growth) > 1.5  # a constant factor per order
    series = [operations(f, order) for order in (1, 2, 3, 4)]
    assert series[3] / series[2] < growth[-1]


def test_long_programs_and_high_orders_need_no_stack() -> None:
    def chain(x: Any) -> Any:
        for _ in range(5000):
            x = 1.0001 * x + 1e-9
        return x

    assert ad.taylor(chain, 0.5, 2)[1:] == pytest.approx([1.0001**5000, 0.0])
    assert ad.taylor(lambda x: ad.fori(2000, lambda i, y: 1.001 * y, x), 0.5, 2)[1] == pytest.approx(
        1.001**2000
    )
    assert np.all(np.isfinite(ad.taylor(lambda x: np.tanh(x) * np.arctan2(x, 1.0) * x**2.5, 0.5, 50)))


def test_bad_questions() -> None:
    for order in (-1, 2.5, 51, True):
        with pytest.raises(ad.InputError, match="whole number from 0 to 50"):
            ad.taylor(np.sin, 1.0, order)  # type: ignore[arg-type]
    with pytest.raises(ad.InputError, match="along which direction"):
        ad.taylor(np.sum, np.ones(3), 2)
    with pytest.raises(ad.InputError, match=r"The direction has shape \(2,\)"):
        ad.taylor(np.sum, np.ones(3), 2, direction=np.ones(2))
    with pytest.raises(ad.InputError, match="one number or array"):
        ad.taylor(lambda p: p["a"] * p["b"], {"a": 1.0, "b": 2.0}, 2)
