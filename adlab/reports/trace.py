"""The evaluation trace and its derivatives, as data: which rows there are, with which formulas and numbers.

A row is a node. Its *formula* is the primitive applied to its operands' names; its *tangent* is Σ
partial·tangent over the operands; its *adjoint* is the sum, over the nodes that use it, of their adjoint
times the local partial. All three are `Term` trees, so a renderer prints each with names and again with
numbers. The numbers themselves come from the same sweeps that differentiate, never from the formulas.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adlab.algebra.notation import AS_NUMBER, NOTATION, Symbol, Term, derivative, literal, symbol
from adlab.algebra.numpy import NUMPY
from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.numbering import display_numbers, display_order
from adlab.ir.primitive import Notation, Primitive, Site
from adlab.primitives.notation import ATOM, NEGATIVE, POWER, PRODUCT, SUM
from adlab.primitives.rules import Elementwise, unbroadcast
from adlab.reports.badvalues import Singularities, bad_nodes, bad_words, singularities
from adlab.reports.lazy import made
from adlab.transforms.costs import count_evaluation, count_forward, count_reverse
from adlab.transforms.scopes import scope_paths
from adlab.transforms.sweeps import active_nodes, evaluate, forward_sweep, reverse_sweep, site_of

MODES = ("evaluate", "forward", "reverse", "all")
COUNTED = 20_000
"""Operations of larger graphs are not counted for display."""

MAX_COLUMNS = 12
"""So many tangent columns are shown; a trace says how many it leaves out."""

LONG_RULE = 24
"""A rule whose formula has more names and numbers than this is written as its local derivative's name."""

TIGHT = Notation("{0}·{1}", r"{0} \cdot {1}", PRODUCT, (PRODUCT, PRODUCT + 1))
LOOSE = Notation("{0} · {1}", r"{0} \cdot {1}", PRODUCT, (PRODUCT, PRODUCT))
PLUS = Notation("{0} + {1}", "{0} + {1}", SUM, (SUM, NEGATIVE + 1))
MINUS = Notation("{0} − {1}", "{0} - {1}", SUM, (SUM, NEGATIVE + 1))
OPPOSITE = Notation("−{0}", "-{0}", NEGATIVE, (POWER,))


@dataclass(frozen=True)
class Cell:
    """A derived quantity: its formula (None where it is given, as a seed is) and its value."""

    formula: Term | None
    value: Any


@dataclass(frozen=True)
class Contribution:
    """What one use of a node adds to its adjoint."""

    source: Symbol
    formula: Term
    value: Any


@dataclass(frozen=True)
class Adjoint:
    """The adjoint of a node: seed or sum of contributions, in the order of the nodes that give them."""

    formula: Term | None
    value: Any
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True)
class Row:
    """One node of a trace.

    Attributes
    ----------
    node : position in the graph
    name : how it is numbered for display
    kind : "input" or "operation"
    label : for an input its own name, else the primitive's
    formula, value : what it computes
    tangents : per column, what forward mode computes
    adjoint : what reverse mode computes
    scope : names of the enclosing scopes
    """

    node: int
    name: Symbol
    kind: str
    label: str
    formula: Term | None
    value: Any
    tangents: Mapping[str, Cell] = field(default_factory=dict)
    adjoint: Adjoint | None = None
    scope: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """A trace: what is computed at a point, row by row, with which numbers.

    Attributes
    ----------
    mode : "evaluate", "forward", "reverse" or "all"
    title : the function as it was given
    inputs : names of the inputs
    outputs : (name, symbol of its node or None for a constant, value) of each output
    rows : in the order in which values are computed; of a long trace each is made when it is looked at
    point : value of each input
    columns : names of the tangent columns shown
    left_out : number of tangent columns not shown
    seeded : name of the output (element) that the adjoints belong to
    costs : counts of evaluations, passes and operations, by what was computed
    bad : where the first NaN or infinity arose, in words; empty if none did
    remarks : where an infinite derivative comes from, and which nodes sit on a kink, in words
    kinked : nodes that sit on a kink
    """

    mode: str
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, Symbol | None, Any], ...]
    rows: Sequence[Row]
    point: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    left_out: int = 0
    seeded: str = ""
    costs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    bad: str = ""
    remarks: tuple[str, ...] = ()
    kinked: frozenset[int] = frozenset()

    @property
    def reversed_rows(self) -> Sequence[Row]:
        """Rows in the order in which adjoints are computed."""
        return self.rows[::-1]

    def row_of(self, name: Symbol) -> Row:
        """Return the row of a node; rows are numbered one after the other."""
        return self.rows[int(name.index) - int(self.rows[0].name.index)]


