"""The explorer page: one HTML file in which a class steps through the traces of a function and moves its inputs.

The page holds the picture, the trace tables and the graph as a list of operations; a small script (`assets/`) evaluates that list
again at every change: values, tangents, adjoints and differences. What needs a library stays what Python computed at the point
of the file: the reference of fifty digits and SymPy's derivatives. Nothing is loaded from anywhere.

Formulas come ready-made in MathML. With numbers substituted they come as *templates*, text with holes that say which quantity of
which node belongs there and whether a negative number needs parentheses. A rule given by cases reads differently elsewhere, so
such nodes carry a second formula that is right everywhere, ∂v₃/∂v₁ · v̇₁.

Graphs of arrays, large ones, and those with operations that the script does not know become a page without controls: picture
and tables as they are at the point.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from adlab.algebra.notation import AS_NUMBER, INDICATOR, NotationAlgebra, Symbol, Term, derivative, leaves, literal
from adlab.algebra.notation import NOTATION
from adlab.errors import AdlabError
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL, FLOAT32
from adlab.primitives.rules import Elementwise
from adlab.render.formula import Style, can_substitute, write
from adlab.render.layout import look
from adlab.render.layout.text import width
from adlab.render.mathml import mathml
from adlab.render.names import latex_name
from adlab.render.numbers import significant, summary
from adlab.reports.picture import Arrow, Box, Picture, Runs
from adlab.reports.trace import LOOSE, PLUS, Row, Trace, trace_graph

LIVE_NODES = 60
"""Graphs of more nodes become a page without controls."""
LIVE_OUTPUTS = 6
"""So many outputs can be chosen to start the adjoints from."""
STATIC_ROWS = 400
"""So many rows of a trace a page without controls shows."""
TITLE_SIZE = 60
"""A formula of more operations and names is not written out in the heading."""

MODES = ("value", "tangent", "adjoint")
MARKS = {"": 0, "dot": 1, "bar": 2}
LATEX = Style("latex", 4)
METHODS = {
    "forward difference": ("numerical (forward)", "(f(x + h) − f(x))/h"),
    "central difference": ("numerical (central)", "(f(x + h) − f(x − h))/2h"),
    "symbolic": ("symbolic", "SymPy's derivative, evaluated at the point of the file"),
    "forward mode": ("AD forward mode", "one pass of tangents per input"),
    "reverse mode": ("AD reverse mode", "one pass of adjoints for all inputs"),
}
"""The rows of the table of methods: the script's word, the heading, what it means."""
ROOM, LABEL_ROOM = "−0.001234", "−0.2837"
"""The widest numbers that boxes and labels leave room for while inputs move."""


class _Significant(Style):
    """Text with four significant digits, as in pictures and as the script writes numbers."""

    def number(self, value: Any) -> str:
        return self.array(value) if np.ndim(value) else significant(value)


NUMBERS = _Significant()


@dataclass(frozen=True)
class Subject:
    """What a picture was made of.

    Attributes
    ----------
    graph : Graph
    inputs : one NumPy value per input; None for a picture of the structure alone
    numbering : how nodes are numbered
    wrt : the input that tangents belong to, if one was chosen
    """

    graph: Graph
    inputs: tuple[Any, ...] | None
    numbering: str = "level"
    wrt: str | None = None


def page(picture: Picture, svg: str, subject: Subject | None, engine: str = "auto") -> str:
    """Return the HTML page of a picture.

    Parameters
    ----------
    picture : Picture
    svg : str
        The picture as it is drawn for a page without controls.
    subject : Subject or None
        What it was made of; without it the page holds the picture alone.
    engine : str
        Who places the boxes.

    Returns
    -------
    str
        A whole HTML file that loads nothing.

    Examples
    --------
    >>> from adlab.reports.picture import Picture
    >>> page(Picture("empty", ()), "<svg></svg>", None).startswith("<!doctype html>")
    True
    """
    if subject is None or subject.inputs is None:
        return _document(picture.title, f"<figure>{_inline(svg)}</figure>")
    reason = why_static(subject.graph)
    if reason:
        return _static_page(picture, svg, subject, reason)
    return _live_page(picture, subject, engine)


