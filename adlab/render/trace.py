"""A trace as the user holds it: its data in plain strings and numbers, and a method per format.

`adlab.reports.trace.Trace` holds formulas as trees; here they are written out, when asked for, in the shape
that the JSON has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adlab.errors import InputError
from adlab.render.tables import Sheet
from adlab.render.trace_rows import ShownRow, output_name, shown_rows
from adlab.render.trace_tables import trace_sheet
from adlab.reports.trace import Trace

ENDINGS: Mapping[str, str] = MappingProxyType(
    {".txt": "text", ".md": "markdown", ".tex": "latex", ".html": "html", ".csv": "csv", ".json": "json"}
)
"""The format of a file, by its ending."""

FORMATS = tuple(ENDINGS.values())


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
    def rows(self) -> Sequence[ShownRow]:
        """The rows in the order in which they are computed: in reverse mode the last first."""
        return shown_rows(self.report)

    @property
    def reversed_rows(self) -> Sequence[ShownRow]:
        """The rows in the order in which adjoints are computed."""
        return self.rows if self.mode == "reverse" else self.rows[::-1]

    @cached_property
    def sheet(self) -> Sheet:
        """The tables, before a format is chosen."""
        return trace_sheet(self.report)

    def _sheet(self, rows: int | str | None) -> Sheet:
        return self.sheet if rows is None else trace_sheet(self.report, rows)

    # -------------------------------------------------------------------------------------------- the formats

    def to_text(
        self,
        *,
        ascii: bool = False,
        width: int | None = None,
        digits: int = 3,
        full: bool = False,
        color: bool | None = False,
        rows: int | str | None = None,
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
        rows : int or "all", optional
            How many rows a table shows at most, the middle ones left out; by default 1,000 of more than 10,000.

        Returns
        -------
        str
        """
        from adlab.render.table_text import to_text

        return to_text(self._sheet(rows), ascii=ascii, width=width, digits=digits, full=full, color=color)

    def to_markdown(
        self, *, digits: int = 3, full: bool = False, math: bool = False, rows: int | str | None = None
    ) -> str:
        """Return the trace as Markdown pipe tables; with ``math``, formulas are LaTeX between dollar
        signs.
        """
        from adlab.render.table_markdown import to_markdown

        return to_markdown(self._sheet(rows), digits=digits, full=full, math=math)

    def to_latex(
        self, *, digits: int = 3, full: bool = False, document: bool = False, rows: int | str | None = None
    ) -> str:
        """Return the trace as LaTeX with booktabs, a fragment or a whole ``document``."""
        from adlab.render.table_latex import to_latex

        return to_latex(self._sheet(rows), digits=digits, full=full, document=document)

    def to_html(
        self, *, digits: int = 3, full: bool = False, page: bool = False, rows: int | str | None = None
    ) -> str:
        """Return the trace as HTML with MathML, a fragment or a whole ``page``."""
        from adlab.render.table_html import to_html

        return to_html(self._sheet(rows), digits=digits, full=full, page=page)

    def to_csv(self, *, digits: int = 3) -> str:
        """Return the trace as CSV: one line per row and quantity, values with all digits.

        ``digits`` are the decimals of the numbers substituted into formulas.
        """
        return _joined(self.pieces("csv", digits=digits))

    def to_json(self, *, digits: int = 3) -> str:
        """Return the trace as JSON, values with all digits.

        ``digits`` are the decimals of the numbers substituted into formulas.
        """
        return _joined(self.pieces("json", digits=digits))

    def pieces(self, format: str, **options: Any) -> Iterator[str]:
        """Return the text in a format in pieces: CSV and JSON row by row, whatever the number of rows.

        Parameters
        ----------
        format : {"text", "markdown", "latex", "html", "csv", "json"}
        **options
            As the method of the format takes them.
        """
        if format == "csv":
            from adlab.render.trace_csv import to_csv

            return to_csv(self.report, **options)
        if format == "json":
            from adlab.render.trace_json import to_json

            return to_json(self.report, **options)
        if format not in FORMATS:
            raise InputError(f"The format {format!r} is unknown; it is one of {', '.join(FORMATS)}.")
        text: str = getattr(self, f"to_{format}")(**options)
        return iter((text, "" if text.endswith("\n") else "\n"))

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write the trace to a file; the ending chooses the format.

        Parameters
        ----------
        path : str or Path
            Ends in .txt, .md, .tex, .html, .csv or .json.
        **options
            As the method of the format takes them.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        InputError
            For an unknown ending or a folder that cannot be written to; nothing is left half written.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import adlab as ad
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = ad.trace("x^2", 3.0).save(f"{folder}/trace.csv")
        ...     len(pathlib.Path(path).read_text().splitlines())
        4
        """
        from adlab.render.write import save

        target = Path(path)
        if target.suffix.lower() not in ENDINGS:
            given = target.suffix or "a file without ending"
            raise InputError(f"Traces are saved as {', '.join(ENDINGS)}, not as {given}; choose one.")
        format = ENDINGS[target.suffix.lower()]
        return save(target, self.pieces(format, **({"page": True} if format == "html" else {}), **options))

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


def _joined(pieces: Iterator[str]) -> str:
    """Return the pieces as one text, kept as UTF-8 meanwhile: millions of small strings take twice the memory."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece.encode("utf-8")
    return buffer.decode("utf-8")
