"""What the four differentiators have in common: one question, one shape of answer, one way to state the cost.

The question is always the same: a graph, a point, the inputs to differentiate by. The answer is the value
and, for each pair of an output and an input, the Jacobian block of shape ``output.shape + input.shape``. How
it is found is all that differs. The carrier of the numbers is free (``algebra``): over NumPy a method gives
numbers, over traced variables it writes a graph, so that every method can be differentiated by every other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY, NumpyAlgebra
from adlab.algebra.traced import GraphAlgebra, Traced
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL, FLOAT64, Shape, Type
from adlab.transforms.batch import BatchAlgebra, lanes_at_once
from adlab.transforms.evaluation import as_result, fit

Blocks = tuple[tuple[Any, ...], ...]
"""One row per output, one block per input, each of shape ``output.shape + input.shape``."""


@dataclass(frozen=True)
class Cost:
    """What a derivative took.

    Attributes
    ----------
    evaluations : int
        How often the function was evaluated.
    forward_passes, reverse_passes : int
        Sweeps of tangents and of adjoints through the graph; a sweep that carries k of them at once counts k.
    operations : mapping of str to int
        Elementary operations by kind, all evaluations and passes together; counted when first looked at.
    """

    evaluations: int = 0
    forward_passes: int = 0
    reverse_passes: int = 0
    operations: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "evaluations": self.evaluations,
            "forward_passes": self.forward_passes,
            "reverse_passes": self.reverse_passes,
            "operations": dict(self.operations),
        }


@dataclass(frozen=True)
class Derivative:
    """What a method answers.

    Attributes
    ----------
    method : str
    values : tuple
        The outputs that were asked for.
    jacobians : tuple of tuples
        One row per output, one block per input.
    cost : Cost
    error : tuple of tuples or None
        The method's own error bar, block by block, if it has one.
    notes : tuple of str
        Sentences a reader should know, such as that a difference was taken on one side only.
    steps : mapping of (input, flat element) to float
        Steps of differences that are not the default ones.
    """

    method: str
    values: tuple[Any, ...]
    jacobians: Blocks
    cost: Cost
    error: Blocks | None = None
    notes: tuple[str, ...] = ()
    steps: Mapping[tuple[int, int], float] = field(default_factory=dict)


class Method(ABC):
    """A way to differentiate.

    Attributes
    ----------
    name : the word by which users choose it
    title : a heading
    options : keyword arguments that `derivative` takes besides its own
    """

    name: ClassVar[str]
    title: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def compute(self, problem: Problem, **options: Any) -> Derivative:
        """Answer the question; the arguments are known to fit."""

    def derivative(
        self,
        graph: Graph,
        args: Sequence[Any],
        wrt: Sequence[int | str] | None = None,
        outputs: Sequence[int] | None = None,
        *,
        algebra: Algebra = NUMPY,
        **options: Any,
    ) -> Derivative:
        """Return values and Jacobian blocks at a point.

        Parameters
        ----------
        graph : Graph
        args : sequence
            One value per input of the graph, as numbers and arrays of ``algebra``.
        wrt : sequence of int or str, optional
            Positions or names of the inputs to differentiate by; by default all that hold real numbers.
        outputs : sequence of int, optional
            Positions of the outputs; by default all.
        algebra : Algebra
            The carrier to compute in.
        **options
            What the method itself offers; see its documentation.

        Raises
        ------
        InputError
            For an option that the method does not have, and for arguments that do not fit the graph.
        """
        self.check_options(options)
        return self.compute(make_problem(graph, args, wrt, outputs, algebra), **options)

    def check_options(self, given: Mapping[str, Any]) -> None:
        """Raise InputError for an option that this method does not have."""
        for option in given:
            if option not in self.options:
                allowed = f"its options are {', '.join(self.options)}" if self.options else "it takes none"
                raise InputError(f"The method {self.name!r} has no option {option!r}; {allowed}.")


@dataclass(frozen=True)
class Problem:
    """A question whose parts are known to fit together.

    Attributes
    ----------
    graph, args, algebra : as given, the arguments with the types of the inputs
    wrt : positions of inputs
    outputs : operands of the graph that are wanted
    """

    graph: Graph
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    outputs: tuple[int, ...]
    algebra: Algebra

    def values_of(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the wanted outputs among the values of all nodes, as the user gets them."""
        constants, algebra = self.graph.constants, self.algebra
        found = [values[j] if j >= 0 else algebra.constant(constants[~j]) for j in self.outputs]
        return tuple(as_result(v, self.graph.type_of(j)) for v, j in zip(found, self.outputs, strict=True))

    def block_type(self, output: int, position: int) -> Type:
        """Return shape and dtype of one Jacobian block."""
        target = self.graph.types[position]
        return Type(self.graph.type_of(output).shape + target.shape, target.dtype)


