"""What goes on in each layer: sizes that vanish or explode, saturated and dead units, gradients of one sign, copies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab.nn.activations import Activation, Maxout, ReLU
from adlab.nn.diagnosis.case import Case
from adlab.nn.inside import _layers
from adlab.reports.diagnosis import Finding, LayerStatistics, Pointer

FLAT = 0.01
"""A slope smaller than this is saturation."""

SMALL, TINY = 0.1, 0.01
"""Activations of the last hidden layer, as a share of those of the first: a warning, an error; and their reciprocals."""

FAINT, GONE = 1e-2, 1e-3
"""The same for gradients, on their way from the last hidden layer to the first."""

MANY, MOST = 0.25, 0.5
"""Shares of units, dead or saturated, that are a warning and an error; some 10-20 % are dead in most networks."""

ONE_SIGN = 0.5
FEW_INPUTS = 4
"""With fewer inputs, the gradients of a unit's weights share a sign by chance too often to say anything."""

BINS = 40


def statistics(case: Case) -> tuple[LayerStatistics, ...]:
    """Return the statistics of every layer."""
    return tuple(_of_layer(case, name, value) for name, value in case.values.items())


def _of_layer(case: Case, name: str, value: NDArray[Any]) -> LayerStatistics:
    slope = case.slopes.get(name)
    counts, edges = np.histogram(value, BINS)
    return LayerStatistics(
        name,
        float(value.mean()),
        float(value.std()),
        _size(case.adjoints[name]),
        None if slope is None else float(np.mean(np.abs(slope) < FLAT)),
        None if slope is None else float(np.mean(np.all(slope == 0, axis=0))),
        tuple(map(int, counts)),
        float(edges[0]),
        float(edges[-1]),
    )


def _size(adjoint: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(adjoint))))


def _hidden(case: Case) -> list[str]:
    """Return the names of the hidden activations, in order."""
    params, state = case.weights
    layers = _layers(case.sequential, params, state)
    return [name for name, layer, *_ in layers[:-1] if isinstance(layer, (Activation, Maxout))]


# -------------------------------------------------------------------------------------- vanishing, exploding


def activations(case: Case) -> Finding:
    """Compare the deviations of the hidden activations, from the first layer to the last."""
    sizes = {name: float(case.values[name].std()) for name in _hidden(case)}
    advice = (
        "Start weights by Xavier's 1/n, or He's 2/n before ReLU, or put a BatchNorm before each activation."
    )
    return _compared(
        "activations by layer", "deviation of activations", sizes, case.at, (SMALL, TINY), advice
    )


def gradients(case: Case) -> Finding:
    """Compare the sizes of the gradients that arrive at the hidden layers, from the last back to the first."""
    sizes = {name: _size(case.adjoints[name]) for name in reversed(_hidden(case))}
    advice = "Use ReLU, Xavier's or He's start, BatchNorm, or fewer layers; clip gradients that explode."
    return _compared("gradients by layer", "size of gradients", sizes, case.at, (FAINT, GONE), advice)


def _compared(
    check: str, what: str, sizes: dict[str, float], step: int, allowed: tuple[float, float], advice: str
) -> Finding:
    """Return whether sizes stay alike along the layers; the layer that is off most is pointed at."""
    if len(sizes) < 2:
        return Finding(check, "skip", "there are no two hidden layers to compare.")
    names, values = list(sizes), np.array(list(sizes.values()))
    if not values[0]:
        reason = f"The {what} is 0 in {names[0]} already."
        return Finding(check, "fail", reason, advice, Pointer(names[0], step=step), {"ratio": 0.0})
    ratios = values / values[0]
    with np.errstate(divide="ignore"):
        worst = int(np.argmax(np.abs(np.log(ratios))))
    ratio = float(ratios[worst])
    way = f"The {what} goes from {values[0]:.3g} in {names[0]} to {values[worst]:.3g} in {names[worst]}"
    measured = {"ratio": ratio}
    off = min(ratio, 1 / ratio) if ratio else 0.0
    if off >= allowed[0]:
        return Finding(check, "pass", f"{way}.", measured=measured)
    verdict = "fail" if off < allowed[1] else "warn"
    word = "vanishes" if ratio < 1 else "explodes"
    return Finding(check, verdict, f"{way}: it {word}.", advice, Pointer(names[worst], step=step), measured)


# --------------------------------------------------------------------------------------------- saturated, dead


