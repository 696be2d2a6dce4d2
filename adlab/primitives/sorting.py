"""Rows that order: sorting, and arranging one array in the order that sorts another.

An order is piecewise constant, so the derivative of sorting permutes tangents as the values are permuted at the
point, wherever that is: the permutation is found again at every evaluation and never stored. Elements that tie
keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adlab.errors import MethodError, ShapeError
from adlab.ir.primitive import Domain, Kink, Primitive, Site
from adlab.ir.types import Type, common_dtype
from adlab.primitives import infer
from adlab.primitives.notation import function
from adlab.primitives.rules import Custom, zeros

TIES = (Kink("two elements are equal", "the derivative of the order in which they stand"),)


def sorted_array(x: Any, axis: int) -> Any:
    """Return np.sort of an array, or of an object array."""
    return arranged(x, x, axis, inverse=False)


def arranged(values: Any, keys: Any, axis: int, inverse: bool) -> Any:
    """Return ``values`` in the order that sorts ``keys``; inverse: put back from it."""
    order = np.argsort(keys, axis=axis, kind="stable")
    if inverse:
        order = np.argsort(order, axis=axis)
    return np.take_along_axis(values, order, axis)


def _exact(function: Any) -> Any:
    def ordered(library: Any, *arrays: Any, **params: Any) -> Any:
        try:
            return function(*arrays, **params)
        except TypeError:
            raise MethodError(
                "Symbols have no order, so sorting has no formula; use method='reverse' or 'forward'."
            ) from None

    return ordered


def _sort_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    return A.arrange(tangents[0], site.xs[0], axis=site.params["axis"], inverse=False)


def _sort_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    return A.arrange(cotangent, site.xs[0], axis=site.params["axis"], inverse=True)


def _arrange_forward(A: Any, site: Site, tangents: Sequence[Any]) -> Any:
    if tangents[0] is None:
        return zeros(A, site.type.shape, site.type.dtype)
    return A.arrange(tangents[0], site.xs[1], **site.params)


def _arrange_backward(A: Any, site: Site, cotangent: Any, position: int) -> Any:
    if position == 1:
        return zeros(A, site.types[1].shape, site.types[1].dtype)
    return A.arrange(cotangent, site.xs[1], axis=site.params["axis"], inverse=not site.params["inverse"])


def _infer_arrange(values: Type, keys: Type, axis: int, inverse: bool) -> Type:
    if values.shape != keys.shape:
        raise ShapeError(f"values of shape {values.shape} cannot be arranged by keys of shape {keys.shape}.")
    return Type(infer.along(values, axis).shape, common_dtype([values.dtype]))


def row(name: str, numpy: Any, infer: Any, rule: Any, **facts: Any) -> Primitive:
    """Return an ordering row; exact carriers order their own numbers."""
    exact = _exact(numpy)
    return Primitive(
        name,
        infer,
        rule,
        numpy,
        sympy=exact,
        mpmath=exact,
        notation=function(name),
        domain=Domain("arrays", ((-3.0, 3.0),)),
        kinks=TIES,
        **facts,
    )


SORTING: tuple[Primitive, ...] = (
    row("sort", sorted_array, infer.along, Custom(_sort_forward, _sort_backward),
        summary="elements in ascending order along an axis"),
    row("arrange", arranged, _infer_arrange, Custom(_arrange_forward, _arrange_backward), arity=2,
        summary="elements in the order that sorts the second operand, or put back from it"),
)  # fmt: skip
