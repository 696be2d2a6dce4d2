"""Random tensor programs: forward = reverse = reference, gradients and Hessian-vector products, ⟨u, Jv⟩ = ⟨Jᵀu, v⟩.

Every row with a rule begins programs of its own, so that each is drawn whatever the dice say. The judge reads no
rule: it is the fifty-digit reference, and for Hessians second differences of the program's value in mpmath. What
programs take for a constant is held constant for the judge too.
"""

import os
from dataclasses import replace

import numpy as np
import pytest
from contracts.graphs import forward, gradient_graph, reverse, run, traced
from contracts.oracles import mpmath_algebra
from contracts.planted import flipped, spoiled, stretched
from contracts.programs import DRAWN, SAFETY, programs, rounding
from contracts.rows import each
from hypothesis import HealthCheck, Phase, assume, given, settings

from adlab.algebra.numpy import NUMPY
from adlab.methods import METHODS
from adlab.methods.reference import reference
from adlab.primitives import TABLE
from adlab.transforms.held import held
from adlab.transforms.sweeps import reverse_sweep

PER_ROW = int(os.environ.get("ADLAB_PROGRAMS", "3"))
EXACT, STEP = mpmath_algebra(80), 2.0**-60

SEEDED = settings(
    max_examples=PER_ROW,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def flat(parts):
    """Return blocks as one vector of floats."""
    return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in parts])


def directions(point, start):
    """Return a vector in the space of the inputs."""
    return [np.cos(start + np.arange(np.size(x))).reshape(np.shape(x))[()] for x in point]


def bounds(graph, point):
    """Return a bound on the rounding error of each element of each output of a graph."""
    values = NUMPY.run(graph, point)
    found = []
    for operand, type in zip(graph.outputs, graph.output_types, strict=True):
        for place in np.ndindex(type.shape):
            seed = np.zeros(type.shape)
            seed[place] = 1
            own = abs(float(np.asarray(values[operand])[place])) if operand >= 0 else 0.0
            error = rounding(graph, values, [(operand, seed[()])]) + SAFETY * np.finfo(float).eps * own
            found.append(error)
    return np.array(found)


def assert_agree(one, other, allowed, what):
    """Raise unless two vectors differ by no more than what rounding explains."""
    assert np.all(np.isfinite(allowed)), f"{what}: no bound"
    apart = np.abs(one - other)
    assert np.all(apart <= allowed), f"{what}: {one}, {other}; {apart / allowed} of what is allowed"


def exact_gradient(graph, point):
    """Return the fifty-digit gradient of the scalar program."""
    found = reference(graph, point, digits=20)
    assume(not found.kinks)
    return flat(found.jacobians[0])


def exact_product(graph, point, v):
    """Return Hessian · v of the scalar program by second differences in mpmath."""
    xs, vs = ([EXACT.array(x) for x in some] for some in (point, v))
    h, result = EXACT.number(STEP), []
    for k, x in enumerate(xs):
        for place in np.ndindex(np.shape(x)):
            corners = [_corner(graph, xs, vs, k, place, s * h, t * h) for s in (1, -1) for t in (1, -1)]
            assume(
                max(corners) - min(corners) < 2.0**-30
            )  # a jump, where a vector turns its sign, is no derivative
            result.append((corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h * h))
    return flat(result)


def _corner(graph, xs, vs, k, place, along, across):
    moved = [x + along * v for x, v in zip(xs, vs, strict=True)]
    if place:
        moved[k] = moved[k].copy()
        moved[k][place] += across
    else:
        moved[k] = moved[k] + across
    return run(graph, EXACT, moved)[0]


def check_gradients(program):
    """Forward mode, reverse mode and the reference give one gradient."""
    graph, point = program.scalar, program.point
    exact = exact_gradient(held(graph, NUMPY.run(graph, point)), point)
    allowed = 2 * bounds(gradient_graph(graph, range(len(point))), point)
    for mode in ("forward", "reverse"):
        found = flat(METHODS[mode].derivative(graph, point).jacobians[0])
        assert_agree(found, exact, allowed, f"gradient, {mode}")


