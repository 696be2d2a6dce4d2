"""Preprocessing: what is done to data before a net sees it.

Subtract the mean: of each feature over the samples (for images that is the mean image), of each channel over samples and
positions, or one mean of everything. Dividing by the standard deviation as well puts features of different units on one
scale. What is subtracted and divided by is learned from the training data alone and applied unchanged to whatever comes
later; a `Scaling` holds it as plain numbers, so that it is saved with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError, ShapeError

__all__ = ["SCALINGS", "Scaling"]

SCALINGS = ("none", "mean", "channel", "whole", "standard", "range")


@dataclass(frozen=True, eq=False)
class Scaling:
    """An affine map of the features, (X − shift) / scale, learned from training data.

    Attributes
    ----------
    kind : {"none", "mean", "channel", "whole", "standard", "range"}
        No change; subtract each feature's mean; each channel's, channels being the last axis; one mean of everything;
        subtract each feature's mean and divide by its standard deviation; bring each feature to [0, 1].
    shift, scale : ndarray
        Broadcast against one sample.
    shape : tuple of int
        Of one sample.
    """

    kind: str
    shift: NDArray[Any]
    scale: NDArray[Any]
    shape: tuple[int, ...]

    @staticmethod
    def learn(X: NDArray[Any], kind: str = "standard") -> Scaling:
        """Return the scaling of a kind for training data.

        Parameters
        ----------
        X : ndarray of shape (samples, …)
        kind : str
            See the class.

        Raises
        ------
        InputError
            For an unknown kind, no samples, or "channel" of samples that have one axis only.

        Notes
        -----
        A feature that is constant in the training data is left at scale 1: there is nothing to divide by.

        Examples
        --------
        >>> X = np.array([[1.0, 10.0], [3.0, 30.0]])
        >>> Scaling.learn(X, "standard").apply(X).tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
        >>> Scaling.learn(X, "whole").shift.tolist()
        11.0
        """
        if kind not in SCALINGS:
            raise InputError(f"There is no scaling {kind!r}; choose one of {', '.join(SCALINGS)}.")
        if X.ndim < 2 or X.size == 0:
            raise InputError(
                f"A scaling is learned from one row per sample; the data has the shape {X.shape}."
            )
        shift, scale = _learned(np.asarray(X, dtype=np.float64), kind)
        return Scaling(kind, shift, scale, X.shape[1:])

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return data scaled, in the precision it came in."""
        self._check(X)
        if self.kind == "none":
            return X
        scaled: NDArray[Any] = (X - self.shift) / self.scale
        return scaled.astype(np.result_type(X.dtype, np.float32), copy=False)

    def invert(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return scaled data as it was."""
        self._check(X)
        unscaled: NDArray[Any] = X * self.scale + self.shift
        return unscaled

    def _check(self, X: NDArray[Any]) -> None:
        if X.shape[1:] != self.shape:
            raise ShapeError(
                f"The scaling was learned from samples of shape {self.shape}, and these have the shape {X.shape[1:]}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back exactly."""
        return {
            "kind": self.kind,
            "shift": self.shift.tolist(),
            "scale": self.scale.tolist(),
            "shape": list(self.shape),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Scaling:
        """Return the scaling that `to_dict` wrote."""
        shift, scale = (np.asarray(data[name], dtype=np.float64) for name in ("shift", "scale"))
        return Scaling(str(data["kind"]), shift, scale, tuple(map(int, data["shape"])))


def _learned(X: NDArray[Any], kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    one = np.ones(())
    if kind == "none":
        return np.zeros(()), one
    if kind == "whole":
        return np.asarray(X.mean()), one
    if kind == "channel":
        if X.ndim < 3:
            raise InputError(
                f"Channels are the last axis of samples with at least two axes; the data has the shape {X.shape}. Reshape it "
                "to (samples, positions, channels)."
            )
        return X.mean(axis=tuple(range(X.ndim - 1))), one
    if kind == "range":
        low = X.min(axis=0)
        return low, _divisor(X.max(axis=0) - low, low)
    mean = X.mean(axis=0)
    return mean, (one if kind == "mean" else _divisor(X.std(axis=0), mean))


def _divisor(spread: NDArray[Any], size: NDArray[Any]) -> NDArray[Any]:
    """Return the spread with 1 where there is none beyond rounding."""
    negligible = spread <= 8 * np.finfo(np.float64).eps * np.abs(size)
    return np.where(negligible, 1.0, spread)
