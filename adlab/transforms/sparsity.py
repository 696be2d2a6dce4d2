"""Which elements of the outputs can depend on which elements of the inputs, read off the graph.

Each node gets the pattern of its Jacobian by the inputs: a sparse boolean matrix with a row per element, or, for a
scalar, a set of bits, which costs nothing in code that works element by element. What a row of the table does to
patterns is said once per kind: elementwise rows unite what they broadcast, movements pick rows, reductions unite groups
of rows, products unite along the summed axis and look at the zeros of matrices that are known. A row that nothing is
said about makes every element depend on all of its operands. So a pattern may hold too much and never too little.
Comparisons pass nothing on, and neither does an operand whose partial is 0 everywhere: the pattern is that of the
derivative as the rules define it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY
from adlab.algebra.operators import Operators
from adlab.errors import MethodError
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.index import numpy_index
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import Shape, Type, normalise_axes, normalise_axis, reduced_shape, type_of
from adlab.primitives import TABLE
from adlab.primitives.elementwise import zero
from adlab.primitives.rules import Elementwise

MOST_NONZEROS = 50_000_000
"""Patterns with more entries are refused: they take as much memory as the dense matrix they should replace."""

Rows = Any
"""What one node depends on: None for nothing, a Python integer whose bits are inputs for a scalar, else a csr_array of
truth values with a row per element and a column per input element."""


@dataclass(frozen=True)
class Pattern:
    """Where a Jacobian may be other than zero, in compressed rows.

    Attributes
    ----------
    indptr, indices : array of int
        As in ``scipy.sparse.csr_array``; the column indices of a row ascend.
    shape : (int, int)
        Elements of the outputs, elements of the inputs.
    literals : frozenset of int
        The literals whose numbers were looked at.
    """

    indptr: np.ndarray[Any, Any]
    indices: np.ndarray[Any, Any]
    shape: tuple[int, int]
    literals: frozenset[int] = frozenset()

    @property
    def nonzeros(self) -> int:
        """Number of entries that may be other than zero."""
        return len(self.indices)

    @property
    def rows(self) -> np.ndarray[Any, Any]:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=self.indices.dtype), np.diff(self.indptr))

    @property
    def row_counts(self) -> np.ndarray[Any, Any]:
        """Entries in each row."""
        return np.diff(self.indptr)

    @property
    def column_counts(self) -> np.ndarray[Any, Any]:
        """Entries in each column."""
        return np.bincount(self.indices, minlength=self.shape[1])

    @property
    def band(self) -> tuple[int, int]:
        """The first and the last diagonal that hold an entry, the main diagonal being 0; (0, 0) if there is none."""
        if not self.nonzeros:
            return (0, 0)
        offsets = self.indices.astype(np.int64) - self.rows
        return int(offsets.min()), int(offsets.max())

    @property
    def transposed(self) -> Pattern:
        """The pattern with rows and columns exchanged."""
        return from_entries(self.indices, self.rows, (self.shape[1], self.shape[0]), self.literals)

    def dense(self) -> np.ndarray[Any, Any]:
        """Return the pattern as a matrix of truth values."""
        matrix = np.zeros(self.shape, bool)
        matrix[self.rows, self.indices] = True
        return matrix


def from_entries(
    rows: Any, columns: Any, shape: tuple[int, int], literals: frozenset[int] = frozenset()
) -> Pattern:
    """Return the pattern with the given entries; entries named twice are one."""
    from scipy.sparse import coo_array

    entries = np.ones(len(rows), bool)
    return _as_pattern(coo_array((entries, (rows, columns)), shape=shape).tocsr(), literals)


def _as_pattern(matrix: Any, literals: frozenset[int]) -> Pattern:
    matrix.sum_duplicates()
    matrix.sort_indices()
    narrow = np.int32 if max(*matrix.shape, matrix.nnz) < 2**31 else np.int64
    indptr, indices = matrix.indptr.astype(narrow), matrix.indices.astype(narrow)
    return Pattern(indptr, indices, tuple(matrix.shape), literals)


def jacobian_pattern(graph: Graph, wrt: Sequence[int], outputs: Sequence[int] | None = None) -> Pattern:
    """Return the sparsity pattern of the Jacobian of a graph.

    Parameters
    ----------
    graph : Graph
    wrt : sequence of int
        Positions of inputs; their elements, one after the other, are the columns.
    outputs : sequence of int, optional
        Operands of the graph; their elements are the rows. By default all outputs.

    Raises
    ------
    MethodError
        If a pattern on the way has more than `MOST_NONZEROS` entries.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda x: x[1:] - x[:-1] ** 2, (np.ones(4),)).graph
    >>> jacobian_pattern(graph, [0]).dense().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    outputs = graph.outputs if outputs is None else outputs
    algebra = PatternAlgebra(sum(graph.types[k].size for k in wrt))
    found = _swept(graph, algebra, wrt, outputs)
    sizes = [graph.type_of(j).size for j in outputs]
    return _as_pattern(algebra.joined(found, sizes), frozenset(algebra.read))


