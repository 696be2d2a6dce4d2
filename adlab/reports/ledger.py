"""The cost ledger: what each way to differentiate takes, predicted by the theorems and counted on the graph.

For a function from m to n numbers, differences take m + 1 or 2m + 1 evaluations (value included), forward mode m passes and
reverse mode n. A pass costs a small multiple of an evaluation, however large the function: at most 2.5 for a
value with one tangent, at most 5 for a value with one adjoint sweep. The first is a theorem about operations *and* the moves of
their operands (Griewank and Walther, *Evaluating Derivatives*, 2008, §4.5), and it supposes that each elementary rule
keeps the bound; so where a bound is exceeded, the ledger names the primitive whose rule is dearer than that.

Which mode is cheaper is the order in which a chain of local Jacobians is multiplied. `chain_ledger` counts both
orders, and the best one there is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from adlab.algebra.counting import CountingAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.methods import METHODS
from adlab.methods.base import Problem, make_problem
from adlab.methods.symbolic import expressions_of
from adlab.primitives.rules import Linear
from adlab.transforms.costs import count_evaluation, count_forward, count_reverse, times
from adlab.transforms.evaluation import flatten_args
from adlab.transforms.scopes import collapse
from adlab.transforms.sweeps import active_nodes, forward_sweep, reverse_sweep, site_of

FORWARD_BOUND = 2.5
"""Value and one tangent, as a multiple of the value, operations and moves counted."""

REVERSE_BOUND = 5.0
"""Value and one sweep of adjoints, as a multiple of the value."""

RUN_LIMIT = 5_000_000
"""Methods are run, to be counted, if they take no more elementary operations than this."""

SYMBOLIC_ELEMENTS = 2_000
SYMBOLIC_ENTRIES = 400
"""Larger graphs and Jacobians are not written out as expressions."""

BEST_LIMIT = 200
"""The best order of longer chains is not sought: that takes time cubic in the length."""

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


# ----------------------------------------------------------------------------------------------------- the report


@dataclass(frozen=True)
class ModeCost:
    """One way to the whole Jacobian, value included.

    Attributes
    ----------
    mode : str
    law : str
        What the theory says it takes, in m inputs and n outputs.
    evaluations, passes : int or None
        What the law predicts.
    counted_evaluations, counted_passes : int or None
        What the method took at the point; None where it was not run.
    operations : int or None
        Elementary operations, all evaluations and passes together.
    bytes_needed : int or None
        The least that must be held at once, if each number is dropped after its last use.
    bytes_held : int or None
        What adlab's sweeps hold at once, measured on the arrays.
    note : str
        Why there is no answer, if there is none.
    """

    mode: str
    law: str
    evaluations: int | None
    counted_evaluations: int | None
    passes: int | None
    counted_passes: int | None
    operations: int | None
    bytes_needed: int | None = None
    bytes_held: int | None = None
    note: str = ""

    @property
    def as_predicted(self) -> bool | None:
        """Whether the counts are what the law predicts; None where nothing was counted."""
        pairs = [(self.evaluations, self.counted_evaluations), (self.passes, self.counted_passes)]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        return all(a == b for a, b in known) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "as_predicted": self.as_predicted}


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
            f"{counted}, above the bound of {self.limit:g}, which supposes that every elementary rule keeps it: the rule of "
            f"{self.primitive!r} alone costs {self.worst:.3g} times its value."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "holds": self.holds, "sentence": self.sentence}


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


@dataclass(frozen=True)
class CostLedger:
    """What differentiating a function costs, by mode.

    Attributes
    ----------
    inputs, outputs : int
        m and n: numbers that the function takes and returns.
    value, tangent, adjoint : mapping of str to int
        Operations by kind of one evaluation, of one pass of tangents with every input moving, and of one pass of adjoints.
    modes : tuple of ModeCost
    bounds : tuple of Bound
    chain : Chain
        Of the program's steps; a collapsed scope is one step.
    """

    inputs: int
    outputs: int
    value: Mapping[str, int]
    tangent: Mapping[str, int]
    adjoint: Mapping[str, int]
    modes: tuple[ModeCost, ...]
    bounds: tuple[Bound, ...]
    chain: Chain

    def __getitem__(self, mode: str) -> ModeCost:
        for row in self.modes:
            if row.mode == mode:
                return row
        raise InputError(
            f"The ledger has no mode {mode!r}; it has {', '.join(row.mode for row in self.modes)}."
        )

    @property
    def holds(self) -> bool:
        """Whether every bound holds and every count is as predicted."""
        return all(bound.holds for bound in self.bounds) and all(
            m.as_predicted is not False for m in self.modes
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences: the bounds, the chain, what was left out."""
        reasons = tuple(f"{row.mode}: {row.note}" for row in self.modes if row.note)
        return (*(bound.sentence for bound in self.bounds), self.chain.sentence, *reasons)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "operations": {
                "value": dict(self.value),
                "tangent": dict(self.tangent),
                "adjoint": dict(self.adjoint),
            },
            "modes": [row.to_dict() for row in self.modes],
            "bounds": [bound.to_dict() for bound in self.bounds],
            "chain": self.chain.to_dict(),
            "holds": self.holds,
            "notes": list(self.notes),
        }


