"""A trace as JSON: rows in the order in which they are computed, formulas as text, numbers with all their
digits.

What a mode does not compute is absent; infinities and NaN, for which JSON has no numbers, are the strings
"inf", "-inf", "nan".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adlab.render.table_json import dumped
from adlab.render.trace_rows import (
    ShownAdjoint,
    ShownCell,
    ShownContribution,
    ShownRow,
    output_name,
    shown_rows,
)
from adlab.reports.lazy import KEPT
from adlab.reports.trace import Trace


def to_json(trace: Trace, *, digits: int = 3) -> Iterator[str]:
    """Return a trace as JSON text, row by row.

    Parameters
    ----------
    trace : Trace
    digits : int
        Decimals of the numbers that are substituted into formulas; values have all digits.
    """
    data: dict[str, Any] = {
        "mode": trace.mode,
        "inputs": list(trace.inputs),
        "outputs": [output_name(symbol, value) for _, symbol, value in trace.outputs],
    }
    if trace.title:
        data["title"] = trace.title
    data["point"] = dict(trace.point)
    if trace.mode in ("forward", "all"):
        data["columns"] = list(trace.columns)
        data["columns_left_out"] = trace.left_out
    if trace.mode in ("reverse", "all"):
        data["derivative_of"] = trace.seeded
    data["rows"] = map(_row, shown_rows(trace, digits))
    data["cost"] = {name: dict(counts) for name, counts in trace.costs.items()}
    if trace.bad:
        data["bad"] = trace.bad
    if trace.remarks:
        data["remarks"] = list(trace.remarks)
    return dumped(data, compact=len(trace.rows) > KEPT)


def _row(row: ShownRow) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": row.name,
        "formula": row.formula,
        "substituted": row.substituted,
        "value": row.value,
    }
    if row.scope:
        found["scope"] = list(row.scope)
    tangents, adjoint = row.tangents, row.adjoint
    if tangents:
        found["tangents"] = {column: _cell(cell) for column, cell in tangents.items()}
    if adjoint is not None:
        whole = _cell(adjoint)
        parts = [
            {
                "from": part.source,
                **(whole if part.term is adjoint.term else _cell(part)),
                "value": part.value,
            }
            for part in adjoint.contributions
        ]
        found["adjoint"] = {**whole, "contributions": parts}
    return found


def _cell(cell: ShownCell | ShownAdjoint | ShownContribution) -> dict[str, Any]:
    return {"formula": cell.formula, "substituted": cell.substituted, "value": cell.value}
