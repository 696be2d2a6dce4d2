"""Values on the command line: read without evaluating Python, or refused in one sentence with the name."""

from __future__ import annotations

import doctest
from importlib import import_module

import numpy as np
import pytest

from adlab.cli.values import bind_values, named_function, parse_value, parse_values
from adlab.errors import InputError
from adlab.frontends.expression import expression_graph

GOOD = {
    "2": 2.0,
    "-2": -2.0,
    "−2": -2.0,
    "+2": 2.0,
    "2.5": 2.5,
    ".5": 0.5,
    "1e3": 1000.0,
    "-1.5E-3": -0.0015,
    "1_000": 1000.0,
    " 2 ": 2.0,
    "inf": np.inf,
    "-inf": -np.inf,
    "Infinity": np.inf,
    "-∞": -np.inf,
    "pi": np.pi,
    "π/2": np.pi / 2,
    "-pi": -np.pi,
    "e": np.e,
    "1/3": 1 / 3,
    "2^10": 1024.0,
    "sqrt(2)": np.sqrt(2),
    "2*(1+1)": 4.0,
    "[1,2,3]": [1.0, 2.0, 3.0],
    "[1, -2.5, 1e-3,]": [1.0, -2.5, 0.001],
    "[[1,2],[3,4]]": [[1.0, 2.0], [3.0, 4.0]],
    "[pi/2, 0]": [np.pi / 2, 0.0],
    "2*[1,2]": [2.0, 4.0],
    "0.1": 0.1,
    "123456789.123456789": 123456789.123456789,
    "5e-324": 5e-324,
    "[inf, nan]": [np.inf, np.nan],
    "-0.0": -0.0,
}


@pytest.mark.parametrize("text", GOOD)
def test_value(text):
    found = parse_value("x", text.strip())
    np.testing.assert_array_equal(found, np.array(GOOD[text]))
    assert found.dtype == np.float64
    assert np.signbit(found).tolist() == np.signbit(np.array(GOOD[text])).tolist()


def test_nan_in_all_spellings():
    assert all(np.isnan(parse_value("x", text)) for text in ("nan", "NaN", "-nan", "NAN"))


BAD = {
    "two": "'two'",
    "": "missing",
    "2x": "2*x",
    "x2": "x2 is no number",
    "[1,[2,3]]": "differ in length",
    "[[1,2],[3]]": "differ in length",
    "[1,2": "never closed",
    "1,2": "comma",
    "(1,2)": "several values",
    "True": "true or false",
    "1 < 2": "true or false",
    "None": "no number",
    "__import__('os')": "underscores",
    "eval(2)": "no eval",
    "sum([1,2])": "no sum",
    "broadcast_to(0, (9,9))": "no broadcast_to",
    "1e999": "too large",
    "'2'": "no place",
    "1j": "complex",
    "2;3": "one by one",
    "0x10": "decimal",
    "@": "neither .npy nor .csv",
    "@data.txt": "neither .npy nor .csv",
    "@nowhere.npy": "not there",
    "@nowhere.csv": "not there",
    "1" * 700: "digits",
    "[" * 50 + "1" + "]" * 50: "32 deep",
    "[x, 1]": "x is no number",
    "f(": "never closed",
    "sin": "sin is a function",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_value(text):
    with pytest.raises(InputError) as caught:
        parse_values([f"x={text}"])
    message = str(caught.value)
    assert "The value of x" in message
    assert BAD[text] in message
    assert message.endswith((".", "?"))
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["2"], "write NAME=VALUE"),
        (["=2"], "write NAME=VALUE"),
        (["x y=2"], "name of an input"),
        (["x[0]=2"], "name of an input"),
        (["2x=2"], "name of an input"),
        (["__x=2"], "name of an input"),
        (["x=1", "x=2"], "value of x is given twice"),
        (["x1=1", "x₁=2"], "value of x1 is given twice"),
    ],
)
def test_words_that_give_no_value(words, part):
    with pytest.raises(InputError) as caught:
        parse_values(words)
    assert part in str(caught.value)


def test_values_keep_their_order():
    assert list(parse_values(["b=1", "a=[2]", "c = 3"])) == ["b", "a", "c"]


def test_size():
    assert parse_value("x", "[" + "1.5," * 50_000 + "]").shape == (50_000,)
    with pytest.raises(InputError):
        parse_value("x", "(" * 100_000)


# -------------------------------------------------------------------------------- files


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return f"@{path}"


def test_npy(tmp_path):
    for array in (
        np.arange(6.0).reshape(2, 3),
        np.arange(3, dtype=np.int32),
        np.float32([1.5, 2.5]),
        np.array(2.5),
    ):
        np.save(tmp_path / "x.npy", array)
        found = parse_value("x", f"@{tmp_path}/x.npy")
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


