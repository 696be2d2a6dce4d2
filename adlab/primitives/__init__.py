"""THE RULE TABLE: one row per primitive, the only place that knows derivatives.

`TABLE` holds every row by name, `NAMES` by name and alias. To add a primitive, add a row to a family;
tests, documentation, carriers and methods get it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adlab.ir.builder import INPUT
from adlab.ir.primitive import Primitive
from adlab.primitives.elementwise import ELEMENTWISE
from adlab.primitives.linalg import LINALG
from adlab.primitives.remainders import REMAINDERS
from adlab.primitives.sorting import SORTING
from adlab.primitives.special import SPECIAL
from adlab.primitives.tensor import TENSOR

ROWS: tuple[Primitive, ...] = ELEMENTWISE + REMAINDERS + SPECIAL + TENSOR + SORTING + LINALG

TABLE: Mapping[str, Primitive] = MappingProxyType({row.name: row for row in (INPUT, *ROWS)})
"""Every row by its name."""

NAMES: Mapping[str, Primitive] = MappingProxyType(
    {name: row for row in ROWS for name in (row.name, *row.aliases)}
)
"""Every row that a user can name, by name and alias."""
