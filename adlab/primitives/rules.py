"""The few kinds of derivative rule, and the one place per mode where they are contracted.

A row states *what* the derivative is: the partials of an elementwise operation, the transpose of a linear
one, the weights of a reduction. How partials meet tangents (forward: Σ pᵢ·ẋᵢ) and cotangents (reverse: x̄ᵢ
+= ȳ·pᵢ), and how broadcasting and the promotion of float32 to float64 are undone, stands here, once.
Everything is a function of values of some algebra ``A``: over NumPy it gives numbers, over traced variables
a derivative graph, over SymPy formulas, over mpmath fifty digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.errors import MissingRuleError
from adlab.ir.constant import Constant
from adlab.ir.primitive import Site
from adlab.ir.types import BOOL, FLOAT32, Shape, Type, common_dtype, normalise_axes, reduced_shape

Partial = Callable[..., Any]
"""A function of ``(A, y, *xs)``: the derivative of the result ``y`` by one operand."""


@dataclass(frozen=True)
class NoPartial:
    """The partial by an operand that has a derivative of which no formula is known: refused when it is needed."""

    operand: str

    def __call__(self, A: Any, y: Any, *xs: Any) -> Any:
        """Refuse in one sentence."""
        raise MissingRuleError(
            f"No rule is known for the derivative of a function by {self.operand}, and an argument that is "
            "differentiated takes part in it; hold it fixed with ad.stop_gradient, or use method='numerical'."
        )


def scale(value: Any, partial: Any) -> Any:
    """Return ``value · partial``, without work where either is literally 1 or −1; None for a partial 0."""
    if type(partial) is int:
        if partial == 1:
            return value
        if partial == -1:
            return -value
        if partial == 0:
            return None
    if type(value) is int and value in (1, -1):  # a seed; literals in user code are never bare integers here
        return partial if value == 1 else -partial
    return value * partial


def add(left: Any, right: Any) -> Any:
    """Return the sum of two contributions, either of which may be None."""
    if left is None:
        return right
    return left if right is None else left + right


def unbroadcast(A: Any, value: Any, shape: Shape, target: Shape) -> Any:
    """Return ``value`` summed over the axes along which ``target`` had been broadcast to ``shape``."""
    if shape == target:
        return value
    lead = len(shape) - len(target)
    axes = tuple(range(lead)) + tuple(
        lead + a for a, length in enumerate(target) if length == 1 and shape[lead + a] != 1
    )
    value = A.sum(value, axis=axes if len(axes) < len(shape) else None, keepdims=False) if axes else value
    left = reduced_shape(shape, axes, False)
    return value if left == target else A.reshape(value, shape=target)


def widened(A: Any, tangent: Any, site: Site) -> Any:
    """Return the result's tangent in the dtype of the result, which operands of another may have missed."""
    dtype = site.type.dtype
    if tangent is None or all(type.dtype in (dtype, BOOL) for type in site.types):
        return tangent
    return tangent if A.dtype(tangent) == dtype else A.cast(tangent, dtype=dtype.name)


def narrowed(A: Any, cotangent: Any, site: Site, position: int) -> Any:
    """Return an operand's cotangent in the dtype of the operand, where others have another one."""
    dtype = site.types[position].dtype
    if cotangent is None or dtype == BOOL or all(type.dtype in (dtype, BOOL) for type in site.types):
        return cotangent
    return cotangent if A.dtype(cotangent) == dtype else A.cast(cotangent, dtype=dtype.name)


def typed_seed(A: Any, cotangent: Any, site: Site) -> Any:
    """Return a seed that is a bare integer as float32 where the result is: a structural rule would make it float64."""
    if type(cotangent) is int and site.type.dtype == FLOAT32:
        return A.constant(Constant(cotangent, Type((), FLOAT32)))
    return cotangent


def literal(A: Any, value: float, like: Any) -> Any:
    """Return a literal that computes in the dtype of ``like``.

    Bare Python numbers adapt to the arrays they meet. Those that meet none, as in ``A.log(2)`` or in a
    choice between 1 and 0, would be float64 and make float64 of a float32 program: rules write them with
    this function.
    """
    return A.constant(Constant(value, Type((), common_dtype([A.dtype(like)]))))


@dataclass(frozen=True)
class Elementwise:
    """An operation on each element by itself: one partial per operand, None where nothing can flow.

    ``textbook`` is how the partials are shown where the rule has another form to keep its digits: 1 − y² for
    tanh. It is mathematically the same, which the contract tests check in forty digits, and never computed with.
    """

    partials: tuple[Partial | None, ...]
    textbook: tuple[Partial | None, ...] = ()

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return Σ pᵢ·ẋᵢ."""
        total = None
        for partial, tangent in zip(self.partials, tangents, strict=True):
            if partial is not None and tangent is not None:
                total = add(total, scale(tangent, partial(A, site.y, *site.xs)))
        if total is not None and site.type.shape and A.shape(total) != site.type.shape:
            total = A.broadcast_to(total, shape=site.type.shape)
        return widened(A, total, site)

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return ȳ·pᵢ, summed back to the operand's shape."""
        partial = self.partials[position]
        if partial is None:
            return None
        product = scale(cotangent, partial(A, site.y, *site.xs))
        if product is None:
            return None
        summed = unbroadcast(A, product, site.type.shape, site.types[position].shape)
        return narrowed(A, summed, site, position)


