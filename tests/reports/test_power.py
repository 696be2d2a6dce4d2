"""Checker power: the table is what each checker really does with planted mistakes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import adlab as ad
from adlab.errors import InputError
from adlab.primitives import TABLE
from adlab.reports.power import CHECKERS, FAULTS, Wrong, distance, planted, power

TEXT = "ln(x1) + x1*x2 - sin(x2)"
POINT = (2.0, 5.0)


@pytest.fixture(scope="module")
def report():
    return power(TEXT, *POINT, tolerances=(1e-2, 1e-5, 1e-12), plants=3)


def test_correct_rules_raise_no_alarm_where_a_checker_is_fine_enough(report) -> None:
    for checker in CHECKERS:
        assert not report[checker, 1e-2].false_alarm
        assert not report[checker, 1e-5].false_alarm
    assert not report["reference", 1e-12].false_alarm
    assert not report["complex step", 1e-12].false_alarm
    assert not report["adlab.check", 1e-12].false_alarm
    assert report["forward difference", 1e-12].false_alarm
    assert report["central, h = 1e-6", 1e-12].false_alarm


def test_gross_mistakes_are_caught_by_all_and_small_ones_by_fine_checkers(report) -> None:
    for checker in CHECKERS:
        for fault in ("sign", "missing path", "swapped", "shared node"):
            assert report[checker, 1e-2].caught[fault] == report.planted(fault) > 0
        assert report[checker, 1e-2].caught["factor 1.001"] == 0
        assert report[checker, 1e-5].caught["factor 1.001"] == report.planted("factor 1.001") > 0


def test_every_plant_changes_the_gradient_and_equal_ones_are_left_out(report) -> None:
    assert all(plant.error > 1e-13 for plant in report.plants)
    assert report.left_out["swapped"] == 1  # the partials of a sum are equal
    assert report.planted("kink side") == 0
    assert any("Not to be planted here: kink side" in note for note in report.notes)


def test_our_check_names_the_node(report) -> None:
    assert report.named == report.nameable > 0


def test_best_rows_catch_everything_without_alarm(report) -> None:
    best = {row.checker for row in report.best}
    assert {"reference", "complex step", "adlab.check"} <= best
    assert all(sum(row.caught.values()) == len(report.plants) and not row.false_alarm for row in report.best)


def test_planting_touches_no_table() -> None:
    graph = ad.graph(TEXT)
    before = {name: row.rule for name, row in TABLE.items()}
    wrong = planted(graph, {4: Wrong(graph.primitives[4].rule, factor=-1.0)})
    assert wrong.primitives[4] is not graph.primitives[4]
    assert {name: row.rule for name, row in TABLE.items()} == before
    assert ad.grad(wrong, argnums=1)(*POINT) != ad.grad(graph, argnums=1)(*POINT)
    assert ad.graph(wrong)(*POINT) == graph(*POINT)


def test_forgetting_shared_nodes_is_what_a_naive_recursion_does() -> None:
    """x·x by recursion that overwrites gives x, not 2x."""
    graph = ad.graph("x*x")
    change = next(iter(FAULTS["shared node"](graph, [True, True], [np.array(3.0), np.array(9.0)])))
    assert ad.grad(planted(graph, change))(3.0) == 3.0
    assert ad.grad(planted(graph, change), method="forward")(3.0) == 6.0


def test_the_other_side_of_a_kink() -> None:
    report = power(
        lambda x: np.sum(ad.relu(x) * np.exp(x)), np.array([0.0, 1.0, -2.0]), tolerances=(1e-4,), plants=2
    )
    assert report.planted("kink side") == 1
    assert report["central, h = 1e-6", 1e-4].false_alarm  # it sees the mean of both sides
    assert not report[
        "forward difference", 1e-4
    ].false_alarm  # the convention is the derivative from the right
    assert report["forward difference", 1e-4].caught["kink side"] == 1
    own = report["adlab.check", 1e-4]
    assert not own.false_alarm
    assert own.caught["kink side"] == 0  # no derivative exists there, so there is nothing to check


def test_forward_mode_and_several_results() -> None:
    report = power(lambda x, y: (x * y, np.sin(x)), 2.0, 3.0, tolerances=(1e-4,), mode="forward", plants=2)
    assert report.planted("shared node") == 0
    for checker in ("reference", "direction, h = 1e-6", "adlab.check"):
        assert report[checker, 1e-4].caught["sign"] == report.planted("sign") == 2
        assert not report[checker, 1e-4].false_alarm


def test_a_checker_without_an_answer_says_so() -> None:
    def g(x):
        return np.sum(np.sort(x)) if False else np.arctan2(x, 2.0) * ad.erf(x)

    report = power(g, 0.5, tolerances=(1e-4,), plants=1)
    for row in report.rows:
        assert row.note.startswith("No answer") or row.caught["sign"] == report.planted("sign")


def test_distance() -> None:
    nan = np.nan
    assert distance(np.array([1.0, nan]), np.array([1.0, nan])) == 0
    assert distance(np.array([1.0, nan]), np.array([1.0, 2.0])) == np.inf
    assert distance(np.array([10.0]), np.array([20.0])) == 0.5


@pytest.mark.parametrize(
    ("args", "options", "words"),
    [
        (POINT, {"mode": "sideways"}, "sideways"),
        (POINT, {"tolerances": ()}, "tolerances"),
        (POINT, {"tolerances": (-1.0,)}, "tolerances"),
        (POINT, {"plants": 0}, "at least 1"),
        ((np.float32(2), np.float32(5)), {}, "float64"),
    ],
)
def test_bad_input(args, options, words: str) -> None:
    with pytest.raises(InputError, match=words):
        power(TEXT, *args, **options)


def test_formats(report) -> None:
    shown = ad.checker_power(TEXT, *POINT, tolerances=(1e-4,), plants=1)
    data = json.loads(shown.to_json())
    assert {row["checker"] for row in data["rows"]} == set(CHECKERS)
    for text in (shown.to_text(), shown.to_markdown(), shown.to_html(), shown.to_latex(), shown.to_csv()):
        assert "1/1" in text
    assert shown["reference", 1e-4].tolerance == 1e-4
    with pytest.raises(InputError, match="no row"):
        shown["reference", 1.0]
    assert ad.power(2.0, 3.0) == 8.0  # the function keeps its name
