"""Smoothing of phases that leaves a uniform motion as it is.

Wadhwa et al. 2013 (eq. 17) take the amplitude-weighted Gaussian mean of a band's phase changes. But
phase change is local frequency times displacement, and local frequency varies within a band: the
mean of the phases is not the phase of the mean motion, and part of the motion is lost. Here the
*displacement* is averaged. In a Gaussian window around each place it is the vector d that minimises
``sum w (phi - k . d)^2`` with phi the phase changes, k the reference frame's local frequency and
the weight w its squared amplitude, inversely proportional to the variance that sensor noise gives a
phase. The smoothed phase is ``k . d``.

Amplitude and frequency are those of the reference frame, constant in time. The smoothing therefore
is one linear map of the phases of a frame and commutes with any temporal filter.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch

from microexpr.magnify.blocks import block_frames
from microexpr.magnify.stacks import BandStack

DAMPING = 1e-3  # of the trace of the 2 x 2 system: a band sees motion across its stripes only
SILENT = 1e-6  # of the mean: places with hardly any amplitude do not move
TINY = 1e-15  # the same for a band that is empty everywhere


class MotionSmoothing:
    """The smoothing of a stack of bands.

    Parameters
    ----------
    bands : BandStack
    box, coefficients : Tensor, complex, shape (n, h, w)
        The reference frame's masked spectrum on the bands' boxes and its transform.
    size : (int, int)
        Height and width of the frames, px.
    sigma_px : float
        Standard deviation of the Gaussian window, px of the frames.
    """

    def __init__(
        self,
        bands: BandStack,
        box: torch.Tensor,
        coefficients: torch.Tensor,
        *,
        size: tuple[int, int],
        sigma_px: float,
    ) -> None:
        self.window = _window(bands.shape[1:], size, sigma_px).to(box.real)
        power = torch.view_as_real(coefficients).square().sum(dim=-1)
        slopes = torch.fft.ifft2(box * _frequencies(bands, size).to(box.real))
        slope_x, slope_y = (slopes * coefficients.conj()).real  # power times local frequency
        floor = SILENT * _mean(power) + TINY
        local_x, local_y = slope_x / (power + floor), slope_y / (power + floor)
        squares = torch.complex(slope_x * local_x, slope_y * local_y)
        products = torch.complex(slope_x * local_y, torch.zeros_like(power))
        squares, products = self._blurred(torch.stack([squares, products]))
        xx, yy, xy = squares.real, squares.imag, products.real
        damping = DAMPING * (xx + yy) + SILENT * _mean(xx + yy) + TINY
        xx, yy = xx + damping, yy + damping
        determinant = xx * yy - xy * xy
        self.before = torch.stack([slope_x, slope_y], dim=-1)
        self.after_x = (yy * local_x - xy * local_y) / determinant
        self.after_y = (xx * local_y - xy * local_x) / determinant

    def apply(self, maps: torch.Tensor) -> None:
        """Smooth maps (k, h * w) in place, a block at a time."""
        shape = self.after_x.shape
        for part in maps.view(-1, *shape).split(block_frames(shape.numel(), maps.device)):
            weighted = torch.view_as_complex(part[..., None] * self.before)
            sums = torch.view_as_real(self._blurred(weighted))
            torch.mul(sums[..., 0], self.after_x, out=part)
            part.addcmul_(sums[..., 1], self.after_y)

    def _blurred(self, maps: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.fft2(maps)
        torch.view_as_real(spectrum).mul_(self.window)
        return torch.fft.ifft2(spectrum)


def _mean(values: torch.Tensor) -> torch.Tensor:
    """Mean over each band."""
    return values.mean(dim=(-2, -1), keepdim=True)


@lru_cache(maxsize=64)
def _window(shape: tuple[int, int], size: tuple[int, int], sigma_px: float) -> torch.Tensor:
    """Spectrum of the Gaussian window, once for real and once for imaginary parts."""
    y, x = (torch.fft.fftfreq(n, 1 / n) for n in shape)
    distance = (y[:, None] / size[0]) ** 2 + (x / size[1]) ** 2
    window = torch.exp(-2 * (math.pi * sigma_px) ** 2 * distance)
    return torch.stack([window, window], dim=-1)


@lru_cache(maxsize=64)
def _frequencies(bands: BandStack, size: tuple[int, int]) -> torch.Tensor:
    """Horizontal and vertical frequency on the bands' boxes, cycles/px, (2, n, h, w)."""
    _, rows, columns = bands.shape
    parts = []
    for band in bands.bands:
        y = (band.row + torch.arange(rows))[:, None] / size[0]
        x = (band.column + torch.arange(columns))[None] / size[1]
        parts.append(torch.stack([x.expand(rows, -1), y.expand(-1, columns)]))
    return torch.stack(parts, dim=1)
