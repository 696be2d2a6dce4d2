"""Patterns never miss an entry, and are exact where the graph says all there is to say; colourings are colourings."""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adlab as ad
from adlab.errors import MethodError
from adlab.ir.builder import Builder
from adlab.ir.types import BOOL, FLOAT64, Type
from adlab.methods.reverse import Reverse
from adlab.primitives import ROWS, TABLE
from adlab.transforms import sparsity
from adlab.transforms.colouring import (
    by_columns,
    by_rows,
    by_star,
    colour_columns,
    compress_hessian,
    peeled,
    star_colours,
)
from adlab.transforms.scopes import collapse
from adlab.transforms.sparsity import from_entries, hessian_pattern, jacobian_pattern

sys.path.insert(0, str(Path(__file__).parents[1]))
from contracts.applications import APPLICATIONS

STRUCTURAL = [
    (row, app)
    for row in ROWS
    if not row.elementwise
    for app in APPLICATIONS.get(row.name, ())
    if not app.constant
]
ELEMENTWISE = [row for row in ROWS if row.elementwise and row.rule is not None]


def graph_of(row, types, params=()):
    builder = Builder()
    nodes = [builder.input(f"x{k}", type) for k, type in enumerate(types)]
    return builder.finish([builder.apply(row, tuple(nodes), params)])


def numbers(graph, args, wrt):
    """The dense Jacobian as one matrix, with the rules' own numbers."""
    found = Reverse().derivative(graph, args, list(wrt))
    rows = [
        np.concatenate(
            [
                np.reshape(b, (graph.type_of(j).size, graph.types[k].size))
                for b, k in zip(row, wrt, strict=True)
            ],
            1,
        )
        for j, row in zip(graph.outputs, found.jacobians, strict=True)
    ]
    return np.concatenate(rows)


@pytest.mark.parametrize(("row", "application"), STRUCTURAL, ids=lambda x: getattr(x, "name", ""))
def test_structural_rows_miss_nothing(row, application):
    graph = graph_of(row, application.types(), application.node_params())
    wrt = range(len(application.operands))
    there = numbers(graph, application.arrays(row.name), wrt) != 0
    pattern = jacobian_pattern(graph, list(wrt)).dense()
    assert not np.any(there & ~pattern)
    if row.name in EXACT:
        np.testing.assert_array_equal(pattern, there)


EXACT = (
    "sum",
    "mean",
    "cumsum",
    "reshape",
    "transpose",
    "broadcast_to",
    "index",
    "concatenate",
    "stack",
    "cast",
)


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elementwise_rows_are_diagonal(row):
    rng = np.random.default_rng(1)
    bools = [isinstance(low, bool) for low, _ in row.domain.intervals]
    graph = graph_of(row, [Type((3,), BOOL if b else FLOAT64) for b in bools])
    args = [
        np.array([True, False, True])
        if b
        else rng.integers(low, high, 3) * 1.0
        if isinstance(low, int)
        else rng.uniform(low, high, 3)
        for b, (low, high) in zip(bools, row.domain.intervals, strict=True)
    ]
    for k in [k for k, b in enumerate(bools) if not b]:
        pattern = jacobian_pattern(graph, [k])
        assert pattern.nonzeros in (0, 3)
        assert not np.any(pattern.dense() & ~np.eye(3, dtype=bool))
        if row.rule.partials[k] is not None and not isinstance(row.domain.intervals[k][0], int):
            there = numbers(graph, args, [k]) != 0
            assert not np.any(there & ~pattern.dense())


def test_a_row_nothing_is_said_about_depends_on_everything():
    own = replace(
        TABLE["cumsum"], name="reshape"
    )  # a user's primitive that happens to have the name of a row
    graph = graph_of(own, [Type((4,), FLOAT64)], (("axis", 0),))
    assert jacobian_pattern(graph, [0]).dense().all()


# ------------------------------------------------------------------------------------------ random tensor programs

