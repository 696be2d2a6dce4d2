"""The names of a table with the quantities that they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.ir.numbering import display_numbers, display_order
from adlab.reports.grading.names import RESULT, Quantity, parse_name
from adlab.reports.grading.truth import Truth, same
from adlab.reports.worksheet import Expression
from adlab.transforms.sweeps import forward_sweep, reverse_sweep


@dataclass
class Entry:
    """What a name of the table stands for.

    Attributes
    ----------
    value : array
    node : position in the graph, or None for a step of the writer's own
    expression : the formula as written, or None
    tangents : one array per input
    adjoint : array, or None while it is not known
    """

    value: Any
    node: int | None
    expression: Expression | None = None
    tangents: list[Any] = field(default_factory=list)
    adjoint: Any = None


class Book:
    """The names of a table with what they stand for; names that it does not define have adlab's meaning."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.entries: dict[str, Entry] = {}
        self.canonical: dict[str, int] = {}
        self.results: set[str] = {RESULT, "y", "f", truth.graph.name}
        self.renumber("level")

    def renumber(self, numbering: str) -> None:
        """Give nodes the numbers of one of adlab's numberings."""
        graph = self.truth.graph
        numbers = display_numbers(graph, display_order(graph, numbering), numbering)
        self.canonical = {f"v{number}".replace("-", "m"): i for i, number in enumerate(numbers)}
        self.canonical.update({name: k for k, name in enumerate(self.truth.inputs)})

    def entry(self, name: str) -> Entry | None:
        """Return what a name stands for."""
        found = self.entries.get(name)
        if found is not None:
            return found
        if name in self.canonical:
            return self.of_node(self.canonical[name])
        return self.result() if name in self.results else None

    def of_node(self, i: int, expression: Expression | None = None) -> Entry:
        """Return the entry of a node of the graph."""
        truth = self.truth
        return Entry(
            truth.values[i], i, expression, [tangents[i] for tangents in truth.tangents], truth.adjoints[i]
        )

    def result(self) -> Entry:
        """Return the entry of the function's result."""
        j = self.truth.graph.outputs[0]
        if j >= 0:
            return self.of_node(j)
        nothing = self.truth.full(0.0)
        return Entry(
            self.truth.output, None, None, [nothing for _ in self.truth.inputs], self.truth.full(1.0)
        )

    def find(self, value: Any, name: str, formula: Expression) -> int | None:
        """Return the node with these values.

        Of several, such as v₁ and max(v₀, v₁), it is the one that has the name, else one that has no row yet and is an input
        only if the formula is a bare name.
        """
        found = [i for i, known in enumerate(self.truth.values) if same(value, known)]
        if self.canonical.get(name) in found:
            return self.canonical[name]
        taken = {entry.node for entry in self.entries.values()}
        inputs = len(self.truth.inputs)
        found.sort(key=lambda i: ((i < inputs) != bool(formula.name), i in taken))
        return found[0] if found else None

    def own_step(self, expression: Expression, value: Any) -> Entry:
        """Return the entry of a step that is no node: its tangents by the rules from those of its operands."""
        operands = [self.entry(name) for name in expression.names]
        nodes = NUMPY.run(expression.graph, [e.value for e in operands if e is not None])
        tangents = []
        for k in range(len(self.truth.inputs)):
            seeds = [e.tangents[k] for e in operands if e is not None]
            swept = forward_sweep(expression.graph, NUMPY, nodes, seeds)
            j = expression.graph.outputs[0]
            tangents.append(self.truth.full(swept[j] if j >= 0 else None))
        return Entry(value, None, expression, tangents)

    def settle_adjoints(self) -> None:
        """Give steps of the writer's own their adjoints: last step first, Σ partial · adjoint of its users."""
        names = list(self.entries)
        for name in reversed(names):
            entry = self.entries[name]
            if entry.adjoint is not None:
                continue
            total = self.truth.full(0.0)
            for user in names[names.index(name) + 1 :]:
                partial = self.local(user, name)
                adjoint = self.entries[user].adjoint
                if partial is not None and adjoint is not None:
                    total = total + partial * adjoint
            entry.adjoint = total

    def local(self, of: str, by: str) -> Any:
        """Return ∂of/∂by as one step has it; None if the step does not use it."""
        entry, operand = self.entry(of), self.entry(by)
        if entry is None or operand is None:
            return None
        written = entry.expression
        if written is not None and by in written.names:
            nodes = NUMPY.run(
                written.graph, [e.value for e in map(self.entry, written.names) if e is not None]
            )
            seeds = [(written.graph.outputs[0], np.ones(self.truth.count))]
            return self.truth.full(reverse_sweep(written.graph, NUMPY, nodes, seeds)[written.names.index(by)])
        if entry.node is not None and operand.node is not None:
            return self.truth.partial(entry.node, operand.node)
        return None

    def quantity(self, what: Quantity) -> Any:
        """Return the true quantity, None if the name is unknown."""
        if what.kind == "local":
            of, by = what.name.split("__")
            return self.derivative(of, by)
        entry = self.entry(what.name)
        if entry is None:
            return None
        if what.kind == "value":
            return entry.value
        if what.kind == "tangent":
            return None if what.wrt is None else entry.tangents[what.wrt]
        return entry.adjoint

    def derivative(self, of: str, by: str) -> Any:
        """Return ∂of/∂by: of the result an adjoint, by an input a tangent, otherwise a local partial."""
        if by in self.truth.inputs:
            entry = self.result() if of in self.results else self.entry(of)
            return None if entry is None else entry.tangents[self.truth.inputs.index(by)]
        if of in self.results:
            entry = self.entry(by)
            return None if entry is None else entry.adjoint
        direct = self.local(of, by)
        if direct is not None:
            return direct
        entry, operand = self.entry(of), self.entry(by)
        if entry is not None and operand is not None and same(entry.value, self.truth.output):
            return operand.adjoint
        return self.truth.full(0.0) if entry is not None and operand is not None else None

    def meaning(self, name: str, wrt: int | None) -> Any:
        """Return the true quantity that a name in a formula stands for; None if it is unknown."""
        mark, _, rest = name.partition("__")
        if mark == "D" and "__" in rest:
            of, _, by = rest.partition("__")
            return self.derivative(of, by)
        return self.quantity(parse_name(name, self.truth.inputs, wrt))

    def evaluate(self, part: Expression, wrt: int | None) -> Any:
        """Return a formula's values with true quantities for its names; None if one is unknown."""
        env = {name: self.meaning(name, wrt) for name in part.names}
        if any(value is None for value in env.values()):
            return None
        return self.truth.full(part.evaluate(env))

    def steps(self) -> list[str]:
        """Return the names of all steps."""
        steps = [name for name in self.entries if name not in self.truth.inputs]
        return steps or [name for name in self.canonical if name not in self.truth.inputs]

    def name_of(self, node: int) -> str:
        """Return what the table calls a node."""
        for name, entry in self.entries.items():
            if entry.node == node:
                return name
        return next(name for name, i in self.canonical.items() if i == node)

    def as_adjoint(self, label: Quantity | None) -> Quantity | None:
        """Return ∂y/∂v3 as the adjoint of v3."""
        if label is not None and label.kind == "local":
            of, by = label.name.split("__")
            if of in self.results:
                return Quantity("adjoint", by)
        return label
