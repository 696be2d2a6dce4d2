"""What may have been meant: the terms that a quantity is the sum of, and the names that one may stand for."""

from __future__ import annotations

from typing import Any

from adlab.reports.grading.book import Book
from adlab.reports.grading.names import Quantity, spoken


def terms(book: Book, what: Quantity) -> list[tuple[str, Any]]:
    """Return the terms that a quantity is the sum of, with how they are written."""
    entry = book.entry(what.name) if what.kind != "local" else None
    if entry is None or entry.node is None:
        return []
    graph, truth, i = book.truth.graph, book.truth, entry.node
    label = {book.name_of(j): j for j in range(len(graph))}
    names = {j: name for name, j in label.items()}
    terms = []
    if what.kind == "adjoint":
        for user in range(i + 1, len(graph)):
            partial = truth.partial(user, i)
            if partial is not None:
                text = f"{spoken(f'A__{names[user]}')} · ∂{names[user]}/∂{names[i]}"
                terms.append((text, partial * truth.adjoints[user]))
    elif what.kind == "tangent" and what.wrt is not None:
        for j in dict.fromkeys(j for j in graph.operands[i] if j >= 0):
            partial = truth.partial(i, j)
            if partial is not None:
                text = f"∂{names[i]}/∂{names[j]} · {spoken(f'T__{names[j]}')}"
                terms.append((text, partial * truth.tangents[what.wrt][j]))
    elif graph.primitives[i].name in ("add", "subtract"):
        signs = (1, 1 if graph.primitives[i].name == "add" else -1)
        for sign, j in zip(signs, graph.operands[i], strict=True):
            if j >= 0:
                terms.append(("− " * (sign < 0) + names[j], sign * truth.values[j]))
    return terms


def alternatives(book: Book, name: str) -> list[str]:
    """Return the names of the same kind that might have been meant."""
    mark, _, rest = name.partition("__")
    names = [*book.steps(), *book.truth.inputs][:60]
    if mark in ("T", "A") and rest:
        return [f"{mark}__{other}" for other in names if other != rest]
    if mark == "D" and rest:
        of, _, by = rest.partition("__")
        return [f"D__{other}__{by}" for other in names if other != of] + [
            f"D__{of}__{other}" for other in names if other != by
        ]
    return [other for other in names if other != name]
