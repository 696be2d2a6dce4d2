"""What training did, epoch by epoch: curves as arrays, a table, a picture.

Everything that is a function of the seed stands in the columns; how long an epoch took, which is not, is kept beside them,
so two equal runs have equal histories.
"""

from __future__ import annotations

import csv
import importlib
import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.render.tables import Column, Line, Sheet, Table

if TYPE_CHECKING:
    from adlab.render.plots import Plot

__all__ = ["History"]

SHOWN = 20
"""So many epochs a table shows unless asked for more."""


class History:
    """Curves of a training run; ``history["loss"]`` is an array with one number per epoch.

    Columns are ``epoch``, ``loss`` (mean over the epoch, the regulariser included), ``rate`` (the learning rate at its end),
    and, for each metric m, ``m`` and, where there is validation data, ``validation_m``; also ``validation_loss``.

    Examples
    --------
    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.5}, seconds=0.1)
    >>> history.append({"epoch": 2, "loss": 0.25}, seconds=0.1)
    >>> history["loss"]
    array([0.5 , 0.25])
    >>> history.best("loss")
    2
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}
        self._seconds: list[float] = []
        self.stopped: str = ""
        """Why training ended, in words; empty while it goes on."""

    def append(self, row: Mapping[str, float], seconds: float = math.nan) -> None:
        """Add an epoch."""
        for name in row:
            self._columns.setdefault(name, [math.nan] * len(self))
        for name, column in self._columns.items():
            column.append(float(row.get(name, math.nan)))
        self._seconds.append(seconds)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(self._columns)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long each epoch took; NaN for epochs of an earlier process."""
        return np.array(self._seconds, dtype=np.float64)

    def __len__(self) -> int:
        return len(self._seconds)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name not in self._columns:
            raise InputError(
                f"The history has no column {name!r}; it has {', '.join(self.names) or 'none yet'}."
            )
        return np.array(self._columns[name], dtype=np.float64)

    @property
    def last(self) -> dict[str, float]:
        """The numbers of the last epoch."""
        return {name: column[-1] for name, column in self._columns.items() if column}

    def best(self, name: str | None = None, mode: str = "min") -> int:
        """Return the epoch, counted from 1, in which a column was best; by default the validation loss, or the loss."""
        if mode not in ("min", "max"):
            raise InputError(f"Best is the 'min' or the 'max' of a column, not {mode!r}.")
        column = self[name or ("validation_loss" if "validation_loss" in self._columns else "loss")]
        if not len(column) or np.isnan(column).all():
            raise InputError("There is no epoch to be the best yet.")
        return int(np.nanargmin(column) if mode == "min" else np.nanargmax(column)) + 1

    # -------------------------------------------------------------------------------------------- as data

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return every column as an array."""
        return {name: self[name] for name in self._columns}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Sequence[float] | NDArray[Any]], stopped: str = "") -> History:
        """Return the history that `to_arrays` gave; seconds are not known any more."""
        history = History()
        history._columns = {name: [float(value) for value in column] for name, column in arrays.items()}
        history._seconds = [math.nan] * max(map(len, history._columns.values()), default=0)
        history.stopped = stopped
        return history

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row per epoch.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise InputError(
                "A DataFrame needs pandas, which is not installed; run pip install pandas."
            ) from None
        return pandas.DataFrame(self.to_arrays() | {"seconds": self.seconds})

    def to_csv(self) -> str:
        """Return comma-separated values with all digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.names)
        writer.writerows(zip(*map(_written, self.names, self._columns.values()), strict=True))
        return text.getvalue()

    # ---------------------------------------------------------------------------------------------- shown

    def to_text(self, rows: int = SHOWN, **options: Any) -> str:
        """Return a table for a terminal; of a long run, evenly chosen epochs with the first and the last.

        Parameters
        ----------
        rows : int
            How many epochs at most.
        **options
            As the reports of adlab take them: ``digits``, ``ascii``, ``width``, ``color``.
        """
        from adlab.render.formats import render_table

        options.setdefault("digits", 4)
        return render_table(self._sheet(rows), "text", **options)

    def _sheet(self, rows: int) -> Sheet:
        chosen = sorted({int(k) for k in np.linspace(0, max(len(self) - 1, 0), max(rows, 2)).round()})
        lines = [
            Line(tuple(_cell(name, column[k]) for name, column in self._columns.items()))
            for k in (chosen if len(self) else [])
        ]
        columns = tuple(Column("value", name.replace("_", " ")) for name in self._columns)
        notes = (self.stopped,) if self.stopped else ()
        return Sheet((), (Table("", columns, lines, headed=True, stub=1),), notes=notes)

    def plot(self) -> Plot:
        """Draw the curves over the epochs: loss, and beside it the metrics, training against validation.

        Returns
        -------
        adlab.render.plots.Plot
            Has ``save("curves.svg")``; a notebook shows it.
        """
        from adlab.render.curves import curves_over_epochs

        return curves_over_epochs(self["epoch"], self._panels())

    def _panels(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return the curves by panel: each quantity with its validation twin."""
        own = [name for name in self._columns if name not in ("epoch", "rate") and "validation_" not in name]
        return {
            name: {
                label: self[column]
                for label, column in (("training", name), ("validation", f"validation_{name}"))
                if column in self._columns
            }
            for name in own
        }

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        if not len(self):
            return "<History: no epochs yet>"
        return f"<History of {len(self)} epochs: {', '.join(f'{k} {v:.4g}' for k, v in self.last.items())}>"


def _written(name: str, column: Sequence[float]) -> list[str]:
    return [str(int(value)) if name == "epoch" else repr(value) for value in column]


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "·"
    return str(int(value)) if name == "epoch" else f"{value:.4g}".replace("-", "−")
