"""Graphs of scalars as straight-line machine code.

The program is cut into functions of `PIECE` operations. Within one, values are LLVM's own; a value that a later function
needs goes through a slot of the scratch memory, which is given to another value after its last use. One big function
would take the code generator quadratic time; this way a million operations cost a million times what one does. The same
graph lowered with ``width`` 8 computes eight points side by side.

Arithmetic, comparisons and selections are instructions, written here from templates because there may be a million of
them. Functions of the C library are called by address. Whatever else has a lowering becomes a small function of the
module, written once and called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adlab.compiler.body import Lanes
from adlab.compiler.elements import TRUTHS, apply, is_native
from adlab.compiler.emit import Body
from adlab.compiler.program import Outside, Program
from adlab.ir.constant import Constant
from adlab.ir.graph import Graph
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Type

PIECE = 500
"""Operations in one function."""

MOST_PARALLEL = 8
"""Operations per step of the longest path from which on there is enough to do side by side in any order."""

GUARD_BYTES = 64
"""What the scratch memory begins with when there are guards: 1 + the first that failed, as an i32."""

LIBM = frozenset(
    [
        "exp",
        "exp2",
        "expm1",
        "log",
        "log1p",
        "log2",
        "log10",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "cbrt",
        "erf",
        "erfc",
    ]
)
"""Rows that the C library has under the same name."""

LIBM_NAMES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "arctan2": "atan2", "power": "pow", "hypot": "hypot", **{name: name for name in LIBM},
}  # fmt: skip
"""Rows that the C library has, by its name for them."""

RELATIONS = {
    "less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge", "equal": "oeq", "not_equal": "une",
}  # fmt: skip

DTYPES = {"d": FLOAT64, "f": FLOAT32, "b": BOOL}
"""The dtypes by the letter that stands for them here."""

Template = Callable[..., str]


def templates(lanes: Lanes) -> dict[str, Template]:
    """Return, by row, what writes it as one instruction: functions of the operands' texts."""
    t, p = lanes.type, lanes.truth
    one, yes = lanes.constant(1.0), "true" if lanes.width == 1 else "splat (i1 true)"
    suffix = lanes.suffix
    table: dict[str, Template] = {
        "add": lambda a, b: f"fadd {t} {a}, {b}",
        "subtract": lambda a, b: f"fsub {t} {a}, {b}",
        "multiply": lambda a, b: f"fmul {t} {a}, {b}",
        "divide": lambda a, b: f"fdiv {t} {a}, {b}",
        "negative": lambda a: f"fneg {t} {a}",
        "square": lambda a: f"fmul {t} {a}, {a}",
        "reciprocal": lambda a: f"fdiv {t} {one}, {a}",
        "sqrt": lambda a: f"call {t} @llvm.sqrt.{suffix}({t} {a})",
        "absolute": lambda a: f"call {t} @llvm.fabs.{suffix}({t} {a})",
        "where": lambda c, a, b: f"select {p} {c}, {t} {a}, {t} {b}",
        "logical_and": lambda a, b: f"and {p} {a}, {b}",
        "logical_or": lambda a, b: f"or {p} {a}, {b}",
        "logical_not": lambda a: f"xor {p} {a}, {yes}",
    }
    for row, relation in RELATIONS.items():
        table[row] = lambda a, b, relation=relation: f"fcmp {relation} {t} {a}, {b}"
    return table


def lower_scalar(
    graph: Graph, input_types: Sequence[Type], output_types: Sequence[Type], width: int = 1
) -> Program | None:
    """Lower a graph whose every value is a scalar.

    Parameters
    ----------
    graph : Graph
        One scalar input per element of the arguments, one scalar output per element of the results.
    input_types, output_types : sequence of Type
        The arguments and results as the caller has them: how many elements are behind each pointer.
    width : int
        Points computed side by side; every element in memory is then that many numbers.

    Returns
    -------
    Program or None
        None where an operation has no lowering.
    """
    return _Lowering(graph, width, _cells(input_types), _cells(output_types)).program()


def execution_order(graph: Graph) -> Sequence[int]:
    """Return the operations in the order in which they are written.

    A processor does several things at once if they stand near each other. The forward and the reverse sweep of a long
    chain of products stand far apart, though most of the second needs nothing of the first: where the longest path is
    nearly the whole program, operations are ordered by their distance from the inputs, which lays such chains side by
    side.
    """
    start = len(graph.inputs)
    program = range(start, len(graph))
    levels = [0] * len(graph)
    for i in program:
        levels[i] = 1 + max((levels[j] for j in graph.operands[i] if j >= 0), default=0)
    if max(levels, default=0) * MOST_PARALLEL <= len(program):
        return program
    return sorted(program, key=levels.__getitem__)


