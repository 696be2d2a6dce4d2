"""Training: a network, a loss and an optimiser, fed with mini-batches until the epochs are over or nothing improves.

One seed makes one run, byte for byte. The order of the samples in each epoch and the masks of each step are functions of the
seed and of the epoch's and the step's number, so a run that was killed goes on from its checkpoint exactly as if nothing
had happened, also in the middle of an epoch. The step itself is a pure function, traced once for each shape of batch into
one graph that holds forward pass, backward pass, regulariser and update.
"""

from __future__ import annotations

import math
import os
import re
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import AdlabError, CheckpointError, InputError, ShapeError, TrainingError
from adlab.nn.arrays import check_features
from adlab.nn.callbacks import Callback, Progress
from adlab.nn.checkpoints import Checkpoint, previous, read_checkpoint, write_checkpoint
from adlab.nn.clipping import Clipping
from adlab.nn.feed import MASKS, Batch, Feed, stream
from adlab.nn.history import History
from adlab.nn.intervals import Every
from adlab.nn.layers import Layer, floating, generator
from adlab.nn.losses import Classification, Loss, loss_named
from adlab.nn.metrics import Metric, metrics_for
from adlab.nn.optimisers import Optimiser, optimiser_named
from adlab.nn.regularisers import Regulariser
from adlab.nn.run import Best, Numbers, Run, check_recipe
from adlab.nn.schedules import Schedule
from adlab.nn.step import training_step
from adlab.nn.stepping import ShapedFunction
from adlab.nn.stopping import EarlyStopping
from adlab.nn.trees import tree_map

__all__ = ["Trainer"]

Samples = tuple[Any, ...]

CHUNK = 1024
"""Predictions are made for so many samples at a time."""


