"""Dropout: some units are set to 0 in the forward pass, at random, anew in each step.

Each mask makes another network of the same weights; what is wanted at test time is their mean. Scaling by the share
that is kept gives the mean of a single linear unit exactly, and `monte_carlo` averages over masks instead and shows how
far they lie apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.errors import InputError, ShapeError
from adlab.nn.layers import Layer, Params, State, floating, generator
from adlab.nn.options import one_of, whole
from adlab.scopes import scope


@dataclass(frozen=True)
class Dropout(Layer):
    """Units kept with probability ``keep``, else set to 0.

    Attributes
    ----------
    keep : float
        The probability that a unit is kept. (The lectures call it the dropout rate, other libraries give that name to
        1 − keep; for ½ it is the same.)
    form : {"inverted", "classic"}
        ``"inverted"`` divides by keep when it drops and does nothing at test time; ``"classic"`` multiplies by keep at
        test time.
    name : str

    Examples
    --------
    >>> x, mask = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])
    >>> for form in ("inverted", "classic"):
    ...     layer = Dropout(keep=0.5, form=form)
    ...     print(layer.apply({}, {}, x, training=True, masks=mask)[0], layer({}, x))
    [[2. 0.]] [[1. 2.]]
    [[1. 0.]] [[0.5 1. ]]
    """

    keep: float = 0.5
    form: str = "inverted"

    def __post_init__(self) -> None:
        if isinstance(self.keep, bool) or not isinstance(self.keep, (int, float)) or not 0 < self.keep <= 1:
            raise InputError(
                f"keep is the probability that a unit is kept, above 0 and up to 1, not {self.keep!r}."
            )
        one_of("form", self.form, ("inverted", "classic"))

    def masks(self, rng: np.random.Generator, shape: Sequence[int], dtype: Any = "float64") -> Any:
        """Return zeros and ones, ones with probability keep."""
        return (rng.random(tuple(shape)) < self.keep).astype(floating(dtype))

    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return the units that the mask keeps; without a mask, what is to be expected of them."""
        with scope(self.name or self.kind):
            if masks is None:
                if training:
                    raise InputError(
                        "Dropout in training takes a mask; draw one with net.masks(rng, x.shape) for each step."
                    )
                return (x if self.form == "inverted" else x * self.keep), state
            if np.shape(masks) != np.shape(x):
                raise ShapeError(
                    f"{self.name or 'Dropout'}: a mask of shape {np.shape(masks)} does not fit units of shape {np.shape(x)}; "
                    "draw it with net.masks(rng, x.shape)."
                )
            return (x * masks / self.keep if self.form == "inverted" else x * masks), state


def monte_carlo(
    net: Layer, params: Params, x: Any, state: State | None = None, *, samples: int = 100, seed: Any = 0
) -> tuple[Any, Any]:
    """Return the mean of predictions over random masks, and their standard deviation.

    Parameters
    ----------
    net : Layer
        A network with dropout.
    params, x, state
        As for calling the network. Batch normalisation uses its population statistics.
    samples : int
        How many masks to average over.
    seed : int or numpy.random.Generator

    Returns
    -------
    mean, spread : array
        Shaped as the outputs; the spread (divided by samples − 1) says how unsure the network is.

    Raises
    ------
    InputError
        If the network has no dropout.

    Examples
    --------
    >>> mean, spread = monte_carlo(Dropout(0.5), {}, np.array([[1.0]]), samples=10_000)
    >>> abs(float(mean[0, 0]) - 1) < 0.05, abs(float(spread[0, 0]) - 1) < 0.05
    (True, True)
    """
    whole("samples", samples)
    if samples < 2:
        raise InputError("The spread of predictions takes at least two samples.")
    rng, x = generator(seed), np.asarray(x)
    kept = {} if state is None else state
    mean: Any = 0.0
    squares: Any = 0.0
    for count in range(1, samples + 1):
        masks = net.masks(rng, x.shape, x.dtype)
        if masks is None:
            raise InputError("This network has no dropout, so its predictions do not depend on masks.")
        y = net.apply(params, kept, x, masks=masks)[0]
        step = y - mean  # Welford's update: no cancellation
        mean = mean + step / count
        squares = squares + step * (y - mean)
    return mean, np.sqrt(squares / (samples - 1))
