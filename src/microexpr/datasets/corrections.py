"""Known errors in the annotations of releases, and their corrections.

A row is found by subject, clip and, where a clip has several expressions, the printed onset: never
by its line. A correction is applied only where the table has another number, and each one that is
applied is listed in ``results/manifest_report.csv``. Errors known by line only, and third-party
estimates of an apex, are listed in docs/datasets.md and are not applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CAS3_TABLE = "the release's own CAS(ME)3_part_A_v2.xls"
CAS3_ERRORS = "the release's list casme3_partA_error_list_ZhouJu.xlsx: 0.jpg does not exist"
MEB = "tvaranka/meb, checked there against the frames"


@dataclass(frozen=True)
class Correction:
    """One wrong row, and the right numbers."""

    dataset: str  # data.kind
    subject: str  # as in the manifest
    name: str  # as in the table's column of file names
    becomes: Mapping[str, int]  # new frame numbers by field: onset, apex, offset
    source: str  # where the correction comes from
    onset: int | None = None  # the printed onset, where subject and name are not enough


CORRECTIONS = (
    Correction(
        "samm",
        "013",
        "013_1_9",
        {"offset": 5739},
        f"{MEB}; the table's own duration of 82 frames from onset 5658",
    ),
    Correction("casme3", "spNO.149", "d", {"apex": 160}, CAS3_TABLE, onset=112),
    Correction("casme3", "spNO.214", "c", {"offset": 34}, MEB, onset=5),
    Correction("casme3", "spNO.216", "d", {"onset": 2647}, CAS3_TABLE, onset=3647),
    Correction("casme3", "spNO.216", "e", {"onset": 1, "apex": 1}, CAS3_ERRORS, onset=0),
    Correction("casme3", "spNO.40", "e", {"offset": 1845}, CAS3_TABLE, onset=1812),
    Correction("casme3", "spNO.40", "e", {"offset": 2403}, CAS3_TABLE, onset=2327),
)


def correct(
    dataset: str, subject: str, name: str, frames: Mapping[str, int | None]
) -> tuple[dict[str, int | None], str]:
    """Correct the printed onset, apex and offset of a row.

    Returns
    -------
    frames : dict
        Corrected numbers.
    note : str
        The changes and their source; empty when there are none.
    """
    for known in CORRECTIONS:
        if (known.dataset, known.subject, known.name) != (dataset, subject, name):
            continue
        if known.onset is not None and known.onset != frames["onset"]:
            continue
        changed = {key: n for key, n in known.becomes.items() if frames[key] != n}
        if changed:
            texts = [f"{key} {frames[key]} becomes {n}" for key, n in changed.items()]
            return {**frames, **changed}, f"{', '.join(texts)} ({known.source})"
    return dict(frames), ""
