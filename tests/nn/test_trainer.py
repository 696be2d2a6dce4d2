"""Training: mini-batches (row T1), curves (row T5), early stopping, determinism, divergence, and what is refused."""

from __future__ import annotations

import importlib.util
import pickle
from typing import Any

import numpy as np
import pytest

from adlab.errors import CheckpointError, InputError, ShapeError, TrainingError
from adlab.ir.tree import flatten
from adlab.nn import data
from adlab.nn.callbacks import Callback, TensorBoard
from adlab.nn.clipping import ClipNorm
from adlab.nn.dropout import Dropout
from adlab.nn.feed import Feed
from adlab.nn.intervals import Every
from adlab.nn.layers import Layer
from adlab.nn.linear import Linear
from adlab.nn.losses import CrossEntropy
from adlab.nn.mlp import MLP
from adlab.nn.optimisers import SGD, Adam
from adlab.nn.regularisers import L2
from adlab.nn.schedules import Cosine, OnPlateau
from adlab.nn.sequential import Sequential
from adlab.nn.stepping import ShapedFunction
from adlab.nn.stopping import EarlyStopping
from adlab.nn.trainer import Trainer

MOONS = data.moons(100, seed=1)
HELD = data.moons(60, seed=2)
LINE_X = np.random.default_rng(0).normal(size=(50, 3))
LINE_Y = LINE_X @ [1.0, -2.0, 0.5] + 0.25


def moons_trainer(**options: Any) -> Trainer:
    return Trainer(
        MLP([2, 8, 2], activation="tanh"), "cross_entropy", **({"optimizer": Adam(0.02)} | options)
    )


def weights(trainer: Trainer) -> bytes:
    return b"".join(np.asarray(leaf).tobytes() for leaf in flatten(trainer.params)[0])


# ---------------------------------------------------------------------------------------------- T1: mini-batches


def test_t1_gradient_descent_equals_the_hand_written_update() -> None:
    trainer = Trainer(Linear(3, 1), "squared_error", SGD(0.05), seed=4)
    trainer.fit(LINE_X, LINE_Y, epochs=20, batch_size=None, shuffle=False)
    start, _ = Linear(3, 1).init(4)
    W, b = start["W"], start["b"]
    for _ in range(20):
        off = LINE_X @ W + b - LINE_Y[:, None]
        W, b = W - 0.05 * 2 * LINE_X.T @ off / 50, b - 0.05 * 2 * off.mean(axis=0)
    np.testing.assert_allclose(trainer.params["W"], W, rtol=1e-12)
    np.testing.assert_allclose(trainer.params["b"], b, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 32, 64, 128, 256])
def test_t1_stochastic_and_mini_batch_gradient_descent_find_the_line(size: int) -> None:
    X = np.random.default_rng(1).normal(size=(300, 3))
    trainer = Trainer(Linear(3, 1), "squared_error", SGD(0.02), seed=0)
    trainer.fit(X, X @ [1.0, -2.0, 0.5] + 0.25, epochs=600 if size > 1 else 20, batch_size=size)
    np.testing.assert_allclose(trainer.params["W"][:, 0], [1.0, -2.0, 0.5], atol=1e-6)
    np.testing.assert_allclose(trainer.params["b"], [0.25], atol=1e-6)


def test_every_sample_is_seen_once_in_an_epoch_and_the_order_changes_with_epoch_and_seed() -> None:
    X = np.arange(10.0)[:, None]
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0)):
        feed = Feed(X, X[:, 0], None, 4, seed)
        feed.open(epoch)
        batches = [feed.batch(k) for k in range(feed.batches)]
        assert [len(batch.x) for batch in batches] == [4, 4, 2]
        orders.append([float(x) for batch in batches for x in batch.x[:, 0]])
        assert [float(y) for batch in batches for y in batch.y] == orders[-1]
        assert sorted(orders[-1]) == list(range(10))
    assert orders[0] == orders[3]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


def test_the_step_is_traced_once_for_each_shape_of_batch() -> None:
    trainer = moons_trainer()
    trainer.fit(MOONS.X, MOONS.y, epochs=5, batch_size=32)
    assert trainer._step.traced == 2
    trainer.fit(MOONS.X, MOONS.y, epochs=2, batch_size=32)
    assert trainer._step.traced == 2


