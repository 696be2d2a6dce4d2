"""The figures that adlab makes of itself, by name; `adlab figures` writes them all.

Nothing in the folder ``figures/`` is drawn by hand: each file is the drawing that a function here returns. The networks are the
lectures' (row D14): one layer, one layer with a learned slope, and the same with a regulariser; and what networks are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.api import draw
from adlab.functions import prelu, sigmoid
from adlab.nn.initialisers import Normal
from adlab.nn.mlp import MLP
from adlab.nn.pictures import draw_activations, draw_regions
from adlab.render.drawing import Drawing
from adlab.render.panels import Panels
from adlab.scopes import scope


def running_example(engine: str = "builtin") -> Drawing:
    """Draw y = ln(x1) + x1·x2 − sin(x2) at (2, 5)."""
    return draw("ln(x1) + x1*x2 - sin(x2)", 2, 5, engine=engine)


def _data() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(32, 4)), rng.normal(size=(32, 3))
    W, b = rng.normal(size=(4, 3)) / 2, np.full(3, 0.01)
    return X, W, b, Y


def _squared_loss(output: Any, target: Any) -> Any:
    with scope("loss"):
        return np.sum((output - target) ** 2) / 2


def one_layer(engine: str = "builtin") -> Drawing:
    """Draw a one-layer network: sigmoid(XW + b) under a squared loss."""

    def network(X: Any, W: Any, b: Any, Y: Any) -> Any:
        with scope("layer"):
            hidden = sigmoid(X @ W + b)
        return _squared_loss(hidden, Y)

    return draw(network, *_data(), parameters=("W", "b"), engine=engine)


def one_layer_prelu(engine: str = "builtin") -> Drawing:
    """Draw the layer with a parametrised ReLU, whose slope α is learned."""

    def network(X: Any, W: Any, b: Any, alpha: Any, Y: Any) -> Any:
        with scope("layer"):
            hidden = prelu(X @ W + b, alpha)
        return _squared_loss(hidden, Y)

    X, W, b, Y = _data()
    return draw(network, X, W, b, 0.25, Y, parameters=("W", "b", "alpha"), engine=engine)


def one_layer_prelu_regulariser(engine: str = "builtin") -> Drawing:
    """Draw the layer with a parametrised ReLU and an L2 regulariser on its weights."""

    def network(X: Any, W: Any, b: Any, alpha: Any, Y: Any) -> Any:
        with scope("layer"):
            hidden = prelu(X @ W + b, alpha)
        data = _squared_loss(hidden, Y)
        with scope("regulariser"):
            penalty = 0.1 * np.sum(W**2)
        return data + penalty

    X, W, b, Y = _data()
    return draw(network, X, W, b, 0.25, Y, parameters=("W", "b", "alpha"), engine=engine)


def activations() -> Panels:
    """Draw each activation with its derivative (row A1)."""
    return draw_activations()


def regions() -> Panels:
    """Draw the linear regions of ReLU networks of one, two and three layers (row A5)."""
    nets = []
    for title, sizes in (
        ("8 units", [2, 8, 1]),
        ("8 + 8 units", [2, 8, 8, 1]),
        ("8 + 8 + 8 units", [2, 8, 8, 8, 1]),
    ):
        net = MLP(sizes, "relu", biases=Normal(0.5))
        nets.append((title, net, net.init(4)[0]))
    return draw_regions(nets)


FIGURES: Mapping[str, Callable[[], Drawing | Panels]] = MappingProxyType(
    {
        "running-example": running_example,
        "one-layer": one_layer,
        "one-layer-prelu": one_layer_prelu,
        "one-layer-prelu-regulariser": one_layer_prelu_regulariser,
        "activations": activations,
        "regions": regions,
    }
)
"""Every figure by the name of its file."""
