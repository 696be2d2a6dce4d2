"""Toy sets: points in the plane and staircases, made from a seed; the same seed makes the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.nn.arrays import Dataset

__all__ = ["TOYS", "circles", "moons", "spirals", "steps", "xor"]


def spirals(samples: int = 300, *, classes: int = 2, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Return points on interleaved spirals, one arm per class.

    Parameters
    ----------
    samples : int
        In all; the arms share them as equally as they can.
    classes : int
        How many arms.
    noise : float
        Standard deviation of the angle, in radians.
    seed : int

    Examples
    --------
    >>> spirals(90, classes=3)
    <Dataset spirals: 90 samples of 2 features, 3 classes>
    """
    rng = _toy_rng("spirals", samples, noise, seed, classes)
    y = np.arange(samples) % classes
    radius = np.sqrt(rng.uniform(0.0025, 1.0, samples))
    angle = 2 * np.pi * (radius + y / classes) + noise * rng.standard_normal(samples)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _toy(X, y, "spirals", classes)


def moons(samples: int = 200, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Return two half circles that reach into each other.

    Parameters
    ----------
    samples : int
    noise : float
        Standard deviation of each coordinate; the half circles have radius 1.
    seed : int

    Examples
    --------
    >>> moons(10).y.tolist()
    [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    """
    rng = _toy_rng("moons", samples, noise, seed)
    y = np.arange(samples) % 2
    angle = rng.uniform(0, np.pi, samples)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X = np.where(y[:, None] == 0, upper, [1.0, 0.5] - upper)
    return _toy(X + noise * rng.standard_normal(X.shape), y, "moons", 2)


def circles(samples: int = 200, *, factor: float = 0.5, noise: float = 0.05, seed: int = 0) -> Dataset:
    """Return two circles around one centre, the outer of radius 1.

    Parameters
    ----------
    samples : int
    factor : float
        Radius of the inner circle.
    noise : float
        Standard deviation of each coordinate.
    seed : int

    Examples
    --------
    >>> ring = circles(100, noise=0)
    >>> np.round(np.linalg.norm(ring.X, axis=1)[:2], 3).tolist()
    [1.0, 0.5]
    """
    rng = _toy_rng("circles", samples, noise, seed)
    if not 0 < factor < 1:
        raise InputError(f"The inner circle has radius {factor}; give a number between 0 and 1.")
    y = np.arange(samples) % 2
    angle = rng.uniform(0, 2 * np.pi, samples)
    radius = np.where(y == 0, 1.0, factor)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _toy(X + noise * rng.standard_normal(X.shape), y, "circles", 2)


def xor(samples: int = 200, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Return clouds around (0, 0), (0, 1), (1, 0) and (1, 1), of class x1 xor x2: no straight line separates them.

    Parameters
    ----------
    samples : int
        Four without noise are the truth table.
    noise : float
        Standard deviation of each coordinate.
    seed : int

    Examples
    --------
    >>> table = xor(4, noise=0)
    >>> table.X.astype(int).tolist(), table.y.tolist()
    ([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    """
    rng = _toy_rng("xor", samples, noise, seed)
    corner = np.arange(samples) % 4
    X = np.stack([corner // 2, corner % 2], axis=1).astype(np.float64)
    y = (corner // 2) ^ (corner % 2)
    return _toy(X + noise * rng.standard_normal(X.shape), y, "xor", 2)


def steps(samples: int = 200, *, count: int = 3, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Return a staircase over [0, 1] to be fitted: y rises by 1/count at k/(count + 1), k = 1 … count.

    Parameters
    ----------
    samples : int
        The first is at 0 and the last at 1, the others evenly between.
    count : int
        How many steps.
    noise : float
        Standard deviation of y.
    seed : int

    Examples
    --------
    >>> stairs = steps(5, count=1)
    >>> stairs.X[:, 0].tolist(), stairs.y.tolist()
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0])
    """
    rng = _toy_rng("steps", samples, noise, seed, count + 1)
    x = np.linspace(0.0, 1.0, samples)
    edges = np.arange(1, count + 1) / (count + 1)
    y = np.sum(x[:, None] >= edges, axis=1) / count + noise * rng.standard_normal(samples)
    return Dataset(x[:, None], y, ("x",), (), "steps")


TOYS: Mapping[str, Callable[..., Dataset]] = MappingProxyType(
    {"spirals": spirals, "moons": moons, "circles": circles, "xor": xor, "steps": steps}
)
"""The toy sets by name; each takes ``samples``, ``noise`` and ``seed``."""


def _toy(X: NDArray[Any], y: NDArray[Any], name: str, classes: int) -> Dataset:
    return Dataset(X, y.astype(np.int64), ("x1", "x2"), tuple(map(str, range(classes))), name)


def _toy_rng(name: str, samples: int, noise: float, seed: int, classes: int = 2) -> np.random.Generator:
    if samples < classes or classes < 2:
        raise InputError(
            f"{name} of {samples} samples and {classes} groups cannot be made; there must be two groups, and a sample in each."
        )
    if not (math.isfinite(noise) and noise >= 0):
        raise InputError(f"The noise of {name} is {noise}; it is a standard deviation, 0 or more.")
    return np.random.default_rng([seed, *name.encode()])
