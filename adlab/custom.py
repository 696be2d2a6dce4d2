"""A user's own operation with its own rule, as a row like any other.

`primitive` wraps a NumPy function that adlab need not look into: a call of it is one node. Its rule is NumPy code too.
Over numbers and over traced variables the rule is simply called, so that derivatives of any order are graphs; any other
carrier evaluates the graph that the rule traces to. The row belongs to the object that `primitive` returns: there is no
table of them anywhere.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from adlab.algebra.exact import MpmathAlgebra, SympyAlgebra
from adlab.algebra.notation import Term
from adlab.algebra.numpy import NUMPY, NumpyAlgebra
from adlab.algebra.traced import GraphAlgebra, Recorder, Traced, innermost
from adlab.errors import AdlabError, GradientError, InputError, MethodError, MissingRuleError
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.frontends.recording import as_leaf, record, type_of_leaf
from adlab.functions import promoted
from adlab.ir.builder import user_source
from adlab.ir.graph import Graph, Source
from adlab.ir.primitive import Notation, Params, Primitive, Site
from adlab.ir.types import BOOL, FLOAT64, Shape, Type, common_dtype
from adlab.methods import METHODS
from adlab.primitives import NAMES, infer
from adlab.primitives.notation import ATOM
from adlab.primitives.rules import Elementwise, Joint

TOLERANCE = 1e-6
"""How far, relative to the largest derivative or 1, a rule may be from differences beyond their own error bar."""

Rule = Callable[..., Any]


def primitive(
    fun: Callable[..., Any],
    *,
    name: str | None = None,
    partials: Rule | None = None,
    vjp: Rule | None = None,
    jvp: Rule | None = None,
    mpmath: Rule | None = None,
    sympy: Rule | None = None,
    check: Any = False,
) -> UserPrimitive:
    """Return ``fun`` as one operation with a derivative rule of its own.

    Parameters
    ----------
    fun : callable
        Takes numbers and arrays, returns one number or array; computed with NumPy and never traced.
    name : str, optional
        How it is called in graphs and traces; by default the name of the function.
    partials : callable, optional
        For an elementwise ``fun``: ``partials(y, *xs)`` returns one partial derivative per argument, as a tuple (or the
        bare partial of a single argument). Serves both modes.
    vjp : callable, optional
        ``vjp(y, *xs)`` returns the pullback: a function from the cotangent of ``y`` to a tuple of cotangents, each
        shaped as its argument. Serves reverse mode.
    jvp : callable, optional
        ``jvp(y, xs, tangents)`` returns the tangent of ``y``; a tangent of zeros stands for an argument that does not
        move. Serves forward mode.
    mpmath : callable, optional
        ``mpmath(mp, *xs)`` computes ``fun`` with the numbers of an mpmath context, or object arrays of them: with it the
        fifty-digit reference can judge the rule.
    sympy : callable, optional
        ``sympy(sp, *xs)`` writes ``fun`` with SymPy's functions; with it symbolic differentiation passes through.
    check : bool or tuple
        Compare the rule with differences now: True for an elementwise ``fun`` at a few points between 0 and 1, or a
        tuple of arguments at which to compare.

    Returns
    -------
    UserPrimitive
        A callable of numbers, arrays and traced values.

    Raises
    ------
    InputError
        If a name or a combination of rules cannot be used, or a rule returns what does not fit.
    GradientError
        If ``check`` is asked for and a rule disagrees with differences, or the ``mpmath`` or ``sympy`` function of an
        elementwise ``fun`` has other values than ``fun`` between 0 and 1.
    MissingRuleError
        Also a NotImplementedError; later, when a derivative needs a rule that was not given.

    Notes
    -----
    Rules are NumPy code that may run on traced values: a Hessian differentiates the rule. Without ``mpmath`` and ``sympy``
    the fifty-digit reference and symbolic differentiation have no way to compute ``fun`` and refuse it by name; checks
    then fall back on extrapolated differences and say so. ``fun`` of an elementwise primitive gets single numbers there.

    Examples
    --------
    >>> from adlab.derivatives import grad
    >>> softsign = primitive(lambda x: x / (1 + abs(x)), name="softsign", partials=lambda y, x: 1 / (1 + abs(x)) ** 2)
    >>> float(softsign(1.0)), float(grad(softsign)(1.0)), float(grad(grad(softsign))(1.0))
    (0.5, 0.25, -0.25)
    """
    given = {"fun": fun, "partials": partials, "vjp": vjp, "jvp": jvp, "mpmath": mpmath, "sympy": sympy}
    for label, rule in given.items():
        if rule is not None and not callable(rule):
            raise InputError(f"{label} must be a function, not a {type(rule).__name__}.")
    if partials is not None and (vjp is not None or jvp is not None):
        raise InputError(
            "A primitive takes either partials, which serve both modes, or vjp and jvp; leave out one or the other."
        )
    made = UserPrimitive(fun, _name(fun, name), partials, vjp, jvp, Exact(mpmath, sympy))
    if check is not False and check is not None:
        for point in _points(made, check):
            _check(made, point)
    elif partials is not None and (mpmath is not None or sympy is not None):
        for point in _draws(_required(fun)):
            _check_exact_at(made, point)
    return made


def _name(fun: Any, name: str | None) -> str:
    """Return a name that no row of the rule table has: carriers know those by name."""
    if name is None:
        given = getattr(fun, "__name__", type(fun).__name__)
        given = given if given.isidentifier() else "primitive"
        return f"custom_{given}" if given in NAMES else given
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(f"The name of a primitive is an identifier such as 'softsign', not {name!r}.")
    if name in NAMES:
        raise InputError(
            f"The name {name!r} belongs to a row of adlab's own table; give the primitive another."
        )
    return name


def place_of(function: Any) -> str:
    """Return where a function was written, with its line, to begin an error with."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    source = Source(code.co_filename, code.co_firstlineno) if code else user_source()
    line = source.text()
    return f"{source}: `{line}`" if line else str(source)


