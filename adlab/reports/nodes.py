"""How a report speaks of a node: its name in a trace, what it was applied to, the line it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.ir.builder import INPUT
from adlab.ir.graph import Graph, Source
from adlab.ir.numbering import display_numbers, display_order

LISTED = 4
"""Lists of so many numbers are shown in full."""


@dataclass(frozen=True)
class NodeAt:
    """A node with its operands, at one element of its result.

    Attributes
    ----------
    index : int
        Its position in the program.
    name : str
        How it is called in a trace, such as ``v3``; an input by its own name.
    primitive : str
    operands : tuple of str
        What it was applied to: names as in a trace, or literals.
    operand_values : tuple
        Their values, at the element where they are arrays.
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
    element: tuple[int, ...]
    source: Source

    @property
    def is_input(self) -> bool:
        """Whether it is an input, and no operation."""
        return self.primitive == INPUT.name

    @property
    def label(self) -> str:
        """Its name, with the element where there are several."""
        return self.name + place_text(self.element)

    @property
    def words(self) -> str:
        """What it is and what it was given: "v1, the divide at 1 and v0 = 0"."""
        given = " and ".join(
            name if name == shown else f"{name} = {shown}"
            for name, shown in zip(self.operands, map(shown_number, self.operand_values), strict=True)
        )
        line = f" ({self.source})" if self.source.line else ""
        return f"{self.label}, the {self.primitive} at {given}{line}"


def node_at(
    graph: Graph,
    values: Sequence[Any],
    index: int,
    element: Sequence[int],
    numbers: Sequence[int] | None = None,
) -> NodeAt:
    """Return a node with its operands at one element.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node.
    index : int
    element : sequence of int
    numbers : sequence of int, optional
        How the nodes are numbered for display; by level if not given.
    """
    if numbers is None:
        numbers = level_numbers(graph)
    place = tuple(int(k) for k in element)
    operands = graph.operands[index]
    return NodeAt(
        index,
        graph.inputs[index] if index < len(graph.inputs) else node_name(numbers[index]),
        graph.primitives[index].name,
        tuple(_label(graph, j, numbers) for j in operands),
        tuple(_at(operand_value(graph, values, j), place, np.shape(values[index])) for j in operands),
        place,
        graph.sources[graph.source_ids[index]],
    )


def level_numbers(graph: Graph) -> Sequence[int]:
    """Return how a trace numbers the nodes if it is not told otherwise."""
    return display_numbers(graph, display_order(graph))


def operand_value(graph: Graph, values: Sequence[Any], operand: int) -> Any:
    """Return the value of a node or literal."""
    return values[operand] if operand >= 0 else NUMPY.constant(graph.constants[~operand])


def node_name(number: int) -> str:
    """Return a node's name in a trace."""
    return f"v{number}".replace("-", "−")


def place_text(element: Sequence[int]) -> str:
    """Return an element as it is indexed, empty for a scalar."""
    return f"[{', '.join(map(str, element))}]" if element else ""


def shown_number(value: Any) -> str:
    """Return a number in six digits, ∞ and NaN as such; a short list of numbers, and of a larger array the shape.

    Examples
    --------
    >>> shown_number(-2.5), shown_number(float("-inf")), shown_number([1, 2])
    ('−2.5', '−∞', '[1, 2]')
    >>> shown_number(np.ones((2, 3)))
    'an array of shape (2, 3)'
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if np.ndim(value):
        if np.ndim(value) == 1 and np.size(value) <= LISTED:
            return f"[{', '.join(map(shown_number, value))}]"
        return f"an array of shape {np.shape(value)}"
    words = {"inf": "∞", "-inf": "−∞", "nan": "NaN"}
    text = f"{float(value):.6g}"
    return words.get(text, text.replace("-", "−"))


def _label(graph: Graph, operand: int, numbers: Sequence[int]) -> str:
    if operand >= 0:
        return node_name(numbers[operand])
    return shown_number(graph.constants[~operand].value)


def _at(value: Any, element: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Return an operand's value at the element of the result, or the whole where it has another shape."""
    try:
        spread = np.broadcast_to(value, shape)
    except ValueError:
        return value
    found = spread[element]
    return bool(found) if spread.dtype == bool else float(found)
