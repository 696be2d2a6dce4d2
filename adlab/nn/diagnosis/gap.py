"""Training against validation: a big gap is overfitting, no gap is underfitting, a small gap is what one wants.

Losses are measured against that of a network that knows nothing, so that one rule serves all losses. A network that
has learned next to everything has a small gap in any case and is no underfitting, so the level of the training loss is
looked at as well.
"""

from __future__ import annotations

import numpy as np

from adlab.nn.diagnosis.case import Case
from adlab.nn.history import History
from adlab.reports.diagnosis import Finding, Pointer

BIG = 0.15
"""A gap of more than this share of the loss of knowing nothing is overfitting."""

HUGE = 0.5
MUCH_LEFT = 0.5
"""A training loss above this share of knowing nothing, without a gap, is underfitting."""

TURNED = 1.1
"""The validation loss has turned if at the end it is so many times its smallest."""


def generalisation(case: Case) -> Finding:
    """Judge the curves of training and validation."""
    if case.held is None and "validation_loss" not in (case.trainer.history.names if case.trained else ()):
        return Finding("train/validation gap", "skip", "there are no validation samples.")
    return gap_verdict(case.history, case.chance)


def gap_verdict(history: History, chance: float) -> Finding:
    """Return the verdict on training and validation curves.

    Parameters
    ----------
    history : History
        With the columns ``loss`` and ``validation_loss``.
    chance : float
        The loss of a network that knows nothing.

    Returns
    -------
    Finding
        ``measured`` has the two losses of the last epoch and the gap as a share of ``chance``; a pointer's step is the
        epoch at which the validation loss was smallest.

    Examples
    --------
    >>> curves = History.from_arrays({"epoch": [1, 2], "loss": [0.6, 0.1], "validation_loss": [0.6, 0.5]})
    >>> found = gap_verdict(curves, 0.693)
    >>> found.verdict, found.reason
    ('fail', 'The validation loss, 0.5, is far above the training loss, 0.1: a big gap, overfitting.')
    """
    name = "train/validation gap"
    train, held = float(history["loss"][-1]), float(history["validation_loss"][-1])
    gap, level = (held - train) / chance, train / chance
    best = history.best("validation_loss")
    turned = held > TURNED * float(np.nanmin(history["validation_loss"])) and gap > BIG / 3
    measured = {"training": train, "validation": held, "gap": gap, "level": level}
    if gap > BIG or turned:
        since = f" The validation loss was smallest after epoch {best}." if best < len(history) else ""
        return Finding(
            name,
            "fail" if gap > HUGE else "warn",
            f"The validation loss, {held:.3g}, is far above the training loss, {train:.3g}: a big gap, overfitting.{since}",
            "Regularise more (L2, dropout, early stopping), or get more samples.",
            Pointer(step=best),
            measured,
        )
    if level > MUCH_LEFT:
        return Finding(
            name,
            "fail" if level > 0.9 else "warn",
            f"The training loss, {train:.3g}, is {level:.0%} of knowing nothing, and the validation loss, {held:.3g}, no "
            "different: no gap, underfitting.",
            "Give it more capacity (units, layers), more epochs, or less regularisation.",
            Pointer(step=len(history)),
            measured,
        )
    reason = (
        f"The validation loss, {held:.3g}, is close to the training loss, {train:.3g}: a small gap, ideal."
    )
    return Finding(name, "pass", reason, measured=measured)
