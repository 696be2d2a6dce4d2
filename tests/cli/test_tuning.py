"""`adlab tune` (row T3): the table, the file of results, that it resumes, and that bad input is one sentence and exit 2."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

QUICK = ("--hidden", "6", "--activation", "tanh", "--epochs", "5", "--workers", "1")


def test_t3_the_best_comes_first_with_the_command_that_trains_it(run, tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    status, out, err = run("tune", "rate=0.0001,0.05", "l2=0,0.01", *QUICK, "-o", path)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["rate", "l2"]
    assert len(lines) == 5
    assert lines[1].startswith("0.05 ")
    best = err.removeprefix("The best: ").strip()
    assert best.startswith("adlab train --data moons --hidden 6 --activation tanh --rate 0.05")
    again = [*shlex.split(best)[1:], "-o", tmp_path / "run"]
    status, out, _ = run(*again)
    assert status == 0
    accuracy = json.loads(path.read_text())["scores"]
    assert any(f"validation accuracy {row['metric']:.4g}" in out for row in accuracy if row["metric"] > 0.7)


def test_a_search_in_part_is_resumed_and_its_results_are_those_of_a_straight_one(run, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.json", tmp_path / "part.json"
    _, straight, _ = run("tune", "rate=0.001,0.05", "hidden=4,3x2", *QUICK[2:], "-o", whole)
    facts = json.loads(whole.read_text())
    facts["scores"] = facts["scores"][1:3]
    part.write_text(json.dumps(facts))
    status, out, _ = run("tune", "--resume", "--workers", 1, "-o", part)
    assert (status, out) == (0, straight)
    assert part.read_bytes() == whole.read_bytes()


def test_formats_and_help(run, tmp_path: Path) -> None:
    options = ("tune", "scale=none", "--repeats", 2, *QUICK, "-o", tmp_path / "a.json", "--format", "csv")
    assert run(*options)[1].splitlines()[0].startswith("scale,validation accuracy,±,validation loss")
    assert "adlab tune --resume -o search.json\n" in run("tune", "--help")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "needs values to try"),
        (("rate",), "'rate' does not say what to try"),
        (("rate=",), "does not say what to try"),
        (("rate=fast",), "rate=fast cannot be tried"),
        (("rate=-1",), "With rate=-1: "),
        (("seed=1,2",), "cannot vary 'seed'"),
        (("rate=0.1", "rate=0.2"), "rate is given twice"),
        (("rate=0.1,0.1",), "rate is to be 0.1 twice"),
        (("hidden=4x",), "hidden=4x does not say how many units; write 100, or 64x32"),
        (("activation=rellu",), "activation=rellu cannot be tried"),
        (("batch=500",), "A batch of 500 is larger"),
        (("epochs=0",), "epochs=0 cannot be tried"),
        (("rate=0.1", "--rate", "1"), "rate stands in the grid and as --rate too"),
        (("rate=0.1", "--validation", "0"), "make validation larger than 0"),
        (("rate=0.1", "--data", "mooons"), "'mooons' names no data"),
        (("rate=0.1", "--workers", "0"), "--workers"),
        (("--resume",), "There is no file"),
        (("--resume", "rate=0.1"), "leave out NAME=VALUES"),
        (("--resume", "--seed", "1"), "leave out --seed"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    run, tmp_path: Path, words: tuple, sentence: str
) -> None:
    status, out, err = run("tune", *words, "-o", tmp_path / "search.json")
    assert (status, out) == (2, "")
    assert err.startswith("adlab: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert not list(tmp_path.iterdir())


def test_results_are_not_overwritten_unless_asked(run, tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    path.write_text("{")
    status, _, err = run("tune", "rate=0.1", *QUICK, "-o", path)
    assert status == 2
    assert "is there already" in err
    assert path.read_text() == "{"
    status, _, err = run("tune", "--resume", "-o", path)
    assert status == 2
    assert "holds no results" in err
    assert run("tune", "rate=0.1", *QUICK, "--overwrite", "-o", path)[0] == 0
