"""What a leak feigns: accuracy of the same clips under three splits, as a table and a figure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from microexpr.errors import DataError
from microexpr.evaluation.intervals import percentile_interval, subject_weights
from microexpr.evaluation.pooled import Statistics
from microexpr.evaluation.predictions import method_order
from microexpr.files import write_bytes

# What is on both sides, and who is tested; colours of Okabe and Ito, apart for the colour-blind.
SPLITS = {
    "windows": ("windows of one clip", "windows of clips that were trained on", "#D55E00"),
    "clips": ("clips of one subject", "clips of subjects that were trained on", "#E69F00"),
    "subjects": ("nothing", "clips of subjects never seen", "#0072B2"),
}
PROTOCOL = {"windows": "split of windows", "clips": "clip_kfold", "subjects": "loso"}
COLUMNS = ["method", "reading", "n", "seed", "split", "clip_id", "subject", "label", "predicted"]


def read_answers(paths: Sequence[str | os.PathLike[str]]) -> pd.DataFrame:
    """Read the files of stage leak.

    Raises
    ------
    DataError
        Naming the file that is not one of them.
    """
    frames = []
    for path in paths:
        try:
            frame = pd.read_csv(path, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read ({error})") from None
        if not {*COLUMNS} <= {*frame} or {*frame["split"]} != {*SPLITS}:
            raise DataError(f"{path}: not the answers of stage leak")
        frames.append(frame)
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
        for split, (shared, tested, _) in SPLITS.items():
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
                    "reading": mine["reading"].iloc[0],
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


def draw_leak(table: pd.DataFrame, outputs: Sequence[Path]) -> None:
    """Draw the table as bars with intervals; the same table gives the same bytes.

    Parameters
    ----------
    table : DataFrame
        From `leak_table`.
    outputs : sequence of Path
        Files to write; the ending says in which format.
    """
    methods = list(dict.fromkeys(table["method"]))
    first = table.iloc[0]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for k, (split, (_, tested, colour)) in enumerate(SPLITS.items()):
        rows = table[table["split"] == split].set_index("method").loc[methods]
        at = np.arange(len(methods)) + (k - 1) * 0.27
        ends = np.abs(rows[["low", "high"]].to_numpy().T - rows["accuracy"].to_numpy())
        axes.bar(at, rows["accuracy"], 0.25, color=colour, label=f"{tested} ({PROTOCOL[split]})")
        axes.errorbar(at, rows["accuracy"], ends, fmt="none", ecolor="black", capsize=3)
        tops = rows[["accuracy", "high"]].max(axis=1)
        for x, top, value in zip(at, tops, rows["accuracy"], strict=True):
            axes.text(x, top + 0.02, f"{value:.2f}", ha="center", fontweight="bold")
    axes.axhline(first["majority"], color="black", linestyle="--", linewidth=1)
    left = len(methods) - 0.45
    axes.text(left, first["majority"], "commonest\nclass", va="center", fontsize=8)
    axes.set(xlim=(-0.5, left), xticks=range(len(methods)), xticklabels=methods)
    axes.set(ylim=(0, 1.1), yticks=np.arange(6) / 5, ylabel="accuracy")
    axes.spines[["top", "right"]].set_visible(False)
    synthetic = "SYNTHETIC DATA, generated faces. " if first["data"] == "synthetic" else ""
    figure.suptitle(
        f"{synthetic}The same clips, split in three ways\n"
        f"{first['clips']} clips, {first['subjects']} subjects, {first['backbone']}, "
        f"{first['reading']} features, N = {first['n']}; {first['confidence']:.0%} intervals over "
        "subjects",
        fontsize=9,
    )
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    for path in outputs:
        dated = {"CreationDate": None} if path.suffix == ".pdf" else {}
        drawn = BytesIO()
        figure.savefig(drawn, dpi=150, metadata=dated, format=path.suffix[1:])
        write_bytes(path, drawn.getvalue())