def test_npy_that_is_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "text.npy", np.array(["a"]))
    np.save(tmp_path / "complex.npy", np.array([1j]))
    np.savez(tmp_path / "archive.npz", x=np.ones(2))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    np.save(tmp_path / "cut.npy", np.ones(100))
    written(tmp_path, "cut.npy", (tmp_path / "cut.npy").read_bytes()[:200])
    written(tmp_path, "no.npy", b"hello")
    written(tmp_path, "empty.npy", b"")
    (tmp_path / "folder.npy").mkdir()
    parts = {
        "objects": "pickled",
        "text": "<U1",
        "complex": "complex128",
        "archive": "archive",
        "cut": "cut.npy",
        "no": "pickled",
        "empty": "empty",
        "folder": "cannot be read",
    }
    for name, part in parts.items():
        with pytest.raises(InputError) as caught:
            parse_value("x", f"@{tmp_path}/{name}.npy")
        assert part in str(caught.value), name
        assert f"{name}.npy" in str(caught.value)
        assert str(caught.value).endswith(".")


def test_a_pickle_is_never_run(tmp_path):
    import pickle

    target = tmp_path / "run"

    class Evil:
        def __reduce__(self):
            return (target.write_text, ("x",))

    for name, content in (("a.npy", pickle.dumps(Evil())), ("b.npy", None)):
        if content is None:
            np.save(tmp_path / name, np.array([Evil()], dtype=object), allow_pickle=True)
        else:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            parse_value("x", f"@{tmp_path / name}")
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,2\n3,4\n", [[1, 2], [3, 4]]),
        (b"1, 2, 3", [1, 2, 3]),
        (b"1\n2\n\n3\n", [1, 2, 3]),
        (b"\xef\xbb\xbf1,2\r\n3,-4e-1\r\n", [[1, 2], [3, -0.4]]),
        (b"2.5", 2.5),
        (b'"1","2"\n', [1, 2]),
        ("−1,inf,nan".encode(), [-1, np.inf, np.nan]),
    ],
)
def test_csv(tmp_path, content, expected):
    found = parse_value("x", written(tmp_path, "x.csv", content))
    np.testing.assert_array_equal(found, np.array(expected, float))
    assert found.shape == np.shape(expected)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"a,b\n1,2\n", "row 1, column 1: the cell is 'a'"),
        (b"1,2\n\n3,four\n", "row 3, column 2: the cell is 'four'"),
        (b"1,\n", "row 1, column 2: the cell is empty"),
        (b"1,2\n3\n", "row 2 has 1 numbers and row 1 has 2"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xff\xfe1", "no CSV text"),
        (b"1;2\n", "the cell is '1;2'"),
    ],
)
def test_csv_that_is_refused(tmp_path, content, part):
    with pytest.raises(InputError) as caught:
        parse_value("x", written(tmp_path, "x.csv", content))
    assert part in str(caught.value)
    assert "x.csv" in str(caught.value)
    assert str(caught.value).endswith(".")


# -------------------------------------------------------------------------------- binding


def plain(a, b, c=3.0):
    return a + b + c


def starred(a, *rest):
    return a + sum(rest)


def keyword(a, *, scale):
    return a * scale


def test_binding():
    assert bind_values("x2 - x1", {"x1": 1, "x2": 5}) == [5, 1]
    assert bind_values(plain, {"b": 2, "a": 1}) == [1, 2]
    assert bind_values(plain, {"b": 2, "a": 1, "c": 9}) == [1, 2, 9]
    assert bind_values(lambda a=1.0, b=2.0: a * b, {"b": 5}) == [1.0, 5]
    assert bind_values(starred, {"u": 2, "a": 1, "v": 3}) == [1, 2, 3]
    assert bind_values("x1*x2", {}) == []
    assert bind_values("2", {}) == []
    assert bind_values(expression_graph("b - a").graph, {"a": 1, "b": 2}) == [2, 1]


@pytest.mark.parametrize(
    ("function", "given", "part"),
    [
        ("x1*x2", {"x1": 1}, "lacks a value for x2; its inputs are x1, x2, so write x2=VALUE"),
        ("x1*x2", {"x1": 1, "x2": 1, "x3": 1}, "no input x3; its inputs are x1, x2"),
        ("2", {"x": 1}, "it has no inputs"),
        (plain, {"a": 1}, "plain lacks a value for b"),
        (plain, {"a": 1, "b": 1, "d": 1}, "plain has no input d; its inputs are a, b, c"),
        (plain, {}, "plain lacks a value for a, b"),
        (starred, {"b": 1}, "starred lacks a value for a"),
        (keyword, {"a": 1}, "keyword needs scale by keyword"),
    ],
)
def test_binding_that_fails(function, given, part):
    with pytest.raises(InputError) as caught:
        bind_values(function, given)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_value_for_e_makes_it_an_input():
    given = parse_values(["x=2", "e=3"])
    function = named_function("e*x", given)
    assert function.inputs == ("e", "x")
    assert bind_values(function, given) == [3.0, 2.0]
    assert named_function("e*x", parse_values(["x=2"])) == "e*x"
    assert named_function(plain, given) is plain


def test_examples_in_docstrings():
    result = doctest.testmod(import_module("adlab.cli.values"))
    assert result.attempted > 0
    assert result.failed == 0
