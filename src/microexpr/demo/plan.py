"""Which clips there will be: known from the settings alone, before anything is drawn.

Needs no NumPy and takes milliseconds, as the workflow reads it whenever it plans.
"""

from __future__ import annotations

from dataclasses import dataclass

from microexpr.config import Demo
from microexpr.demo.seeds import Stream, draws
from microexpr.demo.timing import Timing

CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}  # as SMIC writes them
TREE = "SMIC_all_raw/HS"
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
    return Timing.draw(settings, draws(settings.seed, subject, key, Stream.TIMING))


def plan(settings: Demo) -> list[PlannedClip]:
    """List all clips in natural order of their names.

    A clip follows from the seed, its subject and its name: more subjects or more clips a class
    leave those that were there unchanged.

    Parameters
    ----------
    settings : Demo
        Section ``demo`` of the configuration.
    """
    return [
        _clip(settings, subject, label, number)
        for subject in range(1, settings.subjects + 1)
        for label in CODES
        for number in range(1, settings.clips_per_class + 1)
    ]


def _clip(settings: Demo, subject: int, label: str, number: int) -> PlannedClip:
    key = clip_key(label, number)
    when = timing(settings, subject, key)
    clip_id = f"s{subject}_{CODES[label]}_{number:02d}"
    return PlannedClip(
        subject=f"s{subject}",
        clip_id=clip_id,
        label=label,
        frames=when.frames,
        first_counter=_first_counter(settings, subject, key, when.frames),
        apex=when.apex,
        folder=f"{TREE}/s{subject}/micro/{label}/{clip_id}",
    )


def _first_counter(settings: Demo, subject: int, key: int, frames: int) -> int:
    """Counters of every width occur in a set of a few clips; none crosses a power of ten."""
    label_index, number = divmod(key, 100)
    digits = COUNTER_DIGITS[(subject + label_index + number) % len(COUNTER_DIGITS)]
    rng = draws(settings.seed, subject, key, Stream.COUNTER)
    return rng.integers(10 ** (digits - 1), 10**digits - frames + 1)