def test_a_graph_of_one_branch_is_traced_again_where_a_batch_takes_the_other() -> None:
    absolute = ShapedFunction(lambda x: x if x[0] > 0 else -x)
    assert absolute(np.array([2.0])).tolist() == [2.0]
    assert absolute(np.array([-3.0])).tolist() == [3.0]
    assert absolute.traced == 2


# ---------------------------------------------------------------------------------------------- determinism


def test_one_seed_makes_the_same_bytes_and_another_seed_others() -> None:
    runs = []
    for seed in (7, 7, 8):
        trainer = Trainer(Sequential(Linear(2, 8), Dropout(0.8), Linear(8, 2)), "cross_entropy", seed=seed)
        history = trainer.fit(MOONS.X, MOONS.y, epochs=4, batch_size=32)
        runs.append((weights(trainer), history.to_csv()))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_fit_starts_afresh_unless_it_is_warm() -> None:
    trainer = moons_trainer()
    first = trainer.fit(MOONS.X, MOONS.y, epochs=3).to_csv()
    assert trainer.fit(MOONS.X, MOONS.y, epochs=3).to_csv() == first
    assert (
        trainer.fit(MOONS.X, MOONS.y, epochs=3, warm=True)["loss"][0]
        < trainer.fit(MOONS.X, MOONS.y)["loss"][0]
    )


def test_the_global_random_state_is_neither_read_nor_changed() -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    moons_trainer().fit(MOONS.X, MOONS.y, epochs=2)
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("method", ["forward", "symbolic", "numerical"])
def test_every_method_trains_a_small_net_to_the_same_weights(method: str) -> None:
    X, y = data.xor(12, noise=0.0).X, data.xor(12, noise=0.0).y

    def trained(method: str) -> list[np.ndarray]:
        trainer = Trainer(MLP([2, 3, 1], activation="tanh"), "squared_error", SGD(0.1), method=method, seed=1)
        trainer.fit(X, y, epochs=10, batch_size=4)
        return flatten(trainer.params)[0]

    tolerance = 1e-8 if method == "numerical" else 1e-12
    for found, expected in zip(trained(method), trained("reverse"), strict=True):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# --------------------------------------------------------------------------------------- T5: curves, early stopping


def test_t5_the_history_holds_training_and_validation_curves() -> None:
    history = moons_trainer().fit(MOONS.X, MOONS.y, validation=(HELD.X, HELD.y), epochs=30)
    assert history.names == ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "rate")
    assert history["epoch"].tolist() == list(range(1, 31))
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["validation_accuracy"][-1] > 0.85


def test_the_validation_loss_is_the_full_loss_in_inference() -> None:
    trainer = moons_trainer(regulariser=L2(0.01))
    history = trainer.fit(MOONS.X, MOONS.y, validation=(HELD.X, HELD.y), epochs=3)
    scores = trainer.net(trainer.params, HELD.X, trainer.state)
    expected = float(CrossEntropy()(scores, HELD.y)) + float(L2(0.01)(trainer.params))
    assert history["validation_loss"][-1] == pytest.approx(expected, rel=1e-12)
    assert trainer.evaluate(HELD.X, HELD.y)["loss"] == history["validation_loss"][-1]


def test_early_stopping_keeps_the_weights_of_the_best_epoch() -> None:
    noisy = data.moons(40, noise=0.6, seed=3)
    options = {"validation": (HELD.X, HELD.y), "batch_size": 10}
    stopped = moons_trainer(optimizer=Adam(0.1))
    history = stopped.fit(noisy.X, noisy.y, epochs=400, early_stopping=5, **options)
    best = history.best("validation_loss")
    assert len(history) == best + 5
    assert history.stopped.startswith(
        f"Stopped after epoch {best + 5}: validation loss has not improved for 5 epochs"
    )
    straight = moons_trainer(optimizer=Adam(0.1))
    straight.fit(noisy.X, noisy.y, epochs=best, **options)
    assert weights(stopped) == weights(straight)
    assert stopped.evaluate(HELD.X, HELD.y)["loss"] == history["validation_loss"].min()


def test_early_stopping_can_watch_a_metric() -> None:
    rule = EarlyStopping(3, "validation_accuracy", mode="max")
    history = moons_trainer().fit(
        MOONS.X, MOONS.y, validation=(HELD.X, HELD.y), epochs=200, early_stopping=rule
    )
    assert len(history) == history.best("validation_accuracy", "max") + 3
    with pytest.raises(InputError, match="'validation_loss', which is not in the history"):
        moons_trainer().fit(MOONS.X, MOONS.y, early_stopping=EarlyStopping(monitor="validation_loss"))


