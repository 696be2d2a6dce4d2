"""The rows of a trace as plain strings and numbers, in the shape that the JSON has; written out when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adlab.algebra.notation import Symbol, Term, derivative
from adlab.render.formula import Style, write
from adlab.render.trace_tables import name_of, node_name
from adlab.reports.lazy import made
from adlab.reports.trace import Adjoint, Cell, Contribution, Row, Trace

ZERO = "0"


@dataclass(frozen=True)
class _Written:
    """A formula and what it gives at the point.

    Attributes
    ----------
    value : number or array
    """

    term: Term | None
    value: Any
    style: Style

    @property
    def formula(self) -> str:
        """What is computed, in names: ``v1·v̇0 + v0·v̇1``."""
        return ZERO if self.term is None else write(self.term, self.style)

    @property
    def substituted(self) -> str:
        """The formula with numbers: ``5·1 + 2·0``."""
        return ZERO if self.term is None else write(self.term, self.style, substitute=True)

    def __repr__(self) -> str:
        return f"{self.formula} = {self.substituted} = {self.value!r}"


class ShownCell(_Written):
    """A tangent: formula, substituted numbers, value."""


class ShownContribution(_Written):
    """What one use of a node adds to its adjoint; `source` is the node that uses it."""

    source: str

    def __init__(self, part: Contribution, style: Style) -> None:
        super().__init__(part.formula, part.value, style)
        object.__setattr__(self, "source", style.symbol(part.source))


class ShownAdjoint(_Written):
    """An adjoint: formula, substituted numbers, value, and the contributions it is the sum of."""

    contributions: tuple[ShownContribution, ...]

    def __init__(self, adjoint: Adjoint, style: Style) -> None:
        super().__init__(adjoint.formula, adjoint.value, style)
        parts = tuple(ShownContribution(part, style) for part in adjoint.contributions)
        object.__setattr__(self, "contributions", parts)


class ShownRow:
    """One node of a trace, in plain strings and numbers.

    Attributes
    ----------
    name : str
        Its name for display, ``v2``.
    kind : str
        "input" or "operation".
    label : str
        An input's own name, else the primitive's.
    value : number or array
    scope : tuple of str
        The enclosing scopes.
    """

    def __init__(self, row: Row, style: Style) -> None:
        self._row = row
        self._style = style
        self.name = style.symbol(row.name)
        self.kind = row.kind
        self.label = row.label
        self.value = row.value
        self.scope = row.scope

    @property
    def formula(self) -> str:
        """What is computed: ``ln(v0)``; for an input its own name."""
        return self.label if self._row.formula is None else write(self._row.formula, self._style)

    @property
    def substituted(self) -> str:
        """The formula with numbers: ``ln(2)``."""
        term = node_name(self._row) if self._row.formula is None else self._row.formula
        return write(term, self._style, substitute=True)

    @property
    def tangents(self) -> Mapping[str, ShownCell]:
        """The tangents by the name of the input; empty where forward mode was not asked for."""
        return {column: self._tangent(column, cell) for column, cell in self._row.tangents.items()}

    def _tangent(self, column: str, cell: Cell) -> ShownCell:
        term = cell.formula
        if term is None and self.kind == "input":
            term = derivative(node_name(self._row), name_of(column), cell.value)
        return ShownCell(term, cell.value, self._style)

    @property
    def adjoint(self) -> ShownAdjoint | None:
        """The adjoint; None where reverse mode was not asked for."""
        return None if self._row.adjoint is None else ShownAdjoint(self._row.adjoint, self._style)

    def __repr__(self) -> str:
        return f"{self.name} = {self.formula} = {self.substituted} = {self.value!r}"


def shown_rows(trace: Trace, digits: int = 3) -> Sequence[ShownRow]:
    """Return the rows in the order in which they are computed, numbers in formulas with so many decimals."""
    style = Style("text", digits)
    ordered = trace.reversed_rows if trace.mode == "reverse" else trace.rows
    return made(lambda k: ShownRow(ordered[k], style), range(len(ordered)))


def output_name(symbol: Symbol | None, value: Any) -> str:
    """Return the name of a node that is returned; a constant result is its number."""
    style = Style()
    return style.literal(value) if symbol is None else style.symbol(symbol)
