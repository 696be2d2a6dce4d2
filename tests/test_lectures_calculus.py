"""The lectures' calculus: rows D7, D8, D10, D11, D13 and D15, each asserted with its numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import adlab as ad
from adlab.transforms.costs import count_evaluation, count_forward, count_reverse

METHODS = ("numerical", "symbolic", "forward", "reverse")


def random(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).standard_normal(shape)


# ------------------------------------------------------------------------------------------------- D7 expression swell


def test_row_d7_the_logistic_map_swells_as_an_expression_and_not_as_a_graph() -> None:
    report = ad.swell(steps=10)
    assert all(2.4 < ratio < 2.65 for ratio in report.ratios("sympy")[-3:])
    assert set(report.increments("forward")[1:]) == set(report.increments("reverse")[1:]) == {8}
    assert report.rows[-1].sympy > 400 * report.rows[-1].reverse


def test_row_d7_derivatives_of_the_logistic_map() -> None:
    for n, quarter, fifth in ((1, 1, 1), (2, 2, 12 / 5), (3, -4, -336 / 125), (4, 8, 708288 / 78125)):
        text = "x"
        for _ in range(n - 1):
            text = f"4*({text})*(1 - ({text}))"
        member = ad.graph(text)
        for method in ("symbolic", "forward", "reverse"):
            found = [float(ad.grad(member, method=method)(x)) for x in (0.25, 0.2)]
            assert found == pytest.approx([quarter, fifth], rel=1e-14)


def test_row_d7_piecewise_functions_are_differentiated_symbolically() -> None:
    f = ad.graph("where(x > 0, x^2, -3*x)")
    for x, want in ((2.0, 4.0), (-2.0, -3.0)):
        assert [float(ad.grad(f, method=m)(x)) for m in METHODS] == pytest.approx([want] * 4, rel=1e-9)


# ------------------------------------------------------------------------------- D8 m forward passes, n reverse passes

SHAPES = [(1, 1), (2, 1), (1, 3), (7, 2), (2, 7), (12, 12)]


@pytest.mark.parametrize(("m", "n"), SHAPES)
def test_row_d8_passes(m: int, n: int) -> None:
    A = random(n, m)
    ledger = ad.cost(lambda x: np.tanh(A @ x), np.ones(m))
    assert (ledger.inputs, ledger.outputs) == (m, n)
    assert ledger["forward"].counted_passes == m
    assert ledger["reverse"].counted_passes == n
    assert ledger["numerical, forward"].counted_evaluations == m + 1


def test_row_d8_operations_grow_with_passes() -> None:
    def layer(n: int, m: int):
        A = random(n, m)
        return ad.cost(lambda x: np.tanh(A @ x), np.ones(m))

    few, many = layer(2, 40), layer(2, 80)
    ratios = [ledger["forward"].operations / ledger["reverse"].operations for ledger in (few, many)]
    assert ratios[1] / ratios[0] == pytest.approx(2, rel=0.1)
    wide, tall = layer(1, 60), layer(60, 1)
    assert wide["reverse"].operations * 10 < wide["forward"].operations
    assert tall["forward"].operations * 10 < tall["reverse"].operations


def test_row_d8_a_backward_pass_costs_about_two_forward_passes() -> None:
    """A network's backward pass has two matrix products for each one of its forward pass."""

    def net(W1, W2, x):
        return np.sum(ad.sigmoid(W2 @ ad.sigmoid(W1 @ x)))

    graph = ad.graph(net, np.ones((64, 64)), np.ones((64, 64)), np.ones((64, 32)))
    value = count_evaluation(graph).total()
    backward = count_reverse(graph, graph.outputs[0], (0, 1, 2)).total()
    assert 1.9 < backward / value < 2.3
    assert count_forward(graph, 0).total() < backward


# ------------------------------------------------------------------------------------------------- D10 vector calculus


