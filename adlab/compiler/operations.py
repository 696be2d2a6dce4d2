"""What a graph of arrays does, in the few kinds of operation that loops are written for.

The rule table has some forty rows that work on whole arrays. Most of them move nothing (reshape, transpose, slices:
they become views) or are made of others (a mean is a sum and a quotient; a product of a matrix and a vector is a
product of elements, summed). What is left are a `Map` of elements, a `Reduce` along axes, a `Product` of matrices, a
`Gather` and a `Scatter` by index tables, a running sum and a loop of its own. Everything computed is a numbered `Value`;
operands are views of values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adlab.compiler.products import Factors, Tile, generated
from adlab.compiler.views import (
    View,
    broadcast,
    dense,
    reshape,
    size_of,
    slice_axes,
    transpose,
    whole,
)
from adlab.ir.graph import Graph
from adlab.ir.index import FrozenArray
from adlab.ir.types import BOOL, Shape, Type, common_dtype, normalise_axes
from adlab.transforms.loops import Loop as ScanLoop

SQUARE = 8
"""Rows and columns of the squares in which matrices are transposed."""


@dataclass(frozen=True)
class Value:
    """Something that is computed, or given.

    Attributes
    ----------
    type : Type
    input : int or None
        Which input of the graph it is.
    constant : int or None
        Which literal of the graph it is; an array.
    number : float or bool or None
        The literal number it is.
    """

    type: Type
    input: int | None = None
    constant: int | None = None
    number: float | bool | None = None

    @property
    def given(self) -> bool:
        """Whether it is there before anything is computed."""
        return self.input is not None or self.constant is not None or self.number is not None


@dataclass(frozen=True, eq=False)
class Op:
    """One operation: what it computes from which views.

    Attributes
    ----------
    result : int
        The value it computes, or a part of which it writes.
    reads : tuple of View
        Its operands.
    """

    result: int
    reads: tuple[View, ...]

    @property
    def results(self) -> tuple[int, ...]:
        """All values it computes."""
        return (self.result,)


@dataclass(frozen=True, eq=False)
class Map(Op):
    """A function of elements; all operands have the shape of the result.

    Attributes
    ----------
    name : str
        The row of the rule table; "copy" for none.
    shape : tuple of int
        The shape over which it runs.
    target : View
        Where in the result the elements go.
    """

    name: str
    shape: Shape
    target: View


@dataclass(frozen=True, eq=False)
class Reduce(Op):
    """A sum, product or extreme over axes: "sum", "prod", "max", "min"."""

    name: str
    axes: tuple[int, ...]

    @property
    def shape(self) -> Shape:
        """The shape over which it runs."""
        return self.reads[0].shape


@dataclass(frozen=True, eq=False)
class Product(Op):
    """A stack of matrix products, scaled and added to another matrix where that is wanted.

    Attributes
    ----------
    factors : Factors
        How the operands lie; ``reads`` are the two, then the addend, then the number that scales.
    """

    factors: Factors


@dataclass(frozen=True, eq=False)
class Turn(Op):
    """A stack of matrices whose columns stand in a row in memory, written by rows."""


@dataclass(frozen=True, eq=False)
class Gather(Op):
    """Elements at a table of places: the axes in front are looked up, those behind follow the view of one block.

    Attributes
    ----------
    table : FrozenArray
        For each place of the looked-up axes, the element to begin at.
    target : View
        Where the elements go, the looked-up axes first.
    """

    table: FrozenArray
    target: View


@dataclass(frozen=True, eq=False)
class Scatter(Op):
    """Elements added at a table of places, into zeros; the mirror image of `Gather`.

    Attributes
    ----------
    table : FrozenArray
        For each place of the operand's first axes, the element to begin at.
    target : View
        One block of the result.
    """

    table: FrozenArray
    target: View


@dataclass(frozen=True, eq=False)
class Cumulate(Op):
    """A running sum along an axis."""

    axis: int


@dataclass(frozen=True, eq=False)
class Repeat(Op):
    """A loop with a body of its own; its results are the outputs that are wanted.

    Attributes
    ----------
    loop : adlab.transforms.loops.Loop
    by_output : mapping
        The value of each output of the body that is wanted.
    """

    loop: ScanLoop
    by_output: Mapping[int, int]

    @property
    def results(self) -> tuple[int, ...]:
        """All values it computes."""
        return tuple(self.by_output.values())


@dataclass
class Operations:
    """A graph as operations.

    Attributes
    ----------
    graph : Graph
    values : list of Value
    ops : list of Op
        In an order in which they can run.
    outputs : list of int
        The value of each output; dense, and no value twice, so that each can stand in its own memory.
    guards : list of View
        The truth value of each guard.
    """

    graph: Graph
    values: list[Value] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    guards: list[View] = field(default_factory=list)


def operations(graph: Graph, size: Tile) -> Operations:
    """Return what the graph does; composites other than loops must have been expanded.

    Parameters
    ----------
    graph : Graph
    size : Tile
        The block in which products are generated.
    """
    return _Reader(graph, size).read()


class _Reader:
    """Goes through a graph once, from inputs to outputs."""

    def __init__(self, graph: Graph, size: Tile) -> None:
        self.graph, self.tile = graph, size
        self.found = Operations(graph)
        self.views: list[View] = []
        self.literals: dict[int, View] = {}
        self._numbers: dict[Any, int] = {}
        self.packed: dict[int, dict[tuple[int, int], View]] = {}

    def read(self) -> Operations:
        """Return the operations."""
        graph = self.graph
        for k, type in enumerate(graph.input_types):
            self.views.append(self.view(Value(type, input=k)))
        for i in range(len(graph.inputs), len(graph)):
            name, params = graph.primitives[i].name, dict(graph.params[i])
            xs = [self.operand(j) for j in graph.operands[i]]
            self.views.append(self.node(name, xs, graph.types[i], params))
        self.found.guards = [self.operand(guard.operand) for guard in graph.guards]
        claimed: set[int] = set()
        for j in graph.outputs:
            view = self.operand(j)
            if not self._claimable(view, claimed):
                view = self.map("copy", [view], graph.type_of(j))
            claimed.add(view.value)
            self.found.outputs.append(view.value)
        return self.found

    def _claimable(self, view: View, claimed: set[int]) -> bool:
        value = self.found.values[view.value]
        complete = dense(view) and view.offset == 0 and view.size == value.type.size
        return complete and not value.given and view.value not in claimed

    def operand(self, j: int) -> View:
        """Return a node's or literal's view."""
        if j >= 0:
            return self.views[j]
        if j not in self.literals:
            self.literals[j] = self._literal(~j)
        return self.literals[j]

    def _literal(self, k: int) -> View:
        constant = self.graph.constants[k]
        value, type = constant.value, constant.type
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value)
            flat = array.ravel().view(np.uint8).reshape(-1, array.itemsize) if array.size else None
            if flat is None or not (flat == flat[0]).all():
                return self.view(Value(type, constant=k))
            value = array.ravel()[0]
        return broadcast(self.number(type.dtype.type(value).item(), type.dtype), type.shape)

    def number(self, number: float | bool, dtype: np.dtype[Any]) -> View:
        """Return the view of a literal number."""
        key = (repr(number), dtype)
        if key not in self._numbers:
            self._numbers[key] = self.value(Value(Type((), dtype), number=number))
        return View(self._numbers[key], (), ())

    # ------------------------------------------------------------------------------------------------ pieces

    def value(self, value: Value) -> int:
        """Append a value."""
        self.found.values.append(value)
        return len(self.found.values) - 1

    def view(self, value: Value) -> View:
        """Append a value and return all of it."""
        return whole(self.value(value), value.type.shape)

    def map(self, name: str, xs: Sequence[View], type: Type) -> View:
        """Append a function of elements."""
        result = self.view(Value(type))
        self.map_into(name, xs, result)
        return result

    def map_into(self, name: str, xs: Sequence[View], target: View) -> None:
        """Append a function of elements whose results go to a part of a value."""
        if target.size:
            reads = tuple(broadcast(x, target.shape) for x in xs)
            self.found.ops.append(Map(target.value, reads, name, target.shape, target))

    def reduce(self, name: str, x: View, axes: tuple[int, ...], type: Type) -> View:
        """Append a reduction; its result has the axes left out."""
        kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        axes = tuple(a for a in axes if x.shape[a] != 1)
        if not size_of(x.shape):
            return self.filled(1.0 if name == "prod" else 0.0, Type(kept, type.dtype))
        if not axes:
            return self.reshaped(x, Type(kept, type.dtype))
        rest = [a for a, n in enumerate(x.shape) if n != 1]
        trailing = [a for k, a in enumerate(rest) if all(b in axes for b in rest[k:])]
        if trailing and len(trailing) < len(axes) < len(rest):
            inner = self.reduce(name, x, tuple(trailing), type)
            return self.reshaped(
                self.reduce(name, inner, axes[: -len(trailing)], type), Type(kept, type.dtype)
            )
        result = self.view(Value(Type(kept, type.dtype)))
        self.found.ops.append(Reduce(result.value, (x,), name, axes))
        return result

    def filled(self, number: float, type: Type) -> View:
        """Return an array of one number."""
        return broadcast(self.number(number, type.dtype), type.shape)

    def reshaped(self, x: View, type: Type) -> View:
        """Return the view in another shape, or a copy where it is none."""
        return reshape(x, type.shape) or whole(self.copied(x).value, type.shape)

    def copied(self, x: View) -> View:
        """Return the elements in a row."""
        type = Type(x.shape, self.dtype(x))
        if type.dtype != BOOL and len(x.shape) > 1 and x.strides[-2] == 1 and min(x.shape[-2:]) >= SQUARE:
            result = self.view(Value(type))
            self.found.ops.append(Turn(result.value, (x,)))
            return result
        return self.map("copy", [x], type)

    def dense(self, x: View) -> View:
        """Return the view if its elements stand in a row, else a copy."""
        return x if dense(x) and self.found.values[x.value].number is None else self.copied(x)

    def dtype(self, x: View) -> np.dtype[Any]:
        """Return the dtype of a view."""
        return self.found.values[x.value].type.dtype

    def cast(self, x: View, dtype: np.dtype[Any]) -> View:
        """Return the elements in a dtype."""
        return x if self.dtype(x) == dtype else self.map("cast", [x], Type(x.shape, dtype))

    # ------------------------------------------------------------------------------------------------- nodes

    def node(self, name: str, xs: list[View], type: Type, params: Mapping[str, Any]) -> View:
        """Return the view of one node."""
        special = WHOLE_ROWS.get(name)
        if special is not None:
            return special(self, xs, type, **params)
        return self.map(name, xs, type)

    def reduction(self, name: str, x: View, type: Type, axis: Any) -> View:
        """Return the reduction of a node, in the shape that the node has."""
        axes = normalise_axes(axis, len(x.shape))
        found = self.reduce(name, self.cast(x, type.dtype), axes, type)
        return self.reshaped(found, type)

    def index(self, xs: list[View], type: Type, index: Any) -> View:
        """Return elements picked."""
        if not any(isinstance(entry, FrozenArray) for entry in index):
            picked = slice_axes(xs[0], index)
            parts = self.packed.get(picked.value, {})
            part = parts.get((picked.offset, picked.offset + picked.size))
            return part if part is not None and dense(picked) and part.shape == picked.shape else picked
        table, rest, order = _places(xs[0], index)
        result = self.view(Value(type))
        if type.size:
            target = transpose(result, order)
            self.found.ops.append(Gather(result.value, (rest,), table, target))
        return result

    def index_add(self, xs: list[View], type: Type, index: Any, shape: Shape) -> View:
        """Return zeros with elements added."""
        result = self.view(Value(type))
        if not any(isinstance(entry, FrozenArray) for entry in index):
            target = slice_axes(result, index)
            if target.size != type.size:
                self.map_into("copy", [self.number(0.0, type.dtype)], result)
            self.map_into("copy", [xs[0]], target)
            return result
        self.map_into("copy", [self.number(0.0, type.dtype)], result)
        table, rest, order = _places(result, index)
        if xs[0].size:
            self.found.ops.append(Scatter(result.value, (transpose(xs[0], order),), table, rest))
        return result

    def joined(self, xs: list[View], type: Type, axis: int) -> View:
        """Return arrays one after the other along an axis."""
        result = self.view(Value(type))
        start = 0
        for x in xs:
            index = [("slice", 0, n, 1) for n in type.shape]
            index[axis] = ("slice", start, start + x.shape[axis], 1)
            self.map_into("copy", [x], slice_axes(result, index))
            start += x.shape[axis]
        return result

    def product(self, xs: list[View], type: Type) -> View:
        """Return a matrix product; those with a vector are sums of products of elements."""
        a, b = xs
        sum_of = common_dtype([self.dtype(a), self.dtype(b)])
        vector_a, vector_b = len(a.shape) == 1, len(b.shape) == 1
        a = slice_axes(a, (None, *_full(a.shape))) if vector_a else a
        b = slice_axes(b, (*_full(b.shape), None)) if vector_b else b
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        (m, k), n = a.shape[-2:], b.shape[-1]
        if (
            len(b.shape) == 2 and len(a.shape) > 2 and not (vector_a or vector_b)
        ):  # a stack of rows is one matrix
            rows = reshape(a, (size_of(a.shape[:-1]), k))
            if rows is not None:
                flat = Type((rows.shape[0], n), sum_of)
                return self.reshaped(self.product([rows, b], flat), type)
        a, b = broadcast(a, (*batch, m, k)), broadcast(b, (*batch, k, n))
        lead = len(batch)
        full = Type((*batch, m, n), sum_of)
        if not (m and k and n and size_of(batch)):
            return self.reshaped(self.filled(0.0, full), type)
        if n == 1:
            right = broadcast(transpose(b, (*range(lead), lead + 1, lead)), a.shape)
            found = self._summed(a, right, lead + 1, sum_of)
        elif m == 1:
            left = broadcast(transpose(a, (*range(lead), lead + 1, lead)), b.shape)
            found = self._summed(left, b, lead, sum_of)
        elif k == 1:
            found = self.map("multiply", [broadcast(a, full.shape), broadcast(b, full.shape)], full)
        else:
            found = self.view(Value(full))
            reads = self.factors(self.cast(a, sum_of), self.cast(b, sum_of))
            self.found.ops.append(Product(found.value, reads, Factors(*reads)))
        return self.reshaped(found, type)

    def factors(self, a: View, b: View) -> tuple[View, View]:
        """Return the operands of a product, copied where they do not lie as the product needs them."""
        (m, k), n = a.shape[-2:], b.shape[-1]
        if generated(self.tile, m, k, n):
            return self.stored(a), b if b.strides[-1] == 1 and self.is_stored(b) else self.copied(b)
        return self._by_rows_or_columns(a), self._by_rows_or_columns(b)

    def is_stored(self, x: View) -> bool:
        """Return whether the view is of memory."""
        return self.found.values[x.value].number is None

    def stored(self, x: View) -> View:
        """Return a view of memory."""
        return x if self.is_stored(x) else self.copied(x)

    def _by_rows_or_columns(self, x: View) -> View:
        (m, n), (down, right) = x.shape[-2:], x.strides[-2:]
        regular = (right == 1 and down >= n) or (down == 1 and right >= m)
        return x if self.is_stored(x) and regular else self.copied(x)

    def _summed(self, a: View, b: View, axis: int, dtype: np.dtype[Any]) -> View:
        both = self.map("multiply", [a, b], Type(a.shape, dtype))
        kept = tuple(n for k, n in enumerate(a.shape) if k != axis)
        return self.reduce("sum", both, (axis,), Type(kept, dtype))

    def running_sum(self, x: View, type: Type, axis: int) -> View:
        """Return the running sum along an axis."""
        result = self.view(Value(type))
        if type.size:
            self.found.ops.append(Cumulate(result.value, (self.cast(x, type.dtype),), axis))
        return result

    def loop(self, xs: list[View], type: Type, **params: Any) -> View:
        """Return a loop's results; several are one flat array, whose parts are known so that none is copied."""
        loop = ScanLoop(**params)
        found = {j: self.view(Value(part)) for j, part in zip(loop.wanted, loop.output_types, strict=True)}
        results = {j: view.value for j, view in found.items()}
        views = [found[j] for j in loop.wanted]
        self.found.ops.append(Repeat(views[0].value, tuple(self.dense(x) for x in xs), loop, results))
        if len(views) == 1:
            return views[0]
        packed = self.view(Value(type))
        start, parts = 0, {}
        for view in views:
            flat = self.reshaped(view, Type((view.size,), self.dtype(view)))
            stop = start + view.size
            self.map_into("copy", [flat], slice_axes(packed, (("slice", start, stop, 1),)))
            if self.dtype(view) == type.dtype:
                parts[start, stop] = flat
            start = stop
        self.packed[packed.value] = parts
        return packed


