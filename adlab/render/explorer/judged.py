"""What only Python can compute: derivatives of fifty digits and SymPy's, both at the point of the file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adlab.errors import AdlabError
from adlab.render.explorer.subject import Subject


def coded(value: Any) -> Any:
    """Return a number as JSON has it; infinities and NaN as words."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    x = float(value)
    return x if math.isfinite(x) else {math.inf: "inf", -math.inf: "-inf"}.get(x, "nan")


def exact_derivatives(subject: Subject) -> tuple[list[list[list[Any]]] | None, list[str]]:
    """Return each derivative as a sum of two floats, which shows errors below one rounding, and remarks."""
    from adlab.methods.reference import reference

    assert subject.inputs is not None
    try:
        found = reference(subject.graph, subject.inputs)
    except AdlabError:
        return None, []
    exact = [[_two_floats(d) for d in row] for row in found.jacobians]
    kinks = dict.fromkeys(kink.input for kink in found.kinks)
    remarks = [
        f"In {name} the point sits on a kink: the reference is the mean of both sides." for name in kinks
    ]
    return exact, [*remarks, *found.notes]


def _two_floats(exact: Any) -> list[Any]:
    high = float(exact)
    low = float(exact - high) if math.isfinite(high) else 0.0
    return [coded(high), low if abs(low) > 1e-45 * abs(high) else 0.0]


def symbolic_derivatives(subject: Subject) -> list[list[Any]] | None:
    """Return SymPy's derivatives at the point; None where it has none or they outgrow the limit."""
    from adlab.methods.symbolic import Symbolic

    assert subject.inputs is not None
    try:
        found = Symbolic().derivative(subject.graph, subject.inputs)
    except AdlabError:
        return None
    return [[coded(d) for d in row] for row in found.jacobians]
