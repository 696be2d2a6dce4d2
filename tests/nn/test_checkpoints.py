"""Checkpoints are whole or refused, and the one before is kept: truncation, alteration, full disks, kill -9."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from adlab.errors import CheckpointError
from adlab.nn import data
from adlab.nn.callbacks import Callback
from adlab.nn.checkpoints import Checkpoint, previous, read_checkpoint, write_checkpoint
from adlab.nn.dropout import Dropout
from adlab.nn.linear import Linear
from adlab.nn.mlp import MLP
from adlab.nn.normalisation import BatchNorm
from adlab.nn.optimisers import SGD, Adam
from adlab.nn.schedules import OnPlateau
from adlab.nn.sequential import Sequential
from adlab.nn.trainer import Trainer

MOONS = data.moons(70, seed=1)
HELD = data.moons(30, seed=2)


def held(path: Path, k: int) -> Checkpoint:
    checkpoint = Checkpoint(
        {"params": {"layer": {"W": np.full((3, 2), k / 3), "b": (np.arange(2.0),)}}}, {"epoch": k}
    )
    write_checkpoint(path, checkpoint)
    return checkpoint


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


# ---------------------------------------------------------------------------------------------------- the file


def test_a_checkpoint_is_read_back_exactly(tmp_path: Path) -> None:
    tree = {
        "a": np.array([np.nan, np.inf, -0.0, 5e-324]),
        "b": [np.float32(1) / 3, {"c": np.arange(4).reshape(2, 2), "none": None}],
        "empty": {},
        "scalar": np.float64(0.1),
    }
    write_checkpoint(
        tmp_path / "c", Checkpoint({"tree": tree}, {"words": "ü", "number": 0.1, "nothing": None})
    )
    found = read_checkpoint(tmp_path / "c")
    assert found.facts == {"words": "ü", "number": 0.1, "nothing": None}
    assert found.trees["tree"]["a"].tobytes() == tree["a"].tobytes()
    assert found.trees["tree"]["b"][0].dtype == np.float32
    assert found.trees["tree"]["b"][1]["c"].tolist() == [[0, 1], [2, 3]]
    assert found.trees["tree"]["empty"] == {}
    assert found.trees["tree"]["scalar"] == 0.1


def test_the_same_content_makes_the_same_bytes(tmp_path: Path) -> None:
    held(tmp_path / "a", 1)
    held(tmp_path / "b", 1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_truncated_checkpoint_is_refused_and_the_one_before_it_used(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    held(path, 2)
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.warns(
            RuntimeWarning, match=r"truncated.* The one before it, run\.ckpt\.previous, is used"
        ):
            assert read_checkpoint(path).facts["epoch"] == 1


def test_without_one_before_it_a_truncated_checkpoint_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        CheckpointError, match=r"run\.ckpt' cannot be read: it is truncated, or no checkpoint of adlab"
    ):
        read_checkpoint(path)


def test_two_damaged_checkpoints_are_both_named(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    path.write_text("nonsense")
    previous(path).write_text("")
    with pytest.raises(
        CheckpointError, match=r"truncated.*The one before it is of no use either: .*previous"
    ):
        read_checkpoint(path)


def test_every_altered_byte_of_the_numbers_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    whole = path.read_bytes()
    at = whole.index(np.full((3, 2), 1 / 3).tobytes())
    for k in range(at, at + 48, 7):
        altered = bytearray(whole)
        altered[k] ^= 1
        path.write_bytes(altered)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


def test_an_archive_put_together_from_others_does_not_match_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["params:0"] = arrays["params:0"] + 1
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(CheckpointError, match="does not match its digest"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY\x01\x00", b"{}", b"\x80\x04N."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "x")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        np.savez(file, header=np.array([print], dtype=object))
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "x")


def test_a_missing_checkpoint_a_folder_and_a_missing_folder_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        read_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="there is no folder"):
        held(tmp_path / "none" / "run.ckpt", 1)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    held(path, 2)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    full_disk(monkeypatch)
    with pytest.raises(CheckpointError, match=r"cannot be written: .*[Nn]o space left.* as it was"):
        held(path, 3)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_without_links_the_one_before_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "run.ckpt"
    for k in (1, 2, 3):
        held(path, k)
    assert [read_checkpoint(file).facts["epoch"] for file in (path, previous(path))] == [3, 2]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("moment", ["save", "link", "replace"])
def test_stopped_anywhere_in_a_save_a_whole_checkpoint_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    held(path, 2)
    calls = {"save": "fsync", "link": "link", "replace": "replace"}

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, calls[moment], stopped)
    with pytest.raises(KeyboardInterrupt):
        held(path, 3)
    monkeypatch.undo()
    assert read_checkpoint(path).facts["epoch"] == 2


def test_stopped_between_two_renames_the_older_checkpoint_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    held(path, 1)
    os.replace(path, previous(path))
    with pytest.warns(RuntimeWarning, match="There is no checkpoint"):
        assert read_checkpoint(path).facts["epoch"] == 1


# ------------------------------------------------------------------------------------------------ runs resumed


def new_trainer(kind: str) -> Trainer:
    if kind == "adam":
        return Trainer(MLP([2, 8, 2]), "cross_entropy", Adam(0.01), seed=3)
    net = Sequential(Linear(2, 8), BatchNorm(), Dropout(0.7), Linear(8, 2))
    return Trainer(net, "cross_entropy", SGD(OnPlateau(0.05, 0.5, 1), momentum=0.9), seed=3, dtype="float32")


class StopAfter(Callback):
    """Breaks a run off after some steps, without any clearing up."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def after_step(self, trainer: Trainer, loss: float) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def fitted(trainer: Trainer, path: Path, **options: object) -> Trainer:
    settings = {
        "validation": (HELD.X, HELD.y),
        "epochs": 6,
        "batch_size": 16,
        "early_stopping": 3,
        "every": "1 step",
    }
    trainer.fit(MOONS.X, MOONS.y, checkpoint=path, **(settings | options))
    return trainer


