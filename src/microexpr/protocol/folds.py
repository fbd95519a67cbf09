"""A fold, and ``folds.csv``: in which fold each clip is tested."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microexpr.datasets.manifest import Clip
from microexpr.errors import ProtocolError
from microexpr.runtime.tables import read_rows, write_rows

# Whether a protocol promises that no subject is on both sides, and that every clip is tested once.
SUBJECT_INDEPENDENT = {"loso": True, "group_kfold": True, "clip_kfold": False, "holdout": True}
COMPLETE = {"loso": True, "group_kfold": True, "clip_kfold": True, "holdout": False}
COLUMNS = ("clip_id", "subject", "label", "fold")


@dataclass(frozen=True)
class Fold:
    """One split. Indices point into the ordered sequence of clips that the folds were made from."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]

    def plain(self, clip_ids: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """Give what a result of the fold follows from: its clips, and the labels learned from."""
        return {
            "fold": self.name,
            "train_clips": [[clip_ids[clip], labels[clip]] for clip in self.train],
            "test_clips": [clip_ids[clip] for clip in self.test],
        }


def write_folds(path: str | os.PathLike[str], clips: Sequence[Clip], folds: Sequence[Fold]) -> None:
    """Write one row a clip, and the seal; an empty fold means that the clip is only trained on.

    Parameters
    ----------
    path : path-like
        ``folds.csv``.
    clips : sequence of Clip
        What the folds' indices point into.
    folds : sequence of Fold
        Each trains on all clips that it does not test.
    """
    tested = {index: fold.name for fold in folds for index in fold.test}
    rows = (
        {**clip.model_dump(include={*COLUMNS}), "fold": tested.get(index, "")}
        for index, clip in enumerate(clips)
    )
    write_rows(path, COLUMNS, rows)


def read_folds(path: str | os.PathLike[str], clip_ids: Sequence[str]) -> list[Fold]:
    """Read the folds as indices into `clip_ids`, in the order of their first clip in the file.

    Parameters
    ----------
    path : path-like
        ``folds.csv``.
    clip_ids : sequence of str
        The clips at hand, all of them and no other.

    Raises
    ------
    DataError
        When the file cannot be read or was changed after it was written.
    ProtocolError
        When it is no table of folds or its clips are not those at hand.
    """
    try:
        rows = {row["clip_id"]: row["fold"] for row in read_rows(path)}
    except KeyError as error:
        raise ProtocolError(f"{path}: not a table of folds (no column {error})") from None
    odd = sorted(set(rows) ^ set(clip_ids))
    if odd:
        where = "no features" if odd[0] in rows else "no row"
        raise ProtocolError(f"{path}: clip {odd[0]} has {where} ({len(odd)} such clips)")
    everyone = range(len(clip_ids))
    folds = []
    for name in dict.fromkeys(fold for fold in rows.values() if fold):
        test = tuple(i for i in everyone if rows[clip_ids[i]] == name)
        folds.append(Fold(name, tuple(i for i in everyone if i not in set(test)), test))
    return folds
