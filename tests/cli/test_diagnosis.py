"""`adlab diagnose`: verdicts, formats, a trained folder, exit status, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

HEALTHY = ("--hidden", "16", "--activation", "tanh", "--rate", "0.02", "--epochs", "30")
QUICK = ("--check", "initial loss", "--check", "symmetry")


def test_a_healthy_network_passes_and_its_layers_are_drawn(run, tmp_path: Path) -> None:
    picture = tmp_path / "layers.svg"
    status, out, err = run("diagnose", *HEALTHY, *QUICK, "--picture", picture)
    assert status == 0
    assert "All 2 checks passed." in out
    assert "ln 2 = 0.6931" in " ".join(out.split())
    assert err == f"wrote {picture}\n"
    assert "tanh1" in picture.read_text()


def test_a_failed_check_ends_with_status_1_and_json_says_which(run) -> None:
    arguments = (*HEALTHY[:-4], "--optimizer", "sgd", "--rate", "100000")
    status, out, _ = run("diagnose", *arguments, "--check", "update ratio", "--format", "json")
    found = json.loads(out)
    assert (status, found["passed"]) == (1, False)
    assert found["findings"][0]["where"]["layer"].startswith("linear")


def test_a_trained_folder_is_looked_into_as_it_is(run, tmp_path: Path) -> None:
    folder = tmp_path / "moons"
    assert run("train", *HEALTHY, "-o", folder)[0] == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, out, _ = run(
        "diagnose",
        "--run",
        folder,
        "--check",
        "train/validation gap",
        "--check",
        "dead units",
        "--format",
        "json",
    )
    found = json.loads(out)
    history = (folder / "history.csv").read_text().splitlines()
    last = dict(zip(history[0].split(","), history[-1].split(","), strict=True))
    assert status == 0
    assert found["findings"][1]["measured"]["training"] == float(last["loss"])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_unknown_check_is_refused_in_one_sentence(run) -> None:
    status, out, err = run("diagnose", "--check", "mood")
    assert (status, out) == (2, "")
    assert err.startswith("adlab: There is no check 'mood'; choose from seeds fixed, ")
    assert err.count("\n") == 1
