"""The README's promises: its numbers, its tables, its code, its commands."""

from __future__ import annotations

import doctest
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

QUOTES = next(text for language, text in BLOCKS if not language and "$ adlab" in text)
JUDGES = {
    lines[1].removeprefix("$ "): lines[2:] for lines in (part.splitlines() for part in QUOTES.split("\n\n"))
}


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
    first = capsys.readouterr().out.splitlines()[0]
    assert f"print(*ad.grad(f, argnums=(0, 1))(2.0, 5.0))  # {first}\n" in code


def test_the_sessions_print_what_they_show() -> None:
    native, training = (text for language, text in BLOCKS if language == "pycon")
    for code, lines in ((native, 3), (training, 6)):
        example = doctest.DocTestParser().get_doctest(code, {"ad": ad, "f": f}, "README", "README.md", 0)
        assert doctest.DocTestRunner().run(example) == (0, lines)


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    """Return a function that runs a command line and returns its exit status and what it printed."""

    def run(command: str) -> tuple[object, str]:
        words = shlex.split(command)
        monkeypatch.setattr(sys, "argv", [str(ROOT / w) if w.startswith("examples/") else w for w in words])
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr().out

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_lines_run(command: str, run_command) -> None:
    code, printed = run_command(command)
    assert code == 0
    assert printed


def test_every_judge_is_shown() -> None:
    shown = [command.split()[1] for command in JUDGES]
    assert shown == ["compare", "check", "kinks", "step", "autopsy", "cost", "swell", "sparsity", "grade"]


@pytest.mark.parametrize("command", JUDGES)
def test_the_judges_print_the_lines_shown(command: str, run_command) -> None:
    code, printed = run_command(command)
    assert code == (1 if command.startswith("adlab grade") else 0)
    lines = [parts(line) for line in printed.splitlines()]
    for quoted in JUDGES[command]:
        words, numbers = parts(quoted)
        found = [other for said, other in lines if said == words]
        assert found, f"{quoted!r} is not in\n{printed}"
        assert numbers == pytest.approx(found[0], rel=0.5)


def test_every_name_in_the_tables_exists() -> None:
    for name in set(re.findall(r"`ad\.(\w+)", README)):
        assert hasattr(ad, name)


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
