"""Text to tokens: one compiled regular expression, read from left to right.

Why not Python's own tokenizer? Measured on Python 3.11: `tokenize` has no token for ``·``, ``−``, ``≤`` or
the dot of ``v̇``, and takes ``v0²`` for one name; `ast.parse` stops at 201 nested parentheses ("too many
nested parentheses"), at 5,000 unary minuses and at a sum of 20,000 terms (RecursionError), and at 5,000
nested powers (MemoryError). Here a formula may be copied from a lecture or a printed page, of any length
and depth.

What is written in several ways becomes one token: ``·`` and ``×`` are ``*``, ``−`` is ``-``, ``^`` is
``**``, ``≤`` is ``<=``. Tokens are yielded one by one, so that of several mistakes the leftmost is the one
reported.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from adlab.frontends.expression import complaints
from adlab.frontends.expression.words import read_name, read_number, read_superscript

__all__ = ["Token", "TokenKind", "tokenize"]

TokenKind: TypeAlias = Literal[
    "number", "name", "constant", "operator", "not", "root", "superscript", "transpose", "ellipsis",
    "open", "close", "comma", "assign", "colon", "end",
]  # fmt: skip


class Token(NamedTuple):
    """A word of the formula; a named tuple, for one is made per word, at half the cost of a dataclass."""

    kind: TokenKind
    text: str  # as written
    column: int  # counted from 1
    value: int | float | bool | str | None = None  # the number, the normalised name or operator


_DIGITS = r"[0-9](?:_?[0-9])*"
# A name goes on with letters, digits, subscripts and accents above or below, but not with superscripts or ᵀ.
_CONTINUE = r"(?:[^\W⁰¹²³⁴-⁹ᵀ]|[\u0300-\u036f\u20d0-\u20dc])"
_NAME = rf"[^\W\d⁰¹²³⁴-⁹ᵀ]{_CONTINUE}*"

_TOKEN = re.compile(
    rf"""
      (?P<space>       \s+)
    | (?P<ellipsis>    \.\.\. | …)
    | (?P<number>      (?: {_DIGITS} (?: \. (?:{_DIGITS})? )? | \.{_DIGITS} ) (?: [eE][+-]?{_DIGITS} )? )
    | (?P<transpose>   \.[ ]*T (?!{_CONTINUE}) | ᵀ)
    | (?P<attribute>   \.[ ]*{_NAME})
    | (?P<superscript> ⁻?[⁰¹²³⁴-⁹]+)
    | (?P<name>        {_NAME})
    | (?P<infinity>    ∞)
    | (?P<stray>       := | //)
    | (?P<operator>    \*\* | [=!<>]= | [-+*/@^<>·⋅×−≤≥≠])
    | (?P<open>        [(\[])
    | (?P<close>       [)\]])
    | (?P<comma>       ,)
    | (?P<assign>      =)
    | (?P<colon>       :)
    | (?P<root>        √)
    | (?P<other>       .)
    """,
    re.VERBOSE | re.DOTALL,
)

_SPELLINGS = {"^": "**", "·": "*", "⋅": "*", "×": "*", "−": "-", "≤": "<=", "≥": ">=", "≠": "!="}

_WORDS: dict[str, tuple[TokenKind, bool | None]] = {
    "True": ("constant", True),
    "False": ("constant", False),
    "None": ("constant", None),
    "not": ("not", None),
}


def tokenize(text: str) -> Iterator[Token]:
    """Split an expression into tokens, the last of which has the kind ``"end"``.

    Parameters
    ----------
    text : str
        The expression; line breaks in it are white space.

    Yields
    ------
    Token
        In the order written.

    Raises
    ------
    ParseError
        When the next piece of text is no token: a string, an attribute, a character without meaning.

    Examples
    --------
    >>> [token.value for token in tokenize("2·x₁")]
    [2, '*', 'x1', None]
    """
    previous = Token("end", "", 1)
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            token = _token(match, previous)
            yield token
            previous = token
    yield Token("end", "", len(text) + 1)


def _token(match: re.Match[str], previous: Token) -> Token:
    """Make the token of a match, or say why there is none."""
    word, column = match.group(), match.start() + 1
    match match.lastgroup:
        case "operator":
            return Token("operator", word, column, _SPELLINGS.get(word, word))
        case "name":
            if previous.kind == "number" and previous.column + len(previous.text) == column:
                raise complaints.glued(previous.text, word, previous.column)
            return _name(word, column)
        case "number":
            return Token("number", word, column, read_number(word, column))
        case "infinity":
            return Token("name", word, column, "inf")
        case "superscript":
            return Token("superscript", word, column, read_superscript(word, column))
        case "open" | "close" | "comma" | "assign" | "colon" | "root" | "ellipsis" | "transpose" as kind:
            return Token(kind, word, column)
        case "attribute":
            raise complaints.attribute(word.lstrip(". "), column)
        case _:
            raise complaints.stray(word, column)


def _name(word: str, column: int) -> Token:
    """Tell names from the few words that have a meaning of their own."""
    name = read_name(word, column)
    if name in _WORDS:
        kind, value = _WORDS[name]
        return Token(kind, name, column, value)
    if keyword.iskeyword(name):
        raise complaints.python_word(name, column)
    return Token("name", word, column, name)
