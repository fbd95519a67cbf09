"""Temporal filters of short clips, as T x T matrices: all of them are linear.

A filter of low rank is applied before the spatial stage, which then runs on r components instead of
T frames; what a filter does to a clip of 11-58 frames is computed beforehand.
Every filter maps a constant to zero: motion is magnified relative to the reference frame.
"""

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Required, TypedDict, cast, get_args

import numpy as np
from pydantic import Field

from microexpr.config.base import Positive
from microexpr.config.preprocessing import Motion, TemporalFilter
from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.magnify import filter_designs as designs
from microexpr.magnify.filter_designs import NAME, Matrix

Passband = tuple[float, float] | None  # low and high edge, Hz
CAUSAL = ("iir", "lowpass_difference", "reference")  # work on a stream of frames, too
WEAK_GAIN = 0.1


class Filtering(TypedDict, total=False):
    """The options of a temporal filter, see :func:`filter_matrix`."""

    fps: Required[float]
    passband_hz: Passband
    temporal_filter: TemporalFilter
    order: int
    reference_frame: int
    anchored: bool


def filtering_of(settings: Motion, fps: float) -> Filtering:
    """Return the options that section ``magnify`` gives for clips of a frame rate."""
    return {
        "fps": fps,
        "passband_hz": settings.passband_hz,
        "temporal_filter": settings.temporal_filter,
        "order": settings.order,
        "reference_frame": settings.reference_frame,
    }


def separated(options: Mapping[str, Any]) -> tuple[Filtering, dict[str, Any]]:
    """Return the options of the temporal filter, and the others."""
    own = {key: value for key, value in options.items() if key in Filtering.__annotations__}
    return cast(Filtering, own), {k: v for k, v in options.items() if k not in own}


@lru_cache(maxsize=8)
def filter_matrix(
    n_frames: int,
    *,
    fps: Positive,
    passband_hz: Passband = None,
    temporal_filter: TemporalFilter = "butterworth",
    order: Annotated[int, Field(ge=1)] = 1,
    reference_frame: int = 0,
    anchored: bool = True,
) -> Matrix:
    """Return the filter as a matrix M: ``filtered = M @ frames``.

    Parameters
    ----------
    n_frames, fps : int, float
        Frames of the clip, T, and capture rate, frames/s.
    passband_hz : (float, float)
        Low and high edge, Hz; all filters but ``reference`` need it.
    temporal_filter : {'ideal', 'butterworth', 'fir', 'iir', 'lowpass_difference', 'reference'}
        ``ideal`` keeps what sinusoids of the band can be, in every phase and in clips of every
        length, at gain 1; ``butterworth`` runs forward and backward (zero phase); ``fir`` is the
        window of the 2013 code, ``lowpass_difference`` the two causal low-passes of the 2012 code;
        ``iir`` is the causal Butterworth started in the steady state of frame 0, ``reference`` is
        ``x[t] - x[reference_frame]``. See :mod:`microexpr.magnify.filter_designs`.
    order, reference_frame : int
        Of the Butterworth low- and high-pass, for each direction; where the output is zero.
    anchored : bool
        Subtract the filter's output at the reference frame, so that this frame is unchanged.

    Returns
    -------
    ndarray, float64, shape (T, T)
        Read-only. Its rows sum to zero: a still clip gives zero.

    Raises
    ------
    ConfigError, DataError
        Passband beyond the Nyquist frequency, empty, or (``ideal``) without a frequency of a clip
        of this length; `reference_frame` outside the clip. Fewer frames than the filter needs.
    """
    check_frames(n_frames, temporal_filter=temporal_filter, order=order)
    if not 0 <= reference_frame < n_frames:
        raise ConfigError(
            f"magnify.reference_frame: {reference_frame} lies outside a clip of {n_frames} frames"
        )
    if temporal_filter == "reference":
        matrix = np.eye(n_frames)
        anchored = True
    elif temporal_filter == "ideal":
        band = check_passband(fps, passband_hz, temporal_filter="ideal")
        matrix = designs.ideal(n_frames, fps, band)
    elif temporal_filter == "fir":
        band = check_passband(fps, passband_hz, temporal_filter="fir")
        matrix = designs.fir(n_frames, fps, band, reference_frame)
    else:
        sections = sections_of(temporal_filter, order, fps=fps, passband_hz=passband_hz)
        both_ways = temporal_filter == "butterworth"
        matrix = (designs.zero_phase if both_ways else designs.causal)(n_frames, sections)
    if anchored:
        matrix = matrix - matrix[reference_frame]
    matrix.setflags(write=False)
    return matrix


