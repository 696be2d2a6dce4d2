"""Reports that are tables of methods or checks, ready to be shown: in a terminal, a notebook, a page, a file.

A shown report holds the report and offers its data under the same names; every format is made from one sheet of tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from adlab.render.formats import render_table
from adlab.render.numbers import significant
from adlab.render.tables import Column, Entry, Line, Sheet, Table, Value, plain_table
from adlab.reports.checking import CheckReport
from adlab.reports.comparison import Comparison, MethodReport
from adlab.reports.gradient import GradientReport


class PlainData(Protocol):
    """A report that can say itself as plain data."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""


Report = TypeVar("Report", bound=PlainData)

UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))

ABSENT = "·"
"""Stands where there is nothing to measure: never 0, never an empty cell."""

DIGITS = 9
"""Decimals of values: enough to see where methods part."""


class Shown(Generic[Report]):
    """A report with its renderings; attributes are the report's own.

    Attributes
    ----------
    report
        The data.
    """

    def __init__(self, report: Report) -> None:
        self.report: Report = report

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "report":
            raise AttributeError(name)
        return getattr(self.report, name)

    def sheet(self) -> Sheet:
        """Return what is shown, before a format is chosen."""
        raise NotImplementedError

    def data(self) -> Sheet | Table:
        """Return what a machine reads: one table of plain numbers."""
        return self.sheet()

    def render(self, format: str = "text", **options: Any) -> str:
        """Return the report in a format: text, markdown, latex, html, csv or json.

        Parameters
        ----------
        format : str
        **options
            ``digits`` for all but CSV and JSON; ``ascii``, ``width`` and ``color`` for text; ``document`` for LaTeX;
            ``page`` for HTML.
        """
        if format == "json":
            return self.to_json()
        if format == "csv":
            return render_table(self.data(), format, **options)
        options.setdefault("digits", DIGITS)
        return render_table(self.sheet(), format, **options)

    def to_text(self, **options: Any) -> str:
        """Return text for a terminal."""
        return self.render("text", **options)

    def to_markdown(self, **options: Any) -> str:
        """Return Markdown."""
        return self.render("markdown", **options)

    def to_latex(self, **options: Any) -> str:
        """Return LaTeX with booktabs."""
        return self.render("latex", **options)

    def to_html(self, **options: Any) -> str:
        """Return HTML with MathML."""
        return self.render("html", **options)

    def to_csv(self) -> str:
        """Return comma-separated values with all digits."""
        return self.render("csv")

    def to_json(self) -> str:
        """Return JSON with all digits."""
        return json.dumps(self.report.to_dict(), ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()


class ShownComparison(Shown[Comparison]):
    """The methods beside each other, and why each is off; ``shown["reverse"]`` is one method's report."""

    def __getitem__(self, name: str) -> MethodReport:
        return self.report[name]

    def data(self) -> Table:
        """Return one line per method with plain numbers."""
        return plain_table(*self.report.table())

    def sheet(self) -> Sheet:
        """Return the table of methods against the reference, then a sentence for each method."""
        report, names = self.report, list(self.report.point)
        reference = report.reference
        judge = (
            "reference",
            _value(reference.value),
            *(_value(reference.gradient.get(name)) for name in names),
            None,
            None,
        )
        accuracy = Table(
            "The methods against fifty digits",
            (
                Column("words", "method"),
                Column("value", "value"),
                *(Column("value", f"∂/∂{name}") for name in names),
                Column("value", "relative error"),
                Column("value", "ulps"),
            ),
            [Line(judge), *(Line(self._accuracy(m, names)) for m in report.methods)],
            headed=True,
            stub=1,
        )
        headers = ("method", "evaluations", "forward passes", "reverse passes", "operations", "time")
        cost = Table(
            "What it cost",
            (Column("words", headers[0]), *(Column("value", header) for header in headers[1:])),
            [Line(self._cost(m)) for m in report.methods],
            headed=True,
            stub=1,
        )
        by_reason: dict[str, list[str]] = {}
        for m in report.methods:
            by_reason.setdefault(m.reason, []).append(m.name)
        reasons = tuple(f"{', '.join(same)}: {reason}" for reason, same in by_reason.items() if reason)
        return Sheet((), (accuracy, cost), notes=reasons, warnings=tuple(report.notes))

    def _accuracy(self, m: MethodReport, names: list[str]) -> tuple[Entry, ...]:
        errors = [ABSENT if e is None else significant(e, 2) for e in (m.relative_error, m.ulps)]
        return (m.name, _value(m.value), *(_value(m.gradient.get(name)) for name in names), *errors)

    def _cost(self, m: MethodReport) -> tuple[Entry, ...]:
        cost = m.cost
        if cost is None:
            return (m.name, *[ABSENT] * 4, duration(m.seconds) or ABSENT)
        counts = (cost.evaluations, cost.forward_passes, cost.reverse_passes, sum(cost.operations.values()))
        return (m.name, *(f"{count:,}" for count in counts), duration(m.seconds))


class ShownGradient(Shown[GradientReport]):
    """One method's value and derivatives."""

    def sheet(self) -> Sheet:
        """Return one line per result and input, and the cost below."""
        report = self.report
        lines = []
        for out, row in report.blocks.items():
            lines.append(Line((out, Value(report.values[out]))))
            lines += [Line((f"∂{out}/∂{name}", Value(block))) for name, block in row.items()]
        columns = (Column("words", "quantity"), Column("value", "value"))
        cost = report.cost
        passes = f"{cost.forward_passes} forward passes, {cost.reverse_passes} reverse passes"
        operations = sum(cost.operations.values())
        evaluations = "1 evaluation" if cost.evaluations == 1 else f"{cost.evaluations} evaluations"
        words = f"Method {report.method}: {evaluations}, {passes}, {operations} operations."
        notes = (words, *report.notes, *report.singular.sentences)
        warnings = (report.warning,) if report.bad else ()
        return Sheet((), (Table("", columns, lines),), notes=notes, warnings=warnings)

    def render(self, format: str = "text", **options: Any) -> str:
        """Return the report in a format, arrays in full."""
        if format not in ("json", "csv"):
            options.setdefault("full", True)
        return super().render(format, **options)


class ShownCheck(Shown[CheckReport]):
    """The verdict of a gradient check."""

    def sheet(self) -> Sheet:
        """Return what was compared with what, entry by entry, and the verdict."""
        headers, rows = self.report.table()
        columns = tuple(
            Column("value" if _numeric(rows, k) else "words", header) for k, header in enumerate(headers)
        )
        lines = [Line(tuple(_value(cell) for cell in row)) for row in rows]
        tables = (Table("", columns, lines, headed=True, stub=1),) if rows else ()
        return Sheet((self.report.sentence,), tables, notes=self.report.notes)


def _numeric(rows: list[list[Any]], column: int) -> bool:
    return any(not isinstance(row[column], (str, type(None), bool)) for row in rows)


def _value(value: Any) -> Entry:
    """Return a cell: words as they are, numbers as values, nothing where nothing was computed."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return Value(np.asarray(value)) if value and not isinstance(value[0], Mapping) else None
    return Value(value)


def duration(seconds: float | None) -> str | None:
    """Return a time with a unit that fits: "12 µs", "3.4 ms", "1.2 s".

    Examples
    --------
    >>> duration(0.0034), duration(1.2e-5), duration(2.0)
    ('3.4 ms', '12 µs', '2 s')
    """
    if seconds is None:
        return None
    unit, size = next(((u, s) for u, s in UNITS if seconds >= s), UNITS[-1])
    count = seconds / size
    return f"{count:.0f} {unit}" if count >= 9.95 else f"{count:.2g} {unit}"
