"""The verbs: gradients, Jacobians, Hessians and products with them, as functions of functions.

A function that a verb returns keeps the graphs of what it differentiates (`adlab.transforms.kept` says which, and when
it traces again), so branches that turn and closures that change are always right, and a repeated call costs no
trace. Where arguments, or values that the function closes over, belong to a trace that is still being
written, the derivative is written into that trace: so derivatives nest to any order and in any mixture, and
never confuse their perturbations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.numpy import NUMPY, NumpyAlgebra
from adlab.algebra.traced import GraphAlgebra, Recorder, Traced, innermost
from adlab.compiler.tiers import Tiers
from adlab.errors import InputError, MethodError, TraceError
from adlab.frontends.dispatch import to_graph
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.frontends.recording import as_leaf, type_of_leaf
from adlab.ir.graph import Graph
from adlab.ir.tree import LEAF, Tree, flatten, unflatten
from adlab.ir.types import BOOL, Type
from adlab.methods import Derivative, method_named
from adlab.methods.base import make_problem, whole
from adlab.methods.compressed import (
    Plan,
    Plans,
    check_direction,
    compressed_derivative,
    plan_hessian,
    plan_jacobian,
    spans,
    traced_derivative,
)
from adlab.transforms.evaluation import (
    algebra_for,
    argument_trees,
    evaluate_checked,
    flatten_args,
    nest_outputs,
    output_tree,
    own_outputs,
)
from adlab.transforms.kept import KeptGraphs
from adlab.transforms.sweeps import forward_sweep, reverse_sweep

NATIVE_METHODS = ("reverse", "forward", "auto")
"""Methods whose answer is a graph like any other, and so is compiled; the others look at the numbers they meet."""

Argnums = int | Sequence[int]


@dataclass(frozen=True)
class _Call:
    """A function at a point: its graph, one value per input (captures last), the carrier of these values."""

    graph: Graph
    values: list[Any]
    captures: int
    algebra: Algebra

    @property
    def spans(self) -> list[range]:
        """The inputs that belong to each argument."""
        spans, start = [], 0
        for tree in argument_trees(self.graph, len(self.graph.inputs) - self.captures):
            stop = start + _leaf_count(tree)
            spans.append(range(start, stop))
            start = stop
        return spans

    def nested(self, argument: int, leaves: Sequence[Any]) -> Any:
        """Return leaves nested as an argument is."""
        return unflatten(argument_trees(self.graph, len(self.graph.inputs) - self.captures)[argument], leaves)


def _leaf_count(tree: Tree) -> int:
    if tree is None:
        return 0
    return 1 if tree == LEAF else sum(_leaf_count(child) for child in tree[2])


def _call(f: Any, args: Sequence[Any], *others: Any) -> _Call:
    """Return the function, or one of the graphs kept of it, at a point; ``others`` are further values whose traces
    count.
    """
    recording = f.recording(args) if isinstance(f, KeptGraphs) else to_graph(f, args)
    values = [*flatten_args(recording.graph, args, len(recording.captured)), *recording.captured]
    return _Call(recording.graph, values, len(recording.captured), algebra_for([*values, *others]))


def _argnums(argnums: Argnums, count: int) -> tuple[int, ...]:
    """Return positions of arguments counted from 0, or raise InputError."""
    given = tuple(argnums) if isinstance(argnums, Iterable) else (argnums,)
    for k in given:
        if isinstance(k, (bool, np.bool_)) or not isinstance(k, (int, np.integer)):
            raise InputError(
                f"argnums={argnums!r} cannot be used: it is the position of an argument, or a tuple of "
                "positions."
            )
        if not -count <= k < count:
            raise InputError(
                f"argnums={argnums!r} names argument {k}, but the function was given {count}, counted from 0."
            )
    return tuple(int(k) % count for k in given)


def _is_single(argnums: Argnums) -> bool:
    return isinstance(argnums, (int, np.integer))


def _check_scalar(graph: Graph, verb: str) -> None:
    """Raise InputError unless the function returns one number."""
    if output_tree(graph) != LEAF:
        raise InputError(
            f"{verb} takes a function that returns one number; this one returns a container: use jacobian."
        )
    type = graph.output_types[0]
    if type.shape:
        raise InputError(
            f"{verb} takes a function that returns one number; this one returns an array of shape "
            f"{type.shape}: "
            "use jacobian, or return a sum or a single element."
        )
    if type.dtype == BOOL:
        raise InputError("The function returns a truth value, which has no derivative; return a number.")


def _derivative(call: _Call, argnums: tuple[int, ...], method: str, options: dict[str, Any]) -> Derivative:
    wrt = [k for argument in argnums for k in call.spans[argument]]
    return method_named(method).derivative(call.graph, call.values, wrt, algebra=call.algebra, **options)


def _by_argument(call: _Call, argnums: tuple[int, ...], blocks: Sequence[Any], single: bool) -> Any:
    """Return blocks, one per leaf, nested as the arguments are; a tuple of them unless only one was asked
    for.
    """
    rest = iter(blocks)
    parts = tuple(call.nested(k, [next(rest) for _ in call.spans[k]]) for k in argnums)
    return parts[0] if single else parts


def _function_of(f: Any, name: str) -> Callable[[Any], Any]:
    """Return a decorator that lets a derivative look like the function it belongs to."""

    def decorate(derivative: Any) -> Any:
        if callable(f) and not isinstance(f, (Graph, type)):
            functools.update_wrapper(derivative, f, assigned=("__module__", "__doc__"), updated=())
        derivative.__name__ = derivative.__qualname__ = f"{name}({getattr(f, '__name__', 'f')})"
        return derivative

    return decorate


def _verb(f: Any, name: str, method: str, answer: Callable[[_Call], Any]) -> Callable[..., Any]:
    """Return a derivative as a function of the arguments, which keeps graphs and, once it is called again, native
    code of its answer.
    """
    kept, tiers = KeptGraphs(f), Tiers()

    @_function_of(f, name)
    def derivative(*args: Any) -> Any:
        call = _call(kept, args)
        if method in NATIVE_METHODS and kept.holds(call.graph) and isinstance(call.algebra, NumpyAlgebra):
            native = tiers.code(call.graph, args, lambda *given: answer(_call(call.graph, given)))
            if native is not None:
                return native(*args)
        return answer(call)

    return derivative  # type: ignore[no-any-return]


# -------------------------------------------------------------------------------------------------- gradients


def value_and_grad(
    f: Any, argnums: Argnums = 0, method: str = "reverse", **options: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that gives the value of ``f`` and its gradient, from one computation.

    Parameters and errors are those of `grad`.

    Examples
    --------
    >>> value, gradient = value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(gradient)
    (9.0, 6.0)
    """
    method_named(method).check_options(options)

    def answer(call: _Call) -> tuple[Any, Any]:
        positions = _argnums(argnums, len(call.spans))
        _check_scalar(call.graph, "grad")
        found = _derivative(call, positions, method, options)
        return found.values[0], _by_argument(call, positions, found.jacobians[0], _is_single(argnums))

    return _verb(f, "value_and_grad", method, answer)


