"""SMIC (Li et al., FG 2013): 164 high-speed clips of 16 subjects, labelled by their folders.

Both trees of the release are read, for each of the three cameras::

    SMIC_all_raw/HS/s3/micro/negative/s3_ne_03/image<counter>.bmp            640x480
    SMIC_all_cropped/HS/s3/micro/negative/s3_ne_03/reg_image<counter>.bmp    about 140x170
    SMIC_all_raw/HS/s3/non_micro/<clip>/image<counter>.bmp

Subjects are spelt s3 or s03, clips s3_ne_03 or s03_ne_03, surprise _sur_ or _su_.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.images import list_images
from microexpr.errors import DataError
from microexpr.manifest import Clip, identifier

CODES = {
    "ne": "negative",
    "neg": "negative",
    "po": "positive",
    "pos": "positive",
    "su": "surprise",
    "sur": "surprise",
}
SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}
FOLDERS = {
    "negative": "negative",
    "positive": "positive",
    "surprise": "surprise",
    "surprised": "surprise",
}


def read(data: Data) -> list[Clip]:
    """List the clips of a SMIC tree.

    Parameters
    ----------
    data : Data
        ``root`` is the folder that holds ``SMIC_all_raw`` or ``SMIC_all_cropped`` (or one of these
        itself); ``version`` and ``camera`` choose the tree. Clips without a micro-expression are
        read when ``labels`` names ``non_micro``.

    Raises
    ------
    DataError
        When the tree is missing, or a folder or clip does not fit the layout.
    """
    camera = _camera_folder(data)
    clips = []
    for subject_folder in _folders(camera):
        match = re.fullmatch(r"s0*(\d+)", subject_folder.name.lower())
        if match is None:
            raise DataError(f"{subject_folder}: is not a subject's folder (s1, s2, ...)")
        for label, folder in _labelled_folders(subject_folder, data):
            clips.append(_clip(f"s{match[1]}", label, folder, data))
    return clips


def _camera_folder(data: Data) -> Path:
    root = Path(data.root)
    tree = f"SMIC_all_{data.version}"
    candidates = [root / tree / data.camera, root / data.camera, root / "SMIC" / tree / data.camera]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise DataError(f"data.root: no folder {tree}/{data.camera} in {root}")


def _folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))


def _labelled_folders(subject: Path, data: Data) -> Iterator[tuple[str, Path]]:
    micro = subject / "micro"
    for label_folder in _folders(micro) if micro.is_dir() else []:
        label = FOLDERS.get(label_folder.name.strip().lower())
        if label is None:
            raise DataError(f"{label_folder}: unknown class folder, known are {sorted(FOLDERS)}")
        for folder in _folders(label_folder):
            yield label, folder
    other = subject / "non_micro"
    if "non_micro" in data.labels and other.is_dir():
        for folder in _folders(other):
            yield "non_micro", folder


def _clip(subject: str, label: str, folder: Path, data: Data) -> Clip:
    if label == "non_micro":
        clip_id = identifier(f"{subject}_non_{folder.name}")
    else:
        clip_id = _clip_id(subject, label, folder)
    images = list_images(folder)
    return Clip(
        clip_id=clip_id,
        subject=subject,
        label=label,
        kind="images",
        source=folder.relative_to(data.root).as_posix(),
        frames=len(images),
        first=images[0][0] if images else 0,
        last=images[-1][0] if images else 0,
        fps=data.fps,
    )


def _clip_id(subject: str, label: str, folder: Path) -> str:
    match = re.fullmatch(r"s0*(\d+)_([a-z]+)_0*(\d+)", folder.name.strip().lower())
    if match is None:
        raise DataError(f"{folder}: is not a clip's name (s3_ne_03)")
    if f"s{match[1]}" != subject:
        raise DataError(f"{folder}: clip of s{match[1]} in the folder of {subject}")
    if CODES.get(match[2]) != label:
        raise DataError(f"{folder}: clip code {match[2]!r} in the class folder {label}")
    return f"{subject}_{SHORT[label]}_{int(match[3]):02d}"
