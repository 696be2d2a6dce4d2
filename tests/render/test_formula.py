"""Formulas in print: text parses back to the same tree, LaTeX is balanced, MathML is well-formed."""

from __future__ import annotations

import math
import random
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from adlab.algebra.notation import AS_NUMBER, Literal, Symbol, Term, derivative, literal, symbol
from adlab.frontends.expression import parse
from adlab.ir.constant import PI
from adlab.ir.index import normalise_index
from adlab.ir.primitive import Notation, Primitive
from adlab.primitives import ROWS, TABLE
from adlab.render.formula import Style, can_substitute, notation_of, write
from adlab.render.mathml import mathml
from adlab.render.names import latex_name
from adlab.reports.trace import LOOSE, MINUS, PLUS, TIGHT

TEXT, ASCII, LATEX, MATHML = (Style(kind) for kind in ("text", "ascii", "latex", "mathml"))

SIGNS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "matmul": "@",
    "less": "<",
}
SIGNS |= {"less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!="}


# ----------------------------------------------------------------------------- the parser's view of a formula


def parsed(text: str) -> Any:
    """Return the tree that the expression parser sees, a sign before a number as part of the number."""
    stack: list[Any] = []
    for step in parse(text):
        at = len(stack) - step.arity
        args = stack[at:]
        del stack[at:]
        if step.kind in ("number", "name", "constant"):
            stack.append((step.kind, step.value))
        elif step.kind == "unary":
            stack.append(negated(args[0]))
        else:
            stack.append((step.kind, step.value, tuple(args), step.keywords))
    assert len(stack) == 1
    return stack[0]


def negated(tree: Any) -> Any:
    return ("number", -tree[1]) if tree[0] == "number" else ("unary", "-", (tree,), ())


def is_unsigned(term: Term) -> bool:
    value: Any = term.head.value if isinstance(term.head, Literal) else None
    return type(value) in (int, float) and value >= 0


def expected(term: Term) -> Any:
    """Return the tree that the formula is, in the parser's terms."""
    head = term.head
    if isinstance(head, Symbol):
        return ("name", write(term))
    if isinstance(head, Literal):
        return ("constant", head.value) if isinstance(head.value, bool) else ("number", head.value)
    args = tuple(expected(arg) for arg in term.args)
    assert isinstance(head, Primitive)
    if head.name == "negative":
        # "−2" is the number; the operation on the number 2 is spelled out
        return ("call", "negative", args, ()) if is_unsigned(term.args[0]) else negated(args[0])
    if head.name == "square":
        return ("binary", "**", (*args, ("number", 2)), ())
    if head.name == "transpose":
        return ("transpose", None, args, ())
    if head.name == "index":
        return ("index", (slice(1, 3),), args, ())
    if head.name in SIGNS:
        return ("binary", SIGNS[head.name], args, ())
    return ("call", notation_of(head, term.params).text.split("(")[0], args, ())


def random_term(rng: random.Random, depth: int) -> Term:
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(LEAVES)
    row = rng.choice(OPERATIONS)
    if row.name == "index":
        params: Any = (("index", normalise_index(slice(1, 3), (5,))),)
    else:
        params = (("axes", (1, 0)),) if row.name == "transpose" else ()
    count = row.arity if row.arity is not None else 3
    return Term(row, tuple(random_term(rng, depth - 1) for _ in range(count)), 1.5, params)


LEAVES = [symbol("v", k, k - 1.5) for k in range(3)] + [symbol("v", 1, 2.0, "bar"), symbol("rate", "", 0.1)]
LEAVES += [literal(value) for value in (2, -3, 0.5, -1.5, 2.5e-9, -1e-7, 10**20, True)]
OPERATIONS = [row for row in ROWS if row.elementwise] + [
    TABLE[name] for name in ("matmul", "transpose", "index")
]


@pytest.mark.parametrize("style", [TEXT, ASCII], ids=lambda style: style.kind)
@pytest.mark.parametrize("seed", range(8))
def test_what_is_written_parses_back_to_the_same_tree(seed: int, style: Style) -> None:
    rng = random.Random(seed)
    leaves = [leaf for leaf in LEAVES if style is TEXT or write(leaf) == write(leaf, ASCII).replace("-", "−")]
    assert len(leaves) > 5
    for _ in range(150):
        term = random_term(rng, rng.randint(1, 4))
        if style is ASCII and any(mark in write(term) for mark in "\u0304"):
            continue
        assert parsed(write(term, style)) == expected(term), write(term, style)


