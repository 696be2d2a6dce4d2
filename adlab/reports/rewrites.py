"""Rewrites that keep infinities and NaN away: how they are recognised, and carried out on a graph.

A candidate replaces one node by an expression of earlier nodes. The expression is written once, for any
algebra: in the algebra of traced variables it changes the graph, in the algebra of source text it is the line
of code that a user would write. Whether a candidate is any good is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.operators import Operators
from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import AdlabError
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.index import format_index
from adlab.ir.numbering import display_numbers, display_order
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL, Type, common_dtype
from adlab.primitives import TABLE

NEARBY = 40
"""Patterns are looked for among so many nodes before and behind the one to blame."""

SAFE = (1.0, 0.5, 2.0, 0.0)
"""What may stand in for an operand where its value does not count."""

NEAR = 1e-20
"""How far from a hole its limit is looked for."""

Replay = Callable[[int, Mapping[int, Any]], Any]
"""The value of a node with other values for some of the nodes before it."""

Build = Callable[[Algebra, Callable[[int], Any], Replay], Any]


@dataclass(frozen=True)
class Candidate:
    """A node and what to put in its place.

    Attributes
    ----------
    node : int
    name, words : what is done, and why it helps
    build : function of (algebra, get, replay)
        ``get(operand)`` is the value of an operand, ``replay(node, {node: value})`` that of a node with
        others replaced.
    code : function of (get), optional
        The source to show, where it has a shorter form than ``build`` would write.
    """

    node: int
    name: str
    words: str
    build: Build
    code: Callable[[Callable[[int], Any]], str] | None = None


# ------------------------------------------------------------------------------------------------- patterns


def candidates(graph: Graph, values: Sequence[Any], culprit: int) -> Iterator[Candidate]:
    """Yield rewrites near a node, the best known first.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node at the point.
    culprit : int
        The node whose value or derivative went bad.

    Examples
    --------
    >>> from adlab.algebra.numpy import NUMPY
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda x: np.log(1 + np.exp(x)), (1000.0,)).graph
    >>> [c.name for c in candidates(graph, NUMPY.run(graph, [np.float64(1000.0)]), 1)][0]
    'softplus'
    """
    look = _Patterns(graph, values)
    near = look.near(culprit)
    for recognise in (_stable_forms, _zero_times_log, _hypot, _small_differences):
        yield from (found for i in near for found in recognise(look, i))
    yield from _double_where(look, culprit)
    yield from _removable(look, culprit)


class _Patterns:
    """A graph to be read by operation."""

    def __init__(self, graph: Graph, values: Sequence[Any]) -> None:
        self.graph, self.values = graph, values

    def near(self, culprit: int) -> list[int]:
        """Return the nodes close to a node in the program, the closest first."""
        start = max(len(self.graph.inputs), culprit - NEARBY)
        nodes = range(start, min(len(self.graph), culprit + NEARBY + 1))
        return sorted(nodes, key=lambda i: abs(i - culprit))

    def args(self, operand: int, *names: str) -> tuple[int, ...] | None:
        """Return the operands of a node that applies one of these primitives, None if it is another."""
        if operand < 0 or self.graph.primitives[operand].name not in names:
            return None
        return self.graph.operands[operand]

    def arg(self, operand: int, *names: str) -> int | None:
        """Return the first operand of a node that applies one of these primitives."""
        found = self.args(operand, *names)
        return None if found is None else found[0]

    def is_number(self, operand: int, number: float) -> bool:
        """Return whether an operand is a literal with this value."""
        if operand >= 0:
            return False
        value = self.graph.constants[~operand].value
        return bool(np.ndim(value) == 0 and value == number)

    def one_plus(self, operand: int) -> int | None:
        """Return u of 1 + u or u + 1."""
        both = self.args(operand, "add")
        if both is None:
            return None
        for one, other in (both, both[::-1]):
            if self.is_number(one, 1):
                return other
        return None

    def squared(self, operand: int) -> int | None:
        """Return u of u²."""
        if (u := self.arg(operand, "square")) is not None:
            return u
        both = self.args(operand, "multiply")
        if both and both[0] == both[1]:
            return both[0]
        power = self.args(operand, "power")
        return power[0] if power and self.is_number(power[1], 2) else None

    def negated(self, operand: int) -> int | None:
        """Return u of −u."""
        if (u := self.arg(operand, "negative")) is not None:
            return u
        both = self.args(operand, "multiply")
        return both[1] if both and self.is_number(both[0], -1) else None


def _stable_forms(look: _Patterns, i: int) -> Iterator[Candidate]:
    """Yield functions that compute without overflow what a formula computes with it."""
    graph = look.graph
    if (inside := look.arg(i, "log")) is not None:
        yield from _of_log(look, i, inside)
    if (inside := look.arg(i, "log1p")) is not None and (u := look.arg(inside, "exp")) is not None:
        yield _softplus(i, u)
    if (both := look.args(i, "divide")) is not None:
        yield from _of_quotient(look, i, *both)
    if (b := look.arg(i, "reciprocal")) is not None and (u := look.one_plus(b)) is not None:
        yield from _sigmoid(look, i, u)
    assert i < len(graph)


def _of_log(look: _Patterns, i: int, inside: int) -> Iterator[Candidate]:
    u = look.one_plus(inside)
    if u is not None and (w := look.arg(u, "exp")) is not None:
        yield _softplus(i, w)
    both = look.args(inside, "add")
    if both is not None:
        a, b = (look.arg(part, "exp") for part in both)
        if a is not None and b is not None:
            yield _function(i, "logaddexp", "eᵃ + eᵇ overflows although its logarithm does not.", a, b)
    if (summed := look.arg(inside, "sum")) is not None and (w := look.arg(summed, "exp")) is not None:
        yield _logsumexp(i, w, dict(look.graph.params[inside]))
    quotient = look.args(inside, "divide")
    if quotient is not None and (top := look.arg(quotient[0], "exp")) is not None:
        total = look.arg(quotient[1], "sum")
        if total == quotient[0]:
            yield _log_softmax(i, top, dict(look.graph.params[quotient[1]]))


def _of_quotient(look: _Patterns, i: int, a: int, b: int) -> Iterator[Candidate]:
    u = look.one_plus(b)
    w = look.arg(u, "exp") if u is not None else None
    if u is not None and look.is_number(a, 1):
        yield from _sigmoid(look, i, u)
    if u is not None and w is not None and a == u:
        yield _function(i, "sigmoid", "eᵘ/(1 + eᵘ) is ∞/∞ where eᵘ overflows.", w)
    top = look.arg(a, "exp")
    if top is not None and look.arg(b, "sum") == a:
        yield _softmax(i, top, dict(look.graph.params[b]))
    if (halves := _sinh_over_cosh(look, a, b)) is not None:
        yield _function(i, "tanh", "(eᵘ − e⁻ᵘ)/(eᵘ + e⁻ᵘ) is ∞/∞ where eᵘ overflows.", halves)


def _sigmoid(look: _Patterns, i: int, u: int) -> Iterator[Candidate]:
    w = look.arg(u, "exp")
    if w is None:
        return
    words = "the derivative of 1/(1 + e⁻ᵘ) is 0·∞ where e⁻ᵘ overflows."
    if (v := look.negated(w)) is not None:
        yield _function(i, "sigmoid", words, v)
    else:
        yield Candidate(i, "sigmoid", words, lambda A, get, _: A.sigmoid(-get(w)))


def _function(i: int, name: str, words: str, *us: int) -> Candidate:
    """Return a node as one function of others."""
    return Candidate(i, name, words, lambda A, get, _: A.apply(TABLE[name], [get(u) for u in us]))


def _softplus(i: int, u: int) -> Candidate:
    return _function(i, "softplus", "eᵘ overflows although ln(1 + eᵘ) does not.", u)


def _sinh_over_cosh(look: _Patterns, a: int, b: int) -> int | None:
    """Return u of (eᵘ − e⁻ᵘ)/(eᵘ + e⁻ᵘ)."""
    top, bottom = look.args(a, "subtract"), look.args(b, "add")
    if top is None or bottom is None or set(top) != set(bottom):
        return None
    u, v = look.arg(top[0], "exp"), look.arg(top[1], "exp")
    return u if u is not None and v is not None and look.negated(v) == u else None


def _top(A: Any, u: Any, axis: Any) -> Any:
    return A.stop_gradient(A.max(u, axis=axis, keepdims=True))


def _axis_words(params: Mapping[str, Any]) -> str:
    axis = params["axis"]
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    return ("" if axis is None else f", axis={axis}") + (", keepdims=True" if params["keepdims"] else "")


def _logsumexp(i: int, u: int, params: Mapping[str, Any]) -> Candidate:
    axis = params["axis"]

    def build(A: Any, get: Callable[[int], Any], replay: Replay) -> Any:
        x = get(u)
        top = _top(A, x, axis)
        total = A.log(A.sum(A.exp(x - top), axis=axis, keepdims=params["keepdims"]))
        return total + (top if params["keepdims"] else A.reshape(top, shape=A.shape(total)))

    return Candidate(
        i, "logsumexp", "Σeᵘ overflows, or is 0, although its logarithm is finite.", build,
        lambda get: f"ad.logsumexp({get(u)}{_axis_words(params)})",
    )  # fmt: skip


def _log_softmax(i: int, u: int, params: Mapping[str, Any]) -> Candidate:
    axis = params["axis"]

    def build(A: Any, get: Callable[[int], Any], replay: Replay) -> Any:
        x = get(u)
        moved = x - _top(A, x, axis)
        return moved - A.log(A.sum(A.exp(moved), axis=axis, keepdims=True))

    kept = _axis_words({**params, "keepdims": params["axis"] is not None})
    return Candidate(
        i, "logsumexp", "eᵘ/Σeᵘ is ∞/∞ or underflows, although its logarithm is finite.", build,
        lambda get: f"{get(u)} - ad.logsumexp({get(u)}{kept})",
    )  # fmt: skip


def _softmax(i: int, u: int, params: Mapping[str, Any]) -> Candidate:
    axis = params["axis"]

    def build(A: Any, get: Callable[[int], Any], replay: Replay) -> Any:
        x = get(u)
        shrunk = A.exp(x - _top(A, x, axis))
        return shrunk / A.sum(shrunk, axis=axis, keepdims=True)

    word = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    return Candidate(
        i, "softmax", "eᵘ/Σeᵘ is ∞/∞ where eᵘ overflows; subtracting the largest u changes nothing.", build,
        lambda get: f"ad.softmax({get(u)}, axis={word})",
    )  # fmt: skip


def _zero_times_log(look: _Patterns, i: int) -> Iterator[Candidate]:
    """Yield a·ln b as 0 where a is 0."""
    both = look.args(i, "multiply")
    if both is None:
        return
    for a, other in (both, both[::-1]):
        b = look.arg(other, "log", "log2", "log10")
        if b is None or a < 0 or look.graph.types[a].shape != look.graph.types[i].shape:
            continue

        def build(
            A: Any, get: Callable[[int], Any], replay: Replay, a: int = a, b: int = b, log: int = other
        ) -> Any:
            zero = A.equal(get(a), 0)
            safe = A.where(zero, like(A, look.graph, b, 1.0), get(b))
            return A.where(zero, like(A, look.graph, i, 0.0), get(a) * replay(log, {b: safe}))

        yield Candidate(
            i, "xlogy", "0·ln 0 is 0·(−∞), although x·ln x goes to 0: choose the 0, and keep 0 out of the "
            "logarithm.", build,
        )  # fmt: skip


def _hypot(look: _Patterns, i: int) -> Iterator[Candidate]:
    """Yield √(a² + b²), √a² and (√a)² as what they are."""
    inside = look.arg(i, "sqrt")
    if inside is None:
        u = look.squared(i)
        if u is not None and (root := look.arg(u, "sqrt")) is not None:
            yield Candidate(
                i, "the root undone", "√a has an infinite derivative at 0.", lambda A, get, _: get(root)
            )
        return
    both = look.args(inside, "add")
    if both is not None:
        a, b = (look.squared(part) for part in both)
        if a is not None and b is not None:
            yield _function(i, "hypot", _why_hypot(look, inside), a, b)
    if (u := look.squared(inside)) is not None:
        yield _function(i, "absolute", "√u² is |u|.", u)


def _why_hypot(look: _Patterns, inside: int) -> str:
    """Return what is wrong with √(a² + b²) at the values at hand."""
    if np.any(np.isinf(look.values[inside])):
        return "The squares overflow, although their root need not: hypot scales before it squares."
    return "√ has an infinite derivative at 0, where a² + b² has derivative 0: 0·∞."


def _small_differences(look: _Patterns, i: int) -> Iterator[Candidate]:
    """Yield ln(1 + u) and eᵘ − 1 as functions that keep their digits for small u."""
    inside = look.arg(i, "log")
    if inside is not None and (u := look.one_plus(inside)) is not None:
        yield _function(i, "log1p", "1 + u is 1 for tiny u, and its logarithm 0.", u)
    both = look.args(i, "subtract")
    if both is not None and look.is_number(both[1], 1) and (u := look.arg(both[0], "exp")) is not None:
        yield _function(i, "expm1", "eᵘ is 1 for tiny u, and the difference 0.", u)


# ----------------------------------------------------------------------------------------------- any formula


def _double_where(look: _Patterns, culprit: int) -> Iterator[Candidate]:
    """Yield a `where` whose branch never sees the values for which it is not taken."""
    graph = look.graph
    behind = _descendants(graph, [culprit])
    for w in range(culprit + 1, len(graph)):
        if graph.primitives[w].name != "where":
            continue
        condition = graph.operands[w][0]
        for branch in (1, 2):
            a = graph.operands[w][branch]
            if a < 0 or not (a == culprit or behind[a]):
                continue
            for x in _feeding(look, culprit, condition):
                if _fits(graph, condition, x):
                    yield from _guarded(look, w, branch, x)


def _guarded(look: _Patterns, w: int, branch: int, x: int) -> Iterator[Candidate]:
    """Yield where(c, f(where(c, x, safe)), b), for each value that may stand in for x."""
    graph = look.graph
    condition = graph.operands[w][0]
    for number in SAFE:

        def build(A: Any, get: Callable[[int], Any], replay: Replay, number: float = number) -> Any:
            c, safe = get(condition), like(A, graph, x, number)
            kept = A.where(c, get(x), safe) if branch == 1 else A.where(c, safe, get(x))
            changed = replay(graph.operands[w][branch], {x: kept})
            parts = [get(j) for j in graph.operands[w]]
            parts[branch] = changed
            return A.where(*parts)

        yield Candidate(
            w, "double where", "the branch that is not taken is still computed, and its infinite or undefined derivative "
            "meets the 0 of the choice; a second where keeps the bad values out of it.", build,
        )  # fmt: skip


def _feeding(look: _Patterns, culprit: int, condition: int) -> list[int]:
    """Return what may be guarded: what the comparison looks at first, then the culprit's own operands."""
    graph = look.graph
    compared = [j for j in (graph.operands[condition] if condition >= 0 else ()) if j >= 0]
    before = _ancestors(graph, [culprit])
    own = [j for j in graph.operands[culprit] if j >= 0]
    found = [j for j in compared if before[j]] + own
    return list(dict.fromkeys(j for j in found if graph.types[j].dtype != BOOL))


