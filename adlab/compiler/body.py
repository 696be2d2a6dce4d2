"""One function of LLVM's text while it is being written: the types of its values, its lines, its loops.

What must be computed once on entry (a function's address, scratch memory on the stack) goes to the prologue and may
be asked for anywhere. Names and labels are fresh in the whole body.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from adlab.compiler.program import Outside

Element = Literal["double", "float"]

LITERAL = re.compile(r"(?:splat \((?:double|float) )?0x([0-9A-F]{16})\)?")


@dataclass(frozen=True)
class Lanes:
    """The type of a value: how many numbers of which kind; one lane is a scalar.

    Examples
    --------
    >>> Lanes("float", 32).type, Lanes("double").type
    ('<32 x float>', 'double')
    """

    dtype: Element
    width: int = 1

    def of(self, element: str) -> str:
        """Return the type of as many elements of another kind."""
        return element if self.width == 1 else f"<{self.width} x {element}>"

    @property
    def type(self) -> str:
        """The type of a number."""
        return self.of(self.dtype)

    @property
    def bits(self) -> int:
        """Bits of one number: 64 or 32."""
        return 64 if self.dtype == "double" else 32

    @property
    def bytes(self) -> int:
        """Bytes of one number: 8 or 4."""
        return self.bits // 8

    @property
    def integer(self) -> str:
        """The type of an integer with a number's bits."""
        return self.of(f"i{self.bits}")

    @property
    def truth(self) -> str:
        """The type of a truth value."""
        return self.of("i1")

    @property
    def suffix(self) -> str:
        """How intrinsics name the type: ``v16f64``, ``f32``."""
        return f"f{self.bits}" if self.width == 1 else f"v{self.width}f{self.bits}"

    def constant(self, value: float) -> str:
        """Return the literal of a number, rounded to the dtype, in every lane."""
        if self.dtype == "float":
            value = _as_float32(value)
        word = 0x7FF8000000000000 if value != value else struct.unpack("<Q", struct.pack("<d", value))[0]
        return self.splat(f"0x{word:016X}")

    def splat(self, literal: str) -> str:
        """Return the literal of a number in every lane."""
        return literal if self.width == 1 else f"splat ({self.dtype} {literal})"


def number_of(value: str) -> float | None:
    """Return the number that a value is the literal of, or None if it is computed.

    Examples
    --------
    >>> number_of(Lanes("double", 4).constant(2.5)), number_of("%v1")
    (2.5, None)
    """
    found = LITERAL.fullmatch(value)
    return struct.unpack("<d", int(found[1], 16).to_bytes(8, "little"))[0] if found else None


