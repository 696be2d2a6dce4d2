"""Numerical differentiation: perturb one element of one input and look at how the outputs move.

Four schemes. *Forward* differences, (f(x + h) − f(x))/h, are off by h·f″/2 and by rounding, ε·|f|/h: the best
step balances the two. *Central* differences, (f(x + h) − f(x − h))/2h, are off by h²·f‴/6. The *complex*
step, Im f(x + ih)/h, subtracts nothing, so h may be tiny. *Richardson* extrapolates central differences of
shrinking steps to h → 0 and reports how far its best two estimates lie apart.

The perturbations of the elements of one array are evaluated together, in lanes of the batched program, as many as
`adlab.transforms.batch.LANE_BYTES` allows. They go one by one through a program with recorded branches, which
one perturbation may cross and another not, and in a trace.

Where a step would cross a branch that the graph does not hold, central and forward differences are taken on
the other side only, and the answer says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.complexstep import ComplexStepAlgebra
from adlab.algebra.counting import Operations
from adlab.algebra.numpy import NumpyAlgebra
from adlab.algebra.traced import Traced
from adlab.errors import BranchError, InputError, MethodError, TraceError
from adlab.ir.types import BOOL
from adlab.methods.base import Cost, Derivative, Method, Problem, by_columns, lane_chunks, seed
from adlab.transforms.batch import BatchAlgebra
from adlab.transforms.costs import count_evaluation, times
from adlab.transforms.evaluation import branch_error, evaluate_checked, failing_guard

CHECKING_STEP = 1e-6
"""The step at which the lectures check derivatives by differences."""

COMPLEX_STEP = 1e-30

RICHARDSON_ROWS = 10
RICHARDSON_MORE = 30
"""So many rows more are tried where the first ones do not come to anything."""

BENT = 0.1
"""Slopes on both sides of the point that differ by this share are not those of a straight line."""

SETTLED = 1e-3
"""Differences have settled where an eighth of the step changes them by no more than this share."""

SHRINKS = 14
"""So many times the step is divided by eight before a difference is given up."""

NOISE = 1e-2
"""A function that moves by less than this share, and ever more steeply with smaller steps, is thought to be noise."""

TINY = float(np.finfo(float).tiny)

MOVES = 1e-4
"""What changes a difference by less than this share of the function is its noise."""

UNSETTLED = 1e-2
"""Central differences that still change by this share with half the step belie their extrapolation."""


class Numerical(Method):
    """Differences of function values.

    The options are ``scheme``, one of ``"central"``, ``"forward"``, ``"complex"`` and ``"richardson"``, and
    ``h``, the step. Without ``h`` the step is ∛ε·max(|x|, 1) for central and √ε·max(|x|, 1) for forward
    differences, with ε the machine epsilon of the program's coarsest dtype: the steps that balance truncation against
    rounding when f and its derivatives are of order 1 (Press et al., *Numerical Recipes*, §5.7). It is 1e-30·max(|x|, 1)
    for the complex step, and Richardson starts at max(|x|, 1)/10 and halves (Ridders, *Advances in
    Engineering Software* 4, 1982). Differences divide by the distance between the points as they are after
    rounding. Where the function is not finite a default step away, the step becomes small against the distance to
    the edge of its domain; the answer says so.
    """

    name = "numerical"
    title = "Numerical differentiation"
    options = ("scheme", "h")

    def compute(
        self, problem: Problem, scheme: str = "central", h: float | None = None, **options: Any
    ) -> Derivative:
        """Return the Jacobian column by column."""
        if scheme not in SCHEMES:
            raise InputError(f"There is no scheme {scheme!r}; the schemes are {', '.join(SCHEMES)}.")
        _check_step(h)
        values = evaluate_checked(problem.graph, problem.algebra, problem.args)
        base = [_operand_value(problem, values, j) for j in problem.outputs]
        tally = Tally(largest=_largest(values) if isinstance(problem.algebra, NumpyAlgebra) else 0.0)
        parts = [SCHEMES[scheme](problem, position, base, h, tally) for position in problem.wrt]
        error = _transposed([errors for _, errors in parts], problem) if scheme == "richardson" else None
        return Derivative(
            self.name,
            problem.values_of(values),
            _transposed([columns for columns, _ in parts], problem),
            Cost(1 + tally.count, 0, 0, Operations(lambda: _count(problem, 1 + tally.count))),
            error,
            tuple(tally.notes),
            tally.steps,
        )


@dataclass
class Tally:
    """What accumulates while a derivative is taken: evaluations, remarks, steps that are not the default
    ones, elements given up, and the largest value in the program.
    """

    count: int = 0
    notes: list[str] = field(default_factory=list)
    steps: dict[tuple[int, int], float] = field(default_factory=dict)
    lost: set[tuple[int, int]] = field(default_factory=set)
    largest: float = 0.0


def _largest(values: Sequence[Any]) -> float:
    """Return the largest finite magnitude among the nodes."""
    sizes = (np.abs(np.asarray(value, float)) for value in values)
    return max((float(np.max(size, where=np.isfinite(size), initial=0.0)) for size in sizes), default=0.0)


Column = list[list[Any]]
"""For each output, one derivative per element of the input."""


def _check_step(h: float | None) -> None:
    if h is not None and (
        isinstance(h, bool) or not isinstance(h, (int, float, np.number)) or not 0 < h < np.inf
    ):
        raise InputError(
            f"The step h = {h!r} cannot be used: it must be a positive finite number, or None for the "
            "default."
        )


def _count(problem: Problem, evaluations: int) -> Counter[str]:
    return times(count_evaluation(problem.graph), evaluations)


def _operand_value(problem: Problem, values: Sequence[Any], operand: int) -> Any:
    return values[operand] if operand >= 0 else problem.algebra.constant(problem.graph.constants[~operand])


def _transposed(parts: Sequence[Column], problem: Problem) -> tuple[tuple[Any, ...], ...]:
    """Return blocks by output and input from columns by input and output."""
    graph = problem.graph
    return tuple(
        tuple(
            by_columns(problem.algebra, part[k], graph.type_of(j).shape, problem.block_type(j, position))
            for part, position in zip(parts, problem.wrt, strict=True)
        )
        for k, j in enumerate(problem.outputs)
    )


# ------------------------------------------------------------------------------------------- perturbed values


class Sampler:
    """The outputs as a function of one element of one input: t ↦ f(x + t·1ᵢ).

    For several elements at once ``x``, steps and outputs have one entry for each along their first axis.
    """

    def __init__(self, problem: Problem, position: int, elements: range, tally: Tally) -> None:
        self.problem = problem
        self.position = position
        self.elements = elements
        self.tally = tally
        self.type = problem.graph.types[position]
        self.x = concrete(problem.args[position], elements)

    @property
    def single(self) -> bool:
        """Whether there is one element only, and so no axis for it."""
        return len(self.elements) == 1

    def distance(self, t: Any) -> Any:
        """Return the distance that x really moves when ``t`` is added in the input's dtype."""
        dtype = self.type.dtype
        x = np.asarray(self.x, dtype)[()]
        moved = (x + np.asarray(t, dtype)[()]) - x
        return float(moved) if self.single else moved.astype(float)

    def __call__(self, t: Any) -> list[Any]:
        """Return the outputs; BranchError where a recorded comparison turns out otherwise."""
        problem, args = self.problem, list(self.problem.args)
        self.tally.count += len(self.elements)
        if not self.single:
            return self._lanes(problem.algebra, np.asarray(t, self.type.dtype))
        args[self.position] = self._moved(args[self.position], t)
        values = problem.algebra.run(problem.graph, args)
        guard = failing_guard(problem.graph, problem.algebra, values)
        if guard is not None:
            raise branch_error(problem.graph, problem.algebra, values, guard)
        return [_operand_value(problem, values, j) for j in problem.outputs]

    def along_imaginary(self, t: Any) -> list[Any]:
        """Return the outputs at x + i·t, complex."""
        problem, args, carrier = self.problem, list(self.problem.args), ComplexStepAlgebra()
        self.tally.count += len(self.elements)
        if not self.single:
            return self._lanes(carrier, np.asarray(1j * t))
        x = np.array(args[self.position], complex)
        x.flat[self.elements[0]] += 1j * t
        args[self.position] = x[()]
        values = evaluate_checked(problem.graph, carrier, args)
        return [
            values[j] if j >= 0 else carrier.constant(problem.graph.constants[~j]) for j in problem.outputs
        ]

    def per_element(self, outputs: Sequence[Any]) -> list[Any]:
        """Return outputs at the point itself in the layout of those at perturbed points."""
        if self.single:
            return list(outputs)
        return [np.broadcast_to(y, (len(self.elements), *np.shape(y))) for y in outputs]

    def _lanes(self, carrier: Algebra, t: Any) -> list[Any]:
        """Return the outputs at all perturbed points, which one evaluation in lanes gives."""
        problem, args, count = self.problem, list(self.problem.args), len(self.elements)
        lanes = BatchAlgebra(carrier, count)
        x = np.asarray(args[self.position])
        moved = np.repeat(x.reshape(1, -1), count, axis=0).astype(np.result_type(x, t), copy=False)
        moved[np.arange(count), self.elements] += t
        args[self.position] = lanes.lanes(moved.reshape(count, *x.shape))
        values = lanes.run(problem.graph, args)
        constants = problem.graph.constants
        found = [values[j] if j >= 0 else lanes.constant(constants[~j]) for j in problem.outputs]
        return [lanes.spread(value) for value in found]

    def _moved(self, x: Any, t: float) -> Any:
        if isinstance(x, Traced) or not self.type.shape:
            return x + seed(self.problem.algebra, self.type, self.elements[0]) * self.type.dtype.type(t)
        moved = np.array(x)
        moved.flat[self.elements[0]] += self.type.dtype.type(t)
        return moved

    def scale(self) -> Any:
        """Return max(|x|, 1), the length to which steps are relative."""
        if self.single:
            return max(abs(self.x), 1.0) if np.isfinite(self.x) else 1.0
        return np.where(np.isfinite(self.x), np.maximum(np.abs(self.x), 1.0), 1.0)

    def epsilon(self) -> float:
        """Return the coarsest machine epsilon among the dtypes of the program, to which its values are rounded."""
        dtypes = {type.dtype for type in {self.type, *self.problem.graph.types} if type.dtype != BOOL}
        return float(max(np.finfo(dtype).eps for dtype in dtypes))

    def label(self, k: int = 0) -> str:
        """Return the name of the ``k``-th element."""
        name = self.problem.graph.inputs[self.position]
        place = np.unravel_index(self.elements[k], self.type.shape) if self.type.shape else ()
        return name + (f"[{', '.join(str(int(k)) for k in place)}]" if place else "")


