"""The rule table as something to read: each primitive with its formula, its derivative, its domain and its kinks.

The derivatives are the rules themselves, evaluated in the carrier of formulas; nothing is written twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.notation import NOTATION, Term, literal, symbol
from adlab.errors import InputError
from adlab.ir.primitive import Primitive
from adlab.primitives import NAMES, ROWS
from adlab.primitives.rules import Bilinear, Custom, Elementwise, Linear, NoPartial, Reduction

OPERANDS = "abcdef"


@dataclass(frozen=True)
class RowFacts:
    """What there is to know of a primitive.

    Attributes
    ----------
    name, aliases : how it is called
    summary : what it does, in words
    formula : the operation applied to names, None where it takes static parameters
    partials : one formula or number per operand; None where nothing can flow
    rule : the kind of rule: "partials", "linear", "bilinear", "reduction", "own" or "none"
    domain : where it is defined, in words
    kinks : (place, convention) of each point without a derivative
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    formula: Term | None
    partials: tuple[Any, ...]
    rule: str
    domain: str
    kinks: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts that are plain words."""
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "summary": self.summary,
            "rule": self.rule,
            "domain": self.domain,
            "kinks": [{"where": where, "convention": convention} for where, convention in self.kinks],
        }


def facts_of(primitive: Primitive) -> RowFacts:
    """Return the facts of one row.

    Examples
    --------
    >>> from adlab.primitives import TABLE
    >>> facts = facts_of(TABLE["sin"])
    >>> facts.rule, facts.summary
    ('partials', 'sine, x in radians')
    """
    formula, partials = _formulas(primitive)
    return RowFacts(
        primitive.name,
        primitive.aliases,
        primitive.summary,
        formula,
        partials,
        _kind(primitive),
        primitive.domain.text,
        tuple((kink.where, kink.convention) for kink in primitive.kinks),
    )


def table_of_primitives(names: tuple[str, ...] = ()) -> tuple[RowFacts, ...]:
    """Return the facts of the rows called ``names``, or of all rows.

    Raises
    ------
    InputError
        For a name that no row has.
    """
    if not names:
        return tuple(facts_of(row) for row in ROWS)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise InputError(f"There is no primitive {unknown[0]!r}; `adlab primitives` lists them all.")
    return tuple(facts_of(NAMES[name]) for name in names)


def _kind(primitive: Primitive) -> str:
    kinds = {
        Elementwise: "partials",
        Linear: "linear",
        Bilinear: "bilinear",
        Reduction: "reduction",
        Custom: "own",
    }
    return kinds.get(type(primitive.rule), "none")


def _formulas(primitive: Primitive) -> tuple[Term | None, tuple[Any, ...]]:
    """Return the operation and its partials in names; arrays stand behind the names, so that no case is decided."""
    if not primitive.elementwise or primitive.arity is None:
        return None, ()
    names = "x" if primitive.arity == 1 else OPERANDS
    xs = tuple(
        symbol(names[k], "", np.array([low, high], dtype=float))
        for k, (low, high) in enumerate(primitive.domain.intervals)
    )
    if primitive.name in ("where", "logical_and", "logical_or", "logical_not"):
        xs = tuple(
            Term(x.head, (), x.value > 0) if k == 0 or primitive.name != "where" else x
            for k, x in enumerate(xs)
        )
    formula = NOTATION.apply(primitive, xs)
    if not isinstance(formula, Term) or not isinstance(primitive.rule, Elementwise):
        return formula if isinstance(formula, Term) else None, ()
    y = symbol("y", "", formula.value)
    shown = primitive.rule.textbook or primitive.rule.partials
    found = tuple(
        None if partial is None or isinstance(partial, NoPartial) else partial(NOTATION, y, *xs)
        for partial in shown
    )
    return formula, tuple(p if p is None or isinstance(p, Term) else literal(p) for p in found)
