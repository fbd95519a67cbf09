"""A fold, and ``folds.csv``: in which fold each clip is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microexpr.datasets.manifest import Clip
from microexpr.errors import ProtocolError
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_rows, write_rows

# Whether a protocol promises that no subject is on both sides, and that every clip is tested once.
SUBJECT_INDEPENDENT = {"loso": True, "group_kfold": True, "clip_kfold": False, "holdout": True}
COMPLETE = {"loso": True, "group_kfold": True, "clip_kfold": True, "holdout": False}
COLUMNS = ("clip_id", "subject", "label", "fold")


@dataclass(frozen=True)
class Fold:
    """One split: indices into the sequence of clips that the folds were made from."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]

    def plain(self, clip_ids: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """Return its clips, and the labels that are trained on, as plain values for checksums."""
        return {
            "fold": self.name,
            "train_clips": [[clip_ids[clip], labels[clip]] for clip in self.train],
            "test_clips": [clip_ids[clip] for clip in self.test],
        }


def write_folds(path: AnyPath, clips: Sequence[Clip], folds: Sequence[Fold]) -> None:
    """Write ``folds.csv``: one row per clip, with the fold that tests it.

    An empty fold means that the clip is only trained on: each fold of `folds`, indices into
    `clips`, trains on all clips that it does not test.
    """
    tested = {index: fold.name for fold in folds for index in fold.test}
    rows = (
        {**clip.model_dump(include={*COLUMNS}), "fold": tested.get(index, "")}
        for index, clip in enumerate(clips)
    )
    write_rows(path, COLUMNS, rows)


def read_folds(path: AnyPath, clip_ids: Sequence[str]) -> list[Fold]:
    """Read ``folds.csv``: folds in the order of their first clip, as indices into `clip_ids`.

    Raises
    ------
    DataError
        If the file cannot be read or was changed after it was written.
    ProtocolError
        If it is not a table of folds, or its clips are not exactly `clip_ids`.
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
        train = tuple(i for i in everyone if rows[clip_ids[i]] != name)
        folds.append(Fold(name, train, test))
    return folds
