"""Rows R1-R3, O1 and O2 of the lectures: regularisers, dropout, batch normalisation, losses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import adlab as ad
from adlab import nn


def test_r1_two_weights_with_the_same_output_and_other_penalties() -> None:
    x = np.ones(4)
    w1, w2 = {"W": np.array([[1.0], [0], [0], [0]])}, {"W": np.full((4, 1), 0.25)}
    net = nn.Linear(4, 1, bias=False)
    assert net(w1, x) == net(w2, x) == 1
    assert (nn.L2(1.0)(w1), nn.L2(1.0)(w2)) == (1, 0.25)
    assert (nn.L1(1.0)(w1), nn.L1(1.0)(w2)) == (1, 1)
    assert (nn.ElasticNet(1.0, beta=3.0)(w1), nn.ElasticNet(1.0, beta=3.0)(w2)) == (4, 1.75)


def test_r1_gradients_and_groups() -> None:
    params = {"linear1": {"W": np.array([[2.0, -3.0]]), "b": np.ones(2)}, "linear2": {"W": np.array([[5.0]])}}
    both = nn.L2(0.1, only="linear1.*") + nn.L1(0.5, only="linear2.W")
    assert_allclose(both(params), 0.1 * (4 + 9 + 1 + 1) + 0.5 * 5)
    gradient = ad.grad(both)(params)
    assert_allclose(gradient["linear1"]["W"], [[0.4, -0.6]])
    assert_allclose(gradient["linear1"]["b"], [0.2, 0.2])
    assert_allclose(gradient["linear2"]["W"], [[0.5]])
    assert not ad.grad(nn.L2(1.0))(params)["linear1"]["b"].any()


def test_r1_a_penalty_on_nothing_is_refused() -> None:
    with pytest.raises(ad.InputError, match="only='conv\\*' matches no parameter; there are W, b"):
        nn.L2(1.0, only="conv*")({"W": np.ones(2), "b": np.ones(1)})
    with pytest.raises(ad.InputError, match="strength is a number greater than 0"):
        nn.L1(-1.0)


@pytest.mark.parametrize("form", ["classic", "inverted"])
def test_r2_the_mean_over_all_masks_of_one_neuron(form: str) -> None:
    w, x = {"W": np.array([[3.0], [-2.0]])}, np.array([[0.7, 1.1]])
    drop, linear = nn.Dropout(0.5, form=form), nn.Linear(2, 1, bias=False)
    outputs = [
        float(linear(w, drop.apply({}, {}, x, training=True, masks=np.array([mask], float))[0])[0, 0])
        for mask in itertools.product((0, 1), repeat=2)
    ]
    clean = 3.0 * 0.7 - 2.0 * 1.1
    p = 0.5
    assert_allclose(np.mean(outputs), p * clean if form == "classic" else clean, rtol=1e-14)
    assert_allclose(linear(w, drop({}, x))[0, 0], np.mean(outputs), rtol=1e-14)


def test_r2_masks_are_seeded_and_keep_their_share() -> None:
    net = nn.MLP([50, 400, 300, 1], keep=0.8)
    masks = net.masks(np.random.default_rng(0), (100, 50))
    assert {name: mask.shape for name, mask in masks.items()} == {
        "dropout1": (100, 400),
        "dropout2": (100, 300),
    }
    assert_allclose(np.mean(masks["dropout1"]), 0.8, atol=0.01)
    again = net.masks(np.random.default_rng(0), (100, 50))
    assert again["dropout2"].tobytes() == masks["dropout2"].tobytes()
    assert nn.MLP([50, 1]).masks(np.random.default_rng(0), (100, 50)) is None


def test_r2_monte_carlo_averages_masks_and_shows_their_spread() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 1, bias=False))
    params = {"linear1": {"W": np.array([[3.0], [-2.0]])}}
    x = np.array([[0.7, 1.1]])
    mean, spread = nn.monte_carlo(net, params, x, samples=4000, seed=1)
    terms = np.array([2 * 3.0 * 0.7, -2 * 2.0 * 1.1])  # what a kept input gives
    deviation = np.sqrt(np.sum(terms**2) / 4)
    assert_allclose(mean[0, 0], net(params, x)[0, 0], atol=4 * deviation / np.sqrt(4000))
    assert_allclose(spread[0, 0], deviation, rtol=0.05)
    with pytest.raises(ad.InputError, match="no dropout"):
        nn.monte_carlo(nn.Linear(2, 1), {"W": np.ones((2, 1)), "b": np.ones(1)}, x)


def test_r2_training_without_masks_is_refused() -> None:
    net = nn.MLP([2, 3, 1], keep=0.5)
    params, state = net.init(0)
    with pytest.raises(ad.InputError, match="Dropout in training takes a mask"):
        net.apply(params, state, np.ones((4, 2)), training=True)
    with pytest.raises(
        ad.ShapeError, match="a mask of shape \\(3, 3\\) does not fit units of shape \\(4, 3\\)"
    ):
        net.apply(params, state, np.ones((4, 2)), masks={"dropout1": np.ones((3, 3))})
    with pytest.raises(ad.InputError, match="keep is the probability"):
        nn.Dropout(0.0)


def normed(x, gamma, beta, eps=1e-5):
    mean, var = x.mean(axis=0), x.var(axis=0)
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def test_r3_training_normalises_over_the_mini_batch() -> None:
    rng = np.random.default_rng(0)
    x = 3 + 2 * rng.normal(size=(16, 4))
    layer = nn.BatchNorm()
    params, state = layer.init(0, shape=4)
    y, after = layer.apply(params, state, x, training=True)
    assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    assert_allclose(y.var(axis=0), x.var(axis=0) / (x.var(axis=0) + 1e-5), rtol=1e-12)
    assert_allclose(after["mean"], 0.1 * x.mean(axis=0), rtol=1e-12)
    assert_allclose(after["var"], 0.9 + 0.1 * x.var(axis=0, ddof=1), rtol=1e-12)
    learned = {"gamma": np.sqrt(x.var(axis=0) + 1e-5), "beta": x.mean(axis=0)}
    assert_allclose(layer.apply(learned, state, x, training=True)[0], x, rtol=1e-12)  # it can undo itself


def test_r3_gradients_are_those_worked_out_by_hand() -> None:
    rng = np.random.default_rng(1)
    x, gamma, beta, u = (
        rng.normal(size=(8, 3)),
        rng.normal(size=3),
        rng.normal(size=3),
        rng.normal(size=(8, 3)),
    )
    layer = nn.BatchNorm()
    state = layer.init(0, shape=3)[1]

    def total(params, x):
        return ad.sum(layer.apply(params, state, x, training=True)[0] * u)

    params, by_x = ad.grad(total, argnums=(0, 1))({"gamma": gamma, "beta": beta}, x)
    deviation = np.sqrt(x.var(axis=0) + 1e-5)
    x_hat = (x - x.mean(axis=0)) / deviation
    d = u * gamma
    assert_allclose(by_x, (d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)) / deviation, atol=1e-12)
    assert_allclose(params["gamma"], (u * x_hat).sum(axis=0), rtol=1e-12)
    assert_allclose(params["beta"], u.sum(axis=0), rtol=1e-12)


def trained_norm():
    rng = np.random.default_rng(2)
    net = nn.Sequential(
        nn.Linear(3, 5, bias=False), nn.BatchNorm(), nn.ReLU(), nn.Linear(5, 2), nn.BatchNorm()
    )
    params, state = net.init(0)
    for name in ("batchnorm1", "batchnorm2"):
        params[name] = {key: rng.normal(size=value.shape) for key, value in params[name].items()}
    return net, params, state, rng.normal(size=(60, 3))


def test_r3_population_statistics_over_the_whole_set_and_over_mini_batches() -> None:
    net, params, state, x = trained_norm()
    exact = nn.population_state(net, params, state, x)
    z = x @ params["linear1"]["W"]
    assert_allclose(exact["batchnorm1"]["mean"], z.mean(axis=0), rtol=1e-12)
    assert_allclose(exact["batchnorm1"]["var"], z.var(axis=0, ddof=1), rtol=1e-12)
    batches = np.split(x, 6)
    found = nn.population_state(net, params, state, batches)["batchnorm1"]
    m = 10
    assert_allclose(
        found["mean"], np.mean([(b @ params["linear1"]["W"]).mean(axis=0) for b in batches], axis=0)
    )
    variances = [(b @ params["linear1"]["W"]).var(axis=0) for b in batches]
    assert_allclose(found["var"], m / (m - 1) * np.mean(variances, axis=0), rtol=1e-12)


def test_r3_inference_uses_the_population_and_works_for_a_single_sample() -> None:
    net, params, state, x = trained_norm()
    state = nn.population_state(net, params, state, x)
    s, p = state["batchnorm1"], params["batchnorm1"]
    z = x @ params["linear1"]["W"]
    h = np.maximum(0, p["gamma"] * (z - s["mean"]) / np.sqrt(s["var"] + 1e-5) + p["beta"])
    s, p = state["batchnorm2"], params["batchnorm2"]
    z = h @ params["linear2"]["W"] + params["linear2"]["b"]
    expected = p["gamma"] * (z - s["mean"]) / np.sqrt(s["var"] + 1e-5) + p["beta"]
    assert_allclose(net(params, x, state), expected, rtol=1e-11, atol=1e-12)
    assert_allclose(net(params, x[0], state), expected[0], rtol=1e-11, atol=1e-12)
    with pytest.raises(ad.InputError, match="give the state as well"):
        net(params, x)
    with pytest.raises(ad.ShapeError, match="at least two samples; x has shape \\(1, 5\\)"):
        net.apply(params, state, x[:1], training=True)


@pytest.mark.parametrize("bias", [True, False, "folded"])
def test_r3_folded_into_one_affine_map(bias) -> None:
    rng = np.random.default_rng(3)
    inner = nn.Sequential(nn.Linear(4, 3, bias=bias), nn.BatchNorm(), nn.Tanh())
    net = nn.Sequential(nn.BatchNorm(), inner, nn.Linear(3, 2, bias=bias, biases=0.5), nn.BatchNorm())
    params, state = net.init(0, shape=4)
    x = 1 + rng.normal(size=(30, 4))
    state = nn.population_state(net, params, state, x)
    params["batchnorm2"]["gamma"] = np.array([2.0, -0.5])
    folded, numbers, rest = nn.fold(net, params, state)
    assert [layer.name for layer in folded.layers] == ["batchnorm1", "sequential1", "linear1"]
    assert list(rest) == ["batchnorm1"]
    assert_allclose(folded(numbers, x, rest), net(params, x, state), rtol=1e-12)


def test_o1_hinge_and_cross_entropy_of_the_lectures_scores() -> None:
    scores = np.array([-2.85, 0.86, 0.28])
    assert round(float(nn.Hinge()(scores, 2)), 2) == 1.58
    assert round(float(nn.CrossEntropy()(scores, 2)), 2) == 1.04
    batch, labels = np.stack([scores, scores[::-1]]), [2, 0]
    assert_allclose(nn.Hinge()(batch, labels), 1.58, rtol=1e-12)
    assert_allclose(
        nn.CrossEntropy()(batch, labels), -np.log(np.exp(0.28) / np.exp(scores).sum()), rtol=1e-13
    )


def test_o2_the_full_loss_is_the_mean_of_sample_losses_plus_lambda_r() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(12, 4)), rng.integers(0, 3, 12)
    net = nn.MLP([4, 5, 3])
    params, state = net.init(0)
    step = nn.training_step(net, "cross_entropy", "sgd", regulariser=nn.L2(0.01))
    one_by_one = [float(nn.CrossEntropy()(net(params, x[i]), y[i])) for i in range(12)]
    R = sum(float((params[name]["W"] ** 2).sum()) for name in ("linear1", "linear2"))
    assert_allclose(step.objective(params, state, x, y), np.mean(one_by_one) + 0.01 * R, rtol=1e-13)
    loss, gradient = step.gradient(params, state, x, y)
    data = nn.training_step(net, "cross_entropy", "sgd").gradient(params, state, x, y)[1]
    assert_allclose(loss, np.mean(one_by_one) + 0.01 * R, rtol=1e-13)
    expected = data["linear1"]["W"] + 0.02 * params["linear1"]["W"]
    assert_allclose(gradient["linear1"]["W"], expected, rtol=1e-11, atol=1e-14)
    assert_allclose(gradient["linear1"]["b"], data["linear1"]["b"], rtol=1e-11, atol=1e-14)
