"""Grid search: the same job with every combination of the values to be tried, each judged on the samples set aside.

A `Search` is a job, a grid and how often each point of the grid is trained, each time from another seed, because one lucky
start is no reason to prefer a learning rate. The samples that are set aside are the same for all of them. What is known
stands in one file, which is written whole after every run; a search that was stopped goes on from it and trains nothing
twice. Runs are independent of each other, so they may share the processors, and the results are the same however many do.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np

from adlab.errors import InputError, TrainingError
from adlab.nn.arrays import first_line, listed
from adlab.nn.callbacks import started_bar
from adlab.nn.feed import batch_size
from adlab.nn.jobs import Job
from adlab.nn.options import whole
from adlab.render.tables import Sheet, plain_table
from adlab.render.write import save

__all__ = ["TUNABLE", "Found", "Score", "Search", "resume"]

TUNABLE = (
    "hidden",
    "activation",
    "loss",
    "optimizer",
    "rate",
    "l2",
    "scale",
    "method",
    "epochs",
    "batch",
    "patience",
)
"""What a grid may vary: settings of a `Job` that leave its data and its seed as they are."""

FORMAT = 1
Point = Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """A grid search.

    Attributes
    ----------
    job : Job
        What all runs share.
    grid : mapping of str to tuple
        The values to be tried, for each of some settings of the job.
    repeats : int
        How many seeds each point is trained from: the job's and those after it.

    Raises
    ------
    InputError
        For settings that cannot be varied, no values, a value twice, or no samples to judge on.

    Examples
    --------
    >>> search = Search(Job("xor", hidden=(4,), epochs=30), {"rate": (0.001, 0.1), "activation": ("tanh",)})
    >>> len(search.points)
    2
    >>> dict(search.run(progress=False).best.point)
    {'rate': 0.1, 'activation': 'tanh'}
    """

    job: Job
    grid: Mapping[str, tuple[Any, ...]]
    repeats: int = 1

    def __post_init__(self) -> None:
        whole("repeats", self.repeats)
        if not self.job.validation:
            raise InputError("A grid search judges on samples set aside; make validation larger than 0.")
        if not self.grid:
            raise InputError(
                f"A grid search needs values to try, such as rate=0.1,0.01; it may vary {listed(TUNABLE)}."
            )
        for name, values in self.grid.items():
            if name not in TUNABLE:
                raise InputError(f"A grid search cannot vary {name!r}; it may vary {listed(TUNABLE)}.")
            if not values:
                raise InputError(f"There are no values to try for {name}; give some.")
            twice = [value for k, value in enumerate(values) if value in values[:k]]
            if twice:
                raise InputError(f"{name} is to be {shown(twice[0])} twice; give each value once.")

    @property
    def points(self) -> list[dict[str, Any]]:
        """Every combination of values, the last setting varying fastest."""
        return [
            dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())
        ]

    @property
    def jobs(self) -> list[Job]:
        """The job at each point."""
        return [replace(self.job, **point) for point in self.points]

    def run(
        self,
        path: str | Path | None = None,
        *,
        go_on: bool = False,
        workers: int = 1,
        progress: bool = True,
    ) -> Found:
        """Train every point of the grid.

        Parameters
        ----------
        path : str or Path, optional
            The file of results, written after every run.
        go_on : bool
            Whether to take over what the file holds already; it must be of the same search.
        workers : int
            How many processes share the runs. A script that asks for more than one starts its work under
            ``if __name__ == "__main__":``, because each process imports it.
        progress : bool
            Whether to show a progress bar on a terminal.

        Returns
        -------
        Found
            The scores, best first.

        Raises
        ------
        InputError
            For settings or data that cannot be used, before anything is trained. A run whose training diverges is no error:
            it comes last, with the reason.
        """
        whole("workers", workers)
        known = _known(Path(path), self) if go_on and path is not None else {}
        found = Found(self, self._checked(), known)
        if path is not None:
            found.write(path)
        keys = list(itertools.product(range(len(self.points)), range(self.repeats)))
        todo = [(key, self.jobs[key[0]], key[1]) for key in keys if key not in known]
        bar = started_bar("run", len(keys), len(known)) if progress else None
        try:
            with closing(_scores(todo, workers)) as scores:
                for key, score in scores:
                    found.scores[key] = score
                    if path is not None:
                        found.write(path)
                    if bar is not None:
                        bar.move(len(found.scores), found.leader)
        finally:
            if bar is not None:
                bar.stop()
        return found

    def _checked(self) -> str:
        """Return the name of the metric, once every job is known to fit the data."""
        source = self.job.load()
        for point, job in zip(self.points, self.jobs, strict=True):
            try:
                for name in ("epochs", "patience"):
                    if getattr(job, name) is not None:
                        whole(name, getattr(job, name))
                ready = job.prepare(source)
                batch_size(ready.batch, len(ready.train))
            except InputError as error:
                raise InputError(f"With {named(point)}: {error}") from error
        return "accuracy" if source.data.classes else "r2"


@dataclass(frozen=True)
class Score:
    """How one run went, judged on the samples set aside, with the weights that it keeps.

    Attributes
    ----------
    metric : float
        Accuracy for classes, R² for numbers; NaN where training diverged.
    loss : float
        Without the regulariser, so that runs with and without one compare.
    epochs : int
        How many were trained.
    trouble : str
        Why training diverged; else empty.
    """

    metric: float
    loss: float
    epochs: int
    trouble: str = ""


@dataclass(frozen=True)
class Standing:
    """A point of the grid with what its runs came to.

    Attributes
    ----------
    point : dict
    scores : tuple of Score
        One per seed.
    """

    point: dict[str, Any]
    scores: tuple[Score, ...]

    @property
    def metric(self) -> float:
        """The mean over the seeds; NaN if one diverged."""
        return statistics.fmean(score.metric for score in self.scores)

    @property
    def loss(self) -> float:
        """The mean over the seeds."""
        return statistics.fmean(score.loss for score in self.scores)

    @property
    def spread(self) -> float:
        """Standard deviation of the metric over the seeds."""
        values = [score.metric for score in self.scores]
        return math.nan if math.isnan(sum(values)) or len(values) < 2 else statistics.stdev(values)

    @property
    def trouble(self) -> str:
        """Why a run diverged; else empty."""
        return next((score.trouble for score in self.scores if score.trouble), "")

    @property
    def rank(self) -> tuple[bool, float, float]:
        """What is smaller for the better: whether one diverged, the metric's opposite, the loss."""
        lost = math.isnan(self.metric) or math.isnan(self.loss)
        return (True, 0.0, 0.0) if lost else (False, -self.metric, self.loss)


