"""Symbolic differentiation: swell, its limit, common subexpressions, kinks and steps."""

import numpy as np
import pytest

import adlab
from adlab.algebra.numpy import NUMPY
from adlab.errors import GrowthError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.methods import method_named
from adlab.methods.base import make_problem
from adlab.methods.symbolic import Sizes, expressions_of

SYMBOLIC = method_named("symbolic")


def logistic(n):
    def step(x):
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    return step


def derivative(f, *args, **options):
    return SYMBOLIC.derivative(to_graph(f, args).graph, args, **options)


@pytest.mark.parametrize(
    ("x", "exact"), [(1 / 4, [1, 2, -4, 8]), (1 / 5, [1, 12 / 5, -336 / 125, 708288 / 78125])]
)
def test_the_logistic_map(x, exact):
    found = [float(derivative(logistic(n), x).jacobians[0][0]) for n in (1, 2, 3, 4)]
    assert found == pytest.approx(exact, rel=1e-13)


def written_size(n):
    problem = make_problem(to_graph(logistic(n), (0.2,)).graph, (0.2,), None, None, NUMPY)
    written = expressions_of(problem)
    return written.operations(), sum(derivative(logistic(n), 0.2).cost.operations.values())


def test_expressions_swell_and_common_subexpressions_stop_it():
    tree, shared = zip(*[written_size(n) for n in (5, 6, 7, 8, 9)], strict=True)
    ratios = np.array(tree[1:]) / np.array(tree[:-1])
    assert ((ratios > 2.2) & (ratios < 3.2)).all()
    assert shared[-1] < tree[-1] / 20
    assert np.all(np.array(shared[1:]) / np.array(shared[:-1]) < 1.7)


def test_cse_false_reports_the_cost_of_the_expression_as_written():
    with_cse = derivative(logistic(8), 0.2).cost.operations
    without = derivative(logistic(8), 0.2, cse=False).cost.operations
    assert sum(without.values()) > 10 * sum(with_cse.values())


def test_growth_ends_in_an_error_with_a_way_out():
    with pytest.raises(GrowthError, match=r"beyond the limit of 1,000: expressions swell.*reverse"):
        derivative(logistic(20), 0.2, limit=1000)
    with pytest.raises(GrowthError):
        derivative(logistic(60), 0.2)
    with pytest.raises(GrowthError, match="Scalarised"):
        derivative(lambda x: np.sum(x * x), np.ones(300), limit=100)


def test_a_deep_expression_ends_in_an_error_and_no_recursion():
    def deep(x):
        for _ in range(3000):
            x = np.sin(x)
        return x

    with pytest.raises(GrowthError):
        derivative(deep, 0.2, limit=10**12)


@pytest.mark.parametrize("limit", [0, -1, True, "many", 1.5])
def test_the_limit_is_a_number_of_operations(limit):
    with pytest.raises(InputError, match="number of operations"):
        derivative(np.sin, 1.0, limit=limit)


def test_sizes_are_measured_without_walking_the_tree():
    import sympy

    x = sympy.Symbol("x")
    expression = x
    for _ in range(60):
        expression = sympy.sin(expression + sympy.cos(expression))
    assert Sizes().written(expression) > 2**55


@pytest.mark.parametrize(
    ("f", "x", "exact"),
    [
        (np.abs, -2.0, -1.0),
        (np.sign, 2.0, 0.0),
        (np.floor, 2.5, 0.0),
        (np.ceil, 2.5, 0.0),
        (lambda x: np.floor(x * x) * x, 1.6, 2.0),
        (lambda x: np.maximum(x, 1) * x, 3.0, 6.0),
        (lambda x: np.minimum(x, 1) * x, 3.0, 1.0),
        (lambda x: np.where(x > 0, x * x, -x), -3.0, -1.0),
        (lambda x: np.clip(x, -1.0, 1.0) * x, 5.0, 1.0),
        (lambda x: np.abs(np.log(x)) * x, 0.5, np.log(2) - 1),
        (np.cbrt, -8.0, 1 / 12),
        (lambda x: np.hypot(x, 4.0), 3.0, 0.6),
        (lambda x: np.arctan2(x, -1.0), 1.0, -0.5),
        (lambda x: np.sign(np.log(x)) * x, 3.0, 1.0),
    ],
)
def test_kinks_and_steps_off_the_kink(f, x, exact):
    assert float(derivative(f, x).jacobians[0][0]) == pytest.approx(exact, rel=1e-14, abs=1e-15)


