"""Bands of a pyramid as boxes of a spectrum: cut out, and put back.

Images are real, so the half of a spectrum at horizontal frequencies of 0 and more says all, and the
other half is never computed. A band keeps one half plane anyway: where its box reaches beyond zero
it reads the opposite frequency, conjugated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import torch

FAST_PRIMES = (2, 3, 5, 7, 11, 13)


def to_spectra(images: torch.Tensor) -> torch.Tensor:
    """Half spectra (..., H, W // 2 + 1) of images (..., H, W)."""
    return torch.fft.rfft2(images)


def to_images(spectra: torch.Tensor, width: int) -> torch.Tensor:
    """Images (..., H, W) of half spectra.

    Of the column at zero frequency only the part that belongs to real images counts: as in numpy,
    rows are transformed last and without the imaginary part of their mean.
    """
    return torch.fft.irfft2(spectra, s=(spectra.shape[-2], width))


class Piece(NamedTuple):
    """A part of a box and where it lies in a half spectrum."""

    y: slice
    x: slice
    rows: slice
    columns: slice
    opposite: bool
    """Whether it is found at the opposite frequencies: flipped and conjugated."""


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

    def __post_init__(self) -> None:
        """Prepare the factors of real and imaginary parts for cutting and adding."""
        frequency = self.column + torch.arange(self.mask.shape[1], device=self.mask.device)
        conjugating = torch.where(frequency < 0, -1.0, 1.0).to(self.mask)
        # A column of its own opposite: elsewhere the other half of the spectrum doubles it.
        adding = torch.where(frequency == 0, 2.0, 1.0).to(self.mask)
        pair = torch.stack([self.mask, self.mask * conjugating], dim=-1)
        object.__setattr__(self, "_cutting", pair)
        object.__setattr__(self, "_adding", pair * adding[:, None])

    def to(self, device: torch.device, dtype: torch.dtype) -> Band:
        """The same band with its mask on a device, in a dtype."""
        return replace(self, mask=self.mask.to(device, dtype))

    def padded(self, rows: int, columns: int) -> Band:
        """The same band on a larger box, with zeros at its end: on a finer grid."""
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

    def cut(self, spectra: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """The masked box of half spectra (..., H, W // 2 + 1), written to `out` (..., *shape)."""
        source, target = torch.view_as_real(spectra), torch.view_as_real(out)
        for piece in self._pieces(spectra.shape[-2]):
            part = _part(source, piece.rows, piece.columns)
            if piece.opposite:
                part = part.flip(-3, -2)
            mask = _part(self._cutting, piece.y, piece.x)
            torch.mul(part, mask, out=_part(target, piece.y, piece.x))
        return out

    def add(self, box: torch.Tensor, spectra: torch.Tensor) -> None:
        """Add to half spectra what the masked box and its opposite hold: twice its real part."""
        source, target = torch.view_as_real(box), torch.view_as_real(spectra)
        for piece in self._pieces(spectra.shape[-2]):
            part, mask = (_part(t, piece.y, piece.x) for t in (source, self._adding))
            goal = _part(target, piece.rows, piece.columns)
            if piece.opposite:
                goal += (part * mask).flip(-3, -2)
            else:
                goal.addcmul_(part, mask)

    def _pieces(self, height: int) -> tuple[Piece, ...]:
        return box_pieces((self.row, self.column), self.shape, height)


def _part(values: torch.Tensor, y: slice, x: slice) -> torch.Tensor:
    """``values[..., y, x, :]`` at half its cost, which counts for small bands."""
    return values.narrow(-3, y.start, y.stop - y.start).narrow(-2, x.start, x.stop - x.start)


@lru_cache(maxsize=4096)
def box_pieces(corner: tuple[int, int], shape: tuple[int, int], height: int) -> tuple[Piece, ...]:
    """How a box lies in the half spectrum of images of some height.

    Parameters
    ----------
    corner, shape : (int, int)
        First frequency, cycles an image side, and size of the box; rows first.
    height : int
        Of the images, px.
    """
    (row, column), (rows, columns) = corner, shape
    negative = min(max(0, -column), columns)
    pieces = []
    if negative < columns:
        for y, v in _wrapped(row, rows, height):
            found = slice(column + negative, column + columns)
            pieces.append(Piece(y, slice(negative, columns), v, found, opposite=False))
    if negative:
        last = 1 - column - negative  # of the negative frequencies, sign turned
        for y, v in _wrapped(1 - row - rows, rows, height):
            turned = slice(rows - y.stop, rows - y.start)
            found = slice(last, last + negative)
            pieces.append(Piece(turned, slice(0, negative), v, found, opposite=True))
    return tuple(pieces)


def _wrapped(first: int, length: int, n: int) -> list[tuple[slice, slice]]:
    """Parts of a range of frequencies and their places on an axis of n that starts at zero."""
    parts, done = [], 0
    while done < length:
        at = (first + done) % n
        count = min(length - done, n - at)
        parts.append((slice(done, done + count), slice(at, at + count)))
        done += count
    return parts


@lru_cache(maxsize=1024)
def fast_length(n: int, *, contiguous: bool) -> int:
    """The length from n on that is cheapest to transform, as measured for the FFT of torch.

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


def crop(spectra: torch.Tensor, low: torch.Tensor) -> None:
    """Copy the low frequencies of half spectra to smaller ones."""
    rows, columns = low.shape[-2:]
    for first, length in _halves(rows):
        low.narrow(-2, first % rows, length).copy_(
            spectra[..., :columns].narrow(-2, first % spectra.shape[-2], length)
        )


def uncrop(low: torch.Tensor, spectra: torch.Tensor) -> None:
    """Add small half spectra to the low frequencies of larger ones."""
    rows, columns = low.shape[-2:]
    for first, length in _halves(rows):
        goal = spectra[..., :columns].narrow(-2, first % spectra.shape[-2], length)
        goal += low.narrow(-2, first % rows, length)


def _halves(rows: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """First frequency and number of the rows from zero on, and of those below zero."""
    return (0, rows - rows // 2), (-(rows // 2), rows // 2)


def sampled(image: torch.Tensor, band: Band) -> torch.Tensor:
    """An image (H, W) at the places of a band's samples, blurred by half their distance."""
    y, x = (torch.fft.fftfreq(n, 1 / n).to(image.device) for n in band.shape)
    blur = (y[:, None] / (2 * band.shape[0])) ** 2 + (x / (2 * band.shape[1])) ** 2
    spectrum = torch.fft.fft2(image)[y.long() % image.shape[0]][:, x.long() % image.shape[1]]
    spectrum = spectrum * torch.exp(-2 * math.pi**2 * blur).to(image)
    return torch.fft.ifft2(spectrum).real * (band.size / image.numel())