@dataclass(frozen=True)
class Linear:
    """An operation linear in all its operands together, with its adjoint.

    The adjoint is ``transpose(A, cotangent, position, site)``: the cotangent of the operand at ``position``.
    """

    transpose: Callable[[Any, Any, int, Site], Any]

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the operation applied to the tangents, zeros standing in for missing ones."""
        if all(tangent is None for tangent in tangents):
            return None
        filled = tuple(
            zeros(A, type.shape, type.dtype) if tangent is None else tangent
            for tangent, type in zip(tangents, site.types, strict=True)
        )
        return widened(A, A.apply(site.primitive, filled, tuple(sorted(site.params.items()))), site)

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return the transpose applied to the cotangent."""
        seed = typed_seed(A, cotangent, site)
        return narrowed(A, self.transpose(A, seed, position, site), site, position)


@dataclass(frozen=True)
class Bilinear:
    """An operation linear in each of its operands by itself, such as a matrix product."""

    transpose: Callable[[Any, Any, int, Site], Any]

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the product rule: the operation applied with one operand replaced by its tangent, summed."""
        total = None
        for position, tangent in enumerate(tangents):
            if tangent is not None:
                xs = (*site.xs[:position], tangent, *site.xs[position + 1 :])
                total = add(total, A.apply(site.primitive, xs, tuple(sorted(site.params.items()))))
        return widened(A, total, site)

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return the transpose applied to the cotangent."""
        seed = typed_seed(A, cotangent, site)
        return narrowed(A, self.transpose(A, seed, position, site), site, position)


@dataclass(frozen=True)
class Reduction:
    """A nonlinear reduction over axes: ``weights(A, site)`` is ∂y/∂x elementwise, of the operand's shape."""

    weights: Callable[[Any, Site], Any]

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return Σ wⱼ·ẋⱼ over the reduced axes."""
        if tangents[0] is None:
            return None
        params = site.params
        return A.sum(self.weights(A, site) * tangents[0], axis=params["axis"], keepdims=params["keepdims"])

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return wⱼ·ȳ."""
        return self.weights(A, site) * expand(A, cotangent, site)


class Joint:
    """A rule that finds the cotangents of all its operands in one go, such as that of a held graph.

    Abstract in `jvp` and `pull`; the reverse sweep asks `pull` once for all the operands it wants.
    """

    @property
    def lacks(self) -> str:
        """The mode, "forward" or "reverse", that the rule has nothing for; empty where it serves both."""
        return ""

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the output's tangent."""
        raise NotImplementedError

    def pull(self, A: Any, site: Site, cotangent: Any, positions: Sequence[int]) -> Sequence[Any]:
        """Return the contributions to the operands at ``positions``, None where there is none."""
        raise NotImplementedError

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return the contribution to one operand."""
        return self.pull(A, site, cotangent, (position,))[0]


@dataclass(frozen=True)
class Custom:
    """A rule given as functions of the whole operation; a missing one is an error when it is needed."""

    forward: Callable[[Any, Site, Sequence[Any]], Any] | None = None
    backward: Callable[[Any, Site, Any, int], Any] | None = None

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the given forward rule's tangent."""
        if self.forward is None:
            name = site.primitive.name
            raise MissingRuleError(f"{name} has no forward rule; use reverse mode or give it a jvp.")
        return self.forward(A, site, tangents)

    def vjp(self, A: Any, site: Site, cotangent: Any, position: int) -> Any:
        """Return the given reverse rule's contribution."""
        if self.backward is None:
            name = site.primitive.name
            raise MissingRuleError(f"{name} has no reverse rule; use forward mode or give it a vjp.")
        return self.backward(A, site, cotangent, position)


def zeros(A: Any, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """Return the zero array of a shape as a value of the algebra."""
    value = np.zeros(shape, dtype) if shape else 0
    return A.constant(Constant(value, Type(shape, dtype)))


def expand(A: Any, value: Any, site: Site) -> Any:
    """Return a reduced ``value`` with the reduced axes back as length 1, to broadcast against the operand."""
    if site.params["keepdims"]:
        return value
    shape = site.types[0].shape
    kept = reduced_shape(shape, normalise_axes(site.params["axis"], len(shape)), keepdims=True)
    return value if not kept else A.reshape(value, shape=kept)
