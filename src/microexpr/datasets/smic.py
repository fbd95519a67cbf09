"""SMIC (Li et al., FG 2013): 164 high-speed clips of 16 subjects, labelled by their folders.

docs/datasets.md has the layout; clips without an expression are ``s3/non_micro/<clip>``. Subjects
are spelt s3 or s03, clips s3_ne_03 or s03_ne_03, surprise _sur_ or _su_. A clip is cut from onset
to offset.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets import annotated
from microexpr.datasets.annotated import Release, Row
from microexpr.datasets.listing import About, Labels, Listing, Who
from microexpr.datasets.sheets import Cell, frame_number, padded, sheet_names, text, with_header
from microexpr.datasets.tree import Tree
from microexpr.errors import DataError
from microexpr.runtime.names import identifier
from microexpr.video.suffixes import folders, list_images

FPS = {"HS": 100.0, "VIS": 25.0, "NIR": 25.0}
CODES = {
    **dict.fromkeys(("ne", "neg"), "negative"),
    **dict.fromkeys(("po", "pos"), "positive"),
    **dict.fromkeys(("su", "sur"), "surprise"),
}
SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}
FOLDERS = {**{name: name for name in SHORT}, "surprised": "surprise"}


def read(data: Data) -> Listing:
    """List the clips of a SMIC tree; a folder outside this layout is a finding.

    ``data.version`` and ``camera`` select the tree; clips without a micro-expression are read when
    ``labels`` contains ``non_micro``. DataError: the tree is missing.
    """
    listing, labels = Listing(), Labels(data)
    for subject_folder in folders(_camera_folder(data)):
        match = re.fullmatch(r"s0*(\d+)", subject_folder.name.lower())
        if match is None:
            detail = f"{subject_folder}: is not a subject's folder (s1, s2, ...)"
            listing.add("unreadable_rows", "dropped", detail)
            continue
        subject = f"s{match[1]}"
        for emotion, folder in _labelled_folders(subject_folder, data, listing, subject):
            who: Who = {"clip_id": folder.name, "subject": subject}
            with listing.noted("unreadable_rows", who=who.copy()):
                who["clip_id"] = _clip_id(subject, emotion, folder)
                label = labels.of(emotion, listing, **who)
                if label is not None:
                    _add(listing, label, folder, data, who)
    return listing


def clip_name(name: str) -> str | None:
    """Return a clip's name as the release spells it (s03_neg_3 is s3_ne_03); None for no name."""
    match = re.fullmatch(r"s0*(\d+)_([a-z]+)_0*(\d+)", name.strip().lower())
    if match is None or match[2] not in CODES:
        return None
    return f"s{match[1]}_{SHORT[CODES[match[2]]]}_{int(match[3]):02d}"


def _camera_folder(data: Data) -> Path:
    root, tree = Path(data.root), f"SMIC_all_{data.version}"
    for above in (root / tree, root, root / "SMIC" / tree):
        if (above / data.camera).is_dir():
            return above / data.camera
    raise DataError(f"data.root: no folder {tree}/{data.camera} in {root}")


def _labelled_folders(
    subject: Path, data: Data, listing: Listing, name: str
) -> Iterator[tuple[str, Path]]:
    for label_folder in folders(subject / "micro"):
        label = FOLDERS.get(label_folder.name.strip().lower())
        if label is None:
            detail = f"{label_folder}: unknown class folder, known are {sorted(FOLDERS)}"
            listing.add("unreadable_rows", "dropped", detail, subject=name)
            continue
        for folder in folders(label_folder):
            yield label, folder
    if "non_micro" in data.labels:
        for folder in folders(subject / "non_micro"):
            yield "non_micro", folder


def _clip_id(subject: str, label: str, folder: Path) -> str:
    if label == "non_micro":
        return identifier(f"{subject}_non_{folder.name}")
    name = clip_name(folder.name)
    if name is None:
        raise DataError(f"{folder}: is not a clip's name (s3_ne_03)")
    owner, code, _ = name.split("_")
    if owner != subject:
        raise DataError(f"{folder}: clip of {owner} in the folder of {subject}")
    if CODES[code] != label:
        raise DataError(f"{folder}: clip code {code!r} in the class folder {label}")
    return name


def _add(listing: Listing, label: str, folder: Path, data: Data, who: Who) -> None:
    with listing.noted("unreadable_files", who=who):
        images = list_images(folder)
        # The folder of a micro-expression holds it from onset to offset.
        cut = bool(images) and label != "non_micro"
        about: About = {**who}
        about |= {"onset": images[0][0], "offset": images[-1][0]} if cut else {}
        source, fps = folder.relative_to(data.root).as_posix(), data.fps or FPS[data.camera]
        listing.add_images(images, fps=fps, source=source, label=label, **about)


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
    return annotated.read(data, release)


def _sheet(table: Path, camera: str) -> str | int:
    names = sheet_names(table)
    if camera in names:
        return camera
    if names and f"-{camera}-" not in table.name:
        raise DataError(f"{table}: has no sheet {camera}, but {names}")
    return 0


def _inside(onset: Cell, start: Cell) -> bool:
    first, recording = frame_number(onset), frame_number(start)
    return first is None or recording is None or first >= recording
