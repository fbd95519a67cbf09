"""What a leak feigns, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from microexpr.figures.style import BLUE, ORANGE, VERMILION, write
from microexpr.studies.leak_table import PROTOCOL, SPLITS

COLOURS = {"windows": VERMILION, "clips": ORANGE, "subjects": BLUE}


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
    for k, (split, (_, tested)) in enumerate(SPLITS.items()):
        rows = table[table["split"] == split].set_index("method").loc[methods]
        at = np.arange(len(methods)) + (k - 1) * 0.27
        ends = np.abs(rows[["low", "high"]].to_numpy().T - rows["accuracy"].to_numpy())
        axes.bar(
            at, rows["accuracy"], 0.25, color=COLOURS[split], label=f"{tested} ({PROTOCOL[split]})"
        )
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
        f"{first['feature_mode']} features, N = {first['n']}; {first['confidence']:.0%} intervals over "
        "subjects",
        fontsize=9,
    )
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    for path in outputs:
        write(figure, path)
