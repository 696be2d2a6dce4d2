"""The contracts of an elementwise row, each a function that raises AssertionError where the row breaks it.

They take a row, not a name: planted wrong rows are judged by the same functions.
"""

import re
from itertools import product

import numpy as np
from contracts.graphs import forward, gradient_graph, one_node, ones, reverse, run, tangent_graph
from contracts.oracles import mpmath_algebra, partial, second_partial, sympy_algebra, value
from contracts.points import (
    all_points,
    draw,
    generator,
    inner_points,
    input_type,
    moderate_points,
    smooth_positions,
)

from adlab.algebra.dual import Dual, DualAlgebra
from adlab.algebra.numpy import NUMPY
from adlab.ir.builder import Builder
from adlab.ir.constant import Constant
from adlab.ir.primitive import Notation, Site
from adlab.ir.types import FLOAT32, FLOAT64, SCALAR
from adlab.primitives.rules import Elementwise
from adlab.transforms.sweeps import dual_run, evaluate, forward_sweep, reverse_sweep

SHAPES = ((3,), (2, 3), (2, 1), ())


# --------------------------------------------------------------------------------------------------- the rule


def partials(row, algebra, xs):
    """Return the partials that the row's reverse rule gives at a point; 0 where nothing flows."""
    one = algebra.constant(Constant(1, SCALAR))
    with np.errstate(all="ignore"):
        site = Site(row, algebra.apply(row, xs), tuple(xs), SCALAR, (SCALAR,) * row.arity, {})
        smooth = smooth_positions(row)
        found = [row.rule.vjp(algebra, site, one, k) if k in smooth else None for k in range(row.arity)]
    return [0 if p is None else p for p in found]


def assert_digits(got, expected, digits, what):
    """Raise unless two mpmath numbers agree to so many digits; NaN agrees with NaN."""
    if expected != expected:
        assert got != got, f"{what}: {got}, but there is no derivative"
        return
    assert abs(got - expected) <= abs(expected) * 10.0**-digits, f"{what}: {got}, not {expected}"


def close(got, expected, tolerance=1e-9):
    """Return whether two floats agree relatively, or absolutely if both are small; NaN agrees with NaN."""
    got, expected = float(got), float(expected)
    if expected != expected:
        return got != got
    return got == expected or abs(got - expected) <= tolerance * max(1.0, abs(expected))


# ------------------------------------------------------------------------------------------------------ facts


def check_facts(row):
    """Every public fact is there, and there are as many partials and intervals as operands."""
    assert re.fullmatch(r"[a-z_][a-z0-9_]*", row.name)
    assert row.summary, "a summary"
    assert not row.summary.endswith("."), "a summary is a phrase"
    assert row.domain.text
    assert row.sympy is not None
    assert row.mpmath is not None
    assert len(row.domain.intervals) == row.arity, "an interval per operand"
    assert all(len(sample) == row.arity for sample in row.domain.samples)
    assert len(row.defaults) < row.arity
    if isinstance(row.rule, Elementwise):
        assert len(row.rule.partials) == row.arity, "a partial per operand"
    for kink in row.kinks:
        assert kink.where
        assert kink.convention
        assert kink.cases, "a case that shows the convention"


def check_notation(row, operands=("a", "b", "c"), params=""):
    """The templates write every operand, and their braces are balanced."""
    notation = row.notation if isinstance(row.notation, Notation) else row.notation(dict(params))
    count = len(operands) if row.arity is None else row.arity
    names = [f"operand{k}" for k in range(count)]
    fields = {"*": ", ".join(names), "params": ""}
    for template in (notation.text, notation.latex):
        written = template.format(*names, **fields)
        assert all(name in written for name in names), written
        assert written.count("{") == written.count("}"), written
        assert template != "{*}", "the row has no notation of its own"
    assert "{" not in notation.text.format(*names, **fields)
    assert notation.level > 0


# --------------------------------------------------------------------------------------------- exact partials


def check_partials_against_sympy(row):
    """The rule in SymPy equals SymPy's own derivative of the value to 30 digits, inside the domain."""
    import sympy as sp

    algebra, smooth = sympy_algebra(), smooth_positions(row)
    symbols = {k: sp.Symbol(f"x{k}", real=True) for k in smooth}
    for xs in inner_points(row, 4):
        fixed = [symbols.get(k, algebra.number(x)) for k, x in enumerate(xs)]
        y, rule = algebra.apply(row, fixed), partials(row, algebra, fixed)
        at = {symbols[k]: sp.Rational(xs[k]) for k in smooth}
        for k in smooth:
            got = _number(sp, sp.sympify(rule[k]), at)
            expected = _number(sp, _derivative(sp, y, symbols[k]), at)
            assert abs(got - expected) <= 1e-30 * (1 + abs(expected)), (
                f"{row.name} by {k} at {xs}: {got}, {expected}"
            )


