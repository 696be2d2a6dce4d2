"""The rows of all tables while they are graded, and what is found out about them on the way."""

from __future__ import annotations

from adlab.reports.grading.book import Book
from adlab.reports.grading.names import Quantity
from adlab.reports.grading.report import MissingRow
from adlab.reports.grading.rows import Row
from adlab.reports.grading.truth import Truth


class Work:
    """What the steps of grading share.

    Attributes
    ----------
    truth, book
        The true numbers, and what names stand for.
    rows : list of Row
    missing : rows that are not there, by name
    meant, mislabelled : what rows are about, by position, where it is not what their label says
    """

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.book = Book(truth)
        self.rows: list[Row] = []
        self.missing: dict[str, MissingRow] = {}
        self.meant: dict[int, Quantity] = {}
        self.mislabelled: dict[int, Quantity] = {}

    def miss(self, name: str, sentence: str) -> None:
        """Note a row that is not there."""
        self.missing.setdefault(name, MissingRow(name, sentence))

    def quantity(self, index: int, row: Row, kind: str, by: int | None) -> Quantity:
        """Return what a cell is about: what its column says of the row's name, or what the row says."""
        label = self.meant.get(index) or row.label
        assert label is not None
        if label.kind == "tangent" and by is not None and kind == "tangent":
            return Quantity("tangent", label.name, by)
        if label.kind == "value" and kind:
            return Quantity(kind, label.name, by if kind == "tangent" else None)
        return label