def concrete(value: Any, elements: range) -> Any:
    """Return one element of an argument as a number, several as an array; 1 where a trace has no example point."""
    if isinstance(value, Traced):
        try:
            value = value.recorder.concrete(value.index)
        except TraceError:
            return 1.0
    flat = np.ravel(value)
    return (
        float(flat[elements[0]]) if len(elements) == 1 else flat[elements.start : elements.stop].astype(float)
    )


def _over(difference: Any, t: Any) -> Any:
    """Return a difference of outputs by the distance that belongs to it."""
    if np.ndim(t) == 0:
        return difference / t
    return difference / t.astype(difference.dtype).reshape(-1, *(1,) * (np.ndim(difference) - 1))


Scheme = Callable[["Sampler", list[Any], "float | None"], tuple[list[Any], list[Any]]]
"""Takes elements to move, the outputs at the point and the step; returns differences and their error bars."""


def _per_element(
    scheme: Scheme,
) -> Callable[..., tuple[Column, Column]]:
    """Return a scheme for whole inputs from one for a run of elements."""

    def run(
        problem: Problem, position: int, base: list[Any], h: float | None, tally: Tally
    ) -> tuple[Column, Column]:
        derivatives: Column = [[] for _ in base]
        errors: Column = [[] for _ in base]
        with np.errstate(all="ignore"):
            for elements in _runs(problem, problem.graph.types[position].size):
                at = Sampler(problem, position, elements, tally)
                found, bars = scheme(at, at.per_element(base), h)
                if scheme is not _complex and isinstance(problem.algebra, NumpyAlgebra):
                    _undefined(at, at.per_element(base), found, bars)
                if scheme in (_central, _forward) and isinstance(problem.algebra, NumpyAlgebra):
                    _mend(at, base, found, scheme, h)
                for k in range(len(base)):
                    derivatives[k] += [found[k]] if at.single else list(found[k])
                    bar = bars[k] if bars else None
                    errors[k] += [bar] if at.single or bar is None else list(bar)
        return derivatives, errors

    return run


