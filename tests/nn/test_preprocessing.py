"""Row T2: subtract the mean, of each feature, of each channel or of everything; and what else scales features."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adlab.errors import InputError, ShapeError
from adlab.nn.preprocessing import SCALINGS, Scaling

RNG = np.random.default_rng(0)
TABLE = RNG.normal(5.0, 3.0, (40, 4))
IMAGES = RNG.uniform(0, 255, (10, 8, 8, 3))


def test_t2_the_mean_image_is_subtracted() -> None:
    scaled = Scaling.learn(IMAGES, "mean").apply(IMAGES)
    np.testing.assert_allclose(scaled.mean(axis=0), np.zeros((8, 8, 3)), atol=1e-12)
    np.testing.assert_array_equal(scaled, IMAGES - IMAGES.mean(axis=0))


def test_t2_the_mean_of_each_channel_is_subtracted() -> None:
    scaling = Scaling.learn(IMAGES, "channel")
    assert scaling.shift.shape == (3,)
    np.testing.assert_allclose(scaling.apply(IMAGES).mean(axis=(0, 1, 2)), np.zeros(3), atol=1e-12)


def test_t2_one_mean_of_everything_is_subtracted() -> None:
    scaled = Scaling.learn(IMAGES, "whole").apply(IMAGES)
    assert abs(scaled.mean()) < 1e-12
    np.testing.assert_allclose(np.ptp(IMAGES - scaled), 0, atol=1e-12)


def test_standard_features_have_mean_0_and_standard_deviation_1() -> None:
    scaled = Scaling.learn(TABLE, "standard").apply(TABLE)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_range_features_run_from_0_to_1() -> None:
    scaled = Scaling.learn(TABLE, "range").apply(TABLE)
    np.testing.assert_allclose(
        [scaled.min(axis=0), scaled.max(axis=0)], [np.zeros(4), np.ones(4)], atol=1e-15
    )


@pytest.mark.parametrize("kind", ["standard", "range"])
def test_a_constant_feature_is_not_divided_by_its_rounding_error(kind: str) -> None:
    X = np.column_stack([np.full(10, 0.1), np.arange(10.0)])
    X[:, 0] += np.arange(10) % 2 * 1e-17
    assert np.abs(Scaling.learn(X, kind).apply(X)[:, 0]).max() < 1e-12


@pytest.mark.parametrize("kind", [kind for kind in SCALINGS if kind != "channel"])
def test_what_is_learned_is_applied_to_other_data_and_survives_json(kind: str) -> None:
    scaling = Scaling.from_dict(json.loads(json.dumps(Scaling.learn(TABLE, kind).to_dict())))
    other = RNG.normal(0, 1, (3, 4))
    np.testing.assert_array_equal(scaling.apply(other), Scaling.learn(TABLE, kind).apply(other))
    np.testing.assert_allclose(scaling.invert(scaling.apply(other)), other, rtol=1e-12)


def test_precision_is_kept() -> None:
    assert Scaling.learn(TABLE).apply(TABLE.astype(np.float32)).dtype == np.float32


def test_what_cannot_be_scaled_is_refused() -> None:
    with pytest.raises(InputError, match="no scaling 'minmax'"):
        Scaling.learn(TABLE, "minmax")
    with pytest.raises(InputError, match="last axis"):
        Scaling.learn(TABLE, "channel")
    with pytest.raises(InputError, match="one row per sample"):
        Scaling.learn(np.zeros((0, 4)))
    with pytest.raises(ShapeError, match=r"shape \(4,\), and these have the shape \(3,\)"):
        Scaling.learn(TABLE).apply(TABLE[:, :3])
