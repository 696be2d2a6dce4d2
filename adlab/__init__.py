"""adlab: compare the ways to differentiate.

One computational graph feeds four differentiators (numerical, symbolic, forward mode, reverse mode), prints their traces as
tables, draws the graphs, and says how right each method is and why.

    import numpy as np
    import adlab as ad

    def f(x1, x2):
        return np.log(x1) + x1 * x2 - np.sin(x2)

    ad.grad(f, argnums=(0, 1))(2.0, 5.0)
    print(ad.trace(f, 2, 5, mode="all"))
    print(ad.compare(f, 2, 5))
    ad.draw(f, 2, 5).save("graph.svg")
"""

from adlab import functions
from adlab.api import check, compare, draw, grad_graph, gradient, graph, sparsity, trace
from adlab.api_judge import autopsy, kinks, step
from adlab.api_judge_b import chain, checker_power, cost, grade, swell
from adlab.control import checkpoint, fori, scan
from adlab.custom import primitive
from adlab.derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from adlab.errors import (
    AdlabError,
    BranchError,
    GradientError,
    GraphError,
    GrowthError,
    InputError,
    MethodError,
    MissingRuleError,
    ParseError,
    RenderError,
    ShapeError,
    TraceError,
)
from adlab.functions import *  # noqa: F403 - the functions themselves; adlab.functions.__all__ lists them
from adlab.graphs import Graph
from adlab.ir.constant import NAMED_NUMBERS
from adlab.scopes import scope
from adlab.series import higher_derivatives, taylor
from adlab.updates import at

__version__ = "0.1.0"

pi, e = NAMED_NUMBERS["pi"], NAMED_NUMBERS["e"]

__all__ = [
    "AdlabError",
    "BranchError",
    "GradientError",
    "Graph",
    "GraphError",
    "GrowthError",
    "InputError",
    "MethodError",
    "MissingRuleError",
    "ParseError",
    "RenderError",
    "ShapeError",
    "TraceError",
    "at",
    "autopsy",
    "chain",
    "check",
    "checker_power",
    "checkpoint",
    "compare",
    "cost",
    "draw",
    "e",
    "fori",
    "grad",
    "grad_graph",
    "grade",
    "gradient",
    "graph",
    "hessian",
    "higher_derivatives",
    "hvp",
    "jacobian",
    "jvp",
    "kinks",
    "pi",
    "primitive",
    "scan",
    "scope",
    "sparsity",
    "step",
    "swell",
    "taylor",
    "trace",
    "value_and_grad",
    "vjp",
]
__all__ += functions.__all__
