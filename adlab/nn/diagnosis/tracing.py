"""The adjoint of a weight at a step, as a trace table: how the gradient that moved it came about, row by row."""

from __future__ import annotations

from typing import Any

from adlab.api import trace
from adlab.errors import InputError
from adlab.ir.tree import flatten, unflatten
from adlab.nn.feed import Feed
from adlab.nn.trainer import Trainer
from adlab.nn.trees import names_of
from adlab.render.trace import ShownTrace

__all__ = ["trace_weight"]


def trace_weight(
    trainer: Trainer, X: Any, y: Any, weight: str, *, step: int = 0, batch_size: int = 32, **options: Any
) -> ShownTrace:
    """Return the reverse-mode trace of the loss by one array of weights, at a step of training from the seed.

    Parameters
    ----------
    trainer : Trainer
        The recipe; it is not changed. Steps are made anew from its seed, so they are those of its training.
    X, y : array_like
        Training samples.
    weight : str
        The dotted name of the array: ``linear1.W``.
    step : int
        So many updates are made before.
    batch_size : int
    **options
        As `adlab.trace` takes them.

    Raises
    ------
    InputError
        For an unknown weight, or a step before the first.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab import nn
    >>> trainer = nn.Trainer(nn.Sequential(nn.Linear(1, 1, weights=1.0)), "squared_error", nn.SGD(0.1))
    >>> table = trace_weight(trainer, [[1.0], [2.0]], [0.0, 0.0], "linear1.W", batch_size=2)
    >>> "W" in table.to_text()
    True
    """
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise InputError(f"The step is a whole number of updates, 0 or more, not {step!r}.")
    x, target, _ = trainer._checked(X, y, None)
    feed = Feed(x, target, None, min(batch_size, len(x)), trainer.seed)
    numbers = trainer._fresh(x.shape[1:])
    for t in range(step + 1):
        epoch, number = divmod(t, feed.batches)
        if number == 0:
            feed.open(epoch)
        batch = feed.batch(number)
        if t < step:
            _, numbers, _ = trainer._updated(numbers, batch)
    names, (leaves, tree) = names_of(numbers.params), flatten(numbers.params)
    if weight not in names:
        raise InputError(f"There is no weight {weight!r}; there are {', '.join(names)}.")
    place = names.index(weight)
    masks = trainer.masks(batch.x.shape, step)

    def loss(given: Any) -> Any:
        params = unflatten(tree, [*leaves[:place], given, *leaves[place + 1 :]])
        return trainer.step.objective(params, numbers.state, batch.x, batch.y, None, masks)

    return trace(loss, leaves[place], mode="reverse", names=[weight.rpartition(".")[2]], **options)
