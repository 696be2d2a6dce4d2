"""Long sequences whose items are made when they are asked for.

A trace of a million rows is a few columns of numbers; its rows, with formulas, would take gigabytes. So a long trace keeps the
columns and makes each row for whoever looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")

KEPT = 20_000
"""Sequences of up to so many items are made at once and kept."""


class Lazy(Sequence[T], Generic[T]):
    """The sequence of ``make(key)`` for each of the keys.

    Examples
    --------
    >>> squares = Lazy(lambda k: k * k, range(10**6))
    >>> len(squares), squares[3], list(squares[-2:])
    (1000000, 9, [999996000004, 999998000001])
    """

    def __init__(self, make: Callable[[int], T], keys: Sequence[int]) -> None:
        self.make = make
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Lazy[T]: ...

    def __getitem__(self, place: int | slice) -> T | Lazy[T]:
        if isinstance(place, slice):
            return Lazy(self.make, self.keys[place])
        return self.make(self.keys[place])


def made(make: Callable[[int], T], keys: Sequence[int]) -> Sequence[T]:
    """Return the items: a tuple of them, or a lazy sequence if there are many."""
    return tuple(map(make, keys)) if len(keys) <= KEPT else Lazy(make, keys)
