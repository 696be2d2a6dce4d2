"""What a Python function reads besides its arguments, as far as that can be known: the condition for keeping its graph.

A graph stands for a function only as long as everything that the function read while it was traced is as it was: the
values that it closes over, globals, defaults, the functions that it calls, and what those read. `reads` lists them,
from the names in the code, with what they were; `Reads.hold` looks again. Numbers and strings are compared, arrays and
containers by their contents. Where anything else takes part (objects with attributes, files, clocks, random numbers,
`print`, writing to a global) nothing can be promised, and there is no list: such a function is traced at every call.

NumPy, math, a few others of Python's own modules, `scipy.special` and adlab are taken to stay as they are.
"""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from adlab.frontends.numpy_functions import FUNCTIONS

ARRAY_BYTES = 2**24
"""Arrays up to this size are compared with what they were; a function that reads larger ones is traced afresh."""

ITEMS = 10_000
"""Containers of up to so many items in all are."""

FIXED = (
    "numpy", "numpy.linalg", "numpy.fft", "math", "functools", "itertools", "operator", "scipy.special", "adlab",
)  # fmt: skip
"""Modules that are taken not to change."""

NUMPY_NAMES = frozenset((
    "T", "allclose", "append", "arange", "argmax", "argmin", "argsort", "array", "array_equal", "asarray", "astype", "copy",
    "count_nonzero", "diag_indices", "dtype", "e", "errstate", "eye", "finfo", "flat", "full", "full_like", "identity",
    "iinfo", "imag", "indices", "inf", "isclose", "isscalar", "linspace", "logspace", "meshgrid", "nan", "ndarray", "ndim",
    "newaxis", "ones", "ones_like", "pi", "real", "searchsorted", "shape", "size", "tri", "tril_indices", "triu_indices",
    "unique", "vander", "zeros", "zeros_like",
))  # fmt: skip
"""What else of NumPy gives the same result at every call."""

BUILTINS = frozenset((
    "abs", "all", "any", "bool", "bytes", "callable", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "int",
    "isinstance", "len", "list", "map", "max", "min", "pow", "range", "repr", "reversed", "round", "set", "slice", "sorted",
    "str", "sum", "tuple", "zip",
))  # fmt: skip

OURS = (
    "adlab.functions",
    "adlab.graphs",
    "adlab.ir",
    "adlab.custom",
    "adlab.transforms.kept",
    "adlab.compiler.tiers",
    "adlab.methods.compressed",
)
"""Where the classes are whose objects stay what they are, or make no difference to a trace."""

WRITES = frozenset(
    ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "LOAD_BUILD_CLASS", "LOAD_SUPER_ATTR")
)
LOADS = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_FROM_DICT_OR_DEREF"))

BY_TEXT = frozenset(("attrgetter", "methodcaller", "__dict__", "__getattribute__", "__getattr__"))
"""Names that let code read attributes whose names are not among those in the code."""

ATOMS = (type(None), bool, int, float, complex, str, bytes, types.EllipsisType, range)
"""Types whose values never change; their subclasses may have attributes and operators of their own."""

MISSING = object()


class StandIn:
    """Base of what stands for a function, and so reads what the function reads.

    Attributes
    ----------
    function
        A callable, expression string, SymPy expression or graph.
    """

    function: Any


class UnknownReadError(Exception):
    """Something is read of which nothing can be promised."""


# --------------------------------------------------------------------------------------------------- snapshots


@dataclass(frozen=True)
class Atom:
    """A number, string or the like; the very same object, for functions and modules."""

    value: Any

    def holds(self, now: Any) -> bool:
        """Return whether a value is what it was."""
        was = self.value
        if now is was:
            return True
        if type(now) is not type(was) or not _is_atom(was):
            return False
        return bool(now == was) and (bool(now) or repr(now) == repr(was))  # −0.0 is not 0.0


@dataclass(frozen=True)
class Bits:
    """The contents of an array."""

    dtype: Any
    shape: tuple[int, ...]
    content: bytes

    def holds(self, now: Any) -> bool:
        """Return whether a value is an array of the same bits."""
        return (
            type(now) is np.ndarray
            and now.dtype == self.dtype
            and now.shape == self.shape
            and now.tobytes() == self.content
        )


