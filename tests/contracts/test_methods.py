"""Every row by every method at both orders; where a method is not defined, the table of exemptions says why."""

import pytest
from contracts.methods import EXEMPTIONS, QUESTIONS, WAYS, cases
from contracts.rows import each

from adlab.primitives import ROWS, TABLE


@each(ROWS)
@pytest.mark.parametrize(("way", "order"), QUESTIONS)
def test_every_method_on_every_row(row, way, order):
    exemption = EXEMPTIONS.get((row.name, way))
    for case in cases(row, way, order):
        if exemption is None or not exemption.covers(order, case):
            case(way)
            continue
        with pytest.raises(
            exemption.error, match=exemption.words
        ):  # an exemption that is not needed fails here
            case(way)


@each(ROWS)
def test_every_row_has_a_case_of_every_question(row):
    assert all(cases(row, way, order) for way, order in QUESTIONS)


def test_exemptions_name_rows_and_say_why():
    for (name, way), exemption in EXEMPTIONS.items():
        assert name in TABLE
        assert way in WAYS
        assert len(exemption.reason.split()) > 5


def test_only_rows_without_smooth_values_are_exempt_everywhere():
    everywhere = {row.name for row in ROWS if all((row.name, way) in EXEMPTIONS for way in WAYS)}
    assert everywhere == {row.name for row in ROWS if row.rule is None}
