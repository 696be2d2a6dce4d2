"""Pictures of what networks are made of: each activation with its derivative, and the linear regions of ReLU networks.

The regions are drawn exactly. Within a region a network is one affine map, so the line on which a unit of the next layer
turns on is straight there: each polygon is cut by the lines of the layer's units, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adlab import functions as ad
from adlab.derivatives import grad
from adlab.errors import InputError
from adlab.nn.activations import ReLU
from adlab.nn.layers import Params
from adlab.nn.linear import Linear
from adlab.nn.sequential import Sequential
from adlab.render.panels import Curve, Panel, Panels, Polygon

__all__ = ["Region", "draw_activations", "draw_regions", "region_polygons"]

Array = NDArray[np.float64]

BLUE, VERMILION = "#0072B2", "#D55E00"
DASH = "6 3"
SHADES = ("#F1F5FA", "#08306B")
"""Of the regions in which the fewest units are on, and the most."""

CURVES: tuple[tuple[str, Callable[[Any], Any], tuple[float, ...]], ...] = (
    ("identity", lambda x: 1.0 * x, ()),
    ("sigmoid", ad.sigmoid, ()),
    ("tanh", ad.tanh, ()),
    ("ReLU", ad.relu, (0.0,)),
    ("leaky ReLU, α = 0.1", lambda x: ad.leaky_relu(x, 0.1), (0.0,)),
    ("PReLU, learned α = 0.25", lambda x: ad.prelu(x, 0.25), (0.0,)),
    ("ELU, α = 1", lambda x: ad.elu(x, 1.0), ()),
    ("SReLU, all four learned", lambda x: ad.srelu(x, 1.5, 0.3, -1.0, 0.2), (-1.0, 1.5)),
    ("maxout of 3 pieces", lambda x: ad.maxout(-0.5 * x - 1.0, 0.5 * x, 2.0 * x - 3.0), (-1.0, 2.0)),
)
"""Row A1 of the lectures: title, function, where it has kinks."""


def draw_activations() -> Panels:
    """Draw each activation with its derivative, and the derivative that is taken at each kink."""
    panels = []
    for title, function, kinks in CURVES:
        slope = grad(lambda x, function=function: ad.sum(function(x)))
        parts = []
        edges = [-4.0, *kinks, 4.0]
        for left, right in pairwise(edges):
            x = np.linspace(left, right, 161)
            parts.append(Curve(x, np.asarray(function(x)), BLUE))
            within = np.r_[left + 1e-9, x[1:-1], right - 1e-9]
            parts.append(Curve(x, np.asarray(slope(within)), VERMILION, DASH))
        at = np.array(kinks)
        if kinks:
            parts.append(Curve(at, np.asarray(slope(at)), VERMILION, dots=True))
        parts.sort(key=lambda part: part.colour != VERMILION)
        panels.append(Panel(title, parts, (-4, 4), (-2, 3), ((-4, -2, 0, 2, 4), (-2, -1, 0, 1, 2, 3))))
    none = np.empty(0)
    legend = (
        (Curve(none, none, BLUE), "value"),
        (Curve(none, none, VERMILION, DASH), "derivative"),
        (Curve(none, none, VERMILION, dots=True), "the derivative taken at a kink"),
    )
    names = ", ".join(title.split(",")[0] for title, _, _ in CURVES)
    description = f"Each activation over −4 … 4 with its derivative: {names}."
    return Panels("The activations and their derivatives", description, panels, 3, legend)


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the plane in which a network is one affine map.

    Attributes
    ----------
    corners : ndarray of shape (corners, 2)
    slope : ndarray of shape (2, outputs)
    offset : ndarray of shape (outputs,)
        The network is x·slope + offset there.
    active : float
        The share of units that are on.
    """

    corners: Array
    slope: Array
    offset: Array
    active: float


