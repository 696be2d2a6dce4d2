"""Machine code kept on disk, so that a process need not compile what an earlier one did.

An entry is one file, named by a digest of all that its code depends on: the graph, how it is lowered, the processor, the
versions. It is written under another name and then renamed, so two processes never see half of one; it begins with a
digest of its content, so what a full disk or a crash left behind is noticed and made anew. When the folder grows past its
limit the entries that were not used for longest go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

MAGIC = b"adlab native 1\n"
LIMIT = 256 * 2**20
"""Bytes that the folder may hold."""

SMALLEST = 2_000
"""Operations from which on a scalar graph is worth a file; below, compiling takes less than reading the disk."""


def folder() -> Path | None:
    """Return where code is kept; None where that is switched off with ``ADLAB_CACHE_DIR=`` (empty)."""
    chosen = os.environ.get("ADLAB_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) if chosen else None
    import platformdirs

    return Path(platformdirs.user_cache_dir("adlab", appauthor=False)) / "native"


def read(key: str) -> bytes | None:
    """Return what is kept under a key; None if nothing is, or if it is damaged."""
    place = folder()
    if place is None:
        return None
    path = place / key
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body = data[len(MAGIC) + 32 :]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : len(MAGIC) + 32]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return body


def write(key: str, body: bytes) -> None:
    """Keep bytes under a key; a disk that is full or read-only is no error."""
    place = folder()
    if place is None:
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place, prefix="part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + hashlib.sha256(body).digest() + body)
            os.replace(name, place / key)
        except OSError:
            os.unlink(name)
            return
        _shrink(place)
    except OSError:
        return


def _shrink(place: Path) -> None:
    """Remove the entries that were not used for longest until the folder is within its limit."""
    found = []
    for entry in os.scandir(place):
        with contextlib.suppress(OSError):
            status = entry.stat()
            found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= LIMIT:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size
