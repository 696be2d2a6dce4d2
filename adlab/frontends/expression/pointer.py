"""The caret under the place where a formula goes wrong.

The excerpt is one line whatever the text: line breaks and control characters show as spaces, and a long
text is clipped to a window around the column. The caret counts cells of the terminal, not characters: the
dot of ``v̇`` takes no cell of its own, a full-width character takes two.
"""

from __future__ import annotations

import unicodedata

__all__ = ["format_pointer"]

_BEFORE = 30  # characters shown to the left of the column
_AFTER = 30  # and from the column on


def format_pointer(text: str, column: int) -> str:
    """Show where in `text` a column is: an excerpt, and a caret below it.

    Parameters
    ----------
    text : str
        The whole expression.
    column : int
        Counted from 1, as in `adlab.errors.ParseError`; one past the end of the text points behind it.

    Returns
    -------
    str
        Two lines, the first at most 62 characters long: 60 of the text and "…" where it is clipped.

    Examples
    --------
    >>> print(format_pointer("x1 + * x2", 6))
    x1 + * x2
         ^
    """
    position = min(max(column - 1, 0), len(text))
    start, stop = max(position - _BEFORE, 0), min(position + _AFTER, len(text))
    left = ("…" if start > 0 else "") + _printable(text[start:position])
    right = _printable(text[position:stop]) + ("…" if stop < len(text) else "")
    return f"{left}{right}\n{' ' * _cells(left)}^"


def _printable(text: str) -> str:
    """Replace what would break the line or the alignment: one character in, one character out."""
    return "".join(c if c.isprintable() or unicodedata.combining(c) else " " for c in text)


def _cells(text: str) -> int:
    """Count the cells a terminal uses: none for a combining mark, two for a wide character."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
