"""Optimisers: how parameters move along their gradient.

An optimiser is a frozen object. What it remembers between updates (velocities, running squares) is its memory, a dict of
trees nested as the parameters. Its update is a pure function of arrays or traced values, so it is part of the graph of
a training step; the few numbers that depend on the update's number come in as ``rates``, computed in double::

    memory = optimiser.init(params)
    progress = optimiser.schedule.start()
    rates = optimiser.rates(t, progress, dtype)          # t counts updates from 0
    params, memory = optimiser.update(params, gradient, memory, rates)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab import functions as ad
from adlab.errors import InputError
from adlab.ir.tree import flatten, unflatten
from adlab.nn.layers import floating
from adlab.nn.options import positive, share
from adlab.nn.schedules import Progress, Schedule, schedule_of
from adlab.nn.trees import chosen, tree_map, tree_split
from adlab.scopes import scope

Memory = dict[str, Any]
Rates = dict[str, Any]


@dataclass(frozen=True)
class Optimiser(ABC):
    """A rule for updates.

    Attributes
    ----------
    rate : float or Schedule
        The learning rate η.
    """

    rate: float | Schedule

    def __post_init__(self) -> None:
        self.schedule  # noqa: B018 - a bare number is checked by the schedule it stands for

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a schedule."""
        return schedule_of(self.rate)

    def init(self, params: Any) -> Memory:
        """Return the memory before the first update."""
        return {}

    def rates(self, t: int, progress: Progress | None = None, dtype: Any = "float64") -> Rates:
        """Return the numbers of the update number ``t``, counted from 0, in the dtype of the parameters."""
        kind = floating(dtype).type
        return {name: kind(value) for name, value in self._rates(t, self.schedule(t, progress)).items()}

    def _rates(self, t: int, rate: float) -> dict[str, float]:
        return {"rate": rate}

    def update(self, params: Any, gradient: Any, memory: Memory, rates: Rates) -> tuple[Any, Memory]:
        """Return the parameters and the memory after an update."""
        with scope("update"):
            return self._update(params, gradient, memory, rates)

    @abstractmethod
    def _update(self, params: Any, gradient: Any, memory: Memory, rates: Rates) -> tuple[Any, Memory]: ...


@dataclass(frozen=True)
class SGD(Optimiser):
    """(Stochastic) gradient descent: w ← w − η·g; with momentum μ, v ← μ·v − η·g and w ← w + v.

    Attributes
    ----------
    rate : float or Schedule
    momentum : float
        The share μ of the velocity that stays.
    nesterov : bool
        Whether to look ahead: w ← w + μ·v − η·g with the new v.

    Notes
    -----
    Velocities hold the learning rate (Sutskever et al., 2013), so a rate that changes acts on new gradients only.

    Examples
    --------
    >>> sgd = SGD(0.1, momentum=0.5)
    >>> w, memory = {"w": np.array(1.0)}, sgd.init({"w": np.array(1.0)})
    >>> for t in range(2):
    ...     w, memory = sgd.update(w, {"w": np.array(1.0)}, memory, sgd.rates(t))
    >>> float(w["w"])
    0.75
    """

    rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        share("momentum", self.momentum)
        if self.nesterov and not self.momentum:
            raise InputError("Nesterov's method looks ahead along the momentum; give a momentum above 0.")

    def init(self, params: Any) -> Memory:
        """Return zero velocities, or nothing where there is no momentum."""
        return {"velocity": zeros_like(params)} if self.momentum else {}

    def _update(self, params: Any, gradient: Any, memory: Memory, rates: Rates) -> tuple[Any, Memory]:
        rate, mu = rates["rate"], self.momentum
        if not mu:
            return tree_map(lambda w, g: kept(w, w - rate * g), params, gradient), {}

        def moved(w: Any, g: Any, v: Any) -> tuple[Any, Any]:
            v = mu * v - rate * g
            return kept(w, w + (mu * v - rate * g if self.nesterov else v)), kept(w, v)

        params, velocity = tree_split(moved, 2, params, gradient, memory["velocity"])
        return params, {"velocity": velocity}


@dataclass(frozen=True)
class AdaGrad(Optimiser):
    """Duchi et al. (2011): s ← s + g², w ← w − η·g/(√s + ε)."""

    rate: float | Schedule = 0.01
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("epsilon", self.epsilon)

    def init(self, params: Any) -> Memory:
        """Return zero sums of squares."""
        return {"squares": zeros_like(params)}

    def _update(self, params: Any, gradient: Any, memory: Memory, rates: Rates) -> tuple[Any, Memory]:
        def moved(w: Any, g: Any, s: Any) -> tuple[Any, Any]:
            s = s + g * g
            return kept(w, w - rates["rate"] * g / (ad.sqrt(s) + self.epsilon)), kept(w, s)

        params, squares = tree_split(moved, 2, params, gradient, memory["squares"])
        return params, {"squares": squares}


