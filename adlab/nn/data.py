"""Data to learn from: arrays, CSV files, scikit-learn's bundled sets, and toy sets made here.

Whatever the source, what comes out is a `Dataset`: one row of finite numbers per sample, one target per row, the names of
the features, and for classification the names of the classes, whose positions are the labels.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.nn.arrays import Dataset, check_features, listed, one_hot
from adlab.nn.tables import Encoding, Table, read_table
from adlab.nn.toys import TOYS, circles, moons, spirals, steps, xor

__all__ = [
    "BUNDLED",
    "TOYS",
    "Dataset",
    "Encoding",
    "Table",
    "bundled",
    "check_features",
    "circles",
    "load",
    "load_csv",
    "moons",
    "one_hot",
    "read_table",
    "spirals",
    "split",
    "steps",
    "xor",
]


def split(
    data: Dataset, fraction: float = 0.2, *, seed: int = 0, stratify: bool = True
) -> tuple[Dataset, Dataset]:
    """Return the data in two parts without a sample in common.

    Parameters
    ----------
    data : Dataset
    fraction : float
        Share of samples in the second part, between 0 and 1.
    seed : int
        The same seed makes the same parts.
    stratify : bool
        Whether each class is split in the same proportion; regression data never is.

    Returns
    -------
    (Dataset, Dataset)
        Each in the order in which the samples were given.

    Raises
    ------
    InputError
        If one part would be empty.

    Examples
    --------
    >>> train, test = split(moons(100, seed=1), 0.25, seed=0)
    >>> len(train), len(test), np.bincount(test.y).tolist()
    (75, 25, [13, 12])
    """
    if not 0 < fraction < 1:
        raise InputError(f"The share of samples to set aside is {fraction}; give a number between 0 and 1.")
    order = np.random.default_rng([seed, 0x5B117]).permutation(len(data))
    count = round(fraction * len(data))
    if not 0 < count < len(data):
        raise InputError(
            f"{len(data)} samples cannot be split so that {fraction:g} of them are set aside: one part would be empty."
        )
    if stratify and data.classes:
        order = _interleaved(order, data.y)
    aside = np.sort(order[:count])
    kept = np.sort(order[count:])
    return data.take(kept), data.take(aside)


def _interleaved(order: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Return the order sorted so that every beginning of it holds the classes in their proportions."""
    rank = np.empty(len(order))
    for label in np.unique(labels):
        members = labels[order] == label
        count = int(np.count_nonzero(members))
        rank[members] = (np.arange(count) + 0.5) / count
    return order[np.argsort(rank, kind="stable")]


def load_csv(
    path: str | Path,
    target: str,
    *,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    task: str = "auto",
) -> Dataset:
    """Return the samples of a CSV file.

    Parameters
    ----------
    path : str or Path
        Its first row names the columns.
    target : str
        The column to be predicted.
    drop, categorical, task
        As `Encoding.learn` takes them.

    Returns
    -------
    Dataset
        Columns of numbers as they are, categories one-hot.

    Raises
    ------
    InputError
        If the file cannot be read, or a cell is missing or unreadable; the message names line and column.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pets.csv")
    ...     _ = path.write_text("weight,coat,kind" + chr(10) + "4,short,cat" + chr(10) + "30,long,dog")
    ...     pets = load_csv(path, "kind")
    >>> pets.features, pets.classes, pets.y.tolist()
    (('weight', 'coat=long', 'coat=short'), ('cat', 'dog'), [0, 1])
    """
    table = read_table(path)
    encoding = Encoding.learn(table, target, drop=drop, categorical=categorical, task=task)
    return encoded(table, encoding)


def encoded(table: Table, encoding: Encoding) -> Dataset:
    """Return a table as samples, read by an encoding."""
    X, y = encoding.apply(table), encoding.targets(table)
    return Dataset(X, y, encoding.features, encoding.classes, Path(table.path).name)


BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")


def bundled(name: str) -> Dataset:
    """Return one of the data sets that come with scikit-learn.

    Parameters
    ----------
    name : {"digits", "iris", "wine", "breast_cancer", "diabetes"}

    Raises
    ------
    InputError
        If scikit-learn is not installed, or the name is unknown.
    """
    if name not in BUNDLED:
        raise InputError(f"There is no bundled data set {name!r}; there are {listed(BUNDLED)}.")
    try:
        sets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise InputError(
            f"The data set {name} comes with scikit-learn, which is not installed; run pip install 'adlab[sklearn]', or take "
            f"one that needs nothing: {listed(tuple(TOYS))}."
        ) from None
    found = getattr(sets, f"load_{name}")()
    classes = tuple(map(str, getattr(found, "target_names", ())))
    features = tuple(map(str, found.feature_names))
    X = np.ascontiguousarray(found.data, dtype=np.float64)
    y = found.target.astype(np.int64) if classes else found.target.astype(np.float64)
    return Dataset(X, y, features, classes, name)


@dataclass(frozen=True)
class Source:
    """What a word names, and how a file was read, so that another file can be read in the same way."""

    data: Dataset
    encoding: Encoding | None = None


def load(
    word: str,
    *,
    target: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    task: str = "auto",
    seed: int = 0,
) -> Source:
    """Return the data that a word names: a toy set, a bundled set, or a CSV file.

    Parameters
    ----------
    word : str
        ``moons``, ``digits``, ``measurements.csv``.
    target : str, optional
        The column of a CSV file to be predicted; by default the last.
    drop, categorical, task
        For CSV files, as `Encoding.learn` takes them.
    seed : int
        For toy sets.

    Raises
    ------
    InputError
        If the word names nothing that can be read.

    Examples
    --------
    >>> load("xor").data
    <Dataset xor: 200 samples of 2 features, 2 classes>
    """
    if word in TOYS or word in BUNDLED:
        if target is not None or drop or categorical:
            raise InputError(f"Columns are chosen for CSV files; {word} has its own target.")
        return Source(TOYS[word](seed=seed) if word in TOYS else bundled(word))
    if not word.lower().endswith((".csv", ".tsv")):
        raise InputError(
            f"{word!r} names no data; give a file that ends in .csv, or one of {listed((*BUNDLED, *TOYS))}."
        )
    table = read_table(word)
    wanted = table.names[-1] if target is None else target
    encoding = Encoding.learn(table, wanted, drop=drop, categorical=categorical, task=task)
    return Source(encoded(table, encoding), encoding)
