"""Small copies of the releases, written in exactly their layout: mock frames, real tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

from microexpr import datasets
from microexpr.config import Data, Demo
from microexpr.datasets import Listing

Span = tuple[object, object, object]
CASME2_HEADER = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
    "Estimated Emotion",
)  # fmt: skip
SAMM_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
    "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
# What stands above SAMM's header, which is on line 14.
SAMM_NOTES = [["SAMM Dataset - Master FACS Codes"], *([None],) * 4, ["Symbol Key:"], *([None],) * 7]
# Clips a subject of SMIC-HS: negative, positive, surprise (public label lists).
SMIC_HS = {
    1: (3, 2, 1), 2: (0, 1, 5), 3: (22, 11, 6), 4: (10, 4, 5), 5: (1, 0, 1), 6: (2, 0, 2),
    8: (9, 4, 0), 9: (0, 1, 3), 11: (3, 3, 1), 12: (0, 8, 1), 13: (0, 10, 0), 14: (3, 2, 5),
    15: (1, 1, 2), 18: (2, 0, 5), 19: (0, 1, 1), 20: (14, 3, 5),
}  # fmt: skip
CLASSES = (("negative", "ne"), ("positive", "po"), ("surprise", "sur"))
# Emotions of the releases' tables: 255 and 159 rows.
CASME2_EMOTIONS = {
    "others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25, "sadness": 7,
    "fear": 2,
}  # fmt: skip
SAMM_EMOTIONS = {
    "Anger": 57, "Other": 26, "Happiness": 26, "Surprise": 15, "Contempt": 12, "Disgust": 9,
    "Fear": 8, "Sadness": 6,
}  # fmt: skip
# The two of CASME II that the list of MEGC 2019 lacks.
NOT_IN_MEGC = (("04", "EP12_01f"), ("05", "EP09_05f"))


def listing(**data: object) -> Listing:
    """Read a data set of these settings."""
    return datasets.read(Data(**data), Demo())


def problems(found: Listing) -> list[tuple[str, str]]:
    """Give problem and clip of all findings."""
    return [(finding.problem, finding.clip_id) for finding in found.findings]


def frames(folder: Path, counters: Iterable[int], pattern: str = "img{}.jpg") -> Path:
    """Make files that begin like an image and hold nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for counter in counters:
        (folder / pattern.format(counter)).write_bytes(b"BM")
    return folder


def linked(folder: Path, target: Path) -> None:
    """Make a clip's folder a link to frames that many clips share: thousands of files less."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(target.absolute(), target_is_directory=True)


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """Write a .xlsx file."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def casme2_row(subject: object, name: object, span: Span, emotion: str) -> tuple[object, ...]:
    """Give a row of CASME II's table; `span` is onset, apex and offset."""
    return (subject, name, None, *span, None, "4+7", emotion)


def samm_row(subject: object, name: object, span: Span, emotion: str) -> tuple[object, ...]:
    """Give a row of SAMM's table; `span` is onset, apex and offset."""
    return (subject, name, 1, *span, 71, "Micro - 1/2", "4+7", emotion, 3, None)


def smic_tree(
    root: Path,
    *,
    prefix: str = "image",
    suffix: str = ".bmp",
    pad: int = 1,
    non_micro: bool = False,
) -> Path:
    """Make SMIC-HS's folders with two image files a clip."""
    shared = frames(root / "shared", (99999, 100000), prefix + "{}" + suffix)
    for subject, counts in SMIC_HS.items():
        for (label, code), count in zip(CLASSES, counts, strict=True):
            for number in range(1, count + 1):
                clip = f"s{subject:0{pad}d}_{code}_{number:02d}"
                owner = root / f"HS/s{subject:0{pad}d}"
                linked(owner / "micro" / label / clip, shared)
                if non_micro:
                    linked(owner / "non_micro" / clip, shared)
    return root


def casme2_tree(root: Path, tree: str = "CASME2_RAW_selected", prefix: str = "img") -> Path:
    """Make CASME II's 255 clips of 26 subjects, 24 of whom have clips of three classes."""
    special, rows = dict(NOT_IN_MEGC), []
    for number, subject, emotion in _deal(CASME2_EMOTIONS, 26, 24, "others"):
        name = special.pop(subject, None) if emotion == "disgust" else None
        rows.append(casme2_row(subject, name or f"EP01_{number:02d}", (11, 18, 24), emotion))
    shared = frames(root / "shared", range(9, 27), prefix + "{}.jpg")
    for row in rows:
        linked(root / tree / f"sub{row[0]}" / row[1], shared)
    workbook(root / "CASME2-coding-20140508.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    return root


def samm_tree(root: Path, tree: str = "SAMM") -> Path:
    """Make SAMM's 159 clips of 29 subjects, 28 of whom have clips of three classes."""
    rows, shared = [], frames(root / "shared", range(99, 117), "006_{:05d}.jpg")
    for number, subject, emotion in _deal(SAMM_EMOTIONS, 29, 28, "Other"):
        owner = f"0{subject}"
        rows.append(samm_row(owner, f"{owner}_{number}_1", (101, 108, 114), emotion))
        linked(root / tree / owner / rows[-1][1], shared)
    table = {"MICRO_ONLY": [*SAMM_NOTES, SAMM_HEADER, *rows]}
    workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", table)
    return root


def _deal(
    emotions: Mapping[str, int], everyone: int, usual: int, rest: str
) -> Iterator[tuple[int, str, str]]:
    """Distribute numbered clips: only clips of emotion `rest` go to everyone."""
    number = 0
    for emotion, count in emotions.items():
        for turn in range(count):
            number += 1
            subject = turn % (everyone if emotion == rest else usual) + 1
            yield number, f"{subject:02d}", emotion
