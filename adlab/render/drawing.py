"""A graph becomes a picture: which boxes there are, what is written in them, what is collapsed.

Scalar graphs show each node's formula with its value, tangent and adjoint, and each edge's local partial. Graphs of arrays
show the operation, its shape and the norms. A graph with more boxes than its budget is collapsed scope by scope, outer scopes
last, before any layout: no engine makes 300 boxes readable.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adlab.algebra.notation import NOTATION, Symbol, Term
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.numbering import display_order
from adlab.ir.primitive import Site
from adlab.ir.tree import LEAF
from adlab.ir.types import BOOL
from adlab.primitives.rules import Elementwise
from adlab.render.explorer import Subject, page
from adlab.render.formula import Style, write
from adlab.render.numbers import norm, shape_text, significant
from adlab.reports.picture import Arrow, Box, Direction, Picture, Role, Row, Runs
from adlab.reports.trace import Row as TraceRow
from adlab.reports.trace import Trace, local_partial, trace_graph
from adlab.transforms.scopes import Group, scope_groups, scope_paths

SHOWABLE = ("value", "tangent", "adjoint", "partials")
BUDGET = 60
"""So many boxes are drawn before scopes are collapsed."""
WIDE = 12
"""Pictures of up to so many boxes flow from left to right, larger ones from top to bottom."""
FORMATS = (".svg", ".png", ".pdf", ".dot", ".mmd", ".html")

GREEK_LETTERS = dict(
    zip(
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "pi",
            "rho",
            "sigma",
            "tau",
            "phi",
            "chi",
            "psi",
            "omega",
        ],
        "αβγδεζηθικλμνξπρστφχψω",
        strict=True,
    )
)


class _RunStyle(Style):
    """Text with the index of each name marked off, to be cut into runs."""

    def symbol(self, name: Symbol) -> str:
        mark = {"": "", "dot": "\u0307", "bar": "\u0304"}[name.mark]
        index = name.index.replace("-", "−")
        return f"\ue000{name.base}{mark}\ue001{index}\ue002"


RUN_STYLE = _RunStyle()
HOLE = Symbol("…")
UNKNOWN = "·"
"""What is not computed is a dot, never 0."""
_NAME = re.compile("\ue000([^\ue001]*)\ue001([^\ue002]*)\ue002")
_LONE_ARGUMENT = re.compile("([a-z0-9]+)\\((\ue000[^\ue002]*\ue002)\\)")


def runs_of(text: str) -> Runs:
    """Return the runs of a formula written in `RUN_STYLE`; ``cos(v)`` of a lone name loses its parentheses."""
    text = _LONE_ARGUMENT.sub(r"\1 \2", text)
    runs: list[tuple[str, str]] = []
    at = 0
    for match in _NAME.finditer(text):
        if match.start() > at:
            runs.append((text[at : match.start()], ""))
        runs.append((match[1], "i"))
        if match[2]:
            runs.append((match[2], "sub"))
        at = match.end()
    if at < len(text):
        runs.append((text[at:], ""))
    return tuple(runs)


def name_runs(name: str) -> Runs:
    """Return the runs of an input's name: x1 as x with a subscript, alpha as α."""
    match = re.fullmatch(r"([^\W\d_]+)_?(\d*)", name)
    if not match:
        return ((name, "i"),)
    base = _greek(match[1])
    return ((base, "i"), (match[2], "sub")) if match[2] else ((base, "i"),)


