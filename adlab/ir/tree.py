"""Nested tuples, lists and dicts of values, and the flat list of their leaves.

A `Tree` is the shape of the nesting with its leaves taken out; it is hashable data, so graphs can store it. Ordered dicts
and named tuples come back as what they were; in JSON a named tuple is its name and its fields, so that one that is
read is a class of its own.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from adlab.errors import InputError

Tree = Any
"""``"*"`` for a leaf, ``None`` for None, or ``(kind, keys, children)`` with kind "tuple", "list", "dict", "OrderedDict" or
the class of a named tuple, whose keys are its fields."""

DICTS = ("dict", "OrderedDict")

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
        kind: Any = "OrderedDict" if isinstance(value, OrderedDict) else "dict"
        children = [value[key] for key in keys]
    elif is_named(value):
        kind, keys, children = type(value), value._fields, list(value)
    elif isinstance(value, (tuple, list)):
        keys, kind, children = (), "tuple" if isinstance(value, tuple) else "list", list(value)
    else:
        return [value], LEAF
    parts = [flatten(child, _depth + 1) for child in children]
    return [leaf for leaves, _ in parts for leaf in leaves], (kind, keys, tuple(tree for _, tree in parts))


def is_named(value: Any) -> bool:
    """Return whether a value is a named tuple."""
    return isinstance(value, tuple) and hasattr(value, "_fields") and hasattr(value, "_make")


def kind_name(kind: Any) -> str:
    """Return the name of a kind of container."""
    return kind if isinstance(kind, str) else str(kind.__name__)


def plain(tree: Tree) -> Tree:
    """Return a tree with tuples for named tuples and dicts for ordered ones."""
    if tree is None or tree == LEAF:
        return tree
    kind, keys, children = tree
    parts = tuple(map(plain, children))
    if kind in DICTS:
        return ("dict", keys, parts)
    return (kind if kind == "list" else "tuple", (), parts)


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
    if kind in DICTS:
        pairs = zip(keys, values, strict=True)
        return dict(pairs) if kind == "dict" else OrderedDict(pairs)
    if not isinstance(kind, str):
        return kind._make(values)
    return tuple(values) if kind == "tuple" else values


def leaf_names(tree: Tree, root: str, entry: str = "{}.{}") -> list[str]:
    """Return one name per leaf: ``params.W`` for a key or field, ``xs[0]`` for a position, the root for a bare leaf.

    ``entry`` is how a key is written after what it belongs to.
    """
    if tree is None:
        return []
    if tree == LEAF:
        return [root]
    kind, keys, children = tree
    if not isinstance(kind, str):
        entry_here, parts = "{}.{}", list(keys)
    elif kind in DICTS:
        entry_here, parts = entry, list(keys)
    else:
        entry_here, parts = "{}[{}]", list(range(len(children)))
    labels = [entry_here.format(root, part) for part in parts]
    return [
        name
        for child, label in zip(children, labels, strict=True)
        for name in leaf_names(child, label, entry)
    ]


def tree_to_json(tree: Tree) -> Any:
    """Return a tree as JSON data."""
    if tree is None or tree == LEAF:
        return tree
    kind, keys, children = tree
    written = kind if isinstance(kind, str) else {"namedtuple": kind.__name__}
    return [written, list(keys), [tree_to_json(child) for child in children]]


def tree_from_json(data: Any) -> Tree:
    """Return a tree from what `tree_to_json` returned."""
    if data is None or data == LEAF:
        return data
    kind, keys, children = data
    if isinstance(kind, dict):
        kind = _named_tuple(kind["namedtuple"], tuple(keys))
    return (kind, tuple(keys), tuple(tree_from_json(child) for child in children))


@cache
def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields)
