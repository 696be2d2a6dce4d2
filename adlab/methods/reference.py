"""The judge of the methods: derivatives to fifty digits, found without reading a single rule.

The graph is evaluated in mpmath at the exact binary values of the arguments, with working precision far
beyond what is asked, and differenced with a step so small that truncation is below the last digit wanted:
10⁻⁴⁰ of the point, against a working precision of well over a hundred digits. Nothing cancels that matters.
An element that moves leaves most of a program as it was; only the rest is evaluated again.

Looking from the right and from the left separately tells more than one number does: the two differ at a kink;
one of them does not exist at the edge of a domain; and where a one-sided derivative grows without bound as
the step shrinks, it is infinite.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import BranchError, InputError
from adlab.ir.graph import Graph
from adlab.ir.types import FLOAT64
from adlab.methods.base import Problem, make_problem
from adlab.methods.incremental import Incremental, Work
from adlab.transforms.evaluation import branch_error, failing_guard

DIGITS = 50
STEP = 40
"""The step is 10⁻⁴⁰ of the length scale of the point."""

TRUNCATION = 10**10
"""Slopes within so many steps are looked at again: they may be truncation and nothing else."""


class Sided(NamedTuple):
    """A derivative seen from both sides; None where the function is not defined on that side."""

    right: Any
    left: Any


@dataclass(frozen=True)
class Kinked:
    """An element at which the derivatives from the right and from the left differ.

    Attributes
    ----------
    input : name of the input
    element : position in it
    output : position of the output
    right, left : the two derivatives; where one does not exist, NaN
    """

    input: str
    element: tuple[int, ...]
    output: int
    right: float
    left: float


@dataclass(frozen=True)
class Reference:
    """Values and derivatives to ``digits`` digits, as mpmath numbers or object arrays of them.

    Attributes
    ----------
    values : tuple
    jacobians : tuple of tuples
        As in `adlab.methods.Derivative`. At a kink the entry is the mean of both sides; at the edge of a
        domain the derivative of the side that exists.
    kinks : tuple of Kinked
    digits : int
    notes : tuple of str
    """

    values: tuple[Any, ...]
    jacobians: tuple[tuple[Any, ...], ...]
    kinks: tuple[Kinked, ...]
    digits: int
    notes: tuple[str, ...] = ()


def reference(
    graph: Graph,
    args: Sequence[Any],
    wrt: Sequence[int | str] | None = None,
    outputs: Sequence[int] | None = None,
    digits: int = DIGITS,
    work: int | None = None,
) -> Reference:
    """Return values and Jacobian blocks to ``digits`` digits.

    Parameters
    ----------
    graph, args, wrt, outputs
        As for `adlab.methods.Method.derivative`; the arguments are taken at their exact binary values.
    digits : int
        At least 15.
    work : int, optional
        How many elementwise operations may be carried out in many digits, some 20 µs each.

    Raises
    ------
    MethodError
        If the graph holds a primitive that mpmath does not know, or ``work`` is not enough.
    BranchError
        If a recorded comparison turns out otherwise at the point.

    Examples
    --------
    >>> from adlab.frontends.recording import record
    >>> found = reference(record(lambda x: x**3, (2.0,)).graph, (2.0,))
    >>> print(found.jacobians[0][0])
    12.0
    """
    if isinstance(digits, bool) or not isinstance(digits, (int, np.integer)) or digits < 15:
        raise InputError(f"{digits!r} digits cannot be asked for: it is a whole number, at least 15.")
    problem = make_problem(graph, args, wrt, outputs, NUMPY)
    judge = _Judge(problem, int(digits), Work(work))
    columns = [judge.columns(position) for position in problem.wrt]
    rounded = _rounding(int(digits))
    blocks = tuple(
        tuple(
            rounded(_block(column[k], problem.block_type(j, p).shape))
            for column, p in zip(columns, problem.wrt, strict=True)
        )
        for k, j in enumerate(problem.outputs)
    )
    values = tuple(map(rounded, judge.base))
    return Reference(values, blocks, tuple(judge.kinks), int(digits), tuple(dict.fromkeys(judge.notes)))


def _rounding(digits: int) -> Callable[[Any], Any]:
    """Return what rounds to ``digits`` digits and a little: what truncation leaves behind them is cut off."""
    import mpmath

    context = mpmath.MPContext()  # a thousand times dearer than a number
    context.dps = digits + 2
    return np.frompyfunc(lambda x: x if isinstance(x, bool) else context.mpf(x), 1, 1)  # type: ignore[no-any-return]


def directional(
    graph: Graph, args: Sequence[Any], directions: Sequence[Any], digits: int = 30
) -> tuple[Any, ...]:
    """Return, for each output, the derivative along one direction in the space of all inputs (None: held
    fixed).

    One pair of evaluations however many elements there are.
    """
    problem = make_problem(graph, args, None, None, NUMPY)
    judge = _Judge(problem, digits)
    return tuple(judge.along(directions))


def _block(entries: list[Any], shape: tuple[int, ...]) -> Any:
    """Return the columns of a block, each of the output's shape, as one array; a bare number for a scalar."""
    if not shape:
        return entries[0] if np.ndim(entries[0]) == 0 else entries[0].item()
    block = np.empty((np.size(entries[0]) if entries else 0, len(entries)), dtype=object)
    for k, entry in enumerate(entries):
        block[:, k] = np.ravel(np.asarray(entry, dtype=object))
    return block.reshape(shape)


