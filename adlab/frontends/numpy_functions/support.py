"""What the families share: operands with a shape, static arguments, applying a row, refusing in one sentence.

Everything here works on plain arrays too (rows are then computed at once), so a function may mix traced and
plain parts freely.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import Traced, innermost, trace_error
from adlab.errors import ShapeError, TraceError
from adlab.ir.builder import user_source
from adlab.ir.index import normalise_index
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Shape, normalise_axes, normalise_axis
from adlab.primitives import TABLE


def apply(name: str, *xs: Any, **params: Any) -> Any:
    """Return the row ``name`` applied: recorded if a traced value is among ``xs``, computed otherwise."""
    recorder = innermost(xs)
    pairs = tuple(sorted(params.items()))
    if recorder is None:
        return NUMPY.apply(TABLE[name], xs, pairs)
    return recorder.record(TABLE[name], xs, pairs)


def array(x: Any) -> Any:
    """Return ``x`` as a traced value or an array; lists that hold traced values are stacked."""
    if isinstance(x, (Traced, np.ndarray)):
        return x
    recorder = innermost((x,))
    return np.asarray(x) if recorder is None else recorder.nested(x)


def arrays(xs: Any) -> list[Any]:
    """Return the parts of something to be joined; a single array falls apart along its first axis."""
    return [array(x) for x in xs]


def like(value: Any, x: Any) -> Any:
    """Return a value that is put into the array ``x``, in the dtype of it, as NumPy does."""
    value = array(value)
    if value.dtype == x.dtype or x.dtype not in (FLOAT32, FLOAT64):
        return value
    return apply("cast", value, dtype=x.dtype.name)


def real(x: Any) -> Any:
    """Return ``x`` as an array of numbers: True and False become 1.0 and 0.0, as when NumPy sums them."""
    x = array(x)
    if x.dtype == BOOL:
        return apply("cast", x, dtype="float64")
    return x


def operand(x: Any) -> Any:
    """Return ``x`` as an array of numbers; a Python number stays one, and takes the dtype of what it meets."""
    return x if type(x) in (int, float) else real(x)


def join(name: str, parts: Sequence[Any], axis: int) -> Any:
    """Return the row concatenate or stack of ``parts``."""
    if not parts:
        raise shape_error("there are no arrays to join: give at least one.")
    if not all(part.dtype == BOOL for part in parts):
        parts = [real(part) for part in parts]
    else:
        raise trace_error(
            "arrays of truth values are joined", "make them numbers first with np.where(condition, 1.0, 0.0)"
        )
    rank = parts[0].ndim + (name == "stack")
    if rank == 0:
        raise shape_error("scalars cannot be concatenated; join them with np.stack([...]).")
    return apply(name, *parts, axis=axis_of(axis, rank))


def take(x: Any, *index: Any) -> Any:
    """Return ``x[index]``."""
    try:
        normal = normalise_index(index, x.shape)
    except ShapeError as error:
        raise shape_error(str(error)) from None
    return apply("index", x, index=normal)


def take_along(x: Any, axis: int, entry: Any) -> Any:
    """Return ``x`` indexed by ``entry`` along one axis."""
    return take(x, *[slice(None)] * axis, entry)


def reshaped(x: Any, shape: Iterable[int]) -> Any:
    """Return ``x`` in a shape without −1; the same value if it has that shape already."""
    target = tuple(shape)
    return x if x.shape == target else apply("reshape", x, shape=target)


def permuted(x: Any, axes: Iterable[int]) -> Any:
    """Return ``x`` with its axes in another order; the same value if the order is the one it has."""
    order = tuple(axes)
    return x if order == tuple(range(x.ndim)) else apply("transpose", x, axes=order)


def flat(x: Any) -> Any:
    """Return all elements in one axis."""
    x = array(x)
    return reshaped(x, (size_of(x.shape),))


def size_of(shape: Shape) -> int:
    """Return the number of elements of a shape."""
    count = 1
    for length in shape:
        count *= length
    return count


# ---------------------------------------------------------------------------------------- static arguments


def integer(value: Any, what: str) -> int:
    """Return a static integer argument."""
    try:
        return operator.index(value)
    except TraceError:
        raise trace_error(
            f"{what} depends on a traced value", "give an integer that is known while tracing"
        ) from None
    except TypeError:
        raise trace_error(f"{what} is {value!r}", "give an integer") from None


def integers(value: Any, what: str) -> tuple[int, ...]:
    """Return a static integer or sequence of them as a tuple."""
    if isinstance(value, Traced) or np.ndim(value) == 0:
        return (integer(value, what),)
    return tuple(integer(item, what) for item in value)


def axis_of(axis: Any, ndim: int) -> int:
    """Return one axis as a non-negative integer."""
    try:
        return normalise_axis(integer(axis, "axis"), ndim)
    except ShapeError as error:
        raise shape_error(str(error)) from None


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return axes as a sorted tuple; None means all."""
    try:
        return normalise_axes(None if axis is None else integers(axis, "axis"), ndim)
    except ShapeError as error:
        raise shape_error(str(error)) from None


def in_dtype(x: Any, dtype: Any) -> Any:
    """Return ``x`` in the dtype that a function's ``dtype=`` asks for; None leaves it."""
    if dtype is None:
        return x
    wanted = np.dtype(dtype)
    if wanted not in (FLOAT32, FLOAT64):
        raise trace_error(f"dtype={wanted} has no derivative", "leave dtype= out or use float64 or float32")
    return x if x.dtype == wanted else apply("cast", x, dtype=wanted.name)


# --------------------------------------------------------------------------------------------------- refusing


def shape_error(message: str) -> ShapeError:
    """Return the error for operands that do not fit, with the user's line."""
    source = user_source()
    line = source.text()
    return ShapeError(f"{source}: `{line}`: {message}" if line else f"{source}: {message}")


def without(name: str, instead: str = "call it without", **options: Any) -> None:
    """Refuse options that were given although adlab has nothing for them."""
    for option, value in options.items():
        if value is not None and value is not np._NoValue:
            raise trace_error(f"{name} was called with {option}=", instead)


def refusal(name: str, why: str, instead: str) -> Callable[..., Any]:
    """Return a stand-in for a NumPy function that raises the sentence ``name why; instead``."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise trace_error(f"{name} {why}", instead)

    return refuse
