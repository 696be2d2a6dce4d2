"""The public verbs that judge: kinks, step, autopsy, cost, chain, swell, checker_power, grade.

What a derivative is worth depends on where it is taken and by whom. Three verbs judge a point: how near it is to a kink or a
branch, how much a difference can be trusted there, where a NaN comes from. The others count and mark: what differentiating
costs, how expressions swell, which checker catches which mistake, which cells of somebody's trace table are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adlab.api import Function

if TYPE_CHECKING:
    from adlab.render.autopsy import ShownAutopsy
    from adlab.render.grading import ShownGrade
    from adlab.render.kinks import ShownKinks
    from adlab.render.ledger import ShownChain, ShownLedger
    from adlab.render.power import ShownPower
    from adlab.render.steps import ShownStep
    from adlab.render.swell import ShownSwell

__all__ = ["autopsy", "chain", "checker_power", "cost", "grade", "kinks", "step", "swell"]


def kinks(
    f: Function,
    *args: Any,
    policy: Mapping[str, Any] | None = None,
    h: float | None = None,
    names: Sequence[str] | None = None,
) -> ShownKinks:
    """List every kink and branch that a function meets at a point, and how near the point is to each.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    policy : mapping of str to number, sequence of numbers or {"left", "right", "middle"}, optional
        Overrides conventions at kinks, by name of the primitive: ``{"relu": 0}``. For ``maximum``, ``minimum``
        and ``clip`` a number is the share of the first operand, and the other has the rest.
    h : float, optional
        The step of the differences that may straddle a kink; by default that of central differences.
    names : sequence of str, optional
        Names of the arguments.

    Returns
    -------
    ShownKinks
        Prints as tables. ``gradient["adlab"]``, ``["JAX"]``, ``["PyTorch"]`` and ``["policy"]`` hold the
        derivatives under each convention, by input; ``sides`` those from the left and the right.

    Raises
    ------
    InputError
        For a policy that names no kink or does not fit it, and for arguments that do not fit.

    Examples
    --------
    >>> import adlab as ad
    >>> ledger = ad.kinks(lambda x: ad.relu(x) + abs(x), 0.0, policy={"relu": 0})
    >>> ledger.sides[0].left, ledger.sides[0].right
    (-1.0, 2.0)
    >>> {system: float(by["x"]) for system, by in ledger.gradient.items()}
    {'adlab': 1.0, 'JAX': 1.0, 'PyTorch': 0.0, 'policy': 0.0}
    """
    from adlab.render.kinks import ShownKinks
    from adlab.reports.kinks import kinks as report

    return ShownKinks(report(f, *args, policy=policy, h=h, names=names))


def step(
    f: Function,
    *args: Any,
    wrt: str | None = None,
    dtypes: Sequence[str] = ("float64", "float32"),
    names: Sequence[str] | None = None,
) -> ShownStep:
    """Certify the step size of numerical differentiation for a function at a point.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
        Must return one number.
    *args
        The point.
    wrt : str, optional
        The input, or element such as ``x[0]``, to differentiate by; the first by default.
    dtypes : sequence of {"float64", "float32"}
        In which arithmetic to measure.
    names : sequence of str, optional
        Names of the arguments.

    Returns
    -------
    ShownStep
        Prints the best steps as predicted and as measured, and the digits to be trusted; ``plot()`` draws
        error against step, ``save("step.svg")`` writes it.

    Raises
    ------
    InputError
        Where there is no finite derivative, as on a kink, and for arguments that do not fit.

    Examples
    --------
    >>> import adlab as ad
    >>> certificate = ad.step("ln(x1) + x1*x2 - sin(x2)", 2, 5)
    >>> central = certificate["float64", "central"]
    >>> 1e-6 < central.measured_step < 1e-4, central.digits >= 9
    (True, True)
    """
    from adlab.api import _title
    from adlab.frontends.dispatch import to_graph
    from adlab.render.steps import ShownStep
    from adlab.reports.steps import step as report

    title = _title(f, to_graph(f, args, names).graph)
    return ShownStep(report(f, *args, wrt=wrt, dtypes=dtypes, names=names, title=title))


def autopsy(f: Function, *args: Any, names: Sequence[str] | None = None) -> ShownAutopsy:
    """Find where a value or derivative became infinite or NaN, and show how to write the line instead.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
    *args
        The point.
    names : sequence of str, optional
        Names of the arguments.

    Returns
    -------
    ShownAutopsy
        Prints the first bad value, adjoint and tangent, the arithmetic that made them, the way back to an
        input, and a rewritten line if one was shown to be equal and free of NaN; ``rewrite.graph`` is the
        program so rewritten.

    Raises
    ------
    InputError
        For arguments that do not fit.

    Examples
    --------
    >>> import adlab as ad
    >>> report = ad.autopsy("x*log(x)", 0.0)
    >>> report.findings[1].cause
    '0 · (−∞)'
    >>> report.rewrite.after
    'np.where(x == 0, 0, x * np.log(np.where(x == 0, 1, x)))'
    """
    from adlab.render.autopsy import ShownAutopsy
    from adlab.reports.autopsy import autopsy as report

    return ShownAutopsy(report(f, *args, names=names))


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
    from adlab.render.ledger import ShownLedger
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
    from adlab.render.ledger import ShownChain
    from adlab.reports.chains import chain_ledger

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
    from adlab.render.swell import ShownSwell
    from adlab.reports.swell import iterated
    from adlab.reports.swell import swell as report

    if step is not None and family is not None:
        raise InputError("swell takes a family or a map to iterate, not both; leave one out.")
    if family is not None and not callable(family):
        raise InputError(
            f"A family takes n and returns its n-th function; this is a {type(family).__name__}. To iterate a map such as "
            "4*x*(1 - x), give it as step=; to count more members, give steps=."
        )
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
    from adlab.render.power import ShownPower
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
    from adlab.render.grading import ShownGrade
    from adlab.reports.grading import TOLERANCE
    from adlab.reports.grading import grade as report

    return ShownGrade(report(work, f, *args, tolerance=TOLERANCE if tolerance is None else tolerance))
