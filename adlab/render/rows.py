"""The rule table on paper: one line per primitive, in every format of `adlab.render.tables`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adlab.render.formats import render_table
from adlab.render.tables import Column, Entry, Line, Phrase, Sheet, Table
from adlab.reports.rows import RowFacts

WORDS = {
    "linear": "linear: applied to the tangents",
    "bilinear": "bilinear: the product rule",
    "reduction": "weights, summed",
    "own": "a rule of its own",
    "none": "none: piecewise constant",
}


def render_rows(rows: Sequence[RowFacts], format: str = "text", **options: object) -> str:
    """Return the rule table in a format: text, markdown, latex, html, csv or json."""
    if format == "json":
        return json.dumps([row.to_dict() for row in rows], ensure_ascii=False)
    return render_table(_sheet(rows), format, **options)


def _sheet(rows: Sequence[RowFacts]) -> Sheet:
    columns = (
        Column("words", "primitive"),
        Column("words", "derivative"),
        Column("words", "domain"),
        Column("words", "kinks: convention"),
        Column("words", "meaning"),
    )
    lines = [Line((_name(row), _derivative(row), row.domain, _kinks(row), row.summary)) for row in rows]
    return Sheet((), (Table("", columns, lines, headed=True, stub=1),))


def _name(row: RowFacts) -> Entry:
    return ", ".join((row.name, *row.aliases))


def _kinks(row: RowFacts) -> Entry:
    return "; ".join(f"{where}: {convention}" for where, convention in row.kinks)


def _derivative(row: RowFacts) -> Entry:
    """Return ∂y/∂x = … for each operand, or the kind of rule."""
    if row.rule != "partials":
        return WORDS[row.rule]
    names = "x" if len(row.partials) == 1 else "abcdef"
    parts: list[Entry] = []
    for name, partial in zip(names, row.partials, strict=False):
        if partial is not None:
            parts += [", " if parts else "", f"∂/∂{name} = ", partial]
    return Phrase(tuple(parts)) if parts else "none"
