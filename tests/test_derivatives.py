"""The verbs: structure, dtypes, nesting in every mixture, and errors as sentences."""

from fractions import Fraction

import numpy as np
import pytest

from adlab.derivatives import grad, grad_graph, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from adlab.errors import BranchError, InputError, TraceError
from adlab.frontends.dispatch import to_graph
from adlab.functions import relu
from adlab.ir.check import check
from adlab.transforms.evaluation import call_graph

METHODS = ["numerical", "symbolic", "forward", "reverse"]
EACH = pytest.mark.parametrize("method", METHODS)
MIXED = pytest.mark.parametrize(("outer", "inner"), [(a, b) for a in METHODS for b in METHODS])


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


# -------------------------------------------------------------------------------------------- numbers to meet


@EACH
def test_the_running_example(method):
    found = grad(running, (0, 1), method)(2.0, 5.0)
    assert found == pytest.approx((5.5, 1.716337814536774), rel=1e-10)
    assert all(type(part) is np.float64 for part in found)


@EACH
def test_the_hessian_of_the_running_example(method):
    found = np.array(hessian(running, (0, 1), method)(2.0, 5.0))
    np.testing.assert_allclose(
        found, [[-0.25, 1], [1, -0.958924274663138]], rtol=2e-5 if method == "numerical" else 1e-14
    )


@EACH
def test_griewank_and_walther(method):
    def f(x1, x2):
        return (np.sin(x1 / x2) + x1 / x2 - np.exp(x2)) * (x1 / x2 - np.exp(x2))

    value, gradient = value_and_grad(f, (0, 1), method)(1.5, 0.5)
    assert value == pytest.approx(2.01664666943, rel=1e-11)
    assert gradient == pytest.approx((3.01184332767, -13.7239615093), rel=1e-9)


@pytest.mark.parametrize("method", ["symbolic", "forward", "reverse"])
def test_speelpennings_product_with_a_zero_is_exact(method):
    x = np.array([2.0, 0.0, 3.0, 5.0])
    np.testing.assert_array_equal(grad(np.prod, method=method)(x), [0, 30, 0, 0])
    np.testing.assert_array_equal(grad(lambda x: x[0] * x[1] * x[2] * x[3], method=method)(x), [0, 30, 0, 0])


@EACH
def test_the_second_example_of_the_lectures(method):
    value, gradient = value_and_grad(lambda x1, x2: x1 * x2 + np.sin(x1), (0, 1), method)(2.0, 3.0)
    assert (value, *gradient) == pytest.approx((6.909297427, 2.583853163, 2), rel=1e-9)


@EACH
def test_micrograds_expression(method):
    def f(a, b):
        c = a + b
        d = a * b + b**3
        c = c + (c + 1)
        c = c + (1 + c + (-a))
        d = d + (d * 2 + relu(b + a))
        d = d + (3 * d + relu(b - a))
        e = c - d
        f = e**2
        g = f / 2.0
        return g + 10.0 / f

    value, gradient = value_and_grad(f, (0, 1), method)(-4.0, 2.0)
    assert round(float(value), 4) == 24.7041
    assert gradient == pytest.approx((138.8338, 645.5773), abs=6e-5)


@EACH
@pytest.mark.parametrize("x", [Fraction(1, 4), Fraction(1, 5)])
def test_the_logistic_map(method, x):
    exact = {
        Fraction(1, 4): [1, 2, -4, 8],
        Fraction(1, 5): [1, 12 / 5, -336 / 125, 708288 / 78125],
    }[x]
    for n, wanted in enumerate(exact, 1):

        def logistic(x, n=n):
            for _ in range(n - 1):
                x = 4 * x * (1 - x)
            return x

        assert grad(lambda x, f=logistic: f(x), method=method)(float(x)) == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize(
    ("exponent", "slope"), [(3.0, 0), (1.5, 0), (1.0, 1), (0.5, np.inf), (0.0, 0), (-1.0, -np.inf)]
)
@pytest.mark.parametrize("method", ["forward", "reverse"])
def test_powers_at_zero(exponent, slope, method):
    assert grad(lambda x: x**exponent, method=method)(0.0) == slope
    assert grad(lambda x, p: x**p, method=method)(0.0, exponent) == slope


def test_the_derivative_of_tanh():
    assert grad(np.tanh)(1.0) == pytest.approx(0.419974341614026, rel=1e-14)


