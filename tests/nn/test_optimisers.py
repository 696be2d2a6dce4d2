"""Optimisers, schedules, clipping: against loops written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import adlab as ad
from adlab import nn
from adlab.nn.optimisers import OPTIMISERS, optimiser_named

RNG = np.random.default_rng(0)
W0, GRADIENTS = RNG.normal(size=(3, 2)), RNG.normal(size=(15, 3, 2))


def run(optimiser, w=W0, gradients=GRADIENTS, dtype="float64"):
    params = {"linear1": {"W": w.astype(dtype), "b": np.ones(2, dtype)}}
    memory = optimiser.init(params)
    for t, g in enumerate(gradients):
        gradient = {"linear1": {"W": g.astype(dtype), "b": np.zeros(2, dtype)}}
        params, memory = optimiser.update(params, gradient, memory, optimiser.rates(t, dtype=dtype))
    return params["linear1"]


def sgd(w):
    for g in GRADIENTS:
        w = w - 0.1 * g
    return w


def momentum(w):
    v = 0
    for g in GRADIENTS:
        v = 0.9 * v - 0.1 * g
        w = w + v
    return w


def nesterov(w):
    v = 0
    for g in GRADIENTS:
        v = 0.9 * v - 0.1 * g
        w = w + 0.9 * v - 0.1 * g
    return w


def adagrad(w):
    s = 0
    for g in GRADIENTS:
        s = s + g**2
        w = w - 0.1 * g / (np.sqrt(s) + 1e-8)
    return w


def rmsprop(w):
    s = 0
    for g in GRADIENTS:
        s = 0.9 * s + 0.1 * g**2
        w = w - 0.1 * g / (np.sqrt(s) + 1e-8)
    return w


def adam(w, decay=0.0):
    m = v = 0
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.1 * decay * w
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize(
    ("optimiser", "by_hand"),
    [
        (nn.SGD(0.1), sgd),
        (nn.SGD(0.1, momentum=0.9), momentum),
        (nn.SGD(0.1, momentum=0.9, nesterov=True), nesterov),
        (nn.AdaGrad(0.1), adagrad),
        (nn.RMSProp(0.1), rmsprop),
        (nn.Adam(0.1), adam),
        (nn.AdamW(0.1, decay=0.2), lambda w: adam(w, 0.2)),
    ],
    ids=lambda v: repr(v)[:30] if isinstance(v, nn.Optimiser) else "",
)
def test_updates_are_those_written_by_hand(optimiser, by_hand) -> None:
    found = run(optimiser)
    assert_allclose(found["W"], by_hand(W0), rtol=1e-12)
    assert_allclose(found["b"], 1, rtol=0)  # a gradient of 0 moves nothing, and biases do not decay
    small = run(optimiser, dtype="float32")["W"]
    assert small.dtype == np.float32
    assert_allclose(small, by_hand(W0), rtol=1e-4, atol=1e-5)


def test_a_rate_of_another_dtype_does_not_change_the_parameters() -> None:
    params = {"W": np.ones(3, np.float32)}
    for name in OPTIMISERS:
        optimiser = optimiser_named(name)
        moved, memory = optimiser.update(params, params, optimiser.init(params), optimiser.rates(0))
        assert moved["W"].dtype == np.float32
        assert all(leaf["W"].dtype == np.float32 for leaf in memory.values())


def test_corrections_are_computed_in_double() -> None:
    late = nn.Adam(1e-3).rates(10_000, dtype="float32")
    assert late["rate"] == np.float32(1e-3 / (1 - 0.9**10_001))
    assert late["spread"] == np.float32(1 / math.sqrt(1 - 0.999**10_001))
    first = nn.Adam(1e-3).rates(0)
    assert_allclose([first["rate"], first["spread"]], [1e-2, 1 / math.sqrt(1e-3)], rtol=1e-12)


def test_adamw_decays_the_chosen_parameters_only() -> None:
    params = {"linear1": {"W": np.ones(2), "b": np.ones(2)}, "linear2": {"W": np.ones(2)}}
    zeros = {"linear1": {"W": np.zeros(2), "b": np.zeros(2)}, "linear2": {"W": np.zeros(2)}}
    chosen = nn.AdamW(0.1, decay=0.5, only="linear1.*")
    moved, _ = chosen.update(params, zeros, chosen.init(params), chosen.rates(0))
    assert_allclose(moved["linear1"]["b"], 0.95)
    assert_allclose(moved["linear2"]["W"], 1)


def test_schedules() -> None:
    assert [nn.SGD(nn.StepDecay(1.0, every=2, factor=0.5)).rates(t)["rate"] for t in range(5)] == [
        1, 1, 0.5, 0.5, 0.25,
    ]  # fmt: skip
    cosine = nn.Cosine(1.0, steps=10, floor=0.2)
    assert_allclose([cosine(t) for t in (0, 5, 10, 99)], [1, 0.6, 0.2, 0.2])
    warm = nn.WarmUp(nn.StepDecay(1.0, every=3, factor=0.1), steps=2)
    assert_allclose([warm(t) for t in range(6)], [0.5, 1, 1, 1, 1, 0.1])


def test_on_plateau_lowers_the_rate_when_the_loss_stands() -> None:
    schedule = nn.WarmUp(nn.OnPlateau(1.0, factor=0.1, patience=3, floor=0.005), steps=1)
    progress, rates = schedule.start(), []
    for loss in [5.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]:
        progress = schedule.observe(progress, loss)
        rates.append(schedule(10, progress))
    assert_allclose(rates, [1] * 4 + [0.1] * 4 + [0.01] * 3 + [0.005])


def test_clipping() -> None:
    gradient = {"W": np.array([[3.0, 0.0]]), "b": np.array([-4.0])}
    short = nn.ClipNorm(1.0)(gradient)
    assert_allclose([short["W"][0, 0], short["b"][0]], [0.6, -0.8])
    same = nn.ClipNorm(10.0)(gradient)
    assert same["W"].tolist() == [[3, 0]]
    assert nn.ClipNorm(1.0)({"W": np.zeros(2)})["W"].tolist() == [0, 0]
    capped = nn.ClipValue(2.0)(gradient)
    assert (capped["W"].tolist(), capped["b"].tolist()) == ([[2, 0]], [-2])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nn.SGD(-1.0), "rate is a number greater than 0, not -1.0"),
        (lambda: nn.SGD(0.1, momentum=1.0), "momentum lies from 0 up to, but without, 1"),
        (lambda: nn.SGD(0.1, nesterov=True), "give a momentum above 0"),
        (lambda: nn.Adam("fast"), "rate is a number greater than 0, not 'fast'"),
        (lambda: nn.Adam(beta2=2.0), "beta2 lies from 0"),
        (lambda: nn.AdamW(decay=0), "decay is a number greater than 0"),
        (lambda: nn.Cosine(0.1, steps=0), "steps is a whole number from 1 up, not 0"),
        (lambda: nn.Cosine(0.1, steps=5, floor=1.0), "floor lies between 0 and the rate"),
        (lambda: nn.OnPlateau(0.1, factor=2.0), "factor lies between 0 and 1"),
        (lambda: nn.ClipNorm(0.0), "limit is a number greater than 0"),
        (lambda: optimiser_named("adamax"), "There is no optimiser 'adamax'; choose one of sgd, adagrad"),
    ],
)
def test_bad_options_are_refused(make, sentence: str) -> None:
    with pytest.raises(ad.InputError, match=sentence):
        make()
