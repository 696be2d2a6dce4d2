"""What goes on inside a network: values, gradients and slopes of each layer, and the linear regions of the input space.

The lectures' measurements stand on these: gradients that vanish on their way to the first layer, saturated and dead
units, the signs of weight gradients, and the regions in which a ReLU network is one affine map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adlab import functions as ad
from adlab.derivatives import grad
from adlab.errors import InputError
from adlab.nn.activations import Activation, Identity, LeakyReLU, Maxout, PReLU, ReLU, SReLU
from adlab.nn.dropout import Dropout
from adlab.nn.layers import Layer, Params, State
from adlab.nn.linear import Linear
from adlab.nn.losses import Loss, loss_named
from adlab.nn.normalisation import BatchNorm
from adlab.nn.sequential import Sequential

Array = np.ndarray[Any, Any]


def values_inside(net: Sequential, params: Params, x: Any, state: State | None = None) -> dict[str, Array]:
    """Return what each layer returns at inference, by its name; "input" is x itself.

    Layers of a network within the network are called by both names: ``sequential1.relu1``.

    Examples
    --------
    >>> from adlab import nn
    >>> net = nn.Sequential(nn.Linear(1, 2, weights=1.0), nn.ReLU())
    >>> found = values_inside(net, net.init(0)[0], np.array([[-1.0], [2.0]]))
    >>> found["linear1"].tolist(), found["relu1"].tolist()
    ([[-1.0, -1.0], [2.0, 2.0]], [[0.0, 0.0], [2.0, 2.0]])
    """
    found = {"input": ad.identity(x)}
    for name, layer, own, kept in _layers(net, params, {} if state is None else state):
        found[name] = layer.apply(own, kept, found[next(reversed(found))])[0]
    return found


def gradients_inside(
    net: Sequential, loss: Loss | str, params: Params, x: Any, y: Any, state: State | None = None
) -> dict[str, Array]:
    """Return the gradient of the loss by what each layer returns, by its name; "input" is that by x.

    These are the adjoints on their way back through the network: where they get small, layers before learn slowly.

    Examples
    --------
    >>> from adlab import nn
    >>> net = nn.Sequential(nn.Linear(1, 1, weights=1.0), nn.Sigmoid())
    >>> found = gradients_inside(net, "squared_error", net.init(0)[0], np.array([[6.0]]), np.array([[0.0]]))
    >>> [round(float(found[name][0, 0]), 6) for name in ("sigmoid1", "linear1")]
    [1.995055, 0.004921]
    """
    judge, x = loss_named(loss), ad.identity(x)
    layers = _layers(net, params, {} if state is None else state)

    def probed(probes: dict[str, Any]) -> Any:
        value = x + probes["input"]
        for name, layer, own, kept in layers:
            value = layer.apply(own, kept, value)[0] + probes[name]
        return judge(value, y)

    # A probe is a zero added to a value, so the gradient by it is the adjoint of the value.
    values = values_inside(net, params, x, state)
    found: dict[str, Array] = grad(probed)({name: np.zeros_like(value) for name, value in values.items()})
    return found


def slopes_inside(net: Sequential, params: Params, x: Any, state: State | None = None) -> dict[str, Array]:
    """Return the derivative of each elementwise activation at what comes into it, by its name.

    Examples
    --------
    >>> from adlab import nn
    >>> net = nn.Sequential(nn.Sigmoid())
    >>> slopes_inside(net, {}, np.array([[0.0, 6.0]]))["sigmoid1"].round(4)
    array([[0.25  , 0.0025]])
    """
    values = values_inside(net, params, x, state)
    before = dict(zip(list(values)[1:], values.values(), strict=False))
    return {
        name: grad(lambda v, layer=layer, own=own: ad.sum(layer.value(v, own)))(before[name])
        for name, layer, own, _ in _layers(net, params, {} if state is None else state)
        if isinstance(layer, Activation) and layer.elementwise
    }


def saturated_share(
    net: Sequential, params: Params, x: Any, state: State | None = None, *, below: float = 0.01
) -> dict[str, float]:
    """Return, for each activation, the share of its values where the slope is smaller than ``below`` in size.

    Examples
    --------
    >>> from adlab import nn
    >>> saturated_share(nn.Sequential(nn.Sigmoid()), {}, np.array([[0.0, 6.0]]))
    {'sigmoid1': 0.5}
    """
    slopes = slopes_inside(net, params, x, state)
    return {name: float(np.mean(np.abs(slope) < below)) for name, slope in slopes.items()}


def dead_units(net: Sequential, params: Params, x: Any, state: State | None = None) -> dict[str, Array]:
    """Return, for each activation, which of its units are dead: their slope is 0 at every sample, so nothing teaches them.

    Examples
    --------
    >>> from adlab import nn
    >>> dead_units(nn.Sequential(nn.ReLU()), {}, np.array([[1.0, -1.0], [-1.0, -2.0]]))
    {'relu1': array([False,  True])}
    """
    slopes = slopes_inside(net, params, x, state)
    return {name: np.all(slope == 0, axis=0) for name, slope in slopes.items()}


def linear_regions(net: Sequential, params: Params, x: Any, state: State | None = None) -> Array:
    """Return the number of the linear region that each sample lies in, counted from 0.

    Within a region every unit is on the same of its pieces, so the network is one affine map there.

    Parameters
    ----------
    net : Sequential
        Of linear layers and piecewise linear activations: ReLU, leaky ReLU, PReLU, S-shaped ReLU, maxout.
    params, state
        Of the network.
    x : array of shape (samples, features)
        A grid shows the regions of a plane.

    Raises
    ------
    InputError
        If an activation has no pieces.

    Examples
    --------
    >>> from adlab import nn
    >>> net = nn.Sequential(nn.ReLU())
    >>> linear_regions(net, {}, np.array([[1.0, 1.0], [-1.0, 1.0], [2.0, 3.0]])).tolist()
    [1, 0, 1]
    """
    values = values_inside(net, params, x, state)
    before = dict(zip(list(values)[1:], values.values(), strict=False))
    patterns = [np.zeros((len(values["input"]), 1))]
    for name, layer, own, _ in _layers(net, params, {} if state is None else state):
        patterns += [p.reshape(len(p), -1) for p in _pieces(layer, own, before[name])]
    found: Array = np.unique(np.concatenate(patterns, axis=1), axis=0, return_inverse=True)[1]
    return found.ravel()


def _pieces(layer: Layer, params: Params, x: Array) -> list[Array]:
    """Return the number of the piece that each unit is on; nothing for layers of one piece."""
    if isinstance(layer, (Linear, BatchNorm, Dropout, Identity)):
        return []
    if isinstance(layer, (ReLU, LeakyReLU, PReLU)):
        return [(x >= 0).astype(float)]
    if isinstance(layer, SReLU):
        return [(x >= params["tr"]).astype(float) - ((x < params["tr"]) & (x <= params["tl"]))]
    if isinstance(layer, Maxout):
        sums = [x @ params["W"][j] + params["b"][j] for j in range(layer.pieces)]
        return [np.argmax(sums, axis=0).astype(float)]
    raise InputError(
        f"{layer.name} is not piecewise linear, so the network has no linear regions; use ReLU or one of its kin."
    )


def _layers(net: Sequential, params: Params, state: State) -> list[tuple[str, Layer, Params, State]]:
    """Return every layer with its full name, parameters and state, in order; networks within it are opened."""
    found: list[tuple[str, Layer, Params, State]] = []
    for layer in net.layers:
        own, kept = params.get(layer.name, {}), state.get(layer.name, {})
        if isinstance(layer, Sequential):
            inner = _layers(layer, own, kept)
            found += [(f"{layer.name}.{name}", each, p, s) for name, each, p, s in inner]
        else:
            found.append((layer.name, layer, own, kept))
    return found
