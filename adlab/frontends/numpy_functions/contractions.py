"""Einstein's summation: np.einsum in all its forms, as permutations, reshapes and matrix products.

Each operand is first brought to one axis per label (diagonals of repeated labels, sums of labels that nothing
else uses); then two operands at a time are multiplied as stacks of matrices, in the order of NumPy's greedy
path. No row of its own is needed, and the derivative is that of the products.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from adlab.frontends.numpy_functions.support import (
    apply,
    permuted,
    real,
    reshaped,
    shape_error,
    size_of,
    take,
    without,
)

Labels = tuple[Hashable, ...]


class Factor(NamedTuple):
    """An array with one label per axis, all different."""

    value: Any
    labels: Labels


def einsum(
    *operands: Any,
    out: Any = None,
    dtype: Any = None,
    order: Any = None,
    casting: Any = None,
    optimize: Any = False,
) -> Any:
    """Return np.einsum, of subscripts or of lists of labels, with or without an explicit output."""
    without("np.einsum", out=out, dtype=dtype)
    inputs, output, arrays = _parsed(operands)
    sizes = _sizes(inputs, arrays)
    if output is None:
        output = _implied(inputs)
    _check_output(output, sizes)
    factors = [_prepared(x, labels, sizes) for x, labels in zip(arrays, inputs, strict=True)]
    for pair in _path(factors, output, sizes):
        chosen = [factors[k] for k in sorted(pair)]
        factors = [factor for k, factor in enumerate(factors) if k not in pair]
        kept = {*output, *(label for factor in factors for label in factor.labels)}
        chosen = [_summed(factor, kept | _others(chosen, factor)) for factor in chosen]
        factors.append(_product(chosen[0], chosen[1], kept, sizes) if len(chosen) == 2 else chosen[0])
    return _finished(_summed(factors[0], set(output)), output, sizes)


def _others(chosen: Sequence[Factor], factor: Factor) -> set[Hashable]:
    return {label for other in chosen if other is not factor for label in other.labels}


# -------------------------------------------------------------------------------------------------- subscripts


class _Dots(NamedTuple):
    """The label of an axis under an ellipsis, counted from the last."""

    place: int


def _parsed(operands: Sequence[Any]) -> tuple[list[Labels], Labels | None, list[Any]]:
    if not operands:
        raise shape_error("np.einsum needs subscripts and operands.")
    if isinstance(operands[0], str):
        arrays = [real(x) for x in operands[1:]]
        head, arrow, tail = operands[0].replace(" ", "").partition("->")
        terms = [_letters(term) for term in head.split(",")]
        wanted = _letters(tail) if arrow else None
    else:
        count = len(operands) // 2
        arrays = [real(x) for x in operands[: 2 * count : 2]]
        terms = [list(labels) for labels in operands[1 : 2 * count : 2]]
        wanted = list(operands[-1]) if len(operands) % 2 else None
    if len(terms) != len(arrays) or not arrays:
        raise shape_error(f"np.einsum has {len(terms)} subscripts for {len(arrays)} operands.")
    inputs = [_spelled(term, x.ndim) for term, x in zip(terms, arrays, strict=True)]
    dots = max(sum(isinstance(label, _Dots) for label in labels) for labels in inputs)
    return inputs, None if wanted is None else _spelled(wanted, None, dots), arrays


def _letters(term: str) -> list[Any]:
    """Return the labels of one operand's subscripts; the ellipsis is one of them."""
    head, dots, tail = term.partition("...")
    letters = [*head, *([Ellipsis] if dots else []), *tail]
    wrong = [letter for letter in letters if letter is not Ellipsis and not letter.isalpha()]
    if wrong:
        raise shape_error(
            f"np.einsum has the subscript {wrong[0]!r}; subscripts are letters, ',', '...', '->'."
        )
    return letters


def _spelled(term: Sequence[Any], ndim: int | None, dots: int = 0) -> Labels:
    """Return one label per axis, those of the ellipsis counted from the last axis under it."""
    named = sum(label is not Ellipsis for label in term)
    if ndim is not None:
        dots = ndim - named
        if dots < 0 or (dots > 0 and Ellipsis not in term):
            raise shape_error(f"np.einsum has {named} subscripts for an operand of {ndim} axes.")
    labels: list[Hashable] = []
    for label in term:
        if label is Ellipsis:
            labels += [_Dots(place) for place in range(dots, 0, -1)]
        else:
            labels.append(label)
    return tuple(labels)


def _implied(inputs: Sequence[Labels]) -> Labels:
    """Return the output's labels where none are given: the ellipsis, then what occurs once, sorted."""
    every = [label for labels in inputs for label in labels]
    dots = sorted({label for label in every if isinstance(label, _Dots)}, reverse=True)
    once = [label for label in every if not isinstance(label, _Dots) and every.count(label) == 1]
    return (*dots, *sorted(once))  # type: ignore[type-var]


def _sizes(inputs: Sequence[Labels], arrays: Sequence[Any]) -> dict[Hashable, int]:
    sizes: dict[Hashable, int] = {}
    for labels, x in zip(inputs, arrays, strict=True):
        for label, length in zip(labels, x.shape, strict=True):
            known = sizes.get(label, 1)
            if length != known and 1 not in (length, known):
                name = "..." if isinstance(label, _Dots) else label
                raise shape_error(
                    f"np.einsum has axes of lengths {known} and {length} under the label {name!r}."
                )
            sizes[label] = length if known == 1 else known
    return sizes