def _fits(graph: Graph, condition: int, x: int) -> bool:
    """Return whether a condition chooses among the elements of x without making it larger."""
    shape = graph.types[x].shape
    try:
        return np.broadcast_shapes(graph.type_of(condition).shape, shape) == shape
    except ValueError:
        return False


def _removable(look: _Patterns, culprit: int) -> Iterator[Candidate]:
    """Yield a formula with a hole as its limit there, and itself, away from the hole, elsewhere."""
    graph, values = look.graph, look.values
    near: list[Any] = []
    for x in _holes(look, culprit):
        hole = np.asarray(values[x]) == 0
        if not np.any(hole):
            continue
        near = near or _beside(graph, values)
        for m in _downstream(graph, culprit, x):
            limit = _limit(near[m], hole)
            if limit is not None:
                yield from (_filled(look, m, x, limit, number) for number in SAFE if number)


def _beside(graph: Graph, values: Sequence[Any]) -> list[Any]:
    """Return the value of every node a little beside the point, in fifty digits."""
    from adlab.algebra.exact import MpmathAlgebra

    carrier = MpmathAlgebra(50)
    args = [
        carrier.array(x) if type.dtype == BOOL else carrier.array(x) + carrier.number(NEAR)
        for x, type in zip(values, graph.input_types, strict=False)
    ]
    return carrier.run(graph, args)


