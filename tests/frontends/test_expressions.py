"""The semantic half of the expression front end: strings become the graphs that NumPy code becomes."""

from __future__ import annotations

import doctest
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adlab.algebra.numpy import NUMPY
from adlab.errors import AdlabError, InputError, ParseError, ShapeError
from adlab.frontends.expression import expression_graph, input_names
from adlab.frontends.expression.vocabulary import FORMS, signature
from adlab.frontends.recording import Recording, record
from adlab.ir.check import check
from adlab.ir.constant import PI, E
from adlab.ir.types import FLOAT32, FLOAT64
from adlab.primitives import NAMES, TABLE

SEEDED = settings(derandomize=True, deadline=None, database=None, max_examples=200)
x = np.array([0.5, -1.25, 2.0])
y = np.array([1.5, 0.75, -3.0])
M = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.5]])


def values(text, args=None, names=None):
    graph = expression_graph(text, args, names).graph
    check(graph)
    inputs = [] if args is None else args.values() if isinstance(args, dict) else args
    if isinstance(args, dict):
        inputs = [args[name] for name in graph.inputs]
    return NUMPY.outputs(graph, NUMPY.run(graph, [np.asarray(value, float)[()] for value in inputs]))


def operations(text, args=None):
    graph = expression_graph(text, args).graph
    return [primitive.name for primitive in graph.primitives[len(graph.inputs) :]]


def literals(text):
    return [constant.value for constant in expression_graph(text).graph.constants]


# -------------------------------------------------------------------------------- meaning


def test_the_running_example_of_the_lectures():
    recording = expression_graph("y = ln(x1) + x1*x2 - sin(x2)", (2, 5))
    graph = recording.graph
    assert isinstance(recording, Recording)
    assert recording.captured == ()
    assert graph.inputs == ("x1", "x2")
    assert graph.name == "y"
    assert [p.name for p in graph.primitives] == [
        "input",
        "input",
        "log",
        "multiply",
        "add",
        "sin",
        "subtract",
    ]
    found = NUMPY.run(graph, [np.float64(2), np.float64(5)])
    np.testing.assert_allclose(found[2:], [0.693147, 10, 10.693147, -0.958924, 11.652071], rtol=1e-6)
    assert [graph.node(i).source.column for i in range(2, 7)] == [5, 16, 12, 22, 20]


