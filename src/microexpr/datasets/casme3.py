"""CAS(ME)^3 (Li et al., IEEE TPAMI 2023), parts A and C, colour frames at 30 frames/s.

::

    part_A/spNO.1/a/color/355.jpg           long recordings a..m of 94 subjects
    cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx   sheet label: Subject, Filename, Onset, Apex, Offset,
                                            AU, Objective class, emotion; numbers stored as text
    part_C/01/a/color/373.jpg               one recording of each of 30 subjects
    CAS(ME)3_part_C_ME.xlsx                 sub, count, onset, offset, au, emotion; no apex

Version 2 of part A's table holds 860 micro-expressions. Several lie in one recording, so that clips
are named by their onset too: ``spNO.1_a_355``.
"""

from __future__ import annotations

from pathlib import Path

from microexpr.datasets.annotated import Release, Row
from microexpr.datasets.sheets import padded, text
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError

COLOUR = "color"


class PartA(Release):
    """Several expressions in a long recording."""

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """``spNO.1/a/color``."""
        return tree.find(row.subject, row.name, COLOUR)

    def clip_id(self, row: Row) -> str:
        """``spNO.1_a_355``, with the onset that is printed."""
        return f"{row.subject}_{row.name}_{text(row.onset)}"


class PartC(Release):
    """One recording a subject."""

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Give the colour frames of the subject's only recording, ``01/a/color``."""
        subject = tree.find(row.subject.removeprefix("c"))
        recordings = tree.folders(subject) if subject else []
        if len(recordings) > 1:
            raise DataError(f"{subject}: {len(recordings)} folders, one recording was expected")
        return tree.find(subject.name, recordings[0].name, COLOUR) if recordings else None


PART_A = PartA(
    key="casme3",
    fps=30.0,
    trees={"raw": ("part_A", "CASME3/part_A", "part_A/data/part_A")},
    subjects="spno.*",
    tables=("cas(me)3_part_a_me_label_jpgindex*",),
    columns={
        "subject": ("Subject",),
        "name": ("Filename",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "emotion": ("emotion",),
    },
    clip_folders=False,
)
PART_C = PartC(
    key="casme3",
    fps=30.0,
    trees={"raw": ("part_C", "CASME3/part_C")},
    subjects="[0-9]*",
    tables=("cas(me)3_part_c_me*",),
    columns={
        "subject": ("sub",),
        "name": ("count",),
        "onset": ("onset",),
        "offset": ("offset",),
        "emotion": ("emotion",),
    },
    # c01, so that a subject of part C is none of part A.
    spell=padded(2, "c"),
    clip_folders=False,
)