def _greek(name: str) -> str:
    return GREEK_LETTERS.get(name, name)


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph, ready to be shown or saved.

    Attributes
    ----------
    picture : Picture
        Boxes and arrows, as data.
    engine : str
        Which layout engine places the boxes: "auto", "builtin", "dot" or "pygraphviz".
    subject : Subject, optional
        What the picture was made of; the HTML page steps through it.
    """

    picture: Picture
    engine: str = "auto"
    subject: Subject | None = field(default=None, repr=False, compare=False)

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        from adlab.render.svg import to_svg

        return to_svg(self.picture, self.engine)  # type: ignore[arg-type]

    def to_dot(self) -> str:
        """Return the picture as DOT text, for Graphviz."""
        from adlab.render.dot import to_dot

        return to_dot(self.picture)

    def to_mermaid(self) -> str:
        """Return the picture as Mermaid text, for Markdown."""
        from adlab.render.mermaid import to_mermaid

        return to_mermaid(self.picture)

    def to_html(self) -> str:
        """Return a page to step through the traces and move the inputs; it works offline."""
        return page(self.picture, self.svg, self.subject, self.engine)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file; the ending chooses the format.

        Parameters
        ----------
        path : str or Path
            Ends in .svg, .png, .pdf, .dot, .mmd (Mermaid) or .html.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        InputError
            For an unknown ending or a folder that cannot be written to; nothing is left half written.
        RenderError
            If the engine asked for is not installed.
        """
        from adlab.render.write import save

        target = Path(path)
        content = self._content(target.suffix.lower())
        save(target, content)
        return target

    def _content(self, suffix: str) -> str | bytes:
        if suffix not in FORMATS:
            raise InputError(
                f"Pictures are saved as {', '.join(FORMATS)}, not as {suffix or 'a file without ending'}; choose one."
            )
        if suffix == ".dot":
            return self.to_dot()
        if suffix == ".mmd":
            return self.to_mermaid()
        if suffix == ".svg":
            return self.svg
        if suffix == ".html":
            return self.to_html()
        from adlab.render.raster import to_pdf, to_png

        write_bytes = to_png if suffix == ".png" else to_pdf
        return write_bytes(self.picture, self.engine)  # type: ignore[arg-type]

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        boxes, arrows = len(self.picture.boxes), len(self.picture.arrows)
        return f"<Drawing of {boxes} boxes and {arrows} arrows: {self.picture.title}>"


def draw_graph(
    graph: Graph,
    inputs: Sequence[Any] | None,
    *,
    show: Collection[str] = SHOWABLE,
    wrt: str | None = None,
    depth: int | None = None,
    numbering: str = "level",
    parameters: Collection[str] = (),
    direction: Direction | None = None,
    title: str = "",
    engine: str = "auto",
) -> Drawing:
    """Draw a graph, at a point if one is given.

    Parameters
    ----------
    graph : Graph
    inputs : sequence or None
        One NumPy value per input; None draws the structure without numbers.
    show : collection of str
        Which of "value", "tangent", "adjoint" and "partials" to write.
    wrt : str, optional
        The input the tangents belong to; by default the first, for graphs of scalars.
    depth : int, optional
        Collapse scopes nested this deep (1 is the outermost); by default as little as the budget of boxes allows.
    numbering : str
        "level", "program" or "baydin".
    parameters : collection of str
        Inputs to be drawn as parameters; leaves of nested arguments always are.
    direction : {"LR", "TB"}, optional
        By default LR for small pictures.
    title : str
        For screen readers.
    engine : str
        "auto", "builtin", "dot" or "pygraphviz".

    Raises
    ------
    InputError
        For an unknown quantity to show, input or depth.
    """
    for word in show:
        if word not in SHOWABLE:
            raise InputError(f"Pictures can show {', '.join(SHOWABLE)}, not {word!r}.")
    unknown = [name for name in parameters if name not in graph.inputs]
    if unknown:
        raise InputError(
            f"There is no input {unknown[0]!r} to draw as a parameter; the inputs are {', '.join(graph.inputs)}."
        )
    painter = _Painter(graph, inputs, frozenset(show), wrt, numbering, frozenset(parameters))
    boxes, arrows = painter.paint(_chosen_groups(graph, depth))
    flow: Direction = direction or ("LR" if len(boxes) <= WIDE else "TB")
    words = f"Computational graph of {len(graph)} nodes"
    described = f"{words}. {painter.seeded()}".rstrip()
    subject = Subject(graph, None if inputs is None else tuple(inputs), numbering, wrt)
    return Drawing(Picture(title or words, tuple(boxes), tuple(arrows), flow, described), engine, subject)


Groups = list[Group]


def _chosen_groups(graph: Graph, depth: int | None) -> Groups:
    """Return what each node collapses into: by the depth asked for, or as little as fits the budget."""
    if depth is not None:
        if depth < 1:
            raise InputError(f"Scopes collapse at a depth of 1 or more, not {depth}.")
        return scope_groups(graph, depth)
    open_groups: Groups = [None] * len(graph)
    if _box_count(open_groups) <= BUDGET:
        return open_groups
    paths = scope_paths(graph)
    deepest = max((len(paths[scope]) for scope in set(graph.scope_ids)), default=0)
    for candidate in range(deepest, 0, -1):
        groups = scope_groups(graph, candidate)
        if _box_count(groups) <= BUDGET:
            return groups
    groups = scope_groups(graph, 1) if deepest else open_groups
    return groups if _box_count(groups) <= BUDGET else _runs_of_nodes(graph)


