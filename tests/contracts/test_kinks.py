"""Conventions where there is no derivative, stated a second time, by hand, from the lectures and peers."""

import numpy as np
import pytest
from contracts import structural
from contracts.elementwise import partials
from contracts.graphs import gradient_graph, one_node, run

from adlab.algebra.numpy import NUMPY
from adlab.ir.builder import Builder
from adlab.ir.types import SCALAR
from adlab.primitives import TABLE

INF = np.inf

CONVENTIONS = [
    ("relu", (0.0,), (1.0,)),
    ("relu", (-0.0,), (1.0,)),
    ("leaky_relu", (0.0, 0.01), (1.0, 0.0)),
    ("elu", (0.0, 1.0), (1.0, 0.0)),
    ("absolute", (0.0,), (0.0,)),
    ("sign", (0.0,), (0.0,)),
    ("maximum", (2.0, 2.0), (0.5, 0.5)),
    ("minimum", (2.0, 2.0), (0.5, 0.5)),
    ("clip", (-1.0, -1.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (1.0, -1.0, 1.0), (1.0, 0.0, 0.0)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("sqrt", (0.0,), (INF,)),
    ("cbrt", (0.0,), (INF,)),
    ("arcsin", (1.0,), (INF,)),
    ("arccos", (-1.0,), (-INF,)),
    ("arccosh", (1.0,), (INF,)),
    ("floor", (2.0,), (0.0,)),
    ("ceil", (2.0,), (0.0,)),
    ("round", (2.5,), (0.0,)),
    ("power", (0.0, 2.0), (0.0, 0.0)),
    ("power", (0.0, 1.0), (1.0, 0.0)),
    ("power", (0.0, 0.5), (INF, 0.0)),
    ("power", (0.0, 0.0), (0.0, -INF)),
    ("power", (0.0, -1.0), (-INF, -INF)),
]


@pytest.mark.parametrize(("name", "xs", "expected"), CONVENTIONS)
def test_rule_follows_the_stated_convention(name, xs, expected):
    row = TABLE[name]
    got = [float(p) for p in partials(row, NUMPY, [np.float64(x) for x in xs])]
    assert got == list(expected)
    gradient = gradient_graph(one_node(row, (SCALAR,) * len(xs)), range(len(xs)))
    assert run(gradient, NUMPY, [np.float64(x) for x in xs]) == list(expected)


def power_graph(exponent):
    builder = Builder()
    x = builder.input("x", SCALAR)
    return builder.finish([builder.apply(TABLE["power"], (x, builder.literal(exponent)))])


@pytest.mark.parametrize(
    ("exponent", "expected"), [(3, 0.0), (1.5, 0.0), (1, 1.0), (0.5, INF), (0, 0.0), (-1, -INF), (-2, -INF)]
)
def test_power_at_base_0_with_a_literal_exponent(exponent, expected):
    assert run(gradient_graph(power_graph(exponent), [0]), NUMPY, [np.float64(0)]) == [expected]


@pytest.mark.parametrize(
    ("exponent", "first", "second"), [(3, 12.0, -12.0), (2, -4.0, 2.0), (-1, -0.25, -0.25), (0, 0.0, 0.0)]
)
def test_integer_exponents_are_exact_for_negative_bases(exponent, first, second):
    gradient = gradient_graph(power_graph(exponent), [0])
    assert run(gradient, NUMPY, [np.float64(-2)]) == [first]
    assert run(gradient_graph(gradient, [0]), NUMPY, [np.float64(-2)]) == [second]


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_second_derivative_of_integer_powers_exists_at_0(exponent):
    twice = gradient_graph(gradient_graph(power_graph(exponent), [0]), [0])
    assert run(twice, NUMPY, [np.float64(0)]) == [2.0 if exponent == 2 else 0.0]


def test_mixed_derivative_of_a_power_is_the_same_in_both_orders_where_the_exponent_is_0():
    gradient = gradient_graph(one_node(TABLE["power"], (SCALAR, SCALAR)), [0, 1])
    point = [np.float64(0.5), np.float64(0.0)]
    base_first = run(gradient_graph(gradient, [1], output=0), NUMPY, point)
    exponent_first = run(gradient_graph(gradient, [0], output=1), NUMPY, point)
    assert base_first == exponent_first == [2.0]  # x⁻¹ at x = ½


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus"])
@pytest.mark.parametrize("x", [20.0, -40.0, 400.0, -800.0, 1e300])
def test_saturated_activations_have_finite_derivatives_of_three_orders(name, x):
    graph = one_node(TABLE[name], (SCALAR,))
    for _ in range(3):
        graph = gradient_graph(graph, [0])
        assert np.isfinite(run(graph, NUMPY, [np.float64(x)])[0])


@pytest.mark.parametrize(("name", "choose"), [("max", np.max), ("min", np.min)])
def test_elements_that_share_the_extreme_share_the_derivative(name, choose):
    structural.check_shares(TABLE[name], choose)


def test_product_with_one_zero_has_an_exact_gradient():
    graph = structural.graph_of(TABLE["prod"], structural.on((4,), axis=None, keepdims=False))
    found = run(gradient_graph(graph, [0]), NUMPY, [np.array([2.0, 0.0, 3.0, 5.0])])[0]
    np.testing.assert_array_equal(found, [0.0, 30.0, 0.0, 0.0])