def _limit(near: Any, hole: Any) -> float | None:
    """Return the one number that all elements of a value near a hole go to; None if they do not."""
    elements = np.asarray(near, dtype=object)
    found = {float(f"{float(value):.12g}") for value in np.ravel(elements[hole] if elements.shape else near)}
    limits = {0.0 if abs(value) < 1e-9 else value for value in found}
    limit = limits.pop() if len(limits) == 1 else np.nan
    return limit if np.isfinite(limit) else None


def _holes(look: _Patterns, culprit: int) -> list[int]:
    graph = look.graph
    if graph.primitives[culprit].name == "divide":
        found = [graph.operands[culprit][1]]
    else:
        found = [j for j in graph.operands[culprit] if j >= 0]
    return [j for j in found if j >= 0 and graph.types[j].dtype != BOOL]


def _downstream(graph: Graph, culprit: int, x: int) -> list[int]:
    """Return the nodes that could be given a limit: the culprit and what follows it, in the shape of x."""
    behind = _descendants(graph, [culprit])
    shape = graph.types[x].shape
    nodes = [culprit, *(i for i in range(culprit + 1, len(graph)) if behind[i])]
    return [i for i in nodes if graph.types[i].shape == shape and graph.types[i].dtype != BOOL][:6]


def _filled(look: _Patterns, m: int, x: int, limit: float, number: float) -> Candidate:
    graph = look.graph

    def build(A: Any, get: Callable[[int], Any], replay: Replay) -> Any:
        hole = A.equal(get(x), 0)
        kept = A.where(hole, like(A, graph, x, number), get(x))
        return A.where(hole, like(A, graph, m, limit), replay(m, {x: kept}))

    return Candidate(
        m, "double where", f"the formula has a hole there, with the limit {limit:g}: choose the limit, and keep "
        "the hole out of the formula.", build,
    )  # fmt: skip


