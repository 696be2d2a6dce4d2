"""A user's primitive: one node, its own rule in every mode and order, and sentences where a rule is missing or wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adlab as ad
from adlab.ir.check import check

X = np.array([0.5, -2.0, 3.0])
A, B = np.arange(6.0).reshape(2, 3) - 2, np.linspace(-1, 1, 12).reshape(3, 4)

softsign = ad.primitive(
    lambda x: x / (1 + np.abs(x)), name="softsign", partials=lambda y, x: 1 / (1 + np.abs(x)) ** 2
)
product = ad.primitive(
    lambda a, b: a @ b,
    name="product",
    vjp=lambda y, a, b: lambda bar: (bar @ b.T, a.T @ bar),
    jvp=lambda y, xs, tangents: tangents[0] @ xs[1] + xs[0] @ tangents[1],
)


def plain_softsign(x: Any) -> Any:
    return x / (1 + np.abs(x))


# ------------------------------------------------------------------------------------------------------ values


def test_on_numbers_and_arrays_it_is_the_function() -> None:
    assert softsign(1.0) == 0.5
    assert softsign(2) == 2 / 3  # whole numbers count as float64
    assert np.array_equal(softsign([1.0, -1.0]), [0.5, -0.5])
    assert np.array_equal(product(A, B), A @ B)


def test_a_call_is_one_node_and_equal_calls_are_the_same_one() -> None:
    graph = ad.graph(lambda x: softsign(x) * softsign(x), 2.0)
    check(graph)
    assert [node.primitive.name for node in graph] == ["input", "softsign", "multiply"]
    assert graph(2.0) == pytest.approx(4 / 9)


def test_float32_stays_float32() -> None:
    x = X.astype(np.float32)
    assert softsign(x).dtype == np.float32
    assert ad.grad(lambda v: softsign(v).sum())(x).dtype == np.float32
    assert ad.grad(lambda a: product(a, B.astype(np.float32)).sum())(A.astype(np.float32)).dtype == np.float32


def test_a_function_that_writes_into_its_argument_changes_no_graph() -> None:
    def doubles(x: Any) -> Any:
        x *= 2
        return x

    twice = ad.primitive(doubles, vjp=lambda y, x: lambda bar: (2 * bar,))
    x = np.ones(3)
    assert ad.grad(lambda v: (twice(v) * v).sum())(x) == pytest.approx([4.0] * 3)
    assert np.array_equal(x, np.ones(3))


def test_an_elementwise_function_of_numbers_alone_serves_arrays() -> None:
    clipped = ad.primitive(
        lambda x: x if x > 0 else 0.0, name="clipped", partials=lambda y, x: np.where(x > 0, 1.0, 0.0)
    )
    graph = ad.graph(lambda x: clipped(x).sum(), X)
    assert graph(X) == 3.5
    assert np.array_equal(ad.grad(lambda x: clipped(x).sum(), method="numerical")(X).round(6), [1, 0, 1])


# -------------------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("method", ["reverse", "forward", "numerical"])
def test_gradients_of_an_elementwise_primitive(method: str) -> None:
    found = ad.grad(lambda x: (softsign(x * x[0]) ** 2).sum(), method=method)(X)
    assert found == pytest.approx(ad.grad(lambda x: (plain_softsign(x * x[0]) ** 2).sum())(X), abs=1e-8)


@pytest.mark.parametrize("method", ["reverse", "forward"])
@pytest.mark.parametrize("argnum", [0, 1])
def test_gradients_of_a_general_primitive(method: str, argnum: int) -> None:
    found = ad.grad(lambda a, b: np.sin(product(a, b)).sum(), argnum, method=method)(A, B)
    assert found == pytest.approx(ad.grad(lambda a, b: np.sin(a @ b).sum(), argnum)(A, B))
    assert ad.jacobian(product, argnum, method=method)(A, B) == pytest.approx(
        ad.jacobian(lambda a, b: a @ b, argnum)(A, B)
    )


def test_higher_orders_differentiate_the_rule() -> None:
    assert ad.hessian(lambda x: softsign(x).sum())(X) == pytest.approx(
        ad.hessian(lambda x: plain_softsign(x).sum())(X)
    )
    third = ad.grad(ad.grad(ad.grad(softsign)))
    assert third(1.0) == pytest.approx(6 / 2**4)
    assert ad.hessian(lambda a: (product(a, B) ** 2).sum())(A) == pytest.approx(
        ad.hessian(lambda a: ((a @ B) ** 2).sum())(A)
    )


def test_broadcasting_is_undone() -> None:
    scaled = ad.primitive(lambda a, x: a * x, name="scaled", partials=lambda y, a, x: (x, a))
    by_a, by_x = ad.grad(lambda a, x: scaled(a, x).sum(), (0, 1))(2.0, X)
    assert by_a == pytest.approx(X.sum())
    assert by_x == pytest.approx([2.0] * 3)


def test_a_rule_may_use_the_result_and_bare_numbers() -> None:
    expo = ad.primitive(np.exp, name="expo", partials=lambda y, x: y)
    shift = ad.primitive(lambda x: x + 3, name="shift", partials=lambda y, x: 1)
    flat = ad.primitive(lambda a, b: a + 0 * b, name="flat", partials=lambda y, a, b: (1, None))
    assert ad.grad(lambda x: expo(shift(x)))(0.5) == pytest.approx(np.exp(3.5))
    assert ad.grad(flat, (0, 1))(2.0, 3.0) == (1.0, 0.0)


def test_a_trace_shows_the_partial() -> None:
    text = ad.trace(lambda x, y: softsign(x) * y, 0.5, 2.0, mode="all").to_text()
    assert "softsign(v0)" in text
    assert "v̄2 · 1/(1 + abs(v0))²" in text


def test_partials_may_be_numbers_and_none_in_every_carrier() -> None:
    steps = ad.primitive(lambda x, k: 2 * x + np.round(k), name="steps", partials=lambda y, x, k: (2, None))
    trace = ad.trace(lambda x, k: steps(x, k), 0.5, 1.0, mode="all")
    assert "v̇2 = 2·v̇0 + 0·v̇1" in trace.to_text()
    assert "v̄0 = v̄2 · 2   1 · 2   2" in trace.to_text()
    found = ad.jacobian(lambda x, k: steps(x, k), (0, 1), method="forward")(0.5, 1.0)
    assert tuple(map(float, found)) == (2.0, 0.0)


def test_a_rule_that_widens_is_narrowed_to_what_it_belongs_to() -> None:
    half = ad.primitive(
        lambda x: x / 2,
        name="half",
        vjp=lambda y, x: lambda g: (np.full(3, 0.5) * g,),
        jvp=lambda y, xs, tangents: np.full(3, 0.5) * tangents[0],
    )
    x = np.ones(3, np.float32)
    for method in ("forward", "reverse"):
        assert ad.jacobian(lambda x: half(x), method=method)(x).dtype == np.float32
    graph = ad.grad_graph(lambda x: np.sum(half(x) ** 2), x)
    assert graph.output_types[0].dtype == np.float32
    tangent = ad.graph(lambda x: ad.jvp(lambda z: half(z), (x,), (x,))[1], x)
    assert tangent.output_types[0].dtype == np.float32


def test_the_judges_say_what_they_cannot_do() -> None:
    with pytest.raises(ad.MethodError, match="softsign has no sympy function"):
        ad.grad(softsign, method="symbolic")(1.0)
    with pytest.raises(ad.MethodError, match="no value in symbols"):
        ad.grad(lambda a: product(a, B).sum(), method="symbolic")(A)
    report = ad.check(lambda x: softsign(x) * x, 0.7)
    assert "difference" in report.to_text()
    wrong = ad.primitive(np.sin, name="wrong", partials=lambda y, x: -np.cos(x))
    with pytest.raises(ad.GradientError, match="wrong"):
        ad.check(lambda x: wrong(x) * x, 0.7)


def test_exports_say_what_they_cannot_do() -> None:
    graph = ad.graph(lambda x: softsign(x) * x, 0.7)
    with pytest.raises(ad.RenderError, match="softsign is a user's primitive"):
        graph.to_python()
    with pytest.raises(ad.GraphError, match="softsign, which this adlab does not know; supply"):
        ad.Graph.from_json(graph.to_json())


EXACT = ad.primitive(
    lambda x: x / (1 + abs(x)),
    name="exact_softsign",
    partials=lambda y, x: 1 / (1 + abs(x)) ** 2,
    mpmath=lambda mp, x: x / (1 + abs(x)),
    sympy=lambda sp, x: x / (1 + sp.Abs(x)),
    check=True,
)


def test_exact_functions_let_the_judges_in() -> None:
    report = ad.check(lambda x: EXACT(x) * x, 0.7)
    assert "50-digit reference" in report.to_text()
    assert not any("reference" in note for note in report.notes)
    x = np.array([0.7, -0.3])
    for method in ("symbolic", "numerical", "forward", "reverse"):
        found = ad.jacobian(lambda x: EXACT(x), method=method)(x)
        np.testing.assert_allclose(found, np.diag(1 / (1 + abs(x)) ** 2), rtol=1e-9)
    hidden = ad.check(lambda x: softsign(x), 0.7)
    assert any("softsign has no mpmath function, which the reference needs" in note for note in hidden.notes)


def test_exact_functions_of_whole_arrays() -> None:
    total = ad.primitive(
        lambda a, b: np.sum(a * b),
        name="inner",
        vjp=lambda y, a, b: lambda g: (g * b, g * a),
        mpmath=lambda mp, a, b: np.sum(a * b),
        sympy=lambda sp, a, b: np.sum(a * b),
        check=(np.array([1.0, 2.0]), np.array([3.0, 4.0])),
    )
    a, b = np.array([0.5, 2.0]), np.array([1.5, -1.0])
    for method in ("symbolic", "reverse"):
        np.testing.assert_allclose(ad.grad(lambda a: total(a, b) ** 2, method=method)(a), 2 * (a @ b) * b)
    assert "50-digit reference" in ad.check(lambda a: total(a, b) ** 2, a, method="reverse").to_text()


@pytest.mark.parametrize("column", ["mpmath", "sympy"])
def test_an_exact_function_that_is_another_one_is_found(column: str) -> None:
    with pytest.raises(ad.GradientError, match=rf"test_custom.py.*the {column} function of wrong gives"):
        ad.primitive(
            np.sin,
            name="wrong",
            partials=lambda y, x: np.cos(x),
            check=True,
            **{column: lambda lib, x: lib.cos(x)},
        )


def test_graphs_are_read_back_with_the_users_rows_by_name() -> None:
    graph = ad.graph(lambda x, a: softsign(x) * x + product(a, B).sum(), 0.7, A)
    again = ad.Graph.from_json(graph.to_json(), primitives=[softsign, product])
    assert again(0.7, A) == graph(0.7, A)
    assert again.to_json() == graph.to_json()
    assert ad.grad(again)(0.7, A) == ad.grad(graph)(0.7, A)
    assert any(row is softsign.row(1) for row in again.primitives)


def test_rows_that_are_not_the_graphs_are_refused() -> None:
    text = ad.graph(lambda x: softsign(x), 0.7).to_json()
    with pytest.raises(ad.InputError, match=r"what ad\.primitive returned, not a function"):
        ad.Graph.from_json(text, primitives=[lambda x: x])
    with pytest.raises(ad.InputError, match="Two of the primitives are called 'softsign'"):
        ad.Graph.from_json(text, primitives=[softsign, softsign])
    other = ad.primitive(lambda x: x.sum(), name="softsign", vjp=lambda y, x: lambda g: (g * np.ones(2),))
    with pytest.raises(ad.GraphError, match=r"\(softsign\) has operands that do not fit"):
        ad.Graph.from_json(text, primitives=[other])
    twins = [ad.primitive(f, name="twin", partials=lambda y, x: 1) for f in (np.sin, np.cos)]
    graph = ad.graph(lambda x: twins[0](x) + twins[1](x), 0.7)
    with pytest.raises(ad.GraphError, match="Two different operations of this graph are called twin"):
        graph.to_json()


def test_power_series_go_through_a_rule() -> None:
    expo = ad.primitive(np.exp, name="expo", jvp=lambda y, xs, tangents: y * tangents[0])
    assert ad.higher_derivatives(expo, 0.3, 6) == pytest.approx([np.exp(0.3)] * 7)


# ------------------------------------------------------------------------------------------------------- errors


def test_a_missing_rule_matters_when_it_is_needed() -> None:
    bare = ad.primitive(np.sin, name="bare")
    assert ad.graph(bare, 1.0)(1.0) == np.sin(1.0)
    assert ad.grad(lambda x: bare(2.0) * x)(1.0) == np.sin(2.0)
    for kind in (NotImplementedError, ad.MethodError, ad.MissingRuleError):
        with pytest.raises(kind, match=r"bare is .*|bare has no"):
            ad.grad(bare)(1.0)
    total = ad.primitive(np.sum, name="total", vjp=lambda y, x: lambda bar: (bar * np.ones(x.shape),))
    assert np.array_equal(ad.grad(total)(X), np.ones(3))
    with pytest.raises(NotImplementedError, match=r"no forward rule.*test_custom\.py:\d+.*jvp"):
        ad.jvp(total, (X,), (X,))
    moved = ad.primitive(np.sum, name="moved", jvp=lambda y, xs, tangents: tangents[0].sum())
    assert ad.jvp(moved, (X,), (X,)) == (1.5, 1.5)
    with pytest.raises(NotImplementedError, match="no reverse rule"):
        ad.grad(moved)(X)


WRONG = {
    "1 value for 2 arguments": lambda: ad.grad(ad.primitive(lambda a, b: a * b, partials=lambda y, a, b: b))(
        1.0, 2.0
    ),
    "3 values for 1 argument": lambda: ad.grad(
        ad.primitive(np.sum, vjp=lambda y, x: lambda bar: (bar, bar, bar))
    )(X),
    "shape \\(2,\\) where \\(3,\\) is needed": lambda: ad.grad(
        ad.primitive(np.sum, vjp=lambda y, x: lambda bar: (np.ones(2),))
    )(X),
    "hold one of shape \\(5,\\) where": lambda: ad.grad(
        lambda x: ad.primitive(np.sin, partials=lambda y, v: (np.ones(5),))(x).sum()
    )(X),
    "value of shape \\(\\) where \\(3,\\) is needed": lambda: ad.grad(
        ad.primitive(np.sum, vjp=lambda y, x: lambda bar: (2 * bar,))
    )(X),
    "hold one of shape \\(3, 3\\)": lambda: ad.grad(
        lambda x: ad.primitive(np.sin, partials=lambda y, v: np.eye(3))(x).sum()
    )(X),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_rule_that_does_not_fit_names_its_line(sentence: str) -> None:
    with pytest.raises(ad.InputError, match=rf"test_custom\.py:\d+: .*{sentence}"):
        WRONG[sentence]()


def test_a_value_that_does_not_fit() -> None:
    with pytest.raises(ad.InputError, match=r"test_custom\.py:\d+: .*turned.* is complex"):
        ad.primitive(lambda x: x * 1j, name="turned", vjp=lambda y, x: lambda bar: (bar,))(X)
    summed = ad.primitive(np.sum, name="summed", partials=lambda y, x: 1)
    with pytest.raises(ad.InputError, match="keeps the broadcast shape"):
        ad.primitive(lambda x: np.ones(2), name="two", partials=lambda y, x: 1)(1.0)
    assert np.array_equal(summed(X), X)  # of each element by itself


def test_declarations_that_cannot_be_used() -> None:
    with pytest.raises(ad.InputError, match="either partials"):
        ad.primitive(np.sin, partials=lambda y, x: 1, vjp=lambda y, x: None)
    with pytest.raises(ad.InputError, match="belongs to a row"):
        ad.primitive(np.sin, name="sin")
    with pytest.raises(ad.InputError, match="identifier"):
        ad.primitive(np.sin, name="my sine")
    with pytest.raises(ad.InputError, match="must be a function"):
        ad.primitive(np.sin, vjp=3)  # type: ignore[arg-type]
    assert ad.primitive(np.sin).name == "custom_sin"  # carriers know `sin` by name


def test_checks_at_the_declaration() -> None:
    ad.primitive(np.sin, partials=lambda y, x: np.cos(x), check=True)
    product_at = (A, B)
    ad.primitive(lambda a, b: a @ b, vjp=lambda y, a, b: lambda bar: (bar @ b.T, a.T @ bar), check=product_at)
    with pytest.raises(ad.GradientError, match=r"custom_sin gives .*, and differences give"):
        ad.primitive(np.sin, partials=lambda y, x: 1.001 * np.cos(x), check=True)
    with pytest.raises(ad.GradientError, match="forward mode"):
        ad.primitive(np.sum, jvp=lambda y, xs, tangents: 2 * tangents[0].sum(), check=(X,))
    with pytest.raises(ad.InputError, match="give the arguments"):
        ad.primitive(np.sum, vjp=lambda y, x: lambda bar: (bar,), check=True)
    with pytest.raises(ad.InputError, match="no rule to check"):
        ad.primitive(np.sin, check=(1.0,))


def test_stop_gradient_is_a_constant_to_every_derivative() -> None:
    def f(x: Any) -> Any:
        return x * ad.stop_gradient(x)

    assert f(3.0) == 9.0
    for method in ("reverse", "forward"):
        assert ad.grad(f, method=method)(3.0) == 3.0
        assert ad.grad(ad.grad(f, method=method))(3.0) == 0.0


def test_exact_functions_are_tried_when_they_are_declared() -> None:
    def double(x: Any) -> Any:
        return 2 * x

    for wrong in (lambda mp, x: np.sin(x), lambda x: 2 * x):
        with pytest.raises(ad.MethodError, match=r"test_custom\.py:\d+: .*\(mp, \*xs\)"):
            ad.primitive(double, partials=lambda y, x: 2, mpmath=wrong)
    with pytest.raises(ad.GradientError, match=r"test_custom\.py:\d+: .*mpmath function of double gives"):
        ad.primitive(double, partials=lambda y, x: 2, mpmath=lambda mp, x: 3 * x)
    inverse = ad.primitive(
        np.arccosh,
        name="inverse",
        partials=lambda y, x: 1 / np.sqrt(x * x - 1),
        mpmath=lambda mp, x: mp.acosh(x),
    )  # has no value between 0 and 1
    assert ad.compare(inverse, 2.0)["reverse"].ulps < 4


def test_the_cheaper_direction_is_one_that_has_a_rule() -> None:
    doubled = ad.primitive(lambda x: 2 * x, name="doubled", vjp=lambda y, x: lambda bar: (2 * bar,))
    tripled = ad.primitive(lambda x: 3 * x, name="tripled", jvp=lambda y, xs, tangents: 3 * tangents[0])
    for sparse in (False, True):
        for f, factor in ((doubled, 2), (tripled, 3)):
            found = ad.jacobian(lambda x, f=f: f(x) * x[0], sparse=sparse)(X)
            dense = found.toarray() if sparse else found
            expected = factor * (X[0] * np.eye(3) + np.outer(X, [1, 0, 0]))
            assert np.allclose(dense, expected, rtol=1e-15)
        with pytest.raises(ad.MissingRuleError):
            ad.jacobian(lambda x: doubled(tripled(x)), sparse=sparse)(X)
