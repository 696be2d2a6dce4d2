"""A simplified graph gives the same bits: each rewrite on special values, whole graphs at random, wrong rewrites caught."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adlab as ad
from adlab.algebra.numpy import NumpyAlgebra, implementation
from adlab.errors import ShapeError
from adlab.frontends.recording import record
from adlab.ir.builder import Builder
from adlab.ir.check import check
from adlab.ir.index import normalise_index
from adlab.ir.types import BOOL, FLOAT32, FLOAT64, Type
from adlab.primitives import TABLE
from adlab.scopes import scope
from adlab.transforms import simplify
from adlab.transforms.evaluation import call_graph
from adlab.transforms.rewrites import REWRITES
from adlab.transforms.rewrites.entry import LITERAL, TWINS, Rewrite
from adlab.transforms.rewrites.numbers import (
    NOT_NEGATIVE,
    literal_is,
    minus_the_other,
    power_of_base,
    the_other,
)
from adlab.transforms.simplify import simplified

TINY = 5e-324
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -0.3, np.inf, -np.inf, np.nan, TINY, -TINY, 1e-310, 1.7e308, -1.7e308]
SPECIAL += [1e-154, 3.3e102, 1e200, 1 / 3]
SIZE = len(SPECIAL)


class OneByOne(NumpyAlgebra):
    """Numbers, elementwise rows on one element at a time: NumPy's vector loops may round otherwise than its scalar ones."""

    def apply(self, primitive, xs, params=()):
        if not primitive.elementwise:
            return super().apply(primitive, xs, params)
        function = implementation(primitive)
        arrays = np.broadcast_arrays(*xs)
        found = [function(*row) for row in zip(*(a.ravel() for a in arrays), strict=True)]
        shape = arrays[0].shape
        return np.array(found).reshape(shape) if shape else found[0]


ONE_BY_ONE = OneByOne()


def values_of(graph, args):
    found = ONE_BY_ONE.run(graph, args)
    return [
        np.asarray(v, t.dtype)
        for v, t in zip(ONE_BY_ONE.outputs(graph, found), graph.output_types, strict=True)
    ]


def assert_same_bits(graph, args, ulps=0.0):
    small = simplified(graph)
    check(small)
    assert small.output_types == graph.output_types
    for want, got in zip(values_of(graph, args), values_of(small, args), strict=True):
        assert want.shape == got.shape
        if ulps:
            np.testing.assert_array_equal(np.isfinite(want), np.isfinite(got))
            finite = np.isfinite(want)
            with np.errstate(invalid="ignore"):
                assert np.all(np.abs(want - got)[finite] <= ulps * np.spacing(np.abs(want[finite])))
        else:
            np.testing.assert_array_equal(want, got)
            np.testing.assert_array_equal(
                np.signbit(want) & ~np.isnan(want), np.signbit(got) & ~np.isnan(got)
            )


class Make:
    """A graph in the making: x and y are all pairs of special values, m a matrix, s and t single numbers, c truth values."""

    def __init__(self, dtype=FLOAT64):
        self.builder = Builder()
        types = {"x": (SIZE, 1), "y": (1, SIZE), "m": (2, 3), "v": (1, 3), "s": (), "t": ()}
        self.dtype = dtype
        for name, shape in types.items():
            setattr(self, name, self.builder.input(name, Type(shape, dtype)))
        self.c = self.builder.input("c", Type((SIZE, 1), BOOL))

    def __call__(self, name, *operands, **params):
        given = tuple(self.literal(j) if isinstance(j, (float, np.ndarray)) else j for j in operands)
        return self.builder.apply(TABLE[name], given, tuple(sorted(params.items())))

    def literal(self, value):
        return self.builder.literal(value, self.dtype)

    def index(self, x, index):
        return self("index", x, index=normalise_index(index, self.builder.type_of(x).shape))

    def graph(self, outputs):
        return self.builder.finish(outputs if isinstance(outputs, list) else [outputs])


def arguments(dtype=FLOAT64):
    with np.errstate(over="ignore"):
        x = np.array(SPECIAL, dtype)
        m = np.array([[1.0, -0.0, np.nan], [-np.inf, 3.0, 0.0]], dtype)
    row = x.reshape(1, SIZE)
    return [
        x.reshape(SIZE, 1),
        row,
        m,
        m[:1],
        dtype.type(-0.0),
        dtype.type(np.inf),
        np.arange(SIZE).reshape(SIZE, 1) % 2 == 0,
    ]