def grad(f: Any, argnums: Argnums = 0, method: str = "reverse", **options: Any) -> Callable[..., Any]:
    """Return the gradient of a scalar function, as a function of the same arguments.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
        Must return one number.
    argnums : int or sequence of int
        Which arguments to differentiate by; negative positions count from the last.
    method : {"reverse", "forward", "symbolic", "numerical"}
    **options
        Of the method: ``scheme`` and ``h`` for numerical, ``limit`` and ``cse`` for symbolic.

    Returns
    -------
    callable
        It returns the gradient in the shape, dtype and nesting of the argument (whole numbers count as
        float64); a tuple of gradients if ``argnums`` is a sequence.

    Raises
    ------
    InputError
        For an unknown method or option at once; when called, for arguments that do not fit or a result that
        is no number.

    Examples
    --------
    >>> import numpy as np
    >>> gradient = grad(lambda x1, x2: np.log(x1) + x1 * x2 - np.sin(x2), argnums=(0, 1))
    >>> [round(float(part), 6) for part in gradient(2.0, 5.0)]
    [5.5, 1.716338]
    >>> [float(grad(lambda x: x * x if x > 0 else -x)(x)) for x in (3.0, -3.0)]
    [6.0, -1.0]

    Notes
    -----
    The returned function keeps up to 16 graphs of ``f``, the one used last in front. A call is served by the first that
    was made for the same nesting, shapes and dtypes, and whose recorded comparisons turn out the same; if none is,
    ``f`` is traced again. All are let go when something that ``f`` reads has changed: a closure, a global, a default,
    the contents of an array or container, a function that it calls. An ``f`` whose readings cannot be followed (it
    reads attributes of objects, draws random numbers, prints) is traced at every call. So side effects of an ``f`` that
    can be followed happen when it is traced only, and no answer is ever stale.
    """
    valued = value_and_grad(f, argnums, method, **options)

    @_function_of(f, "grad")
    def gradient(*args: Any) -> Any:
        return valued(*args)[1]

    return gradient  # type: ignore[no-any-return]


