"""Row T4 of the lectures: the debugging recipe, each step a check; rows T1 and T5 are in test_trainer, T2 in
test_preprocessing and test_data, T3 in test_tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from adlab import nn
from adlab.ir.tree import flatten


def trainer(seed: int = 0) -> nn.Trainer:
    return nn.Trainer(nn.MLP([2, 16, 3], "tanh"), "cross_entropy", nn.Adam(0.03), seed=seed)


@pytest.fixture
def data() -> nn.Dataset:
    return nn.data.spirals(90, classes=3)


def test_t4_look_at_the_data(data: nn.Dataset) -> None:
    assert repr(data) == "<Dataset spirals: 90 samples of 2 features, 3 classes>"
    assert_array_equal(np.bincount(data.y), [30, 30, 30])
    assert np.isfinite(data.X).all()


def test_t4_with_all_seeds_fixed_two_runs_are_equal_and_with_another_seed_they_are_not(
    data: nn.Dataset,
) -> None:
    def weights(seed: int) -> list[Any]:
        fitted = trainer(seed)
        fitted.fit(data.X, data.y, epochs=3)
        return [leaf.tobytes() for leaf in flatten(fitted.params)[0]]

    assert weights(0) == weights(0)
    assert weights(0) != weights(1)


def test_t4_a_single_example_is_learned_to_zero_loss(data: nn.Dataset) -> None:
    fitted = trainer()
    history = fitted.fit(data.X[:1], data.y[:1], epochs=400, batch_size=None)
    assert history["loss"][0] > 0.1
    assert history["loss"][-1] < 1e-3
    assert fitted.outputs(data.X[:1]).argmax() == data.y[0]


def test_t4_then_a_single_mini_batch_is_learned(data: nn.Dataset) -> None:
    history = trainer().fit(data.X[:8], data.y[:8], epochs=400, batch_size=8)
    assert history["loss"][-1] < 0.02
    assert history["accuracy"][-1] == 1.0


def test_t4_what_cannot_be_learned_does_not_pass_the_check(data: nn.Dataset) -> None:
    same = np.repeat(data.X[:1], 2, axis=0)
    history = trainer().fit(same, [0, 1], epochs=400, batch_size=None)
    assert history["loss"][-1] > 0.69


def test_t4_then_experiments_are_tracked_with_tensorboard(data: nn.Dataset, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    for rate in ("0.03", "0.3"):
        board = nn.TensorBoard(tmp_path / rate, picture=False, samples=10)
        fitted = nn.Trainer(nn.MLP([2, 4, 3], "tanh"), "cross_entropy", nn.Adam(float(rate)))
        fitted.fit(data.X, data.y, epochs=2, callbacks=[board])
    assert sorted(path.parent.name for path in tmp_path.rglob("events*")) == ["0.03", "0.3"]
