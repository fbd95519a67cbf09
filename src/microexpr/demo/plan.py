"""Clips of the generated data set with their lengths and phases, before anything is rendered."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from microexpr.config import Demo
from microexpr.demo import ClipName, clip_names

LOG_LENGTH_SD = 0.3
SHORTEST_RELEASE = 3  # frames from the end of the hold to the offset
COUNTER_DIGITS = (5, 6, 7, 8)  # widths of the camera's counter in SMIC-HS


class Stream(IntEnum):
    """Purpose of random numbers. Values start at 1: a seed sequence ignores trailing zeros."""

    IDENTITY, TIMING, ACTION, NUISANCE, NOISE, COUNTER = range(1, 7)


def generator(seed: int, subject: int, clip: int, stream: Stream) -> np.random.Generator:
    """Return the random generator of one purpose; `clip` 0: what a subject's clips share."""
    return np.random.default_rng([seed, subject, clip, stream])


@dataclass(frozen=True)
class Timing:
    """Phases of a clip's expression, as frame indices from 0."""

    frames: int  # length of the clip
    onset: int  # last frame at rest
    apex: int  # first frame of full motion
    hold: int  # frames of full motion
    release: int  # frames of its decay
    rest: float  # share of the motion that is left after the offset
    handover: float = 0  # frames before and after the apex in which a second action takes over

    @classmethod
    def of(cls, settings: Demo, clip: ClipName) -> "Timing":
        """Draw a clip's length (log-normal, as in SMIC), and the phases as shares of it."""
        rng = generator(settings.seed, clip.subject_number, clip.key, Stream.TIMING)
        length = np.exp(rng.normal(np.log(settings.median_frames), LOG_LENGTH_SD))
        frames = int(np.clip(round(length), settings.min_frames, settings.max_frames))
        onset = int(rng.uniform(0, 0.12) * frames)
        apex = max(round(rng.uniform(0.38, 0.62) * frames), onset + 1)
        if clip.only_ordered(settings):
            end = max(frames - 1 - int(rng.uniform(0, 0.12) * frames), apex + 1)
            handover = min((end - onset) / 6, (apex - onset) / 2, (end - apex) / 2)
            return cls(frames, onset, apex, 0, end - apex, 0.0, handover)
        hold = round(rng.uniform(0.02, 0.1) * frames)
        release = max(round(rng.uniform(0.85, 1.05) * frames) - apex - hold, SHORTEST_RELEASE)
        return cls(frames, onset, apex, hold, release, rng.uniform(0, 0.25))

    @property
    def offset(self) -> int:
        """Frame at which the motion has decayed, or the last frame of a clip that ends before."""
        return min(self.apex + self.hold + self.release, self.frames - 1)

    def profile(self) -> np.ndarray:
        """Return the share of the peak motion, float32 (frames,): 0 at the onset, 1 at the apex."""
        t, early = np.arange(self.frames), self.apex - self.handover
        late = self.apex + self.hold + self.handover
        rise = _raised_cosine((t - self.onset) / (early - self.onset))
        fall = _raised_cosine((t - late) / (self.release - self.handover))
        return np.where(t < early, rise, 1 - (1 - self.rest) * fall).astype(np.float32)

    def courses(self) -> np.ndarray:
        """Return the same for each action, float32 (frames, 1 or 2): the second takes over."""
        whole = self.profile()[:, None]
        if not self.handover:
            return whole
        since = np.arange(self.frames) - self.apex + self.handover
        taken = _raised_cosine(since / (2 * self.handover))
        return (whole * np.stack([1 - taken, taken], axis=1)).astype(np.float32)


def _raised_cosine(share: np.ndarray) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))


@dataclass(frozen=True)
class PlannedClip(ClipName):
    """A clip as it is, or will be, on the disk."""

    frames: int  # length
    first_counter: int  # the camera's counter in the name of the first frame
    apex: int  # index of the apex frame, from 0

    @property
    def file_names(self) -> list[str]:
        """Names of the frames in order of time."""
        return [f"image{self.first_counter + index}.png" for index in range(self.frames)]


def plan(settings: Demo) -> list[PlannedClip]:
    """List all clips in order; each depends on seed, subject and name only, not on the others."""
    planned = []
    for name in clip_names(settings):
        subject, key = name.subject_number, name.key
        when = Timing.of(settings, name)
        # All widths of counters occur within a few clips; no clip crosses a power of ten.
        digits = COUNTER_DIGITS[(subject + key // 100 + name.number) % len(COUNTER_DIGITS)]
        rng = generator(settings.seed, subject, key, Stream.COUNTER)
        counter = int(rng.integers(10 ** (digits - 1), 10**digits - when.frames + 1))
        about = subject, name.label, name.number
        planned.append(PlannedClip(*about, when.frames, counter, when.apex))
    return planned