def _swept(graph: Graph, algebra: PatternAlgebra, wrt: Sequence[int], outputs: Sequence[int]) -> list[Rows]:
    """Return what each output depends on; a node is dropped after its last use."""
    values: list[Any] = [Dependence(algebra, type) for type in graph.input_types]
    column = 0
    for k in wrt:
        values[k] = Dependence(algebra, graph.types[k], algebra.identity(column, graph.types[k]))
        column += graph.types[k].size
    constants = [
        Dependence(algebra, constant.type, None, NUMPY.constant(constant), frozenset((k,)))
        for k, constant in enumerate(graph.constants)
    ]
    last = last_uses(graph, outputs)
    for i in range(len(graph.inputs), len(graph)):
        operands = graph.operands[i]
        xs = [values[j] if j >= 0 else constants[~j] for j in operands]
        values.append(algebra.apply(graph.primitives[i], xs, graph.params[i]))
        for j in operands:
            if j >= 0 and last[j] == i:
                values[j] = None
    return [values[j].rows if j >= 0 else None for j in outputs]


def hessian_pattern(gradient: Graph, wrt: Sequence[int]) -> Pattern:
    """Return the pattern of a Hessian, that is of the Jacobian of a gradient graph, with its mirror image."""
    pattern = jacobian_pattern(gradient, wrt)
    rows, columns = pattern.rows, pattern.indices
    return from_entries(
        np.concatenate([rows, columns]), np.concatenate([columns, rows]), pattern.shape, pattern.literals
    )


class Dependence(Operators):
    """A value of which only its type is known and what it depends on.

    Attributes
    ----------
    algebra : PatternAlgebra
    type : Type
    rows : Rows
    number
        The value itself, where nothing but literals enters it; else None.
    literals : frozenset of int
        Those literals, by position in the graph; −1 stands for one of a graph that a node holds.
    """

    __slots__ = ("algebra", "literals", "number", "rows", "type")
    __array_ufunc__ = None

    def __init__(
        self,
        algebra: PatternAlgebra,
        type: Type,
        rows: Rows = None,
        number: Any = None,
        literals: frozenset[int] = frozenset(),
    ) -> None:
        self.algebra = algebra
        self.type = type
        self.rows = rows
        self.number = number
        self.literals = literals

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return self.algebra.apply(primitive, xs)


