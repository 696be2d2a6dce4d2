"""The autopsy: the first bad number, what made it, and rewrites that are shown to be right or not proposed."""

import ast
import dataclasses
import json

import numpy as np
import pytest

import adlab as ad
from adlab.algebra.numpy import NUMPY
from adlab.errors import BranchError, InputError
from adlab.reports.autopsy import autopsy
from adlab.reports.autopsy.lines import rewritten_line
from adlab.reports.autopsy.trials import Trials
from adlab.reports.rewrites import Candidate, Surgeon, candidates, code_of


def masked_root(x):
    return np.where(x > 0, np.sqrt(x), 0.0)


def log_softmax(x):
    return np.log(np.exp(x) / np.sum(np.exp(x)))[0]


def softmax(x):
    e = np.exp(x)
    return (e / np.sum(e))[0]


def entropy(p):
    return -np.sum(p * np.log(p))


def cross_entropy(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def masked_quotient(x):
    return np.sum(np.where(x == 0, 1.0, np.sin(x) / x))


HEALED = [
    # function, point, the arithmetic to blame, the rewrite, the gradient under it
    (masked_root, (0.0,), "0 · ∞", "double where", {"x": 0}),
    (masked_root, (-1.0,), "sqrt(−1)", "double where", {"x": 0}),
    (masked_quotient, (np.array([0.0, 1.0]),), "0 / 0", "double where", {"x": [0, np.cos(1) - np.sin(1)]}),
    (lambda x: np.where(x < 1, np.sqrt(1 - x), 0.0), (2.0,), "sqrt(−1)", "double where", {"x": 0}),
    (lambda x: x * np.log(x), (0.0,), "0 · (−∞)", "xlogy", {"x": 0}),
    (entropy, (np.array([0.0, 0.25]),), "0 · (−∞)", "xlogy", {"p": [0, -1 - np.log(0.25)]}),
    (cross_entropy, (1.0, 1.0), "0 · (−∞)", "xlogy", {"p": -1, "y": 0}),
    (lambda x: np.log(1 + np.exp(x)), (1000.0,), "0 · ∞", "softplus", {"x": 1}),
    (lambda x: np.log1p(np.exp(x)), (1000.0,), "0 · ∞", "softplus", {"x": 1}),
    (lambda a, b: np.log(np.exp(a) + np.exp(b)), (1000.0, 1000.0), "0 · ∞", "logaddexp", {"a": 0.5, "b": 0.5}),
    (lambda x: np.log(np.sum(np.exp(x))), (np.array([1000.0, 1000.0]),), "0 · ∞", "logsumexp", {"x": [0.5, 0.5]}),
    (lambda x: np.log(np.sum(np.exp(x))), (np.array([-1000.0, -1000.0]),), "∞ · 0", "logsumexp", {"x": [0.5, 0.5]}),
    (log_softmax, (np.array([-800.0, 0.0]),), "∞ · (−0)", "logsumexp", {"x": [1, -1]}),
    (softmax, (np.array([1000.0, 1000.0]),), "∞ / ∞", "softmax", {"x": [0.25, -0.25]}),
    (lambda x: 1 / (1 + np.exp(-x)), (-1000.0,), "(−0) · ∞", "sigmoid", {"x": 0}),
    (lambda x: np.exp(x) / (1 + np.exp(x)), (1000.0,), "∞ / ∞", "sigmoid", {"x": 0}),
    (lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)), (800.0,), "∞ / ∞", "tanh", {"x": 0}),
    (lambda x, y: np.sqrt(x**2 + y**2), (0.0, 0.0), "∞ · 0", "hypot", {"x": 0, "y": 0}),
    (lambda x: np.sqrt(np.sum(x**2)), (np.zeros(3),), "∞ · 0", "double where", {"x": [0, 0, 0]}),
    (lambda x: np.sqrt(x * x), (0.0,), None, "absolute", {"x": 0}),
    (lambda x: np.sqrt(x) ** 2, (0.0,), "0 · ∞", "the root undone", {"x": 1}),
    (lambda x: np.sin(x) / x, (0.0,), "0 / 0", "double where", {"x": 0}),
    (lambda x: x * np.sqrt(x), (0.0,), "0 · ∞", "double where", {"x": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("f", "args", "cause", "name", "gradient"), HEALED)
def test_the_cause_is_named_and_the_rewrite_heals(f, args, cause, name, gradient):
    report = autopsy(f, *args)
    assert not report.healthy
    if cause is not None:
        assert cause in report.sentence or any(finding.cause == cause for finding in report.findings)
    rewrite = report.rewrite
    assert rewrite.name == name
    assert rewrite.samples >= 8
    assert rewrite.difference < 1e-25
    for key, expected in gradient.items():
        np.testing.assert_allclose(rewrite.gradient[key], expected, atol=1e-12)
    for code in (rewrite.before, rewrite.after):
        ast.parse(code)


@pytest.mark.parametrize(("f", "args", "cause", "name", "gradient"), HEALED[:10])
def test_the_rewritten_graph_is_an_ordinary_graph(f, args, cause, name, gradient):
    graph = autopsy(f, *args).rewrite.graph
    point = [np.asarray(x, float) * 0.5 + 0.3 for x in args]
    with np.errstate(all="ignore"):
        expected = f(*point)
    np.testing.assert_allclose(value_of(graph, point), expected, rtol=1e-12)
    assert autopsy(graph, *args).healthy


def value_of(graph, point):
    return NUMPY.outputs(graph, NUMPY.run(graph, point))[0]


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: (np.exp(x) - 1) / x, 0.0),  # a constant in the hole would have the wrong derivative
        (lambda x: x / np.log(1 + x), 1e-20),  # log1p gives the value, and 0 for the derivative ½
        (lambda x: np.log(x) + x, -1.0),  # outside the domain there is nothing to be equal to
        (lambda x: 1 / x, 0.0),
        (lambda x: np.exp(x), 1000.0),
        (np.sin, np.inf),
    ],
)
def test_nothing_is_proposed_that_is_not_shown(f, x):
    report = autopsy(f, x)
    assert not report.healthy
    assert report.rewrite is None
    assert any("No rewrite is proposed" in note for note in report.notes)


