"""What is printed reads back: a graph's formula, parsed, is the same graph: every row, random nestings.

Every row of the table takes part: elementwise ones through their arity, structural ones through `STRUCTURAL`,
which must name them all. Two graphs are the same if outputs are made by the same primitives from the same
operands with the same parameters; the order of independent nodes is free, and a literal 2 is a literal 2.0.
"""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adlab.algebra.notation import Term, literal, symbol
from adlab.algebra.traced import Recorder
from adlab.errors import ShapeError
from adlab.frontends.expression import expression_graph
from adlab.ir.check import check
from adlab.ir.constant import PI, E, NamedNumber
from adlab.ir.graph import Graph
from adlab.ir.index import normalise_index
from adlab.ir.types import BOOL, FLOAT64, Type
from adlab.primitives import ROWS, TABLE
from adlab.render.formula import Style, write

SEEDED = settings(derandomize=True, deadline=None, database=None, max_examples=250)
STYLES = {"text": Style("text"), "ascii": Style("ascii")}
SHAPES = {"s": (), "t": (), "v": (3,), "w": (3,), "M": (2, 3), "N": (3, 2), "K": (2, 3, 2), "Q": (2, 2)}
INPUTS = tuple(f"v{k}" for k in range(len(SHAPES)))
POSITION = {name: k for k, name in enumerate(SHAPES)}


# -------------------------------------------------------------------------------- helpers


class Sheet:
    """A recorder with one input per entry of SHAPES, named v0, v1, …."""

    def __init__(self) -> None:
        self.recorder = Recorder({})
        types = [Type(shape, FLOAT64) for shape in SHAPES.values()]
        self.inputs = [self.recorder.variable(name, type) for name, type in zip(INPUTS, types, strict=True)]

    def __getitem__(self, name):
        return self.inputs[POSITION[name]]

    def constant(self, value):
        return self.recorder.literal(value)

    def apply(self, name, *operands, **params):
        """Record a row exactly as given, without NumPy's shortcuts."""
        indices = tuple(x if isinstance(x, int) else x.index for x in operands)
        return self.recorder.apply(TABLE[name], indices, tuple(sorted(params.items())))

    def finish(self, output):
        return self.recorder.finish([output])


def formula(graph: Graph) -> Term:
    """The whole graph as one formula in its inputs: shared nodes are written out each time."""
    terms = [symbol("v", k, 1.0) for k in range(len(graph.inputs))]
    constants = [literal(constant.value) for constant in graph.constants]
    for i in range(len(graph.inputs), len(graph)):
        args = tuple(terms[j] if j >= 0 else constants[~j] for j in graph.operands[i])
        terms.append(Term(graph.primitives[i], args, 1.0, graph.params[i]))
    return terms[graph.outputs[0]] if graph.outputs[0] >= 0 else constants[~graph.outputs[0]]


def number_key(value):
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.name, value.tobytes())
    if isinstance(value, NamedNumber):
        return value.symbol
    if isinstance(value, bool):
        return value, "bool"
    return (float(value), math.copysign(1.0, value)) if value == value else "nan"


def structure(graph: Graph, known: dict) -> int:
    """Number the computation that a graph returns: equal computations get equal numbers from one `known`."""
    constants = [
        known.setdefault(("literal", number_key(c.value), c.type), len(known)) for c in graph.constants
    ]
    nodes: list[int] = [known.setdefault(("input", name), len(known)) for name in graph.inputs]
    for i in range(len(graph.inputs), len(graph)):
        operands = tuple(nodes[j] if j >= 0 else constants[~j] for j in graph.operands[i])
        nodes.append(known.setdefault((graph.primitives[i], operands, graph.params[i]), len(known)))
    output = graph.outputs[0]
    return nodes[output] if output >= 0 else constants[~output]


def same(a: Graph, b: Graph) -> bool:
    known: dict = {}
    return structure(a, known) == structure(b, known)


def assert_reads_back(graph: Graph) -> None:
    check(graph)
    values = [np.ones(shape) for shape in SHAPES.values()]
    for style in STYLES.values():
        text = write(formula(graph), style)
        assert style.kind == "text" or text.isascii(), text
        again = expression_graph(text, values, INPUTS).graph
        check(again)
        assert same(graph, again), f"{text} reads back as {write(formula(again), style)}"


# -------------------------------------------------------------------------------- every row


