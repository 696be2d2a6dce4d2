"""The swell meter: how large a function and its derivative become when they are written out, and when they are not.

Written as an expression, an intermediate result stands wherever it is used, and each product adds a term per factor:
sizes multiply from step to step. As a graph, a result is one node however often it is used; a sweep adds a few
operations per node, so value and derivative grow alike. The meter counts a family of functions both ways.

Sizes of expressions written out are found without writing them: in the carrier `WrittenOut` a value is nothing but
the size of its expression, so evaluating a graph, or sweeping through it, there gives sizes of any magnitude in
linear time. SymPy's own counts stand beside them while SymPy can keep up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY
from adlab.algebra.operators import Operators
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.methods.base import make_problem
from adlab.methods.symbolic import LIMIT, expressions_of
from adlab.transforms.costs import count_evaluation, count_forward, count_reverse
from adlab.transforms.evaluation import flatten_args
from adlab.transforms.sweeps import forward_sweep

Family = Callable[[int], Any]
"""A function of n that returns the n-th function: NumPy code, an expression string, a SymPy expression or a graph."""

HUGE = 10**300

MEASURES: Mapping[str, str] = {
    "tree": "value, written out",
    "derivative_tree": "derivative, written out",
    "sympy": "derivative by SymPy",
    "sympy_cse": "value and derivative by SymPy, common subexpressions once",
    "graph": "value, as a graph",
    "forward": "value and tangent, forward mode",
    "reverse": "value and adjoints, reverse mode",
}
"""What is counted, in words, by the name of the field in `SwellRow`."""


SHAPING = frozenset(("broadcast_to", "reshape", "cast"))
"""What fits arrays to each other, which nobody writes in a formula."""


# ----------------------------------------------------------------------------------------------- sizes as a carrier


class Size(Operators):
    """A value of which only the size of its expression is known: how many operations it has, written out."""

    __slots__ = ("operations",)
    __array_ufunc__ = None

    def __init__(self, operations: int) -> None:
        self.operations = operations

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return WRITTEN_OUT.apply(primitive, xs)

    def __repr__(self) -> str:
        return f"Size({self.operations})"


class WrittenOut(Algebra):
    """Evaluate to sizes of expressions in which nothing is shared.

    An operation on arrays counts once, as it does in an expression of arrays. A choice by cases counts with
    its condition and both branches.
    """

    def constant(self, constant: Constant) -> Any:
        """Return the size of a literal, which is no operation."""
        return Size(0)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return one operation more than the operands have together."""
        if primitive.composite:
            graph: Graph = dict(params)["graph"]
            return self.outputs(graph, self.run(graph, xs))[0]
        operation = primitive.name not in SHAPING
        return Size(operation + sum(x.operations for x in xs if isinstance(x, Size)))


WRITTEN_OUT = WrittenOut()
"""The carrier of sizes; it has no state."""


def written_out(graph: Graph, position: int | None = None) -> tuple[int, int]:
    """Return the operations of a graph's outputs as expressions, and of their derivatives by one input (or all) together.

    The derivative is what the sum, product and chain rules write, without any simplification but that a factor 1
    and a term 0 are not written.

    Examples
    --------
    >>> written_out(to_graph("sin(x*x)", ()).graph)
    (2, 4)
    """
    if any(not graph.type_of(j).dtype.kind == "f" for j in graph.outputs):
        raise InputError("The function returns a truth value, which has no derivative; return a number.")
    values = WRITTEN_OUT.run(graph, [Size(0) for _ in graph.inputs])
    value = sum(values[j].operations for j in graph.outputs if j >= 0)
    derivative = 0
    for k in range(len(graph.inputs)) if position is None else (position,):
        seeds = [1 if i == k else None for i in range(len(graph.inputs))]
        tangents = forward_sweep(graph, WRITTEN_OUT, values, seeds)
        found = (tangents[j] for j in graph.outputs if j >= 0)
        derivative += sum(tangent.operations for tangent in found if isinstance(tangent, Size))
    return value, derivative


# ------------------------------------------------------------------------------------------------------- the report


