"""A scalarised graph computes the elements of the original's outputs, row by row and in whole programs."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import adlab as ad
from adlab.errors import BranchError
from adlab.frontends.recording import record
from adlab.ir.builder import Builder
from adlab.ir.check import check
from adlab.ir.index import normalise_index
from adlab.ir.types import FLOAT32, FLOAT64, Type
from adlab.primitives import ROWS, TABLE
from adlab.transforms.evaluation import call_graph
from adlab.transforms.expansions import EACH_ELEMENT, WIRING, WRITTEN_OUT
from adlab.transforms.scalarise import recomposed, scalarised

sys.path.insert(0, str(Path(__file__).parents[1]))
from contracts.applications import APPLICATIONS

LIMIT = 100_000
WRITTEN = {*WIRING, *EACH_ELEMENT, *WRITTEN_OUT}
STRUCTURAL = [(row, app) for row in ROWS if row.name in WRITTEN for app in APPLICATIONS[row.name]]
OTHERS = [row for row in ROWS if row.name not in WRITTEN and not row.elementwise]


def graph_of(row, types, params=()):
    builder = Builder()
    nodes = [builder.input(f"x{k}", type) for k, type in enumerate(types)]
    return builder.finish([builder.apply(row, tuple(nodes), params)])


def values_by_scalars(graph, args, limit=LIMIT):
    """Evaluate by the scalar graph and put its outputs together again."""
    scalars = scalarised(graph, limit)
    check(scalars)
    assert all(type.shape == () for type in scalars.types)
    flat = [element for x in args for element in np.ravel(x)]
    by_operand = (
        dict(zip(scalars.outputs, np.atleast_1d(call_graph(scalars, flat)), strict=True))
        if scalars.outputs
        else {}
    )
    return [
        np.array([by_operand[j] for j in operands]).reshape(shape)
        for shape, operands in recomposed(graph, scalars)
    ]


def assert_same(graph, args, rtol=1e-13):
    found = values_by_scalars(graph, args)
    algebra = [np.asarray(x) for x in args]
    want = call_graph(graph, algebra)
    want = want if isinstance(want, tuple) else (want,)
    for a, b, type in zip(found, want, graph.output_types, strict=True):
        assert a.shape == np.shape(b) == type.shape
        np.testing.assert_allclose(a, b, rtol=rtol if type.dtype == FLOAT64 else 1e-6, atol=0)


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
@pytest.mark.parametrize(("row", "application"), STRUCTURAL, ids=lambda x: getattr(x, "name", ""))
def test_structural_rows(row, application, dtype):
    graph = graph_of(row, application.types(dtype), application.node_params())
    assert_same(graph, application.arrays(row.name, dtype))


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: row.name)
def test_rows_without_a_form_in_scalars(row):
    application = APPLICATIONS[row.name][0]
    assert scalarised(graph_of(row, application.types(), application.node_params()), LIMIT) is None


@pytest.mark.parametrize("name", ["add", "hypot", "maximum"])
def test_elementwise_rows_broadcast(name):
    rng = np.random.default_rng(0)
    types = [Type((2, 1), FLOAT64), Type((3,), FLOAT64)]
    assert_same(graph_of(TABLE[name], types), [rng.normal(size=(2, 1)), rng.normal(size=3)], rtol=0)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_pass_on_nan(name):
    graph = graph_of(TABLE[name], [Type((2, 12), FLOAT64)], (("axis", (1,)), ("keepdims", False)))
    x = np.arange(24.0).reshape(2, 12)
    x[1, 7] = np.nan
    np.testing.assert_array_equal(values_by_scalars(graph, [x])[0], getattr(np, name)(x, axis=1))


def test_names_of_elements():
    graph = record(lambda x, W, s: W @ x * s, (np.ones(2), np.ones((1, 2)), 2.0)).graph
    assert scalarised(graph, 100).inputs == ("x[0]", "x[1]", "W[0, 0]", "W[0, 1]", "s")


def test_names_stay_different():
    builder = Builder()
    a, b = builder.input("x", Type((2,), FLOAT64)), builder.input("x[0]", Type((), FLOAT64))
    graph = builder.finish([builder.apply(TABLE["multiply"], (a, b))])
    assert scalarised(graph, 100).inputs == ("x[0]", "x[1]", "x[0]′")


def test_guards_are_followed():
    graph = record(lambda x: x * 2 if x[0] > x[1] else x, (np.array([2.0, 1.0]),)).graph
    scalars = scalarised(graph, 100)
    assert call_graph(scalars, (2.0, 1.0)) == (4.0, 2.0)
    with pytest.raises(BranchError):
        call_graph(scalars, (1.0, 2.0))


def test_literal_and_repeated_outputs():
    graph = record(lambda x: (x, np.array([1.0, 2.0]), x[0], 3.0), (np.array([5.0, 6.0]),)).graph
    assert_same(graph, [np.array([5.0, 6.0])])


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 100, 1000])
def test_sums_are_as_good_as_numpys(count):
    rng = np.random.default_rng(count)
    x = rng.normal(size=count) * 10.0 ** rng.uniform(-8, 8, count)
    exact = sum(map(exact_fraction, x))
    graph = record(np.sum, (x,)).graph
    (found,) = values_by_scalars(graph, [x])
    scale = float(sum(map(abs, map(exact_fraction, x))))
    bound = (np.ceil(np.log2(count)) if count > 8 else count - 1) * 2.0**-53 * scale
    assert abs(float(exact_fraction(float(found)) - exact)) <= bound
    if count <= 8:
        assert found == np.sum(x)


def exact_fraction(x):
    return Fraction(float(x))


def test_empty_sums_and_products():
    types = [Type((2, 0), FLOAT64)]
    for name, value in (("sum", 0.0), ("prod", 1.0)):
        graph = graph_of(TABLE[name], types, (("axis", (1,)), ("keepdims", False)))
        np.testing.assert_array_equal(values_by_scalars(graph, [np.zeros((2, 0))])[0], [value, value])


# --------------------------------------------------------------------------------------------------- programs


def speelpenning(x):
    product = 1.0
    for i in range(len(x)):
        product = product * x[i]
    return product


def windows(x):
    total = 0.0
    for i in range(len(x) - 2):
        total = total + np.sum(x[i : i + 3]) * x[i + 1]
    return total


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def energy(x):
    A = np.arange(25.0).reshape(5, 5) / 25
    return (
        np.sum(np.log(x))
        - x @ A @ x / (1 + np.mean(x))
        + np.max(np.outer(x, x))
        + np.sum(np.cumsum(np.sqrt(x)))
    )


@pytest.mark.parametrize("function", [speelpenning, windows, rosenbrock, energy])
def test_gradients(function):
    x = np.random.default_rng(3).uniform(0.5, 2.0, 5)
    assert_same(ad.grad_graph(function, x), [x], rtol=1e-12)
    both = record(lambda x: ad.value_and_grad(function)(x), (x,)).graph
    assert_same(both, [x], rtol=1e-12)
    assert_same(record(lambda x: ad.hessian(function)(x), (x,)).graph, [x], rtol=1e-11)


@pytest.mark.parametrize(("function", "per_element"), [(speelpenning, 3), (windows, 11)])
def test_picking_elements_in_a_loop_costs_what_is_picked(function, per_element):
    counts = [len(scalarised(ad.grad_graph(function, np.ones(n)), LIMIT)) - n for n in (100, 200, 400)]
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])
    assert counts[1] - counts[0] <= 100 * per_element


def test_a_sum_of_pieces_that_is_needed_twice_is_not_changed():
    builder = Builder()
    x = builder.input("x", Type((3,), FLOAT64))
    element = [builder.apply(TABLE["index"], (x,), (("index", (k,)),)) for k in range(3)]
    put = [
        builder.apply(TABLE["index_add"], (e,), (("index", (k,)), ("shape", (3,))))
        for k, e in enumerate(element)
    ]
    half = builder.apply(TABLE["add"], (put[0], put[1]))
    whole = builder.apply(TABLE["add"], (half, put[2]))
    other = builder.apply(TABLE["add"], (half, put[0]))
    assert_same(builder.finish([half, whole, other]), [np.array([1.0, 2.0, 3.0])], rtol=0)


def test_limit():
    graph = record(lambda x: np.sin(x) @ np.cos(x), (np.ones(10),)).graph
    operations = 39
    scalars = scalarised(graph, operations)
    assert len(scalars) - len(scalars.inputs) == operations
    assert scalarised(graph, operations - 1) is None
    assert scalarised(record(lambda x: x[0], (np.ones(1000),)).graph, 999) is None
    assert scalarised(record(lambda x: x @ x, (np.ones((200, 200)),)).graph, 100_000) is None


def test_a_structural_zero_is_not_added():
    graph = record(lambda x: ad.grad(lambda x: x[0] * x[1])(x), (np.array([1.0, 2.0]),)).graph
    (found,) = values_by_scalars(graph, [np.array([-0.0, 2.0])])
    assert np.array_equal(found, call_graph(graph, (np.array([-0.0, 2.0]),)))
    assert np.signbit(found[1])


@pytest.mark.parametrize("count", [3, 200])
def test_a_long_sum_of_pieces(count):
    builder = Builder()
    x = builder.input("x", Type((count,), FLOAT64))
    total = None
    for k in range(count - 1):
        window = normalise_index(slice(k, k + 2), (count,))
        part = builder.apply(TABLE["index"], (x,), (("index", window),))
        put = builder.apply(TABLE["index_add"], (part,), (("index", window), ("shape", (count,))))
        total = put if total is None else builder.apply(TABLE["add"], (total, put))
    graph = builder.finish([total])
    assert_same(graph, [np.arange(1.0, count + 1)], rtol=0)
    assert len(scalarised(graph, LIMIT)) == count + count - 2
