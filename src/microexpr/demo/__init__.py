"""A generated data set: drawn faces with micro-expressions of known displacement.

Its folders are those of SMIC-HS; the ground truth of each clip is written beside. Figures obtained
on it show whether the pipeline works; they say nothing about people. The names below are known
without numpy, where only Snakemake is installed; lengths and camera counters are drawn (``plan``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from microexpr.config import Demo

CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}  # as in SMIC
ORDERED = ("negative", "positive")  # may be told apart by which of their actions comes first
TREE = "SMIC_all_raw/HS"
FPS = 100.0  # frames/s of the high-speed camera of SMIC


@dataclass(frozen=True)
class ClipName:
    """A clip by subject (from 1), class, and number within subject and class (from 1)."""

    subject_number: int
    label: str
    number: int

    @property
    def subject(self) -> str:
        """For example ``s1``."""
        return f"s{self.subject_number}"

    @property
    def clip_id(self) -> str:
        """For example ``s1_ne_01``."""
        return f"{self.subject}_{CODES[self.label]}_{self.number:02d}"

    @property
    def folder(self) -> str:
        """Folder of its frames, relative to the root, with forward slashes."""
        return f"{TREE}/{self.subject}/micro/{self.label}/{self.clip_id}"

    def only_ordered(self, settings: Demo) -> bool:
        """Tell whether only the order of its frames says which class of `ORDERED` it is of."""
        share, number = settings.sequence_share, self.number
        return self.label in ORDERED and int(share * number) > int(share * (number - 1))

    def shown(self, settings: Demo) -> list[str]:
        """Return the classes whose actions the clip shows, one after the other: its own first."""
        other = [label for label in ORDERED if label != self.label]
        return [self.label, *other] if self.only_ordered(settings) else [self.label]

    @property
    def key(self) -> int:
        """Number of the clip (of at most 99 per class) within its subject, for random numbers."""
        return 100 * (list(CODES).index(self.label) + 1) + self.number


def clip_names(settings: Demo) -> Iterator[ClipName]:
    """Yield all clips in natural order of their names."""
    subjects, numbers = settings.subjects, settings.clips_per_class
    for subject, label, number in product(range(subjects), CODES, range(numbers)):
        yield ClipName(subject + 1, label, number + 1)
