"""Grading from the tables to the report: read them, give names their meaning, judge every cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adlab.errors import InputError
from adlab.frontends.dispatch import to_graph
from adlab.reports.grading.definitions import Definer
from adlab.reports.grading.formulas import FormulaJudge
from adlab.reports.grading.marks import TOLERANCE, Verdict
from adlab.reports.grading.missing import Missing
from adlab.reports.grading.names import Quantity, number, shown
from adlab.reports.grading.numbers import NumberJudge
from adlab.reports.grading.report import GradedCell, GradeReport
from adlab.reports.grading.rows import Reader, Row
from adlab.reports.grading.truth import Truth, same
from adlab.reports.grading.work import Work
from adlab.reports.worksheet import Expression, WrittenTable, normalised, read_tables
from adlab.transforms.evaluation import flatten_args


def grade(work: str | Path, f: Any, *args: Any, tolerance: float = TOLERANCE) -> GradeReport:
    r"""Grade a trace table.

    Parameters
    ----------
    work : str or Path
        The table itself, as Markdown or as CSV (also with semicolons or tabs), or the file that holds it.
    f : callable, str, sympy expression or Graph
        The function of numbers that the table is about.
    *args
        The point.
    tolerance : float
        By how much, relative to the true number, a number may be rounded.

    Raises
    ------
    InputError
        If there is no table to grade, or the function or point cannot be used.

    Examples
    --------
    >>> table = "| step | value |\n|---|---|\n| v0 = x1 | 2 |\n| v1 = x2 | 5 |\n| y = sin(v1)*v0 | 1.918 |"
    >>> grade(table, "x1*sin(x2)", 2.0, 5.0).wrong[0].reason
    'sign error'
    """
    if isinstance(tolerance, bool) or not 0 < tolerance < 1:
        raise InputError(f"The tolerance {tolerance!r} cannot be used: it is a number between 0 and 1.")
    text = read_work(work)
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "grade takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    graph = recording.graph
    truth = Truth(graph, flatten_args(graph, args))
    tables = [written for written in read_tables(text) if written.rows]
    title = f if isinstance(f, str) else getattr(f, "__name__", graph.name)
    return Grader(truth, tolerance).report(tables, title)


def read_work(work: str | Path) -> str:
    """Return the text of a table, from a file if ``work`` names one."""
    is_text = isinstance(work, str) and ("\n" in work or "|" in work)
    if is_text:
        return str(work)
    path = Path(work)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            f"The file {path} is not there; give a Markdown or CSV file, or the table itself."
        ) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"The file {path} cannot be read as text: {error}; give a Markdown or CSV file."
        ) from None


class Grader:
    """Grades tables against the truth."""

    def __init__(self, truth: Truth, tolerance: float) -> None:
        self.work = Work(truth)
        self.truth = truth
        self.book = self.work.book
        self.formulas = FormulaJudge(self.book)
        self.numbers = NumberJudge(self.book, tolerance)
        self.cells: list[GradedCell] = []

    def report(self, tables: Sequence[WrittenTable], title: str) -> GradeReport:
        """Return the marks of all tables."""
        reader = Reader(self.book)
        for index, table in enumerate(tables):
            self.work.rows += reader.read(index, table)
        if not any(row.label is not None for row in self.work.rows):
            raise InputError(
                "There is no trace table to grade: write a Markdown or CSV table with rows such as "
                "| v2 = ln(v0) | ln(2) | 0.693 |."
            )
        Definer(self.work).define()
        self.book.settle_adjoints()
        self._choose_inputs()
        for index, row in enumerate(self.work.rows):
            self._relabel(index, row)
        for index, row in enumerate(self.work.rows):
            if row.label is not None:
                self._grade_row(index, row)
        Missing(self.work).find()
        return GradeReport(title, tuple(self.cells), tuple(self.work.missing.values()))

    def _choose_inputs(self) -> None:
        """Find out, for tangents that do not say so, which input they belong to: the one that most of their numbers fit."""
        guess = {table: self._best_input(table) for table in {row.table for row in self.work.rows}}
        for row in self.work.rows:
            label = row.label
            if label is not None and label.kind == "tangent" and label.wrt is None:
                wrts = {by for _, kind, by, _ in row.cells if kind == "tangent" and by is not None}
                row.label = Quantity(
                    "tangent", label.name, wrts.pop() if len(wrts) == 1 else guess[row.table]
                )
            of_values = row.label is not None and row.label.kind == "value"
            row.cells = [
                (
                    text,
                    kind,
                    guess[row.table] if of_values and kind == "tangent" and by is None else by,
                    parts,
                )
                for text, kind, by, parts in row.cells
            ]

    def _best_input(self, table: int) -> int:
        scores = []
        for k in range(len(self.truth.inputs)):
            score = 0
            for row in self.work.rows:
                if row.table != table or row.label is None:
                    continue
                for _, kind, _, parts in row.cells:
                    if row.label.kind != "tangent" and kind != "tangent":
                        continue
                    true = self.book.quantity(Quantity("tangent", row.label.name, k))
                    numbers = [
                        part.literal for part in parts if part is not None and part.literal is not None
                    ]
                    score += sum(
                        true is not None and abs(x - true[0]) <= 1e-2 * max(1.0, abs(x)) for x in numbers
                    )
            scores.append(score)
        return int(np.argmax(scores)) if scores else 0

    def _relabel(self, index: int, row: Row) -> None:
        """Find out whether a derivative row's formula is that of another row, which is not there."""
        if index in self.work.mislabelled:
            self.work.meant[index] = self.work.mislabelled[index]
            return
        label = row.label
        if label is None or label.kind not in ("tangent", "adjoint"):
            return
        own = self.book.quantity(label)
        present = {(o.label.kind, o.label.name, o.label.wrt) for o in self.work.rows if o.label is not None}
        for part in row.formulas():
            found = self.book.evaluate(part, label.wrt)
            if part.name or found is None or own is None or same(found, own):
                continue
            for name in self.book.steps():
                other = Quantity(label.kind, name, label.wrt)
                absent = (other.kind, other.name, other.wrt) not in present
                if (
                    absent
                    and same(found, self.book.quantity(other))
                    and other not in self.work.mislabelled.values()
                ):
                    self.work.mislabelled[index] = self.work.meant[index] = other
                    return

    def _grade_row(self, index: int, row: Row) -> None:
        label = row.label
        assert label is not None
        inputs = self.truth.inputs
        if index in self.work.mislabelled:
            meant = shown(self.work.mislabelled[index], inputs)
            sentence = f"Mislabelled row: the formula is that of {meant}, not of {shown(label, inputs)}."
            self.cells.append(GradedCell(row.line, meant, row.label_text, False, "mislabelled row", sentence))
        formula = self._formula_of(index, row)
        numbers = 0
        for text, kind, by, parts in row.cells:
            what = self.work.quantity(index, row, kind, by)
            true = self.book.quantity(what)
            verdicts = [self._part(part, what, true, formula, row) for part in parts]
            numbers += sum(part is not None and not part.names for part in parts)
            if parts:
                expected = None if true is None else float(true[0])
                self._mark(row, text, shown(what, inputs), verdicts, expected)
        if not numbers:
            what = self.work.quantity(index, row, "", None)
            true = self.book.quantity(what)
            value = "" if true is None else f"; it is {number(float(true[0]))}"
            sentence = f"No number is given for {shown(what, inputs)}{value}."
            expected = None if true is None else float(true[0])
            self.cells.append(
                GradedCell(
                    row.line, shown(what, inputs), row.label_text, False, "value missing", sentence, expected
                )
            )

    def _mark(
        self, row: Row, text: str, name: str, verdicts: Sequence[Verdict | None], expected: float | None
    ) -> None:
        """Add the cell, unless it holds only words."""
        judged = [verdict for verdict in verdicts if verdict is not None]
        if not judged:
            return
        wrong = next((verdict for verdict in judged if not verdict.right), None)
        remark = next((verdict.sentence for verdict in judged if verdict.sentence), "")
        if wrong is not None:
            self.cells.append(GradedCell(row.line, name, text, False, wrong.reason, wrong.sentence, expected))
        else:
            self.cells.append(GradedCell(row.line, name, text, True, "", remark, expected))

    def _formula_of(self, index: int, row: Row) -> Expression | None:
        """Return the row's formula if it is right."""
        for _, kind, by, parts in row.cells:
            what = self.work.quantity(index, row, kind, by)
            for part in parts:
                if part is not None and part.names:
                    found = self.book.evaluate(part, what.wrt)
                    if same(found, self.book.quantity(what)):
                        return part
        return None

    def _part(
        self, part: Expression | None, what: Quantity, true: Any, formula: Expression | None, row: Row
    ) -> Verdict | None:
        """Return the verdict on a part of a cell; None for words."""
        if part is None:
            return self._unread(row)
        if part.names:
            return self.formulas.judge(part, what, true)
        if true is None:
            return Verdict(False, "mislabelled row", f"There is no {shown(what, self.truth.inputs)}.")
        return self.numbers.judge(part, what, true, formula)

    def _unread(self, row: Row) -> Verdict | None:
        """Return the verdict on what is no expression: words are passed over, anything with numbers in it is not."""
        text = " ".join(text for text, _, _, parts in row.cells if None in parts)
        if not re.search(r"\d|[=+*/^]", normalised(text)):
            return None
        return Verdict(False, "unreadable", "This cannot be read as a formula or number.")