def trace_graph(
    graph: Graph,
    inputs: Sequence[Any],
    *,
    mode: str = "evaluate",
    wrt: str | None = None,
    numbering: str = "level",
    output: int = 0,
    title: str = "",
) -> Trace:
    """Trace a graph at a point.

    Parameters
    ----------
    graph : Graph
    inputs : sequence
        One NumPy value per input.
    mode : str
        "evaluate", "forward", "reverse" or "all".
    wrt : str, optional
        The input (``x1``, or ``x[0]`` for an element) whose tangent column is shown; None shows all.
    numbering : str
        "level", "program" or "baydin".
    output : int
        Which element of the flattened outputs the adjoints start from.
    title : str
        What is traced, for the head of the table.

    Raises
    ------
    InputError
        For an unknown mode, numbering, input or output.
    """
    if mode not in MODES:
        raise InputError(f"The mode {mode!r} is unknown; it is one of {', '.join(MODES)}.")
    builder = _TraceBuilder(graph, inputs, numbering)
    columns: tuple[str, ...] = ()
    left_out, seeded = 0, ""
    if mode in ("forward", "all"):
        columns, left_out = builder.forward(wrt)
    elif wrt is not None:
        builder.directions(wrt)
    if mode in ("reverse", "all"):
        seeded = builder.reverse(output)
    singular = builder.singularities()
    return Trace(
        mode,
        title,
        graph.inputs,
        builder.outputs(),
        builder.rows(),
        dict(zip(graph.inputs, inputs, strict=True)),
        columns,
        left_out,
        seeded,
        builder.costs,
        bad_words(bad_nodes(graph, builder.values, builder.numbers)),
        singular.sentences,
        frozenset(kink.node.index for kink in singular.kinks),
    )


class _Names(Sequence["Term | None"]):
    """The names of all nodes, of their tangents ("dot") or of their adjoints ("bar"); None where there is no number."""

    def __init__(self, numbers: Sequence[int], values: Sequence[Any], mark: str = "") -> None:
        self.numbers = numbers
        self.values = values
        self.mark = mark

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: Any) -> Any:
        return None if self.values[i] is None else symbol("v", self.numbers[i], self.values[i], self.mark)


