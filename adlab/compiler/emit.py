"""A small writer of LLVM's text for one function: typed operations on values that are strings.

A value is the text of an operand: ``%v7``, or a literal such as ``splat (double 0x3FF0000000000000)``. What type it
has, its emitter knows: an `Emitter` writes operations on `Lanes`, that is `width` numbers side by side (`width` 1 is
a plain scalar), on truth values of as many lanes (``i1``), and on integers of the same bits. Emitters of several
lanes write into one `Body`: a vector loop, its scalar accumulators and its tail are one function::

    body = Body()
    E = Emitter(Lanes("double", 16), body)          # the vector loop
    S = E.scalar                                    # the same body, one double at a time
    loop = E.loop("0", count, 16, [("ptr", source), ("ptr", target)])
    at, to = loop.carried
    E.store(E.mul(E.load(at), E.constant(2.0)), to)
    loop.close([E.offset(at, 16), E.offset(to, 16)])
    text = body.function("void @twice(ptr %source, ptr %target, i64 %count)")

What must be computed once on entry (a function's address, scratch memory on the stack) goes to the body's prologue
and may be asked for anywhere. Names and labels are fresh in the whole body. Nothing is optimised here: what is
written is what the code generator gets, so do not write what you do not want.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adlab.compiler.body import Body, Element, Lanes, Loop, number_of

__all__ = ["Body", "Element", "Emitter", "Lanes", "Loop"]


@dataclass(frozen=True)
class Emitter:
    """Write operations on values of some lanes into a body.

    Every method that computes returns the new value. Comparisons give truth values, which `select`, `both`,
    `either` and `opposite` take. Where a method's name says "bits", values are integers of the lanes' bits.
    """

    lanes: Lanes
    body: Body = field(default_factory=Body)

    # ------------------------------------------------------------------------------------------- the same body

    def over(self, lanes: Lanes) -> Emitter:
        """Return an emitter of other lanes into the same body."""
        return Emitter(lanes, self.body)

    @property
    def scalar(self) -> Emitter:
        """The emitter of one number of the same dtype into the same body."""
        return self.over(Lanes(self.lanes.dtype))

    def emit(self, instruction: str, stem: str = "v") -> str:
        """Write an instruction that has a value; return the value."""
        return self.body.emit(instruction, stem)

    def loop(self, start: str, stop: str, step: int = 1, carried: Sequence[tuple[str, str]] = ()) -> Loop:
        """Open a loop ``for i in range(start, stop, step)``; write its body, then `Loop.close` it.

        ``carried`` are values that change from turn to turn, as (type, value on entry): accumulators, pointers.
        """
        return Loop(self.body, start, stop, step, carried)

    # ------------------------------------------------------------------------------------------------- literals

    def constant(self, value: float) -> str:
        """Return the literal of a number, in every lane."""
        return self.lanes.constant(value)

    def word(self, value: int) -> str:
        """Return the literal of an integer of the lanes' bits, in every lane."""
        return str(value) if self.lanes.width == 1 else f"splat (i{self.lanes.bits} {value})"

    def truth(self, value: bool) -> str:
        """Return the literal of a truth value, in every lane."""
        literal = "true" if value else "false"
        return literal if self.lanes.width == 1 else f"splat (i1 {literal})"

    def literal(self, value: str) -> float | None:
        """Return the number that a value is the literal of, or None if it is computed."""
        return number_of(value)

    # ----------------------------------------------------------------------------------------------- arithmetic

    def _binary(self, operation: str, a: str, b: str) -> str:
        return self.emit(f"{operation} {self.lanes.type} {a}, {b}")

    def add(self, a: str, b: str) -> str:
        """Return a + b."""
        return self._binary("fadd", a, b)

    def sub(self, a: str, b: str) -> str:
        """Return a − b."""
        return self._binary("fsub", a, b)

    def mul(self, a: str, b: str) -> str:
        """Return a·b."""
        return self._binary("fmul", a, b)

    def div(self, a: str, b: str) -> str:
        """Return a/b."""
        return self._binary("fdiv", a, b)

    def neg(self, a: str) -> str:
        """Return −a, the sign bit turned over."""
        return self.emit(f"fneg {self.lanes.type} {a}")

    def fmuladd(self, a: str, b: str, c: str) -> str:
        """Return a·b + c, rounded once where the machine can, else twice."""
        return self.intrinsic("fmuladd", a, b, c)

    def sqrt(self, a: str) -> str:
        """Return √a."""
        return self.intrinsic("sqrt", a)

    def abs(self, a: str) -> str:
        """Return |a|, the sign bit cleared."""
        return self.intrinsic("fabs", a)

    def copysign(self, a: str, b: str) -> str:
        """Return |a| with the sign bit of b."""
        return self.intrinsic("copysign", a, b)

    def floor(self, a: str) -> str:
        """Return the largest whole number ≤ a."""
        return self.intrinsic("floor", a)

    def ceil(self, a: str) -> str:
        """Return the smallest whole number ≥ a."""
        return self.intrinsic("ceil", a)

    def trunc(self, a: str) -> str:
        """Return a without its fraction."""
        return self.intrinsic("trunc", a)

    def rint(self, a: str) -> str:
        """Return the nearest whole number, ties to even."""
        return self.intrinsic("rint", a)

    def max(self, a: str, b: str) -> str:
        """Return a where a > b, else b: one instruction on x86. NaN in either gives b."""
        return self.select(self.greater(a, b), a, b)

    def min(self, a: str, b: str) -> str:
        """Return a where a < b, else b: one instruction on x86. NaN in either gives b."""
        return self.select(self.less(a, b), a, b)

    def intrinsic(self, name: str, *xs: str) -> str:
        """Return ``llvm.<name>`` of numbers, declared as it is used."""
        t = self.lanes.type
        function = f"@llvm.{name}.{self.lanes.suffix}"
        self.body.declare(f"declare {t} {function}({', '.join([t] * len(xs))})")
        return self.emit(f"call {t} {function}({', '.join(f'{t} {x}' for x in xs)})")

    # -------------------------------------------------------------------------------- comparisons, truth values

    def compare(self, relation: str, a: str, b: str) -> str:
        """Return whether ``fcmp relation`` holds: "olt", "une", "uno" …"""
        return self.emit(f"fcmp {relation} {self.lanes.type} {a}, {b}")

    def less(self, a: str, b: str) -> str:
        """Return a < b; false for NaN."""
        return self.compare("olt", a, b)

    def less_equal(self, a: str, b: str) -> str:
        """Return a ≤ b; false for NaN."""
        return self.compare("ole", a, b)

    def greater(self, a: str, b: str) -> str:
        """Return a > b; false for NaN."""
        return self.compare("ogt", a, b)

    def greater_equal(self, a: str, b: str) -> str:
        """Return a ≥ b; false for NaN."""
        return self.compare("oge", a, b)

    def equal(self, a: str, b: str) -> str:
        """Return a == b; false for NaN."""
        return self.compare("oeq", a, b)

    def not_equal(self, a: str, b: str) -> str:
        """Return a != b; true for NaN."""
        return self.compare("une", a, b)

    def is_nan(self, a: str) -> str:
        """Return whether a is NaN."""
        return self.compare("uno", a, a)

    def select(self, condition: str, a: str, b: str) -> str:
        """Return a where the condition holds, else b."""
        t = self.lanes.type
        return self.emit(f"select {self.lanes.truth} {condition}, {t} {a}, {t} {b}")

    def both(self, p: str, q: str) -> str:
        """Return p and q."""
        return self.emit(f"and {self.lanes.truth} {p}, {q}")

    def either(self, p: str, q: str) -> str:
        """Return p or q."""
        return self.emit(f"or {self.lanes.truth} {p}, {q}")

    def opposite(self, p: str) -> str:
        """Return not p."""
        return self.emit(f"xor {self.lanes.truth} {p}, {self.truth(True)}")

    def differ(self, p: str, q: str) -> str:
        """Return whether exactly one of p and q holds."""
        return self.emit(f"xor {self.lanes.truth} {p}, {q}")

    def select_truth(self, condition: str, p: str, q: str) -> str:
        """Return the truth value p where the condition holds, else q."""
        t = self.lanes.truth
        return self.emit(f"select {t} {condition}, {t} {p}, {t} {q}")

    def number(self, p: str) -> str:
        """Return 1.0 where p holds, else 0.0."""
        return self.select(p, self.constant(1.0), self.constant(0.0))

    def any(self, p: str) -> str:
        """Return, as one i1, whether p holds in some lane."""
        if self.lanes.width == 1:
            return p
        function = f"@llvm.vector.reduce.or.v{self.lanes.width}i1"
        self.body.declare(f"declare i1 {function}({self.lanes.truth})")
        return self.emit(f"call i1 {function}({self.lanes.truth} {p})")

    # ------------------------------------------------------------------------------------- integers of the bits

    def bits(self, a: str) -> str:
        """Return the number's bits as an integer."""
        return self.emit(f"bitcast {self.lanes.type} {a} to {self.lanes.integer}")

    def from_bits(self, i: str) -> str:
        """Return the number that has these bits."""
        return self.emit(f"bitcast {self.lanes.integer} {i} to {self.lanes.type}")

    def integer(self, operation: str, i: str, j: str) -> str:
        """Return ``operation`` of integers: "add", "sub", "and", "or", "xor", "shl", "lshr", "ashr"."""
        return self.emit(f"{operation} {self.lanes.integer} {i}, {j}")

    def compare_bits(self, relation: str, i: str, j: str) -> str:
        """Return whether ``icmp relation`` holds: "eq", "ne", "slt", "ult" …"""
        return self.emit(f"icmp {relation} {self.lanes.integer} {i}, {j}")

    def select_bits(self, condition: str, i: str, j: str) -> str:
        """Return the integer i where the condition holds, else j."""
        t = self.lanes.integer
        return self.emit(f"select {self.lanes.truth} {condition}, {t} {i}, {t} {j}")

    def to_integer(self, a: str) -> str:
        """Return the number without its fraction, as an integer; it must fit."""
        return self.emit(f"fptosi {self.lanes.type} {a} to {self.lanes.integer}")

    def from_integer(self, i: str) -> str:
        """Return the integer as the nearest number."""
        return self.emit(f"sitofp {self.lanes.integer} {i} to {self.lanes.type}")

    # --------------------------------------------------------------------------------------- lanes and dtypes

    def splat(self, x: str) -> str:
        """Return a scalar value in every lane."""
        if self.lanes.width == 1:
            return x
        return self._splat(x, self.lanes.dtype) if number_of(x) is None else self.lanes.splat(x)

    def splat_truth(self, p: str) -> str:
        """Return a scalar truth value in every lane."""
        return p if self.lanes.width == 1 else self._splat(p, "i1")

    def _splat(self, x: str, element: str) -> str:
        t = self.lanes.of(element)
        first = self.emit(f"insertelement {t} poison, {element} {x}, i64 0")
        mask = f"<{self.lanes.width} x i32> zeroinitializer"
        return self.emit(f"shufflevector {t} {first}, {t} poison, {mask}")

    def convert(self, x: str, dtype: Element) -> str:
        """Return numbers of another dtype, in as many lanes, in this one's."""
        if dtype == self.lanes.dtype:
            return x
        word = "fpext" if self.lanes.dtype == "double" else "fptrunc"
        return self.emit(f"{word} {self.lanes.of(dtype)} {x} to {self.lanes.type}")

    def reduce(self, name: str, x: str, start: str | None = None) -> str:
        """Return one scalar of all lanes, by ``llvm.vector.reduce.<name>``.

        With ``name`` "fadd" or "fmul" and ``start`` a scalar, lanes are combined as a tree; "fmaximum" and "fminimum"
        keep NaN.
        """
        if self.lanes.width == 1:
            return x if start is None else self.emit(f"{name} {self.lanes.dtype} {start}, {x}")
        t, one = self.lanes.type, self.lanes.dtype
        first = "" if start is None else f"{one} "
        function = f"@llvm.vector.reduce.{name}.{self.lanes.suffix}"
        self.body.declare(f"declare {one} {function}({f'{first.strip()}, ' if first else ''}{t})")
        flags = "reassoc " if first else ""
        given = f"{first}{start}, " if first else ""
        return self.emit(f"call {flags}{one} {function}({given}{t} {x})")

    def lane_by_lane(self, function: Callable[[Emitter, list[str]], str], *xs: str) -> str:
        """Return ``function(scalar emitter, scalars)`` of each lane: for what has no vector form.

        A loop over lanes kept on the stack, so that the text is as short for 32 lanes as for one.
        """
        lanes, S = self.lanes, self.scalar
        if lanes.width == 1:
            return function(S, list(xs))
        places = [self.kept(x) for x in xs]
        loop = self.loop("0", str(lanes.width))
        at = [S.element(place, loop.index) for place in places]
        S.store(function(S, [S.load(p) for p in at]), at[0])
        loop.close()
        return self.load(places[0], 64)

    def kept(self, x: str | None = None) -> str:
        """Return the address of memory on the stack for one value, which is stored there if it is given."""
        place = self.body.scratch(self.lanes.type)
        if x is not None:
            self.store(x, place, 64)
        return place

    def call(self, pointer: str, xs: Sequence[str], more: str = "") -> str:
        """Return a call of a C function of scalars; ``more`` is the text of further arguments."""
        t = self.lanes.dtype
        return self.emit(f"call {t} {pointer}({', '.join([f'{t} {x}' for x in xs] + [more] * bool(more))})")

    # --------------------------------------------------------------------------------------------------- memory

    def element(self, pointer: str, index: str) -> str:
        """Return the address of the index-th number (an i64) after a pointer."""
        return self.emit(f"getelementptr {self.lanes.dtype}, ptr {pointer}, i64 {index}", "at")

    def offset(self, pointer: str, count: int) -> str:
        """Return the address ``count`` numbers further."""
        return self.element(pointer, str(count))

    def load(self, pointer: str, align: int = 0) -> str:
        """Return the numbers at an address, aligned to one number unless more is known."""
        return self.emit(f"load {self.lanes.type}, ptr {pointer}, align {align or self.lanes.bytes}")

    def store(self, x: str, pointer: str, align: int = 0) -> None:
        """Store numbers at an address, aligned to one number unless more is known."""
        self.body.lines.append(
            f"store {self.lanes.type} {x}, ptr {pointer}, align {align or self.lanes.bytes}"
        )

    def load_truth(self, pointer: str) -> str:
        """Return truth values kept as one byte each."""
        byte = self.lanes.of("i8")
        zero = "0" if self.lanes.width == 1 else "zeroinitializer"
        return self.emit(f"icmp ne {byte} {self.emit(f'load {byte}, ptr {pointer}, align 1')}, {zero}")

    def store_truth(self, p: str, pointer: str) -> None:
        """Store truth values as one byte each."""
        byte = self.lanes.of("i8")
        wide = self.emit(f"zext {self.lanes.truth} {p} to {byte}")
        self.body.lines.append(f"store {byte} {wide}, ptr {pointer}, align 1")

    def first(self, count: str) -> str:
        """Return the mask of the first ``count`` lanes (an i64): for the tail of a loop."""
        width = self.lanes.width
        numbers = self.lanes.of("i32")
        short = self.emit(f"trunc i64 {count} to i32")
        if width == 1:
            return self.emit(f"icmp ne i32 {short}, 0")
        places = ", ".join(f"i32 {k}" for k in range(width))
        return self.emit(f"icmp ult {numbers} <{places}>, {self._splat(short, 'i32')}")

    def load_masked(self, pointer: str, mask: str, other: str | None = None) -> str:
        """Return the numbers at an address where the mask holds, elsewhere ``other`` (0 unless given).

        Memory where the mask does not hold is not touched.
        """
        return self._load_masked(self.lanes.dtype, self.lanes.suffix, pointer, mask, other)

    def store_masked(self, x: str, pointer: str, mask: str) -> None:
        """Store numbers at an address where the mask holds; other memory is not touched."""
        self._store_masked(self.lanes.dtype, self.lanes.suffix, x, pointer, mask)

    def load_truth_masked(self, pointer: str, mask: str) -> str:
        """Return truth values kept as one byte each where the mask holds, elsewhere false."""
        byte = self._load_masked("i8", f"v{self.lanes.width}i8", pointer, mask, None)
        zero = "0" if self.lanes.width == 1 else "zeroinitializer"
        return self.emit(f"icmp ne {self.lanes.of('i8')} {byte}, {zero}")

    def store_truth_masked(self, p: str, pointer: str, mask: str) -> None:
        """Store truth values as one byte each where the mask holds; other memory is not touched."""
        wide = self.emit(f"zext {self.lanes.truth} {p} to {self.lanes.of('i8')}")
        self._store_masked("i8", f"v{self.lanes.width}i8", wide, pointer, mask)

    def _load_masked(self, element: str, suffix: str, pointer: str, mask: str, other: str | None) -> str:
        t = self.lanes.of(element)
        function = f"@llvm.masked.load.{suffix}.p0"
        self.body.declare(f"declare {t} {function}(ptr, i32, {self.lanes.truth}, {t})")
        align = 1 if element == "i8" else self.lanes.bytes
        given = f"ptr {pointer}, i32 {align}, {self.lanes.truth} {mask}, {t} {other or 'zeroinitializer'}"
        return self.emit(f"call {t} {function}({given})")

    def _store_masked(self, element: str, suffix: str, x: str, pointer: str, mask: str) -> None:
        t = self.lanes.of(element)
        function = f"@llvm.masked.store.{suffix}.p0"
        self.body.declare(f"declare void {function}({t}, ptr, i32, {self.lanes.truth})")
        align = 1 if element == "i8" else self.lanes.bytes
        self.body.lines.append(
            f"call void {function}({t} {x}, ptr {pointer}, i32 {align}, {self.lanes.truth} {mask})"
        )
