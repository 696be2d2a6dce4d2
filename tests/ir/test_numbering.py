"""The three numberings of one program."""

import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.ir.numbering import display_numbers, display_order, levels

GRAPH = ad.graph("sin(sin(x)*2) + y*3")  # x, y, sin, ·2, sin, ·3, +


def test_levels_are_one_more_than_the_latest_operand():
    assert [row.name for row in GRAPH.primitives[2:]] == ["sin", "multiply", "sin", "multiply", "add"]
    assert levels(GRAPH) == [0, 0, 1, 2, 3, 1, 4]


@pytest.mark.parametrize(
    ("numbering", "order", "numbers"),
    [
        ("level", [0, 1, 2, 5, 3, 4, 6], [0, 1, 2, 4, 5, 3, 6]),
        ("program", [0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6]),
        ("baydin", [0, 1, 2, 3, 4, 5, 6], [-1, 0, 1, 2, 3, 4, 5]),
    ],
)
def test_order_and_numbers(numbering, order, numbers):
    assert display_order(GRAPH, numbering) == order
    assert display_numbers(GRAPH, order, numbering) == numbers


def test_a_node_of_literals_alone_is_of_the_first_level():
    recorded = ad.graph(lambda x: x + ad.sin(x * 0 + 1), 1.0)
    assert levels(recorded)[0] == 0
    assert min(levels(recorded)[1:]) == 1


def test_numberings_have_names():
    with pytest.raises(InputError, match="'levels' is unknown; it is one of level, program, baydin"):
        display_order(GRAPH, "levels")
