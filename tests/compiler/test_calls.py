"""Entry points: exact results on what they know, the slow path on everything else, a crash on nothing."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import weakref

import numpy as np
import pytest

import adlab as ad
from adlab.compiler import calls, native
from adlab.errors import AdlabError, BranchError, InputError


def compiled(f, *args):
    made = native.compile_graph(ad.graph(f, *args))
    assert made.stats.kind != "interpreted", made.stats.reason
    return made


def running_example(a, b):
    return np.log(a) + a * b - np.sin(b)


@pytest.fixture(scope="module")
def example():
    return compiled(ad.value_and_grad(running_example, (0, 1)), 2.0, 5.0)


def test_floats_in_numpy_floats_out_nested_as_the_function_returns_them(example):
    value, (da, db) = example(2.0, 5.0)
    assert [type(x) for x in (value, da, db)] == [np.float64] * 3
    assert (da, db) == (5.5, 2 - np.cos(5.0))
    assert value == running_example(2.0, 5.0)


@pytest.mark.parametrize(
    "args",
    [
        (2, 5),
        (np.float64(2), 5.0),
        (np.float32(2), 5.0),
        (np.array(2.0), 5),
        (True + 1, np.int8(5)),
        ([2.0][0], 5.0),
    ],
    ids=repr,
)
def test_any_number_is_taken(example, args):
    assert example(*args) == example(2.0, 5.0)


@pytest.mark.parametrize(
    "args",
    [
        (),
        (1.0,),
        (1.0, 2.0, 3.0),
        ("a", 1.0),
        (None, 1.0),
        (1j, 1.0),
        ([1.0], 2.0),
        (np.ones(2), 1.0),
        ({}, 1.0),
    ],
    ids=repr,
)
def test_bad_arguments_are_a_sentence(example, args):
    with pytest.raises(AdlabError, match=r"\.$|\.\n?"):
        example(*args)


def test_keywords_are_refused(example):
    with pytest.raises(TypeError):
        example(2.0, b=5.0)


def test_nested_arguments_and_results():
    def f(p, xs):
        return {"s": p["w"] * xs[0], "t": [p["b"] + xs[1], (xs[0], None)]}

    made = compiled(f, {"w": 1.0, "b": 2.0}, [1.0, 2.0])
    given = ({"w": 3.0, "b": 4.0}, [5.0, 6.0])
    assert made(*given) == {"s": 15.0, "t": [10.0, (5.0, None)]}
    assert made({"b": 4.0, "w": 3.0}, [5.0, 6.0]) == made(*given)
    with pytest.raises(InputError):
        made({"w": 3.0}, [5.0, 6.0])
    with pytest.raises(InputError):
        made({"w": 3.0, "b": 4.0}, (5.0, 6.0))
    with pytest.raises(InputError):
        made({"w": 3.0, "b": 4.0}, [5.0])


def test_arrays_are_read_where_they_lie_and_converted_where_they_do_not_fit():
    made = compiled(lambda x, y: (x[0] * y + x[2], x[1]), np.ones(3), 2.0)
    x = np.array([1.0, 2.0, 3.0])
    wanted = (1.0 * 4 + 3, 2.0)
    wide = np.zeros((3, 2))
    wide[:, 0] = x
    unaligned = np.frombuffer(b"\0" + x.tobytes(), dtype=np.float64, offset=1, count=3)
    read_only = x.copy()
    read_only.flags.writeable = False
    for given in (
        x,
        wide[:, 0],
        unaligned,
        read_only,
        x.astype(">f8"),
        x.astype(int),
        list(x),
        x.astype(np.float32),
    ):
        assert made(given, 4.0) == wanted
    for bad in (np.ones(2), np.ones((3, 1)), np.ones(3) * 1j, np.array(["a", "b", "c"]), 1.0):
        with pytest.raises(AdlabError):
            made(bad, 4.0)


LARGE = np.linspace(-1, 1, 1200).reshape(40, 30)


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


class Sub(np.ndarray):
    """A subclass of arrays, which the entry does not know."""


def test_float32_numbers_are_read_where_they_lie():
    x, rate = np.arange(5, dtype=np.float32), np.float32(0.3)
    made = compiled(lambda x, rate: x - rate * x, x, rate)
    for given in (rate, np.float32(-7.5), np.array(0.3, np.float32), np.float32(np.inf)):
        with np.errstate(invalid="ignore"):
            found = made(x + 1, given)
            wanted = (x + 1) - given * (x + 1)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    scalar = compiled(lambda a, b: a * b + 1, np.float32(2), 3.0)
    assert scalar(np.float32(0.5), 4.0) == 3.0


def test_subclasses_go_the_slow_way():
    made = compiled(lambda x: x[0] * x[1], np.ones(2))
    for other in (np.array([2.0, 3.0]).view(Sub), np.ma.array([2.0, 3.0])):
        with pytest.raises(InputError, match=r"np\.asarray makes a plain array"):
            made(other)


def test_a_traced_argument_is_traced_through(example):
    assert ad.grad(lambda a: example(a, 5.0)[0])(2.0) == 5.5


def test_a_branch_that_turns_out_otherwise_is_an_error_and_leaks_nothing():
    def f(x):
        return np.stack([x[0], x[1]]) if x[0] > 0 else x

    made = compiled(f, np.ones(2))
    assert made(np.array([1.0, 2.0])).tolist() == [1.0, 2.0]
    before = sys.getallocatedblocks()
    for _ in range(200):
        with pytest.raises(BranchError, match="was true"):
            made(np.array([-1.0, 2.0]))
    gc.collect()
    assert sys.getallocatedblocks() - before < 200


def test_results_own_their_memory_and_references_balance(example):
    given = (2.0, 5.0)
    counts = [sys.getrefcount(x) for x in (*given, None, np.float64, float, tuple)]
    for _ in range(1000):
        example(*given)
    after = [sys.getrefcount(x) for x in (*given, None, np.float64, float, tuple)]
    assert all(abs(a - b) < 20 for a, b in zip(counts, after, strict=True))


def test_the_function_dies_with_its_last_reference():
    made = compiled(lambda x: x * 2.0 + 1.0, 1.0)
    dead = weakref.ref(made)
    del made
    gc.collect()
    assert dead() is None


def test_attributes_and_repr(example):
    assert "native function (a, b)" in repr(example)
    assert "define ptr @entry" in example.ir
    assert example.stats.operations > 0 < example.stats.object_bytes
    assert example.graph.inputs == ("a", "b")
    assert "ret" in example.assembly


def test_pickling_compiles_again(example):
    import pickle

    assert pickle.loads(pickle.dumps(example))(2.0, 5.0) == example(2.0, 5.0)


def test_several_threads_call_and_compile():
    made = compiled(ad.value_and_grad(running_example, (0, 1)), 2.0, 5.0)
    wanted, wrong = {x: made(x, 5.0) for x in (1.0, 2.0, 3.0)}, []

    def work(x):
        own = compiled(lambda a: a * x, 1.0)
        wrong.extend(x for _ in range(2000) if made(x, 5.0) != wanted[x] or own(2.0) != 2.0 * x)

    threads = [threading.Thread(target=work, args=(x,)) for x in wanted for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_long_calls_run_side_by_side_with_memory_of_their_own():
    x = np.linspace(-1, 1, 40_000).reshape(200, 200)
    made = native.compile_graph(ad.graph(lambda x, s: np.tanh(x @ x * s) @ x, x, 1.0))
    assert "PyEval" not in made.ir  # the C API is reached through the table only
    assert "atomicrmw" in calls.entry_text(made.graph, native.lower(made.graph), heavy=True)[0]
    wanted = {s: made(x, s) for s in (0.5, 1.0, 2.0, 3.0)}
    wrong = []

    def work(s):
        wrong.extend(s for _ in range(60) if not np.array_equal(made(x, s), wanted[s]))

    threads = [threading.Thread(target=work, args=(s,)) for s in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_fuzz_of_wrong_types_counts_shapes_and_lifetimes():
    rng = np.random.default_rng(7)
    shared = LARGE.copy()
    functions = [
        compiled(lambda a, b: (a * b, a - b), 1.0, 2.0),
        compiled(lambda x, a: (np.stack([x[0] * a, x[1]]), x[2]), np.ones(3), 1.0),
        compiled(lambda p: [p["a"] * p["b"][0], p["b"][1]], {"a": 1.0, "b": (1.0, 2.0)}),
        native.compile_graph(ad.graph(lambda w, g: (w - 0.5 * g, g @ w.T), LARGE, LARGE), {0: 0}),
    ]
    right = [(1.5, 2.5), (np.arange(3.0), 0.5), ({"a": 2.0, "b": (3.0, 4.0)},)]
    right.append((LARGE.copy(), LARGE))
    answers = [repr(f(*args)) for f, args in zip(functions, right, strict=True)]
    right[3][0][...] = LARGE
    makers = [
        lambda: float(rng.normal()), lambda: int(rng.integers(-5, 5)), lambda: None, lambda: "x" * int(rng.integers(5)),
        lambda: rng.normal(size=tuple(rng.integers(0, 4, size=int(rng.integers(0, 4))))),
        lambda: rng.normal(size=6)[::2], lambda: rng.normal(size=3).astype(np.float32), lambda: object(),
        lambda: [1.0, 2.0, 3.0], lambda: (1.0,), lambda: {"a": 1.0}, lambda: {"a": 1.0, "b": (1.0, 2.0)},
        lambda: {"a": 1.0, "b": [1.0, 2.0]}, lambda: {"b": (), "a": np.ones(2)}, lambda: True, lambda: 1j,
        lambda: np.float32(1), lambda: np.bool_(True), lambda: np.array(1.0), lambda: np.array([None, 1, 2]),
        lambda: memoryview(b"abc"), lambda: np.empty(3).view(Sub), lambda: float, lambda: b"ab", lambda: {1.0},
        lambda: np.array([(1, 2.0)], dtype="i4,f8"), lambda: np.array(["2020"], dtype="M8[D]"), lambda: range(3),
        lambda: LARGE.copy(), lambda: np.asfortranarray(LARGE), lambda: frozen(LARGE), lambda: shared, lambda: shared[::-1],
        lambda: LARGE.astype(np.float32), lambda: LARGE[:, :-1],
    ]  # fmt: skip
    for attempt in range(100_000):
        f = functions[attempt % len(functions)]
        args = [makers[int(rng.integers(len(makers)))]() for _ in range(int(rng.integers(0, 4)))]
        with contextlib.suppress(AdlabError, TypeError, ValueError):
            f(*args)
        del args
    assert [repr(f(*args)) for f, args in zip(functions, right, strict=True)] == answers
