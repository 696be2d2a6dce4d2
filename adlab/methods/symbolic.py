"""Symbolic differentiation: write the function out as one expression, let SymPy differentiate it, evaluate
the result.

The graph is evaluated in SymPy's carrier with one real symbol per element of the inputs, so tensors are
scalarised. SymPy's own ``diff`` applies the sum, product and chain rules; the rule table of adlab is not
read. The derivative comes back as a graph, in which common subexpressions are one node, and is evaluated with
NumPy.

Expressions swell: an intermediate result that a graph stores once is written out wherever it is used, and
each product adds a term per factor. The size is followed while the expression grows, on the shared structure
and so at no great cost; beyond a limit the method ends with an error that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from adlab.algebra.counting import Operations
from adlab.algebra.exact import SympyAlgebra
from adlab.algebra.numpy import NUMPY, NumpyAlgebra
from adlab.algebra.traced import GraphAlgebra, Traced
from adlab.errors import AdlabError, GrowthError, InputError, MethodError, TraceError
from adlab.frontends.sympy_expressions import expressions_graph
from adlab.ir.graph import Graph
from adlab.ir.primitive import Params, Primitive
from adlab.ir.types import Type
from adlab.methods.base import Cost, Derivative, Method, Problem
from adlab.methods.reverse import Reverse
from adlab.transforms.costs import count_evaluation
from adlab.transforms.evaluation import as_result, evaluate_checked
from adlab.transforms.kinks import on_kinks
from adlab.transforms.scopes import expand

AGREE = 1e-6
"""Derivatives nearer to each other than this are one number, rounded in two ways."""

LIMIT = 200_000
"""Operations that an expression and each of its derivatives may have, written out, before the method gives
up.
"""


class Symbolic(Method):
    """SymPy's ``diff``, evaluated.

    The options are ``limit``, how many operations an expression or one of its derivatives may have when
    written out, and ``cse``: whether the cost is that of the derivative with common subexpressions computed
    once (True), or of the expression as it is written (False).
    """

    name = "symbolic"
    title = "Symbolic differentiation"
    options = ("limit", "cse")

    def compute(self, problem: Problem, limit: int = LIMIT, cse: bool = True, **options: Any) -> Derivative:
        """Return value and Jacobian from one graph of expressions."""
        if isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 1:
            raise InputError(f"The limit {limit!r} cannot be used: it is a number of operations, at least 1.")
        nodes = evaluate_checked(problem.graph, problem.algebra, problem.args)
        written = expressions_of(problem, int(limit))
        graph, flat = written.graph(), _scalars(problem)
        found = problem.algebra.outputs(graph, problem.algebra.run(graph, flat))
        tree, shared = written.operations(), count_evaluation(graph).total()
        note = f"Value and derivatives: {tree} operation{'s' * (tree != 1)} written out, {shared} with common subexpressions."
        values, blocks = _assembled(problem, found)
        counts = Operations(lambda: count_evaluation(graph) if cse else written.operations_by_kind())
        answer = Derivative(self.name, values, blocks, Cost(1, 0, 0, counts), notes=(note,))
        return _by_convention(problem, nodes, answer)


@dataclass(frozen=True)
class Written:
    """Outputs and derivatives as SymPy expressions.

    Attributes
    ----------
    symbols : one per element of the inputs
    values : one per element of the outputs
    derivatives : for each output and input of the question, the entries of the block
    types : of the symbols
    held : symbols that stand for an expression in a condition, with it, each in terms of those before
    """

    symbols: tuple[Any, ...]
    values: tuple[tuple[Any, ...], ...]
    derivatives: tuple[tuple[tuple[Any, ...], ...], ...]
    types: tuple[Type, ...]
    held: tuple[tuple[Any, Any], ...] = ()

    def all(self) -> list[Any]:
        """Return every expression: values first."""
        flat = [expression for output in self.values for expression in output]
        return flat + [entry for row in self.derivatives for block in row for entry in block]

    def graph(self) -> Graph:
        """Return one graph that computes them all."""
        try:
            return expressions_graph(self.all(), self.symbols, self.types, held=self.held)
        except RecursionError:
            raise _too_deep() from None

    def operations(self) -> int:
        """Return the operations of all expressions as they are written."""
        sizes = Sizes()
        for symbol, expression in self.held:
            sizes.hold(symbol, expression)
        return sum(sizes.written(expression) for expression in self.all())

    def operations_by_kind(self) -> Counter[str]:
        """Return the same by SymPy's names."""
        total: Counter[str] = Counter()
        memo: dict[Any, Counter[str]] = {}
        for symbol, expression in self.held:
            memo[symbol] = _kinds(expression, memo)
        for expression in self.all():
            total += _kinds(expression, memo)
        return total


# ------------------------------------------------------------------------------------------------ conventions


