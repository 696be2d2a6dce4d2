"""Whole graphs, exported as standalone source: nested arguments, branches, loops, derivatives, awkward names."""

import numpy as np
import pytest
from contracts.exported import imported, run_elsewhere

import adlab as ad
from adlab.ir.tree import flatten

A = np.array([[2.0, 0.5], [0.25, 3.0]])
LAYERS = [{"W": A, "b": np.array([0.1, -0.2])}, {"W": A.T, "b": np.array([0.3, 0.4])}]


def network(layers, x):
    for layer in layers:
        x = ad.sigmoid(x @ layer["W"] + layer["b"])
    return {"loss": np.sum(x**2), "parts": (x, 1.0)}


def branching(x):
    if x > 1:
        return np.sin(x) / 3
    return x**2


def switched(flag, x):
    return np.sin(x) if flag else x


def scanned(x, W):
    carry, ys = ad.scan(lambda c, w: (np.tanh(c * w + x), {"s": np.sin(c), "positive": c > 0}), 0.0, W)
    return carry, ys["s"].sum(), np.where(ys["positive"], ys["s"], 0)


def backwards(x, W):
    return ad.scan(lambda c, w: (c * w, c + w), x, W, reverse=True)


def nested_loops(x):
    return ad.fori(3, lambda i, y: ad.fori(2, lambda j, z: z * x + i - j, y), 1.0)


def no_steps(x):
    return ad.scan(lambda c, w: (c * w, c * x), x, np.ones(0))


def held(x):
    step = ad.checkpoint(lambda y: np.sin(y) * np.exp(-y))
    with ad.scope("outside"):
        return step(step(x))


def with_literals(x):
    weights = np.array([[1.0, np.inf, np.nan], [-0.0, 1e-300, 2.0]])
    return x * weights, np.full(2, 3.0) + x, np.pi * x, np.where(x > 0, 1, 0), 2**x, -(x - -1)


def awkward(erf, np_, lambda_, v1, carry, literal_0):
    return ad.erf(erf) + np_ * lambda_ - v1 / carry + literal_0 * np.array([1.0, 2.0])


def picked(x):
    return x[[0, 2, 2]], x[::-1], x[1], x[None, 1:2], x[[]], ad.at(x)[0:2].add(x[:2])


WHOLE = {
    "network": (network, (LAYERS, np.array([0.5, -1.0]))),
    "branching": (branching, (1.5,)),
    "switched": (switched, (True, 0.5)),
    "scanned": (scanned, (0.3, np.array([0.5, -1.0, 2.0]))),
    "backwards": (backwards, (0.3, np.array([0.5, -1.0, 2.0]))),
    "nested loops": (nested_loops, (1.25,)),
    "no steps": (no_steps, (1.25,)),
    "held": (held, (0.4,)),
    "literals": (with_literals, (np.float64(1.5),)),
    "single precision": (with_literals, (np.float32(1.5),)),
    "names": (awkward, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
    "picked": (picked, (np.arange(3.0),)),
}


def sums(f):
    """Return the sum of all that a function returns, to have one number to differentiate."""
    return lambda *args: sum(np.sum(leaf * 1.5) for leaf in flatten(f(*args))[0])


def whole_graphs():
    graphs = {name: (ad.graph(f, *args), args) for name, (f, args) in WHOLE.items()}
    for name in ("network", "branching", "scanned", "backwards", "nested loops", "held", "picked"):
        f, args = WHOLE[name]
        graphs[f"gradient of {name}"] = (ad.grad_graph(sums(f), *args), args)
    f, args = WHOLE["held"]
    graphs["collapsed"] = (ad.graph(f, *args).collapse(), args)
    graphs["formula"] = (ad.graph("x₁ * lambda_ + 2", 2.0, 3.0), (2.0, 3.0))
    return graphs


GRAPHS = whole_graphs()


@pytest.fixture(scope="module")
def answers():
    return run_elsewhere({name: [(graph.to_python(), args)] for name, (graph, args) in GRAPHS.items()})


@pytest.mark.parametrize("name", GRAPHS)
def test_source_is_called_as_the_graph_is_and_returns_the_same(name, answers):
    graph, args = GRAPHS[name]
    assert imported(graph.to_python()) <= {"numpy", "scipy"}
    [(kind, got)] = answers[name]
    assert kind == "value", f"{got}\n{graph.to_python()}"
    (found, tree), (wanted, expected_tree) = flatten(got), flatten(graph(*args))
    assert tree == expected_tree
    for one, other in zip(found, wanted, strict=True):
        assert (np.shape(one), one.dtype) == (np.shape(other), other.dtype)
        np.testing.assert_array_equal(one, other)


def test_what_the_graph_refuses_the_source_refuses():
    branch, shaped = ad.graph(branching, 1.5).to_python(), ad.graph(network, *WHOLE["network"][1]).to_python()
    found = run_elsewhere({
        "other side": [(branch, (0.5,))],
        "other switch": [(ad.graph(switched, True, 0.5).to_python(), (False, 0.5))],
        "other shape": [(shaped, (LAYERS, np.ones(3)))],
        "whole numbers": [(ad.graph(lambda x: 1 / x + x**-2, 1.5).to_python(), (2,))],
    })  # fmt: skip
    [(kind, words)] = found["other side"]
    assert kind == "error"
    assert "if x > 1:: the comparison was true when this was written and is false here" in words
    [(kind, words)] = found["other switch"]
    assert kind == "error"
    assert "was true when this was written" in words
    [(kind, words)] = found["other shape"]
    assert kind == "error"
    assert "x of shape (2,)" in words
    assert found["whole numbers"] == [("value", 0.75)]


def test_a_loop_reads_as_a_loop():
    source = ad.graph(lambda x: ad.fori(3, lambda i, y: y * x, 1.0), 2.0).to_python()
    assert "for t in range(3):" in source
    assert source.count(" * ") == 1


def test_a_users_primitive_is_refused_within_a_loop_too():
    own = ad.primitive(np.sin, name="own_sine", partials=lambda y, x: np.cos(x))
    with pytest.raises(ad.RenderError, match=r"own_sine is a user's primitive.*; write"):
        ad.graph(lambda x: ad.fori(3, lambda i, y: own(y), x), 2.0).to_python()