class _TraceBuilder:
    """The numbers of all nodes, collected pass by pass, and their rows with formulas, made one by one."""

    def __init__(self, graph: Graph, inputs: Sequence[Any], numbering: str) -> None:
        self.graph = graph
        self.order = display_order(graph, numbering)
        self.numbers = display_numbers(graph, self.order, numbering)
        self.values = evaluate(graph, NUMPY, inputs)
        self.terms = _Names(self.numbers, self.values)
        self.literals = [NOTATION.constant(constant) for constant in graph.constants]
        self.constants = [NUMPY.constant(constant) for constant in graph.constants]
        self.tangents: dict[str, _Names] = {}
        self.adjoints: _Names | None = None
        self.uses = _Uses((), ())
        self.seed: tuple[int, str, Any] = (-1, "", None)
        self.paths = scope_paths(graph)
        self.active = active_nodes(graph, range(len(graph.inputs)))
        self.sites: dict[int, Site] = {}
        self.counted = len(graph) <= COUNTED
        counts = [count_evaluation(graph)] if self.counted else []
        self.costs: dict[str, dict[str, int]] = {"evaluation": self._cost("evaluations", 1, counts)}

    # --------------------------------------------------------------------------------------------- evaluation

    def site(self, i: int) -> Site:
        """Return node ``i`` as rules see it, in formulas; asked for once per operand, so nodes of many are
        kept.
        """
        if len(self.graph.operands[i]) <= 3:
            return self._site(i)
        if i not in self.sites:
            self.sites[i] = self._site(i)
        return self.sites[i]

    def _site(self, i: int) -> Site:
        return site_of(self.graph, i, self.terms, self.literals)

    def formula(self, i: int) -> Term:
        """Return what node ``i`` computes."""
        graph = self.graph
        xs = [self.terms[j] if j >= 0 else self.literals[~j] for j in graph.operands[i]]
        args = tuple(x if isinstance(x, Term) else literal(x) for x in xs)
        return Term(graph.primitives[i], args, self.values[i], graph.params[i])

    def outputs(self) -> tuple[tuple[str, Symbol | None, Any], ...]:
        """Return name, symbol and value of each output."""
        found = []
        for name, j in zip(self.graph.output_names, self.graph.outputs, strict=True):
            head = self.terms[j].head if j >= 0 else None
            value = self.values[j] if j >= 0 else self.constants[~j]
            found.append((name, head if isinstance(head, Symbol) else None, value))
        return tuple(found)

    def rows(self) -> Sequence[Row]:
        """Return the rows in display order."""
        return made(self._row, self.order)

    def _row(self, i: int) -> Row:
        graph, is_input = self.graph, i < len(self.graph.inputs)
        head = self.terms[i].head
        assert isinstance(head, Symbol)
        return Row(
            i,
            head,
            "input" if is_input else "operation",
            graph.inputs[i] if is_input else graph.primitives[i].name,
            None if is_input else self.formula(i),
            self.values[i],
            {label: self._tangent(i, marked) for label, marked in self.tangents.items()},
            None if self.adjoints is None else self._adjoint(i, self.adjoints),
            self.paths[graph.scope_ids[i]],
        )

    # ------------------------------------------------------------------------------------------------ forward

    def directions(self, wrt: str | None) -> tuple[list[tuple[str, int, tuple[int, ...]]], int]:
        """Return (label, input, element) of the tangent columns shown, of all inputs or of ``wrt``, and how many there are."""
        names = zip(self.graph.inputs, self.graph.input_types, strict=True)
        if wrt is None or wrt in self.graph.inputs:
            count = sum(type.size for name, type in names if wrt in (None, name))
        else:
            count = 1
        found = list(itertools.islice(self._columns(wrt), min(count, MAX_COLUMNS)))
        if not found and wrt is not None:
            known = ", ".join(self.graph.inputs)
            raise InputError(f"There is no input {wrt!r} to differentiate by; the inputs are {known}.")
        return found, count

    def _columns(self, wrt: str | None) -> Iterator[tuple[str, int, tuple[int, ...]]]:
        """Yield every tangent column; all of them, or those of ``wrt``."""
        for k, name in enumerate(self.graph.inputs):
            shape = self.graph.types[k].shape
            for element in np.ndindex(*shape):
                label = name + (f"[{', '.join(map(str, element))}]" if shape else "")
                if wrt in (None, name, label):
                    yield label, k, element

    def forward(self, wrt: str | None) -> tuple[tuple[str, ...], int]:
        """Compute the tangent columns; return their names and how many are left out."""
        shown, count = self.directions(wrt)
        for label, k, element in shown:
            self._column(label, k, element)
        counts = [count_forward(self.graph, k) for _, k, _ in shown] if self.counted else []
        self.costs["forward"] = self._cost("forward passes", len(shown), counts)
        return tuple(label for label, _, _ in shown), count - len(shown)

    def _column(self, label: str, k: int, element: tuple[int, ...]) -> None:
        graph = self.graph
        seeds: list[Any] = [np.zeros(type.shape, type.dtype)[()] for type in graph.input_types]
        if element:
            seeds[k][element] = 1
        else:
            seeds[k] = graph.types[k].dtype.type(1)
        tangents = forward_sweep(graph, NUMPY, self.values, seeds)
        self.tangents[label] = _Names(self.numbers, tangents, "dot")

    def _tangent(self, i: int, marked: _Names) -> Cell:
        """Return the tangent of node ``i``."""
        tangent = marked.values[i]
        value = np.zeros(self.graph.types[i].shape)[()] if tangent is None else tangent
        return Cell(self._tangent_formula(i, marked) if i >= len(self.graph.inputs) else None, value)

    def _tangent_formula(self, i: int, marked: Sequence[Term | None]) -> Term | None:
        operands = self.graph.operands[i]
        rule = self.graph.primitives[i].rule
        given = [marked[j] if j >= 0 else None for j in operands]
        if rule is None or all(tangent is None for tangent in given):
            return None
        site = self.site(i)
        if site.primitive.composite:
            return _sum([_product(self._local(i, p), t, TIGHT) for p, t in enumerate(given) if t is not None])
        if not isinstance(rule, Elementwise):
            formula = rule.jvp(NOTATION, site, given)
            if isinstance(formula, Term) and _is_long(formula):
                return _sum(
                    [_product(self._local(i, p), t, TIGHT) for p, t in enumerate(given) if t is not None]
                )
            return formula if isinstance(formula, Term) or formula is None else literal(formula)
        parts = []
        for position, tangent in enumerate(given):
            partial = None if tangent is None else local_partial(rule, site, position)
            if partial is not None and tangent is not None:
                parts.append(_forward_part(partial, tangent))
        return _sum(parts) if parts else None

    # ------------------------------------------------------------------------------------------------ reverse

    def reverse(self, output: int) -> str:
        """Compute the adjoints of one output element; return its name."""
        operand, element, name = self._seeded(output)
        graph = self.graph
        seed = np.zeros(graph.type_of(operand).shape, graph.type_of(operand).dtype)
        seed[element] = 1
        adjoints = reverse_sweep(graph, NUMPY, self.values, [(operand, seed[()])])
        self.adjoints = _Names(self.numbers, adjoints, "bar")
        self.uses = _uses(graph, self.order)
        self.seed = (operand, name, seed[()])
        counts = [count_reverse(graph, operand, range(len(graph.inputs)))] if self.counted else []
        self.costs["reverse"] = self._cost("reverse passes", 1, counts)
        return name

    def _adjoint(self, i: int, marked: _Names) -> Adjoint:
        """Return the adjoint of node ``i``: the seed, and what each use gives."""
        seeded, name, seed = self.seed
        parts = [
            part
            for user, position in self.uses.of(i)
            for part in self._contribution(i, user, position, marked[user])
        ]
        formulas = [part.formula for part in parts]
        if i == seeded:
            formulas.insert(0, _seed_term(name, self.terms[i], seed))
        adjoint = marked.values[i]
        value = np.zeros(self.graph.types[i].shape)[()] if adjoint is None else adjoint
        return Adjoint(_sum(formulas) if formulas else None, value, tuple(parts))

    def _seeded(self, output: int) -> tuple[int, tuple[int, ...], str]:
        position = output
        for name, operand in zip(self.graph.output_names, self.graph.outputs, strict=True):
            shape = self.graph.type_of(operand).shape
            size = self.graph.type_of(operand).size
            if 0 <= position < size:
                element = tuple(int(k) for k in np.unravel_index(position, shape)) if shape else ()
                label = name + (f"[{', '.join(map(str, element))}]" if shape else "")
                return operand, element, label
            position -= size
        total = sum(type.size for type in self.graph.output_types)
        raise InputError(f"There is no output {output}: the function has {total}, counted from 0.")

    def _contribution(self, i: int, user: int, position: int, cotangent: Term | None) -> list[Contribution]:
        """Return what ``user`` gives to the adjoint of ``i``, its operand at ``position``; empty if
        nothing.
        """
        rule = self.graph.primitives[user].rule
        if cotangent is None or rule is None or not self.active[i]:
            return []
        site = self.site(user)
        head = self.terms[user].head
        assert isinstance(head, Symbol)
        if site.primitive.composite:
            part: Any = _product(cotangent, self._local(user, position), LOOSE)
        elif isinstance(rule, Elementwise):
            part = _reverse_part(rule, site, cotangent, position)
        else:
            part = rule.vjp(NOTATION, site, cotangent, position)
            if isinstance(part, Term) and _is_long(part):
                part = Term(LOOSE, (cotangent, self._local(user, position)), part.value)
            elif isinstance(part, Term):
                part = _repeated(part)
        return [] if part is None else [Contribution(head, _term(part), _term(part).value)]

    def _local(self, i: int, position: int) -> Term:
        """Return the local Jacobian of node ``i`` by one operand, as a name with its value."""
        site = self.site(i)
        operand = site.xs[position] if isinstance(site.xs[position], Term) else literal(site.xs[position])
        shape = self.graph.types[i].shape + self.graph.type_of(self.graph.operands[i][position]).shape
        of = (
            Term(Symbol(site.params["name"]), (), self.values[i])
            if site.primitive.composite
            else self.terms[i]
        )
        if np.prod(shape, dtype=float) > LONG_RULE:  # too large to be written: only its shape will be
            return derivative(of, operand, np.broadcast_to(np.nan, shape))
        if "graph" not in site.params:
            return derivative(of, operand, self._small_jacobian(i, position))
        xs = [self.constants[~j] if j < 0 else self.values[j] for j in self.graph.operands[i]]
        inner: Graph = site.params["graph"]
        jacobian = _dense_jacobian(inner, evaluate(inner, NUMPY, xs), position)
        return derivative(of, operand, jacobian)

    def _small_jacobian(self, i: int, position: int) -> Any:
        """Return the local Jacobian of a node that is no scope."""
        out, into = self.graph.types[i], self.graph.type_of(self.graph.operands[i][position])
        site, rule = site_of(self.graph, i, self.values, self.constants), self.graph.primitives[i].rule
        assert rule is not None
        rows = []
        for element in np.ndindex(*out.shape):
            seed = np.zeros(out.shape)
            seed[element] = 1
            row = rule.vjp(NUMPY, site, seed[()], position)
            rows.append(np.zeros(into.shape) if row is None else row)
        return np.reshape(rows, out.shape + into.shape)[()]

    # ------------------------------------------------------------------------------------------ singularities

    def singularities(self) -> Singularities:
        """Return what is out of the ordinary about the derivatives that were computed."""
        found = [marked.values[j] for marked in self.tangents.values() for j in self.graph.outputs if j >= 0]
        if self.adjoints is not None:
            found += self.adjoints.values[: len(self.graph.inputs)]
        if not (self.tangents or self.adjoints is not None):
            return Singularities()
        known = [x for x in found if x is not None]
        return singularities(self.graph, self.values, known, self.numbers)

    # -------------------------------------------------------------------------------------------------- costs

    def _cost(self, what: str, passes: int, counts: Sequence[Counter[str]]) -> dict[str, int]:
        """Return how many passes there were and the operations they took together."""
        cost = {what: passes}
        return cost | {"operations": sum(count.total() for count in counts)} if self.counted else cost


