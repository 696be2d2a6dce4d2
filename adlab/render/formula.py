"""Formulas on paper: one walk over a `Term`, several styles.

A style says how names, numbers and parentheses look; what an operation looks like stands in its row of the rule table. The
substituted form is the same walk with names replaced by their numbers, negative ones in parentheses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from adlab.algebra.notation import AS_NUMBER, Literal, Symbol, Term, leaves
from adlab.ir.constant import NamedNumber
from adlab.ir.index import FrozenArray, format_index
from adlab.ir.primitive import Notation, Params, Primitive
from adlab.primitives.notation import ATOM, NEGATIVE, POWER, PRODUCT
from adlab.render.numbers import SMALL_ARRAY, latex_number, plain, shape_text, text_number

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = str.maketrans("-0123456789", "₋₀₁₂₃₄₅₆₇₈₉")
FRACTION = PRODUCT + 5
"""A drawn fraction needs no parentheses in a product, but does as a base."""

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega".split()
)


@dataclass(frozen=True)
class Piece:
    """A written formula and how tightly it binds."""

    text: str
    level: int


@dataclass(frozen=True)
class Style:
    """A way to write: "text", "ascii", "latex" or "mathml", with so many decimals."""

    kind: str = "text"
    digits: int = 3

    def number(self, value: Any) -> str:
        """Return a number of the program or of the point."""
        if isinstance(value, np.ndarray) and value.ndim:
            return self.array(value)
        if self.kind == "latex":
            return latex_number(value, self.digits)
        if self.kind == "mathml":
            return _mathml_number(text_number(value, self.digits))
        return plain(value, self.digits) if self.kind == "ascii" else text_number(value, self.digits)

    def literal(self, value: Any) -> str:
        """Return a literal with all its digits: it is part of the formula, not of the point."""
        if isinstance(value, NamedNumber):
            names = {"text": "π" if value.symbol == "pi" else value.symbol, "ascii": value.symbol}
            names |= {"latex": r"\pi" if value.symbol == "pi" else value.symbol, "mathml": f"<mi>{names['text']}</mi>"}
            return names[self.kind]
        if isinstance(value, np.ndarray) and value.ndim:
            return self.array(value)
        return Style(self.kind, 17).number(value) if not _short(value) else self._short_literal(value)

    def _short_literal(self, value: Any) -> str:
        text = repr(int(value)) if float(value).is_integer() and abs(value) < 1e16 else repr(float(value))
        text = text.replace("e-0", "e-").replace("e+", "e")
        if self.kind == "ascii":
            return text
        if self.kind == "latex":
            mantissa, _, exponent = text.partition("e")
            return f"{mantissa} \\times 10^{{{int(exponent)}}}" if exponent else mantissa
        shown = text.replace("-", "−")
        return _mathml_number(shown) if self.kind == "mathml" else shown

    def array(self, value: Any) -> str:
        """Return a small array in full, a large one as its shape."""
        if value.size > SMALL_ARRAY:
            text = shape_text(value.shape)
            words = {"latex": rf"[{text}]".replace("×", r" \times "), "mathml": f"<mtext>[{text}]</mtext>"}
            return words.get(self.kind, f"[{text.replace('×', 'x') if self.kind == 'ascii' else text}]")
        inner = [self.number(item if np.ndim(item) else item) for item in value]
        if self.kind == "mathml":
            return "<mrow><mo>[</mo>" + "<mo>,</mo>".join(inner) + "<mo>]</mo></mrow>"
        return f"[{', '.join(inner)}]"

    def symbol(self, name: Symbol) -> str:
        """Return a name with its index and mark."""
        if self.kind == "latex":
            return _latex_symbol(name)
        if self.kind == "mathml":
            return _mathml_symbol(name)
        index = name.index.translate(SUBSCRIPTS) if name.index.startswith("-") and self.kind == "text" else name.index
        if self.kind == "ascii":
            return {"": "", "dot": "d", "bar": "b"}[name.mark] + name.base + name.index.replace("-", "m")
        return name.base[:1] + {"": "", "dot": "\u0307", "bar": "\u0304"}[name.mark] + name.base[1:] + index

    def parenthesised(self, text: str) -> str:
        """Return the formula in parentheses."""
        if self.kind == "latex":
            return rf"\left({text}\right)"
        return f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>" if self.kind == "mathml" else f"({text})"


TEXT = Style()


def write(term: Term | int | float, style: Style = TEXT, *, substitute: bool = False) -> str:
    """Return a formula in a style; with ``substitute``, names give way to their numbers at the point.

    Examples
    --------
    >>> from adlab.algebra.notation import symbol
    >>> v0, v1 = symbol("v", 0, 2.0), symbol("v", 1, -5.0)
    >>> write(1 / v0 - v1), write(1 / v0 - v1, substitute=True)
    ('1/v0 − v1', '1/2 − (−5)')
    """
    return _piece(term, style, substitute).text


def can_substitute(term: Term) -> bool:
    """Return whether the numbers of a formula are few enough to be written into it."""
    return all(np.size(leaf.value) <= SMALL_ARRAY for leaf in leaves(term))


def _piece(term: Any, style: Style, substitute: bool) -> Piece:
    if not isinstance(term, Term):
        return _number_piece(term, style.literal(term))
    head = term.head
    if isinstance(head, Literal):
        return _number_piece(head.value, style.literal(head.value))
    if isinstance(head, Symbol):
        if substitute:
            return _number_piece(term.value, style.number(term.value))
        return Piece(style.symbol(head), ATOM)
    if head is AS_NUMBER:
        if substitute:
            return _number_piece(term.value, style.number(term.value))
        return _piece(term.args[0], style, substitute)
    parts = [_piece(arg, style, substitute) for arg in term.args]
    if isinstance(head, Primitive) and head.name == "power" and style.kind in ("text", "mathml"):
        return _power(term, parts, style)
    notation = head if isinstance(head, Notation) else notation_of(head, term.params)
    return _apply(notation, parts, term.params, style)


def notation_of(primitive: Primitive, params: Params) -> Notation:
    """Return the notation of a primitive with these static parameters."""
    notation = primitive.notation
    return notation if isinstance(notation, Notation) else notation(dict(params))


def _number_piece(value: Any, text: str) -> Piece:
    negative = np.ndim(value) == 0 and not isinstance(value, (bool, np.bool_)) and float(value) < 0
    if negative and text.lstrip("−-<mn>o/") not in ("0", ""):
        return Piece(text, NEGATIVE)
    return Piece(text, PRODUCT if "times" in text and np.ndim(value) == 0 else ATOM)


def _apply(notation: Notation, parts: Sequence[Piece], params: Params, style: Style) -> Piece:
    levels = notation.operand_levels
    bare = notation.level == ATOM and levels == (0,)
    encloses = style.kind in ("latex", "mathml") and "\\frac" in notation.latex
    inner = []
    for position, part in enumerate(parts):
        raised = style.kind == "latex" and position == 1 and notation.latex.endswith("^{{{1}}}")
        wanted = 0 if bare or encloses or raised else levels[min(position, len(levels) - 1)]
        inner.append(part.text if part.level >= wanted else style.parenthesised(part.text))
    level = notation.level
    if style.kind == "latex" and notation.latex_level is not None:
        level = notation.latex_level
    return Piece(_fill(notation, inner, params, style), FRACTION if encloses else level)


def _fill(notation: Notation, parts: Sequence[str], params: Params, style: Style) -> str:
    if style.kind == "mathml":
        return _mathml(notation, parts, params)
    template = notation.latex if style.kind == "latex" else notation.text
    if style.kind == "ascii":
        template = _ascii(template)
    extra = "".join(f", {name}={_format_param(value)}" for name, value in params if not _default(name, value))
    template = template.replace("{*}", ", ".join(f"{{{k}}}" for k in range(len(parts))))
    return template.replace("{params}", extra.replace("{", "{{").replace("}", "}}")).format(*parts)


def _power(term: Term, parts: Sequence[Piece], style: Style) -> Piece:
    base, exponent = term.args
    left = parts[0].text if parts[0].level > POWER else style.parenthesised(parts[0].text)
    if style.kind == "mathml":
        return Piece(f"<msup><mrow>{left}</mrow><mrow>{parts[1].text}</mrow></msup>", POWER)
    value = exponent.head.value if isinstance(exponent.head, Literal) else None
    if type(value) is int:
        return Piece(left + str(value).translate(SUPERSCRIPTS), POWER)
    right = parts[1].text if parts[1].level >= ATOM else style.parenthesised(parts[1].text)
    return Piece(f"{left}^{right}", POWER)


def _short(value: Any) -> bool:
    return not isinstance(value, (bool, np.bool_)) and bool(np.isfinite(float(value)))


def _default(name: str, value: Any) -> bool:
    return (name, value) in (("axis", None), ("keepdims", False)) or name in ("graph", "name")


def _format_param(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(v, (FrozenArray, tuple)) for v in value):
        return f"[{format_index(value)}]"
    return str(value)


def _ascii(template: str) -> str:
    for mark, plain_mark in (("·", "*"), ("−", "-"), ("≤", "<="), ("≥", ">="), ("≠", "!="), ("²", "^2"), ("ᵀ", ".T")):
        template = template.replace(mark, plain_mark)
    return template


# ------------------------------------------------------------------------------------------------------ LaTeX names


def _latex_name(base: str) -> str:
    if base in GREEK:
        return "\\" + base
    return base if len(base) == 1 else rf"\mathit{{{base}}}".replace("_", r"\_")


def _latex_symbol(name: Symbol) -> str:
    base = _latex_name(name.base)
    marked = {"": base, "dot": rf"\dot{{{base}}}", "bar": rf"\bar{{{base}}}"}[name.mark]
    return f"{marked}_{{{name.index}}}" if name.index else marked


# ---------------------------------------------------------------------------------------------------------- MathML


def _mathml_number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    sign = "<mo>−</mo>" if mantissa.startswith("−") else ""
    number = f"{sign}<mn>{escape(mantissa.lstrip('−'))}</mn>"
    if not exponent:
        return number
    return f"{number}<mo>×</mo><msup><mn>10</mn><mrow>{_mathml_number(exponent)}</mrow></msup>"


def _mathml_symbol(name: Symbol) -> str:
    base = f"<mi>{escape(name.base)}</mi>"
    if name.mark:
        mark = "˙" if name.mark == "dot" else "¯"
        base = f'<mover accent="true">{base}<mo>{mark}</mo></mover>'
    if not name.index:
        return base
    negative = name.index.startswith("-")
    index = f"<mrow><mo>−</mo><mn>{name.index[1:]}</mn></mrow>" if negative else f"<mn>{escape(name.index)}</mn>"
    return f"<msub>{base}{index}</msub>"


def _mathml(notation: Notation, parts: Sequence[str], params: Params) -> str:
    rows = [f"<mrow>{part}</mrow>" for part in parts]
    latex = notation.latex
    if latex.startswith(r"\frac"):
        return f"<mfrac>{rows[0]}{rows[1]}</mfrac>"
    if latex == r"\sqrt{{{0}}}":
        return f"<msqrt>{parts[0]}</msqrt>"
    if latex.startswith(r"\sqrt[3]"):
        return f"<mroot>{rows[0]}<mn>3</mn></mroot>"
    if latex == "e^{{{0}}}":
        return f"<msup><mi>e</mi>{rows[0]}</msup>"
    if latex == "{{{0}}}^{{2}}":
        return f"<msup>{rows[0]}<mn>2</mn></msup>"
    if latex.startswith("{{{0}}}^{{\\mathsf T}}"):
        return f"<msup>{rows[0]}<mi>T</mi></msup>"
    return _mathml_from_text(notation.text, parts, params)


def _mathml_from_text(template: str, parts: Sequence[str], params: Params) -> str:
    """Return MathML for an infix or function template: its words become identifiers, its marks operators."""
    extra = "".join(f", {name}={_format_param(value)}" for name, value in params if not _default(name, value))
    template = template.replace("{params}", extra)
    template = template.replace("{*}", ", ".join(f"{{{k}}}" for k in range(len(parts))))
    out, word, k = [], "", 0
    while k < len(template):
        char = template[k]
        if char == "{" and "}" in template[k:]:
            stop = template.index("}", k)
            out += [_mathml_word(word), f"<mrow>{parts[int(template[k + 1 : stop])]}</mrow>"]
            word, k = "", stop + 1
            continue
        word, k = word + char, k + 1
    return "".join([*out, _mathml_word(word)])


def _mathml_word(word: str) -> str:
    """Return what stands between operands: identifiers as <mi>, everything else as operators."""
    pieces, name = [], ""
    for char in word + " ":
        if char.isalnum() or char == "_":
            name += char
            continue
        if name:
            pieces.append(f"<mn>{name}</mn>" if name.isdigit() else f"<mi>{escape(name)}</mi>")
            name = ""
        if char != " ":
            pieces.append(f"<mo>{escape(char)}</mo>")
    return "".join(pieces)