class _Judge:
    """The graph in mpmath, and one-sided differences of it."""

    def __init__(self, problem: Problem, digits: int, work: Work | None = None) -> None:
        self.problem = problem
        self.work = work
        self.digits = digits
        self.kinks: list[Kinked] = []
        self.notes: list[str] = []
        self.precision = 3 * (digits + STEP)
        self.carrier = MpmathAlgebra(self.precision)
        self.at = self._point(self.carrier)
        guard = failing_guard(problem.graph, self.carrier, self.at.values)
        if guard is not None:
            floats = [_as_float(value) for value in self.at.values]
            raise branch_error(problem.graph, NUMPY, floats, guard)
        self.base = [self.at.operand({}, j) for j in problem.outputs]

    def _point(self, carrier: MpmathAlgebra) -> Incremental:
        """Return the graph with its values at the point."""
        return Incremental(
            self.problem.graph, carrier, [carrier.array(x) for x in self.problem.args], self.work
        )

    def _moved(self, at: Incremental, inputs: Mapping[int, Any]) -> list[Any] | None:
        """Return the outputs after a move, None where it leads onto another branch."""
        changed = at.moved(inputs)
        for guard in self.problem.graph.guards:
            if guard.operand in changed and bool(changed[guard.operand]) != guard.outcome:
                return None
        return [at.operand(changed, j) for j in self.problem.outputs]

    def columns(self, position: int) -> list[list[Any]]:
        """Return, for each output, its derivative by each element of an input."""
        found: list[list[Any]] = [[] for _ in self.problem.outputs]
        type = self.problem.graph.types[position]
        for place in np.ndindex(*type.shape):
            for k, derivative in enumerate(self._by_element(position, place)):
                found[k].append(derivative)
        return found

    def along(self, directions: Sequence[Any]) -> list[Any]:
        """Return the derivative of each output along a direction, by a central difference."""
        mp = self.carrier.library
        h = mp.mpf(10) ** -STEP
        sides = []
        for sign in (1, -1):
            moved = {
                k: self.at.values[k] + self.carrier.array(np.asarray(v, FLOAT64)) * (sign * h)
                for k, v in enumerate(directions)
                if v is not None
            }
            side = self._moved(self.at, moved)
            if side is None:
                raise BranchError(
                    f"A comparison that the trace followed turns out otherwise {h} away from the point, so there "
                    "is no derivative along the direction."
                )
            sides.append(side)
        return [(plus - minus) / (2 * h) for plus, minus in zip(*sides, strict=True)]

    def _by_element(self, position: int, place: tuple[int, ...]) -> list[Any]:
        """Return the derivative of every output by one element."""
        at, h = self._step(position, place)
        carrier, line = at.carrier, self._line(at, position, place)
        base = [at.operand({}, j) for j in self.problem.outputs]
        right, left = line(h), line(-h)
        near = line(h / 1000)
        crossed = [side for side in (right, left) if side is None]
        if len(crossed) == 2:
            raise InputError(
                f"Both sides of {self._label(position, place)} lie on other branches than the point itself."
            )
        if crossed:
            self.notes.append(
                f"{self._label(position, place)} lies on the edge of a branch; the derivative is that of one "
                "side."
            )
        results = []
        for k in range(len(self.problem.outputs)):
            look = _Look(carrier, h, base[k], _pick(right, k), _pick(left, k), _pick(near, k))
            sides, value = look.entries(functools.partial(_on_line, line, k))
            self._record_kinks(sides, position, place, k)
            results.append(value)
        return results

    def _step(self, position: int, place: tuple[int, ...]) -> tuple[Incremental, Any]:
        """Return the graph in a carrier precise enough, and the step: 10⁻⁴⁰ of the point, or of 1 if smaller."""
        x = float(np.asarray(self.problem.args[position])[place])
        exponent = int(np.floor(np.log10(abs(x)))) if x and np.isfinite(x) else 0
        extra = abs(exponent)
        at = self.at if extra < 20 else self._point(MpmathAlgebra(self.precision + 3 * extra))
        return at, at.carrier.library.mpf(10) ** (min(exponent, 0) - STEP)

    def _line(self, at: Incremental, position: int, place: tuple[int, ...]) -> Callable[[Any], Any]:
        """Return t ↦ outputs at x + t·1ᵢ; None where the point lies on another branch."""

        def moved(t: Any) -> Any:
            x = at.values[position]
            if not place:
                return self._moved(at, {position: x + t})
            x = x.copy()
            x[place] = x[place] + t
            return self._moved(at, {position: x})

        return moved

    def _record_kinks(self, sides: Sided, position: int, place: tuple[int, ...], k: int) -> None:
        right, left = (
            np.ravel(np.asarray(sides.right, dtype=object)),
            np.ravel(np.asarray(sides.left, dtype=object)),
        )
        for r, l in zip(right, left, strict=True):
            if r is not None and l is not None and r != l:
                name = self.problem.graph.inputs[position]
                self.kinks.append(Kinked(name, place, k, float(r), float(l)))

    def _label(self, position: int, place: tuple[int, ...]) -> str:
        name = self.problem.graph.inputs[position]
        return name + (f"[{', '.join(map(str, place))}]" if place else "")


