"""The semantic half: a postfix program is run on a stack of traced values, and so becomes a graph.

What a name means is decided in one place and in this order. A name to which the user gives a value, or
which ``names`` lists, is an input: ``e`` is an input where there is a value for e. Otherwise ``pi`` (or π),
``e``, ``inf`` (or ∞) and ``nan`` are constants; π and e keep their names in the graph, so that SymPy and
mpmath see the numbers themselves. The name of a function needs its parentheses. Every other name is an
input, in order of first appearance.

Operators and functions do what they do on traced values in NumPy code. Arithmetic on numbers alone is
recorded and not carried out, so that ``1/3*x`` shows its division and exact carriers see a third. Only a sign
in front of a number belongs to the number: ``-2`` is a literal. A list is an array: of numbers a constant,
otherwise its elements stacked. A tuple is a shape or axes; as the whole result it is several outputs.

Every error carries the column of the operation at fault, and every node knows its column.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.operators import (
    ADD,
    DIVIDE,
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    MATMUL,
    MULTIPLY,
    NEGATIVE,
    NOT,
    NOT_EQUAL,
    POWER,
    SUBTRACT,
)
from adlab.algebra.traced import INDEX, STACK, Recorder, Traced
from adlab.errors import AdlabError, InputError, ParseError, ShapeError
from adlab.frontends.expression.complaints import quoted
from adlab.frontends.expression.grammar import parse_equation
from adlab.frontends.expression.instruction import Instruction
from adlab.frontends.expression.vocabulary import CONSTANTS, DTYPES, FORMS, Form, closest, signature
from adlab.frontends.expression.words import read_name
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.frontends.recording import Recording, as_leaf, type_of_leaf
from adlab.ir.builder import user_source
from adlab.ir.constant import NamedNumber
from adlab.ir.graph import Source
from adlab.ir.index import normalise_index
from adlab.ir.tree import LEAF, flatten
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, SCALAR

__all__ = ["expression_graph", "input_names"]

FILE = "<expression>"
DEEPEST = 32
"""Lists and tuples nest this deep at most; NumPy's own limit is 64 axes."""

