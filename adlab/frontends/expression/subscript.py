"""What stands between the brackets of ``x[…]``: whole numbers and slices, written out.

A subscript holds items separated by commas: ``2``, ``-1``, ``1:3``, ``::2``, ``...``, ``newaxis`` (or
``None``), and lists of whole numbers such as ``[0, 2, 2]``, which pick elements. Nothing in it depends on
an input, so it is read by plain loops, and its value is the very tuple that NumPy would be given (with tuples
for the lists, so that it hashes).
"""

from __future__ import annotations

from collections.abc import Iterator

from adlab.errors import ParseError
from adlab.frontends.expression import complaints
from adlab.frontends.expression.instruction import SubscriptItem
from adlab.frontends.expression.tokens import Token

__all__ = ["read_subscript"]

_ALLOWED = (
    "a subscript holds whole numbers, lists of them, slices such as 1:3, '...' and newaxis, with commas"
)
_DEEPEST = 32  # axes of an index array
_SIGNS = {"-": -1, "+": 1}


def read_subscript(tokens: Iterator[Token], opening: Token) -> tuple[SubscriptItem, ...]:
    """Read a subscript up to its closing bracket.

    Parameters
    ----------
    tokens : iterator of Token
        What follows the opening bracket; it is consumed up to and including the closing one.
    opening : Token
        The opening bracket.

    Returns
    -------
    tuple of int, slice, Ellipsis, None or tuple
        What NumPy's indexing takes; None is a new axis, a tuple an array of whole numbers.

    Raises
    ------
    ParseError
        When something else stands in the brackets, or they are not closed.
    """
    items: list[SubscriptItem] = []
    token = next(tokens)
    while token.text != "]":
        first = token
        item, token = _item(tokens, token, opening)
        if item is Ellipsis and Ellipsis in items:
            raise ParseError("A subscript holds '...' twice; write ':' for a single axis.", first.column)
        items.append(item)
        if token.kind == "comma":
            token = next(tokens)
        elif token.text != "]":
            raise _unexpected(token, opening)
    if not items:
        raise ParseError(f"The subscript '[]' is empty; {_ALLOWED}.", opening.column)
    return tuple(items)


def _item(tokens: Iterator[Token], token: Token, opening: Token) -> tuple[SubscriptItem, Token]:
    """Read one item that starts with `token`; also return the token after it."""
    if token.kind == "ellipsis":
        return Ellipsis, next(tokens)
    if token.value == "newaxis" or token.text == "None":
        return None, next(tokens)
    if token.text == "[":
        return _array(tokens, token)
    bound, token = _bound(tokens, token)
    if token.kind == "colon":
        return _slice(tokens, bound)
    if bound is None:
        raise _unexpected(token, opening)
    return bound, token


def _array(tokens: Iterator[Token], opening: Token) -> tuple[SubscriptItem, Token]:
    """Read a list of whole numbers, or of such lists, behind its bracket; also return the token after it."""
    openings, levels = [opening], [list[SubscriptItem]()]
    token = next(tokens)
    while True:
        if token.text == "[" and len(levels) < _DEEPEST:
            openings.append(token)
            levels.append([])
            token = next(tokens)
            continue
        if token.text != "]":
            number, token = _bound(tokens, token)
            if number is None:
                raise _unexpected(token, openings[-1])
            levels[-1].append(number)
        while token.text == "]":
            done, _ = tuple(levels.pop()), openings.pop()
            token = next(tokens)
            if not levels:
                return done, token
            levels[-1].append(done)
        if token.kind != "comma":
            raise _unexpected(token, openings[-1])
        token = next(tokens)


def _slice(tokens: Iterator[Token], start: int | None) -> tuple[slice, Token]:
    """Read a slice behind its first colon; also return the token after it."""
    stop, token = _bound(tokens, next(tokens))
    if token.kind != "colon":
        return slice(start, stop), token
    first = next(tokens)
    step, token = _bound(tokens, first)
    if step == 0:
        raise ParseError("The step of a slice is 0; write a step such as 2 or -1.", first.column)
    return slice(start, stop, step), token


def _bound(tokens: Iterator[Token], token: Token) -> tuple[int | None, Token]:
    """Read an integer with an optional sign, if one is there; also return the token after it."""
    sign = _SIGNS.get(str(token.value)) if token.kind == "operator" else None
    if sign is not None:
        token = next(tokens)
    if token.kind == "number" and isinstance(token.value, int):
        return (sign or 1) * token.value, next(tokens)
    if sign is not None:
        raise ParseError(f"No whole number follows the sign in a subscript; {_ALLOWED}.", token.column)
    return None, token


def _unexpected(token: Token, opening: Token) -> ParseError:
    """Say why a token cannot stand where it does."""
    if token.kind == "end":
        return complaints.unclosed(opening.text, opening.column)
    if token.kind == "close":
        return complaints.closed_wrongly(opening.text, opening.column, token.text, token.column)
    return ParseError(
        f"{complaints.quoted(token.text)} does not fit in a subscript; {_ALLOWED}.", token.column
    )
