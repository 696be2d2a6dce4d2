r"""MathML from LaTeX: the small part of LaTeX that our own templates are written in, and nothing else.

Each notation is given once, as LaTeX; browsers want MathML. This reads LaTeX token by token with a stack of
open groups and writes what it finds: fractions, roots, scripts, accents, fences, small matrices, words. A
command it does not know becomes an identifier with the command's name, so a user's own notation is never
lost. The result is well-formed XML whatever comes in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

SYMBOLS = {
    "cdot": "·", "times": "×", "le": "≤", "ge": "≥", "leq": "≤", "geq": "≥", "ne": "≠", "neq": "≠",
    "partial": "∂", "land": "∧", "lor": "∨", "lnot": "¬", "wedge": "∧", "vee": "∨", "neg": "¬", "sum": "∑",
    "prod": "∏", "odot": "⊙", "dots": "…", "cdots": "⋯", "ldots": "…", "colon": ":", "Vert": "‖",
    "vert": "|", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩",
    "{": "{", "}": "}", "|": "‖", "mid": "|", "pm": "±",
}  # fmt: skip
OPERATORS = frozenset("·×≤≥≠∧∨¬∑∏⊙…⋯:")
LETTERS = {"infty": "∞", "ell": "ℓ", "epsilon": "ϵ", "lambda": "λ", "Lambda": "Λ"}
FUNCTIONS = frozenset(
    (
        *("ln", "log", "exp", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"),
        *("max", "min", "inf", "sup", "lim", "arg", "det", "dim", "gcd"),
    )
)
ACCENTS = {
    "dot": "˙", "ddot": "¨", "bar": "¯", "hat": "^", "tilde": "~", "acute": "´", "grave": "`", "check": "ˇ",
    "vec": "→",
}  # fmt: skip
WORDS = frozenset(("text", "mathrm", "mathit", "operatorname", "mathsf", "mathbf"))
SPACES = frozenset((",", ";", ":", "!", " ", "quad", "qquad"))
APPLY = "\u2061"
TALL = ("<mfrac>", "<mtable>", "<msqrt>", "<mroot>")

_TOKEN = re.compile(r"\\([A-Za-z]+|.)|([0-9]+(?:\.[0-9]+)?)|(\s+)|(.)", re.DOTALL)
_WORD = re.compile(r"\s*\{((?:\\.|[^{}\\])*(?:\{\}(?:\\.|[^{}\\])*)*)\}", re.DOTALL)


class Node(NamedTuple):
    """A piece of MathML; a subscripted one remembers its parts, to take a superscript in the same place."""

    xml: str
    kind: str = ""
    parts: tuple[str, ...] = ()


class Frame:
    """An open group: what it holds, and the commands that still wait for arguments."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.items: list[Node] = []
        self.waiting: list[tuple[str, list[Node], int]] = []
        self.cells: list[list[Node]] = []
        self.fence = ""

    def add(self, node: Node) -> None:
        """Take a complete node: as the argument of a waiting command, or as the next item."""
        while self.waiting:
            command, args, needed = self.waiting[-1]
            args.append(node)
            if len(args) < needed:
                return
            self.waiting.pop()
            node = BUILDERS[command](args)
        self.items.append(node)

    def finish(self) -> None:
        """Give commands that never got their arguments empty ones."""
        while self.waiting:
            self.add(EMPTY)


EMPTY = Node("<mrow></mrow>")


def mathml(latex: str) -> str:
    r"""Return the content of a ``<math>`` element for a formula in LaTeX.

    Parameters
    ----------
    latex : str
        A formula as `adlab.render.formula` writes it, without delimiters.

    Returns
    -------
    str
        Presentation MathML, well-formed.

    Examples
    --------
    >>> mathml(r"\frac{1}{v_{0}}")
    '<mfrac><mn>1</mn><msub><mi>v</mi><mn>0</mn></msub></mfrac>'
    """
    return _Reader(latex).read()