def why_static(graph: Graph) -> str:
    """Return the sentence that says why a graph cannot have a live page; empty if it can."""
    if any(type.shape for type in graph.types) or any(type.shape for type in graph.output_types):
        return "This graph computes with arrays, so the page shows it at one point, without sliders."
    if len(graph) > LIVE_NODES:
        return f"This graph has {len(graph)} nodes; pages of up to {LIVE_NODES} have sliders."
    if any(type.dtype == FLOAT32 for type in graph.types):
        return "This graph computes in float32, which a page cannot; it shows one point, without sliders."
    if not graph.inputs or any(type.dtype == BOOL for type in (*graph.input_types, *graph.output_types)):
        return "This graph has no real inputs or no real result to move; the page shows one point, without sliders."
    if len(graph.outputs) > LIVE_OUTPUTS:
        return f"This graph has {len(graph.outputs)} results; pages of up to {LIVE_OUTPUTS} have sliders."
    unknown = [p.name for p in graph.primitives[len(graph.inputs) :] if p.name not in operation_names()]
    if unknown or any(p.composite for p in graph.primitives):
        return f"The page cannot compute {unknown[0] if unknown else 'scopes'} by itself, so it shows one point, without sliders."
    return ""


@cache
def operation_names() -> frozenset[str]:
    """Return the primitives that the page's script can compute."""
    table = asset("operations.js").partition("const OPERATIONS = {")[2]
    return frozenset(re.findall(r"^  (\w+): (?:operation|byCases)\(", table, re.MULTILINE))


def _operations(used: Collection[str]) -> str:
    """Return the script's table of operations without the rows that a graph does not use."""
    kept, keep = [], True
    for line in asset("operations.js").splitlines():
        name = re.match(r"  (\w+): (?:operation|byCases)\(", line)
        keep = name[1] in used if name else keep or not line.startswith("    ")
        if keep:
            kept.append(line)
    return _compact("\n".join(kept))


def asset(name: str) -> str:
    """Return the text of a file that goes into the page."""
    return resources.files("adlab.render").joinpath("assets", name).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------------- documents


def _document(title: str, body: str, script: str = "") -> str:
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{_compact(asset('explorer.css'))}\n</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n<main>\n{body}\n</main>\n{script}</body></html>\n'


