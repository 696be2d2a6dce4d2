"""The sign of life: on a terminal, after a while, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading
import time

import pytest

from adlab.cli import waiting as module
from adlab.cli.waiting import waiting


class Terminal(io.StringIO):
    """A terminal that says when something is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "comparing" in text:
            self.written.set()
        return super().write(text)


def opened(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal; in the test itself, for pytest puts its own there before each test."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm")
    return made


def test_what_takes_long_says_so_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = opened(monkeypatch)
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with waiting("comparing"):
        assert terminal.written.wait(timeout=30)


def test_what_is_quick_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = opened(monkeypatch)
    with waiting("comparing"):
        pass
    assert "comparing" not in terminal.getvalue()


def test_no_terminal_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    with waiting("comparing"):
        time.sleep(0.05)
    assert file.getvalue() == ""


def test_an_error_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch)
    with pytest.raises(ZeroDivisionError), waiting("comparing"):
        _ = 1 / 0