def _full(shape: Shape) -> list[Any]:
    return [("slice", 0, n, 1) for n in shape]


def _places(view: View, index: Sequence[Any]) -> tuple[FrozenArray, View, list[int]]:
    """Return how arrays in an index pick from a view.

    The table of the elements to begin at, in front of which the view of one picked block stands; then the axes of the
    indexed shape in the order (looked-up axes, axes of the block).
    """
    arrays = [k for k, entry in enumerate(index) if isinstance(entry, FrozenArray)]
    looked_up = [k for k, entry in enumerate(index) if isinstance(entry, (FrozenArray, int))]
    together = looked_up == list(range(looked_up[0], looked_up[-1] + 1))
    shape = np.broadcast_shapes(*(index[k].array.shape for k in arrays))
    table = np.zeros(shape, np.int64)
    axis = 0
    kept: list[Any] = []
    for entry in index:
        if entry is None:
            kept.append(None)
            continue
        if isinstance(entry, FrozenArray):
            table = table + entry.array * view.strides[axis]
            kept.append(0)
        else:
            kept.append(entry)
        axis += 1
    block = slice_axes(view, kept)
    before = sum(entry is None or isinstance(entry, tuple) for entry in index[: looked_up[0]])
    first = before if together else 0
    count = len(shape)
    order = [*range(first, first + count)]
    order += [a for a in range(count + len(block.shape)) if a not in order]
    return FrozenArray(table), block, order


