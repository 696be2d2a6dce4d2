"""Graphs of arrays compiled: every structural row, fused loops, products, loops, memory, guards."""

import math

import numpy as np
import pytest
from compiler.tensor_graphs import random_graph
from compiler.tensor_runs import Native, assert_same, check, interpreted
from contracts.applications import APPLICATIONS
from contracts.graphs import gradient_graph, one_node

import adlab as ad
from adlab.compiler.engine import Machine, host
from adlab.compiler.operations import WHOLE_ROWS
from adlab.compiler.segments import HostNode, Segmented, segments
from adlab.compiler.tensor import inlined
from adlab.ir.check import check as check_graph
from adlab.primitives import TABLE

DTYPES = (np.float64, np.float32)
CASES = [
    pytest.param(name, application, id=f"{name}-{k}")
    for name, applications in APPLICATIONS.items()
    if name in WHOLE_ROWS
    for k, application in enumerate(applications)
]


def calls_in_run(native):
    """Return how often ``run`` calls a loop."""
    return native.program.text.split("i32 @run(")[1].count("call void @loop")


def drawn(*shapes, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


# ------------------------------------------------------------------------------------------- rows of the table


@pytest.mark.parametrize(("name", "application"), CASES)
def test_every_structural_row_and_its_adjoint(name, application):
    for dtype in DTYPES:
        graph = one_node(TABLE[name], application.types(dtype), application.node_params())
        xs = application.arrays(name, dtype)
        check(graph, *xs)
        if application.second and not application.constant and name != "norm":
            (cotangent,) = drawn(graph.output_types[0].shape, dtype=dtype)
            check(gradient_graph(graph, range(len(xs)), 0, cotangent), *xs)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 100, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_lengths_around_the_width_of_vectors(length, dtype):
    x, y = drawn((length,), (length,), dtype=dtype)
    check(ad.graph(lambda x, y: (x * y + 1, (x - y).sum(), x < y), x, y), x, y)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("columns", [1, 3, 16, 21, 40])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_and_columns_broadcast_and_reduce(rows, columns, dtype):
    x, b, c = drawn((rows, columns), (columns,), (rows, 1), dtype=dtype)

    def f(x, b, c):
        z = x * b + c
        return (
            z,
            z.sum(axis=0),
            z.sum(axis=1),
            z.max(axis=1),
            z.min(axis=0),
            z.mean(),
            z.T - 1,
            (z * z).prod(axis=0),
        )

    check(ad.graph(f, x, b, c), x, b, c)


def test_reductions_let_nan_through_and_ignore_nothing():
    x = np.array([[1.0, np.nan, 3.0], [-np.inf, 2.0, np.inf], [-0.0, -0.0, -0.0]])
    graph = ad.graph(lambda x: (x.max(axis=1), x.min(axis=1), x.sum(axis=1), x.max(axis=0), x.max()), x)
    for got, wanted in zip(Native(graph)(x), interpreted(graph, [x]), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("length", [0, 1, 40, 129, 5000])
def test_an_infinite_sum_is_infinite(length):
    x = np.ones(length + 1)
    x[length // 2] = np.inf
    graph = ad.graph(lambda x: x.sum(), x)
    assert Native(graph)(x)[0] == np.inf


@pytest.mark.parametrize("shape", [(30_003,), (1000, 37), (7, 2501)])
def test_sums_are_at_least_as_accurate_as_numpys(shape):
    rng = np.random.default_rng(3)
    native = Native(ad.graph(lambda x: x.sum(), np.zeros(shape)))
    ours, theirs = 0.0, 0.0
    for _ in range(40):
        x = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
        x -= x.mean()  # the sum is small beside its terms
        exact = math.fsum(x.ravel())
        ours += (float(native(x)[0]) - exact) ** 2
        theirs += (float(np.sum(x)) - exact) ** 2
    assert ours <= theirs


def test_a_long_sum_of_equal_terms_does_not_drift():
    x = np.full(300_000, 0.1)
    exact = math.fsum(x)
    assert abs(Native(ad.graph(lambda x: x.sum(), x))(x)[0] - exact) <= 4 * np.spacing(exact)


# ------------------------------------------------------------------------------------------------ fused loops


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def layer_norm(x):
    d = x - x.mean(axis=1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=1, keepdims=True) + 1e-5)


def cross_entropy(x):
    labels = np.arange(x.shape[0]) % x.shape[1]
    return (ad.logsumexp(x, axis=1) - x[np.arange(x.shape[0]), labels]).mean()


ROW_FUNCTIONS = (
    softmax,
    layer_norm,
    cross_entropy,
    lambda x: ad.logsumexp(x, axis=0),
    lambda x: softmax(x.T),
)


@pytest.mark.parametrize("f", ROW_FUNCTIONS)
@pytest.mark.parametrize("shape", [(5, 37), (64, 100), (3, 16), (2, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_rows_and_their_gradients(f, shape, dtype):
    (x,) = drawn(shape, dtype=dtype)
    check(ad.graph(f, x), x)
    check(
        ad.grad_graph(lambda x: (f(x) * np.sin(f(x))).sum(), x),
        x,
        tolerance=1e-10 if dtype is np.float64 else 1e-3,
    )


def test_a_softmax_and_a_layer_norm_are_one_loop_each():
    for f in (softmax, layer_norm):
        assert calls_in_run(Native(ad.graph(f, np.ones((6, 40))))) == 1


def test_equal_layers_share_one_loop():
    def f(x, w):
        for _ in range(5):
            x = np.tanh(x @ w)
        return x

    native = Native(ad.graph(f, np.ones((8, 8)), np.ones((8, 8))))
    assert calls_in_run(native) == 10
    assert native.program.text.count("define internal") == 3  # the layer's loop, the product, its block


# --------------------------------------------------------------------------------------------------- products

NARROW = ("-avx512f,-avx512vl,-avx512bw,-avx512dq,-avx512cd", "-avx512f,-avx,-avx2,-fma")


@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1), (2, 3, 4), (8, 8, 8), (9, 5, 25), (17, 513, 24), (64, 100, 10), (16, 1100, 49), (8, 1, 9)],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_with_operands_turned_every_way(sizes, dtype):
    m, k, n = sizes
    tolerance = 1e-11 if dtype is np.float64 else 1e-3
    for shape_a in ((m, k), (k, m)):
        for shape_b in ((k, n), (n, k)):
            a, b = drawn(shape_a, shape_b, dtype=dtype)

            def f(a, b, turned_a=shape_a != (m, k), turned_b=shape_b != (k, n)):
                return (a.T if turned_a else a) @ (b.T if turned_b else b)

            check(ad.graph(f, a, b), a, b, tolerance=tolerance)


TAKEN_IN = (
    lambda w, x, z, b, rate: w - rate * (x.T @ z),
    lambda w, x, z, b, rate: w + x.T @ z,
    lambda w, x, z, b, rate: x @ w + b,
    lambda w, x, z, b, rate: b - x @ w,
    lambda w, x, z, b, rate: w - (x.T @ z) * 0.1,
    lambda w, x, z, b, rate: (x.T @ z) * b[0] + w,
)
LEFT_OUT = (
    lambda w, x, z, b, rate: x @ w - b,
    lambda w, x, z, b, rate: 2 * (x @ w),
    lambda w, x, z, b, rate: (x @ w + b) * (x @ w),
    lambda w, x, z, b, rate: w.T - rate * (z.T @ x),
)


@pytest.mark.skipif(not host().wide, reason="with narrow vectors some of these are calls of BLAS")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", TAKEN_IN + LEFT_OUT)
def test_products_take_in_scale_and_sum(f, dtype):
    w, x, z, b = drawn((40, 30), (20, 40), (20, 30), (30,), dtype=dtype)
    graph = ad.graph(f, w, x, z, b, dtype(0.5))
    native = check(graph, w, x, z, b, 0.5, tolerance=1e-11 if dtype is np.float64 else 1e-4)
    assert calls_in_run(native) == (1 if f in TAKEN_IN else 2)


@pytest.mark.skipif("x86_64" not in host().triple, reason="switches instruction sets of x86 off")
@pytest.mark.parametrize("without", NARROW)
def test_the_same_with_narrow_vectors_and_blas(without, monkeypatch):
    monkeypatch.setattr("adlab.compiler.products.LARGEST", 2000)
    off = {word[1:] for word in without.split(",")}
    kept = [
        word
        for word in host().features.split(",")
        if word[1:].split(".")[0] not in off and "avx512" not in word
    ]
    machine = Machine(host().triple, "x86-64", ",".join([*kept, without]))
    w, x, z, b = drawn((40, 30), (20, 40), (20, 30), (30,))

    def f(w, x, z, b):
        y = np.tanh(x @ w + b)
        return (
            w - 0.1 * (x.T @ (y - z)),
            softmax(y).sum(axis=0),
            (z @ w.T),
            w.T @ w[:, :3],
            (y < z),
            y.sum(),
            b[::-1],
        )

    check(ad.graph(f, w, x, z, b), w, x, z, b, machine=machine, tolerance=1e-11)
    check(ad.grad_graph(lambda w: (softmax(x @ w) ** 2).sum(), w), w, machine=machine, tolerance=1e-11)


def test_stacks_of_products():
    a, b, c = drawn((3, 1, 4, 5), (2, 5, 6), (5, 6))
    check(ad.graph(lambda a, b, c: (a @ b, a @ c, a @ b[0, :, 0], c.T @ b), a, b, c), a, b, c)


# -------------------------------------------------------------------------------------------- loops in the graph


def recurrent(w, h, xs):
    def step(h, x):
        h = np.tanh(w @ h + x)
        return h, (h * h).sum()

    h, ys = ad.scan(step, h, xs)
    return h.sum() + (ys * ys).sum()


def test_a_loop_forwards_backwards_and_twice():
    w, h, xs = drawn((4, 4), (4,), (7, 4))
    check(ad.graph(recurrent, w, h, xs), w, h, xs)
    check(ad.grad_graph(recurrent, w, h, xs, argnums=(0, 1, 2)), w, h, xs)

    def slope(w, h, xs):
        return (ad.grad(recurrent, 1)(w, h, xs) ** 2).sum()

    check(ad.grad_graph(slope, w, h, xs), w, h, xs)


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_short_loops_of_several_carries(length):
    h, xs = drawn((4,), (length, 4))

    def f(h, xs):
        return ad.scan(lambda c, x: ((c[0] * x, c[0], c[2] + 1), c[1] + 1), (h, h, 0.0), xs)

    check(ad.graph(f, h, xs), h, xs)


def test_loops_in_loops_and_checkpoints():
    h, xs = drawn((4,), (5, 4))

    def f(h, xs):
        def step(h, x):
            return ad.scan(lambda u, _: (u * 0.5 + x, u), h, xs)[0], h

        return ad.scan(step, h, xs)[0].sum()

    check(ad.graph(f, h, xs), h, xs)
    check(ad.grad_graph(f, h, xs), h, xs)
    check(ad.grad_graph(lambda h: ad.checkpoint(lambda h: np.exp(-h * h).sum())(h), h), h)


# ------------------------------------------------------------------------------------- memory, guards, segments


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("everything", [False, True])
def test_random_graphs(seed, everything):
    graph = random_graph(seed, everything)
    check_graph(graph)
    rng = np.random.default_rng(seed + 1)
    inputs = [rng.standard_normal(type.shape).astype(type.dtype) for type in graph.input_types]
    narrow = any(type.dtype == np.float32 for type in graph.types)
    check(graph, *inputs, tolerance=2e-3 if narrow else 1e-9)


def test_memory_is_used_again():
    def f(x):
        for k in range(20):
            x = np.cumsum(x * k, axis=0)
        return x

    native = check(ad.graph(f, np.ones(8)), np.ones(8))
    assert native.program.work_bytes <= 3 * 64


DONATIONS = (
    (lambda w, x: (w - 0.1 * x, x), {0: 0}),
    (lambda w, x: (w - w.sum() * x, x), {0: 0}),
    (lambda w, x: (x, w), {0: 0, 1: 1}),
    (lambda w, x: (x * 2, w * 3), {0: 0, 1: 1}),
    (lambda w, x: (w.T + x, w * 1.5), {0: 0}),
    (lambda w, x: (w[::-1] + x, x * 1.5), {0: 0}),
    (lambda w, x: (w - 0.1 * (x.T @ x), w), {0: 0}),
    (lambda w, x: (w - 0.1 * (w @ x), w.sum(axis=0)), {0: 0}),
    (lambda w, x: (np.cumsum(w, axis=0), x), {0: 0}),
    (lambda w, x: (np.concatenate([w[1:], w[:1]]), x), {0: 0}),
    (lambda w, x: (w * 2 + w[0, 0], x), {0: 0}),
    (lambda w, x: (w * 2, w[0, 0] * 3), {0: 0}),
    (lambda w, x: (w / w.max(axis=1, keepdims=True), x), {0: 0}),
)


@pytest.mark.parametrize(("f", "donate"), DONATIONS)
@pytest.mark.parametrize("size", [3, 20, 600])
def test_inputs_may_be_written_over(f, donate, size):
    w, x = drawn((size, size), (size, size))
    graph = ad.graph(f, w, x)
    check(graph, w, x, donate=donate, tolerance=1e-9)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_that_write_over_their_inputs(seed):
    graph = random_graph(seed, everything=False)
    rng = np.random.default_rng(seed + 1)
    inputs = [rng.standard_normal(type.shape).astype(type.dtype) for type in graph.input_types]
    donate, free = {}, list(range(len(inputs)))
    for k, type in enumerate(graph.output_types):
        position = next((i for i in free if graph.input_types[i] == type), None)
        if position is not None:
            donate[k] = position
            free.remove(position)
    check(graph, *inputs, donate=donate, tolerance=2e-3)


def test_a_donated_weight_is_updated_by_one_product():
    w, x, z = drawn((40, 30), (20, 40), (20, 30))
    native = check(ad.graph(lambda w, x, z: w - 0.1 * (x.T @ z), w, x, z), w, x, z, donate={0: 0})
    assert native.program.work_bytes == 0
    assert calls_in_run(native) == 1


def test_guards_are_followed():
    def f(x):
        return np.exp(x) if x.sum() > 0 and x[0] < 2 else -x

    native = Native(ad.graph(f, np.ones(3)))
    native(np.ones(3))
    assert native.status == 0
    native(-np.ones(3))
    assert native.status == 1
    native(np.full(3, 4.0))
    assert native.status == 2


def test_outputs_that_are_inputs_literals_and_each_other():
    x = np.arange(6.0).reshape(2, 3)
    check(ad.graph(lambda x: (x, x, x.T, x[0], 2 * x, np.ones(3), 5.0, x.sum(), x.sum(), x[1, 2]), x), x)


def test_a_graph_with_a_row_that_only_numpy_has():
    (x,) = drawn((4, 4))

    def f(x):
        s = np.sort((x * 2).ravel())
        return (np.linalg.solve(x @ x.T + np.eye(4), s[:4, None]) * 3).sum(), s

    graph = ad.graph(f, x)
    run = Segmented(graph, lambda part: lambda inputs: Native(part)(*inputs))
    assert_same([np.asarray(y) for y in run.outputs([x])], interpreted(graph, [x]))
    kinds = [type(part) is HostNode for part in segments(graph)[1]]
    assert kinds.count(True) == 2
    assert kinds.count(False) <= 3


def test_calls_are_inlined():
    @ad.scope
    def layer(x):
        return np.sin(x) * x

    graph = ad.graph(lambda x: layer(layer(x)), np.ones(5)).collapse()
    assert "call" not in {row.name for row in inlined(graph).primitives}
    check(graph, np.linspace(0, 1, 5))