def _runs(problem: Problem, count: int) -> Iterator[range]:
    """Yield the elements in runs that are perturbed together."""
    if problem.graph.guards:
        return (range(k, k + 1) for k in range(count))
    return lane_chunks(problem, count)


# ---------------------------------------------------------------------------------------------------- schemes


def _forward(at: Sampler, base: list[Any], h: float | None) -> tuple[list[Any], list[Any]]:
    step = h if h is not None else at.epsilon() ** 0.5 * at.scale()
    t = _usable(at, step)
    try:
        moved = at(t)
    except BranchError:
        t = -_usable(at, step)
        at.tally.notes.append(
            f"The step h = {step:.3g} in {at.label()} crosses a branch; the difference looks backwards."
        )
        moved = at(t)
    return [_over(after - before, t) for after, before in zip(moved, base, strict=True)], []


def _central(at: Sampler, base: list[Any], h: float | None) -> tuple[list[Any], list[Any]]:
    step = h if h is not None else at.epsilon() ** (1 / 3) * at.scale()
    right, left = _usable(at, step), -_usable(at, -step)
    sides: list[list[Any] | None] = []
    for t in (right, -left):
        try:
            sides.append(at(t))
        except BranchError:
            sides.append(None)
    plus, minus = sides
    if plus is not None and minus is not None:
        found = [_over(above - below, right + left) for above, below in zip(plus, minus, strict=True)]
        if h is None and isinstance(at.problem.algebra, NumpyAlgebra):
            pairs = [_pair(*ys, right, left) for ys in zip(base, plus, minus, strict=True)]
            _doubt(at, pairs, base, found)
        return found, []
    return _one_sided(at, base, right if plus is not None else -left, plus or minus), []


