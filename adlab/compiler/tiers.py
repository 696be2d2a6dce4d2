"""When derivatives become native: the first call is interpreted, the second compiles, all later ones are machine code.

A function that is called once must not wait for a compiler; one that is called twice will probably be called often. What
is compiled is the whole answer of a verb, containers and all, traced as any other function is. The first answer and the
later ones may differ in the last digits, since native functions round on their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adlab.errors import AdlabError, CompileError
from adlab.frontends.recording import record
from adlab.ir.graph import Graph

MOST_KEPT = 16
"""Graphs of one function whose answers are kept."""

MOST_NODES = 100_000
"""Answers that come to more nodes stay interpreted: compiling them would take seconds."""


@dataclass
class _Answer:
    """One graph's answer: how often it was asked for, and its code once there is some."""

    graph: Graph
    calls: int = 0
    native: Callable[..., Any] | None = None


class Tiers:
    """What one verb's function has compiled, by the graph that it differentiates."""

    def __init__(self) -> None:
        self._answers: dict[int, _Answer] = {}

    def code(
        self, graph: Graph, args: Sequence[Any], answer: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """Return native code for an answer, or None where it is to be interpreted.

        Parameters
        ----------
        graph : Graph
            What is differentiated; kept alive, so that its identity means something.
        args : sequence
            The arguments of this call: plain numbers, arrays and containers.
        answer : callable
            The answer, interpreted, as a function of the arguments; traced when it is compiled.
        """
        found = self._answers.pop(id(graph), None) or _Answer(graph)
        self._answers[id(graph)] = found
        while len(self._answers) > MOST_KEPT:
            del self._answers[next(iter(self._answers))]
        found.calls += 1
        if found.calls == 2:
            found.native = _compiled(answer, args)
        return found.native


def _compiled(answer: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any] | None:
    """Return the native code of an answer; None where it cannot be traced or has no code."""
    from adlab.compiler.native import (  # a function that is called once needs no compiler
        compile_graph,
        unavailable,
    )

    if unavailable():
        return None
    try:
        recording = record(answer, tuple(args))
        if recording.captured or len(recording.graph) > MOST_NODES:
            return None
        made = compile_graph(recording.graph)
    except CompileError as error:
        warnings.warn(f"{error} This answer stays interpreted.", RuntimeWarning, stacklevel=5)
        return None
    except AdlabError:
        return None
    return None if made.stats.kind == "interpreted" else made
