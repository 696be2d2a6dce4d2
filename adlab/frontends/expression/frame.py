"""An open bracket: what the parser has to remember until the bracket closes.

The stack of frames takes the place of the recursion that nested brackets would otherwise be. A frame is
the parser's own scratch data and changes while its elements are read; nothing of it leaves the parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from adlab.frontends.expression.instruction import Instruction
from adlab.frontends.expression.tokens import Token

__all__ = ["Frame"]


@dataclass(slots=True)
class Frame:
    """An open bracket; the outermost frame is the text itself.

    Attributes
    ----------
    kind : str
        ``"text"``, ``"group"`` (parentheses: a tuple if a comma turns up), ``"call"`` or ``"list"``.
    opening : Token
        The bracket.
    name : Token
        The name of the function called; otherwise the bracket once more.
    start : int
        Length of the output where the current element begins.
    column : int
        Where the current element begins in the text.
    keyword : str or None
        The keyword of the current element.
    count : int
        Complete elements without a keyword.
    keywords : dict of str
        The keywords of complete elements: a set that keeps the order written.
    """

    kind: Literal["text", "group", "call", "list"]
    opening: Token
    name: Token
    start: int
    column: int = 1
    keyword: str | None = None
    count: int = 0
    keywords: dict[str, None] = field(default_factory=dict)

    def end_element(self) -> None:
        """Count the current element."""
        if self.keyword is None:
            self.count += 1
        else:
            self.keywords[self.keyword] = None

    def begin_element(self, start: int) -> None:
        """Begin another element, behind a comma."""
        self.start, self.keyword = start, None

    def instruction(self) -> Instruction:
        """Build the instruction that the closed bracket stands for."""
        column = self.name.column
        if self.kind == "call":
            return Instruction("call", self.name.value, column, self.count, tuple(self.keywords))
        return Instruction("list" if self.kind == "list" else "tuple", None, column, self.count)
