"""A function at a point with its reference: what every answer of a comparison is measured by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.errors import AdlabError, InputError
from adlab.ir.graph import Graph
from adlab.methods.base import Derivative
from adlab.methods.reference import Reference, absolute_error, reference, relative_error, ulps
from adlab.reports.differences import as_floats

EXACT_WORK = 300_000
"""So many elementwise operations may be carried out in many digits, which takes some ten seconds."""

Errors = tuple[float | None, float | None, float | None]
"""Relative error, absolute error and ulps, each the worst over all elements; None where nothing can be measured."""


class Question:
    """A function at a point, with its reference.

    Attributes
    ----------
    graph, values, positions, digits
        The function, the point, the inputs to differentiate by, and how many digits the reference has.
    exact : Reference or None
    missing : str
        Why there is no reference; empty if there is one.
    """

    def __init__(
        self, graph: Graph, values: tuple[Any, ...], positions: tuple[int, ...], digits: int
    ) -> None:
        self.graph, self.values, self.positions, self.digits = graph, values, positions, digits
        self.exact: Reference | None = None
        self.missing = ""
        try:
            self.exact = reference(graph, values, positions, digits=digits, work=EXACT_WORK)
        except InputError:
            raise
        except AdlabError as error:
            self.missing = str(error)

    def by_name(self, jacobians: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Return blocks by name of the input; a tuple of them where there are several outputs."""
        names = [self.graph.inputs[k] for k in self.positions]
        return {name: single([row[i] for row in jacobians]) for i, name in enumerate(names)}

    def errors(self, found: Derivative) -> Errors:
        """Return how far an answer is off, over all elements that have a derivative."""
        if self.exact is None:
            return None, None, None
        pairs = [
            (block[judged], exact[judged])
            for row, (blocks, exacts) in enumerate(zip(found.jacobians, self.exact.jacobians, strict=True))
            for column, (block, exact) in enumerate(
                zip(map(np.asarray, blocks), map(_objects, exacts), strict=True)
            )
            if (judged := self._judged(row, column, exact)).any()
        ]
        if not pairs:
            return None, None, None
        return (
            max(relative_error(block, exact) for block, exact in pairs),
            max(absolute_error(block, exact) for block, exact in pairs),
            max(ulps(block, exact, block.dtype) for block, exact in pairs),
        )

    def _judged(self, row: int, column: int, exact: Any) -> Any:
        """Return which elements of a block have a derivative: on a kink no number is right or wrong, and where
        the reference is NaN there is none.
        """
        assert self.exact is not None
        keep: Any = np.array(~np.isnan(as_floats(exact)))
        name = self.graph.inputs[self.positions[column]]
        for kink in self.exact.kinks:
            if kink.input == name and kink.output == row:
                keep[(..., *kink.element)] = False
        return keep

    def undefined(self) -> bool:
        """Return whether a value or derivative of the reference is NaN."""
        if self.exact is None:
            return True
        blocks = [*self.exact.values, *(block for row in self.exact.jacobians for block in row)]
        return any(bool(np.any(np.isnan(as_floats(block)))) for block in blocks)


def _objects(value: Any) -> Any:
    return np.asarray(value, dtype=object)


def single(values: Sequence[Any]) -> Any:
    """Return the only one of several values, or a tuple of them."""
    return values[0] if len(values) == 1 else tuple(values)


def mapped(value: Any, function: Callable[[Any], Any], listed: bool = False) -> Any:
    """Return ``function`` of every element; arrays stay arrays, or become nested lists."""
    if isinstance(value, tuple):
        return tuple(mapped(item, function, listed) for item in value)
    if not isinstance(value, np.ndarray):
        return function(value)
    if not value.size:
        return value.tolist() if listed else value.astype(np.float64)
    with np.errstate(
        all="ignore"
    ):  # NumPy takes the float of an infinite or undefined object for an invalid value
        result = np.vectorize(function, otypes=[object])(value)
    return result.tolist() if listed else result.astype(np.float64)