def _compact(source: str) -> str:
    """Return a style sheet or script without whole-line comments and indentation."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("// "))


def _inline(svg: str) -> str:
    """Return an SVG file as an element of a page, no wider than its text stays readable."""
    svg = svg[svg.index("<svg") :]
    size = re.search(r'width="([\d.]+)"', svg)
    if not size:
        return svg
    natural = float(size[1])
    limits = f"max-width:{1.3 * natural:.0f}px;min-width:{0.75 * natural:.0f}px"
    return svg.replace("<svg ", f'<svg style="{limits}" ', 1)


def _static_page(picture: Picture, svg: str, subject: Subject, reason: str) -> str:
    trace = _trace(subject, 0)
    body = [_heading(subject.graph), f'<p class="why">{escape(reason)}</p>', f"<figure>{_inline(svg)}</figure>"]
    body.append('<div class="tables">')
    body += [_static_table(trace, mode) for mode in MODES]
    body.append("</div>")
    return _document(picture.title, "\n".join(body))


def _static_table(trace: Trace, mode: str) -> str:
    """Return one trace as a table: formula, numbers, result."""
    heads = {"value": "Evaluation", "tangent": "Tangents", "adjoint": "Adjoints"}
    column = trace.columns[0] if trace.columns else ""
    if mode == "tangent" and not column:
        return ""
    rows = trace.reversed_rows if mode == "adjoint" else trace.rows
    lines = [_static_row(row, mode, column) for row in rows[:STATIC_ROWS]]
    left = f'<p class="note">{len(rows) - STATIC_ROWS} more rows are left out.</p>' if len(rows) > STATIC_ROWS else ""
    title = heads[mode] + (f" by {escape(column)}" if mode == "tangent" else f" of {escape(trace.seeded)}" if mode == "adjoint" else "")
    table = "".join(lines)
    return f"<section><h2>{title}</h2><table><tbody>{table}</tbody></table>{left}</section>"


def _static_row(row: Row, mode: str, column: str) -> str:
    formula, value = _cell(row, mode, column)
    numbers = write(formula, NUMBERS, substitute=True) if formula is not None and can_substitute(formula) else ""
    known = mode == "value" or getattr(row.value, "dtype", None) != BOOL
    result = (summary(value) if np.ndim(value) else significant(value)) if known else "·"
    head = _math(_equation(row, mode, formula, column))
    return f'<tr><th scope="row">{head}</th><td class="numbers">{escape(numbers)}</td><td class="{mode}">{result}</td></tr>'


def _cell(row: Row, mode: str, column: str) -> tuple[Term | None, Any]:
    """Return formula and value of one quantity of a row."""
    if mode == "value":
        return row.formula, row.value
    if mode == "tangent":
        return row.tangents[column].formula, row.tangents[column].value
    return (None, 0.0) if row.adjoint is None else (row.adjoint.formula, row.adjoint.value)


def _trace(subject: Subject, output: int) -> Trace:
    assert subject.inputs is not None
    graph = subject.graph
    wrt = subject.wrt
    if wrt is None and any(type.shape for type in graph.input_types):
        wrt = _first_element(graph)
    reverse = any(j >= 0 for j in graph.outputs)
    mode = "all" if reverse and graph.inputs else "evaluate"
    return trace_graph(graph, subject.inputs, mode=mode, wrt=wrt, numbering=subject.numbering, output=output)


def _first_element(graph: Graph) -> str:
    shape = graph.types[0].shape
    return graph.inputs[0] + (f"[{', '.join('0' for _ in shape)}]" if shape else "")


# -------------------------------------------------------------------------------------------------------- the title


def _heading(graph: Graph) -> str:
    """Return the function as a heading: written out where it is short."""
    latex = r",\quad ".join(
        f"{latex_name(name)} = {formula}" for name, formula in zip(graph.output_names, _written_out(graph), strict=True)
    )
    return f"<h1>{_math(latex)}</h1>"


def _written_out(graph: Graph) -> list[str]:
    """Return each output as LaTeX in the inputs, or as f(x₁, x₂) where that would be long."""
    if len(graph) > LIVE_NODES or any(p.composite for p in graph.primitives):
        return [_abbreviated(graph)] * len(graph.outputs)
    terms = [Term(Symbol(name), (), None) for name in graph.inputs]
    sizes = [1] * len(terms)
    literals = [literal(constant.value) for constant in graph.constants]
    for i in range(len(terms), len(graph)):
        args = tuple(terms[j] if j >= 0 else literals[~j] for j in graph.operands[i])
        sizes.append(1 + sum(sizes[j] if j >= 0 else 1 for j in graph.operands[i]))
        terms.append(Term(graph.primitives[i], args, None, graph.params[i]))
    total = sum(sizes[j] for j in graph.outputs if j >= 0)
    if total > TITLE_SIZE:
        return [_abbreviated(graph)] * len(graph.outputs)
    return [write(terms[j] if j >= 0 else literals[~j], LATEX) for j in graph.outputs]


def _abbreviated(graph: Graph) -> str:
    names = [latex_name(name) for name in graph.inputs]
    if len(names) > 6:
        names[3:-1] = [r"\dots"]
    return rf"f\left({', '.join(names)}\right)"


def _math(latex: str) -> str:
    """Return a formula; fences stretch only where something is tall, since browsers set stretched ones wide apart."""
    xml = mathml(latex)
    if "<mfrac" not in xml and "<mtable" not in xml:
        xml = xml.replace('stretchy="true"', 'stretchy="false"')
    return f"<math>{xml}</math>"


# ------------------------------------------------------------------------------------------------------- the live page


def _live_page(picture: Picture, subject: Subject, engine: str) -> str:
    from adlab.render.svg import to_svg

    traces = [_trace(subject, k) for k in range(len(subject.graph.outputs))]
    program = Program(subject, traces)
    svg = to_svg(_roomy(picture), engine, prefix="graph")  # type: ignore[arg-type]
    body = [
        _heading(subject.graph),
        "<noscript><p>Scripts are off: this is the page at its point, without steps and sliders.</p></noscript>",
        _controls(subject, traces[0]),
        f'<figure data-direction="{picture.direction}">{_inline(svg)}</figure>',
        '<div class="tables">',
        _trace_table(program, traces),
        _methods_table(subject.graph),
        "</div>",
        "<footer>Keys: <kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> first and last step, "
        "<kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> trace. A click on a box or a row goes to its step. "
        "The address of the page holds the step and the point, to link to.</footer>",
    ]
    used = {primitive.name for primitive in subject.graph.primitives}
    code = "\n".join((_operations(used), _compact(asset("program.js")), _compact(asset("explorer.js"))))
    data = json.dumps(program.data(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    script = (
        f'<script type="application/json" id="program">{data}</script>\n<script>\n(() => {{\n"use strict";\n{code}\n}})();\n</script>\n'
    )
    return _document(picture.title, "\n".join(body), script)


def _controls(subject: Subject, trace: Trace) -> str:
    graph = subject.graph
    assert subject.inputs is not None
    traces = "".join(
        f'<label><input type="radio" name="trace" value="{k}"{" checked" if k == 1 else ""}> {k} {word}</label>'
        for k, word in enumerate(("evaluation", "tangent", "adjoint"), 1)
    )
    sliders = "".join(_slider(k, name, float(x)) for k, (name, x) in enumerate(zip(graph.inputs, subject.inputs, strict=True)))
    seeds = "".join(f'<option value="{k}">{escape(name)}</option>' for k, name in enumerate(graph.inputs))
    outputs = "".join(f'<option value="{k}">{escape(name)}</option>' for k, name in enumerate(graph.output_names))
    choice = f'<span><label for="output">result</label><select id="output">{outputs}</select></span>' if len(graph.outputs) > 1 else ""
    return (
        '<form autocomplete="off"><div class="controls">'
        f"<fieldset><legend>Trace</legend>{traces}</fieldset>"
        '<div class="steps"><button type="button" id="back">◀ back</button> <button type="button" id="step">step ▶</button></div>'
        '<div class="status"><p id="status" role="status" aria-live="polite"></p><p id="detail"></p></div></div>'
        f'<div class="inputs">{sliders}'
        f'<span><label for="seed">seed</label><select id="seed" title="The input that tangents belong to">{seeds}</select></span>{choice}'
        '<span><label for="h">step h</label><input type="range" id="h" min="-15" max="-1" step="0.5" value="-5">'
        '<output id="h-value" for="h">1e−5</output></span>'
        '<button type="button" id="reset">reset point</button></div></form>'
    )


def _slider(k: int, name: str, x: float) -> str:
    low, high, step = slider_range(x)
    label, words = _math(latex_name(name)), escape(name)
    return (
        f'<span><label for="slider-{k}">{label}</label><input type="range" id="slider-{k}" min="{low!r}" max="{high!r}" '
        f'step="{step!r}" value="{x!r}" aria-label="{words}"><input type="number" id="field-{k}" step="any" value="{x!r}" '
        f'aria-label="{words}, typed"></span>'
    )


def slider_range(x: float) -> tuple[float, float, float]:
    """Return lowest and highest value and mark distance of a slider: round numbers around the point, 0 among them.

    Examples
    --------
    >>> slider_range(2.0), slider_range(0.0)
    ((-1.0, 5.0, 0.01), (-2.0, 2.0, 0.01))
    """
    if not math.isfinite(x):
        return -2.0, 2.0, 0.01
    reach = max(1.5 * abs(x), 2.0 if x == 0 else 0.0)
    unit = 10.0 ** math.floor(math.log10(reach))
    digits = 2 - round(math.log10(unit))
    low, high = math.floor((x - reach) / unit) * unit, math.ceil((x + reach) / unit) * unit
    return round(low, digits), round(high, digits), round(unit / 100, digits)


def _trace_table(program: Program, traces: Sequence[Trace]) -> str:
    rows = "".join(_live_row(program, row.node, traces) for row in traces[0].rows)
    heads = '<th scope="col">step</th><th scope="col" class="numbers">with numbers</th>' + "".join(
        f'<th scope="col" class="{mode}">{mode}</th>' for mode in MODES
    )
    return f'<section><h2>Trace</h2><table id="trace"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></section>'


def _live_row(program: Program, node: int, traces: Sequence[Trace]) -> str:
    """Return a row with the formulas of all three traces, the first one visible, and its numbers at the point."""
    row = program.rows[0][node]
    column = traces[0].columns[0]
    spans = [_formula_span(row, "value", row.formula, column)]
    spans.append(_formula_span(row, "tangent", row.tangents[column].formula, column))
    if program.general_tangent(node) is not None:
        spans.append(_formula_span(row, "tangent", program.general_tangent(node), column, general=True))
    for k in range(len(traces)):
        output = f' data-output="{k}"' if len(traces) > 1 else ""
        other = program.rows[k][node]
        adjoint = other.adjoint.formula if other.adjoint is not None else None
        spans.append(_formula_span(other, "adjoint", adjoint, column, output))
        general = program.general_adjoint(node, k)
        if general is not None:
            spans.append(_formula_span(other, "adjoint", general, column, output, general=True))
    numbers = write(row.formula, NUMBERS, substitute=True) if row.formula is not None else ""
    adjoint_value = row.adjoint.value if row.adjoint is not None else 0.0
    results = (row.value, row.tangents[column].value, adjoint_value)
    cells = "".join(
        f'<td class="{mode}">{significant(x) if mode == "value" or not program.truth(node) else "·"}</td>'
        for mode, x in zip(MODES, results, strict=True)
    )
    return f'<tr data-node="{node}"><th scope="row">{"".join(spans)}</th><td class="numbers">{escape(numbers)}</td>{cells}</tr>'


def _formula_span(row: Row, mode: str, formula: Term | None, column: str, extra: str = "", *, general: bool = False) -> str:
    attributes = f'data-trace="{MODES.index(mode) + 1}"{extra}{" data-general" if general else ""}'
    hidden = "" if mode == "value" else " hidden"
    return f"<span {attributes}{hidden}>{_math(_equation(row, mode, formula, column))}</span>"


def _equation(row: Row, mode: str, formula: Term | None, column: str) -> str:
    """Return "v₂ = ln v₀" and the like as LaTeX."""
    mark = {"value": "", "tangent": "dot", "adjoint": "bar"}[mode]
    name = write(Term(row.name._replace(mark=mark), (), 0.0), LATEX)
    if formula is not None:
        return f"{name} = {write(formula, LATEX)}"
    if mode != "value" and getattr(row.value, "dtype", None) == BOOL:
        return rf"{write(Term(row.name, (), 0.0), LATEX)} \text{{ is true or false}}"
    if row.kind == "input" and mode == "value":
        return f"{name} = {latex_name(row.label)}"
    if row.kind == "input" and mode == "tangent":
        return f"{name} = {write(Term(Symbol(row.label, '', 'dot'), (), 0.0), LATEX)}"
    return f"{name} = 0"


def _methods_table(graph: Graph) -> str:
    columns = range(len(graph.inputs))
    heads = "".join(
        f'<th scope="col" data-input="{k}">{_ratios(graph, k)}</th><th scope="col" data-input="{k}" data-head="error">error</th>'
        for k in columns
    )
    cells = "".join(f'<td data-input="{k}" data-value="{k}">·</td><td data-input="{k}" data-error="{k}">·</td>' for k in columns)
    rows = "".join(
        f'<tr data-method="{method}"><th scope="row" title="{escape(words)}">{title}</th>{cells}</tr>'
        for method, (title, words) in METHODS.items()
    )
    return (
        f'<section><h2>Four methods</h2><table id="methods"><thead><tr><th scope="col">method</th>{heads}</tr></thead>'
        f'<tbody>{rows}</tbody></table><p class="note" id="note"></p></section>'
    )


def _ratios(graph: Graph, k: int) -> str:
    """Return ∂y/∂x, once per output that can be chosen."""
    below = latex_name(graph.inputs[k])
    ratios = [_math(rf"\frac{{\partial {latex_name(name)}}}{{\partial {below}}}") for name in graph.output_names]
    return "".join(f'<span data-output="{o}"{" hidden" if o else ""}>{ratio}</span>' for o, ratio in enumerate(ratios))


# --------------------------------------------------------------------------------------------- the picture, with room


def _roomy(picture: Picture) -> Picture:
    """Return the picture with invisible spaces at its numbers, so that boxes keep their size while the numbers change."""
    return replace(picture, boxes=tuple(map(_roomy_box, picture.boxes)), arrows=tuple(map(_roomy_arrow, picture.arrows)))


def _roomy_box(box: Box) -> Box:
    rows = [replace(row, number=_spaces(row.number, ROOM, look.ROW_SIZE) + row.number) if row.number else row for row in box.rows]
    return replace(box, rows=tuple(rows))


def _roomy_arrow(arrow: Arrow) -> Arrow:
    if not arrow.label or " = " not in arrow.label[-1][0]:
        return arrow
    last, style = arrow.label[-1]
    half = _spaces(last.rpartition(" = ")[2], LABEL_ROOM, look.LABEL_SIZE)
    half = half[: len(half) // 2]
    label: Runs = (*arrow.label[:-1], (last + half, style))
    return replace(arrow, label=((half, ""), *label) if half else label)


def _spaces(text: str, widest: str, size: float) -> str:
    """Return no-break spaces as wide as ``widest`` is wider than ``text``."""
    missing = width(((widest, ""),), size) - width(((text, ""),), size)
    return "\u00a0" * max(math.ceil(missing / width((("\u00a0", ""),), size)), 0)


# ------------------------------------------------------------------------------------------------------- the program


class Program:
    """The graph as the script reads it, with the formulas of its traces."""

    def __init__(self, subject: Subject, traces: Sequence[Trace]) -> None:
        assert subject.inputs is not None
        self.subject = subject
        self.graph = subject.graph
        self.point = [float(x) for x in subject.inputs]
        self.traces = traces
        self.rows = [{row.node: row for row in trace.rows} for trace in traces]
        self.nodes = {row.name[:2]: row.node for row in traces[0].rows}
        self.order = [row.node for row in traces[0].rows]
        self.terms = {row.node: Term(row.name, (), row.value) for row in traces[0].rows}
        self.literals = [literal(constant.value) for constant in self.graph.constants]
        self.branching = {i for i in range(len(self.graph.inputs), len(self.graph)) if self._is_by_cases(i)}

    def truth(self, node: int) -> bool:
        """Return whether a node is true or false, so that nothing flows through it."""
        return self.graph.types[node].dtype == BOOL

    def data(self) -> dict[str, Any]:
        """Return everything the script needs, as plain data."""
        graph, column = self.graph, self.traces[0].columns[0]
        rows = self.rows[0]
        exact, notes = _reference(self.subject)
        symbolic = _symbolic(self.subject)
        count = range(len(graph))
        return {
            "inputs": graph.inputs,
            "outputNames": graph.output_names,
            "outputs": graph.outputs,
            "point": [_coded(x) for x in self.point],
            "seed": graph.inputs.index(self.subject.wrt) if self.subject.wrt in graph.inputs else 0,
            "operations": [[p.name, *operands] for p, operands in zip(graph.primitives, graph.operands, strict=True)],
            "constants": [_coded(constant.value) for constant in graph.constants],
            "guards": [[guard.operand, guard.outcome] for guard in graph.guards],
            "branchWarning": self._branch_warning(),
            "active": self._active(),
            "truths": [self.truth(i) for i in count],
            "order": self.order,
            "names": [write(self.terms[i]) for i in count],
            "formulas": [self.template(rows[i].formula) for i in count],
            "tangents": [self.template(rows[i].tangents[column].formula) for i in count],
            "uses": [[self.uses(i, k) for i in count] for k in range(len(graph.outputs))],
            "reference": exact,
            "symbolic": symbolic,
            "notes": self._notes(exact is not None, symbolic is not None, notes),
        }

    def uses(self, node: int, output: int) -> list[list[int]]:
        """Return the (user, operand position) pairs that contribute to an adjoint, in the order of its formula."""
        adjoint = self.rows[output][node].adjoint
        found, seen = [], set()
        for part in adjoint.contributions if adjoint is not None else ():
            user = self.nodes[part.source[:2]]
            position = next(p for p, _ in self._smooth_uses(user, node) if (user, p) not in seen)
            seen.add((user, position))
            found.append([user, position])
        return found

    def _smooth_uses(self, user: int, node: int) -> Iterable[tuple[int, Any]]:
        """Yield the positions at which ``user`` takes ``node``, with their partials, where something can flow."""
        rule = self.graph.primitives[user].rule
        assert isinstance(rule, Elementwise)
        for position, (j, partial) in enumerate(zip(self.graph.operands[user], rule.partials, strict=True)):
            if j == node and partial is not None:
                yield position, partial

    # ------------------------------------------------------------------------------------------------------ formulas

    def template(self, formula: Term | None) -> list[Any] | None:
        """Return a formula as text with holes [node, kind, parentheses if negative]; None if it has none.

        Written once with positive and once with negative numbers in the holes; where the second has a parenthesis more,
        a negative number needs it.
        """
        if formula is None or _has_head(formula, AS_NUMBER):
            return None
        holes = [leaf.head for leaf in leaves(formula) if isinstance(leaf.head, Symbol)]
        plus, minus = (re.split("[\ue000\ue001]", write(formula, _holed(sign), substitute=True)) for sign in ("", "−"))
        parts: list[Any] = []
        for k, (a, b) in enumerate(zip(plus, minus, strict=True)):
            if k % 2 == 0:
                parts.append(a)
                continue
            hole = holes[int(a)]
            fenced = _open(minus[k - 1].removesuffix("−")) > _open(plus[k - 1])
            parts.append([self.nodes[hole[:2]], MARKS[hole.mark], int(fenced)])
            assert a == b
        return [part for part in parts if part != ""]

    def _is_by_cases(self, i: int) -> bool:
        """Return whether a partial of node ``i`` chose its formula by the numbers at the point."""
        rule = self.graph.primitives[i].rule
        if not isinstance(rule, Elementwise):
            return False
        watching = _Watching()
        xs = [self.terms[j] if j >= 0 else NOTATION.constant(self.graph.constants[~j]) for j in self.graph.operands[i]]
        for partial in rule.partials:
            if partial is not None:
                partial(watching, self.terms[i], *xs)
        return watching.chose

    def general_tangent(self, node: int) -> Term | None:
        """Return Σ ∂vᵢ/∂vⱼ · v̇ⱼ for a node whose rule is given by cases; None for the others."""
        if node not in self.branching:
            return None
        parts = [
            Term(LOOSE, (self._local(node, j), self._marked(j, "dot")), None)
            for j in dict.fromkeys(self.graph.operands[node])
            for _ in self._smooth_uses(node, j)
            if j >= 0 and self._active()[j]
        ]
        return _total(parts)

    def general_adjoint(self, node: int, output: int) -> Term | None:
        """Return the same for an adjoint that collects from such nodes."""
        uses = self.uses(node, output)
        if not any(user in self.branching for user, _ in uses):
            return None
        parts = [Term(LOOSE, (self._marked(user, "bar"), self._local(user, node)), None) for user, _ in uses]
        adjoint = self.rows[output][node].adjoint
        if self.graph.outputs[output] == node and adjoint is not None:
            parts.insert(0, derivative(Term(Symbol(self.graph.output_names[output]), (), 1.0), self.terms[node], 1.0))
        return _total(parts)

    def _local(self, user: int, node: int) -> Term:
        return derivative(self.terms[user], self.terms[node], None)

    def _marked(self, node: int, mark: str) -> Term:
        return Term(self.rows[0][node].name._replace(mark=mark), (), None)

    def _active(self) -> list[bool]:
        from adlab.transforms.sweeps import active_nodes

        return active_nodes(self.graph, range(len(self.graph.inputs)))

    # --------------------------------------------------------------------------------------------------------- words

    def _branch_warning(self) -> str:
        if not self.graph.guards:
            return ""
        lines = sorted({self.graph.sources[guard.source].line for guard in self.graph.guards})
        where = f" (line {lines[0]})" if lines and lines[0] else ""
        return f"At this point the Python code takes another branch{where}, so this graph is not the function here."

    def _notes(self, judged: bool, symbolic: bool, remarks: Sequence[str]) -> dict[str, str]:
        place = ", ".join(f"{name} = {significant(x)}" for name, x in zip(self.graph.inputs, self.point, strict=True))
        columns = "" if len(self.graph.inputs) <= 3 else " Shown is the input chosen as seed."
        exact = "Error: distance to the derivative computed with 50 digits (mpmath, no rule of adlab read)."
        algebra = "" if symbolic else " SymPy has no value to offer here."
        unjudged = "There is no reference of many digits for this function, so shown is the distance to reverse mode."
        away = (
            f"Away from {place} this page has neither symbolic values nor an independent reference: "
            "shown is the distance to reverse mode, which shares its rules with forward mode."
        )
        here = " ".join([exact if judged else unjudged, *remarks])
        return {"here": here + algebra + columns, "away": away + columns}


class _Watching(NotationAlgebra):
    """The carrier of formulas, which also remembers whether the numbers at the point decided a choice."""

    def __init__(self) -> None:
        self.chose = False

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        result = super().apply(primitive, xs, params)
        if primitive.name == "where" and isinstance(xs[0], Term):
            self.chose |= not (isinstance(result, Term) and result.head is INDICATOR)
        return result


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


def _total(parts: Sequence[Term]) -> Term | None:
    if not parts:
        return None
    total = parts[0]
    for part in parts[1:]:
        total = Term(PLUS, (total, part), None)
    return total


def _coded(value: Any) -> Any:
    """Return a number as JSON has it; infinities and NaN as words."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    x = float(value)
    return x if math.isfinite(x) else {math.inf: "inf", -math.inf: "-inf"}.get(x, "nan")