# ---------------------------------------------------------------------------------------------------- nesting


@MIXED
def test_perturbations_are_never_confused(outer, inner):
    def d(f, method):
        return grad(f, method=method)

    assert d(lambda x: x * d(lambda y: x + y, inner)(1.0), outer)(1.0) == pytest.approx(1, abs=1e-5)
    assert d(lambda x: x * d(lambda y: x * y, inner)(1.0), outer)(4.0) == pytest.approx(8, abs=1e-5)


@MIXED
def test_second_derivatives_in_every_mixture(outer, inner):
    second = grad(grad(lambda x: x * x * np.exp(x), method=inner), method=outer)
    x = 0.7
    assert second(x) == pytest.approx(np.exp(x) * (x * x + 4 * x + 2), rel=1e-4)


def test_five_derivatives_of_a_polynomial():
    f = lambda x: x**5  # noqa: E731 - nested on purpose
    values = []
    for _ in range(5):
        f = grad(f)
        values.append(float(f(2.0)))
    assert values == [80, 160, 240, 240, 120]


def test_three_levels_of_closures_over_traced_values():
    def f(x):
        def g(y):
            return grad(lambda z: x * y * z * z)(y)

        return grad(g)(x)

    assert f(3.0) == 36.0
    assert grad(f)(3.0) == 24.0


def test_jvp_of_grad_and_grad_of_jvp():
    f = lambda x: np.sin(x) * x  # noqa: E731
    second = 2 * np.cos(0.5) - 0.5 * np.sin(0.5)
    assert jvp(grad(f), (0.5,), (1.0,))[1] == pytest.approx(second, rel=1e-14)
    assert grad(lambda x: jvp(f, (x,), (1.0,))[1])(0.5) == pytest.approx(second, rel=1e-14)
    assert grad(lambda t: jvp(f, (0.5,), (t,))[1])(2.0) == pytest.approx(
        np.cos(0.5) * 0.5 + np.sin(0.5), rel=1e-14
    )


def test_grad_through_a_pullback():
    def f(x):
        y, pullback = vjp(lambda z: z * z * z, x)
        return y + pullback(x)[0]

    assert f(2.0) == 8 + 2 * 12
    assert grad(f)(2.0) == 12 + 9 * 4
    _, pullback = vjp(lambda z: z * z, 3.0)
    assert grad(lambda c: pullback(c)[0])(1.0) == 6.0


def test_closures_that_change_are_traced_afresh():
    factor = 2.0

    def f(x):
        return factor * x

    gradient = grad(f)
    assert gradient(1.0) == 2.0
    factor = 5.0
    assert gradient(1.0) == 5.0


def test_branches_follow_the_actual_point():
    def f(x):
        return x * x if x > 1 else -x

    gradient = grad(f)
    assert (gradient(3.0), gradient(0.0)) == (6.0, -1.0)
    assert (grad(gradient)(3.0), grad(gradient)(0.0)) == (2.0, 0.0)


def test_a_branch_inside_a_nested_derivative_guards_the_outer_graph():
    graph = to_graph(lambda x: grad(lambda y: y * y * x if y > 1 else y)(x), (3.0,)).graph
    assert call_graph(graph, (2.0,)) == 8.0
    with pytest.raises(BranchError):
        call_graph(graph, (0.5,))


# --------------------------------------------------------------------------------------- shapes and structure


@EACH
def test_jacobian_blocks_have_the_shape_of_result_and_argument(method):
    a, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    by_matrix, by_vector = jacobian(lambda a, x: a @ x, (0, 1), method)(a, x)
    assert by_matrix.shape == (2, 2, 3)
    np.testing.assert_allclose(by_vector, a, atol=1e-9)
    assert jacobian(lambda t: t * x, method=method)(2.0).shape == (3,)
    assert np.shape(jacobian(lambda t: t * t, method=method)(2.0)) == ()
    assert jacobian(lambda x: x, method=method)(np.zeros((2, 2))).shape == (2, 2, 2, 2)


@EACH
def test_nested_containers_keep_their_structure(method):
    point = {"w": np.array([1.0, 2.0]), "rest": [3.0, (4.0,)]}
    found = grad(lambda p: np.sum(p["w"] * p["rest"][0]) * p["rest"][1][0], method=method)(point)
    np.testing.assert_allclose(found["w"], [12, 12], rtol=1e-9)
    assert found["rest"][0] == pytest.approx(12)
    assert found["rest"][1][0] == pytest.approx(9)
    assert type(found["rest"]) is list
    assert type(found["rest"][1]) is tuple


