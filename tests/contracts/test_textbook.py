"""A partial that is shown in its textbook form is mathematically the partial that is computed with."""

from __future__ import annotations

import pytest

from adlab.algebra.exact import MpmathAlgebra
from adlab.ir.primitive import Primitive
from adlab.primitives import ROWS
from adlab.primitives.rules import Elementwise

SHOWN = [row for row in ROWS if isinstance(row.rule, Elementwise) and row.rule.textbook]


def check_textbook(row: Primitive) -> None:
    assert isinstance(row.rule, Elementwise)
    assert len(row.rule.textbook) == len(row.rule.partials) == row.arity
    A = MpmathAlgebra(60)
    for partial, shown in zip(row.rule.partials, row.rule.textbook, strict=True):
        assert partial is not None
        assert shown is not None
        for number in (-2.7, -0.4, 0.0, 0.3, 1.9, 12.0):
            x = A.number(number)
            y = A.apply(row, (x,))
            computed, printed = partial(A, y, x), shown(A, y, x)
            assert abs(computed - printed) <= abs(computed) * A.library.mpf(10) ** -40


def test_the_saturating_rows_have_one() -> None:
    assert {row.name for row in SHOWN} == {"tanh", "sigmoid"}


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: row.name)
def test_textbook_form_is_the_partial(row: Primitive) -> None:
    check_textbook(row)


def test_a_wrong_textbook_form_is_caught() -> None:
    from dataclasses import replace

    row = next(row for row in SHOWN if row.name == "tanh")
    wrong = replace(row, rule=replace(row.rule, textbook=(lambda A, y, x: 1 - y,)))
    with pytest.raises(AssertionError):
        check_textbook(wrong)
