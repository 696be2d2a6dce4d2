"""Data looked at before anything is learned from it: ranges, constant columns, balance of classes, duplicates, leakage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.nn.diagnosis.case import Case, Samples
from adlab.reports.diagnosis import Finding, Pointer

WIDE, HUGE = 100.0, 1e6
"""Features whose sizes, or units whose deviations, differ by more than this are hard, or hopeless, for one learning rate."""

UNBALANCED = 10.0
TELLING = 0.999
"""A feature correlated with the target beyond this is suspected to be the target in disguise."""


def _flat(X: NDArray[Any]) -> NDArray[Any]:
    return X.reshape(len(X), -1)


def ranges(case: Case) -> Finding:
    """Look at the sizes of features: one learning rate serves all of them."""
    X = _flat(case.train.X)
    spread, size = X.std(axis=0), np.abs(X).max(axis=0)
    moving = spread > 0
    worst = int(np.argmax(size))
    unequal = float(spread[moving].max() / spread[moving].min()) if moving.any() else 1.0
    # A pixel that is lit once in a thousand images deviates little; that is no matter of units unless values are large too.
    ratio = max(float(size.max()), unequal if size.max() > 10 else 1.0)
    measured = {"largest": float(size.max()), "deviations": unequal}
    if ratio <= WIDE:
        reason = f"Features lie between {X.min():.3g} and {X.max():.3g}."
        return Finding("ranges", "pass", reason, measured=measured)
    return Finding(
        "ranges",
        "fail" if ratio > HUGE else "warn",
        f"Features reach {size.max():.3g} in size, and their deviations differ by a factor of {unequal:.3g}; the largest is "
        f"feature {worst}.",
        "Scale the features (nn.Scaling.learn(X, 'standard')), so that one learning rate suits all weights.",
        Pointer(feature=worst),
        measured,
    )


def constant_columns(case: Case) -> Finding:
    """Look for features that never change."""
    X = _flat(case.train.X)
    still = np.flatnonzero(np.ptp(X, axis=0) == 0)
    share = still.size / X.shape[1]
    if not still.size:
        return Finding("constant columns", "pass", f"All {X.shape[1]} features change from sample to sample.")
    return Finding(
        "constant columns",
        "fail" if share == 1 else "warn",
        f"{still.size} of {X.shape[1]} features never change, the first is feature {still[0]}; their weights learn nothing.",
        "Leave them out, or find out why they are constant.",
        Pointer(feature=int(still[0])),
        {"share": share},
    )


def class_balance(case: Case) -> Finding:
    """Count the samples of each class."""
    name, labels = "class balance", case.train.labels
    if labels is None:
        return Finding(name, "skip", "the target is a number.")
    counts = np.bincount(labels, minlength=case.classes or 2)
    rarest, largest = int(counts.argmin()), int(counts.max())
    measured = {"rarest": float(counts[rarest]), "largest": float(largest)}
    if not counts[rarest]:
        return Finding(
            name,
            "fail",
            f"There is no sample of class {rarest}.",
            "Get samples of it, or leave the class out.",
            measured=measured,
        )
    if largest <= UNBALANCED * counts[rarest]:
        reason = f"Classes have from {counts[rarest]} to {largest} samples."
        return Finding(name, "pass", reason, measured=measured)
    return Finding(
        name,
        "warn",
        f"Class {rarest} has {counts[rarest]} samples where the largest has {largest}: always naming that one is right in "
        f"{largest / counts.sum():.0%}.",
        "Weigh the classes (class_weights of the loss), and judge by more than accuracy.",
        measured=measured,
    )


def duplicates(case: Case) -> Finding:
    """Look for samples that occur twice, and for equal inputs with unequal targets."""
    seen: dict[bytes, int] = {}
    twice: list[int] = []
    against: list[int] = []
    for k, key in enumerate(_keys(case.train)):
        first = seen.setdefault(key, k)
        if first != k:
            same = np.array_equal(case.train.target[first], case.train.target[k])
            (twice if same else against).append(k)
    measured = {"duplicates": float(len(twice)), "contradictions": float(len(against))}
    if not twice and not against:
        return Finding("duplicates", "pass", f"All {len(case.train)} samples differ.", measured=measured)
    if against:
        return Finding(
            "duplicates",
            "fail",
            f"{len(against)} samples have the inputs of another one and another target, the first is sample {against[0]}: no "
            "network can tell them apart.",
            "Look at these labels, or add a feature that tells the samples apart.",
            Pointer(sample=against[0]),
            measured,
        )
    return Finding(
        "duplicates",
        "warn",
        f"{len(twice)} of {len(case.train)} samples occur before, the first is sample {twice[0]}; they count double.",
        "Leave the copies out before the data is split.",
        Pointer(sample=twice[0]),
        measured,
    )


def leakage(case: Case) -> Finding:
    """Look for training samples among the validation samples, and for a feature that is the target."""
    telling = _telling(case.train)
    if telling is not None:
        feature, correlation = telling
        return Finding(
            "leakage",
            "warn",
            f"Feature {feature} gives the target away: their correlation is {correlation:.4f}.",
            "Find out whether it will be known when predictions are made; leave it out if not.",
            Pointer(feature=feature),
            {"correlation": correlation},
        )
    if case.held is None:
        return Finding("leakage", "skip", "there are no validation samples.")
    known = set(_keys(case.train))
    shared = [k for k, key in enumerate(_keys(case.held)) if key in known]
    measured = {"shared": float(len(shared))}
    if not shared:
        reason = f"None of the {len(case.held)} validation samples is among the training samples."
        return Finding("leakage", "pass", reason, measured=measured)
    return Finding(
        "leakage",
        "fail",
        f"{len(shared)} of {len(case.held)} validation samples are training samples too, the first is validation sample "
        f"{shared[0]}; what they measure is memory.",
        "Remove duplicates first, then split.",
        Pointer(sample=shared[0]),
        measured,
    )


def _keys(samples: Samples) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(samples.X + 0.0)]


def _telling(samples: Samples) -> tuple[int, float] | None:
    """Return the feature whose correlation with a column of the target is suspiciously large, and how large."""
    X, target = _flat(samples.X), _flat(samples.target)
    if len(X) < 10:
        return None
    X, target = X - X.mean(axis=0), target - target.mean(axis=0)
    norms = np.outer(np.linalg.norm(X, axis=0), np.linalg.norm(target, axis=0))
    found = np.divide(np.abs(X.T @ target), norms, out=np.zeros_like(norms), where=norms > 0).max(axis=1)
    k = int(found.argmax())
    return (k, float(found[k])) if found[k] > TELLING else None
