"""The marks of a trace table, ready to be shown."""

from __future__ import annotations

from adlab.render.columns import RIGHT, WRONG, headed
from adlab.render.shown import Shown
from adlab.render.tables import Line, Sheet
from adlab.reports.grading import GradeReport


class ShownGrade(Shown[GradeReport]):
    """Each cell of a trace table with its mark, and what went wrong."""

    def sheet(self) -> Sheet:
        """Return one line per cell, the rows that are missing, and the verdict."""
        report = self.report
        lines = [
            Line((f"{cell.line}", cell.row, cell.text, RIGHT if cell.right else WRONG, cell.sentence or None))
            for cell in report.cells
        ]
        lines += [Line((None, row.row, None, WRONG, row.sentence)) for row in report.missing]
        headers = ("line", "row", "cell", "mark", "why")
        table = headed("", headers, lines, words=(1, 2, 3, 4))
        return Sheet((f"Marks for {report.function}",), (table,), notes=(report.sentence,))
