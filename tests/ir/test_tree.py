"""Containers: what went in comes out as what it was, in every verb, after JSON, and through native code."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.ir.tree import flatten, leaf_names, plain, tree_from_json, tree_to_json, unflatten


class Layer(NamedTuple):
    W: Any
    b: Any

    @property
    def total(self) -> Any:
        return np.sum(self.W) + np.sum(self.b)


LAYER = Layer(np.arange(1.0, 4.0), 2.0)
ORDERED = OrderedDict(z=1.0, a=np.ones(2))
NESTED = [LAYER, (ORDERED, {"x": LAYER, "none": None}), ()]


def test_containers_are_put_back_as_they_were() -> None:
    leaves, tree = flatten(NESTED)
    back = unflatten(tree, leaves)
    assert [type(back[0]), type(back[1][0]), type(back[1][1]), back[2]] == [Layer, OrderedDict, dict, ()]
    assert list(back[1][0]) == ["z", "a"]
    assert back[0].W is LAYER.W
    assert hash(tree) == hash(flatten(NESTED)[1])
    assert flatten(tuple(LAYER))[1] != flatten(LAYER)[1]
    assert flatten(dict(ORDERED))[1] != flatten(ORDERED)[1]
    assert unflatten(plain(tree), range(6)) == [(0, 1), ({"z": 2, "a": 3}, {"x": (4, 5), "none": None}), ()]
    assert leaf_names(tree, "p") == [
        "p[0].W",
        "p[0].b",
        "p[1][0].z",
        "p[1][0].a",
        "p[1][1].x.W",
        "p[1][1].x.b",
    ]
    assert leaf_names(tree, "p", "{}[{!r}]")[1:3] == ["p[0].b", "p[1][0]['z']"]


def test_trees_in_json_keep_names_and_fields() -> None:
    data = tree_to_json(flatten(NESTED)[1])
    assert data[2][0] == [{"namedtuple": "Layer"}, ["W", "b"], ["*", "*"]]
    tree = tree_from_json(data)
    assert tree == tree_from_json(data)
    back = unflatten(tree, range(6))
    assert (type(back[0]).__name__, back[0]._fields, back[0].b) == ("Layer", ("W", "b"), 1)
    assert type(back[1][0]) is OrderedDict
    assert tree_to_json(tree) == data


@pytest.mark.parametrize("wrap", [lambda g: g, ad.compile], ids=["verb", "compiled"])
def test_gradients_nest_as_the_arguments(wrap: Any) -> None:
    def f(layer: Layer, ordered: Any) -> Any:
        return layer.total * layer.b + ordered["z"] * np.sum(ordered["a"] ** 2)

    gradient = wrap(ad.grad(f, argnums=(0, 1)))
    for _ in range(3):  # interpreted, compiled, native
        layer, ordered = gradient(LAYER, ORDERED)
        assert type(layer) is Layer
        assert type(ordered) is OrderedDict
        np.testing.assert_array_equal(layer.W, np.full(3, 2.0))
        assert layer.b == 6 + 2 * 2
        assert ordered["z"] == 2.0
    value, pullback = ad.vjp(lambda layer: Layer(layer.b, layer.W), LAYER)
    assert type(value) is type(pullback(value)[0]) is Layer
    with pytest.raises(InputError, match="nested otherwise"):
        pullback(tuple(value))


def test_a_graph_takes_named_tuples_of_the_same_fields() -> None:
    graph = ad.graph(lambda layer: Layer(layer.W * layer.b, layer.b), LAYER)
    again = ad.Graph.from_json(graph.to_json())
    for one in (graph, again):
        found = one(LAYER)
        assert found._fields == Layer._fields
        np.testing.assert_array_equal(found.W, 2 * LAYER.W)
        with pytest.raises(InputError, match="was a Layer of 2 when the graph was traced"):
            one(tuple(LAYER))
    assert type(graph(LAYER)) is Layer
