"""Can it learn at all: the loss at the start, one example by heart, one mini-batch."""

from __future__ import annotations

import math

import numpy as np

from adlab.nn.diagnosis.case import Case
from adlab.nn.losses import Loss
from adlab.nn.optimisers import Adam
from adlab.reports.diagnosis import Finding, Pointer

FAR, FARTHER = 1.5, 3.0
"""The loss at the start may be so many times that of knowing nothing before it is a warning, and an error."""

SUSPICIOUS = 0.5
STEPS = 1000
BY_HEART, CONVERGED, MOVING = 0.01, 0.1, 0.5
"""Shares of the loss at the start: an example known by heart, a mini-batch that converged, one that at least moves."""

RESCUE = Adam(0.05)
"""Tried where the recipe's own optimiser gets nowhere, to tell its fault from the network's."""


def initial_loss(case: Case) -> Finding:
    """Compare the loss before learning with that of knowing nothing: ln K for the cross-entropy of K classes."""
    params, state = case.start()
    found = float(case.step.loss(case.net(params, case.train.X, state), case.train.target))
    expected = case.chance
    measured = {"loss": found, "expected": expected}
    what = _expectation(case.step.loss, case.classes, expected)
    if not math.isfinite(found):
        return Finding(
            "initial loss",
            "fail",
            f"The loss before the first step is {found}.",
            "Scale the inputs, and use a loss from scores or logits.",
            Pointer(step=0),
            measured,
        )
    ratio = found / expected if expected else (1.0 if not found else math.inf)
    if SUSPICIOUS <= ratio <= FAR:
        return Finding(
            "initial loss",
            "pass",
            f"The loss before the first step is {found:.4g}; {what}.",
            measured=measured,
        )
    high = ratio > 1
    return Finding(
        "initial loss",
        "warn" if high and ratio <= FARTHER else "fail",
        f"The loss before the first step is {found:.4g}, {ratio:.3g} times what it should be; {what}.",
        "The network is sure of wrong answers: start the last layer with smaller weights, and scale the inputs."
        if high
        else "The network knows answers before it learns: the target is among the inputs, or the loss is not what it seems.",
        Pointer(step=0),
        measured,
    )


def _expectation(loss: Loss, classes: int | None, expected: float) -> str:
    kind = type(loss).__name__
    if kind in ("CrossEntropy", "NegativeLogLikelihood") and math.isclose(expected, math.log(classes or 2)):
        return f"equal probabilities for {classes} classes have ln {classes} = {expected:.4g}"
    if classes is not None or getattr(loss, "from_logits", False):
        return f"equal scores have {expected:.4g}"
    return f"always predicting the mean has {expected:.4g}"


def single_example(case: Case) -> Finding:
    """Learn one example by heart."""
    # Twice the same sample, so that a BatchNorm sees a batch.
    x, target = case.batch.x[[0, 0]], case.batch.y[[0, 0]]
    return _fitted(case, "single example", "One example", x, target, BY_HEART, BY_HEART)


def single_batch(case: Case) -> Finding:
    """Learn one mini-batch."""
    x, target = case.batch.x, case.batch.y
    return _fitted(case, "single mini-batch", f"A mini-batch of {len(x)}", x, target, CONVERGED, MOVING)


def _fitted(case: Case, name: str, what: str, x: object, target: object, good: float, fair: float) -> Finding:
    """Return whether the loss on the samples falls to a share ``good`` of what knowing nothing costs, or at least ``fair``."""
    x, target = np.asarray(x), np.asarray(target)
    floor = good * (case.chance or 1.0)
    found = case.losses(x, target, STEPS, case.step.optimiser, until=floor)
    measured = {"first": found[0], "last": found[-1], "steps": float(len(found) - 1)}
    if found[-1] <= floor:
        reason = f"{what} is learned in {len(found) - 1} steps: its loss falls from {found[0]:.3g} to {found[-1]:.3g}."
        return Finding(name, "pass", reason, measured=measured)
    stuck = f"{what} is not learned in {len(found) - 1} steps: its loss goes from {found[0]:.3g} to {found[-1]:.3g}."
    where = Pointer(step=len(found) - 1)
    if found[-1] <= fair * found[0] and fair > good:
        return Finding(
            name,
            "warn",
            stuck,
            "It falls; a larger learning rate or more units would be faster.",
            where,
            measured,
        )
    rescued = case.losses(x, target, STEPS, RESCUE, until=floor)
    if rescued[-1] <= floor:
        return Finding(
            name,
            "warn" if found[-1] < 0.9 * found[0] else "fail",
            f"{stuck} With {RESCUE!r} it takes {len(rescued) - 1} steps.",
            f"The optimiser is at fault, not the network: its learning rate of {case.rate:.3g} does not suit.",
            where,
            measured,
        )
    return Finding(
        name,
        "fail",
        f"{stuck} {RESCUE!r} does not help.",
        "The network cannot return these targets: look at its last layer, at units that are dead, and at how loss and "
        "outputs fit together.",
        where,
        measured,
    )


TOO_SMALL = 1e-3
"""A rate below this share of the steepest one wastes time."""


def learning_rate(case: Case) -> Finding:
    """Compare the optimiser's learning rate with the one at which the loss falls fastest and the one at which it bursts."""
    sweep = case.sweep
    own, steepest, limit = sweep.own, sweep.steepest, sweep.limit
    measured = {"own": own, "steepest": steepest, "limit": limit}
    found = f"The loss falls fastest at a learning rate of {steepest:.2g}" + (
        f" and bursts at {limit:.2g}" if math.isfinite(limit) else ""
    )
    advice = f"Try {min(steepest, limit / 10):.1g}."
    if own >= limit:
        reason = f"{found}; the optimiser's is {own:.2g}, too large."
        return Finding("learning rate", "fail", reason, advice, Pointer(step=0), measured)
    if own < TOO_SMALL * steepest:
        reason = f"{found}; the optimiser's is {own:.2g}, too small."
        return Finding("learning rate", "warn", reason, advice, Pointer(step=0), measured)
    return Finding("learning rate", "pass", f"{found}; the optimiser's is {own:.2g}.", measured=measured)
