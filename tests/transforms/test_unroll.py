"""Programs written out flat: the same values and derivatives, every operation with its line and its step."""

import numpy as np
import pytest

import adlab as ad
from adlab.algebra.numpy import NUMPY
from adlab.frontends.recording import record
from adlab.ir.check import check
from adlab.methods import METHODS
from adlab.transforms.unroll import STEPS, closed_loops, step_of, unrolled


def nested(x):
    def outer(i, c):
        return ad.fori(2, lambda j, d: np.sin(d) * x + i, c)

    return ad.checkpoint(lambda u: np.exp(-u * u))(ad.fori(3, outer, x))


def stacking(x):
    last, rows = ad.scan(lambda c, t: (c * t + 1, np.cos(c) * t), x, np.linspace(0.1, 1.0, 4), reverse=True)
    return last * np.sum(rows)


@pytest.mark.parametrize("f", [nested, stacking])
def test_a_flat_program_is_the_same_function(f):
    graph = record(f, (0.7,)).graph
    flat = unrolled(graph)
    check(flat)
    assert any(p.composite for p in graph.primitives)
    assert not any(p.composite for p in flat.primitives)
    for mode in ("forward", "reverse"):
        expected, found = (METHODS[mode].derivative(g, [0.7]) for g in (graph, flat))
        assert found.values[0] == pytest.approx(expected.values[0], rel=1e-15)
        assert found.jacobians[0][0] == pytest.approx(expected.jacobians[0][0], rel=1e-14)


def test_a_node_knows_its_steps_and_its_line():
    def f(x):
        return ad.fori(2, lambda i, c: ad.fori(2, lambda j, d: np.sin(d), c), x)

    flat = unrolled(record(f, (1.0,)).graph)
    steps = [step_of(flat, i) for i in range(1, len(flat))]
    assert steps == [f"step {k} of (body × 2), step {m} of (body × 2)" for k in (1, 2) for m in (1, 2)]
    assert {node.source.text() for node in flat if node.primitive.name == "sin"} == {
        "return ad.fori(2, lambda i, c: ad.fori(2, lambda j, d: np.sin(d), c), x)"
    }


def test_long_loops_stay_closed_and_are_named():
    graph = record(lambda x: ad.fori(STEPS + 1, lambda i, c: np.sin(c), x), (1.0,)).graph
    assert closed_loops(unrolled(graph)) == (f"(body × {STEPS + 1})",)
    many = record(
        lambda x: ad.fori(STEPS // 2, lambda i, c: ad.fori(3, lambda j, d: np.sin(d), c), x), (1.0,)
    )
    assert len(closed_loops(unrolled(many.graph))) == 1


def test_guards_and_programs_without_loops_are_kept():
    def f(x):
        return ad.checkpoint(lambda u: u * u if u > 1 else u)(x)

    flat = unrolled(record(f, (2.0,)).graph)
    assert [guard.outcome for guard in flat.guards] == [True]
    assert NUMPY.run(flat, [2.0])[flat.outputs[0]] == 4
    plain = record(np.sin, (1.0,)).graph
    assert unrolled(plain) is plain