def _pick(outputs: Any, k: Any) -> Any:
    return None if outputs is None else outputs[k]


def _on_line(line: Callable[[Any], Any], k: Any, t: Any) -> Any:
    """Return one part of what lies at a distance along a line."""
    return _pick(line(t), k)


def _as_float(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    return np.asarray(value, dtype=object).astype(float)[()]


class _Look:
    """One output seen from both sides of a point, element by element."""

    def __init__(self, carrier: MpmathAlgebra, h: Any, base: Any, right: Any, left: Any, near: Any) -> None:
        self.mp = carrier.library
        self.h = h
        self.zero = self.mp.mpf(0)
        self.base, self.right, self.left, self.near = base, right, left, near

    def entries(self, again: Callable[[Any], Any]) -> tuple[Sided, Any]:
        """Return both one-sided derivatives where they differ (else one value twice), and the derivative."""
        shape = np.shape(self.base)
        if not shape:
            sides, value = self._entry(self.base, self.right, self.left, self.near, again)
            return sides, value
        results = [np.empty(shape, dtype=object) for _ in range(3)]
        for place in np.ndindex(*shape):
            right, left, near = (_pick(side, place) for side in (self.right, self.left, self.near))
            further = functools.partial(_on_line, again, place)
            sides, value = self._entry(self.base[place], right, left, near, further)
            for array, entry in zip(results, (sides.right, sides.left, value), strict=True):
                array[place] = entry
        return Sided(results[0], results[1]), results[2]

    def _entry(
        self, f: Any, plus: Any, minus: Any, near: Any, again: Callable[[Any], Any]
    ) -> tuple[Sided, Any]:
        mp, h = self.mp, self.h
        if isinstance(f, bool):
            return Sided(None, None), mp.mpf(0)
        if (
            plus is f and minus is f and near is f and mp.isfinite(f)
        ):  # the element does not reach this output
            return Sided(self.zero, self.zero), self.zero
        if mp.isnan(f) or mp.isinf(f):
            return Sided(None, None), mp.nan
        right: Any = None if plus is None else (plus - f) / h
        left: Any = None if minus is None else (f - minus) / h
        closer = None if near is None else (near - f) / (h / 1000)
        if self._smooth(right, left) and self._smooth(right, closer):
            value = self._settled(f, (right + left) / 2, again)
            return Sided(value, value), value
        return self._examine(f, right, left, again)

    def _settled(self, f: Any, value: Any, again: Callable[[Any], Any]) -> Any:
        """Return 0 for what is only truncation, h²·f‴/6, or h·|f″| where f″ jumps as in x·|x|: it shrinks with
        the step, and a derivative that vanishes leaves nothing else.
        """
        if value == 0 or abs(value) > self.h * TRUNCATION:
            return value
        t = self.h / 10**6
        right, left = again(t), again(-t)
        if right is None or left is None:
            return value
        closer = (right - left) / (2 * t)
        return self.mp.mpf(0) if abs(closer) < abs(value) / 10**3 else closer

    def _smooth(self, a: Any, b: Any) -> bool:
        mp = self.mp
        if a is None or b is None or not mp.isfinite(a) or not mp.isfinite(b):
            return False
        return bool(abs(a - b) <= mp.mpf(10) ** -20 * max(abs(a), abs(b)) + mp.mpf(10) ** -30)

    def _examine(self, f: Any, right: Any, left: Any, again: Callable[[Any], Any]) -> tuple[Sided, Any]:
        """Return the two sides by themselves: limit, infinity, or None where there is no function."""
        sides = Sided(self._limit(f, right, 1, again), self._limit(f, left, -1, again))
        there: list[Any] = [side for side in sides if side is not None]
        if not there:
            return sides, self.mp.nan
        if len(there) == 2 and there[0] != there[1] and self._smooth(*there):
            middle: Any = sum(there) / 2
            there = [middle, middle]
            sides = Sided(*there)
        value = there[0] if len(there) == 1 or there[0] == there[1] else (there[0] + there[1]) / 2
        return sides, value

    def _limit(self, f: Any, slope: Any, sign: int, again: Callable[[Any], Any]) -> Any:
        """Return lim (f(x + t) − f(x))/t from one side: extrapolated, ±∞ where it keeps growing, None where
        undefined.
        """
        mp = self.mp
        if slope is None or mp.isnan(slope):
            return None
        if mp.isinf(slope):
            return slope
        slopes = [slope]
        for factor in (mp.mpf(2), mp.mpf(10) ** 6, mp.mpf(10) ** 12):
            t = sign * self.h / factor
            value = again(t)
            if value is None or not mp.isfinite(value):
                return None
            slopes.append((value - f) / t)
        if self._smooth(slopes[2], slopes[3]):
            return 2 * slopes[1] - slopes[0] if self._smooth(slopes[0], slopes[1]) else slopes[3]
        if abs(slopes[3]) < abs(slopes[2]) / 10 < abs(slopes[0]) / 100:
            return mp.mpf(0)
        if abs(slopes[3]) > abs(slopes[2]) > abs(slopes[0]):
            return mp.inf if slopes[3] > 0 else -mp.inf
        return mp.nan


# -------------------------------------------------------------------------------------------------- distances


def relative_error(value: Any, exact: Any) -> float:
    """Return the largest |value − exact|/|exact| over all elements.

    Equal infinities and two NaNs are no error; any other meeting with them, and a value where 0 is exact, is
    an infinite one.

    Examples
    --------
    >>> relative_error(1.25, 1)
    0.25
    """
    return _worst(value, exact, lambda v, e: float(abs(e.context.mpf(v) - e) / abs(e)))


def absolute_error(value: Any, exact: Any) -> float:
    """Return the largest |value − exact| over all elements."""
    return _worst(value, exact, lambda v, e: float(abs(e.context.mpf(v) - e)), at_zero=lambda v: abs(v))


def ulps(value: Any, exact: Any, dtype: Any = FLOAT64) -> float:
    """Return the largest error over all elements in units in the last place of the exact value in ``dtype``.

    Examples
    --------
    >>> ulps(1 + 2**-52, 1)
    1.0
    """
    kind = np.dtype(dtype)

    def distance(v: float, e: Any) -> float:
        with np.errstate(all="ignore"):
            rounded = kind.type(float(e))
        if not np.isfinite(rounded):
            return 0.0 if v == rounded else float("inf")
        return float(abs(e.context.mpf(v) - e) / e.context.mpf(float(np.spacing(np.abs(rounded)))))

    return _worst(value, exact, distance)


def _worst(
    value: Any,
    exact: Any,
    distance: Callable[[float, Any], float],
    at_zero: Callable[[float], float] | None = None,
) -> float:
    """Return the largest distance between the elements of two values of one shape."""
    import mpmath

    worst = 0.0
    for v, e in zip(np.ravel(value), np.ravel(np.asarray(exact, dtype=object)), strict=True):
        v, e = float(v), e if hasattr(e, "context") else mpmath.mpf(e)
        if v != v or mpmath.isnan(e):
            apart = 0.0 if v != v and mpmath.isnan(e) else float("inf")
        elif np.isinf(v) or mpmath.isinf(e):
            apart = 0.0 if v == float(e) else float("inf")
        elif e == 0:
            apart = 0.0 if v == 0 else at_zero(v) if at_zero else float("inf")
        else:
            apart = distance(v, e)
        worst = max(worst, apart)
    return worst