@pytest.mark.parametrize("method", METHODS)
def test_row_d10_linear_forms_maps_and_quadratic_forms(method: str) -> None:
    w, x, A = random(4), random(4, seed=1), random(4, 4, seed=2)
    tolerance = {"rel": 1e-6, "abs": 1e-6} if method == "numerical" else {"rel": 1e-12, "abs": 1e-12}

    def close(found, want) -> None:
        assert np.shape(found) == np.shape(want)
        assert np.asarray(found) == pytest.approx(np.asarray(want), **tolerance)

    close(ad.grad(lambda w: w @ x, method=method)(w), x)
    close(ad.jacobian(lambda x: A @ x, method=method)(x), A)
    close(ad.grad(lambda w: w @ A @ w, method=method)(w), w @ (A + A.T))
    S = A + A.T
    close(ad.grad(lambda w: w @ S @ w, method=method)(w), 2 * w @ S)


@pytest.mark.parametrize("method", METHODS)
def test_row_d10_jacobians_of_vectors_matrices_and_tensors(method: str) -> None:
    x, X = random(3), random(2, 3, seed=1)
    J = ad.jacobian(lambda x: np.stack([x[0] * x[1], x[1] * x[2]]), method=method)(x)
    assert J.shape == (2, 3)
    assert pytest.approx(np.array([[x[1], x[0], 0], [0, x[2], x[1]]]), abs=1e-8) == J
    B = random(3, 4, seed=2)
    T = ad.jacobian(lambda X: X @ B, method=method)(X)
    assert T.shape == (2, 4, 2, 3)
    want = np.einsum("ik,lj->ijkl", np.eye(2), B)  # ∂Y[i,j]/∂X[k,l] = [i = k]·B[l,j]
    assert pytest.approx(want, abs=1e-8) == T


# ----------------------------------------------------------------------------------------------------- D11 chain rule

SIZES = (3, 5, 4, 2)
WEIGHTS = [random(b, a, seed=a) for a, b in pairwise(SIZES)]
LAYERS = [lambda x, W=W: np.tanh(W @ x) for W in WEIGHTS]


def composition(x):
    for layer in LAYERS:
        x = layer(x)
    return x


def local_jacobians(x):
    found = []
    for layer in LAYERS:
        found.append(ad.jacobian(layer)(x))
        x = layer(x)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_row_d11_jacobian_is_the_product_of_local_jacobians(method: str) -> None:
    x = random(3, seed=9)
    J1, J2, J3 = local_jacobians(x)
    whole = ad.jacobian(composition, method=method)(x)
    assert whole.shape == (2, 3)
    for product in ((J3 @ J2) @ J1, J3 @ (J2 @ J1)):
        assert product == pytest.approx(whole, rel=1e-8, abs=1e-9)


def test_row_d11_orders_of_multiplication() -> None:
    """Left to right is reverse mode: 2·4·5 + 2·5·3; right to left is forward mode: 4·5·3 + 2·4·3."""
    chain = ad.chain([J.shape for J in local_jacobians(random(3))[::-1]])
    assert chain.left_to_right == 2 * 4 * 5 + 2 * 5 * 3 == 70
    assert chain.right_to_left == 4 * 5 * 3 + 2 * 4 * 3 == 84
    assert chain.best == 70

    def scoped(x):
        for k, layer in enumerate(LAYERS):
            with ad.scope(f"layer{k + 1}"):
                x = layer(x)
        return x

    found = ad.cost(scoped, random(3)).chain
    assert (found.shapes, found.names) == (((2, 4), (4, 5), (5, 3)), ("layer3", "layer2", "layer1"))
    assert (found.left_to_right, found.right_to_left) == (70, 84)


def test_row_d11_scalar_and_tensor_chain_rule() -> None:
    u = 0.7
    inner, outer = ad.grad("sin(x)"), ad.grad("exp(x)")
    assert float(ad.grad("exp(sin(x))")(u)) == pytest.approx(float(outer(np.sin(u)) * inner(u)), rel=1e-15)
    X, A, B = random(2, 3), random(3, 3, seed=1), random(2, 2, seed=2)
    first = ad.jacobian(lambda X: np.sin(X @ A))(X)
    second = ad.jacobian(lambda Y: B @ np.exp(Y))(np.sin(X @ A))
    whole = ad.jacobian(lambda X: B @ np.exp(np.sin(X @ A)))(X)
    assert whole.shape == (2, 3, 2, 3)
    assert np.tensordot(second, first, axes=2) == pytest.approx(whole, rel=1e-12, abs=1e-13)