class Pair(NamedTuple):
    """A central difference of one output, taken apart: the slopes on both sides, and the values they come of."""

    right: Any
    left: Any
    size: Any
    change: Any
    start: Any

    @property
    def bend(self) -> Any:
        """How far the slopes lie apart."""
        return np.abs(self.right - self.left)

    @property
    def slope(self) -> Any:
        """The steeper of the two."""
        return np.maximum(np.abs(self.right), np.abs(self.left))

    def doubtful(self, epsilon: float, unit: Any) -> Any:
        """Return which entries must not be taken on trust: the sides disagree, or the function moves by its own size.

        No evaluation is spent on it. What is small next to ⁶√ε of ``unit`` is curvature or a root, as anywhere.
        """
        small, noise = epsilon ** (1 / 6) * unit, 16 * epsilon * self.size
        with np.errstate(invalid="ignore"):
            step = self.change / np.maximum(np.abs(self.right + self.left), TINY)
            bent = (self.bend > BENT * self.slope) & (self.bend > small) & (self.bend * step > noise)
            opposite = (self.bend > self.slope) & (self.bend > small)
            moved = (self.change > BENT * self.size) & (self.change > small)
        finite = np.isfinite(self.bend) & np.isfinite(self.start)
        return (bent | opposite | moved) & finite


def _pair(start: Any, plus: Any, minus: Any, right: Any, left: Any) -> Pair:
    """Return the difference of one output in its parts."""
    size = np.maximum(np.maximum(np.abs(plus), np.abs(minus)), np.abs(start))
    slopes = _over(plus - start, right), _over(start - minus, left)
    return Pair(*slopes, size, np.abs(plus - minus), np.abs(start))


