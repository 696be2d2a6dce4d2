"""How far a step goes: the ratio of update to weight, some thousandth in a healthy network."""

from __future__ import annotations

import numpy as np

from adlab.ir.tree import flatten
from adlab.nn.diagnosis.case import Case
from adlab.nn.trees import names_of
from adlab.reports.diagnosis import Finding, Pointer

LOW, LOWEST = 1e-5, 1e-7
HIGH, HIGHEST = 0.1, 1.0
"""Ratios beyond these are a warning, and an error."""


def update_ratio(case: Case) -> Finding:
    """Make one update and compare its size with that of the weights, matrix by matrix."""
    (params, state), optimiser, batch = case.weights, case.step.optimiser, case.batch
    numbers = optimiser.rates(case.at, optimiser.schedule.start(), case.trainer.dtype)
    memory = case.trainer.run.numbers.memory if case.trained else optimiser.init(params)
    masks = case.trainer.masks(batch.x.shape, case.at)
    after = case.step(params, state, memory, batch.x, batch.y, None, numbers, masks)[1]
    ratios = {
        name: float(np.linalg.norm(new - old) / np.linalg.norm(old))
        for name, old, new in zip(names_of(params), flatten(params)[0], flatten(after)[0], strict=True)
        if np.ndim(old) > 1 and np.any(old)
    }
    if not ratios:
        return Finding("update ratio", "skip", "no weights differ from 0.")
    worst = max(ratios, key=lambda name: abs(np.log10(max(ratios[name], 1e-300)) + 3))
    ratio = ratios[worst]
    reason = f"A step moves {worst} by {ratio:.2g} of its size."
    measured = {"ratio": ratio}
    if LOW <= ratio <= HIGH:
        return Finding(
            "update ratio", "pass", f"{reason} No matrix is farther from 0.001.", measured=measured
        )
    verdict = "warn" if LOWEST <= ratio <= HIGHEST else "fail"
    advice = "Some 0.001 is usual; make the learning rate " + ("smaller." if ratio > HIGH else "larger.")
    return Finding(
        "update ratio", verdict, reason, advice, Pointer(worst.rpartition(".")[0], step=case.at), measured
    )
