"""Checkpoints: named trees of arrays and plain facts in one file that is either whole or refused.

The file is an ``.npz`` archive that NumPy reads without pickles: one entry per array, and a header of JSON text with the
nesting of the trees, the facts, and a digest of everything. It is written under another name first and renamed when it is
complete, and the checkpoint that was there before is kept beside it as ``NAME.previous``; so whenever the process is
stopped, and on a full disk too, at least one complete checkpoint remains. A file that is cut short or altered is
recognised by its digest, and the one before it is taken instead, with a warning that says so.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import CheckpointError, InputError
from adlab.ir.tree import flatten, tree_from_json, unflatten
from adlab.render.write import save

__all__ = ["Checkpoint", "previous", "read_checkpoint", "write_checkpoint"]

FORMAT = 1
HEADER = "header"
ARRAYS = "OSUV"
"""Kinds of arrays that no checkpoint holds: objects and text."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes
    ----------
    trees : mapping of str to tree of arrays
        Parameters, statistics, the optimiser's memory, curves, …
    facts : mapping of str to plain data
        Numbers and words that JSON holds: seed, epoch, position in the epoch, …
    """

    trees: Mapping[str, Any]
    facts: Mapping[str, Any]


def previous(path: str | os.PathLike[str]) -> Path:
    """Return where the checkpoint before the one at ``path`` is kept."""
    return Path(f"{os.fspath(path)}.previous")


def write_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> Path:
    """Write a checkpoint; what was at ``path`` becomes ``PATH.previous``.

    Parameters
    ----------
    path : str or PathLike
    checkpoint : Checkpoint

    Raises
    ------
    CheckpointError
        If it cannot be written, on a full disk for example; the checkpoints that were there stay as they are.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "run.ckpt")
    ...     _ = write_checkpoint(path, Checkpoint({"params": {"W": np.eye(2)}}, {"epoch": 3}))
    ...     found = read_checkpoint(path)
    >>> found.facts["epoch"], found.trees["params"]["W"].tolist()
    (3, [[1.0, 0.0], [0.0, 1.0]])
    """
    target = Path(path)
    fresh = Path(f"{target}.new")
    try:
        save(fresh, _packed(checkpoint))
        if target.exists():
            _keep(target)
        os.replace(fresh, target)
    except (OSError, InputError) as error:
        with suppress(OSError):
            fresh.unlink()
        cause = error.__cause__ or error
        reason = str(getattr(cause, "strerror", None) or cause).rstrip(".")
        raise CheckpointError(
            f"The checkpoint {str(target)!r} cannot be written: {reason}. What was saved before is as it was; make room or "
            "give another place."
        ) from error
    return target


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Return the checkpoint at a path, or the one before it where the file is missing or damaged.

    Parameters
    ----------
    path : str or PathLike

    Raises
    ------
    CheckpointError
        If neither can be read; the message says what is wrong with each.

    Warns
    -----
    RuntimeWarning
        If the one before it was taken.
    """
    target = Path(path)
    try:
        return _unpacked(target)
    except CheckpointError as error:
        older = previous(target)
        if not older.exists():
            raise
        try:
            found = _unpacked(older)
        except CheckpointError as worse:
            raise CheckpointError(f"{error} The one before it is of no use either: {worse}") from error
        warnings.warn(f"{error} The one before it, {older.name}, is used.", RuntimeWarning, stacklevel=2)
        return found


def _keep(target: Path) -> None:
    """Give a checkpoint its second name; where the file system has links there is no moment without the first one."""
    link = Path(f"{target}.link")
    with suppress(OSError):
        link.unlink()
    try:
        os.link(target, link)
    except OSError:
        os.replace(target, previous(target))
    else:
        os.replace(link, previous(target))


# -------------------------------------------------------------------------------------------------- the file


def _packed(checkpoint: Checkpoint) -> bytes:
    arrays: dict[str, NDArray[Any]] = {}
    nesting: dict[str, Any] = {}
    for name, tree in checkpoint.trees.items():
        leaves, nesting[name] = flatten(tree)
        arrays |= {f"{name}:{k}": _plain(leaf, name) for k, leaf in enumerate(leaves)}
    header = {"format": FORMAT, "trees": nesting, "facts": dict(checkpoint.facts)}
    header["digest"] = _digest(header, arrays)
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, **{HEADER: text}, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def _plain(leaf: Any, name: str) -> NDArray[Any]:
    array = np.asarray(leaf)
    if array.dtype.kind in ARRAYS:
        raise InputError(f"A checkpoint holds numbers; {name} holds {type(leaf).__name__}.")
    return array


def _digest(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _unpacked(path: Path) -> Checkpoint:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a bare array")
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays.pop(HEADER).tobytes())
        claimed = header.pop("digest")
        whole = claimed == _digest(header, arrays)
        if whole and header["format"] == FORMAT:
            return Checkpoint(_nested(header["trees"], arrays), header["facts"])
    except FileNotFoundError:
        raise CheckpointError(f"There is no checkpoint {str(path)!r}.") from None
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} cannot be read: {error.strerror or error}."
        ) from error
    except (ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} cannot be read: it is truncated, or no checkpoint of adlab."
        ) from error
    if whole:
        raise CheckpointError(
            f"The checkpoint {str(path)!r} has the format {header['format']}, and this version of adlab reads {FORMAT}."
        )
    raise CheckpointError(f"The checkpoint {str(path)!r} is damaged: its content does not match its digest.")


def _nested(trees: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    found = {}
    for name, written in trees.items():
        tree = tree_from_json(written)
        count = sum(entry.startswith(f"{name}:") for entry in arrays)
        leaves = [arrays[f"{name}:{k}"] for k in range(count)]
        found[name] = unflatten(tree, [leaf if leaf.ndim else leaf[()] for leaf in leaves])
    return found
