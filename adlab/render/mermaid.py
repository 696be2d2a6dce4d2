"""A small picture as Mermaid text, which GitHub, GitLab and many notebooks draw inside Markdown.

Mermaid knows neither tables nor true subscripts in boxes everywhere, so digits below the line become Unicode
subscripts and each row is a line "word number".
"""

from __future__ import annotations

from collections.abc import Iterator

from adlab.errors import InputError
from adlab.render.layout import look
from adlab.render.layout.content import label_runs
from adlab.reports.picture import Box, Picture, Runs, check, plain

__all__ = ["LIMIT", "to_mermaid"]

LIMIT = 60
"""More boxes than this are refused: nothing that draws Mermaid draws them readably."""

SUB = str.maketrans("0123456789+-−=()aeoxijnt", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₒₓᵢⱼₙₜ")
SUP = str.maketrans("0123456789+-−=()nT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿᵀ")


def to_mermaid(picture: Picture) -> str:
    """Write a picture as a Mermaid flowchart.

    Parameters
    ----------
    picture : Picture
        With at most `LIMIT` boxes.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If the picture cannot be drawn or is too large.
    """
    check(picture)
    if len(picture.boxes) > LIMIT:
        raise InputError(
            f"The picture {picture.title!r} has {len(picture.boxes)} boxes and Mermaid text is for at most "
            f"{LIMIT}; collapse scopes, or draw SVG."
        )
    names = {box.id: f"n{number}" for number, box in enumerate(picture.boxes)}
    lines = [f"flowchart {picture.direction}", f"  accTitle: {_line(picture.title)}"]
    if picture.description:
        lines.append(f"  accDescr: {_line(picture.description)}")
    lines += _boxes(picture, names)
    for arrow in picture.arrows:
        runs = label_runs(arrow)
        label = f'|"{_escape(_unicode(runs))}"|' if runs else ""
        lines.append(f"  {names[arrow.source]} -->{label} {names[arrow.target]}")
    lines += _classes(picture)
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    """Text without line breaks and without what ends a statement."""
    return " ".join(text.split()).replace(";", ",")


def _escape(text: str) -> str:
    """Text for a quoted label."""
    for letter, entity in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(letter, entity)
    return text


def _unicode(runs: Runs) -> str:
    """Plain text with Unicode scripts where they exist, "_" and "^" where they do not."""
    parts = []
    for text, style in runs:
        if style in ("sub", "sup"):
            script = text.translate(SUB if style == "sub" else SUP)
            lost = any(one == other for one, other in zip(text, script, strict=True))
            parts.append(("_" if style == "sub" else "^") + text if lost else script)
        else:
            parts.append(text)
    return "".join(parts)


def _boxes(picture: Picture, names: dict[str, str]) -> Iterator[str]:
    """Boxes inside the subgraphs of their scopes, by one walk over the tree of scopes."""
    inner: dict[tuple[str, ...], dict[tuple[str, ...], None]] = {}
    members: dict[tuple[str, ...], list[Box]] = {}
    for box in picture.boxes:
        members.setdefault(box.scope, []).append(box)
        for depth in range(len(box.scope)):
            inner.setdefault(box.scope[:depth], {}).setdefault(box.scope[: depth + 1])
    stack: list[tuple[tuple[str, ...], bool]] = [((), False)]
    number = 0
    while stack:
        path, closing = stack.pop()
        indent = "  " * (len(path) + 1)
        if closing:
            yield f"{'  ' * len(path)}end"
            continue
        if path:
            yield f'{"  " * len(path)}subgraph s{number}["{_escape(path[-1])}"]'
            number += 1
            stack.append((path, True))
        for box in members.get(path, []):
            yield f"{indent}{names[box.id]}{_shape(box)}:::{box.role}"
        stack += [(child, False) for child in reversed(inner.get(path, {}))]


def _shape(box: Box) -> str:
    """The rounded box with its lines."""
    mark = "⊞ " if box.role == "scope" else ""
    lines = [mark + _unicode(box.title) + (f" {plain(box.corner)}" if box.corner else "")]
    lines += [f"{row.word} {row.number}".rstrip() for row in box.rows]
    return f'("{"<br/>".join(_escape(line) for line in lines)}")'


def _classes(picture: Picture) -> Iterator[str]:
    """The colours of the roles that occur."""
    used = {box.role for box in picture.boxes}
    for role, style in look.BOXES.items():
        if role in used:
            dashes = ",stroke-dasharray:4 3" if style.dashed else ""
            yield (
                f"  classDef {role} fill:{style.fill},stroke:{style.border},stroke-width:{style.weight:g}px,"
                f"color:{look.INK}{dashes}"
            )