def test_jacobian_of_containers_nests_results_outside_and_arguments_inside():
    found = jacobian(lambda p: {"s": p[0] + p[1], "v": p[1] * np.ones(2)})((1.0, 2.0))
    assert found["s"] == (1, 1)
    np.testing.assert_array_equal(found["v"][0], [0, 0])
    np.testing.assert_array_equal(found["v"][1], [1, 1])


def test_hessian_of_containers():
    found = hessian(lambda p: p["a"] * p["a"] * np.sum(p["b"]))({"a": 2.0, "b": np.array([1.0, 3.0])})
    assert found["a"]["a"] == 8.0
    np.testing.assert_array_equal(found["a"]["b"], [4, 4])
    np.testing.assert_array_equal(found["b"]["b"], np.zeros((2, 2)))


@EACH
def test_float32_stays_and_whole_numbers_become_float64(method):
    single = grad(lambda x: np.sum(x * x), method=method)(np.ones(2, np.float32))
    assert single.dtype == np.float32
    assert type(grad(lambda x: x * x, method=method)(np.float32(3))) is np.float32
    whole = grad(lambda x: np.sum(x * x), method=method)(np.array([1, 2]))
    assert whole.dtype == np.float64
    np.testing.assert_allclose(whole, [2, 4], rtol=1e-9)
    assert grad(lambda x: x * x, method=method)(3) == pytest.approx(6.0)


def test_results_alias_neither_arguments_nor_each_other():
    x = np.ones(2)
    y, pullback = vjp(lambda x: (x, x), x)
    y[0][:] = 5
    (cotangent,) = pullback((np.ones(2), np.ones(2)))
    cotangent[:] = 9
    assert (x == 1).all()
    assert (y[1] == 1).all()
    value, tangent = jvp(lambda x: x, (x,), (x,))
    value[:], tangent[:] = 3, 4
    assert (x == 1).all()
    gradient = grad(lambda x, y: np.sum(x + y), (0, 1))(x, x)
    gradient[0][:] = 7
    assert (gradient[1] == 1).all()


def test_negative_argnums_and_tuples():
    assert grad(running, -1)(2.0, 5.0) == grad(running, 1)(2.0, 5.0)
    assert grad(running, (1, 0))(2.0, 5.0) == grad(running, (0, 1))(2.0, 5.0)[::-1]
    assert grad(running, (0,))(2.0, 5.0) == (5.5,)


# --------------------------------------------------------------------------------------------------- products


def test_a_pullback_stays_at_its_point_when_the_arrays_change():
    x, w = np.ones(3), [np.full(3, 2.0)]
    value, pullback = vjp(lambda x, w: (x[::-1] ** 2, w[0] * x), x, w)
    x += 1
    w[0][:] = 7.0
    value[0][:] = 5.0
    bars = pullback((np.ones(3), np.ones(3)))
    np.testing.assert_array_equal(bars[0], np.full(3, 4.0))
    np.testing.assert_array_equal(bars[1][0], np.ones(3))


@pytest.mark.parametrize("x", [np.ma.array([1.0, 2.0], mask=[0, 1]), np.eye(2).view(np.matrix), np.ma.masked])
def test_arrays_that_mean_something_else_are_refused(x):
    for call in (
        lambda: grad(lambda x: (x * x).sum())(x),
        lambda: grad(lambda p: (p["x"] * p["x"]).sum())({"x": x}),
        lambda: jacobian(lambda x: x * x, sparse=True)(x),
        lambda: vjp(lambda x: x * x, x),
        lambda: jvp(lambda x: x * x, (np.ones(2),), (x,)),
        lambda: to_graph(lambda x: x * x, (x,)),
    ):
        with pytest.raises(InputError, match=f"a {type(x).__name__}, .*asarray makes a plain array"):
            call()


def test_jvp_and_vjp_agree():
    random = np.random.default_rng(0)
    a, x, u, v = random.normal(size=(3, 4)), *random.normal(size=(2, 4)), random.normal(size=3)
    f = lambda x: np.tanh(a @ x)  # noqa: E731
    tangent = jvp(f, (x,), (u,))[1]
    (cotangent,) = vjp(f, x)[1](v)
    assert v @ tangent == pytest.approx(cotangent @ u, rel=1e-13)


