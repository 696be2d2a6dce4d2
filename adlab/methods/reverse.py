"""Reverse mode: run the program once, then pull cotangents back through it, one pass per output element.

Every node's adjoint is the sum, over the nodes that use it, of the local partial times their adjoint. A
scalar function takes one pass, however many inputs it has; that is why networks are trained with it. Over
numbers the cotangents of an array output go back through the program together, in lanes.
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
    by_rows,
    lane_chunks,
    lane_seeds,
    lane_values,
    seed,
)
from adlab.transforms.batch import BatchAlgebra
from adlab.transforms.costs import count_evaluation, count_reverse, times
from adlab.transforms.evaluation import evaluate_checked
from adlab.transforms.sweeps import reverse_sweep


class Reverse(Method):
    """Adjoints, propagated against the order of the program."""

    name = "reverse"
    title = "Reverse mode"

    def compute(self, problem: Problem, **options: Any) -> Derivative:
        """Return the Jacobian row by row."""
        values = evaluate_checked(problem.graph, problem.algebra, problem.args)
        passes = sum(problem.graph.type_of(j).size for j in problem.outputs)
        return Derivative(
            self.name,
            problem.values_of(values),
            tuple(self._block_row(problem, values, j) for j in problem.outputs),
            Cost(1, 0, passes, Operations(lambda: _count(problem))),
        )

    def _block_row(self, problem: Problem, values: Sequence[Any], output: int) -> tuple[Any, ...]:
        """Return the blocks of one output by all inputs."""
        graph, type = problem.graph, problem.graph.type_of(output)
        rows: list[list[Any]] = [[] for _ in problem.wrt]
        for elements in lane_chunks(problem, type.size):
            lanes = BatchAlgebra(problem.algebra, len(elements))
            one = len(elements) == 1
            start = seed(problem.algebra, type, elements[0]) if one else lane_seeds(lanes, type, elements)
            carrier = problem.algebra if one else lanes
            adjoints = reverse_sweep(graph, carrier, values, [(output, start)], problem.wrt)
            for row, position in zip(rows, problem.wrt, strict=True):
                row += [adjoints[position]] if one else lane_values(lanes, adjoints[position])
        return tuple(
            by_rows(problem.algebra, row, graph.types[position].shape, problem.block_type(output, position))
            for row, position in zip(rows, problem.wrt, strict=True)
        )


def _count(problem: Problem) -> Counter[str]:
    graph = problem.graph
    total = count_evaluation(graph)
    for j in problem.outputs:
        total += times(count_reverse(graph, j, problem.wrt), graph.type_of(j).size)
    return total
