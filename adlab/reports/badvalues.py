"""Where a point is not an ordinary one: the nodes whose values are infinite or NaN although their operands were
fine, the first local derivative that is not finite, and the nodes that sit on a kink.

Values follow IEEE arithmetic and are never replaced; this report says where they come from. A bad number
passes from node to node, so only those that are new are named: what is not finite out of finite operands, and
the NaN that ∞ makes (0·∞, ∞ − ∞). Where a bad input makes nothing new, the first operation that it reaches is
named instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError
from adlab.ir.graph import Graph
from adlab.primitives.rules import Elementwise
from adlab.reports.nodes import NodeAt, level_numbers, node_at, operand_value, place_text, shown_number
from adlab.reports.plain import plain
from adlab.transforms.kinks import distance_to, on_kinks
from adlab.transforms.sweeps import active_nodes, site_of

NAMED = 3
"""So many bad nodes are named in a sentence; the rest are counted."""

EXAMINED = 10_000
"""So many nodes that are not finite are looked at: past the first ones, the rest is what they passed on."""

REASONS = {
    "first": ": the first value that is not finite",
    "another": ": its operands are finite",
    "first NaN": ": the first NaN, from operands that are not NaN",
    "another NaN": ": none of its operands is NaN",
    "reached": ": the first operation that a bad input reaches",
}


OVERFLOW = "The derivative is not finite although every local derivative is: their products or sums overflow."


@dataclass(frozen=True)
class BadNode:
    """A node with a value that is infinite or NaN, and new at this node.

    Attributes
    ----------
    node : NodeAt
        At the first bad element.
    value : float
        The bad value.
    reason : str
        "input", or what is new: a key of `REASONS`.
    """

    node: NodeAt
    value: float
    reason: str

    @property
    def primitive(self) -> str:
        """The operation."""
        return self.node.primitive

    @property
    def sentence(self) -> str:
        """Say which node it is and what it was given."""
        value = shown_number(self.value)
        if self.reason == "input":
            return f"The input {self.node.label} is {value}."
        return f"{self.node.words}, is {value}{REASONS[self.reason]}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {**_plain_node(self.node), "value": plain(self.value), "sentence": self.sentence}


def bad_nodes(graph: Graph, values: Sequence[Any], numbers: Sequence[int] | None = None) -> list[BadNode]:
    """Return the inputs that are not finite and the nodes at which something new went bad, in program order.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node, as evaluating the graph with NumPy gives them.
    numbers : sequence of int, optional
        How the nodes are numbered for display; by level if not given.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: x * 0, (1.0,)).graph
    >>> found = bad_nodes(graph, NUMPY.run(graph, [np.float64(np.inf)]))
    >>> [(bad.node.name, bad.node.operands, bad.value, bad.reason) for bad in found]
    [('x', (), inf, 'input'), ('v1', ('v0', '0'), nan, 'first NaN')]
    """
    inputs, new, reached = _scan(graph, values)
    if not (inputs or new):
        return []
    if inputs and not new and reached is not None:
        new = [(reached, _first_place(~np.isfinite(values[reached])), "reached")]
    numbers = level_numbers(graph) if numbers is None else numbers
    return [
        BadNode(node_at(graph, values, i, place, numbers), float(np.asarray(values[i])[place]), reason)
        for i, place, reason in [*inputs, *new]
    ]


def first_bad_node(
    graph: Graph, values: Sequence[Any], numbers: Sequence[int] | None = None
) -> BadNode | None:
    """Return the first node whose value is infinite or NaN, None if all are finite.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: np.log(x) + 1, (1.0,)).graph
    >>> bad = first_bad_node(graph, NUMPY.run(graph, [np.float64(-1.0)]))
    >>> bad.node.name, bad.node.primitive, bad.node.operands
    ('v1', 'log', ('v0',))
    """
    return next(iter(bad_nodes(graph, values, numbers)), None)


def bad_words(found: Sequence[BadNode]) -> str:
    """Return sentences on the first of several bad nodes, and how many more there are; empty if there is none."""
    sentences = [bad.sentence for bad in found[:NAMED]]
    more = len(found) - len(sentences)
    if more:
        own = "reasons of their own" if more > 1 else "a reason of its own"
        sentences.append(f"{more} more value{'s are' if more > 1 else ' is'} not finite for {own}.")
    return " ".join(sentences)


Spot = tuple[int, tuple[int, ...], str]
"""A node, an element of it, and why it is named."""


def _scan(graph: Graph, values: Sequence[Any]) -> tuple[list[Spot], list[Spot], int | None]:
    """Return bad inputs, nodes at which something new went bad, and the first operation that is bad at all."""
    inputs: list[Spot] = []
    new: list[Spot] = []
    reached: int | None = None
    examined, seen_nan = 0, False
    for i, value in enumerate(values):
        finite = np.isfinite(value)
        if finite is np.True_ or np.all(finite):
            continue
        if i < len(graph.inputs):
            inputs.append((i, _first_place(~finite), "input"))
            continue
        bad, nan = _new_here(graph, values, i)
        if np.any(bad):
            new.append((i, _first_place(bad), "another" if new or inputs else "first"))
        elif np.any(nan):
            new.append((i, _first_place(nan), "another NaN" if seen_nan else "first NaN"))
        if reached is None or (graph.primitives[i].elementwise and not graph.primitives[reached].elementwise):
            reached = i
        seen_nan = seen_nan or bool(np.any(np.isnan(value)))
        examined += 1
        if examined == EXAMINED:
            break
    return inputs, new, reached


def _new_here(graph: Graph, values: Sequence[Any], i: int) -> tuple[Any, Any]:
    """Return which elements of a node are not finite although its operands are, and which NaN though they are
    not; literals count as finite.
    """
    value = np.asarray(values[i])
    bad, nan = ~np.isfinite(value), np.isnan(value)
    for j in graph.operands[i]:
        if j < 0:
            continue
        finite, number = np.isfinite(values[j]), ~np.isnan(values[j])
        if not graph.primitives[i].elementwise:
            finite, number = np.all(finite), np.all(number)
        bad, nan = bad & finite, nan & number
    return bad, nan


def _first_place(flags: Any) -> tuple[int, ...]:
    """Return the first element that is marked."""
    return tuple(int(k) for k in np.argwhere(np.asarray(flags))[0])


# ------------------------------------------------------------------------------------------- local derivatives


@dataclass(frozen=True)
class BadPartial:
    """The first local derivative that is infinite or NaN although the node and its operands are finite.

    Attributes
    ----------
    node : NodeAt
        At the first bad element.
    operand : str
        Name of the operand that it is the derivative by.
    value : float
    """

    node: NodeAt
    operand: str
    value: float

    @property
    def sentence(self) -> str:
        """Say which derivative it is and where."""
        quotient = f"∂{self.node.name}/∂{self.operand}"
        return (
            f"The local derivative {quotient}{place_text(self.node.element)} of {self.node.words}, is "
            f"{shown_number(self.value)}: the first that is not finite."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            **_plain_node(self.node),
            "by": self.operand,
            "derivative": plain(self.value),
            "sentence": self.sentence,
        }


def bad_partial(
    graph: Graph, values: Sequence[Any], numbers: Sequence[int] | None = None
) -> BadPartial | None:
    """Return the first local derivative that is not finite at a node that is, None if there is none.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node, as evaluating the graph with NumPy gives them.
    numbers : sequence of int, optional
        How the nodes are numbered for display; by level if not given.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: np.sqrt(x - 1), (1.0,)).graph
    >>> bad = bad_partial(graph, NUMPY.run(graph, [np.float64(1.0)]))
    >>> bad.node.name, bad.operand, bad.value
    ('v2', 'v1', inf)
    """
    active = active_nodes(graph, range(len(graph.inputs)))
    constants = [NUMPY.constant(constant) for constant in graph.constants]
    for i in range(len(graph.inputs), len(graph)):
        if graph.primitives[i].rule is None:
            continue
        for position, j in enumerate(graph.operands[i]):
            if j < 0 or not active[j]:
                continue
            local = _local(graph, values, constants, i, position)
            if local is None or np.all(np.isfinite(local)) or not _all_finite(graph, values, i):
                continue
            place = _first_place(~np.isfinite(local))
            found = float(np.asarray(local)[place])
            node = node_at(graph, values, i, place if np.shape(local) == np.shape(values[i]) else (), numbers)
            return BadPartial(node, node.operands[position], found)
    return None


def _local(graph: Graph, values: Sequence[Any], constants: Sequence[Any], i: int, position: int) -> Any:
    """Return an elementwise partial, of another rule what a cotangent of ones becomes; None if it has none."""
    rule, site = graph.primitives[i].rule, site_of(graph, i, values, constants)
    assert rule is not None
    with np.errstate(all="ignore"):
        if isinstance(rule, Elementwise):
            partial = rule.partials[position]
            if partial is None:
                return None
            return np.broadcast_to(partial(NUMPY, site.y, *site.xs), site.type.shape)
        try:
            return rule.vjp(NUMPY, site, np.ones(site.type.shape, site.type.dtype)[()], position)
        except (AdlabError, NotImplementedError):
            return None


def _all_finite(graph: Graph, values: Sequence[Any], i: int) -> bool:
    given = [operand_value(graph, values, j) for j in graph.operands[i]]
    return all(np.all(np.isfinite(x)) for x in (values[i], *given))


# ---------------------------------------------------------------------------------------------------- kinks


@dataclass(frozen=True)
class KinkNode:
    """A node whose operands sit exactly on a kink of its primitive.

    Attributes
    ----------
    node : NodeAt
        At the first element that is on the kink.
    where, convention : str
        The kink and what the rule returns there, as the rule table words them.
    count, size : int
        How many elements are on it, and how many there are.
    """

    node: NodeAt
    where: str
    convention: str
    count: int
    size: int

    @property
    def primitive(self) -> str:
        """The operation."""
        return self.node.primitive

    @property
    def sentence(self) -> str:
        """Say which node it is and which convention applies."""
        others = f", as do {self.count - 1} more of its {self.size} elements" if self.count > 1 else ""
        return (
            f"{self.node.words}, sits on its kink {self.where}{others}, "
            f"where its rule follows a convention: {self.convention}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            **_plain_node(self.node),
            "where": self.where,
            "convention": self.convention,
            "count": self.count,
            "sentence": self.sentence,
        }


def nodes_on_kinks(
    graph: Graph, values: Sequence[Any], numbers: Sequence[int] | None = None
) -> list[KinkNode]:
    """Return the nodes that sit exactly on a kink, as far as the rule table can tell.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node, as evaluating the graph with NumPy gives them.
    numbers : sequence of int, optional
        How the nodes are numbered for display; by level if not given.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: np.abs(x - 1), (1.0,)).graph
    >>> [(node.primitive, node.where) for node in nodes_on_kinks(graph, NUMPY.run(graph, [np.float64(1.0)]))]
    [('absolute', 'x = 0')]
    """
    found = []
    for i, kink in on_kinks(graph, values):
        on = np.asarray(distance_to(kink, graph, values, i)) == 0
        numbers = level_numbers(graph) if numbers is None else numbers
        node = node_at(graph, values, i, _first_place(on), numbers)
        found.append(KinkNode(node, kink.where, kink.convention, int(np.sum(on)), on.size))
    return found


def kink_words(found: Sequence[KinkNode]) -> list[str]:
    """Return sentences on the first of several nodes on kinks, and how many more there are."""
    more = len(found) - NAMED
    sentences = [kink.sentence for kink in found[:NAMED]]
    return (
        [*sentences, f"{more} more node{'s sit' if more > 1 else ' sits'} on a kink."]
        if more > 0
        else sentences
    )


# ------------------------------------------------------------------------------------------- both together


@dataclass(frozen=True)
class Singularities:
    """What is out of the ordinary about a derivative at a point.

    Attributes
    ----------
    partial : BadPartial or None
        Where an infinite or undefined derivative comes from.
    kinks : tuple of KinkNode
    overflows : bool
        Whether the derivative is not finite although everything that it is made of is.
    """

    partial: BadPartial | None = None
    kinks: tuple[KinkNode, ...] = ()
    overflows: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say it in words."""
        if self.partial is None:
            found = [OVERFLOW] if self.overflows else []
            return (*found, *kink_words(self.kinks))
        here, own = self.partial.node.index, self.partial.sentence
        for kink in self.kinks:
            if kink.node.index == here:
                own += f" The convention at its kink {kink.where} is: {kink.convention}."
        return (own, *kink_words([kink for kink in self.kinks if kink.node.index != here]))


