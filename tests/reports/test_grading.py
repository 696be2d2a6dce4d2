"""Grading: adlab's own tables are all right, the lectures' slide has one wrong cell, and each slip is named for what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.reports.grading import grade
from adlab.reports.grading.marks import fits
from adlab.reports.worksheet import parts_of, read_tables

DATA = Path(__file__).parent / "data"
TEXT = "ln(x1) + x1*x2 - sin(x2)"
POINT = (2.0, 5.0)
RIGHT = [
    (TEXT, POINT),
    ("x^3 - 2*x", (1.5,)),
    ("relu(x)*y + max(x, y)", (1.0, 2.0)),
    ("exp(x)/(1 + exp(x))", (0.3,)),
    ("x*x", (3.0,)),
    ("sqrt(x*y) + tanh(x) - y/x", (2.0, 3.0)),
    ("sigmoid(w*x + b)", (1.0, 2.0, -1.0)),
    ("where(x > 0, x^2, -x)", (2.0,)),
    ("sin(sin(x))*sin(x)", (0.5,)),
    ("x", (2.0,)),
]


def marks(text: str, expression: str = TEXT, point=POINT) -> list[tuple[str, str]]:
    return [(cell.row, cell.reason) for cell in grade(text, expression, *point).wrong]


def table(*rows: str) -> str:
    return "\n".join(["| step | numbers | value |", "|---|---|---|", *rows])


EVALUATION = (
    "| v0 = x1 | | 2 |", "| v1 = x2 | | 5 |", "| v2 = ln(v0) | ln(2) | 0.693 |", "| v3 = v0 · v1 | 2 · 5 | 10 |",
    "| v4 = sin(v1) | sin(5) | −0.959 |", "| v5 = v2 + v3 | 0.693 + 10 | 10.693 |",
    "| v6 = v5 − v4 | 10.693 − (−0.959) | 11.652 |", "| y = v6 | | 11.652 |",
)  # fmt: skip
ADJOINTS = (
    "| v̄6 | | 1 |", "| v̄5 = v̄6 · 1 | 1 · 1 | 1 |", "| v̄4 = −v̄6 | −1 | −1 |", "| v̄3 = v̄5 | | 1 |", "| v̄2 = v̄5 | | 1 |",
    "| v̄1 = v̄3·v0 + v̄4·cos(v1) | 1·2 − 1·0.284 | 1.716 |", "| v̄0 = v̄2/v0 + v̄3·v1 | 1/2 + 1·5 | 5.5 |",
)  # fmt: skip


def changed(old: str, new: str, rows=EVALUATION) -> str:
    found = [row.replace(old, new) for row in rows]
    assert found != list(rows)
    return table(*found)


# ------------------------------------------------------------------------------------------------ the lectures' slides


def test_the_slide_has_one_wrong_cell() -> None:
    report = grade(DATA / "slide.md", TEXT, *POINT)
    assert [(c.row, c.text, c.reason) for c in report.wrong] == [("v4", "sin(5) = 0.959", "sign error")]
    assert report.wrong[0].expected == pytest.approx(-0.9589242746631385)
    assert report.wrong[0].line == 11
    assert report.missing == ()
    assert not report.passed
    assert report.sentence == "1 of 16 cells is wrong."


def test_the_slide_of_tangents_has_two_mislabelled_rows() -> None:
    report = grade(DATA / "slide_forward.md", TEXT, *POINT)
    assert [(c.row, c.reason) for c in report.wrong] == [
        ("∂v2/∂x1", "mislabelled row"),
        ("∂v3/∂x1", "mislabelled row"),
    ]
    assert report.missing == ()


def test_the_slide_as_tabs() -> None:
    text = "\tf(2,5)\n$v_0 = x_1$\t2\n$v_1 = x_2$\t5\n$v_4 = sin(v_1)$\tsin(5) = 0.959\n$y = \\ln(v_0)+v_0 v_1-v_4$\t11.652\n"
    assert marks(text) == [("v4", "sign error")]


# ------------------------------------------------------------------------------------------------ what is right stays right


@pytest.mark.parametrize(("expression", "point"), RIGHT, ids=[expression for expression, _ in RIGHT])
@pytest.mark.parametrize("numbering", ["level", "program", "baydin"])
def test_our_own_tables_are_all_right(expression: str, point, numbering: str) -> None:
    for mode in ("evaluate", "forward", "reverse", "all"):
        shown = ad.trace(expression, *point, mode=mode, numbering=numbering)
        for text in (shown.to_markdown(), shown.to_csv()):
            report = grade(text, expression, *point)
            assert [(c.line, c.row, c.text, c.sentence) for c in report.wrong] == []
            assert report.missing == ()
            assert report.cells


def test_own_rows_own_order_own_names_are_right() -> None:
    assert (
        marks(
            table(
                "| v1 = x2 | | 5 |",
                "| v2 = x1 | | 2 |",
                "| v3 = x2·x1 + ln x1 | | 10,693 |",
                "| y = v3 − sin(v1) | | 11.65 |",
            )
        )
        == []
    )
    finer = [
        *EVALUATION[:5],
        "| v7 = −v4 | | 0.959 |",
        EVALUATION[5],
        "| y = v5 + v7 | 10.693 + 0.959 | 11.652 |",
    ]
    adjoints = [
        "| v̄7 = ȳ | | 1 |",
        "| v̄4 = −v̄7 | | −1 |",
        "| v̄5 = ȳ | | 1 |",
        "| v̄3 = v̄5 | | 1 |",
        "| v̄2 = v̄5 | | 1 |",
        *ADJOINTS[5:],
    ]
    assert marks(table(*finer)) == []
    assert marks(table(*finer) + "\n\n" + table(*adjoints)) == []


def test_local_partials_and_latex_in_adjoints() -> None:
    rows = [
        r"| $\bar{v}_6 = \frac{\partial y}{\partial v_6}$ | | 1 |",
        r"| $\bar{v}_5 = \bar{v}_6 \cdot \frac{\partial v_6}{\partial v_5}$ | 1·1 | 1 |",
        r"| $\bar{v}_4 = \frac{\partial v_6}{\partial v_4} \bar{v}_6$ | (−1)·1 | −1 |",
        *ADJOINTS[3:5],
        r"| $\bar{v}_1 = v_0 \bar{v}_3 + \bar{v}_4 \cos v_1$ | | 1.716 |",
        ADJOINTS[6],
    ]
    assert marks(table(*rows)) == []


def test_rounding_by_the_last_digit_is_forgiven_with_a_remark() -> None:
    report = grade(changed("| 11.652 |", "| 11.653 |"), TEXT, *POINT)
    assert report.passed
    assert any("last digits" in cell.sentence for cell in report.cells)


# ------------------------------------------------------------------------------------------------------- what is wrong

SLIPS = {
    "sign": (changed("| 0.693 |", "| −0.693 |"), [("v2", "sign error")]),
    "factor ten": (changed("| 10 |", "| 100 |"), [("v3", "wrong by a factor")]),
    "coarse": (changed("| 0.693 |", "| 0.7 |"), [("v2", "rounding too coarse")]),
    "degrees": (changed("sin(5) | −0.959", "sin(5) | 0.087"), [("v4", "wrong operation")]),
    "other logarithm": (changed("| 0.693 |", "| 0.301 |"), [("v2", "wrong operation")]),
    "operand in the number": (changed("| 10 |", "| 4 |"), [("v3", "wrong operand")]),
    "operand in the formula": (changed("v3 = v0 · v1", "v3 = v0 · v0"), [("v3", "wrong operand")]),
    "operation": (changed("v3 = v0 · v1", "v3 = v0 + v1"), [("v3", "wrong operation")]),
    "sign in the formula": (changed("v6 = v5 − v4", "v6 = v5 + v4"), [("v6", "sign error")]),
    "function": (changed("v4 = sin(v1)", "v4 = cos(v1)"), [("v4", "wrong operation")]),
    "numbers": (changed("0.693 + 10", "0.693 + 12"), [("v5", "wrong value")]),
    "empty": (changed("sin(5) | −0.959", " | "), [("v4", "value missing")]),
    "garbage": (changed("| 10.693 |", "| 10.6.9.3 |"), [("v5", "unreadable")]),
    "wrong": (changed("| 10.693 |", "| 13.5 |"), [("v5", "wrong value")]),
    "missing term": (changed("v̄3·v0 + v̄4·cos(v1)", "v̄3·v0", ADJOINTS), [("v̄1", "missing term")]),
    "number lacks a term": (changed("| 1.716 |", "| 2 |", ADJOINTS), [("v̄1", "missing term")]),
    "adjoint sign": (changed("v̄4 = −v̄6", "v̄4 = v̄6", ADJOINTS), [("v̄4", "sign error")]),
    "adjoint operand": (changed("v̄3·v1 |", "v̄3·v0 |", ADJOINTS), [("v̄0", "wrong operand")]),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_each_slip_is_named(slip: str) -> None:
    text, expected = SLIPS[slip]
    assert marks(text) == expected


def test_a_wrong_number_carried_on_is_said_to_be() -> None:
    rows = [
        *EVALUATION[:4],
        "| v4 = sin(v1) | | 0.959 |",
        EVALUATION[5],
        "| v6 = v5 − v4 | 10.693 − 0.959 | 9.734 |",
        "| y = v6 | | 9.734 |",
    ]
    found = grade(table(*rows), TEXT, *POINT).wrong
    assert [(cell.row, cell.reason) for cell in found if cell.text == "9.734"] == [
        ("v6", "carried over"),
        ("y", "carried over"),
    ]
    assert "v4" in next(cell.sentence for cell in found if cell.reason == "carried over")


@pytest.mark.parametrize("gone", range(2, 7))
def test_a_row_that_others_need_is_missed(gone: int) -> None:
    rows = [row for k, row in enumerate(EVALUATION) if k != gone]
    report = grade(table(*rows), TEXT, *POINT)
    assert [row.row for row in report.missing] == [f"v{gone}"]
    assert report.wrong == ()


def test_results_that_are_not_there_are_missed() -> None:
    assert [m.row for m in grade(table(*EVALUATION[:6]), TEXT, *POINT).missing] == ["y"]
    assert [m.row for m in grade(table(*ADJOINTS[:6]), TEXT, *POINT).missing] == ["∂y/∂x1"]
    assert "v̄5" in [m.row for m in grade(table(ADJOINTS[0], *ADJOINTS[2:]), TEXT, *POINT).missing]


def test_a_label_given_twice_is_a_mislabelled_row() -> None:
    report = grade(changed("| v3 = v0 · v1", "| v2 = v0 · v1"), TEXT, *POINT)
    assert [(c.row, c.reason) for c in report.wrong] == [("v3", "mislabelled row")]


NUMBER = re.compile(r"(?<=\| )([−-]?\d+\.\d+|[−-]?\d+)(?= \|)")


def test_no_wrong_number_passes() -> None:
    """Every number of a full trace, changed in turn by sign, size and digit, is marked, and nothing else in its row is not."""
    text = ad.trace(TEXT, *POINT, mode="all").to_markdown()
    places = [match for match in NUMBER.finditer(text) if float(match[0].replace("−", "-")) != 0]
    assert len(places) > 25
    for match in places:
        value = float(match[0].replace("−", "-"))
        for wrong in (-value, value * 1.1, value * 10, value + 0.25):
            other = text[: match.start()] + f"{wrong:.3f}" + text[match.end() :]
            line = text[: match.start()].count("\n") + 1
            report = grade(other, TEXT, *POINT)
            assert line in [cell.line for cell in report.wrong], (match[0], wrong)


# -------------------------------------------------------------------------------------------------------- parts and input


def test_spellings_of_one_cell() -> None:
    for cell in (
        "v̇2 = 1/v0 · v̇0",
        r"$\dot{v}_2 = \frac{1}{v_0}\dot{v}_0$",
        "dv2 = 1/v0 * dv0",
        "v2_dot = (1/v0) v0_dot",
    ):
        left, right = parts_of(cell)
        assert left is not None
        assert right is not None
        assert left.name == "T__v2"
        assert right.evaluate({"v0": 4.0, "T__v0": 2.0}) == 0.5
    assert [part.name for part in parts_of(r"$\frac{\partial v_3}{\partial x_1}$") if part] == ["D__v3__x1"]


def test_tables_among_text_and_other_separators() -> None:
    text = "# Title\n\nwords\n\n| a | b |\n|--|:-:|\n| 1 | 2 |\n\nmore\n| 3 | x\\|y |\n"
    first, second = read_tables(text)
    assert (first.title, first.header, first.rows, first.lines) == ("words", ("a", "b"), (("1", "2"),), (7,))
    assert (second.header, second.rows) == ((), (("3", "x|y"),))
    assert read_tables("name;value\nv0;2\n")[0].header == ("name", "value")


def test_fits() -> None:
    assert fits(11.7, 11.652, 1, 5e-3)
    assert not fits(12, 11.652, 0, 5e-3)
    assert not fits(10.65, 10.693, 2, 5e-3)
    assert fits(0.0, 3e-17, 0, 5e-3)
    assert not fits(0.0001, 1e-5, 4, 5e-3)


@pytest.mark.parametrize(
    ("work", "f", "args", "words"),
    [
        ("nothing | here", TEXT, POINT, "no trace table"),
        ("one line\nand another", TEXT, POINT, "no trace table"),
        ("", TEXT, POINT, "cannot be read"),
        ("nowhere.md", TEXT, POINT, "is not there"),
        (table(*EVALUATION), "sum(x)", ([1.0, 2.0],), "single numbers"),
    ],
)
def test_bad_input_is_one_sentence(work: str, f: str, args, words: str) -> None:
    with pytest.raises(InputError, match=words):
        grade(work, f, *args)


def test_bad_tolerance() -> None:
    with pytest.raises(InputError, match="tolerance"):
        grade(table(*EVALUATION), TEXT, *POINT, tolerance=0.0)


def test_formats() -> None:
    shown = ad.grade(DATA / "slide.md", TEXT, *POINT)
    for text in (shown.to_text(), shown.to_markdown(), shown.to_html(), shown.to_latex(), shown.to_csv()):
        assert "0.959" in text
    assert "✗" in shown.to_text()
    assert '"reason": "sign error"' in shown.to_json()


def test_a_column_headed_derivative_by_an_input_holds_tangents():
    table = (
        "| step | value | Derivative by x1 |\n|---|---|---|\n| v0 = x1 | 2 | 1 |\n| v1 = x2 | 5 | 0 |\n"
        "| v2 = ln(v0) | 0.693 | 0.5 |\n| v3 = v0*v1 | 10 | 5 |\n| y = v2+v3 | 10.693 | 5.5 |"
    )
    assert ad.grade(table, "ln(x1) + x1*x2", 2, 5).passed
    (wrong,) = ad.grade(table.replace("| 5 |\n| y", "| 4 |\n| y"), "ln(x1) + x1*x2", 2, 5).wrong
    assert (wrong.row, wrong.text) == ("∂v3/∂x1", "4")
    assert not ad.grade(table.replace("| 5.5 |", "| -5.5 |"), "ln(x1) + x1*x2", 2, 5).passed
