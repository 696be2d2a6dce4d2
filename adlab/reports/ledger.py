"""The cost ledger: what each way to differentiate takes, predicted by the theorems and counted on the graph.

For a function from m to n numbers, differences take m + 1 or 2m + 1 evaluations (value included), forward mode m passes and
reverse mode n. The ledger counts what the methods take, the bytes they need (`storage`), whether the theorems on the cost
of a pass hold (`bounds`), and what multiplying the local Jacobians takes in either order (`chains`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.methods import METHODS
from adlab.methods.base import Problem, make_problem
from adlab.methods.symbolic import expressions_of
from adlab.reports.bounds import Bound, measure
from adlab.reports.chains import Chain, chain_of_graph
from adlab.reports.storage import RUN_LIMIT, held_bytes, needed_bytes
from adlab.transforms.costs import count_evaluation, count_forward, count_reverse, times
from adlab.transforms.evaluation import flatten_args

SYMBOLIC_ELEMENTS = 2_000
SYMBOLIC_ENTRIES = 400
"""Larger graphs and Jacobians are not written out as expressions."""


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


def _modes(problem: Problem, m: int, n: int) -> tuple[ModeCost, ...]:
    graph, operations = problem.graph, count_evaluation(problem.graph).total()
    least, both, tape = needed_bytes(graph, problem.wrt)
    held = held_bytes(problem)
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
