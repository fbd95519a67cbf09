"""How much of a motion a temporal filter passes: of a course over a clip, and of oscillations."""

import math
from typing import NamedTuple

import numpy as np

from microexpr.magnify.filter_designs import Matrix

SAME = 1e-6  # share of a clip's largest course below which two of them are one


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
        if self.oscillates:
            return math.sqrt((self.smallest**2 + self.largest**2) / 2)
        return self.expression

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
