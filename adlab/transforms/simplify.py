"""A graph with less to do and the same results: a table of rewrites, applied while the graph is written anew.

Each node is written once, after its operands. Before it is written, the rewrites of its row are tried; the table
`REWRITES` says of each which row it looks at, what operand sets it off, and why the result is the same. Nodes that
compute the same are one node, operands of a sum or product have one order, an operation on literals is done at once,
and what no output or guard needs is left out. So the pass is linear, and there is no second one.

"The same" is meant bit for bit: signed zeros, infinities and denormals included, with NumPy's sum, which starts at
+0, as the model. Only the sign and the payload of a NaN, which IEEE leaves open, may differ. The few rewrites
that round otherwise state by how much (`Rewrite.ulps`).

What is simplified is meant to be computed, and may still be differentiated: `stop_gradient` stays where it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import Shape, Type
from adlab.primitives import TABLE
from adlab.primitives.linalg import LINALG
from adlab.transforms.rewrites import REWRITES
from adlab.transforms.rewrites.entry import ANYTHING, EACH_ELEMENT, LITERAL, TWINS, At, Rewrite
from adlab.transforms.rewriting import Writer
from adlab.transforms.scatter import Scatters

FOLDED_BYTES = 1 << 16
"""An array result of literals is computed at once if it is no larger than this, or than the literals themselves."""


def simplified(graph: Graph) -> Graph:
    """Return a graph that computes the same with fewer operations.

    Inputs, outputs, guards, names and nesting are those of ``graph``; a new node has the scope and the line of
    the node that it was written for.

    Parameters
    ----------
    graph : Graph

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda x: 1.0 * x + (-x) * x / 2, (3.0,)).graph
    >>> [node.primitive.name for node in simplified(graph)]
    ['input', 'square', 'multiply', 'subtract']
    """
    writer = Simplifier(graph)
    new = [writer.input(name, type) for name, type in zip(graph.inputs, graph.input_types, strict=True)]
    literals = [writer.old_literal(constant) for constant in graph.constants]
    scatters = Scatters(graph)
    write, append, start = writer.write, new.append, len(graph.inputs)
    rows = zip(graph.primitives, graph.operands, graph.params, graph.types, strict=True)
    places = zip(graph.scope_ids, graph.source_ids, strict=True)
    for (primitive, operands, params, type), place in itertools.islice(
        zip(rows, places, strict=True), start, None
    ):
        writer.scope, writer.line = place
        if len(new) in scatters:
            append(scatters.written(writer, len(new), new, literals))
            continue
        given = tuple([new[j] if j >= 0 else literals[~j] for j in operands])
        append(write(primitive, given, params, type))
    outputs = [new[j] if j >= 0 else literals[~j] for j in graph.outputs]
    followed = {guard.operand for guard in graph.guards}
    return writer.replacement({j: new[j] if j >= 0 else literals[~j] for j in followed}, outputs)


class Simplifier(Writer):
    """A writer that writes each application in its simplest form."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._plans: dict[Primitive, Plan] = {}
        self._uniform: dict[int, int] = {}

    def write(self, primitive: Primitive, operands: tuple[int, ...], params: Params, type: Type) -> int:
        """Return an operand with the value of the application: a new node, an older one or a literal."""
        plan = self._plans.get(primitive)
        if plan is None:
            plan = self._plans[primitive] = plan_of(primitive)
        if plan.commutes:
            a, b = operands
            if (a > b >= 0) or a < 0 <= b or b < a < 0:
                operands = (b, a)
        key = (primitive, operands, params)
        found = self._known.get(key)
        if found is None:
            found = self._simplest(plan, primitive, operands, params, type)
            if found is None:
                found = self._append(primitive, operands, params, type)
            self._known[key] = found
        return found

    def _simplest(
        self, plan: Plan, primitive: Primitive, operands: tuple[int, ...], params: Params, type: Type
    ) -> int | None:
        """Return an operand with the value of the application, None if it has to be a node of its own."""
        if plan.folds and operands and max(operands) < 0:
            folded = self._folded(primitive, operands, params, type)
            if folded is not None:
                return folded
        by_operand, rows = plan.by_operand, self.primitives
        if by_operand:
            for position, j in enumerate(operands):
                rules = by_operand.get(rows[j] if j >= 0 else None)
                if rules:
                    at = At(primitive, operands, params, type, position)
                    for rule in rules:
                        found = rule(self, at)
                        if found is not None:
                            return found
        always = plan.always if not plan.twins or operands[-1] != operands[-2] else plan.always + plan.twins
        if always:
            at = At(primitive, operands, params, type, 0)
            for rule in always:
                found = rule(self, at)
                if found is not None:
                    return found
        return None

    def put(self, name: str, *operands: int, type: Type, **params: Any) -> int:
        """Write an application of the row called ``name``."""
        return self.write(TABLE[name], operands, tuple(sorted(params.items())), type)

    def inside(self, x: int, position: int = 0) -> int:
        """Return an operand of the node ``x``."""
        return self.operands[x][position]

    def number(self, x: int) -> float | None:
        """Return the number that ``x`` is, None if it is no scalar literal."""
        if x >= 0:
            return None
        value = self.constants[~x].value
        return None if isinstance(value, np.ndarray) else float(value)

    def fit(self, x: int, type: Type) -> int | None:
        """Return ``x`` repeated to the shape of ``type``; None if its dtype is another."""
        given = self.type_of(x)
        if given == type:
            return x
        return self.spread(x, type) if given.dtype == type.dtype else None

    def spread(self, x: int, type: Type) -> int:
        """Return ``x`` broadcast to the shape of ``type``."""
        return self.put("broadcast_to", x, type=type, shape=type.shape)

    def reshaped(self, x: int, shape: Shape) -> int:
        """Return ``x`` in another shape."""
        return self.put("reshape", x, type=Type(shape, self.type_of(x).dtype), shape=shape)

    def base(self, x: int) -> int:
        """Return what ``x`` repeats along axes: the operand of a broadcast, the number in a uniform array."""
        if x >= 0:
            return self.inside(x) if self.primitives[x] is BROADCAST else x
        found = self._uniform.get(x)
        if found is None:
            found = self._uniform[x] = self._number_in(x)
        return found

    def _number_in(self, x: int) -> int:
        value, type = self.constants[~x]
        if not isinstance(value, np.ndarray) or not value.size:
            return x
        bits = value.reshape(-1).view(f"u{value.itemsize}")
        return self.literal(value.flat[0].item(), type.dtype) if bool(np.all(bits == bits[0])) else x

    def _folded(
        self, primitive: Primitive, operands: tuple[int, ...], params: Params, type: Type
    ) -> int | None:
        """Return the literal that an operation on literals gives, None if it would be large."""
        given = sum(self.type_of(j).size for j in operands)
        if type.shape and type.size * type.dtype.itemsize > max(FOLDED_BYTES, given * type.dtype.itemsize):
            return None
        with np.errstate(all="ignore"):
            value = NUMPY.apply(primitive, [NUMPY.constant(self.constants[~j]) for j in operands], params)
        return self.literal(np.asarray(value) if type.shape else np.asarray(value).item(), type.dtype)


