"""What the functions of a written module share: imports, copies of adlab's own functions, array literals, names.

An operation is written as it stands in the rule table. NumPy's functions go by their names. A function of adlab's is
copied without its annotations, and so is all that it calls; one that another function made is written as the call that
makes it. What cannot be taken along, a user's own function, is refused.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from adlab.errors import RenderError
from adlab.ir.builder import INPUT
from adlab.ir.primitive import Primitive
from adlab.primitives.tensor import added_at
from adlab.render.source_words import array_source, index_entries
from adlab.transforms.loops import SCAN

INFIX: Mapping[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "matmul": "{0} @ {1}",
    "stop_gradient": "{0}",
}
"""What Python has its own signs for; division is NumPy's, because Python's own raises at zero."""

CALLS: Mapping[str, str] = {
    "divide": "np.divide({0}, {1})",
    "reshape": "np.reshape({0}, {shape})",
    "transpose": "np.transpose({0}, {axes})",
    "broadcast_to": "np.broadcast_to({0}, {shape})",
    "index": "np.asarray({0})[{index}]",
    "index_add": "added_at({0}, np.s_[{entries}], {shape})",
    "concatenate": "np.concatenate([{all}], axis={axis})",
    "stack": "np.stack([{all}], axis={axis})",
    "cast": "np.asarray({0}).astype(np.{dtype})[()]",
}
"""Rows whose function adapts NumPy's, written with NumPy's; all others are written as they stand in the table."""

REDUCTIONS = frozenset({"sum", "mean", "max", "min", "prod", "cumsum"})
"""Rows that are NumPy's functions of the same names."""

LOCAL = frozenset({"np", "range", "ValueError", "carry", "found", "rows", "t"})
"""Names that the written functions use themselves."""


class Module:
    """What the functions of a module share: imports, copied functions, array literals, names that are taken."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.copied: dict[str, str] = {}
        self.arrays: dict[str, str] = {}
        self.taken: set[str] = set(LOCAL)
        self._functions: dict[Primitive, str] = {}

    def text(self, functions: Sequence[Sequence[str]]) -> str:
        """Return the module."""
        blocks = [["import numpy as np", *sorted(self.imports)]]
        if self.arrays:
            blocks.append([f"{name} = {source}" for source, name in self.arrays.items()])
        blocks += [source.splitlines() for source in self.copied.values()]
        return "\n\n\n".join("\n".join(block) for block in [*blocks, *functions]) + "\n"

    def reserve(self, name: str) -> str:
        """Return a name of the module's own, as near to the wanted one as can be."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def array(self, value: np.ndarray[Any, Any]) -> str:
        """Return the name under which an array literal stands in front."""
        source = array_source(value)
        if source not in self.arrays:
            self.arrays[source] = f"literal_{len(self.arrays)}"
        return self.arrays[source]

    def take_along(self, primitive: Primitive) -> None:
        """Provide what an operation is computed by."""
        if primitive.name == "index_add":
            self._reference(added_at)
        if primitive is INPUT or primitive is SCAN or primitive.name in {*INFIX, *CALLS, *REDUCTIONS}:
            return
        function = primitive.numpy
        if isinstance(function, str):
            package, _, name = function.partition(":")
            self.imports.add(f"from {package} import {name}")
            self.taken.add(name)
            self._functions[primitive] = name
            return
        source = None if isinstance(function, partial) else self._reference(function)
        if source is None:
            raise RenderError(
                f"{primitive.name} is a user's primitive, whose source to_python cannot take along; write the "
                "function with NumPy's operations, or export a graph without it."
            )
        self._functions[primitive] = source

    def call(self, primitive: Primitive, operands: Sequence[str], params: Mapping[str, Any]) -> str:
        """Return one operation as an expression."""
        given = dict(params)
        if "index" in given:
            parts = index_entries(given["index"])
            given["index"] = ", ".join(parts) or "()"
            given["entries"] = given["index"] + "," * (len(parts) == 1)
        if primitive.name in INFIX:
            return INFIX[primitive.name].format(*(f"({x})" if x.startswith("-") else x for x in operands))
        if primitive.name in CALLS:
            return CALLS[primitive.name].format(*operands, all=", ".join(operands), **given)
        if primitive.name in REDUCTIONS:
            name, given = (
                f"np.{primitive.name}",
                {k: v for k, v in given.items() if v is not None and v is not False},
            )
        else:
            name = self._functions[primitive]
        settings = [f"{key}={value!r}" for key, value in given.items()]
        return f"{name}({', '.join([*operands, *settings])})"

    def _reference(self, function: Any) -> str | None:
        """Return how the module names a function, which it copies if it is adlab's; None if it cannot."""
        for prefix, package in (("np", np), ("np.linalg", np.linalg)):
            name = getattr(function, "__name__", "")
            if getattr(package, name, None) is function:
                return f"{prefix}.{name}"
        if not isinstance(function, FunctionType) or not function.__module__.startswith("adlab."):
            return None
        return self._copy(function) if function.__closure__ is None else self._remake(function)

    def _copy(self, function: FunctionType) -> str | None:
        """Copy a function with what it calls; None for one without a name or with a name that is not its own."""
        name = function.__name__
        if name in self.copied:
            return name
        if getattr(sys.modules[function.__module__], name, None) is not function:
            return None
        source, needed = stripped(function)
        for other in needed:
            if self._reference(other) is None:
                return None
        self.taken.add(name)
        self.copied[name] = source
        return name

    def _remake(self, function: FunctionType) -> str | None:
        """Write a function that another one made as a call of its maker."""
        module = sys.modules[function.__module__]
        name = next((name for name, value in vars(module).items() if value is function), None)
        maker = getattr(module, function.__qualname__.split(".")[0], None)
        if name is None or not isinstance(maker, FunctionType):
            return None
        held = inspect.getclosurevars(function).nonlocals
        made_by = self._reference(maker)
        sources = [self._reference(held.get(parameter)) for parameter in inspect.signature(maker).parameters]
        if made_by is None or None in sources:
            return None
        if name not in self.copied:
            self.taken.add(name)
            self.copied[name] = f"{name} = {made_by}({', '.join(map(str, sources))})"
        return name


def stripped(function: FunctionType) -> tuple[str, list[FunctionType]]:
    """Return a function's source without annotations, and adlab's functions that it calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            node.decorator_list = []
        elif isinstance(node, ast.arg):
            node.annotation = None
            own.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    read = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id not in own]
    called = [function.__globals__.get(name) for name in dict.fromkeys(read)]
    return ast.unparse(tree), [f for f in called if isinstance(f, FunctionType) and f is not function]