# -------------------------------------------------------------------------------------------- composing terms


def _term(value: Any) -> Term:
    return value if isinstance(value, Term) else literal(value)


def _product(left: Term, right: Term, notation: Notation) -> Term:
    with np.errstate(all="ignore"):
        value = left.value * right.value if np.ndim(left.value) == np.ndim(right.value) == 0 else None
    return Term(notation, (left, right), value)


def _repeated(part: Term) -> Term:
    """Return a cotangent that is only repeated over axes, as that of a sum, as its product with the partials: ones.

    The rule says it in `reshape` and `broadcast_to`, which are means and not part of the formula.
    """
    if not (isinstance(part.head, Primitive) and part.head.name == "broadcast_to"):
        return part
    shape = dict(part.params)["shape"]
    lengths = [str(length) for length in shape]
    latex = r"\mathbf{{1}}_{{" + r" \times ".join(lengths) + "}}"
    ones = Notation(f"ones({', '.join(lengths)})", latex, ATOM)
    inner = part.args[0]
    if isinstance(inner.head, Primitive) and inner.head.name == "reshape":
        bare = inner.args[0]
        lead = len(np.shape(inner.value)) - len(np.shape(bare.value))
        if np.shape(inner.value) == (1,) * lead + np.shape(bare.value):
            inner = bare
    return Term(LOOSE, (inner, Term(ones, (), np.ones(shape))), part.value)


