"""What a leak feigns: accuracy of the same clips under three splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from microexpr.errors import DataError
from microexpr.evaluation.intervals import percentile_interval, subject_weights
from microexpr.evaluation.pooled import Statistics
from microexpr.protocol.predictions import method_order
from microexpr.runtime.tables import read_text, typed

# What is on both sides, and who is tested.
SPLITS = {
    "windows": ("windows of one clip", "windows of clips that were trained on"),
    "clips": ("clips of one subject", "clips of subjects that were trained on"),
    "subjects": ("nothing", "clips of subjects never seen"),
}
PROTOCOL = {"windows": "split of windows", "clips": "clip_kfold", "subjects": "loso"}
TEXT = ["method", "feature_mode", "split", "fold", "clip_id", "subject", "label", "predicted"]
COLUMNS = [*TEXT, "n", "seed"]


def read_answers(paths: Sequence[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read the files of stage leak.

    Raises
    ------
    DataError
        Naming the file that is not one of them, or was changed after it was written.
    """
    frames = []
    for path in paths:
        frame = read_text(path)
        if not {*COLUMNS} <= {*frame} or {*frame["split"]} != {*SPLITS}:
            raise DataError(f"{path}: not the answers of stage leak")
        frames.append(typed(frame, text=TEXT, path=path))
    return pd.concat(frames, ignore_index=True)


def leak_table(
    answers: pd.DataFrame, *, statistics: Statistics, about: dict[str, Any]
) -> pd.DataFrame:
    """Tabulate the accuracy of each method and split, with intervals over subjects.

    Parameters
    ----------
    answers : DataFrame
        From `read_answers`.
    statistics : Statistics
        Resamples, confidence, seed.
    about : dict
        Columns that are the same in every row.

    Returns
    -------
    DataFrame
        One row a method and split. answers counts those that the accuracy rests on: under windows
        a clip has one in each fold that trains on it. majority is the share of the commonest class.
    """
    rows = []
    for method in method_order(answers["method"]):
        for split, (shared, tested) in SPLITS.items():
            mine = answers[(answers["method"] == method) & (answers["split"] == split)]
            right = mine["predicted"] == mine["label"]
            by_subject = right.groupby(mine["subject"]).agg(["sum", "count"])
            weights = subject_weights(
                len(by_subject), resamples=statistics.resamples, seed=statistics.seed
            )
            hits, counts = (weights @ by_subject.to_numpy()).T
            low, high = percentile_interval(hits / counts, statistics.confidence)
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
                    "low": low if len(by_subject) > 1 else np.nan,
                    "high": high if len(by_subject) > 1 else np.nan,
                    "majority": labels.value_counts(normalize=True).max(),
                    "confidence": statistics.confidence,
                    "answers": len(mine),
                    "clips": len(labels),
                    "subjects": len(by_subject),
                    "seeds": mine["seed"].nunique(),
                    **about,
                }
            )
    return pd.DataFrame(rows)