@dataclass(frozen=True)
class Found:
    """What a search has found so far.

    Attributes
    ----------
    search : Search
    metric : str
        What runs are judged by.
    scores : dict of (int, int) to Score
        By the numbers of the point and of the seed.
    """

    search: Search
    metric: str
    scores: dict[tuple[int, int], Score]

    @property
    def standings(self) -> list[Standing]:
        """The points that have all their scores, best first; equals stay in the order of the grid."""
        repeats = range(self.search.repeats)
        found = [
            Standing(point, tuple(self.scores[k, seed] for seed in repeats))
            for k, point in enumerate(self.search.points)
            if all((k, seed) in self.scores for seed in repeats)
        ]
        return sorted(found, key=lambda standing: standing.rank)

    @property
    def best(self) -> Standing:
        """The point to take.

        Raises
        ------
        TrainingError
            If all of them diverged.
        """
        first = self.standings[0]
        if first.trouble:
            raise TrainingError(
                f"Training diverged at every point of the grid. At {named(first.point)}: {first.trouble}"
            )
        return first

    @property
    def leader(self) -> str:
        """The best point so far in words, for a progress bar."""
        standings = self.standings
        return f"best {standings[0].metric:.4g} with {named(standings[0].point)}" if standings else ""

    @property
    def job(self) -> Job:
        """The job at the best point."""
        return replace(self.search.job, **self.best.point)

    def sheet(self) -> Sheet:
        """Return the table of results, best first."""
        grid, several = self.search.grid, self.search.repeats > 1
        standings = self.standings
        troubled = any(standing.trouble for standing in standings)
        headers = [
            *grid,
            f"validation {self.metric}",
            *(["±"] if several else []),
            "validation loss",
            "epochs",
        ]
        rows = [
            [
                *(shown(standing.point[name]) for name in grid),
                *_numbers(standing, several),
                *([standing.trouble.split(". ")[0]] if troubled else []),
            ]
            for standing in standings
        ]
        return Sheet((), (plain_table([*headers, *([""] if troubled else [])], rows),))

    def render(self, format: str = "text") -> str:
        """Return the table in a format of `adlab.render.formats`."""
        from adlab.render.formats import render_table

        return render_table(self.sheet(), format, **({"digits": 4} if format not in ("csv", "json") else {}))

    def __str__(self) -> str:
        return self.render()

    def write(self, path: str | Path) -> Path:
        """Write the results so far, whole or not at all; `resume` reads them."""
        rows = [
            {"point": k, "seed": seed, **asdict(score)} for (k, seed), score in sorted(self.scores.items())
        ]
        facts = {
            "format": FORMAT,
            "job": asdict(self.search.job),
            "grid": dict(self.search.grid),
            "repeats": self.search.repeats,
            "scores": rows,
        }
        return save(path, json.dumps(facts, indent=1) + "\n")