@pytest.mark.parametrize("kind", ["adam", "batch norm, dropout, momentum, plateau, float32"])
@pytest.mark.parametrize("steps", [1, 3, 5, 6, 17])
def test_a_run_broken_off_goes_on_bit_for_bit(tmp_path: Path, kind: str, steps: int) -> None:
    straight = fitted(new_trainer(kind), tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        fitted(new_trainer(kind), tmp_path / "broken", callbacks=[StopAfter(steps)])
    resumed = fitted(new_trainer(kind), tmp_path / "broken", resume=True)
    assert (tmp_path / "broken").read_bytes() == (tmp_path / "straight").read_bytes()
    for name in straight.history.names:
        assert resumed.history[name].tobytes() == straight.history[name].tobytes()


def test_resume_from_an_older_epoch_reaches_the_same_bytes(tmp_path: Path) -> None:
    fitted(new_trainer("adam"), tmp_path / "straight")
    fitted(new_trainer("adam"), tmp_path / "parts", epochs=2)
    fitted(new_trainer("adam"), tmp_path / "parts", epochs=6, resume=tmp_path / "parts")
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "straight").read_bytes()


def test_a_run_is_not_resumed_with_other_data_or_settings(tmp_path: Path) -> None:
    path = tmp_path / "run"
    fitted(new_trainer("adam"), path, epochs=1)
    other = data.moons(70, seed=9)
    with pytest.raises(CheckpointError, match="was made with other data"):
        new_trainer("adam").fit(other.X, other.y, epochs=2, batch_size=16, resume=path)
    with pytest.raises(CheckpointError, match="has batch_size 16, and this run has 10"):
        new_trainer("adam").fit(MOONS.X, MOONS.y, epochs=2, batch_size=10, resume=path)
    with pytest.raises(CheckpointError, match="has seed 3, and this run has 4"):
        Trainer(MLP([2, 8, 2]), "cross_entropy", Adam(0.01), seed=4).fit(
            MOONS.X, MOONS.y, epochs=2, batch_size=16, resume=path
        )


def test_a_full_disk_during_training_warns_and_the_last_save_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    fitted(new_trainer("adam"), path, epochs=1)
    before = path.read_bytes()
    full_disk(monkeypatch)
    trainer = new_trainer("adam")
    with (
        pytest.warns(RuntimeWarning, match="Training goes on"),
        pytest.raises(CheckpointError, match="space"),
    ):
        fitted(trainer, path, epochs=2, every=1, resume=True)
    assert path.read_bytes() == before
    assert len(trainer.history) == 2


PROGRAM = """
import sys
from adlab.nn import data
from adlab.nn.callbacks import Callback
from adlab.nn.mlp import MLP
from adlab.nn.optimisers import Adam
from adlab.nn.trainer import Trainer

class Slow(Callback):
    def after_step(self, trainer, loss):
        print(trainer.run.numbers.step, flush=True)

d = data.moons(70, seed=1)
trainer = Trainer(MLP([2, 8, 2]), "cross_entropy", Adam(0.01), seed=3)
trainer.fit(d.X, d.y, epochs=400, batch_size=16, callbacks=[Slow()], checkpoint=sys.argv[1], every="1 step", resume=True)
"""


def test_killed_at_any_moment_a_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "run"
    random = np.random.default_rng(0)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(float(random.uniform(0.05, 0.2)))
            process.send_signal(signal.SIGKILL)
            process.stdout.read()
    killed_at = read_checkpoint(path).facts["step"] if path.exists() else 0
    epochs = killed_at // 5 + 2
    straight, resumed = (Trainer(MLP([2, 8, 2]), "cross_entropy", Adam(0.01), seed=3) for _ in range(2))
    straight.fit(MOONS.X, MOONS.y, epochs=epochs, batch_size=16, checkpoint=tmp_path / "straight")
    resumed.fit(MOONS.X, MOONS.y, epochs=epochs, batch_size=16, checkpoint=path, resume=True)
    assert killed_at > 0
    assert path.read_bytes() == (tmp_path / "straight").read_bytes()
