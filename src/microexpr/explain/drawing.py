"""Figures of all methods: charts of ``regions.csv``, sheets of clips, overlays on their frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from microexpr.evaluation.names import method_name
from microexpr.explain import sheets
from microexpr.explain.maps import BACKBONE, MODELS, TRAINED, ClipMaps
from microexpr.explain.scores import CORRELATION, MOVING, REGIONS, every_in
from microexpr.explain.sheets import REGION_COLOURS, contact_sheet, overlaid_frames
from microexpr.face.transform import CropTransform
from microexpr.figures import motion, style
from microexpr.video.writer import write_png

# The poster: "for negative, it focuses more on the eyes; for positive, on the mouth corners; and
# for surprise, more on the eyebrows".
CLAIMED = {"negative": "eyes", "positive": "mouth_corners", "surprise": "brows"}
REGION_MARKERS = dict(zip(REGIONS, "os^Dv", strict=True))
NAMES = ("trained", "before training", "random classifier", "random weights")
MODEL_NAMES = dict(zip(MODELS, NAMES, strict=True))
MODEL_COLOURS = dict(zip(MODELS, (style.VERMILION, style.SKY, "#999999", "#cccccc"), strict=True))
Methods = Mapping[str, Mapping[str, ClipMaps]]  # by method and clip
CLASS_SHEET_BLOCKS = 3  # the last ones that are measured


def region_shares(table: pd.DataFrame, *, classes: Sequence[str], synthetic: bool) -> Figure:
    """Draw the share of the maps in each region over the region's area, class by class."""
    rows = table[(table["model"] == TRAINED) & (table["fold"] == every_in(table))]
    rows = rows[rows["measure"] == "share"]
    methods, blocks = list(dict.fromkeys(rows["method"])), sorted(set(rows["block"]))
    named = REGIONS[:-1]
    title = "Share of the trained networks' maps in each region, over the region's area"
    height = min(style.MAX_HEIGHT_IN, 0.8 + 1.6 * len(methods))
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    grid = figure.subplots(len(methods), len(classes), sharey=True, sharex=True, squeeze=False)
    for method, panels in zip(methods, grid, strict=True):
        for name, axes in zip(classes, panels, strict=True):
            mine = rows[(rows["method"] == method) & (rows["class"] == name)]
            for region, aside in zip(named, style.spread(len(named), 0.13), strict=True):
                look: dict[str, Any] = {"elinewidth": 0.7, "capsize": 1.5, "ls": "none"}
                look |= {"color": REGION_COLOURS[region], "marker": REGION_MARKERS[region]}
                values = mine[mine["region"] == region].set_index("block").loc[blocks]
                area = values["chance"].to_numpy()
                ratios = values["value"].to_numpy() / area
                bars = np.abs(values[["low", "high"]].to_numpy().T / area - ratios)
                x, label = np.arange(len(blocks)) + aside, region.replace("_", " ")
                axes.errorbar(x, ratios, yerr=bars, label=label, **look)
            axes.axhline(1, color=style.BLACK, linewidth=0.8, linestyle=(0, (6, 3)))
            axes.set_xticks(range(len(blocks)), [f"B{block}" for block in blocks])
            axes.grid(visible=True, axis="y")
            if axes is panels[0]:
                axes.set_ylabel(f"{method_name(method)}\nshare / area")
            if method == methods[0]:
                claim = f"\n(poster: {CLAIMED[name].replace('_', ' ')})" if name in CLAIMED else ""
                axes.set_title(f"{name}{claim}")
    grid[0, 0].set_ylim(bottom=0)  # the axes share it; once all is drawn
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def pointing_game(table: pd.DataFrame, *, synthetic: bool) -> Figure:
    """Draw how often the peak lies on what really moves in generated clips, for all models."""
    rows = table[(table["region"] == MOVING) & (table["measure"] == "peak")]
    chance = float(rows["chance"].mean())
    title = f"Share of clips whose peak lies on the moving pixels; dashed: by chance {chance:.2f}"
    figure, panels = _panels(rows, MODELS, title=title, synthetic=synthetic)
    for axes in panels:
        axes.axhline(chance, color=style.BLACK, linewidth=0.8, linestyle=(0, (6, 3)))
        style.share_axis(axes, "hit rate" if axes is panels[0] else "")
    return figure


def control(table: pd.DataFrame, *, synthetic: bool) -> Figure:
    """Draw how much the maps of other networks agree with those of the trained ones."""
    rows = table[table["measure"] == CORRELATION]
    title = "Rank correlation with the trained network's map of the same clip"
    others = [model for model in MODELS if model != TRAINED]
    figure, panels = _panels(rows, others, title=title, synthetic=synthetic)
    for axes in panels:
        axes.axhline(0, color=style.BLACK, linewidth=0.8)
        axes.set_ylim(min(-0.3, float(rows["low"].min()) - 0.05), 1.02)
        axes.set_ylabel("rank correlation" if axes is panels[0] else "")
        axes.grid(visible=True, axis="y")
    return figure


