"""The lectures, row by row: each test names the row of the founding lectures whose numbers it asserts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import adlab as ad
from adlab.figures import FIGURES

FIGURE_FOLDER = Path(__file__).parent.parent / "figures"
TEXT = "ln(x1) + x1*x2 - sin(x2)"
METHODS = ("numerical", "symbolic", "forward", "reverse")


def f(x1, x2):
    return np.log(x1) + x1 * x2 - np.sin(x2)


FORMS = [f, TEXT, ad.graph(f, 2, 5), "y = ln(x₁) + x₁·x₂ − sin(x₂)"]


def rows(mode: str, form=TEXT, **options) -> list[dict]:
    return json.loads(ad.trace(form, 2, 5, mode=mode, **options).to_json())["rows"]


# ----------------------------------------------------------------------------------------------- D1 graph and numbering


@pytest.mark.parametrize("form", FORMS, ids=["code", "string", "graph", "unicode"])
def test_row_d1_graph_by_level(form) -> None:
    formulas = [(row["name"], row.get("formula")) for row in rows("evaluate", form)]
    assert [name for name, _ in formulas] == ["v0", "v1", "v2", "v3", "v4", "v5", "v6"]
    assert [formula for _, formula in formulas][2:] == ["ln(v0)", "v0 · v1", "sin(v1)", "v2 + v3", "v5 − v4"]
    assert json.loads(ad.trace(form, 2, 5).to_json())["outputs"] == ["v6"]


# ------------------------------------------------------------------------------------------------- D2 evaluation trace


def test_row_d2_evaluation_trace() -> None:
    found = rows("evaluate")
    want = [2, 5, 0.693147180559945, 10, -0.958924274663138, 10.693147180559945, 11.652071455223084]
    assert [row["value"] for row in found] == pytest.approx(want, rel=1e-14)
    assert [row["substituted"] for row in found[2:]] == [
        "ln(2)",
        "2 · 5",
        "sin(5)",
        "0.693 + 10",
        "10.693 − (−0.959)",
    ]
    text = ad.trace(TEXT, 2, 5).to_text()
    for number in ("0.693", "10", "−0.959", "10.693", "11.652"):
        assert number in text


def test_the_slide_that_prints_sin_5_as_positive_is_corrected() -> None:
    value = rows("evaluate")[4]["value"]
    assert value == pytest.approx(-0.9589242746631385, rel=1e-15)


# ------------------------------------------------------------------------------------- D3, D4 forward derivative trace


def test_row_d3_tangents_for_x1() -> None:
    cells = [row["tangents"]["x1"] for row in rows("forward", wrt="x1")]
    assert [cell["value"] for cell in cells] == pytest.approx([1, 0, 0.5, 5, 0, 5.5, 5.5], abs=0)
    assert [(cell["formula"], cell["substituted"]) for cell in cells[2:]] == [
        ("1/v0 · v̇0", "1/2 · 1"),
        ("v1·v̇0 + v0·v̇1", "5·1 + 2·0"),
        ("cos(v1)·v̇1", "cos(5)·0"),
        ("v̇2 + v̇3", "0.5 + 5"),
        ("v̇5 − v̇4", "5.5 − 0"),
    ]


def test_row_d4_tangents_for_x2_and_side_by_side() -> None:
    both = rows("forward")
    assert all(set(row["tangents"]) == {"x1", "x2"} for row in both)
    values = [row["tangents"]["x2"]["value"] for row in both]
    assert values == pytest.approx([0, 1, 0, 2, 0.283662185463226, 2, 1.716337814536774], rel=1e-14)
    data = json.loads(ad.trace(TEXT, 2, 5, mode="forward").to_json())
    assert data["cost"]["forward"]["forward passes"] == 2


# ------------------------------------------------------------------------------------------------------ D5 adjoints


def test_row_d5_adjoints_in_reverse_order() -> None:
    found = rows("reverse")
    assert [row["name"] for row in found] == ["v6", "v5", "v4", "v3", "v2", "v1", "v0"]
    values = [row["adjoint"]["value"] for row in found]
    assert values == pytest.approx([1, 1, -1, 1, 1, 1.716337814536774, 5.5], rel=1e-14)
    formulas = [row["adjoint"]["formula"] for row in found]
    assert formulas[1:] == [
        "v̄6 · 1", "v̄6 · (−1)", "v̄5 · 1", "v̄5 · 1", "v̄3 · v0 + v̄4 · cos(v1)", "v̄2 · 1/v0 + v̄3 · v1",
    ]  # fmt: skip
    assert found[5]["adjoint"]["substituted"] == "1 · 2 + (−1) · 0.284"
    assert [part["from"] for part in found[5]["adjoint"]["contributions"]] == ["v3", "v4"]
    assert [part["value"] for part in found[6]["adjoint"]["contributions"]] == pytest.approx([0.5, 5])


def test_a_node_used_twice_by_one_operation_shows_both() -> None:
    row = json.loads(ad.trace("x*x", 3, mode="reverse").to_json())["rows"][-1]
    assert row["adjoint"]["formula"] == "v̄1 · v0 + v̄1 · v0"
    assert row["adjoint"]["value"] == 6


# --------------------------------------------------------------------------------------- D6 numerical differentiation


def l4(x):
    for _ in range(3):
        x = 4 * x * (1 - x)
    return x


TRUE_L4 = 708288 / 78125


@pytest.mark.parametrize(("scheme", "slope", "best"), [("forward", 1, 1e-7), ("central", 2, 1e-10)])
def test_row_d6_error_over_h_is_u_shaped(scheme: str, slope: int, best: float) -> None:
    """Truncation falls with the order of the formula, then rounding rises as 1/h."""
    steps = 10.0 ** np.arange(-15, -0.5, 0.5)
    errors = np.array([
        abs(ad.grad(l4, method="numerical", scheme=scheme, h=h)(0.2) - TRUE_L4) / TRUE_L4 for h in steps
    ])  # fmt: skip
    lowest = int(np.argmin(errors))
    assert 0 < lowest < len(steps) - 1
    assert errors[lowest] < best
    coarse = (steps >= 1e-4) & (steps <= 1e-2)
    fitted = np.polyfit(np.log10(steps[coarse]), np.log10(errors[coarse]), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.15)
    assert errors[0] > 1e3 * errors[lowest]


def test_row_d6_scalars_vectors_and_matrices() -> None:
    A = np.arange(6.0).reshape(2, 3) / 5 + 0.3
    x = np.array([0.5, -1.0, 2.0])
    for method in ("numerical", "reverse"):
        gx, gA = ad.grad(lambda x, A: np.sum(np.tanh(A @ x) ** 2), argnums=(0, 1), method=method)(x, A)
        assert gx.shape == (3,)
        assert gA.shape == (2, 3)
    np.testing.assert_allclose(
        ad.grad(lambda A: np.sum(np.tanh(A @ x) ** 2), method="numerical", h=1e-6)(A),
        ad.grad(lambda A: np.sum(np.tanh(A @ x) ** 2))(A),
        rtol=1e-8,
    )


# ------------------------------------------------------------------------------------------------------ D9 granularity


def sigmoid_layer(x, w, b):
    with ad.scope("sigmoid"):
        y = 1 / (1 + np.exp(-(w * x + b)))
    return y * y


def test_row_d9_one_function_at_two_granularities() -> None:
    fine = ad.graph(sigmoid_layer, 0.5, 2.0, -0.3)
    coarse = fine.collapse()
    assert len(fine) == 10
    assert [n.primitive.name for n in coarse] == ["input"] * 3 + ["call", "multiply"]
    point = (0.5, 2.0, -0.3)
    assert coarse(*point) == fine(*point)
    for method in METHODS:
        a = ad.grad(fine, argnums=(0, 1, 2), method=method)(*point)
        b = ad.grad(coarse, argnums=(0, 1, 2), method=method)(*point)
        assert a == pytest.approx(b, rel=1e-9)
    assert coarse.expand().to_json() == coarse.expand().expand().to_json()
    assert len(coarse.expand()) == len(fine)


def test_row_d9_collapsed_trace_shows_the_local_jacobian() -> None:
    data = json.loads(
        ad.trace(ad.graph(sigmoid_layer, 0.5, 2.0, -0.3).collapse(), 0.5, 2.0, -0.3, mode="all").to_json()
    )
    call = next(row for row in data["rows"] if row.get("formula", "").startswith("sigmoid("))
    assert "∂sigmoid/∂v0" in call["tangents"]["x"]["formula"]
    inner = ad.grad(lambda x: 1 / (1 + np.exp(-(2.0 * x - 0.3))))(0.5)
    assert call["tangents"]["x"]["value"] == pytest.approx(inner, rel=1e-14)


def test_row_d9_pictures_at_both_granularities() -> None:
    g = ad.graph(sigmoid_layer, 0.5, 2.0, -0.3)
    fine, coarse = ad.draw(g, 0.5, 2.0, -0.3), ad.draw(g, 0.5, 2.0, -0.3, depth=1)
    assert len(fine.picture.boxes) == 10
    assert [box.role for box in coarse.picture.boxes].count("scope") == 1
    assert len(coarse.picture.boxes) == 5


# --------------------------------------------------------------------------------------------------------- D14 pictures


@pytest.mark.parametrize(
    "name", ["running-example", "one-layer", "one-layer-prelu", "one-layer-prelu-regulariser"]
)
def test_row_d14_figures_are_what_the_code_makes(name: str) -> None:
    drawn = FIGURES[name]().svg
    assert (FIGURE_FOLDER / f"{name}.svg").read_text().rstrip("\n") == drawn.rstrip("\n")


@pytest.mark.parametrize(
    ("name", "parameters", "scopes"),
    [
        ("one-layer", {"W", "b"}, {"layer", "loss"}),
        ("one-layer-prelu", {"W", "b", "α"}, {"layer", "loss"}),
        ("one-layer-prelu-regulariser", {"W", "b", "α"}, {"layer", "loss", "regulariser"}),
    ],
)
def test_row_d14_networks_have_their_parts(name: str, parameters: set, scopes: set) -> None:
    boxes = FIGURES[name]().picture.boxes
    assert {"".join(t for t, _ in box.title) for box in boxes if box.role == "parameter"} == parameters
    assert {box.scope[0] for box in boxes if box.scope} == scopes


# --------------------------------------------------------------------------------------------------------- A1 activations

SLOPE = np.float64(0.25)
ACTIVATIONS = {
    "identity": (ad.identity, (), lambda x: x),
    "sigmoid": (ad.sigmoid, (), lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (ad.tanh, (), np.tanh),
    "relu": (ad.relu, (), lambda x: max(x, 0.0)),
    "leaky_relu": (ad.leaky_relu, (), lambda x: x if x >= 0 else 0.01 * x),
    "leaky_relu 0.1": (lambda x: ad.leaky_relu(x, 0.1), (), lambda x: x if x >= 0 else 0.1 * x),
    "prelu": (ad.prelu, (SLOPE,), lambda x, a: x if x >= 0 else a * x),
    "elu": (ad.elu, (), lambda x: x if x >= 0 else np.exp(x) - 1),
    "maxout": (lambda x: ad.maxout(0.5 * x + 1, -x, 2 * x - 0.3), (), lambda x: max(0.5 * x + 1, -x, 2 * x - 0.3)),
    "srelu": (
        ad.srelu,
        (0.4, 0.2, -0.4, 0.2),
        lambda x, tr, ar, tl, al: tr + ar * (x - tr) if x >= tr else x if x > tl else tl + al * (x - tl),
    ),
}  # fmt: skip
POINTS = (-2.0, -0.15, 0.15, 1.7)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("x", POINTS)
def test_row_a1_values_and_four_methods(name: str, x: float) -> None:
    activation, rest, formula = ACTIVATIONS[name]
    assert activation(np.float64(x), *rest) == pytest.approx(formula(x, *rest), rel=1e-14)
    argnums = tuple(range(1 + len(rest)))
    h = 1e-6
    shifted = [[v + (h if k == j else 0) for k, v in enumerate((x, *rest))] for j in argnums]
    lowered = [[v - (h if k == j else 0) for k, v in enumerate((x, *rest))] for j in argnums]
    want = [(formula(*up) - formula(*down)) / (2 * h) for up, down in zip(shifted, lowered, strict=True)]
    for method in METHODS:
        got = ad.grad(activation, argnums=argnums, method=method)(x, *rest)
        assert list(got) == pytest.approx(want, rel=1e-7, abs=1e-9), method


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_row_a1_traced_and_drawn(name: str) -> None:
    activation, rest, _ = ACTIVATIONS[name]
    trace = ad.trace(activation, 0.7, *rest, mode="all")
    last = trace.rows[-1]
    exact = ad.grad(activation)(0.7, *rest)
    assert last.tangents[trace.inputs[0]].value == pytest.approx(exact, rel=1e-14)
    assert trace.rows[0].adjoint.value == pytest.approx(exact, rel=1e-14)
    assert "<svg" in ad.draw(activation, 0.7, *rest).svg


def test_row_a1_tanh_is_a_scaled_sigmoid() -> None:
    x = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(np.tanh(x), 2 * ad.sigmoid(2 * x) - 1, rtol=0, atol=4e-16)
    got = ad.jacobian(lambda x: 2 * ad.sigmoid(2 * x) - 1)(x)
    np.testing.assert_allclose(np.diag(got), 1 / np.cosh(x) ** 2, rtol=1e-13)


def test_row_a1_relu_at_zero_follows_the_lectures() -> None:
    """The lectures' convention is relu′(0) = 1, in every mode that has one."""
    assert ad.grad(ad.relu)(0.0) == 1
    assert ad.grad(ad.relu, method="forward")(0.0) == 1
    assert ad.grad(ad.leaky_relu)(0.0) == 1


def test_second_example_of_the_lectures() -> None:
    """x1·x2 + sin(x1) at (2, 3): 6.909297427, gradient (2.583853163, 2)."""
    value, gradient = ad.value_and_grad("x1*x2 + sin(x1)", argnums=(0, 1))(2.0, 3.0)
    assert value == pytest.approx(6.909297427, abs=5e-10)
    assert gradient == pytest.approx((2.583853163, 2), abs=5e-10)


def test_running_example_hessian() -> None:
    hessian = ad.hessian(f, argnums=(0, 1))(2.0, 5.0)
    found = np.array([[float(cell) for cell in row] for row in hessian])
    np.testing.assert_allclose(found, [[-0.25, 1], [1, -0.958924274663138]], rtol=1e-14)


def test_row_d1_picture_names_the_nodes() -> None:
    words = re.sub(r"<[^>]+>", "", ad.draw(f, 2, 5).svg)
    assert "11.65" in words
    assert "0.2837" in words
