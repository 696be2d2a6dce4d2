"""An epoch of digits (64-100-10, ReLU, Adam, batches of 64) against scikit-learn, PyTorch and JAX, where they are installed.

    taskset -c 0 python -m benchmarks.training

Everything runs in double on one thread; PyTorch and JAX start from the same weights, adlab and scikit-learn draw their own.
An epoch includes shuffling; tracing, compiling and the first epoch are left out, for every tool. Before anything is
timed, the loss and the gradient of the first batch are checked against NumPy written by hand, and each tool that can is
checked too; after it, the accuracy on samples set aside is shown. Best and median of the epochs after the first.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from adlab import nn

Array = np.ndarray[Any, Any]
BATCH, EPOCHS, RATE = 64, 20, 1e-3


@dataclass(frozen=True)
class Digits:
    """Samples to learn from and to judge on, and the weights that all start from."""

    X: Array
    y: Array
    held: tuple[Array, Array]
    weights: list[Array]

    def batches(self, rng: np.random.Generator) -> Iterator[Array]:
        """Yield the rows of each batch of an epoch."""
        order = rng.permutation(len(self.y))
        return (order[k : k + BATCH] for k in range(0, len(order), BATCH))

    def accuracy(self, w1: Array, b1: Array, w2: Array, b2: Array) -> float:
        """Return the share of right answers on the samples set aside."""
        X, y = self.held
        return float(np.mean((np.maximum(X @ w1 + b1, 0) @ w2 + b2).argmax(axis=1) == y))


Epoch = Callable[[], Any]
Accuracy = Callable[[], float]


def load() -> Digits:
    """Return the digits, or end with what to install."""
    data = nn.data.load("digits").data
    rng = np.random.default_rng(5)
    order, cut = rng.permutation(len(data)), int(0.8 * len(data))
    learn, held = data.take(order[:cut]), data.take(order[cut:])
    shapes = ((64, 100), (100, 10))
    weights: list[Array] = []
    for shape, gain in zip(shapes, (2.0, 1.0), strict=True):
        weights += [rng.standard_normal(shape) * np.sqrt(gain / shape[0]), np.zeros(shape[1])]
    return Digits(learn.X / 16, learn.y, (held.X / 16, held.y), weights)


def by_hand(d: Digits) -> tuple[float, list[Array]]:
    """Return loss and gradient of the first batch, written out."""
    w1, b1, w2, b2 = d.weights
    X, y = d.X[:BATCH], d.y[:BATCH]
    h = np.maximum(X @ w1 + b1, 0)
    e = np.exp(h @ w2 + b2)
    p, rows = e / e.sum(axis=1, keepdims=True), np.arange(BATCH)
    loss = -np.mean(np.log(p[rows, y]))
    p[rows, y] -= 1
    dz = p / BATCH
    dh = dz @ w2.T * (h > 0)
    return float(loss), [X.T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)]


def agrees(d: Digits, who: str, loss: Any, gradient: Any) -> None:
    """Raise unless a loss and a gradient are those written by hand."""
    value, expected = by_hand(d)
    np.testing.assert_allclose(float(loss), value, rtol=1e-12, err_msg=who)
    for found, wanted in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-9, atol=1e-12, err_msg=who)


def adlab(d: Digits) -> tuple[Epoch, Accuracy]:
    """Return an epoch of the Trainer: shuffling, steps, the history."""
    trainer = nn.Trainer(nn.MLP([64, 100, 10], "relu"), "cross_entropy", nn.Adam(RATE), seed=0, metrics=())
    w1, b1, w2, b2 = d.weights
    params = {"linear1": {"W": w1, "b": b1}, "linear2": {"W": w2, "b": b2}}
    target = trainer.step.loss.encode(d.y[:BATCH], (10,), np.dtype(float))
    loss, found = trainer.step.gradient(params, {}, d.X[:BATCH], target)
    agrees(d, "adlab", loss, [found[a][b] for a in ("linear1", "linear2") for b in ("W", "b")])
    done: list[float] = []

    def epochs() -> None:
        history = trainer.fit(d.X, d.y, epochs=EPOCHS, batch_size=BATCH, progress=False)
        done.extend(history.seconds)

    epochs()
    times = iter(done)
    accuracy = lambda: float(np.mean(trainer.outputs(d.held[0]).argmax(axis=1) == d.held[1]))  # noqa: E731
    return lambda: next(times), accuracy


def sklearn(d: Digits) -> tuple[Epoch, Accuracy]:
    """Return an epoch of MLPClassifier."""
    found = importlib.import_module("sklearn.neural_network").MLPClassifier(
        (100,), solver="adam", alpha=0.0, batch_size=BATCH, learning_rate_init=RATE, random_state=0
    )
    classes = np.arange(10)
    return lambda: found.partial_fit(d.X, d.y, classes=classes), lambda: float(found.score(*d.held))


def torch(d: Digits) -> tuple[Epoch, Accuracy]:
    """Return an epoch of PyTorch, eager, with its Adam."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    X, y = torch.from_numpy(d.X), torch.from_numpy(d.y)
    net = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10)).double()
    with torch.no_grad():
        for parameter, weight in zip(net.parameters(), d.weights, strict=True):
            parameter.copy_(torch.from_numpy(weight.T))
    loss, optimiser = torch.nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), lr=RATE)
    value = loss(net(X[:BATCH]), y[:BATCH])
    gradient = torch.autograd.grad(value, list(net.parameters()))
    agrees(d, "PyTorch", value.detach(), [g.numpy().T for g in gradient])
    rng = np.random.default_rng(0)

    def epoch() -> None:
        for rows in d.batches(rng):
            chosen = torch.from_numpy(rows)
            optimiser.zero_grad()
            loss(net(X[chosen]), y[chosen]).backward()
            optimiser.step()

    return epoch, lambda: d.accuracy(*[p.detach().numpy().T for p in net.parameters()])


