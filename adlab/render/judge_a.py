"""The judge's ledgers, ready to be shown: kinks and branches, the step-size certificate, the autopsy of a NaN."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adlab.errors import InputError
from adlab.ir.graph import Source
from adlab.render.numbers import significant
from adlab.render.shown import Shown
from adlab.render.tables import Column, Entry, Line, Phrase, Sheet, Table, Value
from adlab.render.write import save as write_file
from adlab.reports.autopsy import Autopsy, shown
from adlab.reports.conventions import PEERS
from adlab.reports.kinks import KinkLedger, Switch
from adlab.reports.steps import Curve, Slope, StepCertificate

if TYPE_CHECKING:
    from adlab.render.plots import Plot

TEXTS = {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html", ".csv": "csv", ".json": "json"}
PICTURES = (".svg", ".png", ".pdf")


def words(*headers: str) -> tuple[Column, ...]:
    """Return columns of words."""
    return tuple(Column("words", header) for header in headers)


def numbers(*headers: str) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column("value", header) for header in headers)


def place(source: Source) -> str:
    """Return a line of the user's code in short: the file without its folder."""
    if not source.line:
        return f"column {source.column}" if source.column else ""
    return f"{os.path.basename(source.file)}:{source.line}"


def block(value: Any) -> Entry:
    """Return a number or array as an entry; None where there is none."""
    if value is None:
        return None
    return Value(np.asarray(value)[()] if not isinstance(value, tuple) else np.asarray(value[0]))


# ---------------------------------------------------------------------------------------------------- kinks


class ShownKinks(Shown[KinkLedger]):
    """The switches near a point, and the derivatives on both sides."""

    def sheet(self) -> Sheet:
        """Return the switches, the conventions that apply, and the derivatives of the whole function."""
        report = self.report
        tables = [table for table in (self._switches(), self._conventions(), self._sides()) if table.lines]
        return Sheet((report.sentence,), tuple(tables), notes=report.notes, warnings=report.warnings)

    def _switches(self) -> Table:
        lines = [Line(self._switch(switch)) for switch in self.report.switches]
        columns = words("node", "operation", "switch", "distance", "here", "line")
        return Table("Switches, the nearest first", columns, lines, headed=True, stub=1)

    def _switch(self, switch: Switch) -> tuple[Entry, ...]:
        element = f"[{', '.join(map(str, switch.element))}]" if switch.element else ""
        distance = None if switch.distance is None else significant(switch.distance, 4)
        where: Entry = Phrase(("if ", switch.place)) if switch.kind == "branch" else switch.place
        return (switch.name + element, switch.formula, where, distance, _here(switch), place(switch.source))

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


# ---------------------------------------------------------------------------------------------------- steps


class ShownStep(Shown[StepCertificate]):
    """The best steps, what they are worth, and the picture; ``shown["float64", "central"]`` is one curve."""

    def __getitem__(self, key: tuple[str, str]) -> Curve:
        return self.report[key]

    def sheet(self) -> Sheet:
        """Return one line per dtype and scheme: best steps and errors, predicted and measured, and slopes."""
        report = self.report
        point = ", ".join(f"{name} = {_short(value)}" for name, value in report.point.items())
        head = (
            f"{report.title}   at {point}" if point else report.title,
            f"∂{report.output}/∂{report.wrt} = {report.derivative!r} to the nearest float64",
        )
        columns = (
            *words("dtype", "scheme"),
            *numbers("best h predicted", "measured", "error predicted", "measured"),
            *numbers("slope, small h", "slope, large h", "digits"),
        )
        lines = [Line(_curve(curve)) for curve in report.curves]
        kind = "relative" if report.relative else "absolute"
        notes = (
            f"Errors are {kind}. A value carries a rounding error of about "
            + " and ".join(f"{significant(eta, 2)} in {name}" for name, eta in report.rounding.items())
            + "; the complex step is Im f(x + ih)/h in plain complex arithmetic.",
            *report.notes,
        )
        table = Table("", columns, lines, headed=True, stub=2)
        return Sheet(head, (table,), notes=(report.sentence, *notes))

    def plot(self, dtypes: Sequence[str] | None = None) -> Plot:
        """Return the picture of error against step; each dtype has a panel."""
        from adlab.render.plots import error_against_step

        return error_against_step(self.report, dtypes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture (.svg, .png, .pdf) or the table (.txt, .md, .tex, .html, .csv, .json)."""
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in PICTURES:
            return self.plot().save(target)
        if suffix not in TEXTS:
            raise InputError(
                f"A certificate is saved as {', '.join((*PICTURES, *TEXTS))}; {target.name!r} ends otherwise."
            )
        options: dict[str, Any] = {"page": True} if suffix == ".html" else {}
        content = self.render(TEXTS[suffix], **options)
        return write_file(target, content if content.endswith("\n") else content + "\n")

    def _repr_html_(self) -> str:
        picture = self.plot().svg
        return picture[picture.index("<svg") :] + self.to_html()


def _curve(curve: Curve) -> tuple[Entry, ...]:
    below = curve.scheme == "complex"
    predicted, measured = _two(curve.predicted_step), _two(curve.measured_step)
    if below and predicted is not None:
        predicted = f"< {predicted}"
        measured = f"< {measured}"
    return (
        curve.dtype,
        curve.scheme,
        predicted or ("any" if curve.series else None),
        measured if curve.order is not None or not curve.series else "any",
        _two(curve.predicted_error),
        _two(curve.measured_error),
        _slope(curve.rounding),
        _slope(curve.truncation),
        str(curve.digits),
    )


def _two(value: float | None) -> str | None:
    return None if value is None else significant(value, 2)


def _slope(slope: Slope | None) -> str | None:
    return None if slope is None else f"{slope.value:.2f}".replace("-", "−")


def _short(value: Any) -> str:
    return f"[{'×'.join(map(str, np.shape(value)))}]" if np.ndim(value) else significant(value, 6)


# -------------------------------------------------------------------------------------------------- autopsy


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
            Line(
                (f.target + _element(f.element), f.formula, f"{f.cause} = {shown(f.value)}", place(f.source))
            )
            for f in self.report.findings
        ]
        columns = words("first bad", "made by", "because", "line")
        return Table("What went bad", columns, lines, headed=True, stub=1)

    def _path(self) -> Table:
        lines = [Line((s.name, s.formula, Value(s.value), place(s.source))) for s in self.report.path]
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


def _element(element: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, element))}]" if element else ""
