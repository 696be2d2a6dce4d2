"""A training job from settings to a folder of results: what the command line runs.

The folder holds everything that is needed later: ``settings.json`` (what was asked for), ``model.json`` (how data is read
and scaled, and how the network is built), ``weights.npz``, ``run.ckpt`` (the checkpoint to go on from), ``history.csv``,
``report.md`` and ``curves.svg``. `predict` needs the folder and new data, nothing else.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError, TrainingError
from adlab.nn.arrays import Dataset, first_line, listed
from adlab.nn.callbacks import Callback
from adlab.nn.data import Source, load, split
from adlab.nn.history import History
from adlab.nn.losses import Classification
from adlab.nn.mlp import MLP
from adlab.nn.optimisers import optimiser_named
from adlab.nn.preprocessing import Scaling
from adlab.nn.regularisers import L2
from adlab.nn.sequential import Sequential
from adlab.nn.tables import Encoding, read_table
from adlab.nn.trainer import Trainer
from adlab.render.write import save

__all__ = ["Job", "Predictions", "Result", "predict", "resume"]

SETTINGS, MODEL, WEIGHTS, RUN = "settings.json", "model.json", "weights.npz", "run.ckpt"
HISTORY, REPORT, CURVES, AUTOPSY = "history.csv", "report.md", "curves.svg", "autopsy.txt"


@dataclass(frozen=True)
class Job:
    """What is to be trained, on what, and how.

    Attributes
    ----------
    data : str
        A toy set, a bundled set or a CSV file, as `adlab.nn.data.load` takes it.
    target, drop, categorical, task
        For CSV files.
    hidden : tuple of int
        Units of each hidden layer; empty for none.
    activation, loss, optimizer, method : str
        By name. The loss "auto" is cross-entropy for classes and squared error for numbers.
    rate : float or None
        The learning rate; None for the optimiser's usual one.
    l2 : float
        λ of the penalty λ·Σw²; 0 for none.
    scale : str
        What is done to the features, one of `adlab.nn.preprocessing.SCALINGS`.
    epochs, seed : int
    batch : int or None
        None for 64, or all samples where there are fewer.
    validation : float
        The share of samples that is set aside and judged after each epoch; 0 for none.
    patience : int or None
        Stop early after so many epochs without a better one.
    every : str
        How often to save a checkpoint.
    """

    data: str
    target: str | None = None
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    task: str = "auto"
    hidden: tuple[int, ...] = (100,)
    activation: str = "relu"
    loss: str = "auto"
    optimizer: str = "adam"
    rate: float | None = None
    l2: float = 0.0
    scale: str = "standard"
    method: str = "reverse"
    epochs: int = 20
    batch: int | None = None
    seed: int = 0
    validation: float = 0.2
    patience: int | None = None
    every: str = "1 epoch"

    def run(self, folder: str | Path, *, go_on: bool = False, progress: bool = True) -> Result:
        """Train and write the folder.

        Parameters
        ----------
        folder : str or Path
            Is made if it is not there.
        go_on : bool
            Whether to continue the run that the folder holds.
        progress : bool
            Whether to show a progress bar on a terminal.

        Raises
        ------
        InputError
            For settings or data that cannot be used; nothing is written then.
        TrainingError
            When training diverges; the autopsy is in the folder.
        """
        ready = self.prepare()
        target = Path(folder)
        facts = {SETTINGS: asdict(self), MODEL: self._model(ready)}
        try:
            history = ready.fit(
                checkpoint=target / RUN,
                every=self.every,
                resume=go_on,
                callbacks=[_Opening(target, facts)],
                progress=progress,
            )
        except TrainingError as error:
            if error.autopsy is not None:
                save(target / AUTOPSY, str(error.autopsy) + "\n")
            raise
        judged = 0 if ready.held is None else len(ready.held)
        result = Result(self, ready.data, len(ready.train), judged, ready.trainer, history, target)
        result.write()
        return result

    def load(self) -> Source:
        """Read the data."""
        return load(
            self.data,
            target=self.target,
            drop=self.drop,
            categorical=self.categorical,
            task=self.task,
            seed=self.seed,
        )

    def prepare(self, source: Source | None = None, seed: int | None = None) -> Prepared:
        """Split and scale the data and make the trainer; nothing is trained or written yet.

        Parameters
        ----------
        source : Source, optional
            What `load` returned, for those who make several jobs of the same data.
        seed : int, optional
            Of the weights and of the order of the samples, instead of the job's own; the split stays the same.

        Raises
        ------
        InputError
            For settings or data that cannot be used.
        """
        source = self.load() if source is None else source
        train, held = (
            split(source.data, self.validation, seed=self.seed) if self.validation else (source.data, None)
        )
        scaling = Scaling.learn(train.X, self.scale)
        trainer = self._trainer(source.data, self.seed if seed is None else seed)
        return Prepared(self, source.data, source.encoding, train, held, scaling, trainer)

    def _trainer(self, data: Dataset, seed: int) -> Trainer:
        outputs = len(data.classes) or 1
        loss = self.loss
        if loss == "auto":
            loss = "cross_entropy" if data.classes else "squared_error"
        if loss == "binary_cross_entropy":
            if outputs != 2:
                raise InputError(
                    f"binary_cross_entropy tells two classes apart; {data.name} has {outputs if data.classes else 'none'}."
                )
            outputs = 1
        if not data.classes and loss != "squared_error":
            raise InputError(
                f"The loss {loss} tells classes apart, and the target of {data.name} is a number."
            )
        return Trainer(
            MLP([data.X.shape[1], *self.hidden, outputs], self.activation),
            loss,
            optimiser_named(self.optimizer, self.rate),
            method=self.method,
            seed=seed,
            regulariser=L2(self.l2) if self.l2 else None,
            metrics=None if data.classes else ("r2",),
        )

    def _model(self, ready: Prepared) -> dict[str, Any]:
        return {
            "features": list(ready.data.features),
            "classes": list(ready.data.classes),
            "encoding": None if ready.encoding is None else ready.encoding.to_dict(),
            "scaling": ready.scaling.to_dict(),
        }


@dataclass(frozen=True)
class Prepared:
    """A job whose data has been read, split and scaled.

    Attributes
    ----------
    job : Job
    data : Dataset
    encoding : Encoding or None
        How a CSV file is read.
    train, held : Dataset
        Samples to learn from, and those set aside, unscaled; held is None where there are none.
    scaling : Scaling
    trainer : Trainer
    """

    job: Job
    data: Dataset
    encoding: Encoding | None
    train: Dataset
    held: Dataset | None
    scaling: Scaling
    trainer: Trainer

    @property
    def batch(self) -> int:
        """Samples of a step."""
        return min(64, len(self.train)) if self.job.batch is None else self.job.batch

    @property
    def judged(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """The samples set aside, scaled."""
        return None if self.held is None else (self.scaling.apply(self.held.X), self.held.y)

    def fit(self, **options: Any) -> History:
        """Train; options are those of `Trainer.fit`."""
        return self.trainer.fit(
            self.scaling.apply(self.train.X),
            self.train.y,
            validation=self.judged,
            epochs=self.job.epochs,
            batch_size=self.batch,
            early_stopping=self.job.patience,
            **options,
        )


class _Opening(Callback):
    """Makes the folder, once everything is known to be in order and before the first step."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder, self.facts = folder, facts

    def before(self, trainer: Trainer) -> None:
        """Write what going on and predicting need."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"The folder {self.folder} cannot be made: {error.strerror or error}.") from None
        for name, fact in self.facts.items():
            save(self.folder / name, json.dumps(fact, indent=2) + "\n")


@dataclass(frozen=True)
class Result:
    """What a job did.

    Attributes
    ----------
    job : Job
    data : Dataset
    learned, judged : int
        Samples learned from, and set aside.
    trainer : Trainer
    history : History
    folder : Path
    """

    job: Job
    data: Dataset
    learned: int
    judged: int
    trainer: Trainer
    history: History
    folder: Path

    def write(self) -> None:
        """Write weights, history, report and curves."""
        self.trainer.save(self.folder / WEIGHTS)
        save(self.folder / HISTORY, self.history.to_csv())
        save(self.folder / REPORT, self.report())
        self.history.plot().save(self.folder / CURVES)

    @property
    def sentence(self) -> str:
        """How it ended, in one sentence."""
        last = self.history.last
        shown = [name for name in last if name not in ("epoch", "rate")]
        numbers = ", ".join(f"{name.replace('_', ' ')} {last[name]:.4g}" for name in shown)
        return f"After {len(self.history)} epochs: {numbers}."

    def report(self) -> str:
        """Return the report in Markdown."""
        job, step = self.job, self.trainer.step
        net = self.trainer.net
        layers = ", ".join(layer.name for layer in net.layers) if isinstance(net, Sequential) else net.kind
        kind = f"{len(self.data.classes)} classes" if self.data.classes else "a number"
        lines = [
            f"# Training on {self.data.name}",
            "",
            f"- Data: {self.learned} samples to learn from, {self.judged} set aside; {self.data.X.shape[1]} features, "
            f"scaled by {job.scale}; the target is {kind}.",
            f"- Network: {self.data.X.shape[1]} inputs, hidden layers of {list(job.hidden)} ({job.activation}): {layers}.",
            f"- Loss {type(step.loss).__name__}, optimiser {step.optimiser!r}, penalty {job.l2:g}·Σw².",
            f"- Differentiated by the {job.method} method; seed {job.seed}.",
            "",
            self.sentence,
            *([self.history.stopped] if self.history.stopped else []),
            "",
            f"![Training curves]({CURVES})",
            "",
            "```",
            self.history.to_text().rstrip(),
            "```",
        ]
        return "\n".join(lines) + "\n"


def resume(folder: str | Path, epochs: int | None = None) -> Job:
    """Return the job of a folder, with another number of epochs if one is given.

    Raises
    ------
    InputError
        If the folder holds no job.
    """
    settings = _read_json(Path(folder), SETTINGS)
    known = {field.name for field in fields(Job)}
    if not set(settings) <= known:
        raise InputError(
            f"The settings in {folder} are of another version: {listed(sorted(set(settings) - known))}."
        )
    lists = {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
    return Job(**(settings | lists | ({} if epochs is None else {"epochs": epochs})))


def holds_run(folder: str | Path) -> bool:
    """Return whether a folder holds a job already."""
    return Path(folder, SETTINGS).exists()


# ------------------------------------------------------------------------------------------------ predictions


@dataclass(frozen=True)
class Predictions:
    """What a trained network says of new samples.

    Attributes
    ----------
    names : tuple of str
        The columns of the table: the prediction and, for classes, the probability of each.
    rows : list of list
    score : str
        How right they are, where the data has the target; else empty.
    """

    names: tuple[str, ...]
    rows: list[list[Any]]
    score: str = ""

    def to_csv(self) -> str:
        """Return comma-separated values with all digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.names)
        writer.writerows(self.rows)
        return text.getvalue()


