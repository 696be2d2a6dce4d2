"""One method's answer at one point: value, gradient or Jacobian by input name, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.methods import Cost, Derivative, method_named
from adlab.reports.badvalues import BadNode, Singularities, bad_nodes, bad_words, singularities
from adlab.reports.differences import largest_bar
from adlab.reports.plain import plain
from adlab.transforms.sweeps import evaluate


@dataclass(frozen=True)
class GradientReport:
    """What a method answered.

    Attributes
    ----------
    method : str
    values : mapping of output name to value
    blocks : mapping of output name to the derivatives by input name
    cost : Cost
    notes : sentences a reader should know
    bad : the nodes at which values became infinite or undefined
    singular : where an infinite derivative comes from, and which nodes sit on a kink
    bars : the method's own error bars, as the blocks; empty where it has none
    """

    method: str
    values: Mapping[str, Any]
    blocks: Mapping[str, Mapping[str, Any]]
    cost: Cost
    notes: tuple[str, ...] = ()
    bad: tuple[BadNode, ...] = ()
    singular: Singularities = field(default_factory=Singularities)
    bars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def warning(self) -> str:
        """Where values went bad, in words; empty if they did not."""
        return bad_words(self.bad)

    @property
    def single(self) -> bool:
        """Whether the function has one result."""
        return len(self.values) == 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: ``gradient`` for a scalar result, ``jacobian`` for an array, per output for several."""
        first = next(iter(self.values))
        scalar = self.single and np.ndim(self.values[first]) == 0
        values: Any = {name: plain(value) for name, value in self.values.items()}
        blocks: Any = {out: {name: plain(b) for name, b in row.items()} for out, row in self.blocks.items()}
        bars = {out: {name: plain(b) for name, b in row.items()} for out, row in self.bars.items()}
        return {
            **({"error_bar": bars[first] if self.single else bars} if bars else {}),
            "value": values[first] if self.single else values,
            "gradient" if scalar else "jacobian": blocks[first] if self.single else blocks,
            "method": self.method,
            "cost": self.cost.to_dict(),
            "notes": [*self.notes, *([self.warning] if self.bad else []), *self.singular.sentences],
        }


def gradient_report(
    graph: Graph, leaves: Sequence[Any], method: str, *, scalar: bool, **options: Any
) -> GradientReport:
    """Return value and derivatives of a graph at a point.

    Parameters
    ----------
    graph : Graph
    leaves : sequence
        One NumPy value per input.
    method : str
        "reverse", "forward", "symbolic", "numerical", or "auto" for the cheaper of the first two.
    scalar : bool
        Whether to insist on one scalar result.
    **options
        Options of the method.

    Raises
    ------
    InputError
        If a scalar is insisted on and the function has another result.
    """
    if scalar and (len(graph.outputs) != 1 or graph.output_types[0].shape):
        shapes = ", ".join(str(type) for type in graph.output_types)
        raise InputError(
            f"A gradient belongs to one scalar result; this function returns {shapes}: ask for its jacobian."
        )
    found = method_named(method).derivative(graph, leaves, **options)
    names = graph.output_names
    blocks = {
        out: dict(zip(graph.inputs, row, strict=True))
        for out, row in zip(names, found.jacobians, strict=True)
    }
    nodes = evaluate(graph, NUMPY, leaves)
    by_rules = found.method != "numerical"  # a difference says itself why it is not finite
    derivatives = [block for row in found.jacobians for block in row]
    singular = singularities(graph, nodes, derivatives)
    return GradientReport(
        found.method,
        dict(zip(names, found.values, strict=True)),
        blocks,
        found.cost,
        (*found.notes, *_bar_words(found)),
        tuple(bad_nodes(graph, nodes)),
        singular if by_rules else replace(singular, overflows=False),
        {
            out: dict(zip(graph.inputs, row, strict=True))
            for out, row in zip(names, found.error or (), strict=False)
        },
    )


def _bar_words(found: Derivative) -> tuple[str, ...]:
    """Return what the method itself thinks of its errors."""
    bar = largest_bar(found)
    return () if bar is None else (f"The method's own error bar is {bar:.3g} at most.",)
