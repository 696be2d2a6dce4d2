"""A trace as tables: evaluation, tangents, adjoints, laid out as the lectures write them on the board.

What is computed, with which numbers, what comes out. Nothing here knows a format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from adlab.algebra.notation import Symbol, Term, derivative
from adlab.errors import InputError
from adlab.ir.primitive import Notation, Primitive
from adlab.primitives.notation import ATOM, PRODUCT, SUM
from adlab.render.numbers import SMALL_ARRAY, shape_text
from adlab.render.tables import Column, Entry, Line, Numbers, Phrase, Sheet, Table, Value
from adlab.reports.trace import MINUS, PLUS, Adjoint, Cell, Row, Trace

WITH_NUMBERS = 3
"""Up to so many tangent columns show their substituted numbers; beyond, the formula stands once and numbers
side by side.
"""

LONGEST_SUM = 12
"""A sum of more contributions is cut in its middle."""

LONGEST_HEAD = 24
"""A function of more names and numbers than this is not written out above its trace."""

MANY_INPUTS = 6
"""So many inputs are listed with their values above the trace."""

TIGHT = Notation("{0}·{1}", r"{0} \cdot {1}", PRODUCT, (PRODUCT, PRODUCT + 1))
EQUATION = Notation("{0} = {1}", "{0} = {1}", 1, (0,))
OPERATOR = Notation("∂/∂{0}", r"\partial/\partial {0}", ATOM, (ATOM,))

LONGEST_TABLE = 10_000
"""Tables of traces of more rows are shortened in the middle."""

SHOWN_ROWS = 1_000
"""So many rows, the first and the last, a shortened table shows."""

MOST_ROWS = 100_000
"""More rows are laid out by no format that people read."""

T = TypeVar("T")


def trace_sheet(trace: Trace, rows: int | str | None = None) -> Sheet:
    """Return a trace as a sheet of tables.

    Parameters
    ----------
    trace : Trace
    rows : int or "all", optional
        How many rows a table shows at most, the middle ones left out; by default `SHOWN_ROWS` of more than
        `LONGEST_TABLE`.

    Returns
    -------
    Sheet
        The evaluation, in forward mode the tangents, in reverse mode the adjoints; what it cost below.

    Raises
    ------
    InputError
        If ``rows`` is neither, or asks for more rows than can be laid out.
    """
    limit = _limit(rows, len(trace.rows))
    tables = [evaluation_table(trace, limit)]
    if trace.mode in ("forward", "all"):
        tables.append(forward_table(trace, limit))
    if trace.mode in ("reverse", "all"):
        tables.append(reverse_table(trace, limit))
    notes: list[Entry] = [*_legend(trace), *trace.remarks, _cost(trace)]
    if limit < len(trace.rows):
        notes.insert(
            0,
            f"A table shows {limit:,} of the {len(trace.rows):,} rows, the first and the last; rows='all' (--rows all) shows "
            "them all, and CSV and JSON have them all.",
        )
    return Sheet(tuple(_head(trace)), tuple(tables), tuple(notes), (trace.bad,) if trace.bad else ())


def _limit(rows: int | str | None, count: int) -> int:
    """Return how many rows a table shows."""
    if rows is None:
        return SHOWN_ROWS if count > LONGEST_TABLE else LONGEST_TABLE
    if rows != "all" and (isinstance(rows, (bool, str)) or rows < 2):
        raise InputError(f"A table shows 2 or more rows, or rows='all', not {rows!r}.")
    limit = count if isinstance(rows, str) else rows
    if min(limit, count) > MOST_ROWS:
        raise InputError(
            f"A trace of {count:,} rows is too long for tables, which hold up to {MOST_ROWS:,}; write all of it as CSV or JSON "
            "(trace.save('trace.csv')), or ask for fewer rows."
        )
    return limit


def _ends(items: Sequence[T], limit: int) -> Iterator[tuple[T, int]]:
    """Return the first and the last items, ``limit`` together, each with how many are left out before it."""
    left_out = max(len(items) - limit, 0)
    first = len(items) if not left_out else (limit + 1) // 2
    for item in items[:first]:
        yield item, 0
    for k, item in enumerate(items[first + left_out :]):
        yield item, left_out if k == 0 else 0


def _gap(left_out: int, what: str) -> Line:
    return Line((f"… {left_out:,} {what} left out …",), heading=True, remark=True)


def name_of(name: str, mark: str = "") -> Term:
    """Return an input's or output's own name as a formula."""
    return Term(Symbol(name, "", mark), (), None)


def node_name(row: Row, mark: str = "") -> Term:
    """Return the name of a row's node, its tangent ("dot") or its adjoint ("bar")."""
    return Term(Symbol(row.name.base, row.name.index, mark), (), row.value)


