"""The Builder writes graphs: it gives equal computations one node, infers types, and knows the user's line.

Hash-consing means that ``np.sin(x)`` written twice is one node: common subexpressions never reach the graph.
The line is found by walking out of adlab's own frames; it is stored as (code object, instruction) and decoded
once at the end, because decoding it for each node costs as much as everything else together.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any, TypeVar

import numpy as np

from adlab.errors import InputError, ShapeError
from adlab.ir.constant import Constant, constant_key
from adlab.ir.graph import UNKNOWN, Graph, Guard, Scope, Source
from adlab.ir.primitive import Params, Primitive
from adlab.ir.tree import Tree
from adlab.ir.types import BOOL, FLOAT64, Type

T = TypeVar("T")

current_scope: ContextVar[tuple[str, ...]] = ContextVar("current_scope", default=())
"""Names of the scopes that are open here; set by `adlab.scope`, restored when it closes."""

_NUMPY = os.path.dirname(np.__file__)  # pathlib would add 3 ms to every import
_INTERNAL = tuple(
    os.path.join(folder, "")
    for folder in (__file__.rsplit(os.sep, 2)[0], _NUMPY, f"{_NUMPY.rsplit(os.sep, 1)[0]}{os.sep}scipy")
)


def input_type() -> Type:
    """Refuse: inputs get their type from the builder, not from operands."""
    raise ShapeError("an input has no operands to infer its type from.")


INPUT = Primitive("input", input_type, None, numpy="", arity=0, summary="an input of the graph")


def user_frame(depth: int = 1) -> FrameType | None:
    """Return the innermost frame that is neither adlab's nor NumPy's nor SciPy's."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and frame.f_code.co_filename.startswith(_INTERNAL):
        frame = frame.f_back
    return frame


def user_source() -> Source:
    """Return the user's current line."""
    frame = user_frame(2)
    return Source(frame.f_code.co_filename, frame.f_lineno) if frame else UNKNOWN


