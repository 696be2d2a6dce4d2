"""The verdict on a formula: right, or which of the usual slips makes it right."""

from __future__ import annotations

import re
from typing import Any

from adlab.reports.grading.book import Book
from adlab.reports.grading.marks import FACTORS, Verdict, rewritten
from adlab.reports.grading.names import Quantity, number, shown, spoken
from adlab.reports.grading.slips import alternatives, terms
from adlab.reports.grading.truth import same
from adlab.reports.worksheet import Expression

EXCHANGED = (("sin", "cos"), ("cos", "sin"), ("ln", "log10"), ("log", "log10"), ("ln", "exp"), ("exp", "ln"))
"""Functions that are taken for each other."""


class FormulaJudge:
    """Judges formulas by their values."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.truth = book.truth

    def judge(self, part: Expression, what: Quantity, true: Any) -> Verdict | None:
        """Return the verdict on a formula; None for words."""
        unknown = [name for name in part.names if self.book.meaning(name, what.wrt) is None]
        if unknown:
            if not re.search(r"\d|[+/^]", part.plain) and all(len(name) > 2 for name in unknown):
                return None
            return Verdict(False, "wrong operand", f"{spoken(unknown[0])} is no name of this table.")
        if true is None:
            return Verdict(False, "mislabelled row", f"There is no {shown(what, self.truth.inputs)}.")
        found = self.book.evaluate(part, what.wrt)
        if same(found, true):
            return Verdict()
        name = shown(what, self.truth.inputs)
        return (
            self._sign(part, found, what, true, name)
            or self._term(found, what, true, name)
            or self._operand(part, what, true, name)
            or self._function(part, what, true, name)
            or self._factor(found, true, name)
            or Verdict(
                False,
                "wrong formula",
                f"This formula is not {name}: it gives {number(float(found[0]))}, not {number(float(true[0]))}.",
            )
        )

    def _sign(self, part: Expression, found: Any, what: Quantity, true: Any, name: str) -> Verdict | None:
        if same(-found, true):
            return Verdict(False, "sign error", f"Sign error: the formula gives −{name}.")
        for match in re.finditer(r"[+-]", part.plain):
            other = rewritten(part, match, "-" if match[0] == "+" else "+")
            if other is not None and same(self.book.evaluate(other, what.wrt), true):
                right, wrong = ("−", "+") if match[0] == "+" else ("+", "−")
                return Verdict(False, "sign error", f"Sign error: {right} belongs where {wrong} stands.")
        for match in re.finditer(r"\*(?!\*)|/|\+|-", part.plain):
            for operator in "*/+-":
                other = rewritten(part, match, operator) if operator != match[0] else None
                if other is not None and same(self.book.evaluate(other, what.wrt), true):
                    shown_right = {"*": "·", "-": "−"}.get(operator, operator)
                    sentence = f"Wrong operation: {shown_right} belongs where {match[0]} stands."
                    return Verdict(False, "wrong operation", sentence)
        return None

    def _term(self, found: Any, what: Quantity, true: Any, name: str) -> Verdict | None:
        for text, term in terms(self.book, what):
            if not same(term, self.truth.full(0.0)) and same(found, true - term):
                return Verdict(False, "missing term", f"A term is missing from {name}: {text}.")
        return None

    def _operand(self, part: Expression, what: Quantity, true: Any, name: str) -> Verdict | None:
        for old in part.names:
            for new in alternatives(self.book, old):
                for match in re.finditer(rf"\b{re.escape(old)}\b", part.plain):
                    other = rewritten(part, match, new)
                    if other is not None and same(self.book.evaluate(other, what.wrt), true):
                        sentence = f"Wrong operand: {spoken(new)} belongs where {spoken(old)} stands."
                        return Verdict(False, "wrong operand", sentence)
        return None

    def _function(self, part: Expression, what: Quantity, true: Any, name: str) -> Verdict | None:
        for old, new in EXCHANGED:
            other = part.replaced(old, new) if re.search(rf"\b{old}\b", part.plain) else None
            if other is not None and same(self.book.evaluate(other, what.wrt), true):
                return Verdict(False, "wrong operation", f"Wrong function: {new} belongs where {old} stands.")
        return None

    def _factor(self, found: Any, true: Any, name: str) -> Verdict | None:
        for factor in FACTORS:
            if same(found, factor * true):
                return Verdict(False, "wrong by a factor", f"The formula is {number(factor)} times {name}.")
        return None
