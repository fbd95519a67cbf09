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

import torch

from microexpr.magnify.bands import Band
from microexpr.magnify.blocks import block_frames

DAMPING = 1e-3  # of the trace of the 2 x 2 system: a band sees motion across its stripes only
SILENT = 1e-6  # of the mean: places with hardly any amplitude do not move
TINY = 1e-15  # the same for a band that is empty everywhere


class MotionSmoothing:
    """The smoothing of one band.

    Parameters
    ----------
    band : Band
    box, coefficients : Tensor, complex, shape (h, w)
        The reference frame's masked spectrum on the band's box and its transform.
    size : (int, int)
        Height and width of the frames, px.
    sigma_px : float
        Standard deviation of the Gaussian window, px of the frames.
    """

    def __init__(
        self,
        band: Band,
        box: torch.Tensor,
        coefficients: torch.Tensor,
        *,
        size: tuple[int, int],
        sigma_px: float,
    ) -> None:
        rows, columns = band.shape
        y, x = torch.fft.fftfreq(rows, 1 / rows), torch.fft.fftfreq(columns, 1 / columns)
        distance = (y[:, None] / size[0]) ** 2 + (x / size[1]) ** 2
        window = torch.exp(-2 * (math.pi * sigma_px) ** 2 * distance).to(box.real)
        self.window = torch.stack([window, window], dim=-1)
        frequency_y = (band.row + torch.arange(rows))[:, None].to(box.real) / size[0]
        frequency_x = (band.column + torch.arange(columns)).to(box.real) / size[1]
        power = torch.view_as_real(coefficients).square().sum(dim=-1)
        slope_x, slope_y = (  # power times local frequency
            (torch.fft.ifft2(box * frequency) * coefficients.conj()).real
            for frequency in (frequency_x, frequency_y)
        )
        floor = SILENT * power.mean() + TINY
        local_x, local_y = slope_x / (power + floor), slope_y / (power + floor)
        diagonal = self._blurred(torch.complex(slope_x * local_x, slope_y * local_y))
        xx, yy = diagonal.real, diagonal.imag
        xy = self._blurred((slope_x * local_y).to(box.dtype)).real
        damping = DAMPING * (xx + yy) + SILENT * (xx + yy).mean() + TINY
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
