"""Tokens to a postfix program: what may follow what, and where brackets begin and end.

At every token the parser knows one of two things: an operand has to come, or an operand is complete. The
operators are put in order by the `yard`; an open bracket is a `Frame` on a stack of the parser's own.

Everything is as in Python (``-x^2`` is ``-(x^2)``, ``2^-1`` is one half, ``a^b^c`` is ``a^(b^c)``), save
that comparisons do not chain. What two readers of a printed formula may read in two ways is refused:
``2x``, ``√x²``, ``x²^3``, ``sin²(x)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from adlab.errors import ParseError
from adlab.frontends.expression import complaints
from adlab.frontends.expression.frame import Frame
from adlab.frontends.expression.instruction import Instruction
from adlab.frontends.expression.subscript import read_subscript
from adlab.frontends.expression.tokens import Token, tokenize
from adlab.frontends.expression.yard import Yard

__all__ = ["Equation", "parse", "parse_equation"]


@dataclass(frozen=True, slots=True)
class Equation:
    """A parsed text: the program, and the name its result was given, if any.

    Attributes
    ----------
    output : str or None
        ``"y"`` of ``y = x1*x2``; None when the text is an expression only.
    program : tuple of Instruction
        The right-hand side, or the expression, in postfix order.
    """

    output: str | None
    program: tuple[Instruction, ...]


def parse(text: str) -> tuple[Instruction, ...]:
    """Turn an expression into a postfix program; an output name in front of it is read and left out.

    Parameters
    ----------
    text : str
        An expression such as ``"ln(x1) + x1*x2 - sin(x2)"``, of any length and depth.

    Returns
    -------
    tuple of Instruction
        At least one; run on a stack they leave exactly one value.

    Raises
    ------
    ParseError
        When the text is no expression; `column` says where the trouble is.

    Examples
    --------
    >>> [step.value for step in parse("a + b·x₁²")]
    ['a', 'b', 'x1', 2, '**', '*', '+']
    """
    return parse_equation(text).program


def parse_equation(text: str) -> Equation:
    """Turn an expression, or an equation ``name = expression``, into a program and the name of its output.

    Parameters
    ----------
    text : str
        As for `parse`.

    Returns
    -------
    Equation
        The name, or None, and the program.

    Raises
    ------
    ParseError
        When the text is neither; `column` says where the trouble is.

    Examples
    --------
    >>> parse_equation("y = x1*x2").output
    'y'
    """
    return _Parser(tokenize(text)).run()


class _Parser:
    """One pass over the tokens of one text."""

    def __init__(self, tokens: Iterator[Token]) -> None:
        start = Token("end", "", 1)
        self._tokens = self._watched(tokens)
        self._current = start
        self._previous = start
        self._name: str | None = None
        self._yard = Yard()
        self._frames = [Frame("text", start, start, start=0)]
        self._expects_operand = True

    def run(self) -> Equation:
        """Read all tokens."""
        for token in self._tokens:
            if self._expects_operand:
                self._operand(token)
            else:
                self._operator(token)
            self._previous = self._current
        return Equation(self._name, tuple(self._yard.output))

    def _watched(self, tokens: Iterator[Token]) -> Iterator[Token]:
        """Pass the tokens on, and remember the last one, whoever takes it."""
        for token in tokens:
            self._current = token
            yield token

    # Where an operand has to come

    def _operand(self, token: Token) -> None:
        """Read a token that begins an operand."""
        if self._previous.kind == "comma":
            self._frames[-1].column = token.column
        elif self._previous.kind == "root" and token.kind not in ("number", "name", "open", "root"):
            raise ParseError("'√' is followed by no name, number or '('; write √(…).", self._previous.column)
        match token.kind:
            case "number" | "name" | "constant" as kind:
                self._yard.output.append(Instruction(kind, token.value, token.column))
                self._expects_operand = False
            case "operator" if token.value in ("-", "+"):
                self._yard.prefix(Instruction("unary", token.value, token.column, 1))
            case "root":
                self._yard.prefix(Instruction("call", "sqrt", token.column, 1))
            case "not":
                self._yard.prefix(Instruction("unary", "not", token.column, 1))
            case "open" if token.text == "[" and self._is_subscript():
                items = read_subscript(self._tokens, token)
                self._yard.output.append(Instruction("constant", items, token.column))
                self._expects_operand = False
            case "open":
                self._open("group" if token.text == "(" else "list", token, token)
            case "close" if self._may_close_here():
                self._close(token)
            case _:
                raise self._no_operand(token)

    def _is_subscript(self) -> bool:
        """Tell whether a bracket here holds a subscript: the keyword argument ``index=[0:2, 1]``."""
        return self._previous.kind == "assign" and self._frames[-1].keyword == "index"

    def _may_close_here(self) -> bool:
        """Tell whether the open bracket may end without another element: ``f()``, ``(x,)``, ``shape=()``."""
        frame = self._frames[-1]
        if frame.kind == "text" or self._previous is not frame.opening:
            return self._previous.kind == "comma"
        parent = self._frames[-2]
        return frame.kind == "call" or (
            frame.kind == "group" and parent.keyword is not None and frame.start == parent.start
        )

    # Where an operand is complete

    def _operator(self, token: Token) -> None:
        """Read a token that follows a complete operand."""
        match token.kind:
            case "operator":
                self._infix(token)
            case "superscript":
                self._power(token)
            case "transpose":
                self._yard.output.append(Instruction("transpose", None, token.column, 1))
            case "open":
                self._subscript_or_call(token)
            case "close":
                self._close(token)
            case "comma":
                self._comma(token)
            case "assign":
                self._assign(token)
            case "end":
                self._end()
            case _:
                raise self._no_operator(token)

    def _power(self, token: Token) -> None:
        """Read a superscript."""
        self._check_base(token)
        self._yard.check_base(token.column)
        self._yard.output.append(Instruction("number", token.value, token.column))
        self._yard.output.append(Instruction("binary", "**", token.column, 2))

    def _infix(self, token: Token) -> None:
        """Read an operator between operands."""
        if token.value == "**":
            self._check_base(token)
        self._yard.infix(Instruction("binary", token.value, token.column, 2))
        self._expects_operand = True

    def _check_base(self, token: Token) -> None:
        """Refuse the power of a superscript, which may be meant to end up in the exponent."""
        if self._previous.kind == "superscript":
            raise ParseError(
                "A power follows a superscript; write parentheses, as in (x²)^3 or x^(2^3).", token.column
            )

    def _subscript_or_call(self, token: Token) -> None:
        """Read a bracket behind an operand."""
        if token.text == "[":
            items = read_subscript(self._tokens, token)
            self._yard.output.append(Instruction("index", items, token.column, 1))
        elif self._previous.kind == "name":
            self._yard.output.pop()
            self._open("call", token, self._previous)
        elif self._previous.kind == "superscript":
            raise ParseError(
                "A '(' follows a superscript; write sin(x)² for a power of a function, '*' for a product.",
                token.column,
            )
        else:
            raise self._no_operator(token)

    def _assign(self, token: Token) -> None:
        """Read ``=``: the operand before it has to be a bare name, and is no operand then."""
        frame = self._frames[-1]
        is_bare = (
            self._previous.kind == "name"
            and len(self._yard.output) == frame.start + 1
            and self._yard.pending() is None
        )
        if is_bare and frame.kind == "call" and frame.keyword is None:
            self._keyword(frame)
        elif is_bare and frame.kind == "text" and self._name is None:
            self._name = str(self._previous.value)
        else:
            raise self._misplaced_equals(token)
        self._yard.output.pop()
        self._expects_operand = True

    def _keyword(self, frame: Frame) -> None:
        """Take the previous token for the keyword of an argument."""
        keyword = str(self._previous.value)
        if keyword in frame.keywords:
            raise ParseError(
                f"The keyword {complaints.quoted(keyword)} is given twice; leave one of them out.",
                self._previous.column,
            )
        frame.keyword = keyword

    # Brackets

    def _open(self, kind: Literal["group", "call", "list"], opening: Token, name: Token) -> None:
        """Begin a bracket."""
        self._yard.open()
        self._frames.append(Frame(kind, opening, name, start=len(self._yard.output)))
        self._expects_operand = True

    def _comma(self, token: Token) -> None:
        """End one element of a bracket and begin the next."""
        frame = self._frames[-1]
        if frame.kind == "text":
            raise ParseError(
                "A comma stands outside all brackets; put several values in parentheses, as in (x, y).",
                token.column,
            )
        self._end_element(frame)
        frame.begin_element(len(self._yard.output))
        self._expects_operand = True

    def _end_element(self, frame: Frame) -> None:
        """Complete the current element of a bracket."""
        self._yard.complete()
        if frame.keywords and frame.keyword is None:
            raise ParseError(
                "A positional argument follows a keyword argument; write the positional ones first.",
                frame.column,
            )
        frame.end_element()

    def _close(self, token: Token) -> None:
        """Close the innermost bracket; parentheses around one operand leave no trace."""
        frame = self._frames[-1]
        self._check_match(frame, token)
        is_plain = frame.kind == "group" and frame.count == 0 and not self._expects_operand
        if not self._expects_operand:
            self._end_element(frame)
        self._frames.pop()
        self._yard.close()
        if not is_plain:
            self._yard.output.append(frame.instruction())
        self._expects_operand = False

    def _check_match(self, frame: Frame, token: Token) -> None:
        """Compare a closing bracket with the one that is open."""
        opening = frame.opening
        if frame.kind == "text":
            raise complaints.closes_nothing(token.text, token.column)
        if opening.text + token.text not in ("()", "[]"):
            raise complaints.closed_wrongly(opening.text, opening.column, token.text, token.column)

    def _end(self) -> None:
        """Complete the program."""
        frame = self._frames[-1]
        if frame.kind != "text":
            raise complaints.unclosed(frame.opening.text, frame.opening.column)
        self._yard.complete()

    # What is wrong, where the sentence depends on the state

    def _no_operand(self, token: Token) -> ParseError:
        """Say why no operand begins with this token."""
        previous = self._previous
        match token.kind:
            case "assign":
                return self._misplaced_equals(token)
            case "colon" | "ellipsis":
                return complaints.outside_subscript(token.text, token.column)
            case "end" | "close" | "comma" if previous.kind in ("operator", "not"):
                return complaints.lacks_right(previous.text, previous.column)
            case "end" | "close" | "comma" if previous.kind == "assign":
                return ParseError("Nothing follows '='; write an expression behind it.", previous.column)
            case "end" | "close" | "comma":
                return self._empty(token)
            case _:
                return complaints.lacks_left(token.text, token.column)

    def _empty(self, token: Token) -> ParseError:
        """Say that an element of a bracket, or all of it, is missing."""
        frame = self._frames[-1]
        opening = frame.opening
        if token.kind == "comma":
            return ParseError("A comma has nothing before it; write an expression there.", token.column)
        if token.kind == "end" and frame.kind == "text":
            return ParseError("The expression is empty; write a formula such as x1*x2 + sin(x1).", 1)
        if token.kind == "end":
            return complaints.unclosed(opening.text, opening.column)
        self._check_match(frame, token)
        return complaints.empty_brackets(opening.text, opening.column)

    def _no_operator(self, token: Token) -> ParseError:
        """Say that two operands stand in a row."""
        if token.kind in ("colon", "ellipsis"):
            return complaints.outside_subscript(token.text, token.column)
        return complaints.no_operator(self._previous.text, token.text, token.column)

    def _misplaced_equals(self, token: Token) -> ParseError:
        """Say where ``=`` may stand; the definition of a function gets a sentence of its own."""
        is_definition = (
            not self._expects_operand
            and self._yard.pending() is None
            and self._name is None
            and self._frames[-1].kind == "text"
            and self._yard.output[-1].kind == "call"
        )
        if is_definition:
            return complaints.defines_function(str(self._yard.output[-1].value), token.column)
        return complaints.misplaced_equals(token.column)
