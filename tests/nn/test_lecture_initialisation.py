"""Rows I1 and I2 of the lectures: where weights start, and what ten layers make of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from adlab import nn


@pytest.mark.parametrize(
    ("start", "variance"),
    [
        (nn.Normal(0.01), 1e-4),
        (nn.Normal(1.0), 1.0),
        (nn.Xavier(), 1 / 400),
        (nn.Xavier(distribution="uniform"), 1 / 400),
        (nn.Xavier("average"), 2 / (400 + 300)),
        (nn.He(), 2 / 400),
        (nn.He("uniform"), 2 / 400),
    ],
    ids=str,
)
def test_i1_variance_of_each_initialiser(start, variance: float) -> None:
    W = nn.Linear(400, 300, weights=start).init(0)[0]["W"]
    assert W.shape == (400, 300)
    assert_allclose(np.var(W), variance, rtol=0.02)
    assert abs(np.mean(W)) < 4 * np.sqrt(variance / W.size)


def test_i1_zeros_do_not_break_symmetry() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    net = nn.MLP([3, 5, 2], "tanh", weights=0.3)
    params, state = net.init(0)
    step = nn.training_step(net, "squared_error", nn.SGD(0.1))
    for _ in range(5):
        _, params, *_ = step(params, state, {}, x, y, None, step.optimiser.rates(0), None)
    W = params["linear1"]["W"]
    assert_allclose(W, W[:, :1] * np.ones(5), rtol=1e-12)
    zeros = nn.MLP([3, 5, 2], "tanh", weights="zeros").init(0)[0]
    gradient = step.gradient(zeros, {}, x, y)[1]
    assert not gradient["linear1"]["W"].any()
    assert not gradient["linear2"]["W"].any()


def test_i1_biases_start_where_they_are_told() -> None:
    assert nn.Linear(3, 2, biases=0.01).init(0)[0]["b"].tolist() == [0.01, 0.01]
    assert nn.MLP([3, 2, 1], biases=0.1).init(0)[0]["linear1"]["b"].tolist() == [0.1, 0.1]


def test_i1_one_seed_gives_the_same_bytes_and_float32_is_float64_rounded() -> None:
    net = nn.MLP([5, 4, 3])
    first, second, small = (
        net.init(3)[0],
        net.init(np.random.default_rng(3))[0],
        net.init(3, dtype="float32")[0],
    )
    assert first["linear2"]["W"].tobytes() == second["linear2"]["W"].tobytes()
    assert small["linear2"]["W"].dtype == np.float32
    assert small["linear2"]["W"].tobytes() == first["linear2"]["W"].astype(np.float32).tobytes()
    assert net.init(4)[0]["linear1"]["W"].tobytes() != first["linear1"]["W"].tobytes()


def experiment(activation: str, start) -> tuple[list[float], list[float], dict[str, float]]:
    """Ten layers of 500 units on unit Gaussian input: deviations of activations, of gradients, and saturation."""
    rng = np.random.default_rng(0)
    net = nn.MLP([500] * 11, activation, weights=start, output=activation)
    params, _ = net.init(rng)
    x = rng.standard_normal((60, 500))
    names = [f"{activation}{k}" for k in range(1, 11)]
    values = nn.values_inside(net, params, x)
    y = values[names[-1]] - rng.standard_normal(
        (60, 500)
    )  # so that the gradient arrives as unit Gaussian noise
    adjoints = nn.gradients_inside(net, nn.SquaredError("sum"), params, x, y)
    return (
        [float(np.std(values[name])) for name in names],
        [float(np.std(adjoints[name])) for name in names],
        nn.saturated_share(net, params, x),
    )


def test_i2_small_weights_make_activations_and_gradients_vanish() -> None:
    values, gradients, _ = experiment("tanh", nn.Normal(0.01))
    assert all(later < 0.3 * earlier for earlier, later in itertools.pairwise(values))
    assert values[-1] < 1e-5
    assert gradients[0] < 1e-5 * gradients[-1]


def test_i2_large_weights_saturate_and_gradients_do_not_come_through_as_they_went() -> None:
    values, gradients, saturated = experiment("tanh", nn.Normal(1.0))
    assert all(value > 0.95 for value in values)
    assert all(share > 0.8 for share in saturated.values())
    assert gradients[0] > 1e3 * gradients[-1]


def test_i2_xavier_keeps_tanh_alive() -> None:
    values, gradients, saturated = experiment("tanh", nn.Xavier())
    # tanh shrinks what it gets, so that 1/n alone lets the deviation sink slowly: 0.63, 0.49, … 0.23.
    assert 0.2 < values[-1] < values[0] < 1
    assert 0.2 < gradients[0] / gradients[-1] < 2
    assert all(share < 0.05 for share in saturated.values())


def test_i2_relu_halves_with_xavier_and_stays_with_he() -> None:
    xavier, _, _ = experiment("relu", nn.Xavier())
    he, gradients, _ = experiment("relu", nn.He())
    assert xavier[-1] < 0.06
    assert all(0.3 < value < 1.3 for value in he)
    assert 0.3 < gradients[0] / gradients[-1] < 3
