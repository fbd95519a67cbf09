"""Bands of a pyramid as boxes of the frequency plane: cut out, and put back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

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
        """Return the view of planes (..., *shape) that a smaller plane covers."""
        y, x = (a - b for a, b in zip(other.corner, self.corner, strict=True))
        rows, columns = other.shape
        return planes.narrow(-2, y, rows).narrow(-1, x, columns)


def enclosing(height_px: int, boxes: Iterable[tuple[Corner, Shape]]) -> FrequencyPlane:
    """Return the smallest plane with boxes of some corners and shapes, and zero frequencies."""
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


FAST_PRIMES = (2, 3, 5, 7, 11, 13)


@dataclass(frozen=True, eq=False)
class Band:
    """One orientation of one radial band.

    Attributes
    ----------
    radial, orientation : int
        0 is the finest band; orientation k passes gradients at angle ``pi k / K``, or ``pi`` less
        where that lies at positive horizontal frequencies.
    octave : float
        Decimation in octaves: one px of the band is ``2 ** octave`` px of the image.
    mask : Tensor, float, shape (box_height, box_width)
        Frequency response on the box.
    row, column : int
        Frequency of the box's first corner, cycles an image side.
    """

    radial: int
    orientation: int
    octave: float
    mask: torch.Tensor
    row: int
    column: int
    _factors: torch.Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the factors of real and imaginary parts."""
        object.__setattr__(self, "_factors", torch.stack([self.mask, self.mask], dim=-1))

    def to(self, device: torch.device, dtype: torch.dtype) -> Band:
        """Return the band with its mask on a device, in a dtype."""
        return replace(self, mask=self.mask.to(device, dtype))

    def padded(self, rows: int, columns: int) -> Band:
        """Return the band on a larger box, with zeros at its end: on a finer grid."""
        room = (0, columns - self.mask.shape[1], 0, rows - self.mask.shape[0])
        return replace(self, mask=torch.nn.functional.pad(self.mask, room))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the band's grid."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def size(self) -> int:
        """Coefficients an image."""
        return self.mask.shape[0] * self.mask.shape[1]

    def cut(self, planes: torch.Tensor, corner: Corner, out: torch.Tensor) -> torch.Tensor:
        """Write the masked box of planes of some corner to `out` (..., *shape), and return it."""
        target = torch.view_as_real(out)
        torch.mul(self._box(planes, corner), self._factors, out=target)
        return out

    def add(self, box: torch.Tensor, planes: torch.Tensor, corner: Corner) -> None:
        """Add the masked box to planes of some corner."""
        self._box(planes, corner).addcmul_(torch.view_as_real(box), self._factors)

    def _box(self, planes: torch.Tensor, corner: Corner) -> torch.Tensor:
        """Return the view of planes that the band covers, real and imaginary parts apart."""
        rows, columns = self.shape
        values = torch.view_as_real(planes)
        values = values.narrow(-3, self.row - corner[0], rows)
        return values.narrow(-2, self.column - corner[1], columns)


@lru_cache(maxsize=1024)
def fast_length(n: int, *, contiguous: bool) -> int:
    """Return the length from n on that is fastest to transform, measured for torch's FFT.

    Lengths are multiples of 4 (of 2 below 16) with small primes only; on the contiguous axis
    multiples of 16 and 8 are so much faster that some growth pays.
    """
    step = 4 if n > 16 else 2
    first = -(-n // step) * step
    smooth = [m for m in range(first, 2 * first + 1, step) if _is_smooth(m)]
    if not contiguous or n <= 16:
        return smooth[0]
    return min(smooth, key=lambda m: m * (1.0 if m % 16 == 0 else 1.12 if m % 8 == 0 else 1.45))


def _is_smooth(n: int) -> bool:
    for prime in FAST_PRIMES:
        while n % prime == 0:
            n //= prime
    return n == 1


def sampled(image: torch.Tensor, band: Band) -> torch.Tensor:
    """Sample an image (H, W) where a band has samples, blurred by half their distance."""
    y, x = (torch.fft.fftfreq(n, 1 / n).to(image.device) for n in band.shape)
    blur = (y[:, None] / (2 * band.shape[0])) ** 2 + (x / (2 * band.shape[1])) ** 2
    spectrum = torch.fft.fft2(image)[y.long() % image.shape[0]][:, x.long() % image.shape[1]]
    spectrum = spectrum * torch.exp(-2 * math.pi**2 * blur).to(image)
    return torch.fft.ifft2(spectrum).real * (band.size / image.numel())
