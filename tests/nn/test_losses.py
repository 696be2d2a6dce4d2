"""Losses: stable, weighted, against SciPy and hand-written formulas; bad targets are named."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

import adlab as ad
from adlab import nn
from adlab.nn.losses import LOSSES, loss_named

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(9, 4)) * 3, RNG.integers(0, 4, 9)
ONE_HOT = np.eye(4)[LABELS]


def test_cross_entropy_and_its_gradient_against_scipy() -> None:
    loss = nn.CrossEntropy()
    expected = -special.log_softmax(SCORES, axis=1)[np.arange(9), LABELS]
    assert_allclose(loss.samples(SCORES, ONE_HOT), expected, rtol=1e-13)
    assert_allclose(loss(SCORES, LABELS), expected.mean(), rtol=1e-13)
    gradient = ad.grad(loss)(SCORES, LABELS)
    assert_allclose(gradient, (special.softmax(SCORES, axis=1) - ONE_HOT) / 9, atol=1e-15)
    soft = special.softmax(RNG.normal(size=(9, 4)), axis=1)
    assert_allclose(loss(SCORES, soft), -np.mean(np.sum(soft * special.log_softmax(SCORES, axis=1), axis=1)))


def test_losses_of_scores_stay_finite_and_exact_far_out() -> None:
    far = np.array([[1e4, 0.0], [0.0, 1e4]])
    assert_allclose(nn.CrossEntropy("sum")(far, [0, 0]), 1e4, rtol=1e-15)
    assert_allclose(ad.grad(nn.CrossEntropy("sum"))(far, [0, 0]), [[0, 0], [-1, 1]])
    logits = np.array([-800.0, -40.0, 40.0, 800.0])
    binary = nn.BinaryCrossEntropy("sum")
    assert_allclose(binary.samples(logits, np.ones(4)), [800, 40 + np.exp(-40), np.exp(-40), 0], rtol=1e-14)
    assert_allclose(binary.samples(logits, np.zeros(4)), [0, np.exp(-40), 40 + np.exp(-40), 800], rtol=1e-14)
    assert_allclose(ad.grad(binary)(logits, np.ones(4)), -special.expit(-logits), rtol=1e-13)


def test_binary_cross_entropy_from_probabilities_and_logits_agree() -> None:
    logits, target = RNG.normal(size=(6, 2)), RNG.random((6, 2))
    p = special.expit(logits)
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=1).mean()
    assert_allclose(nn.BinaryCrossEntropy()(logits, target), expected, rtol=1e-13)
    assert_allclose(nn.BinaryCrossEntropy(from_logits=False)(p, target), expected, rtol=1e-13)


def test_certain_and_right_probabilities_cost_nothing_and_have_a_slope() -> None:
    loss = nn.BinaryCrossEntropy("sum", from_logits=False)
    value, slope = ad.value_and_grad(loss)(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert value == 0
    assert slope.tolist() == [1, -1]
    with np.errstate(divide="ignore"):
        assert loss(np.array([0.0]), np.array([1.0])) == np.inf
    p = np.array([[0.0, 1.0], [0.25, 0.75]])
    value, slope = ad.value_and_grad(nn.NegativeLogLikelihood("sum"))(p, np.array([1, 0]))
    assert_allclose(value, np.log(4), rtol=1e-15)
    assert slope.tolist() == [[0, -1], [-4, 0]]


def test_negative_log_likelihood_is_cross_entropy_after_softmax() -> None:
    p = special.softmax(SCORES, axis=1)
    expected = nn.CrossEntropy()(SCORES, LABELS)
    assert_allclose(nn.NegativeLogLikelihood()(p, LABELS), expected, rtol=1e-13)
    logs = nn.NegativeLogLikelihood(from_logs=True)
    assert_allclose(logs(np.log(p), LABELS), expected, rtol=1e-13)
    assert_allclose(logs.activation(np.log(p)), p, rtol=1e-13)


def test_hinge_against_its_definition() -> None:
    expected = [
        sum(max(0.0, s[k] - s[y] + 0.5) for k in range(4) if k != y)
        for s, y in zip(SCORES, LABELS, strict=True)
    ]
    assert_allclose(nn.Hinge(margin=0.5)(SCORES, LABELS), np.mean(expected), rtol=1e-13)
    assert_allclose(nn.Hinge("sum", margin=0.5)(SCORES, ONE_HOT), np.sum(expected), rtol=1e-13)


def test_squared_error_never_broadcasts_silently() -> None:
    outputs = RNG.normal(size=(5, 1))
    flat = RNG.normal(size=5)
    assert_allclose(nn.SquaredError()(outputs, flat), np.mean((outputs[:, 0] - flat) ** 2), rtol=1e-14)
    two = RNG.normal(size=(5, 2))
    assert_allclose(nn.SquaredError()(two, 0 * two), np.mean(np.sum(two**2, axis=1)), rtol=1e-14)
    with pytest.raises(ad.ShapeError, match=r"target has shape \(5,\) and the outputs have shape \(5, 2\)"):
        nn.SquaredError()(two, flat)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_of_2_is_a_sample_seen_twice(name: str) -> None:
    loss = loss_named(name)
    by_class = isinstance(loss, (nn.CrossEntropy, nn.Hinge, nn.NegativeLogLikelihood))
    outputs = special.softmax(SCORES, axis=1) if name == "nll" else SCORES
    target = LABELS if by_class else RNG.random((9, 4))
    weights = np.array([1, 2, 1, 1, 3, 0, 1, 1, 1])
    often = np.repeat(np.arange(9), weights)
    assert_allclose(loss(outputs, target, weights), loss(outputs[often], target[often]), rtol=1e-13)


def test_class_weights_multiply_sample_weights() -> None:
    by_class, weights = (1.0, 2.0, 0.5, 4.0), RNG.random(9)
    loss = nn.CrossEntropy(class_weights=by_class)
    w = weights * np.array(by_class)[LABELS]
    losses = nn.CrossEntropy().samples(SCORES, ONE_HOT)
    assert_allclose(loss(SCORES, LABELS, weights), np.sum(w * losses) / np.sum(w), rtol=1e-13)
    with pytest.raises(ad.ShapeError, match="2 class weights for 4 classes"):
        nn.CrossEntropy(class_weights=(1, 2))(SCORES, LABELS)
    with pytest.raises(ad.InputError, match="one number from 0 up"):
        nn.CrossEntropy(class_weights=(1, -2))
    with pytest.raises(ad.ShapeError, match=r"weights of shape \(3,\) for losses of shape \(9,\)"):
        loss(SCORES, LABELS, np.ones(3))


@pytest.mark.parametrize(
    ("loss", "target", "shape", "sentence"),
    [
        (nn.CrossEntropy(), [0, 1, 4], (4,), "At row 2 the target is 4; the network has 4 outputs"),
        (nn.CrossEntropy(), [0, -1, 3], (4,), "At row 1 the target is -1"),
        (nn.CrossEntropy(), [0.5], (4,), "labels are whole numbers"),
        (nn.CrossEntropy(), [0.0, np.nan], (4,), "At row 1 the target is nan; a target holds finite numbers"),
        (nn.CrossEntropy(), ["cat"], (4,), "not numbers"),
        (nn.CrossEntropy(), [0], (1,), "For two classes and one output there is BinaryCrossEntropy"),
        (nn.CrossEntropy(), np.ones((3, 2)), (4,), r"rows of shape \(samples, 4\)"),
        (nn.CrossEntropy(), [[0.5, 0.6]], (2,), "probabilities that sum to 1"),
        (nn.Hinge(), [[0.5, 0.5]], (2,), "one 1 and otherwise 0"),
        (nn.BinaryCrossEntropy(), [0, 2], (1,), "At row 1 the target is 2; the target of binary cross-entropy"),
        (nn.SquaredError(), [[1.0, np.inf]], (2,), "At row 0, column 1 the target is inf"),
        (nn.SquaredError(), np.ones((3, 2)), (1,), "give one number per output"),
    ],
)  # fmt: skip
def test_bad_targets_are_named(loss, target, shape, sentence: str) -> None:
    with pytest.raises(ad.AdlabError, match=sentence):
        loss.check(target, shape)
    with pytest.raises(ad.AdlabError):
        loss.encode(target, shape)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays_float32(name: str) -> None:
    outputs = special.softmax(SCORES[:, :2], axis=1).astype(np.float32)
    by_class = issubclass(LOSSES[name], nn.CrossEntropy | nn.Hinge | nn.NegativeLogLikelihood)
    target = LABELS % 2 if by_class else outputs
    graph = ad.graph(ad.value_and_grad(loss_named(name)), outputs, target.astype(np.float32))
    assert {str(node.type.dtype) for node in graph} <= {"float32", "bool"}


def test_encode_makes_what_a_step_takes() -> None:
    assert nn.CrossEntropy().encode([True, False], (2,)).tolist() == [[0, 1], [1, 0]]
    assert nn.SquaredError().encode([1, 2], (1,), "float32").tolist() == [[1], [2]]
    assert nn.SquaredError().encode([1, 2], (1,), "float32").dtype == np.float32


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(
        ad.InputError, match="There is no loss 'mse'; choose one of squared_error, cross_entropy"
    ):
        loss_named("mse")
    with pytest.raises(ad.InputError, match="'mean' or by 'sum', not by 'max'"):
        nn.SquaredError("max")
    with pytest.raises(ad.ShapeError, match="give one label per sample"):
        nn.CrossEntropy()(SCORES, LABELS[:3])
