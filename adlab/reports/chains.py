"""Chains of Jacobians: what multiplying them takes from either end, and in the best order there is.

Which mode is cheaper is the order in which a chain of local Jacobians is multiplied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.transforms.scopes import collapse
from adlab.transforms.sweeps import active_nodes

BEST_LIMIT = 200
"""The best order of longer chains is not sought: that takes time cubic in the length."""


@dataclass(frozen=True)
class Chain:
    """A product of Jacobians J = Jₖ ··· J₂·J₁ and what multiplying it takes.

    Attributes
    ----------
    names : tuple of str
        What the factors belong to, in the order of the product: the last step of the program first.
    shapes : tuple of (rows, columns)
        Their shapes, in the same order.
    right_to_left, left_to_right : int
        Scalar multiplications in the order of forward mode, and in that of reverse mode.
    best : int or None
        In the best order; None for chains too long to look for it.
    order : str
        The best order, as parentheses.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    right_to_left: int
    left_to_right: int
    best: int | None
    order: str

    @property
    def sentence(self) -> str:
        """Which order is cheaper, in words."""
        forward, reverse = self.right_to_left, self.left_to_right
        if forward == reverse:
            said = f"Both orders take {forward:,} multiplications"
        else:
            first, second = ("reverse", "forward") if reverse < forward else ("forward", "reverse")
            low, high = sorted((forward, reverse))
            said = f"The order of {first} mode takes {low:,} multiplications, that of {second} mode {high:,}"
        if self.best is None or self.best == min(forward, reverse):
            return f"{said}."
        return f"{said}; the best order, {self.order}, takes {self.best:,}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "names": list(self.names),
            "shapes": [list(shape) for shape in self.shapes],
            "right_to_left": self.right_to_left,
            "left_to_right": self.left_to_right,
            "best": self.best,
            "order": self.order,
            "sentence": self.sentence,
        }


def chain_ledger(shapes: Sequence[Sequence[int]], names: Sequence[str] | None = None) -> Chain:
    """Return what multiplying a chain of Jacobians takes, from either end and in the best order.

    Parameters
    ----------
    shapes : sequence of (rows, columns)
        The factors as they stand in the product J = Jₖ ··· J₁: the last function of the composition first.
    names : sequence of str, optional
        What they belong to; by default Jₖ, …, J1.

    Returns
    -------
    Chain

    Raises
    ------
    InputError
        If neighbouring shapes do not multiply.

    Examples
    --------
    >>> chain = chain_ledger([(1, 10), (10, 100), (100, 1000)])
    >>> chain.left_to_right, chain.right_to_left, chain.best
    (101000, 1010000, 101000)
    """
    sizes = _checked_shapes(shapes)
    if names is not None and (isinstance(names, str) or not isinstance(names, Sequence)):
        raise InputError(f"names is a list of one name per Jacobian, not {names!r}.")
    labels = tuple(names) if names is not None else tuple(f"J{k}" for k in range(len(sizes), 0, -1))
    if len(labels) != len(sizes):
        raise InputError(f"{len(labels)} names were given for {len(sizes)} Jacobians; give one each.")
    left = sum(sizes[0][0] * rows * columns for rows, columns in sizes[1:])
    right = sum(rows * columns * sizes[-1][1] for rows, columns in sizes[:-1])
    best, order = _best_order(sizes, labels) if len(sizes) <= BEST_LIMIT else (None, "")
    return Chain(labels, sizes, right, left, best, order)


def _checked_shapes(shapes: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    if not isinstance(shapes, (list, tuple)) or not all(isinstance(shape, (list, tuple)) for shape in shapes):
        raise InputError(
            "A chain is given as the shapes of its Jacobians, a list of pairs (rows, columns) such as [(1, 10), (10, 100)], not "
            f"as a {type(shapes).__name__}; ad.cost(f, *args) finds the chain of a function."
        )
    if not shapes:
        raise InputError("A chain needs at least one Jacobian; give shapes such as [(1, 10), (10, 100)].")
    if any(
        len(shape) != 2 or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape)
        for shape in shapes
    ):
        raise InputError(
            f"Shapes of Jacobians are pairs of whole numbers (rows, columns), not {list(shapes)!r}."
        )
    sizes = tuple((int(shape[0]), int(shape[1])) for shape in shapes)
    for k, (left, right) in enumerate(pairwise(sizes)):
        if left[1] != right[0]:
            raise InputError(
                f"Jacobian {k} of shape {left} does not multiply Jacobian {k + 1} of shape {right}: the columns of one must "
                "be the rows of the next."
            )
    return sizes