def singularities(
    graph: Graph, values: Sequence[Any], derivatives: Iterable[Any], numbers: Sequence[int] | None = None
) -> Singularities:
    """Return what is out of the ordinary about derivatives of a graph.

    Parameters
    ----------
    graph : Graph
    values : sequence
        The value of every node, as evaluating the graph with NumPy gives them.
    derivatives : iterable of numbers and arrays
        What was found; where all are finite, nothing is asked about infinite ones.
    numbers : sequence of int, optional
        How the nodes are numbered for display; by level if not given.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> import numpy as np
    >>> graph = record(lambda x: np.cbrt(x) + np.abs(x), (0.0,)).graph
    >>> for sentence in singularities(graph, NUMPY.run(graph, [np.float64(0.0)]), [np.inf]).sentences:
    ...     print(sentence.replace(f" ({graph.sources[1]})", ""))
    The local derivative ∂v1/∂v0 of v1, the cbrt at v0 = 0, is ∞: the first that is not finite. The convention at its \
kink x = 0 is: +∞, the limit from both sides.
    v2, the absolute at v0 = 0, sits on its kink x = 0, where its rule follows a convention: 0, the middle of −1 and 1.
    """
    finite = all(np.all(np.isfinite(x)) for x in derivatives)
    partial = None if finite else bad_partial(graph, values, numbers)
    overflows = not finite and partial is None and all(np.all(np.isfinite(x)) for x in values)
    return Singularities(partial, tuple(nodes_on_kinks(graph, values, numbers)), overflows)


def _plain_node(node: NodeAt) -> dict[str, Any]:
    return {
        "name": node.name,
        "primitive": node.primitive,
        "element": list(node.element),
        "operands": [
            {"name": name, "value": shown_number(value) if np.ndim(value) else plain(value)}
            for name, value in zip(node.operands, node.operand_values, strict=True)
        ],
        "file": node.source.file,
        "line": node.source.line,
    }