@dataclass(frozen=True)
class SwellRow:
    """Operation counts of one member of the family.

    Attributes
    ----------
    n : int
    tree : operations of the value as an expression, nothing shared
    derivative_tree : of the derivative, by the rules alone
    sympy : SymPy's ``count_ops`` of its derivative; None where it was not asked or gave up
    sympy_cse : the same of value and derivative together after ``sympy.cse``
    graph : operations of the graph
    forward, reverse : of value and derivative, by a pass of tangents or of adjoints
    """

    n: int
    tree: int
    derivative_tree: int
    sympy: int | None
    sympy_cse: int | None
    graph: int
    forward: int
    reverse: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; counts beyond the largest float are None, as JSON has no number for them."""
        return {name: None if count is None or count > HUGE else count for name, count in vars(self).items()}


@dataclass(frozen=True)
class Swell:
    """How a family of functions swells.

    Attributes
    ----------
    title : str
    rows : tuple of SwellRow
    notes : tuple of str
        Where a count stops and why.
    """

    title: str
    rows: tuple[SwellRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def steps(self) -> list[int]:
        """The members that were counted."""
        return [row.n for row in self.rows]

    def series(self, measure: str) -> list[int | None]:
        """Return one count per member, for a plot against `steps`.

        Raises
        ------
        InputError
            If there is no such measure.
        """
        if measure not in MEASURES:
            raise InputError(f"There is no count {measure!r}; the counts are {', '.join(MEASURES)}.")
        return [getattr(row, measure) for row in self.rows]

    def ratios(self, measure: str) -> list[float | None]:
        """Return by what factor a count grows from each member to the next; None where one is 0 or unknown."""
        counts = self.series(measure)
        return [
            _ratio(b, a) if a is not None and b is not None and a > 0 else None for a, b in pairwise(counts)
        ]

    def increments(self, measure: str) -> list[int | None]:
        """Return by how much a count grows from each member to the next."""
        counts = self.series(measure)
        return [b - a if a is not None and b is not None else None for a, b in pairwise(counts)]

    @property
    def sentence(self) -> str:
        """The growth in words, from the last two members."""
        if len(self.rows) < 2:
            return "One member says nothing of growth; count several."
        before, after = self.rows[-2], self.rows[-1]
        ratio = self.ratios("derivative_tree")[-1]
        tree = f"grows by a factor of {ratio:.3g}" if ratio is not None and ratio < math.inf else "grows"
        return (
            f"From n = {before.n} to {after.n} the derivative written out {tree}, to {_large(after.derivative_tree)} operations; "
            f"value and derivative in reverse mode grow by {after.reverse - before.reverse}, to {after.reverse:,}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "title": self.title,
            "measures": dict(MEASURES),
            "rows": [row.to_dict() for row in self.rows],
            "sentence": self.sentence,
            "notes": list(self.notes),
        }


def _large(count: int) -> str:
    """Return a count with separators, a huge one as a power of ten."""
    return f"{count:,}" if count < 10**12 else f"about 10^{int(count.bit_length() * math.log10(2))}"


def _ratio(count: int, before: int) -> float:
    """Return a quotient of counts that may themselves be beyond the largest float."""
    shift = max(before.bit_length() - 512, 0)
    try:
        return (count >> shift) / (before >> shift)
    except OverflowError:
        return math.inf


# --------------------------------------------------------------------------------------------------------- counting


def logistic(n: int) -> Callable[[Any], Any]:
    """Return the n-th iterate of the logistic map: l₁ = x, lₙ₊₁ = 4·lₙ·(1 − lₙ).

    Examples
    --------
    >>> logistic(2)(0.25)
    0.75
    """
    return iterated(lambda x: 4 * x * (1 - x), n)


def iterated(step: Any, n: int) -> Callable[[Any], Any]:
    """Return x ↦ step(step(… x …)), applied n − 1 times; ``step`` is code or an expression of one number.

    Examples
    --------
    >>> float(iterated("x*x", 3)(2.0))
    16.0
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise InputError(f"The member {n!r} cannot be counted: members of a family are numbered 1, 2, 3, ….")

    def member(x: Any) -> Any:
        for _ in range(n - 1):
            x = apply(x)
        return x

    apply = step if callable(step) and not isinstance(step, Graph) else _as_function(step)
    return member