NUMPY_CODE = {
    "x + y*x - y/x": lambda x, y: x + y * x - y / x,
    "-x^2 + x**2 + x² - x³": lambda x, y: -(x**2) + x**2 + x**2 - x**3,
    "2^y * x^-2 + x^2.0": lambda x, y: 2**y * x**-2 + x**2.0,
    "where(x > 0, x, 0.1*x)": lambda x, y: np.where(x > 0, x, 0.1 * x),
    "where(not x > 0, 1, 0) + where(x <= y, 1, y)": lambda x, y: (
        np.where(np.logical_not(x > 0), 1, 0) + np.where(x <= y, 1, y)
    ),
    "max(x, 0) + min(x, y) + max(y) - min(x)": lambda x, y: (
        np.maximum(x, 0) + np.minimum(x, y) + np.max(y) - np.min(x)
    ),
    "abs(x) + arcsin(x/9) + asin(x/9) + exp(x)": lambda x, y: (
        np.abs(x) + np.arcsin(x / 9) + np.arcsin(x / 9) + np.exp(x)
    ),
    "ln(abs(x)) + log(abs(y)) + log10(abs(x))": lambda x, y: (
        np.log(np.abs(x)) + np.log(np.abs(y)) + np.log10(np.abs(x))
    ),
    "√abs(x) + sqrt(abs(y)) + tanh(x)·π": lambda x, y: (
        np.sqrt(np.abs(x)) + np.sqrt(np.abs(y)) + np.tanh(x) * np.pi
    ),
    "sum(x*y) + mean(x) + prod(y) + x @ y + dot(x, y)": lambda x, y: (
        np.sum(x * y) + np.mean(x) + np.prod(y) + x @ y + np.dot(x, y)
    ),
    "sum(x, axis=0, keepdims=True) + cumsum(y)": lambda x, y: np.sum(x, axis=0, keepdims=True) + np.cumsum(y),
    "outer(x, y).T[1:, ::-1]": lambda x, y: np.outer(x, y).T[1:, ::-1],
    "reshape(outer(x, y), (9,))[[0, 8, 8]]": lambda x, y: np.reshape(np.outer(x, y), (9,))[[0, 8, 8]],
    "reshape(outer(x, y), (-1, 1))[2, None]": lambda x, y: np.reshape(np.outer(x, y), (-1, 1))[2, None],
    "concatenate(x, y, [1, 2], axis=0)": lambda x, y: np.concatenate([x, y, np.array([1.0, 2.0])], axis=0),
    "concatenate((x, y)) - concatenate([y, x], axis=0)": lambda x, y: (
        np.concatenate((x, y)) - np.concatenate([y, x], axis=0)
    ),
    "stack(x, y, axis=1) @ stack([x, y])": lambda x, y: np.stack([x, y], axis=1) @ np.stack([x, y]),
    "[x, y, [1, 2, 3]] @ x": lambda x, y: np.stack([x, y, np.array([1.0, 2.0, 3.0])]) @ x,
    "transpose(outer(x, y), (1, 0)) + [1, 2, 3]": lambda x, y: (
        np.transpose(np.outer(x, y), (1, 0)) + np.array([1.0, 2.0, 3.0])
    ),
    "max(outer(x, y), axis=0) - min(outer(x, y), axis=(1,))": lambda x, y: (
        np.max(np.outer(x, y), axis=0) - np.min(np.outer(x, y), axis=1)
    ),
    "var(x) + std(y, ddof=1) + norm(x)": lambda x, y: np.var(x) + np.std(y, ddof=1) + np.linalg.norm(x),
    "clip(x, -1, 1) + round(x) + floor(y)": lambda x, y: np.clip(x, -1, 1) + np.round(x) + np.floor(y),
    "broadcast_to(x, (2, 3)) + swapaxes(outer(x, y), 0, 1)[:2]": lambda x, y: (
        np.broadcast_to(x, (2, 3)) + np.swapaxes(np.outer(x, y), 0, 1)[:2]
    ),
    "tril(outer(x, y)) + diag(x) + flip(y)": lambda x, y: np.tril(np.outer(x, y)) + np.diag(x) + np.flip(y),
}


@pytest.mark.parametrize("text", NUMPY_CODE)
def test_an_expression_computes_and_records_what_numpy_code_does(text):
    function = NUMPY_CODE[text]
    given = {name: {"x": x, "y": y}[name] for name in input_names(text)}
    np.testing.assert_array_max_ulp(np.asarray(values(text, given)[0]), np.asarray(function(x, y)), 2)
    counted = expression_graph(text, given).graph.operation_counts()
    assert counted == record(function, (x, y)).graph.operation_counts()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_row_and_alias_is_a_function(name):
    form = FORMS[name]
    assert signature(name).startswith(f"{name}(")
    if NAMES[name].elementwise:
        arguments = ", ".join(["x", "y", "z"][: form.least])
        assert NAMES[name].name in operations(f"{name}({arguments})", [0.5] * form.least)


def test_defaults_of_trailing_operands():
    assert (
        values("leaky_relu(x)", [-2.0])
        == values("leaky_relu(x, 0.01)", [-2.0])
        == values("leaky_relu(x, a=0.01)", [-2.0])
    )
    assert values("elu(x, a=2)", [-1.0]) == [2 * np.expm1(-1)]


def test_composed_functions():
    assert values("logsumexp([1000, 1000])") == [pytest.approx(1000 + np.log(2))]
    np.testing.assert_allclose(values("softmax(x)", [x])[0], np.exp(x) / np.exp(x).sum())


