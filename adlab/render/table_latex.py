r"""Tables as LaTeX: booktabs, mathematics in the cells, numbers aligned at the decimal point.

The fragment needs ``\usepackage{amsmath,booktabs,graphicx,longtable}``: a table wider than the line is shrunk
to it, a long one runs over pages. ``document=True`` gives a whole document that compiles as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adlab.render.names import greek, latex_words
from adlab.render.numbers import latex_number, nested, shape_text, significant
from adlab.render.numbers import norm as norm_of
from adlab.render.table_text import cut, text_width
from adlab.render.tables import Column, Line, Pen, Sheet, Table, groups_of

LONG_LINE = 56
"""A formula of more characters than this is broken into lines."""

WIDE = 110
"""A table whose lines would take more cells of a terminal than this is wider than a page."""

LONG = 36
"""A table of more lines than this may break over pages."""

DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath,booktabs,graphicx,longtable}
\setlength{\parindent}{0pt}
\setlength{\LTpre}{0pt}
\pagestyle{plain}
\begin{document}
%s
\end{document}
"""

_UNICODE = {
    "−": r"$-$", "×": r"$\times$", "·": r"$\cdot$", "∂": r"$\partial$", "‖": r"$\Vert$", "≤": r"$\le$",
    "≥": r"$\ge$", "∞": r"$\infty$", "≠": r"$\ne$", "√": r"$\surd$", "ε": r"$\varepsilon$", "±": r"$\pm$",
    "…": r"\dots{}", "₋": r"$_{-}$", "∛": r"$\sqrt[3]{}$", "→": r"$\to$", "½": r"$\tfrac12$",
}  # fmt: skip
_DIGITS = str.maketrans({char: f"$_{{{k}}}$" for k, char in enumerate("₀₁₂₃₄₅₆₇₈₉")})


class LatexPen(Pen):
    """Entries as LaTeX."""

    kind = "latex"

    def words(self, text: str) -> str:
        """Return the words with LaTeX's special characters spelled out."""
        spelled = (
            latex_words(text).replace("<", r"\textless{}").replace(">", r"\textgreater{}").translate(_DIGITS)
        )
        return "".join(_UNICODE.get(char) or _letter(char) for char in spelled)

    def formula(self, written: str) -> str:
        """Return the formula in mathematics."""
        lines = broken(written)
        if len(lines) == 1:
            return f"${written}$"
        joined = r" \\ &{}".join(lines)
        return rf"$\begin{{aligned}}[t]&{joined}\end{{aligned}}$"

    def value(self, value: Any) -> str:
        """Return a number, a small array, or shape and norm."""
        if np.ndim(value) == 0:
            return f"${latex_number(value, self.digits)}$"
        if self.is_small(value):
            return f"${self._array(np.asarray(value))}$"
        shape = shape_text(np.shape(value)).replace("×", r" \times ")
        if np.asarray(value).dtype == bool:
            return f"${shape}$, {int(np.sum(value))} true"
        return f"${shape}$, $\\Vert\\cdot\\Vert = {_size(value)}$"

    def brief(self, value: Any) -> str:
        """Return the norm of an array between bars."""
        return rf"$\Vert {_size(value)} \Vert$"

    def _array(self, array: Any) -> str:
        if array.ndim == 2 and array.size:
            rows = r" \\ ".join(" & ".join(latex_number(item, self.digits) for item in row) for row in array)
            return rf"\left[\begin{{smallmatrix}} {rows} \end{{smallmatrix}}\right]"
        return nested(array, lambda item: latex_number(item, self.digits)).replace(", ", r",\allowbreak\ ")


def broken(latex: str) -> list[str]:
    """Return a long sum in lines, broken before + and − outside all brackets."""
    if len(_seen(latex)) <= LONG_LINE:
        return [latex]
    depth, start, lines = 0, 0, [""]
    for match in _BREAK.finditer(latex):
        if match[0] in ("{", "("):
            depth += 1
        elif match[0] in ("}", ")"):
            depth -= 1
        elif depth == 0:
            _take(lines, latex[start : match.start()])
            start = match.start()
    _take(lines, latex[start:])
    return lines


def _take(lines: list[str], summand: str) -> None:
    if lines[-1] and len(_seen(lines[-1])) + len(_seen(summand)) > LONG_LINE:
        lines.append(summand)
    else:
        lines[-1] += summand


def _seen(latex: str) -> str:
    """Return roughly the characters that are seen of a formula."""
    return re.sub(r"\\[A-Za-z]+|[{}_^$\\ ]", "", latex)


_BREAK = re.compile(r"[{}()]| [+-] ")


def _size(value: Any) -> str:
    """Return the norm of an array."""
    number = (
        significant(norm_of(value)).replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
    )
    mantissa, _, exponent = number.partition("e")
    return f"{mantissa} \\times 10^{{{exponent}}}" if exponent else mantissa


def _letter(char: str) -> str:
    command = "" if char.isascii() else greek(char)
    return f"${command.strip()}$" if command else char


