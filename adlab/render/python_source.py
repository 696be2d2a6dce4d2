"""A graph as readable, standalone NumPy source: one assignment per node, no adlab in it.

Functions that NumPy lacks (sigmoid, …) are printed in front, as they stand in the rule table.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from adlab.errors import RenderError
from adlab.ir.graph import Graph
from adlab.ir.index import numpy_index
from adlab.ir.primitive import Primitive
from adlab.primitives import elimination
from adlab.transforms.scopes import expand

INFIX = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "np.divide({0}, {1})",
    "negative": "-{0}",
    "matmul": "{0} @ {1}",
    "stop_gradient": "{0}",
}
"""What Python has its own signs for; division is NumPy's, because Python's own raises at zero."""


def _index_source(index: tuple[Any, ...]) -> str:
    parts = []
    for entry in numpy_index(index):
        if isinstance(entry, slice):
            numbers = ["" if part is None else str(part) for part in (entry.start, entry.stop)]
            parts.append(":".join(numbers) + (f":{entry.step}" if entry.step != 1 else ""))
        else:
            parts.append(repr(entry.tolist()) if isinstance(entry, np.ndarray) else repr(entry))
    return ", ".join(parts)


def _order_source(keys: str, axis: int, inverse: bool) -> str:
    order = f"np.argsort({keys}, axis={axis}, kind='stable')"
    return f"np.argsort({order}, axis={axis})" if inverse else order


STRUCTURAL: Mapping[str, Callable[[list[str], dict[str, Any]], str]] = {
    "sum": lambda xs, p: f"np.sum({xs[0]}, axis={p['axis']}, keepdims={p['keepdims']})",
    "mean": lambda xs, p: f"np.mean({xs[0]}, axis={p['axis']}, keepdims={p['keepdims']})",
    "max": lambda xs, p: f"np.max({xs[0]}, axis={p['axis']}, keepdims={p['keepdims']})",
    "min": lambda xs, p: f"np.min({xs[0]}, axis={p['axis']}, keepdims={p['keepdims']})",
    "prod": lambda xs, p: f"np.prod({xs[0]}, axis={p['axis']}, keepdims={p['keepdims']})",
    "cumsum": lambda xs, p: f"np.cumsum({xs[0]}, axis={p['axis']})",
    "reshape": lambda xs, p: f"np.reshape({xs[0]}, {p['shape']})",
    "transpose": lambda xs, p: f"np.transpose({xs[0]}, {p['axes']})",
    "broadcast_to": lambda xs, p: f"np.broadcast_to({xs[0]}, {p['shape']})",
    "index": lambda xs, p: f"np.asarray({xs[0]})[{_index_source(p['index'])}]",
    "index_add": lambda xs, p: f"_index_add({xs[0]}, np.s_[{_index_source(p['index'])}], {p['shape']})",
    "concatenate": lambda xs, p: f"np.concatenate([{', '.join(xs)}], axis={p['axis']})",
    "stack": lambda xs, p: f"np.stack([{', '.join(xs)}], axis={p['axis']})",
    "outer": lambda xs, p: f"np.outer({', '.join(xs)})",
    "norm": lambda xs, p: f"np.sqrt(np.sum(np.square({xs[0]}), axis={p['axis']}, keepdims={p['keepdims']}))",
    "sort": lambda xs, p: f"np.sort({xs[0]}, axis={p['axis']}, kind='stable')",
    "arrange": lambda xs, p: f"np.take_along_axis({xs[0]}, {_order_source(xs[1], **p)}, {p['axis']})",
    "solve": lambda xs, p: f"np.linalg.solve({', '.join(xs)})",
    "det": lambda xs, p: f"np.linalg.det({xs[0]})",
    "slogdet": lambda xs, p: f"np.stack(np.linalg.slogdet({xs[0]}), axis=-1)",
    "cholesky": lambda xs, p: f"np.linalg.cholesky({xs[0]})",
    "pinv": lambda xs, p: f"np.linalg.pinv({xs[0]})",
    "cofactors": lambda xs, p: f"cofactors_lapack({xs[0]})",
    "eigh": lambda xs, p: f"eigh_lapack({xs[0]})",
    "svd": lambda xs, p: f"svd_lapack({xs[0]})",
    "cast": lambda xs, p: f"np.asarray({xs[0]}).astype(np.{p['dtype']})",
}

INDEX_ADD = '''def _index_add(x, index, shape):
    """Return zeros of a shape with x added at an index."""
    total = np.zeros(shape, np.asarray(x).dtype)
    np.add.at(total, index, x)
    return total
'''


FACTORISATIONS: Mapping[str, tuple[Callable[..., Any], ...]] = {
    "eigh": (elimination.signs_of, elimination.eigh_lapack),
    "svd": (elimination.signs_of, elimination.svd_lapack),
    "cofactors": (elimination.cofactors_lapack,),
}
"""What the rows with several results in one array are computed by."""


def _source_of(function: Callable[..., Any]) -> str:
    return re.sub(r": Any|-> Any", "", inspect.getsource(function)).replace(" :\n", ":\n")


def to_python(graph: Graph) -> str:
    """Return standalone source of a function that computes the graph's outputs from its inputs."""
    graph = expand(graph)
    writer = _Writer(graph)
    body = writer.body()
    return "\n".join([*writer.imports(), "", "", *writer.helpers(), *body]) + "\n"


