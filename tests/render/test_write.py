"""Saving: whole files or none, permissions and links kept, devices and pipes written into and never replaced."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from adlab.cli.main import main
from adlab.errors import InputError
from adlab.render.write import save

FULL = Path("/dev/full")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    assert save(tmp_path / "a.txt", "ẋ\n").read_bytes() == "ẋ\n".encode()
    assert save(tmp_path / "a.txt", b"\x00\x01").read_bytes() == b"\x00\x01"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_existing_file_hands_on_its_permissions(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o600)
    save(target, "new")
    assert (target.read_text(), mode(target)) == ("new", 0o600)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    save(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    real.unlink()
    save(link, "again")
    assert link.is_symlink()
    assert real.read_text() == "again"
    assert os.listdir(tmp_path / "far") == ["real.txt"]


def test_a_link_into_a_missing_folder_is_refused(tmp_path):
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "nowhere" / "real.txt")
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        save(link, "new")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    save(pipe, ["one, ", "two"])
    reader.join()
    assert got == ["one, two"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
def test_a_full_device_is_refused_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["adlab", "trace", "x^2", "x=2", "-o", str(FULL)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    words = capsys.readouterr().err.strip().splitlines()
    assert len(words) == 1
    assert "'/dev/full' cannot be written (No space left on device)" in words[0]
    assert stat.S_ISCHR(FULL.stat().st_mode)


@pytest.mark.skipif(not Path(os.devnull).is_char_device(), reason="this system has no null device")
def test_the_null_device_takes_all_and_stays(tmp_path):
    link = tmp_path / "null.txt"
    link.symlink_to(os.devnull)
    save(link, "gone")
    assert stat.S_ISCHR(link.stat().st_mode)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="it is a folder"):
        save(tmp_path, "x")
