"""Rows M1-M8 of the lectures: the models, against closed forms and hand-written NumPy."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.testing import assert_allclose

import adlab as ad
from adlab import nn
from adlab.compiling import compile


def descended(net, loss, params, x, y, rate, steps):
    """Return the parameters after full-batch gradient descent, and the losses on the way."""
    step = nn.training_step(net, loss, nn.SGD(rate))
    rates = step.optimiser.rates(0)
    native = compile(step, params, {}, {}, x, y, None, rates, None)
    losses = []
    for _ in range(steps):
        loss_now, params, *_ = native(params, {}, {}, x, y, None, rates, None)
        losses.append(float(loss_now))
    return params, losses


def test_m1_gradient_descent_reaches_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 3))
    y = x @ np.array([[1.0, -1.0], [2.0, 0.5], [0.0, 3.0]]) + np.array([0.5, -2.0]) + rng.normal(size=(40, 2))
    X = np.hstack([x, np.ones((40, 1))])
    closed = np.linalg.solve(X.T @ X, X.T @ y)
    net = nn.Linear(3, 2)
    params, _ = descended(net, "squared_error", net.init(0)[0], x, y, 0.1, 500)
    assert_allclose(np.vstack([params["W"], params["b"]]), closed, rtol=0, atol=1e-8)


def test_m1_l_bfgs_reaches_the_closed_form() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 1))
    net = nn.Linear(4, 1, bias="folded")
    X = np.hstack([x, np.ones((30, 1))])
    found = nn.minimise(net, "squared_error", net.init(0)[0], x, y)
    assert found.converged
    assert_allclose(found.params["W"], np.linalg.lstsq(X, y)[0], atol=1e-8)


def test_m2_the_bias_folded_in_as_an_extra_1_is_the_same_function() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(5, 4))
    apart, folded = nn.Linear(4, 3, biases=0.1), nn.Linear(4, 3, bias="folded", biases=0.1)
    params, same = apart.init(7)[0], folded.init(7)[0]
    assert_allclose(same["W"], np.vstack([params["W"], params["b"]]), rtol=0, atol=0)
    assert_allclose(folded(same, x), x @ params["W"] + params["b"], rtol=1e-15)
    assert_allclose(folded(same, x[0]), apart(params, x[0]), rtol=1e-14)


def test_m3_nested_networks_of_two_to_five_layers_with_mixed_activations() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6, 5))
    acts = ["relu", "tanh", "sigmoid", "relu"]
    by_hand = {
        "relu": lambda z: np.maximum(0, z),
        "tanh": np.tanh,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    }
    for depth in range(2, 6):
        net = nn.MLP([5, *[4] * (depth - 1), 2], acts[: depth - 1], biases=0.1)
        params, state = net.init(depth)
        h = x
        for k in range(1, depth + 1):
            group = params[f"linear{k}"]
            h = h @ group["W"] + group["b"]
            h = by_hand[acts[k - 1]](h) if k < depth else h
        assert state == {}
        assert_allclose(net(params, x), h, rtol=1e-13)


def m4() -> tuple[nn.Sequential, dict, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    n, d_in, hidden, d_out = 64, 1000, 100, 10
    x, y = rng.standard_normal((n, d_in)), rng.standard_normal((n, d_out))
    net = nn.MLP([d_in, hidden, d_out], "sigmoid", bias=False, weights=nn.Normal(1.0))
    return net, net.init(rng)[0], x, y


def m4_gradients(x, y, w1, w2):
    """The lectures' lines 9 to 17."""
    h = 1 / (1 + np.exp(-x.dot(w1)))
    y_pred = h.dot(w2)
    loss = np.square(y_pred - y).sum()
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h.T.dot(grad_y_pred)
    grad_h = grad_y_pred.dot(w2.T)
    return loss, x.T.dot(grad_h * h * (1 - h)), grad_w2


def test_m4_gradients_of_the_20_line_network_equal_the_hand_written_ones() -> None:
    net, params, x, y = m4()
    loss = nn.SquaredError(reduction="sum")
    step = nn.training_step(net, loss, "sgd")
    value, gradient = step.gradient(params, {}, x, y)
    expected, g1, g2 = m4_gradients(x, y, params["linear1"]["W"], params["linear2"]["W"])
    assert_allclose(value, expected, rtol=1e-12)
    for found, wanted in ((gradient["linear1"]["W"], g1), (gradient["linear2"]["W"], g2)):
        assert np.abs(found - wanted).max() <= 1e-12 * np.abs(wanted).max()


def test_m4_training_for_2000_steps_gives_the_same_losses() -> None:
    net, params, x, y = m4()
    w1, w2 = params["linear1"]["W"].copy(), params["linear2"]["W"].copy()
    _, losses = descended(net, nn.SquaredError(reduction="sum"), params, x, y, 1e-4, 2000)
    expected = []
    for _ in range(2000):
        loss, g1, g2 = m4_gradients(x, y, w1, w2)
        expected.append(loss)
        w1 -= 1e-4 * g1
        w2 -= 1e-4 * g2
    assert_allclose(losses, expected, rtol=1e-9)
    assert losses[-1] < losses[0] / 1000