def _number(sp, expression, at):
    return sp.N(expression.subs(at), 40)


def _derivative(sp, y, symbol):
    """Return SymPy's derivative; floor and ceiling, which it does not differentiate, count as constants."""
    held = {step: sp.Dummy(real=True) for step in y.atoms(sp.floor, sp.ceiling)}
    return sp.diff(y.xreplace(held), symbol).xreplace({dummy: step for step, dummy in held.items()})


def check_partials_against_mpmath(row):
    """The rule with 40 digits equals mpmath's difference quotient to 20, also at special points."""
    algebra = mpmath_algebra(40)
    for xs in all_points(row):
        got = partials(row, algebra, [algebra.number(x) for x in xs])
        for k in smooth_positions(row):
            assert_digits(algebra.number(got[k]), partial(row, xs, k), 20, f"{row.name} by {k} at {xs}")


def check_values_agree(row):
    """The row's functions in SymPy and in mpmath agree with that in NumPy, also on the kinks."""
    on_kinks = [xs for kink in row.kinks for xs, _ in kink.cases if all(x == x for x in xs)]
    exact, symbolic = mpmath_algebra(40), sympy_algebra()
    for xs in inner_points(row) + on_kinks:
        with np.errstate(all="ignore"):
            expected = NUMPY.apply(row, [np.float64(x) if isinstance(x, float) else x for x in xs])
        assert close(exact.apply(row, [exact.number(x) for x in xs]), expected, 1e-13), f"mpmath at {xs}"
        result = symbolic.apply(row, [symbolic.number(x) for x in xs])
        if result.is_Boolean or result.is_finite:
            assert close(float(bool(result)) if result.is_Boolean else result, expected, 1e-13), (
                f"SymPy at {xs}"
            )


# ---------------------------------------------------------------------------------------- accuracy in float64


def errors_in_ulps(row):
    """Yield (what, error, allowance) in ulps for the value and each partial at every point."""
    for xs in all_points(row):
        floats = [np.float64(x) if type(x) is float else x for x in xs]
        with np.errstate(all="ignore"):
            y = NUMPY.apply(row, floats)
            slopes = [partial(row, xs, k) for k in range(row.arity) if row.operand_ulps]
            yield _error(row, "value", xs, y, value(row, xs), slopes)
            got = partials(row, NUMPY, floats)
        for k in smooth_positions(row):
            slopes = [second_partial(row, xs, k, j) for j in smooth_positions(row) if row.operand_ulps]
            yield _error(row, f"partial {k}", xs, got[k], partial(row, xs, k), slopes)


def _error(row, what, xs, got, exact, slopes):
    where = f"{row.name}: {what} at {xs}: {got!r}, not {float(exact)!r}"
    if exact != exact or abs(exact) > np.finfo(float).max:
        return where, (0.0 if got != got or abs(got) == np.inf else np.inf), row.ulps
    unit = float(np.spacing(abs(float(exact))))
    error = float(abs(mpmath_algebra(160).number(float(got)) - exact) / unit) if np.isfinite(got) else np.inf
    moved = sum(
        abs(slope) * float(np.spacing(abs(x))) for slope, x in zip(slopes, xs, strict=False) if slope == slope
    )
    return where, error, row.ulps + row.operand_ulps * float(moved / unit)


def check_accuracy(row):
    """Value and partials in float64 are as close to the exact ones as the row's column promises."""
    for where, error, allowance in errors_in_ulps(row):
        assert error <= allowance, f"{where}: {error:.1f} ulps, {allowance:.1f} allowed"


# ------------------------------------------------------------------------------------ tangents and cotangents


def broadcasts(row):
    """Return every combination of the shapes for the row's operands."""
    return list(product(SHAPES, repeat=row.arity))


def check_adjoint(row):
    """⟨J v, u⟩ = ⟨v, Jᵀ u⟩ for every combination of operand shapes, and shapes come back as they went in."""
    rng, smooth = generator(row), smooth_positions(row)
    for shapes in broadcasts(row):
        graph = one_node(row, [input_type(row, k, shape) for k, shape in enumerate(shapes)])
        xs = [draw(row, k, rng, shape) for k, shape in enumerate(shapes)]
        vs = [rng.normal(size=shape) if k in smooth else None for k, shape in enumerate(shapes)]
        u = rng.normal(size=graph.output_types[0].shape)
        (tangent,) = forward(graph, NUMPY, xs, vs)
        adjoints = reverse(graph, NUMPY, xs, [u], smooth)
        assert tangent is None or np.shape(tangent) == u.shape, (
            f"{row.name}: tangent of shape {np.shape(tangent)}"
        )
        for k in smooth:
            assert adjoints[k] is None or np.shape(adjoints[k]) == shapes[k], (
                f"{row.name}: adjoint {k} for {shapes}"
            )
        left = 0.0 if tangent is None else np.vdot(tangent, u)
        right = sum(np.vdot(vs[k], adjoints[k]) for k in smooth if adjoints[k] is not None)
        assert close(left, right, 1e-11), f"{row.name} for shapes {shapes}: {left}, {right}"


