"""Files are written whole or not at all.

The content goes to a temporary file in the folder of the target, which then takes the target's name in one
step: a reader never sees half a file, and a full disk or a stopped process leaves the old file as it was.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from adlab.errors import InputError

__all__ = ["save"]


def save(path: str | os.PathLike[str], content: str | bytes) -> Path:
    r"""Write a file atomically.

    Parameters
    ----------
    path : str or PathLike
        Where to write; an existing file is replaced.
    content : str or bytes
        Text is written as UTF-8 with ``\n`` at the ends of lines on every system.

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
    folder = target.parent
    if not folder.is_dir():
        raise InputError(
            f"The file {str(target)!r} cannot be written because there is no folder {str(folder)!r}; make it."
        )
    if target.is_dir():
        raise InputError(
            f"The file {str(target)!r} cannot be written because it is a folder; give the name of a file."
        )
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        _replace(target, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"The file {str(target)!r} cannot be written ({reason}); choose another place or free this one."
        ) from error
    return target


def _replace(target: Path, data: bytes) -> None:
    """Write next to the target, then take its name; on any trouble nothing is left behind."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
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
