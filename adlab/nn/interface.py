"""scikit-learn's estimator interface, with scikit-learn or without it.

Where scikit-learn is installed the estimators inherit from its classes and its functions look at their input, so pipelines,
searches and cloning find what they expect, down to the wording of errors. Where it is not, the few lines here stand in:
the same functions, parameters and attributes, so that code and pickles do not care. Nothing of this is imported before
the first estimator is used.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError, ShapeError
from adlab.nn.arrays import check_features
from adlab.nn.metrics import r2

__all__ = [
    "PlainClassifier",
    "PlainEstimator",
    "PlainRegressor",
    "bases",
    "check_fitted",
    "checked_input",
    "checked_labels",
]


class PlainEstimator:
    """Parameters by name, read from the signature of ``__init__``."""

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name and return the estimator."""
        for name, value in params.items():
            if name not in self._names():
                raise InputError(
                    f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self._names())}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        given = (f"{k}={v!r}" for k, v in self.get_params().items() if v is not defaults[k].default)
        return f"{type(self).__name__}({', '.join(given)})"


class PlainClassifier:
    """The score of classifiers."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of predictions for X against y."""
        right = np.asarray(self.predict(X)) == np.asarray(y)  # type: ignore[attr-defined]
        return float(np.average(right, weights=sample_weight))


class PlainRegressor:
    """The score of regressors."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² of predictions for X against y."""
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return r2(np.asarray(self.predict(X)), np.asarray(y, dtype=np.float64), weights)  # type: ignore[attr-defined]


def bases() -> tuple[Any, Any, Any]:
    """Return the base classes of estimators, classifiers and regressors: scikit-learn's, or the plain ones."""
    try:
        base = importlib.import_module("sklearn.base")
    except ImportError:
        return PlainEstimator, PlainClassifier, PlainRegressor
    return base.BaseEstimator, base.ClassifierMixin, base.RegressorMixin


def checked_input(estimator: Any, X: Any, *, reset: bool) -> NDArray[Any]:
    """Return samples as an array of finite numbers; set or check how many features there are, and their names.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and, for data frames, ``feature_names_in_`` if ``reset``.
    X : array_like of shape (samples, features)
    reset : bool
        True in the first call of ``fit`` or ``partial_fit``, False in every other call.
    """
    try:
        validation = importlib.import_module("sklearn.utils.validation")
    except ImportError:
        return _plain_input(estimator, X, reset)
    checked: NDArray[Any] = validation.validate_data(estimator, X, reset=reset, dtype=np.float64, order="C")
    return checked


def _plain_input(estimator: Any, X: Any, reset: bool) -> NDArray[Any]:
    checked = check_features(X)
    names = getattr(X, "columns", None)
    if checked.ndim != 2:
        raise ShapeError(
            f"X has the shape {checked.shape}; estimators take one row per sample, in two dimensions."
        )
    if reset:
        estimator.n_features_in_ = checked.shape[1]
        estimator.__dict__.pop("feature_names_in_", None)
        if names is not None:
            estimator.feature_names_in_ = np.asarray(names, dtype=object)
    if checked.shape[1] != estimator.n_features_in_:
        raise ShapeError(
            f"X has {checked.shape[1]} features, but {type(estimator).__name__} is expecting {estimator.n_features_in_} "
            "features as input."
        )
    known = getattr(estimator, "feature_names_in_", None)
    if names is not None and known is not None and list(names) != list(known):
        raise InputError(f"The columns of X are {list(names)}, and those in training were {list(known)}.")
    return checked


def checked_labels(y: Any, samples: int) -> NDArray[Any]:
    """Return the labels of a classifier: one per sample, of any sortable kind, none missing."""
    if y is None:
        raise InputError("A classifier requires y to be passed, but the target y is None.")
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is taken as y.ravel().",
            _named("sklearn.exceptions", "DataConversionWarning", UserWarning),
            stacklevel=4,
        )
        labels = labels.ravel()
    if labels.ndim != 1 or len(labels) != samples:
        raise ShapeError(f"y has the shape {labels.shape}; with {samples} samples it must be ({samples},).")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise InputError("Input y contains NaN or infinity; every label must be known.")
        if (labels != np.trunc(labels)).any():
            raise InputError(
                "Unknown label type: continuous. Labels of a classifier are classes; MLPRegressor predicts numbers."
            )
    if any(label is None for label in (labels.tolist() if labels.dtype.kind == "O" else ())):
        raise InputError("Input y contains None; every label must be known.")
    return labels


def check_fitted(estimator: Any, attribute: str) -> None:
    """Raise unless the estimator has been fitted: scikit-learn's NotFittedError where it is installed."""
    if not hasattr(estimator, attribute):
        kind = _named("sklearn.exceptions", "NotFittedError", InputError)
        raise kind(f"This {type(estimator).__name__} has not been fitted yet; call fit first.")


def _named(module: str, name: str, instead: Any) -> Any:
    """Return a class of a module, or the one to take where the module is not installed."""
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:
        return instead
