"""Other systems asked the same question: autograd, JAX, PyTorch and CasADi, where they are installed.

A peer evaluates the graph in operations of its own, which a table of names finds for each row, and differentiates what it
has recorded by itself; no rule of adlab takes part. A row that a peer has no operation for is refused by name. NumPy-like
peers see arrays, CasADi sees one symbol per element.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from adlab.algebra.numpy import NUMPY, implementation
from adlab.errors import InputError, MethodError
from adlab.ir.graph import Graph
from adlab.ir.index import numpy_index
from adlab.ir.primitive import Primitive
from adlab.primitives import TABLE

Row = Callable[..., Any]
"""An operation of a peer: a function of the operands, and of the static parameters by name."""

Call = Callable[[], tuple[list[Any], list[list[Any]]]]
"""What is timed: it returns values and, for each, one Jacobian block per input."""

ALIKE = (
    "add subtract multiply divide negative power square sqrt cbrt reciprocal absolute sign hypot exp expm1 exp2 log log1p log2 "
    "log10 logaddexp logaddexp2 sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh less "
    "less_equal greater greater_equal equal not_equal logical_and logical_or logical_not where maximum minimum clip floor ceil "
    "round remainder fmod sinc matmul outer reshape broadcast_to"
)
"""Rows that NumPy-like libraries call as NumPy does."""


class Peer(ABC):
    """Another system that differentiates.

    Attributes
    ----------
    name : str
        How users ask for it; also the module it is imported as, and what pip installs.
    title : str
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def load(self) -> Any:
        """Import it, or raise MethodError in one sentence."""
        try:
            return importlib.import_module(self.name)
        except ImportError:
            raise MethodError(
                f"{self.title} is not installed; pip install {self.name}, or 'adlab[peers]' for all peers."
            ) from None

    @abstractmethod
    def rows(self, library: Any) -> Mapping[str, Row]:
        """Return the peer's operation for each row that it has."""

    @abstractmethod
    def prepare(self, graph: Graph, values: Sequence[Any], positions: Sequence[int]) -> Call:
        """Build everything that is built once; return what finds values and Jacobian blocks at the point."""

    def program(self, graph: Graph, library: Any) -> Callable[..., list[Any]]:
        """Return the graph as a function in the peer's operations, or raise MethodError for a row it lacks."""
        rows = self.rows(library)
        for i in range(len(graph.inputs), len(graph)):
            primitive = graph.primitives[i]
            if TABLE.get(primitive.name) is not primitive or primitive.name not in rows:
                source = graph.sources[graph.source_ids[i]]
                line = f" ({source})" if source.line else ""
                raise MethodError(
                    f"{self.title} has no counterpart of {primitive.name!r}{line} that adlab knows of."
                )
        constants = [self.number(library, NUMPY.constant(constant)) for constant in graph.constants]

        def run(*inputs: Any) -> list[Any]:
            values = list(inputs)
            for i in range(len(graph.inputs), len(graph)):
                xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
                values.append(self.apply(rows, graph.primitives[i], xs, dict(graph.params[i])))
            return [values[j] if j >= 0 else constants[~j] for j in graph.outputs]

        return run

    def number(self, library: Any, value: Any) -> Any:
        """Return a literal or argument as the peer takes it."""
        return value

    def apply(
        self, rows: Mapping[str, Row], primitive: Primitive, xs: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """Return a row applied to the peer's values."""
        return rows[primitive.name](*xs, **params)


def peer_named(name: str) -> Peer:
    """Return a peer, or raise InputError with the names there are."""
    if name not in PEERS:
        raise InputError(f"There is no peer {name!r}; the peers are {', '.join(PEERS)}.")
    return PEERS[name]


def _alike(library: Any) -> dict[str, Row]:
    """Return the rows that a NumPy-like namespace names as NumPy does."""
    return {name: getattr(library, name) for name in ALIKE.split() if hasattr(library, name)}


def _found(library: Any, names: Mapping[str, str]) -> dict[str, Row]:
    """Return the rows that a namespace has under other names."""
    return {row: getattr(library, name) for row, name in names.items() if hasattr(library, name)}


def _numpy_like(np_: Any) -> dict[str, Row]:
    """Return rows in the operations of a namespace that follows NumPy."""
    return {
        **_alike(np_),
        **_found(np_.linalg, {name: name for name in ("solve", "det", "cholesky", "pinv")}),
        **{name: getattr(np_, name) for name in ("sum", "mean", "max", "min", "prod")},
        "cumsum": lambda x, axis: np_.cumsum(x, axis=axis),
        "norm": lambda x, axis, keepdims: np_.sqrt(np_.sum(x * x, axis=axis, keepdims=keepdims)),
        "transpose": lambda x, axes: np_.transpose(x, axes),
        "index": lambda x, index: x[numpy_index(index)],
        "concatenate": lambda *xs, axis: np_.concatenate(xs, axis=axis),
        "stack": lambda *xs, axis: np_.stack(xs, axis=axis),
        "sort": lambda x, axis: np_.sort(x, axis=axis),
        "cast": lambda x, dtype: x.astype(dtype),
        "sigmoid": lambda x: 1 / (1 + np_.exp(-x)),
        "softplus": lambda x: np_.logaddexp(x, 0.0),
        "relu": lambda x: np_.maximum(x, 0.0),
        "leaky_relu": lambda x, a: np_.where(x >= 0, x, a * x),
        "elu": lambda x, a: np_.where(x > 0, x, a * np_.expm1(np_.minimum(x, 0.0))),
    }


SPECIAL = MappingProxyType(
    {"erf": "erf", "erfc": "erfc", "gammaln": "gammaln", "digamma": "digamma", "gamma": "gamma"}
)


class Autograd(Peer):
    """HIPS autograd: NumPy wrapped, reverse mode on a tape."""

    name = "autograd"
    title = "autograd"

    def rows(self, library: Any) -> Mapping[str, Row]:
        """Return the rows of ``autograd.numpy``."""
        namespace = importlib.import_module("autograd.numpy")
        try:
            special = _found(importlib.import_module("autograd.scipy.special"), SPECIAL)
        except ImportError:
            special = {}
        return {**_numpy_like(namespace), **special}

    def prepare(self, graph: Graph, values: Sequence[Any], positions: Sequence[int]) -> Call:
        """Return its Jacobians, output by output."""
        library = self.load()
        run = self.program(graph, library)

        def output(k: int) -> Callable[..., Any]:
            return lambda *inputs: run(*inputs)[k]

        slopes = [[library.jacobian(output(k), p) for p in positions] for k in range(len(graph.outputs))]

        def call() -> tuple[list[Any], list[list[Any]]]:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # "Output seems independent of input": then it is 0, as it should
                return run(*values), [[slope(*values) for slope in row] for row in slopes]

        return call


class Jax(Peer):
    """JAX, compiled, in the dtypes of the graph."""

    name = "jax"
    title = "JAX"

    def rows(self, library: Any) -> Mapping[str, Row]:
        """Return the rows of ``jax.numpy``, ``jax.nn`` and ``jax.scipy.special``."""
        own = _found(library.nn, {"relu": "relu", "sigmoid": "sigmoid", "softplus": "softplus"})
        special = importlib.import_module("jax.scipy.special")
        names = {**SPECIAL, "erfinv": "erfinv", "logit": "logit", "xlogy": "xlogy", "xlog1py": "xlog1py"}
        stop = {"stop_gradient": library.lax.stop_gradient}
        return {**_numpy_like(library.numpy), **own, **_found(special, names), **stop}

    def prepare(self, graph: Graph, values: Sequence[Any], positions: Sequence[int]) -> Call:
        """Return its reverse-mode Jacobian, compiled."""
        library = self.load()
        with _double(library):
            run = self.program(graph, library)
            value = library.jit(run)
            slopes = library.jit(library.jacrev(run, argnums=tuple(positions)))

        def call() -> tuple[list[Any], list[list[Any]]]:
            with _double(library):
                found = library.block_until_ready((value(*values), slopes(*values)))
            return [np.asarray(y) for y in found[0]], [[np.asarray(b) for b in row] for row in found[1]]

        return call


def _double(library: Any) -> AbstractContextManager[Any]:
    """Return a context in which JAX computes in float64."""
    if hasattr(library, "enable_x64"):
        return library.enable_x64(True)  # type: ignore[no-any-return]
    return importlib.import_module("jax.experimental").enable_x64()  # type: ignore[no-any-return]


class Torch(Peer):
    """PyTorch, eager."""

    name = "torch"
    title = "PyTorch"

    def rows(self, library: Any) -> Mapping[str, Row]:
        """Return the rows of ``torch``."""

        def reduced(function: Row, axes_word: str = "dim") -> Row:
            def apply(x: Any, axis: Any, keepdims: bool) -> Any:
                axes = tuple(range(x.ndim)) if axis is None else axis
                return function(x, **{axes_word: axes}, keepdim=keepdims) if axes else x

            return apply

        def product(x: Any, axis: Any, keepdims: bool) -> Any:
            axes = tuple(range(x.ndim)) if axis is None else axis
            for a in sorted(axes, reverse=True):
                x = library.prod(x, dim=a, keepdim=keepdims)
            return x

        return {
            **_alike(library),
            **_found(library.special, {**SPECIAL, "xlogy": "xlogy", "xlog1py": "xlog1py", "logit": "logit"}),
            **_found(library.linalg, {name: name for name in ("solve", "det", "cholesky", "pinv")}),
            **{name: reduced(getattr(library, name)) for name in ("sum", "mean")},
            "max": reduced(library.amax),
            "min": reduced(library.amin),
            "prod": product,
            "norm": reduced(library.linalg.vector_norm),
            "cumsum": lambda x, axis: library.cumsum(x, dim=axis),
            "transpose": lambda x, axes: x.permute(axes),
            "index": lambda x, index: x[numpy_index(index)],
            "concatenate": lambda *xs, axis: library.cat(xs, dim=axis),
            "stack": lambda *xs, axis: library.stack(xs, dim=axis),
            "sort": lambda x, axis: library.sort(x, dim=axis).values,
            "cast": lambda x, dtype: x.to(getattr(library, dtype)),
            "sigmoid": library.sigmoid,
            "softplus": library.nn.functional.softplus,
            "relu": library.relu,
            "leaky_relu": lambda x, a: library.where(x >= 0, x, a * x),
            "elu": lambda x, a: library.where(x > 0, x, a * library.expm1(x.clamp(max=0.0))),
            "stop_gradient": lambda x: x.detach(),
        }

    def number(self, library: Any, value: Any) -> Any:
        """Return a tensor of the same dtype."""
        return library.as_tensor(np.array(value))

    def prepare(self, graph: Graph, values: Sequence[Any], positions: Sequence[int]) -> Call:
        """Return its reverse-mode Jacobian."""
        library = self.load()
        run = self.program(graph, library)
        given = [self.number(library, value) for value in values]

        def of(*moving: Any) -> tuple[Any, ...]:
            inputs = list(given)
            for position, x in zip(positions, moving, strict=True):
                inputs[position] = x
            return tuple(run(*inputs))

        def call() -> tuple[list[Any], list[list[Any]]]:
            moving = tuple(given[position] for position in positions)
            rows = library.autograd.functional.jacobian(of, moving)
            found = [y.detach().numpy() for y in of(*moving)]
            return found, [[block.numpy() for block in row] for row in rows]

        return call


class Casadi(Peer):
    """CasADi: one symbol per element, a function of values and Jacobian built once."""

    name = "casadi"
    title = "CasADi"

    def rows(self, library: Any) -> Mapping[str, Row]:
        """Return the rows of CasADi's scalar expressions; structural rows are NumPy's on arrays of them."""
        same = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p", "log10", "sqrt", "sign",
                "floor", "ceil", "hypot", "erf")  # fmt: skip
        other = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
                 "arctanh": "atanh", "arctan2": "atan2", "absolute": "fabs", "maximum": "fmax", "minimum": "fmin",
                 "power": "power", "fmod": "fmod", "where": "if_else", "logical_not": "logic_not",
                 "logical_and": "logic_and", "logical_or": "logic_or"}  # fmt: skip
        elementwise: dict[str, Row] = {
            **_found(library, {**{name: name for name in same}, **other}),
            "add": lambda a, b: a + b,
            "subtract": lambda a, b: a - b,
            "multiply": lambda a, b: a * b,
            "divide": lambda a, b: a / b,
            "negative": lambda a: -a,
            "square": lambda a: a * a,
            "reciprocal": lambda a: 1 / a,
            "less": lambda a, b: a < b,
            "less_equal": lambda a, b: a <= b,
            "greater": lambda a, b: a > b,
            "greater_equal": lambda a, b: a >= b,
            "equal": lambda a, b: a == b,
            "not_equal": lambda a, b: a != b,
            "log2": lambda a: library.log(a) / np.log(2),
            "exp2": lambda a: library.power(2, a),
            "sigmoid": lambda a: 1 / (1 + library.exp(-a)),
            "softplus": lambda a: library.fmax(a, 0) + library.log1p(library.exp(-library.fabs(a))),
            "relu": lambda a: library.fmax(a, 0),
            "leaky_relu": lambda x, a: library.if_else(x >= 0, x, a * x),
            "clip": lambda x, a, b: library.fmin(library.fmax(x, a), b),
        }
        structural = (
            "sum mean prod norm cumsum reshape transpose broadcast_to index concatenate stack matmul outer"
        )
        return {
            **{name: _on_elements(function) for name, function in elementwise.items()},
            **{name: implementation(TABLE[name]) for name in structural.split()},
            "norm": lambda x, axis, keepdims: _on_elements(library.sqrt)(
                np.sum(x * x, axis=axis, keepdims=keepdims)
            ),
            "max": functools.partial(_reduced, library.fmax),
            "min": functools.partial(_reduced, library.fmin),
            "cast": lambda x, dtype: x,
        }

    def number(self, library: Any, value: Any) -> Any:
        """Return numbers as objects, which mix with symbols."""
        return _boxed(np.asarray(value, dtype=float).astype(object))

    def apply(
        self, rows: Mapping[str, Row], primitive: Primitive, xs: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """Return a row applied to arrays of expressions, as an array also where there is one."""
        return _boxed(super().apply(rows, primitive, xs, params))

    def prepare(self, graph: Graph, values: Sequence[Any], positions: Sequence[int]) -> Call:
        """Return its function of values and Jacobian."""
        library = self.load()
        run = self.program(graph, library)
        inputs: list[Any] = [self.number(library, value) for value in values]
        symbols: list[Any] = []
        for position in positions:
            flat = [library.SX.sym(f"x{position}_{k}") for k in range(graph.types[position].size)]
            inputs[position] = _array(flat, graph.types[position].shape)
            symbols += flat
        outputs = [element for output in run(*inputs) for element in np.ravel(output)]
        x, y = library.vertcat(*symbols), library.vertcat(*outputs)
        function = library.Function("f", [x], [y, library.jacobian(y, x)])
        point = np.concatenate([np.ravel(values[position]) for position in positions]).astype(float)

        def call() -> tuple[list[Any], list[list[Any]]]:
            found, slopes = (np.asarray(part) for part in function(point))
            types = graph.output_types
            flat_values = _parts(found.ravel(), [type.size for type in types])
            rows = _parts(slopes, [type.size for type in types])
            sizes = [graph.types[position].size for position in positions]
            return (
                [part.reshape(type.shape) for part, type in zip(flat_values, types, strict=True)],
                [
                    [
                        block.T.reshape(type.shape + graph.types[position].shape)
                        for block, position in zip(_parts(row.T, sizes), positions, strict=True)
                    ]
                    for row, type in zip(rows, types, strict=True)
                ],
            )

        return call


def _on_elements(function: Row) -> Row:
    """Return a function of scalars as one of arrays of them."""

    def apply(*xs: Any) -> Any:
        arrays = np.broadcast_arrays(*xs)
        flat = [function(*elements) for elements in zip(*(array.ravel() for array in arrays), strict=True)]
        return _array(flat, arrays[0].shape)

    return apply


def _array(flat: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Return objects as an array, without NumPy looking into them."""
    array = np.empty(len(flat), dtype=object)
    for k, element in enumerate(flat):
        array[k] = element
    return array.reshape(shape)


def _boxed(value: Any) -> Any:
    """Return a single expression as an array too: NumPy would try to look into it."""
    return value if isinstance(value, np.ndarray) else _array([value], ())


def _reduced(function: Row, x: Any, axis: Any, keepdims: bool) -> Any:
    reducer = np.frompyfunc(function, 2, 1)
    for a in sorted(range(np.ndim(x)) if axis is None else axis, reverse=True):
        x = _boxed(reducer.reduce(x, axis=a, keepdims=keepdims))
    return x


def _parts(array: Any, sizes: Sequence[int]) -> list[Any]:
    return list(np.split(array, np.cumsum(sizes)[:-1]))


PEERS: Mapping[str, Peer] = MappingProxyType(
    {peer.name: peer for peer in (Autograd(), Jax(), Torch(), Casadi())}
)
"""The peers by name."""
