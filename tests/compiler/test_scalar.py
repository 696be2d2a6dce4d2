"""Straight-line code: pieces, slots, order, guards, eight points at once; bit for bit what Python computes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adlab as ad
from adlab.algebra.numpy import NUMPY
from adlab.compiler.many import compile_many
from adlab.compiler.native import compile_graph
from adlab.compiler.scalar import PIECE, execution_order, lower_scalar
from adlab.errors import BranchError
from adlab.ir.types import FLOAT32


def exact(graph, *args):
    made = compile_graph(graph)
    assert made.stats.kind == "scalar", made.stats
    got, want = made(*args), graph(*args)
    np.testing.assert_array_equal(got, want)
    return made


@pytest.mark.parametrize("steps", [1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE, 20_000])
def test_values_cross_from_piece_to_piece(steps):
    def f(x, y):
        early, kept = x * y, []
        for k in range(steps):
            x = x * y + 0.25 if k % 3 else x - early
            kept.append(x)
        return x + kept[0], kept[len(kept) // 2] * early, kept[-1]

    exact(ad.graph(f, 0.75, 0.5), 0.7, 0.4)


def test_slots_are_used_again():
    def chain(x):
        for _ in range(40 * PIECE):
            x = x * 0.5 + 1.0
        return x

    program = lower_scalar(
        ad.graph(chain, 1.0), [ad.graph(chain, 1.0).input_types[0]], [ad.graph(chain, 1.0).types[0]]
    )
    assert program.work_bytes <= 64


def test_two_long_chains_are_laid_side_by_side():
    def f(x, y):
        for _ in range(100):
            x = x * 1.01
        for _ in range(100):
            y = y * 1.01
        return x + y

    graph = ad.graph(f, 1.0, 1.0)
    order = list(execution_order(graph))
    assert sorted(order) == list(range(2, len(graph)))
    assert abs(order.index(50) - order.index(150)) < 5
    exact(graph, 1.5, 2.5)


def test_wide_programs_keep_their_order():
    graph = ad.graph(lambda x: sum(x * k for k in range(1, 200)), 1.0)
    wide = ad.graph(lambda x: tuple(x * k for k in range(1, 200)), 1.0)
    assert list(execution_order(wide)) == list(range(1, len(wide)))
    exact(graph, 0.3)


def test_outputs_may_be_inputs_literals_and_the_same_value_twice():
    exact(ad.graph(lambda x, y: (y, 2.5, x * y, x * y, x), 1.0, 2.0), 3.0, 4.0)


def test_truth_values():
    def f(x, y):
        small = np.logical_and(x < y, np.logical_not(y == 2.0))
        return np.where(small, x, y), small, np.logical_or(small, x > 0)

    for point in ((1.0, 2.0), (1.0, 3.0), (-1.0, -2.0), (np.nan, 1.0)):
        exact(ad.graph(f, 1.0, 2.0), *point)


def test_truth_values_that_meet_numbers_become_numbers():
    def f(a):
        some = np.any(a > 0)
        return np.sum(a * some) + some, np.where(a[0], a[1], some), a[0] * np.all(a > 0)

    for point in (np.array([1.0, -2.0]), np.array([-1.0, -2.0]), np.array([0.0, 3.0])):
        exact(ad.graph(f, np.ones(2)), point)


def test_two_dtypes_in_one_expression():
    def f(a, b):
        return a * b + a, a < b, np.where(a < b, a, b), np.logical_and(a, b)

    graph = ad.graph(f, np.float32(1.5), 2.5)
    made = compile_graph(graph)
    for point in ((np.float32(1.1), 2.3), (np.float32(0.0), -1.0)):
        got, want = made(*point), graph(*point)
        assert [(type(x), x) for x in got] == [(type(x), x) for x in want]


def test_a_truth_value_crosses_pieces():
    def f(x, y):
        chosen = x < y
        for _ in range(2 * PIECE):
            x = x * 0.999
        return np.where(chosen, x, y)

    exact(ad.graph(f, 1.0, 2.0), 1.0, 2.0)


def test_the_first_guard_that_fails_is_named():
    def f(x, y):
        a = x * 2 if x > 0 else x
        return a * y if y > 1 else a

    made = compile_graph(ad.graph(f, 1.0, 2.0))
    assert made(3.0, 4.0) == 24.0
    with pytest.raises(BranchError, match="greater"):
        made(-1.0, 0.0)
    with pytest.raises(BranchError, match=r"0\b.* 1|1.*0"):
        made(1.0, 0.0)


def test_float32_rounds_as_float32():
    def f(x, y):
        return x * y + np.float32(0.1), np.sqrt(x) / y

    graph = ad.graph(f, np.float32(1.5), np.float32(2.5))
    made = compile_graph(graph)
    got, want = made(np.float32(1.1), np.float32(2.3)), graph(np.float32(1.1), np.float32(2.3))
    assert [type(x) for x in got] == [np.float32] * 2
    assert got == want
    assert graph.types[0].dtype == FLOAT32


EXACT = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "square",
    "sqrt",
    "absolute",
    "reciprocal",
    "maximum",
)


@given(st.lists(st.tuples(st.sampled_from(EXACT), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=40),
       st.floats(width=64), st.floats(width=64))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_random_arithmetic_is_bit_for_bit_the_interpreters(program, x, y):
    from adlab.ir.builder import Builder
    from adlab.ir.types import SCALAR
    from adlab.primitives import TABLE

    builder = Builder()
    nodes = [builder.input("x", SCALAR), builder.input("y", SCALAR)]
    for name, j, k in program:
        row = TABLE[name]
        nodes.append(builder.apply(row, (nodes[j % len(nodes)], nodes[k % len(nodes)])[: row.arity]))
    graph = builder.finish(nodes[2:])
    got = compile_graph(graph)(x, y)
    want = NUMPY.outputs(graph, NUMPY.run(graph, [np.float64(x), np.float64(y)]))
    np.testing.assert_array_equal(np.atleast_1d(got), want)


def test_many_points_at_once():
    def f(a, b):
        return a * b - a / b + np.sqrt(a), np.exp(a) + np.sin(b), np.where(a < b, a, b)

    graph = ad.graph(f, 2.0, 5.0)
    many = compile_many(graph)
    points = np.random.default_rng(1).uniform(1, 3, (1003, 2))
    np.testing.assert_allclose(many(points), np.array([graph(*point) for point in points]), rtol=1e-15)
    assert many(points[:0]).shape == (0, 3)
    assert many(points[:1]).shape == (1, 3)


def test_branches_have_no_code_for_many_points():
    assert compile_many(ad.graph(lambda x: x if x > 0 else -x, 1.0)) is None
