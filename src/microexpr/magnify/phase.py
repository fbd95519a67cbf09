"""Phase-based motion magnification, Wadhwa et al. 2013.

A complex steerable pyramid splits each frame into bands; the phase of a coefficient, relative to
the reference frame, is proportional to the local motion. The phases are filtered in time, smoothed
with the amplitude as weight, and added ``alpha`` times::

    out = remainder(x) + Re ifft2( sum_b 2 G_b fft2( B_b exp(i alpha M angle(B_b / B_b[ref])) ) )

with ``B_b = ifft2(G_b fft2(x))`` and `remainder` what is in no band. Bands are processed one by
one, and frames go through them in blocks that fit the processor's cache.

Two choices differ from the paper, both measured. The smoothing weighs with the amplitude of the
*reference* frame, which is constant in time: it then commutes with the temporal filter and runs on
r components instead of T frames. And the pyramid leaves little to its residuals: the finest band
moves wavelengths from 2.8 px on and the coarsest ends at one cycle per frame, because motion in a
residual is not magnified and costs up to a fifth of the gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch

from microexpr.magnify.clip import Progress, check_alphas, luma, moved
from microexpr.magnify.motion_estimate import warn_outside_bounds
from microexpr.magnify.operator import ClipFilter
from microexpr.magnify.phase_magnifier import PhaseMagnifier
from microexpr.magnify.temporal import Boundary, TemporalFilter, filter_matrix


@overload
def pmm(clip: torch.Tensor, *, alpha: float, **options: object) -> torch.Tensor: ...
@overload
def pmm(clip: torch.Tensor, *, alpha: Sequence[float], **options: object) -> list[torch.Tensor]: ...
@torch.no_grad()  # type: ignore[misc] # the overloads abbreviate the options
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
    level_gains: Sequence[float] | None = None,
    mask: torch.Tensor | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
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
    levels, orientations, per_octave
        Octaves (by default as many as fit), orientations and bands per octave (1 or 2) of the
        pyramid, see :func:`microexpr.magnify.steerable.steerable_pyramid`. Half-octave bands bear
        twice the shift and cost about twice the time.
    smoothing_px : float
        Standard deviation of the amplitude-weighted smoothing of the phases (Wadhwa et al. 2013,
        eq. 17), px of the band: ``smoothing_px * 2 ** octave`` px of the frame. 0: none.
    level_gains : sequence of float, optional
        Share of alpha for each radial band, finest first; by default 1 for all.
    alpha, mask, device, dtype, progress
        As for :func:`microexpr.magnify.amm`, with its results and errors.

    Warns
    -----
    MicroexprWarning
        Where the magnified motion is beyond a quarter (half-octave bands: half) of the wavelength
        that the frames' detail has.
    """
    source, clip = clip, moved(clip, device, dtype)
    alphas = check_alphas(alpha)
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
    magnifier = PhaseMagnifier(
        luma(clip[reference_frame : reference_frame + 1])[0],
        levels=levels,
        orientations=orientations,
        per_octave=per_octave,
        smoothing_px=smoothing_px,
        level_gains=level_gains,
        mask=mask,
    )
    warn_outside_bounds(
        luma(clip),
        matrix,
        alpha=max(alphas),
        reference_frame=reference_frame,
        bound=0.25 * per_octave,
    )
    results = magnifier.run(clip, ClipFilter(matrix, clip), alphas, progress)
    results = [result.to(source) for result in results]
    return results if isinstance(alpha, Sequence) else results[0]
