"""Values as JSON takes them, the last step of every report's ``to_dict``."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return numbers and arrays as JSON takes them: nested lists, and "inf", "-inf", "nan" for what has no
    number.

    Examples
    --------
    >>> plain(np.array([1.0, np.inf]))
    [1.0, 'inf']
    """
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    return value