def _doubt(at: Sampler, pairs: list[Pair], base: list[Any], found: list[Any]) -> None:
    """Replace, in place, the differences that belie themselves by those of a step small enough; say where none is."""
    units = _units(at, pairs)
    marks = [
        np.asarray(pair.doubtful(at.epsilon(), np.reshape(units, (-1, *(1,) * (np.ndim(pair.size) - 1)))))
        if not at.single
        else np.asarray(pair.doubtful(at.epsilon(), units[0]))
        for pair in pairs
    ]
    elements = [mark.reshape(len(at.elements), -1).any(axis=1) for mark in marks]
    for k in np.flatnonzero(np.any(elements, axis=0)) if elements else ():
        alone = Sampler(at.problem, at.position, at.elements[k : k + 1], at.tally)
        own: Any = (lambda block: block) if at.single else (lambda block, k=k: block[k])
        first = Pair(*(_marked([own(pair[n]) for pair in pairs], [own(m) for m in marks]) for n in range(5)))
        better = _Shrinking(alone, [own(b) for b in base], [own(m) for m in marks], first).better()
        for n, near in enumerate(better or ()):
            found[n] = block = np.array(found[n])
            block[(...,) if at.single else k] = np.where(own(marks[n]), near, own(block))
            found[n] = block[()]


def _units(at: Sampler, pairs: list[Pair]) -> Any:
    """Return the size of the outputs around the point for each element, at most 1; 1 where all of them are 0 at it."""
    rows = [[np.reshape(part, (len(at.elements), -1)) for part in (p.size, p.start)] for p in pairs]
    size, start = (np.concatenate(parts, axis=1) for parts in zip(*rows, strict=True))
    finite = np.where(np.isfinite(size), size, 0.0)
    largest, somewhere = np.max(finite, axis=1, initial=0.0), np.any(start > 0, axis=1)
    return np.where(somewhere & (largest > 0), np.minimum(largest, 1.0), 1.0)


def _marked(blocks: Sequence[Any], marks: Sequence[Any]) -> Any:
    """Return the marked entries of all outputs as one vector."""
    return np.concatenate([np.ravel(np.asarray(b)[m]) for b, m in zip(blocks, marks, strict=True)])