def _box_count(groups: Groups) -> int:
    return sum(group is None for group in groups) + len({group for group in groups if group is not None})


def _runs_of_nodes(graph: Graph) -> Groups:
    """Return groups of consecutive operations, for large graphs whose scopes do not help."""
    first, count = len(graph.inputs), len(graph) - len(graph.inputs)
    length = -(-count // (BUDGET // 2))
    names = {
        start: f"operations {start + 1} to {min(start + length, count)}" for start in range(0, count, length)
    }
    operations: Groups = [(names[k - k % length],) for k in range(count)]
    shown: Groups = [None] * first
    if first > BUDGET // 2:
        shown = [(f"inputs 1 to {first}",)] * first
    return shown + operations


class _Painter:
    """Writes boxes and arrows for one graph."""

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Any] | None,
        show: frozenset[str],
        wrt: str | None,
        numbering: str,
        parameters: frozenset[str],
    ) -> None:
        self.graph = graph
        self.scalar = all(not type.shape for type in graph.types)
        self.known = inputs is not None
        self.show = show if self.known else frozenset()
        values = inputs if inputs is not None else [np.ones(t.shape, t.dtype)[()] for t in graph.input_types]
        first = graph.inputs[0] if graph.inputs else None
        self.column = wrt if wrt is not None else (first if self.scalar else None)
        self.trace = self._trace(values, numbering)
        self.order = display_order(graph, numbering)
        self.places = dict(zip(self.order, range(len(graph)), strict=True))
        self.rows: dict[int, TraceRow] = {}
        self.literals = [NOTATION.constant(constant) for constant in graph.constants]
        self.users = _users_of_inputs(graph)
        self.outputs = frozenset(graph.outputs)
        self.parameters = parameters | _nested_names(graph)

    def seeded(self) -> str:
        """Return whose adjoints are drawn, in a sentence, where the function has several results; else nothing."""
        several = sum(type.size for type in self.graph.output_types) > 1
        return f"Adjoints are of {self.trace.seeded}." if several and self.trace.seeded else ""

    def _seed_row(self, i: int) -> list[Row]:
        """Return the remark at the result that the adjoints start from."""
        words = self.seeded()
        starts = words and self.trace.seeded.partition("[")[0] == self._result_name(i)
        return [Row("note", words[0].lower() + words[1:-1])] if starts else []

    def _result_name(self, i: int) -> str:
        """Return the name of the first result that node ``i`` is."""
        return dict(zip(self.graph.outputs[::-1], self.graph.output_names[::-1], strict=True)).get(i, "")

    def row(self, i: int) -> TraceRow:
        """Return the row of a node; only those of nodes that are drawn are ever asked for."""
        if i not in self.rows:
            self.rows[i] = self.trace.rows[self.places[i]]
        return self.rows[i]

    def term(self, operand: int) -> Any:
        """Return the name of an operand, or the literal that it is."""
        if operand < 0:
            return self.literals[~operand]
        row = self.row(operand)
        return Term(row.name, (), row.value)

    def _trace(self, values: Sequence[Any], numbering: str) -> Trace:
        tangents = "tangent" in self.show and self.column is not None
        adjoints = "adjoint" in self.show and any(j >= 0 for j in self.graph.outputs)
        mode = (
            "all"
            if tangents and adjoints
            else "forward"
            if tangents
            else "reverse"
            if adjoints
            else "evaluate"
        )
        wrt = self.column if tangents else None
        return trace_graph(self.graph, values, mode=mode, wrt=wrt, numbering=numbering)

    # ----------------------------------------------------------------------------------------------------- boxes

    def paint(self, groups: Groups) -> tuple[list[Box], list[Arrow]]:
        """Return all boxes and arrows, groups collapsed."""
        homes = self._homes(groups)
        boxes = [self._box(i) for i in self.order if homes[i] is None]
        boxes += self._constant_boxes(homes)
        members = Counter(group for group in groups if group is not None)
        absorbed = Counter(home for home in homes[: len(self.graph.inputs)] if home is not None)
        boxes += [_scope_box(group, count, absorbed[group]) for group, count in members.items()]
        return boxes, self._arrows(homes)

    def _homes(self, groups: Groups) -> Groups:
        """Return the group that each node is drawn in, None for a box of its own; a parameter may stand in its scope."""
        homes = list(groups)
        for i in range(len(self.graph.inputs)):
            into = {homes[user] for user in self.users[i]}
            if self._role(i) == "parameter" and len(into) == 1:
                homes[i] = next(iter(into))
        return homes

    def _role(self, i: int) -> Role:
        if i < len(self.graph.inputs):
            return "parameter" if self.graph.inputs[i] in self.parameters else "input"
        return "output" if i in self.outputs else "operation"

    def _box(self, i: int) -> Box:
        graph, row = self.graph, self.row(i)
        scope = graph.scope_path(graph.scope_ids[i])
        role = self._role(i)
        if role == "parameter":
            scope = self._common_scope(i)
        if self.scalar:
            return Box(f"n{i}", role, self._formula_title(i), (), self._scalar_rows(i), scope)
        if graph.primitives[i].composite:
            title: Runs = ((dict(graph.params[i])["name"], "b"),)
        else:
            title = ((_greek(graph.inputs[i]), "b"),) if row.kind == "input" else self._operation_title(i)
        corner: Runs = ((shape_text(graph.types[i].shape), "grey"),)
        return Box(f"n{i}", role, title, corner, self._tensor_rows(i), scope)

    def _common_scope(self, i: int) -> tuple[str, ...]:
        paths = [self.graph.scope_path(self.graph.scope_ids[user]) for user in self.users[i]]
        if not paths:
            return ()
        common = paths[0]
        for path in paths[1:]:
            shared = [a for a, b in zip(common, path, strict=False) if a == b]
            common = common[: len(shared)] if common[: len(shared)] == path[: len(shared)] else ()
        return common

    def _formula_title(self, i: int) -> Runs:
        row = self.row(i)
        name = runs_of(write(self.term(i), RUN_STYLE))
        if row.formula is None:
            return (*name, (" = ", ""), *name_runs(row.label))
        return (*name, (" = ", ""), *runs_of(write(row.formula, RUN_STYLE)))

    def _operation_title(self, i: int) -> Runs:
        """Return the operation's name, or its formula where a number or input takes part: "0.1 · …", "… − Y".

        The dots are whatever arrives by an arrow; without the formula nothing would say which operand is which.
        """
        formula = self.row(i).formula
        name: Runs = ((self.graph.primitives[i].name, "b"),)
        if formula is None or len(formula.args) < 2:
            return name
        first = len(self.graph.inputs)
        parts = []
        for j, arg in zip(self.graph.operands[i], formula.args, strict=True):
            if j < 0:
                parts.append(arg if not np.ndim(arg.value) else Term(Symbol("constant"), (), None))
            else:
                parts.append(Term(Symbol(_greek(self.graph.inputs[j])) if j < first else HOLE, (), None))
        if sum(part.head is HOLE for part in parts) > 1:
            return name
        return ((write(Term(formula.head, tuple(parts), None, formula.params)), "b"),)

    def _scalar_rows(self, i: int) -> tuple[Row, ...]:
        row, rows = self.row(i), []
        if "value" in self.show:
            rows.append(Row("value", "value", significant(row.value)))
        if "tangent" in self.show and self.column is not None:
            rows.append(Row("tangent", "tangent", significant(row.tangents[self.trace.columns[0]].value)))
        if "adjoint" in self.show and row.adjoint is not None:
            known = self.graph.types[i].dtype != BOOL
            rows.append(Row("adjoint", "adjoint", significant(row.adjoint.value) if known else UNKNOWN))
        return (*rows, *self._seed_row(i))

    def _tensor_rows(self, i: int) -> tuple[Row, ...]:
        row, rows = self.row(i), []
        if "value" in self.show:
            rows.append(Row("value", "‖val‖" if np.ndim(row.value) else "val", self._size(row.value)))
        if "tangent" in self.show and self.column is not None:
            tangent = row.tangents[self.trace.columns[0]].value
            rows.append(Row("tangent", "‖tan‖" if np.ndim(tangent) else "tan", self._size(tangent)))
        if "adjoint" in self.show and row.adjoint is not None:
            adjoint = row.adjoint.value
            number = self._size(adjoint) if self.graph.types[i].dtype != BOOL else UNKNOWN
            rows.append(Row("adjoint", "‖adj‖" if np.ndim(adjoint) else "adj", number))
        return (*rows, *self._seed_row(i))

    def _size(self, value: Any) -> str:
        return significant(norm(value) if np.ndim(value) else value, 3)

    def _constant_boxes(self, homes: Groups) -> list[Box]:
        """Return dashed boxes for literal arrays that a visible node uses; scalar literals stand in the titles."""
        boxes = []
        first: dict[int, int] = {}
        seen: set[int] = set()
        for i, operands in enumerate(self.graph.operands):
            for j in operands:
                if j < 0:
                    first.setdefault(~j, i)
                    if homes[i] is None:
                        seen.add(~j)
        for k, constant in enumerate(self.graph.constants):
            if constant.type.shape and k in seen:
                corner: Runs = ((shape_text(constant.type.shape), "grey"),)
                rows = (Row("value", "‖val‖", self._size(constant.value)),) if "value" in self.show else ()
                scope = self.graph.scope_path(self.graph.scope_ids[first[k]])
                boxes.append(Box(f"c{k}", "constant", (("constant", "b"),), corner, rows, scope))
        return boxes

    # ---------------------------------------------------------------------------------------------------- arrows

    def _arrows(self, homes: Groups) -> list[Arrow]:
        arrows: list[Arrow] = []
        merged: Counter[tuple[str, str]] = Counter()
        for i in self.order:
            home = homes[i]
            for position, j in enumerate(self.graph.operands[i]):
                if j < 0:
                    if home is None and self.graph.constants[~j].type.shape:
                        arrows.append(Arrow(f"c{~j}", f"n{i}", self._partial(i, position), 1, position))
                elif home is None and homes[j] is None:
                    arrows.append(Arrow(f"n{j}", f"n{i}", self._partial(i, position), 1, position))
                elif homes[j] != home:
                    merged[_box_id(j, homes[j]), _box_id(i, home)] += 1
        return arrows + [Arrow(a, b, (), count, 0) for (a, b), count in merged.items()]

    def _site(self, i: int) -> Site:
        """Return node ``i`` as rules see it, in formulas."""
        graph, operands = self.graph, self.graph.operands[i]
        return Site(
            graph.primitives[i],
            self.term(i),
            tuple(self.term(j) for j in operands),
            graph.types[i],
            tuple(graph.type_of(j) for j in operands),
            dict(graph.params[i]),
        )

    def _partial(self, i: int, position: int) -> Runs:
        rule = self.graph.primitives[i].rule
        if "partials" not in self.show or not self.scalar or not isinstance(rule, Elementwise):
            return ()
        local = local_partial(rule, self._site(i), position)
        if local is None:
            return ()
        if not isinstance(local, Term):
            return ((significant(local), ""),)
        return (*runs_of(write(local, RUN_STYLE)), (f" = {significant(local.value)}", ""))