def like(A: Any, graph: Graph, operand: int, number: float) -> Any:
    """Return a literal in the dtype of an operand."""
    value = int(number) if float(number).is_integer() else number
    return A.constant(Constant(value, Type((), common_dtype([graph.type_of(operand).dtype]))))


def _descendants(graph: Graph, nodes: Iterable[int]) -> list[bool]:
    """Return, for each node, whether it is computed from one of ``nodes``; they themselves are not."""
    found = [False] * len(graph)
    start = set(nodes)
    for i in range(len(graph.inputs), len(graph)):
        found[i] = any(j >= 0 and (found[j] or j in start) for j in graph.operands[i])
    return found


def _ancestors(graph: Graph, nodes: Iterable[int]) -> list[bool]:
    """Return, for each node, whether one of ``nodes`` is computed from it."""
    found = [False] * len(graph)
    stack = list(nodes)
    while stack:
        for j in graph.operands[stack.pop()]:
            if j >= 0 and not found[j]:
                found[j] = True
                stack.append(j)
    return found


# ------------------------------------------------------------------------------------------------- surgery


class Surgeon:
    """Carries candidates out: on the graph, and on paper."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def apply(self, candidate: Candidate) -> Graph | None:
        """Return the graph with one node replaced; None if the replacement does not have its shape."""
        graph = self.graph
        recorder = Recorder()
        algebra = GraphAlgebra(recorder)
        values: list[Any] = [
            recorder.variable(name, type) for name, type in zip(graph.inputs, graph.input_types, strict=True)
        ]
        constants = [Traced(recorder, recorder.literal(c.value, c.type.dtype)) for c in graph.constants]
        hand = _Hand(graph, algebra, values, constants)
        for i in range(len(graph.inputs), len(graph)):
            recorder.source = graph.sources[graph.source_ids[i]]
            if i != candidate.node:
                values.append(hand.again(i, hand.get))
                continue
            try:
                values.append(candidate.build(algebra, hand.get, hand.replay))
            except AdlabError:
                return None
            if not isinstance(values[i], Traced) or values[i].type != graph.types[i]:
                return None
        for guard in graph.guards:
            recorder.source = graph.sources[guard.source]
            recorder.guard(hand.get(guard.operand).index, guard.outcome)
        outputs = [hand.get(j).index for j in graph.outputs]
        return recorder.finish(outputs, graph.in_tree, graph.out_tree, graph.name)

    def code(self, candidate: Candidate) -> tuple[str, str]:
        """Return the expression and what to write instead, as NumPy code."""
        writer = _Writer(self.graph, candidate.node)
        before = str(writer.hand.again(candidate.node, writer.get))
        if candidate.code is not None:
            return before, candidate.code(writer.get)
        return before, str(candidate.build(CODE, writer.get, writer.replay))


def code_of(graph: Graph, node: int) -> str:
    """Return a node as NumPy code of the inputs; longer parts by their names.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> graph = record(lambda x: np.sqrt(x * x + 1), (2.0,)).graph
    >>> code_of(graph, len(graph) - 1)
    'np.sqrt(x * x + 1)'
    """
    writer = _Writer(graph, node)
    return str(writer.hand.again(node, writer.get))


class _Hand:
    """Values of the nodes so far, in an algebra, and how to compute some of them again."""

    def __init__(self, graph: Graph, algebra: Algebra, values: list[Any], constants: list[Any]) -> None:
        self.graph, self.algebra, self.values, self.constants = graph, algebra, values, constants

    def get(self, operand: int) -> Any:
        """Return an operand's value."""
        return self.values[operand] if operand >= 0 else self.constants[~operand]

    def again(self, i: int, get: Callable[[int], Any]) -> Any:
        """Return a node computed from what ``get`` gives for its operands."""
        return self.algebra.apply(
            self.graph.primitives[i], [get(j) for j in self.graph.operands[i]], self.graph.params[i]
        )

    def replay(self, node: int, changed: Mapping[int, Any]) -> Any:
        """Return a node with other values for some of those before it."""
        touched, needed = _descendants(self.graph, changed), _ancestors(self.graph, [node])
        new = dict(changed)
        for i in range(len(self.graph.inputs), node + 1):
            if touched[i] and i not in changed and (needed[i] or i == node):
                new[i] = self.again(i, lambda j: new[j] if j in new else self.get(j))
        return new[node] if node in new else self.get(node)


