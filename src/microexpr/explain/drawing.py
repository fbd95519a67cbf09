"""Figures of all methods: charts of ``regions.csv``, sheets of clips, overlays on their frames."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from microexpr.evaluation.names import method_name
from microexpr.explain.maps import BACKBONE, MODELS, TRAINED, ClipMaps
from microexpr.explain.scores import CORRELATION, MOVING, REGIONS, every_in, on_crop, region_map
from microexpr.face.transform import CropTransform
from microexpr.figures import motion, style
from microexpr.video.writer import write_png

# The poster: "for negative, it focuses more on the eyes; for positive, on the mouth corners; and
# for surprise, more on the eyebrows".
CLAIMED = {"negative": "eyes", "positive": "mouth_corners", "surprise": "brows"}
SHOWN = REGIONS[:-1]  # the rest of the crop is not drawn
REGION_COLOURS = dict(zip(SHOWN, (style.ORANGE, style.SKY, style.GREEN, style.PURPLE), strict=True))
REGION_MARKERS = dict(zip(SHOWN, "os^D", strict=True))
NAMES = ("trained", "before training", "random classifier", "random weights")
MODEL_NAMES = dict(zip(MODELS, NAMES, strict=True))
MODEL_COLOURS = dict(zip(MODELS, (style.VERMILION, style.SKY, "#999999", "#cccccc"), strict=True))
Methods = Mapping[str, Mapping[str, ClipMaps]]  # by method and clip
CLASS_SHEET_BLOCKS = 3  # the last ones that are measured
OPACITY = 0.55  # of the strongest value; weaker ones let more of the face through
REGION_SHEET_CLIPS = 4
COLUMNS = 3  # of a contact sheet
GAP_PX = 4


def region_shares(table: pd.DataFrame, *, classes: Sequence[str], synthetic: bool) -> Figure:
    """Draw the share of the maps in each region over the region's area, class by class."""
    rows = table[(table["model"] == TRAINED) & (table["fold"] == every_in(table))]
    rows = rows[rows["measure"] == "share"]
    methods, blocks = list(dict.fromkeys(rows["method"])), sorted(set(rows["block"]))
    title = "Share of the trained networks' maps in each region, over the region's area"
    height = min(style.MAX_HEIGHT_IN, 0.8 + 1.6 * len(methods))
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    grid = figure.subplots(len(methods), len(classes), sharey=True, sharex=True, squeeze=False)
    for method, panels in zip(methods, grid, strict=True):
        for name, axes in zip(classes, panels, strict=True):
            mine = rows[(rows["method"] == method) & (rows["class"] == name)]
            for region, aside in zip(SHOWN, style.spread(len(SHOWN), 0.13), strict=True):
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
            if method == methods[0]:
                claim = f"\n(poster: {CLAIMED[name].replace('_', ' ')})" if name in CLAIMED else ""
                axes.set_title(f"{name}{claim}")
        panels[0].set_ylabel(f"{method_name(method)}\nshare / area")
    grid[0, 0].set_ylim(bottom=0)  # the axes share it; once all is drawn
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def pointing_game(table: pd.DataFrame, *, synthetic: bool) -> Figure:
    """Draw how often the peak lies on what really moves in generated clips, for all models."""
    rows = table[(table["region"] == MOVING) & (table["measure"] == "peak")]
    chance = float(rows["chance"].mean())
    title = f"Share of clips whose peak lies on the moving pixels; dashed: by chance {chance:.2f}"
    figure, panels = _panels(rows, MODELS, "hit rate", title=title, synthetic=synthetic)
    for axes in panels:
        axes.axhline(chance, color=style.BLACK, linewidth=0.8, linestyle=(0, (6, 3)))
        axes.set_ylim(0, 1.02)
    return figure


def control(table: pd.DataFrame, *, synthetic: bool) -> Figure:
    """Draw how much the maps of other networks agree with those of the trained ones."""
    rows, others = table[table["measure"] == CORRELATION], [m for m in MODELS if m != TRAINED]
    title = "Rank correlation with the trained network's map of the same clip"
    figure, panels = _panels(rows, others, "rank correlation", title=title, synthetic=synthetic)
    for axes in panels:
        axes.axhline(0, color=style.BLACK, linewidth=0.8)
        axes.set_ylim(min(-0.3, float(rows["low"].min()) - 0.05), 1.02)
    return figure


