"""The four methods train one net to the same weights, and the example that says what each costs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "methods_train.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("methods_train", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "methods_train", module)
    spec.loader.exec_module(module)
    return module


def test_all_methods_reach_the_same_weights_and_the_costs_are_printed(example: Any, capsys: Any) -> None:
    runs = {run.method: run for run in example.main()}
    reverse = runs["reverse"]
    assert reverse.accuracy == 1.0
    assert reverse.loss < 0.05
    for method, tolerance in (("forward", 1e-10), ("symbolic", 1e-10), ("numerical", 1e-6)):
        np.testing.assert_allclose(runs[method].weights, reverse.weights, rtol=tolerance, atol=tolerance)
    weights = len(reverse.weights)
    assert runs["forward"].operations > 2 * reverse.operations
    assert runs["numerical"].operations > weights * reverse.operations / 5
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0] == "A 2-3-1 net of 13 weights learns XOR: 1000 steps of gradient descent."
    assert [line.split()[0] for line in lines[3:]] == list(example.METHODS)
    for method, run in runs.items():
        line = next(line for line in lines if line.startswith(method))
        assert f"{run.operations:,}" in line
