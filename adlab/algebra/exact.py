"""Symbols and arbitrary precision: SymPy expressions and mpmath numbers, as scalars or object arrays of them.

Elementwise rows name the function of the library; structural rows run NumPy's own function on the object
array, since adding and multiplying elements is all they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY, implementation
from adlab.errors import AdlabError, MethodError
from adlab.ir.constant import Constant, NamedNumber
from adlab.ir.primitive import Params, Primitive


class ExactAlgebra(Algebra):
    """What SymPy and mpmath have in common."""

    library: Any
    column: str
    purpose: str

    def number(self, value: Any) -> Any:
        """Return the library's value of a Python number."""
        raise NotImplementedError

    def guarded(self, primitive: Primitive, function: Callable[..., Any], xs: Sequence[Any]) -> Any:
        """Return ``function(*xs)`` of scalars."""
        return function(*xs)

    def extreme(self, primitive: Primitive) -> Callable[..., Any]:
        """Return the function of two scalars that max or min reduces with."""
        return self.scalar(self._row("maximum" if primitive.name == "max" else "minimum"))

    def constant(self, constant: Constant) -> Any:
        """Return the exact number, or an object array of them."""
        if isinstance(constant.value, np.ndarray):
            return self.array(constant.value)
        return self.number(constant.value)

    def array(self, value: Any) -> Any:
        """Return numbers as the library's: a scalar or an object array."""
        if np.ndim(value) == 0:
            return self.number(value.item() if isinstance(value, (np.ndarray, np.generic)) else value)
        result = np.empty(np.shape(value), dtype=object)
        for place, element in np.ndenumerate(np.asarray(value)):
            result[place] = self.number(element.item() if isinstance(element, np.generic) else element)
        return result

    def scalar(self, primitive: Primitive) -> Callable[..., Any]:
        """Return the library's function for an elementwise row."""
        function = getattr(primitive, self.column)
        if function is None:
            name = primitive.name
            raise MethodError(
                f"{name} has no {self.column} function, which {self.purpose}; a user's primitive is given one by "
                f"ad.primitive(…, {self.column}=…)."
            )
        if isinstance(function, str):
            named = getattr(self.library, function)
            return lambda *xs: self.guarded(primitive, named, xs)
        return lambda *xs: self.guarded(primitive, lambda *ys: function(self.library, *ys), xs)

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the library's function of each element, or NumPy's function of the object arrays."""
        if primitive.elementwise:
            function = self.scalar(primitive)
            xs = [self._lift(x) for x in xs]
            if all(np.ndim(x) == 0 for x in xs):
                return function(*(x.item() if isinstance(x, np.ndarray) else x for x in xs))
            return np.frompyfunc(function, len(xs), 1)(*xs)
        if primitive.composite:
            return primitive.composite(self, xs, dict(params))
        if primitive.name in ("max", "min"):
            return self._reduce(primitive, self._lift(xs[0]), dict(params))
        if primitive.name in ("stop_gradient", "cast"):
            return self._lift(xs[0])
        arrays = [np.asarray(self._lift(x), dtype=object) for x in xs]
        own = getattr(primitive, self.column)
        computed = (
            own(self.library, *arrays, **dict(params))
            if own
            else implementation(primitive)(*arrays, **dict(params))
        )
        result = _integers_as(self.number, computed)
        return result.item() if isinstance(result, np.ndarray) and result.ndim == 0 else result

    def _lift(self, x: Any) -> Any:
        """Return Python's and NumPy's numbers as the library's; what is the library's already stays."""
        if isinstance(x, (int, float, np.generic)) or (isinstance(x, np.ndarray) and x.dtype != object):
            return self.array(x)
        return x

    def _reduce(self, primitive: Primitive, x: Any, params: dict[str, Any]) -> Any:
        reducer = np.frompyfunc(self.extreme(primitive), 2, 1)
        axis, keepdims = params["axis"], params["keepdims"]
        axes = tuple(range(np.ndim(x))) if axis is None else axis
        for a in sorted(axes, reverse=True):
            x = reducer.reduce(x, axis=a, keepdims=keepdims, dtype=object)
        return x

    def _row(self, name: str) -> Primitive:
        from adlab.primitives import TABLE

        return TABLE[name]


def _integers_as(number: Callable[[Any], Any], result: Any) -> Any:
    """Return the result with NumPy's own 0 and 1, of empty sums and products, as exact numbers."""
    return np.frompyfunc(lambda element: number(element) if type(element) is int else element, 1, 1)(result)


class SympyAlgebra(ExactAlgebra):
    """Evaluate to SymPy expressions in real symbols."""

    column = "sympy"
    purpose = "symbolic differentiation needs"

    def __init__(self) -> None:
        import sympy

        self.library = sympy

    def number(self, value: Any) -> Any:
        """Return an exact SymPy number: small dyadic fractions as rationals, other floats with 17 digits."""
        if isinstance(value, (bool, np.bool_)):
            return self.library.true if value else self.library.false
        if isinstance(value, NamedNumber):
            return {"pi": self.library.pi, "e": self.library.E}[value.symbol]
        if isinstance(value, float):
            top, bottom = value.as_integer_ratio() if np.isfinite(value) else (0, 0)
            if 0 < bottom <= 1 << 20 and abs(top) < 1 << 53:
                return self.library.Rational(top, bottom)
            return self.library.Float(value, 17) if np.isfinite(value) else self._infinite(value)
        return self.library.sympify(value)

    def _infinite(self, value: float) -> Any:
        if value != value:
            return self.library.nan
        return self.library.oo if value > 0 else -self.library.oo


class MpmathAlgebra(ExactAlgebra):
    """Evaluate with mpmath numbers of ``digits`` decimal digits, in a context of its own.

    What float64 would call NaN (ln of a negative number) is NaN here too, and a pole has NumPy's signed
    infinity.
    """

    column = "mpmath"
    purpose = "the reference needs to judge it"

    def __init__(self, digits: int = 50) -> None:
        import mpmath

        self.library = mpmath.MPContext()
        self.library.dps = digits

    def number(self, value: Any) -> Any:
        """Return the exact value of a float, integer or named number."""
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        if isinstance(value, NamedNumber):
            return +getattr(self.library, value.symbol)
        if isinstance(value, (float, int)):
            return self.library.mpf(value)
        return value

    def guarded(self, primitive: Primitive, function: Callable[..., Any], xs: Sequence[Any]) -> Any:
        """Return the real value; NaN where it would be complex, IEEE's value at a pole."""
        try:
            value = function(*xs)
        except AdlabError:
            raise
        except (ZeroDivisionError, ValueError, OverflowError):
            floats = [x if isinstance(x, bool) else np.float64(float(x)) for x in xs]
            with np.errstate(all="ignore"):
                return self.library.mpf(float(NUMPY.apply(primitive, floats)))
        if isinstance(value, self.library.mpc):
            return value.real if value.imag == 0 else self.library.nan
        return value if isinstance(value, bool) else self.library.convert(value)
