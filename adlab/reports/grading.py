"""Grading somebody's trace table: which cells are right, which are wrong, and what went wrong in them.

Rows are recognised by what they compute, not by their number: every formula is evaluated at the point and at a few
points next to it, and the node with the same values is the one it stands for. So any numbering, any order of factors and
any equivalent form is accepted; a table without formulas is read by names. From the evaluation table the names get
their meaning, and with it their true tangents and adjoints; the derivative tables are graded against those.

A wrong number is tried against the usual slips: the sign, a factor, a term left out, another operand, degrees for radians,
an earlier wrong number carried on, too few digits. A row whose formula is that of another row is mislabelled; one that
others refer to and that is not there is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.frontends.dispatch import to_graph
from adlab.ir.graph import Graph
from adlab.ir.numbering import NUMBERINGS, display_numbers, display_order
from adlab.ir.types import FLOAT64
from adlab.reports.worksheet import Expression, WrittenTable, normalised, parts_of, read_tables
from adlab.transforms.evaluation import flatten_args
from adlab.transforms.sweeps import forward_sweep, reverse_sweep, site_of

TOLERANCE = 5e-3
"""A number rounded by more than this, relative to the true one, is rounded too coarsely."""

ABSOLUTE = 5e-4
"""Three decimals are always enough."""

PROBES = 3
"""Further points at which formulas are compared with nodes."""

LARGEST = 2_000
"""Graphs of more nodes are nobody's hand-written table."""

FACTORS = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001, 2.0, 0.5, 3.0, 1 / 3, 4.0, 0.25)
EXCHANGED = (("sin", "cos"), ("cos", "sin"), ("ln", "log10"), ("log", "log10"), ("ln", "exp"), ("exp", "ln"))
IGNORED = frozenset(
    ("row", "#", "line", "no", "no.", "label", "scope", "remark", "remarks", "comment", "note", "notes")
)
RESULT = "result"
"""What the result is called where an input has its name."""

KINDS = {"value": "value", "output": "value", "tangent": "tangent", "adjoint": "adjoint"}


# ------------------------------------------------------------------------------------------------------- the report


@dataclass(frozen=True)
class GradedCell:
    """One cell with its mark.

    Attributes
    ----------
    line : int
        Line of the text.
    row : str
        The quantity that the row is about, such as ``v4``, ``v̇4 (x1)``, ``v̄4``.
    text : str
        The cell as it was written.
    right : bool
    reason : str
        In a word or two; empty if right: "sign error", "wrong by a factor", "rounding too coarse", "wrong operand", "missing
        term", "wrong operation", "carried over", "mislabelled row", "value missing", "unreadable", "wrong value" or
        "wrong formula".
    sentence : str
        What is wrong, or a remark on a right cell.
    expected : float or None
        The number that belongs there.
    """

    line: int
    row: str
    text: str
    right: bool
    reason: str = ""
    sentence: str = ""
    expected: float | None = None


@dataclass(frozen=True)
class MissingRow:
    """A row that other rows refer to, or that holds a result, and that is not there."""

    row: str
    sentence: str


@dataclass(frozen=True)
class GradeReport:
    """The marks of a trace table.

    Attributes
    ----------
    function : str
    cells : tuple of GradedCell
    missing : tuple of MissingRow
    """

    function: str
    cells: tuple[GradedCell, ...]
    missing: tuple[MissingRow, ...]

    @property
    def wrong(self) -> tuple[GradedCell, ...]:
        """The wrong cells."""
        return tuple(cell for cell in self.cells if not cell.right)

    @property
    def passed(self) -> bool:
        """Whether every cell is right and no row is missing."""
        return not self.wrong and not self.missing

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        count = len(self.cells)
        if self.passed:
            return f"All {count} cells are right."
        parts = [f"{len(self.wrong)} of {count} cells {'is' if len(self.wrong) == 1 else 'are'} wrong"]
        if self.missing:
            parts.append(f"{len(self.missing)} {'row is' if len(self.missing) == 1 else 'rows are'} missing")
        return f"{', and '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "function": self.function,
            "passed": self.passed,
            "sentence": self.sentence,
            "cells": [
                {
                    **vars(cell),
                    "expected": None
                    if cell.expected is None or not np.isfinite(cell.expected)
                    else cell.expected,
                }
                for cell in self.cells
            ],
            "missing": [{"row": row.row, "sentence": row.sentence} for row in self.missing],
        }


def grade(work: str | Path, f: Any, *args: Any, tolerance: float = TOLERANCE) -> GradeReport:
    r"""Grade a trace table.

    Parameters
    ----------
    work : str or Path
        The table itself, as Markdown or as CSV (also with semicolons or tabs), or the file that holds it.
    f : callable, str, sympy expression or Graph
        The function of numbers that the table is about.
    *args
        The point.
    tolerance : float
        By how much, relative to the true number, a number may be rounded.

    Raises
    ------
    InputError
        If there is no table to grade, or the function or point cannot be used.

    Examples
    --------
    >>> table = "| step | value |\n|---|---|\n| v0 = x1 | 2 |\n| v1 = x2 | 5 |\n| y = sin(v1)*v0 | 1.918 |"
    >>> grade(table, "x1*sin(x2)", 2.0, 5.0).wrong[0].reason
    'sign error'
    """
    if isinstance(tolerance, bool) or not 0 < tolerance < 1:
        raise InputError(f"The tolerance {tolerance!r} cannot be used: it is a number between 0 and 1.")
    text = read_work(work)
    recording = to_graph(f, args)
    if recording.captured:
        raise InputError(
            "grade takes a function of numbers; this one closes over a value of a trace that is still open."
        )
    graph = recording.graph
    truth = Truth(graph, flatten_args(graph, args))
    tables = [written for written in read_tables(text) if written.rows]
    title = f if isinstance(f, str) else getattr(f, "__name__", graph.name)
    return Grader(truth, tolerance).report(tables, title)


