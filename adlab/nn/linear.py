"""The linear layer, x ↦ x·W + b."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab import functions as ad
from adlab.errors import InputError, ShapeError
from adlab.nn.initialisers import Initialiser, initialiser_of
from adlab.nn.layers import Layer, Params, Shape, State, part_of
from adlab.nn.options import whole
from adlab.scopes import scope


@dataclass(frozen=True)
class Linear(Layer):
    """x·W + b, with W of shape (inputs, outputs).

    Attributes
    ----------
    inputs, outputs : int
    bias : bool or "folded"
        Whether there is a bias. ``"folded"`` makes it the last row of W, and adds a 1 to every sample: the same function
        written as one product.
    weights, biases : Initialiser, str or number
        How W and b start; by default Xavier's 1/n, which `MLP` replaces by what suits its activation, and zeros.
    name : str

    Examples
    --------
    >>> layer = Linear(2, 1)
    >>> float(layer({"W": np.array([[1.0], [2.0]]), "b": np.array([0.5])}, np.array([3.0, 4.0]))[0])
    11.5
    """

    inputs: int
    outputs: int
    bias: bool | str = True
    weights: Initialiser | str | float = "xavier"
    biases: Initialiser | str | float = 0.0

    def __post_init__(self) -> None:
        whole("inputs", self.inputs)
        whole("outputs", self.outputs)
        initialiser_of(self.weights)
        initialiser_of(self.biases)
        if not isinstance(self.bias, bool) and self.bias != "folded":
            raise InputError(f"bias is True, False or 'folded', not {self.bias!r}.")

    @property
    def in_shape(self) -> Shape:
        """One number per input."""
        return (self.inputs,)

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape with outputs in place of inputs."""
        if not shape or shape[-1] != self.inputs:
            raise ShapeError(
                f"{self.name or 'Linear'} takes {self.inputs} inputs, and a sample of shape {shape} has "
                f"{shape[-1] if shape else 'none'}."
            )
        return (*shape[:-1], self.outputs)

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        self.out_shape(shape)
        sizes = (self.inputs, self.outputs)
        W = initialiser_of(self.weights)(rng, sizes, *sizes, dtype)
        if self.bias is False:
            return {"W": W}, {}
        b = initialiser_of(self.biases)(rng, (self.outputs,), *sizes, dtype)
        return ({"W": np.vstack([W, b])} if self.bias == "folded" else {"W": W, "b": b}), {}

    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return x·W + b and the state as it is."""
        self.out_shape(np.shape(x))
        with scope(self.name or self.kind):
            if self.bias == "folded":
                ones = np.ones((*np.shape(x)[:-1], 1), x.dtype)
                return ad.concatenate([x, ones], axis=-1) @ part_of(params, "W", self), state
            product = x @ part_of(params, "W", self)
            return (product + part_of(params, "b", self) if self.bias else product), state
