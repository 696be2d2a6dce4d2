"""Training curves: one panel per quantity, the training curve against the validation curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.render.plots import Plot, look, new_figure, style

__all__ = ["curves_over_epochs"]


def curves_over_epochs(
    epochs: NDArray[Any], panels: Mapping[str, Mapping[str, NDArray[Any]]], title: str = "Training curves"
) -> Plot:
    """Draw curves over epochs.

    Parameters
    ----------
    epochs : ndarray
    panels : mapping of str to mapping of str to ndarray
        For each quantity, the curves to be compared by name.
    title : str
        What the picture shows, for readers who cannot see it.
    """
    import matplotlib
    from matplotlib.ticker import MaxNLocator

    with matplotlib.rc_context(style()):
        figure, axes = new_figure(len(panels), 0.8 + 4.4 * len(panels), 3.6)
        for ax, (quantity, curves) in zip(axes, panels.items(), strict=True):
            for k, (name, values) in enumerate(curves.items()):
                every = max(1, len(values) // 12)
                ax.plot(epochs, values, **look(k), markevery=every, markersize=4, label=name)
            if _spans_decades(curves):
                ax.set_yscale("log")
            ax.set_title(quantity.replace("_", " "))
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.legend()
    return Plot(figure, title)


def _spans_decades(curves: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether the values are positive and so far apart that only a logarithmic axis shows them all."""
    values = np.concatenate(list(curves.values()))
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() > 100 * values.min())
