"""The autopsy of a NaN, ready to be shown."""

from __future__ import annotations

from adlab.render.columns import block, numbers, place, words
from adlab.render.shown import Shown
from adlab.render.tables import Line, Sheet, Table, Value
from adlab.reports.autopsy import Autopsy, Finding, PathStep, shown


class ShownAutopsy(Shown[Autopsy]):
    """Where a NaN comes from, and the line rewritten."""

    def sheet(self) -> Sheet:
        """Return what went bad, the way back to an input, the rewritten line, and the derivatives."""
        report = self.report
        tables = (self._findings(), self._path(), self._lines(), self._derivatives())
        shown = tuple(table for table in tables if table.lines)
        return Sheet((report.sentence,), shown, notes=report.notes)

    def _findings(self) -> Table:
        lines = [
            Line((f.target + _element(f.element), f.formula, f"{f.cause} = {shown(f.value)}", _line(f)))
            for f in self.report.findings
        ]
        columns = words("first bad", "made by", "because", "line")
        return Table("What went bad", columns, lines, headed=True, stub=1)

    def _path(self) -> Table:
        lines = [Line((s.name, s.formula, Value(s.value), _line(s))) for s in self.report.path]
        columns = words("node", "operation", "value", "line")
        return Table("The way back to the input", columns, lines, headed=True, stub=1)

    def _lines(self) -> Table:
        rewrite = self.report.rewrite
        if rewrite is None:
            return Table("", words("", ""), [])
        found = rewrite.rewritten
        lines = [
            Line((place(rewrite.source) or "as it is", rewrite.line if found else rewrite.before)),
            Line(("instead", found or rewrite.after)),
        ]
        notes = (rewrite.sentence, *rewrite.notes)
        return Table(f"The line, rewritten: {rewrite.name}", words("", "code"), lines, notes=notes, stub=1)

    def _derivatives(self) -> Table:
        report = self.report
        if not report.findings:
            return Table("", words("", ""), [])
        rewrite = report.rewrite
        columns = (
            *words("derivative"),
            *numbers("as it is", "fifty digits", *(["rewritten"] if rewrite else [])),
        )
        lines = [
            Line(
                (
                    f"∂{report.output}/∂{name}",
                    block(found),
                    block(report.truth.get(name)),
                    *([block(rewrite.gradient[name])] if rewrite else []),
                )
            )
            for name, found in report.gradient.items()
        ]
        return Table("The derivatives", columns, lines, headed=True, stub=1)


def _line(at: Finding | PathStep) -> str:
    """Return the user's line, and the step of the loop that it belongs to."""
    return ", ".join(part for part in (place(at.source), at.step) if part)


def _element(element: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, element))}]" if element else ""
