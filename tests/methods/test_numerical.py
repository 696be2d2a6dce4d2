"""Differences: schemes, steps, the U-shaped curve of row D6, what is refused and what is said."""

import re

import numpy as np
import pytest

from adlab.errors import BranchError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.ir.builder import Builder
from adlab.ir.types import SCALAR
from adlab.methods import method_named
from adlab.methods.reference import reference
from adlab.primitives import TABLE

NUMERICAL = method_named("numerical")


def logistic(n):
    def step(x):
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    return step


def derivative(f, *args, **options):
    graph = to_graph(f, args).graph
    return NUMERICAL.derivative(graph, args, **options)


def slope(f, x, **options):
    return float(derivative(f, x, **options).jacobians[0][0])


def error_curve(scheme, exponents):
    exact = reference(to_graph(logistic(4), (0.2,)).graph, (0.2,)).jacobians[0][0]
    return {k: abs(slope(logistic(4), 0.2, scheme=scheme, h=10.0**k) - float(exact)) for k in exponents}


def test_the_error_of_differences_over_h_is_u_shaped():
    exponents = np.arange(-14, 0, 0.5)
    forward, central = error_curve("forward", exponents), error_curve("central", exponents)
    assert -9.5 <= min(forward, key=forward.get) <= -7.5
    assert 1e-8 < min(forward.values()) < 3e-7
    assert -7.5 <= min(central, key=central.get) <= -5.5
    assert min(central.values()) < 3e-10
    assert 4e-10 < central[-6.0] < 9e-10
    for curve in (forward, central):
        assert curve[-14.0] > 1000 * min(curve.values()) < 1e-3 * curve[-0.5]


@pytest.mark.parametrize(("scheme", "order"), [("forward", 1), ("central", 2)])
def test_truncation_falls_with_the_order_of_the_scheme(scheme, order):
    errors = error_curve(scheme, (-4, -3))
    assert np.log10(errors[-3] / errors[-4]) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("scheme", ["forward", "central"])
def test_rounding_grows_as_the_step_shrinks(scheme):
    errors = error_curve(scheme, range(-15, -9))
    assert max(errors[k] for k in (-15, -14)) > 100 * min(errors[k] for k in (-11, -10))


@pytest.mark.parametrize("h", [None, 1e-9, 1e-20, 1e-100])
def test_the_complex_step_has_no_rounding_side(h):
    assert abs(slope(logistic(4), 0.2, scheme="complex", h=h) - 9.0660864) <= 1e-14


def test_perturbs_each_element_of_vectors_and_matrices():
    w = np.arange(1.0, 4.0)
    matrix = np.arange(6.0).reshape(2, 3)
    found = derivative(lambda m, v: m @ v, matrix, w)
    by_matrix, by_vector = found.jacobians[0]
    expected = np.zeros((2, 2, 3))
    expected[0, 0], expected[1, 1] = w, w
    np.testing.assert_allclose(by_matrix, expected, atol=1e-9)
    np.testing.assert_allclose(by_vector, matrix, atol=1e-9)
    assert found.cost.evaluations == 1 + 2 * (6 + 3)


def test_the_default_step_divides_by_the_distance_really_moved():
    assert slope(lambda x: x, 0.1) == 1.0
    assert slope(lambda x: 3 * x, 1e9, scheme="forward") == 3.0


def test_richardson_states_an_error_bar_that_holds():
    for x in (0.1, 0.7, 2.0, 9.0):
        found = derivative(lambda x: np.exp(np.sin(x)) * x, x, scheme="richardson")
        exact = np.exp(np.sin(x)) * (1 + x * np.cos(x))
        bar = float(found.error[0][0])
        assert abs(float(found.jacobians[0][0]) - exact) <= bar < 1e-8


def test_richardson_survives_steps_that_leave_the_domain():
    assert slope(np.log, 0.05, scheme="richardson") == pytest.approx(20.0, rel=1e-7)


def test_float32_uses_the_epsilon_of_float32():
    found = derivative(np.exp, np.float32(1)).jacobians[0][0]
    assert found.dtype == np.float32
    assert found == pytest.approx(np.e, rel=1e-3)


@pytest.mark.parametrize("h", [0, -1e-6, np.nan, np.inf, "small", True])
def test_refuses_a_step_that_is_no_positive_number(h):
    with pytest.raises(InputError, match="positive finite number"):
        derivative(np.sin, 1.0, h=h)


def test_refuses_a_step_that_vanishes_next_to_x():
    with pytest.raises(InputError, match="vanishes next to x"):
        derivative(lambda x: x, 1e20, h=1e-3)


def test_refuses_unknown_schemes_and_options():
    with pytest.raises(InputError, match="central, forward, complex, richardson"):
        derivative(np.sin, 1.0, scheme="backward")
    with pytest.raises(InputError, match="its options are scheme, h"):
        derivative(np.sin, 1.0, step=1e-3)


def branching(x):
    return x * x if x > 1.0 else -x


