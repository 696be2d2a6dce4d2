"""A computational graph made ready for drawing: boxes, arrows and the words on them, and no format.

A picture is pure data. It does not know what a derivative is, nor what SVG is: whoever makes it has already
chosen the words and rounded the numbers, and whoever writes it chooses shapes, colours and fonts. In between
stand only this small vocabulary and one check.

Text is a tuple of *runs*, each a piece of text with one style, so that "v₃ = v₀ · v₁" has true subscripts in
every format: ``(("v", "i"), ("3", "sub"), (" = ", ""), ("v", "i"), ("0", "sub"), …)``. The styles are ``""``
(plain), ``"i"`` (italic, a symbol), ``"b"`` (bold), ``"sub"``, ``"sup"`` and ``"grey"``.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from adlab.errors import InputError

__all__ = ["Arrow", "Box", "Direction", "Kind", "Picture", "Role", "Row", "Run", "Runs", "check", "plain"]

Run: TypeAlias = tuple[str, str]
Runs: TypeAlias = tuple[Run, ...]
Kind: TypeAlias = Literal["value", "tangent", "adjoint", "note"]
Role: TypeAlias = Literal["input", "parameter", "constant", "operation", "output", "scope"]
Direction: TypeAlias = Literal["LR", "TB"]

STYLES = ("", "i", "b", "sub", "sup", "grey")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a box: a word on the left and a number on the right.

    Attributes
    ----------
    kind : {"value", "tangent", "adjoint", "note"}
        What the number is; chooses the colour. A note is grey and may have no number.
    word, number : str
        The two texts, ready to be shown.
    """

    kind: Kind
    word: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """One node of the picture.

    Attributes
    ----------
    id : str
        A name that no other box of the picture has.
    role : {"input", "parameter", "constant", "operation", "output", "scope"}
        What the node is; chooses fill, border and border weight. ``"scope"`` is a collapsed scope, marked ⊞.
    title : Runs
        The first line.
    corner : Runs
        Grey text at the right of the title, such as the shape of a tensor. A box with a corner sets its rows
        side by side, two in a line.
    rows : tuple of Row
        The lines below the title.
    scope : tuple of str
        The path of the nested scopes that hold the box, outermost first.
    label : str
        What a screen reader says and a tooltip shows; the title in plain text if empty.
    """

    id: str
    role: Role
    title: Runs
    corner: Runs = ()
    rows: tuple[Row, ...] = ()
    scope: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line from an operand to the operation that uses it.

    Attributes
    ----------
    source, target : str
        Ids of boxes.
    label : Runs
        Text at the arrow, such as the local partial derivative.
    count : int
        How many lines are merged into this one; more than one is shown as "×n".
    port : int
        Which operand of the target this is, counted from 0.
    """

    source: str
    target: str
    label: Runs = ()
    count: int = 1
    port: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes, arrows, a title and the direction in which time flows.

    Attributes
    ----------
    title, description : str
        For screen readers and for file formats that carry them.
    boxes : tuple of Box
    arrows : tuple of Arrow
    direction : {"LR", "TB"}
        Left to right, or top to bottom.
    """

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    direction: Direction = "LR"
    description: str = ""


def plain(runs: Runs) -> str:
    """Text of runs without styles.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    str

    Examples
    --------
    >>> plain((("v", "i"), ("3", "sub"), (" = ln ", ""), ("v", "i"), ("0", "sub")))
    'v3 = ln v0'
    """
    return "".join(text for text, _ in runs)


def check(picture: Picture) -> None:
    """Refuse a picture that cannot be drawn.

    Parameters
    ----------
    picture : Picture

    Raises
    ------
    InputError
        If two boxes have one id, an arrow names a box that is not there, the arrows form a cycle, or a role,
        style, count or direction is none of the known ones.
    """
    _check_words(picture)
    _check_ids(picture)
    rest = _on_cycles(picture)
    if rest:
        names = ", ".join(rest[:6]) + (", …" if len(rest) > 6 else "")
        raise InputError(
            f"The arrows of the picture {picture.title!r} go round in a cycle through the boxes {names}; a "
            "picture flows in one direction, so split a box that is left and entered again into two."
        )


def _check_ids(picture: Picture) -> None:
    """Every id once, and every arrow between two boxes that exist."""
    counts = Counter(box.id for box in picture.boxes)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise InputError(
            f"The picture {picture.title!r} has several boxes with the id {twice[0]!r}; ids must differ."
        )
    for arrow in picture.arrows:
        for name in (arrow.source, arrow.target):
            if name not in counts:
                raise InputError(
                    f"The arrow from {arrow.source!r} to {arrow.target!r} names the box {name!r}, which the "
                    f"picture {picture.title!r} does not have; add the box or drop the arrow."
                )


def _check_words(picture: Picture) -> None:
    """Only known directions, roles, kinds and styles."""
    _one_of("direction", picture.direction, get_args(Direction))
    for box in picture.boxes:
        _one_of(f"role of the box {box.id!r}", box.role, get_args(Role))
        for row in box.rows:
            _one_of(f"kind of a row of the box {box.id!r}", row.kind, get_args(Kind))
        _check_styles(f"the box {box.id!r}", (box.title, box.corner))
    for arrow in picture.arrows:
        where = f"the arrow from {arrow.source!r} to {arrow.target!r}"
        _check_styles(where, (arrow.label,))
        if arrow.count < 1:
            raise InputError(f"The count of {where} is {arrow.count}; an arrow stands for at least one line.")


def _check_styles(where: str, texts: Iterable[Runs]) -> None:
    """Only known styles in the runs of one box or arrow."""
    for runs in texts:
        for _, style in runs:
            _one_of(f"style of a run of {where}", style, STYLES)


def _one_of(what: str, given: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is none of the allowed ones."""
    if given not in allowed:
        raise InputError(f"The {what} is {given!r}; it must be one of {', '.join(map(repr, allowed))}.")


def _on_cycles(picture: Picture) -> list[str]:
    """Ids of the boxes that lie on or behind a cycle, by taking away boxes without incoming arrows (Kahn)."""
    waiting = Counter(arrow.target for arrow in picture.arrows)
    targets: dict[str, list[str]] = {box.id: [] for box in picture.boxes}
    for arrow in picture.arrows:
        targets[arrow.source].append(arrow.target)
    ready = deque(box.id for box in picture.boxes if not waiting[box.id])
    while ready:
        for name in targets[ready.popleft()]:
            waiting[name] -= 1
            if not waiting[name]:
                ready.append(name)
    return [box.id for box in picture.boxes if waiting[box.id]]