@dataclass(frozen=True)
class Items:
    """The items of a container, keys among them."""

    kind: type[Any]
    items: tuple[Snapshot, ...]

    def holds(self, now: Any) -> bool:
        """Return whether a value is a container of the same items in the same order."""
        if type(now) is not self.kind:
            return False
        items = _items(now)
        return len(items) == len(self.items) and all(
            item.holds(value) for item, value in zip(self.items, items, strict=True)
        )


Snapshot = Atom | Bits | Items


def _items(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return [*container.keys(), *container.values()]
    return list(container)


class Read(NamedTuple):
    """One thing that is read: how to get it, and what it was."""

    get: Callable[[], Any]
    was: Snapshot


@dataclass(frozen=True)
class Reads:
    """All that a function reads besides its arguments."""

    entries: tuple[Read, ...]

    def hold(self) -> bool:
        """Return whether everything still is what it was."""
        try:
            return all(read.was.holds(read.get()) for read in self.entries)
        except (ValueError, AttributeError):  # a cell or attribute that is gone
            return False


# ------------------------------------------------------------------------------------------------ looking at code


def reads(function: Any) -> Reads | None:
    """Return what a callable reads besides its arguments, None where that cannot be known.

    Examples
    --------
    >>> weights = [1.0]
    >>> found = reads(functools.partial(np.dot, weights))
    >>> found.hold()
    True
    >>> weights[0] = 2.0
    >>> found.hold()
    False
    >>> reads(weights.append) is None
    True
    """
    try:
        return _Search(function).found()
    except UnknownReadError:
        return None


class _Search:
    """Follows functions to functions, and collects what they read."""

    def __init__(self, function: Any) -> None:
        self.entries: list[Read] = []
        self.functions: dict[int, types.FunctionType] = {}
        self.modules: dict[int, types.ModuleType] = {}
        self.names: set[str] = set()
        self.budget = ITEMS
        self.bytes = ARRAY_BYTES
        self._pending: list[types.FunctionType] = []
        self.freeze(function)

    def found(self) -> Reads:
        """Return everything, once no function is left to look at and every module was asked for every name."""
        asked: set[tuple[int, str]] = set()
        while True:
            while self._pending:
                self._function(self._pending.pop())
            new = {(key, name) for key in self.modules for name in self.names} - asked
            if not new:
                return Reads(tuple(self.entries))
            for key, name in sorted(new):
                self._attribute(self.modules[key], name)
            asked |= new

    def freeze(self, value: Any) -> Snapshot:
        """Return what a value is now; functions and modules are looked at further."""
        if _is_atom(value) or value is MISSING:
            return Atom(value)
        if type(value) is np.ndarray and not value.dtype.hasobject:
            self.bytes -= value.nbytes
            if self.bytes < 0:
                raise UnknownReadError
            return Bits(value.dtype, value.shape, value.tobytes())
        if type(value) in (tuple, list, dict, set, frozenset):
            return self._container(value)
        if isinstance(value, types.FunctionType):
            if id(value) not in self.functions:
                self.functions[id(value)] = value
                if value not in FUNCTIONS and not _is_numpy_function(value):
                    self._pending.append(value)
            return Atom(value)
        if isinstance(value, types.ModuleType):
            self.modules[id(value)] = value
            return Atom(value)
        if isinstance(value, StandIn):
            self.freeze(value.function)
            return Atom(value)
        if type(value) is functools.partial:
            self.read(lambda: (value.args, value.keywords))
            self.freeze(value.func)
            return Atom(value)
        if _is_fixed(value):
            return Atom(value)
        raise UnknownReadError

    def _container(self, value: Any) -> Snapshot:
        items = _items(value)
        self.budget -= len(items)
        if self.budget < 0:
            raise UnknownReadError
        return Items(type(value), tuple(self.freeze(item) for item in items))

    def read(self, get: Callable[[], Any]) -> None:
        """Add what ``get`` returns to the list."""
        self.entries.append(Read(get, self.freeze(get())))

    def _function(self, function: types.FunctionType) -> None:
        """Add what a function reads."""
        home = str(function.__globals__.get("__name__"))  # __module__ may be borrowed, by functools.wraps
        if home.split(".")[0] != "adlab":
            if set(function.__dict__) - {"__wrapped__"}:
                raise UnknownReadError
            self.read(lambda: function.__defaults__)
            self.read(lambda: function.__kwdefaults__)
            self.entries.append(Read(lambda: function.__code__, Atom(function.__code__)))
            self._code(function.__code__, function.__globals__)
        for cell in function.__closure__ or ():
            self._cell(cell)

    def _cell(self, cell: types.CellType) -> None:
        try:
            self.read(lambda: cell.cell_contents)
        except ValueError:  # empty: the name has no value yet
            raise UnknownReadError from None

    def _code(self, code: types.CodeType, namespace: dict[str, Any]) -> None:
        """Add what code reads, and the code within it: comprehensions, functions, lambdas."""
        for instruction in dis.get_instructions(code):
            name, operation = instruction.argval, instruction.opname
            if operation in WRITES or (operation == "STORE_DEREF" and name in code.co_freevars):
                raise UnknownReadError
            if operation in LOADS:
                self._global(name, namespace)
            elif operation == "IMPORT_NAME":
                if name not in FIXED or name not in sys.modules:
                    raise UnknownReadError
                self.freeze(sys.modules[name])
        self.names.update(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant, namespace)

    def _global(self, name: str, namespace: dict[str, Any]) -> None:
        if name in namespace:
            self.read(lambda: namespace.get(name, MISSING))
            return
        value = getattr(builtins, name, MISSING)
        exception = isinstance(value, type) and issubclass(value, BaseException)
        if name not in BUILTINS and not exception and not _is_atom(value):
            raise UnknownReadError
        self.entries.append(Read(lambda: namespace.get(name, MISSING), Atom(MISSING)))

    def _attribute(self, module: types.ModuleType, name: str) -> None:
        """Add a name that the code may have read from a module."""
        if module.__name__.split(".")[0] == "adlab":
            return
        if name in BY_TEXT:
            raise UnknownReadError
        if module.__name__ in FIXED:
            if not _is_steady(module, name):
                raise UnknownReadError
            value = getattr(module, name, MISSING)
            if isinstance(value, types.ModuleType):
                self.freeze(value)
            return
        space: Mapping[str, Any] = vars(module)
        if name in space:
            self.read(lambda: space.get(name, MISSING))
        elif "__getattr__" in space:
            raise UnknownReadError


def _is_steady(module: types.ModuleType, name: str) -> bool:
    """Return whether a name of a module that does not change gives the same at every call, or is no name of it."""
    value = getattr(module, name, MISSING)
    if value is MISSING or module.__name__ != "numpy":
        return True
    if isinstance(value, types.ModuleType):
        return value.__name__ in FIXED
    if name in NUMPY_NAMES or _is_atom(value) or _is_known_ufunc(value):
        return True
    return issubclass(value, np.generic) if isinstance(value, type) else value in FUNCTIONS


def _is_fixed(value: Any) -> bool:
    """Return whether a value cannot change: of NumPy, math or adlab, or one of Python's own types."""
    if isinstance(value, np.ufunc):
        return _is_known_ufunc(value)
    if isinstance(value, type):
        return value.__module__ == "builtins" or (
            issubclass(value, np.generic) and value.__module__ == "numpy"
        )
    if isinstance(value, types.BuiltinFunctionType):
        return (value.__module__ == "builtins" and value.__name__ in BUILTINS) or value.__module__ == "math"
    home = type(value).__module__
    if any(home == ours or home.startswith(f"{ours}.") for ours in OURS):
        return True
    return _is_numpy_function(value)


def _is_atom(value: Any) -> bool:
    """Return whether a value never changes, nor what operators do to it."""
    if type(value) is slice:
        return all(_is_atom(part) for part in (value.start, value.stop, value.step))
    if isinstance(value, np.generic):  # a row of a structured array is a view of it
        return type(value).__module__ == "numpy" and not isinstance(value, np.void)
    return type(value) in ATOMS or isinstance(value, np.dtype)


def _is_known_ufunc(value: Any) -> bool:
    """Return whether a value is one of the ufuncs of NumPy or SciPy; np.frompyfunc makes some of any code."""
    homes = (np, sys.modules.get("scipy.special"))
    return isinstance(value, np.ufunc) and any(getattr(home, value.__name__, None) is value for home in homes)


def _is_numpy_function(value: Any) -> bool:
    name = getattr(value, "__name__", None)
    if not callable(value) or not isinstance(name, str) or getattr(np, name, None) is not value:
        return False
    return name in NUMPY_NAMES or value in FUNCTIONS
