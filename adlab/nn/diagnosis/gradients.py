"""The gradient of the whole network, in float64 on random weights, by all methods against fifty digits.

Weights are moved off their start by random numbers, because zeros hide mistakes and put units on their kinks. Reverse and
forward mode are compared for all parameters; the numerical and the symbolic method, whose work grows with the number of
parameters, along one random direction through all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adlab.derivatives import grad
from adlab.errors import AdlabError
from adlab.ir.tree import flatten
from adlab.nn.diagnosis.case import Case
from adlab.nn.trees import names_of, tree_map
from adlab.reports.checking import CheckReport, check
from adlab.reports.diagnosis import Finding, Pointer

SAMPLES = 3
SYMBOLIC = 60
"""Networks of up to so many parameters are differentiated symbolically as well, for one sample; formulas of larger ones take
minutes."""

STEP = 1e-5


def gradient_check(case: Case) -> Finding:
    """Check the derivatives by all methods."""
    objective, params = _objective(case)
    try:
        reports, left_out = _reports(objective, _objective(case, 1)[0], params)
    except AdlabError as error:
        return Finding("gradient check", "fail", f"The gradient cannot be computed: {error}")
    worst = max((row.error for report in reports for row in report.rows if row.decides), default=0.0)
    measured = {"error": float(worst)}
    wrong = next((report for report in reports if not report.passed), None)
    if wrong is None:
        methods = [name for name in ("numerical", "symbolic", "forward", "reverse") if name not in left_out]
        without = f" ({left_out['symbolic']})" if "symbolic" in left_out else ""
        reason = f"{', '.join(methods)} agree with the reference: the largest error is {worst:.2g}{without}."
        return Finding("gradient check", "pass", reason, measured=measured)
    return Finding(
        "gradient check",
        "fail",
        wrong.sentence,
        "Correct the rule that is named, or leave the derivative to adlab.",
        Pointer(_suspect(objective, params), step=0),
        measured,
    )


def _objective(case: Case, samples: int = SAMPLES) -> tuple[Any, Any]:
    """Return the full loss of some samples as a function of the parameters, and where to check it."""
    random = np.random.default_rng([case.trainer.seed, 0xC4EC])
    params, state = tree_map(lambda leaf: np.asarray(leaf, np.float64), case.start())
    params = tree_map(lambda leaf: leaf + 0.1 * random.standard_normal(np.shape(leaf)), params)
    x = case.train.X[:samples].astype(np.float64)
    target = case.train.target[:samples].astype(np.float64)
    masks = case.net.masks(random, x.shape)
    return (lambda given: case.step.objective(given, state, x, target, None, masks)), params


def _reports(objective: Any, shorter: Any, params: Any) -> tuple[list[CheckReport], dict[str, str]]:
    """Return the checks, the symbolic one of a shorter objective, and which methods were left out and why."""
    random = np.random.default_rng(1)
    direction = tree_map(lambda leaf: random.standard_normal(np.shape(leaf)), params)

    def along(whole: Any) -> Any:
        return lambda t: whole(tree_map(lambda leaf, way: leaf + t * way, params, direction))

    reports = [check(objective, params, method=("reverse", "forward"), raises=False)]
    reports.append(check(along(objective), 0.0, method="numerical", raises=False))
    count = sum(int(np.size(leaf)) for leaf in flatten(params)[0])
    if count > SYMBOLIC:
        return reports, {"symbolic": f"{count:,} parameters are too many for formulas"}
    try:
        reports.append(check(along(shorter), 0.0, method="symbolic", raises=False))
    except AdlabError as error:
        return reports, {"symbolic": f"no formulas: {str(error).rstrip('.')}"}
    return reports, {}


def _suspect(objective: Any, params: Any) -> str | None:
    """Return the last layer whose own gradient is wrong: the mistake is there or right after it."""
    gradient, random = flatten(grad(objective)(params))[0], np.random.default_rng(2)
    leaves = [np.asarray(leaf) for leaf in flatten(params)[0]]
    found = None
    for k, name in enumerate(names_of(params)):
        way = random.standard_normal(leaves[k].shape)
        ends = [float(objective(_moved(params, k, sign * STEP * way))) for sign in (1, -1)]
        by_difference, by_rule = (ends[0] - ends[1]) / (2 * STEP), float(np.sum(gradient[k] * way))
        if abs(by_rule - by_difference) > 1e-4 * max(1.0, abs(by_difference)):
            found = name.rpartition(".")[0]
    return found


def _moved(params: Any, place: int, by: Any) -> Any:
    places = iter(range(len(flatten(params)[0])))
    return tree_map(lambda leaf: leaf + by if next(places) == place else leaf, params)
