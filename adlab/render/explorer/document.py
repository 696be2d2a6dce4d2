"""The parts that all pages share: the document around them, formulas, the heading, the figure."""

from __future__ import annotations

import re
from html import escape

from adlab.algebra.notation import Symbol, Term, literal
from adlab.ir.graph import Graph
from adlab.render.explorer.formulas import LATEX
from adlab.render.explorer.subject import LIVE_NODES, asset
from adlab.render.formula import write
from adlab.render.mathml import mathml
from adlab.render.names import latex_name

TITLE_SIZE = 60
"""A formula of more operations and names is not written out in the heading."""


def document(title: str, body: str, script: str = "") -> str:
    """Return a whole HTML file."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{compact(asset('explorer.css'))}\n</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n'
        f"<main>\n{body}\n</main>\n{script}</body></html>\n"
    )


def compact(source: str) -> str:
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


def figure(svg: str, direction: str = "") -> str:
    """Return a picture as a figure; the script asks it which way the picture flows."""
    flow = f' data-direction="{direction}"' if direction else ""
    return f"<figure{flow}>{_inline(svg)}</figure>"


def typeset(latex: str) -> str:
    """Return a formula; fences stretch only where something is tall: stretched ones stand wide apart."""
    xml = mathml(latex)
    if "<mfrac" not in xml and "<mtable" not in xml:
        xml = xml.replace('stretchy="true"', 'stretchy="false"')
    return f"<math>{xml}</math>"


def heading(graph: Graph) -> str:
    """Return the function as a heading: written out where it is short."""
    latex = r",\quad ".join(
        f"{latex_name(name)} = {formula}"
        for name, formula in zip(graph.output_names, _written_out(graph), strict=True)
    )
    return f"<h1>{typeset(latex)}</h1>"


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
