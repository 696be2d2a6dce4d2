"""Formulas on paper: one walk over a `Term`, several styles.

A style says how names, numbers and parentheses look; what an operation looks like stands in its row of the
rule table. The substituted form is the same walk with names replaced by their numbers, negative ones in
parentheses. MathML is made from the LaTeX form, so that there is one set of templates for both.

The walk keeps its own stack, and a formula that only grows to the right (a sum of ten thousand contributions)
is appended to piece by piece, so that depth and length cost linear time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from adlab.algebra.notation import AS_NUMBER, Literal, Symbol, Term, leaves
from adlab.ir.constant import NamedNumber
from adlab.ir.index import format_index
from adlab.ir.primitive import Notation, Params, Primitive
from adlab.primitives.notation import ATOM, COMPARE, NEGATIVE, POWER, PRODUCT
from adlab.render.mathml import mathml
from adlab.render.names import GREEK, ascii_name, latex_name
from adlab.render.numbers import (
    SMALL_ARRAY,
    latex_number,
    latex_spelling,
    literal_text,
    nested,
    plain,
    shape_text,
    text_number,
)

__all__ = ["GREEK", "TEXT", "Style", "can_substitute", "notation_of", "write"]

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = str.maketrans("-0123456789", "₋₀₁₂₃₄₅₆₇₈₉")
FRACTION = PRODUCT + 5
"""A drawn fraction needs no parentheses in a product, but does as a base."""

DOT, BAR = "\u0307", "\u0304"

_PLAIN = str.maketrans(
    {"·": "*", "−": "-", "≤": "<=", "≥": ">=", "≠": "!=", "²": "^2", "ᵀ": ".T", "∂": "d", "…": "..."}
)


class Piece:
    """A written formula in parts, and how tightly it binds."""

    __slots__ = ("chunks", "level")

    def __init__(self, text: str, level: int) -> None:
        self.chunks = [text]
        self.level = level

    @property
    def text(self) -> str:
        """The parts together."""
        if len(self.chunks) > 1:
            self.chunks = ["".join(self.chunks)]
        return self.chunks[0]


@dataclass(frozen=True)
class Style:
    """A way to write: "text", "ascii", "latex" or "mathml", with so many decimals."""

    kind: str = "text"
    digits: int = 3

    def number(self, value: Any) -> str:
        """Return a number of the point."""
        if np.ndim(value):
            return self.array(value)
        if self.kind == "latex":
            return latex_number(value, self.digits)
        return plain(value, self.digits) if self.kind == "ascii" else text_number(value, self.digits)

    def literal(self, value: Any) -> str:
        """Return a literal with all its digits: it is part of the formula, not of the point."""
        if isinstance(value, NamedNumber):
            if self.kind == "latex":
                return latex_name(value.symbol)
            return "π" if value.symbol == "pi" and self.kind == "text" else value.symbol
        if np.ndim(value):
            return self.array(value, self.literal)
        text = literal_text(value)
        if self.kind == "latex":
            return latex_spelling(text)
        if self.kind == "ascii" or text.isalpha():
            return text
        return "−" + text[1:] if text.startswith("-") else text

    def array(self, value: Any, element: Callable[[Any], str] | None = None) -> str:
        """Return a small array in full, a large one as its shape; ``element`` writes an element."""
        array, element = np.asarray(value), element or self.number
        if array.size > SMALL_ARRAY:
            text = shape_text(array.shape)
            words = {"latex": text.replace("×", r" \times "), "ascii": text.replace("×", "x")}
            return f"[{words.get(self.kind, text)}]"
        if self.kind == "latex" and array.ndim == 2 and array.size:
            rows = r" \\ ".join(" & ".join(element(item) for item in row) for row in array)
            return rf"\left[\begin{{smallmatrix}} {rows} \end{{smallmatrix}}\right]"
        return nested(array, element)

    def symbol(self, name: Symbol) -> str:
        """Return a name with its index and mark."""
        if self.kind == "latex":
            return _latex_symbol(name)
        if self.kind == "ascii":
            return (
                {"": "", "dot": "d", "bar": "b"}[name.mark]
                + ascii_name(name.base)
                + name.index.replace("-", "m")
            )
        index = name.index.translate(SUBSCRIPTS) if name.index.startswith("-") else name.index
        return name.base[:1] + {"": "", "dot": DOT, "bar": BAR}[name.mark] + name.base[1:] + index

    def parenthesised(self, text: str) -> str:
        """Return the formula in parentheses."""
        return rf"\left({text}\right)" if self.kind == "latex" else f"({text})"


TEXT = Style()


def write(term: Term | int | float, style: Style = TEXT, *, substitute: bool = False) -> str:
    r"""Return a formula in a style; with ``substitute``, names give way to their numbers at the point.

    Parameters
    ----------
    term : Term or number
    style : Style
        "text" parses back as an expression, "ascii" as well; "latex" and "mathml" are mathematics without
        delimiters.
    substitute : bool
        Write the numbers that the names have at the point.

    Returns
    -------
    str

    Examples
    --------
    >>> from adlab.algebra.notation import symbol
    >>> v0, v1 = symbol("v", 0, 2.0), symbol("v", 1, -5.0)
    >>> write(1 / v0 - v1), write(1 / v0 - v1, substitute=True)
    ('1/v0 − v1', '1/2 − (−5)')
    >>> write(1 / v0 - v1, Style("latex"))
    '\\frac{1}{v_{0}} - v_{1}'
    """
    if style.kind == "mathml":
        return mathml(_written(term, Style("latex", style.digits), substitute).text)
    return _written(term, style, substitute).text


def can_substitute(term: Term) -> bool:
    """Return whether the numbers of a formula are few enough to be written into it."""
    return all(np.size(leaf.value) <= SMALL_ARRAY for leaf in leaves(term))


def _written(term: Any, style: Style, substitute: bool) -> Piece:
    """Walk the formula, operands before operations, and return it written."""
    done: list[Piece] = []
    stack: list[tuple[Any, bool]] = [(term, False)]
    while stack:
        item, ready = stack.pop()
        leaf = None if ready else _leaf(item, style, substitute)
        if leaf is not None:
            done.append(leaf)
        elif not isinstance(item.head, Primitive) and item.head is AS_NUMBER:
            stack.append((item.args[0], False))
        elif not ready:
            stack.append((item, True))
            stack.extend((arg, False) for arg in reversed(item.args))
        else:
            at = len(done) - len(item.args)
            parts = done[at:]
            del done[at:]
            done.append(_application(item, parts, style))
    return done[0]


def _leaf(term: Any, style: Style, substitute: bool) -> Piece | None:
    """Return a name or a number written; None for what has operands."""
    if not isinstance(term, Term):
        return _number_piece(term, style.literal(term))
    head = term.head
    if isinstance(head, Literal):
        return _number_piece(head.value, style.literal(head.value))
    if isinstance(head, Symbol) and not substitute:
        return Piece(style.symbol(head), ATOM)
    if isinstance(head, Symbol) or (substitute and head is AS_NUMBER):
        return _number_piece(term.value, style.number(term.value))
    return None


def _number_piece(value: Any, text: str) -> Piece:
    if text.startswith(("-", "−")):
        return Piece(text, NEGATIVE)
    return Piece(text, PRODUCT if r"\times 10" in text and np.ndim(value) == 0 else ATOM)


def _application(term: Term, parts: list[Piece], style: Style) -> Piece:
    head = term.head
    if isinstance(head, Primitive) and head.name == "power" and style.kind != "latex":
        return _power(term, parts, style)
    if (
        isinstance(head, Primitive)
        and head.name == "negative"
        and style.kind != "latex"
        and _is_unsigned(term.args[0])
    ):
        return Piece(f"negative({parts[0].text})", ATOM)  # "−2" would read as the literal −2
    assert isinstance(head, (Primitive, Notation))
    notation = head if isinstance(head, Notation) else notation_of(head, term.params)
    return _apply(notation, parts, term.params, style)


def notation_of(primitive: Primitive, params: Params) -> Notation:
    """Return the notation of a primitive with these static parameters."""
    notation = primitive.notation
    return notation if isinstance(notation, Notation) else notation(dict(params))


def _apply(notation: Notation, parts: Sequence[Piece], params: Params, style: Style) -> Piece:
    """Return an application: operands that bind too loosely in parentheses, the rest from the template."""
    latex = style.kind == "latex"
    inner: list[Piece] = []
    for position, part in enumerate(parts):
        wanted = _wanted(notation, position, latex)
        unfit = part.level < wanted or (style.kind == "ascii" and _would_glue(notation, part))
        inner.append(Piece(style.parenthesised(part.text), ATOM) if unfit else part)
    level = notation.latex_level if latex and notation.latex_level is not None else notation.level
    if latex and r"\frac" in notation.latex:
        level = FRACTION
    template = notation.latex if latex else notation.text
    if template.startswith("{0}") and inner and "{*}" not in template:
        whole = inner[0]
        whole.chunks.append(_fill(template[3:], inner, params, style))
        whole.level = level
        return whole
    return Piece(_fill(template, inner, params, style), level)


def _would_glue(notation: Notation, part: Piece) -> bool:
    """Return whether a number would swallow what follows it: "2.T" is no transpose."""
    return notation.text == "{0}ᵀ" and part.text[:1].isdigit()


def _wanted(notation: Notation, position: int, latex: bool) -> int:
    """Return the level that an operand must reach to stand without parentheses."""
    if latex and _enclosed(notation.latex, position):
        return 0
    if notation.level == ATOM and notation.operand_levels == (0,):
        return 0
    if notation.level == COMPARE:
        return COMPARE + 1  # comparisons do not chain
    if latex and notation.level == NEGATIVE:
        return FRACTION
    return notation.operand_levels[min(position, len(notation.operand_levels) - 1)]


@lru_cache(maxsize=1024)
def _enclosed(template: str, position: int) -> bool:
    r"""Return whether a LaTeX template itself fences the operand: below a root, in a fraction, raised as an
    exponent.
    """
    place = f"{{{position}}}"
    return any(mark + place in template for mark in ("^{{", r"\sqrt{{", r"\sqrt[3]{{", r"\frac{{", r"}}{{"))


def _fill(template: str, parts: Sequence[Piece], params: Params, style: Style) -> str:
    template = _ascii_template(template) if style.kind == "ascii" else template
    if "{*}" in template:
        template = template.replace("{*}", ", ".join(f"{{{k}}}" for k in range(len(parts))))
    if "{params}" in template:
        extra = "".join(_param(name, value, style) for name, value in params if not _default(name, value))
        template = template.replace("{params}", extra.replace("{", "{{").replace("}", "}}"))
    return template.format(*(part.text if f"{{{k}}}" in template else "" for k, part in enumerate(parts)))


@lru_cache(maxsize=4096)
def _ascii_template(template: str) -> str:
    return ascii_name(template.translate(_PLAIN))


def _is_unsigned(term: Term) -> bool:
    """Return whether a formula is one number written without a sign."""
    value: Any = term.head.value if isinstance(term.head, Literal) else None
    return type(value) in (int, float) and math.copysign(1.0, value) > 0


def _power(term: Term, parts: Sequence[Piece], style: Style) -> Piece:
    exponent = term.args[1].head
    base = parts[0].text if parts[0].level > POWER else style.parenthesised(parts[0].text)
    if style.kind == "text" and isinstance(exponent, Literal) and type(exponent.value) is int:
        return Piece(base + str(exponent.value).translate(SUPERSCRIPTS), POWER)
    raised = parts[1].text if parts[1].level >= ATOM else style.parenthesised(parts[1].text)
    if raised == "2" and isinstance(exponent, Literal):
        raised = "2.0"  # x^2 would read as the square
    return Piece(f"{base}^{raised}", POWER)


def _default(name: str, value: Any) -> bool:
    return (name, value) in (("axis", None), ("keepdims", False)) or name in ("graph", "name")


def _param(name: str, value: Any, style: Style) -> str:
    text = _param_value(name, value)
    if style.kind != "latex":
        return f", {name}={text}"
    return (
        rf", \mathrm{{{name}}}={text}".replace("_", r"\_")
        if not any(map(str.isalpha, text))
        else (rf", \mathrm{{{name}}}=\mathrm{{{text}}}".replace("_", r"\_"))
    )


def _param_value(name: str, value: Any) -> str:
    if name == "index":
        return f"[{format_index(value)}]"
    return str(value[0]) if name == "axis" and isinstance(value, tuple) and len(value) == 1 else str(value)


def _latex_symbol(name: Symbol) -> str:
    base = latex_name(name.base)
    if name.mark:
        # the mark belongs on the letter, not over its index
        letter, underscore, index = base.partition("_{")
        base = rf"\{name.mark}{{{letter}}}{underscore}{index}"
    return f"{base}_{{{name.index}}}" if name.index else base
