"""Reading the rows of tables: which quantity each is about, and the formulas and numbers in its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adlab.reports.grading.book import Book
from adlab.reports.grading.names import RESULT, Quantity, parse_name, spoken
from adlab.reports.worksheet import Expression, WrittenTable, normalised, parts_of

KINDS = {"value": "value", "output": "value", "tangent": "tangent", "adjoint": "adjoint"}
IGNORED = frozenset(
    ("row", "#", "line", "no", "no.", "label", "scope", "remark", "remarks", "comment", "note", "notes")
)


@dataclass
class Row:
    """A row while it is graded.

    Attributes
    ----------
    table, line : where it stands
    label : its quantity as labelled, or None
    label_text : the label as written
    cells : (text, column kind, column wrt, parts without the label) of its cells
    """

    table: int
    line: int
    label: Quantity | None
    label_text: str
    cells: list[tuple[str, str, int | None, tuple[Expression | None, ...]]]

    def formulas(self) -> Iterator[Expression]:
        """Yield the parts with names in them."""
        return (part for _, _, _, parts in self.cells for part in parts if part is not None and part.names)


class Reader:
    """Reads tables row by row; names of results that it meets go into the book."""

    def __init__(self, book: Book) -> None:
        self.truth = book.truth
        self.book = book

    def read(self, index: int, table: WrittenTable) -> list[Row]:
        """Return the rows of a table, which is the one with this index."""
        roles = [self._role(head) for head in table.header]
        heads = [head.strip().lower() for head in table.header]
        wrt = self._wrt_in(table.title)
        rows = []
        for line, cells in zip(table.lines, table.rows, strict=True):
            given = dict(zip(heads, cells, strict=False))
            kind = KINDS.get(given.get("quantity", ""), "")
            by = given.get("wrt", "")
            forced = (kind, self.truth.inputs.index(by) if by in self.truth.inputs else wrt) if kind else None
            rows.append(self._read_row(index, line, cells, heads, roles, forced, wrt))
        return rows

    def _read_row(
        self,
        table: int,
        line: int,
        cells: Sequence[str],
        heads: Sequence[str],
        roles: Sequence[tuple[str, int | None]],
        forced: tuple[str, int | None] | None,
        wrt: int | None,
    ) -> Row:
        label: Quantity | None = None
        label_text = ""
        kept = []
        for column, text in enumerate(cells):
            head = heads[column] if column < len(heads) else ""
            if head in IGNORED or head in ("quantity", "wrt") or not text:
                continue
            kind, by = forced or (roles[column] if column < len(roles) else ("", None))
            parts = parts_of(text)
            if label is None and parts and parts[0] is not None and self._is_label(parts[0].name):
                label_text = spoken(parts[0].name)
                label = self._of_result(parse_name(parts[0].name, self.truth.inputs, wrt))
                if label.kind == "value" and forced is not None:
                    label = Quantity(kind, label.name, by if kind == "tangent" else None)
                parts = parts[1:]
            kept.append((text, kind, by, parts))
        return Row(table, line, self.book.as_adjoint(label), label_text, kept)

    def _of_result(self, label: Quantity) -> Quantity:
        """Return a label that an input and the result share as the result's: inputs are labelled v0, v1, …."""
        if label.name in self.truth.inputs and label.name == self.truth.graph.name:
            return Quantity(label.kind, RESULT, label.wrt)
        return label

    def _is_label(self, name: str) -> bool:
        bare = name.split("__")[1] if "__" in name else name
        known = bare in self.truth.inputs or bare in self.book.results
        if re.fullmatch(r"vm?\d+", bare) or known:
            return True
        if re.fullmatch(r"[A-Za-z]|loss|out|output|result", bare):
            self.book.results.add(bare)
            return True
        return False

    def _role(self, head: str) -> tuple[str, int | None]:
        """Return what a column's header says its numbers are: tangents, adjoints, or what the row says."""
        plain = normalised(head)
        wrt = self._wrt_in(head)
        if wrt is not None:
            return "tangent", wrt
        words = plain.lower()
        by = re.search(r"deriv.*\b(?:by|to|wrt|in)\s+(\w+)\s*\)?$", head.strip(), re.IGNORECASE)
        if (
            by is not None
            and by[1] in self.truth.inputs
            and "reverse" not in words
            and "adjoint" not in words
        ):
            return "tangent", self.truth.inputs.index(by[1])
        if any(word in words for word in ("tangent", "dot", "t__")):
            return "tangent", None
        if any(word in words for word in ("adjoint", "reverse", "bar", "a__")) or re.search(
            r"∂\s*\w+\s*/\s*∂\s*v|D__\w+__v", plain
        ):
            return "adjoint", None
        return "", None

    def _wrt_in(self, text: str) -> int | None:
        """Return the input that a header or title differentiates by, if it names exactly one."""
        plain = normalised(text)
        found = re.findall(r"∂\s*/\s*∂\s*(\w+)", plain) + re.findall(r"D__\w+?__(\w+)", plain)
        named = {name for name in found if name in self.truth.inputs}
        return self.truth.inputs.index(named.pop()) if len(named) == 1 else None
