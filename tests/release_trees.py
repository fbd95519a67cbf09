"""Small copies of the releases, written in exactly their layout: mock frames, real tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
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
    """Make small images."""
    folder.mkdir(parents=True, exist_ok=True)
    content = _image(Path(pattern).suffix)
    for counter in counters:
        (folder / pattern.format(counter)).write_bytes(content)
    return folder


@cache
def _image(suffix: str) -> bytes:
    return cv2.imencode(suffix, np.zeros((4, 4), np.uint8))[1].tobytes()


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
    """Make SAMM's 159 clips of 29 subjects: 28 have clips of three classes, 27 of five."""
    rows, shared = [], frames(root / "shared", range(99, 117), "006_{:05d}.jpg")
    for number, subject, emotion in _deal(SAMM_EMOTIONS, 29, 27, "Other"):
        # The 28th has clips of sadness alone, which is none of the five classes.
        owner = "028" if emotion == "Sadness" else f"0{subject}"
        owner = "027" if emotion == "Other" and owner == "028" else owner
        rows.append(samm_row(owner, f"{owner}_{number}_1", (101, 108, 114), emotion))
        linked(root / tree / owner / rows[-1][1], shared)
    table = {"MICRO_ONLY": [*SAMM_NOTES, SAMM_HEADER, *rows]}
    workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", table)
    return root


CASME_EMOTIONS = {
    "tense": 68, "disgust": 45, "repression": 39, "surprise": 20, "happiness": 7, "sadness": 6,
    "fear": 2, "contempt": 2,
}  # fmt: skip
CASME3_EMOTIONS = {
    "others": 161, "disgust": 250, "surprise": 187, "fear": 86, "anger": 64, "sad": 57, "happy": 55,
}  # fmt: skip
MMEW_EMOTIONS = {
    "surprise": 89, "disgust": 72, "others": 66, "happiness": 36, "fear": 16, "sadness": 13,
    "anger": 8,
}  # fmt: skip
DFME_HEADER = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps",
    "AU",
)  # fmt: skip
# Folder, emotions (in the order of their numbers) and subjects of each part.
DFME_PARTS = {
    "training": ("DFME_train", (161, 100, 548, 265, 206, 278, 298), range(1, 177)),
    "testA": ("test_data_A/test_data_A", (39, 34, 129, 62, 63, 46, 101), range(177, 219)),
    "testB": ("test_data_B/test_data_B", (41, 37, 58, 38, 42, 35, 48), range(219, 260)),
}
DFME_NAMES = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")


def casme_tree(root: Path) -> Path:
    """Make CASME's 189 expressions of 18 subjects: each two lie in one recording."""
    header = ("Subject", "Filename", "OnsetF", "ApexF1", "ApexF2", "OffsetF", "AU", "Emotion")
    shared, rows = frames(root / "shared", range(1, 60), "EP01_1-{:03d}.jpg"), []
    for number, subject, emotion in _deal(CASME_EMOTIONS, 18, 18, "tense"):
        onset, name = (2, 31)[number % 2], f"EP{number // 36:02d}_1"
        span = (onset, onset + 5, 0, onset + 19)
        rows.append((int(subject), name, *span, "4+7", emotion))
    for subject, name in dict.fromkeys(row[:2] for row in rows):
        linked(root / f"CASME_raw_selected/sub{subject:02d}/{name}", shared)
    workbook(root / "casme.xlsx", {"Sheet1": [header, *_unlike(rows)]})
    return root


def _unlike(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Shift rows that describe the same frames of a recording by a frame each."""
    seen: dict[tuple[object, ...], int] = {}
    moved = []
    for row in rows:
        shift = seen[row[:3]] = seen.get(row[:3], -1) + 1
        moved.append((*row[:2], *(frame + shift for frame in row[2:6]), *row[6:]))
    return moved


def casme3_tree(root: Path) -> Path:
    """Make part A of CAS(ME)^3, 860 expressions of 94 subjects, with both versions of its table."""
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
    shared, rows = frames(root / "shared", range(1, 60), "{}.jpg"), []
    for number, subject, emotion in _deal(CASME3_EMOTIONS, 94, 88, "others"):
        name = "abcdefghijklm"[number % 13]
        onset = 1 + number // 94
        span = tuple(str(frame) for frame in (onset, onset + 3, onset + 11))
        rows.append((f"spNO.{int(subject)}", name, *span, "R4+12", "II", emotion))
    for subject, name in dict.fromkeys(row[:2] for row in rows):
        linked(root / f"part_A/{subject}/{name}/color", shared)
    table = "cas(me)3_part_A_ME_label_JpgIndex_v"
    workbook(root / f"{table}2.xlsx", {"label": [header, *rows], "Sheet1": []})
    (root / f"{table}1.xls").write_bytes(b"an old format")
    return root


def mmew_tree(root: Path) -> Path:
    """Make MMEW's 300 clips, in folders of their classes."""
    header = (
        *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units"),
        *("Estimated Emotion", "remarks"),
    )
    shared, rows = frames(root / "shared", range(1, 31), "{}.jpg"), []
    for number, subject, emotion in _deal(MMEW_EMOTIONS, 30, 30, "others"):
        rows.append((int(subject), f"S{subject}-07-{number:03d}", 1, 9, 20, "12", emotion, None))
        linked(root / "Micro_Expression" / emotion / rows[-1][1], shared)
    workbook(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [header, *rows]})
    return root


def fourdme_tree(root: Path) -> Path:
    """Make a small 4DME: single and joined emotions."""
    header = ("sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "AU1")
    shared, rows = frames(root / "shared", range(1, 31), "{}.jpg"), []
    names = ("Positive", "Negative", "Surprise", "Repression", "Others", "Surprise+Positive")
    for subject in range(1, 12):
        for name in names:
            rows.append((f"{subject:02d}", f"{name[:3]}_{len(rows)}", name, 1, 9, 20, "4+7(k)", 0))
            linked(root / "gray_micro" / rows[-1][0] / rows[-1][1], shared)
    workbook(root / "4DME_Labelling_Micro_release v1.xlsx", {"Sheet1": [header, *rows]})
    return root


def dfme_tree(root: Path) -> Path:
    """Make the three parts of DFME: 2,629 clips of 259 subjects at 200, 300 and 500 frames/s."""
    shared = frames(root / "shared", range(20), "{:05d}.png")
    for part, (tree, counts, people) in DFME_PARTS.items():
        labels = [label for label, count in enumerate(counts) for _ in range(count)]
        rows = []
        for number, label in enumerate(labels):
            subject = f"sub{people[number % len(people)]:04d}"
            name, fps = f"{subject}_{number // len(people):02d}", (200, 300, 500)[number % 3]
            rows.append((subject, name, 0, 9, 19, DFME_NAMES[label], label, fps, "L12"))
            linked(root / tree / name, shared)
        workbook(root / f"{part}_full_with_AU.xlsx", {"Sheet1": [DFME_HEADER, *rows]})
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
