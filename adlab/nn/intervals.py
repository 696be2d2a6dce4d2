"""How often something is done: every so many epochs, steps, seconds or minutes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from adlab.errors import InputError

__all__ = ["Every"]

UNITS = {"epoch": 1.0, "step": 1.0, "second": 1.0, "minute": 60.0, "hour": 3600.0}


@dataclass(frozen=True)
class Every:
    """An interval.

    Attributes
    ----------
    count : float
        How many.
    unit : {"epoch", "step", "second"}
    """

    count: float
    unit: str

    @staticmethod
    def of(given: Any) -> Every:
        """Return the interval that a number of epochs, or words, say.

        Raises
        ------
        InputError
            If it is neither.

        Examples
        --------
        >>> Every.of(5), Every.of("10 minutes")
        (Every(count=5.0, unit='epoch'), Every(count=600.0, unit='second'))
        """
        if isinstance(given, Every):
            return given
        number, unit = given, "epoch"
        if isinstance(given, str):
            words = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*", given)
            number, unit = (float(words[1]), words[2]) if words else (0, "")
        whole = isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0
        if not whole or unit not in UNITS or (unit in ("epoch", "step") and number != int(number)):
            raise InputError(
                f"{given!r} does not say how often; give a number of epochs, or words such as '5 epochs', '200 steps', "
                "'10 minutes'."
            )
        return Every(float(number) * UNITS[unit], "second" if UNITS[unit] > 1 else unit)

    def after_epoch(self, epoch: int, seconds: float) -> bool:
        """Return whether it is time, at the end of an epoch, ``seconds`` after the last time."""
        if self.unit == "epoch":
            return epoch % int(self.count) == 0
        return self.unit == "second" and seconds >= self.count

    def after_step(self, step: int, seconds: float) -> bool:
        """Return whether it is time within an epoch, after a number of steps in all."""
        if self.unit == "step":
            return step % int(self.count) == 0
        return self.unit == "second" and seconds >= self.count
