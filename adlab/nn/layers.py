"""What a layer is: a frozen object that says how to compute, and is given the numbers to compute with.

A layer holds no arrays. Its numbers live in three trees (nested dicts of arrays, as `adlab.ir.tree` takes them):

- ``params``, what is learned: ``{"W": ..., "b": ...}`` of a `Linear`, ``{"linear1": {...}, "prelu1": {...}}`` of a
  `Sequential`; layers without any have ``{}`` and do not appear in the tree of the network around them;
- ``state``, what training keeps besides: the running mean and variance of a `BatchNorm`; the same nesting;
- ``masks``, the random numbers of one step: the zeros and ones of a `Dropout`; the same nesting, None where nothing
  is random.

The functions of every layer, all pure, on arrays or traced values alike::

    params, state = layer.init(seed, shape=None, dtype="float64")
    y, state = layer.apply(params, state, x, training=False, masks=None)
    y = layer(params, x, state=None)
    masks = layer.masks(rng, shape, dtype="float64")
    shape_out = layer.out_shape(shape)

- ``seed`` is a whole number or a ``numpy.random.Generator``, which is advanced. ``shape`` is that of one sample, the
  batch left out: ``(64,)``; networks whose first layers say how many inputs they take do not need it.
- ``x`` has the samples in its first axis and the features in the last; a single sample without the first axis works too
  wherever no statistics over a batch are taken.
- ``training=True`` makes a `BatchNorm` use the statistics of ``x`` and return a new state. It changes nothing else.
- ``masks`` given make a `Dropout` drop, in training or not (so that predictions can be averaged over masks); ``None``
  makes it scale or pass, as its form says. In training a network with dropout needs them: draw new ones for each step,
  ``net.masks(rng, x.shape)``, shaped for the whole batch.
- ``layer(params, x, state)`` is inference: ``layer.apply(params, state, x)[0]``.

Everything that happens in `apply` is in the scope of the layer's name, so pictures, traces and costs can show a layer
as one node.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from adlab.errors import InputError, ShapeError

if TYPE_CHECKING:
    from adlab.render.drawing import Drawing

Params = dict[str, Any]
State = dict[str, Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer(ABC):
    """A step of a network; the module's docstring says what its functions take and return.

    Attributes
    ----------
    name : str
        What the layer is called in trees and pictures; by default its kind, numbered by the `Sequential` around it.
    """

    name: str = field(default="", kw_only=True)

    @property
    def in_shape(self) -> Shape | None:
        """The shape of a sample that the layer takes, None if it takes several or does not say."""
        return None

    @property
    def kind(self) -> str:
        """The layer's kind in lower case, the stem of its name."""
        return type(self).__name__.lower()

    def out_shape(self, shape: Shape) -> Shape:
        """Return the shape of a sample after the layer, from that before it."""
        return shape

    def init(
        self,
        seed: int | np.random.Generator,
        shape: Sequence[int] | int | None = None,
        dtype: Any = "float64",
    ) -> tuple[Params, State]:
        """Return fresh parameters and the state that training starts from.

        Parameters
        ----------
        seed : int or numpy.random.Generator
            The same seed gives the same bytes; a generator is advanced.
        shape : int or sequence of int, optional
            The shape of one sample, for layers that do not know it themselves.
        dtype : {"float64", "float32"}

        Raises
        ------
        InputError
            If the shape is needed and not given, or the dtype is no floating-point type that adlab computes in.
        ShapeError
            If the layer cannot take samples of this shape.
        """
        return self._init(generator(seed), self._given_shape(shape), floating(dtype))

    def _init(self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any]) -> tuple[Params, State]:
        self.out_shape(shape)
        return {}, {}

    @abstractmethod
    def apply(
        self, params: Params, state: State, x: Any, *, training: bool = False, masks: Any = None
    ) -> tuple[Any, State]:
        """Return the output and the next state; arrays in, arrays out, traced values in, traced values out."""

    def __call__(self, params: Params, x: Any, state: State | None = None) -> Any:
        """Return the output of inference."""
        return self.apply(params, {} if state is None else state, x)[0]

    def masks(self, rng: np.random.Generator, shape: Sequence[int], dtype: Any = "float64") -> Any:
        """Return the random masks of one step for an input of ``shape`` (the batch included), None if there are none."""
        return None

    def draw(
        self, params: Params | None = None, x: Any = None, state: State | None = None, **options: Any
    ) -> Drawing:
        """Return the picture of inference, with a box for every operation, or for every layer by ``depth=1``.

        Parameters
        ----------
        params : dict, optional
            Fresh ones of seed 0 by default, with their state.
        x : array, optional
            A sample, or a batch; a sample of ones by default.
        state : dict, optional
        **options
            Of `adlab.draw`: ``depth``, ``show``, ``engine``.

        Raises
        ------
        InputError
            If ``params`` or ``x`` is left out and the layer does not say how many inputs it takes.
        """
        from adlab.api import draw

        if params is None:
            params, state = self.init(0, None if x is None else np.shape(x)[-1:])
        given = np.ones(self._given_shape(None)) if x is None else x

        def inference(params: Params, x: Any) -> Any:
            return self(params, x, state)

        return draw(inference, params, given, **options)

    def _repr_svg_(self) -> str | None:
        """Show the layers in a notebook; nothing where their inputs are not known."""
        return None if self.in_shape is None else self.draw(depth=1).svg

    def _given_shape(self, shape: Sequence[int] | int | None) -> Shape:
        if shape is None:
            if self.in_shape is None:
                raise InputError(
                    f"{self.kind} does not say what shape its samples have; give init the shape of one, as in "
                    "net.init(seed, shape=(64,))."
                )
            return self.in_shape
        return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """Return the generator of a seed, or the generator itself."""
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"A seed is a whole number from 0 up or a numpy.random.Generator, not {seed!r}.")
    return np.random.default_rng(int(seed))


def floating(dtype: Any) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype, or raise InputError."""
    found: np.dtype[Any] = np.dtype(object)
    with suppress(TypeError):
        found = np.dtype(dtype)
    if found not in (np.dtype("float64"), np.dtype("float32")):
        raise InputError(f"A network computes in 'float64' or 'float32', not in {dtype!r}.")
    return found


def part_of(params: Params, name: str, layer: Layer) -> Any:
    """Return a layer's own array, or raise InputError if its parameters do not hold it."""
    if name not in params:
        held = ", ".join(map(str, params)) or "nothing"
        raise InputError(
            f"{layer.name or layer.kind} needs its parameter {name!r} and was given {held}; parameters come from net.init, "
            "nested as it returns them."
        )
    return params[name]


def features(layer: Layer, shape: Shape) -> int:
    """Return how many features a sample has, or raise ShapeError if it is a number without any."""
    if not shape:
        raise ShapeError(f"{layer.kind} takes samples with features in their last axis, not bare numbers.")
    return shape[-1]
