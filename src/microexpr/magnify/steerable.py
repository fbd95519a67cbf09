"""Complex steerable pyramid in the frequency domain (Simoncelli and Freeman 1995; Portilla and
Simoncelli 2000), with each band on the smallest grid that holds it.

A band keeps only one half of the frequency plane, so its coefficients are complex: their modulus is
local amplitude, their angle local phase. Its spectrum is non-zero on a small box only. Cut out and
transformed on its own, the box gives the band sampled on a coarser grid and multiplied by a plane
wave, which cancels wherever a phase *difference* or a product with a phase factor is formed. With
eight orientations the boxes hold 3.4 coefficients a pixel, instead of 40 without decimation.

Radial masks are products of raised cosines in log frequency, so that the squares of all masks sum
to exactly 1, for octave and half-octave bands alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from microexpr.errors import ConfigError

Grid = Literal["box", "full"]
Mask = NDArray[np.float64]
Piece = tuple[slice, slice, slice, slice]
TRANSITION_OCTAVES = {1: 1.0, 2: 0.75}  # width of the radial flanks, by bands an octave
FAST_PRIMES = (2, 3, 5, 7, 11, 13)


@dataclass(frozen=True)
class Band:
    """One orientation of one radial band.

    Attributes
    ----------
    radial, orientation : int
        0 is the finest band; orientation k passes gradients at angle ``pi k / K``.
    octave : float
        Decimation in octaves: one px of the band is ``2 ** octave`` px of the image.
    mask : Tensor, float, shape (box_height, box_width, 2)
        Frequency response on the box, once for the real and once for the imaginary part.
    pieces : tuple of (box rows, box columns, spectrum rows, spectrum columns)
        How the box lies in the unshifted, cyclic spectrum.
    """

    radial: int
    orientation: int
    octave: float
    mask: torch.Tensor
    pieces: tuple[Piece, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the band's grid."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def size(self) -> int:
        """Coefficients an image."""
        return self.mask.shape[0] * self.mask.shape[1]

    def cut(self, spectrum: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """The masked box of a spectrum (..., H, W), written to `out` (..., *shape)."""
        source, target = torch.view_as_real(spectrum), torch.view_as_real(out)
        for y, x, v, u in self.pieces:
            torch.mul(source[..., v, u, :], self.mask[y, x], out=target[..., y, x, :])
        return out

    def add(self, box: torch.Tensor, spectrum: torch.Tensor) -> None:
        """Add twice the masked box to a spectrum: the half plane that the mask cuts off."""
        source, target = torch.view_as_real(box), torch.view_as_real(spectrum)
        for y, x, v, u in self.pieces:
            target[..., v, u, :].addcmul_(source[..., y, x, :], self.mask[y, x], value=2)


@dataclass(frozen=True)
class SteerablePyramid:
    """Masks of all bands for images of one size. Made by :func:`steerable_pyramid`.

    Attributes
    ----------
    height_px, width_px, radial_bands, orientations : int
        Size of the images and of the pyramid.
    bands : tuple of Band
        Finest first, orientations within.
    high, low : Tensor, float, shape (H, W)
        Masks of the two residuals on the unshifted spectrum; `high` is zero where the finest band
        takes its place.
    remainder : Tensor, float, shape (H, W)
        One minus twice the squares of all masks: what passing through the bands leaves out.
    """

    height_px: int
    width_px: int
    radial_bands: int
    orientations: int
    bands: tuple[Band, ...]
    high: torch.Tensor
    low: torch.Tensor
    remainder: torch.Tensor

    def to(self, like: torch.Tensor) -> SteerablePyramid:
        """The same pyramid with its masks on the device and in the dtype of a tensor."""
        if like.device == self.high.device and like.dtype == self.high.dtype:
            return self
        return replace(
            self,
            bands=tuple(replace(band, mask=band.mask.to(like)) for band in self.bands),
            high=self.high.to(like),
            low=self.low.to(like),
            remainder=self.remainder.to(like),
        )

    def analyse(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Coefficients of each band.

        Parameters
        ----------
        images : Tensor, float32, shape (..., H, W)

        Returns
        -------
        list of Tensor, complex64, shape (..., *band.shape)
            In the order of `bands`. Scaled so that a modulus is the local amplitude of the band
            on any grid; multiplied by a plane wave where a grid is not ``full``.
        """
        spectrum = torch.fft.fft2(images)
        coefficients = []
        for band in self.bands:
            box = spectrum.new_empty((*images.shape[:-2], *band.shape))
            filtered = torch.fft.ifft2(band.cut(spectrum, box))
            scale = 2 * band.size / (self.height_px * self.width_px)
            coefficients.append(filtered * scale)
        return coefficients

    def residuals(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """High- and low-pass residual, each of the images' shape and dtype."""
        spectrum = torch.fft.fft2(images)
        high = torch.fft.ifft2(spectrum * self.high).real
        return high, torch.fft.ifft2(spectrum * self.low).real

    def synthesise(
        self, coefficients: Sequence[torch.Tensor], high: torch.Tensor, low: torch.Tensor
    ) -> torch.Tensor:
        """Images from what :meth:`analyse` and :meth:`residuals` return."""
        total = torch.fft.fft2(high) * self.high + torch.fft.fft2(low) * self.low
        area = self.height_px * self.width_px
        for band, values in zip(self.bands, coefficients, strict=True):
            box = torch.fft.fft2(values) * (area / (2 * band.size))
            band.add(box, total)
        return torch.fft.ifft2(total).real


def fitting_octaves(height_px: int, width_px: int) -> int:
    """Octaves until less than one cycle an image side is left for the low-pass residual."""
    return max(1, math.ceil(math.log2(min(height_px, width_px) / 2)))


@lru_cache(maxsize=8)
def steerable_pyramid(
    height_px: int,
    width_px: int,
    *,
    levels: int | None = None,
    orientations: int = 8,
    per_octave: int = 1,
    grid: Grid = "box",
    cutoff: float = 0.0,
    high_residual: bool = True,
) -> SteerablePyramid:
    """Masks of a complex steerable pyramid.

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
    grid : {'box', 'full'}
        ``box``: the bounding box of the band's support; ``full``: every band has the images' size.
    cutoff : float
        Responses below this share of a band's maximum are set to zero, which shrinks the boxes;
        0 gives perfect reconstruction.
    high_residual : bool
        False: the finest band reaches up to the corners of the spectrum and no high-pass
        residual is left.

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
    if orientations < 1 or per_octave not in TRANSITION_OCTAVES:
        raise ConfigError(
            f"magnify.pmm: orientations {orientations} must be 1 or more and "
            f"per_octave {per_octave} 1 or 2"
        )
    radials, high, low, angle = _radial_masks(
        height_px, width_px, levels, per_octave, high_residual=high_residual
    )
    bands = []
    for index, radial in enumerate(radials):
        for k in range(orientations):
            mask = radial * _angular_mask(angle, k, orientations)
            mask[mask < cutoff * mask.max()] = 0.0
            if mask.any():
                bands.append(_band(mask, index, k, index / per_octave, grid))
    remainder = torch.ones(height_px, width_px, dtype=torch.float64)
    for band in bands:
        for y, x, v, u in band.pieces:
            remainder[v, u] -= 2 * band.mask[y, x, 0].double() ** 2
    masks = (torch.from_numpy(high).float(), torch.from_numpy(low).float(), remainder.float())
    return SteerablePyramid(height_px, width_px, len(radials), orientations, tuple(bands), *masks)


def _radial_masks(
    height_px: int, width_px: int, levels: int, per_octave: int, *, high_residual: bool
) -> tuple[list[Mask], Mask, Mask, Mask]:
    """Radial masks (finest first), high-pass, low-pass, and the angle of each frequency.

    Without a high-pass residual the finest band is cleared at the Nyquist frequency of an even
    side: that frequency has no opposite one, hence no half plane to choose.
    """
    fy = np.fft.fftfreq(height_px)[:, None] * 2  # 1 at the Nyquist frequency
    fx = np.fft.fftfreq(width_px)[None] * 2
    radius = np.hypot(fy, fx)
    radius[0, 0] = 1e-12
    log_radius, width = np.log2(radius), TRANSITION_OCTAVES[per_octave]

    def high_pass(corner: float) -> Mask:
        return np.abs(np.cos(np.clip(log_radius - corner, -width, 0) * np.pi / (2 * width)))

    high = high_pass(0.0) if high_residual else np.zeros_like(radius)
    low, radials = np.sqrt(1 - high**2), []
    for corner in -np.arange(1, levels * per_octave + 1) / per_octave:
        passed = high_pass(corner)
        radials.append(low * passed)
        low = low * np.sqrt(np.maximum(0, 1 - passed**2))
    radials[0] = np.where((fy == -1) | (fx == -1), 0.0, radials[0])
    return radials, high, low, np.arctan2(fy, fx)


def _angular_mask(angle: Mask, k: int, orientations: int) -> Mask:
    """One-sided ``cos ** (K - 1)``, scaled so that the squares of all lobes sum to 1."""
    order = orientations - 1
    scale = math.factorial(order) * 2.0**order / math.sqrt(orientations * math.factorial(2 * order))
    distance = np.mod(np.pi + angle - np.pi * k / orientations, 2 * np.pi) - np.pi
    inside = (distance > -np.pi / 2 + 1e-9) & (distance < np.pi / 2 + 1e-9)
    return scale * np.where(inside, np.maximum(np.cos(distance), 0.0), 0.0) ** order * inside


def _band(mask: Mask, radial: int, k: int, octave: float, grid: Grid) -> Band:
    height, width = mask.shape
    centred = np.fft.fftshift(mask)
    rows, columns = (np.flatnonzero(centred.any(axis=axis)) for axis in (1, 0))
    row, box_height = _side(rows - height // 2, height, grid)
    column, box_width = _side(columns - width // 2, width, grid)
    take = np.ix_((row + np.arange(box_height)) % height, (column + np.arange(box_width)) % width)
    pieces = tuple(
        (y, x, v, u)
        for y, v in _pieces(row, box_height, height)
        for x, u in _pieces(column, box_width, width)
    )
    box = torch.from_numpy(mask[take].astype(np.float32))
    return Band(radial, k, octave, torch.stack([box, box], dim=-1), pieces)


def _side(support: NDArray[np.int64], n: int, grid: Grid) -> tuple[int, int]:
    """First frequency and length of one side of a band's box."""
    if grid == "full":
        return 0, n
    first, last = int(support[0]), int(support[-1])
    length = min(n, _fast_length(last - first + 1))
    return first - (length - (last - first + 1)) // 2, length


def _fast_length(n: int) -> int:
    """Next length that the FFT likes: a multiple of 4 (of 2 below 16) with small primes only."""
    step = 4 if n > 16 else 2
    n = -(-n // step) * step
    while True:
        rest = n
        for prime in FAST_PRIMES:
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += step


def _pieces(first: int, length: int, n: int) -> list[tuple[slice, slice]]:
    """Box slices and the slices of a cyclic axis of n that they lie on."""
    pieces, start = [], 0
    while start < length:
        at = (first + start) % n
        count = min(length - start, n - at)
        pieces.append((slice(start, start + count), slice(at, at + count)))
        start += count
    return pieces