def test_schedules_move_the_rate_that_the_history_records() -> None:
    cosine = moons_trainer(optimizer=SGD(), schedule=Cosine(0.1, steps=20))
    rates = cosine.fit(MOONS.X, MOONS.y, epochs=5, batch_size=25)["rate"]
    assert rates.tolist() == [Cosine(0.1, steps=20)(t) for t in (3, 7, 11, 15, 19)]
    plateau = moons_trainer(optimizer=SGD(), schedule=OnPlateau(1e-12, factor=0.5, patience=2))
    assert plateau.fit(MOONS.X, MOONS.y, epochs=6)["rate"][-1] < 1e-12


def test_metrics_by_name_and_as_functions() -> None:
    trainer = Trainer(Linear(3, 1), "squared_error", SGD(0.1), metrics=("r2", "mean_absolute_error"))
    row = trainer.fit(LINE_X, LINE_Y, epochs=60).last
    assert row["r2"] > 0.999
    assert row["mean_absolute_error"] < 0.05
    worst = Trainer(Linear(3, 1), "squared_error", metrics={"worst": lambda p, t, w: float(abs(p - t).max())})
    assert worst.fit(LINE_X, LINE_Y, epochs=1).last["worst"] > 0
    with pytest.raises(InputError, match="no metric 'precision'"):
        Trainer(Linear(3, 1), "squared_error", metrics=["precision"])


def test_binary_cross_entropy_counts_answers() -> None:
    trainer = Trainer(MLP([2, 8, 1], activation="tanh"), "binary_cross_entropy", Adam(0.05))
    assert trainer.fit(MOONS.X, MOONS.y, epochs=80).last["accuracy"] > 0.9
    assert trainer.predict(MOONS.X).min() >= 0


def test_the_history_prints_saves_and_draws() -> None:
    history = moons_trainer().fit(MOONS.X, MOONS.y, validation=(HELD.X, HELD.y), epochs=40)
    lines = history.to_text().splitlines()
    assert lines[0].split()[:2] == ["epoch", "loss"]
    assert len(lines) == 21
    assert lines[-1].split()[0] == "40"
    table = history.to_csv().splitlines()
    assert len(table) == 41
    assert [float(cell) for cell in table[-1].split(",")] == list(history.last.values())
    assert history.plot().svg.count("validation") >= 2


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="data frames need pandas")
def test_the_history_is_a_data_frame_where_pandas_is() -> None:
    frame = moons_trainer().fit(MOONS.X, MOONS.y, epochs=3).to_frame()
    assert list(frame["epoch"]) == [1, 2, 3]


@pytest.mark.skipif(importlib.util.find_spec("pandas") is not None, reason="pandas is installed")
def test_without_pandas_a_data_frame_says_what_to_install() -> None:
    with pytest.raises(InputError, match="pip install pandas"):
        moons_trainer().fit(MOONS.X, MOONS.y, epochs=1).to_frame()


# ---------------------------------------------------------------------------------------------- weights, callbacks


def test_a_weight_of_two_is_a_sample_seen_twice_and_of_zero_one_left_out() -> None:
    count = np.random.default_rng(5).integers(0, 3, len(MOONS))
    options = {"epochs": 10, "batch_size": None, "shuffle": False}
    weighted, repeated = moons_trainer(optimizer=SGD(0.1)), moons_trainer(optimizer=SGD(0.1))
    weighted.fit(MOONS.X, MOONS.y, sample_weight=count, **options)
    repeated.fit(np.repeat(MOONS.X, count, axis=0), np.repeat(MOONS.y, count), **options)
    for a, b in zip(flatten(weighted.params)[0], flatten(repeated.params)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


class Watcher(Callback):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def before(self, trainer: Trainer) -> None:
        self.seen.append("before")

    def after_step(self, trainer: Trainer, loss: float) -> None:
        self.seen.append(f"step {trainer.run.numbers.step}")

    def after_epoch(self, trainer: Trainer, row: Any) -> None:
        self.seen.append(f"epoch {row['epoch']:g}")
        if row["epoch"] == 2:
            trainer.stop("Enough.")

    def after(self, trainer: Trainer) -> None:
        self.seen.append("after")


def test_callbacks_see_steps_and_epochs_and_may_stop() -> None:
    watcher = Watcher()
    history = moons_trainer().fit(MOONS.X, MOONS.y, epochs=9, batch_size=50, callbacks=[watcher])
    assert watcher.seen == ["before", "step 1", "step 2", "epoch 1", "step 3", "step 4", "epoch 2", "after"]
    assert history.stopped == "Enough."


def test_the_progress_bar_is_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    moons_trainer().fit(MOONS.X, MOONS.y, epochs=2)
    assert capfd.readouterr() == ("", "")


def test_the_progress_bar_shows_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    moons_trainer().fit(MOONS.X, MOONS.y, epochs=2)
    assert "accuracy" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("tensorboardX") is None, reason="event files need tensorboardX")
