"""What a page is about, and whether its script can compute it again."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from adlab.ir.graph import Graph
from adlab.ir.types import BOOL, FLOAT32
from adlab.reports.trace import Trace, trace_graph

LIVE_NODES = 60
"""Graphs of more nodes become a page without controls."""
LIVE_OUTPUTS = 6
"""So many outputs can be chosen to start the adjoints from."""

_ENTRY = re.compile(r"^  (\w+): (?:operation|byCases)\(", re.MULTILINE)


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


def _cannot(why: str) -> str:
    return f"{why}; the page shows one point, without sliders."


@cache
def operation_names() -> frozenset[str]:
    """Return the primitives that the page's script can compute."""
    return frozenset(_ENTRY.findall(asset("operations.js")))


def operations_of(used: Collection[str]) -> str:
    """Return the script's table of operations without the rows that a graph does not use."""
    kept, keep = [], True
    for line in asset("operations.js").splitlines():
        entry = _ENTRY.match(line)
        keep = entry[1] in used if entry else keep or not line.startswith("    ")
        if keep:
            kept.append(line)
    return "\n".join(kept)


def asset(name: str) -> str:
    """Return the text of a file that goes into the page."""
    return resources.files("adlab.render").joinpath("assets", name).read_text(encoding="utf-8")


def trace_of(subject: Subject, output: int) -> Trace:
    """Return everything there is to show, with adjoints of one output."""
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
