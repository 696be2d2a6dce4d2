"""Control of loops and memory: `scan` and `fori` are one node however many steps they take, `checkpoint` recomputes.

The body of a loop is traced once, at the types of the first step; what it closes over is handed in. Python's own ``for``
works as well and writes one copy of its body per step: use it where steps differ.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adlab.algebra.base import Algebra
from adlab.algebra.traced import Recorder, Traced, innermost, trace_error
from adlab.errors import AdlabError, InputError, ShapeError, TraceError
from adlab.frontends.numpy_functions import FUNCTIONS
from adlab.frontends.recording import as_leaf, parameter_names, record, type_of_leaf
from adlab.ir.builder import user_source
from adlab.ir.graph import Graph
from adlab.ir.tree import LEAF, Tree, flatten, kind_name, leaf_names, unflatten
from adlab.ir.types import Type, common_dtype
from adlab.transforms.evaluation import algebra_for, as_result
from adlab.transforms.loops import Loop, fitted, unpacked, without_nodes
from adlab.transforms.recompute import CHECKPOINT, packed_graph


class BodyRecorder(Recorder):
    """Traces the body of a loop: all steps at once, so no branch may be decided by a value."""

    def guard(self, operand: int, outcome: bool) -> None:
        """Refuse a branch: the steps might differ in it."""
        raise trace_error(
            "a comparison decides a branch in the body of a loop that is traced once for all steps",
            "write the choice as np.where(condition, a, b), or loop with Python's own for",
        )


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Return what a loop carries out, and the stacked results of its steps.

    It is this loop, as one node of the graph::

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    Parameters
    ----------
    f : callable
        ``f(carry, x)`` returns ``(carry, y)``; the carry keeps its nesting, shapes and dtypes, ``y`` may be None.
        It may close over traced values.
    init : number, array or nested container
        The carry before the first step.
    xs : array or nested container, optional
        Arrays with one entry of the first axis per step; None if the steps take nothing.
    length : int, optional
        The number of steps; needed where ``xs`` is None.
    reverse : bool
        Whether the steps take the entries of ``xs`` from the last to the first; each ``y`` stands where its ``x`` did.

    Returns
    -------
    carry, ys
        Nested as ``init`` and as ``y``; every ``y`` with the steps as a first axis.

    Raises
    ------
    InputError
        If ``xs`` have no common length, or there are none and no length is given.
    ShapeError
        If a step changes the nesting, a shape or a dtype of the carry; the message names the line.
    TraceError
        If the body branches on a value; use np.where, or Python's own for.

    Notes
    -----
    Reverse mode stores the carry of each step and computes a step's inside again: memory is that of the carries.

    Examples
    --------
    >>> import numpy as np
    >>> carry, ys = scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(carry), ys
    (6.0, array([0., 2., 9.]))
    """
    (carry, carry_tree), (slices, slice_tree) = _leaves(init, "init"), _leaves(xs, "xs")
    count = _length(slices, length)
    if not carry and not slices:
        raise InputError("A scan needs something to carry or to run over: give init or xs.")
    names = parameter_names(f, 2)
    traced = _Traced(f, carry, carry_tree, slices, slice_tree, names)
    loop = Loop(
        traced.graph, count, len(carry), len(slices), tuple(range(len(traced.graph.outputs))), reverse,
        f"({_called(f)} × {count})",
    )  # fmt: skip
    found = _applied(loop, [*carry, *slices, *traced.captured])
    return unflatten(carry_tree, found[: len(carry)]), unflatten(traced.y_tree, found[len(carry) :])


def fori(count: int, f: Callable[[Any, Any], Any], init: Any) -> Any:
    """Return what ``count`` steps of ``carry = f(i, carry)`` make of ``init``; i counts from 0.

    Parameters
    ----------
    count : int
        The number of steps, known while tracing.
    f : callable
        ``f(i, carry)`` returns the next carry, of the same nesting, shapes and dtypes; ``i`` is a traced number, so it
        computes but does not index (hand arrays to `scan`, which slices them).
    init : number, array or nested container
        The carry before the first step.

    Raises
    ------
    InputError
        If ``count`` is no whole number from 0 up.
    ShapeError
        If a step changes the nesting, a shape or a dtype of the carry; the message names the line.
    TraceError
        If the body branches on a value.

    Examples
    --------
    >>> from adlab.derivatives import grad
    >>> power = lambda x: fori(10, lambda i, y: y * x, 1.0)
    >>> float(power(2.0)), float(grad(power)(2.0))
    (1024.0, 5120.0)
    """
    steps = _whole(count, "count")
    leaves, tree = _leaves(init, "init")
    if not leaves:
        raise InputError("fori needs something to carry: init holds no number or array.")
    counter = common_dtype([type_of_leaf(leaf).dtype for leaf in leaves]).type(0)

    def body(carry: Any, _: Any) -> Any:
        i, inner = carry
        return (i + 1, f(i, inner)), None

    traced = _Traced(
        body,
        [counter, *leaves],
        ("tuple", (), (LEAF, tree)),
        [],
        None,
        parameter_names(f, 2)[::-1],
        counted=True,
    )
    graph, operands = traced.graph, [counter, *leaves]
    if not _reads_counter(graph):
        graph, operands = without_nodes(graph, {0, graph.outputs[0]}, graph.outputs[1:]), leaves
    wanted = tuple(range(len(operands) - len(leaves), len(operands)))
    loop = Loop(graph, steps, len(operands), 0, wanted, False, f"({_called(f)} × {steps})")
    return unflatten(tree, _applied(loop, [*operands, *traced.captured]))


