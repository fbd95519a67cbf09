"""Mistakes found by measurement in nine published implementations; none of them may come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from synthetic import displacement_px, moved, texture

from microexpr.magnify import amm, pmm
from microexpr.magnify.phase import LEFT_BEHIND
from microexpr.magnify.temporal import filter_matrix

METHODS = [amm, pmm]
VIBRATION = {
    "fps": 100.0,
    "passband_hz": (4.0, 9.0),
    "temporal_filter": "ideal",
    "anchored": False,
}
T = 64
TIME_S = np.arange(T) / 100
WAVE = np.sin(2 * np.pi * 6.25 * TIME_S)


@pytest.mark.parametrize("alpha", [1.0, 5.0, 20.0])
def test_1_phase_slope_is_alpha_not_pi_alpha(alpha: float) -> None:
    """itberrios/phase_based: precedence in ``(pi + d) % 2*pi`` scales phases by pi."""
    image = texture(96, 96)
    result = pmm(moved(image, 0.02 * WAVE), alpha=alpha, smoothing_px=0.0, **VIBRATION)
    slope = displacement_px(result, image) @ WAVE / (WAVE @ WAVE) / 0.02
    assert (slope - 1) / alpha == pytest.approx(1, abs=0.12)


def test_1_phases_near_pi_are_not_folded() -> None:
    """The same slip wraps phases at 0.9 instead of pi."""
    x = np.arange(128.0)
    waves = [np.sin(2 * np.pi * (x - s) / 16) for s in (0.0, 0.42 * 16 / 2, 0.0)]  # 0.42 of pi
    clip = torch.from_numpy(np.stack(waves)).float()[:, None].expand(-1, 64, -1) * 0.3 + 0.5
    result = pmm(
        clip.contiguous(), alpha=1.0, fps=100.0, passband_hz=(1, 9), temporal_filter="reference"
    )
    line = torch.fft.rfft(result[1].mean(dim=0))[8] / torch.fft.rfft(clip[0].mean(dim=0))[8]
    assert -float(torch.angle(line)) == pytest.approx((2 + LEFT_BEHIND) * 0.42 * np.pi, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_2_motion_comes_out_in_the_frame_where_it_went_in(method: object) -> None:
    """itberrios/phase_based: ``fftshift`` without axes rolls time by T / 2, luma against chroma."""
    image, pulse = texture(64, 64), np.exp(-(((np.arange(T) - 12) / 2.0) ** 2))
    result = method(moved(image, 0.1 * pulse), alpha=5.0, fps=100.0, passband_hz=(0.5, 20.0))
    assert int(np.argmax(np.abs(displacement_px(result, image)))) == 12
    flash = torch.full((T, 32, 32, 3), 0.5)
    flash[20, ..., 0] = 0.9
    moving = (method(flash, alpha=2.0, fps=100.0, passband_hz=(0.5, 20.0)) - 0.5).abs()
    assert int(moving.flatten(1).amax(dim=1).argmax()) == 20


def test_3_no_smoothing_works_and_nothing_is_normalised_or_dropped() -> None:
    """itberrios/phase_based: sigma 0 crashes, the high-pass residual is lost, frames flicker."""
    clip = moved(texture(64, 64), 0.1 * WAVE) * 0.5 + 0.2
    noise = 0.05 * torch.randn((64, 64), generator=torch.Generator().manual_seed(0))
    result = pmm(clip + noise, alpha=5.0, smoothing_px=0.0, **VIBRATION)
    assert (result.mean(dim=(1, 2)) - clip.mean() - noise.mean()).abs().max() < 2e-3
    checkers = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(32, 32)
    kept = (result * checkers).mean(dim=(1, 2)) - (noise * checkers).mean()
    assert kept.abs().max() < 1e-3  # the highest frequency there is
    spread = result.flatten(1).std(dim=1)
    assert spread.std() / spread.mean() < 0.02


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("cycles", "inside"), [(3, True), (5, True), (9, False), (12, False)])
def test_4_the_band_is_the_one_asked_for(method: object, cycles: int, inside: bool) -> None:
    """eulerian-magnification 0.22 passes frequencies half as high as asked for."""
    image, wave = texture(64, 64), np.sin(2 * np.pi * cycles * np.arange(T) / T)
    result = method(moved(image, 0.02 * wave), alpha=10.0, **VIBRATION)
    gain = displacement_px(result, image) @ wave / (wave @ wave) / 0.02
    assert gain > 5.5 if inside else gain < 2


@pytest.mark.parametrize("method", METHODS)
def test_5_causal_filter_starts_without_a_transient(method: object) -> None:
    """Pyeulervid's motion mode starts from zero state and amplifies the picture itself."""
    still = torch.from_numpy(texture(64, 64)).float().expand(T, -1, -1)
    result = method(still, alpha=50.0, fps=100.0, passband_hz=(4.0, 9.0), temporal_filter="iir")
    assert (result - still).abs().max() < 2e-5


