"""Traced variables: evaluating in this carrier writes a graph.

A `Traced` value stands for one node of a graph in the making. It behaves as an array does, so unmodified
NumPy code runs on it; each operation appends a node to its `Recorder`. A traced value of an outer recorder
that an inner function closes over enters the inner graph as one more input, a capture: that keeps nested
differentiations apart.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from adlab.algebra.arraylike import ArrayMethods
from adlab.algebra.base import Algebra
from adlab.algebra.inplace import InPlace, is_alone, reassigned, rewritten
from adlab.algebra.numpy import NUMPY
from adlab.algebra.operators import POWER, SQUARE, Operators
from adlab.errors import ShapeError, TraceError
from adlab.ir.builder import INPUT, Builder, user_source
from adlab.ir.constant import Constant
from adlab.ir.index import Index, normalise_index
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Shape, Type, graph_dtype
from adlab.primitives import NAMES, TABLE

_serial = itertools.count()  # a later recorder is an inner one; nothing but this order is ever read from it

_DATA = (np.ndarray, np.generic)

VIEWS = frozenset(TABLE[name] for name in ("index", "reshape", "transpose", "broadcast_to", "stop_gradient"))
"""Rows whose results share memory with their operand in NumPy, or may."""

INDEX, STACK, CAST = TABLE["index"], TABLE["stack"], TABLE["cast"]

TRUTH_ARITHMETIC = {"multiply": "logical_and", "maximum": "logical_or", "minimum": "logical_and"}
"""What arithmetic on truth values alone means to NumPy; its ``+``, or, would read as a sum and is refused."""

NOT_FOR_TRUTH = frozenset(
    ("add", "subtract", "negative", "power", "absolute", "sign", "floor", "ceil", "matmul", "outer")
)


def trace_error(what: str, instead: str, kind: type[TraceError] = TraceError) -> TraceError:
    """Return the error for something that cannot be traced: where, what, and what to write instead."""
    source = user_source()
    line = source.text()
    shown = f": `{line}`" if line else ""
    return kind(f"{source}{shown}: {what}; {instead}.")


class _MethodError(TraceError, AttributeError):
    """A method that arrays have and traced values do not; an AttributeError so that ``hasattr`` is right."""


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
        self.floats: dict[float, int] = {}  # operands of the float64 literals met before, for the fast path
        self.integers: dict[int, int] = {}
        self._examples: dict[int, Any] = {}
        self._values: list[Any] = []

    def variable(self, name: str, type: Type, example: Any = None) -> Traced:
        """Return a traced value for a new input; ``example`` is the point that control flow follows."""
        node = self.input(name, type)
        self._examples[node] = example
        made = Traced(self, node)
        made._part_of = self
        return made

    def record(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Traced:
        """Append the application of a primitive to traced values, numbers and arrays."""
        if self.closed:
            raise _closed_error()
        if primitive is POWER and type(xs[1]) is int and xs[1] == 2:
            primitive, xs = SQUARE, xs[:1]
        operands: tuple[int, ...] = ()
        for x in xs:
            if type(x) is not Traced or x.recorder is not self:
                operands = self._operands(xs)
                break
            operands += (x.index,)
        if primitive.rule is not None and self.type_of(operands[0]).dtype is BOOL:
            primitive, operands = self._arithmetic_of_truth(primitive, operands)
        made = Traced(self, self.apply(primitive, operands, params))
        if primitive in VIEWS and self.type_of(made.index).shape:
            made._part_of = xs[0]
        return made

    def _operands(self, xs: Sequence[Any]) -> tuple[int, ...]:
        """Return the operands of a node; Python numbers take the dtype of what they meet, as in NumPy."""
        values = [self._value(x) for x in xs]
        dtypes = [v.dtype for v in values if isinstance(v, (Traced, np.ndarray, np.generic))]
        floats = {graph_dtype(dtype) for dtype in dtypes if dtype != BOOL and not _is_small(dtype)}
        weak = FLOAT32 if floats == {FLOAT32} else FLOAT64
        return tuple([self.operand(value, weak) for value in values])

    def _value(self, x: Any) -> Any:
        """Return an operand that has a place in a graph: traced, array, NumPy scalar or Python number."""
        if isinstance(x, (Traced, float, int)):
            return x
        if isinstance(x, (list, tuple)):
            return self.nested(x)
        if isinstance(x, complex) or (isinstance(x, _DATA) and x.dtype.kind == "c"):
            raise _complex_error()
        if not isinstance(x, np.generic) and type(x) not in (np.ndarray, np.memmap):
            raise trace_error(
                f"an operand of type {type(x).__name__} is no number or plain array",
                "use numbers, NumPy arrays and traced values; np.asarray makes a plain array of others",
            )
        try:
            graph_dtype(x.dtype)
        except ShapeError:
            raise trace_error(
                f"an array of dtype {x.dtype} cannot take part in a graph",
                "use float64, float32, integers or truth values, and join traced values with np.stack([...])",
            ) from None
        return x

    def nested(self, x: Any) -> Any:
        """Return a list as an array: of numbers as it is, with traced values among them stacked."""
        if not isinstance(x, (list, tuple)):
            return np.float64(x) if type(x) in (int, float) else x
        if not any(isinstance(leaf, Traced) for leaf in _leaves(x)):
            return self._value(np.asarray(x))
        return self.record(STACK, [self.nested(item) for item in x], (("axis", 0),))

    def _arithmetic_of_truth(
        self, primitive: Primitive, operands: tuple[int, ...]
    ) -> tuple[Primitive, tuple[int, ...]]:
        """Return what to record where all operands are truth values: what NumPy means, or an error."""
        if any(self.type_of(operand).dtype is not BOOL for operand in operands):
            return primitive, operands
        if primitive.name in NOT_FOR_TRUTH:
            raise trace_error(
                f"{primitive.name} of truth values alone has no meaning as a number (NumPy takes + for `or`)",
                "write a | b, a & b or ~a, or make numbers first with np.where(condition, 1.0, 0.0)",
            )
        if primitive.name in TRUTH_ARITHMETIC:
            return TABLE[TRUTH_ARITHMETIC[primitive.name]], operands
        if primitive.elementwise and primitive.name != "where":
            return primitive, tuple(self.apply(CAST, (j,), (("dtype", "float64"),)) for j in operands)
        return primitive, operands

    def operand(self, value: Any, weak: np.dtype[Any] = FLOAT64) -> int:
        """Return the operand for a value: node, capture or literal; Python numbers take dtype ``weak``."""
        if isinstance(value, Traced):
            return value.index if value.recorder is self else self._capture(value)
        if isinstance(value, np.ndarray):
            if value.ndim == 0:
                value = value[()]
            else:
                return self.literal(value, weak if _is_small(value.dtype) else graph_dtype(value.dtype))
        if isinstance(value, np.generic):
            return self.literal(value.item(), weak if _is_small(value.dtype) else graph_dtype(value.dtype))
        found = self.literal(value, weak)
        if weak is FLOAT64 and value and value == value:
            if type(value) is float:
                self.floats[value] = found
            elif type(value) is int:
                self.integers[value] = found
        return found

    def _capture(self, value: Traced) -> int:
        if value.recorder.serial > self.serial or value.recorder.closed:
            raise _closed_error()
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
        """Return an operand's number at the example point; evaluates what was added since the last call."""
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
                "a comparison decides a branch, but the graph is traced without example values",
                "give example arguments, or write the choice as np.where(condition, a, b)",
            )
        return example


