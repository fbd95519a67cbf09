"""Figures of the maps of all methods, sheets of clips, and overlays on their frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from microexpr.evaluation.names import method_name
from microexpr.explain import sheets, summary
from microexpr.explain.maps import BACKBONE, TRAINED, ClipMaps
from microexpr.explain.sheets import contact_sheet, overlaid_frames
from microexpr.face.transform import CropTransform
from microexpr.figures import style, videos
from microexpr.video.writer import write_png

Methods = Mapping[str, Mapping[str, ClipMaps]]  # by method and clip
CLASS_SHEET_BLOCKS = 3  # the last ones that are measured
REGION_SHEET_CLIPS = 4


def figures_of(
    table: pd.DataFrame, found: Methods, *, classes: Sequence[str], synthetic: bool
) -> dict[str, style.Figure]:
    """Draw regions, shares, classes, the control and, for generated clips, the pointing game."""
    look = {"synthetic": synthetic}
    blocks = sorted(set(table["block"]))[-CLASS_SHEET_BLOCKS:]
    figures = {
        "regions": _regions(found, **look),
        "shares": summary.region_shares(table, classes=classes, **look),
        "classes": sheets.class_sheet(found, blocks, classes=classes, **look),
        "control": summary.control(table, **look),
    }
    if synthetic:
        figures["pointing"] = summary.pointing_game(table, **look)
    return figures


def _untouched(found: Methods) -> str:
    """Return the method whose pictures are those that were recorded, where it is there."""
    return "none" if "none" in found else next(iter(found))


def _regions(found: Methods, *, synthetic: bool) -> style.Figure:
    """Draw the regions on the first clip of some subjects."""
    faces: list[tuple[str, np.ndarray, np.ndarray]] = []
    subjects: set[str] = set()
    for name, clip in found[_untouched(found)].items():
        if len(faces) < REGION_SHEET_CLIPS and clip.attributes["subject"] not in subjects:
            subjects.add(clip.attributes["subject"])
            faces.append((name, clip.image, clip.attributes["landmarks_px"].reshape(5, 2)))
    return sheets.region_sheet(faces, synthetic=synthetic)


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
    captioned = videos.captioned(passing(), len(cams), [name], synthetic=synthetic)
    videos.write_video(stem.with_name(f"{stem.name}.mp4"), captioned)
    sheet = contact_sheet(kept)
    head = videos.caption([name], sheet.shape[1], synthetic=synthetic)
    write_png(stem.with_name(f"{stem.name}.png"), np.concatenate([head, sheet]))
