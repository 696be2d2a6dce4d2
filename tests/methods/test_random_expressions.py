"""All four methods on random expressions, with tolerances that come from the expressions themselves.

The tolerance is a running error bound: each node of the program that computes the derivative rounds, so the
error is at most Σ |∂result/∂node|·|node|·u to first order, and the sensitivities come from one reverse sweep
through that program. The judge is the fifty-digit reference. An
ill-conditioned expression is allowed its error, a well-conditioned one only a few units in the last place.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from adlab.algebra.numpy import NUMPY
from adlab.derivatives import grad_graph
from adlab.errors import GrowthError
from adlab.ir.builder import Builder
from adlab.ir.types import SCALAR
from adlab.methods import METHODS
from adlab.methods.base import make_problem
from adlab.methods.reference import reference
from adlab.methods.symbolic import expressions_of
from adlab.primitives import TABLE
from adlab.reports.differences import difference_errors
from adlab.transforms.sweeps import reverse_sweep

LEFT_OUT = {
    "polygamma",
    "where",
    "stop_gradient",
    "gammainc",
    "gammaincc",
    "betainc",
    "jv",
    "yv",
    "iv",
    "ive",
    "kv",
}
ROWS = [
    row for row in TABLE.values() if row.elementwise and row.rule is not None and row.name not in LEFT_OUT
]
UNIT = np.finfo(float).eps / 2
LIBRARY = 8
"""Roundings per operation: a sine is right to a few units, and the bound is of first order only."""


@st.composite
def programs(draw, most=30):
    """Return a graph of random rows, each fed inside its domain, with a point."""
    count = draw(st.integers(1, 3))
    point = tuple(draw(st.floats(0.2, 1.5)) for _ in range(count))
    builder = Builder()
    nodes = [builder.input(f"x{k}", SCALAR) for k in range(count)]
    values = dict(zip(nodes, point, strict=True))

    def apply(name, *operands):
        node = builder.apply(TABLE[name], operands)
        xs = [values[j] if j >= 0 else NUMPY.constant(builder.constants[~j]) for j in operands]
        with np.errstate(all="ignore"):
            values[node] = float(NUMPY.apply(TABLE[name], xs))
        return node

    def into(node, low, high):
        if low < values[node] < high:
            return node
        width = builder.literal(0.9 * (high - low))
        return apply(
            "add",
            apply("multiply", apply("sigmoid", node), width),
            builder.literal(low + 0.05 * (high - low)),
        )

    for _ in range(draw(st.integers(1, most))):
        row = draw(st.sampled_from(ROWS))
        operands = [into(draw(st.sampled_from(nodes[-6:])), *interval) for interval in row.domain.intervals]
        nodes.append(apply(row.name, *operands))
        if len(builder) > 3 * most:
            break
    result = nodes[-1]
    for node in nodes[:count]:
        result = apply("add", result, apply("multiply", node, nodes[-1]))
    assume(abs(values[result]) < 1e6)
    return builder.finish([result]), point


def running_error(graph, point, output):
    """Return a first-order bound on the rounding error of one output."""
    values = NUMPY.run(graph, [np.float64(x) for x in point])
    adjoints = reverse_sweep(graph, NUMPY, values, [(output, np.float64(1))])
    terms = [abs(float(a) * float(v)) for a, v in zip(adjoints, values, strict=True) if a is not None]
    return LIBRARY * UNIT * (sum(terms) + abs(float(values[output] if output >= 0 else 0))) + 1e-300


def assert_within(found, exact, bound):
    assert abs(found - exact) <= bound + LIBRARY * UNIT * abs(exact), (found, exact, bound)


SETTINGS = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@SETTINGS
@given(programs())
def test_forward_and_reverse(case):
    graph, point = case
    exact = [float(d) for d in reference(graph, point).jacobians[0]]
    written = grad_graph(graph, *point, argnums=tuple(range(len(point))))
    bounds = [running_error(written, point, j) for j in written.outputs]
    for name in ("forward", "reverse"):
        found = METHODS[name].derivative(graph, point).jacobians[0]
        for given_, wanted, bound in zip(found, exact, bounds, strict=True):
            assume(np.isfinite(bound))
            assert_within(float(given_), wanted, 4 * bound)


@settings(SETTINGS, max_examples=40)
@given(programs())
def test_symbolic(case):
    graph, point = case
    try:
        found = METHODS["symbolic"].derivative(graph, point, limit=20_000).jacobians[0]
    except GrowthError:
        assume(False)
    written = expressions_of(make_problem(graph, point, None, None, NUMPY)).graph()
    exact = reference(graph, point).jacobians[0]
    for k, (given_, wanted) in enumerate(zip(found, exact, strict=True)):
        bound = running_error(written, point, written.outputs[1 + k])
        assume(np.isfinite(bound))
        assert_within(float(given_), float(wanted), bound)


@SETTINGS
@given(programs())
def test_numerical(case):
    graph, point = case
    rounding = running_error(graph, point, graph.outputs[0])
    h, truncation, _ = difference_errors(graph, point, range(len(point)), "central")
    exact = reference(graph, point).jacobians[0]
    found = METHODS["numerical"].derivative(graph, point).jacobians[0]
    assume(truncation < 1e-4 * max(1.0, *(abs(float(d)) for d in exact)))
    for given_, wanted in zip(found, exact, strict=True):
        assert_within(float(given_), float(wanted), 4 * truncation + rounding / h)


def test_the_bound_is_sharp_enough_to_catch_a_wrong_digit():
    builder = Builder()
    x = builder.input("x", SCALAR)
    graph = builder.finish([builder.apply(TABLE["sin"], (x,))])
    written = grad_graph(graph, 1.0)
    bound = running_error(written, (1.0,), written.outputs[0])
    assert bound < 1e-14
    with pytest.raises(AssertionError):
        assert_within(np.cos(1.0) * (1 + 1e-13), np.cos(1.0), bound)
