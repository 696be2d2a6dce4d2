"""Where weights start. The variance of a sum of n inputs is n times that of one weight; so Var(w) = 1/n keeps the size of
activations from layer to layer (Xavier), and 2/n does where ReLU kills half of them (He).

An initialiser is a frozen object, ``initialiser(rng, shape, inputs, outputs, dtype)``: the generator is advanced, and
``inputs`` and ``outputs`` are the numbers of inputs and outputs of one unit. What is drawn does not depend on the dtype:
float32 weights are those of float64, rounded.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.errors import InputError
from adlab.nn.layers import Shape
from adlab.nn.options import one_of, positive

Array = np.ndarray[Any, Any]


class Initialiser(ABC):
    """A way to draw a fresh array."""

    @abstractmethod
    def __call__(
        self, rng: np.random.Generator, shape: Shape, inputs: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Return a fresh array."""


@dataclass(frozen=True)
class Constant(Initialiser):
    """The same number everywhere, such as 0.01 or 0.1 for the biases of ReLU units, so that none starts dead."""

    value: float

    def __call__(
        self, rng: np.random.Generator, shape: Shape, inputs: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Return an array of the number."""
        return np.full(shape, self.value, dtype)


@dataclass(frozen=True)
class Zeros(Initialiser):
    """Zeros: right for biases. Weights of zero never part, because all units of a layer get the same gradient."""

    def __call__(
        self, rng: np.random.Generator, shape: Shape, inputs: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Return an array of zeros."""
        return np.zeros(shape, dtype)


@dataclass(frozen=True)
class Normal(Initialiser):
    """Normally distributed with mean 0 and standard deviation σ."""

    sigma: float = 0.01

    def __post_init__(self) -> None:
        positive("sigma", self.sigma)

    def __call__(
        self, rng: np.random.Generator, shape: Shape, inputs: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Return normally distributed numbers."""
        return drawn(rng, shape, self.sigma, "normal", dtype)


@dataclass(frozen=True)
class Xavier(Initialiser):
    """Glorot and Bengio (2010): Var(w) = 1/n with n the inputs, or with their mean with the outputs.

    Attributes
    ----------
    fan : {"in", "average"}
        ``"in"`` is the lectures' 1/n; ``"average"`` is the paper's 2/(inputs + outputs), which does as well by gradients.
    distribution : {"normal", "uniform"}
    """

    fan: str = "in"
    distribution: str = "normal"

    def __post_init__(self) -> None:
        one_of("fan", self.fan, ("in", "average"))
        one_of("distribution", self.distribution, ("normal", "uniform"))

    def __call__(
        self, rng: np.random.Generator, shape: Shape, inputs: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Return numbers of variance 1/n."""
        n = inputs if self.fan == "in" else (inputs + outputs) / 2
        return drawn(rng, shape, math.sqrt(1 / n), self.distribution, dtype)


@dataclass(frozen=True)
class He(Initialiser):
    """He et al. (2015): Var(w) = 2/n with n the inputs, for units of which ReLU stops half."""

    distribution: str = "normal"

    def __post_init__(self) -> None:
        one_of("distribution", self.distribution, ("normal", "uniform"))

    def __call__(
        self, rng: np.random.Generator, shape: Shape, inputs: int, outputs: int, dtype: np.dtype[Any]
    ) -> Array:
        """Return numbers of variance 2/n."""
        return drawn(rng, shape, math.sqrt(2 / inputs), self.distribution, dtype)


INITIALISERS: dict[str, Initialiser] = {
    "zeros": Zeros(),
    "normal": Normal(),
    "xavier": Xavier(),
    "glorot": Xavier("average"),
    "he": He(),
}


def initialiser_of(given: Initialiser | str | float) -> Initialiser:
    """Return an initialiser from an object, a name, or a number, which stands for a constant.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(given, Initialiser):
        return given
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return Constant(float(given))
    if not isinstance(given, str) or given not in INITIALISERS:
        raise InputError(
            f"There is no initialiser {given!r}; choose one of {', '.join(INITIALISERS)}, a number, or an object such as "
            "nn.Normal(0.01)."
        )
    return INITIALISERS[given]


def drawn(
    rng: np.random.Generator, shape: Shape, sigma: float, distribution: str, dtype: np.dtype[Any]
) -> Array:
    """Return numbers with mean 0 and standard deviation σ."""
    if distribution == "normal":
        return rng.normal(0.0, sigma, shape).astype(dtype)
    bound = math.sqrt(3) * sigma
    return rng.uniform(-bound, bound, shape).astype(dtype)
