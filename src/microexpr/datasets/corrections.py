"""Known errors in the annotations of releases, their corrections, and versions of tables.

A row is found by subject, clip and, where a clip has several expressions, the printed onset: never
by its line. docs/datasets.md has the sources, and what is not applied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CAS3_TABLE = "the release's own CAS(ME)3_part_A_v2.xls"
CAS3_ERRORS = "the release's list casme3_partA_error_list_ZhouJu.xlsx: 0.jpg does not exist"
MEB = "tvaranka/meb, checked there against the frames"
SAMM_APEX = "outside the clip in SAMM_Micro_FACS_Codes_v2.xlsx; copies retype it as {}, unconfirmed"


@dataclass(frozen=True)
class Correction:
    """One wrong row, and the right numbers."""

    dataset: str  # data.kind
    subject: str  # as in the manifest
    name: str  # as in the table's column of file names
    becomes: Mapping[str, int | None]  # new frame numbers by field, None for one that is unknown
    source: str  # where the correction comes from
    printed: Mapping[str, int] = field(default_factory=dict)  # numbers that the row must have


CORRECTIONS = (
    Correction(
        "samm",
        "013",
        "013_1_9",
        {"offset": 5739},
        f"{MEB}; the table's own duration of 82 frames from onset 5658",
    ),
    Correction(
        *("samm", "028", "028_4_1", {"apex": None}, SAMM_APEX.format(1124)), printed={"apex": 1143}
    ),
    Correction(
        *("samm", "032", "032_3_1", {"apex": None}, SAMM_APEX.format(4930)), printed={"apex": 1930}
    ),
    Correction("casme3", "spNO.149", "d", {"apex": 160}, CAS3_TABLE, printed={"onset": 112}),
    Correction("casme3", "spNO.214", "c", {"offset": 34}, MEB, printed={"onset": 5}),
    Correction("casme3", "spNO.216", "d", {"onset": 2647}, CAS3_TABLE, printed={"onset": 3647}),
    Correction(
        "casme3", "spNO.216", "e", {"onset": 1, "apex": 1}, CAS3_ERRORS, printed={"onset": 0}
    ),
    Correction("casme3", "spNO.40", "e", {"offset": 1845}, CAS3_TABLE, printed={"onset": 1812}),
    Correction("casme3", "spNO.40", "e", {"offset": 2403}, CAS3_TABLE, printed={"onset": 2327}),
)


def correct(
    dataset: str, subject: str, name: str, frames: Mapping[str, int | None]
) -> tuple[dict[str, int | None], str]:
    """Correct the frame numbers of a row; the note says what and why, or nothing."""
    for known in CORRECTIONS:
        if (known.dataset, known.subject, known.name) != (dataset, subject, name):
            continue
        if any(frames[key] != number for key, number in known.printed.items()):
            continue
        changed = {key: n for key, n in known.becomes.items() if frames[key] != n}
        if changed:
            texts = [
                f"{key} {frames[key]} " + ("is not used" if n is None else f"becomes {n}")
                for key, n in changed.items()
            ]
            return {**frames, **changed}, f"{', '.join(texts)} ({known.source})"
    return dict(frames), ""


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