OPERATORS = {
    "+": ADD, "-": SUBTRACT, "*": MULTIPLY, "/": DIVIDE, "@": MATMUL, "**": POWER,
    "<": LESS, "<=": LESS_EQUAL, ">": GREATER, ">=": GREATER_EQUAL, "==": EQUAL, "!=": NOT_EQUAL,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A tuple or list on the stack: an array, a shape or several outputs, depending on who takes it."""

    kind: str
    items: tuple[Any, ...]
    depth: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """The name of a dtype on the stack."""

    name: str


def expression_graph(text: str, args: Any = None, names: Sequence[str] | None = None) -> Recording:
    """Return the graph of an expression string.

    Parameters
    ----------
    text : str
        A formula such as ``"ln(x1) + x1*x2 - sin(x2)"``, or an equation ``"y = …"``, which names the output.
    args : mapping or sequence, optional
        Example values: by name, or one per input in order. Numbers, nested lists and arrays are allowed;
        their shapes and dtypes become the graph's. Without any (None or an empty sequence) all inputs are
        float64 scalars.
    names : sequence of str, optional
        The inputs in order; by default the names in the text that are no constants, as they first appear.

    Returns
    -------
    Recording
        The graph, and nothing captured.

    Raises
    ------
    ParseError
        If the text is no expression or uses a function wrongly; the message and the error know the column.
    ShapeError
        If shapes do not fit together; the message begins with the column.
    InputError
        If a value is missing, too many, or no number.

    Examples
    --------
    >>> graph = expression_graph("y = ln(x1) + x1·x2 − sin(x2)").graph
    >>> graph
    <Graph of 7 nodes: (x1, x2) → y>
    >>> expression_graph("e^x", {"x": 1.0}).graph.inputs
    ('x',)
    >>> expression_graph("e^x", {"x": 1.0, "e": 2.0}).graph.inputs
    ('e', 'x')
    """
    try:
        equation = parse_equation(_checked(text))
        inputs = _Inputs.of(equation.program, args, names)
        return _Machine(inputs).run(equation.program, equation.output or "y")
    except ParseError as error:
        raise ParseError(f"column {error.column}: {error}", error.column) from error.__cause__


def input_names(text: str, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the inputs of an expression in order of first appearance.

    Parameters
    ----------
    text : str
        The expression.
    given : sequence of str
        Names that are inputs although they mean something else, such as ``e``.

    Raises
    ------
    ParseError
        If the text is no expression.

    Examples
    --------
    >>> input_names("y = a·x + e"), input_names("a·x + e", given=["e"])
    (('a', 'x'), ('a', 'x', 'e'))
    """
    try:
        return tuple(_found(parse_equation(_checked(text)).program, frozenset(given)))
    except ParseError as error:
        raise ParseError(f"column {error.column}: {error}", error.column) from None


def _checked(text: Any) -> str:
    if not isinstance(text, str):
        raise InputError(f"An expression is a string, not a {type(text).__name__}.")
    return text


# -------------------------------------------------------------------------------- inputs


@dataclass(frozen=True)
class _Inputs:
    """The inputs in order, and their values (None: scalars)."""

    names: tuple[str, ...]
    values: tuple[Any, ...] | None

    @classmethod
    def of(cls, program: Sequence[Instruction], args: Any, names: Sequence[str] | None) -> _Inputs:
        listed = None if names is None else _unique([_normalised(name) for name in names])
        if isinstance(args, Mapping):
            by_name = dict(zip(_unique([_normalised(name) for name in args]), args.values(), strict=True))
            explicit = {*by_name, *(listed or ())}
        else:
            by_name, explicit = {}, set(listed or ())
        found = _found(program, frozenset(explicit), listed)
        order = tuple(found) if listed is None else listed
        if isinstance(args, Mapping):
            _check_names(order, by_name)
            return cls(order, tuple(by_name[name] for name in order))
        values = _sequence(args)
        if not values:
            return cls(order, None)
        _check_count(order, len(values))
        return cls(order, values)

    def variables(self, recorder: Recorder) -> dict[str, Traced]:
        """Return a new input of the recorder for each name."""
        if self.values is None:
            return {name: recorder.variable(name, SCALAR) for name in self.names}
        leaves = [as_leaf(value, name) for name, value in zip(self.names, self.values, strict=True)]
        return {
            name: recorder.variable(name, type_of_leaf(leaf), leaf)
            for name, leaf in zip(self.names, leaves, strict=True)
        }


def _sequence(args: Any) -> tuple[Any, ...]:
    if args is None:
        return ()
    return tuple(args) if isinstance(args, (tuple, list)) else (args,)


def _normalised(name: Any) -> str:
    """Return a name as the text spells it after normalisation, so that x₁ is x1."""
    try:
        normal = read_name(name, 1) if isinstance(name, str) else ""
    except ParseError as error:
        raise InputError(f"{quoted(name)} cannot be the name of an input: {error}") from None
    if not normal.isidentifier():
        raise InputError(f"{quoted(str(name))} cannot be the name of an input; write a name such as x1.")
    return normal


def _unique(names: list[str]) -> tuple[str, ...]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"The input {quoted(twice[0])} is given twice; give it once.")
    return tuple(names)


def _found(
    program: Sequence[Instruction], explicit: frozenset[str], listed: Sequence[str] | None = None
) -> dict[str, int]:
    """Return the inputs that a program uses as they first appear, with their columns."""
    found: dict[str, int] = {}
    for step in program:
        if step.kind != "name":
            continue
        name = str(step.value)
        if name in found or (name not in explicit and (name in CONSTANTS or name in DTYPES)):
            continue
        if name not in explicit:
            _check_implicit(name, step.column, listed)
        found[name] = step.column
    return found


def _check_implicit(name: str, column: int, listed: Sequence[str] | None) -> None:
    if name in FORMS:
        raise ParseError(f"{name} is a function: write {signature(name)}.", column)
    if listed is not None:
        raise ParseError(f"{quoted(name)} is none of the inputs, which are {_clipped(listed)}.", column)