def cost_ledger(f: Any, *args: Any, depth: int = 1) -> CostLedger:
    """Return what differentiating a function costs, by mode.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    *args
        The point: shapes are what matters, but the methods are run there to be counted.
    depth : int
        Scopes nested this deep are one step each in the chain of Jacobians.

    Raises
    ------
    InputError
        For arguments that do not fit.

    Examples
    --------
    >>> ledger = cost_ledger("ln(x1) + x1*x2 - sin(x2)", 2.0, 5.0)
    >>> ledger["reverse"].counted_passes, ledger["forward"].counted_passes
    (1, 2)
    >>> [bound.holds for bound in ledger.bounds]
    [True, True, True]
    """
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "cost takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    return ledger_graph(recording.graph, flatten_args(recording.graph, args), depth)


def ledger_graph(graph: Graph, values: Sequence[Any], depth: int = 1) -> CostLedger:
    """Return the ledger of a graph; ``values`` is one number or array per input."""
    problem = make_problem(graph, values, None, None, NUMPY)
    inputs = sum(graph.types[k].size for k in problem.wrt)
    outputs = sum(graph.type_of(j).size for j in problem.outputs)
    steps = measure(graph, problem.wrt)
    return CostLedger(
        inputs,
        outputs,
        _sorted(count_evaluation(graph)),
        _sorted(steps.tangent),
        _sorted(steps.adjoint),
        _modes(problem, inputs, outputs),
        steps.bounds(),
        chain_of_graph(graph, problem.wrt, depth),
    )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}


# ----------------------------------------------------------------------------------------------- each way to the Jacobian


def _modes(problem: Problem, m: int, n: int) -> tuple[ModeCost, ...]:
    graph, operations = problem.graph, count_evaluation(problem.graph).total()
    least, both, tape = _needed_bytes(graph, problem.wrt)
    held = _held_bytes(problem)
    rows = [
        ModeCost(
            f"numerical, {scheme}",
            law,
            count,
            _run(problem, "numerical", count * operations, scheme=scheme)[0],
            None,
            None,
            count * operations,
            least,
            held[0],
        )
        for scheme, law, count in (
            ("forward", "m + 1 evaluations", m + 1),
            ("central", "2m + 1 evaluations", 2 * m + 1),
        )
    ]
    rows += _symbolic(problem, m, n)
    forward = sum(
        (times(count_forward(graph, k), graph.types[k].size) for k in problem.wrt), count_evaluation(graph)
    )
    back = sum(
        (times(count_reverse(graph, j, problem.wrt), graph.type_of(j).size) for j in problem.outputs),
        count_evaluation(graph),
    )
    for name, law, passes, total, needed, kept in (
        ("forward", "1 evaluation, m passes", m, forward.total(), both, held[1]),
        ("reverse", "1 evaluation, n passes", n, back.total(), tape, held[2]),
    ):
        evaluations, taken = _run(problem, name, total)
        rows.append(ModeCost(name, law, 1, evaluations, passes, taken, total, needed, kept))
    return tuple(rows)


def _run(problem: Problem, name: str, operations: int, **options: Any) -> tuple[int | None, int | None]:
    """Return the evaluations and passes that a method takes, by running it; None where that would take long or fails."""
    if operations > RUN_LIMIT:
        return None, None
    try:
        found = METHODS[name].derivative(problem.graph, problem.args, problem.wrt, **options)
    except AdlabError:
        return None, None
    return found.cost.evaluations, found.cost.forward_passes + found.cost.reverse_passes


def _symbolic(problem: Problem, m: int, n: int) -> list[ModeCost]:
    """Return the rows of the expressions written out, and with common subexpressions computed once."""
    names = ("symbolic, written out", "symbolic, parts shared")
    counts: tuple[int | None, int | None] = (None, None)
    note = ""
    elements = sum(type.size for type in problem.graph.types)
    if elements > SYMBOLIC_ELEMENTS or m * n > SYMBOLIC_ENTRIES:
        note = f"Left out: {elements:,} numbers and {m * n:,} derivatives would each become an expression."
    else:
        try:
            written = expressions_of(problem)
            counts = written.operations(), count_evaluation(written.graph()).total()
        except AdlabError as error:
            note = str(error)
    laws = ("grows with the expression", "one program for all derivatives")
    return [
        ModeCost(name, law, None, None, None, None, count, note=note if k == 0 else "")
        for k, (name, law, count) in enumerate(zip(names, laws, counts, strict=True))
    ]


