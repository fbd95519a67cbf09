"""Placebos: noise, drift and flicker of a clip are kept, its expression is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from microexpr.magnify.clip import luma
from microexpr.magnify.methods import METHODS
from microexpr.magnify.placebo import _whole_frame, placebo_amm, placebo_pmm, still_face

SIZE, FRAMES = 48, 16


def moving(direction: int, seed: int, *, amplitude: float, noise: float = 0.005) -> torch.Tensor:
    """Make a textured clip whose middle moves down or up; all of it drifts, flickers, has noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    course = np.sin(np.linspace(0, np.pi, FRAMES)) * amplitude * direction
    drift = 0.05 * np.arange(FRAMES)
    middle = np.exp(-((x - 24) ** 2 + (y - 24) ** 2) / 40)
    frames = []
    for move, shift, gain in zip(course, drift, 1 + 0.01 * np.arange(FRAMES), strict=True):
        down, right = y - move * middle, x - shift
        still = 0.4 + 0.1 * np.sin(right / 3) * np.cos(down / 4) + 0.1 * np.sin(down / 6)
        frames.append(gain * still + rng.normal(0, noise, still.shape))
    clip = np.clip(np.stack(frames), 0, 1)[..., None].repeat(3, axis=-1)
    return torch.from_numpy(clip.astype(np.float32))


def projection(clip: torch.Tensor) -> float:
    """Return how far the middle's change at the apex goes with a motion downwards."""
    change = (clip[FRAMES // 2] - clip[0])[16:32, 16:32, 0]
    slope = torch.gradient(clip[0, :, :, 0])[0][16:32, 16:32]
    change = change - change.mean()
    return float(-(change * (slope - slope.mean())).sum() / (slope - slope.mean()).square().sum())


def test_noise_drift_and_flicker_are_the_clips_own():
    clip = moving(1, 0, amplitude=0)
    still = still_face(clip)
    assert torch.equal(still, still_face(clip))
    gains = still.mean((1, 2, 3)) / still[0].mean()
    assert torch.allclose(gains, clip.mean((1, 2, 3)) / clip[0].mean(), atol=0.004)
    noise = (still[2:] - 2 * still[1:-1] + still[:-2]).std() / 6**0.5
    assert float(noise) == pytest.approx(0.005, rel=0.1)
    # The drift of 0.05 px a frame is followed, in a direction that is drawn.
    drift = _whole_frame(luma(still), 0)[:, 1:].abs()
    assert float(drift[-1, 0]) == pytest.approx(0.05 * (FRAMES - 1), rel=0.3)
    assert float(drift[-1, 1]) < 0.05


@pytest.mark.parametrize("placebo", [placebo_amm, placebo_pmm])
def test_a_motion_is_found_in_magnified_clips_and_not_in_placebos(placebo):
    options = {"fps": 100.0, "passband_hz": (0.5, 20.0), "alpha": 4.0}
    magnify = METHODS.load(METHODS[placebo.__name__].placebo_of, "function")
    clips = [moving(sign, seed, amplitude=0.5, noise=5e-4) for sign in (1, -1) for seed in range(6)]
    found, placebos = (
        np.array([projection(method(clip, **options)) for clip in clips])
        for method in (magnify, placebo)
    )
    # Clips with the same noise: only the direction of the motion differs.
    apart, left = found[:6] - found[6:], placebos[:6] - placebos[6:]
    assert apart.min() > 0.5
    assert np.abs(left).max() < 0.3 * apart.min()
    assert left.min() < 0 < left.max()
