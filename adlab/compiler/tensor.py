"""Graphs of arrays as native code: one function for the whole graph, fused loops and calls of BLAS within.

The graph becomes operations, operations that can share a loop become groups, values that leave their group get memory,
and each group becomes a function of pointers that ``run`` calls in turn. Numbers are computed between the loops, in
registers. The body of a `scan` is lowered by the same means to a function of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from adlab.compiler import products
from adlab.compiler.absorption import absorb
from adlab.compiler.body import Body
from adlab.compiler.elements import apply, convert, element, memory
from adlab.compiler.emit import Element, Emitter, Lanes, Loop
from adlab.compiler.engine import Machine, host
from adlab.compiler.fusion import Group, Step, steps
from adlab.compiler.loops import Argument, Kernel, Pointer, Scratch, write_group
from adlab.compiler.memory import Lifetime, plan
from adlab.compiler.operations import (
    Cumulate,
    Gather,
    Map,
    Op,
    Operations,
    Product,
    Repeat,
    Scatter,
    Turn,
    Value,
    operations,
)
from adlab.compiler.products import Constants, Tile, blas, generated, tile
from adlab.compiler.program import Outside, Program
from adlab.compiler.structure import write_copy, write_gather, write_running_sum, write_scatter, write_turn
from adlab.compiler.vectors import Access
from adlab.compiler.views import View, dense, strides_of
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.index import FrozenArray
from adlab.ir.types import BOOL, Type
from adlab.transforms.loops import Loop as ScanLoop
from adlab.transforms.scopes import expand

LEVEL = 1
"""How hard the code generator works: loops run as fast as with level 2, and are generated in less time."""


def lower_tensor(
    graph: Graph, donate: Mapping[int, int] | None = None, machine: Machine | None = None
) -> Program:
    """Lower a graph of arrays.

    Parameters
    ----------
    graph : Graph
        Every row must have a native form; `adlab.compiler.segments` cuts a graph where one has not.
    donate : mapping, optional
        Outputs that may be written over an input: output position to input position.
    machine : Machine, optional
        The processor to write for; by default this one.

    Returns
    -------
    Program
        Its graph has the same inputs and outputs; calls are inlined, and tables that loops need are among its literals.
    """
    graph = inlined(graph)
    module = Module(machine or host(), list(graph.constants))
    lowering = Lowering(module, graph, dict(donate or {}))
    text = lowering.write("run")
    whole = replace(graph, constants=tuple(module.literals))
    return Program(
        whole, module.text(text), LEVEL, lowering.work_bytes, tuple(module.table), dict(donate or {})
    )


def inlined(graph: Graph) -> Graph:
    """Return the graph with calls and checkpoints replaced by what they hold."""
    held = any(name == "graph" for params in graph.params for name, _ in params)
    return expand(graph) if held else graph


@dataclass
class Module:
    """What all functions of a module share.

    Attributes
    ----------
    machine : Machine
    literals : list of Constant
        The array literals that the code reads, by their index in the table.
    table : list of Outside
    constants : Constants
    kernels : dict
        The text of each loop to its name: equal loops are one function.
    declarations : dict
    bodies : list of str
        The functions of loop bodies.
    """

    machine: Machine
    literals: list[Constant]
    table: list[Outside] = field(default_factory=list)
    constants: Constants = field(default_factory=Constants)
    kernels: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, None] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=list)

    @property
    def tile(self) -> Tile:
        """The block in which products are generated."""
        return tile(self.machine)

    @property
    def attributes(self) -> str:
        """What functions are marked with."""
        return 'nounwind "prefer-vector-width"="512"' if self.machine.wide else "nounwind"

    def body(self) -> Body:
        """Return a function to be written."""
        return Body(table=self.table)

    def literal(self, constant: Constant) -> Outside:
        """Return the table's entry of an array literal."""
        for k, known in enumerate(self.literals):
            if known is constant:
                return Outside("literal", str(k))
        self.literals.append(constant)
        return Outside("literal", str(len(self.literals) - 1))

    @property
    def driving(self) -> str:
        """What functions are marked with that call others and compute little: they are generated in the least time."""
        return f"{self.attributes} noinline optnone"

    def kernel(self, body: Body, parameters: Sequence[str], *, driving: bool = False) -> str:
        """Return the name of a loop's function."""
        attributes = self.driving if driving else self.attributes
        text = body.function(f"void @({', '.join([*parameters, 'ptr %table'])})", attributes)
        self.declarations |= body.declarations
        return self.kernels.setdefault(text[text.index("(") :], f"loop{len(self.kernels)}")

    def tile_function(self, kind: Element, rows: int, widths: Sequence[int]) -> str:
        """Return the name of the function of a block of a product."""
        body = self.body()
        products.write_tile(body, kind, rows, widths)
        return self.kernel(body, products.tile_parameters(kind))

    def text(self, run: str) -> str:
        """Return the whole module."""
        kernels = [f"define internal void @{name}{text}" for text, name in self.kernels.items()]
        return "\n".join([*self.constants.lines, *self.declarations, *kernels, *self.bodies, run])


