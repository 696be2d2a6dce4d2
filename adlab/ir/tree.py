"""Nested tuples, lists and dicts of values, and the flat list of their leaves.

A `Tree` is the shape of the nesting with its leaves taken out; it is plain, hashable data, so graphs can store it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from adlab.errors import InputError

Tree = Any
"""``"*"`` for a leaf, ``None`` for None, or ``(kind, keys, children)`` with kind "tuple", "list" or "dict"."""

LEAF = "*"
_MAX_DEPTH = 100


def flatten(value: Any, _depth: int = 0) -> tuple[list[Any], Tree]:
    """Return the leaves of ``value`` from left to right, and its tree."""
    if _depth > _MAX_DEPTH:
        raise InputError(f"Containers nested more than {_MAX_DEPTH} deep are not arguments adlab accepts.")
    if value is None:
        return [], None
    if isinstance(value, dict):
        keys = tuple(value)
        kind, children = "dict", [value[key] for key in keys]
    elif isinstance(value, (tuple, list)):
        keys, kind, children = (), "tuple" if isinstance(value, tuple) else "list", list(value)
    else:
        return [value], LEAF
    parts = [flatten(child, _depth + 1) for child in children]
    return [leaf for leaves, _ in parts for leaf in leaves], (kind, keys, tuple(tree for _, tree in parts))


def unflatten(tree: Tree, leaves: Sequence[Any]) -> Any:
    """Return the nested value with ``leaves`` put back."""
    return _take(tree, iter(leaves))


def _take(tree: Tree, leaves: Iterator[Any]) -> Any:
    if tree is None:
        return None
    if tree == LEAF:
        return next(leaves)
    kind, keys, children = tree
    values = [_take(child, leaves) for child in children]
    if kind == "dict":
        return dict(zip(keys, values, strict=True))
    return tuple(values) if kind == "tuple" else values


def leaf_names(tree: Tree, root: str, entry: str = "{}.{}") -> list[str]:
    """Return one name per leaf: ``params.W`` for a key, ``xs[0]`` for a position, the root itself for a bare leaf.

    ``entry`` is how a key is written after what it belongs to.
    """
    if tree is None:
        return []
    if tree == LEAF:
        return [root]
    kind, keys, children = tree
    labels = (
        [entry.format(root, key) for key in keys]
        if kind == "dict"
        else [f"{root}[{i}]" for i in range(len(children))]
    )
    return [
        name
        for child, label in zip(children, labels, strict=True)
        for name in leaf_names(child, label, entry)
    ]


def tree_from_json(data: Any) -> Tree:
    """Return a tree from what JSON made of it (lists for tuples)."""
    if data is None or data == LEAF:
        return data
    kind, keys, children = data
    return (kind, tuple(keys), tuple(tree_from_json(child) for child in children))
