"""Rows of linear algebra: systems, determinants, factorisations, all of them of matrices in the last two axes.

A factorisation with several results is one node that holds them all, joined: the eigenvalues are the row on
top of the eigenvectors. Its parts are picked by indexing, so the work is done once. Rules are matrix formulas
in the carrier at hand, hence of every order; the formulas are those of Giles, *An extended collection of matrix
derivative results for forward and reverse mode automatic differentiation* (2008).

Where NumPy raises (a singular system, a matrix that is not positive definite) the value is NaN, for that
matrix of a stack alone. NumPy reads the lower triangle of a symmetric matrix and nothing else; so do the rows,
and the derivative by what is not read is 0: write ``(A + A.T) / 2`` first for the symmetric derivative. In
each eigenvector and each left singular vector the component of largest magnitude is positive, whatever sign
LAPACK chose: the vectors then depend smoothly on the matrix, and all carriers agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.errors import ShapeError
from adlab.ir.constant import Constant
from adlab.ir.index import normalise_index
from adlab.ir.primitive import Domain, Primitive, Site
from adlab.ir.types import BOOL, Type, broadcast_shapes, common_dtype
from adlab.primitives import elimination
from adlab.primitives.notation import function, wrapped
from adlab.primitives.rules import Custom, Joint, literal, unbroadcast

MATRICES = Domain("square matrices", ((-3.0, 3.0),))


# ------------------------------------------------------------------------------------------------- in carriers


def transposed(A: Any, x: Any) -> Any:
    """Return ``x`` with its last two axes swapped."""
    rank = len(A.shape(x))
    return A.transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def identity(A: Any, like: Any) -> Any:
    """Return the identity matrix of the size and dtype of a square ``like``."""
    size, dtype = A.shape(like)[-1], common_dtype([A.dtype(like)])
    return A.constant(Constant(np.eye(size, dtype=dtype), Type((size, size), dtype)))


def masked(A: Any, mask: Any, x: Any) -> Any:
    """Return ``x`` where the constant mask holds and 0 elsewhere."""
    return A.where(A.constant(Constant(mask, Type(mask.shape, BOOL))), x, literal(A, 0, x))


def lower(A: Any, x: Any, below: int = 0) -> Any:
    """Return the lower triangle of ``x``, from the diagonal or from below it."""
    return masked(A, np.tri(A.shape(x)[-1], k=-below, dtype=bool), x)


def diagonal(A: Any, x: Any) -> Any:
    """Return the diagonal as a vector: what is off it is masked, and summed away."""
    rank = len(A.shape(x))
    return A.sum(masked(A, np.eye(A.shape(x)[-1], dtype=bool), x), axis=(rank - 1,), keepdims=False)


def traced_sum(A: Any, a: Any, b: Any) -> Any:
    """Return Σ aᵢⱼ·bᵢⱼ of each matrix, with its axes kept as length 1."""
    product = a * b
    rank = len(A.shape(product))
    return A.sum(product, axis=(rank - 2, rank - 1), keepdims=True)


def without_matrix_axes(A: Any, x: Any) -> Any:
    """Return ``x`` without its last two axes, which have length 1."""
    return A.reshape(x, shape=A.shape(x)[:-2])


def with_matrix_axes(A: Any, x: Any) -> Any:
    """Return ``x`` with two axes of length 1 at its end."""
    return A.reshape(x, shape=(*A.shape(x), 1, 1))


def rows(A: Any, x: Any, start: int, stop: int) -> Any:
    """Return some rows of each matrix."""
    shape = A.shape(x)
    return A.index(x, index=normalise_index((..., slice(start, stop), slice(None)), shape))


def joined(A: Any, *parts: Any) -> Any:
    """Return matrices on top of each other."""
    return A.concatenate(*parts, axis=len(A.shape(parts[0])) - 2)


def symmetric_of_lower(A: Any, x: Any) -> Any:
    """Return the symmetric matrix whose lower triangle is that of ``x``."""
    return lower(A, x) + transposed(A, lower(A, x, 1))


def lower_of_symmetric(A: Any, x: Any) -> Any:
    """Return the transpose of `symmetric_of_lower`: both halves added up below the diagonal."""
    return lower(A, x) + lower(A, transposed(A, x), 1)


def used(A: Any, *parts: Any) -> Any:
    """Return Σ|x| of each column as a row: 0 for vectors that nothing depends on."""
    total = None
    for x in parts:
        size = A.sum(A.absolute(x), axis=(len(A.shape(x)) - 2,), keepdims=True)
        total = size if total is None else total + size
    return total


def unless_idle(A: Any, top: Any, bottom: Any, use: Any) -> Any:
    """Return top/bottom, and 0 for 0/0 where the vectors are not used: else it says that there is no derivative."""
    idle = A.logical_and(A.equal(use, 0), A.equal(bottom, 0))
    return top / A.where(idle, literal(A, 1, bottom), bottom)


# ----------------------------------------------------------------------------------------------------- shapes


def _square(x: Type) -> Type:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"the operand has shape {x.shape}; the last two axes must be a square matrix.")
    return Type(x.shape, common_dtype([x.dtype]))


def _number(x: Type) -> Type:
    return Type(_square(x).shape[:-2], common_dtype([x.dtype]))


def _pair(x: Type) -> Type:
    return Type((*_square(x).shape[:-2], 2), common_dtype([x.dtype]))


def _system(a: Type, b: Type) -> Type:
    size = _square(a).shape[-1]
    if b.ndim < 2 or b.shape[-2] != size:
        raise ShapeError(f"a system of {size} equations has no right-hand side of shape {b.shape}.")
    batch = broadcast_shapes([a.shape[:-2], b.shape[:-2]])
    return Type((*batch, *b.shape[-2:]), common_dtype([a.dtype, b.dtype]))


def _eigen(x: Type) -> Type:
    size = _square(x).shape[-1]
    return Type((*x.shape[:-2], size + 1, size), common_dtype([x.dtype]))


def _rectangle(x: Type) -> tuple[int, int]:
    if x.ndim < 2:
        raise ShapeError(f"the operand has shape {x.shape}; a matrix has two axes.")
    return x.shape[-2], x.shape[-1]


def _singular(x: Type) -> Type:
    m, n = _rectangle(x)
    return Type((*x.shape[:-2], m + 1 + n, min(m, n)), common_dtype([x.dtype]))


def _turned(x: Type) -> Type:
    m, n = _rectangle(x)
    return Type((*x.shape[:-2], n, m), common_dtype([x.dtype]))


# ------------------------------------------------------------------------------------------------------ rules


class Solve(Joint):
    """The rule of x = A⁻¹·b: ẋ = A⁻¹(ḃ − Ȧx); b̄ = A⁻ᵀx̄, Ā = −b̄xᵀ."""

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return A⁻¹(ḃ − Ȧx)."""
        da, db = tangents
        right = None if da is None else -A.matmul(da, site.y)
        if db is not None:
            right = db if right is None else db + right
        return None if right is None else A.solve(site.xs[0], right)

    def pull(self, A: Any, site: Site, cotangent: Any, positions: Sequence[int]) -> Sequence[Any]:
        """Return A⁻ᵀx̄ and its product with −xᵀ, summed over the stack where an operand was not stacked."""
        ta, tb = site.types
        back = A.solve(transposed(A, site.xs[0]), cotangent)
        found = []
        for position in positions:
            type = (ta, tb)[position]
            part = back if position == 1 else -A.matmul(back, transposed(A, site.y))
            summed = unbroadcast(A, part, A.shape(part), type.shape)
            wide = site.type.dtype != type.dtype and type.dtype != BOOL
            found.append(A.cast(summed, dtype=type.dtype.name) if wide else summed)
        return found