def test_numbers_stay_exact_and_divisions_stay_divisions():
    assert operations("1/3*x") == ["divide", "multiply"]
    assert literals("1/3*x") == [1, 3]
    assert [type(value) for value in literals("1/3*x")] == [int, int]
    assert literals("x + 123456789012345678901") == [123456789012345678901]
    assert operations("2 + 3") == ["add"]


@pytest.mark.parametrize("text", ["x^2", "x**2", "x²"])
def test_powers_of_two_are_squares(text):
    assert operations(text) == ["square"]


def test_signs():
    assert (literals("-2 + x"), operations("-2 + x")) == ([-2], ["add"])
    assert operations("(−2) · x") == ["multiply"]
    assert operations("-2^2") == ["square", "negative"]
    assert operations("-(-2)") == ["negative"]
    assert operations("+x - -x") == ["negative", "subtract"]
    assert operations("negative(2)") == ["negative"]
    assert operations("-pi*x") == ["negative", "multiply"]


def test_named_numbers_keep_their_names():
    assert literals("pi*x")[0] is PI
    assert literals("π + e")[:2] == [PI, E]
    assert literals("e^x")[0] is E
    assert literals("[pi, 1]")[0] is PI
    assert np.isinf(values("-inf")[0])
    assert values("∞") == [np.inf]
    assert np.isnan(values("nan + 1")[0])


def test_the_users_value_wins_over_a_constant():
    assert values("e*x", {"x": 2.0, "e": 3.0}) == [6.0]
    assert expression_graph("e*x").graph.inputs == ("x",)
    assert expression_graph("e*x", (1.0, 2.0), names=("x", "e")).graph.inputs == ("x", "e")
    assert expression_graph("pi*mean", {"mean": 1, "pi": 2}).graph.inputs == ("pi", "mean")
    assert input_names("e*x + pi", ["e"]) == ("e", "x")


def test_values_by_position_name_and_type():
    assert (
        values("a - b", (5, 2))
        == values("a - b", {"b": 2, "a": 5})
        == values("a - b", [2, 5], names=["b", "a"])
        == [3.0]
    )
    assert expression_graph("sum(x₁)", {"x₁": [1, 2]}).graph.inputs == ("x1",)
    graph = expression_graph("W @ x + s", {"W": M, "x": [1, 2, 3], "s": 4}).graph
    assert [type.shape for type in graph.input_types] == [(2, 3), (3,), ()]
    assert {type.dtype for type in graph.input_types} == {FLOAT64}
    single = expression_graph("x/3 + 1/3*x + sin(2)", {"x": x.astype(np.float32)}).graph
    assert single.output_types[0].dtype == FLOAT32
    assert expression_graph("x", [2.0], names=["x", "y"][:1]).graph.inputs == ("x",)
    assert expression_graph("x", [2.0, 3.0], names=["x", "unused"]).graph.inputs == ("x", "unused")


def test_a_tuple_is_several_outputs_and_an_equation_names_them():
    graph = expression_graph("r = (a*b, (a, 2))").graph
    assert graph.output_names == ("r0", "r1", "r2")
    assert graph.out_tree == ("tuple", (), ("*", ("tuple", (), ("*", "*"))))


# -------------------------------------------------------------------------------- what is wrong