class Exact(NamedTuple):
    """How a user's operation is computed by the libraries of exact numbers, where the user says so."""

    mpmath: Rule | None = None
    sympy: Rule | None = None

    def columns(self, elementwise: bool) -> dict[str, Rule | None]:
        """Return the row's functions of (library, *operands, **params)."""
        found: dict[str, Rule | None] = {}
        for column, rule in self._asdict().items():
            guarded = None if rule is None else functools.partial(_in_library, rule, column)
            found[column] = (
                guarded if rule is None or elementwise else functools.partial(_without_params, guarded)
            )
        return found


def _in_library(rule: Rule, column: str, library: Any, *xs: Any) -> Any:
    """Return what a user's exact function computes; what it raises becomes a sentence that names its line."""
    try:
        return rule(library, *xs)
    except (TypeError, AttributeError) as error:
        short = "mp" if column == "mpmath" else "sp"
        raise MethodError(
            f"{place_of(rule)}: the {column} function cannot compute with {column}'s numbers ({error}); it takes ({short}, *xs) "
            f"and uses the functions of {short}, such as {short}.sin, not NumPy's."
        ) from error


def _without_params(rule: Any, library: Any, *xs: Any, **params: Any) -> Any:
    return np.asarray(rule(library, *xs), dtype=object)