def check_products(program):
    """Forward over reverse, reverse over reverse and second differences give one Hessian-vector product."""
    graph, point = program.scalar, program.point
    wrt, v = range(len(point)), directions(point, 0.5)
    stopped = held(graph, NUMPY.run(graph, point))
    gradient = gradient_graph(graph, wrt)
    along = traced(gradient, lambda A, inputs: reverse(gradient, A, inputs, v))
    exact = exact_product(stopped, point, v)
    allowed = 2 * bounds(along, point)
    ways = {
        "forward over reverse": forward(gradient, NUMPY, point, v),
        "reverse over reverse": reverse(gradient, NUMPY, point, v),
    }
    for way, parts in ways.items():
        found = flat(
            np.zeros(np.shape(x)) if part is None else part for part, x in zip(parts, point, strict=True)
        )
        assert_agree(found, exact, allowed, f"Hessian-vector product, {way}")


def check_transposes(program):
    """⟨u, Jv⟩ = ⟨Jᵀu, v⟩ for the array that the program computes."""
    graph, point = replace(program.graph, outputs=program.graph.outputs[:1]), program.point
    v = directions(point, 1.0)
    values = NUMPY.run(graph, point)
    (u,) = directions([values[graph.outputs[0]]], 2.0)
    (tangent,) = forward(graph, NUMPY, point, v)
    adjoints = reverse(graph, NUMPY, point, [u])
    left = float(np.sum(u * tangent))
    right = sum(float(np.sum(a * d)) for a, d in zip(adjoints, v, strict=True))
    transposed = traced(graph, lambda A, inputs: [_paired(A, reverse(graph, A, inputs, [u]), v)])
    assert_agree(np.array([left]), np.array([right]), 2 * bounds(transposed, point), "⟨u, Jv⟩ and ⟨Jᵀu, v⟩")


def _paired(A, adjoints, v):
    return sum((A.sum(a * d, axis=None, keepdims=False) for a, d in zip(adjoints, v, strict=True)), start=0)


CHECKS = (check_gradients, check_products, check_transposes)


@each(DRAWN)
def test_random_programs(row):
    @SEEDED
    @given(programs(row))
    def judged(program):
        for check in CHECKS:
            check(program)

    judged()


# ------------------------------------------------------------------------------------------------- the tester

KINDS = {
    "elementwise, one operand": "sin",
    "elementwise, two operands": "multiply",
    "linear": "cumsum",
    "bilinear": "matmul",
    "reduction": "prod",
    "joint": "solve",
    "custom": "det",
}


@pytest.mark.parametrize("name", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("fault", [flipped, stretched], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("modes", [("forward",), ("backward",), ("forward", "backward")], ids=" and ".join)
def test_a_wrong_rule_is_caught(name, fault, modes):
    wrong = spoiled(TABLE[name], **dict.fromkeys(modes, fault))
    second = []

    @SEEDED
    @given(programs(TABLE[name], most=1))
    def judged(program):
        primitives = [wrong if row.name == name else row for row in program.graph.primitives]
        planted = program._replace(graph=replace(program.graph, primitives=primitives))
        assume(moves(program, name))
        assert caught(check_gradients, planted)
        if len(modes) == 1:  # wrong in both modes in the same way is still a transpose
            assert caught(check_transposes, planted)
        second.append(caught(check_products, planted))

    judged()
    assert any(second) or modes == ("forward",) or name == "cumsum"  # what is linear has no second derivative


def caught(check, program):
    """Return whether a check fails."""
    try:
        check(program)
    except AssertionError:
        return True
    return False


def moves(program, name):
    """Return whether the result depends on the first node that applies a row, at first and second order."""
    graph, point = program.scalar, program.point
    node = next(i for i, row in enumerate(graph.primitives) if row.name == name)
    values = NUMPY.run(graph, point)
    adjoint = reverse_sweep(graph, NUMPY, values, [(graph.outputs[0], 1.0)])[node]
    return adjoint is not None and bool(np.any(np.abs(adjoint) > 1e-3))