def index(shape, *entries):
    return normalise_index(tuple(entries), shape)


STRUCTURAL = {
    "sum": [
        (["M"], {"axis": axis, "keepdims": keep}) for axis in (None, (0,), (1,)) for keep in (False, True)
    ]
    + [(["K"], {"axis": (0, 2), "keepdims": False})],
    "mean": [(["M"], {"axis": (1,), "keepdims": True}), (["v"], {"axis": None, "keepdims": False})],
    "max": [(["M"], {"axis": (0,), "keepdims": False}), (["v"], {"axis": None, "keepdims": False})],
    "min": [(["K"], {"axis": (1,), "keepdims": True}), (["v"], {"axis": None, "keepdims": True})],
    "prod": [(["M"], {"axis": (0,), "keepdims": False}), (["v"], {"axis": None, "keepdims": False})],
    "cumsum": [(["v"], {"axis": 0}), (["M"], {"axis": 1})],
    "reshape": [(["M"], {"shape": shape}) for shape in ((6,), (3, 2), (1, 6, 1), (2, 3))]
    + [(["s"], {"shape": (1,)})],
    "transpose": [
        (["M"], {"axes": (1, 0)}),
        (["M"], {"axes": (0, 1)}),
        (["K"], {"axes": (2, 0, 1)}),
        (["v"], {"axes": (0,)}),
    ],
    "broadcast_to": [
        (["v"], {"shape": (2, 3)}),
        (["s"], {"shape": (4,)}),
        (["s"], {"shape": ()}),
        (["v"], {"shape": (3,)}),
    ],
    "index": [
        (["M"], {"index": index((2, 3), *entries)})
        for entries in [
            (0,),
            (-1, 2),
            (slice(None), 1),
            (slice(1, None), slice(0, 2)),
            (slice(None, None, -1),),
            (slice(None, None, 2),),
            (..., None),
            (None, 0, None, slice(1, 3)),
            ([0, 1, 1],),
            ([[0, 1], [1, 0]],),
            (slice(None), [2, 0]),
            ([0, 1], [1, 2]),
            ([],),
            (slice(0, 0),),
            (slice(2, 0, -1), 1),
            (np.array([True, False]),),
        ]
    ]
    + [(["s"], {"index": ()}), (["s"], {"index": (None,)})],
    "index_add": [
        (["v"], {"index": index((5,), slice(1, 4)), "shape": (5,)}),
        (["v"], {"index": index((5,), [0, 0, 4]), "shape": (5,)}),
        (["s"], {"index": (2,), "shape": (3,)}),
        (["s"], {"index": (), "shape": ()}),
        (["v"], {"index": index((4, 3), 2), "shape": (4, 3)}),
        (["v"], {"index": index((4, 3), [0, 1, 1], [2, 2, 0]), "shape": (4, 3)}),
    ],
    "concatenate": [
        (["v", "w"], {"axis": 0}),
        (["M", "M"], {"axis": 1}),
        (["M"], {"axis": 0}),
        (["v", "w", "v"], {"axis": 0}),
    ],
    "stack": [(["s", "t"], {"axis": 0}), (["v", "w"], {"axis": 1}), (["v"], {"axis": 0})],
    "cast": [(["M"], {"dtype": dtype}) for dtype in ("float32", "float64", "bool")],
    "stop_gradient": [(["M"], {})],
    "matmul": [([a, b], {}) for a, b in ("MN", "Mv", "vN", "vw", "KM")],
    "outer": [(["v", "w"], {})],
    "norm": [(["M"], {"axis": (1,), "keepdims": True}), (["v"], {"axis": None, "keepdims": False})],
    "sort": [(["v"], {"axis": 0}), (["M"], {"axis": 1})],
    "arrange": [(["v", "w"], {"axis": 0, "inverse": inverse}) for inverse in (False, True)],
    "solve": [(["Q", "M"], {})],
    **{name: [(["Q"], {})] for name in ("det", "cofactors", "slogdet", "cholesky", "eigh")},
    **{name: [(["M"], {}), (["K"], {})] for name in ("svd", "pinv")},
}


def test_every_structural_row_is_in_the_table():
    assert {row.name for row in ROWS if not row.elementwise} == set(STRUCTURAL)


