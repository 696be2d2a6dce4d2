"""SymPy expressions as graphs: every function, exact numbers, what SymPy leaves standing, what is refused."""

import numpy as np
import pytest
import sympy as sp

from adlab.derivatives import grad
from adlab.errors import InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.frontends.sympy_expressions import expression_recording, expressions_graph
from adlab.ir.check import check
from adlab.methods.reference import reference
from adlab.transforms.evaluation import call_graph

x, y = sp.symbols("x y", real=True)


def value(expression, *args, names=None):
    graph = expression_recording(expression, args, names).graph
    check(graph)
    return call_graph(graph, args)


@pytest.mark.parametrize(
    "expression",
    [
        sp.log(x) + x * y - sp.sin(y),
        x**3 / y**2 - 1 / sp.sqrt(x) + sp.Rational(2, 3) * x,
        sp.exp(-x) * sp.cos(y) + sp.tan(x) - sp.atan2(y, x),
        sp.asin(x / 9) + sp.acos(x / 9) + sp.atan(x) + sp.sinh(x) + sp.cosh(x) + sp.tanh(x),
        sp.asinh(x) + sp.acosh(x + 1) + sp.atanh(x / 9) + sp.Abs(x - y) + sp.sign(x - y),
        sp.Max(x, y, 2) + sp.Min(x, y, sp.pi) + sp.floor(x * y) + sp.ceiling(x * y),
        sp.erf(x) + sp.erfc(x) + sp.loggamma(x) + sp.digamma(x) + sp.polygamma(2, x),
        sp.sec(x) + sp.csc(x) + sp.cot(x) + sp.sech(x) + sp.csch(x) + sp.coth(x) + sp.acot(x),
        sp.Piecewise((x, x > y), (x * y, sp.And(x < y, y > 0)), (0, True)),
        sp.Heaviside(x - y) * x + sp.Mod(x, y) + sp.frac(x),
        sp.E**x + sp.EulerGamma * sp.pi - sp.GoldenRatio,
        x**y + 2**x + x ** sp.Rational(1, 3),
        sp.re(x) + sp.im(x) + sp.conjugate(y),
        -(x**2) * y,
        sp.Integer(7),
        sp.sqrt(2) + x,
    ],
    ids=str,
)
def test_values_are_sympys(expression):
    for point in ((1.3, 2.6), (2.9, 0.7)):
        symbols = sorted(expression.free_symbols, key=str)
        args = [dict(zip((x, y), point, strict=True))[symbol] for symbol in symbols]
        wanted = expression.subs(dict(zip(symbols, map(sp.Float, args), strict=True))).evalf(20)
        assert float(value(expression, *args)) == pytest.approx(float(sp.re(wanted)), rel=1e-13)


def test_numbers_stay_exact():
    graph = expression_recording(x / 3 + sp.Rational(1, 7) + 10**30 * x, (1.0,)).graph
    exact = reference(graph, (3.0,)).values[0]
    wanted = 1 + exact.context.mpf(1) / 7 + 3 * exact.context.mpf(10) ** 30
    assert abs(exact - wanted) < wanted * exact.context.mpf(10) ** -50


def test_equal_subexpressions_are_one_node():
    graph = expressions_graph([sp.sin(x) ** 2, sp.sin(x) * y], [x, y])
    assert graph.operation_counts() == {"sin": 1, "square": 1, "multiply": 1}


def test_a_deep_expression_needs_no_recursion():
    expression = x
    for _ in range(150):
        expression = sp.sin(expression, evaluate=False)
    graph = expressions_graph([expression], [x])
    assert len(graph) == 151


def test_symbols_are_in_alphabetical_order_or_as_named():
    assert value(y - x, 1.0, 5.0) == 4.0
    assert value(y - x, 5.0, 1.0, names=("y", "x")) == 4.0
    assert to_graph(y - x, (1.0, 5.0, 0.0), ("x", "y", "z")).graph.inputs == ("x", "y", "z")


def test_arrays_are_taken_elementwise():
    np.testing.assert_array_equal(value(x * y, np.array([1.0, 2.0]), 3.0), [3, 6])


def test_matrices_are_arrays():
    np.testing.assert_array_equal(value(sp.Matrix([[x, x * y], [1, y]]), 2.0, 3.0), [[2, 6], [1, 3]])


def test_gradients_of_sympy_expressions():
    x1, x2 = sp.symbols("x1 x2")
    f = sp.log(x1) + x1 * x2 - sp.sin(x2)
    assert grad(f, (0, 1))(2.0, 5.0) == pytest.approx((5.5, 1.716337814536774))


@pytest.mark.parametrize(
    ("expression", "point", "wanted"),
    [
        (sp.floor(x**2).diff(x), 1.5, 0.0),
        (sp.ceiling(sp.sin(x)).diff(x), 1.5, 0.0),
        (sp.sign(x).diff(x), 1.5, 0.0),
        (sp.Heaviside(x).diff(x), 1.5, 0.0),
        (sp.Abs(sp.log(x)).diff(x), 0.5, -2.0),
        (sp.Max(x, 1).diff(x), 1.5, 1.0),
        (sp.loggamma(x).diff(x), 1.0, -0.5772156649015329),
        (sp.Derivative(sp.sin(x), x), 0.0, 1.0),
        (sp.Derivative(sp.floor(x), x, x) + x, 2.5, 2.5),
        (sp.Subs(sp.Derivative(sp.floor(y), y), y, x) + x, 2.5, 2.5),
    ],
    ids=str,
)
def test_what_sympy_leaves_standing_is_understood(expression, point, wanted):
    graph = expressions_graph([expression], [x])
    assert float(call_graph(graph, (point,))) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(
    "expression",
    [
        sp.I * x,
        sp.Function("f")(x),
        sp.Integral(sp.sin(y), (y, 0, x)) + x,
        sp.zeta(x),
        sp.Derivative(sp.Function("g")(x), x),
    ],
)
def test_what_is_no_real_function_is_refused_by_name(expression):
    with pytest.raises(
        (MethodError, InputError), match=r"SymPy expression holds|for which there is no value"
    ):
        expressions_graph([expression], [x])


def test_counts_and_names_are_checked():
    with pytest.raises(InputError, match=r"2 symbols \(x, y\); 1 values"):
        to_graph(x * y, (1.0,))
    with pytest.raises(InputError, match="leave out the symbol 'y'"):
        to_graph(x * y, (1.0,), ("x",))


def test_nothing_is_evaluated_as_python():
    name = sp.Symbol("__import__('os')", real=True)
    assert value(name * 2, 3.0) == 6.0