def indexed(m, where):
    return m("index_add", m.s, index=normalise_index(where, (3,)), shape=(3,))


EXAMPLES = {
    "x·1 → x": lambda m: m("multiply", 1.0, m.x),
    "x·(−1) → −x": lambda m: m("multiply", m.x, -1.0),
    "x/2ᵏ → x·2⁻ᵏ": lambda m: [m("divide", m.x, c) for c in (1.0, -1.0, 2.0, -8.0, 2.0**-30, 3.0, 2.0**100)],
    "1/x → reciprocal": lambda m: m("divide", 1.0, m.x),
    "c·(2ᵏ·x) → (c·2ᵏ)·x": lambda m: [
        m("multiply", c, m("multiply", k, m.x)) for c in (3.7, -1.0001, 0.3, 1e30) for k in (2.0, -4.0, 0.5, 3.0)
    ],
    "x+(−0) → x": lambda m: m("add", -0.0, m.x),
    "x+0 → x, x never −0": lambda m: [
        m("add", x, 0.0)
        for x in (
            m("square", m.x),
            m.x,
            m("add", m.x, m("exp", m.x)),
            m("add", m.x, m.y),
            m("subtract", m.x, m("square", m.y)),
            m("subtract", 1.0, m.x),
            m("subtract", m.x, 1.0),
            m("subtract", -0.0, m("square", m.x)),
            m("reshape", m("absolute", m.x), shape=(SIZE,)),
            m("stack", m.s, m.t, axis=0),
        )
    ],
    "x−0 → x": lambda m: [m("subtract", m.x, 0.0), m("subtract", 0.0, m.x)],
    "x−(−0) → x, x never −0": lambda m: [m("subtract", m("exp", m.x), -0.0), m("subtract", m.x, -0.0)],
    "−0−x → −x": lambda m: m("subtract", -0.0, m.x),
    "x⁰ → 1": lambda m: [m("power", m.x, 0.0), m("power", m.x, -0.0)],
    "x¹ → x": lambda m: m("power", m.x, 1.0),
    "x² → square": lambda m: m("power", m.x, 2.0),
    "x⁻¹ → reciprocal": lambda m: m("power", m.x, -1.0),
    "x³ → x²·x": lambda m: m("power", m.x, 3.0),
    "x⁴ → (x²)²": lambda m: m("power", m.x, 4.0),
    "where(literal, a, b)": lambda m: [
        m("where", m.builder.literal(truth), m.x, m("multiply", m.x, m.y)) for truth in (True, False)
    ],
    "f(uniform array) → f(number)": lambda m: m("add", m.x, np.full((1, 3), 0.1)),
    "−(−x) → x": lambda m: m("negative", m("negative", m.x)),
    "(−x)·y → −(x·y)": lambda m: m("multiply", m("negative", m.x), m.y),
    "(−x)/y → −(x/y)": lambda m: [m("divide", m("negative", m.x), m.y), m("divide", m.x, m("negative", m.y))],
    "x+(−y) → x−y": lambda m: [m("add", m.x, m("negative", m.y)), m("add", m("negative", m.s), m("negative", m.y))],
    "x−(−y) → x+y": lambda m: [m("subtract", m.x, m("negative", m.y)), m("subtract", m("negative", m.x), m.y)],
    "(−x)² → x²": lambda m: m("square", m("negative", m.x)),
    "|x|² → x²": lambda m: m("square", m("absolute", m.x)),
    "|−x| → |x|": lambda m: m("absolute", m("negative", m.x)),
    **{f"|{row}| → {row}": lambda m, row=row: m("absolute", m(row, *(m.x, m.y)[: TABLE[row].arity]))
       for row in NOT_NEGATIVE},
    "x·x → x²": lambda m: m("multiply", m.x, m.x),
    "max(x, x) → x": lambda m: m("maximum", m.x, m.x),
    "min(x, x) → x": lambda m: m("minimum", m.x, m.x),
    "where(c, a, a) → a": lambda m: m("where", m.c, m.y, m.y),
    "where(¬c, a, b) → where(c, b, a)": lambda m: m("where", m("logical_not", m.c), m.x, m.y),
    "¬¬c → c": lambda m: m("logical_not", m("logical_not", m.c)),
    "cast to its own dtype": lambda m: m("cast", m.x, dtype=m.dtype.name),
    "cast of a widening cast": lambda m: [
        m("cast", m("cast", m("cast", m.x, dtype="float32"), dtype="float64"), dtype="float32"),
        m("cast", m("cast", m.x, dtype="float32"), dtype="float64"),
    ],
    "reshape to its own shape": lambda m: m("reshape", m.x, shape=(SIZE, 1)),
    "reshape of reshape": lambda m: m("reshape", m("reshape", m.m, shape=(6,)), shape=(3, 2)),
    "reshape of a repeated number": lambda m: m("reshape", m("broadcast_to", m.s, shape=(2, 3)), shape=(6,)),
    "transpose in order": lambda m: [m("transpose", m.v, axes=(1, 0)), m("transpose", m.m, axes=(0, 1))],
    "transpose of transpose": lambda m: m(
        "transpose", m("transpose", m("multiply", m.x, m.y), axes=(1, 0)), axes=(1, 0)
    ),
    "transpose of a repeated number": lambda m: m("transpose", m("broadcast_to", m.s, shape=(2, 3)), axes=(1, 0)),
    "broadcast that repeats nothing": lambda m: [m("broadcast_to", m.v, shape=s) for s in ((1, 3), (1, 1, 3))],
    "broadcast of broadcast": lambda m: m("broadcast_to", m("broadcast_to", m.v, shape=(2, 3)), shape=(4, 2, 3)),
    "broadcast of a uniform array": lambda m: m("broadcast_to", np.full((1, 3), -0.0), shape=(2, 3)),
    "broadcast of reshape": lambda m: [
        m("broadcast_to", m("reshape", m.s, shape=(1, 1)), shape=(4, 2)),
        m("broadcast_to", m("reshape", m.v, shape=(3,)), shape=(2, 3)),
        m("broadcast_to", m("reshape", m.v, shape=(3, 1)), shape=(3, 2)),
    ],
    "f(broadcast) → broadcast of f": lambda m: [
        m("exp", m("broadcast_to", m.v, shape=(2, 3))),
        m("multiply", m("broadcast_to", m.v, shape=(2, 3)), m.m),
    ],
    "sum of single elements": lambda m: [m("sum", m.x, axis=(1,), keepdims=k) for k in (True, False)],
    "mean of single elements": lambda m: m("mean", m.x, axis=(1,), keepdims=False),
    "product of single elements": lambda m: m("prod", m.x, axis=(1,), keepdims=False),
    "max of single elements": lambda m: m("max", m.x, axis=(1,), keepdims=False),
    "min of single elements": lambda m: m("min", m.x, axis=(1,), keepdims=False),
    "running sum of one": lambda m: [m("cumsum", m.x, axis=1), m("cumsum", m.m, axis=1)],
    "index of all, new axes put in": lambda m: [m.index(m.m, (slice(None), None)), m.index(m.m, slice(None))],
    "index of a repeated number": lambda m: m.index(m("broadcast_to", m.s, shape=(3, 4)), (slice(1, 3), 0)),
    "index of a layer": lambda m: [
        m.index(m("stack", m.x, m("exp", m.x), axis=axis), at)
        for axis, at in ((0, 1), (1, (slice(2, None), 0)), (2, (0, 0, 1)), (0, slice(1, 2)))
    ],
    "index of index_add": lambda m: m.index(indexed(m, 1), 1),
    "index_add of all": lambda m: m(
        "index_add", m.m, index=normalise_index(slice(None), (2, 3)), shape=(2, 3)
    ),
    "index_add of zeros": lambda m: [
        m("index_add", np.full(9000, zero), index=normalise_index(slice(9000), (18000,)), shape=(18000,))
        for zero in (0.0, -0.0)
    ],
    "concatenation of one": lambda m: [
        m("concatenate", m.m, axis=0),
        m("concatenate", m.m, m.index(m.m, slice(0, 0)), m.v, axis=0),
    ],
    "stack of one": lambda m: m("stack", m.x, axis=1),
}  # fmt: skip


