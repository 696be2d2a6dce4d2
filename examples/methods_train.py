"""Four ways to differentiate train one 2-3-1 net on XOR: to the same weights, at very different costs.

python examples/methods_train.py
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import adlab as ad
from adlab import nn
from adlab.ir.tree import flatten
from adlab.render.formats import render_table
from adlab.render.tables import plain_table
from adlab.transforms.costs import count_evaluation

METHODS = ("reverse", "forward", "symbolic", "numerical")
EPOCHS = 1000


@dataclass(frozen=True)
class Run:
    """What one method came to: the net's numbers, and what a gradient by it costs."""

    method: str
    weights: np.ndarray
    loss: float
    accuracy: float
    operations: int
    preparing: float
    step: float


def train(method: str, epochs: int = EPOCHS) -> Run:
    data = nn.data.xor(4, noise=0)  # the truth table
    net = nn.MLP([2, 3, 1], activation="tanh")
    trainer = nn.Trainer(net, "binary_cross_entropy", nn.SGD(0.5), method=method, seed=1)
    history = trainer.fit(data.X, data.y, epochs=epochs, batch_size=None, progress=False)
    x, y, _ = trainer.feed.probe(4)
    gradient = ad.graph(trainer.step.gradient, trainer.params, trainer.state, x, y)
    return Run(
        method,
        np.concatenate([leaf.ravel() for leaf in flatten(trainer.params)[0]]),
        float(history["loss"][-1]),
        float(history["accuracy"][-1]),
        sum(count_evaluation(gradient).values()),
        float(history.seconds[0]),  # the first step is traced and compiled
        float(np.median(history.seconds[1:])),
    )


def main(epochs: int = EPOCHS) -> list[Run]:
    runs = [train(method, epochs) for method in METHODS]
    first = runs[0]
    rows = [
        (
            run.method,
            f"{run.loss:.6f}",
            f"{np.abs(run.weights - first.weights).max():.1e}".replace("-", "−"),
            f"{run.operations:,}",
            f"{run.operations / first.operations:.1f}",
            f"{run.preparing:.2f} s",
            f"{run.step * 1e6:.0f} µs",
        )
        for run in runs
    ]
    headers = ("method", "loss", "weights differ by", "operations", "× reverse", "first step", "a later step")
    print(f"A 2-3-1 net of {len(first.weights)} weights learns XOR: {epochs} steps of gradient descent.\n")
    print(render_table(plain_table(headers, rows)))
    return runs


if __name__ == "__main__":
    main()