# --------------------------------------------------------------------------------------------------- the head


def _head(trace: Trace) -> Iterator[Entry]:
    """Return the function, written out where it is short, and the point."""
    composed = compose(trace)
    if composed is not None:
        yield composed
    elif trace.title:
        yield trace.title
    if len(trace.point) > MANY_INPUTS:
        yield f"at a point of {len(trace.point)} inputs"
    elif trace.point:
        yield Phrase(("at ", *_joined([_placed(name, value) for name, value in trace.point.items()])))


def _placed(name: str, value: Any) -> Phrase:
    """Return an input with its value, or with its shape where it is large."""
    if np.size(value) > SMALL_ARRAY:
        return Phrase((name_of(name), f" ({shape_text(np.shape(value))})"))
    return Phrase((name_of(name), " = ", Value(value)))


def _joined(entries: Sequence[Entry]) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries:
        found += [", ", entry] if found else [entry]
    return found


def compose(trace: Trace) -> Term | None:
    """Return ``y = …`` in the inputs' own names, if the function is short enough to be written out."""
    if len(trace.rows) > LONGEST_HEAD or len(trace.outputs) != 1:
        return None
    terms: dict[Symbol, tuple[Term, int]] = {}
    for row in trace.rows:
        terms[row.name] = (name_of(row.label), 1) if row.formula is None else _expanded(row.formula, terms)
        if terms[row.name][1] > LONGEST_HEAD:
            return None
    name, symbol, value = trace.outputs[0]
    if symbol is None:
        return None
    whole = terms[symbol][0]
    return None if whole.head == Symbol(name) else Term(EQUATION, (name_of(name), whole), value)


def _expanded(formula: Term, terms: Mapping[Symbol, tuple[Term, int]]) -> tuple[Term, int]:
    args, size = [], 0
    for arg in formula.args:
        inner, count = terms[arg.head] if isinstance(arg.head, Symbol) else (arg, 1)
        args.append(inner)
        size += count
    head = TIGHT if isinstance(formula.head, Primitive) and formula.head.name == "multiply" else formula.head
    return Term(head, tuple(args), formula.value, formula.params), size


# ------------------------------------------------------------------------------------------------- the tables


def evaluation_table(trace: Trace, limit: int = LONGEST_TABLE) -> Table:
    """Return the forward evaluation: v₂ = ln(v₀), ln(2), 0.693."""
    lines: list[Line] = []
    for row, headings in _with_headings(trace.rows, limit):
        lines += headings
        formula: Entry = name_of(row.label) if row.formula is None else row.formula
        numbers = None if row.formula is None else _numbers(row.formula, row.value)
        cells = (node_name(row), formula, numbers, Value(row.value), *_kink_mark(trace, row))
        lines.append(Line(cells, len(row.scope)))
        lines += [Line((remark,), len(row.scope), heading=True, remark=True) for remark in _jacobians(row)]
    for (name, symbol, value), left_out in _ends(trace.outputs, limit):
        lines += [_gap(left_out, "results")] if left_out else []
        source: Entry = Value(value) if symbol is None else Term(symbol, (), value)
        lines.append(Line((name_of(name), source, None, Value(value), *_kink_mark(trace))))
    columns = (
        Column("name"),
        Column("formula", "step"),
        Column("numbers", "numbers"),
        Column("value", "value"),
        *((Column("mark"),) if trace.kinked else ()),
    )
    return Table("Evaluation", columns, lines, "value")


def _kink_mark(trace: Trace, row: Row | None = None) -> tuple[Entry, ...]:
    """Return the cell that marks a row on a kink; none if no row is on one."""
    if not trace.kinked:
        return ()
    return ("at a kink" if row is not None and row.node in trace.kinked else None,)


