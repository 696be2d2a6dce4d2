"""Giving the names of an evaluation table their meaning: which node, or which step of the writer's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adlab.ir.numbering import NUMBERINGS
from adlab.reports.grading.book import Book, Entry
from adlab.reports.grading.names import Quantity, shown
from adlab.reports.grading.rows import Row
from adlab.reports.grading.truth import same
from adlab.reports.grading.work import Work
from adlab.reports.worksheet import Expression

Definition = tuple[int, Row, Expression | None]
"""A row of an evaluation table: its position among all rows, itself, and its formula."""


def _ordered(rows: Sequence[Definition]) -> list[Definition]:
    """Return rows so that a name is defined before it is used, as far as that can be, otherwise as they stand."""
    names = {row.label.name for _, row, _ in rows if row.label is not None}
    done: set[str] = set()
    ordered: list[Definition] = []
    waiting = list(rows)
    while waiting:
        ready = [
            item
            for item in waiting
            if item[2] is None or not {name for name in item[2].names if name in names} - done
        ]
        ready = ready or waiting[:1]
        ordered += ready
        done |= {row.label.name for _, row, _ in ready if row.label is not None}
        chosen = {index for index, _, _ in ready}
        waiting = [item for item in waiting if item[0] not in chosen]
    return ordered


class Definer:
    """Finds out what each name of the evaluation tables stands for."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.truth = work.truth
        self.book = work.book

    def define(self) -> None:
        """Give the names of the evaluation table their meaning."""
        rows = self._evaluations()
        matched, reached = self._tentative(rows)
        self.book.renumber(max(NUMBERINGS, key=lambda numbering: self._agreement(numbering, matched)))
        taken = set(matched.values())
        for index, row, formula in rows:
            self._define_row(index, row, formula, reached, taken)

    def _evaluations(self) -> list[Definition]:
        found = []
        for index, row in enumerate(self.work.rows):
            if row.label is None or row.label.kind != "value":
                continue
            formula = next(
                (
                    part
                    for _, kind, _, parts in row.cells
                    for part in parts
                    if kind in ("", "value") and part is not None and part.names and self._is_value(part)
                ),
                None,
            )
            found.append((index, row, formula))
        return _ordered(found)

    def _is_value(self, part: Expression) -> bool:
        """Return whether a formula is one of values, all of whose names could be steps."""
        return all(
            "__" not in name and (re.fullmatch(r"vm?\d+", name) or name in self.truth.inputs)
            for name in part.names
        )

    def _agreement(self, numbering: str, matched: Mapping[str, int]) -> int:
        """Return how many rows have the number that a numbering gives their node."""
        self.book.renumber(numbering)
        return sum(self.book.canonical.get(name) == node for name, node in matched.items())

    def _tentative(self, rows: Sequence[Definition]) -> tuple[dict[str, int], bool]:
        """Return the nodes that formulas stand for if all are taken as they are, and whether they lead to the result."""
        book = Book(self.truth)
        book.canonical = {name: k for k, name in enumerate(self.truth.inputs)}
        matched: dict[str, int] = {}
        reached = False
        for _, row, formula in rows:
            if formula is None or row.label is None or row.label.name in book.entries:
                continue
            value = book.evaluate(formula, None)
            if value is None:
                continue
            node = book.find(value, row.label.name, formula)
            if node is not None:
                matched[row.label.name] = node
            reached = reached or same(value, self.truth.output)
            book.entries[row.label.name] = Entry(value, node)
        return matched, reached

    def _define_row(
        self, index: int, row: Row, formula: Expression | None, reached: bool, taken: set[int]
    ) -> None:
        assert row.label is not None
        name, book = row.label.name, self.book
        if formula is not None:
            for used in formula.names:
                self._need(Quantity("value", used), row)
        value = None if formula is None else book.evaluate(formula, None)
        node = None if value is None or formula is None else book.find(value, name, formula)
        if name in self.truth.inputs:
            return
        if name in book.entries:
            if node is not None and not same(value, book.entries[name].value):
                meant = next((label for label, i in book.canonical.items() if i == node), "")
                if meant and meant not in book.entries:
                    self.work.mislabelled[index] = Quantity("value", meant)
                    book.entries[meant] = book.of_node(node, formula)
            return
        if name in book.results and not re.fullmatch(r"vm?\d+", name):
            if formula is not None and not formula.name and same(value, self.truth.output):
                book.entries[name] = book.result()
                book.entries[name].expression = formula
            return
        if node is not None:
            book.entries[name] = book.of_node(node, formula)
            return
        intended = book.canonical.get(name)
        wrong = (
            formula is None
            or value is None
            or (not reached and intended is not None and intended not in taken)
        )
        if wrong:
            if intended is not None:
                book.entries[name] = book.of_node(intended)
        elif formula is not None:
            book.entries[name] = book.own_step(formula, value)

    def _need(self, what: Quantity, row: Row) -> None:
        """Note a row that a formula refers to and that is not there."""
        names = {
            other.label.name
            for other in self.work.rows
            if other.label is not None and other.label.kind == "value"
        }
        if what.name in names or what.name in self.truth.inputs or what.name in self.book.results:
            return
        shown_name = shown(what, self.truth.inputs)
        self.work.miss(shown_name, f"Row missing: {shown_name}, which line {row.line} refers to.")
