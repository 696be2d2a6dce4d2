"""A graph as a native function: every stage in order, and the object that users call.

::

    graph → simplified → of scalars? → scalar code     ┐
                       → else          array kernels   ├→ text → object (or from disk) → linked → callable
                                                       ┘
Where a stage finds something that it has no code for, the function is still made, and interpreted; its `Stats` say why.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import innermost
from adlab.compiler import calls, disk, engine
from adlab.compiler.outside import aligned, aligned_copy, literals, pointers, run_table
from adlab.compiler.program import Outside, Program
from adlab.compiler.scalar import lower_scalar
from adlab.compiler.segments import HostNode, Segmented, segments
from adlab.compiler.tensor import lower_tensor
from adlab.ir.graph import Graph
from adlab.ir.serialise import from_json, to_json
from adlab.primitives import TABLE
from adlab.transforms.evaluation import call_graph, flatten_args, nest_outputs, own_outputs
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
        "scalar", "array", "mixed" where NumPy computes some rows, or "interpreted" where there is no native code.
    reason : str
        Why not all of it is native; empty where it is.
    nodes, operations : int
        Operations of the graph as given, and as compiled.
    seconds : dict
        Seconds by stage: lower (graph passes included), generate, link.
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
        if self.reason:
            return f"{self.kind}: {self.reason}"
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
    """Return the program of a graph: scalar code where all is scalar or small, array kernels otherwise.

    None where a row has no native form; `adlab.compiler.segments` then finds the parts that have one.
    """
    if not donated:
        scalars = (
            simplified(graph) if _all_scalar(graph) else scalarised(graph, max(MOST_SCALARS, 2 * len(graph)))
        )
        program = scalars and lower_scalar(scalars, graph.input_types, graph.output_types)
        if program:
            return program
    simple, parts = segments(simplified(graph))
    if len(parts) > 1 or any(isinstance(part, HostNode) for part in parts):
        return None
    return lower_tensor(simple, donated)


def _all_scalar(graph: Graph) -> bool:
    return not any(type.shape for type in set(graph.types))


@dataclass(frozen=True)
class _Built:
    """Code in memory with what its entry needs."""

    code: engine.Code
    table: tuple[Outside, ...]
    literals: Mapping[str, np.ndarray[Any, Any]]
    work_bytes: int
    donated: Mapping[int, int]
    keys: tuple[str, ...]
    stats: Stats


def build(graph: Graph, donated: Mapping[int, int] | None = None) -> _Built | None:
    """Return the code of a graph; None where a row has no native form."""
    key = _key(graph, donated)
    kept = disk.read(key) if key else None
    if kept is not None:
        return _from_disk(graph, kept, donated or {})
    with collector_paused():
        program, lowering = engine.timed(lambda: lower(graph, donated))
    if program is None:
        return None
    heavy = sum(type.size for type in program.graph.types) > LONG
    entry = calls.entry_text(graph, program, heavy)
    text, keys = entry if entry is not None else ("", ())
    image, generating = engine.timed(
        lambda: engine.object_code(program.text + text, program.level, engine.host())
    )
    names = ("run", "entry") if entry is not None else ("run",)
    code, linking = engine.timed(lambda: engine.load(image, names))
    stats = Stats(
        "array" if program.level else "scalar", "", _size(graph), _size(program.graph),
        {"lower": lowering, "generate": generating, "link": linking}, len(image), program.work_bytes,
    )  # fmt: skip
    built = _Built(code, program.table, literals(program), program.work_bytes, donated or {}, keys, stats)
    if key and (program.level or stats.operations >= disk.SMALLEST):
        disk.write(key, _to_disk(built, image))
    return built


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector from looking at millions of new strings and tuples again and again.

    None of them is garbage before the code is made; looking takes half of the time of lowering.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _size(graph: Graph) -> int:
    return len(graph) - len(graph.inputs)


# -------------------------------------------------------------------------------------------------- on the disk


def _key(graph: Graph, donated: Mapping[int, int] | None) -> str:
    """Return the name under which a graph's code is kept; empty if it is not to be kept.

    Small scalar graphs compile faster than a disk reads. Rows outside the table, the user's, loops and calls, hold what
    their names and parameters do not tell apart.
    """
    if len(graph) < disk.SMALLEST and _all_scalar(graph):
        return ""
    if not all(TABLE.get(row.name) is row for row in set(graph.primitives)):
        return ""
    digest = hashlib.sha256()
    facts = (_sources(), version("llvmlite"), np.__version__, engine.host(), sorted((donated or {}).items()))
    types = {type: k for k, type in enumerate(dict.fromkeys(graph.types))}
    for fact in (
        facts,
        (list(types), graph.outputs, [guard[:2] for guard in graph.guards], len(graph.inputs)),
        (graph.in_tree, graph.out_tree),
        [types[type] for type in graph.types],
        [row.name for row in graph.primitives],
        list(graph.operands),
        [(k, params) for k, params in enumerate(graph.params) if params],
    ):
        digest.update(repr(fact).encode())
    for constant in graph.constants:
        value = constant.value
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        digest.update(repr(constant.type).encode())
    return digest.hexdigest()


@cache
def _sources() -> str:
    """Return what tells this state of adlab's compiler from any other: sizes and times of the files it is made of."""
    files = [
        path
        for folder in ("compiler", "transforms", "primitives")
        for path in (PACKAGE / folder).rglob("*.py")
    ]
    return repr(sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


def _to_disk(built: _Built, image: bytes) -> bytes:
    facts = {
        "work_bytes": built.work_bytes,
        "table": built.table,
        "keys": built.keys,
        "names": list(built.code.addresses),
        "kind": built.stats.kind,
        "operations": built.stats.operations,
        "image": len(image),
    }
    head = json.dumps(facts).encode()
    arrays = io.BytesIO()
    np.savez(arrays, **dict(built.literals))  # type: ignore[arg-type]
    return len(head).to_bytes(8, "little") + head + image + arrays.getvalue()


def _from_disk(graph: Graph, kept: bytes, donated: Mapping[int, int]) -> _Built:
    length = int.from_bytes(kept[:8], "little")
    head, rest = json.loads(kept[8 : 8 + length]), kept[8 + length :]
    image = rest[: head["image"]]
    with np.load(io.BytesIO(rest[head["image"] :])) as arrays:
        read = {name: aligned_copy(arrays[name]) for name in arrays.files}
    code, linking = engine.timed(lambda: engine.load(image, tuple(head["names"])))
    stats = Stats(
        head["kind"],
        "",
        _size(graph),
        head["operations"],
        {"link": linking},
        len(image),
        head["work_bytes"],
        kept=True,
    )
    table = tuple(Outside(*entry) for entry in head["table"])
    return _Built(code, table, read, head["work_bytes"], donated, tuple(head["keys"]), stats)


# ---------------------------------------------------------------------------------------------- the slow path


def slow_path(graph: Graph, built: _Built, table: np.ndarray[Any, Any]) -> Callable[..., Any]:
    """Return the function that does what an entry does, for any arguments: it converts, or it raises.

    Scratch memory is its own, so it may run in several threads at once.
    """
    run, types = run_function(built, table), graph.input_types

    def native(*args: Any) -> Any:
        leaves = flatten_args(graph, args)
        if innermost(leaves) is not None:
            return call_graph(graph, args)
        given = [np.require(leaf, type.dtype, ("C", "A")) for leaf, type in zip(leaves, types, strict=True)]
        made = [np.empty(type.shape, type.dtype) for type in graph.output_types]
        for k, j in built.donated.items():
            made[k] = given[j] = given[j].copy()
        if run([*given, *made]):
            return call_graph(graph, args)
        for k, j in built.donated.items():
            made[k] = _given_back(leaves[j], made[k])
        return nest_outputs(graph, [value if value.ndim else value[()] for value in made])

    return native


def _given_back(argument: Any, result: np.ndarray[Any, Any]) -> Any:
    """Return the donated argument, now holding the result; the result itself where it cannot be written to."""
    if isinstance(argument, np.ndarray) and argument.flags.writeable and argument.dtype == result.dtype:
        argument[...] = result
        return argument
    return result


def run_function(built: _Built, table: np.ndarray[Any, Any]) -> Callable[[Sequence[Any]], int]:
    """Return ``run`` as a function of the inputs and outputs, contiguous arrays; it lets other threads run."""
    kinds = (ctypes.c_void_p,) * 3
    run = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(built.code.addresses["run"])

    def function(arrays: Sequence[Any]) -> int:
        work = aligned(built.work_bytes)
        return int(run(pointers(arrays), work.ctypes.data, table.ctypes.data))

    return function


# ------------------------------------------------------------------------------------------- what users get


class _Described:
    """The attributes of a native function; its class is made in C, and these are put on it."""

    graph: Graph
    stats: Stats

    @property
    def ir(self) -> str:
        """LLVM's text of the code, entry included; empty where it is interpreted."""
        return _text(self.graph)[0]

    @property
    def assembly(self) -> str:
        """The machine code as text; empty where it is interpreted."""
        text, level = _text(self.graph)
        return engine.assembly(text, level, engine.host()) if text else ""

    def __repr__(self) -> str:
        inputs, outputs = ", ".join(self.graph.inputs), ", ".join(self.graph.output_names)
        return f"<native function ({inputs}) → {outputs}: {self.stats}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (to_json(self.graph),)


def _text(graph: Graph) -> tuple[str, int]:
    program = None if unavailable() else lower(graph)
    if program is None:
        return "", 0
    entry = calls.entry_text(graph, program, heavy=False)
    return program.text + (entry[0] if entry else ""), program.level


def _again(text: str) -> Any:
    return compile_graph(from_json(text, TABLE))


def native_type() -> type:
    """Return the class of native functions."""
    kind = calls.callable_type("adlab.NativeFunction")
    if not hasattr(kind, "ir"):
        for name in ("ir", "assembly", "__repr__", "__reduce__"):
            setattr(kind, name, _Described.__dict__[name])
    return kind


class Plain(_Described):
    """A function with the same attributes whose calls go through Python: interpreted, or native only in part."""

    def __init__(self, graph: Graph, function: Callable[..., Any], stats: Stats, held: Any = None) -> None:
        self.graph, self.stats = graph, stats
        self._function, self._held = function, held

    def __call__(self, *args: Any) -> Any:
        """Return the graph's value."""
        return self._function(*args)


def compile_graph(graph: Graph, donated: Mapping[int, int] | None = None) -> Any:
    """Return the native function of a graph.

    Parameters
    ----------
    graph : Graph
    donated : mapping, optional
        Results that are written over an argument: position of the result to position of the input.

    Returns
    -------
    callable
        Takes and returns what the graph does, with attributes ``graph``, ``stats``, ``ir`` and ``assembly``. Rows that
        have no native form are computed by NumPy between native parts. Where nothing can be compiled it is interpreted,
        and ``stats.reason`` says why.
    """
    reason = unavailable()
    if reason:
        return Plain(
            graph, partial(_interpreted, graph), Stats("interpreted", reason, _size(graph), _size(graph))
        )
    built = build(graph, donated)
    if built is None:
        return _in_parts(graph)
    table = run_table(built.table, built.literals)
    slow = slow_path(graph, built, table)
    work = aligned(built.work_bytes)
    held = (built, table, work)
    if "entry" not in built.code.addresses:
        return Plain(graph, slow, built.stats, held)
    made = calls.new_callable(
        native_type(), built.code.addresses["entry"], slow, table.ctypes.data, work.ctypes.data, built.keys
    )
    for name, value in {"graph": graph, "stats": built.stats, "_held": held}.items():
        setattr(made, name, value)
    return made


def _interpreted(graph: Graph, *args: Any) -> Any:
    return call_graph(graph, args)


def _in_parts(graph: Graph) -> Plain:
    """Return the function of a graph of which only parts are native."""
    seconds: dict[str, float] = {}
    operations = []

    def compiled(part: Graph) -> Callable[[Sequence[Any]], Sequence[Any]]:
        built = build(part)
        if built is None:
            return lambda given: NUMPY.outputs(part, NUMPY.run(part, given))
        for stage, taken in built.stats.seconds.items():
            seconds[stage] = seconds.get(stage, 0.0) + taken
        operations.append(built.stats.operations)
        return _of_arrays(part, built)

    whole = Segmented(simplified(graph), compiled)

    def function(*args: Any) -> Any:
        leaves = flatten_args(graph, args)
        if innermost(leaves) is not None:
            return call_graph(graph, args)
        values = whole(
            [np.asarray(leaf, type.dtype) for leaf, type in zip(leaves, graph.input_types, strict=True)]
        )
        for guard in whole.graph.guards:
            if bool(values[guard.operand]) != guard.outcome:
                return call_graph(graph, args)
        return nest_outputs(graph, own_outputs(whole.graph, NUMPY, values, leaves))

    hosts = sorted(
        {whole.graph.primitives[part.node].name for part, _ in whole.parts if isinstance(part, HostNode)}
    )
    reason = f"NumPy computes {', '.join(hosts)}"
    kind = "mixed" if operations else "interpreted"
    return Plain(graph, function, Stats(kind, reason, _size(graph), sum(operations), seconds))


def _of_arrays(graph: Graph, built: _Built) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return code as a function of a list of contiguous arrays."""
    run = run_function(built, run_table(built.table, built.literals))
    types = graph.output_types

    def function(given: Sequence[np.ndarray[Any, Any]]) -> Sequence[np.ndarray[Any, Any]]:
        made = [np.empty(type.shape, type.dtype) for type in types]
        run([*given, *made])
        return made

    return function
