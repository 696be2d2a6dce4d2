"""An algebra is a carrier that a graph can be evaluated in.

It knows how to bring in a literal and how to apply a primitive; evaluating a graph is then one loop, the
same for numbers, symbols, fifty digits, dual numbers, formulas and traced variables. Every named function
of the table is also a method (``A.cos(x)``, ``A.sum(x, axis=0, keepdims=False)``), which is how derivative
rules are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.index import Index, stacked_indices
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import FLOAT64, Shape
from adlab.primitives import TABLE


class Algebra:
    """Base of all carriers: abstract in `constant` and `apply`."""

    def constant(self, constant: Constant) -> Any:
        """Return the carrier's value of a literal."""
        raise NotImplementedError

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the primitive applied to values of this carrier."""
        raise NotImplementedError

    def shape(self, value: Any) -> Shape:
        """Return the shape of a value."""
        return np.shape(value)

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the dtype a value computes in; carriers that know none say float64."""
        return FLOAT64

    def run(self, graph: Graph, inputs: Sequence[Any]) -> list[Any]:
        """Return the value of every node of the graph, given one value per input.

        Floating-point events are silent; their values are IEEE's and the reports point at them.
        """
        values: list[Any] = list(inputs)
        append, apply = values.append, self.apply
        constants = [self.constant(constant) for constant in graph.constants]
        start = len(graph.inputs)
        rows = zip(graph.primitives[start:], graph.operands[start:], graph.params[start:], strict=True)
        with np.errstate(all="ignore"):
            for primitive, operands, params in rows:
                append(apply(primitive, [values[j] if j >= 0 else constants[~j] for j in operands], params))
        return values

    def repeat(
        self,
        step: Callable[[int, list[Any]], tuple[list[Any], list[Any]]],
        carry: list[Any],
        order: Sequence[int],
    ) -> tuple[list[Any], list[list[Any]]]:
        """Return what a loop carries out, and what each step returns besides: ``carry, row = step(t, carry)``."""
        rows = []
        for t in order:
            carry, row = step(t, carry)
            rows.append(row)
        return carry, rows

    def scattered(self, parts: Sequence[tuple[Index, Any]], shape: Shape) -> Any:
        """Return the sum of many parts, each at its index in an array of zeros of ``shape``; None if there are none.

        Parts of one shape are stacked and put down together, so that the work grows with the parts, not with the parts
        times the array.
        """
        total = None
        for positions, index in stacked_indices([index for index, _ in parts], shape):
            values = [parts[k][1] for k in positions]
            value = values[0] if len(values) == 1 else self.stack(*values, axis=0)
            placed = self.index_add(value, index=index, shape=shape)
            total = placed if total is None else total + placed
        return total

    def outputs(self, graph: Graph, values: Sequence[Any]) -> list[Any]:
        """Return the outputs among the values that `run` returned."""
        return [values[j] if j >= 0 else self.constant(graph.constants[~j]) for j in graph.outputs]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in TABLE:
            kind = type(self).__name__
            raise AttributeError(f"{kind} has no function {name!r}: the rule table has no such row.")
        primitive = TABLE[name]

        def function(*xs: Any, **params: Any) -> Any:
            return self.apply(primitive, xs, tuple(sorted(params.items())) if params else ())

        self.__dict__[name] = function
        return function
