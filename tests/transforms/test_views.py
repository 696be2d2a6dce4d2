"""A view walks the base's memory exactly as NumPy's own operations would, and says how BLAS can read it."""

import numpy as np
import pytest

from adlab.frontends.recording import record
from adlab.transforms.evaluation import call_graph
from adlab.transforms.views import View, as_view

CASES = {
    "itself": (lambda x: x * 2, (3,), (3,)),
    "transposed": (lambda x: x.T, (2, 3), (2, 3)),
    "slice": (lambda x: x[1:, ::2], (3, 4), (3, 4)),
    "reversed": (lambda x: x[::-1], (4,), (4,)),
    "element": (lambda x: x[1, 2], (2, 3), (2, 3)),
    "new axis": (lambda x: x[:, None, :], (2, 3), (2, 3)),
    "broadcast": (lambda x: np.broadcast_to(x[:, None], (3, 4)), (3,), (3,)),
    "reshape of a slice of rows": (lambda x: x[1:].reshape(6), (3, 3), (3, 3)),
    "reshape of a transpose is computed": (lambda x: x.T.reshape(6)[::2], (2, 3), (6,)),
    "transposed slice of a transpose": (lambda x: x.transpose(2, 0, 1)[1:].T, (2, 3, 4), (2, 3, 4)),
    "empty": (lambda x: x[1:1], (3,), (3,)),
    "gather is computed": (lambda x: x[np.array([0, 0])], (3,), (2,)),
}


@pytest.mark.parametrize("case", CASES)
def test_it_walks_the_same_elements(case):
    function, shape, base_shape = CASES[case]
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    graph = record(function, (x,)).graph
    view = as_view(graph, graph.outputs[0])
    assert graph.type_of(view.base).shape == base_shape
    values = [x]
    for node in list(graph)[1:]:
        values.append(
            node.primitive.numpy(
                *[values[j] if j >= 0 else graph.constants[~j].value for j in node.operands], **node.params
            )
        )
    memory = np.ascontiguousarray(values[view.base]).ravel()
    places = sum(
        (
            np.arange(n).reshape(-1, *[1] * (len(view.shape) - a - 1)) * s
            for a, (n, s) in enumerate(zip(view.shape, view.strides, strict=True))
        ),
        np.full(view.shape, view.offset),
    )
    np.testing.assert_array_equal(memory[places], call_graph(graph, (x,)))


def test_a_literal_is_a_base():
    graph = record(lambda x: np.ones((2, 3)).T * x, (1.0,)).graph
    assert as_view(graph, ~0) == View(~0, (3, 2), (2, 1))


@pytest.mark.parametrize(
    ("view", "leading"),
    [
        (View(0, (2, 3), (3, 1)), (False, 3)),
        (View(0, (3, 2), (1, 3)), (True, 3)),
        (View(0, (2, 3), (7, 1), 4), (False, 7)),
        (View(0, (1, 3), (9, 1)), (False, 3)),
        (View(0, (3, 1), (1, 1)), (False, 1)),
        (View(0, (3, 1), (4, 1)), (False, 4)),
        (View(0, (2, 3), (0, 1)), None),
        (View(0, (2, 3), (6, 2)), None),
        (View(0, (2, 3), (-3, 1), 3), None),
        (View(0, (6,), (1,)), None),
    ],
)
def test_leading_dimension(view, leading):
    assert view.leading == leading


def test_whole():
    assert View(0, (2, 1, 3), (3, 99, 1)).is_whole
    assert not View(0, (2, 3), (1, 2)).is_whole
    assert not View(0, (2,), (1,), 1).is_whole
