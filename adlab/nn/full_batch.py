"""Full-batch training by SciPy's minimisers, L-BFGS above all: for small data, and exact to many digits.

The loss and its gradient are one graph, compiled where that is possible; SciPy sees a function of one long vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.compiling import compile
from adlab.errors import InputError
from adlab.ir.tree import flatten, unflatten
from adlab.nn.layers import Layer, Params, State
from adlab.nn.losses import Loss
from adlab.nn.regularisers import Regulariser
from adlab.nn.step import training_step


@dataclass(frozen=True)
class Minimum:
    """What a minimiser found.

    Attributes
    ----------
    params : dict
        The parameters, nested as those it started from.
    loss : float
        The full loss there.
    losses : tuple of float
        The full loss at the start and after each iteration.
    evaluations : int
        How often loss and gradient were computed.
    converged : bool
    message : str
        Why it stopped.
    """

    params: Params
    loss: float
    losses: tuple[float, ...]
    evaluations: int
    converged: bool
    message: str


def minimise(
    net: Layer,
    loss: Loss | str,
    params: Params,
    x: Any,
    y: Any,
    *,
    state: State | None = None,
    weights: Any = None,
    regulariser: Regulariser | None = None,
    algorithm: str = "L-BFGS-B",
    method: str = "reverse",
    steps: int = 1000,
    tolerance: float = 1e-10,
    masks: Any = None,
) -> Minimum:
    """Return the parameters that minimise the full loss over all data at once.

    Parameters
    ----------
    net, loss, regulariser, method
        As for `training_step`.
    params : dict
        Where to start, from ``net.init``.
    x, y : array
        All samples and their targets.
    state, weights, masks : optional
        As a training step takes them; they stay as they are.
    algorithm : str
        One of ``scipy.optimize.minimize`` that uses gradients alone: "L-BFGS-B", "BFGS", "CG".
    steps : int
        The most iterations.
    tolerance : float
        Of the largest element of the gradient.

    Returns
    -------
    Minimum

    Raises
    ------
    InputError
        For an unknown algorithm or option, a target that does not suit the loss, or a loss that is not finite.

    Examples
    --------
    >>> from adlab import nn
    >>> x = np.linspace(0, 1, 9)[:, None]
    >>> net = nn.Linear(1, 1)
    >>> found = minimise(net, "squared_error", net.init(0)[0], x, 2 * x - 1)
    >>> found.params["W"].round(6), found.params["b"].round(6)
    (array([[2.]]), array([-1.]))
    """
    from scipy.optimize import minimize

    if algorithm not in OWN_OPTIONS:
        raise InputError(f"There is no algorithm {algorithm!r} here; choose one of {', '.join(OWN_OPTIONS)}.")
    step = training_step(net, loss, "sgd", regulariser, None, method)
    leaves, tree = flatten(params)
    x, kept = np.asarray(x), {} if state is None else state
    y = step.loss.encode(y, net.out_shape(x.shape[1:]), leaves[0].dtype)
    native = compile(step.gradient, params, kept, x, y, weights, masks)

    def value_and_slope(vector: Any) -> tuple[float, Any]:
        value, gradient = native(unflatten(tree, _parted(vector, leaves)), kept, x, y, weights, masks)
        return float(value), _joined(flatten(gradient)[0])

    start = _joined(leaves)
    first = value_and_slope(start)[0]
    if not np.isfinite(first):
        raise InputError(f"The loss at the start is {first}; look at the data, or start elsewhere.")
    losses = [first]

    def note(intermediate_result: Any) -> None:
        losses.append(float(intermediate_result.fun))

    options: Any = {"maxiter": steps, "gtol": tolerance, **OWN_OPTIONS[algorithm]}
    run: Any = minimize  # its stubs know no callback that takes a result
    found = run(value_and_slope, start, method=algorithm, jac=True, callback=note, options=options)
    return Minimum(
        unflatten(tree, _parted(found.x, leaves)),
        float(found.fun),
        tuple(losses),
        int(found.nfev) + 1,
        bool(found.success),
        str(found.message),
    )


OWN_OPTIONS: dict[str, dict[str, Any]] = {"L-BFGS-B": {"ftol": 0.0, "maxfun": 10**9}, "BFGS": {}, "CG": {}}
"""The algorithms, with what each is told besides: L-BFGS-B also stops when the loss hardly falls, which is switched off, so
that the gradient alone decides."""


def _joined(leaves: Sequence[Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(float)


def _parted(vector: np.ndarray[Any, Any], leaves: Sequence[Any]) -> list[Any]:
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = np.split(vector, ends)
    return [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
