"""The words of formulas: which constants there are, and what each function takes.

A function is a `Form`: how many operands it has, which static parameters (axes, shapes) with which defaults,
and what to call. Elementwise functions are read off the rule table, one form per row and alias. Functions of
whole arrays go to the implementations behind NumPy's own names (`adlab.frontends.numpy_functions`), so that
``sum(x, axis=0)`` in a formula and ``np.sum(x, axis=0)`` in code are the same graph. What a row prints
is read here: a call that changes nothing, such as ``reshape`` to the shape at hand, is one node here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab import functions
from adlab.algebra.traced import Recorder
from adlab.errors import ShapeError
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.ir.constant import NAMED_NUMBERS
from adlab.ir.index import indexed_shape, normalise_index
from adlab.ir.primitive import Primitive
from adlab.primitives import NAMES, TABLE

__all__ = ["CONSTANTS", "DTYPES", "FORMS", "Form", "closest", "signature"]

CONSTANTS: Mapping[str, float] = MappingProxyType(
    {**NAMED_NUMBERS, **{name: float(name) for name in ("inf", "nan", "NaN")}}
)
"""Names that are numbers unless the user makes them inputs; π and e keep their names for exact carriers."""

DTYPES = ("float64", "float32", "bool")
"""Names that stand for a dtype."""

Call = Callable[..., Any]


@dataclass(frozen=True)
class Form:
    """What a function takes.

    Attributes
    ----------
    call : callable
        Called as ``call(recorder, *operands, **statics)``.
    least, most : int
        Number of operands; ``most`` None means any.
    statics : mapping
        Static parameters by name, in the order in which they may follow the operands, with defaults;
        ``...`` where there is none.
    operands : tuple of str
        Names of the operands, for messages.
    parts : bool
        Whether one tuple or list stands for several operands, as in ``stack([x, y])``.
    """

    call: Call
    least: int = 1
    most: int | None = 1
    statics: Mapping[str, Any] = field(default_factory=dict)
    operands: tuple[str, ...] = ("x",)
    parts: bool = False


def closest(word: str, known: Mapping[str, Any]) -> str | None:
    """Return the known name that a misspelt one most resembles, if any does."""
    found = get_close_matches(word[:40], known, n=1)
    return found[0] if found else None


def signature(name: str) -> str:
    """Return how a function is written: ``leaky_relu(x, a=0.01)``, ``sum(x, axis=None, keepdims=False)``.

    Examples
    --------
    >>> signature("leaky_relu"), signature("reshape")
    ('leaky_relu(x, a=0.01)', 'reshape(x, shape)')
    """
    form = FORMS[name]
    row = NAMES.get(name)
    operands = list(form.operands)
    if row is not None and row.defaults and form.most == row.arity:
        count = len(row.defaults)
        for place, default in zip(range(len(operands) - count, len(operands)), row.defaults, strict=True):
            operands[place] += f"={default:g}"
    statics = [key if default is ... else f"{key}={default}" for key, default in form.statics.items()]
    return f"{name}({', '.join([*operands, *statics])})"


# -------------------------------------------------------------------------------- calls


def _row(primitive: Primitive) -> Call:
    def call(recorder: Recorder, *xs: Any) -> Any:
        missing = (primitive.arity or len(xs)) - len(xs)
        return recorder.record(primitive, (*xs, *primitive.defaults[len(primitive.defaults) - missing :]))

    return call


def _composed(function: Callable[..., Any]) -> Call:
    def call(recorder: Recorder, *xs: Any, **statics: Any) -> Any:
        return function(*xs, **statics)

    return call


def _numpy(function: Callable[..., Any]) -> Call:
    return _composed(FUNCTIONS[function])


def _joined(function: Callable[..., Any]) -> Call:
    implementation = FUNCTIONS[function]

    def call(recorder: Recorder, *xs: Any, axis: Any) -> Any:
        return implementation(xs, axis=axis)

    return call


def _extreme(reduce: Callable[..., Any], pair: str) -> Call:
    """Return ``max`` or ``min``: of one array over axes, or of two operands element by element."""
    implementation = FUNCTIONS[reduce]

    def call(recorder: Recorder, *xs: Any, axis: Any, keepdims: Any) -> Any:
        if len(xs) == 1:
            return implementation(*xs, axis=axis, keepdims=keepdims)
        if axis is not None or keepdims:
            raise ShapeError(
                f"of two operands there is no axis to reduce; write {pair}(a, b) without axis and keepdims."
            )
        return recorder.record(TABLE[pair], xs)

    return call


def _reshape(recorder: Recorder, x: Any, shape: Any) -> Any:
    result = FUNCTIONS[np.reshape](x, shape)
    return recorder.record(TABLE["reshape"], (x,), (("shape", x.shape),)) if result is x else result


def _transpose(recorder: Recorder, x: Any, axes: Any) -> Any:
    result = FUNCTIONS[np.transpose](x, axes)
    if result is x and axes is not None:
        return recorder.record(TABLE["transpose"], (x,), (("axes", tuple(range(x.ndim))),))
    return result


def _broadcast_to(recorder: Recorder, x: Any, shape: Any) -> Any:
    result = FUNCTIONS[np.broadcast_to](x, shape)
    return recorder.record(TABLE["broadcast_to"], (x,), (("shape", x.shape),)) if result is x else result


def _index(recorder: Recorder, x: Any, index: Any) -> Any:
    return recorder.record(TABLE["index"], (x,), (("index", normalise_index(index, x.shape)),))


def _index_add(recorder: Recorder, x: Any, index: Any, shape: Any) -> Any:
    lengths = np.broadcast_to(0.0, shape).shape
    normal = normalise_index(index, lengths)
    picked = indexed_shape(lengths, normal)
    if picked != x.shape:
        raise ShapeError(
            f"an operand of shape {x.shape} does not fill what the index picks, which has shape {picked}."
        )
    return recorder.record(TABLE["index_add"], (x,), (("index", normal), ("shape", lengths)))


def _sort(recorder: Recorder, x: Any, axis: Any) -> Any:
    return recorder.record(TABLE["sort"], (x,), (("axis", axis),))


def _arrange(recorder: Recorder, values: Any, keys: Any, axis: Any, inverse: Any) -> Any:
    return recorder.record(TABLE["arrange"], (values, keys), (("axis", axis), ("inverse", inverse)))


def _cast(recorder: Recorder, x: Any, dtype: Any) -> Any:
    return recorder.record(TABLE["cast"], (x,), (("dtype", dtype),))


# -------------------------------------------------------------------------------- forms

_AXES = {"axis": None, "keepdims": False}
_PAIR = ("a", "b")


def _letters(row: Primitive) -> tuple[str, ...]:
    count = row.arity or 1
    return ("x", "a", "b")[:count] if count != 2 or row.defaults else _PAIR


def _elementwise() -> dict[str, Form]:
    return {
        name: Form(_row(row), (row.arity or 1) - len(row.defaults), row.arity, operands=_letters(row))
        for name, row in NAMES.items()
        if row.elementwise
    }


_WHOLE: dict[str, Form] = {
    "sum": Form(_numpy(np.sum), statics=_AXES),
    "mean": Form(_numpy(np.mean), statics=_AXES),
    "prod": Form(_numpy(np.prod), statics=_AXES),
    "max": Form(_extreme(np.max, "maximum"), most=2, statics=_AXES),
    "min": Form(_extreme(np.min, "minimum"), most=2, statics=_AXES),
    "var": Form(_numpy(np.var), statics={"axis": None, "ddof": 0, "keepdims": False}),
    "std": Form(_numpy(np.std), statics={"axis": None, "ddof": 0, "keepdims": False}),
    "norm": Form(_numpy(np.linalg.norm), statics={"ord": None, **_AXES}),
    "cumsum": Form(_numpy(np.cumsum), statics={"axis": None}),
    "diff": Form(_numpy(np.diff), statics={"n": 1, "axis": -1}),
    "round": Form(_numpy(np.round), statics={"decimals": 0}),
    "clip": Form(_numpy(np.clip), 3, 3, operands=("x", "a", "b")),
    "where": Form(_numpy(np.where), 3, 3, operands=("condition", "a", "b")),
    "reshape": Form(_reshape, statics={"shape": ...}),
    "ravel": Form(_numpy(np.ravel)),
    "transpose": Form(_transpose, statics={"axes": None}),
    "swapaxes": Form(_numpy(np.swapaxes), statics={"axis1": ..., "axis2": ...}),
    "squeeze": Form(_numpy(np.squeeze), statics={"axis": None}),
    "expand_dims": Form(_numpy(np.expand_dims), statics={"axis": ...}),
    "broadcast_to": Form(_broadcast_to, statics={"shape": ...}),
    "flip": Form(_numpy(np.flip), statics={"axis": None}),
    "index": Form(_index, statics={"index": ...}),
    "index_add": Form(_index_add, statics={"index": ..., "shape": ...}),
    "cast": Form(_cast, statics={"dtype": ...}),
    "concatenate": Form(_joined(np.concatenate), 1, None, {"axis": 0}, ("x", "…"), parts=True),
    "stack": Form(_joined(np.stack), 1, None, {"axis": 0}, ("x", "…"), parts=True),
    "matmul": Form(_row(TABLE["matmul"]), 2, 2, operands=_PAIR),
    "dot": Form(_numpy(np.dot), 2, 2, operands=_PAIR),
    "inner": Form(_numpy(np.inner), 2, 2, operands=_PAIR),
    "outer": Form(_numpy(np.outer), 2, 2, operands=_PAIR),
    "diag": Form(_numpy(np.diag), statics={"k": 0}),
    "trace": Form(_numpy(np.trace)),
    "tril": Form(_numpy(np.tril), statics={"k": 0}),
    "triu": Form(_numpy(np.triu), statics={"k": 0}),
    "logsumexp": Form(_composed(functions.logsumexp), statics=_AXES),
    "softmax": Form(_composed(functions.softmax), statics={"axis": -1}),
    "log_softmax": Form(_composed(functions.log_softmax), statics={"axis": -1}),
    "stop_gradient": Form(_row(TABLE["stop_gradient"])),
    "sort": Form(_sort, statics={"axis": 0}),
    "arrange": Form(_arrange, 2, 2, {"axis": 0, "inverse": False}, ("values", "keys")),
    "solve": Form(_row(TABLE["solve"]), 2, 2, operands=_PAIR),
    **{
        name: Form(_row(TABLE[name]))
        for name in ("det", "cofactors", "slogdet", "cholesky", "eigh", "svd", "pinv")
    },
}

FORMS: Mapping[str, Form] = MappingProxyType({**_elementwise(), "rint": Form(_row(TABLE["round"])), **_WHOLE})
"""Every function that a formula can name."""