def _cells(types: Sequence[Type]) -> list[tuple[int, int]]:
    """Return (array, element) of every scalar, in order."""
    return [(a, e) for a, type in enumerate(types) for e in range(type.size)]


@dataclass
class _Lowering:
    """One graph on its way to text."""

    graph: Graph
    width: int
    inputs: list[tuple[int, int]]
    outputs: list[tuple[int, int]]
    helpers: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, None] = field(default_factory=dict)
    table: list[Outside] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lanes = {"d": Lanes("double", self.width), "f": Lanes("float", self.width)}
        self.templates = {letter: templates(lanes) for letter, lanes in self.lanes.items()}
        self.letters = [self.letter(type) for type in self.graph.types]
        self.only_float64 = {
            *self.letters,
            *(self.letter(constant.type) for constant in self.graph.constants),
        } <= {"d"}
        self.literals = [self.literal(constant) for constant in self.graph.constants]
        self.order = execution_order(self.graph)
        self.stores: dict[int, list[tuple[int, int]]] = {}
        first = 1 + max((array for array, _ in self.inputs), default=-1)
        for operand, (array, element) in zip(self.graph.outputs, self.outputs, strict=True):
            self.stores.setdefault(operand, []).append((first + array, element))
        self.guards: dict[int, list[int]] = {}
        for k, guard in enumerate(self.graph.guards):
            self.guards.setdefault(guard.operand, []).append(k)

    # -------------------------------------------------------------------------------------------------- values

    def letter(self, type: Type) -> str:
        """Return d, f or b for float64, float32 and bool."""
        return "b" if type.dtype == BOOL else "d" if type.dtype == FLOAT64 else "f"

    def letter_of(self, operand: int) -> str:
        """Return the letter of a node or literal."""
        return self.letters[operand] if operand >= 0 else self.letter(self.graph.constants[~operand].type)

    def literal(self, constant: Constant) -> str:
        """Return a literal as LLVM writes it."""
        if constant.type.dtype == BOOL:
            word = "true" if constant.value else "false"
            return word if self.width == 1 else f"splat (i1 {word})"
        return self.lanes[self.letter(constant.type)].constant(_as_float(constant.value))

    def type(self, letter: str) -> str:
        """Return LLVM's type of a value."""
        return self.lanes["d"].truth if letter == "b" else self.lanes[letter].type

    def size(self, letter: str) -> int:
        """Return the bytes that a value takes in memory."""
        return {"d": 8, "f": 4, "b": 1}[letter] * self.width

    # --------------------------------------------------------------------------------------------- the program

    def program(self) -> Program | None:
        """Return the whole module."""
        graph, start = self.graph, len(self.graph.inputs)
        slots, work_bytes = self.plan(start)
        pieces: list[str] = []
        piece = _Piece(self, slots)
        for operand in (*range(start), *(~k for k in range(len(graph.constants)))):
            piece.finish(operand)
        for place, i in enumerate(self.order):
            if place % PIECE == 0 and place:
                pieces.append(piece.text(len(pieces)))
                piece = _Piece(self, slots)
            if not piece.node(i):
                return None
            piece.finish(i)
        pieces.append(piece.text(len(pieces)))
        calls = [f"call void @piece{k}(ptr %args, ptr %work, ptr %table)" for k in range(len(pieces))]
        begin, end = ["store i32 0, ptr %work"], ["%failed = load i32, ptr %work", "ret i32 %failed"]
        body = [*begin, *calls, *end] if graph.guards else [*calls, "ret i32 0"]
        run = "define i32 @run(ptr %args, ptr %work, ptr %table) nounwind {\n" + "\n".join(body) + "\n}\n"
        text = "".join([*(f"{line}\n" for line in self.declarations), *self.helpers.values(), *pieces, run])
        return Program(graph, text, 0, work_bytes, tuple(self.table))

    def plan(self, start: int) -> tuple[dict[int, int], int]:
        """Return the slot of each value that a later function uses, and the bytes of all."""
        graph = self.graph
        last: dict[int, int] = {}
        for place, i in enumerate(self.order):
            for j in graph.operands[i]:
                if j >= start:
                    last[j] = place // PIECE
        slots: dict[int, int] = {}
        ending: dict[int, list[int]] = {}
        free: list[int] = []
        size, top = 8 * self.width, GUARD_BYTES if graph.guards else 0
        for place, i in enumerate(self.order):
            piece, offset = divmod(place, PIECE)
            if offset == 0:
                free += ending.pop(piece, [])
            if last.get(i, piece) > piece:
                if not free:
                    free.append(top)
                    top += size
                slots[i] = free.pop()
                ending.setdefault(last[i] + 1, []).append(slots[i])
        return slots, top

    def kind(self, i: int) -> str:
        """Return the letter in which a node computes; empty where its operands first have to be brought to one dtype."""
        if self.only_float64:
            return "d"
        letter, name = self.letters[i], self.graph.primitives[i].name
        letters = [self.letter_of(j) for j in self.graph.operands[i]]
        if name == "where":
            return letter if letter != "b" and letters == ["b", letter, letter] else ""
        if name in TRUTHS:
            return "d" if set(letters) == {"b"} else ""
        common = letters[0] if letter == "b" else letter
        return common if common != "b" and set(letters) == {common} and name != "cast" else ""

    def helper(self, name: str, letters: str) -> str | None:
        """Return the name of a function of the module that computes a row; None if the row has no lowering."""
        function = f"row_{name}_{letters}"
        if not is_native(name) and name != "cast":
            return None
        if function not in self.helpers:
            body = Body(table=self.table)
            xs, dtypes = [f"%x{k}" for k in range(len(letters) - 1)], [DTYPES[letter] for letter in letters]
            result = apply(body, name, xs, dtypes[:-1], dtypes[-1], self.width)
            body.lines.append(f"ret {self.type(letters[-1])} {result}")
            taken = ", ".join(f"{self.type(x)} %x{k}" for k, x in enumerate(letters[:-1]))
            signature = f"internal {self.type(letters[-1])} @{function}({taken}, ptr %table)"
            self.helpers[function] = body.function(signature)
            self.declarations |= body.declarations
        return function

    def entry(self, name: str) -> int:
        """Return the place in the table of a function of the C library."""
        outside = Outside("libm", name)
        if outside not in self.table:
            self.table.append(outside)
        return self.table.index(outside)


