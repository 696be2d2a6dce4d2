"""Row T3: hyper-parameters and grid search; what a search judges by, that it resumes, that processes change nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from adlab import nn
from adlab.errors import InputError, TrainingError
from adlab.nn import tuning
from adlab.nn.jobs import Job
from adlab.nn.tuning import Search

QUICK = Job("moons", hidden=(6,), activation="tanh", epochs=6)
GRID = {"rate": (0.001, 0.03), "hidden": ((6,), (4, 3))}


def test_t3_every_combination_is_trained_and_the_best_comes_first() -> None:
    found = Search(QUICK, GRID).run(progress=False)
    points = [tuple(standing.point.values()) for standing in found.standings]
    assert sorted(points) == sorted((rate, sizes) for rate in GRID["rate"] for sizes in GRID["hidden"])
    metrics = [standing.metric for standing in found.standings]
    assert metrics == sorted(metrics, reverse=True)
    assert found.best.point["rate"] == 0.03
    assert found.job == Job(
        "moons", activation="tanh", epochs=6, rate=0.03, hidden=found.best.point["hidden"]
    )


def test_t3_a_score_is_that_of_the_same_run_by_hand() -> None:
    job = Job("moons", hidden=(6,), epochs=4, rate=0.01, l2=0.1)
    data = nn.data.moons()
    train, held = nn.data.split(data, 0.2, seed=0)
    scaling = nn.Scaling.learn(train.X)
    trainer = nn.Trainer(
        nn.MLP([2, 6, 2], "relu"), "cross_entropy", nn.Adam(0.01), seed=1, regulariser=nn.L2(0.1)
    )
    trainer.fit(scaling.apply(train.X), train.y, epochs=4, batch_size=64)
    outputs = trainer.outputs(scaling.apply(held.X))
    score = tuning.score_of(job, repeat=1)
    assert score.metric == np.mean(outputs.argmax(axis=1) == held.y)
    bare = np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(held)), held.y])
    assert_allclose(score.loss, bare, rtol=1e-12)
    assert score.epochs == 4


def test_repeats_give_mean_and_spread_over_seeds() -> None:
    job = Job("spirals", hidden=(6,), epochs=6)
    standing = Search(job, {"rate": (0.01,)}, repeats=3).run(progress=False).best
    each = [tuning.score_of(replace(job, rate=0.01), k) for k in range(3)]
    assert standing.scores == tuple(each)
    assert len({score.loss for score in each}) == 3
    assert_allclose(standing.metric, np.mean([score.metric for score in each]))
    assert standing.spread > 0
    assert_allclose(standing.spread, np.std([score.metric for score in each], ddof=1))


def test_early_stopping_counts_the_epochs_and_judges_the_weights_kept() -> None:
    job = Job("moons", hidden=(6,), epochs=50, rate=0.5, patience=2)
    score = tuning.score_of(job)
    assert score.epochs < 50
    assert_allclose(score.loss, job.prepare().fit(progress=False)["validation_loss"].min(), rtol=1e-12)


def test_a_search_that_was_stopped_trains_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, path, real = Search(QUICK, GRID, repeats=2), tmp_path / "search.json", tuning.score_of
    trained: list[tuple[Job, int]] = []

    def stopped(job: Job, repeat: int) -> Any:
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((job, repeat))
        return real(job, repeat)

    monkeypatch.setattr(tuning, "score_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        search.run(path, progress=False)
    assert tuning.resume(path) == search
    before = list(trained)
    trained.extend([trained[0]] * 10)  # stops no more
    rest = search.run(path, go_on=True, progress=False)
    assert len(trained) - 10 == 8
    assert not set(before) & set(trained[13:])
    assert [p.name for p in tmp_path.iterdir()] == ["search.json"]
    monkeypatch.setattr(tuning, "score_of", real)
    straight = search.run(tmp_path / "straight.json", progress=False)
    assert rest.scores == straight.scores
    assert path.read_bytes() == (tmp_path / "straight.json").read_bytes()


def test_processes_share_the_runs_and_change_nothing(tmp_path: Path) -> None:
    search = Search(QUICK, {"rate": (0.001, 0.03)})
    search.run(tmp_path / "one.json", progress=False)
    search.run(tmp_path / "two.json", workers=2, progress=False)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_run_that_diverges_comes_last_with_its_reason() -> None:
    job = Job("steps", hidden=(), optimizer="sgd", epochs=20)
    found = Search(job, {"rate": (1e6, 0.1)}).run(progress=False)
    assert [standing.point["rate"] for standing in found.standings] == [0.1, 1e6]
    assert math.isnan(found.standings[1].metric)
    assert "The loss is" in found.render("csv").splitlines()[-1]
    with pytest.raises(
        TrainingError, match=r"diverged at every point of the grid. At rate=1e\+06: The loss is"
    ):
        _ = Search(job, {"rate": (1e6,)}).run(progress=False).best


def test_the_table_names_what_was_varied() -> None:
    found = Search(QUICK, {"hidden": ((3, 2), ())}).run(progress=False)
    header, *rows = str(found).splitlines()
    assert header.split() == ["hidden", "validation", "accuracy", "validation", "loss", "epochs"]
    assert {row.split()[0] for row in rows} == {"3x2", "none"}
    assert found.render("csv").count("\n") >= 2


def test_the_bar_shows_runs_and_the_leader(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    Search(QUICK, {"rate": (0.03,)}).run()
    shown = capsys.readouterr().err
    assert "run" in shown
    assert "with rate=0.03" in shown


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Search(QUICK, {}), "needs values to try"),
        (lambda: Search(QUICK, {"seed": (1, 2)}), "cannot vary 'seed'"),
        (lambda: Search(QUICK, {"rate": ()}), "no values to try for rate"),
        (lambda: Search(QUICK, {"rate": (0.1, 0.2, 0.1)}), "rate is to be 0.1 twice"),
        (lambda: Search(QUICK, GRID, repeats=0), "repeats is a whole number"),
        (lambda: Search(Job("moons", validation=0), GRID), "make validation larger than 0"),
        (lambda: Search(QUICK, GRID).run(workers=0), "workers is a whole number"),
        (lambda: Search(QUICK, {"batch": (10, 1000)}).run(), "With batch=1000: A batch of 1000 is larger"),
        (lambda: Search(QUICK, {"rate": (0.1, -1.0)}).run(), "With rate=-1: "),
        (lambda: Search(QUICK, {"epochs": (0,)}).run(), "With epochs=0: epochs is a whole number"),
        (lambda: Search(QUICK, {"activation": ("rellu",)}).run(), "no activation 'rellu'"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_trained(
    make: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tuning, "score_of")
    with pytest.raises(InputError) as refused:
        make()
    assert words in str(refused.value)


def test_files_that_are_no_results_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    with pytest.raises(InputError, match="There is no file"):
        tuning.resume(path)
    for text in ("{", "[]", '{"format": 1}'):
        path.write_text(text)
        with pytest.raises(InputError, match="holds no results of adlab tune"):
            tuning.resume(path)
    path.write_text('{"format": 99}')
    with pytest.raises(InputError, match="have the format 99"):
        tuning.resume(path)
    Search(QUICK, {"rate": (0.1,)}).run(path, progress=False)
    with pytest.raises(InputError, match="are of another search"):
        Search(QUICK, {"rate": (0.2,)}).run(path, go_on=True, progress=False)
