"""Numbers: the carrier of NumPy arrays and scalars.

Outside a function's domain values follow IEEE, as NumPy does, and without its warnings: adlab names the
node that went bad in its own reports instead. A literal takes the dtype it has in the graph.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.ir.constant import Constant
from adlab.ir.index import FrozenArray, Index, numpy_index
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import FLOAT64, Shape


@cache
def implementation(primitive: Primitive) -> Callable[..., Any]:
    """Return the function that computes a primitive on arrays; SciPy's are imported when first needed."""
    if not isinstance(primitive.numpy, str):
        return primitive.numpy
    module, _, name = primitive.numpy.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


class NumpyAlgebra(Algebra):
    """Evaluate with NumPy."""

    def constant(self, constant: Constant) -> Any:
        """Return an array or a NumPy scalar of the literal's dtype."""
        if isinstance(constant.value, np.ndarray):
            return constant.value
        return constant.type.dtype.type(constant.value)

    def dtype(self, value: Any) -> np.dtype[Any]:
        """Return the array's or scalar's dtype; Python numbers are float64."""
        return value.dtype if isinstance(value, (np.ndarray, np.generic)) else FLOAT64

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the primitive's NumPy function of the values."""
        function = primitive.numpy
        if type(function) is str:
            if primitive.composite:
                return primitive.composite(self, xs, dict(params))
            function = implementation(primitive)
        if params:
            return function(*xs, **dict(params))  # type: ignore[operator]
        return function(*xs)  # type: ignore[operator]

    def scattered(self, parts: Sequence[tuple[Index, Any]], shape: Shape) -> Any:
        """Return the sum of many parts, added in place to one array of zeros that nobody else holds; None for no parts."""
        if not parts:
            return None
        dtypes = {np.asarray(value).dtype for _, value in parts}
        total = np.zeros(shape, np.result_type(*dtypes))
        for index, value in parts:
            if any(isinstance(entry, FrozenArray) for entry in index):
                np.add.at(total, numpy_index(index), value)
            else:
                total[numpy_index(index)] += value
        return total


NUMPY = NumpyAlgebra()
"""The carrier of numbers; it has no state."""