def _as_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.copysign(math.inf, value)  # type: ignore[arg-type]


class _Piece:
    """One function of straight-line code being written."""

    def __init__(self, whole: _Lowering, slots: dict[int, int]) -> None:
        self.whole = whole
        self.slots = slots
        self.lines: list[str] = []
        self.known: dict[int, str] = {}
        self.pointers: dict[str, str] = {}

    def value(self, operand: int) -> str:
        """Return an operand's text, loading it where this function has not seen it."""
        if operand < 0:
            return self.whole.literals[~operand]
        known = self.known.get(operand)
        if known is None:
            known = self.known[operand] = self.load(operand)
        return known

    def load(self, i: int) -> str:
        """Write the load of an input, or of a value of an earlier function."""
        whole, letter = self.whole, self.whole.letters[i]
        if i < len(whole.inputs):
            array, element = whole.inputs[i]
            place = self.place(f"%v{i}.at", self.array(array), element * whole.size(letter))
        else:
            place = self.place(f"%v{i}.at", "%work", self.slots[i])
        if letter == "b":
            byte, zero = ("i8", "0") if whole.width == 1 else (f"<{whole.width} x i8>", "zeroinitializer")
            self.lines += [f"%v{i}.b = load {byte}, ptr {place}", f"%v{i} = icmp ne {byte} %v{i}.b, {zero}"]
        else:
            self.lines.append(
                f"%v{i} = load {whole.type(letter)}, ptr {place}, align {8 if letter == 'd' else 4}"
            )
        return f"%v{i}"

    def place(self, name: str, base: str, offset: int) -> str:
        """Write the address so many bytes after a pointer."""
        if not offset:
            return base
        self.lines.append(f"{name} = getelementptr i8, ptr {base}, i64 {offset}")
        return name

    def array(self, k: int) -> str:
        """Return the pointer to the data of the k-th argument or result."""
        return self.pointer(f"%array{k}", "%args", k)

    def pointer(self, name: str, base: str, k: int) -> str:
        """Return entry ``k`` of a list of pointers."""
        if name not in self.pointers:
            place = self.place(f"{name}.at", base, 8 * k)
            self.lines.append(f"{name} = load ptr, ptr {place}")
            self.pointers[name] = name
        return name

    def node(self, i: int) -> bool:
        """Write one operation; return False if it has no lowering."""
        whole, graph = self.whole, self.whole.graph
        name, operands = graph.primitives[i].name, graph.operands[i]
        texts = [self.value(j) for j in operands]
        letter = whole.letters[i]
        if name == "stop_gradient":
            self.known[i] = texts[0]
            return True
        kind = whole.kind(i)
        template = whole.templates[kind].get(name) if kind else None
        if template is not None:
            instruction = template(*texts)
            if instruction.startswith("call"):
                self.declare(instruction)
        elif kind and name in LIBM_NAMES and whole.width == 1:
            instruction = self.libm(LIBM_NAMES[name] + ("f" if letter == "f" else ""), letter, texts)
        else:
            letters = "".join([*(whole.letter_of(j) for j in operands), letter])
            function = whole.helper(name, letters)
            if function is None:
                return False
            given = ", ".join(f"{whole.type(x)} {text}" for x, text in zip(letters, texts, strict=False))
            instruction = f"call {whole.type(letter)} @{function}({given}, ptr %table)"
        self.lines.append(f"%v{i} = {instruction}")
        self.known[i] = f"%v{i}"
        return True

    def libm(self, name: str, letter: str, texts: Sequence[str]) -> str:
        """Return the call of a function of the C library by its address."""
        pointer = self.pointer(f"%libm.{name}", "%table", self.whole.entry(name))
        t = self.whole.type(letter)
        return f"call {t} {pointer}({', '.join(f'{t} {text}' for text in texts)})"

    def declare(self, instruction: str) -> None:
        """Declare the intrinsic of one operand that an instruction calls."""
        _, t, rest = instruction.split(" ", 2) if "<" not in instruction else self._vector_call(instruction)
        function = rest[: rest.index("(")]
        self.whole.declarations[f"declare {t} {function}({t})"] = None

    @staticmethod
    def _vector_call(instruction: str) -> tuple[str, str, str]:
        end = instruction.index(">") + 1
        return "call", instruction[5:end], instruction[end + 1 :]

    def finish(self, operand: int) -> None:
        """Store a value where it is wanted: in results, in its slot, in the outcome of guards."""
        whole = self.whole
        for array, element in whole.stores.get(operand, ()):
            letter = whole.letter_of(operand)
            name = f"%out{array}.{element}"
            self.store(operand, self.place(name, self.array(array), element * whole.size(letter)))
        if operand in self.slots:
            self.store(operand, self.place(f"%v{operand}.to", "%work", self.slots[operand]))
        for k in whole.guards.get(operand, ()):
            self.guard(k, operand)

    def store(self, operand: int, place: str) -> None:
        """Write a value to memory; truth values as bytes."""
        whole, letter, text = self.whole, self.whole.letter_of(operand), self.value(operand)
        if letter == "b":
            byte = "i8" if whole.width == 1 else f"<{whole.width} x i8>"
            name = f"{place}.b"
            self.lines += [
                f"{name} = zext {whole.type('b')} {text} to {byte}",
                f"store {byte} {name}, ptr {place}",
            ]
        else:
            self.lines.append(
                f"store {whole.type(letter)} {text}, ptr {place}, align {8 if letter == 'd' else 4}"
            )

    def guard(self, k: int, operand: int) -> None:
        """Note the first guard that turned out otherwise."""
        name, text = f"%guard{k}", self.value(operand)
        wrong = "true" if self.whole.graph.guards[k].outcome else "false"
        self.lines += [
            f"{name}.wrong = xor i1 {text}, {wrong}",
            f"{name}.old = load i32, ptr %work",
            f"{name}.first = icmp eq i32 {name}.old, 0",
            f"{name}.now = and i1 {name}.wrong, {name}.first",
            f"{name}.new = select i1 {name}.now, i32 {k + 1}, i32 {name}.old",
            f"store i32 {name}.new, ptr %work",
        ]

    def text(self, number: int) -> str:
        """Return the definition of this function."""
        signature = f"define internal void @piece{number}(ptr %args, ptr %work, ptr %table) nounwind"
        return "\n".join([f"{signature} {{", *self.lines, "ret void", "}", ""])