@pytest.mark.parametrize("lambda_c_px", [16.0, 80.0, 1000.0])
def test_6_a_large_lambda_c_never_reverses_motion(lambda_c_px: float) -> None:
    """evm.py of joeljose (and the MATLAB code): the schedule of alpha is not cut off at zero."""
    image = texture(224, 224)
    clip = moved(image, 0.1 * WAVE)
    result = amm(clip, alpha=10.0, lambda_c_px=lambda_c_px, **VIBRATION)
    gain = displacement_px(result, image) @ WAVE / (WAVE @ WAVE) / 0.1
    assert gain > 0.999


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("temporal_filter", ["ideal", "butterworth", "reference"])
def test_7_no_lag_and_no_lost_frames(method: object, temporal_filter: str) -> None:
    """PbMoMa returns the oldest filtered sample for the newest frame and 29 frames fewer."""
    image = texture(64, 64)
    options = {**VIBRATION, "temporal_filter": temporal_filter}
    result = method(moved(image, 0.05 * WAVE), alpha=5.0, **options)
    assert len(result) == T
    seen = displacement_px(result, image)
    quarter = np.cos(2 * np.pi * 6.25 * TIME_S)
    lag_degrees = np.degrees(np.arctan2(seen @ quarter, seen @ WAVE))
    assert abs(lag_degrees) < 5


@pytest.mark.parametrize("method", METHODS)
def test_8_the_ideal_filter_has_gain_one_not_one_half(method: object) -> None:
    """The published MATLAB filter keeps one half of the spectrum: its alpha is twice ours."""
    matrix = filter_matrix(T, **{key: VIBRATION[key] for key in VIBRATION})
    assert WAVE @ matrix @ WAVE / (WAVE @ WAVE) == pytest.approx(1, abs=0.02)
    image = texture(64, 64)
    options = {"lambda_c_px": 0.0} if method is amm else {}
    result = method(moved(image, 0.01 * WAVE), alpha=20.0, **VIBRATION, **options)
    gain = displacement_px(result, image) @ WAVE / (WAVE @ WAVE) / 0.01
    assert gain == pytest.approx(21, rel=0.12)


@pytest.mark.parametrize("method", METHODS)
def test_9_sign_frame_rate_and_levels_count(method: object) -> None:
    """PyEVM rectifies the filtered signal, truncates the frame rate and ignores the levels."""
    image = texture(64, 64)
    seen = displacement_px(method(moved(image, 0.05 * WAVE), alpha=5.0, **VIBRATION), image)
    assert seen.min() < -0.1 and seen.max() > 0.1
    assert abs(seen.mean()) < 0.01
    clip = moved(image, 0.05 * WAVE)
    band = {"passband_hz": (0.9, 1.1), "temporal_filter": "butterworth", "alpha": 5.0}
    exact, truncated = (method(clip, fps=fps, **band) for fps in (29.97, 29.0))
    assert (exact - truncated).abs().max() > 1e-6
    deep, shallow = (method(clip, alpha=5.0, levels=n, **VIBRATION) for n in (4, 2))
    assert (deep - shallow).abs().max() > 1e-3
