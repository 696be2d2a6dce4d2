"""Plots in the house style: matplotlib, with colours, line styles and markers that tell curves apart together.

A plot is a matplotlib figure made for one purpose and never shown through pyplot, so no state is shared and
the user's own settings stay as they are. Saved as SVG it keeps its text as text; the same data give the same
bytes. Colours are those of Okabe and Ito, which readers with any colour vision tell apart; each goes with a
line style and a marker of its own, so a grey copy is as readable.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from adlab.errors import InputError
from adlab.render.numbers import MINUS
from adlab.render.write import save as write_file
from adlab.reports.steps import Curve, StepCertificate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#1B1B1B"
GREY = "#5F6670"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE: Mapping[str, Any] = MappingProxyType({
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 10.0,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": 11.0, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 10.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.labelcolor": BLACK,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E3E6EA", "grid.linewidth": 0.8,
    "xtick.color": BLACK, "ytick.color": BLACK, "xtick.minor.visible": False, "ytick.minor.visible": False,
    "lines.linewidth": 1.7, "lines.markersize": 5.0, "legend.frameon": False, "image.cmap": "cividis",
    "figure.facecolor": "white", "savefig.facecolor": "white",
    "svg.fonttype": "none", "svg.hashsalt": "adlab", "pdf.fonttype": 42,
})  # fmt: skip
"""The house style, as settings of matplotlib; in force only while one of our figures is made or saved."""


def style() -> Any:
    """Return the house style as `matplotlib.rc_context` takes it."""
    return dict(STYLE)


class Plot:
    """A finished figure: it saves itself, and a notebook shows it.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    title : str
        What it shows, for readers who cannot see it.
    """

    def __init__(self, figure: Figure, title: str) -> None:
        self.figure = figure
        self.title = title

    def to_bytes(self, format: str = "svg", dpi: int = 200) -> bytes:
        """Return the picture as a file's content.

        Parameters
        ----------
        format : {"svg", "png", "pdf"}
        dpi : int
            Dots per inch of a PNG.
        """
        import matplotlib

        if format not in FORMATS:
            raise InputError(f"A plot is saved as {', '.join(FORMATS)}, not as {format!r}.")
        metadata: dict[str, Any] = {"Title": self.title}
        metadata |= {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format, {})
        content = io.BytesIO()
        with matplotlib.rc_context(style()):
            self.figure.savefig(content, format=format, dpi=dpi, metadata=metadata)
        return content.getvalue()

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        return self.to_bytes("svg").decode("utf-8")

    def save(self, path: str | os.PathLike[str], dpi: int = 200) -> Path:
        """Write the picture; the end of the name says the format: .svg, .png or .pdf."""
        target = Path(path)
        format = target.suffix.lower().removeprefix(".")
        if format not in FORMATS:
            raise InputError(f"A plot is saved as .svg, .png or .pdf; {target.name!r} ends otherwise.")
        return write_file(target, self.to_bytes(format, dpi))

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Plot: {self.title}>"


def new_figure(
    columns: int = 1, width: float = 6.4, height: float = 4.2, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure in the house style, and its axes from left to right.

    Call it, and draw, within ``matplotlib.rc_context(style())``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **options)
    return figure, list(axes[0])


def look(number: int) -> dict[str, Any]:
    """Return colour, line style and marker of the curve with a number.

    Examples
    --------
    >>> look(0)["color"], look(1)["marker"]
    ('#0072B2', 's')
    """
    k = number % len(COLOURS)
    return {"color": COLOURS[k], "linestyle": LINES[k], "marker": MARKERS[k]}


# -------------------------------------------------------------------------------------------- error against h

NAMES = {"forward": "forward difference", "central": "central difference", "complex": "complex step"}
ROOTS = (("√ε", 1 / 2), ("∛ε", 1 / 3))
"""Steps that textbooks give, whatever the function."""


def error_against_step(certificate: StepCertificate, dtypes: Sequence[str] | None = None) -> Plot:
    """Draw the error of each scheme against the step, what the model predicts, and where it is least.

    Parameters
    ----------
    certificate : StepCertificate
    dtypes : sequence of str, optional
        Which arithmetic to show, each in a panel of its own; by default all that were measured.
    """
    import matplotlib

    shown = tuple(dtypes or certificate.dtypes)
    for dtype in shown:
        if dtype not in certificate.dtypes:
            raise InputError(
                f"The certificate was not made in {dtype!r}; it has {', '.join(certificate.dtypes)}."
            )
    with matplotlib.rc_context(style()):
        figure, axes = new_figure(len(shown), 1.2 + 5.4 * len(shown), 4.5, sharey=True)
        for ax, dtype in zip(axes, shown, strict=True):
            _panel(ax, certificate, dtype)
        _common(figure, axes, certificate, shown)
    return Plot(figure, f"Error against step: {certificate.title}")


def _common(figure: Figure, axes: list[Axes], certificate: StepCertificate, shown: Sequence[str]) -> None:
    kind = "relative" if certificate.relative else "absolute"
    by = _mathtext(certificate.wrt)
    axes[0].set_ylabel(rf"{kind} error of $\partial${certificate.output}$/\partial${by}")
    point = ", ".join(f"{name} = {_number(value)}" for name, value in certificate.point.items())
    head = f"{certificate.title}" + (f" at {point}" if len(point) < 40 else "")
    figure.suptitle(f"Error against step, {head}", x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    smallest = min(float(np.finfo(dtype).eps) for dtype in shown)
    axes[0].set_ylim(smallest / 30, 30)


def _number(value: Any) -> str:
    if np.ndim(value):
        return f"[{'×'.join(map(str, np.shape(value)))}]"
    return f"{float(value):.6g}".replace("-", MINUS)


def _mathtext(name: str) -> str:
    """Return a name with its index as one: x1 is x₁."""
    head = name.rstrip("0123456789")
    index = name[len(head) :]
    return f"{head}$_{{{index}}}$" if index and head.isalpha() else name


def _panel(ax: Axes, certificate: StepCertificate, dtype: str) -> None:
    """Draw one dtype: what textbooks say, what was measured, what the model predicts."""
    from matplotlib.ticker import LogLocator, NullLocator

    curves = [curve for curve in certificate.curves if curve.dtype == dtype]
    epsilon = float(np.finfo(dtype).eps)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(*_range(curves))
    for axis, ticks in ((ax.xaxis, 9), (ax.yaxis, 10)):
        axis.set_major_locator(LogLocator(numticks=ticks))
        axis.set_minor_locator(NullLocator())
    _landmarks(ax, epsilon, dtype)
    for curve in curves:
        _curve(ax, curve, list(NAMES).index(curve.scheme), epsilon)
    reverse = max(certificate.automatic[dtype], epsilon / 8)
    ax.axhline(reverse, color=BLACK, linewidth=1.3, linestyle=LINES[3], zorder=2, label="reverse mode")
    ax.set_xlabel("step h")
    ax.legend(
        title=dtype, loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=8.5, handlelength=3.2,
        alignment="left", title_fontproperties={"weight": "bold", "size": 10}, borderpad=0.2, borderaxespad=0.2,
    )  # fmt: skip


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the steps between which some curve has something to show."""
    known = [
        h for c in curves for h, e in zip(c.steps, c.errors, strict=True) if math.isfinite(e) and e < 100
    ]
    return min(known) / 1.5, max(known) * 1.5


