"""Designs of temporal filters, as T x T matrices or as second-order sections."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, signal

from microexpr.errors import ConfigError

Matrix = NDArray[np.float64]
# Variances that `ideal` assumes, of that in the band: every phase of each sinusoid of it passes by
# more than 0.9, and as little as possible of what is slower or faster.
NOISE, SLOWER, FASTER = 0.003, 0.3, 0.05
LEAST_IN_BAND = 0.003  # courses with a smaller share in the band, of the best, are left out
PADDING_CLIPS = 3  # clip lengths added on each side; the default band decays within them
NAME = "magnify.temporal_filter"


def ideal(n_frames: int, fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Estimate the part of a course that lies in the band, whatever its phase and the length.

    The linear estimate of least mean square error (Wiener filter) of a process with power in the
    band only, ``K (K + R)^-1``. Its covariance K is the kernel ``sin(2 pi f t) / (pi t)``, high
    edge less low edge, without the mean of the clip; R is noise, and motion that is a bin (one
    cycle per clip) or more beyond the band. K is reduced to its leading eigenvectors, discrete
    prolate spheroidal sequences (Slepian 1978): about twice the band's width times the clip's
    length, and 3 to 7, which is the rank. Nothing is assumed about what comes before and after the
    clip. ConfigError: the clip is shorter than half a period of the high edge.
    """
    low, high = (edge * n_frames / fps for edge in passband_hz)  # cycles per clip
    if high < 0.5:
        raise ConfigError(
            f"magnify.passband_hz: an ideal filter {passband_hz[0]:g}-{passband_hz[1]:g} Hz holds "
            f"no frequency of a clip of {n_frames} frames at {fps:g} fps, which shows motion from "
            f"{fps / (2 * n_frames):.3g} Hz on: widen the band or choose another {NAME}"
        )
    values, vectors = linalg.eigh(_centred(_kernel(n_frames, low, high)))
    kept = values > LEAST_IN_BAND * values[-1]
    basis, variances = vectors[:, kept], values[kept] / values[-1]
    rest = SLOWER * _kernel(n_frames, 0, max(low - 1, 0))
    rest += FASTER * _kernel(n_frames, min(high + 1, n_frames / 2), n_frames / 2)
    rest = NOISE * np.eye(n_frames) + _centred(rest)
    weighted = linalg.solve(rest, basis, assume_a="pos")
    inner = np.diag(1 / variances) + basis.T @ weighted
    return basis @ linalg.solve(inner, weighted.T, assume_a="pos")


def _kernel(n_frames: int, low: float, high: float) -> Matrix:
    """Return the covariance (T, T) of white noise in a band, cycles per clip."""
    edges = np.array([[low], [high]]) / n_frames
    first, last = 2 * edges * np.sinc(2 * edges * np.arange(n_frames))
    return linalg.toeplitz(last - first)


def _centred(kernel: Matrix) -> Matrix:
    """Return the covariance of courses without their means."""
    kernel = kernel - kernel.mean(axis=0)
    return kernel - kernel.mean(axis=1, keepdims=True)


def fir(n_frames: int, fps: float, passband_hz: tuple[float, float], still: int) -> Matrix:
    """Filter with a Hamming window of the clip's length, in a circle: Wadhwa et al.'s code of 2013.

    Frames count as differences to frame `still`, as phases do there: of a band below two cycles per
    clip such a window passes a constant. In a clip of odd length it delays by no half frame.
    """
    taps = n_frames // 2 * 2 + 1
    response = signal.firwin(taps, passband_hz, fs=fps, pass_zero=False)[:n_frames]
    matrix = linalg.circulant(np.roll(response, -(taps // 2)))
    matrix[:, still] -= matrix.sum(axis=1)
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


def lowpass_difference(fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Return the section of ``y1 - y2`` where ``y[t] = r * x[t] + (1 - r) * y[t-1]``.

    An edge of f Hz gives ``r = 1 - exp(-2 pi f / fps)``: r1 of the high one and r2 of the low one
    in Wu et al.'s code of 2012, whose 0.4 and 0.05 at 30 frames/s are 2.44 and 0.245 Hz.
    """
    r2, r1 = 1 - np.exp(-2 * np.pi * np.array(passband_hz) / fps)
    denominator = np.convolve([1, r1 - 1], [1, r2 - 1])
    return np.array([[r1 - r2, r2 - r1, 0, *denominator]])
