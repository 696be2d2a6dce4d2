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
from adlab.api import check, compare, draw, grad_graph, gradient, graph, trace
from adlab.derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from adlab.errors import (
    AdlabError,
    BranchError,
    GradientError,
    GraphError,
    GrowthError,
    InputError,
    MethodError,
    ParseError,
    RenderError,
    ShapeError,
    TraceError,
)
from adlab.functions import *  # noqa: F403 - the functions themselves; adlab.functions.__all__ lists them
from adlab.graphs import Graph
from adlab.ir.constant import NAMED_NUMBERS
from adlab.scopes import scope

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
    "ParseError",
    "RenderError",
    "ShapeError",
    "TraceError",
    "check",
    "compare",
    "draw",
    "e",
    "grad",
    "grad_graph",
    "gradient",
    "graph",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "pi",
    "scope",
    "trace",
    "value_and_grad",
    "vjp",
]
__all__ += functions.__all__
