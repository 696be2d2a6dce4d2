"""Running lowered graphs of arrays, and the interpreter beside them."""

import ctypes

import numpy as np

from adlab.algebra.numpy import NUMPY
from adlab.compiler.engine import host, load, object_code
from adlab.compiler.outside import aligned, literals, pointers, run_table
from adlab.compiler.tensor import lower_tensor

TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-5}


class Native:
    """A graph lowered, loaded and ready to be called with NumPy arrays."""

    def __init__(self, graph, donate=None, machine=None):
        machine = machine or host()
        self.program = lower_tensor(graph, donate, machine)
        self.graph = self.program.graph
        self.donate = donate or {}
        self.code = load(object_code(self.program.text, self.program.level, machine))
        self.literals = literals(self.program)
        self.table = run_table(self.program.table, self.literals)
        signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self.run = signature(self.code.addresses["run"])
        self.status = None

    def __call__(self, *inputs):
        """Return the outputs; scratch memory holds NaN before."""
        given = [
            np.array(x, type.dtype, order="C").reshape(type.shape)
            for x, type in zip(inputs, self.graph.input_types, strict=True)
        ]
        outputs = [np.full(type.shape, 77, type.dtype) for type in self.graph.output_types]
        for output, position in self.donate.items():
            outputs[output] = given[position]
        work = aligned(self.program.work_bytes)
        work[:] = 255
        arrays = pointers([*given, *outputs])
        self.status = self.run(ctypes.addressof(arrays), work.ctypes.data, self.table.ctypes.data)
        return outputs


def interpreted(graph, inputs):
    """Return the outputs as the interpreter computes them."""
    given = [np.asarray(x, type.dtype)[()] for x, type in zip(inputs, graph.input_types, strict=True)]
    return [np.asarray(x) for x in NUMPY.outputs(graph, NUMPY.run(graph, given))]


def assert_same(got, wanted, tolerance=None):
    """Raise unless native outputs are the interpreter's."""
    for x, y in zip(got, wanted, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        if x.dtype == bool:
            np.testing.assert_array_equal(x, y)
        else:
            close = TOLERANCE[x.dtype] if tolerance is None else tolerance
            np.testing.assert_allclose(x, y, rtol=close, atol=close)


def check(graph, *inputs, tolerance=None, donate=None, machine=None):
    """Run a graph natively and interpreted, and compare; return the native function."""
    native = Native(graph, donate, machine)
    wanted = interpreted(graph, inputs)
    assert_same(native(*inputs), wanted, tolerance)
    assert native.status == 0
    return native
