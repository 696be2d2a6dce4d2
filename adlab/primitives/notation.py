"""How rows are written: binding levels, and the few shapes that notations come in.

The levels follow Python's grammar, so that what is printed parses back to the same graph.
"""

from __future__ import annotations

from adlab.ir.primitive import Notation

COMPARE, SUM, NEGATIVE, PRODUCT, POWER, ATOM = 10, 20, 22, 30, 40, 90


def infix(symbol: str, latex: str, level: int, *, right: int | None = None) -> Notation:
    """Return the notation ``a ∘ b``, left-associative: the right operand must bind more tightly."""
    levels = (level, level + 1 if right is None else right)
    return Notation(f"{{0}} {symbol} {{1}}", f"{{0}} {latex} {{1}}", level, levels)


def function(text: str, latex: str | None = None) -> Notation:
    """Return the notation ``name(a, b, static=value)``."""
    head = latex if latex is not None else rf"\operatorname{{{{{text}}}}}".replace("_", r"\_")
    return Notation(f"{text}({{*}}{{params}})", f"{head}\\left({{*}}{{params}}\\right)", ATOM)


def wrapped(text: str, latex: str) -> Notation:
    """Return a notation that encloses its operands in LaTeX (√, | |) and is a function as text."""
    return Notation(f"{text}({{*}}{{params}})", latex, ATOM)