def _as_float32(value: float) -> float:
    """Return the nearest float32, as a Python float; out of range is ±∞."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


@dataclass
class Body:
    """One function being written: its lines, what it declares, what it needs from outside.

    Attributes
    ----------
    lines : list of str
        Instructions and labels so far, after the prologue.
    prologue : list of str
        Instructions computed once on entry; they may use the function's parameters only.
    declarations : dict
        The intrinsics used, as lines of a module, in order.
    table : list of Outside
        What ``%table`` must point at, in order. Set it to a list that another body uses, and both share it.
    block : str
        The label of the block being written, for phis.
    """

    lines: list[str] = field(default_factory=list)
    prologue: list[str] = field(default_factory=list)
    declarations: dict[str, None] = field(default_factory=dict)
    table: list[Outside] = field(default_factory=list)
    block: str = "start"
    _names: int = 0
    _on_entry: dict[str, str] = field(default_factory=dict)

    def fresh(self, stem: str = "v") -> str:
        """Return a value's name that is not yet in use."""
        self._names += 1
        return f"%{stem}{self._names}"

    def emit(self, instruction: str, stem: str = "v") -> str:
        """Write an instruction that has a value; return the value."""
        name = self.fresh(stem)
        self.lines.append(f"{name} = {instruction}")
        return name

    def declare(self, line: str) -> None:
        """Declare an intrinsic in the module, once."""
        self.declarations[line] = None

    def label(self, stem: str = "block") -> str:
        """Return a label (without ``%``) that is not yet in use."""
        self._names += 1
        return f"{stem}{self._names}"

    def place(self, label: str) -> None:
        """Begin the block of a label."""
        self.lines.append(f"{label}:")
        self.block = label

    def branch(self, label: str) -> None:
        """End the block with a jump."""
        self.lines.append(f"br label %{label}")

    def branch_if(self, condition: str, yes: str, no: str) -> None:
        """End the block with a jump to one of two labels."""
        self.lines.append(f"br i1 {condition}, label %{yes}, label %{no}")

    def phi(self, type: str, values: Sequence[tuple[str, str]]) -> str:
        """Return the value that comes with the block we came from, given (value, block) pairs."""
        return self.emit(f"phi {type} " + ", ".join(f"[ {value}, %{block} ]" for value, block in values))

    def on_entry(self, instruction: str, stem: str = "once") -> str:
        """Return the value of an instruction in the prologue; the same instruction is written once."""
        if instruction not in self._on_entry:
            self._on_entry[instruction] = name = self.fresh(stem)
            self.prologue.append(f"{name} = {instruction}")
        return self._on_entry[instruction]

    def scratch(self, type: str, align: int = 64) -> str:
        """Return a pointer to fresh memory on the stack, for one value of a type."""
        name = self.fresh("scratch")
        self.prologue.append(f"{name} = alloca {type}, align {align}")
        return name

    def outside(self, entry: Outside) -> str:
        """Return the address of a function or of data outside, from ``%table``."""
        if entry not in self.table:
            self.table.append(entry)
        place = self.on_entry(f"getelementptr i8, ptr %table, i64 {8 * self.table.index(entry)}", "entry")
        return self.on_entry(f"load ptr, ptr {place}, align 8", "outside")

    def function(self, signature: str, attributes: str = "nounwind") -> str:
        """Return the definition; write ``ret`` yourself unless it returns void.

        Parameters
        ----------
        signature : str
            For instance ``"i32 @run(ptr %args, ptr %work, ptr %table)"``.
        attributes : str
            After the parameters: ``'nounwind "prefer-vector-width"="512"'``.
        """
        lines = [*self.prologue, "br label %start", "start:", *self.lines]
        if signature.startswith("void") or " void @" in signature:
            lines.append("ret void")
        return f"define {signature} {attributes} {{\n" + "\n".join(lines) + "\n}\n"

    def module(self, signature: str, attributes: str = "nounwind") -> str:
        """Return the definition after the declarations: a whole module."""
        return "".join(f"{line}\n" for line in self.declarations) + self.function(signature, attributes)


class Loop:
    """A counted loop being written; see `Emitter.loop`.

    Attributes
    ----------
    index : str
        The counter, an i64.
    carried : list of str
        The carried values as they are in this turn.
    """

    def __init__(
        self, body: Body, start: str, stop: str, step: int, carried: Sequence[tuple[str, str]]
    ) -> None:
        self.index = body.fresh("i")
        self.carried = [body.fresh("carried") for _ in carried]
        self._body, self._stop, self._step = body, stop, step
        self._starts = [("i64", start), *carried]
        self._turn, self._done, self._before = body.label("turn"), body.label("done"), body.block
        if start.isdigit() and stop.isdigit() and int(start) < int(stop):
            self._guarded = False
            body.branch(self._turn)
        else:
            self._guarded = True
            body.branch_if(body.emit(f"icmp ult i64 {start}, {stop}", "some"), self._turn, self._done)
        body.place(self._turn)
        self._head = len(body.lines)
        body.lines.append("")

    def close(self, values: Sequence[str] = ()) -> list[str]:
        """Close the loop, given the carried values of the next turn; return them as they are after the loop."""
        body = self._body
        index = body.emit(f"add nuw nsw i64 {self.index}, {self._step}", "i")
        again = body.emit(f"icmp ult i64 {index}, {self._stop}", "again")
        last = body.block
        body.branch_if(again, self._turn, self._done)
        phis = [
            f"{name} = phi {type} [ {start}, %{self._before} ], [ {value}, %{last} ]"
            for name, (type, start), value in zip(
                (self.index, *self.carried), self._starts, (index, *values), strict=True
            )
        ]
        body.lines[self._head] = "\n".join(phis)
        body.place(self._done)
        return [
            body.phi(type, [(start, self._before)] * self._guarded + [(value, last)])
            for (type, start), value in zip(self._starts[1:], values, strict=True)
        ]