def test_every_rewrite_has_an_example():
    assert sorted(rewrite.name for rewrite in REWRITES) == sorted(EXAMPLES)


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda rewrite: rewrite.name)
def test_a_rewrite_gives_the_same_bits(rewrite, dtype):
    make = Make(dtype)
    assert_same_bits(make.graph(EXAMPLES[rewrite.name](make)), arguments(dtype), rewrite.ulps)


@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda rewrite: rewrite.name)
def test_a_rewrite_does_something(rewrite, monkeypatch):
    make = Make()
    graph = make.graph(EXAMPLES[rewrite.name](make))
    with_it = rows(simplified(graph))
    monkeypatch.setattr(simplify, "REWRITES", tuple(r for r in REWRITES if r is not rewrite))
    assert rows(simplified(graph)) != with_it


def rows(graph):
    """Return what a graph computes, literals by value."""

    def shown(j):
        return j if j >= 0 else repr(graph.constants[~j])

    table = zip(graph.primitives, graph.operands, graph.params, strict=True)
    return [(p.name, [shown(j) for j in o], q) for p, o, q in table]


@pytest.mark.parametrize("name", ["x² → square", "x⁻¹ → reciprocal"])
def test_products_are_numpys_power(name):
    x = np.random.default_rng(1).normal(size=20_000) * 10.0 ** np.random.default_rng(2).uniform(
        -100, 100, 20_000
    )
    exponent = 2.0 if name.startswith("x²") else -1.0
    graph = record(lambda x: np.power(x, exponent), (x,)).graph
    got = call_graph(simplified(graph), (x,))
    assert np.all(np.abs(got - np.power(x, exponent)) <= np.spacing(np.abs(got)))


