"""Bands of a pyramid as boxes of the frequency plane: cut out, and put back."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import torch

Corner = tuple[int, int]
FAST_PRIMES = 2 * 3 * 5 * 7 * 11 * 13


@dataclass(frozen=True)
class FrequencyPlane:
    """A rectangle of frequencies of images of some height."""

    height_px: int
    corner: Corner  # lowest vertical and horizontal frequency, cycles per side, the latter <= 0
    shape: tuple[int, int]  # rows and columns

    def around(self, bands: Iterable["Band"]) -> "FrequencyPlane":
        """Return the smallest part of the plane that holds some bands."""
        found = [(b.row, b.row + b.shape[0], b.column, b.column + b.shape[1]) for b in bands]
        if not found:
            return FrequencyPlane(self.height_px, self.corner, (0, 0))
        tops, bottoms, lefts, rights = zip(*found, strict=True)
        row, column = min(tops), min(lefts)
        shape = (max(bottoms) - row, max(rights) - column)
        return FrequencyPlane(self.height_px, (row, column), shape)

    def part(self, planes: torch.Tensor, other: "FrequencyPlane") -> torch.Tensor:
        """Return the view of planes that is within another one."""
        (row, column), (rows, columns) = other.corner, other.shape
        values = planes.narrow(-2, row - self.corner[0], rows)
        return values.narrow(-1, column - self.corner[1], columns)

    def spread(self, spectra: torch.Tensor, out: torch.Tensor) -> None:
        """Copy half spectra (..., H, W // 2 + 1) to planes (..., *shape)."""
        row, rows, negative = self.corner[0], self.shape[0], -self.corner[1]
        positive = self.shape[1] - negative
        for y, v in _wrapped(row, rows, self.height_px):
            out[..., y, negative:] = spectra[..., v, :positive]
        if negative:
            # Row i of the turned spectrum holds the opposite of frequency -(i + 1).
            turned = spectra[..., 1 : negative + 1].flip(-2, -1)
            for y, v in _wrapped(row - 1, rows, self.height_px):
                torch.conj_physical(turned[..., v, :], out=out[..., y, :negative])

    def masked(self, planes: torch.Tensor, mask: torch.Tensor, out: torch.Tensor) -> None:
        """Write planes times a mask of half spectra, (H, W // 2 + 1): what `folded` returns."""
        spread, negative = mask.new_empty(self.shape), -self.corner[1]
        self.spread(mask, spread)
        spread[:, :negative] = 0
        spread[:, negative] /= 2  # its own opposite
        torch.mul(floats(planes), doubled(spread), out=floats(out))

    def folded(self, planes: torch.Tensor) -> torch.Tensor:
        """Return half spectra of twice the real part of the images of planes, which are lost."""
        row, rows, negative = self.corner[0], self.shape[0], -self.corner[1]
        spectra = planes.new_empty((*planes.shape[:-1], self.shape[1] - negative))
        planes[..., negative] *= 2  # its own opposite; elsewhere the other half doubles it
        for y, v in _wrapped(row, rows, self.height_px):
            spectra[..., v, :] = planes[..., y, negative:]
        if negative:
            turned = planes[..., :negative].flip(-2, -1).conj_physical_()
            for y, v in _wrapped(1 - row - rows, rows, self.height_px):
                spectra[..., v, 1 : negative + 1] += turned[..., y, :]
        return spectra


def floats(values: torch.Tensor) -> torch.Tensor:
    """View complex values (..., n) as real ones (..., 2 n), real and imaginary parts in turns."""
    return values.view(values.real.dtype)


def doubled(mask: torch.Tensor) -> torch.Tensor:
    """Return a mask (..., n) for what `floats` returns, (..., 2 n)."""
    return mask.repeat_interleave(2, dim=-1)


def _wrapped(first: int, length: int, n: int) -> Iterator[tuple[slice, slice]]:
    """Yield parts of a range of frequencies, and their places on an axis of n from zero on."""
    done = 0
    while done < length:
        at = (first + done) % n
        count = min(length - done, n - at)
        yield slice(done, done + count), slice(at, at + count)
        done += count


@dataclass(frozen=True, eq=False)
class Band:
    """One orientation of one radial band."""

    radial: int  # 0 is the finest
    # k passes gradients at angle pi k / K, or pi less: at positive horizontal frequencies
    orientation: int
    octave: float  # one px of the band is 2 ** octave px of the image
    mask: torch.Tensor  # frequency response on the box
    row: int  # first corner of the box, cycles per image side
    column: int

    @cached_property
    def factors(self) -> torch.Tensor:
        """The mask for real and imaginary parts in turns."""
        return doubled(self.mask)

    def padded(self, rows: int, columns: int) -> "Band":
        """Return the band on a larger box, with zeros at its end: on a finer grid."""
        room = (0, columns - self.mask.shape[1], 0, rows - self.mask.shape[0])
        return replace(self, mask=torch.nn.functional.pad(self.mask, room))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the band's grid."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def size(self) -> int:
        """Coefficients per image."""
        return self.mask.numel()

    def box(self, planes: torch.Tensor, corner: Corner) -> torch.Tensor:
        """Return the view of planes that the band covers, real and imaginary parts in turns."""
        rows, columns = self.shape
        values = planes.narrow(-2, self.row - corner[0], rows)
        return floats(values.narrow(-1, self.column - corner[1], columns))


class BandStack:
    """Bands of one ring and one shape, (bands, height, width); `size`: coefficients per image."""

    def __init__(self, bands: tuple[Band, ...]) -> None:
        self.bands, first = bands, bands[0]
        self.radial, self.octave = first.radial, first.octave
        self.shape, self.size = (len(bands), *first.shape), len(bands) * first.size

    def cut(self, planes: torch.Tensor, corner: Corner, out: torch.Tensor) -> torch.Tensor:
        """Write the masked boxes of planes of some corner to `out` (..., *shape), and return it."""
        for number, band in enumerate(self.bands):
            target = floats(out.select(-3, number))
            torch.mul(band.box(planes, corner), band.factors, out=target)
        return out

    def add(self, boxes: torch.Tensor, planes: torch.Tensor, corner: Corner) -> None:
        """Add the masked boxes to planes of some corner."""
        for number, band in enumerate(self.bands):
            values = floats(boxes.select(-3, number))
            band.box(planes, corner).addcmul_(values, band.factors)


@lru_cache(maxsize=1024)
def fast_length(n: int, *, contiguous: bool) -> int:
    """Return the length from n on that is fastest to transform, measured for torch's FFT."""
    step = 4 if n > 16 else 2
    first = -(-n // step) * step
    # A product of small primes divides a power of their product.
    smooth = [m for m in range(first, 2 * first + 1, step) if pow(FAST_PRIMES, 16, m) == 0]
    if not contiguous or n <= 16:
        return smooth[0]
    # Multiples of 16 and 8 are so much faster that some growth pays.
    return min(smooth, key=lambda m: m * (1.0 if m % 16 == 0 else 1.12 if m % 8 == 0 else 1.45))


def bordered(height: int, width: int, border_px: int) -> tuple[int, int]:
    """Return the size of images with a border, fast to transform."""
    rows, columns = height + min(height, border_px), width + min(width, border_px)
    return fast_length(rows, contiguous=False), fast_length(columns, contiguous=True)


def extended(images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return images (..., H, W) with rows and columns after the last that fade to the first."""
    # As periodic images they have no edge. (A mirror image would move the other way.)
    height, width = images.shape[-2:]
    result = images.new_empty((*images.shape[:-2], *shape))
    result[..., :height, :width] = images
    share = _fading(shape[0] - height).to(images)[:, None]
    result[..., height:, :width] = torch.lerp(images[..., -1:, :], images[..., :1, :], share)
    share = _fading(shape[1] - width).to(images)
    result[..., width:] = torch.lerp(result[..., width - 1 : width], result[..., :1], share)
    return result


@lru_cache(maxsize=64)
def _fading(n: int) -> torch.Tensor:
    """Return n values that rise smoothly between 0 and 1."""
    return 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(n) + 0.5) / n)


def sampled(image: torch.Tensor, band: Band) -> torch.Tensor:
    """Sample an image (H, W) where a band has samples, blurred by half their distance."""
    y, x = (torch.fft.fftfreq(n, 1 / n).to(image.device) for n in band.shape)
    blur = (y[:, None] / (2 * band.shape[0])) ** 2 + (x / (2 * band.shape[1])) ** 2
    spectrum = torch.fft.fft2(image)[y.long() % image.shape[0]][:, x.long() % image.shape[1]]
    spectrum = spectrum * torch.exp(-2 * math.pi**2 * blur).to(image)
    return torch.fft.ifft2(spectrum).real * (band.size / image.numel())