@dataclass(frozen=True)
class RMSProp(Optimiser):
    """Tieleman and Hinton (2012): s ← ρ·s + (1 − ρ)·g², w ← w − η·g/(√s + ε)."""

    rate: float | Schedule = 0.001
    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        share("decay", self.decay)
        positive("epsilon", self.epsilon)

    def init(self, params: Any) -> Memory:
        """Return zero running squares."""
        return {"squares": zeros_like(params)}

    def _update(self, params: Any, gradient: Any, memory: Memory, rates: Rates) -> tuple[Any, Memory]:
        def moved(w: Any, g: Any, s: Any) -> tuple[Any, Any]:
            s = self.decay * s + (1 - self.decay) * (g * g)
            return kept(w, w - rates["rate"] * g / (ad.sqrt(s) + self.epsilon)), kept(w, s)

        params, squares = tree_split(moved, 2, params, gradient, memory["squares"])
        return params, {"squares": squares}


@dataclass(frozen=True)
class Adam(Optimiser):
    """Kingma and Ba (2015): running means of the gradient and of its square, both corrected for their start at 0.

    m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², and after t updates w ← w − η·m̂/(√v̂ + ε) with m̂ = m/(1 − β₁ᵗ),
    v̂ = v/(1 − β₂ᵗ). The corrections are computed in double, whatever the parameters' dtype.

    Examples
    --------
    >>> adam = Adam(0.001)
    >>> params = {"w": np.array(1.0)}
    >>> moved, _ = adam.update(params, {"w": np.array(50.0)}, adam.init(params), adam.rates(0))
    >>> round(float(moved["w"]), 9)
    0.999
    """

    rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        share("beta1", self.beta1)
        share("beta2", self.beta2)
        positive("epsilon", self.epsilon)

    def init(self, params: Any) -> Memory:
        """Return zero running means of gradients and of their squares."""
        return {"means": zeros_like(params), "squares": zeros_like(params)}

    def _rates(self, t: int, rate: float) -> dict[str, float]:
        first, second = 1 - self.beta1 ** (t + 1), 1 - self.beta2 ** (t + 1)
        return {"rate": rate / first, "spread": 1 / math.sqrt(second)}

    def _update(self, params: Any, gradient: Any, memory: Memory, rates: Rates) -> tuple[Any, Memory]:
        decays = self._decays(params, rates)

        def moved(w: Any, g: Any, m: Any, v: Any, decay: Any) -> tuple[Any, Any, Any]:
            m = self.beta1 * m + (1 - self.beta1) * g
            v = self.beta2 * v + (1 - self.beta2) * (g * g)
            shift = rates["rate"] * m / (ad.sqrt(v) * rates["spread"] + self.epsilon)
            return kept(w, w - shift if decay is NO_DECAY else w - decay * w - shift), kept(w, m), kept(w, v)

        params, means, squares = tree_split(
            moved, 3, params, gradient, memory["means"], memory["squares"], decays
        )
        return params, {"means": means, "squares": squares}

    def _decays(self, params: Any, rates: Rates) -> Any:
        """Return, for each parameter, what share of it an update takes away besides."""
        return tree_map(lambda _: NO_DECAY, params)


NO_DECAY = 0.0


@dataclass(frozen=True)
class AdamW(Adam):
    """Loshchilov and Hutter (2019): Adam, and each update also takes η·λ·w away, past the running means.

    Attributes
    ----------
    decay : float
        λ.
    only : str
        Which parameters decay: a pattern of their dotted names, by default the weights and neither biases nor the scales
        of a `BatchNorm`.
    """

    decay: float = 0.01
    only: str = "*W"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("decay", self.decay)

    def _rates(self, t: int, rate: float) -> dict[str, float]:
        return {**super()._rates(t, rate), "decay": rate * self.decay}

    def _decays(self, params: Any, rates: Rates) -> Any:
        picked = chosen(params, self.only)
        return unflatten(flatten(params)[1], [rates["decay"] if yes else NO_DECAY for yes in picked])


OPTIMISERS: dict[str, type[Optimiser]] = {
    "sgd": SGD,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}


def optimiser_named(optimiser: Optimiser | str, rate: float | Schedule | None = None) -> Optimiser:
    """Return an optimiser by its name, at its usual rate or the given one; an optimiser is returned as it is.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if isinstance(optimiser, Optimiser):
        return optimiser
    if not isinstance(optimiser, str) or optimiser not in OPTIMISERS:
        raise InputError(
            f"There is no optimiser {optimiser!r}; choose one of {', '.join(OPTIMISERS)}, or give an object such as "
            "nn.Adam(1e-3)."
        )
    made: Any = OPTIMISERS[optimiser]
    found: Optimiser = made() if rate is None else made(rate)
    return found


def zeros_like(params: Any) -> Any:
    """Return a tree of zeros of the same shapes and dtypes."""
    return tree_map(lambda w: np.zeros(np.shape(w), w.dtype), params)


def kept(w: Any, value: Any) -> Any:
    """Return a value in the dtype of the parameter it belongs to, so that no update changes that."""
    return value if value.dtype == w.dtype else value.astype(w.dtype)