def _reads_counter(graph: Graph) -> bool:
    """Return whether anything but counting on reads the number of the step."""
    step = graph.outputs[0]
    return (
        0 in graph.outputs[1:]
        or any(0 in operands for i, operands in enumerate(graph.operands) if i != step)
        or step in graph.outputs[1:]
        or any(step in operands for operands in graph.operands)
    )


# -------------------------------------------------------------------------------------------------- arguments


def _leaves(value: Any, name: str) -> tuple[list[Any], Tree]:
    leaves, tree = flatten(value)
    labels = leaf_names(tree, name)
    return [as_leaf(leaf, label) for leaf, label in zip(leaves, labels, strict=True)], tree


def _whole(count: Any, name: str) -> int:
    if isinstance(count, Traced):
        raise trace_error(
            f"the {name} of a loop depends on a traced value", "use a number that is known while tracing"
        )
    if isinstance(count, (bool, np.bool_)) or not isinstance(count, (int, np.integer)) or count < 0:
        raise InputError(f"The {name} of a loop is a whole number from 0 up, not {count!r}.")
    return int(count)


def _length(slices: Sequence[Any], length: int | None) -> int:
    """Return the number of steps, on which all slices must agree."""
    if any(not x.shape for x in slices):
        raise InputError("xs holds a number; a scan runs over arrays, one entry of the first axis per step.")
    lengths = {int(x.shape[0]) for x in slices}
    if length is not None:
        lengths.add(_whole(length, "length"))
    if len(lengths) != 1:
        what = f"lengths {', '.join(map(str, sorted(lengths)))}" if lengths else "no xs and no length"
        raise InputError(f"A scan takes one number of steps; {what} were given.")
    return lengths.pop()


def _called(f: Any) -> str:
    name = getattr(f, "__name__", type(f).__name__)
    return str(name) if str(name).isidentifier() else "body"


# ----------------------------------------------------------------------------------------------------- the body


class _Traced:
    """The body as a graph, with what it closed over.

    Attributes
    ----------
    graph : Graph
        Inputs: carries, slices, captures; outputs: carries, contributions.
    captured : list of Traced
    y_tree : how the contributions nest
    """

    def __init__(
        self,
        f: Callable[..., Any],
        carry: Sequence[Any],
        carry_tree: Tree,
        slices: Sequence[Any],
        slice_tree: Tree,
        names: Sequence[str],
        counted: bool = False,
    ) -> None:
        recorder = BodyRecorder(FUNCTIONS)
        self._place = user_source()
        labels = [*leaf_names(carry_tree, names[0]), *leaf_names(slice_tree, names[1])]
        labels = _distinct(labels)
        types = [type_of_leaf(x) for x in carry]
        types += [Type(type.shape[1:], type.dtype) for type in map(type_of_leaf, slices)]
        examples = [*carry, *(_first(x) for x in slices)]
        variables = [
            recorder.variable(label, type, example)
            for label, type, example in zip(labels, types, examples, strict=True)
        ]
        try:
            result = f(
                unflatten(carry_tree, variables[: len(carry)]), unflatten(slice_tree, variables[len(carry) :])
            )
            self._check_pair(result)
            outputs, tree = flatten(result[0])
            self._check_carry(*((t[2][1] for t in (tree, carry_tree)) if counted else (tree, carry_tree)))
            ys, self.y_tree = flatten(result[1])
            operands = [self._operand(recorder, output) for output in (*outputs, *ys)]
            self._check_types(recorder, operands[: len(carry)], types[: len(carry)], labels)
        finally:
            recorder.closed = True
        self.graph = recorder.finish(operands)
        self.captured = [value for value, _ in recorder.captured.values()]

    def _where(self) -> str:
        line = self._place.text()
        return f"{self._place}: `{line}`" if line else str(self._place)

    def _check_pair(self, result: Any) -> None:
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TraceError(
                f"{self._where()}: the body of a scan returns two things, (carry, y); this one returned a "
                f"{type(result).__name__}; return (carry, None) if the steps have no result of their own."
            )

    def _check_carry(self, tree: Tree, wanted: Tree) -> None:
        if tree != wanted:
            raise ShapeError(
                f"{self._where()}: the body of the loop returns a carry that is nested otherwise than the one it is "
                f"given ({_nesting(wanted)} in, {_nesting(tree)} out); a step must hand on what it takes."
            )

    def _check_types(
        self, recorder: Recorder, operands: Sequence[int], types: Sequence[Type], labels: Sequence[str]
    ) -> None:
        for operand, before, label in zip(operands, types, labels, strict=False):
            after = recorder.type_of(operand)
            if after != before:
                what = "shape" if after.shape != before.shape else "dtype"
                was, now = (before.shape, after.shape) if what == "shape" else (before.dtype, after.dtype)
                raise ShapeError(
                    f"{self._where()}: the body of the loop changes the {what} of the carry {label} from {was} to {now}; "
                    f"start with a carry of the {what} that each step returns."
                )

    def _operand(self, recorder: Recorder, output: Any) -> int:
        try:
            return recorder.operand(as_leaf(output, "the result"))
        except AdlabError:
            raise TraceError(
                f"{self._where()}: the body of the loop returned a {type(output).__name__}; it must return numbers, "
                "arrays and containers of them."
            ) from None


