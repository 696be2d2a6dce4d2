"""Where the error of a trained network comes from: approximation, estimation, optimisation.

On a problem whose truth is known, each part can be measured. The truth is a smooth function f on [0, 1], samples are
f(x) plus noise, and the network has one hidden layer of ReLU units whose kinks are fixed and evenly spaced, so that it is
linear in what is learned and both best fits are known exactly, by least squares:

    R(best of all) = 0      the truth itself
    R(best of model)        least squares on the truth       → approximation error
    R(best of sample)       least squares on the sample      → + estimation error
    R(trained)              gradient descent on the sample   → + optimisation error
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.nn.linear import Linear
from adlab.nn.optimisers import SGD
from adlab.nn.options import whole
from adlab.nn.trainer import Trainer
from adlab.render.diagnosis import ShownDecomposition
from adlab.reports.diagnosis import ErrorDecomposition

GRID = 2001
"""The true risk is the mean over so many points."""


def truth(x: NDArray[Any]) -> NDArray[Any]:
    """Return the function that is to be learned, sin(2πx) + ½·cos(6πx)."""
    wave: NDArray[Any] = np.sin(2 * np.pi * x) + 0.5 * np.cos(6 * np.pi * x)
    return wave


def decompose_error(
    *, width: int = 16, samples: int = 200, steps: int = 2000, noise: float = 0.3, seed: int = 0
) -> ShownDecomposition:
    """Measure the three parts of a trained network's error on a synthetic problem.

    Parameters
    ----------
    width : int
        Hidden units.
    samples : int
        More than there are units, so that the best fit is one.
    steps : int
        Of gradient descent on all samples, at the largest safe rate.
    noise : float
        The standard deviation of what is added to the truth.
    seed : int

    Returns
    -------
    ShownDecomposition
        ``approximation``, ``estimation``, ``optimisation``, ``total``, ``largest``.

    Raises
    ------
    InputError
        For sizes that are no whole numbers from 1, too few samples, or noise below 0.

    Examples
    --------
    >>> decompose_error(width=2, samples=500, steps=2000).largest
    'approximation'
    """
    for name, value in (("width", width), ("samples", samples), ("steps", steps)):
        whole(name, value)
    if samples <= width + 1:
        raise InputError(
            f"{samples} samples do not determine the {width + 1} weights of {width} units; give at least {width + 2}."
        )
    if not 0 <= noise < np.inf:
        raise InputError(f"The noise is a standard deviation, 0 or more, not {noise!r}.")
    random = np.random.default_rng([seed, 0x7E0])
    x = random.random(samples)
    y = truth(x) + noise * random.standard_normal(samples)
    grid = np.linspace(0, 1, GRID)
    everywhere, here = _units(grid, width), _units(x, width)
    of_model = _risk(everywhere, _least_squares(everywhere, truth(grid)), grid)
    of_sample = _risk(everywhere, _least_squares(here, y), grid)
    trained = _risk(everywhere, _descended(here, y, steps, seed), grid)
    parts = (of_model, of_sample - of_model, trained - of_sample)
    return ShownDecomposition(ErrorDecomposition(*parts, width, samples, steps))


def _units(x: NDArray[Any], width: int) -> NDArray[Any]:
    """Return what the hidden layer gives: ReLU with kinks at 0, 1/width, …, scaled to deviations alike."""
    kinks = np.arange(width) / width
    units: NDArray[Any] = np.maximum(x[:, None] - kinks, 0) / (1 - kinks)
    return units


def _with_ones(units: NDArray[Any]) -> NDArray[Any]:
    return np.hstack([units, np.ones((len(units), 1))])


def _least_squares(units: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    weights: NDArray[Any] = np.linalg.lstsq(_with_ones(units), y, rcond=None)[0]
    return weights


def _risk(units: NDArray[Any], weights: NDArray[Any], x: NDArray[Any]) -> float:
    return float(np.mean((_with_ones(units) @ weights - truth(x)) ** 2))


def _descended(units: NDArray[Any], y: NDArray[Any], steps: int, seed: int) -> NDArray[Any]:
    """Return the weights after so many steps of gradient descent at the inverse of the largest curvature."""
    all_units = _with_ones(units)
    curvature = 2 * float(np.linalg.eigvalsh(all_units.T @ all_units)[-1]) / len(y)
    net = Linear(units.shape[1], 1, weights="zeros")
    trainer = Trainer(net, "squared_error", SGD(1 / curvature), seed=seed)
    trainer.fit(units, y, epochs=steps, batch_size=None, shuffle=False, progress=False)
    return np.append(trainer.params["W"].ravel(), trainer.params["b"])
