"""Products that take in what is done with their result: W − η·XᵀZ and X·W + b are one product each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from adlab.compiler.operations import Map, Op, Operations, Product
from adlab.compiler.products import Tile, generated
from adlab.compiler.views import View, dense


def absorb(program: Operations, size: Tile) -> None:
    """Let each generated product scale and add what is scaled and added right after it, and nowhere else."""
    uses = Counter(view.value for op in program.ops for view in op.reads)
    uses.update(program.outputs)
    uses.update(view.value for view in program.guards)
    pending: dict[int, tuple[Product, Map | None]] = {}
    gone: set[Op] = set()
    for place, op in enumerate(program.ops):
        if isinstance(op, Product):
            if uses[op.result] == 1 and _is_generated(op, size):
                pending[op.result] = (op, None)
        elif isinstance(op, Map) and _is_whole(program, op.target):
            _take_in(program, place, op, pending, uses, gone)
    program.ops[:] = [op for op in program.ops if op not in gone]


def _is_generated(op: Product, size: Tile) -> bool:
    (m, k), n = op.factors.a.shape[-2:], op.factors.b.shape[-1]
    return generated(size, m, k, n)


def _is_whole(program: Operations, view: View) -> bool:
    return dense(view) and view.offset == 0 and view.size == program.values[view.value].type.size


def _take_in(
    program: Operations,
    place: int,
    op: Map,
    pending: dict[int, tuple[Product, Map | None]],
    uses: Counter[int],
    gone: set[Op],
) -> None:
    for k, view in enumerate(op.reads):
        if view.value not in pending or len(op.reads) != 2:
            continue
        product, scaling = pending[view.value]
        other = op.reads[1 - k]
        if not _fits(program, op, view, product):
            return
        if op.name == "multiply" and scaling is None and not any(other.strides):
            if uses[op.result] == 1:
                pending[op.result] = (product, op)
        elif (op.name == "add" or (op.name == "subtract" and k == 1)) and _is_addend(program, other, op):
            program.ops[place] = _updated(op, product, scaling, other)
            gone.update(x for x in (product, scaling) if x is not None)
        return


def _fits(program: Operations, op: Map, view: View, product: Product) -> bool:
    """Return whether the operation goes through the product's elements as they are, in the same dtype."""
    same = op.shape == product.factors.shape and _is_whole(program, view)
    return same and program.values[op.result].type.dtype == program.values[product.result].type.dtype


def _is_addend(program: Operations, view: View, op: Map) -> bool:
    value = program.values[view.value]
    return (
        value.number is None
        and view.strides[-1] == 1
        and value.type.dtype == program.values[op.result].type.dtype
    )


def _updated(op: Map, product: Product, scaling: Map | None, addend: View) -> Product:
    factors = replace(
        product.factors, addend=addend, scaled=scaling is not None, negative=op.name == "subtract"
    )
    reads = (*product.reads, addend)
    if scaling is not None:
        first, second = scaling.reads
        number = second if first.value == product.result else first
        reads = (*reads, View(number.value, (), (), number.offset))
    return Product(op.result, reads, factors)
