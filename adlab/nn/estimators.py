"""Networks as scikit-learn's estimators: `MLPClassifier` and `MLPRegressor`.

They take scikit-learn's names where the meaning is the same, so they can stand where its own stand: in pipelines, grid
searches and cross-validation. What they add is the toolkit behind: any of the four methods to differentiate, the
optimisers and activations of `adlab.nn`, and a trainer that can be looked into (``trainer_``, ``history_``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError, ShapeError
from adlab.nn.arrays import Dataset
from adlab.nn.data import split
from adlab.nn.interface import bases, check_fitted, checked_input, checked_labels
from adlab.nn.mlp import MLP
from adlab.nn.optimisers import SGD, Optimiser, optimiser_named
from adlab.nn.regularisers import L2
from adlab.nn.stopping import EarlyStopping
from adlab.nn.trainer import Trainer

if TYPE_CHECKING:
    from adlab.nn.interface import PlainClassifier as ClassifierMixin
    from adlab.nn.interface import PlainEstimator as BaseEstimator
    from adlab.nn.interface import PlainRegressor as RegressorMixin
else:
    BaseEstimator, ClassifierMixin, RegressorMixin = bases()

__all__ = ["MLPClassifier", "MLPRegressor"]

BATCH = 200
"""The batch size "auto": so many samples, or all there are."""

ACTIVATIONS = {"logistic": "sigmoid"}
"""scikit-learn's name of an activation that is called otherwise here."""


