"""The computational graph: a straight-line program (a Wengert list).

Node ``i`` applies a primitive to earlier nodes, so the list is its own topological order: nothing here sorts and nothing
recurses. An operand is an integer: ``j >= 0`` is node ``j``, ``~k`` (that is, ``-1 - k``) is literal ``k``. Columns are kept
as parallel tuples, which holds a node to about 300 bytes; `Node` is a view of one row for people who read.
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from adlab.ir.constant import Constant
from adlab.ir.primitive import Params, Primitive
from adlab.ir.tree import Tree
from adlab.ir.types import Type


class Source(NamedTuple):
    """The user's line that made a node; line 0 means unknown, a column belongs to an expression string."""

    file: str
    line: int
    column: int = 0

    def text(self) -> str:
        """Return the source line itself, without indentation; empty if it is not to be had."""
        return linecache.getline(self.file, self.line).strip() if self.line else ""

    def __str__(self) -> str:
        if not self.line:
            return f"column {self.column}" if self.column else "an unknown place"
        return f"{self.file}:{self.line}"


UNKNOWN = Source("", 0)

COLUMNS = ("primitives", "operands", "params", "types", "scope_ids", "source_ids")
"""What a graph has one entry of per node."""


class Scope(NamedTuple):
    """A named region of a graph; ``parent`` is the index of the enclosing scope, −1 at the top."""

    name: str
    parent: int


class Guard(NamedTuple):
    """A comparison that Python control flow followed while the graph was traced."""

    operand: int
    outcome: bool
    source: int


@dataclass(frozen=True)
class Node:
    """One row of a graph, for reading.

    Attributes
    ----------
    index : position in the program
    primitive : what it applies
    operands : indices of earlier nodes, or ``~k`` for literal ``k``
    params : static parameters
    type : shape and dtype
    scope : names of the enclosing scopes, outermost first
    source : the user's line
    """

    index: int
    primitive: Primitive
    operands: tuple[int, ...]
    params: Mapping[str, Any]
    type: Type
    scope: tuple[str, ...]
    source: Source

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.type.shape


@dataclass(frozen=True, eq=False)
class Graph:
    """An immutable straight-line program from inputs to outputs.

    Made by `adlab.graph`; built by `adlab.ir.builder.Builder`. The columns ``primitives``, ``operands``, ``params``, ``types``,
    ``scope_ids`` and ``source_ids`` have one entry per node; the inputs are the first ``len(inputs)`` nodes.

    Attributes
    ----------
    inputs : tuple of str
        Names of the inputs, which are nodes 0, 1, ….
    outputs : tuple of int
        Operands that the program returns: node indices, or ``~k`` for a literal.
    constants : tuple of Constant
        The literals.
    guards : tuple of Guard
        Comparisons whose outcome was followed while tracing.
    in_tree, out_tree
        How arguments and results nest (see `adlab.ir.tree`); None where flat.
    name : str
        How the result is called when printed.
    """

    inputs: tuple[str, ...]
    outputs: tuple[int, ...]
    primitives: Sequence[Primitive]
    operands: Sequence[tuple[int, ...]]
    params: Sequence[Params]
    types: Sequence[Type]
    scope_ids: Sequence[int]
    source_ids: Sequence[int]
    constants: tuple[Constant, ...]
    scopes: tuple[Scope, ...] = ()
    sources: tuple[Source, ...] = (UNKNOWN,)
    guards: tuple[Guard, ...] = ()
    in_tree: Tree = None
    out_tree: Tree = None
    name: str = "y"

    def __post_init__(self) -> None:
        """Keep the columns as tuples, whatever they were given as: nothing of a graph can be assigned to."""
        for column in COLUMNS:
            object.__setattr__(self, column, tuple(getattr(self, column)))

    def __len__(self) -> int:
        return len(self.primitives)

    def __iter__(self) -> Iterator[Node]:
        return (self.node(i) for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} nodes: ({', '.join(self.inputs)}) → {', '.join(self.output_names)}>"

    @property
    def nodes(self) -> Sequence[Node]:
        """All nodes in program order."""
        return tuple(self)

    @property
    def output_names(self) -> tuple[str, ...]:
        """``y`` for one output, ``y0, y1, …`` for several."""
        if len(self.outputs) == 1:
            return (self.name,)
        return tuple(f"{self.name}{k}" for k in range(len(self.outputs)))

    @property
    def input_types(self) -> tuple[Type, ...]:
        """Types of the inputs, in order."""
        return tuple(self.types[: len(self.inputs)])

    @property
    def output_types(self) -> tuple[Type, ...]:
        """Types of the outputs, in order."""
        return tuple(self.type_of(operand) for operand in self.outputs)

    def node(self, index: int) -> Node:
        """Return one row for reading."""
        return Node(
            index,
            self.primitives[index],
            self.operands[index],
            dict(self.params[index]),
            self.types[index],
            self.scope_path(self.scope_ids[index]),
            self.sources[self.source_ids[index]],
        )

    def type_of(self, operand: int) -> Type:
        """Return the type of a node or literal."""
        return self.types[operand] if operand >= 0 else self.constants[~operand].type

    def scope_path(self, scope: int) -> tuple[str, ...]:
        """Return the names of a scope and its parents, outermost first."""
        names: list[str] = []
        while scope >= 0:
            names.append(self.scopes[scope].name)
            scope = self.scopes[scope].parent
        return tuple(reversed(names))

    def operation_counts(self) -> Counter[str]:
        """Return how often each primitive occurs, inputs left out."""
        counts = Counter(primitive.name for primitive in self.primitives)
        counts.pop("input", None)
        return counts

    def users(self) -> list[list[int]]:
        """Return, for each node, the nodes that use it, once per use, in program order."""
        uses: list[list[int]] = [[] for _ in range(len(self))]
        for index, operands in enumerate(self.operands):
            for operand in operands:
                if operand >= 0:
                    uses[operand].append(index)
        return uses
