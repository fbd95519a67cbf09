"""Temporal interpolation: the closed form is the published graph embedding."""

from __future__ import annotations

import numpy as np
import pytest

from microexpr.baselines.lbp_top import resample, tim_matrix
from microexpr.errors import DataError


def embedded(clip: np.ndarray, n_out: int) -> np.ndarray:
    """Resample as published: eigenvectors of the path's Laplacian, SVD, least squares."""
    n = len(clip)
    pixels = clip.T
    mean = pixels.mean(axis=1, keepdims=True)
    left, values, right = np.linalg.svd(pixels - mean, full_matrices=False)
    left, values, right = left[:, : n - 1], values[: n - 1], right[: n - 1]
    path = np.diag(np.ones(n - 1), 1)
    laplacian = np.diag((path + path.T).sum(axis=1)) - path - path.T
    _, eigenvectors = np.linalg.eigh(laplacian)
    k = np.arange(1, n)

    def curve(t: np.ndarray) -> np.ndarray:
        return np.sin(np.pi * k[:, None] * t + np.pi * (n - k[:, None]) / (2 * n))

    at_frames = curve(np.arange(1, n + 1) / n)
    # The sampled sines are the graph's eigenvectors, up to sign and length.
    cosines = at_frames @ eigenvectors[:, 1:] / np.linalg.norm(at_frames, axis=1)[:, None]
    np.testing.assert_allclose(np.abs(cosines), np.eye(n - 1), atol=1e-9)
    coefficients = (values[:, None] * right) @ np.linalg.pinv(at_frames)
    return (left @ coefficients @ curve(np.linspace(1 / n, 1, n_out)) + mean).T


@pytest.mark.parametrize(("n_frames", "n_out"), [(11, 10), (34, 10), (9, 18), (2, 5)])
def test_equals_the_published_embedding(n_frames, n_out):
    clip = np.random.default_rng(n_frames).uniform(0, 1, (n_frames, 60))
    np.testing.assert_allclose(resample(clip, n_out), embedded(clip, n_out), atol=1e-5)


@pytest.mark.parametrize("n_frames", [1, 2, 7, 31])
def test_a_still_clip_stays_and_its_own_length_changes_nothing(n_frames):
    assert tim_matrix(n_frames, 10).sum(axis=1) == pytest.approx(1)
    if n_frames > 1:
        np.testing.assert_allclose(tim_matrix(n_frames, n_frames), np.eye(n_frames), atol=1e-12)


def test_ends_come_out_unchanged_and_shapes_follow():
    clip = np.random.default_rng(0).integers(0, 256, (23, 4, 5)).astype(np.uint8)
    result = resample(clip, 10)
    assert result.shape == (10, 4, 5)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[[0, -1]], clip[[0, -1]], atol=1e-3)


def test_a_slow_motion_is_interpolated_well():
    t = np.linspace(0, 1, 21)
    motion = np.sin(np.pi * t) ** 2
    wanted = np.sin(np.pi * np.linspace(0, 1, 41)) ** 2
    np.testing.assert_allclose(resample(motion, 41), wanted, atol=0.01)


@pytest.mark.parametrize(("n_frames", "n_out"), [(0, 10), (5, 1)])
def test_what_cannot_be_resampled_is_refused(n_frames, n_out):
    with pytest.raises(DataError, match=f"{n_frames} frames cannot be resampled to {n_out}"):
        resample(np.zeros((n_frames, 3)), n_out)