def _check_names(order: Sequence[str], values: Mapping[str, Any]) -> None:
    known = frozenset(order)
    extra = [name for name in values if name not in known]
    if extra:
        has = f"its inputs are {_clipped(order)}" if order else "it has no inputs"
        raise InputError(f"The expression has no input {_clipped(extra)}; {has}.")
    missing = [name for name in order if name not in values]
    if missing:
        raise InputError(
            f"No value was given for {_clipped(missing)}; give one for each of the inputs {_clipped(order)}."
        )


def _check_count(order: Sequence[str], count: int) -> None:
    if count != len(order):
        has = f"the inputs {_clipped(order)}" if order else "no inputs"
        what = (
            f"the value of {_clipped(order[count:])} is missing"
            if count < len(order)
            else "give one value per input"
        )
        raise InputError(f"The expression has {has}, and {count} values were given; {what}.")


def _clipped(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 32 else name[:30] + "…" for name in names[:12]]
    return ", ".join(shown) + (", …" if len(names) > 12 else "")


# -------------------------------------------------------------------------------- the machine


class _Machine:
    """The stack, and what each kind of instruction does to it."""

    def __init__(self, inputs: _Inputs) -> None:
        self.recorder = Recorder(FUNCTIONS)
        self.count = len(inputs.names)
        self.variables = inputs.variables(self.recorder)
        kinds = {variable.dtype for variable in self.variables.values()} - {BOOL}
        self.weak = FLOAT32 if kinds == {FLOAT32} else FLOAT64

    def run(self, program: Sequence[Instruction], name: str) -> Recording:
        """Return the graph of a program."""
        recorder, stack = self.recorder, list[Any]()
        step = program[-1]
        try:
            for step in program:
                recorder.source = Source(FILE, 0, step.column)
                start = len(stack) - step.arity
                result = self._step(step, stack[start:])
                del stack[start:]
                stack.append(result)
            outputs, out_tree = flatten(self._result(stack[0], step.column))
            operands = [recorder.operand(output, self.weak) for output in outputs]
        except ParseError:
            raise
        except (ValueError, TypeError, IndexError, ArithmeticError, MemoryError) as error:
            raise _located(error, step) from error
        finally:
            recorder.closed = True
        in_tree = ("tuple", (), (LEAF,) * self.count)
        return Recording(recorder.finish(operands, in_tree, out_tree, name))

    def _step(self, step: Instruction, xs: list[Any]) -> Any:
        match step.kind:
            case "number" | "constant":
                return step.value
            case "name":
                return self._name(str(step.value))
            case "binary":
                operands = [self._operand(x, step.column) for x in xs]
                return self._record(OPERATORS[str(step.value)], operands)
            case "unary":
                return self._unary(step, xs[0])
            case "call":
                return self._call(step, xs)
            case "index":
                return self._index(self._array(xs[0], step.column), step)
            case "transpose":
                return FUNCTIONS[np.transpose](self._array(xs[0], step.column))
            case "tuple" | "list":
                return _series(step, xs)

    def _record(self, primitive: Any, xs: list[Any]) -> Traced:
        """Record a row; numbers alone meet as literals."""
        if not any(isinstance(x, Traced) for x in xs):
            xs = [self._literal(xs[0]), *xs[1:]]
        return self.recorder.record(primitive, xs)

    def _literal(self, value: Any) -> Traced:
        return Traced(self.recorder, self.recorder.literal(value, self.weak))

    # Names, signs, subscripts

    def _name(self, name: str) -> Any:
        variable = self.variables.get(name)
        if variable is not None:
            return variable
        return Word(name) if name in DTYPES else CONSTANTS[name]

    def _unary(self, step: Instruction, x: Any) -> Any:
        x = self._operand(x, step.column)
        if step.value == "not":
            return self._record(NOT, [x])
        if step.value == "+":
            return x
        if type(x) in (int, float) and (math.copysign(1.0, x) > 0):
            return -x
        return self._record(NEGATIVE, [x])

    def _index(self, x: Traced, step: Instruction) -> Traced:
        index: Any = step.value
        return self.recorder.record(INDEX, (x,), (("index", normalise_index(index, x.shape)),))

    # What stands on the stack, as an operand, an array, a static parameter, a result

    def _operand(self, value: Any, column: int) -> Any:
        """Return a traced value or a Python number."""
        if isinstance(value, (Traced, int, float)):
            return value
        if isinstance(value, Series) and value.kind == "list":
            return self._list(value)
        if isinstance(value, Series):
            raise ParseError("A tuple is no operand; write a list, as in [1, 2], for an array.", column)
        if isinstance(value, Word):
            raise ParseError(f"{value.name} is a dtype: write it as in cast(x, dtype={value.name}).", column)
        what = "None" if value is None else "A subscript"
        raise ParseError(f"{what} is no number; write a number, a name or a formula.", column)

    def _array(self, value: Any, column: int) -> Traced:
        """Return a traced value."""
        operand = self._operand(value, column)
        return operand if isinstance(operand, Traced) else self._literal(operand)

    def _list(self, series: Series) -> Traced:
        """Return a list as an array: a literal if it holds plain numbers only, else its elements stacked."""
        numbers = _numbers(series)
        if numbers is not None:
            try:
                array = np.array(numbers)
            except ValueError:
                raise ParseError(
                    "The rows of the list differ in length; make them equally long.", series.column
                ) from None
            return Traced(self.recorder, self.recorder.operand(array))
        items = [self._array(item, series.column) for item in series.items]
        if any(item.dtype == BOOL for item in items):
            raise ParseError(
                "Conditions cannot be elements of a list; make them numbers by where(condition, 1, 0).",
                series.column,
            )
        return self.recorder.record(STACK, items, (("axis", 0),))

    def _static(self, value: Any, what: str, column: int) -> Any:
        """Return a static parameter as a Python value."""
        if isinstance(value, Traced):
            raise ParseError(f"{what} must be written out in numbers, for it decides on shapes.", column)
        if isinstance(value, Word):
            return value.name
        if isinstance(value, Series):
            return tuple(self._static(item, what, column) for item in value.items)
        return value

    def _result(self, value: Any, column: int) -> Any:
        if isinstance(value, Series) and value.kind == "tuple":
            return tuple(self._result(item, column) for item in value.items)
        return self._operand(value, column)

    # Calls

    def _call(self, step: Instruction, xs: list[Any]) -> Any:
        name = str(step.value)
        form = FORMS.get(name)
        if form is None or name in self.variables:
            raise self._unknown(name, step.column)
        operands, statics = _bound(name, form, step, xs)
        if form.parts and len(operands) == 1 and _is_parts(operands[0]):
            operands = list(operands[0].items)
        given = [x if x is None else self._operand(x, step.column) for x in operands]
        values = {key: self._checked_static(name, key, value, step.column) for key, value in statics.items()}
        return form.call(self.recorder, *self._lifted(name, given, step.column), **values)

    def _lifted(self, name: str, xs: list[Any], column: int) -> list[Any]:
        """Return operands of a call: the numbers among them become literals of the dtype that they meet."""
        if None in [x if x is None else 0 for x in xs] and (name != "clip" or xs[0] is None):
            raise ParseError(f"None is no operand of {name}; write a number, a name or a formula.", column)
        traced = [x for x in xs if isinstance(x, Traced)]
        if traced and name in ("power", "pow"):
            return xs  # the row tells 2 from 2.0
        if name in ("power", "pow"):
            return [self._literal(xs[0]), *xs[1:]]
        kinds = {x.dtype for x in traced} - {BOOL}
        weak = FLOAT32 if kinds == {FLOAT32} else FLOAT64 if kinds else self.weak
        recorder = self.recorder
        return [
            x if x is None or isinstance(x, Traced) else Traced(recorder, recorder.literal(x, weak))
            for x in xs
        ]

    def _checked_static(self, name: str, key: str, value: Any, column: int) -> Any:
        static = self._static(value, f"{key} of {name}", column)
        if key == "keepdims" and not isinstance(static, bool):
            raise ParseError("keepdims is True or False.", column)
        if key == "dtype" and static not in DTYPES:
            raise ParseError(f"A dtype is one of {', '.join(DTYPES)}, as in cast(x, dtype=float32).", column)
        return static

    def _unknown(self, name: str, column: int) -> ParseError:
        if name in self.variables:
            return ParseError(f"{quoted(name)} is an input, not a function; write '*' for a product.", column)
        near = closest(name, FORMS)
        hint = f"did you mean {near}?" if near else "functions are written as sin(x), and products with '*'."
        return ParseError(f"There is no function {quoted(name)}; {hint}", column)