def _first(x: Any) -> Any:
    """Return an example for one entry of a slice: its first, ones where there is none or no number is known."""
    if isinstance(x, Traced):
        try:
            x = x.recorder.concrete(x.index)
        except AdlabError:
            return np.ones(x.shape[1:], x.dtype)[()]
    return x[0] if len(x) else np.ones(x.shape[1:], x.dtype)[()]


def _distinct(labels: Sequence[str]) -> list[str]:
    found: list[str] = []
    for label in labels:
        while label in found:
            label += "'"
        found.append(label)
    return found


def _nesting(tree: Tree) -> str:
    if tree is None:
        return "None"
    if tree == LEAF:
        return "one array"
    kind, keys, children = tree
    name = kind_name(kind)
    return f"a {name} with keys {', '.join(map(str, keys))}" if keys else f"a {name} of {len(children)}"


def _applied(loop: Loop, operands: Sequence[Any]) -> list[Any]:
    """Return the outputs in the carrier of the operands, as the user gets them."""
    algebra = algebra_for(operands)
    found = loop.apply(algebra, operands)
    return [as_result(value, type) for value, type in zip(found, loop.output_types, strict=True)]


# --------------------------------------------------------------------------------------------------- checkpoints


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` with its inside forgotten after the forward pass and computed again in the reverse pass.

    Parameters
    ----------
    f : callable
        NumPy code of numbers, arrays and containers of them; it may close over traced values.

    Returns
    -------
    callable
        The same function. In a graph a call is one node, which stores its results alone; derivatives of any order pass
        through it. On numbers it just calls ``f``.

    Notes
    -----
    Memory falls from that of all operations to that of the calls, for one more evaluation of ``f`` in the reverse pass.
    A loop of n steps takes least, about √n, in √n checkpointed blocks of √n steps each.

    Examples
    --------
    >>> import numpy as np
    >>> from adlab.derivatives import grad
    >>> step = checkpoint(lambda x: np.sin(x) * np.exp(x))
    >>> float(grad(lambda x: step(step(x)))(0.0))
    1.0
    """

    @functools.wraps(f)
    def held(*args: Any) -> Any:
        leaves, _ = flatten(tuple(args))
        labels = [f"argument {k}" for k in range(len(leaves))]
        values = [as_leaf(leaf, label) for leaf, label in zip(leaves, labels, strict=True)]
        if innermost(values) is None:
            return f(*args)
        recording = record(f, args)
        operands = [*values, *recording.captured]
        return _held(recording.graph, operands, _called(f))

    return held


def _held(graph: Graph, operands: Sequence[Any], name: str) -> Any:
    """Return the outputs of a graph that one node holds; branches it followed become the outer trace's."""
    algebra = algebra_for(operands)
    _follow_guards(graph, algebra, operands)
    types = graph.output_types
    given = [fitted(algebra, x, type) for x, type in zip(operands, graph.input_types, strict=True)]
    params = (("graph", packed_graph(graph)), ("name", name))
    found = unpacked(algebra, algebra.apply(CHECKPOINT, given, params), types)
    outputs = [as_result(value, type) for value, type in zip(found, types, strict=True)]
    return unflatten(graph.out_tree, outputs)


def _follow_guards(graph: Graph, algebra: Algebra, operands: Sequence[Any]) -> None:
    """Record the comparisons that the held code followed in the trace around it."""
    if not graph.guards:
        return
    values = algebra.run(graph, operands)
    for guard in graph.guards:
        if guard.operand >= 0:
            bool(values[guard.operand])
