"""Tables as HTML: a plain ``<table>`` with MathML and no script, as a fragment or as a page of its own.

Browsers have no alignment at the decimal point, so numbers are padded with spaces as wide as a digit and as a
point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from adlab.render.mathml import mathml
from adlab.render.numbers import nested, summary, text_number
from adlab.render.tables import Column, Line, Pen, Sheet, Table, groups_of

FIGURE_SPACE, POINT_SPACE = "\u2007", "\u2008"

CSS = """
.adlab{color:#1b1b1b;background:#fff;
font:16px/1.45 "Latin Modern Roman","STIX Two Text",Cambria,Georgia,serif}
.adlab math{font-family:"Latin Modern Math","STIX Two Math","Cambria Math","DejaVu Math TeX Gyre",math;
font-size:1.05em}
.adlab .head{margin:0 0 1.2em;font-size:1.1em}
.adlab .head span{margin-right:2em;white-space:nowrap}
.adlab .tables{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1.6em 3.5em;margin:0 0 1.2em}
.adlab .tables>div{max-width:100%;overflow-x:auto}
.adlab table{border-collapse:collapse;margin:0;border:0;
border-top:2px solid #1b1b1b;border-bottom:2px solid #1b1b1b}
.adlab caption{caption-side:top;text-align:left;font-weight:bold;padding:0 0 .4em;white-space:nowrap}
.adlab thead tr:last-child th{border-bottom:1px solid #1b1b1b}
.adlab tr{background:none}
.adlab th,.adlab td{padding:.08em .9em .08em 0;text-align:left;vertical-align:middle;height:2em;
background:none;border:0}
.adlab th{font-weight:normal;font-size:.9em;color:#5f6670;white-space:nowrap;height:1.7em}
.adlab th.group{text-align:left;padding-left:1.4em}
.adlab .value+.numbers{padding-left:1.4em}
.adlab td.name{white-space:nowrap;padding-right:.25em}
.adlab td.sign{padding-right:.35em}
.adlab td.value,.adlab th.value{text-align:right;white-space:nowrap;padding-left:.6em;padding-right:.4em;
font-variant-numeric:tabular-nums lining-nums}
.adlab td.array{text-align:left;white-space:normal}
.adlab table.tangent td.value{color:#00609a}
.adlab table.adjoint td.value{color:#a33f00}
.adlab td.mark{white-space:nowrap;padding-left:.8em;color:#5f6670}
.adlab tr.remark td{color:#5f6670;font-size:.9em;padding-left:1.6em;white-space:normal;height:1.7em}
.adlab tr.scope td{font-weight:bold;background:#eceff3;padding-left:.4em;height:1.7em}
.adlab mi.word{font-style:italic}
.adlab mover>mo{padding-bottom:.09em}
.adlab .warning{border-left:4px solid #a33f00;background:#fdf1ea;padding:.5em .9em;margin:0 0 1em}
.adlab .note{color:#5f6670;font-size:.9em;margin:0 0 .6em}
""".strip()

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body{{margin:2em auto;padding:0 2em;max-width:84em;background:#fff}}
</style>
</head>
<body>
{body}
</body>
</html>
"""


class HtmlPen(Pen):
    """Entries as HTML."""

    kind = "latex"

    def words(self, text: str) -> str:
        """Return the words with HTML's special characters escaped."""
        return escape(text)

    def formula(self, written: str) -> str:
        """Return the formula as MathML."""
        return f"<math>{mathml(written)}</math>"

    def value(self, value: Any) -> str:
        """Return a number, a small array, or shape and norm."""
        if np.ndim(value) == 0:
            return _powered(text_number(value, self.digits))
        if not self.is_small(value):
            return _powered(escape(summary(value)))
        if np.ndim(value) == 2 and np.size(value):
            return f"<math>{_matrix(np.asarray(value), self.digits)}</math>"
        return _powered(nested(value, lambda item: text_number(item, self.digits)))


def _powered(text: str) -> str:
    """Return numbers such as 2.5e−9 with a power of ten."""
    return re.sub(r"(\d)e(−?\d+)", r"\1 × 10<sup>\2</sup>", text)


def _matrix(array: Any, digits: int) -> str:
    rows = ("".join(f"<mtd><mn>{text_number(item, digits)}</mn></mtd>" for item in row) for row in array)
    table = "".join(f"<mtr>{row}</mtr>" for row in rows)
    left, right = '<mo fence="true" form="prefix">[</mo>', '<mo fence="true" form="postfix">]</mo>'
    return f"<mrow>{left}<mtable>{table}</mtable>{right}</mrow>"


def to_html(sheet: Sheet, *, digits: int = 3, full: bool = False, page: bool = False) -> str:
    """Return a sheet as HTML.

    Parameters
    ----------
    sheet : Sheet
    digits : int
        Decimals of numbers.
    full : bool
        Write large arrays in full.
    page : bool
        Whether to write a whole page, which works offline, instead of a fragment for one.

    Returns
    -------
    str
        Well-formed; nothing is loaded from elsewhere and nothing is executed.
    """
    pen = HtmlPen(digits, full)
    blocks = [f'<div class="adlab">\n<style>\n{CSS}\n</style>']
    if sheet.head:
        blocks.append(
            f'<p class="head">{"".join(f"<span>{pen.spell(entry)}</span> " for entry in sheet.head)}</p>'
        )
    for tables in _rows_of_tables(sheet.tables):
        inner = "\n".join(f"<div>\n{_table(table, pen)}\n</div>" for table in tables)
        blocks.append(f'<div class="tables">\n{inner}\n</div>')
    blocks += [f'<p class="warning">{pen.words(words)}</p>' for words in sheet.warnings]
    blocks += [f'<p class="note">{pen.spell(note)}</p>' for note in sheet.notes]
    body = "\n".join([*blocks, "</div>"])
    return PAGE.format(title=escape(_title(sheet)), body=body) if page else body


def _title(sheet: Sheet) -> str:
    from adlab.render.table_text import TextPen

    entries = [*sheet.head, *(table.title for table in sheet.tables)]
    return TextPen().spell(entries[0]) if entries else "Table"


def _rows_of_tables(tables: Sequence[Table]) -> list[list[Table]]:
    """Return the tables in rows: those that belong beside each other together."""
    rows: list[list[Table]] = []
    for table in tables:
        if table.beside and rows:
            rows[-1].append(table)
        else:
            rows.append([table])
    return rows


def _table(table: Table, pen: Pen) -> str:
    parts = [f'<table class="{table.role}">' if table.role else "<table>"]
    title = pen.spell(table.title)
    parts += [f"<caption>{title}</caption>"] if title else []
    parts += [
        "<thead>",
        *_headers(table.columns, pen),
        "</thead>",
        "<tbody>",
        *_rows(table, pen),
        "</tbody>",
        "</table>",
    ]
    parts += [f'<p class="note">{pen.spell(note)}</p>' for note in table.notes]
    return "\n".join(parts)


def _headers(columns: Sequence[Column], pen: Pen) -> Iterator[str]:
    groups = groups_of(columns)
    if any(group is not None and count > 1 for group, count in groups):
        pairs = zip(groups, _firsts(columns, groups), strict=True)
        spans = [_group(pen.spell(group), count, column) for (group, count), column in pairs]
        yield f"<tr>{''.join(spans)}</tr>"
    cells = []
    for column in columns:
        kind = f' class="{column.kind}"' if column.kind in ("value", "numbers") else ""
        cells.append(
            "<th></th><th></th>" if column.kind == "name" else f"<th{kind}>{pen.spell(column.header)}</th>"
        )
    yield f"<tr>{''.join(cells)}</tr>"


def _group(group: str, count: int, first: Column) -> str:
    if not group:
        return "<th></th>" * (2 if first.kind == "name" else 1)
    return f'<th class="group" colspan="{count}">{group}</th>'


def _firsts(columns: Sequence[Column], groups: Sequence[tuple[Any, int]]) -> Iterator[Column]:
    at = 0
    for _, count in groups:
        yield columns[at]
        at += count


def _rows(table: Table, pen: Pen) -> Iterator[str]:
    text = [[pen.spell(cell) for cell in line.cells] for line in table.lines]
    for k, column in enumerate(table.columns):
        if column.kind == "value":
            shown = [row for row, line in zip(text, table.lines, strict=True) if not line.heading]
            for row, padded in zip(shown, align_points([row[k] for row in shown]), strict=True):
                row[k] = padded
    span = len(table.columns) + any(column.kind == "name" for column in table.columns)
    for line, row in zip(table.lines, text, strict=True):
        if line.heading:
            kind = "remark" if line.remark else "scope"
            yield f'<tr class="{kind}"><td colspan="{span}"{_indent(line)}>{row[0]}</td></tr>'
        else:
            yield f"<tr>{''.join(_cells(line, row, table.columns))}</tr>"


def _cells(line: Line, row: Sequence[str], columns: Sequence[Column]) -> Iterator[str]:
    for column, text in zip(columns, row, strict=True):
        if column.kind == "name":
            yield f'<td class="name"{_indent(line)}>{text}</td><td class="sign">=</td>'
        elif column.kind == "value":
            yield f'<td class="value{"" if _NUMBER.match(text) else " array"}">{text}</td>'
        else:
            yield f'<td class="{column.kind}">{text}</td>'


def _indent(line: Line) -> str:
    return f' style="padding-left:{1.2 * line.depth + 0.4:.1f}em"' if line.depth else ""


_NUMBER = re.compile(
    r"(−?\d+)(\.\d+)?[\u2007\u2008]*$|−?∞|NaN|true|false|−?\d+(\.\d+)? × 10<sup>−?\d+</sup>$"
)


def align_points(texts: Sequence[str]) -> list[str]:
    """Return numbers padded on the right, so that right-aligned their decimal points stand below each
    other.
    """
    fractions = [match[2] or "" if (match := _NUMBER.match(text)) and match[1] else None for text in texts]
    longest = max((len(fraction) for fraction in fractions if fraction), default=0)
    return [text if fraction is None else text + _padding(fraction, longest)
            for text, fraction in zip(texts, fractions, strict=True)]  # fmt: skip


def _padding(fraction: str, longest: int) -> str:
    if not longest:
        return ""
    if not fraction:
        return POINT_SPACE + FIGURE_SPACE * (longest - 1)
    return FIGURE_SPACE * (longest - len(fraction))
