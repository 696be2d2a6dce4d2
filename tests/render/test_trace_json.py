"""Traces as JSON: the documented shape, exactly."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from trace_examples import EXAMPLES, bad, net, running

from adlab.api import trace


def data(shown: Any) -> dict[str, Any]:
    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(shown.to_json(), parse_constant=refuse)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_strict_json(name: str) -> None:
    found = data(EXAMPLES[name]())
    assert set(found) >= {"mode", "inputs", "outputs", "rows", "point", "cost"}


def test_the_documented_shape() -> None:
    found = data(running())
    assert (found["mode"], found["inputs"], found["outputs"]) == ("all", ["x1", "x2"], ["v6"])
    row = found["rows"][2]
    assert {key: row[key] for key in ("name", "formula", "substituted", "value")} == {
        "name": "v2", "formula": "ln(v0)", "substituted": "ln(2)", "value": math.log(2)
    }  # fmt: skip
    assert row["tangents"]["x1"] == {"formula": "1/v0 · v̇0", "substituted": "1/2 · 1", "value": 0.5}
    assert row["adjoint"]["contributions"] == [
        {"from": "v5", "formula": "v̄5 · 1", "substituted": "1 · 1", "value": 1.0}
    ]
    assert found["rows"][0]["formula"] == "x1"
    assert found["rows"][0]["tangents"]["x2"] == {"formula": "∂v0/∂x2", "substituted": "0", "value": 0.0}


def test_contributions_add_up_to_the_adjoint() -> None:
    for row in data(running("reverse"))["rows"][1:]:
        assert sum(part["value"] for part in row["adjoint"]["contributions"]) == pytest.approx(
            row["adjoint"]["value"]
        )


def test_what_a_mode_does_not_compute_is_absent() -> None:
    assert set(data(running("evaluate"))["rows"][0]) == {"name", "formula", "substituted", "value"}
    assert "adjoint" not in data(running("forward"))["rows"][0]
    assert "tangents" not in data(running("reverse"))["rows"][0]
    assert "bad" not in data(running())
    assert data(bad())["bad"].startswith("v2")


def test_rows_stand_in_the_order_in_which_they_are_computed() -> None:
    names = [f"v{k}" for k in range(7)]
    assert [row["name"] for row in data(running())["rows"]] == names
    assert [row["name"] for row in data(running("reverse"))["rows"]] == names[::-1]


def test_arrays_and_bad_values() -> None:
    value = next(row for row in data(net())["rows"] if row["name"] == "v4")["value"]
    assert np.shape(value) == (3, 5)
    rows = {row["name"]: row for row in data(bad())["rows"]}
    assert rows["v2"]["value"] == "nan"
    assert rows["v4"]["adjoint"]["value"] == "inf"


def test_the_python_objects_have_the_same_shape() -> None:
    shown = running()
    row = shown.rows[3]
    assert (row.name, row.formula, row.substituted, row.value) == ("v3", "v0 · v1", "2 · 5", 10.0)
    assert row.tangents["x1"].substituted == "5·1 + 2·0"
    assert row.adjoint is not None
    assert [part.source for part in row.adjoint.contributions] == ["v5"]
    assert shown.outputs == ("v6",)
    assert running("reverse").rows[0].name == "v6"
    assert repr(row) == "v3 = v0 · v1 = 2 · 5 = " + repr(row.value)


def test_minus_infinity_is_a_string_too() -> None:
    rows = data(trace("ln(x)", 0.0, mode="all"))["rows"]
    assert [row["value"] for row in rows] == [0.0, "-inf"]
    assert data(trace("-ln(x)", 0.0))["rows"][2]["value"] == "inf"