def predict(folder: str | Path, data: str | None = None) -> Predictions:
    """Return the predictions of a trained network.

    Parameters
    ----------
    folder : str or Path
        What `Job.run` wrote.
    data : str, optional
        A CSV file with the columns of the training file, the target may be missing; or the name of a set. By default the
        data that the network was trained on.

    Raises
    ------
    InputError
        If the folder holds no trained network, or the data does not suit it.
    """
    job, model = resume(folder), _read_json(Path(folder), MODEL)
    word = job.data if data is None else data
    encoding = None if model["encoding"] is None else Encoding.from_dict(model["encoding"])
    X, y = _new_samples(word, encoding, job)
    if X.shape[1] != len(model["features"]):
        raise InputError(
            f"{word} has {X.shape[1]} features, and the network in {folder} was trained on {len(model['features'])}."
        )
    classes = tuple(model["classes"])
    trainer = job._trainer(Dataset(X, np.zeros(len(X)), tuple(model["features"]), classes, word), job.seed)
    trainer.load(Path(folder, WEIGHTS))
    scaled = Scaling.from_dict(model["scaling"]).apply(X)
    score = "" if y is None else _score(trainer.evaluate(scaled, y), len(X))
    return _table(trainer, trainer.predict(scaled), classes, score)


def _new_samples(word: str, encoding: Encoding | None, job: Job) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if encoding is None:
        found = load(word, task=job.task, seed=job.seed).data
        return found.X, found.y
    table = read_table(word)
    return encoding.apply(table), encoding.targets(table) if encoding.target in table.names else None


def _score(numbers: Mapping[str, float], samples: int) -> str:
    words = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    return f"On {samples} samples: {words}."


def _table(trainer: Trainer, found: NDArray[Any], classes: Sequence[str], score: str) -> Predictions:
    if not classes:
        return Predictions(("prediction",), [[float(value)] for value in found[:, 0]], score)
    if not isinstance(trainer.step.loss, Classification):
        found = np.hstack([1 - found, found])
    best = found.argmax(axis=1)
    rows = [[classes[k], *map(float, row)] for k, row in zip(best, found, strict=True)]
    return Predictions(("prediction", *(f"p({name})" for name in classes)), rows, score)


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"The folder {str(folder)!r} holds no training run ({name} is not there); adlab train makes one."
        ) from None
    except OSError as error:
        raise InputError(f"{folder / name} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"{folder / name} is damaged: {first_line(error)}.") from error
    if not isinstance(found, dict):
        raise InputError(f"{folder / name} is damaged: it holds no settings.")
    return found
