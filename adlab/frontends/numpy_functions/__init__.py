"""What NumPy's functions do on traced values: ``np.sum``, ``np.reshape``, ``np.concatenate`` and their like.

`FUNCTIONS` maps NumPy's function to ours, with NumPy's own parameters. A ufunc needs no entry where the rule
table has a row of its name; its methods (``np.add.reduce``) and ufuncs made of several rows are found under
``(ufunc, method)``, SciPy's under their full name. Each family has a file:

- `shapes`: the same elements in another shape
- `reductions`: sums, means, extremes, norms over axes
- `joining`, `turning`: put together, taken apart, repeated, turned, padded
- `products`, `contractions`: products of arrays, diagonals, Einstein's summation
- `matrices`: linear algebra
- `calculus`: differences, integrals, interpolation, convolution, remainders
- `ordering`: sorting and quantiles
- `missing`: what is not a number
- `special`: special functions by SciPy's names
- `choice`: choosing, bounding, rounding, truth values, arrays like another
- `refusals`: what cannot be, and what to write instead
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from adlab.frontends.numpy_functions import (
    calculus,
    choice,
    contractions,
    joining,
    matrices,
    missing,
    ordering,
    products,
    reductions,
    refusals,
    shapes,
    special,
    turning,
)

__all__ = ["FUNCTIONS"]

FUNCTIONS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        **refusals.FUNCTIONS,
        **shapes.FUNCTIONS,
        **reductions.FUNCTIONS,
        **joining.FUNCTIONS,
        **products.FUNCTIONS,
        **choice.FUNCTIONS,
        **contractions.FUNCTIONS,
        **calculus.FUNCTIONS,
        **matrices.FUNCTIONS,
        **missing.FUNCTIONS,
        **ordering.FUNCTIONS,
        **special.FUNCTIONS,
        **turning.FUNCTIONS,
    }
)
