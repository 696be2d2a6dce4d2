"""A picture as SVG, written by us: ids, classes, words for screen readers, text that stays text.

Everything that carries meaning is an attribute of its own element as well as a class, so the file looks the
same where style sheets are ignored (office programs, LaTeX converters) and can be restyled where they are not
(a web page). Ids begin with a prefix, so several pictures can stand on one page. Arrow tips are plain
triangles, not markers, because markers need ids and some converters drop them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from adlab.render.layout import Engine, ground, lay_out, look
from adlab.render.layout.arrowhead import tip
from adlab.render.layout.content import Text, content, label_runs, within
from adlab.render.layout.model import Cluster, Layout, Path, Rect
from adlab.render.layout.text import SHIFT, run_size
from adlab.reports.picture import Arrow, Box, Picture, Runs, plain

__all__ = ["to_svg"]

STYLE = (
    ".adlab-picture text{font-family:"
    + ",".join(f"'{f}'" if " " in f else f for f in look.FONTS)
    + ";white-space:pre}"
    ".adlab-picture .i{font-style:italic}.adlab-picture .b{font-weight:bold}"
)


def to_svg(picture: Picture, engine: Engine = "auto", *, prefix: str = "picture") -> str:
    """Draw a picture as SVG.

    Parameters
    ----------
    picture : Picture
    engine : {"auto", "builtin", "dot", "pygraphviz"}
        Who finds the positions.
    prefix : str
        What all ids begin with; give each picture on a page its own.

    Returns
    -------
    str
        A whole SVG file that can also stand inside HTML.

    Raises
    ------
    InputError
        If the picture cannot be drawn or there is no such engine.
    RenderError
        If the engine is not installed here.
    """
    layout = lay_out(picture, engine)
    lines = [*_head(picture, layout, prefix)]
    lines += [line for cluster in layout.clusters for line in _cluster(cluster)]
    lines += _arrows(picture, layout, prefix)
    names = _names(picture, prefix)
    for box, rect, name in zip(picture.boxes, layout.boxes, names, strict=True):
        lines += _box(box, rect, name)
    lines += [line for cluster in layout.clusters for line in _cluster_title(cluster)]
    lines += _labels(picture, layout)
    return "\n".join([*lines, "</svg>", ""])


def _number(value: float) -> str:
    """Shortest text of a coordinate, to a hundredth of a pixel."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _name(prefix: str, text: str) -> str:
    """An id of letters, digits, hyphens and underscores."""
    return prefix + "-" + re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")


def _names(picture: Picture, prefix: str) -> list[str]:
    """One id for each box; where two boxes would get the same, later ones get a number."""
    used: set[str] = {_name(prefix, "title"), _name(prefix, "desc")}
    names = []
    for box in picture.boxes:
        name = first = _name(prefix, box.id)
        number = 2
        while name in used:
            name, number = f"{first}-{number}", number + 1
        used.add(name)
        names.append(name)
    return names


def _head(picture: Picture, layout: Layout, prefix: str) -> Iterator[str]:
    """Opening tag, title, description, style and white paper."""
    wide, tall = _number(layout.width), _number(layout.height)
    described = f" {_name(prefix, 'desc')}" if picture.description else ""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="adlab-picture" id="{escape(prefix)}" width="{wide}" '
        f'height="{tall}" viewBox="0 0 {wide} {tall}" role="img" xml:space="preserve" '
        f'aria-labelledby="{_name(prefix, "title")}{described}">'
    )
    yield f'<title id="{_name(prefix, "title")}">{escape(picture.title)}</title>'
    if picture.description:
        yield f'<desc id="{_name(prefix, "desc")}">{escape(picture.description)}</desc>'
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{wide}" height="{tall}" fill="#FFFFFF"/>'


def _place(rect: Rect) -> str:
    """Attributes of a rectangle."""
    names = zip(("x", "y", "width", "height"), (rect.x, rect.y, rect.width, rect.height), strict=True)
    return " ".join(f'{name}="{_number(value)}"' for name, value in names)


def _runs(runs: Runs, size: float) -> str:
    """Runs as text spans; scripts move off the line and the next run moves back."""
    parts = []
    line = 0.0
    for text, style in runs:
        goal = SHIFT.get(style, 0.0) * size
        move = f' dy="{_number(goal - line)}"' if abs(goal - line) > 0.001 else ""
        line = goal
        scale = f' font-size="{_number(run_size(style, size))}"' if style in SHIFT else ""
        looks = {"i": ' class="i" font-style="italic"', "b": ' class="b" font-weight="bold"'}.get(style, "")
        grey = f' fill="{look.GREY}"' if style == "grey" else ""
        inner = escape(text, quote=False)
        parts.append(
            f"<tspan{move}{scale}{looks}{grey}>{inner}</tspan>" if move or scale or looks or grey else inner
        )
    return "".join(parts)


def _text(text: Text, rect: Rect) -> str:
    """One text of a box."""
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    return (
        f'<text class="{text.name}" x="{_number(rect.x + text.x)}" y="{_number(rect.y + text.y)}"{anchor} '
        f'font-size="{_number(text.size)}" fill="{text.colour}">{_runs(text.runs, text.size)}</text>'
    )