def _det_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    return without_matrix_axes(A, traced_sum(A, A.cofactors(site.xs[0]), tangents[0]))


def _det_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    return with_matrix_axes(A, cotangent) * A.cofactors(site.xs[0])


MINORS = 8
"""Up to this size a cofactor is differentiated as the determinant that it is; n² of them are stacked for that."""


def _minors_index(shape: Sequence[int]) -> Any:
    """Return the index that takes all minors out of a matrix, as a stack of n by n of them."""
    size = shape[-1]
    others = np.array([[k for k in range(size) if k != i] for i in range(size)])
    return normalise_index((..., others[:, None, :, None], others[None, :, None, :]), shape)


def _signed(A: Any, x: Any) -> Any:
    """Return ``x`` with the signs of a chessboard."""
    size = A.shape(x)[-1]
    black = np.add.outer(np.arange(size), np.arange(size)) % 2 == 0
    return masked(A, black, x) - masked(A, ~black, x)


def _cofactors_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    """Return each cofactor's own differential, Σ cof(M)·Ṁ of its minor M, which needs no inverse.

    Large matrices go by the differential of det(A)·A⁻ᵀ, of regular ones: Ċ = C·tr(A⁻¹Ȧ) − C·(A⁻¹Ȧ)ᵀ.
    """
    a, c, da = site.xs[0], site.y, tangents[0]
    shape = A.shape(a)
    if shape[-1] == 1:
        return da * 0
    if shape[-1] <= MINORS:
        index, rank = _minors_index(shape), len(shape) + 2
        parts = A.cofactors(A.index(a, index=index)) * A.index(da, index=index)
        return _signed(A, A.sum(parts, axis=(rank - 2, rank - 1), keepdims=False))
    inner = A.solve(a, da)
    return c * traced_sum(A, identity(A, a), inner) - A.matmul(c, transposed(A, inner))


