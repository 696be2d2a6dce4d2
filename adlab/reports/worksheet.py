"""Reading a trace table that somebody wrote: Markdown, CSV or tabs; LaTeX, Unicode or plain letters.

Tables are found in the text and cut into cells; a cell is cut at its equals signs into parts; a part becomes an
`Expression`, a graph of its own that can be evaluated with any values for its names. Marks become part of the name: v̇₃ is
``T__v3``, v̄₃ is ``A__v3``, ∂y/∂v₃ is ``D__y__v3``. Nothing is judged here.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError
from adlab.frontends.expression import expression_graph
from adlab.ir.graph import Graph
from adlab.primitives import NAMES

__all__ = ["Expression", "WrittenTable", "parts_of", "read_tables"]

LONGEST_CELL = 2_000
"""Longer cells are not read."""


@dataclass(frozen=True)
class WrittenTable:
    """A table as it was found.

    Attributes
    ----------
    title : str
        The line of text above it, if there is one.
    header : tuple of str
        Empty if it has none.
    rows : tuple of tuple of str
    lines : tuple of int
        The line of the text that each row stands on, counted from 1.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Expression:
    """A part of a cell that could be read.

    Attributes
    ----------
    text : str
        As it was written.
    plain : str
        The same in the grammar of expressions.
    graph : Graph
        Its inputs are the names that occur.
    """

    text: str
    plain: str
    graph: Graph

    @property
    def names(self) -> tuple[str, ...]:
        """The names that occur."""
        return self.graph.inputs

    @property
    def name(self) -> str:
        """The name, if the expression is nothing else; empty otherwise."""
        return self.names[0] if len(self.graph) == 1 and self.graph.outputs == (0,) else ""

    @property
    def literal(self) -> float | None:
        """The number, if the expression is nothing else."""
        bare = self.plain.strip("()")
        return float(bare) if NUMBER.fullmatch(bare) else None

    @property
    def decimals(self) -> int:
        """How many decimals the literal is written with; negative for 1e3."""
        mantissa, _, exponent = self.plain.strip("()").lower().partition("e")
        return len(mantissa.partition(".")[2]) - int(exponent or 0)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value with numbers or arrays for the names."""
        nodes = NUMPY.run(self.graph, [values[name] for name in self.names])
        return NUMPY.outputs(self.graph, nodes)[0]

    def replaced(self, old: str, new: str) -> Expression | None:
        """Return the expression with a name or function written otherwise; None if that is no expression."""
        return expression(re.sub(rf"\b{re.escape(old)}\b", new, self.plain), self.text)


NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN = re.compile(
    r"(?P<number>(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?)|(?P<name>[^\W\d⁰¹²³⁴-⁹][^\W⁰¹²³⁴-⁹]*)|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)"
    r"|(?P<operator>\*\*|[-+*/^@<>=!,≤≥≠])|(?P<open>[(\[])|(?P<close>[)\]])|(?P<blank>\s+)"
)


def _marked(mark: str, match: re.Match[str]) -> str:
    r"""Return the plain name of \dot{v}_3 or \bar{v}_3."""
    return f"{mark}__{match[1].strip('{ }')}{match[2]} "


_SPELLINGS = str.maketrans(
    {**dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)), "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*",
     "•": "*", "÷": "/", "≈": "=", "≃": "=", "\u00a0": " ", "$": "", "`": "", "σ": "sigmoid",
     "½": "(1/2)", "¼": "(1/4)", "¾": "(3/4)"}
)  # fmt: skip
_LATEX: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"\\(left|right|displaystyle|quad|qquad|big|Big|,|;|:|!|\(|\)|\[|\]| )"), " "),
    (re.compile(r"\\(cdot|times|ast)(?![A-Za-z])"), "*"),
    (re.compile(r"\\partial(?![A-Za-z])"), "∂"),
    (re.compile(r"\\(approx|simeq|coloneqq)(?![A-Za-z])"), "="),
    (re.compile(r"\\(operatorname|mathrm|text|mathit|mathbf)\s*\{([^{}]*)\}"), r"\2"),
    (re.compile("(v[\u0304\u0307]?)(?:₋|_\\{-)(\\d+)\\}?"), r"\1m\2"),
    (re.compile(r"([A-Za-z}])_(\{\d+\}|\d+)"), lambda match: match[1] + match[2].strip("{}")),
    (re.compile(r"\\dot\s*(\{\s*[A-Za-z]\d*\s*\}|[A-Za-z])(\d*)"), lambda match: _marked("T", match)),
    (re.compile(r"\\(?:bar|overline)\s*(\{\s*[A-Za-z]\d*\s*\}|[A-Za-z])(\d*)"), lambda match: _marked("A", match)),
)  # fmt: skip
_MARKS = (
    (re.compile("([A-Za-z])\u0307_?(m?\\d*)"), r"T__\1\2 "),
    (re.compile("([A-Za-z])[\u0304\u0305]_?(m?\\d*)"), r"A__\1\2 "),
    (re.compile(r"∂\s*([A-Za-z]\w*)\s*(?:\([^()]*\))?\s*/\s*∂\s*([A-Za-z]\w*)"), r"D__\1__\2 "),
    (re.compile(r"\bd\s?([A-Za-z]\d*)\s*/\s*d\s?([A-Za-z]\d*)\b"), r"D__\1__\2 "),
    (re.compile(r"\bd([vy]\d*)\b"), r"T__\1 "),
    (re.compile(r"\bb(v\d+)\b"), r"A__\1 "),
    (re.compile(r"\b([vxy]\d*)_?dot\b|\b([vxy])_?dot_?(\d+)\b"), r"T__\1\2\3 "),
    (re.compile(r"\b([vxy]\d*)_?bar\b|\b([vxy])_?bar_?(\d+)\b"), r"A__\1\2\3 "),
)  # fmt: skip
_BRACKET = re.compile(r"\[([^\[\],]*|\w+\([^\[\]]*\))\]")
"""Iverson's bracket, 1 where the condition holds and 0 elsewhere."""

