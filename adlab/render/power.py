"""What checkers catch, ready to be shown."""

from __future__ import annotations

from adlab.render.columns import RIGHT, headed
from adlab.render.numbers import significant
from adlab.render.shown import Shown
from adlab.render.tables import Line, Sheet
from adlab.reports.power import Power, PowerRow


class ShownPower(Shown[Power]):
    """Which checker, at which tolerance, catches which mistake."""

    def __getitem__(self, key: tuple[str, float]) -> PowerRow:
        return self.report[key]

    def sheet(self) -> Sheet:
        """Return one line per checker and tolerance: false alarms, then how many mistakes of each kind it caught."""
        report = self.report
        headers = ("checker", "tolerance", "correct", *report.faults)
        lines = [
            Line(
                (
                    row.checker,
                    significant(row.tolerance, 2),
                    None if row.note else "false alarm" if row.false_alarm else RIGHT,
                    *(
                        None if row.note else f"{row.caught[fault]}/{report.planted(fault)}"
                        for fault in report.faults
                    ),
                )
            )
            for row in report.rows
        ]
        title = f"Mistakes caught, of those planted ({report.mode} mode)"
        return Sheet((), (headed(title, headers, lines, words=(0, 2)),), notes=report.notes)