# -------------------------------------------------------------------------------------------------------------- storage


def _bytes(graph: Graph, i: int) -> int:
    return graph.types[i].size * graph.types[i].dtype.itemsize


def _needed_bytes(graph: Graph, wrt: Sequence[int]) -> tuple[int, int, int]:
    """Return the least storage of an evaluation, of one with a tangent, and of one with a sweep of adjoints."""
    active = active_nodes(graph, wrt)
    last = list(range(len(graph)))
    for i, operands in enumerate(graph.operands):
        for j in operands:
            if j >= 0:
                last[j] = i
    for j in graph.outputs:
        if j >= 0:
            last[j] = len(graph)
    dying: defaultdict[int, list[int]] = defaultdict(list)
    for j, i in enumerate(last):
        dying[i].append(j)
    alive = moving = most = most_moving = 0
    for i in range(len(graph)):
        size = _bytes(graph, i)
        alive, moving = alive + size, moving + size * (1 + active[i])
        most, most_moving = max(most, alive), max(most_moving, moving)
        for j in dying[i]:
            alive, moving = alive - _bytes(graph, j), moving - _bytes(graph, j) * (1 + active[j])
    tape = sum(_bytes(graph, i) for i in range(len(graph)))
    return most, most_moving, tape + _most_adjoints(graph, active)


def _most_adjoints(graph: Graph, active: Sequence[bool]) -> int:
    """Return the most bytes of adjoints that wait at once: from a node's first contribution until it has passed them on."""
    waiting = [False] * len(graph)
    held = most = 0

    def begin(j: int) -> None:
        nonlocal held, most
        if j >= 0 and active[j] and not waiting[j]:
            waiting[j] = True
            held += _bytes(graph, j)
            most = max(most, held)

    for j in graph.outputs:
        begin(j)
    for i in range(len(graph) - 1, len(graph.inputs) - 1, -1):
        if not waiting[i]:
            continue
        for j in graph.operands[i]:
            begin(j)
        held -= _bytes(graph, i)
    return most


def _held_bytes(problem: Problem) -> tuple[int | None, int | None, int | None]:
    """Return what the sweeps hold of an evaluation, with tangents and with adjoints: the bytes of all distinct arrays."""
    graph, wrt = problem.graph, problem.wrt
    if count_evaluation(graph).total() > RUN_LIMIT:
        return None, None, None
    values = NUMPY.run(graph, problem.args)
    kept = _memory(values)
    try:
        tangents = forward_sweep(
            graph, NUMPY, values, [_ones(graph, k) if k in wrt else None for k in range(len(graph.inputs))]
        )
        forward = _memory([*values, *tangents])
    except (AdlabError, NotImplementedError):
        forward = None
    try:
        seeds = [
            (j, np.ones(graph.type_of(j).shape, graph.type_of(j).dtype)[()])
            for j in problem.outputs
            if j >= 0
        ]
        reverse = _memory([*values, *reverse_sweep(graph, NUMPY, values, seeds, wrt)])
    except (AdlabError, NotImplementedError):
        reverse = None
    return kept, forward, reverse


def _ones(graph: Graph, k: int) -> Any:
    return np.ones(graph.types[k].shape, graph.types[k].dtype)[()]


def _memory(values: Iterable[Any]) -> int:
    """Return the bytes of arrays and numbers; a view counts as the array it looks into, once."""
    seen: dict[int, int] = {}
    for value in values:
        owner = value
        while isinstance(owner, np.ndarray) and isinstance(owner.base, np.ndarray):
            owner = owner.base
        if value is not None:
            seen[id(owner)] = int(getattr(owner, "nbytes", 8))
    return sum(seen.values())


# --------------------------------------------------------------------------------------------------------------- bounds


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


# ---------------------------------------------------------------------------------------------------- chains of Jacobians


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
    labels = tuple(names) if names is not None else tuple(f"J{k}" for k in range(len(sizes), 0, -1))
    if len(labels) != len(sizes):
        raise InputError(f"{len(labels)} names were given for {len(sizes)} Jacobians; give one each.")
    left = sum(sizes[0][0] * rows * columns for rows, columns in sizes[1:])
    right = sum(rows * columns * sizes[-1][1] for rows, columns in sizes[:-1])
    best, order = _best_order(sizes, labels) if len(sizes) <= BEST_LIMIT else (None, "")
    return Chain(labels, sizes, right, left, best, order)


def _checked_shapes(shapes: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    if not shapes:
        raise InputError("A chain needs at least one Jacobian; give shapes such as [(1, 10), (10, 100)].")
    if any(
        len(shape) != 2 or any(int(length) != length or length < 0 for length in shape) for shape in shapes
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
