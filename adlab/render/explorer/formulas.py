"""Formulas for a page whose numbers change: in MathML, and as text with holes for numbers.

A *template* is text with holes that say which quantity of which node belongs there and whether a negative
number needs parentheses. A rule given by cases reads differently elsewhere, so nodes with such rules carry a
second formula that is right everywhere, ∂v₃/∂v₁ · v̇₁.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adlab.algebra.notation import AS_NUMBER, INDICATOR, NOTATION, NotationAlgebra, Symbol, Term, leaves
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL
from adlab.primitives.rules import Elementwise
from adlab.render.formula import Style, write
from adlab.render.names import latex_name
from adlab.render.numbers import significant
from adlab.reports.trace import PLUS, Row

MODES = ("value", "tangent", "adjoint")
ACCENTS = {"value": "", "tangent": "dot", "adjoint": "bar"}
MARKS = {mark: kind for kind, mark in enumerate(ACCENTS.values())}
LATEX = Style("latex", 4)


class _Significant(Style):
    """Text with four significant digits, as in pictures and as the script writes numbers."""

    def number(self, value: Any) -> str:
        return self.array(value) if np.ndim(value) else significant(value)


NUMBERS = _Significant()


def equation(row: Row, mode: str, formula: Term | None, column: str) -> str:
    """Return "v₂ = ln v₀" and the like as LaTeX."""
    name = write(Term(row.name._replace(mark=ACCENTS[mode]), (), 0.0), LATEX)
    if formula is not None:
        return f"{name} = {write(formula, LATEX)}"
    if mode != "value" and getattr(row.value, "dtype", None) == BOOL:
        return rf"{write(Term(row.name, (), 0.0), LATEX)} \text{{ is true or false}}"
    if row.kind == "input" and mode == "value":
        return f"{name} = {latex_name(row.label)}"
    if row.kind == "input" and mode == "tangent":
        return f"{name} = {write(Term(Symbol(row.label, '', 'dot'), (), 0.0), LATEX)}"
    return f"{name} = 0"


# --------------------------------------------------------------------------------------- templates


def template(formula: Term | None, nodes: Mapping[tuple[str, str], int]) -> list[Any] | None:
    """Return a formula as text with holes [node, kind, parentheses if negative]; None if there is none.

    Written once with positive and once with negative numbers in the holes; where the second has a parenthesis
    more, a negative number needs it. Kinds count from 0: value, tangent, adjoint.
    """
    if formula is None or _has_head(formula, AS_NUMBER):
        return None
    holes = [leaf.head for leaf in leaves(formula) if isinstance(leaf.head, Symbol)]
    plus, minus = (_split(write(formula, _holed(sign), substitute=True)) for sign in ("", "−"))
    parts: list[Any] = []
    for k, part in enumerate(plus):
        if k % 2 == 0:
            parts.append(part)
            continue
        hole = holes[int(part)]
        fenced = _open(minus[k - 1].removesuffix("−")) > _open(plus[k - 1])
        parts.append([nodes[hole[:2]], MARKS[hole.mark], int(fenced)])
    return [part for part in parts if part != ""]


def _split(text: str) -> list[str]:
    return re.split("[\ue000\ue001]", text)


def _holed(sign: str) -> Style:
    """Return a style that writes the k-th number as a hole, with a sign before it."""
    count = itertools.count()

    class Holed(Style):
        def number(self, value: Any) -> str:
            return f"{sign}\ue000{next(count)}\ue001"

    return Holed()


def _open(text: str) -> int:
    """Return how many parentheses open at the very end of a text."""
    return len(text) - len(text.rstrip("("))


def _has_head(term: Term, head: Any) -> bool:
    stack = [term]
    while stack:
        item = stack.pop()
        if item.head is head:
            return True
        stack.extend(item.args)
    return False


# --------------------------------------------------------------------------------------- rules by cases


class _Watching(NotationAlgebra):
    """The carrier of formulas, which also remembers whether the numbers at the point decided a choice."""

    def __init__(self) -> None:
        self.chose = False

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        result = super().apply(primitive, xs, params)
        if primitive.name == "where" and isinstance(xs[0], Term):
            self.chose |= not (isinstance(result, Term) and result.head is INDICATOR)
        return result


def is_by_cases(graph: Graph, i: int, terms: Mapping[int, Term]) -> bool:
    """Return whether a partial of node ``i`` chose its formula by the numbers at the point."""
    rule = graph.primitives[i].rule
    if not isinstance(rule, Elementwise):
        return False
    watching = _Watching()
    xs = [terms[j] if j >= 0 else NOTATION.constant(graph.constants[~j]) for j in graph.operands[i]]
    for partial in rule.partials:
        if partial is not None:
            partial(watching, terms[i], *xs)
    return watching.chose


def total(parts: Sequence[Term]) -> Term | None:
    """Return the sum of formulas; None for no formula."""
    if not parts:
        return None
    total = parts[0]
    for part in parts[1:]:
        total = Term(PLUS, (total, part), None)
    return total
