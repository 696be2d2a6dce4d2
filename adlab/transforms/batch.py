"""A graph for one sample becomes a graph for many: every chosen value gets a leading axis, its lanes.

`BatchAlgebra` evaluates in *lanes* over any other carrier: a `Lanes` value holds one array for all samples, the samples
along its first axis, while rules and graphs go on seeing the shape of one sample. What a row becomes is said once per
kind of row: elementwise rows broadcast, with lanes lined up by rank; the others shift their axes by one. A row that
nothing is said about is applied sample by sample, so no row is ever wrong. Over NumPy lanes carry many points, tangents
or cotangents through one pass; over traced variables they write the batched graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.operators import Operators
from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import InputError
from adlab.ir.builder import current_scope
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.index import FrozenArray, Index
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL, FLOAT64, Shape, Type, normalise_axes, normalise_axis
from adlab.primitives import TABLE

LANE_BYTES = 2**25
"""How much memory the lanes of one pass may take; what needs more takes several passes."""


class Lanes(Operators):
    """One value for each sample, along the first axis of ``value``.

    Attributes
    ----------
    algebra : BatchAlgebra
        The carrier this value belongs to.
    value
        A value of the carrier underneath, of shape ``(size, *shape of one sample)``.
    """

    __slots__ = ("algebra", "value")
    __array_ufunc__ = None  # so that NumPy leaves `array * lanes` to us

    def __init__(self, algebra: BatchAlgebra, value: Any) -> None:
        self.algebra = algebra
        self.value = value

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return self.algebra.apply(primitive, xs)

    def __repr__(self) -> str:
        return f"Lanes({self.value!r})"


class BatchAlgebra(Algebra):
    """Evaluate many samples at once, in arrays of ``base``.

    Parameters
    ----------
    base : Algebra
        The carrier of the arrays.
    size : int
        The number of samples.
    """

    def __init__(self, base: Algebra, size: int) -> None:
        self.base = base
        self.size = size

    def lanes(self, value: Any) -> Lanes:
        """Return an array whose first axis counts samples as a value of this carrier."""
        return Lanes(self, value)

    def spread(self, value: Any) -> Any:
        """Return a value as an array with the samples along its first axis; what is common to all is repeated."""
        if self.holds(value):
            return value.value
        shape = self.base.shape(value)
        return self.base.broadcast_to(value, shape=(self.size, *shape))

    def holds(self, value: Any) -> bool:
        """Return whether a value differs between samples."""
        return isinstance(value, Lanes) and value.algebra is self

    def constant(self, constant: Constant) -> Any:
        """Return the literal, which all samples share."""
        return self.base.constant(constant)

    def shape(self, value: Any) -> Shape:
        """Return the shape of one sample."""
        return self.base.shape(value.value)[1:] if self.holds(value) else self.base.shape(value)

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the dtype of the samples."""
        return self.base.dtype(value.value if self.holds(value) else value)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the primitive applied to each sample; what all samples share is computed once."""
        if not any(map(self.holds, xs)):
            return self.base.apply(primitive, xs, params)
        if primitive.composite:
            return primitive.composite(self, xs, dict(params))
        if primitive.elementwise:
            return Lanes(self, self.base.apply(primitive, self._aligned(xs), params))
        known = TABLE.get(primitive.name) is primitive  # a user's own primitive may have the name of a row
        rule = RULES.get(primitive.name, _one_by_one) if known else _one_by_one
        return Lanes(self, rule(self, primitive, xs, dict(params)))

    def _aligned(self, xs: Sequence[Any]) -> list[Any]:
        """Return operands that broadcast sample by sample: lanes of lower rank get axes of length 1 after the first."""
        rank = max([len(self.shape(x)) for x in xs])
        return [self._raised(x, rank) if self.holds(x) else x for x in xs]

    def _raised(self, x: Lanes, rank: int) -> Any:
        shape = self.base.shape(x.value)
        missing = rank + 1 - len(shape)
        if not missing:
            return x.value
        return self.base.reshape(x.value, shape=(shape[0], *(1,) * missing, *shape[1:]))


# ---------------------------------------------------------------------------------------- what each row becomes

BatchRule = Callable[[BatchAlgebra, Primitive, Sequence[Any], dict[str, Any]], Any]
"""From the carrier, the row, operands of which at least one is in lanes, and parameters, to the array of results."""


def _apply(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], **params: Any) -> Any:
    return A.base.apply(primitive, xs, tuple(sorted(params.items())))


def _same(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Rows that neither move nor join elements."""
    return _apply(A, primitive, [xs[0].value], **params)


