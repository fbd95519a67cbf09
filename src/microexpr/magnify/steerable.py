"""Complex steerable pyramid in the frequency domain (Portilla and Simoncelli 2000).

A band keeps one half of the frequency plane: the modulus of a coefficient is local amplitude, its
angle local phase. Its spectrum is non-zero on a small box only, which is transformed on its own:
the band on a coarser grid, times a plane wave that cancels in phase *differences*.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from microexpr.errors import ConfigError
from microexpr.magnify.bands import Band, BandStack, FrequencyPlane, fast_length

TRANSITION_OCTAVES = {1: 1.0, 2: 0.75}  # width of the radial flanks, by bands per octave
SMALL = 1 << 13  # coefficients per image below which a whole ring is brought to one shape
Mask = NDArray[np.float64]
Lobe = Callable[[Mask], Mask]


@dataclass(frozen=True, eq=False)
class SteerablePyramid:
    """Masks of all bands for images of one size, finest first, orientations within."""

    height_px: int
    width_px: int
    radial_bands: int
    bands: tuple[Band, ...]
    high: torch.Tensor  # masks of the residuals on half a spectrum, (H, W // 2 + 1)
    low: torch.Tensor
    remainder: torch.Tensor  # what passing through the bands leaves out there

    def to(self, like: torch.Tensor) -> "SteerablePyramid":
        """Return the pyramid with its masks on the device and in the dtype of a tensor."""
        return _moved(self, like.device, like.dtype)

    @property
    def plane(self) -> FrequencyPlane:
        """Half of all frequencies, and those beyond that the bands need."""
        first = min(0, *(band.column for band in self.bands))
        shape = (self.height_px, self.width_px // 2 + 1 - first)
        return FrequencyPlane(self.height_px, (-(self.height_px // 2), first), shape)


@lru_cache(maxsize=8)
def _moved(pyramid: SteerablePyramid, device: torch.device, dtype: torch.dtype) -> SteerablePyramid:
    bands = tuple(replace(band, mask=band.mask.to(device, dtype)) for band in pyramid.bands)
    names = ("high", "low", "remainder")
    masks = {name: getattr(pyramid, name).to(device, dtype) for name in names}
    return replace(pyramid, bands=bands, **masks)


def fitting_octaves(height_px: int, width_px: int, levels: int | None = None) -> int:
    """Return `levels`, or the octaves that leave under one cycle per side to the low-pass."""
    fitting = max(1, math.ceil(math.log2(min(height_px, width_px) / 2)))
    if levels is not None and not 1 <= levels <= fitting:
        raise ConfigError(
            f"magnify.pmm.levels: {levels} octaves do not fit {width_px}x{height_px} px, "
            f"1 to {fitting} do"
        )
    return fitting if levels is None else levels


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
    top_octaves: float = 0.0,
    split_octaves: int | None = None,
    narrow: bool = False,
) -> SteerablePyramid:
    """Make the masks of a pyramid of `levels` octaves, by default as many as fit (or ConfigError).

    The angular response is ``cos(angle) ** (orientations - 1)``, of which half meet in a direction;
    `narrow` ones are a cosine over twice their spacing, and two meet. `per_octave` 2: half-octave
    bands, of the finest `split_octaves` where given. Responses below a share `cutoff` of a band's
    maximum become zero, which shrinks the boxes. The finest band ends `top_octaves` above Nyquist
    (0.5: with the corners of the plane), with a flank of `high_octaves`; usually 0 and 1.
    """
    levels = fitting_octaves(height_px, width_px, levels)
    if orientations < 1 or per_octave not in TRANSITION_OCTAVES or not 0 < high_octaves <= 1:
        raise ConfigError(
            f"magnify.pmm: orientations {orientations} must be 1 or more, per_octave {per_octave} "
            f"1 or 2, high_octaves {high_octaves:g} above 0 and at most 1"
        )
    size = (height_px, width_px)
    split = 0 if per_octave == 1 else min(levels, split_octaves or levels)
    halves = [(-n / 2, TRANSITION_OCTAVES[2]) for n in range(1, 2 * split + 1)]
    octaves = [(-float(n), TRANSITION_OCTAVES[1]) for n in range(split + 1, levels + 1)]
    flanks = [(top_octaves, high_octaves), *halves, *octaves]
    plane = _polar(size)
    high, low = _high_pass(plane.log_radius, *flanks[0]), _low_pass(plane.log_radius, flanks)
    lobes = [_lobe(k, orientations, narrow=narrow) for k in range(orientations)]
    bands = list(_bands(size, flanks, lobes, cutoff))
    if cutoff > 0:
        bands = _rescaled(bands, size, 1 - high**2 - low**2)
    whole = (high, low, 1 - _power(bands, size))
    masks = (torch.from_numpy(mask[:, : width_px // 2 + 1].copy()) for mask in whole)
    exact = SteerablePyramid(*size, len(flanks) - 1, tuple(bands), *masks)
    return _moved(exact, torch.device("cpu"), torch.float32)


@lru_cache(maxsize=8)
def stacks(pyramid: SteerablePyramid) -> tuple[BandStack, ...]:
    """Return all bands of a pyramid, finest first: small rings as one stack, other bands alone."""
    found = []
    for _, ring in groupby(pyramid.bands, key=lambda band: band.radial):
        bands = list(ring)
        rows, columns = (max(band.shape[axis] for band in bands) for axis in (0, 1))
        low, right = max(b.row for b in bands) + rows, max(b.column for b in bands) + columns
        fits = low <= (pyramid.height_px + 1) // 2 and right <= (pyramid.width_px + 1) // 2
        if fits and len(bands) * rows * columns <= SMALL:
            found.append(BandStack(tuple(band.padded(rows, columns) for band in bands)))
        else:
            found += [BandStack((band,)) for band in bands]
    return tuple(found)


class Polar(NamedTuple):
    """Frequencies on a grid, cycles per image side; radius in octaves from Nyquist."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    log_radius: Mask
    angle: Mask


