"""The page without controls: the picture and three tables, at one point."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from adlab.algebra.notation import Term
from adlab.ir.types import BOOL
from adlab.render.explorer.document import document, figure, heading, typeset
from adlab.render.explorer.formulas import MODES, NUMBERS, equation
from adlab.render.explorer.subject import Subject, trace_of
from adlab.render.formula import can_substitute, write
from adlab.render.numbers import significant, summary
from adlab.reports.picture import Picture
from adlab.reports.trace import Row, Trace

STATIC_ROWS = 400
"""So many rows of a trace a page without controls shows."""
HEADS = {"value": "Evaluation", "tangent": "Tangents by {column}", "adjoint": "Adjoints of {output}"}


def static_page(picture: Picture, svg: str, subject: Subject, reason: str) -> str:
    """Return the page of a graph that its script cannot compute, with the reason."""
    trace = trace_of(subject, 0)
    tables = "".join(_table(trace, mode) for mode in HEADS if mode in _modes(trace))
    body = [heading(subject.graph), f'<p class="why">{escape(reason)}</p>', figure(svg)]
    return document(picture.title, "\n".join([*body, f'<div class="tables">{tables}</div>']))


def _modes(trace: Trace) -> tuple[str, ...]:
    """Return the quantities that a trace holds."""
    return MODES if trace.mode == "all" else MODES[:1]


def _table(trace: Trace, mode: str) -> str:
    """Return one quantity as a table: formula, numbers, result; what comes first is computed first."""
    column = trace.columns[0] if trace.columns else ""
    rows = trace.reversed_rows if mode == "adjoint" else trace.rows
    lines = "".join(_row(row, mode, column) for row in rows[:STATIC_ROWS])
    missing = len(rows) - STATIC_ROWS
    left = f'<p class="note">{missing} more rows are left out.</p>' if missing > 0 else ""
    title = escape(HEADS[mode].format(column=column, output=trace.seeded))
    return f"<section><h2>{title}</h2><table><tbody>{lines}</tbody></table>{left}</section>"


def _row(row: Row, mode: str, column: str) -> str:
    formula, value = _cell(row, mode, column)
    shown = formula is not None and can_substitute(formula)
    numbers = escape(write(formula, NUMBERS, substitute=True)) if formula is not None and shown else ""
    head = f'<th scope="row">{typeset(equation(row, mode, formula, column))}</th>'
    result = _result(value) if mode == "value" or not _is_truth(row) else "·"
    return f'<tr>{head}<td class="numbers">{numbers}</td><td class="{mode}">{result}</td></tr>'


def _is_truth(row: Row) -> bool:
    return np.asarray(row.value).dtype == BOOL


def _result(value: Any) -> str:
    return summary(value) if np.ndim(value) else significant(value)


def _cell(row: Row, mode: str, column: str) -> tuple[Term | None, Any]:
    """Return formula and value of one quantity of a row."""
    if mode == "value":
        return row.formula, row.value
    if mode == "tangent":
        return row.tangents[column].formula, row.tangents[column].value
    return (None, 0.0) if row.adjoint is None else (row.adjoint.formula, row.adjoint.value)
