"""Training curves: loss and accuracy on the training clips, one line a fold."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from microexpr.figures import style


def training_curves(epochs: pd.DataFrame, *, title: str, synthetic: bool) -> Figure:
    """Draw loss and accuracy against epochs: folds and seeds thin, their median bold.

    Parameters
    ----------
    epochs : DataFrame
        Columns feature mode, seed, fold, epoch, loss and accuracy: the ``.epochs.csv`` of all parts of
        one method and N. All values are of training clips; none is of test clips.
    title : str
        What it is of.
    synthetic : bool
        Whether the data are generated.
    """
    runs_each = len(epochs[["seed", "fold"]].drop_duplicates())
    title = f"{title}: {runs_each} runs (folds x seeds), bold: their median"
    figure = style.new_figure(style.WIDTH_IN, 2.5, synthetic=synthetic, title=title)
    panels = figure.subplots(1, 2)
    feature_modes = list(dict.fromkeys(epochs["feature_mode"]))
    for axes, column in zip(panels, ("loss", "accuracy"), strict=True):
        for feature_mode, colour in zip(feature_modes, style.CLASS_COLOURS, strict=False):
            mine = epochs[epochs["feature_mode"] == feature_mode]
            runs = mine.pivot_table(index="epoch", columns=["seed", "fold"], values=column)
            axes.plot(runs.index, runs, color=colour, alpha=0.25, linewidth=0.5)
            name = style.FEATURE_MODE_NAMES.get(feature_mode, feature_mode)
            axes.plot(runs.index, runs.median(axis=1), color=colour, linewidth=1.6, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"training {column}")
        axes.grid(visible=True, axis="y")
    panels[0].set_ylim(bottom=0)
    panels[1].set_ylim(0, 1.02)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