def _frequencies(n: int, octaves: float | None = None) -> NDArray[np.int64]:
    """Return cycles per image side: all, as in a spectrum, or those around zero, in order."""
    if octaves is None:
        return (np.arange(n) + n // 2) % n - n // 2
    reach = min(math.ceil(n / 2 * 2.0**octaves), (n - 1) // 2)  # not what is its own opposite
    return np.arange(-reach, reach + 1)


def _polar(size: tuple[int, int], octaves: float | None = None) -> Polar:
    """Return radius and angle of all frequencies of a spectrum, or of those around zero."""
    rows, columns = (_frequencies(n, octaves) for n in size)
    fy, fx = rows[:, None] * 2 / size[0], columns[None] * 2 / size[1]
    radius = np.maximum(np.hypot(fy, fx), 1e-12)
    return Polar(rows, columns, np.log2(radius), np.arctan2(fy, fx))


def _bands(
    size: tuple[int, int],
    flanks: Sequence[tuple[float, float]],
    lobes: Sequence[Lobe],
    cutoff: float,
) -> Iterator[Band]:
    """Yield all bands, finest first."""
    for radial, (corner, _) in enumerate(flanks[:-1]):
        near = _polar(size, corner)
        ring = _low_pass(near.log_radius, flanks[: radial + 1])
        ring *= _high_pass(near.log_radius, *flanks[radial + 1])
        for k, lobe in enumerate(lobes):
            mask = ring * lobe(near.angle)
            mask[mask < cutoff * mask.max()] = 0.0
            if mask.any():
                yield Band(radial, k, max(0.0, -corner), *_bounding_box(mask, near, size))


def _high_pass(log_radius: Mask, corner: float, width: float) -> Mask:
    """Return 1 above a corner (octaves below Nyquist), 0 from `width` octaves below it."""
    return np.abs(np.cos(np.clip(log_radius - corner, -width, 0) * np.pi / (2 * width)))


def _low_pass(log_radius: Mask, flanks: Sequence[tuple[float, float]]) -> Mask:
    """Return what the high-passes with these flanks (corner, width) leave."""
    low = np.ones_like(log_radius)
    for flank in flanks:
        low *= np.sqrt(np.maximum(0, 1 - _high_pass(log_radius, *flank) ** 2))
    return low


def _lobe(k: int, orientations: int, *, narrow: bool) -> Lobe:
    """Return an angular response, zero at negative frequencies; the squares of all sum to 1."""
    order = orientations - 1
    scale = math.factorial(order) * 2.0**order / math.sqrt(orientations * math.factorial(2 * order))
    centre = np.pi * k / orientations - (np.pi if 2 * k > orientations else 0.0)

    def response(angle: Mask) -> Mask:
        distance = np.mod(np.pi + angle - centre, 2 * np.pi) - np.pi
        inside = (distance > -np.pi / 2 + 1e-9) & (distance < np.pi / 2 + 1e-9)
        if narrow:
            shape = np.cos(np.clip(distance * orientations, -np.pi, np.pi) / 2)
        else:
            shape = scale * np.maximum(np.cos(distance), 0.0) ** order
        return np.where(inside, shape, 0.0)

    return response


def _bounding_box(mask: Mask, near: Polar, size: tuple[int, int]) -> tuple[torch.Tensor, int, int]:
    """Return a mask on the bounding box of its support, for a fast FFT, and the box's corner."""
    by_row, by_column = (np.asarray(mask.any(axis=axis)) for axis in (1, 0))
    row, y, inner_y, height = _side(by_row, near.rows, size[0], contiguous=False)
    column, x, inner_x, width = _side(by_column, near.columns, size[1], contiguous=True)
    box = np.zeros((height, width))
    box[inner_y, inner_x] = mask[y, x]
    return torch.from_numpy(box), row, column


def _side(
    support: NDArray[np.bool_], frequencies: NDArray[np.int64], n: int, *, contiguous: bool
) -> tuple[int, slice, slice, int]:
    """Return a box's first frequency, part of the grid, that part's place in it, and length."""
    used = np.flatnonzero(support)
    first, length = int(frequencies[used[0]]), int(used[-1] - used[0]) + 1
    side = min(n, fast_length(length, contiguous=contiguous))
    row = first - (side - length) // 2
    row = min(max(row, -(n // 2)), (n + 1) // 2 - side)
    inner = slice(first - row, first - row + length)
    return row, slice(used[0], used[-1] + 1), inner, side


def _power(bands: Sequence[Band], size: tuple[int, int]) -> Mask:
    """Sum the squares of all masks, at a frequency and at its opposite."""
    total = np.zeros(size)
    for band in bands:
        total[_places(band, size)] += band.mask.numpy() ** 2
    return total + np.roll(total[::-1, ::-1], (1, 1), (0, 1))


def _rescaled(bands: Sequence[Band], size: tuple[int, int], wanted: Mask) -> list[Band]:
    """Scale masks to the wanted power where they have at least a quarter of it."""
    found = _power(bands, size)
    kept = found > wanted / 4
    power = np.where(kept, wanted / np.where(kept, found, 1), 1)
    factor = torch.from_numpy(np.sqrt(power))
    return [replace(band, mask=band.mask * factor[_places(band, size)]) for band in bands]


def _places(band: Band, size: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
    """Return the index of a band's box in the layout of a whole spectrum."""
    y, x = band.row + np.arange(band.shape[0]), band.column + np.arange(band.shape[1])
    return np.ix_(y % size[0], x % size[1])