def test_tensorboard_files_hold_scalars_histograms_and_the_graph(tmp_path: Any) -> None:
    trainer = moons_trainer()
    trainer.fit(MOONS.X, MOONS.y, epochs=2, callbacks=[TensorBoard(tmp_path)])
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for tag in (b"accuracy", b"weights/linear1.W", b"gradients/linear2.b", b"activations/tanh1", b"graph"):
        assert tag in content


@pytest.mark.skipif(importlib.util.find_spec("tensorboardX") is not None, reason="tensorboardX is installed")
def test_without_tensorboardx_the_callback_says_what_to_install(tmp_path: Any) -> None:
    with pytest.raises(InputError, match=r"pip install 'adlab\[tensorboard\]'"):
        TensorBoard(tmp_path)


# ----------------------------------------------------------------------------------------------------- saving


def test_weights_are_saved_and_loaded_into_a_like_network(tmp_path: Any) -> None:
    trainer = moons_trainer()
    trainer.fit(MOONS.X, MOONS.y, epochs=3)
    trainer.save(tmp_path / "net")
    other = moons_trainer(seed=5)
    other.load(tmp_path / "net")
    assert other.predict(HELD.X).tobytes() == trainer.predict(HELD.X).tobytes()
    with pytest.raises(CheckpointError, match="another network"):
        Trainer(MLP([2, 9, 2]), "cross_entropy").load(tmp_path / "net")


def test_a_trainer_is_pickled_with_its_weights() -> None:
    trainer = moons_trainer(metrics={"worst": _worst})
    trainer.fit(MOONS.X, MOONS.y, epochs=2)
    again = pickle.loads(pickle.dumps(trainer))
    assert again.predict(HELD.X).tobytes() == trainer.predict(HELD.X).tobytes()
    assert again.history.to_csv() == trainer.history.to_csv()


def _worst(predictions: np.ndarray, target: np.ndarray, weights: object) -> float:
    return float(np.abs(predictions - target).max())


# -------------------------------------------------------------------------------------------------- divergence


def test_a_loss_that_is_no_number_stops_with_the_autopsy_and_keeps_the_last_good_checkpoint(
    tmp_path: Any,
) -> None:
    path = tmp_path / "run"
    trainer = Trainer(MLP([3, 4, 1]), "squared_error", SGD(1e4))
    with pytest.raises(
        TrainingError, match=r"in step 1 of epoch \d+\. The first .* A smaller learning rate"
    ) as caught:
        trainer.fit(LINE_X, LINE_Y, epochs=100, batch_size=None, checkpoint=path)
    assert "What went bad" in str(caught.value.autopsy)
    assert trainer.run.numbers.finite()
    kept = Trainer(MLP([3, 4, 1]), "squared_error", SGD(1e4))
    kept.load(path)
    assert all(np.isfinite(leaf).all() for leaf in flatten(kept.params)[0])
    assert weights(kept) == weights(trainer)


class Scaled(Layer):
    """Multiplies by √p of one parameter that starts at 0: the value is 0, the derivative infinite."""

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def _init(self, rng: Any, shape: Any, dtype: Any) -> Any:
        return {"p": np.zeros((), dtype)}, {}

    def apply(self, params: Any, state: Any, x: Any, *, training: bool = False, masks: Any = None) -> Any:
        return x * np.sqrt(params["p"]), state


def test_a_gradient_that_is_not_finite_is_found_in_the_step_that_made_it() -> None:
    trainer = Trainer(Scaled(), "squared_error", SGD(0.1))
    with pytest.raises(
        TrainingError, match=r"The update before .* made parameters infinite .* sqrt"
    ) as caught:
        trainer.fit(LINE_X, LINE_X, epochs=3, batch_size=10)
    assert caught.value.autopsy is not None
    assert trainer.params["p"] == 0