def test_matrices_are_scalarised():
    w, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    found = derivative(lambda w, x: x @ w @ x, w, x)
    np.testing.assert_allclose(found.jacobians[0][0], np.outer(x, x))
    np.testing.assert_allclose(found.jacobians[0][1], (w + w.T) @ x)


@pytest.mark.parametrize(
    ("f", "slopes"),
    [
        (lambda x: np.abs(np.sqrt(x) - 2), (-1 / 2, 0.0, 1 / 6)),
        (lambda x: np.sign(np.sqrt(x) - 2) * x, (-1.0, 0.0, 1.0)),
    ],
)
def test_functions_by_sign_of_what_sympy_does_not_know_to_be_real(f, slopes):
    found = [float(derivative(f, x).jacobians[0][0]) for x in (1.0, 4.0, 9.0)]
    assert found == pytest.approx(slopes)


def test_choices_in_the_conditions_of_choices_stay_small():
    """SymPy folds them into one, whose branches multiply; here symbols stand for them."""

    def f(x):
        for k in range(6):
            x = np.where(x > 0.1 * k, np.sin(x) + 1.0, x * x + 0.5)
        return x

    graph = to_graph(f, (0.7,)).graph
    found, wanted = (method_named(name).derivative(graph, (0.7,)) for name in ("symbolic", "forward"))
    assert float(found.jacobians[0][0]) == pytest.approx(float(wanted.jacobians[0][0]), rel=1e-12)
    written = expressions_of(make_problem(graph, (0.7,), None, None, NUMPY))
    assert len(written.held) == 5
    assert written.operations() > sum(Sizes().written(expression) for expression in written.all())
    assert written.operations() == sum(written.operations_by_kind().values())


def test_systems_of_symbols_are_solved_whatever_is_0_at_the_point():
    a, b = np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[3.0], [5.0]])
    graph = to_graph(lambda a: np.linalg.solve(a, b), (a,)).graph
    found, wanted = (
        method_named(name).derivative(graph, (a,)).jacobians[0][0] for name in ("symbolic", "reverse")
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


NAN_POINT = np.array([1.0, np.nan, 3.0])


@pytest.mark.parametrize(
    ("f", "point"),
    [
        (lambda x: np.sum(np.where(np.isnan(x), 0.0, 3 * x)), NAN_POINT),
        (np.nanmean, NAN_POINT),
        (np.nanmax, NAN_POINT),
        (np.max, NAN_POINT),
        (lambda x: np.sum(np.clip(x, 0, 1)), np.array([-0.5, 0.0, 0.5, 1.0])),
        (np.max, np.array([1.0, 3.0, 3.0])),
        (lambda x: np.sum(np.sign(x)), np.array([0.0, 2.0])),
        (np.linalg.norm, np.zeros(2)),
        (lambda x: x[0] ** x[1], np.array([0.0, 2.0])),
    ],
)
def test_conventions_hold_on_kinks_and_at_nan(f, point):
    rules = reverse_of(f, point)
    found = derivative(f, point)
    np.testing.assert_array_equal(found.jacobians[0][0], rules)
    np.testing.assert_allclose(adlab.grad(f, method="symbolic")(point), rules)


def reverse_of(f, point):
    return method_named("reverse").derivative(to_graph(f, (point,)).graph, [point]).jacobians[0][0]


def test_what_replaces_a_formula_is_said():
    found = derivative(lambda x: np.clip(x, 0, 1), 0.0)
    said = found.notes[-1]
    assert "sits on its kink x = a or x = b" in said
    assert "SymPy's derivative is 0.5 there, and the rule table's 1 is given" in said
    assert "test_symbolic.py" in said
    assert len(derivative(lambda x: np.clip(x, 0, 1), 0.25).notes) == 1


def test_terms_that_cancel_in_a_formula_stay_although_the_rules_have_no_number():
    found = derivative(lambda x: np.sqrt(x) * np.sqrt(x), 0.0)
    assert float(found.jacobians[0][0]) == 1
    assert "SymPy's derivative, in which terms cancelled" in found.notes[-1]


def test_a_symbolic_derivative_inside_another_follows_the_conventions_too():
    inner = adlab.grad(lambda x: np.clip(x, 0, 1) * x, method="symbolic")
    assert adlab.value_and_grad(inner)(1.0)[0] == 2


@pytest.mark.parametrize(
    "f", [lambda x: np.linalg.norm(x, 0), lambda x: np.sum(x * x) if np.all(x > 0) else np.sum(x)]
)
def test_what_sympy_cannot_do_with_conditions_is_a_sentence(f):
    with pytest.raises(MethodError, match="use the reverse or forward method"):
        adlab.grad(f, method="symbolic")(np.array([1.0, 2.0]))
