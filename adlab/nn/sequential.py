"""Networks: layers one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adlab.errors import InputError
from adlab.nn.layers import Layer, Params, Shape, State
from adlab.scopes import scope


@dataclass(frozen=True, init=False)
class Sequential(Layer):
    """Layers, each taking what the one before it returns.

    Layers without a name of their own are called by their kind and numbered: linear1, relu1, linear2. These names are
    the keys of the trees and the scopes of the graph.

    Attributes
    ----------
    layers : tuple of Layer
        Named.
    name : str

    Examples
    --------
    >>> from adlab import nn
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> params, state = net.init(0)
    >>> {name: sorted(group) for name, group in params.items()}
    {'linear1': ['W', 'b'], 'linear2': ['W', 'b']}
    >>> net(params, np.ones((5, 2))).shape
    (5, 1)
    """

    layers: tuple[Layer, ...]

    def __init__(self, *given: Layer, layers: Sequence[Layer] = (), name: str = "") -> None:
        object.__setattr__(self, "layers", named([*given, *layers]))
        object.__setattr__(self, "name", name)

    @property
    def in_shape(self) -> Shape | None:
        """What the first layer takes that says so."""
        return next((layer.in_shape for layer in self.layers if layer.in_shape is not None), None)

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample after the last layer."""
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        params: Params = {}
        state: State = {}
        for layer in self.layers:
            own, kept = layer._init(rng, shape, dtype)
            params |= {layer.name: own} if own else {}
            state |= {layer.name: kept} if kept else {}
            shape = layer.out_shape(shape)
        return params, state

    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return the last layer's output, and the next state of all."""
        if not self.name:
            return self._chained(params, state, x, training, masks or {})
        with scope(self.name):
            return self._chained(params, state, x, training, masks or {})

    def _chained(self, params: Params, state: State, x: Any, training: bool, masks: Any) -> tuple[Any, State]:
        after: State = {}
        for layer in self.layers:
            x, kept = layer.apply(
                params.get(layer.name, {}),
                state.get(layer.name, {}),
                x,
                training=training,
                masks=masks.get(layer.name),
            )
            after |= {layer.name: kept} if kept else {}
        return x, after

    def masks(self, rng: np.random.Generator, shape: Sequence[int], dtype: Any = "float64") -> Any:
        """Return the masks of all layers that take some, None if none does."""
        found: dict[str, Any] = {}
        batch, sample = tuple(shape)[:1], tuple(shape)[1:]
        for layer in self.layers:
            masks = layer.masks(rng, (*batch, *sample), dtype)
            found |= {} if masks is None else {layer.name: masks}
            sample = layer.out_shape(sample)
        return found or None

    def replaced(self, change: Callable[[Layer], Layer]) -> Sequential:
        """Return the network with every layer, also of networks within it, replaced by what ``change`` makes of it."""
        changed = [
            layer.replaced(change) if isinstance(layer, Sequential) else change(layer)
            for layer in self.layers
        ]
        return replace(self, layers=tuple(changed))


def named(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers with names: their own, or their kind with a number.

    Raises
    ------
    InputError
        If there is no layer, something is none, or two have the same name.
    """
    if not layers:
        raise InputError("A network takes at least one layer, and none was given.")
    counts: Counter[str] = Counter()
    found: list[Layer] = []
    for layer in layers:
        if not isinstance(layer, Layer):
            raise InputError(f"A network is made of layers, such as nn.Linear(64, 10), not of {layer!r}.")
        counts[layer.kind] += 1
        found.append(layer if layer.name else replace(layer, name=f"{layer.kind}{counts[layer.kind]}"))
    twice = [name for name, count in Counter(layer.name for layer in found).items() if count > 1]
    if twice:
        raise InputError(f"Two layers are called {twice[0]!r}; names within a network differ.")
    return tuple(found)