def _is_small(dtype: np.dtype[Any]) -> bool:
    """Return whether float32 stays float32 beside this dtype: integers of at most 16 bits, float16."""
    return dtype.itemsize <= 2 and dtype.kind in "iuf"


def _closed_error() -> TraceError:
    return trace_error(
        "a traced value is used after the function that it belongs to has returned",
        "return it from the function instead of keeping it in a variable outside",
    )


def _complex_error() -> TraceError:
    return trace_error(
        "a complex number meets a traced value",
        "adlab differentiates real functions: split it into real and imaginary part",
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


def logical(name: str, *xs: Any) -> Any:
    """Return ``&``, ``|``, ``^`` or ``~`` of truth values; numbers are refused, as NumPy refuses floats."""
    recorder = innermost(xs)
    for x in xs:
        dtype = x.dtype if isinstance(x, Traced) else np.asarray(x).dtype
        if dtype != BOOL:
            raise trace_error(
                "& | ^ ~ take truth values, and an operand is a number",
                "compare first, as in (x > 0) & (x < 1)",
            )
    if recorder is None:
        return NUMPY.apply(TABLE[name], xs)
    return recorder.record(TABLE[name], xs)


@cache
def _keywords(handler: Callable[..., Any]) -> frozenset[str] | None:
    """Return the parameters a handler takes by name; None means any."""
    parameters = inspect.signature(handler).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)