def local_partial(rule: Elementwise, site: Site, position: int) -> Any:
    """Return a local partial as it is shown, a formula or a literal number; None where nothing can flow.

    The formula is the textbook's where the row gives one, the value always that of the rule.
    """
    partial = rule.partials[position]
    if partial is None:
        return None
    local = partial(NOTATION, site.y, *site.xs)
    shown = rule.textbook[position] if rule.textbook else None
    if shown is None or not isinstance(local, Term):
        return local
    formula = shown(NOTATION, site.y, *site.xs)
    return Term(formula.head, formula.args, local.value, formula.params)


def _forward_part(partial: Any, tangent: Term) -> Term:
    """Return partial·tangent: a partial of ±1 is only a sign, a quotient or product keeps its distance."""
    if type(partial) is int and partial in (1, -1):
        return tangent if partial == 1 else Term(OPPOSITE, (tangent,), -tangent.value)
    partial = _term(partial)
    loose = isinstance(partial.head, Primitive) and partial.head.name in ("divide", "multiply")
    with np.errstate(all="ignore"):
        return Term(LOOSE if loose else TIGHT, (partial, tangent), partial.value * tangent.value)


def _reverse_part(rule: Elementwise, site: Site, cotangent: Term, position: int) -> Term | None:
    """Return adjoint · partial, a partial of ±1 shown, summed where the operand had been broadcast."""
    partial = local_partial(rule, site, position)
    if partial is None:
        return None
    local = _term(partial)
    with np.errstate(all="ignore"):
        value = np.broadcast_to(cotangent.value * np.asarray(local.value), site.type.shape)[()]
    product = Term(LOOSE, (cotangent, Term(AS_NUMBER, (local,), local.value)), value)
    return unbroadcast(NOTATION, product, site.type.shape, site.types[position].shape)  # type: ignore[no-any-return]