_EQUALS = re.compile(r"(?<![<>!=])=(?!=)")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_RAISED = re.compile(r"\^\s*\{([^{}]*)\}")


# ------------------------------------------------------------------------------------------------------------ tables


def read_tables(text: str) -> list[WrittenTable]:
    r"""Return the tables in a text: pipe tables if there are any, else lines cut at tabs, semicolons or commas.

    Examples
    --------
    >>> table = read_tables("| step | value |\n|---|---|\n| v0 = x1 | 2 |")[0]
    >>> table.header, table.rows, table.lines
    (('step', 'value'), (('v0 = x1', '2'),), (3,))
    """
    lines = text.lstrip("\ufeff").splitlines()
    found = _grouped(lines, _piped)
    if found:
        return [_pipe_table(*group) for group in found]
    for delimiter in "\t;,":
        groups = _grouped(lines, lambda line, mark=delimiter: mark in line)
        if groups:
            return [_cut_table(*group, delimiter) for group in groups]
    return []


def _grouped(lines: Sequence[str], belongs: Any) -> list[tuple[str, list[tuple[int, str]]]]:
    """Return runs of lines that belong to tables, each with the line of words above it."""
    groups: list[tuple[str, list[tuple[int, str]]]] = []
    title, inside = "", False
    for number, line in enumerate(lines, 1):
        if belongs(line):
            if not inside:
                groups.append((title, []))
            groups[-1][1].append((number, line))
            inside = True
        else:
            inside = False
            title = line.strip(" #*_:") or title
    return groups


def _piped(line: str) -> bool:
    return line.count("|") - line.count("\\|") >= 1


def _pipe_cells(line: str) -> tuple[str, ...]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner))


