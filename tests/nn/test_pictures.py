"""Rows A1 and A5 of the lectures as pictures: what is drawn is what networks compute, and the files are what the code makes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Tree
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import adlab as ad
from adlab import nn
from adlab.errors import InputError
from adlab.figures import FIGURES
from adlab.nn.pictures import CURVES, region_polygons
from adlab.render.panels import Curve

FOLDER = Path(__file__).parents[2] / "figures"


@pytest.mark.parametrize("name", ["activations", "regions"])
def test_a1_a5_figures_are_what_the_code_makes(name: str) -> None:
    drawn = FIGURES[name]().svg
    assert drawn == (FOLDER / f"{name}.svg").read_text()
    Tree.fromstring(drawn)
    assert "nan" not in drawn


def test_a1_the_slopes_drawn_are_those_of_the_values_drawn() -> None:
    picture = FIGURES["activations"]()
    assert len(picture.panels) == 9
    for panel, (title, _, kinks) in zip(picture.panels, CURVES, strict=True):
        assert panel.title == title
        lines = [part for part in panel.parts if isinstance(part, Curve) and not part.dots]
        slopes, values = lines[: len(lines) // 2], lines[len(lines) // 2 :]
        assert len(values) == len(kinks) + 1
        for slope, value in zip(slopes, values, strict=True):
            rise = (value.y[2:] - value.y[:-2]) / (value.x[2:] - value.x[:-2])
            assert_allclose(slope.y[1:-1], rise, atol=0.02)


def test_a1_a_dot_shows_the_convention_at_zero() -> None:
    picture = FIGURES["activations"]()
    relu = next(panel for panel in picture.panels if panel.title == "ReLU")
    dots = [part for part in relu.parts if isinstance(part, Curve) and part.dots]
    assert [(float(d.x[0]), float(d.y[0])) for d in dots] == [(0.0, 1.0)]


def test_a5_the_polygons_tile_the_square_and_hold_the_affine_maps() -> None:
    net = nn.MLP([2, 6, 5, 1], "relu", biases=nn.Normal(0.5))
    params, _ = net.init(1)
    found = region_polygons(net, params, (-2, 2), (-2, 2))

    def area(corners: np.ndarray) -> float:
        x, y = corners.T
        return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2

    assert_allclose(sum(area(region.corners) for region in found), 16.0, rtol=1e-12)
    centres = np.array([region.corners.mean(axis=0) for region in found])
    slopes = ad.grad(lambda x: ad.sum(net(params, x)))(centres)
    assert_allclose([region.slope[:, 0] for region in found], slopes, atol=1e-12)
    ours = [c @ region.slope + region.offset for c, region in zip(centres, found, strict=True)]
    assert_allclose(ours, net(params, centres), atol=1e-12)
    assert len(set(nn.linear_regions(net, params, centres).tolist())) == len(found)


def test_a5_one_layer_has_as_many_regions_as_its_lines_cut() -> None:
    net = nn.MLP([2, 2, 1], "relu")
    params, _ = net.init(0)
    params["linear1"] = {"W": np.eye(2), "b": np.zeros(2)}
    assert sorted(region.active for region in region_polygons(net, params)) == [0.0, 0.5, 0.5, 1.0]


def test_what_has_no_polygons_is_refused() -> None:
    net = nn.MLP([2, 3, 1], "tanh")
    with pytest.raises(InputError, match="tanh1 is neither"):
        region_polygons(net, net.init(0)[0])
    net = nn.MLP([3, 3, 1], "relu")
    with pytest.raises(InputError, match=re.escape("inputs of shape (3,)")):
        region_polygons(net, net.init(0)[0])
    with pytest.raises(InputError, match=r"saved as \.svg"):
        FIGURES["regions"]().save("regions.png")