COMMUTATIVE = frozenset(("add", "multiply", "equal", "not_equal", "logical_and", "logical_or"))
"""Rows of two operands that give the same bits in either order; max and min do not, for 0 and −0."""

BROADCAST = TABLE["broadcast_to"]

Rules = tuple[Callable[[Simplifier, At], int | None], ...]


class Plan(NamedTuple):
    """What is tried at a row: rules by the row of an operand (None for a literal), for twins, and in any case."""

    by_operand: Mapping[Primitive | None, Rules]
    twins: Rules
    always: Rules
    commutes: bool
    folds: bool


def plan_of(primitive: Primitive) -> Plan:
    """Return what is tried at a row; rows from outside the table, whose functions are unknown, never fold."""
    by_operand: dict[Primitive | None, Rules] = {}
    twins: Rules = ()
    always: Rules = ()
    for rewrite in _rewrites_of(primitive):
        if rewrite.trigger == ANYTHING:
            always += (rewrite.rule,)
            continue
        if rewrite.trigger == TWINS:
            twins += (rewrite.rule,)
            continue
        key = None if rewrite.trigger == LITERAL else TABLE[rewrite.trigger]
        by_operand[key] = (*by_operand.get(key, ()), rewrite.rule)
    in_table = TABLE.get(primitive.name) is primitive
    folds = in_table and primitive is not BROADCAST and primitive not in LINALG
    return Plan(by_operand, twins, always, in_table and primitive.name in COMMUTATIVE, folds)


def _rewrites_of(primitive: Primitive) -> Iterator[Rewrite]:
    for rewrite in REWRITES:
        if rewrite.row == EACH_ELEMENT:
            if primitive.elementwise:
                yield rewrite
        elif TABLE[rewrite.row] is primitive:
            yield rewrite