def _by_convention(problem: Problem, nodes: Sequence[Any], answer: Derivative) -> Derivative:
    """Return the answer with the rule table's conventions where formulas say nothing: on kinks, and at NaN.

    SymPy differentiates for real symbols, which are never NaN, and fills what it leaves open on a kink (the
    derivative of a sign, a step's value at its jump) its own way. Where that is another number than the table's,
    the table's is given and a note says so. Where the table has none, a finite one of SymPy's stays: terms
    such as √x·√x cancel in a formula.
    """
    point = _example(problem)
    if point is None:
        return answer
    graph = problem.graph
    if any(primitive.composite for primitive in graph.primitives):
        graph = expand(graph)
    if graph is not problem.graph or not isinstance(problem.algebra, NumpyAlgebra):
        nodes = NUMPY.run(graph, point)
    undefined = [i for i, value in enumerate(nodes) if np.any(np.isnan(value))]
    kinks = on_kinks(graph, nodes)
    if not (undefined or kinks):
        return answer
    table = Reverse().compute(problem)
    places = [_place_words(graph, undefined[0], "has a value that is NaN")] if undefined else []
    places += [_place_words(graph, i, f"sits on its kink {kink.where}") for i, kink in kinks]
    where = "; ".join(dict.fromkeys(places[:3]))
    if not isinstance(problem.algebra, NumpyAlgebra):
        return replace(answer, jacobians=table.jacobians, notes=(*answer.notes, f"{where}: {ALL_RULES}"))
    ends = [*point, *answer.values]  # a NaN between them may belong to a piece that was not chosen
    lost = any(np.any(np.isnan(value)) for value in ends)
    blocks = tuple(
        tuple(_settled(*pair, lost) for pair in zip(ours, rules, strict=True))
        for ours, rules in zip(answer.jacobians, table.jacobians, strict=True)
    )
    words = [found for row in blocks for _, found in row if found]
    jacobians = tuple(tuple(block for block, _ in row) for row in blocks)
    notes = (*answer.notes, *(f"{where}: {sentence}" for sentence in dict.fromkeys(words)))
    return replace(answer, jacobians=jacobians, notes=notes)


ALL_RULES = "formulas have no derivative there, so this one is by the rules of the table."


def _example(problem: Problem) -> list[Any] | None:
    """Return the point as numbers, None in a trace that has none."""
    try:
        return [x.recorder.concrete(x.index) if isinstance(x, Traced) else x for x in problem.args]
    except TraceError:
        return None


def _place_words(graph: Graph, i: int, what: str) -> str:
    """Return which node it is that has no ordinary derivative."""
    if i < len(graph.inputs):
        return f"The input {graph.inputs[i]} {what}"
    source = graph.sources[graph.source_ids[i]]
    line = f" ({source})" if source.line else ""
    return f"The {graph.primitives[i].name}{line} {what}"


def _settled(ours: Any, rules: Any, undefined: bool) -> tuple[Any, str]:
    """Return a block by the table where it decides, and what was replaced or kept, in words; "" if they agree."""
    mine, theirs = np.array(ours), np.asarray(rules)
    with np.errstate(invalid="ignore"):
        apart = np.asarray(~np.isclose(mine, theirs, rtol=AGREE, atol=AGREE, equal_nan=True))
    if not np.any(apart):
        return ours, ""
    place = tuple(int(k) for k in np.argwhere(apart)[0])
    shown = f"{float(mine[place]):.6g}"
    by_table = apart if undefined else np.asarray(apart & (np.isfinite(theirs) | ~np.isfinite(mine)))
    if not np.any(by_table):
        return (
            ours,
            f"{shown} is SymPy's derivative, in which terms cancelled; the rule table has no number there.",
        )
    place = tuple(int(k) for k in np.argwhere(by_table)[0])
    given = f"SymPy's derivative is {float(mine[place]):.6g} there, and the rule table's {float(theirs[place]):.6g} is given."
    mine[by_table] = theirs[by_table]
    return mine[()], given


def expressions_of(problem: Problem, limit: int = LIMIT) -> Written:
    """Return the question's outputs and derivatives as SymPy expressions, or raise GrowthError."""
    _check_elements(problem.graph, limit)
    carrier = _Growing(limit)
    inputs = [
        _symbols(carrier, name, type)
        for name, type in zip(problem.graph.inputs, problem.graph.input_types, strict=True)
    ]
    try:
        results = carrier.run(problem.graph, inputs)
        constants = problem.graph.constants
        wanted = [results[j] if j >= 0 else carrier.constant(constants[~j]) for j in problem.outputs]
        values = tuple(tuple(np.ravel(np.asarray(value, dtype=object))) for value in wanted)
        derivatives = tuple(
            tuple(tuple(carrier.derivatives(output, np.ravel(inputs[k]))) for k in problem.wrt)
            for output in values
        )
    except RecursionError:
        raise _too_deep() from None
    symbols = [
        (symbol, type)
        for x, type in zip(inputs, problem.graph.input_types, strict=True)
        for symbol in np.ravel(x)
    ]
    return Written(
        tuple(symbol for symbol, _ in symbols),
        values,
        derivatives,
        tuple(Type((), type.dtype) for _, type in symbols),
        tuple((symbol, expression) for expression, symbol in carrier.held.items()),
    )


