"""CAS(ME)^2 (Qu et al., IEEE TAC 2018): micro-expressions in 30 frames/s recordings of 22 subjects.

::

    rawpic/s15/15_0101disgustingteeth/img1.jpg            longVideoFaceCropped/s15/... alike
    CAS(ME)^2code_final.xlsx    three sheets without headers:
        expressions   participant, video and number (disgust1_1), onset, apex, offset, AUs,
                      estimated emotion, micro- or macro-expression, self-report
        subjects      number in the folders (15), folder (s15), participant (1)
        videos        code (0101), name (disgust1)

A recording is found by ``15_0101``: what follows differs between folders (0503unnyfarting). An
offset of 0 means that the expression was still going on; such a row has no range and is reported.
Macro-expressions are reported and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.annotated import Release, Row
from microexpr.datasets.sheets import Cell, read_rows, text
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError, Faults

COLUMNS = 8
EXPRESSIONS, SUBJECTS, VIDEOS = range(3)


class Recordings(Release):
    """Three sheets to join, and several expressions in a recording."""

    def rows(self, table: Path, _: Data) -> Iterable[Row]:
        """Join the three sheets; the name of a row is ``15_0101/disgust1_1``."""
        subjects = {text(row[2]): text(row[1]) for row in _rows(table, SUBJECTS, 3)}
        videos = {text(row[1]): text(row[0]).zfill(4) for row in _rows(table, VIDEOS, 2)}
        for line, row in enumerate(_rows(table, EXPRESSIONS, COLUMNS), 1):
            printed = text(row[1])
            code = videos.get(printed.split("_")[0], "")
            subject = subjects.get(text(row[0]), "")
            yield Row(
                line=line,
                subject=subject,
                name=f"{subject.removeprefix('s')}_{code}/{printed}" if code else "",
                onset=row[2],
                apex=row[3],
                offset=row[4] if text(row[4]) != "0" else None,
                emotion=text(row[6]),
                expression=text(row[7]),
            )

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Find the recording of the subject whose folder begins with ``15_0101``."""
        subject, code = tree.find(row.subject), row.name.split("/")[0]
        recordings = tree.folders(subject) if subject else []
        found = [path for path in recordings if path.name.startswith(code)]
        if len(found) > 1:
            raise DataError(f"{subject}: {found[0].name} and {found[1].name} are both {code}")
        return found[0] if found else None

    def clip_id(self, row: Row) -> str:
        """``s15_disgust1_1``."""
        return f"{row.subject}_{row.name.split('/')[1]}"


def _rows(table: Path, sheet: int, columns: int) -> list[tuple[Cell, ...]]:
    rows = [row for row in read_rows(table, sheet) if any(text(cell) for cell in row)]
    faults = Faults()
    for number, row in enumerate(rows, 1):
        if len(row) < columns:
            faults.add(
                f"{table}: sheet {sheet + 1}, line {number} has {len(row)} columns, "
                f"{columns} are needed"
            )
    faults.stop()
    return rows


RELEASE = Recordings(
    key="casme_sq",
    fps=30.0,
    trees={
        "raw": ("rawpic", "CAS(ME)^2/rawpic"),
        "cropped": (
            "longVideoFaceCropped",
            "CAS(ME)2_longVideoFaceCropped/longVideoFaceCropped",
        ),
    },
    subjects="s[0-9]*",
    tables=("cas(me)^2code_final*",),
    clip_folders=False,
)