class _MLP(BaseEstimator):
    """What classifier and regressor share: parameters, the network, training."""

    _loss: str

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        l2: float = 1e-6,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        method: str = "reverse",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.l2 = l2
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.method = method

    # ---------------------------------------------------------------------------------------------- training

    def _new_trainer(self, inputs: int, outputs: int) -> Trainer:
        hidden = self.hidden_layer_sizes
        sizes = [hidden] if isinstance(hidden, (int, np.integer)) else list(hidden)
        name = self.activation
        net = MLP(
            [inputs, *map(int, sizes), outputs],
            ACTIVATIONS.get(name, name) if isinstance(name, str) else name,
        )
        return Trainer(
            net,
            self._loss,
            self._optimiser(),
            method=self.method,
            seed=_seed(self.random_state),
            regulariser=L2(float(self.l2)) if self.l2 else None,
        )

    def _optimiser(self) -> Optimiser:
        if self.solver == "sgd":
            return SGD(float(self.learning_rate_init), momentum=0.9, nesterov=True)
        return optimiser_named(self.solver, float(self.learning_rate_init))

    def _train(self, X: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None, outputs: int) -> None:
        """Train on checked samples and set what fitting leaves."""
        if weights is not None and weights.shape == (len(X),) and weights.any():
            X, y, weights = X[weights != 0], y[weights != 0], weights[weights != 0]
        warm = self.warm_start and hasattr(self, "trainer_")
        if not warm:
            self.trainer_ = self._new_trainer(X.shape[1], outputs)
        validation = None
        if self.early_stopping:
            X, y, weights, validation = self._set_aside(X, y, weights)
        rule = EarlyStopping(
            int(self.n_iter_no_change), "validation_loss" if validation else "loss", float(self.tol)
        )
        self.history_ = self.trainer_.fit(
            X,
            y,
            sample_weight=weights,
            validation=validation,
            epochs=self.max_iter,
            batch_size=self._batch(len(X)),
            shuffle=self.shuffle,
            early_stopping=rule,
            warm=warm,
            progress=False,
        )
        self.n_iter_ = len(self.history_)
        self.loss_curve_ = self.history_["loss"].tolist()
        self.loss_ = self.loss_curve_[-1]

    def _batch(self, samples: int) -> int:
        return min(BATCH, samples) if self.batch_size == "auto" else min(int(self.batch_size), samples)

    def _set_aside(self, X: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> tuple[Any, ...]:
        """Return samples to learn from and, as the last item, those to judge by."""
        classes = tuple(map(str, range(int(y.max()) + 1))) if self._loss == "cross_entropy" else ()
        rows = Dataset(np.arange(len(X)), y, (), classes)
        kept, aside = (
            part.X for part in split(rows, float(self.validation_fraction), seed=self.trainer_.seed)
        )
        own = [None if weights is None else weights[part] for part in (kept, aside)]
        return X[kept], y[kept], own[0], (X[aside], y[aside], own[1])

    def _update(self, X: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None) -> None:
        """Make one update for each mini-batch, in the order given."""
        size = self._batch(len(X))
        for k in range(0, len(X), size):
            rows = slice(k, k + size)
            self.loss_ = self.trainer_.update(X[rows], y[rows], None if weights is None else weights[rows])
        self.n_iter_ = getattr(self, "n_iter_", 0) + 1

    def _outputs(self, X: Any) -> NDArray[Any]:
        check_fitted(self, "trainer_")
        return self.trainer_.predict(checked_input(self, X, reset=False))


class MLPClassifier(ClassifierMixin, _MLP):
    """A multilayer perceptron that tells classes apart, with scikit-learn's interface.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    activation : str or Layer
        Of the hidden layers: "relu", "tanh", "sigmoid" (also "logistic"), "identity", "elu", … or a layer.
    solver : str or Optimiser
        "adam", "adamw", "sgd" (with Nesterov momentum 0.9), "rmsprop", "adagrad", or an optimiser with its own rate.
    l2 : float
        λ of the penalty λ·Σw².
    batch_size : int or "auto"
        "auto" is 200; never more than the samples there are.
    learning_rate_init : float
    max_iter : int
        Epochs.
    shuffle : bool
    random_state : int, RandomState or None
        An integer makes the same bytes every time; None takes a fresh seed.
    tol, n_iter_no_change
        Training ends when the loss has not improved by more than ``tol`` for that many epochs; the weights of the best
        epoch are kept.
    warm_start : bool
        Whether ``fit`` goes on from the weights it has.
    early_stopping, validation_fraction
        Whether to set samples aside, and what share, and watch the loss on those instead.
    method : {"reverse", "forward", "symbolic", "numerical"}
        What differentiates.
    class_weight : mapping, "balanced" or None
        How much a sample of each class counts.

    Attributes
    ----------
    classes_ : ndarray
    n_features_in_, feature_names_in_, n_iter_, loss_, loss_curve_
        As in scikit-learn.
    trainer_ : Trainer
    history_ : History

    Examples
    --------
    >>> from adlab import nn
    >>> data = nn.data.moons(200, seed=0)
    >>> model = nn.MLPClassifier((16,), "tanh", learning_rate_init=0.02, random_state=0).fit(data.X, data.y)
    >>> model.score(data.X, data.y) > 0.95
    True
    """

    _loss = "cross_entropy"
    classes_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        l2: float = 1e-6,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        method: str = "reverse",
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            l2=l2,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            warm_start=warm_start,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            method=method,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Fit the network to samples and their labels.

        Parameters
        ----------
        X : array_like or data frame of shape (samples, features)
        y : array_like of shape (samples,)
            Labels of any sortable kind.
        sample_weight : array_like of shape (samples,), optional

        Raises
        ------
        ValueError
            For samples that cannot be learned from, and for a single class.
        """
        samples = checked_input(self, X, reset=True)
        labels = checked_labels(y, len(samples))
        classes, codes = np.unique(labels, return_inverse=True)
        if self.warm_start and hasattr(self, "trainer_") and not np.array_equal(classes, self.classes_):
            raise InputError(
                f"A warm start needs the classes of before, {self.classes_.tolist()}, not {classes.tolist()}."
            )
        if len(classes) < 2:
            raise InputError(
                f"All {len(samples)} samples have the class {classes.tolist()[0]!r}; telling classes apart takes at least two."
            )
        self.classes_ = classes
        self._train(samples, codes, self._weights(codes, sample_weight), len(classes))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MLPClassifier:
        """Make one pass over samples, starting from where the network stands.

        Parameters
        ----------
        X : array_like of shape (samples, features)
        y : array_like of shape (samples,)
        classes : array_like, optional
            All labels that there will be; needed in the first call.
        sample_weight : array_like of shape (samples,), optional
        """
        first = not hasattr(self, "trainer_")
        samples = checked_input(self, X, reset=first)
        labels = checked_labels(y, len(samples))
        known = np.unique(labels if classes is None else classes)
        if first:
            if classes is None:
                raise InputError(
                    "The first call of partial_fit needs classes=, all the labels that there will be."
                )
            self.classes_ = known
            self.trainer_ = self._new_trainer(samples.shape[1], len(known))
        elif classes is not None and not np.array_equal(known, self.classes_):
            raise InputError(
                f"`classes={known.tolist()}` is not the same as on last call to partial_fit, was: {self.classes_.tolist()}"
            )
        strange = np.setdiff1d(labels, self.classes_)
        if len(strange):
            raise InputError(
                f"The label {strange.tolist()[0]!r} is none of the classes {self.classes_.tolist()}."
            )
        codes = np.searchsorted(self.classes_, labels)
        self._update(samples, codes, self._weights(codes, sample_weight))
        return self

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, in the order of ``classes_``."""
        return self._outputs(X)

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: NDArray[Any] = np.log(self.predict_proba(X))
        return logarithms

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each sample."""
        probable = self._outputs(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[probable]
        return labels

    def _weights(self, codes: NDArray[Any], sample_weight: Any) -> NDArray[Any] | None:
        """Return what each sample counts: its own weight times its class's."""
        own = _plain_weights(sample_weight)
        if self.class_weight is None:
            return own
        count = len(self.classes_)
        if isinstance(self.class_weight, str):
            if self.class_weight != "balanced":
                raise InputError(f"class_weight is a mapping, 'balanced' or None, not {self.class_weight!r}.")
            found = np.bincount(codes, minlength=count)
            by_class = len(codes) / (np.count_nonzero(found) * np.maximum(found, 1))
        else:
            by_class = np.array(
                [float(self.class_weight.get(label, 1.0)) for label in self.classes_.tolist()]
            )
        of_class: NDArray[Any] = by_class[codes]
        return of_class if own is None else own * of_class


class MLPRegressor(RegressorMixin, _MLP):
    """A multilayer perceptron that predicts numbers, with scikit-learn's interface.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, l2, batch_size, learning_rate_init, max_iter, shuffle, random_state, tol, \
warm_start, early_stopping, validation_fraction, n_iter_no_change, method
        As for `MLPClassifier`.

    Attributes
    ----------
    n_features_in_, feature_names_in_, n_iter_, loss_, loss_curve_
        As in scikit-learn.
    trainer_ : Trainer
    history_ : History

    Examples
    --------
    >>> from adlab import nn
    >>> data = nn.data.steps(100)
    >>> model = nn.MLPRegressor((32,), "tanh", learning_rate_init=0.02, max_iter=500, random_state=0)
    >>> model.fit(data.X, data.y).score(data.X, data.y) > 0.9
    True
    """

    _loss = "squared_error"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Fit the network to samples and their targets.

        Parameters
        ----------
        X : array_like or data frame of shape (samples, features)
        y : array_like of shape (samples,) or (samples, outputs)
        sample_weight : array_like of shape (samples,), optional
        """
        samples = checked_input(self, X, reset=True)
        targets = self._targets(y, len(samples))
        self._flat = targets.ndim == 1
        outputs = 1 if self._flat else targets.shape[1]
        self._train(samples, targets, _plain_weights(sample_weight), outputs)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Make one pass over samples, starting from where the network stands."""
        first = not hasattr(self, "trainer_")
        samples = checked_input(self, X, reset=first)
        targets = self._targets(y, len(samples))
        if first:
            self._flat = targets.ndim == 1
            self.trainer_ = self._new_trainer(samples.shape[1], 1 if self._flat else targets.shape[1])
        self._update(samples, targets, _plain_weights(sample_weight))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the number, or the row of numbers, of each sample."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def _targets(self, y: Any, samples: int) -> NDArray[Any]:
        if y is None:
            raise InputError("A regressor requires y to be passed, but the target y is None.")
        targets = np.asarray(y, dtype=np.float64)
        if targets.ndim not in (1, 2) or len(targets) != samples:
            raise ShapeError(
                f"y has the shape {targets.shape}; with {samples} samples it has one row for each."
            )
        if not np.isfinite(targets).all():
            raise InputError("Input y contains NaN or infinity; every target must be a finite number.")
        return targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.multi_output = True
        return tags


def _plain_weights(given: Any) -> NDArray[Any] | None:
    return None if given is None else np.asarray(given, dtype=np.float64)


def _seed(random_state: Any) -> int:
    """Return the seed that a random state gives: a number itself, a generator its next one, None a fresh one."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    draw = getattr(random_state, "integers", getattr(random_state, "randint", None))
    if draw is None:
        raise InputError(f"random_state is a whole number, a generator or None, not {random_state!r}.")
    return int(draw(2**31 - 1))
