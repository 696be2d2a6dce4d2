"""Where an elementwise row is tested: points drawn from the intervals of its domain, and special ones."""

import zlib

import numpy as np

from adlab.ir.types import BOOL, FLOAT64, Type


def generator(row):
    """Return a random generator of the row's own, so that one row's points do not depend on another's."""
    return np.random.default_rng(zlib.crc32(row.name.encode()))


def is_discrete(row, position):
    """Return whether an operand takes only integers or truth values, so that nothing flows through it."""
    return isinstance(row.domain.intervals[position][0], int)


def smooth_positions(row):
    """Return the operands that a derivative exists for."""
    return [k for k in range(row.arity) if not is_discrete(row, k)]


def draw(row, position, rng, shape=()):
    """Return numbers inside the interval of an operand, dyadic so that every carrier has them exactly."""
    low, high = row.domain.intervals[position]
    if isinstance(low, int):
        return rng.integers(low, high + 1, shape).astype(bool if isinstance(low, bool) else float)
    inside = low + (high - low) * rng.uniform(0.02, 0.98, shape)
    return np.round(inside * 1024) / 1024


def inner_points(row, count=3):
    """Return points inside the domain, as tuples of Python numbers."""
    rng = generator(row)
    return [tuple(draw(row, k, rng).item() for k in range(row.arity)) for _ in range(count)]


def moderate_points(row):
    """Return two points inside the domain, and those of the special ones that are neither tiny nor large."""
    special = [xs for xs in row.domain.samples if all(x == 0 or 0.1 < abs(x) < 10 for x in xs)]
    return inner_points(row, 2) + special


def all_points(row):
    """Return points inside the domain and the special ones."""
    return inner_points(row) + list(row.domain.samples)


def input_type(row, position, shape=(), dtype=FLOAT64):
    """Return the type of an operand in a graph."""
    return Type(shape, BOOL if isinstance(row.domain.intervals[position][0], bool) else np.dtype(dtype))
