"""Values on the command line: ``x1=2``, ``x=[1,2,3]``, ``x=pi/2``, ``x=@points.npy``, ``x=@table.csv``.

Numbers and lists are read by the expression parser, so nothing is ever evaluated as Python, and ``−2``,
``1e-3``, ``2·π`` and ``sqrt(2)`` are values too. Files hold real numbers: NumPy's own format without pickles,
or rows of numbers separated by commas.
"""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError
from adlab.frontends.expression import expression_graph, input_names, parse, parse_equation
from adlab.frontends.expression.words import read_name
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL
from adlab.primitives import NAMES

__all__ = ["bind_values", "named_function", "parse_value", "parse_values"]

FORMS = "a number, a list such as [1, 2, 3], @FILE.npy or @FILE.csv"
UNBOUNDED = {"inf": np.inf, "infinity": np.inf, "∞": np.inf, "nan": np.nan}


def parse_values(words: Sequence[str]) -> dict[str, Any]:
    """Return the values given as ``NAME=VALUE``.

    Parameters
    ----------
    words : sequence of str
        The arguments of the command line.

    Returns
    -------
    dict
        A float64 number or an array of real numbers for each name, in the order given.

    Raises
    ------
    InputError
        If a word is no ``NAME=VALUE``, a name comes twice, a value is no number, or a file cannot be read.

    Examples
    --------
    >>> parse_values(["x1=2", "x=[1, 2.5]"])
    {'x1': np.float64(2.0), 'x': array([1. , 2.5])}
    """
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = _name(name.strip(), word) if equals else ""
        if not name:
            raise InputError(f"{_quoted(word)} gives no value; write NAME=VALUE, as in x1=2.")
        if name in values:
            raise InputError(f"The value of {name} is given twice; give it once.")
        values[name] = parse_value(name, text.strip())
    return values


def parse_value(name: str, text: str) -> Any:
    """Return one value as a float64 number or an array.

    Parameters
    ----------
    name : str
        What the value is for, for messages.
    text : str
        A number, a list, a constant formula such as ``pi/2``, or ``@`` and a file.

    Raises
    ------
    InputError
        If it is none of these.

    Examples
    --------
    >>> parse_value("x", "-1.5e3"), parse_value("x", "pi/2"), parse_value("W", "[[1, 2], [3, 4]]").shape
    (np.float64(-1500.0), np.float64(1.5707963267948966), (2, 2))
    """
    if text.startswith("@"):
        return _read_file(name, Path(text[1:].strip()))
    if not text:
        raise InputError(f"The value of {name} is missing behind '='; write {FORMS}.")
    unbounded = UNBOUNDED.get(text.lstrip("+-−").lower())
    if unbounded is not None:
        return np.float64(-unbounded if text[0] in "-−" else unbounded)
    return _constant(name, text)


def bind_values(function: Any, values: Mapping[str, Any]) -> list[Any]:
    """Return the arguments of a function in order.

    Parameters
    ----------
    function : callable, str or Graph
        An expression or graph takes its inputs by name, a Python function its parameters.
    values : mapping
        What `parse_values` returned.

    Returns
    -------
    list
        Empty if no values are given at all.

    Raises
    ------
    InputError
        If a value is missing or too many; the message has the names.

    Examples
    --------
    >>> bind_values("x2 - x1", {"x1": 1.0, "x2": 5.0})
    [5.0, 1.0]
    """
    if isinstance(function, (str, Graph)):
        names = function.inputs if isinstance(function, Graph) else input_names(function, tuple(values))
        if isinstance(function, str):
            _check_result_name(function, names, values)
        return _ordered("The expression", names, {}, values) if values else []
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return list(values.values())
    return _bind_parameters(function, list(parameters), values)


def named_function(function: Any, values: Mapping[str, Any]) -> Any:
    """Return the function; as a graph where a value is given for what is a constant otherwise, such as ``e``.

    Parameters
    ----------
    function : callable, str or Graph
        What `adlab.cli.target.load_target` returned.
    values : mapping
        What `parse_values` returned.
    """
    if not isinstance(function, str) or input_names(function) == input_names(function, tuple(values)):
        return function
    return expression_graph(function, dict(values)).graph


# -------------------------------------------------------------------------------- binding


def _bind_parameters(
    function: Callable[..., Any], parameters: list[inspect.Parameter], values: Mapping[str, Any]
) -> list[Any]:
    """Return the positional arguments of a Python function; what goes to ``*args`` stays in order."""
    label = getattr(function, "__name__", type(function).__name__)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in positional]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        names += [name for name in values if name not in set(names)]
    needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if needed:
        raise InputError(
            f"{label} needs {', '.join(needed)} by keyword, and inputs are positional; wrap it in a function."
        )
    defaults = {p.name: p.default for p in positional if p.default is not p.empty}
    last = max((k for k, name in enumerate(names) if name in values or name not in defaults), default=-1)
    known = names if set(values) - set(names) else names[: last + 1]  # defaults at the end stay out
    return _ordered(label, known, defaults, values)


