"""A training run as data: everything that continuing it needs, and its way into a checkpoint and back.

What a step changes is one frozen object, replaced as a whole, so at every moment the run stands after some step and before
the next. Random numbers need no place here: they are functions of the seed, the epoch and the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import CheckpointError
from adlab.ir.tree import flatten
from adlab.nn.checkpoints import Checkpoint
from adlab.nn.history import History

__all__ = ["Best", "Numbers", "Run"]


@dataclass(frozen=True)
class Numbers:
    """What a training step changes.

    Attributes
    ----------
    params, state, memory
        Trees: parameters, running statistics, the optimiser's memory.
    progress : mapping
        What the learning rate's schedule remembers.
    step : int
        How many updates have been made.
    """

    params: Any
    state: Any
    memory: Any
    progress: dict[str, float]
    step: int = 0

    def finite(self) -> bool:
        """Return whether all parameters and statistics are finite."""
        leaves = [*flatten(self.params)[0], *flatten(self.state)[0]]
        return all(bool(np.isfinite(leaf).all()) for leaf in leaves)


@dataclass(frozen=True)
class Best:
    """The weights of the best epoch so far."""

    value: float
    epoch: int
    params: Any
    state: Any


@dataclass
class Run:
    """A training run and where it stands.

    Attributes
    ----------
    numbers : Numbers
    epoch : int
        How many epochs are complete.
    losses : ndarray
        The loss of each batch of the epoch under way; the first ``batch`` are known.
    outputs : ndarray or None
        What the network returned for each sample of the epoch under way; None before the first batch.
    batch : int
        How many batches of the epoch under way are done.
    history : History
    best : Best or None
    stopped : str
        Why training ended; empty while it goes on.
    """

    numbers: Numbers
    losses: NDArray[Any]
    outputs: NDArray[Any] | None = None
    epoch: int = 0
    batch: int = 0
    history: History = field(default_factory=History)
    best: Best | None = None
    stopped: str = ""

    def checkpoint(self, recipe: Mapping[str, Any], rows: int) -> Checkpoint:
        """Return the run as a checkpoint.

        Parameters
        ----------
        recipe : mapping
            What must be the same for the run to be continued.
        rows : int
            How many samples of the epoch under way are done.
        """
        numbers, best = self.numbers, self.best
        trees = {
            "params": numbers.params,
            "state": numbers.state,
            "memory": numbers.memory,
            "losses": self.losses[: self.batch],
            "outputs": None if self.outputs is None else self.outputs[:rows],
            "history": self.history.to_arrays(),
            "best": None if best is None else {"params": best.params, "state": best.state},
        }
        facts = {
            "recipe": dict(recipe),
            "step": numbers.step,
            "progress": numbers.progress,
            "epoch": self.epoch,
            "batch": self.batch,
            "best": None if best is None else {"value": best.value, "epoch": best.epoch},
            "stopped": self.stopped,
        }
        return Checkpoint(trees, facts)

    @staticmethod
    def restored(found: Checkpoint, batches: int, samples: int) -> Run:
        """Return the run that a checkpoint holds, for epochs of so many batches and samples."""
        trees, facts = found.trees, found.facts
        numbers = Numbers(
            trees["params"], trees["state"], trees["memory"], dict(facts["progress"]), int(facts["step"])
        )
        best, weights = facts["best"], trees["best"]
        return Run(
            numbers,
            _filled(trees["losses"], batches),
            None if trees["outputs"] is None else _filled(trees["outputs"], samples),
            int(facts["epoch"]),
            int(facts["batch"]),
            History.from_arrays(trees["history"], facts["stopped"]),
            None if best is None else Best(best["value"], best["epoch"], weights["params"], weights["state"]),
            facts["stopped"],
        )


def _filled(known: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the known rows with room for the others."""
    whole = np.full((count, *known.shape[1:]), math.nan, dtype=known.dtype)
    whole[: len(known)] = known
    return whole


def check_recipe(found: Checkpoint, recipe: Mapping[str, Any], path: object) -> None:
    """Raise CheckpointError where a checkpoint belongs to another run; the message names what differs."""
    saved = found.facts.get("recipe")
    if not isinstance(saved, dict):
        raise CheckpointError(
            f"The checkpoint {str(path)!r} holds no training run; give one that a Trainer wrote."
        )
    for name, value in recipe.items():
        if saved.get(name) != value:
            what = (
                "was made with other data"
                if name == "data"
                else f"has {name} {saved.get(name)}, and this run has {value}"
            )
            raise CheckpointError(
                f"The checkpoint {str(path)!r} {what}; a run is resumed with everything as it was, or started afresh "
                "without resume."
            )
