"""The comparison with published results, on clips whose differences are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from synthetic import texture

import published_motion

FPS, BAND_HZ = 600.0, (72.0, 92.0)
STILL = torch.from_numpy(texture(64, 64, 3)).float()


def clip(motion_px: np.ndarray) -> torch.Tensor:
    """Move a texture along x, and let its brightness wander."""
    rng = np.random.default_rng(5)
    phase = -2j * np.pi * np.fft.rfftfreq(STILL.shape[1])
    spectrum = np.fft.rfft(STILL.numpy(), axis=1)
    moved = [np.fft.irfft(spectrum * np.exp(phase * s), n=STILL.shape[1]) for s in motion_px]
    noise = rng.normal(scale=0.01, size=(len(motion_px), 8, 8)).repeat(8, axis=1).repeat(8, axis=2)
    return torch.from_numpy(np.stack(moved) + noise).float()


def test_energy_is_quadratic_and_only_the_band_counts():
    t = np.arange(120) / FPS
    inside, outside = (np.sin(2 * np.pi * hz * t) for hz in (80, 30))
    theirs = torch.from_numpy(np.outer(inside, [1.0, -2.0])).float()
    ours = 1.1 * theirs + torch.from_numpy(np.outer(outside, [5.0, 5.0])).float()
    ratio, correlation = published_motion.agreement(ours, theirs, FPS, BAND_HZ)
    assert ratio == pytest.approx(1.21, rel=1e-3)
    assert correlation == pytest.approx(1, abs=1e-3)
    ratio, correlation = published_motion.agreement(-ours, theirs, FPS, BAND_HZ)
    assert (ratio, correlation) == (pytest.approx(1.21, rel=1e-3), pytest.approx(-1, abs=1e-3))


def test_two_frames_that_a_copy_blends_are_found():
    motion = 0.3 * np.sin(2 * np.pi * 82 * np.arange(100) / FPS)
    source = clip(motion)
    blended = 0.35 * source[2:-4] + 0.65 * source[3:-3]
    result = blended + 4 * published_motion.passed(blended, FPS, BAND_HZ)
    shares = published_motion.shown(source, result, FPS, BAND_HZ)
    assert shares == {2: pytest.approx(0.35, abs=0.05), 3: pytest.approx(0.65, abs=0.05)}
    assert published_motion.shown(source, source[1:-3], FPS, BAND_HZ) == {1: pytest.approx(1)}


def test_the_finest_level_and_the_residual_of_2012_get_nothing():
    """The levels of matlabPyrTools for the guitar: six, and a residual of 6 x 13 px or less."""
    gains = published_motion.gains_of_2012(192, 432, alpha=75, lambda_c_px=10)
    assert len(gains) == 7
    assert gains[0] == gains[-1] == 0
    wavelength = math.hypot(192, 432) / 3 / 2**5
    assert gains[1] == pytest.approx(2 * (76 * wavelength / 10 - 1) / 75)
    assert gains[2:-1] == [1.0] * 4


def test_a_pulse_between_two_frequencies_of_the_clip_is_found():
    t = np.arange(291) / 30
    signal = 3 * np.sin(2 * np.pi * 0.876 * t + 1)
    hz, levels = published_motion.peak(signal, 30.0, (0.7, 1.5), 8)
    assert (hz, levels) == (pytest.approx(0.876, abs=0.007), pytest.approx(3, rel=0.02))
    assert published_motion.peak(signal, 30.0, (50 / 60, 1.0), 1).hz == pytest.approx(9 * 30 / 291)


def test_coding_changes_little():
    grey = clip(np.zeros(8)).clamp(0, 1)
    assert published_motion.psnr_db(published_motion.recoded(grey), grey) > 35


def test_missing_videos_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["published_motion.py", str(tmp_path)])
    assert published_motion.main() == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(published_motion.COMPARISONS)
    assert all("left out" in line for line in lines)
