"""The methods of NumPy arrays, each in terms of NumPy's function of the same name.

Whatever the functions mean for a value class, the methods mean as well; nothing is computed here.
"""

from __future__ import annotations

from typing import Any

import numpy

np: Any = numpy  # its types are for arrays; here its functions come back to the class of the value


class ArrayMethods:
    """Mixin: ``x.sum(axis=0)``, ``x.reshape(2, 3)`` and the like for a class that NumPy's functions know."""

    __slots__ = ()

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its axes reversed."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its last two axes swapped."""
        return np.matrix_transpose(self)

    @property
    def real(self) -> Any:
        """The value itself, which is real."""
        return self

    @property
    def imag(self) -> Any:
        """Zeros: the value is real."""
        return np.zeros_like(self)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """Return np.reshape of this array; the shape may be given as one tuple or as integers."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        """Return np.transpose of this array; the axes may be given as one tuple or as integers."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def copy(self, *args: Any, **options: Any) -> Any:
        """Return the same value: it never changes."""
        return self

    conj = conjugate = __copy__ = __deepcopy__ = copy

    def sum(self, *args: Any, **options: Any) -> Any:
        """Return np.sum of this array."""
        return np.sum(self, *args, **options)

    def mean(self, *args: Any, **options: Any) -> Any:
        """Return np.mean of this array."""
        return np.mean(self, *args, **options)

    def max(self, *args: Any, **options: Any) -> Any:
        """Return np.max of this array."""
        return np.max(self, *args, **options)

    def min(self, *args: Any, **options: Any) -> Any:
        """Return np.min of this array."""
        return np.min(self, *args, **options)

    def any(self, *args: Any, **options: Any) -> Any:
        """Return np.any of this array."""
        return np.any(self, *args, **options)

    def all(self, *args: Any, **options: Any) -> Any:
        """Return np.all of this array."""
        return np.all(self, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Any:
        """Return np.prod of this array."""
        return np.prod(self, *args, **options)

    def var(self, *args: Any, **options: Any) -> Any:
        """Return np.var of this array."""
        return np.var(self, *args, **options)

    def std(self, *args: Any, **options: Any) -> Any:
        """Return np.std of this array."""
        return np.std(self, *args, **options)

    def cumsum(self, *args: Any, **options: Any) -> Any:
        """Return np.cumsum of this array."""
        return np.cumsum(self, *args, **options)

    def swapaxes(self, *args: Any, **options: Any) -> Any:
        """Return np.swapaxes of this array."""
        return np.swapaxes(self, *args, **options)

    def squeeze(self, *args: Any, **options: Any) -> Any:
        """Return np.squeeze of this array."""
        return np.squeeze(self, *args, **options)

    def repeat(self, *args: Any, **options: Any) -> Any:
        """Return np.repeat of this array."""
        return np.repeat(self, *args, **options)

    def take(self, *args: Any, **options: Any) -> Any:
        """Return np.take of this array."""
        return np.take(self, *args, **options)

    def diagonal(self, *args: Any, **options: Any) -> Any:
        """Return np.diagonal of this array."""
        return np.diagonal(self, *args, **options)

    def trace(self, *args: Any, **options: Any) -> Any:
        """Return np.trace of this array."""
        return np.trace(self, *args, **options)

    def dot(self, *args: Any, **options: Any) -> Any:
        """Return np.dot of this array."""
        return np.dot(self, *args, **options)

    def clip(self, *args: Any, **options: Any) -> Any:
        """Return np.clip of this array."""
        return np.clip(self, *args, **options)

    def round(self, *args: Any, **options: Any) -> Any:
        """Return np.round of this array."""
        return np.round(self, *args, **options)

    def ravel(self, *args: Any, **options: Any) -> Any:
        """Return np.ravel of this array."""
        return np.ravel(self, *args, **options)

    flatten = ravel

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)