WRONG = {
    # functions and names
    "sine(x)": (1, "did you mean sin?"),
    "1 + foobarbaz(x)": (5, "no function 'foobarbaz'"),
    "x(y + 1)*x": (1, "is an input, not a function"),
    "sin + x": (1, "sin is a function: write sin(x)"),
    "x*leaky_relu": (3, "write leaky_relu(x, a=0.01)"),
    "x + float32": (3, "cast(x, dtype=float32)"),
    # arguments
    "log(x, 2)": (1, "log2(x), log10(x) or log(x)/log(2)"),
    "2*ln(x, 10)": (3, "log10(x)"),
    "sin()": (1, "does not take 0 arguments; it is written sin(x)"),
    "sin(x, y)": (1, "does not take 2 arguments"),
    "atan2(x)": (1, "atan2(a, b)"),
    "max(x, y, z, 1, 2)": (1, "does not take 5 arguments"),
    "max(x, y, axis=0)": (1, "no axis to reduce"),
    "sum(x, axes=0)": (1, "did you mean axis?"),
    "sin(x, speed=9)": (1, "no keyword 'speed'"),
    "sum(x, 0, axis=1)": (1, "twice"),
    "reshape(x)": (1, "lacks its shape"),
    "reshape(x, n)": (1, "written out in numbers"),
    "reshape(x, 1.5)": (1, "give an integer"),
    "sum(x, keepdims=1)": (1, "True or False"),
    "cast(x, dtype=3)": (1, "float64, float32, bool"),
    "concatenate()": (1, "does not take 0"),
    # operands
    "x + None": (3, "None is no number"),
    "x + (1, 2)": (3, "write a list"),
    "sin(None)": (1, "None is no"),
    "where(None, x, y)": (1, "None is no"),
    "f = [x > 0, y > 0]": (5, "where(condition, 1, 0)"),
    "(x > 0) + (y > 0)": (9, "truth"),
    "[" * 40 + "x" + "]" * 40: (8, "nest at most 32 deep"),
    "(" * 40 + "x" + ",)" * 40: (8, "nest at most 32 deep"),
    "1" + "0" * 400 + " * x": (403, "too large"),
    # Python
    "__import__('os')": (1, "two underscores"),
    "__import__": (1, "two underscores"),
    "eval(x)": (1, "no function 'eval'"),
    "exec('x')": (6, "no part of an expression"),
    "x.__class__": (2, "'.T'"),
    "lambda x: x": (1, "word of Python"),
    "(x for x in y)": (4, "word of Python"),
    "x if x else y": (3, "where(condition"),
    "[x for x in y]": (4, "word of Python"),
    "open(x)": (1, "no function 'open'"),
    "import os": (1, "word of Python"),
    "x; y": (2, "one by one"),
    "f'{x}'": (2, ""),
    "x := 2": (3, "no part"),
    "print(x)": (1, "no function 'print'"),
    # syntax
    "": (1, "empty"),
    "   ": (1, "empty"),
    "sin(x": (4, "never closed"),
    "sin(x))": (7, "closes nothing"),
    "(x]": (3, "close it by"),
    "2x": (2, "2*x"),
}


@pytest.mark.parametrize("text", WRONG)
def test_error(text):
    column, part = WRONG[text]
    with pytest.raises((ParseError, ShapeError, InputError)) as caught:
        expression_graph(text)
    message = str(caught.value)
    assert part in message
    assert message.startswith(f"column {column}: ")
    assert getattr(caught.value, "column", column) == column
    assert message.endswith((".", "?"))
    assert len(message) < 300
    assert __file__ not in message


SHAPES = {
    "x @ W": (3, "matmul: shapes (3,) and (2, 3) do not multiply"),
    "2*(x + y2)": (6, "do not broadcast"),
    "reshape(x, (2, 2))": (1, "(2, 2)"),
    "sum(W, axis=2)": (1, "axis 2 does not exist"),
    "x[3]": (2, "out of range"),
    "x[0, 0]": (2, "2 indices"),
    "W[[0, 5]]": (2, "outside"),
    "concatenate(x, W)": (1, "do not join"),
    "stack(x, y2)": (1, "do not stack"),
    "outer(x, y2) + y2 @ x": (19, "do not multiply"),
    "transpose(W, (0, 0))": (1, "no permutation"),
    "broadcast_to(x, (3, 2))": (1, "broadcast"),
    "[[1, 2], [3]] * x": (1, "differ in length"),
    "[x, y2]": (1, "do not stack"),
    "index_add(x, index=[0:2], shape=(5,))": (1, "does not fill"),
    "x[" + "None," * 80 + "]": (2, "64"),
    "reshape(x, (10000000000, 10000000000, 10000000000))": (1, "reshape"),
}


