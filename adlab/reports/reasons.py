"""Why a method's answer is not the reference, in a sentence per method."""

from __future__ import annotations

from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.ir.graph import Graph
from adlab.methods import METHODS
from adlab.methods.base import Derivative
from adlab.reports.badvalues import KinkNode, nodes_on_kinks
from adlab.reports.differences import as_floats, largest_bar, measured_parts
from adlab.reports.question import Errors, Question

HALF = 0.5 + 1e-9
"""Within half a unit in the last place no other number is closer."""

COARSE = 1e-9
"""A relative error that rounding alone rarely explains."""


def reason(question: Question, found: Derivative, scheme: str, errors: Errors) -> str:
    """Return why an answer is off, followed by the method's own notes.

    Parameters
    ----------
    question : Question
    found : Derivative
    scheme : str
        Of numerical differentiation.
    errors : Errors
        As `Question.errors` returns them.
    """
    return " ".join([_reason(question, found, scheme, errors), *found.notes])


def _reason(question: Question, found: Derivative, scheme: str, errors: Errors) -> str:
    relative, absolute, distance = errors
    if question.exact is None:
        return "There is no reference to compare with."
    if question.exact.kinks:
        return _kink_reason(question, found)
    if relative is None or absolute is None or distance is None or question.undefined():
        return _infinite_reason(question, found)
    if distance <= HALF:
        return "Exact to the last bit: the reference, rounded, is this number."
    if not np.isfinite(absolute):
        return _infinite_reason(question, found)
    if found.method != "numerical":
        sitting = nodes_on_kinks(question.graph, NUMPY.run(question.graph, question.values))
        if sitting and relative > COARSE:
            return f"Off by {absolute:.3g}, although the function is smooth here: {_convention(sitting[0], found)}"
        return f"Off by {distance:.3g} ulp: rounding of the single operations, {absolute:.3g} in size."
    return _numerical_reason(question, found, scheme, absolute)


def _convention(sitting: KinkNode, found: Derivative) -> str:
    """Say which node is on a kink; the rule table's convention is none of other systems."""
    if found.method in METHODS:
        return sitting.sentence
    return f"{sitting.node.words}, sits on its kink {sitting.where}, where this system has a convention of its own."


def _infinite_reason(question: Question, found: Derivative) -> str:
    """Say why an infinity or NaN stands where the reference has another value, or the other way round."""
    assert question.exact is not None
    if not all(np.all(np.isfinite(as_floats(v))) for v in question.exact.values):
        return (
            "The function itself has no finite value here, hence no derivative; "
            "what is shown is what IEEE arithmetic makes of the formula."
        )
    if found.method == "numerical":
        return "The steps leave the domain, or meet an infinite value: differences need both sides."
    return "The derivative is infinite or undefined here, or one of its terms is, such as 0·∞."


def _kink_reason(question: Question, found: Derivative) -> str:
    """Say which convention a method follows at a kink."""
    assert question.exact is not None
    kink = question.exact.kinks[0]
    column = [question.graph.inputs[k] for k in question.positions].index(kink.input)
    block = np.asarray(found.jacobians[kink.output][column])
    place: Any = (..., *kink.element)
    given = block[place] if kink.element else block
    shown = f"{float(given):.6g}" if np.ndim(given) == 0 else "its own value"
    conventions = _conventions(question.graph) if found.method in ("forward", "reverse") else []
    rule = f" ({'; '.join(conventions)})" if conventions else ""
    return (
        f"On a kink in {kink.input}: the derivative is {kink.right:.6g} from the right and {kink.left:.6g} "
        f"from the left; this method's convention gives {shown}{rule}."
    )


def _conventions(graph: Graph) -> list[str]:
    """Return the conventions of the primitives in the graph that have kinks."""
    rows = {primitive.name: primitive for primitive in graph.primitives if primitive.kinks}
    return [f"{name} at {kink.where}: {kink.convention}" for name, row in rows.items() for kink in row.kinks]


def _numerical_reason(question: Question, found: Derivative, scheme: str, absolute: float) -> str:
    """Say how much of a difference's error is truncation and how much is rounding."""
    assert question.exact is not None
    if scheme == "complex":
        return (
            f"Off by {absolute:.3g}: the complex step subtracts nothing; this is rounding of the operations."
        )
    if scheme == "richardson":
        bar = largest_bar(found)
        own = "" if bar is None else f" Its own error bar is {bar:.3g}."
        return f"Off by {absolute:.3g}: what extrapolation to h → 0 leaves of truncation and rounding.{own}"
    parts = measured_parts(question.graph, question.values, question.positions, found, question.exact, scheme)
    if parts is None:
        return f"Off by {absolute:.3g}: truncation and rounding of the difference, which could not be told apart here."
    h, truncation, rounding = parts
    larger = "truncation" if truncation > rounding else "rounding"
    return (
        f"Off by {absolute:.3g} with h = {h:.3g}: computed exactly, the same difference would be off by "
        f"{truncation:.2g} (truncation); the other {rounding:.2g} is rounding. So it is mostly {larger}."
    )
