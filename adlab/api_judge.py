"""The verbs that judge a point: kinks, step, autopsy.

What a derivative is worth depends on where it is taken. These three say how near a point is to a kink or a
branch, how much a difference can be trusted there, and where a NaN comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adlab.api import Function

if TYPE_CHECKING:
    from adlab.render.judge_a import ShownAutopsy, ShownKinks, ShownStep


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
    from adlab.render.judge_a import ShownKinks
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
    from adlab.render.judge_a import ShownStep
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
    from adlab.render.judge_a import ShownAutopsy
    from adlab.reports.autopsy import autopsy as report

    return ShownAutopsy(report(f, *args, names=names))