class PatternAlgebra(Algebra):
    """Evaluate to patterns.

    Parameters
    ----------
    width : int
        The number of columns.

    Attributes
    ----------
    read : set of int
        The literals whose numbers were looked at.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.read: set[int] = set()

    def constant(self, constant: Constant) -> Any:
        """Return a literal of a graph that a node holds."""
        return Dependence(self, constant.type, None, NUMPY.constant(constant), frozenset((-1,)))

    def shape(self, value: Any) -> Shape:
        """Return the shape of a value."""
        return self._lift(value).type.shape

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the dtype of a value."""
        return self._lift(value).type.dtype

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return what the primitive's result depends on."""
        if primitive.composite:
            return primitive.composite(self, xs, dict(params))
        values = [self._lift(x) for x in xs]
        type = primitive.infer(*[value.type for value in values], **dict(params))
        if values and all(value.number is not None for value in values):
            return self._known(primitive, values, params, type)
        if primitive.rule is None or all(value.rows is None for value in values):
            return Dependence(self, type)
        return Dependence(self, type, self._rows(primitive, values, params, type))

    def _lift(self, value: Any) -> Dependence:
        if isinstance(value, Dependence):
            return value
        return Dependence(self, type_of(value), None, value, frozenset((-1,)))

    def _known(
        self, primitive: Primitive, values: list[Dependence], params: Params, type: Type
    ) -> Dependence:
        """Evaluate what only literals enter, such as the transpose of a matrix, for the zeros it holds."""
        with np.errstate(all="ignore"):
            number = NUMPY.apply(primitive, [value.number for value in values], params)
        return Dependence(self, type, None, number, frozenset().union(*(value.literals for value in values)))

    def identity(self, column: int, type: Type) -> Rows:
        """Return the rows of an input whose elements are the columns from ``column`` on."""
        if not type.shape:
            return 1 << column
        size = type.size
        return self.matrix(np.arange(size + 1), np.arange(column, column + size), size)

    def _rows(self, primitive: Primitive, values: list[Dependence], params: Params, type: Type) -> Rows:
        if isinstance(primitive.rule, Elementwise):
            return self._elementwise(primitive.rule, values, type)
        known = TABLE.get(primitive.name) is primitive  # a user's own primitive may have the name of a row
        kind = RULES.get(primitive.name, _everything) if known else _everything
        rows = kind(_Site(self, values, type), dict(params))
        return rows if rows is None or isinstance(rows, int) or type.shape else _bits(rows.indices)

    def _elementwise(self, rule: Elementwise, values: list[Dependence], type: Type) -> Rows:
        pairs = zip(values, rule.partials, strict=True)
        passing = [
            v for v, partial in pairs if v.rows is not None and partial is not None and partial is not zero
        ]
        if not type.shape:
            union = 0
            for value in passing:
                union |= value.rows
            return union or None
        return self.united([self._broadcast(value, type.shape) for value in passing])

    def _broadcast(self, value: Dependence, shape: Shape) -> Rows:
        if value.type.shape == shape:
            return value.rows
        return self.picked(value.rows, np.broadcast_to(_numbered(value.type.shape), shape).ravel())

    def zeros_of(self, value: Dependence) -> Any:
        """Return where a known matrix is not zero, or None if it is not known or has few zeros."""
        if value.number is None:
            return None
        self.read |= value.literals - {-1}
        there = np.asarray(value.number != 0)
        return there if 2 * np.count_nonzero(there) <= there.size else None

    # ------------------------------------------------------------------------------------------ working with rows

    def matrix(self, indptr: Any, indices: Any, size: int) -> Any:
        """Return a boolean matrix of ``size`` rows."""
        from scipy.sparse import csr_array

        self.check(len(indices))
        return csr_array((np.ones(len(indices), bool), indices, indptr), shape=(size, self.width))

    def check(self, nonzeros: int) -> None:
        """Raise MethodError for a pattern that is too large."""
        if nonzeros > MOST_NONZEROS:
            raise MethodError(
                f"A sparsity pattern of this function has {nonzeros:,} entries, more than {MOST_NONZEROS:,}: it is "
                "not sparse. Ask for the dense derivative (sparse=False), or for products with jvp, vjp and hvp."
            )

    def as_matrix(self, rows: Rows, size: int) -> Any:
        """Return rows as a matrix."""
        if rows is None:
            return self.matrix(np.zeros(size + 1, np.int32), np.zeros(0, np.int32), size)
        if isinstance(rows, int):
            columns = _columns(rows)
            return self.matrix(np.array([0, len(columns)]), columns, 1)
        return rows

    def picked(self, rows: Rows, which: Any) -> Rows:
        """Return rows picked by number."""
        if rows is None:
            return None
        if isinstance(rows, int):
            columns = _columns(rows)
            self.check(len(columns) * len(which))
            indptr = np.arange(len(which) + 1) * len(columns)
            return self.matrix(indptr, np.tile(columns, len(which)), len(which))
        if len(which) == 1:
            at = int(which[0])
            columns = rows.indices[rows.indptr[at] : rows.indptr[at + 1]]
            return self.matrix(np.array([0, len(columns)]), columns, 1)
        self.check(int(np.diff(rows.indptr)[which].sum()))
        return rows[which]

    def united(self, parts: Sequence[Rows]) -> Rows:
        """Return the union of rows of equal number."""
        total = None
        for part in parts:
            if part is None or part is total:
                continue
            total = part if total is None else total + part
        if total is not None:
            self.check(total.nnz)
        return total

    def joined(self, parts: Sequence[Rows], sizes: Sequence[int]) -> Any:
        """Return the rows of several values one below the other."""
        matrices = [self.as_matrix(part, size) for part, size in zip(parts, sizes, strict=True)]
        lengths = [np.diff(matrix.indptr) for matrix in matrices]
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths, dtype=np.int64))])
        return self.matrix(indptr, np.concatenate([matrix.indices for matrix in matrices]), sum(sizes))

    def grouped(self, rows: Rows, groups: Any, count: int) -> Rows:
        """Return the unions of the rows that belong to the same group."""
        from scipy.sparse import csr_array

        if rows is None or isinstance(rows, int):
            return rows
        if count == 1:
            columns = np.unique(rows.indices)
            return self.matrix(np.array([0, len(columns)]), columns, 1)
        members = (np.ones(len(groups), bool), (groups, np.arange(len(groups))))
        return csr_array(members, shape=(count, len(groups))) @ rows


