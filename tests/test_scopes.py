"""Scopes name regions of a graph, as a block or a decorator, and close again whatever happens."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from adlab.errors import InputError
from adlab.frontends.recording import record
from adlab.ir.builder import current_scope
from adlab.ir.check import check
from adlab.scopes import NamedScope, scope


def scopes_of(code: Any, *args: Any) -> dict[str, tuple[str, ...]]:
    graph = record(code, args).graph
    check(graph)
    return {node.primitive.name: node.scope for node in graph.nodes}


def test_a_block() -> None:
    def code(x: Any) -> Any:
        with scope("layer1"):
            h = np.sin(x)
        return np.cos(h)

    assert scopes_of(code, 0.5) == {"input": (), "sin": ("layer1",), "cos": ()}


def test_blocks_nest_and_the_same_name_continues_the_same_scope() -> None:
    def code(x: Any) -> Any:
        for _ in range(2):
            with scope("outer"):
                x = np.sin(x)
                with scope("inner"):
                    x = np.cos(x)
        return x

    graph = record(code, (0.5,)).graph
    assert [(s.name, s.parent) for s in graph.scopes] == [("outer", -1), ("inner", 0)]
    assert [node.scope for node in graph.nodes] == [(), *[("outer",), ("outer", "inner")] * 2]


def test_decorators_with_and_without_a_name() -> None:
    @scope
    def layer(x: Any) -> Any:
        """Describe a layer."""
        return np.sin(x)

    @scope("second")
    def other(x: Any, *, shift: float = 0.0) -> Any:
        return np.cos(x + shift)

    assert (layer.__name__, layer.__doc__) == ("layer", "Describe a layer.")
    found = scopes_of(lambda x: other(layer(x), shift=1.0), 0.5)
    assert found == {"input": (), "sin": ("layer",), "add": ("second",), "cos": ("second",)}


def test_a_decorated_function_computes_without_tracing() -> None:
    assert scope("s")(np.sin)(0.5) == np.sin(0.5)


def test_one_scope_object_may_be_entered_again_and_in_itself() -> None:
    layer = scope("layer")
    with layer, layer:
        assert current_scope.get() == ("layer", "layer")
    with layer:
        assert current_scope.get() == ("layer",)
    assert current_scope.get() == ()
    assert layer == NamedScope("layer")


def test_a_scope_closes_when_the_code_fails() -> None:
    @scope
    def broken() -> None:
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"), scope("outer"):
        broken()
    assert current_scope.get() == ()


def test_threads_do_not_share_open_scopes() -> None:
    seen = []
    with scope("here"):
        thread = threading.Thread(target=lambda: seen.append(current_scope.get()))
        thread.start()
        thread.join()
    assert seen == [()]


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_name_is_a_non_empty_string(name: Any) -> None:
    with pytest.raises(InputError, match="non-empty string"):
        scope(name)
