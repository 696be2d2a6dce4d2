"""The verdict on a number: right as rounded, or which of the usual slips leads to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from adlab.reports.grading.book import Book
from adlab.reports.grading.marks import FACTORS, Verdict, fits, rewritten, rounded_coarsely, slack
from adlab.reports.grading.names import Quantity, number, parse_name, shown, spoken
from adlab.reports.grading.slips import alternatives, terms
from adlab.reports.worksheet import Expression, expression


class NumberJudge:
    """Judges numbers, and keeps what the writer has for each quantity, which later rows may carry on."""

    def __init__(self, book: Book, tolerance: float) -> None:
        self.book = book
        self.truth = book.truth
        self.tolerance = tolerance
        self.own: dict[tuple[str, str, int | None], float] = {}

    def judge(self, part: Expression, what: Quantity, true: Any, formula: Expression | None) -> Verdict:
        """Return the verdict on a number, or on numbers that stand for a formula."""
        literal = part.literal
        if literal is None:
            return self._sum(part, what, float(true[0]))
        verdict = self._number(part, literal, what, true, formula)
        self.own[what.kind, what.name, what.wrt] = literal
        return verdict

    def _sum(self, part: Expression, what: Quantity, true: float) -> Verdict:
        """Return the verdict on numbers that stand for the formula, such as 10.693 − (−0.959)."""
        value = float(part.evaluate({}))
        if abs(value - true) <= slack(part) or fits(value, true, None, self.tolerance):
            return Verdict()
        name = shown(what, self.truth.inputs)
        if abs(value + true) <= slack(part):
            return Verdict(
                False, "sign error", f"Sign error: this is {number(value)}, and {name} is {number(true)}."
            )
        for match in re.finditer(r"[+-]", part.plain):
            other = rewritten(part, match, "-" if match[0] == "+" else "+")
            if other is not None and abs(float(other.evaluate({})) - true) <= slack(part):
                return Verdict(
                    False,
                    "sign error",
                    f"Sign error: with the other sign at {match[0]} this would be {name}.",
                )
        for factor in FACTORS:
            if abs(value / factor - true) <= slack(part):
                sentence = f"Wrong by a factor of {number(factor)}: {name} is {number(true)}."
                return Verdict(False, "wrong by a factor", sentence)
        return Verdict(
            False, "wrong value", f"These numbers give {number(value)}, and {name} is {number(true)}."
        )

    def _number(
        self, part: Expression, value: float, what: Quantity, true: Any, formula: Expression | None
    ) -> Verdict:
        target, decimals = float(true[0]), part.decimals
        name = shown(what, self.truth.inputs)
        if fits(value, target, decimals, self.tolerance):
            return self._remark(value, target, decimals)
        belongs = f"{name} is {number(target)}"
        if fits(-value, target, decimals, self.tolerance):
            return Verdict(False, "sign error", f"Sign error: {belongs}, not {number(value)}.")
        lacking = self._term(value, what, target, decimals, belongs)
        if lacking is None and rounded_coarsely(value, target, decimals):
            return Verdict(False, "rounding too coarse", f"Rounded too coarsely: {belongs}.")
        return (
            lacking
            or self._formula(value, what, decimals, formula, belongs)
            or self._factor(value, target, decimals, belongs)
            or Verdict(False, "wrong value", f"Wrong value: {belongs}, not {number(value)}.")
        )

    def _remark(self, value: float, target: float, decimals: int) -> Verdict:
        if np.isfinite(target) and abs(value - target) > 0.5 * 10.0**-decimals * (1 + 1e-6):
            return Verdict(sentence=f"Right, but for the last digits: {target:.{max(decimals, 3)}f}.")
        return Verdict()

    def _term(
        self, value: float, what: Quantity, target: float, decimals: int, belongs: str
    ) -> Verdict | None:
        for text, term in terms(self.book, what):
            if abs(term[0]) > 1e-12 and fits(value, target - float(term[0]), decimals, self.tolerance):
                return Verdict(False, "missing term", f"A term is missing, {text}: {belongs}.")
        return None

    def _formula(
        self, value: float, what: Quantity, decimals: int, formula: Expression | None, belongs: str
    ) -> Verdict | None:
        """Return a verdict found by computing the row's formula as it may have been computed."""
        if formula is None:
            return None
        exact = {name: float(self.book.meaning(name, what.wrt)[0]) for name in formula.names}
        carried = self._carried(formula, what)
        if carried:
            got = float(formula.evaluate({**exact, **carried}))
            if abs(value - got) <= 1.5 * 10.0**-decimals + 1e-9:
                sources = ", ".join(spoken(name) for name in carried)
                return Verdict(False, "carried over", f"Carried over from {sources}: {belongs}.")
        for old in formula.names:
            for new in alternatives(self.book, old):
                meant = self.book.meaning(new, what.wrt)
                if meant is None:
                    continue
                got = float(formula.evaluate({**exact, old: float(meant[0])}))
                if fits(value, got, decimals, self.tolerance):
                    sentence = (
                        f"Wrong operand: this is the result with {spoken(new)} for {spoken(old)}; {belongs}."
                    )
                    return Verdict(False, "wrong operand", sentence)
        return self._degrees(value, formula, exact, decimals, belongs)

    def _carried(self, formula: Expression, what: Quantity) -> dict[str, float]:
        """Return the writer's own numbers for the formula's names where they are wrong."""
        found = {}
        for name in formula.names:
            meant = parse_name(name, self.truth.inputs, what.wrt)
            own = self.own.get((meant.kind, meant.name, meant.wrt))
            true = self.book.quantity(meant)
            if own is not None and true is not None and abs(own - true[0]) > 1e-3 * max(1.0, abs(true[0])):
                found[name] = own
        return found

    def _degrees(
        self, value: float, formula: Expression, exact: Mapping[str, float], decimals: int, belongs: str
    ) -> Verdict | None:
        for pattern, text, said in (
            (r"\b(sin|cos|tan)\(", r"\1(pi/180*", "the angle was taken in degrees"),
            (r"\b(ln|log)\(", "log10(", "this is the logarithm to base 10"),
        ):
            other = expression(re.sub(pattern, text, formula.plain), formula.text)
            if other is not None and other.plain != formula.plain:
                got = float(other.evaluate(exact))
                if fits(value, got, decimals, self.tolerance):
                    return Verdict(False, "wrong operation", f"Wrong value, {said}: {belongs}.")
        return None

    def _factor(self, value: float, target: float, decimals: int, belongs: str) -> Verdict | None:
        for factor in (*FACTORS, *(-factor for factor in FACTORS)):
            scaled = decimals + round(np.log10(abs(factor)))
            if fits(value / factor, target, scaled, self.tolerance):
                return Verdict(
                    False, "wrong by a factor", f"Wrong by a factor of {number(factor)}: {belongs}."
                )
        return None
