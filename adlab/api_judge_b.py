"""The public verbs that measure and mark: cost, chain, swell, checker_power, grade.

Each takes a function in any of its forms and returns a report that prints itself, shows itself in a notebook and renders as text,
Markdown, LaTeX, HTML, CSV and JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adlab.render.judge_b import ShownChain, ShownGrade, ShownLedger, ShownPower, ShownSwell

__all__ = ["chain", "checker_power", "cost", "grade", "swell"]


def cost(f: Any, *args: Any, depth: int = 1) -> ShownLedger:
    """Return what differentiating a function costs by each mode, predicted and counted, and whether the theorems hold.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    depth : int
        Scopes nested this deep are one step each in the chain of local Jacobians.

    Returns
    -------
    ShownLedger
        ``modes``, ``bounds``, ``chain``; ``shown["reverse"]`` is one mode.

    Examples
    --------
    >>> import adlab as ad
    >>> ledger = ad.cost("ln(x1) + x1*x2 - sin(x2)", 2, 5)
    >>> [(row.mode, row.counted_evaluations) for row in ledger.modes if row.counted_evaluations]
    [('numerical, forward', 3), ('numerical, central', 5), ('forward', 1), ('reverse', 1)]
    >>> ledger.chain.left_to_right, ledger.chain.right_to_left
    (25, 42)
    """
    from adlab.render.judge_b import ShownLedger
    from adlab.reports.ledger import cost_ledger

    return ShownLedger(cost_ledger(f, *args, depth=depth))


def chain(shapes: Sequence[Sequence[int]], names: Sequence[str] | None = None) -> ShownChain:
    """Return what multiplying a chain of Jacobians takes, from either end and in the best order.

    Parameters
    ----------
    shapes : sequence of (rows, columns)
        The factors as they stand in the product: the last function of the composition first.
    names : sequence of str, optional

    Examples
    --------
    >>> import adlab as ad
    >>> ad.chain([(1, 10), (10, 100), (100, 1000)]).left_to_right
    101000
    """
    from adlab.render.judge_b import ShownChain
    from adlab.reports.ledger import chain_ledger

    return ShownChain(chain_ledger(shapes, names))


def swell(
    family: Any = None,
    steps: Iterable[int] | int = 10,
    at: Sequence[Any] = (0.2,),
    *,
    step: Any = None,
    limit: int | None = None,
) -> ShownSwell:
    """Return how a family of functions and their derivatives swell when they are written out, and how little as graphs.

    Parameters
    ----------
    family : callable, optional
        Takes n and returns the n-th function; by default the iterates of the logistic map 4·x·(1 − x).
    steps : int or iterable of int
        Which n; a number means 1, 2, …, up to it.
    at : sequence
        Example arguments.
    step : callable, str or Graph, optional
        A map of one number: the family is then its iterates, x, step(x), step(step(x)), ….
    limit : int, optional
        SymPy is not asked for derivatives of more operations than this; 0 leaves SymPy out.

    Examples
    --------
    >>> import adlab as ad
    >>> report = ad.swell(steps=5)
    >>> report.series("tree"), report.series("graph")
    ([0, 3, 9, 21, 45], [0, 3, 6, 9, 12])
    >>> ad.swell(step="x*x", steps=4).series("tree")
    [0, 1, 3, 7]
    """
    from adlab.errors import InputError
    from adlab.methods.symbolic import LIMIT
    from adlab.render.judge_b import ShownSwell
    from adlab.reports.swell import iterated
    from adlab.reports.swell import swell as report

    if step is not None and family is not None:
        raise InputError("swell takes a family or a map to iterate, not both; leave one out.")
    chosen, title = family, ""
    if step is not None:
        chosen = partial(iterated, step)
        title = f"The iterates of x ↦ {step}" if isinstance(step, str) else "The iterates of a map"
    return ShownSwell(report(chosen, steps, at, limit=LIMIT if limit is None else limit, title=title))


def checker_power(
    f: Any, *args: Any, tolerances: Sequence[float] | None = None, mode: str = "reverse", plants: int = 4
) -> ShownPower:
    """Plant mistakes in the rules of a function's graph and return which checker catches which at which tolerance.

    (`adlab.power` is the function xᵖ.)

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    tolerances : sequence of float, optional
        By default 1e-2, 1e-4, …, 1e-10.
    mode : {"reverse", "forward"}
        The sweep under test.
    plants : int
        At how many nodes each mistake is planted at most.

    Examples
    --------
    >>> import adlab as ad
    >>> report = ad.checker_power("x1*sin(x2)", 2, 5, tolerances=[1e-2, 1e-6])
    >>> [report["central, h = 1e-6", t].caught["factor 1.001"] for t in (1e-2, 1e-6)]
    [0, 2]
    """
    from adlab.render.judge_b import ShownPower
    from adlab.reports.power import TOLERANCES
    from adlab.reports.power import power as report

    chosen = TOLERANCES if tolerances is None else tuple(tolerances)
    return ShownPower(report(f, *args, tolerances=chosen, mode=mode, plants=plants))


def grade(work: str | Path, f: Any, *args: Any, tolerance: float | None = None) -> ShownGrade:
    r"""Mark somebody's trace table: which cells are right, which are wrong, and why.

    Parameters
    ----------
    work : str or Path
        The table as Markdown or CSV text, or the file that holds it.
    f : callable, str, SymPy expression or Graph
        The function of single numbers that the table is about.
    *args
        The point.
    tolerance : float, optional
        By how much a number may be rounded, relative to the true one; by default half a per cent.

    Returns
    -------
    ShownGrade
        ``passed``, ``cells``, ``wrong``, ``missing``.

    Examples
    --------
    >>> import adlab as ad
    >>> table = "| step | value |\n|---|---|\n| v0 = x | 2 |\n| v1 = ln(v0) | 0.301 |\n| y = v1 | 0.693 |"
    >>> [cell.sentence for cell in ad.grade(table, "ln(x)", 2).wrong]
    ['Wrong value, this is the logarithm to base 10: v1 is 0.693.']
    """
    from adlab.render.judge_b import ShownGrade
    from adlab.reports.grading import TOLERANCE
    from adlab.reports.grading import grade as report

    return ShownGrade(report(work, f, *args, tolerance=TOLERANCE if tolerance is None else tolerance))