def handled(name: str, handler: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Return the handler's result; an option it does not know must be one that changes nothing."""
    known = _keywords(handler)
    if known is not None and not options.keys() <= known:
        for option in options.keys() - known:
            if options[option] is not None and options[option] is not np._NoValue:
                raise trace_error(f"{name} was called with {option}=", "call it without")
        options = {option: value for option, value in options.items() if option in known}
    return handler(*args, **options)


class Traced(Operators, InPlace, ArrayMethods):
    """A value in a graph that is being written; behaves as a NumPy array of its shape and dtype does."""

    __slots__ = ("_part_of", "index", "recorder")

    _part_of: Any
    """Whose memory it shares: the array that it is a view of, the recorder for an argument; unset for what is new."""

    def __init__(self, recorder: Recorder, index: int) -> None:
        self.recorder = recorder
        self.index = index

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        recorder, index = self.recorder, self.index
        if len(xs) == 2 and index >= 0 and recorder.types[index].dtype is FLOAT64 and not recorder.closed:
            # Nearly all nodes of scalar code: float64 meets a value of its own graph or a number seen before.
            a, b = xs
            other = b if a is self else a
            kind = type(other)
            if kind is Traced:
                j = other.index if other.recorder is recorder else None
            elif kind is float:
                j = recorder.floats.get(other)
            else:
                j = recorder.integers.get(other) if kind is int else None
            if j is not None:
                operands = (index, j) if a is self else (j, index)
                return Traced(recorder, recorder.apply(primitive, operands))
        return (innermost(xs) or recorder).record(primitive, xs)

    def _assigned(self, references: int, apply: Callable[[Any, Any], Any], other: Any) -> Any:
        """Return the new value of ``y += v`` where that is what NumPy does to y, and to nothing else."""
        kind = self.type
        if not kind.shape:  # NumPy's numbers never change either
            return apply(self, other)
        owner = getattr(self, "_part_of", None)
        if isinstance(owner, Traced) and self.index >= 0 and self.recorder.primitives[self.index] is INDEX:
            line = rewritten(user_source().text())
            if line:
                raise trace_error("a traced array cannot be assigned to in place", f"write `{line}`")
        if owner is not None or not is_alone(references):
            line = reassigned(user_source().text())
            raise trace_error(
                "this would change an array in place that is an argument, or has a view or another name",
                f"write `{line or 'y = y + v'}`, and use the new array wherever the changed one is meant",
            )
        result = apply(self, other)
        if result.shape != kind.shape or (BOOL in (result.dtype, kind.dtype) and result.dtype != kind.dtype):
            raise trace_error(
                f"an array of shape {kind.shape} and dtype {kind.dtype} cannot take {result.type} in place",
                "assign the result to a new name",
            )
        return result.astype(kind.dtype)

    def __and__(self, other: Any) -> Any:
        return logical("logical_and", self, other)

    def __rand__(self, other: Any) -> Any:
        return logical("logical_and", other, self)

    def __or__(self, other: Any) -> Any:
        return logical("logical_or", self, other)

    def __ror__(self, other: Any) -> Any:
        return logical("logical_or", other, self)

    def __xor__(self, other: Any) -> Any:
        return logical("not_equal", self, other)

    def __rxor__(self, other: Any) -> Any:
        return logical("not_equal", other, self)

    def __invert__(self) -> Any:
        return logical("logical_not", self)

    def __mod__(self, other: Any) -> Any:
        return np.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return np.remainder(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(other, self)

    def __divmod__(self, other: Any) -> Any:
        return np.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return np.divmod(other, self)

    def copy(self, *args: Any, **options: Any) -> Any:
        """Return the same value as an array of its own."""
        return Traced(self.recorder, self.index)

    __copy__ = __deepcopy__ = copy

    def flatten(self, *args: Any, **options: Any) -> Any:
        """Return np.ravel of this array, as an array of its own."""
        return self.ravel(*args, **options).copy()

    def sort(self, *args: Any, **options: Any) -> Any:
        """Refuse: the method reorders in place."""
        raise trace_error(
            "x.sort() and x.partition() would reorder a traced array in place", "write x = np.sort(x)"
        )

    partition = sort

    # ------------------------------------------------------------------------------- what NumPy asks for

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        recorder = innermost(inputs) or self.recorder
        home = "np" if getattr(np, ufunc.__name__, None) is ufunc else "scipy.special"
        called = f"{home}.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        if any(part is not None for part in options.pop("out", None) or ()):
            raise trace_error(
                f"{called} would write a traced value into an array in place",
                "assign the result to a new name, as in y = y + x instead of y += x",
            )
        functions: Mapping[Any, Callable[..., Any]] = recorder.functions
        handler = functions.get((ufunc, method)) or functions.get(called)
        if handler is not None:
            return handled(called, handler, inputs, options)
        primitive = NAMES.get(ufunc.__name__)
        if method != "__call__" or primitive is None or primitive.arity != ufunc.nin:
            raise trace_error(f"{called} has no rule in adlab", _UNKNOWN)
        if options:
            given = ", ".join(f"{option}=" for option in options)
            raise trace_error(
                f"{called} was called with {given}", "call it without, and use np.where for a mask"
            )
        return recorder.record(primitive, inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        handler = self.recorder.functions.get(function)
        name = f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)
        if handler is None:
            raise trace_error(f"{name} has no rule in adlab", _UNKNOWN)
        return handled(name, handler, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise trace_error(
            "NumPy or SciPy would turn a traced value into a plain array",
            _functional(
                "leave out np.array and np.asarray, join values with np.stack([...]) or np.concatenate([...]) "
                "before np.sum and the like, and use ad.logsumexp, ad.softmax, … for SciPy's functions"
            ),
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

    def __len__(self) -> int:
        if not self.shape:
            raise trace_error("len() of a traced scalar does not exist", "pass an array, or use np.size")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise trace_error("a traced scalar cannot be iterated over or unpacked", "pass an array")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index: Any) -> Any:
        shape = self.shape
        if type(index) is int and len(shape) == 1 and -shape[0] <= index < shape[0]:
            return self.recorder.record(INDEX, (self,), (("index", (index % shape[0],)),))
        return self.recorder.record(INDEX, (self,), (("index", static_index(index, shape)),))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise trace_error(
            "a traced array cannot be assigned to in place",
            _functional("make a new array, as in x = ad.at(x)[1:3].set(v) or .add(v)"),
        )

    def __bool__(self) -> bool:
        if self.shape:
            raise trace_error(
                f"the truth of a traced array of shape {self.shape} is ambiguous",
                "choose by element with np.where(condition, a, b), or take np.any(x) or np.all(x)",
            )
        outcome = bool(self.recorder.concrete(self.index))
        self.recorder.guard(self.index, outcome)
        return outcome

    def __contains__(self, item: Any) -> bool:
        raise trace_error("`in` on a traced array depends on its values", "write np.any(array == item)")

    def __float__(self) -> float:
        raise _number_error(
            "a Python float is asked of a traced value (math.sin(x), float(x) and a[0] = x do that)"
        )

    def __int__(self) -> int:
        raise _number_error("a Python int is asked of a traced value (int(x) does that)")

    def __index__(self) -> int:
        raise trace_error(
            "an integer is asked of a traced value (range(x), a[x] and shapes do that)",
            "use an integer that is known while tracing, such as len(x) or x.shape[0]",
        )

    def __complex__(self) -> complex:
        raise _complex_error()

    def item(self, *args: Any) -> Any:
        """Refuse: a traced value has no number yet."""
        raise _number_error("a Python number is asked of a traced value (item() and tolist() do that)")

    tolist = item

    def astype(self, dtype: Any, **options: Any) -> Any:
        """Return the value in another dtype, float32 or float64."""
        wanted = np.dtype(dtype)
        if wanted == self.dtype:
            return self
        if wanted not in (FLOAT32, FLOAT64):
            instead = (
                "write x != 0" if wanted == BOOL else "use float64 or float32, or np.floor for whole numbers"
            )
            raise trace_error(f"astype({wanted}) has no derivative", instead)
        return self.recorder.record(CAST, (self,), (("dtype", wanted.name),))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"traced values, like arrays, have no attribute {name!r}")
        if (self.recorder.functions.get(getattr(np, name, None))) is None:  # type: ignore[arg-type]
            raise trace_error(f"traced arrays have no {name}", _UNKNOWN, _MethodError)
        return lambda *args, **options: getattr(np, name)(self, *args, **options)

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"Traced({self.type})"


_UNKNOWN = (
    "build it from arithmetic, NumPy's elementwise functions, np.sum, np.where, indexing and the like, "
    "or give it a rule with ad.primitive"
)


def _number_error(what: str) -> TraceError:
    general = (
        "use NumPy's function, as in np.sin(x), leave out float(), and build arrays with np.stack([...])"
    )
    return trace_error(what, _functional(general))


def _functional(otherwise: str) -> str:
    """Return what to write for an assignment in place on the user's line; ``otherwise`` where there is none."""
    line = user_source().text()
    instead = None if any(word in line for word in _NEED_NUMBERS) else rewritten(line)
    return f"write `{instead}`" if instead else otherwise


_NEED_NUMBERS = ("math.", "float(", "int(", "array(")  # these would fail in the rewritten line, too


def static_index(index: Any, shape: Shape) -> Index:
    """Return what stands between brackets in canonical form; an error names the user's line."""
    for part in _leaves(index):
        if isinstance(part, Traced):
            raise _index_error(part)
    try:
        return normalise_index(index, shape)
    except TraceError:
        raise
    except ValueError as error:
        source = user_source()
        raise type(error)(f"{source}: `{source.text()}`: {error}") from None


def _index_error(part: Traced) -> TraceError:
    if part.dtype == BOOL:
        return trace_error(
            "a mask depends on a traced value, so the number of elements it picks would too",
            "keep the shape with np.where(mask, a, b), as in np.sum(np.where(x > 0, x, 0.0))",
        )
    return trace_error(
        "an index depends on a traced value",
        "index with integers known while tracing, or choose with np.where(condition, a, b)",
    )


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

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the dtype of a traced value, array or NumPy scalar; Python numbers are float64."""
        return value.dtype if isinstance(value, (Traced, np.ndarray, np.generic)) else FLOAT64

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Record the application; comparisons of literals and choices by them are decided at once."""
        if primitive.name == "where" and isinstance(xs[0], (bool, np.bool_)):
            return xs[1] if xs[0] else xs[2]
        if primitive.rule is None and not any(isinstance(x, (Traced, np.ndarray)) for x in xs):
            return bool(NUMPY.apply(primitive, xs, params))
        return self.recorder.record(primitive, xs, params)
