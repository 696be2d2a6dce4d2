"""The multilayer perceptron, from its sizes."""

from __future__ import annotations

from collections.abc import Sequence

from adlab.errors import InputError
from adlab.nn.activations import ELU, LeakyReLU, Maxout, PReLU, ReLU, activation_named
from adlab.nn.dropout import Dropout
from adlab.nn.initialisers import Initialiser
from adlab.nn.layers import Layer
from adlab.nn.linear import Linear
from adlab.nn.normalisation import BatchNorm
from adlab.nn.options import whole
from adlab.nn.sequential import Sequential


def MLP(  # noqa: N802 - it is called as the class of networks that it makes
    sizes: Sequence[int],
    activation: Layer | str | Sequence[Layer | str] = "relu",
    *,
    output: Layer | str | None = None,
    bias: bool | str = True,
    weights: Initialiser | str | float | None = None,
    biases: Initialiser | str | float = 0.0,
    batch_norm: bool = False,
    keep: float | None = None,
    pieces: int = 2,
    name: str = "",
) -> Sequential:
    """Return a multilayer perceptron: linear layers with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden units of each layer, outputs: ``[64, 100, 10]``.
    activation : str, Layer or sequence of these
        Of the hidden layers: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "srelu", "maxout", or
        a layer; a sequence holds one for each hidden layer.
    output : str or Layer, optional
        An activation of the outputs; none by default, because losses take scores.
    bias, weights, biases
        Of the linear layers, as `Linear` takes them. Weights start by He's 2/n before ReLU and its kin, else by
        Xavier's 1/n.
    batch_norm : bool
        Whether to put a `BatchNorm` before every hidden activation (after "maxout", which has no linear layer of its
        own). Linear layers before one have no bias, which it would take out again.
    keep : float, optional
        The probability with which `Dropout` after every hidden activation keeps a unit; no dropout by default.
    pieces : int
        The pieces of "maxout".
    name : str

    Raises
    ------
    InputError
        For fewer than two sizes, unknown names, or a number of activations that is not that of hidden layers.

    Examples
    --------
    >>> [layer.name for layer in MLP([64, 100, 10], keep=0.5).layers]
    ['linear1', 'relu1', 'dropout1', 'linear2']
    """
    widths = list(sizes)
    if len(widths) < 2:
        raise InputError(f"An MLP takes at least two sizes, inputs and outputs; sizes={sizes!r}.")
    for n in widths:
        whole("a size of an MLP", n)
    layers: list[Layer] = []
    for n, m, act in zip(widths[:-2], widths[1:-1], _hidden(activation, len(widths) - 2), strict=True):
        start = _suited(act) if weights is None else weights
        if act == "maxout":
            layers.append(Maxout(n, m, pieces, start, biases))
        else:
            layers.append(Linear(n, m, False if batch_norm else bias, start, biases))
        layers += [BatchNorm()] if batch_norm else []
        layers += [] if act == "maxout" else [activation_named(act)]
        layers += [] if keep is None else [Dropout(keep)]
    last = "xavier" if weights is None else weights
    layers.append(Linear(widths[-2], widths[-1], bias, last, biases))
    layers += [] if output is None else [activation_named(output)]
    return Sequential(*layers, name=name)


def _hidden(activation: Layer | str | Sequence[Layer | str], count: int) -> list[Layer | str]:
    """Return one activation per hidden layer; layers from names, "maxout" as it is."""
    given = [activation] * count if isinstance(activation, (Layer, str)) else list(activation)
    if len(given) != count:
        raise InputError(
            f"There are {len(given)} activations for {count} hidden layers; give one for each, or one for all."
        )
    return [each if each == "maxout" else activation_named(each) for each in given]


def _suited(activation: Layer | str) -> str:
    """Return the initialiser that keeps the size of what goes through a layer with this activation."""
    return "he" if isinstance(activation, (ReLU, LeakyReLU, PReLU, ELU)) else "xavier"
