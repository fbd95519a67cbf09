from __future__ import annotations

import numpy as np
import pytest
import torch
from synthetic import displacement_px, moved, onset_apex_offset, psnr_db, texture

from microexpr.errors import ConfigError
from microexpr.magnify import amm, pmm
from microexpr.magnify.phase import LEFT_BEHIND

SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}


@pytest.mark.parametrize(
    "options",
    [
        {"orientations": 4},
        {"orientations": 1},
        {"per_octave": 2},
        {"levels": 3},
        {"smoothing_px": 0.0},
        {"smoothing_px": 4.0},
    ],
)
def test_pyramid_options_magnify_too(options: dict[str, object]) -> None:
    image = texture(90, 101)
    shift = 0.05 * onset_apex_offset(20)
    result = pmm(moved(image, shift), alpha=10.0, temporal_filter="reference", **SMIC, **options)
    gain = np.ptp(displacement_px(result, image)) / np.ptp(shift)
    few = "levels" in options  # three octaves leave wavelengths above 16 px alone
    assert (4 if few else 8.5) < gain < 11.6


@pytest.mark.parametrize("shift_px", [1.0, 2.0, 4.0])
def test_large_shifts_stay_sharp_where_the_linear_method_breaks(shift_px: float) -> None:
    """Gabor of wavelength 16 px: phase shifts hold to a quarter wavelength, gains do not."""
    x, y = np.meshgrid(np.arange(128) - 64.0, np.arange(128) - 64.0)

    def gabor(s: float) -> np.ndarray:
        envelope = np.exp(-((x - s) ** 2 + y**2) / (2 * 8.0**2))
        return 0.5 + 0.4 * envelope * np.cos(2 * np.pi * (x - s) / 16)

    alpha, clips = 20.0, []
    for factor in (1.0, 21.0):
        frames = [gabor(factor * s) for s in (0.0, shift_px / 21, 0.0)]
        clips.append(torch.from_numpy(np.stack(frames)).float())
    clip, truth = clips
    options = {"alpha": alpha, "temporal_filter": "reference", **SMIC}
    error = (pmm(clip, smoothing_px=0.0, **options)[1] - truth[1]).norm()
    moved_by = (truth[1] - truth[0]).norm()
    assert error < 0.15 * moved_by
    if shift_px == 4:
        linear = (amm(clip, lambda_c_px=0.0, **options)[1] - truth[1]).norm()
        assert linear > 0.6 * moved_by


def test_flicker_is_not_magnified() -> None:
    """A change of brightness leaves phases alone; the linear method amplifies it."""
    image = torch.from_numpy(texture(64, 64)).float()
    gain = 1 + 0.005 * torch.sin(torch.arange(40) / 3)
    clip = image * gain[:, None, None]
    for method, bound in ((pmm, 0.001), (amm, 0.03)):
        change = (method(clip, alpha=20.0, **SMIC) - clip).abs().max()
        assert change < bound if method is pmm else change > bound / 3


def test_noise_is_amplified_less_than_by_the_linear_method() -> None:
    image = texture(96, 96)
    clip = moved(image, np.zeros(32))
    clip = clip + 0.008 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(2))
    truth = clip[:1].expand_as(clip)
    linear = psnr_db(amm(clip, alpha=20.0, lambda_c_px=0.0, **SMIC), truth)
    plain = psnr_db(pmm(clip, alpha=20.0, smoothing_px=0.0, **SMIC), truth)
    smooth = psnr_db(pmm(clip, alpha=20.0, **SMIC), truth)
    assert plain > linear + 5
    assert smooth > plain + 0.5


def test_nothing_moves_where_nothing_moved() -> None:
    """Local motion of a patch leaves the far side of the frame in place."""
    still = texture(128, 128)
    clip = moved(still, np.zeros(20)).numpy().copy()
    patch = moved(still, 0.1 * onset_apex_offset(20)).numpy()
    y, x = np.mgrid[:128, :128]
    window = np.exp(-((x - 32) ** 2 + (y - 64) ** 2) / (2 * 10.0**2))
    clip += window * (patch - clip)
    result = pmm(torch.from_numpy(clip), alpha=10.0, temporal_filter="reference", **SMIC)
    change = (result - torch.from_numpy(clip)).abs().amax(dim=0).numpy()
    assert change[54:74, 22:42].max() > 0.02
    assert change[:, 86:106].max() < 0.1 * change[54:74, 22:42].max()


def test_mask_magnifies_its_region_only() -> None:
    image, shift = texture(96, 128), 0.05 * onset_apex_offset(20)
    clip = moved(image, shift)
    mask = torch.zeros(96, 128)
    mask[:, :48] = 1
    options = {"alpha": 10.0, "temporal_filter": "reference", **SMIC}
    result = pmm(clip, mask=mask, **options)
    for columns, expected, tolerance in ((slice(8, 40), 11, 2.2), (slice(76, 100), 1, 0.4)):
        part = (slice(None), slice(None), columns)
        gradient = np.gradient(image, axis=1)[:, columns]
        moves = [
            np.tensordot(x[part].double().numpy() - image[:, columns], gradient, 2)
            for x in (result, clip)
        ]
        assert np.ptp(moves[0]) / np.ptp(moves[1]) == pytest.approx(expected, abs=tolerance)
    whole = pmm(clip, mask=torch.ones(96, 128), **options)
    assert torch.allclose(whole, pmm(clip, **options), atol=1e-4)


