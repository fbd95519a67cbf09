"""Phase-based motion magnification, Wadhwa et al. 2013.

A complex steerable pyramid splits each frame into bands; the phase of a coefficient, relative to
the reference frame, is proportional to the local motion. The phases are filtered in time, smoothed
with the amplitude as weight, and added ``alpha`` times::

    out = remainder(x) + Re ifft2( sum_b 2 G_b fft2( B_b exp(i alpha M angle(B_b / B_b[ref])) ) )

with ``B_b = ifft2(G_b fft2(x))`` and `remainder` what no band holds. One band is worked on at a
time and frames go through it in blocks that fit the processor's cache.

Two choices differ from the paper, both measured. The smoothing weighs with the amplitude of the
*reference* frame, which is constant in time: it then commutes with the temporal filter and runs on
r components instead of T frames. And the pyramid leaves no band out: the finest band reaches the
corners of the spectrum and the coarsest one cycle a frame, because motion in a residual is not
magnified and costs up to a fifth of the gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import numpy as np
import torch

from microexpr.errors import ConfigError
from microexpr.magnify.clip import Progress, check_alphas, check_clip, luma
from microexpr.magnify.steerable import Band, SteerablePyramid, steerable_pyramid
from microexpr.magnify.temporal import Boundary, TemporalFilter, filter_matrix, low_rank

CUTOFF = 1e-2  # responses below this share of a band's maximum are left out
BLOCK_BYTES = {"cpu": 1 << 20, "cuda": 1 << 28}


@overload
def pmm(clip: torch.Tensor, *, alpha: float, **options: object) -> torch.Tensor: ...
@overload
def pmm(clip: torch.Tensor, *, alpha: Sequence[float], **options: object) -> list[torch.Tensor]: ...
@torch.no_grad()
def pmm(
    clip: torch.Tensor,
    *,
    fps: float,
    passband_hz: tuple[float, float],
    alpha: float | Sequence[float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
    reference_frame: int = 0,
    boundary: Boundary | None = None,
    anchored: bool = True,
    levels: int | None = None,
    orientations: int = 8,
    per_octave: int = 1,
    smoothing_px: float = 2.0,
    progress: Progress | None = None,
) -> torch.Tensor | list[torch.Tensor]:
    """Magnify small motions by shifting local phase.

    Parameters
    ----------
    clip : Tensor, float32 or float64, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB frames in 0..1, on any device. The luma (Y of YIQ) is magnified, chroma is
        passed through.
    fps, passband_hz, temporal_filter, order, reference_frame, boundary, anchored
        The temporal filter, see :func:`microexpr.magnify.temporal.filter_matrix`. Phases are
        measured against the reference frame.
    alpha : float or sequence of float
        Amplification, 0 or more: motions become ``1 + alpha`` times as large. A sequence gives a
        list of results from one analysis.
    levels, orientations, per_octave
        Octaves (by default as many as fit), orientations and bands an octave (1 or 2) of the
        pyramid, see :func:`microexpr.magnify.steerable.steerable_pyramid`. Half-octave bands bear
        twice the shift and cost about twice the time.
    smoothing_px : float
        Standard deviation of the amplitude-weighted smoothing of the phases (Wadhwa et al. 2013,
        eq. 17), px of the band: ``smoothing_px * 2 ** octave`` px of the frame. 0: none.
    progress : callable, optional
        Called with the share of the work done, 0..1.

    Returns
    -------
    Tensor, or list of Tensor
        Shape, dtype and device of `clip`. Not clamped: values may leave 0..1.

    Raises
    ------
    ConfigError, DataError
        Impossible options and unusable clips, with the numbers.
    """
    check_clip(clip)
    alphas = check_alphas(alpha)
    if not smoothing_px >= 0:
        raise ConfigError(f"magnify.pmm.smoothing_px: {smoothing_px:g} must be 0 or more")
    matrix = filter_matrix(
        clip.shape[0],
        fps=fps,
        passband_hz=tuple(passband_hz),
        temporal_filter=temporal_filter,
        order=order,
        reference_frame=reference_frame,
        boundary=boundary,
        anchored=anchored,
    )
    pyramid = steerable_pyramid(
        *clip.shape[1:3],
        levels=levels,
        orientations=orientations,
        per_octave=per_octave,
        cutoff=CUTOFF,
        high_residual=False,
    ).to(clip[:0])
    grey = luma(clip)
    spectrum = torch.fft.fft2(grey)
    totals = [spectrum * pyramid.remainder for _ in alphas]
    job = _Job(pyramid, matrix, reference_frame, smoothing_px, spectrum)
    for done, band in enumerate(pyramid.bands, 1):
        job.magnify(band, alphas, totals)
        if progress:
            progress(done / len(pyramid.bands))
    results = [_finish(total, clip, grey) for total in totals]
    return results if isinstance(alpha, Sequence) else results[0]


class _Job:
    """What all bands of one clip share."""

    def __init__(
        self,
        pyramid: SteerablePyramid,
        matrix: np.ndarray,
        reference_frame: int,
        smoothing_px: float,
        spectrum: torch.Tensor,
    ) -> None:
        self.pyramid = pyramid
        self.spectrum = spectrum
        self.reference_frame = reference_frame
        self.smoothing_px = smoothing_px
        left, right = low_rank(matrix)
        like = pyramid.high
        self.right: torch.Tensor | None = None
        self.left = torch.from_numpy(np.array(matrix)).to(like)
        if 2 * left.shape[1] <= matrix.shape[0]:
            self.left = torch.from_numpy(left).to(like)
            self.right = torch.from_numpy(right).to(like)

    def magnify(self, band: Band, alphas: list[float], totals: list[torch.Tensor]) -> None:
        """Add the band's magnified part to the spectra of the results."""
        coefficients, phases = self._analyse(band)
        if self.smoothing_px > 0:
            self._smooth(band, phases, coefficients[self.reference_frame].abs())
        for frames in self._blocks(band):
            part = coefficients[frames]
            shift = torch.mm(self.left[frames], phases)
            for alpha, total in zip(alphas, totals, strict=True):
                angle = shift * alpha
                turned = torch.complex(torch.cos(angle), torch.sin(angle)).view(part.shape)
                turned *= part
                band.add(torch.fft.fft2(turned), total[frames])

    def _analyse(self, band: Band) -> tuple[torch.Tensor, torch.Tensor]:
        """Coefficients (T, h, w) and temporally projected phases (r, h * w) of a band."""
        n_frames = self.spectrum.shape[0]
        coefficients = self.spectrum.new_empty((n_frames, *band.shape))
        box = self.spectrum.new_empty(band.shape)
        reference = torch.fft.ifft2(band.cut(self.spectrum[self.reference_frame], box)).conj()
        reference = reference.resolve_conj()
        rows = n_frames if self.right is None else self.right.shape[0]
        phases = self.left.new_zeros((rows, band.size))
        for frames in self._blocks(band):
            part = coefficients[frames]
            band.cut(self.spectrum[frames], part)
            part.copy_(torch.fft.ifft2(part))
            turn = torch.view_as_real(part * reference)
            phase = torch.atan2(turn[..., 1].contiguous(), turn[..., 0].contiguous()).flatten(1)
            if self.right is None:
                phases[frames] = phase
            else:
                phases.addmm_(self.right[:, frames], phase)
        return coefficients, phases

    def _smooth(self, band: Band, phases: torch.Tensor, amplitude: torch.Tensor) -> None:
        """Gaussian mean of the phases, weighted with the amplitude, in place."""
        transfer = self._gaussian(band)
        weight = _blurred(amplitude, transfer).clamp_(min=1e-8)
        rows = max(1, self._block_frames(band))
        for part in phases.split(rows):
            maps = part.view(-1, *band.shape)
            maps.copy_(_blurred(maps * amplitude, transfer).div_(weight))

    def _gaussian(self, band: Band) -> torch.Tensor:
        """Transfer function of the smoothing on the half spectrum of the band's grid."""
        height, width = band.shape
        sigma = self.smoothing_px * 2**band.octave
        y = torch.fft.fftfreq(height, 1 / height) * (sigma / self.pyramid.height_px)
        x = torch.fft.rfftfreq(width, 1 / width) * (sigma / self.pyramid.width_px)
        response = torch.exp(-2 * math.pi**2 * (y[:, None] ** 2 + x**2))
        return response.to(self.left)

    def _block_frames(self, band: Band) -> int:
        limit = BLOCK_BYTES["cpu" if self.spectrum.device.type == "cpu" else "cuda"]
        return max(1, limit // (band.size * self.spectrum.element_size()))

    def _blocks(self, band: Band) -> list[slice]:
        step, n_frames = self._block_frames(band), self.spectrum.shape[0]
        return [slice(start, min(start + step, n_frames)) for start in range(0, n_frames, step)]


def _blurred(maps: torch.Tensor, transfer: torch.Tensor) -> torch.Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(maps) * transfer, s=maps.shape[-2:])


def _finish(total: torch.Tensor, clip: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
    """Back to frames, in blocks; the change of luma is added to each colour."""
    result = torch.empty_like(clip, memory_format=torch.contiguous_format)
    step = max(1, BLOCK_BYTES["cpu"] // (4 * clip.shape[1] * clip.shape[2]))
    for start in range(0, clip.shape[0], step):
        frames = slice(start, start + step)
        magnified = torch.fft.ifft2(total[frames]).real
        if clip.ndim == 3:
            result[frames] = magnified
        else:
            torch.add(clip[frames], (magnified - grey[frames])[..., None], out=result[frames])
    return result
