"""Early stopping: training ends when what is watched has not become better for some epochs; the best weights are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from adlab.errors import InputError

__all__ = ["EarlyStopping"]


@dataclass(frozen=True)
class EarlyStopping:
    """When to stop.

    Attributes
    ----------
    patience : int
        So many epochs in a row may pass without a better one.
    monitor : str, optional
        A column of the history; by default the validation loss, or the loss where there is no validation data.
    least : float
        An epoch is better if it improves the best by more than this.
    mode : {"min", "max"}
        Whether smaller or larger is better.

    Examples
    --------
    >>> rule = EarlyStopping(patience=3, monitor="validation_accuracy", mode="max")
    >>> rule.better(0.9, than=0.8)
    True
    """

    patience: int = 10
    monitor: str | None = None
    least: float = 0.0
    mode: str = "min"

    def __post_init__(self) -> None:
        if isinstance(self.patience, bool) or not isinstance(self.patience, int) or self.patience < 1:
            raise InputError(
                f"The patience of early stopping is a number of epochs, at least 1, not {self.patience!r}."
            )
        if self.mode not in ("min", "max"):
            raise InputError(f"Early stopping watches for the 'min' or the 'max', not {self.mode!r}.")
        if not (math.isfinite(self.least) and self.least >= 0):
            raise InputError(f"The least improvement is a number from 0 up, not {self.least!r}.")

    def better(self, value: float, than: float) -> bool:
        """Return whether a value is better than the best so far, which is NaN at first."""
        if math.isnan(value):
            return False
        if math.isnan(than):
            return True
        return value < than - self.least if self.mode == "min" else value > than + self.least

    def column(self, names: tuple[str, ...]) -> str:
        """Return the column to watch; raise where the history has no such column."""
        wanted = self.monitor or ("validation_loss" if "validation_loss" in names else "loss")
        if wanted not in names:
            raise InputError(
                f"Early stopping watches {wanted!r}, which is not in the history; it has {', '.join(names)}."
            )
        return wanted
