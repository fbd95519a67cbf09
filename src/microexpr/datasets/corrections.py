"""Known errors in the annotations of releases, their corrections, and versions of tables.

A row is found by subject, clip and, where a clip has several expressions, the printed onset: never
by its line. docs/datasets.md has the sources, and what is not applied.
"""

from collections.abc import Mapping
from typing import NamedTuple

Frames = dict[str, int | None]  # numbers by field of a row
CAS3_TABLE = "the release's own CAS(ME)3_part_A_v2.xls"
CAS3_ERRORS = "the release's list casme3_partA_error_list_ZhouJu.xlsx: 0.jpg does not exist"
MEB = "tvaranka/meb, checked there against the frames"
SAMM_DURATION = "the table's own duration of 82 frames from onset 5658"
SAMM_APEX = "outside the clip in SAMM_Micro_FACS_Codes_v2.xlsx; copies retype it as {}, unconfirmed"


class Correction(NamedTuple):
    """One wrong row, and the right numbers."""

    dataset: str  # data.kind
    subject: str  # as in the manifest
    name: str  # as in the table's column of file names
    printed: Frames  # numbers that the row must have
    becomes: Frames  # new ones, None for one that is unknown
    source: str  # where the correction comes from


CORRECTIONS = (
    Correction("samm", "013", "013_1_9", {}, {"offset": 5739}, f"{MEB}; {SAMM_DURATION}"),
    Correction("samm", "028", "028_4_1", {"apex": 1143}, {"apex": None}, SAMM_APEX.format(1124)),
    Correction("samm", "032", "032_3_1", {"apex": 1930}, {"apex": None}, SAMM_APEX.format(4930)),
    Correction("casme3", "spNO.149", "d", {"onset": 112}, {"apex": 160}, CAS3_TABLE),
    Correction("casme3", "spNO.214", "c", {"onset": 5}, {"offset": 34}, MEB),
    Correction("casme3", "spNO.216", "d", {"onset": 3647}, {"onset": 2647}, CAS3_TABLE),
    Correction("casme3", "spNO.216", "e", {"onset": 0}, {"onset": 1, "apex": 1}, CAS3_ERRORS),
    Correction("casme3", "spNO.40", "e", {"onset": 1812}, {"offset": 1845}, CAS3_TABLE),
    Correction("casme3", "spNO.40", "e", {"onset": 2327}, {"offset": 2403}, CAS3_TABLE),
)


def correct(dataset: str, subject: str, name: str, frames: Frames) -> tuple[Frames, str]:
    """Correct the frame numbers of a row; the note says what and why, or nothing."""
    for known in CORRECTIONS:
        if known[:3] == (dataset, subject, name) and known.printed.items() <= frames.items():
            changed = {key: n for key, n in known.becomes.items() if frames[key] != n}
            if changed:
                texts = [
                    f"{key} {frames[key]} " + ("is not used" if n is None else f"becomes {n}")
                    for key, n in changed.items()
                ]
                return {**frames, **changed}, f"{', '.join(texts)} ({known.source})"
    return frames, ""


SUB24 = ("EP07_01", "EP07_04f", "EP10_03")
TABLES = {"sadness": "the table of 2014", "surprise": "the table of 2019"}  # by their emotion


def version(dataset: str, emotions: Mapping[tuple[str, str], str]) -> str:
    """Return the version of CASME II's table with these emotions: three clips differ; or ``""``."""
    found = {emotions.get(("sub24", name), "").casefold() for name in SUB24}
    if dataset != "casme2" or len(found) > 1 or not found <= set(TABLES):
        return ""
    (emotion,), (other,) = found, set(TABLES) - found
    clips = f"sub24 {', '.join(SUB24)} are {emotion}, in {TABLES[other]} {other}"
    return f"{TABLES[emotion]}: {clips}"
