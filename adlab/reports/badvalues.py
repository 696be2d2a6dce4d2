"""Where a computation went bad: the first node whose value is infinite or not a number, although its operands
were fine.

Values follow IEEE arithmetic and are never replaced; this report says where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.ir.builder import INPUT
from adlab.ir.graph import Graph, Source
from adlab.ir.numbering import display_numbers, display_order


@dataclass(frozen=True)
class KinkNode:
    """A node whose operands sit exactly on a kink of its primitive.

    Attributes
    ----------
    index : int
    primitive : str
    where, convention : str
        The kink and what the rule returns there, as the rule table words them.
    source : Source
    """

    index: int
    primitive: str
    where: str
    convention: str
    source: Source

    @property
    def sentence(self) -> str:
        """Say which node it is and which convention applies."""
        line = f" ({self.source})" if self.source.line else ""
        return (
            f"Node {self.index}, {self.primitive}{line}, sits on its kink {self.where}, "
            f"where its rule follows a convention: {self.convention}."
        )


def nodes_on_kinks(graph: Graph, values: Sequence[Any]) -> list[KinkNode]:
    """Return the nodes that sit exactly on a kink, as far as the rule table can tell.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node, as evaluating the graph with NumPy gives them.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: np.abs(x - 1), (1.0,)).graph
    >>> [(node.primitive, node.where) for node in nodes_on_kinks(graph, NUMPY.run(graph, [np.float64(1.0)]))]
    [('absolute', 'x = 0')]
    """
    found = []
    for index in range(len(graph.inputs), len(graph)):
        primitive = graph.primitives[index]
        for kink in primitive.kinks:
            if kink.switch is None:
                continue
            xs = [values[j] if j >= 0 else NUMPY.constant(graph.constants[~j]) for j in graph.operands[index]]
            with np.errstate(all="ignore"):
                distance = kink.switch(NUMPY, *xs)
            if np.any(np.asarray(distance) == 0):
                source = graph.sources[graph.source_ids[index]]
                found.append(KinkNode(index, primitive.name, kink.where, kink.convention, source))
    return found


@dataclass(frozen=True)
class BadNode:
    """The first node with a value that is infinite or NaN.

    Attributes
    ----------
    index : int
        Its position in the program.
    primitive : str
    name : str
        How it is called in a trace, such as ``v3``.
    operands : tuple of str
        What it was applied to: names as in a trace, or literals.
    operand_values : tuple
        Their values, at the first bad element where they are arrays.
    value : float
        The bad value.
    element : tuple of int
        Which element it is; empty for a scalar.
    source : Source
        The user's line.
    """

    index: int
    name: str
    primitive: str
    operands: tuple[str, ...]
    operand_values: tuple[Any, ...]
    value: float
    element: tuple[int, ...]
    source: Source

    @property
    def sentence(self) -> str:
        """Say which node it is and what it was given."""
        where = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        value = _shown(self.value)
        if self.primitive == INPUT.name:
            return f"The input {self.name}{where} is {value}."
        given = " and ".join(
            name if name == shown else f"{name} = {shown}"
            for name, shown in zip(self.operands, map(_shown, self.operand_values), strict=True)
        )
        line = f" ({self.source})" if self.source.line else ""
        return f"{self.name}{where}, the {self.primitive} at {given}{line}, is {value}: the first value that is not finite."


def first_bad_node(
    graph: Graph, values: Sequence[Any], numbers: Sequence[int] | None = None
) -> BadNode | None:
    """Return the first node whose value is infinite or NaN, None if all are finite.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node, as evaluating the graph with NumPy gives them.
    numbers : sequence of int, optional
        How the nodes are numbered for display; by level if not given.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: np.log(x) + 1, (1.0,)).graph
    >>> bad = first_bad_node(graph, NUMPY.run(graph, [np.float64(-1.0)]))
    >>> bad.name, bad.primitive, bad.operands
    ('v1', 'log', ('v0',))
    """
    for index, value in enumerate(values):
        finite = np.isfinite(value)
        if not np.all(finite):
            if numbers is None:
                numbers = display_numbers(graph, display_order(graph))
            return _describe(graph, values, index, np.argwhere(~np.asarray(finite))[0], numbers)
    return None


def _describe(graph: Graph, values: Sequence[Any], index: int, place: Any, numbers: Sequence[int]) -> BadNode:
    element = tuple(int(k) for k in place)
    operands = graph.operands[index]
    is_input = index < len(graph.inputs)
    return BadNode(
        index,
        graph.inputs[index] if is_input else _node_name(numbers[index]),
        graph.primitives[index].name,
        tuple(_label(graph, j, numbers) for j in operands),
        tuple(_at(graph, values, j, element, np.shape(values[index])) for j in operands),
        float(np.asarray(values[index])[element]),
        element,
        graph.sources[graph.source_ids[index]],
    )


def _label(graph: Graph, operand: int, numbers: Sequence[int]) -> str:
    if operand < 0:
        value = graph.constants[~operand].value
        return _shown(value) if np.ndim(value) == 0 else f"an array of shape {np.shape(value)}"
    return _node_name(numbers[operand])


def _node_name(number: int) -> str:
    return f"v{number}".replace("-", "−")


def _at(
    graph: Graph, values: Sequence[Any], operand: int, element: tuple[int, ...], shape: tuple[int, ...]
) -> Any:
    """Return an operand's value at the element of the result, or the whole where it has another shape."""
    value = values[operand] if operand >= 0 else NUMPY.constant(graph.constants[~operand])
    try:
        return float(np.broadcast_to(value, shape)[element])
    except ValueError:
        return value


def _shown(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if np.ndim(value):
        return f"an array of shape {np.shape(value)}"
    words = {"inf": "∞", "-inf": "−∞", "nan": "NaN"}
    text = f"{float(value):.6g}"
    return words.get(text, text.replace("-", "−"))
