"""Applying a row of the rule table to vectors of elements: operands are brought to one dtype, then lowered.

A row computes in the dtype of its result; comparisons in the common dtype of their operands. Truth values that meet
numbers become 1 and 0, numbers that stand for truth values hold where they are not 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.compiler.emit import Body, Element, Emitter, Lanes
from adlab.compiler.lowering import LOWERINGS
from adlab.ir.types import BOOL, FLOAT32, common_dtype

TRUTHS = frozenset({"logical_and", "logical_or", "logical_not"})
"""Rows whose operands are truth values."""


def element(dtype: np.dtype[Any]) -> Element:
    """Return LLVM's name of a dtype of numbers; truth values that compute are float64."""
    return "float" if dtype == FLOAT32 else "double"


def memory(dtype: np.dtype[Any] | None) -> str:
    """Return LLVM's name of a dtype as it is kept in memory; None is that of integer tables."""
    return "i64" if dtype is None else "i8" if dtype == BOOL else element(dtype)


def is_native(name: str) -> bool:
    """Return whether a row that acts on each element by itself can be generated."""
    return name in LOWERINGS


def apply(
    body: Body,
    name: str,
    xs: Sequence[str],
    dtypes: Sequence[np.dtype[Any]],
    result: np.dtype[Any],
    width: int,
) -> str:
    """Return the value of a row for ``width`` elements side by side.

    Parameters
    ----------
    body : Body
        Where it is written.
    name : str
        The row; "copy" and "cast" bring one operand to the dtype of the result.
    xs : sequence of str
        The operands' values.
    dtypes : sequence of dtype
        Their dtypes.
    result : dtype
        The dtype of the result.
    width : int
        Number of lanes.
    """
    if name in ("copy", "cast", "stop_gradient"):
        return convert(body, xs[0], dtypes[0], result, width)
    wanted = _operand_dtypes(name, dtypes, result)
    given = [convert(body, x, dtype, want, width) for x, dtype, want in zip(xs, dtypes, wanted, strict=True)]
    computing = common_dtype([want for want in wanted if want != BOOL] or [result])
    return LOWERINGS[name](Emitter(Lanes(element(computing), width), body), given)


def _operand_dtypes(name: str, dtypes: Sequence[np.dtype[Any]], result: np.dtype[Any]) -> list[np.dtype[Any]]:
    if name in TRUTHS:
        return [BOOL] * len(dtypes)
    if name == "where":
        return [BOOL, result, result]
    common = common_dtype(dtypes) if result == BOOL else result
    return [common] * len(dtypes)


def convert(body: Body, x: str, given: np.dtype[Any], wanted: np.dtype[Any], width: int) -> str:
    """Return elements in another dtype."""
    if given == wanted:
        return x
    if wanted == BOOL:
        E = Emitter(Lanes(element(given), width), body)
        return E.not_equal(x, E.constant(0.0))
    E = Emitter(Lanes(element(wanted), width), body)
    if given == BOOL:
        return E.number(x)
    number = E.literal(x)
    return E.constant(number) if number is not None else E.convert(x, element(given))
