"""Conventions at kinks: what other systems return there, and how to replace the rule table's own.

A *policy* gives some rows of the graph another rule. Values are the same, derivatives differ on kinks only, and
the answer under a policy is an ordinary derivative of an ordinary graph: nothing global changes. What JAX and
PyTorch return is a policy too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.errors import InputError
from adlab.ir.graph import Graph
from adlab.ir.primitive import Primitive
from adlab.primitives import NAMES
from adlab.primitives.rules import Elementwise, literal

Policy = Mapping[str, Any]
"""What the derivative is at a kink, by name of the primitive: a number, one per operand, or a side."""

SIDES = ("left", "right", "middle")

COMPARISONS = frozenset(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"))

NAN = float("nan")

# ------------------------------------------------------------------------------------------- other systems


@dataclass(frozen=True)
class Peer:
    """Another system: what it returns at the kinks of rows, where that is not what the rule table returns.

    Attributes
    ----------
    name : str
    conventions : Policy
        By name of the row; a row that is in neither table is unknown.
    same : frozenset of str
        Rows at whose kinks it agrees with the rule table.
    source : str
    """

    name: str
    conventions: Policy
    same: frozenset[str]
    source: str

    def knows(self, primitive: str) -> bool:
        """Return whether the table says what the system does at this row's kink."""
        return primitive in self.conventions or primitive in self.same


AGREED = frozenset((
    "maximum", "minimum", "max", "min", "sqrt", "sign", "floor", "ceil", "round", "where", "arcsin", "arccos",
    "arccosh", "arctan2", *COMPARISONS,
))  # fmt: skip

PEERS = (
    Peer(
        "JAX",
        MappingProxyType({"relu": 0, "absolute": 1, "elu": "left", "clip": 0.5, "hypot": (0.5, 0.5)}),
        AGREED | {"leaky_relu"},
        "JAX 0.10.2, measured: relu has a rule of its own, abs takes its right side, clip is a minimum of a "
        "maximum, leaky_relu is where(x ≥ 0, …) and elu where(x > 0, …)",
    ),
    Peer(
        "PyTorch",
        MappingProxyType(
            {"relu": 0, "leaky_relu": "left", "prelu": "left", "elu": "left", "hypot": (NAN, NAN)}
        ),
        AGREED | {"absolute", "clip", "norm"},
        "PyTorch 2, tools/autograd/derivatives.yaml: abs is sgn, maximum halves, clamp keeps its bounds, "
        "norm_backward fills with 0 where the norm is 0, hypot is self/result; the rectifiers' derivatives ask for x > 0",
    ),
)
"""What JAX and PyTorch do at kinks."""


# ------------------------------------------------------------------------------------------------- policies


def with_policy(graph: Graph, policy: Policy) -> Graph:
    """Return the graph with other conventions at the kinks of some of its rows.

    Parameters
    ----------
    graph : Graph
    policy : mapping of str to number, sequence of numbers or {"left", "right", "middle"}

    Returns
    -------
    Graph
        The same program; values are the same, derivatives differ on kinks only. It can be traced, drawn
        and differentiated again.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> from adlab.methods import METHODS
    >>> graph = record(abs, (0.0,)).graph
    >>> found = METHODS["reverse"].derivative(with_policy(graph, {"absolute": "right"}), [0.0])
    >>> float(found.jacobians[0][0])
    1.0
    """
    named = named_policy(policy)
    rows = {name: _row_with(NAMES[name], entry) for name, entry in named.items()}
    primitives = [rows.get(primitive.name, primitive) for primitive in graph.primitives]
    return dataclasses.replace(graph, primitives=primitives) if rows else graph


