"""What a page is about, and whether its script can compute it again."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
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
    reason = _obstacle(graph)
    return f"{reason}, so the page shows it at one point, without sliders." if reason else ""


def _obstacle(graph: Graph) -> str:
    operations = graph.primitives[len(graph.inputs) :]
    unknown = [p.name for p in operations if p.composite or p.name not in operation_names()]
    real = [type for type in graph.output_types if type.dtype != BOOL]
    if any(type.shape for type in (*graph.types, *graph.output_types)):
        return "This graph computes with arrays"
    if len(graph) > LIVE_NODES:
        return f"This graph has {len(graph)} nodes, more than {LIVE_NODES}"
    if len(graph.outputs) > LIVE_OUTPUTS:
        return f"This graph has {len(graph.outputs)} results, more than {LIVE_OUTPUTS}"
    if any(type.dtype == FLOAT32 for type in graph.types):
        return "This graph computes in float32, which the page's script does not"
    if not graph.inputs or any(type.dtype == BOOL for type in graph.input_types):
        return "This graph has no inputs that are real numbers"
    if len(real) < len(graph.outputs) or all(j < 0 for j in graph.outputs):
        return "This graph has a result that no derivative flows to"
    return f"The page's script does not know {unknown[0]}" if unknown else ""


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
    """Return everything there is to show, with adjoints of one output; values alone where nothing flows."""
    assert subject.inputs is not None
    graph = subject.graph
    smooth = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL]
    flows = smooth and graph.output_types[output].dtype != BOOL
    wrt = subject.wrt if subject.wrt is not None else _first_element(graph, smooth)
    return trace_graph(
        graph,
        subject.inputs,
        mode="all" if flows else "evaluate",
        wrt=wrt if flows else None,
        numbering=subject.numbering,
        output=output,
    )


def _first_element(graph: Graph, smooth: Sequence[int]) -> str | None:
    """Return the name of the first number that tangents can belong to."""
    if not smooth:
        return None
    zeros = ", ".join("0" for _ in graph.types[smooth[0]].shape)
    return graph.inputs[smooth[0]] + (f"[{zeros}]" if zeros else "")