def test_jvp_of_several_results_keeps_their_structure():
    value, tangent = jvp(lambda x, y: {"p": x * y, "c": 3.0}, (2.0, 5.0), (1.0, 0.5))
    assert value == {"p": 10.0, "c": 3.0}
    assert tangent == {"p": 6.0, "c": 0.0}


def test_hvp_is_a_product_with_the_hessian():
    f = lambda x: np.sum(x * x * x) * x[0]  # noqa: E731
    x, v = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(hvp(f, (x,), (v,)), hessian(f)(x) @ v, rtol=1e-14)
    assert hvp(running, (2.0, 5.0), (1.0, 0.0), argnums=(0, 1)) == pytest.approx((-0.25, 1.0))
    assert np.shape(hvp(running, (2.0, 5.0), (1.0, 0.0))) == ()


def test_tangents_and_cotangents_are_checked():
    f = lambda x, y: x * y  # noqa: E731
    with pytest.raises(InputError, match=r"tangent of x has shape \(3,\), but x has shape \(2,\)"):
        jvp(f, (np.ones(2), 1.0), (np.ones(3), 1.0))
    with pytest.raises(InputError, match="nested otherwise"):
        jvp(f, (1.0, 1.0), (1.0,))
    with pytest.raises(InputError, match="must be a tuple"):
        jvp(f, 1.0, 1.0)
    _, pullback = vjp(f, np.ones(2), 1.0)
    with pytest.raises(InputError, match=r"cotangent has shape \(\), but the value has shape \(2,\)"):
        pullback(1.0)
    with pytest.raises(InputError, match="nested otherwise"):
        pullback((np.ones(2), 1.0))


# -------------------------------------------------------------------------------------------- gradient graphs


def test_the_gradient_graph_is_a_graph_and_differentiates_again():
    graph = grad_graph(running, 2.0, 5.0, argnums=(0, 1))
    check(graph)
    assert graph.inputs == ("x1", "x2")
    assert call_graph(graph, (2.0, 5.0)) == pytest.approx((5.5, 1.716337814536774))
    assert graph.operation_counts() == {"cos": 1, "negative": 1, "add": 2, "divide": 1}
    np.testing.assert_allclose(jacobian(graph, (0, 1))(2.0, 5.0), [[-0.25, 1], [1, -0.958924274663138]])


def test_the_gradient_graph_of_a_gradient_graph():
    first = grad_graph(lambda x: np.sum(np.sin(x) * x), np.ones(3))
    check(first)
    second = grad_graph(lambda x: np.sum(call_graph(first, (x,))), np.ones(3))
    check(second)
    x = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(call_graph(second, (x,)), 2 * np.cos(x) - x * np.sin(x), rtol=1e-14)


def test_the_gradient_graph_keeps_guards_and_constants():
    graph = grad_graph(lambda x: x * x if x > 1 else x, 3.0)
    with pytest.raises(BranchError):
        call_graph(graph, (0.0,))
    assert call_graph(grad_graph(lambda x: 2 * x, 3.0), (1.0,)) == 2.0
    assert call_graph(grad_graph(lambda x, y: x, 1.0, 1.0, argnums=1), (1.0, 1.0)) == 0.0


def test_the_gradient_graph_wants_numbers():
    with pytest.raises(TraceError, match="use grad"):
        grad(lambda x: call_graph(grad_graph(lambda y: y * x, 1.0), (x,)))(1.0)
    with pytest.raises(TraceError, match="use grad"):
        grad(lambda x: call_graph(grad_graph(lambda y: y, x), (x,)))(1.0)


# ---------------------------------------------------------------------------------------- graphs as functions


def test_a_graph_argument_is_used_as_it_is():
    graph = to_graph(running, (2.0, 5.0)).graph
    assert grad(graph)(4.0, 5.0) == 5.25
    assert grad(lambda x: call_graph(graph, (x, 5.0)))(4.0) == 5.25


def test_a_graph_beyond_its_branch_names_comparison_line_and_values():
    graph = to_graph(lambda x: x if x > 1 else -x, (2.0,)).graph
    with pytest.raises(
        BranchError, match=r"test_derivatives.*: the comparison 'greater' was true .* of -3 and 1; trace"
    ):
        grad(graph)(-3.0)
    with pytest.raises(BranchError):
        call_graph(graph, (-3.0,))
    with pytest.raises(BranchError):
        grad(lambda x: call_graph(graph, (x,)))(-3.0)


