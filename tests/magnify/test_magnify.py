"""What holds for every method."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from synthetic import (
    displacement_px,
    moved,
    onset_apex_offset,
    psnr_db,
    recovered_gain,
    texture,
)

from microexpr.config.preprocessing import TemporalFilter
from microexpr.errors import ConfigError, DataError
from microexpr.magnify import amm, filter_gain, filter_only, pmm
from microexpr.magnify.temporal import filter_matrix

METHODS = {"amm": amm, "pmm": pmm}
SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}
FILTERS = get_args(TemporalFilter)


@pytest.fixture(params=METHODS)
def magnify(request: pytest.FixtureRequest) -> Callable[..., torch.Tensor]:
    return METHODS[request.param]


def noise_clip(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("temporal_filter", FILTERS)
@pytest.mark.parametrize("shape", [(12, 40, 36), (17, 33, 47), (12, 32, 32, 3)])
def test_alpha_zero_is_the_identity(
    magnify: Callable[..., torch.Tensor], temporal_filter: str, shape: tuple[int, ...]
) -> None:
    clip = noise_clip(*shape)
    result = magnify(clip, alpha=0.0, temporal_filter=temporal_filter, **SMIC)
    assert result.shape == clip.shape and result.dtype == clip.dtype
    assert (result - clip).abs().max() < 1e-6


@pytest.mark.parametrize("reference_frame", [0, 7])
@pytest.mark.parametrize("temporal_filter", FILTERS)
def test_reference_frame_is_unchanged(
    magnify: Callable[..., torch.Tensor], temporal_filter: str, reference_frame: int
) -> None:
    clip = noise_clip(15, 40, 36)
    result = magnify(
        clip,
        alpha=20.0,
        temporal_filter=temporal_filter,
        reference_frame=reference_frame,
        **SMIC,
    )
    change = (result - clip).abs().flatten(1).amax(dim=1)
    assert change[reference_frame] < 2e-6
    assert change.max() > 0.05


def test_still_clip_stays_still(magnify: Callable[..., torch.Tensor]) -> None:
    clip = noise_clip(1, 40, 36).expand(20, -1, -1)
    assert (magnify(clip, alpha=50.0, **SMIC) - clip).abs().max() < 2e-5


@pytest.mark.parametrize("n_frames", [17, 34, 58])
@pytest.mark.parametrize("temporal_filter", ["reference", "butterworth"])
def test_known_shift_comes_out_one_plus_alpha_times_as_large(
    magnify: Callable[..., torch.Tensor], temporal_filter: str, n_frames: int
) -> None:
    alpha, peak_px = 10.0, 0.05
    image = texture(96, 112)
    shift = peak_px * onset_apex_offset(n_frames)
    gain = filter_gain(n_frames, temporal_filter=temporal_filter, **SMIC).realised
    options = {"lambda_c_px": 0.0} if magnify is amm else {}
    result = magnify(
        moved(image, shift), alpha=alpha, temporal_filter=temporal_filter, **SMIC, **options
    )
    truth = moved(image, (1 + alpha * gain) * shift)
    seen, true = (np.ptp(displacement_px(clip, image)) for clip in (result, truth))
    assert seen == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize(("alpha", "bar_db"), [(2.0, 61.8), (5.0, 53.8), (10.0, 47.8)])
def test_gain_and_fidelity_against_the_true_moved_clip(
    magnify: Callable[..., torch.Tensor], alpha: float, bar_db: float
) -> None:
    """Hold PMM to the values of octave pyramids with 8 orientations elsewhere.

    At alpha 10 the motion is beyond an eighth of the wavelengths that AMM would have to move.
    """
    if magnify is amm and alpha == 10:
        pytest.skip("outside the bound of the linear method")
    image, n_frames = texture(128, 128), 64
    shift = 0.1 * np.sin(2 * np.pi * 6.25 * np.arange(n_frames) / 100)
    options = {"lambda_c_px": 0.0} if magnify is amm else {}
    band = {"fps": 100.0, "passband_hz": (4.0, 9.0)}
    result = magnify(moved(image, shift), alpha=alpha, **band, **options)
    truth = moved(image, shift + alpha * (filter_matrix(n_frames, **band) @ shift))
    low, high = (0.92, 1.05) if magnify is pmm else (0.90, 1.05)
    assert low < recovered_gain(result, truth, image) < high
    if magnify is pmm:
        assert psnr_db(result, truth) > bar_db + 3


def test_alpha_minus_one_freezes_a_moving_scene(magnify: Callable[..., torch.Tensor]) -> None:
    image = texture(96, 112)
    shift = 0.6 * onset_apex_offset(34)
    still = magnify(moved(image, shift), alpha=-1.0, **SMIC)
    halved = magnify(moved(image, shift), alpha=-0.5, **SMIC)
    assert np.ptp(displacement_px(still, image)) < 0.15 * 0.6
    assert np.ptp(displacement_px(halved, image)) == pytest.approx(0.3, rel=0.15)


def test_sweep_equals_single_runs(magnify: Callable[..., torch.Tensor]) -> None:
    clip = noise_clip(20, 32, 48)
    sweep = magnify(clip, alpha=[0.0, 3.0, 12.0], **SMIC)
    assert isinstance(sweep, list) and len(sweep) == 3
    for alpha, result in zip([0.0, 3.0, 12.0], sweep, strict=True):
        assert torch.allclose(result, magnify(clip, alpha=alpha, **SMIC), atol=1e-6)


def test_colour_equals_luma_with_chroma_passed_through(
    magnify: Callable[..., torch.Tensor],
) -> None:
    clip = noise_clip(16, 40, 36, 3).double()
    weights = torch.tensor([0.299, 0.587, 0.114]).double()
    result = magnify(clip, alpha=8.0, **SMIC)
    grey = magnify(clip @ weights, alpha=8.0, **SMIC)
    assert torch.allclose(result @ weights, grey, atol=1e-4)
    assert torch.allclose(result - result[..., :1], clip - clip[..., :1], atol=2e-5)


def test_results_are_deterministic(magnify: Callable[..., torch.Tensor]) -> None:
    clip = noise_clip(16, 40, 36)
    assert torch.equal(magnify(clip, alpha=8.0, **SMIC), magnify(clip, alpha=8.0, **SMIC))


def test_input_is_left_alone(magnify: Callable[..., torch.Tensor]) -> None:
    clip = noise_clip(16, 40, 36, 3)
    before = clip.clone()
    magnify(clip, alpha=8.0, **SMIC)
    filter_only(clip, **SMIC)
    assert torch.equal(clip, before)


def test_double_precision(magnify: Callable[..., torch.Tensor]) -> None:
    clip = noise_clip(16, 40, 36)
    exact = magnify(clip.double(), alpha=8.0, **SMIC)
    assert exact.dtype == torch.float64
    assert (exact - magnify(clip, alpha=8.0, **SMIC)).abs().mean() < 1e-4


def test_precision_of_the_computation_is_an_option(magnify: Callable[..., torch.Tensor]) -> None:
    """The result comes in the clip's own precision all the same, and is rounded once only."""
    clip = noise_clip(16, 40, 36)
    exact = magnify(clip.double(), alpha=8.0, **SMIC)
    result = magnify(clip, alpha=[8.0], dtype=torch.float64, device="cpu", **SMIC)[0]
    assert result.dtype == torch.float32
    assert torch.equal(result, exact.float())
    with pytest.raises(ConfigError, match="dtype: torch.float16"):
        magnify(clip, alpha=8.0, dtype=torch.float16, **SMIC)


