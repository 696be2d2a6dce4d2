"""Traces that the tests of all formats share."""

from __future__ import annotations

from typing import Any

import numpy as np

from adlab.api import trace
from adlab.frontends.recording import record
from adlab.ir.builder import current_scope
from adlab.render.trace import ShownTrace
from adlab.reports.trace import trace_graph
from adlab.transforms.scopes import collapse

RUNNING = "ln(x1) + x1*x2 - sin(x2)"
"""The lectures' function; they trace it at (2, 5)."""


def running(mode: str = "all", **options: Any) -> ShownTrace:
    return trace(RUNNING, 2, 5, mode=mode, **options)


def layer(x: Any, w: Any, b: Any) -> Any:
    token = current_scope.set(("layer",))
    try:
        return np.tanh(x @ w + b)
    finally:
        current_scope.reset(token)


def network(x: Any, w1: Any, b1: Any, w2: Any) -> Any:
    return layer(x, w1, b1) @ w2


def weights() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((3, 4), (4, 5), (5,), (5, 2))]


def net(**options: Any) -> ShownTrace:
    return trace(network, *weights(), **{"mode": "reverse", "output": 3, **options})


def collapsed(mode: str = "reverse") -> ShownTrace:
    graph = record(network, weights()).graph
    return ShownTrace(trace_graph(collapse(graph), weights(), mode=mode))


def bad() -> ShownTrace:
    return trace("ln(x)*sqrt(z)/z", -1, 0, mode="all")


def named() -> ShownTrace:
    def f(params: Any, alpha: Any) -> Any:
        return params["W"][0] * alpha + np.exp(-params["learning_rate"]) + abs(alpha) ** 2.5 * 2.5e-9

    return trace(f, {"W": np.array([1.0, 2.0]), "learning_rate": 0.01}, 0.5, mode="all")


def long(count: int = 3000) -> ShownTrace:
    def f(x: Any) -> Any:
        for k in range(count):
            x = np.sin(x) + k
        return x

    return trace(f, 0.5, mode="all")


EXAMPLES = {
    "running": running, "net": net, "collapsed": collapsed, "bad": bad, "named": named,
    "baydin": lambda: running(numbering="baydin"), "forward": lambda: running("forward", wrt="x2"),
    "evaluate": lambda: running("evaluate"), "constant": lambda: trace(lambda x: 3.0, 1.0, mode="all"),
    "identity": lambda: trace(lambda x: x, 1.0, mode="all"),
}  # fmt: skip