def last_uses(graph: Graph, outputs: Sequence[int]) -> list[int]:
    """Return, for each node, the last node that uses it; outputs are used after all."""
    last = [-1] * len(graph)
    for i, operands in enumerate(graph.operands):
        for j in operands:
            if j >= 0:
                last[j] = i
    for j in outputs:
        if j >= 0:
            last[j] = len(graph)
    return last


def _bits(columns: Any) -> int | None:
    """Return column numbers as the bits of an integer; None for none."""
    if len(columns) <= 8:
        bits = 0
        for column in columns.tolist():
            bits |= 1 << column
        return bits or None
    there = np.zeros(int(columns.max()) + 1, np.uint8)
    there[columns] = 1
    return int.from_bytes(np.packbits(there, bitorder="little").tobytes(), "little")


def _columns(bits: int) -> Any:
    """Return the numbers of the bits that are set, in ascending order."""
    raw = np.frombuffer(bits.to_bytes((bits.bit_length() + 7) // 8, "little"), np.uint8)
    return np.flatnonzero(np.unpackbits(raw, bitorder="little")).astype(np.int32)


def _numbered(shape: Shape) -> Any:
    return np.arange(Type(shape, np.dtype(bool)).size).reshape(shape)


# ----------------------------------------------------------------------------- what rows of the table do to patterns


@dataclass(frozen=True)
class _Site:
    """One application: its carrier, its operands, the type of its result."""

    algebra: PatternAlgebra
    operands: list[Dependence]
    type: Type

    @property
    def rows(self) -> list[Rows]:
        """What each operand depends on."""
        return [operand.rows for operand in self.operands]

    @property
    def types(self) -> list[Type]:
        """Types of the operands."""
        return [operand.type for operand in self.operands]


PatternRule = Callable[[_Site, dict[str, Any]], Rows]


def _unmoved(at: _Site, params: dict[str, Any]) -> Rows:
    """Reshaping and casting: the elements stay in order."""
    rows = at.rows[0]
    return at.algebra.as_matrix(rows, at.type.size) if at.type.shape else rows


def _moved(at: _Site, params: dict[str, Any]) -> Rows:
    """Rows that move elements move their numbers in the same way."""
    numbers = _numbered(at.types[0].shape)
    if "index" in params:
        which = numbers[numpy_index(params["index"])]
    elif "axes" in params:
        which = np.transpose(numbers, params["axes"])
    else:
        which = np.broadcast_to(numbers, params["shape"])
    return at.algebra.picked(at.rows[0], np.ravel(which))


def _added(at: _Site, params: dict[str, Any]) -> Rows:
    target = np.ravel(_numbered(params["shape"])[numpy_index(params["index"])])
    rows = at.algebra.as_matrix(at.rows[0], at.types[0].size)
    return at.algebra.grouped(rows, target, at.type.size)


def _reduced(at: _Site, params: dict[str, Any]) -> Rows:
    shape = at.types[0].shape
    kept = reduced_shape(shape, normalise_axes(params["axis"], len(shape)), keepdims=True)
    groups = np.broadcast_to(_numbered(kept), shape).ravel()
    return at.algebra.grouped(at.algebra.as_matrix(at.rows[0], at.types[0].size), groups, at.type.size)


def _accumulated(at: _Site, params: dict[str, Any]) -> Rows:
    """Running sums: an element depends on all before it along the axis."""
    from scipy.sparse import csr_array

    shape = at.types[0].shape
    axis = normalise_axis(params["axis"], len(shape))
    numbers = np.moveaxis(_numbered(shape), axis, -1).reshape(-1, shape[axis])
    later, earlier = np.tril_indices(shape[axis]) if at.type.size else (np.zeros(0, int),) * 2
    at.algebra.check(len(numbers) * len(later))
    sums = (
        np.ones(len(numbers) * len(later), bool),
        (numbers[:, later].ravel(), numbers[:, earlier].ravel()),
    )
    return csr_array(sums, shape=(at.type.size,) * 2) @ at.algebra.as_matrix(at.rows[0], at.type.size)


def _joined(at: _Site, params: dict[str, Any]) -> Rows:
    sizes = [type.size for type in at.types]
    below = at.algebra.joined(at.rows, sizes)
    starts = np.cumsum([0, *sizes])
    numbers = [_numbered(type.shape) + start for type, start in zip(at.types, starts, strict=False)]
    combine = np.stack if len(at.type.shape) > len(at.types[0].shape) else np.concatenate
    which = np.ravel(combine(numbers, axis=params["axis"]))
    return below if np.array_equal(which, np.arange(len(which))) else at.algebra.picked(below, which)


def _product(at: _Site, params: dict[str, Any]) -> Rows:
    """Element (i, j) of a product depends on row i of the first and column j of the second factor."""
    return at.algebra.united([_product_by(at, 0), _product_by(at, 1)])


def _product_by(at: _Site, position: int) -> Rows:
    """Return what a product depends on through one factor; the other's zeros count if it is a known matrix."""
    rows = at.rows[position]
    if rows is None:
        return None
    A, (a, b) = at.algebra, at.types
    there = A.zeros_of(at.operands[1 - position]) if max(a.ndim, b.ndim) <= 2 else None
    if there is not None:
        return _sparse_product(at, position, there)
    shape_a = a.shape if a.ndim > 1 else (1, *a.shape)
    shape_b = b.shape if b.ndim > 1 else (*b.shape, 1)
    stack = np.broadcast_shapes(shape_a[:-2], shape_b[:-2])
    shape, axis = (shape_a, -1) if position == 0 else (shape_b, -2)
    kept = tuple(1 if k == len(shape) + axis else n for k, n in enumerate(shape))
    groups = np.broadcast_to(_numbered(kept), shape).ravel()
    summed = A.grouped(A.as_matrix(rows, at.types[position].size), groups, _size(kept))
    full = (*stack, shape_a[-2], shape_b[-1])
    return A.picked(summed, np.broadcast_to(_numbered(kept), full).ravel())


def _sparse_product(at: _Site, position: int, there: Any) -> Rows:
    """Return the same for a factor of which the zeros are known: the product with its pattern."""
    from scipy.sparse import csr_array, eye_array, kron

    type = at.types[position]
    if position == 0:
        known = there.reshape(there.shape[0], -1).T
        count = type.shape[0] if type.ndim > 1 else 1
        spread = kron(eye_array(count, dtype=bool), csr_array(known), format="csr")
    else:
        known = there.reshape(-1, there.shape[-1])
        count = type.shape[1] if type.ndim > 1 else 1
        spread = kron(csr_array(known), eye_array(count, dtype=bool), format="csr")
    return spread.astype(bool) @ at.algebra.as_matrix(at.rows[position], type.size)


def _outer(at: _Site, params: dict[str, Any]) -> Rows:
    (m,), (n,) = (type.shape for type in at.types)
    left = at.algebra.picked(at.rows[0], np.repeat(np.arange(m), n))
    right = at.algebra.picked(at.rows[1], np.tile(np.arange(n), m))
    return at.algebra.united([left, right])


def _everything(at: _Site, params: dict[str, Any]) -> Rows:
    """Any other row: every element of the result depends on every element of the operands."""
    sizes = [type.size for type in at.types]
    below = at.algebra.joined(at.rows, sizes)
    one = at.algebra.grouped(below, np.zeros(sum(sizes), int), 1)
    return at.algebra.picked(one, np.zeros(at.type.size, int))


def _size(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


RULES: Mapping[str, PatternRule] = MappingProxyType({
    "sum": _reduced, "mean": _reduced, "max": _reduced, "min": _reduced, "prod": _reduced, "norm": _reduced,
    "cumsum": _accumulated,
    "reshape": _unmoved, "cast": _unmoved, "transpose": _moved, "broadcast_to": _moved, "index": _moved,
    "index_add": _added, "concatenate": _joined, "stack": _joined, "matmul": _product, "outer": _outer,
})  # fmt: skip
"""What the rows that are not elementwise do to patterns, by name."""

__all__ = [
    "MOST_NONZEROS",
    "Pattern",
    "PatternAlgebra",
    "from_entries",
    "hessian_pattern",
    "jacobian_pattern",
]