def read_work(work: str | Path) -> str:
    """Return the text of a table, from a file if ``work`` names one."""
    is_text = isinstance(work, str) and ("\n" in work or "|" in work)
    if is_text:
        return str(work)
    path = Path(work)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            f"The file {path} is not there; give a Markdown or CSV file, or the table itself."
        ) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"The file {path} cannot be read as text: {error}; give a Markdown or CSV file."
        ) from None


# --------------------------------------------------------------------------------------------------------- the truth


class Truth:
    """Values, tangents and adjoints of every node, at the point and at the probes next to it.

    Every quantity is an array with one entry per point, the first of which is the point itself.
    """

    def __init__(self, graph: Graph, args: Sequence[Any]) -> None:
        _check_graph(graph)
        self.graph = graph
        self.inputs = [normalised(name).replace(" ", "") for name in graph.inputs]
        points = _points(graph, args)
        self.count = len(points[0]) if points else 1
        self.values = [self.full(v) for v in NUMPY.run(graph, points)]
        self.tangents = [
            [
                self.full(t)
                for t in forward_sweep(
                    graph,
                    NUMPY,
                    self.values,
                    [np.ones(self.count) if i == k else None for i in range(len(graph.inputs))],
                )
            ]
            for k in range(len(graph.inputs))
        ]
        seeds = [(graph.outputs[0], np.ones(self.count))]
        self.adjoints = [self.full(a) for a in reverse_sweep(graph, NUMPY, self.values, seeds)]
        constants = [NUMPY.constant(constant) for constant in graph.constants]
        self.sites = [
            site_of(graph, i, self.values, constants) if i >= len(graph.inputs) else None
            for i in range(len(graph))
        ]

    def full(self, value: Any) -> Any:
        """Return a quantity as an array of one entry per point; None is 0."""
        return np.broadcast_to(np.asarray(0.0 if value is None else value, float), (self.count,))

    @property
    def output(self) -> Any:
        """The result."""
        j = self.graph.outputs[0]
        return self.values[j] if j >= 0 else self.full(NUMPY.constant(self.graph.constants[~j]))

    def slope(self, k: int) -> Any:
        """Return the derivative of the result by an input."""
        return self.adjoints[k]

    def partial(self, i: int, j: int) -> Any:
        """Return the local partial of node ``i`` by node ``j``; None if it does not use it."""
        site, total = self.sites[i], None
        rule = self.graph.primitives[i].rule
        if site is None or rule is None:
            return None
        for position, operand in enumerate(self.graph.operands[i]):
            if operand == j:
                part = rule.vjp(NUMPY, site, np.ones(self.count), position)
                total = self.full(part) + (0.0 if total is None else total)
        return total


def _check_graph(graph: Graph) -> None:
    whole = all(not type.shape for type in graph.types) and all(
        primitive.elementwise for primitive in graph.primitives[len(graph.inputs) :]
    )
    if not whole or any(type.dtype != FLOAT64 for type in graph.input_types):
        raise InputError("Tables of single numbers can be graded; this function computes with arrays.")
    if len(graph.outputs) != 1 or graph.type_of(graph.outputs[0]).dtype != FLOAT64:
        raise InputError(
            f"A table of one result can be graded; this function has {len(graph.outputs)} results."
        )
    if len(graph) > LARGEST:
        raise InputError(
            f"The function has {len(graph):,} steps; tables of up to {LARGEST:,} rows can be graded."
        )


