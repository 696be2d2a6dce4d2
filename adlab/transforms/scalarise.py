"""A graph of small arrays becomes a graph of scalars: what moves elements dissolves, what computes is written out.

While the graph is read, the value of an array is an array of operands: for each element, the scalar node or literal that
computes it. So rows that move elements (reshape, index, stack, …) are NumPy's own functions on these integers and
leave nothing behind; elementwise rows write one node per element; sums, products of matrices and the like write their
terms. All is written through `Simplifier`, so elements that are equal are one node and ones and zeros fold.

The adjoint of an array from which a loop picks elements is a long sum of arrays that are zero but for one element. The
value of such a sum is kept as a dictionary of the elements that are there, the smaller joined into the larger: n picks
cost n, not n².

Two things are not bit for bit what NumPy does. A sum of more than 8 terms is taken in pairs, as NumPy takes long
contiguous ones, so its rounding error grows with log n; and a zero that only stands where nothing was put (the rest of an
`index_add`, the start of a sum) is not added, so that where NumPy says +0 for a sum of it and −0, this says −0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adlab.algebra.numpy import implementation
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.types import Shape, Type
from adlab.transforms.expansions import (
    ADD,
    EACH_ELEMENT,
    WIRING,
    WRITTEN_OUT,
    At,
    Sparse,
    Value,
    array,
    converted,
    dense,
    each_element,
    elements,
)
from adlab.transforms.simplify import Simplifier

MARGIN = 4
"""How many times the limit the estimated operations may be before anything is written; simplifying saves some."""


def scalarised(graph: Graph, limit: int) -> Graph | None:
    """Return a graph of scalars that computes the elements of the outputs, or None.

    Parameters
    ----------
    graph : Graph
    limit : int
        How many operations the result may have.

    Returns
    -------
    Graph or None
        One input for each element of each input, called ``x[0]``, ``W[0, 1]``, …; one output for each element of each
        output, in C order (`recomposed` says which belong together). The guards are those of ``graph``. None
        where there would be more operations or an array of more elements than ``limit``, or where a row has no
        form in scalars (sorting, solving, loops).

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda x: x @ x, (np.array([1.0, 2.0]),)).graph
    >>> scalars = scalarised(graph, 100)
    >>> scalars.inputs, [node.primitive.name for node in scalars]
    (('x[0]', 'x[1]'), ['input', 'input', 'square', 'square', 'add'])
    """
    if not _is_within(graph, limit):
        return None
    scalariser = Scalariser(graph)
    start = len(graph.inputs)
    most = len(scalariser.writer) + limit
    for i in range(start, len(graph)):
        scalariser.read(i)
        if len(scalariser.writer) > most:
            return None
    return scalariser.finish()


def recomposed(graph: Graph, scalars: Graph) -> tuple[tuple[Shape, tuple[int, ...]], ...]:
    """Return, for each output of ``graph``, its shape and the operands of ``scalars`` that are its elements in C order.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda x: (x + 1, x[0]), (np.array([1.0, 2.0]),)).graph
    >>> recomposed(graph, scalarised(graph, 100))
    (((2,), (2, 3)), ((), (0,)))
    """
    operands = iter(scalars.outputs)
    return tuple((type.shape, tuple(itertools.islice(operands, type.size))) for type in graph.output_types)


class Scalariser:
    """The reading of one graph.

    Parameters
    ----------
    graph : Graph
        All its rows are known to have a form in scalars.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.writer = Simplifier(graph)
        self.values: list[Value] = self._inputs()
        self._literals: dict[int, Value] = {}
        self._uses = _use_counts(graph)

    def read(self, i: int) -> None:
        """Write out node ``i``."""
        graph, writer = self.graph, self.writer
        writer.scope, writer.line = graph.scope_ids[i], graph.source_ids[i]
        primitive, operands, type = graph.primitives[i], graph.operands[i], graph.types[i]
        given = [self.values[j] if j >= 0 else self._literal(j) for j in operands]
        if primitive.elementwise and not type.shape:
            scalars: tuple[int, ...] = tuple(given)  # type: ignore[arg-type]
            self.values.append(writer.write(primitive, scalars, graph.params[i], type))
            return
        types = tuple([graph.type_of(j) for j in operands])
        at = At(primitive, type, types, dict(graph.params[i]))
        found = self._sparse_sum(at, operands, given)
        if found is None:
            found = self._written(at, [dense(writer, v, t) for v, t in zip(given, types, strict=True)])
        self.values.append(found)

    def finish(self) -> Graph:
        """Return the graph of scalars."""
        graph, writer = self.graph, self.writer
        outputs: list[int] = []
        for j in graph.outputs:
            value = self.values[j] if j >= 0 else self._literal(j)
            outputs += elements(dense(writer, value, graph.type_of(j)))
        followed = {guard.operand for guard in graph.guards}
        new = {j: int(self.values[j] if j >= 0 else self._literal(j)) for j in followed}  # type: ignore[arg-type]
        return writer.replacement(new, outputs, nested=False)

    def _inputs(self) -> list[Value]:
        values: list[Value] = []
        taken: set[str] = set()
        for name, type in zip(self.graph.inputs, self.graph.input_types, strict=True):
            nodes = []
            for element in element_names(name, type.shape):
                while element in taken:
                    element += "′"
                taken.add(element)
                nodes.append(self.writer.input(element, Type((), type.dtype)))
            values.append(np.array(nodes, np.intp).reshape(type.shape) if type.shape else nodes[0])
        return values

    def _literal(self, operand: int) -> Value:
        found = self._literals.get(operand)
        if found is None:
            found = self._literals[operand] = literal(self.writer, self.graph.constants[~operand])
        return found

    def _sparse_sum(self, at: At, operands: Sequence[int], given: Sequence[Value]) -> Value | None:
        """Return the sum of two arrays if one of them is sparse, the larger taken over if nothing else needs it."""
        if at.primitive is not ADD or any(type != at.type for type in at.types):
            return None
        a, b = given
        if isinstance(a, Sparse) and isinstance(b, Sparse):
            if len(a.entries) < len(b.entries):
                (a, b), operands = (b, a), operands[::-1]
            entries = a.entries if self._uses[operands[0]] == 1 else dict(a.entries)
            for place, x in b.entries.items():
                other = entries.get(place)
                entries[place] = x if other is None else self.writer.write(ADD, (other, x), (), at.scalar)
            return Sparse(a.shape, entries)
        if isinstance(a, Sparse):
            a, b = b, a
        if not isinstance(b, Sparse):
            return None
        sums = np.array(a, np.intp)
        flat = sums.reshape(-1)
        for place, x in b.entries.items():
            flat[place] = self.writer.write(ADD, (int(flat[place]), x), (), at.scalar)
        return sums

    def _written(self, at: At, given: Sequence[Any]) -> Value:
        """Return the operands of the result, given those of the node's operands."""
        writer, name = self.writer, at.primitive.name
        if at.primitive.elementwise or name in EACH_ELEMENT:
            return each_element(writer, at, given)
        if name in WIRING:
            moved = [converted(writer, v, t, at.type) for v, t in zip(given, at.types, strict=True)]
            found = implementation(at.primitive)(*moved, **at.params)
            return found if at.type.shape else int(found)
        return WRITTEN_OUT[name](writer, at, *given)


