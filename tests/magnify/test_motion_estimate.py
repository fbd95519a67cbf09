from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from synthetic import moved, onset_apex_offset, texture

from microexpr.errors import MicroexprWarning
from microexpr.magnify import amm, pmm
from microexpr.magnify.motion import detail_motion
from microexpr.magnify.temporal import filter_matrix

SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0)}


@pytest.mark.parametrize("shift_px", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("noise", [0.0, 1.5 / 255])
def test_peak_motion_is_that_of_the_scene(shift_px: float, noise: float) -> None:
    clip = moved(texture(128, 128), shift_px * onset_apex_offset(30))
    clip += noise * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))
    matrix = filter_matrix(30, temporal_filter="reference", **SMIC)
    assert detail_motion(clip, matrix).px == pytest.approx(shift_px, rel=0.2, abs=0.1)


def test_motion_of_a_patch_counts() -> None:
    still = moved(texture(128, 128), np.zeros(20))
    clip = still.clone()
    clip[:, 40:80, 30:70] = moved(texture(128, 128), 0.5 * onset_apex_offset(20))[:, 40:80, 30:70]
    matrix = filter_matrix(20, temporal_filter="reference", **SMIC)
    assert detail_motion(clip, matrix).px == pytest.approx(0.5, rel=0.25)
    assert detail_motion(still, matrix).px < 1e-6
    assert detail_motion(torch.full((20, 16, 16), 0.5), matrix).px == 0


@pytest.mark.parametrize("wavelength", [12.0, 16.0, 32.0])
def test_wavelength_of_the_detail_that_moves(wavelength: float) -> None:
    """Fine detail that stands still does not count."""
    x = torch.arange(128.0)
    clip = (0.5 + 0.2 * torch.sin(2 * torch.pi * x / 5)).expand(20, 128, -1).clone()
    motion = torch.as_tensor(0.5 * onset_apex_offset(20))[:, None, None]
    clip[:, :64] = 0.5 + 0.2 * torch.sin(2 * torch.pi * (x - motion) / wavelength)
    matrix = filter_matrix(20, temporal_filter="reference", **SMIC)
    found = detail_motion(clip, matrix)
    assert found.wavelength_px == pytest.approx(wavelength, rel=0.25)
    assert found.px == pytest.approx(0.5, rel=0.2)
    assert detail_motion(torch.zeros(20, 32, 32), matrix) == (0, float("inf"))


@pytest.mark.parametrize(("method", "share"), [(amm, "0.25"), (pmm, "1.5")])
def test_warning_says_by_how_much_the_bound_is_exceeded(method: object, share: str) -> None:
    """And what it says is what it says it from."""
    clip = moved(texture(128, 128), 0.8 * onset_apex_offset(30))
    with pytest.warns(
        MicroexprWarning, match=f"px, {share} of the wavelength of the detail"
    ) as said:
        method(clip, alpha=30.0, temporal_filter="reference", **SMIC)
    numbers = re.findall(r"\d+\.\d+", str(said[0].message))
    motion, becomes, excess, limit, _ = map(float, numbers)
    assert motion == pytest.approx(0.8, rel=0.15)
    assert becomes == pytest.approx(31 * motion, rel=0.02)
    assert excess == pytest.approx(becomes / limit, rel=0.03)
    assert excess > 1


@pytest.mark.parametrize("method", [amm, pmm])
def test_no_warning_within_the_bounds(method: object) -> None:
    clip = moved(texture(128, 128), 0.1 * onset_apex_offset(30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method(clip, alpha=5.0, temporal_filter="reference", **SMIC)
        method(clip, alpha=0.0, temporal_filter="reference", **SMIC)
