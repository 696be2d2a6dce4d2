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

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adlab.api import check, compare, draw, grad_graph, gradient, graph, sparsity, trace
    from adlab.compiling import compile
    from adlab.control import checkpoint, fori, scan
    from adlab.custom import primitive
    from adlab.derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
    from adlab.errors import (
        AdlabError,
        BranchError,
        CheckpointError,
        CompileError,
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
        TrainingError,
    )
    from adlab.functions import *  # noqa: F403 - adlab.functions.__all__ lists them
    from adlab.graphs import Graph
    from adlab.ir.constant import PI as pi  # noqa: N811
    from adlab.ir.constant import E as e  # noqa: N811 - the numbers' own names
    from adlab.judges import autopsy, chain, checker_power, cost, grade, kinks, step, swell
    from adlab.scopes import scope
    from adlab.series import higher_derivatives, taylor
    from adlab.updates import at

__version__ = "0.1.0"

_HOMES = {
    "api": "check compare draw grad_graph gradient graph sparsity trace",
    "compiling": "compile",
    "control": "checkpoint fori scan",
    "custom": "primitive",
    "derivatives": "grad hessian hvp jacobian jvp value_and_grad vjp",
    "errors": "AdlabError BranchError CheckpointError CompileError GradientError GraphError GrowthError InputError "
    "MethodError MissingRuleError ParseError RenderError ShapeError TraceError TrainingError",
    "graphs": "Graph",
    "ir.constant": "pi e",
    "judges": "autopsy chain checker_power cost grade kinks step swell",
    "scopes": "scope",
    "series": "higher_derivatives taylor",
    "updates": "at",
}
"""Where each public name lives. Names are fetched when first used, so that ``import adlab`` costs next to nothing; every
other public name is a function of `adlab.functions`."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
_RENAMED = {"pi": "PI", "e": "E"}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted({*_HOME_OF, *importlib.import_module("adlab.functions").__all__})
    if name.startswith("_"):
        raise AttributeError(f"module 'adlab' has no attribute {name!r}")
    home = importlib.import_module(f"adlab.{_HOME_OF.get(name, 'functions')}")
    try:
        value = getattr(home, _RENAMED.get(name, name))
    except AttributeError:
        raise AttributeError(f"module 'adlab' has no attribute {name!r}") from None
    if name not in _HOME_OF and name not in home.__all__:
        raise AttributeError(f"module 'adlab' has no attribute {name!r}")
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return [*__getattr__("__all__"), "__version__"]
