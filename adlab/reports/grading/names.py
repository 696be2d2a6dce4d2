"""What the names in a table mean, and how quantities and numbers are written in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESULT = "result"
"""What the result is called where an input has its name."""


@dataclass(frozen=True)
class Quantity:
    """What a row or column is about: the value, tangent or adjoint of a name; ``wrt`` is the input of a tangent."""

    kind: str
    name: str
    wrt: int | None = None


def parse_name(name: str, inputs: Sequence[str], wrt: int | None) -> Quantity:
    """Return the quantity that a plain name means: v3, T__v3, A__v3, D__v3__x1."""
    mark, _, rest = name.partition("__")
    if mark == "T" and rest:
        return Quantity("tangent", rest, wrt)
    if mark == "A" and rest:
        return Quantity("adjoint", rest)
    if mark == "D" and "__" in rest:
        of, _, by = rest.partition("__")
        if by in inputs:
            return Quantity("tangent", of, inputs.index(by))
        return Quantity("local", rest)
    return Quantity("value", name)


def plain_name(name: str) -> str:
    """Return the name of a step as people write it: vm1 is v₋₁."""
    match = re.fullmatch(r"vm(\d)", name)
    return f"v₋{'₀₁₂₃₄₅₆₇₈₉'[int(match[1])]}" if match else name


def shown(what: Quantity, inputs: Sequence[str]) -> str:
    """Return a quantity as people write it: v3, v̇3 (x1), v̄3, ∂v5/∂v2."""
    if what.kind == "local":
        of, by = what.name.split("__")
        return f"∂{of}/∂{by}"
    name = plain_name(what.name)
    if what.kind == "tangent":
        by = "" if what.wrt is None else inputs[what.wrt]
        return f"∂{name}/∂{by}" if by else f"{name[0]}\u0307{name[1:]}"
    return f"{name[0]}\u0304{name[1:]}" if what.kind == "adjoint" else name


def spoken(name: str) -> str:
    """Return a plain name as people write it.

    Examples
    --------
    >>> spoken("A__v3"), spoken("D__v2__x1"), spoken("v3")
    ('v̄3', '∂v2/∂x1', 'v3')
    """
    mark, _, rest = name.partition("__")
    if mark == "D" and rest:
        return "∂" + rest.replace("__", "/∂")
    accent = {"T": "\u0307", "A": "\u0304"}.get(mark)
    if accent and rest:
        rest = plain_name(rest)
        return f"{rest[0]}{accent}{rest[1:]}"
    return plain_name(name)


def number(value: float) -> str:
    """Return a number with three decimals or, if small, four significant digits."""
    if not np.isfinite(value):
        return "NaN" if value != value else "∞" if value > 0 else "−∞"
    text = f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.1 or value == 0 else f"{value:.4g}"
    return text.replace("-", "−") if text != "-0" else "0"