def test_a_derivative_that_is_really_infinite_is_left_alone():
    report = autopsy(np.sqrt, 0.0)
    assert report.gradient["x"] == np.inf
    assert report.truth["x"] == np.inf
    assert report.rewrite is None
    assert not report.notes
    assert report.findings[0].cause == "1 · ∞"


def test_what_is_finite_is_said_to_be():
    assert "nothing went bad" in autopsy(np.sin, 1.0).sentence
    inner = autopsy(lambda x: 1 / (1 + np.square(np.exp(x))) + x, 400.0)
    assert inner.findings[0].primitive == "square"
    healthy = autopsy(lambda x: np.where(x < 1, np.log(1 - x), 0.0), 2.0)
    assert healthy.healthy
    assert healthy.sentence.endswith("on the way is NaN.")
    assert healthy.rewrite is None


def test_sums_that_cancel_are_named():
    report = autopsy(lambda x: 1 / x - 1 / x**2, 0.0)
    assert report.findings[0].cause == "1 / 0"
    assert any(finding.cause == "∞ − ∞" for finding in report.findings)
    tangled = autopsy(lambda x: np.sqrt(x) - np.sqrt(2 * x), 0.0)
    assert any("∞ + (−∞)" in finding.cause for finding in tangled.findings)


def test_the_element_and_the_line_are_named():
    finding = autopsy(masked_root, np.array([1.0, 0.0, -1.0])).findings[0]
    assert finding.element == (2,)
    assert finding.source.text() == "return np.where(x > 0, np.sqrt(x), 0.0)"
    assert "test_autopsy.py" in finding.sentence


def test_the_path_leads_to_an_input():
    report = autopsy(lambda x, y: np.log(np.sin(x) - 1) * y, 0.5, 2.0)
    assert [step.name for step in report.path] == ["v4", "v3", "v2", "v0"]
    assert report.path[-1].source.line == 0


