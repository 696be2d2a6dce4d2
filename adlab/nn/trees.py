"""Parameters as trees: the same thing done to every array, and names by which groups of them are chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from adlab.errors import InputError
from adlab.ir.tree import flatten, leaf_names, unflatten


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return a tree of ``function(leaf, *leaves_of_others_at_the_same_place)``.

    Raises
    ------
    InputError
        If the trees are not nested alike.

    Examples
    --------
    >>> tree_map(lambda a, b: a + b, {"W": 1, "b": 2}, {"W": 10, "b": 20})
    {'W': 11, 'b': 22}
    """
    leaves, shape = flatten(tree)
    columns = [leaves]
    for other in others:
        column, found = flatten(other)
        if found != shape:
            raise InputError(
                f"These trees are nested differently: one has {_listed(shape)}, the other {_listed(found)}."
            )
        columns.append(column)
    return unflatten(shape, [function(*row) for row in zip(*columns, strict=True)])


def tree_split(function: Callable[..., Sequence[Any]], count: int, tree: Any, *others: Any) -> list[Any]:
    """Return ``count`` trees, made of the ``count`` values that the function returns for each leaf.

    Examples
    --------
    >>> tree_split(lambda a: (a, -a), 2, {"W": 1, "b": 2})
    [{'W': 1, 'b': 2}, {'W': -1, 'b': -2}]
    """
    rows = flatten(tree_map(lambda *leaves: _Row(function(*leaves)), tree, *others))[0]
    shape = flatten(tree)[1]
    return [unflatten(shape, [row.values[k] for row in rows]) for k in range(count)]


class _Row:
    """Several values that count as one leaf."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values


def names_of(tree: Any) -> list[str]:
    """Return the dotted name of every leaf, from left to right: ``linear1.W``.

    Examples
    --------
    >>> names_of({"linear1": {"W": 1, "b": 2}})
    ['linear1.W', 'linear1.b']
    """
    return [name.removeprefix(".") for name in leaf_names(flatten(tree)[1], "")]


def chosen(tree: Any, only: str) -> list[bool]:
    """Return, for each leaf, whether its dotted name matches ``only``, a pattern with ``*`` or several with commas.

    Raises
    ------
    InputError
        If no leaf matches: a penalty on nothing is a mistake.
    """
    patterns = [pattern.strip() for pattern in only.split(",")]
    names = names_of(tree)
    found = [any(fnmatchcase(name, pattern) for pattern in patterns) for name in names]
    if not any(found):
        raise InputError(f"only={only!r} matches no parameter; there are {', '.join(names) or 'none'}.")
    return found


def _listed(shape: Any) -> str:
    return ", ".join(name.removeprefix(".") or "one array" for name in leaf_names(shape, "")) or "nothing"