class _Shrinking:
    """One element whose difference with the default step belies itself, looked at with ever smaller steps."""

    def __init__(self, alone: Sampler, base: list[Any], marks: list[Any], first: Pair) -> None:
        self.alone, self.base, self.marks, self.first = alone, base, marks, first
        self.epsilon = alone.epsilon()
        self.default = self.epsilon ** (1 / 3) * alone.scale()
        self.last = first

    def better(self) -> list[Any] | None:
        """Return the differences of the step at which shrinking it changes least, NaN where they never settle; None
        to keep those of the default, as at a kink and where the function is noise.
        """
        best: tuple[float, float, list[Any]] | None = None
        kink: Pair | None = None
        for k, (step, blocks, now) in enumerate(self._smaller()):
            before, self.last = self.last, now
            middle, older = (now.right + now.left) / 2, (before.right + before.left) / 2
            noise = 4 * self.epsilon * now.size / step
            size = np.maximum(np.abs(middle), np.abs(older))
            together = np.all((now.bend <= BENT * size) | (now.bend <= before.bend / 2) | (now.bend <= noise))
            if k == 0 and together and np.all(np.abs(middle - older) <= SETTLED * size + noise):
                return None
            least = SETTLED * self.first.slope + TINY
            gap = float(np.max((np.abs(middle - older) + noise) / np.maximum(size, least)))
            if together and gap <= SETTLED and (best is None or gap < best[0]):
                best = gap, step, blocks
            if (
                kink is None
                and not together
                and _alike(now.right, before.right)
                and _alike(now.left, before.left)
            ):
                kink = now
        if kink is not None and best is None:
            self.last = kink
            self._note("as at a kink, so the number given is only their mean")
            return None
        if self._noisy() or (best is None and self._below_rounding()):
            self._note("as rounding makes them, so this derivative is not to be trusted")
            return None
        if best is None:
            self._note("so there is no derivative to be had from differences")
            self.alone.tally.lost.add((self.alone.position, self.alone.elements[0]))
            return [np.full(np.shape(b), np.nan) for b in self.base]
        alone = self.alone
        alone.tally.notes.append(
            f"With the default step h = {self.default:.3g} in {alone.label()} the two sides of the difference belie "
            f"each other; the step was shrunk to {best[1]:.3g}."
        )
        alone.tally.steps[alone.position, alone.elements[0]] = best[1]
        return best[2]

    def _smaller(self) -> Iterator[tuple[float, list[Any], Pair]]:
        """Yield smaller and smaller steps, the differences with them, and the doubtful entries as vectors."""
        alone = self.alone
        least = 8 * float(np.spacing(alone.type.dtype.type(abs(alone.x))))
        for k in range(1, SHRINKS + 1):
            step = self.default / 8**k
            if step < least:
                return
            right, left = _usable(alone, step), -_usable(alone, -step)
            try:
                ys = alone(right), alone(-left)
            except BranchError:
                return
            pairs = [_pair(*y, right, left) for y in zip(self.base, *ys, strict=True)]
            blocks = [_over(plus - minus, right + left) for plus, minus in zip(*ys, strict=True)]
            yield step, blocks, Pair(*(_marked([pair[n] for pair in pairs], self.marks) for n in range(5)))

    def _noisy(self) -> bool:
        """Return whether slopes grow beyond what the function, which hardly moves, does with the default step."""
        steeper = np.any(self.last.slope > 16 * self.first.slope)
        return bool(steeper and np.all(self.first.slope * self.default < NOISE * self.first.size))

    def _below_rounding(self) -> bool:
        """Return whether the function is so small that it may be the rounding of what it is made of."""
        return bool(np.all(self.first.size < 64 * self.epsilon * self.alone.tally.largest))

    def _note(self, verdict: str) -> None:
        right, left = float(self.last.right[0]), float(self.last.left[0])
        self.alone.tally.notes.append(
            f"The differences by {self.alone.label()} do not come together as the step shrinks: the last slopes are "
            f"{right:.3g} to the right and {left:.3g} to the left, {verdict}."
        )


def _alike(now: Any, before: Any) -> bool:
    """Return whether slopes have settled."""
    return bool(np.all(np.abs(now - before) <= SETTLED * np.maximum(np.abs(now), np.abs(before))))


def _one_sided(at: Sampler, base: list[Any], t: float, near: list[Any] | None) -> list[Any]:
    """Return the three-point difference (−3f(x) + 4f(x + t) − f(x + 2t))/2t, exact to the same order as the
    central one.
    """
    far = at(2 * t)
    if near is None:
        near = at(t)
    at.tally.notes.append(
        f"The step in {at.label()} crosses a branch; the difference is taken on the other side only."
    )
    return [(4 * n - 3 * b - f) / (2 * t) for n, b, f in zip(near, base, far, strict=True)]


def _mend(at: Sampler, base: list[Any], found: list[Any], scheme: Scheme, h: float | None) -> None:
    """Replace, in place, the differences that are not finite because a step leaves the domain; say where it does.

    Where the step is ours to choose, it becomes small against the distance to the edge.
    """
    edges: list[str] = []
    for k in _stuck(at, base, found):
        alone = Sampler(at.problem, at.position, at.elements[k : k + 1], at.tally)
        step = None if h is not None else _step_inside(alone, base)
        if step is None:
            edges.append(at.label(k))
            continue
        at.tally.notes.append(
            f"The function is not finite a default step away from {at.label(k)}; the step was shrunk to {step:.3g}."
        )
        at.tally.steps[at.position, at.elements[k]] = step
        for block, nearer in zip(found, scheme(alone, base, step)[0], strict=True):
            block[... if at.single else k] = nearer
    if edges:
        shown = ", ".join(edges[:4]) + (f" and {len(edges) - 4} more" if len(edges) > 4 else "")
        reach = "however small the step" if h is None else f"a step of h = {h:.3g} away"
        at.tally.notes.append(
            f"On one side of {shown} the function is not finite {reach}, so the difference is not either."
        )


