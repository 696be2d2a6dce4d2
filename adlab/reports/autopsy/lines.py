"""The user's line with a rewrite in it."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence

from adlab.ir.graph import Graph
from adlab.reports.rewrites import Candidate, Surgeon


def code_of_all(done: Sequence[tuple[Candidate, Graph]]) -> str:
    """Return the code of several rewrites, one after the other."""
    return "; ".join(Surgeon(graph).code(step)[1] for step, graph in done)


def rewritten_line(line: str, before: str, after: str) -> str:
    """Return a line of Python with one of its expressions replaced; empty if it does not hold that expression.

    Examples
    --------
    >>> rewritten_line("return a + x*np.log(x)", "x * np.log(x)", "xlogy(x, x)")
    'return a + xlogy(x, x)'
    """
    text = textwrap.dedent(line).strip()
    try:
        wanted = _normal(ast.parse(before, mode="eval").body)
        tree = ast.parse(text if not text.endswith(":") else f"{text} pass")
    except (SyntaxError, ValueError, RecursionError):
        return ""
    data = text.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _normal(node) == wanted and node.lineno == 1:
            return (data[: node.col_offset] + after.encode() + data[node.end_col_offset :]).decode()
    return ""


def _normal(node: ast.expr) -> str:
    """Return an expression in one spelling: without the module before a function, 1.0 as 1."""
    text = ast.unparse(node)
    for prefix in ("np.", "numpy.", "ad.", "adlab.", "jnp."):
        text = text.replace(prefix, "")
    return text.replace(".0", "")
