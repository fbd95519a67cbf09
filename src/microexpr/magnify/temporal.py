"""Temporal filters of short clips, as T x T matrices: all of them are linear.

A filter of low rank is applied before the spatial stage, which then runs on r components instead of
T frames. Every filter maps a constant to zero: motion is magnified relative to the reference frame.
"""

import math
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy import signal

from microexpr.config.base import Positive
from microexpr.config.preprocessing import Motion, TemporalFilter
from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.magnify import filter_designs as designs
from microexpr.magnify.arguments import checked, checks
from microexpr.magnify.filter_designs import NAME, FilterGain, Matrix, gain_of
from microexpr.magnify.methods import FILTER_KEYS

Passband = tuple[float, float] | None  # low and high edge, Hz
Filtering = dict[str, Any]  # the options of a temporal filter, see `filter_matrix`
CAUSAL = ("iir", "lowpass_difference", "reference")  # work on a stream of frames, too
WEAK_GAIN = 0.5
LEAST_GAIN = 0.25  # below, noise would grow more than four times with what alpha is divided by
LEAST_CORRELATION = 0.5  # of a course and what the filter makes of it
STEADY_PERIODS = 2  # of the band's low edge: then a causal filter has settled


def filtering_of(settings: Motion, fps: float) -> Filtering:
    """Return the options that section ``magnify`` gives for clips of a frame rate."""
    return {"fps": fps} | {key: getattr(settings, key) for key in FILTER_KEYS}


def separated(options: Mapping[str, Any]) -> tuple[Filtering, dict[str, Any]]:
    """Return the options of the temporal filter, and the others."""
    own = {key: value for key, value in options.items() if key in ("fps", *FILTER_KEYS)}
    return own, {key: value for key, value in options.items() if key not in own}