def saturation(case: Case) -> Finding:
    """Look for units whose slope is next to nothing; ReLU and its kin, which are flat by design, are counted as dead."""
    params, state = case.weights
    kinds = {name: layer for name, layer, *_ in _layers(case.sequential, params, state)}
    shares = {
        name: np.mean(np.abs(slope) < FLAT, axis=0)
        for name, slope in case.slopes.items()
        if not isinstance(kinds[name], ReLU)
    }
    advice = "Smaller weights at the start, scaled inputs, or a BatchNorm before the activation keep units off their ends."
    return _worst("saturated units", "values have next to no slope", shares, case.at, advice)


def dead(case: Case) -> Finding:
    """Look for units that no sample teaches."""
    shares = {name: np.all(slope == 0, axis=0).astype(float) for name, slope in case.slopes.items()}
    advice = "Start biases at 0.01 or 0.1, use a smaller learning rate, or a leaky ReLU."
    return _worst("dead units", "units have slope 0 at every sample", shares, case.at, advice)


def _worst(check: str, what: str, shares: dict[str, NDArray[Any]], step: int, advice: str) -> Finding:
    """Return a finding on the layer where the mean share is largest; it points at the worst unit."""
    if not shares:
        return Finding(check, "skip", "there is no activation of this kind.")
    layer = max(shares, key=lambda name: float(shares[name].mean()))
    share = float(shares[layer].mean())
    reason = f"In {layer}, {share:.0%} of {what}."
    if share <= MANY:
        return Finding(check, "pass", f"{reason} No layer has more.", measured={"share": share})
    where = Pointer(layer, unit=int(np.argmax(shares[layer])), step=step)
    return Finding(check, "fail" if share > MOST else "warn", reason, advice, where, {"share": share})


# -------------------------------------------------------------------------------------------- signs, symmetry


def _kernels(case: Case, tree: Any) -> dict[str, NDArray[Any]]:
    """Return one matrix per linear layer, of shape (inputs, units)."""
    found: dict[str, NDArray[Any]] = {}
    for name, _, own, _ in _layers(case.sequential, tree, {}):
        W = own.get("W")
        if W is not None and np.ndim(W) == 2:
            found[name] = np.asarray(W)
    return found


def signs(case: Case) -> Finding:
    """Look for units all of whose weight gradients have one sign, because all that comes in has one.

    Their weights can only grow, or shrink, together.
    """
    check, shares = "signs of gradients", {}
    before = dict(zip(list(case.values)[1:], case.values.values(), strict=False))
    for name, gradient in _kernels(case, case.gradient).items():
        one_signed = bool((before[name] >= 0).all() or (before[name] <= 0).all())
        if len(gradient) >= FEW_INPUTS and one_signed:
            positive, negative = (gradient >= 0).all(axis=0), (gradient <= 0).all(axis=0)
            shares[name] = (positive | negative) & gradient.any(axis=0)
    if not shares:
        return Finding(check, "pass", "What comes into each layer has both signs, or few inputs.")
    layer = max(shares, key=lambda name: float(shares[name].mean()))
    share = float(shares[layer].mean())
    reason = f"In {layer}, the weight gradients of {share:.0%} of units all have one sign."
    if share <= ONE_SIGN:
        return Finding(check, "pass", f"{reason} No layer has more.", measured={"share": share})
    return Finding(
        check,
        "warn",
        f"{reason} Their weights move together, in zig-zag.",
        "Subtract the mean from what comes in, scale the targets, or use an activation that is centred at 0.",
        Pointer(layer, unit=int(np.argmax(shares[layer])), step=case.at),
        {"share": share},
    )


def symmetry(case: Case) -> Finding:
    """Look for units that are copies: the same weights and the same gradients, so they stay the same forever."""
    gradients, copies, units = _kernels(case, case.gradient), {}, 0
    for name, W in _kernels(case, case.weights[0]).items():
        both = np.vstack([W, gradients[name]]).T
        units += len(both)
        _, first, inverse = np.unique(both, axis=0, return_index=True, return_inverse=True)
        twins = np.flatnonzero(first[inverse.ravel()] != np.arange(len(both)))
        if twins.size and len(both) > 1:
            copies[name] = twins
    if not copies:
        return Finding("symmetry", "pass", f"No two of {units} units in a layer are copies of each other.")
    layer, twins = max(copies.items(), key=lambda item: len(item[1]))
    return Finding(
        "symmetry",
        "fail",
        f"In {layer}, {len(twins)} units are copies of others: same weights, same gradients; they stay one unit forever.",
        "Start weights from random numbers; constants do not break the symmetry.",
        Pointer(layer, unit=int(twins[0]), step=case.at),
        {"copies": float(len(twins))},
    )
