from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from synthetic import moved, onset_apex_offset, psnr_db, texture

from microexpr.errors import ConfigError, MicroexprWarning
from microexpr.magnify import amm, filter_only
from microexpr.magnify.stream import stream
from microexpr.magnify.temporal import filter_matrix

SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}


def noise_clip(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5))


def test_flat_gain_without_pyramid_is_the_temporal_filter() -> None:
    clip = noise_clip(20, 24, 32)
    matrix = torch.from_numpy(np.array(filter_matrix(20, **SMIC))).float()
    expected = clip + 7 * torch.tensordot(matrix, clip, 1)
    result = amm(clip, alpha=7.0, level_gains=[1.0] * 5, levels=4, **SMIC)
    assert torch.allclose(result, expected, atol=2e-5)


def test_amplification_is_linear_in_the_clip() -> None:
    a, b = noise_clip(20, 24, 32), noise_clip(20, 24, 32).flip(0)
    options = {"alpha": 5.0, "temporal_filter": "ideal", **SMIC}
    both = amm(a + 0.5 * b, **options)
    assert torch.allclose(both, amm(a, **options) + 0.5 * amm(b, **options), atol=1e-5)


def test_low_rank_and_full_rank_paths_agree() -> None:
    """An ideal filter of few frequencies against the same clip filtered frame by frame."""
    clip = noise_clip(40, 33, 48)
    options = {"fps": 100.0, "passband_hz": (3.0, 9.0), "temporal_filter": "ideal"}
    matrix = torch.from_numpy(np.array(filter_matrix(40, **options))).float()
    moving = torch.tensordot(matrix, clip, 1)
    gains = [0.3, 1.0, 0.8, 0.5, 0.0]
    one_by_one = filter_only(
        moving / 2,  # in the range of a clip
        fps=100.0,
        passband_hz=(3.0, 9.0),
        temporal_filter="reference",
        levels=4,
        level_gains=gains,
    )
    result = amm(clip, alpha=4.0, levels=4, level_gains=gains, **options)
    assert torch.allclose(result, clip + 8 * (one_by_one - moving[0] / 2), atol=2e-5)


@pytest.mark.parametrize("r", [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0])
def test_grating_follows_the_closed_form(r: float) -> None:
    """Predict first-order amplification of a grating shifted by r wavelengths.

    The phase moves by atan(2 pi r), the amplitude grows to sqrt(1 + (2 pi r)^2).
    """
    wavelength, alpha = 16.0, 400.0
    shift = r * wavelength / (1 + alpha)
    x = torch.arange(128, dtype=torch.float64)
    wave = [torch.sin(2 * np.pi * (x - s) / wavelength) for s in (0.0, shift)]
    clip = 0.5 + 0.3 * torch.stack(wave)[:, None].expand(-1, 64, -1)
    result = amm(
        clip,
        alpha=alpha,
        temporal_filter="reference",
        lambda_c_px=0.0,
        level_gains=[1.0] * 5,
        levels=4,
        **SMIC,
    )
    line = torch.fft.rfft(result[1].mean(dim=0))[8]  # 128 / 16 cycles
    start = torch.fft.rfft(clip[0].mean(dim=0))[8]
    phase = -float(torch.angle(line / start))
    assert phase == pytest.approx(np.arctan(2 * np.pi * r), rel=0.02)
    assert float((line / start).abs()) == pytest.approx(np.hypot(1, 2 * np.pi * r), rel=0.02)


def test_lambda_c_protects_short_wavelengths_only() -> None:
    shift = torch.tensor([0.0, 0.05, 0.1, 0.05])
    x = torch.arange(128.0)
    gains = {}
    for wavelength in (4.0, 64.0):
        clip = 0.3 * torch.sin(2 * torch.pi * (x - shift[:, None]) / wavelength)
        clip = clip[:, None].expand(-1, 128, -1).contiguous()
        change = amm(clip, alpha=10.0, temporal_filter="reference", **SMIC) - clip
        gains[wavelength] = float(change.std() / (clip - clip[0]).std())
    assert gains[4.0] < 3 and gains[64.0] == pytest.approx(10, rel=0.05)


def test_filter_only_is_the_filtering_of_amm_without_its_gain() -> None:
    for shape in ((20, 40, 36), (20, 40, 36, 3)):
        clip = noise_clip(*shape)
        alpha = 6.0
        added = amm(clip, alpha=alpha, **SMIC) - clip
        control = filter_only(clip, alpha=alpha, **SMIC)
        assert torch.allclose(control, clip[0] + added / alpha, atol=2e-6)


def test_filter_only_depends_on_the_weights_alpha_only_through_lambda_c() -> None:
    clip = noise_clip(20, 40, 36)
    flat = [filter_only(clip, lambda_c_px=0.0, alpha=a, **SMIC) for a in (0.0, 2.0, 50.0)]
    assert torch.equal(flat[0], flat[1]) and torch.equal(flat[1], flat[2])
    weighted = [filter_only(clip, alpha=a, **SMIC) for a in (2.0, 50.0)]
    assert (weighted[0] - weighted[1]).abs().max() > 1e-3