def test_level_gains_choose_the_wavelengths() -> None:
    """Gratings of 4 and 32 px: no other wave is in their bands, so nothing is left behind."""
    x = np.arange(128.0)
    options = {"alpha": 10.0, "temporal_filter": "reference", "smoothing_px": 0.0, **SMIC}
    for fine_gain, coarse_gain in ((1.0, 0.0), (0.0, 1.0), (0.5, 1.0)):
        gains = [fine_gain] * 4 + [coarse_gain] * 4
        for cycles, gain in ((32, fine_gain), (4, coarse_gain)):
            waves = [np.sin(2 * np.pi * cycles * (x - s) / 128) for s in (0.0, 0.04, 0.0)]
            clip = torch.from_numpy(np.stack(waves)).float()[:, None].expand(-1, 128, -1) * 0.3
            result = pmm(clip.contiguous(), level_gains=gains, **options)
            line = torch.fft.rfft(result[:2, 0])[:, cycles]
            shift = -float(torch.angle(line[1] / line[0])) * 128 / (2 * np.pi * cycles)
            wanted = 0.04 * (1 + 10 * gain * (1 + LEFT_BEHIND))
            assert shift == pytest.approx(wanted, rel=0.05, abs=0.004)
    with pytest.raises(ConfigError, match="2 values for 8 radial bands"):
        pmm(torch.rand(5, 128, 128), level_gains=[1, 1], **options)
    with pytest.raises(ConfigError, match=r"mask: has the shape \(3, 3\)"):
        pmm(torch.rand(5, 128, 128), mask=torch.ones(3, 3), **options)


def test_smoothing_ends_where_noise_ends() -> None:
    """What the noise of a still clip becomes is as small as the noise; without any, all is kept."""
    still, shift = texture(96, 96), 0.05 * onset_apex_offset(20)
    options = {"alpha": 10.0, "temporal_filter": "reference", **SMIC}
    clip = moved(still, shift)
    smooth, plain = pmm(clip, **options), pmm(clip, smoothing_px=0.0, **options)
    assert psnr_db(smooth, plain) > psnr_db(clip, plain) + 25
    noise = 0.008 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(3))
    noisy = moved(still, 0 * shift) + noise
    assert psnr_db(pmm(noisy, **options), noisy) > psnr_db(noisy - noise, noisy) + 1
    assert psnr_db(pmm(noisy, smoothing_px=0.0, **options), noisy) < 36


@pytest.mark.parametrize(("axis", "kept"), [("horizontal", (11, 1)), ("vertical", (1, 11))])
def test_one_axis_of_a_diagonal_motion(axis: str, kept: tuple[float, float]) -> None:
    still, shift = texture(128, 128), 0.05 * onset_apex_offset(12)
    down = [moved(frame.T, [s])[0].T for frame, s in zip(moved(still, shift), shift, strict=True)]
    clip = torch.stack(down)
    result = pmm(clip, alpha=10.0, axis=axis, temporal_filter="reference", **SMIC)
    for expected, turned in zip(kept, (lambda x: x, lambda x: x.mT), strict=True):
        found = np.ptp(displacement_px(turned(result), np.asarray(turned(torch.from_numpy(still)))))
        assert found / np.ptp(shift) == pytest.approx(expected, rel=0.12, abs=0.5)


def test_nothing_comes_in_at_the_opposite_edge() -> None:
    """A patch at the left edge moves; a periodic pyramid shows 43 % of it at the right."""
    still, shift = texture(96, 128), 0.1 * onset_apex_offset(12)
    patch = torch.from_numpy(np.exp(-(np.arange(128) ** 2) / (2 * 8.0**2))).float()
    clip = torch.lerp(moved(still, 0 * shift), moved(still, shift), patch)
    change = (pmm(clip, alpha=10.0, temporal_filter="reference", **SMIC) - clip).abs().amax(dim=0)
    assert change[:, -12:].max() < 0.14 * change[:, :12].max()


@pytest.mark.parametrize(
    "options",
    [
        {"levels": 9},
        {"orientations": 0},
        {"per_octave": 3},
        {"smoothing_px": -1.0},
        {"axis": "diagonal"},
        {"axis": "vertical", "smoothing_px": 0.0},
    ],
)
def test_impossible_options_are_errors(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        pmm(torch.rand(10, 32, 32), alpha=1.0, **SMIC, **options)


@pytest.mark.parametrize("options", [{}, {"per_octave": 1}, {"orientations": 2}])
def test_frames_of_every_size_are_magnified(options: dict[str, int]) -> None:
    """Narrow ones, too, whose bands fill the frequency plane in one direction."""
    for size in [(8, n) for n in range(8, 40)] + [
        (9, 210),
        (210, 9),
        (13, 41),
        (33, 47),
        (10, 100),
    ]:
        clip = torch.rand(4, *size, generator=torch.Generator().manual_seed(0))
        result = pmm(clip, alpha=2.0, temporal_filter="reference", **SMIC, **options)
        assert result.shape == clip.shape
        assert torch.isfinite(result).all()
        assert torch.allclose(result[0], clip[0], atol=1e-4)  # anchored to the reference frame
