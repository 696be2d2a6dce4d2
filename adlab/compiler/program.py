"""What a graph becomes before it is machine code: LLVM's text, and what the text needs from outside.

Every graph, of scalars or of arrays, is lowered to one function with one calling convention::

    i32 @run(ptr %args, ptr %work, ptr %table)

``args`` points at the data of the inputs, then of the outputs, each C-contiguous in its own dtype (float64, float32; truth
values are one byte). ``work`` is scratch memory of `Program.work_bytes` bytes, aligned to 64, of which nothing is known.
``table`` points at what lives outside the code: functions of the C library, BLAS, arrays of literals. So no address is
baked into the code, and an object file can be kept and loaded again by another process. The function returns 0, or 1 + k
where guard k of the graph turned out otherwise (the outputs are then not to be looked at).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from adlab.ir.graph import Graph


class Outside(NamedTuple):
    """An entry of the table: something whose address is only known when the code is loaded.

    Attributes
    ----------
    kind : {"libm", "special", "blas", "literal"}
        A function of the C library, a function of doubles of ``scipy.special.cython_special``, a BLAS routine of
        SciPy's, the data of one of the graph's array literals.
    name : str
        The function's name; for a literal its index in ``graph.constants``.
    """

    kind: Literal["libm", "special", "blas", "literal"]
    name: str


@dataclass(frozen=True)
class Program:
    """A graph lowered to text, not yet compiled.

    Attributes
    ----------
    graph : Graph
        What it computes.
    text : str
        LLVM IR of a module that defines ``run``.
    level : {0, 1, 2, 3}
        How hard the code generator is to work: 0 for long straight-line code, 2 for loops.
    work_bytes : int
        Size of the scratch memory.
    table : tuple of Outside
        What ``%table`` points at, in order.
    donated : mapping
        Outputs whose memory is that of an input: output position to input position.
    """

    graph: Graph
    text: str
    level: int
    work_bytes: int = 0
    table: tuple[Outside, ...] = ()
    donated: Mapping[int, int] | None = None
