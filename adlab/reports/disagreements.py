"""Where two answers part: the first node whose local derivative differs, and why.

Where an answer is off by more than its method promises, the operations between the input and the output are put on trial
one by one, in the order of evaluation (`adlab.reports.trial`). The first at which the method's own idea of the
derivative is not the true one is where the answers part. If all operations are right by themselves, their operands
were not: digits were lost, and the first node that lost them is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adlab.methods.base import Derivative
from adlab.reports.differences import ORDERS, as_floats, measured_parts
from adlab.reports.nodes import NodeAt, shown_number
from adlab.reports.plain import plain
from adlab.reports.question import Question
from adlab.reports.trial import ROUNDINGS, Answer, Entry, Finding, Trial

REFERENCE = "reference"

PROMISES = {"central": (2 / 3, 1e3), "forward": (1 / 2, 1e3), "complex": (1, 1e3), "richardson": (1, 1e4)}
"""What a scheme promises for a function whose derivatives are of the size of its value: a power of ε, times a margin."""


# ------------------------------------------------------------------------------------------------- the data


@dataclass(frozen=True)
class Disagreement:
    """Methods whose answer is off, and the node where they part from the others.

    Attributes
    ----------
    methods : tuple of str
    against : str
        What they disagree with: the reference, or another method.
    derivative : str
        The entry that is off most, such as ∂y/∂x[2].
    apart, allowed : float
        How far it is off, and how far it may be.
    cause : str
        One of "truncation", "round-off", "kink", "branch flip", "edge of domain", "dtype", "wrong rule" and
        "held constant".
    node : NodeAt or None
        The first node whose local derivative differs.
    operand : str
        The name of the operand that it is the derivative by.
    partials : mapping of str to float
        That local derivative, by each method's own means and "exactly".
    words : str
        What happened there.
    """

    methods: tuple[str, ...]
    against: str
    derivative: str
    apart: float
    allowed: float
    cause: str
    node: NodeAt | None
    operand: str
    partials: Mapping[str, float]
    words: str

    @property
    def sentence(self) -> str:
        """Say which methods disagree, where they part and why."""
        last = "the reference" if self.against == REFERENCE else self.against
        apart = f"by {self.apart:.2g}" if np.isfinite(self.apart) else "without bound"
        found = f"{', '.join(self.methods)} and {last} disagree in {self.derivative} {apart} ({self.allowed:.2g} is allowed). "
        if self.node is not None and self.partials:
            found += f"They part at {self.node.words}: its derivative by {self.operand} is {_listed(self.partials)}. "
        elif self.node is not None:
            found += f"They part at {self.node.words}. "
        return f"{found}The cause is {_named(self.cause)}: {self.words}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        node = self.node
        return {
            "methods": list(self.methods),
            "against": self.against,
            "derivative": self.derivative,
            "apart": plain(self.apart),
            "allowed": plain(self.allowed),
            "cause": self.cause,
            "node": None if node is None else {"name": node.label, "primitive": node.primitive},
            "operand": self.operand,
            "partials": {name: plain(value) for name, value in self.partials.items()},
            "sentence": self.sentence,
        }


def _listed(partials: Mapping[str, float]) -> str:
    """Return numbers with the methods that gave them: "1 by forward and reverse, 0.5 by numerical"."""
    by_number: dict[str, list[str]] = {}
    for name, value in partials.items():
        by_number.setdefault(shown_number(value), []).append(name)
    return ", ".join(f"{number} {_by(names)}" for number, names in by_number.items())


def _by(names: Sequence[str]) -> str:
    """Return methods in words; "exactly" is none."""
    methods = [name for name in names if name != "exactly"]
    words = ["exactly"] if "exactly" in names else []
    if methods:
        words.insert(
            0, "by " + (" and ".join([", ".join(methods[:-1]), methods[-1]]) if methods[1:] else methods[0])
        )
    return ", ".join(words)


def _named(cause: str) -> str:
    return f"a {cause}" if cause in ("kink", "branch flip", "wrong rule") else cause


# --------------------------------------------------------------------------------------------- who disagrees


def disagreements(question: Question, answers: Sequence[Answer]) -> tuple[Disagreement, ...]:
    """Return who disagrees beyond what the methods promise, and where they part.

    Parameters
    ----------
    question : Question
    answers : sequence of Answer
    """
    found: list[Disagreement] = []
    trials: dict[Entry, Trial] = {}
    for k, answer in enumerate(answers):
        targets = [REFERENCE] if question.exact is not None else []
        targets += [other.name for other in answers[:k] if not targets or question.exact.kinks]  # type: ignore[union-attr]
        for against in targets:
            other = next((a for a in answers if a.name == against), None)
            item = _disagreement(question, answer, other, answers, trials)
            if item is not None:
                _merge(found, item)
                break
    return tuple(found)


def _merge(found: list[Disagreement], item: Disagreement) -> None:
    """Add a disagreement; methods that part from the others at the same node for the same reason are one."""
    for k, known in enumerate(found):
        same = all(
            getattr(known, name) == getattr(item, name)
            for name in ("against", "derivative", "cause", "words")
        )
        if same and (known.node and known.node.index) == (item.node and item.node.index):
            apart, allowed = max(known.apart, item.apart), max(known.allowed, item.allowed)
            methods = (*known.methods, *item.methods)
            found[k] = replace(known, methods=methods, apart=apart, allowed=allowed)
            return
    found.append(item)


def _disagreement(
    question: Question,
    answer: Answer,
    other: Answer | None,
    answers: Sequence[Answer],
    trials: dict[Entry, Trial],
) -> Disagreement | None:
    worst = _worst_entry(question, answer, other)
    if worst is None:
        return None
    entry, apart, allowed = worst
    trial = trials.setdefault(entry, Trial(question, entry))
    ours = _at(answer.found, entry)
    theirs = _at(other.found, entry) if other else float(as_floats(_exact(question, entry)))
    findings = [
        finding
        for side in ((answer, other) if other else (answer,))
        if (finding := trial.finding(side, _relative(ours, theirs))) is not None
    ]
    if not other:
        findings = [_as_measured(question, answer, trial, finding) for finding in findings]
    # a wrong rule outweighs what a difference that is right has of rounding
    finding = min(findings, key=lambda f: (f.cause != "wrong rule", f.node), default=None)
    against = other.name if other else REFERENCE
    label = trial.label
    if finding is None:
        words = "no operation is wrong by itself, and none stands out."
        return Disagreement((answer.name,), against, label, apart, allowed, "round-off", None, "", {}, words)
    node = trial.node(finding)
    operand = node.operands[finding.operand] if finding.operand >= 0 else ""
    partials = trial.partials(finding, answers) if operand else {}
    return Disagreement(
        (answer.name,), against, label, apart, allowed, finding.cause, node, operand, partials, finding.words
    )


def _as_measured(question: Question, answer: Answer, trial: Trial, finding: Finding) -> Finding:
    """Return the finding, or where digits are lost if the difference, computed exactly, would be right."""
    exact = question.exact
    if exact is None or finding.cause != "truncation" or answer.scheme not in ORDERS:
        return finding
    parts = measured_parts(
        question.graph, question.values, question.positions, answer.found, exact, answer.scheme
    )
    if parts is None or parts[1] >= parts[2]:
        return finding
    return trial.lost_digits() or finding


def _worst_entry(
    question: Question, answer: Answer, other: Answer | None
) -> tuple[Entry, float, float] | None:
    """Return the entry that is off most beyond what is allowed, how far, and what is allowed."""
    best: tuple[Entry, float, float] | None = None
    for row, blocks in enumerate(answer.found.jacobians):
        for column, block in enumerate(blocks):
            ours = np.asarray(block, float)
            if other:
                theirs = np.asarray(other.found.jacobians[row][column], float)
            else:
                theirs = _truth(question, row, column)
            allowed = _allowed(question, answer, row, column, theirs)
            allowed += _allowed(question, other, row, column, ours) if other else 0.0
            with np.errstate(invalid="ignore"):
                apart = np.where(ours == theirs, 0.0, np.abs(ours - theirs))
            apart = np.where(np.isnan(ours) & np.isfinite(theirs), np.inf, apart)
            over = np.where(np.isnan(apart), 0.0, apart / allowed)
            if other and question.exact is not None:  # the reference decides where it can
                over = np.where(np.isnan(_truth(question, row, column)), over, 0.0)
            if not over.size or np.max(over) <= 1:
                continue
            place = tuple(int(k) for k in np.unravel_index(int(np.argmax(over)), over.shape))
            if best is None or over[place] > best[1] / best[2]:
                best = (Entry(row, column, place), float(apart[place]), allowed)
    return best


def _truth(question: Question, row: int, column: int) -> Any:
    """Return a block of the reference as floats, NaN on kinks."""
    assert question.exact is not None
    block: Any = np.array(as_floats(question.exact.jacobians[row][column]))
    for kink in question.exact.kinks:
        if kink.input == question.graph.inputs[question.positions[column]] and kink.output == row:
            block[(..., *kink.element)] = np.nan
    return block


def _allowed(question: Question, answer: Answer, row: int, column: int, other: Any) -> float:
    """Return how far a method may be off in a block, by what it promises and by its own error bar."""
    block = np.asarray(answer.found.jacobians[row][column], float)
    finite = [abs(v) for v in (*np.ravel(block), *np.ravel(other)) if np.isfinite(v)]
    scale = max([1.0, *finite])
    epsilon = float(np.finfo(question.graph.types[question.positions[column]].dtype).eps)
    power, margin = PROMISES[answer.scheme] if answer.found.method == "numerical" else (1, ROUNDINGS)
    own = 0.0
    if answer.found.error is not None:
        bar = np.asarray(answer.found.error[row][column], float)
        own = 10 * float(np.max(np.where(np.isfinite(bar), bar, 0.0), initial=0.0))
    return float(margin * epsilon**power * scale) + own


def _at(found: Derivative, entry: Entry) -> float:
    return float(np.asarray(found.jacobians[entry.row][entry.column])[entry.place])


def _exact(question: Question, entry: Entry) -> Any:
    assert question.exact is not None
    return np.asarray(question.exact.jacobians[entry.row][entry.column], dtype=object)[entry.place]


def _relative(a: float, b: float) -> float:
    """Return |a − b| relative to the larger; 1 where that is no number."""
    size = max(abs(a), abs(b))
    return abs(a - b) / size if np.isfinite(size) and size else 1.0
