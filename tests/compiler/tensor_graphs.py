"""Random graphs of arrays: elementwise, reductions, products, views, joins, gathers, in two dtypes."""

import numpy as np

from adlab.algebra.traced import GraphAlgebra, Recorder
from adlab.errors import ShapeError
from adlab.ir.index import normalise_index
from adlab.ir.types import Type

LENGTHS = (1, 2, 3, 5, 17, 33)
INPUTS = 4


def random_graph(seed, everything):
    """Return a graph of up to forty nodes; its outputs are the last few, or every node."""
    rng = np.random.default_rng(seed)
    recorder = Recorder()
    algebra = GraphAlgebra(recorder)
    rows, columns = rng.choice(LENGTHS, 2).tolist()
    shapes = [(rows, columns), (columns,), (rows, 1), (), (rows, columns)]
    values = []
    for k in range(INPUTS):
        dtype = np.float32 if rng.random() < 0.2 else np.float64
        values.append(recorder.variable(f"x{k}", Type(shapes[rng.integers(5)], np.dtype(dtype))))
    size = int(rng.integers(8, 40))
    while len(values) < size:
        value = _step(algebra, rng, values)
        if value is not None and value.size <= 20_000:
            values.append(value)
    chosen = values[INPUTS:] if everything else [*values[-2:], values[rng.integers(len(values))]]
    return recorder.finish([recorder.operand(value) for value in chosen])


def _step(A, rng, values):
    recent = values[-4:] if rng.random() < 0.5 else values
    a, b = recent[rng.integers(len(recent))], values[rng.integers(len(values))]
    try:
        return STEPS[rng.integers(len(STEPS))](A, rng, a, b)
    except ShapeError:
        return None


def _some_axes(rng, a):
    return (
        tuple(sorted(rng.choice(a.ndim, rng.integers(a.ndim + 1), replace=False).tolist()))
        if a.ndim
        else None
    )


def _last(a):
    return (a.ndim - 1,) if a.ndim else None


def _slice(A, rng, a, b):
    step = slice(None, None, int(rng.choice([-1, 1, 2])))
    return A.index(a, index=normalise_index((step,), a.shape))


def _lookup(A, rng, a, b):
    return A.index(a, index=normalise_index((rng.integers(0, max(a.shape[:1], default=1), 3),), a.shape))


def _matmul(A, rng, a, b):
    if a.ndim != 2 or b.ndim != 2:
        return None
    return A.divide(A.matmul(a, b if b.shape[0] == a.shape[1] else A.transpose(b, axes=(1, 0))), 3.0)


def _pad(A, rng, a, b):
    shape = (a.shape[0] + 1, *a.shape[1:]) if a.ndim else (2,)
    return A.index_add(a, index=normalise_index((slice(1, None) if a.ndim else 1,), shape), shape=shape)


def _softmax(A, rng, a, b):
    e = A.exp(A.subtract(a, A.max(a, axis=_last(a), keepdims=True)))
    return A.divide(e, A.sum(e, axis=_last(a), keepdims=True))


STEPS = (
    lambda A, rng, a, b: A.add(a, b),
    lambda A, rng, a, b: A.subtract(a, b),
    lambda A, rng, a, b: A.divide(A.multiply(a, b), 3.0),
    lambda A, rng, a, b: A.maximum(a, b),
    lambda A, rng, a, b: A.where(A.less(a, b), a, A.multiply(b, 2.0)),
    lambda A, rng, a, b: A.sqrt(A.absolute(a)),
    lambda A, rng, a, b: A.exp(A.negative(A.absolute(a))),
    lambda A, rng, a, b: A.divide(A.sum(a, axis=_some_axes(rng, a), keepdims=bool(rng.integers(2))), 3.0),
    lambda A, rng, a, b: A.max(a, axis=_last(a), keepdims=bool(rng.integers(2))),
    lambda A, rng, a, b: A.mean(a, axis=(0,) if a.ndim else None, keepdims=bool(rng.integers(2))),
    lambda A, rng, a, b: A.norm(a, axis=_last(a), keepdims=True),
    lambda A, rng, a, b: A.transpose(a, axes=tuple(rng.permutation(a.ndim).tolist())),
    lambda A, rng, a, b: A.reshape(a, shape=(a.size,) if rng.random() < 0.5 else (1, a.size)),
    lambda A, rng, a, b: A.cumsum(a, axis=int(rng.integers(max(a.ndim, 1)))) if a.ndim else None,
    lambda A, rng, a, b: A.concatenate(a, A.add(a, 1.0), axis=0) if a.ndim else None,
    lambda A, rng, a, b: A.stack(a, a, axis=0),
    _slice,
    _lookup,
    _matmul,
    _pad,
    _softmax,
)