class Trainer:
    """Trains a network.

    Parameters
    ----------
    net : Layer
    loss : Loss or str
        ``"squared_error"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, ``"hinge"``, ``"nll"``, or an object.
    optimizer : Optimiser or str
        ``"sgd"``, ``"adagrad"``, ``"rmsprop"``, ``"adam"``, ``"adamw"``, or an object such as ``nn.Adam(1e-3)``.
    method : {"reverse", "forward", "symbolic", "numerical"}
        What differentiates.
    seed : int
        Of the initial weights, the order of the samples, and the masks.
    regulariser : Regulariser, optional
    clip : ClipNorm or ClipValue, optional
    schedule : Schedule, optional
        The learning rate over the updates, instead of the optimiser's own.
    dtype : {"float64", "float32"}
    metrics : sequence of str or mapping of str to function, optional
        What to record besides the loss; by default the accuracy where there are classes.
    **options
        Of the method, as for `adlab.grad`.

    Attributes
    ----------
    params, state
        The trees of the trained network; after early stopping those of the best epoch.
    history : History
    step : TrainingStep
        The step as a pure function.

    Raises
    ------
    InputError
        For unknown names and options.

    Examples
    --------
    >>> from adlab import nn
    >>> data = nn.data.moons(200, seed=0)
    >>> net = nn.MLP([2, 16, 2], activation="tanh")
    >>> trainer = nn.Trainer(net, loss="cross_entropy", optimizer=nn.Adam(0.02), seed=0)
    >>> history = trainer.fit(data.X, data.y, epochs=40, batch_size=50)
    >>> bool(history["accuracy"][-1] > 0.9)
    True
    """

    def __init__(
        self,
        net: Layer,
        loss: Loss | str,
        optimizer: Optimiser | str = "adam",
        *,
        method: str = "reverse",
        seed: int = 0,
        regulariser: Regulariser | None = None,
        clip: Clipping | None = None,
        schedule: Schedule | None = None,
        dtype: Any = "float64",
        metrics: Sequence[str] | Mapping[str, Metric] | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(net, Layer):
            raise InputError(f"A Trainer takes a network, such as nn.MLP([64, 100, 10]), not {net!r}.")
        optimiser = optimiser_named(optimizer)
        if schedule is not None:
            optimiser = replace(optimiser, rate=schedule)
        generator(seed)
        self.net = net
        self.step = training_step(net, loss_named(loss), optimiser, regulariser, clip, method, **options)
        self.seed, self.dtype = int(seed), floating(dtype)
        self.epochs = 0
        self._metrics = metrics_for(self.step.loss, metrics)
        self._step = ShapedFunction(self.step)
        self._outputs = ShapedFunction(self._inference)
        self._run: Run | None = None
        self._feed: Feed | None = None
        self._before: tuple[Numbers, Batch] | None = None
        self._random: dict[tuple[int, ...], bool] = {}

    # -------------------------------------------------------------------------------------------- fitting

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        validation: Samples | None = None,
        epochs: int = 10,
        batch_size: int | None = 32,
        shuffle: bool = True,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        every: Any = 1,
        resume: bool | str | os.PathLike[str] = False,
        warm: bool = False,
        progress: bool = True,
    ) -> History:
        """Train the network.

        Parameters
        ----------
        X : array_like of shape (samples, …)
            Finite numbers.
        y : array_like
            Labels, one-hot rows, or numbers, as the loss takes them.
        sample_weight : array_like of shape (samples,), optional
            How much each sample counts; samples of weight 0 are left out.
        validation : (X, y) or (X, y, sample_weight), optional
            Samples that are judged after each epoch and never learned from.
        epochs : int
            How many passes over the samples in all.
        batch_size : int or None
            Samples of a step; None for all of them. The last batch of an epoch may be smaller.
        shuffle : bool
            Whether each epoch has an order of its own, which the seed determines.
        callbacks : iterable of Callback
        early_stopping : EarlyStopping or int, optional
            A number is the patience, in epochs. The weights of the best epoch are kept.
        checkpoint : str or PathLike, optional
            Where to save the run, at the end and now and then.
        every : int or str
            How often: every so many epochs, or "200 steps", "10 minutes".
        resume : bool, str or PathLike
            Go on from a checkpoint, True for the one named above if it is there. Data and settings must be those it was
            made with; the number of epochs may be larger.
        warm : bool
            Start from the weights the trainer has, not afresh from the seed.
        progress : bool
            Whether to show a progress bar; there is none where standard error is no terminal.

        Returns
        -------
        History
            One row per epoch. Its ``stopped`` says why training ended.

        Raises
        ------
        InputError, ShapeError
            For samples that cannot be learned from, and options that do not fit.
        CheckpointError
            Where a checkpoint cannot be read or, at the end, written, or belongs to another run.
        TrainingError
            When the loss becomes infinite or no number; ``error.autopsy`` says where that came from. The trainer then has
            the last finite weights, and the last good checkpoint stays.

        Notes
        -----
        A checkpoint that cannot be written on the way, because the disk is full, is a warning: training goes on, and the
        one before it stays.
        """
        self.epochs = _count("epochs", epochs)
        data = self._checked(X, y, sample_weight)
        self._check_classes(data[1])
        feed = Feed(*data, batch_size, self.seed, shuffle)
        judged = None if validation is None else self._validation(validation, data[0])
        rule = EarlyStopping(early_stopping) if isinstance(early_stopping, int) else early_stopping
        source = _resumed(resume, checkpoint)
        recipe = self._recipe(feed) if checkpoint is not None or source is not None else {}
        saver = _Saver(checkpoint, Every.of(every), recipe, feed)
        self._run = self._started(feed, source, recipe, warm)
        self._feed = feed
        watching = [*callbacks, *([Progress()] if progress else [])]
        try:
            for callback in watching:
                callback.before(self)
            while self.run.epoch < self.epochs and not self.run.stopped:
                self._epoch(feed, judged, rule, saver, watching)
        finally:
            for callback in watching:
                callback.after(self)
        self._finish(saver, rule)
        return self.run.history

    def stop(self, reason: str) -> None:
        """End training after the epoch under way; the reason is kept in the history."""
        self.run.stopped = reason

    def _started(self, feed: Feed, source: Path | None, recipe: Mapping[str, Any], warm: bool) -> Run:
        if source is not None:
            found = read_checkpoint(source)
            check_recipe(found, recipe, source)
            return Run.restored(found, feed.batches, feed.samples)
        losses = np.full(feed.batches, math.nan)
        if warm and self._run is not None:
            return Run(self._run.numbers, losses)
        return Run(self._fresh(feed.probe(1)[0].shape[1:]), losses)

    def _fresh(self, shape: tuple[int, ...]) -> Numbers:
        params, state = self.net.init(self.seed, shape, self.dtype)
        optimiser = self.step.optimiser
        return Numbers(params, state, optimiser.init(params), optimiser.schedule.start())

    def _epoch(
        self,
        feed: Feed,
        judged: tuple[Any, ...] | None,
        rule: EarlyStopping | None,
        saver: _Saver,
        watching: Sequence[Callback],
    ) -> None:
        """Do what is left of the epoch under way, record it, and decide whether to go on."""
        run, begun = self.run, time.perf_counter()
        feed.open(run.epoch)
        while run.batch < feed.batches:
            loss = self._advance(feed.batch(run.batch))
            for callback in watching:
                callback.after_step(self, loss)
            saver.after_step(run)
        row = self._row(feed, judged)
        run.history.append(row, time.perf_counter() - begun)
        self._judge(row, rule)
        run.epoch, run.batch = run.epoch + 1, 0
        for callback in watching:
            callback.after_epoch(self, row)
        saver.after_epoch(run)

    def _advance(self, batch: Batch) -> float:
        """Make one update; the numbers are replaced when it is complete and its loss is finite."""
        run = self.run
        loss, numbers, outputs = self._updated(run.numbers, batch)
        if not math.isfinite(loss):
            raise self._diverged(batch, loss)
        if run.outputs is None:
            run.outputs = np.full((self.feed.samples, *outputs.shape[1:]), math.nan, dtype=outputs.dtype)
        run.outputs[batch.rows] = outputs
        run.losses[run.batch] = loss
        self._before = (run.numbers, batch)
        run.numbers, run.batch = numbers, run.batch + 1
        return loss

    def _updated(self, numbers: Numbers, batch: Batch) -> tuple[float, Numbers, NDArray[Any]]:
        rates = self.step.optimiser.rates(numbers.step, numbers.progress, self.dtype)
        masks = self.masks(batch.x.shape, numbers.step)
        args = (numbers.params, numbers.state, numbers.memory, batch.x, batch.y, batch.weights, rates, masks)
        kind = (batch.x.shape, batch.weights is None)
        loss, params, state, memory, outputs = self._step.keyed(kind, args)
        return float(loss), Numbers(params, state, memory, numbers.progress, numbers.step + 1), outputs

    def masks(self, shape: tuple[int, ...], step: int) -> Any:
        """Return the random masks of a step, None where the network takes none."""
        if shape[1:] not in self._random:
            self._random[shape[1:]] = (
                self.net.masks(stream(0, MASKS, 0), (0, *shape[1:]), self.dtype) is not None
            )
        if not self._random[shape[1:]]:
            return None
        return self.net.masks(stream(self.seed, MASKS, step), shape, self.dtype)

    # ------------------------------------------------------------------------------------- after an epoch

    def _row(self, feed: Feed, judged: tuple[Any, ...] | None) -> dict[str, float]:
        """Return the epoch's row of the history."""
        run = self.run
        if not run.numbers.finite():
            raise self._diverged(None, math.nan)
        optimiser, target = self.step.optimiser, feed.epoch
        row = {
            "epoch": float(run.epoch + 1),
            "loss": float(np.average(run.losses, weights=feed.sizes)),
            **self._scores(run.outputs, *target),
        }
        if judged is not None:
            row |= {f"validation_{name}": value for name, value in self._judged(*judged).items()}
        rate = optimiser.schedule(max(run.numbers.step - 1, 0), run.numbers.progress)
        return row | {"rate": float(rate)}

    def _scores(self, outputs: Any, target: NDArray[Any], weights: NDArray[Any] | None) -> dict[str, float]:
        return {name: float(metric(outputs, target, weights)) for name, metric in self._metrics.items()}

    def _judged(self, x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> dict[str, float]:
        """Return the full loss and the metrics of samples, in inference."""
        numbers = self.run.numbers
        outputs = self._all_outputs(x)
        loss = self.step.loss(outputs, y, weights)
        if self.step.regulariser is not None:
            loss = loss + self.step.regulariser(numbers.params)
        return {"loss": float(loss), **self._scores(outputs, y, weights)}

    def _judge(self, row: Mapping[str, float], rule: EarlyStopping | None) -> None:
        """Move the learning rate's schedule on, keep the best weights, and stop where nothing improves."""
        run, schedule = self.run, self.step.optimiser.schedule
        watched = row.get("validation_loss", row["loss"])
        run.numbers = replace(run.numbers, progress=dict(schedule.observe(run.numbers.progress, watched)))
        if rule is None:
            return
        column = rule.column(tuple(row))
        epoch, value = run.epoch + 1, row[column]
        if rule.better(value, run.best.value if run.best else math.nan):
            run.best = Best(value, epoch, run.numbers.params, run.numbers.state)
        since = run.best.epoch if run.best else 0
        if epoch - since >= rule.patience and not run.stopped:
            run.stopped = (
                f"Stopped after epoch {epoch}: {column.replace('_', ' ')} has not improved for {rule.patience} epochs; the "
                f"weights of epoch {since} are kept."
            )

    def _finish(self, saver: _Saver, rule: EarlyStopping | None) -> None:
        run = self.run
        run.history.stopped = run.stopped
        saver.save(run, final=True)
        if rule is not None and run.best is not None:
            run.numbers = replace(run.numbers, params=run.best.params, state=run.best.state)

    # --------------------------------------------------------------------------------------- what diverges

    def _diverged(self, batch: Batch | None, loss: float) -> TrainingError:
        """Return the error for a loss that is not finite, with the autopsy of the step that made it."""
        run = self.run
        at = f"step {run.batch + 1} of epoch {run.epoch + 1}"
        if batch is not None and run.numbers.finite():
            return self._autopsied(run.numbers, batch, f"The loss is {loss} in {at}")
        if self._before is None or not self._before[0].finite():
            return TrainingError(
                f"Parameters have become infinite or no number by {at}, while the loss stayed finite."
            )
        before, earlier = self._before
        run.numbers = before
        rate = self.step.optimiser.rates(before.step, before.progress, self.dtype)["rate"]
        what = (
            f"The update before {at} made parameters infinite or no number, at a learning rate of {float(rate):.3g}; the ones "
            "before it are kept"
        )
        return self._autopsied(before, earlier, what)

    def _autopsied(self, numbers: Numbers, batch: Batch, what: str) -> TrainingError:
        from adlab.judges import autopsy

        args = (batch.x, batch.y, batch.weights, self.masks(batch.x.shape, numbers.step))
        try:
            found = autopsy(lambda params: self.step.objective(params, numbers.state, *args), numbers.params)
        except AdlabError as error:
            return TrainingError(f"{what}. Its autopsy failed: {error}")
        advice = "A smaller learning rate, clipping (clip=nn.ClipNorm(1.0)) or scaled inputs may help."
        return TrainingError(f"{what}. {found.report.sentence} {advice}", found)

    # ------------------------------------------------------------------------------------------ using it

    @property
    def run(self) -> Run:
        """Where training stands."""
        if self._run is None:
            raise InputError("The network has not been trained yet; call fit first.")
        return self._run

    @property
    def feed(self) -> Feed:
        """The samples being learned from."""
        if self._feed is None:
            raise InputError("The network has not been trained yet; call fit first.")
        return self._feed

    @property
    def params(self) -> Any:
        """The tree of parameters."""
        return self.run.numbers.params

    @property
    def state(self) -> Any:
        """The tree of running statistics."""
        return self.run.numbers.state

    @property
    def history(self) -> History:
        """The curves so far."""
        return self.run.history

    def update(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Make one update on samples and return their loss before it; the first call starts from the seed."""
        x, target, weights = self._checked(X, y, sample_weight)
        if self._run is None:
            self._run = Run(self._fresh(x.shape[1:]), np.full(1, math.nan))
        batch = Batch(x, target, weights, slice(0, len(x)))
        loss, numbers, _ = self._updated(self._run.numbers, batch)
        if not math.isfinite(loss):
            raise self._autopsied(self._run.numbers, batch, f"The loss is {loss}")
        self._run.numbers = numbers
        return loss

    def outputs(self, X: Any) -> NDArray[Any]:
        """Return what the network returns in inference: scores, logits, numbers."""
        x = check_features(X, dtype=self.dtype)
        self.net.out_shape(x.shape[1:])
        return self._all_outputs(x)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return predictions: probabilities where the loss has them, else the outputs."""
        return np.asarray(self.step.loss.activation(self.outputs(X)))

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Return the full loss and the metrics of samples, in inference."""
        return self._judged(*self._checked(X, y, sample_weight))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the trained network's numbers as a checkpoint; `load` reads them."""
        trees = {"params": self.params, "state": self.state}
        return write_checkpoint(path, Checkpoint(trees, {"net": _described(self.net)}))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take the numbers that `save` or a run's checkpoint holds, of a network built in the same way."""
        found = read_checkpoint(path)
        net = found.facts.get("net", found.facts.get("recipe", {}).get("net"))
        if net != _described(self.net):
            raise CheckpointError(f"The checkpoint {str(path)!r} is of another network: {net}.")
        params, state = (
            tree_map(lambda leaf: np.asarray(leaf, self.dtype), found.trees[name])
            for name in ("params", "state")
        )
        memory, start = self.step.optimiser.init(params), self.step.optimiser.schedule.start()
        self._run = Run(Numbers(params, state, memory, start), np.empty(0))

    def _inference(self, params: Any, state: Any, x: Any) -> Any:
        return self.net(params, x, state)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: everything but the samples and what is remade from the rest."""
        return {**self.__dict__, "_feed": None, "_before": None}

    def _all_outputs(self, x: NDArray[Any]) -> NDArray[Any]:
        numbers = self.run.numbers
        parts = [
            self._outputs(numbers.params, numbers.state, np.ascontiguousarray(x[k : k + CHUNK]))
            for k in range(0, len(x), CHUNK)
        ]
        return np.concatenate(parts) if len(parts) > 1 else np.asarray(parts[0])

    # ------------------------------------------------------------------------------------------- checking

    def _checked(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        """Return samples, encoded targets and weights, or raise."""
        x = check_features(X, dtype=self.dtype)
        shape_out = self.net.out_shape(x.shape[1:])
        given = np.asarray(y)
        if given.ndim == 0 or len(given) != len(x):
            raise ShapeError(
                f"There are {len(x)} samples and {np.shape(given)[0] if given.ndim else 'no'} targets; give one target per "
                "sample."
            )
        target = self.step.loss.encode(given, shape_out, self.dtype)
        weights = _weights(sample_weight, len(x), self.dtype)
        if weights is not None and not weights.all():
            kept = weights > 0
            x, target, weights = x[kept], target[kept], weights[kept]
        return x, target, weights

    def _check_classes(self, target: NDArray[Any]) -> None:
        if isinstance(self.step.loss, Classification) and len(target) > 1 and (target == target[0]).all():
            raise InputError(
                f"All {len(target)} samples have class {int(np.argmax(target[0]))}; telling classes apart takes at least two."
            )

    def _validation(self, given: Samples, x: NDArray[Any]) -> tuple[Any, ...]:
        if not isinstance(given, tuple) or len(given) not in (2, 3):
            raise InputError("Validation data is (X, y) or (X, y, sample_weight).")
        try:
            return self._checked(given[0], given[1], given[2] if len(given) == 3 else None)
        except (InputError, ShapeError) as error:
            raise type(error)(f"In the validation data: {error}") from error

    def _recipe(self, feed: Feed) -> dict[str, Any]:
        """Return what must be the same for a run to be continued."""
        step = self.step
        return {
            "net": _described(self.net),
            "loss": _described(step.loss),
            "optimizer": _described(step.optimiser),
            "regulariser": _described(step.regulariser),
            "clip": _described(step.clip),
            "method": _described((step.method, step.options)),
            "seed": self.seed,
            "dtype": str(self.dtype),
            "batch_size": feed.size,
            "data": feed.digest(),
        }


class _Saver:
    """Writes the checkpoints of a run when it is time."""

    def __init__(
        self, path: str | os.PathLike[str] | None, every: Every, recipe: Mapping[str, Any], feed: Feed
    ) -> None:
        self.path = None if path is None else Path(path)
        self.every, self.recipe, self.feed = every, recipe, feed
        self._last = time.monotonic()
        self._saved: Numbers | None = None

    def after_step(self, run: Run) -> None:
        """Save in the middle of an epoch if it is time."""
        if self.path is not None and self.every.after_step(run.numbers.step, time.monotonic() - self._last):
            self.save(run)

    def after_epoch(self, run: Run) -> None:
        """Save at the end of an epoch if it is time."""
        if self.path is not None and self.every.after_epoch(run.epoch, time.monotonic() - self._last):
            self.save(run)

    def save(self, run: Run, final: bool = False) -> None:
        """Write the run unless it holds numbers that are not finite; on the way a full disk is a warning."""
        self._last = time.monotonic()
        if self.path is None or self._saved is run.numbers or not run.numbers.finite():
            return
        rows = min(run.batch * self.feed.size, self.feed.samples)
        try:
            write_checkpoint(self.path, run.checkpoint(self.recipe, rows))
        except CheckpointError as error:
            if final:
                raise
            warnings.warn(f"{error} Training goes on.", RuntimeWarning, stacklevel=2)
        else:
            self._saved = run.numbers


def _resumed(resume: bool | str | os.PathLike[str], checkpoint: str | os.PathLike[str] | None) -> Path | None:
    """Return the checkpoint to go on from, None to start afresh."""
    if resume is False:
        return None
    if resume is not True:
        return Path(resume)
    if checkpoint is None:
        raise InputError("resume=True goes on from the file given as checkpoint=; give one.")
    path = Path(checkpoint)
    return path if path.exists() or previous(path).exists() else None


def _weights(given: Any, count: int, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    if given is None:
        return None
    weights = np.asarray(given, dtype=dtype)
    if weights.shape != (count,):
        raise ShapeError(
            f"sample_weight has the shape {weights.shape}; with {count} samples it must be ({count},)."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError("sample_weight must hold finite numbers, 0 or more, and not only zeros.")
    return weights


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} is a whole number, at least 1, not {value!r}.")
    return int(value)


def _described(part: object) -> str:
    """Return an object in words that are the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(part))
