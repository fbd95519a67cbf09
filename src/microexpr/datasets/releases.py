"""Releases with annotation tables; docs/datasets.md has what is known of each.

CAS(ME)^2 has three sheets without headers: expressions (participant, video and number, onset, apex,
offset, AUs, emotion, micro or macro), subjects (number and name of folder, participant) and videos
(code, name). A recording is found by ``15_0101``: the rest of the name differs between folders.
"""

from collections.abc import Iterable
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.annotated import Release, Row, headers, read
from microexpr.datasets.listing import Listing, Who
from microexpr.datasets.sheets import Cell, padded, read_rows, text
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError, Faults
from microexpr.runtime.names import identifier


def _copies(above: str, tree: str) -> tuple[str, str]:
    """Return where a tree lies: below the root, or in the folder of the release."""
    return tree, f"{above}/{tree}"


CASME = Release(
    key="casme",
    fps=60.0,
    trees={"raw": _copies("CASME", "CASME_raw_selected"), "cropped": _copies("CASME", "Cropped")},
    subjects="sub[0-9]*",
    tables=("casme",),
    columns=headers(onset="OnsetF", apex="ApexF1", offset="OffsetF", emotion="Emotion"),
    spell=padded(2, "sub"),
    several=True,
)
CASME2 = Release(
    key="casme2",
    fps=200.0,
    trees={
        "raw": _copies("CASME2", "CASME2_RAW_selected") + _copies("CASME2", "CASME2-RAW"),
        "cropped": (*_copies("CASME2", "Cropped"), "Cropped-updated/Cropped"),
    },
    subjects="sub[0-9]*",
    tables=("casme2-coding*",),
    spell=padded(2, "sub"),
)
SAMM = Release(
    key="samm",
    fps=200.0,
    trees={"raw": _copies("SAMM", "SAMM"), "cropped": _copies("SAMM", "SAMM_CROP")},
    subjects="[0-9][0-9][0-9]",
    tables=("samm_micro_facs_codes*",),
    spell=padded(3),
    own_names=True,
)
FOURDME = Release(
    key="fourdme",
    fps=None,
    trees={
        "raw": ("gray_micro", "4DMicro/gray_micro", "4DME/gray_micro"),
        "cropped": ("gray_micro_crop", "4DMicro/gray_micro_crop", "4DME/gray_micro_crop"),
    },
    subjects="*[0-9]*",
    tables=("4dme_labelling_micro*",),
    columns=headers(
        **{"subject": "sub_ID", "name": "fold_name", "emotion": "Emotion"},
        **{"onset": "Onset", "apex": "Apex", "offset": "Offset"},
    ),
)


class ByClass(Release):
    """Clips lie in folders of their class, not of their subject."""

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Find the clip in the folders of all classes."""
        found = [path for path in tree.grandchildren() if path.name == row.name]
        if len(found) > 1:
            names = " and ".join(path.parent.name for path in found)
            raise DataError(f"{tree.root}: clip {row.name} is in {names}")
        return found[0] if found else None


MMEW_TREES = ("Micro_Expression", "MMEW_Final/Micro_Expression", "MMEW/Micro_Expression")
MMEW = ByClass(
    key="mmew",
    fps=90.0,
    trees={"raw": MMEW_TREES, "cropped": MMEW_TREES},
    subjects="disgust",  # one of the class folders
    tables=("mmew_micro_exp*",),
    spell=padded(2, "S"),
    own_names=True,
)


class Dfme(Release):
    """One part of DFME: the clips lie beside each other, without folders of subjects."""

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Find ``sub0003_01``."""
        return tree.find(row.name)

    def clips(self, tree: Tree) -> list[Path]:
        """Return all folders of clips."""
        return tree.folders()

    def owner(self, folder: Path) -> Who:
        """Return the clip and the subject that its name begins with."""
        return {"clip_id": identifier(folder.name), "subject": folder.name.partition("_")[0]}


DFME_PARTS = {  # of the official split: name of the table, folders
    "train": ("training", ("DFME_train", "train_data", "training", "train")),
    "testA": ("testa", ("test_data_A", "DFME_testA", "testA")),
    "testB": ("testb", ("test_data_B", "DFME_testB", "testB")),
}
DFME = tuple(
    Dfme(
        key="dfme",
        fps=None,
        trees={"raw": (*trees, *(f"DFME/{tree}" for tree in trees))},
        subjects="sub[0-9]*_[0-9]*",
        tables=(f"{table}_full_with_au*", f"{table}*"),
        columns=headers(emotion="Emotion", fps="Fps"),
        own_names=True,
        split=split,
    )
    for split, (table, trees) in DFME_PARTS.items()
)


def read_dfme(data: Data) -> Listing:
    """List the clips of DFME's official split; a part that is not there is a finding."""
    whole = Listing()
    for part in DFME:
        with whole.noted("missing_clips", f"part {part.split}"):
            found = read(data, part)
            whole.clips += found.clips
            whole.findings += found.findings
    return whole


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
