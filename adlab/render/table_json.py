"""Numbers and tables as JSON, exactly: all digits, and names for what JSON has no number for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
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


def dumped(data: Mapping[str, Any], compact: bool = False) -> Iterator[str]:
    r"""Return an object as `dump` does, piece by piece: a value that is an iterator is a list written item by item.

    Parameters
    ----------
    data : mapping
    compact : bool
        Whether each item of an iterator is one line.

    Examples
    --------
    >>> list(dumped({"rows": iter([1, 2])}))
    ['{\n  "rows": ', '[\n    1', ',\n    2', '\n  ]', '\n}\n']
    """
    separator = "{"
    for key, value in data.items():
        yield f"{separator}\n  {json.dumps(str(key), ensure_ascii=False)}: "
        separator = ","
        if isinstance(value, Iterator):
            yield from _items(value, compact)
        else:
            yield _indented(value, 2)
    yield "\n}\n" if data else "{}\n"


def _items(values: Iterator[Any], compact: bool) -> Iterator[str]:
    separator = "["
    for value in values:
        text = (
            json.dumps(exact(value), ensure_ascii=False, allow_nan=False) if compact else _indented(value, 4)
        )
        yield f"{separator}\n    {text}"
        separator = ","
    yield "[]" if separator == "[" else "\n  ]"


def _indented(value: Any, blanks: int) -> str:
    """Return a value as it stands inside an indented text; strings have no line ends of their own in JSON."""
    return dump(value)[:-1].replace("\n", "\n" + " " * blanks)


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
