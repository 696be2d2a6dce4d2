"""A graph evaluated again after a move: the same numbers as from scratch, and little work."""

import numpy as np
import pytest

from adlab.algebra.exact import MpmathAlgebra
from adlab.errors import MethodError
from adlab.frontends.dispatch import to_graph
from adlab.methods.incremental import Incremental
from adlab.methods.reference import reference

MATRIX = np.random.default_rng(0).standard_normal((4, 4))

PROGRAMS = {
    "elementwise": lambda x: np.sin(x) * x,
    "sum": lambda x: (x * x).sum() / x[0],
    "matrix-vector": lambda x: np.tanh(MATRIX @ x),
    "vector-matrix": lambda x: x @ MATRIX,
    "product with itself": lambda x: np.outer(x, x) @ MATRIX @ x,
    "batched": lambda x: np.stack([MATRIX, MATRIX * x]) @ np.stack([MATRIX * x, MATRIX]),
    "choice": lambda x: np.where(x > 0.5, np.exp(x), np.maximum(x, 0.2)),
    "sliced": lambda x: np.concatenate([x[1:], x[:1] ** 2]).max(),
    "one of them infinite": lambda x: np.diag(np.log(x - x[0])) @ x,
}


class Counting(MpmathAlgebra):
    """Counts elements computed elementwise."""

    def __init__(self):
        super().__init__(60)
        self.count = 0

    def apply(self, primitive, xs, params=()):
        if primitive.elementwise:
            self.count += int(np.prod(np.broadcast_shapes(*map(np.shape, xs))))
        return super().apply(primitive, xs, params)


@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("place", [0, 2])
def test_what_changes_is_what_a_run_from_scratch_gives(f, place):
    x = np.array([0.1, 0.4, 0.7, 1.3])
    graph, carrier = to_graph(f, (x,)).graph, MpmathAlgebra(60)
    at = Incremental(graph, carrier, [carrier.array(x)])
    moved = at.values[0].copy()
    moved[place] = moved[place] + carrier.number(0.25)
    changed = at.moved({0: moved})
    for i, value in enumerate(carrier.run(graph, [moved])):
        fresh, kept = (np.ravel(v).astype(float) for v in (value, at.operand(changed, i)))
        np.testing.assert_allclose(kept, fresh, rtol=1e-14)


def test_only_the_moved_elements_are_computed():
    x = np.linspace(0.1, 1, 50)
    carrier = Counting()
    at = Incremental(to_graph(lambda x: np.sin(x) * np.exp(x), (x,)).graph, carrier, [carrier.array(x)])
    assert carrier.count == 150
    moved = at.values[0].copy()
    moved[7] = moved[7] + 1
    at.moved({0: moved})
    assert carrier.count == 153


def test_what_reads_another_element_is_left_alone():
    x = np.linspace(0.1, 1, 5)
    carrier = MpmathAlgebra(60)
    graph = to_graph(lambda x: np.sin(x[0]) + x[1] * x[2], (x,)).graph
    at = Incremental(graph, carrier, [carrier.array(x)])
    moved = at.values[0].copy()
    moved[1] = moved[1] + 1
    assert sorted(graph.primitives[i].name for i in at.moved({0: moved}) if i) == ["add", "index", "multiply"]


def test_a_derivative_that_vanishes_beside_a_jump_of_the_second_is_zero():
    assert reference(to_graph("abs(x)*x", (0.0,)).graph, (0.0,)).jacobians[0][0] == 0


def test_a_tiny_derivative_is_not_taken_for_truncation():
    found = reference(to_graph("1e-35*x", (1.0,)).graph, (1.0,)).jacobians[0][0]
    assert float(found) == pytest.approx(1e-35, rel=1e-12)


def test_work_is_counted_and_bounded():
    graph = to_graph(lambda x: np.sin(x) * x, (np.arange(1.0, 101.0),)).graph
    done = Incremental(graph, MpmathAlgebra(60), [MpmathAlgebra(60).array(np.arange(1.0, 101.0))]).work.done
    assert done == 200  # a sine and a product of each element
    carrier = MpmathAlgebra(60)
    program = Incremental(graph, carrier, [carrier.array(np.arange(1.0, 101.0))])
    moved = program.values[0].copy()
    moved[3] = moved[3] + 1
    program.moved({0: moved})
    assert program.work.done == 202  # and of the one that moved
    with pytest.raises(MethodError, match="more than 250 operations"):
        reference(graph, (np.arange(1.0, 101.0),), work=250)
    assert reference(graph, (np.arange(1.0, 101.0),), work=2_000).digits == 50
