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

from adlab.compiler.body import Body, Element, Lanes
from adlab.compiler.emit import Emitter, Loop
from adlab.compiler.engine import Machine
from adlab.compiler.program import Outside
from adlab.compiler.views import View, merge_axes, strides_of

DEPTH = 512
"""Steps along the common axis in one go."""

ZEROS = 64
"""Lanes of the widest row of a block, at least."""

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


def over_stack(
    body: Body, kind: Element, factors: Factors, at: Pointers, inside: Callable[[Pointers], None]
) -> None:
    """Write the loops over a stack of products."""
    operands = factors.operands()
    lead = len(factors.shape) - 2
    loops = []
    for length, steps in merge_axes(factors.shape[:lead], [view.strides[:lead] for _, view in operands]):
        loops.append(Loop(body, "0", str(length), 1, []))
        index = loops[-1].index
        moved = {name: step for (name, _), step in zip(operands, steps, strict=True) if step}
        at = {
            **at,
            **{name: _address(body, kind, at[name], _times(body, index, s)) for name, s in moved.items()},
        }
    inside(at)
    for loop in reversed(loops):
        loop.close()


def _times(body: Body, index: str, step: int) -> str:
    if index.isdigit():
        return str(int(index) * step)
    return index if step == 1 else body.emit(f"mul nsw i64 {index}, {step}", "s")


def _address(body: Body, kind: str, pointer: str, index: str) -> str:
    return pointer if index == "0" else body.emit(f"getelementptr {kind}, ptr {pointer}, i64 {index}", "at")


# ------------------------------------------------------------------------------------------------------ tiles

STEPS = ("along", "across", "down", "under", "before")
"""Elements from one entry to the next: of a along the common axis and across rows; of rows of b, of c, of d."""


def tile_parameters(kind: Element) -> list[str]:
    """Return the parameters of a tile's function."""
    return [
        "ptr %c",
        "ptr %a",
        "ptr %b",
        "ptr %d",
        f"{kind} %alpha",
        "i64 %depth",
        *(f"i64 %{step}" for step in STEPS),
    ]


def write_tile(body: Body, kind: Element, rows: int, widths: Sequence[int]) -> None:
    """Write the function of one block: c ← d + alpha·a·b.

    Parameters
    ----------
    body : Body
    kind : {"double", "float"}
    rows : int
    widths : sequence of int
        Lanes of the vectors of a row.
    """
    emitters = [Emitter(Lanes(kind, width), body) for width in widths]
    places = [sum(widths[:q]) for q in range(len(widths))]
    starts = [_row(body, kind, "%a", r, "%across") for r in range(rows)]
    zeros = [(E.lanes.type, E.constant(0.0)) for _ in range(rows) for E in emitters]
    loop = Loop(body, "0", "%depth", 1, [("i64", "0"), ("ptr", "%b"), *zeros])
    offset, b, *sums = loop.carried
    right = [E.load(_address(body, kind, b, str(place))) for E, place in zip(emitters, places, strict=True)]
    new = []
    for r in range(rows):
        x = Emitter(Lanes(kind), body).load(_address(body, kind, starts[r], offset))
        splats = {E.lanes.width: "" for E in emitters}
        for q, E in enumerate(emitters):
            splats[E.lanes.width] = splats[E.lanes.width] or E.splat(x)
            new.append(E.fmuladd(splats[E.lanes.width], right[q], sums[r * len(emitters) + q]))
    further = [body.emit(f"add i64 {offset}, %along", "s"), _address(body, kind, b, "%down")]
    sums = loop.close([*further, *new])[2:]
    for r in range(rows):
        to, of = _row(body, kind, "%c", r, "%under"), _row(body, kind, "%d", r, "%before")
        for q, (E, place) in enumerate(zip(emitters, places, strict=True)):
            before = E.load(_address(body, kind, of, str(place)))
            x = E.fmuladd(E.splat("%alpha"), sums[r * len(emitters) + q], before)
            E.store(x, _address(body, kind, to, str(place)))


def _row(body: Body, kind: Element, pointer: str, r: int, step: str) -> str:
    if r == 0:
        return pointer
    return _address(body, kind, pointer, step if r == 1 else body.emit(f"mul i64 {step}, {r}", "s"))


# -------------------------------------------------------------------------------------------------- generated

TileName = Callable[[int, Sequence[int]], str]
"""Rows and widths of a tile to the name of its function."""


