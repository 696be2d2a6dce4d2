"""The batched graph is the graph sample by sample: every row of the table, and whole programs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from adlab.algebra.complexstep import ComplexStepAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import BranchError, InputError
from adlab.frontends.recording import record
from adlab.ir.builder import Builder
from adlab.ir.index import normalise_index
from adlab.ir.types import BOOL, FLOAT64, Type
from adlab.primitives import ROWS, TABLE
from adlab.scopes import scope
from adlab.transforms.batch import BatchAlgebra, batch
from adlab.transforms.evaluation import call_graph
from adlab.transforms.scopes import collapse

sys.path.insert(0, str(Path(__file__).parents[1]))
from contracts.applications import APPLICATIONS

SIZE = 3
ELEMENTWISE = [row for row in ROWS if row.elementwise]
STRUCTURAL = [(row, app) for row in ROWS if not row.elementwise for app in APPLICATIONS.get(row.name, ())]


def masks(count):
    """Which operands get lanes: each alone, and all together."""
    alone = [tuple(k == j for k in range(count)) for j in range(count)]
    return alone if count == 1 else [*alone, (True,) * count]


def graph_of(row, types, params=()):
    builder = Builder()
    nodes = [builder.input(f"x{k}", type) for k, type in enumerate(types)]
    return builder.finish([builder.apply(row, tuple(nodes), params)])


def one_by_one(graph, args, mask):
    """The oracle: a Python loop over the samples."""
    samples = [[x[k] if m else x for x, m in zip(args, mask, strict=True)] for k in range(SIZE)]
    return np.stack([call_graph(graph, sample) for sample in samples])


def drawn(interval, shape, rng):
    low, high = interval
    if isinstance(low, bool):
        return rng.integers(0, 2, shape).astype(bool)
    if isinstance(low, int):
        return rng.integers(low, high + 1, shape).astype(float)
    return rng.uniform(low, high, shape)


SHAPES = {
    1: [((),), ((2, 3),)],
    2: [((), ()), ((2, 3), ()), ((3,), (2, 3)), ((2, 1), (3,))],
    3: [((3,), (2, 1), ())],
}


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elementwise_rows(row):
    rng = np.random.default_rng(1)
    for shapes in SHAPES[row.arity]:
        for mask in masks(row.arity):
            intervals = row.domain.intervals
            args = [
                drawn(interval, ((SIZE, *shape) if m else shape), rng)
                for interval, shape, m in zip(intervals, shapes, mask, strict=True)
            ]
            types = [
                Type(s, BOOL if np.asarray(x).dtype == BOOL else FLOAT64)
                for s, x in zip(shapes, args, strict=True)
            ]
            graph = graph_of(row, types)
            many = batch(graph, SIZE, [k for k, m in enumerate(mask) if m])
            got, want = call_graph(many, args), one_by_one(graph, args, mask)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize(("row", "application"), STRUCTURAL, ids=lambda x: getattr(x, "name", ""))
def test_structural_rows(row, application):
    graph = graph_of(row, application.types(), application.node_params())
    drawn = application.arrays(row.name)
    for mask in masks(len(application.operands)):
        args = [
            np.stack([x * (1 + k / 8) for k in range(SIZE)]) if m else x
            for x, m in zip(drawn, mask, strict=True)
        ]
        many = batch(graph, SIZE, [k for k, m in enumerate(mask) if m])
        got, want = call_graph(many, args), one_by_one(graph, args, mask)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


APART = [
    (np.array([1, 0]), slice(None), np.array([3, 3])),
    (np.array([[1], [0]]), None, slice(None), np.array([3, 2])),
    (1, slice(None), np.array([[0, 1], [2, 2]])),
    (slice(None), np.array([0, 1]), 2),
    (0, slice(None), np.array(2)),
]


@pytest.mark.parametrize("index", APART, ids=str)
def test_index_arrays_that_stand_apart(index):
    shape = (2, 3, 4)
    normal = normalise_index(index, shape)
    x = np.random.default_rng(3).normal(size=(SIZE, *shape))
    lanes = BatchAlgebra(NUMPY, SIZE)
    picked = lanes.index(lanes.lanes(x), index=normal).value
    np.testing.assert_array_equal(picked, np.stack([sample[index] for sample in x]))
    added = lanes.index_add(lanes.lanes(picked), index=normal, shape=shape).value
    want = [NUMPY.index_add(sample, index=normal, shape=shape) for sample in picked]
    np.testing.assert_array_equal(added, np.stack(want))


def test_a_row_nothing_is_said_about_goes_sample_by_sample():
    from dataclasses import replace

    flipped = replace(
        TABLE["cumsum"], name="flipped_sum", numpy=lambda x, axis: np.cumsum(np.flip(x, axis), axis)
    )
    graph = graph_of(flipped, [Type((4,), FLOAT64)], (("axis", 0),))
    x = np.random.default_rng(4).normal(size=(SIZE, 4))
    np.testing.assert_allclose(call_graph(batch(graph, SIZE), (x,)), np.cumsum(x[:, ::-1], axis=1))


def network(x, W, b):
    with scope("layer"):
        hidden = np.tanh(W @ x + b)
    return {"out": (hidden * hidden).sum(), "hidden": hidden[::-1], "fixed": W.sum()}


@pytest.mark.parametrize("folded", [False, True])
def test_whole_program_with_containers_and_scopes(folded):
    rng = np.random.default_rng(5)
    x, W, b = rng.normal(size=(SIZE, 2)), rng.normal(size=(4, 2)), rng.normal(size=4)
    one = record(network, (x[0], W, b)).graph
    many = batch(collapse(one) if folded else one, SIZE, ["x"])
    got = call_graph(many, (x, W, b))
    want = [network(sample, W, b) for sample in x]
    for key in want[0]:
        np.testing.assert_allclose(got[key], np.stack([w[key] for w in want]), rtol=1e-13)
    if not folded:
        assert {node.scope for node in many} >= {("layer",)}


def test_guards_must_hold_for_every_sample():
    one = record(lambda x: x * x if x > 0 else -x, (2.0,)).graph
    many = batch(one, SIZE)
    np.testing.assert_array_equal(call_graph(many, (np.array([1.0, 2.0, 3.0]),)), [1, 4, 9])
    with pytest.raises(BranchError):
        call_graph(many, (np.array([1.0, -2.0, 3.0]),))
    other = batch(record(lambda x: x * x if x > 0 else -x, (-2.0,)).graph, SIZE)
    np.testing.assert_array_equal(call_graph(other, (np.array([-1.0, -2.0, -3.0]),)), [1, 2, 3])
    with pytest.raises(BranchError):
        call_graph(other, (np.array([-1.0, 2.0, -3.0]),))


def test_lanes_over_complex_numbers():
    lanes = BatchAlgebra(ComplexStepAlgebra(), 2)
    x = np.array([[0.3, 1.2], [0.3, 1.2]]) + 1e-30j * np.eye(2)
    y = lanes.sum(lanes.tanh(lanes.lanes(x)), axis=None, keepdims=False).value
    np.testing.assert_allclose(np.imag(y) / 1e-30, 1 - np.tanh([0.3, 1.2]) ** 2, rtol=1e-15)


def test_bad_requests():
    graph = record(lambda x: x * 2, (1.0,)).graph
    with pytest.raises(InputError, match="at least 1"):
        batch(graph, 0)
    with pytest.raises(InputError, match="the inputs are x"):
        batch(graph, 2, ["z"])
    with pytest.raises(InputError, match="the inputs are x"):
        batch(graph, 2, [3])
