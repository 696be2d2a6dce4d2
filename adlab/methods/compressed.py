"""Sparse derivatives: find the pattern, colour it, take a few passes, put each number where it belongs.

The pattern and its colouring depend on the program only, not on the point: they are found at the first call and kept
with the function they belong to, in a `Plans`, for as long as the program stays the same. Where only literals differ at
which no pattern looks, the colouring is kept and the passes go through the new program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params
from adlab.ir.types import Type
from adlab.methods.direction import choose_direction
from adlab.transforms.batch import BatchAlgebra, lanes_at_once
from adlab.transforms.colouring import Compression, Reads, by_columns, by_rows, compress_hessian, peeled
from adlab.transforms.evaluation import algebra_for, evaluate_checked
from adlab.transforms.sparsity import hessian_pattern, jacobian_pattern, last_uses
from adlab.transforms.sweeps import forward_sweep, reverse_sweep, site_of

KEPT_PLANS = 8
"""How many programs one sparse derivative remembers: enough for the branches of a function and a few shapes."""


@dataclass(frozen=True)
class Plan:
    """What is known of a sparse derivative before the numbers.

    Attributes
    ----------
    key : Graph
        The program of the user's function.
    graph : Graph
        The program whose Jacobian is taken: the same, or its gradient for a Hessian.
    wrt : tuple of int
        Positions of the inputs, whose elements are the columns.
    compression : Compression
    literals : frozenset of int or None
        Which literals of the program must be the same numbers for the colouring to hold; None means all.
    sentence : str
        Which passes are taken instead of which.
    """

    key: Graph
    graph: Graph
    wrt: tuple[int, ...]
    compression: Compression
    literals: frozenset[int] | None
    sentence: str

    @cached_property
    def dropped(self) -> list[list[int]]:
        """For each node, the values that it uses last."""
        found: list[list[int]] = [[] for _ in range(len(self.graph))]
        for j, i in enumerate(last_uses(self.graph, self.graph.outputs)):
            if 0 <= i < len(self.graph):
                found[i].append(j)
        return found

    @cached_property
    def empty(self) -> Any:
        """The derivative as a ``csr_array`` without its numbers."""
        from scipy.sparse import csr_array

        pattern = self.compression.pattern
        data = np.zeros(pattern.nonzeros)
        return csr_array((data, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)

    def filled(self, data: np.ndarray[Any, Any]) -> Any:
        """Return the derivative with these numbers, in arrays of its own; SciPy looked at the pattern once."""
        whole = copy(self.empty)
        whole.data, whole.indices, whole.indptr = data, whole.indices.copy(), whole.indptr.copy()
        return whole

    def fitted(self, graph: Graph, wrt: tuple[int, ...]) -> Plan | None:
        """Return the plan for a program: this one, or one of the same colouring for other literals; None if neither."""
        if self.wrt != wrt or not same_program(self.key, graph, self.literals):
            return None
        if self.literals is None or same_program(self.key, graph):
            return self
        return replace(self, key=graph, graph=graph)


@dataclass
class Plans:
    """The plans of one sparse derivative, the one used last in front."""

    plans: list[Plan] = field(default_factory=list)

    def find(self, graph: Graph, wrt: tuple[int, ...]) -> Plan | None:
        """Return the plan for a program if it is known, or the pattern that it needs is."""
        for k, plan in enumerate(self.plans):
            fitted = plan.fitted(graph, wrt)
            if fitted is not None:
                del self.plans[k]
                return self.keep(fitted)
        return None

    def keep(self, plan: Plan) -> Plan:
        """Put a plan in front and return it."""
        self.plans = [plan, *self.plans][:KEPT_PLANS]
        return plan


def same_program(a: Graph, b: Graph, literals: frozenset[int] | None = None) -> bool:
    """Return whether two graphs apply the same operations in the same order to the same literals.

    Parameters
    ----------
    a, b : Graph
    literals : frozenset of int, optional
        The literals whose numbers matter; by default all. Types always matter.
    """
    if a is b:
        return True
    if (
        a.outputs != b.outputs
        or a.operands != b.operands
        or a.primitives != b.primitives
        or a.types != b.types
        or not all(map(_same_params, a.params, b.params))
        or a.in_tree != b.in_tree
        or a.out_tree != b.out_tree
        or [guard[:2] for guard in a.guards] != [guard[:2] for guard in b.guards]
        or [c.type for c in a.constants] != [c.type for c in b.constants]
    ):
        return False
    which = range(len(a.constants)) if literals is None else literals
    return all(_same_number(a.constants[k].value, b.constants[k].value) for k in which)


def _same_params(a: Params, b: Params) -> bool:
    """Return whether static parameters are equal; graphs among them by what they compute."""
    if a == b:
        return True
    return len(a) == len(b) and all(
        name == other
        and (
            x == y
            or (isinstance(x, Graph) and isinstance(y, Graph) and x.inputs == y.inputs and same_program(x, y))
        )
        for (name, x), (other, y) in zip(a, b, strict=True)
    )


def _same_number(a: Any, b: Any) -> bool:
    """Return whether two literals are the same bits."""
    return a is b or (type(a) is type(b) and np.asarray(a).tobytes() == np.asarray(b).tobytes())


# -------------------------------------------------------------------------------------------------------------- plans


def plan_jacobian(graph: Graph, wrt: tuple[int, ...], method: str = "auto") -> Plan:
    """Return the plan for a Jacobian: ``method`` is "forward", "reverse", or "auto" for the cheaper mixture."""
    check_direction(method)
    pattern = jacobian_pattern(graph, wrt)
    if method == "forward":
        found = by_columns(pattern)
    elif method == "reverse":
        found = by_rows(pattern)
    else:
        found = _cheapest(graph, wrt, by_columns(pattern), by_rows(pattern), peeled(pattern))
    return Plan(graph, graph, wrt, found, pattern.literals, _sentence(found))


def check_direction(method: str) -> None:
    """Raise InputError for a method that does not take passes."""
    if method not in ("auto", "forward", "reverse"):
        raise InputError(
            f"A sparse derivative is taken by passes, so its method is 'auto', 'forward' or 'reverse', not {method!r}."
        )


def _cheapest(
    graph: Graph, wrt: Sequence[int], forward: Compression, reverse: Compression, mixed: Compression | None
) -> Compression:
    """Return the compression that costs least; a mixture needs two kinds of pass, so it must save half of them."""
    if not forward.pattern.nonzeros:
        return forward
    choice = choose_direction(graph, wrt, graph.outputs, (forward.forward, reverse.reverse))
    pure = forward if choice.method == "forward" else reverse
    if choice.forced:
        return pure
    return mixed if mixed is not None and 2 * mixed.passes <= pure.passes else pure


def plan_hessian(graph: Graph, gradient: Graph, wrt: tuple[int, ...]) -> Plan:
    """Return the plan for a Hessian, given the gradient's graph with the same inputs."""
    found = compress_hessian(hessian_pattern(gradient, wrt))
    products = f"{found.forward:,} product" + ("" if found.forward == 1 else "s")
    sentence = f"{products} with the Hessian instead of {found.pattern.shape[1]:,}."
    return Plan(graph, gradient, wrt, found, None, sentence)


