"""Lists of folds that papers can cite: a table like ``folds.csv``, with its checksum beside it.

``folds/megc2019-loso-v1.csv`` is one: clip, subject, label and the fold that tests the clip. Names
are compared without case and leading zeros, because copies of the releases differ in them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microexpr.datasets.manifest import Clip, natural
from microexpr.errors import Faults, ProtocolError
from microexpr.protocol import COLUMNS, Fold, folds_by_name
from microexpr.runtime.files import AnyPath
from microexpr.runtime.names import alike
from microexpr.runtime.tables import check_seal, read_rows, write_rows

SHOWN = 5  # names in a message


@dataclass(frozen=True)
class FoldList:
    """A list of folds; `rows` have the columns of ``folds.csv``, by `alike` name of the clip."""

    path: Path
    sha256: str
    rows: Mapping[str, Mapping[str, str]]


def read_list(path: AnyPath) -> FoldList:
    """Read a list and compare it with its checksum; DataError or ProtocolError on others."""
    digest, rows = check_seal(path), dict[str, dict[str, str]]()
    for row in read_rows(path):
        if missing := [name for name in COLUMNS if name not in row]:
            raise ProtocolError(f"{path}: not a list of folds (no column {missing[0]})")
        if alike(row["clip_id"]) in rows:
            raise ProtocolError(f"{path}: clip {row['clip_id']} has two rows")
        rows[alike(row["clip_id"])] = row
    return FoldList(Path(path), digest, rows)


def write_list(path: AnyPath, rows: Iterable[Mapping[Any, Any]]) -> str:
    """Write a list, sorted by name, and its checksum, which is returned; see `COLUMNS`."""
    kept = [{name: row[name] for name in COLUMNS} for row in rows]
    kept.sort(key=lambda row: (natural(row["subject"]), natural(row["clip_id"])))
    for name, count in Counter(alike(row["clip_id"]) for row in kept).items():
        if count > 1:
            raise ProtocolError(f"{path}: clip {name} would have {count} rows")
    write_rows(path, COLUMNS, kept)
    return read_list(path).sha256


def named(clip_ids: Sequence[str]) -> str:
    """Return the first names of clips, and how many there are."""
    more = len(clip_ids) - SHOWN
    return ", ".join(clip_ids[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def folds_of_list(known: FoldList, clips: Sequence[Clip]) -> list[Fold]:
    """Return the folds of a list, as indices into `clips`, which must be those of the list."""
    found = {alike(clip.clip_id): number for number, clip in enumerate(clips)}
    faults = Faults()
    missing = [row["clip_id"] for key, row in known.rows.items() if key not in found]
    extra = [clips[number].clip_id for key, number in found.items() if key not in known.rows]
    for names, where in ((missing, "in the list only"), (extra, "in the data set only")):
        if names:
            remedy = "write a list of these clips with microexpr folds, under another name"
            faults.add(f"{known.path}: {len(names)} clips are {where}: {named(names)}; {remedy}")
    faults.stop()
    for key, number in found.items():
        row, clip = known.rows[key], clips[number]
        if alike(row["subject"]) != alike(clip.subject) or row["label"] != clip.label:
            faults.add(
                f"{known.path}: clip {clip.clip_id}: subject {row['subject']}, label "
                f"{row['label']}; the data set has {clip.subject}, {clip.label}"
            )
    faults.stop()
    tested = [known.rows[alike(clip.clip_id)]["fold"] for clip in clips]
    return folds_by_name(tested, (row["fold"] for row in known.rows.values()))
