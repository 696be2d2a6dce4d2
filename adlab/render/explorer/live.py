"""The page with controls: the picture, the trace table and the methods side by side, and the script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from adlab.algebra.notation import Term
from adlab.ir.graph import Graph
from adlab.render.explorer.controls import controls
from adlab.render.explorer.document import compact, document, figure, heading, typeset
from adlab.render.explorer.formulas import MODES, NUMBERS, equation
from adlab.render.explorer.program import Program
from adlab.render.explorer.room import roomy
from adlab.render.explorer.subject import Subject, asset, operations_of, trace_of
from adlab.render.formula import write
from adlab.render.names import latex_name
from adlab.render.numbers import significant
from adlab.reports.picture import Picture
from adlab.reports.trace import Row, Trace

METHODS = {
    "forward difference": ("numerical (forward)", "(f(x + h) − f(x))/h, h being what x really moves"),
    "central difference": ("numerical (central)", "(f(x + h) − f(x − h))/2h, 2h being what x really moves"),
    "symbolic": ("symbolic", "SymPy's derivative, evaluated at the point of the file"),
    "forward mode": ("AD forward mode", "one pass of tangents per input"),
    "reverse mode": ("AD reverse mode", "one pass of adjoints for all inputs"),
}
"""The rows of the table of methods: the script's word, the heading, what it means."""
NOSCRIPT = (
    "<noscript><p>Scripts are off: this is the page at its point, without steps and sliders.</p></noscript>"
)
KEYS = (
    "<footer>Keys: <kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> first and last step, "
    "<kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> trace. A click on a box or a row goes to its step. "
    "The address of the page holds the step and the point, to link to.</footer>"
)


def live_page(picture: Picture, subject: Subject, engine: str) -> str:
    """Return the page of a graph that its script can compute."""
    from adlab.render.svg import to_svg

    traces = [trace_of(subject, k) for k in range(len(subject.graph.outputs))]
    program = Program(subject, traces)
    svg = to_svg(roomy(picture), engine, prefix="graph")  # type: ignore[arg-type]
    tables = _trace_table(program, traces) + _methods_table(subject.graph)
    body = [heading(subject.graph), NOSCRIPT, controls(subject), figure(svg, picture.direction)]
    body += [f'<div class="tables">{tables}</div>', KEYS]
    return document(picture.title, "\n".join(body), _script(program))


def _script(program: Program) -> str:
    """Return the graph as data and the code that reads it."""
    used = {primitive.name for primitive in program.graph.primitives}
    code = "\n".join(map(compact, (operations_of(used), asset("program.js"), asset("explorer.js"))))
    data = json.dumps(program.data(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<script type="application/json" id="program">{data}</script>\n'
        f'<script>\n(() => {{\n"use strict";\n{code}\n}})();\n</script>\n'
    )


# ------------------------------------------------------------------------------------------------ the trace


def _trace_table(program: Program, traces: Sequence[Trace]) -> str:
    rows = "".join(_row(program, row.node, traces) for row in traces[0].rows)
    heads = "".join(f'<th scope="col" class="{mode}">{mode}</th>' for mode in MODES)
    head = f'<tr><th scope="col">step</th><th scope="col" class="numbers">with numbers</th>{heads}</tr>'
    table = f'<table id="trace"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f"<section><h2>Trace</h2>{table}</section>"


def _row(program: Program, node: int, traces: Sequence[Trace]) -> str:
    """Return a row with the formulas of all three traces, the first one visible, and its numbers."""
    row, column = program.rows[0][node], traces[0].columns[0]
    numbers = escape(write(row.formula, NUMBERS, substitute=True)) if row.formula is not None else ""
    results = (row.value, row.tangents[column].value, row.adjoint.value if row.adjoint else 0.0)
    cells = "".join(
        f'<td class="{mode}">{significant(x) if mode == "value" or not program.truth(node) else "·"}</td>'
        for mode, x in zip(MODES, results, strict=True)
    )
    formulas = "".join(_formulas(program, node, column, len(traces)))
    head = f'<th scope="row">{formulas}</th>'
    return f'<tr data-node="{node}">{head}<td class="numbers">{numbers}</td>{cells}</tr>'


def _formulas(program: Program, node: int, column: str, outputs: int) -> list[str]:
    """Return all that may stand in the first column of a row."""
    row = program.rows[0][node]
    spans = [_span(row, "value", row.formula, column)]
    spans.append(_span(row, "tangent", row.tangents[column].formula, column))
    general = program.general_tangent(node)
    if general is not None:
        spans.append(_span(row, "tangent", general, column, " data-general"))
    for k in range(outputs):
        mark = f' data-output="{k}"' if outputs > 1 else ""
        adjoint = program.rows[k][node].adjoint
        spans.append(_span(row, "adjoint", adjoint.formula if adjoint else None, column, mark))
        general = program.general_adjoint(node, k)
        if general is not None:
            spans.append(_span(row, "adjoint", general, column, mark + " data-general"))
    return spans


def _span(row: Row, mode: str, formula: Term | None, column: str, marks: str = "") -> str:
    hidden = "" if mode == "value" else " hidden"
    element = typeset(equation(row, mode, formula, column))
    return f'<span data-trace="{MODES.index(mode) + 1}"{marks}{hidden}>{element}</span>'


# ---------------------------------------------------------------------------------------------- the methods


def _methods_table(graph: Graph) -> str:
    columns = range(len(graph.inputs))
    heads = "".join(
        f'<th scope="col" data-input="{k}">{_ratios(graph, k)}</th>'
        f'<th scope="col" data-input="{k}" data-head="error">error</th>'
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
    head = f'<tr><th scope="col">method</th>{heads}</tr>'
    table = f'<table id="methods"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'<section><h2>Four methods</h2>{table}<p class="note" id="note"></p></section>'


def _ratios(graph: Graph, k: int) -> str:
    """Return ∂y/∂x, once per output that can be chosen."""
    below = latex_name(graph.inputs[k])
    ratios = [
        typeset(rf"\frac{{\partial {latex_name(name)}}}{{\partial {below}}}") for name in graph.output_names
    ]
    return "".join(
        f'<span data-output="{o}"{" hidden" if o else ""}>{ratio}</span>' for o, ratio in enumerate(ratios)
    )
