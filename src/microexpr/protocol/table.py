"""``folds.csv``: in which fold each clip is tested. Everybody can look, and training reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from microexpr.datasets.manifest import Clip
from microexpr.errors import ProtocolError
from microexpr.protocol.guards import Fold
from microexpr.runtime.tables import read_rows, write_rows

COLUMNS = ("clip_id", "subject", "label", "fold")


def write(path: str | os.PathLike[str], clips: Sequence[Clip], folds: Sequence[Fold]) -> None:
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


def read(path: str | os.PathLike[str], clip_ids: Sequence[str]) -> list[Fold]:
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
