"""Samples as arrays: what a data set is, the check that data can be learned from, one-hot labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError

__all__ = ["Dataset", "check_features", "first_line", "listed", "one_hot"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and their targets.

    Attributes
    ----------
    X : ndarray of shape (samples, features)
    y : ndarray of shape (samples,)
        Labels 0, 1, … for classification, numbers for regression.
    features : tuple of str
        One name per column of X.
    classes : tuple of str
        The name of each label; empty for regression.
    name : str
        What the data is called in messages and reports.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    features: tuple[str, ...]
    classes: tuple[str, ...] = ()
    name: str = "data"

    @property
    def task(self) -> str:
        """Either "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: NDArray[Any]) -> Dataset:
        """Return the samples at the given positions."""
        return replace(self, X=self.X[rows], y=self.y[rows])

    def __repr__(self) -> str:
        kind = f"{len(self.classes)} classes" if self.classes else "numbers to predict"
        return f"<Dataset {self.name}: {len(self)} samples of {self.X.shape[1]} features, {kind}>"


def check_features(X: Any, *, name: str = "X", dtype: Any = np.float64) -> NDArray[Any]:
    """Return data as an array of finite numbers with one row per sample.

    Parameters
    ----------
    X : array_like of shape (samples, …)
    name : str
        What it is called in messages.
    dtype : dtype
        Of the result.

    Raises
    ------
    InputError
        If there are no samples, or one holds something that is no finite number; the message names row and column.

    Examples
    --------
    >>> check_features([[1, 2], [3, 4]]).dtype
    dtype('float64')
    """
    if hasattr(X, "tocsr"):
        raise InputError(f"{name} is a sparse matrix, and nets here are dense; pass {name}.toarray().")
    try:
        array = np.asarray(X)
        if array.dtype.kind not in "fiub":
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must be an array of real numbers, with one row per sample: {first_line(error)}."
        ) from error
    if array.ndim < 2:
        raise InputError(
            f"{name} has the shape {array.shape}; it must have one row per sample and one column per feature. "
            f"Reshape {name} with {name}.reshape(-1, 1) if it has a single feature."
        )
    if array.size == 0:
        raise InputError(f"{name} has the shape {array.shape}: there is nothing to learn from.")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=dtype)
    _refuse_unbounded(array, name)
    return array


def _refuse_unbounded(array: NDArray[Any], name: str) -> None:
    finite = np.isfinite(array)
    if finite.all():
        return
    where = tuple(int(k) for k in np.argwhere(~finite)[0])
    place = f"row {where[0]}" + (f", column {where[1]}" if len(where) == 2 else "")
    place += f", position {list(where[1:])}" if len(where) > 2 else ""
    count = int(np.size(finite) - np.count_nonzero(finite))
    more = f", and so are {count - 1} others" if count > 1 else ""
    raise InputError(
        f"{name} is {array[where]} in {place} (counted from 0){more}; NaN and infinity cannot be learned from. Remove those "
        "samples or fill the gaps first."
    )


def one_hot(labels: Any, classes: int | None = None, dtype: Any = np.float64) -> NDArray[Any]:
    """Return labels as rows with a single one.

    Parameters
    ----------
    labels : array_like of int, shape (samples,)
        Between 0 and ``classes − 1``.
    classes : int, optional
        How many classes there are; by default as many as the largest label needs.
    dtype : dtype
        Of the result.

    Raises
    ------
    InputError
        If a label is no whole number or out of range; the message names the sample.

    Examples
    --------
    >>> one_hot([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    given = np.asarray(labels)
    if given.ndim != 1:
        raise InputError(
            f"Labels have the shape {given.shape}; there must be one per sample, in one dimension."
        )
    if given.dtype.kind not in "iub" and not (
        given.dtype.kind == "f" and np.array_equal(given, np.trunc(given))
    ):
        raise InputError(f"Labels must be whole numbers from 0 on; these are {given.dtype}.")
    whole = given.astype(np.int64)
    count = int(whole.max(initial=-1)) + 1 if classes is None else classes
    wrong = np.flatnonzero((whole < 0) | (whole >= count))
    if wrong.size:
        k = int(wrong[0])
        raise InputError(
            f"The label of sample {k} is {whole[k]}; with {count} classes labels run from 0 to {count - 1}."
        )
    rows: NDArray[Any] = np.zeros((len(whole), count), dtype=dtype)
    rows[np.arange(len(whole)), whole] = 1
    return rows


def listed(names: Sequence[str]) -> str:
    """Return names for a message, the first dozen of them."""
    return ", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")


def first_line(error: Exception) -> str:
    """Return what another library's error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
