"""Activations, as layers: the fixed ones, those with learned parameters, and softmax.

The functions themselves are `adlab.sigmoid`, `adlab.relu` and their like, whose derivatives, kinks included, stand in the
rule table.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adlab import functions as ad
from adlab.errors import InputError, ShapeError
from adlab.nn.initialisers import Initialiser, initialiser_of
from adlab.nn.layers import Layer, Params, Shape, State, features, part_of
from adlab.nn.options import whole
from adlab.scopes import scope


@dataclass(frozen=True)
class Activation(Layer):
    """A function of the features with nothing to remember. Abstract in `value`.

    ``elementwise`` says whether each feature goes its own way, so that there is one slope for each.
    """

    elementwise: ClassVar[bool] = True

    @abstractmethod
    def value(self, x: Any, params: Params) -> Any:
        """Return the activation of an array or traced value."""

    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return the activation and the state as it is."""
        with scope(self.name or self.kind):
            return self.value(x, params), state


@dataclass(frozen=True)
class Identity(Activation):
    """x: no activation."""

    def value(self, x: Any, params: Params) -> Any:
        """Return x."""
        return x


@dataclass(frozen=True)
class Sigmoid(Activation):
    """1/(1 + e⁻ˣ)."""

    def value(self, x: Any, params: Params) -> Any:
        """Return sigmoid(x)."""
        return ad.sigmoid(x)


@dataclass(frozen=True)
class Tanh(Activation):
    """tanh(x) = 2·sigmoid(2x) − 1."""

    def value(self, x: Any, params: Params) -> Any:
        """Return tanh(x)."""
        return ad.tanh(x)


@dataclass(frozen=True)
class ReLU(Activation):
    """max(0, x), with derivative 1 at 0."""

    def value(self, x: Any, params: Params) -> Any:
        """Return max(0, x)."""
        return ad.relu(x)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """x for x ≥ 0 and α·x below, with a fixed slope α."""

    alpha: float = 0.01

    def value(self, x: Any, params: Params) -> Any:
        """Return max(x, α·x), for α ≤ 1."""
        return ad.leaky_relu(x, self.alpha)


@dataclass(frozen=True)
class ELU(Activation):
    """x for x ≥ 0 and α·(eˣ − 1) below."""

    alpha: float = 1.0

    def value(self, x: Any, params: Params) -> Any:
        """Return elu(x)."""
        return ad.elu(x, self.alpha)


@dataclass(frozen=True)
class Softmax(Activation):
    """e^xₖ / Σ e^xⱼ over the features: scores as probabilities.

    Losses from scores (`CrossEntropy`) contain it and are more exact; a network that ends in one goes with
    `NegativeLogLikelihood`.
    """

    elementwise: ClassVar[bool] = False

    def value(self, x: Any, params: Params) -> Any:
        """Return the probabilities."""
        return ad.softmax(x)


@dataclass(frozen=True)
class PReLU(Activation):
    """x for x ≥ 0 and α·x below, with a slope α that is learned.

    Attributes
    ----------
    alpha : number or Initialiser
        How α starts.
    shared : bool
        Whether all features share one α.
    """

    alpha: Initialiser | float = 0.25
    shared: bool = False

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        count = features(self, shape)
        sizes = () if self.shared else (count,)
        return {"alpha": initialiser_of(self.alpha)(rng, sizes, count, count, dtype)}, {}

    def value(self, x: Any, params: Params) -> Any:
        """Return prelu(x, α)."""
        return ad.prelu(x, part_of(params, "alpha", self))


@dataclass(frozen=True)
class SReLU(Activation):
    """The S-shaped ReLU: the identity between two thresholds, lines of other slopes outside; all four are learned.

    Attributes
    ----------
    tr, ar : number or Initialiser
        How the threshold and the slope on the right start.
    tl, al : number or Initialiser
        Those on the left.
    shared : bool
        Whether all features share them.

    Notes
    -----
    Jin et al. (2016). The start must have tl ≤ tr; learning may still turn them round, and then the right line wins.
    """

    tr: Initialiser | float = 0.4
    ar: Initialiser | float = 0.2
    tl: Initialiser | float = -0.4
    al: Initialiser | float = 0.2
    shared: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.tl, (int, float)) and isinstance(self.tr, (int, float)) and self.tl > self.tr:
            raise InputError(f"The left threshold, tl = {self.tl:g}, may not lie right of tr = {self.tr:g}.")

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        count = features(self, shape)
        sizes = () if self.shared else (count,)
        starts = {"tr": self.tr, "ar": self.ar, "tl": self.tl, "al": self.al}
        return {
            name: initialiser_of(start)(rng, sizes, count, count, dtype) for name, start in starts.items()
        }, {}

    def value(self, x: Any, params: Params) -> Any:
        """Return srelu(x, tr, ar, tl, al)."""
        return ad.srelu(x, *[part_of(params, name, self) for name in ("tr", "ar", "tl", "al")])


@dataclass(frozen=True)
class Maxout(Layer):
    """The largest of k affine functions of the inputs: max over j of x·Wⱼ + bⱼ.

    A layer of its own, without a `Linear` before it. W has shape (k, inputs, outputs), b has shape (k, outputs). It is
    a convex, piecewise linear function; with two pieces of which one is 0 it is ReLU.

    Attributes
    ----------
    inputs, outputs : int
    pieces : int
        k.
    weights, biases : Initialiser, str or number
    name : str
    """

    inputs: int
    outputs: int
    pieces: int = 2
    weights: Initialiser | str | float = "xavier"
    biases: Initialiser | str | float = 0.0

    def __post_init__(self) -> None:
        for label in ("inputs", "outputs", "pieces"):
            whole(label, getattr(self, label))
        initialiser_of(self.weights)
        initialiser_of(self.biases)

    @property
    def in_shape(self) -> Shape:
        """One number per input."""
        return (self.inputs,)

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape with outputs in place of inputs."""
        if not shape or shape[-1] != self.inputs:
            raise ShapeError(
                f"{self.name or 'Maxout'} takes {self.inputs} inputs, and a sample of shape {shape} has "
                f"{shape[-1] if shape else 'none'}."
            )
        return (*shape[:-1], self.outputs)

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        self.out_shape(shape)
        sizes = (self.inputs, self.outputs)
        return {
            "W": initialiser_of(self.weights)(rng, (self.pieces, *sizes), *sizes, dtype),
            "b": initialiser_of(self.biases)(rng, (self.pieces, self.outputs), *sizes, dtype),
        }, {}

    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return the largest piece and the state as it is."""
        self.out_shape(np.shape(x))
        with scope(self.name or self.kind):
            W, b = part_of(params, "W", self), part_of(params, "b", self)
            return ad.maxout(*[x @ W[j] + b[j] for j in range(self.pieces)]), state


ACTIVATIONS: dict[str, type[Activation]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "prelu": PReLU,
    "elu": ELU,
    "srelu": SReLU,
    "softmax": Softmax,
}


def activation_named(activation: Layer | str) -> Layer:
    """Return an activation by its name; a layer is returned as it is.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if isinstance(activation, Layer):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise InputError(
            f"There is no activation {activation!r}; choose one of {', '.join(ACTIVATIONS)} and maxout, or give a layer "
            "such as nn.LeakyReLU(alpha=0.1)."
        )
    return ACTIVATIONS[activation]()