# ------------------------------------------------------------------------------------------ wrong rewrites

WRONG = {
    "x+0 → x": Rewrite("", "add", LITERAL, literal_is(0.0, the_other), ""),
    "x·0 → 0": Rewrite("", "multiply", LITERAL,
                       literal_is(0.0, lambda w, at: w.fit(w.literal(0.0, at.type.dtype), at.type)), ""),
    "0−x → −x": Rewrite("", "subtract", LITERAL, literal_is(0.0, minus_the_other, 0), ""),
    "x−x → 0": Rewrite("", "subtract", TWINS,
                       lambda w, at: w.fit(w.literal(0.0, at.type.dtype), at.type), ""),
    "x/x → 1": Rewrite("", "divide", TWINS, lambda w, at: w.fit(w.literal(1.0, at.type.dtype), at.type), ""),
    "a−b → b−a": Rewrite("", "negative", "subtract",
                         lambda w, at: w.put("subtract", *reversed(w.operands[at.x]), type=at.type), ""),
    "sqrt(x²) → |x|": Rewrite("", "sqrt", "square",
                              lambda w, at: w.put("absolute", w.inside(at.x), type=at.type), ""),
    "x^½ → √x, x = −∞": Rewrite("", "power", LITERAL, literal_is(
        0.5, power_of_base(lambda w, x, t: w.put("absolute", w.put("sqrt", x, type=t), type=t)), 1), ""),
}  # fmt: skip

PLANTED = {
    "x+0 → x": lambda m: m("add", m.x, 0.0),
    "x·0 → 0": lambda m: m("multiply", m.x, 0.0),
    "0−x → −x": lambda m: m("subtract", 0.0, m.x),
    "x−x → 0": lambda m: m("subtract", m.x, m.x),
    "x/x → 1": lambda m: m("divide", m.x, m.x),
    "a−b → b−a": lambda m: m("negative", m("subtract", m.x, m.y)),
    "sqrt(x²) → |x|": lambda m: m("sqrt", m("square", m.x)),
    "x^½ → √x, x = −∞": lambda m: m("power", m.x, 0.5),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rewrite_is_caught(name, monkeypatch):
    make = Make()
    graph = make.graph(PLANTED[name](make))
    assert_same_bits(graph, arguments())
    monkeypatch.setattr(simplify, "REWRITES", (WRONG[name], *REWRITES))
    with pytest.raises(AssertionError):
        assert_same_bits(graph, arguments())


# --------------------------------------------------------------------------------------------- whole graphs

ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative", "square", "reciprocal", "absolute", "sqrt")
OTHERS = ("maximum", "minimum", "power", "exp", "sigmoid", "tanh", "less", "logical_not", "where")
LITERALS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.5, -4.0, np.inf, TINY, 3e38]
SHAPES = [(), (3,), (2, 3), (2, 1), (1,)]


