"""Layers and networks: trees, names, shapes, pictures, errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import adlab as ad
from adlab import nn
from adlab.nn.trees import tree_map


def test_names_are_kinds_with_numbers_or_those_given() -> None:
    net = nn.Sequential(
        nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3, name="middle"), nn.ReLU(), nn.Linear(3, 1)
    )
    assert [layer.name for layer in net.layers] == ["linear1", "relu1", "middle", "relu2", "linear3"]
    assert list(net.init(0)[0]) == ["linear1", "middle", "linear3"]


def test_networks_within_networks_keep_their_trees_apart() -> None:
    block = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.5))
    net = nn.Sequential(nn.Linear(2, 3), block, block, nn.Linear(3, 1))
    params, state = net.init(0)
    assert list(params) == ["linear1", "sequential1", "sequential2", "linear2"]
    assert list(params["sequential2"]) == ["linear1", "batchnorm1"]
    assert list(state) == ["sequential1", "sequential2"]
    x = np.random.default_rng(0).normal(size=(5, 2))
    masks = net.masks(np.random.default_rng(0), x.shape)
    y, after = net.apply(params, state, x, training=True, masks=masks)
    assert y.shape == (5, 1)
    assert net.out_shape((2,)) == (1,)
    assert not np.array_equal(
        after["sequential1"]["batchnorm1"]["mean"], state["sequential1"]["batchnorm1"]["mean"]
    )
    graph = ad.graph(lambda p, x: net(p, x, state), params, x)
    assert ("sequential2", "linear1") in {node.scope for node in graph}


def test_equal_layers_are_equal_and_hash() -> None:
    assert nn.MLP([2, 3, 1]) == nn.MLP([2, 3, 1])
    assert hash(nn.MLP([2, 3, 1])) != hash(nn.MLP([2, 4, 1]))


def test_a_layer_works_on_single_samples_and_batches() -> None:
    for activation in ("prelu", "srelu", "maxout", "elu", "softmax"):
        net = nn.MLP([4, 6, 3], activation)
        params, state = net.init(0)
        x = np.random.default_rng(0).normal(size=(5, 4))
        y = net(params, x, state)
        assert_allclose(net(params, x[2], state), y[2], rtol=1e-12, atol=1e-14)


def test_mlp_options() -> None:
    net = nn.MLP([4, 5, 2], "elu", output="softmax", batch_norm=True, keep=0.9, bias=False)
    assert [layer.kind for layer in net.layers] == [
        "linear",
        "batchnorm",
        "elu",
        "dropout",
        "linear",
        "softmax",
    ]
    params, _ = net.init(0)
    assert list(params["linear1"]) == ["W"]
    maxout = nn.MLP([4, 5, 2], "maxout", pieces=3).init(0)[0]
    assert maxout["maxout1"]["W"].shape == (3, 4, 5)
    # He's 2/n before ReLU and its kin, Xavier's 1/n else.
    wide = {act: np.var(nn.MLP([300, 300, 1], act).init(0)[0]["linear1"]["W"]) for act in ("relu", "tanh")}
    assert_allclose(wide["relu"] / wide["tanh"], 2, rtol=1e-12)


def test_the_picture_of_a_model_is_one_call() -> None:
    net = nn.MLP([2, 3, 1], "tanh")
    params, _ = net.init(0)
    whole, by_layer = net.draw(params, np.ones(2)), net.draw(params, np.ones(2), depth=1)
    assert "tanh" in whole.svg
    assert all(name in by_layer.svg for name in ("linear1", "tanh1", "linear2"))
    assert len(by_layer.picture.boxes) < len(whole.picture.boxes)


def test_a_model_draws_itself() -> None:
    net = nn.MLP([3, 4, 2], "srelu", batch_norm=True)
    assert "batchnorm1" in net.draw(depth=1).svg
    assert net._repr_svg_() == net.draw(depth=1).svg
    assert nn.ReLU()._repr_svg_() is None
    assert "relu" in nn.ReLU().draw({}, np.ones(2)).svg


def test_parameters_that_are_missing_are_named() -> None:
    net = nn.MLP([2, 3, 1], "prelu")
    params, _ = net.init(0)
    with pytest.raises(ad.InputError, match="prelu1 needs its parameter 'alpha' and was given nothing"):
        net({"linear1": params["linear1"]}, np.ones((1, 2)))
    with pytest.raises(ad.InputError, match="linear1 needs its parameter 'W' and was given b"):
        net({"linear1": {"b": params["linear1"]["b"]}}, np.ones((1, 2)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nn.Linear(0, 3), "inputs is a whole number from 1 up, not 0"),
        (lambda: nn.Linear(2, 3, bias="yes"), "bias is True, False or 'folded'"),
        (lambda: nn.Linear(2, 3, weights="lecun"), "There is no initialiser 'lecun'; choose one of zeros"),
        (lambda: nn.Sequential(), "at least one layer"),
        (lambda: nn.Sequential(np.tanh), "A network is made of layers"),
        (lambda: nn.Sequential(nn.Linear(1, 1, name="a"), nn.ReLU(name="a")), "Two layers are called 'a'"),
        (lambda: nn.MLP([3]), "at least two sizes"),
        (lambda: nn.MLP([3, 4, 1], "swish"), "There is no activation 'swish'"),
        (lambda: nn.MLP([3, 4, 1], ["relu", "tanh"]), "2 activations for 1 hidden layers"),
        (lambda: nn.ReLU().init(0), "give init the shape of one"),
        (lambda: nn.Linear(1, 1).init("zero"), "A seed is a whole number"),
        (lambda: nn.Linear(1, 1).init(0, dtype="int64"), "'float64' or 'float32', not in 'int64'"),
        (lambda: nn.SReLU(tl=1.0, tr=0.0), "may not lie right of"),
        (lambda: nn.Xavier("out"), "fan is 'in' or 'average', not 'out'"),
        (lambda: nn.PReLU().init(0, shape=()), "not bare numbers"),
    ],
)
def test_bad_options_are_refused(make, sentence: str) -> None:
    with pytest.raises(ad.AdlabError, match=sentence):
        make()


def test_wrong_shapes_name_the_layer() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(4, 1))
    with pytest.raises(ad.ShapeError, match=r"linear2 takes 4 inputs, and a sample of shape \(3,\) has 3"):
        net.init(0)
    good = nn.MLP([2, 3, 1])
    with pytest.raises(ad.ShapeError, match="linear1 takes 2 inputs"):
        good(good.init(0)[0], np.ones((5, 3)))


def test_trees_that_do_not_match_are_described() -> None:
    with pytest.raises(ad.InputError, match="one has W, b, the other W"):
        tree_map(lambda a, b: a, {"W": 1, "b": 2}, {"W": 1})


def test_public_names_are_complete_and_lazy() -> None:
    for name in nn.__all__:
        assert getattr(nn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Conv'"):
        nn.Conv  # noqa: B018 - the lookup is the test
