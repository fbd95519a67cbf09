"""MMEW (Ben et al., IEEE TPAMI 2022): 300 micro-expressions at 90 frames/s, cropped to 231x231 px.

::

    Micro_Expression/<class>/S13-07-001/1.jpg
    MMEW_Micro_Exp.xlsx    Subject, Filename, OnsetFrame, ApexFrame, OffsetFrame, Action Units,
                           Estimated Emotion, remarks

The label is the table's: the folder of the clips labelled others has another name in some copies.
Macro-expressions are not read.
"""

from __future__ import annotations

from pathlib import Path

from microexpr.datasets.annotated import Release, Row
from microexpr.datasets.sheets import padded
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError

TREES = ("Micro_Expression", "MMEW_Final/Micro_Expression", "MMEW/Micro_Expression")


class ByClass(Release):
    """Clips lie in folders of their class, not of their subject."""

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Look for the clip in the folders of all classes."""
        found = [path for path in tree.grandchildren() if path.name == row.name]
        if len(found) > 1:
            names = " and ".join(path.parent.name for path in found)
            raise DataError(f"{tree.root}: clip {row.name} is in {names}")
        return found[0] if found else None


RELEASE = ByClass(
    key="mmew",
    fps=90.0,
    trees={"raw": TREES, "cropped": TREES},
    subjects="disgust",  # one of the class folders
    tables=("mmew_micro_exp*",),
    columns={
        "subject": ("Subject",),
        "name": ("Filename",),
        "onset": ("OnsetFrame",),
        "apex": ("ApexFrame",),
        "offset": ("OffsetFrame",),
        "emotion": ("Estimated Emotion",),
    },
    spell=padded(2, "S"),
    own_names=True,
)
