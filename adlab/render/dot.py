"""A picture as DOT, the language of Graphviz, for those who want to go on from there.

Made by the package graphviz, which is pure text and needs no program. The labels are HTML-like and carry the
same look as our own drawings: a title with a rule under it, rows with the word left and the number right, the
house colours.
"""

from __future__ import annotations

from html import escape
from typing import Any

from adlab.render.layout import look
from adlab.render.layout.content import label_runs
from adlab.reports.picture import Box, Picture, Row, Runs, check, plain

__all__ = ["to_dot"]

SMALL = 24
"""Up to so many boxes the inputs are kept on one rank."""

FONT = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif"
TAGS = {"i": ("<I>", "</I>"), "b": ("<B>", "</B>"), "sub": ("<SUB>", "</SUB>"), "sup": ("<SUP>", "</SUP>")}


def to_dot(picture: Picture) -> str:
    """Write a picture as DOT.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    str
        The text of a digraph; sorted as the picture is, so equal pictures give equal texts.

    Raises
    ------
    InputError
        If the picture cannot be drawn.
    """
    import graphviz

    check(picture)
    graph = graphviz.Digraph("picture", graph_attr=_graph(picture), node_attr=_node(), edge_attr=_edge())
    names = {box.id: f"n{number}" for number, box in enumerate(picture.boxes)}
    _boxes(graph, picture, names)
    inputs = [names[box.id] for box in picture.boxes if box.role == "input" and not box.scope]
    if len(inputs) > 1 and len(picture.boxes) <= SMALL:
        with graph.subgraph() as same:
            same.attr(rank="same")
            for name in inputs:
                same.node(name)
    for arrow in picture.arrows:
        runs = label_runs(arrow)
        extra = {"label": f"<{_html(runs)}>"} if runs else {}
        if arrow.count > 1:
            extra["penwidth"] = f"{look.arrow_width(arrow.count):.3g}"
        graph.edge(names[arrow.source], names[arrow.target], **extra)
    return str(graph.source)


def _graph(picture: Picture) -> dict[str, str]:
    return {
        "rankdir": picture.direction,
        "nodesep": "0.30",
        "ranksep": "0.55",
        "newrank": "true",
        "outputorder": "edgesfirst",
        "fontname": FONT,
        "tooltip": picture.title,
    }


def _node() -> dict[str, str]:
    return {"shape": "box", "margin": "0.06,0.03", "fontname": FONT, "fontsize": "11"}


def _edge() -> dict[str, str]:
    return {
        "color": look.EDGE,
        "penwidth": f"{look.EDGE_WIDTH:g}",
        "arrowsize": "0.7",
        "fontname": FONT,
        "fontsize": "9",
        "fontcolor": look.INK,
    }


def _boxes(graph: Any, picture: Picture, names: dict[str, str]) -> None:
    """Boxes inside the subgraphs of their scopes."""
    inner: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    number: dict[tuple[str, ...], int] = {}
    members: dict[tuple[str, ...], list[Box]] = {}
    for box in picture.boxes:
        members.setdefault(box.scope, []).append(box)
        for depth in range(1, len(box.scope) + 1):
            path = box.scope[:depth]
            if path not in number:
                number[path] = len(number)
                inner.setdefault(path[:-1], []).append(path)
    body: dict[tuple[str, ...], Any] = {(): graph}
    for path in sorted(number, key=len):
        body[path] = _cluster(path, number[path])
    for path, part in body.items():
        for box in members.get(path, []):
            part.node(names[box.id], **_box(box))
    for path in sorted(number, key=lambda path: (-len(path), number[path])):
        body[path[:-1]].subgraph(body[path])


def _cluster(path: tuple[str, ...], number: int) -> Any:
    """A subgraph that Graphviz draws as a rectangle with a name."""
    import graphviz

    return graphviz.Digraph(
        f"cluster_{number}",
        graph_attr={
            "label": f"<<B>{escape(path[-1])}</B>>",
            "labeljust": "l",
            "style": "rounded,filled",
            "fillcolor": look.SCOPE_FILLS[(len(path) - 1) % len(look.SCOPE_FILLS)],
            "color": look.SCOPE_BORDER,
            "fontcolor": look.GREY,
            "fontsize": "10",
            "margin": "10",
        },
    )


def _box(box: Box) -> dict[str, str]:
    """Attributes of a node."""
    style = look.BOXES[box.role]
    return {
        "label": f"<{_table(box)}>",
        "style": "rounded,filled,dashed" if style.dashed else "rounded,filled",
        "fillcolor": style.fill,
        "color": style.border,
        "penwidth": f"{style.weight:g}",
        "tooltip": box.label or plain(box.title),
        "id": box.id,
    }


def _html(runs: Runs) -> str:
    """Runs in the markup of Graphviz."""
    parts = []
    for text, style in runs:
        inner = escape(text)
        if style == "grey":
            parts.append(_font(inner, look.GREY))
        else:
            before, after = TAGS.get(style, ("", ""))
            parts.append(before + inner + after)
    return "".join(parts)


def _font(inner: str, colour: str, size: str = "") -> str:
    points = f' POINT-SIZE="{size}"' if size else ""
    return f'<FONT COLOR="{colour}"{points}>{inner}</FONT>'


def _table(box: Box) -> str:
    """Title, rule and rows as an HTML-like table."""
    compact = bool(box.corner) or box.role == "scope"
    rows = [_title(box, compact)]
    if compact:
        rows += [_line(box.rows[start : start + 2]) for start in range(0, len(box.rows), 2)]
    else:
        rows += ["<HR/>"] if box.rows else []
        rows += [_row(row) for row in box.rows]
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>'


def _title(box: Box, compact: bool) -> str:
    """The first row of a table."""
    if not compact:
        return f'<TR><TD COLSPAN="2">{_html(box.title)}</TD></TR>'
    mark = "⊞ " if box.role == "scope" else ""
    corner = _font(_html(box.corner), look.GREY, "9") if box.corner else ""
    right = f'<TD ALIGN="RIGHT">{corner}</TD>' if corner else ""
    span = "" if corner else ' COLSPAN="2"'
    return f'<TR><TD ALIGN="LEFT"{span}><B>{mark}{escape(plain(box.title))}</B></TD>{right}</TR>'


def _row(row: Row) -> str:
    """A word at the left and a number at the right."""
    colour = look.ROWS[row.kind]
    if not row.number:
        return f'<TR><TD ALIGN="LEFT" COLSPAN="2">{_font(escape(row.word), colour)}</TD></TR>'
    word, number = _font(escape(row.word), colour), _font(escape(row.number), colour)
    return f'<TR><TD ALIGN="LEFT">{word}</TD><TD ALIGN="RIGHT">{number}</TD></TR>'


def _line(line: tuple[Row, ...]) -> str:
    """One or two rows side by side."""
    words = [_font(escape(f"{row.word} {row.number}".rstrip()), look.ROWS[row.kind]) for row in line]
    if len(words) == 1:
        return f'<TR><TD ALIGN="LEFT" COLSPAN="2">{words[0]}</TD></TR>'
    return f'<TR><TD ALIGN="LEFT">{words[0]}</TD><TD ALIGN="RIGHT">{words[1]}</TD></TR>'