def test_m5_forward_pass_of_the_three_layer_sigmoid_network() -> None:
    net = nn.MLP([3, 4, 4, 1], "sigmoid", weights=nn.Normal(1.0), biases=nn.Normal(1.0))
    params, _ = net.init(0)
    x = np.random.default_rng(5).standard_normal((3, 1))

    def f(z):
        return 1.0 / (1.0 + np.exp(-z))

    W1, W2, W3 = (params[f"linear{k}"]["W"].T for k in (1, 2, 3))
    b1, b2, b3 = (params[f"linear{k}"]["b"][:, None] for k in (1, 2, 3))
    h1 = f(np.dot(W1, x) + b1)
    h2 = f(np.dot(W2, h1) + b2)
    out = np.dot(W3, h2) + b3
    assert out.shape == (1, 1)
    assert_allclose(net(params, x.T), out.T, rtol=1e-14)


def step_network(f, width: int) -> tuple[nn.Sequential, dict]:
    """One hidden layer of neurons with weight 999: steps at s = −b/w, as high as f rises there."""
    places = (np.arange(width) + 0.5) / width
    values = f(np.linspace(0, 1, width + 1))
    net = nn.MLP([1, width, 1], "sigmoid")
    return net, {
        "linear1": {"W": np.full((1, width), 999.0), "b": -999.0 * places},
        "linear2": {"W": np.diff(values)[:, None], "b": values[:1]},
    }


def test_m6_a_neuron_with_weight_999_is_a_step_at_minus_b_over_w() -> None:
    neuron = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    params = {"linear1": {"W": np.array([[999.0]]), "b": np.array([-999.0 * 0.4])}}
    found = neuron(params, np.array([[0.0], [0.39], [0.4], [0.41], [1.0]])).ravel()
    assert_allclose(found, [0, 0, 0.5, 1, 1], atol=1e-4)


def test_m6_the_error_of_a_sum_of_steps_falls_with_the_width() -> None:
    def f(x):
        return np.sin(2 * np.pi * x) + x**2

    x = np.linspace(0, 1, 2001)[:, None]
    errors = []
    for width in (5, 10, 20, 40, 80):
        net, params = step_network(f, width)
        errors.append(float(np.abs(net(params, x) - f(x)).max()))
    assert all(later < 0.65 * earlier for earlier, later in itertools.pairwise(errors))
    assert errors[-1] < 0.06


def test_m7_softmax_probabilities_one_hot_labels_and_log_odds() -> None:
    scores = np.array([[1.0, 2.0, 0.5], [-1.0, 0.0, 3.0]])
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert_allclose(nn.Softmax()({}, scores), expected, rtol=1e-15)
    assert_allclose(nn.CrossEntropy().activation(scores), expected, rtol=1e-15)
    one_hot = nn.CrossEntropy().encode([2, 0], (3,))
    assert one_hot.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert_allclose(nn.CrossEntropy()(scores, [2, 0]), nn.CrossEntropy()(scores, one_hot), rtol=0)
    p = nn.BinaryCrossEntropy().activation(scores)
    assert_allclose(np.log(p / (1 - p)), scores, rtol=1e-12)


def test_m8_the_negative_log_likelihood_of_bernoulli_labels_is_the_cross_entropy() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    net = nn.Linear(2, 1)
    params = net.init(0)[0]
    p = 1 / (1 + np.exp(-(x @ params["W"] + params["b"]).ravel()))
    likelihood = np.prod(p**y * (1 - p) ** (1 - y))
    loss = nn.BinaryCrossEntropy(reduction="sum")
    assert_allclose(loss(net(params, x), y), -np.log(likelihood), rtol=1e-12)


def test_m8_logistic_regression_by_gradient_descent_finds_what_newton_does() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(80, 2))
    y = (rng.random(80) < 1 / (1 + np.exp(-(2 * x[:, 0] - x[:, 1] + 0.5)))).astype(float)
    X, theta = np.hstack([x, np.ones((80, 1))]), np.zeros(3)
    for _ in range(20):
        p = 1 / (1 + np.exp(-X @ theta))
        theta += np.linalg.solve((X * (p * (1 - p))[:, None]).T @ X, X.T @ (y - p))
    net = nn.Linear(2, 1)
    params, losses = descended(net, "binary_cross_entropy", net.init(0)[0], x, y, 2.0, 600)
    assert_allclose([*params["W"].ravel(), *params["b"]], theta, atol=1e-8)
    assert losses[-1] < losses[0]


def test_m8_saturation_occurs_only_where_the_answer_is_right() -> None:
    slope = ad.grad(lambda s: nn.BinaryCrossEntropy()(s, np.array([1.0])))
    assert_allclose(slope(np.array([-40.0])), [-1.0], rtol=1e-12)
    assert_allclose(slope(np.array([40.0])), [-np.exp(-40.0)], rtol=1e-12)
