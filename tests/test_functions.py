"""The public functions: NumPy's results on numbers and arrays, nodes on traced values and lists of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

from adlab import functions as ad
from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError, TraceError
from adlab.frontends.recording import record
from adlab.ir.check import check
from adlab.primitives import ROWS
from adlab.transforms.sweeps import reverse_sweep

RNG = np.random.default_rng(11)
X = RNG.normal(size=(3, 4))
ELEMENTWISE = [row for row in ROWS if row.elementwise]
NAMED = {value.primitive.name: value for value in vars(ad).values() if isinstance(value, ad.Function)}


def traced(code: Any, *args: Any) -> Any:
    graph = record(code, args).graph
    check(graph)
    return NUMPY.outputs(graph, NUMPY.run(graph, list(args)))[0]


def inside(row: Any) -> list[np.ndarray[Any, Any]]:
    """Three points within the domain of a row, as one array per operand."""
    intervals = row.domain.intervals
    intervals = (*intervals, *[intervals[-1]] * ((row.arity or 0) - len(intervals)))
    points = []
    for low, high in intervals[: row.arity]:
        low, high = max(low, -9.0), min(high, 9.0)
        integers = isinstance(low, int) and isinstance(high, int)
        points.append(np.full(3, low) if integers else low + (high - low) * np.array([0.2, 0.5, 0.9]))
    return points


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_every_elementwise_row_is_a_public_function(row: Any) -> None:
    public = ad.round if row.name == "round" else getattr(ad, row.name)
    xs = inside(row)
    plain = public(*xs)
    recorded = traced(lambda *given: public(*given), *xs)
    np.testing.assert_allclose(np.asarray(recorded, float), np.asarray(plain, float), rtol=1e-15)
    assert public.__doc__


def test_public_names_are_complete_and_exist() -> None:
    assert len(set(ad.__all__)) == len(ad.__all__)
    defined = {
        name
        for name, value in vars(ad).items()
        if not name.startswith("_") and (isinstance(value, (ad.Function, ad.Structural)))
    }
    assert defined <= set(ad.__all__)
    for name in ad.__all__:
        assert callable(getattr(ad, name))
        assert getattr(ad, name).__doc__


@pytest.mark.parametrize(("name", "function"), sorted(NAMED.items()))
def test_a_function_is_called_as_its_row(name: str, function: ad.Function) -> None:
    assert function.__name__ == name
    assert name in repr(function)
    with pytest.raises(InputError, match=f"{name} takes"):
        function(*[1.0] * ((function.primitive.arity or 0) + 1))


def test_numbers_and_whole_numbers_give_float64() -> None:
    assert ad.square(3) == 9.0
    assert isinstance(ad.square(3), np.float64)
    assert ad.sum([1, 2]).dtype == np.float64
    assert ad.reciprocal(np.array([2, 4])).tolist() == [0.5, 0.25]
    assert ad.concatenate([[1], [2]]).dtype == np.float64
    assert ad.sin(np.float32(1)).dtype == np.float32
    assert ad.where([True, False], 1, 2).tolist() == [1.0, 2.0]
    assert ad.dot([1, 2], [3, 4]) == 11.0


@pytest.mark.parametrize("given", ["text", None, 1j, object()])
def test_what_is_no_number_is_refused(given: Any) -> None:
    for function in (ad.sin, ad.sum, ad.identity):
        with pytest.raises(InputError, match="no real number"):
            function(given)


STRUCTURAL: list[tuple[Any, Any]] = [
    (lambda x: ad.sum(x, axis=1, keepdims=True), lambda x: np.sum(x, axis=1, keepdims=True)),
    (
        lambda x: ad.mean(x, 0) + ad.var(x, 0) + ad.std(x, axis=0, ddof=1),
        lambda x: np.mean(x, 0) + np.var(x, 0) + np.std(x, axis=0, ddof=1),
    ),
    (lambda x: ad.max(x) + ad.min(x) + ad.prod(x), lambda x: np.max(x) + np.min(x) + np.prod(x)),
    (lambda x: ad.cumsum(x, axis=1), lambda x: np.cumsum(x, axis=1)),
    (lambda x: ad.norm(x), lambda x: np.linalg.norm(x)),
    (lambda x: ad.reshape(x, (2, -1)), lambda x: np.reshape(x, (2, -1))),
    (lambda x: ad.ravel(ad.transpose(x)), lambda x: np.ravel(np.transpose(x))),
    (lambda x: ad.swapaxes(x, 0, 1), lambda x: np.swapaxes(x, 0, 1)),
    (lambda x: ad.moveaxis(ad.expand_dims(x, 0), 0, -1), lambda x: x[..., None]),
    (lambda x: ad.squeeze(ad.broadcast_to(x, (1, 3, 4))), lambda x: x),
    (lambda x: ad.concatenate([x, x], axis=1), lambda x: np.concatenate([x, x], axis=1)),
    (lambda x: ad.stack([x, 2 * x]), lambda x: np.stack([x, 2 * x])),
    (
        lambda x: ad.vstack([x, x]) @ ad.hstack([x, x]).T[:4],
        lambda x: np.vstack([x, x]) @ np.hstack([x, x]).T[:4],
    ),
    (lambda x: ad.split(x, 2, axis=1)[1], lambda x: np.split(x, 2, axis=1)[1]),
    (lambda x: ad.repeat(ad.tile(x, 2), 2, axis=0), lambda x: np.repeat(np.tile(x, 2), 2, axis=0)),
    (lambda x: ad.flip(ad.roll(x, 1), 0), lambda x: np.flip(np.roll(x, 1), 0)),
    (lambda x: ad.take(x, [1, 1], axis=1), lambda x: np.take(x, [1, 1], axis=1)),
    (lambda x: ad.matmul(x, x.T) + ad.dot(x, x.T) + ad.inner(x, x), lambda x: 3 * (x @ x.T)),
    (lambda x: ad.outer(x, x[0]), lambda x: np.outer(x, x[0])),
    (lambda x: ad.tensordot(x, x), lambda x: np.tensordot(x, x)),
    (
        lambda x: ad.diag(x[0]) + ad.tril(x[:, :3], -1).sum(),
        lambda x: np.diag(x[0]) + np.tril(x[:, :3], -1).sum(),
    ),
    (lambda x: ad.triu(x), lambda x: np.triu(x)),
    (lambda x: ad.where(ad.greater(x, 0), x, 0), lambda x: np.where(x > 0, x, 0)),
    (lambda x: ad.clip(x, -1, 1) + ad.clip(x, None, 0), lambda x: np.clip(x, -1, 1) + np.clip(x, None, 0)),
    (lambda x: ad.round(x, 1), lambda x: np.round(x, 1)),
    (lambda x: ad.einsum("ij,kj->ik", x, x), lambda x: np.einsum("ij,kj->ik", x, x)),
    (lambda x: ad.kron(x, [1, 2]), lambda x: np.kron(x, [1, 2])),
    (lambda x: ad.cross(x[0, :3], x[1, :3]), lambda x: np.cross(x[0, :3], x[1, :3])),
    (lambda x: ad.convolve(x[0], [1, 2]), lambda x: np.convolve(x[0], [1, 2])),
    (lambda x: ad.trapezoid(x, dx=2) + ad.diff(x)[:, 0], lambda x: np.trapezoid(x, dx=2) + np.diff(x)[:, 0]),
    (lambda x: ad.interp(x, [-2, 0, 2], [1, 2, 4]), lambda x: np.interp(x, [-2, 0, 2], [1, 2, 4])),
    (lambda x: ad.cumprod(x, 1) + ad.rot90(x, 2), lambda x: np.cumprod(x, 1) + np.rot90(x, 2)),
    (lambda x: ad.pad(x, 1, mode="edge"), lambda x: np.pad(x, 1, mode="edge")),
    (lambda x: ad.sort(x) + ad.median(x), lambda x: np.sort(x) + np.median(x)),
    (lambda x: ad.quantile(x, 0.3) + ad.percentile(x, 30), lambda x: 2 * np.quantile(x, 0.3)),
    (lambda x: ad.solve(x @ x.T, x), lambda x: np.linalg.solve(x @ x.T, x)),
    (lambda x: ad.inv(x @ x.T) * ad.det(x @ x.T), lambda x: np.linalg.inv(x @ x.T) * np.linalg.det(x @ x.T)),
    (lambda x: ad.slogdet(x @ x.T)[1] + 0 * x, lambda x: np.linalg.slogdet(x @ x.T)[1] + 0 * x),
    (lambda x: ad.cholesky(x @ x.T), lambda x: np.linalg.cholesky(x @ x.T)),
    (lambda x: ad.eigh(x @ x.T)[1] ** 2, lambda x: np.linalg.eigh(x @ x.T)[1] ** 2),
    (lambda x: ad.eigvalsh(x @ x.T), lambda x: np.linalg.eigvalsh(x @ x.T)),
    (lambda x: ad.svd(x, False)[1] + 0 * x.T, lambda x: np.linalg.svd(x, False)[1] + 0 * x.T),
    (lambda x: ad.pinv(x), lambda x: np.linalg.pinv(x)),
    (lambda x: ad.lstsq(x.T, x[0])[0], lambda x: np.linalg.lstsq(x.T, x[0])[0]),
    (lambda x: ad.where(ad.isnan(x), 0, x), lambda x: x),
    (lambda x: ad.nan_to_num(x) + ad.nansum(x), lambda x: x + np.sum(x)),
    (lambda x: ad.nanmean(x) + ad.nanmax(x) - ad.nanmin(x), lambda x: np.mean(x) + np.ptp(x)),
]


@pytest.mark.parametrize(("code", "numpy"), STRUCTURAL, ids=range(len(STRUCTURAL)))
def test_structural_functions_on_arrays_and_traced_values(code: Any, numpy: Any) -> None:
    np.testing.assert_allclose(code(X), numpy(X), rtol=5e-13, atol=1e-14)
    np.testing.assert_allclose(traced(code, X), numpy(X), rtol=5e-13, atol=1e-14)


def test_lists_of_traced_values_are_taken_as_arrays() -> None:
    assert traced(lambda x: ad.sum([x[0], 2 * x[1], 3.0]), np.array([1.0, 2.0])) == 8.0
    assert (
        traced(lambda x: ad.sin([x[0], x[1]]), np.array([1.0, 2.0])).tolist() == np.sin([1.0, 2.0]).tolist()
    )
    assert traced(lambda x: ad.softmax([x[0], x[1]]), np.zeros(2)).tolist() == [0.5, 0.5]


def test_options_that_are_not_known_are_refused_when_tracing() -> None:
    with pytest.raises(TraceError, match=r"ad\.sum was called with made_up="):
        record(lambda x: ad.sum(x, made_up=3), (X,))


ACTIVATIONS: list[tuple[Any, Any, list[float], list[float]]] = [  # function, points, values, derivatives
    (ad.relu, [-2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 1.0, 1.0]),
    (ad.leaky_relu, [-2.0, 0.0, 3.0], [-0.02, 0.0, 3.0], [0.01, 1.0, 1.0]),
    (lambda x: ad.leaky_relu(x, alpha=0.1), [-2.0, 3.0], [-0.2, 3.0], [0.1, 1.0]),
    (lambda x: ad.prelu(x, 0.25), [-2.0, 3.0], [-0.5, 3.0], [0.25, 1.0]),
    (ad.elu, [-1.0, 3.0], [np.expm1(-1.0), 3.0], [np.exp(-1.0), 1.0]),
    (ad.identity, [-2.0, 3.0], [-2.0, 3.0], [1.0, 1.0]),
    (lambda x: ad.srelu(x, 1.0, 0.5, -1.0, 0.1), [-3.0, 0.5, 3.0], [-1.2, 0.5, 2.0], [0.1, 1.0, 0.5]),
    (lambda x: ad.maxout(x, -x, 0.5 * x + 1), [-3.0, 0.0, 4.0], [3.0, 1.0, 4.0], [-1.0, 0.5, 1.0]),
    (ad.sigmoid, [0.0], [0.5], [0.25]),
    (ad.softplus, [0.0], [np.log(2.0)], [0.5]),
    (lambda x: ad.stop_gradient(x) * x, [3.0], [9.0], [3.0]),
]


@pytest.mark.parametrize(
    ("function", "points", "values", "derivatives"), ACTIVATIONS, ids=range(len(ACTIVATIONS))
)
def test_activations_and_their_derivatives(function: Any, points: Any, values: Any, derivatives: Any) -> None:
    x = np.array(points)
    np.testing.assert_allclose(function(x), values, rtol=1e-15)
    graph = record(function, (x,)).graph
    check(graph)
    nodes = NUMPY.run(graph, [x])
    np.testing.assert_allclose(NUMPY.outputs(graph, nodes)[0], values, rtol=1e-15)
    adjoint = reverse_sweep(graph, NUMPY, nodes, [(graph.outputs[0], np.ones_like(x))])[0]
    np.testing.assert_allclose(np.broadcast_to(adjoint, x.shape), derivatives, rtol=1e-15)


def test_a_learned_slope_has_a_derivative() -> None:
    graph = record(lambda x, a: ad.sum(ad.prelu(x, a)), (np.array([-2.0, 3.0, -1.0]), 0.25)).graph
    nodes = NUMPY.run(graph, [np.array([-2.0, 3.0, -1.0]), 0.25])
    assert reverse_sweep(graph, NUMPY, nodes, [(graph.outputs[0], 1.0)])[1] == -3.0


def test_activations_take_plain_numbers() -> None:
    assert [ad.relu(-1), ad.leaky_relu(-1), ad.elu(0), ad.maxout(1, 2), ad.srelu(0, 1, 1, -1, 1)] == [
        0,
        -0.01,
        0,
        2,
        0,
    ]
    assert isinstance(ad.leaky_relu(-1), np.float64)
    with pytest.raises(InputError, match="at least one piece"):
        ad.maxout()


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("scale", [1.0, 800.0])
def test_softmax_and_logsumexp_do_not_overflow(axis: Any, scale: float) -> None:
    x = scale * X
    for ours, theirs in (
        (ad.softmax, scipy.special.softmax),
        (ad.log_softmax, scipy.special.log_softmax),
        (ad.logsumexp, scipy.special.logsumexp),
        (
            lambda v, axis: ad.logsumexp(v, axis, keepdims=True),
            lambda v, axis: scipy.special.logsumexp(v, axis, keepdims=True),
        ),
    ):
        np.testing.assert_allclose(ours(x, axis=axis), theirs(x, axis=axis), rtol=1e-13)
        np.testing.assert_allclose(
            traced(lambda v, ours=ours: ours(v, axis=axis), x), theirs(x, axis=axis), rtol=1e-13
        )


def test_the_derivative_of_logsumexp_is_softmax() -> None:
    graph = record(lambda x: ad.logsumexp(x), (X,)).graph
    nodes = NUMPY.run(graph, [X])
    adjoint = reverse_sweep(graph, NUMPY, nodes, [(graph.outputs[0], 1.0)])[0]
    np.testing.assert_allclose(adjoint, scipy.special.softmax(X), rtol=1e-14)


def test_the_derivative_of_softmax() -> None:
    x = X[0]
    graph = record(ad.softmax, (x,)).graph
    nodes = NUMPY.run(graph, [x])
    p = scipy.special.softmax(x)
    jacobian = np.array(
        [reverse_sweep(graph, NUMPY, nodes, [(graph.outputs[0], row)])[0] for row in np.eye(4)]
    )
    np.testing.assert_allclose(jacobian, np.diag(p) - np.outer(p, p), rtol=1e-13, atol=1e-16)