def test_the_round_trip_notices_missing_parentheses() -> None:
    v0, v1, v2 = LEAVES[:3]
    assert parsed(write(v0 - (v1 - v2))) != parsed("v0 − v1 − v2")


# ------------------------------------------------------------------------------------- every row, every style


def applications() -> list[Any]:
    found = []
    for row in ROWS:
        count = row.arity if row.arity is not None else 2
        args = tuple(symbol("v", k, -1.5 - k) for k in range(count))
        found.append(pytest.param(Term(row, args, 1.0, params_of(row)), id=row.name))
        nested = tuple(-((arg / symbol("alpha", "", 0.5)) ** 3) for arg in args)
        found.append(pytest.param(Term(row, nested, 1.0, params_of(row)), id=f"{row.name}-nested"))
    return found


def params_of(row: Primitive) -> Any:
    if row.name in ("index", "index_add"):
        index = normalise_index((0, slice(None, None, 2), None), (3, 4))
        return (("index", index),) + ((("shape", (3, 4)),) if row.name == "index_add" else ())
    if row.name == "transpose":
        return (("axes", (1, 0)),)
    return (("axis", (0,)), ("keepdims", True)) if row.name in ("sum", "mean", "max", "min", "prod") else ()


def balanced(latex: str) -> bool:
    depth = 0
    for before, char in zip(" " + latex, latex, strict=False):
        depth += (char == "{" and before != "\\") - (char == "}" and before != "\\")
        if depth < 0:
            return False
    return depth == 0 and latex.count(r"\left") == latex.count(r"\right")


ELEMENTS = {"math", "mrow", "mi", "mo", "mn", "mtext", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot"}
ELEMENTS |= {"mover", "mspace", "mtable", "mtr", "mtd"}


@pytest.mark.parametrize("substitute", [False, True], ids=["names", "numbers"])
@pytest.mark.parametrize("term", applications())
def test_every_row_is_legal_in_every_style(term: Term, substitute: bool) -> None:
    latex = write(term, LATEX, substitute=substitute)
    assert balanced(latex), latex
    tree = ET.fromstring(f"<math>{write(term, MATHML, substitute=substitute)}</math>")
    assert {node.tag for node in tree.iter()} <= ELEMENTS
    for node in tree.iter():
        if node.tag in ("mfrac", "msup", "msub", "mroot", "mover"):
            assert len(node) == 2
    assert write(term, ASCII, substitute=substitute).isascii()


@pytest.mark.parametrize(
    "broken", [r"\frac{1", r"a}", r"\left(", r"\right)", "^", r"\begin{x}", r"\sqrt[", "a & b", "<&>"]
)
def test_mathml_is_well_formed_whatever_comes_in(broken: str) -> None:
    ET.fromstring(f"<math>{mathml(broken)}</math>")


def test_mathml_of_the_shapes_that_matter() -> None:
    v0 = symbol("v", 0, 2.0)
    assert write(1 / v0, MATHML) == "<mfrac><mn>1</mn><msub><mi>v</mi><mn>0</mn></msub></mfrac>"
    assert write(v0**3, MATHML) == "<msubsup><mi>v</mi><mn>0</mn><mn>3</mn></msubsup>"
    assert '<mo form="prefix">−</mo>' in write(-v0, MATHML)
    assert '<mo form="prefix">' not in write(v0 - 1, MATHML)
    root = Term(TABLE["sqrt"], (v0,), math.sqrt(2))
    assert write(root, MATHML).startswith("<msqrt>")
    size = write(Term(TABLE["absolute"], (v0,), 2.0), MATHML)
    assert size.count(">|</mo>") == 2
    assert ">⌊</mo>" in write(Term(TABLE["floor"], (v0,), 2.0), MATHML)


# ----------------------------------------------------------------------------------------------- single facts


def test_numbers_take_the_places_of_names_and_negative_ones_parentheses() -> None:
    v4, v5 = symbol("v", 4, -0.9589242746631385), symbol("v", 5, 10.693147180559945)
    assert write(v5 - v4, substitute=True) == "10.693 − (−0.959)"
    assert write(v4 * v5, substitute=True) == "(−0.959) · 10.693"
    assert write(Term(TABLE["sin"], (v4,), 0.0), substitute=True) == "sin(−0.959)"


def test_a_partial_is_a_formula_in_names_and_one_number_in_numbers() -> None:
    v0 = symbol("v", 0, 2.0)
    partial = Term(AS_NUMBER, (1 / v0,), 0.5)
    product = Term(LOOSE, (symbol("v", 2, 1.0, "bar"), partial), 0.5)
    assert write(product) == "v̄2 · 1/v0"
    assert write(product, substitute=True) == "1 · 0.5"


def test_a_derivative_is_a_name() -> None:
    name = derivative(Term(Symbol("y"), (), None), symbol("v", 6, 11.0), 1.0)
    assert write(name) == "∂y/∂v6"
    assert write(name, ASCII) == "dy/dv6"
    assert write(name, LATEX) == r"\frac{\partial y}{\partial v_{6}}"
    assert write(name, substitute=True) == "1"


def test_literals_keep_their_digits() -> None:
    v0 = symbol("v", 0, 1.0)
    assert write(v0 * 2.5e-9) == "v0 · 2.5e-9"
    assert write(v0 * 0.1234567890123) == "v0 · 0.1234567890123"
    assert write(v0 + 2.5e-9, LATEX) == r"v_{0} + 2.5 \times 10^{-9}"
    assert write(v0 * literal(PI)) == "v0 · π"
    assert write(v0 * literal(PI), ASCII) == "v0 * pi"


def test_latex_fences_what_its_templates_do_not() -> None:
    v0, v1 = symbol("v", 0, 2.0), symbol("v", 1, 3.0)
    assert write((v0 + v1) / (v0 - v1), LATEX) == r"\frac{v_{0} + v_{1}}{v_{0} - v_{1}}"
    assert write((v0 / v1) ** 3, LATEX) == r"{\left(\frac{v_{0}}{v_{1}}\right)}^{3}"
    assert write(-(v0 / v1), LATEX) == r"-\frac{v_{0}}{v_{1}}"


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"), ("x1", "x_{1}"), ("x_1", "x_{1}"), ("W", "W"), ("captured0", r"\mathit{captured}_{0}"),
        ("alpha", r"\alpha"), ("beta2", r"\beta_{2}"), ("params.W[0]", r"\mathit{params}.W[0]"),
        ("learning_rate", r"\mathit{learning\_rate}"), ("α", r"\alpha "), ("ŷ", r"\hat{y}"),
        ("_", r"\text{\_}"),
    ],
)  # fmt: skip
def test_names_in_latex(name: str, latex: str) -> None:
    assert latex_name(name) == latex


