"""A graph as a native function: every stage in order, and the object that users call.

::

    graph → simplified → of scalars? → scalar code     ┐
                       → else          array kernels   ├→ text → object (or from disk) → linked → callable
                                                       ┘
Where a stage finds something that it has no code for, the function is still made, and interpreted; its `Stats` say why.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from adlab.compile import calls, disk, engine
from adlab.compile.outside import aligned, pointers, run_table
from adlab.compile.program import Outside, Program
from adlab.compile.scalar import lower_scalar
from adlab.ir.graph import Graph
from adlab.ir.serialise import from_json, to_json
from adlab.primitives import TABLE
from adlab.transforms.evaluation import call_graph, flatten_args, nest_outputs
from adlab.transforms.scalarise import scalarised
from adlab.transforms.simplify import simplified

PACKAGE = Path(__file__).parent.parent

MOST_SCALARS = 1_000
"""A graph with arrays is written as scalars when it comes to no more operations than this, or twice its nodes."""

LONG = 20_000
"""Elements computed from which on a call lets other threads run."""


@dataclass(frozen=True)
class Stats:
    """What compiling a graph took and gave.

    Attributes
    ----------
    kind : str
        "scalar", "array", or "interpreted" where there is no native code.
    reason : str
        Why it is interpreted; empty otherwise.
    nodes, operations : int
        Operations of the graph as given, and as compiled.
    seconds : dict
        Seconds by stage: simplify, lower, generate, link.
    object_bytes, work_bytes : int
        Size of the machine code and of its scratch memory.
    kept : bool
        Whether the machine code came from the disk.
    """

    kind: str
    reason: str = ""
    nodes: int = 0
    operations: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    object_bytes: int = 0
    work_bytes: int = 0
    kept: bool = False

    @property
    def compile_seconds(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    def __str__(self) -> str:
        if self.kind == "interpreted":
            return f"interpreted: {self.reason}"
        return (
            f"{self.kind} code of {self.operations} operations (the graph has {self.nodes}), "
            f"{self.object_bytes} bytes, compiled in {self.compile_seconds * 1e3:.1f} ms"
        )


def enabled() -> bool:
    """Return whether graphs are compiled: unless ADLAB_COMPILE is 0, off, no or false."""
    return os.environ.get("ADLAB_COMPILE", "1").lower() not in ("0", "off", "no", "false")


def unavailable() -> str:
    """Return why nothing is compiled in this process; empty if it is."""
    if not enabled():
        return f"ADLAB_COMPILE={os.environ['ADLAB_COMPILE']} switches native code off"
    try:
        engine.llvm()
    except ImportError:
        return "llvmlite, which generates native code, is not installed on this platform"
    return ""


# ---------------------------------------------------------------------------------------------------- lowering


def lower(graph: Graph, donated: Mapping[int, int] | None = None) -> Program | None:
    """Return the program of a graph: scalar code where all is scalar or small, array kernels otherwise."""
    if _all_scalar(graph):
        scalars: Graph | None = simplified(graph)
    else:
        scalars = scalarised(graph, max(MOST_SCALARS, 2 * len(graph)))
    if scalars is not None and not donated:
        return lower_scalar(scalars, graph.input_types, graph.output_types)
    return None


def _all_scalar(graph: Graph) -> bool:
    return not any(type.shape for type in set(graph.types))


@dataclass(frozen=True)
class _Built:
    """A program in memory with what its entry needs."""

    program: Program
    code: engine.Code
    keys: tuple[str, ...]
    stats: Stats


def build(graph: Graph, donated: Mapping[int, int] | None = None) -> _Built | str:
    """Return the code of a graph, or in words why there is none."""
    key = _key(graph, donated)
    kept = disk.read(key) if key else None
    if kept is not None:
        return _from_disk(graph, kept)
    program, lowering = engine.timed(lambda: lower(graph, donated))
    if program is None:
        return "an operation of this graph has no native code"
    heavy = sum(type.size for type in program.graph.types) > LONG
    entry = calls.entry_text(graph, program, heavy)
    text, keys = entry if entry is not None else ("", ())
    program = replace(program, text=program.text + text)
    image, generating = engine.timed(lambda: engine.object_code(program.text, program.level, engine.host()))
    names = ("run", "entry") if entry is not None else ("run",)
    code, linking = engine.timed(lambda: engine.load(image, names))
    stats = Stats(
        "scalar", "", len(graph) - len(graph.inputs), len(program.graph) - len(program.graph.inputs),
        {"lower": lowering, "generate": generating, "link": linking}, len(image), program.work_bytes,
    )  # fmt: skip
    if key and stats.operations >= disk.SMALLEST:
        disk.write(key, _to_disk(program, keys, names, image, stats))
    return _Built(program, code, keys, stats)


# -------------------------------------------------------------------------------------------------- on the disk


def _key(graph: Graph, donated: Mapping[int, int] | None) -> str:
    """Return the name under which a graph's code is kept; empty if it is too small, or has rows of the user's."""
    if len(graph) < disk.SMALLEST or not all(TABLE.get(row.name) is row for row in set(graph.primitives)):
        return ""
    digest = hashlib.sha256()
    facts = (_sources(), version("llvmlite"), np.__version__, engine.host(), sorted((donated or {}).items()))
    digest.update(repr(facts).encode())
    types = {type: k for k, type in enumerate(dict.fromkeys(graph.types))}
    digest.update(repr((list(types), graph.outputs, graph.guards, graph.inputs)).encode())
    digest.update(repr((graph.in_tree, graph.out_tree)).encode())
    digest.update(repr([types[type] for type in graph.types]).encode())
    digest.update(repr([row.name for row in graph.primitives]).encode())
    digest.update(repr(list(graph.operands)).encode())
    digest.update(repr([params for params in graph.params if params]).encode())
    digest.update(repr([k for k, params in enumerate(graph.params) if params]).encode())
    for constant in graph.constants:
        value = constant.value
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        digest.update(repr(constant.type).encode())
    return digest.hexdigest()


@cache
def _sources() -> str:
    """Return what tells this state of adlab's compiler from any other: sizes and times of the files it is made of."""
    files = [path for folder in ("compile", "transforms", "primitives") for path in (PACKAGE / folder).glob("*.py")]
    return repr(sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def _to_disk(program: Program, keys: Sequence[str], names: Sequence[str], image: bytes, stats: Stats) -> bytes:
    head = json.dumps(
        {
            "work_bytes": program.work_bytes,
            "table": program.table,
            "keys": keys,
            "names": names,
            "operations": stats.operations,
        }
    ).encode()
    return len(head).to_bytes(8, "little") + head + image


def _from_disk(graph: Graph, kept: bytes) -> _Built:
    length = int.from_bytes(kept[:8], "little")
    head, image = json.loads(kept[8 : 8 + length]), kept[8 + length :]
    table = tuple(Outside(*entry) for entry in head["table"])
    program = Program(graph, "", 0, head["work_bytes"], table)
    code, linking = engine.timed(lambda: engine.load(image, tuple(head["names"])))
    nodes = len(graph) - len(graph.inputs)
    stats = Stats("scalar", "", nodes, head["operations"], {"link": linking}, len(image), program.work_bytes, kept=True)
    return _Built(program, code, tuple(head["keys"]), stats)


# ---------------------------------------------------------------------------------------------- the slow path


def slow_path(graph: Graph, program: Program, address: int, table: np.ndarray[Any, Any]) -> Callable[..., Any]:
    """Return the function that does what an entry does, for any arguments: it converts, or it raises.

    Scratch memory is its own, so it may run in several threads at once.
    """
    run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(address)
    types = graph.input_types

    def native(*args: Any) -> Any:
        leaves = flatten_args(graph, args)
        if any(not isinstance(leaf, (int, float, np.ndarray, np.generic)) for leaf in leaves):
            return call_graph(graph, args)
        given = [np.require(leaf, type.dtype, ("C", "A")) for leaf, type in zip(leaves, types, strict=True)]
        made = [np.empty(type.shape, type.dtype) for type in graph.output_types]
        work = aligned(program.work_bytes)
        if run(pointers([*given, *made]), work.ctypes.data, table.ctypes.data):
            return call_graph(graph, args)
        return nest_outputs(graph, [value if value.ndim else value[()] for value in made])

    return native


def interpreted(graph: Graph) -> Callable[..., Any]:
    """Return the graph as a function that is evaluated node by node."""

    def function(*args: Any) -> Any:
        return call_graph(graph, args)

    return function


# ------------------------------------------------------------------------------------------- what users get


class _Described:
    """The attributes of a native function; its class is made in C, and these are put on it."""

    graph: Graph
    stats: Stats

    @property
    def ir(self) -> str:
        """LLVM's text of the code, entry included."""
        program = lower(self.graph)
        if self.stats.kind == "interpreted" or program is None:
            return ""
        entry = calls.entry_text(self.graph, program, heavy=False)
        return program.text + (entry[0] if entry else "")

    @property
    def assembly(self) -> str:
        """The machine code as text."""
        program = lower(self.graph)
        if self.stats.kind == "interpreted" or program is None:
            return ""
        return engine.assembly(program.text, program.level, engine.host())

    def __repr__(self) -> str:
        inputs, outputs = ", ".join(self.graph.inputs), ", ".join(self.graph.output_names)
        return f"<native function ({inputs}) → {outputs}: {self.stats}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (to_json(self.graph),)


def _again(text: str) -> Any:
    return compile_graph(from_json(text, TABLE))


def native_type() -> type:
    """Return the class of native functions."""
    kind = calls.callable_type("adlab.NativeFunction")
    if not hasattr(kind, "ir"):
        for name in ("ir", "assembly", "__repr__", "__reduce__"):
            setattr(kind, name, _Described.__dict__[name])
    return kind


class Interpreted(_Described):
    """A function that could not be compiled: the same attributes, evaluated node by node."""

    def __init__(self, graph: Graph, reason: str) -> None:
        self.graph = graph
        nodes = len(graph) - len(graph.inputs)
        self.stats = Stats("interpreted", reason, nodes, nodes)

    def __call__(self, *args: Any) -> Any:
        """Evaluate the graph."""
        return call_graph(self.graph, args)


def compile_graph(graph: Graph) -> Any:
    """Return the native function of a graph.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    callable
        Takes and returns what the graph does, with attributes ``graph``, ``stats``, ``ir`` and ``assembly``. Where
        there is no native code for it, it is interpreted, and ``stats.reason`` says why.
    """
    reason = unavailable()
    built = reason or build(graph)
    if isinstance(built, str):
        return Interpreted(graph, built)
    table, held = run_table(built.program)
    work = aligned(built.program.work_bytes)
    slow = slow_path(graph, built.program, built.code.addresses["run"], table)
    attributes = {"graph": graph, "stats": built.stats, "_held": (built.code, table, held, work, slow)}
    if "entry" not in built.code.addresses:
        return _WithoutEntry(attributes)
    made = calls.new_callable(
        native_type(), built.code.addresses["entry"], slow, table.ctypes.data, work.ctypes.data, built.keys
    )
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


class _WithoutEntry(_Described):
    """Native code reached by the slow path only."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._slow = attributes["_held"][-1]

    def __call__(self, *args: Any) -> Any:
        """Run the code."""
        return self._slow(*args)