class UserPrimitive:
    """An operation that a user gave, with its rule; made by `primitive`.

    Attributes
    ----------
    name : str
    fun : callable
        The function on numbers and arrays.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        name: str,
        partials: Rule | None,
        vjp: Rule | None,
        jvp: Rule | None,
        exact: Exact,
    ) -> None:
        self.fun = fun
        self.name = name
        self.partials = partials
        self.exact = exact
        self._general = UserRule(name, vjp, jvp)
        self._rows: dict[int, Primitive] = {}
        functools.update_wrapper(self, fun, updated=())

    def __call__(self, *xs: Any) -> Any:
        """Return the value; on traced values, one node."""
        if not xs:
            raise InputError(f"{self.name} takes at least one argument.")
        row, recorder = self.row(len(xs)), innermost(xs)
        if recorder is None:
            arrays = [promoted(x) for x in xs]
            types = [type_of_leaf(x) for x in arrays]
            return computed(self, arrays, infer.real(*types) if row.elementwise else None)
        given = [recorder.nested(x) for x in xs]
        return recorder.record(row, given, () if row.elementwise else self._result_type(given))

    def row(self, arity: int) -> Primitive:
        """Return the row for so many operands; always the same one, so that equal calls are one node."""
        if arity not in self._rows:
            self._rows[arity] = self._make_row(arity)
        return self._rows[arity]

    def _make_row(self, arity: int) -> Primitive:
        notation = Notation(f"{self.name}({{*}})", _latex(self.name), ATOM)
        facts: dict[str, Any] = {"arity": arity, "notation": notation, "summary": "a user's own operation"}
        facts |= self.exact.columns(self.partials is not None)
        if self.partials is None:
            return Primitive(
                self.name, _stated, self._general, functools.partial(_general_value, self), **facts
            )
        rule = Elementwise(tuple(UserPartial(self.name, self.partials, arity, k) for k in range(arity)))
        return Primitive(
            self.name,
            infer.real,
            rule,
            functools.partial(_elementwise_value, self),
            elementwise=True,
            **facts,
        )

    def _result_type(self, xs: Sequence[Any]) -> Params:
        """Return shape and dtype of the result, found by computing it at the example values."""
        y = computed(self, [_example(x) for x in xs], None)
        return (("dtype", y.dtype.name), ("shape", np.shape(y)))

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def rows_by_name(primitives: Iterable[UserPrimitive]) -> dict[str, Callable[[int], Primitive]]:
    """Return users' rows, as functions of the number of operands, by name; InputError for two of one name."""
    found: dict[str, Callable[[int], Primitive]] = {}
    for made in primitives:
        if not isinstance(made, UserPrimitive):
            raise InputError(f"primitives takes what ad.primitive returned, not a {type(made).__name__}.")
        if made.name in found:
            raise InputError(
                f"Two of the primitives are called {made.name!r}; give one of them another name=."
            )
        found[made.name] = made.row
    return found


def _latex(name: str) -> str:
    return r"\operatorname{{" + name.replace("_", r"\_") + r"}}\left({*}\right)"


def _stated(*types: Type, shape: Shape, dtype: str) -> Type:
    return Type(tuple(shape), np.dtype(dtype))


def _example(x: Any) -> Any:
    """Return the number a value has at the example point, ones where the trace has no example."""
    if not isinstance(x, Traced):
        return promoted(x)
    try:
        return x.recorder.concrete(x.index)
    except AdlabError:
        return np.ones(x.shape, x.dtype)[()]


# -------------------------------------------------------------------------------------------------- the value


def _general_value(owner: UserPrimitive, *xs: Any, shape: Shape, dtype: str) -> Any:
    return computed(owner, xs, Type(tuple(shape), np.dtype(dtype)))


def _elementwise_value(owner: UserPrimitive, *xs: Any) -> Any:
    return computed(owner, xs, infer.real(*[Type(np.shape(x), np.asarray(x).dtype) for x in xs]))


def computed(owner: UserPrimitive, xs: Sequence[Any], type: Type | None) -> Any:
    """Return the function of numbers and arrays as a value of ``type``, or of the type it has by itself.

    The function gets copies of the arrays, so that it can write into them without changing the values of a graph. One
    that is elementwise but takes only numbers is called for each element.
    """
    if any(np.asarray(x).dtype.kind not in "fb" for x in xs):
        raise MethodError(
            f"{owner.name} is a user's primitive, computed with NumPy in floating point: it has no value in symbols, in "
            "many digits or for complex numbers, so the reference cannot judge it; give ad.primitive its mpmath= or sympy= "
            "function, or use reverse or forward mode, or central differences."
        )
    given = [x.copy() if isinstance(x, np.ndarray) else x for x in xs]
    if type is None:
        return _real(owner, owner.fun(*given))
    if owner.partials is None or not type.shape:
        return _fitted(owner, owner.fun(*given), type)
    try:
        y = np.asarray(owner.fun(*given))
    except (TypeError, ValueError):
        y = None
    if y is None or y.shape != type.shape:
        y = np.frompyfunc(owner.fun, len(xs), 1)(*xs)
    return _fitted(owner, y, type)


def _real(owner: UserPrimitive, y: Any) -> Any:
    try:
        return as_leaf(y, f"{owner.name}, computed at {place_of(owner.fun)},")
    except InputError as error:
        raise InputError(f"{place_of(owner.fun)}: {error}") from None


