from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from microexpr.magnify.amplitude import (
    PEAK_WAVELENGTH_PX,
    _sum_up,
    down,
    fitting_levels,
    level_weights,
    up,
    weighted_sum,
)


def images(height: int, width: int) -> torch.Tensor:
    return torch.rand((3, height, width), generator=torch.Generator().manual_seed(height + width))


@pytest.mark.parametrize("size", [(2, 2), (1, 5), (3, 2), (7, 9), (8, 8), (63, 224)])
def test_down_and_up_equal_opencv(size: tuple[int, int]) -> None:
    height, width = size
    x = images(*size)
    small = down(x)
    assert np.allclose(small, np.stack([cv2.pyrDown(f) for f in x.numpy()]), atol=1e-6)
    large = up(small, dstsize=(width, height))
    expected = [cv2.pyrUp(f, dstsize=(width, height)) for f in small.contiguous().numpy()]
    assert np.allclose(large, np.stack(expected), atol=1e-6)


@pytest.mark.parametrize("size", [(32, 32), (35, 61), (64, 48)])
def test_weighted_sum_equals_explicit_pyramid(size: tuple[int, int]) -> None:
    x = images(*size)
    weights = [0.2, 0.0, 1.5, 0.7]
    gaussians = [x]
    for _ in weights[1:]:
        gaussians.append(down(gaussians[-1]))
    expected = weights[-1] * gaussians[-1]
    for level in (2, 1, 0):
        height, width = gaussians[level].shape[-2:]
        band = gaussians[level] - up(gaussians[level + 1], dstsize=(width, height))
        expected = up(expected, dstsize=(width, height)) + weights[level] * band
    assert torch.allclose(weighted_sum(x, weights), expected, atol=2e-6)
    steps = [0.2, -0.2, 1.5, -0.8]
    other_devices = _sum_up(x, steps, torch.empty_like(x))
    assert torch.allclose(other_devices, expected, atol=2e-6)


def test_weights_of_one_give_the_image_back() -> None:
    x = images(33, 48)
    assert torch.equal(weighted_sum(x, [1.0] * 5), x)
    assert not weighted_sum(x, [0.0] * 5).any()


def test_level_weights_follow_wu_equation_14() -> None:
    alpha, lambda_c = 10.0, 16.0
    delta = lambda_c / 8 / (1 + alpha)
    expected = [min(alpha, w / (8 * delta) - 1) / alpha for w in (5, 10, 20, 40)]
    assert level_weights(4, alpha=alpha, lambda_c_px=lambda_c) == pytest.approx(expected)
    assert expected[2:] == [1, 1]
    assert level_weights(4, alpha=10.0, lambda_c_px=0) == [1.0] * 4


@pytest.mark.parametrize("lambda_c_px", [16.0, 80.0, 1000.0])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.5, 5.0, 200.0])
def test_level_weights_are_never_negative(alpha: float, lambda_c_px: float) -> None:
    """evm.py of joeljose reverses motion: its schedule is not cut off at zero."""
    weights = level_weights(8, alpha=alpha, lambda_c_px=lambda_c_px)
    assert all(0 <= weight <= 1 for weight in weights)
    assert weights == sorted(weights)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_level_wavelengths_are_where_the_levels_peak(level: int) -> None:
    weights = [float(k == level) for k in range(6)]
    x = torch.arange(480.0)
    responses = {}
    for cycles in range(4, 120):
        wave = torch.sin(2 * torch.pi * cycles * x / 480).expand(1, 240, -1).contiguous()
        responses[480 / cycles] = float(weighted_sum(wave, weights).std())
    peak = max(responses, key=responses.__getitem__)
    assert peak == pytest.approx(PEAK_WAVELENGTH_PX * 2**level, rel=0.12)


def test_weights_at_alpha_zero_are_the_limit() -> None:
    limit = level_weights(6, alpha=1e-9, lambda_c_px=16.0)
    assert level_weights(6, alpha=0.0, lambda_c_px=16.0) == pytest.approx(limit)


def test_fitting_levels() -> None:
    assert fitting_levels(224, 224, 6) == 6
    assert fitting_levels(16, 200, 6) == 4
    assert fitting_levels(8, 8, 9) == 3
