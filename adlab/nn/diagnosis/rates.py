"""The learning-rate finder: the rate grows from step to step, and the loss shows where it falls fastest and where it bursts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from adlab.errors import InputError
from adlab.reports.diagnosis import RateSweep

SLOWEST, FASTEST, SWEPT = 1e-6, 10.0, 85
SMOOTHED = 5
"""The loss is averaged over so many neighbouring steps before its fall is measured."""


def swept(rates: Sequence[float], losses: Sequence[float], own: float) -> RateSweep:
    """Return what a sweep shows.

    Parameters
    ----------
    rates : sequence of float
        Of each update.
    losses : sequence of float
        Before each update; the last may not be finite, and then ends the sweep.
    own : float
        The optimiser's own learning rate.

    Examples
    --------
    >>> found = swept([0.001, 0.01, 0.1, 1.0, 10.0], [1.0, 0.99, 0.9, 0.5, 30.0, float("inf")], 0.1)
    >>> found.limit
    1.0
    """
    finite = [loss for loss in losses[: len(rates)] if math.isfinite(loss)]
    if not finite:
        raise InputError(
            "The loss is not finite before the first update, so no learning rate can be found; scale the inputs."
        )
    kept, half = np.array(rates[: len(finite)]), SMOOTHED // 2
    smooth = np.convolve(np.pad(finite, half, "edge"), np.full(SMOOTHED, 1 / SMOOTHED), "valid")
    lowest = int(np.argmin(finite))
    falls = np.diff(smooth[: lowest + 1])
    steepest = float(kept[int(np.argmin(falls))]) if falls.size else float(kept[0])
    # The update before the loss rose is to blame, hence the rate before it.
    risen = np.flatnonzero(np.array(finite) > 2 * finite[0])
    if risen.size:
        limit = float(kept[max(int(risen[0]) - 1, 0)])
    else:
        limit = (
            float(rates[len(finite) - 1])
            if len(finite) < len(losses) and len(finite) < len(rates)
            else math.inf
        )
    return RateSweep(tuple(kept.tolist()), tuple(finite), own, min(steepest, limit), limit)