def _fitted(owner: UserPrimitive, y: Any, type: Type) -> Any:
    array = np.asarray(y)
    if array.dtype == object:
        array = np.asarray(array.tolist())
    value = _real(owner, array)
    if np.shape(value) != type.shape:
        rule = "an elementwise primitive keeps the broadcast shape of its arguments"
        if owner.partials is None:
            rule = "its shape may depend on nothing but the shapes of its arguments"
        raise InputError(
            f"{place_of(owner.fun)}: {owner.name} returned a value of shape {np.shape(value)} where {type.shape} was "
            f"expected; {rule}."
        )
    return value.astype(type.dtype, copy=False) if isinstance(value, np.ndarray) else type.dtype.type(value)


# -------------------------------------------------------------------------------------------------- the rules


def run_rule(A: Any, function: Rule, values: Sequence[Any], types: Sequence[Type]) -> Any:
    """Return what a rule makes of values of a carrier, as one value or a tuple of them.

    Over NumPy and over traced variables the rule is called; for every other carrier it is traced once at these types
    and the graph evaluated there. None, "nothing", is 0.
    """
    if isinstance(A, (NumpyAlgebra, GraphAlgebra)):
        return function(*[_number(x, type) for x, type in zip(values, types, strict=True)])
    recorder = Recorder(FUNCTIONS)
    variables = [
        recorder.variable(f"x{k}", type, _known(x))
        for k, (x, type) in enumerate(zip(values, types, strict=True))
    ]
    found = function(*variables)
    parts = found if isinstance(found, (tuple, list)) else (found,)
    operands = [
        recorder.operand(part if isinstance(part, Traced) else promoted(0 if part is None else part))
        for part in parts
    ]
    recorder.closed = True
    graph = recorder.finish(operands)
    captured = [value for value, _ in recorder.captured.values()]
    outputs = A.outputs(graph, A.run(graph, [*values, *captured]))
    return tuple(outputs) if isinstance(found, (tuple, list)) else outputs[0]


def _number(x: Any, type: Type) -> Any:
    """Return a bare Python number as NumPy's, so that a rule may ask it for its shape."""
    return type.dtype.type(x) if isinstance(x, (int, float)) and not isinstance(x, np.generic) else x


def _known(x: Any) -> Any:
    """Return the number behind a value of another carrier, if it has one."""
    value = x.value if isinstance(x, Term) else x
    return value if isinstance(value, (np.ndarray, np.generic)) else None


def _one_each(found: Any, count: int, what: str, rule: Rule) -> tuple[Any, ...]:
    """Return a rule's answer as a tuple with one entry per argument."""
    parts = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    if len(parts) != count:
        raise InputError(
            f"{place_of(rule)}: the {what} returned {len(parts)} value{'s' * (len(parts) != 1)} for {count} "
            f"argument{'s' * (count != 1)}; return a tuple with one entry per argument."
        )
    return parts


@dataclass(frozen=True)
class UserPartial:
    """One partial of a user's elementwise rule, as a function of (A, y, *xs)."""

    name: str
    partials: Rule
    arity: int
    position: int

    def __call__(self, A: Any, y: Any, *xs: Any) -> Any:
        """Return the derivative of ``y`` by one operand."""
        values = (y, *xs)
        dtype = common_dtype([A.dtype(y)])
        types = [Type(A.shape(x), dtype if k == 0 else A.dtype(x)) for k, x in enumerate(values)]
        found = run_rule(
            A, self.partials, values, [_like(type, x, dtype) for type, x in zip(types, values, strict=True)]
        )
        part = _one_each(found, self.arity, f"partials of {self.name}", self.partials)[self.position]
        return self._conform(A, 0 if part is None else part, types)

    def _conform(self, A: Any, part: Any, types: Sequence[Type]) -> Any:
        """Return a partial that broadcasts against the result and computes in its dtype."""
        if isinstance(part, (int, float)) and not isinstance(part, np.generic):
            return part
        part = np.asarray(part, types[0].dtype) if isinstance(part, (list, tuple)) else part
        shape, whole = A.shape(part), types[0].shape
        if not _stretches(shape, whole):
            raise InputError(
                f"{place_of(self.partials)}: the partials of {self.name} hold one of shape {shape} where the result has "
                f"shape {whole}; an elementwise rule keeps it, and other rules are given as vjp and jvp."
            )
        return part if A.dtype(part) == types[0].dtype else A.cast(part, dtype=types[0].dtype.name)