# ---------------------------------------------------------------------------------------------- source text

LONG = 44
"""An operand of more characters is written by its name."""


class Text(Operators):
    """A piece of source: its text, and how tightly its outermost operator binds."""

    __slots__ = ("level", "text")

    def __init__(self, text: str, level: int = 9) -> None:
        self.text = text
        self.level = level

    def __str__(self) -> str:
        return self.text

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return CODE.apply(primitive, xs)


INFIX = {
    "add": ("+", 4, 4, 5), "subtract": ("-", 4, 4, 5), "multiply": ("*", 5, 5, 6), "divide": ("/", 5, 5, 6),
    "power": ("**", 8, 9, 7), "matmul": ("@", 5, 5, 6), "less": ("<", 2, 3, 3), "less_equal": ("<=", 2, 3, 3),
    "greater": (">", 2, 3, 3), "greater_equal": (">=", 2, 3, 3), "equal": ("==", 2, 3, 3),
    "not_equal": ("!=", 2, 3, 3), "logical_and": ("&", 3, 3, 4), "logical_or": ("|", 3, 3, 4),
}  # fmt: skip
"""Python's sign for a row, how tightly it binds, and what its operands must bind with to go bare."""


class CodeAlgebra(Algebra):
    """Evaluate to source text, as a user of NumPy would write it."""

    def constant(self, constant: Constant) -> Any:
        """Return a literal."""
        return self.literal(constant.value)

    def literal(self, value: Any) -> Text:
        """Return a number as Python writes it; an array as its shape."""
        if np.ndim(value):
            return Text(f"array{np.shape(value)}")
        value = value.item() if isinstance(value, np.generic) else value
        text = repr(value) if isinstance(value, (bool, int)) else repr(float(value))
        text = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)
        return Text(text, 7 if text.startswith("-") else 9)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the application as an operator or a call."""
        texts = [x if isinstance(x, Text) else self.literal(x) for x in xs]
        name = primitive.name
        if name in INFIX:
            sign, level, left, right = INFIX[name]
            return Text(f"{_bare(texts[0], left)} {sign} {_bare(texts[1], right)}", level)
        if name == "negative":
            return Text(f"-{_bare(texts[0], 7)}", 7)
        if name == "logical_not":
            return Text(f"~{_bare(texts[0], 7)}", 7)
        if name == "square":
            return Text(f"{_bare(texts[0], 9)} ** 2", 8)
        if name == "index":
            return Text(f"{_bare(texts[0], 9)}[{format_index(dict(params)['index'])}]")
        return Text(f"{_called(name)}({', '.join([*(x.text for x in texts), *_options(params)])})")


CODE = CodeAlgebra()
"""The carrier of source text; it has no state."""

SPELLED = {"absolute": "np.abs", "concatenate": "np.concatenate", "stack": "np.stack", "round": "np.round"}


def _called(name: str) -> str:
    """Return how a function is called: NumPy's where there is one, else adlab's."""
    return SPELLED.get(name) or (f"np.{name}" if hasattr(np, name) else f"ad.{name}")


def _options(params: Params) -> list[str]:
    """Return static parameters as keywords, those that say nothing left out."""
    return [
        f"{key}={value[0] if isinstance(value, tuple) and len(value) == 1 and key == 'axis' else value!r}"
        for key, value in params
        if value is not None and value is not False
    ]


def _bare(text: Text, level: int) -> str:
    return text.text if text.level >= level else f"({text.text})"


class _Writer:
    """Source of the nodes before one node, made as far as it is asked for."""

    def __init__(self, graph: Graph, node: int) -> None:
        self.graph = graph
        self.numbers = display_numbers(graph, display_order(graph))
        needed = _ancestors(graph, [node])
        values: list[Any] = [Text(name) for name in graph.inputs]
        constants = [CODE.constant(constant) for constant in graph.constants]
        self.hand = _Hand(graph, CODE, values, constants)
        for i in range(len(graph.inputs), len(graph)):
            values.append(self._short(i) if needed[i] else Text(""))  # noqa: PERF401 - each needs those before

    def _short(self, i: int) -> Text:
        text: Text = self.hand.again(i, self.hand.get)
        return text if len(text.text) <= LONG else Text(f"v{self.numbers[i]}")

    def get(self, operand: int) -> Any:
        """Return an operand's source."""
        return self.hand.get(operand)

    def replay(self, node: int, changed: Mapping[int, Any]) -> Any:
        """Return a node's source with other source for some of those before it."""
        return self.hand.replay(node, changed)