def _box(box: Box, rect: Rect, name: str) -> Iterator[str]:
    """A box with its words; the group carries the id, the role and the tooltip."""
    style, inside = look.BOXES[box.role], content(box)
    label = escape(box.label or plain(box.title))
    yield (
        f'<g class="box {box.role}" id="{name}" data-box="{escape(box.id)}" data-role="{box.role}" '
        f'aria-label="{label}"><title>{label}</title>'
    )
    dashes = ' stroke-dasharray="4 3"' if style.dashed else ""
    yield (
        f'<rect {_place(rect)} rx="{_number(look.RADIUS)}" fill="{style.fill}" stroke="{style.border}" '
        f'stroke-width="{_number(style.weight)}"{dashes}/>'
    )
    room = within(rect, inside)
    if inside.rule is not None:
        y = _number(room.y + inside.rule)
        yield (
            f'<path class="rule" d="M{_number(rect.x)} {y}H{_number(rect.right)}" stroke="{style.border}" '
            'stroke-width="1" fill="none"/>'
        )
    if inside.mark is not None:
        yield _mark(room, *inside.mark)
    for text in inside.texts:
        yield _text(text, room)
    yield "</g>"


def _mark(rect: Rect, left: float, top: float, size: float) -> str:
    """The sign ⊞, drawn, because few fonts have it."""
    x, y, half = rect.x + left, rect.y + top, size / 2
    return (
        f'<path class="mark" d="M{_number(x)} {_number(y)}h{_number(size)}v{_number(size)}h-{_number(size)}z'
        f"M{_number(x + 2)} {_number(y + half)}h{_number(size - 4)}M{_number(x + half)} {_number(y + 2)}"
        f'v{_number(size - 4)}" stroke="{look.INK}" stroke-width="1.1" fill="none"/>'
    )


def _cluster(cluster: Cluster) -> Iterator[str]:
    """The ground of a scope; fills alternate with depth."""
    fill = ground.fill(cluster)
    yield (
        f'<rect class="cluster" data-scope="{escape("/".join(cluster.scope))}" {_place(cluster.rect)} '
        f'rx="{_number(look.SCOPE_RADIUS)}" fill="{fill}" stroke="{look.SCOPE_BORDER}" stroke-width="1"/>'
    )


def _halo(attributes: str, colour: str, rim: str, inner: str) -> Iterator[str]:
    """A text over its own rim, which keeps it readable over lines; two texts, as few know paint-order."""
    yield (
        f'<text aria-hidden="true" {attributes} fill="{rim}" stroke="{rim}" '
        f'stroke-width="{_number(look.HALO)}" stroke-linejoin="round">{inner}</text>'
    )
    yield f'<text {attributes} fill="{colour}">{inner}</text>'


def _cluster_title(cluster: Cluster) -> Iterator[str]:
    """The name of a scope."""
    place = f'x="{_number(cluster.title.x)}" y="{_number(cluster.title.y + 12)}"'
    attributes = f'class="scope-title" {place} font-weight="bold" font-size="{_number(look.SCOPE_SIZE)}"'
    return _halo(attributes, look.GREY, ground.fill(cluster), escape(cluster.scope[-1], quote=False))


def _curve(path: Path) -> str:
    """Path data; straight pieces as lines."""
    parts = [f"M{_number(path[0][0])} {_number(path[0][1])}"]
    for start, one, two, end in zip(path[0::3], path[1::3], path[2::3], path[3::3], strict=False):
        xs, ys = {start[0], one[0], two[0], end[0]}, {start[1], one[1], two[1], end[1]}
        if len(xs) == 1:
            parts.append(f"V{_number(end[1])}")
        elif len(ys) == 1:
            parts.append(f"H{_number(end[0])}")
        else:
            parts.append("C" + " ".join(f"{_number(x)} {_number(y)}" for x, y in (one, two, end)))
    return "".join(parts)


def _arrows(picture: Picture, layout: Layout, prefix: str) -> Iterator[str]:
    """All arrows, lines and tips."""
    for number, (arrow, path) in enumerate(zip(picture.arrows, layout.paths, strict=True)):
        line, corners = tip(path, arrow.count)
        triangle = " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)
        yield (
            f'<g class="arrow" id="{_name(prefix, f"arrow-{number}")}" data-source="{escape(arrow.source)}" '
            f'data-target="{escape(arrow.target)}" data-port="{arrow.port}">'
            f'<path d="{_curve(line)}" fill="none" stroke="{look.EDGE}" '
            f'stroke-width="{_number(look.arrow_width(arrow.count))}"/>'
            f'<polygon points="{triangle}" fill="{look.EDGE}"/></g>'
        )


def _labels(picture: Picture, layout: Layout) -> Iterator[str]:
    """All words on arrows, over everything else."""
    for arrow, rect in zip(picture.arrows, layout.labels, strict=True):
        if rect is not None:
            yield from _label(arrow, rect, ground.under(layout, rect))


def _label(arrow: Arrow, rect: Rect, rim: str) -> Iterator[str]:
    """The words on one arrow."""
    place = f'x="{_number(rect.x + rect.width / 2)}" y="{_number(rect.y + 11)}" text-anchor="middle"'
    ends = f'class="arrow-label" data-source="{escape(arrow.source)}" data-target="{escape(arrow.target)}"'
    attributes = f'{ends} {place} font-size="{_number(look.LABEL_SIZE)}"'
    return _halo(attributes, look.INK, rim, _runs(label_runs(arrow), look.LABEL_SIZE))
