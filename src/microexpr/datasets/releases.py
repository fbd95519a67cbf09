"""Releases with one annotation table each; docs/datasets.md has what is known of each."""

from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.annotated import Release, Row, headers, read
from microexpr.datasets.listing import Listing, Who
from microexpr.datasets.sheets import padded
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError
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