def _sentence(found: Compression) -> str:
    rows, columns = found.pattern.shape
    forward, reverse = _words(found.forward, "forward"), _words(found.reverse, "reverse")
    if found.forward and found.reverse:
        return f"{forward} and {reverse} instead of {_words(min(rows, columns), 'dense')}."
    if found.reverse:
        return f"{reverse} instead of {rows:,}."
    return f"{forward} instead of {columns:,}."


def _words(count: int, kind: str) -> str:
    return f"{count:,} {kind} pass" + ("" if count == 1 else "es")


# ------------------------------------------------------------------------------------------------------------ numbers


def compressed_derivative(plan: Plan, args: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return the numbers of a plan's entries at a point, in the order of its pattern."""
    graph, found = plan.graph, plan.compression
    dtype = np.result_type(*(graph.types[k].dtype for k in plan.wrt))
    data = np.zeros(found.pattern.nonzeros, dtype)
    one_run = lanes_at_once(graph, found.forward) >= found.forward
    if one_run and not found.reverse and not graph.guards:
        if found.forward:
            _read(data, found.from_forward, _single_run(plan, args))
        return data
    values = evaluate_checked(graph, NUMPY, args)
    if found.forward:
        _read(data, found.from_forward, _forward_passes(plan, values))
    if found.reverse:
        _read(data, found.from_reverse, _reverse_passes(plan, values))
    return data


def traced_derivative(plan: Plan, args: Sequence[Any]) -> Any:
    """Return the same numbers, computed in whatever the arguments are: over traced values, a graph to be compiled.

    All passes of a direction are taken at once, and the numbers picked from their results in one go.
    """
    graph, found, carrier = plan.graph, plan.compression, algebra_for(args)
    values = evaluate_checked(graph, carrier, args)
    parts, places, before = [], np.zeros(found.pattern.nonzeros, np.int64), 0
    for colours, reads, passes in (
        (found.forward, found.from_forward, _forward_pass),
        (found.reverse, found.from_reverse, _reverse_pass),
    ):
        if not colours:
            continue
        algebra = carrier if colours == 1 else BatchAlgebra(carrier, colours)
        results = passes(plan, algebra, values, 0)
        width = results.shape[1]
        here: Any = slice(None) if reads.entries is None else reads.entries
        places[here] = before + reads.passes * width + reads.elements
        parts.append(results.reshape(-1))
        before += colours * width
    if not parts:
        return np.zeros(found.pattern.nonzeros)
    flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return flat if np.array_equal(places, np.arange(before)) else flat[places]


def _read(data: Any, reads: Reads, passes: Iterator[tuple[int, Any]]) -> None:
    """Put the numbers of some passes in their places."""
    entries, whose, elements, straight = reads
    for start, results in passes:
        if straight and entries is None and results.shape[1] == len(data):
            data[:] = results[0]
            continue
        here: Any = slice(None)
        if len(results) <= whose.max(initial=0):
            here = np.flatnonzero((whose >= start) & (whose < start + len(results)))
        numbers = results[whose[here] - start, elements[here]]
        data[here if entries is None else entries[here]] = numbers


def _single_run(plan: Plan, args: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the tangents of one run that carries all passes, values and tangents side by side.

    What is not used again is let go at once, so that large arrays stay few and in the processor's cache: for a layer
    of 204,800 elements that halves the time.
    """
    graph = plan.graph
    ((start, _, algebra),) = _runs(graph, plan.compression.forward)
    values: list[Any] = list(args)
    tangents: list[Any] = _input_seeds(plan, algebra, start)
    constants = [NUMPY.constant(constant) for constant in graph.constants]
    with np.errstate(all="ignore"):
        for i in range(len(graph.inputs), len(graph)):
            operands = graph.operands[i]
            xs = [values[j] if j >= 0 else constants[~j] for j in operands]
            values.append(NUMPY.apply(graph.primitives[i], xs, graph.params[i]))
            given = [tangents[j] if j >= 0 else None for j in operands]
            rule = graph.primitives[i].rule
            if rule is None or all(tangent is None for tangent in given):
                tangents.append(None)
            else:
                tangents.append(rule.jvp(algebra, site_of(graph, i, values, constants), given))
            for j in plan.dropped[i]:
                values[j] = tangents[j] = None
    yield (
        start,
        _gathered(algebra, [tangents[j] if j >= 0 else None for j in graph.outputs], graph.output_types),
    )


def _forward_passes(plan: Plan, values: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the first colour of a run of passes, and for each pass the tangents of all outputs in one row."""
    for start, _, algebra in _runs(plan.graph, plan.compression.forward):
        yield start, _forward_pass(plan, algebra, values, start)


def _forward_pass(plan: Plan, algebra: Any, values: Sequence[Any], start: int) -> Any:
    graph = plan.graph
    tangents = forward_sweep(graph, algebra, values, _input_seeds(plan, algebra, start))
    parts = [tangents[j] if j >= 0 else None for j in graph.outputs]
    return _gathered(algebra, parts, graph.output_types)


def _input_seeds(plan: Plan, algebra: Any, start: int) -> list[Any]:
    """Return the seeds of a run of forward passes, one value per input, None for those held fixed."""
    types = plan.graph.input_types
    seeds: list[Any] = [None] * len(types)
    for k, span in zip(plan.wrt, spans([types[k] for k in plan.wrt]), strict=True):
        seeds[k] = _seeds(algebra, plan.compression.columns[span], start, types[k])
    return seeds


def _reverse_passes(plan: Plan, values: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the same for adjoints of the inputs."""
    for start, _, algebra in _runs(plan.graph, plan.compression.reverse):
        yield start, _reverse_pass(plan, algebra, values, start)


def _reverse_pass(plan: Plan, algebra: Any, values: Sequence[Any], start: int) -> Any:
    graph = plan.graph
    seeds = [
        (j, _seeds(algebra, plan.compression.rows[span], start, type))
        for j, span, type in zip(graph.outputs, spans(graph.output_types), graph.output_types, strict=True)
    ]
    adjoints = reverse_sweep(graph, algebra, values, seeds, plan.wrt)
    return _gathered(algebra, [adjoints[k] for k in plan.wrt], [graph.types[k] for k in plan.wrt])


def _runs(graph: Graph, colours: int) -> Iterator[tuple[int, int, Any]]:
    """Yield (first colour, how many, carrier) of passes that are taken together; a single one needs no lanes."""
    size = lanes_at_once(graph, colours)
    for start in range(0, colours, size):
        count = min(size, colours - start)
        yield start, count, NUMPY if count == 1 else BatchAlgebra(NUMPY, count)


def spans(types: Sequence[Type]) -> list[slice]:
    """Return where the elements of each value stand when all are in one row."""
    stops = np.cumsum([0, *(type.size for type in types)]).tolist()
    return [slice(a, b) for a, b in pairwise(stops)]


def _seeds(algebra: Any, colours: Any, start: int, type: Type) -> Any:
    """Return ones at the elements of the colours of a run."""
    if isinstance(algebra, BatchAlgebra):
        seeds = colours == np.arange(start, start + algebra.size)[:, None]
        return algebra.lanes(seeds.astype(type.dtype).reshape(algebra.size, *type.shape))
    return (colours == start).astype(type.dtype).reshape(type.shape)[()]


def _gathered(algebra: Any, parts: Sequence[Any], types: Sequence[Type]) -> Any:
    """Return the results of a run of passes as a matrix: a row per pass, all values side by side."""
    count = algebra.size if isinstance(algebra, BatchAlgebra) else 1
    flat = []
    for part, type in zip(parts, types, strict=True):
        if part is None:
            flat.append(np.zeros((count, type.size), type.dtype))
            continue
        value = algebra.spread(part) if isinstance(algebra, BatchAlgebra) else part
        flat.append(np.reshape(value, (count, type.size)))
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)


__all__ = [
    "Plan",
    "Plans",
    "check_direction",
    "compressed_derivative",
    "plan_hessian",
    "plan_jacobian",
    "same_program",
    "spans",
    "traced_derivative",
]
