"""Losses: how wrong the outputs of a network are, as one number.

A loss is a frozen object and a pure function of arrays or traced values, ``loss(outputs, target, weights=None)``:

- ``outputs`` are what the network returns, samples first, features last; ``(N,)`` is N samples of one number for
  squared error and binary cross-entropy, and one sample of N scores for the others;
- ``target`` is shaped as the outputs or, for classes, holds labels 0 … K − 1, one per sample; one-hot rows, and where
  it makes sense soft ones, work too;
- ``weights`` hold one number per sample. The mean is then Σ wᵢ·ℓᵢ / Σ wᵢ, so that a weight of 2 is a sample seen twice;
  class weights multiply them. ``reduction="sum"`` leaves the division out.

``loss.activation(outputs)`` makes predictions of outputs (probabilities of logits). ``loss.check(target, shape_out)`` says
what is wrong with a target before training, and ``loss.encode(target, shape_out, dtype)`` checks it and returns it as the
array that the graph of a step takes: one-hot rows for labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adlab import functions as ad
from adlab.errors import InputError, ShapeError
from adlab.nn.layers import Shape, floating
from adlab.scopes import scope


@dataclass(frozen=True)
class Loss(ABC):
    """A loss; the module's docstring says what it takes.

    Attributes
    ----------
    reduction : {"mean", "sum"}
        What is made of the losses of the samples.
    """

    reduction: str = "mean"

    scope: ClassVar[str] = "loss"

    def __post_init__(self) -> None:
        if self.reduction not in ("mean", "sum"):
            raise InputError(f"A loss is reduced by 'mean' or by 'sum', not by {self.reduction!r}.")

    @abstractmethod
    def samples(self, outputs: Any, target: Any) -> Any:
        """Return the loss of each sample."""

    def __call__(self, outputs: Any, target: Any, weights: Any = None) -> Any:
        """Return the loss of all samples together.

        Raises
        ------
        ShapeError
            If outputs, target and weights do not fit together.
        """
        outputs, target = ad.identity(outputs), ad.identity(target)
        with scope(self.scope):
            target = self._aligned(outputs, target)
            losses = self.samples(outputs, target)
            own = self._class_weights(outputs, target)
            if weights is None:
                weights = own
            else:
                weights = _one_each(ad.identity(weights), losses)
                weights = weights if own is None else weights * own
            if weights is None:
                return ad.mean(losses) if self.reduction == "mean" else ad.sum(losses)
            total = ad.sum(weights * losses)
            return total / ad.sum(weights) if self.reduction == "mean" else total

    def _class_weights(self, outputs: Any, target: Any) -> Any:
        """Return what each sample weighs by its class, None if all weigh the same."""
        return None

    @abstractmethod
    def _aligned(self, outputs: Any, target: Any) -> Any:
        """Return the target in the shape of the outputs, or raise ShapeError."""

    def activation(self, outputs: Any) -> Any:
        """Return predictions from outputs."""
        return outputs

    @abstractmethod
    def check(self, target: Any, shape_out: Shape) -> None:
        """Raise InputError or ShapeError if a target does not suit a network whose samples end in ``shape_out``."""

    def encode(self, target: Any, shape_out: Shape, dtype: Any = "float64") -> np.ndarray[Any, Any]:
        """Return a target as an array of floating-point numbers, shaped as the outputs, once it is checked."""
        self.check(target, shape_out)
        array = np.asarray(target, floating(dtype))
        return array.reshape(len(array), *shape_out)


@dataclass(frozen=True)
class Regression(Loss):
    """Losses whose targets are numbers, shaped as the outputs. Abstract."""

    def _aligned(self, outputs: Any, target: Any) -> Any:
        # (N, 1) against (N,) would broadcast to (N, N), silently.
        if target.shape == outputs.shape:
            return target
        if outputs.shape == (*target.shape, 1):
            return ad.reshape(target, outputs.shape)
        raise ShapeError(
            f"The target has shape {target.shape} and the outputs have shape {outputs.shape}; they must be alike."
        )

    def _summed(self, losses: Any) -> Any:
        """Return the losses of samples from those of their features."""
        return ad.sum(losses, axis=-1) if losses.ndim > 1 else losses

    def check(self, target: Any, shape_out: Shape) -> None:
        """Raise unless a target holds one finite number per output."""
        array = numbers(target)
        if array.ndim == 0 or array.shape[1:] not in (shape_out, () if shape_out == (1,) else shape_out):
            raise ShapeError(
                f"The target has shape {array.shape}, and the network's outputs are of shape (samples, "
                f"{', '.join(map(str, shape_out))}); give one number per output."
            )


@dataclass(frozen=True)
class SquaredError(Regression):
    """‖ŷ − y‖² of each sample: the squares summed over the features.

    Examples
    --------
    >>> float(SquaredError()([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 4.0]]))
    2.5
    """

    def samples(self, outputs: Any, target: Any) -> Any:
        """Return Σ(ŷ − y)² of each sample."""
        return self._summed(ad.square(outputs - target))


@dataclass(frozen=True)
class BinaryCrossEntropy(Regression):
    """−t·ln p − (1 − t)·ln(1 − p), for targets between 0 and 1, summed over independent outputs.

    Attributes
    ----------
    from_logits : bool
        Whether the outputs are log-odds (p = sigmoid(output)) and not probabilities. Log-odds keep all digits however
        sure the network is.

    Examples
    --------
    >>> round(float(BinaryCrossEntropy()([0.0, 1000.0], [1, 1])), 9)
    0.34657359
    >>> round(float(BinaryCrossEntropy(from_logits=False)([0.5, 1.0], [1, 1])), 9)
    0.34657359
    """

    from_logits: bool = True

    def samples(self, outputs: Any, target: Any) -> Any:
        """Return the cross-entropy of each sample."""
        if self.from_logits:
            # softplus(s) − t·s is the same, but loses every digit of a small loss.
            return self._summed(target * ad.softplus(-outputs) + (1 - target) * ad.softplus(outputs))
        # Where t is 0 (or 1), ln p (or ln(1 − p)) does not count, however infinite.
        yes = ad.where(ad.greater(target, 0), outputs, 1)
        no = ad.where(ad.less(target, 1), outputs, 0)
        return self._summed(-(target * ad.log(yes)) - (1 - target) * ad.log1p(-no))

    def activation(self, outputs: Any) -> Any:
        """Return the probabilities of 1."""
        return ad.sigmoid(outputs) if self.from_logits else outputs

    def check(self, target: Any, shape_out: Shape) -> None:
        """Raise unless a target holds one number between 0 and 1 per output."""
        super().check(target, shape_out)
        refuse_where(
            numbers(target),
            lambda t: (t < 0) | (t > 1),
            "the target of binary cross-entropy lies between 0 and 1",
        )


@dataclass(frozen=True)
class Classification(Loss):
    """Losses over K classes. Abstract.

    Attributes
    ----------
    class_weights : sequence of K numbers, optional
        What a sample of each class weighs.
    """

    class_weights: tuple[float, ...] | None = None
    soft: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_weights is not None:
            weights = np.asarray(self.class_weights, float)
            if weights.ndim != 1 or not np.all(np.isfinite(weights) & (weights >= 0)):
                raise InputError("class_weights are one number from 0 up for each class.")
            object.__setattr__(self, "class_weights", tuple(weights.tolist()))

    def _aligned(self, outputs: Any, target: Any) -> Any:
        if not outputs.shape:
            raise ShapeError("A loss over classes takes scores, one for each class, not a bare number.")
        if target.shape == outputs.shape:
            return target
        if target.shape == outputs.shape[:-1]:
            labels = ad.expand_dims(target, -1)
            return ad.equal(labels, np.arange(float(outputs.shape[-1]))).astype(outputs.dtype)
        raise ShapeError(
            f"The target has shape {target.shape} and the outputs have shape {outputs.shape}; give one label per sample, "
            "or one number per class and sample."
        )

    def _class_weights(self, outputs: Any, target: Any) -> Any:
        if self.class_weights is None:
            return None
        if len(self.class_weights) != outputs.shape[-1]:
            raise ShapeError(
                f"There are {len(self.class_weights)} class weights for {outputs.shape[-1]} classes."
            )
        return ad.sum(target * np.asarray(self.class_weights, outputs.dtype), axis=-1)

    def check(self, target: Any, shape_out: Shape) -> None:
        """Raise unless a target holds labels in range, or rows of probabilities."""
        classes = shape_out[-1] if shape_out else 0
        if classes < 2:
            raise ShapeError(
                f"{type(self).__name__} takes a network with an output for each class, two at least; this one has "
                f"{classes}. For two classes and one output there is BinaryCrossEntropy."
            )
        array = numbers(target)
        if array.ndim == 1:
            refuse_where(
                array,
                lambda t: t != np.floor(t),
                "labels are whole numbers; squared_error fits other targets",
            )
            refuse_where(
                array,
                lambda t: (t < 0) | (t >= classes),
                f"the network has {classes} outputs, so labels run from 0 to {classes - 1}",
            )
        elif array.ndim == 2 and array.shape[1] == classes:
            self._check_rows(array)
        else:
            raise ShapeError(
                f"The target has shape {array.shape}; give labels of shape (samples,) or rows of shape (samples, "
                f"{classes}), one number per class."
            )

    def _check_rows(self, array: np.ndarray[Any, Any]) -> None:
        off = (np.abs(array.sum(axis=1) - 1) > 1e-6) | (array < 0).any(axis=1)
        if not self.soft:
            off |= ~np.isin(array, (0.0, 1.0)).all(axis=1)
        if off.any():
            row = int(np.argmax(off))
            allowed = "probabilities that sum to 1" if self.soft else "one 1 and otherwise 0"
            raise InputError(f"Row {row} of the target, {array[row].tolist()}, is to hold {allowed}.")

    def encode(self, target: Any, shape_out: Shape, dtype: Any = "float64") -> np.ndarray[Any, Any]:
        """Return labels as one-hot rows, and rows as they are, once they are checked."""
        self.check(target, shape_out)
        array = np.asarray(target, floating(dtype))
        return array if array.ndim == 2 else np.eye(shape_out[-1], dtype=array.dtype)[array.astype(np.intp)]


@dataclass(frozen=True)
class CrossEntropy(Classification):
    """−Σ tₖ·ln pₖ with p = softmax(scores), from scores, without overflow.

    Examples
    --------
    >>> round(float(CrossEntropy()([-2.85, 0.86, 0.28], 2)), 2)
    1.04
    """

    def samples(self, outputs: Any, target: Any) -> Any:
        """Return the cross-entropy of each sample."""
        return -ad.sum(target * ad.log_softmax(outputs), axis=-1)

    def activation(self, outputs: Any) -> Any:
        """Return the probabilities of the classes."""
        return ad.softmax(outputs)


@dataclass(frozen=True)
class Hinge(Classification):
    """The multiclass hinge loss of support vector machines: Σ over the wrong classes of max(0, sₖ − s_true + margin).

    Examples
    --------
    >>> round(float(Hinge()([-2.85, 0.86, 0.28], 2)), 2)
    1.58
    """

    margin: float = 1.0
    soft: ClassVar[bool] = False

    def samples(self, outputs: Any, target: Any) -> Any:
        """Return the hinge loss of each sample."""
        true = ad.sum(target * outputs, axis=-1, keepdims=True)
        return ad.sum(ad.relu(outputs - true + self.margin) * (1 - target), axis=-1)


@dataclass(frozen=True)
class NegativeLogLikelihood(Classification):
    """−Σ tₖ·ln pₖ of probabilities, for networks that end in a `Softmax`; −Σ tₖ·outputₖ of log-probabilities.

    Attributes
    ----------
    from_logs : bool
        Whether the outputs are ln p already.

    Examples
    --------
    >>> round(float(NegativeLogLikelihood()([[0.25, 0.75]], [1])), 6)
    0.287682
    """

    from_logs: bool = False

    def samples(self, outputs: Any, target: Any) -> Any:
        """Return the negative log-likelihood of each sample."""
        if self.from_logs:
            return -ad.sum(target * outputs, axis=-1)
        counted = ad.where(ad.greater(target, 0), outputs, 1)
        return -ad.sum(target * ad.log(counted), axis=-1)

    def activation(self, outputs: Any) -> Any:
        """Return the probabilities of the classes."""
        return ad.exp(outputs) if self.from_logs else outputs


LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "hinge": Hinge,
    "nll": NegativeLogLikelihood,
}


def loss_named(loss: Loss | str) -> Loss:
    """Return a loss by its name; a loss is returned as it is.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in LOSSES:
        raise InputError(
            f"There is no loss {loss!r}; choose one of {', '.join(LOSSES)}, or give an object such as nn.Hinge()."
        )
    return LOSSES[loss]()


def _one_each(weights: Any, losses: Any) -> Any:
    if weights.shape != losses.shape:
        raise ShapeError(
            f"There are weights of shape {weights.shape} for losses of shape {losses.shape}; give one weight per sample."
        )
    return weights


def numbers(target: Any) -> np.ndarray[Any, Any]:
    """Return a target as float64, or raise InputError if it holds anything but finite real numbers."""
    array = np.asarray(target)
    if array.dtype.kind not in "fiub":
        raise InputError(
            f"The target holds values of type {array.dtype}, not numbers; number classes 0, 1, 2 … first."
        )
    array = array.astype(float, copy=False)
    refuse_where(array, lambda t: ~np.isfinite(t), "a target holds finite numbers")
    return array


def refuse_where(array: np.ndarray[Any, Any], bad: Any, allowed: str) -> None:
    """Raise InputError at the first element that is bad, and say what is allowed."""
    found = bad(array)
    if found.any():
        place: Sequence[int] = [int(k) for k in np.argwhere(found)[0]]
        where = f"row {place[0]}" + (f", column {place[1]}" if len(place) > 1 else "") if place else "target"
        raise InputError(f"At {where} the target is {array[tuple(place)]:g}; {allowed}.")