def _cofactors_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    a, c = site.xs[0], site.y
    shape = A.shape(a)
    if shape[-1] == 1:
        return cotangent * 0
    if shape[-1] <= MINORS:
        index = _minors_index(shape)
        parts = A.cofactors(A.index(a, index=index)) * with_matrix_axes(A, _signed(A, cotangent))
        return A.index_add(parts, index=index, shape=shape)
    right = traced_sum(A, cotangent, c) * identity(A, a) - A.matmul(cotangent, transposed(A, c))
    return transposed(A, A.solve(a, right))


def _last(A: Any, x: Any, k: int) -> Any:
    return A.index(x, index=normalise_index((..., k), A.shape(x)))


def _slogdet_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    a = site.xs[0]
    slope = without_matrix_axes(A, traced_sum(A, identity(A, a), A.solve(a, tangents[0])))
    return A.stack(slope * 0, slope, axis=len(site.type.shape) - 1)


def _slogdet_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    a = site.xs[0]
    return with_matrix_axes(A, _last(A, cotangent, 1)) * A.solve(transposed(A, a), identity(A, a))


def _half_diagonal(A: Any, x: Any) -> Any:
    """Return Φ(x): the lower triangle, with half of the diagonal."""
    return A.divide(lower(A, x) + lower(A, x, 1), 2)


def _cholesky_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    """Return L·Φ(L⁻¹·Ȧ·L⁻ᵀ)."""
    factor, da = site.y, symmetric_of_lower(A, tangents[0])
    inner = A.solve(factor, transposed(A, A.solve(factor, da)))
    return A.matmul(factor, _half_diagonal(A, inner))


def _cholesky_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    """Return L⁻ᵀ·Φ(Lᵀ·L̄)·L⁻¹, gathered in the lower triangle."""
    factor = site.y
    flipped = transposed(A, factor)
    inner = A.solve(flipped, _half_diagonal(A, A.matmul(flipped, lower(A, cotangent))))
    full = transposed(A, A.solve(flipped, transposed(A, inner)))
    return lower_of_symmetric(A, A.divide(full + transposed(A, full), 2))


def _parts_of_eigen(A: Any, x: Any) -> tuple[Any, Any]:
    size = A.shape(x)[-1]
    return rows(A, x, 0, 1), rows(A, x, 1, size + 1)