def jacobian(
    f: Any, argnums: Argnums = 0, method: str = "auto", *, sparse: bool = False, **options: Any
) -> Callable[..., Any]:
    """Return the Jacobian, as a function of the same arguments.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
        May return numbers, arrays and containers of them.
    argnums, **options
        As for `grad`.
    method : {"auto", "reverse", "forward", "symbolic", "numerical"}
        Reverse mode takes a pass per element of the result, forward mode one per element of the argument; "auto"
        takes the cheaper of the two by counted operations. ``adlab.gradient(f, *args, method="auto", scalar=False)``
        says which it is and why.
    sparse : bool
        Whether to give ``scipy.sparse`` arrays. Their pattern is found from the graph, and columns or rows that do
        not meet share a pass; both are found at the first call and kept in the returned function for as long as the
        function traces to the same graph. The method is "auto", "forward" (columns share) or "reverse" (rows share).

    Returns
    -------
    callable
        It returns blocks of shape ``result.shape + argument.shape``, nested as the result and, within, as the
        argument; sparse blocks are ``scipy.sparse.csr_array``, of shape (size of the result, size of the argument).

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: np.stack([x[0] * x[1], x[0]]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [1., 0.]])
    >>> squares = jacobian(lambda x: x**2, sparse=True)(np.arange(1000.0))
    >>> squares.shape, squares.nnz
    ((1000, 1000), 1000)
    """
    if sparse:
        return _sparse_jacobian(f, argnums, method, options)
    method_named(method).check_options(options)

    def answer(call: _Call) -> Any:
        positions = _argnums(argnums, len(call.spans))
        found = _derivative(call, positions, method, options)
        rows = [_by_argument(call, positions, row, _is_single(argnums)) for row in found.jacobians]
        return unflatten(output_tree(call.graph), rows)

    return _verb(f, "jacobian", method, answer)


