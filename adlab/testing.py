"""For test suites: one assertion that a function's derivatives are right.

    from adlab.testing import assert_gradient

    def test_my_loss():
        assert_gradient(my_loss, np.linspace(0.1, 1, 5))

Directions along which large inputs are checked come from a seed, so a test gives the same verdict at every run. There
is no pytest plugin to load: the function works in any test runner, and pytest shows the report below the user's line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adlab import api


def assert_gradient(
    f: Any,
    *args: Any,
    tol: float | None = None,
    method: str | Sequence[str] = ("reverse", "forward"),
    seed: int = 0,
) -> None:
    """Raise AssertionError with the whole report unless the derivatives of a function are right at a point.

    Parameters
    ----------
    f : callable, str, SymPy expression or Graph
        One that is traced, with NumPy code and with rules of your own (`adlab.primitive`).
    *args
        The point.
    tol : float, optional
        Allowed error, relative to the largest derivative or 1; by default from the dtype.
    method : str or sequence of str
        The methods to check.
    seed : int
        For the random directions along which large inputs are checked.

    Raises
    ------
    AssertionError
        Where a derivative is wrong: what was compared with what, entry by entry, and the first primitive whose rule
        is at fault.
    InputError
        For arguments and options that cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import adlab as ad
    >>> assert_gradient(lambda x: np.sum(np.tanh(x) * x), np.linspace(0.1, 1, 5))
    >>> wrong = ad.primitive(np.sin, name="wrong", partials=lambda y, x: (2 * np.cos(x),))
    >>> try:
    ...     assert_gradient(wrong, 1.0)
    ... except AssertionError as error:
    ...     print("'wrong'" in str(error))
    True
    """
    __tracebackhide__ = True  # pytest points at the line that called
    report = api.check(f, *args, tol=tol, method=method, seed=seed, raises=False)
    if not report.passed:
        raise AssertionError(report.to_text())
