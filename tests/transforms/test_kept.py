"""Graphs that are kept: traced when they must be, never when they need not be, and never stale."""

import functools
import operator
import random
import sys
import types

import numpy as np
import pytest

import adlab as ad
from adlab.frontends.reads import reads
from adlab.transforms import kept as policy
from adlab.transforms.kept import KeptGraphs

GAIN = 2.0
TABLE = {"gain": 2.0}
MATRIX = np.eye(2)
THIS = sys.modules[__name__]


class Rate(float):
    """A number whose operators look at what may change."""

    factor = 2.0

    def __mul__(self, other):
        return float(self) * self.factor * other


class Bound:
    """An index that may change."""

    stop = 2

    def __index__(self):
        return self.stop


RATE = Rate(1.0)
ROWS = np.array([(2.0, 3.0)], dtype=[("gain", float), ("bias", float)])
ROW = ROWS[0]
RECORDS = [ROWS.view(np.recarray)[0]]
OBJECTS = np.array([([2.0],)], dtype=[("gain", object)])
WINDOW = slice(0, Bound())
SCALED = np.frompyfunc(lambda x: GAIN * x, 1, 1)


def helper(x):
    return GAIN * x


def uses_globals(x):
    return helper(x) * x


def newton(a):
    x = a
    while abs(x * x - a) > 1e-13 * a:
        x = (x + a / x) / 2
    return x


def traces(function, *points):
    """How often a function is traced when it is called at points in turn."""
    kept = KeptGraphs(function)
    for point in points:
        kept.recording(point if isinstance(point, tuple) else (point,))
    return kept.traced


# ---------------------------------------------------------------------------------------------- branches, loops


def test_both_sides_of_a_branch_are_right_and_each_is_traced_once():
    def f(x):
        return x * x if x > 0 else -3 * x

    gradient = ad.grad(f)
    assert [gradient(x) for x in (1.0, -1.0, 2.0, -2.0, 0.0, 5.0)] == [2, -3, 4, -3, -3, 10]
    assert traces(f, 1.0, -1.0, 2.0, -2.0, 0.0, 5.0) == 2


def test_a_loop_until_convergence_has_a_graph_for_each_number_of_rounds():
    gradient = ad.grad(newton)
    points = (2.0, 7.0, 1e6, 0.01, 7.0, 2.0)
    for a in points:
        assert gradient(a) == pytest.approx(0.5 / np.sqrt(a), rel=1e-9)
    assert traces(newton, 2.0, 1e6, 2.0, 1e6, 2.0) == 2


def test_the_largest_of_python_follows_the_values():
    gradient = ad.grad(lambda x: max(x[0], x[1]) ** 2)
    for x in ([1.0, 3.0], [4.0, 3.0], [1.0, 2.0]):
        found = gradient(np.array(x))
        assert found[int(np.argmax(x))] == 2 * max(x)
        assert found.sum() == 2 * max(x)


def test_shapes_dtypes_and_nesting_have_graphs_of_their_own():
    points = [
        {"a": np.ones(2)},
        {"a": np.ones(3)},
        {"a": np.ones(2, np.float32)},
        {"a": np.ones(2), "b": 1.0},
    ]
    f = lambda x: np.sum(x["a"] ** 2)  # noqa: E731
    assert traces(f, *points, *points) == 4
    assert ad.grad(f)(points[2])["a"].dtype == np.float32


def test_the_one_used_last_is_tried_first_and_only_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(policy, "KEPT_GRAPHS", 2)
    kept = KeptGraphs(lambda x: np.sum(x * x))
    for n in (1, 2, 1, 3):
        kept.recording((np.ones(n),))
    assert [entry.key[1][0].shape for entry in kept.graphs] == [(3,), (1,)]
    kept.recording((np.ones(1),))
    assert kept.traced == 3
    kept.recording((np.ones(2),))
    assert kept.traced == 4


def test_large_graphs_push_others_out(monkeypatch):
    monkeypatch.setattr(policy, "KEPT_NODES", 10)
    kept = KeptGraphs(lambda x: functools.reduce(lambda a, b: a * b, [x] * len(x)).sum())
    for n in (3, 4, 9):
        kept.recording((np.ones(n),))
    assert [entry.key[1][0].shape for entry in kept.graphs] == [(9,)]
    kept.recording((np.ones(2),))
    assert [entry.key[1][0].shape for entry in kept.graphs] == [(2,)]
    kept.recording((np.ones(3),))
    assert [entry.key[1][0].shape for entry in kept.graphs] == [(3,), (2,)]


