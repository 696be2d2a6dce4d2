"""Traced variables: evaluating in this carrier writes a graph.

A `Traced` value stands for one node of a graph in the making. It behaves as an array does, so unmodified NumPy code runs on
it; each operation appends a node to its `Recorder`. A traced value of an outer recorder that an inner function closes over
enters the inner graph as one more input, a capture: that keeps nested differentiations apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY
from adlab.algebra.operators import POWER, SQUARE, Operators
from adlab.errors import TraceError
from adlab.ir.builder import INPUT, Builder, user_source
from adlab.ir.constant import Constant
from adlab.ir.index import normalise_index
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Shape, Type, graph_dtype
from adlab.primitives import NAMES, TABLE

_serial = itertools.count()  # a later recorder is an inner one; nothing but this order is ever read from it

INDEX, STACK, CAST = TABLE["index"], TABLE["stack"], TABLE["cast"]


def trace_error(what: str, instead: str) -> TraceError:
    """Return the error for something that cannot be traced: where, what, and what to write instead."""
    source = user_source()
    line = source.text()
    shown = f": `{line}`" if line else ""
    return TraceError(f"{source}{shown}: {what}; {instead}.")


class Recorder(Builder):
    """A builder that traced values write to, with the example point at hand.

    Parameters
    ----------
    functions : mapping
        What ``np.sum`` and the other NumPy functions that are no ufuncs do on traced values.
    """

    def __init__(self, functions: Mapping[Callable[..., Any], Callable[..., Any]] | None = None) -> None:
        super().__init__()
        self.functions = functions or {}
        self.serial = next(_serial)
        self.closed = False
        self.captured: dict[tuple[int, int], tuple[Traced, int]] = {}
        self._examples: dict[int, Any] = {}
        self._values: list[Any] = []

    def variable(self, name: str, type: Type, example: Any = None) -> Traced:
        """Return a traced value for a new input; ``example`` is the point that control flow follows."""
        node = self.input(name, type)
        self._examples[node] = example
        return Traced(self, node)

    def record(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Traced:
        """Append the application of a primitive to traced values, numbers and arrays."""
        if self.closed:
            raise trace_error(
                "a traced value is used after the function that it belongs to has returned",
                "return it from the function instead of keeping it in a variable outside",
            )
        if primitive is POWER and type(xs[1]) is int and xs[1] == 2:
            primitive, xs = SQUARE, xs[:1]
        operands = []
        weak = False
        for x in xs:
            if type(x) is Traced and x.recorder is self:
                operands.append(x.index)
            else:
                weak = True
                operands.append(0)
        if weak:
            operands = self._operands(xs)
        return Traced(self, self.apply(primitive, tuple(operands), params))

    def _operands(self, xs: Sequence[Any]) -> list[int]:
        values = [self._value(x) for x in xs]
        dtypes = [np.dtype(v.dtype) for v in values if isinstance(v, (Traced, np.ndarray, np.generic))]
        floats = {dtype for dtype in dtypes if dtype != BOOL}
        weak = FLOAT32 if floats == {FLOAT32} else FLOAT64
        return [self.operand(value, weak) for value in values]

    def _value(self, x: Any) -> Any:
        """Return an operand as something with a place in a graph: traced, array, NumPy scalar or Python number."""
        if isinstance(x, (Traced, np.generic, float, int)):
            if isinstance(x, np.complexfloating):
                raise _complex_error()
            return x
        if isinstance(x, (list, tuple)):
            return self._nested(x)
        if isinstance(x, np.ndarray) and x.dtype != object:
            if x.dtype.kind == "c":
                raise _complex_error()
            return x if x.dtype in (FLOAT32, BOOL) else x.astype(graph_dtype(x.dtype), copy=False)
        if isinstance(x, complex):
            raise _complex_error()
        raise trace_error(
            f"a value of type {type(x).__name__} cannot take part in a graph",
            "use numbers, NumPy arrays of numbers, or traced values",
        )

    def _nested(self, x: Sequence[Any]) -> Any:
        """Return a list as an array: of numbers as it is, with traced values among them stacked."""
        if not any(isinstance(leaf, Traced) for leaf in _leaves(x)):
            return self._value(np.asarray(x))
        items = [self._nested(item) if isinstance(item, (list, tuple)) else item for item in x]
        return self.record(STACK, items, (("axis", 0),))

    def operand(self, value: Any, weak: np.dtype[Any] = FLOAT64) -> int:
        """Return the operand for a value: its node, a capture, or a literal (Python numbers take dtype ``weak``)."""
        if isinstance(value, Traced):
            return value.index if value.recorder is self else self._capture(value)
        if isinstance(value, np.ndarray):
            if value.ndim == 0:
                value = value[()]
            else:
                return self.literal(value, graph_dtype(value.dtype))
        if isinstance(value, np.generic):
            return self.literal(value.item(), graph_dtype(value.dtype))
        return self.literal(value, weak)

    def _capture(self, value: Traced) -> int:
        if value.recorder.serial > self.serial or value.recorder.closed:
            raise trace_error(
                "a traced value is used after the function that it belongs to has returned",
                "return it from the function instead of keeping it in a variable outside",
            )
        if value.index < 0:
            constant = value.recorder.constants[~value.index]
            return self.literal(constant.value, constant.type.dtype)
        key = (value.recorder.serial, value.index)
        found = self.captured.get(key)
        if found is None:
            node = self.input(f"captured{len(self.captured)}", value.type)
            self._examples[node] = value
            found = self.captured[key] = (value, node)
        return found[1]

    def concrete(self, operand: int) -> Any:
        """Return the number an operand has at the example point; evaluates what has been added since the last call."""
        if operand < 0:
            return NUMPY.constant(self.constants[~operand])
        values = self._values
        with np.errstate(all="ignore"):
            for i in range(len(values), operand + 1):
                if self.primitives[i] is INPUT:
                    values.append(self._example(i))
                    continue
                xs = [values[j] if j >= 0 else NUMPY.constant(self.constants[~j]) for j in self.operands[i]]
                values.append(NUMPY.apply(self.primitives[i], xs, self.params[i]))
        return values[operand]

    def _example(self, node: int) -> Any:
        example = self._examples.get(node)
        if isinstance(example, Traced):
            return example.recorder.concrete(example.index)
        if example is None:
            raise trace_error(
                "a comparison of traced values decides a branch, but the graph is traced without example values",
                "give example arguments, or write the choice as np.where(condition, a, b)",
            )
        return example


def _complex_error() -> TraceError:
    return trace_error(
        "a complex number meets a traced value", "adlab differentiates real functions: split it into real and imaginary part"
    )


def _leaves(x: Any) -> Iterator[Any]:
    stack = [x]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(item)
        else:
            yield item


def innermost(values: Sequence[Any]) -> Recorder | None:
    """Return the recorder of the innermost traced value among ``values``, or None if there is none."""
    recorders = [leaf.recorder for leaf in _leaves(values) if isinstance(leaf, Traced)]
    return max(recorders, key=lambda recorder: recorder.serial, default=None)


class Traced(Operators):
    """A value in a graph that is being written; behaves as a NumPy array of its shape and dtype does."""

    __slots__ = ("index", "recorder")

    def __init__(self, recorder: Recorder, index: int) -> None:
        self.recorder = recorder
        self.index = index

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        if len(xs) == 2:
            for x in xs:
                if type(x) is Traced and x.recorder is not self.recorder:
                    recorder = innermost(xs) or self.recorder
                    return recorder.record(primitive, xs)
                if isinstance(x, (list, tuple)):
                    return (innermost(xs) or self.recorder).record(primitive, xs)
        return self.recorder.record(primitive, xs)

    # ------------------------------------------------------------------------------- what NumPy asks for

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        recorder = innermost(inputs) or self.recorder
        if options.pop("out", None) is not None:
            raise trace_error(
                f"np.{ufunc.__name__} would write a traced value into an array in place",
                "assign the result to a new name, as in y = y + x instead of y += x",
            )
        handler = recorder.functions.get((ufunc, method))  # type: ignore[call-overload]
        if handler is not None:
            return handler(*inputs, **options)
        primitive = NAMES.get(ufunc.__name__)
        if method != "__call__" or primitive is None:
            called = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
            raise trace_error(f"{called} has no rule in adlab", "write it with functions listed by `adlab primitives`")
        if options:
            raise trace_error(
                f"np.{ufunc.__name__} was called with {', '.join(options)}=", "call it without, and use np.where for a mask"
            )
        return recorder.record(primitive, inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        handler = self.recorder.functions.get(function)
        if handler is None:
            name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
            raise trace_error(f"{name} is not known to adlab", "write it with functions listed by `adlab primitives`")
        return handler(*args, **kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise trace_error(
            "NumPy would turn a traced value into a plain array",
            "join traced values with np.stack([...]) or np.concatenate([...]) and use NumPy functions on them",
        )

    # --------------------------------------------------------------------------------- what arrays offer

    @property
    def type(self) -> Type:
        """Shape and dtype."""
        return self.recorder.type_of(self.index)

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""
        return self.recorder.type_of(self.index).shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self.type.dtype

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its axes reversed."""
        return np.transpose(self)  # type: ignore[call-overload]

    def __len__(self) -> int:
        if not self.shape:
            raise trace_error("len() of a traced scalar does not exist", "pass an array, or use np.size")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise trace_error("a traced scalar cannot be iterated over", "pass an array")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index: Any) -> Any:
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, Traced):
                raise trace_error(
                    "an index depends on a traced value", "index with integers, or choose with np.where(condition, a, b)"
                )
        try:
            normal = normalise_index(index, self.shape)
        except ValueError as error:
            source = user_source()
            raise type(error)(f"{source}: `{source.text()}`: {error}") from None
        return self.recorder.record(INDEX, (self,), (("index", normal),))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise trace_error(
            "a traced array cannot be assigned to in place",
            "build the new array with np.where(mask, new, old), np.concatenate([...]) or np.stack([...])",
        )

    def __bool__(self) -> bool:
        if self.shape:
            raise trace_error(
                f"the truth of a traced array of shape {self.shape} is ambiguous",
                "write np.where(condition, a, b) to choose element by element",
            )
        outcome = bool(self.recorder.concrete(self.index))
        self.recorder.guard(self.index, outcome)
        return outcome

    def __contains__(self, item: Any) -> bool:
        raise trace_error("`in` on a traced array depends on its values", "use np.where(condition, a, b)")

    def __float__(self) -> float:
        raise self._number_error("float")

    def __int__(self) -> int:
        raise self._number_error("int")

    def __index__(self) -> int:
        raise self._number_error("an index")

    def __complex__(self) -> complex:
        raise self._number_error("complex")

    def item(self) -> Any:
        """Refuse: a traced value has no number yet."""
        raise self._number_error("a number")

    tolist = item

    def _number_error(self, kind: str) -> TraceError:
        return trace_error(
            f"a traced value cannot become {kind} here (math.sin, float() and formatting do that)",
            "use NumPy's function, as in np.sin(x), and leave out float()",
        )

    def astype(self, dtype: Any, **options: Any) -> Any:
        """Return the value in another dtype, float32 or float64."""
        wanted = np.dtype(dtype)
        if wanted not in (FLOAT32, FLOAT64):
            raise trace_error(f"astype({wanted}) has no derivative", "use float64 or float32, or np.floor for whole numbers")
        return self if wanted == self.dtype else self.recorder.record(CAST, (self,), (("dtype", wanted.name),))

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return np.sum of this array."""
        return np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return np.mean of this array."""
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return np.max of this array."""
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return np.min of this array."""
        return np.min(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return np.prod of this array."""
        return np.prod(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        """Return np.var of this array."""
        return np.var(self, axis=axis, ddof=ddof, keepdims=keepdims)  # type: ignore[call-overload]

    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        """Return np.std of this array."""
        return np.std(self, axis=axis, ddof=ddof, keepdims=keepdims)  # type: ignore[call-overload]

    def cumsum(self, axis: Any = None) -> Any:
        """Return np.cumsum of this array."""
        return np.cumsum(self, axis=axis)  # type: ignore[call-overload]

    def reshape(self, *shape: Any) -> Any:
        """Return np.reshape of this array; the shape may be given as one tuple or as integers."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        """Return np.transpose of this array."""
        given = axes[0] if len(axes) == 1 else axes or None
        return np.transpose(self, given)  # type: ignore[call-overload]

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Return np.swapaxes of this array."""
        return np.swapaxes(self, axis1, axis2)  # type: ignore[call-overload]

    def ravel(self) -> Any:
        """Return all elements in one axis."""
        return np.reshape(self, -1)  # type: ignore[call-overload]

    flatten = ravel

    def squeeze(self, axis: Any = None) -> Any:
        """Return np.squeeze of this array."""
        return np.squeeze(self, axis)  # type: ignore[call-overload]

    def dot(self, other: Any) -> Any:
        """Return np.dot with another array."""
        return np.dot(self, other)  # type: ignore[call-overload]

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """Return np.clip of this array."""
        return np.clip(self, min, max)  # type: ignore[call-overload]

    def round(self, decimals: int = 0) -> Any:
        """Return np.round of this array."""
        return np.round(self, decimals)  # type: ignore[call-overload]

    def copy(self) -> Any:
        """Return the same value: traced values never change."""
        return self

    def __repr__(self) -> str:
        return f"Traced({self.type})"


class GraphAlgebra(Algebra):
    """Evaluate by writing nodes to a recorder; the result of differentiating in this carrier is a graph."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def constant(self, constant: Constant) -> Any:
        """Return the Python number itself, so that rules fold ``p - 1``; arrays become literals."""
        value = constant.value
        if isinstance(value, np.ndarray):
            return Traced(self.recorder, self.recorder.literal(value, constant.type.dtype))
        if constant.type.dtype == FLOAT32:
            return np.float32(value)
        return value if value else constant.type.dtype.type(value)

    def shape(self, value: Any) -> Shape:
        """Return the shape of a traced value, array or number."""
        return value.shape if isinstance(value, (Traced, np.ndarray)) else ()

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Record the application; comparisons of literals and choices by them are decided at once."""
        if primitive.name == "where" and isinstance(xs[0], (bool, np.bool_)):
            return xs[1] if xs[0] else xs[2]
        if primitive.rule is None and not any(isinstance(x, (Traced, np.ndarray)) for x in xs):
            return bool(NUMPY.apply(primitive, xs, params))
        return self.recorder.record(primitive, xs, params)