@pytest.mark.parametrize(
    "name", ["a{b", "x$y", "50%", "a&b", "#", "\\", "数", "naïve", "é", "a^b~", "x[0, 1].y['k']"]
)
def test_strange_names_are_legal_everywhere(name: str) -> None:
    term = symbol(name, "", 1.0) + symbol(name, 3, 1.0, "bar")
    assert balanced(write(term, LATEX))
    ET.fromstring(f"<math>{write(term, MATHML)}</math>")
    assert write(term, ASCII).isascii()


def test_baydins_negative_index() -> None:
    name = symbol("v", -1, 2.0, "dot")
    assert write(name) == "v̇₋₁"
    assert write(name, LATEX) == r"\dot{v}_{-1}"
    assert write(name, ASCII) == "dvm1"


def test_arrays_are_short() -> None:
    small, large = symbol("v", 0, np.array([1.0, -2.5])), symbol("v", 1, np.ones((3, 4)))
    product = Term(TIGHT, (small, large), None)
    assert write(product, substitute=True) == "[1, −2.5]·[3×4]"
    assert can_substitute(small)
    assert not can_substitute(product)
    matrix = symbol("v", 2, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert r"1 & 2 \\ 3 & 4" in write(matrix, LATEX, substitute=True)
    assert write(matrix, MATHML, substitute=True).count("<mtd>") == 4


def test_long_and_deep_formulas_do_not_exhaust_the_stack() -> None:
    v0 = symbol("v", 0, 1.0)
    total = deep = v0
    for k in range(20_000):
        total = Term(MINUS if k % 2 else PLUS, (total, v0), 1.0)
        deep = Term(TABLE["sin"], (deep,), 1.0)
    assert len(write(total)) == 2 + 5 * 20_000
    assert write(deep).endswith(")" * 20_000)


def test_a_users_notation_with_unknown_commands_survives() -> None:
    head = Notation("foo({0})", r"\mathfrak{{F}}\left({0}\right)", 90)
    term = Term(head, (symbol("v", 0, 1.0),), 1.0)
    assert "mathfrak" in write(term, MATHML)
