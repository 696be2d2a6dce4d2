"""Rows that are not there: results, and steps that other rows refer to."""

from __future__ import annotations

from adlab.reports.grading.names import Quantity, parse_name, shown
from adlab.reports.grading.truth import same
from adlab.reports.grading.work import Work

Present = set[tuple[str, str, int | None]]
"""The quantities that rows are about, as (kind, name, input)."""


class Missing:
    """Notes what is not there."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.truth = work.truth
        self.book = work.book

    def find(self) -> None:
        """Note results and referred-to rows that are not there."""
        present: Present = set()
        formulas: dict[tuple[str, int | None], int] = {}
        for index, row in enumerate(self.work.rows):
            if row.label is None:
                continue
            for _, kind, by, parts in row.cells or [("", "", None, ())]:
                what = self.work.quantity(index, row, kind, by)
                present.add((what.kind, what.name, what.wrt))
                count = sum(part is not None and bool(part.names) for part in parts)
                formulas[what.kind, what.wrt] = formulas.get((what.kind, what.wrt), 0) + count
            own = self.work.quantity(index, row, "", None)
            present.add((own.kind, own.name, own.wrt))
        for (kind, wrt), count in formulas.items():
            if kind in ("value", "tangent", "adjoint"):
                self._results(kind, wrt, present)
                self._steps(kind, wrt, present, bool(count))

    def _results(self, kind: str, wrt: int | None, present: Present) -> None:
        here = [name for k, name, by in present if k == kind and by == wrt]
        if kind == "adjoint":
            for k, name in enumerate(self.truth.inputs):
                steps = {name, *(n for n, e in self.book.entries.items() if e.node == k)}
                steps |= {n for n, i in self.book.canonical.items() if i == k}
                slopes = {("tangent", result, k) for result in self.book.results}
                if not steps & set(here) and not slopes & present:
                    self.work.miss(f"∂y/∂{name}", f"Row missing: the adjoint of {name}, a result.")
            return
        ends = [name for name in here if self._is_end(name)]
        if not ends:
            what = shown(Quantity(kind, self.truth.graph.name, wrt), self.truth.inputs)
            self.work.miss(what, f"Row missing: {what}, the result.")

    def _is_end(self, name: str) -> bool:
        entry = self.book.entry(name)
        return name in self.book.results or (entry is not None and same(entry.value, self.truth.output))

    def _steps(self, kind: str, wrt: int | None, present: Present, has_formulas: bool) -> None:
        if has_formulas:
            if kind != "value":
                self._referred(kind, wrt, present)
            return
        for name in self.book.steps():
            if (kind, name, wrt) not in present and not self._is_end(name):
                what = shown(Quantity(kind, name, wrt), self.truth.inputs)
                self.work.miss(what, f"Row missing: {what}.")

    def _referred(self, kind: str, wrt: int | None, present: Present) -> None:
        for index, row in enumerate(self.work.rows):
            if row.label is None:
                continue
            for part in row.formulas():
                own = self.work.quantity(index, row, "", None)
                for name in part.names:
                    what = self.book.as_adjoint(parse_name(name, self.truth.inputs, own.wrt))
                    if what is None or what.kind != kind or what.wrt != wrt or what.name in self.truth.inputs:
                        continue
                    if (what.kind, what.name, what.wrt) not in present and what.name not in self.book.results:
                        said = shown(what, self.truth.inputs)
                        self.work.miss(said, f"Row missing: {said}, which line {row.line} refers to.")