def _symbols(carrier: SympyAlgebra, name: str, type: Type) -> Any:
    """Return an input as a real symbol, or an array of them."""
    if not type.shape:
        return carrier.library.Symbol(name, real=True)
    array = np.empty(type.shape, dtype=object)
    for place in np.ndindex(*type.shape):
        array[place] = carrier.library.Symbol(f"{name}[{', '.join(map(str, place))}]", real=True)
    return array


def _check_elements(graph: Graph, limit: int) -> None:
    elements = sum(type.size for type in graph.types)
    if elements > limit:
        raise GrowthError(
            f"Scalarised, the graph has {elements} elements, beyond the limit of {limit} operations for "
            "symbolic "
            "differentiation; use the reverse or forward method, or raise limit=."
        )


def _too_deep() -> GrowthError:
    return GrowthError(
        "The expression is nested too deeply for SymPy, which walks expressions by recursion; "
        "use the reverse or forward method."
    )


# ----------------------------------------------------------------------------------------------------- growth


class Sizes:
    """Sizes of expressions written out, found on their shared structure.

    `written` counts operations. `differentiated` is an upper estimate for one derivative: a node with parts
    cᵢ that depend on the symbols becomes Σᵢ (all its other parts, and cᵢ′).
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[int, int]] = {}

    def hold(self, symbol: Any, expression: Any) -> None:
        """Count a symbol as the expression that it stands for, whose derivative nobody takes."""
        self._known[symbol] = (self.written(expression), 0)

    def written(self, expression: Any) -> int:
        """Return the number of operations in the expression as a tree."""
        return self._measure(expression)[0]

    def differentiated(self, expression: Any) -> int:
        """Return an upper estimate of the operations in one derivative of it."""
        return self._measure(expression)[1]

    def _measure(self, root: Any) -> tuple[int, int]:
        known, stack = self._known, [root]
        while stack:
            expression = stack[-1]
            waiting = [part for part in expression.args if part not in known]
            if waiting and expression not in known:
                stack.extend(waiting)
                continue
            stack.pop()
            if expression not in known:
                known[expression] = _size(expression, [known[part] for part in expression.args])
        return known[root]


def _size(expression: Any, parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if not parts:
        return 0, int(bool(expression.is_Symbol))
    written = max(len(parts) - 1, 1) + sum(size for size, _ in parts)
    moving = [derived for _, derived in parts if derived]
    if expression.is_Add:
        return written, len(moving) + sum(moving)
    return written, len(moving) * (written + 1) + sum(moving)


def _kinds(root: Any, memo: dict[Any, Counter[str]]) -> Counter[str]:
    stack = [root]
    while stack:
        expression = stack[-1]
        waiting = [part for part in expression.args if part not in memo]
        if waiting and expression not in memo:
            stack.extend(waiting)
            continue
        stack.pop()
        if expression not in memo:
            memo[expression] = _own_kind(expression, [memo[part] for part in expression.args])
    return memo[root]


def _own_kind(expression: Any, parts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total += part
    if expression.args:
        total[type(expression).__name__] += max(len(expression.args) - 1, 1)
    return total


def _cbrt(sp: Any, u: Any) -> Any:
    third = sp.Rational(1, 3)
    return sp.Piecewise((u**third, u >= 0), (-((-u) ** third), True))


def _by_sign(sp: Any, u: Any, right: Any, left: Any) -> Any:
    return sp.Piecewise((right, u > 0), (left, u < 0), (0, True))


UNKNOWN_SIGN: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "absolute": lambda sp, u: _by_sign(sp, u, u, -u),
        "sign": lambda sp, u: _by_sign(sp, u, 1, -1),
    }
)
"""Functions whose derivative SymPy takes apart into real and imaginary parts unless it knows the operand to
be real,
which it does not of √x; the same functions by the sign of the operand."""


class _Growing(SympyAlgebra):
    """SymPy's carrier, which stops when an expression outgrows the limit.

    SymPy folds choices that stand in the condition of another choice into one: their branches multiply, so a dozen
    nested ones never end. A condition has no derivative, so there a symbol of its own stands for such an expression;
    ``held`` maps the expression to the symbol.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.sizes = Sizes()
        self.held: dict[Any, Any] = {}

    def apply(self, primitive: Primitive, xs: Sequence[Any], params: Params = ()) -> Any:
        """Return the expression, once its derivatives are known to be within the limit."""
        try:
            value = super().apply(primitive, xs, params)
        except AdlabError:
            raise
        except (TypeError, ValueError) as error:
            raise MethodError(
                f"SymPy has no formula for {primitive.name} of these operands (it says: {error}); "
                "use the reverse or forward method."
            ) from error
        for expression in np.ravel(np.asarray(value, dtype=object)):
            expected = self.sizes.differentiated(expression)
            if expected > self.limit:
                raise GrowthError(
                    f"The derivative of the expression at {primitive.name} may have {expected:,} operations "
                    "written out, "
                    f"beyond the limit of {self.limit:,}: expressions swell. Use the reverse or forward "
                    "method, or raise limit=."
                )
        return value

    def scalar(self, primitive: Primitive) -> Callable[..., Any]:
        """Return SymPy's function, in its form for real operands where SymPy does not know them as such."""
        if primitive.name == "cbrt":
            return lambda u: self.guarded(primitive, lambda v: _cbrt(self.library, v), (u,))
        function = super().scalar(primitive)
        by_sign = UNKNOWN_SIGN.get(primitive.name)
        if by_sign is None:
            return function

        def real(u: Any) -> Any:
            if u.is_extended_real:
                return function(u)
            return self.guarded(primitive, lambda v: by_sign(self.library, v), (u,))

        return real

    def guarded(self, primitive: Primitive, function: Callable[..., Any], xs: Sequence[Any]) -> Any:
        """Return ``function(*xs)``, where conditions hold no choices."""
        sp = self.library
        nested = [x for x in dict.fromkeys(xs) if not x.is_Boolean and x.has(sp.Piecewise)]
        if not nested:
            return function(*xs)
        stands_for = {sp.Dummy(real=True): x for x in nested}
        stand_in = {x: symbol for symbol, x in stands_for.items()}

        def held(condition: Any) -> Any:
            there = [symbol for symbol in stands_for if condition.has(symbol)]
            return condition.xreplace({symbol: self._hold(stands_for[symbol]) for symbol in there})

        found = function(*[stand_in.get(x, x) for x in xs])
        return found.replace(lambda part: part.is_Relational, held, simultaneous=False).xreplace(stands_for)

    def _hold(self, expression: Any) -> Any:
        """Return the symbol that stands for an expression in conditions."""
        if expression not in self.held:
            symbol = self.held[expression] = self.library.Dummy(real=True)
            self.sizes.hold(symbol, expression)
        return self.held[expression]

    def derivatives(self, expressions: Sequence[Any], symbols: Iterable[Any]) -> list[Any]:
        """Return the derivative of every expression by every symbol, the symbols running faster."""
        symbols = list(symbols)
        found: list[Any] = []
        total = 0
        for expression in expressions:
            free = expression.free_symbols
            for symbol in symbols:
                found.append(
                    self._derivative(expression, symbol) if symbol in free else self.library.Integer(0)
                )
                total += self.sizes.written(found[-1])
                if total > 10 * self.limit:
                    raise GrowthError(
                        f"The derivatives together have more than {10 * self.limit:,} operations written "
                        "out; "
                        "use the reverse or forward method, or raise limit=."
                    )
        return found

    def _derivative(self, expression: Any, symbol: Any) -> Any:
        if expression.is_Boolean:
            return self.library.Integer(0)
        return expression.diff(symbol)