def test_progress_reaches_the_end(magnify: Callable[..., torch.Tensor]) -> None:
    seen: list[float] = []
    magnify(noise_clip(16, 40, 36), alpha=[1.0, 2.0], progress=seen.append, **SMIC)
    assert seen == sorted(seen) and seen[-1] == 1.0 and seen[0] > 0


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (torch.zeros(0, 32, 32), "empty"),
        (torch.zeros(1, 32, 32), "1 frames is too short"),
        (torch.zeros(20, 6, 32), "32x6 px"),
    ],
)
def test_unusable_clips_are_errors(
    magnify: Callable[..., torch.Tensor], clip: torch.Tensor, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        magnify(clip, alpha=1.0, **SMIC)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_name_the_frame(
    magnify: Callable[..., torch.Tensor], value: float
) -> None:
    clip = noise_clip(16, 40, 36)
    clip[5, 3, 3] = value
    with pytest.raises(DataError, match="frame 5"):
        magnify(clip, alpha=1.0, **SMIC)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -3.0}, "magnify.alpha must be at least -1, got -3"),
        ({"alpha": [1.0, float("nan")]}, "magnify.alpha must be finite, got nan"),
        ({"alpha": []}, "magnify.alpha"),
        ({"alpha": 1.0, "passband_hz": (0.5, 99.0)}, "magnify.passband_hz: 99"),
        ({"alpha": 1.0, "reference_frame": 16}, "magnify.reference_frame: 16"),
    ],
)
def test_impossible_options_are_errors(
    magnify: Callable[..., torch.Tensor], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        magnify(noise_clip(16, 40, 36), **{**SMIC, **options})
