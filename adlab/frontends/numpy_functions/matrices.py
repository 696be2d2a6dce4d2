"""Linear algebra: systems, inverses, determinants, factorisations of matrices in the last two axes.

A singular system or a matrix that is not positive definite gives NaN where NumPy raises. NumPy reads one
triangle of a symmetric matrix, and the derivative is by that triangle: write ``(A + A.T) / 2`` first for the
symmetric one. Of eigenvectors and left singular vectors the largest component is positive; LAPACK's own signs
are arbitrary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.traced import trace_error
from adlab.frontends.numpy_functions.reductions import singular_values
from adlab.frontends.numpy_functions.shapes import matrix_transpose
from adlab.frontends.numpy_functions.support import (
    apply,
    array,
    axis_of,
    flat,
    integer,
    integers,
    permuted,
    real,
    reshaped,
    shape_error,
    size_of,
    take,
    without,
)


class Eigen(NamedTuple):
    """What np.linalg.eigh returns."""

    eigenvalues: Any
    eigenvectors: Any


class Slogdet(NamedTuple):
    """What np.linalg.slogdet returns."""

    sign: Any
    logabsdet: Any


class Svd(NamedTuple):
    """What np.linalg.svd returns."""

    U: Any
    S: Any
    Vh: Any


def _square(a: Any, name: str) -> Any:
    x = real(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise shape_error(
            f"{name} takes square matrices in the last two axes, not an array of shape {x.shape}."
        )
    return x


def _matrix(a: Any, name: str) -> Any:
    x = real(a)
    if x.ndim < 2:
        raise shape_error(f"{name} takes matrices in the last two axes, not an array of shape {x.shape}.")
    return x


def solve(a: Any, b: Any) -> Any:
    """Return np.linalg.solve; ``b`` of one axis is a vector, otherwise a stack of matrices."""
    a, b = _square(a, "np.linalg.solve"), real(b)
    if b.ndim != 1:
        return apply("solve", a, b)
    x = apply("solve", a, reshaped(b, (b.shape[0], 1)))
    return reshaped(x, x.shape[:-1])


def inv(a: Any) -> Any:
    """Return np.linalg.inv: the solution of A·X = I."""
    a = _square(a, "np.linalg.inv")
    return apply("solve", a, np.eye(a.shape[-1], dtype=a.dtype))


def det(a: Any) -> Any:
    """Return np.linalg.det."""
    return apply("det", _square(a, "np.linalg.det"))


def slogdet(a: Any) -> Slogdet:
    """Return np.linalg.slogdet: the sign of the determinant and the logarithm of its size."""
    both = apply("slogdet", _square(a, "np.linalg.slogdet"))
    return Slogdet(take(both, ..., 0), take(both, ..., 1))


def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """Return np.linalg.cholesky; read from one triangle of the matrix."""
    x = _square(a, "np.linalg.cholesky")
    return matrix_transpose(apply("cholesky", matrix_transpose(x))) if upper else apply("cholesky", x)


def eigh(a: Any, UPLO: str = "L") -> Eigen:
    """Return np.linalg.eigh, eigenvalues ascending; read from one triangle of the matrix."""
    x = _square(a, "np.linalg.eigh")
    both = apply("eigh", matrix_transpose(x) if UPLO.upper() == "U" else x)
    return Eigen(take(both, ..., 0, slice(None)), take(both, ..., slice(1, None), slice(None)))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Return np.linalg.eigvalsh."""
    return eigh(a, UPLO).eigenvalues


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Return np.linalg.svd with as many vectors as singular values."""
    x = _matrix(a, "np.linalg.svd")
    without("np.linalg.svd", "call it without, or use np.linalg.eigh", hermitian=hermitian or None)
    if not compute_uv:
        return singular_values(x)
    rows, columns = x.shape[-2:]
    if full_matrices and rows != columns:
        raise trace_error(
            "np.linalg.svd completes the vectors to a basis, which depends on more than the matrix",
            "call it with full_matrices=False",
        )
    joined = apply("svd", x)
    u, s = take(joined, ..., slice(0, rows), slice(None)), take(joined, ..., rows, slice(None))
    return Svd(u, s, matrix_transpose(take(joined, ..., slice(rows + 1, None), slice(None))))


def svdvals(x: Any, /) -> Any:
    """Return np.linalg.svdvals."""
    return singular_values(_matrix(x, "np.linalg.svdvals"))


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """Return np.linalg.pinv; its derivative holds where the rank stays."""
    without("np.linalg.pinv", rcond=rcond, rtol=rtol, hermitian=hermitian or None)
    return apply("pinv", _matrix(a, "np.linalg.pinv"))


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """Return np.linalg.lstsq by the pseudo-inverse: solution, residuals, rank as a number, singular values."""
    without("np.linalg.lstsq", rcond=None if rcond in (None, -1) else rcond)
    a, b = _matrix(a, "np.linalg.lstsq"), real(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise shape_error(f"np.linalg.lstsq cannot fit a matrix of shape {a.shape} to {b.shape}.")
    x, s = apply("matmul", apply("pinv", a), b), singular_values(a)
    misfit = apply("square", apply("subtract", b, apply("matmul", a, x)))
    rows, columns = a.shape
    total = apply("sum", misfit, axis=None if b.ndim == 1 else (0,), keepdims=False)
    residuals = reshaped(total, (size_of(b.shape[1:]),)) if rows > columns else np.zeros(0, a.dtype)
    least = apply("multiply", take(s, 0), float(np.finfo(a.dtype).eps * max(rows, columns)))
    rank = apply("sum", apply("where", apply("greater", s, least), 1.0, 0.0), axis=None, keepdims=False)
    return x, residuals, rank, s


def matrix_power(a: Any, n: Any) -> Any:
    """Return np.linalg.matrix_power by squaring."""
    x, power = _square(a, "np.linalg.matrix_power"), integer(n, "n")
    if power < 0:
        x, power = inv(x), -power
    result = None
    while power:
        if power % 2:
            result = x if result is None else apply("matmul", result, x)
        power //= 2
        x = apply("matmul", x, x) if power else x
    if result is None:
        result = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    return result


def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """Return np.linalg.multi_dot, from left to right."""
    without("np.linalg.multi_dot", out=out)
    parts = [array(x) for x in arrays]
    result = parts[0]
    for part in parts[1:]:
        result = apply("matmul", result, part)
    return result


def cond(x: Any, p: Any = None) -> Any:
    """Return np.linalg.cond of order 2: the ratio of the extreme singular values."""
    without("np.linalg.cond", "write np.linalg.norm(A, p) * np.linalg.norm(np.linalg.inv(A), p)", p=p)
    s = singular_values(_matrix(x, "np.linalg.cond"))
    return apply("divide", take(s, ..., 0), take(s, ..., -1))


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Return np.linalg.tensorsolve."""
    a, b = array(a), array(b)
    if axes is not None:
        moved = [axis_of(axis, a.ndim) for axis in integers(axes, "axes")]
        a = permuted(a, (*(k for k in range(a.ndim) if k not in moved), *moved))
    shape = a.shape[b.ndim :]
    return reshaped(solve(reshaped(a, (size_of(b.shape), size_of(shape))), flat(b)), shape)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.linalg.solve: solve,
    np.linalg.inv: inv,
    np.linalg.det: det,
    np.linalg.slogdet: slogdet,
    np.linalg.cholesky: cholesky,
    np.linalg.eigh: eigh,
    np.linalg.eigvalsh: eigvalsh,
    np.linalg.svd: svd,
    np.linalg.svdvals: svdvals,
    np.linalg.pinv: pinv,
    np.linalg.lstsq: lstsq,
    np.linalg.matrix_power: matrix_power,
    np.linalg.multi_dot: multi_dot,
    np.linalg.cond: cond,
    np.linalg.tensorsolve: tensorsolve,
}