def check_dtypes(row):
    """float32 stays float32 in value, tangent and adjoint; beside a float64 operand each keeps its own."""
    rng, smooth = generator(row), smooth_positions(row)
    for shape, dtypes in product(((), (3,)), product((FLOAT32, FLOAT64), repeat=row.arity)):
        types = [input_type(row, k, shape, dtype) for k, dtype in enumerate(dtypes)]
        graph = one_node(row, types)
        xs = [_typed(draw(row, k, rng, shape), type) for k, type in enumerate(types)]
        vs = [_typed(rng.normal(size=shape), types[k]) if k in smooth else None for k in range(row.arity)]
        wanted = graph.output_types[0].dtype
        values = evaluate(graph, NUMPY, xs)
        assert values[-1].dtype == wanted, f"{row.name}{dtypes}: value of {values[-1].dtype}"
        assert np.shape(values[-1]) == shape
        if row.rule is not None:
            cotangent = _typed(rng.normal(size=shape), graph.output_types[0])
            tangents = [
                forward_sweep(graph, NUMPY, values, vs)[-1],
                dual_run(graph, NUMPY, xs, vs)[-1].tangent,
            ]
            for k in smooth:
                alone = [v if j == k else None for j, v in enumerate(vs)]
                tangents.append(forward_sweep(graph, NUMPY, values, alone)[-1])
            if tangents[0] is not None and smooth == [0]:
                tangents += run(tangent_graph(graph, 0), NUMPY, xs)
            for tangent in tangents:
                assert tangent is None or tangent.dtype == wanted, (
                    f"{row.name}{dtypes}: tangent of {tangent.dtype}"
                )
            adjoints = reverse_sweep(graph, NUMPY, values, [(graph.outputs[0], cotangent)], smooth)
            traced = gradient_graph(graph, smooth).output_types
            for k, type in zip(smooth, traced, strict=True):
                assert adjoints[k] is None or adjoints[k].dtype == dtypes[k], (
                    f"{row.name}{dtypes}: adjoint {k}"
                )
                assert adjoints[k] is None or type.dtype == dtypes[k], (
                    f"{row.name}{dtypes}: traced adjoint {k}"
                )


def _typed(array, type):
    return np.asarray(array, type.dtype)[()]


# ------------------------------------------------------------------------------------------- modes and orders


def check_modes_and_orders(row):
    """Forward, reverse, dual numbers and derivative graphs give the oracle's first and second derivatives."""
    smooth = smooth_positions(row)
    graph = one_node(row, [input_type(row, k) for k in range(row.arity)])
    gradient = gradient_graph(graph, smooth)
    reverse_twice = [gradient_graph(gradient, smooth, output) for output in range(len(smooth))]
    forward_twice = [tangent_graph(gradient, k) for k in smooth]
    for xs in moderate_points(row):
        algebra = mpmath_algebra(40)
        exact = [algebra.number(x) for x in xs]
        first = [partial(row, xs, k) for k in smooth]
        second = [[second_partial(row, xs, j, k) for k in smooth] for j in smooth]
        for found in _first_orders(graph, algebra, exact, smooth, gradient):
            for got, expected in zip(found, first, strict=True):
                assert_digits(algebra.number(got or 0), expected, 20, f"{row.name} at {xs}")
        for found in _second_orders(graph, algebra, exact, smooth, gradient, reverse_twice, forward_twice):
            _assert_matrix(algebra, found, second, f"{row.name}, twice, at {xs}")
        floats = [np.float64(x) if type(x) is float else x for x in xs]
        hessian = [run(one, NUMPY, floats) for one in reverse_twice]
        for got, expected in zip(np.ravel(hessian), np.ravel(np.array(second, dtype=object)), strict=True):
            assert close(got, expected, 1e-11), f"{row.name}, twice in float64, at {xs}: {got}, {expected}"


def check_second_order_far_out(row):
    """In float64 the second derivatives are right at the special points too, which are tiny, large or next to an edge.

    A partial may be right there and be made of a branch not taken that overflows: its derivative is 0 · ∞.
    """
    smooth = smooth_positions(row)
    graph = one_node(row, [input_type(row, k) for k in range(row.arity)])
    gradient = gradient_graph(graph, smooth)
    twice = [gradient_graph(gradient, smooth, output) for output in range(len(smooth))]
    for xs in row.domain.samples:
        expected = np.array([[float(second_partial(row, xs, j, k)) for k in smooth] for j in smooth])
        floats = [np.float64(x) if type(x) is float else x for x in xs]
        with np.errstate(all="ignore"):
            found = np.array([run(one, NUMPY, floats) for one in twice], float)
        known = np.isfinite(expected)
        same = [close(got, wanted, 1e-9) for got, wanted in zip(found[known], expected[known], strict=True)]
        assert all(same), f"{row.name}, twice in float64, at {xs}: {found}, not {expected}"