class Lowering:
    """One graph on its way to a function of the module."""

    def __init__(self, module: Module, graph: Graph, donate: Mapping[int, int]) -> None:
        self.module, self.graph, self.donate = module, graph, donate
        self.operations: Operations = operations(graph, module.tile)
        self.values = self.operations.values
        _drop_dead(self.operations)
        absorb(self.operations, module.tile)
        self.steps: list[Step] = steps(self.operations)
        self.body = module.body()
        self.numbers: dict[tuple[int, int], str] = {}
        self.outputs = {value: k for k, value in enumerate(self.operations.outputs)}
        self.late = {
            self.operations.outputs[k]: k for k, i in donate.items() if not self._may_overwrite(k, i)
        }
        for value in self.late:
            del self.outputs[value]
        self.stored, self.in_memory = self._uses()
        self.kernels: dict[int, Kernel] = {}
        self.repeated: dict[int, tuple[Lowering, ScanLoop]] = {}

    def write(self, name: str) -> str:
        """Return the text of the function."""
        for slot, step in enumerate(self.steps):
            if isinstance(step.work, Group):
                self.kernels[slot] = write_group(
                    step.work, self.operations, self.stored, self.module.tile.bytes, self.module.body()
                )
            elif isinstance(step.work, Repeat):
                self.repeated[slot] = (self._lower_body(step.work), step.work.loop)
        self.places, self.work_bytes = plan(self._lifetimes())
        for slot, step in enumerate(self.steps):
            if slot in self.kernels:
                self._call(slot, self.kernels[slot])
            elif isinstance(step.work, Op):
                self._operation(slot, step.work)
            for op in step.numbers:
                self._number_operation(op)
        self._guards()
        for value, k in self.late.items():
            self._copy(
                self._argument(len(self.graph.inputs) + k), self._address(value), self.values[value].type
            )
        self.body.lines.append("ret i32 0")
        self.module.declarations |= self.body.declarations
        linkage = "" if name == "run" else "internal "
        return self.body.function(
            f"{linkage}i32 @{name}(ptr %args, ptr %work, ptr %table)", self.module.driving
        )

    # ------------------------------------------------------------------------------------------------- memory

    def _members(self) -> Iterator[tuple[int, Op, Mapping[int, Any]]]:
        """Yield every operation with its slot and what is computed beside it in the same loop."""
        for slot, step in enumerate(self.steps):
            if isinstance(step.work, Group):
                yield from ((slot, op, step.work.levels) for op in step.work.ops)
            elif step.work is not None:
                yield slot, step.work, {}
            yield from ((slot, op, {}) for op in step.numbers)

    def _uses(self) -> tuple[set[int], set[int]]:
        """Return the values that something outside of their loop needs, and those that are read from memory alone."""
        stored = {*self.operations.outputs, *(view.value for view in self.operations.guards)}
        in_memory = set(self.operations.outputs)
        for _, op, beside in self._members():
            stored.update(view.value for view in op.reads if view.value not in beside)
            stored.update(op.results if isinstance(op, Repeat) else ())
            if not isinstance(op, Map) and not beside:
                in_memory.update(view.value for view in op.reads)
        return stored, in_memory

    def _lifetimes(self) -> list[Lifetime]:
        """Return who needs memory, and how long."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for slot, op, _ in self._members():
            for result in op.results:
                first.setdefault(result, slot)
                last[result] = max(slot, last.get(result, 0))
            last.update((view.value, slot) for view in op.reads)
        last.update((view.value, len(self.steps)) for view in self.operations.guards)
        last.update((value, len(self.steps)) for value in self.late)
        found = [
            Lifetime(
                value, _bytes(self.values[value].type), slot, last[value], tuple(self._heirs(slot, value))
            )
            for value, slot in first.items()
            if value in self.stored and value not in self.outputs
        ]
        for slot, kernel in self.kernels.items():
            scratch = [argument for argument in kernel.arguments if isinstance(argument, Scratch)]
            found += [Lifetime((slot, s.value), s.bytes, slot, slot) for s in scratch]
        for slot, (inner, loop) in self.repeated.items():
            found.append(Lifetime((slot, "work"), inner.work_bytes, slot, slot))
            for k, type in enumerate(loop.body.input_types[: loop.carries]):
                found += [Lifetime((slot, k, turn), _bytes(type), slot, slot) for turn in (0, 1)]
        return found

    def _heirs(self, slot: int, value: int) -> list[int]:
        """Return the values whose memory a result may take over in its own step."""
        step, found = self.steps[slot], []
        if isinstance(step.work, Group) and value in step.work.levels:
            found = step.work.heirs(value)
        elif isinstance(step.work, Product) and value == step.work.result:
            addend, (a, b, *_) = step.work.factors.addend, step.work.reads
            if (
                addend is not None
                and _complete(self.values, addend)
                and addend.value not in (a.value, b.value)
            ):
                found = [addend.value]
        behind = {view.value for op in step.numbers for view in op.reads}
        return [operand for operand in found if operand not in behind]

    def _may_overwrite(self, output: int, position: int) -> bool:
        """Return whether an output can be written straight into an input's memory: nothing reads the input later."""
        value = self.operations.outputs[output]
        given = next(v for v, known in enumerate(self.values) if known.input == position)
        slots = [slot for slot, op, _ in self._members() if value in op.results]
        reading = [slot for slot, op, _ in self._members() if any(view.value == given for view in op.reads)]
        reading += [len(self.steps) for view in self.operations.guards if view.value == given]
        if self.graph.guards or any(slot > slots[0] for slot in reading):
            return False
        beside = slots[0] in reading
        return not beside or (len(slots) == 1 and given in self._heirs(slots[0], value))

    def _address(self, value: int, offset: int = 0) -> str:
        """Return the address of an element of a value."""
        given, body = self.values[value], self.body
        if given.input is not None:
            base = self._argument(given.input)
        elif given.constant is not None:
            base = body.outside(self.module.literal(self.graph.constants[given.constant]))
        elif value in self.outputs:
            base = self._argument(len(self.graph.inputs) + self.outputs[value])
        else:
            base = self._work(self.places[value])
        if not offset:
            return base
        return body.on_entry(f"getelementptr {memory(given.type.dtype)}, ptr {base}, i64 {offset}", "part")

    def _argument(self, k: int) -> str:
        place = self.body.on_entry(f"getelementptr ptr, ptr %args, i64 {k}", "arg") if k else "%args"
        return self.body.on_entry(f"load ptr, ptr {place}, align 8", "array")

    def _work(self, offset: int) -> str:
        return (
            self.body.on_entry(f"getelementptr i8, ptr %work, i64 {offset}", "buffer") if offset else "%work"
        )

    # ------------------------------------------------------------------------------------------------- loops

    def _call(self, slot: int, kernel: Kernel) -> None:
        """Write the call of a loop."""
        given = [
            f"{parameter.split(' ', 1)[0]} {self._given(slot, argument)}"
            for parameter, argument in zip(kernel.parameters, kernel.arguments, strict=True)
        ]
        name = self.module.kernel(kernel.body, kernel.parameters)
        self.body.lines.append(f"call void @{name}({', '.join([*given, 'ptr %table'])})")

    def _given(self, slot: int, argument: Argument) -> str:
        if isinstance(argument, Pointer):
            return self._address(argument.value, argument.offset)
        if isinstance(argument, Scratch):
            return self._work(self.places[slot, argument.value])
        return self._number(View(argument.value, (), ()))

    # ------------------------------------------------------------------------------------------------ numbers

    def _emitter(self, type: Type) -> Emitter:
        return Emitter(Lanes(element(type.dtype)), self.body)

    def _number(self, view: View) -> str:
        """Return a single number in a register."""
        value = self.values[view.value]
        E = self._emitter(value.type)
        if value.number is not None:
            boolean = value.type.dtype == BOOL
            return E.truth(bool(value.number)) if boolean else E.constant(float(value.number))
        key = (view.value, view.offset)
        if key not in self.numbers:
            at = self._address(view.value, view.offset)
            self.numbers[key] = E.load_truth(at) if value.type.dtype == BOOL else E.load(at)
        return self.numbers[key]

    def _number_operation(self, op: Map) -> None:
        """Write an operation on single numbers; the result stays in a register unless memory is read for it."""
        dtypes = [self.values[view.value].type.dtype for view in op.reads]
        result = self.values[op.result].type
        x = apply(self.body, op.name, [self._number(view) for view in op.reads], dtypes, result.dtype, 1)
        if result.size == 1:
            self.numbers[op.result, 0] = x
        if result.size != 1 or op.result in self.in_memory:
            at = self._address(op.result, op.target.offset)
            E = self._emitter(result)
            if result.dtype == BOOL:
                E.store_truth(x, at)
            else:
                E.store(x, at)

    # ---------------------------------------------------------------------------------------- other operations

    def _operation(self, slot: int, op: Op) -> None:
        """Write an operation that has a loop of its own."""
        if isinstance(op, Product):
            self._product(op)
            return
        pointers = [self._address(v.value, v.offset) for v in op.reads]
        if isinstance(op, Repeat):
            self._write_repeat(slot, op, pointers)
        elif isinstance(op, (Turn, Gather, Scatter, Cumulate)):
            start = op.target.offset if isinstance(op, (Gather, Scatter)) else 0
            self._move(lambda body: self._moving(op, body), self._address(op.result, start), pointers[0])

    def _move(self, write: Callable[[Body], None], target: str, source: str) -> None:
        """Write the call of a function from %source to %target."""
        body = self.module.body()
        write(body)
        name = self.module.kernel(body, ["ptr %target", "ptr %source"])
        self.body.lines.append(f"call void @{name}(ptr {target}, ptr {source}, ptr %table)")

    def _moving(self, op: Turn | Gather | Scatter | Cumulate, body: Body) -> None:
        """Write an operation that moves elements, from %source to %target."""
        if isinstance(op, Turn):
            write_turn(op, self.operations, body, "%target", "%source")
            return
        width = self._width(self.values[op.result].type)
        if isinstance(op, Cumulate):
            write_running_sum(op, self.operations, body, "%target", "%source", width)
            return
        table = body.outside(self.module.literal(_table(op.table)))
        if isinstance(op, Gather):
            write_gather(op, self.operations, body, table, "%target", "%source", width)
        else:
            write_scatter(op, self.operations, body, table, "%target", "%source", width)

    def _width(self, type: Type) -> int:
        return 2 * self.module.tile.bytes // max(type.dtype.itemsize, 4)

    def _product(self, op: Product) -> None:
        """Write the call of a product."""
        factors, kind = op.factors, element(self.values[op.result].type.dtype)
        names = [name for name, _ in factors.operands()]
        at = [
            self._address(op.result),
            *(self._address(v.value, v.offset) for v in op.reads[: len(names) - 1]),
        ]
        (m, k), n = factors.a.shape[-2:], factors.b.shape[-1]
        if not generated(self.module.tile, m, k, n):
            blas(self.body, self.module.constants, kind, factors, dict(zip(names, at, strict=True)))
            return
        written = products.Kernel(
            self.module.body(), kind, factors, self.module.tile, partial(self.module.tile_function, kind)
        )
        written.write()
        self.module.constants.zeros(Lanes(kind))
        given = [f"ptr {pointer}" for pointer in at]
        if factors.scaled:
            number, wanted = op.reads[-1], self.values[op.result].type.dtype
            x = convert(self.body, self._number(number), self.values[number.value].type.dtype, wanted, 1)
            given.append(f"{kind} {x}")
        name = self.module.kernel(written.body, written.parameters, driving=True)
        self.body.lines.append(f"call void @{name}({', '.join([*given, 'ptr %table'])})")

    def _lower_body(self, op: Repeat) -> Lowering:
        """Return the lowered body of a loop, which computes the carries and what is wanted of the rest."""
        loop = op.loop
        wanted = [j for j in op.by_output if j >= loop.carries]
        outputs = (*loop.body.outputs[: loop.carries], *(loop.body.outputs[j] for j in wanted))
        graph = replace(inlined(loop.body), guards=())
        inner = Lowering(self.module, replace(graph, outputs=outputs), {})
        inner.name = f"body{len(self.module.bodies)}"
        self.module.bodies.append("")
        place = len(self.module.bodies) - 1
        self.module.bodies[place] = inner.write(inner.name)
        return inner

    name = "run"

    def _write_repeat(self, slot: int, op: Repeat, given: list[str]) -> None:
        """Write a loop: the body is called with the addresses of this turn's carries, entries and contributions."""
        loop, body, inner = op.loop, self.body, self.repeated[slot][0]
        types = loop.body.input_types
        wanted = [j for j in op.by_output if j >= loop.carries]
        last, count = loop.carries + loop.slices, len(types)
        args = body.scratch(f"[{count + loop.carries + len(wanted)} x ptr]")
        for k in range(last, count):
            self._pass(args, k, given[k])
        turns = [
            [given[k], self._work(self.places[slot, k, 0]), self._work(self.places[slot, k, 1])]
            for k in range(loop.carries)
        ]
        written = Loop(body, "0", str(loop.length), 1, [("ptr", p) for turn in turns for p in turn])
        carried = [written.carried[3 * k : 3 * k + 3] for k in range(loop.carries)]
        t = body.emit(f"sub i64 {loop.length - 1}, {written.index}", "t") if loop.backwards else written.index
        for k, (now, then, _) in enumerate(carried):
            self._pass(args, k, now)
            self._pass(args, count + k, then)
        for k in range(loop.carries, last):
            self._pass(args, k, self._entry(given[k], types[k], t))
        for k, j in enumerate(wanted):
            entry = self._entry(self._address(op.by_output[j]), loop.body.output_types[j], t)
            self._pass(args, count + loop.carries + k, entry)
        inside = self._work(self.places[slot, "work"])
        body.emit(f"call i32 @{inner.name}(ptr {args}, ptr {inside}, ptr %table)", "status")
        closed = written.close([p for now, then, other in carried for p in (then, other, then)])
        for j, value in op.by_output.items():
            if j < loop.carries:
                self._copy(self._address(value), closed[3 * j], self.values[value].type)

    def _pass(self, args: str, k: int, pointer: str) -> None:
        place = self.body.on_entry(f"getelementptr ptr, ptr {args}, i64 {k}", "pass")
        self.body.lines.append(f"store ptr {pointer}, ptr {place}, align 8")

    def _entry(self, pointer: str, type: Type, index: str) -> str:
        step = self.body.emit(f"mul nsw i64 {index}, {_bytes(type)}", "s")
        return self.body.emit(f"getelementptr i8, ptr {pointer}, i64 {step}", "entry")

    def _copy(self, target: str, source: str, type: Type) -> None:
        """Write the copying of an array."""
        steps = strides_of(type.shape)
        to, of = Access("%target", steps, type.dtype), Access("%source", steps, type.dtype)
        if type.size:
            self._move(lambda body: write_copy(body, type.shape, to, of, self._width(type)), target, source)

    def _guards(self) -> None:
        """Write the checks of the comparisons that the trace followed."""
        body = self.body
        for k, (guard, view) in enumerate(zip(self.graph.guards, self.operations.guards, strict=True)):
            truth = self._number(view)
            failed, held = body.label("failed"), body.label("held")
            yes, no = (held, failed) if guard.outcome else (failed, held)
            body.branch_if(truth, yes, no)
            body.place(failed)
            body.lines.append(f"ret i32 {k + 1}")
            body.place(held)


def _bytes(type: Type) -> int:
    return type.size * type.dtype.itemsize


def _complete(values: Sequence[Value], view: View) -> bool:
    return dense(view) and view.offset == 0 and view.size == values[view.value].type.size


def _table(table: FrozenArray) -> Constant:
    return Constant(table.array, Type(table.array.shape, np.dtype(np.int64)))


def _drop_dead(program: Operations) -> None:
    """Leave out operations whose results nothing uses."""
    live = {*program.outputs, *(view.value for view in program.guards)}
    kept: list[Op] = []
    for op in reversed(program.ops):
        if not live.isdisjoint(op.results):
            live.update(view.value for view in op.reads)
            kept.append(op)
    program.ops[:] = reversed(kept)
