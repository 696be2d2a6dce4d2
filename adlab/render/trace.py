"""A trace as the user holds it: its data in plain strings and numbers, and a method per format.

`adlab.reports.trace.Trace` holds formulas as trees; here they are written out, when asked for, in the shape
that the JSON has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from adlab.render.tables import Sheet
from adlab.render.trace_rows import ShownRow, output_name, shown_rows
from adlab.render.trace_tables import trace_sheet
from adlab.reports.trace import Trace


@dataclass(frozen=True)
class ShownTrace:
    """A trace to be read: print it, or write it in a format.

    Attributes
    ----------
    report : Trace
        The data, formulas as trees.
    """

    report: Trace

    # ----------------------------------------------------------------------------------------------- the data

    @property
    def mode(self) -> str:
        """What is shown: "evaluate", "forward", "reverse" or "all"."""
        return self.report.mode

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.report.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the nodes that are returned, ``v6``; a constant result is its number."""
        return tuple(output_name(symbol, value) for _, symbol, value in self.report.outputs)

    @property
    def point(self) -> Mapping[str, Any]:
        """Value of each input."""
        return self.report.point

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the tangent columns."""
        return self.report.columns

    @property
    def costs(self) -> Mapping[str, Mapping[str, int]]:
        """Counts of evaluations, passes and operations."""
        return self.report.costs

    @property
    def bad(self) -> str:
        """Where the first NaN or infinity arose, in a sentence; empty if none did."""
        return self.report.bad

    @cached_property
    def rows(self) -> tuple[ShownRow, ...]:
        """The rows in the order in which they are computed: in reverse mode the last first."""
        return shown_rows(self.report)

    @property
    def reversed_rows(self) -> tuple[ShownRow, ...]:
        """The rows in the order in which adjoints are computed."""
        return self.rows if self.mode == "reverse" else tuple(reversed(self.rows))

    @cached_property
    def sheet(self) -> Sheet:
        """The tables, before a format is chosen."""
        return trace_sheet(self.report)

    # -------------------------------------------------------------------------------------------- the formats

    def to_text(
        self,
        *,
        ascii: bool = False,
        width: int | None = None,
        digits: int = 3,
        full: bool = False,
        color: bool | None = False,
    ) -> str:
        """Return the trace as text.

        Parameters
        ----------
        ascii : bool
            Write dv3, bv3, * and - instead of v̇3, v̄3, · and −.
        width : int, optional
            Cells of a line; by default the terminal's, 120 where there is none.
        digits : int
            Decimals of numbers.
        full : bool
            Write large arrays in full instead of as shape and norm.
        color : bool, optional
            Whether to colour; None colours when standard output is a terminal.

        Returns
        -------
        str
        """
        from adlab.render.table_text import to_text

        return to_text(self.sheet, ascii=ascii, width=width, digits=digits, full=full, color=color)

    def to_markdown(self, *, digits: int = 3, full: bool = False, math: bool = False) -> str:
        """Return the trace as Markdown pipe tables; with ``math``, formulas are LaTeX between dollar
        signs.
        """
        from adlab.render.table_markdown import to_markdown

        return to_markdown(self.sheet, digits=digits, full=full, math=math)

    def to_latex(self, *, digits: int = 3, full: bool = False, document: bool = False) -> str:
        """Return the trace as LaTeX with booktabs, a fragment or a whole ``document``."""
        from adlab.render.table_latex import to_latex

        return to_latex(self.sheet, digits=digits, full=full, document=document)

    def to_html(self, *, digits: int = 3, full: bool = False, page: bool = False) -> str:
        """Return the trace as HTML with MathML, a fragment or a whole ``page``."""
        from adlab.render.table_html import to_html

        return to_html(self.sheet, digits=digits, full=full, page=page)

    def to_csv(self, *, digits: int = 3) -> str:
        """Return the trace as CSV: one line per row and quantity, values with all digits.

        ``digits`` are the decimals of the numbers substituted into formulas.
        """
        from adlab.render.trace_csv import to_csv

        return to_csv(self.report, digits=digits)

    def to_json(self, *, digits: int = 3) -> str:
        """Return the trace as JSON, values with all digits.

        ``digits`` are the decimals of the numbers substituted into formulas.
        """
        from adlab.render.trace_json import to_json

        return to_json(self.report, digits=digits)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return (
            f"<trace of {len(self.rows)} rows, mode {self.mode}: print it, or see .to_text(), .to_html(), …>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_latex_(self) -> str:
        return self.to_latex()
