"""How much data leakage inflates: accuracy of the same clips under three splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from microexpr.errors import DataError
from microexpr.evaluation.basis import Statistics
from microexpr.evaluation.names import PROTOCOLS
from microexpr.evaluation.rows import SubjectMeans
from microexpr.protocol.predictions import method_order
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_text, typed

# What is on both sides, and who is tested.
SPLITS = {
    "windows": ("windows of one clip", "windows of clips that were trained on"),
    "clips": ("clips of one subject", "clips of subjects that were trained on"),
    "subjects": ("nothing", "clips of subjects never seen"),
}
PROTOCOL = {
    "windows": "split of windows",
    "clips": PROTOCOLS["clip_kfold"],
    "subjects": PROTOCOLS["loso"],
}
TEXT = ["method", "feature_mode", "split", "fold", "clip_id", "subject", "label", "predicted"]
COLUMNS = [*TEXT, "n", "seed"]


def read_predictions(paths: Sequence[AnyPath]) -> pd.DataFrame:
    """Read the files of stage train_leak.

    Raises
    ------
    DataError
        Naming the file that is not one of them, or was changed after it was written.
    """
    frames = []
    for path in paths:
        frame = read_text(path)
        if not {*COLUMNS} <= {*frame} or {*frame["split"]} != {*SPLITS}:
            raise DataError(f"{path}: not the predictions of stage train_leak")
        frames.append(typed(frame, text=TEXT, path=path))
    return pd.concat(frames, ignore_index=True)


def leak_table(
    predictions: pd.DataFrame, *, statistics: Statistics, about: Mapping[str, Any]
) -> pd.DataFrame:
    """Tabulate the accuracy of each method and split, with intervals over subjects.

    There is one row per method and split; `about` are columns that are the same in all. answers
    counts the predictions that the accuracy rests on: under windows a clip has one in each fold
    that trains on it. majority is the share of the most frequent class.
    """
    rows = []
    for method in method_order(predictions["method"]):
        for split, (shared, tested) in SPLITS.items():
            chosen = (predictions["method"] == method) & (predictions["split"] == split)
            mine = predictions[chosen]
            right = mine["predicted"] == mine["label"]
            means = SubjectMeans(mine["subject"], statistics)
            low, high = means.interval(right)
            labels = mine.drop_duplicates("clip_id")["label"]
            rows.append(
                {
                    "method": method,
                    "feature_mode": mine["feature_mode"].iloc[0],
                    "n": mine["n"].iloc[0],
                    "split": split,
                    "on_both_sides": shared,
                    "tested": tested,
                    "accuracy": right.mean(),
                    "low": low,
                    "high": high,
                    "majority": labels.value_counts(normalize=True).max(),
                    "confidence": statistics.confidence,
                    "answers": len(mine),
                    "clips": len(labels),
                    "subjects": means.subjects,
                    "seeds": mine["seed"].nunique(),
                    **about,
                }
            )
    return pd.DataFrame(rows)