@pytest.mark.parametrize("scheme", ["central", "forward"])
@pytest.mark.parametrize(("x", "exact"), [(1.0, -1.0), (np.nextafter(1.0, 2.0), 2.0)])
def test_next_to_a_branch_the_difference_is_one_sided_and_says_so(scheme, x, exact):
    found = derivative(branching, float(x), scheme=scheme)
    assert float(found.jacobians[0][0]) == pytest.approx(exact, rel=1e-6)
    crossed = scheme == "central" or x == 1.0
    assert bool(found.notes) == crossed
    if crossed:
        assert "crosses a branch" in found.notes[0]


def test_a_branch_on_both_sides_is_an_error():
    def spike(x):
        return 5 * x if (x > 0.9999999) & (x < 1.0000001) else 0 * x

    with pytest.raises(BranchError, match=r"np\.where"):
        derivative(spike, 1.0)


def test_richardson_shrinks_away_from_a_branch():
    assert slope(branching, 1.05, scheme="richardson") == pytest.approx(2.1, rel=1e-6)


SMOOTH = [
    row
    for row in TABLE.values()
    if row.elementwise
    and row.rule is not None
    and all(
        isinstance(low, float) for low, _ in row.domain.intervals
    )  # orders and shapes have no continuation
    and row.name != "stop_gradient"
]


@pytest.mark.parametrize("row", SMOOTH, ids=lambda row: row.name)
def test_the_complex_step_continues_every_elementwise_row(row):
    builder = Builder()
    inputs = tuple(builder.input(f"x{k}", SCALAR) for k in range(row.arity))
    graph = builder.finish([builder.apply(row, inputs)])
    random = np.random.default_rng(3)
    points = [[random.uniform(*interval) for interval in row.domain.intervals] for _ in range(4)]
    for point in [*points, *row.domain.samples]:
        point = tuple(float(x) for x in point)
        exact = reference(graph, point)
        found = NUMERICAL.derivative(graph, point, scheme="complex")
        assert float(found.values[0]) == pytest.approx(float(exact.values[0]), rel=1e-12, abs=1e-15)
        for given, wanted in zip(found.jacobians[0], exact.jacobians[0], strict=True):
            if np.isfinite(float(wanted)):
                assert float(given) == pytest.approx(float(wanted), rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(
    ("expression", "point", "words"),
    [
        ("eigh(x)", np.diag([1.0, 2.0]), r"eigh .*Hermitian.*scheme='central'"),
        ("svd(x)", np.diag([1.0, 2.0]), r"svd .*conjugate.*scheme='central'"),
        ("pinv(x)", np.ones((2, 3)), "pinv .*where the rank is not full"),
        ("jv(x, 2)", 1.5, "jv .*in its order"),
        ("polygamma(x, 2)", 1.0, "polygamma .*in its order"),
        ("gammainc(x, 2)", 1.5, "gammainc .*in its shape parameters"),
    ],
)
def test_the_complex_step_names_a_primitive_that_it_cannot_continue(expression, point, words):
    graph = to_graph(expression, (point,)).graph
    with pytest.raises(MethodError, match=words):
        NUMERICAL.derivative(graph, (point,), scheme="complex")


@pytest.mark.parametrize("x", [1e-300, -1e-200, 1e-25, 1e-12, 1e200, 1e300])
def test_the_complex_step_keeps_its_distance_from_what_is_near_0(x):
    """ln|x| is analytic in a disc of radius |x| only, and at 1e300 a fixed step vanishes in the result."""
    assert slope(lambda x: np.log(np.abs(x)), x, scheme="complex") == pytest.approx(1 / x, rel=1e-12)
    lanes = derivative(lambda x: np.log(np.abs(x)), np.array([x, 2.0]), scheme="complex").jacobians[0][0]
    np.testing.assert_allclose(np.diag(lanes), [1 / x, 0.5], rtol=1e-12)


@pytest.mark.parametrize("row", [row for row in SMOOTH if row.kinks], ids=lambda row: row.name)
def test_the_complex_step_follows_the_conventions_on_kinks(row):
    builder = Builder()
    inputs = tuple(builder.input(f"x{k}", SCALAR) for k in range(row.arity))
    graph = builder.finish([builder.apply(row, inputs)])
    for kink in row.kinks:
        for point, expected in kink.cases:
            found = NUMERICAL.derivative(graph, point, scheme="complex").jacobians[0]
            np.testing.assert_array_equal(np.array(found, float), expected, f"{row.name} at {point}")


def test_the_complex_step_picks_the_largest_element_and_shares_ties():
    x = np.array([1.0, 3.0, 3.0])
    np.testing.assert_array_equal(derivative(np.max, x, scheme="complex").jacobians[0][0], [0, 0.5, 0.5])


def test_outside_the_domain_the_complex_step_is_not_a_number():
    for f in (np.log, np.sqrt, np.arcsin):
        assert np.isnan(slope(f, -2.0, scheme="complex"))


@pytest.mark.parametrize("scheme", ["central", "forward"])
@pytest.mark.parametrize(
    ("f", "x", "exact"),
    [(lambda x: np.sqrt(1 - x), 1 - 1e-10, None), (lambda x: np.arcsin(x) * 2, 1 - 1e-9, None)],
)
def test_near_the_edge_of_a_domain_the_default_step_shrinks_and_says_so(scheme, f, x, exact):
    exact = float(reference(to_graph(f, (x,)).graph, (x,)).jacobians[0][0])
    found = derivative(f, x, scheme=scheme)
    assert float(found.jacobians[0][0]) == pytest.approx(exact, rel=1e-3)
    assert found.notes[0].startswith(
        "The function is not finite a default step away from x; the step was shrunk to"
    )


def test_only_the_elements_near_an_edge_take_a_smaller_step():
    x = np.array([1.0, 1e-9, 3.0, 1e-12])
    found = derivative(lambda x: np.sum(np.log(x)), x)
    np.testing.assert_allclose(found.jacobians[0][0], 1 / x, rtol=1e-7)
    assert [re.search(r"x\[\d\]", note).group() for note in found.notes] == ["x[1]", "x[3]"]


def test_a_given_step_is_kept_and_a_point_on_the_edge_has_no_difference():
    found = derivative(np.log, 1e-9, h=1e-6)
    assert np.isnan(found.jacobians[0][0])
    assert found.notes == (
        "On one side of x the function is not finite a step of h = 1e-06 away, so the difference is not either.",
    )
    found = derivative(np.sqrt, 0.0)
    assert np.isnan(found.jacobians[0][0])
    assert "however small the step" in found.notes[0]


def test_where_the_function_itself_is_not_finite_no_step_is_looked_for():
    found = derivative(np.log, -1.0)
    assert found.cost.evaluations == 3
    assert found.notes == ()


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [
        (lambda x: 1 / x, 1e-6, -1e12),
        (lambda x: 1e-18 / x, 1e-6, -1e-6),
        (lambda x: np.sin(1e8 * x), 1e-9, 1e8 * np.cos(0.1)),
        (lambda x: np.sin(1e8 * x), 0.0, 1e8),
        (lambda x: np.tanh(1e6 * x), 0.0, 1e6),
        (lambda x: np.where(x * x > 1, 3 * x, x), 1.0000001, 3.0),
    ],
)
def test_a_default_step_that_belies_itself_is_shrunk(f, x, true):
    graph = to_graph(f, (x,)).graph
    central = NUMERICAL.derivative(graph, [x])
    assert float(central.jacobians[0][0]) == pytest.approx(true, rel=1e-5)
    assert "the step was shrunk to" in central.notes[0]
    assert 0 < central.steps[0, 0] < 1e-6
    extrapolated = NUMERICAL.derivative(graph, [x], scheme="richardson")
    apart = abs(float(extrapolated.jacobians[0][0]) - true)
    assert apart <= extrapolated.error[0][0] + 1e-12 * abs(true)
    assert apart <= 1e-4 * abs(true)


