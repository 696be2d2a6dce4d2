"""How each row is written out in scalars: sums and products of arrays as operations on their elements.

A value is an array of operands, one per element. Rows that move elements are NumPy's own functions on such arrays and are not
found here; rows that compute from several elements are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from adlab.ir.index import FrozenArray, Index, numpy_index
from adlab.ir.primitive import Primitive
from adlab.ir.types import BOOL, Shape, Type, normalise_axes
from adlab.primitives import TABLE
from adlab.transforms.simplify import Simplifier

IN_SEQUENCE = 8
"""Sums of up to as many terms go from left to right, as NumPy's do."""

WIRING = frozenset(("reshape", "transpose", "broadcast_to", "index", "concatenate", "stack"))
EACH_ELEMENT = frozenset(("cast", "stop_gradient"))

Operands = np.ndarray[Any, np.dtype[np.intp]]


@dataclass
class Sparse:
    """The operands of an array of which most elements are not there: zeros that nothing was put on.

    Attributes
    ----------
    shape : tuple of int
    entries : dict
        Operands by flat position.
    """

    shape: Shape
    entries: dict[int, int]


Value = int | Operands | Sparse
"""The operands of an array: one of a scalar, an integer array of them, or those that are there."""


class At(NamedTuple):
    """A node to be written out: its row, its type, those of its operands, and its static parameters."""

    primitive: Primitive
    type: Type
    types: tuple[Type, ...]
    params: Mapping[str, Any]

    @property
    def scalar(self) -> Type:
        """The type of one element of the result."""
        return Type((), self.type.dtype)


def dense(writer: Simplifier, value: Value, type: Type) -> int | Operands:
    """Return all operands of an array, zeros where nothing was put."""
    if not isinstance(value, Sparse):
        return value
    flat = np.full(type.size, writer.literal(_zero(type), type.dtype), np.intp)
    flat[list(value.entries)] = list(value.entries.values())
    return flat.reshape(value.shape)


def _zero(type: Type) -> Any:
    return False if type.dtype == BOOL else 0.0


def array(operands: Sequence[int], shape: Shape) -> int | Operands:
    """Return operands in C order as an array of a shape; the operand itself for a scalar."""
    return np.array(operands, np.intp).reshape(shape) if shape else operands[0]


def elements(value: int | Operands) -> list[int]:
    """Return the operands of all elements in C order."""
    return np.ravel(value).tolist()


def converted(writer: Simplifier, value: int | Operands, type: Type, wanted: Type) -> int | Operands:
    """Return the elements in the dtype of ``wanted``, in which a join or a reduction takes them."""
    if type.dtype == wanted.dtype:
        return value
    params = (("dtype", wanted.dtype.name),)
    cast = [writer.write(CAST, (x,), params, Type((), wanted.dtype)) for x in elements(value)]
    return array(cast, type.shape)


# ------------------------------------------------------------------------------------------------ written out


def each_element(writer: Simplifier, at: At, given: Sequence[int | Operands]) -> Value:
    """Return one application per element."""
    params, scalar = tuple(sorted(at.params.items())), at.scalar
    rows = zip(*map(elements, np.broadcast_arrays(*given)), strict=True)
    return array([writer.write(at.primitive, row, params, scalar) for row in rows], at.type.shape)


def balanced(writer: Simplifier, row: Primitive, terms: Iterable[int], count: int, type: Type) -> int:
    """Return ``count`` terms joined by a row: from left to right if they are few, else in pairs of pairs.

    The pairs are joined as soon as they are there, as in counting in binary; so only log n of them wait.
    """
    if count <= IN_SEQUENCE:
        return in_sequence(writer, row, terms, type)
    waiting: list[tuple[int, int]] = []
    for term in terms:
        weight = 1
        while waiting and waiting[-1][0] == weight:
            _, other = waiting.pop()
            term, weight = writer.write(row, (other, term), (), type), 2 * weight
        waiting.append((weight, term))
    _, total = waiting.pop()
    while waiting:
        _, other = waiting.pop()
        total = writer.write(row, (other, total), (), type)
    return total


def in_sequence(writer: Simplifier, row: Primitive, terms: Iterable[int], type: Type) -> int:
    """Return terms joined by a row from left to right."""
    rest = iter(terms)
    total = next(rest)
    for term in rest:
        total = writer.write(row, (total, term), (), type)
    return total


def _groups(writer: Simplifier, at: At, x: int | Operands) -> list[list[int]]:
    """Return, for each element of a reduction's result, the elements that it is made of."""
    given = at.types[0]
    axes = normalise_axes(at.params["axis"], given.ndim)
    kept = [a for a in range(given.ndim) if a not in axes]
    numbers = np.asarray(converted(writer, x, given, at.type), np.intp)
    count = int(np.prod([given.shape[a] for a in axes], dtype=np.int64))
    return np.transpose(numbers, (*kept, *axes)).reshape(at.type.size, count).tolist()


def reduction(row: Primitive, empty: float, join: Callable[..., int]) -> Callable[..., int | Operands]:
    """Return how a reduction is written out: a row of two operands, and what an empty one gives."""

    def write(writer: Simplifier, at: At, x: int | Operands) -> int | Operands:
        nothing = writer.literal(empty, at.type.dtype)
        totals = [
            join(writer, row, terms, len(terms), at.scalar) if terms else nothing
            for terms in _groups(writer, at, x)
        ]
        return array(totals, at.type.shape)

    return write


