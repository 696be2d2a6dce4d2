"""Forward mode: carry tangents along with values, one pass per input element.

The value of every node is computed once; each pass then seeds one input element with 1 and applies the rules
in program order, ẏ = Σ pᵢ·ẋᵢ, which is what evaluating with dual numbers does. A function of m inputs takes m
passes, however many outputs it has. Over numbers the tangents of an array input go through the program together,
in lanes, so that each partial is computed once for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from adlab.algebra.counting import Operations
from adlab.methods.base import (
    Cost,
    Derivative,
    Method,
    Problem,
    by_columns,
    lane_chunks,
    lane_seeds,
    lane_values,
    seed,
)
from adlab.transforms.batch import BatchAlgebra
from adlab.transforms.costs import count_evaluation, count_forward, times
from adlab.transforms.evaluation import evaluate_checked
from adlab.transforms.sweeps import forward_sweep


class Forward(Method):
    """Tangents, propagated with the values."""

    name = "forward"
    title = "Forward mode"

    def compute(self, problem: Problem, **options: Any) -> Derivative:
        """Return the Jacobian column by column."""
        values = evaluate_checked(problem.graph, problem.algebra, problem.args)
        columns = [self._block_column(problem, values, position) for position in problem.wrt]
        passes = sum(problem.graph.types[position].size for position in problem.wrt)
        return Derivative(
            self.name,
            problem.values_of(values),
            tuple(zip(*columns, strict=True)) if columns else tuple(() for _ in problem.outputs),
            Cost(1, passes, 0, Operations(lambda: _count(problem))),
        )

    def _block_column(self, problem: Problem, values: Sequence[Any], position: int) -> list[Any]:
        """Return the blocks of all outputs by one input."""
        graph, type = problem.graph, problem.graph.types[position]
        columns: list[list[Any]] = [[] for _ in problem.outputs]
        seeds: list[Any] = [None] * len(graph.inputs)
        for elements in lane_chunks(problem, type.size):
            lanes = BatchAlgebra(problem.algebra, len(elements))
            one = len(elements) == 1
            seeds[position] = (
                seed(problem.algebra, type, elements[0]) if one else lane_seeds(lanes, type, elements)
            )
            tangents = forward_sweep(graph, problem.algebra if one else lanes, values, seeds)
            for column, j in zip(columns, problem.outputs, strict=True):
                tangent = tangents[j] if j >= 0 else None
                column += [tangent] if one else lane_values(lanes, tangent)
        return [
            by_columns(problem.algebra, column, graph.type_of(j).shape, problem.block_type(j, position))
            for column, j in zip(columns, problem.outputs, strict=True)
        ]


def _count(problem: Problem) -> Counter[str]:
    graph = problem.graph
    total = count_evaluation(graph)
    for position in problem.wrt:
        total += times(count_forward(graph, position), graph.types[position].size)
    return total