class _Reader:
    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.at = 0
        self.frames = [Frame("top")]

    def read(self) -> str:
        while self.at < len(self.latex):
            match = _TOKEN.match(self.latex, self.at)
            assert match is not None
            self.at = match.end()
            command, number, space, char = match.groups()
            if command is not None:
                self._command(command)
            elif number is not None:
                self._number(number)
            elif space is None:
                self._char(char)
        while len(self.frames) > 1:
            self._close()
        return _row(self._items(), bare=True)

    def _number(self, number: str) -> None:
        frame = self.frames[-1]
        if frame.waiting and frame.waiting[-1][0] in ("sup", "sub") and len(number) > 1:
            self.at -= len(number) - 1
            number = number[0]
        frame.add(Node(f"<mn>{number}</mn>"))

    def _char(self, char: str) -> None:
        frame = self.frames[-1]
        if char == "{":
            self.frames.append(Frame("group"))
        elif char == "}":
            if frame.kind == "group":
                self._close()
        elif char in "^_":
            self._script("sup" if char == "^" else "sub")
        elif char == "&" and frame.kind == "matrix":
            self._end_cell()
        elif char.isalpha():
            frame.add(Node(f"<mi>{escape(char)}</mi>"))
        else:
            frame.add(_operator("−" if char == "-" else char, frame.items))

    def _script(self, kind: str) -> None:
        frame = self.frames[-1]
        base = EMPTY if frame.waiting or not frame.items else frame.items.pop()
        frame.waiting.append((kind, [base], 2))

    def _command(self, name: str) -> None:
        frame = self.frames[-1]
        if name in WORDS:
            self._word(name)
        elif name in ACCENTS or name in ("frac", "sqrt"):
            self._open_command(name)
        elif name == "left":
            self.frames.append(Frame("fence"))
            self.frames[-1].fence = self._delimiter()
        elif name == "right":
            self._close_fence()
        elif name == "begin":
            self._word_text()
            self.frames.append(Frame("matrix"))
        elif name == "end":
            self._word_text()
            self._close_matrix()
        elif name == "\\" and frame.kind == "matrix":
            self._end_cell()
            frame.cells.append([])
        elif name in SPACES:
            if name != "!":
                frame.add(Node('<mspace width="0.17em"></mspace>'))
        elif name in FUNCTIONS:
            frame.add(Node(f"<mi>{name}</mi>", "function"))
        else:
            frame.add(_symbol(name, frame.items))

    def _open_command(self, name: str) -> None:
        if name == "sqrt" and self.latex.startswith("[", self.at):
            stop = self.latex.find("]", self.at)
            if stop > 0:
                degree = Node(f"<mn>{escape(self.latex[self.at + 1 : stop])}</mn>")
                self.at = stop + 1
                self.frames[-1].waiting.append(("root", [degree], 2))
                return
        self.frames[-1].waiting.append((name, [], 2 if name == "frac" else 1))

    def _word_text(self) -> str:
        match = _WORD.match(self.latex, self.at)
        if match is None:
            rest = self.latex[self.at :].lstrip()
            self.at = len(self.latex) - len(rest) + min(1, len(rest))
            return rest[:1]
        self.at = match.end()
        text = re.sub(r"\\text(backslash|asciicircum|asciitilde)\{\}", _spelled, match[1])
        return re.sub(r"\\(.)", r"\1", text)

    def _word(self, command: str) -> None:
        text = escape(self._word_text())
        if command == "text":
            self.frames[-1].add(Node(f"<mtext>{text}</mtext>"))
        elif command == "operatorname":
            self.frames[-1].add(Node(f"<mi>{text}</mi>", "function"))
        else:
            upright = ' mathvariant="normal"' if len(text) == 1 else ""
            name = ' class="word"' if command == "mathit" else ""
            self.frames[-1].add(Node(f"<mi{upright}{name}>{text}</mi>"))

    # -------------------------------------------------------------------------------------- groups and fences

    def _items(self) -> list[Node]:
        frame = self.frames.pop()
        frame.finish()
        return frame.items

    def _close(self) -> None:
        """Close the innermost group, whatever opened it."""
        kind = self.frames[-1].kind
        if kind == "fence":
            self._close_fence(delimiter="")
        elif kind == "matrix":
            self._close_matrix()
        else:
            items = self._items()
            self.frames[-1].add(items[0] if len(items) == 1 else Node(_row(items)))

    def _delimiter(self) -> str:
        match = _TOKEN.match(self.latex, self.at)
        if match is None:
            return ""
        self.at = match.end()
        if match[1] is not None:
            return SYMBOLS.get(match[1], match[1])
        return "" if match[0] == "." else match[0]

    def _close_fence(self, delimiter: str | None = None) -> None:
        right = self._delimiter() if delimiter is None else delimiter
        while self.frames[-1].kind not in ("fence", "top"):
            self._close()
        if self.frames[-1].kind == "top":
            return
        left = self.frames[-1].fence
        inner = _row(self._items())
        tall = any(tag in inner for tag in TALL)
        xml = f"<mrow>{_fence(left, 'prefix', tall)}{inner}{_fence(right, 'postfix', tall)}</mrow>"
        frame = self.frames[-1]
        if not frame.waiting and frame.items and frame.items[-1].kind in ("function", "raised function"):
            frame.add(Node(f"<mo>{APPLY}</mo>"))
        frame.add(Node(xml))

    def _end_cell(self) -> None:
        frame = self.frames[-1]
        frame.finish()
        if not frame.cells:
            frame.cells.append([])
        frame.cells[-1].append(Node(_row(frame.items)))
        frame.items = []

    def _close_matrix(self) -> None:
        while self.frames[-1].kind not in ("matrix", "top"):
            self._close()
        if self.frames[-1].kind == "top":
            return
        self._end_cell()
        cells = self.frames.pop().cells
        rows = ("".join(f"<mtd>{cell.xml}</mtd>" for cell in row) for row in cells)
        self.frames[-1].add(Node(f"<mtable>{''.join(f'<mtr>{row}</mtr>' for row in rows)}</mtable>"))


