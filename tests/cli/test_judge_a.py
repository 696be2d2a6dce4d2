"""The commands kinks, step and autopsy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from adlab.cli.judge_a import parse_policy
from adlab.cli.main import main
from adlab.errors import InputError


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs the command line in this process: (exit status, standard output, standard error)."""

    def call(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["adlab", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


def test_kinks_prints_the_ledger(run):
    status, out, err = run("kinks", "relu(x) + abs(y)", "x=0", "y=0.5", "--policy", "relu=0")
    assert (status, err) == (0, "")
    assert "Switches, the nearest first" in out
    assert "policy" in out


def test_kinks_as_json_with_a_step(run):
    status, out, _ = run("kinks", "abs(x)", "x=0.01", "--h", "0.1", "--format", "json")
    data = json.loads(out)
    assert status == 0
    assert data["step"] == 0.1
    assert data["switches"][0]["straddled"] == {"x": 0.1}


def test_step_prints_and_draws(run, tmp_path: Path):
    status, out, _ = run("step", "exp(x)*z", "x=1", "z=2", "--wrt", "z", "--dtype", "float64")
    assert status == 0
    assert "∂y/∂z" in out
    assert "float32" not in out
    picture = tmp_path / "step.svg"
    status, out, _ = run("step", "exp(x)", "x=1", "-o", picture)
    assert status == 0
    assert out == f"wrote {picture}\n"
    assert "<svg" in picture.read_text()
    table = tmp_path / "step.csv"
    assert run("step", "exp(x)", "x=1", "--format", "csv", "-o", table)[0] == 0
    assert "central" in table.read_text()


def test_autopsy_prints_the_rewrite(run, tmp_path: Path):
    module = tmp_path / "module.py"
    module.write_text("import numpy as np\n\ndef f(x):\n    return np.where(x > 0, np.sqrt(x), 0.0)\n")
    status, out, err = run("autopsy", f"{module}:f", "x=0")
    assert (status, err) == (0, "")
    assert "module.py:4" in out
    assert "return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0.0)" in out
    assert "core.py" not in run("autopsy", "1/(1+exp(-x))", "x=-1000")[1]


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html", "csv", "json"])
@pytest.mark.parametrize("command", [("kinks", "abs(x)", "x=0"), ("autopsy", "x*ln(x)", "x=0")])
def test_every_format(run, command, format):
    status, out, err = run(*command, "--format", format)
    assert (status, err) == (0, "")
    assert out.strip()


@pytest.mark.parametrize(
    "command",
    [
        ("kinks", "abs(x)", "x=0", "--policy", "relu"),
        ("kinks", "abs(x)", "x=0", "--policy", "sin=0"),
        ("kinks", "abs(x)"),
        ("step", "abs(x)", "x=0"),
        ("step", "exp(x)", "x=1", "--wrt", "z"),
        ("autopsy", "x +", "x=0"),
    ],
)
def test_bad_input_is_one_sentence(run, command):
    status, out, err = run(*command)
    assert (status, out) == (2, "")
    assert err.startswith("adlab: ")
    assert err.count("\n") == 1


def test_policies_are_names_with_numbers_or_sides():
    assert parse_policy(["relu=0.5", "abs=left"]) == {"relu": 0.5, "abs": "left"}
    for wrong in ("relu", "=1", "relu="):
        with pytest.raises(InputError, match="NAME=VALUE"):
            parse_policy([wrong])
