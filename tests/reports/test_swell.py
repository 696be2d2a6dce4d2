"""Expression swell: trees multiply, graphs add."""

from __future__ import annotations

import json

import numpy as np
import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.reports.swell import MEASURES, iterated, logistic, swell, written_out


@pytest.fixture(scope="module")
def report():
    return swell(steps=10)


def test_the_tree_multiplies(report) -> None:
    """l(n+1) writes l(n) twice: t(n+1) = 2·t(n) + 3, in closed form 3·(2ⁿ⁻¹ − 1)."""
    assert report.series("tree") == [3 * (2 ** (n - 1) - 1) for n in report.steps]


def test_the_graph_adds(report) -> None:
    for measure in ("graph", "forward", "reverse"):
        assert len(set(report.increments(measure)[1:])) == 1
    assert set(report.increments("graph")) == {3}
    assert all(row.reverse <= 5 * row.graph for row in report.rows[1:])


def test_derivatives_swell_by_more_than_two(report) -> None:
    ratios = report.ratios("sympy")
    assert all(2.4 < ratio < 2.65 for ratio in ratios[-3:])
    assert all(ratio > 2 for ratio in report.ratios("derivative_tree")[1:])
    shared = report.ratios("sympy_cse")[-3:]
    assert all(1 < ratio < 1.4 for ratio in shared)


def test_sizes_written_out_are_those_of_the_written_expression() -> None:
    """The carrier of sizes counts what SymPy's tree has, without evaluation, for a function in which nothing simplifies."""
    assert written_out(ad.graph("sin(x*y)")) == (2, 6)  # cos(x·y)·y and cos(x·y)·x
    assert written_out(ad.graph("exp(x)")) == (1, 1)
    assert written_out(ad.graph("x")) == (0, 0)
    assert written_out(ad.graph("x + y")) == (1, 0)
    assert written_out(ad.graph("x*y"), 0) == (1, 0)
    assert written_out(ad.graph(lambda x: np.sum(x * x), np.ones(3)))[0] == 2


def test_huge_members_are_counted_without_writing_them() -> None:
    long = swell(steps=[1, 2000, 2001], limit=0)
    assert long.series("sympy") == [None, None, None]
    assert long.rows[-1].tree == 3 * (2**2000 - 1)
    assert long.ratios("tree")[-1] == pytest.approx(2)
    assert long.rows[-1].graph == 6000
    data = json.loads(json.dumps(long.to_dict(), allow_nan=False))
    assert data["rows"][-1]["tree"] is None
    assert "10^" in long.sentence


def test_sympy_stops_with_a_note() -> None:
    stopped = swell(steps=[1, 3, 6, 9], limit=300)
    assert stopped.series("sympy")[0] == 0
    assert stopped.series("sympy")[-1] is None
    assert len(stopped.notes) == 1
    assert "limit of 300" in stopped.notes[0]


def test_other_families() -> None:
    def products(n: int):
        return lambda x: np.prod(np.stack([np.sin(k * x) for k in range(1, n + 1)]))

    found = swell(products, steps=[1, 2, 3], at=(0.3,))
    assert found.series("graph") == sorted(found.series("graph"))
    assert ad.swell(step="x*x", steps=4).series("tree") == [0, 1, 3, 7]
    assert ad.swell(step="x*x", steps=4).series("graph") == [0, 1, 2, 3]
    assert float(logistic(4)(0.25)) == float(iterated("4*x*(1-x)", 4)(0.25)) == 0.75
    text = swell(lambda n: "x" + "*x" * n, steps=2, at=(2.0,))
    assert text.series("graph") == [1, 2]


def test_bad_input() -> None:
    with pytest.raises(InputError, match="No member"):
        swell(steps=[])
    with pytest.raises(InputError, match="numbered"):
        iterated("x", 0)
    with pytest.raises(InputError, match="takes one number"):
        iterated("x*y", 2)
    with pytest.raises(InputError, match="no count 'leaves'"):
        swell(steps=2).series("leaves")
    with pytest.raises(InputError, match="not both"):
        ad.swell(logistic, step="x")


def test_formats(report) -> None:
    shown = ad.swell(steps=10)
    data = json.loads(shown.to_json())
    assert [row["n"] for row in data["rows"]] == list(range(1, 11))
    assert set(data["measures"]) == set(MEASURES)
    for text in (shown.to_text(), shown.to_markdown(), shown.to_html(), shown.to_latex(), shown.to_csv()):
        assert "1,533" in text
    assert max(map(len, shown.to_text().splitlines())) <= 120


def test_what_is_no_family_is_refused_in_a_sentence():
    for family in ("4*x*(1-x)", 3, lambda x: 4 * x * (1 - x)):
        with pytest.raises(ad.InputError, match="step="):
            ad.swell(family)
