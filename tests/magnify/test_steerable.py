from __future__ import annotations

import numpy as np
import pyrtools
import pytest
import torch

from microexpr.errors import ConfigError
from microexpr.magnify.bands import Band, BandStack
from microexpr.magnify.steerable import SteerablePyramid, fitting_octaves, stacks, steerable_pyramid

SIZES = [(64, 64), (60, 52), (95, 97), (64, 81), (131, 40)]


def image(height: int, width: int) -> torch.Tensor:
    return torch.rand((height, width), generator=torch.Generator().manual_seed(height * width))


def analyse(pyramid: SteerablePyramid, images: torch.Tensor) -> list[torch.Tensor]:
    """Compute the coefficients of each band; a modulus is the local amplitude."""
    spectra, plane = torch.fft.rfft2(images), pyramid.plane
    planes = spectra.new_empty(plane.shape)
    plane.spread(spectra, planes)
    coefficients = []
    for band in pyramid.bands:
        (box,) = BandStack((band,)).cut(planes, plane.corner, spectra.new_empty((1, *band.shape)))
        filtered = torch.fft.ifft2(box)
        coefficients.append(filtered * (2 * band.size / images.numel()))
    return coefficients


def residuals(pyramid: SteerablePyramid, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute high- and low-pass residual."""
    spectra = torch.fft.rfft2(images)
    high, low = spectra * pyramid.high, spectra * pyramid.low
    return torch.fft.irfft2(high, s=images.shape), torch.fft.irfft2(low, s=images.shape)


def synthesise(
    pyramid: SteerablePyramid,
    coefficients: list[torch.Tensor],
    high: torch.Tensor,
    low: torch.Tensor,
) -> torch.Tensor:
    """Put an image together again."""
    total = torch.fft.rfft2(high) * pyramid.high + torch.fft.rfft2(low) * pyramid.low
    plane = pyramid.plane
    planes = total.new_zeros(plane.shape)
    for band, values in zip(pyramid.bands, coefficients, strict=True):
        box = torch.fft.fft2(values) * (high.numel() / (2 * band.size))
        BandStack((band,)).add(box[None], planes, plane.corner)
    return torch.fft.irfft2(total + plane.folded(planes), s=high.shape)


def energy(pyramid: SteerablePyramid, x: torch.Tensor) -> float:
    total = sum(float((part.double() ** 2).sum()) for part in residuals(pyramid, x))
    for band, values in zip(pyramid.bands, analyse(pyramid, x), strict=True):
        total += float((values.abs().double() ** 2).sum()) * x.numel() / band.size / 2
    return total


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("orientations", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("per_octave", [1, 2])
def test_reconstruction_and_parseval(
    size: tuple[int, int], orientations: int, per_octave: int
) -> None:
    x = image(*size)
    for levels in (1, 3, None):
        pyramid = steerable_pyramid(
            *size,
            levels=levels,
            orientations=orientations,
            per_octave=per_octave,
            high_octaves=0.5 if levels == 3 else 1.0,
            narrow=levels == 3 and orientations > 1,
        )
        back = synthesise(pyramid, analyse(pyramid, x), *residuals(pyramid, x))
        assert (back - x).abs().max() < 1e-5
        assert energy(pyramid, x) == pytest.approx(float((x.double() ** 2).sum()), rel=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (60, 52), (56, 100)])
@pytest.mark.parametrize("orientations", [2, 4, 8])
def test_bands_equal_pyrtools(size: tuple[int, int], orientations: int) -> None:
    """Its coefficients, brought to the image's size; (60, 52) has odd coarse levels."""
    x = image(*size)
    deepest = int(np.log2(min(size))) - 2
    for levels in range(1, deepest + 1):
        reference = pyrtools.pyramids.SteerablePyramidFreq(
            x.double().numpy(), height=levels, order=orientations - 1, is_complex=True
        )
        pyramid = steerable_pyramid(*size, levels=levels, orientations=orientations)
        for band, values in zip(pyramid.bands, analyse(pyramid, x), strict=True):
            coarse = reference.pyr_coeffs[(band.radial, band.orientation)]
            expected = interpolated(coarse, size) * 1j ** (orientations - 1)
            if 2 * band.orientation > orientations:  # ours lies in the other half plane
                expected = expected.conj()
            assert np.abs(full_size(band, values, size) - expected).max() < 1e-5
        high, low = residuals(pyramid, x)
        assert np.abs(high.numpy() - reference.pyr_coeffs["residual_highpass"]).max() < 1e-5
        expected = interpolated(reference.pyr_coeffs["residual_lowpass"], size).real
        assert np.abs(low.numpy() - expected).max() < 1e-4  # pyrtools masks it twice


def interpolated(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    spectrum = np.fft.fftshift(np.fft.fft2(coarse))
    full = np.zeros(size, complex)
    rows = size[0] // 2 - coarse.shape[0] // 2
    columns = size[1] // 2 - coarse.shape[1] // 2
    full[rows : rows + coarse.shape[0], columns : columns + coarse.shape[1]] = spectrum
    return np.fft.ifft2(np.fft.ifftshift(full))


def test_boxes_save_coefficients() -> None:
    area = {}
    for orientations in (4, 8):
        pyramid = steerable_pyramid(
            224, 224, orientations=orientations, cutoff=0.1, high_octaves=0.5
        )
        area[orientations] = sum(band.size for band in pyramid.bands) / 224**2
    assert area[4] < 1.9 and area[8] < 2.5
    narrow = {"orientations": 5, "cutoff": 0.1, "high_octaves": 0.1, "narrow": True}
    pyramid = steerable_pyramid(224, 224, per_octave=2, **narrow)
    assert sum(band.size for band in pyramid.bands) / 224**2 < 1.8


@pytest.mark.parametrize("size", [(224, 224), (95, 97), (64, 20)])
def test_stacks_hold_every_band_on_grids_of_one_shape(size: tuple[int, int]) -> None:
    """Cutting and adding all of them is the pyramid's analysis and synthesis."""
    pyramid = steerable_pyramid(*size, high_octaves=0.5, cutoff=0.1)
    found = stacks(pyramid)
    assert [band.orientation for stack in found for band in stack.bands] == [
        band.orientation for band in pyramid.bands
    ]
    assert len(found) < len(pyramid.bands) / 2
    assert all(band.shape == stack.shape[1:] for stack in found for band in stack.bands)
    x = image(*size)
    spectra = torch.fft.rfft2(x)
    plane = pyramid.plane
    planes = spectra.new_empty(plane.shape)
    plane.spread(spectra, planes)
    total = torch.empty_like(planes)
    plane.masked(planes, pyramid.remainder, out=total)
    for stack in found:
        boxes = stack.cut(planes, plane.corner, spectra.new_empty(stack.shape))
        stack.add(boxes, total, plane.corner)
    assert (torch.fft.irfft2(plane.folded(total), s=size) - x).abs().max() < 1e-5


def full_size(band: Band, values: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Return a band's coefficients at every pixel, without the plane wave of its box."""
    spectrum = np.zeros(size, complex)
    box = torch.fft.fft2(values) * (size[0] * size[1] / band.size)
    rows, columns = (
        (first + np.arange(side)) % n
        for first, side, n in zip((band.row, band.column), band.shape, size, strict=True)
    )
    spectrum[np.ix_(rows, columns)] = box.numpy()
    return np.fft.ifft2(spectrum)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cutoff", [0.0, 0.1])
def test_remainder_is_the_residuals(size: tuple[int, int], cutoff: float) -> None:
    pyramid = steerable_pyramid(*size, high_octaves=0.5, cutoff=cutoff)
    excess = pyramid.remainder - pyramid.low**2 - pyramid.high**2
    assert excess.min() > -1e-5
    assert excess.max() < 1e-5 + 2 * cutoff**2
    assert float(pyramid.low.sum()) < 8  # the mean and parts of one cycle


@pytest.mark.parametrize("levels", [0, 7, -1])
def test_impossible_depth_is_an_error(levels: int) -> None:
    assert fitting_octaves(128, 200) == 6
    with pytest.raises(ConfigError, match=f"magnify.pmm.levels: {levels}.*200x128 px.*1 to 6"):
        steerable_pyramid(128, 200, levels=levels)


def test_impossible_bands_are_errors() -> None:
    with pytest.raises(ConfigError, match="orientations 0"):
        steerable_pyramid(64, 64, orientations=0)
    with pytest.raises(ConfigError, match="high_octaves 0"):
        steerable_pyramid(64, 64, high_octaves=0.0)
    with pytest.raises(ConfigError, match="per_octave 3"):
        steerable_pyramid(64, 64, per_octave=3)