def _jacobians(row: Row) -> Iterator[Entry]:
    """Return the shapes of a collapsed scope's local Jacobians, one per operand."""
    head = None if row.formula is None else row.formula.head
    if row.formula is None or not isinstance(head, Primitive) or not head.composite:
        return
    name = dict(row.formula.params)["name"]
    shapes = [
        Phrase(
            (derivative(name_of(name), arg, None), " ", shape_text(np.shape(row.value) + np.shape(arg.value)))
        )
        for arg in row.formula.args
        if isinstance(arg.head, Symbol)
    ]
    yield Phrase((f"local Jacobian{'s' * (len(shapes) > 1)}: ", *_joined(shapes)))


def forward_table(trace: Trace, limit: int = LONGEST_TABLE) -> Table:
    """Return the tangents: v̇₂ = 1/v₀ · v̇₀, and per input the numbers and the value."""
    inputs = [Term(OPERATOR, (name_of(column),), None) for column in trace.columns]
    several = len(inputs) > 1
    with_numbers = len(inputs) <= WITH_NUMBERS
    columns = [Column("name"), Column("formula", "step")]
    for by in inputs:
        group = by if several and with_numbers else None
        columns += [Column("numbers", "numbers", group)] if with_numbers else []
        columns.append(Column("value", "value" if with_numbers else by, group or (by if several else None)))
    lines: list[Line] = []
    for row, headings in _with_headings(trace.rows, limit):
        lines += headings
        cells = [row.tangents[column] for column in trace.columns]
        formula = next((cell.formula for cell in cells if cell.formula is not None), None)
        if row.kind == "input":
            formula = _seed_name(trace, row)
        lines.append(
            Line((node_name(row, "dot"), formula, *_tangent_cells(cells, with_numbers)), len(row.scope))
        )
    lines += _tangent_outputs(trace, with_numbers, limit)
    title = Phrase(("Forward derivatives " if several else "Forward derivative ", *_joined(inputs)))
    if len(inputs) > WITH_NUMBERS:
        title = Phrase(("Forward derivatives, one pass per input",))
    return Table(
        title, tuple(columns), lines, "tangent", tuple(_forward_notes(trace)), beside=True, headed=several
    )


def _seed_name(trace: Trace, row: Row) -> Term:
    """Return what the tangent of an input is given as: ∂v₀/∂x₁, and ẋ₁ where there are several columns."""
    if len(trace.columns) == 1:
        return derivative(node_name(row), name_of(trace.columns[0]), None)
    return name_of(row.label, "dot")


def _forward_notes(trace: Trace) -> Iterator[str]:
    shown = len(trace.columns)
    if shown > WITH_NUMBERS and any(np.ndim(row.value) for row, _ in _ends(trace.rows, SHOWN_ROWS)):
        yield "‖…‖ is the norm of an array."
    if trace.left_out:
        yield f"{shown} of {shown + trace.left_out} columns are shown; wrt= chooses another one."


def _tangent_cells(cells: Sequence[Cell], with_numbers: bool) -> list[Entry]:
    found: list[Entry] = []
    for cell in cells:
        if with_numbers:
            found.append(None if cell.formula is None else _numbers(cell.formula, cell.value))
        found.append(Value(cell.value, brief=not with_numbers))
    return found


def _tangent_outputs(trace: Trace, with_numbers: bool, limit: int) -> list[Line]:
    lines = []
    for (name, symbol, value), left_out in _ends(trace.outputs, limit):
        lines += [_gap(left_out, "results")] if left_out else []
        if symbol is None:
            zero = Cell(None, np.zeros(np.shape(value))[()])
            tangents, source = dict.fromkeys(trace.columns, zero), None
        else:
            row = trace.row_of(symbol)
            tangents, source = dict(row.tangents), node_name(row, "dot")
        if len(trace.columns) == 1:
            head = derivative(name_of(name), name_of(trace.columns[0]), None)
        else:
            head = name_of(name, "dot")
        cells = [Cell(None, tangents[column].value) for column in trace.columns]
        lines.append(Line((head, source, *_tangent_cells(cells, with_numbers)), wide=True))
    return lines


