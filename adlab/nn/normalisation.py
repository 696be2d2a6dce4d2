"""Batch normalisation: each feature with mean 0 and variance 1 over the mini-batch, then a learned scale and shift.

In training the statistics are those of the mini-batch, and derivatives go through them. At inference they are those of
the population: the mean, and the variance with the unbiased factor m/(m − 1), either a running average of the mini-batches
or, by `population_state`, taken over the whole training set. Then the layer is one affine map, and `fold` makes it part
of the linear layer before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adlab import functions as ad
from adlab.errors import InputError, ShapeError
from adlab.nn.layers import Layer, Params, Shape, State, features, part_of
from adlab.nn.linear import Linear
from adlab.nn.options import positive, share
from adlab.nn.sequential import Sequential
from adlab.nn.trees import tree_map
from adlab.scopes import scope


@dataclass(frozen=True)
class BatchNorm(Layer):
    """γ·(x − μ)/√(σ² + ε) + β for every feature, to be placed between a linear layer and its activation.

    Attributes
    ----------
    momentum : float
        The share of the running statistics that stays at each step: E ← momentum·E + (1 − momentum)·μ.
    epsilon : float
    name : str

    Notes
    -----
    Ioffe and Szegedy (2015). The state holds ``mean`` and ``var``, which start at 0 and 1.

    Examples
    --------
    >>> layer = BatchNorm()
    >>> params, state = layer.init(0, shape=1)
    >>> y, state = layer.apply(params, state, np.array([[1.0], [3.0]]), training=True)
    >>> y.round(4).ravel(), state["mean"].round(4), state["var"].round(4)
    (array([-1.,  1.]), array([0.2]), array([1.1]))
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        share("momentum", self.momentum)
        positive("epsilon", self.epsilon)

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        n = features(self, shape)
        params = {"gamma": np.ones(n, dtype), "beta": np.zeros(n, dtype)}
        return params, {"mean": np.zeros(n, dtype), "var": np.ones(n, dtype)}

    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return the normalised features, and in training the running statistics after this mini-batch."""
        with scope(self.name or self.kind):
            if training:
                return self._normalised_batch(params, state, x)
            if "mean" not in state:
                raise InputError(
                    "Batch normalisation at inference takes population statistics; give the state as well, as in "
                    "net(params, x, state)."
                )
            scale = part_of(params, "gamma", self) / ad.sqrt(state["var"] + self.epsilon)
            return x * scale + (part_of(params, "beta", self) - scale * state["mean"]), state

    def _normalised_batch(self, params: Params, state: State, x: Any) -> tuple[Any, State]:
        shape = np.shape(x)
        m = int(np.prod(shape[:-1]))
        if len(shape) < 2 or m < 2:
            raise ShapeError(
                f"Batch normalisation in training takes a batch of at least two samples; x has shape {shape}."
            )
        axes = tuple(range(len(shape) - 1))
        mean = ad.mean(x, axis=axes)
        centred = x - mean
        var = ad.mean(ad.square(centred), axis=axes)
        y = part_of(params, "gamma", self) * (centred / ad.sqrt(var + self.epsilon)) + part_of(
            params, "beta", self
        )
        stay, new = self.momentum, 1 - self.momentum
        return y, {
            "mean": stay * state["mean"] + new * mean,
            "var": stay * state["var"] + (new * m / (m - 1)) * var,
        }


def population_state(
    net: Sequential,
    params: Params,
    state: State,
    batches: Sequence[Any] | Any,
    masks: Sequence[Any] | None = None,
) -> State:
    """Return the state with exact statistics of the training set in place of running ones.

    Parameters
    ----------
    net : Sequential
    params, state
        Of the network, after training.
    batches : array or sequence of arrays
        The training set, whole, or as mini-batches: then, as Ioffe and Szegedy write it, E[x] is the mean of the
        mini-batches' means, and Var[x] that of their variances with the factor m/(m − 1). Mini-batches count by their
        size.
    masks : sequence, optional
        Masks for each mini-batch, if the network has dropout.

    Examples
    --------
    >>> net = Sequential(BatchNorm())
    >>> params, state = net.init(0, shape=1)
    >>> population_state(net, params, state, np.array([[1.0], [2.0], [3.0]]))
    {'batchnorm1': {'mean': array([2.]), 'var': array([1.])}}
    """
    parts = [batches] if isinstance(batches, np.ndarray) else list(batches)
    if not parts:
        raise InputError("Population statistics take at least one mini-batch, and none was given.")
    given = [None] * len(parts) if masks is None else list(masks)
    whole_batches = net.replaced(
        lambda layer: replace(layer, momentum=0.0) if isinstance(layer, BatchNorm) else layer
    )
    count = sum(len(x) for x in parts)
    total: Any = None
    for x, mask in zip(parts, given, strict=True):
        part = whole_batches.apply(params, state, x, training=True, masks=mask)[1]
        total = _added(total, part, len(x) / count)
    found: State = tree_map(lambda value, old: value.astype(old.dtype), total, state)
    return found


def _added(total: State | None, part: State, share: float) -> State:
    """Return a running sum of states, each with its share."""
    found: State = (
        tree_map(lambda b: share * b, part)
        if total is None
        else tree_map(lambda a, b: a + share * b, total, part)
    )
    return found


def fold(net: Sequential, params: Params, state: State) -> tuple[Sequential, Params, State]:
    """Return the same network for inference with every batch normalisation folded into the linear layer before it.

    Parameters
    ----------
    net : Sequential
    params, state
        Of the network; the population statistics become numbers of the folded layer.

    Returns
    -------
    net, params, state
        Layers keep their names. A normalisation without a linear layer right before it stays.

    Notes
    -----
    With s = γ/√(Var + ε), (x·W + b − E)·s + β = x·(W·s) + ((b − E)·s + β).

    Examples
    --------
    >>> net = Sequential(Linear(2, 3), BatchNorm())
    >>> params, state = net.init(0)
    >>> folded, folded_params, folded_state = fold(net, params, state)
    >>> len(folded.layers), folded_state
    (1, {})
    >>> x = np.ones((4, 2))
    >>> bool(np.allclose(folded(folded_params, x), net(params, x, state)))
    True
    """
    layers: list[Layer] = []
    found, rest = dict(params), dict(state)
    for layer in net.layers:
        before = layers[-1] if layers else None
        if isinstance(layer, Sequential):
            layer, inner, kept = fold(layer, params.get(layer.name, {}), state.get(layer.name, {}))
            found |= {layer.name: inner} if inner else {}
            rest.pop(layer.name, None)
            rest |= {layer.name: kept} if kept else {}
        if isinstance(layer, BatchNorm) and isinstance(before, Linear):
            found[before.name] = _folded(
                layer, before, found.pop(layer.name), found[before.name], rest.pop(layer.name)
            )
            layers[-1] = replace(before, bias=before.bias or True)
        else:
            layers.append(layer)
    return replace(net, layers=tuple(layers)), found, rest


def _folded(norm: BatchNorm, linear: Linear, scales: Params, params: Params, state: State) -> Params:
    s = scales["gamma"] / np.sqrt(state["var"] + norm.epsilon)
    W = params["W"] * s
    if linear.bias == "folded":
        return {"W": np.vstack([W[:-1], W[-1] + (scales["beta"] - s * state["mean"])])}
    b = params["b"] if linear.bias else 0.0
    return {"W": W, "b": (b - state["mean"]) * s + scales["beta"]}
