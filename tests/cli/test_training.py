"""`adlab train` and `adlab predict`: what they write, that they resume, and that bad input is one sentence and exit 2."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from adlab.nn.checkpoints import read_checkpoint

QUICK = ("--hidden", "8", "--activation", "tanh", "--rate", "0.03")
WRITTEN = {"curves.svg", "history.csv", "model.json", "report.md", "run.ckpt", "settings.json", "weights.npz"}


@pytest.fixture
def measurements(tmp_path: Path) -> Path:
    """Return a CSV file of two species that differ in length."""
    random = np.random.default_rng(0)
    lines = ["length,colour,species"]
    for k in range(60):
        species = "abc"[k % 2]
        lines.append(f"{random.normal(5 + 4 * (k % 2), 1):.3f},{'red' if k % 3 else 'blue'},{species}")
    path = tmp_path / "measurements.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def assert_refused(result: tuple[int, str, str], *words: str) -> None:
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.startswith("adlab: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_train_writes_weights_history_report_and_curves(run, tmp_path: Path) -> None:
    folder = tmp_path / "moons"
    status, out, err = run("train", *QUICK, "--epochs", 30, "-o", folder)
    assert (status, err) == (0, "")
    assert {path.name for path in folder.iterdir()} - {"run.ckpt.previous"} == WRITTEN
    assert "After 30 epochs: loss" in out
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert len(rows) == 30
    assert float(rows[-1]["validation_accuracy"]) > 0.85
    report = (folder / "report.md").read_text()
    assert "160 samples to learn from, 40 set aside" in report
    assert "Differentiated by the reverse method; seed 0." in report
    assert (folder / "curves.svg").read_text().startswith("<?xml")


def test_one_seed_makes_the_same_files(run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("train", *QUICK, "--epochs", 4, "-o", tmp_path / name)
    for name in WRITTEN:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_resume_reaches_the_same_bytes_as_a_straight_run(run, tmp_path: Path) -> None:
    run("train", *QUICK, "--epochs", 9, "-o", tmp_path / "straight")
    run("train", *QUICK, "--epochs", 4, "-o", tmp_path / "parts")
    status, out, _ = run("train", "--resume", "--epochs", 9, "-o", tmp_path / "parts")
    assert status == 0
    assert "After 9 epochs" in out
    for name in WRITTEN:
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_a_csv_file_is_learned_and_another_predicted(run, measurements: Path, tmp_path: Path) -> None:
    folder = tmp_path / "species"
    status, _, err = run(
        "train", "--data", measurements, "--target", "species", *QUICK, "--epochs", 60, "-o", folder
    )
    assert (status, err) == (0, "")
    assert json.loads((folder / "model.json").read_text())["classes"] == ["a", "b"]
    new = tmp_path / "new.csv"
    new.write_text("colour,length\nred,4.5\nblue,9.5\n")
    status, out, err = run("predict", folder, new)
    assert (status, err) == (0, "")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["prediction"] for row in rows] == ["a", "b"]
    assert all(abs(float(row["p(a)"]) + float(row["p(b)"]) - 1) < 1e-12 for row in rows)
    status, out, err = run("predict", folder, "-o", tmp_path / "all.csv")
    assert (status, out) == (0, "")
    assert "On 60 samples: loss" in err
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 61


def test_numbers_are_fitted(run, tmp_path: Path) -> None:
    status, out, _ = run("train", "--data", "steps", *QUICK, "--epochs", 200, "-o", tmp_path / "stairs")
    assert status == 0
    assert "r2 0.9" in out
    status, out, err = run("predict", tmp_path / "stairs")
    assert out.splitlines()[0] == "prediction"
    assert "On 200 samples: loss" in err


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "hinge", "cross_entropy"])
def test_losses_of_two_classes(run, tmp_path: Path, loss: str) -> None:
    assert run("train", "--loss", loss, *QUICK, "--epochs", 20, "-o", tmp_path / loss)[0] == 0
    _, out, err = run("predict", tmp_path / loss)
    assert out.startswith("prediction,p(0),p(1)\n")
    assert float(err.split("accuracy ")[1].rstrip(".\n")) > 0.8


def test_early_stopping_method_and_seed_are_passed_on(run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = (
        "--method",
        "forward",
        "--hidden",
        "2",
        "--patience",
        1,
        "--rate",
        0.5,
        "--seed",
        3,
        "--epochs",
        50,
    )
    _, out, _ = run("train", *options, "-o", folder)
    assert "has not improved for 1 epochs" in out
    recipe = read_checkpoint(folder / "run.ckpt").facts["recipe"]
    assert (recipe["seed"], recipe["method"]) == (3, "('forward', {})")


def test_training_that_diverges_leaves_the_autopsy(run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run(
        "train", "--data", "steps", "--optimizer", "sgd", "--rate", 1e6, "--epochs", 90, "-o", folder
    )
    assert_refused(result, "The loss is", "A smaller learning rate")
    assert "What went bad" in (folder / "autopsy.txt").read_text()


def test_help_teaches(run) -> None:
    status, out, _ = run("train", "--help")
    assert status == 0
    for words in (
        "adlab train --resume --epochs 100 -o species\n",
        "--hidden SIZES",
        "One seed, one result.",
    ):
        assert words in out
    assert "adlab predict species new.csv -o predictions.csv\n" in run("predict", "--help")[1]


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--data", "nowhere.csv"), "There is no file nowhere.csv."),
        (("--data", "mooons"), "'mooons' names no data"),
        (("--hidden", "many"), "--hidden many does not say how many units"),
        (("--hidden", "0"), "does not say how many units"),
        (("--activation", "rellu"), "rellu"),
        (("--optimizer", "adm"), "adm"),
        (("--method", "backprop"), "backprop"),
        (("--epochs", "0"), "--epochs"),
        (("--rate", "-1"), "rate"),
        (("--rate", "fast"), "--rate"),
        (("--batch", "1000"), "A batch of 1000 is larger than the data, which has 160 samples"),
        (("--validation", "1"), "--validation"),
        (("--every", "often"), "does not say how often"),
        (("--loss", "squared_errors"), "squared_errors"),
        (("--data", "steps", "--loss", "cross_entropy"), "tells classes apart"),
        (("--target", "y"), "moons has its own target"),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_bad_options_are_one_sentence_and_write_nothing(
    run, tmp_path: Path, options: tuple, words: str
) -> None:
    assert_refused(run("train", *options, "-o", tmp_path / "run"), words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n1,a\n,b\n", "The value of column 'x' is missing in line 3"),
        ("x,y\n1,a\nNaN,b\n", "is missing in line 3"),
        ("x,y\n1,a\ninf,b\n", "line 3, column 'x'"),
        ("x,y\n1,a\n2,a\n3,a\n", "'a' in every row"),
        ("x,y\n", "no rows"),
        ("x,y\n1,a\n2,b,3\n", "Line 3"),
    ],
)
def test_bad_files_are_one_sentence_and_write_nothing(run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    assert_refused(run("train", "--data", tmp_path / "data.csv", "-o", tmp_path / "run"), words)
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_unless_asked(run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run("train", *QUICK, "--epochs", 2, "-o", folder)
    before = (folder / "weights.npz").read_bytes()
    assert_refused(
        run("train", *QUICK, "--epochs", 3, "-o", folder), "holds a run already", "--resume", "--overwrite"
    )
    assert (folder / "weights.npz").read_bytes() == before
    assert run("train", *QUICK, "--epochs", 3, "--overwrite", "-o", folder)[0] == 0
    assert (folder / "weights.npz").read_bytes() != before


def test_resume_takes_no_other_settings_and_needs_a_run(run, tmp_path: Path) -> None:
    assert_refused(run("train", "--resume", "-o", tmp_path / "none"), "holds no training run")
    folder = tmp_path / "run"
    run("train", *QUICK, "--epochs", 2, "-o", folder)
    assert_refused(
        run("train", "--resume", "--rate", 1, "-o", folder), "leave out --rate, only --epochs may change"
    )


@pytest.mark.filterwarnings("default")
def test_a_truncated_checkpoint_is_replaced_by_the_one_before_it(run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run("train", *QUICK, "--epochs", 3, "-o", folder)
    whole = (folder / "run.ckpt").read_bytes()
    (folder / "run.ckpt").write_bytes(whole[:500])
    status, _, err = run("train", "--resume", "-o", folder)
    assert status == 0
    assert err.startswith("adlab: The checkpoint")
    assert err.endswith("run.ckpt.previous, is used.\n")
    assert (folder / "run.ckpt").read_bytes() == whole


def test_predict_refuses_what_does_not_suit(run, measurements: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert_refused(run("predict", tmp_path / "none"), "holds no training run")
    run("train", "--data", measurements, *QUICK, "--epochs", 2, "-o", folder)
    other = tmp_path / "other.csv"
    other.write_text("length\n1\n")
    assert_refused(run("predict", folder, other), "no column 'colour'")
    other.write_text("length,colour\n1,green\n")
    assert_refused(run("predict", folder, other), "line 2, column 'colour'", "'green'")
    (folder / "model.json").write_text("{")
    assert_refused(run("predict", folder, other), "is damaged")
