"""The sentences that say what is wrong with an expression: what was found, and what to write instead.

Each function returns a `ParseError` for the caller to raise. They take pieces of text and columns, and
know nothing of the parser's state, so that the tokenizer and the grammar can share them.
"""

from __future__ import annotations

import re

from adlab.errors import ParseError

__all__ = [
    "attribute",
    "closed_wrongly",
    "closes_nothing",
    "defines_function",
    "empty_brackets",
    "glued",
    "lacks_left",
    "lacks_right",
    "misplaced_equals",
    "no_operator",
    "outside_subscript",
    "python_word",
    "quoted",
    "stray",
    "unclosed",
]

_STATEMENTS = "an expression is one formula, so write it without statements"
_LOGIC = "conditions are combined by nesting, as in where(x > 0, where(y > 0, a, b), b)"
_CHOICE = "a choice is written where(condition, a, b)"
_STRING = "strings have no place in an expression, and names stand without quotation marks"
_BRACKETS = "only ( ) and [ ] are brackets"
_MINUS = "a minus sign is '-' or '−'"

_KEYWORDS = {
    "lambda": "write the body of the function only, and a parameter λ as 'lam'",
    "if": _CHOICE,
    "else": _CHOICE,
    "and": _LOGIC,
    "or": _LOGIC,
}

_STRAYS = {
    ":=": "a name is given to the result by a single '=' at the very start, as in y = x1*x2",
    "//": "division is '/', and its whole part is floor(a/b)",
    "%": "a remainder is written a - b*floor(a/b)",
    "&": _LOGIC,
    "|": f"an absolute value is written abs(x), and {_LOGIC}",
    "~": "a condition is negated by 'not'",
    "'": _STRING,
    '"': _STRING,
    ";": f"{_STATEMENTS}, and parse several formulas one by one",
    "#": "an expression holds no comment, so leave it out",
    "\\": "an expression may simply go on in the next line, and LaTeX commands are not read",
    "{": _BRACKETS,
    "}": _BRACKETS,
    "–": _MINUS,  # an en dash, often what a text copied from a PDF has
    "—": _MINUS,
    "÷": "division is '/'",
}
_MEANINGFUL = "names, numbers, brackets, commas and the signs + - * / @ ^ ** < <= > >= == != are"

_CLOSING = {"(": ")", "[": "]"}


def quoted(text: str) -> str:
    """Quote a piece of the user's text for a message: clipped, and with nothing unprintable in it."""
    return repr(text if len(text) <= 32 else text[:30] + "…")


# The tokenizer's


def stray(word: str, column: int) -> ParseError:
    """Say what to write instead of a character that means nothing here."""
    label = quoted(word) if word.isascii() else f"{quoted(word)} (U+{ord(word):04X})"
    return ParseError(f"{label} is no part of an expression: {_STRAYS.get(word, _MEANINGFUL)}.", column)


def attribute(word: str, column: int) -> ParseError:
    """Say what to write instead of a method, a module's function or an attribute."""
    return ParseError(
        f"A dot is followed by {quoted(word)}, and only '.T' may follow one; "
        "write functions by their bare names, as in sin(x) or sum(x).",
        column,
    )


def python_word(word: str, column: int) -> ParseError:
    """Say what to write instead of a keyword of Python."""
    return ParseError(f"{quoted(word)} is a word of Python: {_KEYWORDS.get(word, _STATEMENTS)}.", column)


def glued(number: str, word: str, column: int) -> ParseError:
    """Say what to write instead of a number with a name right behind it; `column` is the number's."""
    both = quoted(number + word)
    product = f"{number}*{word}" if len(number + word) < 32 else "'*' between them"
    if number == "0" and re.fullmatch(r"[xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+", word):
        return ParseError(
            f"{both} looks like a hexadecimal, octal or binary number; write numbers in decimal.", column
        )
    if word in ("j", "J"):
        return ParseError(
            f"{both} is a complex number, and expressions are real; for a product write {product}.",
            column,
        )
    if word.startswith("_"):
        return ParseError(
            f"{both} is no number; an underscore stands between two digits, as in 1_000.", column
        )
    return ParseError(
        f"{both} has no operator between the number and the name; write {product}.", column + len(number)
    )


# The grammar's


def lacks_left(sign: str, column: int) -> ParseError:
    """Say that nothing stands before an operator."""
    return ParseError(
        f"The operator {quoted(sign)} lacks its left operand; write a number or a name before it.",
        column,
    )


def lacks_right(sign: str, column: int) -> ParseError:
    """Say that nothing stands behind an operator."""
    return ParseError(
        f"The operator {quoted(sign)} lacks its right operand; write a number or a name behind it.",
        column,
    )


def no_operator(left: str, right: str, column: int) -> ParseError:
    """Say that two operands stand in a row."""
    return ParseError(
        f"No operator stands between {quoted(left)} and {quoted(right)}; write '*' for a product.", column
    )


def unclosed(opening: str, column: int) -> ParseError:
    """Say which bracket is still open at the end."""
    return ParseError(
        f"The bracket {opening!r} is never closed; write the missing {_CLOSING[opening]!r}.", column
    )


def closes_nothing(closing: str, column: int) -> ParseError:
    """Say that a closing bracket has no partner."""
    return ParseError(f"The bracket {closing!r} closes nothing; leave it out, or open it before.", column)


def closed_wrongly(opening: str, opened_at: int, closing: str, column: int) -> ParseError:
    """Say that two brackets of different shape meet."""
    return ParseError(
        f"The bracket {opening!r} at column {opened_at} is closed by {closing!r}; "
        f"close it by {_CLOSING[opening]!r}.",
        column,
    )


def empty_brackets(opening: str, column: int) -> ParseError:
    """Say that a bracket holds nothing."""
    return ParseError(
        f"The brackets '{opening}{_CLOSING[opening]}' are empty; write an expression in them.", column
    )


def misplaced_equals(column: int) -> ParseError:
    """Say where a single ``=`` may stand."""
    return ParseError(
        "'=' may only follow the output's name at the very start, as in y = x1*x2, or a keyword, "
        "as in sum(x, axis=0); write '==' to compare.",
        column,
    )


def defines_function(name: str, column: int) -> ParseError:
    """Say what to write instead of ``f(x1, x2) = …``."""
    return ParseError(
        f"The left-hand side defines {quoted(name)} as a function of its arguments; write its body only, "
        "or a bare name before '=', and state the order of the inputs with names=.",
        column,
    )


def outside_subscript(sign: str, column: int) -> ParseError:
    """Say that ``:`` or ``...`` stands where no subscript is."""
    return ParseError(
        f"{quoted(sign)} stands outside a subscript; it belongs in square brackets behind an operand, "
        "as in x[1:3].",
        column,
    )