def _mean(reader: _Reader, xs: list[View], type: Type, axis: Any, keepdims: bool) -> View:
    total = reader.reduction("sum", xs[0], type, axis)
    count = size_of(xs[0].shape) // max(type.size, 1)
    return reader.map("divide", [total, reader.number(float(count), type.dtype)], type)


def _norm(reader: _Reader, xs: list[View], type: Type, axis: Any, keepdims: bool) -> View:
    x = reader.cast(xs[0], type.dtype)
    squares = reader.map("square", [x], Type(x.shape, type.dtype))
    return reader.map("sqrt", [reader.reduction("sum", squares, type, axis)], type)


def _reduction(name: str) -> Callable[..., View]:
    def node(reader: _Reader, xs: list[View], type: Type, axis: Any, keepdims: bool) -> View:
        return reader.reduction(name, xs[0], type, axis)

    return node


def _stack(reader: _Reader, xs: list[View], type: Type, axis: int) -> View:
    shape = list(type.shape)
    shape[axis] = 1
    return reader.joined([reader.reshaped(x, Type(tuple(shape), type.dtype)) for x in xs], type, axis)


def _outer(reader: _Reader, xs: list[View], type: Type) -> View:
    a, b = xs
    rows, columns = slice_axes(a, (*_full(a.shape), None)), slice_axes(b, (None, *_full(b.shape)))
    return reader.map("multiply", [broadcast(rows, type.shape), broadcast(columns, type.shape)], type)


WHOLE_ROWS: Mapping[str, Callable[..., View]] = {
    "sum": _reduction("sum"),
    "prod": _reduction("prod"),
    "max": _reduction("max"),
    "min": _reduction("min"),
    "mean": _mean,
    "norm": _norm,
    "cumsum": lambda reader, xs, type, axis: reader.running_sum(xs[0], type, axis),
    "reshape": lambda reader, xs, type, shape: reader.reshaped(xs[0], type),
    "transpose": lambda reader, xs, type, axes: transpose(xs[0], axes),
    "broadcast_to": lambda reader, xs, type, shape: broadcast(xs[0], shape),
    "index": _Reader.index,
    "index_add": _Reader.index_add,
    "concatenate": lambda reader, xs, type, axis: reader.joined(xs, type, axis),
    "stack": _stack,
    "cast": lambda reader, xs, type, dtype: reader.cast(xs[0], type.dtype),
    "stop_gradient": lambda reader, xs, type: reader.cast(xs[0], type.dtype),
    "matmul": _Reader.product,
    "outer": _outer,
    "scan": _Reader.loop,
}
"""How the rows that do not act on each element by itself are made of operations."""