def _as_function(step: Any) -> Callable[[Any], Any]:
    """Return an expression or graph of one scalar as a function."""
    from adlab.transforms.evaluation import call_graph

    graph = to_graph(step, ()).graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(
            f"A map that is iterated takes one number and returns one; this takes {', '.join(graph.inputs) or 'none'}."
        )
    return lambda x: call_graph(graph, (x,))


def _member(family: Family, n: int) -> Any:
    member = family(n)
    if isinstance(member, (int, float, complex, np.number, np.ndarray)):
        raise InputError(
            f"A family takes n and returns its n-th function; for n = {n} this one returned {member!r}. To iterate a map, "
            "give it as step=."
        )
    return member


def swell(
    family: Family | None = None,
    steps: Iterable[int] | int = 10,
    at: Sequence[Any] = (0.2,),
    *,
    limit: int = LIMIT,
    title: str = "",
) -> Swell:
    """Count the operations of a family of functions and of their derivatives.

    Parameters
    ----------
    family : callable, optional
        Takes n and returns the n-th function, in any form that becomes a graph; by default the logistic map
        l₁ = x, lₙ₊₁ = 4·lₙ·(1 − lₙ), as in the survey of Baydin et al. (JMLR 18, 2018).
    steps : int or iterable of int
        Which n; a number means 1, 2, …, up to it.
    at : sequence
        Example arguments, for shapes and branches.
    limit : int
        SymPy is not asked for derivatives of more operations than this; 0 leaves SymPy out.
    title : str

    Raises
    ------
    InputError
        If a member does not fit the arguments.

    Examples
    --------
    >>> report = swell(steps=6)
    >>> report.series("graph"), report.series("tree")
    ([0, 3, 6, 9, 12, 15], [0, 3, 9, 21, 45, 93])
    """
    numbers = range(1, steps + 1) if isinstance(steps, int) else list(steps)
    if not numbers:
        raise InputError("No member was asked for; give steps=10 or a list such as [1, 2, 4, 8].")
    made = logistic if family is None else family
    rows, notes, asked = [], [], limit > 0
    for n in numbers:
        graph = _graph_of(_member(made, n), at)
        found: tuple[int | None, int | None] = (None, None)
        if asked:
            try:
                found = _by_sympy(graph, at, limit)
            except AdlabError as error:
                asked = False
                notes.append(f"SymPy's counts stop before n = {n}. {error}")
        rows.append(_row(n, graph, found))
    default = "The logistic map, l₁ = x, lₙ₊₁ = 4·lₙ·(1 − lₙ)" if family is None else "Expression swell"
    return Swell(title or default, tuple(rows), tuple(notes))


def _graph_of(f: Any, at: Sequence[Any]) -> Graph:
    recording = to_graph(f, at)
    if recording.captured:
        raise InputError("swell takes functions of numbers; this one closes over a value of an open trace.")
    return recording.graph


def _row(n: int, graph: Graph, found: tuple[int | None, int | None]) -> SwellRow:
    tree, derivative = written_out(graph)
    value = count_evaluation(graph).total()
    forward = sum(count_forward(graph, k).total() for k in range(len(graph.inputs)))
    wrt = range(len(graph.inputs))
    reverse = sum(count_reverse(graph, j, wrt).total() for j in graph.outputs)
    return SwellRow(n, tree, derivative, *found, value, value + forward, value + reverse)


def _by_sympy(graph: Graph, at: Sequence[Any], limit: int) -> tuple[int, int]:
    """Return SymPy's counts of the derivatives, and of values and derivatives after its own elimination."""
    import sympy

    problem = make_problem(graph, flatten_args(graph, at), None, None, NUMPY)
    written = expressions_of(problem, limit)
    values = [expression for output in written.values for expression in output]
    derivatives = [entry for row in written.derivatives for block in row for entry in block]
    shared, reduced = sympy.cse([*values, *derivatives])
    once = sum(expression.count_ops() for _, expression in shared) + sum(e.count_ops() for e in reduced)
    return int(sum(e.count_ops() for e in derivatives)), int(once)