@st.composite
def programs(draw, names=(*ARITHMETIC, *OTHERS)):
    """Return a random graph of elementwise and structural rows, with arguments full of special values."""
    builder = Builder()
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    dtypes = [draw(st.sampled_from([FLOAT64, FLOAT64, FLOAT32])) for _ in shapes]
    nodes = [builder.input(f"x{k}", Type(s, d)) for k, (s, d) in enumerate(zip(shapes, dtypes, strict=True))]
    with np.errstate(over="ignore"):
        args = [
            np.array([draw(st.sampled_from(SPECIAL)) for _ in range(int(np.prod(s)))], d).reshape(s)[()]
            for s, d in zip(shapes, dtypes, strict=True)
        ]

    def number():
        candidates = [j for j in nodes[-8:] if builder.types[j].dtype != BOOL]
        if draw(st.integers(0, 3)) == 0 or not candidates:
            return builder.literal(draw(st.sampled_from(LITERALS)), draw(st.sampled_from([FLOAT64, FLOAT32])))
        return draw(st.sampled_from(candidates))

    def truth():
        known = [j for j in nodes if builder.types[j].dtype == BOOL]
        return (
            draw(st.sampled_from(known))
            if known
            else builder.apply(TABLE["less"], (number(), builder.literal(1.0)))
        )

    for _ in range(draw(st.integers(1, 25))):
        name = draw(
            st.sampled_from([*names, "reshape", "transpose", "broadcast_to", "index", "sum", "stack"])
        )
        if name in TABLE and TABLE[name].elementwise:
            operands = [number() for _ in range(TABLE[name].arity)]
            if name in ("where", "logical_not"):
                operands[0] = truth()
            with contextlib.suppress(ShapeError):
                nodes.append(builder.apply(TABLE[name], tuple(operands)))
            continue
        x = draw(st.sampled_from(nodes[-8:]))
        if builder.types[x].dtype == BOOL and name in (
            "sum",
            "stack",
        ):  # the graph and NumPy give them two dtypes
            continue
        nodes.append(structural(draw, builder, name, x))
    wanted = [j for j in nodes[-6:] if j >= 0]
    return builder.finish(wanted), args


def structural(draw, builder, name, x):
    shape = builder.type_of(x).shape
    size = int(np.prod(shape))

    def apply(name, **params):
        return builder.apply(TABLE[name], (x,), tuple(sorted(params.items())))

    if name == "reshape":
        return apply(
            name, shape=draw(st.sampled_from([(size,), (size, 1), (1, size), *([()] if size == 1 else [])]))
        )
    if name == "transpose":
        return apply(name, axes=tuple(draw(st.permutations(range(len(shape))))))
    if name == "broadcast_to":
        return (
            apply(name, shape=draw(st.sampled_from([shape, (1, *shape), (2, *shape)])))
            if len(shape) < 3
            else x
        )
    if name == "index":
        index = draw(st.sampled_from([(), (None,), (slice(None, None, -1),), (0,)])) if shape else (None,)
        return apply(name, index=normalise_index(index, shape)) if len(shape) < 4 else x
    if name == "sum":
        axes = tuple(a for a in range(len(shape)) if draw(st.booleans()))
        return apply(name, axis=axes, keepdims=draw(st.booleans()))
    return apply(name, axis=0) if len(shape) < 3 else x