def element_names(name: str, shape: Shape) -> Iterator[str]:
    """Yield the names of the elements of an array in C order; a scalar's is its own."""
    if not shape:
        yield name
    for place in np.ndindex(*shape) if shape else ():
        yield f"{name}[{', '.join(map(str, place))}]"


def literal(writer: Simplifier, constant: Constant) -> Value:
    """Return the operands of a literal of the old graph."""
    value, type = constant
    if not isinstance(value, np.ndarray):
        return writer.old_literal(constant)
    numbers = np.asarray(value, type.dtype).ravel().tolist()
    return array([writer.literal(number, type.dtype) for number in numbers], type.shape)


def _use_counts(graph: Graph) -> list[int]:
    counts = [0] * len(graph)
    followed = (guard.operand for guard in graph.guards)
    for j in itertools.chain(graph.outputs, followed, itertools.chain.from_iterable(graph.operands)):
        if j >= 0:
            counts[j] += 1
    return counts


# --------------------------------------------------------------------------------------------------- estimate


def _is_within(graph: Graph, limit: int) -> bool:
    """Return whether all rows have a form in scalars and their operations, estimated, are not far above the limit."""
    there: dict[int, int] = {}  # how many elements of a sparse sum are not zero
    total = 0
    for i, primitive in enumerate(graph.primitives):
        type, operands, name = graph.types[i], graph.operands[i], primitive.name
        size = type.size
        if size > limit:
            return False
        if i < len(graph.inputs) or name in WIRING:
            continue
        if name == "index_add":
            there[i] = graph.type_of(operands[0]).size
        elif primitive is ADD and any(j in there for j in operands):
            parts = [there.get(j, size) for j in operands]
            there[i] = min(sum(parts), size)
            total += min(parts)
        elif primitive.elementwise or name in EACH_ELEMENT:
            total += size
        elif name == "matmul":
            total += 2 * size * graph.type_of(operands[0]).shape[-1]
        elif name == "outer":
            total += size
        elif name in WRITTEN_OUT:
            total += graph.type_of(operands[0]).size
        else:
            return False
        if total > MARGIN * limit:
            return False
    return True
