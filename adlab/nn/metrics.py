"""Metrics: how good predictions are, in numbers that people read. Functions of (predictions, target, weights)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.nn.losses import BinaryCrossEntropy, Classification, Loss

__all__ = ["METRICS", "accuracy", "binary_accuracy", "mean_absolute_error", "metrics_for", "r2"]

Metric = Callable[[NDArray[Any], NDArray[Any], "NDArray[Any] | None"], float]


def accuracy(predictions: NDArray[Any], target: NDArray[Any], weights: NDArray[Any] | None = None) -> float:
    """Return the share of samples whose highest score is that of the right class.

    Parameters
    ----------
    predictions : ndarray of shape (samples, classes)
        Probabilities or scores.
    target : ndarray of the same shape
        One-hot rows, or probabilities.
    weights : ndarray of shape (samples,), optional

    Examples
    --------
    >>> accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([[1, 0], [1, 0]]))
    0.5
    """
    return _mean(predictions.argmax(axis=-1) == target.argmax(axis=-1), weights)


def binary_accuracy(
    predictions: NDArray[Any], target: NDArray[Any], weights: NDArray[Any] | None = None
) -> float:
    """Return the share of answers that are right, a probability of ½ or more being a yes.

    Examples
    --------
    >>> binary_accuracy(np.array([[0.9], [0.4]]), np.array([[1.0], [1.0]]))
    0.5
    """
    return _mean((predictions >= 0.5) == (target >= 0.5), weights)


def _mean(values: NDArray[Any], weights: NDArray[Any] | None) -> float:
    """Return the mean over samples and outputs."""
    if weights is None:
        return float(values.mean())
    return float(np.average(values.reshape(len(values), -1).mean(axis=1), weights=weights))


def mean_absolute_error(
    predictions: NDArray[Any], target: NDArray[Any], weights: NDArray[Any] | None = None
) -> float:
    """Return the mean of |ŷ − y|, over the outputs too."""
    return _mean(np.abs(predictions - target), weights)


def r2(predictions: NDArray[Any], target: NDArray[Any], weights: NDArray[Any] | None = None) -> float:
    """Return the share of the target's variance that the predictions explain: 1 − Σ(ŷ − y)² / Σ(y − ȳ)².

    Examples
    --------
    >>> r2(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    0.5
    """
    own = np.ones(len(target)) if weights is None else weights
    y, p = target.reshape(len(target), -1), predictions.reshape(len(target), -1)
    left = float(own @ np.sum((p - y) ** 2, axis=1))
    spread = float(own @ np.sum((y - np.average(y, axis=0, weights=own)) ** 2, axis=1))
    return 1 - left / spread if spread else float("nan")


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": accuracy,
        "binary_accuracy": binary_accuracy,
        "mean_absolute_error": mean_absolute_error,
        "r2": r2,
    }
)


def metrics_for(loss: Loss, asked: Sequence[str] | Mapping[str, Metric] | None) -> dict[str, Metric]:
    """Return the metrics asked for, as functions of what the network returns.

    Parameters
    ----------
    loss : Loss
        Its activation makes predictions of outputs.
    asked : sequence of str, mapping of str to function, or None
        None stands for the accuracy where there are classes, and for nothing elsewhere.

    Raises
    ------
    InputError
        For an unknown name.
    """
    if asked is None:
        asked = ("accuracy",) if isinstance(loss, (Classification, BinaryCrossEntropy)) else ()
    if isinstance(asked, Mapping):
        return {name: _of_outputs(loss, metric) for name, metric in asked.items()}
    found = {}
    for name in [asked] if isinstance(asked, str) else asked:
        if name not in METRICS:
            raise InputError(
                f"There is no metric {name!r}; choose from {', '.join(METRICS)}, or give functions as {{name: function}}."
            )
        binary = name == "accuracy" and isinstance(loss, BinaryCrossEntropy)
        found[name] = _of_outputs(loss, binary_accuracy if binary else METRICS[name])
    return found


def _of_outputs(loss: Loss, metric: Metric) -> Metric:
    """Return a metric of predictions as one of outputs; the highest score is the highest probability too."""
    if metric is accuracy:
        return metric
    return partial(_on_predictions, loss, metric)


def _on_predictions(
    loss: Loss, metric: Metric, outputs: NDArray[Any], target: NDArray[Any], weights: NDArray[Any] | None
) -> float:
    return metric(np.asarray(loss.activation(outputs)), target, weights)
