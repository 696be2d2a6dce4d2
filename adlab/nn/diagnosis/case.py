"""The case to be diagnosed: recipe, samples, and the weights in question; what several checks measure is measured once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.nn.activations import Identity
from adlab.nn.diagnosis.rates import FASTEST, SLOWEST, SWEPT, swept
from adlab.nn.dropout import Dropout
from adlab.nn.feed import Batch, Feed
from adlab.nn.history import History
from adlab.nn.inside import gradients_inside, slopes_inside, values_inside
from adlab.nn.layers import Layer
from adlab.nn.losses import BinaryCrossEntropy, Classification, NegativeLogLikelihood
from adlab.nn.optimisers import Optimiser
from adlab.nn.sequential import Sequential
from adlab.nn.step import TrainingStep, training_step
from adlab.nn.stepping import ShapedFunction
from adlab.nn.trainer import Trainer
from adlab.reports.diagnosis import RateSweep

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and encoded targets, with the labels where there are classes."""

    X: Array
    target: Array
    labels: Array | None

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, eq=False)
class Case:
    """What is diagnosed.

    Attributes
    ----------
    trainer : Trainer
        The recipe and, once it is trained, the weights in question and the curves.
    train : Samples
    held : Samples or None
        What is judged and never learned from.
    batch_size, epochs : int
        Of the training that the curves come from, where the trainer has none.
    """

    trainer: Trainer
    train: Samples
    held: Samples | None
    batch_size: int
    epochs: int

    @property
    def net(self) -> Layer:
        """The network."""
        return self.trainer.net

    @property
    def step(self) -> TrainingStep:
        """Loss, optimiser and the rest of the recipe, by reverse mode: what the methods give is a check of its own."""
        return replace(self.trainer.step, method="reverse", options={})

    @property
    def classes(self) -> int | None:
        """How many classes there are; None for numbers to predict."""
        loss = self.step.loss
        return int(self.train.target.shape[-1]) if isinstance(loss, Classification) else None

    @property
    def chance(self) -> float:
        """The loss of a network that knows nothing: of equal scores for all classes, of the mean for numbers."""
        return float(self.step.loss(self._know_nothing(), self.train.target))

    def _know_nothing(self) -> Array:
        loss, target = self.step.loss, self.train.target
        if isinstance(loss, NegativeLogLikelihood):
            even = 1 / target.shape[-1]
            return np.full_like(target, math.log(even) if loss.from_logs else even)
        if isinstance(loss, Classification) or (isinstance(loss, BinaryCrossEntropy) and loss.from_logits):
            return np.zeros_like(target)
        return np.broadcast_to(target.mean(axis=0), target.shape)

    # ------------------------------------------------------------------------------------- runs of its own

    def fresh(self) -> Trainer:
        """Return an untrained trainer of the same recipe."""
        step, trainer = self.step, self.trainer
        return Trainer(
            self.net,
            step.loss,
            step.optimiser,
            seed=trainer.seed,
            regulariser=step.regulariser,
            clip=step.clip,
            dtype=trainer.dtype,
        )

    def start(self) -> tuple[Any, Any]:
        """Return fresh parameters and state."""
        return self.net.init(self.trainer.seed, self.train.X.shape[1:], self.trainer.dtype)

    def losses(
        self,
        x: Array,
        target: Array,
        steps: int,
        optimiser: Optimiser,
        *,
        until: float = 0.0,
        rates: Sequence[float] | None = None,
    ) -> list[float]:
        """Return the data's loss before each of so many updates on the same samples, and after the last.

        Regulariser and dropout are left out: they keep a network from learning by heart, which is what is asked for here.
        The list ends early where the loss is at most ``until``, or not finite. ``rates`` are learning rates of the updates.
        """
        params, state = self.start()
        memory, progress = optimiser.init(params), optimiser.schedule.start()
        update = ShapedFunction(
            training_step(_without_dropout(self.net), self.step.loss, optimiser, clip=self.step.clip)
        )
        found: list[float] = []
        for t in range(steps + 1):
            own = optimiser if rates is None else replace(optimiser, rate=rates[min(t, steps - 1)])
            numbers = own.rates(t, progress, self.trainer.dtype)
            loss, params, state, memory, _ = update(params, state, memory, x, target, None, numbers, None)
            found.append(float(loss))
            if not math.isfinite(found[-1]) or found[-1] <= until:
                break
        return found

    @property
    def rate(self) -> float:
        """The optimiser's learning rate at the first step."""
        schedule = self.step.optimiser.schedule
        return float(schedule(0, schedule.start()))

    @cached_property
    def sweep(self) -> RateSweep:
        """The loss on the first mini-batch while the learning rate grows from step to step."""
        rates = np.geomspace(SLOWEST, FASTEST, SWEPT).tolist()
        found = self.losses(self.batch.x, self.batch.y, len(rates), self.step.optimiser, rates=rates)
        return swept(rates, found, self.rate)

    # --------------------------------------------------------------------------------- the weights in question

    @property
    def trained(self) -> bool:
        """Whether the trainer has weights."""
        return self.trainer._run is not None

    @cached_property
    def weights(self) -> tuple[Any, Any]:
        """Parameters and state: the trainer's, or fresh ones."""
        return (self.trainer.params, self.trainer.state) if self.trained else self.start()

    @property
    def at(self) -> int:
        """How many updates the weights in question have seen."""
        return self.trainer.run.numbers.step if self.trained else 0

    @cached_property
    def batch(self) -> Batch:
        """The first mini-batch."""
        feed = Feed(self.train.X, self.train.target, None, self.batch_size, self.trainer.seed)
        feed.open(0)
        return feed.batch(0)

    @property
    def many(self) -> tuple[Array, Array]:
        """Up to 512 samples, enough for shares and deviations."""
        return self.train.X[:512], self.train.target[:512]

    @cached_property
    def sequential(self) -> Sequential:
        """The network as layers, or InputError."""
        if not isinstance(self.net, Sequential):
            raise InputError(f"{self.net.kind} is one layer; layers are compared in a Sequential.")
        return self.net

    @cached_property
    def values(self) -> dict[str, Array]:
        """What each layer returns."""
        params, state = self.weights
        return values_inside(self.sequential, params, self.many[0], state)

    @cached_property
    def adjoints(self) -> dict[str, Array]:
        """The gradient of the loss by what each layer returns."""
        params, state = self.weights
        return gradients_inside(self.sequential, self.step.loss, params, *self.many, state)

    @cached_property
    def slopes(self) -> dict[str, Array]:
        """The derivative of each elementwise activation."""
        params, state = self.weights
        return slopes_inside(self.sequential, params, self.many[0], state)

    @cached_property
    def gradient(self) -> Any:
        """The gradient of the loss by the parameters, on the same samples."""
        params, state = self.weights
        masks = self.trainer.masks(self.many[0].shape, self.at)
        return self.step.gradient(params, state, *self.many, None, masks)[1]

    @cached_property
    def history(self) -> History:
        """The curves: the trainer's, where it has validation's too, else those of a run of the recipe's own."""
        if self.trained and "validation_loss" in self.trainer.history.names:
            return self.trainer.history
        if self.held is None:
            raise InputError(
                "There are no validation samples, so there is no gap to judge; give validation=(X, y)."
            )
        held = (self.held.X, self.held.target)
        return self.fresh().fit(
            self.train.X,
            self.train.target,
            validation=held,
            epochs=self.epochs,
            batch_size=self.batch_size,
            progress=False,
        )


def _without_dropout(net: Layer) -> Layer:
    """Return the network with layers that drop replaced by ones that do nothing."""
    if not isinstance(net, Sequential):
        return net
    return net.replaced(lambda layer: Identity(name=layer.name) if isinstance(layer, Dropout) else layer)