def _check_output(output: Labels, sizes: Mapping[Hashable, int]) -> None:
    wrong = [label for label in output if label not in sizes]
    if wrong or len(set(output)) != len(output):
        name = wrong[0] if wrong else max(output, key=output.count)
        reason = "which no operand has" if wrong else "twice"
        raise shape_error(f"np.einsum's output has the label {name!r} {reason}.")


# ----------------------------------------------------------------------------------------------------- factors


def _prepared(x: Any, labels: Labels, sizes: Mapping[Hashable, int]) -> Factor:
    """Return an operand with each of its labels once, without axes of length 1 that stand for longer ones."""
    broadcast = [n == 1 and sizes[label] != 1 for n, label in zip(x.shape, labels, strict=True)]
    x = reshaped(x, (n for n, gone in zip(x.shape, broadcast, strict=True) if not gone))
    labels = tuple(label for label, gone in zip(labels, broadcast, strict=True) if not gone)
    for label in dict.fromkeys(labels):
        places = [k for k, other in enumerate(labels) if other == label]
        if len(places) > 1:
            rest = [k for k in range(len(labels)) if k not in places]
            x = permuted(x, (*places, *rest))
            x = take(x, *[np.arange(sizes[label])] * len(places))
            labels = (label, *(labels[k] for k in rest))
    return Factor(x, labels)


def _summed(factor: Factor, kept: set[Hashable]) -> Factor:
    """Return a factor summed over the labels that are not kept."""
    gone = tuple(k for k, label in enumerate(factor.labels) if label not in kept)
    if not gone:
        return factor
    axis = None if len(gone) == len(factor.labels) else gone
    left = tuple(label for label in factor.labels if label in kept)
    return Factor(apply("sum", factor.value, axis=axis, keepdims=False), left)


def _product(a: Factor, b: Factor, kept: set[Hashable], sizes: Mapping[Hashable, int]) -> Factor:
    """Return the product of two factors, summed over the labels that both have and nothing else needs."""
    shared = [label for label in a.labels if label in b.labels]
    batch, summed = [x for x in shared if x in kept], [x for x in shared if x not in kept]
    left, right = ([x for x in f.labels if x not in shared] for f in (a, b))
    shape = [tuple(sizes[x] for x in labels) for labels in (batch, left, summed, right)]
    first, second = _ordered(a, (*batch, *left, *summed)), _ordered(b, (*batch, *summed, *right))
    if summed:
        value = _matrix_product(first, second, *shape)
    else:
        one = (1,) * len(right)
        first = reshaped(first, shape[0] + shape[1] + one)
        value = apply("multiply", first, reshaped(second, shape[0] + (1,) * len(left) + shape[3]))
    return Factor(value, (*batch, *left, *right))


def _matrix_product(a: Any, b: Any, batch: Any, left: Any, summed: Any, right: Any) -> Any:
    count = size_of(summed)
    rows = (size_of(left),) if left else ()
    columns = (size_of(right),) if right else ()
    if batch:  # a stack: vectors become matrices of one row or column
        stack = (size_of(batch),)
        product = apply(
            "matmul",
            reshaped(a, (*stack, size_of(left), count)),
            reshaped(b, (*stack, count, size_of(right))),
        )
    else:
        product = apply("matmul", reshaped(a, (*rows, count)), reshaped(b, (count, *columns)))
    return reshaped(product, batch + left + right)


def _ordered(factor: Factor, labels: Labels) -> Any:
    return permuted(factor.value, (factor.labels.index(label) for label in labels))


def _finished(factor: Factor, output: Labels, sizes: Mapping[Hashable, int]) -> Any:
    """Return the last factor in the order of the output; what was never longer than 1 is put back."""
    present = tuple(label for label in output if label in factor.labels)
    value = _ordered(factor, present)
    shape = tuple(sizes[label] if label in present else 1 for label in output)
    value = reshaped(value, shape)
    full = tuple(sizes[label] for label in output)
    return value if value.shape == full else apply("broadcast_to", value, shape=full)


def _path(factors: Sequence[Factor], output: Labels, sizes: Mapping[Hashable, int]) -> list[tuple[int, ...]]:
    """Return which factors to multiply, step by step: from left to right, or NumPy's greedy path."""
    if len(factors) <= 2:
        return [tuple(range(len(factors)))]
    numbers = {label: k for k, label in enumerate(sizes)}
    if len(numbers) > 50:
        return [(0, 1)] * (len(factors) - 1)
    given: list[Any] = []
    for factor in factors:
        given += [np.broadcast_to(np.float64(0), factor.value.shape), [numbers[x] for x in factor.labels]]
    present = [numbers[x] for x in output if any(x in factor.labels for factor in factors)]
    path = [tuple(step) for step in np.einsum_path(*given, present, optimize="greedy")[0][1:]]
    pairs = all(len(step) <= 2 for step in path)
    return path if pairs else [(0, 1)] * (len(factors) - 1)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {np.einsum: einsum}
