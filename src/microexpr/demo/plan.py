"""Which clips there will be: known from the settings alone, before anything is drawn.

Their names stand in :mod:`microexpr.demo.names`: the workflow plans with these alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microexpr.config import Demo
from microexpr.demo.identity import Stream, generator
from microexpr.demo.names import CODES, ClipName, clip_names

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


COUNTER_DIGITS = (5, 6, 7, 8)  # widths of the camera's counter in SMIC-HS


@dataclass(frozen=True)
class PlannedClip:
    """A clip that is, or will be, on the disk.

    Attributes
    ----------
    subject, clip_id, label : str
        Such as ``s1``, ``s1_ne_01``, ``negative``.
    frames : int
        Length.
    first_counter : int
        The camera's counter in the name of the first frame.
    apex : int
        Index of the apex frame, from 0.
    folder : str
        Where the frames are, relative to the root, with forward slashes.
    """

    subject: str
    clip_id: str
    label: str
    frames: int
    first_counter: int
    apex: int
    folder: str

    @property
    def subject_number(self) -> int:
        """Number in the subject's name."""
        return int(self.subject.removeprefix("s"))

    @property
    def key(self) -> int:
        """Number of the clip within its subject, from which its random numbers follow."""
        return clip_key(self.label, int(self.clip_id.rsplit("_", 1)[1]))

    @property
    def file_names(self) -> list[str]:
        """Names of the frames in order of time."""
        return [f"image{self.first_counter + index}.png" for index in range(self.frames)]


def clip_key(label: str, number: int) -> int:
    """Return the key of clip `number` (1 to 99) of a class, whatever other clips there are."""
    return 100 * (list(CODES).index(label) + 1) + number


def timing(settings: Demo, subject: int, key: int) -> Timing:
    """Return length and phases of a clip."""
    return Timing.draw(settings, generator(settings.seed, subject, key, Stream.TIMING))


def plan(settings: Demo) -> list[PlannedClip]:
    """List all clips in natural order of their names.

    A clip follows from the seed, its subject and its name: more subjects or more clips a class
    leave those that were there unchanged.

    Parameters
    ----------
    settings : Demo
        Section ``demo`` of the configuration.
    """
    return [_clip(settings, name) for name in clip_names(settings)]


def _clip(settings: Demo, name: ClipName) -> PlannedClip:
    subject, key = name.subject_number, clip_key(name.label, name.number)
    when = timing(settings, subject, key)
    return PlannedClip(
        subject=name.subject,
        clip_id=name.clip_id,
        label=name.label,
        frames=when.frames,
        first_counter=_first_counter(settings, subject, key, when.frames),
        apex=when.apex,
        folder=name.folder,
    )


def _first_counter(settings: Demo, subject: int, key: int, frames: int) -> int:
    """Counters of every width occur in a set of a few clips; none crosses a power of ten."""
    label_index, number = divmod(key, 100)
    digits = COUNTER_DIGITS[(subject + label_index + number) % len(COUNTER_DIGITS)]
    rng = generator(settings.seed, subject, key, Stream.COUNTER)
    return int(rng.integers(10 ** (digits - 1), 10**digits - frames + 1))
