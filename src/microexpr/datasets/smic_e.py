"""SMIC-E (Li et al., IEEE TAC 2018): SMIC's recordings with the frames before and after.

::

    SMIC-E_raw image/HS_long/SMIC-HS-E/s03/s3_ne_03/image<counter>.jpg     VIS and NIR alike
    SMIC-HS-E_annotation.xlsx   sheets HS and VIS: Subject, Filename, OnsetF, OffsetF, Onset2F,
                                Offset2F, Onset3F, Offset3F, FirstF, ..., Emotion; 2019 also ApexF

A second and third expression of a recording become clips of their own, ``s20_ne_06_2``. Some cells
of the third pair hold the remains of a formula: a pair before the recording's start is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.annotated import Release, Row
from microexpr.datasets.sheets import Cell, frame_number, sheet_names, text, with_header
from microexpr.datasets.smic import FPS, clip_name
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError

PAIRS = ("", "2", "3")
COLUMNS = {
    "subject": ("Subject",),
    "name": ("Filename",),
    "onset": ("OnsetF", "Onset1F"),
    "offset": ("OffsetF", "Offset1F"),
    "onset2?": ("Onset2F",),
    "offset2?": ("Offset2F",),
    "onset3?": ("Onset3F",),
    "offset3?": ("Offset3F",),
    "apex?": ("ApexF",),
    "start": ("FirstF",),
    "emotion": ("Emotion",),
}


class Recordings(Release):
    """Up to three expressions in a row of the table."""

    def rows(self, table: Path, data: Data) -> Iterable[Row]:
        """Give a row for each pair of onset and offset."""
        for line, cells in with_header(table, self.columns, _sheet(table, data.camera)):
            for pair in PAIRS:
                onset, offset = cells.get(f"onset{pair}"), cells.get(f"offset{pair}")
                if pair and not (text(onset) or text(offset)):
                    continue
                yield Row(
                    line=line,
                    subject=self.spell(text(cells["subject"])),
                    name=text(cells["name"]) + (f"/{pair}" if pair else ""),
                    onset=onset if _inside(onset, cells["start"]) else f"{onset} before FirstF",
                    apex=None if pair else cells.get("apex"),
                    offset=offset,
                    emotion=text(cells["emotion"]),
                )

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """``s03/s3_ne_03``; the folders pad the subject, the clips do not."""
        return tree.find(row.subject, row.name.split("/")[0])

    def clip_id(self, row: Row) -> str:
        """``s3_ne_03`` as in SMIC, ``s20_ne_06_2`` for a second expression."""
        name, *pair = row.name.split("/")
        return "_".join([clip_name(name) or name, *pair])


def release(camera: str) -> Recordings:
    """Give the layout of one camera, HS, VIS or NIR."""
    return Recordings(
        key="smic_e",
        fps=FPS[camera],
        trees={"raw": tuple(_trees(camera))},
        subjects="s[0-9]*",
        tables=(f"smic-{camera.lower()}-e_annotation*", "smic-hs-e_annotation*"),
        columns=COLUMNS,
        spell=_subject,
        clip_folders=False,
    )


def _sheet(table: Path, camera: str) -> str | int:
    names = sheet_names(table)
    if camera in names:
        return camera
    if names and f"-{camera}-" not in table.name:
        raise DataError(f"{table}: has no sheet {camera}, but {names}")
    return 0


def _trees(camera: str) -> Iterable[str]:
    for release in ("SMIC-E_raw image/", "SMIC_E_raw_image/", "SMIC-E_raw_image/", ""):
        for name in (f"SMIC-{camera}-E", f"SMIC_{camera}_E"):
            yield f"{release}{camera}_long/{name}"
            yield f"{release}{camera}_long/{name}/{camera}"


def _subject(printed: str) -> str:
    match = re.fullmatch(r"s?0*(\d+)", printed, re.IGNORECASE | re.ASCII)
    return f"s{match[1]}" if match else ""


def _inside(onset: Cell, start: Cell) -> bool:
    first, recording = frame_number(onset), frame_number(start)
    return first is None or recording is None or first >= recording
