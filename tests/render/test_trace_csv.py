"""Traces as CSV: tidy, with all digits."""

from __future__ import annotations

import csv
import io
import json
import math

from trace_examples import bad, net, running


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_line_per_row_and_quantity() -> None:
    found = lines(running().to_csv())
    assert len(found) == 7 * (1 + 2 + 1) + 1
    v1 = {(line["quantity"], line["wrt"]): line for line in found if line["name"] == "v1"}
    assert float(v1["adjoint", "y"]["value"]) == 5.0 * 0 + 2 + -math.cos(5)
    assert v1["tangent", "x2"]["value"] == "1.0"
    assert v1["adjoint", "y"]["formula"] == "v̄3 · v0 + v̄4 · cos(v1)"


def test_values_have_all_their_digits() -> None:
    values = {line["name"]: line["value"] for line in lines(running("evaluate").to_csv())}
    assert float(values["v2"]) == math.log(2)
    assert values["y"] == values["v6"]


def test_arrays_are_nested_lists_and_bad_values_words() -> None:
    v4 = next(line for line in lines(net().to_csv()) if line["name"] == "v4")
    assert len(json.loads(v4["value"])) == 3
    assert v4["scope"] == "layer"
    assert next(line for line in lines(bad().to_csv()) if line["name"] == "v2")["value"] == "nan"
