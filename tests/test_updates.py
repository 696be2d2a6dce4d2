"""Functional updates mean what assignment in place means to NumPy, and are differentiated in both of their arguments."""

from __future__ import annotations

import functools
import operator
import re
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


def aliased(x: Any) -> Any:
    y = x * 1.0
    z = y
    y *= 2.0
    return z.sum()


def viewed(x: Any) -> Any:
    y = x * 1.0
    part = y[1:]
    y += 1
    return part.sum()


def view(x: Any) -> Any:
    r = x.reshape(3, 1)
    r -= x[0] + 1
    return (x**2).sum()


def argument(x: Any) -> Any:
    x **= 2
    return x.sum()


def every(x: Any) -> Any:
    w = {"a": x * 1.0, "b": x * 2.0}
    for p in (w["a"], w["b"]):
        p -= 0.1 * p
    return w["a"].sum() + w["b"].sum()


def called(x: Any) -> Any:
    y, z = x * 1.0, x * 2.0
    parts = [y, z]
    del y
    functools.reduce(operator.iadd, parts)
    return parts[0].sum()


def sliced(x: Any) -> Any:
    y = x * 1.0
    y[0:1] += 10.0
    return (y**2).sum()


REFUSED = [
    (aliased, "`y = y * 2.0`"),
    (viewed, "`y = y + 1`"),
    (view, "`r = r - (x[0] + 1)`"),
    (argument, "`x = x ** 2`"),
    (every, "`p = p - (0.1 * p)`"),
    (called, "`y = y + v`"),
    (sliced, "`y = ad.at(y)[0:1].add(10.0)`"),
]


@pytest.mark.parametrize(("f", "instead"), REFUSED, ids=lambda given: getattr(given, "__name__", ""))
def test_an_operator_in_place_is_refused_where_something_else_would_change(f: Any, instead: str) -> None:
    with pytest.raises(ad.TraceError, match=re.escape(instead)) as info:
        ad.grad(f)(np.ones(3))
    assert isinstance(info.value, TypeError)


class Cell:
    def __init__(self, state: Any) -> None:
        self.state = state


def accumulates(x: Any) -> Any:
    total = np.zeros(3) + x
    cell, table, mask = Cell(x * 2), {"a": x + 1}, x > 0
    for k in range(3):
        total += k * x
        cell.state *= 1.0 + x
        table["a"] -= 0.5 * x[0]
        mask &= x < k + 1
        first = total[0]
        total /= 1.0 + first**2
    parts = total[1:] - total[:-1]
    parts **= 2

    def inner() -> None:
        nonlocal total
        total @= np.eye(3)

    inner()
    own, flat, last = x.copy(), x.flatten(), np.copy(x)
    own -= 1.0
    flat += own
    last *= 3.0
    number = x[0]
    other = number
    number += 5.0
    return (
        (total * cell.state + table["a"] * flat + last).sum()
        + parts.sum() * number
        + other
        + np.where(mask, x, 2 * x).sum()
    )


def test_an_operator_in_place_is_an_assignment_where_nothing_else_has_the_array() -> None:
    x = np.array([0.5, 1.5, 2.5])
    graph = ad.graph(accumulates, x)
    np.testing.assert_allclose(graph(x), accumulates(x.copy()), rtol=1e-14)
    numbers = ad.grad(accumulates, method="numerical")(x)
    np.testing.assert_allclose(ad.grad(accumulates)(x), numbers, rtol=1e-6)


def test_an_operator_in_place_keeps_shape_and_dtype() -> None:
    def widens(x: Any) -> Any:
        y = x * 2
        y += np.ones((2, 3))
        return y.sum()

    def doubles(x: Any) -> Any:
        y = x * 2
        y *= np.full(3, 2.0)
        return y

    with pytest.raises(ad.TraceError, match=r"shape \(3,\) and dtype float64 cannot take"):
        ad.grad(widens)(np.ones(3))
    graph = ad.graph(doubles, np.ones(3, np.float32))
    assert graph.output_types[0].dtype == np.float32
