"""How the rows of linear algebra are computed: by LAPACK on floats, by hand on SymPy's and mpmath's numbers.

By hand means the textbook's algorithms (elimination, Cholesky, Jacobi's rotations), written for any numbers that
add, multiply and have a square root; ``library`` is SymPy or an mpmath context. Matrices of a stack are done
one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from adlab.errors import MethodError

DIGITS = 50
"""Digits of eigenvalues and singular values of SymPy's numbers, which are found numerically."""


ROUNDING = 1024
"""In units of the arithmetic: what is smaller than its neighbours by so much counts as 0 in rotations."""


def stacked(core: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``core(library, *matrices)`` for stacks of matrices, whose leading axes broadcast."""

    def each(library: Any, *arrays: Any) -> Any:
        batch = np.broadcast_shapes(*(x.shape[:-2] for x in arrays))
        wide = [np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in arrays]
        found = [_as_object(core(library, *(x[place] for x in wide))) for place in np.ndindex(batch)]
        if not found:
            raise MethodError("an empty stack of matrices has no exact result; give at least one matrix.")
        result = np.empty((len(found), *found[0].shape), dtype=object)
        for k, one in enumerate(found):
            result[k] = one[()]
        shaped = result.reshape((*batch, *found[0].shape))
        return shaped if shaped.shape else shaped[()]

    return each


def _as_object(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x
    box = np.empty((), dtype=object)
    box[()] = x
    return box


def is_symbolic(library: Any) -> bool:
    """Return whether the library is SymPy (a module) rather than an mpmath context (an object)."""
    return isinstance(library, ModuleType)


def identity(library: Any, size: int) -> Any:
    """Return the identity matrix in the library's numbers."""
    if is_symbolic(library):
        zero, one = library.Integer(0), library.Integer(1)
    else:
        zero, one = library.mpf(0), library.mpf(1)
    result = np.full((size, size), zero, dtype=object)
    for k in range(size):
        result[k, k] = one
    return result


# ------------------------------------------------------------------------------------------------ elimination


def _pivot(column: Any) -> int | None:
    """Return where the largest entry stands; None where all are 0."""
    best = max(range(len(column)), key=lambda k: abs(column[k]))
    return best if column[best] != 0 else None


@stacked
def solve(library: Any, a: Any, b: Any) -> Any:
    """Return A⁻¹·b by Gauss and Jordan's elimination; of symbols, by Cramer's rule.

    No symbol is known to be other than 0, so none can be a pivot: only the determinant is divided by.
    """
    if is_symbolic(library):
        return _cramer(library, a, b)
    left, right = np.array(a), np.array(b)
    for k in range(len(left)):
        found = _pivot(left[k:, k])
        if found is None:
            return np.full(right.shape, library.nan, dtype=object)
        left[[k, k + found]], right[[k, k + found]] = left[[k + found, k]], right[[k + found, k]]
        pivot = left[k, k]
        left[k], right[k] = left[k] / pivot, right[k] / pivot
        for i in range(len(left)):
            if i != k:
                factor = left[i, k]
                left[i], right[i] = left[i] - factor * left[k], right[i] - factor * right[k]
    return right


def _cramer(library: Any, a: Any, b: Any) -> Any:
    """Return the transposed cofactors times b over the determinant."""
    minors = _cofactors(library, a)
    value = a[0] @ minors[0] if len(a) else library.Integer(1)
    return np.full(b.shape, library.nan, dtype=object) if value == 0 else minors.T @ b / value


def _det(library: Any, a: Any) -> Any:
    if is_symbolic(library):
        return library.Matrix(a).det(method="berkowitz")
    left, result = np.array(a), library.mpf(1)
    for k in range(len(left)):
        found = _pivot(left[k:, k])
        if found is None:
            return library.mpf(0)
        if found:
            left[[k, k + found]], result = left[[k + found, k]], -result
        result = result * left[k, k]
        for i in range(k + 1, len(left)):
            left[i] = left[i] - left[i, k] / left[k, k] * left[k]
    return result


det = stacked(_det)


def _cofactors(library: Any, a: Any) -> Any:
    """Return the matrix of signed minors."""
    result = np.empty(a.shape, dtype=object)
    for i, j in np.ndindex(a.shape):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        value = _det(library, minor) if len(minor) else identity(library, 1)[0, 0]
        result[i, j] = -value if (i + j) % 2 else value
    return result


cofactors = stacked(_cofactors)


@stacked
def slogdet(library: Any, a: Any) -> Any:
    """Return the sign of the determinant and the logarithm of its size."""
    value = _det(library, a)
    size = abs(value)
    return np.array([library.sign(value), library.log(size) if size != 0 else -_infinity(library)], object)


def _infinity(library: Any) -> Any:
    return library.oo if is_symbolic(library) else library.inf


@stacked
def cholesky(library: Any, a: Any) -> Any:
    """Return the lower factor, column by column, from the lower triangle."""
    size = len(a)
    factor = 0 * identity(library, size)
    for j in range(size):
        rest = a[j, j] - sum(factor[j, k] ** 2 for k in range(j))
        if not is_symbolic(library) and not rest > 0:
            return np.full(a.shape, library.nan, dtype=object)
        factor[j, j] = library.sqrt(rest)
        for i in range(j + 1, size):
            inner = sum(factor[i, k] * factor[j, k] for k in range(j))
            factor[i, j] = (a[i, j] - inner) / factor[j, j]
    return factor


# -------------------------------------------------------------------------------------------------- rotations


def _numerically(core: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``core`` for SymPy too, where the entries are numbers: computed with 50 digits."""

    def evaluated(library: Any, a: Any) -> Any:
        if not is_symbolic(library):
            return core(library, a)
        import mpmath

        if any(entry.free_symbols for entry in a.ravel()):
            raise MethodError(
                "Eigenvalues and singular values have no formula in symbols; use method='reverse' or 'forward'."
            )
        context = mpmath.MPContext()
        context.dps = DIGITS
        numbers = np.frompyfunc(lambda entry: context.mpf(str(library.N(entry, DIGITS))), 1, 1)(a)
        back = np.frompyfunc(lambda x: library.Float(context.nstr(x, DIGITS), DIGITS), 1, 1)
        return back(core(context, numbers))

    return evaluated


def _rotation(library: Any, p: Any, q: Any, r: Any) -> tuple[Any, Any]:
    """Return cosine and sine of the rotation that takes the off-diagonal ``r`` between p and q to 0."""
    angle = (q - p) / (2 * r)
    sign = -1 if angle < 0 else 1
    tangent = sign / (abs(angle) + library.sqrt(angle * angle + 1))
    cosine = 1 / library.sqrt(tangent * tangent + 1)
    return cosine, tangent * cosine


def _turn(x: Any, p: int, q: int, cosine: Any, sine: Any) -> None:
    """Rotate two columns in place."""
    first, second = x[:, p].copy(), x[:, q].copy()
    x[:, p], x[:, q] = cosine * first - sine * second, sine * first + cosine * second


def _sweeps(library: Any, size: int, entries: Callable[[int, int], tuple[Any, Any, Any]], turn: Any) -> None:
    """Rotate pair after pair until nothing is left to rotate."""
    while True:
        turned = False
        for p in range(size):
            for q in range(p + 1, size):
                first, second, between = entries(p, q)
                if abs(between) > library.eps * ROUNDING * library.sqrt(abs(first * second)):
                    turn(p, q, *_rotation(library, first, second, between))
                    turned = True
        if not turned:
            return


def _signs(vectors: Any) -> list[int]:
    """Return the sign of the largest component of each column."""
    return [-1 if max(column, key=abs) < 0 else 1 for column in vectors.T]


def _eigh(library: Any, a: Any) -> Any:
    """Return eigenvalues on top of eigenvectors, by Jacobi's rotations."""
    size = len(a)
    work = np.array([[a[max(i, j), min(i, j)] for j in range(size)] for i in range(size)], dtype=object)
    vectors = identity(library, size)
    small = library.eps * ROUNDING * library.sqrt(sum(entry * entry for entry in work.ravel()))

    def turn(p: int, q: int, cosine: Any, sine: Any) -> None:
        _turn(work, p, q, cosine, sine)
        _turn(work.T, p, q, cosine, sine)
        _turn(vectors, p, q, cosine, sine)

    def entries(p: int, q: int) -> tuple[Any, Any, Any]:
        return work[p, p], work[q, q], work[p, q] if abs(work[p, q]) > small else 0

    _sweeps(library, size, entries, turn)
    order = sorted(range(size), key=lambda k: work[k, k])
    values = np.array([[work[k, k] for k in order]], dtype=object)
    vectors = vectors[:, order]
    return np.concatenate([values, vectors * np.array(_signs(vectors), dtype=object)])


def _svd(library: Any, a: Any) -> Any:
    """Return U, singular values, V on top of each other, by one-sided rotations."""
    if a.shape[0] < a.shape[1]:
        m = a.shape[1]
        found = _svd_of_tall(library, a.T)
        u, s, v = found[m + 1 :], found[m : m + 1], found[:m]
    else:
        m = a.shape[0]
        found = _svd_of_tall(library, a)
        u, s, v = found[:m], found[m : m + 1], found[m + 1 :]
    signs = np.array(_signs(u), dtype=object)
    return np.concatenate([u * signs, s, v * signs])


def _svd_of_tall(library: Any, a: Any) -> Any:
    work, right = np.array(a), identity(library, a.shape[1])

    def turn(p: int, q: int, cosine: Any, sine: Any) -> None:
        _turn(work, p, q, cosine, sine)
        _turn(right, p, q, cosine, sine)

    def entries(p: int, q: int) -> tuple[Any, Any, Any]:
        return work[:, p] @ work[:, p], work[:, q] @ work[:, q], work[:, p] @ work[:, q]

    _sweeps(library, a.shape[1], entries, turn)
    sizes = [library.sqrt(work[:, k] @ work[:, k]) for k in range(a.shape[1])]
    order = sorted(range(len(sizes)), key=lambda k: -sizes[k])
    values = np.array([[sizes[k] for k in order]], dtype=object)
    return np.concatenate([work[:, order] / values, values, right[:, order]])


eigh = stacked(_numerically(_eigh))
svd = stacked(_numerically(_svd))


def _pinv(library: Any, a: Any) -> Any:
    """Return (AᵀA)⁻¹Aᵀ or Aᵀ(AAᵀ)⁻¹, for matrices of full rank."""
    if a.shape[0] >= a.shape[1]:
        return solve(library, a.T @ a, a.T)
    return solve(library, a @ a.T, a).T


pinv = stacked(_pinv)


# ----------------------------------------------------------------------------------------------------- LAPACK


def one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` of stacks of matrices with NaN for those that LAPACK refuses."""

    def each(*arrays: Any) -> Any:
        try:
            return function(*arrays)
        except np.linalg.LinAlgError:
            pass
        batch = np.broadcast_shapes(*(x.shape[:-2] for x in arrays))
        wide = [np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in arrays]
        shape = function(*(np.eye(*x.shape[-2:], dtype=x.dtype) for x in arrays)).shape
        result = np.full((*batch, *shape), np.nan, np.result_type(*arrays))
        for place in np.ndindex(batch):
            try:
                result[place] = function(*(x[place] for x in wide))
            except np.linalg.LinAlgError:
                continue
        return result

    return each


def eigh_lapack(a: Any) -> Any:
    """Return eigenvalues on top of eigenvectors, the largest component of each positive."""
    values, vectors = np.linalg.eigh(a)
    return np.concatenate([values[..., None, :], vectors * signs_of(vectors)], axis=-2)


def svd_lapack(a: Any) -> Any:
    """Return U, singular values and V on top of each other, the largest component of each of U positive."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    signs = signs_of(u)
    return np.concatenate([u * signs, s[..., None, :], np.swapaxes(vh, -1, -2) * signs], axis=-2)


def signs_of(vectors: Any) -> Any:
    """Return the sign of the largest component of each column."""
    largest = np.argmax(np.abs(vectors), axis=-2, keepdims=True)
    return np.where(np.take_along_axis(vectors, largest, -2) < 0, -1, 1).astype(vectors.dtype)


def cofactors_lapack(a: Any) -> Any:
    """Return det(U)·det(V)·U·diag(products of the other singular values)·Vᵀ, right for singular A too."""
    u, s, vh = np.linalg.svd(a)
    size = a.shape[-1]
    others = np.where(np.eye(size, dtype=bool), s.dtype.type(1), s[..., None, :])
    sign = np.round(np.linalg.det(u) * np.linalg.det(vh))
    return sign[..., None, None] * (u * np.prod(others, axis=-1)[..., None, :]) @ vh


def slogdet_lapack(a: Any) -> Any:
    """Return the sign of the determinant and the logarithm of its size, in one array."""
    return np.stack(np.linalg.slogdet(a), axis=-1)


solve_numpy = one_by_one(np.linalg.solve)
cholesky_numpy = one_by_one(np.linalg.cholesky)
eigh_numpy = one_by_one(eigh_lapack)
svd_numpy = one_by_one(svd_lapack)
pinv_numpy = one_by_one(np.linalg.pinv)
cofactors_numpy = one_by_one(cofactors_lapack)
slogdet_numpy = slogdet_lapack
det_numpy = np.linalg.det