UNARY = (np.sin, np.exp, lambda x: x * x, lambda x: -x, np.tanh, lambda x: np.where(x > 0, x, 0.5 * x))
BINARY = (lambda a, b: a + b, lambda a, b: a * b, lambda a, b: np.maximum(a, b), lambda a, b: a - 2 * b)
MATRIX = np.array([[0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
FULL = np.arange(1.0, 17.0).reshape(4, 4) / 8
STRUCTURE = (
    lambda x: x[::-1],
    lambda x: x.reshape(2, 2).T.reshape(4),
    lambda x: np.concatenate([x[2:], x[:2]]),
    lambda x: np.stack([x[3], x[0], x[0], x[1]]),
    lambda x: x[np.array([0, 0, 3, 1])],
    lambda x: np.cumsum(x),
    lambda x: MATRIX @ x,
    lambda x: x @ MATRIX,
    lambda x: FULL @ x,
    lambda x: (x.reshape(2, 2) @ x.reshape(2, 2)).reshape(4),
    lambda x: (
        x.reshape(2, 2).sum(axis=0, keepdims=True) + x.reshape(2, 2).max(axis=1, keepdims=True) * 0 + x[0]
    ),
    lambda x: np.outer(x[:2], x[2:]).reshape(4),
    lambda x: np.ones(4) * x.mean(),
    lambda x: np.broadcast_to(x[:2].reshape(2, 1), (2, 2)).reshape(4),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(range(len(UNARY) + len(BINARY) + len(STRUCTURE))),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=7,
)


def program(steps):
    def f(x):
        values = [x]
        for which, first, second in steps:
            a, b = values[first % len(values)], values[second % len(values)]
            if which < len(UNARY):
                values.append(UNARY[which](a))
            elif which < len(UNARY) + len(BINARY):
                values.append(BINARY[which - len(UNARY)](a, b))
            else:
                result = STRUCTURE[which - len(UNARY) - len(BINARY)](a)
                values.append(result.reshape(-1)[:4])
        return values[-1]

    return f


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(0, 10**6))
def test_random_programs_miss_nothing(steps, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, 4)
    graph = ad.graph(program(steps), x)
    pattern = jacobian_pattern(graph, [0])
    jacobian = ad.jacobian(program(steps), sparse=True)(x)
    dense = np.nan_to_num(ad.jacobian(program(steps), method="reverse")(x))
    assert not np.any((dense != 0) & ~pattern.dense())
    for method in ("auto", "forward", "reverse"):
        got = ad.jacobian(program(steps), sparse=True, method=method)(x)
        np.testing.assert_allclose(np.nan_to_num(got.toarray()), dense, rtol=1e-10, atol=1e-12)
    assert jacobian.nnz == pattern.nonzeros


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(0, 10**6))
def test_random_hessians_miss_nothing(steps, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, 4)

    def f(x):
        return np.sum(np.tanh(program(steps)(x)))

    dense = ad.hessian(f)(x)
    got = ad.hessian(f, sparse=True)(x).toarray()
    np.testing.assert_allclose(np.nan_to_num(got), np.nan_to_num(dense), rtol=1e-8, atol=1e-10)


# ------------------------------------------------------------------------------------------------ what graphs tell


def pattern_of(f, *args):
    graph = ad.graph(f, *args)
    return jacobian_pattern(graph, range(len(graph.inputs)))


def test_loop_code_and_scalars():
    def f(x, y):
        total = x[0] * y
        rows = []
        for i in range(1, 40):
            rows.append(x[i] * x[i - 1])
            total = total + rows[-1]
        return np.stack(rows), total

    pattern = pattern_of(f, np.ones(40), 2.0)
    dense = pattern.dense()
    assert dense[:39, :40].sum() == 78
    assert dense[39].all()
    assert not dense[:39, 40].any()


def test_zeros_of_known_matrices_count_and_are_remembered():
    band = np.eye(50) + np.eye(50, k=1)
    pattern = pattern_of(lambda x: band @ np.sin(x), np.ones(50))
    assert pattern.nonzeros == 99
    assert pattern.literals
    assert pattern_of(lambda X: X.reshape(5, 10) @ np.eye(10), np.ones(50)).nonzeros == 50
    assert pattern_of(lambda X: band[:5, :5].T @ X.reshape(5, 10), np.ones(50)).nonzeros == 90


def test_comparisons_and_steps_pass_nothing_on():
    assert pattern_of(lambda x: np.where(x > x[::-1], 1.0, 2.0) + np.floor(x), np.ones(5)).nonzeros == 0
    assert pattern_of(lambda x: ad.graph(lambda z: z * z, x)(x), np.ones(5)).nonzeros == 5


def test_collapsed_scopes_have_the_pattern_of_their_operations():
    def f(x):
        with ad.scope("layer"):
            y = x[1:] * x[:-1]
        return y * 2

    graph = ad.graph(f, np.ones(6))
    np.testing.assert_array_equal(
        jacobian_pattern(collapse(graph), [0]).dense(), jacobian_pattern(graph, [0]).dense()
    )


def test_what_is_not_sparse_is_refused(monkeypatch):
    monkeypatch.setattr(sparsity, "MOST_NONZEROS", 1000)
    with pytest.raises(MethodError, match=r"entries, more than 1,000"):
        pattern_of(lambda x: np.cumsum(x), np.ones(60))


# ---------------------------------------------------------------------------------------------------- colourings

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SHAPES, st.integers(0, 10**6), st.floats(0.05, 0.7))
def test_columns_of_one_colour_share_no_row(shape, seed, density):
    there = np.random.default_rng(seed).random(shape) < density
    pattern = from_entries(*np.nonzero(there), shape)
    colours, count = colour_columns(pattern)
    assert count >= pattern.row_counts.max(initial=0)
    for colour in range(count):
        assert there[:, colours == colour].sum(axis=1).max(initial=0) <= 1
    for found in (by_columns(pattern), by_rows(pattern), peeled(pattern)):
        if found is not None:
            check_recovery(found, there * np.random.default_rng(seed).normal(size=shape))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(0, 10**6), st.floats(0.05, 0.6))
