"""Which clips there will be: known from the settings alone, before anything is drawn.

Their names stand in :mod:`microexpr.datasets.generated`: the workflow plans with these alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from microexpr.config import Demo
from microexpr.datasets.generated import CODES, ClipName, clip_names
from microexpr.demo.seeds import Stream, generator
from microexpr.demo.timing import Timing

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
