"""The page without controls: the picture and three tables, at one point."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from adlab.algebra.notation import Term
from adlab.ir.types import BOOL
from adlab.render.explorer.document import document, figure, heading, math
from adlab.render.explorer.formulas import MODES, NUMBERS, equation
from adlab.render.explorer.subject import Subject, trace_of
from adlab.render.formula import can_substitute, write
from adlab.render.numbers import significant, summary
from adlab.reports.picture import Picture
from adlab.reports.trace import Row, Trace

STATIC_ROWS = 400
"""So many rows of a trace a page without controls shows."""
HEADS = {"value": "Evaluation", "tangent": "Tangents", "adjoint": "Adjoints"}


def static_page(picture: Picture, svg: str, subject: Subject, reason: str) -> str:
    trace = trace_of(subject, 0)
    body = [
        heading(subject.graph),
        f'<p class="why">{escape(reason)}</p>',
        f"<figure>{_inline(svg)}</figure>",
    ]
    body.append('<div class="tables">')
    body += [_static_table(trace, mode) for mode in MODES]
    body.append("</div>")
    return document(picture.title, "\n".join(body))


def _static_table(trace: Trace, mode: str) -> str:
    """Return one trace as a table: formula, numbers, result."""
    heads = {"value": "Evaluation", "tangent": "Tangents", "adjoint": "Adjoints"}
    column = trace.columns[0] if trace.columns else ""
    if mode == "tangent" and not column:
        return ""
    rows = trace.reversed_rows if mode == "adjoint" else trace.rows
    lines = [_static_row(row, mode, column) for row in rows[:STATIC_ROWS]]
    left = (
        f'<p class="note">{len(rows) - STATIC_ROWS} more rows are left out.</p>'
        if len(rows) > STATIC_ROWS
        else ""
    )
    title = heads[mode] + (
        f" by {escape(column)}"
        if mode == "tangent"
        else f" of {escape(trace.seeded)}"
        if mode == "adjoint"
        else ""
    )
    table = "".join(lines)
    return f"<section><h2>{title}</h2><table><tbody>{table}</tbody></table>{left}</section>"


def _static_row(row: Row, mode: str, column: str) -> str:
    formula, value = _cell(row, mode, column)
    numbers = (
        write(formula, NUMBERS, substitute=True) if formula is not None and can_substitute(formula) else ""
    )
    known = mode == "value" or getattr(row.value, "dtype", None) != BOOL
    result = (summary(value) if np.ndim(value) else significant(value)) if known else "·"
    head = math(equation(row, mode, formula, column))
    return f'<tr><th scope="row">{head}</th><td class="numbers">{escape(numbers)}</td><td class="{mode}">{result}</td></tr>'


def _cell(row: Row, mode: str, column: str) -> tuple[Term | None, Any]:
    """Return formula and value of one quantity of a row."""
    if mode == "value":
        return row.formula, row.value
    if mode == "tangent":
        return row.tangents[column].formula, row.tangents[column].value
    return (None, 0.0) if row.adjoint is None else (row.adjoint.formula, row.adjoint.value)
