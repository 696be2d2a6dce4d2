"""Elements side by side as they are kept in memory: what loops need that move elements and compute little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from adlab.compiler.body import Body
from adlab.compiler.elements import memory


class Access(NamedTuple):
    """Where an array begins, and the steps along the axes that are run over; dtype None is a table of integers."""

    pointer: str
    strides: tuple[int, ...]
    dtype: np.dtype[Any] | None


@dataclass(frozen=True)
class Row:
    """So many elements of a dtype side by side; truth values are bytes."""

    body: Body
    element: str
    count: int

    @property
    def type(self) -> str:
        """LLVM's type."""
        return self.element if self.count == 1 else f"<{self.count} x {self.element}>"

    @property
    def zero(self) -> str:
        """The literal 0, negative as far as numbers are concerned: it changes nothing that it is added to."""
        return "-0.0" if self.count == 1 else f"splat ({self.element} -0.0)"

    def load(self, pointer: str) -> str:
        """Return the elements at an address."""
        return self.body.emit(f"load {self.type}, ptr {pointer}, align {self._align}")

    def store(self, x: str, pointer: str) -> None:
        """Store elements at an address."""
        self.body.lines.append(f"store {self.type} {x}, ptr {pointer}, align {self._align}")

    def plus(self, x: str, y: str) -> str:
        """Return the sums of elements."""
        return self.body.emit(f"fadd {self.type} {x}, {y}")

    def shuffle(self, x: str, y: str, lanes: Sequence[int]) -> str:
        """Return elements picked from two vectors, those of the second counted on."""
        mask = ", ".join(f"i32 {k}" for k in lanes)
        return self.body.emit(
            f"shufflevector {self.type} {x}, {self.type} {y}, <{self.count} x i32> <{mask}>"
        )

    @property
    def _align(self) -> int:
        return {"double": 8, "float": 4, "i8": 1}[self.element]


def lanes_for(body: Body, dtype: np.dtype[Any] | None, count: int) -> Row:
    """Return how so many elements of a dtype are moved."""
    return Row(body, memory(dtype), count)
