"""Optical flow and strain on displacements that are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from microexpr.baselines.flow import flow, shrunk, strain


def texture(size: int = 96) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(size, size))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (128 + 40 * smooth / smooth.std()).astype(np.float32)


def moved(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    return cv2.remap(
        image, x - field[0], y - field[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def grey(image: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


def bump(amplitude_px: float, size: int = 96, width: float = 14.0) -> np.ndarray:
    y, x = np.mgrid[:size, :size].astype(np.float32)
    near = np.exp(-((x - 40) ** 2 + (y - 56) ** 2) / (2 * width**2))
    return np.stack([0.4 * amplitude_px * near, -amplitude_px * near]).astype(np.float32)


@pytest.mark.parametrize("amplitude_px", [0.5, 2.0])
def test_flow_follows_a_local_motion_below_and_above_a_pixel(amplitude_px):
    image, field = texture(), bump(amplitude_px)
    found = flow(grey(image, 1), grey(moved(image, field), 2))
    inner = (slice(None), slice(12, -12), slice(12, -12))
    assert np.corrcoef(found[inner].ravel(), field[inner].ravel())[0, 1] > 0.95
    peak = found[:, 56, 40]
    assert peak[0] > 0 > peak[1]
    assert peak == pytest.approx(field[:, 56, 40], abs=0.25 * amplitude_px)


def test_strain_of_linear_fields_is_their_tensors_norm():
    y, x = np.mgrid[:20, :30].astype(np.float32)
    stretch = strain(np.stack([0.1 * x, -0.2 * y]))
    assert stretch == pytest.approx(np.hypot(0.1, 0.2), rel=1e-4)
    shear = strain(np.stack([0.3 * y, np.zeros_like(y)]))
    assert shear == pytest.approx(0.3 / np.sqrt(2), rel=1e-4)


def test_translation_and_small_rotation_have_no_strain():
    y, x = np.mgrid[:20, :30].astype(np.float32)
    assert strain(np.stack([np.full_like(x, 2), np.full_like(x, -1)])) == pytest.approx(0)
    assert strain(np.stack([-0.01 * y, 0.01 * x])) == pytest.approx(0, abs=1e-6)


def test_shrinking_keeps_the_mean():
    maps = np.random.default_rng(1).normal(size=(3, 112, 112)).astype(np.float32)
    small = shrunk(maps, 28)
    assert small.shape == (3, 28, 28)
    np.testing.assert_allclose(small[0, 0, 0], maps[0, :4, :4].mean(), atol=1e-5)
