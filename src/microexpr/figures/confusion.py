"""Confusion matrices: counts, and the share of each true class."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from microexpr.figures import style

SIDE_IN = 0.62  # of a cell


def confusion_matrix(
    counts: pd.DataFrame, *, classes: Sequence[str], title: str, synthetic: bool
) -> Figure:
    """Draw counts and row shares; the rows are the true classes.

    Parameters
    ----------
    counts : DataFrame
        Columns label, predicted and clips; the seeds of one method and N, which are added up. An
        empty prediction is a clip without an answer; its column is drawn where there is one.
    classes : sequence of str
        Order of rows and columns.
    title : str
        What it is of.
    synthetic : bool
        Whether the data are generated.
    """
    table = counts.pivot_table(index="label", columns="predicted", values="clips", aggfunc="sum")
    answers = [*classes, *([""] if table.get("", pd.Series(0)).sum() else [])]
    table = table.reindex(index=list(classes), columns=answers, fill_value=0)
    shares = table.div(table.sum(axis=1).clip(lower=1), axis=0)
    width = 1.5 + SIDE_IN * 1.3 * len(answers)
    figure = style.new_figure(width, 1.0 + SIDE_IN * len(classes), synthetic=synthetic)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for i, label in enumerate(classes):
        for j, answer in enumerate(answers):
            share = shares.loc[label, answer]
            axes.text(
                *(j, i, f"{table.loc[label, answer]:.0f}\n{share:.0%}"),
                ha="center",
                va="center",
                color="white" if share < 0.55 else "black",
            )
    axes.set_xticks(range(len(answers)), [answer or "no answer" for answer in answers])
    axes.set_yticks(range(len(classes)), classes)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title)
    figure.colorbar(image, label="share of the true class", shrink=0.9)
    return figure
