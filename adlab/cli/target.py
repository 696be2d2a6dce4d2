"""What a command is about: an expression, or a function in a file, written ``FILE.py:FUNCTION``.

The file is run as a module of its own, with its folder importable while it loads; afterwards ``sys.path`` is
as before. Whatever goes wrong in it is told in one sentence with the line in the file.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from adlab.errors import InputError

__all__ = ["load_target"]

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<function>[^:/\\]*))?", re.DOTALL)
"""A drive letter stays with the file: the function follows the last colon."""


def load_target(target: str) -> Callable[..., Any] | str:
    r"""Return the function that a target names, or the target itself where it is an expression.

    Parameters
    ----------
    target : str
        ``"ln(x1) + x1*x2"``, ``"model.py:loss"``, ``"C:\work\model.py:loss"`` or ``"model.py:Model.loss"``.

    Returns
    -------
    callable or str

    Raises
    ------
    InputError
        If the file or the function is not there, the module raises on import, or the name is no function's.

    Examples
    --------
    >>> load_target("x1*x2")
    'x1*x2'
    """
    match = _FILE.fullmatch(target.strip())
    if match is None:
        return target
    path = Path(match["file"])
    module = _load(path)
    return _function(module, match["function"] or "", path)


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise InputError(f"The file {path} {what}; write FILE.py:FUNCTION with a file that exists.")
    name = f"_adlab_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise InputError(f"The file {path} cannot be loaded as Python code.")
    module = importlib.util.module_from_spec(spec)
    with _importable(path.resolve().parent, name, module):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            line = _line(error, path)
            if isinstance(error, OSError) and not line:
                raise InputError(f"The file {path} cannot be read: {_described(error)}.") from error
            what = f"{path}{line} raised an error while it was imported"
            raise InputError(f"{what}: {_described(error)}.") from error
    return module


@contextmanager
def _importable(folder: Path, name: str, module: ModuleType) -> Iterator[None]:
    """Let a module import its neighbours and be found by its own name while it loads."""
    before, former = list(sys.path), sys.modules.get(name)
    sys.path.insert(0, str(folder))
    sys.modules[name] = module
    try:
        yield
    finally:
        sys.path[:] = before
        if former is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = former


def _line(error: BaseException, path: Path) -> str:
    """Return the line of the file that an error arose on: the innermost frame that is in the file."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f", line {error.lineno},"
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path.resolve()):
            line = frame.tb_lineno
        frame = frame.tb_next
    return f", line {line}," if line else ""


def _described(error: BaseException) -> str:
    """Return an error as its class and the first line of its message, short enough for one sentence."""
    message = (error.msg if isinstance(error, SyntaxError) else str(error)).strip()
    first = message.splitlines()[0].rstrip(".") if message else ""
    clipped = first if len(first) <= 200 else first[:200] + "…"
    return f"{type(error).__name__}: {clipped}" if clipped else type(error).__name__


def _function(module: ModuleType, name: str, path: Path) -> Callable[..., Any]:
    value: Any = module
    for part in name.split("."):
        if not part or not hasattr(value, part):
            raise InputError(_absent(name, vars(module), path))
        value = getattr(value, part)
    if not callable(value):
        raise InputError(
            f"{name} in {path} is no function but of type {type(value).__name__}; name a function after the colon."
        )
    return value  # type: ignore[no-any-return]


def _absent(name: str, names: dict[str, Any], path: Path) -> str:
    """Say that a function is not there, and which are."""
    functions = [key for key, value in names.items() if callable(value) and not key.startswith("_")]
    near = get_close_matches(name, functions, n=3)
    defined = f"it defines {', '.join(functions[:12])}" if functions else "it defines no function"
    if not name:
        return f"No function of {path} is named; write {path}:FUNCTION ({defined})."
    hint = f"did you mean {' or '.join(near)}?" if near else f"{defined}."
    return f"{path} has no function {name}; {hint}"
