"""Designs of temporal filters, T x T matrices or second-order sections, and what motions keep."""

import math
from typing import NamedTuple

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
SAME = 1e-6  # share of a clip's largest course below which two of them are one


def ideal(n_frames: int, fps: float, passband_hz: tuple[float, float]) -> Matrix:
    """Estimate the part of a course that lies in the band, whatever its phase and the length.

    The Wiener filter ``K (K + R)^-1`` of a process with power in the band only. Its covariance K is
    the kernel ``sin(2 pi f t) / (pi t)``, high edge less low edge, without the mean of the clip; R
    is noise, and motion that is a bin (one cycle per clip) or more beyond the band. K is reduced to
    its leading eigenvectors (Slepian 1978), 3 to 7, which is the rank.
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

    Frames count as differences to frame `still`, as phases do there, or a constant would pass.
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
    """Return the section of ``y1 - y2``, where ``y[t] = r * x[t] + (1 - r) * y[t-1]``."""
    # Wu et al.'s code of 2012: an edge of f Hz gives r1 or r2 as below.
    r2, r1 = 1 - np.exp(-2 * np.pi * np.array(passband_hz) / fps)
    denominator = np.convolve([1, r1 - 1], [1, r2 - 1])
    return np.array([[r1 - r2, r2 - r1, 0, *denominator]])


class FilterGain(NamedTuple):
    """What is left of motions, as a share of their size."""

    smallest: float  # of an oscillation at the band's centre, in the phase that passes least; rms
    largest: float  # the same in the phase that passes most
    expression: float  # of onset, apex and offset over the clip, sin^2; peak to peak
    correlation: float  # of that course before and after; below zero, the filter reverses it
    to_apex: float  # of a course that ends at its apex
    held: float  # of an onset that is held until the clip ends
    oscillates: bool  # whether the clip holds a period of the band's low edge

    @property
    def realised(self) -> float:
        """What alpha is multiplied with: `expression`, or the rms over the phases."""
        both = math.sqrt((self.smallest**2 + self.largest**2) / 2)
        return both if self.oscillates else self.expression

    @property
    def weakest(self) -> float:
        """The smallest gain of what such a clip can hold."""
        if self.oscillates:
            return self.smallest
        return min(math.copysign(self.expression, self.correlation), self.to_apex, self.held)


def phases_gain(matrix: Matrix, cycles: float) -> tuple[float, float]:
    """Return the least and the largest gain of a sinusoid, `cycles` per clip, over its phases."""
    # Singular values on the cosine and the sine, without their means, as orthonormal basis.
    phase = 2 * np.pi * cycles / len(matrix) * np.arange(len(matrix))
    courses = np.stack([np.cos(phase), np.sin(phase)], 1)
    filtered = matrix @ np.linalg.svd(courses - courses.mean(axis=0), False)[0]
    gains = np.linalg.svd(filtered - filtered.mean(axis=0), compute_uv=False)
    return float(gains[-1]), float(gains[0])


def gain_of(matrix: Matrix, fps: float, passband_hz: tuple[float, float] | None) -> FilterGain:
    """Return the gain of a filter, a T x T matrix; no band: it has the same gain for all."""
    n_frames = len(matrix)
    time = np.linspace(0, 1, n_frames)
    phases = np.pi * time, np.pi / 2 * time, np.pi / 2 * np.clip(2.5 * time, 0, 1)
    whole, to_apex, held = (_course_gain(matrix, np.sin(phase) ** 2) for phase in phases)
    low, high = passband_hz or (0.0, 0.0)
    seconds = n_frames / fps
    smallest, largest = phases_gain(matrix, max(math.sqrt(low * high) * seconds, 0.5))
    courses = (*whole, to_apex[0], held[0])
    return FilterGain(smallest, largest, *courses, oscillates=low * seconds >= 1)


def _course_gain(matrix: Matrix, course: np.ndarray) -> tuple[float, float]:
    """Return peak to peak after over before, and the correlation of the two."""
    if np.ptp(course) < SAME:  # two frames: no apex between them
        course = np.arange(len(course), dtype=float)
    filtered = matrix @ course
    gain = float(np.ptp(filtered) / np.ptp(course))
    return gain, float(np.corrcoef(filtered, course)[0, 1]) if gain > SAME else 0.0
