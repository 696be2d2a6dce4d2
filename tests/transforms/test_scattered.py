"""Cotangents of many parts of one array are put down together, in every carrier, without touching anyone's array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY
from adlab.ir.index import normalise_index, numpy_index, stacked_indices
from adlab.transforms.sweeps import evaluate, reverse_sweep

INDICES: tuple[Any, ...] = (
    *(0, 1, 2, 3, -1, (0, 1), (2, 2), (1, -1)),
    *(slice(0, 2), slice(1, 3), slice(None, None, -1), (slice(1, 3), 0), (slice(0, 2), 2), (slice(None), 1)),
    *(
        (0, slice(0, 2)),
        (3, slice(1, 3)),
        (np.array([0, 0, 2]),),
        (None, 1),
        (Ellipsis, 2),
        (slice(0, 4, 2), slice(0, 2)),
    ),
)


def by_parts(x: Any) -> Any:
    """Return a sum of nonlinear functions of many parts, whole rows, slices and single elements."""
    return sum(np.sum(np.sin((k + 1) * x[index]) * x[index]) for k, index in enumerate(INDICES))


def at_once(x: Any) -> Any:
    """Return the same by hand-written adjoints: np.add.at for every part."""
    total = np.zeros_like(x)
    for k, index in enumerate(INDICES):
        part = x[index]
        np.add.at(total, index, (k + 1) * np.cos((k + 1) * part) * part + np.sin((k + 1) * part))
    return total


X = np.random.default_rng(0).normal(size=(4, 3))


def test_the_gradient_of_many_parts() -> None:
    np.testing.assert_allclose(ad.grad(by_parts)(X), at_once(X), rtol=1e-13, atol=1e-13)


def test_the_gradient_graph_of_many_parts() -> None:
    np.testing.assert_allclose(ad.grad_graph(by_parts, X)(X), at_once(X), rtol=1e-13, atol=1e-13)


def test_second_derivatives_of_many_parts() -> None:
    direction = np.random.default_rng(1).normal(size=X.shape)
    h = 1e-5
    by_differences = (at_once(X + h * direction) - at_once(X - h * direction)) / (2 * h)
    np.testing.assert_allclose(ad.hvp(by_parts, (X,), (direction,)), by_differences, rtol=1e-7, atol=1e-7)


def test_lanes_of_many_parts() -> None:
    def f(x: Any) -> Any:
        return np.stack([by_parts(x), by_parts(2 * x), np.sum(x[0] * x[1])])

    found = ad.jacobian(f)(X)
    np.testing.assert_allclose(found[0], at_once(X), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found[1], 2 * at_once(2 * X), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found, ad.jacobian(f, method="forward")(X), rtol=1e-12, atol=1e-12)


def test_float32_stays_float32() -> None:
    assert ad.grad(by_parts)(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("kind", ["each alone", "together"])
def test_numbers_and_the_general_form_agree(kind: str) -> None:
    parts = [(normalise_index(index, X.shape), np.sin(X[index])) for index in INDICES]
    for chosen in [parts] if kind == "together" else [[part] for part in parts]:
        total = np.zeros_like(X)
        for index, value in chosen:
            np.add.at(total, numpy_index(index), value)
        np.testing.assert_allclose(NUMPY.scattered(chosen, X.shape), total, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(Algebra.scattered(NUMPY, chosen, X.shape), total, rtol=1e-14, atol=1e-14)


def test_indices_of_one_shape_are_joined() -> None:
    indices = [normalise_index(index, X.shape) for index in INDICES]
    joined = stacked_indices(indices, X.shape)
    assert sorted(k for positions, _ in joined for k in positions) == list(range(len(INDICES)))
    assert len(joined) < len(INDICES)
    for positions, index in joined:
        parts = [X[numpy_index(indices[k])] for k in positions]
        np.testing.assert_array_equal(X[numpy_index(index)], np.stack(parts) if len(parts) > 1 else parts[0])


def elements(count: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return sum(x[k] * x[(k + 1) % count] for k in range(count))

    return f


def test_the_gradient_graph_of_single_elements_has_one_scatter() -> None:
    x = np.arange(20.0)
    counts = ad.grad_graph(elements(20), x).operation_counts()
    assert (counts["stack"], counts["index_add"]) == (1, 1)


def test_no_array_of_the_user_or_of_another_node_is_written_to() -> None:
    graph = ad.graph(lambda x: (2.0 * x, elements(20)(x)), np.arange(20.0))
    x, cotangent = np.arange(20.0), np.ones(20)
    values = evaluate(graph, NUMPY, [x])
    kept = [np.array(value) for value in values]
    adjoints = reverse_sweep(
        graph, NUMPY, values, [(graph.outputs[0], cotangent), (graph.outputs[1], np.float64(1))]
    )
    np.testing.assert_array_equal(adjoints[0], 2 + np.roll(x, 1) + np.roll(x, -1))
    np.testing.assert_array_equal(cotangent, 1)
    for value, before in zip(values, kept, strict=True):
        np.testing.assert_array_equal(value, before)


def test_parts_that_no_result_depends_on_give_nothing() -> None:
    def f(x: Any) -> Any:
        parts = [x[k] for k in range(20)]
        return np.where(sum(parts) > 0, 1.0, 2.0) + x[3] * 0.0 + np.sum(x**2)

    np.testing.assert_array_equal(ad.grad(f)(np.arange(20.0)), 2 * np.arange(20.0))