def hessian(
    f: Any, argnums: Argnums = 0, method: str = "reverse", *, sparse: bool = False, **options: Any
) -> Callable[..., Any]:
    """Return the Hessian of a scalar function: the Jacobian of its gradient.

    Parameters
    ----------
    f, argnums, **options
        As for `grad`.
    method : {"reverse", "forward", "symbolic", "numerical"}
        How the gradient is found. It is then differentiated by forward mode if it came from reverse mode (one
        reverse pass, then one forward pass per element), else by the same method again.
    sparse : bool
        Whether to give a ``scipy.sparse.csr_array``, as `jacobian` does, by products with the Hessian for columns
        that share; the gradient comes from reverse mode then.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    >>> hessian(lambda x: (x**3).sum(), sparse=True)(np.array([1.0, 2.0])).toarray()
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    if sparse:
        return _sparse_hessian(f, argnums, method, options)
    return jacobian(
        grad(f, argnums, method, **options), argnums, "forward" if method == "reverse" else method, **options
    )


# --------------------------------------------------------------------------------------------- sparse derivatives


def _sparse_jacobian(f: Any, argnums: Argnums, method: str, options: dict[str, Any]) -> Callable[..., Any]:
    check_direction(method)
    _check_no_options(options)
    plans, kept, tiers = Plans(), KeptGraphs(f), Tiers()

    @_function_of(f, "jacobian")
    def blocks(*args: Any) -> Any:
        call, positions, wrt = _sparse_call(kept, args, argnums)
        plan = plans.find(call.graph, wrt)
        if plan is None:
            make_problem(call.graph, call.values, wrt, None, NUMPY)  # refuses truth values
            plan = plans.keep(plan_jacobian(call.graph, wrt, method))
        parts = _sparse_blocks(plan, call.values, tiers)
        rows = [_by_argument(call, positions, row, _is_single(argnums)) for row in parts]
        return unflatten(output_tree(call.graph), rows)

    return blocks  # type: ignore[no-any-return]


def _sparse_hessian(f: Any, argnums: Argnums, method: str, options: dict[str, Any]) -> Callable[..., Any]:
    if method != "reverse":
        raise InputError(
            f"A sparse Hessian is taken forward over reverse; its method is 'reverse', not {method!r}."
        )
    _check_no_options(options)
    plans, kept, tiers = Plans(), KeptGraphs(f), Tiers()

    @_function_of(f, "hessian")
    def blocks(*args: Any) -> Any:
        call, positions, wrt = _sparse_call(kept, args, argnums)
        plan = plans.find(call.graph, wrt)
        if plan is None:
            _check_scalar(call.graph, "hessian")
            make_problem(call.graph, call.values, wrt, None, NUMPY)  # refuses truth values
            gradient = gradient_program(call.graph, call.values, wrt)
            plan = plans.keep(plan_hessian(call.graph, gradient, wrt))
        parts = _sparse_blocks(plan, call.values, tiers)
        rows = [_by_argument(call, positions, row, _is_single(argnums)) for row in parts]
        return _by_argument(call, positions, rows, _is_single(argnums))

    return blocks  # type: ignore[no-any-return]


def _sparse_call(
    f: Any, args: Sequence[Any], argnums: Argnums
) -> tuple[_Call, tuple[int, ...], tuple[int, ...]]:
    """Return the function at a point, the arguments and the inputs to differentiate by."""
    call = _call(f, args)
    if not isinstance(call.algebra, NumpyAlgebra) or call.captures:
        raise MethodError(
            "A sparse derivative holds numbers, so it cannot stand inside another differentiation; "
            "use sparse=False there."
        )
    positions = _argnums(argnums, len(args))
    wrt = tuple(k for argument in positions for k in call.spans[argument])
    return call, positions, wrt


def _check_no_options(options: dict[str, Any]) -> None:
    if options:
        raise InputError(f"A sparse derivative has no option {next(iter(options))!r}; it takes none.")


def _sparse_blocks(plan: Plan, values: Sequence[Any], tiers: Tiers) -> list[list[Any]]:
    """Return a block for each pair of an output and an input."""
    graph = plan.graph
    native = tiers.code(graph, values, lambda *given: traced_derivative(plan, given))
    whole = plan.filled(compressed_derivative(plan, values) if native is None else native(*values))
    rows, columns = graph.output_types, [graph.types[k] for k in plan.wrt]
    if len(rows) == len(columns) == 1:
        return [[whole]]
    return [[whole[a, b] for b in spans(columns)] for a in spans(rows)]


# --------------------------------------------------------------------------------------------------- products


def jvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the value of ``f`` and its derivative along ``tangents``, by one forward pass.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    primals : tuple
        The arguments.
    tangents : tuple
        The direction, nested and shaped as the arguments.

    Raises
    ------
    InputError
        If ``tangents`` do not have the shapes of ``primals``.

    Examples
    --------
    >>> value, tangent = jvp(lambda x1, x2: x1 * x2, (2.0, 5.0), (1.0, 0.0))
    >>> float(value), float(tangent)
    (10.0, 5.0)
    """
    _check_tuple(primals, "primals")
    _check_tuple(tangents, "tangents")
    given = [as_leaf(leaf, "a tangent") for leaf in flatten(tuple(tangents))[0]]
    call = _call(f, primals, *given)
    seeds = _fitted_seeds(call, primals, tangents)
    values = evaluate_checked(call.graph, call.algebra, call.values)
    found = forward_sweep(call.graph, call.algebra, values, [*seeds, *[None] * call.captures])
    moved = [
        whole(found[j] if j >= 0 else None, _real_type(type))
        for j, type in zip(call.graph.outputs, call.graph.output_types, strict=True)
    ]
    return _value(call, values), nest_outputs(call.graph, moved)


