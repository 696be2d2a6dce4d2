"""Targets of commands: an expression or a function in a file, and one sentence for what goes wrong there."""

from __future__ import annotations

import doctest
import os
import sys
from importlib import import_module
from pathlib import PureWindowsPath

import pytest

from adlab.cli import target as module
from adlab.cli.target import load_target
from adlab.errors import InputError

CODE = """
import dataclasses
import helper

@dataclasses.dataclass
class Point:
    x: "float"

def helmholtz(x):
    return helper.double(x)

def hessian(x):
    return x

class Model:
    @staticmethod
    def loss(x):
        return 3*x

number = 3
_hidden = print
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2*x\n")
    path = tmp_path / "model.py"
    path.write_text(CODE)
    yield path
    sys.modules.pop("helper", None)


def refusal(target):
    with pytest.raises(InputError) as caught:
        load_target(str(target))
    message = str(caught.value)
    assert message.endswith((".", "?"))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("text", ["x1*x2", "", "sin(x", "x[1:3]", "x[0:2].T", "model:loss"])
def test_expressions_pass_through(text):
    assert load_target(text) == text


def test_functions(file, monkeypatch):
    path, names = list(sys.path), set(sys.modules)
    assert load_target(f"{file}:helmholtz")(2) == 4
    assert load_target(f" {file}:Model.loss ")(2) == 6
    monkeypatch.chdir(file.parent)
    assert load_target("model.py:helmholtz")(3) == 6
    assert sys.path == path
    assert set(sys.modules) - names == {"helper"}


def test_the_file_is_no_main_program(file):
    file.write_text("def f(x): return x\nif __name__ == '__main__': raise SystemExit(3)\n")
    assert load_target(f"{file}:f")(1) == 1


def test_a_path_with_blanks_and_colons(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "f.py").write_text("def f(x): return x\n")
    assert load_target(f"{folder}/f.py:f")(1) == 1
    if os.name != "nt":
        (tmp_path / "a:b").mkdir()
        (tmp_path / "a:b" / "f.py").write_text("def f(x): return x\n")
        assert load_target(f"{tmp_path}/a:b/f.py:f")(1) == 1


@pytest.mark.parametrize(
    ("target", "file", "function"),
    [
        (r"C:\work\model.py:loss", r"C:\work\model.py", "loss"),
        ("C:/work/model.py:loss", "C:/work/model.py", "loss"),
        (r"C:\work\model.py", r"C:\work\model.py", None),
        ("model.py", "model.py", None),
        ("model.py:", "model.py", ""),
        (r"\\server\share\m.py:f", r"\\server\share\m.py", "f"),
    ],
)
def test_drive_letters_stay_with_the_file(target, file, function):
    match = module._FILE.fullmatch(target)
    assert match is not None
    assert PureWindowsPath(match["file"]) == PureWindowsPath(file)
    assert match["function"] == function
    assert "is not there" in refusal(target)


def test_the_function_is_not_there(file):
    assert refusal(f"{file}:helmhotz").endswith("has no function helmhotz; did you mean helmholtz?")
    assert "it defines Point, helmholtz, hessian, Model" in refusal(f"{file}:zzz")
    assert "No function" in refusal(file)
    assert "No function" in refusal(f"{file}:")
    assert "Model.lss" in refusal(f"{file}:Model.lss")
    assert "number" in refusal(f"{file}:number")
    assert "is no function but of type int" in refusal(f"{file}:number")
    file.write_text("x = 1\n")
    assert "it defines no function" in refusal(f"{file}:f")


def test_the_file_is_not_there(tmp_path):
    assert "nowhere.py is not there" in refusal(f"{tmp_path}/nowhere.py:f")
    (tmp_path / "folder.py").mkdir()
    assert "folder.py is a folder" in refusal(f"{tmp_path}/folder.py:f")


RAISES = {
    "raise ValueError('bad\\nnews')": (3, "ValueError: bad"),
    "1/0": (3, "ZeroDivisionError: division by zero"),
    "def f(:": (3, "SyntaxError"),
    "  x = 1": (3, "IndentationError"),
    "import no_such_module_anywhere": (3, "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "raise SystemExit(5)": (3, "SystemExit: 5"),
    "import sys; sys.exit()": (3, "SystemExit"),
    "def g(): g()\ng()": (3, "RecursionError"),
    "assert False": (3, "AssertionError"),
    "int('x')": (3, "ValueError"),
    "raise OSError('disk')": (3, "OSError: disk"),
}


@pytest.mark.parametrize("code", RAISES)
def test_the_module_raises_on_import(tmp_path, code):
    line, part = RAISES[code]
    path = tmp_path / "broken.py"
    path.write_text(f"import math\n\n{code}\n")
    before, modules = list(sys.path), set(sys.modules)
    message = refusal(f"{path}:f")
    assert f"line {line}," in message
    assert part in message
    assert "news" not in message
    assert sys.path == before
    assert set(sys.modules) == modules


def test_the_error_of_a_neighbour_names_the_line_of_the_import(tmp_path):
    (tmp_path / "neighbour_that_raises.py").write_text("\n\n\nraise ValueError('deep')\n")
    (tmp_path / "m.py").write_text("import neighbour_that_raises\n")
    assert "m.py, line 1, raised an error while it was imported: ValueError: deep." in refusal(
        f"{tmp_path}/m.py:f"
    )


def test_what_is_no_python_text(tmp_path):
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "zero.py").write_bytes(b"x = 1\0\n")
    for name in ("bytes", "zero"):
        assert f"{name}.py" in refusal(f"{tmp_path}/{name}.py:f")


def test_examples_in_docstrings():
    result = doctest.testmod(import_module("adlab.cli.target"))
    assert result.attempted > 0
    assert result.failed == 0
