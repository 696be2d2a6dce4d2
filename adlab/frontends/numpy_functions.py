"""What NumPy's functions do on traced values: ``np.sum``, ``np.reshape``, ``np.concatenate`` and their like.

`FUNCTIONS` maps NumPy's function to ours. Ufuncs need no entry: they are found in the rule table by their name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

FUNCTIONS: Mapping[Any, Callable[..., Any]] = MappingProxyType({})