def _assert_matrix(algebra, found, expected, what):
    for got_row, expected_row in zip(found, expected, strict=True):
        for got, wanted in zip(got_row, expected_row, strict=True):
            if wanted == wanted and abs(wanted) < 1e-25:
                assert abs(algebra.number(got or 0)) < 1e-25, f"{what}: {got}, not 0"
            else:
                assert_digits(algebra.number(got or 0), wanted, 20, what)


def _unit(algebra, graph, position):
    return [ones(algebra, type) if k == position else None for k, type in enumerate(graph.input_types)]


def _first_orders(graph, algebra, xs, smooth, gradient):
    yield [forward(graph, algebra, xs, _unit(algebra, graph, k))[0] for k in smooth]
    yield [dual_run(graph, algebra, xs, _unit(algebra, graph, k))[-1].tangent for k in smooth]
    adjoints = reverse(graph, algebra, xs, [algebra.number(1)], smooth)
    yield [adjoints[k] for k in smooth]
    yield run(gradient, algebra, xs)


def _second_orders(graph, algebra, xs, smooth, gradient, reverse_twice, forward_twice):
    yield [run(one, algebra, xs) for one in reverse_twice]
    yield np.transpose([run(one, algebra, xs) for one in forward_twice])
    yield np.transpose([forward(gradient, algebra, xs, _unit(algebra, graph, k)) for k in smooth])
    yield [[_dual_of_dual(graph, algebra, xs, j, k) for k in smooth] for j in smooth]


def _dual_of_dual(graph, algebra, xs, j, k):
    outer = DualAlgebra(algebra)
    one = algebra.number(1)
    inputs = [Dual(outer, x, one if position == j else None) for position, x in enumerate(xs)]
    seeds = [Dual(outer, one) if position == k else None for position in range(len(xs))]
    tangent = dual_run(graph, outer, inputs, seeds)[-1].tangent
    return tangent.tangent if isinstance(tangent, Dual) else None


def check_literals(row):
    """With a literal for one operand, the derivative graph by the others is exact: no literal was rounded."""
    smooth, algebra = smooth_positions(row), mpmath_algebra(40)
    for held, xs in product(smooth, inner_points(row, 2)):
        others = [k for k in smooth if k != held]
        if not others:
            continue
        builder = Builder()
        operands = [builder.input(f"x{k}", input_type(row, k)) for k in range(row.arity) if k != held]
        operands.insert(held, builder.literal(xs[held]))
        graph = builder.finish([builder.apply(row, tuple(operands))])
        wrt = [k - (k > held) for k in others]
        inputs = [algebra.number(x) for k, x in enumerate(xs) if k != held]
        for k, got in zip(others, run(gradient_graph(graph, wrt), algebra, inputs), strict=True):
            assert_digits(
                algebra.number(got), partial(row, xs, k), 20, f"{row.name} by {k} at {xs}, {held} literal"
            )


# ------------------------------------------------------------------------------------------------------ kinks


def check_kinks(row):
    """On every kink the rule returns what its convention says, in each mode and in a derivative graph."""
    smooth = smooth_positions(row)
    graph = one_node(row, [input_type(row, k) for k in range(row.arity)])
    gradient = gradient_graph(graph, smooth)
    for kink in row.kinks:
        for xs, expected in kink.cases:
            inputs = [np.float64(x) for x in xs]
            found = [
                [forward(graph, NUMPY, inputs, _unit(NUMPY, graph, k))[0] for k in smooth],
                [dual_run(graph, NUMPY, inputs, _unit(NUMPY, graph, k))[-1].tangent for k in smooth],
                [reverse(graph, NUMPY, inputs, [np.float64(1)], smooth)[k] for k in smooth],
                run(gradient, NUMPY, inputs),
            ]
            for got in found:
                numbers = [0.0 if g is None else float(g) for g in got]
                np.testing.assert_array_equal(numbers, expected, f"{row.name} on {kink.where}, {xs}")


def check_switches(row):
    """A kink's switch is zero on the kink and nowhere in the domain."""
    for kink in row.kinks:
        assert kink.switch is not None
        for xs, _ in kink.cases:
            assert kink.switch(NUMPY, *map(np.float64, xs)) == 0, f"{row.name}: the switch at {xs}"
        for xs in all_points(row):
            assert kink.switch(NUMPY, *map(np.float64, xs)) != 0, f"{row.name}: the switch at {xs}"