@pytest.mark.parametrize("text", SHAPES)
def test_shapes_that_do_not_fit(text):
    column, part = SHAPES[text]
    given = {"x": x, "W": M, "y2": [1.0, 2.0]}
    used = input_names(text)
    with pytest.raises((ShapeError, ParseError)) as caught:
        expression_graph(text, {name: given[name] for name in used})
    message = str(caught.value)
    assert message.startswith(f"column {column}: ")
    assert part in message
    assert message.endswith(".")
    assert __file__ not in message
    assert "column" not in message[8:]


@pytest.mark.parametrize(
    ("text", "args", "names", "part"),
    [
        ("x1*x2", {"x1": 2}, None, "No value was given for x2"),
        ("x1*x2", {"x1": 2, "x2": 1, "x3": 1}, None, "no input x3; its inputs are x1, x2"),
        ("x1*x2", (2,), None, "the value of x2 is missing"),
        ("x1*x2", (2, 3, 4), None, "3 values were given"),
        ("2", (2,), None, "no inputs"),
        ("2", {"x": 2}, None, "has no inputs"),
        ("x", {"x": "two"}, None, "The value of x is str"),
        ("x", {"x": None}, None, "The value of x is NoneType"),
        ("x", {"x": 1j}, None, "complex"),
        ("x", {"x": [[1, 2], [3]]}, None, "ragged"),
        ("x", {"x": [1, "a"]}, None, "The value of x"),
        ("x", {"x1²": 1}, None, "cannot be the name"),
        ("x", {"a b": 1}, None, "cannot be the name"),
        ("x", {1: 1}, None, "cannot be the name"),
        ("x", (1, 2), ("x", "x"), "given twice"),
        ("x", {"x1": 1, "x₁": 2}, None, "given twice"),
        (b"x", (1,), None, "not a bytes"),
    ],
)
def test_values_that_do_not_fit(text, args, names, part):
    with pytest.raises(InputError) as caught:
        expression_graph(text, args, names)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")


def test_names_list_all_inputs():
    with pytest.raises(ParseError, match=r"^column 5: 'z' is none of the inputs, which are x, y\.$"):
        expression_graph("x + z", names=["x", "y"])


def test_messages_stay_short_whatever_the_name():
    long = "x" * 100_000
    for text, args in [(f"{long}(y)", None), (long, {"y": 1}), (long, (1, 2)), (f"sum(x, {long}=1)", None)]:
        with pytest.raises(AdlabError) as caught:
            expression_graph(text, args)
        assert len(str(caught.value)) < 300


# -------------------------------------------------------------------------------- size

SIZES = {
    "a sum of 20,000 products": ("+".join(["x*y"] * 20_000), 20_002),  # x*y is one node
    "100,000 operations": ("x" + "*y+x" * 50_000, 50_003),
    "100,000 different operations": ("+".join(f"sin({k}*x)" for k in range(33_333)), 99_999),
    "parentheses 50,000 deep": ("(" * 50_000 + "x" + ")" * 50_000, 1),
    "unary minuses": ("-" * 100_000 + "x", 100_001),
    "calls nested 20,000 deep": ("sin(" * 20_000 + "x" + ")" * 20_000, 20_001),
    "powers nested 10,000 deep": ("2**" * 10_000 + "x", 10_001),
    "20,000 inputs": ("+".join(f"x{k}" for k in range(20_000)), 39_999),
    "a list of 50,000 numbers": ("[" + "1," * 50_000 + "] * x", 2),
    "a list of 3,000 variables": ("[" + "x," * 3_000 + "]", 2),
    "a name of 100,000 letters": ("x" * 100_000, 1),
}


