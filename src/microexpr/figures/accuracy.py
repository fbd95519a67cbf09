"""Accuracy and recall against N, and the accuracy of each subject."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microexpr.datasets.manifest import natural
from microexpr.evaluation.pooled import MAJORITY
from microexpr.figures import style
from microexpr.protocol.predictions import method_order


def accuracy_against_n(metrics: pd.DataFrame, *, feature_mode: str, synthetic: bool) -> Figure:
    """Draw accuracy against N: a line a method, its interval, and the commonest class.

    Parameters
    ----------
    metrics : DataFrame
        ``metrics.csv``.
    feature_mode : str
        One of ``train.feature_modes``.
    synthetic : bool
        Whether the data are generated.
    """
    rows = _methods(metrics, feature_mode, "accuracy")
    title = f"Accuracy, {_about(rows)}"
    figure = style.new_figure(style.WIDTH_IN, 3.3, synthetic=synthetic, title=title)
    axes = figure.subplots()
    _lines(axes, rows)
    majority = metrics[(metrics["method"] == MAJORITY) & (metrics["metric"] == "accuracy")]
    level = float(majority["value"].iloc[0])
    axes.axhline(level, color=style.BLACK, linewidth=0.8, linestyle=(0, (6, 3)))
    axes.annotate(
        f"commonest class {level:.3f}",
        (1, level),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize=6.5,
    )
    style.share_axis(axes, "accuracy")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def recall_against_n(metrics: pd.DataFrame, *, feature_mode: str, synthetic: bool) -> Figure:
    """Draw the recall of each class against N, a panel a class; arguments as above."""
    rows = _methods(metrics, feature_mode, "recall")
    classes = list(dict.fromkeys(rows["class"]))
    title = f"Recall, {_about(rows)}"
    figure = style.new_figure(style.WIDTH_IN, 2.7, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(classes), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, classes, strict=True):
        mine = rows[rows["class"] == name]
        _lines(axes, mine)
        support = metrics[(metrics["metric"] == "support") & (metrics["class"] == name)]
        axes.set_title(f"{name} ({support['value'].iloc[0]:.0f} clips)")
        style.share_axis(axes, "recall" if axes is panels[0] else "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def subject_accuracy(predictions: pd.DataFrame, *, feature_mode: str, synthetic: bool) -> Figure:
    """Draw each subject's accuracy for every N, a panel a method; seeds are averaged.

    Parameters
    ----------
    predictions : DataFrame
        ``predictions.csv``.
    feature_mode : str
        One of ``train.feature_modes``.
    synthetic : bool
        Whether the data are generated.
    """
    rows = predictions[predictions["feature_mode"] == feature_mode]
    rows = rows[rows["method"].isin(style.METHOD_STYLES)]
    rows = rows.assign(right=rows["label"] == rows["predicted"])
    methods = method_order(rows["method"])
    subjects = sorted(set(rows["subject"]), key=natural)
    clips = rows.drop_duplicates("clip_id")["subject"].value_counts()
    height = min(style.MAX_HEIGHT_IN, 0.9 + 0.16 * len(subjects))
    title = f"Accuracy of each subject, {style.FEATURE_MODE_NAMES.get(feature_mode, feature_mode)}"
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axes, method in zip(panels, methods, strict=True):
        mine = rows[rows["method"] == method]
        table = mine.pivot_table(index="subject", columns="n", values="right").loc[subjects]
        image = axes.imshow(table, cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(table.columns)), table.columns)
        axes.set_yticks(range(len(subjects)), [f"{s} ({clips[s]})" for s in subjects])
        axes.tick_params(length=0)
        axes.set_xlabel("N (frames)")
        axes.set_title(style.METHOD_NAMES.get(method, method))
    panels[0].set_ylabel("subject (clips)")
    figure.colorbar(image, ax=panels, label="accuracy", shrink=0.8, pad=0.01)
    return figure


def _methods(metrics: pd.DataFrame, feature_mode: str, metric: str) -> pd.DataFrame:
    """Give the rows of the methods: controls and choices of N are no lines against N."""
    methods = metrics[metrics["method"].isin(style.METHOD_STYLES) & metrics["n"].notna()]
    return methods[(methods["feature_mode"] == feature_mode) & (methods["metric"] == metric)]


def _about(rows: pd.DataFrame) -> str:
    """Say what the values rest on, and what the bars are."""
    first = rows.iloc[0]
    feature_mode = style.FEATURE_MODE_NAMES.get(first["feature_mode"], first["feature_mode"])
    return (
        f"{first['clips']} clips of {first['subjects']} subjects, {first['protocol']}, "
        f"{first['backbone']}, {feature_mode}; bars: {first['confidence']:.0%} interval over subjects"
    )


def _lines(axes: Axes, rows: pd.DataFrame) -> None:
    """One line a method, moved aside a little so that the bars do not hide each other."""
    methods: Sequence[str] = method_order(rows["method"])
    lengths = sorted({int(n) for n in rows["n"]})
    for method, aside in zip(methods, style.spread(len(methods), 0.12), strict=True):
        mine = rows[rows["method"] == method].sort_values("n")
        values = mine["value"].to_numpy()
        bars = np.abs(mine[["low", "high"]].to_numpy().T - values)
        look = style.method_style(method)
        axes.errorbar(
            mine["n"].to_numpy(float) + aside,
            values,
            yerr=bars,
            elinewidth=0.6,
            capsize=1.5,
            **look,
        )
    axes.set_xticks(lengths)
    axes.set_xlabel("N (frames a window)")
