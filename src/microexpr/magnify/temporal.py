"""Temporal filters of short clips, as T x T matrices: all of them are linear.

A filter of low rank is applied before the spatial stage, which then runs on r components instead of
T frames; what a filter does to a clip of 11-58 frames is computed beforehand.
Every filter maps a constant to zero: motion is magnified relative to the reference frame.
"""

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Required, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from microexpr.config.preprocessing import Motion
from microexpr.errors import ConfigError, DataError, MicroexprWarning

TemporalFilter = Literal["butterworth", "ideal", "iir", "reference"]
Boundary = Literal["mirror", "periodic"]
Matrix = NDArray[np.float64]
PADDING_CLIPS = 3  # clip lengths added on each side; the default band decays within them
WEAK_GAIN = 0.1


class Filtering(TypedDict, total=False):
    """The options of a temporal filter, see :func:`filter_matrix`."""

    fps: Required[float]
    passband_hz: Required[tuple[float, float]]
    temporal_filter: TemporalFilter
    order: int
    reference_frame: int
    boundary: Boundary
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


def split(n_frames: int, options: Mapping[str, Any]) -> tuple[Matrix, dict[str, Any]]:
    """Return the filter that options of a method ask for, and its other options."""
    own = {key: value for key, value in options.items() if key in Filtering.__annotations__}
    if "passband_hz" in own:
        own["passband_hz"] = tuple(own["passband_hz"])
    rest = {key: value for key, value in options.items() if key not in own}
    return filter_matrix(n_frames, **own), rest


@lru_cache(maxsize=8)
def filter_matrix(
    n_frames: int,
    *,
    fps: float,
    passband_hz: tuple[float, float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
    reference_frame: int = 0,
    boundary: Boundary = "mirror",
    anchored: bool = True,
) -> Matrix:
    """Return the filter as a matrix M: ``filtered = M @ frames``.

    Parameters
    ----------
    n_frames, fps : int, float
        Frames of the clip, T, and capture rate, frames/s.
    passband_hz : (float, float)
        Low and high edge, Hz. Not used by ``reference``.
    temporal_filter : {'butterworth', 'ideal', 'iir', 'reference'}
        ``butterworth`` runs forward and backward (zero phase), ``ideal`` keeps the frequencies
        inside the band at gain 1, ``iir`` is the causal Butterworth started in the steady state of
        frame 0, ``reference`` is ``x[t] - x[reference_frame]``.
    order, reference_frame : int
        Of the Butterworth low- and high-pass, for each direction; where the output is zero.
    boundary : {'mirror', 'periodic'}
        How the clip continues beyond its ends, for ``ideal``; ``butterworth`` repeats the frames at
        its ends.
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
        check_passband(fps, passband_hz, temporal_filter="ideal")
        matrix = _ideal(n_frames, fps, passband_hz, boundary)
    elif temporal_filter in ("butterworth", "iir"):
        sections = butterworth_sections(order, fps=fps, passband_hz=passband_hz)
        design = _causal if temporal_filter == "iir" else _zero_phase
        matrix = design(n_frames, sections)
    else:
        raise ConfigError(
            f"magnify.temporal_filter: {temporal_filter!r} is none of butterworth, ideal, iir, "
            "reference"
        )
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


def butterworth_sections(order: int, *, fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Return second-order sections of a band-pass; ConfigError where it cannot be made."""
    check_passband(fps, passband_hz, temporal_filter="butterworth")
    if order < 1:
        raise ConfigError(f"magnify.order: {order} must be at least 1")
    return signal.butter(order, passband_hz, btype="bandpass", fs=fps, output="sos")


def check_passband(
    fps: float, passband_hz: tuple[float, float], *, temporal_filter: TemporalFilter
) -> None:
    """Raise ConfigError where the band is empty or reaches beyond half the frame rate."""
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


def _ideal(
    n_frames: int, fps: float, passband_hz: tuple[float, float], boundary: Boundary
) -> Matrix:
    """Project onto the cosines (mirrored clip) or harmonics (periodic clip) in the band."""
    period = n_frames if boundary == "periodic" else 2 * n_frames
    frequencies = np.arange(period // 2 + 1) * fps / period
    slack = 1e-9 * fps
    inside = (frequencies >= passband_hz[0] - slack) & (frequencies <= passband_hz[1] + slack)
    if not inside.any():
        raise ConfigError(
            f"magnify.passband_hz: an ideal filter {passband_hz[0]:g}-{passband_hz[1]:g} Hz holds "
            f"no frequency of a clip of {n_frames} frames at {fps:g} fps, whose frequencies are "
            f"{fps / period:.3g} Hz apart: widen the band or choose another magnify.temporal_filter"
        )
    twice = np.eye(n_frames)
    if boundary == "mirror":
        twice = np.vstack([twice, twice[::-1]])
    spectrum = np.fft.rfft(twice, axis=0) * inside[:, None]
    return np.fft.irfft(spectrum, n=period, axis=0)[:n_frames]


def _zero_phase(n_frames: int, sections: Matrix) -> Matrix:
    """Forward and backward filtering (``filtfilt``) of a clip whose ends stand still."""
    index = np.pad(np.arange(n_frames), PADDING_CLIPS * n_frames, mode="edge")
    filtered = signal.sosfiltfilt(sections, np.eye(n_frames)[index], axis=0, padlen=0)
    return filtered[PADDING_CLIPS * n_frames :][:n_frames]


def _causal(n_frames: int, sections: Matrix) -> Matrix:
    """Forward filtering; the state is that of a clip that has always shown frame 0."""
    identity = np.eye(n_frames)
    state = signal.sosfilt_zi(sections)[:, :, None] * identity[0]
    return signal.sosfilt(sections, identity, axis=0, zi=state)[0]
