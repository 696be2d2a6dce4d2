"""What rows look like in LaTeX where that is more than a name, and how whole formulas and kinks read."""

import numpy as np
import pytest
from contracts.applications import APPLICATIONS
from contracts.rows import each

import adlab as ad
from adlab.algebra.notation import NotationAlgebra, symbol
from adlab.ir.primitive import Notation
from adlab.primitives import ROWS, TABLE
from adlab.render.formula import Style, write

SIGNS = {
    "add": "a + b",
    "subtract": "a - b",
    "multiply": r"a \cdot b",
    "divide": r"\frac{a}{b}",
    "negative": "-a",
    "power": "{a}^{b}",
    "square": "{a}^{2}",
    "reciprocal": r"\frac{1}{a}",
    "sqrt": r"\sqrt{a}",
    "cbrt": r"\sqrt[3]{a}",
    "absolute": r"\left|a\right|",
    "hypot": r"\left\lVert\left(a, b\right)\right\rVert",
    "exp": "e^{a}",
    "exp2": "2^{a}",
    "less": "a < b",
    "less_equal": r"a \le b",
    "greater": "a > b",
    "greater_equal": r"a \ge b",
    "equal": "a = b",
    "not_equal": r"a \ne b",
    "floor": r"\left\lfloor a \right\rfloor",
    "ceil": r"\left\lceil a \right\rceil",
    "polygamma": r"\psi^{\left(a\right)}\left(b\right)",
    "betainc": r"I_{c}\left(a, b\right)",
    "jv": r"J_{a}\left(b\right)",
    "yv": r"Y_{a}\left(b\right)",
    "iv": r"I_{a}\left(b\right)",
    "ive": r"e^{-\left|b\right|}I_{a}\left(b\right)",
    "kv": r"K_{a}\left(b\right)",
    "index": "a[2]",
    "matmul": r"a \, b",
    "transpose": r"{a}^{\mathsf T}",
    "norm": r"\left\lVert a \right\rVert",
    "pinv": r"\left(a\right)^{+}",
}
NAMES = {
    "log": r"\ln",
    "log2": r"\log_2",
    "log10": r"\log_{10}",
    "sigmoid": r"\sigma",
    "relu": r"\operatorname{ReLU}",
    "gammaln": r"\ln\Gamma",
    "gamma": r"\Gamma",
    "digamma": r"\psi",
    "beta": r"\mathrm{B}",
    "betaln": r"\ln\mathrm{B}",
    "gammainc": "P",
    "gammaincc": "Q",
    "erfinv": r"\operatorname{erf}^{-1}",
    "erfcinv": r"\operatorname{erfc}^{-1}",
    "ndtr": r"\Phi",
    "log_ndtr": r"\ln\Phi",
    "maximum": r"\max",
    "minimum": r"\min",
    **{
        name: "\\" + name
        for name in ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")
    },
    **{name: "\\" + name for name in ("sum", "prod", "max", "min", "det")},
}


def latex(row):
    """Return a row's LaTeX for operands a, b, …, without parameters."""
    notation = row.notation
    if not isinstance(notation, Notation):
        notation = notation(dict(APPLICATIONS[row.name][0].params))
    names = "abc"[: row.arity or 2]
    return notation.latex.format(*names, **{"*": ", ".join(names), "params": ""})


@each(ROWS)
def test_latex_of_every_row(row):
    names = ", ".join("abc"[: row.arity or 2])
    head = NAMES.get(row.name, rf"\operatorname{{{row.name}}}".replace("_", r"\_"))
    assert latex(row) == SIGNS.get(row.name, rf"{head}\left({names}\right)")


def test_every_sign_belongs_to_a_row():
    assert set(SIGNS) | set(NAMES) <= set(TABLE)


@pytest.mark.parametrize(
    ("expression", "text", "formula"),
    [
        ("log10(x) + log2(x)", "log10(x) + log2(x)", r"\log_{10}\left(x\right) + \log_2\left(x\right)"),
        ("hypot(x + 1, 2)", "hypot(x + 1, 2)", r"\left\lVert\left(x + 1, 2\right)\right\rVert"),
        ("reciprocal(x)^2", "reciprocal(x)²", r"{\left(\frac{1}{x}\right)}^{2}"),
        ("jv(1, x)", "jv(1, x)", r"J_{1}\left(x\right)"),
        ("ive(1, x)^3", "ive(1, x)³", r"{\left(e^{-\left|x\right|}I_{1}\left(x\right)\right)}^{3}"),
        ("exp(x)^2", "exp(x)²", r"{\left(e^{x}\right)}^{2}"),
    ],
)
def test_whole_formulas(expression, text, formula):
    graph = ad.graph(expression)
    term = NotationAlgebra().run(graph, [symbol("x", "", 0.5)])[-1]
    assert write(term) == text
    assert write(term, Style("latex")) == formula


def test_the_norm_over_an_axis_names_it():
    graph = ad.graph("norm(x, axis=0)", np.ones((2, 3)))
    term = NotationAlgebra().run(graph, [symbol("x", "", np.ones((2, 3)))])[-1]
    assert write(term, Style("latex")) == r"\operatorname{norm}\left(x, \mathrm{axis}=0\right)"


def test_kinks_say_where_and_what():
    said = {(row.name, kink.where, kink.convention) for row in ROWS for kink in row.kinks}
    for name, where, convention in (
        ("relu", "x = 0", "the derivative from the right, 1: the convention of the lectures"),
        ("absolute", "x = 0", "0, the middle of −1 and 1"),
        ("maximum", "a = b", "½ each"),
        ("clip", "x = a or x = b", "1: the bounds belong to the inside"),
        ("norm", "all elements are 0", "0 in every order, the subgradient of least norm"),
        ("max", "two elements share the extreme", "they share the derivative equally"),
        ("sort", "two elements are equal", "the derivative of the order in which they stand"),
        ("sqrt", "x = 0", "+∞, the limit from the right"),
    ):
        assert (name, where, convention) in said
