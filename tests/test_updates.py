"""Functional updates mean what assignment in place means to NumPy, and are differentiated in both of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab.algebra.inplace import rewritten

CASES: list[tuple[tuple[int, ...], Any]] = [
    ((4,), 2),
    ((4,), -1),
    ((4,), slice(1, 3)),
    ((4,), slice(None)),
    ((4,), slice(None, None, -1)),
    ((4,), slice(3, 0, -2)),
    ((4,), slice(2, 2)),
    ((4,), None),
    ((4,), np.array([0, 2, 2, -1])),
    ((4,), [3, 0]),
    ((4,), np.array([True, False, True, True])),
    ((3, 4), (1, 2)),
    ((3, 4), 1),
    ((3, 4), slice(0, 2)),
    ((3, 4), (slice(None), 1)),
    ((3, 4), (Ellipsis, slice(1, None, 2))),
    ((3, 4), (None, 1)),
    ((3, 4), Ellipsis),
    ((3, 4), (np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ((2, 3, 4), (0, slice(None), np.array([[1], [1]]))),
    ((2, 3), np.array([[True, False, True], [False, True, True]])),
    ((), ()),
    ((0,), slice(None)),
]


@pytest.fixture(params=range(len(CASES)), ids=[f"{shape}-{index}" for shape, index in CASES])
def case(request: pytest.FixtureRequest) -> tuple[Any, Any, Any, Any]:
    shape, index = CASES[request.param]
    random = np.random.default_rng(request.param)
    x = random.normal(size=shape)
    return x, index, random.normal(size=np.shape(x[index])), random.normal(size=shape)


def test_values_are_numpys(case: tuple[Any, Any, Any, Any]) -> None:
    x, index, v, _ = case
    expected = np.array(x)
    expected[index] = v
    before = np.array(x)
    assert np.array_equal(ad.at(x)[index].set(v), expected)
    expected = np.array(x)
    np.add.at(expected, index, v)
    assert ad.at(x)[index].add(v) == pytest.approx(expected)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("method", ["reverse", "forward"])
def test_gradients_to_both(case: tuple[Any, Any, Any, Any], method: str) -> None:
    x, index, v, weights = case
    for update in ("set", "add"):

        def f(x: Any, v: Any, update: str = update) -> Any:
            return (getattr(ad.at(x)[index], update)(v) ** 3 * weights).sum()

        found = ad.grad(f, (0, 1), method=method)(x, v)
        expected = ad.grad(f, (0, 1), method="numerical", scheme="richardson")(x, v)
        for part, wanted in zip(found, expected, strict=True):
            assert part == pytest.approx(wanted, abs=1e-7)


def test_the_last_of_repeated_indices_wins() -> None:
    index = np.array([1, 1, 1])
    assert np.array_equal(ad.at(np.zeros(3))[index].set(np.array([5.0, 6.0, 7.0])), [0, 7, 0])
    gradient = ad.grad(lambda v: ad.at(np.zeros(3))[index].set(v).sum())(np.ones(3))
    assert np.array_equal(gradient, [0, 0, 1])
    assert np.array_equal(ad.grad(lambda v: ad.at(np.zeros(3))[index].add(v).sum())(np.ones(3)), np.ones(3))


def test_what_is_overwritten_gets_no_derivative_even_beside_infinities() -> None:
    def f(x: Any) -> Any:
        return np.sqrt(ad.at(x)[np.array([0])].set(1.0)).sum()

    assert np.array_equal(ad.grad(f)(np.array([0.0, 4.0])), [0.0, 0.25])
    assert np.array_equal(ad.at(np.array([np.nan, -0.0]))[0].set(2.0), [2.0, 0.0])
    assert np.signbit(ad.at(np.array([1.0, -0.0]))[0].set(2.0)[1])


def test_values_broadcast_and_take_the_dtype_of_the_array() -> None:
    assert np.array_equal(ad.at(np.zeros((2, 3)))[0].set(7), [[7, 7, 7], [0, 0, 0]])
    assert np.array_equal(ad.at(np.zeros(3))[:].set(np.ones((1, 3))), np.ones(3))
    assert ad.at(np.zeros(3, np.float32))[0].set(1.5).dtype == np.float32
    assert ad.at(np.zeros(3, np.float32))[[0, 2]].add(np.ones(2)).dtype == np.float32
    assert ad.at([1, 2, 3])[0].set(0.5).dtype == np.float64


def test_lists_of_traced_values_are_arrays() -> None:
    gradient = ad.grad(lambda x: (ad.at([x, 2.0, x])[:2].set([x * x, 1.0]) ** 2).sum())(3.0)
    assert gradient == pytest.approx(4 * 27 + 6)


def test_an_update_in_a_traced_loop() -> None:
    def fill(x: Any) -> Any:
        y = np.zeros(4)
        for k in range(4):
            y = ad.at(y)[k].set(x**k)
        return y.sum()

    assert ad.grad(fill)(2.0) == 1 + 4 + 12


def test_bad_values_and_indices_name_the_line() -> None:
    with pytest.raises(ad.ShapeError, match=r"test_updates\.py:\d+: .*shape \(2,\) does not broadcast"):
        ad.at(np.zeros(3))[0].set(np.ones(2))
    with pytest.raises(ad.ShapeError, match=r"test_updates\.py:\d+: .*out of range"):
        ad.at(np.zeros(3))[5].set(1.0)
    with pytest.raises(ad.TraceError, match="index depends on a traced value"):
        ad.grad(lambda x: ad.at(np.zeros(3))[x].set(1.0).sum())(1.0)


# ------------------------------------------------------------------------------------------ assignment in place


def sets(x: Any) -> Any:
    x[1:3] = 2.0 * x[0]
    return x.sum()


def adds(x: Any) -> Any:
    x[0] += x[1] * 2
    return x.sum()


def sets_in_plain(x: Any) -> Any:
    out = np.zeros(3)
    out[1:] = x[1:]
    return out.sum()


def sets_number_in_plain(x: Any) -> Any:
    out = np.zeros(3)
    out[0] = x[1]
    return out.sum()


INSTEAD: dict[Callable[..., Any], str] = {
    sets: "x = ad.at(x)[1:3].set(2.0 * x[0])",
    adds: "x = ad.at(x)[0].add(x[1] * 2)",
    sets_in_plain: "out = ad.at(out)[1:].set(x[1:])",
    sets_number_in_plain: "out = ad.at(out)[0].set(x[1])",
}


@pytest.mark.parametrize("code", INSTEAD, ids=lambda code: code.__name__)
def test_the_error_prints_the_line_rewritten(code: Callable[..., Any]) -> None:
    with pytest.raises(TypeError) as caught:
        ad.grad(code)(np.ones(3))
    assert isinstance(caught.value, ad.TraceError)
    assert f"write `{INSTEAD[code]}`" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x[i] = v  # a comment", "x = ad.at(x)[i].set(v)"),
        ("a[b[0], ...] -= f(x)", "a = ad.at(a)[b[0], ...].add(-f(x))"),
        ("self.w[i, :] /= n + 1", "self.w = ad.at(self.w)[i, :].set(self.w[i, :] / (n + 1))"),
        ("x[0][1] = v", "x = ad.at(x)[0].set(ad.at(x[0])[1].set(v))"),
        ("x = 3", None),
        ("x.y += 3", None),
        ("for i in x:", None),
        ("x[0] = (1,", None),
    ],
)
def test_rewriting(line: str, expected: str | None) -> None:
    assert rewritten(line) == expected
