"""A sign of life: what takes more than two seconds says so on the terminal, and takes it back when it is done.

Nothing is shown where standard error is no terminal, so what is written to files and pipes stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

PATIENCE = 2.0
"""So many seconds pass in silence."""


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Show a spinner and ``words`` on standard error while the block runs, once it has run for `PATIENCE` seconds.

    Parameters
    ----------
    words : str
        What is going on, such as ``"comparing"``.

    Examples
    --------
    >>> with waiting("adding"):
    ...     print(1 + 1)
    2
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    status = Console(stderr=True).status(f"{words} … (Ctrl-C stops)")
    timer = Timer(PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
