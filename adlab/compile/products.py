"""Matrix products: generated kernels, and BLAS where vectors are narrow.

A kernel keeps a block of the result in registers, `Tile.rows` rows of `Tile.vectors` vectors, and runs along the common
axis: for each step it loads the right operand's vectors once and multiplies them with one element of each row of the left
one. The left operand may lie in memory as it likes; the right one has its rows in a row. Nothing is packed: the common
axis is cut in parts of `DEPTH`, so that what the block runs over stays in the second cache. With 512-bit vectors this takes
about half the time of the BLAS that SciPy brings, for all sizes from 8×8 to 2000×2000.

At the end of the run the block may be scaled and added to another matrix, so that a step of gradient descent, W − η·XᵀZ,
is one product which reads W once and writes the result once.

BLAS counts columns first. A product of matrices kept by rows, C = A·B, is to it Cᵀ = Bᵀ·Aᵀ: the operands change places
and nothing is moved. A transposed view is a flag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adlab.compile.body import Body, Element, Lanes
from adlab.compile.emit import Emitter, Loop
from adlab.compile.engine import Machine
from adlab.compile.program import Outside
from adlab.compile.views import View, merge_axes, strides_of

DEPTH = 512
"""Steps along the common axis in one go."""

LARGEST = 2**23
"""Multiplications up to which a kernel of narrow vectors is as fast as BLAS."""


@dataclass(frozen=True)
class Tile:
    """The block of the result that is kept in registers.

    Attributes
    ----------
    bytes : int
        Of a vector register.
    rows, vectors : int
    """

    bytes: int
    rows: int
    vectors: int

    @property
    def wide(self) -> bool:
        """Whether vectors are as wide as they come."""
        return self.bytes == 64


def tile(machine: Machine) -> Tile:
    """Return the block that fits the registers of a processor."""
    if machine.wide:
        return Tile(64, 8, 3)
    if "+avx2" in machine.features.split(","):
        return Tile(32, 4, 3)
    return Tile(16, 8, 3) if machine.triple.startswith("aarch64") else Tile(16, 4, 2)


def generated(size: Tile, m: int, k: int, n: int) -> bool:
    """Return whether a product is generated; else BLAS is called."""
    return size.wide or m * k * n <= LARGEST


@dataclass(frozen=True)
class Factors:
    """A product to be written: a, b and what is done with it.

    Attributes
    ----------
    a, b : View
        Operands (…, m, k) and (…, k, n).
    addend : View or None
        What the product is added to, of the shape of the result, its rows in a row.
    scaled : bool
        Whether the product is scaled by a number before it is added.
    negative : bool
        Whether the product is subtracted.
    """

    a: View
    b: View
    addend: View | None = None
    scaled: bool = False
    negative: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return (*self.a.shape[:-1], self.b.shape[-1])

    def operands(self) -> list[tuple[str, View]]:
        """Return the arrays by name, the result first."""
        found = [("c", View(-1, self.shape, strides_of(self.shape))), ("a", self.a), ("b", self.b)]
        return found if self.addend is None else [*found, ("d", self.addend)]


Pointers = dict[str, str]


def over_stack(body: Body, kind: Element, factors: Factors, at: Pointers, inside: Callable[[Pointers], None]) -> None:
    """Write the loops over a stack of products."""
    operands = factors.operands()
    lead = len(factors.shape) - 2
    loops = []
    for length, steps in merge_axes(factors.shape[:lead], [view.strides[:lead] for _, view in operands]):
        loops.append(Loop(body, "0", str(length), 1, []))
        index = loops[-1].index
        moved = {name: step for (name, _), step in zip(operands, steps, strict=True) if step}
        at = {**at, **{name: _address(body, kind, at[name], _times(body, index, s)) for name, s in moved.items()}}
    inside(at)
    for loop in reversed(loops):
        loop.close()


def _times(body: Body, index: str, step: int) -> str:
    if index.isdigit():
        return str(int(index) * step)
    return index if step == 1 else body.emit(f"mul nsw i64 {index}, {step}", "s")


def _address(body: Body, kind: str, pointer: str, index: str) -> str:
    return pointer if index == "0" else body.emit(f"getelementptr {kind}, ptr {pointer}, i64 {index}", "at")


# -------------------------------------------------------------------------------------------------- generated


class Kernel:
    """The writer of a generated product; its parameters are %c, %a, %b, then %d and %alpha where they are used."""

    def __init__(self, body: Body, kind: Element, factors: Factors, size: Tile) -> None:
        self.body, self.kind, self.factors, self.tile = body, kind, factors, size
        self.lanes = size.bytes // Lanes(kind).bytes
        (self.m, self.k), self.n = factors.a.shape[-2:], factors.b.shape[-1]
        self.a_steps, self.b_step = factors.a.strides[-2:], factors.b.strides[-2]
        self.d_step = 0 if factors.addend is None else factors.addend.strides[-2]

    @property
    def parameters(self) -> list[str]:
        """The parameters of the function."""
        found = [f"ptr %{name}" for name, _ in self.factors.operands()]
        return [*found, f"{self.kind} %alpha"] if self.factors.scaled else found

    def write(self) -> None:
        """Write the whole."""
        at = {name: f"%{name}" for name, _ in self.factors.operands()}
        over_stack(self.body, self.kind, self.factors, at, self._parts)

    def _parts(self, at: Pointers) -> None:
        """Write the loop over parts of the common axis; each adds to what the parts before it left in the result."""
        count = -(-self.k // DEPTH)
        depth = -(-self.k // count)
        last = (count - 1) * depth
        self._columns(at, min(depth, self.k), first=True)
        if count > 2:
            loop = Loop(self.body, str(depth), str(last), depth, [])
            self._columns(self._along(at, loop.index), depth, first=False)
            loop.close()
        if count > 1:
            self._columns(self._along(at, str(last)), self.k - last, first=False)

    def _along(self, at: Pointers, index: str) -> Pointers:
        return {**at, "a": self._move(at["a"], index, self.a_steps[1]), "b": self._move(at["b"], index, self.b_step)}

    def _move(self, pointer: str, index: str, step: int) -> str:
        return _address(self.body, self.kind, pointer, _times(self.body, index, step))

    def _columns(self, at: Pointers, depth: int, *, first: bool) -> None:
        """Write the loop over blocks of columns."""
        wide = self.lanes * self.tile.vectors
        main = self.n // wide * wide

        def block(index: str, widths: Sequence[int]) -> None:
            moved = {name: self._move(at[name], index, 1) for name in at if name != "a"}
            self._rows({**at, **moved}, widths, depth, first=first)

        if main:
            self._loop(main, wide, lambda index: block(index, [self.lanes] * self.tile.vectors))
        if self.n != main:
            rest = self.n - main
            widths = [self.lanes] * (rest // self.lanes) + [rest % self.lanes] * (rest % self.lanes > 0)
            block(str(main), widths)

    def _rows(self, at: Pointers, widths: Sequence[int], depth: int, *, first: bool) -> None:
        """Write the loop over blocks of rows."""
        high = self.tile.rows
        steps = {"a": self.a_steps[0], "c": self.n, "d": self.d_step}

        def block(index: str, rows: int) -> None:
            moved = {name: self._move(at[name], index, step) for name, step in steps.items() if name in at}
            self._block({**at, **moved}, rows, widths, depth, first=first)

        main = self.m // high * high
        if main:
            self._loop(main, high, lambda index: block(index, high))
        if self.m != main:
            block(str(main), self.m - main)

    def _loop(self, stop: int, step: int, inside: Callable[[str], None]) -> None:
        if stop == step:
            inside("0")
            return
        loop = Loop(self.body, "0", str(stop), step, [])
        inside(loop.index)
        loop.close()

    def _block(self, at: Pointers, rows: int, widths: Sequence[int], depth: int, *, first: bool) -> None:
        """Write one block of the result: the run along the common axis, then its end."""
        emitters = [Emitter(Lanes(self.kind, width), self.body) for width in widths]
        zeros = [(E.lanes.type, E.constant(0.0)) for _ in range(rows) for E in emitters]
        loop = Loop(self.body, "0", str(depth), 1, [("ptr", at["a"]), ("ptr", at["b"]), *zeros])
        a, b, *sums = loop.carried
        sums = self._step(a, b, sums, rows, emitters)
        further = [self._move(a, "1", self.a_steps[1]), self._move(b, "1", self.b_step)]
        sums = loop.close([*further, *sums])[2:]
        before, step = ("d", self.d_step) if first else ("c", self.n)
        for r in range(rows):
            c = self._move(at["c"], str(r), self.n)
            d = self._move(at[before], str(r), step) if before in at else ""
            place = 0
            for q, E in enumerate(emitters):
                x = sums[r * len(emitters) + q]
                x = self._added(E, x, self._move(d, str(place), 1)) if d else x
                E.store(x, self._move(c, str(place), 1))
                place += E.lanes.width

    def _step(self, a: str, b: str, sums: Sequence[str], rows: int, emitters: Sequence[Emitter]) -> list[str]:
        """Write one step along the common axis; return the new sums."""
        S, place, right, found = Emitter(Lanes(self.kind), self.body), 0, [], []
        for E in emitters:
            right.append(E.load(self._move(b, str(place), 1)))
            place += E.lanes.width
        for r in range(rows):
            left = S.load(self._move(a, str(r), self.a_steps[0]))
            splats: dict[int, str] = {}
            for q, E in enumerate(emitters):
                if E.lanes.width not in splats:
                    splats[E.lanes.width] = E.splat(left)
                found.append(E.fmuladd(splats[E.lanes.width], right[q], sums[r * len(emitters) + q]))
        return found

    def _added(self, E: Emitter, x: str, addend: str) -> str:
        """Return the sum of what stands at an address and the product, scaled as it is wanted."""
        before, factors = E.load(addend), self.factors
        if not factors.scaled:
            return E.sub(before, x) if factors.negative else E.add(before, x)
        factor = E.splat("%alpha")
        return E.fmuladd(E.neg(factor) if factors.negative else factor, x, before)


# ------------------------------------------------------------------------------------------------------- BLAS


class Constants:
    """Numbers of a module that are passed by their address, as Fortran wants them."""

    def __init__(self) -> None:
        self.lines: dict[str, None] = {}

    def integer(self, value: int) -> str:
        """Return the address of an integer."""
        return self._named(f"@int.{value}", f"i32 {value}")

    def letter(self, value: str) -> str:
        """Return the address of a character."""
        return self._named(f"@char.{value}", f"i8 {ord(value)}")

    def number(self, lanes: Lanes, value: float) -> str:
        """Return the address of a floating-point number."""
        text = lanes.constant(value)
        return self._named(f"@{lanes.dtype}.{text}", f"{lanes.dtype} {text}")

    def _named(self, name: str, value: str) -> str:
        self.lines[f"{name} = private unnamed_addr constant {value}"] = None
        return name


def blas(body: Body, constants: Constants, kind: Element, factors: Factors, at: Pointers) -> None:
    """Write the call of BLAS for a stack of products; one that is scaled or added to has to be generated."""
    pointer = body.outside(Outside("blas", "dgemm" if kind == "double" else "sgemm"))
    a, b = factors.a, factors.b
    (m, k), n = a.shape[-2:], b.shape[-1]
    (flag_a, step_a), (flag_b, step_b) = _layout(a), _layout(b)
    letters = [constants.letter(flag_b), constants.letter(flag_a)]
    sizes = [constants.integer(length) for length in (n, m, k)]
    one, zero = constants.number(Lanes(kind), 1.0), constants.number(Lanes(kind), 0.0)

    def call(at: Pointers) -> None:
        operands = [one, at["b"], constants.integer(step_b), at["a"], constants.integer(step_a), zero, at["c"]]
        given = [*letters, *sizes, *operands, constants.integer(n)]
        body.lines.append(f"call void {pointer}({', '.join(f'ptr {x}' for x in given)})")

    over_stack(body, kind, factors, at, call)


def _layout(view: View) -> tuple[str, int]:
    """Return BLAS' flag and leading dimension of a matrix kept by rows."""
    (m, n), (down, right) = view.shape[-2:], view.strides[-2:]
    return ("N", down) if right == 1 and down >= n else ("T", max(right, m))
