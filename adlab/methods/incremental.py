"""A graph evaluated again after one element of one input has moved: only what that element reaches is computed.

Moving one of n elements usually leaves most of a program as it was: the other elements of an elementwise operation,
the other rows of a product, the branch of a sum that reads another input. In fifty digits and more every element
is an object, and a number that did not change is the very same object; so what changed is found by identity, for
scalars, arrays and slices alike, and no knowledge of derivatives is needed.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.errors import MethodError
from adlab.ir.graph import Graph

MOVES = 16
"""Elementwise operations take some sixteen times as long as adding, multiplying or moving a number."""


class Work:
    """How much is done in many digits, counted in elementwise operations, and how much may be.

    Attributes
    ----------
    limit : int or None
    done : float
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.done = 0.0

    def add(self, operations: float) -> None:
        """Count operations that are about to be carried out; raise `MethodError` if they are too many."""
        self.done += operations
        if self.limit is not None and self.done > self.limit:
            raise MethodError(
                f"the derivatives to so many digits take more than {self.limit:,} operations here, one evaluation and more "
                "for each element of the inputs; ask for fewer inputs or a smaller program."
            )


_IS_NOT = np.frompyfunc(operator.is_not, 2, 1)


class Incremental:
    """A graph with the value of every node at a point, in a carrier of mpmath numbers.

    Attributes
    ----------
    graph, carrier, work
    values : list
        The value of every node at the point.
    """

    def __init__(
        self, graph: Graph, carrier: MpmathAlgebra, args: Sequence[Any], work: Work | None = None
    ) -> None:
        self.graph = graph
        self.carrier = carrier
        self.work = Work(None) if work is None else work
        self.work.add(sum(map(self._cost, range(len(graph.inputs), len(graph)))))
        self.values = carrier.run(graph, args)
        self._constants = [carrier.constant(constant) for constant in graph.constants]
        self._users: dict[int, list[int]] = {}
        self._finite: dict[int, bool] = {}

    def operand(self, changed: Mapping[int, Any], operand: int) -> Any:
        """Return the value of an operand after the move."""
        if operand < 0:
            return self._constants[~operand]
        return changed[operand] if operand in changed else self.values[operand]

    def moved(self, inputs: Mapping[int, Any]) -> dict[int, Any]:
        """Return the nodes whose values change, with their new values, when inputs take other values.

        Parameters
        ----------
        inputs : mapping of position to value
            Elements that stay are the same objects as before.
        """
        changed = dict(inputs)
        with np.errstate(all="ignore"):
            for i in self._reached(tuple(inputs)):
                if any(j in changed for j in self.graph.operands[i]):
                    value = self._node(i, changed)
                    if _differs(value, self.values[i]):
                        changed[i] = value
        return changed

    def _reached(self, inputs: tuple[int, ...]) -> list[int]:
        """Return the nodes that depend on one of the inputs, in program order."""
        if len(inputs) > 1:
            return sorted({i for k in inputs for i in self._reached((k,))})
        (start,) = inputs
        if start not in self._users:
            reached = {start}
            for i in range(len(self.graph.inputs), len(self.graph)):
                if not reached.isdisjoint(self.graph.operands[i]):
                    reached.add(i)
            self._users[start] = sorted(reached - {start})
        return self._users[start]

    def _cost(self, i: int) -> float:
        """Return what a node takes, in elementwise operations."""
        graph, size = self.graph, self.graph.types[i].size
        if graph.primitives[i].elementwise:
            return size
        operands = [graph.type_of(j) for j in graph.operands[i]]
        if graph.primitives[i].name == "matmul":
            return size * operands[0].shape[-1] / MOVES
        return (size + sum(type.size for type in operands)) / MOVES

    def _node(self, i: int, changed: Mapping[int, Any]) -> Any:
        """Return a node's new value, computing no more of it than must be."""
        graph, operands = self.graph, self.graph.operands[i]
        primitive, params = graph.primitives[i], graph.params[i]
        xs = [self.operand(changed, j) for j in operands]
        old = [self.operand({}, j) for j in operands]
        if primitive.elementwise and graph.types[i].shape:
            return self._elements(i, xs, old)
        if primitive.name == "matmul":
            found = self._product(i, xs, old)
            if found is not None:
                return found
        self.work.add(self._cost(i))
        return self.carrier.apply(primitive, xs, params)

    def _elements(self, i: int, xs: Sequence[Any], old: Sequence[Any]) -> Any:
        """Return an elementwise node: elements computed anew where an operand's changed."""
        shape = self.graph.types[i].shape
        touched = np.zeros(shape, bool)
        for x, before in zip(xs, old, strict=True):
            if x is not before:
                touched |= _other(x, before)
        new = np.array(self.values[i], dtype=object)
        self.work.add(int(np.count_nonzero(touched)))
        if touched.any():
            parts = [np.broadcast_to(np.asarray(x, dtype=object), shape)[touched] for x in xs]
            new[touched] = self.carrier.apply(self.graph.primitives[i], parts, self.graph.params[i])
        return new

    def _product(self, i: int, xs: Sequence[Any], old: Sequence[Any]) -> Any:
        """Return a matrix product Σₖ aₖbₖ with only those terms replaced in which a or b changed; None where most
        did, or where ∞ forbids to take a term out again.
        """
        (a, b), (a0, b0) = xs, old
        touched = _touched(a, a0, a.ndim - 1) | _touched(b, b0, max(b.ndim - 2, 0))
        if 2 * np.count_nonzero(touched) > touched.size or not self._all_finite(i):
            return None
        self.work.add(2 * self._cost(i) * int(np.count_nonzero(touched)) / touched.size)
        new, gone = (_terms(left, right, touched) for left, right in ((a, b), (a0, b0)))
        return self.values[i] + (new - gone)

    def _all_finite(self, i: int) -> bool:
        """Return whether a node and its operands are finite at the point."""
        if i not in self._finite:
            finite = self.carrier.library.isfinite
            given = [self.values[i], *(self.operand({}, j) for j in self.graph.operands[i])]
            self._finite[i] = all(finite(element) for x in given for element in np.ravel(x))
        return self._finite[i]


def _touched(x: Any, before: Any, axis: int) -> Any:
    """Return at which places along an axis anything changed."""
    if x is before:
        return np.zeros(x.shape[axis], bool)
    return np.any(_other(x, before), axis=tuple(k for k in range(x.ndim) if k != axis))


def _terms(a: Any, b: Any, touched: Any) -> Any:
    """Return the part of a matrix product that some of the contracted places make."""
    return np.matmul(a[..., touched], b.compress(touched, axis=max(b.ndim - 2, 0)))


def _other(new: Any, old: Any) -> Any:
    """Return which elements are other objects than before."""
    return np.asarray(_IS_NOT(new, old), dtype=bool)


def _differs(new: Any, old: Any) -> bool:
    """Return whether a value holds an element that is another object than before."""
    if new is old:
        return False
    if not np.ndim(new) and not np.ndim(old):
        return bool(new != old)
    return bool(np.any(_other(new, old)))
