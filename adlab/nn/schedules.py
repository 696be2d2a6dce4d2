"""Learning rates that change: functions of how many updates have been made, computed in double outside the graph.

A schedule is a frozen object without memory. What one of them must remember (`OnPlateau`: the best value so far) is its
``progress``, plain data that the trainer keeps and stores::

    progress = schedule.start()
    rate = schedule(t, progress)                      # for the update number t, counted from 0
    progress = schedule.observe(progress, value)      # after each epoch, with what is to fall
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from adlab.errors import InputError
from adlab.nn.options import positive, whole

Progress = dict[str, float]


@dataclass(frozen=True)
class Schedule(ABC):
    """A learning rate for each update."""

    @abstractmethod
    def __call__(self, t: int, progress: Progress | None = None) -> float:
        """Return the rate of the update number ``t``, counted from 0."""

    def start(self) -> Progress:
        """Return the progress that training starts with."""
        return {}

    def observe(self, progress: Progress, value: float) -> Progress:
        """Return the progress after an epoch that reached ``value``, a loss: smaller is better."""
        return progress


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate always; a bare number stands for it."""

    rate: float

    def __post_init__(self) -> None:
        positive("rate", self.rate)

    def __call__(self, t: int, progress: Progress | None = None) -> float:
        """Return the rate."""
        return float(self.rate)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """The rate times ``factor`` after every ``every`` updates.

    Examples
    --------
    >>> schedule = StepDecay(0.1, every=100, factor=0.5)
    >>> schedule(99), schedule(100), schedule(250)
    (0.1, 0.05, 0.025)
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        whole("every", self.every)
        positive("factor", self.factor)

    def __call__(self, t: int, progress: Progress | None = None) -> float:
        """Return rate·factor^⌊t/every⌋."""
        return float(self.rate * self.factor ** (t // self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from ``rate`` down to ``floor`` over ``steps`` updates, then ``floor``.

    Examples
    --------
    >>> schedule = Cosine(0.1, steps=100)
    >>> [round(schedule(t), 12) for t in (0, 50, 100, 200)]
    [0.1, 0.05, 0.0, 0.0]
    """

    rate: float
    steps: int
    floor: float = 0.0

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        whole("steps", self.steps)
        if not 0 <= self.floor <= self.rate:
            raise InputError(f"floor lies between 0 and the rate, {self.rate:g}; it is {self.floor!r}.")

    def __call__(self, t: int, progress: Progress | None = None) -> float:
        """Return floor + (rate − floor)·(1 + cos(π·t/steps))/2."""
        share = min(t / self.steps, 1.0)
        return self.floor + (self.rate - self.floor) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A straight rise to another schedule's first rate over ``steps`` updates, then that schedule from its start.

    Examples
    --------
    >>> schedule = WarmUp(0.1, steps=4)
    >>> [round(schedule(t), 12) for t in range(6)]
    [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]
    """

    then: Schedule | float
    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "then", schedule_of(self.then))
        whole("steps", self.steps)

    def __call__(self, t: int, progress: Progress | None = None) -> float:
        """Return (t + 1)/steps of the first rate, then what the other schedule says."""
        then = schedule_of(self.then)
        if t < self.steps:
            return then(0, progress) * (t + 1) / self.steps
        return then(t - self.steps, progress)

    def start(self) -> Progress:
        """Return the progress of the schedule that follows."""
        return schedule_of(self.then).start()

    def observe(self, progress: Progress, value: float) -> Progress:
        """Return the progress of the schedule that follows."""
        return schedule_of(self.then).observe(progress, value)


@dataclass(frozen=True)
class OnPlateau(Schedule):
    """The rate times ``factor`` whenever ``patience`` epochs in a row have not brought the loss down.

    An epoch counts as better if its value is below the best so far by more than ``least``, relative to the best.

    Examples
    --------
    >>> schedule = OnPlateau(0.1, factor=0.5, patience=2)
    >>> progress = schedule.start()
    >>> for loss in (1.0, 0.9, 0.95, 0.9):
    ...     progress = schedule.observe(progress, loss)
    >>> schedule(0, progress)
    0.05
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    least: float = 1e-4
    floor: float = 0.0

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        whole("patience", self.patience)
        if not 0 < self.factor < 1:
            raise InputError(f"factor lies between 0 and 1; it is {self.factor!r}.")

    def __call__(self, t: int, progress: Progress | None = None) -> float:
        """Return the rate that the epochs so far have left."""
        scale = 1.0 if not progress else progress["scale"]
        return max(self.rate * scale, self.floor)

    def start(self) -> Progress:
        """Return a progress without a best value."""
        return {"scale": 1.0, "best": math.inf, "waited": 0.0}

    def observe(self, progress: Progress, value: float) -> Progress:
        """Return the progress after one more epoch."""
        best, waited = progress["best"], progress["waited"] + 1
        if math.isinf(best) or value < best - self.least * abs(best):
            return {**progress, "best": float(value), "waited": 0.0}
        if waited < self.patience:
            return {**progress, "waited": waited}
        return {**progress, "scale": progress["scale"] * self.factor, "waited": 0.0}


def schedule_of(rate: Schedule | float) -> Schedule:
    """Return a schedule, a bare number as a constant one."""
    return rate if isinstance(rate, Schedule) else Constant(rate)
