"""The suite itself is tested: wrong rules are planted in copies of rows, and the contracts must catch them.

First by machine, the same faults in every row; then by hand, the mistakes that people make.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from contracts import elementwise, structural
from contracts.applications import APPLICATIONS, TIES, on
from contracts.elementwise import partials
from contracts.graphs import forward
from contracts.oracles import mpmath_algebra
from contracts.planted import altered, flipped, forgotten, spoiled, stretched
from contracts.points import inner_points, smooth_positions
from contracts.rows import SMOOTH, STRUCTURAL, each

from adlab.algebra.numpy import NUMPY
from adlab.ir.primitive import Domain, Kink, Notation
from adlab.ir.types import normalise_axes
from adlab.primitives import TABLE
from adlab.primitives.rules import Bilinear, Elementwise, Linear, Reduction, expand, literal, scale


def assert_caught(contract, *args):
    """Raise unless the contract fails on what it is given."""
    with pytest.raises(AssertionError):
        contract(*args)


# ------------------------------------------------------------------------------------------------ by machine


@dataclass(frozen=True)
class Offset:
    """A rule to whose results 1 · the seed is added: wrong also where the derivative is 0."""

    rule: Any

    def jvp(self, A, site, tangents):
        total = self.rule.jvp(A, site, tangents)
        seed = next(tangent for tangent in tangents if tangent is not None)
        return seed if total is None else total + seed

    def vjp(self, A, site, cotangent, position):
        part = self.rule.vjp(A, site, cotangent, position)
        return cotangent if part is None else part + cotangent


@dataclass(frozen=True)
class Swapped:
    """A rule that takes its operands in the wrong order in reverse mode."""

    rule: Any

    def jvp(self, A, site, tangents):
        return self.rule.jvp(A, site, tangents)

    def vjp(self, A, site, cotangent, position):
        return self.rule.vjp(A, site, cotangent, len(site.xs) - 1 - position)


def flows(row):
    """Return whether the derivative is anywhere different from 0."""
    algebra = mpmath_algebra(20)
    found = [partials(row, algebra, [algebra.number(x) for x in xs]) for xs in inner_points(row)]
    return bool(np.any(np.array(found, dtype=object) != 0))


FLOWING = [row for row in SMOOTH if flows(row)]
FAULTS = pytest.mark.parametrize("fault", [flipped, stretched, forgotten], ids=lambda fault: fault.__name__)


@each(FLOWING)
@FAULTS
def test_wrong_reverse_rule_is_caught(row, fault):
    wrong = spoiled(row, backward=fault)
    assert_caught(elementwise.check_partials_against_mpmath, wrong)
    assert_caught(elementwise.check_partials_against_sympy, wrong)
    assert_caught(elementwise.check_adjoint, wrong)


@each(FLOWING)
@FAULTS
def test_wrong_forward_rule_is_caught(row, fault):
    wrong = spoiled(row, forward=fault)
    assert_caught(elementwise.check_adjoint, wrong)
    assert_caught(elementwise.check_modes_and_orders, wrong)


@each(FLOWING)
def test_partial_that_is_wrong_in_both_modes_is_caught(row):
    wrong = spoiled(row, forward=stretched, backward=stretched)
    elementwise.check_adjoint(wrong)  # wrong, but consistently: it takes an oracle to see it
    assert_caught(elementwise.check_accuracy, wrong)
    assert_caught(elementwise.check_modes_and_orders, wrong)


@each(SMOOTH)
def test_derivative_that_should_be_0_is_caught(row):
    wrong = altered(row, rule=Offset(row.rule))
    assert_caught(elementwise.check_partials_against_mpmath, wrong)
    assert_caught(elementwise.check_modes_and_orders, wrong)


SWAPPABLE = [
    row for row in FLOWING if row.arity == 2 and smooth_positions(row) == [0, 1] and row.name != "add"
]


@each(SWAPPABLE)
def test_swapped_operands_are_caught(row):
    assert_caught(elementwise.check_partials_against_mpmath, altered(row, rule=Swapped(row.rule)))


@each(STRUCTURAL)
@pytest.mark.parametrize("mode", ["forward", "backward"])
@FAULTS
def test_wrong_structural_rule_is_caught(row, mode, fault):
    wrong = spoiled(row, **{mode: fault})
    for application in (a for a in APPLICATIONS[row.name] if a.smooth and not a.constant):
        if has_derivative(row, application):
            assert_caught(structural.check_adjoint, wrong, application)
            assert_caught(structural.check_jacobian, wrong, application)


def has_derivative(row, application):
    """Return whether anything flows: not through empty arrays, nor through a product with two zeros."""
    xs = application.arrays(row.name)
    (tangent,) = forward(structural.graph_of(row, application), NUMPY, xs, [np.ones_like(x) for x in xs])
    return bool(np.any(tangent))


def test_derivative_through_stop_gradient_is_caught():
    wrong = altered(TABLE["stop_gradient"], rule=Elementwise((lambda A, y, x: 1,)))
    for application in APPLICATIONS["stop_gradient"]:
        assert_caught(structural.check_adjoint, wrong, application)
        assert_caught(structural.check_jacobian, wrong, application)


# -------------------------------------------------------------------------------------------------- by hand


def with_partials(name, *functions):
    return altered(TABLE[name], rule=Elementwise(functions))


def stopped(A, y, x):
    """Return 2x for a first derivative that has no derivative itself."""
    return 2 * A.stop_gradient(x)


@dataclass(frozen=True)
class NotSummed(Elementwise):
    """An elementwise rule that forgets to undo broadcasting."""

    def vjp(self, A, site, cotangent, position):
        return scale(cotangent, self.partials[position](A, site.y, *site.xs))


@dataclass(frozen=True)
class NotNarrowed(Elementwise):
    """An elementwise rule that forgets that a float32 operand has a float32 adjoint."""

    def vjp(self, A, site, cotangent, position):
        part = super().vjp(A, site, cotangent, position)
        return A.cast(part, dtype="float64")


PLANTED = [
    (
        "tanh' forgets y",
        with_partials("tanh", lambda A, y, x: 1 - x**2),
        elementwise.check_partials_against_mpmath,
    ),
    ("exp' is x", with_partials("exp", lambda A, y, x: x), elementwise.check_partials_against_sympy),
    (
        "x^p by x keeps the exponent",
        with_partials("power", lambda A, y, x, p: p * x**p, TABLE["power"].rule.partials[1]),
        elementwise.check_partials_against_mpmath,
    ),
    ("tanh' saturates", with_partials("tanh", lambda A, y, x: (1 - y) * (1 + y)), elementwise.check_accuracy),
    ("sigmoid' saturates", with_partials("sigmoid", lambda A, y, x: y * (1 - y)), elementwise.check_accuracy),
    (
        "arcsin' cancels near 1",
        with_partials("arcsin", lambda A, y, x: 1 / A.sqrt(1 - x * x)),
        elementwise.check_accuracy,
    ),
    (
        "arccosh' overflows",
        with_partials("arccosh", lambda A, y, x: 1 / A.sqrt((x - 1) * (x + 1))),
        elementwise.check_accuracy,
    ),
    (
        "log2' with a rounded literal",
        with_partials("log2", lambda A, y, x: 1 / (x * 0.6931471805599453)),
        elementwise.check_partials_against_mpmath,
    ),
    (
        "exp2' with a float64 literal in float32",
        with_partials("exp2", lambda A, y, x: y * np.float64(0.6931471805599453)),
        elementwise.check_dtypes,
    ),
    (
        "relu' is 0 at 0",
        with_partials("relu", lambda A, y, x: A.where(A.greater(x, 0), literal(A, 1, x), literal(A, 0, x))),
        elementwise.check_kinks,
    ),
    (
        "relu' in bare integers",
        with_partials("relu", lambda A, y, x: A.where(A.less(x, 0), 0, 1)),
        elementwise.check_dtypes,
    ),
    (
        "abs' is 1 at 0",
        with_partials("absolute", lambda A, y, x: A.where(A.less(x, 0), literal(A, -1, x), literal(A, 1, x))),
        elementwise.check_kinks,
    ),
    (
        "maximum gives a tie to the first",
        with_partials(
            "maximum",
            lambda A, y, a, b: A.where(A.less(a, b), literal(A, 0, y), literal(A, 1, y)),
            lambda A, y, a, b: A.where(A.less(a, b), literal(A, 1, y), literal(A, 0, y)),
        ),
        elementwise.check_kinks,
    ),
    (
        "power has 0·∞ at the origin",
        with_partials("power", lambda A, y, x, p: p * x ** (p - 1), TABLE["power"].rule.partials[1]),
        elementwise.check_kinks,
    ),
    (
        "hypot' is 0/0",
        with_partials("hypot", lambda A, y, a, b: a / y, lambda A, y, a, b: b / y),
        elementwise.check_kinks,
    ),
    ("square' has no derivative", with_partials("square", stopped), elementwise.check_modes_and_orders),
    (
        "a literal is divided by in Python",
        with_partials("divide", lambda A, y, a, b: 1 / b, TABLE["divide"].rule.partials[1]),
        elementwise.check_literals,
    ),
    (
        "broadcasting is not undone",
        altered(TABLE["multiply"], rule=NotSummed(TABLE["multiply"].rule.partials)),
        elementwise.check_adjoint,
    ),
    (
        "promotion is not undone",
        altered(TABLE["multiply"], rule=NotNarrowed(TABLE["multiply"].rule.partials)),
        elementwise.check_dtypes,
    ),
    ("a value is wrong in NumPy", altered(TABLE["sin"], numpy=np.cos), elementwise.check_accuracy),
    ("a value is wrong in SymPy", altered(TABLE["sin"], sympy="cos"), elementwise.check_values_agree),
    ("a value is wrong in mpmath", altered(TABLE["sin"], mpmath="cos"), elementwise.check_values_agree),
    (
        "a value leaves float32",
        altered(TABLE["sin"], numpy=lambda x: np.sin(np.float64(x))),
        elementwise.check_dtypes,
    ),
    ("a partial too few", with_partials("add", lambda A, y, a, b: 1), elementwise.check_facts),
    ("no summary", altered(TABLE["sin"], summary=""), elementwise.check_facts),
    ("an interval too few", altered(TABLE["add"], domain=Domain()), elementwise.check_facts),
    ("a kink without a case", altered(TABLE["relu"], kinks=(Kink("x = 0", "1"),)), elementwise.check_facts),
    (
        "notation without an operand",
        altered(TABLE["add"], notation=Notation("{0} + b", "{0}", 20)),
        elementwise.check_notation,
    ),
    (
        "notation with an unbalanced brace",
        altered(TABLE["sin"], notation=Notation("sin({0})", r"\sin{{{0}", 90)),
        elementwise.check_notation,
    ),
    (
        "elu' by a overflows on the branch not taken",
        with_partials(
            "elu",
            TABLE["elu"].rule.partials[0],
            lambda A, y, x, a: A.where(A.greater_equal(x, 0), literal(A, 0, x), A.expm1(x)),
        ),
        elementwise.check_second_order_far_out,
    ),
    (
        "a switch that is not 0 on the kink",
        altered(
            TABLE["relu"], kinks=(dataclasses.replace(TABLE["relu"].kinks[0], switch=lambda A, x: x + 1),)
        ),
        elementwise.check_switches,
    ),
]


@pytest.mark.parametrize(
    ("wrong", "contract"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED]
)
def test_planted_mistake_is_caught(wrong, contract):
    contract(TABLE[wrong.name])
    assert_caught(contract, wrong)


def linear(name, transpose):
    return altered(TABLE[name], rule=Linear(transpose))


def divided_out(A, site):
    return expand(A, site.y, site) / site.xs[0]


def not_shared(A, site):
    x = site.xs[0]
    return A.where(A.equal(x, expand(A, site.y, site)), literal(A, 1, x), literal(A, 0, x))


def not_added(A, cotangent, position, site):
    return A.index(cotangent, index=site.params["index"])


def same_part(A, cotangent, position, site):
    first = site._replace(types=site.types[::-1])
    return TABLE["concatenate"].rule.transpose(A, cotangent, len(site.xs) - 1 - position, first)


def without_swap(A, cotangent, position, site):
    a, b = site.xs
    return A.matmul(cotangent, b) if position == 0 else A.matmul(a, cotangent)


def forwards_again(A, cotangent, position, site):
    return A.cumsum(cotangent, axis=site.params["axis"])


def counted_all(A, cotangent, position, site):
    count = site.types[0].size
    return A.broadcast_to(expand(A, cotangent / count, site), shape=site.types[0].shape)


def first_axis_only(A, cotangent, position, site):
    axes = normalise_axes(site.params["axis"], len(site.types[0].shape))
    assert axes
    return A.broadcast_to(cotangent, shape=site.types[0].shape)


def permuted_again(A, cotangent, position, site):
    return A.transpose(cotangent, axes=site.params["axes"])


def first_layer(A, cotangent, position, site):
    return TABLE["stack"].rule.transpose(A, cotangent, 0, site)


SQUARE = np.array([[1.0, 2.0], [3.0, 5.0]])
WITH_ZERO = np.array([2.0, 0.0, 3.0])

PLANTED_STRUCTURAL = [
    (
        "sum spreads along the last axis",
        linear("sum", first_axis_only),
        on(SQUARE, axis=(1,), keepdims=False),
    ),
    ("mean divides by the size", linear("mean", counted_all), on((2, 3), axis=(0,), keepdims=False)),
    ("cumsum runs forwards", linear("cumsum", forwards_again), on((4,), axis=0)),
    ("transpose permutes once more", linear("transpose", permuted_again), on((2, 2, 2), axes=(2, 0, 1))),
    ("concatenate takes the other part", linear("concatenate", same_part), on((2,), (2,), axis=0)),
    ("stack takes the first layer", linear("stack", first_layer), on((2,), (2,), axis=0)),
    (
        "matmul without transposes",
        altered(TABLE["matmul"], rule=Bilinear(without_swap)),
        on(SQUARE, SQUARE + 1),
    ),
    (
        "prod divides",
        altered(TABLE["prod"], rule=Reduction(divided_out)),
        on(WITH_ZERO, axis=None, keepdims=False),
    ),
]


@pytest.mark.parametrize(
    ("wrong", "application"), [c[1:] for c in PLANTED_STRUCTURAL], ids=[c[0] for c in PLANTED_STRUCTURAL]
)
def test_planted_structural_mistake_is_caught(wrong, application):
    structural.check_adjoint(TABLE[wrong.name], application)
    structural.check_jacobian(TABLE[wrong.name], application)
    with pytest.raises((AssertionError, ZeroDivisionError)):
        structural.check_jacobian(wrong, application)


def test_extreme_that_is_not_shared_is_caught():
    wrong = altered(TABLE["max"], rule=Reduction(not_shared))
    structural.check_adjoint(
        wrong, on(TIES, axis=None, keepdims=False, smooth=False)
    )  # consistent in both modes
    assert_caught(structural.check_shares, wrong, np.max)


def test_index_adjoint_that_overwrites_repeated_places_is_caught():
    def overwrite(x, index, shape):
        total = np.zeros(shape, np.asarray(x).dtype)
        total[structural_index(index)] = x
        return total

    from adlab.ir.index import numpy_index as structural_index

    def transpose(A, cotangent, position, site):
        params = (("index", site.params["index"]), ("shape", site.types[0].shape))
        return A.apply(wrong_add, (cotangent,), params)

    wrong_add = altered(TABLE["index_add"], numpy=overwrite)
    wrong = linear("index", transpose)
    caught = 0
    for application in APPLICATIONS["index"]:
        try:
            structural.check_adjoint(wrong, application)
        except AssertionError:
            caught += 1
    assert caught == 5  # the examples whose index names an element twice
