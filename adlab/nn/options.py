"""Checks of options, each with a sentence that says what is allowed."""

from __future__ import annotations

import math
from typing import Any

from adlab.errors import InputError


def positive(name: str, value: Any) -> None:
    """Raise InputError unless a number is finite and greater than 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise InputError(f"{name} is a number greater than 0, not {value!r}.")


def share(name: str, value: Any) -> None:
    """Raise InputError unless 0 ≤ value < 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise InputError(f"{name} lies from 0 up to, but without, 1; it is {value!r}.")


def whole(name: str, value: Any) -> None:
    """Raise InputError unless a number is whole and at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} is a whole number from 1 up, not {value!r}.")


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raise InputError unless a value is one of the allowed words."""
    if value not in allowed:
        raise InputError(f"{name} is {' or '.join(map(repr, allowed))}, not {value!r}.")