def test_clipping_keeps_a_steep_problem_finite() -> None:
    trainer = Trainer(MLP([3, 4, 1]), "squared_error", SGD(0.05), clip=ClipNorm(1.0))
    assert np.isfinite(trainer.fit(1e3 * LINE_X, LINE_Y, epochs=20)["loss"]).all()


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (MOONS.X[:, :1], MOONS.y, "linear1|features|shape"),
        (MOONS.X, MOONS.y[:-1], "100 samples and 99 targets"),
        (MOONS.X, 3, "100 samples and no targets"),
        (MOONS.X, MOONS.y + 1, "labels run from 0 to 1"),
        (MOONS.X, MOONS.y - 1, "labels run from 0 to 1"),
        (MOONS.X, MOONS.y + 0.5, "whole numbers"),
        (MOONS.X, np.where(MOONS.y, np.nan, 0.0), "finite"),
        (np.where(MOONS.X > 1, np.nan, MOONS.X), MOONS.y, "X is nan in row"),
        (np.where(MOONS.X > 1, np.inf, MOONS.X), MOONS.y, "X is inf in row"),
        (MOONS.X, np.zeros(100, int), "All 100 samples have class 0"),
        (MOONS.X[:0], MOONS.y[:0], "nothing to learn from"),
        (MOONS.X[:, 0], MOONS.y, "one row per sample"),
        ([["a", "b"]], [0], "real numbers"),
        (MOONS.X, ["a"] * 100, "number classes"),
    ],
)
def test_bad_samples_are_refused(X: Any, y: Any, words: str) -> None:
    with pytest.raises((InputError, ShapeError), match=words):
        moons_trainer().fit(X, y, epochs=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 101}, "A batch of 101 is larger than the data, which has 100 samples"),
        ({"batch_size": 0}, "at least 1"),
        ({"batch_size": 2.5}, "at least 1"),
        ({"epochs": 0}, "epochs is a whole number"),
        ({"early_stopping": 0}, "at least 1"),
        ({"every": "now and then"}, "does not say how often"),
        ({"every": 0}, "does not say how often"),
        ({"resume": True}, "give one"),
        ({"resume": "nowhere"}, "There is no checkpoint 'nowhere'"),
        ({"sample_weight": np.ones(3)}, r"it must be \(100,\)"),
        ({"sample_weight": -np.ones(100)}, "0 or more"),
        ({"sample_weight": np.zeros(100)}, "not only zeros"),
        ({"validation": MOONS.X}, r"\(X, y\)"),
        (
            {"validation": (MOONS.X, MOONS.y[:3])},
            "In the validation data: There are 100 samples and 3 targets",
        ),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises((InputError, ShapeError, CheckpointError), match=words):
        moons_trainer().fit(MOONS.X, MOONS.y, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "cross"}, "no loss 'cross'"),
        ({"optimizer": "adm"}, "no optimiser 'adm'"),
        ({"method": "backprop"}, "backprop"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"dtype": "int64"}, "float64"),
        ({"method": "reverse", "h": 1e-3}, "h"),
    ],
)
def test_unknown_settings_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Trainer(MLP([2, 2]), **({"loss": "cross_entropy"} | options))


def test_an_untrained_network_says_so() -> None:
    with pytest.raises(InputError, match="call fit first"):
        moons_trainer().predict(MOONS.X)
    with pytest.raises(InputError, match=r"not \[1, 2\]"):
        Trainer([1, 2], "cross_entropy")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "epoch", "step"),
    [(2, [False, True, False], [False] * 3), ("2 steps", [False] * 3, [False, True, False])],
)
def test_intervals(given: Any, epoch: list[bool], step: list[bool]) -> None:
    every = Every.of(given)
    assert [every.after_epoch(k, 0.0) for k in (1, 2, 3)] == epoch
    assert [every.after_step(k, 0.0) for k in (1, 2, 3)] == step


def test_an_interval_in_minutes_counts_from_the_last_time() -> None:
    every = Every.of("1.5 minutes")
    assert [every.after_step(1, seconds) for seconds in (89.0, 90.0)] == [False, True]
    assert [every.after_epoch(1, seconds) for seconds in (89.0, 90.0)] == [False, True]
