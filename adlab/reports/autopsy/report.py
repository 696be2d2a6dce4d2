"""The findings of an autopsy, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.notation import Term
from adlab.ir.graph import Graph, Source
from adlab.reports.plain import plain

OVERFLOWING = frozenset((
    "add", "subtract", "multiply", "square", "exp", "exp2", "expm1", "sinh", "cosh", "sum", "prod", "matmul", "outer", "norm",
    "hypot", "cast",
))  # fmt: skip
"""Rows without poles: what is infinite out of finite operands is too large to be written."""


@dataclass(frozen=True)
class Finding:
    """One bad number: where it arose and out of what.

    Attributes
    ----------
    kind : {"value", "adjoint", "tangent"}
    index, name : the operation, and how a trace calls it
    primitive : str
    formula : Term
    target : str
        What is bad: the name of a value, adjoint or tangent.
    element : tuple of int
    value : float
        The bad number.
    cause : str
        The arithmetic that made it, with its numbers: "0 · ∞".
    source : Source
    step : str
        Which step of which loop it is in; empty outside loops.
    """

    kind: str
    index: int
    name: str
    primitive: str
    formula: Term
    target: str
    element: tuple[int, ...]
    value: float
    cause: str
    source: Source
    step: str = ""

    @property
    def sentence(self) -> str:
        """Say what went bad, where, and out of which numbers."""
        place = f"[{', '.join(map(str, self.element))}]" if self.element else ""
        line = ", ".join(part for part in (self.step, str(self.source) if self.source.line else "") if part)
        line = f" ({line})" if line else ""
        bad = "is not a number" if self.value != self.value else "is infinite"
        through = f"through {self.name}, " if self.kind == "adjoint" else ""
        return (
            f"The first {self.kind} that {bad} is {self.target}{place}, {through}the {self.primitive}{line}: "
            f"{self.cause} = {shown(self.value)}{', an overflow' if self.overflows else ''}."
        )

    @property
    def overflows(self) -> bool:
        """Whether a value is infinite only because it is too large for its type."""
        return self.kind == "value" and self.value == self.value and self.primitive in OVERFLOWING

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "primitive": self.primitive,
            "target": self.target,
            "element": list(self.element),
            "value": plain(self.value),
            "cause": self.cause,
            "file": self.source.file,
            "line": self.source.line,
            "step": self.step,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class PathStep:
    """One node on the way from the bad operation back to an input."""

    name: str
    formula: Term
    value: Any
    source: Source
    step: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "value": plain(self.value),
            "file": self.source.file,
            "line": self.source.line,
            "step": self.step,
        }


@dataclass(frozen=True)
class Rewrite:
    """Another way to write the line, shown to be the same function.

    Attributes
    ----------
    name : str
        What is done, e.g. "double where".
    words : str
        Why it helps.
    before, after : str
        The expression as NumPy code; names v3 stand for longer parts.
    line, rewritten : str
        The user's line and the line with the expression replaced; empty where it could not be found in it.
    source : Source
    graph : Graph
        The program so rewritten.
    samples : int
        At so many random points both programs were evaluated in fifty digits and agree.
    difference : float
        The largest relative difference among them.
    value : tuple
        The values at the point.
    gradient : mapping of input name to block
        The derivatives at the point, by reverse mode.
    notes : tuple of str
    """

    name: str
    words: str
    before: str
    after: str
    line: str
    rewritten: str
    source: Source
    graph: Graph
    samples: int
    difference: float
    value: tuple[Any, ...]
    gradient: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Say what was shown."""
        return (
            f"{self.name[0].upper()}{self.name[1:]}: {self.words} Equal at {self.samples} random points where "
            f"both are finite (fifty digits, largest relative difference {self.difference:.1g}), and free of "
            "NaN here."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "words": self.words,
            "before": self.before,
            "after": self.after,
            "line": self.line,
            "rewritten": self.rewritten,
            "samples": self.samples,
            "difference": self.difference,
            "value": plain(self.value[0] if len(self.value) == 1 else list(self.value)),
            "gradient": {name: plain(block) for name, block in self.gradient.items()},
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Autopsy:
    """Where a computation or its derivative went bad, and what to write instead.

    Attributes
    ----------
    point : mapping of input name to value
    output : str
        What is differentiated: the result, or the sum of several.
    findings : tuple of Finding
        At most the first infinite and the first NaN among values, adjoints and tangents.
    path : tuple of PathStep
        From the operation that is to blame back to an input.
    rewrite : Rewrite or None
    value : tuple
    gradient : mapping of input name to block
        As reverse mode gives it, of the sum of all outputs.
    truth : mapping of input name to block
        The same to fifty digits, as far as it exists; empty if it was not to be had.
    notes : tuple of str
    """

    point: Mapping[str, Any]
    output: str
    findings: tuple[Finding, ...]
    path: tuple[PathStep, ...]
    rewrite: Rewrite | None
    value: tuple[Any, ...]
    gradient: Mapping[str, Any]
    truth: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether the values and their derivatives are finite."""
        return all(all_finite(v) for v in (*self.value, *self.gradient.values()))

    @property
    def sentence(self) -> str:
        """Say what the cause is, or that there is none."""
        if self.findings and not self.healthy:
            worst = next((f for f in self.findings if f.value != f.value), self.findings[0])
            return " ".join([*self._bad_inputs(), worst.sentence])
        if self.findings:
            return (
                f"The value and its derivatives are finite, although {self.findings[0].target} on the way is "
                f"{shown(self.findings[0].value)}."
            )
        if not self.healthy:
            return " ".join(self._bad_inputs()) or "The function returns a literal that is not finite."
        return "The value and its derivatives are finite: nothing went bad."

    def _bad_inputs(self) -> list[str]:
        """Return a sentence for each input that is infinite or NaN from the start."""
        return [
            f"The input {name} holds {shown(value if np.ndim(value) == 0 else np.sum(value))} from the start."
            for name, value in self.point.items()
            if not all_finite(value)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "point": {name: plain(value) for name, value in self.point.items()},
            "output": self.output,
            "healthy": self.healthy,
            "sentence": self.sentence,
            "value": plain(self.value[0] if len(self.value) == 1 else list(self.value)),
            "gradient": {name: plain(block) for name, block in self.gradient.items()},
            "truth": {name: plain(block) for name, block in self.truth.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "path": [step.to_dict() for step in self.path],
            "rewrite": self.rewrite.to_dict() if self.rewrite else None,
            "notes": list(self.notes),
        }


def shown(value: Any) -> str:
    """Return a number in six digits, ∞ and NaN as such.

    Examples
    --------
    >>> shown(-2.5), shown(float("-inf"))
    ('−2.5', '−∞')
    """
    if np.ndim(value):
        return f"an array of shape {np.shape(value)}"
    words = {"inf": "∞", "-inf": "−∞", "nan": "NaN"}
    text = f"{float(value):.6g}"
    return words.get(text, text.replace("-", "−"))


def in_arithmetic(value: Any) -> str:
    """Return a number as it stands in arithmetic: negative ones in parentheses."""
    text = shown(value)
    return f"({text})" if text.startswith("−") else text


def all_finite(value: Any) -> bool:
    """Return whether every element is finite."""
    return bool(np.all(np.isfinite(np.asarray(value, float))))
