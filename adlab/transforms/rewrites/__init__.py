"""The table of rewrites: each an entry with the row it looks at, what sets it off, and why the result is the same."""

from __future__ import annotations

from adlab.transforms.rewrites.entry import Rewrite
from adlab.transforms.rewrites.numbers import BY_LITERALS, SIGNS
from adlab.transforms.rewrites.structure import STRUCTURE

REWRITES: tuple[Rewrite, ...] = BY_LITERALS + SIGNS + STRUCTURE
"""All rewrites, in the order in which they are tried."""