def _gaps(A: Any, values: Any) -> Any:
    """Return wⱼ − wᵢ as a matrix, from the values as a row; 1 on the diagonal, which is never used."""
    gaps = values - transposed(A, values)
    return gaps + identity(A, gaps)


def _split(A: Any, top: Any, gaps: Any, use: Any) -> Any:
    """Return top/gaps off the diagonal."""
    off = masked(A, ~np.eye(A.shape(gaps)[-1], dtype=bool), top)
    return unless_idle(A, off, gaps, use + transposed(A, use))


def _eigh_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    """Return ẇ = diag(P) and V̇ = V·(P/gaps), with P = VᵀȦV."""
    values, vectors = _parts_of_eigen(A, site.y)
    da = symmetric_of_lower(A, tangents[0])
    inner = A.matmul(transposed(A, vectors), A.matmul(da, vectors))
    turn = masked(A, ~np.eye(A.shape(inner)[-1], dtype=bool), inner) / _gaps(A, values)
    return joined(A, A.reshape(diagonal(A, inner), shape=A.shape(values)), A.matmul(vectors, turn))


def _eigh_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    """Return V·(diag(w̄) + VᵀV̄/gaps)·Vᵀ, gathered in the lower triangle."""
    values, vectors = _parts_of_eigen(A, site.y)
    value_bar, vector_bar = _parts_of_eigen(A, cotangent)
    flipped = transposed(A, vectors)
    turn = _split(A, A.matmul(flipped, vector_bar), _gaps(A, values), used(A, vector_bar))
    full = A.matmul(vectors, A.matmul(identity(A, turn) * value_bar + turn, flipped))
    return lower_of_symmetric(A, A.divide(full + transposed(A, full), 2))


def _parts_of_singular(A: Any, x: Any, m: int) -> tuple[Any, Any, Any]:
    n = A.shape(x)[-2] - m - 1
    return rows(A, x, 0, m), rows(A, x, m, m + 1), rows(A, x, m + 1, m + 1 + n)


def _outside(A: Any, basis: Any, x: Any) -> Any:
    """Return the part of ``x`` outside the space that the columns of ``basis`` span."""
    return x - A.matmul(basis, A.matmul(transposed(A, basis), x))


def _svd_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    """Return U̇, ṡ, V̇ from P = UᵀȦV, and from what of Ȧ is outside the two spaces."""
    da, (m, n) = tangents[0], site.types[0].shape[-2:]
    u, s, v = _parts_of_singular(A, site.y, m)
    inner = A.matmul(transposed(A, u), A.matmul(da, v))
    column, gaps, off = transposed(A, s), _gaps(A, A.square(s)), ~np.eye(min(m, n), dtype=bool)
    turned = transposed(A, inner)
    du = A.matmul(u, masked(A, off, inner * s + column * turned) / gaps)
    dv = A.matmul(v, masked(A, off, column * inner + turned * s) / gaps)
    if m > n:
        du = du + _outside(A, u, A.matmul(da, v)) / s
    if n > m:
        dv = dv + _outside(A, v, A.matmul(transposed(A, da), u)) / s
    return joined(A, du, A.reshape(diagonal(A, inner), shape=A.shape(s)), dv)


def _svd_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    m, n = site.types[0].shape[-2:]
    (u, s, v), (ub, sb, vb) = _parts_of_singular(A, site.y, m), _parts_of_singular(A, cotangent, m)
    column, gaps, use = transposed(A, s), _gaps(A, A.square(s)), used(A, ub, vb)
    left, right = A.matmul(transposed(A, u), ub), A.matmul(transposed(A, v), vb)
    left = _split(A, left - transposed(A, left), gaps, use)
    right = _split(A, right - transposed(A, right), gaps, use)
    core = left * s + column * right + identity(A, left) * sb
    full = A.matmul(u, A.matmul(core, transposed(A, v)))
    if m > n:
        full = full + A.matmul(unless_idle(A, _outside(A, u, ub), s, use), transposed(A, v))
    if n > m:
        full = full + A.matmul(u, transposed(A, unless_idle(A, _outside(A, v, vb), s, use)))
    return full


