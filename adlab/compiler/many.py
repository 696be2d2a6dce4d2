"""A scalar graph at many points: eight side by side in each turn of a native loop.

Numerical differentiation evaluates one function at hundreds of points; a study of its error at thousands. Points are
packed in blocks of `WIDTH`, each input of a block eight numbers in a row, so that one instruction serves eight points.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from adlab.compiler import engine
from adlab.compiler.outside import aligned, literals, run_table
from adlab.compiler.scalar import lower_scalar
from adlab.ir.graph import Graph
from adlab.ir.types import FLOAT64, Type

WIDTH = 8

LOOP = """
define i32 @run_many(ptr %x, ptr %y, ptr %work, ptr %table, i64 %blocks) nounwind {{
%args = alloca [2 x ptr], align 8
%second = getelementptr i8, ptr %args, i64 8
br label %turn
turn:
%k = phi i64 [ 0, %0 ], [ %next, %turn ]
%from.offset = mul i64 %k, {input_bytes}
%from = getelementptr i8, ptr %x, i64 %from.offset
%to.offset = mul i64 %k, {output_bytes}
%to = getelementptr i8, ptr %y, i64 %to.offset
store ptr %from, ptr %args
store ptr %to, ptr %second
%status = call i32 @run(ptr %args, ptr %work, ptr %table)
%next = add i64 %k, 1
%more = icmp ult i64 %next, %blocks
br i1 %more, label %turn, label %done
done:
ret i32 0
}}
"""


def compile_many(graph: Graph) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]] | None:
    """Return a function of many points.

    Parameters
    ----------
    graph : Graph
        Of float64 scalars only, without guards (each point would need a branch of its own).

    Returns
    -------
    callable or None
        Takes an array of shape (points, inputs), returns one of shape (points, outputs); None where an operation has
        no native code.
    """
    inputs, outputs = len(graph.inputs), len(graph.outputs)
    if (
        graph.guards
        or not inputs
        or any(type != Type((), FLOAT64) for type in (*graph.input_types, *graph.output_types))
    ):
        return None
    program = lower_scalar(graph, [Type((inputs,), FLOAT64)], [Type((outputs,), FLOAT64)], WIDTH)
    if program is None:
        return None
    number = 8 * WIDTH
    loop = LOOP.format(input_bytes=number * inputs, output_bytes=number * outputs)
    program = replace(program, text=program.text + loop)
    code = engine.load(engine.object_code(program.text, program.level, engine.host()), ("run_many",))
    read = literals(program)
    table = run_table(program.table, read)
    kinds = (ctypes.c_void_p,) * 4
    run = ctypes.CFUNCTYPE(ctypes.c_int, *kinds, ctypes.c_int64)(code.addresses["run_many"])

    def evaluate(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        count = len(points)
        blocks = -(-count // WIDTH)
        if not count:
            return np.empty((0, outputs))
        padded = np.empty((blocks * WIDTH, inputs))
        padded[:count], padded[count:] = points, points[-1]
        x = np.ascontiguousarray(padded.reshape(blocks, WIDTH, inputs).transpose(0, 2, 1))
        y = np.empty((blocks, outputs, WIDTH))
        work = aligned(program.work_bytes)
        run(x.ctypes.data, y.ctypes.data, work.ctypes.data, table.ctypes.data, blocks)
        return y.transpose(0, 2, 1).reshape(blocks * WIDTH, outputs)[:count]

    evaluate.kept = (code, read)  # type: ignore[attr-defined]
    return evaluate
