"""Charts of ``regions.csv``: where the maps lie, and how often they point at what moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microexpr.evaluation.names import method_name
from microexpr.explain.maps import MODELS, TRAINED
from microexpr.explain.regions import REGIONS
from microexpr.explain.scores import on_crop
from microexpr.explain.sheets import REGION_COLOURS, overlay
from microexpr.explain.summary import ALL, CORRELATION, MOVING
from microexpr.face.transform import CropTransform
from microexpr.figures import style

COLUMNS = 3  # of the picture of some frames
GAP_PX = 4


def on_frame(
    cam: np.ndarray, transform: CropTransform, height_px: int, width_px: int
) -> np.ndarray:
    """Take a map of the crop to the frame that the crop was cut from.

    Parameters
    ----------
    cam : ndarray, shape (h, w)
        Of a block.
    transform : CropTransform
        From frame to crop.
    height_px, width_px : int
        Of the frame.

    Returns
    -------
    ndarray, shape (height_px, width_px), float32
        0 outside the crop.
    """
    return cv2.warpAffine(
        on_crop(cam, transform.size_px),
        transform.matrix,
        (width_px, height_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )


def overlaid_frames(
    frames: Iterable[np.ndarray], cams: np.ndarray, transform: CropTransform
) -> Iterator[np.ndarray]:
    """Lay a clip's maps over its frames, on one scale for the whole clip.

    Parameters
    ----------
    frames : iterable of ndarray, shape (y, x, 3), uint8
        As they were recorded; taken one by one.
    cams : ndarray, shape (T, h, w)
        One a frame.
    transform : CropTransform
        Of the clip.

    Yields
    ------
    ndarray, shape (y, x, 3), uint8
    """
    top = float(np.maximum(cams, 0).max())
    for frame, cam in zip(frames, cams, strict=True):
        yield overlay(frame, on_frame(cam, transform, *frame.shape[:2]), top=top)


def contact_sheet(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Put frames of one size into rows of three, pixel for pixel; (y, x, 3) uint8."""
    height, width, _ = frames[0].shape
    rows = -(-len(frames) // COLUMNS)
    shape = (rows * (height + GAP_PX) - GAP_PX, COLUMNS * (width + GAP_PX) - GAP_PX, 3)
    sheet = np.full(shape, 255, np.uint8)
    for number, frame in enumerate(frames):
        y = number // COLUMNS * (height + GAP_PX)
        x = number % COLUMNS * (width + GAP_PX)
        sheet[y : y + height, x : x + width] = frame
    return sheet


# The poster: "for negative, it focuses more on the eyes; for positive, on the mouth corners; and
# for surprise, more on the eyebrows".
CLAIMED = {"negative": "eyes", "positive": "mouth_corners", "surprise": "brows"}
REGION_MARKERS = dict(zip(REGIONS, "os^Dv", strict=True))
MODEL_NAMES = {
    "trained": "trained",
    "backbone": "before training",
    "random_head": "random classifier",
    "random": "random weights",
}
MODEL_COLOURS = dict(zip(MODELS, (style.VERMILION, style.SKY, "#999999", "#cccccc"), strict=True))


def region_shares(table: pd.DataFrame, *, classes: Sequence[str], synthetic: bool) -> Figure:
    """Draw the share of the maps in each region over the region's share of the crop.

    Parameters
    ----------
    table : DataFrame
        ``regions.csv``.
    classes : sequence of str
        Columns of panels; the rows are the methods.
    synthetic : bool
        Whether the data are generated.
    """
    rows = table[(table["model"] == TRAINED) & (table["fold"] == ALL)]
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
                look = {"color": REGION_COLOURS[region], "marker": REGION_MARKERS[region]}
                values = mine[mine["region"] == region].set_index("block").loc[blocks]
                _ratios(axes, np.arange(len(blocks)) + aside, values, look, region)
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


def _ratios(
    axes: Axes, x: np.ndarray, rows: pd.DataFrame, look: dict[str, str], region: str
) -> None:
    area = rows["chance"].to_numpy()
    values = rows["value"].to_numpy() / area
    bars = np.abs(rows[["low", "high"]].to_numpy().T / area - values)
    label = region.replace("_", " ")
    axes.errorbar(x, values, yerr=bars, elinewidth=0.7, capsize=1.5, ls="none", label=label, **look)


def pointing_game(table: pd.DataFrame, *, synthetic: bool) -> Figure:
    """Draw how often the peak lies on what really moves: all models, a panel a method.

    Parameters
    ----------
    table : DataFrame
        ``regions.csv`` of generated clips.
    synthetic : bool
        Whether the data are generated.
    """
    rows = table[(table["region"] == MOVING) & (table["measure"] == "peak")]
    chance = float(rows["chance"].mean())
    title = f"Share of clips whose peak lies on the moving pixels; dashed: by chance {chance:.2f}"
    figure, panels = _panels(rows, MODELS, title=title, synthetic=synthetic)
    for axes in panels:
        axes.axhline(chance, color=style.BLACK, linewidth=0.8, linestyle=(0, (6, 3)))
        style.share_axis(axes, "hit rate" if axes is panels[0] else "")
    return figure


def control(table: pd.DataFrame, *, synthetic: bool) -> Figure:
    """Draw how much the maps of other networks agree with those of the trained ones.

    Parameters
    ----------
    table : DataFrame
        ``regions.csv``.
    synthetic : bool
        Whether the data are generated.
    """
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
    """Draw a panel a method with bars of all models at each block, over all classes and folds."""
    rows = rows[(rows["class"] == ALL) & (rows["fold"] == ALL)]
    methods, blocks = list(dict.fromkeys(rows["method"])), sorted(set(rows["block"]))
    figure = style.new_figure(style.WIDTH_IN, 2.6, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    width = 0.8 / len(models)
    for axes, method in zip(panels, methods, strict=True):
        for model, aside in zip(models, style.spread(len(models), width), strict=True):
            mine = rows[(rows["method"] == method) & (rows["model"] == model)]
            mine = mine.set_index("block").loc[blocks]
            values = mine["value"].to_numpy()
            axes.bar(
                np.arange(len(blocks)) + aside,
                values,
                width,
                color=MODEL_COLOURS[model],
                yerr=np.abs(mine[["low", "high"]].to_numpy().T - values),
                error_kw={"elinewidth": 0.6, "capsize": 1.2},
                label=MODEL_NAMES[model],
            )
        axes.set_xticks(range(len(blocks)), [f"B{block}" for block in blocks])
        axes.set_title(method_name(method))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(models))
    return figure, panels
