"""The cost ledger, the swell meter, checker power and marks, ready to be shown in every format."""

from __future__ import annotations

from adlab.render.numbers import significant
from adlab.render.shown import Shown
from adlab.render.tables import Column, Entry, Line, Sheet, Table
from adlab.reports.grading import GradeReport
from adlab.reports.ledger import Chain, CostLedger, ModeCost
from adlab.reports.power import Power, PowerRow
from adlab.reports.swell import MEASURES, Swell, SwellRow

RIGHT, WRONG = "✓", "✗"

HEADINGS = {
    "tree": "value, tree",
    "derivative_tree": "derivative, tree",
    "sympy": "SymPy",
    "sympy_cse": "SymPy, shared",
    "graph": "graph",
    "forward": "with tangent",
    "reverse": "with adjoints",
}
"""Short headings of `adlab.reports.swell.MEASURES`."""

LEGEND = (
    "A tree is the formula written out, nothing shared; SymPy's counts are those of its derivative, and of value and derivative "
    "with common subexpressions once; the rest counts the graph, alone and with one pass."
)


class ShownLedger(Shown[CostLedger]):
    """Each way to the Jacobian beside the others, the theorems, the operations by kind, the chain of Jacobians."""

    def sheet(self) -> Sheet:
        """Return the four tables; what exceeds a bound or differs from its prediction is a warning."""
        report = self.report
        size = f"m = {report.inputs:,}, n = {report.outputs:,}"
        head = f"A function of {counted(report.inputs, 'number')} to {report.outputs:,}: {size}."
        left_out = tuple(f"{row.mode}: {row.note}" for row in report.modes if row.note)
        tables = (self._modes(), self._bounds(), self._operations(), chain_table(report.chain))
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
            figures = (_whole(row.operations), multiple, _whole(row.bytes_needed), _whole(row.bytes_held))
            lines.append(Line((row.mode, row.law, _counts(row), *figures)))
        return _table("Value and all derivatives", headers, lines, words=(0, 1, 2))

    def _bounds(self) -> Table:
        lines = [
            Line(
                (
                    "value and one tangent" if bound.mode == "forward" else "value and all adjoints",
                    bound.measure,
                    significant(bound.limit),
                    significant(bound.ratio, 3),
                    "holds" if bound.holds else "exceeded",
                    f"{bound.primitive} {significant(bound.worst, 3)}" if bound.primitive else None,
                )
            )
            for bound in self.report.bounds
        ]
        headers = ("cost", "counted in", "bound", "found", "verdict", "dearest rule")
        return _table("One pass, as a multiple of the value", headers, lines, words=(0, 1, 4, 5))

    def _operations(self) -> Table:
        report = self.report
        kinds = sorted({*report.value, *report.tangent, *report.adjoint})
        lines = [
            Line(
                (
                    kind,
                    *(_whole(counts.get(kind)) for counts in (report.value, report.tangent, report.adjoint)),
                )
            )
            for kind in kinds
        ]
        totals = (_whole(sum(c.values())) for c in (report.value, report.tangent, report.adjoint))
        lines.append(Line(("all", *totals)))
        headers = ("operation", "value", "one pass of tangents", "one pass of adjoints")
        return _table("Operations by kind", headers, lines, words=(0,))


def chain_table(chain: Chain, longest: int = 12) -> Table:
    """Return the factors of a chain of Jacobians, the middle of a long one left out."""
    pairs = list(zip(chain.names, chain.shapes, strict=True))
    lines = [Line((name, f"{rows:,} × {columns:,}")) for name, (rows, columns) in pairs]
    if len(lines) > longest:
        half = longest // 2
        lines = [*lines[:half], Line((f"… {len(lines) - 2 * half} more …", None)), *lines[-half:]]
    title = "The chain of local Jacobians, last step first"
    return _table(title, ("step", "shape"), lines, words=(0, 1))


class ShownChain(Shown[Chain]):
    """A chain of Jacobians and what multiplying it takes in either order."""

    def sheet(self) -> Sheet:
        """Return the factors, and the multiplications of both orders below."""
        return Sheet((), (chain_table(self.report),), notes=(self.report.sentence,))


class ShownSwell(Shown[Swell]):
    """Counts of operations by member of the family."""

    def sheet(self) -> Sheet:
        """Return one line per member, and the growth in words."""
        report = self.report
        fields = [name for name in MEASURES if any(count is not None for count in report.series(name))]
        lines = [Line((f"{row.n}", *(_large(row, name) for name in fields))) for row in report.rows]
        columns = (Column("words", "n"), *(Column("value", HEADINGS[name]) for name in fields))
        table = Table("Operations", columns, lines, headed=True, stub=1)
        return Sheet((report.title,), (table,), notes=(report.sentence, LEGEND, *report.notes))


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
        return Sheet((), (_table(title, headers, lines, words=(0, 2)),), notes=report.notes)


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
        table = _table("", headers, lines, words=(1, 2, 3, 4))
        return Sheet((f"Marks for {report.function}",), (table,), notes=(report.sentence,))


def counted(count: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "number"), counted(1234, "number")
    ('1 number', '1,234 numbers')
    """
    return f"{count:,} {what}{'s' * (count != 1)}"


def _table(title: str, headers: tuple[str, ...], lines: list[Line], words: tuple[int, ...]) -> Table:
    columns = tuple(Column("words" if k in words else "value", header) for k, header in enumerate(headers))
    return Table(title, columns, lines, headed=True, stub=1)


def _whole(count: int | None) -> Entry:
    return None if count is None else f"{count:,}"


def _counts(row: ModeCost) -> Entry:
    """Return the evaluations and passes that were counted, with a mark for whether they are as predicted."""
    if row.as_predicted is None:
        return None
    passes = "" if row.counted_passes is None or row.passes is None else f", {row.counted_passes:,}"
    return f"{row.counted_evaluations:,}{passes} {RIGHT if row.as_predicted else WRONG}"


def _large(row: SwellRow, name: str) -> Entry:
    count = getattr(row, name)
    if count is None or count < 10**9:
        return _whole(count)
    digits = str(count) if count.bit_length() < 10_000 else ""
    return f"{digits[0]}.{digits[1]}e{len(digits) - 1}" if digits else f"2^{count.bit_length() - 1}"
