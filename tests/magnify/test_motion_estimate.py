from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from synthetic import moved, onset_apex_offset, texture

from microexpr.errors import MicroexprWarning
from microexpr.magnify import amm, pmm
from microexpr.magnify.clip import detail_wavelength_px, peak_motion_px
from microexpr.magnify.temporal import filter_matrix

SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}


@pytest.mark.parametrize("shift_px", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("noise", [0.0, 1.5 / 255])
def test_peak_motion_is_that_of_the_scene(shift_px: float, noise: float) -> None:
    clip = moved(texture(128, 128), shift_px * onset_apex_offset(30))
    clip += noise * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))
    matrix = filter_matrix(30, temporal_filter="reference", **SMIC)
    assert peak_motion_px(clip, matrix) == pytest.approx(shift_px, rel=0.2, abs=0.1)


def test_motion_of_a_patch_counts() -> None:
    still = moved(texture(128, 128), np.zeros(20))
    clip = still.clone()
    clip[:, 40:80, 30:70] = moved(texture(128, 128), 0.5 * onset_apex_offset(20))[:, 40:80, 30:70]
    matrix = filter_matrix(20, temporal_filter="reference", **SMIC)
    assert peak_motion_px(clip, matrix) == pytest.approx(0.5, rel=0.25)
    assert peak_motion_px(still, matrix) < 1e-6
    assert peak_motion_px(torch.full((20, 16, 16), 0.5), matrix) == 0


@pytest.mark.parametrize("wavelength", [8.0, 16.0, 32.0])
def test_detail_wavelength_of_a_grating(wavelength: float) -> None:
    grating = torch.sin(2 * torch.pi * torch.arange(128) / wavelength).expand(128, -1)
    assert detail_wavelength_px(grating) == pytest.approx(wavelength, rel=0.15)
    assert detail_wavelength_px(torch.zeros(32, 32)) == float("inf")


def test_warning_says_by_how_much_the_bound_is_exceeded() -> None:
    clip = moved(texture(128, 128), 0.5 * onset_apex_offset(30))
    options = {"temporal_filter": "reference", **SMIC}
    with pytest.warns(MicroexprWarning, match=r"motion of 0\.\d+ px becomes \d+\.\d px.*1/8 of"):
        amm(clip, alpha=20.0, **options)
    with pytest.warns(MicroexprWarning, match=r"times the bound of 1/2 of the detail's wavelen"):
        pmm(clip, alpha=20.0, **options)


@pytest.mark.parametrize("method", [amm, pmm])
def test_no_warning_within_the_bounds(method: object) -> None:
    clip = moved(texture(128, 128), 0.1 * onset_apex_offset(30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method(clip, alpha=5.0, temporal_filter="reference", **SMIC)
        method(clip, alpha=0.0, temporal_filter="reference", **SMIC)