# ----------------------------------------------------------------------------------- D13 the dual of forward propagation

DIFFERENTIABLE = {
    "network": (composition, (random(3),)),
    "running example": (lambda x1, x2: np.log(x1) + x1 * x2 - np.sin(x2), (np.float64(2), np.float64(5))),
    "matrix function": (lambda X, v: np.exp(X) @ v / (1 + np.sum(v * v)), (random(3, 3), random(3, seed=1))),
    "Helmholtz": (lambda x: np.sum(x * np.log(x / (1 - np.sum(x)))) - x @ x, (np.array([0.1, 0.2, 0.3]),)),
    "deep": (lambda x: np.cumsum(np.sqrt(1 + x**2))[::-1] * x, (random(6),)),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_row_d13_adjoint_identity(name: str) -> None:
    """⟨J v, u⟩ = ⟨v, Jᵀ u⟩ for every differentiable function."""
    f, args = DIFFERENTIABLE[name]
    tangents = tuple(np.asarray(random(*np.shape(a), seed=k + 3))[()] for k, a in enumerate(args))
    y, pushed = ad.jvp(f, args, tangents)
    cotangent = np.asarray(random(*np.shape(y), seed=7))[()]
    _, pullback = ad.vjp(f, *args)
    pulled = pullback(cotangent)
    left = float(np.sum(pushed * cotangent))
    right = sum(float(np.sum(p * t)) for p, t in zip(pulled, tangents, strict=True))
    assert left != 0
    assert left == pytest.approx(right, rel=1e-12)


# --------------------------------------------------------------------------------------- D15 derivatives worked out by hand

N, D_IN, HIDDEN, D_OUT = 64, 1000, 100, 10


def two_layers(w1, w2, x, y):
    h = 1 / (1 + np.exp(-(x @ w1)))
    return np.sum(np.square(h @ w2 - y))


def by_hand(w1, w2, x, y):
    """Return the gradient that the lectures write out for the two-layer network."""
    h = 1 / (1 + np.exp(-x.dot(w1)))
    y_pred = h.dot(w2)
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h.T.dot(grad_y_pred)
    grad_h = grad_y_pred.dot(w2.T)
    grad_w1 = x.T.dot(grad_h * h * (1 - h))
    return grad_w1, grad_w2


def test_row_d15_the_hand_written_gradient_of_the_two_layer_network() -> None:
    x, y = random(N, D_IN), random(N, D_OUT, seed=1)
    w1, w2 = random(D_IN, HIDDEN, seed=2), random(HIDDEN, D_OUT, seed=3)
    found = ad.grad(two_layers, argnums=(0, 1))(w1, w2, x, y)
    for ours, hand in zip(found, by_hand(w1, w2, x, y), strict=True):
        assert ours.shape == hand.shape
        assert np.max(np.abs(ours - hand)) <= 1e-12 * np.max(np.abs(hand))


def test_row_d15_a_small_one_against_every_method_and_a_slip_is_seen() -> None:
    sizes = ((4, 3), (3, 2), (2, 4), (2, 2))
    w1, w2, x, y = (random(*size, seed=k) for k, size in enumerate(sizes))
    hand = by_hand(w1, w2, x, y)
    slip = hand[0] * 1.001
    for method in METHODS:
        found = ad.grad(two_layers, argnums=(0, 1), method=method)(w1, w2, x, y)
        for ours, right in zip(found, hand, strict=True):
            assert ours == pytest.approx(right, rel=1e-6, abs=1e-6)
        assert np.max(np.abs(found[0] - slip)) > 1e-4 * np.max(np.abs(slip))