def test_hessians_are_recovered_from_their_products(n, seed, density):
    rng = np.random.default_rng(seed)
    there = rng.random((n, n)) < density
    there |= there.T
    if n > 3:
        there[0] = there[:, 0] = True
    values = rng.normal(size=(n, n)) * there
    values = values + values.T
    pattern = from_entries(*np.nonzero(there), (n, n))
    for found in (compress_hessian(pattern), peeled(pattern, symmetric=True), by_star(pattern)):
        if found is not None:
            check_recovery(found, values)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 9), st.integers(0, 10**6), st.floats(0.05, 0.7))
def test_every_path_of_four_has_three_colours(n, seed, density):
    """The definition, tried on every path there is."""
    there = np.random.default_rng(seed).random((n, n)) < density
    there |= there.T
    colours, count = star_colours(from_entries(*np.nonzero(there), (n, n)))
    assert count == len(set(colours.tolist()))
    for a, b, c in itertools.permutations(range(n), 3):
        if there[a, b]:
            assert colours[a] != colours[b]
        for d in range(n):
            if d not in (a, b, c) and there[a, b] and there[b, c] and there[c, d]:
                assert len({colours[k] for k in (a, b, c, d)}) >= 3


def mirrored(n, *edges):
    there = np.eye(n, dtype=bool)
    for a, b in edges:
        there[a, b] = there[b, a] = True
    return from_entries(*np.nonzero(there), (n, n))


GRID = [
    (k, k + step) for k in range(100) for step in (1, 10) if k + step < 100 and (k % 10 < 9 or step == 10)
]


