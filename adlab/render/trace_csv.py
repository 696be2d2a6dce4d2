"""A trace as CSV in tidy form: one line per row and quantity, values with all their digits.

The column ``wrt`` says by what a tangent is a derivative, and of what an adjoint is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adlab.render.table_csv import csv_lines
from adlab.render.trace_rows import output_name, shown_rows
from adlab.reports.trace import Trace

HEADERS = ("row", "name", "label", "scope", "quantity", "wrt", "formula", "substituted", "value")


def to_csv(trace: Trace, *, digits: int = 3) -> Iterator[str]:
    """Return a trace as CSV, line by line.

    Parameters
    ----------
    trace : Trace
    digits : int
        Decimals of the numbers that are substituted into formulas; values have all digits.
    """
    return csv_lines(HEADERS, _lines(trace, digits))


def _lines(trace: Trace, digits: int) -> Iterator[tuple[Any, ...]]:
    for k, row in enumerate(shown_rows(trace, digits)):
        start = (k, row.name, row.label, "/".join(row.scope))
        yield (*start, "value", None, row.formula, row.substituted, row.value)
        for column, cell in row.tangents.items():
            yield (*start, "tangent", column, cell.formula, cell.substituted, cell.value)
        adjoint = row.adjoint
        if adjoint is not None:
            yield (*start, "adjoint", trace.seeded, adjoint.formula, adjoint.substituted, adjoint.value)
    for name, symbol, value in trace.outputs:
        yield (None, name, "output", "", "value", None, output_name(symbol, value), None, value)
