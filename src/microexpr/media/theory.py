"""What a filter passes of motions in this clip, and how far a method can move things."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from microexpr.config import Magnify
from microexpr.errors import MicroexprWarning
from microexpr.magnify import realised_gain
from microexpr.magnify.temporal import Matrix, filter_matrix


@dataclass(frozen=True)
class Response:
    """What the temporal filter passes.

    Parameters
    ----------
    clip_motion, correlation : float
        Of one onset, apex and offset that fills the clip, see
        :func:`microexpr.magnify.realised_gain`.
    band_centre : float
        Of an oscillation at the geometric mean of the band's edges: rms after over rms before.
    """

    clip_motion: float
    correlation: float
    band_centre: float


def clip_filter(n_frames: int, fps: float, settings: Magnify) -> Matrix:
    """The temporal filter of a clip of this length."""
    return filter_matrix(
        n_frames,
        fps=fps,
        passband_hz=settings.passband_hz,
        temporal_filter=settings.temporal_filter,
        order=settings.order,
        reference_frame=settings.reference_frame,
    )


def response(n_frames: int, fps: float, settings: Magnify) -> Response:
    """Find what the filter passes.

    Warns
    -----
    MicroexprWarning
        Where it hardly passes a single motion that fills the clip, although the band holds the
        frequency of such a motion.
    """
    low, high = settings.passband_hz
    with warnings.catch_warnings():
        if n_frames / fps * low > 1:  # a single motion over such a long clip is not what is sought
            warnings.simplefilter("ignore", MicroexprWarning)
        gain, correlation = realised_gain(
            n_frames,
            fps=fps,
            passband_hz=settings.passband_hz,
            temporal_filter=settings.temporal_filter,
            order=settings.order,
        )
    phase = 2 * np.pi * np.sqrt(low * high) * np.arange(n_frames) / fps
    waves = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    passed = clip_filter(n_frames, fps, settings) @ waves
    spread = np.sqrt(np.var(passed, axis=0).sum() / np.var(waves, axis=0).sum())
    return Response(gain, correlation, float(spread))


@dataclass(frozen=True)
class Bound:
    """How far a method moves detail rightly.

    Parameters
    ----------
    detail_wavelength_px : float
        Of the frames' detail, see :func:`microexpr.magnify.motion.detail_wavelength_px`; for AMM at
        least ``magnify.amm.lambda_c_px``, below which it magnifies less anyway.
    limit_px : float
        Largest magnified motion that this detail bears.
    magnified_px : float
        What the measured motion should become, ``(1 + alpha) * delta``.
    """

    detail_wavelength_px: float
    limit_px: float
    magnified_px: float


def bound(
    method: str, settings: Magnify, *, detail_wavelength_px: float, alpha: float, delta_px: float
) -> Bound | None:
    """Bound of a method.

    AMM moves a wavelength rightly where ``(1 + alpha) * delta < lambda / 8`` (Wu et al. 2012, eq.
    14), PMM where it is below ``lambda / 4`` with octave bands and ``lambda / 2`` with half-octave
    bands (Wadhwa et al. 2013, section 3.3).

    Parameters
    ----------
    method : {'amm', 'pmm', 'filter_only'}
        ``filter_only`` magnifies nothing and has no bound.
    settings : Magnify
    detail_wavelength_px : float
        Of the frames.
    alpha : float
    delta_px : float
        Motion in the passband.
    """
    if method == "filter_only":
        return None
    if method == "amm":
        share = 1 / 8
        detail_wavelength_px = max(detail_wavelength_px, settings.amm.lambda_c_px)
    else:
        share = settings.pmm.per_octave / 4
    return Bound(detail_wavelength_px, share * detail_wavelength_px, (1 + alpha) * delta_px)
