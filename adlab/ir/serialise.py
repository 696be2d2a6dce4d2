"""Graphs as versioned JSON, exactly: reading back gives the same graph, bit for bit.

Floats are written in Python's shortest form that reads back exactly; infinities and NaN as strings; arrays with their dtype.
Primitives are written by name, so a reader needs the rule table; it is passed in, as layers import downwards only. A
user's own operation is code, which no JSON holds: whoever reads the graph supplies it by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.errors import GraphError
from adlab.ir.check import check
from adlab.ir.constant import NAMED_NUMBERS, Constant, NamedNumber
from adlab.ir.graph import Graph, Guard, Scope, Source
from adlab.ir.index import FrozenArray
from adlab.ir.primitive import Primitive
from adlab.ir.tree import tree_from_json, tree_to_json
from adlab.ir.types import Type

Table = Mapping[str, Primitive | Callable[[int], Primitive]]
"""Rows by name; those that depend on the number of operands as a function of it."""

FORMAT = "adlab-graph"
VERSION = 1


def to_json(graph: Graph) -> str:
    """Return the graph as JSON text.

    Raises
    ------
    GraphError
        If two different operations have one name, which the text could not tell apart.
    """
    return json.dumps(_graph_data(graph), allow_nan=False, ensure_ascii=False)


def from_json(text: str, table: Table) -> Graph:
    """Return the graph that `to_json` wrote, checked; ``table`` holds the rows by name.

    Raises
    ------
    GraphError
        If the text is no such graph, of another version, or names a primitive the table does not have.
    """
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise GraphError(f"This is no JSON text: {error}.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise GraphError(f'This JSON is no graph: its "format" must be "{FORMAT}".')
    if data.get("version") != VERSION:
        raise GraphError(
            f"This graph has format version {data.get('version')}; this adlab reads version {VERSION}."
        )
    try:
        graph = _read_graph(data, table)
    except GraphError:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise GraphError(f"This graph is damaged: {type(error).__name__}: {error}.") from error
    check(graph)
    return graph


def _graph_data(graph: Graph) -> dict[str, Any]:
    names: dict[str, int] = {}
    types: dict[Type, int] = {}
    _check_names(graph)
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": graph.name,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "nodes": [
            [
                names.setdefault(graph.primitives[i].name, len(names)),
                list(graph.operands[i]),
                {name: _write(value) for name, value in graph.params[i]},
                types.setdefault(graph.types[i], len(types)),
                graph.scope_ids[i],
                graph.source_ids[i],
            ]
            for i in range(len(graph))
        ],
        "primitives": list(names),
        "types": [[list(type.shape), type.dtype.name] for type in types],
        "constants": [[_write(c.value), list(c.type.shape), c.type.dtype.name] for c in graph.constants],
        "scopes": [list(scope) for scope in graph.scopes],
        "sources": [list(source) for source in graph.sources],
        "guards": [list(guard) for guard in graph.guards],
        "in_tree": tree_to_json(graph.in_tree),
        "out_tree": tree_to_json(graph.out_tree),
    }


def _check_names(graph: Graph) -> None:
    known: dict[tuple[str, int], Primitive] = {}
    for primitive, operands in zip(graph.primitives, graph.operands, strict=True):
        if known.setdefault((primitive.name, len(operands)), primitive) is not primitive:
            raise GraphError(
                f"Two different operations of this graph are called {primitive.name}; give one of them another name= "
                "where it is declared, so that the text can be read back."
            )


def _read_graph(data: dict[str, Any], table: Table) -> Graph:
    unknown = [name for name in data["primitives"] if name not in table]
    if unknown:
        raise GraphError(
            f"This graph uses {', '.join(unknown)}, which this adlab does not know; supply a user's own operation, as in "
            f"adlab.Graph.from_json(text, primitives=[{', '.join(unknown)}])."
        )
    primitives = [table[name] for name in data["primitives"]]
    types = [Type(tuple(shape), np.dtype(dtype)) for shape, dtype in data["types"]]
    nodes = data["nodes"]
    for row in nodes:
        if not (0 <= row[0] < len(primitives) and 0 <= row[3] < len(types)):
            raise GraphError(f"This graph is damaged: a node refers to primitive {row[0]} and type {row[3]}.")
    return Graph(
        tuple(data["inputs"]),
        tuple(data["outputs"]),
        [_row(primitives[row[0]], len(row[1])) for row in nodes],
        [tuple(row[1]) for row in nodes],
        [tuple(sorted((name, _read(value, table)) for name, value in row[2].items())) for row in nodes],
        [types[row[3]] for row in nodes],
        [row[4] for row in nodes],
        [row[5] for row in nodes],
        constants=tuple(_read_constant(row, table) for row in data["constants"]),
        scopes=tuple(Scope(*row) for row in data["scopes"]),
        sources=tuple(Source(*row) for row in data["sources"]),
        guards=tuple(Guard(*row) for row in data["guards"]),
        in_tree=tree_from_json(data["in_tree"]),
        out_tree=tree_from_json(data["out_tree"]),
        name=data["name"],
    )


def _row(entry: Primitive | Callable[[int], Primitive], operands: int) -> Primitive:
    return entry if isinstance(entry, Primitive) else entry(operands)


def _read_constant(row: list[Any], table: Table) -> Constant:
    value, shape, dtype = row
    type = Type(tuple(shape), np.dtype(dtype))
    value = _read(value, table)
    if isinstance(value, FrozenArray):
        value = np.array(value.array, dtype=type.dtype).reshape(type.shape)
        value.setflags(write=False)
    return Constant(value, type)


def _write(value: Any) -> Any:
    """Return a parameter or literal as JSON data; what JSON lacks becomes {"kind": …}."""
    if isinstance(value, NamedNumber):
        return {"named": value.symbol}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_write(item) for item in value]}
    if isinstance(value, (FrozenArray, np.ndarray)):
        array = value.array if isinstance(value, FrozenArray) else value
        return {
            "array": [_write(item) for item in array.ravel().tolist()],
            "shape": array.shape,
            "dtype": array.dtype.name,
        }
    if isinstance(value, Graph):
        return {"graph": _graph_data(value)}
    raise GraphError(f"A parameter of type {type(value).__name__} has no JSON form.")


def _read(value: Any, table: Table) -> Any:
    if not isinstance(value, dict):
        return value
    if "named" in value:
        return NAMED_NUMBERS[value["named"]]
    if "float" in value:
        return float(value["float"])
    if "tuple" in value:
        return tuple(_read(item, table) for item in value["tuple"])
    if "graph" in value:
        return _read_graph(value["graph"], table)
    items = [_read(item, table) for item in value["array"]]
    return FrozenArray(np.array(items, dtype=value["dtype"]).reshape(value["shape"]))
