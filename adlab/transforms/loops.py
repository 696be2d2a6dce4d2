"""Loops as one node: `SCAN` holds the body of a loop as a graph of its own, so that no graph grows with the steps.

A scan runs its body ``length`` times. The operands are the carries (what one step hands to the next), the slices (arrays
of which each step gets one entry of the first axis) and captures (the same in every step). The body takes the three in
this order and returns the next carries, then what each step contributes to stacked results. A node has one output; a scan
that has several is one flat array of them, which `unpacked` takes apart.

Its derivatives are scans again, found from the body's own sweeps: tangents are further carries of the same loop; adjoints
run through a loop in the opposite direction whose slices are the carries that a first loop saved. So any order, mode and
carrier has them, at a graph size that does not depend on the number of steps, and what a step computes inside is computed
again in the reverse pass, not stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.errors import ShapeError
from adlab.ir.graph import Graph
from adlab.ir.index import normalise_index
from adlab.ir.primitive import Notation, Params, Primitive, Site
from adlab.ir.types import BOOL, FLOAT64, Type, common_dtype
from adlab.primitives.notation import ATOM
from adlab.primitives.rules import Joint, add, zeros
from adlab.transforms.sweeps import active_nodes, forward_sweep, reverse_sweep


@dataclass(frozen=True, eq=False)
class Loop:
    """The static side of a scan.

    Attributes
    ----------
    body : Graph
        Inputs: carries, slices, captures. Outputs: the next carries, then the contributions.
    length : int
        Number of steps.
    carries, slices : int
        How many there are.
    wanted : tuple of int
        Which outputs of the body the node returns: a carry after the last step, a contribution stacked over all.
    backwards : bool
        Whether the last entry of the slices comes first.
    name : str
        How the loop is called when printed: "(body × n)".
    """

    body: Graph
    length: int
    carries: int
    slices: int
    wanted: tuple[int, ...]
    backwards: bool
    name: str

    @property
    def params(self) -> Params:
        """The static parameters of the node."""
        return tuple(sorted(self.__dict__.items()))

    @property
    def output_types(self) -> tuple[Type, ...]:
        """Types of the outputs that are wanted."""
        types = self.body.output_types
        return tuple(types[j] if j < self.carries else stacked(types[j], self.length) for j in self.wanted)

    @property
    def operand_types(self) -> tuple[Type, ...]:
        """Types that the operands must have."""
        last = self.carries + self.slices
        return tuple(
            stacked(type, self.length) if self.carries <= k < last else type
            for k, type in enumerate(self.body.input_types)
        )

    def apply(self, A: Any, operands: Sequence[Any]) -> list[Any]:
        """Return the wanted outputs in a carrier."""
        given = [fitted(A, x, type) for x, type in zip(operands, self.operand_types, strict=True)]
        return unpacked(A, A.apply(SCAN, given, self.params), self.output_types)


def stacked(type: Type, length: int) -> Type:
    """Return the type of as many entries along a new first axis."""
    return Type((length, *type.shape), type.dtype)


def typed(x: Any, type: Type) -> Any:
    """Return a bare Python number as NumPy's, so that it cannot take the dtype of its neighbours."""
    return type.dtype.type(x) if isinstance(x, (int, float)) and not isinstance(x, np.generic) else x


def fitted(A: Any, x: Any, type: Type) -> Any:
    """Return a value in the very type that a node wants; seeds and zeros may come as less."""
    x = typed(x, type)
    if A.shape(x) != type.shape:
        x = A.broadcast_to(x, shape=type.shape)
    return x if A.dtype(x) == type.dtype or type.dtype == BOOL else A.cast(x, dtype=type.dtype.name)


# ------------------------------------------------------------------------------------- several values in one


def packed_type(types: Sequence[Type]) -> Type:
    """Return the type under which values of these types are one output: a flat array where there are several."""
    if len(types) == 1:
        return types[0]
    return Type((sum(type.size for type in types),), common_dtype([type.dtype for type in types]))


def packed(A: Any, values: Sequence[Any], types: Sequence[Type]) -> Any:
    """Return values as one: itself, or all elements of several in a row."""
    if len(types) == 1:
        return values[0]
    dtype = packed_type(types).dtype
    flat = []
    for value, type in zip(values, types, strict=True):
        value = typed(value, type)
        value = value if type.dtype == dtype else A.cast(value, dtype=dtype.name)
        flat.append(A.reshape(value, shape=(type.size,)))
    return A.concatenate(*flat, axis=0)


