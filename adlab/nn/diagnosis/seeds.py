"""Seeds: everything random follows from the seed, so two runs give the same bytes."""

from __future__ import annotations

import numpy as np

from adlab.ir.tree import flatten
from adlab.nn.diagnosis.case import Case
from adlab.nn.trainer import Trainer
from adlab.nn.trees import names_of
from adlab.reports.diagnosis import Finding, Pointer

BATCHES = 4
"""So many updates are made twice."""


def seeds_fixed(case: Case) -> Finding:
    """Train twice for a few steps and compare weights byte for byte."""
    name = "seeds fixed"
    first, second = case.start()[0], case.start()[0]
    differs = _difference(first, second)
    if differs is None:
        runs = [_run(case) for _ in range(2)]
        differs, step = _difference(runs[0].params, runs[1].params), runs[0].run.numbers.step
        when = f"after {step} steps"
    else:
        step, when = 0, "before the first step"
    if differs is None:
        return Finding(
            name, "pass", f"Two runs of {step} steps with seed {case.trainer.seed} end in the same bytes."
        )
    return Finding(
        name,
        "fail",
        f"Two runs with seed {case.trainer.seed} differ in {differs} {when}.",
        "Draw every random number from the generator that is handed in, never from one without a seed.",
        Pointer(differs.rpartition(".")[0] or differs, step=step),
    )


def _run(case: Case) -> Trainer:
    trainer, count = case.fresh(), min(BATCHES * case.batch_size, len(case.train))
    X, target = case.train.X[:count], case.train.target[:count]
    for k in range(0, count, case.batch_size):
        trainer.update(X[k : k + case.batch_size], target[k : k + case.batch_size])
    return trainer


def _difference(one: object, other: object) -> str | None:
    """Return the name of the first parameter that differs."""
    pairs = zip(names_of(one), flatten(one)[0], flatten(other)[0], strict=True)
    return next((name for name, a, b in pairs if np.asarray(a).tobytes() != np.asarray(b).tobytes()), None)
