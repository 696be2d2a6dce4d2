"""Rows A1-A5 of the lectures: the activations, and what they do to gradients."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import adlab as ad
from adlab import nn

X = np.array([-6.0, -1.5, -0.3, 0.2, 0.4, 1.7, 6.0])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ROWS = [
    (nn.Identity(), lambda x: x, lambda x: np.ones_like(x)),
    (nn.Sigmoid(), sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    (nn.Tanh(), lambda x: 2 * sigmoid(2 * x) - 1, lambda x: 1 - np.tanh(x) ** 2),
    (nn.ReLU(), lambda x: np.maximum(0, x), lambda x: 1.0 * (x >= 0)),
    (nn.LeakyReLU(), lambda x: np.maximum(0.01 * x, x), lambda x: np.where(x >= 0, 1, 0.01)),
    (nn.LeakyReLU(0.1), lambda x: np.maximum(0.1 * x, x), lambda x: np.where(x >= 0, 1, 0.1)),
    (nn.PReLU(0.3), lambda x: np.maximum(0.3 * x, x), lambda x: np.where(x >= 0, 1, 0.3)),
    (
        nn.ELU(1.5),
        lambda x: np.where(x >= 0, x, 1.5 * (np.exp(x) - 1)),
        lambda x: np.where(x >= 0, 1, 1.5 * np.exp(x)),
    ),
    (
        nn.SReLU(tr=0.35, ar=2.0, tl=-0.4, al=0.4),
        lambda x: np.where(x >= 0.35, 0.35 + 2 * (x - 0.35), np.where(x <= -0.4, -0.4 + 0.4 * (x + 0.4), x)),
        lambda x: np.where(x >= 0.35, 2, np.where(x <= -0.4, 0.4, 1)),
    ),
]


@pytest.mark.parametrize(
    ("layer", "value", "slope"), ROWS, ids=lambda v: v.kind if isinstance(v, nn.Layer) else ""
)
def test_a1_value_and_derivative_of_every_activation(layer, value, slope) -> None:
    params, state = layer.init(0, shape=len(X))
    assert state == {}
    assert_allclose(layer(params, X), value(X), rtol=1e-13, atol=1e-15)
    derivative = ad.grad(lambda x: ad.sum(layer(params, x)))(X)
    assert_allclose(derivative, slope(X), rtol=1e-13, atol=1e-15)
    for method in ("forward", "numerical"):
        assert_allclose(ad.grad(lambda x: ad.sum(layer(params, x)), method=method)(X), slope(X), atol=1e-8)


def test_a1_the_derivative_of_relu_at_0_is_1() -> None:
    for layer in (nn.ReLU(), nn.LeakyReLU(), nn.ELU()):
        assert ad.grad(lambda x, layer=layer: layer({}, x))(0.0) == 1


def test_a1_learned_parameters_get_gradients() -> None:
    x = np.array([[-2.0, 3.0], [-1.0, -4.0]])
    prelu = nn.PReLU()
    params, _ = prelu.init(0, shape=2)
    assert params["alpha"].tolist() == [0.25, 0.25]
    gradient = ad.grad(lambda p: ad.sum(prelu(p, x)))(params)
    assert_allclose(gradient["alpha"], [-3, -4])
    assert nn.PReLU(shared=True).init(0, shape=2)[0]["alpha"].shape == ()

    srelu = nn.SReLU(tr=1.0, ar=0.5, tl=-1.5, al=0.1)
    params, _ = srelu.init(0, shape=2)
    gradient = ad.grad(lambda p: ad.sum(srelu(p, x)))(params)
    assert_allclose(gradient["tl"], [0.9, 0.9])
    assert_allclose(gradient["al"], [-0.5, -2.5])
    assert_allclose(gradient["tr"], [0, 0.5])
    assert_allclose(gradient["ar"], [0, 2])


def test_a1_maxout_is_the_largest_of_k_affine_pieces() -> None:
    rng = np.random.default_rng(1)
    layer = nn.Maxout(3, 2, pieces=5, biases=nn.Normal(1.0))
    params, _ = layer.init(rng)
    x = rng.normal(size=(7, 3))
    sums = np.einsum("ni,kio->kno", x, params["W"]) + params["b"][:, None]
    assert_allclose(layer(params, x), sums.max(axis=0), rtol=1e-14)
    gradient = ad.grad(lambda p: ad.sum(layer(p, x)))(params)
    won = np.eye(5)[sums.argmax(axis=0)]  # samples, outputs, pieces
    assert_allclose(gradient["b"], won.sum(axis=0).T)
    assert_allclose(gradient["W"], np.einsum("ni,nok->kio", x, won), rtol=1e-12)


def test_a1_maxout_with_a_zero_piece_is_relu() -> None:
    layer = nn.Maxout(1, 1)
    params = {"W": np.array([[[1.0]], [[0.0]]]), "b": np.zeros((2, 1))}
    assert_allclose(layer(params, X[:, None]), np.maximum(0, X)[:, None])


def test_a1_graph_of_an_activation() -> None:
    graph = ad.graph(lambda x: nn.Sigmoid()({}, x), 0.5)
    assert [(node.primitive.name, node.scope) for node in graph] == [("input", ()), ("sigmoid", ("sigmoid",))]


def test_a2_saturation_kills_gradients() -> None:
    found = nn.slopes_inside(nn.Sequential(nn.Sigmoid()), {}, np.array([[0.0], [6.0]]))["sigmoid1"].ravel()
    assert_allclose(found, [0.25, sigmoid(6.0) * (1 - sigmoid(6.0))], rtol=1e-13)
    assert found[0] / found[1] > 100
    assert nn.saturated_share(nn.Sequential(nn.Sigmoid()), {}, np.array([[0.0, 6.0, -7.0, 1.0]])) == {
        "sigmoid1": 0.5
    }


def test_a2_the_gradient_shrinks_on_its_way_back_through_sigmoids_and_not_through_relus() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, 20)), rng.normal(size=(50, 1))
    reached = {}
    for activation in ("sigmoid", "relu"):
        net = nn.MLP([20] * 9 + [1], activation)
        found = nn.gradients_inside(net, "squared_error", net.init(0)[0], x, y)
        sizes = [float(np.std(found[f"linear{k}"])) for k in range(1, 9)]
        reached[activation] = sizes[0] / sizes[-1]
    assert reached["sigmoid"] < 1e-3
    assert 0.1 < reached["relu"] < 10


def test_a2_gradients_inside_are_the_hand_written_adjoints() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net = nn.MLP([3, 4, 2], "tanh")
    params, _ = net.init(0)
    found = nn.gradients_inside(net, "squared_error", params, x, y)
    h = np.tanh(x @ params["linear1"]["W"])
    out = 2 * (h @ params["linear2"]["W"] - y) / 5
    hidden = out @ params["linear2"]["W"].T
    assert list(found) == ["input", "linear1", "tanh1", "linear2"]
    assert_allclose(found["linear2"], out, rtol=1e-12)
    assert_allclose(found["tanh1"], hidden, rtol=1e-12)
    assert_allclose(found["linear1"], hidden * (1 - h**2), rtol=1e-12)
    assert_allclose(found["input"], (hidden * (1 - h**2)) @ params["linear1"]["W"].T, rtol=1e-12)


def test_a3_dead_relus_are_found_and_get_no_gradient() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(200, 10)), rng.normal(size=(200, 1))
    net = nn.MLP([10, 50, 1], "relu")
    params, _ = net.init(0)
    params["linear1"]["b"][:8] = -50.0
    dead = nn.dead_units(net, params, x)["relu1"]
    assert dead.tolist() == [True] * 8 + [False] * 42
    assert np.mean(dead) == 0.16
    gradient = nn.training_step(net, "squared_error", "sgd").gradient(params, {}, x, y)[1]
    assert not gradient["linear1"]["W"][:, :8].any()
    assert gradient["linear1"]["W"][:, 8:].any(axis=0).all()


@pytest.mark.parametrize("bias", [0.01, 0.1])
def test_a3_a_small_positive_bias_leaves_no_unit_dead(bias: float) -> None:
    x = np.abs(np.random.default_rng(5).normal(size=(100, 4))) * bias / 50
    share = {}
    for start in (0.0, bias):
        net = nn.MLP([4, 200, 1], "relu", biases=start)
        share[start] = float(np.mean(nn.dead_units(net, net.init(0)[0], x)["relu1"]))
    assert share[0.0] > 0.05
    assert share[bias] == 0


def test_a4_inputs_of_one_sign_give_all_weight_gradients_of_a_neuron_one_sign() -> None:
    rng = np.random.default_rng(6)
    net = nn.Sequential(nn.Linear(8, 5), nn.Tanh())
    params, _ = net.init(0)
    step = nn.training_step(net, "squared_error", "sgd")

    def signs(x):
        return np.sign(step.gradient(params, {}, x, np.ones((1, 5)))[1]["linear1"]["W"])

    positive = signs(1 / (1 + np.exp(-rng.normal(size=(1, 8)))))
    assert (positive == positive[0]).all()
    centred = signs(np.tanh(rng.normal(size=(1, 8))))
    assert not (centred == centred[0]).all(axis=0).any()


def test_a5_a_relu_network_is_one_affine_map_in_each_region() -> None:
    net = nn.MLP([2, 6, 4, 1], "relu", biases=nn.Normal(0.5))
    params, _ = net.init(3)
    axis = np.linspace(-2, 2, 41) + 1e-3
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    regions = nn.linear_regions(net, params, grid)
    slopes = ad.grad(lambda x: ad.sum(net(params, x)))(grid)
    offsets = net(params, grid)[:, 0] - np.sum(slopes * grid, axis=1)
    affine = np.column_stack([slopes, offsets])
    assert regions.max() + 1 > 10
    for region in range(regions.max() + 1):
        inside = affine[regions == region]
        assert_allclose(inside, np.broadcast_to(inside[0], inside.shape), atol=1e-12)
    different = len(np.unique(affine.round(9), axis=0))
    assert different <= regions.max() + 1


def test_a5_activations_and_derivatives_are_sparse() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(100, 20)), rng.normal(size=(100, 1))
    net = nn.MLP([20, 100, 1], "relu")
    params, _ = net.init(0)
    values = nn.values_inside(net, params, x)["relu1"]
    adjoints = nn.gradients_inside(net, "squared_error", params, x, y)["linear1"]
    assert 0.45 < np.mean(values == 0) < 0.55
    assert_allclose(adjoints == 0, values == 0)


def test_a5_smooth_activations_have_no_regions() -> None:
    net = nn.MLP([2, 3, 1], "tanh")
    with pytest.raises(ad.InputError, match="tanh1 is not piecewise linear"):
        nn.linear_regions(net, net.init(0)[0], np.ones((4, 2)))


def test_a5_regions_of_maxout_and_srelu() -> None:
    net = nn.Sequential(nn.Maxout(1, 1, pieces=3), nn.SReLU(tr=2.0, tl=-2.0))
    params, _ = net.init(0)
    params["maxout1"] = {"W": np.array([[[-1.0]], [[0.0]], [[1.0]]]), "b": np.array([[0.0], [1.0], [0.0]])}
    x = np.array([[-5.0], [-1.5], [0.0], [1.5], [5.0]])
    assert len(set(nn.linear_regions(net, params, x).tolist())) == 5
