"""A sparsity report, ready to be shown: words and numbers in every format, and the picture."""

from __future__ import annotations

from adlab.render.pictured import Pictured
from adlab.render.spy import Spy
from adlab.render.tables import Sheet, Table, plain_table
from adlab.reports.sparsity import SparsityReport

UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


class ShownSparsity(Pictured[SparsityReport]):
    """The pattern, the colours, the passes and the bytes; ``draw()`` gives the picture, ``save()`` writes it."""

    def sheet(self) -> Sheet:
        """Return one table, and the sentence below it."""
        report = self.report
        found = report.compression
        rows, columns = report.shape
        coloured = [f"{found.forward:,} of columns"] if found.forward else []
        coloured += [f"{found.reverse:,} of rows"] if found.reverse else []
        lines = (
            ("size", f"{rows:,} × {columns:,}"),
            ("nonzeros", f"{report.nonzeros:,} ({percent(report.density)})"),
            ("structure", report.structure),
            ("colours", " and ".join(coloured) or "none"),
            ("passes, sparse", f"{report.passes:,}"),
            ("passes, dense", f"{report.dense_forward:,} forward or {report.dense_reverse:,} reverse"),
            ("bytes, sparse", size(report.bytes)),
            ("bytes, dense", size(report.dense_bytes)),
        )
        heading = f"The pattern of the {report.kind}"
        table: Table = plain_table((report.kind, "what the graph says"), lines, title=heading)
        return Sheet((report.title,) if report.title else (), (table,), notes=(report.sentence,))

    def draw(self) -> Spy:
        """Return the picture of the pattern: ``.svg``, ``.save("spy.svg")``, also .png and .pdf."""
        return Spy(self.report)

    def _repr_html_(self) -> str:
        return f"{self.to_html()}\n{self.draw().svg}"


def percent(share: float) -> str:
    """Return a share in per cent with two significant digits.

    Examples
    --------
    >>> percent(0.0003), percent(0.5), percent(0.0)
    ('0.03 %', '50 %', '0 %')
    """
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def size(count: int) -> str:
    """Return a number of bytes with a unit that fits.

    Examples
    --------
    >>> size(12), size(3_276_804), size(8 * 204_800**2)
    ('12 bytes', '3.3 MB', '336 GB')
    """
    for unit, one in UNITS:
        if count >= one:
            return f"{count / one:.3g} {unit}" if count >= 100 * one else f"{count / one:.2g} {unit}"
    return f"{count} bytes"