@pytest.mark.parametrize("name", SIZES)
def test_size(name):
    text, length = SIZES[name]
    graph = expression_graph(text).graph
    assert len(graph) == length


REFUSED = {
    "lists nested 50,000 deep": "[" * 50_000 + "x" + "]" * 50_000,
    "tuples nested 50,000 deep": "(" * 50_000 + "x" + ",)" * 50_000,
    "lists of numbers nested 50,000 deep": "[" * 50_000 + "1" + "]" * 50_000,
    "open parentheses": "(" * 100_000,
    "30,000 arguments": "sin(" + "x," * 30_000 + ")",
    "30,000 keywords": "sum(x," + ",".join(f"k{i}=1" for i in range(30_000)) + ")",
    "new axes without end": "x" + "[None]" * 30_000,
    "an unknown function of 100,000 letters": "s" * 100_000 + "(x)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_size_of_what_is_refused(name):
    with pytest.raises(AdlabError) as caught:
        expression_graph(REFUSED[name])
    assert len(str(caught.value)) < 300


# -------------------------------------------------------------------------------- fuzzing

WORDS = st.sampled_from(
    [
        "x",
        "y",
        "2",
        "-3",
        "0.5",
        "pi",
        "e",
        "None",
        "True",
        "(",
        ")",
        "[",
        "]",
        ",",
        "+",
        "-",
        "*",
        "/",
        "^",
        "²",
        "@",
        ".T",
        "<",
        "==",
        "sin(",
        "max(",
        "sum(",
        "where(",
        "reshape(",
        "index_add(",
        "concatenate(",
        "stack(",
        "axis=",
        "shape=",
        "index=",
        "dtype=",
        "(2,)",
        "float32",
        "[0]",
        "[None]",
        "[1:]",
        "clip(",
        "cast(",
        "not ",
        "()",
        "diag(",
        "norm(",
        "softmax(",
    ],
)


@settings(SEEDED, max_examples=400)
@given(st.lists(WORDS, max_size=12), st.sampled_from([(), (3,), (2, 2)]))
def test_any_words_give_a_graph_or_a_sentence(words, shape):
    text = "".join(words)
    try:
        names = input_names(text)
        graph = expression_graph(text, {name: np.ones(shape) for name in names}).graph
    except AdlabError as error:
        message = str(error)
        assert message.startswith("column ")
        assert message.endswith((".", "?"))
        assert __file__ not in message
        assert "\n" not in message
    else:
        check(graph)


CLOSED = st.recursive(
    st.sampled_from(["x", "y", "2", "0.5", "pi"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/@^<"), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(st.sampled_from(sorted(FORMS)), st.lists(inner, min_size=1, max_size=3)).map(
            lambda t: f"{t[0]}({','.join(t[1])})"
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        inner.map(lambda text: f"{text}[0]"),
        inner.map(lambda text: f"(-{text}.T)"),
    ),
    max_leaves=6,
)


@SEEDED
@given(CLOSED, st.sampled_from([(), (3,), (2, 2)]))
def test_any_nesting_gives_a_graph_that_can_be_evaluated_or_a_sentence(text, shape):
    try:
        graph = expression_graph(text, {name: np.ones(shape) for name in input_names(text)}).graph
    except AdlabError as error:
        message = str(error)
        assert message.startswith("column ")
    else:
        check(graph)
        found = NUMPY.outputs(graph, NUMPY.run(graph, [np.ones(shape)[()]] * len(graph.inputs)))
        assert [np.shape(value) for value in found] == [type.shape for type in graph.output_types]


@pytest.mark.parametrize("name", ["meaning", "vocabulary"])
def test_examples_in_docstrings(name):
    result = doctest.testmod(import_module(f"adlab.frontends.expression.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_no_function_hides_a_row():
    assert set(NAMES) <= set(FORMS)
    assert all(name in FORMS for name in TABLE if name != "input")
