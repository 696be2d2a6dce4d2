"""A training step is one pure function: one graph, drawn, compiled, and differentiated by any method."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize

import adlab as ad
from adlab import nn
from adlab.compiling import compile
from adlab.ir.tree import flatten

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 1))


def everything(dtype="float64"):
    """A net with all that a step can hold, and arguments for it."""
    net = nn.MLP([4, 6, 5, 3], ["prelu", "srelu"], batch_norm=True, keep=0.7)
    params, state = net.init(0, dtype=dtype)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 4)).astype(dtype), rng.integers(0, 3, 8).astype(dtype)
    optimiser = nn.AdamW(nn.Cosine(0.01, 10))
    step = nn.training_step(
        net, nn.CrossEntropy(class_weights=(1, 2, 3)), optimiser, nn.L2(1e-3) + nn.L1(1e-3), nn.ClipNorm(0.1)
    )
    masks = net.masks(rng, x.shape, dtype)
    weights = rng.random(8).astype(dtype)
    return step, (
        params,
        state,
        optimiser.init(params),
        x,
        y,
        weights,
        optimiser.rates(0, dtype=dtype),
        masks,
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_on_arrays_as_a_graph_and_compiled_it_is_the_same(dtype: str) -> None:
    step, args = everything(dtype)
    before = [leaf.copy() for leaf in flatten(args)[0] if isinstance(leaf, np.ndarray)]
    plain, graph, native = step(*args), ad.graph(step, *args), compile(step, *args)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for result in (graph(*args), native(*args)):
        assert flatten(result)[1] == flatten(plain)[1]
        for found, wanted in zip(flatten(result)[0], flatten(plain)[0], strict=True):
            assert found.dtype == wanted.dtype == dtype
            assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    after = [leaf for leaf in flatten(args)[0] if isinstance(leaf, np.ndarray)]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))  # nothing is written into


def test_the_forward_pass_is_in_the_graph_once() -> None:
    net = nn.MLP([4, 6, 3])
    params, state = net.init(0)
    step = nn.training_step(net, "cross_entropy", nn.SGD(0.1))
    x, y = np.ones((5, 4)), np.zeros(5)
    graph = ad.graph(step, params, state, {}, x, y, None, {"rate": 0.1}, None)
    kinds = Counter(node.primitive.name for node in graph)
    assert kinds["matmul"] == 5  # two forward, three back
    assert kinds["exp"] == kinds["log"] == kinds["relu"] == 1
    scopes = {node.scope for node in graph}
    assert {("linear1",), ("relu1",), ("linear2",), ("loss",), ("gradient",), ("update",)} <= scopes


def test_a_float32_step_computes_in_float32_throughout() -> None:
    step, args = everything("float32")
    graph = ad.graph(step, *args)
    assert {str(node.type.dtype) for node in graph} <= {"float32", "bool"}


@pytest.mark.parametrize(
    ("method", "tolerance", "options"),
    [
        ("forward", 1e-12, {}),
        ("symbolic", 1e-12, {}),
        ("numerical", 1e-5, {}),
        ("numerical", 1e-5, {"scheme": "forward"}),
    ],
)
def test_every_method_trains_a_2_3_1_net_to_the_same_weights(method, tolerance, options) -> None:
    net, optimiser = nn.MLP([2, 3, 1], "tanh"), nn.Adam(0.05)
    trained = {}
    few = slice(0, 4)
    for name, extra in (("reverse", {}), (method, options)):
        params, state = net.init(0)
        memory = optimiser.init(params)
        step = nn.training_step(net, "squared_error", optimiser, method=name, **extra)
        x, y = X[few], Y[few]
        graph = ad.graph(step, params, state, memory, x, y, None, optimiser.rates(0), None)
        for t in range(10):
            _, params, state, memory, _ = graph(params, state, memory, x, y, None, optimiser.rates(t), None)
        trained[name] = flatten(params)[0]
    for found, wanted in zip(trained[method], trained["reverse"], strict=True):
        assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_running_statistics_come_out_of_the_step() -> None:
    step, args = everything()
    _, _, state, *_ = step(*args)
    z = args[3] @ args[0]["linear1"]["W"]
    assert_allclose(state["batchnorm1"]["mean"], 0.1 * z.mean(axis=0), rtol=1e-12)


def test_unknown_options_are_refused_at_once() -> None:
    net = nn.Linear(2, 1)
    with pytest.raises(ad.InputError, match="'magic'"):
        nn.training_step(net, "squared_error", method="magic")
    with pytest.raises(ad.InputError, match="colour"):
        nn.training_step(net, "squared_error", colour=1)
    with pytest.raises(ad.InputError, match="There is no loss"):
        nn.training_step(net, "squared")


@pytest.mark.parametrize("algorithm", ["L-BFGS-B", "BFGS", "CG"])
def test_full_batch_minimisers_reach_what_scipy_reaches_by_itself(algorithm: str) -> None:
    net = nn.Linear(2, 1)
    params, _ = net.init(0)
    found = nn.minimise(
        net, "squared_error", params, X, Y, regulariser=nn.L2(0.3), algorithm=algorithm, tolerance=1e-9
    )

    def loss(v):
        return np.mean((X @ v[:2] + v[2] - Y[:, 0]) ** 2) + 0.3 * np.sum(v[:2] ** 2)

    alone = optimize.minimize(
        loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15}
    )
    assert_allclose([*found.params["W"].ravel(), *found.params["b"]], alone.x, atol=1e-6)
    assert found.losses[0] > found.losses[-1]
    assert_allclose(found.loss, alone.fun, rtol=1e-9)
    assert found.evaluations >= len(found.losses) > 1


def test_full_batch_errors() -> None:
    net = nn.Linear(2, 1)
    params, _ = net.init(0)
    with pytest.raises(ad.InputError, match="There is no algorithm 'Newton' here; choose one of L-BFGS-B"):
        nn.minimise(net, "squared_error", params, X, Y, algorithm="Newton")
    with pytest.raises(ad.InputError, match="The loss at the start is nan"):
        nn.minimise(net, "squared_error", params, X * np.nan, Y)
