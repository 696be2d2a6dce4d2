"""The examination: what went bad, whether it is really so, and which rewrite heals it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.methods.base import make_problem
from adlab.methods.reference import Reference, reference
from adlab.reports.autopsy.body import Body, count_bad
from adlab.reports.autopsy.report import Autopsy, Finding, Rewrite, all_finite
from adlab.reports.autopsy.trials import ENOUGH, WORK, Trials, size_of, summed
from adlab.reports.rewrites import Candidate, Surgeon, candidates
from adlab.transforms.evaluation import flatten_args
from adlab.transforms.unroll import closed_loops, step_of, unrolled

ROUNDS = 4
"""Rewrites that may be needed one after the other."""


def autopsy(f: Any, *args: Any, names: Sequence[str] | None = None) -> Autopsy:
    """Find out where a value or a derivative became infinite or NaN, and how to write the line instead.

    The arguments are those of `adlab.autopsy`.

    Raises
    ------
    InputError
        For arguments that do not fit.

    Examples
    --------
    >>> report = autopsy(lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0)
    >>> report.findings[0].cause, report.rewrite.name
    ('0 · ∞', 'double where')
    >>> float(report.rewrite.gradient["x"])
    0.0
    """
    recording = to_graph(f, args, names)
    if recording.captured:
        raise InputError("autopsy takes a function of numbers; this one closes over a traced value.")
    graph = recording.graph
    if not args and graph.inputs:
        raise InputError(f"An autopsy needs a point: give a value for {', '.join(graph.inputs)}.")
    leaves = flatten_args(graph, args)
    graph = unrolled(graph)
    make_problem(graph, leaves, None, None, NUMPY)
    return _report(graph, leaves)


def _report(graph: Graph, leaves: Sequence[Any]) -> Autopsy:
    body = Body(graph, leaves)
    notes: list[str] = []
    several = sum(type.size for type in graph.output_types) > 1
    if several:
        notes.append("The function returns several numbers; adjoints and derivatives are those of their sum.")
    if loops := closed_loops(graph):
        notes.append(
            f"The loop {', '.join(loops)} has too many steps to look into, so it is one operation here."
        )
    truth = _truth(graph, leaves, notes)
    culprit = next((f for f in body.findings if f.value != f.value), next(iter(body.findings), None))
    rewrite = None
    if culprit is not None and not body.healthy and not _really_infinite(body, truth):
        rewrite = _rewrite(graph, leaves, notes)
        if rewrite is None:
            notes.append(_unproposed(culprit))
    return Autopsy(
        dict(zip(graph.inputs, leaves, strict=True)),
        "(sum of the results)" if several else graph.output_names[0],
        body.findings,
        tuple(body.path(culprit)) if culprit else (),
        rewrite,
        body.outputs,
        body.gradient,
        {} if truth is None else {graph.inputs[k]: value for k, value in summed(graph, truth).items()},
        tuple(notes),
    )


def _unproposed(culprit: Finding) -> str:
    """Return why there is no rewrite."""
    if culprit.step:
        return "No rewrite is proposed: the operation is one step of a loop, and a rewritten line would change every step."
    return "No rewrite is proposed: none of those that adlab knows was shown to be equal and finite here."


def _truth(graph: Graph, leaves: Sequence[Any], notes: list[str]) -> Reference | None:
    """Return the derivative to fifty digits, or None where there is none or it would take too long."""
    if size_of(graph) * 4 * max(1, sum(type.size for type in graph.input_types)) > WORK:
        return None
    try:
        return reference(graph, leaves)
    except AdlabError:
        return None


def _really_infinite(body: Body, truth: Reference | None) -> bool:
    """Return whether the derivative holds no NaN, and is infinite only where it is so in truth."""
    if truth is None or any(np.any(np.isnan(np.asarray(v, float))) for v in body.gradient.values()):
        return False
    if not all(all_finite(v) for v in body.outputs):
        return False
    exact = summed(body.graph, truth)
    return all(
        np.array_equal(np.isfinite(exact[k]), np.isfinite(np.asarray(body.gradient[body.graph.inputs[k]])))
        for k in exact
    )


def _rewrite(graph: Graph, leaves: Sequence[Any], notes: list[str]) -> Rewrite | None:
    """Return the first rewrite that is shown to be equal and free of NaN at the point."""
    if size_of(graph) * 2 * ENOUGH > WORK:
        notes.append("The program is too large to show a rewrite equal in fifty digits, so none is proposed.")
        return None
    try:
        trials, current = Trials(graph, leaves), graph
    except AdlabError as error:
        notes.append(f"A rewrite cannot be shown equal in fifty digits: {error}")
        return None
    done: list[tuple[Candidate, Graph]] = []
    for _ in range(ROUNDS):
        body = Body(current, leaves)
        step: tuple[Candidate, Graph] | None = None
        for culprit in sorted(body.findings, key=lambda f: (f.value == f.value, f.kind == "tangent")):
            for candidate in candidates(current, body.values, culprit.index):
                if step_of(current, candidate.node):
                    continue  # the line would be rewritten for every step, the node is that of one
                changed = Surgeon(current).apply(candidate)
                if changed is None or not trials.equal(changed):
                    continue
                if trials.heals(changed):
                    return trials.rewrite([*done, (candidate, current)], changed, culprit)
                if step is None and _moved_on(changed, leaves, body):
                    step = (candidate, changed)
        if step is None:
            return None
        done.append((step[0], current))
        current = step[1]
    return None


def _moved_on(changed: Graph, leaves: Sequence[Any], body: Body) -> bool:
    """Return whether a rewrite leaves fewer bad adjoints and values than there were."""
    return count_bad(Body(changed, leaves)) < count_bad(body)