def _decode(code: CodeType | Source, instruction: int) -> Source:
    if isinstance(code, Source):
        return code
    position = next(itertools.islice(code.co_positions(), instruction // 2, None), (None,))
    return Source(code.co_filename, position[0] or code.co_firstlineno)


class Builder:
    """A graph in the making.

    Nodes are appended by `input` and `apply`; `finish` returns the immutable `Graph`, dead nodes left out.
    """

    def __init__(self) -> None:
        self.primitives: list[Primitive] = []
        self.operands: list[tuple[int, ...]] = []
        self.params: list[Params] = []
        self.types: list[Type] = []
        self.scope_ids: list[int] = []
        self.source_ids: list[int] = []
        self.constants: list[Constant] = []
        self.guards: list[Guard] = []
        self.input_names: list[str] = []
        self.input_nodes: list[int] = []
        self.source: Source | None = None
        self._known: dict[Any, int] = {}
        self._literals: dict[Any, int] = {}
        self._sources: dict[tuple[int, int], int] = {(0, 0): 0}
        self._codes: list[tuple[CodeType | Source, int]] = [(UNKNOWN, 0)]
        self._scopes: dict[tuple[str, ...], int] = {(): -1}
        self._scope_rows: list[Scope] = []

    def __len__(self) -> int:
        return len(self.primitives)

    def input(self, name: str, type: Type) -> int:
        """Append an input and return its node."""
        node = self._append(INPUT, (), (), type)
        self.input_names.append(name)
        self.input_nodes.append(node)
        return node

    def literal(self, value: Any, dtype: np.dtype[Any] = FLOAT64) -> int:
        """Return the operand of a literal, which takes part in arithmetic as ``dtype``."""
        if isinstance(value, np.ndarray):
            type = Type(value.shape, dtype)
        elif isinstance(value, (bool, np.bool_)):
            value, type = bool(value), Type((), BOOL)
        else:
            type = Type((), dtype)
            _check_representable(value)
        key = constant_key(value, dtype)
        found = self._literals.get(key)
        if found is None:
            if isinstance(value, np.ndarray):
                value = np.array(value, dtype=dtype)
                value.setflags(write=False)
            self.constants.append(Constant(value, type))
            found = self._literals[key] = -len(self.constants)
        return found

    def type_of(self, operand: int) -> Type:
        """Return the type of a node or literal."""
        return self.types[operand] if operand >= 0 else self.constants[~operand].type

    def apply(self, primitive: Primitive, operands: tuple[int, ...], params: Params = ()) -> int:
        """Return the node that applies ``primitive``; an equal one that exists already is used again."""
        key = (primitive, operands, params)
        found = self._known.get(key)
        if found is not None:
            return found
        types, constants = self.types, self.constants
        given = [types[j] if j >= 0 else constants[~j].type for j in operands]
        try:
            type = primitive.infer(*given, **dict(params)) if params else primitive.infer(*given)
        except ShapeError as error:
            raise self._located(primitive, error) from None
        node = self._known[key] = self._append(primitive, operands, params, type)
        return node

    def guard(self, operand: int, outcome: bool) -> None:
        """Record that Python control flow followed ``operand`` being ``outcome``."""
        self.guards.append(Guard(operand, outcome, self._source_id()))

    def finish(
        self,
        outputs: Sequence[int],
        in_tree: Tree = None,
        out_tree: Tree = None,
        name: str = "y",
    ) -> Graph:
        """Return the graph of ``outputs``: inputs first, dead nodes left out, the rest in program order."""
        order = self._live(outputs)
        operands, guards = self.operands, self.guards
        if order is not None:
            new = dict(zip(order, range(len(order)), strict=True))
            operands = [tuple([new[j] if j >= 0 else j for j in row]) for row in (operands[i] for i in order)]
            outputs = [new[j] if j >= 0 else j for j in outputs]
            guards = [g._replace(operand=new[g.operand]) if g.operand >= 0 else g for g in guards]
        return Graph(
            tuple(self.input_names),
            tuple(outputs),
            primitives=_chosen(self.primitives, order),
            operands=tuple(operands),
            params=_chosen(self.params, order),
            types=_chosen(self.types, order),
            scope_ids=_chosen(self.scope_ids, order),
            source_ids=_chosen(self.source_ids, order),
            constants=tuple(self.constants),
            scopes=tuple(self._scope_rows),
            sources=tuple(_decode(*code) for code in self._codes),
            guards=tuple(guards),
            in_tree=in_tree,
            out_tree=out_tree,
            name=name,
        )

    def _live(self, outputs: Sequence[int]) -> list[int] | None:
        """Return the nodes to keep in their new order, or None if everything stays as it is."""
        count = len(self)
        live = [False] * count
        for j in itertools.chain(outputs, (guard.operand for guard in self.guards), self.input_nodes):
            if j >= 0:
                live[j] = True
        for i in range(count - 1, -1, -1):
            if live[i]:
                for j in self.operands[i]:
                    if j >= 0:
                        live[j] = True
        inputs = self.input_nodes
        if all(live) and inputs == list(range(len(inputs))):
            return None
        is_input = set(inputs)
        return inputs + [i for i in range(count) if live[i] and i not in is_input]

    def _append(self, primitive: Primitive, operands: tuple[int, ...], params: Params, type: Type) -> int:
        node = len(self.primitives)
        self.primitives.append(primitive)
        self.operands.append(operands)
        self.params.append(params)
        self.types.append(type)
        path = current_scope.get()
        self.scope_ids.append(self._scope_id(path) if path else -1)
        self.source_ids.append(self._source_id())
        return node

    def _scope_id(self, path: tuple[str, ...]) -> int:
        found = self._scopes.get(path)
        if found is None:
            parent = self._scope_id(path[:-1])
            found = self._scopes[path] = len(self._scope_rows)
            self._scope_rows.append(Scope(path[-1], parent))
        return found

    def _source_id(self) -> int:
        if self.source is not None:
            return self._place_id((hash(self.source), 0), (self.source, 0))
        frame = user_frame(3)
        if frame is None:
            return 0
        code, instruction = frame.f_code, frame.f_lasti
        found = self._sources.get((id(code), instruction))
        return self._place_id((id(code), instruction), (code, instruction)) if found is None else found

    def _place_id(self, key: tuple[int, int], place: tuple[CodeType | Source, int]) -> int:
        found = self._sources.get(key)
        if found is None:
            found = self._sources[key] = len(self._codes)
            self._codes.append(place)
        return found

    def _located(self, primitive: Primitive, error: ShapeError) -> ShapeError:
        source = self.source or user_source()
        line = source.text()
        shown = f": `{line}`" if line else ""
        return ShapeError(f"{source}{shown}: {primitive.name}: {error}")


def _chosen(column: Sequence[T], order: Sequence[int] | None) -> tuple[T, ...]:
    """Return the entries of a column in an order, all of them if there is none."""
    return tuple(column) if order is None else tuple([column[i] for i in order])


def _check_representable(value: Any) -> None:
    try:
        float(value)
    except OverflowError:
        raise InputError(
            f"The literal {str(value)[:20]}… is too large for a floating-point number."
        ) from None
