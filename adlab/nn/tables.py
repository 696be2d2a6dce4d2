"""CSV files: cells read as text, and an encoding that turns them into numbers.

A file goes through two steps, so that a file seen later is read in the same way. `read_table` reads the cells; an `Encoding`
learned from the training file says for each column whether it holds numbers or categories, and which. Nothing is guessed
about what is missing: an empty cell is refused, with its line and its column, and so is a column of numbers with a word in it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.nn.arrays import first_line, listed, one_hot

__all__ = ["Encoding", "Table", "read_table"]

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "."})
MAX_LABELS = 20
"""A target of whole numbers with at most so many different values is taken for labels, unless the caller says otherwise."""


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file, as text.

    Attributes
    ----------
    path : str
        Where it was read, for messages.
    names : tuple of str
        One per column.
    rows : tuple of tuple of str
        The cells without the heading.
    lines : tuple of int
        The line of the file on which each row ends, counted from 1.
    """

    path: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column; raise where there is no such column."""
        if name not in self.names:
            raise InputError(
                f"The file {self.path} has no column {name!r}; its columns are {listed(self.names)}."
            )
        k = self.names.index(name)
        return [row[k] for row in self.rows]


def read_table(path: str | Path) -> Table:
    """Return the cells of a CSV file whose first row names the columns.

    Parameters
    ----------
    path : str or Path
        Cells are separated by commas, semicolons or tabs, whichever the heading has.

    Raises
    ------
    InputError
        If the file cannot be read, has no heading, two columns of one name, no rows, a ragged row, or a missing cell; the
        message names line and column.
    """
    lines = _csv_lines(Path(path))
    if not lines:
        raise InputError(f"The file {path} is empty; its first row must name the columns.")
    names = tuple(cell.strip() for cell in lines[0][1])
    _check_heading(path, names)
    if len(lines) == 1:
        raise InputError(f"The file {path} has a heading and no rows: there is nothing to learn from.")
    for line, row in lines[1:]:
        if len(row) != len(names):
            raise InputError(
                f"Line {line} of {path} has {len(row)} cells, and the heading names {len(names)} columns."
            )
    rows = tuple(tuple(cell.strip() for cell in row) for _, row in lines[1:])
    return Table(str(path), names, rows, tuple(line for line, _ in lines[1:]))


def _csv_lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            heading = file.readline()
            file.seek(0)
            separator = max(",;\t", key=heading.count)
            reader = csv.reader(file, delimiter=separator)
            return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.") from None
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The file {path} is no CSV text: {first_line(error)}.") from error


def _check_heading(path: str | Path, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"The heading of {path} names the column {twice!r} twice; give each its own name.")
    if "" in names:
        raise InputError(f"Column {names.index('') + 1} of {path} has no name in the heading; give it one.")
    if all(_number(name) is not None for name in names):
        raise InputError(
            f"The first row of {path} holds numbers, and it must name the columns; put a row of names above it."
        )


@dataclass(frozen=True)
class Encoding:
    """How the cells of a table become numbers: learned from one file, applied to others.

    Attributes
    ----------
    columns : tuple of (str, tuple of str or None)
        Each feature column with its categories, in the order of their one-hot columns, or with None where it holds numbers.
    target : str
        The column to be predicted.
    classes : tuple of str
        What the target may be, in the order of the labels; empty for numbers.
    """

    columns: tuple[tuple[str, tuple[str, ...] | None], ...]
    target: str
    classes: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The name of each column of X: ``age``, or ``colour=red`` for a category."""
        names: list[str] = []
        for name, categories in self.columns:
            names += [name] if categories is None else [f"{name}={category}" for category in categories]
        return tuple(names)

    @staticmethod
    def learn(
        table: Table,
        target: str,
        *,
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        task: str = "auto",
    ) -> Encoding:
        """Return the encoding that a table asks for.

        Parameters
        ----------
        table : Table
        target : str
            The column to be predicted.
        drop : sequence of str
            Columns to leave out.
        categorical : sequence of str
            Columns to be taken as categories although they hold numbers, or mostly numbers.
        task : {"auto", "classification", "regression"}
            What the target is; "auto" takes text, and at most twenty different whole numbers, as classes.

        Raises
        ------
        InputError
            For a column that is not there, and for cells that cannot be read.
        """
        if task not in ("auto", "classification", "regression"):
            raise InputError(f"The task {task!r} is unknown; it is classification, regression or auto.")
        for name in (target, *drop, *categorical):
            table.column(name)
        names = [name for name in table.names if name != target and name not in set(drop)]
        if not names:
            raise InputError(f"The file {table.path} has no column left to predict {target!r} from.")
        columns = tuple((name, _categories(table, name, name in set(categorical))) for name in names)
        return Encoding(columns, target, _classes(table, target, task))

    def apply(self, table: Table) -> NDArray[Any]:
        """Return the features of a table as an array of numbers.

        Raises
        ------
        InputError
            If a column is missing, a cell is no number, or a category was not seen in training; the message names the
            line and the column.
        """
        blocks = []
        for name, categories in self.columns:
            if categories is None:
                blocks.append(_numbers(table, name)[:, None])
            else:
                blocks.append(one_hot(_positions(table, name, categories), len(categories)))
        return np.ascontiguousarray(np.hstack(blocks))

    def targets(self, table: Table) -> NDArray[Any]:
        """Return the labels or numbers in the target column."""
        if self.classes:
            return _positions(table, self.target, self.classes)
        return _numbers(table, self.target)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        columns = [[name, None if kinds is None else list(kinds)] for name, kinds in self.columns]
        return {"columns": columns, "target": self.target, "classes": list(self.classes)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Encoding:
        """Return the encoding that `to_dict` wrote."""
        columns = tuple(
            (str(name), None if kinds is None else tuple(map(str, kinds))) for name, kinds in data["columns"]
        )
        return Encoding(columns, str(data["target"]), tuple(map(str, data["classes"])))


def _categories(table: Table, name: str, asked: bool) -> tuple[str, ...] | None:
    """Return the categories of a column, None where it holds numbers."""
    cells = _present(table, name)
    unreadable = [k for k, cell in enumerate(cells) if _number(cell) is None]
    if not unreadable and not asked:
        return None
    if not asked and len(unreadable) < len(cells) / 2:
        k = unreadable[0]
        raise InputError(
            f"The column {name!r} of {table.path} holds numbers, except in line {table.lines[k]}, where it is {cells[k]!r}; "
            "correct the cell, or name the column as categorical."
        )
    found = _sorted_words(cells)
    if not asked and len(found) > max(MAX_LABELS, len(cells) // 2):
        raise InputError(
            f"The column {name!r} of {table.path} has {len(found)} different texts in {len(cells)} rows, as names do; drop "
            "the column, or name it as categorical."
        )
    return found


def _classes(table: Table, target: str, task: str) -> tuple[str, ...]:
    cells = _present(table, target)
    numbers = [_number(cell) for cell in cells]
    if task == "regression":
        return ()
    if task == "auto" and all(number is not None for number in numbers):
        whole = all(number is not None and number.is_integer() for number in numbers)
        if not whole or len(set(numbers)) > MAX_LABELS:
            return ()
    found = _sorted_words(cells)
    if len(found) == 1:
        raise InputError(
            f"The target column {target!r} of {table.path} is {found[0]!r} in every row; at least two classes are needed."
        )
    return found


def _sorted_words(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the different cells: numbers by size, then words by alphabet."""
    return tuple(sorted(set(cells), key=lambda c: (_number(c) is None, _number(c) or 0.0, c)))


def _present(table: Table, name: str) -> list[str]:
    cells = table.column(name)
    for k, cell in enumerate(cells):
        if cell.lower() in MISSING:
            shown = "empty" if not cell else repr(cell)
            raise InputError(
                f"The value of column {name!r} is missing in line {table.lines[k]} of {table.path} (row {k + 1} of the data): "
                f"the cell is {shown}. Fill it in, or remove the row or the column."
            )
    return cells


def _numbers(table: Table, name: str) -> NDArray[Any]:
    cells = _present(table, name)
    numbers = [_number(cell) for cell in cells]
    for k, number in enumerate(numbers):
        if number is None or not math.isfinite(number):
            raise InputError(
                f"The cell in line {table.lines[k]}, column {name!r} of {table.path} must be a finite number; it is {cells[k]!r}."
            )
    return np.array(numbers, dtype=np.float64)


def _positions(table: Table, name: str, known: Sequence[str]) -> NDArray[Any]:
    places = {word: k for k, word in enumerate(known)}
    cells = _present(table, name)
    for k, cell in enumerate(cells):
        if cell not in places:
            raise InputError(
                f"The cell in line {table.lines[k]}, column {name!r} of {table.path} is {cell!r}, which is none of the known "
                f"ones: {listed(known)}."
            )
    return np.array([places[cell] for cell in cells], dtype=np.int64)


def _number(cell: str) -> float | None:
    if "_" in cell:
        return None
    try:
        return float(cell.replace("−", "-"))
    except ValueError:
        return None
