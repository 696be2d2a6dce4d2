"""Which way to go through a program: forwards once per input element, or backwards once per output element.

Both give the same Jacobian, so the cheaper one is taken: the operations of one pass, counted without computing
(`adlab.transforms.costs`), times the number of passes. Where one way takes `CLEAR` times fewer passes nothing needs
counting, since a reverse pass never costs that much more than a forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from adlab.algebra.counting import CountingAlgebra
from adlab.ir.graph import Graph
from adlab.methods.base import Derivative, Method, Problem
from adlab.methods.forward import Forward
from adlab.methods.reverse import Reverse
from adlab.primitives.rules import Joint
from adlab.transforms.sweeps import active_nodes, forward_sweep, reverse_sweep

CLEAR = 8
"""A forward pass is at least the work of the linear part, a reverse pass at most about five evaluations."""


@dataclass(frozen=True)
class Choice:
    """The cheaper direction.

    Attributes
    ----------
    method : "forward" or "reverse"
    sentence : which passes are taken instead of which, and why
    forward_passes, reverse_passes : int
        Elements of the inputs, elements of the outputs.
    forced : bool
        Whether the other direction is not to be had, because an operation has no rule for it.
    """

    method: str
    sentence: str
    forward_passes: int
    reverse_passes: int
    forced: bool = False


def choose_direction(
    graph: Graph, wrt: Sequence[int], outputs: Sequence[int], passes: tuple[int, int] | None = None
) -> Choice:
    """Return the cheaper direction for a Jacobian.

    Parameters
    ----------
    graph : Graph
    wrt : sequence of int
        Positions of the inputs to differentiate by.
    outputs : sequence of int
        Operands that are differentiated.
    passes : (forward, reverse), optional
        How many passes each direction takes; by default one per element.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.frontends.recording import record
    >>> wide = record(lambda x: np.outer(x, np.arange(1.0, 8.0)), (np.ones(2),)).graph
    >>> choose_direction(wide, [0], wide.outputs).sentence
    '2 forward passes instead of 14 reverse passes: 28 operations against 196.'
    """
    forward, reverse = passes or (
        sum(graph.types[k].size for k in wrt),
        sum(graph.type_of(j).size for j in outputs),
    )
    only, reason = _only_direction(graph, wrt)
    if only:
        method, why = only, reason
    elif forward >= CLEAR * reverse or reverse >= CLEAR * forward:
        method, why = ("forward" if forward < reverse else "reverse"), ", which are by far fewer"
    else:
        each = _operations(graph, wrt, outputs)
        costs = forward * each[0], reverse * each[1]
        method = "forward" if costs[0] <= costs[1] else "reverse"
        why = f": {min(costs):,} operations against {max(costs):,}"
    taken, left = _passes(forward, "forward"), _passes(reverse, "reverse")
    if method == "reverse":
        taken, left = left, taken
    return Choice(method, f"{taken} instead of {left}{why}.", forward, reverse, bool(only))


def _only_direction(graph: Graph, wrt: Sequence[int]) -> tuple[str, str]:
    """Return the direction that all rules serve, and why, where an operation has a rule for one only; else empty."""
    if not any(isinstance(row.rule, Joint) and row.rule.lacks for row in set(graph.primitives)):
        return "", ""
    active = active_nodes(graph, wrt)
    lacking = {
        row.rule.lacks: row.name
        for row, moves in zip(graph.primitives, active, strict=True)
        if moves and isinstance(row.rule, Joint) and row.rule.lacks
    }
    if len(lacking) != 1:
        return "", ""
    ((mode, name),) = lacking.items()
    return ("reverse" if mode == "forward" else "forward"), f": {name} has no {mode} rule"


def _passes(count: int, direction: str) -> str:
    return f"{count:,} {direction} pass" + ("" if count == 1 else "es")


def _operations(graph: Graph, wrt: Sequence[int], outputs: Sequence[int]) -> tuple[int, int]:
    """Return the operations of a forward pass seeded at all inputs and of a reverse pass seeded at all outputs."""
    counting = CountingAlgebra()
    values = counting.run(graph, [counting.value(type) for type in graph.input_types])
    counting.counts.clear()
    chosen = set(wrt)
    seeds = [counting.value(type) if k in chosen else None for k, type in enumerate(graph.input_types)]
    forward_sweep(graph, counting, values, seeds)
    forward = counting.counts.total()
    counting.counts.clear()
    reverse_sweep(graph, counting, values, [(j, counting.value(graph.type_of(j))) for j in outputs], wrt)
    return forward, counting.counts.total()


class Auto(Method):
    """Forward or reverse mode, whichever is cheaper for the function at hand; the answer says which and why."""

    name = "auto"
    title = "The cheaper direction"

    def compute(self, problem: Problem, **options: Any) -> Derivative:
        """Return the answer of the cheaper mode, with the sentence among its notes."""
        choice = choose_direction(problem.graph, problem.wrt, problem.outputs)
        method: Method = Forward() if choice.method == "forward" else Reverse()
        found = method.compute(problem)
        return replace(found, notes=(choice.sentence, *found.notes))


__all__ = ["CLEAR", "Auto", "Choice", "choose_direction"]