class Kernel:
    """The writer of a generated product: loops over the tiles of the result.

    Its parameters are %c, %a, %b, then %d and %alpha where they are used.
    """

    def __init__(self, body: Body, kind: Element, factors: Factors, size: Tile, tile: TileName) -> None:
        self.body, self.kind, self.factors, self.size, self.tile = body, kind, factors, size, tile
        self.lanes = size.bytes // Lanes(kind).bytes
        (self.m, self.k), self.n = factors.a.shape[-2:], factors.b.shape[-1]
        self.across, self.along = factors.a.strides[-2:]
        self.down = factors.b.strides[-2]
        self.before = 0 if factors.addend is None else factors.addend.strides[-2]

    @property
    def parameters(self) -> list[str]:
        """The parameters of the function."""
        found = [f"ptr %{name}" for name, _ in self.factors.operands()]
        return [*found, f"{self.kind} %alpha"] if self.factors.scaled else found

    def write(self) -> None:
        """Write the whole."""
        at = {name: f"%{name}" for name, _ in self.factors.operands()}
        over_stack(self.body, self.kind, self.factors, at, self._parts)

    @property
    def zeros(self) -> str:
        """The name of a row of negative zeros."""
        return f"@zeros.{self.kind}"

    def _alpha(self) -> str:
        """Return what the product is scaled by."""
        E = Emitter(Lanes(self.kind), self.body)
        if not self.factors.scaled:
            return E.constant(-1.0 if self.factors.negative else 1.0)
        return E.neg("%alpha") if self.factors.negative else "%alpha"

    def _parts(self, at: Pointers) -> None:
        """Write the loop over parts of the common axis; each adds to what the parts before it left in the result.

        Where there is no addend the first part is added to zeros, negative ones: they change nothing. They are one row of a
        block, at which the addend's address stands still.
        """
        alpha, added = self._alpha(), "d" in at
        first, before, moving = (at["d"], self.before, 1) if added else (self.zeros, 0, 0)
        if self.k <= DEPTH:
            self._columns({**at, "d": first}, str(self.k), alpha, str(before), str(moving))
            return
        carried = [("ptr", first), ("i64", str(before)), ("i64", str(moving))]
        loop = Loop(self.body, "0", str(self.k), DEPTH, carried)
        left = self.body.emit(f"sub i64 {self.k}, {loop.index}", "left")
        short = self.body.emit(f"icmp ult i64 {left}, {DEPTH}", "short")
        depth = self.body.emit(f"select i1 {short}, i64 {left}, i64 {DEPTH}", "depth")
        moved = {
            "a": self._move(at["a"], loop.index, self.along),
            "b": self._move(at["b"], loop.index, self.down),
        }
        self._columns({**at, **moved, "d": loop.carried[0]}, depth, alpha, *loop.carried[1:])
        loop.close([at["c"], str(self.n), "1"])

    def _move(self, pointer: str, index: str, step: int) -> str:
        return _address(self.body, self.kind, pointer, _times(self.body, index, step))

    def _columns(self, at: Pointers, depth: str, alpha: str, before: str, moving: str) -> None:
        """Write the loop over blocks of columns."""
        wide = self.lanes * self.size.vectors
        main = self.n // wide * wide

        def block(index: str, widths: Sequence[int]) -> None:
            moved = {name: self._move(at[name], index, 1) for name in ("b", "c")}
            d = _address(self.body, self.kind, at["d"], _times_value(self.body, index, moving))
            self._rows({**at, **moved, "d": d}, widths, depth, alpha, before)

        self._loop(main, wide, lambda index: block(index, [self.lanes] * self.size.vectors))
        rest = self.n - main
        if rest:
            block(
                str(main), [self.lanes] * (rest // self.lanes) + [rest % self.lanes] * (rest % self.lanes > 0)
            )

    def _rows(self, at: Pointers, widths: Sequence[int], depth: str, alpha: str, before: str) -> None:
        """Write the loop over blocks of rows."""
        high = self.size.rows
        main = self.m // high * high

        def block(index: str, rows: int) -> None:
            d = _address(self.body, self.kind, at["d"], _times_value(self.body, index, before))
            c, a = self._move(at["c"], index, self.n), self._move(at["a"], index, self.across)
            steps = [str(self.along), str(self.across), str(self.down), str(self.n), before]
            given = [
                *(f"ptr {x}" for x in (c, a, at["b"], d)),
                f"{self.kind} {alpha}",
                *(f"i64 {x}" for x in (depth, *steps)),
            ]
            self.body.lines.append(f"call void @{self.tile(rows, widths)}({', '.join(given)}, ptr %table)")

        self._loop(main, high, lambda index: block(index, high))
        if self.m != main:
            block(str(main), self.m - main)

    def _loop(self, stop: int, step: int, inside: Callable[[str], None]) -> None:
        if stop == step:
            inside("0")
        elif stop:
            loop = Loop(self.body, "0", str(stop), step, [])
            inside(loop.index)
            loop.close()


def _times_value(body: Body, i: str, j: str) -> str:
    """Return the product of two indices."""
    if j.isdigit():
        return _times(body, i, int(j)) if int(j) else "0"
    return i if i == "0" else body.emit(f"mul nsw i64 {i}, {j}", "s")


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

    def zeros(self, lanes: Lanes) -> None:
        """Declare a row of negative zeros that products without an addend are added to."""
        zeros = ", ".join([f"{lanes.dtype} {lanes.constant(-0.0)}"] * ZEROS)
        self.lines[
            f"@zeros.{lanes.dtype} = private unnamed_addr constant [{ZEROS} x {lanes.dtype}] [{zeros}], align 64"
        ] = None

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
        operands = [
            one,
            at["b"],
            constants.integer(step_b),
            at["a"],
            constants.integer(step_a),
            zero,
            at["c"],
        ]
        given = [*letters, *sizes, *operands, constants.integer(n)]
        body.lines.append(f"call void {pointer}({', '.join(f'ptr {x}' for x in given)})")

    over_stack(body, kind, factors, at, call)


def _layout(view: View) -> tuple[str, int]:
    """Return BLAS' flag and leading dimension of a matrix kept by rows."""
    (m, n), (down, right) = view.shape[-2:], view.strides[-2:]
    return ("N", down) if right == 1 and down >= n else ("T", max(right, m))
