"""Designs of temporal filters, as T x T matrices or as second-order sections."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, signal

from microexpr.errors import ConfigError

Matrix = NDArray[np.float64]
LEAST_IN_BAND = 0.03  # of what the best course keeps: sinusoids at the band's edges pass by > 0.9
LINE_IN_BAND = 0.3  # share of a straight line's energy up to which it is told from the band
PADDING_CLIPS = 3  # clip lengths added on each side; the default band decays within them
NAME = "magnify.temporal_filter"


def ideal(n_frames: int, fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Project onto all that sinusoids of the band, in any phase, can be in a clip of this length.

    The space is spanned by the eigenvectors of the band's kernel ``sin(2 pi f t) / (pi t)``, high
    edge less low edge, after the mean is removed: the discrete prolate spheroidal sequences
    (Slepian 1978) of a pass-band. Its rank is about twice the band's width times the clip's length,
    and 3. Nothing is assumed about what comes before and after the clip. Where the low edge is fast
    enough, a straight line (drift) is fitted along with them and left out.

    ConfigError where the clip is shorter than half a period of the high edge.
    """
    low, high = passband_hz
    slowest = fps / (2 * n_frames)
    if high < slowest:
        raise ConfigError(
            f"magnify.passband_hz: an ideal filter {low:g}-{high:g} Hz holds no frequency of a "
            f"clip of {n_frames} frames at {fps:g} fps, which shows motion from {slowest:.3g} Hz "
            f"on: widen the band or choose another {NAME}"
        )
    lag = np.arange(n_frames) / fps
    kernel = linalg.toeplitz(high * np.sinc(2 * high * lag) - low * np.sinc(2 * low * lag))
    kernel -= kernel.mean(axis=0)
    kernel -= kernel.mean(axis=1, keepdims=True)
    values, vectors = linalg.eigh(kernel)
    basis = vectors[:, values > LEAST_IN_BAND * values[-1]]
    line = np.arange(n_frames) - (n_frames - 1) / 2
    line /= np.linalg.norm(line)
    shared = line @ basis
    coefficients = basis.T
    if shared @ shared < LINE_IN_BAND:  # least squares on both at once (Sherman-Morrison)
        coefficients = basis.T - np.outer(shared, line)
        coefficients += np.outer(shared, shared @ coefficients) / (1 - shared @ shared)
    return basis @ coefficients


def fir(
    n_frames: int, fps: float, passband_hz: tuple[float, float], reference_frame: int
) -> Matrix:
    """Filter with a Hamming window of the clip's length, in a circle: Wadhwa et al.'s code of 2013.

    Frames count as differences to the reference frame, as phases do there: of a band below two
    cycles per clip such a window passes a constant. For a clip of odd length the window has no
    half frame of delay, unlike there.
    """
    taps = n_frames // 2 * 2 + 1
    response = signal.firwin(taps, passband_hz, fs=fps, pass_zero=False)[:n_frames]
    matrix = linalg.circulant(np.roll(response, -(taps // 2)))
    matrix[:, reference_frame] -= matrix.sum(axis=1)
    return matrix


def zero_phase(n_frames: int, sections: Matrix) -> Matrix:
    """Filter forward and backward (``filtfilt``) a clip whose ends stand still."""
    index = np.pad(np.arange(n_frames), PADDING_CLIPS * n_frames, mode="edge")
    filtered = signal.sosfiltfilt(sections, np.eye(n_frames)[index], axis=0, padlen=0)
    return filtered[PADDING_CLIPS * n_frames :][:n_frames]


def causal(n_frames: int, sections: Matrix) -> Matrix:
    """Filter forward; the state is that of a clip that has always shown frame 0."""
    identity = np.eye(n_frames)
    state = signal.sosfilt_zi(sections)[:, :, None] * identity[0]
    return signal.sosfilt(sections, identity, axis=0, zi=state)[0]


def butterworth(order: int, fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Return second-order sections of a band-pass."""
    return signal.butter(order, passband_hz, btype="bandpass", fs=fps, output="sos")


def lowpass_difference(fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Return the section of ``y1 - y2`` where ``y[t] = r * x[t] + (1 - r) * y[t-1]``.

    An edge of f Hz gives ``r = 1 - exp(-2 pi f / fps)``: r1 of the high one and r2 of the low one
    in Wu et al.'s code of 2012, whose 0.4 and 0.05 at 30 frames/s are 2.44 and 0.245 Hz.
    """
    r2, r1 = 1 - np.exp(-2 * np.pi * np.array(passband_hz) / fps)
    denominator = np.convolve([1, r1 - 1], [1, r2 - 1])
    return np.array([[r1 - r2, r2 - r1, 0, *denominator]])