def _landmarks(ax: Axes, epsilon: float, dtype: str) -> None:
    """Draw the machine epsilon, and the steps √ε and ∛ε."""
    ax.axhline(epsilon, color=GREY, linestyle=(0, (1, 2)), linewidth=1.0, zorder=1)
    ax.annotate(
        f"machine ε of {dtype}", (0.012, epsilon), xycoords=("axes fraction", "data"), xytext=(0, 2),
        textcoords="offset points", ha="left", va="bottom", fontsize=8, color=GREY,
    )  # fmt: skip
    for name, power in ROOTS:
        ax.axvline(epsilon**power, color=GREY, linestyle=(0, (1, 2)), linewidth=1.0, zorder=1)
        ax.annotate(
            name, (epsilon**power, 0.985), xycoords=("data", "axes fraction"), xytext=(3, 0),
            textcoords="offset points", ha="left", va="top", fontsize=8.5, color=GREY,
        )  # fmt: skip


def _curve(ax: Axes, curve: Curve, number: int, epsilon: float) -> None:
    """Draw single measurements as dots, what they come to as a line, the model as a thin one with its best step."""
    marks = look(number)
    colour, floor = marks["color"], epsilon / 8
    errors = [max(error, floor) if math.isfinite(error) else math.nan for error in curve.errors]
    ax.plot(
        curve.steps, errors, color=colour, marker=".", markersize=3, linestyle="none", alpha=0.35, zorder=2
    )
    ax.plot(curve.steps, curve.predicted, color=colour, linewidth=0.8, alpha=0.7, zorder=2)
    decade = max(1, round((len(curve.steps) - 1) / max(1.0, math.log10(curve.steps[-1] / curve.steps[0]))))
    ax.plot(
        curve.steps, curve.judged, **marks, markevery=(number * decade // 3, decade), label=_label(curve),
        zorder=3,
    )  # fmt: skip
    if curve.predicted_step is not None:
        ax.plot(
            [curve.predicted_step], [max(curve.predicted_error, floor)], marker="o", markersize=11,
            markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.6, linestyle="none", zorder=5,
        )  # fmt: skip


def _label(curve: Curve) -> str:
    """Return a line of the legend: the scheme, the best step as predicted (the ring), the slopes fitted."""
    slopes = [slope for slope in (curve.rounding, curve.truncation) if slope]
    fitted = " and ".join(f"{slope.value:.2f}".replace("-", MINUS) for slope in slopes)
    best = f", best h = {_power(curve.predicted_step)}" if curve.predicted_step is not None else ""
    if curve.scheme == "complex":
        best = best.replace("best h =", "any h below")
    return NAMES[curve.scheme] + best + (f", slope {fitted}" if fitted else "")


def _power(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return rf"{mantissa}·10$^{{{int(exponent)}}}$".replace("-", MINUS)