def reverse_table(trace: Trace, limit: int = LONGEST_TABLE) -> Table:
    """Return the adjoints, last node first: v̄₁ = v̄₃ · v₀ + v̄₄ · cos(v₁)."""
    lines: list[Line] = []
    for row, headings in _with_headings(trace.reversed_rows, limit):
        lines += headings
        adjoint = row.adjoint or Adjoint(None, 0.0)
        formula = None if adjoint.formula is None else shortened(adjoint.formula)
        numbers = None if formula is None else _numbers(formula, adjoint.value)
        mark = _gradient_mark(trace, row) if row.kind == "input" else None
        lines.append(
            Line((node_name(row, "bar"), formula, numbers, Value(adjoint.value), mark), len(row.scope))
        )
    columns = (
        Column("name"),
        Column("formula", "step"),
        Column("numbers", "numbers"),
        Column("value", "value"),
        Column("mark"),
    )
    return Table("Reverse derivative (adjoints)", columns, lines, "adjoint")


def _gradient_mark(trace: Trace, row: Row) -> Entry:
    return Phrase(("= ", derivative(name_of(trace.seeded), name_of(row.label), None)))


def _numbers(formula: Term, value: Any) -> Entry:
    """Return the formula with numbers, unless that only repeats the value."""
    if isinstance(formula.head, Symbol) or (not isinstance(formula.head, Primitive) and _is_given(formula)):
        return None
    return Numbers(formula)


def _is_given(formula: Term) -> bool:
    """Return whether a formula is the bare name of a derivative, as a seed is."""
    return isinstance(formula.head, Notation) and formula.head.level == 0 and len(formula.args) == 1


def shortened(formula: Term) -> Term:
    """Return a sum of many contributions with its middle left out."""
    terms: list[tuple[Term, bool]] = []
    rest = formula
    while rest.head is PLUS or rest.head is MINUS:
        terms.append((rest.args[1], rest.head is MINUS))
        rest = rest.args[0]
    terms.append((rest, False))
    if len(terms) <= LONGEST_SUM:
        return formula
    terms.reverse()
    kept = terms[: LONGEST_SUM // 2]
    total = kept[0][0]
    for term, minus in kept[1:]:
        total = Term(MINUS if minus else PLUS, (total, term), None)
    left_out = len(terms) - len(kept) - 1
    gap = Notation(
        f"{{0}} + … {left_out} more … + {{1}}",
        rf"{{0}} + \cdots_{{{{{left_out}\text{{{{ more}}}}}}}} + {{1}}",
        SUM,
        (SUM,),
    )
    return Term(gap, (total, terms[-1][0]), None)


def _with_headings(rows: Sequence[Row], limit: int) -> Iterator[tuple[Row, list[Line]]]:
    """Return each row shown with what goes above it: where rows are left out, and where another scope begins."""
    current: tuple[str, ...] = ()
    for row, left_out in _ends(rows, limit):
        headings = [_gap(left_out, "rows")] if left_out else []
        if row.scope != current and row.scope:
            headings.append(Line((" / ".join(row.scope),), len(row.scope) - 1, heading=True))
        current = row.scope
        yield row, headings


# ------------------------------------------------------------------------------------------------- the legend


def _legend(trace: Trace) -> Iterator[Entry]:
    """Say in one sentence what v̇ and v̄ are."""
    parts: list[Entry] = []
    if trace.mode in ("forward", "all") and trace.columns:
        by: Entry = "of v by the input above its column"
        if len(trace.columns) == 1:
            by = derivative(name_of("v"), name_of(trace.columns[0]), None)
        parts += [name_of("v", "dot"), " is the tangent ", by]
    if trace.mode in ("reverse", "all"):
        parts += [", "] if parts else []
        parts += [name_of("v", "bar"), " the adjoint " if parts else " is the adjoint "]
        parts.append(derivative(name_of(trace.seeded), name_of("v"), None))
    if parts:
        yield Phrase((*parts, "."))


# --------------------------------------------------------------------------------------------------- the cost


def _cost(trace: Trace) -> str:
    """Return what the trace cost, in a sentence."""
    words = {"evaluations": "evaluation", "forward passes": "forward pass", "reverse passes": "reverse pass"}
    parts = []
    for counts in trace.costs.values():
        operations = counts.get("operations", 0)
        for key, count in counts.items():
            if key == "operations":
                continue
            what = f"{count:,} {words.get(key, key) if count == 1 else key}"
            together = " together" if count > 1 else ""
            parts.append(
                f"{what} of {operations:,} operation{'s' * (operations != 1)}{together}"
                if operations
                else what
            )
    return f"Cost: {', '.join(parts)}."