def _real_type(type: Type) -> Type:
    return type if type.dtype != BOOL else Type(type.shape, np.dtype(np.float64))


def _value(call: _Call, values: Sequence[Any]) -> Any:
    return nest_outputs(call.graph, own_outputs(call.graph, call.algebra, values, call.values))


def _check_tuple(values: Any, name: str) -> None:
    if not isinstance(values, (tuple, list)):
        raise InputError(
            f"{name} must be a tuple with one entry per argument, not a {type(values).__name__}."
        )


def _fitted_seeds(call: _Call, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Return one tangent per input, or raise InputError."""
    if flatten(tuple(tangents))[1] != flatten(tuple(primals))[1]:
        raise InputError(
            f"The tangents are nested otherwise than the primals: {len(tangents)} for {len(primals)} "
            "arguments; "
            "give one tangent of the same shape for each primal."
        )
    names = call.graph.inputs
    leaves = flatten(tuple(tangents))[0]
    types = call.graph.input_types
    return [
        _seed(leaf, f"The tangent of {name}", name, type)
        for leaf, name, type in zip(leaves, names, types, strict=False)
    ]


def _seed(value: Any, what: str, name: str, type: Type) -> Any:
    """Return a tangent or cotangent in the dtype of what it belongs to, or raise InputError."""
    leaf = as_leaf(value, what[0].lower() + what[1:])
    given = type_of_leaf(leaf)
    if given.shape != type.shape:
        raise InputError(
            f"{what} has shape {given.shape}, but {name} has shape {type.shape}; the shapes must be equal."
        )
    if isinstance(leaf, Traced):
        return leaf if leaf.dtype == type.dtype else leaf.astype(type.dtype)
    return None if type.dtype == BOOL else leaf.astype(type.dtype)


def vjp(f: Any, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the value of ``f`` and its pullback.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
    *primals
        The arguments.

    Returns
    -------
    value
        As ``f`` returns it.
    pullback : callable
        Takes a cotangent shaped and nested as the value; returns a tuple with one cotangent per primal. Each
        call is one reverse pass, at the primals as they were, whatever became of the arrays since.

    Examples
    --------
    >>> value, pullback = vjp(lambda x1, x2: x1 * x2, 2.0, 5.0)
    >>> [float(part) for part in pullback(1.0)]
    [5.0, 2.0]
    """
    call = _call(f, primals)
    own = [value.copy() if isinstance(value, np.ndarray) else value for value in call.values]
    values = evaluate_checked(call.graph, call.algebra, own)
    wrt = [k for k in range(len(call.values) - call.captures) if call.graph.types[k].dtype != BOOL]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        leaves, tree = flatten(cotangent)
        if tree != output_tree(call.graph):
            raise InputError(
                "The cotangent is nested otherwise than the value of the function; give one shaped as the "
                "value."
            )
        types = call.graph.output_types
        parts = [
            _seed(leaf, "The cotangent", "the value", type) for leaf, type in zip(leaves, types, strict=True)
        ]
        seeds = [(j, part) for j, part in zip(call.graph.outputs, parts, strict=True) if part is not None]
        algebra = algebra_for([*own, *parts])
        adjoints = reverse_sweep(call.graph, algebra, values, seeds, wrt)
        types = call.graph.input_types
        found = [whole(adjoints[k], _real_type(types[k])) for k in range(len(types) - call.captures)]
        return tuple(call.nested(k, [found[i] for i in span]) for k, span in enumerate(call.spans))

    return _value(call, values), pullback


def hvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any], argnums: Argnums = 0) -> Any:
    """Return the derivative of the gradient along ``tangents``: a product with the Hessian, without the
    Hessian.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
        Must return one number.
    primals, tangents : tuple
        The arguments and the direction in which they all move.
    argnums : int or sequence of int
        Which gradient; the result is shaped as that of ``grad(f, argnums)``.

    Notes
    -----
    Forward over reverse: H·v = d/dt ∇f(x + t·v) at t = 0, for a small multiple of the cost of ``f``.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: (x * x * x).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    return jvp(grad(f, argnums), primals, tangents)[1]


# ------------------------------------------------------------------------------------------ derivative graphs


def grad_graph(f: Any, *args: Any, argnums: Argnums = 0) -> Graph:
    """Return the gradient itself as a graph: to be traced, drawn, differentiated again.

    Parameters
    ----------
    f : callable, str, sympy expression or Graph
        Must return one number.
    *args
        Example arguments.
    argnums : int or sequence of int
        Which arguments to differentiate by.

    Examples
    --------
    >>> graph = grad_graph(lambda x: x * x, 3.0)
    >>> graph.inputs, graph.outputs[0] in range(len(graph))
    (('x',), True)
    """
    recording = to_graph(f, args)
    if recording.captured:
        raise TraceError(
            "grad_graph was called inside a trace, with a function that closes over a traced value; "
            "use grad there, whose result is part of the outer graph."
        )
    graph = recording.graph
    leaves = flatten_args(graph, args)
    if innermost(leaves) is not None:
        raise TraceError(
            "grad_graph takes numbers and arrays as example arguments, not traced values; use grad inside a "
            "trace."
        )
    _check_scalar(graph, "grad_graph")
    call = _Call(graph, leaves, 0, NUMPY)
    positions = _argnums(argnums, len(args))
    nested = _by_argument(call, positions, [k for a in positions for k in call.spans[a]], _is_single(argnums))
    wrt, out_tree = flatten(nested)
    return gradient_program(graph, leaves, wrt, out_tree)


def gradient_program(graph: Graph, leaves: Sequence[Any], wrt: Sequence[int], out_tree: Tree = None) -> Graph:
    """Return the gradient of a graph by some of its inputs as a graph of the same inputs.

    Parameters
    ----------
    graph : Graph
        Has one scalar output.
    leaves : sequence
        One value per input, which branches follow.
    wrt : sequence of int
        Positions of the inputs to differentiate by.
    out_tree : Tree, optional
        How the results nest.
    """
    recorder = Recorder(FUNCTIONS)
    variables: list[Any] = [
        recorder.variable(name, type, leaf)
        for name, type, leaf in zip(graph.inputs, graph.input_types, leaves, strict=True)
    ]
    found = method_named("reverse").derivative(graph, variables, wrt, algebra=GraphAlgebra(recorder))
    outputs = found.jacobians[0]
    operands = [recorder.operand(output) for output in outputs]
    recorder.closed = True
    return recorder.finish(operands, graph.in_tree, out_tree, f"d{graph.name}")