# ------------------------------------------------------------------------------------------------- assembling


def _scalars(problem: Problem) -> list[Any]:
    """Return the arguments element by element."""
    flat: list[Any] = []
    for x, type in zip(problem.args, problem.graph.input_types, strict=True):
        if not type.shape:
            flat.append(x)
        elif isinstance(problem.algebra, GraphAlgebra):
            flat += [x[place] for place in np.ndindex(*type.shape)]
        else:
            flat += list(np.ravel(x))
    return flat


def _assembled(problem: Problem, found: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[tuple[Any, ...], ...]]:
    """Return values and blocks from their entries, which come in the order of `Written.all`."""
    entries = iter(found)
    graph = problem.graph
    values = tuple(_filled(problem, entries, graph.type_of(j)) for j in problem.outputs)
    return values, tuple(
        tuple(_filled(problem, entries, problem.block_type(j, k)) for k in problem.wrt)
        for j in problem.outputs
    )


def _filled(problem: Problem, entries: Any, type: Type) -> Any:
    """Return an array of ``type`` from the next entries."""
    taken = [next(entries) for _ in range(type.size)]
    if not type.shape:
        return as_result(taken[0], type)
    if isinstance(problem.algebra, GraphAlgebra) and taken:
        return as_result(
            problem.algebra.reshape(problem.algebra.stack(*taken, axis=0), shape=type.shape), type
        )
    return np.array(taken, dtype=type.dtype).reshape(type.shape)