def _reduction(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    axes = normalise_axes(params["axis"], len(A.shape(xs[0])))
    return _apply(A, primitive, [xs[0].value], axis=tuple(a + 1 for a in axes), keepdims=params["keepdims"])


def _along(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Rows that run along one axis."""
    axis = normalise_axis(params["axis"], len(A.shape(xs[0])))
    return _apply(A, primitive, [xs[0].value], **{**params, "axis": axis + 1})


def _joined(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    ndim = len(A.shape(xs[0])) + (primitive.name == "stack")
    axis = normalise_axis(params["axis"], ndim)
    return _apply(A, primitive, [A.spread(x) for x in xs], axis=axis + 1)


def _reshape(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    return _apply(A, primitive, [xs[0].value], shape=(A.size, *params["shape"]))


def _transpose(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    return _apply(A, primitive, [xs[0].value], axes=(0, *(a + 1 for a in params["axes"])))


def _broadcast_to(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    shape = params["shape"]
    return _apply(A, primitive, [A._raised(xs[0], len(shape))], shape=(A.size, *shape))


def _index(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    index = params["index"]
    picked = _apply(A, primitive, [xs[0].value], index=_every_lane(A, index))
    at = _lane_axis(index)
    return _moved(A, picked, at, 0) if at else picked


def _index_add(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    index, at = params["index"], _lane_axis(params["index"])
    x = _moved(A, xs[0].value, 0, at) if at else xs[0].value
    return _apply(A, primitive, [x], index=_every_lane(A, index), shape=(A.size, *params["shape"]))


def _every_lane(A: BatchAlgebra, index: Index) -> Index:
    return (("slice", 0, A.size, 1), *index)


def _lane_axis(index: Index) -> int:
    """Return where the lanes end up when ``index`` follows a full slice.

    NumPy puts the axes of index arrays first if they stand apart (with a slice or a new axis between), and integers
    beside arrays count as arrays: the lanes then come after those axes.
    """
    arrays = [entry.array for entry in index if isinstance(entry, FrozenArray)]
    if not arrays:
        return 0
    places = [k for k, entry in enumerate(index) if isinstance(entry, (int, FrozenArray))]
    together = places[-1] - places[0] + 1 == len(places)
    return 0 if together else np.broadcast(*arrays, 0).ndim


def _moved(A: BatchAlgebra, x: Any, source: int, target: int) -> Any:
    """Return ``x`` with one axis moved."""
    order = [a for a in range(len(A.base.shape(x))) if a != source]
    order.insert(target, source)
    return A.base.transpose(x, axes=tuple(order))


def _matmul(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Products with one matrix that all samples share are one product; others are stacks of products."""
    a, b = xs
    ranks = (len(A.shape(a)), len(A.shape(b)))
    if A.holds(a) and not A.holds(b) and ranks[1] <= 2:
        return _rows_times(A, a.value, b)
    if A.holds(b) and not A.holds(a) and ranks[1] == 1 and ranks[0] <= 2:
        return _rows_times(A, b.value, a if ranks[0] == 1 else A.base.transpose(a, axes=(1, 0)))
    shape = primitive.infer(Type(A.shape(a), FLOAT64), Type(A.shape(b), FLOAT64)).shape
    rank = max(*ranks, 2)
    product = A.base.matmul(_as_matrices(A, a, rank, 0), _as_matrices(A, b, rank, 1))
    full = (A.size, *shape)
    return product if A.base.shape(product) == full else A.base.reshape(product, shape=full)


def _rows_times(A: BatchAlgebra, rows: Any, b: Any) -> Any:
    """Return ``rows @ b`` with all leading axes of ``rows`` as one."""
    shape, other = A.base.shape(rows), A.base.shape(b)
    if len(shape) <= 2:
        return A.base.matmul(rows, b)
    flat = A.base.reshape(rows, shape=(int(np.prod(shape[:-1], dtype=np.int64)), shape[-1]))
    return A.base.reshape(A.base.matmul(flat, b), shape=(*shape[:-1], *other[1:]))


def _as_matrices(A: BatchAlgebra, x: Any, rank: int, position: int) -> Any:
    """Return an operand as a stack of matrices whose samples have ``rank`` axes."""
    shape = A.shape(x)
    if len(shape) == 1:
        shape = (1, *shape) if position == 0 else (*shape, 1)
    shape = (*(1,) * (rank - len(shape)), *shape)
    value = x.value if A.holds(x) else x
    full = (A.size, *shape) if A.holds(x) else shape
    return value if A.base.shape(value) == full else A.base.reshape(value, shape=full)


def _outer(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    column, row = xs
    (m,), (n,) = A.shape(column), A.shape(row)
    left = A.reshape(column, shape=(m, 1))
    return A.multiply(left, A.reshape(row, shape=(1, n))).value


def _one_by_one(A: BatchAlgebra, primitive: Primitive, xs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Any other row: apply it to each sample and stack the results."""
    results = []
    for k in range(A.size):
        sample = [_sample(A, x, k) if A.holds(x) else x for x in xs]
        results.append(_apply(A, primitive, sample, **params))
    return A.base.stack(*results, axis=0)


def _sample(A: BatchAlgebra, x: Lanes, k: int) -> Any:
    rest = tuple(("slice", 0, length, 1) for length in A.shape(x))
    return A.base.index(x.value, index=(k, *rest))


RULES: Mapping[str, BatchRule] = MappingProxyType({
    "sum": _reduction, "mean": _reduction, "max": _reduction, "min": _reduction, "prod": _reduction,
    "norm": _reduction, "cumsum": _along, "sort": _along, "cast": _same, "stop_gradient": _same,
    "reshape": _reshape, "transpose": _transpose, "broadcast_to": _broadcast_to,
    "index": _index, "index_add": _index_add, "concatenate": _joined, "stack": _joined,
    "matmul": _matmul, "outer": _outer,
})  # fmt: skip
"""What the rows that are not elementwise become, by name."""


# ---------------------------------------------------------------------------------------------------- the transform


def batch(graph: Graph, size: int, inputs: Sequence[int | str] | None = None) -> Graph:
    """Return the graph that evaluates ``graph`` at ``size`` samples at once.

    Parameters
    ----------
    graph : Graph
    size : int
        The number of samples.
    inputs : sequence of int or str, optional
        Positions or names of the inputs that differ between samples and get a leading axis; by default all.

    Returns
    -------
    Graph
        Every output has a leading axis of length ``size``. A comparison that the trace followed must turn out as it
        did for every sample.

    Raises
    ------
    InputError
        For a size below 1 or an input that does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.frontends.recording import record
    >>> from adlab.transforms.evaluation import call_graph
    >>> one = record(lambda x, W: np.tanh(W @ x).sum(), (np.ones(2), np.ones((3, 2)))).graph
    >>> many = batch(one, 4, inputs=["x"])
    >>> many.input_types[0].shape, many.output_types[0].shape
    ((4, 2), (4,))
    >>> call_graph(many, (np.zeros((4, 2)), np.ones((3, 2))))
    array([0., 0., 0., 0.])
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise InputError(f"The number of samples must be a whole number of at least 1, not {size!r}.")
    chosen = _chosen(graph, inputs)
    recorder = Recorder()
    algebra = BatchAlgebra(GraphAlgebra(recorder), int(size))
    values: list[Any] = []
    for k, (name, type) in enumerate(zip(graph.inputs, graph.input_types, strict=True)):
        shape = (int(size), *type.shape) if k in chosen else type.shape
        variable = recorder.variable(name, Type(shape, type.dtype))
        values.append(algebra.lanes(variable) if k in chosen else variable)
    constants = [algebra.constant(constant) for constant in graph.constants]
    for i in range(len(graph.inputs), len(graph)):
        xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
        values.append(_recorded(graph, i, xs, algebra, recorder))
    for guard in graph.guards:
        recorder.source = graph.sources[guard.source]
        value = values[guard.operand] if guard.operand >= 0 else constants[~guard.operand]
        _guard(recorder, algebra, value, guard.outcome)
    found = [values[j] if j >= 0 else constants[~j] for j in graph.outputs]
    operands = [recorder.operand(algebra.spread(value)) for value in found]
    return recorder.finish(operands, graph.in_tree, graph.out_tree, graph.name)


def _chosen(graph: Graph, inputs: Sequence[int | str] | None) -> frozenset[int]:
    count = len(graph.inputs)
    if inputs is None:
        return frozenset(range(count))
    found = set()
    for which in inputs:
        place = graph.inputs.index(which) if which in graph.inputs else which
        if not isinstance(place, int) or not -count <= place < count:
            raise InputError(
                f"There is no input {which!r} to batch; the inputs are {', '.join(graph.inputs)}."
            )
        found.add(place % count)
    return frozenset(found)


def _recorded(graph: Graph, i: int, xs: Sequence[Any], algebra: BatchAlgebra, recorder: Recorder) -> Any:
    """Return node ``i`` in lanes, written under its own scope and source line."""
    recorder.source = graph.sources[graph.source_ids[i]]
    token = current_scope.set(graph.scope_path(graph.scope_ids[i]))
    try:
        return algebra.apply(graph.primitives[i], xs, graph.params[i])
    finally:
        current_scope.reset(token)


def _guard(recorder: Recorder, algebra: BatchAlgebra, value: Any, outcome: bool) -> None:
    """Record that a comparison turned out the same for every sample: the least, or the greatest, of them says so."""
    if not algebra.holds(value):
        if isinstance(value, Traced):
            recorder.guard(value.index, outcome)
        return
    numbers = algebra.base.cast(value.value, dtype="float64")
    extreme = algebra.base.apply(
        TABLE["min" if outcome else "max"], [numbers], (("axis", None), ("keepdims", False))
    )
    recorder.guard((extreme > 0).index, outcome)


def lanes_at_once(graph: Graph, count: int) -> int:
    """Return how many lanes, at most ``count``, one pass may carry so that its values fit in `LANE_BYTES`."""
    elements = sum(type.size for type in graph.types if type.dtype != BOOL)
    return max(1, min(count, LANE_BYTES // (8 * max(elements, 1))))


__all__ = ["LANE_BYTES", "RULES", "BatchAlgebra", "Lanes", "batch", "lanes_at_once"]
