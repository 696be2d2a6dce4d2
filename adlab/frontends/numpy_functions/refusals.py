"""What is refused by name: results that depend on values, writing in place, what has no rule.

Each entry says why and what to write instead; functions that are neither here nor in a family get a general
sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adlab.frontends.numpy_functions.support import refusal

PLACES = "gives places that depend on the values"
TRUTH = "asks for truth that depends on the values"
ORDER = "puts elements in an order that depends on the values"
IN_PLACE = "would write a traced value into an array in place"
NO_RULE = "has no rule in adlab"

CHOOSE = "choose elements with np.where(condition, a, b), or take np.max or np.min for the extreme itself"
BRANCH = "compare the arrays with == and choose with np.where(condition, a, b)"
PAIRS = "compare pairs with np.maximum and np.minimum, or take np.max and np.min"
REBUILD = "build the new array with np.where(mask, new, old), np.concatenate([...]) or np.stack([...])"
DOMAIN = (
    "keep the argument in its domain with np.where before the function, as in np.log(np.where(x > 0, x, 1.0))"
)
REMAINDER = "write x % 1 for the fraction, and x // 1 for the whole part"
COMPLEX = "has complex numbers, and adlab differentiates real functions"
COSINES = "multiply by a matrix of cosines and one of sines"

SENTENCES: Mapping[Any, tuple[str, str]] = {
    **dict.fromkeys(
        (np.argmax, np.argmin, np.argwhere, np.nonzero, np.flatnonzero, np.searchsorted), (PLACES, CHOOSE)
    ),
    **dict.fromkeys((np.nanargmax, np.nanargmin), (PLACES, CHOOSE)),
    **dict.fromkeys((np.array_equal, np.array_equiv, np.allclose, np.isclose), (TRUTH, BRANCH)),
    **dict.fromkeys((np.argsort, np.lexsort, np.unique, np.argpartition), (ORDER, PAIRS)),
    **dict.fromkeys(
        (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis), (IN_PLACE, REBUILD)
    ),
    **dict.fromkeys((np.modf, np.frexp), ("splits a number into whole or binary parts", REMAINDER)),
    **dict.fromkeys((np.nextafter, np.spacing), ("asks for neighbours among floats", "leave it out")),
    np.ldexp: ("takes whole exponents", "write x * 2.0**n"),
    **dict.fromkeys((np.nanmedian, np.nanpercentile, np.nanquantile), (ORDER, PAIRS)),
    **dict.fromkeys((np.histogram, np.digitize, np.bincount), (PLACES, CHOOSE)),
    **dict.fromkeys(
        (np.linalg.eig, np.linalg.eigvals, np.linalg.qr, np.roots),
        (
            NO_RULE,
            "use np.linalg.eigh, np.linalg.svd or np.linalg.cholesky, or give it a rule with ad.primitive",
        ),
    ),
    np.linalg.matrix_rank: ("counts, and is constant wherever it has a derivative", "compute it outside"),
    **dict.fromkeys((np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft), (COMPLEX, COSINES)),
    np.piecewise: (NO_RULE, "use np.where(condition, a, b) or np.select(conditions, choices)"),
    np.apply_along_axis: (NO_RULE, "call the function on the whole array, or on slices joined by np.stack"),
    np.array2string: ("needs numbers", "print the traced value itself, or print outside the function"),
    np.save: ("needs numbers", "save outside the function"),
    np.may_share_memory: (TRUTH, "traced values have no memory; leave it out"),
}


def _named(function: Any) -> str:
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"


def _key(function: Any) -> Any:
    return (function, "__call__") if isinstance(function, np.ufunc) else function


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    _key(function): refusal(
        _named(function) if not isinstance(function, np.ufunc) else f"np.{function.__name__}", why, instead
    )
    for function, (why, instead) in SENTENCES.items()
}
