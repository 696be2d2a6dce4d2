"""The four methods behind one interface: the same question, the same answer, an honest cost."""

import numpy as np
import pytest

from adlab.algebra.traced import GraphAlgebra, Recorder
from adlab.errors import BranchError, InputError
from adlab.frontends.dispatch import to_graph
from adlab.methods import METHODS, Cost, method_named
from adlab.transforms.costs import count_evaluation, count_forward, count_reverse

TOLERANCE = {"numerical": 1e-8, "symbolic": 1e-14, "forward": 1e-14, "reverse": 1e-14}
EACH = pytest.mark.parametrize("name", list(METHODS))


def running(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def graph_of(f, *args):
    return to_graph(f, args).graph


def test_the_table_has_the_lectures_order():
    assert list(METHODS) == ["numerical", "symbolic", "forward", "reverse"]


@pytest.mark.parametrize("name", ["backprop", "", None, 3])
def test_an_unknown_method_is_refused_with_the_names(name):
    with pytest.raises(InputError, match="numerical, symbolic, forward, reverse"):
        method_named(name)


@EACH
def test_the_running_example(name):
    found = METHODS[name].derivative(graph_of(running, 2.0, 5.0), (2.0, 5.0))
    assert found.method == name
    assert found.values[0] == pytest.approx(11.652071455223084, rel=1e-15)
    np.testing.assert_allclose(found.jacobians[0], [5.5, 1.716337814536774], rtol=TOLERANCE[name])


@EACH
def test_jacobians_of_arrays_by_scalars_and_arrays(name):
    def f(a, x):
        return a * np.exp(x), np.stack([x[0] * x[1], a * x[2]])

    point = (2.0, np.array([0.1, 0.2, 0.3]))
    found = METHODS[name].derivative(graph_of(f, *point), point)
    e = np.exp(point[1])
    np.testing.assert_allclose(found.jacobians[0][0], e, rtol=TOLERANCE[name])
    np.testing.assert_allclose(found.jacobians[0][1], np.diag(2 * e), atol=1e-9)
    np.testing.assert_allclose(found.jacobians[1][0], [0, 0.3], atol=1e-9)
    np.testing.assert_allclose(found.jacobians[1][1], [[0.2, 0.1, 0], [0, 0, 2]], atol=1e-9)


@EACH
def test_outputs_and_inputs_can_be_chosen(name):
    graph = graph_of(lambda x, y: (x + y, x * y), 2.0, 3.0)
    found = METHODS[name].derivative(graph, (2.0, 3.0), wrt=["y"], outputs=[1])
    assert np.shape(found.jacobians) == (1, 1)
    assert found.jacobians[0][0] == pytest.approx(2.0, rel=1e-9)


@EACH
def test_constants_and_unused_inputs_have_zero_derivatives(name):
    graph = graph_of(lambda x, y: (np.ones(2), x), np.ones((2, 2)), 1.0)
    found = METHODS[name].derivative(graph, (np.ones((2, 2)), 1.0))
    np.testing.assert_array_equal(found.jacobians[0][0], np.zeros((2, 2, 2)))
    np.testing.assert_array_equal(found.jacobians[1][1], np.zeros((2, 2)))


@EACH
def test_float32_stays_float32(name):
    x = np.array([0.5, 1.5], np.float32)
    found = METHODS[name].derivative(graph_of(lambda x: np.sin(x) * x, x), (x,))
    assert found.values[0].dtype == np.float32
    assert found.jacobians[0][0].dtype == np.float32


@EACH
def test_runs_over_traced_values_and_gives_a_graph(name):
    graph = graph_of(lambda x: x * x * x, 2.0)
    recorder = Recorder()
    x = recorder.variable("x", graph.input_types[0], np.float64(2.0))
    found = METHODS[name].derivative(graph, (x,), algebra=GraphAlgebra(recorder))
    written = recorder.finish([recorder.operand(found.jacobians[0][0])])
    again = METHODS["forward"].derivative(written, (3.0,))
    assert again.values[0] == pytest.approx(27.0, rel=1e-8)
    assert again.jacobians[0][0] == pytest.approx(18.0, rel=1e-8)


@EACH
def test_options_of_other_methods_are_refused(name):
    with pytest.raises(InputError, match=f"'{name}' has no option 'momentum'"):
        METHODS[name].derivative(graph_of(running, 2.0, 5.0), (2.0, 5.0), momentum=1)


@EACH
def test_arguments_are_checked_with_sentences(name):
    graph = graph_of(lambda x, y: x * y, np.ones(3), 2.0)
    derivative = METHODS[name].derivative
    with pytest.raises(InputError, match=r"takes 2 arguments \(x, y\); 1 were given"):
        derivative(graph, (np.ones(3),))
    with pytest.raises(InputError, match=r"x has shape \(2,\); the graph was traced for shape \(3,\)"):
        derivative(graph, (np.ones(2), 2.0))
    with pytest.raises(InputError, match="no input 'z'; the inputs are x, y"):
        derivative(graph, (np.ones(3), 2.0), wrt=["z"])
    with pytest.raises(InputError, match="no input number 5"):
        derivative(graph, (np.ones(3), 2.0), wrt=[5])


@EACH
def test_truth_values_have_no_derivative(name):
    with pytest.raises(InputError, match="truth value"):
        METHODS[name].derivative(graph_of(lambda x: x > 1, 2.0), (2.0,))
    mask = graph_of(lambda m, x: np.where(m, x, -x), True, 2.0)
    with pytest.raises(InputError, match="m is bool"):
        METHODS[name].derivative(mask, (True, 2.0), wrt=["m"])
    assert METHODS[name].derivative(mask, (True, 2.0)).jacobians[0][0] == pytest.approx(1.0)


@EACH
def test_a_graph_is_refused_beyond_its_branch(name):
    graph = graph_of(lambda x: x if x > 0 else -x, 1.0)
    with pytest.raises(BranchError, match=r"'greater' was true .* false here of -1 and 0"):
        METHODS[name].derivative(graph, (-1.0,))


@EACH
def test_results_alias_nothing(name):
    x = np.ones(3)
    found = METHODS[name].derivative(graph_of(lambda x: x, x), (x,))
    found.values[0][:] = 7
    found.jacobians[0][0][:] = 7
    assert (x == 1).all()


# ------------------------------------------------------------------------------------------------------- cost


@pytest.mark.parametrize(
    ("name", "expected"),
    [("numerical", (9, 0, 0)), ("forward", (1, 4, 0)), ("reverse", (1, 0, 2)), ("symbolic", (1, 0, 0))],
)
def test_passes_are_counted(name, expected):
    x = np.arange(1.0, 5.0)
    cost = METHODS[name].derivative(graph_of(lambda x: np.stack([x[0] * x[1], x[2] + x[3]]), x), (x,)).cost
    assert (cost.evaluations, cost.forward_passes, cost.reverse_passes) == expected
    assert sum(cost.operations.values()) > 0


def test_counts_are_by_kind_and_by_element():
    graph = graph_of(lambda a, x: np.sum(np.sin(a @ x)), np.ones((2, 3)), np.ones(3))
    assert dict(count_evaluation(graph)) == {"matmul": 6, "sin": 2, "sum": 2}


@pytest.mark.parametrize("n", [3, 30])
def test_griewanks_bounds_hold_on_counted_operations(n):
    def speelpenning(*xs):
        product = xs[0]
        for x in xs[1:]:
            product = product * x
        return product

    point = tuple(np.linspace(0.5, 1.5, n))
    graph = graph_of(speelpenning, *point)
    value = count_evaluation(graph).total()
    reverse = count_reverse(graph, graph.outputs[0], range(n)).total()
    assert value + reverse <= 5 * value
    assert value + count_forward(graph, 0).total() <= 2.5 * value


def test_reverse_cost_does_not_grow_with_the_inputs_and_forward_cost_does():
    def f(*xs):
        y = xs[0]
        for x in xs[1:]:
            y = np.sin(y) * x
        return y

    ratios = {}
    for n in (4, 16):
        x = np.linspace(0.1, 0.9, n)
        graph = graph_of(f, *x)
        value = count_evaluation(graph).total()
        for name in ("forward", "reverse"):
            ratios[name, n] = sum(METHODS[name].derivative(graph, tuple(x)).cost.operations.values()) / value
    assert ratios["reverse", 16] == pytest.approx(ratios["reverse", 4], rel=0.2)
    assert ratios["forward", 16] > 2 * ratios["forward", 4]


def test_cost_is_plain_data():
    assert Cost(1, 0, 1, {"sin": 2}).to_dict() == {
        "evaluations": 1,
        "forward_passes": 0,
        "reverse_passes": 1,
        "operations": {"sin": 2},
    }


@pytest.mark.parametrize("name", ["forward", "reverse"])
def test_a_chain_of_a_hundred_thousand_nodes(name):
    from adlab.ir.builder import Builder
    from adlab.ir.types import SCALAR
    from adlab.primitives import TABLE

    builder = Builder()
    node = builder.input("x", SCALAR)
    small = builder.literal(1.0000001)
    for _ in range(100_000):
        node = builder.apply(TABLE["multiply"], (node, small))
    found = METHODS[name].derivative(builder.finish([node]), (1.5,))
    assert found.jacobians[0][0] == pytest.approx(found.values[0] / 1.5, rel=1e-11)