SETTINGS = settings(
    max_examples=500, deadline=None, derandomize=True, database=None, report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@SETTINGS
@given(programs())
def test_random_graphs_give_the_same_bits(case):
    graph, args = case
    small = simplified(graph)
    assert rows(simplified(small)) == rows(small), "nothing is left for a second pass"
    assert_same_bits(graph, args)


@pytest.mark.parametrize("name", ["x+0 → x", "x·0 → 0", "x−x → 0"])
def test_random_graphs_catch_a_wrong_rewrite(name, monkeypatch):
    monkeypatch.setattr(simplify, "REWRITES", (WRONG[name], *REWRITES))
    check_all = SETTINGS(
        given(programs(("add", "multiply", "subtract")))(lambda case: assert_same_bits(*case))
    )
    with pytest.raises(AssertionError):
        check_all()


def test_many_more_random_graphs_of_few_rows():
    """A few rows only, so that the patterns of the table come together more often."""
    few = programs(("add", "subtract", "multiply", "negative", "divide", "power"))
    SETTINGS(given(few)(lambda case: assert_same_bits(*case)))()


# ------------------------------------------------------------------------------------------ what is preserved


def test_names_scopes_lines_guards_and_nesting_stay():
    def f(params, x):
        with scope("layer"):
            h = params["W"] * 1.0 + np.sin(x)
        if x > 0:
            h = -np.negative(h) * 2
        return {"y": h, "same": x, "one": h * 0 + 1}

    graph = record(f, ({"W": 2.0}, 3.0)).graph
    small = simplified(graph)
    check(small)
    assert (small.inputs, small.in_tree, small.out_tree) == (graph.inputs, graph.in_tree, graph.out_tree)
    assert [g.outcome for g in small.guards] == [True]
    assert small.primitives[small.guards[0].operand].name == "greater"
    assert small.sources[small.guards[0].source] == graph.sources[graph.guards[0].source]
    (sine,) = (node for node in small if node.primitive.name == "sin")
    assert (sine.scope, sine.source.text()) == (("layer",), 'h = params["W"] * 1.0 + np.sin(x)')
    assert call_graph(small, ({"W": 2.0}, 3.0)) == call_graph(graph, ({"W": 2.0}, 3.0))
    with pytest.raises(ad.BranchError):
        call_graph(small, ({"W": 2.0}, -3.0))


def test_what_nothing_needs_is_left_out():
    make = Make()
    dead = make("multiply", make.s, 7.5)
    graph = make.graph(make("where", make.builder.literal(True), make.s, dead))
    small = simplified(graph)
    assert (len(small), small.constants) == (len(small.inputs), ())


def test_large_arrays_of_literals_are_not_computed_ahead():
    graph = record(lambda x: x + np.exp(np.broadcast_to(np.arange(300.0), (300, 300))), (1.0,)).graph
    make = Make()
    wide = make("broadcast_to", np.arange(300.0), shape=(300, 300))
    outputs = [make("transpose", wide, axes=(1, 0)), make("exp", wide)]
    small = simplified(make.graph(outputs))
    assert max(constant.type.size for constant in small.constants) == 300
    assert call_graph(simplified(graph), (1.0,)).shape == (300, 300)


def test_a_long_chain_takes_no_stack():
    builder = Builder()
    x = node = builder.input("x", Type((), FLOAT64))
    for _ in range(20_000):
        node = builder.apply(TABLE["negative"], (builder.apply(TABLE["add"], (node, x)),))
    graph = builder.finish([node])
    assert len(simplified(graph)) == len(graph) - 19_999  # −(x + a) + x becomes x − (x + a)


def test_stop_gradient_stays():
    graph = record(lambda x: x * ad.stop_gradient(x * 1.0), (3.0,)).graph
    assert ad.grad(simplified(graph))(3.0) == ad.grad(graph)(3.0) == 3.0


# ------------------------------------------------------------------------------------- sums of pieces in zeros

PIECES = {
    "elements": (lambda x: x[0] * x[3] + np.sin(x[1]) * x[2], (4,), True),
    "elements with gaps": (lambda x: x[0] * x[3] * x[5], (8,), True),
    "elements of a matrix": (lambda x: x[0, 1] * x[1, 1] * x[1, 2], (2, 3), True),
    "slices": (lambda x: np.sum(x[:3]) * np.sum(np.exp(x[5:])) + x[3], (9,), True),
    "columns": (lambda x: np.sum(x[:, 0] * x[:, 2]) + np.sum(x[:, 3:] ** 3), (3, 6), True),
    "overlapping": (lambda x: np.sum(x[1:] * x[:-1]), (5,), False),
    "rows and columns": (lambda x: np.sum(x[0]) * np.sum(x[:, 1]), (3, 3), False),
    "steps": (lambda x: np.sum(x[::2]) * np.prod(x[1::2]), (6,), False),
}


@pytest.mark.parametrize("case", PIECES)
def test_pieces_are_joined(case):
    function, shape, joins = PIECES[case]
    rng = np.random.default_rng(5)
    for special in (False, True):
        x = rng.choice(SPECIAL, shape) if special else rng.normal(size=shape)
        graph = ad.grad_graph(function, np.ones(shape))
        names = [p.name for p in simplified(graph).primitives]
        assert ("index_add" not in names) == joins
        assert_same_bits(graph, [x])


def test_a_sum_needed_halfway_is_not_joined():
    make = Make()
    index = [normalise_index(k, (3,)) for k in range(3)]
    a, b, c = (make("index_add", make.s, index=i, shape=(3,)) for i in index)
    half = make("add", a, b)
    graph = make.graph([make("add", half, c), half])
    assert_same_bits(graph, arguments())
    assert [p.name for p in simplified(graph).primitives].count("concatenate") <= 1