@pytest.mark.parametrize(
    ("name", "operands", "params"),
    [(name, *case) for name, cases in STRUCTURAL.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_structural_row(name, operands, params):
    sheet = Sheet()
    assert_reads_back(sheet.finish(sheet.apply(name, *[sheet[x] for x in operands], **params)))


@pytest.mark.parametrize("row", [row for row in ROWS if row.elementwise], ids=lambda row: row.name)
def test_elementwise_row(row):
    sheet = Sheet()
    for operands in (["s", "t", "s"], ["M", "M", "M"], ["v", "s", "M"]):
        given = [sheet[x] for x in operands[: row.arity]]
        if row.name in ("where", "logical_not", "logical_and", "logical_or"):
            given[0] = sheet.apply("less", given[0], sheet["t"])
        node = sheet.apply(row.name, *given)
        assert_reads_back(sheet.finish(node))
        nested = (
            sheet.apply(row.name, *[node] * row.arity) if row.name not in ("where", "logical_not") else node
        )
        assert_reads_back(sheet.finish(sheet.apply("multiply", nested, sheet["s"])))


# -------------------------------------------------------------------------------- literals and signs

NUMBERS = [
    0,
    1,
    2,
    -2,
    10**20,
    -(10**17) - 1,
    0.0,
    -0.0,
    0.5,
    -0.1,
    1e16,
    1e-300,
    -2.5e-9,
    1e308,
    5e-324,
    123456.789,
    1 / 3,
    2.0,
    -1.0,
    float("inf"),
    float("-inf"),
    float("nan"),
    PI,
    E,
    True,
    False,
]


@pytest.mark.parametrize("value", NUMBERS, ids=str)
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "power", "maximum"])
def test_literal_as_either_operand(name, value):
    sheet = Sheet()
    v0, number = sheet["s"], sheet.constant(value)
    if not (name == "power" and type(value) is int and value == 2):  # the recorder makes it a square
        assert_reads_back(sheet.finish(sheet.apply(name, v0, number)))
    assert_reads_back(sheet.finish(sheet.apply(name, number, v0)))


@pytest.mark.parametrize("value", [v for v in NUMBERS if not isinstance(v, bool)], ids=str)
def test_signs_and_powers_of_literals(value):
    sheet = Sheet()
    number = sheet.constant(value)
    once = sheet.apply("negative", number)
    for node in (
        once,
        sheet.apply("negative", once),
        sheet.apply("square", number),
        sheet.apply("square", once),
    ):
        assert_reads_back(sheet.finish(node))
        assert_reads_back(sheet.finish(sheet.apply("power", sheet["s"], node)))
    assert_reads_back(sheet.finish(number))


@pytest.mark.parametrize(
    "array",
    [[1.0, 2.0], [0.1 + 0.2, -1e-9], [[1.0, -0.5], [1 / 3, 4e20]], [np.inf, np.nan, -0.0], [True, False]],
)
def test_literal_arrays(array):
    sheet = Sheet()
    given = np.array(array)
    number = sheet.recorder.literal(given, given.dtype)
    assert_reads_back(
        sheet.finish(sheet.apply("where", number, number, sheet["s"]))
        if given.dtype == bool
        else sheet.finish(sheet.apply("multiply", sheet.apply("negative", number), sheet["s"]))
    )


def test_an_operand_that_does_not_fill_the_index_is_refused():
    with pytest.raises(ShapeError, match=r"column 1: .*does not fill"):
        expression_graph("index_add(x, index=[0:2], shape=(5,))", [np.ones(3)])


# -------------------------------------------------------------------------------- random nestings

UNARY = [row.name for row in ROWS if row.elementwise and row.arity == 1 and row.name != "logical_not"]
BINARY = [
    row.name for row in ROWS if row.elementwise and row.arity == 2 and not row.name.startswith("logical")
]
TERNARY = [row.name for row in ROWS if row.elementwise and row.arity == 3]
MOVES = [
    "sum",
    "mean",
    "max",
    "cumsum",
    "reshape",
    "transpose",
    "index",
    "stack",
    "concatenate",
    "matmul",
    "cast",
]


