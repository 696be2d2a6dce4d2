"""Traces in a terminal."""

from __future__ import annotations

import re

import pytest
from golden_files import assert_golden
from rich.cells import cell_len
from trace_examples import EXAMPLES, bad, collapsed, long, named, net, running

from adlab.api import trace
from adlab.errors import InputError
from adlab.render.formats import render_table
from adlab.render.table_text import align_numbers, cells, wrap
from adlab.render.tables import plain_table


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trace-one-column.txt", lambda: running(wrt="x1").to_text(width=104)),
        ("trace-all-140.txt", lambda: running().to_text(width=140)),
        ("trace-all-80.txt", lambda: running().to_text(width=80)),
        ("trace-ascii.txt", lambda: running().to_text(width=100, ascii=True)),
        ("trace-network.txt", lambda: net().to_text(width=100)),
        ("trace-collapsed.txt", lambda: collapsed().to_text(width=100)),
        ("trace-bad.txt", lambda: bad().to_text(width=100)),
    ],
)
def test_the_look_is_the_agreed_one(name: str, text: object) -> None:
    assert_golden(name, text() + "\n")  # type: ignore[operator]


def test_the_lectures_numbers_are_there() -> None:
    lines = running(wrt="x1").to_text(width=80).splitlines()
    for row in (
        "v2 = ln(v0) ln(2) 0.693",
        "v4 = sin(v1) sin(5) −0.959",
        "v6 = v5 − v4 10.693 − (−0.959) 11.652",
        "y = v6 11.652",
    ):
        assert row in [" ".join(line.split()) for line in lines]
    for row in ("v̇2 = 1/v0 · v̇0 1/2 · 1 0.5", "v̇3 = v1·v̇0 + v0·v̇1 5·1 + 2·0 5", "∂y/∂x1 = v̇6 5.5"):
        assert row in [" ".join(line.split()) for line in lines]
    for row in (
        "v̄4 = v̄6 · (−1) 1 · (−1) −1",
        "v̄1 = v̄3 · v0 + v̄4 · cos(v1) 1 · 2 + (−1) · 0.284 1.716 = ∂y/∂x2",
    ):
        assert row in [" ".join(line.split()) for line in lines]


def test_evaluation_and_tangents_stand_beside_each_other_where_they_fit() -> None:
    wide, narrow = running(wrt="x1").to_text(width=104), running(wrt="x1").to_text(width=80)
    assert re.search("^Evaluation +Forward derivative ∂/∂x1$", wide, re.MULTILINE)
    assert "\nEvaluation\n" in narrow
    assert "\nForward derivative ∂/∂x1\n" in narrow


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_line_is_longer_than_the_terminal(name: str, width: int) -> None:
    lines = EXAMPLES[name]().to_text(width=width).splitlines()
    allowed = width if width >= 80 else 100
    assert max(cell_len(line) for line in lines) <= allowed
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("name", EXAMPLES)
def test_ascii_is_ascii_and_colourless(name: str) -> None:
    text = EXAMPLES[name]().to_text(ascii=True, width=100)
    assert text.isascii()
    assert "\x1b" not in EXAMPLES[name]().to_text(width=100)


def test_values_line_up_at_the_decimal_point() -> None:
    text = running("evaluate").to_text(width=100)
    values = [line for line in text.splitlines() if re.match(r"v\d", line)]
    places = {cells(line[: re.search(r"-?\d+(\.\d+)?$", line).end()].rsplit(" ", 1)[0]) for line in values}  # type: ignore[union-attr]
    points = [cells(line) - len(re.search(r"(\.\d+)?$", line)[0]) for line in values]  # type: ignore[index]
    assert len(set(points)) == 1
    assert len(places) > 1


def test_marks_take_no_cells() -> None:
    for text in ("v̄3 · v̇0", "ŷ", "数", "v₋₁", "∂y/∂x", "plain", "x̂₁ ≥ 数"):
        assert cells(text) == cell_len(text)


def test_colour_is_asked_for() -> None:
    assert "\x1b[" in running().to_text(color=True)
    assert "\x1b[" not in str(running())
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", running().to_text(color=True, width=90))
    assert stripped == running().to_text(width=90)


def test_digits_and_full() -> None:
    assert "0.69315" in running().to_text(digits=5)
    assert "‖·‖" in net().to_text()
    assert "‖·‖" not in net().to_text(full=True)


def test_a_wide_function_shows_some_columns_and_says_how_many_are_left_out() -> None:
    text = trace("sum(x**2)", list(range(30)), mode="forward").to_text(width=100)
    assert "12 of 30 columns are shown" in text


def test_the_first_bad_value_is_named() -> None:
    assert re.search("^Warning: v2, .* is NaN", bad().to_text(width=100), re.MULTILINE)
    assert "Warning" not in running().to_text()


def test_a_collapsed_scope_shows_its_jacobians_shape() -> None:
    assert "∂layer/∂v0 3×5×3×4" in collapsed().to_text(width=100)


def test_scopes_are_headed() -> None:
    assert re.search("^layer ─+$", net().to_text(width=100), re.MULTILINE)
    assert re.search("^layer -+$", net().to_text(width=100, ascii=True), re.MULTILINE)


def test_matrix_rules_are_in_matrix_form() -> None:
    text = net().to_text(width=120)
    assert "v6ᵀ @ v̄7" in text
    assert "v̄4 @ v1ᵀ" in text


def test_traces_of_thousands_of_rows_print_every_row() -> None:
    assert long(2000).to_text(width=200).count("\n") > 6000


def test_a_node_used_very_often_is_abridged() -> None:
    def f(x: float) -> float:
        total = x
        for k in range(300):
            total = total + x * k
        return total

    text = trace(f, 2.0, mode="reverse").to_text(width=120)
    assert re.search(r"… \d+ more …", text)


def test_numbers_align_and_words_do_not() -> None:
    assert align_numbers(["2", "−0.959", "10.693", "true", "2.5e−9"]) == [
        " 2",
        "−0.959",
        "10.693",
        "true",
        " 2.5e−9",
    ]


@pytest.mark.parametrize("width", [1, 5, 12, 30])
def test_wrapping_loses_nothing(width: int) -> None:
    text = "v̄3 · v0 + v̄4 · cos(v1) − index_add(v̄9, index=[0], shape=(30,))"
    assert "".join("".join(wrap(text, width)).split()) == "".join(text.split())
    assert all(cells(line) <= max(width, 1) for line in wrap(text, width))


def test_other_reports_print_through_the_same_tables() -> None:
    table = plain_table(
        ("method", "error"), [("forward", 0.0), ("numerical", 2.5e-9), ("none", None)], title="Methods"
    )
    assert render_table(table).splitlines()[:2] == ["Methods", "method      error"]
    for format in ("markdown", "latex", "html", "csv", "json"):
        assert "numerical" in render_table(table, format)
    with pytest.raises(InputError, match="'pdf' is unknown"):
        render_table(table, "pdf")
    with pytest.raises(InputError, match="1 cells"):
        plain_table(("a", "b"), [("x",)])


def test_named_inputs_are_marked() -> None:
    assert "= ∂y/∂params.learning_rate" in named().to_text(width=140)
