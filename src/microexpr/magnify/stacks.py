"""Bands of one ring and one shape, which go through every step together.

Half of a pyramid's bands are so small that calling a function costs more than its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import torch

from microexpr.magnify.bands import Band, Corner
from microexpr.magnify.steerable import SteerablePyramid

SMALL = 1 << 13  # coefficients an image below which a whole ring is brought to one shape


@dataclass(frozen=True, eq=False)
class BandStack:
    """Orientations of one ring.

    Parameters
    ----------
    bands : tuple of Band
        All of one ring and one shape.
    """

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
    """All bands of a pyramid, finest first: small rings as one stack, other bands alone."""
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
