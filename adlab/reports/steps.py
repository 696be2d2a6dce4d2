"""The certificate of a step size: how the error of a difference depends on h, for this function at this point.

Two errors pull in opposite directions. *Truncation* is what Taylor's series leaves: the first term that the
scheme does not cancel, c·hᵖ, with c from derivatives found in mpmath. *Rounding* is what floating-point
arithmetic adds to a value, divided by h: it is estimated from this very program, by a running error analysis
that sends each operation's rounding through its adjoint. Where the two meet lies the best step. The
certificate predicts that step, measures the error at a range of steps against fifty digits, fits the slopes,
and says how many digits are to be trusted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.complexstep import ComplexStepAlgebra
from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import AdlabError, InputError, MethodError
from adlab.frontends.dispatch import to_graph
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.index import normalise_index
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Type
from adlab.methods.base import position_of
from adlab.methods.reference import reference
from adlab.reports.kinks import Element, elements
from adlab.reports.plain import plain
from adlab.transforms.evaluation import failing_guard, flatten_args
from adlab.transforms.scopes import expand
from adlab.transforms.sweeps import active_nodes, reverse_sweep

SCHEMES = ("forward", "central", "complex")
DTYPES = {"float64": FLOAT64, "float32": FLOAT32}

PER_DECADE = 8
WORK = 20_000_000
"""So many elementary operations may be spent on measuring; larger functions get fewer steps a decade."""

LARGEST = 10_000
"""Programs of more values are not certified."""

ORDERS = 7
"""Derivatives are taken up to this order; a scheme exact for all of them has no truncation."""

DIGITS = 60

WILD = 1e60
"""Coefficients so large come from differences across a kink, not from a smooth function."""

NOTHING = 1e-30
"""A derivative so small next to |f| per length is what a kink of the derivative leaves of 0."""

NEAR_TOP = 10
"""A difference that is good within this factor of the largest step is good at any large step."""

WINDOW = 4
"""Errors are noisy, now and then 0 by luck; each is judged together with so many neighbours on both sides."""


# ------------------------------------------------------------------------------------------------- the data


@dataclass(frozen=True)
class Slope:
    """A straight piece of a curve in logarithms: the error goes like h to the power ``value``.

    ``first`` and ``last`` are the steps that it was fitted between.
    """

    value: float
    first: float
    last: float
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Curve:
    """One scheme in one dtype.

    Attributes
    ----------
    scheme : {"forward", "central", "complex"}
    dtype : {"float64", "float32"}
    steps, errors : tuple of float
        What was measured: relative errors (absolute ones where the derivative is 0); NaN where the function
        is not defined at a step.
    judged : tuple of float
        Each error as its neighbourhood shows it: half a decade's mean ratio to the model, times the model.
    predicted : tuple of float
        The error that the model expects at each step.
    order : int or None
        The power of h that truncation goes with; None if there is no truncation, or no series to say.
    series : bool
        Whether there is a Taylor series to predict from.
    predicted_step, predicted_error : float or None
        Where the model's error is least; for the complex step, the largest step without truncation.
        None where no step is best, because there is no truncation.
    measured_step, measured_error : float
        Where the measured error, judged with its neighbours, is least.
    truncation, rounding : Slope or None
        Fitted on either side of the best step; None where too few steps show it.
    digits : int
        Decimal digits to be trusted at the best step: what was measured, unless the model expects less (at
        round numbers errors vanish by luck).
    """

    scheme: str
    dtype: str
    steps: tuple[float, ...]
    errors: tuple[float, ...]
    judged: tuple[float, ...]
    predicted: tuple[float, ...]
    order: int | None
    series: bool
    predicted_step: float | None
    predicted_error: float
    measured_step: float
    measured_error: float
    truncation: Slope | None
    rounding: Slope | None
    digits: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "scheme": self.scheme,
            "dtype": self.dtype,
            "order": self.order,
            "series": self.series,
            "predicted_step": self.predicted_step,
            "predicted_error": plain(self.predicted_error),
            "measured_step": self.measured_step,
            "measured_error": plain(self.measured_error),
            "truncation": self.truncation.to_dict() if self.truncation else None,
            "rounding": self.rounding.to_dict() if self.rounding else None,
            "digits": self.digits,
            "steps": list(self.steps),
            "errors": plain(list(self.errors)),
            "judged": plain(list(self.judged)),
            "predicted": plain(list(self.predicted)),
        }


@dataclass(frozen=True)
class StepCertificate:
    """What differences of one function at one point are worth.

    Attributes
    ----------
    title : str
        How the function is called.
    output, wrt : str
        What is differentiated by what.
    point : mapping of input name to value
    value, derivative : float
        The derivative from fifty digits.
    relative : bool
        Whether errors are relative; they are absolute where the derivative is 0.
    rounding : mapping of str to float
        The rounding error of one value of the function, as the running error analysis expects it, by dtype.
    automatic : mapping of str to float
        The error of reverse mode, by dtype.
    curves : tuple of Curve
    notes : tuple of str
    """

    title: str
    output: str
    wrt: str
    point: Mapping[str, Any]
    value: float
    derivative: float
    relative: bool
    rounding: Mapping[str, float]
    automatic: Mapping[str, float]
    curves: tuple[Curve, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, key: tuple[str, str]) -> Curve:
        for curve in self.curves:
            if (curve.dtype, curve.scheme) == key:
                return curve
        known = ", ".join(f"({c.dtype!r}, {c.scheme!r})" for c in self.curves)
        raise InputError(f"The certificate has no curve {key!r}; it has {known}.")

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that were measured."""
        return tuple(dict.fromkeys(curve.dtype for curve in self.curves))

    @property
    def sentence(self) -> str:
        """Say which step to take with each scheme, and how many digits can then be trusted."""
        by = f"∂{self.output}/∂{self.wrt}"
        return " ".join(_best_words(dtype, by, self.curves) for dtype in self.dtypes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data as JSON takes it."""
        return {
            "function": self.title,
            "output": self.output,
            "wrt": self.wrt,
            "point": {name: plain(value) for name, value in self.point.items()},
            "value": plain(self.value),
            "derivative": plain(self.derivative),
            "error": "relative" if self.relative else "absolute",
            "rounding": dict(self.rounding),
            "automatic": {name: plain(error) for name, error in self.automatic.items()},
            "curves": [curve.to_dict() for curve in self.curves],
            "sentence": self.sentence,
            "notes": list(self.notes),
        }


def _best_words(dtype: str, by: str, curves: Sequence[Curve]) -> str:
    """Return a sentence on the schemes in one dtype."""
    parts = {
        "forward": "forward differences reach {digits} at {step}",
        "central": "central differences {digits} at {step}",
        "complex": "the complex step {digits} at {step}",
    }
    said = [
        parts[curve.scheme].format(digits=_digits(curve), step=_step_words(curve))
        for curve in curves
        if curve.dtype == dtype
    ]
    return f"In {dtype}, of {by}: {', '.join(said)}."


def _digits(curve: Curve) -> str:
    return "1 digit" if curve.digits == 1 else f"{curve.digits or 'no'} digits"


def _step_words(curve: Curve) -> str:
    """Return which steps to take."""
    if curve.scheme == "complex":
        if curve.series and curve.predicted_step is None:
            return "any h"
        return f"any h below {_short(curve.predicted_step or curve.measured_step)}"
    if curve.series and curve.order is None:
        if curve.measured_step * NEAR_TOP >= curve.steps[-1]:
            return "any large h"
        return f"h ≈ {_short(curve.measured_step)} and no larger, for beyond it the function is another"
    return f"h ≈ {_short(curve.measured_step)}"


def _short(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if -3 < int(exponent) < 3:
        return f"{value:.2g}"
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")


# ------------------------------------------------------------------------------------------ the certificate


def step(
    f: Any,
    *args: Any,
    wrt: str | None = None,
    dtypes: Sequence[str] = tuple(DTYPES),
    names: Sequence[str] | None = None,
    title: str = "",
) -> StepCertificate:
    """Certify the step size of differences for a function at a point.

    The arguments are those of `adlab.step`. ``title`` is how the function is called, by default y(x1, …).

    Raises
    ------
    InputError
        Where there is no finite derivative to compare with, as on a kink, and for arguments that do not fit.

    Notes
    -----
    The model is E(h) = c·hᵖ + r·η/h. For forward differences p = 1, c = f″/2 and r = √2; for central ones
    p = 2, c = f‴/6 and r = 1/√2, or what the next order says where a derivative vanishes. η is the standard
    deviation of f's rounding error if each operation's is spread evenly over half a unit in the last place
    (Higham, *Accuracy and Stability of Numerical Algorithms*, §1.18 and ch. 3).

    Examples
    --------
    >>> certificate = step("exp(x)", 1.0, dtypes=["float64"])
    >>> central = certificate["float64", "central"]
    >>> central.order, 1e-6 < central.predicted_step < 1e-4, central.digits >= 9
    (2, True, True)
    """
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise InputError(f"A step is certified in float64 or float32, not in {dtype!r}.")
    recording = to_graph(f, args, names)
    if recording.captured:
        raise InputError("step takes a function of numbers; this one closes over a traced value.")
    graph = recording.graph
    if not args and graph.inputs:
        raise InputError(f"A certificate needs a point: give a value for {', '.join(graph.inputs)}.")
    leaves = flatten_args(graph, args)
    if any(primitive.composite for primitive in graph.primitives):
        graph = expand(graph)
    _check_number(graph)
    _check_size(graph)
    position, element = _place(graph, wrt)
    notes: list[str] = []
    looks = _looks(graph, leaves, position, element, dtypes or ("float64",), notes)
    first = next(iter(looks.values()))
    curves = tuple(curve for name, look in looks.items() for curve in look.curves(name))
    if not curves:
        raise InputError(f"No scheme finds a finite difference by {first.at.label} = {first.at.x:g}.")
    return StepCertificate(
        title or f"{graph.name}({', '.join(graph.inputs)})",
        graph.output_names[0],
        first.at.label,
        dict(zip(graph.inputs, leaves, strict=True)),
        first.value,
        first.derivative,
        first.derivative != 0,
        {name: look.noise for name, look in looks.items()},
        {name: look.automatic() for name, look in looks.items()},
        curves,
        tuple(dict.fromkeys([*notes, *(note for look in looks.values() for note in look.notes)])),
    )


def _looks(
    graph: Graph,
    leaves: Sequence[Any],
    position: int,
    element: tuple[int, ...],
    dtypes: Sequence[str],
    notes: list[str],
) -> dict[str, _Look]:
    """Return the function in each dtype; only the first of them must have a derivative."""
    looks: dict[str, _Look] = {}
    for name in dict.fromkeys(dtypes):
        try:
            looks[name] = _Look(in_dtype(graph, DTYPES[name]), leaves, position, element)
        except AdlabError as error:
            if not looks:
                raise
            notes.append(f"In {name} there is nothing to measure. {error}")
    return looks


def _check_number(graph: Graph) -> None:
    if len(graph.outputs) != 1 or graph.output_types[0].shape or graph.output_types[0].dtype == BOOL:
        shapes = ", ".join(str(type) for type in graph.output_types)
        raise InputError(
            f"A step is certified for one number; this function returns {shapes}: return one element, or a "
            "sum."
        )


def _check_size(graph: Graph) -> None:
    """Refuse programs whose derivatives in mpmath would take minutes."""
    size = sum(type.size for type in graph.types)
    if size > LARGEST:
        raise InputError(
            f"A certificate takes high derivatives in sixty digits, and this program has {size} values; up to "
            f"{LARGEST} are possible: certify a smaller part of it."
        )


def _place(graph: Graph, wrt: str | None) -> tuple[int, tuple[int, ...]]:
    """Return the input and the element in it that a label names."""
    real = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL and type.size]
    if not real:
        raise InputError("The function has no input that holds numbers, so there is no step to take.")
    name, _, inside = (wrt or graph.inputs[real[0]]).partition("[")
    if wrt is not None and wrt in graph.inputs:
        name, inside = wrt, ""
    position = position_of(graph, name)
    shape = graph.types[position].shape
    if not inside:
        return position, (0,) * len(shape)
    try:
        element = tuple(int(part) for part in inside.rstrip("]").split(","))
    except ValueError:
        element = ()
    if len(element) != len(shape) or any(not 0 <= k < n for k, n in zip(element, shape, strict=True)):
        raise InputError(f"There is no element {wrt!r}: {name} has shape {shape}.")
    return position, element


def in_dtype(graph: Graph, dtype: np.dtype[Any]) -> Graph:
    """Return the same program computing in another dtype, its literals rounded to it; truth values stay."""

    def turned(type: Type) -> Type:
        return type if type.dtype == BOOL else Type(type.shape, dtype)

    def constant(given: Constant) -> Constant:
        array = isinstance(given.value, np.ndarray) and given.type.dtype != BOOL
        return Constant(given.value.astype(dtype) if array else given.value, turned(given.type))

    params = [
        (("dtype", dtype.name),) if primitive.name == "cast" else given
        for primitive, given in zip(graph.primitives, graph.params, strict=True)
    ]
    return dataclasses.replace(
        graph,
        types=[turned(type) for type in graph.types],
        constants=tuple(constant(given) for given in graph.constants),
        params=params,
    )


class _PlainComplex(ComplexStepAlgebra):
    """Plain complex arithmetic, as in Im f(x + ih)/h, rounded to two numbers of a dtype.

    adlab's own complex step keeps real parts what the real function gives, which leaves out most of the
    truncation; what is certified here is the scheme as it stands in textbooks.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.kind = np.complex64 if dtype == FLOAT32 else np.complex128

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the primitive of complex operands."""
        moved = any(np.iscomplexobj(x) for x in xs)
        if not moved or primitive.rule is None or primitive.name in ("where", "max", "min"):
            value = super().apply(primitive, xs, params)
        else:
            value = self._continuation(primitive)(*xs, **dict(params))
        return np.asarray(value).astype(self.kind)[()] if np.iscomplexobj(value) else value


# ------------------------------------------------------------------------------------------------ one dtype


class _Look:
    """The function in one dtype, along one element: its exact derivatives, its noise, its differences."""

    def __init__(self, graph: Graph, leaves: Sequence[Any], position: int, element: tuple[int, ...]) -> None:
        self.graph = graph
        self.dtype = graph.types[position].dtype
        self.epsilon = float(np.finfo(self.dtype).eps)
        with np.errstate(over="ignore"):
            self.leaves = [
                x if type.dtype == BOOL else np.asarray(x).astype(type.dtype)[()]
                for x, type in zip(leaves, graph.input_types, strict=True)
            ]
        self.at = next(at for at in elements(graph, self.leaves, position) if at.element == element)
        self.notes: list[str] = []
        with np.errstate(all="ignore"):
            self.values = NUMPY.run(graph, self.leaves)
        self.value = float(self._output(self.values))
        self.derivative = self._derivative()
        self.size = abs(self.derivative) or 1.0
        self.taylor, self.unit = _taylor(self.at)
        if self.taylor is None:
            self.notes.append(
                "The function has no Taylor series here, as on a kink of a derivative: no truncation is "
                "predicted, only measured."
            )
        self.noise = self._noise()
        self.steps = self._steps()

    def _output(self, values: Sequence[Any]) -> Any:
        return NUMPY.outputs(self.graph, values)[0]

    def _derivative(self) -> float:
        """Return the derivative from fifty digits, or raise InputError where there is none."""
        at = self.at
        sliced, x = _along(at)
        found = reference(sliced, [x])
        if found.kinks:
            kink = found.kinks[0]
            raise InputError(
                f"The derivative by {at.label} is {kink.left:.6g} from the left and {kink.right:.6g} from the "
                "right, so there is none for a difference to come near to; kinks lists what the point sits on."
            )
        self.exact = found.jacobians[0][0]
        if abs(self.exact) < NOTHING * abs(self.value) / at.scale:
            self.exact = self.exact * 0
        value = float(self.exact)
        if not math.isfinite(value):
            raise InputError(
                f"The derivative by {at.label} is {value:g}, so there is none for a difference to come near "
                "to; autopsy says where it comes from."
            )
        return value

    def _noise(self) -> float:
        """Return the standard deviation of the rounding error of one value.

        Operations that do not depend on the element round alike at every step, and cancel in a difference.
        """
        graph = self.graph
        moved = active_nodes(graph, [self.at.position])
        target = graph.outputs[0]
        adjoints = reverse_sweep(
            graph, NUMPY, self.values, [(target, self.dtype.type(1))], range(len(graph.inputs))
        )
        total = 0.0
        with np.errstate(all="ignore"):
            for i in range(len(graph.inputs), len(graph)):
                if moved[i] and adjoints[i] is not None and not _is_exact(graph.primitives[i]):
                    each = np.asarray(adjoints[i], float) * np.asarray(self.values[i], float)
                    total += float(np.sum(np.square(each)))
        unit = self.epsilon / (2 * math.sqrt(3))
        return unit * math.sqrt(total) if math.isfinite(total) else self.epsilon * abs(self.value)

    def automatic(self) -> float:
        """Return the error of reverse mode."""
        graph, at = self.graph, self.at
        seeds = [(graph.outputs[0], self.dtype.type(1))]
        adjoint = reverse_sweep(graph, NUMPY, self.values, seeds, [at.position])[at.position]
        return self._error(0.0 if adjoint is None else np.asarray(adjoint)[at.element])

    def _error(self, found: Any) -> float:
        """Return how far a derivative is off, in digits that the exact one has and float64 has not."""
        if not np.isfinite(found):
            return float("nan")
        return float(abs(self.exact.context.mpf(float(found)) - self.exact)) / self.size

    # ------------------------------------------------------------------------------------------ measuring

    def _steps(self) -> tuple[float, ...]:
        """Return steps from 1 (or the size of x) down to what vanishes next to x, evenly in logarithms."""
        x = abs(self.at.x)
        decade = math.floor(math.log10(x)) if x else 0
        top = max(decade, 0)
        bottom = max(min(decade, 0) + math.floor(math.log10(self.epsilon)), -320)
        work = sum(type.size for type in self.graph.types)
        each = PER_DECADE if work * (top - bottom) * 4 * PER_DECADE < WORK and top - bottom < 60 else 1
        count = (top - bottom) * each
        return tuple(10.0 ** (bottom + k / each) for k in range(count + 1))

    def curves(self, name: str) -> list[Curve]:
        """Return one curve per scheme; a scheme that cannot pass through the program is left out."""
        found = []
        for scheme in SCHEMES:
            try:
                found.append(self._curve(name, scheme))
            except MethodError as error:
                self.notes.append(f"The {scheme} scheme is left out: {error}")
        return found

    def _curve(self, name: str, scheme: str) -> Curve:
        """Return what one scheme measures, with what the model predicts."""
        difference: Callable[[float], Any] = getattr(self, f"_{scheme}")
        with np.errstate(all="ignore"):
            errors = np.array([self._error(difference(h)) for h in self.steps])
        order, best, least = self._predicted(scheme)
        predicted = tuple(self._model(scheme, h) for h in self.steps)
        judged = _judged(errors, np.array(predicted), self.epsilon)
        if np.all(np.isnan(judged)):
            raise MethodError(f"it finds no finite value near {self.at.label} = {self.at.x:g}.")
        place = int(np.nanargmin(judged))
        error = float(judged[place])
        if scheme == "complex" or (order is None and self.taylor is not None):
            place = _last_flat(judged, place)
        return Curve(
            scheme,
            name,
            self.steps,
            tuple(errors.tolist()),
            tuple(judged.tolist()),
            predicted,
            order,
            self.taylor is not None,
            best,
            least,
            self.steps[place],
            error,
            _fitted(self.steps, errors, place, 1, self.epsilon),
            _fitted(self.steps, errors, place, -1, self.epsilon) if scheme != "complex" else None,
            max(0, math.floor(-math.log10(max(error, least, self.epsilon / 2)))),
        )

    def _at(self, t: float) -> Any:
        """Return the function's value at a step; NaN where a recorded branch does not hold."""
        values = NUMPY.run(self.graph, self.at.moved(t))
        if failing_guard(self.graph, NUMPY, values) is not None:
            self.notes.append("Steps that would cross a branch of the program are left out.")
            return np.nan
        return self._output(values)

    def _distance(self, t: float) -> float:
        """Return how far x really moves when ``t`` is added in its dtype."""
        x = self.dtype.type(self.at.x)
        return float((x + self.dtype.type(t)) - x)

    def _forward(self, h: float) -> Any:
        t = self._distance(h)
        return (self._at(h) - self._output(self.values)) / self.dtype.type(t) if t else np.nan

    def _central(self, h: float) -> Any:
        t = self._distance(h) - self._distance(-h)
        return (self._at(h) - self._at(-h)) / self.dtype.type(t) if t else np.nan

    def _complex(self, h: float) -> Any:
        at = self.at
        carrier = _PlainComplex(self.dtype)
        leaves = list(self.leaves)
        x = np.array(leaves[at.position], complex)
        x[at.element] += 1j * h
        leaves[at.position] = x.astype(carrier.kind)[()]
        values = carrier.run(self.graph, leaves)
        return np.imag(carrier.outputs(self.graph, values)[0]) / self.dtype.type(h)

    # ----------------------------------------------------------------------------------------- predicting

    def _leading(self, scheme: str) -> tuple[int | None, float]:
        """Return the first order of h/unit that the scheme leaves, and its coefficient."""
        if self.taylor is None:
            return None, 0.0
        orders = range(2, ORDERS + 1) if scheme == "forward" else range(3, ORDERS + 1, 2)
        for k in orders:
            if self.taylor[k]:
                return k - 1, abs(self.taylor[k]) / self.unit
        return None, 0.0

    def _model(self, scheme: str, h: float) -> float:
        """Return the error that truncation and rounding add up to."""
        order, c = self._leading(scheme)
        with np.errstate(all="ignore"):
            truncation = c * np.float64(h / self.unit) ** order if order else 0.0
            if scheme == "complex":
                return float((truncation + self._floor()) / self.size)
            return float((truncation + _spread(scheme) * self.noise / h) / self.size)

    def _floor(self) -> float:
        """Return what rounding does to a derivative that is not a difference."""
        return self.epsilon / 4 * self.size

    def _predicted(self, scheme: str) -> tuple[int | None, float | None, float]:
        """Return the order, the best step and the error there, each as the model has it."""
        order, c = self._leading(scheme)
        if order is None:
            return None, None, self._model(scheme, max(self.steps))
        if scheme == "complex":
            ratio = (self._floor() / c) ** (1 / order)
        else:
            ratio = (_spread(scheme) * self.noise / self.unit / (order * c)) ** (1 / (order + 1))
        h = ratio * self.unit
        if scheme != "complex":
            h = max(h, float(np.spacing(self.dtype.type(abs(self.at.x)))))
        return order, h, self._model(scheme, h)


def _spread(scheme: str) -> float:
    """Return how the rounding errors of two values add up in a difference, divided by h."""
    return math.sqrt(2.0) if scheme == "forward" else math.sqrt(0.5)


def _is_exact(primitive: Primitive) -> bool:
    """Return whether a row moves numbers about without rounding any."""
    return primitive.name in (
        "negative", "absolute", "sign", "maximum", "minimum", "max", "min", "where", "relu", "clip", "floor",
        "ceil", "round", "reshape", "transpose", "broadcast_to", "index", "index_add", "concatenate", "stack",
        "stop_gradient", "cast",
    )  # fmt: skip


def _along(at: Element) -> tuple[Graph, Any]:
    """Return the function of the one element alone, and its value: the others become literals."""
    return _with_fixed_inputs(at), np.asarray(at.leaves[at.position])[at.element]


def _with_fixed_inputs(at: Element) -> Graph:
    """Return a graph of one scalar input, in which every other element of the inputs is a literal."""
    graph = at.graph
    recorder = Recorder()
    algebra = GraphAlgebra(recorder)
    type = graph.types[at.position]
    x = recorder.variable("x", Type((), type.dtype))
    values: list[Any] = []
    for k, leaf in enumerate(at.leaves):
        values.append(x if k == at.position else Traced(recorder, recorder.operand(leaf)))
    if type.shape:
        values[at.position] = _inserted(algebra, recorder, x, at)
    constants = [Traced(recorder, recorder.literal(c.value, c.type.dtype)) for c in graph.constants]
    for i in range(len(graph.inputs), len(graph)):
        xs = [values[j] if j >= 0 else constants[~j] for j in graph.operands[i]]
        recorder.source = graph.sources[graph.source_ids[i]]
        values.append(
            Traced(recorder, recorder.apply(graph.primitives[i], tuple(x.index for x in xs), graph.params[i]))
        )
    for guard in graph.guards:
        operand = values[guard.operand] if guard.operand >= 0 else constants[~guard.operand]
        recorder.source = graph.sources[guard.source]
        recorder.guard(operand.index, guard.outcome)
    output = graph.outputs[0]
    return recorder.finish([(values[output] if output >= 0 else constants[~output]).index])


def _inserted(algebra: Any, recorder: Any, x: Any, at: Element) -> Any:
    """Return the array that holds ``x`` at the element and numbers elsewhere."""
    leaf = np.array(at.leaves[at.position])
    leaf[at.element] = 0
    placed = algebra.index_add(x, index=normalise_index(at.element, leaf.shape), shape=leaf.shape)
    return placed + leaf


def _taylor(at: Element) -> tuple[tuple[float, ...] | None, float]:
    """Return f⁽ᵏ⁾·unitᵏ/k! along the element for k = 0 … `ORDERS`, and the unit of length.

    Derivatives are taken by mpmath, of the program evaluated in mpmath: no rule is read. What is 0 to
    fifteen digits is 0. There is None where there is no series, as on a kink of the derivative.
    """
    carrier = MpmathAlgebra(DIGITS)
    mp = carrier.library
    graph, x = _along(at)
    start = carrier.array(x)
    unit = min(10.0 ** math.floor(math.log10(abs(at.x))), 1.0) if at.x else 1.0

    def along(t: Any) -> Any:
        return carrier.outputs(graph, carrier.run(graph, [start + t * carrier.number(unit)]))[0]

    try:
        found = [mp.mpf(c) for c in mp.taylor(along, 0, ORDERS)]
    except (AdlabError, ArithmeticError, ValueError, TypeError):
        return None, unit
    largest = max(abs(c) for c in found[1:]) or mp.mpf(1)
    if not all(mp.isfinite(c) for c in found) or largest > WILD * max(abs(found[0]), abs(found[1])):
        return None, unit
    return tuple(float(c) if abs(c) > largest * mp.mpf(10) ** -15 else 0.0 for c in found), unit


# ------------------------------------------------------------------------------------------------- judging


def _judged(errors: Any, predicted: Any, epsilon: float) -> Any:
    """Return each error as its neighbourhood shows it: one lucky step is not a good step.

    What is averaged (the root of the mean square) is the ratio to the model, so that a steep curve is not
    lifted by its higher end.
    """
    known = np.clip(errors, epsilon / 8, 1e100)
    model = np.clip(predicted, epsilon / 8, 1e100)
    judged = np.full(len(known), np.nan)
    for k in range(len(known)):
        near = (known / model)[max(0, k - WINDOW) : k + WINDOW + 1]
        near = near[np.isfinite(near)]
        if len(near) > WINDOW and np.isfinite(known[k]):
            judged[k] = model[k] * np.sqrt(np.mean(np.square(near)))
    return judged


def _last_flat(judged: Any, place: int) -> int:
    """Return the largest step at which the error is as small as at the best one, or nearly."""
    return int(np.flatnonzero(judged <= 3 * judged[place])[-1])


def _fitted(steps: Sequence[float], errors: Any, best: int, side: int, epsilon: float) -> Slope | None:
    """Return the straight line through the errors on one side of the best step, from a little way off."""
    h = np.asarray(steps)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = h / h[best] if side > 0 else h[best] / h
        used = (gap >= 10.0) & (errors < 0.05) & (errors > epsilon)
    if np.count_nonzero(used) < 4:
        return None
    slope = np.polyfit(np.log10(h[used]), np.log10(errors[used]), 1)[0]
    return Slope(float(slope), float(h[used][0]), float(h[used][-1]), int(np.count_nonzero(used)))


__all__ = ["SCHEMES", "Curve", "Slope", "StepCertificate", "in_dtype", "step"]
