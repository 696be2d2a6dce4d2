"""A diagnosis, ready to be shown: findings first, then the layers; and the picture of activations by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adlab.errors import InputError
from adlab.render.columns import words
from adlab.render.numbers import significant
from adlab.render.plots import GREY, Plot, look, new_figure, style
from adlab.render.shown import ABSENT, Shown
from adlab.render.tables import Line, Sheet, Table, plain_table
from adlab.reports.diagnosis import Diagnosis, ErrorDecomposition, Finding, LayerStatistics, RateSweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ShownDecomposition", "ShownDiagnosis"]


class ShownDiagnosis(Shown[Diagnosis]):
    """The findings with reasons and advice, and the statistics of the layers; ``draw`` makes the picture."""

    def __getitem__(self, check: str) -> Finding:
        return self.report[check]

    def data(self) -> Table:
        """Return one line per finding."""
        rows = [[f.check, f.verdict, str(f.where), f.reason, f.advice] for f in self.report.findings]
        return plain_table(("check", "verdict", "where", "reason", "advice"), rows)

    def sheet(self) -> Sheet:
        """Return the verdicts, the reasons with what to do, and the layers."""
        report = self.report
        lines = [
            Line((f.check, f.verdict, str(f.where) or None, _reason(f)))
            for f in report.findings
            if f.verdict != "skip"
        ]
        findings = Table("Checks", words("check", "verdict", "where", "reason"), lines, headed=True, stub=1)
        rows = [Line(_layer(layer)) for layer in report.layers]
        headers = ("layer", "mean", "deviation", "gradient", "saturated", "dead")
        layers = Table("Layers", words(*headers), rows, headed=True, stub=1)
        skipped = tuple(f"Skipped, {f.check}: {f.reason}" for f in report.of("skip"))
        head = (f"Diagnosis of {report.subject}", report.sentence)
        return Sheet(head, tuple(table for table in (findings, layers) if table.lines), notes=skipped)

    def draw(self) -> Plot:
        """Draw activations by layer as histograms, deviations and gradients, and the search for a learning rate.

        Raises
        ------
        InputError
            If the diagnosis has no statistics of layers.
        """
        import matplotlib

        layers, sweep = self.report.layers, self.report.sweep
        if not layers:
            raise InputError("This diagnosis has not looked into the layers, so there is nothing to draw.")
        panels = 2 if sweep is None else 3
        with matplotlib.rc_context(style()):
            figure, axes = new_figure(panels, 0.6 + 4.6 * panels, max(3.4, 1.4 + 0.36 * len(layers)))
            _histograms(axes[0], layers)
            _sizes(axes[1], layers)
            if sweep is not None:
                _rates(axes[2], sweep)
        return Plot(figure, f"Layers of {self.report.subject}")


def _reason(finding: Finding) -> str:
    return f"{finding.reason} {finding.advice}".rstrip()


def _layer(layer: LayerStatistics) -> tuple[str, ...]:
    sizes = [significant(value, 3) for value in (layer.mean, layer.deviation, layer.gradient)]
    shares = [ABSENT if share is None else f"{share:.0%}" for share in (layer.saturated, layer.dead)]
    return (layer.layer, *sizes, *shares)


def _histograms(ax: Axes, layers: tuple[LayerStatistics, ...]) -> None:
    """Draw one histogram above the other, the first layer on top, each from its own smallest to its largest value."""
    for k, layer in enumerate(layers):
        base, tallest = -k, max(layer.counts) or 1
        edges = np.linspace(0, 1, len(layer.counts) + 1)
        heights = np.array(layer.counts) / tallest * 0.8
        ax.stairs(heights + base, edges, baseline=base, fill=True, color=look(0)["color"], alpha=0.8)
        ends = f"{layer.low:.2g} … {layer.high:.2g}".replace("-", "−")
        ax.text(1.02, base + 0.1, ends, fontsize=8, color=GREY)
    ax.set_yticks([0.3 - k for k in range(len(layers))], [layer.layer for layer in layers])
    ax.set_xlim(0, 1.4)
    ax.set_xticks([])
    ax.grid(False)
    ax.set_title("activations, smallest to largest")


def _sizes(ax: Axes, layers: tuple[LayerStatistics, ...]) -> None:
    """Draw how large activations and gradients are in each layer."""
    positions = np.arange(len(layers))
    curves = {
        "deviation of activations": [layer.deviation for layer in layers],
        "size of gradients": [layer.gradient for layer in layers],
    }
    for k, (name, values) in enumerate(curves.items()):
        shown = np.array([value if value > 0 else np.nan for value in values])
        ax.plot(positions, shown, **look(k), label=name)
    ax.set_yscale("log")
    ax.set_xticks(positions, [layer.layer for layer in layers], rotation=60, ha="right", fontsize=8)
    ax.set_title("sizes by layer")
    ax.legend()


def _rates(ax: Axes, sweep: RateSweep) -> None:
    """Draw the loss against the learning rate."""
    every = max(1, len(sweep.rates) // 12)
    ax.plot(sweep.rates, sweep.losses, **look(0), markevery=every, markersize=4)
    marks: list[tuple[str, float, Any]] = [("own", sweep.own, look(1)), ("steepest", sweep.steepest, look(2))]
    for name, rate, looks in marks:
        ax.axvline(rate, color=looks["color"], linestyle=looks["linestyle"], label=f"{name}: {rate:.2g}")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylim(0, 2 * max(sweep.losses[0], 1e-12))
    ax.set_title("loss while the rate grows")
    ax.legend()


class ShownDecomposition(Shown[ErrorDecomposition]):
    """The three parts of the error."""

    def sheet(self) -> Sheet:
        """Return one line per part, and which is the largest."""
        report = self.report
        parts = ("approximation", "estimation", "optimisation", "total")
        lines = [Line((part, significant(getattr(report, part), 4))) for part in parts]
        setting = f"{report.width} units, {report.samples} samples, {report.steps} steps"
        table = Table("", words("error", "mean square"), lines, headed=True, stub=1)
        return Sheet((f"Where the error comes from: {setting}",), (table,), notes=(report.sentence,))
