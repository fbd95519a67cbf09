"""Releases with several expressions in one recording; docs/datasets.md has what is known of each.

CAS(ME)^2 has three sheets without headers: expressions (participant, video and number, onset, apex,
offset, AUs, emotion, micro or macro), subjects (number and name of folder, participant) and videos
(code, name). A recording is found by ``15_0101``: the rest of the name differs between folders.
"""

from collections.abc import Iterable
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets import sheets
from microexpr.datasets.annotated import Release, Row, headers, read
from microexpr.datasets.listing import Listing
from microexpr.datasets.sheets import Cell, frame_number, padded, text, with_header
from microexpr.datasets.smic import FPS, clip_name
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError, Faults

COLUMNS = 8
EXPRESSIONS, SUBJECTS, VIDEOS = range(3)
COLOUR = "color"


class CasmeSq(Release):
    """CAS(ME)^2: three sheets to join."""

    def rows(self, table: Path, data: Data) -> Iterable[Row]:
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
                action_units=row[5],
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
        """Return for example ``s15_disgust1_1``."""
        return f"{row.subject}_{row.name.split('/')[1]}"


def _rows(table: Path, sheet: int, columns: int) -> list[tuple[Cell, ...]]:
    rows = [row for row in sheets.read_rows(table, sheet) if any(text(cell) for cell in row)]
    faults = Faults()
    for number, row in enumerate(rows, 1):
        if len(row) < columns:
            faults.add(
                f"{table}: sheet {sheet + 1}, line {number} has {len(row)} columns, "
                f"{columns} are needed"
            )
    faults.stop()
    return rows


CASME_SQ = CasmeSq(
    key="casme_sq",
    fps=30.0,
    trees={
        "raw": ("rawpic", "CAS(ME)^2/rawpic"),
        "cropped": ("longVideoFaceCropped", "CAS(ME)2_longVideoFaceCropped/longVideoFaceCropped"),
    },
    subjects="s[0-9]*",
    tables=("cas(me)^2code_final*",),
    clip_folders=False,
)


class Casme3(Release):
    """CAS(ME)^3: several recordings per subject in part A, one in part C."""

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Find the colour frames, ``spNO.1/a/color``; those of the only recording in part C."""
        if self.several:
            return tree.find(row.subject, row.name, COLOUR)
        subject = tree.find(row.subject.removeprefix("c"))
        if subject is None or not (recordings := tree.folders(subject)):
            return None
        if len(recordings) > 1:
            raise DataError(f"{subject}: {len(recordings)} folders, one recording was expected")
        return tree.find(subject.name, recordings[0].name, COLOUR)


CASME3_A = Casme3(
    key="casme3",
    fps=30.0,
    trees={"raw": ("part_A", "CASME3/part_A", "part_A/data/part_A")},
    subjects="spno.*",
    # The release has its first version beside the second.
    tables=("cas(me)3_part_a_me_label_jpgindex_v2", "cas(me)3_part_a_me_label_jpgindex*"),
    columns=headers(onset="Onset", apex="Apex", offset="Offset", emotion="emotion"),
    clip_folders=False,
    several=True,
)
CASME3_C = Casme3(
    key="casme3",
    fps=30.0,
    trees={"raw": ("part_C", "CASME3/part_C")},
    subjects="[0-9]*",
    tables=("cas(me)3_part_c_me*",),
    columns=headers(
        **{"subject": "sub", "name": "count", "emotion": "emotion"},
        **{"onset": "onset", "apex": "", "offset": "offset"},
    ),
    # c01: a subject of part C is another person than subject 1 of part A.
    spell=padded(2, "c"),
    clip_folders=False,
)


def read_casme3(data: Data) -> Listing:
    """List the clips of CAS(ME)^3: each part has its own layout."""
    return read(data, CASME3_A if data.part == "A" else CASME3_C)


class SmicE(Release):
    """SMIC-E: up to three expressions in a row of the table."""

    def rows(self, table: Path, data: Data) -> Iterable[Row]:
        """Yield a row for each pair of onset and offset."""
        for line, cells in with_header(table, self.columns, _sheet(table, data.camera)):
            for pair in ("", "2", "3"):
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
        """Find ``s03/s3_ne_03``; the folders pad the subject's number, the clips do not."""
        return tree.find(row.subject, row.name.split("/")[0])

    def clip_id(self, row: Row) -> str:
        """Return ``s3_ne_03`` as in SMIC, ``s20_ne_06_2`` for a second expression."""
        name, *pair = row.name.split("/")
        return "_".join([clip_name(name) or name, *pair])


def read_smic_e(data: Data) -> Listing:
    """List the clips of SMIC-E: each camera, HS, VIS or NIR, has its own layout."""
    camera = data.camera
    release = SmicE(
        key="smic_e",
        fps=FPS[camera],
        trees={
            "raw": tuple(
                f"{above}{camera}_long/{name}{below}"
                for above in ("SMIC-E_raw image/", "SMIC_E_raw_image/", "SMIC-E_raw_image/", "")
                for name in (f"SMIC-{camera}-E", f"SMIC_{camera}_E")
                for below in ("", f"/{camera}")
            )
        },
        subjects="s[0-9]*",
        tables=(f"smic-{camera.lower()}-e_annotation*", "smic-hs-e_annotation*"),
        columns={
            "subject": ("Subject",),
            "name": ("Filename",),
            "onset": ("OnsetF", "Onset1F"),
            "offset": ("OffsetF", "Offset1F"),
            **{f"onset{n}?": (f"Onset{n}F",) for n in (2, 3)},
            **{f"offset{n}?": (f"Offset{n}F",) for n in (2, 3)},
            "apex?": ("ApexF",),
            "start": ("FirstF",),
            "emotion": ("Emotion",),
        },
        spell=padded(1, "s"),
        clip_folders=False,
    )
    return read(data, release)


def _sheet(table: Path, camera: str) -> str | int:
    names = sheets.sheet_names(table)
    if camera in names:
        return camera
    if names and f"-{camera}-" not in table.name:
        raise DataError(f"{table}: has no sheet {camera}, but {names}")
    return 0


def _inside(onset: Cell, start: Cell) -> bool:
    first, recording = frame_number(onset), frame_number(start)
    return first is None or recording is None or first >= recording
