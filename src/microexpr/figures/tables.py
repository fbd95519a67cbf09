"""The tables of a run as figures: accuracy, recall, subjects, confusion, training, the leak."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from microexpr.datasets.manifest import natural
from microexpr.evaluation.names import feature_mode_name, method_name, network_name, protocol_name
from microexpr.evaluation.pooled import MAJORITY
from microexpr.figures import style
from microexpr.magnify.methods import METHODS
from microexpr.protocol.predictions import method_order
from microexpr.runtime.names import apart
from microexpr.studies.tables import PROTOCOL, SPLITS

LONG_NAME = 14  # characters; longer ones would cover each other
CELL_IN = 0.62  # side of a cell of a confusion matrix
DASHES = (0, (6, 3))
SPLIT_COLOURS = [style.VERMILION, style.ORANGE, style.PURPLE, style.BLUE]


def accuracy_against_n(metrics: pd.DataFrame, *, feature_mode: str, synthetic: bool) -> Figure:
    """Draw ``metrics.csv``'s accuracy against N: methods, intervals, the most frequent class."""
    rows = _methods(metrics, feature_mode, "accuracy")
    title = f"Accuracy: {_about(rows.iloc[0])}"
    figure = style.new_figure(style.WIDTH_IN, 3.3, synthetic=synthetic, title=title)
    axes = figure.subplots()
    _lines(axes, rows)
    majority = metrics[(metrics["method"] == MAJORITY) & (metrics["metric"] == "accuracy")]
    level = float(majority["value"].iloc[0])
    axes.axhline(level, color=style.BLACK, linewidth=0.8, linestyle=DASHES)
    where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    look: dict[str, Any] = {"xytext": (-2, 2), "ha": "right", "fontsize": 6.5}
    axes.annotate(f"most frequent class {level:.3f}", (1, level), **where, **look)
    style.share_axis(axes, "accuracy")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def recall_against_n(metrics: pd.DataFrame, *, feature_mode: str, synthetic: bool) -> Figure:
    """Draw the recall of each class against N, a panel per class; arguments as above."""
    rows = _methods(metrics, feature_mode, "recall")
    classes = list(dict.fromkeys(rows["class"]))
    title = f"Recall: {_about(_methods(metrics, feature_mode, 'accuracy').iloc[0])}"
    figure = style.new_figure(style.WIDTH_IN, 2.7, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(classes), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, classes, strict=True):
        _lines(axes, rows[rows["class"] == name])
        axes.set_title(f"{name} ({rows.loc[rows['class'] == name, 'clips'].iloc[0]} clips)")
        style.share_axis(axes, "recall" if axes is panels[0] else "")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _methods(metrics: pd.DataFrame, feature_mode: str, metric: str) -> pd.DataFrame:
    """Return the rows of the methods: controls and choices of N are no lines against N."""
    own = [name for name in METHODS if not METHODS[name].placebo_of]
    methods = metrics[metrics["method"].isin(own) & metrics["n"].notna()]
    return methods[(methods["feature_mode"] == feature_mode) & (methods["metric"] == metric)]


def _about(row: pd.Series) -> str:
    """Return what the values rest on, and what the bars are."""
    origin = protocol_name(row["protocol"]), network_name(row["backbone"])
    return (
        f"{row['clips']} clips of {row['subjects']} subjects, {', '.join(origin)}, "
        f"{feature_mode_name(row['feature_mode'])}; bars: {row['confidence']:.0%} intervals"
    )


