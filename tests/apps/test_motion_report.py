"""Measured motion: true displacements come back, and the gain is that of alpha."""

from __future__ import annotations

import numpy as np
import pytest

from footage import FPS, shifted, swing, texture
from microexpr.apps.magnify_video.survey import (
    MotionMeter,
    clip_filter,
    compare,
    response,
)
from microexpr.config import Magnify
from microexpr.magnify.temporal import filter_matrix

MATRIX = filter_matrix(60, fps=FPS, passband_hz=(2.0, 4.0), temporal_filter="ideal")


def as_frame(image: np.ndarray) -> np.ndarray:
    return np.rint(image).astype(np.uint8)


@pytest.mark.parametrize("shift", [-3.0, -0.4, 0.1, 0.25, 1.0, 6.0])
def test_points_are_found_where_they_went(shift):
    image = texture(192, 256)
    tracker = MotionMeter(as_frame(image))
    assert len(tracker.points) > 30
    found = tracker.displacement_px(as_frame(shifted(image, shift)))
    inside = np.isfinite(found).all(axis=1)
    assert np.median(found[inside, 0]) == pytest.approx(shift, abs=0.01 + 0.01 * abs(shift))
    assert np.median(found[inside, 1]) == pytest.approx(0, abs=0.01)


def test_only_points_of_the_region_count():
    image = texture(96, 128)
    moved = image.copy()
    moved[:, 64:] = shifted(image, 1.0)[:, 64:]
    for x, wanted in ((0, 0.0), (76, 1.0)):
        tracker = MotionMeter(as_frame(image), (x, 0, 44, 96))
        found = tracker.displacement_px(as_frame(moved))
        assert np.nanmedian(found[:, 0]) == pytest.approx(wanted, abs=0.02)


def test_one_glint_does_not_hide_the_rest():
    image = as_frame(texture(192, 256) / 4)
    image[90:92, 120:122] = 255
    assert len(MotionMeter(image).points) > 5


def test_noise_is_not_followed():
    """The best corners of a smooth part beside a sharp one are noise."""
    image = texture(96, 128)
    image[:, 64:] = 120 + np.random.default_rng(0).normal(size=(96, 64))
    assert len(MotionMeter(as_frame(image), (0, 0, 60, 96)).points) > 10
    assert len(MotionMeter(as_frame(image), (70, 0, 58, 96)).points) == 0


def test_an_empty_frame_has_no_points():
    meter = MotionMeter(np.zeros((64, 64), np.uint8))
    for _ in range(60):
        meter.add([np.zeros((64, 64), np.uint8)] * 2)
    found = meter.gain(0, MATRIX, added=True)
    assert found[:2] == (0, 0)
    assert np.isnan(found.measured)


def paths(profile: np.ndarray, points: int = 20) -> np.ndarray:
    sizes = np.linspace(0.2, 1, points)
    return np.stack([profile[:, None] * sizes, 0 * profile[:, None] * sizes], axis=2)


def test_gain_is_that_of_the_motion_in_the_band():
    inside, outside = swing(60, 0.3, hz=3.0), swing(60, 2.0, hz=0.5)
    original = paths(inside + outside)
    result = original + 7 * paths(MATRIX @ (inside + outside))
    found = compare(original, result, MATRIX, added=True)
    assert found.measured == pytest.approx(8, rel=1e-6)
    replaced = compare(original, paths(MATRIX @ (inside + outside)), MATRIX, added=False)
    assert replaced.measured == pytest.approx(1, rel=1e-6)


def test_motion_that_is_noise_has_no_gain():
    original = paths(swing(60, 0.02))
    assert np.isnan(compare(original, 11 * original, MATRIX, added=True).measured)


def test_lost_points_do_not_count():
    original = paths(swing(60, 0.3))
    result = 3 * original
    result[40, 5] = np.nan
    original[3, 7, 1] = np.nan
    found = compare(original, result, MATRIX, added=True)
    assert (found.points, found.lost) == (18, 1)  # one was lost in the original
    assert found.measured == pytest.approx(3, rel=0.05)


def test_response_of_the_filter():
    narrow = Magnify(passband_hz=(2.0, 4.0), temporal_filter="ideal")
    found = response(300, FPS, narrow)
    assert found["smallest"] > 0.95  # an oscillation in the band
    assert found["expression"] < 0.4  # but no single motion of 10 s
    wide = Magnify(passband_hz=(0.5, 10.0))
    assert response(34, 100.0, wide)["expression"] > 0.9
    assert clip_filter(34, 100.0, wide).shape == (34, 34)


def test_a_point_that_jumps_to_another_is_lost():
    """Where the detail is gone, the tracker finds some other detail; there and back differ."""
    image = texture(192, 256)
    meter = MotionMeter(as_frame(image))
    other = texture(192, 256, seed=1)
    assert np.isfinite(meter.displacement_px(as_frame(other))).all(axis=1).mean() < 0.3
