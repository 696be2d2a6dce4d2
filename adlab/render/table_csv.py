"""Tables as CSV, with all digits: one line per row, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from adlab.render.table_json import exact
from adlab.render.table_text import TextPen
from adlab.render.tables import Entry, Sheet, Value


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Return rows as CSV.

    Numbers have all their digits, arrays are nested lists, NaN and infinities are ``nan``, ``inf`` and
    ``-inf``; None is empty.

    Examples
    --------
    >>> write_csv(("name", "value"), [("v0", 0.1), ("v1", float("inf"))])
    'name,value\nv0,0.1\nv1,inf\n'
    """
    return "".join(csv_lines(headers, rows))


def csv_lines(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Return rows as CSV, line by line: for tables too long to be held."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in itertools.chain([headers], rows):
        writer.writerow([_cell(cell) for cell in row])
        yield file.getvalue()
        file.seek(0)
        file.truncate()


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    value = exact(cell)
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def to_csv(sheet: Sheet) -> str:
    """Return a sheet as CSV; of several tables, each stands below its title."""
    pen = TextPen()
    parts = []
    for table in sheet.tables:
        headers = [pen.spell(column.header) or column.kind for column in table.columns]
        rows = [
            [_exact_or_text(cell, pen) for cell in line.cells] for line in table.lines if not line.heading
        ]
        title = pen.spell(table.title) if len(sheet.tables) > 1 else ""
        parts.append((f"# {title}\n" if title else "") + write_csv(headers, rows))
    return "\n".join(parts)


def _exact_or_text(entry: Entry, pen: TextPen) -> Any:
    return entry.value if isinstance(entry, Value) else pen.spell(entry)