def resume(path: str | Path) -> Search:
    """Return the search that a file of results belongs to.

    Raises
    ------
    InputError
        If there is no such file, or it holds no search.
    """
    return _parsed(Path(path))[0]


def shown(value: Any) -> str:
    """Return a value as it is written on the command line: hidden layers of 64 and 32 units as ``64x32``."""
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def named(point: Point) -> str:
    """Return a point in words: ``rate=0.1, hidden=64x32``."""
    return ", ".join(f"{name}={shown(value)}" for name, value in point.items())


def _numbers(standing: Standing, several: bool) -> list[Any]:
    if standing.trouble:
        return [None] * (4 if several else 3)
    epochs = round(statistics.fmean(score.epochs for score in standing.scores))
    return [standing.metric, *([standing.spread] if several else []), standing.loss, epochs]


# ------------------------------------------------------------------------------------------------- the runs


def score_of(job: Job, repeat: int = 0) -> Score:
    """Train a job and return how it does on the samples set aside.

    Parameters
    ----------
    job : Job
    repeat : int
        Is added to the seed of the weights and of the order of the samples; the split stays the same.
    """
    ready = job.prepare(seed=job.seed + repeat)
    trainer, judged = ready.trainer, ready.judged
    if judged is None:
        raise InputError("There are no samples set aside to judge on; make validation larger than 0.")
    try:
        with np.errstate(
            all="ignore"
        ):  # what overflows ends in a loss that is not finite, and that is reported
            history = ready.fit(progress=False)
    except TrainingError as error:
        return Score(math.nan, math.nan, 0, " ".join(str(error).split()))
    numbers = trainer.evaluate(*judged)
    penalty = trainer.step.regulariser
    loss = numbers.pop("loss") - (0.0 if penalty is None else float(penalty(trainer.params)))
    return Score(next(iter(numbers.values())), loss, len(history))


Key = tuple[int, int]
Task = tuple[Key, Job, int]


def _scores(tasks: Sequence[Task], workers: int) -> Generator[tuple[Key, Score], None, None]:
    """Yield the score of each run as soon as it is known."""
    if min(workers, len(tasks)) < 2:
        for key, job, repeat in tasks:
            yield key, score_of(job, repeat)
        return
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)), mp_context=get_context("spawn"), initializer=_end_with_parent
    )
    try:
        waiting = {pool.submit(score_of, job, repeat): key for key, job, repeat in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# ------------------------------------------------------------------------------------------------- the file


def _known(path: Path, search: Search) -> dict[Key, Score]:
    """Return the scores that a file holds; none if there is no file yet."""
    if not path.exists():
        return {}
    other, scores = _parsed(path)
    if other != search:
        raise InputError(f"The results in {path} are of another search; give another file.")
    return scores


def _parsed(path: Path) -> tuple[Search, dict[Key, Score]]:
    """Return what a file of results holds."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise InputError(
                f"The results in {path} have the format {facts['format']}, and this version reads {FORMAT}."
            )
        grid = {name: tuple(map(_frozen, values)) for name, values in facts["grid"].items()}
        job = Job(**{name: _frozen(value) for name, value in facts["job"].items()})
        scores = {(row.pop("point"), row.pop("seed")): Score(**row) for row in facts["scores"]}
        return Search(job, grid, facts["repeats"]), scores
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(
            f"There is no file {path} with the results of a search; adlab tune makes one."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no results of adlab tune: {first_line(error)}.") from error


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
