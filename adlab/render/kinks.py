"""The kinks and branches near a point, ready to be shown."""

from __future__ import annotations

from adlab.render.columns import block, numbers, place, words
from adlab.render.numbers import significant
from adlab.render.shown import Shown
from adlab.render.tables import Entry, Line, Phrase, Sheet, Table, Value
from adlab.reports.conventions import PEERS
from adlab.reports.kinks import KinkLedger, Switch


class ShownKinks(Shown[KinkLedger]):
    """The switches near a point, and the derivatives on both sides."""

    def sheet(self) -> Sheet:
        """Return the switches, the conventions that apply, and the derivatives of the whole function."""
        report = self.report
        tables = [table for table in (self._switches(), self._conventions(), self._sides()) if table.lines]
        return Sheet((report.sentence,), tuple(tables), notes=report.notes, warnings=report.warnings)

    def _switches(self) -> Table:
        lines = [Line(self._switch(switch)) for switch in self.report.switches]
        columns = words("node", "operation", "switch", "distance", "here", "line", *self._in_loops())
        return Table("Switches, the nearest first", columns, lines, headed=True, stub=1)

    def _in_loops(self) -> tuple[str, ...]:
        """Return the heading of a column for steps of loops, if there are any."""
        return ("step",) if any(switch.step for switch in self.report.switches) else ()

    def _switch(self, switch: Switch) -> tuple[Entry, ...]:
        element = f"[{', '.join(map(str, switch.element))}]" if switch.element else ""
        distance = None if switch.distance is None else significant(switch.distance, 4)
        where: Entry = Phrase(("if ", switch.place)) if switch.kind == "branch" else switch.place
        step = (switch.step,) if self._in_loops() else ()
        return (
            switch.name + element, switch.formula, where, distance, _here(switch), place(switch.source), *step,
        )  # fmt: skip

    def _conventions(self) -> Table:
        rows: dict[str, Line] = {}
        for switch in self.report.on:
            if switch.kind not in ("kink", "jump") or switch.primitive in rows:
                continue
            peers = [switch.peers.get(peer.name, "") for peer in PEERS]
            rows[switch.primitive] = Line((switch.primitive, switch.convention, *peers))
        columns = words("on its kink", "the derivative taken is", *(peer.name for peer in PEERS))
        return Table("Conventions that apply", columns, list(rows.values()), headed=True, stub=1)

    def _sides(self) -> Table:
        sides = self.report.sides
        systems = list(sides[0].given) if sides else []
        lines = [
            Line(
                (
                    f"∂{side.output}/∂{side.input}",
                    Value(side.left),
                    Value(side.right),
                    *(block(side.given[system]) for system in systems),
                )
            )
            for side in sides
        ]
        columns = (*words("derivative"), *numbers("from the left", "from the right", *systems))
        return Table(
            "The whole function, from both sides and by convention", columns, lines, headed=True, stub=1
        )


def _here(switch: Switch) -> str:
    """Return what holds at the point: on it, or which piece applies."""
    on = "" if not switch.on else "on it" if switch.size == 1 else f"{switch.count} of {switch.size} on it"
    return ", ".join(part for part in (on, switch.taken) if part)
