"""A training step as one pure function, so that it is one graph: forward, backward, regulariser, clipping, update.

Nothing hides in it. What is random comes in as masks, the learning rate and the bias corrections come in as numbers that
the optimiser computes in double for the step (``optimiser.rates``), and parameters, running statistics and the
optimiser's memory go in and come out as trees. Where such a function is traced, the forward pass that yields the loss,
the outputs and the running statistics is one and the same, because equal computations share a node.

    step = nn.training_step(net, nn.CrossEntropy(), optimiser)
    native = ad.compile(step, params, state, memory, x, y, None, rates, None)   # for batches of this shape
    loss, params, state, memory, outputs = native(params, state, memory, x, y, None, optimiser.rates(t, progress), None)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from adlab.derivatives import value_and_grad
from adlab.methods import method_named
from adlab.nn.clipping import Clipping
from adlab.nn.layers import Layer
from adlab.nn.losses import Loss, loss_named
from adlab.nn.optimisers import Optimiser, optimiser_named
from adlab.nn.regularisers import Regulariser
from adlab.scopes import scope


@dataclass(frozen=True)
class TrainingStep:
    """A training step; `training_step` makes it and says what it takes and returns."""

    net: Layer
    loss: Loss
    optimiser: Optimiser
    regulariser: Regulariser | None = None
    clip: Clipping | None = None
    method: str = "reverse"
    options: dict[str, Any] = field(default_factory=dict)

    def objective(
        self, params: Any, state: Any, x: Any, y: Any, weights: Any = None, masks: Any = None
    ) -> Any:
        """Return the full loss in training: the data's plus the regulariser's."""
        outputs, _ = self.net.apply(params, state, x, training=True, masks=masks)
        return self._full(params, outputs, y, weights)

    def _full(self, params: Any, outputs: Any, y: Any, weights: Any) -> Any:
        loss = self.loss(outputs, y, weights)
        return loss if self.regulariser is None else loss + self.regulariser(params)

    def gradient(
        self, params: Any, state: Any, x: Any, y: Any, weights: Any = None, masks: Any = None
    ) -> tuple[Any, Any]:
        """Return the full loss and its gradient by the parameters, by the step's method."""
        differentiate: Callable[..., tuple[Any, Any]] = value_and_grad(
            self.objective, method=self.method, **self.options
        )
        return differentiate(params, state, x, y, weights, masks)

    def __call__(
        self, params: Any, state: Any, memory: Any, x: Any, y: Any, weights: Any, rates: Any, masks: Any
    ) -> tuple[Any, Any, Any, Any, Any]:
        """Return (loss, params, state, memory, outputs): the numbers after the step, the outputs before it."""
        # The forward pass is written down first, so that its nodes belong to the scopes of layers; the one within the
        # gradient then finds them.
        outputs, after = self.net.apply(params, state, x, training=True, masks=masks)
        self._full(params, outputs, y, weights)
        with scope("gradient"):
            loss, gradient = self.gradient(params, state, x, y, weights, masks)
        if self.clip is not None:
            gradient = self.clip(gradient)
        params, memory = self.optimiser.update(params, gradient, memory, rates)
        return loss, params, after, memory, outputs


def training_step(
    net: Layer,
    loss: Loss | str,
    optimiser: Optimiser | str = "adam",
    regulariser: Regulariser | None = None,
    clip: Clipping | None = None,
    method: str = "reverse",
    **options: Any,
) -> TrainingStep:
    """Return one step of training as a pure function of arrays or traced values.

    Parameters
    ----------
    net : Layer
    loss : Loss or str
        ``"squared_error"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, ``"hinge"``, ``"nll"``, or an object.
    optimiser : Optimiser or str
        ``"sgd"``, ``"adagrad"``, ``"rmsprop"``, ``"adam"``, ``"adamw"``, or an object.
    regulariser : Regulariser, optional
        Its penalty is part of the loss that is returned and differentiated.
    clip : ClipNorm or ClipValue, optional
        What is done to the gradient before the update.
    method : {"reverse", "forward", "symbolic", "numerical"}
        What differentiates.
    **options
        Of the method, as for `adlab.grad`.

    Returns
    -------
    TrainingStep
        ``step(params, state, memory, x, y, weights, rates, masks)`` returns ``(loss, params, state, memory, outputs)``.
        ``weights`` (one number per sample) and ``masks`` may be None; ``memory`` starts as ``optimiser.init(params)``,
        ``rates`` are ``optimiser.rates(t, progress)``; ``outputs`` are what the network returned before the update
        (the loss's ``activation`` makes predictions of them). ``step.gradient(params, state, x, y, weights, masks)``
        returns the loss and its gradient alone.

    Raises
    ------
    InputError
        For unknown names and options.

    Notes
    -----
    Called on arrays, the step is differentiated anew each time; ``ad.compile(step, *example_args)`` or
    ``ad.graph(step, *example_args)`` keeps the work for all batches of one shape.

    Examples
    --------
    >>> import numpy as np
    >>> import adlab as ad
    >>> from adlab import nn
    >>> net, optimiser = nn.Linear(1, 1), nn.SGD(0.1)
    >>> params, state = net.init(0)
    >>> memory, x = optimiser.init(params), np.array([[1.0], [2.0]])
    >>> step = nn.training_step(net, "squared_error", optimiser)
    >>> graph = ad.graph(step, params, state, memory, x, 3 * x + 1, None, optimiser.rates(0), None)
    >>> for t in range(1000):
    ...     rates = optimiser.rates(t)
    ...     loss, params, state, memory, _ = graph(params, state, memory, x, 3 * x + 1, None, rates, None)
    >>> params["W"].round(4), params["b"].round(4)
    (array([[3.]]), array([1.]))
    """
    method_named(method).check_options(options)
    return TrainingStep(
        net, loss_named(loss), optimiser_named(optimiser), regulariser, clip, method, dict(options)
    )