def _box_id(node: int, group: Group) -> str:
    return f"n{node}" if group is None else "s:" + "/".join(group)


def _scope_box(group: tuple[str, ...], members: int, absorbed: int) -> Box:
    """Return the box of a collapsed scope: how many nodes it has, and how many parameters stand in it."""
    words = f"{members} node" + ("s" if members != 1 else "")
    if absorbed:
        words += f", {absorbed} parameter" + ("s" if absorbed != 1 else "")
    return Box(_box_id(-1, group), "scope", ((group[-1], "b"),), (), (Row("note", words),), group[:-1])


def _users_of_inputs(graph: Graph) -> list[list[int]]:
    """Return the nodes that use each input, once per use."""
    users: list[list[int]] = [[] for _ in graph.inputs]
    for i, operands in enumerate(graph.operands):
        for j in operands:
            if 0 <= j < len(users):
                users[j].append(i)
    return users


def _nested_names(graph: Graph) -> frozenset[str]:
    """Return the inputs that came inside a container: those are parameters."""
    if graph.in_tree is None:
        return frozenset()
    nested: set[str] = set()
    at = 0
    for tree in graph.in_tree[2]:
        count = _leaf_count(tree)
        if tree != LEAF:
            nested |= set(graph.inputs[at : at + count])
        at += count
    return frozenset(nested)


def _leaf_count(tree: Any) -> int:
    if tree is None:
        return 0
    return 1 if tree == LEAF else sum(_leaf_count(child) for child in tree[2])