def _stretches(shape: Shape, whole: Shape) -> bool:
    """Return whether a value of ``shape`` can stand for one of shape ``whole``."""
    tail = whole[len(whole) - len(shape) :] if len(shape) <= len(whole) else None
    return tail is not None and all(n in (1, m) for n, m in zip(shape, tail, strict=True))


def _like(type: Type, x: Any, dtype: np.dtype[Any]) -> Type:
    """Return the type of an operand, bare Python numbers in the dtype of the result."""
    return Type(type.shape, dtype) if isinstance(x, (int, float)) and not isinstance(x, np.generic) else type


@dataclass(frozen=True)
class UserRule(Joint):
    """A user's pullback and pushforward of the whole operation."""

    name: str
    backward: Rule | None
    forward: Rule | None

    @property
    def lacks(self) -> str:
        """The mode that no rule was given for."""
        if self.backward is None or self.forward is None:
            return "reverse" if self.forward is not None else "forward" if self.backward is not None else ""
        return ""

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the output's tangent."""
        rule = self.forward
        if rule is None:
            raise MissingRuleError(
                f"{self.name} has no forward rule, which {_asked()} needs; use reverse mode or give ad.primitive a jvp."
            )
        filled = [
            np.zeros(type.shape, type.dtype if type.dtype != BOOL else FLOAT64)[()]
            if tangent is None
            else tangent
            for tangent, type in zip(tangents, site.types, strict=True)
        ]
        count = len(site.xs)

        def moved(y: Any, *values: Any) -> Any:
            return rule(y, values[:count], values[count:])

        types = (site.type, *site.types, *site.types)
        found = run_rule(A, moved, (site.y, *site.xs, *filled), types)
        return self._shaped(A, found, site.type, f"jvp of {self.name}", rule)

    def pull(self, A: Any, site: Site, cotangent: Any, positions: Sequence[int]) -> Sequence[Any]:
        """Return the cotangents of the wanted operands."""
        rule = self.backward
        if rule is None:
            raise MissingRuleError(
                f"{self.name} has no reverse rule, which {_asked()} needs; use forward mode or give ad.primitive a vjp."
            )

        def pulled(y: Any, cotangent: Any, *xs: Any) -> Any:
            return rule(y, *xs)(cotangent)

        types = (site.type, site.type, *site.types)
        found = run_rule(A, pulled, (site.y, cotangent, *site.xs), types)
        parts = _one_each(found, len(site.xs), f"vjp of {self.name}", rule)
        return [
            None
            if parts[k] is None
            else self._shaped(A, parts[k], site.types[k], f"vjp of {self.name}", rule)
            for k in positions
        ]

    def _shaped(self, A: Any, part: Any, type: Type, what: str, rule: Rule) -> Any:
        """Return a tangent or cotangent of the type it belongs to; a bare 0 stands for zeros of any shape."""
        dtype = common_dtype([type.dtype])
        nothing = isinstance(part, (int, float)) and part == 0
        if isinstance(part, (int, float, list, tuple)):
            part = np.asarray(part, dtype)[()]
        shape = A.shape(part)
        if shape != type.shape and not nothing:
            raise InputError(
                f"{place_of(rule)}: the {what} returned a value of shape {shape} where {type.shape} is needed, the "
                "shape of what it belongs to; np.full or multiplication by np.ones makes an array of a number."
            )
        part = part if A.dtype(part) == dtype else A.cast(part, dtype=dtype.name)
        return part if shape == type.shape else A.broadcast_to(part, shape=type.shape)


def _asked() -> str:
    """Return the user's line that asks for a derivative, in words."""
    source = user_source()
    return f"the derivative at {source}" if source.line else "this derivative"


# ---------------------------------------------------------------------------------------------- checking rules


