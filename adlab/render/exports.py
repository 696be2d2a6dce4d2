"""Graphs for other tools: networkx and SymPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adlab.errors import MethodError
from adlab.ir.graph import Graph

if TYPE_CHECKING:
    import networkx


def to_networkx(graph: Graph) -> networkx.MultiDiGraph[int]:
    """Return a directed graph with a node per node and an edge per use.

    Nodes carry ``primitive``, ``shape``, ``dtype``, ``scope``, ``line`` and ``label`` (an input's name); edges carry
    ``position``, the operand they feed, so that x·x has two. The graph knows ``inputs``, ``outputs`` and ``constants``.
    """
    import networkx as nx

    out: networkx.MultiDiGraph[int] = nx.MultiDiGraph(
        inputs=graph.inputs, outputs=graph.outputs, constants=tuple(c.value for c in graph.constants)
    )
    for node in graph:
        label = graph.inputs[node.index] if node.index < len(graph.inputs) else node.primitive.name
        out.add_node(
            node.index,
            primitive=node.primitive.name,
            shape=node.type.shape,
            dtype=node.type.dtype.name,
            scope=node.scope,
            line=str(node.source),
            label=label,
        )
    for index, operands in enumerate(graph.operands):
        out.add_edges_from((j, index, {"position": k}) for k, j in enumerate(operands) if j >= 0)
    return out


def to_sympy(graph: Graph) -> Any:
    """Return the outputs as SymPy expressions in plain symbols named as the inputs; elements as ``x_0_1``.

    One expression, or a tuple of several; arrays as object arrays of expressions.
    """
    import numpy as np

    from adlab.algebra.exact import SympyAlgebra

    algebra = SympyAlgebra()
    inputs: list[Any] = []
    for name, type in zip(graph.inputs, graph.input_types, strict=True):
        if not type.shape:
            inputs.append(algebra.library.Symbol(name, real=True))
            continue
        array = np.empty(type.shape, dtype=object)
        for place in np.ndindex(*type.shape):
            array[place] = algebra.library.Symbol(f"{name}_{'_'.join(map(str, place))}", real=True)
        inputs.append(array)
    if sum(type.size for type in graph.types) > 1_000_000:
        raise MethodError(
            "This graph has more than a million elements; SymPy expressions of that size are of no use."
        )
    symbols = [s for x in inputs for s in np.asarray(x, dtype=object).ravel()]
    names = {symbol: algebra.library.Symbol(symbol.name) for symbol in symbols}
    outputs = [_renamed(output, names) for output in algebra.outputs(graph, algebra.run(graph, inputs))]
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _renamed(value: Any, names: dict[Any, Any]) -> Any:
    """Return expressions with the real symbols of the evaluation replaced by plain ones, as users write them."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return np.vectorize(lambda e: e.xreplace(names), otypes=[object])(value)
    return value.xreplace(names)