def _panels(
    rows: pd.DataFrame, models: Sequence[str], *, title: str, synthetic: bool
) -> tuple[Figure, np.ndarray]:
    """Draw a panel per method: bars of all models at each block, over all classes and folds."""
    every = every_in(rows)
    rows = rows[(rows["class"] == every) & (rows["fold"] == every)]
    methods, blocks = list(dict.fromkeys(rows["method"])), sorted(set(rows["block"]))
    figure = style.new_figure(style.WIDTH_IN, 2.6, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    width = 0.8 / len(models)
    for axes, method in zip(panels, methods, strict=True):
        for model, aside in zip(models, style.spread(len(models), width), strict=True):
            mine = rows[(rows["method"] == method) & (rows["model"] == model)]
            mine = mine.set_index("block").loc[blocks]
            values, at = mine["value"].to_numpy(), np.arange(len(blocks)) + aside
            bars = np.abs(mine[["low", "high"]].to_numpy().T - values)
            look: dict[str, Any] = {"color": MODEL_COLOURS[model], "label": MODEL_NAMES[model]}
            look["error_kw"] = {"elinewidth": 0.6, "capsize": 1.2}
            axes.bar(at, values, width, yerr=bars, **look)
        axes.set_xticks(range(len(blocks)), [f"B{block}" for block in blocks])
        axes.set_title(method_name(method))
    shown = panels[0].get_legend_handles_labels()
    figure.legend(*shown, loc="outside lower center", ncols=len(models))
    return figure, panels


def figures_of(
    table: pd.DataFrame, found: Methods, *, classes: Sequence[str], synthetic: bool
) -> dict[str, style.Figure]:
    """Draw regions, shares, classes, the control and, for generated clips, the pointing game."""
    look = {"synthetic": synthetic}
    blocks = sorted(set(table["block"]))[-CLASS_SHEET_BLOCKS:]
    figures = {
        "regions": sheets.region_sheet(found[_untouched(found)], **look),
        "shares": region_shares(table, classes=classes, **look),
        "classes": sheets.class_sheet(found, blocks, classes=classes, **look),
        "control": control(table, **look),
    }
    if synthetic:
        figures["pointing"] = pointing_game(table, **look)
    return figures


def _untouched(found: Methods) -> str:
    """Return the method whose pictures are those that were recorded, where it is there."""
    return "none" if "none" in found else next(iter(found))


def save_clip_sheets(found: Methods, clip_id: str, folder: Path, synthetic: bool) -> None:
    """Draw a clip at each block: ``blocks/<method>_<clip>`` and ``backbone/<clip>``."""
    for method, clips in found.items():
        label = clips[clip_id].attributes["label"]
        name = method_name(method)
        text = f"Evidence for {label} at each block: {clip_id}, {name}, trained network of its fold"
        figure = sheets.block_sheet(clips[clip_id], TRAINED, title=text, synthetic=synthetic)
        style.save(figure, folder / "blocks" / f"{method}_{clip_id}")
    clip = found[_untouched(found)][clip_id]
    text = f"Before training: each frame's strongest pooled unit, {clip_id}, at each block"
    figure = sheets.block_sheet(clip, BACKBONE, title=text, synthetic=synthetic)
    style.save(figure, folder / "backbone" / clip_id)


def save_overlays(
    clip: ClipMaps, frames: Iterable[np.ndarray], method: str, stem: Path, synthetic: bool
) -> None:
    """Write the video of all frames and the picture of some, taken out as they pass."""
    (_, block), cams = next(iter(clip.clip.items()))
    transform = CropTransform(clip.attributes["transform"].reshape(2, 3), len(clip.image))
    kept: list[np.ndarray] = []

    def passing() -> Iterator[np.ndarray]:
        for number, frame in enumerate(overlaid_frames(frames, cams, transform)):
            if number in clip.frames:
                kept.append(frame)
            yield frame

    name = f"{method_name(method)}, {clip.attributes['label']}, B{block}"
    captioned = motion.captioned(passing(), len(cams), [name], synthetic=synthetic)
    motion.write_video(stem.with_name(f"{stem.name}.mp4"), captioned)
    sheet = contact_sheet(kept)
    head = motion.caption([name], sheet.shape[1], synthetic=synthetic)
    write_png(stem.with_name(f"{stem.name}.png"), np.concatenate([head, sheet]))