def random_graph(rng: random.Random, moves=()) -> Graph:
    """A graph of random applications to earlier nodes and literals; what does not fit is left out."""
    sheet = Sheet()
    recorder, names = (
        sheet.recorder,
        [*UNARY, *BINARY * 2, *TERNARY, *["negative", "power", "square"] * 6, *moves],
    )
    pool = [sheet[name].index for name in SHAPES]
    last = pool[0]
    wanted, tries = rng.randint(1, 9), 0
    while len(recorder) < len(pool) + wanted and tries < 100:
        tries += 1
        name = rng.choice(names)
        operands = [
            _operand(rng, recorder, pool, last) for _ in range(TABLE[name].arity or rng.randint(1, 3))
        ]
        operands[rng.randrange(len(operands))] = last  # all that is made takes part in the result
        node = _applied(rng, recorder, name, operands)
        if node is not None:
            last = node
    return recorder.finish([last])


def _operand(rng, recorder, pool, last):
    literals = [
        rng.randint(-3, 3),
        rng.choice([PI, E, 0.1, -0.0]),
        rng.uniform(-9, 9) * 10.0 ** rng.randint(-300, 300),
    ]
    return rng.choice([rng.choice(pool), last, recorder.literal(rng.choice(literals))])


def _applied(rng, recorder, name, operands):
    types = [recorder.type_of(j) for j in operands]
    if name == "power" and operands[1] < 0:
        exponent = recorder.constants[~operands[1]].value
        if type(exponent) is int and exponent == 2:
            return None  # the recorder makes it a square
    if any(type.dtype == BOOL for type in types) and name not in ("less", "equal", "greater", "where"):
        return None  # arithmetic of truth values has rules of its own
    if name == "where" and BOOL in (types[1].dtype, types[2].dtype):
        return None
    try:
        if name == "where" and types[0].dtype != BOOL:
            operands[0] = recorder.apply(TABLE["less"], (operands[0], operands[1]))
        params = tuple(sorted(_params(rng, name, types[0].shape).items()))
        return recorder.apply(TABLE[name], tuple(operands), params)
    except (ShapeError, LookupError):
        return None


def _params(rng, name, shape):
    axes = range(len(shape))
    if not shape and name in ("sum", "mean", "max", "cumsum", "concatenate", "transpose"):
        raise LookupError("a scalar has no axis")
    if name in ("sum", "mean", "max"):
        axis = (rng.choice(axes),) if len(shape) > 1 and rng.random() < 0.5 else None
        return {"axis": axis, "keepdims": rng.random() < 0.5}
    if name in ("cumsum", "concatenate"):
        return {"axis": rng.choice(axes)}
    if name == "stack":
        return {"axis": rng.randint(0, len(shape))}
    if name == "reshape":
        return {"shape": tuple(rng.sample(shape, len(shape)))}
    if name == "transpose":
        return {"axes": tuple(rng.sample(axes, len(axes)))}
    if name == "index":
        entries = [
            0,
            -1,
            1,
            None,
            slice(1, None),
            slice(None, None, -1),
            slice(0, 2),
            [0, 1, 1],
            [[0], [1]],
            ...,
        ]
        return {"index": normalise_index(tuple(rng.sample(entries, rng.randint(0, 2))), shape)}
    return {"dtype": "float64"} if name == "cast" else {}


SEEDS = st.integers(0, 2**64 - 1)


@SEEDED
@given(SEEDS)
def test_random_formulas(seed):
    assert_reads_back(random_graph(random.Random(seed)))


@SEEDED
@given(SEEDS)
def test_random_formulas_of_arrays(seed):
    assert_reads_back(random_graph(random.Random(seed), MOVES * 3))


def test_random_formulas_are_rich():
    made = [random_graph(random.Random(seed), MOVES * 3) for seed in range(300)]
    names = {primitive.name for graph in made for primitive in graph.primitives}
    assert names >= {*UNARY, *BINARY, *TERNARY, *MOVES}
    assert np.mean([len(graph) - len(graph.inputs) for graph in made]) > 4


# -------------------------------------------------------------------------------- the tester


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a - b", "b - a"),
        ("a*b*2", "a*(b*2)"),
        ("x^2", "x^2.0"),
        ("x + 0.0", "x + -0.0"),
        ("cast(x, dtype=float32)", "cast(x, dtype=float64)"),
        ("2*x", "2*y"),
        ("-2*x", "-(2*x)"),
        ("pi*x", "3.141592653589793*x"),
        ("sin(x)", "cos(x)"),
    ],
)
def test_the_comparison_tells_graphs_apart(one, other):
    assert not same(expression_graph(one).graph, expression_graph(other).graph)
    assert same(expression_graph(one).graph, expression_graph(one).graph)
