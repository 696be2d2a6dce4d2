"""The README's promises: its numbers, its tables, its code, its commands."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import adlab as ad
from adlab.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^    (adlab .*)$", README, re.MULTILINE)


def f(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


def parts(text: str) -> tuple[str, list[float]]:
    """Return a text with its small numbers taken out, and those numbers."""
    number = r"\d+(?:\.\d+)?e[−-]?\d+"
    found = [float(n.replace("−", "-")) for n in re.findall(number, text)]
    return " ".join(re.sub(number, "#", text).split()), found


def test_there_are_exactly_two_set_up_commands() -> None:
    commands = re.findall(r"^    (python3 -m venv .*)$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("examples/running_example.py")
    assert "pytest" in commands[1]


def test_the_trace_is_what_the_code_prints() -> None:
    printed = next(text for language, text in BLOCKS if not language and text.startswith("y = ln"))
    shown = ad.trace(f, 2, 5, mode="all", wrt="x1").to_text(width=120)
    assert [line.rstrip() for line in shown.splitlines()] == printed.splitlines()


def test_the_comparison_is_what_the_code_prints() -> None:
    printed = next(text for language, text in BLOCKS if not language and text.startswith("The methods"))
    shown = ad.compare(f, 2, 5).to_text(width=104)
    cost = shown[shown.index("What it cost") : shown.index("numerical: ")]
    words, numbers = parts(shown.replace(cost, "").rstrip())
    printed_words, printed_numbers = parts(printed.rstrip())
    assert words == printed_words
    assert numbers == pytest.approx(
        printed_numbers, rel=0.5
    )  # the last bit of ln and sin differs between processors


def test_the_python_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    code = next(text for language, text in BLOCKS if language == "python")
    (tmp_path / "readme_example.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    __import__("readme_example")
    assert (tmp_path / "graph.svg").stat().st_size > 1000
    assert "(np.float64(5.5), np.float64(1.7163378145367738))" in capsys.readouterr().out
    assert "# (5.5, 1.7163378145367738)" in code


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_lines_run(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    words = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [str(ROOT / w) if w.startswith("examples/") else w for w in words])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert capsys.readouterr().out


def test_every_name_in_the_tables_exists() -> None:
    for name in set(re.findall(r"`ad\.(\w+)", README)):
        assert hasattr(ad, name)


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
