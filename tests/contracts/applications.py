"""Example applications of the structural rows: operands and static parameters for the contracts to try.

An operand is given by its shape, and then drawn at random, or as an array where its values matter (ties,
zeros). A row added to the table without an example here fails `test_every_row_has_an_example`.
"""

import zlib
from typing import Any, NamedTuple

import numpy as np

from adlab.ir.index import normalise_index
from adlab.ir.types import FLOAT64, Type


class Application(NamedTuple):
    """One application: operands, parameters, and what is special about it.

    ``smooth`` is False where the example sits on a kink, so that no difference quotient exists;
    ``constant`` is True where derivatives take the result for a constant by definition; ``second`` is False
    where the rule has no second derivative (the determinant of a singular matrix).
    """

    operands: tuple[Any, ...]
    params: dict[str, Any] = {}  # noqa: RUF012 - never written to
    smooth: bool = True
    constant: bool = False
    second: bool = True

    @property
    def shapes(self):
        """Shapes of the operands."""
        return tuple(x.shape if isinstance(x, np.ndarray) else x for x in self.operands)

    def types(self, dtype=FLOAT64):
        """Types of the operands in a graph."""
        return tuple(Type(shape, np.dtype(dtype)) for shape in self.shapes)

    def node_params(self):
        """The parameters as a graph's node holds them."""
        return tuple(sorted(self.params.items()))

    def arrays(self, seed, dtype=FLOAT64):
        """Operands: multiples of 1/64 that differ from one another, so that nothing ties by accident."""
        rng = np.random.default_rng(zlib.crc32(seed.encode()))
        return [np.asarray(self._draw(x, rng), dtype)[()] for x in self.operands]

    @staticmethod
    def _draw(operand, rng):
        if isinstance(operand, np.ndarray):
            return operand
        size = int(np.prod(operand, dtype=int))
        return (rng.permutation(4 * size + 40)[:size] - 2 * size - 20.5).reshape(operand) / 32


def on(*operands, smooth=True, constant=False, second=True, **params):
    """Return an application."""
    return Application(operands, params, smooth, constant, second)


def reductions(*shapes):
    """Return reductions of an array over every kind of axis."""
    forms = [
        ((3,), None),
        ((), None),
        ((2, 3), None),
        ((2, 3), (0,)),
        ((2, 3), (1,)),
        ((2, 3, 2), (0, 2)),
        ((2, 3), ()),
    ]
    return tuple(on(shape, axis=axis, keepdims=keep) for shape, axis in forms for keep in (False, True))


def at(shape, index):
    """Return an indexing application, and its adjoint's parameters."""
    return on(shape, index=normalise_index(index, shape))


def added(shape, index):
    """Return the application that adds an array of the indexed shape into zeros of ``shape``."""
    normal = normalise_index(index, shape)
    return on(np.empty(shape)[_plain(index)].shape, index=normal, shape=shape)


def _plain(index):
    return index if isinstance(index, tuple) else (index,)


INDICES = (
    ((4,), 2),
    ((4,), -1),
    ((4,), slice(None, None, -1)),
    ((4,), slice(3, 0, -2)),
    ((4,), slice(2, 2)),
    ((4,), None),
    ((4,), np.array([0, 2, 2, -1])),
    ((4,), np.array([[0, 1], [1, 0]])),
    ((4,), np.array([True, False, True, True])),
    ((3, 4), (1, 2)),
    ((3, 4), (slice(None), 1)),
    ((3, 4), (Ellipsis, slice(1, None, 2))),
    ((3, 4), (None, slice(None, None, -1), None, 2)),
    ((3, 4), (np.array([0, 0, 2]), np.array([1, 1, 3]))),
    ((3, 4), (np.array([2, 2]), slice(None))),
    ((2, 3, 4), (np.array([1, 0]), slice(None), np.array([3, 3]))),
    ((2, 3, 4), (0, slice(None), np.array([[1], [1]]))),
    ((2, 3), np.array([[True, False, True], [False, True, True]])),
    ((), ()),
    ((), None),
)

TIES = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, -1.0]])
EXTREMES = (*reductions()[:-4], on(TIES, axis=(1,), keepdims=False, smooth=False))
EXTREMES = (*EXTREMES, on(TIES, axis=None, keepdims=True, smooth=False))

PRODUCTS_WITH_ZEROS = tuple(
    on(np.array(factors), axis=axis, keepdims=keep)
    for factors, axis in (
        ([2.0, 0.0, 3.0, -1.5, 0.5], None),
        ([2.0, 0.0, 3.0, 0.0, 0.5], (0,)),
        ([0.0, 0.0, 0.0], None),
        ([[1.0, 0.0], [2.0, 3.0], [0.5, 0.0]], (0,)),
        ([[1.0, 0.0], [2.0, 3.0], [0.5, 0.0]], (1,)),
        ([[1.0, 0.0, 4.0], [2.0, 3.0, 5.0]], (0, 1)),
    )
    for keep in (False, True)
)

