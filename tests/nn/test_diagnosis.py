"""The debugging recipe (row T4), curves judged (row T5) and errors decomposed (row T6).

One healthy network passes every check; for each check, exactly its fault is planted in an otherwise healthy case.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab import nn
from adlab.errors import InputError
from adlab.ir.tree import flatten
from adlab.nn.activations import Activation
from adlab.nn.diagnosis import CHECKS, decompose_error, diagnose, gap_verdict
from adlab.nn.history import History
from adlab.reports.diagnosis import Finding

TRAIN, HELD = nn.data.moons(200, seed=1), nn.data.moons(100, seed=2)
NOISE = np.random.default_rng(0).normal(size=(100, 8))
LABELS = np.arange(100) % 3


def mlp(activation: str = "tanh", **options: Any) -> nn.Sequential:
    return nn.MLP([2, 8, 8, 2], activation, **options)


def found(check: str, net: Any = None, optimizer: Any = None, data: Any = None, **options: Any) -> Finding:
    """Return the finding of one check; what is not given is healthy."""
    X, y = (TRAIN.X, TRAIN.y) if data is None else data
    loss = options.pop("loss", "cross_entropy")
    trainer = nn.Trainer(net or mlp(), loss, optimizer or nn.Adam(0.02), **options.pop("recipe", {}))
    options.setdefault("validation", (HELD.X, HELD.y) if data is None else None)
    return diagnose(trainer, X, y, checks=[check], **options)[check]


@pytest.fixture(scope="module")
def healthy() -> Any:
    trainer = nn.Trainer(mlp(), "cross_entropy", nn.Adam(0.02))
    return diagnose(trainer, TRAIN.X, TRAIN.y, validation=(HELD.X, HELD.y))


def test_t4_a_healthy_network_passes_every_check(healthy: Any) -> None:
    assert {f.check: f.verdict for f in healthy.findings} == dict.fromkeys(CHECKS, "pass")
    assert healthy.passed
    assert healthy.sentence == f"All {len(CHECKS)} checks passed."


@dataclass(frozen=True)
class Unseeded(nn.Linear):
    def _init(self, rng: Any, shape: Any, dtype: Any) -> Any:
        return super()._init(np.random.default_rng(), shape, dtype)


def test_t4_seeds_that_are_not_fixed() -> None:
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), Unseeded(8, 2, name="loose"))
    finding = found("seeds fixed", net)
    assert (finding.verdict, finding.where.layer, finding.where.step) == ("fail", "loose", 0)


def with_column(column: Any) -> tuple[Any, Any]:
    return np.column_stack([TRAIN.X[:, 0], column]), TRAIN.y


SHARED = (np.vstack([HELD.X[:-1], TRAIN.X[:1]]), HELD.y)
CONTRADICTION = (np.vstack([TRAIN.X, TRAIN.X[:1]]), np.append(TRAIN.y, 1 - TRAIN.y[0]))


@pytest.mark.parametrize(
    ("check", "data", "verdict", "pointed"),
    [
        ("ranges", with_column(1e4 * TRAIN.X[:, 1]), "warn", {"feature": 1}),
        ("ranges", with_column(1e8 * TRAIN.X[:, 1]), "fail", {"feature": 1}),
        ("constant columns", with_column(np.ones(200)), "warn", {"feature": 1}),
        ("class balance", (TRAIN.X[TRAIN.y.argsort()][:105], np.sort(TRAIN.y)[:105]), "warn", {}),
        (
            "duplicates",
            (np.vstack([TRAIN.X, TRAIN.X[:1]]), np.append(TRAIN.y, TRAIN.y[0])),
            "warn",
            {"sample": 200},
        ),
        ("duplicates", CONTRADICTION, "fail", {"sample": 200}),
        ("leakage", with_column(2.0 * TRAIN.y - 1), "warn", {"feature": 1}),
    ],
)
def test_t4_data_looked_at(check: str, data: Any, verdict: str, pointed: dict[str, int]) -> None:
    finding = found(check, data=data)
    assert finding.verdict == verdict
    assert finding.where.to_dict() == pointed


def test_t4_validation_samples_among_the_training_samples() -> None:
    finding = found("leakage", validation=SHARED)
    assert (finding.verdict, finding.where.sample, finding.measured["shared"]) == ("fail", 99, 1)


def test_t4_initial_loss_is_ln_k() -> None:
    finding = found("initial loss", nn.Linear(8, 3, weights=0.0), data=(NOISE, LABELS))
    assert finding.verdict == "pass"
    assert finding.measured["loss"] == pytest.approx(math.log(3), rel=1e-12)
    assert finding.measured["expected"] == pytest.approx(math.log(3), rel=1e-12)
    finding = found("initial loss", nn.Linear(8, 3, weights=nn.Normal(10.0)), data=(NOISE, LABELS))
    assert (finding.verdict, finding.where.step) == ("fail", 0)


HALF_RIGHT = ad.primitive(np.sin, name="half_right", partials=lambda y, x: np.cos(x) * 0.5)


@dataclass(frozen=True)
class WrongRule(Activation):
    def value(self, x: Any, params: Any) -> Any:
        return HALF_RIGHT(x)


def test_t4_gradient_check_finds_a_wrong_rule_and_its_layer() -> None:
    net = nn.Sequential(nn.Linear(2, 4), WrongRule(), nn.Linear(4, 2))
    finding = found("gradient check", net)
    assert (finding.verdict, finding.where.layer) == ("fail", "linear1")
    assert "half_right" in finding.reason


def test_t4_gradient_check_is_made_by_all_four_methods() -> None:
    finding = found("gradient check", nn.MLP([2, 4, 2], "tanh"))
    assert finding.verdict == "pass"
    assert finding.reason.startswith("numerical, symbolic, forward, reverse agree")


def test_t4_single_example_that_cannot_be_learned() -> None:
    # Softmax twice: the probabilities of probabilities never reach 1.
    finding = found("single example", mlp(output="softmax"))
    assert (finding.verdict, finding.where.step) == ("fail", 1000)
    assert finding.measured["last"] > math.log(1 + math.exp(-1)) - 1e-9


def test_t4_single_example_tells_a_bad_rate_from_a_bad_network() -> None:
    finding = found("single example", optimizer=nn.SGD(1e-9))
    assert finding.verdict == "fail"
    assert "The optimiser is at fault" in finding.advice


def test_t4_single_batch_that_a_linear_network_cannot_learn() -> None:
    data = nn.data.xor(200, seed=0)
    assert found("single example", nn.Linear(2, 2), data=(data.X, data.y)).verdict == "pass"
    assert found("single mini-batch", nn.Linear(2, 2), data=(data.X, data.y)).verdict == "fail"
    assert found("single mini-batch", mlp(), data=(data.X, data.y)).verdict == "pass"


def deep(activation: str, weights: Any) -> nn.Sequential:
    return nn.MLP([8, *[30] * 6, 3], activation, weights=weights)


@pytest.mark.parametrize(
    ("check", "net", "verdict", "layer"),
    [
        ("activations by layer", deep("tanh", nn.Normal(0.01)), "fail", "tanh6"),
        ("activations by layer", deep("relu", nn.Normal(2.0)), "fail", "relu6"),
        ("gradients by layer", deep("sigmoid", nn.Normal(0.1)), "fail", "sigmoid1"),
        ("gradients by layer", deep("relu", nn.Normal(2.0)), "fail", "relu1"),
        ("saturated units", nn.MLP([8, 20, 3], "tanh", weights=nn.Normal(20.0)), "fail", "tanh1"),
        ("dead units", nn.MLP([8, 20, 3], "relu", biases=-100.0), "fail", "relu1"),
        ("symmetry", nn.MLP([8, 20, 3], "tanh", weights=0.1), "fail", "linear1"),
    ],
)
def test_t4_layers_that_are_ill(check: str, net: nn.Sequential, verdict: str, layer: str) -> None:
    finding = found(check, net, data=(NOISE, LABELS))
    assert (finding.verdict, finding.where.layer, finding.where.step) == (verdict, layer, 0)
    assert found(check, deep("tanh", "xavier"), data=(NOISE, LABELS)).verdict == "pass"


def test_t4_weight_gradients_of_one_sign() -> None:
    # Positive inputs and targets that all lie above: every update moves all weights of the unit up.
    centred = found(
        "signs of gradients",
        nn.Sequential(nn.Linear(8, 1)),
        data=(NOISE, NOISE[:, 0] + 100),
        loss="squared_error",
    )
    assert centred.verdict == "pass"
    X = np.abs(NOISE) + 1
    finding = found(
        "signs of gradients", nn.Sequential(nn.Linear(8, 1)), data=(X, X.sum(1) + 100), loss="squared_error"
    )
    assert (finding.verdict, finding.where.layer, finding.where.unit) == ("warn", "linear1", 0)


@pytest.mark.parametrize(("rate", "verdict"), [(1e-8, "warn"), (5.0, "fail")])
def test_t4_learning_rate(rate: float, verdict: str) -> None:
    finding = found("learning rate", optimizer=nn.Adam(rate))
    assert (finding.verdict, finding.measured["own"]) == (verdict, rate)


@pytest.mark.parametrize(("rate", "verdict"), [(1e-9, "fail"), (0.1, "warn"), (10.0, "fail")])
def test_t4_ratio_of_update_to_weight(rate: float, verdict: str) -> None:
    finding = found("update ratio", optimizer=nn.Adam(rate))
    assert finding.verdict == verdict
    assert finding.where.layer in ("linear1", "linear2", "linear3")


# ------------------------------------------------------------------------------------------------------ T5, T6


def test_t5_big_gap_no_gap_small_gap() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 10)), rng.integers(2, size=30)
    noise = (rng.normal(size=(60, 10)), rng.integers(2, size=60))
    # Labels without any rule, learned by heart: overfitting.
    net = nn.MLP([10, 50, 2], "tanh")
    big = found("train/validation gap", net, data=(X, y), validation=noise, epochs=60)
    assert (big.verdict, big.measured["gap"] > 0.5) == ("fail", True)
    assert "a big gap, overfitting" in big.reason
    assert "Regularise more" in big.advice
    # A linear network on XOR: underfitting.
    train, held = nn.data.xor(200, seed=0), nn.data.xor(200, seed=1)
    none = found(
        "train/validation gap", nn.Linear(2, 2), data=(train.X, train.y), validation=(held.X, held.y)
    )
    assert none.verdict == "fail"
    assert "no gap, underfitting" in none.reason
    assert "more capacity" in none.advice
    small = found("train/validation gap", mlp())
    assert small.verdict == "pass"
    assert "a small gap, ideal" in small.reason


def test_t5_validation_loss_that_turned_points_at_the_best_epoch() -> None:
    curves = History.from_arrays(
        {"epoch": [1, 2, 3], "loss": [0.6, 0.4, 0.3], "validation_loss": [0.6, 0.35, 0.39]}
    )
    finding = gap_verdict(curves, math.log(2))
    assert (finding.verdict, finding.where.step) == ("warn", 2)


def test_t6_each_error_falls_with_its_own_cure() -> None:
    widths = [decompose_error(width=w, samples=400, steps=10).approximation for w in (2, 4, 8, 16)]
    assert widths == sorted(widths, reverse=True)
    samples = [decompose_error(width=12, samples=n, steps=10).estimation for n in (30, 300, 3000)]
    assert samples == sorted(samples, reverse=True)
    steps = [decompose_error(width=12, samples=3000, steps=n).optimisation for n in (10, 100, 1000)]
    assert steps == sorted(steps, reverse=True)
    assert decompose_error(width=2, samples=500).largest == "approximation"
    assert decompose_error(width=30, samples=35).largest == "estimation"
    assert decompose_error(width=16, samples=2000, steps=20).largest == "optimisation"


def test_t6_parts_sum_to_the_error_of_the_trained_network() -> None:
    parts = decompose_error()
    assert parts.total == pytest.approx(
        parts.approximation + parts.estimation + parts.optimisation, rel=1e-15
    )
    assert json.loads(parts.to_json())["largest"] == parts.largest
    with pytest.raises(InputError, match="give at least 18"):
        decompose_error(width=16, samples=17)


# ------------------------------------------------------------------------------------------------------- shown


def test_report_in_every_format(healthy: Any) -> None:
    assert "tanh1" in healthy.to_text()
    assert "| initial loss" in healthy.to_markdown()
    assert "<table" in healthy.to_html()
    data = json.loads(healthy.to_json())
    assert [f["check"] for f in data["findings"]] == list(CHECKS)
    assert sum(data["layers"][0]["counts"]) == TRAIN.X.size


def test_picture_shows_every_layer(healthy: Any) -> None:
    picture = healthy.draw().svg
    for layer in healthy.layers:
        assert layer.layer in picture
    with pytest.raises(InputError, match="nothing to draw"):
        diagnose(nn.Trainer(mlp(), "cross_entropy"), TRAIN.X, TRAIN.y, checks=["ranges"]).draw()


def test_a_trained_network_is_looked_into_as_it_is_and_stays_as_it_is() -> None:
    trainer = nn.Trainer(mlp(), "cross_entropy", nn.Adam(0.02))
    trainer.fit(TRAIN.X, TRAIN.y, validation=(HELD.X, HELD.y), epochs=3, batch_size=50, progress=False)
    before = [np.array(leaf) for leaf in flatten(trainer.params)[0]]
    shown = diagnose(trainer, TRAIN.X, TRAIN.y, checks=["train/validation gap", "dead units"])
    assert shown["train/validation gap"].measured["training"] == trainer.history["loss"][-1]
    for old, new in zip(before, flatten(trainer.params)[0], strict=True):
        np.testing.assert_array_equal(old, new)
    assert len(trainer.history) == 3


def test_what_cannot_be_diagnosed_is_refused() -> None:
    with pytest.raises(InputError, match="takes a Trainer"):
        diagnose(mlp(), TRAIN.X, TRAIN.y)
    with pytest.raises(InputError, match="There is no check 'mood'"):
        found("mood")


def test_dropout_and_batch_norm_keep_no_network_from_its_diagnosis() -> None:
    net = nn.MLP([2, 16, 2], "relu", batch_norm=True, keep=0.8)
    trainer = nn.Trainer(net, "cross_entropy", nn.Adam(0.02), regulariser=nn.L2(1e-3))
    shown = diagnose(trainer, TRAIN.X, TRAIN.y, validation=(HELD.X, HELD.y))
    assert (len(shown.of("fail")), shown["single example"].verdict) == (0, "pass")


def test_a_loss_that_is_not_finite_is_a_finding() -> None:
    checks = ["initial loss", "learning rate"]
    trainer = nn.Trainer(mlp(weights=1e200), "squared_error")
    with np.errstate(all="ignore"):
        shown = diagnose(trainer, 1e200 * TRAIN.X, np.column_stack([TRAIN.y, TRAIN.y]), checks=checks)
    assert [finding.verdict for finding in shown.findings] == ["fail", "fail"]
    assert shown.sweep is None


def test_adjoint_of_a_weight_at_a_step_is_the_gradient_of_that_step() -> None:
    X, y = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    trainer = nn.Trainer(nn.Sequential(nn.Linear(1, 1)), "squared_error", nn.SGD(0.1))
    for _ in range(2):
        trainer.update(X, y)
    shown = nn.trace_weight(trainer, X, y, "linear1.W", step=2, batch_size=2)
    gradient = trainer.step.gradient(trainer.params, trainer.state, X, y)[1]["linear1"]["W"]
    last = json.loads(shown.to_json())["rows"][-1]
    assert last["value"] == trainer.params["linear1"]["W"].tolist()
    adjoint = last["adjoint"]["value"]
    np.testing.assert_allclose(adjoint, gradient, rtol=1e-12)
    with pytest.raises(InputError, match=r"There is no weight 'W'; there are linear1\.W"):
        nn.trace_weight(trainer, X, y, "W")