# ---------------------------------------------------------------------------------------------- what Python computes


def _reference(subject: Subject) -> tuple[list[list[list[Any]]] | None, list[str]]:
    """Return each derivative as a sum of two floats, so that errors below one rounding show, and remarks on kinks."""
    from adlab.methods.reference import reference

    assert subject.inputs is not None
    try:
        found = reference(subject.graph, subject.inputs)
    except AdlabError:
        return None, []
    exact = [[_two_floats(d) for d in row] for row in found.jacobians]
    kinks = dict.fromkeys(kink.input for kink in found.kinks)
    remarks = [f"In {name} the point sits on a kink: the reference is the mean of both sides." for name in kinks]
    return exact, [*remarks, *found.notes]


def _two_floats(exact: Any) -> list[Any]:
    high = float(exact)
    low = float(exact - high) if math.isfinite(high) else 0.0
    return [_coded(high), low if abs(low) > 1e-45 * abs(high) else 0.0]


def _symbolic(subject: Subject) -> list[list[Any]] | None:
    """Return SymPy's derivatives at the point; None where the expression outgrows its limit or SymPy has no function."""
    from adlab.methods.symbolic import Symbolic

    assert subject.inputs is not None
    try:
        found = Symbolic().derivative(subject.graph, subject.inputs)
    except AdlabError:
        return None
    return [[_coded(d) for d in row] for row in found.jacobians]


__all__ = ["Subject", "operation_names", "page", "slider_range", "why_static"]