def _panels(
    rows: pd.DataFrame, models: Sequence[str], name: str, *, title: str, synthetic: bool
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
        axes.grid(visible=True, axis="y")
    panels[0].set_ylabel(name)
    about = panels[0].get_legend_handles_labels()
    figure.legend(*about, loc="outside lower center", ncols=len(models))
    return figure, panels


def overlay(image: np.ndarray, cam: np.ndarray, *, top: float | None = None) -> np.ndarray:
    """Lay a map (y, x) over a picture (y, x, 3) uint8; `top` is the value of full colour."""
    heat = np.maximum(cam, 0)
    top = heat.max() if top is None else top
    share = np.clip(heat / top, 0, 1) if top > 0 else np.zeros_like(heat)
    colours = style.mpl.colormaps[style.HEAT](share)[..., :3] * 255
    weight = (OPACITY * np.sqrt(share))[..., None]
    return np.rint(image * (1 - weight) + colours * weight).astype(np.uint8)


def block_sheet(maps: ClipMaps, model: str, *, title: str, synthetic: bool) -> Figure:
    """Draw block x frame of one clip; each block has its own scale over all frames."""
    blocks = sorted(block for name, block in maps.frame if name == model)
    # Two halves beside each other: a column of 13 to 16 faces would not fit a page.
    half, count = -(-len(blocks) // 2), len(maps.frames)
    side_in, widths = style.WIDTH_IN / (2 * count + 0.8), [*[1] * count, 0.4, *[1] * count]
    height = min(style.MAX_HEIGHT_IN, 2 * style.HEAD_IN + 0.15 + side_in * half)
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    style.layout(figure, w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    grid = figure.subplots(half, len(widths), width_ratios=widths, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, block in enumerate(blocks):
        first = (number // half) * (count + 1)
        row = grid[number % half, first : first + count]
        values = maps.frame[model, block]
        top = float(np.maximum(values, 0).max())
        for axes, image, cam in zip(row, maps.images, values, strict=True):
            style.show_image(axes, overlay(image, on_crop(cam, len(image)), top=top), side_in)
        place: dict[str, Any] = {"transform": row[0].transAxes, "ha": "right", "va": "center"}
        row[0].text(-0.05, 0.5, f"B{block}", fontsize=6, **place)
        if number % half == 0:
            for axes, frame in zip(row, maps.frames, strict=True):
                time_ms = 1000 * frame / maps.attributes["fps"]
                axes.set_title(f"{time_ms:.0f} ms", fontsize=5.5, pad=2)
    return figure


def class_sheet(
    methods: Methods, blocks: Sequence[int], *, classes: Sequence[str], synthetic: bool
) -> Figure:
    """Draw class x method and block: mean map of the apex window on the mean face at the apex."""
    columns = len(methods) * len(blocks)
    side_in = min(1.5, (style.WIDTH_IN - 0.6) / columns)
    height = min(style.MAX_HEIGHT_IN, 0.75 + side_in * len(classes))
    title = "Mean Grad-CAM map of each class at the apex window, trained networks"
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    style.layout(figure, w_pad=0.01, h_pad=0.01)
    grid = figure.subplots(len(classes), columns, squeeze=False)
    for number, (method, clips) in enumerate(methods.items()):
        counts, faces = Counter[str](), defaultdict[str, Any](np.float64)
        cams = defaultdict[tuple[str, int], Any](np.float64)
        for clip in clips.values():  # which are read one by one
            label = clip.attributes["label"]
            counts[label] += 1
            faces[label] = faces[label] + clip.image
            for block in blocks:
                cam = on_crop(clip.window[TRAINED, block], len(clip.image))
                # Each map counts the same, whatever its scale.
                cams[label, block] = cams[label, block] + cam / max(float(cam.sum()), 1e-12)
        panels = grid[:, number * len(blocks) : (number + 1) * len(blocks)]
        for block, axes in zip(blocks, panels[0], strict=True):
            axes.set_title(f"{method_name(method)}\nB{block}", fontsize=6)
        for name, row in zip(classes, panels, strict=True):
            for block, axes in zip(blocks, row, strict=True):
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if counts[name]:
                    face = (faces[name] / counts[name]).astype(np.uint8)
                    style.show_image(axes, overlay(face, cams[name, block]), side_in)
                    axes.set_axis_on()
            if number == 0:
                row[0].set_ylabel(f"{name}\n({counts[name]} clips)")
    return figure


def region_sheet(clips: Mapping[str, ClipMaps], *, synthetic: bool) -> Figure:
    """Draw the regions on the first clip of some subjects."""
    firsts: dict[str, tuple[str, ClipMaps]] = {}
    for name, clip in clips.items():
        firsts.setdefault(clip.attributes["subject"], (name, clip))
    shown = list(firsts.values())[:REGION_SHEET_CLIPS]
    title = "Facial regions, from the five landmarks (crosses)"
    figure = style.new_figure(style.WIDTH_IN, 2.5, synthetic=synthetic, title=title)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (name, clip) in zip(panels, shown, strict=True):
        landmarks = clip.attributes["landmarks_px"].reshape(5, 2)
        regions, picture = region_map(landmarks, len(clip.image)), clip.image.astype(float)
        for number, region in enumerate(SHOWN):
            colour = np.array(style.mpl.colors.to_rgb(REGION_COLOURS[region])) * 255
            picture[regions == number] = picture[regions == number] * 0.5 + colour * 0.5
        style.show_image(axes, picture.astype(np.uint8), style.WIDTH_IN / len(shown))
        axes.plot(*landmarks.T, "+", color="white", markersize=5)
        axes.set_title(name)
    named = [(name.replace("_", " "), colour) for name, colour in REGION_COLOURS.items()]
    handles = [style.mpl.patches.Patch(color=colour, label=name) for name, colour in named]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def on_frame(
    cam: np.ndarray, transform: CropTransform, height_px: int, width_px: int
) -> np.ndarray:
    """Take a map (h, w) of the crop to its frame, (height_px, width_px); 0 outside the crop."""
    crop, flags = on_crop(cam, transform.size_px), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(crop, transform.matrix, (width_px, height_px), flags=flags)


def overlaid_frames(
    frames: Iterable[np.ndarray], cams: np.ndarray, transform: CropTransform
) -> Iterator[np.ndarray]:
    """Lay a clip's maps, (T, h, w), over its frames as recorded, on one scale for all of them."""
    top = float(np.maximum(cams, 0).max())
    for frame, cam in zip(frames, cams, strict=True):
        yield overlay(frame, on_frame(cam, transform, *frame.shape[:2]), top=top)


def contact_sheet(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Put frames of one size into rows of three, pixel for pixel; (y, x, 3) uint8."""
    gap, blank = ((0, GAP_PX), (0, GAP_PX), (0, 0)), np.full_like(frames[0], 255)
    all_of_them = [*frames, *[blank] * (-len(frames) % COLUMNS)]
    padded = [np.pad(frame, gap, constant_values=255) for frame in all_of_them]
    rows = [np.hstack(padded[i : i + COLUMNS]) for i in range(0, len(padded), COLUMNS)]
    return np.vstack(rows)[:-GAP_PX, :-GAP_PX]


def figures_of(
    table: pd.DataFrame, found: Methods, *, classes: Sequence[str], synthetic: bool
) -> dict[str, style.Figure]:
    """Draw regions, shares, classes, the control and, for generated clips, the pointing game."""
    look = {"synthetic": synthetic}
    blocks = sorted(set(table["block"]))[-CLASS_SHEET_BLOCKS:]
    figures = {
        "regions": region_sheet(found[_untouched(found)], **look),
        "shares": region_shares(table, classes=classes, **look),
        "classes": class_sheet(found, blocks, classes=classes, **look),
        "control": control(table, **look),
    }
    return figures | ({"pointing": pointing_game(table, **look)} if synthetic else {})


def _untouched(found: Methods) -> str:
    """Return the method whose pictures are those that were recorded, where it is there."""
    return "none" if "none" in found else next(iter(found))


def save_clip_sheets(found: Methods, clip_id: str, folder: Path, synthetic: bool) -> None:
    """Draw a clip at each block: ``blocks/<method>_<clip>`` and ``backbone/<clip>``."""
    for method, clips in found.items():
        label = clips[clip_id].attributes["label"]
        name = method_name(method)
        text = f"Evidence for {label} at each block: {clip_id}, {name}, trained network of its fold"
        figure = block_sheet(clips[clip_id], TRAINED, title=text, synthetic=synthetic)
        style.save(figure, folder / "blocks" / f"{method}_{clip_id}")
    clip = found[_untouched(found)][clip_id]
    text = f"Before training: each frame's strongest pooled unit, {clip_id}, at each block"
    figure = block_sheet(clip, BACKBONE, title=text, synthetic=synthetic)
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