def realised_gain(
    n_frames: int,
    fps: float,
    passband_hz: tuple[float, float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
) -> tuple[float, float]:
    """Return what the filter leaves of a motion ``sin^2`` (onset, apex, offset) over the clip.

    Returns the gain, peak-to-peak after over peak-to-peak before, and the correlation of the two:
    below zero the filter reverses the motion. The magnified motion is ``1 + alpha * gain`` times as
    large (at correlation 1). Parameters and errors are those of :func:`filter_matrix`.

    Warns
    -----
    MicroexprWarning
        The gain is below 0.1 or the filter reverses the motion.
    """
    band = (passband_hz[0], passband_hz[1])  # a list, too, where it comes from a file
    options: Filtering = {"fps": fps, "passband_hz": band}
    options |= {"temporal_filter": temporal_filter, "order": order}
    matrix = filter_matrix(n_frames, **options)
    profile = np.sin(np.pi * np.arange(n_frames) / (n_frames - 1)) ** 2
    if np.ptp(profile) < 1e-9:  # two frames: no apex between them
        profile = np.arange(n_frames, dtype=float)
    filtered = matrix @ profile
    gain = float(np.ptp(filtered) / np.ptp(profile))
    correlation = float(np.corrcoef(filtered, profile)[0, 1]) if gain > 1e-9 else 0.0
    if gain < WEAK_GAIN or correlation < 0:
        warnings.warn(
            f"{temporal_filter} filter {passband_hz[0]:g}-{passband_hz[1]:g} Hz on {n_frames} "
            f"frames at {fps:g} fps: a motion over the whole clip keeps {gain:.2f} of its size, "
            f"correlation {correlation:.2f} (magnify.passband_hz, magnify.temporal_filter)",
            MicroexprWarning,
            stacklevel=2,
        )
    return gain, correlation


def check_frames(n_frames: int, *, temporal_filter: str, order: int) -> None:
    """Raise DataError where a clip is shorter than the filter needs."""
    needed = 2 if temporal_filter == "reference" else 3
    if temporal_filter in ("butterworth", "iir"):
        needed = 2 * order + 1  # a band-pass of this order remembers 2 * order values
    if n_frames < needed:
        raise DataError(
            f"a clip of {n_frames} frames is too short: the {temporal_filter} filter of order "
            f"{order} needs {needed} (magnify.temporal_filter, magnify.order)"
        )


def sections_of(
    temporal_filter: TemporalFilter, order: int, *, fps: float, passband_hz: Passband
) -> Matrix:
    """Return the second-order sections of a recursive filter; ConfigError where there are none."""
    band = check_passband(fps, passband_hz, temporal_filter=temporal_filter)
    if temporal_filter == "lowpass_difference":
        return designs.lowpass_difference(fps, band)
    if temporal_filter not in ("butterworth", "iir"):
        names = ", ".join(get_args(TemporalFilter))
        raise ConfigError(f"{NAME}: {temporal_filter!r} is none of {names}")
    if order < 1:
        raise ConfigError(f"magnify.order: {order} must be at least 1")
    return designs.butterworth(order, fps, band)


def check_passband(
    fps: float, passband_hz: Passband, *, temporal_filter: TemporalFilter
) -> tuple[float, float]:
    """Return the band; ConfigError where it is empty or reaches beyond half the frame rate."""
    if passband_hz is None:
        raise ConfigError(f"magnify.passband_hz: the filter {temporal_filter} needs a band, in Hz")
    low, high = passband_hz
    if not (np.isfinite(fps) and fps > 0):
        raise ConfigError(f"data.fps: {fps} must be positive")
    if not 0 < low < high:
        raise ConfigError(
            f"magnify.passband_hz: {low:g}-{high:g} Hz is no band, need 0 < low < high"
        )
    nyquist = fps / 2
    if high > nyquist or (high == nyquist and temporal_filter != "ideal"):
        raise ConfigError(
            f"magnify.passband_hz: {high:g} Hz is not below the Nyquist frequency {nyquist:g} Hz "
            f"of {fps:g} frames/s"
        )
    return low, high
