"""Every carrier evaluates the same graph; what each of them adds of its own."""

import numpy as np
import pytest
from contracts.graphs import run
from contracts.oracles import mpmath_algebra, sympy_algebra

from adlab.algebra.base import Algebra
from adlab.algebra.dual import Dual, DualAlgebra
from adlab.algebra.exact import MpmathAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.errors import MethodError
from adlab.ir.builder import Builder
from adlab.ir.constant import PI, Constant, E
from adlab.ir.types import FLOAT32, SCALAR, Type
from adlab.primitives import TABLE
from adlab.transforms.sweeps import dual_run

VALUE = 11.652071455223084  # ln(2) + 2·5 − sin(5)


def example():
    """Return the lectures' graph, ln(x1) + x1·x2 − sin(x2)."""
    builder = Builder()
    x1, x2 = builder.input("x1", SCALAR), builder.input("x2", SCALAR)
    log, product = builder.apply(TABLE["log"], (x1,)), builder.apply(TABLE["multiply"], (x1, x2))
    sine = builder.apply(TABLE["sin"], (x2,))
    total = builder.apply(TABLE["add"], (log, product))
    return builder.finish([builder.apply(TABLE["subtract"], (total, sine))])


@pytest.mark.parametrize(
    "algebra",
    [NUMPY, MpmathAlgebra(50), sympy_algebra(), DualAlgebra(NUMPY), DualAlgebra(DualAlgebra(NUMPY))],
    ids=["numpy", "mpmath", "sympy", "dual", "dual of dual"],
)
def test_every_carrier_evaluates_the_running_example(algebra):
    inputs = [algebra.constant(Constant(2, SCALAR)), algebra.constant(Constant(5, SCALAR))]
    (found,) = run(example(), algebra, inputs)
    while isinstance(found, Dual):
        assert found.tangent is None
        found = found.primal
    assert float(found) == pytest.approx(VALUE, rel=1e-15)


def test_dual_numbers_give_the_running_examples_tangents():
    for seeds, expected in (((1.0, None), 5.5), ((None, 1.0), 1.716337814536774)):
        found = dual_run(example(), NUMPY, [np.float64(2), np.float64(5)], seeds)[-1]
        assert found.primal == pytest.approx(VALUE, rel=1e-15)
        assert found.tangent == pytest.approx(expected, rel=1e-15)


def test_nested_dual_numbers_do_not_confuse_their_tangents():
    outer = DualAlgebra(NUMPY)
    x = Dual(outer, np.float64(1), np.float64(1))

    def inner_derivative(f):
        inner = DualAlgebra(outer)
        return f(Dual(inner, Dual(outer, np.float64(1)), Dual(outer, np.float64(1)))).tangent

    result = x * inner_derivative(lambda y: Dual(y.algebra, x) + y)
    assert (result.primal, result.tangent) == (1, 1)


@pytest.mark.parametrize("digits", [30, 60])
def test_named_numbers_have_all_their_digits_in_mpmath(digits):
    algebra = MpmathAlgebra(digits)
    for number, symbol in ((PI, "pi"), (E, "e")):
        with algebra.library.workdps(digits):
            assert algebra.constant(Constant(number, SCALAR)) == +getattr(algebra.library, symbol)


def test_mpmath_follows_ieee_outside_the_domain():
    algebra = mpmath_algebra(50)
    minus_one, nought = algebra.number(-1), algebra.number(0)
    assert algebra.log(nought) == -algebra.library.inf
    assert algebra.library.isnan(algebra.log(minus_one))
    assert algebra.divide(minus_one, nought) == -algebra.library.inf
    assert algebra.library.isnan(algebra.power(minus_one, algebra.number(0.5)))
    assert algebra.power(minus_one, algebra.number(3)) == -1


def test_exact_carriers_take_python_and_numpy_numbers_at_their_exact_value():
    algebra = mpmath_algebra(50)
    tenth = algebra.number(0.1)
    for given in (0.1, np.float64(0.1), np.array(0.1)):
        assert algebra.multiply(given, 1) == tenth
    assert algebra.sum(np.array([0.1, 0.1, 0.1]), axis=None, keepdims=False) == 3 * tenth
    assert algebra.max(np.array([[0.1, 2.0]]), axis=(1,), keepdims=False).tolist() == [algebra.number(2)]


def test_sympy_keeps_integers_halves_and_names():
    import sympy as sp

    algebra = sympy_algebra()
    given = [2, 0.5, -0.375, PI, E, True, np.inf, -np.inf]
    expected = [2, sp.Rational(1, 2), sp.Rational(-3, 8), sp.pi, sp.E, sp.true, sp.oo, -sp.oo]
    assert [algebra.number(x) for x in given] == expected
    assert algebra.number(float("nan")) is sp.nan
    assert str(algebra.number(0.1)) == "0.10000000000000001"


def test_sympy_reduces_symbols():
    import sympy as sp

    algebra, symbols = sympy_algebra(), np.array(sp.symbols("a b c", real=True), dtype=object)
    a, b, c = symbols
    assert algebra.sum(symbols, axis=None, keepdims=False) == a + b + c
    assert algebra.mean(symbols, axis=None, keepdims=False) == (a + b + c) / 3
    assert algebra.max(symbols, axis=None, keepdims=False) == sp.Max(a, b, c)
    assert algebra.min(symbols.reshape(1, 3), axis=(1,), keepdims=True).tolist() == [[sp.Min(a, b, c)]]
    assert algebra.matmul(symbols, symbols) == a**2 + b**2 + c**2


def test_numbers_take_the_dtype_of_their_place():
    assert type(NUMPY.constant(Constant(2, Type((), FLOAT32)))) is np.float32
    assert NUMPY.dtype(np.float32(1)) == FLOAT32
    assert NUMPY.dtype(1) == np.float64


def test_a_row_without_a_symbolic_function_says_so():
    import dataclasses

    nameless = dataclasses.replace(TABLE["sin"], sympy=None)
    with pytest.raises(MethodError, match="sin has no sympy function"):
        sympy_algebra().apply(nameless, [1])


def test_an_unknown_function_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no function 'frobnicate'"):
        NUMPY.frobnicate(1.0)


def test_the_base_class_is_abstract():
    for call in (lambda A: A.constant(Constant(1, SCALAR)), lambda A: A.apply(TABLE["sin"], (1,))):
        with pytest.raises(NotImplementedError):
            call(Algebra())
