"""The theorems on the cost of a pass, held against a count of every operation of a graph.

A pass costs a small multiple of an evaluation, however large the function: at most 2.5 for a value with one tangent, at most
5 for a value with one adjoint sweep. The first is a theorem about operations *and* the moves of their operands (Griewank and
Walther, *Evaluating Derivatives*, 2008, §4.5), and it supposes that each elementary rule keeps the bound; so where a bound
is exceeded, the primitive is named whose rule is dearer than that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adlab.algebra.counting import CountingAlgebra
from adlab.ir.graph import Graph
from adlab.primitives.rules import Linear
from adlab.transforms.sweeps import active_nodes, site_of

FORWARD_BOUND = 2.5
"""Value and one tangent, as a multiple of the value, operations and moves counted."""

REVERSE_BOUND = 5.0
"""Value and one sweep of adjoints, as a multiple of the value."""

ADDITIVE = frozenset(
    (
        "add", "subtract", "negative", "absolute", "sign", "sum", "mean", "cumsum", "max", "min", "maximum", "minimum", "clip",
        "relu", "where", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or",
        "logical_not",
    )
)  # fmt: skip

MULTIPLICATIVE = frozenset(("multiply", "square", "outer", "prod"))
FREE = frozenset(
    (
        "reshape", "transpose", "broadcast_to", "index", "index_add", "concatenate", "stack", "cast", "stop_gradient",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """A theorem, applied to this function.

    Attributes
    ----------
    mode : "forward" or "reverse"
    measure : "operations and moves" or "operations"
    limit, ratio : float
        The most that is allowed, and what was counted, as multiples of one evaluation.
    primitive : str
        The row whose rule costs most, relative to its value; empty for a function without operations.
    worst : float
        That most.
    """

    mode: str
    measure: str
    limit: float
    ratio: float
    primitive: str
    worst: float

    @property
    def holds(self) -> bool:
        """Whether the function is within the bound."""
        return self.ratio <= self.limit

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        what = "Value and one tangent" if self.mode == "forward" else "Value and all adjoints"
        counted = f"{what} cost {self.ratio:.3g} times the value in {self.measure}"
        if self.holds:
            return f"{counted}: within the bound of {self.limit:g}."
        return (
            f"{counted}, above the bound of {self.limit:g}. The theorem does not apply: it supposes that every "
            f"elementary rule keeps it (a derivative takes one nonlinear function), and the rule of {self.primitive!r} "
            f"costs {self.worst:.3g} times its value."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "holds": self.holds, "sentence": self.sentence}


@dataclass(frozen=True)
class Weights:
    """What elementary steps cost: a move of one number, a sum, a product, a nonlinear function.

    The default is the least favourable that Griewank and Walther admit: a product is no dearer than a move.
    """

    move: float = 1.0
    add: float = 1.0
    multiply: float = 1.0
    nonlinear: float = 2.0

    def of(self, counts: Mapping[str, int]) -> float:
        """Return the cost of operations given by kind; a quotient is a reciprocal and a product."""
        total = 0.0
        for name, count in counts.items():
            total += count * self._one(name)
        return total

    def _one(self, name: str) -> float:
        if name in FREE:
            return 0.0
        if name in ADDITIVE:
            return self.add
        if name in MULTIPLICATIVE:
            return self.multiply
        if name == "matmul":
            return self.multiply + self.add
        return self.nonlinear + (self.multiply if name == "divide" else 0.0)


@dataclass
class Work:
    """Cost of value, tangent and adjoint, in operations and in work (operations and moves)."""

    value: float = 0.0
    tangent: float = 0.0
    adjoint: float = 0.0


@dataclass
class Steps:
    """What the nodes of a graph cost, together and by primitive.

    Attributes
    ----------
    tangent, adjoint : Counter
        Operations of a pass by kind.
    work, operations : mapping of primitive name to Work
    """

    tangent: Counter[str]
    adjoint: Counter[str]
    work: dict[str, Work]
    operations: dict[str, Work]

    def bounds(self) -> tuple[Bound, ...]:
        """Return the theorems with what was counted."""
        moves, plain = "operations and moves", "operations"
        return (
            _bound("forward", moves, FORWARD_BOUND, self.work, lambda w: w.tangent),
            _bound("reverse", moves, REVERSE_BOUND, self.work, lambda w: w.adjoint),
            _bound("reverse", plain, REVERSE_BOUND, self.operations, lambda w: w.adjoint),
        )


def _bound(
    mode: str, measure: str, limit: float, work: Mapping[str, Work], extra: Callable[[Work], float]
) -> Bound:
    value = sum(w.value for w in work.values())
    ratio = 1 + sum(extra(w) for w in work.values()) / value if value else 1.0
    ratios = {name: 1 + extra(w) / w.value for name, w in work.items() if w.value}
    worst = max(ratios, key=lambda name: (ratios[name], name), default="")
    return Bound(mode, measure, limit, ratio, worst, ratios.get(worst, 1.0))


def measure(graph: Graph, wrt: Sequence[int], weights: Weights | None = None) -> Steps:
    """Return what each primitive's value, tangent and adjoint cost in a graph, every input in ``wrt`` moving.

    Examples
    --------
    >>> from adlab.frontends.dispatch import to_graph
    >>> steps = measure(to_graph("x1*x2", ()).graph, (0, 1))
    >>> steps.work["multiply"]
    Work(value=4.0, tangent=6.0, adjoint=10.0)
    """
    weights = weights or Weights()
    counting = CountingAlgebra()
    active = active_nodes(graph, wrt)
    values = counting.run(graph, [counting.value(type) for type in graph.input_types])
    constants = [counting.constant(constant) for constant in graph.constants]
    waiting = _seeded(graph, active)
    steps = Steps(Counter(), Counter(), defaultdict(Work), defaultdict(Work))
    counting.counts.clear()
    for i in range(len(graph) - 1, len(graph.inputs) - 1, -1):
        name, rule = graph.primitives[i].name, graph.primitives[i].rule
        xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
        counting.apply(graph.primitives[i], xs, graph.params[i])
        work, plain = steps.work[name], steps.operations[name]
        work.value += weights.of(counting.counts) + weights.move * _moved(graph, i)
        plain.value += counting.counts.total()
        counting.counts.clear()
        if rule is None or not active[i]:
            continue
        site = site_of(graph, i, values, constants)
        moving = [counting.value(graph.types[j]) if j >= 0 and active[j] else None for j in graph.operands[i]]
        rule.jvp(counting, site, moving)
        fetched = sum(graph.types[j].size for j in graph.operands[i] if j >= 0 and active[j])
        work.tangent += weights.of(counting.counts) + weights.move * (fetched + graph.types[i].size)
        plain.tangent += counting.counts.total()
        steps.tangent += counting.counts
        counting.counts.clear()
        if not waiting[i]:
            continue
        _pull_back(graph, i, counting, site, active, waiting)
        work.adjoint += weights.of(counting.counts) + weights.move * _moved_back(graph, i, active)
        plain.adjoint += counting.counts.total()
        steps.adjoint += counting.counts
        counting.counts.clear()
    return steps


def _seeded(graph: Graph, active: Sequence[bool]) -> list[bool]:
    seeded = [False] * len(graph)
    for j in graph.outputs:
        if j >= 0 and active[j]:
            seeded[j] = True
    return seeded


def _pull_back(
    graph: Graph, i: int, counting: CountingAlgebra, site: Any, active: Sequence[bool], waiting: list[bool]
) -> None:
    """Count what node ``i`` gives to the adjoints of its operands, sums with earlier contributions included."""
    rule = graph.primitives[i].rule
    assert rule is not None
    cotangent = counting.value(graph.types[i])
    for position, j in enumerate(graph.operands[i]):
        if j < 0 or not active[j] or rule.vjp(counting, site, cotangent, position) is None:
            continue
        if waiting[j]:
            counting.counts["add"] += graph.types[j].size
        waiting[j] = True


def _moved(graph: Graph, i: int) -> int:
    """Return the numbers that computing a node fetches and stores; literals are not fetched."""
    return graph.types[i].size + sum(graph.types[j].size for j in graph.operands[i] if j >= 0)


def _moved_back(graph: Graph, i: int, active: Sequence[bool]) -> int:
    """Return the numbers moved when a node passes its adjoint on.

    Its adjoint is fetched and cleared, each operand's is fetched and stored, and a rule that is not linear
    fetches the operands.
    """
    operands = [j for j in graph.operands[i] if j >= 0]
    primitive = graph.primitives[i]
    is_linear = primitive.name in ("add", "subtract", "negative") or isinstance(primitive.rule, Linear)
    looked_at = 0 if is_linear else sum(graph.types[j].size for j in operands)
    updated = sum(graph.types[j].size for j in operands if active[j])
    return 2 * graph.types[i].size + looked_at + 2 * updated