def jax(d: Digits) -> tuple[Epoch, Accuracy]:
    """Return an epoch of JAX: the full batches in one compiled scan, the last one in a compiled step."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    X, y = jnp.asarray(d.X), jnp.asarray(d.y)

    def loss(ws: Any, X: Any, y: Any) -> Any:
        z = jax.nn.relu(X @ ws[0] + ws[1]) @ ws[2] + ws[3]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

    def step(carry: Any, rows: Any) -> Any:
        ws, ms, vs, t = carry
        gs = jax.grad(loss)(ws, X[rows], y[rows])
        t = t + 1
        rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        ms = [0.9 * m + 0.1 * g for m, g in zip(ms, gs, strict=True)]
        vs = [0.999 * v + 0.001 * g * g for v, g in zip(vs, gs, strict=True)]
        ws = [w - rate * m / (jnp.sqrt(v) + 1e-8) for w, m, v in zip(ws, ms, vs, strict=True)]
        return (ws, ms, vs, t), None

    ws = [jnp.asarray(w) for w in d.weights]
    agrees(d, "JAX", *jax.value_and_grad(loss)(ws, X[:BATCH], y[:BATCH]))
    one, many = jax.jit(step), jax.jit(lambda carry, rows: jax.lax.scan(step, carry, rows))
    zeros = [jnp.zeros_like(w) for w in ws]
    now, rng = [(ws, zeros, zeros, jnp.asarray(0.0))], np.random.default_rng(0)

    def epoch() -> None:
        *full, last = d.batches(rng)
        carry = one(many(now[0], np.stack(full))[0], last)[0]
        now[0] = jax.block_until_ready(carry)

    return epoch, lambda: d.accuracy(*map(np.asarray, now[0][0]))


RIVALS = {"scikit-learn": sklearn, "PyTorch eager": torch, "jax.jit, scan": jax}


def times_of(epoch: Epoch) -> list[float]:
    """Return the seconds of each epoch but the first; an epoch that measured itself returns them."""
    found = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        own = epoch()
        found.append(own if isinstance(own, float) else time.perf_counter() - start)
    return found[1:]


def main() -> None:
    """Print one line per tool."""
    warnings.simplefilter("ignore")
    d = load()
    print(f"{'digits, 64-100-10':<18} {'best ms':>8} {'median':>8} {'adlab is':>9} {'accuracy':>9}")
    ours = 0.0
    for who, make in {"adlab": adlab, **RIVALS}.items():
        try:
            epoch, accuracy = make(d)
        except ImportError:
            print(f"{who:<18} {'not installed':>17}")
            continue
        times = times_of(epoch)
        best = min(times)
        ours = ours or best
        share = f"{ours / best:.2f} ×" if who != "adlab" else ""
        print(
            f"{who:<18} {best * 1e3:8.2f} {statistics.median(times) * 1e3:8.2f} {share:>9} {accuracy():9.3f}"
        )


if __name__ == "__main__":
    main()
