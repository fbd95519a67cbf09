from __future__ import annotations

import numpy as np
import pytest
import torch
from synthetic import onset_apex_offset, psnr_db
from warped import PHOTOGRAPHS, Photograph, gain, warp_error

from microexpr.magnify import pmm

pytest.importorskip("skimage")
SMIC = {"fps": 100.0, "passband_hz": (0.5, 10.0), "temporal_filter": "reference"}
# The pyramid of Portilla and Simoncelli, unsmoothed: what other packages have.
USUAL = {"per_octave": 1, "orientations": 8, "smoothing_px": 0.0, "cutoff": 0.0}
USUAL |= {"high_octaves": 1.0, "top_octaves": 0.0, "narrow": False}
COURSE = onset_apex_offset(5)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_warps_are_right_to_a_thousandth(name: str) -> None:
    assert warp_error(Photograph(name)) < 1e-3


@pytest.mark.parametrize("name", ["coffee", "grass"])
@pytest.mark.parametrize(("motion", "least_gain"), [("mouth corner", 0.85), ("translation", 0.93)])
def test_photographs_move_as_far_as_they_should(name: str, motion: str, least_gain: float) -> None:
    """The worst motion and the easiest one, against the usual pyramid."""
    photograph = Photograph(name)
    clip, truth = (photograph.clip(motion, scale * COURSE) for scale in (1, 6))
    result = pmm(clip, alpha=5.0, **SMIC)
    found = gain(result, truth, photograph.still, photograph.gradient(motion))
    assert least_gain < found < 1.05
    assert psnr_db(result, truth) > psnr_db(pmm(clip, alpha=5.0, **SMIC, **USUAL), truth) + 1.5


@pytest.mark.parametrize("motion", ["mouth corner", "rotation"])
def test_noise_is_not_magnified_with_the_motion(motion: str) -> None:
    photograph = Photograph("camera")
    clip, truth = (photograph.clip(motion, scale * COURSE) for scale in (1, 11))
    noise = torch.randn(clip.shape, generator=torch.Generator().manual_seed(1))
    noisy = clip + 2 / 255 * noise
    result = pmm(noisy, alpha=10.0, **SMIC)
    assert psnr_db(result, truth) > psnr_db(noisy, truth) - 0.5
    assert psnr_db(result, truth) > psnr_db(pmm(noisy, alpha=10.0, **SMIC, **USUAL), truth) + 2
    still = torch.from_numpy(np.repeat(photograph.still[None], 5, axis=0)).float()
    noisy = still + 2 / 255 * noise
    usual = psnr_db(pmm(noisy, alpha=10.0, **SMIC, **USUAL), still)
    assert psnr_db(pmm(noisy, alpha=10.0, **SMIC), still) > usual + 3