def test_tangents_are_looked_at_too():
    kinds = {finding.kind for finding in autopsy(masked_root, 0.0).findings}
    assert kinds == {"adjoint", "tangent"}


def test_bad_inputs_are_named_first():
    assert autopsy(lambda x: x * 2, np.nan).sentence == "The input x holds NaN from the start."


def test_kinks_and_infinite_slopes_under_a_rewrite_are_not_silent():
    notes = autopsy(masked_root, 0.0).rewrite.notes
    assert notes == (
        "By x the derivative is 0 from the left and ∞ from the right; the rewritten line gives 0.",
    )
    assert "no finite derivative" in autopsy(lambda x: x * np.log(x), 0.0).rewrite.notes[0]


# --------------------------------------------------------------------------------------- testing the tester


def trials(f, x):
    graph = ad.graph(f, x)
    return Trials(graph, [np.float64(x)]), graph


@pytest.mark.parametrize(
    "wrong",
    [
        lambda A, get, replay: get(0) * A.log(get(0)) * A.constant(ad.graph("x*1.000001").constants[0]),
        lambda A, get, replay: A.log(get(0)),
        lambda A, get, replay: A.where(A.greater(get(0), 2), get(0), get(0) * A.log(get(0))),
        lambda A, get, replay: get(0) * A.log1p(get(0)),
    ],
)
def test_a_planted_wrong_rewrite_is_not_equal(wrong):
    judge, graph = trials(lambda x: x * np.log(x), 1.0)
    changed = Surgeon(graph).apply(Candidate(len(graph) - 1, "wrong", "", wrong))
    assert not judge.equal(changed)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_planted_wrong_value_in_the_hole_does_not_heal(value):
    judge, graph = trials(lambda x: x * np.log(x), 0.0)

    def build(A, get, replay):
        hole = A.equal(get(0), 0)
        return A.where(hole, value, get(0) * A.log(A.where(hole, 1, get(0))))

    changed = Surgeon(graph).apply(Candidate(len(graph) - 1, "wrong", "", build))
    assert judge.equal(changed)
    assert not judge.heals(changed)


def test_a_planted_wrong_derivative_in_the_hole_does_not_heal():
    judge, graph = trials(lambda x: (np.exp(x) - 1) / x, 0.0)

    def build(slope):
        def filled(A, get, replay):
            hole = A.equal(get(0), 0)
            safe = A.where(hole, 1, get(0))
            return A.where(hole, 1 + get(0) * slope, A.expm1(safe) / safe)

        return filled

    last = len(graph) - 1
    for slope, right in [(0.25, False), (0.5, True)]:
        changed = Surgeon(graph).apply(Candidate(last, "linear", "", build(slope)))
        assert judge.equal(changed)
        assert judge.heals(changed) == right


def test_a_replacement_of_another_shape_is_refused():
    graph = ad.graph(lambda x: np.sum(x * x), np.ones(3))
    assert Surgeon(graph).apply(Candidate(len(graph) - 1, "", "", lambda A, get, replay: get(0))) is None


# ---------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("line", "before", "after", "expected"),
    [
        ("return np.log(1+np.exp(x))  # loss", "np.log(1 + np.exp(x))", "f(x)", "return f(x)  # loss"),
        ("y = a + numpy.sqrt(x**2)", "np.sqrt(x ** 2)", "np.abs(x)", "y = a + np.abs(x)"),
        ("if np.log(x) > 0:", "np.log(x)", "g", "if g > 0:"),
        ("ü = np.exp(x)", "np.exp(x)", "g(x)", "ü = g(x)"),
        ("y = other(x)", "np.exp(x)", "g", ""),
        ("for x in (", "np.exp(x)", "g", ""),
        ("", "x", "g", ""),
    ],
)
def test_a_line_is_rewritten_where_it_holds_the_expression(line, before, after, expected):
    assert rewritten_line(line, before, after) == expected