class _Writer:
    """Collects the assignments and what they need."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.needed: dict[str, str] = {}
        self.imported: dict[str, str] = {}
        self.names = _argument_names(graph.inputs)

    def body(self) -> list[str]:
        """Return the lines of the function."""
        graph = self.graph
        names = [*self.names, *(f"v{i}" for i in range(len(graph.inputs), len(graph)))]
        lines = [f"def {_identifier(graph.name)}({', '.join(self.names)}):"]
        lines.append(f'    """Return {", ".join(graph.output_names)}."""')
        for i in range(len(graph.inputs), len(graph)):
            xs = [names[j] if j >= 0 else self.literal(graph.constants[~j].value) for j in graph.operands[i]]
            lines.append(
                f"    {names[i]} = {self.expression(graph.primitives[i], xs, dict(graph.params[i]))}"
            )
        results = [names[j] if j >= 0 else self.literal(graph.constants[~j].value) for j in graph.outputs]
        lines.append(f"    return {', '.join(results)}")
        return lines

    def expression(self, primitive: Primitive, xs: list[str], params: dict[str, Any]) -> str:
        """Return one operation as Python source."""
        if primitive.composite:
            raise RenderError(
                f"{params['name']} is a loop held as one node, which to_python cannot write yet; "
                "write it with Python's own for, or export the graph with to_json."
            )
        if primitive.name in INFIX:
            return INFIX[primitive.name].format(*(f"({x})" if x.startswith("-") else x for x in xs))
        if primitive.name in STRUCTURAL:
            if primitive.name == "index_add":
                self.needed["_index_add"] = INDEX_ADD
            for function in FACTORISATIONS.get(primitive.name, ()):
                self.needed[function.__name__] = _source_of(function)
            return STRUCTURAL[primitive.name](xs, params)
        return f"{self.function(primitive)}({', '.join(xs)})"

    def function(self, primitive: Primitive) -> str:
        """Return the name of the function that computes an elementwise row."""
        function = primitive.numpy
        if isinstance(function, str):
            module, _, name = function.partition(":")
            self.imported[name] = f"from {module} import {name}"
            return name
        if isinstance(function, partial):
            raise RenderError(
                f"{primitive.name} is a user's primitive, whose source to_python cannot take along; write the "
                "function with NumPy's operations, or export a graph without it."
            )
        module = getattr(function, "__module__", None) or "numpy"
        if isinstance(function, np.ufunc) or module.startswith("numpy"):
            return f"np.{function.__name__}"
        self.needed[function.__name__] = _source_of(function)
        return function.__name__

    def literal(self, value: Any) -> str:
        """Return a literal as source that reads back exactly."""
        if isinstance(value, np.ndarray):
            return f"np.array({value.tolist()!r}, dtype=np.{value.dtype.name})".replace(
                "inf", "np.inf"
            ).replace("nan", "np.nan")
        text = repr(float(value)) if isinstance(value, float) else repr(value)
        return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)

    def imports(self) -> list[str]:
        """Return the import lines."""
        return ["import numpy as np", *sorted(self.imported.values())]

    def helpers(self) -> list[str]:
        """Return the functions that NumPy lacks."""
        return [line for source in self.needed.values() for line in (source.rstrip(), "", "")]


def _identifier(name: str) -> str:
    clean = re.sub(r"\W+", "_", name).strip("_") or "x"
    return f"{clean}_" if keyword.iskeyword(clean) or clean in ("np",) else clean


def _argument_names(inputs: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for name in inputs:
        clean = _identifier(name)
        while clean in names or re.fullmatch(r"v\d+", clean):
            clean += "_"
        names.append(clean)
    return names
