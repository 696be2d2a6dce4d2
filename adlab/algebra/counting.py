"""Values that are nothing but a shape: running a computation in this carrier counts its operations.

A counted value knows its type and no number. Each application of a primitive adds its elementary operations
to the algebra's counter, so evaluating a graph, or sweeping through it, in this carrier gives the cost of
doing so with numbers without doing it. Rules never look at numbers, so the count is exact; nothing is assumed
about them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from adlab.algebra.base import Algebra
from adlab.algebra.operators import Operators
from adlab.ir.constant import Constant
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import FLOAT64, Shape, Type, type_of

REDUCING = frozenset({"sum", "mean", "max", "min", "prod", "norm", "cumsum"})

CUBIC = frozenset({"solve", "det", "cofactors", "slogdet", "cholesky", "eigh", "svd", "pinv"})
"""Rows of linear algebra, counted as one matrix product: of the order of n³, whatever the algorithm's factor."""


class Counted(Operators):
    """A value of which only the type is known."""

    __slots__ = ("algebra", "type")
    __array_ufunc__ = None

    def __init__(self, algebra: CountingAlgebra, type: Type) -> None:
        self.algebra = algebra
        self.type = type

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""
        return self.type.shape

    def _infix(self, primitive: Primitive, *xs: Any) -> Any:
        return self.algebra.apply(primitive, xs)


class CountingAlgebra(Algebra):
    """Evaluate to types, counting elementary operations by the name of the primitive.

    Attributes
    ----------
    counts : Counter of str
        One application to an array counts once per element of the result; a reduction once per element that
        it reads, a matrix product once per multiplication.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def value(self, type: Type) -> Counted:
        """Return a value of a type."""
        return Counted(self, type)

    def constant(self, constant: Constant) -> Any:
        """Return the literal's type."""
        return Counted(self, constant.type)

    def shape(self, value: Any) -> Shape:
        """Return the shape of a value."""
        return _type(value).shape

    def repeat(
        self,
        step: Callable[[int, list[Any]], tuple[list[Any], list[Any]]],
        carry: list[Any],
        order: Sequence[int],
    ) -> tuple[list[Any], list[list[Any]]]:
        """Count one step as often as the loop takes it: all steps have the same types."""
        if not order:
            return carry, []
        before = Counter(self.counts)
        carry, row = step(order[0], carry)
        for name, count in list(self.counts.items()):
            self.counts[name] += (len(order) - 1) * (count - before[name])
        return carry, [row] * len(order)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the type of the result, and count the work."""
        if primitive.composite:
            return primitive.composite(self, xs, dict(params))
        types = [_type(x) for x in xs]
        result = primitive.infer(*types, **dict(params))
        self.counts[primitive.name] += weight(primitive, types, result)
        return Counted(self, result)


def _type(value: Any) -> Type:
    if isinstance(value, Counted):
        return value.type
    return Type((), FLOAT64) if isinstance(value, (int, float)) else type_of(value)


def weight(primitive: Primitive, operands: Sequence[Type], result: Type) -> int:
    """Return how many elementary operations one application is.

    Examples
    --------
    >>> from adlab.primitives import TABLE
    >>> weight(TABLE["matmul"], [Type((2, 3), FLOAT64), Type((3, 5), FLOAT64)], Type((2, 5), FLOAT64))
    30
    """
    if primitive.name in REDUCING:
        return operands[0].size
    if primitive.name in CUBIC:
        return operands[-1].size * operands[0].shape[-1]
    if primitive.name == "matmul":
        return result.size * operands[0].shape[-1]
    return result.size


class Operations(Mapping[str, int]):
    """Operation counts by kind, counted when somebody first looks at them.

    Examples
    --------
    >>> Operations(lambda: Counter(sin=2, add=3))
    Operations(add=3, sin=2)
    """

    def __init__(self, count: Callable[[], Mapping[str, int]]) -> None:
        self._count = count
        self._counts: dict[str, int] | None = None

    def _known(self) -> dict[str, int]:
        if self._counts is None:
            self._counts = {name: number for name, number in sorted(self._count().items()) if number}
        return self._counts

    def __getitem__(self, name: str) -> int:
        return self._known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __repr__(self) -> str:
        return f"Operations({', '.join(f'{name}={count}' for name, count in self.items())})"

    @property
    def total(self) -> int:
        """All kinds together."""
        return sum(self.values())
