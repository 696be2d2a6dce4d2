"""The page with controls: steps, sliders, seeds, the picture, the trace and the methods side by side."""

from __future__ import annotations

import json
import math as mathematics
from collections.abc import Sequence
from dataclasses import replace
from html import escape

from adlab.algebra.notation import Term
from adlab.ir.graph import Graph
from adlab.render.explorer.document import compact, document, figure, heading, math
from adlab.render.explorer.formulas import MODES, NUMBERS, equation
from adlab.render.explorer.program import Program
from adlab.render.explorer.subject import Subject, asset, operations_of, trace_of
from adlab.render.formula import write
from adlab.render.layout import look
from adlab.render.layout.text import width
from adlab.render.names import latex_name
from adlab.render.numbers import significant
from adlab.reports.picture import Arrow, Box, Picture, Runs
from adlab.reports.trace import Row, Trace

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


def live_page(picture: Picture, subject: Subject, engine: str) -> str:
    from adlab.render.svg import to_svg

    traces = [trace_of(subject, k) for k in range(len(subject.graph.outputs))]
    program = Program(subject, traces)
    svg = to_svg(_roomy(picture), engine, prefix="graph")  # type: ignore[arg-type]
    body = [
        heading(subject.graph),
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
    code = "\n".join((_operations(used), compact(asset("program.js")), compact(asset("explorer.js"))))
    data = json.dumps(program.data(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    script = f'<script type="application/json" id="program">{data}</script>\n<script>\n(() => {{\n"use strict";\n{code}\n}})();\n</script>\n'
    return document(picture.title, "\n".join(body), script)


def _controls(subject: Subject, trace: Trace) -> str:
    graph = subject.graph
    assert subject.inputs is not None
    traces = "".join(
        f'<label><input type="radio" name="trace" value="{k}"{" checked" if k == 1 else ""}> {k} {word}</label>'
        for k, word in enumerate(("evaluation", "tangent", "adjoint"), 1)
    )
    sliders = "".join(
        _slider(k, name, float(x))
        for k, (name, x) in enumerate(zip(graph.inputs, subject.inputs, strict=True))
    )
    seeds = "".join(f'<option value="{k}">{escape(name)}</option>' for k, name in enumerate(graph.inputs))
    outputs = "".join(
        f'<option value="{k}">{escape(name)}</option>' for k, name in enumerate(graph.output_names)
    )
    choice = (
        f'<span><label for="output">result</label><select id="output">{outputs}</select></span>'
        if len(graph.outputs) > 1
        else ""
    )
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
    label, words = math(latex_name(name)), escape(name)
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


def _formula_span(
    row: Row, mode: str, formula: Term | None, column: str, extra: str = "", *, general: bool = False
) -> str:
    attributes = f'data-trace="{MODES.index(mode) + 1}"{extra}{" data-general" if general else ""}'
    hidden = "" if mode == "value" else " hidden"
    return f"<span {attributes}{hidden}>{math(equation(row, mode, formula, column))}</span>"


def _methods_table(graph: Graph) -> str:
    columns = range(len(graph.inputs))
    heads = "".join(
        f'<th scope="col" data-input="{k}">{_ratios(graph, k)}</th><th scope="col" data-input="{k}" data-head="error">error</th>'
        for k in columns
    )
    cells = "".join(
        f'<td data-input="{k}" data-value="{k}">·</td><td data-input="{k}" data-error="{k}">·</td>'
        for k in columns
    )
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
    ratios = [
        math(rf"\frac{{\partial {latex_name(name)}}}{{\partial {below}}}") for name in graph.output_names
    ]
    return "".join(
        f'<span data-output="{o}"{" hidden" if o else ""}>{ratio}</span>' for o, ratio in enumerate(ratios)
    )


# --------------------------------------------------------------------------------------------- the picture, with room


def _roomy(picture: Picture) -> Picture:
    """Return the picture with invisible spaces at its numbers, so that boxes keep their size while the numbers change."""
    return replace(
        picture, boxes=tuple(map(_roomy_box, picture.boxes)), arrows=tuple(map(_roomy_arrow, picture.arrows))
    )


def _roomy_box(box: Box) -> Box:
    rows = [
        replace(row, number=_spaces(row.number, ROOM, look.ROW_SIZE) + row.number) if row.number else row
        for row in box.rows
    ]
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