def to_latex(sheet: Sheet, *, digits: int = 3, full: bool = False, document: bool = False) -> str:
    """Return a sheet as LaTeX.

    Parameters
    ----------
    sheet : Sheet
    digits : int
        Decimals of numbers.
    full : bool
        Write large arrays in full.
    document : bool
        Whether to write a whole document instead of a fragment for one.

    Returns
    -------
    str
    """
    pen = LatexPen(digits, full)
    blocks = [r"\quad ".join(pen.spell(entry) for entry in sheet.head)] if sheet.head else []
    for table in (part for whole in sheet.tables for part in cut(whole, WIDE)):
        title = pen.spell(table.title)
        heading = [rf"\textbf{{{title}}}\par\nobreak\smallskip"] if title else []
        blocks.append("\n".join([*heading, *_lines(table, pen)]))
        blocks += [pen.spell(note) for note in table.notes]
    blocks += [rf"\textbf{{Warning:}} {pen.words(words)}" for words in sheet.warnings]
    blocks += [pen.spell(note) for note in sheet.notes]
    body = "{\\renewcommand{\\arraystretch}{1.2}\n" + "\n\n\\medskip\n".join(blocks) + "\n\n}\n"
    return DOCUMENT % body if document else body


# -------------------------------------------------------------------------------------------------- one table


class _Layout:
    """How columns of a table become columns of a tabular: a column of numbers is two, split at the decimal
    point.
    """

    def __init__(self, table: Table, pen: Pen) -> None:
        self.table, self.pen = table, pen
        self.text = [[pen.spell(cell) for cell in line.cells] for line in table.lines]
        self.split = [
            column.kind == "value" and self._has_numbers(k) for k, column in enumerate(table.columns)
        ]
        self.spans = [2 if split else 1 for split in self.split]

    def _has_numbers(self, k: int) -> bool:
        return any(
            _halves(text[k])
            for text, line in zip(self.text, self.table.lines, strict=True)
            if not line.heading
        )

    @property
    def columns(self) -> str:
        """The column specification."""
        marks = {"name": "l@{${}={}$}", "value": "l"}
        found = ["r@{}l" if split else marks.get(column.kind, "l")
                 for column, split in zip(self.table.columns, self.split, strict=True)]  # fmt: skip
        return "".join(found)

    def row(self, k: int, line: Line) -> str:
        """Return one line of the table."""
        if line.heading:
            style = r"\quad\small " if line.remark else r"\itshape "
            words = r"\quad " * line.depth + style + self.text[k][0]
            return rf"\multicolumn{{{sum(self.spans)}}}{{l}}{{{words}}} \\"
        found = []
        for position, (text, split) in enumerate(zip(self.text[k], self.split, strict=True)):
            halves = _halves(text) if split else None
            if position == 0 and line.depth:
                text = r"\quad " * line.depth + text
            found.append(
                f"{halves[0]} & {halves[1]}"
                if halves
                else rf"\multicolumn{{2}}{{l}}{{{text}}}"
                if split
                else text
            )
        return " & ".join(found) + r" \\"


_SPLIT = re.compile(r"\$(-?\d+)((?:\.\d+)?(?: \\times 10\^\{-?\d+\})?)\$|\$(-?\\infty|\\mathrm\{NaN\})\$")


def _halves(text: str) -> tuple[str, str] | None:
    """Return a number split at its decimal point; None for what is no number."""
    match = _SPLIT.fullmatch(text)
    if match is None:
        return None
    return f"${match[1] or match[3]}$", f"${match[2]}$" if match[2] else ""


def _lines(table: Table, pen: Pen) -> Iterator[str]:
    layout = _Layout(table, pen)
    long = len(table.lines) > LONG
    environment = "longtable" if long else "tabular"
    option = "[l]" if long else ""
    wide = text_width(table) > WIDE
    shrunk = wide and not long
    yield from ([r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"] if shrunk else [])
    yield from ([r"\begingroup\footnotesize"] if long and wide else [])
    yield rf"\begin{{{environment}}}{option}{{@{{}}{layout.columns}@{{}}}}"
    yield r"\toprule"
    yield from _headers(table.columns, layout, pen)
    yield r"\midrule"
    if long:
        yield r"\endhead"
    for k, line in enumerate(table.lines):
        yield layout.row(k, line)
    yield r"\bottomrule"
    yield rf"\end{{{environment}}}" + "}" * shrunk
    yield from ([r"\endgroup"] if long and wide else [])


def _headers(columns: Sequence[Column], layout: _Layout, pen: Pen) -> Iterator[str]:
    """Yield the header lines; groups stand above their columns with a rule."""
    groups = groups_of(columns)
    named = bool(columns) and columns[0].kind == "name"
    if any(group is not None and count > 1 for group, count in groups):
        cells, rules, at, first = [], [], 0, 1
        for group, count in groups:
            span = sum(layout.spans[at : at + count])
            if group is not None:
                cells.append(rf"\multicolumn{{{span}}}{{c}}{{{pen.spell(group)}}}")
                rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
            else:
                cells.append(rf"\multicolumn{{{span}}}{{{'l' if at or not named else 'l@{}'}}}{{}}")
            at, first = at + count, first + span
        yield " & ".join(cells) + r" \\"
        yield "".join(rules)
    cells = []
    for k, column in enumerate(columns):
        if k == 0 and named:
            continue
        span = layout.spans[k] + (k == 1 and named)
        place = "c" if layout.split[k] else "l"
        edge = "@{}" if k == 0 or (k == 1 and named) else ""
        cells.append(rf"\multicolumn{{{span}}}{{{edge}{place}}}{{{pen.spell(column.header)}}}")
    yield " & ".join(cells) + r" \\"
