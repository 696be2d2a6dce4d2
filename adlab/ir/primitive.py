"""A primitive is a row of data: everything adlab knows of one operation.

The row holds how to compute the operation in each carrier, its derivative rule, its notation, where it is
defined and where it has kinks. Nothing about an operation stands anywhere else; the rows themselves are in
`adlab.primitives`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from adlab.ir.types import Type

Params = tuple[tuple[str, Any], ...]
"""Static parameters of a node as sorted (name, value) pairs; every value is hashable."""

Infer = Callable[..., Type]


class Rule(Protocol):
    """How tangents and cotangents pass through a primitive; written for values of any algebra ``A``."""

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the output's tangent; a tangent that is None does not take part."""

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return what the output's cotangent contributes to the operand at ``position``; None if nothing."""


class Site(NamedTuple):
    """One node at work: what a rule may look at.

    Attributes
    ----------
    primitive : Primitive
    y : value of the node, in the algebra at hand
    xs : values of its operands
    type : shape and dtype of the node
    types : the same of the operands
    params : static parameters
    """

    primitive: Primitive
    y: Any
    xs: tuple[Any, ...]
    type: Type
    types: tuple[Type, ...]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Notation:
    """How an application is written, once as text, once as LaTeX.

    The templates hold ``{0}``, ``{1}`` … for operands and ``{name}`` for static parameters; ``{*}`` is the
    list of all operands. ``level`` is how tightly the whole binds, ``operand_levels`` what each operand
    must reach to go without parentheses (the last entry serves all further operands). ``latex_level`` is
    given where LaTeX binds otherwise.
    """

    text: str
    latex: str
    level: int
    operand_levels: tuple[int, ...] = (0,)
    latex_level: int | None = None


@dataclass(frozen=True)
class Kink:
    """A place where a primitive has no derivative, and the convention that applies there.

    Attributes
    ----------
    where : str
        The place in words, e.g. "x = 0".
    convention : str
        What the rule returns there and why.
    switch : callable, optional
        Function of (A, *xs) that is zero exactly on the kink; its size is the distance to it.
    cases : tuple of (point, partials)
        Points on the kink with the partials that the convention gives there, one per operand.
    """

    where: str
    convention: str
    switch: Callable[..., Any] | None = None
    cases: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()


@dataclass(frozen=True)
class Domain:
    """Where a primitive is defined and smooth, as one interval per operand, for tests and documentation.

    An interval between two integers or truth values says that the operand takes only those and that no
    derivative flows through it. ``samples`` are special points worth testing besides, where the derivative
    exists: tiny, large, saturated, the other branch. Points without a derivative belong to a `Kink`.
    """

    text: str = "all real numbers"
    intervals: tuple[tuple[float, float], ...] = ((-3.0, 3.0),)
    samples: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Primitive:
    """A row of the rule table.

    Attributes
    ----------
    name : str
        The name in graphs, in expressions and in ``adlab.<name>``.
    infer : callable
        Types of the operands (and static parameters) to the type of the result; raises ShapeError.
    rule : Rule or None
        The derivative; None for an operation whose result does not depend smoothly on anything (comparisons).
    numpy : callable or str
        The implementation on arrays; a string "module:name" is imported when first used.
    sympy, mpmath : str or callable or None
        The name of the function in the library, or a function of (library, *operands, **params). None where
        the library computes with ``numpy`` on object arrays (structural operations).
    arity : int or None
        Number of operands; None means any.
    notation, domain, kinks
        For printing, for tests, for warnings. The notation may be a function of the static parameters.
    aliases : tuple of str
        Further names in expressions.
    defaults : tuple of float
        Values of trailing operands that may be left out.
    composite : callable or None
        For a row whose nodes hold a graph of their own in a parameter: how it is evaluated in any carrier, as a
        function of (A, operands, parameters). None for all others.
    summary : str
        One line for documentation.
    elementwise : bool
        Whether the operation acts on each element by itself, after broadcasting.
    source : str
        Where the formula comes from, if it is not in every textbook.
    ulps, operand_ulps : float
        How accurate the value and the partials are in float64: within ``ulps`` units in the last place of
        the exact result, plus what moving each operand by ``operand_ulps`` of its own units would change
        (for formulas that round inside a function that amplifies it, as e^(−x²) does).
    """

    name: str
    infer: Infer
    rule: Rule | None
    numpy: Callable[..., Any] | str
    sympy: Callable[..., Any] | str | None = None
    mpmath: Callable[..., Any] | str | None = None
    arity: int | None = 1
    notation: Notation | Callable[..., Notation] = field(default_factory=lambda: Notation("{*}", "{*}", 9))
    domain: Domain = field(default_factory=Domain)
    kinks: tuple[Kink, ...] = ()
    aliases: tuple[str, ...] = ()
    defaults: tuple[float, ...] = ()
    summary: str = ""
    elementwise: bool = False
    composite: Callable[[Any, Sequence[Any], Mapping[str, Any]], Any] | None = None
    source: str = ""
    ulps: float = 4.0
    operand_ulps: float = 0.0

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"
