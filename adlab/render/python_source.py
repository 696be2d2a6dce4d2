"""A graph as readable, standalone NumPy source: one assignment per node, no adlab in it.

What a row computes with is written as it stands: NumPy's own functions by their names, adlab's as copies of their
source in front, with all that they call in turn. The written function takes and returns what the graph does,
nested alike, and refuses what the graph refuses: other shapes, and the other side of a branch that was followed. A
loop held as one node becomes a ``for`` over a function of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adlab.ir.builder import INPUT
from adlab.ir.graph import Graph, Guard
from adlab.ir.tree import LEAF, leaf_names, plain, unflatten
from adlab.ir.types import FLOAT64
from adlab.render.source_module import INFIX, Module
from adlab.render.source_words import distinct, identifier, listed, number_source, type_source
from adlab.transforms.loops import SCAN, Loop, packed_type
from adlab.transforms.scopes import expand


def to_python(graph: Graph) -> str:
    """Return standalone source of a function that computes the graph's outputs from its inputs.

    Parameters
    ----------
    graph : Graph
        Any graph without users' primitives.

    Returns
    -------
    str
        A module that imports NumPy, and SciPy where a special function needs it.

    Raises
    ------
    RenderError
        If the graph holds an operation whose source cannot be taken along.

    Examples
    --------
    >>> from adlab.api import graph
    >>> print(to_python(graph(lambda x: x * 2 + 1, 3.0)))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def y(x):
        \"\"\"Return y from x.\"\"\"
        x = np.float64(x)
        if x.shape != ():
            raise ValueError('y takes a number x.')
        v1 = x * 2
        v2 = v1 + 1
        return v2
    <BLANKLINE>
    """
    whole, module = expand(graph), Module()
    steps = _steps(whole)
    programs = [whole, *(program for _, program in steps.values())]
    for primitive in dict.fromkeys(p for program in programs for p in program.primitives):
        module.take_along(primitive)
    names = {key: module.reserve(identifier(loop.name)) for key, (loop, _) in steps.items()}
    parts = [
        _Function(program, module, names).step(names[key], loop) for key, (loop, program) in steps.items()
    ]
    main = _Function(whole, module, names).public(module.reserve(identifier(graph.name)))
    return module.text([*parts[::-1], main])


def _steps(graph: Graph) -> dict[int, tuple[Loop, Graph]]:
    """Return the loops of a graph and of their bodies, by the body, with what the bodies hold written out."""
    found: dict[int, tuple[Loop, Graph]] = {}
    pending = [graph]
    while pending:
        program = pending.pop()
        for primitive, params in zip(program.primitives, program.params, strict=True):
            if primitive is not SCAN:
                continue
            loop = Loop(**dict(params))
            if id(loop.body) not in found:
                found[id(loop.body)] = (loop, expand(loop.body))
                pending.append(found[id(loop.body)][1])
    return found


# ------------------------------------------------------------------------------------------------- one function


class _Function:
    """One graph as a function: an assignment per node."""

    def __init__(self, graph: Graph, module: Module, steps: Mapping[int, str]) -> None:
        self.graph = graph
        self.module = module
        self.steps = steps
        self.inputs = distinct(graph.inputs, module.taken)
        self.names = [*self.inputs, *(f"v{i}" for i in range(len(graph.inputs), len(graph)))]

    def public(self, name: str) -> list[str]:
        """Return the function as its user calls it, with its arguments looked over."""
        graph = self.graph
        arguments, places = self._arguments()
        reads = [
            f"{type_source(type.dtype)}({place})"
            for place, type in zip(places, graph.input_types, strict=True)
        ]
        doc = f'"""Return {", ".join(graph.output_names)}{" from " * bool(arguments)}{listed(arguments)}."""'
        lines = [f"def {name}({', '.join(arguments)}):", f"    {doc}"]
        if reads:
            lines += [f"    {', '.join(self.inputs)} = {', '.join(reads)}", *self._shapes(name)]
        return [*lines, *self._body(), f"    return {self._result()}"]

    def step(self, name: str, loop: Loop) -> list[str]:
        """Return the body of a loop: from carries, slices and captures to carries and what the node wants."""
        wanted = [*range(loop.carries), *(j for j in loop.wanted if j >= loop.carries)]
        results = [self._operand(self.graph.outputs[j]) for j in wanted]
        lines = [f"def {name}({', '.join(self.inputs)}):", f'    """Do one step of {loop.name}."""']
        return [*lines, *self._body(), f"    return {', '.join(results)}{',' * (len(results) == 1)}"]

    # --------------------------------------------------------------------------------------- what goes in and out

    def _arguments(self) -> tuple[list[str], list[str]]:
        """Return the names of the arguments, and where each input stands in them."""
        tree = self.graph.in_tree
        if tree is None:
            return self.inputs, self.inputs
        arguments: list[str] = []
        places: list[str] = []
        for child in tree[2]:
            suffixes = leaf_names(child, "")
            label = self.graph.inputs[len(places)].removesuffix(suffixes[0]) if suffixes else "unused"
            name = self.inputs[len(places)] if child == LEAF else identifier(label)
            while name in arguments or (child != LEAF and name in {*self.inputs, *self.module.taken}):
                name += "_"
            arguments.append(name)
            places += leaf_names(child, name, "{}[{!r}]")
        return arguments, places

    def _shapes(self, name: str) -> list[str]:
        """Return the lines that refuse arguments of other shapes than the graph's."""
        types, labels = self.graph.input_types, self.graph.inputs
        shapes = [str(type.shape) for type in types]
        found = [f"{x}.shape" for x in self.inputs]
        test = (
            f"{found[0]} != {shapes[0]}"
            if len(found) == 1
            else f"({', '.join(found)}) != ({', '.join(shapes)})"
        )
        wanted = [
            f"{label} of shape {type.shape}" if type.shape else f"a number {label}"
            for type, label in zip(types, labels, strict=True)
        ]
        message = f"{name} takes {listed(wanted)}."
        return [f"    if {test}:", f"        raise ValueError({message!r})"]

    def _result(self) -> str:
        """Return the outputs, nested as the graph's."""
        results = [_Source(self._operand(j)) for j in self.graph.outputs]
        if self.graph.out_tree is None:
            return ", ".join(results)
        return repr(unflatten(plain(self.graph.out_tree), results))

    # ---------------------------------------------------------------------------------------------- what is done

    def _body(self) -> list[str]:
        """Return an assignment per node, and a test after each comparison that a branch followed."""
        graph = self.graph
        guards = {guard.operand: guard for guard in graph.guards}
        lines: list[str] = []
        for i, primitive in enumerate(graph.primitives):
            if primitive is not INPUT:
                lines += self._loop(i) if primitive is SCAN else [self._assignment(i)]
            if i in guards:
                lines += self._guard(i, guards[i])
        return lines

    def _assignment(self, i: int) -> str:
        primitive, operands = self.graph.primitives[i], self.graph.operands[i]
        sources = [self._operand(j, i) for j in operands]
        return f"    {self.names[i]} = {self.module.call(primitive, sources, dict(self.graph.params[i]))}"

    def _guard(self, i: int, guard: Guard) -> list[str]:
        """Return the lines that refuse the side of a branch that was not followed."""
        was, now = ("true", "false") if guard.outcome else ("false", "true")
        line = self.graph.sources[guard.source].text()
        message = (
            f"{line or self.graph.primitives[i].name}: the comparison was {was} when this was written and is "
            f"{now} here; write it anew at this point."
        )
        test = f"not {self.names[i]}" if guard.outcome else self.names[i]
        return [f"    if {test}:", f"        raise ValueError({message!r})"]

    def _loop(self, i: int) -> list[str]:
        """Return a loop node as a loop."""
        loop = Loop(**dict(self.graph.params[i]))
        xs = [self._operand(j) for j in self.graph.operands[i]]
        last = loop.carries + loop.slices
        given = [*(f"{x}[t]" for x in xs[loop.carries : last]), *xs[last:]]
        order = f"range({loop.length - 1}, -1, -1)" if loop.backwards else f"range({loop.length})"
        call = f"{self.steps[id(loop.body)]}({', '.join(['*carry', *given])})"
        carry = f"({', '.join(xs[: loop.carries])},)" if loop.carries else "()"
        result = f"    {self.names[i]} = {_packed(loop)}"
        if all(j < loop.carries for j in loop.wanted):
            return [f"    carry = {carry}", f"    for t in {order}:", f"        carry = {call}", result]
        return [
            f"    carry, rows = {carry}, []",
            f"    for t in {order}:",
            f"        found = {call}",
            f"        carry = found[:{loop.carries}]",
            f"        rows.append(found[{loop.carries}:])",
            *(["    rows.reverse()"] if loop.backwards else []),
            result,
        ]

    # --------------------------------------------------------------------------------------------------- literals

    def _operand(self, j: int, user: int | None = None) -> str:
        """Return a node's name or a literal, which is a bare number where NumPy gives it the dtype it has here."""
        if j >= 0:
            return self.names[j]
        constant = self.graph.constants[~j]
        if isinstance(constant.value, np.ndarray):
            return self.module.array(constant.value)
        dtype = constant.type.dtype
        if user is not None:
            signed = self.graph.primitives[user].name in INFIX
            if self._beside_its_like(dtype, user) and (signed or dtype == FLOAT64):
                return number_source(constant.value)
            if dtype == FLOAT64 and not signed:
                return number_source(float(constant.value))
        return f"{type_source(dtype)}({number_source(constant.value)})"

    def _beside_its_like(self, dtype: np.dtype[Any], user: int) -> bool:
        """Return whether an elementwise operation has an operand of a dtype besides its literals."""
        graph = self.graph
        return graph.primitives[user].elementwise and any(
            j >= 0 and graph.types[j].dtype == dtype for j in graph.operands[user]
        )


class _Source(str):
    """Source that stands for itself in a container."""

    __repr__ = str.__str__


def _packed(loop: Loop) -> str:
    """Return what a loop's node holds: one output, or all elements of several in a row."""
    column = {j: k for k, j in enumerate(j for j in loop.wanted if j >= loop.carries)}
    parts = []
    for j, type in zip(loop.wanted, loop.output_types, strict=True):
        stack = f"np.stack([row[{column.get(j)}] for row in rows])"
        empty = f"np.zeros({type.shape}, np.{type.dtype.name})"
        parts.append(f"carry[{j}]" if j < loop.carries else stack if loop.length else empty)
    if len(parts) == 1:
        return parts[0]
    whole = ", ".join(f"np.ravel({part})" for part in parts)
    return f"np.concatenate([{whole}], dtype=np.{packed_type(loop.output_types).dtype.name})"
