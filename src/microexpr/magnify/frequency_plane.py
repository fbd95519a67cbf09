"""Spectra of real images, laid out so that every band of a pyramid is one rectangle of them.

Images are real, so half of a spectrum says all: the FFT gives horizontal frequencies of 0 and more,
rows from zero on and then below. Bands lie across both zeros. They are read from and added to a
*plane*, in which frequencies ascend along both axes and the negative ones that bands need are there
too; it is made of a half spectrum, and folded back into one, once a frame instead of once a band.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

Corner = tuple[int, int]
Shape = tuple[int, int]


def to_spectra(images: torch.Tensor) -> torch.Tensor:
    """Half spectra (..., H, W // 2 + 1) of images (..., H, W)."""
    return torch.fft.rfft2(images)


def to_images(spectra: torch.Tensor, width: int) -> torch.Tensor:
    """Images (..., H, W) of half spectra.

    Of the column at zero frequency only the part that belongs to real images counts: as in numpy,
    rows are transformed last and without the imaginary part of their mean.
    """
    return torch.fft.irfft2(spectra, s=(spectra.shape[-2], width))


@dataclass(frozen=True)
class FrequencyPlane:
    """A rectangle of frequencies.

    Attributes
    ----------
    height_px : int
        Of the images.
    corner : (int, int)
        Lowest vertical and horizontal frequency, cycles an image side; the latter 0 or less.
    shape : (int, int)
        Rows and columns.
    """

    height_px: int
    corner: Corner
    shape: Shape

    @property
    def negative(self) -> int:
        """Columns of negative horizontal frequency."""
        return -self.corner[1]

    def spread(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """Copy half spectra (..., H, W // 2 + 1) to planes (..., *shape)."""
        row, rows, negative = self.corner[0], self.shape[0], self.negative
        positive = self.shape[1] - negative
        for y, v in _wrapped(row, rows, self.height_px):
            out[..., y, negative:] = spectra[..., v, :positive]
        if negative:
            # Row i of the turned spectrum holds the opposite of frequency -(i + 1).
            turned = spectra[..., 1 : negative + 1].flip(-2, -1)
            for y, v in _wrapped(row - 1, rows, self.height_px):
                torch.conj_physical(turned[..., v, :], out=out[..., y, :negative])

    def fold(self, planes: torch.Tensor, spectra: torch.Tensor) -> None:
        """Add what planes and their opposites hold to half spectra: twice the images' real part.

        The planes' content is lost.
        """
        row, rows, negative = self.corner[0], self.shape[0], self.negative
        positive = self.shape[1] - negative
        planes[..., negative] *= 2  # its own opposite; elsewhere the other half doubles it
        for y, v in _wrapped(row, rows, self.height_px):
            spectra[..., v, :positive] += planes[..., y, negative:]
        if negative:
            turned = planes[..., :negative].flip(-2, -1).conj_physical_()
            for y, v in _wrapped(1 - row - rows, rows, self.height_px):
                spectra[..., v, 1 : negative + 1] += turned[..., y, :]

    def part(self, planes: torch.Tensor, other: FrequencyPlane) -> torch.Tensor:
        """The view of planes (..., *shape) that a smaller plane covers."""
        y, x = (a - b for a, b in zip(other.corner, self.corner, strict=True))
        rows, columns = other.shape
        return planes.narrow(-2, y, rows).narrow(-1, x, columns)


def enclosing(height_px: int, boxes: Iterable[tuple[Corner, Shape]]) -> FrequencyPlane:
    """The smallest plane with boxes of some corners and shapes, and the zero frequencies."""
    low, high = [0, 0], [0, 0]
    for corner, shape in boxes:
        for axis in (0, 1):
            low[axis] = min(low[axis], corner[axis])
            high[axis] = max(high[axis], corner[axis] + shape[axis] - 1)
    rows, columns = (b - a + 1 for a, b in zip(low, high, strict=True))
    return FrequencyPlane(height_px, (low[0], low[1]), (rows, columns))


def _wrapped(first: int, length: int, n: int) -> Iterator[tuple[slice, slice]]:
    """Parts of a range of frequencies and their places on an axis of n that starts at zero."""
    done = 0
    while done < length:
        at = (first + done) % n
        count = min(length - done, n - at)
        yield slice(done, done + count), slice(at, at + count)
        done += count
