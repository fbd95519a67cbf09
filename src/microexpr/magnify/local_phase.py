"""Local phase of a pyramid's bands: measured against a reference frame, smoothed, shifted.

This is the inner loop of phase-based magnification. It works on blocks of frames small enough for
the processor's cache and keeps no coefficients: they cost less to transform again than to store and
fetch. Complex products stay interleaved, arc tangents, sines and cosines run on contiguous planes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from microexpr.magnify.bands import Band
from microexpr.magnify.blocks import Workspace
from microexpr.magnify.smoothing import MotionSmoothing


class LocalPhase:
    """One band and what its phases are measured against.

    Parameters
    ----------
    band : Band
        Of a pyramid.
    reference : Tensor, complex, shape (H, W)
        Spectrum of the reference frame.
    size : (int, int)
        Height and width of the frames, px.
    sigma_px : float
        Standard deviation of the smoothing, px of the frames; 0 for none.
    gain : Tensor or float
        Factor on the shift, shape (band height * band width) or a number.
    """

    def __init__(
        self,
        band: Band,
        reference: torch.Tensor,
        *,
        size: tuple[int, int],
        sigma_px: float,
        gain: torch.Tensor | float = 1.0,
    ) -> None:
        self.band = band
        self.gain = gain
        box = reference.new_empty(band.shape)
        coefficients = torch.fft.ifft2(band.cut(reference, box))
        self.conjugate = coefficients.conj().resolve_conj()
        self.smoothing: MotionSmoothing | None = None
        if sigma_px > 0:
            self.smoothing = MotionSmoothing(band, box, coefficients, size=size, sigma_px=sigma_px)

    def measure(self, spectra: torch.Tensor, out: torch.Tensor, work: Workspace) -> None:
        """Phases of frames (k, H, W) against the reference, radians, to `out` (k, size)."""
        shape = (len(spectra), *self.band.shape)
        box, real, imaginary = work.views(shape)
        coefficients = torch.fft.ifft2(self.band.cut(spectra, box))
        parts = torch.view_as_real(torch.mul(coefficients, self.conjugate, out=box))
        real.copy_(parts[..., 0])
        imaginary.copy_(parts[..., 1])
        torch.atan2(imaginary, real, out=out.view(shape))

    def shift(
        self,
        spectra: torch.Tensor,
        angles: torch.Tensor,
        alphas: Sequence[float],
        totals: Sequence[torch.Tensor],
        work: Workspace,
    ) -> None:
        """Add the band with its phases shifted by ``alpha * gain * angles`` to spectra.

        Parameters
        ----------
        spectra : Tensor, complex, shape (k, H, W)
            Of the frames.
        angles : Tensor, shape (k, size)
            Radians.
        alphas, totals : sequence of float, sequence of Tensor
            For each alpha the spectra (k, H, W) to add to.
        """
        shape = (len(spectra), *self.band.shape)
        box, angle, cosine = work.views(shape)
        coefficients = torch.fft.ifft2(self.band.cut(spectra, box))
        angles = angles.view(shape)
        if isinstance(self.gain, torch.Tensor) or self.gain != 1:
            angles = angles * self.gain
        for alpha, total in zip(alphas, totals, strict=True):
            torch.mul(angles, alpha, out=angle)
            torch.cos(angle, out=cosine)
            torch.complex(cosine, angle.sin_(), out=box)
            self.band.add(torch.fft.fft2(box.mul_(coefficients)), total)
