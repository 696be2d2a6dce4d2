"""Callbacks: what looks on while a network is trained. A progress bar, and event files for TensorBoard.

A callback is an object with four functions, each of which may do nothing. They are given the trainer, whose ``run`` says
where training stands; `Trainer.stop` ends it. They may read everything and are not part of checkpoints.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adlab.errors import InputError
from adlab.ir.tree import flatten
from adlab.nn.layers import Layer
from adlab.nn.sequential import Sequential
from adlab.nn.stepping import ShapedFunction
from adlab.nn.trees import names_of

if TYPE_CHECKING:
    from adlab.nn.trainer import Trainer

__all__ = ["Callback", "Progress", "TensorBoard"]


class Callback:
    """Does nothing at every occasion: a base to write one's own.

    Examples
    --------
    >>> class Patient(Callback):
    ...     def after_epoch(self, trainer, row):
    ...         if row["loss"] < 0.1:
    ...             trainer.stop("The loss is below 0.1.")
    """

    def before(self, trainer: Trainer) -> None:
        """Before the first step."""

    def after_step(self, trainer: Trainer, loss: float) -> None:
        """After each step, with the loss of its batch."""

    def after_epoch(self, trainer: Trainer, row: Mapping[str, float]) -> None:
        """After each epoch, with its row of the history."""

    def after(self, trainer: Trainer) -> None:
        """After the last step, also where training ends with an error."""


class Bar:
    """A progress bar on standard error, with what is counted on its left and words on its right."""

    def __init__(self, counted: str, total: int, completed: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        columns = (TextColumn(counted), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
        self._rich = Rich(*columns, TextColumn("{task.description}"), console=Console(stderr=True))
        self._task = self._rich.add_task("", total=total, completed=completed)
        self._rich.start()

    def move(self, completed: int, words: str) -> None:
        """Show how much is done, and words."""
        self._rich.update(self._task, completed=completed, description=words)

    def stop(self) -> None:
        """Take the bar down."""
        self._rich.stop()


def started_bar(counted: str, total: int, completed: int = 0) -> Bar | None:
    """Return a bar that shows, or None where standard error is no terminal."""
    return Bar(counted, total, completed) if sys.stderr.isatty() else None


class Progress(Callback):
    """A progress bar on standard error; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._bar: Bar | None = None

    def before(self, trainer: Trainer) -> None:
        """Show the bar."""
        self._bar = started_bar("epoch", trainer.epochs, trainer.run.epoch)

    def after_epoch(self, trainer: Trainer, row: Mapping[str, float]) -> None:
        """Move the bar and show the numbers of the epoch."""
        if self._bar is not None:
            shown = (name for name in row if name not in ("epoch", "rate"))
            words = "  ".join(f"{name.replace('_', ' ')} {row[name]:.4g}" for name in shown)
            self._bar.move(trainer.run.epoch, words)

    def after(self, trainer: Trainer) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class TensorBoard(Callback):
    """Event files for TensorBoard: scalars each epoch, histograms of weights, gradients and activations now and then.

    Parameters
    ----------
    folder : str or PathLike
        Where the files go.
    histograms : int
        So many epochs apart; 0 for never.
    samples : int
        How many training samples gradients and activations are taken on.
    picture : bool
        Whether to add the picture of the network's graph.

    Raises
    ------
    InputError
        If the package tensorboardX is not installed.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, histograms: int = 1, samples: int = 100, picture: bool = True
    ) -> None:
        try:
            package = importlib.import_module("tensorboardX")
        except ImportError:
            raise InputError(
                "Event files for TensorBoard are written by tensorboardX, which is not installed; run "
                "pip install 'adlab[tensorboard]'."
            ) from None
        self._writer = package.SummaryWriter(os.fspath(folder))
        self._histograms, self._samples, self._picture = histograms, samples, picture
        self._gradient: ShapedFunction | None = None

    def before(self, trainer: Trainer) -> None:
        """Add the picture of the network."""
        if self._picture:
            x = trainer.feed.probe(1)[0]
            numbers = trainer.run.numbers
            drawing = trainer.net.draw(numbers.params, x, numbers.state)
            self._writer.add_image("graph", _pixels(drawing), 0, dataformats="HWC")

    def after_epoch(self, trainer: Trainer, row: Mapping[str, float]) -> None:
        """Add the epoch's numbers, and the histograms when it is time."""
        epoch = trainer.run.epoch
        for name, value in row.items():
            if name != "epoch" and np.isfinite(value):
                self._writer.add_scalar(name, value, epoch)
        if self._histograms and epoch % self._histograms == 0:
            self._add_histograms(trainer, epoch)

    def after(self, trainer: Trainer) -> None:
        """Write what is left."""
        self._writer.flush()

    def _add_histograms(self, trainer: Trainer, epoch: int) -> None:
        numbers, step = trainer.run.numbers, trainer.step
        x, y, weights = trainer.feed.probe(self._samples)
        if self._gradient is None:
            self._gradient = ShapedFunction(step.gradient)
        gradient = self._gradient(
            numbers.params, numbers.state, x, y, weights, trainer.masks(x.shape, numbers.step)
        )[1]
        names = names_of(numbers.params)
        for kind, tree in (("weights", numbers.params), ("gradients", gradient)):
            for name, values in zip(names, flatten(tree)[0], strict=True):
                self._writer.add_histogram(f"{kind}/{name}", np.asarray(values), epoch)
        for name, values in activations(trainer.net, numbers.params, numbers.state, x).items():
            self._writer.add_histogram(f"activations/{name}", values, epoch)


def activations(net: Layer, params: Any, state: Any, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return what each layer of a network returns at ``x``, in inference, by the layer's name."""
    if not isinstance(net, Sequential):
        return {net.name or net.kind: np.asarray(net(params, x, state))}
    found: dict[str, NDArray[Any]] = {}
    for layer in net.layers:
        x = np.asarray(layer(params.get(layer.name, {}), x, state.get(layer.name, {})))
        found[layer.name] = x
    return found


def _pixels(drawing: Any) -> NDArray[Any]:
    """Return a drawing as an image, rows × columns × colours."""
    from matplotlib.image import imread

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "graph.png")
        drawing.save(path)
        picture = imread(path)
    return (np.asarray(picture)[..., :3] * 255).astype(np.uint8)
