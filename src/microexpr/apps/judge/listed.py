"""Predictions beside a list of folds: which clips, labels, subjects and folds differ from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from microexpr.apps.judge.reading import Table
from microexpr.errors import DataError
from microexpr.protocol.lists import FoldList, named
from microexpr.runtime.names import alike


@dataclass(frozen=True)
class Finding:
    """Something that a reviewer should know: its kind, and a sentence with names and numbers."""

    kind: str
    text: str


def compared(table: Table, known: FoldList) -> tuple[Table, list[Finding]]:
    """Compare a table with a list; the table returned has the list's folds where it had none.

    Labels of other names, such as numbers, become those of the list where each number stands for
    one label in most clips. DataError: not one clip of the list is there.
    """
    frame, source = table.frame, known.path.name
    keys = [_key(row, known) for row in frame[["clip", "subject", "data_set"]].values.tolist()]
    if not any(keys):
        first = next(iter(known.rows.values()))["clip_id"]
        raise DataError(f"{table.path}: names no clip of {known.path}, such as {first}")
    missing = [row["clip_id"] for key, row in known.rows.items() if key not in set(keys)]
    extra = list(dict.fromkeys(c for c, key in zip(frame["clip"], keys, strict=True) if not key))
    found = [
        Finding(kind, f"{len(clips)} clips are {where} {source}: {named(clips)}.")
        for kind, clips, where in (
            ("missing_clips", missing, f"not here, of {len(known.rows)} in"),
            ("extra_clips", extra, "here, not in"),
        )
        if clips
    ]
    columns = ("subject", "label", "fold")
    nothing = dict.fromkeys(columns, "")
    theirs = pd.DataFrame([{k: known.rows.get(key, nothing)[k] for k in columns} for key in keys])
    frame, note = _named_labels(frame, theirs["label"])
    listed = theirs["subject"] != ""
    for column in ("subject", "label"):
        other = listed & (frame[column].map(_last) != theirs[column].map(_last))
        if other.any():
            number, clips = int(other.to_numpy().argmax()), frame["clip"][other].unique()
            text = (
                f"{len(clips)} clips have another {column} than in {source}: {clips[0]} has "
                f"{frame[column].iloc[number]}, not {theirs[column].iloc[number]}."
            )
            found.append(Finding(f"other_{column}", text))
    notes = [*table.notes, *note]
    if not frame["fold"].any():
        frame = frame.assign(fold=theirs["fold"])
        notes.append(f"Folds are those of {source} (sha256 {known.sha256}).")
    elif fold := _other_folds(frame["fold"][listed], theirs["fold"][listed]):
        found.append(Finding("other_folds", f"Fold {fold} is not one of {source}."))
    return replace(table, frame=frame, notes=notes), found


def _key(row: Sequence[str], known: FoldList) -> str:
    """Return the name in the list of a clip that may be named within its subject or data set."""
    clip, subject, data_set = row
    parts = ((clip,), (data_set, clip), (subject, clip), (data_set, subject, clip))
    names = (alike("_".join(filter(None, part))) for part in parts)
    return next((name for name in names if name in known.rows), "")


def with_one_epoch(table: Table) -> tuple[Table, list[Finding]]:
    """Take predictions of one epoch per fold as one run, where the folds stop at different ones."""
    epochs = table.frame.groupby(["seed", "fold"])["epoch"].unique()
    if epochs.map(len).max() > 1 or len({cells[0] for cells in epochs}) < 2:
        return table, []
    text = (
        "Folds stop at different epochs: if chosen on their test clips, the score is no estimate."
    )
    return replace(table, frame=table.frame.assign(epoch="")), [Finding("epoch_per_fold", text)]


def _last(name: str) -> str:
    """Return what a name is compared by: without the data set before it, and leading zeros."""
    return alike(name.rpartition("_")[2])


def _named_labels(frame: pd.DataFrame, theirs: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """Give labels the names that the list has for them, where there is one for each."""
    pairs = frame.assign(theirs=theirs)[theirs != ""]
    names = pairs.groupby("label")["theirs"].agg(lambda cells: cells.mode()[0]).to_dict()
    given = {*frame["label"]} | {*frame["predicted"]} - {""}
    if {*names} & {*names.values()} or len({*names.values()}) < len(names) or given - {*names}:
        return frame, []
    renamed = frame.assign(**{c: frame[c].replace(names) for c in ("label", "predicted")})
    return renamed, [f"Labels by name: {', '.join(f'{k} is {v}' for k, v in names.items())}."]


def _other_folds(ours: pd.Series, theirs: pd.Series) -> str:
    """Return a fold that tests other clips than one of the list does; empty: there is none."""
    for one, other in ((ours, theirs), (theirs, ours)):
        several = other.groupby(one).nunique()
        if (several > 1).any():
            clips = one == several[several > 1].index[0]
            return str(ours[clips].iloc[0])
    return ""