def test_filter_only_removes_noise_and_keeps_the_reference_frame() -> None:
    still = torch.from_numpy(texture(64, 64)).float()
    clip = still + 0.01 * torch.randn((40, 64, 64), generator=torch.Generator().manual_seed(0))
    control = filter_only(clip, **SMIC)
    assert torch.allclose(control[0], clip[0], atol=1e-6)
    assert (control - control[0]).std() < 0.5 * (clip - clip[0]).std()


def test_low_pass_gain_magnifies_a_pulse_of_colour() -> None:
    """The Gaussian-pyramid form for colour: brightness of a region oscillates by 0.2 %."""
    n, fps = 90, 30.0
    pulse = 0.002 * torch.cos(2 * torch.pi * (torch.arange(n) + 0.5) / fps)
    scene = torch.from_numpy(texture(64, 64)).float()[None, ..., None].expand(n, -1, -1, 3)
    clip = scene.clone()
    clip[..., 0] += pulse[:, None, None]
    options = {"fps": fps, "passband_hz": (0.8, 1.2), "temporal_filter": "ideal", "alpha": 50.0}
    gains = [0.0, 0.0, 0.0, 1.0]
    result = amm(clip, levels=3, level_gains=gains, chroma_gain=1.0, **options)
    seen = result[..., 0].mean(dim=(1, 2))
    assert float(seen.std()) == pytest.approx(51 * float(pulse.std()), rel=0.05)
    luma_only = amm(clip, levels=3, level_gains=gains, **options)
    assert float(luma_only[..., 0].mean(dim=(1, 2)).std()) < 0.4 * float(seen.std())


def test_mask_limits_what_is_added() -> None:
    clip = noise_clip(20, 40, 36, 3)
    mask = torch.zeros(40, 36)
    mask[10:20, 5:30] = 1
    result = amm(clip, alpha=5.0, mask=mask, **SMIC)
    inside = mask.bool()
    assert torch.equal(result[:, ~inside], clip[:, ~inside])
    assert torch.allclose(result[:, inside], amm(clip, alpha=5.0, **SMIC)[:, inside], atol=1e-6)


def test_impossible_options_are_errors() -> None:
    clip = noise_clip(20, 40, 36)
    with pytest.raises(ConfigError, match="lambda_c_px must be at least 0, got -1"):
        amm(clip, alpha=1.0, lambda_c_px=-1.0, **SMIC)
    with pytest.raises(ConfigError, match="3 values for 4 levels"):
        amm(clip, alpha=1.0, levels=4, level_gains=[1, 1, 1], **SMIC)
    with pytest.raises(ConfigError, match=r"mask: has the shape \(36, 40\)"):
        amm(clip, alpha=1.0, mask=torch.ones(36, 40), **SMIC)


@pytest.mark.parametrize("slope", [0.3, 0.8, 1.2])  # fine detail, as of grass, to coarse
@pytest.mark.parametrize(("shift_px", "alpha"), [(0.3, 10.0), (0.3, 20.0), (1.0, 10.0)])
def test_bounded_by_the_measured_motion_it_does_no_harm(
    slope: float, shift_px: float, alpha: float
) -> None:
    """Doing nothing is the bar: what the pyramid does not bear stays as it was."""
    image, motion = texture(96, 128, slope=slope), shift_px * onset_apex_offset(20)
    clip, truth = moved(image, motion), moved(image, (1 + alpha) * motion)
    options = {"alpha": alpha, "temporal_filter": "reference", "fps": 100.0}
    with pytest.warns(MicroexprWarning, match=r"worse than the clip itself.*amm\.bounded"):
        broken = amm(clip, lambda_c_px=0.0, **options)
    assert psnr_db(broken, truth) < psnr_db(clip, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MicroexprWarning)
        bounded = amm(clip, lambda_c_px=0.0, bounded=True, **options)
        several = amm(clip, lambda_c_px=0.0, bounded=True, **options | {"alpha": [1.0, alpha]})
    assert psnr_db(bounded, truth) > psnr_db(clip, truth)
    assert torch.allclose(bounded, several[1], atol=1e-6)  # each alpha has a bound of its own
    windows = stream(
        clip,
        method="amm",
        lambda_c_px=0.0,
        bounded=True,
        alpha=alpha,
        temporal_filter="ideal",
        **SMIC,
    )
    assert len(list(windows)) == len(clip)
    with pytest.raises(ConfigError, match=r"amm\.bounded: .*causal.*lambda_c_px"):
        list(stream(clip, method="amm", bounded=True, **options))


def test_bounded_changes_nothing_that_moves_little() -> None:
    clip = moved(texture(96, 128), 0.05 * onset_apex_offset(20))
    options = {"alpha": 10.0, "temporal_filter": "reference", "fps": 100.0}
    assert torch.equal(amm(clip, bounded=True, **options), amm(clip, **options))
