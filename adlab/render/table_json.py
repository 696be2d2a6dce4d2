"""Numbers and tables as JSON, exactly: all digits, and names for what JSON has no number for."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from adlab.render.table_text import TextPen
from adlab.render.tables import Entry, Sheet, Table, Value


def exact(value: Any) -> Any:
    """Return a value as JSON has it: numbers in full precision, arrays as nested lists, "inf", "-inf" and
    "nan".

    Examples
    --------
    >>> exact(np.array([0.1, np.inf])), exact(np.float64(2.0)), exact(np.True_)
    ([0.1, 'inf'], 2.0, True)
    """
    if isinstance(value, np.ndarray):
        return exact(value.tolist())
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {str(key): exact(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return float(value) if type(value) is not float and isinstance(value, float) else value


def dump(data: Any) -> str:
    """Return data as JSON text, two blanks per level and no NaN."""
    return json.dumps(exact(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_json(sheet: Sheet) -> str:
    """Return a sheet as JSON: per table its title and its rows as objects by header."""
    tables = [_table(table, TextPen()) for table in sheet.tables]
    return dump(tables[0] if len(tables) == 1 else tables)


def _table(table: Table, pen: TextPen) -> dict[str, Any]:
    headers = [pen.spell(column.header) or column.kind for column in table.columns]
    rows = [
        {header: _cell(cell, pen) for header, cell in zip(headers, line.cells, strict=True)}
        for line in table.lines
        if not line.heading
    ]
    return {"title": pen.spell(table.title), "rows": rows, "notes": [pen.spell(note) for note in table.notes]}


def _cell(entry: Entry, pen: TextPen) -> Any:
    if isinstance(entry, Value):
        return exact(entry.value)
    return None if entry is None else pen.spell(entry)