def named_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy by names of rows, or raise InputError."""
    found = {}
    for name, entry in policy.items():
        row = NAMES.get(name)
        if row is None or not _overridable(row):
            rows = sorted({row.name for row in NAMES.values() if _overridable(row)})
            raise InputError(f"The policy names {name!r}, which has no kink; these have: {', '.join(rows)}.")
        _check_entry(row, entry)
        found[row.name] = tuple(entry) if isinstance(entry, (list, tuple)) else entry
    return found


def _overridable(row: Primitive) -> bool:
    return isinstance(row.rule, Elementwise) and any(kink.switch for kink in row.kinks)


def _check_entry(row: Primitive, entry: Any) -> None:
    if isinstance(entry, str):
        if entry not in SIDES:
            raise InputError(
                f"The policy of {row.name} is {entry!r}; a side is {', '.join(SIDES[:-1])} or {SIDES[-1]}."
            )
        if row.kinks[0].where != "x = 0":
            raise InputError(f"The policy of {row.name} must be numbers: its kink has no left and right.")
        return
    numbers = entry if isinstance(entry, (list, tuple)) else (entry,)
    if any(isinstance(n, bool) or not isinstance(n, (int, float, np.number)) for n in numbers):
        raise InputError(
            f"The policy of {row.name} is {entry!r}; give a number, one number per operand, or a side: "
            "'left', 'right', 'middle'."
        )
    if isinstance(entry, (list, tuple)) and len(entry) != row.arity:
        raise InputError(f"The policy of {row.name} has {len(entry)} numbers for {row.arity} operands.")


def _row_with(row: Primitive, entry: Any) -> Primitive:
    """Return the row with other partials on its kinks."""
    assert isinstance(row.rule, Elementwise)
    partials = tuple(
        None if partial is None else _partial_with(row, partial, position, entry)
        for position, partial in enumerate(row.rule.partials)
    )
    words = f"{entry if isinstance(entry, (str, tuple)) else f'{entry:g}'}, by the policy given"
    kinks = tuple(dataclasses.replace(kink, convention=words, cases=()) for kink in row.kinks)
    return dataclasses.replace(row, rule=Elementwise(partials), kinks=kinks)


def _partial_with(row: Primitive, partial: Callable[..., Any], position: int, entry: Any) -> Any:
    """Return a partial that is the policy's on the kink and the row's elsewhere."""
    switch = row.kinks[0].switch
    assert switch is not None

    def overridden(A: Any, y: Any, *xs: Any) -> Any:
        usual = partial(A, y, *xs)
        if isinstance(entry, str):
            chosen = _from_side(A, y, xs, partial, entry)
        elif isinstance(entry, tuple):
            chosen = literal(A, entry[position], y)
        elif position == 0:
            chosen = literal(A, entry, y)
        elif row.name in ("maximum", "minimum"):
            chosen = literal(A, 1 - entry, y)
        elif row.name == "clip":
            rest = literal(A, 1 - entry, y)
            return A.where(A.equal(xs[0], xs[position]), rest, usual)
        else:
            return usual
        return A.where(A.equal(switch(A, *xs), 0), chosen, usual)

    return overridden


def _from_side(A: Any, y: Any, xs: tuple[Any, ...], partial: Callable[..., Any], side: str) -> Any:
    """Return a partial just beside the kink: as far as a float32 can see, and nothing rounds it away at 0."""
    if side == "middle":
        both = [_from_side(A, y, xs, partial, each) for each in ("left", "right")]
        return (both[0] + both[1]) / 2
    tiny = 1e-30 if side == "right" else -1e-30
    return partial(A, y, xs[0] + tiny, *xs[1:])


def peer_words(peer: Peer, row: Primitive) -> str:
    """Return what another system does at a row's kink, in a word or two.

    Examples
    --------
    >>> [peer_words(peer, NAMES["clip"]) for peer in PEERS], peer_words(PEERS[1], NAMES["elu"])
    (['½', 'as here'], 'from the left')
    """
    if row.name not in peer.conventions:
        return "as here" if row.name in peer.same else ""
    entry = peer.conventions[row.name]
    if isinstance(entry, str):
        return f"from the {entry}"
    numbers = entry if isinstance(entry, tuple) else (entry,)
    words = ["½" if n == 0.5 else "NaN" if n != n else f"{n:g}" for n in numbers]
    return " and ".join(words)
