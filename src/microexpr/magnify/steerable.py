"""Complex steerable pyramid in the frequency domain, each band on the smallest grid that holds it.

References: Simoncelli and Freeman 1995; Portilla and Simoncelli 2000.

A band keeps only one half of the frequency plane, so its coefficients are complex: their modulus is
local amplitude, their angle local phase. Its spectrum is non-zero on a small box only. Cut out and
transformed on its own, the box gives the band sampled on a coarser grid and multiplied by a plane
wave, which cancels wherever a phase *difference* or a product with a phase factor is formed. With
eight orientations the boxes hold 2.4 coefficients per pixel, instead of 48 without decimation.

Radial masks are products of raised cosines in log frequency, so that the squares of all masks sum
to exactly 1, for octave and half-octave bands alike. Bands of one ring and one shape go through
every step together as a stack: half of a pyramid's bands are so small that calling a function takes
longer than its work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

import torch

from microexpr.errors import ConfigError
from microexpr.magnify import masks
from microexpr.magnify.bands import Band, Corner, FrequencyPlane, enclosing

TRANSITION_OCTAVES = {1: 1.0, 2: 0.75}  # width of the radial flanks, by bands an octave


@dataclass(frozen=True, eq=False)
class SteerablePyramid:
    """Masks of all bands for images of one size. Made by :func:`steerable_pyramid`.

    Attributes
    ----------
    height_px, width_px, radial_bands : int
        Size of the images, number of radial bands.
    bands : tuple of Band
        Finest first, orientations within.
    high, low : Tensor, float, shape (H, W // 2 + 1)
        Masks of the two residuals on half a spectrum.
    remainder : Tensor, float, shape (H, W // 2 + 1)
        One minus the squares of all masks at a frequency and its opposite: what passing through the
        bands leaves out.
    """

    height_px: int
    width_px: int
    radial_bands: int
    bands: tuple[Band, ...]
    high: torch.Tensor
    low: torch.Tensor
    remainder: torch.Tensor

    def to(self, like: torch.Tensor) -> SteerablePyramid:
        """Return the pyramid with its masks on the device and in the dtype of a tensor."""
        return _moved(self, like.device, like.dtype)

    def plane(self, bands: Iterable[Band]) -> FrequencyPlane:
        """Return the smallest plane that holds some of the bands."""
        return enclosing(self.height_px, (((band.row, band.column), band.shape) for band in bands))


@lru_cache(maxsize=8)
def _moved(pyramid: SteerablePyramid, device: torch.device, dtype: torch.dtype) -> SteerablePyramid:
    bands = (band.to(device, dtype) for band in pyramid.bands)
    masks = {
        name: getattr(pyramid, name).to(device, dtype) for name in ("high", "low", "remainder")
    }
    return replace(pyramid, bands=tuple(bands), **masks)


def fitting_octaves(height_px: int, width_px: int) -> int:
    """Return the octaves that leave less than one cycle per side to the low-pass residual."""
    return max(1, math.ceil(math.log2(min(height_px, width_px) / 2)))


@lru_cache(maxsize=8)
def steerable_pyramid(
    height_px: int,
    width_px: int,
    *,
    levels: int | None = None,
    orientations: int = 8,
    per_octave: int = 1,
    cutoff: float = 0.0,
    high_octaves: float = 1.0,
) -> SteerablePyramid:
    """Make the masks of a complex steerable pyramid.

    Parameters
    ----------
    height_px, width_px : int
        Of the images; any size, odd and prime ones too.
    levels : int, optional
        Octaves; by default as many as fit.
    orientations : int
        K; the angular response is ``cos(angle) ** (K - 1)``.
    per_octave : {1, 2}
        Octave or half-octave bands.
    cutoff : float
        Responses below this share of a band's maximum are set to zero, which shrinks the boxes; the
        others are scaled so that the squares still sum to 1. 0: none.
    high_octaves : float
        Width of the flank between the finest band and the high-pass residual, which ends at the
        Nyquist frequency; in the usual pyramid one octave.

    Raises
    ------
    ConfigError
        More octaves than fit, or impossible numbers.
    """
    fitting = fitting_octaves(height_px, width_px)
    levels = fitting if levels is None else levels
    if not 1 <= levels <= fitting:
        raise ConfigError(
            f"magnify.pmm.levels: {levels} octaves do not fit {width_px}x{height_px} px, "
            f"1 to {fitting} do"
        )
    if orientations < 1 or per_octave not in TRANSITION_OCTAVES or not 0 < high_octaves <= 1:
        raise ConfigError(
            f"magnify.pmm: orientations {orientations} must be 1 or more, per_octave {per_octave} "
            f"1 or 2, high_octaves {high_octaves:g} above 0 and at most 1"
        )
    size, corners = (height_px, width_px), [-n / per_octave for n in range(levels * per_octave + 1)]
    widths = [high_octaves] + [TRANSITION_OCTAVES[per_octave]] * (len(corners) - 1)
    flanks = list(zip(corners, widths, strict=True))
    plane = masks.polar(masks.frequencies(height_px), masks.frequencies(width_px), size)
    high = masks.high_pass(plane.log_radius, *flanks[0])
    low = masks.low_pass(plane.log_radius, flanks)
    boxes = []
    for radial in range(levels * per_octave):
        rows, columns = (masks.frequencies(n, corners[radial]) for n in size)
        near = masks.polar(rows, columns, size)
        ring = masks.low_pass(near.log_radius, flanks[: radial + 1])
        ring *= masks.high_pass(near.log_radius, *flanks[radial + 1])
        for k in range(orientations):
            mask = ring * masks.angular_mask(near.angle, k, orientations)
            mask[mask < cutoff * mask.max()] = 0.0
            if mask.any():
                boxes.append(masks.bounding_box(mask, near, size, radial, k))
    if cutoff > 0:
        boxes = masks.rescaled(boxes, size, 1 - high**2 - low**2)
    half = slice(width_px // 2 + 1)
    return SteerablePyramid(
        *size,
        levels * per_octave,
        tuple(masks.as_band(box, box.radial / per_octave) for box in boxes),
        *(
            torch.from_numpy(mask[:, half].copy()).float()
            for mask in (high, low, 1 - masks.power(boxes, size))
        ),
    )


SMALL = 1 << 13  # coefficients an image below which a whole ring is brought to one shape


@dataclass(frozen=True, eq=False)
class BandStack:
    """Bands of one ring and one shape, by orientation."""

    bands: tuple[Band, ...]

    @property
    def radial(self) -> int:
        """Number of the ring; 0 is the finest."""
        return self.bands[0].radial

    @property
    def octave(self) -> float:
        """Decimation in octaves."""
        return self.bands[0].octave

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bands, height and width of their grids."""
        return (len(self.bands), *self.bands[0].shape)

    @property
    def size(self) -> int:
        """Coefficients an image."""
        return len(self.bands) * self.bands[0].size

    def cut(self, planes: torch.Tensor, corner: Corner, out: torch.Tensor) -> torch.Tensor:
        """Write the masked boxes of planes of some corner to `out` (..., *shape), and return it."""
        for number, band in enumerate(self.bands):
            band.cut(planes, corner, out.select(-3, number))
        return out

    def add(self, boxes: torch.Tensor, planes: torch.Tensor, corner: Corner) -> None:
        """Add the masked boxes to planes of some corner."""
        for number, band in enumerate(self.bands):
            band.add(boxes.select(-3, number), planes, corner)


@lru_cache(maxsize=8)
def stacks(pyramid: SteerablePyramid) -> tuple[BandStack, ...]:
    """Return all bands of a pyramid, finest first: small rings as one stack, other bands alone."""
    found = []
    for _, ring in groupby(pyramid.bands, key=lambda band: band.radial):
        bands = list(ring)
        rows, columns = (max(band.shape[axis] for band in bands) for axis in (0, 1))
        last = max(band.column for band in bands) + columns - 1
        fits = rows <= pyramid.height_px and last <= (pyramid.width_px - 1) // 2
        if fits and len(bands) * rows * columns <= SMALL:
            found.append(BandStack(tuple(band.padded(rows, columns) for band in bands)))
        else:
            found += [BandStack((band,)) for band in bands]
    return tuple(found)
