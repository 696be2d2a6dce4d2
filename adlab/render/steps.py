"""The certificate of a step size, ready to be shown, with its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adlab.render.columns import numbers, words
from adlab.render.numbers import significant
from adlab.render.pictured import Pictured
from adlab.render.tables import Entry, Line, Sheet, Table
from adlab.reports.steps import Curve, Slope, StepCertificate

if TYPE_CHECKING:
    from adlab.render.plots import Plot


class ShownStep(Pictured[StepCertificate]):
    """The best steps, what they are worth, and the picture; ``shown["float64", "central"]`` is one curve."""

    def __getitem__(self, key: tuple[str, str]) -> Curve:
        return self.report[key]

    def sheet(self) -> Sheet:
        """Return one line per dtype and scheme: best steps and errors, predicted and measured, and slopes."""
        report = self.report
        point = ", ".join(f"{name} = {_short(value)}" for name, value in report.point.items())
        head = (
            f"{report.title}   at {point}" if point else report.title,
            f"∂{report.output}/∂{report.wrt} = {report.derivative!r} to the nearest float64",
        )
        columns = (
            *words("dtype", "scheme"),
            *numbers("best h predicted", "measured", "error predicted", "measured"),
            *numbers("slope, small h", "slope, large h", "digits"),
        )
        lines = [Line(_curve(curve)) for curve in report.curves]
        kind = "relative" if report.relative else "absolute"
        notes = (
            f"Errors are {kind}. A value carries a rounding error of about "
            + " and ".join(f"{significant(eta, 2)} in {name}" for name, eta in report.rounding.items())
            + "; the complex step is Im f(x + ih)/h in plain complex arithmetic.",
            *report.notes,
        )
        table = Table("", columns, lines, headed=True, stub=2)
        return Sheet(head, (table,), notes=(report.sentence, *notes))

    def plot(self, dtypes: Sequence[str] | None = None) -> Plot:
        """Return the picture of error against step; each dtype has a panel."""
        from adlab.render.plots import error_against_step

        return error_against_step(self.report, dtypes)

    def draw(self) -> Plot:
        """Return the picture of error against step, a panel for each dtype; `plot` chooses among them."""
        return self.plot()

    def _repr_html_(self) -> str:
        picture = self.plot().svg
        return picture[picture.index("<svg") :] + self.to_html()


def _curve(curve: Curve) -> tuple[Entry, ...]:
    below = curve.scheme == "complex"
    predicted, measured = _two(curve.predicted_step), _two(curve.measured_step)
    if below and predicted is not None:
        predicted = f"< {predicted}"
        measured = f"< {measured}"
    return (
        curve.dtype,
        curve.scheme,
        predicted or ("any" if curve.series else None),
        measured if curve.order is not None or not curve.series else "any",
        _two(curve.predicted_error),
        _two(curve.measured_error),
        _slope(curve.rounding),
        _slope(curve.truncation),
        str(curve.digits),
    )


def _two(value: float | None) -> str | None:
    return None if value is None else significant(value, 2)


def _slope(slope: Slope | None) -> str | None:
    return None if slope is None else f"{slope.value:.2f}".replace("-", "−")


def _short(value: Any) -> str:
    return f"[{'×'.join(map(str, np.shape(value)))}]" if np.ndim(value) else significant(value, 6)
