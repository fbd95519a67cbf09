"""Bands of a pyramid as boxes of a spectrum: cut out, put back; low frequencies on their own.

Spectra have zero frequency in the middle of an even axis and first on an odd one. A box around
zero then is one slice of an even axis, not two, and the centring costs nothing: it is an
alternating sign on the images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

Piece = tuple[slice, slice, slice, slice]
FAST_PRIMES = (2, 3, 5, 7, 11, 13)


def to_spectra(images: torch.Tensor) -> torch.Tensor:
    """Spectra of images (..., H, W)."""
    return torch.fft.fft2(images * signs(images))


def to_images(spectra: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Real part of the images that spectra (..., H, W) belong to."""
    images = torch.fft.ifft2(spectra).real
    return torch.mul(images, signs(images), out=out)


def signs(images: torch.Tensor) -> torch.Tensor:
    """The factor (H, W) that centres the spectra of images."""
    return _signs(*images.shape[-2:], images.device, images.dtype)


def zero_index(n: int) -> int:
    """Where zero frequency lies on an axis of n."""
    return 0 if n % 2 else n // 2


@lru_cache(maxsize=8)
def _signs(height: int, width: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    rows, columns = (
        (-1.0) ** torch.arange(n) if n % 2 == 0 else torch.ones(n) for n in (height, width)
    )
    return (rows[:, None] * columns).to(device, dtype)


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
    row, column : int
        Frequency of the box's first corner, cycles an image side.
    """

    radial: int
    orientation: int
    octave: float
    mask: torch.Tensor
    row: int
    column: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the band's grid."""
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def size(self) -> int:
        """Coefficients an image."""
        return self.mask.shape[0] * self.mask.shape[1]

    def pieces(self, height: int, width: int) -> tuple[Piece, ...]:
        """How the box lies in the spectra of images of one size."""
        return box_pieces((self.row, self.column), self.shape, (height, width))

    def cut(self, spectra: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """The masked box of spectra (..., H, W), written to `out` (..., *shape)."""
        source, target = torch.view_as_real(spectra), torch.view_as_real(out)
        pieces = self.pieces(*spectra.shape[-2:])
        if len(pieces) == 1:
            torch.mul(_part(source, pieces[0]), self.mask, out=target)
            return out
        for y, x, v, u in pieces:
            torch.mul(source[..., v, u, :], self.mask[y, x], out=target[..., y, x, :])
        return out

    def add(self, box: torch.Tensor, spectra: torch.Tensor) -> None:
        """Add twice the masked box to spectra: the half plane that the mask cuts off."""
        source, target = torch.view_as_real(box), torch.view_as_real(spectra)
        pieces = self.pieces(*spectra.shape[-2:])
        if len(pieces) == 1:
            _part(target, pieces[0]).addcmul_(source, self.mask, value=2)
            return
        for y, x, v, u in pieces:
            target[..., v, u, :].addcmul_(source[..., y, x, :], self.mask[y, x], value=2)


def _part(spectra: torch.Tensor, piece: Piece) -> torch.Tensor:
    """``spectra[..., v, u, :]`` at half its cost, which counts for small bands."""
    _, _, v, u = piece
    return spectra.narrow(-3, v.start, v.stop - v.start).narrow(-2, u.start, u.stop - u.start)


@lru_cache(maxsize=4096)
def box_pieces(
    corner: tuple[int, int], shape: tuple[int, int], size: tuple[int, int]
) -> tuple[Piece, ...]:
    """(box rows, box columns, spectrum rows, spectrum columns) of a box in a cyclic spectrum."""
    rows, columns = (
        _axis_pieces(first + zero_index(n), length, n)
        for first, length, n in zip(corner, shape, size, strict=True)
    )
    return tuple((y, x, v, u) for y, v in rows for x, u in columns)


def _axis_pieces(start: int, length: int, n: int) -> list[tuple[slice, slice]]:
    pieces, done = [], 0
    while done < length:
        at = (start + done) % n
        count = min(length - done, n - at)
        pieces.append((slice(done, done + count), slice(at, at + count)))
        done += count
    return pieces


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


def low_size(bands: Sequence[Band], height: int, width: int) -> tuple[int, int]:
    """Size of the smallest images whose spectra hold all bands but the finest."""
    sides = []
    for axis, full in enumerate((height, width)):
        needed = 2
        for band in bands:
            first = (band.row, band.column)[axis]
            if band.radial > 0:
                needed = max(needed, -2 * first, 2 * (first + band.shape[axis]))
        sides.append(min(full, needed))
    return sides[0], sides[1]


def crop(spectra: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The low frequencies of spectra, as the spectra of small images; even or uncropped sides."""
    low = spectra.new_empty((*spectra.shape[:-2], height, width))
    for y, x, v, u in _centre((height, width), tuple(spectra.shape[-2:])):
        low[..., y, x] = spectra[..., v, u]
    return low


def uncrop(low: torch.Tensor, spectra: torch.Tensor) -> None:
    """Add the spectra of small images to the low frequencies of those of larger ones."""
    for y, x, v, u in _centre(tuple(low.shape[-2:]), tuple(spectra.shape[-2:])):
        spectra[..., v, u] += low[..., y, x]


def _centre(small: tuple[int, int], full: tuple[int, int]) -> tuple[Piece, ...]:
    corner = tuple(
        -zero_index(n) if n == m else -(n // 2) for n, m in zip(small, full, strict=True)
    )
    return box_pieces(corner, small, full)


def sampled(image: torch.Tensor, band: Band) -> torch.Tensor:
    """An image (H, W) at the places of a band's samples, blurred by half their distance."""
    height, width = image.shape
    (rows, columns), spectrum = band.shape, to_spectra(image)
    y, x = (torch.arange(n).roll(zero_index(n)) for n in (height, width))
    y, x = ((f + n // 2) % n - n // 2 for f, n in ((y, height), (x, width)))
    blur = (y[:, None] / (2 * rows)) ** 2 + (x / (2 * columns)) ** 2
    spectrum *= torch.exp(-2 * math.pi**2 * blur).to(image)
    return to_images(crop(spectrum, rows, columns)) * (rows * columns / (height * width))