SQUARE = np.array([[2.0, -0.5, 0.25], [1.0, 1.5, -0.75], [0.5, -1.0, 3.0]])
POSITIVE = np.array([[4.0, 7.0, 7.0], [1.0, 3.0, 7.0], [-0.5, 0.75, 2.0]])  # what is above is not read
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, -1.0, 1.0]])

APPLICATIONS = {
    "sum": (*reductions(), on((0,), axis=None, keepdims=False), on((2, 0), axis=(1,), keepdims=True)),
    "mean": reductions(),
    "max": EXTREMES,
    "min": EXTREMES,
    "prod": (*reductions(), *PRODUCTS_WITH_ZEROS, on((0, 2), axis=(0,), keepdims=False)),
    "cumsum": (on((4,), axis=0), on((2, 3), axis=0), on((2, 3), axis=1), on((2, 1, 3), axis=2)),
    "reshape": (on((6,), shape=(2, 3)), on((2, 3), shape=(6,)), on((), shape=(1, 1)), on((1,), shape=())),
    "transpose": (
        on((2, 3), axes=(1, 0)),
        on((2, 3, 4), axes=(2, 0, 1)),
        on((2, 3), axes=(0, 1)),
        on((), axes=()),
    ),
    "broadcast_to": (
        on((), shape=(3,)),
        on((), shape=()),
        on((3,), shape=(2, 3)),
        on((2, 1), shape=(2, 3)),
        on((1,), shape=(1, 1)),
        on((1, 3, 1), shape=(2, 2, 3, 4)),
        on((1, 2), shape=(0, 2)),
    ),
    "index": tuple(at(shape, index) for shape, index in INDICES),
    "index_add": tuple(added(shape, index) for shape, index in INDICES),
    "concatenate": (
        on((2,), axis=0),
        on((2,), (3,), axis=0),
        on((2, 1), (2, 3), (2, 2), axis=1),
        on((1, 2), (0, 2), (3, 2), axis=0),
    ),
    "stack": (
        on((2,), axis=0),
        on((), (), axis=0),
        on((2, 3), (2, 3), (2, 3), axis=2),
        on((2,), (2,), axis=1),
    ),
    "cast": (on((3,), dtype="float32"), on((), dtype="float64")),
    "stop_gradient": (on((2, 3), constant=True), on((), constant=True)),
    "matmul": (
        on((3,), (3,)),
        on((2, 3), (3,)),
        on((3,), (3, 2)),
        on((2, 3), (3, 4)),
        on((2, 2, 3), (3, 2)),
        on((2, 3), (2, 3, 2)),
        on((2, 2, 3), (2, 3, 1)),
        on((2, 1, 2, 3), (2, 3, 2)),
        on((1, 2, 3), (2, 3, 2)),
        on((2, 2, 3), (3,)),
        on((3,), (2, 3, 2)),
        on((2, 1, 3), (1, 3, 1)),
    ),
    "outer": (on((2,), (3,)), on((1,), (1,))),
    "norm": (
        *(form for form in reductions() if form.params["axis"] != () and form.operands != ((),)),
        on(np.zeros((2, 3)), axis=(1,), keepdims=True, smooth=False),
    ),
    "sort": (on((4,), axis=0), on((2, 3), axis=0), on((2, 3), axis=1), on((2, 1, 3), axis=2)),
    "arrange": (
        on((4,), (4,), axis=0, inverse=False),  # constant in the second operand
        on((4,), (4,), axis=0, inverse=True),
        on((2, 3), (2, 3), axis=1, inverse=True),
    ),
    "solve": (
        on(SQUARE, (3, 2)),
        on(SQUARE[:2, :2], (2, 1)),
        on(np.stack([SQUARE[:2, :2], SQUARE[1:, 1:]]), (2, 1)),
        on(SQUARE[:2, :2], (2, 2, 1)),
        on(np.array([[0.0, 2.0], [1.0, 0.0]]), (2, 1)),
        on(np.array([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0], [1.0, 2.0, 0.5]]), (3, 1)),
    ),
    "det": (
        on(SQUARE),
        on((1, 1)),
        on(SINGULAR, second=False),
        on((2, 2, 2)),
        on(np.zeros((2, 2)), second=False),
    ),
    "cofactors": (on(SQUARE), on((1, 1)), on((2, 2)), on(np.stack([SQUARE[:2, :2], SQUARE[1:, 1:]]))),
    "slogdet": (on(SQUARE), on(-SQUARE), on((2, 2, 2))),
    "cholesky": (on(POSITIVE), on(POSITIVE[:1, :1]), on(np.stack([POSITIVE[:2, :2], POSITIVE[1:, 1:]]))),
    "eigh": (on(SQUARE), on(SQUARE[:1, :1]), on(np.stack([SQUARE[:2, :2], SQUARE[1:, 1:]]))),
    "svd": (on(SQUARE[:2, :2]), on(SQUARE[:, :2]), on(SQUARE[:2]), on((2, 2, 2))),
    "pinv": (on(SQUARE[:2, :2]), on(SQUARE[:, :2]), on(SQUARE[:2]), on((2, 2, 1))),
}
