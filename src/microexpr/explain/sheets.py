"""Sheets of maps: block x frame for one clip, class x method at the apex, regions, overlays."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from microexpr.evaluation.names import method_name
from microexpr.explain.maps import TRAINED, ClipMaps
from microexpr.explain.scores import REGIONS, on_crop, region_map
from microexpr.face.transform import CropTransform
from microexpr.figures import style

OPACITY = 0.55  # of the strongest value; weaker ones let more of the face through
REGION_COLOURS = dict(
    zip(REGIONS, (style.ORANGE, style.SKY, style.GREEN, style.PURPLE, "#999999"), strict=True)
)
REGION_SHEET_CLIPS = 4
COLUMNS = 3  # of a contact sheet
GAP_PX = 4


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
    half = -(-len(blocks) // 2)
    side_in = style.WIDTH_IN / (2 * len(maps.frames) + 0.8)
    height = min(style.MAX_HEIGHT_IN, 2 * style.HEAD_IN + 0.15 + side_in * half)
    figure = style.new_figure(style.WIDTH_IN, height, synthetic=synthetic, title=title)
    style.layout(figure, w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    widths = [1] * len(maps.frames)
    grid = figure.subplots(
        half, 2 * len(maps.frames) + 1, width_ratios=[*widths, 0.4, *widths], squeeze=False
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for number, block in enumerate(blocks):
        first = (number // half) * (len(maps.frames) + 1)
        row = grid[number % half, first : first + len(maps.frames)]
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
    methods: Mapping[str, Mapping[str, ClipMaps]],
    blocks: Sequence[int],
    *,
    classes: Sequence[str],
    synthetic: bool,
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
        for number, region in enumerate(REGIONS[:-1]):
            colour = np.array(style.mpl.colors.to_rgb(REGION_COLOURS[region])) * 255
            picture[regions == number] = picture[regions == number] * 0.5 + colour * 0.5
        style.show_image(axes, picture.astype(np.uint8), style.WIDTH_IN / len(shown))
        axes.plot(*landmarks.T, "+", color="white", markersize=5)
        axes.set_title(name)
    named = {name.replace("_", " "): REGION_COLOURS[name] for name in REGIONS[:-1]}
    handles = [style.mpl.patches.Patch(color=c, label=name) for name, c in named.items()]
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
    height, width = (side + GAP_PX for side in frames[0].shape[:2])
    rows = -(-len(frames) // COLUMNS)
    sheet = np.full((rows * height, COLUMNS * width, 3), 255, np.uint8)
    for number, frame in enumerate(frames):
        y, x = number // COLUMNS * height, number % COLUMNS * width
        sheet[y : y + len(frame), x : x + len(frame[0])] = frame
    return sheet[:-GAP_PX, :-GAP_PX]
