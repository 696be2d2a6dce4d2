"""The commands that judge: kinks, step, autopsy, cost, swell, power, grade."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adlab.cli.judges import parse_policy
from adlab.errors import InputError

SLIDE = Path(__file__).parent.parent / "reports" / "data" / "slide.md"
EXPRESSION = "ln(x1) + x1*x2 - sin(x2)"
POINT = ("x1=2", "x2=5")
FORMATS = ("text", "markdown", "latex", "html", "csv", "json")


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


def refused(result: tuple[int, str, str], *words: str) -> None:
    status, out, err = result
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("adlab: ")
    for word in words:
        assert word in err


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_command_in_every_format(run, fmt: str) -> None:
    for command in (
        ("cost", EXPRESSION, *POINT),
        ("swell", "--steps", 3),
        ("power", "x1*x2", "x1=2", "x2=3", "--tol", "1e-4", "--plants", 1),
        ("grade", SLIDE, EXPRESSION, *POINT),
    ):
        status, out, err = run(*command, "--format", fmt)
        assert (status, err) == (int(command[0] == "grade"), "")
        assert len(out) > 80


def test_cost(run) -> None:
    data = json.loads(run("cost", EXPRESSION, *POINT, "--format", "json")[1])
    assert (data["inputs"], data["outputs"], data["holds"]) == (2, 1, True)
    assert data["operations"]["value"]["sin"] == 1


def test_swell_iterates_an_expression_or_takes_a_family(run, tmp_path: Path) -> None:
    data = json.loads(run("swell", "x*x", "x=2", "--steps", 4, "--format", "json", "--limit", 0)[1])
    assert [row["tree"] for row in data["rows"]] == [0, 1, 3, 7]
    family = tmp_path / "families.py"
    family.write_text("def powers(n):\n    return lambda x, y: x**n * y\n")
    data = json.loads(
        run("swell", f"{family}:powers", "x=2", "y=3", "--family", "--steps", 2, "--format", "json")[1]
    )
    assert [row["n"] for row in data["rows"]] == [1, 2]


def test_power_tolerances_and_mode(run) -> None:
    args = ("power", "x1*sin(x2)", "x1=2", "x2=5", "--tol", "1e-2", "--tol", "1e-6", "--mode", "forward")
    data = json.loads(run(*args, "--format", "json")[1])
    assert {row["tolerance"] for row in data["rows"]} == {1e-2, 1e-6}
    assert data["mode"] == "forward"


def test_grade_exit_status(run, tmp_path: Path) -> None:
    status, out, _ = run("grade", SLIDE, EXPRESSION, *POINT)
    assert status == 1
    line = next(line for line in out.splitlines() if "sin(5) = 0.959" in line)
    assert "✗" in line
    assert "Sign error: v4 is −0.959, not" in line
    assert out.count("✗") == 1
    right = tmp_path / "right.md"
    right.write_text(SLIDE.read_text().replace("sin(5) = 0.959", "sin(5) = -0.959"))
    status, out, _ = run("grade", right, EXPRESSION, *POINT)
    assert status == 0
    assert "All 16 cells are right." in out


def test_grade_writes_a_file_and_still_says_it_is_wrong(run, tmp_path: Path) -> None:
    target = tmp_path / "marks.html"
    status, out, _ = run("grade", SLIDE, EXPRESSION, *POINT, "--format", "html", "-o", target)
    assert (status, out) == (1, "")
    assert "Sign error" in target.read_text()


def test_what_adlab_prints_is_right(run, tmp_path: Path) -> None:
    for fmt in ("markdown", "csv"):
        work = tmp_path / f"work.{fmt}"
        run("trace", EXPRESSION, *POINT, "--mode", "all", "--format", fmt, "-o", work)
        assert run("grade", work, EXPRESSION, *POINT)[0] == 0


def test_bad_input(run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("no table here\n")
    refused(run("grade", empty, EXPRESSION, *POINT), "no trace table")
    refused(run("grade", tmp_path / "none.md", EXPRESSION, *POINT), "is not there")
    refused(run("grade", tmp_path, EXPRESSION, *POINT), "cannot be read")
    refused(run("grade", SLIDE, EXPRESSION, "x1=2"), "x2")
    refused(run("grade", SLIDE, "sum(x)", "x=[1,2]"), "single numbers")
    refused(run("grade", SLIDE), "EXPR")
    refused(run("swell", "x*y"), "takes one number")
    refused(run("swell", "--steps", 0), "steps")
    refused(run("power", EXPRESSION, *POINT, "--tol", "0"), "tolerances")
    refused(run("cost", "sine(x)", "x=1"), "sine")
