"""Files are written whole or not at all.

The content goes to a temporary file in the folder of the target, which then takes the target's name in one
step: a reader never sees half a file, and a full disk or a stopped process leaves the old file as it was. A link
stays a link, to the new file. What is no file, a device or a pipe, cannot be replaced and is written into.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from adlab.errors import InputError

__all__ = ["save"]


def save(path: str | os.PathLike[str], content: str | bytes | Iterable[str]) -> Path:
    r"""Write a file atomically.

    Parameters
    ----------
    path : str or PathLike
        Where to write; an existing file is replaced and hands on its permissions, a device or a pipe is written into.
    content : str, bytes or iterable of str
        Pieces are written one by one, so that a text may be longer than memory. Text is written as UTF-8 with ``\n``
        at the ends of lines on every system.

    Returns
    -------
    Path
        The path that was written.

    Raises
    ------
    InputError
        If the folder does not exist, or the file cannot be written.
    """
    target = Path(path)
    folder = Path(os.path.realpath(target)).parent
    if not folder.is_dir():
        raise InputError(
            f"The file {str(target)!r} cannot be written because there is no folder {str(folder)!r}; make it."
        )
    if target.is_dir():
        raise InputError(
            f"The file {str(target)!r} cannot be written because it is a folder; give the name of a file."
        )
    pieces = [content] if isinstance(content, (str, bytes)) else content
    try:
        if target.exists() and not target.is_file():
            _write_into(target, pieces)
        else:
            _replace(Path(os.path.realpath(target)), pieces)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"The file {str(target)!r} cannot be written ({reason}); choose another place or free this one."
        ) from error
    return target


def _write(file: BinaryIO, pieces: Iterable[str | bytes]) -> None:
    for piece in pieces:
        file.write(piece.encode("utf-8") if isinstance(piece, str) else piece)


def _write_into(target: Path, pieces: Iterable[str | bytes]) -> None:
    """Write into what is no regular file."""
    with target.open("wb") as file:
        _write(file, pieces)


def _replace(target: Path, pieces: Iterable[str | bytes]) -> None:
    """Write next to the target, then take its name; on any trouble nothing is left behind."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, pieces)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _permissions(target))
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _permissions(target: Path) -> int:
    """Mode of the file that is replaced, or the usual one; a temporary file is private, ours is not."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o644
