"""Releases with one annotation table each: CASME, CASME II, SAMM, 4DME, MMEW.

CASME (Yan et al., FG 2013): 189 expressions at 60 frames/s in 170 recordings; the onset is part of
a clip's name, ``sub01_EP01_12_73``. Some clips pad the frame number, others do not. The apex is the
first of the table's two columns, ApexF1 and ApexF2. ::

    CASME_raw_selected/sub01/<clip>/<clip>-001.jpg     Cropped/sub01/<clip>/reg_<clip>-001.jpg

CASME II (Yan et al., PLOS ONE 2014): 255 clips of 26 subjects at 200 frames/s, 640x480 px. One apex
is ``/``. ``CASME2-RAW``, the tree of long recordings, is read too. ::

    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg       Cropped/sub01/EP02_01f/reg_img46.jpg

SAMM (Davison et al., IEEE TAC 2018): 159 clips of 29 subjects, grey, 200 frames/s, 960x650 px. The
table has 13 lines of explanation above its header. ::

    SAMM/006/006_1_2/006_05562.jpg                     SAMM_CROP/006/006_1_2/006_05562.jpg

4DME (Li et al., IEEE TAC 2022): 267 micro-expressions, here the grey videos. Emotions may be
joined, such as ``Surprise+Positive``: map or drop each of them. No public text states the frame
rate of these videos, so ``data.fps`` is required. ::

    gray_micro/<sub_ID>/<fold_name>/<anything><counter>.jpg     gray_micro_crop alike

MMEW (Ben et al., IEEE TPAMI 2022): 300 micro-expressions at 90 frames/s, cropped to 231x231 px. The
label comes from the table: some copies name the folder of the clips labelled others differently.
Macro-expressions are not read. ::

    Micro_Expression/<class>/S13-07-001/1.jpg

DFME (Zhao et al., IEEE TAC 2024): 200, 300 or 500 frames/s, in a column of its tables. One folder
and one table for each part of the official split: 1,856 clips of 176 subjects for training, 474 of
42 and 299 of 41 in the two test sets, no subject in two of them. An onset may be 0. ::

    DFME_train/sub0003_01/00109.png             training_full_with_AU.xlsx
    test_data_A/test_data_A/sub0008_01/...      testA_full_with_AU.xlsx, and B alike
"""

from __future__ import annotations

from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.annotated import Release, Row, headers, read
from microexpr.datasets.listing import Listing, Who
from microexpr.datasets.sheets import padded
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError
from microexpr.runtime.names import identifier

CASME = Release(
    key="casme",
    fps=60.0,
    trees={
        "raw": ("CASME_raw_selected", "CASME/CASME_raw_selected"),
        "cropped": ("Cropped", "CASME/Cropped"),
    },
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
        "raw": (
            *("CASME2_RAW_selected", "CASME2/CASME2_RAW_selected"),
            *("CASME2-RAW", "CASME2/CASME2-RAW"),
        ),
        "cropped": ("Cropped", "CASME2/Cropped", "Cropped-updated/Cropped"),
    },
    subjects="sub[0-9]*",
    tables=("casme2-coding*",),
    spell=padded(2, "sub"),
)
SAMM = Release(
    key="samm",
    fps=200.0,
    trees={"raw": ("SAMM", "SAMM/SAMM"), "cropped": ("SAMM_CROP", "SAMM/SAMM_CROP")},
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
        *("sub_ID", "fold_name"), onset="Onset", apex="Apex", offset="Offset", emotion="Emotion"
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


def _dfme(split: str, table: str, *trees: str) -> Dfme:
    places = tuple(f"{above}{tree}" for above in ("", "DFME/") for tree in trees)
    return Dfme(
        key="dfme",
        fps=None,
        trees={"raw": places},
        subjects="sub[0-9]*_[0-9]*",
        tables=(f"{table}_full_with_au*", f"{table}*"),
        columns=headers(emotion="Emotion", fps="Fps"),
        own_names=True,
        split=split,
    )


DFME = (
    _dfme("train", "training", "DFME_train", "train_data", "training", "train"),
    _dfme("testA", "testa", "test_data_A", "DFME_testA", "testA"),
    _dfme("testB", "testb", "test_data_B", "DFME_testB", "testB"),
)


def read_dfme(data: Data) -> Listing:
    """List the clips of all parts of DFME's official split.

    A part without a table or without frames is a finding: its labels may not be public.
    """
    whole = Listing()
    for part in DFME:
        with whole.noted("missing_clips", f"part {part.split}"):
            found = read(data, part)
            whole.clips += found.clips
            whole.findings += found.findings
    return whole
