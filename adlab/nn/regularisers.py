"""Regularisers: what large weights cost. The full loss is the data's loss plus λ·R(W).

A regulariser is a function of the parameters; ``only`` says which of them, by a pattern of their dotted names
(``"*W"``, the weights and no biases, by default; ``"linear1.*"``; several with commas). Different strengths for
different groups are sums: ``nn.L2(1e-3, only="linear1.W") + nn.L1(1e-4, only="linear2.W")``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adlab import functions as ad
from adlab.ir.tree import flatten
from adlab.nn.options import positive
from adlab.nn.trees import chosen
from adlab.scopes import scope


class Regulariser(ABC):
    """A penalty on parameters, a pure function of their tree."""

    @abstractmethod
    def __call__(self, params: Any) -> Any:
        """Return λ·R(params)."""

    def __add__(self, other: Regulariser) -> Regulariser:
        return Sum(self, other)


@dataclass(frozen=True)
class Sum(Regulariser):
    """Two penalties together."""

    first: Regulariser
    second: Regulariser

    def __call__(self, params: Any) -> Any:
        """Return the sum of both."""
        return self.first(params) + self.second(params)


@dataclass(frozen=True)
class L2(Regulariser):
    """λ·Σw².

    Examples
    --------
    >>> import numpy as np
    >>> float(L2(1.0)({"W": np.full(4, 0.25)}))
    0.25
    """

    strength: float
    only: str = "*W"

    def __post_init__(self) -> None:
        positive("strength", self.strength)

    def __call__(self, params: Any) -> Any:
        """Return the penalty."""
        return self.strength * penalty(params, self.only, ad.square)


@dataclass(frozen=True)
class L1(Regulariser):
    """λ·Σ|w|.

    Examples
    --------
    >>> import numpy as np
    >>> float(L1(1.0)({"W": np.full(4, -0.25)}))
    1.0
    """

    strength: float
    only: str = "*W"

    def __post_init__(self) -> None:
        positive("strength", self.strength)

    def __call__(self, params: Any) -> Any:
        """Return the penalty."""
        return self.strength * penalty(params, self.only, ad.absolute)


@dataclass(frozen=True)
class ElasticNet(Regulariser):
    """λ·Σ(β·w² + |w|).

    Examples
    --------
    >>> import numpy as np
    >>> float(ElasticNet(1.0, beta=2.0)({"W": np.full(4, 0.25)}))
    1.5
    """

    strength: float
    beta: float = 1.0
    only: str = "*W"

    def __post_init__(self) -> None:
        positive("strength", self.strength)
        positive("beta", self.beta)

    def __call__(self, params: Any) -> Any:
        """Return the penalty."""
        return self.strength * penalty(params, self.only, lambda w: self.beta * ad.square(w) + ad.absolute(w))


def penalty(params: Any, only: str, each: Callable[[Any], Any]) -> Any:
    """Return the sum of ``each`` over the elements of the chosen parameters."""
    with scope("regulariser"):
        leaves = flatten(params)[0]
        total: Any = None
        for w, yes in zip(leaves, chosen(params, only), strict=True):
            if yes:
                term = ad.sum(each(w))
                total = term if total is None else total + term
        return total