def _in_sequence(writer: Simplifier, row: Primitive, terms: Sequence[int], count: int, type: Type) -> int:
    return in_sequence(writer, row, terms, type)


def mean(writer: Simplifier, at: At, x: int | Operands) -> Value:
    """Return the sums divided by the count."""
    count = writer.literal(float(at.types[0].size // max(at.type.size, 1)), at.type.dtype)
    sums = elements(SUM(writer, at, x))
    return array([writer.write(DIVIDE, (total, count), (), at.scalar) for total in sums], at.type.shape)


def norm(writer: Simplifier, at: At, x: int | Operands) -> Value:
    """Return the roots of the sums of squares."""
    squares = array([writer.write(SQUARE, (e,), (), at.scalar) for e in elements(x)], at.types[0].shape)
    sums = elements(SUM(writer, at, squares))
    return array([writer.write(SQRT, (total,), (), at.scalar) for total in sums], at.type.shape)


def cumsum(writer: Simplifier, at: At, x: Operands) -> Value:
    """Return the running sums from left to right."""
    sums = np.moveaxis(np.array(x, np.intp), at.params["axis"], 0)
    for k in range(1, len(sums)):
        pairs = zip(elements(sums[k - 1]), elements(sums[k]), strict=True)
        added = [writer.write(ADD, pair, (), at.scalar) for pair in pairs]
        sums[k] = np.array(added, np.intp).reshape(sums.shape[1:])
    return np.moveaxis(sums, 0, at.params["axis"])


def matmul(writer: Simplifier, at: At, a: Operands, b: Operands) -> Value:
    """Return the sums of products of rows and columns, with NumPy's rules for vectors and stacks."""
    a = a if a.ndim > 1 else a[None, :]
    b = b if b.ndim > 1 else b[:, None]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows = np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(-1, *a.shape[-2:]).tolist()
    columns = np.broadcast_to(b, (*batch, *b.shape[-2:])).swapaxes(-1, -2)
    stacks = zip(rows, columns.reshape(-1, *columns.shape[-2:]).tolist(), strict=True)
    products = [
        _dot(writer, row, column, at.scalar) for left, right in stacks for row in left for column in right
    ]
    return array(products, at.type.shape)


def _dot(writer: Simplifier, row: Sequence[int], column: Sequence[int], type: Type) -> int:
    if not row:
        return writer.literal(0.0, type.dtype)
    terms = (writer.write(MULTIPLY, pair, (), type) for pair in zip(row, column, strict=True))
    return balanced(writer, ADD, terms, len(row), type)


def outer(writer: Simplifier, at: At, a: Operands, b: Operands) -> Value:
    """Return all products of elements."""
    pairs = itertools.product(a.tolist(), b.tolist())
    return array([writer.write(MULTIPLY, pair, (), at.scalar) for pair in pairs], at.type.shape)


def index_add(writer: Simplifier, at: At, x: int | Operands) -> Value:
    """Return the elements where they are put; those put on one place are added."""
    shape: Shape = at.params["shape"]
    places = places_of(at.params["index"], shape)
    entries: dict[int, int] = {}
    given = np.broadcast_to(x, np.shape(places))
    for place, element in zip(np.ravel(places).tolist(), elements(given), strict=True):
        other = entries.get(place)
        entries[place] = element if other is None else writer.write(ADD, (other, element), (), at.scalar)
    return Sparse(shape, entries) if shape else entries[0]


def places_of(index: Index, shape: Shape) -> Any:
    """Return the flat positions that an index picks, at a cost that does not depend on the size of the array."""
    if any(isinstance(entry, FrozenArray) for entry in index):
        return np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)[numpy_index(index)]
    strides = np.cumprod((1, *shape[:0:-1]), dtype=np.int64)[::-1].tolist() if shape else []
    axes = iter(zip(shape, strides, strict=True))
    places: Any = 0
    for entry in index:
        if entry is None:
            places = np.asarray(places)[..., None]
            continue
        length, stride = next(axes)
        if isinstance(entry, int):
            places = places + entry * stride
        else:
            places = np.asarray(places)[..., None] + np.arange(length)[slice(*entry[1:])] * stride
    return places


ADD, MULTIPLY, DIVIDE = TABLE["add"], TABLE["multiply"], TABLE["divide"]
SQUARE, SQRT, CAST = TABLE["square"], TABLE["sqrt"], TABLE["cast"]
SUM = reduction(ADD, 0.0, balanced)

WRITTEN_OUT: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "sum": SUM,
        "mean": mean,
        "prod": reduction(MULTIPLY, 1.0, _in_sequence),
        "max": reduction(TABLE["maximum"], 0.0, balanced),
        "min": reduction(TABLE["minimum"], 0.0, balanced),
        "norm": norm,
        "cumsum": cumsum,
        "matmul": matmul,
        "outer": outer,
        "index_add": index_add,
    }
)
"""How the rows that compute from several elements are written out: functions of (writer, `At`, *operands)."""
