"""Which rows a contract is about, as parametrisations; a row added to the table is in them at once."""

import pytest

from adlab.primitives import ROWS


def each(rows):
    """Return the parametrisation of a test over rows."""
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


ELEMENTWISE = [row for row in ROWS if row.elementwise]
SMOOTH = [row for row in ELEMENTWISE if row.rule is not None]
STRUCTURAL = [row for row in ROWS if not row.elementwise]
KINKED = [row for row in ELEMENTWISE if row.kinks]
BINARY = [row for row in ELEMENTWISE if row.arity == 2]