def _is_rule(cells: Sequence[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in cells)


def _pipe_table(title: str, lines: Sequence[tuple[int, str]]) -> WrittenTable:
    rows = [(number, _pipe_cells(line)) for number, line in lines]
    header: tuple[str, ...] = ()
    if len(rows) > 1 and _is_rule(rows[1][1]):
        header, rows = rows[0][1], rows[2:]
    kept = [(number, cells) for number, cells in rows if not _is_rule(cells)]
    return WrittenTable(title, header, tuple(cells for _, cells in kept), tuple(n for n, _ in kept))


def _cut_table(title: str, lines: Sequence[tuple[int, str]], delimiter: str) -> WrittenTable:
    reader = csv.reader(io.StringIO("\n".join(line for _, line in lines)), delimiter=delimiter, strict=False)
    rows = [tuple(cell.strip() for cell in cells) for cells in reader]
    numbers = [number for number, _ in lines][: len(rows)]
    if rows and not any(part is not None and part.name for cell in rows[0] for part in parts_of(cell)[:1]):
        return WrittenTable(title, rows[0], tuple(rows[1:]), tuple(numbers[1:]))
    if rows and not any(NUMBER.fullmatch(cell.translate(_SPELLINGS)) for cell in rows[0] if cell):
        names = [parts_of(cell) for cell in rows[0]]
        if all(len(parts) == 1 for parts in names if parts):  # bare words: name, formula, value
            return WrittenTable(title, rows[0], tuple(rows[1:]), tuple(numbers[1:]))
    return WrittenTable(title, (), tuple(rows), tuple(numbers))


# ------------------------------------------------------------------------------------------------------------- cells


@lru_cache(maxsize=4096)
def parts_of(cell: str) -> tuple[Expression | None, ...]:
    r"""Return the parts of a cell between equals signs; None for one that is no expression.

    Examples
    --------
    >>> [part.plain for part in parts_of("$v_4 = \\sin(v_1)$")]
    ['v4', 'sin(v1)']
    >>> [part.plain for part in parts_of("∂v2/∂x1 = 1/v0 v̇0")]
    ['D__v2__x1', '1/v0*T__v0']
    """
    if len(cell) > LONGEST_CELL:
        return (None,)
    plain = normalised(cell)
    return tuple(expression(part, part.strip()) for part in _EQUALS.split(plain) if part.strip())


def normalised(text: str) -> str:
    """Return a cell in plain letters: LaTeX resolved, marks turned into names."""
    text = unicodedata.normalize("NFD", text).strip()
    if text.startswith("**") and text.endswith("**") and len(text) > 4:
        text = text[2:-2]
    text = text.translate(_SPELLINGS).replace(":=", "=")
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        text = text.replace(",", ".")
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    before = None
    while before != text:  # innermost braces first
        before = text
        text = _FRACTION.sub(_fraction, text)
        text = _ROOT.sub(r"sqrt(\1)", text)
        text = _RAISED.sub(r"^(\1)", text)
    text = re.sub(r"\\([A-Za-z]+)", r"\1 ", text)
    text = re.sub(r"\btrue\b", "1", re.sub(r"\bfalse\b", "0", text, flags=re.IGNORECASE), flags=re.IGNORECASE)
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    text = _BRACKET.sub(r"where(\1, 1, 0)", text)
    return text.replace("{", "(").replace("}", ")")


def _fraction(match: re.Match[str]) -> str:
    top, bottom = match[1].strip(), match[2].strip()
    if top.startswith("∂") and bottom.startswith("∂"):
        return f" {top}/{bottom} "
    return f"(({top})/({bottom}))"


@lru_cache(maxsize=4096)
def expression(plain: str, text: str = "") -> Expression | None:
    """Return a part as an expression, products written out; None if it is none."""
    joined = _with_products(plain)
    if joined is None:
        return None
    try:
        graph = expression_graph(joined).graph
    except (AdlabError, RecursionError):
        return None
    if len(graph.outputs) != 1 or any(type.shape for type in graph.types):
        return None
    return Expression(text or plain, joined, graph)


def _with_products(plain: str) -> str | None:
    """Return the text with a * between factors that stand side by side, and with parentheses for ``sin v1``."""
    pieces: list[str] = []
    before, place, closing = "", 0, 0
    while place < len(plain):
        match = _TOKEN.match(plain, place)
        if match is None:
            return None
        place, kind, word = match.end(), match.lastgroup or "", match[0]
        if match["number"] is not None:
            kind = "number"
        if kind == "blank":
            continue
        if kind == "name" and word.lower() in NAMES:
            kind, word = "function", word.lower()
        if before == kind == "number":
            return None
        if before in ("number", "name", "close", "power") and kind in ("number", "name", "function", "open"):
            pieces.append("*")
        if before == "function" and kind != "open":
            if kind not in ("number", "name"):
                return None
            pieces.append("(")
            closing += 1
        pieces.append(f"^({word.translate(_SUPERSCRIPTS)})" if kind == "power" else word)
        if closing and kind in ("number", "name"):
            pieces.append(")" * closing)
            closing, kind = 0, "close"
        before = kind
    return "".join(pieces) or None
