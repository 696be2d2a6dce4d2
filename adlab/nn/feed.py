"""Mini-batches: the samples of an epoch in an order that the seed and the epoch's number determine, cut into batches.

Nothing is remembered from one epoch to the next, so the batch at any position of any epoch can be had again after a
restart. The samples are gathered once per epoch into memory of their own; a batch is then a contiguous slice of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError

__all__ = ["Feed", "stream"]

ORDER, MASKS = 0x0BDE5, 0x3A5C5
"""What tells the random numbers of the order from those of the masks."""


def stream(seed: int, purpose: int, number: int) -> np.random.Generator:
    """Return the generator of a purpose at an epoch or step: a pure function of the three."""
    return np.random.default_rng([seed, purpose, number])


@dataclass(frozen=True)
class Batch:
    """Samples of one step, and where they stand in the epoch."""

    x: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[Any] | None
    rows: slice


class Feed:
    """The training samples, epoch by epoch.

    Attributes
    ----------
    samples, size, batches : int
        How many samples there are, how many a batch has, and how many batches an epoch; the last may be smaller.
    sizes : ndarray
        How many samples each batch has.

    Examples
    --------
    >>> feed = Feed(np.arange(5.0)[:, None], np.arange(5), None, 2, seed=0)
    >>> feed.open(0)
    >>> [len(feed.batch(k).x) for k in range(feed.batches)]
    [2, 2, 1]
    """

    def __init__(
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        size: int | None,
        seed: int,
        shuffle: bool = True,
    ) -> None:
        self.samples = len(X)
        self.size = batch_size(size, len(X))
        self.batches = -(-self.samples // self.size)
        self.sizes = np.minimum(self.size, self.samples - self.size * np.arange(self.batches))
        self._seed, self._shuffle = seed, shuffle
        self._given = (X, y) if weights is None else (X, y, weights)
        self._gathered = tuple(np.empty_like(part) for part in self._given) if shuffle else self._given

    def open(self, epoch: int) -> None:
        """Put the samples into the order of an epoch, counted from 0."""
        if self._shuffle:
            order = stream(self._seed, ORDER, epoch).permutation(self.samples)
            for given, gathered in zip(self._given, self._gathered, strict=True):
                np.take(given, order, axis=0, out=gathered)

    def batch(self, number: int) -> Batch:
        """Return a batch of the open epoch."""
        rows = slice(number * self.size, min((number + 1) * self.size, self.samples))
        x, y, *weights = (part[rows] for part in self._gathered)
        return Batch(x, y, weights[0] if weights else None, rows)

    @property
    def epoch(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Targets and weights of the whole open epoch, in its order."""
        return self._gathered[1], self._gathered[2] if len(self._gathered) > 2 else None

    def probe(self, count: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        """Return the first samples as they were given: inputs, targets, weights."""
        x, y, *weights = (part[:count] for part in self._given)
        return x, y, weights[0] if weights else None

    def digest(self) -> str:
        """Return what tells these samples from any others."""
        found = hashlib.sha256()
        for part in self._given:
            found.update(f"{part.dtype.str} {part.shape}".encode())
            found.update(np.ascontiguousarray(part).data)
        return found.hexdigest()


def batch_size(size: int | None, samples: int) -> int:
    if size is None:
        return samples
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise InputError(
            f"The batch size is a whole number of samples, at least 1, or None for all of them; it is {size!r}."
        )
    if size > samples:
        raise InputError(
            f"A batch of {size} is larger than the data, which has {samples} samples; give at most {samples}, or None for all."
        )
    return int(size)
