"""A graph as the page's script reads it: operations, formulas with holes, uses of each node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from adlab.algebra.notation import Symbol, Term, derivative
from adlab.ir.types import BOOL
from adlab.primitives.rules import Elementwise
from adlab.render.explorer.formulas import is_by_cases, template, total
from adlab.render.explorer.judged import coded, exact_derivatives, symbolic_derivatives
from adlab.render.explorer.subject import Subject
from adlab.render.formula import write
from adlab.render.numbers import significant
from adlab.reports.trace import LOOSE, Trace
from adlab.transforms.sweeps import active_nodes


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
        self.active = active_nodes(self.graph, range(len(self.graph.inputs)))
        operations = range(len(self.graph.inputs), len(self.graph))
        self.branching = {i for i in operations if is_by_cases(self.graph, i, self.terms)}

    def truth(self, node: int) -> bool:
        """Return whether a node is true or false, so that nothing flows through it."""
        return self.graph.types[node].dtype == BOOL

    def data(self) -> dict[str, Any]:
        """Return everything the script needs, as plain data."""
        graph, column = self.graph, self.traces[0].columns[0]
        rows = self.rows[0]
        exact, notes = exact_derivatives(self.subject)
        symbolic = symbolic_derivatives(self.subject)
        count = range(len(graph))
        return {
            "inputs": graph.inputs,
            "outputNames": graph.output_names,
            "outputs": graph.outputs,
            "point": [coded(x) for x in self.point],
            "seed": graph.inputs.index(self.subject.wrt) if self.subject.wrt in graph.inputs else 0,
            "operations": [
                [p.name, *operands] for p, operands in zip(graph.primitives, graph.operands, strict=True)
            ],
            "constants": [coded(constant.value) for constant in graph.constants],
            "guards": [[guard.operand, guard.outcome] for guard in graph.guards],
            "branchWarning": self._branch_warning(),
            "active": self.active,
            "truths": [self.truth(i) for i in count],
            "order": self.order,
            "names": [write(self.terms[i]) for i in count],
            "formulas": [template(rows[i].formula, self.nodes) for i in count],
            "tangents": [template(rows[i].tangents[column].formula, self.nodes) for i in count],
            "uses": [[self.uses(i, k) for i in count] for k in range(len(graph.outputs))],
            "reference": exact,
            "symbolic": symbolic,
            "notes": self._notes(exact is not None, symbolic is not None, notes),
        }

    def uses(self, node: int, output: int) -> list[list[int]]:
        """Return the (user, operand position) pairs that give to an adjoint, in the order of its formula."""
        adjoint = self.rows[output][node].adjoint
        found, seen = [], set()
        for part in adjoint.contributions if adjoint is not None else ():
            user = self.nodes[part.source[:2]]
            position = next(p for p, _ in self._smooth_uses(user, node) if (user, p) not in seen)
            seen.add((user, position))
            found.append([user, position])
        return found

    def _smooth_uses(self, user: int, node: int) -> Iterable[tuple[int, Any]]:
        """Yield the positions at which ``user`` takes ``node`` and something can flow, with partials."""
        rule = self.graph.primitives[user].rule
        assert isinstance(rule, Elementwise)
        for position, (j, partial) in enumerate(zip(self.graph.operands[user], rule.partials, strict=True)):
            if j == node and partial is not None:
                yield position, partial

    # ------------------------------------------------------------------------------------ formulas by cases

    def general_tangent(self, node: int) -> Term | None:
        """Return Σ ∂vᵢ/∂vⱼ · v̇ⱼ for a node whose rule is given by cases; None for the others."""
        if node not in self.branching:
            return None
        parts = [
            Term(LOOSE, (self._local(node, j), self._marked(j, "dot")), None)
            for j in dict.fromkeys(self.graph.operands[node])
            for _ in self._smooth_uses(node, j)
            if j >= 0 and self.active[j]
        ]
        return total(parts)

    def general_adjoint(self, node: int, output: int) -> Term | None:
        """Return the same for an adjoint that collects from such nodes."""
        uses = self.uses(node, output)
        if not any(user in self.branching for user, _ in uses):
            return None
        parts = [Term(LOOSE, (self._marked(user, "bar"), self._local(user, node)), None) for user, _ in uses]
        adjoint = self.rows[output][node].adjoint
        if self.graph.outputs[output] == node and adjoint is not None:
            parts.insert(
                0, derivative(Term(Symbol(self.graph.output_names[output]), (), 1.0), self.terms[node], 1.0)
            )
        return total(parts)

    def _local(self, user: int, node: int) -> Term:
        return derivative(self.terms[user], self.terms[node], None)

    def _marked(self, node: int, mark: str) -> Term:
        return Term(self.rows[0][node].name._replace(mark=mark), (), None)

    # ---------------------------------------------------------------------------------------------- words

    def _branch_warning(self) -> str:
        if not self.graph.guards:
            return ""
        lines = sorted({self.graph.sources[guard.source].line for guard in self.graph.guards})
        where = f" (line {lines[0]})" if lines[0] else ""
        return f"Here the Python code takes another branch{where}, so this graph is not the function."

    def _notes(self, judged: bool, symbolic: bool, remarks: Sequence[str]) -> dict[str, str]:
        names = self.graph.inputs
        place = ", ".join(f"{name} = {significant(x)}" for name, x in zip(names, self.point, strict=True))
        seed = [] if len(names) <= 3 else ["Shown is the input chosen as seed."]
        judge = (
            "Error: distance to the derivative computed with 50 digits (mpmath, no rule of adlab read)."
            if judged
            else "There is no reference of many digits here: shown is the distance to reverse mode."
        )
        algebra = [] if symbolic else ["SymPy has no value to offer here."]
        away = (
            f"Away from {place} this page has neither symbolic values nor an independent reference: "
            "shown is the distance to reverse mode, which shares its rules with forward mode."
        )
        return {"here": " ".join([judge, *remarks, *algebra, *seed]), "away": " ".join([away, *seed])}