def test_code_is_python_with_the_right_parentheses():
    def f(x, y):
        return -(((x - (y - 1)) / (x * (y + 2))) ** 2) + np.abs(x[0]) ** (x @ y)

    graph = ad.graph(f, np.ones(2), np.ones(2))
    text = code_of(graph, graph.outputs[0])
    assert "np.abs(x[0]) ** (x @ y)" in text
    assert code_of(ad.graph("-(x - (y - 1))^2 / (x/y)"), 6).count("(") <= 3
    for expression in (
        "(x - (y - 1)) * 2",
        "x - y - 1",
        "-(x + y)",
        "(x*y)^2",
        "x^(y^2)",
        "(-x)^3",
        "x/(y*2)",
    ):
        graph = ad.graph(expression, 1.3, 0.7) if "y" in expression else ad.graph(expression, 1.3)
        code = code_of(graph, graph.outputs[0])
        again = ad.graph(
            code.replace("**", "^"), *([1.3, 0.7] if "y" in expression else [1.3]), names=graph.inputs
        )
        assert again(*([1.3, 0.7] if "y" in expression else [1.3])) == graph(
            *([1.3, 0.7] if "y" in expression else [1.3])
        )


def test_candidates_are_found_for_no_more_than_is_there():
    graph = ad.graph(lambda x: np.sin(x) + 1, 1.0)
    assert list(candidates(graph, NUMPY.run(graph, [np.float64(1.0)]), 1)) == []


# ----------------------------------------------------------------------------------------------- renderings


def test_the_report_is_frozen_data_in_every_format():
    shown = ad.autopsy(masked_root, 0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.report.notes = ()
    text = shown.to_text(width=120)
    assert "0 · ∞ = NaN" in text
    assert "np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0.0)" in text
    assert "return np.where(x > 0, np.sqrt(x), 0.0)" in text
    assert "| ∂y/∂x | NaN | ∞ | 0 |" in shown.to_markdown()
    assert "<table" in shown.to_html()
    assert "begin{tabular}" in shown.to_latex()
    data = json.loads(shown.to_json())
    assert data["gradient"] == {"x": "nan"}
    assert data["rewrite"]["gradient"] == {"x": 0.0}
    assert data["rewrite"]["rewritten"].startswith("return np.where")
    assert data["findings"][0]["cause"] == "0 · ∞"


def test_branches_points_and_primitives_without_fifty_digits():
    graph = ad.graph(lambda x: x * x if x > 0 else -x, 1.0)
    with pytest.raises(BranchError):
        autopsy(graph, -1.0)
    with pytest.raises(InputError, match="needs a point"):
        autopsy("ln(x)")
    several = autopsy(lambda x: (x * 2, np.abs(x)), np.array([0.0, 1.0]))
    assert "their sum" in several.notes[0]


def test_a_loop_is_looked_into():
    def f(x):
        return ad.fori(
            3,
            lambda i, c: np.log(c - 1.0),
            x,
        )

    report = autopsy(f, 2.0)
    first = report.findings[0]
    assert (first.step, first.primitive, first.cause) == ("step 2 of (body × 3)", "log", "log(−1)")
    assert "np.log(c - 1.0)" in first.source.text()
    assert "step 2 of (body × 3)" in report.sentence
    assert [step.step for step in report.path][:2] == ["step 2 of (body × 3)"] * 2
    assert report.rewrite is None
    assert "step of a loop" in report.notes[-1]


def test_a_loop_that_is_too_long_is_said_to_be_closed():
    report = autopsy(lambda x: ad.fori(20_000, lambda i, c: np.log(c - 1.0), x), 2.0)
    assert any("(body × 20000)" in note for note in report.notes)


def test_an_overflow_is_called_one_and_healed_by_hypot():
    report = autopsy(lambda x, y: np.sqrt(x * x + y * y), 1e200, 1.0)
    assert report.findings[0].overflows
    assert "overflow" in report.sentence
    assert report.rewrite.name == "hypot"
    assert "overflow" in report.rewrite.words
    assert float(report.rewrite.gradient["x"]) == 1.0
    at_zero = autopsy(lambda x, y: np.sqrt(x * x + y * y), 0.0, 0.0)
    assert "infinite derivative" in at_zero.rewrite.words