def _best_order(sizes: Sequence[tuple[int, int]], names: Sequence[str]) -> tuple[int, str]:
    """Return the fewest multiplications and their order, by dynamic programming over ever longer parts of the chain."""
    count = len(sizes)
    ends = [sizes[0][0], *(columns for _, columns in sizes)]
    least = [[0] * count for _ in range(count)]
    cut = [[0] * count for _ in range(count)]
    for length in range(2, count + 1):
        for i in range(count - length + 1):
            j = i + length - 1
            least[i][j], cut[i][j] = min(
                (least[i][k] + least[k + 1][j] + ends[i] * ends[k + 1] * ends[j + 1], k) for k in range(i, j)
            )
    return least[0][count - 1], _parenthesised(cut, names)


def _parenthesised(cut: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    parts: list[str] = []
    stack: list[tuple[int, int] | str] = [(0, len(names) - 1)]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        i, j = item
        if i == j:
            parts.append(names[i])
            continue
        k = cut[i][j]
        wrap = (i, j) != (0, len(names) - 1)
        pieces: list[tuple[int, int] | str] = ["(" * wrap, (i, k), "·", (k + 1, j), ")" * wrap]
        stack.extend(reversed(pieces))
    return "".join(parts)


def chain_of_graph(graph: Graph, wrt: Sequence[int] | None = None, depth: int = 1) -> Chain:
    """Return the chain of Jacobians of a program's steps.

    A step is a node of the graph collapsed at ``depth``: an operation, or a whole scope. What passes from one step to the
    next is every number that is still to be used and depends on the inputs, so that any program is a chain: what
    a step does not touch passes through it as an identity.

    Parameters
    ----------
    graph : Graph
    wrt : sequence of int, optional
        Positions of the inputs to differentiate by; by default all that hold real numbers. The others are constants.
    depth : int

    Examples
    --------
    >>> from adlab.frontends.dispatch import to_graph
    >>> chain = chain_of_graph(to_graph("sin(exp(x))", ()).graph)
    >>> chain.names, chain.shapes
    (('sin', 'exp'), ((1, 1), (1, 1)))
    """
    program = collapse(graph, depth) if graph.scopes else graph
    positions = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL] if wrt is None else wrt
    active = active_nodes(program, positions)
    steps = _steps(program, active)
    widths = _widths(program, active, [step[-1] for _, step in steps])
    if not steps:
        size = sum(graph.types[k].size for k in positions)
        outputs = sum(type.size for type in graph.output_types)
        return chain_ledger([(outputs, size)], ["identity"])
    shapes = [(after, before) for before, after in pairwise(widths)]
    return chain_ledger(shapes[::-1], [name for name, _ in steps][::-1])


def _steps(program: Graph, active: Sequence[bool]) -> list[tuple[str, list[int]]]:
    """Return the active nodes in order, calls of one scope that follow each other as one step."""
    steps: list[tuple[str, list[int]]] = []
    for i in range(len(program.inputs), len(program)):
        if not active[i]:
            continue
        primitive = program.primitives[i]
        name = dict(program.params[i])["name"] if primitive.composite else primitive.name
        before = program.primitives[steps[-1][1][-1]] if steps else None
        if before is not None and primitive.composite and before.composite and steps[-1][0] == name:
            steps[-1][1].append(i)
        else:
            steps.append((name, [i]))
    return steps


def _widths(program: Graph, active: Sequence[bool], ends: Sequence[int]) -> list[int]:
    """Return how many active numbers are alive before the first step and after each."""
    last = [-1] * len(program)
    for i, operands in enumerate(program.operands):
        for j in operands:
            if j >= 0 and active[i]:
                last[j] = i
    for j in program.outputs:
        if j >= 0:
            last[j] = len(program)
    changes: Counter[int] = Counter()
    start = 0
    for j in range(len(program)):
        if not active[j]:
            continue
        size = program.types[j].size
        if j < len(program.inputs):
            start += size
            changes[max(last[j], 0)] -= size
        elif last[j] > j:
            changes[j] += size
            changes[last[j]] -= size
    widths, alive, stop = [start], start, 0
    for end in ends:
        alive += sum(changes[i] for i in range(stop, end + 1))
        stop = end + 1
        widths.append(alive)
    return widths
