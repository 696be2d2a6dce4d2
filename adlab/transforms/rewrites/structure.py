"""Rewrites of rows that move elements: identities dropped, chains composed, repeats put off until they are needed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from adlab.ir.index import FrozenArray
from adlab.ir.types import FLOAT32, FLOAT64, Shape, common_dtype
from adlab.transforms.rewrites.entry import (
    ANYTHING,
    EACH_ELEMENT,
    LITERAL,
    At,
    Rewrite,
    of_the_inside,
    the_inside,
    the_operand,
    without_repeats,
)

if TYPE_CHECKING:
    from adlab.transforms.simplify import Simplifier


def narrow_again(w: Simplifier, at: At) -> int | None:
    """Return x for a float32 that was widened to float64 and cast back."""
    inside = w.inside(at.x)
    return inside if w.type_of(inside) == at.type and (at.type.dtype, w.type_of(at.x).dtype) == (
        FLOAT32,
        FLOAT64,
    ) else None  # fmt: skip


def spread_number(w: Simplifier, at: At) -> int | None:
    """Return one number repeated in the result's shape, for whatever moves the repeats of one number."""
    inside = w.inside(at.x)
    return w.spread(w.reshaped(inside, ()), at.type) if w.type_of(inside).size == 1 else None


def composed_transpose(w: Simplifier, at: At) -> int:
    """Return one transpose for two."""
    inner = w.params[at.x][0][1]
    axes = tuple(inner[a] for a in at.param)
    return w.write(at.primitive, (w.inside(at.x),), (("axes", axes),), at.type)


def transpose_in_order(w: Simplifier, at: At) -> int | None:
    """Return a reshape for a transpose that only moves axes of length 1; nothing for the identity."""
    shape = w.type_of(at.x).shape
    moved = [a for a in at.param if shape[a] != 1]
    return w.reshaped(at.x, at.type.shape) if moved == sorted(moved) else None


def spread_of_inside(w: Simplifier, at: At) -> int:
    """Return one broadcast for two."""
    return w.spread(w.inside(at.x), at.type)


def spread_of_unpadded(w: Simplifier, at: At) -> int | None:
    """Return the broadcast of what was reshaped, where the reshape only put axes of length 1 in front."""
    inside = w.inside(at.x)
    given, padded = w.type_of(inside).shape, w.type_of(at.x).shape
    fits = len(given) <= at.type.ndim and _without_lead(given) == _without_lead(padded)
    return w.spread(inside, at.type) if fits else None


def spread_of_uniform(w: Simplifier, at: At) -> int | None:
    """Return the broadcast of the one number in a uniform array."""
    base = w.base(at.x)
    return w.spread(base, at.type) if base != at.x else None


def _without_lead(shape: Shape) -> Shape:
    lead = 0
    while lead < len(shape) and shape[lead] == 1:
        lead += 1
    return shape[lead:]


def spread_in_place(w: Simplifier, at: At) -> int | None:
    """Return a reshape for a broadcast that repeats nothing."""
    return w.reshaped(at.x, at.type.shape) if w.type_of(at.x).size == at.type.size else None


def one_term(w: Simplifier, at: At) -> int | None:
    """Return x + 0 for the sum of one element each, as NumPy's sum starts at +0."""
    x = one_element(w, at)
    return None if x is None else w.put("add", x, w.literal(0.0, at.type.dtype), type=at.type)


def one_element(w: Simplifier, at: At) -> int | None:
    """Return the elements themselves for a reduction of one element each."""
    given = w.type_of(at.x)
    if given.size != at.type.size or not given.size or given.dtype != at.type.dtype:
        return None
    return w.reshaped(at.x, at.type.shape)


def running_sum_of_one(w: Simplifier, at: At) -> int | None:
    """Return x for a running sum along an axis of length 1."""
    given = w.type_of(at.x)
    return at.x if given == at.type and given.shape[at.param] == 1 else None


def _is_whole(index: Any, shape: Shape) -> bool:
    return len(index) == len(shape) and all(
        isinstance(entry, tuple) and entry[1:] == (0, length, 1)
        for entry, length in zip(index, shape, strict=True)
    )


def whole(w: Simplifier, at: At) -> int | None:
    """Return x for an index that picks all of it in order."""
    given = w.type_of(at.x)
    return at.x if given == at.type and _is_whole(at.params[0][1], given.shape) else None


def new_axes(w: Simplifier, at: At) -> int | None:
    """Return a reshape for an index that picks all and puts in axes of length 1."""
    old = tuple(entry for entry in at.param if entry is not None)
    return w.reshaped(at.x, at.type.shape) if _is_whole(old, w.type_of(at.x).shape) else None


def picked_again(w: Simplifier, at: At) -> int | None:
    """Return x for what was put into zeros at an index and is picked from it by the same index."""
    (_, put), _ = w.params[at.x]
    if put != at.param or any(isinstance(entry, FrozenArray) for entry in put):
        return None
    return the_inside(w, at)


