"""Values and names as Python source: numbers that read back exactly, indices, identifiers, lists in a sentence."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.ir.constant import NamedNumber
from adlab.ir.index import numpy_index
from adlab.ir.types import BOOL


def type_source(dtype: np.dtype[Any]) -> str:
    """Return NumPy's name of a dtype."""
    return "np.bool_" if dtype == BOOL else f"np.{dtype.name}"


def number_source(value: Any) -> str:
    """Return a number as source that reads back exactly."""
    if isinstance(value, NamedNumber):
        return f"np.{value.symbol}"
    text = repr(float(value)) if isinstance(value, float) else repr(value)
    return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)


def array_source(value: np.ndarray[Any, Any]) -> str:
    """Return an array as source that reads back exactly."""
    numbers = re.sub(r"\b(inf|nan)\b", r"np.\1", repr(value.tolist()))
    shape = f".reshape({value.shape})" if not value.size else ""
    return f"np.array({numbers}, dtype=np.{value.dtype.name}){shape}"


def index_entries(index: Sequence[Any]) -> list[str]:
    """Return the entries of a normalised index as they are written between brackets."""
    return [_entry(entry) for entry in numpy_index(tuple(index))]


def _entry(entry: Any) -> str:
    if isinstance(entry, slice):
        ends = ["" if end is None else str(end) for end in (entry.start, entry.stop)]
        return ":".join(ends) + (f":{entry.step}" if entry.step != 1 else "")
    if isinstance(entry, np.ndarray):
        return repr(entry.tolist()) if entry.size else f"np.zeros({entry.shape}, int)"
    return repr(entry)


def identifier(name: str) -> str:
    """Return a name as near to the given one as Python allows."""
    clean = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_") or "x"
    clean = clean if clean.isidentifier() else f"x_{clean}"
    clean = clean if clean.isidentifier() else re.sub(r"[^A-Za-z0-9_]", "_", clean)
    return f"{clean}_" if keyword.iskeyword(clean) else clean


def distinct(labels: Sequence[str], taken: set[str]) -> list[str]:
    """Return names for inputs: apart from each other, from the nodes' and from the module's."""
    names: dict[str, None] = {}
    for label in labels:
        name = identifier(label)
        while name in names or name in taken or re.fullmatch(r"(v|literal_)\d+", name):
            name += "_"
        names[name] = None
    return list(names)


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
