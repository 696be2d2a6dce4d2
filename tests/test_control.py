"""Loops as one node and checkpoints: the same numbers as Python's for, in every mode and order, at a fixed graph size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.ir.check import check
from adlab.methods.reference import reference
from adlab.transforms.costs import count_evaluation
from adlab.transforms.sweeps import dual_run

W, BIAS, H0 = np.array([[0.3, -0.2], [0.1, 0.5]]), np.array([0.4, 0.6]), np.array([0.1, 0.2])
XS = np.array([0.5, -0.3, 0.8, 1.1])
ARGS = (W, BIAS, H0, XS)


def scanned(w: Any, b: Any, h0: Any, xs: Any) -> Any:
    """A recurrent network: nested carry, two results per step, two captures."""

    def step(carry: Any, x: Any) -> Any:
        h = np.tanh(w @ carry["h"] + b * x)
        return {"h": h, "n": carry["n"] + 1}, (h.sum() * carry["n"], h)

    last, (sums, hs) = ad.scan(step, {"h": h0, "n": 0.0}, xs)
    return (last["h"] ** 2).sum() + sums.sum() + (hs**3).sum() + last["n"]


def unrolled(w: Any, b: Any, h0: Any, xs: Any) -> Any:
    h, total = h0, 0
    for k in range(xs.shape[0]):
        h = np.tanh(w @ h + b * xs[k])
        total = total + h.sum() * k + (h**3).sum()
    return (h**2).sum() + total + xs.shape[0]


def powers(x: Any) -> Any:
    return ad.fori(10, lambda i, y: y * x, 1.0)


# ------------------------------------------------------------------------------------------------------- values


def test_values_are_those_of_a_python_loop() -> None:
    assert scanned(*ARGS) == pytest.approx(unrolled(*ARGS))
    assert ad.graph(scanned, *ARGS)(*ARGS) == pytest.approx(unrolled(*ARGS))
    assert powers(2.0) == 1024.0
    assert ad.fori(5, lambda i, total: total + i, 0) == 10.0


def test_nothing_to_do() -> None:
    carry, ys = ad.scan(lambda c, x: (c + x, c), 1.0, np.zeros(0))
    assert carry == 1.0
    assert ys.shape == (0,)
    assert ad.fori(0, lambda i, c: 2 * c, 3.0) == 3.0
    assert ad.grad(lambda z: ad.fori(0, lambda i, c: 2 * c, z))(3.0) == 1.0


def test_backwards_and_without_entries() -> None:
    carry, ys = ad.scan(lambda c, x: (2 * c + x, c), 0.0, np.array([1.0, 2.0, 3.0]), reverse=True)
    assert carry == 2 * (2 * 3 + 2) + 1
    assert np.array_equal(ys, [8.0, 3.0, 0.0])
    carry, ys = ad.scan(lambda c, _: (c * 3, None), 1.0, length=4)
    assert carry == 81.0
    assert ys is None


def test_truth_values_may_be_carried() -> None:
    def step(carry: Any, x: Any) -> Any:
        total, seen = carry
        return (np.where(seen, total, total + x * x), seen | (x > 2.5)), seen

    (total, seen), flags = ad.scan(step, (0.0, np.bool_(False)), np.array([1.0, 3.0, 5.0]))
    assert (total, bool(seen), flags.tolist()) == (10.0, True, [False, False, True])

    def f(xs: Any) -> Any:
        return ad.scan(step, (0.0, np.bool_(False)), xs)[0][0]

    for method in ("reverse", "forward"):
        assert np.array_equal(ad.grad(f, method=method)(np.array([1.0, 3.0, 5.0])), [2, 6, 0])


# -------------------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("method", ["reverse", "forward", "numerical"])
def test_gradients(method: str) -> None:
    found = ad.grad(scanned, (0, 1, 2, 3), method=method)(*ARGS)
    for part, expected in zip(found, ad.grad(unrolled, (0, 1, 2, 3))(*ARGS), strict=True):
        assert part == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("inner", ["reverse", "forward"])
@pytest.mark.parametrize("outer", ["reverse", "forward"])
@pytest.mark.parametrize("argnum", range(4))
def test_second_derivatives_in_every_mixture(inner: str, outer: str, argnum: int) -> None:
    found = ad.jacobian(ad.grad(scanned, argnum, method=inner), argnum, method=outer)(*ARGS)
    assert found == pytest.approx(ad.hessian(unrolled, argnum)(*ARGS), abs=1e-12)


def test_further_orders_and_carriers() -> None:
    assert ad.grad(ad.grad(ad.grad(powers)))(2.0) == 720 * 2.0**7
    assert ad.grad(powers, method="symbolic")(2.0) == 5120.0
    graph = ad.graph(powers, 2.0)
    assert float(reference(graph, (2.0,)).jacobians[0][0]) == 5120.0
    exact = MpmathAlgebra(50)
    assert str(exact.run(graph, [exact.number(0.5)])[-1]) == str(exact.number(0.5**10))
    assert dual_run(graph, NUMPY, [np.float64(2)], [np.float64(1)])[-1].tangent == 5120.0
    assert ad.grad(lambda x: powers(x), method="numerical", scheme="complex")(2.0) == pytest.approx(
        5120.0, rel=1e-14
    )
    assert ad.check(scanned, *ARGS).passed


def test_backwards_loops_have_derivatives() -> None:
    def f(x: Any, reverse: bool) -> Any:
        carry, ys = ad.scan(lambda c, v: (np.sin(c) * v + c, c * v), 0.3, x, reverse=reverse)
        return carry * ys.sum()

    assert ad.grad(lambda x: f(x, True))(XS) == pytest.approx(ad.grad(lambda x: f(x, False))(XS[::-1])[::-1])
    assert ad.hessian(lambda x: f(x, True))(XS) == pytest.approx(
        ad.hessian(lambda x: f(x, False))(XS[::-1])[::-1, ::-1]
    )


def test_float32_throughout() -> None:
    args = [a.astype(np.float32) for a in ARGS]

    def f(w: Any, b: Any, h0: Any, xs: Any) -> Any:
        carry, ys = ad.scan(lambda h, x: (np.tanh(w @ h + b * x), 2 * h), h0, xs)
        return carry.sum() + ys.sum()

    assert all(part.dtype == np.float32 for part in ad.grad(f, (0, 1, 2, 3))(*args))
    assert ad.hessian(f)(*args).dtype == np.float32
    assert ad.fori(3, lambda i, y: y * i + 1, np.float32(2)).dtype == np.float32


def test_loops_nest() -> None:
    def f(x: Any) -> Any:
        return ad.fori(3, lambda i, a: ad.fori(4, lambda j, b: np.sin(b) * x + i * j * a, a), x)

    def plain(x: Any) -> Any:
        a = x
        for i in range(3):
            b = a
            for j in range(4):
                b = np.sin(b) * x + i * j * a
            a = b
        return a

    assert f(0.4) == pytest.approx(plain(0.4))
    assert ad.grad(f)(0.4) == pytest.approx(ad.grad(plain)(0.4))
    assert ad.grad(ad.grad(f))(0.4) == pytest.approx(ad.grad(ad.grad(plain))(0.4))


def test_jacobians() -> None:
    def f(x: Any) -> Any:
        _, ys = ad.scan(lambda c, v: (c + v * v, c * v), 0.0, ad.checkpoint(np.sin)(x))
        return ys

    expected = ad.jacobian(f, method="numerical", scheme="richardson")(XS)
    for options in ({"method": "reverse"}, {"method": "forward"}):
        assert ad.jacobian(f, **options)(XS) == pytest.approx(expected, abs=1e-8)


# -------------------------------------------------------------------------------------------------------- graphs


def test_size_does_not_depend_on_the_number_of_steps() -> None:
    def sizes(steps: int) -> tuple[int, ...]:
        def f(x: Any) -> Any:
            return ad.fori(steps, lambda i, y: np.sin(y) * x + i, x)

        gradient = ad.grad_graph(f, 0.5)
        curvature = ad.grad_graph(ad.grad(f), 0.5)
        for graph in (gradient, curvature):
            check(graph)
        return tuple(map(len, (ad.graph(f, 0.5), gradient, curvature)))

    assert sizes(3) == sizes(3000)


def test_json_keeps_loops_and_checkpoints() -> None:
    held = ad.checkpoint(lambda x: (np.sin(x), x * x))
    for f, args in ((scanned, ARGS), (lambda x: held(x)[0] + held(x)[1], (0.7,))):
        graph = ad.graph(f, *args)
        check(graph)
        assert ad.Graph.from_json(graph.to_json())(*args) == graph(*args)


def test_shown_as_body_times_n() -> None:
    def step(i: Any, y: Any) -> Any:
        return y * 1.5

    trace = ad.trace(lambda x: ad.fori(20, step, x), 2.0, mode="all")
    assert "(step × 20)(v0)" in trace.to_text()
    assert "∂(step × 20)/∂v0" in trace.to_text()
    assert r"\mathrm{(step \times 20)}" in trace.to_latex()
    assert "step" in trace.to_html()
    assert "step × 20" in ad.draw(lambda x: ad.fori(20, step, x), 2.0).svg


def test_counted_once_per_step() -> None:
    def total(steps: int) -> int:
        return count_evaluation(
            ad.graph(lambda x: ad.fori(steps, lambda i, y: np.sin(y) * x, x), 0.5)
        ).total()

    assert (total(1), total(10), total(10**6)) == (2, 20, 2 * 10**6)


# -------------------------------------------------------------------------------------------------------- errors

BAD: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "changes the shape of the carry c from": (
        ad.ShapeError,
        lambda: ad.scan(lambda c, x: (np.stack([c, x]), x), 0.0, np.ones(3)),
    ),
    "changes the dtype of the carry c from float32 to float64": (
        ad.ShapeError,
        lambda: ad.scan(lambda c, x: (c * x, None), np.float32(1), np.ones(3)),
    ),
    "one array in, a tuple of 2 out": (ad.ShapeError, lambda: ad.fori(3, lambda i, c: (c, c), 1.0)),
    "returns two things": (ad.TraceError, lambda: ad.scan(lambda c, x: c + x, 0.0, np.ones(3))),
    "a comparison decides a branch in the body": (
        ad.TraceError,
        lambda: ad.fori(3, lambda i, c: -c if c > 0 else c, 1.0),
    ),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_body_that_does_not_fit_names_the_line(sentence: str) -> None:
    kind, code = BAD[sentence]
    with pytest.raises(kind, match=sentence) as caught:
        code()
    assert "test_control.py:" in str(caught.value)


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(ad.InputError, match="whole number"):
        ad.fori(2.5, lambda i, c: c, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ad.InputError, match="lengths 2, 3"):
        ad.scan(lambda c, x: (c, x), 0.0, (np.ones(3), np.ones(2)))
    with pytest.raises(ad.InputError, match="no xs and no length"):
        ad.scan(lambda c, x: (c, x), 0.0)
    with pytest.raises(ad.InputError, match="xs holds a number"):
        ad.scan(lambda c, x: (c, x), 0.0, 3.0)
    with pytest.raises(ad.TraceError, match="depends on a traced value"):
        ad.grad(lambda n: ad.fori(n, lambda i, c: c, 1.0))(3.0)


# --------------------------------------------------------------------------------------------------- checkpoints


def two(x: Any, y: Any) -> Any:
    return np.sin(x) * np.exp(y), x * y


def chained(step: Callable[..., Any], x: Any, y: Any) -> Any:
    for _ in range(3):
        x, y = step(x, y)
    return x + y


def test_checkpoints_change_no_derivative() -> None:
    held = ad.checkpoint(two)
    f, g = (lambda x, y, s=s: chained(s, x, y) for s in (held, two))
    assert f(0.3, 0.4) == g(0.3, 0.4)
    for method in ("reverse", "forward", "numerical"):
        assert ad.grad(f, (0, 1), method=method)(0.3, 0.4) == pytest.approx(
            ad.grad(g, (0, 1), method=method)(0.3, 0.4)
        )
    assert ad.hessian(f)(0.3, 0.4) == pytest.approx(ad.hessian(g)(0.3, 0.4))
    assert ad.grad(ad.grad(f))(0.3, 0.4) == pytest.approx(ad.grad(ad.grad(g))(0.3, 0.4))
    graph = ad.graph(f, 0.3, 0.4)
    assert graph.operation_counts()["checkpoint"] == 3
    assert graph.expand()(0.3, 0.4) == g(0.3, 0.4)


def test_a_checkpoint_follows_branches_and_closures() -> None:
    held = ad.checkpoint(lambda x: x * x if x > 0 else -x)
    assert (ad.grad(held)(3.0), ad.grad(held)(-3.0)) == (6.0, -1.0)
    with pytest.raises(ad.BranchError):
        ad.graph(held, 3.0)(-3.0)
    assert ad.grad(lambda w: ad.checkpoint(lambda x: x * w)(w * w))(2.0) == 12.0


def test_a_checkpoint_stores_less() -> None:
    def step(x: Any) -> Any:
        for _ in range(8):
            x = np.sin(x) + 0.5 * x
        return x

    def peak(one: Callable[[Any], Any]) -> int:
        def f(x: Any) -> Any:
            for _ in range(10):
                x = one(x)
            return x.sum()

        x = np.linspace(0, 1, 5000)
        tracemalloc.start()
        ad.grad(f)(x)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(ad.checkpoint(step)) < peak(step) / 3