@checks
@lru_cache(maxsize=8)
def filter_matrix(
    n_frames: int,
    *,
    fps: Positive,
    passband_hz: Passband = None,
    temporal_filter: TemporalFilter = "ideal",
    order: Annotated[int, Field(ge=1)] = 1,
    reference_frame: int = 0,
    anchored: bool = True,
    normalise_gain: bool = False,
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
        Subtract the filter's output at the reference frame, so that this frame is unchanged: right
        for a motion that starts from rest. Oscillations and colour swing about their mean without.
    normalise_gain : bool
        Divide by the filter's realised gain, see :func:`filter_gain`, so that alpha means the same
        in clips of every length and frame rate.

    Returns
    -------
    ndarray, float64, shape (T, T)
        Read-only. Its rows sum to zero: a still clip gives zero.

    Raises
    ------
    ConfigError, DataError
        Passband beyond the Nyquist frequency, empty, or (``ideal``) without a frequency of a clip
        of this length; `reference_frame` outside the clip; a gain too small to divide by. Fewer
        frames than the filter needs.
    """
    # A band-pass of an order remembers 2 * order values.
    needed = {"reference": 2, "butterworth": 2 * order + 1, "iir": 2 * order + 1}
    if n_frames < (least := needed.get(temporal_filter, 3)):
        raise DataError(
            f"a clip of {n_frames} frames is too short: the {temporal_filter} filter of order "
            f"{order} needs {least} (magnify.temporal_filter, magnify.order)"
        )
    if not 0 <= reference_frame < n_frames:
        raise ConfigError(
            f"magnify.reference_frame: {reference_frame} lies outside a clip of {n_frames} frames"
        )
    band: dict[str, Any] = {"fps": fps, "passband_hz": passband_hz}
    if temporal_filter == "reference":
        matrix, anchored = np.eye(n_frames), True
    elif temporal_filter == "ideal":
        matrix = designs.ideal(n_frames, fps, check_passband(**band, temporal_filter="ideal"))
    elif temporal_filter == "fir":
        edges = check_passband(**band, temporal_filter="fir")
        matrix = designs.fir(n_frames, fps, edges, reference_frame)
    else:
        sections = sections_of(temporal_filter, order, **band)
        both_ways = temporal_filter == "butterworth"
        matrix = (designs.zero_phase if both_ways else designs.causal)(n_frames, sections)
    if anchored:
        matrix = matrix - matrix[reference_frame]
    if normalise_gain:
        band |= {"temporal_filter": temporal_filter, "order": order}
        matrix = matrix / divisor(n_frames, **band, reference_frame=reference_frame)
    matrix.setflags(write=False)
    return matrix


def filter_gain(n_frames: int, **filtering: Any) -> FilterGain:
    """Return what a filter leaves of motions in a clip, before `normalise_gain`.

    The magnified motion is ``1 + alpha * gain.realised`` times as large; with `normalise_gain`,
    ``1 + alpha`` times. Parameters and errors are those of :func:`filter_matrix`.

    Warns
    -----
    MicroexprWarning
        Some motion keeps less than half of its size, or is reversed.
    """
    gain = _gain(n_frames, filtering)
    if gain.weakest < WEAK_GAIN:
        warnings.warn(
            f"{_named(n_frames, filtering)} passes {gain.smallest:.2f} to {gain.largest:.2f} of an "
            f"oscillation, {gain.expression:.2f} of onset-apex-offset (correlation "
            f"{gain.correlation:.2f}), {gain.to_apex:.2f} up to an apex and {gain.held:.2f} of a "
            f"held motion (magnify.passband_hz, {NAME})",
            MicroexprWarning,
            stacklevel=2,
        )
    return gain


def divisor(n_frames: int | None, **filtering: Any) -> float:
    """Return what `normalise_gain` divides by; the steady gain for a clip of unknown length."""
    kind, fps = filtering.get("temporal_filter", "ideal"), filtering["fps"]
    if kind == "reference":
        return 1.0
    low, _ = check_passband(fps, filtering.get("passband_hz"), temporal_filter=kind)
    steady = math.ceil(STEADY_PERIODS * fps / low)
    if n_frames is None or (kind in CAUSAL and n_frames > steady):
        n_frames = steady
    gain = _gain(n_frames, filtering)
    if gain.realised < LEAST_GAIN or (gain.correlation < LEAST_CORRELATION and not gain.oscillates):
        raise ConfigError(
            f"magnify.normalise_gain: {_named(n_frames, filtering)} passes {gain.realised:.2f} of "
            f"the motion (correlation {gain.correlation:.2f}), and {LEAST_GAIN:g} (correlation "
            f"{LEAST_CORRELATION:g}) is needed to divide by it: choose another "
            f"magnify.passband_hz or {NAME}"
        )
    return gain.realised


def _gain(n_frames: int, filtering: Filtering) -> FilterGain:
    plain = {**checked(filtering, filter_matrix), "normalise_gain": False}
    band = None if plain.get("temporal_filter") == "reference" else plain.get("passband_hz")
    return gain_of(filter_matrix(n_frames, **plain), plain["fps"], band)


def _named(n_frames: int, filtering: Filtering) -> str:
    low, high = filtering.get("passband_hz") or (0.0, 0.0)
    kind, fps = filtering.get("temporal_filter", "ideal"), filtering["fps"]
    return f"the {kind} filter {low:g}-{high:g} Hz on {n_frames} frames at {fps:g} fps"


def sections_of(
    temporal_filter: TemporalFilter, order: int, *, fps: float, passband_hz: Passband
) -> Matrix:
    """Return the second-order sections of a recursive filter."""
    band = check_passband(fps, passband_hz, temporal_filter=temporal_filter)
    if temporal_filter == "lowpass_difference":
        return designs.lowpass_difference(fps, band)
    return signal.butter(order, band, btype="bandpass", fs=fps, output="sos")


def check_passband(
    fps: float, passband_hz: Passband, *, temporal_filter: TemporalFilter
) -> tuple[float, float]:
    """Return the band; ConfigError where it is empty or reaches beyond half the frame rate."""
    if passband_hz is None:
        raise ConfigError(f"magnify.passband_hz: the filter {temporal_filter} needs a band, in Hz")
    low, high = passband_hz
    if not 0 < low < high:
        band = f"{low:g}-{high:g} Hz is no band"
        raise ConfigError(f"magnify.passband_hz: {band}, need 0 < low < high")
    nyquist = fps / 2
    if high > nyquist or (high == nyquist and temporal_filter != "ideal"):
        raise ConfigError(
            f"magnify.passband_hz: {high:g} Hz is not below the Nyquist frequency {nyquist:g} Hz "
            f"of {fps:g} frames/s"
        )
    return low, high
