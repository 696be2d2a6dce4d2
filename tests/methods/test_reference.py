"""The judge: digits, one-sided derivatives, infinities, and distances."""

import mpmath
import numpy as np
import pytest

from adlab.errors import InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.methods.reference import absolute_error, directional, reference, relative_error, ulps


def judged(f, *args):
    return reference(to_graph(f, args).graph, args)


def slope(f, x):
    return judged(f, x).jacobians[0][0]


@pytest.mark.parametrize(
    ("f", "exact", "x"),
    [
        (np.exp, mpmath.exp, 1.7),
        (np.sin, mpmath.cos, 1e300),
        (np.log, lambda x: 1 / x, 1e-300),
        (lambda x: x + 1e10, lambda x: 1, 1e-300),
        (np.tanh, lambda x: mpmath.sech(x) ** 2, 30.0),
        (lambda x: x * x * x, lambda x: 0, 0.0),
        (lambda x: np.exp(-x), lambda x: -mpmath.exp(-x), 300.0),
    ],
)
def test_fifty_digits(f, exact, x):
    with mpmath.workdps(120):
        wanted, found = exact(mpmath.mpf(x)), slope(f, x)
        assert abs(found - wanted) <= mpmath.mpf(10) ** -50 * abs(wanted)


def test_the_running_example():
    found = judged(lambda x1, x2: np.log(x1) + x1 * x2 - np.sin(x2), 2.0, 5.0)
    with mpmath.workdps(60):
        assert abs(found.jacobians[0][1] - (2 - mpmath.cos(5))) < mpmath.mpf(10) ** -50
    assert found.kinks == ()


@pytest.mark.parametrize(
    ("f", "x", "exact"),
    [
        (np.sqrt, 0.0, np.inf),
        (np.cbrt, 0.0, np.inf),
        (np.arcsin, 1.0, np.inf),
        (np.arccos, -1.0, -np.inf),
        (lambda x: x**0.5, 0.0, np.inf),
        (lambda x: x**1.5, 0.0, 0.0),
        (np.log, -1.0, np.nan),
        (lambda x: np.sqrt(x) * x, 0.0, 0.0),
    ],
)
def test_edges_of_domains(f, x, exact):
    np.testing.assert_equal(float(slope(f, x)), exact)


@pytest.mark.parametrize(
    ("f", "x", "right", "left"),
    [(np.abs, 0.0, 1, -1), (lambda x: np.maximum(x, 2 * x), 0.0, 2, 1), (np.floor, 2.0, 0, np.inf)],
)
def test_kinks_have_two_sides(f, x, right, left):
    kink = judged(f, x).kinks[0]
    assert (kink.right, kink.left, kink.input) == (right, left, "x")


def test_a_smooth_function_made_of_kinks_has_none():
    found = judged(lambda x: np.maximum(x, 0) - np.maximum(-x, 0), 0.0)
    assert found.kinks == ()
    assert found.jacobians[0][0] == 1


def test_a_branch_is_left_on_one_side_only():
    found = judged(lambda x: x * x if x >= 1 else -x, 1.0)
    assert float(found.jacobians[0][0]) == 2.0
    assert "one side" in found.notes[0]


def test_along_a_direction():
    x, v = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    graph = to_graph(lambda x: np.sum(x * x * x), (x,)).graph
    assert float(directional(graph, (x,), (v,))[0]) == pytest.approx(3 * (x * x) @ v, rel=1e-15)


def test_a_primitive_without_mpmath_is_refused():
    import dataclasses

    from adlab.ir.builder import Builder
    from adlab.ir.types import SCALAR
    from adlab.primitives import TABLE

    builder = Builder()
    row = dataclasses.replace(TABLE["sin"], name="mine", mpmath=None)
    graph = builder.finish([builder.apply(row, (builder.input("x", SCALAR),))])
    with pytest.raises(MethodError, match="mine has no mpmath function"):
        reference(graph, (1.0,))


@pytest.mark.parametrize("digits", [0, 14, True, 50.5])
def test_digits_are_a_whole_number(digits):
    with pytest.raises(InputError, match="at least 15"):
        reference(to_graph(np.sin, (1.0,)).graph, (1.0,), digits=digits)


@pytest.mark.parametrize(
    ("value", "exact", "distance", "relative"),
    [
        (1 + 2**-52, 1, 1, 2**-52),
        (1 - 2**-53, 1, 0.5, 2**-53),
        (0.0, 0, 0, 0),
        (np.inf, mpmath.inf, 0, 0),
        (-np.inf, mpmath.inf, np.inf, np.inf),
        (np.nan, mpmath.nan, 0, 0),
        (np.nan, 1, np.inf, np.inf),
        (1e-20, 0, np.inf, np.inf),
    ],
)
def test_distances(value, exact, distance, relative):
    assert ulps(value, exact) == distance
    assert relative_error(value, exact) == relative


def test_distances_know_the_dtype_and_take_the_worst_element():
    assert ulps(np.float32(1 + 2**-23), 1, np.float32) == 1
    assert ulps(np.array([1.0, 1 + 2**-50]), np.array([1, 1], dtype=object)) == 4
    assert absolute_error(np.array([1.0, 0.25]), np.array([1, 0], dtype=object)) == 0.25


@pytest.mark.parametrize(
    ("f", "x", "middle"),
    [(np.abs, 0.0, 0), (lambda x: np.maximum(x, 0), 0.0, 0.5), (lambda x: np.maximum(x, 3 * x), 0.0, 2)],
)
def test_on_a_kink_the_reference_is_the_mean_of_both_sides(f, x, middle):
    assert judged(f, x).jacobians[0][0] == middle
