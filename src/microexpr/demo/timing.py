"""Length and time course of a clip: onset, apex, offset.

The label does not enter: a clip's length must not give its class away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microexpr.config import Demo

LOG_LENGTH_SD = 0.3
SHORTEST_RELEASE = 3  # frames from the end of the hold to the offset


@dataclass(frozen=True)
class Timing:
    """When a clip's expression starts, peaks and ends, frame indices from 0.

    Attributes
    ----------
    frames : int
        Length of the clip.
    onset, apex, hold, release : int
        Last frame at rest, frame of full motion, frames for which it stays, frames of its decay.
    rest : float
        What is left of the motion after the offset, 0 to 1.
    """

    frames: int
    onset: int
    apex: int
    hold: int
    release: int
    rest: float

    @classmethod
    def draw(cls, settings: Demo, rng: np.random.Generator) -> Timing:
        """Draw a length (log-normal, as in SMIC) and the phases as shares of it."""
        length = np.exp(rng.normal(np.log(settings.median_frames), LOG_LENGTH_SD))
        frames = int(np.clip(round(length), settings.min_frames, settings.max_frames))
        onset = int(rng.uniform(0, 0.12) * frames)
        apex = max(round(rng.uniform(0.38, 0.62) * frames), onset + 1)
        hold = round(rng.uniform(0.02, 0.1) * frames)
        release = max(round(rng.uniform(0.85, 1.05) * frames) - apex - hold, SHORTEST_RELEASE)
        return cls(frames, onset, apex, hold, release, rng.uniform(0, 0.25))

    @property
    def offset(self) -> int:
        """Frame at which the motion has decayed; the clip's last one where it is cut before."""
        return min(self.apex + self.hold + self.release, self.frames - 1)

    def profile(self) -> np.ndarray:
        """Return the share of the peak motion, float32 (frames,): 0 at the onset, 1 at the apex."""
        t = np.arange(self.frames)
        rise = _raised_cosine((t - self.onset) / (self.apex - self.onset))
        fall = _raised_cosine((t - self.apex - self.hold) / self.release)
        decay = 1 - (1 - self.rest) * fall
        return np.where(t < self.apex, rise, decay).astype(np.float32)


def _raised_cosine(share: np.ndarray) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))
