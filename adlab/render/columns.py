"""Columns and entries that the tables of several reports share: words and numbers, places in the code, counts."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from adlab.ir.graph import Source
from adlab.render.tables import Column, Entry, Line, Table, Value

RIGHT, WRONG = "✓", "✗"


def words(*headers: str) -> tuple[Column, ...]:
    """Return columns of words."""
    return tuple(Column("words", header) for header in headers)


def numbers(*headers: str) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column("value", header) for header in headers)


def place(source: Source) -> str:
    """Return a line of the user's code in short: the file without its folder."""
    if not source.line:
        return f"column {source.column}" if source.column else ""
    return f"{os.path.basename(source.file)}:{source.line}"


def block(value: Any) -> Entry:
    """Return a number or array as an entry; None where there is none."""
    if value is None:
        return None
    return Value(np.asarray(value)[()] if not isinstance(value, tuple) else np.asarray(value[0]))


def headed(title: str, headers: tuple[str, ...], lines: list[Line], words: tuple[int, ...]) -> Table:
    """Return a table with headers; those at the positions ``words`` head words, the others numbers."""
    columns = tuple(Column("words" if k in words else "value", header) for k, header in enumerate(headers))
    return Table(title, columns, lines, headed=True, stub=1)


def whole(count: int | None) -> Entry:
    """Return a count as an entry; None where there is none."""
    return None if count is None else f"{count:,}"