def _pinv_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    """Return Golub and Pereyra's −YȦY + YYᵀȦᵀ(I − AY) + (I − YA)ȦᵀYᵀY, for a rank that stays."""
    a, y, da = site.xs[0], site.y, tangents[0]
    yt, dt = transposed(A, y), transposed(A, da)
    first = A.matmul(A.matmul(y, yt), dt)
    second = A.matmul(dt, A.matmul(yt, y))
    first = first - A.matmul(A.matmul(first, a), y)
    second = second - A.matmul(y, A.matmul(a, second))
    return first + second - A.matmul(y, A.matmul(da, y))


def _pinv_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    a, y = site.xs[0], site.y
    yt, ct = transposed(A, y), transposed(A, cotangent)
    first = A.matmul(ct, A.matmul(y, yt))
    second = A.matmul(A.matmul(yt, y), ct)
    first = first - A.matmul(a, A.matmul(y, first))
    second = second - A.matmul(A.matmul(second, y), a)
    return first + second - A.matmul(yt, A.matmul(cotangent, yt))


# ----------------------------------------------------------------------------------------------------- values


def row(name: str, numpy: Callable[..., Any], infer: Any, rule: Any, exact: Any, **facts: Any) -> Primitive:
    """Return a row; ``exact`` computes it with SymPy's or mpmath's numbers, given the library."""
    facts.setdefault("notation", function(name))
    facts.setdefault("domain", MATRICES)
    return Primitive(name, infer, rule, numpy, sympy=exact, mpmath=exact, **facts)


LINALG: tuple[Primitive, ...] = (
    row("solve", elimination.solve_numpy, _system, Solve(), elimination.solve, arity=2,
        domain=Domain("square matrices that are not singular", ((-3.0, 3.0),)),
        summary="A⁻¹·b, the solution of linear systems; NaN for a singular matrix"),
    row("det", elimination.det_numpy, _number, Custom(_det_forward, _det_backward), elimination.det,
        notation=function("det", r"\det"),
        summary="determinant; its derivative, the cofactors, exists for singular matrices too"),
    row("cofactors", elimination.cofactors_numpy, _square,
        Custom(_cofactors_forward, _cofactors_backward), elimination.cofactors,
        summary="matrix of cofactors, det(A)·A⁻ᵀ; up to 8 by 8 its derivative exists for singular matrices too"),
    row("slogdet", elimination.slogdet_numpy, _pair, Custom(_slogdet_forward, _slogdet_backward),
        elimination.slogdet, summary="sign of the determinant and logarithm of its size"),
    row("cholesky", elimination.cholesky_numpy, _square, Custom(_cholesky_forward, _cholesky_backward),
        elimination.cholesky, domain=Domain("symmetric positive definite matrices", ((-3.0, 3.0),)),
        summary="lower factor L with A = L·Lᵀ, read from the lower triangle"),
    row("eigh", elimination.eigh_numpy, _eigen, Custom(_eigh_forward, _eigh_backward), elimination.eigh,
        domain=Domain("symmetric matrices; vectors only where the eigenvalues differ", ((-3.0, 3.0),)),
        summary="eigenvalues, ascending, on top of the eigenvectors as columns"),
    row("svd", elimination.svd_numpy, _singular, Custom(_svd_forward, _svd_backward), elimination.svd,
        domain=Domain("matrices; vectors only where the singular values differ", ((-3.0, 3.0),)),
        summary="singular vectors U, singular values, descending, and V on top of each other"),
    row("pinv", elimination.pinv_numpy, _turned, Custom(_pinv_forward, _pinv_backward), elimination.pinv,
        notation=wrapped("pinv", r"\left({0}\right)^{{+}}"),
        domain=Domain("matrices of a rank that stays", ((-3.0, 3.0),)), summary="pseudo-inverse"),
)  # fmt: skip