def test_every_verb_that_returns_a_function_keeps_graphs():
    count = []

    def counted(verb, *options):
        original = KeptGraphs._trace

        def trace(self, args):
            count.append(self.function)
            return original(self, args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(KeptGraphs, "_trace", trace)
            function = verb(lambda x: np.sum(np.sin(x) * x), **dict(options))
            function(np.ones(3))
            count.clear()
            function(np.ones(3) * 2)
        return len(count)

    for verb in (ad.grad, ad.value_and_grad, ad.jacobian, ad.hessian):
        assert counted(verb) == 0
    for verb in (ad.jacobian, ad.hessian):
        assert counted(verb, ("sparse", True)) == 0


def test_expressions_are_read_once():
    assert traces("x*sin(x)", 1.0, 2.0, 3.0) == 1


def test_within_a_trace_nothing_is_kept():
    inner = ad.grad(lambda y: y * y * y)
    outer = ad.grad(lambda x: inner(x) * x)
    assert [outer(x) for x in (1.0, 2.0)] == [9, 36]
    assert inner(2.0) == 12


# ------------------------------------------------------------------------------------------------- never stale


def test_a_closure_that_changes():
    scale = 2.0
    gradient = ad.grad(lambda x: scale * x)
    assert gradient(1.0) == 2
    scale = 5.0
    assert gradient(1.0) == 5


def test_globals_that_change_also_behind_other_functions(monkeypatch):
    gradient, hessian = ad.grad(uses_globals), ad.hessian(uses_globals)
    assert (gradient(1.0), hessian(1.0)) == (4, 4)
    monkeypatch.setitem(globals(), "GAIN", 3.0)
    assert (gradient(1.0), hessian(1.0)) == (6, 6)
    monkeypatch.setitem(globals(), "helper", lambda x: 7 * x)
    assert (gradient(1.0), hessian(1.0)) == (14, 14)


def test_contents_of_arrays_and_containers_that_change():
    data, table, deep = np.ones(2), {"k": [1.0]}, [[1.0]]
    gradient = ad.grad(lambda x: np.sum(data * x) * table["k"][0] * deep[0][0])
    assert gradient(np.ones(2)).tolist() == [1, 1]
    data[0] = 4.0
    assert gradient(np.ones(2)).tolist() == [4, 1]
    table["k"][0] = 2.0
    assert gradient(np.ones(2)).tolist() == [8, 2]
    deep[0].insert(0, 10.0)
    assert gradient(np.ones(2)).tolist() == [80, 20]


def test_rows_of_records_and_operators_of_subclasses_that_change(monkeypatch):
    rows, bound = np.array([(2.0, 1)], dtype=[("gain", float), ("n", int)]), Bound()
    row, rate, window = rows[0], Rate(1.0), slice(0, bound)
    scaled = np.frompyfunc(lambda x: Rate.factor * x, 1, 1)
    gradients = [
        ad.grad(lambda x: np.sum(row["gain"] * x)),
        ad.grad(lambda x: np.sum(rows["gain"][0] * x)),
        ad.grad(lambda x: np.sum(rate * x)),
        ad.grad(lambda x: np.sum(x[window]) * rate.factor),
        ad.grad(lambda x: np.sum(float(scaled(1.0)) * x)),
        ad.grad(lambda x: np.sum(operator.attrgetter("GAIN")(THIS) * x)),
    ]
    for gain in (2.0, 2.0, 2.0, 5.0, 5.0, 3.0):
        rows["gain"] = gain
        monkeypatch.setattr(Rate, "factor", gain)
        monkeypatch.setattr(THIS, "GAIN", gain)
        assert [gradient(np.ones(2))[0] for gradient in gradients] == [gain] * 6
    monkeypatch.setattr(Bound, "stop", 1)
    assert list(gradients[3](np.ones(2))) == [3.0, 0.0]


def test_minus_zero_and_nan_are_told_apart():
    zero = 0.0
    gradient = ad.grad(lambda x: np.arctan2(zero, x) * 0 + np.copysign(1.0, zero) * x)
    assert gradient(2.0) == 1
    zero = -0.0
    assert gradient(2.0) == -1


def test_attributes_of_objects():
    class Model:
        weight = 2.0

        def loss(self, x):
            return self.weight * x

    model = Model()
    by_method, by_closure = ad.grad(model.loss), ad.grad(lambda x: model.weight * x)
    assert (by_method(1.0), by_closure(1.0)) == (2, 2)
    model.weight = 3.0
    assert (by_method(1.0), by_closure(1.0)) == (3, 3)
    Model.weight = 4.0
    del model.weight
    assert (by_method(1.0), by_closure(1.0)) == (4, 4)


def test_attributes_of_modules_and_functions():
    settings = types.ModuleType("settings")
    settings.gain, settings.inner = 2.0, types.ModuleType("inner")
    settings.inner.offset = 1.0
    gradient = ad.grad(lambda x: settings.gain * x * settings.inner.offset)
    assert gradient(1.0) == 2
    settings.gain = 3.0
    assert gradient(1.0) == 3
    settings.inner.offset = 2.0
    assert gradient(1.0) == 6

    def tuned(x):
        return tuned.gain * x

    tuned.gain = 2.0
    gradient = ad.grad(tuned)
    assert gradient(1.0) == 2
    tuned.gain = 3.0
    assert gradient(1.0) == 3


def test_defaults_code_and_partials():
    def scaled(x, gain=2.0, *, offset=0.0):
        return gain * x + offset * x

    gradient = ad.grad(scaled)
    assert gradient(1.0) == 2
    scaled.__defaults__ = (3.0,)
    assert gradient(1.0) == 3
    scaled.__kwdefaults__["offset"] = 1.0
    assert gradient(1.0) == 4
    scaled.__code__ = (lambda x, gain, *, offset: x * x).__code__
    assert gradient(1.0) == 2
    weights = [2.0]
    gradient = ad.grad(functools.partial(lambda w, x: w[0] * x, weights))
    assert gradient(1.0) == 2
    weights[0] = 9.0
    assert gradient(1.0) == 9


def test_random_numbers_and_clocks_are_drawn_at_every_call():
    generator = np.random.default_rng(0)
    for f in (
        lambda x: generator.normal() * x,
        lambda x: np.random.normal() * x,
        lambda x: random.random() * x,
    ):
        gradient = ad.grad(f)
        assert len({float(gradient(1.0)) for _ in range(3)}) == 3


def test_side_effects_happen_at_every_call(capsys):
    seen, count = [], 0

    def noted(x):
        seen.append(1)
        return x

    def counted(x):
        nonlocal count
        count += 1
        return x

    def said(x):
        print("called")
        return x

    for f in (noted, counted, said):
        gradient = ad.grad(f)
        gradient(1.0)
        gradient(2.0)
    assert (len(seen), count, capsys.readouterr().out) == (2, 2, "called\ncalled\n")


def test_the_inner_function_of_a_derivative_is_looked_at():
    gain = 2.0
    hessian = ad.hessian(lambda x: gain * x * x)
    assert hessian(1.0) == 4
    gain = 3.0
    assert hessian(1.0) == 6


# ------------------------------------------------------------------------------------------------ what is known


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.where(x > 0, x, np.zeros(2)) @ MATRIX),
        lambda x: ad.relu(x) * GAIN + TABLE["gain"],
        lambda x: sum([np.sin(k * x) for k in range(3)]) + max(x, 1.0),
        functools.partial(helper),
        uses_globals,
        newton,
        ad.grad(uses_globals),
        functools.wraps(helper)(lambda x: helper(x)),
    ],
)
def test_plain_functions_are_known(function):
    assert reads(function).hold()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: getattr(x, "T"),  # noqa: B009
        lambda x: open(x),  # noqa: SIM115
        lambda x: np.load(x),
        lambda x: np.empty(3) + x,
        lambda x: globals()["GAIN"] * x,
        lambda x: np.ma.array(x),
        types.SimpleNamespace,
        np.random.default_rng(0).normal,
        [].append,
        functools.wraps(ad.grad)(lambda x: print(x)),
        lambda x: ROW["gain"] * x,
        lambda x: RECORDS[0].gain * x,
        lambda x: OBJECTS["gain"][0][0] * x,
        lambda x: RATE * x,
        lambda x: np.multiply(RATE, x),
        lambda x: x[WINDOW],
        lambda x: x * SCALED(1.0),
        lambda x: operator.attrgetter("GAIN")(THIS) * x,
        lambda x: operator.methodcaller("__getattribute__", "GAIN")(THIS) * x,
        lambda x: THIS.__dict__["GAIN"] * x,
    ],
)
def test_what_may_change_unseen_is_unknown(function):
    assert reads(function) is None


def test_arrays_too_large_to_compare_are_unknown():
    large = np.ones(2**21 + 1)
    assert reads(lambda x: x * large[0]) is None