def _ordered(
    label: str, names: Sequence[str], defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> list[Any]:
    known = frozenset(names)
    extra = [name for name in values if name not in known]
    has = f"its inputs are {_listed(names)}" if names else "it has no inputs"
    if extra:
        raise InputError(f"{label} has no input {_listed(extra)}; {has}.")
    missing = [name for name in names if name not in values and name not in defaults]
    if missing:
        raise InputError(f"{label} lacks a value for {_listed(missing)}; {has}, so write {missing[0]}=VALUE.")
    return [values.get(name, defaults.get(name)) for name in names]


def _check_result_name(text: str, names: Sequence[str], values: Mapping[str, Any]) -> None:
    """Complain of an expression itself where a value has no input: of its calls, or of what stands before '='."""
    if not set(values) - set(names):
        return
    if not names:
        expression_graph(text)  # a call without arguments, as in sin(), is why there is no input
    output = parse_equation(text).output
    if output in values and output not in names:
        raise InputError(
            f"{output} stands before '=' in {_quoted(text)}, where it names the result and is no input; "
            f"write the expression without '{output} =', or '==' to compare."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")


def _name(name: str, word: str) -> str:
    try:
        normal = read_name(name, 1)
    except AdlabError:
        normal = ""
    if not normal.isidentifier():
        raise InputError(
            f"{_quoted(word)} does not begin with the name of an input; write NAME=VALUE, as in x1=2."
        )
    return normal


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:38] + "…")


# -------------------------------------------------------------------------------- constants


def _constant(name: str, text: str) -> Any:
    """Return the value of a formula of numbers, lists, constants and elementwise functions of them."""
    try:
        for step in parse(text):
            if step.kind == "call" and not (str(step.value) in NAMES and NAMES[str(step.value)].elementwise):
                raise InputError(f"a value has no {step.value}(…) in it.")
        unknown = input_names(text)
        if unknown:
            raise InputError(f"{unknown[0][:40]} is no number.")
        graph = expression_graph(text).graph
    except AdlabError as error:
        raise InputError(
            f"The value of {name} cannot be read from {_quoted(text)}: {error} Write {FORMS}."
        ) from error
    values = NUMPY.run(graph, [])
    results = NUMPY.outputs(graph, values)
    if len(results) != 1 or graph.type_of(graph.outputs[0]).dtype == BOOL:
        what = "several values" if len(results) != 1 else "true or false"
        raise InputError(f"The value of {name}, {_quoted(text)}, is {what}; write {FORMS}.")
    array = np.asarray(results[0], dtype=np.float64)
    return array.copy() if array.ndim else array[()]


# -------------------------------------------------------------------------------- files


def _read_file(name: str, path: Path) -> Any:
    readers: dict[str, Callable[[str, Path], Any]] = {".npy": _read_npy, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"The value of {name} is in the file {path}, which is neither .npy nor .csv; "
            "convert it to one of them."
        )
    try:
        return reader(name, path)
    except FileNotFoundError:
        raise InputError(f"The value of {name} is in the file {path}, which is not there.") from None
    except OSError as error:
        raise InputError(
            f"The value of {name} is in the file {path}, which cannot be read: {error.strerror or error}."
        ) from error


def _read_npy(name: str, path: Path) -> Any:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, MemoryError) as error:
        if "pickle" in str(error).lower() or "object" in str(error).lower():
            reason = "it holds Python objects or is no array file, and pickled data is never loaded"
        else:
            reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "it is empty"
        raise InputError(
            f"The file {path} cannot be read as the value of {name}: {reason}; save numbers with np.save."
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(
            f"The file {path} is an archive of several arrays; save the one for {name} with np.save."
        )
    if array.dtype.kind not in "fiu":
        raise InputError(
            f"The file {path} holds {array.dtype} data, and the value of {name} must be real numbers."
        )
    return array if array.ndim else array[()]


def _read_csv(name: str, path: Path) -> Any:
    """Return a table of numbers; one row or one column is a vector, one cell a number."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [
                (number, row)
                for number, row in enumerate(csv.reader(file), 1)
                if any(cell.strip() for cell in row)
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The file {path} is no CSV text: {error}.") from error
    if not lines:
        raise InputError(f"The file {path} is empty; the value of {name} needs numbers separated by commas.")
    rows = [_numbers(path, number, row) for number, row in lines]
    for (number, _), row in zip(lines, rows, strict=True):
        if len(row) != len(rows[0]):
            raise InputError(
                f"The file {path} is ragged: row {number} has {len(row)} numbers and "
                f"row {lines[0][0]} has {len(rows[0])}."
            )
    return np.squeeze(np.array(rows))[()]


def _numbers(path: Path, number: int, row: Sequence[str]) -> list[float]:
    numbers = []
    for column, cell in enumerate(row, 1):
        try:
            numbers.append(float(cell.strip().replace("−", "-")))
        except ValueError:
            found = _quoted(cell) if cell.strip() else "empty"
            raise InputError(
                f"The file {path} has no number in row {number}, column {column}: the cell is {found}; "
                "leave out headings and text."
            ) from None
    return numbers