def _lines(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a line per method, moved aside a little so that the bars do not hide each other."""
    methods = method_order(rows["method"])
    for method, aside in zip(methods, style.spread(len(methods), 0.12), strict=True):
        mine = rows[rows["method"] == method].sort_values("n")
        at, values = mine["n"].to_numpy(float) + aside, mine["value"].to_numpy()
        bars = np.abs(mine[["low", "high"]].to_numpy().T - values)
        row = METHODS[method]
        look: dict[str, Any] = {"color": row.colour, "marker": row.marker, "label": row.label}
        look |= {"linestyle": row.line, "elinewidth": 0.6, "capsize": 1.5}
        axes.errorbar(at, values, yerr=bars, **look)
    axes.set_xticks(sorted({int(n) for n in rows["n"]}))
    axes.set_xlabel("N (frames per window)")


def subject_accuracy(predictions: pd.DataFrame, *, feature_mode: str, synthetic: bool) -> Figure:
    """Draw each subject's accuracy for every N, a panel per method; seeds are averaged."""
    rows = predictions[predictions["feature_mode"] == feature_mode]
    rows = rows[rows["method"].isin(list(METHODS))]
    rows = rows.assign(right=rows["label"] == rows["predicted"])
    methods = method_order(rows["method"])
    subjects = sorted(set(rows["subject"]), key=natural)
    clips = rows.drop_duplicates("clip_id")["subject"].value_counts()
    height = min(style.MAX_HEIGHT_IN, 0.9 + 0.16 * len(subjects))
    title = f"Accuracy of each subject, {feature_mode_name(feature_mode)}"
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axes, method in zip(panels, methods, strict=True):
        mine = rows[rows["method"] == method]
        table = mine.pivot_table(index="subject", columns="n", values="right").loc[subjects]
        named = [f"{s} ({clips[s]})" for s in subjects]
        image = _heat_map(axes, table.to_numpy(), list(table), named)
        axes.set(xlabel="N (frames)", title=method_name(method))
    panels[0].set_ylabel("subject (clips)")
    figure.colorbar(image, ax=panels, label="accuracy", shrink=0.8, pad=0.01)
    return figure


def confusion_matrix(
    counts: pd.DataFrame, *, classes: Sequence[str], title: str, synthetic: bool
) -> Figure:
    """Draw counts, of all seeds, and row shares; an empty prediction is none."""
    table = counts.pivot_table(index="label", columns="predicted", values="clips", aggfunc="sum")
    names = [*classes, *([""] if table.get("", pd.Series(0)).sum() else [])]
    table = table.reindex(index=list(classes), columns=names, fill_value=0)
    shares = table.div(table.sum(axis=1).clip(lower=1), axis=0).to_numpy()
    width = 1.5 + CELL_IN * 1.3 * len(names)
    figure = style.new_figure(width, 1.0 + CELL_IN * len(classes), synthetic=synthetic)
    axes = figure.subplots()
    told = [name or apart("no prediction", names) for name in names]
    image = _heat_map(axes, shares, told, classes)
    if max(map(len, told)) > LONG_NAME:
        axes.tick_params("x", rotation=90)
    for (i, j), count in np.ndenumerate(table.to_numpy()):
        text = f"{count:.0f}\n{shares[i, j]:.0%}"
        colour = "white" if shares[i, j] < 0.55 else "black"
        axes.text(j, i, text, ha="center", va="center", color=colour)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    figure.colorbar(image, label="share of the true class", shrink=0.9)
    return figure


def _heat_map(
    axes: Axes, shares: np.ndarray, columns: Sequence[Any], rows: Sequence[str]
) -> AxesImage:
    """Draw a table of shares, 0 to 1, with a name at each column and row."""
    image = axes.imshow(shares, cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    return image


def training_curves(epochs: pd.DataFrame, *, title: str, synthetic: bool) -> Figure:
    """Draw loss and accuracy of one method and N against epochs: runs thin, their median bold."""
    runs_each = len(epochs[["seed", "fold"]].drop_duplicates())
    title = f"{title}: {runs_each} runs (folds x seeds), bold: their median"
    figure = style.new_figure(style.WIDTH_IN, 2.5, synthetic=synthetic, title=title)
    panels = figure.subplots(1, 2)
    modes = list(dict.fromkeys(epochs["feature_mode"]))
    for axes, column in zip(panels, ("loss", "accuracy"), strict=True):
        for mode, colour in zip(modes, style.CLASS_COLOURS, strict=False):
            mine = epochs[epochs["feature_mode"] == mode]
            runs = mine.pivot_table(index="epoch", columns=["seed", "fold"], values=column)
            axes.plot(runs.index, runs, color=colour, alpha=0.25, linewidth=0.5)
            label = feature_mode_name(mode)
            axes.plot(runs.index, runs.median(axis=1), color=colour, linewidth=1.6, label=label)
        axes.set(xlabel="epoch", ylabel=f"training {column}")
        axes.grid(visible=True, axis="y")
    panels[0].set_ylim(bottom=0)
    panels[1].set_ylim(0, 1.02)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_leak(table: pd.DataFrame, outputs: Sequence[Path]) -> None:
    """Draw ``leak.csv`` as bars with intervals, a group per method, and write the files."""
    methods, first = list(dict.fromkeys(table["method"])), table.iloc[0]
    title = (
        f"The same clips, split in three ways, and an epoch chosen on them: {first['clips']} clips "
        f"of {first['subjects']} subjects, {network_name(first['backbone'])}, "
        f"{feature_mode_name(first['feature_mode'])}, N = {first['n']}"
    )
    with style.paper():
        synthetic = first["data"] == "synthetic"
        figure = style.new_figure(style.WIDTH_IN, 3.6, synthetic=synthetic, title=title)
        axes = figure.subplots()
        for k, (split, (_, tested)) in enumerate(SPLITS.items()):
            rows = table[table["split"] == split].set_index("method").loc[methods]
            at, values = np.arange(len(methods)) + (k - 1.5) * 0.21, rows["accuracy"].to_numpy()
            label = f"{tested} ({PROTOCOL[split]})"
            bars = np.abs(rows[["low", "high"]].to_numpy().T - values)
            axes.bar(at, values, 0.19, color=SPLIT_COLOURS[k], label=label)
            axes.errorbar(at, values, bars, fmt="none", ecolor="black", capsize=3)
            tops = rows[["accuracy", "high"]].max(axis=1)
            for x, top, value in zip(at, tops, values, strict=True):
                axes.text(x, top + 0.02, f"{value:.2f}", ha="center", fontweight="bold")
        level, left = first["majority"], len(methods) - 0.45
        axes.axhline(level, color=style.BLACK, linestyle=DASHES, linewidth=0.8)
        axes.text(left, level, "most frequent\nclass", va="center")
        axes.set_xticks(range(len(methods)), map(method_name, methods))
        axes.set(xlim=(-0.5, left), ylim=(0, 1.1), yticks=np.arange(6) / 5)
        axes.set_ylabel(f"accuracy, {first['confidence']:.0%} intervals over subjects")
        figure.legend(loc="outside lower center")
        for path in outputs:
            style.write(figure, path)


def cells(frame: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Split a table by method and N: the end of a file's name, a title, and the rows."""
    return [
        (f"{method}_N{n}", f"{method_name(str(method))}, N = {n}", rows)
        for (method, n), rows in frame.groupby(["method", "n"], sort=False)
    ]


def draw_key_frames(table: pd.DataFrame, outputs: Sequence[Path]) -> None:
    """Draw ``key_frames.csv``, a panel per key frame and a line per system, and write the files."""
    keys, first = [key for key in table["key_frame"].unique() if key], table.iloc[0]
    title = (
        f"Key frames that are wrong by some frames: {first['clips']} clips of {first['subjects']} "
        f"subjects, {protocol_name(first['protocol'])}"
    )
    with style.paper():
        synthetic = first["data"] == "synthetic"
        figure = style.new_figure(style.WIDTH_IN, 2.9, synthetic=synthetic, title=title)
        panels = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
        for number, name in enumerate(dict.fromkeys(table["method"])):
            for axes, key in zip(panels, keys, strict=True):
                mine = table[(table["method"] == name) & table["key_frame"].isin(["", key])]
                if not mine["key_frame"].eq(key).any():
                    continue
                ends = mine[["accuracy_low", "accuracy_high"]].to_numpy().T
                bars = np.abs(ends - mine["accuracy"].to_numpy())
                at = mine["error_frames"] + 0.06 * number
                label = method_name(name)
                axes.errorbar(at, mine["accuracy"], bars, marker="o", label=label, capsize=2)
        for axes, key in zip(panels, keys, strict=True):
            axes.set(xlabel=f"error of the {key}, frames", ylim=(0, 1.02))
            axes.grid(visible=True, axis="y")
        panels[0].set_ylabel(f"accuracy, {first['confidence']:.0%} intervals")
        figure.legend(*_every_line(panels), loc="outside lower center", ncols=4)
        for path in outputs:
            style.write(figure, path)


def _every_line(panels: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Return handles and labels of the lines of all panels, each label once."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