def _points(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """Return each input at the point and at probes next to it where all is finite and every branch the same."""
    random = np.random.default_rng(0)
    shifts = random.uniform(0.3, 1.0, (len(args), PROBES)) * random.choice((-1.0, 1.0), (len(args), PROBES))
    for size in (0.03, 1e-3, 1e-5):
        points = [
            np.concatenate(([float(x)], float(x) + size * max(abs(float(x)), 0.1) * shift))
            for x, shift in zip(args, shifts, strict=True)
        ]
        values = NUMPY.run(graph, points)
        finite = all(
            np.all(np.isfinite(np.asarray(v, float)[1:]))
            for v in values
            if np.ndim(v) and np.isfinite(np.asarray(v, float)[0])
        )
        kept = all(
            np.all(np.asarray(values[guard.operand]) == guard.outcome)
            for guard in graph.guards
            if guard.operand >= 0
        )
        if finite and kept:
            return points
    return [np.array([float(x)]) for x in args]


# ------------------------------------------------------------------------------------------------ what names stand for


@dataclass
class Entry:
    """What a name of the table stands for.

    Attributes
    ----------
    value : array
    node : position in the graph, or None for a step of the writer's own
    expression : the formula as written, or None
    tangents : one array per input
    adjoint : array, or None while it is not known
    """

    value: Any
    node: int | None
    expression: Expression | None = None
    tangents: list[Any] = field(default_factory=list)
    adjoint: Any = None


@dataclass(frozen=True)
class Quantity:
    """What a row or column is about: the value, tangent or adjoint of a name; ``wrt`` is the input of a tangent."""

    kind: str
    name: str
    wrt: int | None = None


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


def same(first: Any, second: Any) -> bool:
    """Return whether two quantities agree at every point, up to rounding."""
    if first is None or second is None:
        return False
    with np.errstate(all="ignore"):
        scale = 1e-9 * np.maximum(1.0, np.abs(second))
        close = np.abs(first - second) <= scale
    return bool(np.all(close | (first == second) | (np.isnan(first) & np.isnan(second))))


class Book:
    """The names of a table with what they stand for; names that it does not define have adlab's meaning."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.entries: dict[str, Entry] = {}
        self.canonical: dict[str, int] = {}
        self.results: set[str] = {RESULT, "y", "f", truth.graph.name}
        self.renumber("level")

    def renumber(self, numbering: str) -> None:
        """Give nodes the numbers of one of adlab's numberings."""
        graph = self.truth.graph
        numbers = display_numbers(graph, display_order(graph, numbering), numbering)
        self.canonical = {f"v{number}".replace("-", "m"): i for i, number in enumerate(numbers)}
        self.canonical.update({name: k for k, name in enumerate(self.truth.inputs)})

    def entry(self, name: str) -> Entry | None:
        """Return what a name stands for."""
        found = self.entries.get(name)
        if found is not None:
            return found
        if name in self.canonical:
            return self.of_node(self.canonical[name])
        return self.result() if name in self.results else None

    def of_node(self, i: int, expression: Expression | None = None) -> Entry:
        """Return the entry of a node of the graph."""
        truth = self.truth
        return Entry(
            truth.values[i], i, expression, [tangents[i] for tangents in truth.tangents], truth.adjoints[i]
        )

    def result(self) -> Entry:
        """Return the entry of the function's result."""
        j = self.truth.graph.outputs[0]
        if j >= 0:
            return self.of_node(j)
        nothing = self.truth.full(0.0)
        return Entry(
            self.truth.output, None, None, [nothing for _ in self.truth.inputs], self.truth.full(1.0)
        )

    def find(self, value: Any, name: str, formula: Expression) -> int | None:
        """Return the node with these values.

        Of several, such as v₁ and max(v₀, v₁), it is the one that has the name, else one that has no row yet and is an input
        only if the formula is a bare name.
        """
        found = [i for i, known in enumerate(self.truth.values) if same(value, known)]
        if self.canonical.get(name) in found:
            return self.canonical[name]
        taken = {entry.node for entry in self.entries.values()}
        inputs = len(self.truth.inputs)
        found.sort(key=lambda i: ((i < inputs) != bool(formula.name), i in taken))
        return found[0] if found else None

    def own_step(self, expression: Expression, value: Any) -> Entry:
        """Return the entry of a step that is no node: its tangents by the rules from those of its operands."""
        operands = [self.entry(name) for name in expression.names]
        nodes = NUMPY.run(expression.graph, [e.value for e in operands if e is not None])
        tangents = []
        for k in range(len(self.truth.inputs)):
            seeds = [e.tangents[k] for e in operands if e is not None]
            swept = forward_sweep(expression.graph, NUMPY, nodes, seeds)
            j = expression.graph.outputs[0]
            tangents.append(self.truth.full(swept[j] if j >= 0 else None))
        return Entry(value, None, expression, tangents)

    def settle_adjoints(self) -> None:
        """Give steps of the writer's own their adjoints: last step first, Σ partial · adjoint of its users."""
        names = list(self.entries)
        for name in reversed(names):
            entry = self.entries[name]
            if entry.adjoint is not None:
                continue
            total = self.truth.full(0.0)
            for user in names[names.index(name) + 1 :]:
                partial = self.local(user, name)
                adjoint = self.entries[user].adjoint
                if partial is not None and adjoint is not None:
                    total = total + partial * adjoint
            entry.adjoint = total

    def local(self, of: str, by: str) -> Any:
        """Return ∂of/∂by as one step has it; None if the step does not use it."""
        entry, operand = self.entry(of), self.entry(by)
        if entry is None or operand is None:
            return None
        written = entry.expression
        if written is not None and by in written.names:
            nodes = NUMPY.run(
                written.graph, [e.value for e in map(self.entry, written.names) if e is not None]
            )
            seeds = [(written.graph.outputs[0], np.ones(self.truth.count))]
            return self.truth.full(reverse_sweep(written.graph, NUMPY, nodes, seeds)[written.names.index(by)])
        if entry.node is not None and operand.node is not None:
            return self.truth.partial(entry.node, operand.node)
        return None

    def quantity(self, what: Quantity) -> Any:
        """Return the true quantity, None if the name is unknown."""
        if what.kind == "local":
            of, by = what.name.split("__")
            return self.derivative(of, by)
        entry = self.entry(what.name)
        if entry is None:
            return None
        if what.kind == "value":
            return entry.value
        if what.kind == "tangent":
            return None if what.wrt is None else entry.tangents[what.wrt]
        return entry.adjoint

    def derivative(self, of: str, by: str) -> Any:
        """Return ∂of/∂by: of the result an adjoint, by an input a tangent, otherwise a local partial."""
        if by in self.truth.inputs:
            entry = self.result() if of in self.results else self.entry(of)
            return None if entry is None else entry.tangents[self.truth.inputs.index(by)]
        if of in self.results:
            entry = self.entry(by)
            return None if entry is None else entry.adjoint
        direct = self.local(of, by)
        if direct is not None:
            return direct
        entry, operand = self.entry(of), self.entry(by)
        if entry is not None and operand is not None and same(entry.value, self.truth.output):
            return operand.adjoint
        return self.truth.full(0.0) if entry is not None and operand is not None else None

    def meaning(self, name: str, wrt: int | None) -> Any:
        """Return the true quantity that a name in a formula stands for; None if it is unknown."""
        mark, _, rest = name.partition("__")
        if mark == "D" and "__" in rest:
            of, _, by = rest.partition("__")
            return self.derivative(of, by)
        return self.quantity(parse_name(name, self.truth.inputs, wrt))

    def evaluate(self, part: Expression, wrt: int | None) -> Any:
        """Return a formula's values with true quantities for its names; None if one is unknown."""
        env = {name: self.meaning(name, wrt) for name in part.names}
        if any(value is None for value in env.values()):
            return None
        return self.truth.full(part.evaluate(env))


def parse_name(name: str, inputs: Sequence[str], wrt: int | None) -> Quantity:
    """Return the quantity that a plain name means: v3, T__v3, A__v3, D__v3__x1."""
    mark, _, rest = name.partition("__")
    if mark == "T" and rest:
        return Quantity("tangent", rest, wrt)
    if mark == "A" and rest:
        return Quantity("adjoint", rest)
    if mark == "D" and "__" in rest:
        of, _, by = rest.partition("__")
        if by in inputs:
            return Quantity("tangent", of, inputs.index(by))
        return Quantity("local", rest)
    return Quantity("value", name)


def plain_name(name: str) -> str:
    """Return the name of a step as people write it: vm1 is v₋₁."""
    match = re.fullmatch(r"vm(\d)", name)
    return f"v₋{'₀₁₂₃₄₅₆₇₈₉'[int(match[1])]}" if match else name


def shown(what: Quantity, inputs: Sequence[str]) -> str:
    """Return a quantity as people write it: v3, v̇3 (x1), v̄3, ∂v5/∂v2."""
    if what.kind == "local":
        of, by = what.name.split("__")
        return f"∂{of}/∂{by}"
    name = plain_name(what.name)
    if what.kind == "tangent":
        by = "" if what.wrt is None else inputs[what.wrt]
        return f"∂{name}/∂{by}" if by else f"{name[0]}\u0307{name[1:]}"
    return f"{name[0]}\u0304{name[1:]}" if what.kind == "adjoint" else name


def spoken(name: str) -> str:
    """Return a plain name as people write it.

    Examples
    --------
    >>> spoken("A__v3"), spoken("D__v2__x1"), spoken("v3")
    ('v̄3', '∂v2/∂x1', 'v3')
    """
    mark, _, rest = name.partition("__")
    if mark == "D" and rest:
        return "∂" + rest.replace("__", "/∂")
    accent = {"T": "\u0307", "A": "\u0304"}.get(mark)
    if accent and rest:
        rest = plain_name(rest)
        return f"{rest[0]}{accent}{rest[1:]}"
    return plain_name(name)


def number(value: float) -> str:
    """Return a number with three decimals or, if small, four significant digits."""
    if not np.isfinite(value):
        return "NaN" if value != value else "∞" if value > 0 else "−∞"
    text = f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.1 or value == 0 else f"{value:.4g}"
    return text.replace("-", "−") if text != "-0" else "0"


# ------------------------------------------------------------------------------------------------------- the numbers


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a part: nothing (right), a remark (right), or a reason and a sentence."""

    right: bool = True
    reason: str = ""
    sentence: str = ""


def fits(value: float, truth: float, decimals: int | None, tolerance: float) -> bool:
    """Return whether a number is the true one, rounded to its decimals and not too coarsely.

    The last digit may be one off, as it is when one computes with rounded numbers.

    Examples
    --------
    >>> fits(-0.959, -0.958924, 3, 5e-3), fits(0.959, -0.958924, 3, 5e-3), fits(0.7, 0.693147, 1, 5e-3)
    (True, False, False)
    """
    if not np.isfinite(truth) or not np.isfinite(value):
        return value == truth or (np.isnan(value) and np.isnan(truth))
    off = abs(value - truth)
    if off <= 1e-12 * max(1.0, abs(truth)):
        return True
    unit = 10.0**-decimals if decimals is not None else 0.0
    if off <= 1e-3 * min(1.0, abs(truth)) and off <= 1e-3:
        return True
    enough = max(tolerance * abs(truth), min(ABSOLUTE, unit / 2 * (1 + 1e-9)))
    return off <= unit * (1 + 1e-9) and off <= enough


def rounded_coarsely(value: float, truth: float, decimals: int) -> bool:
    """Return whether a number is the true one, rounded to its few decimals."""
    return bool(abs(value - truth) <= 0.5 * 10.0**-decimals * (1 + 1e-9))


def slack(part: Expression) -> float:
    """Return by how much a sum of numbers may be off because its numbers are rounded."""
    exact = float(part.evaluate({}))
    total = 1e-9 * max(1.0, abs(exact))
    for match in re.finditer(r"(?<![\w.])\d+\.\d+(?![\w.])", part.plain):
        decimals = len(match[0].partition(".")[2])
        for step in (1, -1):
            text = f"({float(match[0]) + step * 10.0**-decimals!r})"
            moved = _rewritten(part, match, text)
            if moved is not None:
                total += abs(float(moved.evaluate({})) - exact) / 2
    return total


def _rewritten(part: Expression, match: re.Match[str], text: str) -> Expression | None:
    from adlab.reports.worksheet import expression

    return expression(part.plain[: match.start()] + text + part.plain[match.end() :], part.text)


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


# -------------------------------------------------------------------------------------------------------- the grading


class Grader:
    """Grades tables against the truth."""

    def __init__(self, truth: Truth, tolerance: float) -> None:
        self.truth = truth
        self.tolerance = tolerance
        self.book = Book(truth)
        self.rows: list[Row] = []
        self.cells: list[GradedCell] = []
        self.missing: dict[str, MissingRow] = {}
        self.meant: dict[int, Quantity] = {}
        self.mislabelled: dict[int, Quantity] = {}
        self.own: dict[tuple[str, str, int | None], float] = {}

    def report(self, tables: Sequence[WrittenTable], title: str) -> GradeReport:
        """Return the marks of all tables."""
        for index, table in enumerate(tables):
            self.rows += self._read(index, table)
        if not any(row.label is not None for row in self.rows):
            raise InputError(
                "There is no trace table to grade: write a Markdown or CSV table with rows such as "
                "| v2 = ln(v0) | ln(2) | 0.693 |."
            )
        self._define()
        self.book.settle_adjoints()
        self._choose_inputs()
        for index, row in enumerate(self.rows):
            self._relabel(index, row)
        for index, row in enumerate(self.rows):
            if row.label is not None:
                self._grade_row(index, row)
        self._find_missing()
        return GradeReport(title, tuple(self.cells), tuple(self.missing.values()))

    # ------------------------------------------------------------------------------------------------- reading rows

    def _read(self, index: int, table: WrittenTable) -> list[Row]:
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
        return Row(table, line, self._as_adjoint(label), label_text, kept)

    def _of_result(self, label: Quantity) -> Quantity:
        """Return a label that an input and the result share as the result's: inputs are labelled v0, v1, …."""
        if label.name in self.truth.inputs and label.name == self.truth.graph.name:
            return Quantity(label.kind, RESULT, label.wrt)
        return label

    def _as_adjoint(self, label: Quantity | None) -> Quantity | None:
        """Return ∂y/∂v3 as the adjoint of v3."""
        if label is not None and label.kind == "local":
            of, by = label.name.split("__")
            if of in self.book.results:
                return Quantity("adjoint", by)
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

    # -------------------------------------------------------------------------------------------- what names stand for

    def _evaluations(self) -> list[Definition]:
        found = []
        for index, row in enumerate(self.rows):
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

    def _define(self) -> None:
        """Give the names of the evaluation table their meaning."""
        rows = self._evaluations()
        matched, reached = self._tentative(rows)
        self.book.renumber(max(NUMBERINGS, key=lambda numbering: self._agreement(numbering, matched)))
        taken = set(matched.values())
        for index, row, formula in rows:
            self._define_row(index, row, formula, reached, taken)

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
                    self.mislabelled[index] = Quantity("value", meant)
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
            other.label.name for other in self.rows if other.label is not None and other.label.kind == "value"
        }
        if what.name in names or what.name in self.truth.inputs or what.name in self.book.results:
            return
        shown_name = shown(what, self.truth.inputs)
        self._miss(shown_name, f"Row missing: {shown_name}, which line {row.line} refers to.")

    def _miss(self, name: str, sentence: str) -> None:
        self.missing.setdefault(name, MissingRow(name, sentence))

    # ------------------------------------------------------------------------------------------------- derivative rows

    def _choose_inputs(self) -> None:
        """Find out, for tangents that do not say so, which input they belong to: the one that most of their numbers fit."""
        guess = {table: self._best_input(table) for table in {row.table for row in self.rows}}
        for row in self.rows:
            label = row.label
            if label is not None and label.kind == "tangent" and label.wrt is None:
                wrts = {by for _, kind, by, _ in row.cells if kind == "tangent" and by is not None}
                row.label = Quantity(
                    "tangent", label.name, wrts.pop() if len(wrts) == 1 else guess[row.table]
                )
            of_values = row.label is not None and row.label.kind == "value"
            row.cells = [
                (
                    text,
                    kind,
                    guess[row.table] if of_values and kind == "tangent" and by is None else by,
                    parts,
                )
                for text, kind, by, parts in row.cells
            ]

    def _best_input(self, table: int) -> int:
        scores = []
        for k in range(len(self.truth.inputs)):
            score = 0
            for row in self.rows:
                if row.table != table or row.label is None:
                    continue
                for _, kind, _, parts in row.cells:
                    if row.label.kind != "tangent" and kind != "tangent":
                        continue
                    true = self.book.quantity(Quantity("tangent", row.label.name, k))
                    numbers = [
                        part.literal for part in parts if part is not None and part.literal is not None
                    ]
                    score += sum(
                        true is not None and abs(x - true[0]) <= 1e-2 * max(1.0, abs(x)) for x in numbers
                    )
            scores.append(score)
        return int(np.argmax(scores)) if scores else 0

    def _quantity(self, index: int, row: Row, kind: str, by: int | None) -> Quantity:
        """Return what a cell is about: what its column says of the row's name, or what the row says."""
        label = self.meant.get(index) or row.label
        assert label is not None
        if label.kind == "tangent" and by is not None and kind == "tangent":
            return Quantity("tangent", label.name, by)
        if label.kind == "value" and kind:
            return Quantity(kind, label.name, by if kind == "tangent" else None)
        return label

    def _relabel(self, index: int, row: Row) -> None:
        """Find out whether a derivative row's formula is that of another row, which is not there."""
        if index in self.mislabelled:
            self.meant[index] = self.mislabelled[index]
            return
        label = row.label
        if label is None or label.kind not in ("tangent", "adjoint"):
            return
        own = self.book.quantity(label)
        present = {(o.label.kind, o.label.name, o.label.wrt) for o in self.rows if o.label is not None}
        for part in row.formulas():
            found = self.book.evaluate(part, label.wrt)
            if part.name or found is None or own is None or same(found, own):
                continue
            for name in self._names():
                other = Quantity(label.kind, name, label.wrt)
                absent = (other.kind, other.name, other.wrt) not in present
                if (
                    absent
                    and same(found, self.book.quantity(other))
                    and other not in self.mislabelled.values()
                ):
                    self.mislabelled[index] = self.meant[index] = other
                    return

    def _names(self) -> list[str]:
        """Return the names of all steps."""
        steps = [name for name in self.book.entries if name not in self.truth.inputs]
        return steps or [name for name in self.book.canonical if name not in self.truth.inputs]

    # ----------------------------------------------------------------------------------------------------- marking

    def _grade_row(self, index: int, row: Row) -> None:
        label = row.label
        assert label is not None
        inputs = self.truth.inputs
        if index in self.mislabelled:
            meant = shown(self.mislabelled[index], inputs)
            sentence = f"Mislabelled row: the formula is that of {meant}, not of {shown(label, inputs)}."
            self.cells.append(GradedCell(row.line, meant, row.label_text, False, "mislabelled row", sentence))
        formula = self._formula_of(index, row)
        numbers = 0
        for text, kind, by, parts in row.cells:
            what = self._quantity(index, row, kind, by)
            true = self.book.quantity(what)
            verdicts = [self._part(part, what, true, formula, row) for part in parts]
            numbers += sum(part is not None and not part.names for part in parts)
            if parts:
                expected = None if true is None else float(true[0])
                self._mark(row, text, shown(what, inputs), verdicts, expected)
        if not numbers:
            what = self._quantity(index, row, "", None)
            true = self.book.quantity(what)
            value = "" if true is None else f"; it is {number(float(true[0]))}"
            sentence = f"No number is given for {shown(what, inputs)}{value}."
            expected = None if true is None else float(true[0])
            self.cells.append(
                GradedCell(
                    row.line, shown(what, inputs), row.label_text, False, "value missing", sentence, expected
                )
            )

    def _mark(
        self, row: Row, text: str, name: str, verdicts: Sequence[Verdict | None], expected: float | None
    ) -> None:
        """Add the cell, unless it holds only words."""
        judged = [verdict for verdict in verdicts if verdict is not None]
        if not judged:
            return
        wrong = next((verdict for verdict in judged if not verdict.right), None)
        remark = next((verdict.sentence for verdict in judged if verdict.sentence), "")
        if wrong is not None:
            self.cells.append(GradedCell(row.line, name, text, False, wrong.reason, wrong.sentence, expected))
        else:
            self.cells.append(GradedCell(row.line, name, text, True, "", remark, expected))

    def _formula_of(self, index: int, row: Row) -> Expression | None:
        """Return the row's formula if it is right."""
        for _, kind, by, parts in row.cells:
            what = self._quantity(index, row, kind, by)
            for part in parts:
                if part is not None and part.names:
                    found = self.book.evaluate(part, what.wrt)
                    if same(found, self.book.quantity(what)):
                        return part
        return None

    def _part(
        self, part: Expression | None, what: Quantity, true: Any, formula: Expression | None, row: Row
    ) -> Verdict | None:
        """Return the verdict on a part of a cell; None for words."""
        if part is None:
            return self._unread(row)
        if part.names:
            return self._judge_formula(part, what, true)
        if true is None:
            return Verdict(False, "mislabelled row", f"There is no {shown(what, self.truth.inputs)}.")
        literal = part.literal
        if literal is None:
            return self._judge_sum(part, what, float(true[0]))
        verdict = self._judge_number(part, literal, what, true, formula)
        self.own[what.kind, what.name, what.wrt] = literal
        return verdict

    def _unread(self, row: Row) -> Verdict | None:
        """Return the verdict on what is no expression: words are passed over, anything with numbers in it is not."""
        text = " ".join(text for text, _, _, parts in row.cells if None in parts)
        if not re.search(r"\d|[=+*/^]", normalised(text)):
            return None
        return Verdict(False, "unreadable", "This cannot be read as a formula or number.")

    # ---------------------------------------------------------------------------------------------------- formulas

    def _judge_formula(self, part: Expression, what: Quantity, true: Any) -> Verdict | None:
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
            self._formula_sign(part, found, what, true, name)
            or self._formula_term(found, what, true, name)
            or self._formula_operand(part, what, true, name)
            or self._formula_function(part, what, true, name)
            or self._formula_factor(found, true, name)
            or Verdict(
                False,
                "wrong formula",
                f"This formula is not {name}: it gives {number(float(found[0]))}, not {number(float(true[0]))}.",
            )
        )

    def _formula_sign(
        self, part: Expression, found: Any, what: Quantity, true: Any, name: str
    ) -> Verdict | None:
        if same(-found, true):
            return Verdict(False, "sign error", f"Sign error: the formula gives −{name}.")
        for match in re.finditer(r"[+-]", part.plain):
            other = _rewritten(part, match, "-" if match[0] == "+" else "+")
            if other is not None and same(self.book.evaluate(other, what.wrt), true):
                right, wrong = ("−", "+") if match[0] == "+" else ("+", "−")
                return Verdict(False, "sign error", f"Sign error: {right} belongs where {wrong} stands.")
        for match in re.finditer(r"\*(?!\*)|/|\+|-", part.plain):
            for operator in "*/+-":
                other = _rewritten(part, match, operator) if operator != match[0] else None
                if other is not None and same(self.book.evaluate(other, what.wrt), true):
                    shown_right = {"*": "·", "-": "−"}.get(operator, operator)
                    sentence = f"Wrong operation: {shown_right} belongs where {match[0]} stands."
                    return Verdict(False, "wrong operation", sentence)
        return None

    def _formula_term(self, found: Any, what: Quantity, true: Any, name: str) -> Verdict | None:
        for text, term in self._terms(what):
            if not same(term, self.truth.full(0.0)) and same(found, true - term):
                return Verdict(False, "missing term", f"A term is missing from {name}: {text}.")
        return None

    def _formula_operand(self, part: Expression, what: Quantity, true: Any, name: str) -> Verdict | None:
        for old in part.names:
            for new in self._alternatives(old):
                for match in re.finditer(rf"\b{re.escape(old)}\b", part.plain):
                    other = _rewritten(part, match, new)
                    if other is not None and same(self.book.evaluate(other, what.wrt), true):
                        sentence = f"Wrong operand: {spoken(new)} belongs where {spoken(old)} stands."
                        return Verdict(False, "wrong operand", sentence)
        return None

    def _alternatives(self, name: str) -> list[str]:
        """Return the names of the same kind that might have been meant."""
        mark, _, rest = name.partition("__")
        names = [*self._names(), *self.truth.inputs][:60]
        if mark in ("T", "A") and rest:
            return [f"{mark}__{other}" for other in names if other != rest]
        if mark == "D" and rest:
            of, _, by = rest.partition("__")
            return [f"D__{other}__{by}" for other in names if other != of] + [
                f"D__{of}__{other}" for other in names if other != by
            ]
        return [other for other in names if other != name]

    def _formula_function(self, part: Expression, what: Quantity, true: Any, name: str) -> Verdict | None:
        for old, new in EXCHANGED:
            other = part.replaced(old, new) if re.search(rf"\b{old}\b", part.plain) else None
            if other is not None and same(self.book.evaluate(other, what.wrt), true):
                return Verdict(False, "wrong operation", f"Wrong function: {new} belongs where {old} stands.")
        return None

    def _formula_factor(self, found: Any, true: Any, name: str) -> Verdict | None:
        for factor in FACTORS:
            if same(found, factor * true):
                return Verdict(False, "wrong by a factor", f"The formula is {number(factor)} times {name}.")
        return None

    def _terms(self, what: Quantity) -> list[tuple[str, Any]]:
        """Return the terms that a quantity is the sum of, with how they are written."""
        entry = self.book.entry(what.name) if what.kind != "local" else None
        if entry is None or entry.node is None:
            return []
        graph, truth, i = self.truth.graph, self.truth, entry.node
        label = {self._name_of(j): j for j in range(len(graph))}
        names = {j: name for name, j in label.items()}
        terms = []
        if what.kind == "adjoint":
            for user in range(i + 1, len(graph)):
                partial = truth.partial(user, i)
                if partial is not None:
                    text = f"{spoken(f'A__{names[user]}')} · ∂{names[user]}/∂{names[i]}"
                    terms.append((text, partial * truth.adjoints[user]))
        elif what.kind == "tangent" and what.wrt is not None:
            for j in dict.fromkeys(j for j in graph.operands[i] if j >= 0):
                partial = truth.partial(i, j)
                if partial is not None:
                    text = f"∂{names[i]}/∂{names[j]} · {spoken(f'T__{names[j]}')}"
                    terms.append((text, partial * truth.tangents[what.wrt][j]))
        elif graph.primitives[i].name in ("add", "subtract"):
            signs = (1, 1 if graph.primitives[i].name == "add" else -1)
            for sign, j in zip(signs, graph.operands[i], strict=True):
                if j >= 0:
                    terms.append(("− " * (sign < 0) + names[j], sign * truth.values[j]))
        return terms

    def _name_of(self, node: int) -> str:
        """Return what the table calls a node."""
        for name, entry in self.book.entries.items():
            if entry.node == node:
                return name
        return next(name for name, i in self.book.canonical.items() if i == node)

    # ----------------------------------------------------------------------------------------------------- numbers

    def _judge_sum(self, part: Expression, what: Quantity, true: float) -> Verdict:
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
            other = _rewritten(part, match, "-" if match[0] == "+" else "+")
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

    def _judge_number(
        self, part: Expression, value: float, what: Quantity, true: Any, formula: Expression | None
    ) -> Verdict:
        target, decimals = float(true[0]), part.decimals
        name = shown(what, self.truth.inputs)
        if fits(value, target, decimals, self.tolerance):
            return self._remark(value, target, decimals)
        belongs = f"{name} is {number(target)}"
        if fits(-value, target, decimals, self.tolerance):
            return Verdict(False, "sign error", f"Sign error: {belongs}, not {number(value)}.")
        lacking = self._number_term(value, what, target, decimals, belongs)
        if lacking is None and rounded_coarsely(value, target, decimals):
            return Verdict(False, "rounding too coarse", f"Rounded too coarsely: {belongs}.")
        return (
            lacking
            or self._number_formula(value, what, decimals, formula, belongs)
            or self._number_factor(value, target, decimals, belongs)
            or Verdict(False, "wrong value", f"Wrong value: {belongs}, not {number(value)}.")
        )

    def _remark(self, value: float, target: float, decimals: int) -> Verdict:
        if np.isfinite(target) and abs(value - target) > 0.5 * 10.0**-decimals * (1 + 1e-6):
            return Verdict(sentence=f"Right, but for the last digits: {target:.{max(decimals, 3)}f}.")
        return Verdict()

    def _number_term(
        self, value: float, what: Quantity, target: float, decimals: int, belongs: str
    ) -> Verdict | None:
        for text, term in self._terms(what):
            if abs(term[0]) > 1e-12 and fits(value, target - float(term[0]), decimals, self.tolerance):
                return Verdict(False, "missing term", f"A term is missing, {text}: {belongs}.")
        return None

    def _number_formula(
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
            for new in self._alternatives(old):
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
        from adlab.reports.worksheet import expression

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

    def _number_factor(self, value: float, target: float, decimals: int, belongs: str) -> Verdict | None:
        for factor in (*FACTORS, *(-factor for factor in FACTORS)):
            scaled = decimals + round(np.log10(abs(factor)))
            if fits(value / factor, target, scaled, self.tolerance):
                return Verdict(
                    False, "wrong by a factor", f"Wrong by a factor of {number(factor)}: {belongs}."
                )
        return None

    # --------------------------------------------------------------------------------------------------- missing rows

    def _find_missing(self) -> None:
        """Note results and referred-to rows that are not there."""
        present: set[tuple[str, str, int | None]] = set()
        formulas: dict[tuple[str, int | None], int] = {}
        for index, row in enumerate(self.rows):
            if row.label is None:
                continue
            for _, kind, by, parts in row.cells or [("", "", None, ())]:
                what = self._quantity(index, row, kind, by)
                present.add((what.kind, what.name, what.wrt))
                count = sum(part is not None and bool(part.names) for part in parts)
                formulas[what.kind, what.wrt] = formulas.get((what.kind, what.wrt), 0) + count
            own = self._quantity(index, row, "", None)
            present.add((own.kind, own.name, own.wrt))
        for (kind, wrt), count in formulas.items():
            if kind in ("value", "tangent", "adjoint"):
                self._results_missing(kind, wrt, present)
                self._steps_missing(kind, wrt, present, bool(count))

    def _results_missing(self, kind: str, wrt: int | None, present: set[tuple[str, str, int | None]]) -> None:
        here = [name for k, name, by in present if k == kind and by == wrt]
        if kind == "adjoint":
            for k, name in enumerate(self.truth.inputs):
                steps = {name, *(n for n, e in self.book.entries.items() if e.node == k)}
                steps |= {n for n, i in self.book.canonical.items() if i == k}
                slopes = {("tangent", result, k) for result in self.book.results}
                if not steps & set(here) and not slopes & present:
                    self._miss(f"∂y/∂{name}", f"Row missing: the adjoint of {name}, a result.")
            return
        ends = [name for name in here if self._is_end(name)]
        if not ends:
            what = shown(Quantity(kind, self.truth.graph.name, wrt), self.truth.inputs)
            self._miss(what, f"Row missing: {what}, the result.")

    def _is_end(self, name: str) -> bool:
        entry = self.book.entry(name)
        return name in self.book.results or (entry is not None and same(entry.value, self.truth.output))

    def _steps_missing(
        self, kind: str, wrt: int | None, present: set[tuple[str, str, int | None]], has_formulas: bool
    ) -> None:
        if has_formulas:
            if kind != "value":
                self._referred_missing(kind, wrt, present)
            return
        for name in self._names():
            if (kind, name, wrt) not in present and not self._is_end(name):
                what = shown(Quantity(kind, name, wrt), self.truth.inputs)
                self._miss(what, f"Row missing: {what}.")

    def _referred_missing(
        self, kind: str, wrt: int | None, present: set[tuple[str, str, int | None]]
    ) -> None:
        for index, row in enumerate(self.rows):
            if row.label is None:
                continue
            for part in row.formulas():
                own = self._quantity(index, row, "", None)
                for name in part.names:
                    what = self._as_adjoint(parse_name(name, self.truth.inputs, own.wrt))
                    if what is None or what.kind != kind or what.wrt != wrt or what.name in self.truth.inputs:
                        continue
                    if (what.kind, what.name, what.wrt) not in present and what.name not in self.book.results:
                        said = shown(what, self.truth.inputs)
                        self._miss(said, f"Row missing: {said}, which line {row.line} refers to.")