def unpacked(A: Any, value: Any, types: Sequence[Type]) -> list[Any]:
    """Return the values that `packed` made one."""
    if len(types) == 1:
        return [value]
    whole, start, values = packed_type(types), 0, []
    for type in types:
        index = normalise_index(slice(start, start + type.size), whole.shape)
        part = A.reshape(A.index(value, index=index), shape=type.shape)
        if type.dtype == BOOL:
            part = A.not_equal(part, 0)
        elif type.dtype != whole.dtype:
            part = A.cast(part, dtype=type.dtype.name)
        values.append(part)
        start += type.size
    return values


def real(type: Type) -> Type:
    """Return the type of a tangent or cotangent of a value."""
    return Type(type.shape, FLOAT64) if type.dtype == BOOL else type


# ------------------------------------------------------------------------------------------------- evaluation


def evaluate_scan(A: Any, xs: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Return the packed outputs in any carrier: step after step."""
    loop = Loop(**params)
    last = loop.carries + loop.slices
    slices, captures = xs[loop.carries : last], xs[last:]
    outputs = [j for j in loop.wanted if j >= loop.carries]

    def step(t: int, carry: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        entries = [A.index(x, index=_entry(t, type)) for x, type in zip(slices, slice_types, strict=True)]
        found = A.outputs(loop.body, A.run(loop.body, [*carry, *entries, *captures]))
        return found[: loop.carries], [found[j] for j in outputs]

    slice_types = loop.body.input_types[loop.carries : last]
    order = range(loop.length - 1, -1, -1) if loop.backwards else range(loop.length)
    carry, rows = A.repeat(step, list(xs[: loop.carries]), order)
    if loop.backwards:
        rows = rows[::-1]
    columns = {j: _column(A, [row[k] for row in rows], loop, j) for k, j in enumerate(outputs)}
    values = [carry[j] if j < loop.carries else columns[j] for j in loop.wanted]
    return packed(A, values, loop.output_types)


def _entry(t: int, type: Type) -> tuple[Any, ...]:
    return (t, *[("slice", 0, n, 1) for n in type.shape])


def _column(A: Any, rows: Sequence[Any], loop: Loop, j: int) -> Any:
    type = loop.body.output_types[j]
    return A.stack(*rows, axis=0) if rows else zeros(A, (0, *type.shape), type.dtype)


# ------------------------------------------------------------------------------------------------ derivatives


class ScanRule(Joint):
    """Tangents and adjoints of a loop, as loops."""

    def jvp(self, A: Any, site: Site, tangents: Sequence[Any]) -> Any:
        """Return the packed tangents of the outputs."""
        loop = Loop(**site.params)
        moving = _moving(loop, [k for k, tangent in enumerate(tangents) if tangent is not None])
        operands = [*site.xs[: loop.carries]]
        operands += [_zero_if_none(A, tangents[k], loop, k) for k in moving if k < loop.carries]
        last = loop.carries + loop.slices
        for start, stop in ((loop.carries, last), (last, len(site.xs))):
            operands += [*site.xs[start:stop]]
            operands += [_zero_if_none(A, tangents[k], loop, k) for k in moving if start <= k < stop]
        new = tangent_loop(loop, tuple(moving))
        return packed(A, new.apply(A, operands), [real(type) for type in loop.output_types])

    def pull(self, A: Any, site: Site, cotangent: Any, positions: Sequence[int]) -> Sequence[Any]:
        """Return the adjoints of the operands."""
        loop = Loop(**site.params)
        wanted = [k for k in positions if site.types[k].dtype != BOOL]
        if not wanted:
            return [None for _ in positions]
        types = [real(type) for type in loop.output_types]
        parts = unpacked(A, typed(cotangent, packed_type(types)), types)
        found = dict(zip(wanted, _adjoints(A, loop, site.xs, parts, wanted), strict=True))
        return [found.get(k) for k in positions]


def _zero_if_none(A: Any, tangent: Any, loop: Loop, k: int) -> Any:
    type = real(loop.operand_types[k])
    return zeros(A, type.shape, type.dtype) if tangent is None else typed(tangent, type)


def _moving(loop: Loop, positions: Sequence[int]) -> list[int]:
    """Return the operands whose tangents take part: those given, and each carry that a step makes depend on them.

    A carry that is wanted takes part in any case.
    """
    types = loop.body.input_types
    moving = {k for k in positions if types[k].dtype != BOOL} | {j for j in loop.wanted if j < loop.carries}
    while True:
        active = active_nodes(loop.body, moving)
        reached = {
            j
            for j, operand in enumerate(loop.body.outputs[: loop.carries])
            if operand >= 0 and active[operand]
        }
        if reached <= moving:
            return sorted(moving)
        moving |= reached


class _Body:
    """A derived body in the making: the old body run on new inputs."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.recorder = Recorder()
        self.algebra = GraphAlgebra(self.recorder)
        self.names = list(loop.body.inputs)

    def input(self, name: str, type: Type) -> Traced:
        """Return a new input; a name that is taken gets a stroke."""
        while name in self.recorder.input_names:
            name += "'"
        return self.recorder.variable(name, type)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the old body's values."""
        return self.algebra.run(self.loop.body, inputs)

    def output(self, value: Any, type: Type) -> int:
        """Return a value as an output of a type; None is zeros."""
        if value is None:
            value = np.zeros(type.shape, type.dtype)[()]
        return self.recorder.operand(fitted(self.algebra, value, type))


def tangent_loop(loop: Loop, moving: tuple[int, ...]) -> Loop:
    """Return the loop that carries tangents along; its outputs are those of the wanted outputs."""
    body, graph = _Body(loop), loop.body
    last = loop.carries + loop.slices
    values: dict[int, Any] = {}
    seeds: list[Any] = [None] * len(graph.inputs)
    for start, stop in ((0, loop.carries), (loop.carries, last), (last, len(graph.inputs))):
        for k in range(start, stop):
            values[k] = body.input(graph.inputs[k], graph.types[k])
        for k in moving:
            if start <= k < stop:
                seeds[k] = body.input(f"d{graph.inputs[k]}", real(graph.types[k]))
    run = body.run([values[k] for k in range(len(graph.inputs))])
    seeded = [None if graph.types[k].dtype == BOOL else seed for k, seed in enumerate(seeds)]
    swept = forward_sweep(graph, body.algebra, run, seeded)
    found = body.algebra.outputs(graph, run)
    moved = [swept[j] if j >= 0 else None for j in graph.outputs]
    types = graph.output_types
    carried = [j for j in moving if j < loop.carries]
    outputs = [body.output(found[j], types[j]) for j in range(loop.carries)]
    outputs += [body.output(moved[j], real(types[j])) for j in carried]
    contributed = [j for j in loop.wanted if j >= loop.carries]
    outputs += [body.output(moved[j], real(types[j])) for j in contributed]
    places = {j: loop.carries + k for k, j in enumerate([*carried, *contributed])}
    return replace(
        loop,
        body=body.recorder.finish(outputs),
        carries=loop.carries + len(carried),
        slices=loop.slices + sum(loop.carries <= k < last for k in moving),
        wanted=tuple(places[j] for j in loop.wanted),
        name=f"d{loop.name}",
    )


def _adjoints(
    A: Any, loop: Loop, xs: Sequence[Any], cotangents: Sequence[Any], positions: Sequence[int]
) -> list[Any]:
    """Return the adjoints of the operands at ``positions``: one loop saves the carries, one runs back."""
    back = adjoint_loop(loop, tuple(positions))
    saved = iter(back.saving.apply(A, xs) if back.saving.wanted else ())
    carry_types = loop.body.input_types
    last = loop.carries + loop.slices
    by_output = dict(zip(loop.wanted, cotangents, strict=True))
    operands = [by_output.get(k, zeros(A, carry_types[k].shape, carry_types[k].dtype)) for k in back.moving]
    operands += [zeros(A, carry_types[k].shape, carry_types[k].dtype) for k in positions if k >= last]
    operands += [next(saved) for k in back.kept if k < loop.carries]
    operands += [xs[k] for k in back.kept if loop.carries <= k < last]
    operands += [by_output[j] for j in loop.wanted if j >= loop.carries]
    operands += [xs[k] for k in back.kept if k >= last]
    return back.loop.apply(A, operands)


@dataclass(frozen=True, eq=False)
class Back:
    """The reverse pass of a loop.

    Attributes
    ----------
    saving : the loop that saves the carries that the way back needs
    loop : the way back; carries: adjoints of ``moving`` carries, sums for captures; slices: saved carries, slices,
        cotangents of contributions; outputs: one per operand that was asked for
    moving : carries that the operands asked for flow into
    kept : inputs of the body that the way back reads
    """

    saving: Loop
    loop: Loop
    moving: tuple[int, ...]
    kept: tuple[int, ...]


def adjoint_loop(loop: Loop, positions: tuple[int, ...]) -> Back:
    """Return the loop that runs back through ``loop`` with the adjoints of the operands at ``positions``."""
    body, graph = _Body(loop), loop.body
    types, last = graph.input_types, loop.carries + loop.slices
    reached = _reached(loop, positions)
    moving = tuple(k for k in reached if k < loop.carries and types[k].dtype != BOOL)
    summed = tuple(k for k in positions if k >= last)
    bars = [body.input(f"{graph.inputs[k]}_bar", types[k]) for k in moving]
    sums = [body.input(f"{graph.inputs[k]}_sum", types[k]) for k in summed]
    values = [body.input(graph.inputs[k], types[k]) for k in range(last)]
    contributed = [j for j in loop.wanted if j >= loop.carries]
    cotangents = [body.input(f"y{j}_bar", real(graph.output_types[j])) for j in contributed]
    values += [body.input(graph.inputs[k], types[k]) for k in range(last, len(types))]
    run = body.run(values)
    seeds = [(graph.outputs[k], bar) for k, bar in zip(moving, bars, strict=True)]
    seeds += [
        (graph.outputs[j], bar)
        for j, bar in zip(contributed, cotangents, strict=True)
        if graph.output_types[j].dtype != BOOL
    ]
    adjoints = reverse_sweep(graph, body.algebra, run, seeds, sorted({*moving, *positions}))
    outputs = [body.output(adjoints[k], types[k]) for k in moving]
    outputs += [body.output(add(total, adjoints[k]), types[k]) for k, total in zip(summed, sums, strict=True)]
    sliced = [k for k in positions if loop.carries <= k < last]
    outputs += [body.output(adjoints[k], types[k]) for k in sliced]
    first = len(moving) + len(summed)
    places = {k: n for n, k in enumerate([*moving, *summed, *sliced])}
    full = body.recorder.finish(outputs)
    at = {k: first + k + (len(contributed) if k >= last else 0) for k in range(len(types))}
    read = _read_inputs(full)
    kept = tuple(k for k in at if read[at[k]])
    dropped = {at[k] for k in at if not read[at[k]]}
    saved = tuple(k for k in kept if k < loop.carries)
    way_back = replace(
        loop,
        body=without_nodes(full, dropped),
        carries=first,
        slices=sum(k < last for k in kept) + len(contributed),
        wanted=tuple(places[k] for k in positions),
        backwards=not loop.backwards,
        name=f"back{loop.name}",
    )
    return Back(_saving(loop, saved), way_back, moving, kept)


def _reached(loop: Loop, positions: Sequence[int]) -> list[int]:
    """Return the operands among ``positions``, and the carries that they flow into."""
    reached = set(positions)
    while True:
        active = active_nodes(loop.body, reached)
        further = {
            j
            for j, operand in enumerate(loop.body.outputs[: loop.carries])
            if operand >= 0 and active[operand]
        }
        if further <= reached:
            return sorted(reached)
        reached |= further


def _saving(loop: Loop, saved: tuple[int, ...]) -> Loop:
    """Return the loop whose stacked results are the carries that each step begins with."""
    graph = loop.body
    body = replace(graph, outputs=(*graph.outputs[: loop.carries], *saved))
    return replace(
        loop, body=body, wanted=tuple(range(loop.carries, loop.carries + len(saved))), name=f"save{loop.name}"
    )


def _read_inputs(graph: Graph) -> list[bool]:
    """Return, for each input, whether a node or an output reads it."""
    read = [False] * len(graph)
    for operands in (*graph.operands, graph.outputs):
        for j in operands:
            if j >= 0:
                read[j] = True
    return read[: len(graph.inputs)]


def without_nodes(graph: Graph, dropped: set[int], outputs: Sequence[int] | None = None) -> Graph:
    """Return the graph without some inputs or nodes that nothing reads, and with other outputs if they are given."""
    if not dropped:
        return graph
    kept = [i for i in range(len(graph)) if i not in dropped]
    new = {old: place for place, old in enumerate(kept)}

    def moved(operands: Sequence[int]) -> tuple[int, ...]:
        return tuple(new[j] if j >= 0 else j for j in operands)

    return Graph(
        tuple(name for k, name in enumerate(graph.inputs) if k not in dropped),
        moved(graph.outputs if outputs is None else outputs),
        [graph.primitives[i] for i in kept],
        [moved(graph.operands[i]) for i in kept],
        [graph.params[i] for i in kept],
        [graph.types[i] for i in kept],
        [graph.scope_ids[i] for i in kept],
        [graph.source_ids[i] for i in kept],
        graph.constants,
        graph.scopes,
        graph.sources,
        name=graph.name,
    )


# ---------------------------------------------------------------------------------------------------- the row


def _infer_scan(*types: Type, **params: Any) -> Type:
    loop = Loop(**params)
    wanted = loop.operand_types
    if types != wanted:
        listed = ", ".join(map(str, types))
        raise ShapeError(f"the loop takes operands of types {', '.join(map(str, wanted))}, not {listed}.")
    return packed_type(loop.output_types)


def scan_notation(params: Mapping[str, Any]) -> Notation:
    """Return the notation ``(body × n)(init, …)``."""
    name = params["name"].replace("{", "{{").replace("}", "}}")
    latex = r"\mathrm{{" + name.replace("_", r"\_").replace(" × ", r" \times ") + r"}}"
    return Notation(f"{name}({{*}})", latex + r"\left({*}\right)", ATOM)


SCAN = Primitive(
    "scan", _infer_scan, ScanRule(), numpy="", arity=None, composite=evaluate_scan, notation=scan_notation,
    summary="a loop whose body is a graph, held as one node",
)  # fmt: skip