@pytest.mark.parametrize(
    ("edges", "columns", "products"),
    [
        ([(0, k) for k in range(1, 100)], 100, 2),
        ([(k, k + 1) for k in range(99)], 3, 3),
        ([(k, (k + 1) % 100) for k in range(100)], 4, 3),
        ([((k - 1) // 2, k) for k in range(1, 100)], 4, 3),
        (GRID, 7, 5),
        ([(0, k) for k in range(1, 100)] + [(k, k + 1) for k in range(1, 99)], 100, 4),
    ],
    ids=["arrow", "tridiagonal", "ring", "tree", "grid", "arrow over a tridiagonal"],
)
def test_products_with_a_hessian_by_columns_and_by_what_is_found(edges, columns, products):
    pattern = mirrored(100, *edges)
    assert by_columns(pattern).passes == columns
    found = compress_hessian(pattern)
    assert found.passes == products
    values = np.random.default_rng(0).normal(size=(100, 100))
    check_recovery(found, (values + values.T) * pattern.dense())


def test_star_colourings_of_what_is_left_when_full_rows_are_peeled():
    n = 3000
    ring = [(k, k % n + 1) for k in range(1, n)] + [(1, n - 1)]
    pattern = mirrored(n, *[(0, k) for k in range(1, n)], *ring[:-2], (1, n - 1))
    assert by_star(pattern) is None  # too many pairs of edges at the full row
    assert compress_hessian(pattern).passes == 4


def check_recovery(found, matrix):
    """Multiplying by the seeds and reading the numbers back gives the matrix."""
    data = np.full(found.pattern.nonzeros, np.nan)
    ways = (
        (found.forward, found.columns, matrix.T, "from_forward"),
        (found.reverse, found.rows, matrix, "from_reverse"),
    )
    for count, colours, columns, name in ways:
        if count:
            reads = getattr(found, name)
            results = (colours == np.arange(count)[:, None]).astype(float) @ columns
            data[slice(None) if reads.entries is None else reads.entries] = results[
                reads.passes, reads.elements
            ]
    np.testing.assert_allclose(
        data, matrix[found.pattern.rows, found.pattern.indices], rtol=1e-12, atol=1e-12
    )


def test_bands_and_diagonals_are_coloured_by_counting():
    n = 10_000
    rows = np.arange(n)
    diagonal = from_entries(rows, rows, (n, n))
    assert colour_columns(diagonal)[1] == 1
    inner = rows[1:-1]
    tri = from_entries(
        np.concatenate([inner, inner, inner]), np.concatenate([inner - 1, inner, inner + 1]), (n, n)
    )
    assert colour_columns(tri)[1] == 3


def test_wrapped_bands_and_arrows():
    n = 300
    rows = np.tile(np.arange(n), 3)
    ring = from_entries(rows, (rows + np.repeat([-1, 0, 1], n)) % n, (n, n))
    assert colour_columns(ring)[1] == 3
    everywhere, nowhere = np.arange(n), np.zeros(n, int)
    row_arrow = from_entries(np.r_[nowhere, everywhere], np.r_[everywhere, everywhere], (n, n))
    assert by_rows(row_arrow).passes == 2
    assert by_columns(row_arrow).passes == n
    arrow = from_entries(
        np.r_[nowhere, everywhere, everywhere], np.r_[everywhere, nowhere, everywhere], (n, n)
    )
    mixed = peeled(arrow)
    assert (mixed.forward, mixed.reverse) == (2, 1)
    assert compress_hessian(arrow).passes == 2


def test_hessian_pattern_is_its_own_mirror_image():
    graph = ad.grad_graph(lambda x: np.sum(x[1:] * x[:-1] ** 2), np.ones(5))
    dense = hessian_pattern(graph, [0]).dense()
    np.testing.assert_array_equal(dense, dense.T)
    assert dense.sum() == 4 + 2 * 4


def test_the_best_of_several_orders_is_taken():
    pairs = [
        (2 * i, 2 * j + 1) for i in range(4) for j in range(4) if i != j
    ]  # a crown: first fit takes 4 colours
    rows = [row for row in range(len(pairs)) for _ in range(2)]
    pattern = from_entries(rows, [column for pair in pairs for column in pair], (len(pairs), 8))
    colours, count = colour_columns(pattern)
    assert count == 2
    assert all(colours[a] != colours[b] for a, b in pairs)
