"""Infinities, NaN and signed zeros: values are NumPy's, nothing raises, nothing warns (that would fail)."""

from itertools import product

import numpy as np
import pytest
from contracts.graphs import one_node
from contracts.points import input_type, is_discrete, smooth_positions
from contracts.rows import ELEMENTWISE, SMOOTH, each

from adlab.algebra.numpy import NUMPY
from adlab.primitives import TABLE
from adlab.transforms.sweeps import dual_run, evaluate, forward_sweep, reverse_sweep

NUMBERS = (np.inf, -np.inf, np.nan, 0.0, -0.0, 1e308, -1e308, 5e-324, 1.0)

NOT_IN_NUMPY = [  # row, operands at the end of the number line and at NaN, value
    ("sigmoid", (np.inf,), 1.0),
    ("sigmoid", (-np.inf,), 0.0),
    ("sigmoid", (-0.0,), 0.5),
    ("softplus", (np.inf,), np.inf),
    ("softplus", (-np.inf,), 0.0),
    ("relu", (np.inf,), np.inf),
    ("relu", (-np.inf,), 0.0),
    ("leaky_relu", (-np.inf, 0.1), -np.inf),
    ("leaky_relu", (np.inf, 0.1), np.inf),
    ("elu", (-np.inf, 2.0), -2.0),
    ("elu", (np.inf, 2.0), np.inf),
    *[
        (name, (np.nan, 1.0)[: TABLE[name].arity], np.nan)
        for name in ("sigmoid", "softplus", "relu", "leaky_relu", "elu")
    ],
    ("erf", (np.inf,), 1.0),
    ("erf", (np.nan,), np.nan),
    ("gammaln", (np.inf,), np.inf),
    ("gammaln", (0.0,), np.inf),
    ("digamma", (np.inf,), np.inf),
]


def columns(row):
    """Return one array per operand, together every combination of special numbers."""
    choices = [
        (False, True) if is_discrete(row, k) and row.name != "polygamma" else NUMBERS
        for k in range(row.arity)
    ]
    if row.name == "polygamma":
        choices[0] = (1.0, 2.0)
    return [np.array(column) for column in zip(*product(*choices), strict=True)]


def numpy_function(row):
    names = [name for name in (row.name, *row.aliases) if callable(getattr(np, name, None))]
    return getattr(np, names[0]) if names else None


@each([row for row in ELEMENTWISE if numpy_function(row)])
def test_value_is_numpys(row):
    xs = columns(row)
    graph = one_node(row, [input_type(row, k, x.shape) for k, x in enumerate(xs)])
    with np.errstate(all="ignore"):
        expected = numpy_function(row)(*xs)
    got = evaluate(graph, NUMPY, xs)[-1]
    np.testing.assert_array_equal(got, expected)
    finite = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got)[finite], np.signbit(expected)[finite])


@pytest.mark.parametrize(("name", "xs", "expected"), NOT_IN_NUMPY)
def test_value_where_numpy_has_no_such_function(name, xs, expected):
    row = TABLE[name]
    got = evaluate(
        one_node(row, [input_type(row, k) for k in range(row.arity)]), NUMPY, [np.float64(x) for x in xs]
    )[-1]
    np.testing.assert_array_equal(got, expected)


@each(SMOOTH)
def test_rule_never_raises_or_warns(row):
    arrays = columns(row)
    cases = [arrays] + [[column[i] for column in arrays] for i in range(min(len(arrays[0]), 90))]
    smooth = smooth_positions(row)
    for xs in cases:
        shape = np.shape(xs[0])
        graph = one_node(row, [input_type(row, k, shape) for k in range(row.arity)])
        one = np.ones(shape)[()]
        seeds = [one if k in smooth else None for k in range(row.arity)]
        values = evaluate(graph, NUMPY, xs)
        tangent = forward_sweep(graph, NUMPY, values, seeds)[-1]
        assert tangent is None or np.shape(tangent) == shape
        again = dual_run(graph, NUMPY, xs, seeds)[-1].tangent
        np.testing.assert_array_equal(0.0 if again is None else again, 0.0 if tangent is None else tangent)
        for adjoint in reverse_sweep(graph, NUMPY, values, [(graph.outputs[0], one)], smooth)[: row.arity]:
            assert adjoint is None or np.shape(adjoint) == shape