def _sum(parts: Sequence[Term]) -> Term:
    total = parts[0]
    for part in parts[1:]:
        with np.errstate(all="ignore"):
            value = None if total.value is None or part.value is None else total.value + part.value
        if part.head is OPPOSITE:
            total = Term(MINUS, (total, part.args[0]), value)
        else:
            total = Term(PLUS, (total, part), value)
    return total


def _seed_term(output: str, node: Term, seed: Any) -> Term:
    return derivative(Term(Symbol(output), (), seed), node, seed)


@dataclass(frozen=True)
class _Uses:
    """Where nodes are used: node i by ``places[starts[i]:starts[i + 1]]``, in display order."""

    starts: Sequence[int]
    places: Sequence[tuple[int, int]]

    def of(self, i: int) -> Sequence[tuple[int, int]]:
        """Return the (node, operand position) pairs that use a node."""
        return self.places[self.starts[i] : self.starts[i + 1]]


def _uses(graph: Graph, order: Sequence[int]) -> _Uses:
    """Return the uses of all nodes, each node's in the display order of the users."""
    counts = [0] * (len(graph) + 1)
    for operands in graph.operands:
        for operand in operands:
            if operand >= 0:
                counts[operand + 1] += 1
    starts = list(itertools.accumulate(counts))
    at, places = starts[:], [(0, 0)] * starts[-1]
    for user in order:
        for position, operand in enumerate(graph.operands[user]):
            if operand >= 0:
                places[at[operand]] = user, position
                at[operand] += 1
    return _Uses(starts, places)


def _is_long(term: Term) -> bool:
    """Return whether a formula has more names and numbers than anyone reads."""
    count, stack = 0, [term]
    while stack and count <= LONG_RULE:
        item = stack.pop()
        count += not item.args
        stack.extend(item.args)
    return count > LONG_RULE


def _dense_jacobian(graph: Graph, values: Sequence[Any], position: int) -> Any:
    """Return the local Jacobian by one input, output axes first; a number for scalars."""
    out, into = graph.output_types[0], graph.types[position]
    rows = []
    for element in np.ndindex(*out.shape):
        seed = np.zeros(out.shape, out.dtype)
        seed[element] = 1
        row = reverse_sweep(graph, NUMPY, values, [(graph.outputs[0], seed[()])], wrt=[position])[position]
        rows.append(np.zeros(into.shape) if row is None else row)
    return np.reshape(rows, out.shape + into.shape)[()]