def _points(made: UserPrimitive, check: Any) -> list[tuple[Any, ...]]:
    """Return the points at which to compare a rule with differences."""
    if isinstance(check, tuple):
        return [check]
    if check is not True:
        raise InputError(f"check is True, False or a tuple of arguments, not a {type(check).__name__}.")
    count = _required(made.fun)
    if made.partials is None or not count:
        raise InputError(
            f"check=True serves elementwise primitives; give the arguments at which to compare {made.name}, as in "
            "check=(np.ones(3),)."
        )
    return _draws(count)


def _draws(count: int) -> list[tuple[float, ...]]:
    """Return a few points between 0 and 1; none for a function of no known number of arguments."""
    draws = np.random.default_rng(0).uniform(0.1, 0.9, (3, count)) if count else ()
    return [tuple(map(float, draw)) for draw in draws]


def _required(fun: Any) -> int:
    """Return how many arguments a function must be given; 0 where that cannot be said."""
    if isinstance(fun, np.ufunc):
        return fun.nin
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return 0
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 0
    return sum(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters
    )


def _check(made: UserPrimitive, point: tuple[Any, ...]) -> None:
    """Raise GradientError if a rule disagrees with extrapolated differences at a point."""
    graph = record(made, point).graph
    values = [as_leaf(x, "an argument") for x in point]
    real = [k for k, type in enumerate(graph.input_types) if type.dtype != BOOL]
    exact = METHODS["numerical"].derivative(graph, values, real, algebra=NUMPY, scheme="richardson")
    _check_exact(made, graph, values)
    checked = 0
    for mode in ("reverse", "forward"):
        try:
            found = METHODS[mode].derivative(graph, values, real, algebra=NUMPY)
        except MissingRuleError:
            continue
        checked += 1
        bars = exact.error or exact.jacobians
        for k, wanted, got, bar in zip(real, exact.jacobians[0], found.jacobians[0], bars[0], strict=True):
            _compare(made, mode, graph.inputs[k], point, wanted, got, bar)
    if not checked:
        raise InputError(f"{made.name} has no rule to check; give partials, vjp or jvp.")


def _check_exact_at(made: UserPrimitive, point: tuple[float, ...]) -> None:
    """Hold the mpmath or SymPy function against the function itself, where that has a finite value."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(made.fun(*point), float)
    except (ValueError, ArithmeticError):
        return  # outside the domain of the function
    if np.all(np.isfinite(value)):
        _check_exact(made, record(made, point).graph, [np.float64(x) for x in point])


def _check_exact(made: UserPrimitive, graph: Graph, values: Sequence[Any]) -> None:
    """Raise GradientError if the mpmath or SymPy function has another value than the function itself."""
    wanted = np.asarray(NUMPY.outputs(graph, NUMPY.run(graph, values))[0], float)
    for carrier, rule in ((MpmathAlgebra, made.exact.mpmath), (SympyAlgebra, made.exact.sympy)):
        if rule is None:
            continue
        algebra = carrier()
        (found,) = algebra.outputs(graph, algebra.run(graph, [algebra.array(x) for x in values]))
        got = np.asarray(found, object).astype(float)
        if got.shape != wanted.shape or np.any(
            np.abs(got - wanted) > TOLERANCE * np.maximum(1, np.abs(wanted))
        ):
            raise GradientError(
                f"{place_of(rule)}: the {algebra.column} function of {made.name} gives {got} where the function itself "
                f"gives {wanted}; the point is {tuple(values)}."
            )


def _compare(
    made: UserPrimitive, mode: str, by: str, point: tuple[Any, ...], wanted: Any, got: Any, bar: Any
) -> None:
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0)))
    apart = np.abs(np.asarray(got) - wanted)
    allowed = TOLERANCE * scale + 10 * np.abs(bar)
    if np.all(apart <= allowed):
        return
    worst = np.unravel_index(int(np.argmax(np.where(np.isnan(apart), np.inf, apart))), np.shape(apart))
    where = f" at {tuple(map(int, worst))}" if np.ndim(apart) else ""
    rule = made.partials or (made._general.backward if mode == "reverse" else made._general.forward)
    raise GradientError(
        f"{place_of(rule)}: the rule of {made.name} gives {np.asarray(got)[worst]:.9g} for the derivative by {by}{where} "
        f"in {mode} mode, and differences give {np.asarray(wanted)[worst]:.9g}; the point is {point}."
    )
