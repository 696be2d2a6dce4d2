"""A traced value meets numbers and arrays on either side, through operators, ufuncs and the algebra."""

import operator

import numpy as np
import pytest
from contracts.points import input_type, is_discrete
from contracts.rows import BINARY, each

from adlab.algebra.numpy import NUMPY
from adlab.algebra.traced import GraphAlgebra, Recorder, Traced
from adlab.ir.check import check
from adlab.primitives import TABLE
from adlab.transforms.sweeps import evaluate

INFIX = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


def spellings(row):
    """Return every way to write a row of two operands in user code."""
    ways = [lambda a, b, A: A.apply(row, (a, b))]
    if row.name in INFIX:
        ways.append(lambda a, b, A: INFIX[row.name](a, b))
    if isinstance(getattr(np, row.name, None), np.ufunc):
        ways.append(lambda a, b, A: getattr(np, row.name)(a, b))
    return ways


def forms(row, position):
    """Return an int, a float, a NumPy scalar and an array that the operand may be."""
    low, high = row.domain.intervals[position]
    middle = low + (high - low) * 0.625
    if isinstance(low, bool):
        return [True, np.bool_(False), np.array([True, False, True])]
    whole = [n for n in range(-3, 4) if low <= n <= high and n]
    if is_discrete(row, position):
        return [*whole[:1], np.float64(whole[0])]
    return [*whole[-1:], middle, np.float64(middle), np.float32(middle), np.linspace(middle, high, 3)]


@each(BINARY)
@pytest.mark.parametrize("side", [0, 1], ids=["traced on the left", "traced on the right"])
def test_traced_value_meets_every_kind_of_number(row, side):
    example = forms(row, side)[1]
    for other in forms(row, 1 - side):
        for spell in spellings(row):
            recorder = Recorder()
            x = recorder.variable("x", input_type(row, side), example)
            operands = (x, other) if side == 0 else (other, x)
            result = spell(*operands, GraphAlgebra(recorder))
            assert isinstance(result, Traced)
            graph = recorder.finish([recorder.operand(result)])
            check(graph)
            got = evaluate(graph, NUMPY, [example])[graph.outputs[0]]
            values = [example if operand is x else other for operand in operands]
            expected = NUMPY.apply(row, [np.float64(v) if type(v) in (int, float) else v for v in values])
            np.testing.assert_allclose(got, expected, rtol=1e-7 if isinstance(other, np.float32) else 1e-15)
            assert np.shape(got) == np.shape(expected) == graph.output_types[0].shape


@pytest.mark.parametrize("other", [np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), [1.0, 2.0]], ids=str)
@pytest.mark.parametrize("side", [0, 1])
def test_matmul_of_traced_value_and_array(other, side):
    recorder = Recorder()
    example = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = recorder.variable("x", input_type(TABLE["negative"], 0, (2, 2)), example)
    if side == 1 and np.ndim(other) == 2:
        other = np.transpose(other)
    result = x @ other if side == 0 else other @ x
    graph = recorder.finish([recorder.operand(result)])
    check(graph)
    expected = example @ np.array(other) if side == 0 else np.array(other) @ example
    np.testing.assert_array_equal(evaluate(graph, NUMPY, [example])[graph.outputs[0]], expected)
