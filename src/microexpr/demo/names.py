"""What the clips of the generated data set are called: known from its settings, without numpy.

Lengths and camera counters are drawn, see :mod:`microexpr.demo.plan`; the workflow plans without
them, so that it does where Snakemake alone is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from microexpr.config import Demo

CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}  # as SMIC writes them
TREE = "SMIC_all_raw/HS"
FPS = 100.0  # frames/s of the high-speed camera of SMIC


@dataclass(frozen=True)
class ClipName:
    """Where a clip stands in the data set.

    Parameters
    ----------
    subject_number : int
        From 1.
    label : str
        Class.
    number : int
        Of the clip within its subject and class, from 1.
    """

    subject_number: int
    label: str
    number: int

    @property
    def subject(self) -> str:
        """Such as ``s1``."""
        return f"s{self.subject_number}"

    @property
    def clip_id(self) -> str:
        """Such as ``s1_ne_01``."""
        return f"{self.subject}_{CODES[self.label]}_{self.number:02d}"

    @property
    def folder(self) -> str:
        """Where its frames are, relative to the root, with forward slashes."""
        return f"{TREE}/{self.subject}/micro/{self.label}/{self.clip_id}"


def clip_names(settings: Demo) -> Iterator[ClipName]:
    """Go through all clips in natural order of their names.

    Parameters
    ----------
    settings : Demo
        Section ``demo`` of the configuration.
    """
    for subject in range(1, settings.subjects + 1):
        for label in CODES:
            for number in range(1, settings.clips_per_class + 1):
                yield ClipName(subject, label, number)
