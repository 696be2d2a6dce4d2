"""A diagnosis of training as data: what was checked, what was found, where, and what to do.

A *finding* is the outcome of one check: a verdict, the reason in a sentence with the numbers that led to it, a pointer to
layer, unit and step, and advice where something is wrong. The statistics of the layers are kept beside them, for the table
and the picture that people look at first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adlab.errors import InputError
from adlab.reports.plain import plain

VERDICTS = ("pass", "warn", "fail", "skip")
"""From good to bad; "skip" where a check does not apply."""


@dataclass(frozen=True)
class Pointer:
    """What a finding is about; None where it is about no one thing of that kind.

    Attributes
    ----------
    layer : str or None
        The full name: ``relu1``, ``block.linear2``.
    unit, step, sample, feature : int or None
        Counted from 0; a step is the number of updates made before.

    Examples
    --------
    >>> str(Pointer("relu1", unit=3, step=0))
    'relu1, unit 3, step 0'
    """

    layer: str | None = None
    unit: int | None = None
    step: int | None = None
    sample: int | None = None
    feature: int | None = None

    def __str__(self) -> str:
        named = [("unit", self.unit), ("feature", self.feature), ("sample", self.sample), ("step", self.step)]
        parts = [f"{kind} {number}" for kind, number in named if number is not None]
        return ", ".join([*([self.layer] if self.layer else []), *parts])

    def to_dict(self) -> dict[str, Any]:
        """Return what is pointed at."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes
    ----------
    check : str
        The check's name.
    verdict : {"pass", "warn", "fail", "skip"}
    reason : str
        A sentence with the numbers.
    advice : str
        What to do; empty where nothing is wrong.
    where : Pointer
    measured : mapping of str to float
        The numbers that decided.
    """

    check: str
    verdict: str
    reason: str
    advice: str = ""
    where: Pointer = Pointer()
    measured: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "check": self.check,
            "verdict": self.verdict,
            "reason": self.reason,
            "advice": self.advice,
            "where": self.where.to_dict(),
            "measured": {name: plain(value) for name, value in self.measured.items()},
        }


@dataclass(frozen=True)
class LayerStatistics:
    """What one layer returns, and what comes back to it.

    Attributes
    ----------
    layer : str
    mean, deviation : float
        Of what it returns.
    gradient : float
        The root of the mean square of the loss's gradient by what it returns.
    saturated, dead : float or None
        The shares of values with next to no slope, and of units that no sample teaches; None but for elementwise
        activations.
    counts : tuple of int
        The histogram of what it returns, in bins of equal width from ``low`` to ``high``.
    low, high : float
    """

    layer: str
    mean: float
    deviation: float
    gradient: float
    saturated: float | None
    dead: float | None
    counts: tuple[int, ...]
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: plain(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class RateSweep:
    """The loss while the learning rate grows from step to step.

    Attributes
    ----------
    rates, losses : tuple of float
        As far as the loss stayed finite.
    own : float
        The optimiser's learning rate.
    steepest : float
        The rate at which the loss fell fastest.
    limit : float
        The first rate at which it rose for good; infinite where there was none.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    own: float
    steepest: float
    limit: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: plain(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Diagnosis:
    """Everything a diagnosis found; ``diagnosis["initial loss"]`` is one finding.

    Attributes
    ----------
    subject : str
        What was diagnosed.
    findings : tuple of Finding
        In the order of the recipe.
    layers : tuple of LayerStatistics
    sweep : RateSweep or None
        None if the learning rate was not looked for.
    """

    subject: str
    findings: tuple[Finding, ...]
    layers: tuple[LayerStatistics, ...] = ()
    sweep: RateSweep | None = None

    def __getitem__(self, check: str) -> Finding:
        for finding in self.findings:
            if finding.check == check:
                return finding
        raise InputError(
            f"There is no finding of a check {check!r}; there are {', '.join(each.check for each in self.findings)}."
        )

    def of(self, verdict: str) -> tuple[Finding, ...]:
        """Return the findings with a verdict."""
        return tuple(finding for finding in self.findings if finding.verdict == verdict)

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.of("fail")

    @property
    def sentence(self) -> str:
        """How many checks passed, and the first that did not."""
        made = len(self.findings) - len(self.of("skip"))
        failed, warned = self.of("fail"), self.of("warn")
        if not failed and not warned:
            return f"All {made} checks passed."
        counts = [f"{len(found)} {word}" for found, word in ((failed, "failed"), (warned, "warned")) if found]
        return f"Of {made} checks, {' and '.join(counts)}; look at the first: {(failed or warned)[0].check}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "subject": self.subject,
            "passed": self.passed,
            "sentence": self.sentence,
            "findings": [finding.to_dict() for finding in self.findings],
            "layers": [layer.to_dict() for layer in self.layers],
            "sweep": None if self.sweep is None else self.sweep.to_dict(),
        }


@dataclass(frozen=True)
class ErrorDecomposition:
    """Where the error of a trained model comes from, measured on a problem whose truth is known.

    With R the true risk (the mean square distance to the truth), R(trained) = approximation + estimation + optimisation.

    Attributes
    ----------
    approximation : float
        R of the best function that the model can be: too few units.
    estimation : float
        What fitting a finite, noisy sample exactly costs beyond that: too few samples.
    optimisation : float
        What stopping the optimiser before the sample's best fit costs beyond that: too few steps. It may be negative:
        stopping early can keep noise out.
    width, samples, steps : int
        What the model, the data and the training were.
    """

    approximation: float
    estimation: float
    optimisation: float
    width: int
    samples: int
    steps: int

    @property
    def total(self) -> float:
        """R of the trained model."""
        return self.approximation + self.estimation + self.optimisation

    @property
    def largest(self) -> str:
        """The part that counts most: "approximation", "estimation" or "optimisation"."""
        parts = ("approximation", "estimation", "optimisation")
        return max(parts, key=lambda name: float(getattr(self, name)))

    @property
    def sentence(self) -> str:
        """Which part counts most, and what makes it smaller."""
        cure = {"approximation": "more units", "estimation": "more samples", "optimisation": "more steps"}
        return f"The {self.largest} error is the largest part; {cure[self.largest]} would help most."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return vars(self) | {"total": self.total, "largest": self.largest, "sentence": self.sentence}
