"""Rows that move, join, reduce and multiply whole arrays.

They are declared linear (sum, reshape, indexing, …) or bilinear (matrix products) with a transpose, or are
reductions with weights (max, min, prod). Their ``numpy`` functions work on object arrays too, so SymPy and
mpmath need nothing of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adlab.ir.constant import Constant
from adlab.ir.index import Index, format_index, indexed_shape, normalise_index, numpy_index
from adlab.ir.primitive import Domain, Kink, Notation, Primitive, Site
from adlab.ir.types import BOOL, FLOAT32, Shape, Type, common_dtype, normalise_axes
from adlab.primitives import infer
from adlab.primitives.notation import ATOM, POWER, PRODUCT, function, infix, wrapped
from adlab.primitives.rules import Bilinear, Elementwise, Linear, Reduction, expand, literal, unbroadcast

ANY = Domain("arrays", ((-3.0, 3.0),))


def row(name: str, numpy: Any, infer: Any, rule: Any, **facts: Any) -> Primitive:
    """Return a structural row, written as a function unless it says otherwise."""
    facts.setdefault("notation", function(name))
    facts.setdefault("domain", ANY)
    return Primitive(name, infer, rule, numpy, **facts)


# ------------------------------------------------------------------------------------------------- reductions


def _spread(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return A.broadcast_to(expand(A, cotangent, site), shape=site.types[0].shape)


def _spread_mean(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    count = site.types[0].size // max(site.type.size, 1)
    return _spread(A, A.divide(cotangent, count), position, site)


def _shared_hits(A: Any, site: Site) -> Any:
    x = site.xs[0]
    hits = A.where(A.equal(x, expand(A, site.y, site)), literal(A, 1, x), literal(A, 0, x))
    return hits / A.sum(hits, axis=site.params["axis"], keepdims=True)


def _products_of_others(A: Any, site: Site) -> Any:
    """Return, for each element, the product of all the others along the reduced axes.

    Up and down a tree of pairs (O(n) products, depth log n), so a zero among the factors is exact and every
    order of derivative is right; dividing the product by the factor would give 0/0.
    """
    x, shape = site.xs[0], site.types[0].shape
    axes = normalise_axes(site.params["axis"], len(shape))
    kept = tuple(a for a in range(len(shape)) if a not in axes)
    order = axes + kept
    length = int(np.prod([shape[a] for a in axes], dtype=np.int64))
    rest = tuple(shape[a] for a in kept)
    flat = A.reshape(_permute(A, x, order), shape=(length, *rest))
    others = _exclusive_products(A, flat, length, rest)
    moved = A.reshape(others, shape=tuple(shape[a] for a in order))
    return _permute(A, moved, tuple(int(a) for a in np.argsort(order)))


def _exclusive_products(A: Any, x: Any, length: int, rest: Shape) -> Any:
    levels = []
    while length > 1:
        even, odd = _every_second(A, x, length, rest, 0), _every_second(A, x, length, rest, 1)
        if length % 2:
            odd = A.concatenate(odd, ones(A, (1, *rest), x), axis=0)
        levels.append((even, odd, length))
        x, length = even * odd, (length + 1) // 2
    others = ones(A, (length, *rest), x)
    for even, odd, full in reversed(levels):
        pairs = A.stack(others * odd, others * even, axis=1)
        half = (full + 1) // 2
        others = A.reshape(pairs, shape=(2 * half, *rest))
        if full % 2:
            others = A.index(others, index=normalise_index(slice(0, full), (2 * half, *rest)))
    return others


def _every_second(A: Any, x: Any, length: int, rest: Shape, start: int) -> Any:
    return A.index(x, index=normalise_index(slice(start, length, 2), (length, *rest)))


def _permute(A: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return x if axes == tuple(range(len(axes))) else A.transpose(x, axes=axes)


def ones(A: Any, shape: Shape, like: Any) -> Any:
    """Return an array of ones in the dtype of ``like`` as a value of the algebra."""
    dtype = common_dtype([A.dtype(like)])
    return A.constant(Constant(np.ones(shape, dtype), Type(shape, dtype)))


def _reducer(function: Any) -> Any:
    def apply(x: Any, axis: Any, keepdims: bool) -> Any:
        return function(x, axis=axis, keepdims=keepdims)

    return apply


def _reversed_cumsum(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    axis, shape = site.params["axis"], site.type.shape
    backwards = normalise_index((*[slice(None)] * axis, slice(None, None, -1)), shape)
    return A.index(A.cumsum(A.index(cotangent, index=backwards), axis=axis), index=backwards)


def _norm(x: Any, axis: Any, keepdims: bool) -> Any:
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def _norm_notation(params: Mapping[str, Any]) -> Notation:
    """Return ‖x‖ for the norm of a whole array; over some axes only, a function that names them."""
    if params.get("axis") is None and not params.get("keepdims"):
        return wrapped("norm", r"\left\lVert {0} \right\rVert")
    return function("norm")


def _exact_norm(library: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return np.frompyfunc(library.sqrt, 1, 1)(np.sum(x * x, axis=axis, keepdims=keepdims))


def _directions(A: Any, site: Site) -> Any:
    """Return x/√Σx², and 0 for zero vectors: there it is the subgradient of least norm."""
    x, size = site.xs[0], expand(A, site.y, site)
    none = A.equal(size, 0)
    return A.where(none, literal(A, 0, x), x / A.where(none, literal(A, 1, size), size))


AT_ZERO = (Kink("all elements are 0", "0 in every order, the subgradient of least norm"),)
SHARED = (Kink("two elements share the extreme", "they share the derivative equally"),)

REDUCTIONS = (
    row("sum",    _reducer(np.sum),  infer.reduction, Linear(_spread),
        notation=function("sum", r"\sum"), summary="sum over axes"),
    row("mean",   _reducer(np.mean), infer.selection, Linear(_spread_mean),
        summary="mean over axes"),
    row("max",    _reducer(np.max),  infer.selection, Reduction(_shared_hits),
        notation=function("max", r"\max"), kinks=SHARED, summary="largest element over axes"),
    row("min",    _reducer(np.min),  infer.selection, Reduction(_shared_hits),
        notation=function("min", r"\min"), kinks=SHARED, summary="smallest element over axes"),
    row("prod",   _reducer(np.prod), infer.reduction, Reduction(_products_of_others),
        notation=function("prod", r"\prod"), summary="product over axes; exact where a factor is 0"),
    row("norm",   _norm,             infer.reduction, Reduction(_directions),
        sympy=_exact_norm, mpmath=_exact_norm, notation=_norm_notation, kinks=AT_ZERO, summary="√Σx² over axes"),
    row("cumsum", lambda x, axis: np.cumsum(x, axis=axis), infer.along, Linear(_reversed_cumsum),
        summary="running sum along an axis"),
)  # fmt: skip

# -------------------------------------------------------------------------------------------------- structure


def _reshape_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return A.reshape(cotangent, shape=site.types[0].shape)


def _transpose_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return A.transpose(cotangent, axes=tuple(int(a) for a in np.argsort(site.params["axes"])))


def _broadcast_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return unbroadcast(A, cotangent, site.type.shape, site.types[0].shape)


def _index_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return A.index_add(cotangent, index=site.params["index"], shape=site.types[0].shape)


def _index_add_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return A.index(cotangent, index=site.params["index"])


def added_at(x: Any, index: Any, shape: Shape) -> Any:
    """Return zeros of ``shape`` with ``x`` added at an index; elements named twice are added twice."""
    x = np.asarray(x)
    total = np.zeros(shape, x.dtype)
    x = x[()]  # the number itself: an element of an object array must not be a 0-d array
    if any(isinstance(entry, (list, np.ndarray)) for entry in index):
        np.add.at(total, index, x)
    else:
        total[index] = x
    return total


def _index_add(x: Any, index: Index, shape: Shape) -> Any:
    return added_at(x, numpy_index(index), shape)


def _infer_index(x: Type, index: Index) -> Type:
    return Type(indexed_shape(x.shape, index), x.dtype)


def _infer_index_add(x: Type, index: Index, shape: Shape) -> Type:
    return Type(tuple(shape), x.dtype)


def _part(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    axis = site.params["axis"]
    start = sum(type.shape[axis] for type in site.types[:position])
    stop = start + site.types[position].shape[axis]
    index = normalise_index((*[slice(None)] * axis, slice(start, stop)), site.type.shape)
    return A.index(cotangent, index=index)


def _layer(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    index = normalise_index((*[slice(None)] * site.params["axis"], position), site.type.shape)
    return A.index(cotangent, index=index)


def _transpose_notation(params: Mapping[str, Any]) -> Notation:
    if params["axes"] == (1, 0):
        return Notation("{0}ᵀ", "{{{0}}}^{{\\mathsf T}}", POWER, (POWER + 1,))
    return function("transpose")


def _index_notation(params: Mapping[str, Any]) -> Notation:
    text = format_index(params["index"]).replace("{", "{{").replace("}", "}}")
    latex = text.replace(":", "{{:}}").replace("None", r"\mathrm{{None}}")
    return Notation(f"{{0}}[{text}]", f"{{0}}[{latex}]", ATOM, (ATOM,))


def _cast_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    return A.cast(cotangent, dtype=site.types[0].dtype.name)


def _cast(x: Any, dtype: str) -> Any:
    x = np.asarray(x)
    return x if x.dtype == object else x.astype(dtype)[()]


def _infer_cast(x: Type, dtype: str) -> Type:
    return Type(x.shape, {"float32": FLOAT32, "bool": BOOL}.get(dtype, common_dtype(())))


STRUCTURE = (
    row("reshape", lambda x, shape: np.reshape(x, shape), infer.reshape, Linear(_reshape_back),
        summary="the same elements in another shape"),
    row("transpose", lambda x, axes: np.transpose(x, axes), infer.transpose, Linear(_transpose_back),
        notation=_transpose_notation, summary="axes in another order"),
    row("broadcast_to", lambda x, shape: np.broadcast_to(x, shape), infer.broadcast_to,
        Linear(_broadcast_back), summary="repeated along new or length-1 axes"),
    row("index", lambda x, index: np.asarray(x)[numpy_index(index)], _infer_index, Linear(_index_back),
        notation=_index_notation, summary="elements picked by integers, slices and arrays"),
    row("index_add", _index_add, _infer_index_add, Linear(_index_add_back),
        summary="zeros with the operand added at an index"),
    row("concatenate", lambda *xs, axis: np.concatenate(xs, axis=axis), infer.concatenate, Linear(_part),
        arity=None, summary="arrays joined along an axis"),
    row("stack", lambda *xs, axis: np.stack(xs, axis=axis), infer.stack, Linear(_layer),
        arity=None, summary="arrays joined along a new axis"),
    row("cast", _cast, _infer_cast, Linear(_cast_back),
        summary="the same numbers in another dtype"),
    row("stop_gradient", lambda x: x, infer.real, Elementwise((None,)),
        summary="the same value, taken as a constant by every derivative"),
)  # fmt: skip

# --------------------------------------------------------------------------------------------------- products


def _matmul_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    """Return the matrix rules Ā = Ȳ·Bᵀ and B̄ = Aᵀ·Ȳ, with the cases of vectors and stacks of matrices."""
    (a, b), (ta, tb) = site.xs, site.types
    ranks = (ta.ndim, tb.ndim)
    if ranks == (1, 1):
        return cotangent * (b if position == 0 else a)
    if ranks == (2, 1):
        return A.outer(cotangent, b) if position == 0 else A.matmul(_swap(A, a, 2), cotangent)
    if ranks == (1, 2):
        return A.matmul(b, cotangent) if position == 0 else A.outer(a, cotangent)
    return _stacked_back(A, cotangent, position, site)


def _stacked_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    """Return the rule for stacks: vectors become matrices of one row or column, then repeats are summed."""
    (a, b), (ta, tb) = site.xs, site.types
    shape_a = ta.shape if ta.ndim > 1 else (1, *ta.shape)
    shape_b = tb.shape if tb.ndim > 1 else (*tb.shape, 1)
    a = a if ta.ndim > 1 else A.reshape(a, shape=shape_a)
    b = b if tb.ndim > 1 else A.reshape(b, shape=shape_b)
    batch = np.broadcast_shapes(shape_a[:-2], shape_b[:-2])
    full = (*batch, shape_a[-2], shape_b[-1])
    cotangent = cotangent if full == site.type.shape else A.reshape(cotangent, shape=full)
    if position == 0:
        product, shape, target = A.matmul(cotangent, _swap(A, b, len(shape_b))), shape_a, ta.shape
    else:
        product, shape, target = A.matmul(_swap(A, a, len(shape_a)), cotangent), shape_b, tb.shape
    summed = unbroadcast(A, product, (*batch, *shape[-2:]), shape)
    return summed if shape == target else A.reshape(summed, shape=target)


def _swap(A: Any, x: Any, ndim: int) -> Any:
    return A.transpose(x, axes=(*range(ndim - 2), ndim - 1, ndim - 2))


def _outer_back(A: Any, cotangent: Any, position: int, site: Site) -> Any:
    if position == 0:
        return A.matmul(cotangent, site.xs[1])
    return A.matmul(_swap(A, cotangent, 2), site.xs[0])


PRODUCTS = (
    row("matmul", np.matmul, infer.matmul, Bilinear(_matmul_back), arity=2,
        notation=infix("@", r"\,", PRODUCT), aliases=("dot",),
        summary="matrix product, with NumPy's rules for vectors and stacks"),
    row("outer",  np.outer,  infer.outer,  Bilinear(_outer_back),  arity=2,
        summary="all products of elements of two vectors"),
)  # fmt: skip

TENSOR = REDUCTIONS + STRUCTURE + PRODUCTS
