"""The methods of NumPy arrays, each in terms of NumPy's function of the same name.

Whatever the functions mean for a value class, the methods mean as well; nothing is computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class ArrayMethods:
    """Mixin: ``x.sum(axis=0)``, ``x.reshape(2, 3)`` and the like for a class that NumPy's functions know."""

    __slots__ = ()

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its axes reversed."""
        return np.transpose(self)  # type: ignore[call-overload]

    @property
    def mT(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its last two axes swapped."""
        return np.matrix_transpose(self)  # type: ignore[arg-type]

    @property
    def real(self) -> Any:
        """The value itself, which is real."""
        return self

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.sum of this array."""
        return np.sum(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.mean of this array."""
        return np.mean(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.max of this array."""
        return np.max(self, axis=axis, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.min of this array."""
        return np.min(self, axis=axis, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.any of this array."""
        return np.any(self, axis=axis, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.all of this array."""
        return np.all(self, axis=axis, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """Return np.prod of this array."""
        return np.prod(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims)  # type: ignore[call-overload]

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        """Return np.var of this array."""
        return np.var(self, axis=axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims)  # type: ignore[call-overload]

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        """Return np.std of this array."""
        return np.std(self, axis=axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims)  # type: ignore[call-overload]

    def cumsum(self, axis: Any = None) -> Any:
        """Return np.cumsum of this array."""
        return np.cumsum(self, axis=axis)  # type: ignore[call-overload]

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        """Return np.reshape of this array; the shape may be given as one tuple or as integers."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        """Return np.transpose of this array; the axes may be given as one tuple or as integers."""
        given = axes[0] if len(axes) == 1 else axes or None
        return np.transpose(self, given)  # type: ignore[call-overload]

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Return np.swapaxes of this array."""
        return np.swapaxes(self, axis1, axis2)  # type: ignore[call-overload]

    def ravel(self, order: Any = "C") -> Any:
        """Return all elements in one axis."""
        return np.ravel(self, order=order)  # type: ignore[call-overload]

    def flatten(self, order: Any = "C") -> Any:
        """Return all elements in one axis."""
        return np.ravel(self, order=order)  # type: ignore[call-overload]

    def squeeze(self, axis: Any = None) -> Any:
        """Return np.squeeze of this array."""
        return np.squeeze(self, axis)  # type: ignore[call-overload]

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """Return np.repeat of this array."""
        return np.repeat(self, repeats, axis)  # type: ignore[call-overload]

    def take(self, indices: Any, axis: Any = None) -> Any:
        """Return np.take of this array."""
        return np.take(self, indices, axis)  # type: ignore[call-overload]

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """Return np.diagonal of this array."""
        return np.diagonal(self, offset, axis1, axis2)  # type: ignore[arg-type]

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """Return np.trace of this array."""
        return np.trace(self, offset, axis1, axis2)  # type: ignore[call-overload]

    def dot(self, other: Any) -> Any:
        """Return np.dot with another array."""
        return np.dot(self, other)  # type: ignore[call-overload]

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """Return np.clip of this array."""
        return np.clip(self, min, max)  # type: ignore[call-overload]

    def round(self, decimals: int = 0) -> Any:
        """Return np.round of this array."""
        return np.round(self, decimals)  # type: ignore[call-overload]

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)  # type: ignore[call-overload]

    def copy(self) -> Any:
        """Return the same value: traced values never change."""
        return self

    conj = conjugate = __copy__ = copy