def make_problem(
    graph: Graph,
    args: Sequence[Any],
    wrt: Sequence[int | str] | None,
    outputs: Sequence[int] | None,
    algebra: Algebra,
) -> Problem:
    """Return a checked question, or raise InputError."""
    if len(args) != len(graph.inputs):
        raise InputError(
            f"The graph takes {len(graph.inputs)} arguments ({', '.join(graph.inputs[:12])}); {len(args)} "
            "were given."
        )
    fitted = tuple(
        fit(x, name, type) for x, name, type in zip(args, graph.inputs, graph.input_types, strict=True)
    )
    real = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL]
    positions = tuple(real if wrt is None else [position_of(graph, which) for which in wrt])
    for k in positions:
        if k not in real:
            raise InputError(
                f"{graph.inputs[k]} is bool: there is no derivative by a truth value; pass a float."
            )
    chosen = tuple(graph.outputs[k] for k in (range(len(graph.outputs)) if outputs is None else outputs))
    if any(graph.type_of(j).dtype == BOOL for j in chosen):
        raise InputError("The function returns a truth value, which has no derivative; return a number.")
    return Problem(graph, fitted, positions, chosen, algebra)


def position_of(graph: Graph, which: int | str) -> int:
    """Return the position of an input given by position or name, or raise InputError."""
    if isinstance(which, str):
        if which not in graph.inputs:
            raise InputError(f"There is no input {which!r}; the inputs are {', '.join(graph.inputs)}.")
        return graph.inputs.index(which)
    if not -len(graph.inputs) <= which < len(graph.inputs):
        raise InputError(f"There is no input number {which}; the inputs are {', '.join(graph.inputs)}.")
    return int(which) % len(graph.inputs)


# ------------------------------------------------------------------------------------------- seeds and blocks


def seed(algebra: Algebra, type: Type, element: int) -> Any:
    """Return the basis value with a one at a flat position.

    For a scalar it is 1; in a trace of float64 the bare integer, with which rules write no multiplication, and which
    would turn one of float32 into float64.
    """
    if not type.shape:
        return 1 if isinstance(algebra, GraphAlgebra) and type.dtype == FLOAT64 else type.dtype.type(1)
    basis = np.zeros(type.size, type.dtype)
    basis[element] = 1
    return basis.reshape(type.shape)


def lane_chunks(problem: Problem, count: int) -> Iterator[range]:
    """Yield the elements 0 … ``count`` − 1 in runs that one pass carries together.

    A trace carries one at a time, so that the graph it writes keeps the literal seed 1 and stays readable. Over
    numbers a run is as long as `adlab.transforms.batch.LANE_BYTES` allows.
    """
    over_numbers = isinstance(problem.algebra, NumpyAlgebra)
    size = lanes_at_once(problem.graph, count) if over_numbers else 1
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def lane_seeds(algebra: BatchAlgebra, type: Type, elements: range) -> Any:
    """Return one basis value per lane, with a one at the flat position that the lane stands for."""
    basis = np.zeros((len(elements), type.size), type.dtype)
    basis[np.arange(len(elements)), elements] = 1
    return algebra.lanes(basis.reshape(len(elements), *type.shape))


def lane_values(algebra: BatchAlgebra, value: Any) -> list[Any]:
    """Return a result of every lane; None, that is no dependence, for each where there is none."""
    return [None] * algebra.size if value is None else list(algebra.spread(value))


def by_rows(algebra: Algebra, rows: Sequence[Any], shape: Shape, type: Type) -> Any:
    """Return the block of ``type`` whose ``rows`` are derivatives of one output element each; ``shape`` is
    the input's.
    """
    if len(rows) == 1 and type.shape == shape:
        return whole(rows[0], type)
    if isinstance(algebra, GraphAlgebra) and rows:
        filled = [_zeros(shape, type) if row is None else row for row in rows]
        return as_result(algebra.reshape(algebra.stack(*filled, axis=0), shape=type.shape), type)
    block = np.zeros((len(rows), *shape), type.dtype)
    for k, row in enumerate(rows):
        if row is not None:
            block[k] = row
    return block.reshape(type.shape)


def by_columns(algebra: Algebra, columns: Sequence[Any], shape: Shape, type: Type) -> Any:
    """Return the block of ``type`` whose ``columns`` are derivatives by one input element each; ``shape`` is
    the output's.
    """
    if len(columns) == 1 and type.shape == shape:
        return whole(columns[0], type)
    if isinstance(algebra, GraphAlgebra) and columns:
        filled = [_zeros(shape, type) if column is None else column for column in columns]
        return as_result(algebra.reshape(algebra.stack(*filled, axis=len(shape)), shape=type.shape), type)
    block = np.zeros((*shape, len(columns)), type.dtype)
    for k, column in enumerate(columns):
        if column is not None:
            block[..., k] = column
    return block.reshape(type.shape)


def whole(value: Any, type: Type) -> Any:
    """Return a derivative as a result of ``type``; None, that is no dependence, as zeros."""
    if value is None:
        return _zeros(type.shape, type)
    if isinstance(value, Traced):
        return as_result(value, type)
    if np.shape(value) != type.shape:
        value = np.broadcast_to(value, type.shape)
    return as_result(value, type)


def _zeros(shape: Shape, type: Type) -> Any:
    return np.zeros(shape, type.dtype)[()]
