"""Gradient clipping: what is done to a gradient that is too large, before the optimiser sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from adlab import functions as ad
from adlab.ir.tree import flatten
from adlab.nn.options import positive
from adlab.nn.trees import tree_map


@dataclass(frozen=True)
class Clipping(ABC):
    """A function of a gradient tree, pure, of arrays or traced values."""

    limit: float

    def __post_init__(self) -> None:
        positive("limit", self.limit)

    @abstractmethod
    def __call__(self, gradient: Any) -> Any:
        """Return the gradient, clipped."""


@dataclass(frozen=True)
class ClipNorm(Clipping):
    """The whole gradient scaled down to a Euclidean norm of ``limit`` if it is longer; its direction stays.

    Examples
    --------
    >>> import numpy as np
    >>> ClipNorm(1.0)({"W": np.array([3.0]), "b": np.array([4.0])})
    {'W': array([0.6]), 'b': array([0.8])}
    """

    def __call__(self, gradient: Any) -> Any:
        """Return g·min(1, limit/‖g‖)."""
        leaves = flatten(gradient)[0]
        if not leaves:
            return gradient
        squared = ad.sum(leaves[0] * leaves[0])
        for g in leaves[1:]:
            squared = squared + ad.sum(g * g)
        scale = self.limit / ad.maximum(ad.sqrt(squared), self.limit)
        return tree_map(lambda g: g * scale, gradient)


@dataclass(frozen=True)
class ClipValue(Clipping):
    """Every element clipped to [−limit, limit].

    Examples
    --------
    >>> import numpy as np
    >>> ClipValue(1.0)({"W": np.array([3.0, -0.5])})
    {'W': array([ 1. , -0.5])}
    """

    def __call__(self, gradient: Any) -> Any:
        """Return max(−limit, min(g, limit)), element by element."""
        return tree_map(lambda g: ad.clip(g, -self.limit, self.limit), gradient)
