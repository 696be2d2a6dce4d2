"""The cost ledger and chains of Jacobians, ready to be shown."""

from __future__ import annotations

from adlab.render.columns import RIGHT, WRONG, headed, whole
from adlab.render.numbers import significant
from adlab.render.shown import Shown
from adlab.render.tables import Entry, Line, Sheet, Table
from adlab.reports.chains import Chain
from adlab.reports.ledger import CostLedger, ModeCost


class ShownLedger(Shown[CostLedger]):
    """Each way to the Jacobian beside the others, the theorems, the operations by kind, the chain of Jacobians."""

    def sheet(self) -> Sheet:
        """Return the four tables; what exceeds a bound or differs from its prediction is a warning."""
        report = self.report
        size = f"m = {report.inputs:,}, n = {report.outputs:,}"
        head = f"A function of {counted(report.inputs, 'number')} to {report.outputs:,}: {size}."
        left_out = tuple(f"{row.mode}: {row.note}" for row in report.modes if row.note)
        tables = (self._modes(), self._bounds(), self._operations(), chainheaded(report.chain))
        over = tuple(bound.sentence for bound in report.bounds if not bound.holds)
        off = tuple(
            f"{row.mode}: the counts are not what the law predicts."
            for row in report.modes
            if row.as_predicted is False
        )
        return Sheet((head,), tables, notes=(report.chain.sentence, *left_out), warnings=(*over, *off))

    def __getitem__(self, mode: str) -> ModeCost:
        return self.report[mode]

    def _modes(self) -> Table:
        headers = ("mode", "takes", "counted", "operations", "× value", "bytes needed", "bytes held")
        value = sum(self.report.value.values())
        lines = []
        for row in self.report.modes:
            multiple = significant(row.operations / value, 3) if row.operations and value else None
            figures = (whole(row.operations), multiple, whole(row.bytes_needed), whole(row.bytes_held))
            lines.append(Line((row.mode, row.law, _counts(row), *figures)))
        return headed("Value and all derivatives", headers, lines, words=(0, 1, 2))

    def _bounds(self) -> Table:
        lines = [
            Line(
                (
                    "value and one tangent" if bound.mode == "forward" else "value and all adjoints",
                    bound.measure,
                    significant(bound.limit),
                    significant(bound.ratio, 3),
                    "holds" if bound.holds else "does not apply",
                    f"{bound.primitive} {significant(bound.worst, 3)}" if bound.primitive else None,
                )
            )
            for bound in self.report.bounds
        ]
        headers = ("cost", "counted in", "bound", "found", "verdict", "dearest rule")
        return headed("One pass, as a multiple of the value", headers, lines, words=(0, 1, 4, 5))

    def _operations(self) -> Table:
        report = self.report
        kinds = sorted({*report.value, *report.tangent, *report.adjoint})
        lines = [
            Line(
                (
                    kind,
                    *(whole(counts.get(kind)) for counts in (report.value, report.tangent, report.adjoint)),
                )
            )
            for kind in kinds
        ]
        totals = (whole(sum(c.values())) for c in (report.value, report.tangent, report.adjoint))
        lines.append(Line(("all", *totals)))
        headers = ("operation", "value", "one pass of tangents", "one pass of adjoints")
        return headed("Operations by kind", headers, lines, words=(0,))


def chainheaded(chain: Chain, longest: int = 12) -> Table:
    """Return the factors of a chain of Jacobians, the middle of a long one left out."""
    pairs = list(zip(chain.names, chain.shapes, strict=True))
    lines = [Line((name, f"{rows:,} × {columns:,}")) for name, (rows, columns) in pairs]
    if len(lines) > longest:
        half = longest // 2
        lines = [*lines[:half], Line((f"… {len(lines) - 2 * half} more …", None)), *lines[-half:]]
    title = "The chain of local Jacobians, last step first"
    return headed(title, ("step", "shape"), lines, words=(0, 1))


class ShownChain(Shown[Chain]):
    """A chain of Jacobians and what multiplying it takes in either order."""

    def sheet(self) -> Sheet:
        """Return the factors, and the multiplications of both orders below."""
        return Sheet((), (chainheaded(self.report),), notes=(self.report.sentence,))


def counted(count: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "number"), counted(1234, "number")
    ('1 number', '1,234 numbers')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def _counts(row: ModeCost) -> Entry:
    """Return the evaluations and passes that were counted, with a mark for whether they are as predicted."""
    if row.as_predicted is None:
        return None
    passes = "" if row.counted_passes is None or row.passes is None else f", {row.counted_passes:,}"
    return f"{row.counted_evaluations:,}{passes} {RIGHT if row.as_predicted else WRONG}"
