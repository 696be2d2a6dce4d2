"""Pictures of graphs too large to be drawn: collapsed first, made of what is shown, and clear about whose adjoints they show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab.render.drawing import BUDGET, Drawing
from adlab.reports import trace as trace_module
from adlab.reports.picture import check


def notes(drawing: Drawing) -> list[str]:
    return [row.word for box in drawing.picture.boxes for row in box.rows if row.kind == "note"]


@pytest.mark.parametrize("scoped", [False, True])
def test_a_large_graph_is_drawn_within_its_budget_and_only_what_is_drawn_is_made(
    scoped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def f(x: Any) -> Any:
        for k in range(20_000):
            with ad.scope(f"part{k // 1000}" if scoped else "all"):
                x = 1.0001 * x + 1e-9
        return x

    made: list[int] = []
    row_of = trace_module._TraceBuilder._row
    monkeypatch.setattr(
        trace_module._TraceBuilder,
        "_row",
        lambda self, i: made.append(i) or row_of(self, i),  # type: ignore[func-returns-value]
    )
    drawing = ad.draw(f, 0.5)
    check(drawing.picture)
    assert len(drawing.picture.boxes) <= BUDGET
    assert len(made) <= BUDGET
    assert "".join(notes(drawing)).count("node") == (20 if scoped else 1)


def test_every_literal_array_that_is_seen_has_one_box() -> None:
    data = [np.arange(3.0) + k for k in range(3)]

    def f(x: Any) -> Any:
        with ad.scope("hidden"):
            y = x * data[0] + data[1]
        return y * data[2] + y / data[2]

    boxes = ad.draw(f, np.ones(3), depth=1).picture.boxes
    assert [box.role for box in boxes].count("constant") == 1
    assert [box.role for box in ad.draw(f, np.ones(3)).picture.boxes].count("constant") == 3


def test_of_several_results_the_picture_says_whose_adjoints_it_shows() -> None:
    def two(x: Any, y: Any) -> Any:
        return np.sin(x) * y, x + y

    drawing = ad.draw(two, 1.0, 2.0)
    name = ad.trace(two, 1.0, 2.0, mode="reverse").report.seeded
    assert notes(drawing) == [f"adjoints are of {name}"]
    assert f"Adjoints are of {name}." in drawing.picture.description
    assert f"adjoints are of {name}" in drawing.svg
    of_array = ad.draw(lambda x: np.sin(x), np.ones(3))
    assert notes(of_array) == [f"adjoints are of {of_array.picture.description.split()[-1].rstrip('.')}"]
    assert "[0]" in notes(of_array)[0]


@pytest.mark.parametrize("show", [("value",), ("value", "tangent"), ()])
def test_without_adjoints_nothing_is_said_of_them(show: tuple[str, ...]) -> None:
    drawing = ad.draw(lambda x, y: (x * y, x + y), 1.0, 2.0, show=show)
    assert (notes(drawing), "djoint" in drawing.picture.description) == ([], False)


def test_one_result_needs_no_remark() -> None:
    assert notes(ad.draw("ln(x1) + x1*x2 - sin(x2)", 2, 5)) == []