def test_calling_a_graph_checks_names_shapes_and_dtypes():
    graph = to_graph(lambda p, y: p["a"] * y, ({"a": np.ones(2, np.float32), "b": 1.0}, np.float32(2))).graph
    x = np.ones(2, np.float32)
    result = call_graph(graph, ({"b": 0.0, "a": x}, 3.0))
    assert result.dtype == np.float32
    with pytest.raises(InputError, match=r"takes 2 arguments"):
        call_graph(graph, ({"a": x, "b": 1.0},))
    with pytest.raises(InputError, match="dict with keys a, b"):
        call_graph(graph, ((x, 1.0), 3.0))
    with pytest.raises(InputError, match=r"p\.a has shape \(3,\)"):
        call_graph(graph, ({"a": np.ones(3, np.float32), "b": 1.0}, 3.0))
    with pytest.raises(InputError, match=r"p\.a is float64.*p\.a\.astype\(np\.float32\)"):
        call_graph(graph, ({"a": np.ones(2), "b": 1.0}, 3.0))
    with pytest.raises(InputError, match="y is complex"):
        call_graph(graph, ({"a": x, "b": 1.0}, 1j))


# ----------------------------------------------------------------------------------------------------- errors


def test_only_scalar_functions_have_a_gradient():
    with pytest.raises(InputError, match=r"array of shape \(2,\): use jacobian"):
        grad(lambda x: x)(np.ones(2))
    with pytest.raises(InputError, match=r"array of shape \(1,\)"):
        grad(lambda x: x)(np.ones(1))
    with pytest.raises(InputError, match="container: use jacobian"):
        grad(lambda x: (x, x))(1.0)
    with pytest.raises(InputError, match="truth value"):
        grad(lambda x: x > 1)(1.0)


@pytest.mark.parametrize("argnums", [2, -3, (0, 5)])
def test_argnums_out_of_range_are_reported_when_called(argnums):
    gradient = grad(running, argnums)
    with pytest.raises(InputError, match="the function was given 2, counted from 0"):
        gradient(2.0, 5.0)


@pytest.mark.parametrize("argnums", ["x", (0.5,), (True,)])
def test_argnums_are_positions(argnums):
    with pytest.raises(InputError, match="position of an argument"):
        grad(running, argnums)(2.0, 5.0)


def test_unknown_methods_and_options_are_refused_at_once():
    with pytest.raises(InputError, match="numerical, symbolic, forward, reverse"):
        grad(running, method="backward")
    with pytest.raises(InputError, match="no option 'h'; it takes none"):
        jacobian(running, method="reverse", h=1e-3)


def test_arguments_that_are_no_numbers_are_refused():
    for bad in ("two", 1j, np.array(["a"])):
        with pytest.raises((InputError, TraceError)):
            grad(lambda x: x * x)(bad)
    with pytest.raises(InputError, match="truth value"):
        grad(lambda m: np.where(m, 1.0, 2.0))(True)
    with pytest.raises(InputError, match="no function adlab knows"):
        grad(3)(1.0)


def test_derivatives_keep_the_name_and_docstring_of_their_function():
    def area(r):
        """Return r²."""
        return r * r

    assert grad(area).__name__ == "grad(area)"
    assert grad(area).__doc__ == "Return r²."
    assert to_graph(grad(area), (1.0,)).graph.inputs == ("r",)


def test_the_gradient_graph_of_an_element_is_differentiated_by_every_method() -> None:
    import adlab

    x = np.array([1.0, 3.0, 2.0])
    want = np.diag([0.0, 0.0, 12.0])
    for method in ("numerical", "symbolic", "forward", "reverse"):
        got = adlab.jacobian(adlab.grad(lambda x: x[2] ** 3), method=method)(x)
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)


def test_cotangents_of_one_result_returned_twice_add_up() -> None:
    import adlab

    _, pullback = adlab.vjp(lambda x: (x * x, x * x), 3.0)
    assert pullback((1.0, 1.0))[0] == 12.0


@pytest.mark.parametrize("argnums", [0.0, None, "a", (0.0,)])
def test_argnums_that_are_no_positions_are_refused(argnums):
    with pytest.raises(InputError, match="argnums="):
        grad(np.sin, argnums=argnums)(1.0)
    with pytest.raises(InputError, match="argnums="):
        jacobian(np.sin, argnums=argnums)(1.0)