def picked_layer(w: Simplifier, at: At) -> int | None:
    """Return the index into one operand of a stack, where an integer picks that one."""
    axis, index = w.params[at.x][0][1] % w.types[at.x].ndim, at.param
    if len(index) <= axis or any(e is None or isinstance(e, FrozenArray) for e in index[: axis + 1]):
        return None
    if not isinstance(index[axis], int):
        return None
    rest = index[:axis] + index[axis + 1 :]
    x = w.inside(at.x, index[axis])
    if w.type_of(x).dtype != at.type.dtype:
        return None
    return w.write(at.primitive, (x,), (("index", rest),), at.type)


def of_one_part(w: Simplifier, at: At) -> int | None:
    """Return the only operand of a concatenation that holds elements."""
    parts = tuple([j for j in at.operands if w.type_of(j).size]) or at.operands[:1]
    if len(parts) == 1 and w.type_of(parts[0]) == at.type:
        return parts[0]
    shorter = len(parts) < len(at.operands)
    if not shorter or common_dtype([w.type_of(j).dtype for j in parts]) != at.type.dtype:
        return None
    return w.write(at.primitive, parts, at.params, at.type)


def of_one_layer(w: Simplifier, at: At) -> int | None:
    """Return the only operand of a stack in the shape of the result."""
    if len(at.operands) != 1 or w.type_of(at.x).dtype != at.type.dtype:
        return None
    return w.reshaped(at.x, at.type.shape)


def zeros_in_zeros(w: Simplifier, at: At) -> int | None:
    """Return zeros for zeros put into zeros."""
    number = w.number(w.base(at.x))
    if number != 0 or math.copysign(1.0, number) < 0:
        return None
    return w.spread(w.literal(0.0, at.type.dtype), at.type)


STRUCTURE = (
    Rewrite("cast to its own dtype", "cast", ANYTHING, the_operand, "nothing is rounded"),
    Rewrite("cast of a widening cast", "cast", "cast", narrow_again, "every float32 is a float64"),
    Rewrite("reshape to its own shape", "reshape", ANYTHING, the_operand, "the same array"),
    Rewrite("reshape of reshape", "reshape", "reshape", of_the_inside, "elements keep their order"),
    Rewrite("reshape of a repeated number", "reshape", "broadcast_to", spread_number, "all elements are equal"),
    Rewrite("transpose in order", "transpose", ANYTHING, transpose_in_order, "elements keep their order"),
    Rewrite("transpose of transpose", "transpose", "transpose", composed_transpose, "permutations compose"),
    Rewrite("transpose of a repeated number", "transpose", "broadcast_to", spread_number, "all elements are equal"),
    Rewrite("broadcast that repeats nothing", "broadcast_to", ANYTHING, spread_in_place, "axes of length 1 only"),
    Rewrite("broadcast of broadcast", "broadcast_to", "broadcast_to", spread_of_inside, "repeats compose"),
    Rewrite("broadcast of a uniform array", "broadcast_to", LITERAL, spread_of_uniform, "all elements are equal"),
    Rewrite("broadcast of reshape", "broadcast_to", "reshape", spread_of_unpadded,
            "broadcasting puts axes of length 1 in front itself"),
    Rewrite("f(broadcast) → broadcast of f", EACH_ELEMENT, "broadcast_to", without_repeats,
            "each element sees the same numbers"),
    Rewrite("sum of single elements", "sum", ANYTHING, one_term, "0 + x, the first step of the sum"),
    Rewrite("mean of single elements", "mean", ANYTHING, one_term, "(0 + x)/1"),
    Rewrite("product of single elements", "prod", ANYTHING, one_element, "1·x is x"),
    Rewrite("max of single elements", "max", ANYTHING, one_element, "the only one is the largest"),
    Rewrite("min of single elements", "min", ANYTHING, one_element, "the only one is the smallest"),
    Rewrite("running sum of one", "cumsum", ANYTHING, running_sum_of_one, "it begins with the first element"),
    Rewrite("index of all, new axes put in", "index", ANYTHING, new_axes, "elements keep their order"),
    Rewrite("index of a repeated number", "index", "broadcast_to", spread_number, "all elements are equal"),
    Rewrite("index of a layer", "index", "stack", picked_layer, "the layer is the operand"),
    Rewrite("index of index_add", "index", "index_add", picked_again, "what was put there once is picked"),
    Rewrite("index_add of all", "index_add", ANYTHING, whole, "no zero is left"),
    Rewrite("index_add of zeros", "index_add", LITERAL, zeros_in_zeros, "0 at any index of zeros is zeros"),
    Rewrite("concatenation of one", "concatenate", ANYTHING, of_one_part, "empty parts hold no elements"),
    Rewrite("stack of one", "stack", ANYTHING, of_one_layer, "elements keep their order"),
)  # fmt: skip
