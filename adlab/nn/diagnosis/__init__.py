"""The lectures' recipe for debugging a network, as checks with verdict, reason, pointer and advice.

    shown = nn.diagnose(trainer, X, y, validation=(Xv, yv))
    print(shown)                    # findings first, then the layers
    shown.draw().save("layers.svg")

One check is one function of a `Case`, and `CHECKS` is the recipe in its order: fix the seeds, look at the data, compare the
loss at the start with that of knowing nothing, check the gradient, learn one example by heart, then one mini-batch, look
into the layers, choose the learning rate, and only then train and compare training with validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.errors import AdlabError, InputError
from adlab.nn.diagnosis import gap, gradients, layers, learning, samples, seeds, updates
from adlab.nn.diagnosis.case import Case, Samples
from adlab.nn.diagnosis.decomposition import decompose_error
from adlab.nn.diagnosis.gap import gap_verdict
from adlab.nn.diagnosis.tracing import trace_weight
from adlab.nn.losses import BinaryCrossEntropy, Classification
from adlab.nn.sequential import Sequential
from adlab.nn.trainer import Trainer
from adlab.render.diagnosis import ShownDiagnosis
from adlab.reports.diagnosis import Diagnosis, Finding

__all__ = ["CHECKS", "Case", "decompose_error", "diagnose", "gap_verdict", "trace_weight"]

CHECKS: Mapping[str, Callable[[Case], Finding]] = MappingProxyType(
    {
        "seeds fixed": seeds.seeds_fixed,
        "ranges": samples.ranges,
        "constant columns": samples.constant_columns,
        "class balance": samples.class_balance,
        "duplicates": samples.duplicates,
        "leakage": samples.leakage,
        "initial loss": learning.initial_loss,
        "gradient check": gradients.gradient_check,
        "single example": learning.single_example,
        "single mini-batch": learning.single_batch,
        "activations by layer": layers.activations,
        "gradients by layer": layers.gradients,
        "saturated units": layers.saturation,
        "dead units": layers.dead,
        "signs of gradients": layers.signs,
        "symmetry": layers.symmetry,
        "learning rate": learning.learning_rate,
        "update ratio": updates.update_ratio,
        "train/validation gap": gap.generalisation,
    }
)
"""The recipe: every check by its name, in the order in which to look."""

INSIDE = (
    "activations by layer",
    "gradients by layer",
    "saturated units",
    "dead units",
    "signs of gradients",
    "symmetry",
)
"""The checks that look into the layers of a Sequential."""


def diagnose(
    trainer: Trainer,
    X: Any,
    y: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    batch_size: int | None = None,
    epochs: int = 20,
    checks: Sequence[str] | None = None,
) -> ShownDiagnosis:
    """Diagnose a network, its data and its training.

    Parameters
    ----------
    trainer : Trainer
        The recipe: network, loss, optimiser, seed. Once it is trained, its layers are looked into as they are now and its
        own curves are judged; before, as they start, and a run of ``epochs`` is made. The trainer itself is not changed.
    X, y : array_like
        Training samples, as `Trainer.fit` takes them.
    validation : (X, y), optional
        Samples that are judged and not learned from.
    batch_size : int, optional
        By default 32, or all samples where there are fewer.
    epochs : int
        Of the run whose curves are judged, where the trainer has none.
    checks : sequence of str, optional
        Which checks to make, names of `CHECKS`; by default all.

    Returns
    -------
    ShownDiagnosis
        ``passed``, ``findings``, ``layers``, ``sweep``; prints itself in all formats, and draws the layers.

    Raises
    ------
    InputError, ShapeError
        For samples that cannot be learned from, and unknown checks.

    Examples
    --------
    >>> from adlab import nn
    >>> data = nn.data.moons(100, seed=1)
    >>> net = nn.MLP([2, 8, 2], "tanh", weights="zeros")
    >>> trainer = nn.Trainer(net, "cross_entropy", nn.Adam(0.02))
    >>> found = diagnose(trainer, data.X, data.y, checks=["initial loss", "symmetry"])
    >>> [finding.verdict for finding in found.findings]
    ['pass', 'fail']
    >>> found["initial loss"].reason
    'The loss before the first step is 0.6931; equal probabilities for 2 classes have ln 2 = 0.6931.'
    """
    if not isinstance(trainer, Trainer):
        raise InputError(
            f"diagnose takes a Trainer, such as nn.Trainer(net, 'cross_entropy'), not {trainer!r}."
        )
    chosen = _chosen(checks)
    train = _samples(trainer, X, y)
    held = None if validation is None else _samples(trainer, *validation)
    size = min(32, len(train)) if batch_size is None else batch_size
    case = Case(trainer, train, held, size, epochs)
    findings = tuple(_made(name, case) for name in chosen)
    looked = any(name in INSIDE for name in chosen) and isinstance(trainer.net, Sequential)
    return ShownDiagnosis(
        Diagnosis(
            f"{trainer.net.name or trainer.net.kind} on {len(train)} samples",
            findings,
            layers.statistics(case) if looked else (),
            case.sweep if any(f.check == "learning rate" and f.measured for f in findings) else None,
        )
    )


def _chosen(checks: Sequence[str] | None) -> tuple[str, ...]:
    if checks is None:
        return tuple(CHECKS)
    asked = (checks,) if isinstance(checks, str) else tuple(checks)
    unknown = [name for name in asked if name not in CHECKS]
    if unknown or not asked:
        raise InputError(
            f"There is no check {unknown[0] if unknown else ''!r}; choose from {', '.join(CHECKS)}."
        )
    return tuple(name for name in CHECKS if name in asked)


def _made(name: str, case: Case) -> Finding:
    """Return a check's finding; what goes wrong in making it is a finding too."""
    if name in INSIDE and not isinstance(case.net, Sequential):
        return Finding(
            name, "skip", "layers are compared in a Sequential, and the network is a single layer."
        )
    try:
        return CHECKS[name](case)
    except AdlabError as error:
        return Finding(name, "fail", f"The check ended in an error: {error}", "Mend this first.")


def _samples(trainer: Trainer, X: Any, y: Any) -> Samples:
    x, target, _ = trainer._checked(X, y, None)
    if isinstance(trainer.step.loss, Classification):
        return Samples(x, target, target.argmax(axis=1))
    binary = isinstance(trainer.step.loss, BinaryCrossEntropy) and target.size == len(target)
    return Samples(x, target, (target.ravel() >= 0.5).astype(np.intp) if binary else None)