def region_polygons(
    net: Sequential, params: Params, x: tuple[float, float] = (-1, 1), y: tuple[float, float] = (-1, 1)
) -> list[Region]:
    """Return the linear regions of a ReLU network of two inputs, within a rectangle.

    Parameters
    ----------
    net : Sequential
        Of `Linear` and `ReLU` layers.
    params : tree
    x, y : (float, float)
        The rectangle.

    Raises
    ------
    InputError
        For other layers, or another number of inputs.

    Examples
    --------
    >>> from adlab import nn
    >>> net = nn.MLP([2, 1, 1], "relu", weights=1.0)
    >>> [region.corners.shape[0] for region in region_polygons(net, net.init(0)[0])]
    [3, 3]
    """
    if net.in_shape != (2,):
        raise InputError(
            f"Regions are drawn in the plane, and this network has inputs of shape {net.in_shape}, not (2,)."
        )
    box = np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])
    regions = [Region(box, np.eye(2), np.zeros(2), 0.0)]
    units = 0
    for layer in net.layers:
        own = params.get(layer.name, {})
        if isinstance(layer, Linear):
            b = own.get("b", 0.0)
            regions = [
                Region(r.corners, r.slope @ own["W"], r.offset @ own["W"] + b, r.active) for r in regions
            ]
        elif isinstance(layer, ReLU):
            units += len(regions[0].offset)
            regions = [piece for region in regions for piece in _rectified(region)]
        else:
            raise InputError(f"Regions are drawn of Linear and ReLU layers, and {layer.name} is neither.")
    return [Region(r.corners, r.slope, r.offset, r.active / max(units, 1)) for r in regions]


def _rectified(region: Region) -> list[Region]:
    """Cut a region along the lines on which units turn on; in each piece those that are off return 0."""
    pieces = [region.corners]
    for w, b in zip(region.slope.T, region.offset, strict=True):
        pieces = [half for piece in pieces for half in _cut(piece, w, b)]
    found = []
    for corners in pieces:
        on = (corners.mean(axis=0) @ region.slope + region.offset >= 0).astype(float)
        found.append(Region(corners, region.slope * on, region.offset * on, region.active + float(on.sum())))
    return found


def _cut(corners: Array, w: Array, b: float) -> list[Array]:
    """Return the parts of a convex polygon on both sides of the line w·x + b = 0; one part if the line misses it."""
    side = corners @ w + b
    side[np.abs(side) <= 1e-12 * (np.abs(side).max() + abs(b))] = 0.0
    if (side >= 0).all() or (side <= 0).all():
        return [corners]
    halves: tuple[list[Array], list[Array]] = ([], [])
    for k in range(len(corners)):
        here, there = side[k - 1], side[k]
        if here * there < 0:
            crossing = corners[k - 1] + (corners[k] - corners[k - 1]) * (here / (here - there))
            halves[0].append(crossing)
            halves[1].append(crossing)
        if there >= 0:
            halves[0].append(corners[k])
        if there <= 0:
            halves[1].append(corners[k])
    return [np.array(half) for half in halves]


def draw_regions(nets: list[tuple[str, Sequential, Params]], reach: float = 2.0) -> Panels:
    """Draw the linear regions of networks of two inputs side by side, darker where more units are on.

    Parameters
    ----------
    nets : list of (title, network, parameters)
    reach : float
        The inputs are drawn from −reach to reach.
    """
    panels = []
    span, ticks = (-reach, reach), (-reach, 0.0, reach)
    for title, net, params in nets:
        regions = region_polygons(net, params, span, span)
        least, most = (pick(region.active for region in regions) for pick in (min, max))
        shares = [(region.active - least) / (most - least or 1.0) for region in regions]
        parts = [Polygon(r.corners, _shade(share)) for r, share in zip(regions, shares, strict=True)]
        panels.append(Panel(f"{title}: {len(regions)} regions", parts, span, span, (ticks, ticks)))
    description = "The plane of inputs, cut into polygons; in each the network is one affine map. Darker: more units are on. "
    description += "; ".join(panel.title for panel in panels) + "."
    return Panels("The linear regions of ReLU networks", description, panels, len(panels))


def _shade(share: float) -> str:
    light, dark = ([int(shade[k : k + 2], 16) for k in (1, 3, 5)] for shade in SHADES)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in zip(light, dark, strict=True))
