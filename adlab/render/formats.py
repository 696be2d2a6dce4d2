"""The formats that a table can be written in, by name: one file each, chosen here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from adlab.errors import InputError
from adlab.render import table_csv, table_html, table_json, table_latex, table_markdown, table_text
from adlab.render.tables import Sheet, Table

WRITERS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "text": table_text.to_text,
        "markdown": table_markdown.to_markdown,
        "latex": table_latex.to_latex,
        "html": table_html.to_html,
        "csv": table_csv.to_csv,
        "json": table_json.to_json,
    }
)

FORMATS = tuple(WRITERS)


def render_table(table: Table | Sheet, format: str = "text", **options: Any) -> str:
    """Return a table in a format.

    Parameters
    ----------
    table : Table or Sheet
        As `plain_table` returns it.
    format : {"text", "markdown", "latex", "html", "csv", "json"}
    **options
        What the format takes: ``digits`` and ``full`` for all but CSV and JSON, which have all digits;
        ``ascii``, ``width`` and ``color`` for text; ``document`` for LaTeX; ``page`` for HTML.

    Raises
    ------
    InputError
        If there is no such format.

    Examples
    --------
    >>> from adlab.render.tables import plain_table
    >>> table = plain_table(("method", "error"), [("forward", 0.0), ("numerical", 2.5e-9)])
    >>> print(render_table(table))
    method      error
    forward     0
    numerical   2.5e−9
    """
    if format not in WRITERS:
        raise InputError(f"The format {format!r} is unknown; it is one of {', '.join(FORMATS)}.")
    sheet = table if isinstance(table, Sheet) else Sheet((), (table,))
    return WRITERS[format](sheet, **options)
