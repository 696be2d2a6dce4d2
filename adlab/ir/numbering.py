"""How nodes are numbered for display; the graph itself only knows program order.

"level" is the lectures' numbering: inputs first, then by topological generation; "program" is the order of execution;
"baydin" gives the inputs v₋₁, v₀ and counts operations from v₁, as in the survey of Baydin et al. (JMLR 18, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

from adlab.errors import InputError
from adlab.ir.graph import Graph

NUMBERINGS = ("level", "program", "baydin")


def levels(graph: Graph) -> list[int]:
    """Return the topological generation of each node: 0 for inputs, else one more than its latest operand."""
    generation = [0] * len(graph)
    for i in range(len(graph.inputs), len(graph)):
        generation[i] = 1 + max((generation[j] for j in graph.operands[i] if j >= 0), default=0)
    return generation


def display_order(graph: Graph, numbering: str = "level") -> list[int]:
    """Return the nodes in the order in which they are shown."""
    check_numbering(numbering)
    if numbering != "level":
        return list(range(len(graph)))
    generation = levels(graph)
    return sorted(range(len(graph)), key=generation.__getitem__)


def display_numbers(graph: Graph, order: Sequence[int], numbering: str = "level") -> list[int]:
    """Return the number that each node is shown with."""
    first = 1 - len(graph.inputs) if numbering == "baydin" else 0
    numbers = [0] * len(graph)
    for position, node in enumerate(order):
        numbers[node] = first + position
    return numbers


def check_numbering(numbering: str) -> None:
    """Raise InputError for an unknown numbering."""
    if numbering not in NUMBERINGS:
        raise InputError(f"The numbering {numbering!r} is unknown; it is one of {', '.join(NUMBERINGS)}.")