def _spelled(match: re.Match[str]) -> str:
    return {"backslash": r"\\", "asciicircum": "^", "asciitilde": "~"}[match[1]]


def _row(items: Sequence[Node], *, bare: bool = False) -> str:
    """Return items in a row; one item needs no row."""
    xml = "".join(item.xml for item in items)
    return xml if len(items) == 1 or bare else f"<mrow>{xml}</mrow>"


def _fence(mark: str, form: str, tall: bool) -> str:
    """Return a fence; one around low content keeps its size, because stretched fences carry space with
    them.
    """
    stretchy = "true" if tall else "false"
    return (
        f'<mo fence="true" form="{form}" stretchy="{stretchy}" lspace="0" rspace="0">{escape(mark)}</mo>'
        if mark
        else ""
    )


def _operator(mark: str, before: Sequence[Node]) -> Node:
    """Return an operator; a minus with nothing or another operator before it is a sign."""
    sign = mark in "−+" and (not before or before[-1].kind == "operator")
    form = ' form="prefix"' if sign else ""
    if mark in ",;":
        form = ' separator="true"'
    elif mark in "/.[]()":
        form = ' stretchy="false" lspace="0" rspace="0"'
    kind = "" if mark in ")]!" else "operator"
    return Node(f"<mo{form}>{escape(mark)}</mo>", kind)


def _symbol(name: str, before: Sequence[Node]) -> Node:
    mark = SYMBOLS.get(name, "")
    if mark in OPERATORS and mark:
        return _operator(mark, before)
    if mark == "∂":
        return Node("<mo>∂</mo>", "sign")
    if mark:
        return Node(f'<mo stretchy="false">{escape(mark)}</mo>')
    return Node(f"<mi>{escape(LETTERS.get(name) or _greek(name) or name)}</mi>")


def _greek(name: str) -> str:
    import unicodedata

    case = "CAPITAL" if name[:1].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {name.upper()}")
    except KeyError:
        return ""


def _scripted(kind: str) -> Callable[[list[Node]], Node]:
    def build(args: list[Node]) -> Node:
        base, script = args
        if kind == "sup" and base.kind == "sub":
            return Node(f"<msubsup>{base.parts[0]}{base.parts[1]}{script.xml}</msubsup>")
        result = "raised function" if base.kind in ("function", "raised function") else kind
        return Node(f"<m{kind}>{base.xml}{script.xml}</m{kind}>", result, (base.xml, script.xml))

    return build


def _accented(mark: str) -> Callable[[list[Node]], Node]:
    return lambda args: Node(f'<mover accent="true">{args[0].xml}<mo stretchy="false">{mark}</mo></mover>')


BUILDERS: dict[str, Callable[[list[Node]], Node]] = {
    "frac": lambda args: Node(f"<mfrac>{args[0].xml}{args[1].xml}</mfrac>"),
    "sqrt": lambda args: Node(f"<msqrt>{args[0].xml}</msqrt>"),
    "root": lambda args: Node(f"<mroot>{args[1].xml}{args[0].xml}</mroot>"),
    "sup": _scripted("sup"),
    "sub": _scripted("sub"),
    **{name: _accented(mark) for name, mark in ACCENTS.items()},
}