def _undefined(at: Sampler, base: list[Any], found: list[Any], bars: list[Any]) -> None:
    """Make NaN, in place, of differences across a point at which the function itself is not finite; say so."""
    for k, (block, start) in enumerate(zip(found, base, strict=True)):
        bad = np.isfinite(block) & ~np.isfinite(start)
        if np.any(bad):
            found[k] = np.where(bad, np.nan, block)[()]
            if bars:
                bars[k] = np.where(bad, np.inf, bars[k])[()]
            at.tally.notes.append(
                f"The function is not finite at the point itself, so its difference by {at.label()} is no derivative."
            )


def _stuck(at: Sampler, base: list[Any], found: list[Any]) -> list[int]:
    """Return the elements with a difference that is not finite, of outputs that are."""
    flags = np.zeros(len(at.elements), bool)
    for k, (block, before) in enumerate(zip(found, base, strict=True)):
        found[k] = block = np.array(block)
        bad = ~np.isfinite(block) & np.isfinite(before)
        flags |= bad.reshape(len(flags), -1).any(axis=1)
    lost = at.tally.lost
    return [int(k) for k in np.flatnonzero(flags) if (at.position, at.elements[k]) not in lost]


def _step_inside(at: Sampler, base: list[Any]) -> float | None:
    """Return a step that is small against the distance to the edge of the domain, None if there is none.

    The edge is looked for at ever smaller distances, and nearer to the point than 0 is, where domains often end.
    """
    small, least = at.epsilon() ** (1 / 3), 8 * float(np.spacing(at.type.dtype.type(abs(at.x))))
    tried = {abs(at.x) / 2, *(small * at.scale() / 100**k for k in range(1, 8))}
    for distance in sorted((t for t in tried if t > least), reverse=True):
        try:
            sides = [at(distance), at(-distance)]
        except BranchError:
            return None
        if all(
            np.all(np.isfinite(y) | ~np.isfinite(before))
            for side in sides
            for y, before in zip(side, base, strict=True)
        ):
            return float(max(small * distance, least))
    return None


def _usable(at: Sampler, t: Any) -> Any:
    """Return the distance that a step of ``t`` really moves x, or raise InputError if it moves nothing."""
    moved = at.distance(t)
    still = np.ravel((moved == 0) & np.isfinite(at.x))
    if still.any():
        k = int(np.argmax(still))
        step, x = (np.broadcast_to(value, still.shape)[k] for value in (np.abs(t), at.x))
        raise InputError(
            f"The step h = {step:.3g} vanishes next to {at.label(k)} = {x:.6g}; give a larger h, or None "
            "for the default."
        )
    return moved


def _complex(at: Sampler, base: list[Any], h: float | None) -> tuple[list[Any], list[Any]]:
    if not isinstance(at.problem.algebra, NumpyAlgebra):
        raise MethodError(
            "The complex step cannot stand inside another differentiation: its numbers are complex already. "
            "Use scheme='central', or the forward or reverse method."
        )
    step = _imaginary_step(at.x) if h is None else float(h) * np.ones(np.shape(at.x))
    return [_over(np.imag(y), step) for y in at.along_imaginary(step)], []


def _imaginary_step(x: Any) -> Any:
    """Return 1e-30·max(|x|, 1), but for tiny x a billionth of it: ln x is analytic only so far around x."""
    size = np.where(np.isfinite(x), np.abs(x), 1.0)
    tiny = (size > 0) & (size < 1e-20)
    return np.where(tiny, 1e-9 * size, COMPLEX_STEP * np.maximum(size, 1.0))[()]