@pytest.mark.parametrize("scheme", ["central", "richardson"])
@pytest.mark.parametrize(
    ("f", "verdict"),
    [
        (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0), "not"),
        (np.sign, "not"),
        (lambda x: 1 / x, "not finite at the point itself"),
    ],
)
def test_where_no_step_settles_there_is_no_number(f, verdict, scheme):
    found = NUMERICAL.derivative(to_graph(f, (0.0,)).graph, [0.0], scheme=scheme)
    assert np.isnan(found.jacobians[0][0])
    assert verdict in found.notes[0]
    assert found.error is None or found.error[0][0] == np.inf


def test_a_kink_keeps_the_mean_of_its_slopes_and_says_so():
    found = NUMERICAL.derivative(to_graph(np.abs, (0.0,)).graph, [0.0])
    assert found.jacobians[0][0] == 0
    assert "the last slopes are 1 to the right and -1 to the left, as at a kink" in found.notes[0]


def test_noise_is_not_followed_to_its_own_slopes():
    found = NUMERICAL.derivative(to_graph(lambda x: (1 - np.cos(x)) / x**2, (1e-7,)).graph, [1e-7])
    assert abs(float(found.jacobians[0][0])) < 100
    assert "not to be trusted" in found.notes[0]


def test_only_the_elements_in_doubt_take_more_evaluations():
    x = np.array([1e-6, 1.0, 2.0])
    found = NUMERICAL.derivative(to_graph(lambda x: 1 / x, (x,)).graph, [x])
    np.testing.assert_allclose(found.jacobians[0][0], np.diag(-1 / x**2), rtol=1e-5)
    assert set(found.steps) == {(0, 0)}
    for f, point in ((np.sin, 0.0), (np.square, 0.0), (np.exp, 20.0), (np.log, 0.1)):
        assert NUMERICAL.derivative(to_graph(f, (point,)).graph, [point]).cost.evaluations == 3