def _series(step: Instruction, xs: list[Any]) -> Series:
    depth = 1 + max((x.depth for x in xs if isinstance(x, Series)), default=0)
    if depth > DEEPEST:
        raise ParseError(f"Lists and tuples nest at most {DEEPEST} deep; write fewer brackets.", step.column)
    return Series(step.kind, tuple(xs), depth, step.column)


def _numbers(value: Any) -> Any:
    """Return a list of plain numbers as a Python list, at any depth; None if something else is in it."""
    if isinstance(value, Series):
        items = [_numbers(item) for item in value.items]
        return None if value.kind != "list" or any(item is None for item in items) else items
    return value if isinstance(value, (int, float)) and not isinstance(value, NamedNumber) else None


def _is_parts(value: Any) -> bool:
    """Tell whether one argument stands for several parts: a tuple, or a list of more than scalars."""
    if not isinstance(value, Series):
        return False
    return value.kind == "tuple" or any(
        isinstance(x, Series) or (isinstance(x, Traced) and x.shape) for x in value.items
    )


def _bound(name: str, form: Form, step: Instruction, xs: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the operands and static parameters of a call, as Python would bind them."""
    places = () if form.most is None else form.operands[: form.most]
    most = step.count if form.most is None else form.most
    order = list(form.statics)
    operands, rest = xs[: min(step.count, most)], xs[most : step.count] if step.count > most else []
    if len(rest) > len(order):
        raise _miscounted(name, form, step)
    given = dict(zip(order, rest, strict=False))
    for key, value in zip(step.keywords, xs[step.count :], strict=True):
        if key in order and key not in given:
            given[key] = value
        elif len(operands) < len(places) and key == places[len(operands)]:
            operands.append(value)
        else:
            raise _bad_keyword(name, key, form, step)
    if len(operands) < form.least:
        raise _miscounted(name, form, step)
    for key, default in form.statics.items():
        if default is ... and key not in given:
            raise ParseError(f"{name} lacks its {key}; it is written {signature(name)}.", step.column)
    return operands, {key: given.get(key, default) for key, default in form.statics.items()}


def _miscounted(name: str, form: Form, step: Instruction) -> ParseError:
    if name in ("log", "ln") and step.count == 2:
        return ParseError(f"{name} has no base; write log2(x), log10(x) or log(x)/log(2).", step.column)
    return ParseError(
        f"{name} does not take {step.arity} arguments; it is written {signature(name)}.", step.column
    )


def _bad_keyword(name: str, key: str, form: Form, step: Instruction) -> ParseError:
    if key in form.statics or key in form.operands:
        return ParseError(
            f"{name} is given {quoted(key)} twice or out of order; it is written {signature(name)}.",
            step.column,
        )
    near = closest(key, form.statics)
    hint = f"did you mean {near}? It" if near else "it"
    return ParseError(
        f"{name} has no keyword {quoted(key)}; {hint} is written {signature(name)}.", step.column
    )


def _located(error: Exception, step: Instruction) -> AdlabError:
    """Return an error of an operation with its column instead of the line of whoever called adlab."""
    message, what = (
        _without_place(str(error)),
        str(step.value) if step.kind in ("call", "binary", "unary") else step.kind,
    )
    if isinstance(error, ShapeError):
        place = f"column {step.column}: "
        return ShapeError(message if message.startswith(place) else f"{place}{what}: {message}")
    if not isinstance(error, AdlabError):
        message = f"{message.strip().rstrip('.') or type(error).__name__}."
    return ParseError(f"{what}: {message}", step.column)


def _without_place(message: str) -> str:
    """Return a message without the line of the caller that NumPy code's errors begin with."""
    source = user_source()
    line = source.text()
    return message.removeprefix(f"{source}: `{line}`: " if line else f"{source}: ")