def _richardson(at: Sampler, base: list[Any], h: float | None) -> tuple[list[Any], list[Any]]:
    """Return Ridders' tableau of central differences, its best entries and their error bars."""
    if not isinstance(at.problem.algebra, NumpyAlgebra):
        raise MethodError(
            "Richardson's scheme chooses among its estimates by their numbers, so it cannot stand inside "
            "another "
            "differentiation; use scheme='central', or the forward or reverse method."
        )
    step = h if h is not None else at.scale() / 10
    bests = [np.full(np.shape(b), np.nan) for b in base]
    bars = [np.full(np.shape(b), np.inf) for b in base]
    previous: list[list[Any]] = []
    column: list[list[Any]] = [[] for _ in base]
    crossed: BranchError | None = None
    unsettled = [np.zeros(np.shape(b), bool) for b in base]
    for k in range(RICHARDSON_ROWS + RICHARDSON_MORE):
        if k >= RICHARDSON_ROWS and not (any(map(np.any, unsettled)) and _wide(at, step)):
            break
        try:
            row, noise = _difference_row(at, step)
        except BranchError as error:
            crossed, previous, step = error, [], step / 2
            continue
        for estimates, first in zip(column, row, strict=True):
            estimates.append(first)
        if h is None:
            unsettled = [_unsettled(*parts, at.epsilon()) for parts in zip(column, noise, base, strict=True)]
        previous = _extrapolate(row, previous, bests, bars, noise)
        for bar, lost in zip(bars, unsettled, strict=True):
            bar[lost] = np.inf  # neither this row nor those before it estimate anything
        step /= 2
    if crossed is not None and not previous:
        raise crossed
    if any(map(np.any, unsettled)):
        for best, lost in zip(bests, unsettled, strict=True):
            best[lost] = np.nan
        at.tally.notes.append(
            f"The differences by {at.label()} do not settle however small the step, so there is nothing to extrapolate."
        )
    return [best[()] for best in bests], [bar[()] for bar in bars]


def _wide(at: Sampler, step: Any) -> bool:
    """Return whether a step is one that rounding leaves something of."""
    return bool(np.all(np.asarray(step) > 64 * np.spacing(np.abs(np.asarray(at.x, at.type.dtype)))))


def _unsettled(column: list[Any], noise: Any, start: Any, epsilon: float) -> Any:
    """Return where the last two central differences are not alike, and not for the function's noise."""
    if len(column) < 2:
        return np.zeros(np.shape(noise), bool)
    last, before = np.asarray(column[-1]), np.asarray(column[-2])
    gap = np.abs(last - before)
    moves = np.isfinite(start) & (gap > MOVES / epsilon * noise)
    return np.asarray(moves & (gap > UNSETTLED * np.maximum(np.abs(last), np.abs(before))))


def _difference_row(at: Sampler, step: Any) -> tuple[list[Any], list[Any]]:
    """Return central differences, and what rounding alone may do to them."""
    right, left = _usable(at, step), -_usable(at, -step)
    ends = list(zip(at(right), at(-left), strict=True))
    noise = [_over(at.epsilon() * np.maximum(np.abs(plus), np.abs(minus)), step) for plus, minus in ends]
    return [_over(plus - minus, right + left) for plus, minus in ends], noise


def _extrapolate(
    row: list[Any], previous: list[list[Any]], bests: list[Any], bars: list[Any], noise: list[Any]
) -> list[list[Any]]:
    """Return the tableau's next row, one list of estimates of rising order per output; update the best so
    far.
    """
    current: list[list[Any]] = []
    for k, first in enumerate(row):
        estimates = [first]
        for order, old in enumerate(previous[k] if previous else []):
            factor = 4.0 ** (order + 1)
            estimates.append((factor * estimates[-1] - old) / (factor - 1))
            apart = np.maximum(np.abs(estimates[-1] - estimates[-2]), np.abs(estimates[-1] - old)) + noise[k]
            better = (apart < bars[k]) | np.isnan(bests[k])
            bests[k] = np.where(better, estimates[-1], bests[k])
            bars[k] = np.where(better & ~np.isnan(apart), apart, bars[k])
        current.append(estimates)
    return current


SCHEMES: Mapping[str, Callable[..., tuple[Column, Column]]] = MappingProxyType(
    {
        "central": _per_element(_central),
        "forward": _per_element(_forward),
        "complex": _per_element(_complex),
        "richardson": _per_element(_richardson),
    }
)
"""The schemes by name."""

__all__ = ["CHECKING_STEP", "SCHEMES", "Numerical"]
