"""The swell of expressions, ready to be shown."""

from __future__ import annotations

from adlab.render.columns import whole
from adlab.render.shown import Shown
from adlab.render.tables import Column, Entry, Line, Sheet, Table
from adlab.reports.swell import MEASURES, Swell, SwellRow

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


def _large(row: SwellRow, name: str) -> Entry:
    count = getattr(row, name)
    if count is None or count < 10**9:
        return whole(count)
    digits = str(count) if count.bit_length() < 10_000 else ""
    return f"{digits[0]}.{digits[1]}e{len(digits) - 1}" if digits else f"2^{count.bit_length() - 1}"
